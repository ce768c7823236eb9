"""Lets go of what has been kept for long enough: at night, a few rows at a time.

Law: what is to be kept for good is never looked at; a run that is cut off goes on the next night.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final, Protocol

import structlog

from callcenter.app.house_rules import HouseRules
from callcenter.app.ports import Clock
from callcenter.domain.errors import CallcenterError
from callcenter.domain.privacy import Kept

log = structlog.get_logger(__name__)

FROM_HOUR: Final = 3
UNTIL_HOUR: Final = 6
LOOK_EVERY: Final = timedelta(minutes=5)
ROWS_AT_ONCE: Final = 200
PAUSE: Final = timedelta(milliseconds=200)
"""Between two transactions, so that others have their turn."""
BY: Final = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """How long one kind of thing is kept (None: for good), and how many rows would go now."""

    kept: Kept
    days: int | None
    due: int


class RetentionStore(Protocol):
    """The store's part."""

    async def due(self, kept: Kept, *, before: datetime) -> int:
        """How many rows are older."""
        ...

    async def files(self, kept: Kept, *, before: datetime, limit: int) -> Sequence[str]:
        """The recordings that go with the oldest."""
        ...

    async def drop(self, kept: Kept, *, before: datetime, limit: int) -> int:
        """Let go of the oldest, in one transaction; 0: there are none left."""
        ...


class RetentionAudit(Protocol):
    """Where it is written what went."""

    async def audit(self, *, at: datetime, by: str, action: str, subject: str, detail: str = "") -> None:
        """Append one line."""
        ...


class Retention:
    """The use case; `run` is owned by one task."""

    def __init__(
        self,
        *,
        store: RetentionStore,
        rules: HouseRules,
        audit: RetentionAudit,
        recordings: Path,
        clock: Clock,
        timezone: tzinfo,
    ) -> None:
        self._store = store
        self._rules = rules
        self._audit = audit
        self._recordings = recordings
        self._clock = clock
        self._timezone = timezone
        self._done_on: str | None = None

    async def due(self) -> tuple[Due, ...]:
        """What would go now; nothing is changed."""
        now, found = self._clock.now(), []
        for kept in Kept:
            keep = self._rules.kept_for(kept)
            count = 0 if keep is None else await self._store.due(kept, before=now - keep)
            found.append(Due(kept=kept, days=None if keep is None else keep.days, due=count))
        return tuple(found)

    async def run(self) -> None:
        """Once each night, until cancelled; a store that is away is asked again."""
        while True:
            local = self._clock.now().astimezone(self._timezone)
            tonight = local.date().isoformat()
            if FROM_HOUR <= local.hour < UNTIL_HOUR and self._done_on != tonight:
                try:
                    await self.turn()
                    self._done_on = tonight
                except (CallcenterError, OSError) as error:
                    log.warning("retention_stopped", cause=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def turn(self) -> Sequence[Due]:
        """Let go of all that is over now; what went is one line in the audit log."""
        now, gone = self._clock.now(), []
        try:
            for kept in Kept:
                keep = self._rules.kept_for(kept)
                if keep is not None:
                    count = await self._drop(kept, now - keep)
                    if count:
                        gone.append(Due(kept=kept, days=keep.days, due=count))
        finally:
            if gone:
                detail = ", ".join(f"{one.kept} {one.due}" for one in gone)
                await self._audit.audit(at=now, by=BY, action="retention_ran", subject=BY, detail=detail)
        return gone

    async def _drop(self, kept: Kept, before: datetime) -> int:
        count = 0
        while True:
            # Files first: one without its row would be taken for a message that nobody has told of.
            for file in await self._store.files(kept, before=before, limit=ROWS_AT_ONCE):
                if Path(file).name == file:
                    await asyncio.to_thread((self._recordings / file).unlink, missing_ok=True)
            dropped = await self._store.drop(kept, before=before, limit=ROWS_AT_ONCE)
            if not dropped:
                return count
            count += dropped
            await asyncio.sleep(PAUSE.total_seconds())
