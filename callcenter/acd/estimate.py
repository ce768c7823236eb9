"""How long an interaction will wait, from who can serve it, how long they have been busy, and who stands before it.

With k before him, c agents of mean handle time m and callers who each give up at a rate g, a caller waits k + 1 steps,
the first at the rate c/m + k*g, the last at c/m (W. Whitt, Predicting Queueing Delays, Management Science 45, 1999;
Improving Service by Informing Customers about Anticipated Delays, the same volume). Their sum is known in closed form:
exp(-g*W) has a beta distribution, and W its gamma limit where nobody gives up, so no length of queue costs a loop. On
top of it, handle times as they are: their spread, and the work that each busy agent still has before him. docs/acd.md
tells how, and how well it does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from statistics import NormalDist

GUESS_WEIGHT = 9
"""The administrator's guess of the handle time counts as so many calls."""
MEMORY = 100
"""About so many of the last calls count, later."""
LEAST_SPREAD, MOST_SPREAD = 0.3, 2.0
"""Bounds of standard deviation / mean of handle times: too few calls were seen, or a talk was forgotten."""
USUAL_PATIENCE = timedelta(minutes=10)
PATIENCE_GUESS_WEIGHT = 2.0
PATIENCE_MEMORY = 50.0
"""So many of the last who gave up count."""
LONGEST = timedelta(days=1)
"""No wait is predicted to be longer."""

_Z = NormalDist().inv_cdf(0.9)
"""Eight of ten lie between minus and plus this many standard deviations."""
_WEIGHT = 1 / (2 * _Z * _Z)
"""The mean of a smooth function of a normal variable is this times its values at the two ends, and the rest in the
middle."""
_STANDARD = NormalDist()
_AGE_STEPS = 8
"""So many ages per mean handle time are told apart."""
_OVERDUE_Z = 2.33
"""Who is busy longer than 99 of 100 calls last is overdue."""
_MOST_GIVING_UP = 0.15
_NEWTON_STEPS = 30
_KNOWN = 0.95
"""What is known of the agents' work makes the future a little less uncertain; as measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A wait: its mean, and the range that holds 8 of 10, with 1 below it and 1 above."""

    expected: timedelta
    low: timedelta
    high: timedelta


NO_WAIT = Prediction(expected=timedelta(), low=timedelta(), high=timedelta())


@dataclass(slots=True)
class HandleTime:
    """What talk and wrap-up of a queue take: mean and variance, the latest calls weighing most."""

    mean: timedelta
    learned: bool = False
    count: int = field(default=0, init=False)
    """Calls learned from, up to the memory's length."""
    variance: float = field(default=0.0, init=False)
    """In square seconds; of an exponential time until something else is learned."""

    unsure: float = field(default=1 / GUESS_WEIGHT, init=False)
    """The variance of the mean over that of one call: the sum of the squares of the calls' weights."""

    def __post_init__(self) -> None:
        self.variance = self.mean.total_seconds() ** 2

    def expect(self, mean: timedelta) -> None:
        """Reckon with this until something has been learned."""
        if not self.learned:
            self.mean = mean
            self.variance = mean.total_seconds() ** 2

    def learn(self, handled: timedelta) -> None:
        """Take one handled interaction in."""
        self.count = min(self.count + 1, MEMORY - GUESS_WEIGHT)
        weight = 1 / (self.count + GUESS_WEIGHT)
        off = (handled - self.mean).total_seconds()
        self.mean += (handled - self.mean) * weight
        self.variance = (1 - weight) * (self.variance + weight * off * off)
        self.unsure = (1 - weight) ** 2 * self.unsure + weight * weight
        self.learned = True

    @property
    def spread(self) -> float:
        """Standard deviation / mean, within bounds that make sense; 1 for exponential times."""
        seconds = self.mean.total_seconds()
        if seconds <= 0:
            return 1.0
        return min(max(math.sqrt(self.variance) / seconds, LEAST_SPREAD), MOST_SPREAD)

    @property
    def doubt(self) -> float:
        """The variance of the mean itself, as a share of its square: less the more was learned."""
        return self.spread**2 * self.unsure


