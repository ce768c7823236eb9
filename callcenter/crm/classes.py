"""Classes A, B and C by cumulative value, the 80/20 curve they are cut from, and its one-figure summary.

M. O. Lorenz (1905): Methods of Measuring the Concentration of Wealth; C. Gini (1914). Law: of two customers the more
valuable one is never in the lower class, and equal values are in one class. A value of 0 or less holds no share.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callcenter.crm.errors import CrmError
from callcenter.crm.purchases import FloatArray
from callcenter.crm.value_class import ValueClass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassShares:
    """Cumulative shares of all value, most valuable customer first, at which A and B end; the business sets them."""

    a_until: float = 0.80
    b_until: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.a_until <= self.b_until <= 1:
            raise CrmError(f"class A has to end above 0, B not before A and not after 1, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCuts:
    """The lowest value in A and in B; kept from the nightly run, they place one customer at once."""

    a_from: float
    b_from: float

    def place(self, value: float) -> ValueClass:
        """The class of one customer."""
        if value >= self.a_from:
            return ValueClass.A
        return ValueClass.B if value >= self.b_from else ValueClass.C


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The most valuable share of the customers holds this share of the value; both from 0 to 1."""

    customers: float
    value: float


def class_cuts(values: FloatArray, shares: ClassShares) -> ClassCuts:
    """A customer is in A when those strictly more valuable hold less than `a_until` of the value; B alike.

    So the one with whom the share is reached is still in, and one customer with all the value is A. Without any value
    nobody is in A or B.
    """
    positive = np.sort(_checked(values)[values > 0])[::-1]
    if not len(positive):
        return ClassCuts(a_from=float("inf"), b_from=float("inf"))
    different, count = np.unique(-positive, return_counts=True)
    different = -different
    before = np.append(0.0, np.cumsum(different * count)[:-1])
    total = float(np.sum(different * count))

    def lowest(share: float) -> float:
        # A part in a million million forgives what the sum rounds.
        return float(different[int((before < share * total * (1 - 1e-12)).sum()) - 1])

    return ClassCuts(a_from=lowest(shares.a_until), b_from=lowest(shares.b_until))


def place_all(values: FloatArray, cuts: ClassCuts) -> NDArray[np.str_]:
    """The classes of many customers, as "A", "B" and "C"."""
    return np.where(values >= cuts.a_from, "A", np.where(values >= cuts.b_from, "B", "C"))


def pareto_curve(values: FloatArray, *, points: int = 101) -> tuple[CurvePoint, ...]:
    """The 80/20 curve from (0, 0) to (1, 1) at evenly spaced shares of customers; straight where nobody has value.

    Read from the least valuable end, (1 - customers, 1 - value), it is Lorenz's curve.
    """
    if points < 2:
        raise CrmError("a curve needs at least two points")
    held = _held(values)
    return tuple(
        CurvePoint(customers=float(share), value=_share(held, float(share))) for share in np.linspace(0.0, 1.0, points)
    )


def share_of_top(values: FloatArray, customers: float) -> float:
    """The share of all value that the most valuable share of the customers (0 to 1) holds.

    Between two whole numbers of customers it is interpolated.
    """
    if not 0 <= customers <= 1:
        raise CrmError(f"the share of customers has to be from 0 to 1, not {customers}")
    return _share(_held(values), customers)


def gini(values: FloatArray) -> float:
    """2 sum(i v_i) / (n sum(v)) - (n + 1) / n over values in rising order: 0 all equal, (n - 1) / n one has all."""
    rising = np.sort(np.maximum(_checked(values), 0.0))
    count, total = len(rising), float(rising.sum())
    if not total:
        return 0.0
    ranks = np.arange(1, count + 1)
    return float(2 * (ranks @ rising) / (count * total) - (count + 1) / count)


def _checked(values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise CrmError("a customer's value is not a number; give 0 where it is not known")
    return values


def _held(values: FloatArray) -> FloatArray:
    """The share held by the 0, 1, 2 ... n most valuable customers."""
    falling = np.sort(np.maximum(_checked(values), 0.0))[::-1]
    total = float(falling.sum())
    if not total:
        return np.linspace(0.0, 1.0, max(len(falling), 1) + 1)
    return np.append(0.0, np.cumsum(falling)) / total


def _share(held: FloatArray, customers: float) -> float:
    return float(np.interp(customers * (len(held) - 1), np.arange(len(held)), held))
