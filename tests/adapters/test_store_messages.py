"""Messages in the store: one row each, one agent each, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app.message_box import MessageCount, MessageFilters, Messages
from callcenter.app.ports import CustomerInput
from callcenter.domain import events as ev
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MessageId, QueueId
from callcenter.domain.interactions import apply, begin
from callcenter.domain.messages import Message, MessageState, message_name
from callcenter.domain.numbers import Number
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.journal import JournalWriter
from callcenter.store.messages import StoredMessages
from tests.adapters.store_calls import NOON

SOON = timedelta(seconds=30)
SALES, SUPPORT = QueueId("sales"), QueueId("support")
LI, CHEN = AgentId("1001"), AgentId("1002")
WANG = CustomerId("wang")


@pytest.fixture
async def journal(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JournalWriter]:
    writer = JournalWriter(database, spill_directory=tmp_path_factory.mktemp("spill"))
    await writer.start()
    yield writer
    await writer.stop()


async def leave(
    journal: JournalWriter,
    call: str,
    *,
    queue: QueueId = SALES,
    minutes: int = 0,
    seconds: float = 7.0,
    customer: CustomerId | None = None,
) -> MessageId:
    """A caller leaves a message so many minutes after noon."""
    interaction_id, at = InteractionId(call), NOON + timedelta(minutes=minutes)
    name = message_name(interaction_id, queue)
    events: list[ev.InteractionEvent] = [
        ev.InteractionArrived(
            interaction_id=interaction_id,
            at=at,
            channel="PJSIP/trunk-1",
            ani=Number(raw="13800138000", e164="+8613800138000"),
            dnis="4000",
            caller_name="Wang",
        ),
        ev.LanguageChosen(interaction_id=interaction_id, at=at, language="en"),
        ev.MessageLeft(interaction_id=interaction_id, at=at, queue_id=queue, file=f"{name}.wav", seconds=seconds),
        ev.InteractionEnded(interaction_id=interaction_id, at=at, outcome=ev.Outcome.MESSAGE_LEFT),
    ]
    if customer is not None:
        events.insert(
            1,
            ev.CustomerMatched(interaction_id=interaction_id, at=at, customer_ids=(customer,), customer_id=customer),
        )
    record = begin(events[0])  # type: ignore[arg-type]
    for event in events[1:]:
        record = apply(record, event)
    journal.write(events=events, interactions=[record])
    assert await journal.flushed(SOON)
    return MessageId(name.removeprefix("message-"))


async def found(store: StoredMessages, message_id: MessageId) -> Message:
    message = await store.message(message_id)
    assert message is not None
    return message


async def ids(
    store: Messages, filters: MessageFilters, *, after: MessageId | None = None, newest: bool = False
) -> list[MessageId]:
    listed = await store.messages(filters, limit=10, after=after, newest_first=newest)
    return [message.message_id for message in listed]


async def test_a_message_is_work_with_all_that_is_known_of_who_left_it(
    database: Database, journal: JournalWriter
) -> None:
    await StoredCustomers(database).create(WANG, CustomerInput(name="王芳"), at=NOON, by="test")
    store = StoredMessages(database)
    message = await found(store, await leave(journal, "cc1-1.1", customer=WANG))
    assert message == Message(
        message_id=MessageId("cc1-1.1_sales"),
        interaction_id=InteractionId("cc1-1.1"),
        queue_id=SALES,
        file="message-cc1-1.1_sales.wav",
        seconds=7.0,
        left_at=NOON,
        ani=Number(raw="13800138000", e164="+8613800138000"),
        caller_name="Wang",
        language="en",
        customer_id=WANG,
        customer_name="王芳",
    )
    assert await store.message(MessageId("nothing")) is None


async def test_told_again_it_is_the_same_message_and_stays_in_hand(database: Database, journal: JournalWriter) -> None:
    store = StoredMessages(database)
    message_id = await leave(journal, "cc1-1.1")
    before = await found(store, message_id)
    taken = replace(before, state=MessageState.TAKEN, taken_by=LI, taken_at=NOON)
    assert await store.move(before, taken)
    await leave(journal, "cc1-1.1", seconds=9.0, minutes=1)
    again = await found(store, message_id)
    assert (again.state, again.taken_by, again.seconds) == (MessageState.TAKEN, LI, 9.0)
    assert await store.known_files([again.file, "message-x_y.wav"]) == {again.file}


async def test_of_many_who_reach_for_a_message_one_has_it(database: Database, journal: JournalWriter) -> None:
    store = StoredMessages(database)
    message_id = await leave(journal, "cc1-1.1")
    before = await found(store, message_id)
    hands = [replace(before, state=MessageState.TAKEN, taken_by=AgentId(str(n)), taken_at=NOON) for n in range(8)]
    won = await asyncio.gather(*(store.move(before, hand) for hand in hands))
    assert won.count(True) == 1
    assert await found(store, message_id) == hands[won.index(True)]


async def test_messages_are_listed_by_queue_state_agent_and_caller_page_by_page(
    database: Database, journal: JournalWriter
) -> None:
    store = StoredMessages(database)
    await StoredCustomers(database).create(WANG, CustomerInput(name="王芳"), at=NOON, by="test")
    first = await leave(journal, "cc1-1.1")
    second = await leave(journal, "cc1-1.2", minutes=1, customer=WANG)
    other = await leave(journal, "cc1-1.3", minutes=2, queue=SUPPORT)
    before = await found(store, second)
    assert await store.move(before, replace(before, state=MessageState.TAKEN, taken_by=LI, taken_at=NOON))
    assert await ids(store, MessageFilters()) == [first, second, other]
    assert await ids(store, MessageFilters(), newest=True) == [other, second, first]
    assert await ids(store, MessageFilters(), after=first) == [second, other]
    assert await ids(store, MessageFilters(), after=second, newest=True) == [first]
    assert await ids(store, MessageFilters(), after=MessageId("nothing")) == []
    assert await ids(store, MessageFilters(queues=frozenset({SALES}))) == [first, second]
    assert await ids(store, MessageFilters(queues=frozenset())) == []
    assert await ids(store, MessageFilters(states=frozenset({MessageState.NEW}))) == [first, other]
    assert await ids(store, MessageFilters(taken_by=LI)) == [second]
    assert await ids(store, MessageFilters(taken_by=CHEN)) == []
    assert await ids(store, MessageFilters(customer_id=WANG)) == [second]
    assert await ids(store, MessageFilters(interaction_id=InteractionId("cc1-1.3"))) == [other]
    counts = {count.queue_id: count for count in await store.counts()}
    assert counts == {
        SALES: MessageCount(queue_id=SALES, new=1, oldest_at=NOON),
        SUPPORT: MessageCount(queue_id=SUPPORT, new=1, oldest_at=NOON + timedelta(minutes=2)),
    }
