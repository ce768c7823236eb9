"""The journal's writer: takes facts from whoever routes calls, and makes them durable without anybody waiting.

Law: order is kept and nothing is stored twice. While the database answers, batches go straight into it; when it does
not, they go to the spill, and everything after them too, until the spill is empty again.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import msgspec
import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import AgentStatus
from callcenter.domain.events import Event
from callcenter.domain.interactions import Interaction
from callcenter.store.batches import (
    Batch,
    Entry,
    claim_batch,
    decode_batch,
    encode_batch,
    make_entry,
    store_batch,
    store_entries,
)
from callcenter.store.database import Database
from callcenter.store.encoding import encode_json
from callcenter.store.errors import DatabaseUnreachable, JournalStopped, SpillFailed
from callcenter.store.spill import Spill

log = structlog.get_logger(__name__)

SPILL_NAME = "journal.spill"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLimits:
    """How much, and how long; `attempt` is what a fresh batch waits for the database before it goes to the spill.

    `collect` is how long the first entry of a batch waits for company: a call's moments come in bursts, storing each by
    itself costs several times as much, and it would compete with the ringing that follows the burst.
    """

    batch_rows: int = 500
    collect: timedelta = timedelta(milliseconds=50)
    pending_rows: int = 50_000
    attempt: timedelta = timedelta(seconds=2)
    drain_attempt: timedelta = timedelta(seconds=30)
    retry_first: timedelta = timedelta(milliseconds=100)
    retry_most: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """How the journal is, for health and metrics; `lost_rows` is above zero only when database and disk failed both."""

    pending_rows: int
    spilled_batches: int
    database_away: bool
    stored_batches: int
    rejected_entries: int
    lost_rows: int


class JournalWriter:
    """Implements `callcenter.app.ports.Journal`; `start` before the first reading, `stop` before the engine goes."""

    def __init__(
        self, database: Database, *, spill_directory: Path | None = None, limits: JournalLimits | None = None
    ) -> None:
        """The spill stands beside a SQLite file; with PostgreSQL `spill_directory` must say where."""
        self._database = database
        self._limits = limits or JournalLimits()
        self._spill = Spill(_spill_path(database, spill_directory))
        self._spill_lock = asyncio.Lock()
        self._spilled = asyncio.Event()
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._writer_id = uuid.uuid4().hex
        self._number = 0
        self._pending: deque[Entry] = deque()
        self._pending_rows = 0
        self._batch: Batch | None = None
        self._taken = 0
        self._durable = 0
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._away = False
        self._stored_batches = 0
        self._rejected_entries = 0
        self._lost_rows = 0

    def write(
        self,
        *,
        events: Sequence[Event] = (),
        interactions: Sequence[Interaction] = (),
        agents: Sequence[AgentStatus] = (),
    ) -> None:
        """Take facts and the records they led to, to be stored together and in order; returns at once."""
        if self._stopping:
            raise JournalStopped("the journal has been stopped; stop what writes to it first")
        entry = make_entry(events, interactions, agents)
        if entry.size == 0:
            return
        if self._pending_rows + entry.size > self._limits.pending_rows:
            self._lose(entry)
            return
        self._pending.append(entry)
        self._pending_rows += entry.size
        self._taken += 1
        self._wake.set()

    async def flushed(self, within: timedelta) -> bool:
        """Wait until all that was written before is in the database or on the disk; False when the time ran out."""
        mark = self._taken
        if self._durable >= mark:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (mark, waiter)
        self._waiters.append(place)
        self._hurry.set()
        try:
            async with asyncio.timeout(within.total_seconds()):
                await waiter
        except TimeoutError:
            return False
        finally:
            if place in self._waiters:
                self._waiters.remove(place)
        return True

    async def settled(self, within: timedelta) -> bool:
        """Whether all that was written before is in the database, and nothing waits on the disk for it."""
        return await self.flushed(within) and self._spill.is_empty

    def state(self) -> JournalState:
        """How the journal is now."""
        return JournalState(
            pending_rows=self._pending_rows,
            spilled_batches=self._spill.lines,
            database_away=self._away,
            stored_batches=self._stored_batches,
            rejected_entries=self._rejected_entries,
            lost_rows=self._lost_rows,
        )

    async def start(self) -> None:
        """Bring what a killed run left in the spill into the database, then begin to write.

        With the database away it begins all the same, and the rest of the spill follows later.
        Raises `SpillInUse` or `SpillFailed`.
        """
        damaged = await asyncio.to_thread(self._spill.open)
        if damaged:
            log.error("journal.spill_damaged", lines=damaged, kept_in=str(self._spill.damaged_path))
        left = self._spill.lines
        while not self._spill.is_empty and await self._drain_one():
            pass
        if left:
            log.info("journal.spill_drained", batches=left - self._spill.lines, left=self._spill.lines)
        if not self._spill.is_empty:
            self._spilled.set()
        self._task = asyncio.create_task(self._run(), name="journal")

    async def stop(self, within: timedelta = timedelta(seconds=10)) -> bool:
        """Make the rest durable and end; False when that failed. What is in the spill waits for the next start."""
        self._stopping = True
        self._hurry.set()
        self._wake.set()
        if self._task is None:
            return self._durable == self._taken
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._task
        except TimeoutError:
            await self._put_away_the_rest()
        finally:
            self._task = None
            self._spill.close()
        return self._durable == self._taken

    async def _put_away_the_rest(self) -> None:
        """There is no time left for the database, but the disk may still do."""
        rest = [] if self._batch is None else [self._batch]
        while self._pending:
            self._number += 1
            rest.append(Batch(writer_id=self._writer_id, number=self._number, entries=self._next_entries()))
        for batch in rest:
            if not await self._put_away(batch):
                return
            self._note_durable(batch)

    async def _run(self) -> None:
        draining = asyncio.create_task(self._drain_always(), name="journal-drain")
        try:
            await self._write_always()
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)

    async def _write_always(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._collect()
            while self._pending:
                entries = self._next_entries()
                self._number += 1
                self._batch = Batch(writer_id=self._writer_id, number=self._number, entries=entries)
                await self._make_durable(self._batch)
                self._note_durable(self._batch)
            if self._stopping:
                return

    async def _collect(self) -> None:
        """Let a burst come in, unless somebody waits for it to be durable."""
        if not self._waiters and not self._stopping:
            self._hurry.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.collect.total_seconds()):
                    await self._hurry.wait()

    def _next_entries(self) -> tuple[Entry, ...]:
        """As many as fit into a batch, at least one; what has come in meanwhile is what makes a batch."""
        taken = [self._pending.popleft()]
        rows = taken[0].size
        while self._pending and rows + self._pending[0].size <= self._limits.batch_rows:
            taken.append(self._pending.popleft())
            rows += taken[-1].size
        return tuple(taken)

    async def _make_durable(self, batch: Batch) -> None:
        delay = self._limits.retry_first
        while True:
            if self._spill.is_empty and await self._store(batch, self._limits.attempt):
                return
            if await self._put_away(batch):
                return
            await asyncio.sleep(delay.total_seconds())
            delay = min(delay * 2, self._limits.retry_most)

    def _note_durable(self, batch: Batch) -> None:
        self._batch = None
        self._pending_rows -= sum(entry.size for entry in batch.entries)
        self._durable += len(batch.entries)
        for mark, waiter in self._waiters:
            if mark <= self._durable and not waiter.done():
                waiter.set_result(None)

    async def _store(self, batch: Batch, within: timedelta) -> bool:
        """Into the database; False when it is away. An entry that no database would take does not stop the others."""
        try:
            try:
                async with self._database.writing(within) as connection:
                    await store_batch(connection, batch)
            except DatabaseUnreachable:
                raise
            except Exception as error:  # Its text may hold what callers said or typed: only its kind is logged.
                log.warning("journal.batch_refused", batch=batch.number, cause=type(error).__name__)
                await self._store_singly(batch, within)
        except DatabaseUnreachable as error:
            if not self._away:
                log.warning("journal.database_away", cause=str(error))
            self._away = True
            return False
        except Exception:  # Whatever it was, the batch is not stored; the spill keeps it and it is tried again.
            log.exception("journal.store_failed", batch=batch.number)
            return False
        if self._away:
            log.info("journal.database_back")
        self._away = False
        self._stored_batches += 1
        return True

    async def _store_singly(self, batch: Batch, within: timedelta) -> None:
        async with self._database.writing(within) as connection:
            if not await claim_batch(connection, batch):
                return
            refused = [entry for entry in batch.entries if not await _is_stored(connection, entry)]
            if refused:
                await asyncio.to_thread(self._spill.reject, b"\n".join(_for_people(entry) for entry in refused))
        self._rejected_entries += len(refused)
        if refused:
            log.error("journal.entries_rejected", entries=len(refused), kept_in=str(self._spill.rejected_path))

    async def _put_away(self, batch: Batch) -> bool:
        """Into the spill; False when the disk fails as well."""
        try:
            payload = await self._encoded(batch)
            async with self._spill_lock:
                await asyncio.to_thread(self._spill.append, payload)
        except OSError as error:
            log.critical("journal.spill_failed", path=str(self._spill.path), cause=str(error))
            return False
        self._spilled.set()
        return True

    async def _encoded(self, batch: Batch) -> bytes:
        try:
            return encode_batch(batch)
        except Exception:
            sound = tuple(entry for entry in batch.entries if _can_be_encoded(entry))
            refused = [entry for entry in batch.entries if entry not in sound]
            log.critical("journal.entries_rejected", entries=len(refused), kept_in=str(self._spill.rejected_path))
            await asyncio.to_thread(self._spill.reject, b"\n".join(_for_people(entry) for entry in refused))
            self._rejected_entries += len(refused)
            return encode_batch(replace(batch, entries=sound))

    async def _drain_always(self) -> None:
        delay = self._limits.retry_first
        while True:
            await self._spilled.wait()
            try:
                drained = await self._drain_one()
            except (OSError, SpillFailed):
                log.exception("journal.drain_failed", path=str(self._spill.path))
                drained = False
            if drained:
                delay = self._limits.retry_first
            else:
                await asyncio.sleep(delay.total_seconds())
                delay = min(delay * 2, self._limits.retry_most)

    async def _drain_one(self) -> bool:
        """The oldest line of the spill into the database; False when it is away."""
        async with self._spill_lock:
            payload = await asyncio.to_thread(self._spill.first)
        try:
            batch = decode_batch(payload)
        except msgspec.MsgspecError as error:
            kind = type(error).__name__
            log.critical("journal.spilled_batch_unreadable", cause=kind, kept_in=str(self._spill.rejected_path))
            await asyncio.to_thread(self._spill.reject, payload)
        else:
            if not await self._store(batch, self._limits.drain_attempt):
                return False
        async with self._spill_lock:
            await asyncio.to_thread(self._spill.remove_first)
            if self._spill.is_empty:
                self._spilled.clear()
        return True

    def _lose(self, entry: Entry) -> None:
        """Memory is bounded: with database and disk both gone for long, something has to go, and loudly."""
        if self._lost_rows == 0:
            log.critical("journal.full", limit_rows=self._limits.pending_rows)
        self._lost_rows += entry.size


def _spill_path(database: Database, directory: Path | None) -> Path:
    if directory is not None:
        return directory / SPILL_NAME
    if database.sqlite_path is None:
        raise SpillFailed("a PostgreSQL database is elsewhere: name a local directory for the journal's spill file")
    return database.sqlite_path.with_name(f"{database.sqlite_path.name}.{SPILL_NAME}")


async def _is_stored(connection: AsyncConnection, entry: Entry) -> bool:
    """Whether the database takes this entry; raises when it is away."""
    try:
        async with connection.begin_nested():
            await store_entries(connection, (entry,))
    except (IntegrityError, DataError):
        return False
    except DBAPIError:
        raise
    except Exception:  # Values no column can hold fail before they reach the database, in many ways.
        return False
    return True


def _for_people(entry: Entry) -> bytes:
    """One line that keeps all of it, whether it can be JSON or not."""
    return encode_json(entry) if _can_be_encoded(entry) else repr(entry).encode("utf-8", "backslashreplace")


def _can_be_encoded(entry: Entry) -> bool:
    try:
        encode_json(entry)
    except Exception:  # As above: the reasons are many, the answer is one.
        return False
    return True
