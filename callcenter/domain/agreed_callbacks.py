"""A callback agreed between an agent and a customer for a time that the customer chose."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId


class AgreedState(StrEnum):
    """How it stands before it waits in its queue; from then on it is an interaction, and this is gone."""

    AGREED = "agreed"
    REFUSED = "refused"
    """When its time came the customer did not want to be called any more: nobody calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedCallback:
    """What was agreed: whom to call, when, out of which queue, and about what."""

    interaction_id: InteractionId
    """The callback's, from the time it waits."""
    number: str
    """E.164."""
    customer_id: CustomerId | None
    queue_id: QueueId
    at: datetime
    note: str
    agreed_by: str
    agreed_at: datetime
    agent_id: AgentId | None
    """Who is asked for it first; None: whoever is free."""
    origin_id: InteractionId | None = None
    """The contact in which it was agreed."""
    state: AgreedState = AgreedState.AGREED
    version: int = 1
