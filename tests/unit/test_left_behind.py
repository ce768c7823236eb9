"""What callers left while no server was there: found, taken in, and told of once."""

import asyncio
import json
import math
import os
import wave
from array import array
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from callcenter.app.emergency_intake import STRANGER_AFTER, EmergencyIntake
from callcenter.app.floor_messages import CallEnded
from callcenter.app.message_sweep import SETTLED_AFTER, SILENCE_KEPT_FOR, MessageSweep
from callcenter.app.recovery import Arrival, MissedCall, Recovery
from callcenter.asterisk.emergency_spool import EmergencySpool, write_emergency_script
from callcenter.asterisk.recordings import Recordings
from callcenter.crm.numbers import normalise
from callcenter.domain import events as ev
from callcenter.domain.ids import QueueId
from callcenter.domain.interactions import Stage
from callcenter.domain.messages import message_name
from callcenter.domain.numbers import Number
from tests.fakes import START
from tests.office import CALL, SALES, Office, arrived

FILE = f"{message_name(CALL, SALES.queue_id)}.wav"


def speak(path: Path, seconds: float = 3.0, loudness: int = 3_000, *, written_at: float | None = None) -> Path:
    """A recording on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = round(seconds * 8_000)
    tone = array("h", (round(loudness * math.sin(n / 3)) for n in range(count)))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", "not compressed"))
        file.writeframes(tone.tobytes())
    at = START.timestamp() if written_at is None else written_at
    os.utime(path, (at, at))
    return path


class NoRows:
    """`KnownFiles` of a store without a message; `known` have their row."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    async def known_files(self, files: Sequence[str]) -> frozenset[str]:
        return frozenset(self.known & set(files))


class Absence:
    """An office with the directories of recordings and wishes."""

    def __init__(self, office: Office, base: Path) -> None:
        self.office = office
        self.recordings, self.spool_directory = base / "recordings", base / "emergency"
        self.spool_directory.mkdir()
        self.rows = NoRows()
        files = Recordings(self.recordings)
        self.sweep = MessageSweep(
            floor=office.floor, records=office.records, files=files, known=self.rows, clock=office.clock
        )
        self.intake = EmergencyIntake(
            floor=office.floor,
            records=office.records,
            journal=office.journal,
            spool=EmergencySpool(self.spool_directory),
            files=files,
            clock=office.clock,
            read_number=lambda raw, presentation: normalise(raw, "CN", presentation=presentation),
        )

    def wish(self, kind: str, *, call: str = CALL, queue: str = "sales", ani: str = "+8613800138000") -> Path:
        """What the script writes."""
        file = f"message-{call}.wav" if kind == "message" else None
        document = {
            "version": 1,
            "interaction_id": call,
            "dnis": "4001",
            "ani": ani,
            "name": "Wang",
            "queue_id": queue,
            "language": "zh",
            "entered_at": int(START.timestamp()) - 90,
            "wished_at": START.timestamp() - 10,
            "wish": kind,
            "file": file,
        }
        path = self.spool_directory / f"{call}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        if file is not None:
            speak(self.spool_directory / file)
        return path

    def told(self) -> list[ev.MessageLeft]:
        return [event for event in self.office.journal.events if isinstance(event, ev.MessageLeft)]


# ---- messages by their files


async def test_a_message_of_a_call_that_has_ended_is_found_once(tmp_path: Path) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        await office.tell(arrived(), CallEnded(interaction_id=CALL))
        speak(absence.recordings / FILE)
        await absence.sweep.turn()
        assert not absence.told(), "it may be spoken into"
        office.clock.advance(SETTLED_AFTER)
        for _ in range(2):
            await absence.sweep.turn()
        (message,) = absence.told()
        assert (message.file, message.seconds, message.queue_id) == (FILE, 3.0, SALES.queue_id)


async def test_a_message_is_left_alone_while_its_call_goes_on_or_has_its_row(tmp_path: Path) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        speak(absence.recordings / FILE)
        office.clock.advance(SETTLED_AFTER)
        await absence.sweep.turn()
        await office.tell(arrived())
        await absence.sweep.turn()
        await office.tell(CallEnded(interaction_id=CALL))
        absence.rows.known.add(FILE)
        await absence.sweep.turn()
        assert not absence.told()


