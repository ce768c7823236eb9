"""Runs a flow of the IVR on a caller's channel: carries out what the interpreter orders, reports what it says."""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from callcenter.app.caller import CallerChannel
from callcenter.app.ports import Clock
from callcenter.ivr import messages as ivr
from callcenter.ivr.interpreter import Interpreter
from callcenter.ivr.prompts import Utterance

ALL_KEYS = "0123456789*#"
SHORTEST_LISTENING = timedelta(milliseconds=1)


class Voice(Protocol):
    """Whoever has a sound file for an utterance."""

    async def path_of(self, utterance: Utterance) -> str | None:
        """The file to play, without its extension; None when there is none in time."""
        ...


async def run_flow(
    channel: CallerChannel,
    start: ivr.StartFlow,
    *,
    voice: Voice,
    clock: Clock,
    report: Callable[[ivr.Event], Awaitable[None]],
) -> ivr.FlowEnded:
    """Take the caller through the flow to its end; raises `CallerGone`."""
    interpreter = Interpreter()
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
            case ivr.StopPlayback():
                pass  # A key ends our playback by itself.
            case _:
                await report(step)


async def _play(channel: CallerChannel, order: ivr.Play, voice: Voice) -> str | None:
    keys = ALL_KEYS if order.interruptible else ""
    for utterance in order.prompts:
        path = await voice.path_of(utterance)
        if path is None:
            continue
        digit = await channel.play(path, keys)
        if digit is not None:
            return digit
    return None


async def _listen(
    channel: CallerChannel, order: ivr.Listen, interpreter: Interpreter, clock: Clock
) -> list[ivr.Action | ivr.Event]:
    digit = await channel.listen(order.timeout)
    if digit is not None:
        return interpreter.handle(ivr.DigitPressed(digit=digit), clock.now())
    while (deadline := interpreter.next_deadline()) is not None and deadline > clock.now():
        digit = await channel.listen(max(deadline - clock.now(), SHORTEST_LISTENING))
        if digit is not None:
            return interpreter.handle(ivr.DigitPressed(digit=digit), clock.now())
    return interpreter.handle_deadline(clock.now())
