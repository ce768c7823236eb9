"""The work of one import, and the process for it: reads a file, takes in its rows by batches, keeps how far it is.

Laws: a batch and how far the import is are one transaction, so whoever goes on after a crash does nothing twice; one
import runs at a time in a data directory; neither memory nor the time of a transaction grows with the file.
"""

import asyncio
import contextlib
import itertools
from asyncio.subprocess import Process
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.import_records import ImportCounts, ImportRecord, ImportState, faults_of, file_of
from callcenter.crm.import_columns import told_columns
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.import_orders import refused_with
from callcenter.crm.import_reasons import FaultCode, RowFault, Told
from callcenter.crm.import_rows import CustomerRow, OrderRow, RowReader
from callcenter.domain.errors import CallcenterError, NotFound
from callcenter.importing.alone import alone
from callcenter.importing.bad_rows import bad_row, bad_rows_header
from callcenter.importing.reading import BadRow, Batch, Reading, cells_of, read_ahead, ready_of
from callcenter.importing.seen import Seen, key_of
from callcenter.sheets.writing import plain
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_import import Crossed, ImportRules, plan, write
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable
from callcenter.store.imports import StoredImports, put_import
from callcenter.store.late_terms import write_late_terms
from callcenter.store.order_import import plan_orders, write_orders

log = structlog.get_logger(__name__)

ROWS_A_BATCH: Final = 4_000
"""On SQLite whoever writes waits for one batch's transaction, 0.1 s; smaller ones write the same pages more often."""
PROGRESS_SECONDS: Final = 1.0
"""Batches in which nothing is written tell how far they are so often."""
WRITE_WITHIN: Final = timedelta(seconds=30)
TRIES: Final = 30
PAUSE_SECONDS: Final = 2.0
REFUSED_TIMES: Final = 5


async def run_import(
    database: Database,
    directory: Path,
    import_id: str,
    *,
    region: str,
    tell: Callable[[ImportRecord], None] | None = None,
    rows_a_batch: int = ROWS_A_BATCH,
    beside: Process | None = None,
) -> ImportRecord:
    """Do the work of an import that runs, from behind its last batch to its end; `beside` as of `read_ahead`.

    Raises `ImportBusy` while another one is done; a file that cannot be read ends as failed.
    """
    record = await StoredImports(database).find(import_id)
    if record is None or record.mapping is None or record.state is not ImportState.RUNNING:
        raise NotFound(f"there is no import {import_id} that runs", code="unknown_import")
    with alone(directory):
        custom = {one.field_id: one for one in await StoredCustomerBook(database).custom_fields()}
        at, by = datetime.now(UTC), record.started_by or record.created_by
        work = _Work(database, directory, record, tell, beside)
        work.reading = Reading(
            path=str(file_of(directory, import_id)),
            form=record.form,
            header=record.header,
            mapping=record.mapping,
            region=region,
            custom=tuple(custom.values()),
            orders=record.kind is RecordKind.ORDERS,
            rows_a_batch=rows_a_batch,
            last_row=record.last_row,
            at=at,
            by=by,
            lines=not database.is_sqlite,
        )
        work.reader = work.reading.rows()
        key = record.mapping.key or ""
        work.rules = ImportRules(
            key=key,
            columns={
                field: cell
                for cell, field in zip(record.header, record.mapping.columns, strict=True)
                if field is not None
            },
            currency=record.mapping.currency,
            source=record.mapping.source,
            at=at,
            by=by,
            custom=custom,
        )
        try:
            return await work.run()
        except DatabaseUnreachable:
            raise
        except (CallcenterError, OSError) as error:
            code = error.code if isinstance(error, CallcenterError) else "import_file_lost"
            return await work.end(ImportState.FAILED, error=str(error), code=code)


async def make_searchable(database: Database, directory: Path) -> None:
    """Write search terms of customers who came without them, a round; raises `ImportBusy` while an import is done."""
    with alone(directory):
        await write_late_terms(database, directory)


