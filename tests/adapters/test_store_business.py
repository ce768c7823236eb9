"""The whole of what the business sets in the real databases: one transaction, every version kept."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, update

from callcenter.app.business import Business, BusinessInUse, Wanted, changes, combine
from callcenter.app.business_file import read_business as read_file
from callcenter.app.ports import User
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, QueueId, UserId
from callcenter.domain.interactions import begin
from callcenter.store import tables
from callcenter.store.business import (
    agents_without_secret,
    list_versions,
    lock_business,
    put_business,
    read_business,
    read_version,
    users_of,
)
from callcenter.store.configuration import StoredConfiguration, put_phone_secret
from callcenter.store.database import Database
from callcenter.store.demo import load_demo
from callcenter.store.errors import DamagedRules
from callcenter.store.journal import JournalWriter
from callcenter.store.users import StoredUsers, list_users, put_user, remove_user
from tests.adapters.store_calls import arrival
from tests.fakes import START

SOON = timedelta(seconds=120)
FIRST = """
skills: {zh: {zh: 中文, en: Chinese}, sales: {zh: 销售, en: Sales}}
queues:
  sales: {label: {zh: 销售, en: Sales}, skills: {sales: 2, zh: 1}}
  other: {label: {zh: 其他, en: Other}}
agents:
  '1001': {name: Anna, skills: {zh: 9, sales: 2}, phone: {kind: outside, address: '+8613800138000'}}
  '1002': {name: Bo}
numbers: {'4000': {flow: main, label: {zh: 总机, en: Main}}}
reasons: {lunch: {zh: 午餐, en: Lunch}, break: {zh: 小休, en: Break}}
dispositions: {sold: {zh: 成交, en: Sold}}
"""


@pytest.fixture
async def journal(database: Database, tmp_path: Path) -> AsyncIterator[JournalWriter]:
    journal = JournalWriter(database, spill_directory=tmp_path)
    await journal.start()
    yield journal
    await journal.stop()


async def flush(journal: JournalWriter) -> None:
    async with asyncio.timeout(SOON.total_seconds()):
        await journal.flushed(SOON)
        while journal.state().spilled_batches:  # noqa: ASYNC110 - a slow machine sends it through the file.
            await asyncio.sleep(0.01)


async def apply(database: Database, text: str, *, by: str = "tester", remove_missing: bool = True) -> int:
    wanted: Wanted = read_file(text, "f.yaml").wanted
    async with database.writing() as connection:
        await lock_business(connection)
        before = await read_business(connection)
        after = combine(before, wanted, remove_missing=remove_missing)
        found = changes(before, after)
        return await put_business(connection, before, after, found, at=START, by=by)


async def present(database: Database) -> Business:
    async with database.reading() as connection:
        return await read_business(connection)


async def test_what_is_applied_is_what_is_read_and_versions_bring_it_back(database: Database) -> None:
    configuration = StoredConfiguration(database)
    assert await configuration.version() == 0
    assert await apply(database, FIRST) == await configuration.version() == 1
    first = await present(database)
    assert first == read_file(FIRST, "f.yaml").wanted.business
    assert await apply(database, "skills: {}\nqueues: {}\nagents: {}\nnumbers: {}\nreasons: {}\n", by="other") == 2
    second = await present(database)
    assert not replace(second, dispositions={})
    assert list(second.dispositions) == ["sold"]
    async with database.reading() as connection:
        versions = await list_versions(connection, limit=10)
        assert [(one.version, one.by, one.at) for one in versions] == [(2, "other", START), (1, "tester", START)]
        text = (await read_version(connection, 1)).text
        with pytest.raises(NotFound, match="there is no version 3"):
            await read_version(connection, 3)
        audited = (await connection.execute(select(tables.audit).order_by("audit_id"))).all()
    assert [(row.by, row.action, row.subject) for row in audited] == [
        ("tester", "configuration_applied", "version 1"),
        ("other", "configuration_applied", "version 2"),
    ]
    assert "removed queue sales" in audited[1].detail
    await apply(database, text)
    assert await present(database) == first


RULES = """
skills: {zh: {zh: 中文, en: Chinese}, sales: {zh: 销售, en: Sales}}
hours:
  office: {timezone: Asia/Shanghai, week: {mon-fri: ["09:00-18:00"]}, holidays: CN, special: {"2026-10-01": []}}
