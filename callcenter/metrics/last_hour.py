"""Every queue's last hour, minute by minute, and its service level of the last half hour, as a fold of the events.

Laws: a contact belongs to the minute it entered the queue, with all that becomes of it, and counts once; what is kept
is bounded by the hour, however long the server runs; folding in parts is folding in one go.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from callcenter.domain import events as ev
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.metrics.queue_day import ABANDONED, GOES_ON_ELSEWHERE
from callcenter.metrics.service_level import service_level

MINUTES: Final = 60
HALF_HOUR: Final = 30
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfHour:
    """What became of the contacts that entered a queue in the last 30 minutes."""

    offered: int
    answered: int
    abandoned: int
    service_level: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HourSeries:
    """One value for each of the last 60 minutes, the oldest first; the last is the minute that still runs.

    `waiting` is the most that waited at once in the minute; `service_level` is of those who entered in the half hour
    up to the minute's end, None where nobody did.
    """

    until: datetime
    waiting: tuple[int, ...]
    offered: tuple[int, ...]
    answered: tuple[int, ...]
    abandoned: tuple[int, ...]
    service_level: tuple[float | None, ...]


@dataclass(slots=True)
class _Minute:
    offered: int = 0
    answered: int = 0
    within: int = 0
    abandoned: int = 0
    short: int = 0
    most_waiting: int = 0


@dataclass(slots=True)
class _Queue:
    waiting: int = 0
    minutes: dict[int, _Minute] = field(default_factory=dict)
    """By the number of the minute; minutes in which nothing happened are not there."""
    waited_at: dict[int, int] = field(default_factory=dict)
    """How many waited when the minute's last change was over: what the quiet minutes after it show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    queue_id: QueueId
    entered_at: datetime
    entered: int


class LastHour:
    """The state of the fold over all queues; whoever owns it gives events in their order."""

    def __init__(self, *, short_abandon: timedelta = timedelta(seconds=5)) -> None:
        self._short_abandon = short_abandon
        self._queues: dict[QueueId, _Queue] = {}
        self._places: dict[InteractionId, _Place] = {}

    def take(self, event: ev.Event, threshold_of: Callable[[QueueId], timedelta]) -> None:
        """Fold one event; the threshold of a queue is asked for when somebody is answered there."""
        match event:
            case ev.InteractionQueued():
                self._queued(event)
            case ev.InteractionConnected():
                place = self._leave(event.interaction_id, event.at)
                if place is not None:
                    minute = self._minute(place.queue_id, place.entered)
                    minute.answered += 1
                    minute.within += event.at - place.entered_at <= threshold_of(place.queue_id)
            case ev.InteractionEnded():
                self._ended(event)

    def half_hour(self, queue_id: QueueId, now: datetime) -> HalfHour:
        """What is shown of the last 30 minutes."""
        queue = self._queues.get(queue_id)
        minutes = [] if queue is None else _between(queue, _number(now) - HALF_HOUR + 1, _number(now))
        return HalfHour(
            offered=sum(one.offered for one in minutes),
            answered=sum(one.answered for one in minutes),
            abandoned=sum(one.abandoned for one in minutes),
            service_level=_level(minutes),
        )

    def series(self, queue_id: QueueId, now: datetime) -> HourSeries:
        """The last 60 minutes."""
        last = _number(now)
        numbers = range(last - MINUTES + 1, last + 1)
        queue = self._queues.get(queue_id, _Queue())
        self._forget(queue, last)
        minutes = [queue.minutes.get(number, _Minute()) for number in numbers]
        levels = [_level(_between(queue, number - HALF_HOUR + 1, number)) for number in numbers]
        return HourSeries(
            until=now,
            waiting=tuple(_waiting(queue, numbers)),
            offered=tuple(one.offered for one in minutes),
            answered=tuple(one.answered for one in minutes),
            abandoned=tuple(one.abandoned for one in minutes),
            service_level=tuple(levels),
        )

    def _queued(self, event: ev.InteractionQueued) -> None:
        before = self._places.get(event.interaction_id)
        # Told again after a restart, it is the same entry.
        if before is not None and before.queue_id == event.queue_id:
            return
        self._leave(event.interaction_id, event.at)
        entered = _number(event.entered_at)
        self._places[event.interaction_id] = _Place(
            queue_id=event.queue_id, entered_at=event.entered_at, entered=entered
        )
        queue = self._queues.setdefault(event.queue_id, _Queue())
        self._forget(queue, _number(event.at))
        self._minute(event.queue_id, entered).offered += 1
        self._count(event.queue_id, 1, event.at)

    def _ended(self, event: ev.InteractionEnded) -> None:
        place = self._leave(event.interaction_id, event.at)
        if place is None:
            return
        minute = self._minute(place.queue_id, place.entered)
        if event.outcome in GOES_ON_ELSEWHERE:
            minute.offered -= 1
        elif event.outcome in ABANDONED:
            minute.abandoned += 1
            minute.short += event.at - place.entered_at < self._short_abandon

    def _leave(self, interaction_id: InteractionId, at: datetime) -> _Place | None:
        place = self._places.pop(interaction_id, None)
        if place is not None:
            self._count(place.queue_id, -1, at)
        return place

    def _count(self, queue_id: QueueId, by: int, at: datetime) -> None:
        queue = self._queues[queue_id]
        number = _number(at)
        minute = queue.minutes.setdefault(number, _Minute())
        # What waited when the minute began counts too.
        minute.most_waiting = max(minute.most_waiting, queue.waiting, queue.waiting + by)
        queue.waiting += by
        queue.waited_at[number] = queue.waiting

    def _minute(self, queue_id: QueueId, number: int) -> _Minute:
        return self._queues[queue_id].minutes.setdefault(number, _Minute())

    def _forget(self, queue: _Queue, last: int) -> None:
        """Drop what the half hour before the first of the 60 minutes does not need."""
        oldest = last - MINUTES - HALF_HOUR
        if any(number < oldest for number in queue.minutes):
            queue.minutes = {number: one for number, one in queue.minutes.items() if number >= oldest}
        passed = [number for number in queue.waited_at if number < oldest]
        # The newest of the old ones says how many waited when the hour began.
        for number in sorted(passed)[:-1]:
            del queue.waited_at[number]


def _waiting(queue: _Queue, numbers: range) -> Iterable[int]:
    before = [number for number in queue.waited_at if number < numbers[0]]
    held = queue.waited_at[max(before)] if before else 0
    for number in numbers:
        minute = queue.minutes.get(number)
        yield max(held, minute.most_waiting) if minute is not None else held
        held = queue.waited_at.get(number, held)


def _between(queue: _Queue, first: int, last: int) -> list[_Minute]:
    return [one for number, one in queue.minutes.items() if first <= number <= last]


def _level(minutes: Iterable[_Minute]) -> float | None:
    kept = list(minutes)
    return service_level(
        answered_within_threshold=sum(one.within for one in kept),
        offered=sum(one.offered for one in kept),
        abandoned_short=sum(one.short for one in kept),
    )


def _number(at: datetime) -> int:
    """The number of the minute of `at`; whole minutes are the same in every zone we serve."""
    return int(at.timestamp() // _MINUTE.total_seconds())
