"""Follow-up tasks and promises, and an agent's list of work."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from callcenter.app.case_book import TaskFilters, TaskInput, TaskPage, WorkList
from callcenter.app.permissions import Action
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, TaskId
from callcenter.domain.tasks import Task, TaskKind
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, changed, expected_version, versioned
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, Moment, PathId, QueryId, Text

router = api_router()

LARGEST_PAGE = 200
LONGEST_CURSOR = 1000
_READ = [Depends(Require(Action.READ_CASES))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_CASES))]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]
_NULLABLE = frozenset({"owner_id", "remind_at", "case_id", "interaction_id"})


class TaskBody(Body):
    """A new task; without an owner it is his who makes it."""

    kind: TaskKind = TaskKind.FOLLOW_UP
    text: Text
    owner_id: BodyId | None = None
    due_at: Moment
    remind_at: Moment | None = None
    case_id: BodyId | None = None
    interaction_id: BodyId | None = None


class TaskChange(Body):
    """What changes of a task; what is left out stays."""

    kind: TaskKind | None = None
    text: Text | None = None
    owner_id: BodyId | None = None
    due_at: Moment | None = None
    remind_at: Moment | None = None
    case_id: BodyId | None = None
    interaction_id: BodyId | None = None
    done: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskList:
    """Some tasks, the newest first."""

    items: tuple[Task, ...]


@router.get("/agents/me/work", response_model=WorkList)
async def read_work(
    principal: Annotated[Principal, Depends(Require(Action.READ_WORK))], deps: Deps, limit: Limit = 100
) -> Response:
    """One's own open cases and tasks, what is due first at the top."""
    return document(await deps.relations.cases.work_of(principal.own_agent(), limit=limit))


@router.post("/customers/{customer_id}/tasks", status_code=201, response_model=Task)
async def add_task(customer_id: PathId, body: TaskBody, principal: Writer, deps: Deps) -> Response:
    """Make a task for a customer."""
    owner = body.owner_id if "owner_id" in body.model_fields_set else principal.user.agent_id
    data = TaskInput(
        kind=body.kind,
        text=body.text,
        owner_id=None if owner is None else AgentId(owner),
        due_at=body.due_at,
        remind_at=None if body.remind_at is None else body.remind_at,
        case_id=None if body.case_id is None else CaseId(body.case_id),
        interaction_id=None if body.interaction_id is None else InteractionId(body.interaction_id),
    )
    task = await deps.relations.tasks.add_task(
        TaskId(deps.new_record_id()), CustomerId(customer_id), data, at=deps.clock.now(), by=principal.user.name
    )
    return versioned(task, task.version, 201)


@router.get("/customers/{customer_id}/tasks", response_model=TaskList, dependencies=_READ)
async def list_tasks(customer_id: PathId, deps: Deps, limit: Limit = 50) -> Response:
    """A customer's tasks, the newest first."""
    return document(TaskList(items=await deps.relations.tasks.tasks_of(CustomerId(customer_id), limit=limit)))


@router.get("/tasks", response_model=TaskPage, dependencies=_READ)
async def list_all_tasks(
    deps: Deps,
    done: bool = False,
    customer_id: QueryId = None,
    case_id: QueryId = None,
    owner_id: QueryId = None,
    unowned: bool = False,
    kind: TaskKind | None = None,
    due_before: Moment | None = None,
    limit: Limit = 50,
    after: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
) -> Response:
    """Open tasks of all customers, what is due first at the top; or those that are done, the last one first."""
    filters = TaskFilters(
        done=done,
        customer_id=None if customer_id is None else CustomerId(customer_id),
        case_id=None if case_id is None else CaseId(case_id),
        owner_id=None if owner_id is None else AgentId(owner_id),
        unowned=unowned,
        kind=kind,
        due_before=due_before,
    )
    return document(await deps.relations.tasks.tasks(filters, limit=limit, after=after))


@router.get("/tasks/{task_id}", response_model=Task, dependencies=_READ)
async def read_task(task_id: PathId, deps: Deps) -> Response:
    """One task."""
    task = await _find(deps, TaskId(task_id))
    return versioned(task, task.version)


@router.patch("/tasks/{task_id}", response_model=Task)
async def change_task(
    task_id: PathId, body: TaskChange, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Change a task, of the version in If-Match if there is one; `done` closes it or opens it again."""
    for name in body.model_fields_set - _NULLABLE:
        if getattr(body, name) is None:
            raise InvalidValue(f"{name} must not be null; leave it out to keep it")
    expected = expected_version(if_match)

    async def attempt() -> Task:
        known = await _find(deps, TaskId(task_id))
        return await deps.relations.tasks.change_task(
            known.task_id,
            _changed(known, body),
            at=deps.clock.now(),
            by=principal.user.name,
            expected_version=known.version if expected is None else expected,
        )

    task = await changed(expected, attempt)
    return versioned(task, task.version)


async def _find(deps: WebDependencies, task_id: TaskId) -> Task:
    task = await deps.relations.tasks.task(task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}", code="unknown_task")
    return task


def _changed(known: Task, body: TaskChange) -> TaskInput:
    """The task as it is to be."""
    given = body.model_fields_set
    owner = body.owner_id if "owner_id" in given else known.owner_id
    case_id = body.case_id if "case_id" in given else known.case_id
    interaction_id = body.interaction_id if "interaction_id" in given else known.interaction_id
    remind_at = body.remind_at if "remind_at" in given else known.remind_at
    return TaskInput(
        kind=known.kind if body.kind is None else body.kind,
        text=known.text if body.text is None else body.text,
        owner_id=None if owner is None else AgentId(owner),
        due_at=known.due_at if body.due_at is None else body.due_at,
        remind_at=None if remind_at is None else remind_at,
        case_id=None if case_id is None else CaseId(case_id),
        interaction_id=None if interaction_id is None else InteractionId(interaction_id),
        done=known.done_at is not None if body.done is None else body.done,
    )
