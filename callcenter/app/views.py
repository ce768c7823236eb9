"""What the screens are shown: one shape for REST and for the live feed (docs/api.md)."""

from dataclasses import dataclass
from datetime import datetime

from callcenter.app.ports import CustomerInput, InteractionSummary
from callcenter.domain.customers import Case, ContactPoint, CustomerKind
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import MenuStep
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferReason


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillView:
    """One skill of an agent, level 1 to 10."""

    skill: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneView:
    """The agent's phone and how it is."""

    kind: str
    address: str | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WishView:
    """What becomes of the agent after the talk."""

    state: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """An agent as the screens see him."""

    agent_id: AgentId
    name: str
    state: str
    reason: str | None
    since: datetime
    ready_since: datetime | None
    interaction_id: InteractionId | None
    offer_id: OfferId | None
    wrap_up_until: datetime | None
    after_call: WishView | None
    phone: PhoneView
    skills: tuple[SkillView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRef:
    """A queue's id and name."""

    queue_id: QueueId
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """A customer with what is open and what was last."""

    customer_id: CustomerId
    kind: CustomerKind
    name: str
    language: str | None
    segment: str | None
    tags: tuple[str, ...]
    contact_points: tuple[ContactPoint, ...]
    notes: str
    created_at: datetime
    last_interactions: tuple[InteractionSummary, ...] = ()
    open_cases: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PopView:
    """The screen pop."""

    offer_id: OfferId
    interaction_id: InteractionId
    made_at: datetime
    stage: str
    ani: Number
    dnis: str
    queue: QueueRef | None
    language: str
    menu_path: tuple[MenuStep, ...]
    waited_seconds: float
    reason: OfferReason
    verified: bool
    customers: tuple[CustomerView, ...]
    customer_id: CustomerId | None
    blank: CustomerInput | None
    disposition: str | None
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCounts:
    """Agents of a queue by state."""

    ready: int
    not_ready: int
    offered: int
    talking: int
    wrap_up: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TodayView:
    """A queue's figures since midnight of the configured time zone."""

    offered: int
    answered: int
    abandoned: int
    service_level: float | None
    asa_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """One row of the board."""

    queue_id: QueueId
    label: Label
    waiting: int
    longest_wait_since: datetime | None
    expected_wait_seconds: float | None
    agents: AgentCounts
    today: TodayView
    service_level_threshold_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """One waiting caller."""

    interaction_id: InteractionId
    queue_id: QueueId
    position: int
    entered_at: datetime
    priority: int
    expected_wait_seconds: float | None
    ani: Number
    customer_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One event of an interaction, for people to read."""

    at: datetime
    name: str
    data: dict[str, object]
