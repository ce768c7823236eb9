"""The messages that callers left, as agents work through them.

Law: a step is one statement that names the state it starts from, so that of two who reach for a message one has it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, func, select, tuple_, update

from callcenter.app.message_box import MessageCount, MessageFilters
from callcenter.domain.ids import MessageId, QueueId
from callcenter.domain.messages import Message, MessageState
from callcenter.store import tables
from callcenter.store.database import Database
from callcenter.store.message_rows import message_from_row, with_caller


class StoredMessages:
    """Implements `callcenter.app.message_box.Messages`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def message(self, message_id: MessageId) -> Message | None:
        """One message."""
        query = with_caller().where(tables.messages.c.message_id == message_id)
        found = await self._database.look(lambda connection: _read(connection, query))
        return found[0] if found else None

    async def messages(
        self, filters: MessageFilters, *, limit: int, after: MessageId | None, newest_first: bool
    ) -> tuple[Message, ...]:
        """Those that fit, from the one after `after`."""
        return await self._database.look(lambda connection: _list(connection, filters, limit, after, newest_first))

    async def counts(self) -> tuple[MessageCount, ...]:
        """Of every queue that has messages not done: how many are new, and since when the oldest of those waits."""
        table = tables.messages
        query = (
            select(table.c.queue_id, func.count(), func.min(table.c.left_at))
            .where(table.c.state == MessageState.NEW)
            .group_by(table.c.queue_id)
        )
        rows = await self._database.look(lambda connection: connection.execute(query).all())
        return tuple(
            MessageCount(queue_id=QueueId(queue_id), new=new, oldest_at=oldest_at) for queue_id, new, oldest_at in rows
        )

    async def known_files(self, files: Sequence[str]) -> frozenset[str]:
        """Which of these files are messages that have their row."""
        table = tables.messages
        query = select(table.c.file).where(table.c.file.in_(files))
        return frozenset(await self._database.look(lambda connection: connection.execute(query).scalars().all()))

    async def move(self, before: Message, after: Message) -> bool:
        """Make a message what `after` says; False when it is not as `before` says any more."""
        table = tables.messages
        held_by = table.c.taken_by.is_(None) if before.taken_by is None else table.c.taken_by == before.taken_by
        step = (
            update(table)
            .where(table.c.message_id == before.message_id, table.c.state == before.state, held_by)
            .values(
                state=after.state,
                taken_by=after.taken_by,
                taken_at=after.taken_at,
                done_by=after.done_by,
                done_at=after.done_at,
                disposition=after.disposition,
                notes=after.notes,
            )
        )
        async with self._database.writing() as connection:
            return (await connection.execute(step)).rowcount == 1


def _list(
    connection: Connection, filters: MessageFilters, limit: int, after: MessageId | None, newest_first: bool
) -> tuple[Message, ...]:
    table = tables.messages
    query = with_caller()
    if filters.queues is not None:
        query = query.where(table.c.queue_id.in_(sorted(filters.queues)))
    if filters.states:
        query = query.where(table.c.state.in_(sorted(filters.states)))
    if filters.taken_by is not None:
        query = query.where(table.c.taken_by == filters.taken_by)
    if filters.customer_id is not None:
        query = query.where(tables.interactions.c.customer_id == filters.customer_id)
    if filters.interaction_id is not None:
        query = query.where(table.c.interaction_id == filters.interaction_id)
    place = tuple_(table.c.left_at, table.c.message_id)
    if after is not None:
        left_at = _left_at(connection, after)
        if left_at is None:
            return ()
        border = tuple_(left_at, after)
        query = query.where(place < border if newest_first else place > border)
    order = (table.c.left_at, table.c.message_id)
    query = query.order_by(*(column.desc() if newest_first else column for column in order))
    return _read(connection, query.limit(limit))


def _left_at(connection: Connection, message_id: MessageId) -> datetime | None:
    query = select(tables.messages.c.left_at).where(tables.messages.c.message_id == message_id)
    return connection.execute(query).scalar_one_or_none()


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Message, ...]:
    return tuple(message_from_row(row) for row in connection.execute(query).mappings().all())
