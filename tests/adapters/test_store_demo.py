"""The demo's data is what the demo promises, however often it is loaded."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update

from callcenter.domain.agents import Phone, PhoneKind, Reason
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.domain.interactions import Interaction, apply, begin
from callcenter.domain.skills import satisfies
from callcenter.store import tables
from callcenter.store.accounts import StoredAccounts
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.demo import SUPERVISOR_AGENT, load_demo
from callcenter.store.demo_sales import DEMO_ACCOUNTS
from callcenter.store.records import StoredRecords
from callcenter.store.users import StoredUsers
from tests.fakes import FakeClock

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


async def load(database: Database, word: str = "one") -> None:
    await load_demo(database, password_hash=f"hash-{word}", phone_secret=lambda agent_id: f"{word}-{agent_id}", now=NOW)


async def counts(database: Database) -> dict[str, int]:
    async with database.reading() as connection:
        return {
            name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for name, table in tables.metadata.tables.items()
        }


async def test_the_demo_is_what_it_promises(database: Database) -> None:
    await load(database)
    configuration, users = StoredConfiguration(database), StoredUsers(database)
    assert {(route.dnis, route.flow) for route in await configuration.numbers()} == {
        ("4000", "main"),
        ("4001", "sales"),
        ("4002", "support"),
        ("4003", "service"),
    }
    agents = {agent.agent_id: agent for agent in await configuration.agents()}
    assert sorted(agents) == [str(number) for number in range(1000, 1011)]
    assert await configuration.phone_secrets() == {name: f"one-{name}" for name in agents}
    # The supervisor has a desk of his own, to take callers over; nobody signs in by its number.
    own = {name: name for name in agents if name != SUPERVISOR_AGENT} | {"super": SUPERVISOR_AGENT, "admin": None}
    for name, agent_id in own.items():
        user = await users.by_name(name)
        assert user is not None
        assert user.password_hash == "hash-one"
        assert user.agent_id == agent_id
    roles = {name: await users.by_name(name) for name in ("1001", "super", "admin")}
    assert [user.role for user in roles.values() if user] == ["agent", "supervisor", "administrator"]
    queues = {queue.queue_id: queue for queue in await configuration.queues()}
    assert set(queues) == {"sales", "support", "operator"}
    for queue in queues.values():
        for language in ("zh", "en"):
            fit = [
                agent
                for agent in agents.values()
                if satisfies(agent.skills, queue.required) and language in agent.skills
            ]
            assert len(fit) >= 2
    codes = await configuration.reasons()
    assert {"break", "lunch", "training", "meeting", "back_office"} <= {code.code for code in codes}
    assert not {code.code for code in codes} & set(Reason)
    assert len(await configuration.dispositions()) >= 5


async def test_a_supervisor_of_before_gets_his_desk(database: Database) -> None:
    await load(database)
    theirs = tables.users.c.name == "super"
    users = StoredUsers(database)
    for before, after in ((None, SUPERVISOR_AGENT), (AgentId("1001"), AgentId("1001"))):
        async with database.writing() as connection:
            await connection.execute(update(tables.users).where(theirs).values(agent_id=before))
        await load(database)
        user = await users.by_name("super")
        assert user is not None
        assert user.agent_id == after


async def test_the_known_callers_have_their_history(database: Database) -> None:
    await load(database)
    customers = StoredCustomers(database)
    (chinese,) = await customers.cards_by_contact_point("+8613800138000")
    assert (chinese.customer.language, chinese.customer.segment) == ("zh", "A")
    assert len(chinese.last_interactions) >= 3
    assert len(chinese.open_cases) == 1
    (english,) = await customers.cards_by_contact_point("+442079460000")
    assert (english.customer.language, english.customer.segment) == ("en", "B")
    assert len(english.last_interactions) >= 2
    shared = await customers.cards_by_contact_point("+8613900139000")
    assert len(shared) == 2


async def test_the_history_is_what_its_events_say_and_none_of_it_is_of_today(database: Database) -> None:
    await load(database)
    records = StoredRecords(database)
    assert await records.open_interactions() == ()
    history = await records.interactions(limit=100)
    assert len(history) >= 8
    for record in history:
        first, *rest = await records.timeline(record.interaction_id)
        folded: Interaction = begin(first)  # type: ignore[arg-type]
        for step in rest:
            folded = apply(folded, step)  # type: ignore[arg-type]
        assert folded == record
        assert record.ended_at is not None
        assert NOW - record.ended_at > timedelta(days=1)
    assert await records.events_since(NOW - timedelta(days=1)) == ()


async def test_loading_again_changes_passwords_and_nothing_else(database: Database) -> None:
    await load(database)
    before = await counts(database)
    configuration = StoredConfiguration(database)
    phone = Phone(kind=PhoneKind.OUTSIDE, address="+442079460000")
    await configuration.set_agent_phone(AgentId("1001"), phone)
    async with database.writing() as connection:
        await connection.execute(
            update(tables.customers).where(tables.customers.c.customer_id == "demo-harbour").values(notes="mine")
        )
        await connection.execute(update(tables.users).values(language="en"))
    await load(database, "two")
    assert await counts(database) == before
    assert next(one for one in await configuration.agents() if one.agent_id == "1001").phone == phone
    harbour = await StoredCustomers(database).customer(CustomerId("demo-harbour"))
    assert harbour is not None
    assert harbour.notes == "mine"
    user = await StoredUsers(database).by_name("1001")
    assert user is not None
    assert (user.password_hash, user.language) == ("hash-two", "en")
    assert await configuration.phone_secret(AgentId("1001")) == "two-1001"


async def test_known_callers_prove_themselves_and_hear_of_their_orders(database: Database) -> None:
    await load(database)
    accounts = StoredAccounts(database, clock=FakeClock(NOW))
    try:
        for customer_id, order_number in (("demo-morning-star", "70012"), ("demo-harbour", "70015")):
            card = await accounts.by_number_and_pin(*DEMO_ACCOUNTS[customer_id])
            assert card is not None
            assert card.customer.customer_id == customer_id
            assert len(card.open_cases) == 1
            order = await accounts.order(card.customer.customer_id, order_number)
            assert order is not None
            assert order.due_on > NOW.date()
            assert order.total.amount > 0
    finally:
        accounts.close()
    assert (await StoredConfiguration(database).hours())["office"].is_open(datetime(2026, 11, 23, 4, tzinfo=UTC))