async def test_silence_is_no_message_and_goes_after_a_day(tmp_path: Path) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        await office.tell(arrived(), CallEnded(interaction_id=CALL))
        path = speak(absence.recordings / FILE, loudness=0)
        office.clock.advance(SETTLED_AFTER)
        await absence.sweep.turn()
        assert path.exists()
        office.clock.advance(SILENCE_KEPT_FOR)
        await absence.sweep.turn()
        assert not path.exists()
        assert not absence.told()


class OneMissed:
    """An exchange's log with one call that came and went."""

    async def missed(self, position: str | None) -> tuple[Sequence[MissedCall], str]:
        arrival = Arrival(at=START, channel="PJSIP/trunk-1", ani=Number(raw="13800138000"), caller_name="", dnis="4001")
        call = MissedCall(interaction_id=CALL, arrival=arrival, ended_at=START + timedelta(seconds=30))
        return (call,), "1"

    async def end(self) -> str:
        return "1"


@pytest.mark.parametrize("was_known", [False, True])
async def test_a_missed_call_in_which_he_spoke_ends_as_a_message(tmp_path: Path, was_known: bool) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        if was_known:
            await office.tell(arrived())
        speak(absence.recordings / FILE)
        recovery = Recovery(office.floor, office.records, OneMissed(), (absence.sweep, absence.intake))
        messages, _ = await recovery.recover("started")
        await office.tell(*messages)
        assert office.record().outcome is ev.Outcome.MESSAGE_LEFT
        assert len(absence.told()) == 1


# ---- wishes of the emergency script


async def test_who_wanted_a_callback_waits_for_it_since_he_called(tmp_path: Path) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        path = absence.wish("callback")
        recovery = Recovery(office.floor, office.records, OneMissed(), (absence.sweep, absence.intake))
        messages, _ = await recovery.recover("started")
        await office.tell(*messages)
        await absence.intake.turn()
        callback_id = f"cb-{CALL}"
        assert office.record().outcome is ev.Outcome.CALLBACK_TAKEN
        waiting = office.floor.picture.waiting
        assert list(waiting) == [callback_id]
        assert waiting[callback_id].entered_at == START - timedelta(seconds=90)  # type: ignore[index]
        assert not path.exists()


async def test_a_wish_comes_in_once_however_often_it_is_tried(tmp_path: Path) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        await office.tell(arrived())
        for kind in ("callback", "callback", "message", "message"):
            path = absence.wish(kind)
            await absence.intake.turn()
            assert not path.exists()
        requested = [event for event in office.journal.events if isinstance(event, ev.CallbackRequested)]
        assert (len(requested), len(absence.told())) == (1, 1)
        assert (absence.recordings / FILE).exists()


async def test_a_wish_stays_until_it_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        await office.tell(arrived())
        path = absence.wish("message")

        async def never(within: timedelta) -> bool:
            return False

        with monkeypatch.context() as patch:
            patch.setattr(office.journal, "flushed", never)
            await absence.intake.turn()
        assert path.exists()
        await absence.intake.turn()
        assert not path.exists()
        assert len(absence.told()) == 1


async def test_a_call_that_nobody_tells_of_has_its_record_from_the_wish(tmp_path: Path) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        path = absence.wish("message")
        await absence.intake.turn()
        assert path.exists(), "the exchange may tell of it yet"
        office.clock.advance(STRANGER_AFTER)
        await absence.intake.turn()
        assert (office.record().stage, office.record().outcome) == (Stage.ENDED, ev.Outcome.MESSAGE_LEFT)
        assert len(absence.told()) == 1


