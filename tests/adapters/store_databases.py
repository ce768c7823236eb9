"""The databases every store test runs on: a SQLite file and a real PostgreSQL, with tables or without.

The tables are made once; each test has a copy, which is many times as quick as to make them again.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from callcenter.store.database import Database
from callcenter.store.schema import upgrade
from tests.adapters.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database: with its tables for who asks for `database` too, empty for others."""
    has_tables = "database" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "callcenter.db"
        if has_tables:
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.make_database(request.getfixturevalue("postgres_template") if has_tables else None)
        yield url
        server.drop_database(url)


@pytest.fixture
async def empty_database(database_url: str) -> AsyncIterator[Database]:
    """A database without tables, unless the test asks for `database` too."""
    database = Database(database_url)
    yield database
    await database.dispose()


@pytest.fixture
def database(empty_database: Database) -> Database:
    """A database with its tables."""
    return empty_database


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with its tables; nobody writes to it."""
    path = tmp_path_factory.mktemp("template") / "callcenter.db"
    _upgrade(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The address of a database with its tables; nobody uses it."""
    url = postgres_server.make_database()
    _upgrade(url)
    return url


def _upgrade(url: str) -> None:
    """On a loop of its own, for a test's own may run."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, upgrade(url)).result()
