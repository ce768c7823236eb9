"""Treats a caller who waits: what he is told and asked between two spells of music, and where a queue's rules send him.

Law: an answer to a question depends on what the channel carries and on the engine's picture, never on what was answered
before. While he is asked something, an agent who is free still gets him at once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from callcenter.acd.estimate import Prediction
from callcenter.acd.picture import Picture
from callcenter.acd.treatment import Announcement, Treatment, treat
from callcenter.acd.waiting import WaitingRecord
from callcenter.app.call_state import CallState
from callcenter.app.callbacks import callback_id_of
from callcenter.app.caller import (
    CallerChannel,
    TransferVerdict,
    WaitVerdict,
)
from callcenter.app.closing import close_call
from callcenter.app.floor import Floor, TakeCallback
from callcenter.app.menu import Voice
from callcenter.app.messages_taken import MessageLimits, take_message
from callcenter.app.ports import Clock, CustomerCard
from callcenter.app.words import WaitingWords
from callcenter.crm.numbers import normalise
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import VOICE
from callcenter.domain.direct import agent_of
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.overflows import OverflowCause, OverflowKind
from callcenter.domain.queues import QueueConfig
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.variables import Variables
from callcenter.ivr.waiting import WaitingPrompt

log = structlog.get_logger(__name__)

CAUSE_NORMAL = 16
A_MOMENT = timedelta(seconds=1)
ANSWER_LIMIT = timedelta(seconds=6)
"""How long a caller who was asked something may think, with music."""
DIGIT_LIMIT = timedelta(seconds=5)
MOST_TRIES = 3
MOST_DIGITS = 20
TRANSFER_RING = timedelta(seconds=45)

_TOLD_WHY = {
    OverflowCause.EMERGENCY: WaitingPrompt.CLOSED_NOW,
    OverflowCause.HOURS: WaitingPrompt.CLOSED,
    OverflowCause.FULL: WaitingPrompt.TOO_MANY,
    OverflowCause.TOO_LONG: WaitingPrompt.TOO_MANY,
    OverflowCause.NOBODY: WaitingPrompt.NOBODY_LEFT,
    OverflowCause.STEP: WaitingPrompt.TOO_MANY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How a number that a caller types in is read, and whether numbers outside can be called at all."""

    region: str
    can_call_out: bool = True
    """Without a trunk for calls out nobody is promised a callback."""

    def dialled(self, digits: str) -> str | None:
        """The number in the form it can be called under; None when it is no number."""
        return normalise(digits, self.region).e164


class CardMemory(Protocol):
    """Whose numbers those are who are in the house."""

    def cards(self, interaction_id: InteractionId) -> tuple[CustomerCard, ...]:
        """What was found."""
        ...

    def keep(self, interaction_id: InteractionId, cards: tuple[CustomerCard, ...]) -> None:
        """Remember it."""
        ...


