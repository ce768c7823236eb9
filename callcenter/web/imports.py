"""Imports over REST: bring a file, look at it, map its columns, try it, take it in, follow it, fetch its bad rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from callcenter.app.import_records import ImportCounts, ImportRecord, ImportState, Preview
from callcenter.app.permissions import Action
from callcenter.crm.import_columns import ColumnMapping
from callcenter.crm.import_fields import RecordKind
from callcenter.domain.labels import Label
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.flows import Spoken
from callcenter.web.products import Currency
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Code, Name, PathId, Short

router = api_router()

LARGEST_PAGE = 100
_READ = [Depends(Require(Action.READ_IMPORTS))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_IMPORTS))]
_ANY_TABLE = {
    "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
}
Encoding = Literal["utf-8", "gb18030", "utf-16", "big5", "windows-1252"]
Delimiter = Literal[",", ";", "\t", "|"]


class MappingBody(Body):
    """What each column is, in the file's order; null is nothing."""

    columns: Annotated[tuple[Code | None, ...], Field(max_length=200)]
    key: Code | None = None
    source: Annotated[Short, Field(min_length=1, max_length=50)] = "import"
    currency: Currency | None = None
    """Of orders that tell none."""


class PreviewBody(Body):
    """Without a mapping it is the remembered or the guessed one."""

    mapping: MappingBody | None = None
    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    has_header: bool | None = None
    """Whether the first row says what the columns are."""


