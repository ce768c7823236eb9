"""The models of buying against the published data set's published parameters, the closed forms, and what must hold."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from importlib.metadata import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, gammaln, hyp2f1

from callcenter.crm import btyd, gamma_gamma
from callcenter.crm.btyd import BgNbd, conditional_purchases, expected_purchases, p_alive
from callcenter.crm.errors import CrmError, ModelNotFitted
from callcenter.crm.gamma_gamma import GammaGamma, expected_value
from callcenter.crm.lifetime_value import (
    Outlook,
    accuracy,
    by_frequency,
    discounted_purchases,
    iso_value,
    lifetime_value,
    predict,
    track,
)
from callcenter.crm.purchases import FloatArray, Holdout, Purchases, count_rows, split, summarise

PUBLISHED = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
"""Fader, Hardie & Lee 2005, table 2; times in weeks."""
CALIBRATION_END = date(1997, 9, 30).toordinal()
HOLDOUT_END = date(1998, 6, 30).toordinal()


def numbers(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdnow:
    """The 2,357 customers of the published 1/10 sample."""

    purchases: Purchases
    holdout: Holdout


@pytest.fixture(scope="module")
def cdnow() -> Cdnow:
    """Read out of an installed package's data, for the data's own terms do not say it may be copied into a project."""
    (sample,) = (path for path in files("lifetimes") or () if path.name == "CDNOW_sample.txt")
    rows = [line.split() for line in sample.read_text(encoding="ascii").splitlines() if line.strip()]
    purchases = Purchases(
        customer=np.array([int(row[1]) for row in rows]),
        day=np.array([date(int(row[2][:4]), int(row[2][4:6]), int(row[2][6:])).toordinal() for row in rows]),
        amount=np.array([float(row[4]) for row in rows]),
    )
    return Cdnow(
        purchases=purchases,
        holdout=split(purchases, calibration_until=CALIBRATION_END, holdout_until=HOLDOUT_END),
    )


@pytest.fixture(scope="module")
def fitted(cdnow: Cdnow) -> btyd.BgNbdFit:
    then = cdnow.holdout.calibration
    return btyd.fit(count_rows(then.frequency, then.recency, then.age))


def test_the_published_parameters_come_out_of_the_published_data(fitted: btyd.BgNbdFit) -> None:
    assert fitted.customers == 2357
    assert fitted.repeat_customers == 946
    assert fitted.model.r == pytest.approx(0.243, abs=0.0005)
    assert fitted.model.alpha == pytest.approx(4.414, abs=0.001)
    assert fitted.model.a == pytest.approx(0.793, abs=0.0005)
    assert fitted.model.b == pytest.approx(2.426, abs=0.001)
    assert fitted.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert fitted.undetermined == ()


def test_the_published_worth_of_a_purchase_comes_out_of_the_published_data(cdnow: Cdnow) -> None:
    then = cdnow.holdout.calibration
    fitted = gamma_gamma.fit(then.frequency, then.mean_value)
    assert fitted.customers == 946
    assert fitted.model.p == pytest.approx(6.25, abs=0.005)
    assert fitted.model.q == pytest.approx(3.74, abs=0.005)
    assert fitted.model.gamma == pytest.approx(15.44, abs=0.01)
    assert fitted.correlation == pytest.approx(0.11, abs=0.005)
    assert all(0 < error < 5 for error in fitted.standard_errors.values())


def test_counting_equal_rows_changes_nothing(cdnow: Cdnow, fitted: btyd.BgNbdFit) -> None:
    then = cdnow.holdout.calibration
    rows = count_rows(then.frequency, then.recency, then.age)
    assert len(rows.weight) < len(then) / 2
    assert rows.customers == len(then)
    single = sum(
        btyd.log_likelihood(PUBLISHED, count_rows(numbers(x), numbers(t), numbers(age)))
        for x, t, age in zip(then.frequency[:200], then.recency[:200], then.age[:200], strict=True)
    )
    counted = count_rows(then.frequency[:200], then.recency[:200], then.age[:200])
    assert btyd.log_likelihood(PUBLISHED, counted) == pytest.approx(single, rel=1e-12)
    assert btyd.log_likelihood(fitted.model, rows) == pytest.approx(fitted.log_likelihood, rel=1e-10)


def test_the_parameters_do_not_depend_on_the_unit_of_time(cdnow: Cdnow, fitted: btyd.BgNbdFit) -> None:
    in_days = summarise(cdnow.purchases, until_day=CALIBRATION_END, days_per_unit=1.0)
    again = btyd.fit(count_rows(in_days.frequency, in_days.recency, in_days.age))
    assert again.model.r == pytest.approx(fitted.model.r, rel=1e-4)
    assert again.model.alpha == pytest.approx(7 * fitted.model.alpha, rel=1e-4)
    assert again.standard_errors["b"] == pytest.approx(fitted.standard_errors["b"], rel=1e-3)


def test_standard_errors_are_the_spread_of_estimates_over_samples_of_the_model() -> None:
    truth = BgNbd(r=0.6, alpha=6.0, a=0.9, b=2.5)
    fits = [_fit_sample(truth, seed=seed, customers=3000) for seed in range(12)]
    for name in ("r", "alpha", "a", "b"):
        found = np.array([getattr(fit.model, name) for fit in fits])
        claimed = np.mean([fit.standard_errors[name] for fit in fits])
        assert abs(found.mean() - getattr(truth, name)) < 4 * claimed / np.sqrt(len(fits))
        assert 0.4 < found.std(ddof=1) / claimed < 2.0


def test_expectations_are_those_of_the_published_spreadsheet(fitted: btyd.BgNbdFit) -> None:
    """Fader, Hardie & Lee 2005, Implementing the BG/NBD Model for Customer Base Analysis in Excel."""
    weeks = numbers(0.1429, 1.0, 3.00, 31.8571, 32.00, 78.00)
    wanted = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    assert expected_purchases(fitted.model, weeks) == pytest.approx(wanted, abs=0.0005)
    given_history = conditional_purchases(PUBLISHED, numbers(2), numbers(30.43), numbers(38.86), 39.0)
    assert given_history[0] == pytest.approx(1.226, abs=0.0005)


@pytest.mark.parametrize("time", [0.5, 39.0, 520.0])
@pytest.mark.parametrize(
    "model", [PUBLISHED, BgNbd(r=3.1, alpha=0.4, a=1.7, b=0.6), BgNbd(r=0.2, alpha=50, a=0.3, b=9)]
)
def test_quadrature_agrees_with_the_closed_forms(model: BgNbd, time: float) -> None:
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    share = time / (alpha + time)
    closed = (a + b - 1) / (a - 1) * (1 - (1 - share) ** r * hyp2f1(r, b, a + b - 1, share))
    assert expected_purchases(model, numbers(time))[0] == pytest.approx(closed, rel=1e-9)
    for x, t_x, age in ((0.0, 0.0, 30.0), (1.0, 2.0, 30.0), (7.0, 29.0, 30.0), (150.0, 90.0, 100.0)):
        share = time / (alpha + age + time)
        # Euler's transformation of equation 10: the untransformed one has no digits left at x = 150.
        tail = (1 - share) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, share)
        odds = a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x) if x else 0.0
        closed = (a + b + x - 1) / (a - 1) * (1 - tail) / (1 + odds)
        got = conditional_purchases(model, numbers(x), numbers(t_x), numbers(age), time)[0]
        assert got == pytest.approx(closed, rel=1e-9)


def test_expectations_hold_where_the_closed_form_divides_by_zero() -> None:
    at_one = expected_purchases(BgNbd(r=0.5, alpha=5, a=1.0, b=2.0), numbers(50))[0]
    beside = [expected_purchases(BgNbd(r=0.5, alpha=5, a=a, b=2.0), numbers(50))[0] for a in (0.999, 1.001)]
    assert at_one == pytest.approx(sum(beside) / 2, rel=1e-5)
    assert expected_purchases(BgNbd(r=0.5, alpha=5, a=0.4, b=0.6), numbers(50))[0] > 0


def test_the_likelihood_is_that_of_the_paper() -> None:
    """Equation 6 written with beta functions, for one customer."""
    r, alpha, a, b, x, t_x, age = 0.243, 4.414, 0.793, 2.426, 3.0, 20.0, 38.0
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    lost = betaln(a + 1, b + x - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    by_hand = np.logaddexp(alive, lost) + gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    got = btyd.log_likelihood(PUBLISHED, count_rows(numbers(x), numbers(t_x), numbers(age), numbers(5)))
    assert got == pytest.approx(5 * by_hand, rel=1e-12)


def test_p_alive_reckoned_by_hand() -> None:
    simple = BgNbd(r=1.0, alpha=1.0, a=1.0, b=1.0)
    # 1 / (1 + 1 / (1 + 2 - 1) ((1 + 3) / (1 + 1))^(1 + 2)) = 1 / (1 + 8 / 2)
    assert p_alive(simple, numbers(2, 0), numbers(1, 0), numbers(3, 100)) == pytest.approx([0.2, 1.0])


def test_the_holdout_table_follows_what_customers_did(cdnow: Cdnow, fitted: btyd.BgNbdFit) -> None:
    assert cdnow.holdout.duration == 39.0
    predicted = predict(fitted.model, cdnow.holdout)
    table = by_frequency(cdnow.holdout, predicted)
    assert [row.customers for row in table] == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert [row.and_more for row in table] == [False] * 7 + [True]
    for row in table:
        assert row.predicted_mean == pytest.approx(row.actual_mean, abs=max(0.12, 0.3 * row.actual_mean))
    figures = accuracy(cdnow.holdout, predicted)
    assert figures.actual_purchases == cdnow.holdout.purchases.sum()
    assert figures.predicted_purchases == pytest.approx(figures.actual_purchases, rel=0.15)
    assert figures.correlation > 0.6


def test_tracking_counts_repeat_purchases_up_to_each_day(cdnow: Cdnow, fitted: btyd.BgNbdFit) -> None:
    days = [CALIBRATION_END - 200, CALIBRATION_END, HOLDOUT_END]
    points = track(fitted.model, cdnow.purchases, calibration_until=CALIBRATION_END, days=days, days_per_unit=7.0)
    assert points[1].actual == cdnow.holdout.calibration.frequency.sum()
    assert points[2].actual == points[1].actual + cdnow.holdout.purchases.sum()
    assert points[0].expected < points[1].expected < points[2].expected
    assert points[2].expected == pytest.approx(points[2].actual, rel=0.05)


histories = st.tuples(
    st.integers(1, 60), st.floats(0.1, 300), st.floats(0, 300), st.floats(0.01, 300)
)  # x, t_x, silence, more silence
models = st.builds(
    BgNbd,
    r=st.floats(0.05, 8),
    alpha=st.floats(0.1, 80),
    a=st.floats(0.05, 5),
    b=st.floats(0.05, 12),
)


@given(model=models, history=histories)
def test_whoever_bought_more_lately_is_likelier_alive(model: BgNbd, history: tuple[int, float, float, float]) -> None:
    x, t_x, silence, more = history
    age = t_x + silence + more
    alive = p_alive(model, numbers(x, x), numbers(t_x, t_x + more), numbers(age, age))
    assert 0 <= alive[0] <= alive[1] <= 1
    longer = p_alive(model, numbers(x, x), numbers(t_x, t_x), numbers(t_x + silence, age))
    assert longer[1] <= longer[0]


@given(model=models, history=histories, time=st.floats(0.1, 500))
@settings(deadline=None)
def test_expected_purchases_grow_with_time_and_stay_below_those_without_loss(
    model: BgNbd, history: tuple[int, float, float, float], time: float
) -> None:
    x, t_x, silence, more = history
    columns = numbers(x), numbers(t_x), numbers(t_x + silence)
    soon = conditional_purchases(model, *columns, time)[0]
    later = conditional_purchases(model, *columns, time + more)[0]
    without_loss = (model.r + x) / (model.alpha + t_x + silence) * time
    assert 0 <= soon <= later
    assert soon <= without_loss * (1 + 1e-9)


@given(
    model=st.builds(GammaGamma, p=st.floats(0.1, 20), q=st.floats(1.1, 20), gamma=st.floats(0.1, 100)),
    x=st.integers(1, 50),
    mean=st.floats(0.01, 1000),
)
def test_the_expected_worth_lies_between_the_customers_mean_and_the_populations(
    model: GammaGamma, x: int, mean: float
) -> None:
    low, high = sorted((mean, model.population_mean))
    expected = expected_value(model, numbers(x), numbers(mean))[0]
    assert low * (1 - 1e-9) <= expected <= high * (1 + 1e-9)


def test_of_a_customer_without_a_repeat_purchase_the_populations_mean_is_expected() -> None:
    model = GammaGamma(p=2.0, q=3.0, gamma=10.0)
    assert expected_value(model, numbers(0, 4), numbers(np.nan, -5.0)) == pytest.approx([10.0, 2.0])
    # (q - 1) / (p x + q - 1) of the population's 10 and p x / (p x + q - 1) of his own 30, with x = 1: half each.
    assert expected_value(model, numbers(1), numbers(30.0)) == pytest.approx([20.0])


def test_lifetime_value_discounts_each_period_at_its_middle() -> None:
    outlook = Outlook(periods=2, period=10.0, discount_rate=0.1, margin=0.25)
    purchases = Purchases(
        customer=np.array([1, 1, 1, 2]), day=np.array([0, 35, 70, 7]), amount=numbers(10.0, 20.0, 40.0, 5.0)
    )
    summaries = summarise(purchases, until_day=140)
    worth = GammaGamma(p=2.0, q=3.0, gamma=10.0)
    columns = summaries.frequency, summaries.recency, summaries.age
    first = conditional_purchases(PUBLISHED, *columns, 10.0)
    both = conditional_purchases(PUBLISHED, *columns, 20.0)
    by_hand = (first / 1.1**0.5 + (both - first) / 1.1**1.5) * 0.25
    by_hand *= expected_value(worth, summaries.frequency, summaries.mean_value)
    assert lifetime_value(PUBLISHED, worth, summaries, outlook) == pytest.approx(by_hand, rel=1e-12)


def test_customers_who_come_in_pieces_are_worth_what_they_are_worth_together(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(3)
    frequency = chance.integers(0, 5, size=400).astype(np.float64)
    age = chance.integers(40, 90, size=400).astype(np.float64)
    recency = np.where(frequency > 0, np.floor(age / 2), 0.0)
    model = BgNbd(r=0.31, alpha=5.2, a=0.7, b=2.1)
    together = discounted_purchases(model, frequency, recency, age, Outlook(periods=9, period=4.3))
    reckoned: list[int] = []
    honest = btyd.purchases_by

    def counted(model: BgNbd, frequency: FloatArray, age: FloatArray, times: FloatArray) -> FloatArray:
        reckoned.append(len(frequency))
        return honest(model, frequency, age, times)

    monkeypatch.setattr(btyd, "purchases_by", counted)
    different = len({*zip(frequency.tolist(), age.tolist(), strict=True)})
    for most in (10_000, 20):
        monkeypatch.setattr("callcenter.crm.lifetime_value.MOST_REMEMBERED", most)
        reckoned.clear()
        # The margin is not in it, but nobody has asked for this outlook yet.
        outlook = Outlook(periods=9, period=4.3, margin=1 / most)
        pieces = [
            discounted_purchases(model, frequency[part], recency[part], age[part], outlook)
            for part in (slice(start, start + 7) for start in range(0, 400, 7))
        ]
        assert np.concatenate(pieces) == pytest.approx(together, rel=1e-11)
        assert (sum(reckoned) == different) is (most == 10_000)


def test_of_two_customers_long_silent_the_more_frequent_is_worth_less() -> None:
    grid = iso_value(
        PUBLISHED, frequencies=[0, 1, 7], recencies=[0, 10, 35], age=38.0, outlook=Outlook(periods=12, period=4.3)
    )
    assert grid.shape == (3, 3)
    assert grid[2, 1] < grid[1, 1]
    assert grid[2, 2] > grid[1, 2]
    assert grid[0, 0] == grid[0, 2]
    alone = discounted_purchases(PUBLISHED, numbers(7), numbers(35), numbers(38), Outlook(periods=12, period=4.3))
    assert grid[2, 2] == pytest.approx(alone[0])


def test_purchases_of_one_day_are_one_and_later_ones_unknown() -> None:
    purchases = Purchases(
        customer=np.array([9, 4, 4, 4, 4, 9]),
        day=np.array([30, 16, 2, 2, 23, 31]),
        amount=numbers(1.0, 8.0, 1.0, 2.0, -3.0, 4.0),
    )
    found = summarise(purchases, until_day=23, days_per_unit=7.0)
    assert found.customer.tolist() == [4]
    assert (found.frequency[0], found.recency[0], found.age[0]) == (2, 3.0, 3.0)
    assert found.mean_value[0] == pytest.approx((8.0 - 3.0) / 2)
    assert found.total_value[0] == pytest.approx(8.0)
    cut = split(purchases, calibration_until=16, holdout_until=30)
    assert (cut.purchases.tolist(), cut.value.tolist(), cut.duration) == ([1], [-3.0], 2.0)
    assert len(summarise(purchases, until_day=1)) == 0
    assert split(purchases, calibration_until=1, holdout_until=5).purchases.tolist() == []


def test_what_cannot_be_learnt_from_is_refused_with_the_reason() -> None:
    few = count_rows(numbers(1, 0), numbers(2, 0), numbers(9, 9))
    with pytest.raises(ModelNotFitted, match="2 customers, 1 of them"):
        btyd.fit(few)
    with pytest.raises(CrmError, match="row 1 cannot be a history: frequency 1, recency 9, age 8"):
        count_rows(numbers(0, 1), numbers(0, 9), numbers(8, 8))
    with pytest.raises(CrmError, match="row 0"):
        p_alive(PUBLISHED, numbers(0), numbers(3), numbers(8))
    with pytest.raises(ModelNotFitted, match="worth the same"):
        gamma_gamma.fit(np.full(50, 2.0), np.full(50, 9.5))
    with pytest.raises(ModelNotFitted, match="0 customers"):
        gamma_gamma.fit(numbers(0, 1), numbers(np.nan, -4))
    with pytest.raises(CrmError, match="not a number"):
        Purchases(customer=np.array([1]), day=np.array([1]), amount=numbers(np.nan))


def test_a_base_that_never_loses_anyone_says_which_parameters_it_cannot_tell() -> None:
    rng = np.random.default_rng(5)
    rates = rng.gamma(2.0, 0.1, 800)
    count = rng.poisson(rates * 50)
    last = np.where(count > 0, 50.0 - rng.exponential(1.0, 800) * 1e-3, 0.0)
    found = btyd.fit(count_rows(count.astype(np.float64), last, np.full(800, 50.0)))
    assert {"a", "b"} & set(found.undetermined)
    assert all(np.isnan(found.standard_errors[name]) for name in found.undetermined)
    assert p_alive(found.model, numbers(5), numbers(49.9), numbers(50))[0] > 0.99


def test_neither_importing_nor_asking_pays_for_scipy() -> None:
    script = (
        "import sys, numpy as np\n"
        "from callcenter.crm import lifetime_value, rfm, classes, management, segment_text\n"
        "from callcenter.crm.btyd import BgNbd, conditional_purchases\n"
        "one = np.ones(1)\n"
        "conditional_purchases(BgNbd(r=1, alpha=1, a=1, b=1), one, one, one, 5.0)\n"
        "sys.exit(any(name.partition('.')[0] == 'scipy' for name in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def _fit_sample(truth: BgNbd, *, seed: int, customers: int) -> btyd.BgNbdFit:
    """Customers who live as the model says, observed for 20 to 60 weeks."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(truth.r, 1 / truth.alpha, customers)
    loss = rng.beta(truth.a, truth.b, customers)
    age = rng.uniform(20, 60, customers)
    frequency, recency, clock = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    living = np.arange(customers)
    while len(living):
        clock[living] += rng.exponential(1 / rate[living])
        living = living[clock[living] < age[living]]
        frequency[living] += 1
        recency[living] = clock[living]
        living = living[rng.random(len(living)) > loss[living]]
    return btyd.fit(count_rows(frequency, recency, age))
