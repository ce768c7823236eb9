"""The history of changes: who changed what of a customer, his cases and tasks, with the values before and after."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.customer_book import Change, FieldChange
from callcenter.domain.cases import CaseState
from callcenter.domain.hooks import HookFact, HookValue
from callcenter.domain.ids import CustomerId
from callcenter.store import tables
from callcenter.store.crm_tables import customer_changes
from callcenter.store.encoding import decode_json, encode_json
from callcenter.store.hook_facts import event_of_change, note_facts


def differences(before: object | None, after: object, names: Iterable[str]) -> tuple[FieldChange, ...]:
    """The fields of these names that differ; without `before` those that hold anything."""
    if before is None:
        held = [(name, getattr(after, name)) for name in names]
        return tuple([FieldChange(field=name, before=None, after=new) for name, new in held if new])
    found = []
    for name in names:
        old, new = getattr(before, name, None), getattr(after, name)
        if old != new:
            found.append(FieldChange(field=name, before=old, after=new))
    return tuple(found)


async def add_change(
    connection: AsyncConnection,
    *,
    customer_id: CustomerId,
    at: datetime,
    by: str,
    entity: str,
    entity_id: str,
    action: str,
    fields: Sequence[FieldChange] = (),
    told: Mapping[str, HookValue] | None = None,
) -> None:
    """Append one line, in the transaction of what it tells of; whoever has a web hook for such a change is told.

    `told` is what web hooks hear besides who changed which fields of whom: codes, ids and figures.
    """
    row = {
        "customer_id": customer_id,
        "at": at,
        "by": by,
        "entity": entity,
        "entity_id": entity_id,
        "action": action,
        "fields": encode_json(tuple(fields)),
    }
    await connection.execute(insert(customer_changes), [row])
    closes = any(change.field == "state" and change.after == CaseState.CLOSED for change in fields)
    event = event_of_change(entity, action, closes=closes)
    if event is not None:
        data: dict[str, HookValue] = {"customer_id": customer_id, "by": by}
        if entity != "customer":
            data[f"{entity}_id"] = entity_id
        data |= told or {}
        data["fields"] = tuple(change.field for change in fields)
        await note_facts(connection, (HookFact(event=event, at=at, data=data),))


def family_of(connection: Connection, customer_id: CustomerId) -> tuple[str, ...]:
    """The customer, and whoever was merged into him: the lines of history stay with whom they were written for."""
    merged = select(tables.customers.c.customer_id).where(tables.customers.c.merged_into == customer_id)
    return (customer_id, *connection.execute(merged).scalars())


def read_changes(
    connection: Connection, customer_id: CustomerId, *, limit: int, before: int | None
) -> tuple[Change, ...]:
    """The newest first: the customer's, and those of whoever was merged into him."""
    table = customer_changes
    mine = table.c.customer_id.in_(family_of(connection, customer_id))
    query = table.select().where(mine).order_by(table.c.change_id.desc()).limit(limit)
    if before is not None:
        query = query.where(table.c.change_id < before)
    return tuple(
        Change(
            change_id=row.change_id,
            customer_id=CustomerId(row.customer_id),
            at=row.at,
            by=row.by,
            entity=row.entity,
            entity_id=row.entity_id,
            action=row.action,
            fields=decode_json(row.fields, tuple[FieldChange, ...]),
        )
        for row in connection.execute(query).all()
    )
