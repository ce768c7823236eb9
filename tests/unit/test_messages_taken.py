"""A message taken on a caller's channel, for a queue that he does not wait in."""

from datetime import timedelta

import pytest

from callcenter.app.call_state import CallStage
from callcenter.app.caller import CallerGone, EndVerdict, RecordingEnd
from callcenter.app.messages_taken import MessageLimits, take_message
from callcenter.domain import events as ev
from tests.office import CALL, SALES, FakeCallerChannel, Office, arrived, question


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
        assert channel.played == ["zh:queue.leave_message"]
        assert channel.verdict == EndVerdict(play=("zh:queue.message_kept",))
        assert (channel.state.stage, channel.state.outcome) == (CallStage.ENDING, "message_left")
        (message,) = left(office)
        assert (message.queue_id, message.file, message.seconds) == (SALES.queue_id, f"message-{CALL}.wav", 7.0)
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
        assert channel.verdict == EndVerdict(play=("zh:queue.error",))
        assert office.record().outcome is ev.Outcome.CLOSED


async def test_who_hangs_up_has_left_what_he_said() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question())
        channel.ends_message_by = RecordingEnd.HANGUP
        with pytest.raises(CallerGone):
            await leave_message(office, channel)
        assert len(left(office)) == 1
        assert (office.record().outcome, office.record().hangup_side) == (ev.Outcome.MESSAGE_LEFT, ev.Side.CALLER)