async def test_who_was_in_no_queue_or_one_that_is_gone_comes_into_one(tmp_path: Path) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        await office.tell(arrived())
        absence.wish("message", queue="gone")
        await absence.intake.turn()
        assert [message.queue_id for message in absence.told()] == [QueueId("sales")]


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[" * 20_000, '{"version":1,"interaction_id":"../x"}'])
async def test_a_wish_that_cannot_be_read_is_put_aside_and_stops_no_other(tmp_path: Path, text: str) -> None:
    async with Office() as office:
        absence = Absence(office, tmp_path)
        await office.tell(arrived())
        (absence.spool_directory / "a.json").write_text(text)
        absence.wish("message")
        await absence.intake.turn()
        assert len(absence.told()) == 1
        assert (absence.spool_directory / "a.unreadable").exists()


# ---- the script itself, run by its own interpreter


async def run_script(
    base: Path, answers: Sequence[str], *, callbacks: bool, ani: str = "%2B8613800138000"
) -> list[str]:
    """Run it as Asterisk does, answering each command in turn; the commands it gave."""
    script = write_emergency_script(base / "spool", base / "sounds", callbacks=callbacks)
    process = await asyncio.create_subprocess_exec(
        str(script),
        *(CALL, "4001", ani, "Wang%20Li", "sales", "1700000000"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"agi_request: x\nagi_language: zh\n\n")
    commands: list[str] = []
    async with asyncio.timeout(60):
        for answer in answers:
            line = await process.stdout.readline()
            if not line:
                break
            commands.append(line.decode().strip())
            if commands[-1].startswith("RECORD FILE") and "hangup" not in answer:
                speak(Path(commands[-1].split('"')[1] + ".wav"))
            process.stdin.write(f"{answer}\n".encode())
            await process.stdin.drain()
        process.stdin.close()
        await process.wait()
    assert process.returncode == 0
    return commands


OK, KEY_1, KEY_2 = "200 result=0 endpos=1", "200 result=49 endpos=1", "200 result=50 endpos=1"


async def test_the_script_keeps_a_callback(tmp_path: Path) -> None:
    for language, prompt in (("zh", "emergency_offer"), ("en", "emergency_callback_taken")):
        speak(tmp_path / "sounds" / language / "callcenter" / f"{prompt}.wav")
    (tmp_path / "spool").mkdir()
    commands = await run_script(tmp_path, [OK, KEY_1, OK], callbacks=True)
    # In his language; what is not there in it in English.
    assert "/zh/callcenter/emergency_offer" in commands[0]
    assert "/en/callcenter/emergency_callback_taken" in commands[2]
    written = json.loads((tmp_path / "spool" / f"{CALL}.json").read_text())
    assert (written["wish"], written["ani"], written["name"]) == ("callback", "+8613800138000", "Wang Li")
    (wish,) = await EmergencySpool(tmp_path / "spool").wishes()
    assert (wish.interaction_id, wish.queue_id, wish.recording) == (CALL, "sales", None)


async def test_the_script_keeps_a_message_and_beeps_where_there_is_no_word(tmp_path: Path) -> None:
    commands = await run_script(tmp_path, [OK, KEY_2, OK, "200 result=35 (dtmf) endpos=24000", OK], callbacks=True)
    assert commands[0].startswith("STREAM FILE beep")
    (wish,) = await EmergencySpool(tmp_path / "spool").wishes()
    assert wish.recording is not None
    assert wish.recording.is_file()


@pytest.mark.parametrize(("callbacks", "ani"), [(False, "%2B8613800138000"), (True, "anonymous")])
async def test_the_script_offers_no_callback_where_there_can_be_none(tmp_path: Path, callbacks: bool, ani: str) -> None:
    commands = await run_script(
        tmp_path, [OK, OK, "200 result=0 (timeout) endpos=24000", OK], callbacks=callbacks, ani=ani
    )
    assert any(command.startswith("RECORD FILE") for command in commands)
    assert json.loads((tmp_path / "spool" / f"{CALL}.json").read_text())["wish"] == "message"


async def test_who_hangs_up_before_he_chooses_wants_nothing(tmp_path: Path) -> None:
    await run_script(tmp_path, ["200 result=-1 endpos=0"], callbacks=True)
    assert list((tmp_path / "spool").glob("*.json")) == []
