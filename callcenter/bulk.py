"""Imports and exports at the command line: a file in, or a file out, with progress, beside a server or without one."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from callcenter.app.customer_book import CustomerFilters
from callcenter.app.customer_export import Table, customer_pages, order_pages
from callcenter.app.import_records import ImportRecord, ImportState, faults_of
from callcenter.app.imports import Imports
from callcenter.app.sales_book import OrderFilters
from callcenter.clock import SystemClock
from callcenter.crm.import_columns import ColumnMapping
from callcenter.crm.import_fields import RecordKind
from callcenter.domain.errors import InvalidValue
from callcenter.importing.alone import ImportBusy
from callcenter.importing.files import FileSheets
from callcenter.importing.work import make_searchable, run_import
from callcenter.settings import Settings, make_data_directory
from callcenter.sheets.writing import WorkbookWriter, csv_parts
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_export import StoredIds
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.database import Database
from callcenter.store.imports import StoredImports
from callcenter.store.orders import StoredOrders
from callcenter.store.schema import check_schema

_A_PART = 1 << 20


class _NoWorker:
    """The command does the work itself."""

    async def run(self, import_id: str) -> bool:
        return False

    async def make_searchable(self) -> bool:
        return False

    async def tidy(self, is_known: Callable[[str], Awaitable[bool]], *, before: datetime) -> int:
        return 0


async def import_file(
    settings: Settings,
    path: Path,
    *,
    kind: RecordKind,
    mapping: Path | None,
    dry_run: bool,
    encoding: str | None,
    by: str,
    tell: Callable[[str], None],
) -> bool:
    """Take a file in, or try it; False when some of its rows are bad. Raises `InvalidValue` for a file or mapping."""
    await asyncio.to_thread(make_data_directory, settings)
    directory = settings.imports_directory
    async with _database(settings) as database:
        store = StoredImports(database)
        book = StoredCustomerBook(database)
        imports = Imports(
            store=store,
            sheets=FileSheets(),
            worker=_NoWorker(),
            book=book,
            clock=SystemClock(),
            directory=directory,
            region=settings.server.region,
            new_id=lambda: uuid.uuid4().hex,
        )
        record = await imports.upload(_parts(path), file_name=path.name, kind=kind, by=by)
        preview = await imports.preview(record.import_id, encoding=encoding)
        chosen = preview.mapping
        if mapping is not None:
            chosen = await asyncio.to_thread(read_mapping, mapping, preview.record.header)
        for cell, field in zip(preview.record.header, chosen.columns, strict=False):
            tell(f"column {cell!r}: {field or '-'}")
        tell(
            f"recognised by {chosen.key or 'nothing'}, ids of {chosen.source}; {preview.record.form.encoding or 'xlsx'}"
        )
        # It never waits, so that no server takes it up meanwhile.
        begun = await _begin(store, imports, record.import_id, chosen, dry_run=dry_run, by=by)
        try:
            ended = await run_import(
                database, directory, begun.import_id, region=settings.server.region, tell=_teller(tell)
            )
        except BaseException:
            left = await imports.find(begun.import_id)
            stopped = replace(left, state=ImportState.CANCELLED, ended_at=SystemClock().now(), cancelled_by=by)
            await store.put(stopped, expected=ImportState.RUNNING)
            raise
        for line in _result(ended, directory, dry_run=dry_run):
            tell(line)
        # A server in this directory may have begun with it: then it is that server's.
        with contextlib.suppress(ImportBusy):
            while owed := await store.customers_owed():
                tell(f"{owed:,} customers are being made searchable by parts of names and numbers")
                await make_searchable(database, directory)
    if ended.state is ImportState.FAILED:
        raise InvalidValue(ended.error or "the import failed")
    return ended.counts.bad == 0


async def _begin(
    store: StoredImports, imports: Imports, import_id: str, mapping: ColumnMapping, *, dry_run: bool, by: str
) -> ImportRecord:
    record = await imports.start(import_id, mapping, dry_run=dry_run, by=by)
    running = replace(record, state=ImportState.RUNNING)
    await store.put(running, expected=ImportState.WAITING)
    return running


def _teller(tell: Callable[[str], None]) -> Callable[[ImportRecord], None]:
    """A line a tenth of the file."""
    told = 0

    def heard(record: ImportRecord) -> None:
        nonlocal told
        if int(record.part * 10) > told and record.state is ImportState.RUNNING:
            told = int(record.part * 10)
            tell(f"{told * 10} %: {record.counts.rows:,} rows, {record.counts.bad:,} bad")

    return heard


def _result(record: ImportRecord, directory: Path, *, dry_run: bool) -> list[str]:
    counts = record.counts
    words = ("would be new", "would change") if dry_run else ("new", "changed")
    lines = [f"{counts.made:,} {words[0]}, {counts.changed:,} {words[1]}, {counts.same:,} the same, {counts.bad:,} bad"]
    if counts.bad:
        lines.append(f"bad rows with their reasons: {faults_of(directory, record.import_id)}")
    return lines


def read_mapping(path: Path, header: tuple[str, ...]) -> ColumnMapping:
    """A JSON file `{"columns": {"header": "field"}, "key": ..., "source": ...}`; raises `InvalidValue`."""
    wanted = 'a mapping looks like {"columns": {"姓名": "name", "Phone": "phone"}, "key": "phone", "source": "crm"}'
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidValue(f"{path}: is no JSON ({error}); {wanted}", code="invalid_mapping") from None
    if not isinstance(found, dict) or set(found) - {"columns", "key", "source", "currency"}:
        raise InvalidValue(f"{path}: {wanted}", code="invalid_mapping")
    columns, key, source = found.get("columns"), found.get("key"), found.get("source", "import")
    currency = found.get("currency")
    texts = isinstance(columns, dict) and all(isinstance(one, str | None) for one in columns.values())
    sound = isinstance(key, str | None) and isinstance(source, str) and isinstance(currency, str | None)
    if not isinstance(columns, dict) or not texts or not sound:
        raise InvalidValue(f"{path}: {wanted}", code="invalid_mapping")
    missing = [name for name in columns if name not in header]
    if missing:
        raise InvalidValue(
            f"{path}: the file has no column {missing[0]!r}; it has: {', '.join(header)}", code="invalid_mapping"
        )
    listed = tuple(columns.get(cell) for cell in header)
    return ColumnMapping(columns=listed, key=key, source=source, currency=currency)


async def export_file(settings: Settings, path: Path, *, kind: RecordKind, encoding: str, source: str) -> str:
    """Write all customers or orders into a file, by its ending as CSV or XLSX."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".xlsx") or encoding not in ("utf-8", "gb18030"):
        raise InvalidValue("the file's name ends in .csv or .xlsx, the encoding is utf-8 or gb18030")
    async with _database(settings) as database:
        ids = StoredIds(database)
        if kind is RecordKind.ORDERS:
            pages = order_pages(orders=StoredOrders(database), ids=ids, filters=OrderFilters(), source=source)
        else:
            pages = customer_pages(
                search=StoredCustomerSearch(database),
                ids=ids,
                book=StoredCustomerBook(database),
                text="",
                filters=CustomerFilters(),
                source=source,
            )
        count = await (_write_csv(pages, path, encoding) if ending == ".csv" else _write_workbook(pages, path, kind))
    return f"wrote {count - 1:,} {kind} to {path}"


async def _write_csv(pages: AsyncIterator[Table], path: Path, encoding: str) -> int:
    count = 0
    file = await asyncio.to_thread(path.open, "wb")
    try:
        async for page in pages:
            data = b"".join(csv_parts(page, encoding))
            await asyncio.to_thread(file.write, data if count == 0 else data.removeprefix("\ufeff".encode()))
            count += len(page)
    finally:
        await asyncio.to_thread(file.close)
    return count


async def _write_workbook(pages: AsyncIterator[Table], path: Path, kind: RecordKind) -> int:
    book, count = WorkbookWriter(kind, path.parent), 0
    async for page in pages:
        for cells in page:
            book.add(cells)
        count += len(page)
    await asyncio.to_thread(book.save, path)
    return count


async def _parts(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while part := await asyncio.to_thread(file.read, _A_PART):
            yield part


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url)
    try:
        await check_schema(database)
        yield database
    finally:
        await database.dispose()
