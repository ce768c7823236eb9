"""The access log: who looked at which customer, written without anybody waiting for it.

Laws: `note` returns at once; what is noted is written in order and each line once; while the store is away the lines
wait, and past the bound a line goes to the server's own log: none is dropped in silence.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import structlog

from callcenter.app.ports import Clock
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import CustomerId, InteractionId

log = structlog.get_logger(__name__)

MOST_UNWRITTEN: Final = 20_000
LINES_AT_ONCE: Final = 500
GATHER: Final = timedelta(seconds=1)
"""So long lines gather before they are written together."""
SAME_WITHIN: Final = timedelta(minutes=1)
"""Who looks again at the same customer in this time is in the log already: a page asks for many things of one."""
MOST_REMEMBERED: Final = 10_000


class AccessKind(StrEnum):
    """How somebody came to see a customer's data."""

    READ = "read"
    """His card, file, history, or anything else of him was opened; also out of a search."""
    POP = "pop"
    """His card came to a desk with his call."""
    INTERACTION = "interaction"
    """A contact of his was opened."""
    MESSAGE_HEARD = "message_heard"
    PERSON_EXPORTED = "person_exported"
    """All of him was taken out as one file."""
    LIST_EXPORTED = "list_exported"
    """A list of customers was taken out; `detail` says which, how many and by what they were chosen."""
    PIN = "pin"
    """His number or PIN was changed or looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One line; `by` is a login name, of a pop `agent <id>`. `access_id` is 0 until it is stored."""

    access_id: int = 0
    at: datetime
    by: str
    kind: AccessKind
    customer_id: CustomerId | None = None
    interaction_id: InteractionId | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessWanted:
    """Which lines; what is None is not asked about. `until` itself is left out."""

    customer_id: CustomerId | None = None
    by: str | None = None
    kind: AccessKind | None = None
    since: datetime | None = None
    until: datetime | None = None


class Accesses(Protocol):
    """Where the lines are kept."""

    async def add(self, lines: Sequence[Access]) -> None:
        """Keep these, in one transaction."""
        ...

    async def accesses(self, wanted: AccessWanted, *, limit: int, before: int | None) -> tuple[Access, ...]:
        """The newest first; of one customer with those of whoever was merged into him."""
        ...


class AccessLog:
    """Takes lines at once and writes them together; `run` is owned by one task."""

    def __init__(self, *, accesses: Accesses, clock: Clock) -> None:
        self._accesses = accesses
        self._clock = clock
        self._unwritten: deque[Access] = deque()
        self._seen: OrderedDict[tuple[str, AccessKind, str, str], datetime] = OrderedDict()
        self._news = asyncio.Event()
        self.overflown = 0
        """Lines that went to the server's own log."""

    def note(
        self,
        *,
        by: str,
        kind: AccessKind,
        customer_id: CustomerId | None = None,
        interaction_id: InteractionId | None = None,
        detail: str = "",
    ) -> None:
        """Take a line; the same again within `SAME_WITHIN` is none, but each list that is taken out is one."""
        now = self._clock.now()
        if kind is not AccessKind.LIST_EXPORTED and self._is_known(
            (by, kind, customer_id or "", interaction_id or ""), now
        ):
            return
        if len(self._unwritten) >= MOST_UNWRITTEN:
            self.overflown += 1
            log.error("access_not_written", by=by, kind=kind, customer_id=customer_id, interaction_id=interaction_id)
            return
        self._unwritten.append(
            Access(at=now, by=by, kind=kind, customer_id=customer_id, interaction_id=interaction_id, detail=detail)
        )
        self._news.set()

    def _is_known(self, key: tuple[str, AccessKind, str, str], now: datetime) -> bool:
        seen = self._seen
        while seen and (len(seen) > MOST_REMEMBERED or now - next(iter(seen.values())) >= SAME_WITHIN):
            seen.popitem(last=False)
        if key in seen:
            return True
        seen[key] = now
        return False

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await asyncio.sleep(GATHER.total_seconds())
                if not await self.write():
                    self._news.set()
        finally:
            await self.write()

    async def write(self) -> bool:
        """Write what there is; False where the store is away."""
        while self._unwritten:
            lines = tuple(self._unwritten[index] for index in range(min(LINES_AT_ONCE, len(self._unwritten))))
            try:
                await self._accesses.add(lines)
            except CallcenterError as error:
                log.warning("accesses_wait", code=error.code, lines=len(self._unwritten))
                return False
            for _ in lines:
                self._unwritten.popleft()
        return True
