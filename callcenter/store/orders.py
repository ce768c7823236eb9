"""Orders: rows and back, each change with its line of history."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Insert, Row, Select, Update, delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.sales_book import OrderFilters
from callcenter.crm.orders import OrderInput, dialled_number, moment_of, placed, revised_order
from callcenter.domain.cases import CodeList
from callcenter.domain.errors import Conflict, NotFound, Outdated
from callcenter.domain.ids import CustomerId, OrderId
from callcenter.domain.money import Money
from callcenter.domain.sales import Order, OrderLine
from callcenter.store.case_lists import check_code
from callcenter.store.changes import add_change, differences
from callcenter.store.customers import root_of
from callcenter.store.database import Database
from callcenter.store.products import check_products
from callcenter.store.sales_tables import order_lines
from callcenter.store.sales_tables import orders as table

FIELDS = ("number", "placed_on", "due_on", "state", "total", "lines", "note")
"""What history tells of."""


class StoredOrders:
    """Implements `callcenter.app.sales_book.OrderBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(
        self, order_id: OrderId, customer_id: CustomerId, data: OrderInput, *, at: datetime, by: str
    ) -> Order:
        """Keep a new order under an id that is new."""
        async with self._database.writing() as connection:
            order = placed(order_id, await root_of(connection, customer_id), data, at=at, by=by)
            await check_code(connection, CodeList.ORDER_STATES, None, order.state, name="state")
            await check_products(connection, None, data)
            await put_order(connection, order)
            await _note(connection, None, order, at=at, by=by, action="created")
            return order

    async def order(self, order_id: OrderId) -> Order | None:
        """One order."""
        query = table.select().where(table.c.order_id == order_id)
        found = await self._database.look(lambda connection: read_orders(connection, query))
        return found[0] if found else None

    async def change_order(
        self, order_id: OrderId, data: OrderInput, *, at: datetime, by: str, expected_version: int | None = None
    ) -> Order:
        """Change an order; the same again is no change."""
        async with self._database.writing() as connection:
            query = table.select().where(table.c.order_id == order_id)
            found = await connection.run_sync(read_orders, query.with_for_update())
            if not found:
                raise NotFound(f"there is no order {order_id}", code="unknown_order")
            before = found[0]
            if expected_version is not None and before.version != expected_version:
                raise Outdated(
                    f"order {order_id} has version {before.version} now, not {expected_version}; read it again"
                )
            after = revised_order(before, data)
            if after is before:
                return before
            await check_code(connection, CodeList.ORDER_STATES, before.state, after.state, name="state")
            await check_products(connection, before, data)
            await _write(connection, update(table).where(table.c.order_id == order_id).values(order_row(after)), after)
            if after.lines != before.lines:
                await connection.execute(delete(order_lines).where(order_lines.c.order_id == order_id))
                await _put_lines(connection, after)
            await _note(connection, before, after, at=at, by=by, action="changed")
            return after

    async def orders(self, filters: OrderFilters, *, limit: int, before: OrderId | None) -> tuple[Order, ...]:
        """Those placed last first, from behind `before` on."""

        def look(connection: Connection) -> tuple[Order, ...]:
            query = _matching(filters).order_by(table.c.placed_on.desc(), table.c.order_id.desc()).limit(limit)
            if before is not None:
                place = select(table.c.placed_on).where(table.c.order_id == before)
                placed_on = connection.execute(place).scalar_one_or_none()
                if placed_on is None:
                    raise NotFound(f"there is no order {before} to page from", code="unknown_order")
                query = query.where(tuple_(table.c.placed_on, table.c.order_id) < tuple_(placed_on, before))
            return read_orders(connection, query)

        return await self._database.look(look)


async def put_order(connection: AsyncConnection, order: Order) -> None:
    """Put a new order in; `Conflict` for a number or id that is taken."""
    taken = select(table.c.order_id).where((table.c.number == order.number) | (table.c.order_id == order.order_id))
    if (await connection.execute(taken)).first() is not None:
        raise _exists(order)
    row = {
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "created_at": order.created_at,
        "created_by": order.created_by,
        **order_row(order),
    }
    await _write(connection, insert(table).values(row), order)
    await _put_lines(connection, order)


def read_orders(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Order, ...]:
    """The orders of rows of the table, in their order, with their lines."""
    rows = connection.execute(query).all()
    lines: dict[str, list[OrderLine]] = {}
    if rows:
        mine = order_lines.c.order_id.in_([row.order_id for row in rows])
        wanted = order_lines.select().where(mine).order_by(order_lines.c.order_id, order_lines.c.position)
        for row in connection.execute(wanted).all():
            line = OrderLine(product=row.product, text=row.text, quantity=row.quantity, amount=row.amount)
            lines.setdefault(row.order_id, []).append(line)
    return tuple(_order(row, lines.get(row.order_id, ())) for row in rows)


def _order(row: Row[tuple[object, ...]], lines: Sequence[OrderLine]) -> Order:
    return Order(
        order_id=OrderId(row.order_id),
        number=row.number,
        customer_id=CustomerId(row.customer_id),
        placed_on=row.placed_on,
        due_on=row.due_on,
        state=row.state,
        total=Money(amount=row.total, currency=row.currency),
        lines=tuple(lines),
        note=row.note,
        created_at=row.created_at,
        created_by=row.created_by,
        version=row.version,
    )


def order_row(order: Order) -> dict[str, object]:
    """What may change."""
    return {
        "number": order.number,
        "dialled": dialled_number(order.number),
        "placed_on": order.placed_on,
        "due_on": order.due_on,
        "state": order.state,
        "total": order.total.amount,
        "currency": order.total.currency,
        "note": order.note,
        "at": moment_of(order),
        "version": order.version,
    }


async def _put_lines(connection: AsyncConnection, order: Order) -> None:
    rows = [
        {
            "order_id": order.order_id,
            "position": position,
            "product": line.product,
            "text": line.text,
            "quantity": line.quantity,
            "amount": line.amount,
        }
        for position, line in enumerate(order.lines)
    ]
    if rows:
        await connection.execute(insert(order_lines), rows)


async def _write(connection: AsyncConnection, statement: Insert | Update, order: Order) -> None:
    try:
        await connection.execute(statement)
    except IntegrityError as error:
        raise _exists(order) from error


def _exists(order: Order) -> Conflict:
    return Conflict(f"there is an order {order.number} already; an order's number is its own", code="order_exists")


def _matching(filters: OrderFilters) -> Select[tuple[object, ...]]:
    query = table.select()
    for column, value in (
        (table.c.customer_id, filters.customer_id),
        (table.c.number, filters.number),
        (table.c.state, filters.state),
    ):
        if value is not None:
            query = query.where(column == value)
    if filters.placed_from is not None:
        query = query.where(table.c.placed_on >= filters.placed_from)
    if filters.placed_to is not None:
        query = query.where(table.c.placed_on <= filters.placed_to)
    if filters.product is not None:
        with_it = select(order_lines.c.order_id).where(order_lines.c.product == filters.product)
        query = query.where(table.c.order_id.in_(with_it))
    return query


async def _note(
    connection: AsyncConnection, before: Order | None, after: Order, *, at: datetime, by: str, action: str
) -> None:
    await add_change(
        connection,
        customer_id=after.customer_id,
        at=at,
        by=by,
        entity="order",
        entity_id=after.order_id,
        action=action,
        fields=differences(before, after, FIELDS),
    )
