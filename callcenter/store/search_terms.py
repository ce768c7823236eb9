"""The terms customers are found by: written with each customer, and made anew when the program makes others.

Law: the table holds the terms that `crm.names` makes of every customer who was not merged away, except those that are
owed (late_terms.py); it may hold stale ones besides, which a search passes over.
"""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.crm.names import TERMS_VERSION, customer_terms
from callcenter.domain.customers import Customer
from callcenter.domain.ids import CustomerId
from callcenter.store import crm_tables, tables
from callcenter.store.database import Database
from callcenter.store.late_terms import owe_terms_of_all, write_late_terms
from callcenter.store.upsert import insert_into, upsert_into

ALL_MARKED_WITHIN: Final = timedelta(minutes=10)
VERSION = "search terms"
"""The row of `meta` that says which version of the terms is in the table, or owed (late_terms.py)."""


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
    """Make all terms anew where the program makes others than those in the table; goes on where it was stopped.

    They are sorted beside a SQLite file, or where the system keeps files for a while.
    """
    async with database.reading() as connection:
        query = select(tables.meta.c.value).where(tables.meta.c.name == VERSION)
        found: str | None = (await connection.execute(query)).scalar_one_or_none()
    if found != f"{TERMS_VERSION}:":
        async with database.writing(within=ALL_MARKED_WITHIN) as connection:
            await connection.execute(delete(crm_tables.customer_terms))
            await connection.execute(delete(crm_tables.terms_due))
            await connection.run_sync(owe_terms_of_all)
            row = {"name": VERSION, "value": f"{TERMS_VERSION}:"}
            await connection.execute(upsert_into(connection, tables.meta), [row])
    beside = None if database.sqlite_path is None else database.sqlite_path.absolute().parent
    with tempfile.TemporaryDirectory(prefix="callcenter-terms-", dir=beside) as name:
        while await write_late_terms(database, Path(name)):
            pass
