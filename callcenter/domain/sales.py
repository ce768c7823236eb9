"""What is sold: products, orders, and opportunities with their quotes.

Law: every amount is an exact decimal; an order's total is the sum of its lines where it has any.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from callcenter.domain.ids import AgentId, CustomerId, OpportunityId, OrderId
from callcenter.domain.labels import Label
from callcenter.domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Something that is sold; what is not `active` stays on orders and is put on no other."""

    code: str
    label: Label
    unit_price: Money
    active: bool = True
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """So much of a product, or of what `text` says; `amount` is that of the whole line, in the order's currency."""

    product: str | None = None
    text: str = ""
    quantity: Decimal = Decimal(1)
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a customer has ordered; `state` is a code of the business's list."""

    order_id: OrderId
    number: str
    """As the customer knows it."""
    customer_id: CustomerId
    placed_on: date
    due_on: date
    state: str
    total: Money
    lines: tuple[OrderLine, ...] = ()
    note: str = ""
    created_at: datetime
    created_by: str
    version: int = 1


class OpportunityState(StrEnum):
    """Whether it may still become an order."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What was offered for how much; `number` is that of the document."""

    number: str
    given_on: date
    value: Money
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """What a customer may buy; `stage` is a code of the business's list, `probability` of winning in percent."""

    opportunity_id: OpportunityId
    customer_id: CustomerId
    title: str
    stage: str
    state: OpportunityState = OpportunityState.OPEN
    value: Money | None = None
    probability: int = 0
    next_step: str = ""
    next_step_due_at: datetime | None = None
    owner_id: AgentId | None = None
    reason: str | None = None
    """A code: why it was won or lost."""
    remark: str = ""
    quotes: tuple[Quote, ...] = ()
    opened_at: datetime
    opened_by: str = ""
    closed_at: datetime | None = None
    version: int = 1
