"""The forecast of a wait, against queues that are lived through: right in the mean, and right about how sure it is."""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.estimate import LONGEST, NO_WAIT, HandleTime, Patience, Prediction, predict
from callcenter.metrics.erlang import impatient

MEAN_SECONDS = 200.0
CALLS = 60_000
"""Calls lived through in each queue."""

Draw = Callable[[random.Random], float]


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def exponential(rng: random.Random) -> float:
    return rng.expovariate(1 / MEAN_SECONDS)


def lognormal(spread: float) -> Draw:
    sigma = math.sqrt(math.log1p(spread**2))
    return lambda rng: MEAN_SECONDS * rng.lognormvariate(-sigma * sigma / 2, sigma)


def erlang_3(rng: random.Random) -> float:
    return MEAN_SECONDS * rng.gammavariate(3, 1 / 3)


def one_in_four_short(rng: random.Random) -> float:
    return rng.expovariate(1 / 20) if rng.random() < 0.25 else 260 * rng.lognormvariate(-0.32, 0.8)


@dataclass
class Probe:
    """One who never gives up, so that the whole wait he was offered is seen."""

    forecast: Prediction
    came_at: float
    wait: float = -1.0


@dataclass
class Caller:
    came_at: float
    gives_up_at: float
    probe: Probe | None


def live(*, agents: int, load: float, draw: Draw, patience_seconds: float | None, seed: int) -> list[Probe]:
    """First come, first served; the forecast learns from what it sees, as in the engine."""
    rng = random.Random(seed)
    handle_time, patience = HandleTime(seconds(150)), Patience()
    if patience_seconds is None:
        patience = Patience(abandonments=1.0, exposure=timedelta(days=3650))
    now, came, idle = 0.0, 0, agents
    next_at = rng.expovariate(load / MEAN_SECONDS)
    busy: list[tuple[float, float]] = []
    waiting: deque[Caller] = deque()
    probes = []

    def serve(at: float) -> None:
        heapq.heappush(busy, (at + draw(rng), at))

    while came < CALLS:
        if not busy or next_at <= busy[0][0]:
            now, came = next_at, came + 1
            next_at = now + rng.expovariate(load / MEAN_SECONDS)
            for caller in waiting:
                if caller.gives_up_at <= now:
                    patience.learn(seconds(caller.gives_up_at - caller.came_at), abandoned=True)
            waiting = deque(caller for caller in waiting if caller.gives_up_at > now)
            if idle:
                idle -= 1
                serve(now)
                continue
            gives_up_at = now + rng.expovariate(1 / patience_seconds) if patience_seconds else math.inf
            probe = None
            if came > CALLS / 20 and rng.random() < 0.05:
                forecast = predict(
                    ahead=len(waiting),
                    idle=0,
                    servers=agents,
                    handle_time=handle_time,
                    elapsed=[seconds(now - since) for _, since in busy],
                    patience=patience,
                )
                assert forecast is not None
                gives_up_at, probe = math.inf, Probe(forecast=forecast, came_at=now)
                probes.append(probe)
            waiting.append(Caller(came_at=now, gives_up_at=gives_up_at, probe=probe))
        else:
            now, since = heapq.heappop(busy)
            handle_time.learn(seconds(now - since))
            idle += 1
            while waiting and idle:
                caller = waiting.popleft()
                if caller.gives_up_at <= now:
                    patience.learn(seconds(caller.gives_up_at - caller.came_at), abandoned=True)
                    continue
                if caller.probe is None:
                    patience.learn(seconds(now - caller.came_at), abandoned=False)
                else:
                    caller.probe.wait = now - caller.came_at
                idle -= 1
                serve(now)
    return [probe for probe in probes if probe.wait >= 0]


