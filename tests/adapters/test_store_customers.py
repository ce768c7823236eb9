"""Customers and those who sign in, on both databases; and the screen pop's two statements."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.pool.base import _ConnectionFairy

from callcenter.app.ports import CustomerInput, Customers, SessionRecord, User, Users
from callcenter.domain.agents import AgentConfig
from callcenter.domain.customers import ContactPoint, ContactPointKind, CustomerKind
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, UserId
from callcenter.store import tables
from callcenter.store.configuration import put_agent
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.interaction_rows import write_interactions
from callcenter.store.users import StoredUsers, put_password_hash, put_user
from tests.adapters.store_calls import NOON, at, folded, whole_call

NUMBER = "+8613800138000"
INPUT = CustomerInput(
    kind=CustomerKind.ORGANISATION,
    name="示例客户 O'Hara & <b>",
    language="zh",
    segment="A",
    tags=("批发", "two words"),
    contact_points=(
        ContactPoint(kind=ContactPointKind.PHONE, value=NUMBER, label="前台"),
        ContactPoint(kind=ContactPointKind.EMAIL, value="a@example.com"),
    ),
    notes="first line\nsecond line",
)


async def audit_lines(database: Database) -> list[tuple[str, str, str, str]]:
    table = tables.audit
    async with database.reading() as connection:
        rows = (await connection.execute(table.select().order_by(table.c.audit_id))).all()
    return [(row.by, row.action, row.subject, row.detail) for row in rows]


async def test_a_customer_comes_back_as_filled_in(database: Database) -> None:
    customers: Customers = StoredCustomers(database)
    made = await customers.create(CustomerId("c1"), INPUT, at=NOON, by="1001")
    assert made == await customers.customer(CustomerId("c1"))
    assert made.created_at == NOON
    for name in ("kind", "name", "language", "segment", "tags", "contact_points", "notes"):
        assert getattr(made, name) == getattr(INPUT, name)
    assert await customers.customer(CustomerId("c2")) is None
    assert await customers.card(CustomerId("c2")) is None
    bare = await customers.create(CustomerId("c3"), CustomerInput(name=""), at=NOON, by="1001")
    assert bare == await customers.customer(CustomerId("c3"))
    assert bare.contact_points == ()


async def test_an_account_manager_is_an_agent_and_who_has_left_keeps_nobody_from_changing_the_rest(
    database: Database,
) -> None:
    customers, gone = StoredCustomers(database), AgentId("1001")
    async with database.writing() as connection:
        await put_agent(connection, AgentConfig(agent_id=gone, name="李娜"))
    with pytest.raises(InvalidValue, match="account_manager_id: there is no agent '9999'; give the id") as caught:
        await customers.create(CustomerId("c1"), replace(INPUT, account_manager_id=AgentId("9999")), at=NOON, by="1001")
    assert (caught.value.code, caught.value.field) == ("unknown_agent", "account_manager_id")
    assert await customers.customer(CustomerId("c1")) is None
    data = replace(INPUT, account_manager_id=gone)
    made = await customers.create(CustomerId("c1"), data, at=NOON, by="1001")
    with pytest.raises(InvalidValue):
        await customers.update(
            CustomerId("c1"), replace(data, name="x", account_manager_id=AgentId("no")), at=at(1), by="1001"
        )
    assert await customers.customer(CustomerId("c1")) == made
    async with database.writing() as connection:
        await connection.execute(tables.agents.delete().where(tables.agents.c.agent_id == gone))
    changed = await customers.update(CustomerId("c1"), replace(data, name="Anna"), at=at(2), by="1001")
    assert (changed.name, changed.account_manager_id) == ("Anna", gone)
    freed = await customers.update(CustomerId("c1"), replace(data, account_manager_id=None), at=at(3), by="1001")
    assert freed.account_manager_id is None


async def test_an_id_is_given_once(database: Database) -> None:
    customers = StoredCustomers(database)
    await customers.create(CustomerId("c1"), INPUT, at=NOON, by="1001")
    with pytest.raises(Conflict, match="customer c1 already") as caught:
        await customers.create(CustomerId("c1"), replace(INPUT, name="other"), at=NOON, by="1002")
    assert caught.value.code == "customer_exists"
    found = await customers.customer(CustomerId("c1"))
    assert found is not None
    assert found.name == INPUT.name
    assert len(await audit_lines(database)) == 1


async def test_a_change_is_whole_and_leaves_a_line_without_what_was_in_it(database: Database) -> None:
    customers = StoredCustomers(database)
    await customers.create(CustomerId("c1"), INPUT, at=NOON, by="1001")
    point = ContactPoint(kind=ContactPointKind.PHONE, value="+442079460000")
    changed = await customers.update(
        CustomerId("c1"), replace(INPUT, name="new", contact_points=(point, point)), at=at(5), by="1002"
    )
    assert changed == await customers.customer(CustomerId("c1"))
    assert changed.name == "new"
    assert changed.contact_points == (point,)
    assert changed.created_at == NOON
    assert await customers.cards_by_contact_point(NUMBER) == ()
    assert await audit_lines(database) == [
        ("1001", "customer_created", "c1", ""),
        ("1002", "customer_changed", "c1", "name, contact_points"),
    ]
    with pytest.raises(NotFound, match="no customer c9") as caught:
        await customers.update(CustomerId("c9"), INPUT, at=NOON, by="1001")
    assert caught.value.code == "unknown_customer"


def count_cursors(monkeypatch: pytest.MonkeyPatch) -> list[PoolProxiedConnection]:
    """Grows with each cursor that is opened, which is with each statement."""
    opened: list[PoolProxiedConnection] = []
    as_it_is = _ConnectionFairy.cursor

    def counting(connection: _ConnectionFairy) -> DBAPICursor:
        opened.append(connection)
        return as_it_is(connection)

    monkeypatch.setattr(_ConnectionFairy, "cursor", counting)
    return opened


async def test_a_shared_number_finds_everyone_the_most_recently_active_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = StoredCustomers(database)
    for number, name in enumerate(("old", "never", "young", "newest")):
        await customers.create(CustomerId(name), INPUT, at=at(number), by="1001")
    await customers.create(CustomerId("else"), replace(INPUT, contact_points=()), at=NOON, by="1001")
    calls = [("old", 7), ("young", 2), ("else", 3)]
    records = [
        folded(whole_call(f"{customer}.{number}", number * 1000, customer=customer))
        for customer, count in calls
        for number in range(count)
    ]
    cases = [
        {
            "case_id": f"{customer}-{state}",
            "customer_id": customer,
            "kind": "question",
            "subject": "货物",
            "state": state,
            "opened_at": NOON,
            "closed_at": at(9) if state == "closed" else None,
        }
        for customer in ("old", "never")
        for state in ("open", "closed")
    ]
    async with database.writing() as connection:
        await write_interactions(connection, records)
        await connection.execute(tables.cases.insert(), cases)
    cursors = count_cursors(monkeypatch)
    cards = await customers.cards_by_contact_point(NUMBER)
    # Of several customers through SQLAlchemy, which says BEGIN to SQLite first; of one past it.
    assert len(cursors) == (3 if database.is_sqlite else 2)
    cursors.clear()
    card = await customers.card(CustomerId("old"))
    assert len(cursors) == 2
    assert card == cards[0]
    assert [card.customer.customer_id for card in cards] == ["old", "young", "newest", "never"]
    last = cards[0].last_interactions
    assert [line.interaction_id for line in last] == [f"old.{number}" for number in (6, 5, 4, 3, 2)]
    assert (last[0].outcome, last[0].disposition, last[0].notes) == ("answered", "sale", "两箱 ordered")
    assert last[0].started_at == at(6000)
    assert [case.case_id for case in cards[0].open_cases] == ["old-open"]
    assert [case.case_id for case in cards[3].open_cases] == ["never-open"]
    assert cards[1].open_cases == ()
    assert cards[0].customer.contact_points == INPUT.contact_points


async def test_a_number_nobody_has_finds_nobody(database: Database) -> None:
    assert await StoredCustomers(database).cards_by_contact_point("+10") == ()


async def test_a_number_of_many_finds_twenty(database: Database) -> None:
    customers = StoredCustomers(database)
    for number in range(25):
        await customers.create(CustomerId(f"c{number:02}"), INPUT, at=at(number), by="import")
    async with database.writing() as connection:
        await write_interactions(connection, [folded(whole_call("1.1", customer="c00"))])
    found = [card.customer.customer_id for card in await customers.cards_by_contact_point(NUMBER)]
    assert found == ["c00", *(f"c{number:02}" for number in range(24, 5, -1))]


async def test_a_call_outlives_its_customer(database: Database) -> None:
    customers = StoredCustomers(database)
    await customers.create(CustomerId("c1"), INPUT, at=NOON, by="1001")
    async with database.writing() as connection:
        await write_interactions(connection, [folded(whole_call("1.1"))])
        await connection.execute(tables.customers.delete())
    async with database.reading() as connection:
        assert (await connection.execute(select(tables.interactions.c.interaction_id))).scalars().all() == [
            InteractionId("1.1")
        ]
        assert (await connection.execute(tables.contact_points.select())).all() == []


USER = User(
    user_id=UserId("u1"),
    name="1001",
    display_name="坐席 1001",
    role="agent",
    agent_id=None,
    language="zh",
    password_hash="$argon2id$v=19$one",
)


async def test_users_are_found_by_name_and_by_id(database: Database) -> None:
    users: Users = StoredUsers(database)
    async with database.writing() as connection:
        await put_user(connection, USER)
        await put_user(connection, replace(USER, display_name="new"))
        await put_password_hash(connection, USER.user_id, "$argon2id$v=19$two")
    expected = replace(USER, display_name="new", password_hash="$argon2id$v=19$two")
    assert await users.by_name("1001") == expected
    assert await users.by_id(UserId("u1")) == expected
    assert await users.by_name("u1") is None
    assert await users.by_id(UserId("1001")) is None
    with pytest.raises(IntegrityError):
        async with database.writing() as connection:
            await put_user(connection, replace(USER, user_id=UserId("u2")))
    with pytest.raises(NotFound, match="no user u2"):
        async with database.writing() as connection:
            await put_password_hash(connection, UserId("u2"), "x")


async def test_sessions_live_until_ended_or_run_out(database: Database) -> None:
    users = StoredUsers(database)
    async with database.writing() as connection:
        await put_user(connection, USER)
    first = SessionRecord(token_hash="aa", user_id=USER.user_id, created_at=NOON, last_seen_at=NOON, expires_at=at(60))
    await users.add_session(first)
    assert await users.session("aa") == first
    await users.touch_session("aa", at(5))
    assert await users.session("aa") == replace(first, last_seen_at=at(5))
    second = replace(first, token_hash="bb", created_at=at(61), expires_at=at(600))
    await users.add_session(second)
    assert await users.session("aa") is None
    await users.end_session("bb")
    await users.end_session("bb")
    assert await users.session("bb") is None
    await users.add_session(replace(second, token_hash="cc", expires_at=NOON + timedelta(days=1)))
    async with database.writing() as connection:
        await connection.execute(tables.users.delete())
    assert await users.session("cc") is None


async def test_the_audit_log_keeps_order(database: Database) -> None:
    users = StoredUsers(database)
    for number in range(3):
        await users.audit(at=at(-number), by="admin", action="queue_changed", subject="sales", detail=str(number))
    assert [line[3] for line in await audit_lines(database)] == ["0", "1", "2"]