class StartBody(Body):
    """A dry run counts what would come of it, and changes nothing."""

    mapping: MappingBody
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView:
    """An import, and how fast it goes."""

    import_id: str
    number: int
    kind: RecordKind
    file_name: str
    size_bytes: int
    format: str
    encoding: str
    delimiter: str
    has_header: bool
    header: tuple[str, ...]
    mapping: ColumnMapping | None
    state: ImportState
    dry_run: bool
    created_at: datetime
    created_by: str
    started_at: datetime | None
    started_by: str | None
    ended_at: datetime | None
    cancelled_by: str | None
    error: str | None
    error_code: str | None
    part: float
    rows: int
    made: int
    changed: int
    same: int
    bad: int
    checked: ImportCounts | None
    rows_per_second: float | None
    seconds_left: float | None
    has_file: bool
    has_bad_rows: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportList:
    """Some imports, the newest first; `next_before` asks for those before, null at the end.

    `customers_owed` have come and are not found by parts of their names and numbers yet, only by whole ones.
    """

    items: tuple[ImportView, ...]
    next_before: int | None
    customers_owed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """What a column may be, and what that is called."""

    name: str
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """Why a row cannot be taken."""

    row: int
    column: str
    value: str
    code: str
    wrong: Label
    """What is wrong."""
    wanted: Label
    """What would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewView:
    """The first rows and what they come to."""

    record: ImportView
    rows: tuple[tuple[str, ...], ...]
    mapping: ColumnMapping
    remembered: bool
    fields: tuple[FieldView, ...]
    faults: tuple[RowFault, ...]
    mapping_fault: Label | None
    examined_rows: int


@router.post("/imports", status_code=201, response_model=ImportView, openapi_extra=_ANY_TABLE)
async def bring_file(
    request: Request,
    principal: Writer,
    deps: Deps,
    file_name: Annotated[Name, Query()],
    kind: RecordKind = RecordKind.CUSTOMERS,
) -> Response:
    """Bring a CSV or XLSX file; the body is the file itself. Nothing is taken in yet."""
    record = await deps.imports.upload(request.stream(), file_name=file_name, kind=kind, by=principal.user.name)
    return document(_view(record, deps.clock.now()), 201)


@router.get("/imports", response_model=ImportList, dependencies=_READ)
async def list_imports(
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 20,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """Who brought what, and what became of it."""
    found = await deps.imports.list(limit=limit + 1, before=before)
    now = deps.clock.now()
    items = tuple(_view(one, now) for one in found[:limit])
    before = items[-1].number if len(found) > limit else None
    return document(ImportList(items=items, next_before=before, customers_owed=await deps.imports.customers_owed()))


@router.get("/imports/{import_id}", response_model=ImportView, dependencies=_READ)
async def read_import(import_id: PathId, deps: Deps) -> Response:
    """One import, as far as it is."""
    return document(_view(await deps.imports.find(import_id), deps.clock.now()))


@router.post("/imports/{import_id}/preview", response_model=PreviewView)
async def preview_import(import_id: PathId, body: PreviewBody, principal: Writer, deps: Deps) -> Response:
    """The first rows, what the columns mean, and what is wrong with the first thousand rows."""
    found = await deps.imports.preview(
        import_id,
        mapping=None if body.mapping is None else _mapping(body.mapping),
        encoding=body.encoding,
        delimiter=body.delimiter,
        has_header=body.has_header,
    )
    return document(_preview(found, deps.clock.now()))


@router.post("/imports/{import_id}/start", response_model=ImportView)
async def start_import(import_id: PathId, body: StartBody, principal: Writer, deps: Deps) -> Response:
    """Try it, or take it in; one import runs at a time, some wait."""
    record = await deps.imports.start(import_id, _mapping(body.mapping), dry_run=body.dry_run, by=principal.user.name)
    return document(_view(record, deps.clock.now()))


@router.post("/imports/{import_id}/cancel", response_model=ImportView)
async def cancel_import(import_id: PathId, principal: Writer, deps: Deps) -> Response:
    """End an import that waits or runs; what is taken in stays."""
    record = await deps.imports.cancel(import_id, by=principal.user.name)
    return document(_view(record, deps.clock.now()))


@router.get(
    "/imports/{import_id}/bad-rows",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}},
    dependencies=_READ,
)
async def read_bad_rows(import_id: PathId, deps: Deps, language: Spoken = "en") -> Response:
    """The rows that were not taken in, with the reasons before them in a language, as CSV; it may be brought again."""
    parts = await deps.imports.bad_rows(import_id, language)
    name = f"bad-rows-{(await deps.imports.find(import_id)).number}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=headers)


def _mapping(body: MappingBody) -> ColumnMapping:
    return ColumnMapping(columns=body.columns, key=body.key, source=body.source, currency=body.currency)


def _view(record: ImportRecord, now: datetime) -> ImportView:
    rows = record.counts.rows
    rate = left = None
    if record.state is ImportState.RUNNING and record.started_at is not None and rows and record.part > 0:
        seconds = max((now - record.started_at).total_seconds(), 0.001)
        rate, left = round(rows / seconds, 1), round(seconds * (1 - record.part) / record.part, 1)
    checked = record.checked
    return ImportView(
        import_id=record.import_id,
        number=record.number,
        kind=record.kind,
        file_name=record.file_name,
        size_bytes=record.size_bytes,
        format=record.form.format,
        encoding=record.form.encoding,
        delimiter=record.form.delimiter,
        has_header=record.form.has_header,
        header=record.header,
        mapping=record.mapping,
        state=record.state,
        dry_run=record.dry_run,
        created_at=record.created_at,
        created_by=record.created_by,
        started_at=record.started_at,
        started_by=record.started_by,
        ended_at=record.ended_at,
        cancelled_by=record.cancelled_by,
        error=record.error,
        error_code=record.error_code,
        part=round(record.part, 4),
        rows=rows,
        made=record.counts.made,
        changed=record.counts.changed,
        same=record.counts.same,
        bad=record.counts.bad,
        checked=checked,
        rows_per_second=rate,
        seconds_left=left,
        has_file=record.has_file,
        has_bad_rows=record.faults_bytes > 0,
    )


def _preview(found: Preview, now: datetime) -> PreviewView:
    return PreviewView(
        record=_view(found.record, now),
        rows=found.rows,
        mapping=found.mapping,
        remembered=found.remembered,
        fields=tuple(FieldView(name=name, label=label) for name, label in found.fields.items()),
        faults=tuple(
            RowFault(
                row=one.row,
                column=one.column,
                value=one.value,
                code=one.code,
                wrong=one.wrong(),
                wanted=one.wanted(),
            )
            for one in found.faults
        ),
        mapping_fault=found.mapping_fault,
        examined_rows=found.examined_rows,
    )
