"""Reminders for owners of cases and tasks: written with what they remind of, read with what that says now."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.case_book import CaseEscalated
from callcenter.app.reminders import Reminder, ReminderKind
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, CaseId, CustomerId, TaskId
from callcenter.domain.tasks import Task
from callcenter.store import tables
from callcenter.store.alert_tables import reminders
from callcenter.store.crm_tables import tasks
from callcenter.store.database import Database

MOST_READ = 20_000


async def remind_of_cases(connection: AsyncConnection, escalated: Sequence[CaseEscalated], *, at: datetime) -> None:
    """In the transaction that escalates them: a line for each owner, and one for whose it was until now."""
    rows: list[dict[str, object]] = []
    for one in escalated:
        case, before = one.case, one.previous_owner_id
        told = {"at": at, "case_id": case.case_id, "passed_to": None, "missed_at": None}
        if case.owner_id is not None:
            rows.append({**told, "agent_id": case.owner_id, "kind": ReminderKind.CASE_ESCALATED})
        if before is not None and before != case.owner_id:
            passed = {"passed_to": case.owner_id, "missed_at": case.due_at}
            rows.append({**told, **passed, "agent_id": before, "kind": ReminderKind.CASE_PASSED_ON})
    if rows:
        await connection.execute(insert(reminders), rows)


async def remind_of_tasks(connection: AsyncConnection, due: Sequence[Task], *, at: datetime) -> None:
    """In the transaction that notes them as told: a line for each owner."""
    rows = [
        {"agent_id": task.owner_id, "kind": ReminderKind.TASK_DUE, "at": at, "task_id": task.task_id}
        for task in due
        if task.owner_id is not None
    ]
    if rows:
        await connection.execute(insert(reminders), rows)


class StoredReminders:
    """Implements `callcenter.app.reminders.ReminderBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, agent_id: AgentId | None = None) -> Mapping[AgentId, tuple[Reminder, ...]]:
        """Of one agent or of all, the newest first; what asks for nothing any more is left out."""
        return await self._database.look(lambda connection: _open(connection, agent_id))

    async def dismiss(self, agent_id: AgentId, number: int, *, at: datetime) -> None:
        """Take it off the agent's desk; `NotFound` when it is not his, a second time does nothing."""
        mine = (reminders.c.number == number, reminders.c.agent_id == agent_id)
        async with self._database.writing() as connection:
            if (await connection.execute(select(reminders.c.number).where(*mine))).first() is None:
                raise NotFound(f"you have no reminder {number}", code="unknown_reminder")
            step = update(reminders).where(*mine, reminders.c.dismissed_at.is_(None))
            await connection.execute(step.values(dismissed_at=at))

    async def forget(self, before: datetime) -> int:
        """Drop what is older; returns how many."""
        async with self._database.writing() as connection:
            return (await connection.execute(delete(reminders).where(reminders.c.at < before))).rowcount


def _open(connection: Connection, agent_id: AgentId | None) -> dict[AgentId, tuple[Reminder, ...]]:
    cases, people = tables.cases, tables.customers
    whose = func.coalesce(cases.c.customer_id, tasks.c.customer_id)
    is_of_another = cases.c.owner_id.is_distinct_from(reminders.c.agent_id)
    query = (
        select(
            reminders,
            func.coalesce(cases.c.subject, tasks.c.text).label("text"),
            func.coalesce(reminders.c.missed_at, cases.c.due_at, tasks.c.due_at).label("due_at"),
            people.c.customer_id,
            people.c.name,
        )
        .join(cases, cases.c.case_id == reminders.c.case_id, isouter=True)
        .join(tasks, tasks.c.task_id == reminders.c.task_id, isouter=True)
        .join(people, people.c.customer_id == whose)
        .where(
            reminders.c.dismissed_at.is_(None),
            or_(
                and_(reminders.c.kind == ReminderKind.CASE_PASSED_ON, is_of_another),
                and_(
                    reminders.c.kind == ReminderKind.CASE_ESCALATED,
                    cases.c.owner_id == reminders.c.agent_id,
                    cases.c.resolved_at.is_(None),
                    cases.c.closed_at.is_(None),
                ),
                and_(tasks.c.task_id.is_not(None), tasks.c.done_at.is_(None)),
            ),
        )
        .order_by(reminders.c.number.desc())
        .limit(MOST_READ)
    )
    if agent_id is not None:
        query = query.where(reminders.c.agent_id == agent_id)
    found: dict[AgentId, list[Reminder]] = {}
    for row in connection.execute(query).all():
        reminder = Reminder(
            number=row.number,
            kind=ReminderKind(row.kind),
            at=row.at,
            text=row.text,
            customer_id=CustomerId(row.customer_id),
            customer_name=row.name,
            due_at=row.due_at,
            case_id=None if row.case_id is None else CaseId(row.case_id),
            task_id=None if row.task_id is None else TaskId(row.task_id),
            passed_to=None if row.passed_to is None else AgentId(row.passed_to),
        )
        found.setdefault(AgentId(row.agent_id), []).append(reminder)
    return {owner: tuple(items) for owner, items in found.items()}
