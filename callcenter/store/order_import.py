"""Takes rows of a file into the orders, a batch at a time, in the way of `customer_import`."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from callcenter.crm.import_rows import OrderRow, RowFault
from callcenter.crm.orders import OrderInput, placed, revised_order
from callcenter.domain.cases import CodeList
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import CustomerId, OrderId
from callcenter.domain.sales import Order, OrderLine
from callcenter.store import crm_tables, sales_tables
from callcenter.store.changes import differences
from callcenter.store.customer_import import Crossed, ImportRules, known_ids
from callcenter.store.encoding import encode_json
from callcenter.store.new_customers import new_id
from callcenter.store.orders import FIELDS, order_row, read_orders

NEW = "new"
"""The state of an order whose row names none."""


@dataclass(slots=True)
class OrderPlan:
    """What a batch comes to."""

    new: list[Order] = field(default_factory=list)
    changed: list[tuple[Order, Order]] = field(default_factory=list)
    same: int = 0
    faults: list[RowFault] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether there is anything to be written."""
        return bool(self.new or self.changed)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the rows of a batch name, as far as it is there."""

    customers: Mapping[str, tuple[CustomerId, ...]]
    orders: Mapping[str, Order]
    states: frozenset[str]
    products: frozenset[str]


class _Refused(Exception):
    """A row that cannot be taken: column, value, code, what is wrong, what would be right."""

    def __init__(self, *parts: str) -> None:
        super().__init__(parts[3])
        self.parts = parts


def plan_orders(connection: Connection, rows: Sequence[OrderRow], rules: ImportRules) -> OrderPlan:
    """What these rows come to, as things are now; nothing is written."""
    table, codes, products = sales_tables.orders, crm_tables.case_codes, sales_tables.products
    query = table.select().where(table.c.number.in_([row.number for row in rows]))
    states = select(codes.c.code).where(codes.c.list == CodeList.ORDER_STATES, codes.c.retired.is_(False))
    wanted = {one.product for row in rows for one in (row, *row.others) if one.product is not None}
    sold = select(products.c.code).where(products.c.active, products.c.code.in_(sorted(wanted)))
    known = _Known(
        customers=known_ids(connection, rules.key, [row.key for row in rows], rules.source),
        orders={order.number: order for order in read_orders(connection, query)},
        states=frozenset(connection.execute(states).scalars()),
        products=frozenset(connection.execute(sold).scalars()) if wanted else frozenset(),
    )
    found = OrderPlan()
    for row in rows:
        before = known.orders.get(row.number)
        try:
            after = _after(before, row, known, rules)
        except _Refused as no:
            column, value, code, wrong, right = no.parts
            found.faults.append(RowFault(row=row.row, column=column, value=value, code=code, wrong=wrong, wanted=right))
            continue
        if before is None:
            found.new.append(after)
        elif after is before:
            found.same += 1
        else:
            found.changed.append((before, after))
    return found


def _after(before: Order | None, row: OrderRow, known: _Known, rules: ImportRules) -> Order:
    owners = known.customers.get(row.key, ())
    if len(owners) != 1:
        wrong = "is nobody's" if not owners else f"belongs to {len(owners)} customers"
        raise _Refused(
            rules.key_column, row.key, "unknown_customer", wrong, "the key of one customer; import them first"
        )
    if before is not None and before.customer_id != owners[0]:
        raise _Refused(
            rules.key_column, row.key, "other_customer", f"order {row.number} is another customer's", "its own customer"
        )
    state = row.state or (NEW if before is None else before.state)
    if state not in known.states and (before is None or before.state != state):
        raise _Refused("state", state, "unknown_state", "is no state of orders", ", ".join(sorted(known.states)))
    for line in (row, *row.others):
        if line.product is not None and line.product not in known.products:
            wrong = "is no product that is sold" + ("" if line is row else f" (row {line.row})")
            raise _Refused("product", line.product, "unknown_product", wrong, "the code of a product")
    currency = row.currency or (before.total.currency if before is not None else None)
    if currency is None:
        raise _Refused("currency", "", "currency_missing", "is missing", "three letters, such as CNY")
    lines = before.lines if before is not None else ()
    if row.product is not None or row.text or row.others:
        lines = tuple(
            OrderLine(product=one.product, text=one.text, quantity=one.quantity, amount=one.amount)
            for one in (row, *row.others)
        )
    data = OrderInput(
        number=row.number,
        placed_on=row.placed_on,
        due_on=row.due_on or (before.due_on if before is not None else row.placed_on),
        state=state,
        currency=currency,
        total=sum((one.amount for one in row.others), row.amount),
        lines=lines,
        note=row.note if row.note is not None else (before.note if before is not None else ""),
    )
    try:
        if before is None:
            return placed(OrderId(new_id()), owners[0], data, at=rules.at, by=rules.by)
        return revised_order(before, data)
    except InvalidValue as error:
        raise _Refused("order_number", row.number, error.code, str(error), "amounts and days that fit") from None


def write_orders(connection: Connection, found: OrderPlan, rules: ImportRules) -> None:
    """Write a plan in the connection's transaction; `Crossed` where an order has come or changed meanwhile."""
    table, lines = sales_tables.orders, sales_tables.order_lines
    numbers = [order.number for order in found.new]
    if numbers and connection.execute(select(table.c.order_id).where(table.c.number.in_(numbers))).first() is not None:
        raise Crossed
    versions = {before.order_id: before.version for before, _ in found.changed}
    mine = select(table.c.order_id, table.c.version).where(table.c.order_id.in_(sorted(versions)))
    if versions:
        rows = connection.execute(mine.order_by(table.c.order_id).with_for_update()).all()
        if {OrderId(row.order_id): row.version for row in rows} != versions:
            raise Crossed
    if found.new:
        fixed = [
            {
                "order_id": order.order_id,
                "customer_id": order.customer_id,
                "created_at": order.created_at,
                "created_by": order.created_by,
                **order_row(order),
            }
            for order in found.new
        ]
        connection.execute(insert(table), fixed)
    if found.changed:
        changed = [
            {f"new_{name}": value for name, value in {"order_id": after.order_id, **order_row(after)}.items()}
            for _, after in found.changed
        ]
        connection.execute(_CHANGE, changed)
        connection.execute(delete(lines).where(lines.c.order_id.in_(sorted(versions))))
    written = [*found.new, *(after for _, after in found.changed)]
    line_rows = [
        {"order_id": order.order_id, "position": position, **dataclasses.asdict(line)}
        for order in written
        for position, line in enumerate(order.lines)
    ]
    if line_rows:
        connection.execute(insert(lines), line_rows)
    _write_history(connection, found, at=rules.at, by=rules.by)


def _write_history(connection: Connection, found: OrderPlan, *, at: datetime, by: str) -> None:
    told: list[tuple[Order | None, Order]] = [(None, order) for order in found.new]
    told += found.changed
    rows = [
        {
            "customer_id": after.customer_id,
            "at": at,
            "by": by,
            "entity": "order",
            "entity_id": after.order_id,
            "action": "created" if before is None else "changed",
            "fields": encode_json(differences(before, after, FIELDS)),
        }
        for before, after in told
    ]
    if rows:
        connection.execute(insert(crm_tables.customer_changes), rows)


_CHANGED = (
    "number",
    "dialled",
    "placed_on",
    "due_on",
    "state",
    "total",
    "currency",
    "note",
    "at",
    "version",
)
_CHANGE = (
    update(sales_tables.orders)
    .where(sales_tables.orders.c.order_id == bindparam("new_order_id"))
    .values({name: bindparam(f"new_{name}", type_=sales_tables.orders.c[name].type) for name in _CHANGED})
)
