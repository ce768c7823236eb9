"""An offer: one interaction presented to one agent, and the reason why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.labels import Label

CALL_OUT = "call_out"
"""The part of an offer's reason that says that the agent calls out by himself."""


class OfferOutcome(StrEnum):
    """How an offer ended; every offer ends exactly once."""

    ANSWERED = "answered"
    RONA = "rona"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    WITHDRAWN = "withdrawn"


class OfferState(StrEnum):
    """Where an offer stands: pending, or at one of its outcomes."""

    PENDING = "pending"
    ANSWERED = OfferOutcome.ANSWERED
    RONA = OfferOutcome.RONA
    REJECTED = OfferOutcome.REJECTED
    ABANDONED = OfferOutcome.ABANDONED
    WITHDRAWN = OfferOutcome.WITHDRAWN


OFFER_TRANSITIONS: Mapping[OfferState, frozenset[OfferState]] = {
    OfferState.PENDING: frozenset(OfferState(outcome) for outcome in OfferOutcome),
    **{OfferState(outcome): frozenset() for outcome in OfferOutcome},
}
"""From pending to one outcome, and no further."""


class OfferCause(StrEnum):
    """Why an agent's leg did not become a talk."""

    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    BRIDGE_FAILED = "bridge_failed"
    CALLER_LEFT = "caller_left"
    TAKEN = "taken"
    """Another agent who was rung for it at the same time was faster."""
    CUSTOMER_NOT_REACHED = "customer_not_reached"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonPart:
    """One stated ground of a routing decision."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferReason:
    """Why this interaction went to this agent, in words and as data."""

    text: Label
    parts: tuple[ReasonPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One interaction presented to one agent."""

    offer_id: OfferId
    interaction_id: InteractionId
    agent_id: AgentId
    queue_id: QueueId
    made_at: datetime
    reason: OfferReason
