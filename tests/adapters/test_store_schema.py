"""The tables come from the migrations alone, agree with the models, and refuse what does not fit."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from callcenter.store import schema
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable, InvalidDatabaseUrl, SchemaBehind, SchemaTooNew
from callcenter.store.records import StoredRecords
from callcenter.store.tables import metadata


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def table_names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_migrations_make_what_the_models_say(database: Database) -> None:
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(table_names) == {*metadata.tables, "alembic_version"}


async def test_the_comparison_sees_a_difference(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("DROP INDEX ix_events_at"))
        await connection.execute(text("ALTER TABLE users DROP COLUMN language"))
        assert len(await connection.run_sync(differences)) == 2


async def test_every_step_goes_down_and_up_again(empty_database: Database) -> None:
    await schema.upgrade_database(empty_database)
    assert await schema.current(empty_database) == schema.head()
    await schema.downgrade(empty_database, revision="base")
    assert await schema.current(empty_database) is None
    async with empty_database.reading() as connection:
        assert await connection.run_sync(table_names) == {"alembic_version"}
    await schema.upgrade_database(empty_database)
    async with empty_database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_upgrading_again_changes_nothing(database: Database, database_url: str) -> None:
    await StoredRecords(database).set_bookmark("cel", "17")
    await schema.upgrade(database_url)
    await schema.check_schema(database)
    assert await StoredRecords(database).bookmark("cel") == "17"


async def test_two_servers_may_upgrade_at_once(database_url: str, empty_database: Database) -> None:
    async with asyncio.timeout(60):
        await asyncio.gather(*(schema.upgrade(database_url) for _ in range(3)))
    await schema.check_schema(empty_database)


async def test_a_database_without_tables_is_named(empty_database: Database) -> None:
    with pytest.raises(SchemaBehind, match=r"have version none, this program needs 0\d+; run `callcenter db upgrade`"):
        await schema.check_schema(empty_database)


async def test_a_newer_schema_is_refused_by_check_and_upgrade(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match=r"version 9999, which this program does not know .* run the newer program"):
        await schema.check_schema(database)
    with pytest.raises(SchemaTooNew):
        await schema.upgrade_database(database)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "cannot be read; it looks like sqlite:///"),
        ("mysql://user@host/db", "starts with 'mysql'; possible"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://user:hidden@host", "names no database"),
    ],
)
def test_a_wrong_url_says_what_would_be_right(url: str, said: str) -> None:
    with pytest.raises(InvalidDatabaseUrl, match=said) as caught:
        Database(url)
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_missing_directory_is_one_clear_line(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/away/callcenter.db")
    with pytest.raises(DatabaseUnreachable, match="unable to open database file; check that its directory exists") as e:
        await schema.upgrade_database(database)
    assert "\n" not in str(e.value)
    await database.dispose()


async def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "callcenter.db"
    path.write_text("this is a letter, and a long one at that" * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseUnreachable, match="file is not a database"):
        await database.ping()
    await database.dispose()


async def test_an_absent_server_is_one_clear_line_without_the_password() -> None:
    database = Database("postgresql://someone:hidden@127.0.0.1:18299/callcenter")
    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1.*check that the server runs") as caught:
        await database.ping()
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)
    await database.dispose()


async def test_a_locked_file_is_given_up_in_time(tmp_path: Path) -> None:
    path = tmp_path / "callcenter.db"
    database = Database(f"sqlite:///{path}")
    await schema.upgrade_database(database)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseUnreachable, match=r"no answer within 0\.2 s"):
            async with database.writing(timedelta(seconds=0.2)):
                pass
        with pytest.raises(DatabaseUnreachable, match="database is locked"):
            async with database.writing():
                pass
        await database.ping()  # Readers go on.
        other.execute("ROLLBACK")
    other.close()
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM bookmarks"))
    await database.dispose()


async def test_sqlite_is_set_up_for_a_server(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/callcenter.db")
    async with database.reading() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    await database.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 1500}
