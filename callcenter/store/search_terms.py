"""The terms customers are found by: written with each customer, and made anew when the program makes others.

Law: the table holds the terms that `crm.names` makes of every customer who was not merged away; it may hold stale ones
besides, which a search passes over.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.crm.names import TERMS_VERSION, customer_terms
from callcenter.domain.customers import ContactPoint, ContactPointKind, Customer
from callcenter.domain.ids import CustomerId
from callcenter.store import crm_tables, tables
from callcenter.store.database import Database
from callcenter.store.upsert import insert_into, upsert_into

CUSTOMERS_A_STEP = 2_000
VERSION = "search terms"
"""The row of `meta` that says which version of the terms is in the table, or how far they are."""


async def put_terms(connection: AsyncConnection, before: Customer | None, after: Customer | None) -> None:
    """Change the terms of a customer; None is one who is not there to be found."""
    old = _terms(before)
    new = _terms(after)
    known = before if before is not None else after
    if known is None or old == new:
        return
    table = crm_tables.customer_terms
    gone = [(term, known.customer_id) for term in sorted(old - new)]
    if gone:
        await connection.execute(delete(table).where(tuple_(table.c.term, table.c.customer_id).in_(gone)))
    await _insert(connection, known.customer_id, old, new)


def _terms(customer: Customer | None) -> frozenset[str]:
    return frozenset() if customer is None else customer_terms(customer.name, customer.contact_points)


async def _insert(
    connection: AsyncConnection, customer_id: CustomerId, old: frozenset[str], new: frozenset[str]
) -> None:
    rows = [{"term": term, "customer_id": customer_id} for term in sorted(new - old)]
    if rows:
        await connection.execute(insert_into(connection, crm_tables.customer_terms).on_conflict_do_nothing(), rows)


async def refresh_terms(database: Database) -> None:
    """Make all terms anew where the program makes others than those in the table; goes on where it was stopped."""
    wanted = f"{TERMS_VERSION}:"
    async with database.reading() as connection:
        query = select(tables.meta.c.value).where(tables.meta.c.name == VERSION)
        found: str | None = (await connection.execute(query)).scalar_one_or_none()
    if found == wanted:
        return
    after: str | None = None
    if found is not None and found.startswith(wanted + "after:"):
        after = found.removeprefix(wanted + "after:")
    else:
        async with database.writing() as connection:
            await connection.execute(delete(crm_tables.customer_terms))
    while True:
        async with database.writing() as connection:
            after = await _refresh_step(connection, after)
            value = wanted if after is None else f"{wanted}after:{after}"
            await connection.execute(upsert_into(connection, tables.meta), [{"name": VERSION, "value": value}])
        if after is None:
            return


async def _refresh_step(connection: AsyncConnection, after: str | None) -> str | None:
    customers, points = tables.customers, tables.contact_points
    query = select(customers.c.customer_id, customers.c.name, customers.c.merged_into).order_by(customers.c.customer_id)
    if after is not None:
        query = query.where(customers.c.customer_id > after)
    found = (await connection.execute(query.limit(CUSTOMERS_A_STEP))).all()
    if not found:
        return None
    span = points.c.customer_id.between(found[0].customer_id, found[-1].customer_id)
    by_customer: dict[str, list[ContactPoint]] = {}
    for row in (await connection.execute(points.select().where(span))).all():
        point = ContactPoint(kind=ContactPointKind(row.kind), value=row.value)
        by_customer.setdefault(row.customer_id, []).append(point)
    rows = [
        {"term": term, "customer_id": row.customer_id}
        for row in found
        if row.merged_into is None
        for term in sorted(customer_terms(row.name, by_customer.get(row.customer_id, ())))
    ]
    if rows:
        await connection.execute(insert_into(connection, crm_tables.customer_terms).on_conflict_do_nothing(), rows)
    last: str = found[-1].customer_id
    return last


def term_rows(customers: Sequence[Customer]) -> list[dict[str, object]]:
    """Rows for customers that are new, for whoever stores many at once."""
    return [
        {"term": term, "customer_id": customer.customer_id}
        for customer in customers
        for term in sorted(_terms(customer))
    ]
