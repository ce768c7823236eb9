"""When callers come: a Poisson process whose rate changes with the time of day, or intervals as they were recorded."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from callcenter.simulate.agenda import DAY, HOUR, micros


@dataclass(frozen=True, slots=True, kw_only=True)
class RateInterval:
    """So many calls an hour between two times of the day, in microseconds since midnight."""

    begins: int
    ends: int
    per_hour: float


def whole_day(per_hour: float) -> tuple[RateInterval, ...]:
    """The same rate at all hours."""
    return (RateInterval(begins=0, ends=DAY, per_hour=per_hour),)


def poisson(rates: Sequence[RateInterval], begins: int, chance: Random) -> Iterator[int]:
    """Moments since the beginning, which is at the time of day `begins`; endless unless all rates are zero.

    One exponential of mean 1 a call is spent at the rate of the moment (inversion of the integrated rate; A. M. Law,
    Simulation Modeling and Analysis, section 8.6.2), so that no call is drawn in vain.
    """
    pieces = sorted(_without_gaps(rates), key=lambda piece: piece.begins)
    if not any(piece.per_hour for piece in pieces):
        return
    starts = [piece.begins for piece in pieces]
    day, index = 0, bisect_right(starts, begins) - 1
    clock = float(begins)
    while True:
        owed = chance.expovariate(1.0)
        while True:
            piece = pieces[index]
            rate = piece.per_hour / HOUR
            ends = day + piece.ends
            if rate * (ends - clock) >= owed:
                clock += owed / rate
                yield round(clock) - begins
                break
            owed -= rate * (ends - clock)
            clock = float(ends)
            index += 1
            if index == len(pieces):
                index, day = 0, day + DAY


def recorded(seconds_between: Sequence[float]) -> Iterator[int]:
    """Calls after these intervals, and none after the last."""
    at = 0.0
    for seconds in seconds_between:
        at += seconds
        yield micros(at)


def _without_gaps(rates: Sequence[RateInterval]) -> Iterator[RateInterval]:
    """The whole day in pieces; where nothing is said, nobody calls."""
    at = 0
    for rate in sorted(rates, key=lambda piece: piece.begins):
        if rate.begins > at:
            yield RateInterval(begins=at, ends=rate.begins, per_hour=0.0)
        yield rate
        at = rate.ends
    if at < DAY:
        yield RateInterval(begins=at, ends=DAY, per_hour=0.0)
