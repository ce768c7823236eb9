"""An agent's own queue: for callers who are put through to one agent and nobody else.

Such a queue is none of the business's: it comes to be when somebody is put through, and goes when nobody waits in it.
"""

from datetime import timedelta

from callcenter.domain.agents import AgentConfig
from callcenter.domain.ids import AgentId, QueueId
from callcenter.domain.labels import Label
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import QueueConfig, QueueLimits, RoutingStep
from callcenter.domain.rules import IsAgent

_PREFIX = "agent:"
USUAL_RING = timedelta(seconds=30)
_NOT_TAKEN = Overflow(kind=OverflowKind.CLOSED)
"""What that means is for whoever put the caller through to say."""


def direct_queue_id(agent_id: AgentId) -> QueueId:
    """The id of an agent's own queue; no queue of the business can have it, for a colon is in no name."""
    return QueueId(f"{_PREFIX}{agent_id}")


def agent_of(queue_id: QueueId | None) -> AgentId | None:
    """Whose own queue it is; None of a queue of the business."""
    if queue_id is None or not queue_id.startswith(_PREFIX):
        return None
    return AgentId(queue_id.removeprefix(_PREFIX))


def direct_queue(agent: AgentConfig, ring: timedelta = USUAL_RING) -> QueueConfig:
    """The queue: who waits in it longer than `ring`, or while the agent is not at work, is not taken."""
    return QueueConfig(
        queue_id=direct_queue_id(agent.agent_id),
        label=Label(zh=agent.name, en=agent.name),
        steps=(RoutingStep(after=timedelta(), who=IsAgent(agent_id=agent.agent_id)),),
        limits=QueueLimits(max_wait=ring, when_too_long=_NOT_TAKEN, when_nobody=_NOT_TAKEN),
        callback=None,
        ring_timeout=ring,
        # He is being put through: nothing is said of places and waits.
        announce_first_after=timedelta(days=1),
    )
