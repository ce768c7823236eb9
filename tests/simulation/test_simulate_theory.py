"""The production engine against Erlang C and Erlang A.

A plain simulation of an M/M/c queue needs some millions of calls for 1 %. So the engine's run is half of a two-level
estimate with a control variate (B. Peherstorfer, K. Willcox, M. Gunzburger, Optimal model management for multifidelity
Monte Carlo estimation, 2016): the same arrivals, handle times and patience go through the recursion of
`reference_queue.py`, and

    estimate = mean of the engine's run - mean of the recursion on the same draws + mean of the recursion's long run.

It is as unbiased as the plain one, theory does not enter it, and its interval is the long run's and the difference's.
The difference is nothing at all: caller by caller the engine gives the wait of the recursion, which is tested first.
"""

from datetime import timedelta
from functools import cache
from itertools import islice

import pytest

from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.metrics.erlang import Waiting, impatient, patient
from callcenter.simulate.agenda import HOUR, SECOND
from callcenter.simulate.arrivals import whole_day
from callcenter.simulate.chance import NEVER, Kind, Lengths
from callcenter.simulate.day import Day, callers
from callcenter.simulate.engine_policy import EnginePolicy
from callcenter.simulate.figures import ratio
from callcenter.simulate.record import Record
from callcenter.simulate.scenario import AgentGroup, Scenario, SimulatedQueue, Stream
from tests.simulation.reference_queue import Means, long_run, path

HANDLE_SECONDS = 180.0
TARGET = timedelta(seconds=20)
PATIENT_LOADS = [(1, 0.5), (5, 3.0), (10, 8.0), (20, 17.0)]
IMPATIENT_LOADS = [(5, 4.0, 120.0), (10, 10.0, 180.0), (20, 24.0, 90.0)]


class CallerByCaller(Record):
    """A record that also keeps what became of each caller: his wait in microseconds, and whether he gave up."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario, batches=20)
        self.ends: dict[int, tuple[int, bool]] = {}

    def answered(self, stream: int, came_at: int, now: int) -> None:
        super().answered(stream, came_at, now)
        self.ends[came_at] = (now - came_at, False)

    def abandoned(self, stream: int, came_at: int, now: int) -> None:
        super().abandoned(stream, came_at, now)
        self.ends[came_at] = (now - came_at, True)


def scenario(agents: int, load: float, patience: float | None, calls: int, seed: int = 11) -> Scenario:
    """One queue, everybody alike, no ringing time, no wrap-up; `calls` are expected to come."""
    per_hour = load * 3600 / HANDLE_SECONDS
    return Scenario(
        seed=seed,
        begins=0,
        duration=round(calls / per_hour * HOUR),
        warm_up=0,
        replications=1,
        queues=(
            SimulatedQueue(
                config=QueueConfig(
                    queue_id=QueueId("calls"),
                    label=Label(zh="calls", en="calls"),
                    wrap_up=timedelta(),
                    service_level_threshold=TARGET,
                ),
                handle_time=Lengths(kind=Kind.EXPONENTIAL, mean_seconds=HANDLE_SECONDS),
            ),
        ),
        agents=(AgentGroup(group_id="agent", count=agents),),
        arrivals=(
            Stream(
                stream_id="callers",
                queue_id=QueueId("calls"),
                rates=whole_day(per_hour),
                patience=NEVER if patience is None else Lengths(kind=Kind.EXPONENTIAL, mean_seconds=patience),
            ),
        ),
    )


@cache
def runs(agents: int, load: float, patience: float | None) -> tuple[list[tuple[int, bool]], list[tuple[int, bool]]]:
    """Caller by caller: the engine's run, and the recursion on the same draws."""
    world = scenario(agents, load, patience, calls=15_000)
    record = CallerByCaller(world)
    day = Day(world, record)
    day.run(EnginePolicy(day, forecasts=False))
    those = [caller for caller in islice(callers(world), record.callers) if caller.came_at < world.duration]
    engine = [record.ends[caller.came_at] for caller in those]
    assert len(those) > 14_000
    reference = path(
        agents,
        [caller.came_at for caller in those],
        [caller.handle_time for caller in those],
        [caller.patience for caller in those],
    )
    return engine, reference


