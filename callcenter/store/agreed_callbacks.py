"""Callbacks agreed for a later time, until they wait in their queue."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Row, Select, and_, delete, insert, select, update

from callcenter.app.agreed_callbacks import ListedCallback
from callcenter.domain.agreed_callbacks import AgreedCallback, AgreedState
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId
from callcenter.store.agreed_tables import agreed_callbacks as table
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.encoding import without_surrogates
from callcenter.store.tables import customers

MOST = 500


class StoredAgreedCallbacks:
    """Implements `callcenter.app.agreed_callbacks.AgreedStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, callback: AgreedCallback) -> None:
        """Keep one, with its line in the audit log."""
        async with self._database.writing() as connection:
            await connection.execute(insert(table).values(_row(callback)))
            await add_audit(
                connection,
                at=callback.agreed_at,
                by=callback.agreed_by,
                action="callback_agreed",
                subject=callback.interaction_id,
                detail=f"{callback.queue_id} at {callback.at.isoformat()}",
            )

    async def replace(self, before: AgreedCallback, after: AgreedCallback, *, by: str, at: datetime) -> bool:
        """Change one that is still as it was read; False where it is not."""
        step = (
            update(table)
            .where(and_(table.c.interaction_id == before.interaction_id, table.c.version == before.version))
            .values(_row(after))
        )
        async with self._database.writing() as connection:
            if (await connection.execute(step)).rowcount != 1:
                return False
            detail = f"{before.queue_id} at {before.at.isoformat()} -> {after.queue_id} at {after.at.isoformat()}"
            if after.state is not before.state:
                detail = f"{before.state} -> {after.state}"
            await add_audit(
                connection, at=at, by=by, action="callback_changed", subject=before.interaction_id, detail=detail
            )
            return True

    async def take(self, interaction_id: InteractionId, *, by: str | None = None, at: datetime) -> bool:
        """Take one off; `by` is who withdrew it, None: it waits in its queue now. False where it was gone."""
        async with self._database.writing() as connection:
            gone = await connection.execute(delete(table).where(table.c.interaction_id == interaction_id))
            if gone.rowcount != 1:
                return False
            if by is not None:
                await add_audit(
                    connection, at=at, by=by, action="callback_withdrawn", subject=interaction_id, detail=""
                )
            return True

    async def one(self, interaction_id: InteractionId) -> AgreedCallback | None:
        """One of them."""
        found = await self._read(_all().where(table.c.interaction_id == interaction_id))
        return found[0].callback if found else None

    async def due(self, now: datetime) -> tuple[AgreedCallback, ...]:
        """Those whose time has come, the earliest first."""
        query = _all().where(and_(table.c.at <= now, table.c.state == AgreedState.AGREED.value)).limit(MOST)
        return tuple(one.callback for one in await self._read(query))

    async def of_number(self, number: str) -> AgreedCallback | None:
        """The one agreed for a number."""
        query = _all().where(and_(table.c.number == number, table.c.state == AgreedState.AGREED.value)).limit(1)
        found = await self._read(query)
        return found[0].callback if found else None

    async def listed(
        self, *, customer_id: CustomerId | None = None, by: str | None = None, agent_id: AgentId | None = None
    ) -> tuple[ListedCallback, ...]:
        """The earliest first: of a customer, or those that somebody agreed or is asked for first, or all."""
        query = _all().limit(MOST)
        if customer_id is not None:
            query = query.where(table.c.customer_id == customer_id)
        elif by is not None:
            his = table.c.agreed_by == by
            query = query.where(his if agent_id is None else his | (table.c.agent_id == agent_id))
        return tuple(await self._read(query))

    async def _read(self, query: "Select[tuple[object, ...]]") -> list[ListedCallback]:
        rows = await self._database.look(lambda connection: connection.execute(query).all())
        return [ListedCallback(callback=_callback(row), customer_name=row.name) for row in rows]


def _all() -> "Select[tuple[object, ...]]":
    join = table.outerjoin(customers, customers.c.customer_id == table.c.customer_id)
    return select(*table.c, customers.c.name).select_from(join).order_by(table.c.at, table.c.interaction_id)


def _row(callback: AgreedCallback) -> Mapping[str, object]:
    return {
        "interaction_id": callback.interaction_id,
        "number": callback.number,
        "customer_id": callback.customer_id,
        "queue_id": callback.queue_id,
        "at": callback.at,
        "note": without_surrogates(callback.note),
        "agreed_by": callback.agreed_by,
        "agreed_at": callback.agreed_at,
        "agent_id": callback.agent_id,
        "origin_id": callback.origin_id,
        "state": callback.state.value,
        "version": callback.version,
    }


def _callback(row: Row[tuple[object, ...]]) -> AgreedCallback:
    return AgreedCallback(
        interaction_id=InteractionId(row.interaction_id),
        number=row.number,
        customer_id=CustomerId(row.customer_id) if row.customer_id is not None else None,
        queue_id=QueueId(row.queue_id),
        at=row.at,
        note=row.note,
        agreed_by=row.agreed_by,
        agreed_at=row.agreed_at,
        agent_id=AgentId(row.agent_id) if row.agent_id is not None else None,
        origin_id=InteractionId(row.origin_id) if row.origin_id is not None else None,
        state=AgreedState(row.state),
        version=row.version,
    )
