"""The customer store: cards by number for the screen pop, and the customers themselves."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import CustomerCard, CustomerInput, InteractionSummary
from callcenter.domain.customers import Case, ContactPoint, ContactPointKind, Customer, CustomerKind
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, QueueId
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.upsert import insert_into

MOST_CARDS = 20
LAST_INTERACTIONS = 5


class StoredCustomers:
    """Implements `callcenter.app.ports.Customers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cards_by_contact_point(self, value: str) -> tuple[CustomerCard, ...]:
        """Everyone who has this number (E.164) or address, the most recently active first; three statements at most."""
        return await self._database.look(
            lambda connection: _cards(connection, _customers(connection, _BY_CONTACT_POINT, {"value": value}))
        )

    async def card(self, customer_id: CustomerId) -> CustomerCard | None:
        """One customer's card."""
        cards = await self._database.look(lambda connection: _cards(connection, _by_id(connection, customer_id)))
        return cards[0] if cards else None

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """One customer."""
        found = await self._database.look(lambda connection: _by_id(connection, customer_id))
        return found[0] if found else None

    async def create(self, customer_id: CustomerId, data: CustomerInput, *, at: datetime, by: str) -> Customer:
        """Make a customer under an id that is new; `Conflict` when it is not."""
        async with self._database.writing() as connection:
            row = {**_row(data, at), "customer_id": customer_id, "created_at": at}
            statement = insert_into(connection, tables.customers).values(row).on_conflict_do_nothing()
            made = await connection.execute(statement.returning(tables.customers.c.customer_id))
            if made.first() is None:
                raise Conflict(f"there is a customer {customer_id} already; choose a new id", code="customer_exists")
            await _put_contact_points(connection, customer_id, data.contact_points)
            await add_audit(connection, at=at, by=by, action="customer_created", subject=customer_id)
            return (await connection.run_sync(_by_id, customer_id))[0]

    async def update(self, customer_id: CustomerId, data: CustomerInput, *, at: datetime, by: str) -> Customer:
        """Change a customer; `NotFound` when there is none. The audit names the fields, not what was in them."""
        async with self._database.writing() as connection:
            before = await connection.run_sync(_by_id, customer_id)
            if not before:
                raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
            change = update(tables.customers).where(tables.customers.c.customer_id == customer_id)
            await connection.execute(change.values(_row(data, at)))
            await _put_contact_points(connection, customer_id, data.contact_points)
            after = (await connection.run_sync(_by_id, customer_id))[0]
            changed = [name for name in _FIELDS if getattr(before[0], name) != getattr(after, name)]
            await add_audit(
                connection, at=at, by=by, action="customer_changed", subject=customer_id, detail=", ".join(changed)
            )
            return after


_FIELDS = ("kind", "name", "language", "segment", "account_manager_id", "tags", "contact_points", "notes")


def _row(data: CustomerInput, at: datetime) -> dict[str, object]:
    return {
        "kind": data.kind,
        "name": data.name,
        "language": data.language,
        "segment": data.segment,
        "account_manager_id": data.account_manager_id,
        "tags": data.tags,
        "notes": data.notes,
        "updated_at": at,
    }


async def _put_contact_points(
    connection: AsyncConnection, customer_id: CustomerId, points: Sequence[ContactPoint]
) -> None:
    """Make these the customer's contact points; one that is said twice is kept once."""
    table = tables.contact_points
    await connection.execute(delete(table).where(table.c.customer_id == customer_id))
    distinct: dict[str, ContactPoint] = {}
    for point in points:
        distinct.setdefault(point.value, point)
    rows = [
        {
            "customer_id": customer_id,
            "position": position,
            "kind": point.kind,
            "value": point.value,
            "label": point.label,
        }
        for position, point in enumerate(distinct.values())
    ]
    if rows:
        await connection.execute(insert(table), rows)


def _with_contact_points() -> Select[tuple[object, ...]]:
    customers, points = tables.customers, tables.contact_points
    columns = (points.c.kind.label("point_kind"), points.c.value, points.c.label)
    joined = customers.outerjoin(points, points.c.customer_id == customers.c.customer_id)
    return select(*customers.c, *columns).select_from(joined)


def _by_id(connection: Connection, customer_id: CustomerId) -> tuple[Customer, ...]:
    query = _with_contact_points().where(tables.customers.c.customer_id == customer_id)
    return _customers(connection, query.order_by(tables.contact_points.c.position), {})


def _customers(
    connection: Connection, query: Select[tuple[object, ...]], values: Mapping[str, object]
) -> tuple[Customer, ...]:
    """The customers of rows that hold a customer and one of its contact points each, in the rows' order."""
    rows = connection.execute(query, values).mappings().all()
    points: dict[str, list[ContactPoint]] = {}
    for row in rows:
        mine = points.setdefault(row["customer_id"], [])
        if row["value"] is not None:
            mine.append(ContactPoint(kind=ContactPointKind(row["point_kind"]), value=row["value"], label=row["label"]))
    first_rows = {row["customer_id"]: row for row in reversed(rows)}
    return tuple(
        Customer(
            customer_id=CustomerId(name),
            kind=CustomerKind(first_rows[name]["kind"]),
            name=first_rows[name]["name"],
            language=first_rows[name]["language"],
            segment=first_rows[name]["segment"],
            account_manager_id=_agent_id(first_rows[name]["account_manager_id"]),
            tags=first_rows[name]["tags"],
            contact_points=tuple(mine),
            notes=first_rows[name]["notes"],
            created_at=first_rows[name]["created_at"],
        )
        for name, mine in points.items()
    )


def _agent_id(value: str | None) -> AgentId | None:
    return AgentId(value) if value is not None else None


def _cards(connection: Connection, customers: Sequence[Customer]) -> tuple[CustomerCard, ...]:
    """Each customer with the last interactions and the open cases."""
    if not customers:
        return ()
    ids = [customer.customer_id for customer in customers]
    history = _last_interactions(connection, ids)
    cases = _open_cases(connection, ids)
    return tuple(
        CustomerCard(
            customer=customer,
            last_interactions=tuple(history.get(customer.customer_id, ())),
            open_cases=tuple(cases.get(customer.customer_id, ())),
        )
        for customer in customers
    )


def _last_interactions(connection: Connection, ids: Sequence[CustomerId]) -> dict[str, list[InteractionSummary]]:
    found: dict[str, list[InteractionSummary]] = {}
    for row in connection.execute(_LAST_INTERACTIONS_OF, {"ids": ids}).all():
        summary = InteractionSummary(
            interaction_id=InteractionId(row.interaction_id),
            media_type=row.media_type,
            started_at=row.started_at,
            outcome=row.outcome,
            queue_id=QueueId(row.queue_id) if row.queue_id is not None else None,
            agent_id=AgentId(row.agent_id) if row.agent_id is not None else None,
            disposition=row.disposition,
            notes=row.notes,
        )
        found.setdefault(row.customer_id, []).append(summary)
    return found


def _open_cases(connection: Connection, ids: Sequence[CustomerId]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for row in connection.execute(_OPEN_CASES_OF, {"ids": ids}).all():
        case = Case(
            case_id=CaseId(row.case_id),
            kind=row.kind,
            subject=row.subject,
            state=row.state,
            opened_at=row.opened_at,
        )
        found.setdefault(row.customer_id, []).append(case)
    return found


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
    query = _with_contact_points().join(found, found.c.customer_id == customers.c.customer_id)
    return query.order_by(found.c.place, points.c.position)


def _last_interactions_of() -> Select[tuple[object, ...]]:
    table = tables.interactions
    place = func.row_number().over(
        partition_by=table.c.customer_id, order_by=(table.c.started_at.desc(), table.c.interaction_id.desc())
    )
    mine = table.c.customer_id.in_(bindparam("ids", expanding=True))
    numbered = select(table, place.label("place")).where(mine).subquery()
    query = select(numbered).where(numbered.c.place <= LAST_INTERACTIONS)
    return query.order_by(numbered.c.customer_id, numbered.c.place)


def _open_cases_of() -> Select[tuple[object, ...]]:
    table = tables.cases
    mine = table.c.customer_id.in_(bindparam("ids", expanding=True))
    return table.select().where(mine, table.c.closed_at.is_(None)).order_by(table.c.opened_at.desc(), table.c.case_id)


# A caller waits for these three; putting such statements together takes longer than running them.
_BY_CONTACT_POINT = _by_contact_point()
_LAST_INTERACTIONS_OF = _last_interactions_of()
_OPEN_CASES_OF = _open_cases_of()
