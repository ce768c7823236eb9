"""Today's figures of every queue: the metrics' fold over the events of the day, begun anew at local midnight.

Law: the board's numbers are the same fold over the same events as the reports'. The last hour does not end at midnight.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta, tzinfo

from callcenter.acd.picture import Picture
from callcenter.app.floor import Touched
from callcenter.app.ports import Clock
from callcenter.app.views import ForecastErrorView, HalfHourView, TodayView, TrendView
from callcenter.domain.events import (
    Event,
    InteractionConnected,
    InteractionEvent,
    InteractionQueued,
    QueueClosed,
    QueueOpened,
    QueueServed,
    QueueUnserved,
)
from callcenter.domain.ids import QueueId
from callcenter.metrics import forecast_error as forecasts
from callcenter.metrics import queue_day
from callcenter.metrics.last_hour import HALF_HOUR, MINUTES, LastHour


class DayFigures:
    """Keeps one `QueueDay` for each queue."""

    def __init__(self, *, clock: Clock, timezone: tzinfo) -> None:
        self._clock = clock
        self._timezone = timezone
        self._picture: Picture | None = None
        self._begun = self.day_begins()
        self._days: dict[QueueId, queue_day.QueueDay] = {}
        self._forecasts: dict[QueueId, forecasts.ForecastDay] = {}
        self._loaded: Sequence[Event] = ()
        self._hour = LastHour()
        self._queues_of: dict[str, set[QueueId]] = {}
        """In which queues an interaction was, or an agent took one: only their days can change with it."""

    def attach(self, picture: Picture) -> None:
        """Say where the queues' thresholds stand; before anything is taken."""
        self._picture = picture

    def day_begins(self) -> datetime:
        """The last local midnight."""
        local = self._clock.now().astimezone(self._timezone)
        return datetime.combine(local.date(), time(), tzinfo=self._timezone)

    def needs_events_since(self) -> datetime:
        """From when on `load` wants the events: since midnight, and of what the last hour's lines are made of."""
        return min(self.day_begins(), self._clock.now() - timedelta(minutes=MINUTES + HALF_HOUR))

    def load(self, events: Sequence[Event]) -> None:
        """Take what happened before this start, before anything else is taken; each queue folds its day when asked."""
        begun = self.day_begins()
        self._loaded = tuple(event for event in events if event.at >= begun)
        self._days, self._forecasts, self._queues_of = {}, {}, {}
        self._hour = LastHour()
        recent = self._clock.now() - timedelta(minutes=MINUTES + HALF_HOUR)
        for event in events:
            if event.at >= recent:
                self._hour.take(event, self._threshold_or_none)
        for event in self._loaded:
            self._touched_by(event)

    def take(self, touched: Touched) -> None:
        """Fold what just happened."""
        self._turn_the_day()
        known = self._picture.queues if self._picture is not None else {}
        for event in touched.events:
            self._hour.take(event, self._threshold_or_none)
            for queue_id in self._touched_by(event):
                if queue_id not in known:
                    continue
                self._forecasts[queue_id] = forecasts.fold(self._forecasts_of(queue_id), event)
                self._days[queue_id] = queue_day.fold(self._day(queue_id), event)

    def _touched_by(self, event: Event) -> tuple[QueueId, ...]:
        """The queues whose days the event may change; remembers what it tells of who was where."""
        match event:
            case QueueUnserved() | QueueServed() | QueueClosed() | QueueOpened():
                return ()
            case InteractionQueued():
                self._queues_of.setdefault(event.interaction_id, set()).add(event.queue_id)
            case InteractionConnected():
                for queue_id in self._queues_of.get(event.interaction_id, ()):
                    self._queues_of.setdefault(event.agent_id, set()).add(queue_id)
        key = event.interaction_id if isinstance(event, InteractionEvent) else event.agent_id
        return tuple(sorted(self._queues_of.get(key, ())))

    def today(self, queue_id: QueueId) -> TodayView:
        """Figures of one queue since midnight."""
        self._turn_the_day()
        figures = queue_day.figures(self._day(queue_id))
        return TodayView(
            offered=figures.offered,
            answered=figures.answered,
            abandoned=figures.abandoned,
            service_level=figures.service_level,
            asa_seconds=_seconds(figures.asa),
            transferred=figures.transferred,
        )

    def half_hour(self, queue_id: QueueId) -> HalfHourView:
        """Figures of those who entered one queue in the last 30 minutes."""
        half_hour = self._hour.half_hour(queue_id, self._clock.now())
        return HalfHourView(
            offered=half_hour.offered,
            answered=half_hour.answered,
            abandoned=half_hour.abandoned,
            service_level=half_hour.service_level,
        )

    def trend(self, queue_id: QueueId) -> TrendView:
        """The last hour of one queue, minute by minute."""
        series = self._hour.series(queue_id, self._clock.now())
        return TrendView(
            queue_id=queue_id,
            until=series.until,
            waiting=series.waiting,
            offered=series.offered,
            answered=series.answered,
            abandoned=series.abandoned,
            service_level=series.service_level,
        )

    def forecast_error(self, queue_id: QueueId) -> ForecastErrorView | None:
        """How good the expected waits of one queue were since midnight; None before any came true."""
        self._turn_the_day()
        figures = forecasts.figures(self._forecasts_of(queue_id))
        if figures.answered == 0:
            return None
        return ForecastErrorView(
            count=figures.answered,
            mean_absolute_error_seconds=_seconds(figures.mean_absolute_error),
            share_within_range=figures.inside,
        )

    def _turn_the_day(self) -> None:
        begins = self.day_begins()
        if begins != self._begun:
            self._begun, self._days, self._forecasts, self._loaded = begins, {}, {}, ()
            self._queues_of = {}

    def _day(self, queue_id: QueueId) -> queue_day.QueueDay:
        day = self._days.get(queue_id)
        threshold = self._threshold(queue_id)
        if day is not None and day.threshold != threshold:
            day = self._days[queue_id] = replace(day, threshold=threshold)
        if day is None:
            day = queue_day.fold_all(queue_day.begin_day(queue_id, self._begun, threshold), self._loaded)
            self._days[queue_id] = day
        return day

    def _forecasts_of(self, queue_id: QueueId) -> forecasts.ForecastDay:
        day = self._forecasts.get(queue_id)
        if day is None:
            day = forecasts.fold_all(forecasts.begin_day(queue_id, self._begun), self._loaded)
            self._forecasts[queue_id] = day
        return day

    def _threshold_or_none(self, queue_id: QueueId) -> timedelta:
        """Of a queue that is gone by now nothing was in time."""
        known = self._picture.queues if self._picture is not None else {}
        queue = known.get(queue_id)
        return timedelta() if queue is None else queue.config.service_level_threshold

    def _threshold(self, queue_id: QueueId) -> timedelta:
        if self._picture is None:
            raise RuntimeError("the figures know no queues yet")
        return self._picture.queue(queue_id).config.service_level_threshold


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
