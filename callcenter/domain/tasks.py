"""Follow-up tasks and promises: what somebody has to do for a customer, by when, and when he is reminded."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, TaskId


class TaskKind(StrEnum):
    """A promise is one that the customer was told."""

    FOLLOW_UP = "follow_up"
    PROMISE = "promise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do; `remind_at` is when its owner is told, `reminded_at` when he was."""

    task_id: TaskId
    customer_id: CustomerId
    case_id: CaseId | None = None
    interaction_id: InteractionId | None = None
    kind: TaskKind = TaskKind.FOLLOW_UP
    text: str
    owner_id: AgentId | None = None
    due_at: datetime
    remind_at: datetime | None = None
    reminded_at: datetime | None = None
    created_at: datetime
    created_by: str = ""
    done_at: datetime | None = None
    done_by: str | None = None
    version: int = 1
