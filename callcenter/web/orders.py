"""Orders: placing, finding and changing them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.sales_book import OrderFilters
from callcenter.crm.orders import OrderInput
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import CustomerId, OrderId
from callcenter.domain.sales import Order, OrderLine
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, changed, expected_version, versioned
from callcenter.web.products import Amount, Currency
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Code, Notes, PathId, QueryId, Short

router = api_router()

LARGEST_PAGE = 200
MOST_LINES = 500
_READ = [Depends(Require(Action.READ_SALES))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_SALES))]
_NULLABLE = frozenset({"total"})


def _in_our_times(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("must be in the years 1900 to 2200")
    return day


Day = Annotated[date, AfterValidator(_in_our_times)]


class OrderLineBody(Body):
    """So much of a product, or of what the text says; the amount is that of the whole line."""

    product: Code | None = None
    text: Short = ""
    quantity: Amount = Decimal(1)
    amount: Amount


Lines = Annotated[tuple[OrderLineBody, ...], Field(max_length=MOST_LINES)]


class OrderBody(Body):
    """A new order; without a total it is the sum of its lines."""

    number: Code
    placed_on: Day
    due_on: Day
    state: Code = "new"
    currency: Currency
    total: Amount | None = None
    lines: Lines = ()
    note: Notes = ""


class OrderChange(Body):
    """What changes of an order; what is left out stays. New lines make a new total, unless there is one with them."""

    number: Code | None = None
    placed_on: Day | None = None
    due_on: Day | None = None
    state: Code | None = None
    currency: Currency | None = None
    total: Amount | None = None
    lines: Lines | None = None
    note: Notes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderList:
    """Some orders, those placed last first; `next_before` asks for those before, null at the end."""

    items: tuple[Order, ...]
    next_before: OrderId | None


@router.post("/customers/{customer_id}/orders", status_code=201, response_model=Order)
async def place_order(customer_id: PathId, body: OrderBody, principal: Writer, deps: Deps) -> Response:
    """Keep an order of a customer; its number is its own."""
    data = OrderInput(
        number=body.number,
        placed_on=body.placed_on,
        due_on=body.due_on,
        state=body.state,
        currency=body.currency,
        total=body.total,
        lines=_lines(body.lines),
        note=body.note,
    )
    order = await deps.relations.orders.place(
        OrderId(deps.new_record_id()), CustomerId(customer_id), data, at=deps.clock.now(), by=principal.user.name
    )
    return versioned(order, order.version, 201)


@router.get("/orders", response_model=OrderList, dependencies=_READ)
async def list_orders(
    deps: Deps,
    customer_id: QueryId = None,
    number: Annotated[Code | None, Query()] = None,
    state: Annotated[Code | None, Query()] = None,
    product: Annotated[Code | None, Query()] = None,
    placed_from: Annotated[Day | None, Query()] = None,
    placed_to: Annotated[Day | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    before: QueryId = None,
) -> Response:
    """Orders of a customer, a number, a state, with a product, placed within some days; those placed last first."""
    filters = OrderFilters(
        customer_id=None if customer_id is None else CustomerId(customer_id),
        number=number,
        state=state,
        product=product,
        placed_from=placed_from,
        placed_to=placed_to,
    )
    place = None if before is None else OrderId(before)
    found = await deps.relations.orders.orders(filters, limit=limit + 1, before=place)
    items = found[:limit]
    return document(OrderList(items=items, next_before=items[-1].order_id if len(found) > limit else None))


@router.get("/orders/{order_id}", response_model=Order, dependencies=_READ)
async def read_order(order_id: PathId, deps: Deps) -> Response:
    """One order."""
    order = await _find(deps, OrderId(order_id))
    return versioned(order, order.version)


@router.patch("/orders/{order_id}", response_model=Order)
async def change_order(
    order_id: PathId, body: OrderChange, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Change an order, of the version in If-Match if there is one."""
    for name in body.model_fields_set - _NULLABLE:
        if getattr(body, name) is None:
            raise InvalidValue(f"{name} must not be null; leave it out to keep it")
    expected = expected_version(if_match)

    async def attempt() -> Order:
        known = await _find(deps, OrderId(order_id))
        return await deps.relations.orders.change_order(
            known.order_id,
            _changed(known, body),
            at=deps.clock.now(),
            by=principal.user.name,
            expected_version=known.version if expected is None else expected,
        )

    order = await changed(expected, attempt)
    return versioned(order, order.version)


async def _find(deps: WebDependencies, order_id: OrderId) -> Order:
    order = await deps.relations.orders.order(order_id)
    if order is None:
        raise NotFound(f"there is no order {order_id}", code="unknown_order")
    return order


def _lines(lines: tuple[OrderLineBody, ...]) -> tuple[OrderLine, ...]:
    return tuple(
        OrderLine(product=line.product, text=line.text, quantity=line.quantity, amount=line.amount) for line in lines
    )


def _changed(known: Order, body: OrderChange) -> OrderInput:
    """The order as it is to be; with lines, old or new, the total is theirs."""
    lines = known.lines if body.lines is None else _lines(body.lines)
    kept = None if lines else known.total.amount
    return OrderInput(
        number=known.number if body.number is None else body.number,
        placed_on=known.placed_on if body.placed_on is None else body.placed_on,
        due_on=known.due_on if body.due_on is None else body.due_on,
        state=known.state if body.state is None else body.state,
        currency=known.total.currency if body.currency is None else body.currency,
        total=kept if body.total is None else body.total,
        lines=lines,
        note=known.note if body.note is None else body.note,
    )