@dataclass(slots=True)
class Patience:
    """How readily callers of a queue give up: those who did, over the time that all of them waited.

    A wait that ended with an answer counts as time without giving up, which is the likeliest rate for exponential
    patience seen in part (Mandelbaum, Zeltyn, Service Engineering in Action, 2007, section 6).
    """

    abandonments: float = PATIENCE_GUESS_WEIGHT
    exposure: timedelta = USUAL_PATIENCE * PATIENCE_GUESS_WEIGHT

    def learn(self, waited: timedelta, *, abandoned: bool) -> None:
        """Take in one wait that is over."""
        self.exposure += max(waited, timedelta())
        if not abandoned:
            return
        self.abandonments += 1
        if self.abandonments > PATIENCE_MEMORY:
            # What is forgotten is forgotten on both sides, so the rate stays.
            self.exposure *= PATIENCE_MEMORY / self.abandonments
            self.abandonments = PATIENCE_MEMORY

    @property
    def rate(self) -> float:
        """How many of those waiting give up per second."""
        return self.abandonments / self.exposure.total_seconds()


@dataclass(slots=True)
class RingTime:
    """How long agents of a queue let it ring before they answer; nothing until the first has."""

    mean: timedelta = timedelta()
    variance: float = 0.0
    """In square seconds."""
    count: int = 0

    def learn(self, rang: timedelta) -> None:
        """Take one answered offer in."""
        self.count = min(self.count + 1, MEMORY)
        weight = 1 / self.count
        off = (rang - self.mean).total_seconds()
        self.mean += (rang - self.mean) * weight
        self.variance = (1 - weight) * (self.variance + weight * off * off)

    def after(self, wait: Prediction) -> Prediction:
        """The wait until the talk, of the wait until somebody rings; the two are independent, so variances add."""
        seconds = math.sqrt(self.variance) * _Z
        expected = wait.expected + self.mean
        below, above = (wait.expected - wait.low).total_seconds(), (wait.high - wait.expected).total_seconds()
        low = expected - timedelta(seconds=math.hypot(max(below, 0.0), seconds))
        high = expected + timedelta(seconds=math.hypot(max(above, 0.0), seconds))
        return Prediction(expected=expected, low=max(low, timedelta()), high=high)


