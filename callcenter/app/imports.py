"""Imports: files of customers and orders that people bring, looked at, tried and then taken in, one at a time.

Laws: good rows go in and bad ones into a file with their reasons; an import that was cut off goes on behind the last
batch that is in the database; the same file again changes nothing.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import structlog

from callcenter.app.customer_book import CustomerBook
from callcenter.app.ports import Clock
from callcenter.crm.custom_fields import CustomField
from callcenter.crm.import_columns import (
    ColumnMapping,
    InvalidMapping,
    RecordKind,
    check_mapping,
    fields_of,
    guess,
    signature,
)
from callcenter.crm.import_rows import RowFault, RowReader
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


class ImportState(StrEnum):
    """How far an import is."""

    UPLOADED = "uploaded"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportForm:
    """How the file is read; `encoding` and `delimiter` are of CSV alone."""

    format: str
    codec: str = ""
    encoding: str = ""
    delimiter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """What became of the rows."""

    made: int = 0
    changed: int = 0
    same: int = 0
    bad: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.made + self.changed + self.same + self.bad


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord:
    """One import; `part` says how much of the file is read, 0 to 1; `checked` is what the last dry run counted."""

    import_id: str
    number: int = 0
    kind: RecordKind
    file_name: str
    size_bytes: int
    created_at: datetime
    created_by: str
    state: ImportState = ImportState.UPLOADED
    dry_run: bool = False
    form: ImportForm
    header: tuple[str, ...]
    mapping: ColumnMapping | None = None
    started_at: datetime | None = None
    started_by: str | None = None
    ended_at: datetime | None = None
    cancelled_by: str | None = None
    error: str | None = None
    part: float = 0.0
    last_row: int = 0
    counts: ImportCounts = field(default_factory=ImportCounts)
    faults_bytes: int = 0
    checked: ImportCounts | None = None
    has_file: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a file looks like, and what its first rows would come to by this mapping."""

    record: ImportRecord
    rows: tuple[tuple[str, ...], ...]
    mapping: ColumnMapping
    remembered: bool
    fields: tuple[str, ...]
    custom_fields: tuple[CustomField, ...]
    faults: tuple[RowFault, ...]
    mapping_fault: str | None = None
    examined_rows: int = 0


class ImportStore(Protocol):
    """What is kept of imports."""

    async def add(self, record: ImportRecord) -> ImportRecord:
        """Keep a new one; it gets its number."""
        ...

    async def find(self, import_id: str) -> ImportRecord | None:
        """One of them."""
        ...

    async def list(self, *, limit: int, before: int | None) -> tuple[ImportRecord, ...]:
        """The newest first, those before this number."""
        ...

    async def in_state(self, state: ImportState) -> tuple[ImportRecord, ...]:
        """Those in a state, the one that was started first first."""
        ...

    async def put(self, record: ImportRecord, *, expected: ImportState) -> bool:
        """Keep it as it is now, unless it is in another state than expected; its audit is written where the state
        changes."""
        ...

    async def customers_owed(self) -> int:
        """How many customers are not found by parts of their names and numbers yet."""
        ...

    async def remembered(self, sign: str) -> ColumnMapping | None:
        """The mapping of files with such columns."""
        ...

    async def remember(self, sign: str, mapping: ColumnMapping, *, at: datetime, by: str) -> None:
        """Use this mapping for files with such columns from now on."""
        ...

    async def ended_before(self, at: datetime) -> tuple[ImportRecord, ...]:
        """Those that have files still and neither wait nor run, and ended or were brought before then."""
        ...


class Sheets(Protocol):
    """Reads files; blocks, so it is called in a thread. Raises `InvalidValue`."""

    def examine(self, path: Path, *, encoding: str | None, delimiter: str | None) -> ImportForm:
        """How it is to be read."""
        ...

    def first_rows(self, path: Path, form: ImportForm, count: int) -> tuple[tuple[int, list[str]], ...]:
        """So many rows from the beginning, each with its number; the header is the first."""
        ...

    def plain(self, cell: str) -> str:
        """A cell without what was put before it so that it is no formula."""
        ...


