"""Orders to adapters."""

from dataclasses import dataclass
from datetime import timedelta

from callcenter.domain.agents import Phone
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAgent:
    """Call the agent's phone, and bridge him with the caller when he answers.

    Of a callback whose customer is not on the line (`customer_absent`) he waits, when he has answered, and it is
    reported (`ReportAgentWaits`).
    """

    offer_id: OfferId
    interaction_id: InteractionId
    agent_id: AgentId
    phone: Phone
    ring_timeout: timedelta
    customer_absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentWork:
    """Show the agent an offer that needs no phone: he takes it, or not, on his screen."""

    offer_id: OfferId
    interaction_id: InteractionId
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCustomer:
    """Call a callback's customer; when he answers, bridge him with the agent of `offer_id`, or put him in his place.

    What becomes of it is reported (`ReportCustomerCalled`); `attempt` counts from 1.
    """

    interaction_id: InteractionId
    queue_id: QueueId
    number: str
    attempt: int
    ring_timeout: timedelta
    offer_id: OfferId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRinging:
    """End the agent's leg of this offer; nothing happens when it is gone already."""

    offer_id: OfferId


Action = RingAgent | PresentWork | CallCustomer | StopRinging
