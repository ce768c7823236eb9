"""Management's figures, counted in the background and kept with the time they were counted at.

Laws: whoever reads waits for `PATIENCE` at most and gets what is kept, with its time, and how far the new count is;
one count runs at a time, so that agents' look-ups find the database free; a count that fails is told once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from callcenter.app.ports import Clock
from callcenter.domain.errors import CallcenterError, Conflict

PATIENCE: Final = timedelta(milliseconds=500)
QUICK: Final = timedelta(milliseconds=100)
"""What is counted so quickly is counted each time it is asked for."""
FRESH_TIMES: Final = 100
"""Other figures are fresh a hundred times as long as they took: counting takes a hundredth of the time at most."""
LONGEST_FRESH: Final = timedelta(hours=1)
MOST_JOBS: Final = 50

Told = Callable[[float], None]
"""Takes how much of a count is done, 0 to 1; from any thread."""
Count = Callable[[Told], Awaitable[bytes]]


def untold(part: float) -> None:
    """Nobody wants to know how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFigures:
    """Figures as a document, when they were counted, how long that took, and by which rules and run of values."""

    counted_at: datetime
    took: timedelta
    basis: str
    figures: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What there is now; `counting` is how much of a new count is done, None where none is under way."""

    counted: CountedFigures | None
    counting: float | None


class KeptFigures(Protocol):
    """Where counted figures are kept, for all servers and over their restarts."""

    async def find(self, key: str) -> CountedFigures | None:
        """The last of this key."""
        ...

    async def keep(self, key: str, counted: CountedFigures) -> None:
        """Put them in the place of what was counted before; those nobody wanted for long go."""
        ...


@dataclass(slots=True)
class _Progress:
    part: float = 0.0

    def tell(self, part: float) -> None:
        self.part = part


_Ended = CountedFigures | CallcenterError


class ManagementCounts:
    """Counts figures for whoever reads them; `run` is owned by one task, which ends the counts with itself."""

    def __init__(self, *, kept: KeptFigures, clock: Clock, patience: timedelta = PATIENCE) -> None:
        self._kept = kept
        self._clock = clock
        self._patience = patience
        self._jobs: dict[str, tuple[asyncio.Task[_Ended], _Progress]] = {}
        """Counts that wait or run, and those that failed and were not told yet."""
        self._turn = asyncio.Semaphore(1)

    async def read(
        self, key: str, basis: str, count: Count, *, anew: bool = False, to_the_end: bool = False
    ) -> Reading:
        """The figures of `key`, counted by `count` where there are none, old ones, or `anew` is asked for.

        With `to_the_end` it waits until they are counted. Raises what the count raised, and `Conflict` when too many
        wait.
        """
        kept = await self._kept.find(key)
        job = self._jobs.get(key)
        if job is None and kept is not None and not anew and self._is_fresh(kept, basis):
            return Reading(counted=kept, counting=None)
        task, progress = job or self._begin(key, basis, count)
        await asyncio.wait((task,), timeout=None if to_the_end else self._patience.total_seconds())
        if not task.done():
            return Reading(counted=kept, counting=progress.part)
        if self._jobs.get(key) == (task, progress):
            del self._jobs[key]
        ended = task.result()
        if isinstance(ended, CallcenterError):
            raise ended
        return Reading(counted=ended, counting=None)

    async def run(self) -> None:
        """Until cancelled; then no count goes on."""
        try:
            await asyncio.Event().wait()
        finally:
            tasks = [task for task, _ in self._jobs.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _is_fresh(self, kept: CountedFigures, basis: str) -> bool:
        if kept.basis != basis or kept.took < QUICK:
            return False
        return self._clock.now() - kept.counted_at < min(kept.took * FRESH_TIMES, LONGEST_FRESH)

    def _begin(self, key: str, basis: str, count: Count) -> tuple["asyncio.Task[_Ended]", _Progress]:
        if len(self._jobs) >= MOST_JOBS:
            self._jobs = {one: job for one, job in self._jobs.items() if not job[0].done()}
        if len(self._jobs) >= MOST_JOBS:
            raise Conflict("too many figures are being counted; ask again in a minute", code="too_many_counts")
        progress = _Progress()
        task = asyncio.create_task(self._count(key, basis, count, progress), name=f"count of {key}")
        self._jobs[key] = task, progress
        return task, progress

    async def _count(self, key: str, basis: str, count: Count, progress: _Progress) -> _Ended:
        clock = asyncio.get_running_loop().time
        async with self._turn:
            at, began = self._clock.now(), clock()
            try:
                figures = await count(progress.tell)
                took = timedelta(seconds=clock() - began)
                counted = CountedFigures(counted_at=at, took=took, basis=basis, figures=figures)
                await self._kept.keep(key, counted)
            except CallcenterError as error:
                return error
        self._jobs.pop(key, None)
        return counted
