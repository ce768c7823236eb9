"""Takes rows of a file into the orders, a batch at a time, in the way of `customer_import`."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from callcenter.crm.import_reasons import FaultCode, RowFault, Told
from callcenter.crm.import_rows import OrderRow
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
from callcenter.store.planner import count_grown

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
    states: "_Named"
    products: "_Named"


class _Named:
    """Codes of the business by whatever people write for them: the code, or what it is called."""

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        self._codes: dict[str, str] = {}
        self._names: dict[str, str | None] = {}
        self.labels: list[tuple[str, str]] = []
        listed = list(rows)
        for code, zh, en in listed:
            self._codes[code] = code
            self.labels.append((zh, en))
        for code, zh, en in listed:
            for word in {zh.strip().casefold(), en.strip().casefold()} - {""}:
                known = self._names.setdefault(word, code)
                # What two of them are called says nothing.
                self._names[word] = code if known == code else None

    def find(self, text: str) -> str | None:
        """The code that is meant."""
        return self._codes.get(text) or self._names.get(text.casefold())


class _Refused(Exception):
    """An order that cannot be taken: the field it is about, what stands there, and why."""

    def __init__(self, name: str, value: str, code: FaultCode, about: dict[str, Told] | None = None) -> None:
        super().__init__(code)
        self.name = name
        self.value = value
        self.code = code
        self.about = about or {}


def plan_orders(connection: Connection, rows: Sequence[OrderRow], rules: ImportRules) -> OrderPlan:
    """What these rows come to, as things are now; nothing is written."""
    table, codes, products = sales_tables.orders, crm_tables.case_codes, sales_tables.products
    query = table.select().where(table.c.number.in_([row.number for row in rows]))
    states = select(codes.c.code, codes.c.label_zh, codes.c.label_en).where(
        codes.c.list == CodeList.ORDER_STATES, codes.c.retired.is_(False)
    )
    sold = select(products.c.code, products.c.label_zh, products.c.label_en).where(products.c.active)
    wanted = any(one.product is not None for row in rows for one in (row, *row.others))
    known = _Known(
        customers=known_ids(connection, rules.key, [row.key for row in rows], rules.source),
        orders={order.number: order for order in read_orders(connection, query)},
        states=_Named(connection.execute(states.order_by(codes.c.position)).all()),
        products=_Named(connection.execute(sold).all() if wanted else ()),
    )
    found = OrderPlan()
    for row in rows:
        before = known.orders.get(row.number)
        try:
            after = _after(before, row, known, rules)
        except _Refused as no:
            column = rules.columns.get(no.name, no.name)
            found.faults.append(RowFault(row=row.row, column=column, value=no.value, code=no.code, about=no.about))
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
    if len(owners) > 1:
        raise _Refused(rules.key, row.key, FaultCode.SEVERAL_CUSTOMERS, {"count": len(owners)})
    if not owners:
        raise _Refused(rules.key, row.key, FaultCode.UNKNOWN_CUSTOMER)
    if before is not None and before.customer_id != owners[0]:
        raise _Refused(rules.key, row.key, FaultCode.OTHER_CUSTOMER, {"number": row.number})
    state = _state_of(before, row, known)
    currency = row.currency or (before.total.currency if before is not None else rules.currency)
    if currency is None:
        raise _Refused("currency", "", FaultCode.CURRENCY_MISSING)
    lines = before.lines if before is not None else ()
    if row.product is not None or row.text or row.others:
        lines = tuple(_line_of(before, one, known) for one in (row, *row.others))
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
    if data.due_on < data.placed_on:
        about: dict[str, Told] = {"placed_on": f"{data.placed_on}"}
        raise _Refused("due_on", f"{data.due_on}", FaultCode.DUE_TOO_EARLY, about)
    try:
        if before is None:
            return placed(OrderId(new_id()), owners[0], data, at=rules.at, by=rules.by)
        return revised_order(before, data)
    except InvalidValue:
        # A row without a line about an order that has some.
        added = sum((line.amount for line in lines), Decimal(0))
        raise _Refused("amount", f"{data.total}", FaultCode.TOTAL_DIFFERS, {"sum": f"{added}"}) from None


def _state_of(before: Order | None, row: OrderRow, known: _Known) -> str:
    if row.state is None:
        return NEW if before is None else before.state
    found = known.states.find(row.state)
    if found is not None:
        return found
    if before is not None and before.state == row.state:
        return row.state
    labels = known.states.labels
    about: dict[str, Told] = {"states_zh": tuple(zh for zh, _ in labels), "states_en": tuple(en for _, en in labels)}
    raise _Refused("state", row.state, FaultCode.UNKNOWN_STATE, about)


def _line_of(before: Order | None, row: OrderRow, known: _Known) -> OrderLine:
    code = None if row.product is None else known.products.find(row.product)
    if code is None and before is not None and row.product in {line.product for line in before.lines}:
        # It is sold no more, and stays where it is.
        code = row.product
    if code is None and row.product is not None:
        raise _Refused("product", row.product, FaultCode.UNKNOWN_PRODUCT, {"row": row.row})
    return OrderLine(product=code, text=row.text, quantity=row.quantity, amount=row.amount)


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
    count_grown(connection, _GROWING)


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


_GROWING = (sales_tables.orders, sales_tables.order_lines, crm_tables.customer_changes)
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
