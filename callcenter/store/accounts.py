"""What a caller may look up of himself: who he is by number and PIN, and his orders.

Laws: nobody can tell from an answer, nor from the time it takes, whether a number is unknown, locked or without a PIN,
or the PIN was wrong; a try counts as wrong from its beginning until it has proved right, so that many at once, over
several servers, do not slip through; no PIN is logged or kept.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from sqlalchemy import BindParameter, Row, Select, Update, bindparam, case, func, literal, null, or_, select, update

from callcenter.app.lookups import OrderRecord
from callcenter.app.ports import Clock, CustomerCard
from callcenter.app.sessions import PASSWORDS
from callcenter.domain.errors import Overloaded
from callcenter.domain.ids import CustomerId
from callcenter.domain.money import Money
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.columns import UtcDateTime
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.sales_tables import customer_numbers, orders

log = structlog.get_logger(__name__)

TRIES = 10
"""So many wrong PINs in a row lock a number, whoever calls."""
LOCK_TIME = timedelta(minutes=30)
VERIFIERS = 1
"""A verification takes a core for some 20 ms, which calls share; so many at once."""
VERIFICATIONS_WAITING = 32
SYSTEM = "system"


class StoredAccounts:
    """Implements `callcenter.app.lookups.Accounts`; `close` ends its threads."""

    def __init__(self, database: Database, *, clock: Clock, pins: PasswordHash = PASSWORDS) -> None:
        self._database = database
        self._customers = StoredCustomers(database)
        self._clock = clock
        self._pins = pins
        self._executor = ThreadPoolExecutor(max_workers=VERIFIERS, thread_name_prefix="pin")
        self._verifying = 0
        # Writers of a SQLite file that come all at once keep each other waiting longer than one after the other.
        self._counting = asyncio.Lock()
        # What is wrong for another reason than the PIN takes as long as a wrong PIN.
        self._hash_of_nobody = pins.hash("nobody")

    async def by_number(self, number: str) -> CustomerCard | None:
        """Whose number it is."""
        query = select(customer_numbers.c.customer_id).where(customer_numbers.c.number == number)
        found = await self._database.look(lambda connection: connection.execute(query).scalar_one_or_none())
        return None if found is None else await self._customers.card(CustomerId(found))

    async def by_number_and_pin(self, number: str, pin: str) -> CustomerCard | None:
        """The same, for who knows the PIN; raises `Overloaded`, uncounted, when too many are verified already."""
        if self._verifying >= VERIFICATIONS_WAITING:
            raise Overloaded("too many PINs are being verified at this moment; try again in some seconds")
        self._verifying += 1
        try:
            tried = await self._count(number, self._clock.now())
            loop = asyncio.get_running_loop()
            known = self._hash_of_nobody if tried is None else tried.pin_hash
            proved = await loop.run_in_executor(self._executor, self._verify, pin, known)
        finally:
            self._verifying -= 1
        if tried is None or not proved:
            if tried is not None and tried.failures >= TRIES:
                await self._tell_locked(tried.customer_id, number)
            return None
        clear = update(customer_numbers).where(customer_numbers.c.number_id == tried.number_id)
        async with self._database.writing() as connection:
            await connection.execute(clear.values(failures=0, locked_until=None))
        return await self._customers.card(CustomerId(tried.customer_id))

    async def order(self, customer_id: CustomerId, number: str) -> OrderRecord | None:
        """An order of this customer, by its number or the digits of it; of several the newest."""
        values = {"customer_id": customer_id, "number": number}
        row = await self._database.look(lambda connection: connection.execute(_ORDER_OF, values).first())
        if row is None:
            return None
        total = Money(amount=row.total, currency=row.currency)
        return OrderRecord(state=row.state, placed_on=row.placed_on, due_on=row.due_on, total=total)

    def close(self) -> None:
        """End the threads that verify PINs."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _count(self, number: str, now: datetime) -> Row[tuple[str, str, str, int]] | None:
        """Count a try, where the number has a PIN and is not locked."""
        async with self._counting, self._database.writing() as connection:
            return (await connection.execute(_counted(number, now))).one_or_none()

    def _verify(self, pin: str, known: str) -> bool:
        try:
            return self._pins.verify(pin, known)
        except PwdlibError:
            return False

    async def _tell_locked(self, customer_id: str, number: str) -> None:
        log.warning("customer_number_locked", customer_id=customer_id, minutes=LOCK_TIME.total_seconds() / 60)
        async with self._database.writing() as connection:
            await add_audit(
                connection,
                at=self._clock.now(),
                by=SYSTEM,
                action="customer_number_locked",
                subject=customer_id,
                detail=f"{number}: {TRIES} wrong PINs in a row",
            )


def _counted(number: str, now: datetime) -> Update:
    """One statement, so that the database counts and not the servers; where a lock has run out it begins anew."""
    table = customer_numbers
    failures = case((table.c.locked_until.is_not(None), 1), else_=table.c.failures + 1)
    until = literal(now + LOCK_TIME, UtcDateTime())
    return (
        update(table)
        .where(table.c.number == number, table.c.pin_hash.is_not(None))
        .where(or_(table.c.locked_until.is_(None), table.c.locked_until <= now))
        .values(failures=failures, locked_until=case((failures >= TRIES, until), else_=null()))
        .returning(table.c.number_id, table.c.customer_id, table.c.pin_hash, table.c.failures)
    )


def _order_of() -> Select[tuple[object, ...]]:
    customers = tables.customers
    merged_into = select(customers.c.merged_into).where(customers.c.customer_id == bindparam("customer_id"))
    mine = orders.c.customer_id == func.coalesce(merged_into.scalar_subquery(), bindparam("customer_id"))
    number: BindParameter[str] = bindparam("number")
    named = or_(orders.c.number == number, orders.c.dialled == number)
    exact_first = case((orders.c.number == number, 0), else_=1)
    return (
        orders.select()
        .where(mine, named, orders.c.dialled != "")
        .order_by(exact_first, orders.c.placed_on.desc(), orders.c.order_id.desc())
        .limit(1)
    )


_ORDER_OF = _order_of()
