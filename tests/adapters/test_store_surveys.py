"""Who was asked after which talk, and what he answered, on both databases."""

from datetime import timedelta
from pathlib import Path

from callcenter.app.customer_book import TimelineKind
from callcenter.app.surveys import SurveyBook
from callcenter.domain import events as ev
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MergeId, QueueId
from callcenter.metrics.survey import SurveyTally
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.database import Database
from callcenter.store.journal import JournalWriter
from callcenter.store.surveys import StoredSurveys, write_surveys
from tests.adapters.store_calls import NOON, at
from tests.adapters.store_crm import make

ANNA, BEA = CustomerId("anna"), CustomerId("bea")
SALES, LI = QueueId("sales"), AgentId("1001")
MONTH = timedelta(days=30)


def asked(
    call: str,
    seconds: int = 0,
    *,
    customer: CustomerId | None = None,
    number: str = "",
    queue: QueueId = SALES,
    agent: AgentId = LI,
) -> ev.SurveyAsked:
    return ev.SurveyAsked(
        interaction_id=InteractionId(call),
        at=at(seconds),
        flow="survey",
        agent_id=agent,
        queue_id=queue,
        customer_id=customer,
        number=number,
    )


def answered(
    call: str, question: str, score: int, seconds: int = 10, *, queue: QueueId = SALES, agent: AgentId = LI
) -> ev.SurveyAnswered:
    return ev.SurveyAnswered(
        interaction_id=InteractionId(call),
        at=at(seconds),
        flow="survey",
        question=question,
        score=score,
        agent_id=agent,
        queue_id=queue,
    )


async def write(database: Database, *events: ev.SurveyAsked | ev.SurveyAnswered) -> None:
    async with database.writing() as connection:
        await write_surveys(connection, events)


async def test_the_journal_writes_them_also_what_went_through_the_spill(database: Database, tmp_path: Path) -> None:
    journal = JournalWriter(database, spill_directory=tmp_path)
    await journal.start()
    journal.write(events=[asked("c1", number="+8613712345678"), answered("c1", "satisfaction", 3)])
    journal.write(events=[asked("c1", 9, number="+8613712345678"), answered("c1", "satisfaction", 5, 12)])
    assert await journal.stop()
    book: SurveyBook = StoredSurveys(database)
    # Of the same question the last answer counts, and of two tellings of one asking the first.
    assert await book.tallies(at(-5), at(60)) == (
        SurveyTally(flow="survey", queue_id=SALES, agent_id=LI, asked=1, answered=1, scores={"satisfaction": {5: 1}}),
    )
    assert await book.tallies(at(5), at(60)) == (
        SurveyTally(flow="survey", queue_id=SALES, agent_id=LI, asked=0, answered=0, scores={"satisfaction": {5: 1}}),
    )


async def test_who_was_asked_is_known_by_customer_or_by_number(database: Database) -> None:
    book = StoredSurveys(database)
    await write(
        database,
        asked("c1", customer=ANNA, number="+8613700000001"),
        asked("c2", number="+8613700000002"),
    )
    for customer, number, was_asked in (
        (ANNA, "", True),
        (ANNA, "+8613700000009", True),
        (BEA, "+8613700000001", False),
        (None, "+8613700000002", True),
        (None, "+8613700000001", True),
        (None, "+8613700000003", False),
    ):
        found = await book.asked_since(NOON - MONTH, customer_id=customer, number=number)
        assert found is was_asked, (customer, number)
    assert not await book.asked_since(at(1), customer_id=ANNA, number="")
    assert await book.asked_since(at(0), customer_id=ANNA, number="")


async def test_who_was_merged_into_another_was_asked_as_that_other(database: Database) -> None:
    await make(database, "Anna", customer_id="anna")
    await make(database, "Bea", customer_id="bea")
    await write(database, asked("c1", customer=BEA), answered("c1", "satisfaction", 4))
    await StoredMerging(database).merge(ANNA, BEA, merge_id=MergeId("m1"), at=at(20), by="1001")
    assert await StoredSurveys(database).asked_since(NOON, customer_id=ANNA, number="")
    page = await StoredCustomerBook(database).timeline(ANNA, kinds=(TimelineKind.SURVEY,), limit=10, before=None)
    assert [(entry.entry_id, entry.data["scores"]) for entry in page.items] == [("c1", {"satisfaction": 4})]


async def test_tallies_are_by_flow_queue_and_agent(database: Database) -> None:
    support, chen = QueueId("support"), AgentId("1002")
    await write(
        database,
        asked("c1"),
        answered("c1", "satisfaction", 5),
        answered("c1", "solved", 1),
        asked("c2", 1),
        answered("c2", "satisfaction", 4),
        asked("c3", 2),
        asked("c4", 3, queue=support, agent=chen),
        answered("c4", "satisfaction", 1, queue=support, agent=chen),
        answered("menu", "satisfaction", 2, queue=support, agent=chen),
    )
    assert await StoredSurveys(database).tallies(NOON, at(60)) == (
        SurveyTally(
            flow="survey",
            queue_id=SALES,
            agent_id=LI,
            asked=3,
            answered=2,
            scores={"satisfaction": {4: 1, 5: 1}, "solved": {1: 1}},
        ),
        SurveyTally(
            flow="survey", queue_id=support, agent_id=chen, asked=1, answered=1, scores={"satisfaction": {1: 1, 2: 1}}
        ),
    )
    assert await StoredSurveys(database).tallies(at(100), at(200)) == ()
