"""What each customer's coming purchases are worth today, and how a model stands the test of time it has not seen.

The value joins the two models: purchases expected by BG/NBD times what one is worth by Gamma-Gamma, discounted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from callcenter.crm import btyd, gamma_gamma
from callcenter.crm.btyd import BgNbd
from callcenter.crm.errors import CrmError
from callcenter.crm.gamma_gamma import GammaGamma
from callcenter.crm.purchases import FloatArray, Holdout, Purchases, Summaries, summarise

MOST_REMEMBERED: Final = 100_000
"""Different (x, T), some 25 MB: three years of days have 30,000 of them."""
_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How far ahead to look, and what later money is worth now."""

    periods: int = 36
    period: float
    """Length of one, in the models' unit of time: 365.25 / 12 / 7 is a month in weeks."""
    discount_rate: float = 0.01
    """Per period: a purchase k periods away counts 1 / (1 + rate)^k."""
    margin: float = 1.0
    """Share of a purchase's worth that is profit."""

    def __post_init__(self) -> None:
        if not (1 <= self.periods <= 1200 and self.period > 0 and self.discount_rate > -1 and np.isfinite(self.margin)):
            raise CrmError(f"an outlook needs 1 to 1200 periods of some length and a rate above -1, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyRow:
    """The customers with so many repeat purchases in the calibration: what they did then, and what was expected."""

    frequency: int
    and_more: bool
    """The last row also holds everyone with more."""
    customers: int
    actual_mean: float
    predicted_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingPoint:
    """Repeat purchases of all customers from the beginning to the end of a day."""

    day: int
    actual: int
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """The holdout in single figures."""

    actual_purchases: float
    predicted_purchases: float
    correlation: float
    """Pearson's, of actual and predicted over customers; not a number where one of them does not vary."""
    mean_absolute_error: float
    """Purchases a customer."""


def discounted_purchases(
    model: BgNbd, frequency: FloatArray, recency: FloatArray, age: FloatArray, outlook: Outlook
) -> FloatArray:
    """Sum over the periods k = 1 ... n of the purchases expected in the k-th / (1 + rate)^(k - 1/2).

    A purchase falls, on average, in the middle of its period.
    """
    first, back = btyd.different_pairs(frequency, age)
    living = _prospects(model, outlook).of(frequency[first], age[first])
    value: FloatArray = living[back] * btyd.p_alive(model, frequency, recency, age)
    return value


def lifetime_value(model: BgNbd, worth: GammaGamma, summaries: Summaries, outlook: Outlook) -> FloatArray:
    """Discounted purchases x worth of one x margin, of each customer, over the outlook.

    Of what is still to come only: the purchases made so far are not in it.
    """
    purchases = discounted_purchases(model, summaries.frequency, summaries.recency, summaries.age, outlook)
    each = gamma_gamma.expected_value(worth, summaries.frequency, summaries.mean_value)
    value: FloatArray = purchases * each * outlook.margin
    return value


def iso_value(
    model: BgNbd, *, frequencies: Sequence[float], recencies: Sequence[float], age: float, outlook: Outlook
) -> FloatArray:
    """Discounted purchases over a grid, one row a frequency, one column a recency: its contours are iso-value curves.

    P. S. Fader, B. G. S. Hardie, K. L. Lee (2005): RFM and CLV: Using Iso-Value Curves for Customer Base Analysis,
    Journal of Marketing Research 42, 415-430. They show why scores must not be added up: of two customers last seen
    long ago the more frequent one is worth less, for he is the likelier lost.
    """
    x, t_x = (part.ravel() for part in np.meshgrid(np.asarray(frequencies), np.asarray(recencies), indexing="ij"))
    values = discounted_purchases(
        model, x.astype(np.float64), np.where(x > 0, t_x, 0.0), np.full(len(x), float(age)), outlook
    )
    return values.reshape(len(frequencies), len(recencies))


def predict(model: BgNbd, holdout: Holdout) -> FloatArray:
    """Purchases expected of each customer of the calibration in the holdout."""
    then = holdout.calibration
    return btyd.conditional_purchases(model, then.frequency, then.recency, then.age, holdout.duration)


def by_frequency(holdout: Holdout, predicted: FloatArray, *, last: int = 7) -> tuple[FrequencyRow, ...]:
    """Actual and predicted means in the holdout by frequency in the calibration, 0 to `last` and more."""
    bucket = np.minimum(holdout.calibration.frequency, last).astype(np.int64)
    customers = np.bincount(bucket, minlength=last + 1)
    actual = np.bincount(bucket, weights=holdout.purchases, minlength=last + 1)
    expected = np.bincount(bucket, weights=predicted, minlength=last + 1)
    return tuple(
        FrequencyRow(
            frequency=frequency,
            and_more=frequency == last,
            customers=int(customers[frequency]),
            actual_mean=float(actual[frequency] / customers[frequency]),
            predicted_mean=float(expected[frequency] / customers[frequency]),
        )
        for frequency in range(last + 1)
        if customers[frequency]
    )


def accuracy(holdout: Holdout, predicted: FloatArray) -> Accuracy:
    """How near the prediction came, over all customers of the calibration; raises CrmError where there is none."""
    actual = holdout.purchases
    if not len(actual):
        raise CrmError("nobody had bought by the end of the calibration; let it end later")
    varied = len(actual) > 1 and float(np.ptp(actual)) > 0 and float(np.ptp(predicted)) > 0
    return Accuracy(
        actual_purchases=float(actual.sum()),
        predicted_purchases=float(predicted.sum()),
        correlation=float(np.corrcoef(actual, predicted)[0, 1]) if varied else float("nan"),
        mean_absolute_error=float(np.abs(actual - predicted).mean()),
    )


def track(
    model: BgNbd, purchases: Purchases, *, calibration_until: int, days: Sequence[int], days_per_unit: float
) -> tuple[TrackingPoint, ...]:
    """Cumulative repeat purchases, actual and expected, of the customers of the calibration, at the end of each day.

    Expected is the sum over customers of E[X(day - first day)]: what the parameters alone say, no one's history.
    """
    if not days:
        return ()
    began = summarise(purchases, until_day=calibration_until, days_per_unit=days_per_unit)
    kept = (purchases.day <= max(days)) & np.isin(purchases.customer, began.customer)
    different = np.unique(np.column_stack((purchases.customer[kept], purchases.day[kept])), axis=0)
    bought = np.sort(different[:, 1])
    first_days, customers = np.unique(began.first_day, return_counts=True)
    points = []
    for day in days:
        seen = first_days <= day
        expected = btyd.expected_purchases(model, (day - first_days[seen]) / days_per_unit) @ customers[seen]
        actual = int(np.searchsorted(bought, day, side="right")) - int(customers[seen].sum())
        points.append(TrackingPoint(day=day, actual=actual, expected=float(expected)))
    return tuple(points)


class _Prospects:
    """What a customer who is alive will buy over the outlook, discounted: it depends on x and T alone.

    Those of equal ones are remembered, since the customers of a store come in many small pieces.
    """

    def __init__(self, model: BgNbd, outlook: Outlook) -> None:
        self._model = model
        self._outlook = outlook
        self._known: dict[tuple[float, float], float] = {}

    def of(self, frequency: FloatArray, age: FloatArray) -> FloatArray:
        """Of each of these pairs, which are different ones."""
        pairs = list(zip(frequency.tolist(), age.tolist(), strict=True))
        found = np.array([self._known.get(pair, np.nan) for pair in pairs])
        new = np.flatnonzero(np.isnan(found))
        if len(new):
            found[new] = self._reckoned(frequency[new], age[new])
            if len(self._known) + len(new) > MOST_REMEMBERED:
                self._known.clear()
            self._known.update((pairs[place], float(found[place])) for place in new[:MOST_REMEMBERED].tolist())
        return found

    def _reckoned(self, frequency: FloatArray, age: FloatArray) -> FloatArray:
        k = np.arange(1.0, self._outlook.periods + 1.0)
        counts = (1.0 + self._outlook.discount_rate) ** (0.5 - k)
        total = np.empty(len(frequency))
        # In pieces, so that memory stays flat.
        for start in range(0, len(frequency), _AT_ONCE):
            piece = slice(start, start + _AT_ONCE)
            until = btyd.purchases_by(self._model, frequency[piece], age[piece], k * self._outlook.period)
            total[piece] = np.diff(until, axis=1, prepend=0.0) @ counts
        return total


@lru_cache(maxsize=2)
def _prospects(model: BgNbd, outlook: Outlook) -> _Prospects:
    return _Prospects(model, outlook)
