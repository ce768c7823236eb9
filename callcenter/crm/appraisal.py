"""What customers come to by what a run has learnt: scores, class, P(alive), lifetime value, stage and why.

Law: a customer comes to the same among any others; whatever time alone changes is looked at again on `look_again_on`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import floor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from callcenter.crm import btyd
from callcenter.crm.classes import place_all
from callcenter.crm.habits import Habits, habits_of, stages_of
from callcenter.crm.histories import Histories
from callcenter.crm.learning import Learnt, summaries_of
from callcenter.crm.lifecycle import LifecycleRules, Stage
from callcenter.crm.lifetime_value import lifetime_value
from callcenter.crm.purchases import FloatArray, IntArray
from callcenter.crm.value_rules import ClassBasis

_ROUNDING: Final = 1e-9
"""A sum in another order may be so much less, and whom a class begins with must not fall out of it."""
_LATEST: Final = date(9000, 1, 1).toordinal()
_NOT_CUSTOMERS: Final = frozenset({None, Stage.PROSPECT, Stage.LOST})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Appraisals:
    """What customers come to, in their order; days as ordinals, 0 for none, figures not a number for none."""

    as_of: int
    currency: str
    customer_ids: Sequence[str]
    orders: IntArray
    spent: FloatArray
    recency_score: NDArray[np.int8]
    frequency_score: NDArray[np.int8]
    monetary_score: NDArray[np.int8]
    value_class: NDArray[np.str_]
    p_alive: FloatArray
    lifetime_value: FloatArray
    stage: NDArray[np.object_]
    why: NDArray[np.object_]
    lost_on: IntArray
    look_again_on: IntArray
    habits: Habits

    def __len__(self) -> int:
        return len(self.customer_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """From one stage or class to another on a day; `was_stage` is None for who was not known to have bought."""

    on: int
    was_stage: str | None
    stage: str
    was_class: str | None = None
    value_class: str | None = None

    @property
    def step(self) -> int:
        """1 for who becomes a customer, -1 for who is none any more, else 0."""
        return _step(self.was_stage, self.stage)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pasts:
    """Moves of many customers, each one's together in their order; all arrays of one length."""

    who: IntArray
    """The customer's place."""
    on: IntArray
    was_stage: NDArray[np.object_]
    """None for who was not known to have bought."""
    stage: NDArray[np.object_]
    step: IntArray


def appraise(learnt: Learnt, histories: Histories, *, today: date, lost_on: IntArray) -> Appraisals:
    """Of customers who have bought; `lost_on` is when each was last found lost, 0 for never."""
    rules, now = learnt.rules.lifecycle, today.toordinal()
    habits = habits_of(histories, rules, lost_on=lost_on)
    spent = histories.spent
    whole = summaries_of(habits.first, habits.last, habits.purchases, spent, histories.first_spent, as_of=now)
    nothing = np.full(len(histories), np.nan)
    model, worth = learnt.bg_nbd, learnt.gamma_gamma
    alive = coming = nothing
    if model is not None:
        known = btyd.p_alive(model, whole.frequency, whole.recency, whole.age)
        alive = np.where(habits.purchases > 1, np.round(known, 6), np.nan)
        if worth is not None:
            coming = lifetime_value(model, worth, whole, learnt.outlook)
    by_value = spent if learnt.class_basis is not ClassBasis.LIFETIME_VALUE or coming is nothing else coming
    scales = learnt.scales
    stage, why = stages_of(habits, now, rules, p_alive=alive)
    return Appraisals(
        as_of=now,
        currency=learnt.currency,
        customer_ids=histories.customer_ids,
        orders=histories.orders,
        spent=np.round(spent, 4),
        recency_score=scales.recency.scores((habits.last - now).astype(np.float64)),
        frequency_score=scales.frequency.scores(habits.purchases.astype(np.float64)),
        monetary_score=scales.monetary.scores(spent),
        value_class=place_all(by_value + np.abs(by_value) * _ROUNDING, learnt.cuts),
        p_alive=alive,
        lifetime_value=np.round(coming, 2),
        stage=stage,
        why=why,
        lost_on=_lost_on(stage, habits, rules, now, lost_on),
        look_again_on=_look_again(learnt, habits, now),
        habits=habits,
    )


