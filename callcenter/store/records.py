"""The reading side for interactions, their events and the agents' states."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import AgentStatus
from callcenter.domain.agents import AgentState, Phone, PhoneKind
from callcenter.domain.errors import NotFound
from callcenter.domain.events import Event, Outcome
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Interaction
from callcenter.store import tables
from callcenter.store.database import Database
from callcenter.store.encoding import decode_event
from callcenter.store.errors import UnknownEvent
from callcenter.store.interaction_rows import ended_among, read_interactions
from callcenter.store.upsert import upsert_into

log = structlog.get_logger(__name__)


class StoredRecords:
    """Implements `callcenter.app.ports.Records`; what the journal still holds in its spill is not seen here yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_interactions(self) -> tuple[Interaction, ...]:
        """Interactions without an end, the oldest first."""
        table = tables.interactions
        query = table.select().where(table.c.ended_at.is_(None)).order_by(table.c.started_at, table.c.interaction_id)
        async with self._database.reading() as connection:
            return await read_interactions(connection, query)

    async def interaction(self, interaction_id: InteractionId) -> Interaction | None:
        """One interaction."""
        query = tables.interactions.select().where(tables.interactions.c.interaction_id == interaction_id)
        async with self._database.reading() as connection:
            found = await read_interactions(connection, query)
        return found[0] if found else None

    async def interactions(
        self,
        *,
        limit: int,
        before: InteractionId | None = None,
        customer_id: CustomerId | None = None,
        agent_id: AgentId | None = None,
        queue_id: QueueId | None = None,
        outcomes: Sequence[Outcome] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Interaction, ...]:
        """Newest first, older than `before` (else `NotFound`), begun from `since` on and before `until`."""
        table = tables.interactions
        order = tuple_(table.c.started_at, table.c.interaction_id)
        query = table.select().order_by(table.c.started_at.desc(), table.c.interaction_id.desc()).limit(limit)
        if customer_id is not None:
            query = query.where(table.c.customer_id == customer_id)
        if agent_id is not None:
            query = query.where(table.c.agent_id == agent_id)
        if queue_id is not None:
            query = query.where(table.c.queue_id == queue_id)
        if outcomes:
            query = query.where(table.c.outcome.in_(outcomes))
        if since is not None:
            query = query.where(table.c.started_at >= since)
        if until is not None:
            query = query.where(table.c.started_at < until)
        async with self._database.reading() as connection:
            if before is not None:
                query = query.where(order < tuple_(await _started_at(connection, before), before))
            return await read_interactions(connection, query)

    async def timeline(self, interaction_id: InteractionId) -> tuple[Event, ...]:
        """The interaction's events in the order they were written."""
        table = tables.events
        query = select(table.c.name, table.c.data).where(table.c.interaction_id == interaction_id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(table.c.event_id))).all()
        return _decoded([(row.name, row.data) for row in rows])

    async def events_since(self, since: datetime) -> tuple[Event, ...]:
        """All events at or after `since`, in the order they were written."""
        table = tables.events
        query = select(table.c.name, table.c.data).where(table.c.at >= since).order_by(table.c.event_id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return _decoded([(row.name, row.data) for row in rows])

    async def known_interactions(self, ids: Sequence[InteractionId]) -> frozenset[InteractionId]:
        """Which of these ids have a record that has ended."""
        async with self._database.reading() as connection:
            return await ended_among(connection, ids)

    async def agent_statuses(self) -> tuple[AgentStatus, ...]:
        """What is kept of every agent who has signed in at least once."""
        table = tables.agents
        query = table.select().where(table.c.state.is_not(None)).order_by(table.c.agent_id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            AgentStatus(
                agent_id=AgentId(row.agent_id),
                state=AgentState(row.state),
                reason=row.reason,
                since=row.since,
                ready_since=row.ready_since,
                wrap_up_until=row.wrap_up_until,
                after_call=AgentState(row.after_call) if row.after_call is not None else None,
                after_call_reason=row.after_call_reason,
                interaction_id=InteractionId(row.interaction_id) if row.interaction_id is not None else None,
                offer_id=OfferId(row.offer_id) if row.offer_id is not None else None,
                queue_id=QueueId(row.queue_id) if row.queue_id is not None else None,
                phone=Phone(kind=PhoneKind(row.phone_kind), address=row.phone_address),
                misses=row.misses,
            )
            for row in rows
        )

    async def bookmark(self, name: str) -> str | None:
        """A remembered position in something that is read bit by bit."""
        query = select(tables.bookmarks.c.value).where(tables.bookmarks.c.name == name)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def set_bookmark(self, name: str, value: str) -> None:
        """Remember a position."""
        async with self._database.writing() as connection:
            await connection.execute(upsert_into(connection, tables.bookmarks), [{"name": name, "value": value}])


async def _started_at(connection: AsyncConnection, interaction_id: InteractionId) -> datetime:
    table = tables.interactions
    query = select(table.c.started_at).where(table.c.interaction_id == interaction_id)
    found: datetime | None = (await connection.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"there is no interaction {interaction_id} to page from", code="unknown_interaction")
    return found


def _decoded(rows: Sequence[tuple[str, bytes]]) -> tuple[Event, ...]:
    """The events the program knows; one it does not (written by another version) is passed over, and said so."""
    found: list[Event] = []
    for name, data in rows:
        try:
            found.append(decode_event(name, data))
        except UnknownEvent as error:
            log.warning("journal.unknown_event", cause=str(error))
    return tuple(found)
