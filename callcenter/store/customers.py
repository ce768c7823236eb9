"""The customer store: cards by number for the screen pop, and the customers themselves."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import CustomerCard, CustomerInput
from callcenter.domain.customers import ContactPoint, Customer
from callcenter.domain.errors import Conflict, NotFound, Outdated
from callcenter.domain.ids import CustomerId
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.cards import card_by_id, cards_by_contact_point
from callcenter.store.case_lists import check_agent
from callcenter.store.changes import add_change, differences
from callcenter.store.customer_rows import by_id
from callcenter.store.database import Database
from callcenter.store.search_terms import put_terms
from callcenter.store.upsert import insert_into


class StoredCustomers:
    """Implements `callcenter.app.ports.Customers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cards_by_contact_point(self, value: str) -> tuple[CustomerCard, ...]:
        """Everyone who has this number (E.164) or address, the most recently active first; four statements at most."""
        return await self._database.look(lambda connection: cards_by_contact_point(connection, value))

    async def card(self, customer_id: CustomerId) -> CustomerCard | None:
        """One customer's card."""
        return await self._database.look(lambda connection: card_by_id(connection, customer_id))

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """One customer."""
        found = await self._database.look(lambda connection: by_id(connection, customer_id))
        return found[0] if found else None

    async def create(self, customer_id: CustomerId, data: CustomerInput, *, at: datetime, by: str) -> Customer:
        """Make a customer under an id that is new; `Conflict` when it is not.

        `InvalidValue` for an account manager who is no agent.
        """
        async with self._database.writing() as connection:
            await check_agent(connection, data.account_manager_id, field="account_manager_id")
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

        `InvalidValue` for a new account manager who is no agent.
        The audit names the fields, not what was in them; the history of changes has both. The same again is no change.
        """
        async with self._database.writing() as connection:
            before = await lock_customer(connection, customer_id, expected_version=expected_version)
            # Who has left the house since stays where he is named, and keeps nobody from changing something else.
            if data.account_manager_id != before.account_manager_id:
                await check_agent(connection, data.account_manager_id, field="account_manager_id")
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
