"""The work of one run over what customers are worth, and the process for it: learns from all purchases, then writes
what each customer comes to, in pieces.

Laws: a piece, how far the run is and the proof that the run is still ours are one transaction; neither memory (but for
some numbers a customer) nor the time of a transaction grows with the store.
"""

import asyncio
import contextlib
import functools
import gc
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, select

from callcenter.app.values import RunKind, RunState, ValueRun
from callcenter.crm.gathering import Gathering
from callcenter.crm.histories import Histories
from callcenter.crm.learning import Learnt, RunPicture, learn, picture_of, trial_by_time
from callcenter.crm.purchases import summarise
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.errors import CallcenterError, Conflict
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.crm_tables import customer_changes
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable
from callcenter.store.value_rows import (
    ROWS_A_PIECE,
    Row,
    Written,
    known_between,
    known_of,
    main_currency,
    plan,
    read_of,
    read_piece,
    remove,
    write,
)
from callcenter.store.value_tables import customer_values
from callcenter.store.values import StoredValues, beat, kept

log = structlog.get_logger(__name__)

ROWS_A_WRITE: Final = 4_000
CUSTOMERS_A_WRITE: Final = 500
"""On SQLite whoever writes waits for one transaction: some tens of milliseconds."""
PAUSE: Final = timedelta(milliseconds=5)
PAUSE_SHARE: Final = 0.3
"""Of the time of a transaction, at least between it and the next: who waits for the database looks again every so
often. What is read and judged meanwhile is part of it."""
BEAT_EVERY: Final = timedelta(seconds=5)
READ_LIMIT: Final = timedelta(seconds=60)
WRITE_LIMIT: Final = timedelta(seconds=30)
OVERLAP: Final = timedelta(minutes=10)
"""Changes are looked at from so long before the last run on: a long transaction may have been written late."""
TRIES: Final = 30
TRY_AGAIN: Final = timedelta(seconds=2)
NICE: Final = 10
ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""For numpy's algebra: on vectors its threads mostly wait for each other, spinning, on every core there is."""
GARBAGE_FROM: Final = 500_000
"""A piece is some hundred thousand small objects, all of which go with it: looking for cycles among them finds none."""
CACHE_KIBIBYTES: Final = 64 * 1024
"""Of pages: the rows of a transaction stand in thousands of places of the indexes, of which each comes up again."""
LEARNING_PART: Final = 0.4
"""Of the progress of a whole run, what the learning is."""
START_AGAIN: Final = timedelta(seconds=5)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    """A run that is ours."""

    run_id: str
    owner: str
    today: date


async def run_values(
    database: Database,
    *,
    today: date | None = None,
    timezone: ZoneInfo | None = None,
    rows_a_write: int = ROWS_A_WRITE,
    rows_a_piece: int = ROWS_A_PIECE,
) -> ValueRun | None:
    """Do the next run there is, to its end; None when there is none, or another process does one.

    A run that fails is kept as failed, with its reason; `DatabaseUnreachable` leaves it to be taken up again.
    """
    store = StoredValues(database)
    owner = uuid4().hex
    run = await store.claim(owner, now=datetime.now(UTC))
    if run is None:
        return None
    day = today or datetime.now(timezone or UTC).date()
    work = _Work(database, store, _Lease(run_id=run.run_id, owner=owner, today=day), rows_a_write, rows_a_piece)
    try:
        async with work.alive():
            await (work.whole(run) if run.kind is RunKind.WHOLE else work.changed(run))
            await work.end(RunState.DONE)
    except DatabaseUnreachable:
        raise
    except Conflict:
        log.info("value_run_left", number=run.number)
    except (CallcenterError, OSError, ArithmeticError, ValueError) as error:
        log.exception("value_run_failed", number=run.number)
        with contextlib.suppress(Conflict):
            await work.end(RunState.FAILED, error=str(error) or type(error).__name__)
    return await store.run(run.run_id)


class Turns:
    """Whose turn it is to write: after each transaction of ours that of others, for a share of the time it took.

    Times are seconds of one clock.
    """

    def __init__(self) -> None:
        self._ours_from = 0.0

    def ended(self, began: float, now: float) -> None:
        """A transaction of ours is over."""
        self._ours_from = now + max(PAUSE.total_seconds(), (now - began) * PAUSE_SHARE)

    def wait(self, now: float) -> float:
        """So long until the next may begin."""
        return max(self._ours_from - now, 0.0)


