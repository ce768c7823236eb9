"""How customers came and went before anybody looked, of many at once against one at a time."""

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.crm.appraisal import Appraisals, Move, appraise, pasts_of
from callcenter.crm.histories import histories_of
from callcenter.crm.learning import Learnt
from callcenter.crm.lifecycle import LifecycleRules, Stage
from callcenter.crm.value_rules import ValueRules

START = date(2024, 1, 1).toordinal()
RULES = ValueRules(lifecycle=LifecycleRules(first_interval_days=20, shortest_interval_days=5, shortest_silence_days=3))


def appraised(bought: list[list[int]], today: int) -> Appraisals:
    rows = [(f"c{number}", START + day, 100) for number, days in enumerate(bought) for day in days]
    as_of = date.fromordinal(START + today)
    learnt = Learnt(as_of=as_of, currency="CNY", rules=RULES)
    histories = histories_of(*zip(*rows, strict=True))
    return appraise(learnt, histories, today=as_of, lost_on=np.zeros(len(bought), dtype=np.int64))


def past_of(now: Appraisals, place: int) -> list[Move]:
    """Of one, silence by silence."""
    silences = now.habits.silences
    moves = [Move(on=min(int(now.habits.first[place]), now.as_of), was_stage=None, stage=Stage.NEW)]
    for one in np.flatnonzero(silences.who == place):
        lost_on = int(silences.after[one] + silences.lost_after[one])
        moves.append(Move(on=lost_on, was_stage=moves[-1].stage, stage=Stage.LOST))
        moves.append(Move(on=int(silences.until[one]), was_stage=Stage.LOST, stage=Stage.WON_BACK))
    if now.stage[place] == Stage.LOST:
        on = min(int(now.lost_on[place]), now.as_of)
        moves.append(Move(on=on, was_stage=moves[-1].stage, stage=Stage.LOST))
    return moves


@given(
    bought=st.lists(st.lists(st.integers(0, 900), min_size=1, max_size=8), min_size=1, max_size=6),
    today=st.integers(0, 1_200),
    data=st.data(),
)
@settings(deadline=None, max_examples=150)
def test_the_pasts_of_many_are_those_of_each_in_their_order(
    bought: list[list[int]], today: int, data: st.DataObject
) -> None:
    now = appraised(bought, today)
    which = data.draw(st.lists(st.integers(0, len(bought) - 1), unique=True).map(sorted))
    found = pasts_of(now, np.array(which, dtype=np.int64))
    wanted = [(place, move) for place in which for move in past_of(now, place)]
    assert found.who.tolist() == [place for place, _ in wanted]
    assert found.on.tolist() == [move.on for _, move in wanted]
    assert found.was_stage.tolist() == [move.was_stage for _, move in wanted]
    assert found.stage.tolist() == [move.stage for _, move in wanted]
    assert found.step.tolist() == [move.step for _, move in wanted]


def test_whoever_came_back_and_left_again_was_won_back_before() -> None:
    now = appraised([[0, 100, 105, 110], [0]], today=900)
    found = pasts_of(now, np.array([0]))
    assert found.was_stage.tolist() == [None, "new", "lost", "won_back"]
    assert found.stage.tolist() == ["new", "lost", "won_back", "lost"]
    assert found.step.tolist() == [1, -1, 1, -1]
