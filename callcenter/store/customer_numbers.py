"""Customer numbers and their PINs: giving, changing and taking them back, each with its line of history and audit.

Law: a PIN enters and never leaves; neither history nor audit nor an error has it.
"""

import asyncio
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Insert, Row, Update, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.customer_book import FieldChange
from callcenter.app.customer_numbers import NumberRecord
from callcenter.app.sessions import hash_password
from callcenter.crm.accounts import check_number, check_pin
from callcenter.domain.customers import ContactPointKind
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import CustomerId
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.changes import add_change
from callcenter.store.customers import root_of
from callcenter.store.database import Database
from callcenter.store.sales_tables import customer_numbers as table

MOST_NUMBERS = 10
"""Of one customer, so that nobody's history drowns in them; who has more by merges keeps them."""
GENERATED_DIGITS = 8
MOST_TRIES = 20


class StoredCustomerNumbers:
    """Implements `callcenter.app.customer_numbers.CustomerNumbers`."""

    def __init__(self, database: Database, *, hash_pin: Callable[[str], str] = hash_password) -> None:
        self._database = database
        self._hash_pin = hash_pin

    async def numbers_of(self, customer_id: CustomerId) -> tuple[NumberRecord, ...]:
        """The oldest first."""
        async with self._database.reading() as connection:
            root = await root_of(connection, customer_id)
            query = table.select().where(table.c.customer_id == root).order_by(table.c.given_at, table.c.number)
            return tuple(_record(row) for row in (await connection.execute(query)).all())

    async def owner_of(self, number: str) -> CustomerId | None:
        """Whose number it is."""
        query = select(table.c.customer_id).where(table.c.number == number)
        async with self._database.reading() as connection:
            found: str | None = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else CustomerId(found)

    async def give(self, customer_id: CustomerId, number: str | None, *, at: datetime, by: str) -> NumberRecord:
        """Give him this number, or a new one that says nothing about him."""
        if number is not None:
            check_number(number)
        async with self._database.writing() as connection:
            root = await root_of(connection, customer_id)
            mine = select(func.count()).select_from(table).where(table.c.customer_id == root)
            if (await connection.execute(mine)).scalar_one() >= MOST_NUMBERS:
                raise Conflict(
                    f"customer {root} has {MOST_NUMBERS} numbers already; take one back first",
                    code="too_many_customer_numbers",
                )
            chosen = await _free_number(connection) if number is None else number
            row = {"number_id": uuid.uuid4().hex, "number": chosen, "customer_id": root, "given_at": at, "given_by": by}
            await _check_free(connection, chosen)
            await _write(connection, table.insert().values(row), chosen)
            await _note(connection, root, "number", None, chosen, at=at, by=by, action="customer_number_given")
            return NumberRecord(number=chosen, customer_id=root, given_at=at, given_by=by)

    async def change(
        self, customer_id: CustomerId, number: str, new_number: str, *, at: datetime, by: str
    ) -> NumberRecord:
        """Make it another number; its PIN stays."""
        check_number(new_number)
        async with self._database.writing() as connection:
            row = await _lock(connection, customer_id, number)
            if new_number == number:
                return _record(row)
            await _check_free(connection, new_number)
            change = update(table).where(table.c.number_id == row.number_id).values(number=new_number)
            await _write(connection, change, new_number)
            action = "customer_number_changed"
            await _note(connection, row.customer_id, "number", number, new_number, at=at, by=by, action=action)
            return _record((await connection.execute(table.select().where(table.c.number == new_number))).one())

    async def take_back(self, customer_id: CustomerId, number: str, *, at: datetime, by: str) -> None:
        """Take the number away, with its PIN."""
        async with self._database.writing() as connection:
            row = await _lock(connection, customer_id, number)
            await connection.execute(delete(table).where(table.c.number_id == row.number_id))
            action = "customer_number_taken_back"
            await _note(connection, row.customer_id, "number", number, None, at=at, by=by, action=action)

    async def set_pin(
        self, customer_id: CustomerId, number: str, pin: str | None, *, at: datetime, by: str
    ) -> NumberRecord:
        """Set, change or remove the PIN; a lock ends."""
        hashed: str | None = None
        if pin is not None:
            async with self._database.reading() as connection:
                check_pin(pin, known=await _known_digits(connection, customer_id, number))
            hashed = await asyncio.to_thread(self._hash_pin, pin)
        async with self._database.writing() as connection:
            row = await _lock(connection, customer_id, number)
            values = {
                "pin_hash": hashed,
                "pin_changed_at": at if hashed is not None else None,
                "failures": 0,
                "locked_until": None,
            }
            await connection.execute(update(table).where(table.c.number_id == row.number_id).values(values))
            action = "pin_removed" if hashed is None else "pin_set" if row.pin_hash is None else "pin_changed"
            await _note(connection, row.customer_id, "pin", None, number, at=at, by=by, action=action)
            return _record((await connection.execute(table.select().where(table.c.number == number))).one())

    async def unlock(self, customer_id: CustomerId, number: str, *, at: datetime, by: str) -> NumberRecord:
        """Forget the wrong PINs."""
        async with self._database.writing() as connection:
            row = await _lock(connection, customer_id, number)
            clear = update(table).where(table.c.number_id == row.number_id).values(failures=0, locked_until=None)
            await connection.execute(clear)
            await add_audit(connection, at=at, by=by, action="pin_unlocked", subject=row.customer_id, detail=number)
            return _record((await connection.execute(table.select().where(table.c.number == number))).one())


