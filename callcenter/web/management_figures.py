"""Management's figures as documents: counted in the background, with the time they were counted at.

Law: what stands in a document is what the store counts (app/management.py), as of `counted_at`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal

import msgspec

from callcenter.app.management import ProfitRow
from callcenter.app.management_counts import Told
from callcenter.crm.churn import Recovery
from callcenter.crm.management import Movement, Satisfaction
from callcenter.crm.periods import Period, PeriodKind, periods_between
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.cases import CodeList
from callcenter.domain.errors import InvalidValue
from callcenter.domain.labels import Label
from callcenter.web.dependencies import WebDependencies

MOST_PERIODS = 60
CountedFigure = Literal["movements", "profits", "satisfaction", "complaints", "best_offers"]
_BY_PERIOD: Final = frozenset({"movements", "profits"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """When it was counted, None before the first time; how much of a new count is done, None where none runs."""

    counted_at: datetime | None = None
    counting: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementView:
    """One period: how many customers there were, came and went; the rates are per customer at its start."""

    start: date
    end: date
    at_start: int
    new: int
    won_back: int
    lost: int
    upgraded: int
    downgraded: int
    at_end: int
    new_rate: float | None
    won_back_rate: float | None
    lost_rate: float | None
    upgraded_rate: float | None
    downgraded_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitView:
    """One class of value in one period."""

    start: date
    end: date
    value_class: str
    customers: int
    revenue: float
    service_minutes: float
    profit: float
    average_profit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SatisfactionView:
    """The answers about one queue or agent, or of one class."""

    name: str
    scores: tuple[int, int, int, int, int]
    answers: int
    mean: float
    satisfied: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SatisfactionReport(Counted):
    """By queue, agent and class."""

    queues: tuple[SatisfactionView, ...] = ()
    agents: tuple[SatisfactionView, ...] = ()
    classes: tuple[SatisfactionView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintView:
    """The complaints of one reason."""

    reason: str
    label: dict[str, str] | None
    complaints: int
    open: int
    recovered: int
    lost: int
    recovery_rate: float | None
    days_to_settle: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOfferView:
    """How often one next best offer was made, and what was answered."""

    best_offer_id: str
    label: Label
    customers: int
    offered: int
    accepted: int
    declined: int
    not_now: int
    acceptance_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFigures(Counted):
    """The offer that was made most often first."""

    items: tuple[BestOfferView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Movements(Counted):
    """Period by period."""

    items: tuple[MovementView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profits(Counted):
    """Period by period, class by class; money is in `currency`."""

    items: tuple[ProfitView, ...] = ()
    currency: str = ""
    margin: float = 0.0
    cost_per_minute: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaints(Counted):
    """The most frequent reason first."""

    items: tuple[ComplaintView, ...] = ()


FigureView = Movements | Profits | SatisfactionReport | Complaints | OfferFigures


async def figure_of(
    deps: WebDependencies,
    figure: CountedFigure,
    begin: date,
    to: date,
    by: PeriodKind = PeriodKind.MONTH,
    *,
    anew: bool = False,
    to_the_end: bool = False,
) -> FigureView:
    """The figure as it was counted last, with how far a new count is; `to_the_end` waits for that."""
    # What cannot be asked is refused at once, and not by a count.
    periods_of(begin, to, by) if figure in _BY_PERIOD else whole(begin, to)
    values = deps.values.store
    run, rules = await values.last_done(None), await values.rules()
    key = " ".join([figure, str(begin), str(to), *([by] if figure in _BY_PERIOD else [])])
    basis = f"rules {rules.version}, run {0 if run is None else run.number}"

    async def count(told: Told) -> bytes:
        return msgspec.json.encode(await _COUNTS[figure](deps, begin, to, by, told))

    reading = await deps.counts.read(key, basis, count, anew=anew, to_the_end=to_the_end)
    if reading.counted is None:
        return replace(_EMPTY[figure], counting=reading.counting)
    found = _DECODERS[figure].decode(reading.counted.figures)
    return replace(found, counted_at=reading.counted.counted_at, counting=reading.counting)


async def counted_by(deps: WebDependencies) -> tuple[ValueRules, str]:
    """The rules that count, and the currency of the last run."""
    learnt = await deps.values.store.learnt()
    return (await deps.values.store.rules()).rules, "" if learnt is None else learnt.learnt.currency


def periods_of(begin: date, to: date, by: PeriodKind) -> tuple[Period, ...]:
    """The periods of these days; `InvalidValue` for too many."""
    _check(begin, to)
    found = periods_between(begin, to, by)
    if len(found) > MOST_PERIODS:
        raise InvalidValue(
            f"these are {len(found)} periods, {MOST_PERIODS} are the most; choose longer ones", code="too_many_periods"
        )
    return found


def whole(begin: date, to: date) -> Period:
    """All of these days."""
    _check(begin, to)
    return Period(start=begin, end=date.fromordinal(to.toordinal() + 1))


def _check(begin: date, to: date) -> None:
    if not date(1900, 1, 1) <= begin <= to <= date(2200, 1, 1):
        raise InvalidValue(f"from ({begin}) must not be after to ({to}), both in the years 1900 to 2200")


def _movement(one: Movement) -> MovementView:
    return MovementView(
        start=one.period.start,
        end=one.period.end,
        at_start=one.at_start,
        new=one.new,
        won_back=one.won_back,
        lost=one.lost,
        upgraded=one.upgraded,
        downgraded=one.downgraded,
        at_end=one.at_end,
        new_rate=one.new_rate,
        won_back_rate=one.won_back_rate,
        lost_rate=one.lost_rate,
        upgraded_rate=one.upgraded_rate,
        downgraded_rate=one.downgraded_rate,
    )


def _profit(one: ProfitRow) -> ProfitView:
    return ProfitView(
        start=one.period.start,
        end=one.period.end,
        value_class=one.value_class,
        customers=one.customers,
        revenue=one.revenue,
        service_minutes=one.service_minutes,
        profit=one.profit,
        average_profit=one.average_profit,
    )


async def _satisfaction(deps: WebDependencies, period: Period) -> SatisfactionReport:
    found = await deps.management.satisfaction(period)

    def views(groups: dict[str, Satisfaction]) -> tuple[SatisfactionView, ...]:
        return tuple(
            SatisfactionView(
                name=name,
                scores=one.scores,
                answers=one.answers,
                mean=one.mean,
                satisfied=one.satisfied,
                low=one.satisfied_range[0],
                high=one.satisfied_range[1],
            )
            for name, one in groups.items()
        )

    return SatisfactionReport(queues=views(found.queues), agents=views(found.agents), classes=views(found.classes))


async def _complaints(deps: WebDependencies, period: Period) -> tuple[ComplaintView, ...]:
    labels = {one.code: one.label for one in await deps.relations.lists.codes(CodeList.COMPLAINT_REASONS)}
    found = await deps.management.complaints(period)

    def view(reason: str, one: Recovery) -> ComplaintView:
        label = labels.get(reason)
        return ComplaintView(
            reason=reason,
            label=None if label is None else {"zh": label.zh, "en": label.en},
            complaints=one.complaints,
            open=one.open,
            recovered=one.recovered,
            lost=one.lost,
            recovery_rate=one.recovery_rate,
            days_to_settle=one.days_to_settle,
        )

    return tuple(view(reason, one) for reason, one in found.items())


async def _offers(deps: WebDependencies, period: Period) -> tuple[BestOfferView, ...]:
    return tuple(
        BestOfferView(
            best_offer_id=one.best_offer_id,
            label=one.label,
            customers=one.customers,
            offered=one.offered,
            accepted=one.accepted,
            declined=one.declined,
            not_now=one.not_now,
            acceptance_rate=one.acceptance_rate,
        )
        for one in await deps.management.best_offers(period)
    )


async def _count_movements(deps: WebDependencies, begin: date, to: date, by: PeriodKind, told: Told) -> FigureView:
    found = await deps.management.movements(periods_of(begin, to, by), told)
    return Movements(items=tuple(_movement(one) for one in found))


async def _count_profits(deps: WebDependencies, begin: date, to: date, by: PeriodKind, told: Told) -> FigureView:
    rules, currency = await counted_by(deps)
    found = await deps.management.profits(periods_of(begin, to, by), rules, currency, told)
    return Profits(
        items=tuple(_profit(one) for one in found),
        currency=currency,
        margin=rules.margin,
        cost_per_minute=rules.cost_per_minute,
    )


async def _count_satisfaction(deps: WebDependencies, begin: date, to: date, by: PeriodKind, told: Told) -> FigureView:
    return await _satisfaction(deps, whole(begin, to))


async def _count_complaints(deps: WebDependencies, begin: date, to: date, by: PeriodKind, told: Told) -> FigureView:
    return Complaints(items=await _complaints(deps, whole(begin, to)))


async def _count_offers(deps: WebDependencies, begin: date, to: date, by: PeriodKind, told: Told) -> FigureView:
    return OfferFigures(items=await _offers(deps, whole(begin, to)))


_Count = Callable[[WebDependencies, date, date, PeriodKind, Told], Awaitable[FigureView]]
_COUNTS: Final[Mapping[CountedFigure, _Count]] = {
    "movements": _count_movements,
    "profits": _count_profits,
    "satisfaction": _count_satisfaction,
    "complaints": _count_complaints,
    "best_offers": _count_offers,
}
_EMPTY: Final[Mapping[CountedFigure, FigureView]] = {
    "movements": Movements(),
    "profits": Profits(),
    "satisfaction": SatisfactionReport(),
    "complaints": Complaints(),
    "best_offers": OfferFigures(),
}
# Made at import: docs/decisions/0013.
_DECODERS: Final[Mapping[CountedFigure, msgspec.json.Decoder[FigureView]]] = {
    name: msgspec.json.Decoder(type(empty)) for name, empty in _EMPTY.items()
}