class WaitingRoom:
    """The use case behind the questions of callers who wait."""

    def __init__(self, *, floor: Floor, memory: CardMemory, voice: Voice, clock: Clock, numbers: Numbers) -> None:
        self._floor = floor
        self._memory = memory
        self._voice = voice
        self._clock = clock
        self.numbers = numbers
        """How typed numbers are read."""

    async def treat(self, channel: CallerChannel, state: CallState, words: WaitingWords, place: cmd.Enqueue) -> bool:
        """Answer the question of somebody who waits, or comes to his queue now, at this `place`.

        False: it is not answered, for the agent he was put through to has not taken him.
        """
        visit = _Visit(self, channel, state, words)
        picture = self._floor.picture
        if place.queue_id not in picture.queues and visit.interaction_id not in picture.waiting:
            log.error("queue_unknown", queue=place.queue_id)
            await visit.end(WaitingPrompt.ERROR, ev.Outcome.FAILED)
            return True
        if visit.interaction_id not in picture.overflowed:
            await self._floor.request(place)
        overflowed = picture.overflowed.get(visit.interaction_id)
        if overflowed is not None:
            if agent_of(overflowed.queue_id) is not None:
                return False
            await visit.send_on(overflowed)
            return True
        record = picture.waiting.get(visit.interaction_id)
        if record is None:  # In a talk already: the bridge is pulling the caller out of this question.
            await channel.decide(WaitVerdict(music=A_MOMENT), state)
            return True
        await visit.wait(record, picture.queue(record.queue_id).config)
        return True

    # ---- for visits

    def share_cards(self, origin: InteractionId, callback_id: InteractionId) -> None:
        """Who is known in a call is known in the callback he asked for."""
        self._memory.keep(callback_id, self._memory.cards(origin))

    @property
    def floor(self) -> Floor:
        """Where everything is told."""
        return self._floor

    def now(self) -> datetime:
        """The present moment."""
        return self._clock.now()

    async def take_message(
        self,
        channel: CallerChannel,
        state: CallState,
        words: WaitingWords,
        queue_id: QueueId,
        limits: MessageLimits,
    ) -> None:
        """Take a message for a queue, from somebody who waits no more, and end his call."""
        await take_message(
            channel,
            state,
            queue_id=queue_id,
            limits=limits,
            floor=self._floor,
            voice=self._voice,
            words=words,
            clock=self._clock,
        )

    async def paths(self, said: tuple[Utterance, ...]) -> tuple[str, ...]:
        """The sound files of what is to be said, those that are there in time."""
        paths = [await self._voice.path_of(utterance) for utterance in said]
        return tuple(path for path in paths if path is not None)


