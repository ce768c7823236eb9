"""Imports: files of customers and orders that people bring, looked at, tried and then taken in, one at a time.

Laws: good rows go in and bad ones into a file with their reasons; an import that was cut off goes on behind the last
batch that is in the database; the same file again changes nothing.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from callcenter.app.customer_book import CustomerBook
from callcenter.app.import_records import (
    ImportCounts,
    ImportForm,
    ImportRecord,
    ImportState,
    ImportStore,
    ImportWorker,
    Preview,
    Sheets,
    faults_of,
    file_of,
)
from callcenter.app.ports import Clock
from callcenter.crm.custom_fields import CustomField
from callcenter.crm.import_columns import (
    ColumnMapping,
    InvalidMapping,
    check_mapping,
    column_names,
    guess,
    has_no_header,
    labels_of,
    signature,
    told_columns,
)
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.import_orders import order_groups
from callcenter.crm.import_reasons import RowFault
from callcenter.crm.import_rows import RowReader
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound, Overloaded

log = structlog.get_logger(__name__)

LARGEST_FILE_BYTES: Final = 512 * 1024 * 1024
MOST_WAITING: Final = 5
UPLOADS_WITHIN: Final = timedelta(hours=1)
"""A file without a record to which nobody has written for so long is left of an upload that was cut off."""
UPLOADS_AT_ONCE: Final = 2
PREVIEWED_ROWS: Final = 20
EXAMINED_ROWS: Final = 1_000
SHOWN_FAULTS: Final = 20
KEPT_FOR: Final = timedelta(days=30)
"""Files, after their import has ended; the record of it stays."""
LOOK_EVERY: Final = timedelta(seconds=5)
MOST_TRIES: Final = 5
CURRENCIES: Final[Mapping[str, str]] = {
    "CN": "CNY",
    "HK": "HKD",
    "MO": "MOP",
    "TW": "TWD",
    "SG": "SGD",
    "JP": "JPY",
    "KR": "KRW",
    "MY": "MYR",
    "US": "USD",
    "CA": "CAD",
    "AU": "AUD",
    "NZ": "NZD",
    "GB": "GBP",
    "CH": "CHF",
    "IN": "INR",
    "TH": "THB",
    **dict.fromkeys(("DE", "AT", "FR", "IT", "ES", "NL", "BE", "IE", "PT", "FI", "GR", "LU", "SK", "SI"), "EUR"),
}
"""What is paid with in the server's region: proposed for orders that do not tell."""


