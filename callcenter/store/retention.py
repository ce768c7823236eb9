"""What is over in the store: how much it is, and letting go of it a few rows a transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, Table, delete, func, or_, select, tuple_, update

from callcenter.app.blanking import blank_event
from callcenter.app.import_records import ImportState
from callcenter.domain.events import InteractionEvent
from callcenter.domain.messages import MessageState
from callcenter.domain.privacy import Kept
from callcenter.store import (
    alert_tables,
    crm_tables,
    import_tables,
    notice_tables,
    privacy_tables,
    survey_tables,
    tables,
)
from callcenter.store.database import Database
from callcenter.store.encoding import decode_event, encode_event
from callcenter.store.erasures import LOOK_WITHIN, blank_interactions, put_events
from callcenter.store.upsert import upsert_into

BLANKED_TO = "retention of interactions"
"""The bookmark: up to which end, and which id, contacts have been blanked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """A table whose rows go by one time."""

    table: Table
    key: str
    at: str
    only: ColumnElement[bool] | None = None
    grows: bool = False
    """Its keys grow with the time: the oldest come first by them."""


_PLAIN: Mapping[Kept, _Plain] = {
    Kept.MESSAGES: _Plain(
        table=tables.messages,
        key="message_id",
        at="done_at",
        only=tables.messages.c.state == MessageState.DONE,
    ),
    Kept.ACCESSES: _Plain(table=privacy_tables.accesses, key="access_id", at="at"),
    Kept.AUDIT: _Plain(table=tables.audit, key="audit_id", at="at"),
    Kept.NOTICES: _Plain(table=notice_tables.notices, key="notice_id", at="at"),
    Kept.ALERTS: _Plain(table=alert_tables.alerts, key="number", at="cleared_at"),
    Kept.IMPORTS: _Plain(
        table=import_tables.imports,
        key="import_id",
        at="ended_at",
        only=import_tables.imports.c.has_file.is_(False)
        & import_tables.imports.c.state.not_in((ImportState.WAITING, ImportState.RUNNING)),
    ),
    Kept.CUSTOMER_CHANGES: _Plain(table=crm_tables.customer_changes, key="change_id", at="at", grows=True),
}


class StoredRetention:
    """Implements `callcenter.app.retention.RetentionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, kept: Kept, *, before: datetime) -> int:
        """How many rows are older."""
        if kept is Kept.INTERACTIONS:
            inner = self._ended(before, await self._blanked_to()).subquery()
        else:
            inner = _older(_PLAIN[kept], before).subquery()
        async with self._database.reading(LOOK_WITHIN) as connection:
            return int((await connection.execute(select(func.count()).select_from(inner))).scalar_one())

    async def files(self, kept: Kept, *, before: datetime, limit: int) -> Sequence[str]:
        """The recordings that go with the oldest."""
        if kept is not Kept.MESSAGES:
            return ()
        async with self._database.reading() as connection:
            return [row.file for row in (await connection.execute(_oldest(_PLAIN[kept], before, limit))).all()]

    async def drop(self, kept: Kept, *, before: datetime, limit: int) -> int:
        """Let go of the oldest, in one transaction."""
        if kept is Kept.INTERACTIONS:
            return await self._blank(before, limit)
        plain = _PLAIN[kept]
        key = plain.table.c[plain.key]
        async with self._database.writing() as connection:
            rows = (await connection.execute(_oldest(plain, before, limit))).all()
            if rows:
                await connection.execute(delete(plain.table).where(key.in_([getattr(row, plain.key) for row in rows])))
        return len(rows)

    async def _blank(self, before: datetime, limit: int) -> int:
        """Take the person out of the oldest contacts that still have one."""
        calls, events = tables.interactions, tables.events
        query = self._ended(before, await self._blanked_to()).order_by(calls.c.ended_at, calls.c.interaction_id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.limit(limit))).all()
            if not rows:
                return 0
            ids = [row.interaction_id for row in rows]
            told = await connection.execute(
                select(events.c.event_id, events.c.name, events.c.data).where(events.c.interaction_id.in_(ids))
            )
            blanked = [(row.event_id, data) for row in told.all() if (data := _blanked(row.name, row.data)) is not None]
        async with self._database.writing(LOOK_WITHIN) as connection:
            if blanked:
                await put_events(connection, blanked)
            await blank_interactions(connection, ids)
            asked, answers = survey_tables.surveys, survey_tables.survey_answers
            whose = {"customer_id": None}
            await connection.execute(
                update(asked).where(asked.c.interaction_id.in_(ids)).values({**whose, "number": None})
            )
            await connection.execute(update(answers).where(answers.c.interaction_id.in_(ids)).values(whose))
            legs = tables.legs
            await connection.execute(update(legs).where(legs.c.interaction_id.in_(ids)).values(channel=""))
            place = f"{rows[-1].ended_at.isoformat()} {rows[-1].interaction_id}"
            row = {"name": BLANKED_TO, "value": place}
            await connection.execute(upsert_into(connection, tables.bookmarks), [row])
        return len(rows)

    async def _blanked_to(self) -> tuple[datetime, str] | None:
        table = tables.bookmarks
        async with self._database.reading() as connection:
            found = await connection.execute(select(table.c.value).where(table.c.name == BLANKED_TO))
            value = found.scalar_one_or_none()
        if value is None:
            return None
        at, _, interaction_id = value.partition(" ")
        return datetime.fromisoformat(at), interaction_id

    def _ended(self, before: datetime, after: tuple[datetime, str] | None) -> Select[tuple[str, datetime]]:
        calls = tables.interactions
        query = select(calls.c.interaction_id, calls.c.ended_at).where(calls.c.ended_at < before)
        if after is None:
            return query
        return query.where(tuple_(calls.c.ended_at, calls.c.interaction_id) > tuple_(*after))


def _older(plain: _Plain, before: datetime) -> Select[tuple[object, ...]]:
    query = select(plain.table).where(plain.table.c[plain.at] < before)
    return query if plain.only is None else query.where(or_(plain.only))


def _oldest(plain: _Plain, before: datetime, limit: int) -> Select[tuple[object, ...]]:
    order = (plain.key,) if plain.grows else (plain.at, plain.key)
    return _older(plain, before).order_by(*(plain.table.c[name] for name in order)).limit(limit)


def _blanked(name: str, data: bytes) -> bytes | None:
    event = decode_event(name, data)
    if not isinstance(event, InteractionEvent):
        return None
    changed = blank_event(event)
    return None if changed == event else encode_event(changed)[1]