class _Work:
    """One run."""

    def __init__(
        self, database: Database, store: StoredValues, lease: _Lease, rows_a_write: int, rows_a_piece: int
    ) -> None:
        self._database = database
        self._store = store
        self._lease = lease
        self._rows_a_write = rows_a_write
        self._rows_a_piece = rows_a_piece
        self._customers = 0
        self._changed = 0
        self._turns = Turns()

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Give signs of life while nothing is written, say while the models are learnt."""
        beating = asyncio.create_task(self._beat(), name="value run's life")
        try:
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating

    async def end(self, state: RunState, *, error: str | None = None) -> None:
        """Keep how it ended."""
        now = datetime.now(UTC)
        values: dict[str, object] = {"state": state, "ended_at": now, "error": error, "step": state}
        if state is RunState.DONE:
            values |= {"part": 1.0, "customers": self._customers, "changed": self._changed}
        async with self._database.writing(WRITE_LIMIT) as connection:
            await beat(connection, self._lease.run_id, self._lease.owner, values)
            await add_audit(
                connection,
                at=now,
                by="callcenter",
                action=f"value_run_{state}",
                subject=self._lease.run_id,
                detail=error or f"{self._customers} customers, {self._changed} changed",
            )

    # ---- the two kinds

    async def whole(self, run: ValueRun) -> None:
        """Learn, unless a run that was cut off had, then judge everybody."""
        learnt, after = await self._store.learnt_in(self._lease.run_id) or (None, "")
        if learnt is not None:
            self._customers, self._changed = run.customers, run.changed
        else:
            learnt = await self._learn((await self._store.rules()).rules)
        expected = max(learnt.customers, 1)
        while True:
            written, customers, last = await self._look(functools.partial(self._planned, learnt, after))
            self._customers += customers
            part = LEARNING_PART + (1 - LEARNING_PART) * min(self._customers / expected, 1.0)
            await self._write(written, {"step": "judging", "part": part, "done_to": last or after})
            if last is None:
                return
            after = last

    async def changed(self, run: ValueRun) -> None:
        """Judge whom something happened to since the last run, and whose time has come."""
        known = await self._store.learnt()
        if known is None:
            # Nothing was ever learnt: then this is a whole run.
            await self.whole(run)
            return
        learnt, today = known.learnt, self._lease.today
        last = await self._store.last_done(None)
        since = (last or known.run).asked_at - OVERLAP
        wanted = await self._look(lambda on: _wanted(on, since, today))
        for start in range(0, len(wanted), CUSTOMERS_A_WRITE):
            ids = wanted[start : start + CUSTOMERS_A_WRITE]

            def judge(connection: Connection, ids: Sequence[str] = ids) -> None:
                histories = read_of(connection, ids, as_of=today, currency=learnt.currency, rules=learnt.rules)
                written = plan(learnt, histories, known_of(connection, ids), today=today)
                _put(written.rows, written.moves, written.gone, connection)
                self._changed += len(written.changed)

            self._customers += len(ids)
            progress = {"step": "judging", "part": self._customers / len(wanted), "customers": self._customers}
            await self._transaction(judge, progress)

    async def _learn(self, rules: ValueRules) -> Learnt:
        today = self._lease.today
        await self._say({"step": "reading", "as_of": today})
        currency = await self._look(lambda on: main_currency(on, rules))
        gathering, after = Gathering(), ""
        while True:
            histories, last = await self._look(functools.partial(self._piece, after, today, currency, rules))
            await asyncio.to_thread(gathering.add, histories)
            if last is None:
                break
            after = last
        await self._say({"step": "learning", "part": LEARNING_PART / 2})
        learnt, picture = await asyncio.to_thread(_learnt, gathering, today, currency, rules)
        await self._say(
            {"step": "judging", "part": LEARNING_PART, "learnt": kept(learnt), "picture": kept(picture), "done_to": ""}
        )
        return learnt

    def _planned(self, learnt: Learnt, after: str, connection: Connection) -> tuple[Written, int, str | None]:
        """What is to be written of the next customers, how many they are, and the last of them."""
        histories, last = self._piece(after, learnt.as_of, learnt.currency, learnt.rules, connection)
        known = known_between(connection, after, last)
        return plan(learnt, histories, known, today=learnt.as_of), len(histories), last

    def _piece(
        self, after: str, as_of: date, currency: str, rules: ValueRules, connection: Connection
    ) -> tuple[Histories, str | None]:
        return read_piece(connection, after, as_of=as_of, currency=currency, rules=rules, rows=self._rows_a_piece)

    # ---- writing

    async def _write(self, written: Written, progress: dict[str, object]) -> None:
        """In transactions of so many rows, mostly one; only the last one says that the piece is done."""
        self._changed += len(written.changed)
        told: dict[str, object] = {"customers": self._customers, "changed": self._changed}
        rows, moves, step = written.rows, written.moves, self._rows_a_write
        while len(rows) > step:
            whose = {row[0] for row in rows[:step]}
            theirs = [move for move in moves if move[0] in whose]
            moves = [move for move in moves if move[0] not in whose]
            await self._transaction(functools.partial(_put, rows[:step], theirs, ()), told)
            rows = rows[step:]
        await self._transaction(functools.partial(_put, rows, moves, written.gone), {**told, **progress})

    async def _look(self, work: Callable[[Connection], _T]) -> _T:
        return await self._tried(lambda: self._database.look(work, READ_LIMIT))

    async def _transaction(self, work: Callable[[Connection], None], values: dict[str, object]) -> None:
        await asyncio.sleep(self._turns.wait(time.monotonic()))

        async def attempt() -> None:
            async with self._database.writing(WRITE_LIMIT) as connection:
                began = time.monotonic()
                await beat(connection, self._lease.run_id, self._lease.owner, {**values, "beat_at": datetime.now(UTC)})
                await connection.run_sync(work)
            self._turns.ended(began, time.monotonic())

        await self._tried(attempt)

    async def _say(self, values: dict[str, object]) -> None:
        await self._transaction(lambda _: None, values)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY.total_seconds())
            try:
                await self._say({})
            except Conflict:
                return  # Whoever writes next finds out by himself.

    async def _tried(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        for _ in range(TRIES - 1):
            try:
                return await attempt()
            except DatabaseUnreachable:
                # Somebody else writes for long, or the database is away: it is worth some waiting.
                await asyncio.sleep(TRY_AGAIN.total_seconds())
        return await attempt()


def _put(rows: Sequence[Row], moves: Sequence[Row], gone: Sequence[str], connection: Connection) -> None:
    write(connection, rows, moves)
    if gone:
        remove(connection, gone)


def _learnt(gathering: Gathering, today: date, currency: str, rules: ValueRules) -> tuple[Learnt, RunPicture]:
    """The costly part; runs in a thread of the process, so that it goes on giving signs of life."""
    sample = gathering.sample()
    learnt, values = learn(
        summarise(sample, until_day=today.toordinal()),
        gathering.everyone(),
        as_of=today,
        currency=currency,
        rules=rules,
    )
    trial, why_not = trial_by_time(sample, as_of=today)
    return learnt, picture_of(values, cohorts=gathering.cohorts(today), test=trial, test_why_not=why_not)


def _wanted(connection: Connection, since: datetime, today: date) -> list[str]:
    """Whom something was noted of since then, and whose time has come."""
    history, values, customers = customer_changes, customer_values, tables.customers
    noted = select(history.c.customer_id).where(history.c.at >= since)
    merged = select(customers.c.merged_into).where(
        customers.c.merged_into.is_not(None), customers.c.customer_id.in_(noted)
    )
    due = select(values.c.customer_id).where(values.c.look_again_on <= today)
    return sorted(connection.execute(noted.union(merged, due)).scalars())


class ValuingProcess:
    """Implements `callcenter.app.values.ValueWorker`: a process of its own, so that calls keep theirs."""

    def __init__(self, *, database_url: str, timezone: str) -> None:
        self._job = {"database_url": database_url, "timezone": timezone}

    async def run(self) -> None:
        """Do what waits, to the end of the process. Cancelling ends the process, and the run is taken up again."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "callcenter.valuing",
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **ONE_THREAD},
        )
        try:
            # By a pipe: what stands in the command line everybody on the machine can read, a password too.
            await process.communicate(json.dumps(self._job).encode())
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        if process.returncode != 0:
            log.error("value_process_ended", status=process.returncode)
            await asyncio.sleep(START_AGAIN.total_seconds())


async def _do(job: dict[str, str]) -> None:
    database = Database(job["database_url"], pool_size=3, cache=CACHE_KIBIBYTES)
    try:
        while await run_values(database, timezone=ZoneInfo(job["timezone"])) is not None:
            pass
    finally:
        await database.dispose()


def main() -> int:
    """Do the job that stands in standard input; calls on the same machine come first."""
    os.nice(NICE)
    gc.set_threshold(GARBAGE_FROM)
    job: dict[str, str] = json.loads(sys.stdin.read())
    asyncio.run(_do(job))
    return 0


if __name__ == "__main__":
    sys.exit(main())
