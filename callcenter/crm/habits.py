"""The rules of `lifecycle.py` for many customers at once.

Law: each customer's habit and stage are those that `habit_of` and `place` give for him alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from callcenter.crm.histories import Histories
from callcenter.crm.lifecycle import LifecycleRules, Stage, Why
from callcenter.crm.purchases import FloatArray, IntArray

_CELLS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Silences:
    """Silences in which customers were lost by then, in the order of customers and days; all arrays of one length."""

    who: IntArray
    """The customer's place."""
    after: IntArray
    """The purchase it began with."""
    until: IntArray
    """The purchase that ended it."""
    lost_after: IntArray
    """Days of silence from which he was lost."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Habits:
    """What the purchases say by themselves, a customer a place; days as ordinals, 0 for none."""

    purchases: IntArray
    first: IntArray
    last: IntArray
    interval_days: FloatArray
    returned: IntArray
    silences: Silences


def habits_of(histories: Histories, rules: LifecycleRules, *, lost_on: IntArray) -> Habits:
    """The habit of each; `lost_on` is the day he was last recorded as lost, 0 for never."""
    who = histories.who
    followed = np.ones(len(who), dtype=np.bool_)
    followed[histories.begins] = False
    later = np.flatnonzero(followed)
    whose, after, until = who[later], histories.days[later - 1], histories.days[later]
    gaps = until - after
    count = histories.counts - 1
    begins = np.cumsum(count) - count
    silent, lost_after = _silences(gaps, whose, begins, rules)
    known = lost_on[whose]
    ended = silent | ((after < known) & (known <= until))
    returned = np.zeros(len(histories), dtype=np.int64)
    np.maximum.at(returned, whose[ended], until[ended])
    return Habits(
        purchases=histories.counts,
        first=histories.first,
        last=histories.last,
        interval_days=_intervals(gaps, whose, begins, count, rules),
        returned=returned,
        silences=Silences(who=whose[silent], after=after[silent], until=until[silent], lost_after=lost_after[silent]),
    )


def stages_of(
    habits: Habits, today: int, rules: LifecycleRules, *, p_alive: FloatArray
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The stage of each and why; P(alive) is not a number where there is none, and heard only of a repeat purchase."""
    silent = today - habits.last
    heard = np.where(habits.purchases > 1, p_alive, np.nan)
    long = silent >= rules.shortest_silence_days
    came_back = habits.returned > 0
    rows = (
        (long & (silent >= rules.lost_intervals * habits.interval_days), Stage.LOST, Why.SILENT_FOR_LONG),
        (long & (heard < rules.lost_p_alive), Stage.LOST, Why.UNLIKELY_ALIVE),
        (long & (silent >= rules.at_risk_intervals * habits.interval_days), Stage.AT_RISK, Why.SILENT),
        (long & (heard < rules.at_risk_p_alive), Stage.AT_RISK, Why.DOUBTFUL_ALIVE),
        (came_back & (today - habits.returned < rules.won_back_days), Stage.WON_BACK, Why.CAME_BACK),
        (~came_back & (today - habits.first < rules.new_days), Stage.NEW, Why.FIRST_BOUGHT_LATELY),
        (
            (habits.purchases >= rules.loyal_purchases) & (habits.last - habits.first >= rules.loyal_days),
            Stage.LOYAL,
            Why.BUYS_OFTEN_AND_LONG,
        ),
    )
    holds = [row[0] for row in rows]
    which = np.select(holds, list(range(len(rows))), default=len(rows))
    stages = np.array([*(str(row[1]) for row in rows), str(Stage.GROWING)], dtype=object)
    reasons = np.array([*(str(row[2]) for row in rows), str(Why.BUYS_IN_HABIT)], dtype=object)
    return stages[which], reasons[which]


def _intervals(gaps: IntArray, whose: IntArray, begins: IntArray, count: IntArray, rules: LifecycleRules) -> FloatArray:
    """The median of each customer's gaps, at least the shortest; the rules' for whoever has none."""
    found = np.full(len(count), float(rules.first_interval_days))
    some = np.flatnonzero(count)
    if len(some):
        ordered = gaps[np.lexsort((gaps, whose))]
        low = ordered[begins[some] + (count[some] - 1) // 2]
        high = ordered[begins[some] + count[some] // 2]
        found[some] = np.maximum((low + high) / 2, float(rules.shortest_interval_days))
    return found


def _silences(
    gaps: IntArray, whose: IntArray, begins: IntArray, rules: LifecycleRules
) -> tuple[NDArray[np.bool_], IntArray]:
    """Whether each gap was so long that the customer was lost by the habit before it, and after how many days."""
    nth = np.arange(len(gaps)) - begins[whose]
    first = _lost_after(np.array([float(rules.first_interval_days)]), rules)[0]
    soonest = _lost_after(np.array([float(rules.shortest_interval_days)]), rules)[0]
    lost_after = np.where(nth == 0, first, soonest)
    silent = gaps - 1 >= lost_after
    # Only a gap that is too long for the shortest habit has to be held against the habit that there was.
    for place, before in _by_count(np.flatnonzero(silent & (nth > 0)), nth):
        earlier = np.sort(gaps[place[:, None] - before + np.arange(before)], axis=1)
        middle = (earlier[:, (before - 1) // 2] + earlier[:, before // 2]) / 2
        lost_after[place] = _lost_after(np.maximum(middle, float(rules.shortest_interval_days)), rules)
        silent[place] = gaps[place] - 1 >= lost_after[place]
    return silent, lost_after


def _by_count(places: IntArray, nth: IntArray) -> Iterator[tuple[IntArray, int]]:
    """The places by how many gaps stand before them, so many at once that memory stays flat."""
    order = places[np.argsort(nth[places], kind="stable")]
    for group in np.split(order, np.flatnonzero(np.diff(nth[order])) + 1) if len(order) else ():
        before = int(nth[group[0]])
        step = max(1, _CELLS_AT_ONCE // before)
        for start in range(0, len(group), step):
            yield group[start : start + step], before


def _lost_after(interval: FloatArray, rules: LifecycleRules) -> IntArray:
    """Days of silence from which a customer with this habit is lost."""
    days = np.ceil(np.maximum(rules.lost_intervals * interval, float(rules.shortest_silence_days)))
    return np.minimum(days, 1e9).astype(np.int64)
