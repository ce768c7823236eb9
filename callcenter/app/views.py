"""What the screens are shown: one shape for REST and for the live feed (docs/api.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from callcenter.app.ports import CustomerInput, InteractionSummary
from callcenter.app.transfer_views import TransferredView
from callcenter.domain.agents import VOICE, AgentState, PhoneKind, PhoneStatus
from callcenter.domain.callbacks import Presence
from callcenter.domain.customers import Case, Consent, ContactPoint, CustomerKind, CustomerNumber, CustomValue
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import MenuStep
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferReason, ReasonPart
from callcenter.domain.overflows import Overflow
from callcenter.domain.worth import CustomerWorth

PopStage = Literal["ringing", "talking", "wrap_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillView:
    """One skill of an agent, level 1 to 10."""

    skill: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneView:
    """The agent's phone and how it is."""

    kind: PhoneKind
    address: str | None
    status: PhoneStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WishView:
    """What becomes of the agent after the talk; `by` is the supervisor who wants it so."""

    state: AgentState
    reason: str | None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTodayView:
    """An agent's figures since midnight, up to the moment his present state began (`since`); docs/metrics.md."""

    handled: int = 0
    offers: int = 0
    missed: int = 0
    rejected: int = 0
    transferred: int = 0
    calls_out: int = 0
    calls_out_reached: int = 0
    talk_seconds: float = 0.0
    hold_seconds: float = 0.0
    wrap_up_seconds: float = 0.0
    ready_seconds: float = 0.0
    not_ready_seconds: float = 0.0
    internal_seconds: float = 0.0
    """With colleagues on the phone, the ringing included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """An agent as the screens see him.

    `not_ready_until` is the end of what his reason allows: from `warn_at` on it is near, then he is `overdue`.
    `forced_by` is the supervisor who put him into his state; `misses` counts offers missed in a row, and until
    `resting_until` he is passed over for the last of them; `chats` of `chat_limit` he holds besides. `queue_ids` are
    those he may serve at one of their steps; of what he holds now, `queue_id` is the queue and `customer_name` the one
    customer it can be.
    """

    agent_id: AgentId
    name: str
    state: AgentState
    reason: str | None
    since: datetime
    ready_since: datetime | None
    interaction_id: InteractionId | None
    offer_id: OfferId | None
    wrap_up_until: datetime | None
    after_call: WishView | None
    phone: PhoneView
    skills: tuple[SkillView, ...]
    groups: tuple[str, ...] = ()
    forced_by: str | None = None
    not_ready_until: datetime | None = None
    warn_at: datetime | None = None
    overdue: bool = False
    misses: int = 0
    resting_until: datetime | None = None
    chats: int = 0
    chat_limit: int = 0
    queue_ids: tuple[QueueId, ...] = ()
    queue_id: QueueId | None = None
    customer_name: str | None = None
    today: AgentTodayView = AgentTodayView()


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
    account_manager_id: AgentId | None
    tags: tuple[str, ...]
    contact_points: tuple[ContactPoint, ...]
    notes: str
    created_at: datetime
    last_interactions: tuple[InteractionSummary, ...] = ()
    open_cases: tuple[Case, ...] = ()
    consents: tuple[Consent, ...] = ()
    custom: Mapping[str, CustomValue] = field(default_factory=dict)
    version: int = 1
    numbers: tuple[CustomerNumber, ...] = ()
    """What he types to say who he is; of the PINs only whether there are any."""
    worth: CustomerWorth | None = None
    segments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackView:
    """What a callback is about; `attempt` counts from 1 and is the one that is made now, or would be the next."""

    number: str
    requested_at: datetime
    waiting_since: datetime
    not_before: datetime | None
    attempt: int
    attempts_allowed: int | None
    presence: Presence | None
    """Whether the customer is on the line, while he waits; None afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedView:
    """A number the caller typed in the menu, for people to read; of a secret one that he typed it, and no digit."""

    variable: str
    label: Label | None
    digits: str
    secret: bool


