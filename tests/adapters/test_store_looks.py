"""A look at a database outlives a server's restart; one that was given up is waited for by nobody, but by the end."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable
from tests.adapters.postgres import PostgresServer

WITHIN_SECONDS = 30.0


@pytest.fixture
async def served(postgres_server: PostgresServer) -> AsyncIterator[Database]:
    """A database of PostgreSQL."""
    url = postgres_server.make_database()
    database = Database(url, pool_size=2)
    yield database
    await database.dispose()
    postgres_server.drop_database(url)


async def seven(database: Database) -> int:
    return int(await database.look(lambda connection: connection.execute(text("SELECT 7")).scalar_one()))


async def test_a_look_goes_on_behind_connections_that_the_server_has_closed(served: Database) -> None:
    assert list(await asyncio.gather(seven(served), seven(served))) == [7, 7]
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    async with served.alone() as connection:
        await connection.execute(text(others + "pg_backend_pid()"))
    assert [await seven(served) for _ in range(3)] == [7, 7, 7]


async def test_a_look_that_takes_too_long_lets_go_of_its_thread_and_connection(served: Database) -> None:
    assert await seven(served) == 7
    ended = threading.Event()

    def look(connection: Connection) -> None:
        try:
            connection.execute(text("SELECT pg_sleep(600)"))
        finally:
            ended.set()

    with pytest.raises(DatabaseUnreachable):
        await served.look(look, timedelta(seconds=0.5))
    assert await asyncio.to_thread(ended.wait, WITHIN_SECONDS)
    assert await seven(served) == 7


async def test_the_end_of_a_database_waits_for_looks_that_nobody_waits_for(empty_database: Database) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def look(connection: Connection) -> None:
        connection.execute(text("SELECT 7"))
        begun.set()
        go_on.wait(WITHIN_SECONDS)
        ended.set()

    watching = asyncio.create_task(empty_database.look(look))
    assert await asyncio.to_thread(begun.wait, WITHIN_SECONDS)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert not ended.is_set()
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    await empty_database.dispose()
    assert ended.is_set()
