"""Segments over REST: read, save, undo, try a condition before it is saved, list and take out whom it holds."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path
from pydantic import StringConstraints
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.segments import Segment, SegmentPage, SegmentUse
from callcenter.crm.import_columns import fields_of
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.import_rows import cells_of
from callcenter.crm.segment_text import LONGEST_TEXT
from callcenter.domain.errors import NotFound
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document, no_content
from callcenter.web.etags import IfMatch, expected_version, versioned
from callcenter.web.routing import api_router
from callcenter.web.tables_out import ANY_TABLE, Format, Listing, Rows, table_out
from callcenter.web.text import Body, Name, QueryId
from callcenter.web.values import UndoBody

router = api_router()

PAGE = 50
_EXPORT_PAGE = 500
_READ = [Depends(Require(Action.READ_SEGMENTS))]
Reader = Annotated[Principal, Depends(Require(Action.READ_SEGMENTS))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_SEGMENTS))]
Exporter = Annotated[Principal, Depends(Require(Action.EXPORT_RECORDS))]
SegmentName = Annotated[str, Path(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_-]*$")]
ConditionText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT + 1)]


class SegmentBody(Body):
    """What people call it, and its condition (docs/customer-value.md)."""

    label: Name
    condition: ConditionText


class ConditionBody(Body):
    """A condition that is tried, and from behind whom on."""

    condition: ConditionText
    after: Annotated[str | None, StringConstraints(min_length=1, max_length=150)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """A segment, and the queues and next best offers that name it."""

    segment: Segment
    used_by: tuple[str, ...]
    best_offers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentList:
    """All of them, by their names."""

    items: tuple[SegmentView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentField:
    """What a condition may name, and what it holds: text, number, boolean, date or words."""

    name: str
    kind: str
    label: dict[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFields:
    """In their order."""

    items: tuple[SegmentField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentCount:
    """How many customers a condition is true of."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHistory:
    """All versions, the newest first."""

    items: tuple[Segment, ...]


@router.get("/segments", response_model=SegmentList, dependencies=_READ)
async def list_segments(deps: Deps) -> Response:
    """All segments."""
    found = await deps.segments.store.segments()
    uses = await deps.segments.uses([one.segment_id for one in found])
    items = tuple(_view(one, uses[one.segment_id]) for one in found)
    return document(SegmentList(items=items))


@router.get("/segment-fields", response_model=SegmentFields, dependencies=_READ)
async def list_segment_fields(deps: Deps) -> Response:
    """What a condition may name."""
    labels = {f"custom.{one.field_id}": one.label for one in await deps.relations.book.custom_fields()}
    items = []
    for name, kind in (await deps.segments.fields()).items():
        label = labels.get(name)
        told = None if label is None else {"zh": label.zh, "en": label.en}
        items.append(SegmentField(name=name, kind=kind, label=told))
    return document(SegmentFields(items=tuple(items)))


@router.post("/segment-preview/count", response_model=SegmentCount)
async def count_condition(body: ConditionBody, principal: Reader, deps: Deps) -> Response:
    """How many customers a condition is true of, before it is saved."""
    return document(SegmentCount(count=await deps.segments.count(body.condition)))


@router.post("/segment-preview/customers", response_model=SegmentPage)
async def list_condition(body: ConditionBody, principal: Reader, deps: Deps) -> Response:
    """Some of the customers a condition is true of."""
    return document(await deps.segments.page(body.condition, after=body.after, limit=PAGE))


@router.get("/segments/{segment_id}", response_model=SegmentView, dependencies=_READ)
async def read_segment(segment_id: SegmentName, deps: Deps) -> Response:
    """One segment."""
    found = await deps.segments.find(segment_id)
    return versioned(_view(found, (await deps.segments.uses([segment_id]))[segment_id]), found.version)


@router.put("/segments/{segment_id}", response_model=Segment)
async def save_segment(
    segment_id: SegmentName, body: SegmentBody, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Make or change a segment, of the version in If-Match if there is one."""
    expected = expected_version(if_match)
    if expected is None:
        expected = await _version(deps, segment_id)
    kept = await deps.segments.put(
        segment_id, label=body.label, condition=body.condition, expected=expected, by=principal.user.name
    )
    return versioned(kept, kept.version)


@router.delete("/segments/{segment_id}", status_code=204)
async def remove_segment(segment_id: SegmentName, principal: Writer, deps: Deps, if_match: IfMatch = None) -> Response:
    """Take a segment away; its versions stay, and one of them can be made to count again."""
    await deps.segments.remove(segment_id, expected=expected_version(if_match), by=principal.user.name)
    return no_content()


@router.get("/segments/{segment_id}/history", response_model=SegmentHistory, dependencies=_READ)
async def read_segment_history(segment_id: SegmentName, deps: Deps) -> Response:
    """Who saved what when."""
    found = await deps.segments.store.history(segment_id)
    if not found:
        raise NotFound(f"there is no segment {segment_id}", code="unknown_segment")
    return document(SegmentHistory(items=found))


@router.post("/segments/{segment_id}/undo", response_model=Segment)
async def undo_segment(
    segment_id: SegmentName, body: UndoBody, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Let an earlier version count again, behind the version in If-Match if there is one."""
    expected = expected_version(if_match)
    kept = await deps.segments.undo(segment_id, body.version, expected=expected, by=principal.user.name)
    return versioned(kept, kept.version)


@router.get("/segments/{segment_id}/customers", response_model=SegmentPage, dependencies=_READ)
async def list_segment(segment_id: SegmentName, deps: Deps, after: QueryId = None) -> Response:
    """Some of its customers, by their ids."""
    found = await deps.segments.find(segment_id)
    return document(await deps.segments.page(found.condition, after=after, limit=PAGE))


@router.get("/segments/{segment_id}/count", response_model=SegmentCount, dependencies=_READ)
async def count_segment(segment_id: SegmentName, deps: Deps) -> Response:
    """How many customers it holds now."""
    found = await deps.segments.find(segment_id)
    return document(SegmentCount(count=await deps.segments.count(found.condition)))


@router.get("/segments/{segment_id}/export", response_model=None, responses=ANY_TABLE)
async def export_segment(
    segment_id: SegmentName,
    principal: Exporter,
    deps: Deps,
    format: Format = "csv",  # noqa: A002 - the word people use.
) -> Response:
    """Its customers with all that an import takes, as CSV or XLSX."""
    found = await deps.segments.find(segment_id)
    listing = Listing(chosen={"condition": found.condition})
    name = f"segment-{segment_id}"
    return await table_out(_rows(deps, found.condition), name, format, principal, deps, listing=listing)


def _view(segment: Segment, use: SegmentUse) -> SegmentView:
    return SegmentView(segment=segment, used_by=use.queues, best_offers=use.best_offers)


async def _rows(deps: WebDependencies, condition: str) -> AsyncIterator[Rows]:
    fields = fields_of(RecordKind.CUSTOMERS, await deps.relations.book.custom_fields())
    yield [list(fields)]
    async for page in deps.segments.pages(condition, limit=_EXPORT_PAGE):
        known = await deps.relations.ids.ids_of([one.customer_id for one in page], "import")
        yield [
            list(
                cells_of(
                    one,
                    fields,
                    numbers=known.numbers.get(one.customer_id, ()),
                    external_id=known.external_ids.get(one.customer_id, ""),
                )
            )
            for one in page
        ]


async def _version(deps: WebDependencies, segment_id: str) -> int:
    known = await deps.segments.store.segment(segment_id)
    return 0 if known is None else known.version
