"""The access log in the store; rows are only added, and go when their time is over."""

from collections.abc import Sequence

from sqlalchemy import insert, or_, select

from callcenter.app.access_log import Access, AccessKind, AccessWanted
from callcenter.domain.ids import CustomerId, InteractionId
from callcenter.store import tables
from callcenter.store.database import Database
from callcenter.store.privacy_tables import accesses as table


class StoredAccesses:
    """Implements `callcenter.app.access_log.Accesses`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, lines: Sequence[Access]) -> None:
        """Keep these, in one transaction."""
        rows = [
            {
                "at": line.at,
                "by": line.by,
                "kind": line.kind,
                "customer_id": line.customer_id,
                "interaction_id": line.interaction_id,
                "detail": line.detail,
            }
            for line in lines
        ]
        if rows:
            async with self._database.writing() as connection:
                await connection.execute(insert(table), rows)

    async def accesses(self, wanted: AccessWanted, *, limit: int, before: int | None) -> tuple[Access, ...]:
        """The newest first; of one customer with those of whoever was merged into him."""
        query = select(table).order_by(table.c.access_id.desc()).limit(limit)
        if before is not None:
            query = query.where(table.c.access_id < before)
        if wanted.by is not None:
            query = query.where(table.c.by == wanted.by)
        if wanted.kind is not None:
            query = query.where(table.c.kind == wanted.kind)
        if wanted.since is not None:
            query = query.where(table.c.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(table.c.at < wanted.until)
        if wanted.customer_id is not None:
            merged = select(tables.customers.c.customer_id).where(tables.customers.c.merged_into == wanted.customer_id)
            query = query.where(or_(table.c.customer_id == wanted.customer_id, table.c.customer_id.in_(merged)))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            Access(
                access_id=row.access_id,
                at=row.at,
                by=row.by,
                kind=AccessKind(row.kind),
                customer_id=None if row.customer_id is None else CustomerId(row.customer_id),
                interaction_id=None if row.interaction_id is None else InteractionId(row.interaction_id),
                detail=row.detail,
            )
            for row in rows
        )
