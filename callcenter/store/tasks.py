"""Follow-up tasks and promises: rows and back, each change with its line of history."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.case_book import TaskFilters, TaskInput, TaskPage
from callcenter.domain.errors import Conflict, InvalidValue, NotFound, Outdated
from callcenter.domain.hooks import HookEvent, HookFact
from callcenter.domain.ids import AgentId, CaseId, CustomerId, TaskId
from callcenter.domain.tasks import Task
from callcenter.store import tables
from callcenter.store.case_lists import check_agent
from callcenter.store.changes import add_change, differences
from callcenter.store.crm_tables import tasks as table
from callcenter.store.customers import root_of
from callcenter.store.database import Database
from callcenter.store.hook_facts import note_facts
from callcenter.store.reminders import remind_of_tasks
from callcenter.store.task_lists import read_task_page, read_tasks
from callcenter.store.upsert import insert_into

FIELDS = ("kind", "text", "owner_id", "due_at", "remind_at", "case_id", "interaction_id", "done_at", "done_by")
_COLUMNS = (*FIELDS, "reminded_at", "version")


class StoredTasks:
    """Implements `callcenter.app.case_book.TaskBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_task(
        self, task_id: TaskId, customer_id: CustomerId, data: TaskInput, *, at: datetime, by: str
    ) -> Task:
        """Keep a task under an id that is new."""
        async with self._database.writing() as connection:
            customer_id = await root_of(connection, customer_id)
            empty = Task(
                task_id=task_id,
                customer_id=customer_id,
                text=data.text,
                due_at=data.due_at,
                created_at=at,
                created_by=by,
                version=0,
            )
            task = _revised(empty, data, at=at, by=by)
            await _check(connection, None, task)
            row = {
                "task_id": task_id,
                "customer_id": customer_id,
                "created_at": at,
                "created_by": by,
                **{name: getattr(task, name) for name in _COLUMNS},
            }
            new = insert_into(connection, table).values(row).on_conflict_do_nothing()
            if (await connection.execute(new.returning(table.c.task_id))).first() is None:
                raise Conflict(f"there is a task {task_id} already; choose a new id", code="task_exists")
            await _note(connection, None, task, at=at, by=by, action="created")
            return task

    async def task(self, task_id: TaskId) -> Task | None:
        """One task."""
        query = table.select().where(table.c.task_id == task_id)
        found = await self._database.look(lambda connection: read_tasks(connection, query))
        return found[0] if found else None

    async def change_task(
        self, task_id: TaskId, data: TaskInput, *, at: datetime, by: str, expected_version: int | None = None
    ) -> Task:
        """Change a task; another time of the reminder reminds anew; the same again is no change."""
        async with self._database.writing() as connection:
            query = table.select().where(table.c.task_id == task_id).with_for_update()
            before = next(iter(await connection.run_sync(read_tasks, query)), None)
            if before is None:
                raise NotFound(f"there is no task {task_id}", code="unknown_task")
            if expected_version is not None and before.version != expected_version:
                raise Outdated(
                    f"task {task_id} has version {before.version} now, not {expected_version}; read it again"
                )
            after = _revised(before, data, at=at, by=by)
            if after != before:
                await _check(connection, before, after)
                change = update(table).where(table.c.task_id == task_id)
                await connection.execute(change.values({name: getattr(after, name) for name in _COLUMNS}))
                await _note(connection, before, after, at=at, by=by, action="changed")
            return after

    async def tasks_of(self, customer_id: CustomerId, *, limit: int) -> tuple[Task, ...]:
        """A customer's tasks, the newest first."""
        query = table.select().where(table.c.customer_id == customer_id)
        query = query.order_by(table.c.created_at.desc(), table.c.task_id).limit(limit)
        return await self._database.look(lambda connection: read_tasks(connection, query))

    async def tasks(self, filters: TaskFilters, *, limit: int, after: str | None) -> TaskPage:
        """Of all customers: what is due first at the top, of those that are done what was done last."""
        return await self._database.look(lambda connection: read_task_page(connection, filters, limit, after))

    async def reminders(self, *, now: datetime, limit: int) -> tuple[Task, ...]:
        """Open tasks whose owners are to be told by now and were not; the oldest first."""
        query = (
            table.select()
            .where(table.c.done_at.is_(None), table.c.reminded_at.is_(None), table.c.remind_at <= now)
            .order_by(table.c.remind_at)
            .limit(limit)
        )
        return await self._database.look(lambda connection: read_tasks(connection, query))

    async def reminded(self, task_ids: Sequence[TaskId], *, at: datetime) -> None:
        """Put it on the owners' desks, tell web hooks, and note that; each once."""
        mine = (table.c.task_id.in_(task_ids), table.c.reminded_at.is_(None))
        async with self._database.writing() as connection:
            due = await connection.run_sync(read_tasks, table.select().where(*mine).order_by(table.c.remind_at))
            await connection.execute(update(table).where(*mine).values(reminded_at=at))
            await remind_of_tasks(connection, due, at=at)
            await note_facts(connection, tuple(_fact(task, at) for task in due))


def _fact(task: Task, at: datetime) -> HookFact:
    return HookFact(
        event=HookEvent.TASK_DUE,
        at=at,
        data={
            "task_id": task.task_id,
            "customer_id": task.customer_id,
            "case_id": task.case_id,
            "kind": task.kind,
            "owner_id": task.owner_id,
            "due_at": task.due_at.isoformat(),
        },
    )


def open_tasks_of(connection: Connection, agent_id: AgentId, *, limit: int) -> tuple[Task, ...]:
    """An agent's open tasks, what is due first at the top."""
    query = table.select().where(table.c.owner_id == agent_id, table.c.done_at.is_(None))
    return read_tasks(connection, query.order_by(table.c.due_at, table.c.task_id).limit(limit))


def _revised(task: Task, data: TaskInput, *, at: datetime, by: str) -> Task:
    """The task as `data` says; equal to what it was when that is nothing new."""
    if data.remind_at is not None and data.remind_at > data.due_at:
        raise InvalidValue(f"task {task.task_id}: the reminder must not come after it is due", code="reminder_too_late")
    is_done = task.done_at is not None
    after = Task(
        task_id=task.task_id,
        customer_id=task.customer_id,
        case_id=data.case_id,
        interaction_id=data.interaction_id,
        kind=data.kind,
        text=data.text,
        owner_id=data.owner_id,
        due_at=data.due_at,
        remind_at=data.remind_at,
        reminded_at=task.reminded_at if data.remind_at == task.remind_at else None,
        created_at=task.created_at,
        created_by=task.created_by,
        done_at=(task.done_at if is_done else at) if data.done else None,
        done_by=(task.done_by if is_done else by) if data.done else None,
        version=task.version,
    )
    return after if after == task and task.version else replace(after, version=task.version + 1)


async def _check(connection: AsyncConnection, before: Task | None, task: Task) -> None:
    """A new owner is an agent, the case is this customer's."""
    # One who has left the house since keeps nobody from doing his task.
    if before is None or task.owner_id != before.owner_id:
        await check_agent(connection, task.owner_id, field="owner_id")
    if task.case_id is not None:
        await check_case_of(connection, task.case_id, task.customer_id)


async def check_case_of(connection: AsyncConnection, case_id: CaseId, customer_id: CustomerId) -> None:
    """Raise `NotFound` for no case, `Conflict` for one of somebody else."""
    query = select(tables.cases.c.customer_id).where(tables.cases.c.case_id == case_id)
    whose = (await connection.execute(query)).scalar_one_or_none()
    if whose is None:
        raise NotFound(f"there is no case {case_id}", code="unknown_case")
    if whose != customer_id:
        raise Conflict(f"case {case_id} is not of customer {customer_id}", code="case_of_another")


async def _note(
    connection: AsyncConnection, before: Task | None, after: Task, *, at: datetime, by: str, action: str
) -> None:
    await add_change(
        connection,
        customer_id=after.customer_id,
        at=at,
        by=by,
        entity="task",
        entity_id=after.task_id,
        action=action,
        fields=differences(before, after, FIELDS),
    )
