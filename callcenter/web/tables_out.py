"""A table as a file: CSV or XLSX, written row by row, with who took it out in the audit log."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from callcenter.domain.errors import InvalidValue
from callcenter.sheets.writing import MOST_SHEET_ROWS, WorkbookWriter, csv_parts
from callcenter.web.access import Principal
from callcenter.web.dependencies import WebDependencies

Format = Literal["csv", "xlsx"]
Rows = list[list[str]]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ANY_TABLE: dict[int | str, dict[str, object]] = {200: {"content": {"text/csv": {}, XLSX: {}}}}
_MARK = "\ufeff".encode()


async def table_out(
    pages: AsyncIterator[Rows], name: str, wanted: Format, principal: Principal, deps: WebDependencies
) -> Response:
    """The pages, the header first, as a file to keep; what cannot be asked is refused before the first byte."""
    now = deps.clock.now()
    first = await anext(pages)
    await deps.audit.audit(at=now, by=principal.user.name, action="figures_exported", subject=name, detail=wanted)
    file_name = f"{name}-{now:%Y%m%d-%H%M}.{wanted}"
    if wanted == "xlsx":
        path = await _workbook(first, pages, name[:30])
        return FileResponse(
            path, media_type=XLSX, filename=file_name, background=BackgroundTask(path.unlink, missing_ok=True)
        )
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(_csv(first, pages), media_type="text/csv; charset=utf-8", headers=headers)


async def _csv(first: Rows, pages: AsyncIterator[Rows]) -> AsyncIterator[bytes]:
    yield _encoded(first)
    async for page in pages:
        if page:
            yield (await asyncio.to_thread(_encoded, page)).removeprefix(_MARK)


def _encoded(rows: Rows) -> bytes:
    return b"".join(csv_parts(rows, "utf-8"))


async def _workbook(first: Rows, pages: AsyncIterator[Rows], name: str) -> Path:
    book = await asyncio.to_thread(WorkbookWriter, name)
    await asyncio.to_thread(_add, book, first)
    count = len(first)
    async for page in pages:
        count += len(page)
        if count > MOST_SHEET_ROWS:
            raise InvalidValue(f"a workbook has {MOST_SHEET_ROWS:,} rows at most; take CSV", code="too_many_rows")
        await asyncio.to_thread(_add, book, page)
    with tempfile.NamedTemporaryFile(prefix="callcenter-export-", suffix=".xlsx", delete=False) as file:
        path = Path(file.name)
    try:
        await asyncio.to_thread(book.save, path)
    except BaseException:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise
    return path


def _add(book: WorkbookWriter, rows: Rows) -> None:
    for cells in rows:
        book.add(cells)
