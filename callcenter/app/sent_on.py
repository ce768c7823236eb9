"""Carries out where a queue's rule sends a caller: a number outside, a callback, a message, or a word and good-bye."""

from datetime import timedelta

import structlog

from callcenter.app.call_state import CallState
from callcenter.app.callback_choice import CAUSE_NORMAL, CardMemory, Numbers, ask_number, take_callback
from callcenter.app.caller import TransferVerdict
from callcenter.app.closing import close_call
from callcenter.app.conversation import Conversation
from callcenter.app.floor import Floor
from callcenter.app.messages_taken import MessageLimits, take_message
from callcenter.app.ports import Clock
from callcenter.domain import events as ev
from callcenter.domain.overflows import OverflowCause, OverflowKind
from callcenter.ivr.waiting import WaitingPrompt

log = structlog.get_logger(__name__)

TRANSFER_RING = timedelta(seconds=45)

_TOLD_WHY = {
    OverflowCause.EMERGENCY: WaitingPrompt.CLOSED_NOW,
    OverflowCause.HOURS: WaitingPrompt.CLOSED,
    OverflowCause.FULL: WaitingPrompt.TOO_MANY,
    OverflowCause.TOO_LONG: WaitingPrompt.TOO_MANY,
    OverflowCause.NOBODY: WaitingPrompt.NOBODY_LEFT,
    OverflowCause.STEP: WaitingPrompt.TOO_MANY,
}


class SentOn:
    """One caller whom the engine has taken out of his queue."""

    def __init__(
        self, talk: Conversation, state: CallState, *, floor: Floor, memory: CardMemory, numbers: Numbers, clock: Clock
    ) -> None:
        self._talk = talk
        self._state = state
        self._floor = floor
        self._memory = memory
        self._numbers = numbers
        self._clock = clock

    async def send_on(self, overflowed: ev.InteractionOverflowed) -> None:
        """Carry out what the engine has decided."""
        overflow = overflowed.overflow
        log.info("caller_sent_on", cause=overflowed.cause, to=overflow.kind)
        match overflow.kind:
            case OverflowKind.NUMBER:
                await self._transfer(overflowed)
            case OverflowKind.CALLBACK:
                await self._call_back_instead(overflowed)
            case OverflowKind.MESSAGE:
                await self._take_message(overflowed)
            case _:
                await self.end(_TOLD_WHY[overflowed.cause], ev.Outcome.CLOSED)

    async def end(self, prompt: WaitingPrompt, outcome: ev.Outcome) -> None:
        """Say something and hang up."""
        play = await self._talk.prompt_paths(prompt)
        await close_call(self._floor, self._talk.channel, self._state, play, outcome, CAUSE_NORMAL)

    async def _transfer(self, overflowed: ev.InteractionOverflowed) -> None:
        if self._talk.channel.question.transfer is not None:
            await self.end(WaitingPrompt.TRANSFER_FAILED, ev.Outcome.CLOSED)
            return
        verdict = TransferVerdict(
            play=await self._talk.prompt_paths(WaitingPrompt.TRANSFERRING),
            number=overflowed.overflow.target,
            ring_timeout=TRANSFER_RING,
            music_class=self._talk.music_class,
        )
        await self._talk.channel.decide(verdict, self._state)

    async def _call_back_instead(self, overflowed: ev.InteractionOverflowed) -> None:
        if overflowed.queue_id not in self._floor.picture.queues or not self._numbers.can_call_out:
            log.error("callback_impossible", queue=overflowed.queue_id)
            await self.end(_TOLD_WHY[overflowed.cause], ev.Outcome.CLOSED)
            return
        await self._talk.say(_TOLD_WHY[overflowed.cause])
        number = await ask_number(self._talk, self._numbers)
        is_taken = number is not None and await take_callback(
            self._talk, self._state, number, floor=self._floor, memory=self._memory, now=self._clock.now()
        )
        if not is_taken:
            await self.end(WaitingPrompt.GOODBYE, ev.Outcome.CLOSED)

    async def _take_message(self, overflowed: ev.InteractionOverflowed) -> None:
        await self._talk.say(_TOLD_WHY[overflowed.cause])
        await take_message(
            self._talk.channel,
            self._state,
            queue_id=overflowed.queue_id,
            limits=MessageLimits(),
            floor=self._floor,
            voice=self._talk.voice,
            words=self._talk.words,
            clock=self._clock,
        )
