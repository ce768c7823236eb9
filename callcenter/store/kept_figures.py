"""Management's figures as they were counted last, for all servers; nothing in them is a person's."""

from datetime import timedelta

from sqlalchemy import delete, select

from callcenter.app.management_counts import CountedFigures
from callcenter.store.database import Database
from callcenter.store.upsert import upsert_into
from callcenter.store.value_tables import kept_figures as table

MOST_KEPT = 300
"""What was counted longest ago goes: each span of days that anybody chose is one."""


class StoredFigures:
    """Implements `callcenter.app.management_counts.KeptFigures`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> CountedFigures | None:
        """The last of this key."""
        async with self._database.reading() as connection:
            row = (await connection.execute(table.select().where(table.c.key == key))).one_or_none()
        if row is None:
            return None
        return CountedFigures(
            counted_at=row.counted_at, took=timedelta(seconds=row.took_seconds), basis=row.basis, figures=row.figures
        )

    async def keep(self, key: str, counted: CountedFigures) -> None:
        """Put them in the place of what was counted before."""
        values = {
            "counted_at": counted.counted_at,
            "took_seconds": counted.took.total_seconds(),
            "basis": counted.basis,
            "figures": counted.figures,
        }
        newest = select(table.c.key).order_by(table.c.counted_at.desc()).limit(MOST_KEPT)
        async with self._database.writing() as connection:
            await connection.execute(upsert_into(connection, table).values({"key": key, **values}))
            await connection.execute(delete(table).where(table.c.key.not_in(newest)))
