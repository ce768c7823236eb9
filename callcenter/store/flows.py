"""Texts of flows that were published: appended with their audit lines, read by their names.

Law: a version follows the newest one of its name or is refused, so that nobody overwrites what he has not seen.
"""

import hashlib
from collections.abc import Mapping

from sqlalchemy import Row, and_, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.flow_texts import Publication, PublishedMeanwhile
from callcenter.domain.errors import NotFound
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.tables import flow_publications as table


class StoredFlows:
    """Implements `callcenter.app.flow_texts.PublishedTexts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> Mapping[str, Publication]:
        """The last line of the history of every name."""
        last = select(table.c.name, func.max(table.c.version).label("version")).group_by(table.c.name).subquery()
        query = table.select().join(last, and_(table.c.name == last.c.name, table.c.version == last.c.version))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(table.c.name))).all()
        return {row.name: _publication(row) for row in rows}

    async def history(self, name: str, *, limit: int, before: int | None = None) -> tuple[Publication, ...]:
        """The newest first, those before this version."""
        query = table.select().where(table.c.name == name).order_by(table.c.version.desc()).limit(limit)
        if before is not None:
            query = query.where(table.c.version < before)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(_publication(row) for row in rows)

    async def version(self, name: str, version: int) -> Publication:
        """One line of the history; `NotFound` when there is none."""
        query = table.select().where(table.c.name == name, table.c.version == version)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound(f"of the flow {name} no version {version} was published", code="unknown_version")
        return _publication(row)

    async def add(self, publication: Publication) -> None:
        """Append a line and an audit line; `PublishedMeanwhile` unless its version follows the newest."""
        one = publication
        try:
            async with self._database.writing() as connection:
                await _refuse_unseen(connection, one)
                row = {
                    "name": one.name,
                    "version": one.version,
                    "at": one.at,
                    "by": one.by,
                    "note": one.note,
                    "text": one.text,
                    "retracted": one.retracted,
                }
                await connection.execute(insert(table), [row])
                action = "flow_retracted" if one.retracted else "flow_published"
                text = "" if one.retracted else f", text {hashlib.sha256(one.text.encode()).hexdigest()[:12]}"
                detail = f"version {one.version}{text}" + (f": {one.note}" if one.note else "")
                await add_audit(connection, at=one.at, by=one.by, action=action, subject=one.name, detail=detail)
        except IntegrityError:
            # Two published in the same moment; on PostgreSQL the second one finds out here.
            async with self._database.reading() as connection:
                await _refuse_unseen(connection, one)
            raise


async def _refuse_unseen(connection: AsyncConnection, publication: Publication) -> None:
    query = table.select().where(table.c.name == publication.name).order_by(table.c.version.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    newest = 0 if row is None else row.version
    if publication.version == newest + 1:
        return
    seen = publication.version - 1
    if row is None or newest < seen:
        raise PublishedMeanwhile(
            f"{publication.name} has no version {seen}; the newest is {newest}: read it again, then publish"
        )
    did = "took back what was published" if row.retracted else f"published version {newest}"
    raise PublishedMeanwhile(
        f"{row.by} {did} at {row.at:%Y-%m-%d %H:%M:%S} UTC, and this is based on "
        f"{f'version {seen}' if seen else 'the file'}: compare them, then publish on version {newest}"
    )


def _publication(row: Row[tuple[object, ...]]) -> Publication:
    return Publication(
        name=row.name,
        version=row.version,
        text=row.text,
        by=row.by,
        at=row.at,
        note=row.note,
        retracted=row.retracted,
    )
