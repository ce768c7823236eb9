"""The customer store: cards by number for the screen pop, and the customers themselves."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import CustomerCard, CustomerInput, InteractionSummary
from callcenter.domain.customers import Case, ContactPoint, ContactPointKind, Customer, CustomerKind, CustomerNumber
from callcenter.domain.errors import Conflict, NotFound, Outdated
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, QueueId
from callcenter.store import sales_tables, tables
from callcenter.store.audit import add_audit
from callcenter.store.changes import add_change, differences
from callcenter.store.database import Database
from callcenter.store.search_terms import put_terms
from callcenter.store.upsert import insert_into
from callcenter.store.worth import segments_of, worths_of

MOST_CARDS = 20
LAST_INTERACTIONS = 5


class StoredCustomers:
    """Implements `callcenter.app.ports.Customers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cards_by_contact_point(self, value: str) -> tuple[CustomerCard, ...]:
        """Everyone who has this number (E.164) or address, the most recently active first; six statements at most."""
        return await self._database.look(
            lambda connection: _cards(connection, read_customers(connection, _BY_CONTACT_POINT, {"value": value}))
        )

    async def card(self, customer_id: CustomerId) -> CustomerCard | None:
        """One customer's card."""
        cards = await self._database.look(lambda connection: _cards(connection, by_id(connection, customer_id)))
        return cards[0] if cards else None

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """One customer."""
        found = await self._database.look(lambda connection: by_id(connection, customer_id))
        return found[0] if found else None

    async def create(self, customer_id: CustomerId, data: CustomerInput, *, at: datetime, by: str) -> Customer:
        """Make a customer under an id that is new; `Conflict` when it is not."""
        async with self._database.writing() as connection:
            row = {**_row(data, at), "customer_id": customer_id, "created_at": at}
            statement = insert_into(connection, tables.customers).values(row).on_conflict_do_nothing()
            made = await connection.execute(statement.returning(tables.customers.c.customer_id))
            if made.first() is None:
                raise Conflict(f"there is a customer {customer_id} already; choose a new id", code="customer_exists")
            await put_contact_points(connection, customer_id, data.contact_points)
            customer = (await connection.run_sync(by_id, customer_id))[0]
            await put_terms(connection, None, customer)
            await add_audit(connection, at=at, by=by, action="customer_created", subject=customer_id)
            await _note_change(connection, None, customer, at=at, by=by, action="created")
            return customer

    async def update(
        self,
        customer_id: CustomerId,
        data: CustomerInput,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> Customer:
        """Change a customer; `NotFound` when there is none, `Outdated` when he has another version than expected.

        The audit names the fields, not what was in them; the history of changes has both. The same again is no change.
        """
        async with self._database.writing() as connection:
            before = await lock_customer(connection, customer_id, expected_version=expected_version)
            after = await rewrite_customer(connection, before, data, at=at)
            changed = [name for name in FIELDS if getattr(before, name) != getattr(after, name)]
            if changed:
                await add_audit(
                    connection, at=at, by=by, action="customer_changed", subject=customer_id, detail=", ".join(changed)
                )
                await _note_change(connection, before, after, at=at, by=by, action="changed")
            return after


FIELDS = (
    "kind",
    "name",
    "language",
    "segment",
    "account_manager_id",
    "tags",
    "contact_points",
    "notes",
    "consents",
    "custom",
)
"""What people fill in."""


async def lock_customer(
    connection: AsyncConnection, customer_id: CustomerId, *, expected_version: int | None = None
) -> Customer:
    """The customer, who stays as he is until the transaction ends.

    Raises `NotFound`, `Outdated`, and `Conflict` for one who was merged into another.
    """
    table = tables.customers
    columns = (table.c.merged_into, table.c.version, table.c.erased_at)
    query = select(*columns).where(table.c.customer_id == customer_id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None or row.erased_at is not None:
        raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
    if row.merged_into is not None:
        raise Conflict(f"customer {customer_id} was merged into {row.merged_into}; use that", code="customer_merged")
    if expected_version is not None and row.version != expected_version:
        raise Outdated(f"customer {customer_id} has version {row.version} now, not {expected_version}; read him again")
    return (await connection.run_sync(by_id, customer_id))[0]


async def root_of(connection: AsyncConnection, customer_id: CustomerId) -> CustomerId:
    """Whom to write for: the customer, or whom he was merged into; nobody merges him away meanwhile. `NotFound`."""
    table = tables.customers
    query = select(table.c.merged_into, table.c.erased_at).where(table.c.customer_id == customer_id)
    row = (await connection.execute(query.with_for_update(read=True))).one_or_none()
    if row is None or row.erased_at is not None:
        raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
    return customer_id if row.merged_into is None else CustomerId(row.merged_into)


async def rewrite_customer(
    connection: AsyncConnection, before: Customer, data: CustomerInput | Customer, *, at: datetime
) -> Customer:
    """Make a locked customer what `data` says; nothing is written where he is that already."""
    if all(getattr(before, name) == getattr(data, name) for name in FIELDS):
        return before
    change = update(tables.customers).where(tables.customers.c.customer_id == before.customer_id)
    await connection.execute(change.values({**_row(data, at), "version": before.version + 1}))
    if before.contact_points != data.contact_points:
        await put_contact_points(connection, before.customer_id, data.contact_points)
    after = (await connection.run_sync(by_id, before.customer_id))[0]
    await put_terms(connection, before, after)
    return after


def _row(data: CustomerInput | Customer, at: datetime) -> dict[str, object]:
    return {
        "kind": data.kind,
        "name": data.name,
        "language": data.language,
        "segment": data.segment,
        "account_manager_id": data.account_manager_id,
        "tags": data.tags,
        "notes": data.notes,
        "consents": data.consents or None,
        "custom": dict(data.custom) or None,
        "updated_at": at,
    }


async def _note_change(
    connection: AsyncConnection, before: Customer | None, after: Customer, *, at: datetime, by: str, action: str
) -> None:
    await add_change(
        connection,
        customer_id=after.customer_id,
        at=at,
        by=by,
        entity="customer",
        entity_id=after.customer_id,
        action=action,
        fields=differences(before, after, FIELDS),
    )


async def put_contact_points(
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


def with_contact_points() -> Select[tuple[object, ...]]:
    customers, points = tables.customers, tables.contact_points
    columns = (points.c.kind.label("point_kind"), points.c.value, points.c.label)
    joined = customers.outerjoin(points, points.c.customer_id == customers.c.customer_id)
    return select(*customers.c, *columns).select_from(joined)


def by_id(connection: Connection, customer_id: CustomerId) -> tuple[Customer, ...]:
    """The customer of this id, or whom he was merged into; nobody where there is none."""
    return read_customers(connection, _BY_ID, {"customer_id": customer_id})


def read_customers(
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
            consents=first_rows[name]["consents"] or (),
            custom=first_rows[name]["custom"] or {},
            version=first_rows[name]["version"],
        )
        for name, mine in points.items()
    )


def _agent_id(value: str | None) -> AgentId | None:
    return AgentId(value) if value is not None else None


def _cards(connection: Connection, customers: Sequence[Customer]) -> tuple[CustomerCard, ...]:
    """Each customer with the last interactions, the open cases and his numbers."""
    if not customers:
        return ()
    ids = [customer.customer_id for customer in customers]
    history = _last_interactions(connection, ids)
    cases = _open_cases(connection, ids)
    numbers = _numbers(connection, ids)
    worths = worths_of(connection, ids)
    segments = segments_of(connection, ids)
    return tuple(
        CustomerCard(
            customer=customer,
            last_interactions=tuple(history.get(customer.customer_id, ())),
            open_cases=tuple(cases.get(customer.customer_id, ())),
            numbers=tuple(numbers.get(customer.customer_id, ())),
            worth=worths.get(customer.customer_id),
            segments=tuple(segments.get(customer.customer_id, ())),
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
            priority=row.priority,
            due_at=row.due_at,
            owner_id=_agent_id(row.owner_id),
        )
        found.setdefault(row.customer_id, []).append(case)
    return found


def _numbers(connection: Connection, ids: Sequence[CustomerId]) -> dict[str, list[CustomerNumber]]:
    found: dict[str, list[CustomerNumber]] = {}
    for row in connection.execute(_NUMBERS_OF, {"ids": ids}).all():
        number = CustomerNumber(number=row.number, has_pin=bool(row.has_pin))
        found.setdefault(row.customer_id, []).append(number)
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
    query = with_contact_points().join(found, found.c.customer_id == customers.c.customer_id)
    return query.order_by(found.c.place, points.c.position)


def _by_id() -> Select[tuple[object, ...]]:
    customers = tables.customers
    wanted: BindParameter[str] = bindparam("customer_id")
    named = customers.alias("named")
    merged_into = select(named.c.merged_into).where(named.c.customer_id == wanted).scalar_subquery()
    his = (customers.c.customer_id == func.coalesce(merged_into, wanted), customers.c.erased_at.is_(None))
    query = with_contact_points().where(*his)
    return query.order_by(tables.contact_points.c.position)


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
    is_open = (table.c.closed_at.is_(None), table.c.resolved_at.is_(None))
    return table.select().where(mine, *is_open).order_by(table.c.opened_at.desc(), table.c.case_id)


def _numbers_of() -> Select[tuple[str, str, bool]]:
    table = sales_tables.customer_numbers
    mine = table.c.customer_id.in_(bindparam("ids", expanding=True))
    columns = (table.c.customer_id, table.c.number, table.c.pin_hash.is_not(None).label("has_pin"))
    return select(*columns).where(mine).order_by(table.c.customer_id, table.c.given_at, table.c.number)


# A caller waits for these; putting such statements together takes longer than running them.
_BY_CONTACT_POINT = _by_contact_point()
_BY_ID = _by_id()
_LAST_INTERACTIONS_OF = _last_interactions_of()
_OPEN_CASES_OF = _open_cases_of()
_NUMBERS_OF = _numbers_of()