def two_level(agents: int, load: float, patience: float | None, calls: int) -> Means:
    """The estimate of the docstring; times in mean handle times."""
    engine, reference = runs(agents, load, patience)
    long = long_run(agents, load, None if patience is None else patience / HANDLE_SECONDS, calls, seed=5)

    def corrected(mean: tuple[float, float], of_engine: list[float], of_reference: list[float]) -> tuple[float, float]:
        size = len(of_engine) // 20
        differences = [e - r for e, r in zip(of_engine, of_reference, strict=True)]
        sums = [sum(differences[start : start + size]) for start in range(0, size * 20, size)]
        difference = ratio(sums, [float(size)] * 20)
        assert difference.value is not None
        assert difference.half_width is not None
        return mean[0] + difference.value, mean[1] + difference.half_width

    def waits(ends: list[tuple[int, bool]]) -> list[float]:
        return [float(wait > 0) for wait, _ in ends]

    def gave_up(ends: list[tuple[int, bool]]) -> list[float]:
        return [float(abandoned) for _, abandoned in ends]

    def lengths(ends: list[tuple[int, bool]]) -> list[float]:
        return [wait / SECOND / HANDLE_SECONDS for wait, _ in ends]

    return Means(
        waits=corrected(long.waits, waits(engine), waits(reference)),
        abandons=corrected(long.abandons, gave_up(engine), gave_up(reference)),
        mean_wait=corrected(long.mean_wait, lengths(engine), lengths(reference)),
    )


def check(name: str, estimate: tuple[float, float], theory: float, within: float) -> None:
    """The estimate lies so near to theory, and is known so well that it means something."""
    value, half_width = estimate
    assert half_width < within * theory, f"{name}: {value} +- {half_width} is too wide for {within:.0%} of {theory}"
    assert abs(value - theory) < within * theory, f"{name}: {value} +- {half_width}, theory says {theory}"


@pytest.mark.parametrize(("agents", "load", "patience"), [*((c, a, None) for c, a in PATIENT_LOADS), *IMPATIENT_LOADS])
def test_every_caller_waits_as_long_as_the_recursion_says(agents: int, load: float, patience: float | None) -> None:
    engine, reference = runs(agents, load, patience)
    differing = [(number, e, r) for number, (e, r) in enumerate(zip(engine, reference, strict=True)) if e != r]
    assert not differing[:5]
    assert sum(wait > 0 for wait, _ in engine) > 1000, "hardly anybody waited: this proves little"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("agents", "load"), PATIENT_LOADS)
def test_patient_callers_wait_as_erlang_c_says(agents: int, load: float) -> None:
    theory = patient(agents, load, timedelta(seconds=HANDLE_SECONDS), TARGET)
    estimate = two_level(agents, load, None, calls=16_000_000 if load / agents < 0.75 else 36_000_000)
    check("waits", estimate.waits, theory.waits, 0.01)
    check("mean wait", estimate.mean_wait, theory.mean_wait.total_seconds() / HANDLE_SECONDS, 0.01)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("agents", "load", "patience"), IMPATIENT_LOADS)
def test_impatient_callers_wait_and_leave_as_erlang_a_says(agents: int, load: float, patience: float) -> None:
    theory = impatient(agents, load, timedelta(seconds=HANDLE_SECONDS), timedelta(seconds=patience), TARGET)
    estimate = two_level(agents, load, patience, calls=4_000_000)
    check("waits", estimate.waits, theory.waits, 0.02)
    check("abandons", estimate.abandons, theory.abandons, 0.02)
    check("mean wait", estimate.mean_wait, theory.mean_wait.total_seconds() / HANDLE_SECONDS, 0.02)


def test_a_plain_run_of_an_overloaded_queue_agrees_with_erlang_a() -> None:
    """Without any help: where many give up the queue forgets quickly, and some ten thousand calls say enough."""
    agents, load, patience = 10, 13.0, 180.0
    world = scenario(agents, load, patience, calls=60_000)
    record = Record(world, batches=20)
    day = Day(world, record)
    day.run(EnginePolicy(day, forecasts=False))
    theory: Waiting = impatient(agents, load, timedelta(seconds=HANDLE_SECONDS), timedelta(seconds=patience), TARGET)
    rows = record.streams[0]
    abandons = ratio([batch.abandoned for batch in rows], [batch.offered for batch in rows])
    waits = ratio([batch.all_waits for batch in rows], [batch.answered + batch.abandoned for batch in rows])
    in_time = ratio([batch.answered_in_time for batch in rows], [batch.offered for batch in rows])
    for name, found, expected, within in (
        ("abandons", abandons, theory.abandons, 0.03),
        ("mean wait", waits, theory.mean_wait.total_seconds(), 0.03),
        ("in time", in_time, theory.service_level, 0.06),
    ):
        assert found.value is not None
        assert found.half_width is not None
        check(name, (found.value, found.half_width), expected, within)
