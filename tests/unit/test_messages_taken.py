"""A message taken on a caller's channel, for a queue that he does not wait in."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callcenter.app.call_state import CallStage, CallState
from callcenter.app.caller import CallerGone, EndVerdict, Recorded, RecordingEnd
from callcenter.app.floor_messages import CallEnded
from callcenter.app.messages_taken import MessageLimits, take_message
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.messages import message_name, second_take_name
from tests.office import CALL, SALES, FakeCallerChannel, Office, arrived, question

NAME = message_name(CALL, SALES.queue_id)
AGAIN = second_take_name(CALL, SALES.queue_id)
FILE = f"{NAME}.wav"
SOUND = f"/messages/{NAME}"


async def leave_message(office: Office, channel: FakeCallerChannel, *, silence: int = 5) -> None:
    """The caller arrives and is asked for a message at once."""
    await office.tell(arrived())
    try:
        await take_message(
            channel,
            channel.question.state,
            queue_id=SALES.queue_id,
            limits=MessageLimits(longest=timedelta(minutes=1), silence=timedelta(seconds=silence)),
            floor=office.floor,
            voice=office.voice,
            words=office.lines,
            clock=office.clock,
        )
    finally:
        await office.settle()


def left(office: Office) -> list[ev.MessageLeft]:
    return [event for event in office.journal.events if isinstance(event, ev.MessageLeft)]


async def test_a_message_is_asked_for_recorded_and_noted_and_the_call_is_over() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question())
        await leave_message(office, channel)
        assert channel.played == ["zh:queue.leave_message", "zh:queue.message_review"]
        assert channel.verdict == EndVerdict(play=("zh:queue.message_kept",))
        assert (channel.state.stage, channel.state.outcome) == (CallStage.ENDING, "message_left")
        (message,) = left(office)
        assert (message.queue_id, message.file, message.seconds) == (SALES.queue_id, FILE, 7.0)
        assert office.record().outcome is ev.Outcome.MESSAGE_LEFT


@pytest.mark.parametrize(("silence", "kept"), [(5, True), (6, False)])
async def test_the_silence_that_ended_it_is_no_part_of_what_was_said(silence: int, kept: bool) -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question())
        channel.ends_message_by = RecordingEnd.SILENCE
        channel.speaks = timedelta(seconds=6.5)
        await leave_message(office, channel, silence=silence)
        assert bool(left(office)) is kept
        assert office.record().outcome is (ev.Outcome.MESSAGE_LEFT if kept else ev.Outcome.CLOSED)


async def test_where_nothing_can_be_recorded_he_is_told_plainly() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question())
        channel.speaks = None
        await leave_message(office, channel)
        assert channel.verdict == EndVerdict(play=("zh:queue.message_impossible",))
        assert office.record().outcome is ev.Outcome.CLOSED


async def test_who_hangs_up_has_left_what_he_said() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question())
        channel.ends_message_by = RecordingEnd.HANGUP
        with pytest.raises(CallerGone):
            await leave_message(office, channel)
        assert len(left(office)) == 1
        assert (office.record().outcome, office.record().hangup_side) == (ev.Outcome.MESSAGE_LEFT, ev.Side.CALLER)


async def test_who_says_nothing_has_left_nothing_however_long_it_took() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question())
        channel.voiced = False
        await leave_message(office, channel)
        assert channel.played[-1] == "zh:queue.message_unheard"
        assert not left(office)
        assert office.record().outcome is ev.Outcome.CLOSED


async def test_he_may_hear_it_and_speak_it_anew_and_the_last_one_is_his_message() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question(), keys="2231")
        channel.types_ahead = False
        await leave_message(office, channel)
        assert channel.played.count(SOUND) == 2
        assert channel.recordings == [NAME, AGAIN]
        assert set(channel.on_disk) == {NAME}
        assert len(left(office)) == 1
        assert office.record().outcome is ev.Outcome.MESSAGE_LEFT


@pytest.mark.parametrize("speaks", [timedelta(seconds=7), None])
async def test_who_speaks_it_anew_and_says_nothing_has_left_what_he_said_first(speaks: timedelta | None) -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question(), keys="31")
        channel.then = (speaks, RecordingEnd.SILENCE, False)
        await leave_message(office, channel)
        assert channel.played[-2:] == ["zh:queue.message_as_before", "zh:queue.message_review"]
        (message,) = left(office)
        assert (message.file, message.seconds) == (FILE, 7.0)
        assert channel.verdict == EndVerdict(play=("zh:queue.message_kept",))


@pytest.mark.parametrize(("voiced", "seconds"), [(True, 3.0), (False, 7.0)])
async def test_who_hangs_up_while_he_speaks_it_anew_has_left_it_or_else_the_first(voiced: bool, seconds: float) -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question(), keys="3")
        channel.then = (timedelta(seconds=3), RecordingEnd.HANGUP, voiced)
        with pytest.raises(CallerGone):
            await leave_message(office, channel)
        (message,) = left(office)
        assert (message.file, message.seconds) == (FILE, seconds)


async def test_who_hears_it_for_ever_has_it_kept_in_the_end() -> None:
    async with Office() as office:
        await leave_message(office, FakeCallerChannel(question(), keys="2" * 200))
        assert len(left(office)) == 1
        channel = FakeCallerChannel(question(), keys="3" * 200)
        await leave_message(office, channel)
        assert len(channel.recordings) < 20


async def test_who_hangs_up_while_he_is_asked_keeps_it() -> None:
    async with Office() as office:
        # Remember, play, record; then he is gone.
        channel = FakeCallerChannel(question(), gone_after=3)
        with pytest.raises(CallerGone):
            await leave_message(office, channel)
        assert len(left(office)) == 1
        assert office.record().outcome is ev.Outcome.MESSAGE_LEFT


async def test_who_hangs_up_at_the_beep_has_left_nothing() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question())
        channel.ends_message_by = RecordingEnd.HANGUP
        channel.voiced = False
        with pytest.raises(CallerGone):
            await leave_message(office, channel)
        assert not left(office)


async def test_who_waited_waits_no_more_and_no_agent_interrupts_him() -> None:
    async with Office() as office:
        await office.caller()
        await leave_message(office, FakeCallerChannel(question()))
        await office.agent()
        assert not office.telephony.rung
        assert office.record().outcome is ev.Outcome.MESSAGE_LEFT


# ---- the server was killed meanwhile


def carried(**changes: object) -> CallState:
    """What the channel carries of somebody who leaves a message."""
    state = CallState(
        stage=CallStage.MESSAGE,
        queue_id=SALES.queue_id,
        message_longest=timedelta(minutes=1),
        message_silence=timedelta(seconds=4),
    )
    return replace(state, **changes)  # type: ignore[arg-type]


async def go_on(office: Office, spoken: Recorded | None, *, keys: str = "") -> FakeCallerChannel:
    channel = FakeCallerChannel(question(state=carried()), keys=keys)
    if spoken is not None:
        channel.on_disk[NAME] = spoken
    await office.calls.answer(channel)
    await office.settle()
    return channel


async def test_the_channel_carries_the_message_from_before_the_first_word() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question())
        await leave_message(office, channel, silence=4)
        assert channel.remembered[0] == carried()


async def test_what_was_spoken_while_no_server_was_there_is_asked_about_and_kept() -> None:
    async with Office() as office:
        channel = await go_on(office, Recorded(path=Path(f"{SOUND}.wav"), length=timedelta(seconds=9)), keys="21")
        assert channel.played == ["zh:queue.message_review", SOUND, "zh:queue.message_review"]
        assert not channel.recordings
        (message,) = left(office)
        assert (message.file, message.seconds, message.queue_id) == (FILE, 9.0, SALES.queue_id)


async def test_who_had_not_begun_is_asked_for_his_message_again() -> None:
    async with Office() as office:
        channel = await go_on(office, None)
        assert channel.played[0] == "zh:queue.leave_message"
        assert len(left(office)) == 1


@pytest.mark.parametrize(("voiced", "seconds"), [(True, 4.0), (False, 9.0)])
async def test_killed_while_it_was_spoken_anew_the_second_counts_if_it_says_anything(
    voiced: bool, seconds: float
) -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question(state=carried()), keys="1")
        channel.on_disk[NAME] = Recorded(path=Path(f"{SOUND}.wav"), length=timedelta(seconds=9))
        channel.on_disk[AGAIN] = Recorded(
            path=Path(f"/messages/{AGAIN}.wav"), length=timedelta(seconds=4), voiced=voiced
        )
        await office.calls.answer(channel)
        await office.settle()
        (message,) = left(office)
        assert (message.file, message.seconds) == (FILE, seconds)


async def test_silence_that_was_recorded_meanwhile_is_no_message() -> None:
    async with Office() as office:
        silence = Recorded(path=Path(f"{SOUND}.wav"), length=timedelta(seconds=9), voiced=False)
        channel = await go_on(office, silence)
        assert channel.played == ["zh:queue.message_unheard"]
        assert not left(office)


async def test_a_message_that_was_told_of_makes_the_end_of_the_call_its_outcome() -> None:
    async with Office() as office:
        await office.caller()
        told = ev.MessageLeft(interaction_id=CALL, at=office.clock.now(), queue_id=SALES.queue_id, file=FILE, seconds=3)
        await office.tell(told, cmd.Leave(interaction_id=CALL), CallEnded(interaction_id=CALL))
        assert office.record().outcome is ev.Outcome.MESSAGE_LEFT