queues:
  sales:
    label: {zh: 销售, en: Sales}
    hours: office
    when_closed: message
    steps:
    - {after_seconds: 0, who: "sales>=5 and lang=caller"}
    - {after_seconds: 20.5, who: or group backoffice, priority: 5, announce: busy, offer_callback: true}
    - {after_seconds: 60, who: anyone, overflow: {queue: other}}
    agent_choice: weighted
    caller_order: service_objective
    ageing_limit_seconds: never
    boosts: {classes: {A: 20}, languages: {zh: 1}, last_agent_seconds: 30}
    max_wait_seconds: 500
    when_too_long: {number: "+862112345678"}
    callback: {first: customer, lead: 2}
    offer_callback_above_seconds: 90
  other: {label: {zh: 其他, en: Other}, callback: false}
agents:
  '1001': {name: Anna, skills: {zh: 9, sales: 5}, groups: [backoffice, night],
    preferences: {other: {priority: -3, delay_seconds: 20}}, weight: 3, chats: 4, voice_interrupts: no}
reasons: {lunch: {zh: 午餐, en: Lunch, limit_seconds: 2700, warn_before_seconds: 1.5}, tea: {zh: 茶, en: Tea}}
"""


async def test_all_rules_of_routing_come_back_and_hours_are_what_they_say(database: Database) -> None:
    await apply(database, RULES)
    wanted = read_file(RULES, "f.yaml").wanted.business
    assert await present(database) == wanted
    configuration = StoredConfiguration(database)
    sales = {queue.queue_id: queue for queue in await configuration.queues()}[QueueId("sales")]
    hours = sales.limits.hours
    assert hours is not None
    assert replace(sales, limits=replace(sales.limits, hours=None)) == wanted.queues[QueueId("sales")].config
    shanghai = timezone(timedelta(hours=8))
    assert hours.is_open(datetime(2026, 9, 30, 9, tzinfo=shanghai))
    assert hours.is_open(datetime(2026, 9, 20, 9, tzinfo=shanghai))  # A Sunday that China works.
    assert not hours.is_open(datetime(2026, 10, 1, 9, tzinfo=shanghai))
    assert await configuration.agents() == tuple(wanted.agents.values())
    # Opening hours that are changed, and then go, take the queue along.
    await apply(database, RULES.replace("mon-fri", "sat"))
    changed = {queue.queue_id: queue for queue in await configuration.queues()}[QueueId("sales")].limits.hours
    assert changed is not None
    assert not changed.is_open(datetime(2026, 9, 30, 9, tzinfo=shanghai))
    without = RULES.replace("    hours: office\n", "").replace("    when_closed: message\n", "")
    await apply(database, without.replace("hours:\n  office", "hours: {}\n#"))
    assert not (await present(database)).hours
    assert all(queue.limits.hours is None for queue in await configuration.queues())


async def test_a_supervisors_closing_is_no_part_of_what_is_applied(database: Database) -> None:
    await apply(database, RULES)
    before = await present(database)
    configuration = StoredConfiguration(database)
    version = await configuration.version()
    sales = QueueId("sales")
    await configuration.close_queue(sales, by="boss", at=START)
    await configuration.close_queue(sales, by="other boss", at=START)
    assert [queue.closed_by for queue in await configuration.queues()] == ["", "other boss"]
    assert await present(database) == before
    assert await configuration.version() == version
    await apply(database, RULES.replace("weighted", "round_robin"))
    assert [queue.closed_by for queue in await configuration.queues()] == ["", "other boss"]
    await configuration.open_queue(sales)
    await configuration.open_queue(QueueId("nothing"))
    assert [queue.closed_by for queue in await configuration.queues()] == ["", ""]
    with pytest.raises(NotFound, match="there is no queue nothing"):
        await configuration.close_queue(QueueId("nothing"), by="boss", at=START)
    # The closing of a queue that goes is gone when it comes again.
    await configuration.close_queue(sales, by="boss", at=START)
    await apply(database, "queues: {}\n")
    await apply(database, RULES)
    assert [queue.closed_by for queue in await configuration.queues()] == ["", ""]


@pytest.mark.parametrize(
    ("table", "key", "document"),
    [
        ("queues", "sales", '{"steps": [{"after": "PT0S", "who": "gold>"}]}'),
        ("queues", "sales", '{"steps": [{"after": "PT9S", "who": "gold"}]}'),
        ("queues", "sales", '{"callback": {"attempts": 0}}'),
        ("queues", "sales", "[]"),
        ("agents", "1001", '{"weight": "much"}'),
        ("hours", "office", '{"timezone": "UTC", "week": {"0": [{"opens": "09:00:00", "closes": "08:00:00"}]}}'),
    ],
)
async def test_rules_that_somebody_damaged_are_named(database: Database, table: str, key: str, document: str) -> None:
    await apply(database, RULES)
    rows = tables.metadata.tables[table]
    (column,) = rows.primary_key
    async with database.writing() as connection:
        await connection.execute(update(rows).where(column == key).values(rules=document.encode()))
    with pytest.raises(DamagedRules, match=rf"{key}: the rules in the database cannot be read: ") as damaged:
        await present(database)
    assert damaged.value.code == "damaged_rules"


async def test_what_was_there_before_the_first_version_is_kept_as_one(database: Database) -> None:
    await load_demo(database, password_hash="x", phone_secret=lambda _: "s", now=START)
    demo = await present(database)
    assert await apply(database, "reasons: {}\n") == 2
    async with database.reading() as connection:
        (_, listed) = await list_versions(connection, limit=10)
        found = await read_version(connection, listed.version)
    assert found.by == "as found"
    await apply(database, found.text)
    assert await present(database) == demo


async def test_secrets_states_and_chosen_phones_outlive_a_change(database: Database) -> None:
    await apply(database, FIRST)
    async with database.writing() as connection:
        await put_phone_secret(connection, AgentId("1001"), "s3cret")
        await connection.execute(update(tables.agents).where(tables.agents.c.agent_id == "1001").values(state="ready"))
    configuration = StoredConfiguration(database)
    chosen = Phone(kind=PhoneKind.BROWSER)
    await configuration.set_agent_phone(AgentId("1001"), chosen)
    await apply(database, "agents: {'1001': {name: Anne}}\n", remove_missing=False)
    anna = (await present(database)).agents[AgentId("1001")]
    assert (anna.name, anna.phone, anna.skills) == ("Anne", chosen, {})
    assert await configuration.phone_secret(AgentId("1001")) == "s3cret"
    async with database.reading() as connection:
        assert await agents_without_secret(connection) == ("1002",)
        assert "s3cret" not in (await read_version(connection, 2)).text


async def test_nothing_is_removed_under_a_caller_or_an_agent_at_work(
    database: Database, journal: JournalWriter
) -> None:
    await apply(database, FIRST)
    before = await present(database)
    waiting = replace(begin(arrival("1.1")), queue_id=QueueId("other"))
    journal.write(interactions=[waiting])
    await flush(journal)
    async with database.writing() as connection:
        await connection.execute(
            update(tables.agents).where(tables.agents.c.agent_id == "1002").values(state="not_ready")
        )
    with pytest.raises(BusinessInUse) as refused:
        await apply(database, "agents: {}\nqueues: {}\n")
    assert str(refused.value).splitlines() == [
        "queue other has 1 open calls; remove it when they have ended",
        "agent 1002 is not_ready; remove him when he has logged out",
    ]
    assert await present(database) == before
    assert await StoredConfiguration(database).version() == 1
    async with database.writing() as connection:
        await connection.execute(update(tables.interactions).values(ended_at=START))
        await connection.execute(update(tables.agents).values(state="logged_out"))
    await apply(database, "agents: {}\nqueues: {}\n")
    assert not (await present(database)).queues


async def test_a_user_outlives_his_agent_and_goes_with_his_sessions(database: Database) -> None:
    await apply(database, FIRST)
    user = User(
        user_id=UserId("u1"),
        name="bo",
        display_name="Bo",
        role="agent",
        agent_id=AgentId("1002"),
        language="zh",
        password_hash="x",
    )
    async with database.writing() as connection:
        await put_user(connection, user)
        assert await users_of(connection, [AgentId("1001"), AgentId("1002")]) == {"1002": "bo"}
        assert await list_users(connection) == (user,)
    await apply(database, "agents: {}\n")
    assert await StoredUsers(database).by_name("bo") == replace(user, agent_id=None)
    async with database.writing() as connection:
        await remove_user(connection, user.user_id)
        assert await list_users(connection) == ()
        with pytest.raises(NotFound, match="there is no user u1"):
            await remove_user(connection, user.user_id)
