"""What listening to a talk wants of the exchange, and what the exchange tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callcenter.domain.agents import Phone
from callcenter.domain.ids import AgentId, InteractionId, MonitoringId, OfferId
from callcenter.domain.monitoring import Announcement, MonitorEnd, MonitorMode


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorCall:
    """A supervisor's phone and the one talk he may hear over it; his channel carries all of it, over restarts too.

    `offer_id` is the unique id of the agent's channel of that talk, `caller_id` that of the caller's.
    """

    monitoring_id: MonitoringId
    by: str
    by_name: str
    own_agent_id: AgentId | None
    agent_id: AgentId
    interaction_id: InteractionId
    offer_id: OfferId
    caller_id: str
    announced: Announcement
    ordered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMonitor:
    """A supervisor's channel in the list of channels; `up` when he has answered."""

    call: MonitorCall
    mode: MonitorMode
    up: bool


class MonitorLine(Protocol):
    """Orders to the exchange; none waits, what becomes of them is told to `MonitorReports`."""

    def call(self, call: MonitorCall, mode: MonitorMode, phone: Phone, shown_name: str) -> None:
        """Call the supervisor's phone, and let him hear the talk when he answers; raises `InvalidValue`."""
        ...

    def change(self, call: MonitorCall, mode: MonitorMode) -> None:
        """Let others hear him than before, in the same call."""
        ...

    def take_over(self, call: MonitorCall) -> None:
        """Join him with the caller instead of the agent."""
        ...

    def stop(self, call: MonitorCall) -> None:
        """Hang his phone up; that it is gone already is no error."""
        ...

    def sound_tone(self, call: MonitorCall) -> None:
        """Let both sides of the talk hear a short tone."""
        ...


class MonitorReports(Protocol):
    """Whoever hears what becomes of supervisors' channels; nothing but `found` waits."""

    def heard(self, monitoring_id: MonitoringId, mode: MonitorMode) -> None:
        """He hears the talk from now on, in this mode."""
        ...

    def took_over(self, monitoring_id: MonitoringId) -> None:
        """He shares a bridge with the caller: from here on his channel is an agent's."""
        ...

    def gone(self, monitoring_id: MonitoringId, end: MonitorEnd) -> None:
        """His channel is gone, or never was."""
        ...

    async def found(self, channels: Sequence[FoundMonitor], taken_at: datetime) -> None:
        """All supervisors' channels there were at that moment."""
        ...
