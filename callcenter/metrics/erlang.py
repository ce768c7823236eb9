"""The classic formulas of waiting: Erlang B, Erlang C and Erlang A, to plan with and to prove the simulation against.

Calls come at random, `load` of them in a mean handle time (the offered load in erlangs); handle times are exponential.

- Erlang B: who finds no agent free is turned away. Erlang C: he waits for ever. L. Kleinrock, Queueing Systems I
  (1975), sections 3.7 and 3.5.
- Erlang A: he waits as long as his patience lasts, which is exponential too. C. Palm (1946); O. Garnett, A. Mandelbaum,
  M. Reiman, Designing a Call Center with Impatient Customers (2002); A. Mandelbaum, S. Zeltyn, Service Engineering in
  Action: the Palm/Erlang-A Queue (2007).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

NEGLIGIBLE = 1e-17
"""A state this much rarer than all before it together changes no digit."""
MOST_AGENTS = 1_000_000
_HALVINGS = 40
_AGREEMENT = 1e-13
_FADED = 45.0
"""Exponents so far below the highest do not matter: e^-45 is 3e-20."""
# Gauss-Legendre with five nodes, on [-1, 1].
_NODES = (
    (0.0, 128 / 225),
    (math.sqrt(5 - 2 * math.sqrt(10 / 7)) / 3, (322 + 13 * math.sqrt(70)) / 900),
    (-math.sqrt(5 - 2 * math.sqrt(10 / 7)) / 3, (322 + 13 * math.sqrt(70)) / 900),
    (math.sqrt(5 + 2 * math.sqrt(10 / 7)) / 3, (322 - 13 * math.sqrt(70)) / 900),
    (-math.sqrt(5 + 2 * math.sqrt(10 / 7)) / 3, (322 - 13 * math.sqrt(70)) / 900),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What becomes of callers in the long run; shares are of all who call."""

    waits: float
    """The share that finds no agent free."""
    abandons: float
    mean_wait: timedelta
    """Over all who call, those served at once and those who give up included."""
    service_level: float
    """The share answered within the target."""
    occupancy: float
    mean_waiting: float
    """How many wait on average."""


def erlang_b(agents: int, load: float) -> float:
    """The share that finds all agents busy, where nobody waits."""
    _check(agents, load)
    if load == 0:
        return 0.0 if agents else 1.0
    # The recursion on 1 / B adds what is positive only, so it loses no digits and does not underflow; where it
    # overflows, B is nothing.
    inverse = 1.0
    for count in range(1, agents + 1):
        inverse = 1.0 + inverse * count / load
        if inverse == math.inf:
            return 0.0
    return 1.0 / inverse


def erlang_c(agents: int, load: float) -> float:
    """The share that has to wait, where nobody gives up; 1 when the load is more than the agents can bear."""
    _check(agents, load)
    if load >= agents:
        return 1.0
    blocked = erlang_b(agents, load)
    return agents * blocked / (agents - load * (1.0 - blocked))


def patient(agents: int, load: float, handle_time: timedelta, within: timedelta) -> Waiting:
    """Erlang C in figures, for callers who never give up.

    Raises ValueError when the agents cannot bear the load: then the queue grows for ever.
    """
    _check(agents, load)
    _check_times(handle_time, within)
    if load >= agents:
        raise ValueError(f"{agents} agents cannot bear {load} erlangs without abandonment; more than {load} are needed")
    waits = erlang_c(agents, load)
    spare = agents - load
    return Waiting(
        waits=waits,
        abandons=0.0,
        mean_wait=_times(handle_time, waits / spare),
        service_level=1.0 - waits * math.exp(-spare * (within / handle_time)),
        occupancy=load / agents,
        mean_waiting=waits * load / spare,
    )


def impatient(agents: int, load: float, handle_time: timedelta, patience: timedelta, within: timedelta) -> Waiting:
    """Erlang A in figures, for callers whose patience is exponential with mean `patience`; any load can be borne."""
    _check(agents, load)
    _check_times(handle_time, within)
    if patience <= timedelta():
        raise ValueError(f"patience is {patience}; it must be longer than zero")
    if load == 0:
        return Waiting(
            waits=0.0 if agents else 1.0,
            abandons=0.0 if agents else 1.0,
            mean_wait=timedelta() if agents else patience,
            service_level=1.0 if agents else 0.0,
            occupancy=0.0,
            mean_waiting=0.0,
        )
    leaving = handle_time / patience  # Each waiting caller's rate of giving up, per mean handle time.
    waits, mean_waiting = _stationary(agents, load, leaving)
    abandons = min(leaving * mean_waiting / load, 1.0)
    served_of_waiting = _answered_within(agents, load, leaving, within / handle_time)
    return Waiting(
        waits=waits,
        abandons=abandons,
        mean_wait=_times(handle_time, mean_waiting / load),
        service_level=(1.0 - waits) + waits * served_of_waiting,
        occupancy=load * (1.0 - abandons) / agents if agents else 0.0,
        mean_waiting=mean_waiting,
    )


