"""The engine's picture of the floor: queues, agents, who waits, what is offered, who talks to whom.

Law: only the engine changes it; everyone else reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from callcenter.acd import estimate
from callcenter.acd.roster import AgentRecord, ReadyList
from callcenter.acd.waiting import WaitingList, WaitingRecord
from callcenter.domain.agents import AgentState
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import Offer
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement, satisfies


@dataclass(slots=True)
class QueueRecord:
    """One queue: its rules, who waits, who is free for it, how long it takes."""

    config: QueueConfig
    waiting: WaitingList
    ready: ReadyList
    handle_time: estimate.HandleTime


class Picture:
    """Everything the engine knows of the floor."""

    def __init__(self) -> None:
        self.queues: dict[QueueId, QueueRecord] = {}
        self.agents: dict[AgentId, AgentRecord] = {}
        self.waiting: dict[InteractionId, WaitingRecord] = {}
        self.offers: dict[OfferId, Offer] = {}
        self.talks: dict[OfferId, AgentId] = {}
        """Who talks in which offer."""
        self.talking_interactions: dict[InteractionId, AgentId] = {}

    def agent(self, agent_id: AgentId) -> AgentRecord:
        """One agent, or `NotFound`."""
        try:
            return self.agents[agent_id]
        except KeyError:
            raise NotFound(f"there is no agent {agent_id}", code="unknown_agent") from None

    def queue(self, queue_id: QueueId) -> QueueRecord:
        """One queue, or `NotFound`."""
        try:
            return self.queues[queue_id]
        except KeyError:
            known = ", ".join(sorted(self.queues)) or "none"
            raise NotFound(f"there is no queue {queue_id}; known: {known}", code="unknown_queue") from None

    def waiting_in(self, queue_id: QueueId) -> Iterator[WaitingRecord]:
        """Those who wait in a queue, next first, those being offered included."""
        return (self.waiting[interaction_id] for interaction_id in self.queue(queue_id).waiting)

    def position(self, interaction_id: InteractionId) -> int | None:
        """1 for who is served next, None when it does not wait."""
        record = self.waiting.get(interaction_id)
        return None if record is None else self.queues[record.queue_id].waiting.position(record)

    def serving_agents(self, queue_id: QueueId, skills: tuple[SkillRequirement, ...] = ()) -> int:
        """Agents at work who meet what the queue requires, and `skills` besides."""
        needs = (*self.queue(queue_id).config.required, *skills)
        return sum(1 for a in self.agents.values() if a.serving and satisfies(a.config.skills, needs))

    def expected_wait(self, interaction_id: InteractionId) -> timedelta | None:
        """The predicted remaining wait; None when nobody serves it or it does not wait."""
        record = self.waiting.get(interaction_id)
        if record is None:
            return None
        position = self.queues[record.queue_id].waiting.position(record)
        return self.expected_wait_at(record.queue_id, position, record.skills)

    def expected_wait_at(
        self, queue_id: QueueId, position: int, skills: tuple[SkillRequirement, ...] = ()
    ) -> timedelta | None:
        """The predicted wait of whoever stands at `position` of a queue and needs `skills` beside the queue's own."""
        queue = self.queue(queue_id)
        idle = sum(1 for agent_id in queue.ready if satisfies(self.agents[agent_id].config.skills, skills))
        serving = self.serving_agents(queue_id, skills)
        return estimate.expected_wait(position, serving, idle, queue.handle_time.mean)

    def add_waiting(self, record: WaitingRecord) -> None:
        """Put an interaction in at its place."""
        self.waiting[record.interaction_id] = record
        self.queues[record.queue_id].waiting.add(record)

    def drop_waiting(self, record: WaitingRecord) -> None:
        """Take a waiting interaction out."""
        del self.waiting[record.interaction_id]
        self.queues[record.queue_id].waiting.remove(record)

    def index(self, agent: AgentRecord) -> None:
        """Enter an agent where he is free, and where he talks."""
        if agent.offerable and agent.ready_since is not None:
            for queue in self.queues.values():
                if satisfies(agent.config.skills, queue.config.required):
                    queue.ready.add(agent.agent_id, agent.ready_since)
        if agent.state is AgentState.TALKING and agent.offer_id is not None and agent.interaction_id is not None:
            self.talks[agent.offer_id] = agent.agent_id
            self.talking_interactions[agent.interaction_id] = agent.agent_id

    def unindex(self, agent: AgentRecord) -> None:
        """Strike an agent out everywhere, before his record changes."""
        for queue in self.queues.values():
            queue.ready.discard(agent.agent_id)
        if agent.state is AgentState.TALKING and agent.offer_id is not None and agent.interaction_id is not None:
            self.talks.pop(agent.offer_id, None)
            self.talking_interactions.pop(agent.interaction_id, None)

    def index_everyone_again(self) -> None:
        """After a queue's rules changed."""
        for agent in self.agents.values():
            self.unindex(agent)
            self.index(agent)
