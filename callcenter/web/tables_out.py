"""A table as a file: CSV or XLSX, written row by row.

Laws: no table is held in memory whole; who takes one out is in the audit log before its first byte, and a list of
customers in the access log with how many went out, also where the taker went away in the middle.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from callcenter.app.access_log import AccessKind
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import CustomerId
from callcenter.sheets.writing import MOST_SHEET_ROWS, Cell, WorkbookWriter, csv_parts
from callcenter.web.access import Principal
from callcenter.web.dependencies import WebDependencies

Format = Literal["csv", "xlsx"]
Encoding = Literal["utf-8", "gb18030"]
Rows = Sequence[Sequence[Cell]]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ANY_TABLE: dict[int | str, dict[str, object]] = {200: {"content": {"text/csv": {}, XLSX: {}}}}
_MARK = "\ufeff".encode()
LONGEST_CHOICE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Rows of customers: by what they were chosen, what was left open is None or empty; of one customer, whose."""

    chosen: dict[str, object] = field(default_factory=dict)
    customer_id: CustomerId | None = None

    def told(self) -> str:
        """The choice in words of the API."""
        given = [f"{name}={value}" for name, value in self.chosen.items() if value not in (None, "")]
        return " ".join(given)[:LONGEST_CHOICE]


async def table_out(
    pages: AsyncIterator[Rows],
    name: str,
    wanted: Format,
    principal: Principal,
    deps: WebDependencies,
    *,
    listing: Listing | None = None,
    encoding: Encoding = "utf-8",
    action: str = "figures_exported",
) -> Response:
    """The pages, the header first, as a file to keep; what cannot be asked is refused before the first byte."""
    now, by = deps.clock.now(), principal.user.name
    header, first = await anext(pages), await anext(pages)
    chosen = "" if listing is None else listing.told()
    detail = f"{wanted} {chosen}".strip()
    await deps.audit.audit(at=now, by=by, action=action, subject=name, detail=detail)

    async def everything() -> AsyncIterator[Rows]:
        count = len(first)
        try:
            yield [*header, *first]
            async for page in pages:
                count += len(page)
                yield page
        finally:
            if listing is not None:
                deps.privacy.log.note(
                    by=by,
                    kind=AccessKind.LIST_EXPORTED,
                    customer_id=listing.customer_id,
                    detail=f"{name}.{wanted} rows={count} {chosen}".strip(),
                )

    file_name = f"{name}-{now:%Y%m%d-%H%M}.{wanted}"
    if wanted == "xlsx":
        path = await _workbook(everything(), name[:30], deps.temporary)
        return FileResponse(
            path, media_type=XLSX, filename=file_name, background=BackgroundTask(path.unlink, missing_ok=True)
        )
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(_csv(everything(), encoding), media_type=f"text/csv; charset={encoding}", headers=headers)


async def _csv(pages: AsyncIterator[Rows], encoding: Encoding) -> AsyncIterator[bytes]:
    is_first = True
    async for page in pages:
        data = await asyncio.to_thread(_encoded, page, encoding)
        yield data if is_first else data.removeprefix(_MARK)
        is_first = False


def _encoded(rows: Rows, encoding: Encoding) -> bytes:
    return b"".join(csv_parts(rows, encoding))


async def _workbook(pages: AsyncIterator[Rows], title: str, directory: Path) -> Path:
    """Written to the disk page by page in a thread, so that calls do not wait for it."""
    book = await asyncio.to_thread(WorkbookWriter, title, directory)
    with tempfile.NamedTemporaryFile(dir=directory, prefix="export-", suffix=".xlsx", delete=False) as file:
        path = Path(file.name)
    count = 0
    try:
        async for page in pages:
            count += len(page)
            await asyncio.to_thread(_add, book, page, count)
        await asyncio.to_thread(book.save, path)
    except BaseException:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        await asyncio.to_thread(book.discard)
        raise
    return path


def _add(book: WorkbookWriter, rows: Rows, count: int) -> None:
    """Rows with which there are so many."""
    if count > MOST_SHEET_ROWS:
        raise InvalidValue(f"a workbook has {MOST_SHEET_ROWS:,} rows at most; take CSV", code="too_many_rows")
    for cells in rows:
        book.add(cells)
