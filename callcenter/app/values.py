"""What customers are worth, worked out in the background: runs over the whole store or over whom something happened to,
one at a time over all servers, with progress; and at once for one customer after a call or an order.

Laws: nobody on a call waits for it; a run that was cut off goes on, or begins again, without doing anything twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from callcenter.app.floor import Touched
from callcenter.app.ports import Clock
from callcenter.crm.learning import Learnt, RunPicture
from callcenter.crm.value_rules import ValueRules
from callcenter.domain import events as ev
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound, Outdated
from callcenter.domain.ids import CustomerId, InteractionId
from callcenter.domain.interactions import Interaction

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = timedelta(seconds=5)
FOLLOW_EVERY: Final = timedelta(seconds=2)
NIGHT: Final = time(2, 30)
"""When the nightly run begins, by the clock of the house."""
WHOLE_EVERY: Final = timedelta(days=7)
"""So often the models are learnt anew; in between customers are judged by the last ones."""
MOST_AT_ONCE: Final = 200
"""Customers judged at once in one turn; what comes faster, say an import, is left to a run of its own."""
BY_ITSELF: Final = "callcenter"


class RunKind(StrEnum):
    """What a run works out."""

    WHOLE = "whole"
    """Learn the models anew, then everybody."""
    CHANGED = "changed"
    """By the last models: whom something happened to, and whose time has come."""


class RunState(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRun:
    """One run; `part` says how much is done, 0 to 1, `step` what is being done."""

    run_id: str
    number: int = 0
    kind: RunKind
    state: RunState = RunState.WAITING
    as_of: date | None = None
    asked_at: datetime
    asked_by: str
    started_at: datetime | None = None
    beat_at: datetime | None = None
    ended_at: datetime | None = None
    cancelled_by: str | None = None
    error: str | None = None
    step: str = "waiting"
    part: float = 0.0
    customers: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesVersion:
    """The rules as somebody set them; version 0 is what counts before."""

    version: int
    at: datetime | None
    by: str
    rules: ValueRules


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatWasLearnt:
    """Of the last run that learnt."""

    run: ValueRun
    learnt: Learnt
    picture: RunPicture


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestChanges:
    """Customers something was noted of, behind a place in the history; `more` says that there are others."""

    customer_ids: tuple[CustomerId, ...]
    place: int
    more: bool


class ValueStore(Protocol):
    """What is kept of values."""

    async def ask(self, run: ValueRun, *, unless_since: datetime | None = None) -> ValueRun | None:
        """Let a run wait for its turn; None where one of its kind, or a whole one, waits already.

        With `unless_since` also where any was asked for since then, by whichever server.
        """
        ...

    async def cancel(self, run_id: str, *, at: datetime, by: str) -> bool:
        """End one that waits or runs, on whatever server; False when it had ended."""
        ...

    async def run(self, run_id: str) -> ValueRun | None:
        """One run."""
        ...

    async def runs(self, *, limit: int) -> tuple[ValueRun, ...]:
        """The newest first."""
        ...

    async def has_work(self, now: datetime) -> bool:
        """Whether a run waits, or runs without a sign of life."""
        ...

    async def last_done(self, kind: RunKind | None) -> ValueRun | None:
        """The last that ended well, of a kind or of any."""
        ...

    async def learnt(self) -> WhatWasLearnt | None:
        """By what customers are judged now."""
        ...

    async def rules(self, version: int | None = None) -> RulesVersion:
        """The rules that count, or those of a version; `NotFound`."""
        ...

    async def rules_history(self, *, limit: int) -> tuple[RulesVersion, ...]:
        """The newest first."""
        ...

    async def put_rules(self, rules: ValueRules, *, expected: int, at: datetime, by: str) -> RulesVersion:
        """Let these count from the next run on; `Outdated` when another version counts than expected."""
        ...

    async def judge(self, customers: Sequence[CustomerId], *, today: date) -> tuple[CustomerId, ...]:
        """Judge these at once by what was learnt last; whose stage or class changed."""
        ...

    async def latest_changes(self, place: int | None, *, limit: int) -> LatestChanges:
        """Whom something was noted of since a place; None is the present end of the history."""
        ...


class ValueWorker(Protocol):
    """Does the runs in a process of its own, so that calls do not wait for them."""

    async def run(self) -> None:
        """Do what waits; returns when there is nothing, or another server does it. Cancelling ends it at once."""
        ...


class Values:
    """Starts runs and follows what happens to customers; `run` and `follow` are owned by one task each."""

    def __init__(
        self,
        *,
        store: ValueStore,
        worker: ValueWorker,
        clock: Clock,
        timezone: ZoneInfo,
        new_id: Callable[[], str],
        interactions: Callable[[], Mapping[InteractionId, Interaction]],
        show: Callable[[CustomerId], Awaitable[None]],
        also: Callable[[Sequence[CustomerId]], Awaitable[Sequence[CustomerId]]],
    ) -> None:
        self.store = store
        self._worker = worker
        self._clock = clock
        self._timezone = timezone
        self._new_id = new_id
        self._interactions = interactions
        self._show = show
        self._also = also
        self._wake = asyncio.Event()
        self._called: dict[CustomerId, None] = {}

    # ---- what people ask for

    async def start(self, kind: RunKind, *, by: str) -> ValueRun:
        """Let a run wait for its turn; `Conflict` when one waits that does the same."""
        run = ValueRun(run_id=self._new_id(), kind=kind, asked_at=self._clock.now(), asked_by=by)
        kept = await self.store.ask(run)
        if kept is None:
            raise Conflict("a run that does this waits already; follow that one", code="run_waiting")
        self._wake.set()
        return kept

    async def cancel(self, run_id: str, *, by: str) -> ValueRun:
        """End a run; what it has written stays. `NotFound`, `Conflict`."""
        found = await self.find(run_id)
        if not await self.store.cancel(run_id, at=self._clock.now(), by=by):
            raise Conflict(f"run {found.number} has ended; nothing is to be cancelled", code="run_ended")
        return await self.find(run_id)

    async def find(self, run_id: str) -> ValueRun:
        """One run; `NotFound`."""
        run = await self.store.run(run_id)
        if run is None:
            raise NotFound(f"there is no run {run_id}", code="unknown_run")
        return run

    async def set_rules(self, rules: ValueRules, *, expected: int, by: str) -> RulesVersion:
        """Let these rules count from the next run on."""
        return await self.store.put_rules(rules, expected=expected, at=self._clock.now(), by=by)

    async def undo_rules(self, version: int, *, expected: int | None = None, by: str) -> RulesVersion:
        """Let an earlier version's rules count again, as a new one behind version `expected` if that is said."""
        now = await self.store.rules()
        if expected is not None and expected != now.version:
            raise Outdated(f"the rules have version {now.version} now, not {expected}; read them again")
        earlier = await self.store.rules(version)
        if earlier.rules == now.rules:
            raise InvalidValue(f"the rules are those of version {version} already", code="nothing_to_undo")
        return await self.set_rules(earlier.rules, expected=now.version, by=by)

    def today(self) -> date:
        """By the clock of the house."""
        return self._clock.now().astimezone(self._timezone).date()

    # ---- runs

    async def run(self) -> None:
        """See to it that runs are done, until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.turn()
            except (CallcenterError, OSError) as error:
                log.warning("values_not_looked_at", error=str(error))
            try:
                async with asyncio.timeout(LOOK_EVERY.total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def turn(self) -> None:
        """Ask for what the calendar wants, and do what waits."""
        night = self._night()
        wanted = await self._due(night)
        if wanted is not None:
            run = ValueRun(run_id=self._new_id(), kind=wanted, asked_at=self._clock.now(), asked_by=BY_ITSELF)
            await self.store.ask(run, unless_since=night)
        if await self.store.has_work(self._clock.now()):
            await self._worker.run()

    def _night(self) -> datetime:
        """When the last night's run was to begin; in a night without that hour it is the next that there is."""
        now = self._clock.now()
        day = now.astimezone(self._timezone).date()
        today, before = (
            datetime.combine(one, NIGHT, tzinfo=self._timezone).astimezone(UTC)
            for one in (day, day - timedelta(days=1))
        )
        return today if today <= now else before

    async def _due(self, night: datetime) -> RunKind | None:
        """What the calendar wants: each night whom something happened to, each week everybody."""
        last = await self.store.last_done(None)
        if last is not None and last.asked_at >= night:
            return None
        newest = next(iter(await self.store.runs(limit=1)), None)
        if newest is not None and newest.asked_at >= night:
            # It was asked for this night, and cancelled or failed: a person decides what now.
            return None
        whole = await self.store.last_done(RunKind.WHOLE)
        return (
            RunKind.CHANGED
            if whole is not None and night - whole.asked_at < WHOLE_EVERY - timedelta(hours=12)
            else RunKind.WHOLE
        )

    # ---- at once

    def watch(self, touched: Touched) -> None:
        """Note whose calls have ended, so that the next turn judges them; never waits."""
        for event in touched.events:
            if isinstance(event, ev.InteractionEnded | ev.InteractionAnnotated) and len(self._called) < MOST_AT_ONCE:
                record = self._interactions().get(event.interaction_id)
                if record is not None and record.customer_id is not None and record.ended_at is not None:
                    self._called[record.customer_id] = None

    async def follow(self) -> None:
        """Judge customers at once to whom something happened, until cancelled."""
        place: int | None = None
        while True:
            try:
                place = await self.follow_turn(place)
            except (CallcenterError, OSError) as error:
                log.warning("values_not_followed", error=str(error))
            await asyncio.sleep(FOLLOW_EVERY.total_seconds())

    async def follow_turn(self, place: int | None) -> int:
        """Whom something was noted of since `place`, and whose calls ended; returns the place now."""
        found = await self.store.latest_changes(place, limit=MOST_AT_ONCE)
        called = tuple(self._called)
        self._called.clear()
        wanted = tuple(dict.fromkeys((*found.customer_ids, *called)))
        if wanted:
            judged = await self.store.judge(wanted, today=self.today())
            for customer_id in dict.fromkeys((*judged, *await self._also(wanted))):
                await self._show(customer_id)
        if found.more:
            # Faster than one by one: an import. A run takes them all, and this goes on at the end of the history.
            run = ValueRun(run_id=self._new_id(), kind=RunKind.CHANGED, asked_at=self._clock.now(), asked_by=BY_ITSELF)
            if await self.store.ask(run) is not None:
                self._wake.set()
            return (await self.store.latest_changes(None, limit=1)).place
        return found.place
