"""Supervisors' notices and who has read them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Row, insert, select, update

from callcenter.app.notices import SentNotice
from callcenter.domain.ids import AgentId, NoticeId
from callcenter.domain.notices import Audience, Notice, Receipt
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.encoding import without_surrogates
from callcenter.store.notice_tables import notice_receipts, notices


class StoredNotices:
    """Implements `callcenter.app.notices.Notices`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, notice: Notice, agents: Sequence[AgentId]) -> None:
        """Keep a notice for these agents, with its line in the audit log, all or nothing."""
        row = {
            "notice_id": notice.notice_id,
            "at": notice.at,
            "by": notice.by,
            "by_name": notice.by_name,
            "text": without_surrogates(notice.text),
            "to": notice.to.value,
            "to_id": notice.to_id,
        }
        receipts = [{"notice_id": notice.notice_id, "agent_id": agent_id} for agent_id in agents]
        async with self._database.writing() as connection:
            await connection.execute(insert(notices), [row])
            await connection.execute(insert(notice_receipts), receipts)
            subject = f"{notice.to} {notice.to_id}".strip()
            detail = f"{notice.notice_id}: {without_surrogates(notice.text)}"
            await add_audit(
                connection, at=notice.at, by=notice.by, action="notice_sent", subject=subject, detail=detail
            )

    async def unread(self) -> Mapping[AgentId, tuple[Notice, ...]]:
        """What lies on every desk, the oldest first."""
        query = (
            select(notice_receipts.c.agent_id, *notices.c)
            .join_from(notice_receipts, notices)
            .where(notice_receipts.c.read_at.is_(None))
            .order_by(notices.c.at, notices.c.notice_id)
        )
        rows = await self._database.look(lambda connection: connection.execute(query).all())
        desks: dict[AgentId, list[Notice]] = defaultdict(list)
        for row in rows:
            desks[AgentId(row.agent_id)].append(_notice(row))
        return {agent_id: tuple(lying) for agent_id, lying in desks.items()}

    async def read(self, notice_id: NoticeId, agent_id: AgentId, at: datetime) -> bool:
        """Note that he has read it; False where there was none of his that he had not read."""
        of = notice_receipts.c
        step = (
            update(notice_receipts)
            .where(of.notice_id == notice_id, of.agent_id == agent_id, of.read_at.is_(None))
            .values(read_at=at)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(step)).rowcount == 1

    async def sent(self, *, limit: int) -> tuple[SentNotice, ...]:
        """The newest first."""
        newest = select(notices).order_by(notices.c.at.desc(), notices.c.notice_id.desc()).limit(limit)
        rows = await self._database.look(lambda connection: connection.execute(newest).all())
        of = notice_receipts.c
        query = (
            select(notice_receipts)
            .where(of.notice_id.in_([row.notice_id for row in rows]))
            .order_by(of.notice_id, of.agent_id)
        )
        receipts: dict[str, list[Receipt]] = defaultdict(list)
        for receipt in await self._database.look(lambda connection: connection.execute(query).all()):
            receipts[receipt.notice_id].append(Receipt(agent_id=AgentId(receipt.agent_id), read_at=receipt.read_at))
        return tuple(SentNotice(notice=_notice(row), receipts=tuple(receipts[row.notice_id])) for row in rows)


def _notice(row: Row[tuple[object, ...]]) -> Notice:
    return Notice(
        notice_id=NoticeId(row.notice_id),
        at=row.at,
        by=row.by,
        by_name=row.by_name,
        text=row.text,
        to=Audience(row.to),
        to_id=row.to_id,
    )
