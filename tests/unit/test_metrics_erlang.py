"""The formulas of waiting, against a published library, published figures, the chain itself and their limits."""

import math
from datetime import timedelta
from decimal import localcontext
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.metrics.erlang import Waiting, agents_needed, erlang_b, erlang_c, impatient, patient

with localcontext():  # The library changes the precision of decimals for the whole thread; here it may not.
    import erlanglib

MINUTE = timedelta(minutes=1)


class Figures(Protocol):
    """A formula of agents, load, handle time and target."""

    def __call__(self, agents: int, load: float, handle_time: timedelta, within: timedelta) -> Waiting: ...


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


LOADS = [(1, 0.2), (1, 0.9), (2, 1.9), (5, 2.0), (10, 8.0), (14, 10.0), (50, 48.0), (100, 99.5), (200, 150.0)]


@pytest.mark.parametrize(("agents", "load"), LOADS)
def test_erlang_b_and_c_are_those_of_a_published_library(agents: int, load: float) -> None:
    with localcontext() as context:
        context.prec = 400
        assert erlang_b(agents, load) == pytest.approx(erlanglib.erlang_b(agents, load), rel=1e-12)
        assert erlang_c(agents, load) == pytest.approx(erlanglib.erlang_c(agents, load), rel=1e-12)


@pytest.mark.parametrize(("agents", "load"), LOADS)
@pytest.mark.parametrize("within", [0, 20, 300])
def test_the_figures_of_erlang_c_are_those_of_a_published_library(agents: int, load: float, within: float) -> None:
    ours = patient(agents, load, seconds(180), seconds(within))
    with localcontext() as context:
        context.prec = 400
        waits = erlanglib.erlang_c(agents, load)
        assert ours.service_level == pytest.approx(
            erlanglib.service_level(agents, load, waits, within, 180), rel=1e-12, abs=1e-12
        )
        wait = erlanglib.average_speed_of_answer(agents, load, waits, 180)
        assert ours.mean_wait.total_seconds() == pytest.approx(wait, rel=1e-9, abs=1e-6)
        assert ours.occupancy == pytest.approx(erlanglib.occupancy(load, agents) / 100, rel=1e-12)


def test_fifty_agents_at_48_calls_a_minute_as_published_with_and_without_patience() -> None:
    # Garnett, Mandelbaum, Reiman (2002), table 1: 50 agents, 48 calls a minute of one minute, patience two minutes.
    endless = patient(50, 48, MINUTE, timedelta())
    assert round(endless.mean_wait.total_seconds(), 1) == 20.8
    assert round(endless.mean_waiting) == 17
    assert round(endless.occupancy, 2) == 0.96
    real = impatient(50, 48, MINUTE, 2 * MINUTE, timedelta())
    assert round(real.abandons, 3) == 0.031
    assert round(real.mean_wait.total_seconds(), 1) == 3.7
    assert round(real.mean_waiting) == 3
    assert round(real.occupancy, 2) == 0.93
    # And 90 % wait no longer than 58.1 s where nobody gives up.
    assert patient(50, 48, MINUTE, seconds(58.1)).service_level == pytest.approx(0.9, abs=0.001)


def chain(agents: int, load: float, leaving: float, limit: float, most: int = 3000) -> tuple[float, float, float]:
    """Share that waits, mean number waiting, share answered within the limit, from the chain of states cut at `most`.

    The wait of somebody with k ahead is k + 1 exponential steps; whether he is answered within the limit, and before
    his own patience ends, is found by uniformization over the states "n ahead, answered, gone".
    """
    weights = [1.0]
    for state in range(1, most):
        going = min(state, agents) + leaving * max(state - agents, 0)
        weights.append(weights[-1] * load / going)
        if weights[-1] > 1e200:
            weights = [weight / 1e200 for weight in weights]
    total = math.fsum(weights)
    shares = [weight / total for weight in weights]
    waits = math.fsum(shares[agents:])
    mean_waiting = math.fsum(share * (state - agents) for state, share in enumerate(shares) if state > agents)
    # `ahead[k]` is the chance that he still waits with k ahead of him.
    ahead = [share for share in shares[agents:] if share > 1e-15]
    pace = agents + leaving * (len(ahead) + 1)
    answered_after_jumps, answered = [0.0], 0.0
    jumps = math.ceil(pace * limit + 12 * math.sqrt(pace * limit) + 30)
    for _ in range(jumps):
        answered += ahead[0] * agents / pace
        after = []
        for place, here in enumerate(ahead):
            stays = 1 - (agents + leaving * (place + 1)) / pace
            comes = ahead[place + 1] * (agents + leaving * (place + 1)) / pace if place + 1 < len(ahead) else 0.0
            after.append(here * stays + comes)
        ahead = after
        answered_after_jumps.append(answered)
    mean_jumps = pace * limit
    within = math.fsum(
        math.exp(-mean_jumps + count * math.log(mean_jumps) - math.lgamma(count + 1)) * done
        for count, done in enumerate(answered_after_jumps)
    )
    return waits, mean_waiting, (1 - waits) + within


@pytest.mark.parametrize(
    ("agents", "load", "leaving"),
    [(1, 0.5, 0.5), (1, 2.0, 1.0), (5, 4.5, 0.1), (5, 8.0, 0.5), (20, 20.0, 3.0), (50, 48.0, 0.5), (50, 60.0, 1.5)],
)
@pytest.mark.parametrize("limit", [0.02, 0.3])
def test_erlang_a_is_the_chain_it_describes(agents: int, load: float, leaving: float, limit: float) -> None:
    handle_time = timedelta(hours=1)
    ours = impatient(agents, load, handle_time, handle_time / leaving, handle_time * limit)
    waits, mean_waiting, service_level = chain(agents, load, leaving, limit)
    assert ours.waits == pytest.approx(waits, rel=1e-9)
    assert ours.mean_waiting == pytest.approx(mean_waiting, rel=1e-9)
    assert ours.abandons == pytest.approx(leaving * mean_waiting / load, rel=1e-9)
    assert ours.mean_wait / handle_time == pytest.approx(mean_waiting / load, rel=1e-6)
    assert ours.service_level == pytest.approx(service_level, rel=1e-9)


