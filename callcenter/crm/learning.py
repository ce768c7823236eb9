"""What one run learns from all purchases: the two models, where scores and classes begin, and how well it would have
predicted; kept as a document, so that single customers are judged by it until the next run.

Law: the document read back is the model that was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite
from typing import Final

import numpy as np

from callcenter.crm import btyd, gamma_gamma
from callcenter.crm.btyd import BgNbd
from callcenter.crm.classes import ClassCuts, ClassShares, class_cuts, gini, pareto_curve, share_of_top
from callcenter.crm.errors import ModelNotFitted
from callcenter.crm.gamma_gamma import GammaGamma
from callcenter.crm.lifetime_value import Outlook, accuracy, by_frequency, lifetime_value, predict, track
from callcenter.crm.purchases import WEEK, FloatArray, IntArray, Purchases, Summaries, count_rows, split
from callcenter.crm.rfm import RfmScales, Scale, rfm_scales
from callcenter.crm.value_rules import ClassBasis, ValueRules

MOST_LEARNT_FROM: Final = 250_000
"""Customers; of more a sample spread over all ids: the standard errors are below a hundredth by then."""
_BEYOND: Final = 1e300
"""Stands for infinity, which JSON does not have."""
_MONTH_WEEKS: Final = 365.25 / 12 / 7
_HOLDOUT_SHARE: Final = 3
"""One of so many parts of the history is held out for the test of time."""
_LONGEST_HOLDOUT_DAYS: Final = 365
_TRACKED_POINTS: Final = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a model; no standard error where the purchases do not determine it."""

    name: str
    value: float
    standard_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntModel:
    """A model's parameters, from how many customers, and what is to be thought of them."""

    parameters: tuple[Parameter, ...]
    customers: int
    log_likelihood: float
    undetermined: tuple[str, ...] = ()
    correlation: float | None = None

    def value_of(self, name: str) -> float:
        """One parameter."""
        return next(one.value for one in self.parameters if one.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """All of what a run has learnt; times are in weeks, money in `currency`."""

    as_of: date
    currency: str
    rules: ValueRules
    customers: int = 0
    """Who had bought."""
    recency_begins: tuple[float, ...] = ()
    frequency_begins: tuple[float, ...] = ()
    monetary_begins: tuple[float, ...] = ()
    a_from: float = _BEYOND
    b_from: float = _BEYOND
    class_basis: ClassBasis = ClassBasis.SPENT
    """What the classes are cut from in this run."""
    purchasing: LearntModel | None = None
    worth: LearntModel | None = None
    why_not: str = ""
    """Why a model is missing."""

    @property
    def bg_nbd(self) -> BgNbd | None:
        """The model of how often."""
        found = self.purchasing
        if found is None:
            return None
        return BgNbd(**{name: found.value_of(name) for name in ("r", "alpha", "a", "b")})

    @property
    def gamma_gamma(self) -> GammaGamma | None:
        """The model of for how much."""
        found = self.worth
        if found is None:
            return None
        return GammaGamma(**{name: found.value_of(name) for name in ("p", "q", "gamma")})

    @property
    def scales(self) -> RfmScales:
        """Where each score begins."""
        return RfmScales(
            recency=Scale(begins=self.recency_begins),
            frequency=Scale(begins=self.frequency_begins),
            monetary=Scale(begins=self.monetary_begins),
        )

    @property
    def cuts(self) -> ClassCuts:
        """Where the classes begin."""
        return ClassCuts(a_from=self.a_from, b_from=self.b_from)

    @property
    def outlook(self) -> Outlook:
        """As the lifetime value looks ahead."""
        return Outlook(
            periods=self.rules.horizon_months,
            period=_MONTH_WEEKS,
            discount_rate=(1 + self.rules.yearly_discount) ** (1 / 12) - 1,
            margin=self.rules.margin,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyPoint:
    """Mean purchases in the holdout of those with so many repeat purchases before it."""

    frequency: int
    and_more: bool
    customers: int
    actual: float
    predicted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedDay:
    """Repeat purchases of all from the beginning to this day."""

    on: date
    actual: int
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialByTime:
    """What a model that knew only the first part of the history said of the second."""

    calibration_until: date
    holdout_until: date
    parameters: tuple[Parameter, ...]
    customers: int
    by_frequency: tuple[FrequencyPoint, ...]
    tracked: tuple[TrackedDay, ...]
    actual_purchases: float
    predicted_purchases: float
    mean_absolute_error: float
    correlation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRow:
    """Those who first bought in a month, and how many of them bought in each month since; the first is all of them."""

    month: str
    bought: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPicture:
    """What management looks at of a run; the curve is (share of customers, share of value), most valuable first."""

    curve: tuple[tuple[float, float], ...] = ()
    top_fifth: float = 0.0
    gini: float = 0.0
    customers: int = 0
    value: float = 0.0
    cohorts: tuple[CohortRow, ...] = ()
    test: TrialByTime | None = None
    test_why_not: str = ""


def learn(
    sample: Summaries, everyone: "Everyone", *, as_of: date, currency: str, rules: ValueRules
) -> tuple[Learnt, FloatArray]:
    """The run's model from a sample's histories and everybody's figures; also what everybody's class is cut from."""
    scales = everyone.scales(as_of)
    purchasing, worth, why_not = _models(sample)
    learnt = Learnt(
        as_of=as_of,
        currency=currency,
        rules=rules,
        customers=len(everyone.spent),
        recency_begins=_kept(scales.recency.begins),
        frequency_begins=_kept(scales.frequency.begins),
        monetary_begins=_kept(scales.monetary.begins),
        purchasing=purchasing,
        worth=worth,
        why_not=why_not,
    )
    basis, values = rules.class_basis, everyone.spent
    if basis is ClassBasis.LIFETIME_VALUE:
        values = everyone.lifetime_values(learnt)
        if not len(values):
            basis, values = ClassBasis.SPENT, everyone.spent
    cuts = class_cuts(values, ClassShares(a_until=rules.a_until, b_until=rules.b_until))
    with_cuts = replace(learnt, a_from=min(cuts.a_from, _BEYOND), b_from=min(cuts.b_from, _BEYOND), class_basis=basis)
    return with_cuts, values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Everyone:
    """A few figures of each customer who has bought, without who he is; days are ordinals."""

    first_day: IntArray
    last_day: IntArray
    purchases: IntArray
    spent: FloatArray
    first_spent: FloatArray
    """On the first day."""

    def scales(self, as_of: date) -> RfmScales:
        """Where the scores begin."""
        if not len(self.spent):
            never = Scale(begins=(_BEYOND,) * 4)
            return RfmScales(recency=never, frequency=never, monetary=never)
        days = (as_of.toordinal() - self.last_day).astype(np.float64)
        return rfm_scales(days, self.purchases.astype(np.float64), self.spent)

    def summaries(self, as_of: date) -> Summaries:
        """Their histories in weeks."""
        return summaries_of(
            self.first_day, self.last_day, self.purchases, self.spent, self.first_spent, as_of=as_of.toordinal()
        )

    def lifetime_values(self, learnt: Learnt) -> FloatArray:
        """Of all of them; empty without both models. In pieces, so that memory stays flat."""
        model, worth = learnt.bg_nbd, learnt.gamma_gamma
        if model is None or worth is None or not len(self.spent):
            return np.zeros(0)
        whole = self.summaries(learnt.as_of)
        found = np.empty(len(whole))
        for start in range(0, len(whole), 100_000):
            piece = slice(start, start + 100_000)
            found[piece] = lifetime_value(model, worth, _piece(whole, piece), learnt.outlook)
        return found


def summaries_of(
    first: IntArray, last: IntArray, purchases: IntArray, spent: FloatArray, first_spent: FloatArray, *, as_of: int
) -> Summaries:
    """Histories from what is kept of them; a purchase after `as_of` (an order placed for a day to come) is as of it."""
    frequency = (purchases - 1).astype(np.float64)
    mean_value = np.full(len(first), np.nan)
    np.divide(spent - first_spent, frequency, out=mean_value, where=frequency > 0)
    return Summaries(
        customer=np.arange(len(first)),
        frequency=frequency,
        recency=(last - first) / WEEK,
        age=np.maximum(as_of - first, last - first) / WEEK,
        mean_value=mean_value,
        total_value=spent,
        first_day=first,
        until_day=as_of,
        days_per_unit=WEEK,
    )


def trial_by_time(purchases: Purchases, *, as_of: date) -> tuple[TrialByTime | None, str]:
    """Cut the history, learn its first part, hold the model to the second; the reason where there is too little."""
    if not len(purchases.day):
        return None, "nobody has bought anything yet"
    first, until = int(purchases.day.min()), as_of.toordinal()
    held_out = min((until - first) // _HOLDOUT_SHARE, _LONGEST_HOLDOUT_DAYS)
    if held_out < 1:
        return None, "the history is too short to be cut in two"
    return held_to(purchases, calibration_until=until - held_out, holdout_until=until)


def held_to(purchases: Purchases, *, calibration_until: int, holdout_until: int) -> tuple[TrialByTime | None, str]:
    """As `trial_by_time`, with the days given."""
    first = int(purchases.day.min())
    holdout = split(purchases, calibration_until=calibration_until, holdout_until=holdout_until)
    then = holdout.calibration
    try:
        fitted = btyd.fit(count_rows(then.frequency, then.recency, then.age))
    except ModelNotFitted as error:
        return None, str(error)
    expected = predict(fitted.model, holdout)
    told = accuracy(holdout, expected)
    step = max(1, (holdout_until - first) // _TRACKED_POINTS)
    days = sorted({*range(first + step, holdout_until, step), calibration_until, holdout_until})
    tracked = track(fitted.model, purchases, calibration_until=calibration_until, days=days, days_per_unit=WEEK)
    return (
        TrialByTime(
            calibration_until=date.fromordinal(calibration_until),
            holdout_until=date.fromordinal(holdout_until),
            parameters=_parameters(fitted),
            customers=len(then),
            by_frequency=tuple(
                FrequencyPoint(
                    frequency=row.frequency,
                    and_more=row.and_more,
                    customers=row.customers,
                    actual=row.actual_mean,
                    predicted=row.predicted_mean,
                )
                for row in by_frequency(holdout, expected)
            ),
            tracked=tuple(
                TrackedDay(on=date.fromordinal(point.day), actual=point.actual, expected=point.expected)
                for point in tracked
            ),
            actual_purchases=told.actual_purchases,
            predicted_purchases=told.predicted_purchases,
            mean_absolute_error=told.mean_absolute_error,
            correlation=told.correlation if isfinite(told.correlation) else None,
        ),
        "",
    )


def picture_of(
    values: FloatArray, *, cohorts: Sequence[CohortRow], test: TrialByTime | None, test_why_not: str
) -> RunPicture:
    """The curve of what the classes are cut from, with what else the run saw."""
    return RunPicture(
        curve=tuple((point.customers, point.value) for point in pareto_curve(values)) if len(values) else (),
        top_fifth=share_of_top(values, 0.2) if len(values) else 0.0,
        gini=gini(values) if len(values) else 0.0,
        customers=len(values),
        value=float(np.maximum(values, 0.0).sum()),
        cohorts=tuple(cohorts),
        test=test,
        test_why_not=test_why_not,
    )


def _models(sample: Summaries) -> tuple[LearntModel | None, LearntModel | None, str]:
    try:
        fitted = btyd.fit(count_rows(sample.frequency, sample.recency, sample.age))
    except ModelNotFitted as error:
        return None, None, str(error)
    purchasing = LearntModel(
        parameters=_parameters(fitted),
        customers=fitted.customers,
        log_likelihood=fitted.log_likelihood,
        undetermined=fitted.undetermined,
    )
    try:
        worth = gamma_gamma.fit(sample.frequency, sample.mean_value)
    except ModelNotFitted as error:
        return purchasing, None, str(error)
    named = (("p", worth.model.p), ("q", worth.model.q), ("gamma", worth.model.gamma))
    return (
        purchasing,
        LearntModel(
            parameters=tuple(
                Parameter(name=name, value=value, standard_error=_finite(worth.standard_errors[name]))
                for name, value in named
            ),
            customers=worth.customers,
            log_likelihood=worth.log_likelihood,
            undetermined=worth.undetermined,
            correlation=_finite(worth.correlation),
        ),
        "",
    )


def _parameters(fitted: btyd.BgNbdFit) -> tuple[Parameter, ...]:
    model = fitted.model
    named = (("r", model.r), ("alpha", model.alpha), ("a", model.a), ("b", model.b))
    return tuple(
        Parameter(name=name, value=value, standard_error=_finite(fitted.standard_errors[name])) for name, value in named
    )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _kept(begins: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(min(one, _BEYOND) for one in begins)


def _piece(whole: Summaries, piece: slice) -> Summaries:
    return Summaries(
        customer=whole.customer[piece],
        frequency=whole.frequency[piece],
        recency=whole.recency[piece],
        age=whole.age[piece],
        mean_value=whole.mean_value[piece],
        total_value=whole.total_value[piece],
        first_day=whole.first_day[piece],
        until_day=whole.until_day,
        days_per_unit=whole.days_per_unit,
    )
