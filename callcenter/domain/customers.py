"""Customers, their contact points and their cases."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.domain.ids import AgentId, CaseId, CustomerId


class CustomerKind(StrEnum):
    """A party is a person or an organisation."""

    PERSON = "person"
    ORGANISATION = "organisation"


class ContactPointKind(StrEnum):
    """Where a party can be reached."""

    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPoint:
    """A number (E.164) or address of a party."""

    kind: ContactPointKind
    value: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A matter that spans interactions."""

    case_id: CaseId
    kind: str
    subject: str
    state: str
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A party; `segment` is its class of value A, B or C."""

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
