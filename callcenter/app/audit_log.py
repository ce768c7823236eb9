"""The audit log for those who read it: filtered, the newest first, in pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """Who did what, to what, and when; an empty `by` is a name that nobody has."""

    number: int
    at: datetime
    by: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWanted:
    """Which lines; None is any. `about` is part of the subject or of the details."""

    by: str | None = None
    action: str | None = None
    about: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    """Only lines older than this one."""


class AuditBook(Protocol):
    """Where the log is kept."""

    async def lines(self, wanted: AuditWanted, *, limit: int) -> tuple[AuditLine, ...]:
        """The newest of the lines that fit, the newest first."""
        ...

    async def actions(self) -> tuple[str, ...]:
        """Everything that was ever done, by name."""
        ...
