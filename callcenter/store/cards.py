"""The cards of customers, for who is on the line: all that a pop and the routing want of them, in four statements.

Law: a caller waits for this. Nearly always there is one customer, so each statement has a form for one, which is the
quicker: its parameter is the id itself, where a list of ids is written into the statement anew each time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    RowMapping,
    Select,
    bindparam,
    false,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)

from callcenter.app.ports import CustomerCard, InteractionSummary
from callcenter.domain.customers import Case, Customer, CustomerNumber
from callcenter.domain.ids import CaseId, CustomerId, InteractionId, QueueId
from callcenter.domain.worth import CustomerWorth
from callcenter.store import sales_tables, tables
from callcenter.store.columns import UtcDateTime
from callcenter.store.customer_rows import agent_id, customers_of, named, with_contact_points
from callcenter.store.value_tables import customer_values, segment_members

MOST_CARDS = 20
LAST_INTERACTIONS = 5
_WORTH_FIELDS = tuple(CustomerWorth.__dataclass_fields__)
_WORTH = "worth_"
"""What the names of his worth's columns begin with."""
_NUMBER, _SEGMENT = "number", "segment"

_Rows = Mapping[str, Sequence[Row[tuple[object, ...]]]]
_Whose = Callable[[Column[str]], ColumnElement[bool]]


def cards_by_contact_point(connection: Connection, value: str) -> tuple[CustomerCard, ...]:
    """Everyone who has this number (E.164) or address, the most recently active first."""
    return _cards(connection, connection.execute(_BY_CONTACT_POINT, {"value": value}).mappings().all())


def card_by_id(connection: Connection, customer_id: CustomerId) -> CustomerCard | None:
    """The card of this customer, or of whom he was merged into."""
    cards = _cards(connection, connection.execute(_BY_ID, {"customer_id": customer_id}).mappings().all())
    return cards[0] if cards else None


class _Statements:
    """What refers to some customers: their last interactions, open cases, numbers and segments."""

    def __init__(self, whose: _Whose, interactions: Select[tuple[object, ...]]) -> None:
        self.interactions = interactions
        self.cases = _open_cases(whose)
        self.names = _numbers_and_segments(whose)


_INTERACTIONS = tables.interactions
_SHOWN = (
    _INTERACTIONS.c.customer_id,
    _INTERACTIONS.c.interaction_id,
    _INTERACTIONS.c.media_type,
    _INTERACTIONS.c.started_at,
    _INTERACTIONS.c.outcome,
    _INTERACTIONS.c.queue_id,
    _INTERACTIONS.c.agent_id,
    _INTERACTIONS.c.disposition,
    _INTERACTIONS.c.notes,
)
_NEWEST_FIRST = (_INTERACTIONS.c.started_at.desc(), _INTERACTIONS.c.interaction_id.desc())


def _last_interactions_of_one() -> Select[tuple[object, ...]]:
    """Read from the end of his index, however often he has called."""
    query = select(*_SHOWN).where(_is_the_one(_INTERACTIONS.c.customer_id))
    return query.order_by(*_NEWEST_FIRST).limit(LAST_INTERACTIONS)


def _last_interactions_of_several() -> Select[tuple[object, ...]]:
    place = func.row_number().over(partition_by=_INTERACTIONS.c.customer_id, order_by=_NEWEST_FIRST)
    mine = select(*_SHOWN, place.label("place")).where(_is_one_of(_INTERACTIONS.c.customer_id)).subquery()
    query = select(mine).where(mine.c.place <= LAST_INTERACTIONS)
    return query.order_by(mine.c.customer_id, mine.c.place)


def _open_cases(whose: _Whose) -> Select[tuple[object, ...]]:
    table = tables.cases
    shown = (
        table.c.customer_id,
        table.c.case_id,
        table.c.kind,
        table.c.subject,
        table.c.state,
        table.c.opened_at,
        table.c.priority,
        table.c.due_at,
        table.c.owner_id,
    )
    is_open = (table.c.closed_at.is_(None), table.c.resolved_at.is_(None))
    return (
        select(*shown).where(whose(table.c.customer_id), *is_open).order_by(table.c.opened_at.desc(), table.c.case_id)
    )


def _numbers_and_segments(whose: _Whose) -> CompoundSelect[tuple[object, ...]]:
    """Both in one statement: they are names, few, and of a key each."""
    numbers, members = sales_tables.customer_numbers, segment_members
    of_numbers = select(
        numbers.c.customer_id,
        literal(_NUMBER).label("what"),
        numbers.c.number.label("name"),
        numbers.c.pin_hash.is_not(None).label("has_pin"),
        numbers.c.given_at.label("at"),
    ).where(whose(numbers.c.customer_id))
    of_segments = select(
        members.c.customer_id,
        literal(_SEGMENT),
        members.c.segment_id,
        false(),
        type_coerce(null(), UtcDateTime),
    ).where(whose(members.c.customer_id))
    return union_all(of_numbers, of_segments).order_by("at", "name")


