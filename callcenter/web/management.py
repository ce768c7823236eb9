"""Management's figures over REST: each as a document, as a file, and with the list behind it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.responses import Response

from callcenter.app.management import Listed, ListRow, ProfitRow
from callcenter.app.permissions import Action
from callcenter.app.values import RulesVersion, WhatWasLearnt
from callcenter.crm.churn import Recovery
from callcenter.crm.management import Movement, Satisfaction
from callcenter.crm.periods import Period, PeriodKind, periods_between
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.cases import CodeList
from callcenter.domain.errors import InvalidValue
from callcenter.domain.labels import Label
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.orders import Day
from callcenter.web.routing import api_router
from callcenter.web.tables_out import ANY_TABLE, Format, Rows, table_out
from callcenter.web.text import Short

router = api_router()

MOST_PERIODS = 60
PAGE = 50
_EXPORT_PAGE = 1_000
_READ = [Depends(Require(Action.READ_MANAGEMENT))]
Exporter = Annotated[Principal, Depends(Require(Action.EXPORT_RECORDS))]
From = Annotated[Day, Query(alias="from")]
To = Annotated[Day, Query()]
By = Annotated[PeriodKind, Query()]
Figure = Literal["movements", "profits", "satisfaction", "complaints", "best_offers", "curve", "retention"]


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
class SatisfactionReport:
    """By queue, agent and class."""

    queues: tuple[SatisfactionView, ...]
    agents: tuple[SatisfactionView, ...]
    classes: tuple[SatisfactionView, ...]


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
class OfferFigures:
    """The offer that was made most often first."""

    items: tuple[BestOfferView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Movements:
    """Period by period."""

    items: tuple[MovementView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profits:
    """Period by period, class by class; money is in `currency`."""

    items: tuple[ProfitView, ...]
    currency: str
    margin: float
    cost_per_minute: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaints:
    """The most frequent reason first."""

    items: tuple[ComplaintView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueModels:
    """What the last whole run learnt and saw, and the rules that count; nothing learnt yet: null."""

    learnt: WhatWasLearnt | None
    rules: RulesVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """Some of a list; `next_offset` asks for those behind, null at the end."""

    items: tuple[ListRow, ...]
    next_offset: int | None


@router.get("/management/movements", response_model=Movements, dependencies=_READ)
async def read_movements(deps: Deps, begin: From, to: To, by: By = PeriodKind.MONTH) -> Response:
    """Who came, left, came back, rose and fell."""
    return document(Movements(items=await _movements(deps, _periods(begin, to, by))))


@router.get("/management/profits", response_model=Profits, dependencies=_READ)
async def read_profits(deps: Deps, begin: From, to: To, by: By = PeriodKind.MONTH) -> Response:
    """What customers brought on average."""
    rules, currency = await _counted_by(deps)
    items = await _profits(deps, _periods(begin, to, by), rules, currency)
    return document(Profits(items=items, currency=currency, margin=rules.margin, cost_per_minute=rules.cost_per_minute))


@router.get("/management/satisfaction", response_model=SatisfactionReport, dependencies=_READ)
async def read_satisfaction(deps: Deps, begin: From, to: To) -> Response:
    """What customers said after the talk."""
    return document(await _satisfaction(deps, _whole(begin, to)))


@router.get("/management/complaints", response_model=Complaints, dependencies=_READ)
async def read_complaints(deps: Deps, begin: From, to: To) -> Response:
    """Why customers complained, and how many stayed."""
    return document(Complaints(items=await _complaints(deps, _whole(begin, to))))


@router.get("/management/best-offers", response_model=OfferFigures, dependencies=_READ)
async def read_offer_figures(deps: Deps, begin: From, to: To) -> Response:
    """What was proposed to customers, and what they answered."""
    return document(OfferFigures(items=await _offers(deps, _whole(begin, to))))


@router.get("/management/models", response_model=ValueModels, dependencies=_READ)
async def read_models(deps: Deps) -> Response:
    """The models' parameters, the test of time, the 80/20 curve and retention, as of the last whole run."""
    store = deps.values.store
    return document(ValueModels(learnt=await store.learnt(), rules=await store.rules()))


