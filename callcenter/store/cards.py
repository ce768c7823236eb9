"""The cards of customers, for who is on the line: all that a pop and the routing want of them, in two statements.

Law: a caller waits for this. Nearly always there is one customer, so what refers to him has a statement for one, which
is prepared: its parameter is the id itself, where a list of ids is written into a statement anew each time.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Select,
    Subquery,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
    union_all,
)

from callcenter.app.ports import CustomerCard, InteractionSummary
from callcenter.domain.customers import Case, CustomerNumber
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, QueueId
from callcenter.domain.worth import CustomerWorth
from callcenter.store import sales_tables, tables
from callcenter.store.customer_rows import WIDTH, customers_of, named, with_contact_points
from callcenter.store.prepared import Prepared, Values
from callcenter.store.value_tables import customer_values, segment_members

MOST_CARDS = 20
LAST_INTERACTIONS = 5
_WORTH_FIELDS = tuple(CustomerWorth.__dataclass_fields__)
_CALL, _CASE, _NUMBER, _SEGMENT = "call", "case", "number", "segment"
_HAS_PIN = "pin"

_Whose = Callable[[ColumnElement[str]], ColumnElement[bool]]
_CallRow = tuple[
    str, str, InteractionId, datetime, None, str, str | None, QueueId | None, AgentId | None, str | None, str
]
_CaseRow = tuple[str, str, CaseId, datetime, datetime | None, str, str, str, str, AgentId | None, None]
"""What a row is, whose, its name, two moments, six texts."""


def cards_by_contact_point(connection: Connection, value: str) -> tuple[CustomerCard, ...]:
    """Everyone who has this number (E.164) or address, the most recently active first."""
    return _cards(connection, _BY_CONTACT_POINT.rows(connection, value))


def card_by_id(connection: Connection, customer_id: CustomerId) -> CustomerCard | None:
    """The card of this customer, or of whom he was merged into."""
    cards = _cards(connection, _BY_ID.rows(connection, customer_id))
    return cards[0] if cards else None


# ---- the customers


def _with_worth(customers: FromClause) -> Select[tuple[object, ...]]:
    worth = customer_values
    return (
        with_contact_points(customers)
        .add_columns(*(worth.c[name].label(f"worth_{name}") for name in _WORTH_FIELDS))
        .outerjoin(worth, worth.c.customer_id == customers.c.customer_id)
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
        select(customers, order.label("place"))
        .join(points, points.c.customer_id == customers.c.customer_id)
        .where(points.c.value == bindparam("value"))
        .order_by("place")
        .limit(literal_column(str(MOST_CARDS)))
        .subquery()
    )
    return _with_worth(found).order_by(found.c.place, points.c.position)


# ---- what refers to them: of each kind some rows of one form


def _referring(whose: _Whose, calls: Subquery) -> CompoundSelect[tuple[object, ...]]:
    """The cases first: PostgreSQL takes the type of a column from the first two that are put together."""
    cases, numbers, members = tables.cases, sales_tables.customer_numbers, segment_members
    return union_all(
        select(
            _text(_CASE),
            cases.c.customer_id,
            cases.c.case_id,
            cases.c.opened_at,
            cases.c.due_at,
            cases.c.kind,
            cases.c.subject,
            cases.c.state,
            cases.c.priority,
            cases.c.owner_id,
            null(),
        ).where(whose(cases.c.customer_id), cases.c.closed_at.is_(None), cases.c.resolved_at.is_(None)),
        select(
            _text(_CALL),
            calls.c.customer_id,
            calls.c.interaction_id,
            calls.c.started_at,
            null(),
            calls.c.media_type,
            calls.c.outcome,
            calls.c.queue_id,
            calls.c.agent_id,
            calls.c.disposition,
            calls.c.notes,
        ),
        select(
            _text(_NUMBER),
            numbers.c.customer_id,
            numbers.c.number,
            numbers.c.given_at,
            null(),
            case((numbers.c.pin_hash.is_not(None), _text(_HAS_PIN))),
            *(null(),) * 5,
        ).where(whose(numbers.c.customer_id)),
        select(_text(_SEGMENT), members.c.customer_id, members.c.segment_id, *(null(),) * 8).where(
            whose(members.c.customer_id)
        ),
    )


_CALLS = tables.interactions.c
_NEWEST_FIRST = (_CALLS.started_at.desc(), _CALLS.interaction_id.desc())


def _calls_of_one() -> Subquery:
    """Read from the end of his index, however often he has called."""
    mine = select(tables.interactions).where(_is_the_one(_CALLS.customer_id)).order_by(*_NEWEST_FIRST)
    return mine.limit(literal_column(str(LAST_INTERACTIONS))).subquery()


def _calls_of_several() -> Subquery:
    place = func.row_number().over(partition_by=_CALLS.customer_id, order_by=_NEWEST_FIRST).label("place")
    mine = select(tables.interactions, place).where(_is_one_of(_CALLS.customer_id)).subquery()
    return select(mine).where(mine.c.place <= LAST_INTERACTIONS).subquery()


def _text(word: str) -> ColumnElement[str]:
    return literal_column(f"'{word}'", Text)


def _is_the_one(column: ColumnElement[str]) -> ColumnElement[bool]:
    return column == bindparam("customer_id")


def _is_one_of(column: ColumnElement[str]) -> ColumnElement[bool]:
    return column.in_(bindparam("ids", expanding=True))


_BY_CONTACT_POINT = Prepared(_by_contact_point(), "value")
_BY_ID = Prepared(named(_with_worth(tables.customers)), "customer_id")
_OF_ONE = Prepared(_referring(_is_the_one, _calls_of_one()), "customer_id")
_OF_SEVERAL = _referring(_is_one_of, _calls_of_several())


# ---- the cards


def _cards(connection: Connection, rows: Sequence[Values]) -> tuple[CustomerCard, ...]:
    """Each customer with the last interactions, the open cases, his numbers, his worth and his segments."""
    customers = customers_of(rows)
    if not customers:
        return ()
    worths = {cast(str, row[0]): _worth(row[WIDTH:]) for row in rows}
    if len(customers) == 1:
        found = _OF_ONE.rows(connection, customers[0].customer_id)
    else:
        found = connection.execute(_OF_SEVERAL, {"ids": [one.customer_id for one in customers]}).all()
    of: dict[tuple[str, str], list[Values]] = {}
    for row in found:
        of.setdefault((cast(str, row[0]), cast(str, row[1])), []).append(row)
    return tuple(
        CustomerCard(
            customer=customer,
            last_interactions=_interactions(of.get((_CALL, customer.customer_id), ())),
            open_cases=_open_cases(of.get((_CASE, customer.customer_id), ())),
            numbers=_numbers(of.get((_NUMBER, customer.customer_id), ())),
            worth=worths[customer.customer_id],
            segments=tuple(sorted(cast(str, row[2]) for row in of.get((_SEGMENT, customer.customer_id), ()))),
        )
        for customer in customers
    )


def _worth(values: Values) -> CustomerWorth | None:
    said = dict(zip(_WORTH_FIELDS, values, strict=True))
    return None if said["as_of"] is None else CustomerWorth(**said)  # type: ignore[arg-type]


def _interactions(rows: Sequence[Values]) -> tuple[InteractionSummary, ...]:
    """The newest first."""
    calls = sorted(cast(Sequence[_CallRow], rows), key=itemgetter(3, 2), reverse=True)
    return tuple(
        InteractionSummary(
            interaction_id=interaction_id,
            media_type=media_type,
            started_at=started_at,
            outcome=outcome,
            queue_id=queue_id,
            agent_id=agent,
            disposition=disposition,
            notes=notes,
        )
        for _, _, interaction_id, started_at, _, media_type, outcome, queue_id, agent, disposition, notes in calls
    )


def _open_cases(rows: Sequence[Values]) -> tuple[Case, ...]:
    """The newest first."""
    cases = sorted(cast(Sequence[_CaseRow], rows), key=itemgetter(2))
    cases.sort(key=itemgetter(3), reverse=True)
    return tuple(
        Case(
            case_id=case_id,
            kind=kind,
            subject=subject,
            state=state,
            opened_at=opened_at,
            priority=priority,
            due_at=due_at,
            owner_id=owner,
        )
        for _, _, case_id, opened_at, due_at, kind, subject, state, priority, owner, _ in cases
    )


def _numbers(rows: Sequence[Values]) -> tuple[CustomerNumber, ...]:
    """In the order in which they were given."""
    given = sorted(cast(Sequence[tuple[str, str, str, datetime, None, str | None]], rows), key=itemgetter(3, 2))
    return tuple(CustomerNumber(number=row[2], has_pin=row[5] == _HAS_PIN) for row in given)
