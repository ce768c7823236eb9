"""What each customer comes to by what a run has learnt: scores, class, P(alive), lifetime value, stage and why.

Law: many customers at once and each by himself come to the same; whatever time alone changes is looked at again on
`look_again_on`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, floor
from typing import Final

import numpy as np

from callcenter.crm import btyd
from callcenter.crm.learning import Learnt, summaries_of
from callcenter.crm.lifecycle import Habit, LifecycleRules, Placement, Stage, habit_of, place
from callcenter.crm.lifetime_value import lifetime_value
from callcenter.crm.value_rules import ClassBasis

_ROUNDING: Final = 1e-9
"""A sum in another order may be so much less, and whom a class begins with must not fall out of it."""
_LATEST: Final = date(9000, 1, 1)
_NOT_CUSTOMERS: Final = frozenset({None, Stage.PROSPECT, Stage.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a customer bought: the days in their order with what each was worth, and how many orders that was."""

    customer_id: str
    days: tuple[date, ...]
    amounts: tuple[float, ...]
    orders: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """What one customer comes to."""

    customer_id: str
    as_of: date
    orders: int
    purchases: int
    first_on: date
    last_on: date
    spent: float
    currency: str
    recency_score: int
    frequency_score: int
    monetary_score: int
    value_class: str
    p_alive: float | None
    lifetime_value: float | None
    stage: Stage
    why: str
    interval_days: float
    lost_on: date | None
    look_again_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """From one stage or class to another on a day; `was_stage` is None for who was not known to have bought."""

    on: date
    was_stage: str | None
    stage: str
    was_class: str | None = None
    value_class: str | None = None

    @property
    def step(self) -> int:
        """1 for who becomes a customer, -1 for who is none any more, else 0."""
        return (self.stage not in _NOT_CUSTOMERS) - (self.was_stage not in _NOT_CUSTOMERS)


def appraise(
    learnt: Learnt, histories: Sequence[History], *, today: date, lost_on: Mapping[str, date]
) -> tuple[Appraisal, ...]:
    """Of customers who have bought, in their order; `lost_on` is when each was last found lost."""
    if not histories:
        return ()
    rules = learnt.rules.lifecycle
    first = np.array([one.days[0].toordinal() for one in histories])
    last = np.array([one.days[-1].toordinal() for one in histories])
    purchases = np.array([len(one.days) for one in histories])
    spent = np.array([sum(one.amounts) for one in histories])
    first_spent = np.array([one.amounts[0] for one in histories])
    whole = summaries_of(first, last, purchases, spent, first_spent, as_of=today.toordinal())
    model, worth = learnt.bg_nbd, learnt.gamma_gamma
    alive = None if model is None else btyd.p_alive(model, whole.frequency, whole.recency, whole.age).tolist()
    coming = None if model is None or worth is None else lifetime_value(model, worth, whole, learnt.outlook).tolist()
    by_value = coming if learnt.class_basis is ClassBasis.LIFETIME_VALUE and coming is not None else spent.tolist()
    scales = learnt.scales
    recency = scales.recency.scores((last - today.toordinal()).astype(np.float64)).tolist()
    frequency = scales.frequency.scores(purchases.astype(np.float64)).tolist()
    monetary = scales.monetary.scores(spent).tolist()
    cuts = learnt.cuts
    found = []
    for index, one in enumerate(histories):
        p_alive = None if alive is None or len(one.days) < 2 else round(alive[index], 6)
        habit = habit_of(one.days, rules, lost_on=lost_on.get(one.customer_id))
        if habit is None:
            continue
        placed = place(habit, today, rules, p_alive=p_alive)
        found.append(
            Appraisal(
                customer_id=one.customer_id,
                as_of=today,
                orders=one.orders,
                purchases=habit.purchases,
                first_on=habit.first,
                last_on=habit.last,
                spent=round(float(spent[index]), 4),
                currency=learnt.currency,
                recency_score=recency[index],
                frequency_score=frequency[index],
                monetary_score=monetary[index],
                value_class=str(cuts.place(by_value[index] + abs(by_value[index]) * _ROUNDING)),
                p_alive=p_alive,
                lifetime_value=None if coming is None else round(coming[index], 2),
                stage=placed.stage,
                why=str(placed.why),
                interval_days=habit.interval_days,
                lost_on=_lost_on(placed, habit, rules, today, lost_on.get(one.customer_id)),
                look_again_on=_look_again(learnt, habit, today),
            )
        )
    return tuple(found)


