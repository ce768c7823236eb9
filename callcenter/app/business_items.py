"""Items of the business's configuration that are more than the routing is told: they name what they use by its id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from callcenter.domain.agents import NotReadyReason
from callcenter.domain.hours import Interval
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursEntry:
    """Opening hours as an administrator writes them; a day stands in `special`, else in `closed`, else in the week."""

    timezone: str
    week: Mapping[int, tuple[Interval, ...]] = field(default_factory=dict)
    """From Monday (0) to Sunday (6); a day that is not there is closed."""
    holidays: str = ""
    """The country, or country and region (DE-BY), whose public holidays are closed."""
    closed: tuple[date, ...] = ()
    special: Mapping[date, tuple[Interval, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """A queue's rules without its opening hours, and their id; a supervisor's closing is none of the business's."""

    config: QueueConfig
    hours: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCode:
    """Why an agent may be not ready: the code, what people read, and how long it may last."""

    code: str
    label: Label
    limit: timedelta | None = None
    warn_before: timedelta = NotReadyReason(code="").warn_before

    @property
    def rule(self) -> NotReadyReason:
        """What the routing is told of it."""
        return NotReadyReason(code=self.code, limit=self.limit, warn_before=self.warn_before)
