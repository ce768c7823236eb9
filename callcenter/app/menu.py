"""Runs a flow of the IVR on a caller's channel: carries out what the interpreter orders, reports what it says."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from callcenter.app.caller import CallerChannel
from callcenter.app.ports import Clock
from callcenter.ivr import messages as ivr
from callcenter.ivr.interpreter import Interpreter
from callcenter.ivr.prompts import Utterance

ALL_KEYS = "0123456789*#"


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
    now = clock.now()
    if digit is not None:
        return interpreter.handle(ivr.DigitPressed(digit=digit), now)
    # Asterisk has measured the silence; a clock that was set back meanwhile must not prolong it.
    deadline = interpreter.next_deadline()
    return interpreter.handle_deadline(now if deadline is None else max(now, deadline))