class Imports:
    """Brings files in; `run` is owned by one task."""

    def __init__(
        self,
        *,
        store: ImportStore,
        sheets: Sheets,
        worker: ImportWorker,
        book: CustomerBook,
        clock: Clock,
        directory: Path,
        region: str,
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._sheets = sheets
        self._worker = worker
        self._book = book
        self._clock = clock
        self._directory = directory
        self._region = region
        self._new_id = new_id
        self._uploads = 0
        self._wake = asyncio.Event()
        self._running: str | None = None
        self._work: asyncio.Task[bool] | None = None
        self._cancelled_by: str | None = None
        self._swept: datetime | None = None

    # ---- files

    async def upload(self, parts: AsyncIterable[bytes], *, file_name: str, kind: RecordKind, by: str) -> ImportRecord:
        """Keep a file as it comes; `InvalidValue` for one that is no table, `Overloaded` for too many at once."""
        if self._uploads >= UPLOADS_AT_ONCE:
            raise Overloaded("others bring files just now; try again in a minute", code="too_many_uploads")
        self._uploads += 1
        import_id = self._new_id()
        path = file_of(self._directory, import_id)
        try:
            size = await _receive(parts, path)
            form, header = await asyncio.to_thread(self._look, path, kind, None, None, None)
            record = ImportRecord(
                import_id=import_id,
                kind=kind,
                file_name=file_name,
                size_bytes=size,
                created_at=self._clock.now(),
                created_by=by,
                form=form,
                header=header,
            )
            return await self._store.add(record)
        except BaseException:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise
        finally:
            self._uploads -= 1

    async def preview(
        self,
        import_id: str,
        *,
        mapping: ColumnMapping | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        has_header: bool | None = None,
    ) -> Preview:
        """What is in the file, by the mapping given, remembered or guessed; how it is to be read otherwise is kept."""
        record = await self._with_file(import_id)
        custom = tuple(one for one in await self._book.custom_fields() if not one.retired)
        if encoding is not None or delimiter is not None or has_header is not None:
            if record.state in (ImportState.WAITING, ImportState.RUNNING):
                raise Conflict("the import has begun; how it is read cannot be changed", code="import_begun")
            path = file_of(self._directory, import_id)
            was = record.form
            form, header = await asyncio.to_thread(
                self._look,
                path,
                record.kind,
                encoding or was.encoding or None,
                delimiter or was.delimiter or None,
                was.has_header if has_header is None else has_header,
            )
            record = replace(record, form=form, header=header, mapping=None, checked=None)
            await self._store.put(record, expected=record.state)
        known = None if mapping is not None else record.mapping
        if mapping is None and known is None:
            known = await self._remembered(record)
        found = await asyncio.to_thread(self._examined, record, mapping or known, custom)
        return replace(found, remembered=known is not None)

    async def _remembered(self, record: ImportRecord) -> ColumnMapping | None:
        """What was chosen for files with these columns, of which a file of bad rows has some more in front."""
        if not record.form.has_header:
            return None
        found = await self._store.remembered(signature(record.kind, record.header))
        told = told_columns(record.header)
        return None if found is None else replace(found, columns=(*(None,) * told, *found.columns))

    def _look(
        self, path: Path, kind: RecordKind, encoding: str | None, delimiter: str | None, has_header: bool | None
    ) -> tuple[ImportForm, tuple[str, ...]]:
        form = self._sheets.examine(path, encoding=encoding, delimiter=delimiter)
        first = self._sheets.first_rows(path, form, 2)
        if not first:
            raise InvalidValue("the file has no rows", code="sheet_empty")
        cells = first[0][1]
        if has_header is None:
            has_header = not has_no_header(kind, cells)
        if has_header and len(first) == 1:
            raise InvalidValue("the file has a header and nothing below it", code="sheet_only_header")
        header = tuple(cell.strip()[:200] for cell in cells) if has_header else column_names(len(cells))
        return replace(form, has_header=has_header), header

    def _examined(self, record: ImportRecord, chosen: ColumnMapping | None, custom: Sequence[CustomField]) -> Preview:
        path = file_of(self._directory, record.import_id)
        above = 1 if record.form.has_header else 0
        below = self._sheets.first_rows(path, record.form, EXAMINED_ROWS + above)[above:]
        mapping = chosen or self._guess(record, custom, [cells for _, cells in below])
        mapping_fault, faults = None, list[RowFault]()
        try:
            check_mapping(record.kind, record.header, mapping, custom)
        except InvalidMapping as error:
            mapping_fault = error.said
        else:
            orders = record.kind is RecordKind.ORDERS
            reader = RowReader(
                record.header, mapping, region=self._region, plain=self._sheets.plain, custom=custom, orders=orders
            )
            whole = len(below) < EXAMINED_ROWS
            for found in _faults_of_orders(below, reader, whole) if orders else _faults_of_customers(below, reader):
                faults += found
                if len(faults) >= SHOWN_FAULTS:
                    break
        return Preview(
            record=record,
            rows=tuple(tuple(cell[:200] for cell in cells) for _, cells in below[:PREVIEWED_ROWS]),
            mapping=mapping,
            remembered=False,
            fields=labels_of(record.kind, custom),
            faults=tuple(faults[:SHOWN_FAULTS]),
            mapping_fault=mapping_fault,
            examined_rows=len(below),
        )

    def _guess(
        self, record: ImportRecord, custom: Sequence[CustomField], rows: Sequence[Sequence[str]]
    ) -> ColumnMapping:
        found = guess(record.kind, record.header, custom, rows)
        currency = CURRENCIES.get(self._region) if record.kind is RecordKind.ORDERS else None
        return replace(found, currency=currency)

    # ---- orders

    async def start(self, import_id: str, mapping: ColumnMapping, *, dry_run: bool, by: str) -> ImportRecord:
        """Let it wait for its turn; `InvalidValue` for the mapping, `Conflict` when it has begun, `Overloaded`."""
        record = await self._with_file(import_id)
        again = record.state in (ImportState.DONE, ImportState.CANCELLED, ImportState.FAILED)
        if record.state is not ImportState.UPLOADED and not again:
            raise Conflict(f"import {record.number} is {record.state} already", code="import_begun")
        check_mapping(record.kind, record.header, mapping, await self._book.custom_fields())
        if len(await self._store.in_state(ImportState.WAITING)) >= MOST_WAITING:
            raise Overloaded(
                f"{MOST_WAITING} imports wait already; try again when one has ended", code="too_many_imports"
            )
        now = self._clock.now()
        if record.form.has_header:
            own = replace(mapping, columns=mapping.columns[told_columns(record.header) :])
            await self._store.remember(signature(record.kind, record.header), own, at=now, by=by)
        begun = replace(
            record,
            state=ImportState.WAITING,
            dry_run=dry_run,
            mapping=mapping,
            started_at=now,
            started_by=by,
            ended_at=None,
            cancelled_by=None,
            error=None,
            error_code=None,
            part=0.0,
            last_row=0,
            counts=ImportCounts(),
            faults_bytes=0,
        )
        if not await self._store.put(begun, expected=record.state):
            raise Conflict("somebody else has started it just now", code="import_begun")
        self._wake.set()
        return begun

    async def cancel(self, import_id: str, *, by: str) -> ImportRecord:
        """End it; what is in the database stays there."""
        record = await self.find(import_id)
        if record.state is ImportState.WAITING:
            ended = replace(record, state=ImportState.CANCELLED, ended_at=self._clock.now(), cancelled_by=by)
            if await self._store.put(ended, expected=ImportState.WAITING):
                return ended
            record = await self.find(import_id)
        if record.state is not ImportState.RUNNING or self._running != import_id or self._work is None:
            raise Conflict(f"import {record.number} is {record.state}; nothing is to be cancelled", code="import_ended")
        self._cancelled_by = by
        work = self._work
        work.cancel()
        await asyncio.wait({work})
        await self._close(import_id)
        return await self.find(import_id)

    async def find(self, import_id: str) -> ImportRecord:
        """One import; `NotFound`."""
        record = await self._store.find(import_id)
        if record is None:
            raise NotFound(f"there is no import {import_id}", code="unknown_import")
        return record

    async def list(self, *, limit: int, before: int | None) -> tuple[ImportRecord, ...]:
        """The newest first."""
        return await self._store.list(limit=limit, before=before)

    async def customers_owed(self) -> int:
        """How many customers are not found by parts of their names and numbers yet."""
        return await self._store.customers_owed()

    async def bad_rows(self, import_id: str, language: str) -> AsyncIterator[bytes]:
        """The bad rows with their reasons in a language, as CSV in parts; `NotFound` without any."""
        path = await self._faults_file(import_id)
        parts = self._sheets.bad_rows(path, language)
        first = await asyncio.to_thread(next, parts, b"")

        async def everything() -> AsyncIterator[bytes]:
            part = first
            while part:
                yield part
                part = await asyncio.to_thread(next, parts, b"")

        return everything()

    async def _faults_file(self, import_id: str) -> Path:
        record = await self.find(import_id)
        path = faults_of(self._directory, import_id)
        if record.faults_bytes == 0 or not await asyncio.to_thread(path.is_file):
            raise NotFound(f"import {record.number} has no bad rows, or their file is gone", code="no_bad_rows")
        return path

    async def _with_file(self, import_id: str) -> ImportRecord:
        record = await self.find(import_id)
        if not record.has_file or not await asyncio.to_thread(file_of(self._directory, import_id).is_file):
            raise Conflict("the file is gone: bring it again", code="file_gone")
        return record

    # ---- the task

    async def run(self) -> None:
        """Do what waits, one after the other, until cancelled; first what an earlier server was cut off in."""
        while True:
            self._wake.clear()
            try:
                await self.turn()
                await self._sweep()
            except (CallcenterError, OSError) as error:
                log.warning("imports_not_looked_at", error=str(error))
            try:
                async with asyncio.timeout(LOOK_EVERY.total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def turn(self) -> None:
        """Do what waits now; then have some of those who came searchable, and look again where more are left."""
        if not await self._imports_in_turn() or not await self._store.customers_owed():
            return
        # Imports come first, and in between: a round of this takes less than half a minute.
        if await self._worker.make_searchable() and await self._store.customers_owed():
            self._wake.set()

    async def _imports_in_turn(self) -> bool:
        cut_off = await self._store.in_state(ImportState.RUNNING)
        waiting = await self._store.in_state(ImportState.WAITING)
        for record in (*cut_off, *waiting):
            if record.state is ImportState.WAITING:
                running = replace(record, state=ImportState.RUNNING)
                if not await self._store.put(running, expected=ImportState.WAITING):
                    continue
            if not await self._work_on(record.import_id):
                if record.state is ImportState.WAITING:
                    back = await self.find(record.import_id)
                    await self._store.put(replace(back, state=ImportState.WAITING), expected=ImportState.RUNNING)
                return False
        return True

    async def _work_on(self, import_id: str) -> bool:
        """False when it could not begin; a process that dies is begun again, some times."""
        self._running = import_id
        try:
            for _ in range(MOST_TRIES):
                self._work = asyncio.create_task(self._worker.run(import_id), name="import")
                try:
                    done = await asyncio.shield(self._work)
                except asyncio.CancelledError:
                    if self._cancelled_by is not None and self._work.cancelled():
                        return True
                    self._work.cancel()
                    await asyncio.wait({self._work})
                    raise
                if not done:
                    return False
                if (await self.find(import_id)).state is not ImportState.RUNNING:
                    return True
            await self._fail(
                import_id, "the process that does the work has died again and again; its log says why", "import_died"
            )
            return True
        finally:
            self._running, self._work, self._cancelled_by = None, None, None

    async def _close(self, import_id: str) -> None:
        record = await self.find(import_id)
        by = self._cancelled_by
        ended = replace(record, state=ImportState.CANCELLED, ended_at=self._clock.now(), cancelled_by=by)
        await self._store.put(ended, expected=ImportState.RUNNING)

    async def _fail(self, import_id: str, reason: str, code: str) -> None:
        record = await self.find(import_id)
        ended = replace(record, state=ImportState.FAILED, ended_at=self._clock.now(), error=reason, error_code=code)
        await self._store.put(ended, expected=ImportState.RUNNING)

    async def _sweep(self) -> None:
        """Delete the files of imports that ended long ago."""
        now = self._clock.now()
        if self._swept is not None and now - self._swept < timedelta(hours=1):
            return
        self._swept = now
        for record in await self._store.ended_before(now - KEPT_FOR):
            for path in (file_of(self._directory, record.import_id), faults_of(self._directory, record.import_id)):
                await asyncio.to_thread(path.unlink, missing_ok=True)
            await self._store.put(replace(record, has_file=False, faults_bytes=0), expected=record.state)
        await self._worker.tidy(self._is_known, before=now - UPLOADS_WITHIN)

    async def _is_known(self, import_id: str) -> bool:
        return await self._store.find(import_id) is not None


def _faults_of_customers(below: Iterable[tuple[int, list[str]]], reader: RowReader) -> Iterator[list[RowFault]]:
    for number, cells in below:
        read = reader.customer(number, cells)
        if isinstance(read, list):
            yield read


def _faults_of_orders(
    below: Sequence[tuple[int, list[str]]], reader: RowReader, whole: bool
) -> Iterator[list[RowFault]]:
    for group in order_groups(below, reader):
        # The last one may go on behind what was looked at.
        if whole or group.rows[-1] != below[-1]:
            yield from group.faults


async def _receive(parts: AsyncIterable[bytes], path: Path) -> int:
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    file = await asyncio.to_thread(path.open, "wb")
    size = 0
    try:
        async for part in parts:
            size += len(part)
            if size > LARGEST_FILE_BYTES:
                raise InvalidValue(
                    f"the file has more than {LARGEST_FILE_BYTES // 1024**2} MB; divide it", code="file_too_large"
                )
            await asyncio.to_thread(file.write, part)
    finally:
        await asyncio.to_thread(file.close)
    return size
