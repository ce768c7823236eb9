"""One database, SQLite or PostgreSQL, and the two ways to talk to it: reading and writing.

Law: whatever keeps the database from answering comes out as `DatabaseUnreachable`, and within a limited time.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from callcenter.crm.segments import fold_letters
from callcenter.store.errors import DatabaseUnreachable, InvalidDatabaseUrl

BUSY_TIMEOUT_MILLISECONDS = 1500
CONNECT_TIMEOUT_SECONDS = 5
END_LOOKS_SECONDS = 5
DEFAULT_WITHIN = timedelta(seconds=10)
WRITING = "callcenter_writing"
FOLD = "callcenter_fold"
"""A function of SQLite: a text with small letters, as segments compare it."""

_UTC: Final = "-c timezone=UTC"
_GENERIC_PLANS: Final = " -c plan_cache_mode=force_generic_plan"

T = TypeVar("T")


class Database:
    """An address, its engine and the limits of waiting; opens nothing until it is used."""

    def __init__(self, url: str, *, pool_size: int = 10, cache: int | None = None, generic_plans: bool = False) -> None:
        """Raise `InvalidDatabaseUrl` when `url` is no address of a SQLite file or a PostgreSQL database.

        `cache` is how many KiB of pages each connection to a SQLite file keeps, for whoever writes many rows.
        `generic_plans`: PostgreSQL plans a statement once and not for the values it comes with, for whoever asks for
        rows by the thousand: it would think of reading whole tables, and plan for each thousand anew.
        """
        self._url = _parse(url)
        self._engine = _make_engine(self._url, pool_size, generic_plans=generic_plans)
        self._writing_engine = self._engine.execution_options(**{WRITING: True})
        self._looking_engine = _make_looking_engine(self._url, pool_size)
        self._looks: set[_UnderWay] = set()
        """Those that run in threads now, whether somebody waits for them or not."""
        if cache is not None and self.is_sqlite:
            for engine in self.engines:
                event.listen(engine, "connect", _caching(cache))

    @property
    def url_for_people(self) -> str:
        """The address without its password."""
        return self._url.set(drivername=self._url.get_backend_name()).render_as_string(hide_password=True)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines, for watching them; talk to the database through `reading`, `writing` and `look`."""
        return (self._engine.sync_engine, self._looking_engine)

    @property
    def sqlite_path(self) -> Path | None:
        """The file of a SQLite database, None with PostgreSQL."""
        return Path(self._url.database or "") if self.is_sqlite else None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file, not a server."""
        return self._url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def reading(self, within: timedelta = DEFAULT_WITHIN) -> AsyncIterator[AsyncConnection]:
        """One consistent look at the database; what is changed in it is rolled back."""
        async with self._limited(within), self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self, within: timedelta = DEFAULT_WITHIN) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed when the block ends well."""
        async with self._limited(within), self._writing_engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def alone(self, within: timedelta = timedelta(minutes=10)) -> AsyncIterator[AsyncConnection]:
        """Each statement by itself, for what cannot be done in a transaction."""
        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        async with self._limited(within), engine.connect() as connection:
            yield connection

    async def look(self, work: Callable[[Connection], T], within: timedelta = DEFAULT_WITHIN) -> T:
        """As `reading`, in one piece: a single hop to a thread, where every statement would be several of the loop.

        It is for what a caller on the line waits for. `work` must not keep the connection; it may be called again where
        the server has closed a connection since the last look. With PostgreSQL each statement sees what is there when
        it begins, as in any transaction of ours, but none is begun or ended: that would be two ways to the server and
        back.
        """
        looking = _Looking(self._looking_engine, work, self._looks)
        async with self._limited(within):
            try:
                return await asyncio.to_thread(looking.look)
            except asyncio.CancelledError:
                looking.give_up()
                raise

    async def ping(self, within: timedelta = DEFAULT_WITHIN) -> None:
        """Raise `DatabaseUnreachable` unless the database answers."""
        async with self.reading(within) as connection:
            await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close every connection; without it the process does not end."""
        await self._engine.dispose()
        await asyncio.to_thread(self._end_looks)
        await asyncio.to_thread(self._looking_engine.dispose)

    def _end_looks(self) -> None:
        """A connection that comes back to its pool after the pool's end would be closed by nobody."""
        looks = tuple(self._looks)
        for looking in looks:
            looking.give_up()
        for looking in looks:
            looking.under_way.acquire(timeout=END_LOOKS_SECONDS)

    @asynccontextmanager
    async def _limited(self, within: timedelta) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(within.total_seconds()):
                yield
        except (IntegrityError, DataError):
            raise
        except DBAPIError as error:
            raise self._unreachable(str(error.orig)) from error
        except (TimeoutError, PoolTimeoutError) as error:
            raise self._unreachable(f"no answer within {within.total_seconds():g} s") from error
        except OSError as error:
            raise self._unreachable(str(error)) from error

    def _unreachable(self, cause: str) -> DatabaseUnreachable:
        first_line = next((line.strip() for line in cause.splitlines() if line.strip()), "no reason given")
        remedy = (
            "check that its directory exists, is writable and has room"
            if self.is_sqlite
            else "check that the server runs and that user, password and address are right"
        )
        return DatabaseUnreachable(f"database {self.url_for_people}: {first_line}; {remedy}")


