"""The work of one import, and the process for it: reads a file, takes in its rows by batches, keeps how far it is.

Laws: a batch and how far the import is are one transaction, so whoever goes on after a crash does nothing twice; one
import runs at a time in a data directory; neither memory nor the time of a transaction grows with the file.
"""

import asyncio
import contextlib
import fcntl
import itertools
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection

from callcenter.app.imports import ImportCounts, ImportForm, ImportRecord, ImportState, faults_of, file_of
from callcenter.crm.import_columns import RecordKind
from callcenter.crm.import_rows import CustomerRow, OrderRow, RowFault, RowReader
from callcenter.domain.errors import CallcenterError, NotFound
from callcenter.sheets.reading import Place, SheetForm, SheetFormat, examine, rows
from callcenter.sheets.writing import csv_line, plain
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_import import Crossed, ImportRules, plan, write
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable
from callcenter.store.imports import StoredImports, put_import
from callcenter.store.order_import import plan_orders, write_orders

log = structlog.get_logger(__name__)

ROWS_A_BATCH: Final = 500
"""On SQLite whoever writes waits for one batch's transaction: some tens of milliseconds."""
PROGRESS_BATCHES: Final = 20
"""A batch in which nothing is written tells how far it is every so often."""
TRIES: Final = 30
PAUSE_SECONDS: Final = 2.0
REFUSED_TIMES: Final = 5
NICE: Final = 10
FAULT_COLUMNS: Final = ("row", "column", "value", "reason", "wanted")
EXIT_BUSY: Final = 75
_BYTES_HELD: Final = 8_000


class ImportBusy(CallcenterError):
    """Another import of this data directory runs."""

    code = "import_busy"


class FileSheets:
    """Implements `callcenter.app.imports.Sheets`."""

    def examine(self, path: Path, *, encoding: str | None, delimiter: str | None) -> ImportForm:
        """How it is to be read."""
        form = examine(path, encoding=encoding, delimiter=delimiter)
        return ImportForm(format=form.format, codec=form.codec, encoding=form.encoding, delimiter=form.delimiter)

    def first_rows(self, path: Path, form: ImportForm, count: int) -> tuple[tuple[int, list[str]], ...]:
        """So many rows from the beginning."""
        place = Place()
        found = rows(path, sheet_form(form), place)
        return tuple((place.row, cells) for cells in itertools.islice(found, count))

    def plain(self, cell: str) -> str:
        """A cell without what was put before it so that it is no formula."""
        return plain(cell)


def sheet_form(form: ImportForm) -> SheetForm:
    """As the reader of sheets knows it."""
    return SheetForm(
        format=SheetFormat(form.format), codec=form.codec, encoding=form.encoding, delimiter=form.delimiter
    )


@dataclass(slots=True)
class _Batch:
    """Rows that were read: what they say, what is wrong with others, and where the last one stood."""

    customers: list[CustomerRow]
    orders: list[OrderRow]
    faults: list[tuple[list[RowFault], list[str]]]
    cells: dict[int, list[str]]
    last_row: int
    part: float


async def run_import(
    database: Database,
    directory: Path,
    import_id: str,
    *,
    region: str,
    tell: Callable[[ImportRecord], None] | None = None,
    rows_a_batch: int = ROWS_A_BATCH,
) -> ImportRecord:
    """Do the work of an import that runs, from behind its last batch to its end.

    Raises `ImportBusy` while another one is done; a file that cannot be read ends as failed.
    """
    record = await StoredImports(database).find(import_id)
    if record is None or record.mapping is None or record.state is not ImportState.RUNNING:
        raise NotFound(f"there is no import {import_id} that runs", code="unknown_import")
    with _alone(directory):
        custom = {one.field_id: one for one in await StoredCustomerBook(database).custom_fields()}
        work = _Work(database, directory, record, region, rows_a_batch, tell)
        work.reader = RowReader(
            record.header,
            record.mapping,
            region=region,
            plain=plain,
            custom=tuple(custom.values()),
            orders=record.kind is RecordKind.ORDERS,
        )
        key = record.mapping.key or ""
        work.rules = ImportRules(
            key=key,
            key_column=record.header[record.mapping.columns.index(key)],
            source=record.mapping.source,
            at=datetime.now(UTC),
            by=record.started_by or record.created_by,
            custom=custom,
        )
        try:
            return await work.run()
        except DatabaseUnreachable:
            raise
        except (CallcenterError, OSError) as error:
            return await work.end(ImportState.FAILED, error=str(error))


