"""The engine's deadlines: wrap-ups that end, offers whose end nobody reports; what is over disarms itself."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from heapq import heappop, heappush

from callcenter.acd.picture import Picture
from callcenter.domain.agents import AgentState
from callcenter.domain.ids import AgentId, OfferId


class DeadlineKind(StrEnum):
    """What a deadline is for; its key is an agent's or an offer's id."""

    WRAP_UP = "wrap_up"
    OFFER = "offer"


@dataclass(slots=True)
class Deadlines:
    """A heap of moments; ties break by kind and key."""

    picture: Picture
    _heap: list[tuple[datetime, DeadlineKind, str]] = field(default_factory=list)

    def arm_wrap_up(self, agent_id: AgentId, until: datetime) -> None:
        """Wake the engine when this agent's wrap-up is to end; one that ended or moved before is passed over."""
        heappush(self._heap, (until, DeadlineKind.WRAP_UP, agent_id))

    def arm_offer(self, offer_id: OfferId, until: datetime) -> None:
        """Wake the engine when this offer is to be given up, unless it has ended by then."""
        heappush(self._heap, (until, DeadlineKind.OFFER, offer_id))

    def next(self) -> datetime | None:
        """The first moment that still means something."""
        while self._heap and not self._is_armed(*self._heap[0]):
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime) -> tuple[DeadlineKind, str] | None:
        """Take one that has come by `now`; None when there is none."""
        moment = self.next()
        if moment is None or moment > now:
            return None
        _, kind, key = heappop(self._heap)
        return kind, key

    def _is_armed(self, at: datetime, kind: DeadlineKind, key: str) -> bool:
        if kind is DeadlineKind.OFFER:
            return OfferId(key) in self.picture.offers
        agent = self.picture.agents.get(AgentId(key))
        return agent is not None and agent.state is AgentState.WRAP_UP and agent.wrap_up_until == at
