"""One queue's day so far, as the fold of the events since its start.

Law: a contact belongs to the day it entered the queue, with all that becomes of it, and counts once however often its
events are told; folding in parts is folding in one go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState
from callcenter.domain.ids import AgentId, InteractionId, QueueId
from callcenter.metrics.service_level import service_level

_Kept = TypeVar("_Kept")
_ZERO = timedelta()
ABANDONED = frozenset({ev.Outcome.ABANDONED_IN_QUEUE, ev.Outcome.ABANDONED_WHILE_RINGING, ev.Outcome.ABANDONED_IN_MENU})
GOES_ON_ELSEWHERE = frozenset({ev.Outcome.CALLBACK_TAKEN, ev.Outcome.CALLED_AGAIN})
"""The caller's place went on to another interaction, which is the contact that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """An agent's talk with a contact of this queue."""

    agent_id: AgentId
    since: datetime
    sent_on: bool = False
    """The agent has transferred the contact out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A talk that is over, while the agent's wrap-up goes on or is about to begin."""

    talked: timedelta
    wrap_up_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDay:
    """The state of the fold; `figures` reads it out.

    `threshold` and `short_abandon` hold for what is answered or abandoned from here on: replace them when the queue's
    rules change.
    """

    queue_id: QueueId
    start: datetime
    threshold: timedelta
    short_abandon: timedelta = timedelta(seconds=5)
    offered: int = 0
    answered: int = 0
    answered_within_threshold: int = 0
    abandoned: int = 0
    abandoned_short: int = 0
    left_otherwise: int = 0
    answer_wait_total: timedelta = _ZERO
    answer_wait_longest: timedelta = _ZERO
    transferred: int = 0
    handled: int = 0
    handle_total: timedelta = _ZERO
    waiting: Mapping[InteractionId, datetime] = field(default_factory=dict)
    """Who waits, and since when."""
    talking: Mapping[InteractionId, Talk] = field(default_factory=dict)
    working: Mapping[AgentId, Work] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """What the board and the reports show; the formulas stand in docs/metrics.md."""

    offered: int
    answered: int
    answered_within_threshold: int
    abandoned: int
    abandoned_short: int
    left_otherwise: int
    transferred: int
    waiting: int
    handled: int
    service_level: float | None
    abandon_rate: float | None
    transfer_rate: float | None
    asa: timedelta | None
    aht: timedelta | None
    longest_answered_wait: timedelta | None


def begin_day(
    queue_id: QueueId, start: datetime, threshold: timedelta, short_abandon: timedelta = timedelta(seconds=5)
) -> QueueDay:
    """An empty day; `start` is aware, usually local midnight."""
    if start.tzinfo is None:
        raise ValueError(f"queue {queue_id}: the day's start {start} has no time zone; give an aware datetime")
    return QueueDay(queue_id=queue_id, start=start, threshold=threshold, short_abandon=short_abandon)


def fold_all(state: QueueDay, events: Iterable[ev.Event]) -> QueueDay:
    """The day after all of `events`."""
    for event in events:
        state = fold(state, event)
    return state


def fold(state: QueueDay, event: ev.Event) -> QueueDay:
    """The day after `event`; what does not concern the queue gives the same state back."""
    match event:
        case ev.InteractionQueued():
            return _queued(state, event)
        case ev.InteractionConnected():
            return _connected(state, event)
        case ev.InteractionTransferred():
            return _transferred(state, event)
        case ev.TalkEnded():
            return _talk_ended(state, event.interaction_id, event.at)
        case ev.InteractionEnded():
            return _ended(state, event)
        case ev.AgentStateChanged():
            return _agent_changed(state, event)
        case _:
            return state


