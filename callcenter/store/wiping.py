"""Leaves nothing between the rows of a database: what was deleted or changed is not readable in its file any more.

SQLite keeps old bytes in free pages and in the gaps of full ones; only writing the whole file anew is sure of both.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from callcenter.store import hook_tables, import_tables, notice_tables, tables
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable
from callcenter.store.person import HOLDINGS, Fate

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


async def wipe_tables(database: Database) -> None:
    """Give the space of dead rows of PostgreSQL free; its own old log and backups are the operator's."""
    named = {holding.table.name for holding in HOLDINGS if holding.fate is not Fate.KEPT}
    named |= {tables.audit.name, notice_tables.notices.name, hook_tables.hook_deliveries.name}
    named.add(import_tables.imports.name)
    async with database.alone() as connection:
        for name in sorted(named):
            await connection.execute(text(f'VACUUM "{name}"'))
