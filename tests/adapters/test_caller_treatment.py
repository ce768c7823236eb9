"""What a caller's channel can be made to do, on a real Asterisk: keys, messages, calls out, hold."""

import array
import asyncio
import math
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from callcenter.app.caller import (
    CallerChannel,
    CallerGone,
    NoRecording,
    RecordingEnd,
    TransferResult,
    TransferVerdict,
    WaitVerdict,
)
from callcenter.app.floor_messages import CallEnded
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.offers import OfferCause
from tests.adapters.live_exchange import WAIT_SECONDS, LiveExchange, live_exchange, wait_with_music
from tests.e2e.phones import Answer, Behaviour, Caller, Reject, Ring, Silence, Tone

pytestmark = pytest.mark.e2e

LONG_HERTZ, SHORT_HERTZ, VOICE_HERTZ = 700, 1100, 500
LIMIT = timedelta(seconds=WAIT_SECONDS)
SECOND = timedelta(seconds=1)

Result = TypeVar("Result")


@pytest.fixture
async def exchange() -> AsyncIterator[LiveExchange]:
    async with live_exchange() as exchange:
        await asyncio.to_thread(write_tone, exchange.base / "long.wav", 5.0, LONG_HERTZ)
        await asyncio.to_thread(write_tone, exchange.base / "short.wav", 0.5, SHORT_HERTZ)
        yield exchange


