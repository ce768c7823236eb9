"""Web hooks, their outbox, alerts and reminders in the store, on both databases."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callcenter.app.case_book import TaskInput
from callcenter.app.hooks import Attempt, DeliveryState, HookInput
from callcenter.app.ports import CustomerInput
from callcenter.crm.case_steps import CaseInput
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentConfig
from callcenter.domain.alerts import AlertKind, AlertRule, AlertTarget, Subject, SubjectKind
from callcenter.domain.cases import CaseKind, CaseOutcome, CaseState
from callcenter.domain.errors import InvalidValue, NotFound, Outdated
from callcenter.domain.hooks import HookEvent
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, MergeId, TaskId
from callcenter.domain.labels import Label
from callcenter.store.alerts import StoredAlerts
from callcenter.store.cases import StoredCases
from callcenter.store.configuration import put_agent
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.hooks import StoredHooks
from callcenter.store.journal import JournalWriter
from callcenter.store.reminders import StoredReminders
from callcenter.store.tasks import StoredTasks
from tests.adapters.store_calls import NOON, at, folded, whole_call
from tests.adapters.store_crm import make, phone

LI, ANNA = AgentId("1001"), CustomerId("anna")
EVERYTHING = HookInput(url="https://crm.example.org/hook", events=tuple(HookEvent))
SUBJECT = Subject(kind=SubjectKind.QUEUE, name="sales")
RULE = AlertRule(alert_id="long", label=Label(zh="久", en="Long"), kind=AlertKind.WAITING, threshold=3)
LATER = at(86_400)
SALES = Label(zh="销售", en="Sales")


async def listen(database: Database, data: HookInput = EVERYTHING, hook_id: str = "h1") -> StoredHooks:
    hooks = StoredHooks(database)
    await hooks.add(hook_id, data, secret="whsec_AAAA", at=NOON, by="admin")
    return hooks


async def told(hooks: StoredHooks, hook_id: str = "h1") -> list[str]:
    return [one.event for one in reversed(await hooks.deliveries(hook_id, limit=99, before=None, state=None))]


async def take(hooks: StoredHooks, now: datetime = LATER) -> tuple[str, dict[str, object]]:
    """Deliver the oldest; its event and its data."""
    (due,) = await hooks.due(now=now, limit=9, but=())
    attempt = Attempt(at=now, milliseconds=7, status=204, error=None)
    await hooks.tried(due.delivery, attempt, state=DeliveryState.DELIVERED, next_try_at=None)
    return due.delivery.event, json.loads(due.data)


async def hire(database: Database) -> None:
    async with database.writing() as connection:
        await put_agent(connection, AgentConfig(agent_id=LI, name="李娜"))


async def test_changes_of_customers_are_told_by_ids_and_names_of_fields(database: Database) -> None:
    hooks = await listen(database)
    anna = await make(database, "Anna Secret", phone("+8613800138000"), customer_id="anna")
    await make(database, "Other", customer_id="other")
    customers = StoredCustomers(database)
    await customers.update(ANNA, CustomerInput(name="Anna 2"), at=at(1), by="1001")
    await customers.update(ANNA, CustomerInput(name="Anna 2"), at=at(2), by="1001")
    await StoredMerging(database).merge(ANNA, CustomerId("other"), merge_id=MergeId("m1"), at=at(3), by="super")
    assert await told(hooks) == ["customer.created", "customer.created", "customer.changed", "customer.merged"]
    data = [await take(hooks) for _ in range(4)]
    assert data[2][1] == {"customer_id": "anna", "by": "1001", "fields": ["name", "contact_points"]}
    assert data[3][1] == {"customer_id": "anna", "merged_id": "other", "by": "super"}
    assert anna.name not in json.dumps(data)
    assert "138" not in json.dumps(data)


async def test_only_what_is_asked_for_is_kept_and_a_failed_change_leaves_nothing(database: Database) -> None:
    hooks = await listen(database, HookInput(url="https://a.example", events=(HookEvent.CASE_OPENED,)))
    off = replace(EVERYTHING, active=False)
    await listen(database, off, hook_id="off")
    await make(database, "Anna", customer_id="anna")
    case = CaseInput(kind=CaseKind.QUESTION, subject="?", owner_id=AgentId("nobody"))
    with pytest.raises(InvalidValue):
        await StoredCases(database).open_case(CaseId("k0"), ANNA, case, at=NOON, by="1001")
    assert await told(hooks) == []
    await StoredCases(database).open_case(CaseId("k1"), ANNA, replace(case, owner_id=None), at=NOON, by="1001")
    assert await told(hooks) == ["case.opened"]
    assert await told(hooks, "off") == []


async def test_cases_and_tasks_reach_hooks_and_the_owners_desk(database: Database) -> None:
    hooks = await listen(database)
    await hire(database)
    await make(database, "Anna", customer_id="anna")
    cases, tasks, reminders = StoredCases(database), StoredTasks(database), StoredReminders(database)
    case = CaseInput(kind=CaseKind.COMPLAINT, subject="短少", owner_id=LI)
    made = await cases.open_case(CaseId("k1"), ANNA, case, at=NOON, by="1001")
    assert made.due_at is not None
    due = made.due_at + timedelta(seconds=1)
    await cases.escalate_due(now=due, limit=9)
    await cases.escalate_due(now=due, limit=9)
    task = TaskInput(text="Call back", owner_id=LI, due_at=at(7200), remind_at=at(3600))
    await tasks.add_task(TaskId("t1"), ANNA, task, at=NOON, by="1001")
    found = await tasks.reminders(now=at(3600), limit=9)
    await tasks.reminded([one.task_id for one in found], at=at(3600))
    await tasks.reminded([one.task_id for one in found], at=at(3601))
    assert await told(hooks) == ["customer.created", "case.opened", "case.due", "task.due"]
    newest, oldest = (await reminders.open())[LI]
    assert (newest.task_id, newest.text, newest.customer_id) == (TaskId("t1"), "Call back", ANNA)
    assert (oldest.case_id, oldest.text) == (CaseId("k1"), "短少")
    with pytest.raises(NotFound):
        await reminders.dismiss(AgentId("1002"), newest.number, at=due)
    await reminders.dismiss(LI, newest.number, at=due)
    await reminders.dismiss(LI, newest.number, at=due)
    assert [one.number for one in (await reminders.open(LI))[LI]] == [oldest.number]
    settled = replace(case, state=CaseState.CLOSED, reason="delivery", remedy="refund", outcome=CaseOutcome.RECOVERED)
    await cases.change_case(CaseId("k1"), settled, at=due, by="1001")
    assert (await told(hooks))[-1] == "case.closed"
    assert await reminders.open() == {}
    assert await reminders.forget(due + timedelta(days=1)) == 2
    heard = dict([await take(hooks, due) for _ in range(5)])
    assert (heard["case.due"]["owner_id"], heard["case.due"]["previous_owner_id"]) == (LI, LI)


async def test_the_journal_and_the_outbox_are_written_together(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hooks = await listen(database)
    events = [
        *whole_call("c1"),
        ev.InteractionEnded(interaction_id=InteractionId("c1"), at=at(300), outcome=ev.Outcome.ANSWERED),
        ev.SurveyAnswered(interaction_id=InteractionId("c1"), at=at(310), flow="survey", question="q", score=5),
    ]
    if any(isinstance(event, ev.InteractionEnded) for event in events[:-2]):
        del events[-2]
    journal = JournalWriter(database, spill_directory=tmp_path_factory.mktemp("spill"))
    await journal.start()
    journal.write(events=events, interactions=(folded(events),))
    assert await journal.flushed(timedelta(seconds=10))
    assert await journal.stop()
    names = await told(hooks)
    assert sorted(names) == ["interaction.ended", "survey.answered"]
    (due,) = await hooks.due(now=at(9_999), limit=9, but=())
    data = json.loads(due.data)
    assert (data["interaction_id"], data["outcome"], data["queue_id"]) == ("c1", "answered", "sales")
    personal = await hooks.personal_data(data)
    assert personal["number"] == "+8613800138000"
    assert "138" not in due.data.decode()


async def test_a_hook_is_changed_by_version_and_dropped_with_its_log(database: Database) -> None:
    hooks = await listen(database)
    await make(database, "Anna", customer_id="anna")
    with pytest.raises(Outdated):
        await hooks.change("h1", EVERYTHING, at=NOON, by="admin", expected_version=7)
    same = await hooks.change("h1", EVERYTHING, at=NOON, by="admin", expected_version=1)
    assert (same.version, same.pending) == (1, 1)
    off = await hooks.change("h1", replace(EVERYTHING, active=False), at=NOON, by="admin", expected_version=1)
    assert (off.version, off.pending, off.active) == (2, 0, False)
    (only,) = await hooks.deliveries("h1", limit=9, before=None, state=DeliveryState.GIVEN_UP)
    assert only.last_error == "switched off"
    await hooks.remove("h1", at=NOON, by="admin")
    with pytest.raises(NotFound):
        await hooks.deliveries("h1", limit=9, before=None, state=None)
    with pytest.raises(NotFound):
        await hooks.remove("h1", at=NOON, by="admin")


async def test_one_that_fails_is_paused_unless_something_was_taken_meanwhile(database: Database) -> None:
    hooks = await listen(database)
    for name in ("one", "two"):
        await make(database, name, customer_id=name)
    (due,) = await hooks.due(now=at(1), limit=9, but=())
    assert await hooks.due(now=at(1), limit=9, but=("h1",)) == ()
    failed = Attempt(at=at(1), milliseconds=3, status=500, error=None)
    await hooks.tried(due.delivery, failed, state=DeliveryState.PENDING, next_try_at=at(60))
    (second,) = await hooks.due(now=at(2), limit=9, but=())
    assert second.delivery.number > due.delivery.number
    taken = Attempt(at=at(2), milliseconds=3, status=200, error=None)
    await hooks.tried(second.delivery, taken, state=DeliveryState.DELIVERED, next_try_at=None)
    assert await hooks.due(now=at(59), limit=9, but=()) == ()
    (again,) = await hooks.due(now=at(60), limit=9, but=())
    assert (again.delivery.tries, again.delivery.delivery_id) == (1, due.delivery.delivery_id)
    assert not await hooks.pause_failing(again.delivery, "down", at=at(61), at_once=False)
    assert await hooks.pause_failing(again.delivery, "gone", at=at(61), at_once=True)
    assert await hooks.due(now=at(70), limit=9, but=()) == ()
    hook = await hooks.hook("h1")
    assert hook is not None
    assert (hook.paused_reason, hook.pending) == ("gone", 1)
    await make(database, "three", customer_id="three")
    resumed = await hooks.resume("h1", at=at(80), by="admin")
    assert (resumed.paused_at, resumed.pending) == (None, 2)
    assert [one.delivery.delivery_id for one in await hooks.due(now=at(80), limit=9, but=())] == [
        due.delivery.delivery_id
    ]


async def test_a_redelivery_keeps_the_id_and_begins_anew(database: Database) -> None:
    hooks = await listen(database)
    await make(database, "one", customer_id="one")
    await take(hooks)
    (done,) = await hooks.deliveries("h1", limit=9, before=None, state=None)
    assert (done.state, done.tries, done.last_status, done.last_milliseconds) == (DeliveryState.DELIVERED, 1, 204, 7)
    again = await hooks.redeliver("h1", done.delivery_id, at=at(90), by="admin")
    assert (again.delivery_id, again.state, again.tries) == (done.delivery_id, DeliveryState.PENDING, 0)
    with pytest.raises(NotFound):
        await hooks.redeliver("h1", "msg_nothing", at=at(90), by="admin")


async def test_the_log_is_bounded_by_age_and_by_rows(database: Database) -> None:
    hooks = await listen(database)
    for number in range(6):
        await make(database, f"c{number}", customer_id=f"c{number}")
    await take(hooks)
    await take(hooks)
    assert await hooks.forget(before=NOON, keep=99) == 0
    assert await hooks.forget(before=at(1), keep=99) == 2
    assert await hooks.forget(before=NOON, keep=3) == 1
    assert len(await told(hooks)) == 3


async def test_an_alert_is_open_once_told_acknowledged_and_cleared(database: Database) -> None:
    hooks, alerts = await listen(database), StoredAlerts(database)
    raised = await alerts.raise_alert(RULE, SUBJECT, SALES, value=5.0, at=NOON)
    assert await alerts.raise_alert(RULE, SUBJECT, SALES, value=9.0, at=at(1)) == raised
    assert (await alerts.open(), raised.on_board) == ((raised,), True)
    first = await alerts.acknowledge(raised.number, at=at(2), by="super")
    assert await alerts.acknowledge(raised.number, at=at(3), by="admin") == first
    assert first.acknowledged_by == "super"
    with pytest.raises(NotFound):
        await alerts.acknowledge(raised.number + 1, at=at(3), by="admin")
    await alerts.clear(first, at=at(60), gone=False)
    await alerts.clear(first, at=at(61), gone=True)
    assert await told(hooks) == ["alert.raised", "alert.cleared"]
    again = await alerts.raise_alert(RULE, SUBJECT, SALES, value=4.0, at=at(90))
    newest, oldest = await alerts.alerts(limit=9, before=None, open_only=False)
    assert (newest, oldest.cleared_at, oldest.gone) == (again, at(60), False)
    assert await alerts.alerts(limit=9, before=None, open_only=True) == (again,)
    assert await alerts.alerts(limit=9, before=again.number, open_only=False) == (oldest,)
    quiet = replace(RULE, alert_id="quiet", to=frozenset({AlertTarget.BOARD}))
    other = await alerts.raise_alert(quiet, SUBJECT, SALES, value=None, at=at(91))
    await alerts.clear(other, at=at(92), gone=True)
    assert await told(hooks) == ["alert.raised", "alert.cleared", "alert.raised"]
    assert await alerts.forget(at(61)) == 1
