"""Merging two customers who are one, and undoing it.

Law: every row that refers to a customer refers to one who was not merged away, and undoing gives back exactly the rows
that the merge moved, except those that have gone elsewhere since.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, Table, and_, func, insert, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.customer_book import FieldChange, Merge
from callcenter.crm.merging import merged, unmerged
from callcenter.domain.customers import Customer
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.hooks import HookEvent, HookFact
from callcenter.domain.ids import CustomerId, InteractionId, MergeId
from callcenter.store import agreed_tables, crm_tables, sales_tables, tables
from callcenter.store.audit import add_audit
from callcenter.store.best_offer_tables import best_offer_answers
from callcenter.store.changes import add_change, differences
from callcenter.store.customer_rows import by_id
from callcenter.store.customers import FIELDS, lock_customer, put_contact_points, rewrite_customer
from callcenter.store.database import Database
from callcenter.store.encoding import decode_json, encode_json
from callcenter.store.hook_facts import note_facts
from callcenter.store.merged_customers import INTERACTION
from callcenter.store.search_terms import put_terms
from callcenter.store.told_apart import is_pair
from callcenter.store.upsert import insert_into

MOST_TOLD = 1_000
"""Interactions named in the answer: those that are alive are among the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Images:
    """The survivor before and after, and the one who was merged into him."""

    before: Customer
    after: Customer
    merged: Customer


@dataclass(frozen=True, slots=True)
class _Reference:
    """A column that names a customer, and the key of its table."""

    kind: str
    table: Table
    key: str
    column: str = "customer_id"


REFERENCES = (
    _Reference(INTERACTION, tables.interactions, "interaction_id"),
    _Reference("case", tables.cases, "case_id"),
    _Reference("note", crm_tables.customer_notes, "note_id"),
    _Reference("task", crm_tables.tasks, "task_id"),
    _Reference("organisation", crm_tables.memberships, "membership_id", "organisation_id"),
    _Reference("member", crm_tables.memberships, "membership_id", "member_id"),
    _Reference("number", sales_tables.customer_numbers, "number_id"),
    _Reference("order", sales_tables.orders, "order_id"),
    _Reference("opportunity", sales_tables.opportunities, "opportunity_id"),
    _Reference("best_offer", best_offer_answers, "answer_id"),
    _Reference("agreed_callback", agreed_tables.agreed_callbacks, "interaction_id"),
    _Reference("apart", crm_tables.told_apart, "mark_id"),
    _Reference("apart_other", crm_tables.told_apart, "mark_id", "other_id"),
    _Reference("merged", tables.customers, "customer_id", "merged_into"),
)
"""Everything that refers to customers; the history of changes stays with whom it was written for (changes.py)."""


