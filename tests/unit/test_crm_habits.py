"""Habits and stages of many customers at once against the rules for one, and histories out of single orders."""

from datetime import date
from itertools import pairwise
from math import ceil

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.crm.habits import habits_of, stages_of
from callcenter.crm.histories import Histories, histories_of
from callcenter.crm.lifecycle import LifecycleRules, habit_of, place

START = date(2024, 1, 1).toordinal()
lives = st.tuples(
    st.lists(st.integers(0, 900), min_size=1, max_size=12),
    st.one_of(st.none(), st.integers(0, 900)),
    st.one_of(st.none(), st.floats(0, 1)),
)
rules_of = st.builds(
    LifecycleRules,
    new_days=st.integers(1, 200),
    won_back_days=st.integers(1, 300),
    loyal_purchases=st.integers(1, 5),
    loyal_days=st.integers(0, 400),
    first_interval_days=st.integers(1, 90),
    shortest_interval_days=st.integers(1, 40),
    at_risk_intervals=st.sampled_from((0.5, 1.5, 2.0)),
    lost_intervals=st.sampled_from((2.5, 4.0)),
    shortest_silence_days=st.integers(0, 60),
)


def histories(bought: list[list[int]]) -> Histories:
    rows = [(f"c{number}", START + day, 100) for number, days in enumerate(bought) for day in days]
    return histories_of(*zip(*rows, strict=True))


@given(crowd=st.lists(lives, min_size=1, max_size=8), rules=rules_of, today=st.integers(0, 1_500))
@settings(deadline=None, max_examples=150)
def test_many_at_once_are_each_as_he_is_alone(
    crowd: list[tuple[list[int], int | None, float | None]], rules: LifecycleRules, today: int
) -> None:
    lost_on = np.array([0 if one is None else START + one for _, one, _ in crowd])
    alive = np.array([np.nan if one is None else one for _, _, one in crowd])
    found = habits_of(histories([days for days, _, _ in crowd]), rules, lost_on=lost_on)
    stages, reasons = stages_of(found, START + today, rules, p_alive=alive)
    for at, (days, lost, p_alive) in enumerate(crowd):
        alone = habit_of(
            [date.fromordinal(START + day) for day in days],
            rules,
            lost_on=None if lost is None else date.fromordinal(START + lost),
        )
        assert alone is not None
        returned = 0 if alone.returned is None else alone.returned.toordinal()
        assert found.purchases[at] == alone.purchases
        assert found.interval_days[at] == alone.interval_days
        assert (found.first[at], found.last[at], found.returned[at]) == (
            alone.first.toordinal(),
            alone.last.toordinal(),
            returned,
        )
        placed = place(alone, date.fromordinal(START + today), rules, p_alive=p_alive)
        assert (stages[at], reasons[at]) == (placed.stage, placed.why)


@given(crowd=st.lists(lives, min_size=1, max_size=8), rules=rules_of)
@settings(deadline=None, max_examples=100)
def test_silences_are_those_in_which_the_habit_before_them_called_him_lost(
    crowd: list[tuple[list[int], int | None, float | None]], rules: LifecycleRules
) -> None:
    bought = [sorted(set(days)) for days, _, _ in crowd]
    found = habits_of(histories(bought), rules, lost_on=np.zeros(len(crowd), dtype=np.int64)).silences
    wanted = []
    for at, days in enumerate(bought):
        for number, (earlier, later) in enumerate(pairwise(days)):
            before = habit_of([date.fromordinal(START + day) for day in days[: number + 1]], rules)
            assert before is not None
            lost_after = ceil(max(rules.lost_intervals * before.interval_days, rules.shortest_silence_days))
            if later - earlier - 1 >= lost_after:
                wanted.append((at, START + earlier, START + later, lost_after))
    told = zip(*(part.tolist() for part in (found.who, found.after, found.until, found.lost_after)), strict=True)
    assert list(told) == wanted


def test_orders_of_a_day_are_one_purchase_and_sums_are_exact() -> None:
    found = histories_of(["a", "a", "a", "b"], [START + 5, START, START + 5, START], [1, 10_001, 2, 3])
    assert found.customer_ids == ["a", "b"]
    assert (found.counts.tolist(), found.orders.tolist()) == ([2, 1], [3, 1])
    assert found.days.tolist() == [START, START + 5, START]
    assert found.amounts.tolist() == [10_001, 3, 3]
    assert found.spent.tolist() == [1.0004, 0.0003]
    assert found.first_spent.tolist() == [1.0001, 0.0003]


def test_nobody_has_no_history() -> None:
    found = histories_of((), (), ())
    assert len(found) == 0
    assert len(habits_of(found, LifecycleRules(), lost_on=np.zeros(0, dtype=np.int64)).first) == 0
