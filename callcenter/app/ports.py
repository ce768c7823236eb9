"""What the use cases want of the world; adapters fill these, tests fake them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from callcenter.app.call_state import CallState
from callcenter.domain.actions import CallCustomer, RingAgent
from callcenter.domain.agents import AgentConfig, AgentState, NotReadyReason, Phone
from callcenter.domain.customers import (
    Case,
    Consent,
    ContactPoint,
    Customer,
    CustomerKind,
    CustomerNumber,
    CustomValue,
)
from callcenter.domain.events import Event, Outcome
from callcenter.domain.hours import OpeningHours
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId, UserId
from callcenter.domain.interactions import Interaction
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.domain.worth import CustomerWorth


class Clock(Protocol):
    """The one source of the present moment."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


# ---- telephony


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLine:
    """What an agent's phone is told of the caller, and which channel to bridge."""

    channel: str
    display_number: str
    display_name: str
    channel_id: str | None = None
    """The unique id of his channel; None: it is the interaction's. Of a callback it is `customer_leg_id`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLine:
    """What a callback's customer sees and hears, and what his channel carries.

    `play` and what follows are for who is called before the agent: he waits in his queue like any caller, and `state`
    makes that place his. The `caller_name` and `dnis` are for a server that has forgotten everything.
    """

    display_number: str
    display_name: str
    state: CallState
    play: tuple[str, ...] = ()
    music_class: str = "default"
    caller_name: str = ""
    dnis: str = ""


def customer_leg_id(interaction_id: InteractionId, attempt: int) -> str:
    """The unique id of a callback's customer's channel: an attempt that is ordered twice collides.

    The full stop keeps it from being the beginning of an agent's, which Asterisk would take for the same.
    """
    return f"{interaction_id}-{attempt}."


class Telephony(Protocol):
    """Orders to the exchange; none waits, what becomes of them comes back as reports."""

    def ring_agent(self, order: RingAgent, caller: CallerLine) -> None:
        """Call the agent's phone; bridge him with the caller when he answers, or let him wait for the customer."""
        ...

    def stop_ringing(self, offer_id: OfferId) -> None:
        """End the agent's leg of this offer."""
        ...

    def call_customer(self, order: CallCustomer, line: CustomerLine) -> None:
        """Call a callback's customer; bridge him with the agent who waits, or put him in his place in the queue."""
        ...

    def stop_calling(self, interaction_id: InteractionId, attempt: int) -> None:
        """End the customer's leg of this attempt."""
        ...


# ---- the store


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """What of an agent survives a restart."""

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
    phone: Phone
    misses: int = 0
    """Offers he missed in a row."""


class Journal(Protocol):
    """The writing side of the store: everything goes through one task in order, and nobody on a call waits for it."""

    def write(
        self,
        *,
        events: Sequence[Event] = (),
        interactions: Sequence[Interaction] = (),
        agents: Sequence[AgentStatus] = (),
    ) -> None:
        """Take facts and the records they led to; returns at once, loses nothing while the database is away."""
        ...

    async def flushed(self, within: timedelta) -> bool:
        """Wait until all that was written before is durable; False when the time ran out."""
        ...


class Records(Protocol):
    """The reading side of the store for interactions and agents."""

    async def open_interactions(self) -> tuple[Interaction, ...]:
        """Interactions without an end."""
        ...

    async def interaction(self, interaction_id: InteractionId) -> Interaction | None:
        """One interaction."""
        ...

    async def interactions(
        self,
        *,
        limit: int,
        before: InteractionId | None = None,
        customer_id: CustomerId | None = None,
        agent_id: AgentId | None = None,
        queue_id: QueueId | None = None,
        outcomes: Sequence[Outcome] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Interaction, ...]:
        """Newest first, those older than `before`; begun from `since` on and before `until`."""
        ...

    async def timeline(self, interaction_id: InteractionId) -> tuple[Event, ...]:
        """The interaction's events in the order they were written."""
        ...

    async def events_since(self, since: datetime) -> tuple[Event, ...]:
        """All events at or after `since`, in the order they were written."""
        ...

    async def known_interactions(self, ids: Sequence[InteractionId]) -> frozenset[InteractionId]:
        """Which of these ids have a record that has ended."""
        ...

    async def agent_statuses(self) -> tuple[AgentStatus, ...]:
        """What is kept of every agent."""
        ...

    async def bookmark(self, name: str) -> str | None:
        """A remembered position in something that is read bit by bit."""
        ...

    async def set_bookmark(self, name: str, value: str) -> None:
        """Remember a position."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLabel:
    """A code of the business (a reason, a disposition) and what people read."""

    code: str
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRoute:
    """A dialled number and the flow it leads to."""

    dnis: str
    flow: str
    label: Label


class Configuration(Protocol):
    """What the business sets, kept in the store and changed while the server works."""

    async def version(self) -> int:
        """The number of the present configuration; it grows with every change that is applied."""
        ...

    async def queues(self) -> tuple[QueueConfig, ...]:
        """All queues."""
        ...

    async def agents(self) -> tuple[AgentConfig, ...]:
        """All agents."""
        ...

    async def numbers(self) -> tuple[NumberRoute, ...]:
        """Which dialled number leads where."""
        ...

    async def hours(self) -> Mapping[str, OpeningHours]:
        """The opening hours by their ids."""
        ...

    async def reasons(self) -> tuple[CodeLabel, ...]:
        """Why an agent may be not ready, those the agents choose from."""
        ...

    async def not_ready_reasons(self) -> tuple[NotReadyReason, ...]:
        """The same reasons as the routing knows them, with their time limits."""
        ...

    async def dispositions(self) -> tuple[CodeLabel, ...]:
        """Result codes of wrap-up."""
        ...

    async def close_queue(self, queue_id: QueueId, *, by: str, at: datetime) -> None:
        """Remember that a supervisor closed a queue in an emergency; `NotFound` when there is none."""
        ...

    async def open_queue(self, queue_id: QueueId) -> None:
        """Remember that the emergency is over; nothing happens when there was none."""
        ...

    async def set_agent_phone(self, agent_id: AgentId, phone: Phone) -> None:
        """Remember which phone the agent chose."""
        ...

    async def phone_secret(self, agent_id: AgentId) -> str | None:
        """The secret of the agent's SIP account."""
        ...


