"""Alerts as they are kept: raised, acknowledged by whom, cleared; and what the store does for them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from callcenter.domain.alerts import AlertKind, AlertRule, Subject, SubjectKind
from callcenter.domain.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert from its raising to its clearing; `number` grows.

    `value` is what was read when it was raised, None of kinds that are so or not so; `gone`: it was cleared because
    its rule, or what it is about, is not there any more.
    """

    number: int
    alert_id: str
    kind: AlertKind
    label: Label
    subject_kind: SubjectKind
    subject: str
    subject_label: Label
    threshold: int
    value: float | None
    on_board: bool
    raised_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    cleared_at: datetime | None = None
    gone: bool = False

    @property
    def about(self) -> Subject:
        """What it is about."""
        return Subject(kind=self.subject_kind, name=self.subject)


class Verdict(StrEnum):
    """What a rule makes of a reading."""

    BAD = "bad"
    BETWEEN = "between"
    """Not beyond the threshold, nor on its good side by the margin: nothing changes."""
    GOOD = "good"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSight:
    """What a rule looks at and what it makes of it; `value` is None where nothing can be read."""

    subject_kind: SubjectKind
    subject: str
    subject_label: Label
    value: float | None
    verdict: Verdict


class AlertBook(Protocol):
    """The rules in force, and every alert there was."""

    async def rules(self) -> tuple[AlertRule, ...]:
        """The rules, by id."""
        ...

    async def open(self) -> tuple[Alert, ...]:
        """Those that are not cleared, the oldest first."""
        ...

    async def alerts(self, *, limit: int, before: int | None, open_only: bool) -> tuple[Alert, ...]:
        """The newest first."""
        ...

    async def raise_alert(
        self, rule: AlertRule, about: Subject, subject_label: Label, *, value: float | None, at: datetime
    ) -> Alert:
        """Keep a new alert, and tell web hooks if the rule says so; one that is open already is returned as it is."""
        ...

    async def clear(self, alert: Alert, *, at: datetime, gone: bool) -> Alert:
        """Note that it is over, and tell web hooks if its raising was told."""
        ...

    async def acknowledge(self, number: int, *, at: datetime, by: str) -> Alert:
        """Note that somebody looks after it; the first counts. `NotFound`."""
        ...

    async def forget(self, before: datetime) -> int:
        """Drop what was cleared before; returns how many."""
        ...
