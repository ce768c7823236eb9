"""Segments in the store: their versions, the questions about them, and whom they hold for routing.

Law: members are worked out range by range, each in a short transaction that writes only what is different.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Row, Select, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from callcenter.app.segments import Asked, Segment, SegmentPage
from callcenter.app.values import RunState
from callcenter.crm.segments import predicate
from callcenter.domain.errors import Outdated
from callcenter.domain.ids import CustomerId
from callcenter.store.audit import add_audit
from callcenter.store.customer_rows import read_customers, with_contact_points
from callcenter.store.database import Database
from callcenter.store.segment_records import records_of
from callcenter.store.segment_sql import SegmentQuery, segment_query
from callcenter.store.tables import contact_points, customers
from callcenter.store.upsert import insert_into, upsert_into
from callcenter.store.value_tables import segment_members, segment_refreshes, value_runs
from callcenter.store.value_tables import segments as table

ASK_LIMIT: Final = timedelta(seconds=60)
MEMBERS_A_STEP: Final = 5_000
_WRITES_A_STEP: Final = 500


class StoredSegments:
    """Implements `callcenter.app.segments.SegmentStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- the segments themselves

    async def segments(self) -> tuple[Segment, ...]:
        """Those that are there, by their names."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_newest().order_by(table.c.segment_id))).all()
        return tuple(_segment(row) for row in rows if not row.removed)

    async def segment(self, segment_id: str, version: int | None = None) -> Segment | None:
        """The newest version of one, or the one asked for."""
        query = _newest() if version is None else _with_refresh().where(table.c.version == version)
        async with self._database.reading() as connection:
            row = (await connection.execute(query.where(table.c.segment_id == segment_id))).one_or_none()
        return None if row is None else _segment(row)

    async def history(self, segment_id: str) -> tuple[Segment, ...]:
        """All versions, the newest first."""
        query = _with_refresh().where(table.c.segment_id == segment_id).order_by(table.c.version.desc())
        async with self._database.reading() as connection:
            return tuple(_segment(row) for row in (await connection.execute(query)).all())

    async def put(self, segment: Segment, *, expected: int) -> Segment:
        """Keep the next version; a name that was removed may be used again."""
        last = select(table.c.version, table.c.removed).where(table.c.segment_id == segment.segment_id)
        last = last.order_by(table.c.version.desc()).limit(1)
        try:
            async with self._database.writing() as connection:
                known = (await connection.execute(last)).one_or_none()
                version = 0 if known is None else known.version
                if expected != version and not (expected == 0 and known is not None and known.removed):
                    raise Outdated(f"segment {segment.segment_id} has version {version} now, not {expected}")
                row = {
                    "segment_id": segment.segment_id,
                    "version": version + 1,
                    "at": segment.at,
                    "by": segment.by,
                    "label": segment.label,
                    "condition": segment.condition,
                    "removed": segment.removed,
                }
                await connection.execute(insert(table).values(row))
                action = "segment_removed" if segment.removed else "segment_saved"
                detail = f"version {version + 1}: {segment.condition}"
                await add_audit(
                    connection, at=segment.at, by=segment.by, action=action, subject=segment.segment_id, detail=detail
                )
        except IntegrityError:
            raise Outdated(f"somebody else has saved segment {segment.segment_id} just now; read it again") from None
        found = await self.segment(segment.segment_id)
        return segment if found is None else found

    async def last_run_ended(self) -> datetime | None:
        """When values were worked out last."""
        query = select(func.max(value_runs.c.ended_at)).where(value_runs.c.state == RunState.DONE)
        async with self._database.reading() as connection:
            found: datetime | None = (await connection.execute(query)).scalar_one_or_none()
        return found

    # ---- questions

    async def count(self, asked: Asked) -> int:
        """How many customers it is true of."""
        query = self._query(asked).count()
        return await self._database.look(lambda on: int(on.execute(query).one().found), ASK_LIMIT)

    async def page(self, asked: Asked, *, after: str | None, limit: int) -> SegmentPage:
        """Some of them, by their ids."""
        query = self._query(asked).ids(after=after, limit=limit + 1)

        def look(connection: Connection) -> SegmentPage:
            ids = connection.execute(query).scalars().all()
            mine = with_contact_points().where(customers.c.customer_id.in_(ids[:limit]))
            mine = mine.order_by(customers.c.customer_id, contact_points.c.position)
            items = read_customers(connection, mine, {})
            last = items[-1].customer_id if len(ids) > limit and items else None
            return SegmentPage(items=items, next_after=last)

        return await self._database.look(look, ASK_LIMIT)

    # ---- members

    async def refresh(self, segment: Segment, asked: Asked, *, at: datetime) -> int:
        """Work out anew whom it holds; who calls meanwhile finds the old or the new, each whole for himself."""
        query, after, members = self._query(asked), "", 0
        while True:

            def look(connection: Connection, after: str = after) -> tuple[set[str], set[str], str | None]:
                return _range(connection, query, segment.segment_id, after)

            ids, there, after_next = await self._database.look(look, ASK_LIMIT)
            members += len(ids)
            await self._put(segment.segment_id, sorted(ids - there), sorted(there - ids))
            if after_next is None:
                break
            after = after_next
        row = {"segment_id": segment.segment_id, "version": segment.version, "at": at, "members": members}
        async with self._database.writing() as connection:
            await connection.execute(upsert_into(connection, segment_refreshes), [row])
        return members

    async def forget_others(self, names: Sequence[str]) -> None:
        """Nobody is in a segment but those of these names."""
        known = select(segment_refreshes.c.segment_id).where(segment_refreshes.c.segment_id.not_in(names))
        async with self._database.reading() as connection:
            gone = (await connection.execute(known)).scalars().all()
        for name in gone:
            query = select(segment_members.c.customer_id).where(segment_members.c.segment_id == name)
            while True:
                async with self._database.reading() as connection:
                    ids = (await connection.execute(query.limit(_WRITES_A_STEP))).scalars().all()
                if not ids:
                    break
                await self._put(name, (), ids)
            async with self._database.writing() as connection:
                await connection.execute(delete(segment_refreshes).where(segment_refreshes.c.segment_id == name))

    async def judge(
        self, asked: Sequence[tuple[str, Asked]], customers: Sequence[CustomerId]
    ) -> tuple[CustomerId, ...]:
        """By the condition itself, of each customer's record."""

        def look(connection: Connection) -> dict[str, tuple[set[str], set[str]]]:
            found: dict[str, tuple[set[str], set[str]]] = {}
            for name, one in asked:
                records = records_of(connection, customers, one.fields, timezone=one.timezone)
                test = predicate(one.condition, today=one.today)
                members = segment_members.c
                query = select(members.customer_id).where(
                    members.segment_id == name, members.customer_id.in_(customers)
                )
                there = set(connection.execute(query).scalars())
                found[name] = ({key for key, record in records.items() if test(record)}, there)
            return found

        changed: dict[CustomerId, None] = {}
        for name, (ids, there) in (await self._database.look(look)).items():
            await self._put(name, sorted(ids - there), sorted(there - ids))
            changed |= dict.fromkeys(CustomerId(one) for one in sorted(ids ^ there))
        return tuple(changed)

    async def _put(self, name: str, new: Sequence[str], gone: Sequence[str]) -> None:
        members = segment_members
        for start in range(0, len(new), _WRITES_A_STEP):
            rows = [{"customer_id": one, "segment_id": name} for one in new[start : start + _WRITES_A_STEP]]
            async with self._database.writing() as connection:
                await connection.execute(insert_into(connection, members).on_conflict_do_nothing(), rows)
        for start in range(0, len(gone), _WRITES_A_STEP):
            mine = members.c.customer_id.in_(gone[start : start + _WRITES_A_STEP])
            async with self._database.writing() as connection:
                await connection.execute(delete(members).where(members.c.segment_id == name, mine))

    def _query(self, asked: Asked) -> SegmentQuery:
        return segment_query(
            asked.condition,
            asked.fields,
            today=asked.today,
            timezone=asked.timezone,
            is_sqlite=self._database.is_sqlite,
        )


def _range(connection: Connection, query: SegmentQuery, name: str, after: str) -> tuple[set[str], set[str], str | None]:
    """Who is to be a member in the next range of ids, who is one, and where the range ends."""
    ids = [str(one) for one in connection.execute(query.ids(after=after or None, limit=MEMBERS_A_STEP)).scalars()]
    end = ids[-1] if len(ids) == MEMBERS_A_STEP else None
    there = select(segment_members.c.customer_id).where(
        segment_members.c.segment_id == name, segment_members.c.customer_id > after
    )
    if end is not None:
        there = there.where(segment_members.c.customer_id <= end)
    return set(ids), set(connection.execute(there).scalars()), end


def _with_refresh() -> Select[tuple[object, ...]]:
    refreshed = segment_refreshes
    joined = table.outerjoin(
        refreshed,
        (refreshed.c.segment_id == table.c.segment_id) & (refreshed.c.version == table.c.version),
    )
    return select(table, refreshed.c.members, refreshed.c.at.label("counted_at")).select_from(joined)


def _newest() -> Select[tuple[object, ...]]:
    newest = table.alias("newest")
    last = select(func.max(newest.c.version)).where(newest.c.segment_id == table.c.segment_id).scalar_subquery()
    return _with_refresh().where(table.c.version == last)


def _segment(row: Row[tuple[object, ...]]) -> Segment:
    return Segment(
        segment_id=row.segment_id,
        version=row.version,
        at=row.at,
        by=row.by,
        label=row.label,
        condition=row.condition,
        removed=row.removed,
        members=row.members,
        counted_at=row.counted_at,
    )
