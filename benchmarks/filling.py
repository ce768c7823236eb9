"""Fills a new database with generated rows by the million, past everything that a running server needs: no journal, no
indexes until all rows are there. Only for databases that are thrown away.

Law: what comes out are the tables and indexes of the schema, with these rows in them and counted for the planner.
"""

import contextlib
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import psycopg
from psycopg import sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex

from callcenter.store.crm_tables import customer_terms
from callcenter.store.database import Database
from callcenter.store.tables import metadata

Rows = Iterable[Sequence[object]]
CACHE_KIBIBYTES = 1_500_000
_STAGED = "staged_terms"
PARTS = 24
"""Of the search terms while they wait, each a range: sorted and let go of one by one, they take a third of the disk."""


class Filling(Protocol):
    """Takes rows of a table, as the database keeps them (dates as ISO texts, JSON as text)."""

    def put(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Add rows."""

    def put_terms(self, rows: Iterable[tuple[bytes, str]]) -> None:
        """Add search terms with their customers, each once; they come into the table's order at the end."""


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._bounds: list[bytes] = []
        for part in range(PARTS):
            connection.execute(f"CREATE TABLE {_STAGED}_{part} (term BLOB, customer_id TEXT)")

    def put(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        names, marks = ", ".join(f'"{one}"' for one in columns), ", ".join("?" * len(columns))
        self.connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608

    def put_terms(self, rows: Iterable[tuple[bytes, str]]) -> None:
        parts: list[list[tuple[bytes, str]]] = [[] for _ in range(PARTS)]
        if not self._bounds:
            rows = list(rows)
            terms = sorted(term for term, _ in rows)
            self._bounds = [terms[len(terms) * part // PARTS] for part in range(1, PARTS)]
        bounds = self._bounds
        for row in rows:
            parts[bisect_right(bounds, row[0])].append(row)
        for part, some in enumerate(parts):
            self.connection.executemany(f"INSERT INTO {_STAGED}_{part} VALUES (?, ?)", some)  # noqa: S608

    def order_terms(self) -> None:
        """Into their table, in its order."""
        for part in range(PARTS):
            staged = f"{_STAGED}_{part}"
            order = f"SELECT term, customer_id FROM {staged} ORDER BY term, customer_id"  # noqa: S608
            self.connection.execute(f"INSERT INTO {customer_terms.name} {order}")
            self.connection.execute(f"DROP TABLE {staged}")


class _Postgres:
    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        connection.execute(sql.SQL("CREATE UNLOGGED TABLE {} (term bytea, customer_id text)").format(_name(_STAGED)))

    def put(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(_name(table), sql.SQL(", ").join(map(_name, columns)))
        with self.connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(row)

    def put_terms(self, rows: Iterable[tuple[bytes, str]]) -> None:
        self.put(_STAGED, ("term", "customer_id"), rows)


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)


@contextlib.contextmanager
def filling(database: Database, url: str, tables: Sequence[str]) -> Iterator[Filling]:
    """Rows for these tables, which are empty; at the end their indexes are made. Nobody else may be connected."""
    path = database.sqlite_path
    indexes = [index for name in tables for index in metadata.tables[name].indexes]
    dialect = postgresql.dialect() if path is None else sqlite.dialect()  # type: ignore[no-untyped-call]
    drop = [f"DROP INDEX {index.name}" for index in indexes]
    make = [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    if path is not None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{CACHE_KIBIBYTES}", "temp_store=FILE"):
                connection.execute(f"PRAGMA {setting}")
            for statement in (*drop, "BEGIN"):
                connection.execute(statement)
            into = _Sqlite(connection)
            yield into
            into.order_terms()
            for statement in (*make, "COMMIT", "ANALYZE"):
                connection.execute(statement)
            connection.execute("PRAGMA journal_mode=WAL")
        return
    with psycopg.connect(url) as connection:
        for statement in ("SET maintenance_work_mem = '1GB'", "SET work_mem = '512MB'", *drop):
            connection.execute(statement.encode())
        yield _Postgres(connection)
        terms = f"INSERT INTO {customer_terms.name} SELECT term, customer_id FROM {_STAGED} ORDER BY term, customer_id"  # noqa: S608
        for statement in (terms, f"DROP TABLE {_STAGED}", *make):
            connection.execute(statement.encode())
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