@pytest.mark.parametrize(
    ("agents", "load", "patience_seconds"),
    [(1, 0.8, None), (3, 2.7, None), (10, 9.3, None), (10, 12.0, 200.0), (3, 4.0, 400.0), (40, 44.0, 400.0)],
)
@pytest.mark.parametrize(
    "draw",
    [lognormal(0.5), lognormal(1.0), exponential, lognormal(1.5)],
    ids=["lognormal 0.5", "lognormal 1", "exponential", "lognormal 1.5"],
)
def test_the_forecast_is_right_in_the_mean_and_its_range_holds_eight_of_ten(
    agents: int, load: float, patience_seconds: float | None, draw: Draw
) -> None:
    check(live(agents=agents, load=load, draw=draw, patience_seconds=patience_seconds, seed=20_260_301))


@pytest.mark.parametrize(("agents", "load", "patience_seconds"), [(6, 5.6, None), (25, 28.0, 300.0)])
@pytest.mark.parametrize("draw", [erlang_3, one_in_four_short], ids=["erlang 3", "one in four short"])
def test_it_is_so_for_handle_times_that_it_does_not_suppose(
    agents: int, load: float, patience_seconds: float | None, draw: Draw
) -> None:
    check(live(agents=agents, load=load, draw=draw, patience_seconds=patience_seconds, seed=99))


def check(probes: list[Probe]) -> None:
    assert len(probes) > 1000
    waits = [probe.wait for probe in probes]
    mean = math.fsum(waits) / len(waits)
    bias = math.fsum(probe.forecast.expected.total_seconds() for probe in probes) / len(probes) - mean
    error = math.fsum(abs(p.forecast.expected.total_seconds() - p.wait) for p in probes) / len(probes)
    below = sum(seconds(p.wait) < p.forecast.low for p in probes) / len(probes)
    above = sum(seconds(p.wait) > p.forecast.high for p in probes) / len(probes)
    told = f"mean {mean:.1f} s, bias {bias / mean:+.3f}, MAE {error / mean:.3f}, below {below:.3f}, above {above:.3f}"
    assert abs(bias) < 0.08 * mean, told
    assert 0.76 <= 1 - below - above <= 0.85, told
    # Better than telling everybody the mean of all waits, or the last caller's.
    assert error < 0.9 * math.fsum(abs(wait - mean) for wait in waits) / len(waits), told


def settled(mean: float = MEAN_SECONDS, spread: float = 1.0) -> HandleTime:
    handle_time = HandleTime(seconds(mean))
    for _ in range(500):
        handle_time.learn(seconds(mean * (1 + spread)))
        handle_time.learn(seconds(mean * (1 - spread)))
    return handle_time


def foretell(
    ahead: float,
    servers: int,
    *,
    idle: int = 0,
    elapsed: tuple[float, ...] = (),
    handle_time: HandleTime | None = None,
    patience: Patience | None = None,
) -> Prediction:
    told = predict(
        ahead=ahead,
        idle=idle,
        servers=servers,
        handle_time=handle_time or settled(),
        elapsed=[seconds(count) for count in elapsed],
        patience=patience or Patience(abandonments=1.0, exposure=timedelta(days=3650)),
    )
    assert told is not None
    return told


def test_nobody_at_work_means_that_no_wait_can_be_told() -> None:
    patience = Patience()
    assert predict(ahead=0, idle=0, servers=0, handle_time=settled(), elapsed=[], patience=patience) is None


@pytest.mark.parametrize(("ahead", "idle"), [(0.0, 1), (0.9, 1), (2.0, 3)])
def test_whom_a_free_agent_can_serve_waits_not_at_all(ahead: float, idle: int) -> None:
    assert foretell(ahead, 5, idle=idle) == NO_WAIT


def test_those_ahead_take_the_free_agents_first() -> None:
    told = foretell(3, 3, idle=3)
    assert told.expected / seconds(MEAN_SECONDS / 3) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("ahead", "servers"), [(0, 1), (9, 10), (100, 7), (10_000, 50)])
def test_among_like_agents_each_place_costs_one_end_of_a_talk(ahead: int, servers: int) -> None:
    told = foretell(ahead, servers)
    assert told.expected.total_seconds() == pytest.approx(
        min((ahead + 1) * MEAN_SECONDS / servers, LONGEST.total_seconds()), rel=0.05
    )


