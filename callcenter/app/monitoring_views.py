"""A supervisor's listening as it stands, and what the board and the agent's desk show of it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from callcenter.app.monitor_port import MonitorCall
from callcenter.domain.ids import AgentId, InteractionId, MonitoringId
from callcenter.domain.monitoring import Announcement, MonitorEnd, MonitorMode


class MonitoringState(StrEnum):
    """How far it has come."""

    RINGING = "ringing"
    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringView:
    """A supervisor and the talk he hears, as the board shows it; `by_name` is what he is called.

    `takes_over` says whether he may have the caller himself: he is an agent, and it is his own phone.
    """

    monitoring_id: MonitoringId
    by: str
    by_name: str
    agent_id: AgentId
    interaction_id: InteractionId
    mode: MonitorMode
    state: MonitoringState
    announced: Announcement
    takes_over: bool
    ordered_at: datetime
    live_since: datetime | None = None
    ended_at: datetime | None = None
    end: MonitorEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerView:
    """Who hears the agent's talk, and who hears him."""

    by_name: str
    mode: MonitorMode
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenersView:
    """On an agent's desk: everybody who hears his talk and whom he is told of."""

    listeners: tuple[ListenerView, ...]


@dataclass(slots=True)
class Session:
    """One supervisor's listening, from the order on."""

    call: MonitorCall
    mode: MonitorMode
    live_since: datetime | None = None
    ended_at: datetime | None = None
    end: MonitorEnd | None = None
    is_stopped: bool = False
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at every news, for who waits for one."""

    @property
    def state(self) -> MonitoringState:
        """How far it has come."""
        if self.end is not None:
            return MonitoringState.ENDED
        return MonitoringState.RINGING if self.live_since is None else MonitoringState.LIVE

    @property
    def view(self) -> MonitoringView:
        """As the board shows it."""
        call = self.call
        return MonitoringView(
            monitoring_id=call.monitoring_id,
            by=call.by,
            by_name=call.by_name,
            agent_id=call.agent_id,
            interaction_id=call.interaction_id,
            mode=self.mode,
            state=self.state,
            announced=call.announced,
            takes_over=call.own_agent_id is not None,
            ordered_at=call.ordered_at,
            live_since=self.live_since,
            ended_at=self.ended_at,
            end=self.end,
        )
