"""The databases every store test runs on: a SQLite file and a real PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callcenter.store.database import Database
from callcenter.store.schema import upgrade_database


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'callcenter.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def empty_database(database_url: str) -> AsyncIterator[Database]:
    """A database without tables."""
    database = Database(database_url)
    yield database
    await database.dispose()


@pytest.fixture
async def database(empty_database: Database) -> Database:
    """A database with its tables."""
    await upgrade_database(empty_database)
    return empty_database