def test_one_who_waits_for_one_agent_of_exponential_times_has_the_quantiles_of_that_time() -> None:
    told = foretell(0, 1)
    assert told.low.total_seconds() == pytest.approx(-MEAN_SECONDS * math.log(0.9), rel=0.15)
    assert told.high.total_seconds() == pytest.approx(-MEAN_SECONDS * math.log(0.1), rel=0.05)


def test_callers_who_give_up_shorten_the_wait_as_the_steps_say() -> None:
    # Steps at the rates c/m + j/p, for j from those ahead down to none.
    mean, leaving = MEAN_SECONDS, 1 / 300
    patience = Patience(abandonments=50.0, exposure=seconds(50 * 300))
    for ahead, servers in [(5, 3), (40, 10), (1000, 20)]:
        exact = math.fsum(1 / (servers / mean + place * leaving) for place in range(ahead + 1))
        told = foretell(ahead, servers, patience=patience)
        assert told.expected.total_seconds() == pytest.approx(exact, rel=0.04)


def test_an_agent_who_is_nearly_done_is_worth_more_than_one_who_has_just_begun() -> None:
    regular = settled(spread=0.4)
    begun = foretell(0, 2, elapsed=(0, 0), handle_time=regular)
    unknown = foretell(0, 2, handle_time=regular)
    nearly_done = foretell(0, 2, elapsed=(220, 190), handle_time=regular)
    assert nearly_done.expected < unknown.expected < begun.expected
    # Two who have just begun: the sooner of two regular talks lasts longer than half of one.
    assert begun.expected > seconds(0.55 * MEAN_SECONDS)


def test_who_is_overdue_by_hours_is_reckoned_with_like_one_of_whom_nothing_is_known() -> None:
    for spread in (0.3, 1.0, 2.0):
        handle_time = settled(spread=spread)
        stuck = foretell(0, 1, elapsed=(36_000,), handle_time=handle_time)
        assert 0.5 * MEAN_SECONDS < stuck.expected.total_seconds() < 6 * MEAN_SECONDS


def test_the_range_is_wider_while_little_was_learned() -> None:
    guessed, learned = HandleTime(seconds(MEAN_SECONDS)), settled()
    for ahead in (0, 20, 500):
        wide, narrow = foretell(ahead, 10, handle_time=guessed), foretell(ahead, 10, handle_time=learned)
        assert wide.high - wide.low > narrow.high - narrow.low
    # With hundreds ahead, that is nearly all there is to doubt.
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


@given(
    ahead=st.floats(0, 10_000),
    more=st.floats(0.01, 100),
    servers=st.integers(1, 500),
    elapsed=st.lists(st.floats(0, 1e5), max_size=20),
    handle=st.floats(0, 7200),
    later=st.lists(st.floats(0, 20_000), max_size=5),
    patience_seconds=st.floats(1, 1e6),
)
def test_a_forecast_is_finite_in_order_and_longer_further_behind(
    ahead: float,
    more: float,
    servers: int,
    elapsed: list[float],
    handle: float,
    later: list[float],
    patience_seconds: float,
) -> None:
    handle_time = HandleTime(seconds(handle))
    for time in later:
        handle_time.learn(seconds(time))
    patience = Patience(abandonments=1.0, exposure=seconds(patience_seconds))
    here, behind = (
        foretell(place, servers, elapsed=tuple(elapsed), handle_time=handle_time, patience=patience)
        for place in (ahead, ahead + more)
    )
    assert timedelta() <= here.low <= here.expected <= here.high <= LONGEST
    # Newton's method stops when it is right to a ten-thousandth.
    assert here.expected <= behind.expected * 1.001 + seconds(0.01)
    assert here.high <= behind.high * 1.001 + seconds(0.01)


