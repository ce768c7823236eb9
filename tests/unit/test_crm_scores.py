"""RFM scores and classes of value, reckoned by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm.classes import ClassShares, class_cuts, gini, pareto_curve, place_all, share_of_top
from callcenter.crm.errors import CrmError
from callcenter.crm.purchases import FloatArray
from callcenter.crm.rfm import rfm_scales, scale_of, score_customer, score_customers
from callcenter.crm.value_class import ValueClass


def numbers(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


some_values = st.lists(st.integers(-50, 1000).map(float), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        ([7], [3]),
        ([1, 2], [2, 4]),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([5, 5, 5, 5], [3, 3, 3, 3]),
        ([10, 20, 30, 40, 50, 60, 70, 80, 90, 100], [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        # Seven of ten bought once: the middle of their places is 3.5 of 10, in the second fifth.
        ([1, 1, 1, 1, 1, 1, 1, 2, 3, 9], [2, 2, 2, 2, 2, 2, 2, 4, 5, 5]),
    ],
)
def test_scores_are_fifths_and_ties_share_the_score_of_their_middle(values: list[float], scores: list[int]) -> None:
    assert scale_of(numbers(*values)).scores(numbers(*values)).tolist() == scores


@given(values=some_values)
def test_a_score_never_falls_as_the_value_rises_and_follows_the_order_alone(values: list[float]) -> None:
    array = numbers(*values)
    scale = scale_of(array)
    by_value = scale.scores(np.sort(array))
    assert (np.diff(by_value.astype(int)) >= 0).all()
    assert set(by_value.tolist()) <= {1, 2, 3, 4, 5}
    stretched = np.exp(array / 300)
    assert scale_of(stretched).scores(stretched).tolist() == scale.scores(array).tolist()
    assert [scale.score(value) for value in values] == scale.scores(array).tolist()


@given(values=some_values)
def test_scores_are_fair_to_both_ends(values: list[float]) -> None:
    array = numbers(*values)
    mean = scale_of(array).scores(array).astype(float).mean()
    turned = 6 - scale_of(-array).scores(-array).astype(float).mean()
    assert abs(mean - 3) <= 1
    assert abs(mean - turned) <= 1


def test_recency_is_turned_round_so_that_five_is_good() -> None:
    days, bought, spent = numbers(1, 10, 20, 40, 300), numbers(9, 1, 4, 2, 1), numbers(50, 10, 900, 30, 20)
    scales = rfm_scales(days, bought, spent)
    recency, frequency, monetary = score_customers(scales, days, bought, spent)
    assert recency.tolist() == [5, 4, 3, 2, 1]
    assert frequency.tolist() == [5, 2, 4, 3, 2]
    assert monetary.tolist() == [4, 1, 5, 3, 2]
    assert score_customer(scales, days_since_last=0, purchases=3, spent=1000).cell == "535"


def test_nobody_and_no_number_cannot_be_scored() -> None:
    with pytest.raises(CrmError, match="nobody"):
        scale_of(numbers())
    with pytest.raises(CrmError, match="not a number"):
        scale_of(numbers(1, np.nan))


def test_classes_are_cut_where_the_curve_reaches_the_shares() -> None:
    # Shares held by the more valuable: 0, .5, .8, .9, .95, 1
    values = numbers(50, 30, 10, 5, 5, 0, -20)
    cuts = class_cuts(values, ClassShares(a_until=0.8, b_until=0.95))
    assert (cuts.a_from, cuts.b_from) == (30, 5)
    assert "".join(place_all(values, cuts)) == "AABBBCC"
    assert cuts.place(31) is ValueClass.A
    assert cuts.place(29) is ValueClass.B
    assert cuts.place(0) is ValueClass.C


def test_the_customer_who_reaches_the_share_is_in_and_ties_go_together() -> None:
    assert "".join(place_all(numbers(100), class_cuts(numbers(100), ClassShares()))) == "A"
    alike = numbers(10, 10, 10, 10)
    assert "".join(place_all(alike, class_cuts(alike, ClassShares(a_until=0.3, b_until=0.6)))) == "AAAA"
    nothing = numbers(0, 0, -3)
    assert "".join(place_all(nothing, class_cuts(nothing, ClassShares()))) == "CCC"


def test_shares_that_sum_only_nearly_are_taken_as_meant() -> None:
    tenths = np.full(10, 0.1) + np.arange(10) * 1e-9
    assert "".join(sorted(place_all(tenths, class_cuts(tenths, ClassShares(a_until=0.5, b_until=0.8))))).count("A") == 5


@given(values=some_values, a_until=st.floats(0.1, 0.9))
def test_the_more_valuable_are_never_in_the_lower_class(values: list[float], a_until: float) -> None:
    array = numbers(*values)
    shares = ClassShares(a_until=a_until, b_until=0.95)
    placed = place_all(array, class_cuts(array, shares))
    in_order = placed[np.argsort(-array, kind="stable")]
    assert "".join(in_order) == "".join(sorted(in_order))
    held = array[(placed == "A")].sum() if (array > 0).any() else 1.0
    total = array[array > 0].sum() if (array > 0).any() else 1.0
    assert held >= a_until * total * (1 - 1e-9)
    less = array[(placed == "A") & (array > (array[placed == "A"].min() if (placed == "A").any() else 0))].sum()
    assert less < a_until * total


def test_the_curve_and_the_shares_of_the_top() -> None:
    values = numbers(10, 80, 10, 0)
    curve = pareto_curve(values, points=5)
    assert [point.customers for point in curve] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert [point.value for point in curve] == pytest.approx([0.0, 0.8, 0.9, 1.0, 1.0])
    assert share_of_top(values, 0.125) == pytest.approx(0.4)
    assert share_of_top(numbers(0, 0), 0.2) == pytest.approx(0.2)
    with pytest.raises(CrmError, match="from 0 to 1, not 20"):
        share_of_top(values, 20)


def test_gini_from_all_alike_to_one_has_all() -> None:
    assert gini(numbers(5, 5, 5)) == pytest.approx(0.0)
    assert gini(numbers(0, 0, 0, 8)) == pytest.approx(3 / 4)
    # 2 (1 x 1 + 2 x 2 + 3 x 6) / (3 x 9) - 4 / 3
    assert gini(numbers(6, 1, 2)) == pytest.approx(46 / 27 - 4 / 3)
    assert gini(numbers()) == gini(numbers(0, -1)) == 0.0


@given(values=some_values)
def test_gini_is_twice_the_area_between_the_curve_and_the_diagonal(values: list[float]) -> None:
    array = numbers(*values)
    curve = pareto_curve(array, points=len(values) + 1)
    heights = np.array([point.value for point in curve])
    area = float((heights[1:] + heights[:-1]).sum() / 2 / len(values))
    assert gini(array) == pytest.approx(2 * area - 1, abs=1e-9)


@pytest.mark.parametrize(("a_until", "b_until"), [(0.0, 0.9), (0.9, 0.8), (0.5, 1.1)])
def test_shares_out_of_order_are_refused(a_until: float, b_until: float) -> None:
    with pytest.raises(CrmError, match="class A"):
        ClassShares(a_until=a_until, b_until=b_until)
