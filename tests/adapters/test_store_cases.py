"""Cases, tasks, lists, and the watch over their times, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from callcenter.app.case_book import (
    CaseBook,
    CaseEscalated,
    CaseFilters,
    CaseLists,
    TaskBook,
    TaskFilters,
    TaskInput,
)
from callcenter.app.case_watch import CaseWatch, TaskDue, Told
from callcenter.app.customer_book import TimelineKind
from callcenter.app.reminders import Reminder, ReminderKind
from callcenter.crm.case_steps import CaseInput
from callcenter.domain.agents import AgentConfig
from callcenter.domain.cases import (
    CaseCode,
    CaseKind,
    CaseOutcome,
    CasePriority,
    CaseState,
    CodeList,
    ServiceTarget,
)
from callcenter.domain.errors import Conflict, IllegalTransition, InvalidValue, NotFound, Outdated
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, MergeId, TaskId
from callcenter.domain.labels import Label
from callcenter.domain.tasks import TaskKind
from callcenter.store import schema, tables
from callcenter.store.case_lists import StoredCaseLists
from callcenter.store.cases import StoredCases
from callcenter.store.changes import read_changes
from callcenter.store.configuration import put_agent
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable
from callcenter.store.reminders import StoredReminders
from callcenter.store.tasks import StoredTasks
from callcenter.store.timeline import read_timeline
from tests.adapters.store_calls import NOON, at
from tests.adapters.store_crm import call_of, make
from tests.fakes import FakeClock

LI, BOSS, ANNA = AgentId("1001"), AgentId("1009"), CustomerId("anna")
COMPLAINT = CaseInput(kind=CaseKind.COMPLAINT, subject="货物短少 two boxes", description="第 3 批\nagain", owner_id=LI)
QUESTION = CaseInput(kind=CaseKind.QUESTION, subject="Which address?", owner_id=LI)
TASK = TaskInput(
    kind=TaskKind.PROMISE, text="Call back", owner_id=LI, due_at=at(7200), remind_at=at(3600), case_id=CaseId("k1")
)


@pytest.fixture
async def furnished(database: Database) -> Database:
    async with database.writing() as connection:
        for agent_id in (LI, BOSS):
            await put_agent(connection, AgentConfig(agent_id=agent_id, name=agent_id))
    await make(database, "Anna", customer_id="anna")
    return database


async def test_a_case_comes_back_as_filled_in_and_leaves_its_history(furnished: Database) -> None:
    cases: CaseBook = StoredCases(furnished)
    made = await cases.open_case(CaseId("k1"), ANNA, COMPLAINT, at=NOON, by="1001")
    assert made == await cases.case(CaseId("k1"))
    assert (made.state, made.due_at, made.opened_by) == (CaseState.OPEN, NOON + timedelta(days=2), "1001")
    assert await cases.case(CaseId("k9")) is None
    data = replace(
        COMPLAINT, state=CaseState.RESOLVED, reason="delivery", remedy="refund", outcome=CaseOutcome.RECOVERED
    )
    resolved = await cases.change_case(CaseId("k1"), data, at=at(60), by="1002", expected_version=1)
    assert resolved == await cases.case(CaseId("k1"))
    assert (resolved.version, resolved.resolved_at) == (2, at(60))
    assert await cases.change_case(CaseId("k1"), data, at=at(99), by="1003") == resolved
    newest, oldest, _ = await furnished.look(lambda look: read_changes(look, ANNA, limit=9, before=None))
    assert (newest.entity, newest.entity_id, newest.action, newest.by) == ("case", "k1", "changed", "1002")
    assert {change.field: (change.before, change.after) for change in newest.fields} == {
        "state": ("open", "resolved"),
        "reason": (None, "delivery"),
        "remedy": (None, "refund"),
        "outcome": (None, "recovered"),
    }
    assert (oldest.action, oldest.by) == ("opened", "1001")


async def test_what_cannot_be_is_refused_and_nothing_happens(furnished: Database) -> None:
    cases = StoredCases(furnished)
    made = await cases.open_case(CaseId("k1"), ANNA, COMPLAINT, at=NOON, by="1001")
    for data, code in (
        (replace(COMPLAINT, reason="nonsense"), "unknown_reason"),
        (replace(COMPLAINT, remedy="nonsense"), "unknown_remedy"),
        (replace(COMPLAINT, owner_id=AgentId("9999")), "unknown_agent"),
        (replace(COMPLAINT, state=CaseState.CLOSED), "complaint_unsettled"),
    ):
        with pytest.raises(InvalidValue) as caught:
            await cases.change_case(CaseId("k1"), data, at=at(1), by="1001")
        assert caught.value.code == code
    with pytest.raises(IllegalTransition):
        await cases.change_case(CaseId("k1"), replace(COMPLAINT, state=CaseState.REOPENED), at=at(1), by="1001")
    with pytest.raises(Outdated, match="version 1 now, not 4"):
        await cases.change_case(CaseId("k1"), QUESTION, at=at(1), by="1001", expected_version=4)
    with pytest.raises(NotFound):
        await cases.change_case(CaseId("k9"), QUESTION, at=at(1), by="1001")
    with pytest.raises(NotFound):
        await cases.open_case(CaseId("k2"), CustomerId("nobody"), QUESTION, at=at(1), by="1001")
    with pytest.raises(Conflict):
        await cases.open_case(CaseId("k1"), ANNA, QUESTION, at=at(1), by="1001")
    assert await cases.case(CaseId("k1")) == made


async def test_cases_are_listed_by_what_is_asked_and_page_by_page(furnished: Database) -> None:
    cases = StoredCases(furnished)
    await make(furnished, "Bea", customer_id="bea")
    for number in range(6):
        data = replace(QUESTION, owner_id=BOSS if number == 5 else LI)
        customer = CustomerId("bea") if number == 4 else ANNA
        await cases.open_case(CaseId(f"k{number}"), customer, data, at=at(number // 2), by="1001")
    closed = replace(QUESTION, state=CaseState.CLOSED)
    await cases.change_case(CaseId("k0"), closed, at=at(9), by="1001")

    async def ids(limit: int = 9, before: str | None = None, **filters: object) -> list[str]:
        asked = CaseFilters(**filters)  # type: ignore[arg-type]
        found = await cases.cases(asked, limit=limit, before=None if before is None else CaseId(before))
        return [case.case_id for case in found]

    assert await ids() == ["k5", "k4", "k3", "k2", "k1", "k0"]
    assert await ids(limit=2, before="k4") == ["k3", "k2"]
    assert await ids(customer_id=CustomerId("bea")) == ["k4"]
    assert await ids(owner_id=BOSS) == ["k5"]
    assert await ids(state=CaseState.CLOSED) == await ids(open=False) == ["k0"]
    assert await ids(open=True, owner_id=LI) == ["k4", "k3", "k2", "k1"]
    assert await ids(kind=CaseKind.FAULT) == await ids(overdue_at=at(10)) == []
    assert await ids(overdue_at=NOON + timedelta(days=2, seconds=1)) == ["k3", "k2", "k1"]
    with pytest.raises(NotFound):
        await ids(before="k9")


async def test_interactions_belong_to_a_case_once(furnished: Database) -> None:
    cases = StoredCases(furnished)
    await call_of(furnished, "1.1", "anna")
    await cases.open_case(CaseId("k1"), ANNA, QUESTION, at=NOON, by="1001")
    linked = await cases.link(CaseId("k1"), InteractionId("1.1"), at=at(1), by="1001")
    assert linked == await cases.case(CaseId("k1"))
    assert [(link.interaction_id, link.by) for link in linked.interactions] == [("1.1", "1001")]
    assert linked.version == 2
    assert await cases.link(CaseId("k1"), InteractionId("1.1"), at=at(2), by="1002") == linked
    (found,) = await cases.cases(CaseFilters(interaction_id=InteractionId("1.1")), limit=9, before=None)
    assert found == linked
    with pytest.raises(NotFound):
        await cases.link(CaseId("k9"), InteractionId("1.1"), at=at(1), by="1001")
    born = await cases.open_case(CaseId("k2"), ANNA, QUESTION, at=at(1), by="x", interaction_id=InteractionId("1.1"))
    assert born == await cases.case(CaseId("k2"))
    assert [link.interaction_id for link in born.interactions] == ["1.1"]
    assert (await cases.unlink(CaseId("k1"), InteractionId("1.1"), at=at(3), by="1001")).interactions == ()
    with pytest.raises(NotFound):
        await cases.unlink(CaseId("k1"), InteractionId("1.1"), at=at(3), by="1001")


async def test_only_open_cases_are_on_the_card(furnished: Database) -> None:
    cases, customers = StoredCases(furnished), StoredCustomers(furnished)
    for name in ("k1", "k2", "k3"):
        await cases.open_case(CaseId(name), ANNA, QUESTION, at=NOON, by="1001")
    await cases.change_case(CaseId("k1"), replace(QUESTION, state=CaseState.RESOLVED), at=at(1), by="1001")
    await cases.change_case(CaseId("k2"), replace(QUESTION, state=CaseState.CLOSED), at=at(1), by="1001")
    card = await customers.card(ANNA)
    assert card is not None
    (shown,) = card.open_cases
    assert (shown.case_id, shown.priority, shown.owner_id) == ("k3", "normal", LI)
    assert shown.due_at == NOON + timedelta(days=2)
    await cases.change_case(CaseId("k1"), replace(QUESTION, state=CaseState.REOPENED), at=at(2), by="1001")
    card = await customers.card(ANNA)
    assert card is not None
    assert {case.case_id for case in card.open_cases} == {"k1", "k3"}


async def test_the_lists_of_the_business(furnished: Database) -> None:
    lists: CaseLists = StoredCaseLists(furnished)
    cases = StoredCases(furnished)
    reasons = await lists.codes(CodeList.COMPLAINT_REASONS)
    assert [code.code for code in reasons][:2] == ["quality", "delivery"]
    label = Label(zh="气味", en="Smell")
    await lists.put_code(CodeList.COMPLAINT_REASONS, CaseCode(code="smell", label=label), at=NOON, by="admin")
    await cases.open_case(CaseId("k1"), ANNA, replace(COMPLAINT, reason="smell"), at=NOON, by="1001")
    gone = CaseCode(code="smell", label=Label(zh="异味", en="Odour"), retired=True)
    await lists.put_code(CodeList.COMPLAINT_REASONS, gone, at=NOON, by="admin")
    assert (await lists.codes(CodeList.COMPLAINT_REASONS))[-1] == gone
    await cases.change_case(CaseId("k1"), replace(COMPLAINT, reason="smell", subject="new"), at=NOON, by="1001")
    with pytest.raises(InvalidValue, match="no reason 'smell'"):
        await cases.open_case(CaseId("k2"), ANNA, replace(COMPLAINT, reason="smell"), at=NOON, by="1001")
    target = ServiceTarget(
        kind=CaseKind.FAULT, priority=CasePriority.NORMAL, due_within=timedelta(hours=6), escalate_to=BOSS
    )
    assert len(await lists.targets()) == len(CaseKind) * len(CasePriority)
    await lists.put_target(target, at=NOON, by="admin")
    await lists.put_target(target, at=NOON, by="admin")
    assert (await lists.targets())[CaseKind.FAULT, CasePriority.NORMAL] == target
    fault = await cases.open_case(CaseId("k3"), ANNA, CaseInput(kind=CaseKind.FAULT, subject="x"), at=NOON, by="1001")
    assert fault.due_at == at(6 * 3600)
    with pytest.raises(InvalidValue):
        await lists.put_target(replace(target, escalate_to=AgentId("9999")), at=NOON, by="admin")


async def test_a_task_is_kept_changed_and_done(furnished: Database) -> None:
    tasks: TaskBook = StoredTasks(furnished)
    await StoredCases(furnished).open_case(CaseId("k1"), ANNA, QUESTION, at=NOON, by="1001")
    made = await tasks.add_task(TaskId("t1"), ANNA, TASK, at=NOON, by="1001")
    assert made == await tasks.task(TaskId("t1"))
    assert (made.version, made.done_at, made.kind) == (1, None, TaskKind.PROMISE)
    assert await tasks.change_task(TaskId("t1"), TASK, at=at(1), by="1002") == made
    done = await tasks.change_task(TaskId("t1"), replace(TASK, done=True), at=at(2), by="1002", expected_version=1)
    assert done == await tasks.task(TaskId("t1"))
    assert (done.done_at, done.done_by, done.version) == (at(2), "1002", 2)
    assert await tasks.change_task(TaskId("t1"), replace(TASK, done=True), at=at(3), by="1003") == done
    assert (await tasks.change_task(TaskId("t1"), TASK, at=at(3), by="1003")).done_at is None
    assert [task.task_id for task in await tasks.tasks_of(ANNA, limit=9)] == ["t1"]
    await make(furnished, "Bea", customer_id="bea")
    for customer, data, error, code in (
        ("nobody", TASK, NotFound, "unknown_customer"),
        ("bea", TASK, Conflict, "case_of_another"),
        ("anna", replace(TASK, case_id=CaseId("k9")), NotFound, "unknown_case"),
        ("anna", replace(TASK, owner_id=AgentId("9999")), InvalidValue, "unknown_agent"),
        ("anna", replace(TASK, remind_at=at(9999)), InvalidValue, "reminder_too_late"),
    ):
        with pytest.raises(error) as caught:
            await tasks.add_task(TaskId("t2"), CustomerId(customer), data, at=NOON, by="1001")
        assert caught.value.code == code
    with pytest.raises(Outdated):
        await tasks.change_task(TaskId("t1"), TASK, at=at(4), by="1001", expected_version=1)
    with pytest.raises(NotFound):
        await tasks.change_task(TaskId("t9"), TASK, at=at(4), by="1001")


async def test_a_task_of_somebody_who_has_left_can_be_done(furnished: Database) -> None:
    tasks = StoredTasks(furnished)
    data = replace(TASK, case_id=None, owner_id=BOSS)
    await tasks.add_task(TaskId("t1"), ANNA, data, at=NOON, by="1001")
    async with furnished.writing() as connection:
        await connection.execute(delete(tables.agents).where(tables.agents.c.agent_id == BOSS))
    done = await tasks.change_task(TaskId("t1"), replace(data, done=True), at=at(2), by="1001")
    assert (done.done_at, done.owner_id) == (at(2), BOSS)


async def test_an_agents_work_has_what_is_due_first_at_the_top(furnished: Database) -> None:
    cases, tasks = StoredCases(furnished), StoredTasks(furnished)
    for name, days in (("k1", 3), ("k2", 1), ("k3", None)):
        due = None if days is None else NOON + timedelta(days=days)
        await cases.open_case(CaseId(name), ANNA, replace(QUESTION, due_by_target=False, due_at=due), at=NOON, by="x")
    await cases.open_case(CaseId("k4"), ANNA, replace(QUESTION, owner_id=BOSS), at=NOON, by="x")
    await cases.open_case(CaseId("k5"), ANNA, replace(QUESTION, state=CaseState.CLOSED), at=NOON, by="x")
    for name, seconds, done in (("t1", 9000, False), ("t2", 8000, False), ("t3", 7200, True)):
        data = replace(TASK, due_at=at(seconds), done=done)
        await tasks.add_task(TaskId(name), ANNA, data, at=NOON, by="x")
    work = await cases.work_of(LI, limit=9)
    assert [case.case_id for case in work.cases] == ["k2", "k1", "k3"]
    assert [task.task_id for task in work.tasks] == ["t2", "t1"]
    assert [case.case_id for case in (await cases.work_of(LI, limit=1)).cases] == ["k2"]


async def test_the_tasks_of_all_customers_are_listed_page_by_page(furnished: Database) -> None:
    tasks = StoredTasks(furnished)
    await make(furnished, "Bea", customer_id="bea")
    await StoredCases(furnished).open_case(CaseId("k1"), ANNA, QUESTION, at=NOON, by="x")
    plain = replace(TASK, case_id=None, remind_at=None)
    for name, customer, data in (
        ("t1", ANNA, replace(plain, due_at=at(300))),
        ("t2", CustomerId("bea"), replace(plain, due_at=at(100), owner_id=BOSS)),
        ("t3", ANNA, replace(plain, due_at=at(200), owner_id=None, kind=TaskKind.FOLLOW_UP)),
        ("t4", ANNA, replace(plain, due_at=at(200), case_id=CaseId("k1"))),
        ("d1", ANNA, replace(plain, due_at=at(50), done=True)),
        ("d2", CustomerId("bea"), replace(plain, due_at=at(40), done=True)),
    ):
        await tasks.add_task(TaskId(name), customer, data, at=at(ord(name[1])), by="x")

    async def walk(limit: int = 2, **asked: object) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            page = await tasks.tasks(TaskFilters(**asked), limit=limit, after=after)  # type: ignore[arg-type]
            assert len(page.items) <= limit
            assert set(page.customers) == {task.customer_id for task in page.items}
            found += [task.task_id for task in page.items]
            if (after := page.next_after) is None:
                return found

    assert await walk() == await walk(limit=1) == await walk(limit=9) == ["t2", "t3", "t4", "t1"]
    assert await walk(done=True) == await walk(limit=1, done=True) == ["d2", "d1"]
    assert await walk(owner_id=LI) == ["t4", "t1"]
    assert await walk(unowned=True) == await walk(kind=TaskKind.FOLLOW_UP) == ["t3"]
    assert await walk(customer_id=CustomerId("bea")) == ["t2"]
    assert await walk(case_id=CaseId("k1")) == ["t4"]
    assert await walk(due_before=at(200)) == ["t2"]
    assert await walk(due_before=at(201)) == ["t2", "t3", "t4"]
    first = await tasks.tasks(TaskFilters(), limit=3, after=None)
    assert (first.cases, first.customers[CustomerId("bea")]) == ({"k1": QUESTION.subject}, "Bea")
    # The last of a page is done meanwhile: the next page goes on behind where it stood.
    await tasks.change_task(TaskId("t4"), replace(plain, due_at=at(200), done=True), at=at(400), by="x")
    rest = await tasks.tasks(TaskFilters(), limit=3, after=first.next_after)
    assert [task.task_id for task in rest.items] == ["t1"]
    assert await walk(done=True) == ["t4", "d2", "d1"]
    for nonsense in ("", "zz", "00", first.next_after):
        with pytest.raises(InvalidValue) as caught:
            await tasks.tasks(TaskFilters(done=True), limit=3, after=nonsense)
        assert caught.value.code == "invalid_cursor"


async def test_cases_are_listed_by_whether_they_were_escalated_and_are_somebodys(furnished: Database) -> None:
    cases = StoredCases(furnished)
    late = replace(QUESTION, due_by_target=False, due_at=at(60))
    await cases.open_case(CaseId("k1"), ANNA, late, at=NOON, by="x")
    await cases.open_case(CaseId("k2"), ANNA, replace(QUESTION, owner_id=None), at=NOON, by="x")
    await cases.escalate_due(now=at(61), limit=9)
    for filters, expected in (
        (CaseFilters(escalated=True), ["k1"]),
        (CaseFilters(unowned=True), ["k2"]),
        (CaseFilters(unowned=True, escalated=True), []),
    ):
        assert [case.case_id for case in await cases.cases(filters, limit=9, before=None)] == expected


async def test_what_is_due_is_escalated_and_told_once(furnished: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callcenter.app.case_watch.MOST_A_TURN", 2)
    cases, tasks, clock = StoredCases(furnished), StoredTasks(furnished), FakeClock(NOON)
    target = ServiceTarget(
        kind=CaseKind.QUESTION, priority=CasePriority.NORMAL, due_within=timedelta(hours=1), escalate_to=BOSS
    )
    await StoredCaseLists(furnished).put_target(target, at=NOON, by="admin")
    for number in range(1, 4):
        await cases.open_case(CaseId(f"k{number}"), ANNA, QUESTION, at=NOON, by="1001")
    await cases.open_case(CaseId("done"), ANNA, replace(QUESTION, state=CaseState.RESOLVED), at=NOON, by="1001")
    await tasks.add_task(TaskId("t1"), ANNA, replace(TASK, case_id=None), at=NOON, by="1001")
    told: list[Told] = []
    watch = CaseWatch(cases=cases, tasks=tasks, clock=clock, tell=told.append)
    clock.advance(timedelta(minutes=59))
    assert not await watch.turn()
    assert told == []
    clock.advance(timedelta(minutes=1))
    assert await watch.turn()
    assert not await watch.turn()
    assert not await watch.turn()
    escalated = [one.case for one in told if isinstance(one, CaseEscalated)]
    assert sorted(case.case_id for case in escalated) == ["k1", "k2", "k3"]
    assert {(case.owner_id, case.priority, case.escalations) for case in escalated} == {(BOSS, CasePriority.HIGH, 1)}
    assert [one.task.task_id for one in told if isinstance(one, TaskDue)] == ["t1"]
    changes = await furnished.look(lambda look: read_changes(look, ANNA, limit=99, before=None))
    assert [change.by for change in changes if change.action == "escalated"] == ["system"] * 3
    # Whoever reads the line knows why: by when it should have been resolved, and with whom it is now.
    escalation = next(change for change in changes if change.action == "escalated")
    assert {one.field: one.after for one in escalation.fields} == {
        "missed": at(3600).isoformat().replace("+00:00", "Z"),
        "priority": "high",
        "owner_id": BOSS,
    }
    story = await furnished.look(
        lambda look: read_timeline(look, ANNA, kinds=[TimelineKind.CHANGE], limit=9, before=None)
    )
    assert {entry.data["about"] for entry in story.items} == {QUESTION.subject}
    later = replace(TASK, case_id=None, due_at=at(20_000), remind_at=at(10_000))
    await tasks.change_task(TaskId("t1"), later, at=clock.now(), by="1001")
    clock.advance(timedelta(hours=3))
    await watch.turn()
    assert isinstance(told[-1], TaskDue)
    assert len(told) == 5


LATE = replace(QUESTION, due_by_target=False, due_at=at(60))


async def to_boss(database: Database) -> None:
    """Questions of every priority go to the boss when they are late."""
    for priority in CasePriority:
        target = ServiceTarget(
            kind=CaseKind.QUESTION, priority=priority, due_within=timedelta(hours=1), escalate_to=BOSS
        )
        await StoredCaseLists(database).put_target(target, at=NOON, by="admin")


async def desks(database: Database) -> dict[str, list[tuple[str, str | None]]]:
    """Of each desk what lies on it, the newest first: its kind and the case."""
    found = await StoredReminders(database).open()
    return {desk: [(one.kind, one.case_id) for one in lines] for desk, lines in found.items()}


async def test_whose_case_it_was_is_told_who_has_it_and_why(furnished: Database) -> None:
    cases = StoredCases(furnished)
    await to_boss(furnished)
    await cases.open_case(CaseId("k1"), ANNA, LATE, at=NOON, by="1001")
    await cases.open_case(CaseId("boss"), ANNA, replace(LATE, owner_id=BOSS), at=NOON, by="1001")
    await cases.open_case(CaseId("free"), ANNA, replace(LATE, owner_id=None), at=NOON, by="1001")
    told = await cases.escalate_due(now=at(61), limit=9)
    assert {(one.case.case_id, one.case.owner_id, one.previous_owner_id) for one in told} == {
        ("k1", BOSS, LI),
        ("boss", BOSS, BOSS),
        ("free", BOSS, None),
    }
    reminders = StoredReminders(furnished)
    (mine,) = (await reminders.open(LI))[LI]
    assert mine == Reminder(
        number=mine.number,
        kind=ReminderKind.CASE_PASSED_ON,
        at=at(61),
        text=QUESTION.subject,
        customer_id=ANNA,
        customer_name="Anna",
        due_at=at(60),
        case_id=CaseId("k1"),
        passed_to=BOSS,
    )
    assert sorted((await desks(furnished))[BOSS]) == [
        ("case_escalated", "boss"),
        ("case_escalated", "free"),
        ("case_escalated", "k1"),
    ]
    # Another time and another owner since: what he was told stays as it was, until he has read it.
    later = replace(LATE, owner_id=BOSS, due_at=at(9_000), priority=CasePriority.HIGH)
    await cases.change_case(CaseId("k1"), later, at=at(62), by="1009")
    await cases.change_case(CaseId("k1"), replace(later, state=CaseState.CLOSED), at=at(63), by="1009")
    assert (await reminders.open(LI))[LI] == (mine,)
    assert ("case_escalated", "k1") not in (await desks(furnished))[BOSS]
    await cases.change_case(CaseId("boss"), replace(LATE, owner_id=LI), at=at(64), by="1009")
    assert ("case_escalated", "boss") not in (await desks(furnished))[BOSS]
    await cases.change_case(CaseId("k1"), replace(later, state=CaseState.REOPENED, owner_id=LI), at=at(65), by="x")
    assert await reminders.open(LI) == {}


async def test_an_overdue_case_that_nobody_has_is_counted_until_somebody_has_it(furnished: Database) -> None:
    cases = StoredCases(furnished)
    for name, owner in (("free", None), ("li", LI), ("boss", BOSS)):
        await cases.open_case(CaseId(name), ANNA, replace(LATE, owner_id=owner), at=NOON, by="x")
    assert await cases.unseen() == 0
    await cases.escalate_due(now=at(61), limit=9)
    assert await cases.unseen() == 1
    assert await desks(furnished) == {LI: [("case_escalated", "li")], BOSS: [("case_escalated", "boss")]}
    async with furnished.writing() as connection:
        await connection.execute(delete(tables.agents).where(tables.agents.c.agent_id == BOSS))
    assert await cases.unseen() == 2
    nobodys = await cases.cases(CaseFilters(unowned=True, overdue_at=at(61)), limit=9, before=None)
    assert {case.case_id for case in nobodys} == {"free", "boss"}
    await cases.change_case(CaseId("free"), replace(LATE, owner_id=LI), at=at(70), by="super")
    assert await cases.unseen() == 1
    await cases.change_case(CaseId("boss"), replace(LATE, owner_id=BOSS, due_at=at(900)), at=at(70), by="super")
    assert await cases.unseen() == 0
    await cases.escalate_due(now=at(901), limit=9)
    assert await cases.unseen() == 1
    await cases.change_case(CaseId("boss"), replace(LATE, owner_id=None, state=CaseState.CLOSED), at=at(902), by="x")
    assert await cases.unseen() == 0


async def test_a_target_whose_person_is_gone_leaves_the_case_with_its_owner(furnished: Database) -> None:
    cases = StoredCases(furnished)
    await to_boss(furnished)
    async with furnished.writing() as connection:
        await connection.execute(delete(tables.agents).where(tables.agents.c.agent_id == BOSS))
    await cases.open_case(CaseId("k1"), ANNA, LATE, at=NOON, by="1001")
    (told,) = await cases.escalate_due(now=at(61), limit=9)
    assert (told.case.owner_id, told.previous_owner_id, told.case.priority) == (LI, LI, CasePriority.HIGH)
    assert await desks(furnished) == {LI: [("case_escalated", "k1")]}
    assert await cases.unseen() == 0


async def test_a_store_that_is_away_does_not_end_the_watch(
    furnished: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setattr("callcenter.app.case_watch.LOOK_EVERY", timedelta())
    cases, tasks = StoredCases(furnished), StoredTasks(furnished)
    await cases.open_case(CaseId("k1"), ANNA, QUESTION, at=NOON, by="1001")
    real, failures, heard = cases.escalate_due, iter([True, True]), asyncio.Event()

    async def fail_first(**arguments: object) -> object:
        if next(failures, False):
            raise DatabaseUnreachable("away")
        return await real(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(cases, "escalate_due", fail_first)
    clock = FakeClock(NOON + timedelta(days=9))
    watch = asyncio.create_task(CaseWatch(cases=cases, tasks=tasks, clock=clock, tell=lambda _: heard.set()).run())
    async with asyncio.timeout(30):
        await heard.wait()
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch


async def test_cases_and_tasks_go_to_whom_the_customer_was_merged_into(furnished: Database) -> None:
    cases, tasks = StoredCases(furnished), StoredTasks(furnished)
    await make(furnished, "Bea", customer_id="bea")
    await StoredMerging(furnished).merge(CustomerId("bea"), ANNA, merge_id=MergeId("m"), at=NOON, by="x")
    assert (await cases.open_case(CaseId("k1"), ANNA, QUESTION, at=NOON, by="1001")).customer_id == "bea"
    assert (await tasks.add_task(TaskId("t1"), ANNA, TASK, at=NOON, by="1001")).customer_id == "bea"


async def test_lists_that_the_business_made_are_left_alone_by_the_upgrade(empty_database: Database) -> None:
    await schema.upgrade_database(empty_database, revision="0005")
    lists = StoredCaseLists(empty_database)
    assert await lists.codes(CodeList.REMEDIES) == ()
    own = CaseCode(code="own", label=Label(zh="自", en="Own"))
    await lists.put_code(CodeList.REMEDIES, own, at=NOON, by="admin")
    await schema.upgrade_database(empty_database)
    assert await lists.codes(CodeList.REMEDIES) == (own,)
