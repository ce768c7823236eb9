"""Records and configuration are read back as they were written, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from callcenter.app.business_items import ReasonCode
from callcenter.app.ports import CodeLabel, Configuration, Journal, NumberRoute, Records
from callcenter.domain.agents import AgentConfig, AgentState, Phone, PhoneKind
from callcenter.domain.errors import NotFound
from callcenter.domain.events import LegEnded, Outcome, QueueClosed, QueueServed
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId, SkillId
from callcenter.domain.interactions import apply
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement
from callcenter.store import configuration as conf
from callcenter.store.batches import decode_batch, store_batch
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.epoch import take_epoch
from callcenter.store.journal import JournalWriter
from callcenter.store.records import StoredRecords
from tests.adapters.store_calls import NOON, at, folded, node, status, whole_call

SOON = timedelta(seconds=120)


@pytest.fixture
async def journal(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JournalWriter]:
    writer = JournalWriter(database, spill_directory=tmp_path_factory.mktemp("spill"))
    await writer.start()
    yield writer
    assert await writer.stop()


async def flush(journal: JournalWriter) -> None:
    assert await journal.flushed(SOON)
    async with asyncio.timeout(SOON.total_seconds()):
        while journal.state().spilled_batches:  # noqa: ASYNC110 - a slow machine sends it through the file.
            await asyncio.sleep(0.01)


def test_the_classes_are_what_the_use_cases_want(tmp_path_factory: pytest.TempPathFactory) -> None:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('unused') / 'callcenter.db'}")
    journal: Journal = JournalWriter(database)
    records: Records = StoredRecords(database)
    configuration: Configuration = StoredConfiguration(database)
    assert journal
    assert records
    assert configuration


async def test_a_whole_call_comes_back_as_it_was(database: Database, journal: JournalWriter) -> None:
    events = whole_call("1.1")
    record = folded(events)
    journal.write(events=events, interactions=[record])
    await flush(journal)
    records = StoredRecords(database)
    found = await records.interaction(InteractionId("1.1"))
    assert found == replace(record, caller_name="晨星\ufffd 😀")  # PostgreSQL has no NUL in text.
    assert found is not None
    assert found.started_at.microsecond == 123456
    assert found.started_at.utcoffset() == timedelta()
    assert await records.timeline(InteractionId("1.1")) == tuple(events)
    assert await records.interaction(InteractionId("9.9")) is None
    assert await records.timeline(InteractionId("9.9")) == ()


async def test_the_record_follows_the_call_step_by_step(database: Database, journal: JournalWriter) -> None:
    events = whole_call("1.1")
    records = StoredRecords(database)
    for count in range(1, len(events) + 1):
        journal.write(events=[events[count - 1]], interactions=[folded(events[:count])])
        await flush(journal)
        found = await records.interaction(InteractionId("1.1"))
        assert found is not None
        assert replace(found, caller_name="") == replace(folded(events[:count]), caller_name="")
        assert (await records.open_interactions() == ()) is (found.ended_at is not None)


async def test_an_ended_interaction_is_not_opened_again(database: Database, journal: JournalWriter) -> None:
    events = whole_call("1.1")
    ended = folded(events)
    late = folded(events[:9])
    records = StoredRecords(database)
    for together in (True, False):
        journal.write(interactions=[ended])
        if not together:
            await flush(journal)
        journal.write(interactions=[late])
        await flush(journal)
        found = await records.interaction(InteractionId("1.1"))
        assert found is not None
        assert found.ended_at == ended.ended_at
        assert found.offers == ended.offers
        assert found.legs == ended.legs
    more = apply(ended, LegEnded(interaction_id=InteractionId("1.1"), at=at(95), leg_id="1.1", cause=16))
    journal.write(interactions=[more])
    await flush(journal)
    found = await records.interaction(InteractionId("1.1"))
    assert found is not None
    assert found.legs == more.legs != ended.legs


async def test_interactions_are_listed_by_queue_outcome_and_day(database: Database, journal: JournalWriter) -> None:
    first, second = folded(whole_call("4.1", -400)), folded(whole_call("4.2"))
    journal.write(interactions=[first, second])
    await flush(journal)
    records = StoredRecords(database)

    async def listed(**wanted: object) -> list[str]:
        found = await records.interactions(limit=10, **wanted)  # type: ignore[arg-type]
        return [one.interaction_id for one in found]

    assert first.queue_id is not None
    assert await listed(queue_id=first.queue_id) == ["4.2", "4.1"]
    assert await listed(queue_id=QueueId("nobody's")) == []
    assert await listed(outcomes=(first.outcome,)) == ["4.2", "4.1"]
    assert await listed(outcomes=(Outcome.LOST_PBX,)) == []
    assert await listed(since=second.started_at) == ["4.2"]
    assert await listed(until=second.started_at) == ["4.1"]
    assert await listed(since=first.started_at, until=second.started_at, before=InteractionId("4.2")) == ["4.1"]


async def test_open_and_known_interactions(database: Database, journal: JournalWriter) -> None:
    open_names = ["3.1", "2.1", "2.2"]
    for number, name in enumerate(open_names):
        journal.write(interactions=[folded(whole_call(name, -number)[:6])])
    journal.write(interactions=[folded(whole_call("0.1"))])
    await flush(journal)
    records = StoredRecords(database)
    assert [record.interaction_id for record in await records.open_interactions()] == ["2.2", "2.1", "3.1"]
    asked = [InteractionId(name) for name in ["0.1", "2.1", *map(str, range(2500))]]
    assert await records.known_interactions(asked) == {"0.1"}
    assert await records.known_interactions([]) == frozenset()


async def test_paging_goes_through_all_of_them_once_newest_first(database: Database, journal: JournalWriter) -> None:
    # Seven calls in three moments, so that pages break inside a moment.
    for number in range(7):
        customer = "c1" if number % 2 else None
        journal.write(interactions=[folded(whole_call(f"1.{number}", number // 3, customer=customer))])
    await flush(journal)
    records = StoredRecords(database)
    seen: list[str] = []
    before: InteractionId | None = None
    while page := await records.interactions(limit=2, before=before):
        seen += [record.interaction_id for record in page]
        before = page[-1].interaction_id
    assert seen == [f"1.{number}" for number in (6, 5, 4, 3, 2, 1, 0)]
    mine = await records.interactions(limit=9, customer_id=CustomerId("c1"), before=InteractionId("1.5"))
    assert [record.interaction_id for record in mine] == ["1.3", "1.1"]
    assert len(await records.interactions(limit=9, agent_id=AgentId("1002"))) == 7
    assert await records.interactions(limit=9, agent_id=AgentId("1001")) == ()
    with pytest.raises(NotFound, match=r"there is no interaction 8\.8") as caught:
        await records.interactions(limit=2, before=InteractionId("8.8"))
    assert caught.value.code == "unknown_interaction"


async def test_events_since_a_moment_in_any_zone(database: Database, journal: JournalWriter) -> None:
    events = [node(number) for number in (5, 1, 3, 4)]
    journal.write(events=events)
    await flush(journal)
    records = StoredRecords(database)
    assert await records.events_since(at(3)) == (events[0], events[2], events[3])
    assert await records.events_since(at(3) + timedelta(microseconds=1)) == (events[0], events[3])
    elsewhere = at(3).astimezone(timezone(timedelta(hours=8)))
    assert await records.events_since(elsewhere) == (events[0], events[2], events[3])


async def test_a_callers_wish_to_be_called_back_and_a_record_without_any_come_back(
    database: Database, journal: JournalWriter
) -> None:
    asked = replace(folded(whole_call("1.1")[:6]), callback_id=InteractionId("cb-1.1"))
    plain = folded(whole_call("2.1")[:2])
    journal.write(interactions=[asked, plain])
    await flush(journal)
    records = StoredRecords(database)
    assert await records.open_interactions() == (
        replace(asked, caller_name="晨星\ufffd 😀"),
        replace(plain, caller_name="晨星\ufffd 😀"),
    )
    async with database.reading() as connection:
        query = text("SELECT count(*) FROM interactions WHERE callback IS NULL AND placement IS NULL")
        assert (await connection.execute(query)).scalar_one() == 2


async def test_what_befalls_a_queue_is_found_by_its_queue(database: Database, journal: JournalWriter) -> None:
    closed = QueueClosed(queue_id=QueueId("sales"), at=at(1), by="boss")
    journal.write(events=[closed, QueueServed(queue_id=QueueId("other"), at=at(2)), *whole_call("1.1", 3)])
    await flush(journal)
    assert (await StoredRecords(database).events_since(NOON))[0] == closed
    async with database.reading() as connection:
        query = text(
            "SELECT queue_id, name, interaction_id, agent_id FROM events WHERE queue_id IS NOT NULL ORDER BY 1"
        )
        rows = (await connection.execute(query)).all()
    assert [tuple(row) for row in rows] == [
        ("other", "QueueServed", None, None),
        ("sales", "QueueClosed", None, None),
    ]


async def test_a_spill_of_an_older_program_is_stored(database: Database) -> None:
    line = (
        b'{"writer_id":"w","number":1,"entries":[{"events":[{"at":"2026-01-01T00:00:00Z","name":"NodeEntered",'
        b'"interaction_id":"1.1","agent_id":null,"data":{"interaction_id":"1.1","at":"2026-01-01T00:00:00Z",'
        b'"node":"a"}}],"interactions":[],"agents":[]}]}'
    )
    async with database.writing() as connection:
        assert await store_batch(connection, decode_batch(line))
    assert len(await StoredRecords(database).timeline(InteractionId("1.1"))) == 1


async def test_an_event_of_another_version_is_passed_over(database: Database, journal: JournalWriter) -> None:
    journal.write(events=[node(1), node(2)])
    await flush(journal)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE events SET name = 'Exploded' WHERE event_id = 1"))
    assert await StoredRecords(database).events_since(NOON) == (node(2),)


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        await StoredRecords(database).events_since(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point.


async def test_agents_states_survive_and_others_are_not_made_up(database: Database, journal: JournalWriter) -> None:
    async with database.writing() as connection:
        for name in ("1001", "1002"):
            await conf.put_agent(connection, AgentConfig(agent_id=AgentId(name), name=name))
        await conf.put_phone_secret(connection, AgentId("1001"), "s3cret")
    records, configuration = StoredRecords(database), StoredConfiguration(database)
    assert await records.agent_statuses() == ()
    journal.write(agents=[status("1001", AgentState.TALKING), status("stranger")])
    journal.write(agents=[status("1001")])
    await flush(journal)
    assert await records.agent_statuses() == (status("1001"),)
    agents = {agent.agent_id: agent for agent in await configuration.agents()}
    assert agents[AgentId("1001")].phone == status("1001").phone
    assert agents[AgentId("1002")].phone == Phone()
    # Configuring the agent again leaves his state and his secret alone.
    async with database.writing() as connection:
        await conf.put_agent(connection, AgentConfig(agent_id=AgentId("1001"), name="new", phone=status("x").phone))
    assert await records.agent_statuses() == (status("1001"),)
    assert await configuration.phone_secret(AgentId("1001")) == "s3cret"


async def test_bookmarks_and_epochs(database: Database) -> None:
    records = StoredRecords(database)
    assert await records.bookmark("cel") is None
    for value in ("17", "18"):
        await records.set_bookmark("cel", value)
        assert await records.bookmark("cel") == value
    assert [await take_epoch(database) for _ in range(3)] == [1, 2, 3]


async def test_configuration_comes_back_as_it_was(database: Database) -> None:
    configuration = StoredConfiguration(database)
    queue = QueueConfig(
        queue_id=QueueId("billing"),
        label=Label(zh="账单", en="Billing"),
        required=(
            SkillRequirement(skill=SkillId("zh"), minimum_level=3),
            SkillRequirement(skill=SkillId("billing")),
        ),
        ring_timeout=timedelta(seconds=12.5),
        wrap_up=timedelta(0),
        announce_interval=timedelta(microseconds=1),
        music_class="calm",
    )
    agent = AgentConfig(
        agent_id=AgentId("1001"),
        name="Agent 1001",
        skills={SkillId("zh"): 10, SkillId("billing"): 1},
        phone=Phone(kind=PhoneKind.ADDRESS, address="sip:desk@127.0.0.1"),
    )
    route = NumberRoute(dnis="4000", flow="main", label=Label(zh="总机", en="Main"))
    reasons = [
        ReasonCode(code=code, label=Label(zh=code, en=code), limit=limit, warn_before=timedelta(seconds=5))
        for code, limit in (("z", timedelta(minutes=15)), ("a", None), ("m", timedelta(seconds=1.5)))
    ]
    codes = [CodeLabel(code=reason.code, label=reason.label) for reason in reasons]
    async with database.writing() as connection:
        for skill in ("zh", "billing"):
            await conf.put_skill(connection, SkillId(skill), Label(zh=skill, en=skill))
        for _ in range(2):  # Putting the same again changes nothing.
            await conf.put_queue(connection, queue)
            await conf.put_agent(connection, agent)
            await conf.put_number(connection, route)
            await conf.put_reasons(connection, reasons)
            await conf.put_dispositions(connection, codes[:2])
    assert await configuration.queues() == (queue,)
    assert await configuration.agents() == (agent,)
    assert await configuration.numbers() == (route,)
    assert await configuration.reasons() == tuple(codes)
    assert await configuration.not_ready_reasons() == tuple(reason.rule for reason in reasons)
    assert await configuration.dispositions() == tuple(codes[:2])
    async with database.writing() as connection:
        await conf.put_queue(connection, replace(queue, required=()))
        await conf.put_agent(connection, replace(agent, skills={SkillId("zh"): 4}))
    assert (await configuration.queues())[0].required == ()
    assert (await configuration.agents())[0].skills == {"zh": 4}


async def test_the_phone_an_agent_chose_is_remembered(database: Database) -> None:
    configuration = StoredConfiguration(database)
    async with database.writing() as connection:
        await conf.put_agent(connection, AgentConfig(agent_id=AgentId("1001"), name="Agent 1001"))
    chosen = Phone(kind=PhoneKind.OUTSIDE, address="+8613800138000")
    await configuration.set_agent_phone(AgentId("1001"), chosen)
    assert (await configuration.agents())[0].phone == chosen
    assert await configuration.phone_secret(AgentId("1001")) is None
    assert await configuration.phone_secrets() == {}
    assert await configuration.phone_secret(AgentId("nobody")) is None
    with pytest.raises(NotFound, match="there is no agent nobody"):
        await configuration.set_agent_phone(AgentId("nobody"), chosen)
    with pytest.raises(NotFound, match="there is no agent nobody"):
        async with database.writing() as connection:
            await conf.put_phone_secret(connection, AgentId("nobody"), "x")