def agents_needed(
    load: float,
    handle_time: timedelta,
    within: timedelta,
    service_level: float,
    patience: timedelta | None = None,
) -> int:
    """The smallest number of agents with which this share is answered within the target.

    `patience` None means that nobody gives up (Erlang C).
    """
    if not 0 <= service_level < 1:
        raise ValueError(f"service level is {service_level}; it must be at least 0 and less than 1")

    def enough(agents: int) -> bool:
        if patience is not None:
            return impatient(agents, load, handle_time, patience, within).service_level >= service_level
        return agents > load and patient(agents, load, handle_time, within).service_level >= service_level

    if enough(0):
        return 0
    too_few, sufficient = 0, max(math.ceil(load), 1)
    while not enough(sufficient):
        too_few, sufficient = sufficient, sufficient + max(math.ceil(math.sqrt(load)), sufficient - too_few)
        if sufficient > MOST_AGENTS:
            raise ValueError(f"not even {MOST_AGENTS} agents reach a service level of {service_level}")
    while sufficient - too_few > 1:
        middle = (too_few + sufficient) // 2
        if enough(middle):
            sufficient = middle
        else:
            too_few = middle
    return sufficient


def _stationary(agents: int, load: float, leaving: float) -> tuple[float, float]:
    """The share of time in which all agents are busy, and the mean number waiting.

    The chain of the number of callers in the house: one comes at rate `load`, one goes at rate min(n, agents) +
    leaving * max(n - agents, 0). From its likeliest state outwards each state's weight follows from its neighbour's, so
    no weight overflows, and only states that matter are visited.
    """
    likeliest = math.floor(load) if load < agents else agents + math.floor((load - agents) / leaving)
    total, busy, waiting = 0.0, 0.0, 0.0

    def count(state: int, weight: float) -> None:
        nonlocal total, busy, waiting
        total += weight
        if state >= agents:
            busy += weight
            waiting += weight * (state - agents)

    def going(state: int) -> float:
        return min(state, agents) + leaving * max(state - agents, 0)

    count(likeliest, 1.0)
    weight, state = 1.0, likeliest
    while state > 0:
        weight *= going(state) / load
        state -= 1
        count(state, weight)
        if weight * state < NEGLIGIBLE * total:
            break
    weight, state = 1.0, likeliest
    while True:
        state += 1
        ratio = load / going(state)
        weight *= ratio
        count(state, weight)
        # What is still to come is less than a geometric series with this ratio, also when weighed by the length.
        if ratio < 1 and weight * (1 + max(state - agents, 0) * leaving) < NEGLIGIBLE * total * (1 - ratio) ** 2:
            return busy / total, waiting / total


def _answered_within(agents: int, load: float, leaving: float, limit: float) -> float:
    """Of those who find no agent free, the share that is answered within `limit` mean handle times.

    The wait that would be offered to endless patience has a density proportional to exp(load * H(x) - agents * x) with
    H(x) = (1 - exp(-leaving * x)) / leaving (F. Baccelli, G. Hebuterne, 1981; Mandelbaum and Zeltyn, section 5).
    """

    def exponent(wait: float) -> float:
        return -load * math.expm1(-leaving * wait) / leaving - agents * wait

    if agents == 0:
        return 0.0
    # The exponent is concave; beyond its highest point it falls for ever.
    highest_at = max(math.log(load / agents) / leaving, 0.0)
    highest = exponent(highest_at)
    width = 1.0 / agents
    while exponent(highest_at + width) > highest - _FADED:
        width *= 2
    end = _crossing(exponent, highest_at, highest_at + width, highest - _FADED)
    begin = 0.0 if exponent(0.0) > highest - _FADED else _crossing(exponent, highest_at, 0.0, highest - _FADED)
    if limit <= begin:
        return 0.0

    def offered(wait: float) -> float:
        return math.exp(exponent(wait) - highest)

    def answered(wait: float) -> float:
        return math.exp(exponent(wait) - highest - leaving * wait)

    return min(_integral(answered, begin, min(limit, end)) / _integral(offered, begin, end), 1.0)


def _crossing(function: Callable[[float], float], above: float, below: float, level: float) -> float:
    """Where the function crosses the level; it is above it at the first place and not at the second."""
    for _ in range(60):
        middle = (above + below) / 2
        if function(middle) > level:
            above = middle
        else:
            below = middle
    return below


def _integral(function: Callable[[float], float], begin: float, end: float) -> float:
    """By halving until the halves agree with the whole; the functions here are smooth and at most 1."""

    def over(start: float, stop: float) -> float:
        half = (stop - start) / 2
        return half * sum(weight * function(start + half * (1 + node)) for node, weight in _NODES)

    total, parts = 0.0, [(begin, end, over(begin, end), _HALVINGS)]
    while parts:
        start, stop, whole, halvings = parts.pop()
        middle = (start + stop) / 2
        left, right = over(start, middle), over(middle, stop)
        if halvings == 0 or (halvings < _HALVINGS - 4 and abs(left + right - whole) <= _AGREEMENT * (total + whole)):
            total += left + right
        else:
            parts += ((middle, stop, right, halvings - 1), (start, middle, left, halvings - 1))
    return total


def _times(duration: timedelta, factor: float) -> timedelta:
    try:
        return duration * factor
    except OverflowError:
        return timedelta.max


def _check(agents: int, load: float) -> None:
    if agents < 0:
        raise ValueError(f"{agents} agents; there must be at least 0")
    if not 0 <= load < math.inf:
        raise ValueError(f"a load of {load} erlangs; it must be at least 0 and finite")


def _check_times(handle_time: timedelta, within: timedelta) -> None:
    if handle_time <= timedelta():
        raise ValueError(f"handle time is {handle_time}; it must be longer than zero")
    if within < timedelta():
        raise ValueError(f"the target is {within}; it must not be negative")
