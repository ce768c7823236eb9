"""Leaves nothing between the rows of a database: what was deleted or changed is not readable in its files any more.

SQLite and PostgreSQL keep old bytes in free pages and in the gaps of full ones, and PostgreSQL keeps samples of values
for its planner; only writing all of it anew is sure of that.
"""

import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable
from callcenter.store.person import BY_WORDS, HOLDINGS, Fate

LOCK_SECONDS = 20.0
CHECKPOINT_TRIES = 50
CHECKPOINT_PAUSE_SECONDS = 0.1


def wipe_file(path: Path) -> None:
    """Write a SQLite file anew and empty its log; blocks, for as long as copying the file takes.

    Readers go on meanwhile, writers wait. Raises `DatabaseUnreachable` when others hold the file for too long.
    """
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("VACUUM")
            for _ in range(CHECKPOINT_TRIES):
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return
                time.sleep(CHECKPOINT_PAUSE_SECONDS)
    except sqlite3.OperationalError as error:
        raise DatabaseUnreachable(f"the database file cannot be written anew now: {error}") from error
    raise DatabaseUnreachable("the database's log cannot be emptied now: somebody reads for long; it is tried again")


WIPED: Final = tuple(
    sorted({holding.table.name for holding in HOLDINGS if holding.fate is not Fate.KEPT} | BY_WORDS | {"accesses"})
)
"""Tables in which a person stood until he was erased."""
WIPE_WITHIN: Final = timedelta(hours=2)
LOCK_WITHIN: Final = timedelta(seconds=10)
"""Whoever wants a table waits for who is to write it anew, and he for whoever reads it for long."""


async def table_bytes(database: Database) -> int:
    """How large the tables are that would be written anew."""
    sizes = text("SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname = ANY(:names) AND relkind = 'r'")
    async with database.reading() as connection:
        return int((await connection.execute(sizes, {"names": list(WIPED)})).scalar_one() or 0)


async def _forget_samples(connection: AsyncConnection, name: str) -> None:
    """Of a table that has become empty nothing is sampled anew: the old samples go with the types of its columns."""
    if (await connection.execute(text(f'SELECT EXISTS (SELECT 1 FROM "{name}")'))).scalar_one():  # noqa: S608
        return
    for column, type_ in (await connection.execute(_SAMPLED, {"name": name})).all():
        await connection.execute(text(f'ALTER TABLE "{name}" ALTER COLUMN "{column}" TYPE {type_}'))


_SAMPLED: Final = text(
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_stats USING (attname) "
    "WHERE attrelid = to_regclass(quote_ident(:name)) AND schemaname = current_schema() AND tablename = :name "
    "AND attname NOT LIKE '%!_id' ESCAPE '!'"
)
"""Columns of a table of which values are sampled; ids lead nowhere, and others refer to them."""


async def wipe_tables(database: Database) -> None:
    """Write tables of PostgreSQL anew, one by one, each held up meanwhile, and sample their values again.

    Its own old log and backups are the operator's. Raises `DatabaseUnreachable` when others hold a table for too long.
    """
    async with database.alone(WIPE_WITHIN) as connection:
        await connection.execute(text(f"SET lock_timeout = '{LOCK_WITHIN.total_seconds():.0f}s'"))
        try:
            for name in WIPED:
                await connection.execute(text(f'VACUUM (FULL, ANALYZE) "{name}"'))
                await _forget_samples(connection, name)
            # What was sampled before stands in the gaps of the samples' own table.
            await connection.execute(text("VACUUM (FULL) pg_catalog.pg_statistic"))
        finally:
            await connection.execute(text("RESET lock_timeout"))
