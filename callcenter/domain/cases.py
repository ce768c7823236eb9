"""Cases: matters that span interactions, their states, and when they are due.

Law: a case goes from state to state as `CASE_TRANSITIONS` says and in no other way; a complaint is settled with its
reason and with whether the customer was won back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.domain.errors import IllegalTransition, InvalidValue
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId
from callcenter.domain.labels import Label


class CaseKind(StrEnum):
    """What a case is about."""

    QUESTION = "question"
    ORDER = "order"
    COMPLAINT = "complaint"
    FIELD_VISIT = "field_visit"
    FAULT = "fault"


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    """For the customer or for a third party."""
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"


_S = CaseState
CASE_TRANSITIONS: Mapping[CaseState, frozenset[CaseState]] = {
    _S.OPEN: frozenset({_S.IN_PROGRESS, _S.WAITING, _S.RESOLVED, _S.CLOSED}),
    _S.IN_PROGRESS: frozenset({_S.WAITING, _S.RESOLVED, _S.CLOSED}),
    _S.WAITING: frozenset({_S.IN_PROGRESS, _S.RESOLVED, _S.CLOSED}),
    _S.RESOLVED: frozenset({_S.CLOSED, _S.REOPENED}),
    _S.CLOSED: frozenset({_S.REOPENED}),
    _S.REOPENED: frozenset({_S.IN_PROGRESS, _S.WAITING, _S.RESOLVED, _S.CLOSED}),
}
"""From each state, the states a case may go to."""
SETTLED = frozenset({CaseState.RESOLVED, CaseState.CLOSED})
"""Nothing is owed to the customer any more."""


def check_case_transition(case_id: CaseId, old: CaseState, new: CaseState) -> None:
    """Raise `IllegalTransition` unless the table has the step."""
    if new not in CASE_TRANSITIONS[old]:
        allowed = ", ".join(sorted(CASE_TRANSITIONS[old]))
        raise IllegalTransition(f"case {case_id} is {old} and cannot become {new}; possible now: {allowed}")


class CasePriority(StrEnum):
    """How much a case presses; `RAISED` says what escalation makes of it."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


RAISED: Mapping[CasePriority, CasePriority] = {
    CasePriority.LOW: CasePriority.NORMAL,
    CasePriority.NORMAL: CasePriority.HIGH,
    CasePriority.HIGH: CasePriority.URGENT,
    CasePriority.URGENT: CasePriority.URGENT,
}


class CaseOutcome(StrEnum):
    """What became of the relationship a complaint was about."""

    RECOVERED = "recovered"
    LOST = "lost"


class CodeList(StrEnum):
    """The lists the business keeps, for complaints and for sales."""

    COMPLAINT_REASONS = "complaint_reasons"
    REMEDIES = "remedies"
    ORDER_STATES = "order_states"
    OPPORTUNITY_STAGES = "opportunity_stages"
    CLOSING_REASONS = "closing_reasons"
    """Why opportunities were won and lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCode:
    """An entry of such a list; a retired one stays where it is and is given to nothing else."""

    code: str
    label: Label
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTarget:
    """Within what time a case is to be resolved, and who gets it when it was not; None: it stays with its owner."""

    kind: CaseKind
    priority: CasePriority
    due_within: timedelta
    escalate_to: AgentId | None = None


USUAL_TARGETS: Mapping[CasePriority, timedelta] = {
    CasePriority.LOW: timedelta(days=5),
    CasePriority.NORMAL: timedelta(days=2),
    CasePriority.HIGH: timedelta(days=1),
    CasePriority.URGENT: timedelta(hours=4),
}
"""Where the business has set nothing; they are hours of the clock, not of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLink:
    """An interaction that belongs to a case."""

    interaction_id: InteractionId
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case with all that is known of it; `reason`, `remedy` and `outcome` are for complaints alone."""

    case_id: CaseId
    customer_id: CustomerId
    kind: CaseKind
    subject: str
    description: str = ""
    state: CaseState = CaseState.OPEN
    priority: CasePriority = CasePriority.NORMAL
    owner_id: AgentId | None = None
    opened_at: datetime
    opened_by: str = ""
    due_at: datetime | None = None
    escalated_at: datetime | None = None
    """When it was escalated for the present `due_at`; None: it was not."""
    escalations: int = 0
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    reopened: int = 0
    """How often."""
    reason: str | None = None
    remedy: str | None = None
    outcome: CaseOutcome | None = None
    interactions: tuple[CaseLink, ...] = ()
    version: int = 1


def check_complaint(case: CaseRecord) -> None:
    """Raise `InvalidValue` where what only complaints have is on another case, or a settled complaint lacks it."""
    if case.kind is not CaseKind.COMPLAINT:
        for name in ("reason", "remedy", "outcome"):
            if getattr(case, name) is not None:
                raise InvalidValue(
                    f"case {case.case_id} is a {case.kind}; {name} is for complaints alone", code="not_a_complaint"
                )
    elif case.state in SETTLED and (case.reason is None or case.outcome is None):
        missing = " and ".join(name for name in ("reason", "outcome") if getattr(case, name) is None)
        raise InvalidValue(
            f"complaint {case.case_id} cannot be {case.state} without {missing}: "
            "say why he complained, and whether he was recovered or lost",
            code="complaint_unsettled",
        )
