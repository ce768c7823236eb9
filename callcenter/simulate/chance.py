"""Lengths of time by chance: what a scenario says of patience, handle times and ringing."""

import math
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from callcenter.simulate.agenda import micros


class Kind(StrEnum):
    """How lengths are distributed."""

    FIXED = "fixed"
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    NONE = "none"
    """It never happens: patience without an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """A distribution of lengths of time; `cv` is the standard deviation divided by the mean, of a lognormal one."""

    kind: Kind
    mean_seconds: float = 0.0
    cv: float = 1.0

    def draw(self, chance: Random) -> int | None:
        """One length in microseconds; None when it never happens."""
        match self.kind:
            case Kind.FIXED:
                return micros(self.mean_seconds)
            case Kind.EXPONENTIAL:
                return micros(chance.expovariate(1.0) * self.mean_seconds)
            case Kind.LOGNORMAL:
                # Of a lognormal with mean m and cv c: sigma^2 = ln(1 + c^2), mu = ln m - sigma^2 / 2.
                variance = math.log1p(self.cv * self.cv)
                return micros(self.mean_seconds * math.exp(chance.gauss(-variance / 2, math.sqrt(variance))))
            case Kind.NONE:
                return None


NOTHING = Lengths(kind=Kind.FIXED)
"""No time at all."""
NEVER = Lengths(kind=Kind.NONE)
