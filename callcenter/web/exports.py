"""Exports over REST: the customers and orders of a list as CSV or XLSX.

Laws: no export is held in memory whole; who exported what is in the audit log.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from callcenter.app.access_log import AccessKind
from callcenter.app.customer_book import CustomerFilters
from callcenter.app.customer_export import Table, customer_pages, order_pages
from callcenter.app.permissions import Action
from callcenter.app.sales_book import OrderFilters
from callcenter.domain.customers import CustomerKind
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.sheets.writing import MOST_SHEET_ROWS, WorkbookWriter, csv_parts
from callcenter.web.access import Principal, Require
from callcenter.web.customers import Segment
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.orders import Day
from callcenter.web.routing import api_router
from callcenter.web.text import Code, Language, QueryId, Short

router = api_router()

Exporter = Annotated[Principal, Depends(Require(Action.EXPORT_RECORDS))]
Format = Literal["csv", "xlsx"]
Encoding = Literal["utf-8", "gb18030"]
Source = Annotated[Short, Query(min_length=1, max_length=50)]
_TABLES: dict[int | str, dict[str, object]] = {
    200: {
        "content": {
            "text/csv": {},
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {},
        }
    }
}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/exports/customers", response_class=StreamingResponse, responses=_TABLES)
async def export_customers(
    principal: Exporter,
    deps: Deps,
    format: Format = "csv",  # noqa: A002 - the word people use.
    encoding: Encoding = "utf-8",
    source: Source = "import",
    search: Annotated[Short, Query()] = "",
    kind: CustomerKind | None = None,
    segment: Segment | None = None,
    language: Language | None = None,
    account_manager_id: QueryId = None,
    tag: Annotated[Short | None, Query(min_length=1)] = None,
) -> Response:
    """The customers of a list with all that an import takes; `source` says of which system the ids are."""
    filters = CustomerFilters(
        kind=kind,
        segment=segment,
        language=language,
        account_manager_id=None if account_manager_id is None else AgentId(account_manager_id),
        tag=tag,
    )
    relations = deps.relations
    pages = customer_pages(
        search=relations.search, ids=relations.ids, book=relations.book, text=search, filters=filters, source=source
    )
    return await _answer(pages, "customers", format, encoding, principal, deps)


@router.get("/exports/orders", response_class=StreamingResponse, responses=_TABLES)
async def export_orders(
    principal: Exporter,
    deps: Deps,
    format: Format = "csv",  # noqa: A002 - as above.
    encoding: Encoding = "utf-8",
    source: Source = "import",
    customer_id: QueryId = None,
    number: Annotated[Code | None, Query()] = None,
    state: Annotated[Code | None, Query()] = None,
    product: Annotated[Code | None, Query()] = None,
    placed_from: Annotated[Day | None, Query()] = None,
    placed_to: Annotated[Day | None, Query()] = None,
) -> Response:
    """The orders of a list, a row each."""
    filters = OrderFilters(
        customer_id=None if customer_id is None else CustomerId(customer_id),
        number=number,
        state=state,
        product=product,
        placed_from=placed_from,
        placed_to=placed_to,
    )
    pages = order_pages(orders=deps.relations.orders, ids=deps.relations.ids, filters=filters, source=source)
    return await _answer(pages, "orders", format, encoding, principal, deps)


async def _answer(
    pages: AsyncIterator[Table],
    name: str,
    wanted: Format,
    encoding: Encoding,
    principal: Principal,
    deps: WebDependencies,
) -> Response:
    now = deps.clock.now()
    # What cannot be searched for is refused before the first byte is sent.
    header, first = await anext(pages), await anext(pages)
    await deps.audit.audit(at=now, by=principal.user.name, action=f"{name}_exported", subject=name, detail=wanted)
    deps.privacy.log.note(by=principal.user.name, kind=AccessKind.LIST_EXPORTED, detail=name)
    file_name = f"{name}-{now:%Y%m%d-%H%M}.{wanted}"
    everything = _together(header, first, pages)
    if wanted == "xlsx":
        path = await _workbook(everything, name)
        remove = BackgroundTask(path.unlink, missing_ok=True)
        return FileResponse(path, media_type=_XLSX, filename=file_name, background=remove)
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(_csv(everything, encoding), media_type=f"text/csv; charset={encoding}", headers=headers)


async def _together(header: Table, first: Table, pages: AsyncIterator[Table]) -> AsyncIterator[Table]:
    yield [*header, *first]
    async for page in pages:
        yield page


async def _csv(pages: AsyncIterator[Table], encoding: Encoding) -> AsyncIterator[bytes]:
    is_first = True
    async for page in pages:
        data = await asyncio.to_thread(_encoded, page, encoding, with_mark=is_first)
        is_first = False
        yield data


def _encoded(page: Table, encoding: Encoding, *, with_mark: bool) -> bytes:
    data = b"".join(csv_parts(page, encoding))
    return data if with_mark else data.removeprefix("\ufeff".encode() if encoding == "utf-8" else b"")


async def _workbook(pages: AsyncIterator[Table], name: str) -> Path:
    """Written to the disk page by page in a thread, so that calls do not wait for it."""
    book = await asyncio.to_thread(WorkbookWriter, name)
    count = 0
    async for page in pages:
        count += len(page)
        if count > MOST_SHEET_ROWS:
            raise InvalidValue(f"a workbook has {MOST_SHEET_ROWS:,} rows at most; export as CSV", code="too_many_rows")
        await asyncio.to_thread(_add, book, page)
    with tempfile.NamedTemporaryFile(prefix="callcenter-export-", suffix=".xlsx", delete=False) as file:
        path = Path(file.name)
    try:
        await asyncio.to_thread(book.save, path)
    except BaseException:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise
    return path


def _add(book: WorkbookWriter, page: Table) -> None:
    for cells in page:
        book.add(cells)