def write_tone(path: Path, seconds: float, hertz: int) -> None:
    samples = (round(8000 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(int(8000 * seconds)))
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        out.writeframes(array.array("h", samples).tobytes())


def at_first(exchange: LiveExchange, treat: Callable[[CallerChannel], Awaitable[Result]]) -> "asyncio.Future[Result]":
    """Treat the first question so, all others with music; what came of it."""
    done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    async def answer(channel: CallerChannel) -> None:
        if not done.done() and len(exchange.calls.questions) == 1:
            try:
                done.set_result(await treat(channel))
            except Exception as error:
                done.set_exception(error)
                return
        await wait_with_music(channel)

    exchange.calls.answer_with = answer
    return done


async def outcome(done: "asyncio.Future[Result]") -> Result:
    async with asyncio.timeout(2 * WAIT_SECONDS):
        return await done


# ---- keys


async def test_a_key_typed_ahead_stops_no_fixed_prompt_and_is_not_lost(exchange: LiveExchange) -> None:
    long, short = str(exchange.base / "long"), str(exchange.base / "short")

    async def treat(channel: CallerChannel) -> list[str | None]:
        got = [await channel.play(long, ""), await channel.play(short, "")]
        got += [await channel.listen(LIMIT) for _ in range(3)]
        return [*got, await channel.listen(SECOND / 10)]

    done = at_first(exchange, treat)
    async with exchange.caller() as caller:
        await caller.audio.hear_tone(LONG_HERTZ)
        for key in "5#7":
            await caller.press(key)
        # It goes on from where it was: the second prompt is heard, and the first was heard for its whole length.
        await caller.audio.hear_tone(SHORT_HERTZ, timeout_seconds=15)
        assert await outcome(done) == [None, None, "5", "#", "7", None]
        blocks = [caller.audio.tone_share(LONG_HERTZ, frame.at, frame.at + 0.1) for frame in caller.audio.heard[::5]]
        assert sum(share > 0.5 for share in blocks) * 0.1 == pytest.approx(5.0, abs=1.0)


async def test_a_key_typed_ahead_answers_the_menu_that_follows_without_a_word(exchange: LiveExchange) -> None:
    long, short = str(exchange.base / "long"), str(exchange.base / "short")

    async def treat(channel: CallerChannel) -> list[str | None]:
        return [await channel.play(short, ""), await channel.play(long, "123"), await channel.listen(SECOND / 10)]

    done = at_first(exchange, treat)
    async with exchange.caller() as caller:
        await caller.audio.hear_tone(SHORT_HERTZ)
        await caller.press("2")
        assert await outcome(done) == [None, "2", None]


async def test_only_the_keys_that_may_stop_a_prompt_do(exchange: LiveExchange) -> None:
    long = str(exchange.base / "long")

    async def treat(channel: CallerChannel) -> list[str | None]:
        return [await channel.play(long, "1"), await channel.listen(LIMIT), await channel.listen(SECOND / 10)]

    done = at_first(exchange, treat)
    async with exchange.caller() as caller:
        await caller.audio.hear_tone(LONG_HERTZ)
        await caller.press("9")
        await caller.press("1")
        assert await outcome(done) == ["1", "9", None]


async def test_who_is_asked_while_he_waits_hears_music_and_never_silence(exchange: LiveExchange) -> None:
    short = str(exchange.base / "short")

    async def treat(channel: CallerChannel) -> list[str | None]:
        return [await channel.ask([short, short], "1", LIMIT, "default"), await channel.ask([], "1", SECOND, "default")]

    done = at_first(exchange, treat)
    async with exchange.caller() as caller:
        await caller.audio.hear_tone(SHORT_HERTZ)
        await caller.audio.hear_sound()
        await caller.press("7")
        await caller.audio.hear_sound()
        assert not done.done()
        await caller.press("1")
        assert await outcome(done) == ["1", None]
        # The music goes on over the verdict and through the next questions.
        since = caller.audio.heard[-1].at
        await exchange.question(len(exchange.calls.questions) + 2)
        until = caller.audio.heard[-1].at
        assert caller.audio.loudness(since, until) > -60, "music has quiet moments, but silence is far below"


async def test_an_agent_s_talk_ends_the_asking_at_once(exchange: LiveExchange) -> None:
    done = at_first(exchange, lambda channel: channel.ask([], "1", timedelta(hours=1), "default"))
    async with exchange.caller() as caller, exchange.phone("1001", Answer()) as agent:
        await caller.audio.hear_sound()
        offer = exchange.ring(agent, (await exchange.question()).question.interaction_id)
        assert (await exchange.told(cmd.ReportTalk)).offer_id == offer
        with pytest.raises(CallerGone):
            await outcome(done)
        await caller.audio.hear_silence()
        assert caller.end is None


# ---- messages


async def record(
    exchange: LiveExchange,
    act: Callable[[Caller], Awaitable[None]],
    *,
    limit: timedelta = LIMIT,
    silence: timedelta = timedelta(),
    sound: Tone | Silence | None = None,
) -> tuple[RecordingEnd, float, float]:
    """What ended a message, its length as told, and as the file has it."""
    done = at_first(exchange, lambda channel: channel.record("message-1.a", limit=limit, silence=silence))
    caller = exchange.caller()
    caller._sound = sound or Tone(hertz=VOICE_HERTZ)
    async with caller:
        await caller.answered()
        await exchange.question()
        await act(caller)
        recording = await outcome(done)
    assert recording.path == exchange.base / "messages" / "message-1.a.wav"

    def length() -> float:
        with wave.open(str(recording.path), "rb") as file:
            return file.getnframes() / file.getframerate()

    return recording.ended_by, recording.length.total_seconds(), await asyncio.to_thread(length)


async def test_a_message_ends_with_a_key(exchange: LiveExchange) -> None:
    async def act(caller: Caller) -> None:
        await asyncio.sleep(2)  # He speaks.
        await caller.press("5")
        await caller.press("#")

    ended_by, told, length = await record(exchange, act)
    assert ended_by is RecordingEnd.KEY
    assert told == pytest.approx(length, abs=0.1)
    assert length > 0.5


async def test_a_message_ends_with_its_limit(exchange: LiveExchange) -> None:
    async def act(_: Caller) -> None:
        """He speaks on and on."""

    ended_by, told, length = await record(exchange, act, limit=2 * SECOND)
    assert ended_by is RecordingEnd.LIMIT
    assert (told, length) == pytest.approx((2.0, 2.0), abs=0.3)


async def test_a_message_ends_with_silence(exchange: LiveExchange) -> None:
    async def act(_: Caller) -> None:
        """He says nothing."""

    ended_by, _, length = await record(exchange, act, silence=2 * SECOND, sound=Silence())
    assert ended_by is RecordingEnd.SILENCE
    assert length < 4.0


async def test_who_hangs_up_has_left_his_message(exchange: LiveExchange) -> None:
    async def act(caller: Caller) -> None:
        await asyncio.sleep(2)  # He speaks.
        await caller.hang_up()

    ended_by, told, length = await record(exchange, act)
    assert ended_by is RecordingEnd.HANGUP
    assert told == pytest.approx(length, abs=0.1)
    assert length > 0.5


async def test_a_message_has_a_name_of_ours(exchange: LiveExchange) -> None:
    names = ["", "../x", "a/b", ".x", "a b", "a\nb", "x" * 200]

    async def try_all(channel: CallerChannel) -> list[str]:
        refused = []
        for name in names:
            with suppress(NoRecording):
                await channel.record(name, limit=SECOND, silence=SECOND)
                continue
            refused.append(name)
        return refused

    done = at_first(exchange, try_all)
    async with exchange.caller():
        assert await outcome(done) == names
    assert not (exchange.base / "messages").exists()


async def test_a_directory_that_cannot_be_written_is_said(exchange: LiveExchange) -> None:
    (exchange.base / "messages" / "taken.wav").mkdir(parents=True)
    done = at_first(exchange, lambda channel: channel.record("taken", limit=SECOND, silence=SECOND))
    async with exchange.caller() as caller:
        with pytest.raises(NoRecording):
            await outcome(done)
        # It cost him nothing.
        await exchange.question(2)
        assert caller.end is None


# ---- calls out


def transfer_first(exchange: LiveExchange, verdict: TransferVerdict) -> None:
    async def answer(channel: CallerChannel) -> None:
        question = channel.question
        first = len(exchange.calls.questions) == 1
        await channel.decide(verdict if first else WaitVerdict(music=SECOND / 5), question.state)

    exchange.calls.answer_with = answer


def to_outside(number: str = "442079460999", *, shown_number: str = "") -> TransferVerdict:
    return TransferVerdict(number=number, ring_timeout=2 * SECOND, shown_number=shown_number)


async def test_a_caller_is_joined_with_somebody_outside_and_his_call_ends_with_that_talk(
    exchange: LiveExchange,
) -> None:
    transfer_first(exchange, to_outside(shown_number="4000"))
    async with exchange.outside(Ring()) as far, exchange.caller() as caller, exchange.phone("1001", Answer()) as agent:
        far._sound = Tone(hertz=VOICE_HERTZ)
        ringing = await far.ringing()
        assert ringing.invite.start_line.startswith("INVITE sip:442079460999@")
        assert ringing.caller.user == "4000"
        await caller.audio.hear_sound()
        # Nobody else gets him meanwhile.
        exchange.ring(agent, (await exchange.question()).question.interaction_id)
        assert (await exchange.told(cmd.ReportOfferFailed)).cause is OfferCause.TAKEN
        legs = await exchange.legs()
        assert [leg.transferred for leg in legs.values()] == [True]
        await ringing.answer()
        await caller.audio.hear_tone(VOICE_HERTZ)
        await ringing.hang_up()
        ended = await exchange.told(CallEnded)
        assert (ended.outcome, ended.side) == (ev.Outcome.TRANSFERRED_OUT, None)
        assert (await caller.ended()).by == "server"
    assert exchange.reports(cmd.ReportTalk) == []
    assert len(exchange.calls.questions) == 1


async def test_the_caller_may_end_the_talk_with_somebody_outside(exchange: LiveExchange) -> None:
    transfer_first(exchange, to_outside())
    async with exchange.outside(Answer()) as far, exchange.caller("+442079460001") as caller:
        call = await far.talking()
        # Without another number the far end sees the caller's own.
        assert call.caller.user == "+442079460001"
        await exchange.until(lambda: call.audio.heard or None)
        await caller.hang_up()
        await call.ended()
        ended = await exchange.told(CallEnded)
        assert (ended.outcome, ended.side) == (ev.Outcome.TRANSFERRED_OUT, ev.Side.CALLER)


@pytest.mark.parametrize(
    ("behaviour", "number", "result"),
    [
        (Reject(status=486), "1", TransferResult.BUSY),
        (Ring(), "1", TransferResult.NO_ANSWER),
        (Reject(status=404), "1", TransferResult.FAILED),
        (Reject(status=503), "1", TransferResult.FAILED),
        (Ring(), "12&PJSIP/1001", TransferResult.FAILED),
        (Ring(), "", TransferResult.FAILED),
    ],
)
async def test_where_nobody_takes_the_call_the_next_question_says_why_and_only_that_one(
    exchange: LiveExchange, behaviour: Behaviour, number: str, result: TransferResult
) -> None:
    transfer_first(exchange, to_outside(number))
    async with exchange.outside(behaviour), exchange.caller() as caller, exchange.phone("1001", Answer()) as agent:
        second, third = await exchange.question(2), await exchange.question(3)
        assert (second.question.transfer, third.question.transfer) == (result, None)
        await caller.audio.hear_sound()
        # He is a caller like any other again.
        exchange.ring(agent, second.question.interaction_id)
        await exchange.told(cmd.ReportTalk)
        await agent.hang_up()
        assert (await exchange.told(CallEnded)).outcome is ev.Outcome.ANSWERED


async def test_who_hangs_up_while_it_rings_outside_has_left_and_nobody_rings_on(exchange: LiveExchange) -> None:
    transfer_first(exchange, to_outside())
    async with exchange.outside(Ring()) as far, exchange.caller() as caller:
        ringing = await far.ringing()
        await caller.hang_up()
        ended = await exchange.told(CallEnded)
        assert (ended.outcome, ended.side) == (None, ev.Side.CALLER)
        assert (await ringing.ended()).status == 487


async def test_a_sip_address_may_be_called_as_well(exchange: LiveExchange) -> None:
    async with exchange.phone("desk", Answer()) as far, exchange.caller() as caller:
        host, port = far.address
        transfer_first(exchange, to_outside(f"sip:desk@{host}:{port}"))
        call = await far.talking()
        # Whoever answers and is gone before the exchange has joined the two has not talked.
        await exchange.until(lambda: call.audio.heard or None)
        await far.hang_up()
        assert (await exchange.told(CallEnded)).outcome is ev.Outcome.TRANSFERRED_OUT
        await caller.ended()


# ---- hold


async def test_a_hold_is_told_and_the_caller_hears_music(exchange: LiveExchange) -> None:
    async with exchange.caller() as caller, exchange.phone("1001", Answer()) as agent:
        offer = exchange.ring(agent, (await exchange.question()).question.interaction_id)
        desk = await agent.talking()
        await exchange.told(cmd.ReportTalk)
        await caller.audio.hear_silence()
        for number in (1, 3):
            await desk.hold()
            held = await exchange.told(cmd.ReportHold, number=number)
            assert (held.offer_id, held.on_hold) == (offer, True)
            await caller.audio.hear_sound()
            await desk.take_back()
            back = await exchange.told(cmd.ReportHold, number=number + 1)
            assert (back.offer_id, back.on_hold) == (offer, False)
            await caller.audio.hear_silence()
        # What a caller's own phone does is his affair.
        await caller.dialog.hold(on=True)
        await caller.dialog.hold(on=False)
        await caller.hang_up()
        await exchange.told(cmd.ReportTalkEnded)
        assert len(exchange.reports(cmd.ReportHold)) == 4


async def test_who_thinks_what_key_to_press_hears_music_after_a_quiet_moment(exchange: LiveExchange) -> None:
    short = str(exchange.base / "short")

    async def treat(channel: CallerChannel) -> list[str | None]:
        got = [await channel.play(short, "1"), await channel.listen(4 * SECOND)]
        return [*got, await channel.play(short, "1"), await channel.listen(LIMIT)]

    done = at_first(exchange, treat)
    async with exchange.caller() as caller:
        await caller.audio.hear_tone(SHORT_HERTZ)
        await caller.audio.hear_silence()
        await caller.audio.hear_sound()
        # The next prompt ends the music, and no key is lost for it.
        await caller.audio.hear_tone(SHORT_HERTZ, timeout_seconds=15)
        await caller.press("7")
        assert await outcome(done) == [None, None, None, "7"]
