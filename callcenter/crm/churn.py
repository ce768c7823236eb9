"""Why customers complain and why they leave: folds over cases and losses.

Definitions: a complaint is settled when it ended recovered (the customer stayed and is content) or lost (he left over
it); recovery rate = recovered / settled; an open one counts in neither. A loss is put down to one reason.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from callcenter.domain.ids import CaseId, CustomerId


class ComplaintOutcome(StrEnum):
    """How a complaint ended for the relationship."""

    OPEN = "open"
    RECOVERED = "recovered"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A case of the kind complaint; reason and remedy are codes of the business's lists, "" where none was given."""

    case_id: CaseId
    customer_id: CustomerId
    opened_on: date
    reason: str
    remedy: str = ""
    outcome: ComplaintOutcome = ComplaintOutcome.OPEN
    settled_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A customer became lost; `stated_reason` is what he said himself, where anyone asked him."""

    customer_id: CustomerId
    on: date
    stated_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Complaints of one reason, or of one remedy to it."""

    complaints: int
    open: int
    recovered: int
    lost: int
    days_to_settle: float | None
    """Mean over the settled ones whose day is known."""

    @property
    def recovery_rate(self) -> float | None:
        """recovered / (recovered + lost); None while nothing is settled."""
        settled = self.recovered + self.lost
        return self.recovered / settled if settled else None


class LossSource(StrEnum):
    """What the reason of a loss rests on, the surest first."""

    STATED = "stated"
    COMPLAINT = "complaint"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossReason:
    """One reason with its losses; without a word from the customer the reason is "" and the source silent."""

    reason: str
    source: LossSource
    losses: int
    share: float
    """losses / all losses."""


COMPLAINT_BEFORE_LOSS: Final = timedelta(days=180)
"""How long after its opening a complaint may still be why a customer left."""


def recovery_by_reason(complaints: Iterable[Complaint]) -> dict[str, Recovery]:
    """Each reason's complaints, the most frequent first, equal ones by name."""
    grouped: dict[str, list[Complaint]] = {}
    for complaint in complaints:
        grouped.setdefault(complaint.reason, []).append(complaint)
    return {reason: _recovery(grouped[reason]) for reason in sorted(grouped, key=lambda key: (-len(grouped[key]), key))}


def recovery_by_remedy(complaints: Iterable[Complaint]) -> dict[tuple[str, str], Recovery]:
    """Each (reason, remedy)'s complaints, by name: which remedy keeps the customer for which reason."""
    grouped: dict[tuple[str, str], list[Complaint]] = {}
    for complaint in complaints:
        grouped.setdefault((complaint.reason, complaint.remedy), []).append(complaint)
    return {key: _recovery(grouped[key]) for key in sorted(grouped)}


def reasons_of_loss(
    losses: Iterable[Loss], complaints: Iterable[Complaint], *, within: timedelta = COMPLAINT_BEFORE_LOSS
) -> tuple[LossReason, ...]:
    """Every loss under one reason, the most frequent first, equal ones by source and name.

    What the customer stated; else the reason of his last complaint opened at most `within` before the loss that was not
    recovered; else silent. Complaints of equal date: the one with the greater case id counts, so the order of the
    input does not matter.
    """
    by_customer: dict[CustomerId, list[Complaint]] = {}
    for complaint in complaints:
        if complaint.outcome is not ComplaintOutcome.RECOVERED:
            by_customer.setdefault(complaint.customer_id, []).append(complaint)
    counted = Counter(_reason_of(loss, by_customer, within) for loss in losses)
    order = list(LossSource)
    total = sum(counted.values())
    return tuple(
        LossReason(reason=reason, source=source, losses=count, share=count / total)
        for (source, reason), count in sorted(
            counted.items(), key=lambda item: (-item[1], order.index(item[0][0]), item[0][1])
        )
    )


def _reason_of(
    loss: Loss, complaints: Mapping[CustomerId, list[Complaint]], within: timedelta
) -> tuple[LossSource, str]:
    if loss.stated_reason:
        return LossSource.STATED, loss.stated_reason
    near = [
        complaint
        for complaint in complaints.get(loss.customer_id, ())
        if timedelta() <= loss.on - complaint.opened_on <= within
    ]
    if not near:
        return LossSource.SILENT, ""
    return LossSource.COMPLAINT, max(near, key=lambda complaint: (complaint.opened_on, complaint.case_id)).reason


def _recovery(complaints: list[Complaint]) -> Recovery:
    outcomes = Counter(complaint.outcome for complaint in complaints)
    days = [
        (complaint.settled_on - complaint.opened_on).days
        for complaint in complaints
        if complaint.outcome is not ComplaintOutcome.OPEN and complaint.settled_on is not None
    ]
    return Recovery(
        complaints=len(complaints),
        open=outcomes[ComplaintOutcome.OPEN],
        recovered=outcomes[ComplaintOutcome.RECOVERED],
        lost=outcomes[ComplaintOutcome.LOST],
        days_to_settle=sum(days) / len(days) if days else None,
    )
