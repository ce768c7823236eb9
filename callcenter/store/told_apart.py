"""Pairs of customers of whom somebody said that they are two, however alike they look.

Law: a mark is about whom its customers are now: a merge carries it to the survivor, and undoing gives it back.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.customer_book import FieldChange, ToldApart
from callcenter.domain.customers import Customer
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import CustomerId
from callcenter.store.audit import add_audit
from callcenter.store.changes import add_change
from callcenter.store.crm_tables import told_apart
from callcenter.store.customer_rows import by_id
from callcenter.store.customers import lock_customer
from callcenter.store.database import Database

MOST_SHOWN = 200


class StoredTellingApart:
    """Implements `callcenter.app.customer_book.TellingApart`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell_apart(self, customer_id: CustomerId, other_id: CustomerId, *, at: datetime, by: str) -> bool:
        """They are two; False where that was known."""
        if customer_id == other_id:
            raise InvalidValue(f"customer {customer_id} cannot be told apart from himself", code="same_customer")
        async with self._database.writing() as connection:
            one, other = await _lock(connection, customer_id, other_id)
            if one.kind is not other.kind:
                raise InvalidValue(
                    f"customer {customer_id} is a {one.kind}, {other_id} a {other.kind}: nobody takes them for one",
                    code="kinds_differ",
                )
            known = select(told_apart.c.mark_id).where(is_pair(customer_id, other_id)).limit(1)
            if (await connection.execute(known)).first() is not None:
                return False
            row = {"mark_id": uuid4().hex, "customer_id": customer_id, "other_id": other_id, "at": at, "by": by}
            await connection.execute(insert(told_apart).values(row))
            await _note(connection, customer_id, other_id, action="told_apart", at=at, by=by)
        return True

    async def take_back(self, customer_id: CustomerId, other_id: CustomerId, *, at: datetime, by: str) -> None:
        """They may be one after all."""
        async with self._database.writing() as connection:
            await _lock(connection, customer_id, other_id)
            gone = await connection.execute(delete(told_apart).where(is_pair(customer_id, other_id)))
            if gone.rowcount == 0:
                raise NotFound(
                    f"nobody said that customers {customer_id} and {other_id} are two", code="not_told_apart"
                )
            await _note(connection, customer_id, other_id, action="told_apart_taken_back", at=at, by=by)

    async def told_apart(self, customer_id: CustomerId) -> tuple[ToldApart, ...]:
        """Whom he was told apart from, the latest first."""

        def look(connection: Connection) -> tuple[ToldApart, ...]:
            me = next(iter(by_id(connection, customer_id)), None)
            if me is None:
                raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
            newest = (told_apart.c.at.desc(), told_apart.c.mark_id)
            query = select(told_apart).where(_is_of(me.customer_id)).order_by(*newest).limit(MOST_SHOWN)
            found: dict[str, ToldApart] = {}
            for row in connection.execute(query).all():
                other_id = row.other_id if row.customer_id == me.customer_id else row.customer_id
                if other_id not in found and other_id != me.customer_id:
                    (other,) = by_id(connection, CustomerId(other_id))
                    found[other_id] = ToldApart(other=other, at=row.at, by=row.by)
            return tuple(found.values())

        return await self._database.look(look)


def is_pair(one: CustomerId, other: CustomerId) -> ColumnElement[bool]:
    """A mark about these two, whoever was named first."""
    mine, theirs = told_apart.c.customer_id, told_apart.c.other_id
    return or_(and_(mine == one, theirs == other), and_(mine == other, theirs == one))


def others_of(connection: Connection, customer_id: CustomerId) -> set[str]:
    """Whom he was told apart from."""
    query = select(told_apart.c.customer_id, told_apart.c.other_id).where(_is_of(customer_id))
    return {one for row in connection.execute(query).all() for one in row}


def are_all_apart(connection: Connection, ids: Sequence[str]) -> bool:
    """Whether each of these was told apart from every other."""
    mine, theirs = told_apart.c.customer_id, told_apart.c.other_id
    query = select(mine, theirs).where(mine.in_(ids), theirs.in_(ids), mine != theirs)
    pairs = {frozenset(row) for row in connection.execute(query).all()}
    return len(pairs) == len(ids) * (len(ids) - 1) // 2


def _is_of(customer_id: CustomerId) -> ColumnElement[bool]:
    return or_(told_apart.c.customer_id == customer_id, told_apart.c.other_id == customer_id)


async def _lock(connection: AsyncConnection, *ids: CustomerId) -> tuple[Customer, Customer]:
    """Both, in the order they were named; locked in the order of their ids, as merges do."""
    locked = {one: await lock_customer(connection, one) for one in sorted(ids)}
    one, other = ids
    return locked[one], locked[other]


async def _note(
    connection: AsyncConnection, one: CustomerId, other: CustomerId, *, action: str, at: datetime, by: str
) -> None:
    """A line in the history of both, and one in the audit log."""
    taken_back = action != "told_apart"
    for me, him in ((one, other), (other, one)):
        before, after = (him, None) if taken_back else (None, him)
        await add_change(
            connection,
            customer_id=me,
            at=at,
            by=by,
            entity="customer",
            entity_id=me,
            action=action,
            fields=(FieldChange(field="other_customer_id", before=before, after=after),),
        )
    await add_audit(connection, at=at, by=by, action=f"customers_{action}", subject=one, detail=other)
