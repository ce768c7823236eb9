"""What a simulation notes while it runs: each stream's callers and the agents' time, batch by batch.

Law: whoever calls inside the measured time counts, with all that becomes of him, in the batch of his arrival; the
agents' time counts in the batch in which it passes.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from callcenter.simulate.agenda import SECOND
from callcenter.simulate.scenario import Scenario

ACTIVE = ("ready", "talking", "wrap_up", "offered")
"""What an agent at work does, as far as his time is counted."""


@dataclass(slots=True)
class Batch:
    """The callers of one stream in one batch; times in seconds."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    had_to_wait: int = 0
    """No agent was rung for them the moment they came."""
    abandoned: int = 0
    abandoned_short: int = 0
    left_otherwise: int = 0
    """Overflowed to where no agent of the simulation is."""
    answer_waits: float = 0.0
    all_waits: float = 0.0
    waits: "array[float]" = field(default_factory=lambda: array("d"))
    """Of those who were answered or gave up."""
    offers: int = 0
    misses: int = 0
    predicted: int = 0
    """Answered callers who had to wait, and whose wait was predicted when they came."""
    prediction_error: float = 0.0
    prediction_error_absolute: float = 0.0
    ranges: int = 0
    """Those of them who were told a range."""
    inside_range: int = 0


class TimeTotals:
    """The integral of a number over time, in equal parts of a span."""

    __slots__ = ("_begins", "_length", "_since", "parts", "value")

    def __init__(self, begins: int, ends: int, parts: int) -> None:
        self.parts = [0.0] * parts
        self.value = 0
        self._begins, self._since = begins, begins
        self._length = (ends - begins) / parts

    def change(self, value: int, now: int) -> None:
        """From now on it is `value`."""
        since = self._since
        if now > since:
            if self.value:
                self._spread(since, now)
            self._since = now
        self.value = value

    def _spread(self, since: int, until: int) -> None:
        length, parts = self._length, self.parts
        first = int((since - self._begins) / length)
        last = min(int((until - self._begins) / length), len(parts) - 1)
        if first == last:
            parts[first] += self.value * (until - since)
            return
        for index in range(first, last + 1):
            begins = max(since, self._begins + index * length)
            ends = min(until, self._begins + (index + 1) * length)
            if ends > begins:
                parts[index] += self.value * (ends - begins)

    def seconds(self) -> list[float]:
        """The integral over each part, times in seconds."""
        return [part / SECOND for part in self.parts]

    def means(self) -> list[float]:
        """The mean of the number over each part."""
        return [part / self._length for part in self.parts]


@dataclass(slots=True, kw_only=True)
class Series:
    """What a plot shows of one replication, in equal intervals of all its time."""

    interval_seconds: float
    begins_seconds: float
    waiting: dict[str, list[float]]
    ready: list[float]
    at_work: list[float]
    waits: dict[str, list[float | None]]
    """The mean wait of those who came in each interval; None where nobody came."""


