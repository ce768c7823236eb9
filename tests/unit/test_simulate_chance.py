"""Chance, time and figures of the simulation."""

from itertools import islice, pairwise, takewhile
from random import Random
from statistics import fmean, pstdev

import pytest
from scipy.stats import t as student

from callcenter.simulate.agenda import DAY, HOUR, SECOND, Agenda
from callcenter.simulate.arrivals import RateInterval, poisson, whole_day
from callcenter.simulate.chance import NEVER, Kind, Lengths
from callcenter.simulate.figures import percentile, ratio, student_quantile
from callcenter.simulate.record import TimeTotals


@pytest.mark.parametrize(
    ("lengths", "cv"),
    [
        (Lengths(kind=Kind.FIXED, mean_seconds=40), 0.0),
        (Lengths(kind=Kind.EXPONENTIAL, mean_seconds=40), 1.0),
        (Lengths(kind=Kind.LOGNORMAL, mean_seconds=40, cv=0.5), 0.5),
    ],
)
def test_lengths_have_the_mean_and_the_spread_they_are_given(lengths: Lengths, cv: float) -> None:
    chance = Random(3)
    drawn = [(lengths.draw(chance) or 0) / SECOND for _ in range(40_000)]
    assert fmean(drawn) == pytest.approx(40, rel=0.02)
    assert pstdev(drawn) == pytest.approx(40 * cv, rel=0.03, abs=1e-9)


def test_who_never_loses_patience_has_none_drawn() -> None:
    assert NEVER.draw(Random(1)) is None


def test_calls_come_by_the_rate_of_the_hour_and_not_outside() -> None:
    rates = (
        RateInterval(begins=8 * HOUR, ends=9 * HOUR, per_hour=100),
        RateInterval(begins=10 * HOUR, ends=12 * HOUR, per_hour=20),
    )
    days = 300
    moments = list(takewhile(lambda at: at < days * DAY, poisson(rates, 9 * HOUR, Random(2))))
    hours = [((at + 9 * HOUR) % DAY) // HOUR for at in moments]
    assert set(hours) == {8, 10, 11}
    for hour, rate in ((8, 100), (10, 20), (11, 20)):
        # Three standard deviations of a Poisson count.
        assert hours.count(hour) == pytest.approx(rate * days, abs=3 * (rate * days) ** 0.5)
    assert moments == sorted(moments)


def test_times_between_calls_are_exponential() -> None:
    moments = list(islice(poisson(whole_day(60), 0, Random(4)), 40_000))
    gaps = [(later - earlier) / SECOND for earlier, later in pairwise(moments)]
    assert fmean(gaps) == pytest.approx(60, rel=0.02)
    assert sum(gap > 60 for gap in gaps) / len(gaps) == pytest.approx(0.3679, abs=0.01)


def test_nobody_comes_where_no_rate_is_above_zero() -> None:
    assert list(poisson(whole_day(0), 0, Random(1))) == []


def test_the_agenda_keeps_order_and_time() -> None:
    agenda, happened = Agenda(begins=8 * HOUR), list[str]()
    agenda.plan(5, lambda: happened.append("second"))
    agenda.plan(5, lambda: happened.append("third"))
    agenda.plan(1, lambda: happened.append("first"))
    while agenda.next_at() is not None:
        agenda.take()()
    assert happened == ["first", "second", "third"]
    assert agenda.now == 5
    assert agenda.at(agenda.moment) == 5
    assert (agenda.moment.hour, agenda.moment.microsecond) == (8, 5)


def test_time_is_divided_among_the_parts_it_passes_in() -> None:
    totals = TimeTotals(0, 100, 4)
    totals.change(2, 10)
    totals.change(0, 60)
    totals.change(1, 90)
    totals.change(1, 100)
    assert totals.parts == [30.0, 50.0, 20.0, 10.0]


@pytest.mark.parametrize("degrees", [4, 9, 19, 100])
def test_students_quantile(degrees: int) -> None:
    assert student_quantile(degrees) == pytest.approx(float(student.ppf(0.975, degrees)), rel=0.004)


def test_the_interval_of_a_ratio_holds_19_times_of_20() -> None:
    chance, held = Random(8), 0
    for _ in range(400):
        below = [float(chance.randint(50, 150)) for _ in range(20)]
        above = [sum(chance.expovariate(0.5) for _ in range(int(count))) for count in below]
        estimate = ratio(above, below)
        assert estimate.value is not None
        assert estimate.half_width is not None
        held += abs(estimate.value - 2.0) <= estimate.half_width
    assert 0.92 <= held / 400 <= 0.98


def test_percentiles_are_of_all_batches_together() -> None:
    estimate = percentile([[float(value) for value in range(start, 100, 10)] for start in range(10)], 0.9)
    assert estimate.value == 89.0
    assert percentile([[], []], 0.5).value is None