class _Work:
    """One run over the file."""

    reading: Reading
    reader: RowReader
    rules: ImportRules

    def __init__(
        self,
        database: Database,
        directory: Path,
        record: ImportRecord,
        tell: Callable[[ImportRecord], None] | None,
        beside: Process | None,
    ) -> None:
        self._database = database
        self._beside = beside
        self._directory = directory
        self.record = record
        self._tell = tell
        self._faults = faults_of(directory, record.import_id)
        self._told_at = 0.0
        self._touched: dict[int, str] = {}

    async def run(self) -> ImportRecord:
        with contextlib.closing(Seen(self._directory / f"{self.record.import_id}.seen")) as seen:
            self._cut_faults()
            async with contextlib.aclosing(read_ahead(self.reading, self._beside)) as found:
                async for batch in found:
                    seen.note(batch.done)
                    if batch.last_row > self.record.last_row:
                        await self._take(batch, seen)
        return await self.end(ImportState.DONE)

    async def end(self, state: ImportState, *, error: str | None = None, code: str | None = None) -> ImportRecord:
        """Keep how it ended; a dry run leaves the import as it was brought, with what was counted."""
        now = datetime.now(UTC)
        if self.record.dry_run and state is ImportState.DONE:
            ended = replace(self.record, state=ImportState.UPLOADED, checked=self.record.counts, part=1.0, ended_at=now)
        else:
            part = 1.0 if state is ImportState.DONE else self.record.part
            ended = replace(self.record, state=state, error=error, error_code=code, part=part, ended_at=now)
        await StoredImports(self._database).put(ended, expected=ImportState.RUNNING)
        self.record = ended
        if self._tell is not None:
            self._tell(ended)
        return ended

    # ---- taking in

    async def _take(self, batch: Batch, seen: Seen) -> None:
        refused = {one.faults[0].row for one in batch.faults}
        twice = seen.twice(batch.orders or batch.customers)
        cells = cells_of(batch) if twice else {}
        for row, first in twice:
            fault = self._twice(row, first)
            batch.faults.append(BadRow(faults=[fault], cells=cells[row.row]))
            refused.add(row.row)
            if isinstance(row, OrderRow):
                batch.faults += [BadRow(faults=[one], cells=cells[one.row]) for one in refused_with(row, self.reader)]
        if refused:
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

    async def _store(self, batch: Batch, seen: Seen) -> None:
        def look(connection: Connection) -> tuple[list[RowFault], int, int, int, Callable[[Connection], None] | None]:
            if batch.orders:
                orders = plan_orders(connection, batch.orders, self.rules)
                store = (lambda on: write_orders(on, orders, self.rules)) if orders.writes else None
                bad = {one.row for one in orders.faults}
                for row in batch.orders:
                    if row.row in bad:
                        orders.faults += refused_with(row, self.reader)
                return orders.faults, len(orders.new), len(orders.changed), orders.same, store
            found = plan(connection, batch.customers, self.rules, lambda: ready_of(batch))
            twice = seen.customers_twice(found.touched)
            if twice:
                drop = {row for row, _ in twice}
                left = [one for one in batch.customers if one.row not in drop]
                found = plan(connection, left, self.rules, lambda: ready_of(batch))
                keys = {one.row: one.key for one in batch.customers}
                found.faults += [
                    self.reader.fault(row, keys[row], FaultCode.CUSTOMER_TWICE, {"row": first}) for row, first in twice
                ]
            self._touched = dict(found.touched)
            made = len(found.new) + len(found.odd)
            changed = len(batch.customers) - made - found.same - len({one.row for one in found.faults})
            write_it = (lambda on: write(on, found, self.rules, looked=at_once)) if found.writes else None
            return found.faults, made, changed, found.same, write_it

        self._touched = {}
        # With PostgreSQL nobody waits for a transaction that writes, so the look and the writing are one.
        at_once = not (self._database.is_sqlite or self.record.dry_run)
        begun = self._database.writing(WRITE_WITHIN) if at_once else self._database.reading()
        async with begun as connection:
            faults, made, changed, same, store = await connection.run_sync(look)
            after, tell = self._after(batch, faults, made=made, changed=changed, same=same)
            tell = tell or (store is not None and not self.record.dry_run)
            if at_once and tell:
                await self._keep(connection, store, after)
        if tell and not at_once:
            async with self._database.writing(WRITE_WITHIN) as connection:
                await self._keep(connection, None if self.record.dry_run else store, after)
        if tell:
            self._told_at = asyncio.get_running_loop().time()
        self.record = after
        seen.add_customers(self._touched)

    def _after(
        self, batch: Batch, faults: list[RowFault], *, made: int, changed: int, same: int
    ) -> tuple[ImportRecord, bool]:
        """How far the import is behind a batch, its bad rows written down; and whether that has to be kept now."""
        cells = cells_of(batch) if faults else {}
        groups = [
            *((one.faults, one.cells) for one in batch.faults),
            *((list(group), cells[row]) for row, group in _by_row(faults)),
        ]
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
        is_due = asyncio.get_running_loop().time() - self._told_at >= PROGRESS_SECONDS
        return after, bool(groups) or is_due

    async def _keep(
        self, connection: AsyncConnection, store: Callable[[Connection], None] | None, after: ImportRecord
    ) -> None:
        """What a batch comes to, and how far the import is, in one transaction."""
        if store is not None:
            await connection.run_sync(store)
        if not await put_import(connection, after, expected=ImportState.RUNNING):
            raise NotFound("the import was ended by somebody else", code="import_ended")

    def _twice(self, row: CustomerRow | OrderRow, first: int) -> RowFault:
        """An order by its number, a customer by what he is recognised by."""
        about: dict[str, Told] = {"row": first}
        if isinstance(row, OrderRow):
            return self.reader.order_fault(row.row, FaultCode.KEY_TWICE, about, value=row.number)
        return self.reader.fault(row.row, key_of(row), FaultCode.KEY_TWICE, about)

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
        # What was told of the rows of a file of bad rows is told anew.
        told = told_columns(self.record.header)
        text = "" if at else "\ufeff" + bad_rows_header(self.record.header[told:])
        for faults, cells in sorted(groups, key=lambda one: one[0][0].row):
            text += bad_row(faults, [plain(cell) for cell in cells[told:]])
        with self._faults.open("r+b") as file:
            file.truncate(at)
            file.seek(at)
            file.write(text.encode("utf-8", "replace"))
            return file.tell()


def _by_row(faults: Sequence[RowFault]) -> Iterator[tuple[int, Iterator[RowFault]]]:
    return itertools.groupby(sorted(faults, key=lambda one: one.row), key=lambda one: one.row)
