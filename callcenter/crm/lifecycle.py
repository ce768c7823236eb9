"""Where a customer stands: prospect, new, growing, loyal, at risk, lost or won back, by stated rules, with the reason.

Law: the stage follows from the purchases, the day, the rules, P(alive) and the day a loss was recorded, and from
nothing else; under the same rules and a P(alive) that falls with silence it moves from day to day only as TRANSITIONS
say. The rules in words stand in docs/customer-value.md.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from callcenter.crm.errors import CrmError


class Stage(StrEnum):
    """A stage of the relationship."""

    PROSPECT = "prospect"
    NEW = "new"
    GROWING = "growing"
    LOYAL = "loyal"
    AT_RISK = "at_risk"
    LOST = "lost"
    WON_BACK = "won_back"


class Why(StrEnum):
    """The rule that decided; with the figures of the `Placement` it can be said in any language."""

    NEVER_BOUGHT = "never_bought"
    SILENT_FOR_LONG = "silent_for_long"
    SILENT = "silent"
    UNLIKELY_ALIVE = "unlikely_alive"
    DOUBTFUL_ALIVE = "doubtful_alive"
    CAME_BACK = "came_back"
    FIRST_BOUGHT_LATELY = "first_bought_lately"
    BUYS_OFTEN_AND_LONG = "buys_often_and_long"
    BUYS_IN_HABIT = "buys_in_habit"


TRANSITIONS: Final[Mapping[Stage, frozenset[Stage]]] = MappingProxyType(
    {
        Stage.PROSPECT: frozenset({Stage.NEW}),
        Stage.NEW: frozenset({Stage.GROWING, Stage.LOYAL, Stage.AT_RISK, Stage.LOST}),
        Stage.GROWING: frozenset({Stage.LOYAL, Stage.AT_RISK, Stage.LOST}),
        Stage.LOYAL: frozenset({Stage.AT_RISK, Stage.LOST}),
        Stage.AT_RISK: frozenset({Stage.NEW, Stage.GROWING, Stage.LOYAL, Stage.LOST, Stage.WON_BACK}),
        Stage.LOST: frozenset({Stage.WON_BACK}),
        Stage.WON_BACK: frozenset({Stage.GROWING, Stage.LOYAL, Stage.AT_RISK, Stage.LOST}),
    }
)
"""The stages that may follow each; staying is always possible. Changed rules or a model learnt anew may jump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleRules:
    """The thresholds; the business sets them."""

    new_days: int = 90
    """A customer is new so many days from the first purchase on."""
    won_back_days: int = 180
    """And won back so many days from the purchase that ended the loss."""
    loyal_purchases: int = 4
    loyal_days: int = 365
    """Loyal is who has bought on so many days, the first and the last so far apart."""
    first_interval_days: int = 180
    """The interval supposed of a customer who has bought once."""
    shortest_interval_days: int = 14
    """A shorter habit counts as this one: two purchases in a week are no weekly habit."""
    at_risk_intervals: float = 2.0
    lost_intervals: float = 4.0
    """Silence, in usual intervals, from which a customer is at risk, or lost."""
    at_risk_p_alive: float = 0.5
    lost_p_alive: float = 0.2
    """P(alive) below which a customer is at risk, or lost, however short his silence is in intervals."""
    shortest_silence_days: int = 30
    """A shorter silence never puts anyone at risk."""

    def __post_init__(self) -> None:
        days = (self.new_days, self.won_back_days, self.first_interval_days, self.shortest_interval_days)
        if min(*days, self.loyal_purchases) < 1 or min(self.loyal_days, self.shortest_silence_days) < 0:
            raise CrmError(f"days and purchases of the lifecycle's rules have to be 1 or more, not {self}")
        if not 0 < self.at_risk_intervals < self.lost_intervals:
            raise CrmError("a customer has to be at risk after fewer silent intervals than lost, and both above 0")
        if not 0 <= self.lost_p_alive <= self.at_risk_p_alive <= 1:
            raise CrmError("P(alive) of a lost customer has to be at most that of one at risk, both from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What the purchases say by themselves."""

    purchases: int
    """Days with a purchase."""
    first: date
    last: date
    interval_days: float
    """The usual one: the median of the days between purchases, at least the shortest; the rules' for a first one."""
    returned: date | None
    """The latest purchase that ended a silence in which the customer was lost by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A stage with its reason and the figures behind it."""

    stage: Stage
    why: Why
    purchases: int = 0
    silent_days: int | None = None
    interval_days: float | None = None
    p_alive: float | None = None


def habit_of(bought: Sequence[date], rules: LifecycleRules, *, lost_on: date | None = None) -> Habit | None:
    """The habit in the dates of the purchases so far (any order, several a day are one), None without any.

    `lost_on` is the day the customer was last recorded as lost: by P(alive) he may be before his silence says so.
    """
    days = sorted(set(bought))
    if not days:
        return None
    gaps: list[int] = []
    returned = None
    for earlier, later in pairwise(days):
        gap = (later - earlier).days
        # The last silent day was the one before the purchase.
        was_silent_too_long = gap - 1 >= max(rules.lost_intervals * _interval(gaps, rules), rules.shortest_silence_days)
        if was_silent_too_long or (lost_on is not None and earlier < lost_on <= later):
            returned = later
        insort(gaps, gap)
    return Habit(
        purchases=len(days), first=days[0], last=days[-1], interval_days=_interval(gaps, rules), returned=returned
    )


def place(habit: Habit | None, today: date, rules: LifecycleRules, *, p_alive: float | None = None) -> Placement:
    """The stage today: the first rule that holds, in the order written here.

    P(alive) is heard only for customers with a repeat purchase: of others BG/NBD knows nothing.
    """
    if habit is None:
        return Placement(stage=Stage.PROSPECT, why=Why.NEVER_BOUGHT)
    heard = p_alive if habit.purchases > 1 else None
    stage, why = _judge(habit, today, rules, heard)
    return Placement(
        stage=stage,
        why=why,
        purchases=habit.purchases,
        silent_days=(today - habit.last).days,
        interval_days=habit.interval_days,
        p_alive=heard,
    )


def _judge(habit: Habit, today: date, rules: LifecycleRules, p_alive: float | None) -> tuple[Stage, Why]:
    silent = (today - habit.last).days
    if silent >= rules.shortest_silence_days:
        if silent >= rules.lost_intervals * habit.interval_days:
            return Stage.LOST, Why.SILENT_FOR_LONG
        if p_alive is not None and p_alive < rules.lost_p_alive:
            return Stage.LOST, Why.UNLIKELY_ALIVE
        if silent >= rules.at_risk_intervals * habit.interval_days:
            return Stage.AT_RISK, Why.SILENT
        if p_alive is not None and p_alive < rules.at_risk_p_alive:
            return Stage.AT_RISK, Why.DOUBTFUL_ALIVE
    if habit.returned is not None and (today - habit.returned).days < rules.won_back_days:
        return Stage.WON_BACK, Why.CAME_BACK
    if habit.returned is None and (today - habit.first).days < rules.new_days:
        return Stage.NEW, Why.FIRST_BOUGHT_LATELY
    if habit.purchases >= rules.loyal_purchases and (habit.last - habit.first).days >= rules.loyal_days:
        return Stage.LOYAL, Why.BUYS_OFTEN_AND_LONG
    return Stage.GROWING, Why.BUYS_IN_HABIT


def may_follow(before: Stage, after: Stage) -> bool:
    """Whether one day may lead from one stage to the other."""
    return before is after or after in TRANSITIONS[before]


def _interval(gaps: Sequence[int], rules: LifecycleRules) -> float:
    """The median of gaps in rising order."""
    if not gaps:
        return float(rules.first_interval_days)
    middle = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2
    return max(middle, float(rules.shortest_interval_days))
