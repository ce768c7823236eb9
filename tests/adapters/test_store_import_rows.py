"""Rows of imports that go past the types of columns: what was made beforehand, and what says nothing new."""

import dataclasses
import random

from sqlalchemy import text

from callcenter.crm.import_rows import CustomerRow, changed_customer
from callcenter.domain.customers import (
    Channel,
    Consent,
    ConsentState,
    ContactPoint,
    ContactPointKind,
    Customer,
    CustomerKind,
    CustomValue,
)
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.store import schema
from callcenter.store.changes import differences
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_import import ImportRules, Plan, write
from callcenter.store.customers import FIELDS, StoredCustomers
from callcenter.store.database import Database
from callcenter.store.known_customers import rows_that_say_nothing_new
from callcenter.store.new_customers import new_id, put_new, ready
from tests.adapters.postgres import PostgresServer
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import mail, make, phone

PLAIN = Customer(customer_id=CustomerId("plain"), name="李娜", created_at=NOON)
FULL = Customer(
    customer_id=CustomerId("full"),
    kind=CustomerKind.ORGANISATION,
    name='O\'Hara "and" {sons}, \\ NULL',
    language="zh-Hant-TW",
    segment="B",
    account_manager_id=AgentId("1001"),
    tags=("老客户", "a, b", '"'),
    contact_points=(phone("+8613800138001", "办公室"), mail("li@example.org")),
    notes="two\nlines, 两箱",
    created_at=NOON,
    consents=(Consent(channel=Channel.PHONE, state=ConsentState.REFUSED, at=NOON, by="1001", source="import"),),
    custom={"size": 12.5, "vip": True, "colour": "红"},
)


async def test_rows_made_beforehand_come_back_as_the_customers_they_are(database: Database) -> None:
    made = [one for one in (ready(PLAIN), ready(FULL)) if one is not None]

    async with database.writing() as connection:
        await connection.run_sync(lambda on: put_new(on, made, at=NOON, by="super"))

    store, book = StoredCustomers(database), StoredCustomerBook(database)
    for wanted in (PLAIN, FULL):
        assert await store.customer(wanted.customer_id) == wanted
        (change,) = await book.changes(wanted.customer_id, limit=5, before=None)
        assert (change.action, change.by, change.at) == ("created", "super", NOON)
        assert [one.field for one in change.fields] == [one.field for one in differences(None, wanted, FIELDS)]


async def test_postgresql_knows_of_an_import_that_its_tables_are_empty_no_longer(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.make_database()
    database = Database(url)
    try:
        await schema.upgrade_database(database)
        some = [
            dataclasses.replace(PLAIN, customer_id=new_id(), contact_points=(phone(f"+86139{n:08}"),))
            for n in range(4_000)
        ]
        rows = [CustomerRow(row=n, key=one.contact_points[0].value, name="李娜") for n, one in enumerate(some)]
        found = Plan(new=[(one, row) for one, row in zip(map(ready, some), rows, strict=True) if one is not None])
        rules = ImportRules(key="phone", columns={}, source="import", at=NOON, by="super", custom={})
        counted = text("SELECT reltuples FROM pg_class WHERE relname IN ('customers', 'contact_points')")
        async with database.writing() as connection:
            assert set((await connection.execute(counted)).scalars()) == {-1}
            await connection.run_sync(write, found, rules)
            assert set((await connection.execute(counted)).scalars()) == {4_000}
    finally:
        await database.dispose()
        postgres_server.drop_database(url)


def test_what_no_database_takes_is_left_to_the_types_of_columns() -> None:
    assert ready(dataclasses.replace(PLAIN, notes="a\x00b")) is None
    assert ready(dataclasses.replace(PLAIN, name="\ud800")) is None
    assert ready(dataclasses.replace(PLAIN, tags=("\udfff",))) is None


async def test_rows_that_say_nothing_new_are_those_that_change_nobody(database: Database) -> None:
    chance = random.Random(7)
    people = [
        await make(database, "李娜", phone("+8613800138001"), mail("li@example.org"), tags=("老客户", "批发")),
        await make(database, "Anna", phone("+4930123456"), segment="A"),
        await make(database, "公司", kind=CustomerKind.ORGANISATION),
    ]
    points = [phone("+8613800138001"), mail("li@example.org"), phone("+4930123456", "home")]
    rows, owners = [], {}
    for number in range(300):
        owner = chance.choice(people)
        owners[f"k{number}"] = (owner.customer_id,)
        some: list[ContactPoint] = chance.sample(points, chance.randrange(0, 3))
        rows.append(
            CustomerRow(
                row=number,
                key=f"k{number}",
                name=chance.choice((None, owner.name, "李娜")),
                kind=chance.choice((None, owner.kind, CustomerKind.PERSON)),
                segment=chance.choice((None, None, "A")),
                language=chance.choice((None, None, None, "zh")),
                tags=tuple(chance.sample(("老客户", "批发", "新"), chance.randrange(0, 2))),
                points=tuple(some if chance.random() < 0.5 else owner.contact_points[:1]),
                notes=chance.choice((None, None, "", "x")),
            )
        )
    known = {one.customer_id: one for one in people}

    async with database.reading() as connection:
        found = await connection.run_sync(lambda on: rows_that_say_nothing_new(on, rows, owners))

    before = [known[owners[row.key][0]] for row in rows]
    wanted = {
        row.row for row, one in zip(rows, before, strict=True) if changed_customer(one, row, at=NOON, by="x") is one
    }
    assert found == wanted
    assert 10 < len(found) < 290


async def test_rows_of_nobody_and_of_several_are_left_to_be_looked_at(database: Database) -> None:
    one = await make(database, "李娜", phone("+8613800138001"))
    rows = [
        CustomerRow(row=1, key="nobody", name="李娜"),
        CustomerRow(row=2, key="both", name="李娜"),
        CustomerRow(row=3, key="one", points=(ContactPoint(kind=ContactPointKind.PHONE, value="+8613800138001"),)),
    ]
    known = {"both": (one.customer_id, CustomerId("other")), "one": (one.customer_id,)}
    async with database.reading() as connection:
        assert await connection.run_sync(lambda on: rows_that_say_nothing_new(on, rows, known)) == {3}


async def test_consents_and_own_fields_that_are_known_say_nothing_new(database: Database) -> None:
    made = [one for one in (ready(PLAIN), ready(FULL)) if one is not None]
    async with database.writing() as connection:
        await connection.run_sync(lambda on: put_new(on, made, at=NOON, by="super"))
    said: list[tuple[dict[Channel, ConsentState], dict[str, CustomValue]]] = [
        ({Channel.PHONE: ConsentState.REFUSED}, {}),
        ({Channel.PHONE: ConsentState.GRANTED}, {}),
        ({Channel.PHONE: ConsentState.REFUSED, Channel.SMS: ConsentState.REFUSED}, {}),
        ({}, {"size": 12.5, "vip": True}),
        ({}, {"vip": 1.0}),
        ({}, {"size": 12.5, "colour": "绿"}),
        ({}, {"other": ""}),
        ({Channel.PHONE: ConsentState.REFUSED}, {"colour": "红"}),
    ]
    rows = [
        CustomerRow(row=number, key=key, consents=dict(consents), custom=dict(custom))
        for key in ("full", "plain")
        for number, (consents, custom) in enumerate(said, start=0 if key == "full" else 100)
    ]
    known = {"full": (FULL.customer_id,), "plain": (PLAIN.customer_id,)}
    async with database.reading() as connection:
        found = await connection.run_sync(lambda on: rows_that_say_nothing_new(on, rows, known))
    assert found == {0, 3, 7}