def _is_the_one(column: Column[str]) -> ColumnElement[bool]:
    return column == bindparam("customer_id")


def _is_one_of(column: Column[str]) -> ColumnElement[bool]:
    return column.in_(bindparam("ids", expanding=True))


def _with_worth() -> Select[tuple[object, ...]]:
    worth = customer_values
    columns = [worth.c[name].label(f"{_WORTH}{name}") for name in _WORTH_FIELDS]
    return (
        with_contact_points()
        .add_columns(*columns)
        .outerjoin(worth, worth.c.customer_id == tables.customers.c.customer_id)
    )


def _by_contact_point() -> Select[tuple[object, ...]]:
    customers, points, interactions = tables.customers, tables.contact_points, tables.interactions
    last_active = (
        select(func.max(interactions.c.started_at))
        .where(interactions.c.customer_id == customers.c.customer_id)
        .scalar_subquery()
    )
    order = func.row_number().over(
        order_by=(last_active.desc().nulls_last(), customers.c.created_at.desc(), customers.c.customer_id)
    )
    found = (
        select(customers.c.customer_id, order.label("place"))
        .join(points, points.c.customer_id == customers.c.customer_id)
        .where(points.c.value == bindparam("value"))
        .order_by("place")
        .limit(MOST_CARDS)
        .subquery()
    )
    query = _with_worth().join(found, found.c.customer_id == customers.c.customer_id)
    return query.order_by(found.c.place, points.c.position)


# Putting such statements together takes longer than running them.
_BY_CONTACT_POINT = _by_contact_point()
_BY_ID = named(_with_worth())
_OF_ONE = _Statements(_is_the_one, _last_interactions_of_one())
_OF_SEVERAL = _Statements(_is_one_of, _last_interactions_of_several())


def _cards(connection: Connection, rows: Sequence[RowMapping]) -> tuple[CustomerCard, ...]:
    """Each customer with the last interactions, the open cases, his numbers, his worth and his segments."""
    customers = customers_of(rows)
    if not customers:
        return ()
    ids = [customer.customer_id for customer in customers]
    statements, values = (_OF_ONE, {"customer_id": ids[0]}) if len(ids) == 1 else (_OF_SEVERAL, {"ids": ids})
    interactions = _by_customer(connection.execute(statements.interactions, values).all())
    cases = _by_customer(connection.execute(statements.cases, values).all())
    names = _by_customer(connection.execute(statements.names, values).all())
    worths = {row["customer_id"]: row for row in rows if row[f"{_WORTH}as_of"] is not None}
    return tuple(
        _card(customer, worths.get(customer.customer_id), interactions, cases, names) for customer in customers
    )


def _by_customer(rows: Iterable[Row[tuple[object, ...]]]) -> dict[str, list[Row[tuple[object, ...]]]]:
    found: dict[str, list[Row[tuple[object, ...]]]] = {}
    for row in rows:
        found.setdefault(row.customer_id, []).append(row)
    return found


def _card(
    customer: Customer, worth: RowMapping | None, interactions: _Rows, cases: _Rows, names: _Rows
) -> CustomerCard:
    mine = names.get(customer.customer_id, ())
    return CustomerCard(
        customer=customer,
        last_interactions=tuple(_interaction(row) for row in interactions.get(customer.customer_id, ())),
        open_cases=tuple(_case(row) for row in cases.get(customer.customer_id, ())),
        numbers=tuple(
            CustomerNumber(number=row.name, has_pin=bool(row.has_pin)) for row in mine if row.what == _NUMBER
        ),
        worth=None if worth is None else CustomerWorth(**{name: worth[f"{_WORTH}{name}"] for name in _WORTH_FIELDS}),
        segments=tuple(row.name for row in mine if row.what == _SEGMENT),
    )


def _interaction(row: Row[tuple[object, ...]]) -> InteractionSummary:
    return InteractionSummary(
        interaction_id=InteractionId(row.interaction_id),
        media_type=row.media_type,
        started_at=row.started_at,
        outcome=row.outcome,
        queue_id=QueueId(row.queue_id) if row.queue_id is not None else None,
        agent_id=agent_id(row.agent_id),
        disposition=row.disposition,
        notes=row.notes,
    )


def _case(row: Row[tuple[object, ...]]) -> Case:
    return Case(
        case_id=CaseId(row.case_id),
        kind=row.kind,
        subject=row.subject,
        state=row.state,
        opened_at=row.opened_at,
        priority=row.priority,
        due_at=row.due_at,
        owner_id=agent_id(row.owner_id),
    )
