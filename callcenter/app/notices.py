"""Supervisors' notices on agents' desks: sent, shown at once or when the agent comes, closed by the reader.

Law: what is on a desk is what the store has as unread for it, in the order it was sent.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callcenter.acd.picture import Picture
from callcenter.app.feed import agent_topic
from callcenter.app.ports import Clock, User
from callcenter.app.screens import FeedPort
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import AgentId, NoticeId, QueueId
from callcenter.domain.notices import MOST_UNREAD, Audience, Notice, Receipt

_KEY = "notices"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskNotice:
    """A notice as its reader sees it."""

    notice_id: NoticeId
    at: datetime
    by_name: str
    text: str
    to: Audience


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskNotices:
    """What lies unread on one desk, the oldest first."""

    items: tuple[DeskNotice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SentNotice:
    """A notice with its receipts, in the order of the agents' ids; `full` are those whose desks took no more."""

    notice: Notice
    receipts: tuple[Receipt, ...]
    full: tuple[AgentId, ...] = ()


class Notices(Protocol):
    """The store of notices."""

    async def add(self, notice: Notice, agents: Sequence[AgentId]) -> None:
        """Keep a notice for these agents, with its line in the audit log."""
        ...

    async def unread(self) -> Mapping[AgentId, tuple[Notice, ...]]:
        """What lies on every desk, the oldest first."""
        ...

    async def read(self, notice_id: NoticeId, agent_id: AgentId, at: datetime) -> bool:
        """Note that he has read it; False where there was none of his that he had not read."""
        ...

    async def sent(self, *, limit: int) -> tuple[SentNotice, ...]:
        """The newest first."""
        ...


class NoticeBoard:
    """Sends notices, and keeps the desks in step with the store."""

    def __init__(
        self,
        *,
        notices: Notices,
        feed: FeedPort,
        picture: Callable[[], Picture],
        queues_of: Callable[[AgentId], frozenset[QueueId]],
        clock: Clock,
        new_id: Callable[[], NoticeId],
    ) -> None:
        self._notices = notices
        self._feed = feed
        self._picture = picture
        self._queues_of = queues_of
        self._clock = clock
        self._new_id = new_id
        self._desks: dict[AgentId, tuple[Notice, ...]] = {}
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Show what was unread before the server came; before anything is sent."""
        self._desks = dict(await self._notices.unread())
        for agent_id in self._desks:
            self._show(agent_id)

    async def send(self, user: User, text: str, to: Audience, to_id: str) -> SentNotice:
        """Put a text on desks; raises `NotFound` for whom there is not, `Conflict` when nobody can get it."""
        notice = Notice(
            notice_id=self._new_id(),
            at=self._clock.now(),
            by=user.name,
            by_name=user.display_name or user.name,
            text=text,
            to=to,
            to_id=to_id,
        )
        wanted = self._readers(to, to_id)
        if not wanted:
            raise Conflict(f"there is no agent whom a notice to {to_id or 'all'} would reach", code="no_readers")
        # One after the other, so that nobody's desk gets one too many.
        async with self._writing:
            full = tuple(one for one in wanted if len(self._desks.get(one, ())) >= MOST_UNREAD)
            readers = [one for one in wanted if one not in full]
            if not readers:
                raise Conflict(
                    f"{MOST_UNREAD} unread notices lie on every desk it would go to; let them be read first",
                    code="desk_full",
                )
            await self._notices.add(notice, readers)
            for agent_id in readers:
                self._desks[agent_id] = (*self._desks.get(agent_id, ()), notice)
                self._show(agent_id)
        return SentNotice(notice=notice, receipts=tuple(Receipt(agent_id=one) for one in readers), full=full)

    async def close(self, notice_id: NoticeId, agent_id: AgentId) -> None:
        """The reader has read it; raises `NotFound` where it does not lie on his desk."""
        async with self._writing:
            if not await self._notices.read(notice_id, agent_id, self._clock.now()):
                raise NotFound(f"there is no unread notice {notice_id} on your desk", code="unknown_notice")
            self._desks[agent_id] = tuple(one for one in self._desks.get(agent_id, ()) if one.notice_id != notice_id)
            self._show(agent_id)

    def desk(self, agent_id: AgentId) -> DeskNotices:
        """What lies unread on one desk."""
        return DeskNotices(
            items=tuple(
                DeskNotice(notice_id=one.notice_id, at=one.at, by_name=one.by_name, text=one.text, to=one.to)
                for one in self._desks.get(agent_id, ())
            )
        )

    async def sent(self, *, limit: int) -> tuple[SentNotice, ...]:
        """What was sent, the newest first, and who has read it."""
        return await self._notices.sent(limit=limit)

    def _readers(self, to: Audience, to_id: str) -> list[AgentId]:
        picture = self._picture()
        match to:
            case Audience.AGENT:
                return [picture.agent(AgentId(to_id)).agent_id]
            case Audience.QUEUE:
                queue_id = picture.queue(QueueId(to_id)).config.queue_id
                return sorted(agent_id for agent_id in picture.agents if queue_id in self._queues_of(agent_id))
            case Audience.ALL:
                return sorted(picture.agents)

    def _show(self, agent_id: AgentId) -> None:
        notices = self.desk(agent_id)
        if notices.items:
            self._feed.put(agent_topic(agent_id), _KEY, notices)
        else:
            self._desks.pop(agent_id, None)
            self._feed.delete(agent_topic(agent_id), _KEY)
