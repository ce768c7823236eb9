"""What the world outside is told of: the kinds of events a web hook may ask for, and one such fact.

Law: a fact holds ids, codes and figures, never a name, a number or what somebody said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

HookValue = str | int | float | bool | None | tuple[str, ...]


class HookEvent(StrEnum):
    """What a web hook may be told of."""

    CUSTOMER_CREATED = "customer.created"
    CUSTOMER_CHANGED = "customer.changed"
    CUSTOMER_MERGED = "customer.merged"
    CASE_OPENED = "case.opened"
    CASE_CHANGED = "case.changed"
    CASE_DUE = "case.due"
    """It was not resolved in time and has been escalated."""
    CASE_CLOSED = "case.closed"
    TASK_DUE = "task.due"
    """Its owner wanted to be told now."""
    INTERACTION_ENDED = "interaction.ended"
    MESSAGE_LEFT = "message.left"
    SURVEY_ANSWERED = "survey.answered"
    ALERT_RAISED = "alert.raised"
    ALERT_CLEARED = "alert.cleared"


TEST_EVENT = "hook.test"
"""What a delivery is called that an administrator ordered to see whether it arrives; nobody can ask for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFact:
    """Something that has happened."""

    event: HookEvent
    at: datetime
    data: Mapping[str, HookValue] = field(default_factory=dict)
