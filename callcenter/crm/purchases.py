"""From single purchases to what the models learn from: one summary (x, t_x, T) a customer, and equal ones counted.

Law: the summaries at a day depend on nothing after it; purchases of a customer on one day are one purchase.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callcenter.crm.errors import CrmError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

WEEK = 7.0
"""Days in the unit of time the published parameters are in."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Purchases:
    """Purchases as three arrays of one length, in any order: whose, on which day (`date.toordinal`), for how much.

    A negative amount is a return; it lowers what that day's purchase was worth.
    """

    customer: IntArray
    day: IntArray
    amount: FloatArray

    def __post_init__(self) -> None:
        if not len(self.customer) == len(self.day) == len(self.amount):
            raise CrmError(
                f"purchases need columns of one length, not {len(self.customer)} customers, {len(self.day)} days and "
                f"{len(self.amount)} amounts"
            )
        if not np.isfinite(self.amount).all():
            raise CrmError("an amount is not a number; leave the purchase out or give it an amount")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summaries:
    """One row a customer who had bought by `until_day`; times are in units of `days_per_unit` days."""

    customer: IntArray
    frequency: FloatArray
    """x: days with a purchase after the first."""
    recency: FloatArray
    """t_x: from the first purchase to the last; 0 where there is one."""
    age: FloatArray
    """T: from the first purchase to `until_day`."""
    mean_value: FloatArray
    """Mean worth of the x repeat purchases; not a number where x = 0."""
    total_value: FloatArray
    """Worth of all purchases, the first included."""
    first_day: IntArray
    until_day: int
    days_per_unit: float

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountedRows:
    """Different (x, t_x, T), and how many customers have each."""

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    weight: FloatArray

    @property
    def customers(self) -> float:
        """How many customers the rows stand for."""
        return float(self.weight.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdout:
    """The customers of the calibration, and what they did in the time after it that the model did not see."""

    calibration: Summaries
    purchases: FloatArray
    """Days with a purchase in the holdout, in the order of the calibration's customers."""
    value: FloatArray
    until_day: int

    @property
    def duration(self) -> float:
        """Length of the holdout in the calibration's units of time."""
        return (self.until_day - self.calibration.until_day) / self.calibration.days_per_unit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Days:
    """Purchases in the order of customer and day, those of one customer on one day made one."""

    customer: IntArray
    day: IntArray
    amount: FloatArray
    start: IntArray
    """Where each customer's days begin."""


def summarise(purchases: Purchases, *, until_day: int, days_per_unit: float = WEEK) -> Summaries:
    """The customers' histories as known at the end of `until_day`; whoever bought later only is not among them."""
    days = _merge_days(purchases, purchases.day <= until_day)
    count = np.diff(np.append(days.start, len(days.day)))
    last = days.start + count - 1
    first_day = days.day[days.start]
    frequency = (count - 1).astype(np.float64)
    total = np.add.reduceat(days.amount, days.start) if len(days.start) else np.zeros(0)
    repeat = total - days.amount[days.start]
    mean_value = np.full(len(count), np.nan)
    np.divide(repeat, frequency, out=mean_value, where=frequency > 0)
    return Summaries(
        customer=days.customer[days.start],
        frequency=frequency,
        recency=(days.day[last] - first_day) / days_per_unit,
        age=(until_day - first_day) / days_per_unit,
        mean_value=mean_value,
        total_value=total,
        first_day=first_day,
        until_day=until_day,
        days_per_unit=days_per_unit,
    )


def split(purchases: Purchases, *, calibration_until: int, holdout_until: int, days_per_unit: float = WEEK) -> Holdout:
    """Cut the history in two: what a model may learn from, and what it is then held to."""
    if holdout_until <= calibration_until:
        raise CrmError("the holdout has to end after the calibration")
    calibration = summarise(purchases, until_day=calibration_until, days_per_unit=days_per_unit)
    later = _merge_days(purchases, (purchases.day > calibration_until) & (purchases.day <= holdout_until))
    count = np.zeros(len(calibration))
    value = np.zeros(len(calibration))
    if len(later.start) and len(calibration):
        who = later.customer[later.start]
        place = np.searchsorted(calibration.customer, who)
        known = calibration.customer[np.minimum(place, len(calibration) - 1)] == who
        count[place[known]] = np.diff(np.append(later.start, len(later.day)))[known]
        value[place[known]] = np.add.reduceat(later.amount, later.start)[known]
    return Holdout(calibration=calibration, purchases=count, value=value, until_day=holdout_until)


def count_rows(
    frequency: FloatArray, recency: FloatArray, age: FloatArray, weight: FloatArray | None = None
) -> CountedRows:
    """Equal (x, t_x, T) made one row that carries their number; the likelihood is the same and costs less."""
    check_histories(frequency, recency, age)
    given = np.ones(len(frequency)) if weight is None else weight
    frequencies, of_frequency = np.unique(frequency, return_inverse=True)
    recencies, of_recency = np.unique(recency, return_inverse=True)
    ages, of_age = np.unique(age, return_inverse=True)
    key = (of_frequency * len(recencies) + of_recency) * len(ages) + of_age
    keys, of_key = np.unique(key, return_inverse=True)
    rest, at_age = np.divmod(keys, max(len(ages), 1))
    at_frequency, at_recency = np.divmod(rest, max(len(recencies), 1))
    return CountedRows(
        frequency=frequencies[at_frequency],
        recency=recencies[at_recency],
        age=ages[at_age],
        weight=np.bincount(of_key, weights=given, minlength=len(keys)).astype(np.float64),
    )


def check_histories(frequency: FloatArray, recency: FloatArray, age: FloatArray) -> None:
    """Refuse what no history can be; the message gives the first row that is wrong, counted from 0."""
    if not len(frequency) == len(recency) == len(age):
        raise CrmError(f"histories need columns of one length, not {len(frequency)}, {len(recency)} and {len(age)}")
    finite = np.isfinite(frequency) & np.isfinite(recency) & np.isfinite(age)
    possible = finite & (frequency >= 0) & (recency >= 0) & (recency <= age) & ((frequency > 0) | (recency == 0))
    if possible.all():
        return
    row = int(np.argmin(possible))
    raise CrmError(
        f"row {row} cannot be a history: frequency {frequency[row]:g}, recency {recency[row]:g}, age {age[row]:g}; "
        "right is 0 <= recency <= age, and recency 0 without a repeat purchase"
    )


def _merge_days(purchases: Purchases, kept: NDArray[np.bool_]) -> _Days:
    customer, day, amount = purchases.customer[kept], purchases.day[kept], purchases.amount[kept]
    order = np.lexsort((day, customer))
    customer, day, amount = customer[order], day[order], amount[order]
    if not len(day):
        return _Days(customer=customer, day=day, amount=amount, start=np.zeros(0, dtype=np.int64))
    other_customer = np.append(True, np.diff(customer) != 0)
    first_of_day = np.flatnonzero(other_customer | np.append(True, np.diff(day) != 0))
    customer = customer[first_of_day]
    return _Days(
        customer=customer,
        day=day[first_of_day],
        amount=np.add.reduceat(amount, first_of_day),
        start=np.flatnonzero(np.append(True, np.diff(customer) != 0)),
    )