class Record:
    """The notes of one replication."""

    def __init__(self, scenario: Scenario, batches: int, intervals: int = 0) -> None:
        self._scenario = scenario
        self._begins, self._ends = scenario.warm_up, scenario.duration
        self._length = (self._ends - self._begins) / batches
        self._intervals = intervals
        self.batches = batches
        self.callers = 0
        """All who came, measured or not."""
        self.streams = [[Batch() for _ in range(batches)] for _ in scenario.arrivals]
        queues = [scenario.queue(stream.queue_id) for stream in scenario.arrivals]
        self._queue_of: list[str] = [queue.queue_id for queue in queues]
        self._thresholds = [queue.config.service_level_threshold.total_seconds() for queue in queues]
        self._short = [queue.short_abandon_seconds for queue in queues]
        spans = range(len(scenario.agents))
        self.agents = [{state: TimeTotals(self._begins, self._ends, batches) for state in ACTIVE} for _ in spans]
        self.kept_waiting = TimeTotals(self._begins, self._ends, batches)
        """Agents who are ready while somebody whom they could serve waits, at most as many as such callers."""
        able = [scenario.able(stream) for stream in scenario.arrivals]
        self._streams_of = [[s for s, groups in enumerate(able) if g in groups] for g in spans]
        self._groups_of = [sorted(groups) for groups in able]
        self._ready = [0] * len(scenario.agents)
        self._waiting = [0] * len(scenario.arrivals)
        self._ready_total = self._waiting_total = 0
        parts = max(intervals, 1)
        self._curve_waiting: dict[str, TimeTotals] = {
            queue.queue_id: TimeTotals(0, scenario.duration, parts) for queue in scenario.queues
        }
        self._curve_ready = TimeTotals(0, scenario.duration, parts)
        self._curve_at_work = TimeTotals(0, scenario.duration, parts)
        self._curve_waits: dict[str, list[list[float]]] = {
            queue.queue_id: [[0.0, 0.0] for _ in range(parts)] for queue in scenario.queues
        }

    # ---- callers

    def batch(self, stream: int, came_at: int) -> Batch | None:
        """Where a caller who came then counts; None outside the measured time."""
        if not self._begins <= came_at < self._ends:
            return None
        return self.streams[stream][min(int((came_at - self._begins) / self._length), self.batches - 1)]

    def came(self, stream: int, now: int, *, had_to_wait: bool) -> None:
        """A caller has entered a queue, and was or was not offered to an agent at that moment."""
        self.callers += 1
        batch = self.batch(stream, now)
        if batch is not None:
            batch.offered += 1
            batch.had_to_wait += had_to_wait

    def answered(self, stream: int, came_at: int, now: int) -> None:
        """He talks to an agent."""
        batch = self.batch(stream, came_at)
        wait = (now - came_at) / SECOND
        if batch is not None:
            batch.answered += 1
            batch.answered_in_time += wait <= self._thresholds[stream]
            batch.answer_waits += wait
            batch.all_waits += wait
            batch.waits.append(wait)
        self._draw_wait(stream, came_at, wait)

    def abandoned(self, stream: int, came_at: int, now: int) -> None:
        """He hangs up, waiting or while an agent rings."""
        batch = self.batch(stream, came_at)
        wait = (now - came_at) / SECOND
        if batch is not None:
            batch.abandoned += 1
            batch.abandoned_short += wait < self._short[stream]
            batch.all_waits += wait
            batch.waits.append(wait)
        self._draw_wait(stream, came_at, wait)

    def left_otherwise(self, stream: int, came_at: int) -> None:
        """A rule of the queue sent him elsewhere."""
        batch = self.batch(stream, came_at)
        if batch is not None:
            batch.left_otherwise += 1

    def offer_ended(self, stream: int, came_at: int, *, missed: bool) -> None:
        """An agent was rung for him, and answered or did not."""
        batch = self.batch(stream, came_at)
        if batch is not None:
            batch.offers += 1
            batch.misses += missed

    def predicted(
        self, stream: int, came_at: int, now: int, expected: float, low: float | None, high: float | None
    ) -> None:
        """He was answered; that is what had been expected of his wait, in seconds."""
        batch = self.batch(stream, came_at)
        if batch is None:
            return
        wait = (now - came_at) / SECOND
        batch.predicted += 1
        batch.prediction_error += expected - wait
        batch.prediction_error_absolute += abs(expected - wait)
        if low is not None and high is not None:
            batch.ranges += 1
            batch.inside_range += low <= wait <= high

    def _draw_wait(self, stream: int, came_at: int, wait: float) -> None:
        if self._intervals and came_at < self._ends:
            drawn = self._curve_waits[self._queue_of[stream]][int(came_at * self._intervals / self._ends)]
            drawn[0] += wait
            drawn[1] += 1

    # ---- who waits unoffered, and who is ready

    def waits(self, stream: int, change: int, now: int) -> None:
        """One more (or one less) waits with no agent being rung for him."""
        self._waiting[stream] += change
        self._waiting_total += change
        if self._intervals:
            curve = self._curve_waiting[self._queue_of[stream]]
            curve.change(curve.value + change, min(now, self._ends))
        if self._ready_total or self.kept_waiting.value:
            self._count_kept_waiting(now)

    def agent_becomes(self, group: int, old: str | None, new: str | None, now: int) -> None:
        """An agent goes from one activity to another; None is away."""
        now = min(now, self._ends)
        totals = self.agents[group]
        if now >= self._begins:
            for state, change in ((old, -1), (new, 1)):
                if state is not None:
                    totals[state].change(totals[state].value + change, now)
        else:
            for state, change in ((old, -1), (new, 1)):
                if state is not None:
                    totals[state].value += change
        change = (new == "ready") - (old == "ready")
        if self._intervals:
            at_work = (new is not None) - (old is not None)
            self._curve_at_work.change(self._curve_at_work.value + at_work, now)
            self._curve_ready.change(self._curve_ready.value + change, now)
        if change:
            self._ready[group] += change
            self._ready_total += change
            if self._waiting_total or self.kept_waiting.value:
                self._count_kept_waiting(now)

    def _count_kept_waiting(self, now: int) -> None:
        count = 0
        if self._ready_total and self._waiting_total:
            ready, waiting = self._ready, self._waiting
            agents = sum(
                free
                for free, streams in zip(ready, self._streams_of, strict=True)
                if free and any(waiting[s] for s in streams)
            )
            callers = sum(
                those
                for those, groups in zip(waiting, self._groups_of, strict=True)
                if those and any(ready[g] for g in groups)
            )
            count = min(agents, callers)
        if now >= self._begins:
            self.kept_waiting.change(count, min(now, self._ends))
        else:
            self.kept_waiting.value = count

    # ---- the end

    def close(self) -> None:
        """Count what lasts to the end of the measured time."""
        curves = [self.kept_waiting, self._curve_ready, self._curve_at_work, *self._curve_waiting.values()]
        for totals in [*curves, *(totals for group in self.agents for totals in group.values())]:
            totals.change(totals.value, self._ends)

    def group_seconds(self, groups: Sequence[int], state: str) -> list[float]:
        """The time these groups' agents spent in a state, batch by batch."""
        parts = [self.agents[group][state].seconds() for group in groups]
        return [sum(batch) for batch in zip(*parts, strict=True)]

    def series(self) -> Series:
        """For the plot; the record must have been made with `intervals`."""
        return Series(
            interval_seconds=self._scenario.duration / SECOND / self._intervals,
            begins_seconds=self._scenario.begins / SECOND,
            waiting={queue_id: curve.means() for queue_id, curve in self._curve_waiting.items()},
            ready=self._curve_ready.means(),
            at_work=self._curve_at_work.means(),
            waits={
                queue_id: [total / count if count else None for total, count in intervals]
                for queue_id, intervals in self._curve_waits.items()
            },
        )
