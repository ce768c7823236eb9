"""What the use cases want of the store for products, orders and opportunities."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from callcenter.crm.opportunity_steps import OpportunityInput
from callcenter.crm.orders import OrderInput
from callcenter.domain.ids import AgentId, CustomerId, OpportunityId, OrderId
from callcenter.domain.sales import Opportunity, OpportunityState, Order, Product


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilters:
    """Which orders; None asks nothing. The days are both included."""

    customer_id: CustomerId | None = None
    number: str | None = None
    state: str | None = None
    product: str | None = None
    placed_from: date | None = None
    placed_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityFilters:
    """Which opportunities; None asks nothing. `unowned`: nobody's; `due_by`: open, and the next step is due by then."""

    customer_id: CustomerId | None = None
    owner_id: AgentId | None = None
    unowned: bool = False
    state: OpportunityState | None = None
    stage: str | None = None
    due_by: datetime | None = None


class ProductBook(Protocol):
    """What is sold."""

    async def products(self) -> tuple[Product, ...]:
        """All, by their codes, those no longer sold too."""
        ...

    async def put_product(
        self, product: Product, *, at: datetime, by: str, expected_version: int | None = None
    ) -> Product:
        """Make or change a product; `Outdated`."""
        ...


class OrderBook(Protocol):
    """Orders; who changes one says which version he read, None writes over whatever is there."""

    async def place(
        self, order_id: OrderId, customer_id: CustomerId, data: OrderInput, *, at: datetime, by: str
    ) -> Order:
        """Keep a new order; `NotFound` without the customer, `Conflict` (`order_exists`) for a number that is taken.

        `InvalidValue` for states and products that are not in the lists, and for a total the lines do not add up to.
        """
        ...

    async def order(self, order_id: OrderId) -> Order | None:
        """One order."""
        ...

    async def change_order(
        self, order_id: OrderId, data: OrderInput, *, at: datetime, by: str, expected_version: int | None = None
    ) -> Order:
        """Change an order; `NotFound`, `Outdated`, `Conflict`, `InvalidValue`; the same again is no change."""
        ...

    async def orders(self, filters: OrderFilters, *, limit: int, before: OrderId | None) -> tuple[Order, ...]:
        """Those placed last first, from behind `before` on; `NotFound` when that names none."""
        ...


class OpportunityBook(Protocol):
    """Opportunities, in the same way."""

    async def open_opportunity(
        self,
        opportunity_id: OpportunityId,
        customer_id: CustomerId,
        data: OpportunityInput,
        *,
        at: datetime,
        by: str,
    ) -> Opportunity:
        """Open one; `NotFound` without the customer, `InvalidValue` for stages and reasons not in the lists."""
        ...

    async def opportunity(self, opportunity_id: OpportunityId) -> Opportunity | None:
        """One opportunity."""
        ...

    async def change_opportunity(
        self,
        opportunity_id: OpportunityId,
        data: OpportunityInput,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> Opportunity:
        """Change one; `NotFound`, `Outdated`, `IllegalTransition`, `InvalidValue`; the same again is no change."""
        ...

    async def opportunities(
        self, filters: OpportunityFilters, *, limit: int, before: OpportunityId | None
    ) -> tuple[Opportunity, ...]:
        """Those opened last first, from behind `before` on; `NotFound` when that names none."""
        ...