class _Work:
    """One run over the file."""

    reader: RowReader
    rules: ImportRules

    def __init__(
        self,
        database: Database,
        directory: Path,
        record: ImportRecord,
        region: str,
        rows_a_batch: int,
        tell: Callable[[ImportRecord], None] | None,
    ) -> None:
        self._database = database
        self._directory = directory
        self.record = record
        self._region = region
        self._rows_a_batch = rows_a_batch
        self._tell = tell
        self._faults = faults_of(directory, record.import_id)
        self._unwritten = 0
        self._touched: dict[int, str] = {}

    async def run(self) -> ImportRecord:
        with contextlib.closing(_Seen(self._directory / f"{self.record.import_id}.seen")) as seen:
            self._cut_faults()
            for batch in self._batches(seen):
                await self._take(batch, seen)
        return await self.end(ImportState.DONE)

    async def end(self, state: ImportState, *, error: str | None = None) -> ImportRecord:
        """Keep how it ended; a dry run leaves the import as it was brought, with what was counted."""
        now = datetime.now(UTC)
        if self.record.dry_run and state is ImportState.DONE:
            ended = replace(self.record, state=ImportState.UPLOADED, checked=self.record.counts, part=1.0, ended_at=now)
        else:
            part = 1.0 if state is ImportState.DONE else self.record.part
            ended = replace(self.record, state=state, error=error, part=part, ended_at=now)
        await StoredImports(self._database).put(ended, expected=ImportState.RUNNING)
        self.record = ended
        if self._tell is not None:
            self._tell(ended)
        return ended

    # ---- reading

    def _batches(self, seen: "_Seen") -> Iterator[_Batch]:
        """Batches behind the last row that is done; of the rows before it only the keys are read."""
        place = Place()
        found = rows(file_of(self._directory, self.record.import_id), sheet_form(self.record.form), place)
        next(found, None)
        orders = self.record.kind is RecordKind.ORDERS
        batch = _Batch([], [], [], {}, self.record.last_row, self.record.part)
        count = 0
        for cells in found:
            read = self.reader.order(place.row, cells) if orders else self.reader.customer(place.row, cells)
            if place.row <= self.record.last_row:
                if not isinstance(read, list):
                    seen.note(read)
                continue
            if isinstance(read, list):
                batch.faults.append((read, cells))
            else:
                batch.cells[place.row] = cells
                if isinstance(read, OrderRow):
                    batch.orders.append(read)
                else:
                    batch.customers.append(read)
            count += 1
            batch.last_row, batch.part = place.row, place.part
            if count == self._rows_a_batch:
                yield batch
                batch, count = _Batch([], [], [], {}, place.row, place.part), 0
        if count:
            batch.part = 1.0
            yield batch

    # ---- taking in

    async def _take(self, batch: _Batch, seen: "_Seen") -> None:
        refused = {one[0].row for one, _ in batch.faults}
        said: list[CustomerRow] | list[OrderRow] = batch.orders or batch.customers
        for row, first in seen.twice(said):
            fault = self.reader.fault(row.row, _key(row), "key_twice", f"stands in row {first} already", "each once")
            batch.faults.append(([fault], batch.cells[row.row]))
            refused.add(row.row)
        batch.customers = [one for one in batch.customers if one.row not in refused]
        batch.orders = [one for one in batch.orders if one.row not in refused]
        for tried in range(TRIES):
            try:
                await self._store(batch, seen)
            except Crossed:
                if tried + 1 == REFUSED_TIMES:
                    raise DatabaseUnreachable("others change the same customers all the time") from None
            except DatabaseUnreachable:
                # Somebody else writes for long, or the database is away: it is worth some waiting.
                if tried + 1 == TRIES:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                break
        if self._tell is not None:
            self._tell(self.record)

    async def _store(self, batch: _Batch, seen: "_Seen") -> None:
        def look(connection: Connection) -> tuple[list[RowFault], int, int, int, Callable[[Connection], None] | None]:
            if batch.orders:
                orders = plan_orders(connection, batch.orders, self.rules)
                store = (lambda on: write_orders(on, orders, self.rules)) if orders.writes else None
                return orders.faults, len(orders.new), len(orders.changed), orders.same, store
            found = plan(connection, batch.customers, self.rules)
            twice = seen.customers_twice(found.touched)
            if twice:
                drop = {row for row, _ in twice}
                found = plan(connection, [one for one in batch.customers if one.row not in drop], self.rules)
                keys = {one.row: one.key for one in batch.customers}
                found.faults += [
                    self.reader.fault(
                        row, keys[row], "customer_twice", f"is the customer of row {first}", "one row each"
                    )
                    for row, first in twice
                ]
            self._touched = dict(found.touched)
            changed = len(batch.customers) - len(found.new) - found.same - len({one.row for one in found.faults})
            write_it = (lambda on: write(on, found, self.rules)) if found.writes else None
            return found.faults, len(found.new), changed, found.same, write_it

        self._touched = {}
        async with self._database.reading() as connection:
            faults, made, changed, same, store = await connection.run_sync(look)
        groups = [*batch.faults, *((list(group), batch.cells[row]) for row, group in _by_row(faults))]
        end = self._write_faults(groups)
        counts = self.record.counts
        after = replace(
            self.record,
            last_row=batch.last_row,
            part=batch.part,
            faults_bytes=end,
            counts=ImportCounts(
                made=counts.made + made,
                changed=counts.changed + changed,
                same=counts.same + same,
                bad=counts.bad + len(groups),
            ),
        )
        self._unwritten += 1
        if (store is not None and not self.record.dry_run) or groups or self._unwritten >= PROGRESS_BATCHES:
            async with self._database.writing(within=timedelta(seconds=30)) as connection:
                if store is not None and not self.record.dry_run:
                    await connection.run_sync(store)
                if not await put_import(connection, after, expected=ImportState.RUNNING):
                    raise NotFound("the import was ended by somebody else", code="import_ended")
            self._unwritten = 0
        self.record = after
        seen.add_customers(self._touched)

    # ---- bad rows

    def _cut_faults(self) -> None:
        """What was written behind the last batch that is in the database will be written again."""
        self._faults.parent.mkdir(parents=True, exist_ok=True)
        with self._faults.open("ab") as file:
            file.truncate(self.record.faults_bytes)

    def _write_faults(self, groups: Sequence[tuple[list[RowFault], list[str]]]) -> int:
        """Behind those that are known to be there; returns how long the file is then."""
        at = self.record.faults_bytes
        if not groups:
            return at
        text = "" if at else "\ufeff" + csv_line([*FAULT_COLUMNS, *self.record.header])
        for faults, cells in sorted(groups, key=lambda one: one[0][0].row):
            text += csv_line(
                [
                    str(faults[0].row),
                    "; ".join(one.column for one in faults),
                    "; ".join(one.value for one in faults),
                    "; ".join(f"{one.column}: {one.wrong}" for one in faults),
                    "; ".join(one.wanted for one in faults),
                    *(plain(cell) for cell in cells),
                ]
            )
        with self._faults.open("r+b") as file:
            file.truncate(at)
            file.seek(at)
            file.write(text.encode("utf-8", "replace"))
            return file.tell()


