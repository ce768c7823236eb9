"""Facts, in the past tense: what the journal keeps and everything else is folded from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.domain.agents import VOICE, AgentState, Phone, PhoneStatus
from callcenter.domain.callbacks import Callback, CustomerAnswer
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MonitoringId, OfferId, QueueId, TransferId
from callcenter.domain.labels import Label
from callcenter.domain.monitoring import Announcement, MonitorEnd, MonitorMode
from callcenter.domain.numbers import Number
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome, ReasonPart
from callcenter.domain.overflows import Overflow, OverflowCause
from callcenter.domain.skills import SkillRequirement
from callcenter.domain.transfers import ConsultationEnd, TransferEnd, TransferTarget


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
    CALLBACK_TAKEN = "callback_taken"
    """The caller chose to be called back; the callback is an interaction of its own."""
    CALLBACK_FAILED = "callback_failed"
    """The customer could not be reached in the attempts there are."""
    CALLBACK_CANCELLED = "callback_cancelled"
    CALLED_AGAIN = "called_again"
    """The customer of a callback called by himself, and his new call took the place."""
    MESSAGE_LEFT = "message_left"
    TRANSFERRED_OUT = "transferred_out"
    NOT_REACHED = "not_reached"
    """Whom an agent called out was busy, did not answer, or could not be called."""
    CALLED_OFF = "called_off"
    """A call out that its agent did not go through with: he did not answer his phone, or gave up."""


class Direction(StrEnum):
    """Who began an interaction."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Side(StrEnum):
    """Who hung up."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionArrived:
    """A caller's leg was answered by the dialplan; or, outbound, an agent called a customer, whose number is `ani`."""

    interaction_id: InteractionId
    at: datetime
    channel: str
    ani: Number
    dnis: str
    caller_name: str = ""
    trunk: str = ""
    direction: Direction = Direction.INBOUND


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
    aside: bool = False
    """While he waits, at his place, or after his talk: how far the interaction has come does not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntered:
    """The caller came to a node of the flow."""

    interaction_id: InteractionId
    at: datetime
    node: str
    aside: bool = False
    """While he waits, at his place, or after his talk: how far the interaction has come does not change."""


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
class DigitsCollected:
    """The caller typed a number in the menu, which agents read beside `label`; of a `secret` one no digit is kept."""

    interaction_id: InteractionId
    at: datetime
    node: str
    variable: str
    digits: str
    secret: bool
    label: Label | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerVerified:
    """The caller has proved, by a PIN in this very call, that he is this customer."""

    interaction_id: InteractionId
    at: datetime
    customer_id: CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesKept:
    """The flow has reckoned or looked something up; the values are as `ivr.carried` writes them, never a secret."""

    interaction_id: InteractionId
    at: datetime
    node: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAsked:
    """After the talk the caller is asked what he thinks of it; `agent_id` and `queue_id` are those of the talk."""

    interaction_id: InteractionId
    at: datetime
    flow: str
    agent_id: AgentId | None = None
    queue_id: QueueId | None = None
    customer_id: CustomerId | None = None
    number: str = ""
    """His own, in E.164; empty where it is withheld or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAnswered:
    """The caller answered one question of a survey, after the talk or in a menu."""

    interaction_id: InteractionId
    at: datetime
    flow: str
    question: str
    score: int
    agent_id: AgentId | None = None
    queue_id: QueueId | None = None
    customer_id: CustomerId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionQueued:
    """The interaction entered a queue, or was found in it after a restart.

    `priority` is what counts: `base_priority`, and what the `grounds` add; `by` is a supervisor who moved it here.
    """

    interaction_id: InteractionId
    at: datetime
    queue_id: QueueId
    entered_at: datetime
    priority: int
    skills: tuple[SkillRequirement, ...] = ()
    media_type: str = VOICE
    base_priority: int = 0
    grounds: tuple[ReasonPart, ...] = ()
    traits: CallerTraits = A_STRANGER
    callback: Callback | None = None
    placed_at: datetime | None = None
    """When it came to this queue, where that was later than `entered_at`."""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionEscalated:
    """A later step of the queue began for it (`step` counts from 0), or it has come of age (`aged`)."""

    interaction_id: InteractionId
    at: datetime
    queue_id: QueueId
    step: int
    priority: int
    aged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChanged:
    """A supervisor changed its priority."""

    interaction_id: InteractionId
    at: datetime
    priority: int
    base_priority: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionReserved:
    """It is kept for one agent until a moment; `by` is empty where the queue's rules say so, a supervisor otherwise."""

    interaction_id: InteractionId
    at: datetime
    agent_id: AgentId
    until: datetime
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionOverflowed:
    """A rule of the queue sent it elsewhere; to another queue it goes at once, the rest the dialplan carries out."""

    interaction_id: InteractionId
    at: datetime
    queue_id: QueueId
    cause: OverflowCause
    overflow: Overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPredicted:
    """What was expected when it came; 8 of 10 are to be answered between `low` and `high`. None: nobody is at work."""

    interaction_id: InteractionId
    at: datetime
    queue_id: QueueId
    position: int
    expected_seconds: float | None
    low_seconds: float | None
    high_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequested:
    """The caller will be called back: `callback_id` is the interaction that keeps his place."""

    interaction_id: InteractionId
    at: datetime
    callback_id: InteractionId
    queue_id: QueueId
    number: str
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLeft:
    """The caller spoke a message; `file` is its name in the directory of recordings."""

    interaction_id: InteractionId
    at: datetime
    queue_id: QueueId
    file: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCalled:
    """An attempt to reach a callback's customer began; `attempt` counts from 1."""

    interaction_id: InteractionId
    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerAnswered:
    """What became of the attempt; `next_at` is when he is tried again, None when he is not."""

    interaction_id: InteractionId
    at: datetime
    attempt: int
    answer: CustomerAnswer
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldChanged:
    """The agent put the caller on hold, or took him back."""

    interaction_id: InteractionId
    at: datetime
    agent_id: AgentId
    offer_id: OfferId
    on_hold: bool


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
    phone_lost: bool = False
    """The agent's phone was lost and did not come back in time: the caller waits again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStarted:
    """A channel of this interaction came to be: an agent's, or (`agent_id` None) that of a callback's customer."""

    interaction_id: InteractionId
    at: datetime
    leg_id: str
    channel: str
    agent_id: AgentId | None


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
class InteractionTransferred:
    """An agent sent his caller on; `offer_id` is the talk that the caller leaves."""

    interaction_id: InteractionId
    at: datetime
    transfer_id: TransferId
    agent_id: AgentId
    offer_id: OfferId
    target: TransferTarget
    note: str = ""
    consulted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEnded:
    """What became of the last transfer, where it was not taken."""

    interaction_id: InteractionId
    at: datetime
    end: TransferEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationStarted:
    """An agent put his caller on hold to ask somebody, whose phone rings."""

    interaction_id: InteractionId
    at: datetime
    consultation_id: OfferId
    agent_id: AgentId
    offer_id: OfferId
    target: TransferTarget
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationAnswered:
    """The consulted one is on the line."""

    interaction_id: InteractionId
    at: datetime
    consultation_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationEnded:
    """It is over; `completed` means that the consulted one has the caller now."""

    interaction_id: InteractionId
    at: datetime
    consultation_id: OfferId
    end: ConsultationEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringStarted:
    """A supervisor hears the talk from here on; `by` is his login name."""

    interaction_id: InteractionId
    at: datetime
    monitoring_id: MonitoringId
    by: str
    agent_id: AgentId
    offer_id: OfferId
    mode: MonitorMode
    announced: Announcement


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringChanged:
    """Others hear the supervisor than before."""

    interaction_id: InteractionId
    at: datetime
    monitoring_id: MonitoringId
    by: str
    agent_id: AgentId
    mode: MonitorMode


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringEnded:
    """The supervisor hears the talk no more; of a `lost` one the end is when that was found out."""

    interaction_id: InteractionId
    at: datetime
    monitoring_id: MonitoringId
    by: str
    agent_id: AgentId
    end: MonitorEnd
    seconds: float


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
    by: str = ""
    """The supervisor who forced it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpExtended:
    """The agent took more time for after-call work."""

    agent_id: AgentId
    at: datetime
    wrap_up_until: datetime


