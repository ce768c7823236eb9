"""Requests to the ACD engine, and reports to it from the adapters; ids are made by whoever sends them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from callcenter.domain.agents import VOICE, AgentConfig, AgentState, NotReadyReason, Phone, PhoneStatus
from callcenter.domain.callbacks import Callback, CustomerAnswer
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.events import Side
from callcenter.domain.ids import AgentId, InteractionId, InternalCallId, OfferId, QueueId
from callcenter.domain.offers import Offer, OfferCause
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureQueue:
    """Make a queue, or change its rules while it works."""

    config: QueueConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureAgent:
    """Make an agent, or change his skills or name while he works."""

    config: AgentConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureReasons:
    """Which reasons have a time limit; the others have none."""

    reasons: tuple[NotReadyReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginDay:
    """Midnight of the business: today's figures of every agent begin anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveQueue:
    """Take a queue away; refused while anybody waits in it."""

    queue_id: QueueId


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAgent:
    """Take an agent away; refused until he has logged out."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """The agent sits down: not ready, until he says so."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOut:
    """The agent leaves; in a talk, after it; `by` is a supervisor who says so."""

    agent_id: AgentId
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReady:
    """The agent takes interactions; in a talk, after it; in wrap-up, at once; `by` is a supervisor who says so."""

    agent_id: AgentId
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNotReady:
    """The agent takes none; in a talk, after it; `by` is a supervisor who says so."""

    agent_id: AgentId
    reason: str
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndWrapUp:
    """After-call work is done; `then` None means ready, or what was wished during the talk."""

    agent_id: AgentId
    then: AgentState | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendWrapUp:
    """The agent needs more time; refused beyond the queue's limit."""

    agent_id: AgentId
    by: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePhone:
    """Ring the agent on this phone from the next offer on."""

    agent_id: AgentId
    phone: Phone


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPhone:
    """Asterisk says how the agent's phone is."""

    agent_id: AgentId
    status: PhoneStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueue:
    """An interaction waits since `entered_at`; of one that waits already it changes nothing, wherever it waits.

    `skills` are what this caller needs besides the queue's rules; `callback` makes it a callback that keeps its place.
    `placed_at` is when it came to this queue, if that was later than `entered_at`. Who was `admitted` before, and is
    found again after a restart, is not held to what the queue asks of newcomers.
    """

    interaction_id: InteractionId
    queue_id: QueueId
    entered_at: datetime
    priority: int = 0
    skills: tuple[SkillRequirement, ...] = ()
    traits: CallerTraits = A_STRANGER
    media_type: str = VOICE
    callback: Callback | None = None
    placed_at: datetime | None = None
    admitted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveInteraction:
    """A waiting interaction goes to another queue and keeps its age; `by` whoever moved it."""

    interaction_id: InteractionId
    queue_id: QueueId
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPriority:
    """A waiting interaction gets another priority; what its traits add stays."""

    interaction_id: InteractionId
    priority: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickForAgent:
    """A waiting interaction is kept for one agent, at most `within`, and is his next."""

    interaction_id: InteractionId
    agent_id: AgentId
    by: str
    within: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The caller is gone, from wherever he was; of a callback, that it is off."""

    interaction_id: InteractionId


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptOffer:
    """The agent takes what needs no phone: a chat, a mail."""

    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectOffer:
    """The agent does not take it; he is set not ready, as if he had rejected a call."""

    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndWork:
    """A chat or mail that an agent holds is done."""

    interaction_id: InteractionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHold:
    """The agent put the caller on hold, or took him back."""

    offer_id: OfferId
    on_hold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAgentWaits:
    """Of a callback that rings the agent first: he has answered, and waits for the customer."""

    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCustomerCalled:
    """What became of an attempt to reach a callback's customer; `answered` means that he waits on the line."""

    interaction_id: InteractionId
    answer: CustomerAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOfferFailed:
    """The agent's leg ended without a talk."""

    offer_id: OfferId
    cause: OfferCause


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTalk:
    """Caller and agent were seen in one bridge."""

    offer_id: OfferId
    interaction_id: InteractionId
    agent_id: AgentId
    queue_id: QueueId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTalkEnded:
    """Caller and agent share a bridge no more."""

    offer_id: OfferId
    side: Side | None = None
    phone_lost: bool = False
    """The agent's phone was lost in the talk and did not come back in time: nothing more is offered to him."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgent:
    """A colleague asks a ready agent, whose phone is about to ring: nothing else is offered to him.

    `offer_id` and `interaction_id` are no offer's and no record's (`domain.transfers.asking_offer`).
    """

    agent_id: AgentId
    offer_id: OfferId
    interaction_id: InteractionId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAsking:
    """The agent is asked no more: his phone rings no more, or that talk is over."""

    agent_id: AgentId
    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginInternalCall:
    """An agent calls a colleague: from here on nothing is offered to either of them.

    `found` says that the call is there already, and the two are put into the state it means, if they can be.
    """

    call_id: InternalCallId
    caller_id: AgentId
    called_id: AgentId
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndInternalCall:
    """That call is over, or never came about; each becomes what he was before, or what he has asked for since."""

    call_id: InternalCallId


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAgent:
    """What the store knew of an agent before a restart."""

    agent_id: AgentId
    state: AgentState
    reason: str | None
    since: datetime
    ready_since: datetime | None
    wrap_up_until: datetime | None
    after_call: AgentState | None
    after_call_reason: str | None
    interaction_id: InteractionId | None
    offer_id: OfferId | None
    queue_id: QueueId | None
    misses: int = 0
    answered_today: int = 0
    busy_today: timedelta = timedelta()
    ready_today: timedelta = timedelta()
    by: str = ""
    """The supervisor who put him into this state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOut:
    """An agent calls a number: his own phone is rung first.

    Raises `Conflict` unless he is ready, not ready or in wrap-up, with a phone that can be rung.
    """

    interaction_id: InteractionId
    agent_id: AgentId
    queue_id: QueueId
    """His own queue (`domain.direct`)."""
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOffer:
    """An agent's leg found ringing after a restart."""

    offer: Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRouting:
    """The picture is whole again: offers may be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRouting:
    """The picture may be wrong (Asterisk is out of reach): make no offers until told."""


Command = (
    ConfigureQueue
    | ConfigureAgent
    | ConfigureReasons
    | BeginDay
    | RemoveQueue
    | RemoveAgent
    | LogIn
    | LogOut
    | SetReady
    | SetNotReady
    | EndWrapUp
    | ExtendWrapUp
    | ChangePhone
    | ReportPhone
    | Enqueue
    | MoveInteraction
    | SetPriority
    | PickForAgent
    | Leave
    | AcceptOffer
    | RejectOffer
    | EndWork
    | ReportHold
    | ReportAgentWaits
    | ReportCustomerCalled
    | ReportOfferFailed
    | ReportTalk
    | ReportTalkEnded
    | AskAgent
    | EndAsking
    | BeginInternalCall
    | EndInternalCall
    | CallOut
    | RestoreAgent
    | RestoreOffer
    | StartRouting
    | StopRouting
)
