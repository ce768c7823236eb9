"""Treats a caller who waits: what he is told and asked between two spells of music, and what he chooses.

Law: an answer to a question depends on what the channel carries and on the engine's picture, never on what was answered
before. While he is told or asked something, an agent who is free still gets him at once. Where he has a choice, its
keys count at every moment of his waiting: in words, in music and in between.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from callcenter.acd.estimate import Prediction
from callcenter.acd.picture import Picture
from callcenter.acd.treatment import PLACE_WORDS, Announcement, Treatment, treat
from callcenter.acd.turns import Heard, Stand, greets_with_question, question_due, until_more, words_due
from callcenter.acd.waiting import WaitingRecord
from callcenter.app.call_state import CallState
from callcenter.app.callback_choice import CardMemory, Numbers, ask_number, take_callback
from callcenter.app.caller import CallerChannel, WaitVerdict
from callcenter.app.closing import close_call
from callcenter.app.conversation import Conversation
from callcenter.app.floor import Floor
from callcenter.app.menu import Voice
from callcenter.app.messages_taken import MessageLimits, take_message
from callcenter.app.ports import Clock
from callcenter.app.self_service import SelfService
from callcenter.app.sent_on import SentOn
from callcenter.app.words import WaitingWords
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import VOICE
from callcenter.domain.direct import agent_of
from callcenter.domain.ids import QueueId
from callcenter.domain.queues import QueueConfig
from callcenter.domain.waiting_rules import KEYS, Choice
from callcenter.ivr import messages as ivr
from callcenter.ivr.waiting import OFFERS, WaitingPrompt

log = structlog.get_logger(__name__)

CAUSE_NORMAL = 16
A_MOMENT = timedelta(seconds=1)


class WaitingRoom:
    """The use case behind the questions of callers who wait."""

    def __init__(
        self,
        *,
        floor: Floor,
        memory: CardMemory,
        voice: Voice,
        clock: Clock,
        numbers: Numbers,
        self_service: SelfService,
    ) -> None:
        self.floor = floor
        self.memory = memory
        self.clock = clock
        self.self_service = self_service
        self.numbers = numbers
        """How typed numbers are read."""
        self._voice = voice

    async def treat(self, channel: CallerChannel, state: CallState, words: WaitingWords, place: cmd.Enqueue) -> bool:
        """Answer the question of somebody who waits, or comes to his queue now, at this `place`.

        False: it is not answered, for the agent he was put through to has not taken him.
        """
        interaction_id, picture = channel.question.interaction_id, self.floor.picture
        talk = Conversation(channel, words, self._voice, state.language)
        if place.queue_id not in picture.queues and interaction_id not in picture.waiting:
            log.error("queue_unknown", queue=place.queue_id)
            await self._sent_on(talk, state).end(WaitingPrompt.ERROR, ev.Outcome.FAILED)
            return True
        if interaction_id not in picture.overflowed:
            await self.floor.request(place)
        overflowed = picture.overflowed.get(interaction_id)
        if overflowed is not None:
            if agent_of(overflowed.queue_id) is not None:
                return False
            queue = picture.queues.get(overflowed.queue_id)
            talk.music_class = talk.music_class if queue is None else queue.config.music_class
            await self._sent_on(talk, state).send_on(overflowed)
            return True
        record = picture.waiting.get(interaction_id)
        if record is None:  # In a talk already: the bridge is pulling the caller out of this question.
            await channel.decide(WaitVerdict(music=A_MOMENT), state)
            return True
        config = picture.queue(record.queue_id).config
        talk.music_class = config.music_class
        await _Visit(self, talk, _following(state, record), config).wait(record)
        return True

    def _sent_on(self, talk: Conversation, state: CallState) -> SentOn:
        return SentOn(talk, state, floor=self.floor, memory=self.memory, numbers=self.numbers, clock=self.clock)


class _Visit:
    """One question of one caller."""

    def __init__(self, room: WaitingRoom, talk: Conversation, state: CallState, config: QueueConfig) -> None:
        self._room = room
        self._talk = talk
        self._channel = talk.channel
        self._state = state
        self._config = config
        self.interaction_id = talk.channel.question.interaction_id

    @property
    def _picture(self) -> Picture:
        return self._room.floor.picture

    async def wait(self, record: WaitingRecord) -> None:
        """Tell him what is to be told, ask him what is to be asked, and let him wait on."""
        told = self._room.floor.interactions.get(self.interaction_id)
        if told is not None and told.forecast is None:
            self._tell_forecast(record, self._forecast(), self._room.clock.now())
        if self._state.node:  # He was in his self-service when a server died, or his agent's bridge failed.
            if not await self._serve_himself(self._state.flow, resumed=True):
                await self._back_in_line()
            return
        key = self._channel.typed(_keys(self._stand(record))) or await self._say_words(record)
        if key is not None:
            await self._choose(key)
            return
        still = self._picture.waiting.get(self.interaction_id)
        if still is None or still.queue_id != record.queue_id:
            # The next question looks up what the other queue lets him choose; no key gets lost before.
            keys = "" if still is None else "".join(KEYS.values())
            await self._channel.decide(WaitVerdict(music=A_MOMENT, keys=keys), self._state)
            return
        await self._tell_or_ask(still)

    async def _say_words(self, record: WaitingRecord) -> str | None:
        """What is said before place and wait; the key of a choice that cut it short."""
        stand = self._stand(record)
        words, heard = words_due(self._config, stand, _heard(self._state))
        paths = await self._named(words)
        key = await self._talk.hear(paths, _keys(stand)) if paths else None
        # Not before it was heard: after a crash he hears it again.
        self._state = _having_heard(self._state, heard)
        return key

    async def _named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The sound files of prompts that the business names."""
        prompts, language = self._talk.prompts, self._talk.language
        for name in names:
            if not prompts.can_say(name):
                log.error("prompt_unknown", queue=self._config.queue_id, prompt=name)
        return await self._talk.paths(*(prompts.named(name, language) for name in names if prompts.can_say(name)))

    async def _tell_or_ask(self, record: WaitingRecord) -> None:
        """Place and wait as they are at this moment, then the question if it is due, then music."""
        stand, heard = self._stand(record), _heard(self._state)
        asks = question_due(self._config, stand, heard)
        treatment = self._treatment(record, stand, at_once=greets_with_question(self._config, stand, heard))
        said = await self._announcement(treatment, stand.now)
        key: str | None = None
        if asks:
            offers = await self._talk.prompt_paths(*(OFFERS[choice] for choice in stand.choices))
            key = await self._talk.choose((*said, *offers), _keys(stand))
            now = self._room.clock.now()
            self._state = replace(self._state, asked=self._state.asked + 1, asked_at=now)
        elif said and stand.has_a_choice:
            key = await self._talk.hear(said, _keys(stand))
        if key is not None:
            await self._choose(key)
            return
        play = () if asks or stand.has_a_choice else said
        await self._go_on(treatment.music, stand, play)

    async def _go_on(self, music: timedelta, stand: Stand, play: tuple[str, ...] = ()) -> None:
        more = until_more(self._config, stand, _heard(self._state))
        if more is not None:
            music = min(music, max(more, A_MOMENT))
        await self._listen(music, _keys(stand), play)

    async def _listen(self, music: timedelta, keys: str, play: tuple[str, ...] = ()) -> None:
        """Let him wait with music, in which these keys of his choices count."""
        verdict = WaitVerdict(play=play, music=music, music_class=self._config.music_class, keys=keys)
        await self._channel.decide(verdict, self._state)

    def _keys_now(self) -> str:
        record = self._picture.waiting.get(self.interaction_id)
        return _keys(self._stand(record)) if record is not None else ""

    # ---- how he stands

    def _stand(self, record: WaitingRecord) -> Stand:
        return Stand(
            now=self._room.clock.now(),
            entered_at=record.entered_at,
            placed_at=record.placed_at,
            step=record.step,
            waiting=len(self._picture.queue(record.queue_id).waiting),
            being_offered=bool(record.offer_ids),
            expected=self._expected,
            choices=self._choices(record),
        )

    def _choices(self, record: WaitingRecord) -> tuple[Choice, ...]:
        """What this queue lets him choose."""
        config, rules = self._config, self._config.waiting
        if record.media_type != VOICE or not config.asks:
            return (Choice.WAIT,)
        possible = {
            Choice.CALLBACK: config.callback is not None and self._room.numbers.can_call_out,
            Choice.MESSAGE: rules.message,
            Choice.SELF_SERVICE: bool(rules.self_service),
        }
        return (Choice.WAIT, *(choice for choice, is_possible in possible.items() if is_possible))

    def _forecast(self) -> Prediction | None:
        """Asked only when it is needed: with ten thousand waiting, each costs more than all the rest of a question."""
        return self._picture.forecast(self.interaction_id, self._room.clock.now())

    def _expected(self) -> timedelta | None:
        forecast = self._forecast()
        return None if forecast is None else forecast.expected

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

    # ---- place and wait

    def _treatment(self, record: WaitingRecord, stand: Stand, *, at_once: bool) -> Treatment:
        return treat(
            self._config,
            waited=stand.now - record.entered_at,
            position=self._picture.position(self.interaction_id) or 1,
            forecast=self._forecast,
            being_offered=stand.being_offered,
            announced_at=self._state.announced_at,
            announced_position=self._state.announced_position,
            announced_wait=self._state.announced_wait,
            now=stand.now,
            at_once=at_once,
        )

    async def _announcement(self, treatment: Treatment, now: datetime) -> tuple[str, ...]:
        """What there is a sound for; of what there was none in time he has heard nothing, so it is due again."""
        if not treatment.due:
            return ()
        state = self._state
        carried = replace(
            state, announced_at=now, announced_position=treatment.position, announced_wait=treatment.promise
        )
        if treatment.say == (Announcement.COMFORT,):
            self._state = carried
            return await self._named((self._config.waiting.comfort,))
        prompts, language, position = self._talk.prompts, self._talk.language, treatment.position or 1
        said = [
            prompts.announce(WaitingPrompt(word.value), language, position=position, wait=treatment.wait)
            for word in treatment.say
        ]
        paths = dict(zip(treatment.say, await self._talk.paths_or_none(*said), strict=True))
        late = {word for word, path in paths.items() if path is None}
        if late == set(paths):
            return ()
        if late & PLACE_WORDS:
            carried = replace(carried, announced_position=state.announced_position)
        if late - PLACE_WORDS:
            carried = replace(carried, announced_wait=state.announced_wait)
        self._state = carried
        if treatment.forecast is not None and not late & PLACE_WORDS:
            self._room.floor.tell(
                ev.PositionAnnounced(
                    interaction_id=self.interaction_id,
                    at=now,
                    queue_id=self._config.queue_id,
                    position=position,
                    expected_wait_seconds=treatment.forecast.expected.total_seconds(),
                )
            )
        return tuple(path for path in paths.values() if path is not None)

    # ---- what he chooses

    async def _choose(self, key: str) -> None:
        """Do what he has chosen; whoever waits on afterwards hears music at once."""
        log.info("waiting_choice", key=key)
        is_over = False
        match key:
            case "2":
                is_over = await self._call_back()
            case "3":
                is_over = await self._take_message(self._config.queue_id, MessageLimits())
            case "4":
                is_over = await self._serve_himself(self._config.waiting.self_service, resumed=False)
                if not is_over:
                    await self._back_in_line()
                    return
            case _:
                pass
        if not is_over:
            await self._listen(A_MOMENT, self._keys_now())

    async def _call_back(self, number: str | None = None) -> bool:
        number = number or await ask_number(self._talk, self._room.numbers)
        if number is None:
            return False
        room = self._room
        return await take_callback(
            self._talk, self._state, number, floor=room.floor, memory=room.memory, now=room.clock.now()
        )

    async def _take_message(self, queue_id: QueueId, limits: MessageLimits) -> bool:
        record = self._picture.waiting.get(self.interaction_id)
        if record is None or record.offer_ids:
            return False  # Somebody is about to answer: that is better than any message.
        room = self._room
        await take_message(
            self._channel,
            self._state,
            queue_id=queue_id,
            limits=limits,
            floor=room.floor,
            voice=self._talk.voice,
            words=self._talk.words,
            clock=room.clock,
        )
        return True

    async def _serve_himself(self, flow_name: str, *, resumed: bool) -> bool:
        """Through the flow; True when the call ends with it."""
        served = await self._room.self_service.serve_waiting(self._channel, self._state, flow_name, resumed=resumed)
        state, result = served if served is not None else (self._state, None)
        self._talk.speak(state.language)
        self._state = replace(state, node="", flow="")
        match result:
            case ivr.HangUp():
                outcome = ev.Outcome.ENDED_IN_MENU
                await close_call(self._room.floor, self._channel, self._state, (), outcome, CAUSE_NORMAL)
                return True
            case ivr.ToVoicemail(queue=queue, longest=longest, silence=silence):
                return await self._take_message(QueueId(queue), MessageLimits(longest=longest, silence=silence))
            case ivr.ToCallback(number=typed) if self._config.callback is not None and self._room.numbers.can_call_out:
                return await self._call_back(self._room.numbers.dialled(typed) if typed else None)
            case _:
                return False

    async def _back_in_line(self) -> None:
        """He waits on, and hears that he has lost nothing."""
        keys = self._keys_now()
        key = await self._talk.hear(await self._talk.prompt_paths(WaitingPrompt.BACK_IN_LINE), keys)
        if key is not None:
            await self._choose(key)
            return
        await self._listen(A_MOMENT, keys)


def _keys(stand: Stand) -> str:
    return "".join(KEYS[choice] for choice in stand.choices) if stand.has_a_choice else ""


def _heard(state: CallState) -> Heard:
    return Heard(
        greeted=state.greeted,
        step=state.told_step,
        announced_at=state.announced_at,
        informed=state.informed,
        informed_at=state.informed_at,
        asked=state.asked,
        asked_at=state.asked_at,
    )


def _having_heard(state: CallState, heard: Heard) -> CallState:
    return replace(
        state,
        greeted=heard.greeted,
        told_step=heard.step,
        informed=heard.informed,
        informed_at=heard.informed_at,
    )


def _following(state: CallState, record: WaitingRecord) -> CallState:
    """What the channel is to carry of a place that the engine, or a supervisor, may have changed."""
    if state.queue_id != record.queue_id:
        # A place in another queue is no worse one than before, and that queue has words of its own.
        state = replace(state, announced_position=None, greeted=False, told_step=0, informed=0)
    return replace(
        state,
        queue_id=record.queue_id,
        entered_at=record.entered_at,
        placed_at=None if record.placed_at == record.entered_at else record.placed_at,
        priority=record.base_priority,
    )
