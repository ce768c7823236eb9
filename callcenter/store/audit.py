"""The audit log: who did what, and when; rows are only ever added, and read in pages."""

from datetime import datetime

from sqlalchemy import insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.audit_log import AuditLine, AuditWanted
from callcenter.store import tables
from callcenter.store.database import Database


async def add_audit(
    connection: AsyncConnection, *, at: datetime, by: str, action: str, subject: str, detail: str = ""
) -> None:
    """Append one line, in the transaction of what it tells of."""
    row = {"at": at, "by": by, "action": action, "subject": subject, "detail": detail}
    await connection.execute(insert(tables.audit), [row])


class StoredAudit:
    """Implements `callcenter.app.audit_log.AuditBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(self, wanted: AuditWanted, *, limit: int) -> tuple[AuditLine, ...]:
        """The newest of the lines that fit, the newest first."""
        table = tables.audit
        query = table.select().order_by(table.c.audit_id.desc()).limit(limit)
        if wanted.by is not None:
            query = query.where(table.c.by == wanted.by)
        if wanted.action is not None:
            query = query.where(table.c.action == wanted.action)
        if wanted.about:
            part = wanted.about
            query = query.where(
                or_(table.c.subject.icontains(part, autoescape=True), table.c.detail.icontains(part, autoescape=True))
            )
        if wanted.since is not None:
            query = query.where(table.c.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(table.c.at < wanted.until)
        if wanted.before is not None:
            query = query.where(table.c.audit_id < wanted.before)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            AuditLine(
                number=row.audit_id, at=row.at, by=row.by, action=row.action, subject=row.subject, detail=row.detail
            )
            for row in rows
        )

    async def actions(self) -> tuple[str, ...]:
        """Everything that was ever done, by name."""
        query = select(tables.audit.c.action).distinct().order_by(tables.audit.c.action)
        async with self._database.reading() as connection:
            return tuple((await connection.execute(query)).scalars())