def moves_of(
    history: History, now: Appraisal, *, was_stage: str | None, was_class: str | None, is_first: bool, learnt: Learnt
) -> tuple[Move, ...]:
    """What is to be noted of a customer: his change, or, the first time he is looked at, how he came and went so far.

    The past is told by silence alone: what P(alive) would have been then nobody knows.
    """
    if not is_first:
        if was_stage == now.stage and was_class == now.value_class:
            return ()
        move = Move(
            on=now.as_of, was_stage=was_stage, stage=now.stage, was_class=was_class, value_class=now.value_class
        )
        return (move,)
    rules = learnt.rules.lifecycle
    moves = [Move(on=min(history.days[0], now.as_of), was_stage=None, stage=Stage.NEW)]
    gaps: list[int] = []
    for earlier, later in pairwise(history.days):
        silence = _lost_after(gaps, rules)
        if (later - earlier).days - 1 >= silence:
            moves.append(Move(on=earlier + timedelta(days=silence), was_stage=moves[-1].stage, stage=Stage.LOST))
            moves.append(Move(on=later, was_stage=Stage.LOST, stage=Stage.WON_BACK))
        gaps.append((later - earlier).days)
    if now.stage is Stage.LOST:
        on = now.lost_on or now.as_of
        moves.append(Move(on=min(on, now.as_of), was_stage=moves[-1].stage, stage=Stage.LOST))
    return tuple(moves)


def _lost_after(gaps: Sequence[int], rules: LifecycleRules) -> int:
    """Days of silence from which a customer with these gaps is lost."""
    if gaps:
        ordered = sorted(gaps)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        interval = max(middle, float(rules.shortest_interval_days))
    else:
        interval = float(rules.first_interval_days)
    return ceil(max(rules.lost_intervals * interval, rules.shortest_silence_days))


def _lost_on(placed: Placement, habit: Habit, rules: LifecycleRules, today: date, known: date | None) -> date | None:
    """The day the loss began that stands, or the last one of who came back."""
    if placed.stage is not Stage.LOST:
        return known
    if known is not None and known > habit.last:
        return known
    silent = ceil(max(rules.lost_intervals * habit.interval_days, rules.shortest_silence_days))
    return min(_later(habit.last, silent), today)


def _look_again(learnt: Learnt, habit: Habit, today: date) -> date | None:
    """The next day on which time alone may change his stage or the score of his recency."""
    rules = learnt.rules.lifecycle
    days = [
        _later(habit.first, rules.new_days),
        _later(habit.last, rules.shortest_silence_days),
        _later(habit.last, ceil(rules.at_risk_intervals * habit.interval_days)),
        _later(habit.last, ceil(rules.lost_intervals * habit.interval_days)),
    ]
    if habit.returned is not None:
        days.append(_later(habit.returned, rules.won_back_days))
    model = learnt.bg_nbd
    if model is not None and habit.purchases > 1:
        for threshold in (rules.at_risk_p_alive, rules.lost_p_alive):
            days += _falls_below(threshold, model, habit)
    # Recency is scored by minus the days since the last purchase, which fall out of a score one by one.
    days += [_later(habit.last, floor(-begin) + 1) for begin in learnt.recency_begins if -1e6 < begin <= 0]
    ahead = [day for day in days if today < day < _LATEST]
    return min(ahead, default=None)


def _falls_below(threshold: float, model: btyd.BgNbd, habit: Habit) -> list[date]:
    """The day on which P(alive) falls below a threshold if he stays silent: its formula solved for T."""
    if not 0 < threshold < 1:
        return []
    x = habit.purchases - 1
    recency = (habit.last - habit.first).days / 7
    odds = model.a / (model.b + x - 1) if model.b + x > 1 else float("inf")
    try:
        age = (model.alpha + recency) * ((1 / threshold - 1) / odds) ** (1 / (model.r + x)) - model.alpha
    except OverflowError:
        return []
    days = age * 7
    return [_later(habit.first, floor(days) + 1)] if 0 <= days < 1e6 else []


def _later(day: date, days: int) -> date:
    return day + timedelta(days=days) if days < 2_000_000 and day.toordinal() + days < _LATEST.toordinal() else _LATEST