def predict(
    *,
    ahead: float,
    idle: int,
    servers: int,
    handle_time: HandleTime,
    elapsed: Sequence[timedelta],
    patience: Patience,
) -> Prediction | None:
    """How long somebody will wait who has `ahead` before him; None when nobody at work can serve him.

    `ahead` counts those who compete for the same agents, in parts those who do so in part. `servers` are the agents at
    work who can serve him, `idle` those of them who are free; `elapsed` tells how long each busy one has been at what
    he does. Of busy agents it does not tell of, the average is assumed.
    """
    if servers <= 0:
        return None
    if ahead < idle:
        return NO_WAIT
    # From here on the free agents are busy with those ahead, and the unit of time is the mean handle time.
    mean = max(handle_time.mean, timedelta(seconds=1))
    spread = handle_time.spread
    before = ahead - idle
    gains = _gains(round(spread, 1))
    last = len(gains) - 1
    step = mean / _AGE_STEPS
    gain = sum([gains[min(max(age // step, 0), last)] for age in elapsed]) + idle * (spread**2 - 1) / 2
    gain *= min(1.0, servers / max(len(elapsed) + idle, 1))
    queue = _Queue(
        servers=servers,
        gain=gain,
        fading=_fading(spread, gain, servers),
        giving_up=patience.rate * mean.total_seconds(),
    )
    dispersion = _dispersion(spread, queue.time_of(before + 1))
    # The caller is served by the (before + 1)th end; a count that varies less than a Poisson count reaches it earlier.
    ends = before + (1 + dispersion) / 2
    varies = (_KNOWN * dispersion / ends + handle_time.doubt) / 9
    leaves = min(queue.giving_up / servers / 9, _MOST_GIVING_UP)
    low, middle, high = (queue.time_of(ends * _quantile(z, varies, leaves)) for z in (-_Z, 0.0, _Z))
    expected = _WEIGHT * (low + high) + (1 - 2 * _WEIGHT) * middle
    return Prediction(expected=_times(mean, expected), low=_times(mean, low), high=_times(mean, high))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queue:
    """How fast a queue moves: the ends of talks by time t, each counting as many as would have given up by then."""

    servers: int
    gain: float
    """How many more talks end in the long run than where the agents' present work is not known."""
    fading: float
    """How fast that is made up."""
    giving_up: float

    def time_of(self, ends: float) -> float:
        """When so many have ended: the root of integral(exp(g*u) * rate(u)), by Newton's method within bounds."""
        g, c, gain, fading = self.giving_up, self.servers, self.gain, self.fading
        tilt = g - fading
        low, high = 0.0, math.inf
        time = math.log1p(ends * g / c) / g if g > 1e-9 else ends / c
        for _ in range(_NEWTON_STEPS):
            grown = math.exp(g * time)
            so_far = c * ((grown - 1) / g if g > 1e-6 else time)
            so_far += gain * fading * (math.expm1(tilt * time) / tilt if abs(tilt) > 1e-6 else time)
            off = so_far - ends
            if off > 0:
                high = time
            else:
                low = time
            closer = time - off / (grown * (c + gain * fading * math.exp(-fading * time)))
            if not low <= closer <= high:
                closer = (low + high) / 2 if high < math.inf else 2 * time
            if abs(closer - time) <= 1e-4 * time:
                return closer
            time = closer
        return time


def _quantile(z: float, varies: float, leaves: float) -> float:
    """A quantile of the ends it takes, as a multiple of their mean.

    The cube root of a ratio of two gamma variables is nearly normal (Wilson, Hilferty 1931; for the beta distribution
    Paulson 1942); a ninth of each one's relative variance is `varies` and `leaves`.
    """
    a, b = 1 - leaves, 1 - varies
    square = a * a - z * z * leaves
    root = math.sqrt(max((a * b) ** 2 - square * (b * b - z * z * varies), 0.0))
    return float(max((a * b + math.copysign(root, z)) / square, 0.02) ** 3)


def _fading(spread: float, gain: float, servers: int) -> float:
    """Regular handle times repay what is known of the agents' work soon, irregular ones late; as measured."""
    fading = 1 / spread**2
    return fading if gain >= 0 else min(fading, 0.9 * servers / -gain)


def _dispersion(spread: float, time: float) -> float:
    """Variance / mean of the number of talks that end within `time`.

    It begins as a Poisson count's, and tends to the square of the spread (D. Cox, Renewal Theory, 1962, section 4.5).
    """
    speed = 1.5 / spread**2 * max(time, 1e-9)
    return spread**2 + (1 - spread**2) * -math.expm1(-speed) / speed


@lru_cache(maxsize=32)
def _gains(spread: float) -> tuple[float, ...]:
    """By how many ends one agent is ahead of the average, for each age of his present work.

    Handle times are lognormal (L. Brown et al., Statistical Analysis of a Telephone Call Center, 2005); after a mean
    remaining work of r, an agent has ended (t - r) / m + (spread^2 + 1) / 2 talks by a late time t.
    """
    sigma = math.sqrt(math.log1p(spread**2))
    mu = -sigma * sigma / 2
    overdue = math.exp(mu + _OVERDUE_Z * sigma)

    def remaining(age: float) -> float:
        if age <= 0:
            return 1.0
        z = (math.log(age) - mu) / sigma
        return _STANDARD.cdf(sigma - z) / _STANDARD.cdf(-z) - age

    at_most = remaining(overdue)

    def believed(age: float) -> float:
        if age < overdue:
            return remaining(age)
        # What is overdue may have been forgotten: soon no more is known than of any other.
        return at_most + max(1 - at_most, 0.0) * min(age - overdue, 1.0)

    ages = math.ceil((overdue + 1) * _AGE_STEPS) + 1
    return tuple((spread**2 + 1) / 2 - believed((index + 0.5) / _AGE_STEPS) for index in range(ages))


def _times(mean: timedelta, factor: float) -> timedelta:
    return min(LONGEST, mean * min(factor, LONGEST / mean))
