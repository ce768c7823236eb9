"""What a simulation found: each figure with the half width of its 95 % confidence interval, by batch means.

A run is cut into batches (or the batches are the replications); a figure is a ratio of two sums over them, and its
variance that of the ratio estimator: s^2 = sum (x_b - r y_b)^2 / (B - 1), half width t * s / (sqrt(B) * mean y)
(A. M. Law, Simulation Modeling and Analysis, sections 9.5.3 and 4.5; W. G. Cochran, Sampling Techniques, section 6.4).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from callcenter.metrics.service_level import service_level
from callcenter.simulate.record import Batch, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and the half width of its 95 % confidence interval; None where there is nothing to measure it from."""

    value: float | None
    half_width: float | None = None


def student_quantile(degrees: int, probability: float = 0.975) -> float:
    """The quantile of Student's t for at least 4 degrees of freedom, to 0.3 % (Abramowitz and Stegun, 26.7.5)."""
    z, v = NormalDist().inv_cdf(probability), float(degrees)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """The sum of one over the sum of the other, batch by batch."""
    count, total = len(below), sum(below)
    if total <= 0:
        return Estimate(value=None)
    value = sum(above) / total
    if count < 5:
        return Estimate(value=value)
    spread = sum((x - value * y) ** 2 for x, y in zip(above, below, strict=True)) / (count - 1)
    half = student_quantile(count - 1) * math.sqrt(spread / count) / (total / count)
    return Estimate(value=value, half_width=half)


def percentile(waits: Sequence[Sequence[float]], share: float) -> Estimate:
    """A percentile of all; its interval from the spread of the batches' own."""
    everyone = sorted(wait for batch in waits for wait in batch)
    if not everyone:
        return Estimate(value=None)
    own = [_of_sorted(sorted(batch), share) for batch in waits if batch]
    value = _of_sorted(everyone, share)
    if len(own) < 5:
        return Estimate(value=value)
    mean = sum(own) / len(own)
    spread = sum((each - mean) ** 2 for each in own) / (len(own) - 1)
    half = student_quantile(len(own) - 1) * math.sqrt(spread / len(own))
    return Estimate(value=value, half_width=half)


def _of_sorted(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share does not exceed."""
    return values[max(math.ceil(share * len(values)) - 1, 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerFigures:
    """One stream's callers, one queue's, or all; times in seconds, shares from 0 to 1."""

    offered: int
    answered: int
    abandoned: int
    left_otherwise: int
    unresolved: int
    """Still in the queue when the simulation gave up waiting for them."""
    service_level: Estimate
    asa: Estimate
    abandon_rate: Estimate
    waited_share: Estimate
    """For whom no agent was rung the moment he came."""
    mean_wait: Estimate
    """Of all who were answered or gave up; so are the percentiles."""
    p50_wait: Estimate
    p90_wait: Estimate
    p95_wait: Estimate
    rona_rate: Estimate
    """Per offer that was answered or missed."""
    forecast_error: Estimate
    """Mean absolute error in seconds, of those who had to wait and were answered."""
    forecast_bias: Estimate
    """Expected minus waited."""
    forecast_inside: Estimate
    """How many of the ranges that are to hold for 80 % did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFigures:
    """A group of agents, or all."""

    occupancy: Estimate
    """(talk + wrap-up) / (the same + ready)."""
    agents_at_work: float
    kept_waiting_share: Estimate | None = None
    """Of the ready time, that in which somebody waited whom the agent could serve; of all agents only."""
    kept_waiting_hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All figures of one policy on one scenario."""

    policy: str
    seed: int
    replications: int
    batches: int
    measured_hours: float
    callers: int
    """All who were simulated, the warm-up's too."""
    overall: CallerFigures
    queues: dict[str, CallerFigures]
    streams: dict[str, CallerFigures]
    agents: AgentFigures
    groups: dict[str, AgentFigures]


def caller_figures(rows: Sequence[Sequence[Batch]]) -> CallerFigures:
    """The figures of some streams; a row has each stream's part of one batch."""

    def sums(name: str) -> list[float]:
        return [float(sum(getattr(batch, name) for batch in row)) for row in rows]

    offered, answered, abandoned = sums("offered"), sums("answered"), sums("abandoned")
    short, left = sums("abandoned_short"), sums("left_otherwise")
    resolved = [a + b for a, b in zip(answered, abandoned, strict=True)]
    in_time = sums("answered_in_time")
    level = ratio(in_time, [o - s for o, s in zip(offered, short, strict=True)])
    exact = service_level(
        answered_within_threshold=int(sum(in_time)), offered=int(sum(offered)), abandoned_short=int(sum(short))
    )
    waits = [[wait for batch in row for wait in batch.waits] for row in rows]
    predicted = sums("predicted")
    return CallerFigures(
        offered=int(sum(offered)),
        answered=int(sum(answered)),
        abandoned=int(sum(abandoned)),
        left_otherwise=int(sum(left)),
        unresolved=int(sum(offered) - sum(resolved) - sum(left)),
        service_level=Estimate(value=exact, half_width=level.half_width),
        asa=ratio(sums("answer_waits"), answered),
        abandon_rate=ratio(abandoned, offered),
        waited_share=ratio(sums("had_to_wait"), offered),
        mean_wait=ratio(sums("all_waits"), resolved),
        p50_wait=percentile(waits, 0.5),
        p90_wait=percentile(waits, 0.9),
        p95_wait=percentile(waits, 0.95),
        rona_rate=ratio(sums("misses"), sums("offers")),
        forecast_error=ratio(sums("prediction_error_absolute"), predicted),
        forecast_bias=ratio(sums("prediction_error"), predicted),
        forecast_inside=ratio(sums("inside_range"), sums("ranges")),
    )


def agent_figures(records: Sequence[Record], groups: Sequence[int], seconds: float, *, overall: bool) -> AgentFigures:
    """The figures of some groups; `seconds` is the measured time of all records together."""
    by_state = {
        state: [part for record in records for part in record.group_seconds(groups, state)]
        for state in ("ready", "talking", "wrap_up", "offered")
    }
    busy = [talk + wrap for talk, wrap in zip(by_state["talking"], by_state["wrap_up"], strict=True)]
    known = [work + ready for work, ready in zip(busy, by_state["ready"], strict=True)]
    kept = [part for record in records for part in record.kept_waiting.seconds()]
    return AgentFigures(
        occupancy=ratio(busy, known),
        agents_at_work=sum(sum(parts) for parts in by_state.values()) / seconds,
        kept_waiting_share=ratio(kept, by_state["ready"]) if overall else None,
        kept_waiting_hours=sum(kept) / 3600 if overall else None,
    )