async def add_number(
    connection: AsyncConnection, customer_id: CustomerId, number: str, *, pin_hash: str | None, at: datetime, by: str
) -> None:
    """Put a number in with a PIN's hash, for whoever stores many customers at once; nothing is told of it."""
    row = {
        "number_id": uuid.uuid4().hex,
        "number": number,
        "customer_id": customer_id,
        "given_at": at,
        "given_by": by,
        "pin_hash": pin_hash,
        "pin_changed_at": at if pin_hash is not None else None,
    }
    await connection.execute(table.insert().values(row))


async def _lock(connection: AsyncConnection, customer_id: CustomerId, number: str) -> Row[tuple[object, ...]]:
    """The row of a number that must be this customer's."""
    root = await root_of(connection, customer_id)
    mine = table.select().where(table.c.number == number, table.c.customer_id == root).with_for_update()
    row = (await connection.execute(mine)).one_or_none()
    if row is None:
        raise _unknown(root, number)
    return row


def _unknown(customer_id: CustomerId, number: str) -> NotFound:
    return NotFound(f"customer {customer_id} has no number {number}", code="unknown_customer_number")


async def _known_digits(connection: AsyncConnection, customer_id: CustomerId, number: str) -> list[str]:
    """The number, and the telephone numbers of its customer."""
    root = await root_of(connection, customer_id)
    mine = select(table.c.number).where(table.c.number == number, table.c.customer_id == root)
    if (await connection.execute(mine)).first() is None:
        raise _unknown(root, number)
    points = tables.contact_points
    phones = select(points.c.value).where(points.c.customer_id == root, points.c.kind == ContactPointKind.PHONE)
    return [number, *(await connection.execute(phones)).scalars()]


async def _free_number(connection: AsyncConnection) -> str:
    """One by chance: who knows his own cannot guess another's."""
    for _ in range(MOST_TRIES):
        number = str(10 ** (GENERATED_DIGITS - 1) + secrets.randbelow(9 * 10 ** (GENERATED_DIGITS - 1)))
        taken = await connection.execute(select(table.c.number_id).where(table.c.number == number))
        if taken.first() is None:
            return number
    raise Conflict(f"no free number of {GENERATED_DIGITS} digits was found; give one", code="no_free_customer_number")


async def _check_free(connection: AsyncConnection, number: str) -> None:
    owner = (await connection.execute(select(table.c.customer_id).where(table.c.number == number))).scalar_one_or_none()
    if owner is not None:
        raise _taken(number)


async def _write(connection: AsyncConnection, statement: Insert | Update, number: str) -> None:
    """Two who give the same number at once: one of them is told."""
    try:
        await connection.execute(statement)
    except IntegrityError as error:
        raise _taken(number) from error


def _taken(number: str) -> Conflict:
    return Conflict(f"customer number {number} belongs to a customer already", code="customer_number_taken")


async def _note(
    connection: AsyncConnection,
    customer_id: str,
    field: str,
    before: str | None,
    after: str | None,
    *,
    at: datetime,
    by: str,
    action: str,
) -> None:
    """A line of history and one of audit: of a number both values, of a PIN the number it belongs to."""
    number = after if after is not None else before
    fields = (FieldChange(field=field, before=before, after=after),) if field == "number" else ()
    await add_change(
        connection,
        customer_id=CustomerId(customer_id),
        at=at,
        by=by,
        entity="customer_number",
        entity_id=number or "",
        action=action,
        fields=fields,
    )
    detail = f"{before} to {after}" if before is not None and after is not None else number or ""
    await add_audit(connection, at=at, by=by, action=action, subject=customer_id, detail=detail)


def _record(row: Row[tuple[object, ...]]) -> NumberRecord:
    return NumberRecord(
        number=row.number,
        customer_id=CustomerId(row.customer_id),
        given_at=row.given_at,
        given_by=row.given_by,
        has_pin=row.pin_hash is not None,
        pin_changed_at=row.pin_changed_at,
        failures=row.failures,
        locked_until=row.locked_until,
    )