@router.get("/management/lists/{what}", response_model=ListPage, dependencies=_READ)
async def read_list(
    what: Listed,
    deps: Deps,
    begin: From,
    to: To,
    key: Annotated[Short, Query()] = "",
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """The list behind a figure; `key` says of which class, reason, queue or agent."""
    rows = await _listed(deps, what, _whole(begin, to), key, limit=PAGE + 1, offset=offset)
    return document(ListPage(items=rows[:PAGE], next_offset=offset + PAGE if len(rows) > PAGE else None))


@router.get("/management/lists/{what}/export", response_model=None, responses=ANY_TABLE)
async def export_list(
    what: Listed,
    principal: Exporter,
    deps: Deps,
    begin: From,
    to: To,
    key: Annotated[Short, Query()] = "",
    format: Format = "csv",  # noqa: A002 - the word people use.
) -> Response:
    """The list behind a figure as a file."""

    async def pages() -> AsyncIterator[Rows]:
        header: Rows = [["customer_id", "name", "on", "what", "amount", "reference"]]
        offset = 0
        while True:
            found = await _listed(deps, what, _whole(begin, to), key, limit=_EXPORT_PAGE, offset=offset)
            yield [*header, *([_cell(getattr(row, name)) for name in _LIST_COLUMNS] for row in found)]
            header, offset = [], offset + _EXPORT_PAGE
            if len(found) < _EXPORT_PAGE:
                return

    return await table_out(pages(), f"list-{what}", format, principal, deps)


@router.get("/management/export/{figure}", response_model=None, responses=ANY_TABLE)
async def export_figure(
    figure: Figure,
    principal: Exporter,
    deps: Deps,
    begin: From,
    to: To,
    by: By = PeriodKind.MONTH,
    format: Format = "csv",  # noqa: A002 - as above.
) -> Response:
    """One figure as a file."""

    async def pages() -> AsyncIterator[Rows]:
        yield await _table(deps, figure, begin, to, by)

    return await table_out(pages(), figure, format, principal, deps)


_LIST_COLUMNS = tuple(ListRow.__dataclass_fields__)


async def _table(deps: WebDependencies, figure: Figure, begin: date, to: date, by: PeriodKind) -> Rows:
    match figure:
        case "movements":
            return _rows(MovementView, await _movements(deps, _periods(begin, to, by)))
        case "profits":
            rules, currency = await _counted_by(deps)
            return _rows(ProfitView, await _profits(deps, _periods(begin, to, by), rules, currency))
        case "satisfaction":
            report = await _satisfaction(deps, _whole(begin, to))
            groups = (("queue", report.queues), ("agent", report.agents), ("class", report.classes))
            header = ["group", "name", "1", "2", "3", "4", "5", "answers", "mean", "satisfied", "low", "high"]
            told = ("answers", "mean", "satisfied", "low", "high")
            return [
                header,
                *(
                    [group, one.name, *map(str, one.scores), *(_cell(getattr(one, name)) for name in told)]
                    for group, listed in groups
                    for one in listed
                ),
            ]
        case "complaints":
            rows = _rows(ComplaintView, await _complaints(deps, _whole(begin, to)))
            return [[cell for place, cell in enumerate(row) if place != 1] for row in rows]
        case "best_offers":
            offers = await _offers(deps, _whole(begin, to))
            counted = ("customers", "offered", "accepted", "declined", "not_now", "acceptance_rate")
            return [
                ["best_offer_id", "label_zh", "label_en", *counted],
                *(
                    [one.best_offer_id, one.label.zh, one.label.en, *(_cell(getattr(one, name)) for name in counted)]
                    for one in offers
                ),
            ]
        case "curve":
            learnt = await deps.values.store.learnt()
            points = () if learnt is None else learnt.picture.curve
            return [["share_of_customers", "share_of_value"], *([_cell(x), _cell(y)] for x, y in points)]
        case "retention":
            learnt = await deps.values.store.learnt()
            cohorts = () if learnt is None else learnt.picture.cohorts
            most = max((len(row.bought) for row in cohorts), default=0)
            return [
                ["month", *(str(offset) for offset in range(most))],
                *([row.month, *map(str, row.bought)] for row in cohorts),
            ]


async def _movements(deps: WebDependencies, periods: tuple[Period, ...]) -> tuple[MovementView, ...]:
    return tuple(_movement(one) for one in await deps.management.movements(periods))


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


async def _profits(
    deps: WebDependencies, periods: tuple[Period, ...], rules: ValueRules, currency: str
) -> tuple[ProfitView, ...]:
    return tuple(_profit(one) for one in await deps.management.profits(periods, rules, currency))


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


async def _listed(
    deps: WebDependencies, what: Listed, period: Period, key: str, *, limit: int, offset: int
) -> tuple[ListRow, ...]:
    rules, currency = await _counted_by(deps)
    return await deps.management.listed(
        what, period, key=key, rules=rules, currency=currency, limit=limit, offset=offset
    )


async def _counted_by(deps: WebDependencies) -> tuple[ValueRules, str]:
    """The rules that count, and the currency of the last run."""
    learnt = await deps.values.store.learnt()
    return (await deps.values.store.rules()).rules, "" if learnt is None else learnt.learnt.currency


def _periods(begin: date, to: date, by: PeriodKind) -> tuple[Period, ...]:
    _check(begin, to)
    found = periods_between(begin, to, by)
    if len(found) > MOST_PERIODS:
        raise InvalidValue(
            f"these are {len(found)} periods, {MOST_PERIODS} are the most; choose longer ones", code="too_many_periods"
        )
    return found


def _whole(begin: date, to: date) -> Period:
    _check(begin, to)
    return Period(start=begin, end=date.fromordinal(to.toordinal() + 1))


def _check(begin: date, to: date) -> None:
    if not date(1900, 1, 1) <= begin <= to <= date(2200, 1, 1):
        raise InvalidValue(f"from ({begin}) must not be after to ({to}), both in the years 1900 to 2200")


def _rows(kind: type[MovementView] | type[ProfitView] | type[ComplaintView], items: tuple[object, ...]) -> Rows:
    names = list(kind.__dataclass_fields__)
    return [names, *([_cell(getattr(one, name)) for name in names] for one in items)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return (
        f"{value:.6g}"
        if isinstance(value, float) and abs(value) < 1
        else f"{value:.2f}"
        if isinstance(value, float)
        else str(value)
    )