class _WithSocket(Protocol):
    """A driver's connection to a server."""

    def fileno(self) -> int: ...


class _UnderWay(Protocol):
    """A look that runs."""

    under_way: threading.Lock

    def give_up(self) -> None: ...


class _Looking(Generic[T]):
    """One look, in a thread that nobody can cancel: who does not wait for it any more closes its socket."""

    def __init__(self, engine: Engine, work: Callable[[Connection], T], looks: "set[_UnderWay]") -> None:
        self._engine = engine
        self._work = work
        self._looks = looks
        self.under_way = threading.Lock()
        """Held to the end; an event takes forty times as long to make."""
        self._socket: int | None = None
        self._given_up = False

    def look(self) -> T:
        self.under_way.acquire()
        self._looks.add(self)
        try:
            return self._twice_at_most()
        finally:
            self._looks.discard(self)
            self.under_way.release()

    def _twice_at_most(self) -> T:
        try:
            return self._once()
        except DBAPIError as error:
            # A connection that waited in the pool while the server began anew; asking each before its use is a way
            # to the server and back.
            if not error.connection_invalidated or self._given_up:
                raise
            return self._once()

    def _once(self) -> T:
        if self._given_up:
            raise TimeoutError("nobody waits for this look any more")
        with self._engine.connect() as connection:
            if connection.dialect.name != "sqlite":
                self._socket = cast(_WithSocket, connection.connection.driver_connection).fileno()
            try:
                if self._given_up:
                    raise TimeoutError("nobody waits for this look any more")
                return self._work(connection)
            finally:
                self._socket = None

    def give_up(self) -> None:
        self._given_up = True
        number = self._socket
        if number is not None:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as ours:
                ours.shutdown(socket.SHUT_RDWR)


def _parse(text_: str) -> URL:
    example = "sqlite:///var/callcenter.db or postgresql://user:password@host:5432/callcenter"
    try:
        url = make_url(text_)
    except ArgumentError as error:
        raise InvalidDatabaseUrl(f"the database URL cannot be read; it looks like {example}") from error
    match url.drivername:
        case "sqlite" | "sqlite+aiosqlite":
            if not url.database or url.database == ":memory:":
                raise InvalidDatabaseUrl(f"the database URL {text_!r} names no file; it looks like {example}")
            return url.set(drivername="sqlite+aiosqlite")
        case "postgres" | "postgresql" | "postgresql+psycopg":
            if not url.database:
                shown = url.render_as_string(hide_password=True)
                raise InvalidDatabaseUrl(f"the database URL {shown!r} names no database; it looks like {example}")
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise InvalidDatabaseUrl(f"the database URL starts with {other!r}; possible: {example}")


def _server_arguments(options: str) -> dict[str, str | int]:
    return {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": options}


def _as_it_is(document: str | bytes) -> str | bytes:
    """The types of columns.py have made JSON of it already."""
    return document


def _make_engine(url: URL, pool_size: int, *, generic_plans: bool) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            pool_timeout=CONNECT_TIMEOUT_SECONDS,
            hide_parameters=True,  # Errors reach logs, and numbers and names must not.
            json_serializer=_as_it_is,
            json_deserializer=_as_it_is,
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    return create_async_engine(
        url,
        pool_size=pool_size,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        hide_parameters=True,
        pool_pre_ping=True,
        json_serializer=_as_it_is,
        json_deserializer=_as_it_is,
        connect_args=_server_arguments(_UTC + (_GENERIC_PLANS if generic_plans else "")),
    )


def _make_looking_engine(url: URL, pool_size: int) -> Engine:
    """A second, synchronous engine for `look`."""
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            pool_timeout=CONNECT_TIMEOUT_SECONDS,
            hide_parameters=True,
            json_serializer=_as_it_is,
            json_deserializer=_as_it_is,
            connect_args=_server_arguments(_UTC),
        )
    engine = create_engine(
        url.set(drivername="sqlite"),
        poolclass=QueuePool,
        pool_size=pool_size,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        hide_parameters=True,
        json_serializer=_as_it_is,
        json_deserializer=_as_it_is,
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # Its own lower() knows the letters of English only (segment_sql.py).
    connection.create_function(FOLD, 1, _fold, deterministic=True)
    connection.isolation_level = None  # Transactions begin where `_begin_sqlite` says so, not where the driver guesses.
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MILLISECONDS}",  # First: the next one already may have to wait.
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",  # Overwrites what is deleted; not all builds do so by themselves (docs/privacy.md).
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _caching(kibibytes: int) -> Callable[[DBAPIConnection, ConnectionPoolEntry], None]:
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA cache_size=-{kibibytes}")
        cursor.close()

    return prepare


def _fold(value: object) -> str | None:
    return fold_letters(value) if isinstance(value, str) else None


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: a reader that turns writer later may be refused without waiting."""
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
