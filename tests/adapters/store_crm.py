"""Customers and what refers to them, for the tests of the customer store; and the whole of it as one value."""

import json
from collections.abc import Sequence

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import CustomerInput
from callcenter.domain.customers import (
    Channel,
    Consent,
    ConsentState,
    ContactPoint,
    ContactPointKind,
    Customer,
    CustomerKind,
)
from callcenter.domain.ids import CustomerId
from callcenter.store import best_offer_tables, crm_tables, sales_tables, tables
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.interaction_rows import write_interactions
from tests.adapters.store_calls import NOON, folded, whole_call


def phone(value: str, label: str = "") -> ContactPoint:
    return ContactPoint(kind=ContactPointKind.PHONE, value=value, label=label)


def mail(value: str) -> ContactPoint:
    return ContactPoint(kind=ContactPointKind.EMAIL, value=value)


def consent(channel: Channel, state: ConsentState) -> Consent:
    return Consent(channel=channel, state=state, at=NOON, by="1001", source="call")


async def make(
    database: Database,
    name: str,
    *points: ContactPoint,
    customer_id: str | None = None,
    kind: CustomerKind = CustomerKind.PERSON,
    tags: tuple[str, ...] = (),
    segment: str | None = None,
) -> Customer:
    """A customer; his id is his name where none is given."""
    data = CustomerInput(name=name, kind=kind, contact_points=points, tags=tags, segment=segment)
    return await StoredCustomers(database).create(CustomerId(customer_id or name), data, at=NOON, by="1001")


async def call_of(database: Database, name: str, customer_id: str, seconds: float = 0) -> None:
    """A call that has ended, of this customer."""
    async with database.writing() as connection:
        await write_interactions(connection, [folded(whole_call(name, seconds, customer=customer_id))])


WHOLE: Sequence[Table] = (
    tables.customers,
    tables.contact_points,
    tables.cases,
    best_offer_tables.best_offer_answers,
    crm_tables.customer_notes,
    crm_tables.tasks,
    crm_tables.memberships,
    crm_tables.told_apart,
    crm_tables.customer_terms,
    sales_tables.customer_numbers,
    sales_tables.orders,
    sales_tables.opportunities,
)
_MOVING = frozenset({"version", "updated_at"})


async def whole_store(database: Database) -> dict[str, list[str]]:
    """Everything about customers and whose the interactions are, without what moves with every change."""
    async with database.reading() as connection:
        found = {table.name: await _rows(connection, table) for table in WHOLE}
        query = tables.interactions.select().with_only_columns(
            tables.interactions.c.interaction_id, tables.interactions.c.customer_id
        )
        rows = (await connection.execute(query)).mappings().all()
        found["interactions"] = sorted(json.dumps(dict(row)) for row in rows)
    return found


async def _rows(connection: AsyncConnection, table: Table) -> list[str]:
    rows = (await connection.execute(table.select())).mappings().all()
    return sorted(repr({name: value for name, value in row.items() if name not in _MOVING}) for row in rows)