class ExternalState(StrEnum):
    """What became of the question about a caller."""

    ASKING = "asking"
    KNOWN = "known"
    NOBODY = "nobody"
    """The system answered, and knows nobody of this number."""
    UNREACHABLE = "unreachable"
    """It did not answer in time, or not so that it could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalView:
    """What one system outside says of the caller, empty until he is known there; the link opens him there."""

    connector_id: str
    label: Label
    state: ExternalState = ExternalState.KNOWN
    name: str = ""
    customer_class: str = ""
    external_id: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PopView:
    """The screen pop."""

    offer_id: OfferId
    interaction_id: InteractionId
    made_at: datetime
    stage: PopStage
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
    media_type: str = VOICE
    callback: CallbackView | None = None
    typed: tuple[TypedView, ...] = ()
    script: Label | None = None
    """What the queue's agents are to say, with its fields (domain/scripts.py) not filled in yet."""
    auto_answer_seconds: float | None = None
    """After ringing so long the phone in the browser answers by itself."""
    transferred: TransferredView | None = None
    """Who sent the caller here, and what he says of him."""
    external: tuple[ExternalView, ...] = ()
    """What systems outside say of the caller; it may arrive while the talk goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCounts:
    """Agents of a queue by state."""

    ready: int
    not_ready: int
    offered: int
    talking: int
    hold: int
    wrap_up: int
    internal_call: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TodayView:
    """A queue's figures since midnight of the configured time zone."""

    offered: int
    answered: int
    abandoned: int
    service_level: float | None
    asa_seconds: float | None
    transferred: int = 0
    """Talks out of which an agent sent the contact on; of `answered`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfHourView:
    """A queue's figures of those who entered it in the last 30 minutes."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    service_level: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendView:
    """A queue's last hour, a value for each minute, the oldest first; the last minute is the one of `until`.

    `waiting` is the most that waited at once; `service_level` is of the half hour up to the minute's end.
    """

    queue_id: QueueId
    until: datetime
    waiting: tuple[int, ...]
    offered: tuple[int, ...]
    answered: tuple[int, ...]
    abandoned: tuple[int, ...]
    service_level: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastErrorView:
    """How good the expected waits of today were: of `count` that came true, the mean of |expected - real|.

    `share_within_range` is how many were answered between low and high; 0.8 is what the range promises.
    """

    count: int
    mean_absolute_error_seconds: float | None
    share_within_range: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """One row of the board.

    `waiting` counts callbacks too, `callbacks` those alone whose customer is not on the line. `unserved` is an alert:
    nobody at work can serve the queue. `open` is None where it has no hours; `closed_by` closed it in an emergency,
    and `when_emergency` is what becomes of its callers then, None: they are told, and the call ends. `new_messages`
    nobody has in hand yet.
    """

    queue_id: QueueId
    label: Label
    waiting: int
    longest_wait_since: datetime | None
    expected_wait_seconds: float | None
    agents: AgentCounts
    today: TodayView
    service_level_threshold_seconds: float
    expected_low_seconds: float | None = None
    expected_high_seconds: float | None = None
    callbacks: int = 0
    unserved: bool = False
    closed_by: str | None = None
    when_emergency: Overflow | None = None
    open: bool | None = None
    opens_at: datetime | None = None
    forecast_error: ForecastErrorView | None = None
    new_messages: int = 0
    oldest_message_at: datetime | None = None
    last_half_hour: HalfHourView = HalfHourView()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """One waiting caller.

    `priority` is what counts, of which he was given `base_priority`; `grounds` say what added to it. `step` counts
    from 1 to `steps`; `aged` puts him before all who are not. He is kept for `reserved_for` until `reserved_until`.
    """

    interaction_id: InteractionId
    queue_id: QueueId
    position: int
    entered_at: datetime
    priority: int
    expected_wait_seconds: float | None
    ani: Number
    customer_name: str | None
    media_type: str = VOICE
    base_priority: int = 0
    grounds: tuple[ReasonPart, ...] = ()
    step: int = 1
    steps: int = 1
    aged: bool = False
    offered_to: tuple[AgentId, ...] = ()
    reserved_for: AgentId | None = None
    reserved_until: datetime | None = None
    expected_low_seconds: float | None = None
    expected_high_seconds: float | None = None
    callback: CallbackView | None = None
    needs: tuple[SkillView, ...] = ()
    """The skills he wants, each with the least level, besides those his queue asks for."""
    segment: str | None = None
    """The class of the one customer it can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One event of an interaction, for people to read."""

    at: datetime
    name: str
    data: dict[str, object]
