"""How good one queue's forecasts were today, as the fold of the events since the day's start.

Law: a contact counts once, by what was forecast when it came to the queue, on the day it came; folding in parts is
folding in one go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from callcenter.domain import events as ev
from callcenter.domain.ids import InteractionId, QueueId

_ZERO = timedelta()
_ABANDONED = frozenset({ev.Outcome.ABANDONED_IN_QUEUE, ev.Outcome.ABANDONED_WHILE_RINGING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What was expected of a wait that is not over."""

    at: datetime
    expected: timedelta
    low: timedelta
    high: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastDay:
    """The state of the fold; `figures` reads it out."""

    queue_id: QueueId
    start: datetime
    waiting: Mapping[InteractionId, Forecast | None] = field(default_factory=dict)
    """Who waits; None where nobody was at work and nothing could be forecast."""
    unforeseen: int = 0
    answered: int = 0
    inside: int = 0
    below: int = 0
    error_total: timedelta = _ZERO
    """Of the errors without their signs."""
    bias_total: timedelta = _ZERO
    wait_total: timedelta = _ZERO
    abandoned: int = 0
    abandoned_above: int = 0
    """Who gave up after the range had ended: there the forecast was too short for certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastFigures:
    """What the board and the reports show; the formulas stand in docs/metrics.md."""

    answered: int
    mean_absolute_error: timedelta | None
    bias: timedelta | None
    """Forecast minus wait in the mean: above zero, callers waited shorter than forecast."""
    mean_wait: timedelta | None
    inside: float | None
    below: float | None
    abandoned: int
    abandoned_above: int
    unforeseen: int


def begin_day(queue_id: QueueId, start: datetime) -> ForecastDay:
    """An empty day; `start` is aware, usually local midnight."""
    if start.tzinfo is None:
        raise ValueError(f"queue {queue_id}: the day's start {start} has no time zone; give an aware datetime")
    return ForecastDay(queue_id=queue_id, start=start)


def fold_all(state: ForecastDay, events: Iterable[ev.Event]) -> ForecastDay:
    """The day after all of `events`."""
    for event in events:
        state = fold(state, event)
    return state


def fold(state: ForecastDay, event: ev.Event) -> ForecastDay:
    """The day after `event`; what does not concern the queue gives the same state back."""
    match event:
        case ev.WaitPredicted():
            return _predicted(state, event)
        case ev.InteractionQueued():
            # Moved to another queue, it is forecast anew there.
            return state if event.queue_id == state.queue_id else _dropped(state, event.interaction_id)
        case ev.InteractionConnected():
            return _connected(state, event)
        case ev.InteractionEnded():
            return _ended(state, event)
        case _:
            return state


def figures(state: ForecastDay) -> ForecastFigures:
    """The day's figures so far."""
    answered = state.answered
    return ForecastFigures(
        answered=answered,
        mean_absolute_error=state.error_total / answered if answered else None,
        bias=state.bias_total / answered if answered else None,
        mean_wait=state.wait_total / answered if answered else None,
        inside=state.inside / answered if answered else None,
        below=state.below / answered if answered else None,
        abandoned=state.abandoned,
        abandoned_above=state.abandoned_above,
        unforeseen=state.unforeseen,
    )


def _predicted(state: ForecastDay, event: ev.WaitPredicted) -> ForecastDay:
    interaction_id = event.interaction_id
    if event.queue_id != state.queue_id:
        return _dropped(state, interaction_id)
    # The first forecast counts: told again after a restart, it is another one of a wait that is already under way.
    if interaction_id in state.waiting or event.at < state.start:
        return state
    forecast = None
    if event.expected_seconds is not None and event.low_seconds is not None and event.high_seconds is not None:
        forecast = Forecast(
            at=event.at,
            expected=timedelta(seconds=event.expected_seconds),
            low=timedelta(seconds=event.low_seconds),
            high=timedelta(seconds=event.high_seconds),
        )
    return replace(
        state,
        waiting={**state.waiting, interaction_id: forecast},
        unforeseen=state.unforeseen + (forecast is None),
    )


def _connected(state: ForecastDay, event: ev.InteractionConnected) -> ForecastDay:
    forecast = state.waiting.get(event.interaction_id)
    state = _dropped(state, event.interaction_id)
    if forecast is None or event.queue_id != state.queue_id:
        return state
    wait = max(event.at - forecast.at, _ZERO)
    error = forecast.expected - wait
    return replace(
        state,
        answered=state.answered + 1,
        inside=state.inside + (forecast.low <= wait <= forecast.high),
        below=state.below + (wait < forecast.low),
        error_total=state.error_total + abs(error),
        bias_total=state.bias_total + error,
        wait_total=state.wait_total + wait,
    )


def _ended(state: ForecastDay, event: ev.InteractionEnded) -> ForecastDay:
    forecast = state.waiting.get(event.interaction_id)
    state = _dropped(state, event.interaction_id)
    if forecast is None or event.outcome not in _ABANDONED:
        return state
    above = event.at - forecast.at > forecast.high
    return replace(state, abandoned=state.abandoned + 1, abandoned_above=state.abandoned_above + above)


def _dropped(state: ForecastDay, interaction_id: InteractionId) -> ForecastDay:
    if interaction_id not in state.waiting:
        return state
    waiting = {key: forecast for key, forecast in state.waiting.items() if key != interaction_id}
    return replace(state, waiting=waiting)
