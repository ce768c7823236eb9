"""A statement that goes past SQLAlchemy gives what it gives through it: rows, types and errors, on both databases."""

from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import Connection, Select, bindparam, insert, literal, select, text
from sqlalchemy.exc import DBAPIError

from callcenter.store import tables
from callcenter.store.database import Database
from callcenter.store.prepared import Prepared, Values
from callcenter.store.value_tables import customer_values
from tests.adapters.store_calls import NOON

ID = "ab\u00e9'\"%\\"
CUSTOMER = {
    "customer_id": ID,
    "kind": "person",
    "name": "李娜 100%",
    "tags": ("老客户",),
    "notes": "",
    "created_at": NOON,
    "updated_at": NOON,
    "custom": {"size": 12.5, "vip": True},
}
WORTH = {
    "customer_id": ID,
    "as_of": NOON.date(),
    "orders": 3,
    "purchases": 2,
    "first_on": NOON.date(),
    "last_on": NOON.date(),
    "spent": 12.25,
    "currency": "CNY",
    "stage": "active",
    "why": "bought",
    "interval_days": 30.5,
    "p_alive": 0.75,
}


def query() -> Select[tuple[object, ...]]:
    customers = tables.customers
    joined = customers.outerjoin(customer_values, customer_values.c.customer_id == customers.c.customer_id)
    whose = customers.c.customer_id == bindparam("whose")
    columns = (literal("it's 5 %").label("said"), *customers.c, *customer_values.c)
    return select(*columns).select_from(joined).where(whose, bindparam("whose") != "nobody").limit(5)


async def test_its_rows_are_those_that_sqlalchemy_gives(database: Database) -> None:
    async with database.writing() as connection:
        for customer_id in (ID, "without worth"):
            await connection.execute(insert(tables.customers), [{**CUSTOMER, "customer_id": customer_id}])
        await connection.execute(insert(customer_values), [WORTH])
    prepared = Prepared(query(), "whose")

    def both(connection: Connection, whose: str) -> tuple[Sequence[Values], Sequence[Values]]:
        through = connection.execute(query(), {"whose": whose}).all()
        return prepared.rows(connection, whose), through

    for whose, count in ((ID, 1), ("without worth", 1), ("nobody", 0), ("a\x00\ud800", 0)):
        past, through = await database.look(partial(both, whose=whose))
        assert [tuple(row) for row in past] == [tuple(row) for row in through]
        assert len(past) == count


async def test_its_errors_are_those_of_sqlalchemy(database: Database) -> None:
    prepared = Prepared(select(text("nothing_like_it")).where(literal("1") == bindparam("whose")), "whose")

    def look(connection: Connection) -> None:
        with pytest.raises(DBAPIError, match="nothing_like_it"):
            prepared.rows(connection, "1")
        assert connection.execute(select(literal(7))).scalar_one() == 7

    await database.look(look)