def test_the_mean_follows_what_calls_really_take() -> None:
    handle_time = HandleTime(seconds(180))
    handle_time.learn(seconds(80))
    assert handle_time.mean == seconds(170)
    for _ in range(1000):
        handle_time.learn(seconds(80))
    assert handle_time.mean.total_seconds() == pytest.approx(80, abs=0.1)
    assert handle_time.spread == pytest.approx(0.3, abs=0.05)


def test_the_spread_is_exponential_until_it_is_learned() -> None:
    assert HandleTime(seconds(180)).spread == 1.0
    rng = random.Random(3)
    draw = lognormal(0.5)
    spreads = []
    learning = HandleTime(seconds(100))
    for _ in range(3000):
        learning.learn(seconds(draw(rng)))
        spreads.append(learning.spread)
    assert math.fsum(spreads[500:]) / 2500 == pytest.approx(0.5, abs=0.05)
    assert learning.doubt == pytest.approx(learning.spread**2 / 199, rel=0.01)


def test_the_administrators_guess_counts_until_something_was_learned() -> None:
    handle_time = HandleTime(seconds(180))
    handle_time.expect(seconds(60))
    assert (handle_time.mean, handle_time.spread) == (seconds(60), 1.0)
    handle_time.learn(seconds(60))
    handle_time.expect(seconds(600))
    assert handle_time.mean == seconds(60)


def test_patience_is_abandonments_over_all_the_time_waited() -> None:
    patience = Patience()
    assert patience.rate == pytest.approx(1 / 600)
    rng = random.Random(5)
    for _ in range(4000):  # Who is answered after 60 s would have given up some time: he counts as 60 s without.
        gives_up = rng.expovariate(1 / 120)
        patience.learn(seconds(min(gives_up, 60)), abandoned=gives_up < 60)
    assert patience.rate == pytest.approx(1 / 120, rel=0.3)
    assert patience.abandonments == pytest.approx(50)


def test_patience_forgets_the_old_day() -> None:
    patience = Patience()
    for mean in (60, 600):
        for _ in range(400):
            patience.learn(seconds(mean), abandoned=True)
        assert patience.rate == pytest.approx(1 / mean, rel=0.05)


def test_a_queue_that_nobody_leaves_becomes_one_of_patient_callers() -> None:
    patience = Patience()
    for _ in range(1000):
        patience.learn(seconds(600), abandoned=False)
    assert patience.rate < 1 / 100_000


def test_the_mean_over_all_who_come_is_that_of_erlang_a() -> None:
    """Weighed by how often each length of queue is met, the forecasts add up to the wait that theory offers."""
    agents, load, leaving = 10, 9.5, 0.4
    theory = impatient(agents, load, seconds(MEAN_SECONDS), seconds(MEAN_SECONDS / leaving), seconds(0))
    weights = [1.0]
    for state in range(1, 400):
        weights.append(weights[-1] * load / (min(state, agents) + leaving * max(state - agents, 0)))
    patience = Patience(abandonments=50.0, exposure=seconds(50 * MEAN_SECONDS / leaving))
    offered = math.fsum(
        weight * foretell(state - agents, agents, patience=patience).expected.total_seconds()
        for state, weight in enumerate(weights)
        if state >= agents
    ) / math.fsum(weights)
    # Who gives up waits shorter than the wait he was offered: E[min(W, patience)] < E[W], by the share who give up.
    exact = math.fsum(
        weight * math.fsum(1 / (agents + leaving * place) for place in range(state - agents + 1))
        for state, weight in enumerate(weights)
        if state >= agents
    ) / math.fsum(weights)
    assert offered / MEAN_SECONDS == pytest.approx(exact, rel=0.03)
    assert theory.mean_wait.total_seconds() < offered


def test_parts_of_callers_ahead_count_in_part() -> None:
    whole, half, next_whole = (foretell(ahead, 4) for ahead in (3, 3.5, 4))
    assert whole.low < half.low < next_whole.low
    assert whole.expected < half.expected < next_whole.expected
    assert whole.high < half.high < next_whole.high