def _by_row(faults: Sequence[RowFault]) -> Iterator[tuple[int, Iterator[RowFault]]]:
    return itertools.groupby(sorted(faults, key=lambda one: one.row), key=lambda one: one.row)


def _key(row: CustomerRow | OrderRow) -> str:
    return row.number if isinstance(row, OrderRow) else row.key


class _Seen:
    """Which keys and customers stood in earlier rows, and in which: on the disk, for they may be a million."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._file = sqlite3.connect(path)
        self._file.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000;"
            "CREATE TABLE seen (name TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;"
        )
        self._noted: list[tuple[str, int]] = []

    def note(self, row: CustomerRow | OrderRow) -> None:
        """A row that is done already."""
        self._noted += [(name, row.row) for name in _names(row)]
        if len(self._noted) >= _BYTES_HELD:
            self._flush()

    def twice(self, said: Sequence[CustomerRow] | Sequence[OrderRow]) -> list[tuple[CustomerRow | OrderRow, int]]:
        """Rows of keys that stood in an earlier row; those of the others are kept."""
        self._flush()
        names = {row.row: _names(row) for row in said}
        there = self._find([one for listed in names.values() for one in listed])
        found: list[tuple[CustomerRow | OrderRow, int]] = []
        for row in said:
            first = there.get(f"k:{_key(row)}")
            if first is not None:
                found.append((row, first))
                continue
            for name in names[row.row]:
                there.setdefault(name, row.row)
                self._noted.append((name, row.row))
        self._flush()
        return found

    def customers_twice(self, touched: Mapping[int, str]) -> list[tuple[int, int]]:
        """Rows about customers whom an earlier row was about."""
        there = self._find([f"c:{one}" for one in touched.values()])
        return [(row, there[f"c:{one}"]) for row, one in touched.items() if f"c:{one}" in there]

    def add_customers(self, touched: Mapping[int, str]) -> None:
        """Keep whom rows were about."""
        self._noted += [(f"c:{one}", row) for row, one in touched.items()]
        self._flush()

    def close(self) -> None:
        """Forget all."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _find(self, names: Sequence[str]) -> dict[str, int]:
        query = "SELECT name, row FROM seen WHERE name IN (SELECT value FROM json_each(?))"
        return dict(self._file.execute(query, (json.dumps(list(names)),)).fetchall())

    def _flush(self) -> None:
        if self._noted:
            self._file.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", self._noted)
            self._file.commit()
            self._noted = []


