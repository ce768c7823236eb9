"""What the use cases want of the store for cases, tasks and the lists the business keeps for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callcenter.crm.case_steps import CaseInput
from callcenter.domain.cases import CaseCode, CaseKind, CasePriority, CaseRecord, CaseState, CodeList, ServiceTarget
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, TaskId
from callcenter.domain.tasks import Task, TaskKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilters:
    """Which cases; None asks nothing. `open` is neither resolved nor closed, `overdue_at` due before this moment.

    `unowned` asks for those of nobody, or of an agent who is not there any more; `escalated` for those that were, at
    whatever due time.
    """

    customer_id: CustomerId | None = None
    owner_id: AgentId | None = None
    unowned: bool = False
    escalated: bool = False
    kind: CaseKind | None = None
    state: CaseState | None = None
    open: bool | None = None
    overdue_at: datetime | None = None
    interaction_id: InteractionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEscalated:
    """A case was not resolved in time; it has its new priority and owner, and was `previous_owner_id`'s before."""

    case: CaseRecord
    previous_owner_id: AgentId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilters:
    """Which tasks: those that are open or those that are done; None asks nothing, `due_before` is left out itself."""

    done: bool = False
    customer_id: CustomerId | None = None
    case_id: CaseId | None = None
    owner_id: AgentId | None = None
    unowned: bool = False
    kind: TaskKind | None = None
    due_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Some tasks, and what they hang on is called; `next_after` goes on, None at the end."""

    items: tuple[Task, ...]
    customers: Mapping[CustomerId, str]
    cases: Mapping[CaseId, str]
    next_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInput:
    """What a person fills in about a task; `done` closes it or opens it again."""

    kind: TaskKind = TaskKind.FOLLOW_UP
    text: str
    owner_id: AgentId | None = None
    due_at: datetime
    remind_at: datetime | None = None
    case_id: CaseId | None = None
    interaction_id: InteractionId | None = None
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkList:
    """What an agent has to do, what is due first at the top."""

    cases: tuple[CaseRecord, ...]
    tasks: tuple[Task, ...]


class CaseBook(Protocol):
    """Cases; who changes one says which version he read, None writes over whatever is there."""

    async def open_case(
        self,
        case_id: CaseId,
        customer_id: CustomerId,
        data: CaseInput,
        *,
        at: datetime,
        by: str,
        interaction_id: InteractionId | None = None,
    ) -> CaseRecord:
        """Open a case, perhaps out of an interaction; `NotFound` without the customer.

        `InvalidValue` for reasons and remedies that are not in the lists.
        """
        ...

    async def case(self, case_id: CaseId) -> CaseRecord | None:
        """One case."""
        ...

    async def change_case(
        self, case_id: CaseId, data: CaseInput, *, at: datetime, by: str, expected_version: int | None = None
    ) -> CaseRecord:
        """Change a case; `NotFound`, `Outdated`, `IllegalTransition`, `InvalidValue`; the same again is no change."""
        ...

    async def cases(self, filters: CaseFilters, *, limit: int, before: CaseId | None) -> tuple[CaseRecord, ...]:
        """The newest first, those opened before `before`."""
        ...

    async def link(
        self,
        case_id: CaseId,
        interaction_id: InteractionId,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> CaseRecord:
        """Make an interaction belong to the case; one that does already stays as it is.

        Whether there is such an interaction the caller knows: one that is alive may not be in the store yet.
        """
        ...

    async def unlink(
        self,
        case_id: CaseId,
        interaction_id: InteractionId,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> CaseRecord:
        """Undo a link; `NotFound` when there is none."""
        ...

    async def escalate_due(self, *, now: datetime, limit: int) -> tuple[CaseEscalated, ...]:
        """Escalate those whose time has passed, each once for its due time; `limit` of them, the oldest first."""
        ...

    async def unseen(self) -> int:
        """How many overdue cases nobody has: escalated, unsettled, and of no agent there is."""
        ...

    async def work_of(self, agent_id: AgentId, *, limit: int) -> WorkList:
        """The open cases and tasks of an agent, `limit` of each."""
        ...


class TaskBook(Protocol):
    """Follow-up tasks and promises."""

    async def add_task(
        self, task_id: TaskId, customer_id: CustomerId, data: TaskInput, *, at: datetime, by: str
    ) -> Task:
        """Keep a task; `NotFound` without customer or case, `Conflict` for a case of somebody else."""
        ...

    async def task(self, task_id: TaskId) -> Task | None:
        """One task."""
        ...

    async def change_task(
        self, task_id: TaskId, data: TaskInput, *, at: datetime, by: str, expected_version: int | None = None
    ) -> Task:
        """Change a task; another time of the reminder reminds anew; `NotFound`, `Outdated`."""
        ...

    async def tasks_of(self, customer_id: CustomerId, *, limit: int) -> tuple[Task, ...]:
        """A customer's tasks, the newest first."""
        ...

    async def tasks(self, filters: TaskFilters, *, limit: int, after: str | None) -> TaskPage:
        """Of all customers: what is due first at the top, of those that are done what was done last.

        `InvalidValue` for an `after` that no page had.
        """
        ...

    async def reminders(self, *, now: datetime, limit: int) -> tuple[Task, ...]:
        """Open tasks whose owners are to be told by now and were not; the oldest first."""
        ...

    async def reminded(self, task_ids: Sequence[TaskId], *, at: datetime) -> None:
        """Note that the owners were told."""
        ...


class CaseLists(Protocol):
    """Service targets, reasons of complaints, remedies."""

    async def targets(self) -> Mapping[tuple[CaseKind, CasePriority], ServiceTarget]:
        """Every pair of kind and priority has its target, the usual one where the business set none."""
        ...

    async def put_target(self, target: ServiceTarget, *, at: datetime, by: str) -> None:
        """Set a target; it counts for cases that are opened or change their priority from now on."""
        ...

    async def codes(self, of: CodeList) -> tuple[CaseCode, ...]:
        """A list in its order, retired codes too."""
        ...

    async def put_code(self, of: CodeList, code: CaseCode, *, at: datetime, by: str) -> None:
        """Add a code at the end, or change its label or whether it is retired."""
        ...