# ---- customers


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerInput:
    """What a person fills in about a customer."""

    kind: CustomerKind = CustomerKind.PERSON
    name: str
    language: str | None = None
    segment: str | None = None
    account_manager_id: AgentId | None = None
    tags: tuple[str, ...] = ()
    contact_points: tuple[ContactPoint, ...] = ()
    notes: str = ""
    consents: tuple[Consent, ...] = ()
    custom: Mapping[str, CustomValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionSummary:
    """One line of a customer's history."""

    interaction_id: InteractionId
    media_type: str
    started_at: datetime
    outcome: str | None
    queue_id: QueueId | None
    agent_id: AgentId | None
    disposition: str | None
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCard:
    """A customer as the desktop shows him: himself, the last interactions, the open cases, his customer numbers."""

    customer: Customer
    last_interactions: tuple[InteractionSummary, ...] = ()
    open_cases: tuple[Case, ...] = ()
    numbers: tuple[CustomerNumber, ...] = ()
    worth: CustomerWorth | None = None
    segments: tuple[str, ...] = ()
    """Those of the segments named by queues that he is in."""

    @property
    def value_class(self) -> str:
        """A, B or C: what a person has set, else what was worked out; empty where neither is known."""
        return self.customer.segment or (self.worth.value_class if self.worth is not None else None) or ""


class Customers(Protocol):
    """The customer store."""

    async def cards_by_contact_point(self, value: str) -> tuple[CustomerCard, ...]:
        """Everyone who has this number (E.164) or address, with history; at most 20, the most recently active first."""
        ...

    async def card(self, customer_id: CustomerId) -> CustomerCard | None:
        """One customer's card; of one who was merged into another, that other's."""
        ...

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """One customer; for one who was merged into another, that other."""
        ...

    async def create(self, customer_id: CustomerId, data: CustomerInput, *, at: datetime, by: str) -> Customer:
        """Make a customer under an id that is new; `InvalidValue` for an account manager who is no agent."""
        ...

    async def update(
        self,
        customer_id: CustomerId,
        data: CustomerInput,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> Customer:
        """Change a customer; `NotFound` when there is none, `Outdated` when he has another version than expected.

        `InvalidValue` for a new account manager who is no agent.
        """
        ...


# ---- users and sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Someone who signs in."""

    user_id: UserId
    name: str
    display_name: str
    role: str
    agent_id: AgentId | None
    language: str
    password_hash: str
    disabled: bool = False
    """Shut out: may not sign in, until an administrator lets him in again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A signed-in session; only the hash of its token is kept."""

    token_hash: str
    user_id: UserId
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class Users(Protocol):
    """Users, their sessions and their failed attempts."""

    async def by_name(self, name: str) -> User | None:
        """The user of this login name."""
        ...

    async def by_id(self, user_id: UserId) -> User | None:
        """The user of this id."""
        ...

    async def add_session(self, session: SessionRecord) -> None:
        """Keep a new session."""
        ...

    async def session(self, token_hash: str) -> SessionRecord | None:
        """The session of this token's hash."""
        ...

    async def touch_session(self, token_hash: str, last_seen_at: datetime) -> None:
        """Note that the session is in use."""
        ...

    async def end_session(self, token_hash: str) -> None:
        """Forget a session."""
        ...

    async def audit(self, *, at: datetime, by: str, action: str, subject: str, detail: str = "") -> None:
        """Append one line to the audit log."""
        ...