def _names(row: CustomerRow | OrderRow) -> list[str]:
    """What must not stand in another row: the key, and with a key among contact points all of that kind."""
    if isinstance(row, OrderRow):
        return [f"k:{row.number}"]
    points = [point.value for point in row.points] if any(point.value == row.key for point in row.points) else []
    return [f"k:{one}" for one in dict.fromkeys((row.key, *points))]


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Nobody else imports in this directory; the system lets go of it when a process dies."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ImportBusy("another import runs; wait for its end, or cancel it") from None
        yield


# ---- the process


class ImportProcess:
    """Implements `callcenter.app.imports.ImportWorker`: a process of its own, so that calls keep theirs."""

    def __init__(self, *, database_url: str, directory: Path, region: str) -> None:
        self._job = {"database_url": database_url, "directory": str(directory.absolute()), "region": region}

    async def run(self, import_id: str) -> bool:
        """To the end of the process; False when another import runs. Cancelling ends the process."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "callcenter.importing",
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            # By a pipe: what stands in the command line everybody on the machine can read, a password too.
            await process.communicate(json.dumps({**self._job, "import_id": import_id}).encode())
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        if process.returncode not in (0, EXIT_BUSY):
            log.error("import_process_ended", import_id=import_id, status=process.returncode)
            await asyncio.sleep(PAUSE_SECONDS)
        return process.returncode != EXIT_BUSY


async def _work(job: dict[str, str]) -> int:
    database = Database(job["database_url"], pool_size=2)
    try:
        await run_import(database, Path(job["directory"]), job["import_id"], region=job["region"])
    except ImportBusy:
        return EXIT_BUSY
    finally:
        await database.dispose()
    return 0


def main() -> int:
    """Do the job that stands in standard input; calls on the same machine come first."""
    os.nice(NICE)
    job: dict[str, str] = json.loads(sys.stdin.read())
    return asyncio.run(_work(job))


if __name__ == "__main__":
    sys.exit(main())
