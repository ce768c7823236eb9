"""What an order may be: placed and revised; pure steps over `Order`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import CustomerId, OrderId
from callcenter.domain.money import Money, exact
from callcenter.domain.sales import Order, OrderLine


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInput:
    """What a person or another system says of an order; without a `total` it is the sum of the lines."""

    number: str
    placed_on: date
    due_on: date
    state: str
    currency: str
    total: Decimal | None = None
    lines: tuple[OrderLine, ...] = ()
    note: str = ""


def placed(order_id: OrderId, customer_id: CustomerId, data: OrderInput, *, at: datetime, by: str) -> Order:
    """A new order, in whatever state: one that is imported may be long over."""
    check_dates(data)
    return Order(
        order_id=order_id,
        number=data.number,
        customer_id=customer_id,
        placed_on=data.placed_on,
        due_on=data.due_on,
        state=data.state,
        total=_total(data),
        lines=_exact(data.lines),
        note=data.note,
        created_at=at,
        created_by=by,
    )


def revised_order(order: Order, data: OrderInput) -> Order:
    """The order as `data` says; the same object when that is nothing new."""
    check_dates(data)
    after = replace(
        order,
        number=data.number,
        placed_on=data.placed_on,
        due_on=data.due_on,
        state=data.state,
        total=_total(data),
        lines=_exact(data.lines),
        note=data.note,
    )
    return order if after == order else replace(after, version=order.version + 1)


def check_dates(data: OrderInput) -> None:
    """Raise `InvalidValue` for an order that is due before it was placed."""
    if data.due_on < data.placed_on:
        raise InvalidValue(
            f"order {data.number} cannot be due on {data.due_on}, before it was placed on {data.placed_on}",
            code="due_too_early",
        )


def _total(data: OrderInput) -> Money:
    if not data.lines:
        if data.total is None:
            raise InvalidValue(f"order {data.number} needs a total, or lines to add up", code="total_missing")
        return Money(amount=exact(data.total), currency=data.currency)
    added = exact(_sum(line.amount for line in data.lines))
    if data.total is not None and exact(data.total) != added:
        raise InvalidValue(
            f"the lines of order {data.number} add up to {added} {data.currency}, not to {exact(data.total)}: "
            "give a line for what is missing, such as carriage, or leave the total out",
            code="total_differs",
        )
    return Money(amount=added, currency=data.currency)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _exact(lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    return tuple(replace(line, quantity=exact(line.quantity), amount=exact(line.amount)) for line in lines)


def moment_of(order: Order) -> datetime:
    """Where the order stands in the customer's timeline: when it was made here, or noon of the day it was placed."""
    noon = datetime.combine(order.placed_on, time(12), UTC)
    return order.created_at if abs(order.created_at - noon) < timedelta(hours=26) else noon


def dialled_number(number: str) -> str:
    """What a caller types for this order: its digits, for a telephone has no letters."""
    return "".join(sign for sign in number if sign.isascii() and sign.isdecimal())