def pasts_of(now: Appraisals, which: IntArray) -> Pasts:
    """How each of these (places), who are looked at for the first time, came and went so far.

    The past is told by silence alone: what P(alive) would have been then nobody knows.
    """
    silences = now.habits.silences
    lost = np.where(now.stage == Stage.LOST, np.minimum(now.lost_on, now.as_of), 0)
    lost_now = np.flatnonzero(lost)
    # Of each the first purchase, two moves a silence, and the loss that stands; the sort leaves them in this order.
    who = np.concatenate((np.arange(len(now)), np.repeat(silences.who, 2), lost_now))
    order = np.argsort(who, kind="stable")
    order = order[np.isin(who, which)[order]]
    silent = np.column_stack((silences.after + silences.lost_after, silences.until)).ravel()
    on = np.concatenate((np.minimum(now.habits.first, now.as_of), silent, lost[lost_now]))[order]
    kind = np.concatenate(
        (np.full(len(now), _CAME), np.tile((_LEFT, _CAME_BACK), len(silences.who)), np.full(len(lost_now), _LEFT))
    )[order]
    kind[1:][(kind[1:] == _LEFT) & (kind[:-1] == _CAME_BACK)] = _LEFT_AGAIN
    return Pasts(who=who[order], on=on, was_stage=_WAS[kind], stage=_BECAME[kind], step=_STEPS[kind])


def _step(was_stage: str | None, stage: str) -> int:
    return (stage not in _NOT_CUSTOMERS) - (was_stage not in _NOT_CUSTOMERS)


_CAME, _LEFT, _CAME_BACK, _LEFT_AGAIN = range(4)
_PAST: Final = (
    (None, Stage.NEW),
    (Stage.NEW, Stage.LOST),
    (Stage.LOST, Stage.WON_BACK),
    (Stage.WON_BACK, Stage.LOST),
)
"""All moves there are in a past."""
_WAS: Final = np.array([None if was is None else str(was) for was, _ in _PAST], dtype=object)
_BECAME: Final = np.array([str(stage) for _, stage in _PAST], dtype=object)
_STEPS: Final = np.array([_step(was, stage) for was, stage in _PAST], dtype=np.int64)


def _lost_on(
    stage: NDArray[np.object_], habits: Habits, rules: LifecycleRules, today: int, known: IntArray
) -> IntArray:
    """The day the loss began that stands, or the last one of who came back."""
    silent = np.ceil(np.maximum(rules.lost_intervals * habits.interval_days, float(rules.shortest_silence_days)))
    begun = np.where(known > habits.last, known, np.minimum(_later(habits.last, silent), today))
    return np.where(stage == Stage.LOST, begun, known)


def _look_again(learnt: Learnt, habits: Habits, today: int) -> IntArray:
    """The next day on which time alone may change the stage or the score of recency; 0 where there is none."""
    rules, interval = learnt.rules.lifecycle, habits.interval_days
    days = [
        _later(habits.first, rules.new_days),
        _later(habits.last, rules.shortest_silence_days),
        _later(habits.last, np.ceil(rules.at_risk_intervals * interval)),
        _later(habits.last, np.ceil(rules.lost_intervals * interval)),
        np.where(habits.returned > 0, _later(habits.returned, rules.won_back_days), _LATEST),
    ]
    model = learnt.bg_nbd
    if model is not None:
        days += [_falls_below(one, model, habits) for one in (rules.at_risk_p_alive, rules.lost_p_alive)]
    # Recency is scored by minus the days since the last purchase, which fall out of a score one by one.
    days += [_later(habits.last, floor(-begin) + 1) for begin in learnt.recency_begins if -1e6 < begin <= 0]
    soonest = np.full(len(habits.last), _LATEST)
    for some in days:
        soonest = np.where(some > today, np.minimum(soonest, some), soonest)
    return np.where(soonest < _LATEST, soonest, 0)


def _falls_below(threshold: float, model: btyd.BgNbd, habits: Habits) -> IntArray:
    """The day on which P(alive) falls below a threshold if he stays silent: its formula solved for T."""
    if not 0 < threshold < 1:
        return np.full(len(habits.last), _LATEST)
    x = habits.purchases - 1.0
    recency = (habits.last - habits.first) / 7
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        odds = model.a / np.maximum(model.b + x - 1, 0.0)
        age = (model.alpha + recency) * ((1 / threshold - 1) / odds) ** (1 / (model.r + x)) - model.alpha
        days = age * 7
        falls = (x > 0) & (days >= 0) & (days < 1e6)
    return np.where(falls, _later(habits.first, np.floor(np.where(falls, days, 0.0)) + 1), _LATEST)


def _later(day: IntArray, days: FloatArray | float) -> IntArray:
    return np.minimum(day + np.minimum(days, float(_LATEST)), _LATEST).astype(np.int64)