@pytest.mark.parametrize(("agents", "load"), [(1, 0.5), (5, 4.0), (50, 48.0), (1000, 950.0)])
def test_endless_patience_makes_erlang_a_erlang_c(agents: int, load: float) -> None:
    endless = patient(agents, load, MINUTE, seconds(10))
    nearly = impatient(agents, load, MINUTE, timedelta(days=100_000), seconds(10))
    assert nearly.waits == pytest.approx(endless.waits, rel=1e-5)
    assert nearly.service_level == pytest.approx(endless.service_level, rel=1e-5)
    assert nearly.mean_waiting == pytest.approx(endless.mean_waiting, rel=1e-4)
    assert nearly.abandons < 1e-6


def test_no_patience_makes_erlang_a_erlang_b() -> None:
    hasty = impatient(20, 18, MINUTE, timedelta(microseconds=100), MINUTE)
    assert hasty.abandons == pytest.approx(erlang_b(20, 18), rel=1e-4)


@pytest.mark.parametrize(
    ("agents", "load", "patience"),
    [(10_000, 9_990.0, 120.0), (10_000, 20_000.0, 3_600.0), (7_500, 7_500.0, 1e6), (3, 3_000.0, 60.0), (0, 5.0, 60.0)],
)
def test_great_numbers_of_agents_and_hopeless_loads_are_borne(agents: int, load: float, patience: float) -> None:
    ours = impatient(agents, load, seconds(180), seconds(patience), seconds(20))
    assert 0 <= ours.waits <= 1
    assert 0 <= ours.service_level <= 1
    # What comes is served or goes: with all agents always busy, the rest gives up.
    assert ours.abandons >= 1 - agents / load - 1e-9
    assert ours.occupancy <= 1 + 1e-9
    assert 1 - erlang_b(10_000, 20_000.0) == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("agents", [0, 3])
def test_without_calls_nothing_waits_unless_nobody_is_there(agents: int) -> None:
    ours = impatient(agents, 0, MINUTE, MINUTE, MINUTE)
    assert (ours.waits, ours.service_level) == ((0, 1) if agents else (1, 0))
    assert erlang_b(agents, 0) == (0 if agents else 1)


def test_the_textbook_staffing_is_found() -> None:
    # 100 calls in half an hour of three minutes each: 10 erlangs; 14 agents answer 88.8 % within 20 s, 13 do 79.6 %.
    assert agents_needed(10, seconds(180), seconds(20), 0.8) == 14
    assert patient(14, 10, seconds(180), seconds(20)).service_level == pytest.approx(0.888, abs=0.001)
    assert patient(13, 10, seconds(180), seconds(20)).service_level == pytest.approx(0.796, abs=0.001)


_loads = st.floats(0.01, 300)


@given(_loads, st.floats(0, 0.999), st.floats(0, 600), st.none() | st.floats(1, 3600))
def test_the_number_of_agents_is_enough_and_one_fewer_is_not(
    load: float, wanted: float, within: float, patience: float | None
) -> None:
    def level(agents: int) -> float:
        if patience is not None:
            return impatient(agents, load, seconds(180), seconds(patience), seconds(within)).service_level
        return patient(agents, load, seconds(180), seconds(within)).service_level if agents > load else -1

    agents = agents_needed(load, seconds(180), seconds(within), wanted, None if patience is None else seconds(patience))
    assert level(agents) >= wanted
    assert agents == 0 or level(agents - 1) < wanted


@given(st.integers(1, 300), _loads, st.floats(1, 7200), st.floats(0, 600))
def test_shares_are_shares_and_another_agent_never_harms(
    agents: int, load: float, patience: float, within: float
) -> None:
    here = impatient(agents, load, seconds(180), seconds(patience), seconds(within))
    more = impatient(agents + 1, load, seconds(180), seconds(patience), seconds(within))
    for share in (here.waits, here.abandons, here.service_level, here.occupancy):
        assert -1e-9 <= share <= 1 + 1e-9
    assert more.waits <= here.waits + 1e-9
    assert more.abandons <= here.abandons + 1e-9
    assert more.service_level >= here.service_level - 1e-9
    # Nobody is answered in time and gives up as well, and giving up relieves the others.
    assert here.service_level + here.abandons <= 1 + 1e-9
    assert here.waits <= erlang_c(agents, load) + 1e-9
    assert here.abandons <= erlang_b(agents, load) + 1e-9


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 agents"):
        erlang_b(-1, 1)
    with pytest.raises(ValueError, match="load of -1"):
        erlang_c(1, -1)
    with pytest.raises(ValueError, match="cannot bear"):
        patient(5, 5, MINUTE, MINUTE)
    with pytest.raises(ValueError, match="patience"):
        impatient(5, 5, MINUTE, timedelta(), MINUTE)
    with pytest.raises(ValueError, match="handle time"):
        patient(5, 4, timedelta(), MINUTE)
    with pytest.raises(ValueError, match="target"):
        patient(5, 4, MINUTE, -MINUTE)
    with pytest.raises(ValueError, match="service level"):
        agents_needed(5, MINUTE, MINUTE, 1.0)
