"""When an alert is raised and when it is cleared: a fold over readings, with a margin and a time either must hold.

Law: raised and cleared follow each other in turn, and each only after its condition held without a break for the
rule's time. What cannot be read changes nothing and breaks whatever held.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.domain.alerts import AlertKind, AlertRule


class AlertChange(StrEnum):
    """What becomes of an alert."""

    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPhase:
    """Whether it is raised, and since when what would change that has held."""

    raised: bool = False
    since: datetime | None = None


QUIET = AlertPhase()
RAISED = AlertPhase(raised=True)


def is_bad(rule: AlertRule, value: float) -> bool:
    """Whether the value is beyond the threshold."""
    match rule.kind:
        case AlertKind.SERVICE_LEVEL:
            return value < rule.threshold
        case AlertKind.MISSED_OFFERS:
            return value >= rule.threshold
        case _:
            return value > rule.threshold


def is_good(rule: AlertRule, value: float) -> bool:
    """Whether the value is on the other side by the margin."""
    match rule.kind:
        case AlertKind.SERVICE_LEVEL:
            return value >= rule.threshold + rule.margin
        case AlertKind.MISSED_OFFERS:
            return value < rule.threshold - rule.margin
        case _:
            return value <= rule.threshold - rule.margin


def step(
    rule: AlertRule, phase: AlertPhase, value: float | None, now: datetime
) -> tuple[AlertPhase, AlertChange | None]:
    """The phase after a reading at `now`, and what changed with it."""
    holds = value is not None and (is_good(rule, value) if phase.raised else is_bad(rule, value))
    if not holds:
        return AlertPhase(raised=phase.raised), None
    since = now if phase.since is None else phase.since
    if now - since < rule.hold:
        return AlertPhase(raised=phase.raised, since=since), None
    change = AlertChange.CLEARED if phase.raised else AlertChange.RAISED
    return AlertPhase(raised=not phase.raised), change
