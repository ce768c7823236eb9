"""Who waits: one record for each interaction.

Law: an interaction keeps its place while it is offered; only answer, leaving or moving takes it out.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from callcenter.acd.places import AGED, NOT_AGED, Place
from callcenter.acd.pools import Pool
from callcenter.domain.agents import ON_THE_PHONE, VOICE
from callcenter.domain.callbacks import Callback, Presence
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import ReasonPart
from callcenter.domain.queues import CallerOrder, QueueConfig
from callcenter.domain.skills import SkillRequirement


class Stand(Enum):
    """In which list agents find it."""

    NOWHERE = auto()
    """Nobody is wanted for it now: it rings as widely as it may, or its customer is not to be called yet."""
    OPEN = auto()
    MORE = auto()
    """It rings already, and may ring at further agents."""
    RESERVED = auto()
    """It is kept for one agent."""
    TO_CALL = auto()
    """A callback: a free agent begins the call to its customer, and is offered it when that one is on the line."""


@dataclass(slots=True, kw_only=True)
class WaitingRecord:
    """One waiting interaction; only the engine writes it."""

    interaction_id: InteractionId
    queue_id: QueueId
    entered_at: datetime
    placed_at: datetime
    media_type: str = VOICE
    base_priority: int = 0
    boost: int = 0
    """What its traits add."""
    grounds: tuple[ReasonPart, ...] = ()
    """The parts of the boost, for people to read."""
    skills: tuple[SkillRequirement, ...] = ()
    traits: CallerTraits = A_STRANGER
    step: int = 0
    step_priority: int = 0
    """What the steps that have begun add."""
    aged: bool = False
    place: Place
    pool: Pool = field(repr=False)
    """Who may serve it at its present step."""
    stand: Stand = Stand.NOWHERE
    offer_ids: tuple[OfferId, ...] = ()
    reserved_for: AgentId | None = None
    reserved_until: datetime | None = None
    picked: bool = False
    """A supervisor keeps it for that agent: it is his next."""
    callback: Callback | None = None
    presence: Presence = Presence.PRESENT
    calling_until: datetime | None = None
    """When the call to its customer has failed, should nobody report it."""
    called_for: AgentId | None = None
    """The free agent because of whom the customer is called before any agent."""
    agent_waits: OfferId | None = None
    """The offer whose agent has answered, and waits for the customer."""
    visited: tuple[QueueId, ...] = ()
    """Queues it came from by overflow."""
    wake_at: datetime | None = None
    """When something of it changes by itself."""

    @property
    def priority(self) -> int:
        """What counts."""
        return self.base_priority + self.boost + self.step_priority

    @property
    def is_call_out(self) -> bool:
        """Whether its agent calls out by himself: it lives and dies with his one offer."""
        return self.callback is not None and self.callback.called_by is not None

    @property
    def on_the_phone(self) -> bool:
        """Whether the agent needs his phone for it."""
        return self.media_type in ON_THE_PHONE


def place_in(record: WaitingRecord, config: QueueConfig) -> Place:
    """The place a record has in its queue, and among all queues of an agent."""
    limit = config.ageing_limit
    if record.aged and limit is not None:
        return (AGED, 0, record.entered_at + limit, record.interaction_id)
    moment = record.entered_at
    if config.caller_order is CallerOrder.SERVICE_OBJECTIVE:
        moment += config.service_level_threshold
    return (NOT_AGED, -record.priority, moment, record.interaction_id)
