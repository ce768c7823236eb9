"""Life-cycle stages by the rules in words, and the table of transitions held against many lives day by day."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.crm.btyd import BgNbd, p_alive
from callcenter.crm.errors import CrmError
from callcenter.crm.lifecycle import TRANSITIONS, LifecycleRules, Stage, Why, habit_of, may_follow, place

START = date(2024, 1, 1)
RULES = LifecycleRules()


def day(number: int) -> date:
    return START + timedelta(days=number)


def stage_on(number: int, *bought: int, p_alive: float | None = None, lost_on: int | None = None) -> Stage:
    habit = habit_of([day(each) for each in bought], RULES, lost_on=None if lost_on is None else day(lost_on))
    return place(habit, day(number), RULES, p_alive=p_alive).stage


MONTHLY = tuple(range(0, 391, 30))


@pytest.mark.parametrize(
    ("number", "bought", "stage"),
    [
        (5, (), Stage.PROSPECT),
        (0, (0,), Stage.NEW),
        (89, (0,), Stage.NEW),
        (90, (0,), Stage.GROWING),
        # One purchase: the interval supposed is 180 days.
        (359, (0,), Stage.GROWING),
        (360, (0,), Stage.AT_RISK),
        (719, (0,), Stage.AT_RISK),
        (720, (0,), Stage.LOST),
        (95, (0, 30, 60, 90), Stage.GROWING),
        (390, MONTHLY, Stage.LOYAL),
        (390 + 59, MONTHLY, Stage.LOYAL),
        (390 + 60, MONTHLY, Stage.AT_RISK),
        (390 + 119, MONTHLY, Stage.AT_RISK),
        (390 + 120, MONTHLY, Stage.LOST),
        # Silent for 119 days only, so never lost: back in habit at once.
        (510, (*MONTHLY, 510), Stage.LOYAL),
        (511, (*MONTHLY, 511), Stage.WON_BACK),
        (511 + 58, (*MONTHLY, 511), Stage.WON_BACK),
        (511 + 60, (*MONTHLY, 511), Stage.AT_RISK),
        (511 + 179, (*MONTHLY, 511, 540, 570, 600, 630, 660), Stage.WON_BACK),
        (511 + 180, (*MONTHLY, 511, 540, 570, 600, 630, 660, 690), Stage.LOYAL),
        # Two purchases within a week are no weekly habit: 14 days, and 30 of silence at least.
        (4 + 29, (0, 4), Stage.NEW),
        (4 + 30, (0, 4), Stage.AT_RISK),
        (4 + 56, (0, 4), Stage.LOST),
    ],
)
def test_the_stage_follows_from_the_purchases(number: int, bought: tuple[int, ...], stage: Stage) -> None:
    assert stage_on(number, *bought) is stage


def test_p_alive_speaks_sooner_than_silence_but_not_of_one_time_buyers() -> None:
    assert stage_on(390 + 40, *MONTHLY, p_alive=0.6) is Stage.LOYAL
    assert stage_on(390 + 40, *MONTHLY, p_alive=0.49) is Stage.AT_RISK
    assert stage_on(390 + 40, *MONTHLY, p_alive=0.19) is Stage.LOST
    assert stage_on(390 + 29, *MONTHLY, p_alive=0.01) is Stage.LOYAL
    assert stage_on(100, 0, p_alive=0.01) is Stage.GROWING


def test_a_loss_recorded_by_p_alive_makes_the_next_purchase_a_return() -> None:
    assert stage_on(440, *MONTHLY, 440) is Stage.LOYAL
    assert stage_on(440, *MONTHLY, 440, lost_on=430) is Stage.WON_BACK
    assert stage_on(440, *MONTHLY, 440, lost_on=390) is Stage.WON_BACK
    assert stage_on(440, *MONTHLY, 440, lost_on=150) is Stage.LOYAL


def test_the_reason_carries_the_figures_behind_it() -> None:
    habit = habit_of([day(20), day(0), day(20), day(50)], RULES)
    placement = place(habit, day(125), RULES, p_alive=0.4)
    assert (placement.stage, placement.why) == (Stage.AT_RISK, Why.SILENT)
    assert (placement.purchases, placement.silent_days, placement.interval_days) == (3, 75, 25.0)
    assert placement.p_alive == 0.4
    assert place(None, day(0), RULES).why is Why.NEVER_BOUGHT


lives = st.lists(st.integers(1, 260), min_size=1, max_size=9)
rules_of = st.builds(
    LifecycleRules,
    new_days=st.integers(1, 200),
    won_back_days=st.integers(1, 300),
    loyal_purchases=st.integers(1, 5),
    loyal_days=st.integers(0, 400),
    first_interval_days=st.integers(1, 90),
    shortest_interval_days=st.integers(1, 40),
    shortest_silence_days=st.integers(1, 60),
)


@given(gaps=lives, rules=rules_of, heard=st.booleans())
@settings(deadline=None, max_examples=60)
def test_from_day_to_day_a_life_moves_only_as_the_table_says(
    gaps: list[int], rules: LifecycleRules, heard: bool
) -> None:
    model = BgNbd(r=0.8, alpha=40.0, a=0.8, b=2.4)
    bought = np.cumsum([3, *gaps]).tolist()
    before, lost_on = Stage.PROSPECT, None
    for number in range(bought[-1] + 300):
        so_far = [each for each in bought if each <= number]
        alive = None
        if heard and len(so_far) > 1:
            x, t_x, age = len(so_far) - 1, so_far[-1] - so_far[0], number - so_far[0]
            alive = float(p_alive(model, *(np.array([part], dtype=np.float64) for part in (x, t_x, age)))[0])
        habit = habit_of([day(each) for each in so_far], rules, lost_on=lost_on)
        after = place(habit, day(number), rules, p_alive=alive).stage
        assert may_follow(before, after), f"day {number}: {before} to {after}"
        if after is Stage.LOST and before is not Stage.LOST:
            lost_on = day(number)
        before = after


def test_every_stage_can_be_reached_and_every_one_but_none_can_be_left() -> None:
    assert set(TRANSITIONS) == set(Stage)
    reached = set().union(*TRANSITIONS.values())
    assert reached == set(Stage) - {Stage.PROSPECT}
    assert all(TRANSITIONS.values())


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"new_days": 0}, "1 or more"),
        ({"at_risk_intervals": 4.0}, "fewer silent intervals"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(rules: dict[str, int], said: str) -> None:
    with pytest.raises(CrmError, match=said):
        LifecycleRules(**rules)


def test_p_alive_of_the_lost_may_not_be_the_higher() -> None:
    with pytest.raises(CrmError, match="at most that of one at risk"):
        LifecycleRules(lost_p_alive=0.6, at_risk_p_alive=0.5)
