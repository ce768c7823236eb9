"""Tasks read from rows, and lists of them over all customers, page by page along an index.

A page goes on from the time and id of its last task, whatever became of that task since.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Row, Select, select, tuple_

from callcenter.app.case_book import TaskFilters, TaskPage
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, TaskId
from callcenter.domain.tasks import Task, TaskKind
from callcenter.store import tables
from callcenter.store.crm_tables import tasks as table


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """Where a page ended: when its last task is due, or was done, and its id."""

    done: bool
    at: datetime
    task_id: str


_places = msgspec.json.Decoder(_Place)


def read_task_page(connection: Connection, filters: TaskFilters, limit: int, after: str | None) -> TaskPage:
    """What is due first at the top; of those that are done what was done last."""
    query = _matching(filters).limit(limit + 1)
    at = table.c.done_at if filters.done else table.c.due_at
    if after is not None:
        place = _read_place(after, done=filters.done)
        here, there = tuple_(at, table.c.task_id), tuple_(place.at, place.task_id)
        query = query.where(here < there if filters.done else here > there)
    query = query.order_by(*((at.desc(), table.c.task_id.desc()) if filters.done else (at, table.c.task_id)))
    found = read_tasks(connection, query)
    items = found[:limit]
    return TaskPage(
        items=items,
        customers=_names(connection, items),
        cases=_subjects(connection, items),
        next_after=_write_place(items[-1], done=filters.done) if len(found) > limit else None,
    )


def read_tasks(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Task, ...]:
    """The tasks of a query over whole rows, in its order."""
    return tuple(_task(row) for row in connection.execute(query).all())


def _task(row: Row[tuple[object, ...]]) -> Task:
    return Task(
        task_id=TaskId(row.task_id),
        customer_id=CustomerId(row.customer_id),
        case_id=CaseId(row.case_id) if row.case_id is not None else None,
        interaction_id=InteractionId(row.interaction_id) if row.interaction_id is not None else None,
        kind=TaskKind(row.kind),
        text=row.text,
        owner_id=AgentId(row.owner_id) if row.owner_id is not None else None,
        due_at=row.due_at,
        remind_at=row.remind_at,
        reminded_at=row.reminded_at,
        created_at=row.created_at,
        created_by=row.created_by,
        done_at=row.done_at,
        done_by=row.done_by,
        version=row.version,
    )


def _matching(filters: TaskFilters) -> Select[tuple[object, ...]]:
    query = table.select().where(table.c.done_at.is_not(None) if filters.done else table.c.done_at.is_(None))
    for column, value in (
        (table.c.customer_id, filters.customer_id),
        (table.c.case_id, filters.case_id),
        (table.c.owner_id, filters.owner_id),
        (table.c.kind, filters.kind),
    ):
        if value is not None:
            query = query.where(column == value)
    if filters.unowned:
        query = query.where(table.c.owner_id.is_(None))
    if filters.due_before is not None:
        query = query.where(table.c.due_at < filters.due_before)
    return query


def _names(connection: Connection, items: Sequence[Task]) -> dict[CustomerId, str]:
    named = sorted({task.customer_id for task in items})
    columns = tables.customers.c
    query = select(columns.customer_id, columns.name).where(columns.customer_id.in_(named))
    return {CustomerId(row.customer_id): row.name for row in connection.execute(query)} if named else {}


def _subjects(connection: Connection, items: Sequence[Task]) -> dict[CaseId, str]:
    named = sorted({task.case_id for task in items if task.case_id is not None})
    columns = tables.cases.c
    query = select(columns.case_id, columns.subject).where(columns.case_id.in_(named))
    return {CaseId(row.case_id): row.subject for row in connection.execute(query)} if named else {}


def _write_place(task: Task, *, done: bool) -> str:
    at = task.done_at if done else task.due_at
    return msgspec.json.encode(_Place(done, at or task.due_at, task.task_id)).hex()


def _read_place(text: str, *, done: bool) -> _Place:
    try:
        place = _places.decode(bytes.fromhex(text))
    except (ValueError, msgspec.MsgspecError):
        raise _no_place() from None
    if place.at.tzinfo is None or place.done != done or not place.task_id.isprintable():
        raise _no_place()
    return place


def _no_place() -> InvalidValue:
    return InvalidValue("after: this is no page's next_after of this list", code="invalid_cursor")
