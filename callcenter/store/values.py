"""What customers are worth, in the store: the runs and their leases, the rules, and customers judged at once."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Row, Select, and_, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.values import LatestChanges, RulesVersion, RunKind, RunState, ValueRun, WhatWasLearnt
from callcenter.crm.learning import Learnt, RunPicture
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.errors import Conflict, NotFound, Outdated
from callcenter.domain.ids import CustomerId
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.crm_tables import customer_changes
from callcenter.store.database import Database
from callcenter.store.encoding import decode_json, encode_json
from callcenter.store.value_rows import known_of, plan, read_of, remove, write
from callcenter.store.value_tables import value_rules
from callcenter.store.value_tables import value_runs as table

LEASE: Final = timedelta(seconds=30)
"""A run whose sign of life is older belongs to nobody any more."""


class StoredValues:
    """Implements `callcenter.app.values.ValueStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._learnt: tuple[str, WhatWasLearnt] | None = None

    # ---- runs

    async def ask(self, run: ValueRun, *, unless_since: datetime | None = None) -> ValueRun | None:
        """Let a run wait for its turn; with `unless_since` only where none was asked for since then."""
        last = select(func.coalesce(func.max(table.c.number), 0) + 1).scalar_subquery()
        in_the_way = and_(table.c.state == RunState.WAITING, table.c.kind.in_({run.kind, RunKind.WHOLE}))
        if unless_since is not None:
            in_the_way = or_(in_the_way, table.c.asked_at >= unless_since)
        same = select(table.c.run_id).where(in_the_way).limit(1)
        async with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                # Two servers ask at the same moment of the night; on SQLite a writer is alone already.
                await connection.execute(text("LOCK TABLE value_runs IN SHARE ROW EXCLUSIVE MODE"))
            if (await connection.execute(same)).first() is not None:
                return None
            row = {
                "run_id": run.run_id,
                "kind": run.kind,
                "state": run.state,
                "asked_at": run.asked_at,
                "asked_by": run.asked_by,
                "step": run.step,
            }
            await connection.execute(insert(table).values({**row, "number": last}))
            await add_audit(
                connection,
                at=run.asked_at,
                by=run.asked_by,
                action="value_run_asked",
                subject=run.run_id,
                detail=run.kind,
            )
            query = table.select().where(table.c.run_id == run.run_id)
            return run_of((await connection.execute(query)).one())

    async def cancel(self, run_id: str, *, at: datetime, by: str) -> bool:
        """End one that waits or runs; whoever does it finds out with its next step."""
        mine = (table.c.run_id == run_id, table.c.state.in_((RunState.WAITING, RunState.RUNNING)))
        values = {"state": RunState.CANCELLED, "ended_at": at, "cancelled_by": by}
        async with self._database.writing() as connection:
            if (await connection.execute(update(table).where(*mine).values(values))).rowcount != 1:
                return False
            await add_audit(connection, at=at, by=by, action="value_run_cancelled", subject=run_id)
        return True

    async def run(self, run_id: str) -> ValueRun | None:
        """One run."""
        async with self._database.reading() as connection:
            row = (await connection.execute(_runs().where(table.c.run_id == run_id))).one_or_none()
        return None if row is None else run_of(row)

    async def runs(self, *, limit: int) -> tuple[ValueRun, ...]:
        """The newest first."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_runs().order_by(table.c.number.desc()).limit(limit))).all()
        return tuple(run_of(row) for row in rows)

    async def has_work(self, now: datetime) -> bool:
        """Whether a run waits and none runs, or one runs without a sign of life."""
        waiting = select(table.c.run_id).where(table.c.state == RunState.WAITING)
        alive = select(table.c.run_id).where(table.c.state == RunState.RUNNING, table.c.beat_at >= now - LEASE)
        stale = select(table.c.run_id).where(table.c.state == RunState.RUNNING, table.c.beat_at < now - LEASE)
        async with self._database.reading() as connection:
            if (await connection.execute(alive.limit(1))).first() is not None:
                return False
            either = await connection.execute(waiting.union(stale).limit(1))
            return either.first() is not None

    async def last_done(self, kind: RunKind | None) -> ValueRun | None:
        """The last that ended well."""
        query = _runs().where(table.c.state == RunState.DONE).order_by(table.c.number.desc()).limit(1)
        if kind is not None:
            query = query.where(table.c.kind == kind)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else run_of(row)

    async def claim(self, owner: str, *, now: datetime) -> ValueRun | None:
        """Take the run that is to be done: one that was cut off, or the first that waits; None when there is none."""
        stale = (table.c.state == RunState.RUNNING) & (table.c.beat_at < now - LEASE)
        waits = table.c.state == RunState.WAITING
        # Who runs comes before who waits.
        query = select(table.c.run_id).where(or_(stale, waits)).order_by(table.c.state, table.c.number).limit(1)
        try:
            async with self._database.writing() as connection:
                run_id = (await connection.execute(query)).scalar_one_or_none()
                if run_id is None:
                    return None
                mine = update(table).where(table.c.run_id == run_id, or_(stale, waits))
                begun = {
                    "state": RunState.RUNNING,
                    "owner": owner,
                    "beat_at": now,
                    "started_at": func.coalesce(table.c.started_at, now),
                }
                if (await connection.execute(mine.values(begun))).rowcount != 1:
                    return None
                row = (await connection.execute(_runs().where(table.c.run_id == run_id))).one()
                return run_of(row)
        except IntegrityError:
            return None  # Another server's run is under way.

    async def learnt_in(self, run_id: str) -> tuple[Learnt, str] | None:
        """What a run that was cut off had learnt, and the last customer whose row it wrote."""
        query = select(table.c.learnt, table.c.done_to).where(table.c.run_id == run_id, table.c.learnt.is_not(None))
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else (decode_json(row.learnt, Learnt), row.done_to or "")

    async def learnt(self) -> WhatWasLearnt | None:
        """Of the last whole run that ended well; decoded once."""
        newest = (
            select(table.c.run_id)
            .where(table.c.state == RunState.DONE, table.c.kind == RunKind.WHOLE)
            .order_by(table.c.number.desc())
            .limit(1)
        )
        async with self._database.reading() as connection:
            run_id = (await connection.execute(newest)).scalar_one_or_none()
            if run_id is None:
                return None
            if self._learnt is None or self._learnt[0] != run_id:
                row = (await connection.execute(table.select().where(table.c.run_id == run_id))).one()
                found = WhatWasLearnt(
                    run=run_of(row),
                    learnt=decode_json(row.learnt, Learnt),
                    picture=decode_json(row.picture, RunPicture),
                )
                self._learnt = (run_id, found)
        return self._learnt[1]

    # ---- rules

    async def rules(self, version: int | None = None) -> RulesVersion:
        """The rules that count, or those of a version."""
        query = value_rules.select().order_by(value_rules.c.version.desc()).limit(1)
        if version is not None:
            query = query.where(value_rules.c.version == version)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is not None:
            return _rules_of(row)
        if version:
            raise NotFound(f"there is no version {version} of the rules", code="unknown_version")
        return RulesVersion(version=0, at=None, by="", rules=ValueRules())

    async def rules_history(self, *, limit: int) -> tuple[RulesVersion, ...]:
        """The newest first."""
        query = value_rules.select().order_by(value_rules.c.version.desc()).limit(limit)
        async with self._database.reading() as connection:
            return tuple(_rules_of(row) for row in (await connection.execute(query)).all())

    async def put_rules(self, rules: ValueRules, *, expected: int, at: datetime, by: str) -> RulesVersion:
        """Keep them as a new version."""
        last = select(func.coalesce(func.max(value_rules.c.version), 0))
        try:
            async with self._database.writing() as connection:
                known = int((await connection.execute(last)).scalar_one())
                if known != expected:
                    raise Outdated(f"the rules have version {known} now, not {expected}; read them again")
                row = {"version": known + 1, "at": at, "by": by, "rules": rules}
                await connection.execute(insert(value_rules).values(row))
                await add_audit(connection, at=at, by=by, action="value_rules_set", subject=f"version {known + 1}")
        except IntegrityError:
            raise Outdated("somebody else has set the rules just now; read them again") from None
        return RulesVersion(version=known + 1, at=at, by=by, rules=rules)

    # ---- at once

    async def judge(self, customers: Sequence[CustomerId], *, today: date) -> tuple[CustomerId, ...]:
        """Judge these at once; whose stage or class changed. Nobody before the first run has learnt."""
        known = await self.learnt()
        if known is None:
            return ()
        learnt = known.learnt
        changed: list[CustomerId] = []
        for start in range(0, len(customers), 50):
            part = list(customers[start : start + 50])

            def work(connection: Connection, wanted: Sequence[str] = part) -> tuple[str, ...]:
                real = _real(connection, wanted)
                before = known_of(connection, real)
                histories = read_of(connection, real, as_of=today, currency=learnt.currency, rules=learnt.rules)
                written = plan(learnt, histories, before, today=today)
                write(connection, written.rows, written.moves)
                if written.gone:
                    remove(connection, written.gone)
                return written.changed

            async with self._database.writing() as connection:
                changed += [CustomerId(one) for one in await connection.run_sync(work)]
        return tuple(changed)

    async def latest_changes(self, place: int | None, *, limit: int) -> LatestChanges:
        """Customers something was noted of behind a place in the history of changes."""
        history = customer_changes
        async with self._database.reading() as connection:
            if place is None:
                last = (await connection.execute(select(func.max(history.c.change_id)))).scalar_one_or_none()
                return LatestChanges(customer_ids=(), place=last or 0, more=False)
            query = select(history.c.change_id, history.c.customer_id).where(history.c.change_id > place)
            rows = (await connection.execute(query.order_by(history.c.change_id).limit(limit))).all()
        return LatestChanges(
            customer_ids=tuple(dict.fromkeys(CustomerId(row.customer_id) for row in rows)),
            place=rows[-1].change_id if rows else place,
            more=len(rows) == limit,
        )


async def beat(connection: AsyncConnection, run_id: str, owner: str, values: dict[str, object]) -> None:
    """Give a sign of life and say how far it is, in the transaction of what was done; `Conflict` when it was ended."""
    mine = update(table).where(table.c.run_id == run_id, table.c.owner == owner, table.c.state == RunState.RUNNING)
    if (await connection.execute(mine.values(values))).rowcount != 1:
        raise Conflict("the run was cancelled, or another process has taken it over", code="run_ended")


def kept(learnt: Learnt | RunPicture) -> bytes:
    """As a document."""
    return encode_json(learnt)


def run_of(row: Row[tuple[object, ...]]) -> ValueRun:
    """A row as its record."""
    return ValueRun(
        run_id=row.run_id,
        number=row.number,
        kind=RunKind(row.kind),
        state=RunState(row.state),
        as_of=row.as_of,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        started_at=row.started_at,
        beat_at=row.beat_at,
        ended_at=row.ended_at,
        cancelled_by=row.cancelled_by,
        error=row.error,
        step=row.step,
        part=row.part,
        customers=row.customers,
        changed=row.changed,
    )


_BIG = ("learnt", "picture", "done_to", "owner")


def _runs() -> Select[tuple[object, ...]]:
    return select(*(column for column in table.c if column.name not in _BIG))


def _rules_of(row: Row[tuple[object, ...]]) -> RulesVersion:
    return RulesVersion(version=row.version, at=row.at, by=row.by, rules=row.rules)


def _real(connection: Connection, customers: Sequence[str]) -> list[str]:
    """Those of these who are there, and whom the others were merged into; with the merged ones, whose rows go."""
    customers_ = tables.customers
    query = select(customers_.c.customer_id, customers_.c.merged_into).where(customers_.c.customer_id.in_(customers))
    found: dict[str, None] = {}
    for row in connection.execute(query).all():
        found[row.customer_id] = None
        if row.merged_into is not None:
            found[row.merged_into] = None
    return sorted(found)
