"""Customers: who they are, where they can be reached, and what they agreed to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from callcenter.domain.ids import AgentId, CaseId, CustomerId

CustomValue = str | float | bool
"""A value of a custom field; a date is its ISO 8601 text."""


class CustomerKind(StrEnum):
    """A party is a person or an organisation."""

    PERSON = "person"
    ORGANISATION = "organisation"


class ContactPointKind(StrEnum):
    """Where a party can be reached."""

    PHONE = "phone"
    EMAIL = "email"
    WEB = "web"
    SOCIAL = "social"


class Channel(StrEnum):
    """A way to approach a party; he agrees to each or does not."""

    PHONE = "phone"
    SMS = "sms"
    EMAIL = "email"
    CHAT = "chat"
    SOCIAL = "social"
    POST = "post"


class ConsentState(StrEnum):
    """What a party said to being approached on a channel; nothing kept means that nobody asked."""

    GRANTED = "granted"
    REFUSED = "refused"
    """No advertising; an answer to his own question may still come this way."""
    DO_NOT_CONTACT = "do_not_contact"
    """Nothing at all: on the telephone, do not call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What was said about one channel, when, who noted it, and where it came from (a call, a form)."""

    channel: Channel
    state: ConsentState
    at: datetime
    by: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPoint:
    """A number (E.164) or address of a party."""

    kind: ContactPointKind
    value: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerNumber:
    """A number that the business knows the customer by, and he himself; of its PIN only whether there is one."""

    number: str
    has_pin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A matter that spans interactions, as a card shows it; all of it is `domain.cases.CaseRecord`."""

    case_id: CaseId
    kind: str
    subject: str
    state: str
    opened_at: datetime
    priority: str = "normal"
    due_at: datetime | None = None
    owner_id: AgentId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A party; `segment` is its class of value A, B or C, `version` grows with every change."""

    customer_id: CustomerId
    kind: CustomerKind = CustomerKind.PERSON
    name: str
    language: str | None = None
    segment: str | None = None
    account_manager_id: AgentId | None = None
    """The agent who looks after this customer."""
    tags: tuple[str, ...] = ()
    contact_points: tuple[ContactPoint, ...] = ()
    notes: str = ""
    created_at: datetime
    consents: tuple[Consent, ...] = ()
    custom: Mapping[str, CustomValue] = field(default_factory=dict)
    version: int = 1
