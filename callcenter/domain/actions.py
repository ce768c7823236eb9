"""Orders to adapters."""

from dataclasses import dataclass
from datetime import timedelta

from callcenter.domain.agents import Phone
from callcenter.domain.ids import AgentId, InteractionId, OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAgent:
    """Call the agent's phone, and bridge him with the caller when he answers."""

    offer_id: OfferId
    interaction_id: InteractionId
    agent_id: AgentId
    phone: Phone
    ring_timeout: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRinging:
    """End the agent's leg of this offer; nothing happens when it is gone already."""

    offer_id: OfferId


Action = RingAgent | StopRinging
