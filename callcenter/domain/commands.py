"""Requests to the ACD engine, and reports to it from the adapters; ids are made by whoever sends them."""

from dataclasses import dataclass
from datetime import datetime

from callcenter.domain.agents import AgentConfig, AgentState, Phone, PhoneStatus
from callcenter.domain.events import Side
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
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
    """The agent leaves; in a talk, after it."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReady:
    """The agent takes interactions; in a talk, after it; in wrap-up, at once."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNotReady:
    """The agent takes none; in a talk, after it."""

    agent_id: AgentId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndWrapUp:
    """After-call work is done; `then` None means ready, or what was wished during the talk."""

    agent_id: AgentId
    then: AgentState | None = None
    reason: str | None = None


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
    """An interaction waits since `entered_at`; saying it again changes nothing."""

    interaction_id: InteractionId
    queue_id: QueueId
    entered_at: datetime
    priority: int = 0
    skills: tuple[SkillRequirement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The caller is gone, from wherever he was."""

    interaction_id: InteractionId


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
    | RemoveQueue
    | RemoveAgent
    | LogIn
    | LogOut
    | SetReady
    | SetNotReady
    | EndWrapUp
    | ChangePhone
    | ReportPhone
    | Enqueue
    | Leave
    | ReportOfferFailed
    | ReportTalk
    | ReportTalkEnded
    | RestoreAgent
    | RestoreOffer
    | StartRouting
    | StopRouting
)
