"""The engine's deadlines: whatever happens by itself when a time has come; what is over disarms itself."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from heapq import heapify, heappop, heappush

from callcenter.acd.picture import Picture
from callcenter.domain.agents import AgentState
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId


class DeadlineKind(StrEnum):
    """What a deadline is for; its key is the id of what it is about."""

    WRAP_UP = "wrap_up"
    OFFER = "offer"
    REST = "rest"
    """An agent who missed an offer may get the next."""
    TIME_LIMIT = "time_limit"
    """A not-ready reason's time is nearly over, or over."""
    WAITING = "waiting"
    """Something of a waiting interaction changes: a step begins, it comes of age, it has waited too long ..."""
    NOBODY = "nobody"
    """Nobody has served a queue for so long that its rule for that applies."""


LEAST_SWEEP = 1_000


@dataclass(slots=True)
class Deadlines:
    """A heap of moments; ties break by kind and key. What is disarmed is swept out before it is half of the heap."""

    picture: Picture
    _heap: list[tuple[datetime, DeadlineKind, str]] = field(default_factory=list)
    _sweep_at: int = LEAST_SWEEP

    def arm(self, kind: DeadlineKind, key: str, at: datetime) -> None:
        """Wake the engine at a moment, if it still means something then."""
        if len(self._heap) >= self._sweep_at:
            self._heap = [entry for entry in set(self._heap) if self._is_armed(*entry)]
            heapify(self._heap)
            self._sweep_at = max(LEAST_SWEEP, 2 * len(self._heap))
        heappush(self._heap, (at, kind, key))

    def __len__(self) -> int:
        return len(self._heap)

    def next(self) -> datetime | None:
        """The first moment that still means something."""
        while self._heap and not self._is_armed(*self._heap[0]):
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime) -> tuple[DeadlineKind, str] | None:
        """Take one that has come by `now`; None when there is none."""
        while self._heap and self._heap[0][0] <= now:
            at, kind, key = heappop(self._heap)
            if self._is_armed(at, kind, key):
                return kind, key
        return None

    def _is_armed(self, at: datetime, kind: DeadlineKind, key: str) -> bool:
        picture = self.picture
        match kind:
            case DeadlineKind.OFFER:
                return picture.offers_end.get(OfferId(key)) == at
            case DeadlineKind.WAITING:
                record = picture.waiting.get(InteractionId(key))
                return record is not None and record.wake_at == at
            case DeadlineKind.NOBODY:
                queue = picture.queues.get(QueueId(key))
                return queue is not None and queue.nobody_at == at
            case _:
                return self._is_agents(at, kind, AgentId(key))

    def _is_agents(self, at: datetime, kind: DeadlineKind, agent_id: AgentId) -> bool:
        agent = self.picture.agents.get(agent_id)
        if agent is None:
            return False
        match kind:
            case DeadlineKind.WRAP_UP:
                return agent.state is AgentState.WRAP_UP and agent.wrap_up_until == at
            case DeadlineKind.REST:
                return agent.rest_until == at
            case _:
                return agent.limit_at == at
