"""What the business sets about people's data: who sees telephone numbers, and how long what is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from callcenter.domain.errors import InvalidValue


class Viewer(StrEnum):
    """Who may be shown telephone numbers or not: the roles of users, and web hooks."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    HOOKS = "hooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRule:
    """What one of them may see; as usual everything."""

    viewer: Viewer
    see_numbers: bool = True


class Kept(StrEnum):
    """What has a time after which it goes."""

    INTERACTIONS = "interactions"
    """The person in records, their events, surveys: blanked; figures stay."""
    MESSAGES = "messages"
    """Messages that are done, with their sound: deleted."""
    ACCESSES = "accesses"
    AUDIT = "audit"
    NOTICES = "notices"
    ALERTS = "alerts"
    IMPORTS = "imports"
    """Records of imports that have ended; their files go after 30 days anyway."""
    CUSTOMER_CHANGES = "customer_changes"
    """Values before and after in the history of customers."""


KEPT_USUALLY: Mapping[Kept, timedelta] = {Kept.ACCESSES: timedelta(days=730)}
"""What is not named here and not set is kept for good."""
SHORTEST_DAYS = 7
LONGEST_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """How long one kind of thing is kept; `days` 0 is for good."""

    kept: Kept
    days: int

    def __post_init__(self) -> None:
        if self.days and not SHORTEST_DAYS <= self.days <= LONGEST_DAYS:
            raise InvalidValue(f"{self.kept} is kept {SHORTEST_DAYS} to {LONGEST_DAYS} days, or for good (0)")
