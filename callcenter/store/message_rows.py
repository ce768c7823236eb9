"""Messages as rows of their table, written with the interactions in which they were left.

Law: a message has one row, however often it is told of; whose work it is, is never overwritten here.
"""

from collections.abc import Iterable

from sqlalchemy import Select, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MessageId, QueueId
from callcenter.domain.interactions import Interaction
from callcenter.domain.messages import Message, MessageState, message_id_of
from callcenter.domain.numbers import Number
from callcenter.store import tables
from callcenter.store.upsert import upsert_into


async def write_messages(connection: AsyncConnection, records: Iterable[Interaction]) -> None:
    """The rows of the messages that these interactions say were left."""
    rows = [
        {
            "message_id": message_id_of(left.file),
            "interaction_id": record.interaction_id,
            "queue_id": left.queue_id,
            "file": left.file,
            "seconds": left.seconds,
            "left_at": left.left_at,
            "state": MessageState.NEW,
            "notes": "",
        }
        for record in records
        for left in record.given.messages
    ]
    if rows:
        # Who records his message again has left the later one.
        latest = {row["message_id"]: row for row in rows}
        upsert = upsert_into(connection, tables.messages, only=("seconds", "left_at"))
        await connection.execute(upsert, list(latest.values()))


def with_caller() -> Select[tuple[object, ...]]:
    """The messages with what the interaction and its customer tell of who left them."""
    calls, customers = tables.interactions, tables.customers
    return select(
        *tables.messages.c,
        calls.c.ani_raw,
        calls.c.ani_e164,
        calls.c.ani_national,
        calls.c.ani_region,
        calls.c.ani_withheld,
        calls.c.caller_name,
        calls.c.language,
        calls.c.customer_id,
        customers.c.name.label("customer_name"),
    ).select_from(
        tables.messages.join(calls, calls.c.interaction_id == tables.messages.c.interaction_id).outerjoin(
            customers, customers.c.customer_id == calls.c.customer_id
        )
    )


def message_from_row(row: RowMapping) -> Message:
    """One row of `with_caller`."""
    return Message(
        message_id=MessageId(row["message_id"]),
        interaction_id=InteractionId(row["interaction_id"]),
        queue_id=QueueId(row["queue_id"]),
        file=row["file"],
        seconds=row["seconds"],
        left_at=row["left_at"],
        state=MessageState(row["state"]),
        taken_by=None if row["taken_by"] is None else AgentId(row["taken_by"]),
        taken_at=row["taken_at"],
        done_by=row["done_by"],
        done_at=row["done_at"],
        disposition=row["disposition"],
        notes=row["notes"],
        ani=Number(
            raw=row["ani_raw"],
            e164=row["ani_e164"],
            national=row["ani_national"],
            region=row["ani_region"],
            withheld=row["ani_withheld"],
        ),
        caller_name=row["caller_name"],
        language=row["language"],
        customer_id=None if row["customer_id"] is None else CustomerId(row["customer_id"]),
        customer_name=row["customer_name"],
    )