def figures(state: QueueDay) -> QueueFigures:
    """The day's figures so far."""
    return QueueFigures(
        offered=state.offered,
        answered=state.answered,
        answered_within_threshold=state.answered_within_threshold,
        abandoned=state.abandoned,
        abandoned_short=state.abandoned_short,
        left_otherwise=state.left_otherwise,
        transferred=state.transferred,
        waiting=len(state.waiting),
        handled=state.handled,
        service_level=service_level(
            answered_within_threshold=state.answered_within_threshold,
            offered=state.offered,
            abandoned_short=state.abandoned_short,
        ),
        abandon_rate=state.abandoned / state.offered if state.offered else None,
        transfer_rate=state.transferred / state.answered if state.answered else None,
        asa=state.answer_wait_total / state.answered if state.answered else None,
        aht=state.handle_total / state.handled if state.handled else None,
        longest_answered_wait=state.answer_wait_longest if state.answered else None,
    )


def _queued(state: QueueDay, event: ev.InteractionQueued) -> QueueDay:
    interaction_id = event.interaction_id
    if event.queue_id != state.queue_id:
        if interaction_id not in state.waiting:
            return state
        return replace(state, waiting=_without(state.waiting, interaction_id), left_otherwise=state.left_otherwise + 1)
    # Told again after a restart, it is the same entry; from before the day's start, it is another day's.
    if interaction_id in state.waiting or event.entered_at < state.start:
        return state
    return replace(state, offered=state.offered + 1, waiting={**state.waiting, interaction_id: event.entered_at})


def _connected(state: QueueDay, event: ev.InteractionConnected) -> QueueDay:
    entered_at = state.waiting.get(event.interaction_id)
    if entered_at is None:
        return state
    wait = max(event.at - entered_at, _ZERO)
    return replace(
        state,
        waiting=_without(state.waiting, event.interaction_id),
        talking={**state.talking, event.interaction_id: Talk(agent_id=event.agent_id, since=event.at)},
        answered=state.answered + 1,
        answered_within_threshold=state.answered_within_threshold + (wait <= state.threshold),
        answer_wait_total=state.answer_wait_total + wait,
        answer_wait_longest=max(state.answer_wait_longest, wait),
    )


def _transferred(state: QueueDay, event: ev.InteractionTransferred) -> QueueDay:
    talk = state.talking.get(event.interaction_id)
    if talk is None or talk.sent_on or talk.agent_id != event.agent_id:
        return state
    talking = {**state.talking, event.interaction_id: replace(talk, sent_on=True)}
    return replace(state, talking=talking, transferred=state.transferred + 1)


def _talk_ended(state: QueueDay, interaction_id: InteractionId, at: datetime) -> QueueDay:
    talk = state.talking.get(interaction_id)
    if talk is None:
        return state
    work = Work(talked=max(at - talk.since, _ZERO))
    return replace(
        state,
        talking=_without(state.talking, interaction_id),
        working={**state.working, talk.agent_id: work},
    )


def _ended(state: QueueDay, event: ev.InteractionEnded) -> QueueDay:
    state = _talk_ended(state, event.interaction_id, event.at)
    entered_at = state.waiting.get(event.interaction_id)
    if entered_at is None:
        return state
    waiting = _without(state.waiting, event.interaction_id)
    if event.outcome in GOES_ON_ELSEWHERE:
        return replace(state, waiting=waiting, offered=state.offered - 1)
    if event.outcome not in ABANDONED:
        return replace(state, waiting=waiting, left_otherwise=state.left_otherwise + 1)
    short = event.at - entered_at < state.short_abandon
    return replace(state, waiting=waiting, abandoned=state.abandoned + 1, abandoned_short=state.abandoned_short + short)


def _agent_changed(state: QueueDay, event: ev.AgentStateChanged) -> QueueDay:
    work = state.working.get(event.agent_id)
    if work is None:
        return state
    if event.new is AgentState.WRAP_UP:
        return replace(state, working={**state.working, event.agent_id: replace(work, wrap_up_since=event.at)})
    wrapped = _ZERO if work.wrap_up_since is None else max(event.at - work.wrap_up_since, _ZERO)
    return replace(
        state,
        working={agent_id: other for agent_id, other in state.working.items() if agent_id != event.agent_id},
        handled=state.handled + 1,
        handle_total=state.handle_total + work.talked + wrapped,
    )


def _without(mapping: Mapping[InteractionId, _Kept], interaction_id: InteractionId) -> dict[InteractionId, _Kept]:
    return {key: value for key, value in mapping.items() if key != interaction_id}
