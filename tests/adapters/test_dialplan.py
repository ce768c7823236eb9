"""The dialplan's promises on a real Asterisk with real SIP phones; the server is a script of a few lines."""

import asyncio
import itertools
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Literal

import pytest

from callcenter.asterisk.config_files import FallbackQueue, MusicClass, PbxConfig, TrunkConfig, installed_modules
from callcenter.asterisk.installation import find_installation, private_directories
from callcenter.asterisk.process import PrivateAsterisk
from tests.adapters.sounds import tone
from tests.e2e.phones import AgentPhone, Answer, Caller
from tests.e2e.silences import silences

TOOLS = Path(os.environ.get("CALLCENTER_TOOLS_DIR", Path(__file__).parents[2] / ".tools"))
SERVER = ("127.0.0.1", 15060)
AMI_PORT, HTTP_PORT, FASTAGI_PORT = 15038, 18088, 14573

pytestmark = pytest.mark.e2e

Message = dict[str, str]
Command = Callable[[str], Awaitable[str]]
WAIT_WITH_MUSIC = ("SET VARIABLE CC_WAIT 0.2", "SET VARIABLE CC_VERDICT wait")


class Script:
    """The server's place: a heartbeat and events over AMI, and one answer to every question."""

    def __init__(self) -> None:
        self.events: list[Message] = []
        self.questions: list[list[str]] = []
        self.answer: Callable[[Command], Awaitable[None]] = self._wait_with_music
        self._news = asyncio.Condition()
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._agi = await asyncio.start_server(self._question, "127.0.0.1", FASTAGI_PORT)
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", AMI_PORT)
        await self._reader.readline()
        self._own(self._read())
        await self.send({"Action": "Login", "Username": "callcenter", "Secret": "dialplan-secret"})
        self._own(self._beat())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._agi.close()
        self._writer.close()
        await self._writer.wait_closed()

    async def send(self, fields: Message, variables: tuple[str, ...] = ()) -> str:
        """Sends one action and returns its ActionID."""
        number = f"n{next(self._numbers)}"
        lines = [f"{name}: {value}" for name, value in (fields | {"ActionID": number}).items()]
        lines += [f"Variable: {variable}" for variable in variables]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self._writer.drain()
        return number

    async def offer(self, phone: AgentPhone, caller_id: str, offer: str) -> str:
        """Calls an agent for a caller as the bridge does; returns the Uniqueid of the agent's channel."""
        host, port = phone.address
        leg = f"leg-{offer}"
        fields = {
            "Action": "Originate",
            "Channel": f"PJSIP/cc-out/sip:{phone.user}@{host}:{port}",
            "Context": "cc-agent",
            "Exten": "s",
            "Priority": "1",
            "Timeout": "5000",
            "Async": "true",
            "ChannelId": leg,
        }
        await self.send(fields, ("CC_ROLE=agent", f"CC_OFFER={offer}", f"CC_ID={caller_id}", f"CC_CALLER={caller_id}"))
        return leg

    async def until(self, **wanted: str) -> Message:
        """The first message, old or new, with these fields."""
        return await self.until_true(
            lambda: next((m for m in self.events if all(m.get(k) == v for k, v in wanted.items())), None)
        )

    async def until_true(self, found: Callable[[], Message | None]) -> Message:
        async with asyncio.timeout(15), self._news:
            while True:
                if (message := found()) is not None:
                    return message
                await self._news.wait()

    async def until_asked(self, enough: Callable[[], bool]) -> None:
        """Wait for questions, while the phones of this very loop go on."""
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(enough)

    def named(self, name: str, **wanted: str) -> list[Message]:
        wanted["Event"] = name
        return [m for m in self.events if all(m.get(k) == v for k, v in wanted.items())]

    def _own(self, work: Awaitable[None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    async def _read(self) -> None:
        while True:
            text = (await self._reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
            message: Message = {}
            for line in text.split("\r\n"):
                name, colon, value = line.partition(":")
                if colon and name in {"Variable", "ChanVariable"}:
                    name, _, value = value.strip().partition("=")
                if name:
                    message.setdefault(name, value.strip())
            async with self._news:
                self.events.append(message)
                self._news.notify_all()

    async def _beat(self) -> None:
        while True:
            await self.send({"Action": "Setvar", "Variable": "CC_HEARTBEAT", "Value": str(int(time.time()))})
            await asyncio.sleep(1)

    async def _wait_with_music(self, command: Command) -> None:
        for line in WAIT_WITH_MUSIC:
            await command(line)

    async def _question(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\n\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.strip().split("\n") if ": " in line)
        async with self._news:
            self.questions.append([fields.get(f"agi_arg_{number}", "") for number in range(1, 15)])
            self._news.notify_all()

        async def command(line: str) -> str:
            writer.write(f"{line}\n".encode())
            return (await reader.readline()).decode()

        try:
            await self.answer(command)
        finally:
            writer.close()


@pytest.fixture
def base() -> Iterator[Path]:
    path = Path("/tmp") / f"cc-plan-{os.getpid()}-{os.urandom(3).hex()}"
    path.mkdir(mode=0o700)
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def asterisk(base: Path) -> AsyncIterator[PrivateAsterisk]:
    if not await asyncio.to_thread((TOOLS / "asterisk" / "install.json").exists):
        pytest.skip("there is no Asterisk; run scripts/get-asterisk")
    installation = find_installation(TOOLS)
    # Real music has rests of a third of a second; with this nothing but the dialplan makes a gap.
    music = base / "music"
    music.mkdir()
    (music / "steady.wav").write_bytes(tone(hertz=330.0, seconds=120))
    config = PbxConfig(
        directories=private_directories(base, installation),
        ami_secret="dialplan-secret",
        sip_port=SERVER[1],
        ami_port=AMI_PORT,
        http_port=HTTP_PORT,
        fastagi_port=FASTAGI_PORT,
        rtp_start=20000,
        rtp_end=20999,
        media_address="127.0.0.1",
        trunks=(TrunkConfig(name="trunk-tests", match=("127.0.0.2",)),),
        fallback_queues=(FallbackQueue(name="default", members=()),),
        music_classes=(MusicClass(name="default", directory=music),),
        apology_after_seconds=0,
        fallback_after_seconds=1,
        modules_present=installed_modules(installation.modules_dir),
    )
    machine = PrivateAsterisk(installation, config)
    await machine.start()
    yield machine
    await machine.stop()


@pytest.fixture
async def script(asterisk: PrivateAsterisk) -> AsyncIterator[Script]:
    assert asterisk.pid is not None
    script = Script()
    await script.start()
    yield script
    await script.stop()


async def arrived(script: Script, ani: str) -> str:
    """The Uniqueid of the caller with this number, once his first question was asked."""
    message = await script.until(Event="Newchannel", Context="cc-inbound", CallerIDNum=ani)
    return message["Uniqueid"]


async def test_an_agent_gets_the_very_caller_he_was_called_for(script: Script) -> None:
    # Uniqueids are numbered: the second caller's begins those of the eleventh and twelfth of the same second.
    callers = [Caller(server=SERVER, dnis="4000", ani=f"+4420794600{number:02}") for number in range(14)]
    try:
        await asyncio.gather(*(caller.start() for caller in callers))
        await asyncio.gather(*(caller.answered() for caller in callers))
        ids = [await arrived(script, caller.ani or "") for caller in callers]
        second = min((one for one in ids if any(o != one and o.startswith(one) for o in ids)), default=ids[0])
        async with AgentPhone(server=SERVER, user="1001", behaviour=Answer()) as phone:
            leg = await script.offer(phone, second, "right")
            talk = await script.until(Event="BridgeEnter", Uniqueid=leg)
            in_talk = {m["Uniqueid"] for m in script.named("BridgeEnter", BridgeUniqueid=talk["BridgeUniqueid"])}
            assert in_talk == {leg, second}
    finally:
        await asyncio.gather(*(caller.close() for caller in callers))


async def test_of_two_agents_one_gets_the_caller_and_the_other_is_let_go(script: Script) -> None:
    async with (
        Caller(server=SERVER, dnis="4000", ani="+442079460000") as caller,
        AgentPhone(server=SERVER, user="1001", behaviour=Answer(after_seconds=0.3)) as first,
        AgentPhone(server=SERVER, user="1002", behaviour=Answer()) as second,
    ):
        await caller.answered()
        uid = await arrived(script, "+442079460000")
        winner = await script.offer(second, uid, "winner")
        await script.until(Event="BridgeEnter", Uniqueid=winner)
        loser = await script.offer(first, uid, "loser")
        ended = await script.until(Event="Hangup", Uniqueid=loser)
        assert ended["Cause"] == "16"
        assert not script.named("BridgeEnter", Uniqueid=loser)
        assert not script.named("BridgeLeave", Uniqueid=uid)
        await second.hang_up()
        await script.until(Event="Hangup", Uniqueid=uid)
        assert script.named("HangupRequest")[-1]["Uniqueid"] == winner


async def test_a_question_that_hangs_is_covered_by_music(script: Script) -> None:
    release = asyncio.Event()

    async def hang_later(command: Command) -> None:
        if len(script.questions) > 2:
            await release.wait()
        for line in WAIT_WITH_MUSIC:
            await command(line)

    script.answer = hang_later
    async with Caller(server=SERVER, dnis="4000", ani="+442079460000") as caller:
        await caller.answered()
        await script.until_asked(lambda: len(script.questions) >= 3)
        await caller.audio.hear_sound()
        assert len(script.questions) == 3
        release.set()
    assert [question[9] for question in script.questions[:3]] == ["1", "2", "3"]


GAP_SECONDS = 0.25
"""What a busy machine may hold packets up; music that is stopped and begun again has a longer gap."""


async def pressed(script: Script, caller: Caller, keys: int) -> str:
    """The keys that questions have reported, once there are so many."""

    def reported() -> str:
        return "".join(question[13] for question in script.questions)

    await script.until_asked(lambda: len(reported()) >= keys)
    await caller.audio.hear_sound()
    return reported()


@pytest.mark.parametrize("keys_by", ["rfc4733", "info"])
async def test_of_a_flood_of_keys_in_music_none_is_lost(script: Script, keys_by: Literal["rfc4733", "info"]) -> None:
    chance = Random(7)

    async def think(command: Command) -> None:
        # So long no command waits for a key: shorter and longer than a key is held down.
        await asyncio.sleep(chance.choice((0.002, 0.02, 0.1, 0.4)))
        for line in ("SET VARIABLE CC_WAIT 0.2", "SET VARIABLE CC_KEYS 1234", "SET VARIABLE CC_VERDICT wait"):
            await command(line)

    script.answer = think
    keys = "".join(chance.choice("1234") for _ in range(30))
    async with Caller(server=SERVER, dnis="4000", ani="+442079460000", keys_by=keys_by) as caller:
        answered_at = await caller.answered()
        await caller.audio.hear_sound()
        for key in keys:
            await caller.press(key)
            await asyncio.sleep(chance.uniform(0.2, 0.3))
        assert await pressed(script, caller, len(keys)) == keys
        assert silences(caller.audio.heard, answered_at + 1, time.monotonic(), longer_than=GAP_SECONDS) == []


async def test_a_key_ends_the_music_at_once_and_any_other_is_passed_over(script: Script) -> None:
    async def wait_long(command: Command) -> None:
        for line in ("SET VARIABLE CC_WAIT 600", "SET VARIABLE CC_KEYS 12", "SET VARIABLE CC_VERDICT wait"):
            await command(line)

    script.answer = wait_long
    async with (
        Caller(server=SERVER, dnis="4000", ani="+442079460000") as caller,
        AgentPhone(server=SERVER, user="1001", behaviour=Answer()) as phone,
    ):
        answered_at = await caller.answered()
        await caller.audio.hear_sound()
        await caller.press("9")
        await caller.press("#")
        await caller.press("2")
        # What was pressed before it is told too: it may mean something where the server asks.
        assert await pressed(script, caller, 3) == "9#2"
        assert len(script.questions) == 2
        assert silences(caller.audio.heard, answered_at + 1, time.monotonic(), longer_than=GAP_SECONDS) == []
        # An agent gets him out of it as out of any music, and keys of the talk are nobody's choice.
        leg = await script.offer(phone, await arrived(script, "+442079460000"), "one")
        await script.until(Event="BridgeEnter", Uniqueid=leg)
        await caller.press("1")
        await phone.calls[-1].audio.hear_keys("1")
        assert len(script.questions) == 2


async def test_a_key_is_told_until_there_is_a_verdict_on_it(script: Script) -> None:
    async def die_of_it_once(command: Command) -> None:
        told = [question[13] for question in script.questions if question[13]]
        for line in () if len(told) == 1 else ("SET VARIABLE CC_KEYS 1234", *WAIT_WITH_MUSIC):
            await command(line)

    script.answer = die_of_it_once
    async with Caller(server=SERVER, dnis="4000", ani="+442079460000") as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.press("3")
        await pressed(script, caller, 1)
        # In the music while there is no server.
        await caller.press("4")
        assert await pressed(script, caller, 3) == "334"
        count = len(script.questions)
        await script.until_asked(lambda: len(script.questions) >= count + 3)
        assert [question[13] for question in script.questions[count:]] == ["", "", ""]


async def test_a_server_that_gives_no_verdict_loses_the_caller_to_the_fallback(script: Script) -> None:
    async def say_nothing(command: Command) -> None:
        await command("NOOP")

    script.answer = say_nothing
    async with (
        Caller(server=SERVER, dnis="4000", ani="+442079460000") as caller,
        AgentPhone(server=SERVER, user="1001", behaviour=Answer()) as phone,
    ):
        await caller.answered()
        await caller.audio.hear_sound()
        uid = await arrived(script, "+442079460000")

        async def owner() -> str:
            number = await script.send({"Action": "Status", "Variables": "SHARED(CC_OWNER)"})
            await script.until(Event="StatusComplete", ActionID=number)
            return script.named("Status", ActionID=number, Uniqueid=uid)[0]["SHARED(CC_OWNER)"]

        async with asyncio.timeout(15):
            while await owner() != "fallback":
                await caller.audio.hear_sound()
        leg = await script.offer(phone, uid, "late")
        await script.until(Event="Hangup", Uniqueid=leg)
        assert not script.named("BridgeEnter")
        assert not script.named("Hangup", Uniqueid=uid)


async def test_the_caller_goes_on_waiting_when_the_agent_answers_for_nobody(script: Script) -> None:
    async with (
        Caller(server=SERVER, dnis="4000", ani="+442079460000") as caller,
        AgentPhone(server=SERVER, user="1001", behaviour=Answer()) as phone,
    ):
        await caller.answered()
        uid = await arrived(script, "+442079460000")
        gone = await script.offer(phone, f"{uid}999", "nobody")
        await script.until(Event="Hangup", Uniqueid=gone)
        leg = await script.offer(phone, uid, "somebody")
        await script.until(Event="BridgeEnter", Uniqueid=leg)


@pytest.mark.parametrize(
    ("name", "arrives"),
    [
        ("a,b;c&d=e%f${CC_ID}王", "a%2Cb%3Bc%26d%3De%25f%24%7BCC_ID%7D%E7%8E%8B"),
        # An open parenthesis would swallow the arguments behind it.
        ("Jean-Luc (Sales", "Jean-Luc%20Sales"),
        ("(((", ""),
        ("Li' \\ ]Lei", "Li%20%5C%5C%20%5DLei"),
    ],
)
async def test_no_caller_can_shift_the_arguments_of_the_question(script: Script, name: str, arrives: str) -> None:
    async with Caller(server=SERVER, dnis="+8640012345", ani="sales.team", display_name=name) as caller:
        await caller.answered()
        await script.until_asked(lambda: bool(script.questions))
    question = script.questions[0]
    assert question[1:7] == ["stage=new", "%2B8640012345", "sales.team", arrives, "allowed_not_screened", "trunk-tests"]
    assert question[9:] == ["1", "", "", "", ""]
