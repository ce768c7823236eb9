"""What the engine knows of agents: their state, their wish for after the talk, and who is free for which queue."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from callcenter.domain.agents import AgentConfig, AgentState, Phone, PhoneStatus
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId

_BUSY = frozenset({AgentState.OFFERED, AgentState.TALKING, AgentState.WRAP_UP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the agent asked for while he was in a talk."""

    state: AgentState
    reason: str | None = None


@dataclass(slots=True, kw_only=True)
class AgentRecord:
    """One agent as the engine holds him; only the engine writes it."""

    config: AgentConfig
    state: AgentState = AgentState.LOGGED_OUT
    reason: str | None = None
    since: datetime
    ready_since: datetime | None = None
    phone: Phone
    phone_status: PhoneStatus = PhoneStatus.UNKNOWN
    interaction_id: InteractionId | None = None
    offer_id: OfferId | None = None
    queue_id: QueueId | None = None
    talk_since: datetime | None = None
    wrap_up_until: datetime | None = None
    wish: Wish | None = None

    @property
    def agent_id(self) -> AgentId:
        """Whose record this is."""
        return self.config.agent_id

    @property
    def offerable(self) -> bool:
        """Ready, with a phone that is not known to be busy or away."""
        return self.state is AgentState.READY and self.phone_status in (PhoneStatus.FREE, PhoneStatus.UNKNOWN)

    @property
    def serving(self) -> bool:
        """Takes interactions now, or will after the present one."""
        if self.state is AgentState.READY:
            return self.phone_status is not PhoneStatus.UNREACHABLE
        return self.state in _BUSY and self.wish is None


@dataclass(slots=True)
class ReadyList:
    """The offerable agents of one queue, longest idle first; ties break by the agent's id."""

    _entries: list[tuple[datetime, AgentId]] = field(default_factory=list)
    _keys: dict[AgentId, datetime] = field(default_factory=dict)

    def add(self, agent_id: AgentId, ready_since: datetime) -> None:
        """Put an agent in at the place of his idle time; again moves him."""
        self.discard(agent_id)
        self._keys[agent_id] = ready_since
        insort(self._entries, (ready_since, agent_id))

    def discard(self, agent_id: AgentId) -> None:
        """Take an agent out, if he is in."""
        since = self._keys.pop(agent_id, None)
        if since is not None:
            del self._entries[bisect_left(self._entries, (since, agent_id))]

    def __iter__(self) -> Iterator[AgentId]:
        return (agent_id for _, agent_id in self._entries)

    def __len__(self) -> int:
        return len(self._entries)
