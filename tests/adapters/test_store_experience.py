"""How it went with a customer the last time: the newest answered survey, the newest complaint, of all who are one."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from callcenter.app.customer_book import Experience, LastComplaint, LastSurvey
from callcenter.domain.cases import CaseOutcome
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, MergeId, QueueId
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.database import Database
from callcenter.store.survey_tables import survey_answers
from callcenter.store.tables import cases
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import make

ANNA, BEA = CustomerId("anna"), CustomerId("bea")


def answer(call: str, question: str, score: int, *, days: int, customer: str = "anna") -> dict[str, object]:
    return {
        "interaction_id": call,
        "flow": "survey",
        "question": question,
        "score": score,
        "agent_id": "1001",
        "queue_id": "sales",
        "customer_id": customer,
        "at": NOON + timedelta(days=days),
    }


def case(name: str, kind: str, *, days: int, customer: str = "anna", outcome: str | None = None) -> dict[str, object]:
    settled = None if outcome is None else NOON + timedelta(days=days + 1)
    return {
        "case_id": name,
        "customer_id": customer,
        "kind": kind,
        "subject": f"about {name}",
        "state": "open" if outcome is None else "resolved",
        "opened_at": NOON + timedelta(days=days),
        "resolved_at": settled,
        "reason": None if outcome is None else "late",
        "remedy": None if outcome is None else "refund",
        "outcome": outcome,
    }


async def test_the_last_of_each_is_told_of_all_who_are_one(database: Database) -> None:
    await make(database, "anna")
    await make(database, "bea")
    book = StoredCustomerBook(database)
    assert await book.experience(ANNA) == Experience(survey=None, complaint=None)
    async with database.writing() as connection:
        await connection.execute(
            insert(survey_answers),
            [
                answer("1.1", "agent", 1, days=0),
                answer("2.1", "agent", 5, days=2),
                answer("2.1", "wait", 3, days=2),
                answer("3.1", "agent", 4, days=9, customer="bea"),
            ],
        )
        rows = [
            case("k1", "complaint", days=1, outcome="recovered"),
            case("k2", "question", days=3),
            case("k3", "complaint", days=4, customer="bea"),
        ]
        await connection.execute(insert(cases), rows)
    survey = LastSurvey(
        interaction_id=InteractionId("2.1"),
        at=NOON + timedelta(days=2),
        queue_id=QueueId("sales"),
        agent_id=AgentId("1001"),
        scores={"agent": 5, "wait": 3},
    )
    complaint = LastComplaint(
        case_id=CaseId("k1"),
        subject="about k1",
        state="resolved",
        opened_at=NOON + timedelta(days=1),
        settled_at=NOON + timedelta(days=2),
        reason="late",
        remedy="refund",
        outcome=CaseOutcome.RECOVERED,
    )
    assert await book.experience(ANNA) == Experience(survey=survey, complaint=complaint)
    await StoredMerging(database).merge(ANNA, BEA, merge_id=MergeId("m"), at=NOON, by="1001")
    for who in (ANNA, BEA):
        found = await book.experience(who)
        assert found.survey is not None
        assert found.survey.scores == {"agent": 4}
        assert found.complaint is not None
        assert (found.complaint.case_id, found.complaint.settled_at, found.complaint.outcome) == ("k3", None, None)
    with pytest.raises(NotFound):
        await book.experience(CustomerId("x"))
