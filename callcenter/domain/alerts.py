"""Rules of alerts: what is looked at, from which value on it is bad, for how long, and who is told."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label


class AlertKind(StrEnum):
    """What a rule looks at."""

    WAITING = "waiting"
    """More than so many callers on the line wait in a queue."""
    LONGEST_WAIT = "longest_wait"
    """One of them has waited for more than so many seconds."""
    SERVICE_LEVEL = "service_level"
    """Today's service level of a queue is below so many percent."""
    NOBODY_READY = "nobody_ready"
    """Nobody who may serve a queue is ready; those in a talk are not."""
    NOBODY_SERVES = "nobody_serves"
    """Nobody at work may serve a queue, in a talk or not."""
    TRUNK_DOWN = "trunk_down"
    """A trunk that is called out over does not answer."""
    MISSED_OFFERS = "missed_offers"
    """An agent missed at least so many offers in a row."""
    UNOWNED_CASES = "unowned_cases"
    """More than so many overdue cases belong to nobody."""


OF_QUEUES = frozenset(
    {
        AlertKind.WAITING,
        AlertKind.LONGEST_WAIT,
        AlertKind.SERVICE_LEVEL,
        AlertKind.NOBODY_READY,
        AlertKind.NOBODY_SERVES,
    }
)
WITH_THRESHOLD = frozenset(
    {
        AlertKind.WAITING,
        AlertKind.LONGEST_WAIT,
        AlertKind.SERVICE_LEVEL,
        AlertKind.MISSED_OFFERS,
        AlertKind.UNOWNED_CASES,
    }
)
"""The others are so or not so."""


class AlertTarget(StrEnum):
    """Who is told."""

    BOARD = "board"
    HOOK = "hook"


EVERYBODY = frozenset(AlertTarget)


class SubjectKind(StrEnum):
    """What an alert is about."""

    QUEUE = "queue"
    AGENT = "agent"
    TRUNK = "trunk"
    CASES = "cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One rule; without a queue it watches each queue (agent, trunk) by itself.

    It is bad when the value is beyond `threshold` (service level: below it, percent; missed offers: at it), and good
    again when it is on the other side by `margin`; between the two nothing changes. Either must hold for `hold`.
    """

    alert_id: str
    label: Label
    kind: AlertKind
    queue: QueueId | None = None
    threshold: int = 0
    margin: int = 0
    hold: timedelta = timedelta()
    to: frozenset[AlertTarget] = EVERYBODY


UNOWNED_CASES_RULE = AlertRule(
    alert_id="unowned_cases",
    label=Label(zh="逾期工单无人负责", en="Overdue cases of nobody"),
    kind=AlertKind.UNOWNED_CASES,
)
"""Holds where the business has no rule of this kind: without it nobody would be told of such a case."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Subject:
    """A queue, an agent, a trunk, or the cases of nobody."""

    kind: SubjectKind
    name: str


def usual_margin(kind: AlertKind, threshold: int) -> int:
    """The margin of a rule that says none: a fifth of the threshold, at least 1; 2 points of a service level."""
    match kind:
        case AlertKind.SERVICE_LEVEL:
            return min(2, 100 - threshold)
        case AlertKind.WAITING | AlertKind.LONGEST_WAIT | AlertKind.UNOWNED_CASES:
            return min(threshold, max(1, threshold // 5))
        case _:
            return 0