class StoredMerging:
    """Implements `callcenter.app.customer_book.Merging`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def merge(
        self,
        survivor_id: CustomerId,
        merged_id: CustomerId,
        *,
        merge_id: MergeId,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> Merge:
        """Give the survivor all that refers to the other, and what he lacks of him."""
        if survivor_id == merged_id:
            raise InvalidValue(f"customer {survivor_id} cannot be merged into himself", code="same_customer")
        async with self._database.writing() as connection:
            await _lock(connection, survivor_id, merged_id)
            survivor = await lock_customer(connection, survivor_id, expected_version=expected_version)
            other = await lock_customer(connection, merged_id)
            if survivor.kind is not other.kind:
                raise InvalidValue(
                    f"customer {survivor_id} is a {survivor.kind}, {merged_id} a {other.kind}: they are not one",
                    code="kinds_differ",
                )
            await _refuse_told_apart(connection, survivor_id, merged_id)
            await self._open(connection, survivor, other, merge_id=merge_id, at=at, by=by)
            for reference in REFERENCES:
                await _move(connection, reference, merge_id, survivor_id)
            moved = await _moved(connection, merge_id)
            await add_audit(connection, at=at, by=by, action="customer_merged", subject=survivor_id, detail=merged_id)
        return Merge(merge_id=merge_id, survivor_id=survivor_id, merged_id=merged_id, at=at, by=by, interactions=moved)

    async def _open(
        self,
        connection: AsyncConnection,
        survivor: Customer,
        other: Customer,
        *,
        merge_id: MergeId,
        at: datetime,
        by: str,
    ) -> None:
        """The two customers themselves, and the line that says so."""
        table = tables.customers
        gone = update(table).where(table.c.customer_id == other.customer_id)
        await put_contact_points(connection, other.customer_id, ())
        await put_terms(connection, other, None)
        await connection.execute(
            gone.values(merged_into=survivor.customer_id, version=other.version + 1, updated_at=at)
        )
        after = await rewrite_customer(connection, survivor, merged(survivor, other), at=at)
        merges = crm_tables.customer_merges
        last = select(func.coalesce(func.max(merges.c.number), 0) + 1).scalar_subquery()
        row = {
            "merge_id": merge_id,
            "survivor_id": survivor.customer_id,
            "merged_id": other.customer_id,
            "at": at,
            "by": by,
            "images": encode_json(_Images(before=survivor, after=after, merged=other)),
        }
        await connection.execute(insert(merges).values({**row, "number": last}))
        await _tell(connection, survivor, after, other.customer_id, action="merged", at=at, by=by)

    async def undo(self, merge_id: MergeId, *, at: datetime, by: str) -> Merge:
        """Make both what they were, keeping what was changed since."""
        async with self._database.writing() as connection:
            await _lock(connection)
            row = await _merge_row(connection, merge_id)
            survivor_id, merged_id = CustomerId(row.survivor_id), CustomerId(row.merged_id)
            images = decode_json(row.images, _Images)
            now = await lock_customer(connection, survivor_id)
            moved = await _moved(connection, merge_id)
            after = await rewrite_customer(
                connection, now, unmerged(now, before=images.before, after=images.after), at=at
            )
            for reference in REFERENCES:
                await _move_back(connection, reference, merge_id, survivor_id, merged_id)
            table = tables.customers
            back = update(table).where(table.c.customer_id == merged_id)
            await connection.execute(back.values(merged_into=None, version=table.c.version + 1, updated_at=at))
            await put_contact_points(connection, merged_id, images.merged.contact_points)
            restored = (await connection.run_sync(by_id, merged_id))[0]
            await put_terms(connection, None, restored)
            merges = crm_tables.customer_merges
            close = update(merges).where(merges.c.merge_id == merge_id)
            await connection.execute(close.values(undone_at=at, undone_by=by))
            await _tell(connection, now, after, merged_id, action="unmerged", at=at, by=by)
            await add_audit(connection, at=at, by=by, action="merge_undone", subject=survivor_id, detail=merged_id)
        return _merge(row, undone_at=at, undone_by=by, interactions=moved)

    async def merges(self, customer_id: CustomerId) -> tuple[Merge, ...]:
        """What this customer was merged of or into, the newest first."""
        table = crm_tables.customer_merges
        query = table.select().where(or_(table.c.survivor_id == customer_id, table.c.merged_id == customer_id))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(table.c.number.desc()))).all()
        return tuple(_merge(row) for row in rows)


async def _refuse_told_apart(connection: AsyncConnection, one: CustomerId, other: CustomerId) -> None:
    """Somebody looked at the two already: whoever knows better takes that back first."""
    marks = crm_tables.told_apart
    query = select(marks.c.by).where(is_pair(one, other)).order_by(marks.c.at.desc()).limit(1)
    by = (await connection.execute(query)).scalar_one_or_none()
    if by is not None:
        raise Conflict(
            f"{by} said that customers {one} and {other} are two; take that back before they are merged",
            code="told_apart",
        )


async def _move(connection: AsyncConnection, of: _Reference, merge_id: MergeId, survivor_id: CustomerId) -> None:
    """Note the rows, then move them; of whom is in the merge's own row."""
    merges, moves = crm_tables.customer_merges, crm_tables.merge_moves
    key, column = of.table.c[of.key], of.table.c[of.column]
    loser = select(merges.c.merged_id).where(merges.c.merge_id == merge_id).scalar_subquery()
    mine = select(literal(merge_id), literal(of.kind), key).where(column == loser)
    await connection.execute(insert_into(connection, moves).from_select(["merge_id", "kind", "reference"], mine))
    await connection.execute(update(of.table).where(column == loser).values({of.column: survivor_id}))


