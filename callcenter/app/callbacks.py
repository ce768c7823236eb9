"""Callbacks: the interaction that keeps the place of a caller who has hung up, and what his phone is told.

Law: a callback lives in the store and in the engine, not on a channel; a restart gives it its place back.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from callcenter.acd.picture import Picture
from callcenter.acd.waiting import WaitingRecord
from callcenter.app.call_state import CallStage, CallState
from callcenter.app.menu import Voice
from callcenter.app.ports import CustomerLine
from callcenter.app.words import WaitingWords
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import CALLBACK
from callcenter.domain.callbacks import Callback
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import InteractionId
from callcenter.domain.interactions import Interaction, Placement, Stage
from callcenter.domain.numbers import Number
from callcenter.ivr.waiting import WaitingPrompt


def callback_id_of(interaction_id: InteractionId) -> InteractionId:
    """The callback that a caller asks for in this interaction; asking twice makes the same."""
    return InteractionId(f"cb-{interaction_id}")


def placement_of(record: Interaction, picture: Picture, now: datetime) -> Placement:
    """The place a caller may keep; `Conflict` when he has none, or an agent is on the way to him."""
    waiting = picture.waiting.get(record.interaction_id)
    if waiting is not None:
        if waiting.offer_ids:
            raise Conflict(
                f"an agent is being rung for interaction {record.interaction_id}; it is answered in a moment",
                code="being_offered",
            )
        return Placement(
            queue_id=waiting.queue_id,
            entered_at=waiting.entered_at,
            placed_at=waiting.placed_at,
            base_priority=waiting.base_priority,
            skills=waiting.skills,
            traits=waiting.traits,
        )
    sent = picture.overflowed.get(record.interaction_id)
    if sent is None:
        raise Conflict(f"interaction {record.interaction_id} does not wait; there is no place to keep", code="no_place")
    known = record.placement
    if known is not None and known.queue_id == sent.queue_id:
        return known
    return Placement(queue_id=sent.queue_id, entered_at=now, placed_at=now)


def story_of_callback(
    origin: Interaction, callback_id: InteractionId, number: str, requested_at: datetime
) -> Iterator[ev.InteractionEvent]:
    """What the callback takes over from the call in which it was asked for."""
    ani = origin.ani if origin.ani.e164 == number else Number(raw=number, e164=number if number[:1] == "+" else None)
    yield ev.InteractionArrived(
        interaction_id=callback_id,
        at=requested_at,
        channel="",
        ani=ani,
        dnis=origin.dnis,
        caller_name=origin.caller_name,
    )
    if origin.customer_ids:
        yield ev.CustomerMatched(
            interaction_id=callback_id,
            at=requested_at,
            customer_ids=origin.customer_ids,
            customer_id=origin.customer_id,
        )
    if origin.language:
        yield ev.LanguageChosen(interaction_id=callback_id, at=requested_at, language=origin.language)
    for typed in origin.given.typed:
        yield ev.DigitsCollected(
            interaction_id=callback_id,
            at=requested_at,
            node="",
            variable=typed.variable,
            digits=typed.digits,
            secret=typed.secret,
            label=typed.label,
        )
    for step in origin.menu_path:
        yield ev.MenuChosen(interaction_id=callback_id, at=requested_at, node=step.node, key=step.key, label=step.label)


def place_of_callback(callback_id: InteractionId, placement: Placement, callback: Callback) -> cmd.Enqueue:
    """The command that puts a callback where it belongs."""
    return cmd.Enqueue(
        interaction_id=callback_id,
        queue_id=placement.queue_id,
        entered_at=placement.entered_at,
        placed_at=placement.placed_at,
        priority=placement.base_priority,
        skills=placement.skills,
        traits=placement.traits,
        media_type=CALLBACK,
        callback=callback,
        admitted=True,
    )


def place_after_restart(record: Interaction) -> cmd.Enqueue | None:
    """Where a callback from the store waits; None of one that talks, is over, or is none."""
    if (
        record.callback is None
        or record.placement is None
        # Whom an agent called out is not called again by itself.
        or record.callback.called_by is not None
        or record.stage in (Stage.TALKING, Stage.SURVEY, Stage.ENDED)
    ):
        return None
    return place_of_callback(record.interaction_id, record.placement, record.callback)


class CustomerLines:
    """What the phones of callbacks' customers show and say."""

    def __init__(self, *, voice: Voice, words: Callable[[], WaitingWords]) -> None:
        self._voice = voice
        self._words = words

    async def line(self, record: Interaction, waiting: WaitingRecord, music_class: str) -> CustomerLine:
        """The line of one attempt; the greeting is for who waits for an agent."""
        words = self._words()
        language = record.language or words.default_language
        hello = await self._voice.path_of(words.waiting_prompts.say(WaitingPrompt.CALLBACK_HELLO, language))
        if waiting.is_call_out:
            # He never waits in a queue: when the agent is gone, so is he.
            return CustomerLine(
                display_number=record.dnis,
                display_name="",
                state=CallState(language=language),
                play=(),
                music_class=music_class,
                caller_name=record.caller_name,
                dnis=record.dnis,
            )
        state = CallState(
            stage=CallStage.QUEUE,
            language=language,
            queue_id=waiting.queue_id,
            entered_at=waiting.entered_at,
            placed_at=waiting.placed_at,
            priority=waiting.base_priority,
            skills=waiting.skills,
            traits=waiting.traits,
            asked=1,
        )
        return CustomerLine(
            display_number=record.dnis,
            display_name="",
            state=state,
            play=() if hello is None else (hello,),
            music_class=music_class,
            caller_name=record.caller_name,
            dnis=record.dnis,
        )
