"""Imports in the store: their records, and the mappings that are remembered."""

from datetime import datetime
from typing import Final

from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.import_records import ImportCounts, ImportRecord, ImportState
from callcenter.crm.import_columns import ColumnMapping
from callcenter.crm.import_fields import RecordKind
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.import_tables import import_mappings
from callcenter.store.import_tables import imports as table
from callcenter.store.late_terms import customers_owed
from callcenter.store.upsert import upsert_into

_BUSY = (ImportState.WAITING, ImportState.RUNNING)
MOST_ENDED: Final = 1_000


class StoredImports:
    """Implements `callcenter.app.import_records.ImportStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: ImportRecord) -> ImportRecord:
        """Keep a new one; it gets its number."""
        last = select(func.coalesce(func.max(table.c.number), 0) + 1).scalar_subquery()
        async with self._database.writing() as connection:
            row = {
                "import_id": record.import_id,
                "number": last,
                "kind": record.kind,
                "file_name": record.file_name,
                "size_bytes": record.size_bytes,
                "created_at": record.created_at,
                "created_by": record.created_by,
                **_row(record),
            }
            await connection.execute(table.insert().values(row))
            await add_audit(
                connection,
                at=record.created_at,
                by=record.created_by,
                action="import_uploaded",
                subject=record.import_id,
            )
            query = table.select().where(table.c.import_id == record.import_id)
            return record_of((await connection.execute(query)).one())

    async def find(self, import_id: str) -> ImportRecord | None:
        """One of them."""
        async with self._database.reading() as connection:
            row = (await connection.execute(table.select().where(table.c.import_id == import_id))).one_or_none()
        return None if row is None else record_of(row)

    async def list(self, *, limit: int, before: int | None) -> tuple[ImportRecord, ...]:
        """The newest first."""
        query = table.select().order_by(table.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(table.c.number < before)
        async with self._database.reading() as connection:
            return tuple(record_of(row) for row in (await connection.execute(query)).all())

    async def in_state(self, state: ImportState) -> tuple[ImportRecord, ...]:
        """The one that was started first first."""
        query = table.select().where(table.c.state == state).order_by(table.c.started_at, table.c.number)
        async with self._database.reading() as connection:
            return tuple(record_of(row) for row in (await connection.execute(query)).all())

    async def put(self, record: ImportRecord, *, expected: ImportState) -> bool:
        """Keep it as it is now, unless it is in another state than expected."""
        async with self._database.writing() as connection:
            return await put_import(connection, record, expected=expected)

    async def customers_owed(self) -> int:
        """How many customers are not found by parts of their names yet."""
        async with self._database.reading() as connection:
            return await connection.run_sync(customers_owed)

    async def remembered(self, sign: str) -> ColumnMapping | None:
        """The mapping of files with such columns."""
        query = select(import_mappings.c.mapping).where(import_mappings.c.signature == sign)
        async with self._database.reading() as connection:
            found: ColumnMapping | None = (await connection.execute(query)).scalar_one_or_none()
        return found

    async def remember(self, sign: str, mapping: ColumnMapping, *, at: datetime, by: str) -> None:
        """Use this mapping for files with such columns from now on."""
        row = {"signature": sign, "mapping": mapping, "at": at, "by": by}
        async with self._database.writing() as connection:
            await connection.execute(upsert_into(connection, import_mappings), [row])

    async def ended_before(self, at: datetime, *, after: str = "") -> tuple[ImportRecord, ...]:
        """A thousand of those with files that neither wait nor run, behind the import `after`."""
        over = or_(table.c.ended_at < at, table.c.ended_at.is_(None) & (table.c.created_at < at))
        query = table.select().where(table.c.has_file, table.c.state.not_in(_BUSY), over, table.c.import_id > after)
        query = query.order_by(table.c.import_id).limit(MOST_ENDED)
        async with self._database.reading() as connection:
            return tuple(record_of(row) for row in (await connection.execute(query)).all())


async def put_import(connection: AsyncConnection, record: ImportRecord, *, expected: ImportState) -> bool:
    """As `StoredImports.put`, in somebody's transaction; a change of the state is in the audit log."""
    mine = update(table).where(table.c.import_id == record.import_id, table.c.state == expected)
    if (await connection.execute(mine.values(_row(record)))).rowcount != 1:
        return False
    told = {
        ImportState.WAITING: (record.started_at, record.started_by),
        ImportState.CANCELLED: (record.ended_at, record.cancelled_by),
        ImportState.DONE: (record.ended_at, record.started_by),
        ImportState.FAILED: (record.ended_at, record.started_by),
    }
    at, by = told.get(record.state, (None, None))
    if at is not None and record.state is not expected:
        counts = record.counts
        detail = f"{record.kind}: {counts.made} new, {counts.changed} changed, {counts.same} same, {counts.bad} bad"
        action = f"import_{'check_' if record.dry_run else ''}{record.state}"
        await add_audit(connection, at=at, by=by or "", action=action, subject=record.import_id, detail=detail)
    return True


def record_of(row: Row[tuple[object, ...]]) -> ImportRecord:
    """A row as its record."""
    return ImportRecord(
        import_id=row.import_id,
        number=row.number,
        kind=RecordKind(row.kind),
        file_name=row.file_name,
        size_bytes=row.size_bytes,
        created_at=row.created_at,
        created_by=row.created_by,
        state=ImportState(row.state),
        dry_run=row.dry_run,
        form=row.form,
        header=row.header,
        mapping=row.mapping,
        started_at=row.started_at,
        started_by=row.started_by,
        ended_at=row.ended_at,
        cancelled_by=row.cancelled_by,
        error=row.error,
        error_code=row.error_code,
        part=row.part,
        last_row=row.last_row,
        counts=ImportCounts(made=row.made, changed=row.changed, same=row.same, bad=row.bad),
        faults_bytes=row.faults_bytes,
        checked=row.checked,
        has_file=row.has_file,
    )


def _row(record: ImportRecord) -> dict[str, object]:
    """What changes."""
    return {
        "state": record.state,
        "dry_run": record.dry_run,
        "form": record.form,
        "header": record.header,
        "mapping": record.mapping,
        "started_at": record.started_at,
        "started_by": record.started_by,
        "ended_at": record.ended_at,
        "cancelled_by": record.cancelled_by,
        "error": record.error,
        "error_code": record.error_code,
        "part": record.part,
        "last_row": record.last_row,
        "made": record.counts.made,
        "changed": record.counts.changed,
        "same": record.counts.same,
        "bad": record.counts.bad,
        "faults_bytes": record.faults_bytes,
        "checked": record.checked,
        "has_file": record.has_file,
    }