async def _move_back(
    connection: AsyncConnection, of: _Reference, merge_id: MergeId, survivor_id: CustomerId, merged_id: CustomerId
) -> None:
    moves = crm_tables.merge_moves
    key, column = of.table.c[of.key], of.table.c[of.column]
    noted: ColumnElement[bool] = and_(moves.c.merge_id == merge_id, moves.c.kind == of.kind)
    mine = key.in_(select(moves.c.reference).where(noted))
    await connection.execute(update(of.table).where(mine, column == survivor_id).values({of.column: merged_id}))


async def _moved(connection: AsyncConnection, merge_id: MergeId) -> tuple[InteractionId, ...]:
    """The newest of the interactions that a merge moved."""
    moves, table = crm_tables.merge_moves, tables.interactions
    query = (
        select(table.c.interaction_id)
        .join(moves, moves.c.reference == table.c.interaction_id)
        .where(moves.c.merge_id == merge_id, moves.c.kind == INTERACTION)
        .order_by(table.c.started_at.desc(), table.c.interaction_id)
        .limit(MOST_TOLD)
    )
    return tuple(InteractionId(found) for found in (await connection.execute(query)).scalars())


async def _merge_row(connection: AsyncConnection, merge_id: MergeId) -> Row[tuple[object, ...]]:
    """The merge that is to be undone, the last of those its survivor has part in."""
    table = crm_tables.customer_merges
    row = (await connection.execute(table.select().where(table.c.merge_id == merge_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no merge {merge_id}", code="unknown_merge")
    if row.undone_at is not None:
        raise Conflict(f"merge {merge_id} was undone already, by {row.undone_by}", code="merge_undone")
    has_part = or_(table.c.survivor_id == row.survivor_id, table.c.merged_id == row.survivor_id)
    later = (
        select(table.c.merge_id)
        .where(has_part, table.c.number > row.number, table.c.undone_at.is_(None))
        .order_by(table.c.number.desc())
    )
    newest = (await connection.execute(later.limit(1))).scalar_one_or_none()
    if newest is not None:
        raise Conflict(
            f"customer {row.survivor_id} was merged again since; undo merge {newest} first", code="later_merge"
        )
    return row


async def _tell(
    connection: AsyncConnection,
    before: Customer,
    after: Customer,
    other_id: CustomerId,
    *,
    action: str,
    at: datetime,
    by: str,
) -> None:
    """A line of history for both."""
    with_whom = (FieldChange(field="other_customer_id", before=None, after=other_id),)
    for customer_id, fields in (
        (after.customer_id, (*with_whom, *differences(before, after, FIELDS))),
        (other_id, (FieldChange(field="other_customer_id", before=None, after=after.customer_id),)),
    ):
        await add_change(
            connection,
            customer_id=customer_id,
            at=at,
            by=by,
            entity="customer",
            entity_id=customer_id,
            action=action,
            fields=fields,
        )
    if action == "merged":
        told = {"customer_id": after.customer_id, "merged_id": other_id, "by": by}
        await note_facts(connection, (HookFact(event=HookEvent.CUSTOMER_MERGED, at=at, data=told),))


def _merge(
    row: Row[tuple[object, ...]],
    *,
    undone_at: datetime | None = None,
    undone_by: str | None = None,
    interactions: tuple[InteractionId, ...] = (),
) -> Merge:
    return Merge(
        merge_id=MergeId(row.merge_id),
        survivor_id=CustomerId(row.survivor_id),
        merged_id=CustomerId(row.merged_id),
        at=row.at,
        by=row.by,
        undone_at=undone_at if undone_at is not None else row.undone_at,
        undone_by=undone_by if undone_by is not None else row.undone_by,
        interactions=interactions,
    )


async def _lock(connection: AsyncConnection, *customers: CustomerId) -> None:
    """One merge at a time, so that none crosses another; on SQLite a writer is alone already.

    The customers are locked in the order of their ids, as `follow_merges` does.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE customer_merges IN SHARE ROW EXCLUSIVE MODE"))
        table = tables.customers
        both = select(table.c.customer_id).where(table.c.customer_id.in_(customers)).order_by(table.c.customer_id)
        await connection.execute(both.with_for_update())