class _Visit:
    """One question of one caller."""

    def __init__(self, room: WaitingRoom, channel: CallerChannel, state: CallState, words: WaitingWords) -> None:
        self._room = room
        self._channel = channel
        self._state = state
        self._words = words
        self.interaction_id = channel.question.interaction_id

    @property
    def _picture(self) -> Picture:
        return self._room.floor.picture

    # ---- waiting

    async def wait(self, record: WaitingRecord, config: QueueConfig) -> None:
        """Tell him what is to be told, ask him what is to be asked, and let him wait on."""
        now = self._room.now()
        self._state = _following(self._state, record)
        told = self._room.floor.interactions.get(self.interaction_id)
        if told is not None and told.forecast is None:
            self._tell_forecast(record, self._forecast(), now)
        if self._must_ask(record, config, now):
            self._state = replace(self._state, asked=True)
            await self._channel.remember(self._state)
            if await self._offer_callback(config):
                return
            now = self._room.now()
        record = self._picture.waiting.get(self.interaction_id, record)
        treatment = treat(
            config,
            waited=now - record.entered_at,
            position=self._picture.position(self.interaction_id) or 1,
            forecast=self._forecast,
            being_offered=bool(record.offer_ids),
            announced_at=self._state.announced_at,
            announced_position=self._state.announced_position,
            announced_wait=self._state.announced_wait,
            now=now,
        )
        play = [*await self._of_step(record, config), *await self._announcement(treatment, config, now)]
        music_class = config.music_class
        verdict = WaitVerdict(play=tuple(play), music=treatment.music, music_class=music_class)
        await self._channel.decide(verdict, self._state)

    def _tell_forecast(self, record: WaitingRecord, forecast: Prediction | None, now: datetime) -> None:
        self._room.floor.tell(
            ev.WaitPredicted(
                interaction_id=self.interaction_id,
                at=now,
                queue_id=record.queue_id,
                position=self._picture.position(self.interaction_id) or 1,
                expected_seconds=None if forecast is None else forecast.expected.total_seconds(),
                low_seconds=None if forecast is None else forecast.low.total_seconds(),
                high_seconds=None if forecast is None else forecast.high.total_seconds(),
            )
        )

    async def _of_step(self, record: WaitingRecord, config: QueueConfig) -> tuple[str, ...]:
        """What the queue's present step says, once."""
        steps = config.routing
        if record.step <= self._state.told_step or record.step >= len(steps):
            return ()
        self._state = replace(self._state, told_step=record.step)
        name = steps[record.step].announce
        prompts = self._words.waiting_prompts
        if not name or record.offer_ids:
            return ()
        if not prompts.has(name):
            log.error("step_prompt_unknown", queue=config.queue_id, step=record.step, prompt=name)
            return ()
        return await self._room.paths((prompts.named(name, self._state.language),))

    def _forecast(self) -> Prediction | None:
        """Asked only when it is needed: with ten thousand waiting, each costs more than all the rest of a question."""
        return self._picture.forecast(self.interaction_id, self._room.now())

    async def _announcement(self, treatment: Treatment, config: QueueConfig, now: datetime) -> tuple[str, ...]:
        if not treatment.say:
            return ()
        self._state = replace(
            self._state, announced_at=now, announced_position=treatment.position, announced_wait=treatment.promise
        )
        forecast = treatment.forecast
        if forecast is not None and set(treatment.say) - {Announcement.COMFORT}:
            self._room.floor.tell(
                ev.PositionAnnounced(
                    interaction_id=self.interaction_id,
                    at=now,
                    queue_id=config.queue_id,
                    position=treatment.position or 1,
                    expected_wait_seconds=forecast.expected.total_seconds(),
                )
            )
        prompts, language = self._words.waiting_prompts, self._state.language
        said = (
            prompts.announce(WaitingPrompt(word.value), language, position=treatment.position or 1, wait=treatment.wait)
            for word in treatment.say
        )
        return await self._room.paths(tuple(said))

    # ---- would he rather be called back?

    def _must_ask(self, record: WaitingRecord, config: QueueConfig, now: datetime) -> bool:
        if config.callback is None or not self._room.numbers.can_call_out or self._state.asked:
            return False
        if record.media_type != VOICE or record.offer_ids:
            return False
        steps = config.routing[: record.step + 1]
        if any(step.offer_callback for step in steps):
            return True
        if config.offer_callback_after is not None and now - record.placed_at >= config.offer_callback_after:
            return True
        above = config.offer_callback_above
        forecast = self._forecast() if above is not None else None
        return above is not None and forecast is not None and forecast.expected > above

    async def _offer_callback(self, config: QueueConfig) -> bool:
        """Ask; True when he has chosen to be called back and everything is done."""
        key = await self._ask(WaitingPrompt.OFFER_CALLBACK, "12", config)
        if key != "2":
            return False
        number = await self._callback_number(config)
        if number is None:
            return False
        return await self._take_callback(number)

    async def _callback_number(self, config: QueueConfig) -> str | None:
        """Where he wants to be called: his own number, or one he types; None when he gives none."""
        own = self._channel.question.ani
        if own.e164 is not None:
            key = await self._ask(WaitingPrompt.CONFIRM_NUMBER, "12", config, {"number": own.national or own.e164})
            if key == "1":
                return own.e164
            if key is None:
                return None
        for _ in range(MOST_TRIES):
            digits = await self._digits(config)
            number = self._room.numbers.dialled(digits) if digits else None
            if number is None:
                await self._say(WaitingPrompt.NUMBER_WRONG)
                continue
            if await self._ask(WaitingPrompt.CONFIRM_NUMBER, "12", config, {"number": digits}) == "1":
                return number
        return None

    async def _digits(self, config: QueueConfig) -> str:
        """What he types, up to the hash key or a pause."""
        digits = ""
        key = await self._ask(WaitingPrompt.ENTER_NUMBER, "0123456789#", config)
        while key is not None and key != "#" and len(digits) < MOST_DIGITS:
            digits += key if key.isdigit() else ""
            key = await self._channel.listen(DIGIT_LIMIT)
        return digits

    async def _take_callback(self, number: str) -> bool:
        try:
            await self._room.floor.request(
                TakeCallback(interaction_id=self.interaction_id, number=number, requested_at=self._room.now())
            )
        except Conflict as error:
            log.info("callback_refused", code=error.code)
            if error.code == "callback_exists":
                await self._say(WaitingPrompt.CALLBACK_EXISTS)
            return False
        self._room.share_cards(self.interaction_id, callback_id_of(self.interaction_id))
        play = await self._room.paths((self._words.waiting_prompts.say(WaitingPrompt.CALLBACK_TAKEN, self._language),))
        await self._close(play, ev.Outcome.CALLBACK_TAKEN)
        return True

    # ---- where a rule of the queue sends him

    async def send_on(self, overflowed: ev.InteractionOverflowed) -> None:
        """Carry out what the engine has decided for somebody who is in no queue any more."""
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

    async def _transfer(self, overflowed: ev.InteractionOverflowed) -> None:
        if self._channel.question.transfer is not None:
            await self.end(WaitingPrompt.TRANSFER_FAILED, ev.Outcome.CLOSED)
            return
        queue = self._picture.queues.get(overflowed.queue_id)
        play = await self._room.paths((self._words.waiting_prompts.say(WaitingPrompt.TRANSFERRING, self._language),))
        verdict = TransferVerdict(
            play=play,
            number=overflowed.overflow.target,
            ring_timeout=TRANSFER_RING,
            music_class=queue.config.music_class if queue is not None else "default",
        )
        await self._channel.decide(verdict, self._state)

    async def _call_back_instead(self, overflowed: ev.InteractionOverflowed) -> None:
        queue = self._picture.queues.get(overflowed.queue_id)
        if queue is None or not self._room.numbers.can_call_out:
            log.error("callback_impossible", queue=overflowed.queue_id)
            await self.end(_TOLD_WHY[overflowed.cause], ev.Outcome.CLOSED)
            return
        await self._say(_TOLD_WHY[overflowed.cause])
        number = await self._callback_number(queue.config)
        if number is None or not await self._take_callback(number):
            await self.end(WaitingPrompt.GOODBYE, ev.Outcome.CLOSED)

    async def _take_message(self, overflowed: ev.InteractionOverflowed) -> None:
        await self._say(_TOLD_WHY[overflowed.cause])
        await self._room.take_message(self._channel, self._state, self._words, overflowed.queue_id, MessageLimits())

    # ---- words

    @property
    def _language(self) -> str:
        return self._state.language or self._words.default_language

    async def _ask(
        self, prompt: WaitingPrompt, keys: str, config: QueueConfig, variables: Variables | None = None
    ) -> str | None:
        said = self._words.waiting_prompts.say(prompt, self._language, variables)
        return await self._channel.ask(await self._room.paths((said,)), keys, ANSWER_LIMIT, config.music_class)

    async def _say(self, prompt: WaitingPrompt) -> None:
        for path in await self._room.paths((self._words.waiting_prompts.say(prompt, self._language),)):
            await self._channel.play(path, "")

    async def end(self, prompt: WaitingPrompt, outcome: ev.Outcome, cause: int = CAUSE_NORMAL) -> None:
        """Say something and hang up."""
        said = self._words.waiting_prompts.say(prompt, self._language)
        await self._close(await self._room.paths((said,)), outcome, cause)

    async def _close(self, play: tuple[str, ...], outcome: ev.Outcome, cause: int = CAUSE_NORMAL) -> None:
        await close_call(self._room.floor, self._channel, self._state, play, outcome, cause)


def _following(state: CallState, record: WaitingRecord) -> CallState:
    """What the channel is to carry of a place that the engine, or a supervisor, may have changed."""
    return replace(
        state,
        # A place in another queue is no worse one than before.
        announced_position=state.announced_position if state.queue_id == record.queue_id else None,
        queue_id=record.queue_id,
        entered_at=record.entered_at,
        placed_at=None if record.placed_at == record.entered_at else record.placed_at,
        priority=record.base_priority,
    )