class ImportWorker(Protocol):
    """Does the work of an import in a process of its own, so that calls do not wait for it."""

    async def run(self, import_id: str) -> bool:
        """To the end; False when it could not begin, because another one runs. Cancelling ends it at once."""
        ...

    async def make_searchable(self) -> bool:
        """Have some of the customers found by parts of their names and numbers; False when it could not be done."""
        ...

    async def tidy(self, is_known: Callable[[str], Awaitable[bool]], *, before: datetime) -> int:
        """Delete what killed processes left; files of no import that `is_known` only where they are older."""
        ...


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
            form, header = await asyncio.to_thread(self._look, path, None, None)
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
    ) -> Preview:
        """What is in the file, by the mapping given, remembered or guessed; another encoding is kept with it."""
        record = await self._with_file(import_id)
        if encoding is not None or delimiter is not None:
            if record.state is not ImportState.UPLOADED:
                raise Conflict("the import has begun; its encoding cannot be changed", code="import_begun")
            path = file_of(self._directory, import_id)
            form, header = await asyncio.to_thread(self._look, path, encoding, delimiter)
            record = replace(record, form=form, header=header, checked=None)
            await self._store.put(record, expected=ImportState.UPLOADED)
        custom = tuple(one for one in await self._book.custom_fields() if not one.retired)
        known = None if mapping is not None else record.mapping
        if mapping is None and known is None:
            known = await self._store.remembered(signature(record.kind, record.header))
        chosen = mapping or known or guess(record.kind, record.header, custom)
        found = await asyncio.to_thread(self._examined, record, chosen, custom)
        return replace(found, remembered=known is not None)

    def _look(self, path: Path, encoding: str | None, delimiter: str | None) -> tuple[ImportForm, tuple[str, ...]]:
        form = self._sheets.examine(path, encoding=encoding, delimiter=delimiter)
        first = self._sheets.first_rows(path, form, 2)
        if not first:
            raise InvalidValue("the file has no rows", code="sheet_empty")
        if len(first) == 1:
            raise InvalidValue("the file has a header and nothing below it", code="sheet_empty")
        return form, tuple(cell.strip()[:200] for cell in first[0][1])

    def _examined(self, record: ImportRecord, mapping: ColumnMapping, custom: Sequence[CustomField]) -> Preview:
        path = file_of(self._directory, record.import_id)
        below = self._sheets.first_rows(path, record.form, EXAMINED_ROWS + 1)[1:]
        mapping_fault, faults = None, []
        try:
            check_mapping(record.kind, record.header, mapping, custom)
        except InvalidMapping as error:
            mapping_fault = str(error)
        else:
            orders = record.kind is RecordKind.ORDERS
            reader = RowReader(
                record.header, mapping, region=self._region, plain=self._sheets.plain, custom=custom, orders=orders
            )
            for number, cells in below:
                read = reader.order(number, cells) if orders else reader.customer(number, cells)
                if isinstance(read, list):
                    faults += read
                if len(faults) >= SHOWN_FAULTS:
                    break
        return Preview(
            record=record,
            rows=tuple(tuple(cell[:200] for cell in cells) for _, cells in below[:PREVIEWED_ROWS]),
            mapping=mapping,
            remembered=False,
            fields=fields_of(record.kind, custom),
            custom_fields=tuple(custom),
            faults=tuple(faults[:SHOWN_FAULTS]),
            mapping_fault=mapping_fault,
            examined_rows=len(below),
        )

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
        await self._store.remember(signature(record.kind, record.header), mapping, at=now, by=by)
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

    async def faults_file(self, import_id: str) -> Path:
        """The bad rows with their reasons, as CSV; `NotFound` without any."""
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
            await self._fail(import_id, "the process that does the work has died again and again; its log says why")
            return True
        finally:
            self._running, self._work, self._cancelled_by = None, None, None

    async def _close(self, import_id: str) -> None:
        record = await self.find(import_id)
        by = self._cancelled_by
        ended = replace(record, state=ImportState.CANCELLED, ended_at=self._clock.now(), cancelled_by=by)
        await self._store.put(ended, expected=ImportState.RUNNING)

    async def _fail(self, import_id: str, reason: str) -> None:
        record = await self.find(import_id)
        ended = replace(record, state=ImportState.FAILED, ended_at=self._clock.now(), error=reason)
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


def file_of(directory: Path, import_id: str) -> Path:
    """Where the file of an import is."""
    return directory / f"{import_id}.data"


def faults_of(directory: Path, import_id: str) -> Path:
    """Where its bad rows are."""
    return directory / f"{import_id}.bad.csv"


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
