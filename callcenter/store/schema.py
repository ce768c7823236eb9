"""The version of the tables: bring it up to date, and refuse what does not fit the program."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

# The migrations are compared with all tables.
from callcenter.store import (  # noqa: F401
    agreed_tables,
    alert_tables,
    best_offer_tables,
    board_tables,
    hook_tables,
    import_tables,
    notice_tables,
    privacy_tables,
    sales_tables,
    survey_tables,
    value_tables,
)
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable, SchemaBehind, SchemaTooNew
from callcenter.store.search_terms import refresh_terms

MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_TURNS = 20
"""How often an upgrade of SQLite waits for the file's lock, `BUSY_TIMEOUT_MILLISECONDS` each time."""
UPGRADE_LOCK = 4_170_021
"""The advisory lock two servers that upgrade at once take in turn."""


async def upgrade(url: str, *, revision: str = "head") -> None:
    """Bring the tables to `revision`, making them where there are none; `SchemaTooNew` when they are beyond it."""
    database = Database(url)
    try:
        await upgrade_database(database, revision=revision)
    finally:
        await database.dispose()


async def upgrade_database(database: Database, *, revision: str = "head") -> None:
    """As `upgrade`, with the database at hand; all of it in one transaction, then what customers are found by."""
    for turn in range(1, UPGRADE_TURNS + 1):
        try:
            await _upgrade_once(database, revision)
        except DatabaseUnreachable as error:
            # Another program upgrades this SQLite file: its lock is waited for longer than any other.
            if not (database.is_sqlite and "locked" in str(error)) or turn == UPGRADE_TURNS:
                raise
        else:
            break
    if revision == "head":
        await refresh_terms(database)


async def _upgrade_once(database: Database, revision: str) -> None:
    async with database.writing() as connection:
        await connection.run_sync(_lock)
        await connection.run_sync(_refuse_unknown, database)
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), revision))


async def downgrade(database: Database, *, revision: str) -> None:
    """Bring the tables back to `revision` (`base` removes them all, with what is in them)."""
    async with database.writing() as connection:
        await connection.run_sync(_lock)
        await connection.run_sync(lambda sync: command.downgrade(alembic_config(sync), revision))


def head() -> str:
    """The version this program works with."""
    revision = ScriptDirectory.from_config(alembic_config(None)).get_current_head()
    if revision is None:
        raise SchemaBehind(f"no migration was found in {MIGRATIONS}; install the program again")
    return revision


async def current(database: Database) -> str | None:
    """The version of the tables in the database, None when there are none."""
    async with database.reading() as connection:
        return await connection.run_sync(_current)


async def check_schema(database: Database) -> None:
    """Raise `DatabaseUnreachable`, `SchemaBehind` or `SchemaTooNew` unless the server can work with this database."""
    if database.sqlite_path is not None and not database.sqlite_path.exists():
        # To look into it would make it, and an empty file would be left.
        raise SchemaBehind(
            f"database {database.url_for_people}: its tables have version none, this program needs {head()}; "
            "run `callcenter db upgrade`"
        )
    async with database.reading() as connection:
        await connection.run_sync(_refuse_unknown, database)
        found = await connection.run_sync(_current)
    if found != head():
        raise SchemaBehind(
            f"database {database.url_for_people}: its tables have version {found or 'none'}, this program needs "
            f"{head()}; run `callcenter db upgrade`"
        )


def alembic_config(connection: Connection | None) -> Config:
    """Alembic's settings, made here and not in a file; `env.py` works on `connection`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_unknown(connection: Connection, database: Database) -> None:
    found = _current(connection)
    known = {step.revision for step in ScriptDirectory.from_config(alembic_config(None)).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaTooNew(
            f"database {database.url_for_people}: its tables have version {found}, which this program does not know "
            f"(it knows up to {head()}); run the newer program, or restore a backup made before its upgrade"
        )


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
