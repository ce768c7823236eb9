"""Facts, in the past tense: what the journal keeps and everything else is folded from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.domain.agents import AgentState, Phone, PhoneStatus
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome
from callcenter.domain.skills import SkillRequirement


class Outcome(StrEnum):
    """How an interaction ended."""

    ANSWERED = "answered"
    ABANDONED_IN_MENU = "abandoned_in_menu"
    ABANDONED_IN_QUEUE = "abandoned_in_queue"
    ABANDONED_WHILE_RINGING = "abandoned_while_ringing"
    CLOSED = "closed"
    ENDED_IN_MENU = "ended_in_menu"
    FAILED = "failed"
    LOST_PBX = "lost_pbx"


class Side(StrEnum):
    """Who hung up."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionArrived:
    """A caller's leg was answered by the dialplan."""

    interaction_id: InteractionId
    at: datetime
    channel: str
    ani: Number
    dnis: str
    caller_name: str = ""
    trunk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerMatched:
    """Whose number it is: nobody's, one customer's, or several customers'."""

    interaction_id: InteractionId
    at: datetime
    customer_ids: tuple[CustomerId, ...]
    customer_id: CustomerId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStarted:
    """The IVR flow of the dialled number began."""

    interaction_id: InteractionId
    at: datetime
    flow: str
    flow_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntered:
    """The caller came to a node of the flow."""

    interaction_id: InteractionId
    at: datetime
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuChosen:
    """The caller chose in a menu."""

    interaction_id: InteractionId
    at: datetime
    node: str
    key: str
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageChosen:
    """From here on the caller is spoken to in this language."""

    interaction_id: InteractionId
    at: datetime
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionQueued:
    """The interaction entered a queue, or was found in it after a restart."""

    interaction_id: InteractionId
    at: datetime
    queue_id: QueueId
    entered_at: datetime
    priority: int
    skills: tuple[SkillRequirement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAnnounced:
    """The caller was told where he stands."""

    interaction_id: InteractionId
    at: datetime
    queue_id: QueueId
    position: int
    expected_wait_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade:
    """An interaction is presented to an agent."""

    interaction_id: InteractionId
    at: datetime
    offer: Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferEnded:
    """An offer found its one end."""

    interaction_id: InteractionId
    at: datetime
    offer_id: OfferId
    agent_id: AgentId
    outcome: OfferOutcome
    cause: OfferCause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionConnected:
    """Caller and agent share a bridge."""

    interaction_id: InteractionId
    at: datetime
    agent_id: AgentId
    offer_id: OfferId
    queue_id: QueueId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkEnded:
    """Caller and agent share a bridge no more."""

    interaction_id: InteractionId
    at: datetime
    agent_id: AgentId
    offer_id: OfferId
    side: Side | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStarted:
    """An agent's channel of this interaction came to be."""

    interaction_id: InteractionId
    at: datetime
    leg_id: str
    channel: str
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded:
    """A channel of this interaction is gone; `cause` is the Q.850 code."""

    interaction_id: InteractionId
    at: datetime
    leg_id: str
    cause: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionEnded:
    """The one end of an interaction; `cause` is the Q.850 code of the caller's leg."""

    interaction_id: InteractionId
    at: datetime
    outcome: Outcome
    side: Side | None = None
    cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionAnnotated:
    """An agent wrote on the record; None leaves a field as it was."""

    interaction_id: InteractionId
    at: datetime
    by: str
    disposition: str | None = None
    notes: str | None = None
    customer_id: CustomerId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStateChanged:
    """An agent went from one state to another."""

    agent_id: AgentId
    at: datetime
    old: AgentState
    new: AgentState
    reason: str | None = None
    interaction_id: InteractionId | None = None
    offer_id: OfferId | None = None
    wrap_up_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentWishChanged:
    """What is to become of the agent after the talk; `state` None takes the wish back."""

    agent_id: AgentId
    at: datetime
    state: AgentState | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPhoneChanged:
    """Another phone was chosen, or Asterisk says something new about it."""

    agent_id: AgentId
    at: datetime
    phone: Phone
    status: PhoneStatus


InteractionEvent = (
    InteractionArrived
    | CustomerMatched
    | FlowStarted
    | NodeEntered
    | MenuChosen
    | LanguageChosen
    | InteractionQueued
    | PositionAnnounced
    | OfferMade
    | OfferEnded
    | InteractionConnected
    | TalkEnded
    | LegStarted
    | LegEnded
    | InteractionEnded
    | InteractionAnnotated
)
AgentEvent = AgentStateChanged | AgentWishChanged | AgentPhoneChanged
Event = InteractionEvent | AgentEvent