class TimeLimit(StrEnum):
    """How near an agent is to the end of what his reason allows."""

    NEAR = "near"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTimeLimit:
    """A not-ready reason's time is nearly over, or over."""

    agent_id: AgentId
    at: datetime
    reason: str
    limit: TimeLimit
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentWishChanged:
    """What is to become of the agent after the talk; `state` None takes the wish back."""

    agent_id: AgentId
    at: datetime
    state: AgentState | None
    reason: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPhoneChanged:
    """Another phone was chosen, or Asterisk says something new about it."""

    agent_id: AgentId
    at: datetime
    phone: Phone
    status: PhoneStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUnserved:
    """Nobody at work can serve anybody of this queue, not even by its last step."""

    queue_id: QueueId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueServed:
    """Somebody at work can serve the queue again."""

    queue_id: QueueId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueClosed:
    """A supervisor closed the queue in an emergency."""

    queue_id: QueueId
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOpened:
    """The emergency is over."""

    queue_id: QueueId
    at: datetime


InteractionEvent = (
    InteractionArrived
    | CustomerMatched
    | FlowStarted
    | NodeEntered
    | MenuChosen
    | LanguageChosen
    | DigitsCollected
    | CallerVerified
    | ValuesKept
    | SurveyAsked
    | SurveyAnswered
    | InteractionQueued
    | InteractionEscalated
    | InteractionReserved
    | InteractionOverflowed
    | PriorityChanged
    | WaitPredicted
    | PositionAnnounced
    | CallbackRequested
    | MessageLeft
    | CustomerCalled
    | CustomerAnswered
    | OfferMade
    | OfferEnded
    | InteractionConnected
    | HoldChanged
    | TalkEnded
    | LegStarted
    | LegEnded
    | InteractionEnded
    | InteractionAnnotated
    | InteractionTransferred
    | TransferEnded
    | ConsultationStarted
    | ConsultationAnswered
    | ConsultationEnded
    | MonitoringStarted
    | MonitoringChanged
    | MonitoringEnded
)
AgentEvent = AgentStateChanged | AgentWishChanged | AgentPhoneChanged | WrapUpExtended | AgentTimeLimit
QueueEvent = QueueUnserved | QueueServed | QueueClosed | QueueOpened
Event = InteractionEvent | AgentEvent | QueueEvent
