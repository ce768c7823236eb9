"""Management's figures counted by the store are those that the folds over single facts give; so are the lists."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert, select

from callcenter.app.management import Listed
from callcenter.crm.churn import Complaint, ComplaintOutcome, recovery_by_reason
from callcenter.crm.lifecycle import Stage
from callcenter.crm.management import ClassChange, StageChange, SurveyAnswer, movements, satisfaction_by_queue
from callcenter.crm.periods import Period, PeriodKind, periods_between
from callcenter.crm.value_class import ValueClass
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.ids import CaseId, CustomerId, InteractionId, QueueId
from callcenter.store.database import Database
from callcenter.store.management import StoredManagement
from callcenter.store.sales_tables import orders
from callcenter.store.survey_tables import survey_answers
from callcenter.store.tables import cases, customers, interactions
from callcenter.store.value_tables import value_changes
from tests.adapters.store_calls import NOON
from tests.adapters.test_store_values import TODAY, a_crowd, done, values

UTC_ZONE = ZoneInfo("UTC")


async def test_the_figures_are_those_of_the_folds(database: Database) -> None:
    await a_crowd(database)
    await done(database)
    await done(database, today=TODAY + timedelta(days=150))
    management = StoredManagement(database, UTC_ZONE)
    periods = periods_between(date(2024, 6, 1), date(2026, 12, 31), PeriodKind.QUARTER)
    counted = await management.movements(periods)

    def facts(connection: Connection) -> tuple[list[StageChange], list[ClassChange]]:
        stages, classes = [], []
        for row in connection.execute(value_changes.select().order_by(value_changes.c.change_id)).all():
            who = CustomerId(row.customer_id)
            stages.append(StageChange(customer_id=who, on=row.on, stage=Stage(row.stage)))
            if row.was_class is not None and row.value_class is not None:
                classes.append(ClassChange(customer_id=who, on=date(2026, 7, 1), value_class=ValueClass(row.was_class)))
                classes.append(ClassChange(customer_id=who, on=row.on, value_class=ValueClass(row.value_class)))
        return stages, classes

    stages, classes = await database.look(facts)
    folded = movements(stages, classes, periods)
    for mine, theirs in zip(counted, folded, strict=True):
        assert (mine.at_start, mine.new, mine.won_back, mine.lost, mine.at_end) == (
            theirs.at_start,
            theirs.new,
            theirs.won_back,
            theirs.lost,
            theirs.at_end,
        ), mine.period
    assert sum(one.new for one in counted) > 20
    assert sum(one.lost for one in counted) > 5
    rules = ValueRules(margin=0.5)
    whole = Period(start=periods[0].start, end=periods[-1].end)
    for one in (Listed.NEW, Listed.LOST, Listed.WON_BACK):
        rows = [
            row
            for period in periods
            for row in await management.listed(one, period, key="", rules=rules, currency="CNY", limit=500, offset=0)
        ]
        assert len(rows) == sum(getattr(period, str(one)) for period in counted)
    profits = await management.profits((whole,), rules, "CNY")
    found = await values(database)

    def bought(connection: Connection) -> float:
        mine = (orders.c.placed_on >= whole.start, orders.c.placed_on < whole.end)
        return float(sum(connection.execute(select(orders.c.total).where(*mine)).scalars()))

    revenue = await database.look(bought)
    assert sum(row.revenue for row in profits) == pytest.approx(revenue)
    assert sum(row.profit for row in profits) == pytest.approx(revenue / 2)
    for row in profits:
        of_class = [one for one in found.values() if one["value_class"] == row.value_class]
        assert row.customers == len(of_class)
        listed = await management.listed(
            Listed.PROFIT, whole, key=row.value_class, rules=rules, currency="CNY", limit=500, offset=0
        )
        assert sum(one.amount or 0 for one in listed) == pytest.approx(row.profit)


async def test_service_costs_what_it_lasts(database: Database) -> None:
    await a_crowd(database, 3)
    talked = {
        "interaction_id": "t1",
        "media_type": "voice",
        "started_at": NOON,
        "connected_at": NOON + timedelta(seconds=5),
        "talk_ended_at": NOON + timedelta(seconds=605),
        "stage": "ended",
        "ani_raw": "",
        "ani_withheld": False,
        "dnis": "4001",
        "caller_name": "",
        "trunk": "",
        "menu_path": (),
        "language": "zh",
        "priority": 0,
        "customer_ids": (),
        "customer_id": "crowd-000",
        "notes": "",
    }
    async with database.writing() as connection:
        await connection.execute(insert(interactions), [talked])
    day = Period(start=NOON.date(), end=NOON.date() + timedelta(days=1))
    (row,) = await StoredManagement(database, UTC_ZONE).profits((day,), ValueRules(cost_per_minute=2), "CNY")
    assert row.customers == 1
    assert row.service_minutes == pytest.approx(10, abs=0.001)
    assert row.profit == pytest.approx(-20, abs=0.01)


async def test_an_empty_row_of_an_erased_customer_is_in_no_list(database: Database) -> None:
    await a_crowd(database, 4)
    await done(database)
    management = StoredManagement(database, UTC_ZONE)
    period = Period(start=date(2024, 1, 1), end=date(2027, 1, 1))

    async def top() -> list[str]:
        rows = await management.listed(
            Listed.TOP, period, key="", rules=ValueRules(), currency="CNY", limit=100, offset=0
        )
        return [str(row.customer_id) for row in rows]

    before = await top()
    async with database.writing() as connection:
        await connection.execute(
            customers.update().where(customers.c.customer_id == before[0]).values(name="", erased_at=NOON)
        )
    assert await top() == before[1:]


async def test_complaints_and_answers_are_those_of_the_folds(database: Database) -> None:
    await a_crowd(database, 4)
    said, answered, complaints, answers = [], [], [], []
    for number in range(40):
        reason = ("delivery", "price", None)[number % 3]
        outcome = ("recovered", "lost", None, "recovered")[number % 4]
        opened = datetime(2026, 5, 1, 8, tzinfo=UTC) + timedelta(days=number)
        settled = opened + timedelta(days=number % 5) if outcome is not None else None
        customer = f"crowd-{number % 4:03}"
        said.append(
            {
                "case_id": f"k{number}",
                "customer_id": customer,
                "kind": "complaint",
                "subject": f"matter {number}",
                "state": "open",
                "opened_at": opened,
                "resolved_at": settled,
                "reason": reason,
                "outcome": outcome,
            }
        )
        answered.append(
            {
                "interaction_id": f"i{number}",
                "flow": "survey",
                "question": "agent",
                "score": number % 5 + 1,
                "agent_id": "1001",
                "queue_id": ("sales", "support")[number % 2],
                "customer_id": customer,
                "at": opened,
            }
        )
        if opened.date() >= date(2026, 6, 1):
            continue
        complaints.append(
            Complaint(
                case_id=CaseId(f"k{number}"),
                customer_id=CustomerId(customer),
                opened_on=opened.date(),
                reason=reason or "",
                outcome=ComplaintOutcome(outcome or "open"),
                settled_on=settled.date() if settled is not None else None,
            )
        )
        answers.append(
            SurveyAnswer(
                interaction_id=InteractionId(f"i{number}"),
                on=opened.date(),
                queue_id=QueueId(("sales", "support")[number % 2]),
                agent_id=None,
                segment="",
                score=number % 5 + 1,
            )
        )
    async with database.writing() as connection:
        await connection.execute(insert(cases), said)
        await connection.execute(insert(survey_answers), answered)
    management = StoredManagement(database, UTC_ZONE)
    may = Period(start=date(2026, 5, 1), end=date(2026, 6, 1))
    counted = await management.complaints(may)
    folded = recovery_by_reason(complaints)
    assert list(counted) == list(folded)
    for reason, one in folded.items():
        mine = counted[reason]
        assert (mine.complaints, mine.open, mine.recovered, mine.lost) == (
            one.complaints,
            one.open,
            one.recovered,
            one.lost,
        )
        assert mine.days_to_settle == pytest.approx(one.days_to_settle, abs=0.001)
        rows = await management.listed(
            Listed.COMPLAINTS, may, key=reason, rules=ValueRules(), currency="", limit=100, offset=0
        )
        assert len(rows) == one.complaints
    found = await management.satisfaction(may)
    assert found.queues == {str(name): one for name, one in satisfaction_by_queue(answers).items()}
    assert found.agents["1001"].answers == len(answers)
    listed = await management.listed(
        Listed.SATISFACTION_QUEUE, may, key="sales", rules=ValueRules(), currency="", limit=100, offset=0
    )
    assert len(listed) == found.queues["sales"].answers
