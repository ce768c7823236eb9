"""Management's figures over REST: each as a document, as a file, and with the list behind it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.responses import Response

from callcenter.app.management import Listed, ListRow
from callcenter.app.permissions import Action
from callcenter.app.values import RulesVersion, WhatWasLearnt
from callcenter.crm.periods import Period, PeriodKind
from callcenter.sheets.writing import Cell
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.management_figures import (
    Complaints,
    ComplaintView,
    Counted,
    CountedFigure,
    FigureView,
    Movements,
    MovementView,
    OfferFigures,
    Profits,
    ProfitView,
    SatisfactionReport,
    counted_by,
    figure_of,
    whole,
)
from callcenter.web.orders import Day
from callcenter.web.routing import api_router
from callcenter.web.tables_out import ANY_TABLE, Format, Listing, Rows, table_out
from callcenter.web.text import Short

router = api_router()

PAGE = 50
_EXPORT_PAGE = 1_000
_READ = [Depends(Require(Action.READ_MANAGEMENT))]
Exporter = Annotated[Principal, Depends(Require(Action.EXPORT_RECORDS))]
From = Annotated[Day, Query(alias="from")]
To = Annotated[Day, Query()]
By = Annotated[PeriodKind, Query()]
Figure = Literal["movements", "profits", "satisfaction", "complaints", "best_offers", "curve", "retention"]


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
    return document(await figure_of(deps, "movements", begin, to, by))


@router.get("/management/profits", response_model=Profits, dependencies=_READ)
async def read_profits(deps: Deps, begin: From, to: To, by: By = PeriodKind.MONTH) -> Response:
    """What customers brought on average."""
    return document(await figure_of(deps, "profits", begin, to, by))


@router.get("/management/satisfaction", response_model=SatisfactionReport, dependencies=_READ)
async def read_satisfaction(deps: Deps, begin: From, to: To) -> Response:
    """What customers said after the talk."""
    return document(await figure_of(deps, "satisfaction", begin, to))


@router.get("/management/complaints", response_model=Complaints, dependencies=_READ)
async def read_complaints(deps: Deps, begin: From, to: To) -> Response:
    """Why customers complained, and how many stayed."""
    return document(await figure_of(deps, "complaints", begin, to))


@router.get("/management/best-offers", response_model=OfferFigures, dependencies=_READ)
async def read_offer_figures(deps: Deps, begin: From, to: To) -> Response:
    """What was proposed to customers, and what they answered."""
    return document(await figure_of(deps, "best_offers", begin, to))


@router.post("/management/figures/{figure}/count", response_model=Counted, dependencies=_READ)
async def count_figure(figure: CountedFigure, deps: Deps, begin: From, to: To, by: By = PeriodKind.MONTH) -> Response:
    """Count a figure anew, however fresh it is; reading it tells how far that is."""
    found = await figure_of(deps, figure, begin, to, by, anew=True)
    return document(Counted(counted_at=found.counted_at, counting=found.counting))


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
    rows = await _listed(deps, what, whole(begin, to), key, limit=PAGE + 1, offset=offset)
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
        yield [["customer_id", "name", "on", "what", "amount", "reference"]]
        offset = 0
        while True:
            found = await _listed(deps, what, whole(begin, to), key, limit=_EXPORT_PAGE, offset=offset)
            yield [[_cell(getattr(row, name)) for name in _LIST_COLUMNS] for row in found]
            offset += _EXPORT_PAGE
            if len(found) < _EXPORT_PAGE:
                return

    listing = Listing(chosen={"from": begin, "to": to, "key": key})
    return await table_out(pages(), f"list-{what}", format, principal, deps, listing=listing)


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
        header, *rows = await _table(deps, figure, begin, to, by)
        yield [header]
        yield rows

    return await table_out(pages(), figure, format, principal, deps)


_LIST_COLUMNS = tuple(ListRow.__dataclass_fields__)


async def _table(deps: WebDependencies, figure: Figure, begin: date, to: date, by: PeriodKind) -> Rows:
    match figure:
        case "curve":
            learnt = await deps.values.store.learnt()
            points = () if learnt is None else learnt.picture.curve
            return [["share_of_customers", "share_of_value"], *([x, y] for x, y in points)]
        case "retention":
            learnt = await deps.values.store.learnt()
            cohorts = () if learnt is None else learnt.picture.cohorts
            most = max((len(row.bought) for row in cohorts), default=0)
            months: list[list[Cell]] = [[row.month, *row.bought] for row in cohorts]
            return [["month", *(str(offset) for offset in range(most))], *months]
        case _:
            return _counted_table(await figure_of(deps, figure, begin, to, by, to_the_end=True))


def _counted_table(found: FigureView) -> Rows:
    match found:
        case Movements():
            return _rows(MovementView, found.items)
        case Profits():
            return _rows(ProfitView, found.items)
        case SatisfactionReport():
            groups = (("queue", found.queues), ("agent", found.agents), ("class", found.classes))
            header = ["group", "name", "1", "2", "3", "4", "5", "answers", "mean", "satisfied", "low", "high"]
            told = ("answers", "mean", "satisfied", "low", "high")
            return [
                header,
                *(
                    [group, one.name, *one.scores, *(_cell(getattr(one, name)) for name in told)]
                    for group, listed in groups
                    for one in listed
                ),
            ]
        case Complaints():
            rows = _rows(ComplaintView, found.items)
            return [[cell for place, cell in enumerate(row) if place != 1] for row in rows]
        case OfferFigures():
            counted = ("customers", "offered", "accepted", "declined", "not_now", "acceptance_rate")
            return [
                ["best_offer_id", "label_zh", "label_en", *counted],
                *(
                    [one.best_offer_id, one.label.zh, one.label.en, *(_cell(getattr(one, name)) for name in counted)]
                    for one in found.items
                ),
            ]


async def _listed(
    deps: WebDependencies, what: Listed, period: Period, key: str, *, limit: int, offset: int
) -> tuple[ListRow, ...]:
    rules, currency = await counted_by(deps)
    return await deps.management.listed(
        what, period, key=key, rules=rules, currency=currency, limit=limit, offset=offset
    )


def _rows(kind: type[MovementView] | type[ProfitView] | type[ComplaintView], items: tuple[object, ...]) -> Rows:
    names = list(kind.__dataclass_fields__)
    return [list(names), *([_cell(getattr(one, name)) for name in names] for one in items)]


def _cell(value: object) -> Cell:
    return value if isinstance(value, str | int | float | date | None) else str(value)
