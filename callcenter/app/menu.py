"""Runs a flow of the IVR on a caller's channel: carries out what the interpreter orders, reports what it says."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

import structlog

from callcenter.app.caller import CallerChannel
from callcenter.app.ports import Clock
from callcenter.domain.errors import CallcenterError
from callcenter.ivr import messages as ivr
from callcenter.ivr.interpreter import Interpreter
from callcenter.ivr.prompts import Utterance

log = structlog.get_logger(__name__)

ALL_KEYS = "0123456789*#"
SOON = timedelta(seconds=0.4)
"""A sound that takes longer is waited for with music."""
A_MOMENT = timedelta(seconds=1)


class Voice(Protocol):
    """Whoever has a sound file for an utterance."""

    async def path_of(self, utterance: Utterance) -> str | None:
        """The file to play, without its extension; None when there is none in time."""
        ...


class Outside(Protocol):
    """Whoever can look things up for a flow; `LOOKUP_VARIABLES` says what each kind of lookup answers."""

    async def look_up(self, order: ivr.LookUp) -> ivr.Answered:
        """What is known; who takes longer than `order.limit` is not waited for."""
        ...

    async def fetch(self, order: ivr.Fetch) -> ivr.Fetched | ivr.Answered:
        """What a web service answers."""
        ...


class NothingOutside:
    """`Outside` where nothing can be looked up."""

    async def look_up(self, order: ivr.LookUp) -> ivr.Answered:
        """Say that it failed."""
        return ivr.Answered(order_id=order.order_id, found=ivr.Found.FAILED)

    async def fetch(self, order: ivr.Fetch) -> ivr.Fetched | ivr.Answered:
        """Say that it failed."""
        return ivr.Answered(order_id=order.order_id, found=ivr.Found.FAILED)


async def run_flow(
    channel: CallerChannel,
    start: ivr.StartFlow,
    *,
    voice: Voice,
    clock: Clock,
    report: Callable[[ivr.Event], Awaitable[None]],
    outside: Outside | None = None,
) -> ivr.FlowEnded:
    """Take the caller through the flow to its end; raises `CallerGone`."""
    errand = _Errand(outside or NothingOutside())
    try:
        return await _walk(Interpreter(), channel, start, voice, clock, report, errand)
    finally:
        await errand.drop()


async def _walk(
    interpreter: Interpreter,
    channel: CallerChannel,
    start: ivr.StartFlow,
    voice: Voice,
    clock: Clock,
    report: Callable[[ivr.Event], Awaitable[None]],
    errand: "_Errand",
) -> ivr.FlowEnded:
    pending = deque(interpreter.handle(start, clock.now()))
    while True:
        if not pending:
            raise RuntimeError(f"flow {start.flow.name} stopped without an end")
        step = pending.popleft()
        match step:
            case ivr.FlowEnded():
                return step
            case ivr.Play():
                digit = await _play(channel, step, voice)
                pending.extend(interpreter.handle(ivr.PlaybackEnded(digit=digit), clock.now()))
            case ivr.Listen():
                pending.extend(await _listen(channel, step, interpreter, clock))
            case ivr.LookUp() | ivr.Fetch():
                await errand.send(step)
            case ivr.AwaitAnswer():
                answer = await _awaited(channel, errand, step.timeout)
                now = clock.now()
                pending.extend(interpreter.handle(answer, now) if answer is not None else _too_late(interpreter, clock))
            case ivr.StopPlayback():
                pass  # A key ends our playback by itself.
            case _:
                await report(step)


class _Errand:
    """The one question to the outside that a flow may have open."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._task: asyncio.Task[ivr.Answered | ivr.Fetched] | None = None

    async def send(self, order: ivr.Order) -> None:
        """Ask, while the caller hears something; what was asked before is not waited for any more."""
        await self.drop()
        self._task = asyncio.create_task(self._ask(order), name="lookup of a flow")

    async def _ask(self, order: ivr.Order) -> ivr.Answered | ivr.Fetched:
        try:
            async with asyncio.timeout(order.limit.total_seconds()):
                if isinstance(order, ivr.LookUp):
                    return await self._outside.look_up(order)
                return await self._outside.fetch(order)
        except (TimeoutError, CallcenterError) as error:
            log.warning("flow_lookup_failed", error=str(error) or type(error).__name__)
        except Exception:
            # A defect of a lookup must not end the call: the flow has a way for it.
            log.exception("flow_lookup_defect")
        return ivr.Answered(order_id=order.order_id, found=ivr.Found.FAILED)

    async def answer(self, within: timedelta) -> ivr.Answered | ivr.Fetched | None:
        """The answer; None when there is none in time."""
        if self._task is None:
            return None
        done, _ = await asyncio.wait({self._task}, timeout=within.total_seconds())
        return self._task.result() if done else None

    async def drop(self) -> None:
        """Wait for no answer any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None


async def _awaited(channel: CallerChannel, errand: _Errand, limit: timedelta) -> ivr.Answered | ivr.Fetched | None:
    """The answer; what takes longer than a moment is waited for with music."""
    answer = await errand.answer(min(limit, A_MOMENT))
    if answer is None and limit > A_MOMENT:
        await channel.soothe()
        answer = await errand.answer(limit - A_MOMENT)
    return answer


async def _play(channel: CallerChannel, order: ivr.Play, voice: Voice) -> str | None:
    keys = ALL_KEYS if order.interruptible else ""
    for utterance in order.prompts:
        path = await _sound(channel, utterance, voice)
        if path is None:
            continue
        digit = await channel.play(path, keys)
        if digit is not None:
            return digit
    return None


async def _sound(channel: CallerChannel, utterance: Utterance, voice: Voice) -> str | None:
    """The sound of what is said for the first time, a name or a number, must be made: he hears music meanwhile."""
    making = asyncio.ensure_future(voice.path_of(utterance))
    try:
        done, _ = await asyncio.wait({making}, timeout=SOON.total_seconds())
        if not done:
            await channel.soothe()
        return await making
    finally:
        making.cancel()


async def _listen(
    channel: CallerChannel, order: ivr.Listen, interpreter: Interpreter, clock: Clock
) -> list[ivr.Action | ivr.Event]:
    digit = await channel.listen(order.timeout)
    if digit is not None:
        return interpreter.handle(ivr.DigitPressed(digit=digit), clock.now())
    return _too_late(interpreter, clock)


def _too_late(interpreter: Interpreter, clock: Clock) -> list[ivr.Action | ivr.Event]:
    # Asterisk, or the loop, has measured the time; a clock that was set back meanwhile must not prolong it.
    now, deadline = clock.now(), interpreter.next_deadline()
    return interpreter.handle_deadline(now if deadline is None else max(now, deadline))
