"""What becomes of a case: opened, changed, escalated; pure steps over `CaseRecord`.

Law: a step keeps the table of transitions, and a due time is escalated once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from callcenter.domain.cases import (
    RAISED,
    SETTLED,
    USUAL_TARGETS,
    CaseKind,
    CaseOutcome,
    CasePriority,
    CaseRecord,
    CaseState,
    ServiceTarget,
    check_case_transition,
    check_complaint,
)
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, CaseId, CustomerId

Targets = Mapping[tuple[CaseKind, CasePriority], ServiceTarget]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseInput:
    """What a person fills in about a case; without `due_by_target` the due time is `due_at`, None being never."""

    kind: CaseKind
    subject: str
    description: str = ""
    state: CaseState = CaseState.OPEN
    priority: CasePriority = CasePriority.NORMAL
    owner_id: AgentId | None = None
    due_by_target: bool = True
    due_at: datetime | None = None
    reason: str | None = None
    remedy: str | None = None
    outcome: CaseOutcome | None = None


def usual_targets() -> dict[tuple[CaseKind, CasePriority], ServiceTarget]:
    """Those that hold where the business has set nothing."""
    return {
        (kind, priority): ServiceTarget(kind=kind, priority=priority, due_within=USUAL_TARGETS[priority])
        for kind in CaseKind
        for priority in CasePriority
    }


def opened(
    case_id: CaseId, customer_id: CustomerId, data: CaseInput, targets: Targets, *, at: datetime, by: str
) -> CaseRecord:
    """A new case; it may be settled at once, as a question that was answered on the telephone."""
    new = CaseRecord(
        case_id=case_id,
        customer_id=customer_id,
        kind=data.kind,
        subject=data.subject,
        priority=data.priority,
        opened_at=at,
        opened_by=by,
        due_at=at + targets[data.kind, data.priority].due_within,
    )
    return replace(revised(new, data, targets, at=at), version=1)


def revised(case: CaseRecord, data: CaseInput, targets: Targets, *, at: datetime) -> CaseRecord:
    """The case as `data` says; the same object when that is nothing new.

    Raises `IllegalTransition`, and `InvalidValue` for a complaint that is settled without reason and outcome. Another
    kind or priority, and opening again, reckon the due time anew, unless `data` has one of its own.
    """
    after = replace(
        case,
        kind=data.kind,
        subject=data.subject,
        description=data.description,
        priority=data.priority,
        owner_id=data.owner_id,
        reason=data.reason,
        remedy=data.remedy,
        outcome=data.outcome,
    )
    if data.state is not case.state:
        check_case_transition(case.case_id, case.state, data.state)
        after = _moved(after, data.state, at)
    after = replace(after, due_at=_due(case, after, data, targets, at))
    if after.due_at != case.due_at:
        after = replace(after, escalated_at=None)
    check_complaint(after)
    return case if after == case else replace(after, version=case.version + 1)


def _moved(case: CaseRecord, state: CaseState, at: datetime) -> CaseRecord:
    match state:
        case CaseState.RESOLVED:
            return replace(case, state=state, resolved_at=at)
        case CaseState.CLOSED:
            return replace(case, state=state, resolved_at=case.resolved_at or at, closed_at=at)
        case CaseState.REOPENED:
            # How a complaint ended is open again.
            return replace(
                case, state=state, resolved_at=None, closed_at=None, outcome=None, reopened=case.reopened + 1
            )
        case _:
            return replace(case, state=state)


def _due(before: CaseRecord, after: CaseRecord, data: CaseInput, targets: Targets, at: datetime) -> datetime | None:
    if not data.due_by_target:
        if data.due_at is not None and data.due_at < before.opened_at:
            raise InvalidValue(
                f"case {before.case_id} cannot be due before it was opened ({before.opened_at.isoformat()})",
                code="due_too_early",
            )
        return data.due_at
    target = targets[after.kind, after.priority]
    if after.state is CaseState.REOPENED and before.state is not CaseState.REOPENED:
        return at + target.due_within
    if (after.kind, after.priority) != (before.kind, before.priority):
        return before.opened_at + target.due_within
    return before.due_at


def is_to_escalate(case: CaseRecord, now: datetime) -> bool:
    """Whether the time has passed, nothing is settled, and this due time was not escalated before."""
    return case.state not in SETTLED and case.due_at is not None and case.due_at <= now and case.escalated_at is None


def escalated(case: CaseRecord, targets: Targets, *, at: datetime) -> CaseRecord:
    """The case one priority higher, with whom its target names; its due time stays what was promised."""
    target = targets[case.kind, case.priority]
    return replace(
        case,
        priority=RAISED[case.priority],
        owner_id=target.escalate_to if target.escalate_to is not None else case.owner_id,
        escalated_at=at,
        escalations=case.escalations + 1,
        version=case.version + 1,
    )
