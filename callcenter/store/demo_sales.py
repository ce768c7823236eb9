"""The demo's sales: customer numbers with their PINs, products, orders, and an opportunity with its quote."""

import asyncio
from collections.abc import Callable, Mapping, Set
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.crm.orders import OrderInput, placed
from callcenter.domain.ids import CustomerId, OrderId
from callcenter.domain.labels import Label
from callcenter.domain.money import Money
from callcenter.domain.sales import OrderLine, Product, Quote
from callcenter.store.customer_numbers import add_number
from callcenter.store.orders import put_order
from callcenter.store.products import row_of
from callcenter.store.sales_tables import customer_numbers, opportunities, orders, products

BY = "demo"
DEMO_ACCOUNTS: Mapping[str, tuple[str, str]] = {
    "demo-morning-star": ("10023", "3864"),
    "demo-harbour": ("10057", "7295"),
}
"""The customer number and the PIN of those who call from known numbers; the demo prints them."""
PRODUCTS = (
    Product(
        code="label-printer",
        label=Label(zh="标签打印机", en="Label printer"),
        unit_price=Money(amount=Decimal(1_280), currency="CNY"),
    ),
    Product(
        code="labels",
        label=Label(zh="标签纸（每卷1000张）", en="Labels (roll of 1,000)"),
        unit_price=Money(amount=Decimal("36.50"), currency="CNY"),
    ),
    Product(
        code="labels-export",
        label=Label(zh="出口标签纸（每卷1000张）", en="Export labels (roll of 1,000)"),
        unit_price=Money(amount=Decimal("4.95"), currency="GBP"),
    ),
)
_ORDERS: tuple[tuple[str, str, str, int, int, str, tuple[OrderLine, ...]], ...] = (
    (
        "demo-morning-star",
        "70012",
        "sent",
        5,
        3,
        "CNY",
        (
            OrderLine(product="label-printer", quantity=Decimal(2), amount=Decimal(2_560)),
            OrderLine(product="labels", quantity=Decimal(40), amount=Decimal(1_460)),
        ),
    ),
    (
        "demo-morning-star",
        "70004",
        "delivered",
        64,
        -57,
        "CNY",
        (OrderLine(product="labels", quantity=Decimal(100), amount=Decimal(3_650)),),
    ),
    (
        "demo-harbour",
        "70015",
        "packed",
        2,
        6,
        "GBP",
        (
            OrderLine(product="labels-export", quantity=Decimal(50), amount=Decimal("247.50")),
            OrderLine(text="Carriage", amount=Decimal("12.40")),
        ),
    ),
)
"""Whose, its number, its state, how many days ago it was placed, in how many it is due, its currency and lines."""


async def load_demo_sales(
    connection: AsyncConnection, customers: Set[str], now: datetime, hash_pin: Callable[[str], str]
) -> None:
    """Put in what is missing; numbers, orders and opportunities only for `customers`, who are new in this database."""
    known = frozenset((await connection.execute(select(products.c.code))).scalars())
    for product in PRODUCTS:
        if product.code not in known:
            await connection.execute(insert(products), [row_of(product, 1)])
    taken = frozenset((await connection.execute(select(customer_numbers.c.number))).scalars())
    for customer_id, (number, pin) in DEMO_ACCOUNTS.items():
        if customer_id in customers and number not in taken:
            hashed = await asyncio.to_thread(hash_pin, pin)
            await add_number(connection, CustomerId(customer_id), number, pin_hash=hashed, at=now, by=BY)
    taken = frozenset((await connection.execute(select(orders.c.number))).scalars())
    for customer_id, number, state, days_ago, due_in, currency, lines in _ORDERS:
        if customer_id in customers and number not in taken:
            data = OrderInput(
                number=number,
                placed_on=(now - timedelta(days=days_ago)).date(),
                due_on=(now + timedelta(days=due_in)).date(),
                state=state,
                currency=currency,
                lines=lines,
            )
            order = placed(OrderId(f"demo-order-{number}"), CustomerId(customer_id), data, at=now, by=BY)
            await put_order(connection, order)
    if "demo-harbour" in customers:
        await connection.execute(insert(opportunities), [_opportunity(now)])


def _opportunity(now: datetime) -> dict[str, object]:
    quote = Quote(
        number="Q-0041",
        given_on=(now - timedelta(days=4)).date(),
        value=Money(amount=Decimal(990), currency="GBP"),
        valid_until=(now + timedelta(days=26)).date(),
    )
    return {
        "opportunity_id": "demo-opportunity-1",
        "customer_id": "demo-harbour",
        "title": "200 rolls of export labels",
        "stage": "quoted",
        "state": "open",
        "amount": quote.value.amount,
        "currency": quote.value.currency,
        "probability": 60,
        "next_step": "Send the quotation again with shipping",
        "next_step_due_at": now + timedelta(days=2),
        "owner_id": "1002",
        "remark": "",
        "quotes": (quote,),
        "opened_at": now - timedelta(days=19),
        "opened_by": BY,
    }
