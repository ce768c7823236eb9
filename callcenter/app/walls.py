"""Links for screens on the wall: each shows the figures of some queues, to whoever has it, until it is revoked.

Laws: only the hash of a token is kept; a link shows figures of queues and nothing of any customer or agent; where the
settings do not allow links, none is made and none is opened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from callcenter.app.ports import Clock
from callcenter.app.sessions import hash_token
from callcenter.app.views import AgentCounts, HalfHourView, QueueView, TodayView
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label

MOST_LINKS: Final = 100
TRUST_MEMORY_FOR: Final = timedelta(seconds=5)
"""A link that was revoked goes on for so long at most."""
TOUCH_EVERY: Final = timedelta(minutes=1)
MOST_REMEMBERED: Final = 1_000


class WallsNotAllowed(Conflict):
    """The settings do not allow links for screens on the wall."""

    code = "walls_not_allowed"


class WallClosed(NotFound):
    """No such link, or one that was revoked or has run out."""

    code = "wall_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WallLink:
    """One link, without its token; no queues named: all."""

    link_id: str
    name: str
    queues: tuple[QueueId, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    last_used_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it shows anything."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class WallRow:
    """A queue on the wall: figures alone."""

    queue_id: QueueId
    label: Label
    waiting: int
    callbacks: int
    longest_wait_since: datetime | None
    expected_wait_seconds: float | None
    agents: AgentCounts
    today: TodayView
    last_half_hour: HalfHourView
    service_level_threshold_seconds: float
    unserved: bool
    closed: bool
    open: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WallView:
    """What a screen on the wall shows."""

    name: str
    at: datetime
    queues: tuple[WallRow, ...]


class WallBook(Protocol):
    """Where links are kept."""

    async def links(self) -> tuple[WallLink, ...]:
        """All links, the newest first."""
        ...

    async def add(self, link: WallLink, token_hash: str) -> None:
        """Keep a new one, with its line in the audit log; `Conflict` when there are too many."""
        ...

    async def revoke(self, link_id: str, *, at: datetime, by: str) -> bool:
        """Close one; False when there is none. A second time does nothing."""
        ...

    async def by_hash(self, token_hash: str) -> WallLink | None:
        """The link of this token's hash."""
        ...

    async def touch(self, link_id: str, at: datetime) -> None:
        """Note that it is in use."""
        ...


@dataclass(slots=True)
class _Known:
    link: WallLink | None
    read_at: datetime


class Walls:
    """Makes links, revokes them, and shows what they show."""

    def __init__(
        self,
        *,
        book: WallBook,
        rows: Callable[[], Sequence[QueueView]],
        clock: Clock,
        allowed: bool,
        new_id: Callable[[], str],
        new_token: Callable[[], str],
    ) -> None:
        """`new_token` must give at least 128 bits of chance, in characters that an address takes."""
        self._book = book
        self._rows = rows
        self._clock = clock
        self.allowed = allowed
        self._new_id = new_id
        self._new_token = new_token
        self._known: dict[str, _Known] = {}

    async def links(self) -> tuple[WallLink, ...]:
        """All links, the newest first."""
        return await self._book.links()

    async def make(self, name: str, queues: tuple[QueueId, ...], lasts: timedelta, *, by: str) -> tuple[WallLink, str]:
        """A new link and its token, told this once; `WallsNotAllowed`, `NotFound` for a queue that is not there."""
        if not self.allowed:
            raise WallsNotAllowed("links for screens on the wall are not allowed; set wall_links in [server]")
        known = {row.queue_id for row in self._rows()}
        for queue_id in queues:
            if queue_id not in known:
                raise NotFound(f"there is no queue {queue_id}", code="unknown_queue")
        now, token = self._clock.now(), self._new_token()
        link = WallLink(
            link_id=self._new_id(), name=name, queues=queues, created_at=now, created_by=by, expires_at=now + lasts
        )
        await self._book.add(link, hash_token(token))
        return link, token

    async def revoke(self, link_id: str, *, by: str) -> None:
        """Close a link for good; `NotFound`."""
        if not await self._book.revoke(link_id, at=self._clock.now(), by=by):
            raise NotFound(f"there is no link {link_id}", code="unknown_wall_link")
        self._known.clear()

    async def show(self, token: str) -> WallView:
        """What the link of this token shows; `WallClosed`."""
        now = self._clock.now()
        link = await self._find(hash_token(token), now)
        if link is None or not self.allowed or not link.is_open(now):
            raise WallClosed("this link shows nothing any more; ask a supervisor for a new one")
        rows = [row for row in self._rows() if not link.queues or row.queue_id in link.queues]
        return WallView(name=link.name, at=now, queues=tuple(_on_the_wall(row) for row in rows))

    async def _find(self, token_hash: str, now: datetime) -> WallLink | None:
        known = self._known.get(token_hash)
        if known is not None and timedelta() <= now - known.read_at < TRUST_MEMORY_FOR:
            return known.link
        link = await self._book.by_hash(token_hash)
        if link is None:
            # Whoever guesses fills no memory.
            self._known.pop(token_hash, None)
            return None
        if link.is_open(now) and (link.last_used_at is None or now - link.last_used_at >= TOUCH_EVERY):
            await self._book.touch(link.link_id, now)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[token_hash] = _Known(link=link, read_at=now)
        return link


def _on_the_wall(row: QueueView) -> WallRow:
    return WallRow(
        queue_id=row.queue_id,
        label=row.label,
        waiting=row.waiting,
        callbacks=row.callbacks,
        longest_wait_since=row.longest_wait_since,
        expected_wait_seconds=row.expected_wait_seconds,
        agents=row.agents,
        today=row.today,
        last_half_hour=row.last_half_hour,
        service_level_threshold_seconds=row.service_level_threshold_seconds,
        unserved=row.unserved,
        closed=row.closed_by is not None,
        open=row.open,
    )
