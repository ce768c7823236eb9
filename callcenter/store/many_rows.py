"""Rows by the thousand, looked for and written past the work that a statement does for each single one."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection, Dialect, Table, insert, text
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.exc import DBAPIError

from callcenter.store.encoding import REPLACEMENT, without_surrogates

if TYPE_CHECKING:
    from psycopg import AsyncConnection

Row = tuple[object, ...]
_Encode = Callable[[object], object]


def pairs_of(connection: Connection, statement: str, listed: Sequence[str], *others: str) -> Sequence[tuple[str, str]]:
    """As `rows_of`, of a statement that gives two texts."""
    return cast(Sequence[tuple[str, str]], rows_of(connection, statement, listed, *others))


def rows_of(connection: Connection, statement: str, listed: Sequence[str], *others: str) -> Sequence[Sequence[object]]:
    """The rows of a statement in which `{listed}` stands behind IN; marks (?) for other texts stand before it.

    The texts are one parameter: a list of parameters is written into a statement anew each time.
    """
    if connection.dialect.name == "sqlite":
        document = json.dumps(list(listed))
        marked = statement.replace("{listed}", "(SELECT value FROM json_each(?))")
        return connection.exec_driver_sql(marked, (*others, document)).all()
    marked = statement.replace("?", "%s").replace("IN {listed}", "= ANY(CAST(%s AS text[]))")
    return connection.exec_driver_sql(marked, (*others, array_of([plain(one) for one in listed]))).all()


def plain(value: str) -> str:
    """A text that every database takes (columns.py)."""
    return without_surrogates(value).replace("\x00", REPLACEMENT)


def array_of(values: Iterable[object]) -> str:
    """Values as PostgreSQL writes an array: the driver takes ten times as long to write one."""
    return f"{{{','.join([_element(one) for one in values])}}}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def insert_many(connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Add rows, each with its values in the order of `columns`, which is the table's own."""
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
        return
    # Column by column: most columns have one value in all rows of an import, which is encoded once.
    encoders = _encoders(table, columns, connection.dialect)
    encoded = [
        values if encode is None else _encoded(encode, values)
        for encode, values in zip(encoders, zip(*rows, strict=True), strict=True)
    ]
    connection.exec_driver_sql(_statement(table, columns, connection.dialect), list(zip(*encoded, strict=True)))


def _encoded(encode: _Encode, values: Sequence[object]) -> Sequence[object]:
    first = values[0]
    if all(value is first for value in values):
        return (encode(first),) * len(values)
    return [encode(value) for value in values]


@lru_cache(64)
def _statement(table: Table, columns: tuple[str, ...], dialect: Dialect) -> str:
    compiled = insert(table).compile(dialect=dialect, column_keys=list(columns))
    if tuple(compiled.positiontup or ()) != columns:
        raise ValueError(f"the columns of {table.name} are given in the order {columns}, not in that of the table")
    return str(compiled)


@lru_cache(64)
def _encoders(table: Table, columns: tuple[str, ...], dialect: Dialect) -> tuple[_Encode | None, ...]:
    return tuple(table.c[name].type.bind_processor(dialect) for name in columns)


def put_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row], *, over: tuple[str, ...] = ()
) -> None:
    """Add rows as the database keeps them (days as ISO texts, documents as texts), in place of those with the same
    `over`.

    Past the types of columns: SQLite gets one statement prepared for all rows, PostgreSQL the lines of a COPY, or one
    statement with an array a column where rows may be there.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite" and not over:
        copy_lines(connection, table, columns, "".join([copy_line(row) for row in rows]).encode())
        return
    statement = _put_statement(table, columns, over, connection.dialect)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement, list(rows))
        return
    arrays = {f"c{place}": array_of(values) for place, values in enumerate(zip(*rows, strict=True))}
    connection.execute(text(statement), arrays)


def copy_line(row: Row) -> str:
    """A row as PostgreSQL's COPY reads it."""
    line = "\t".join(["\\N" if value is None else str(value) for value in row])
    is_plain = line.count("\\") == row.count(None) and line.count("\t") == len(row) - 1
    if is_plain and "\n" not in line and "\r" not in line:
        return line + "\n"
    return "\t".join(["\\N" if value is None else _field(str(value)) for value in row]) + "\n"


def _field(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def copy_lines(connection: Connection, table: Table, columns: tuple[str, ...], lines: bytes) -> None:
    """Add rows to a table of PostgreSQL, each a line of `copy_line`: a third of the work of an INSERT, for both sides.

    It fails as statements do.
    """
    dialect = connection.dialect
    quoted = ", ".join(dialect.identifier_preparer.quote(name) for name in columns)
    driver = cast(AdaptedConnection, connection.connection.dbapi_connection)
    try:
        driver.run_async(lambda psycopg: _copy(psycopg, f"COPY {table.name} ({quoted}) FROM STDIN".encode(), lines))
    except dialect.loaded_dbapi.Error as error:
        kind = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(None, None, error, kind, hide_parameters=True, dialect=dialect) from error


async def _copy(driver: "AsyncConnection", statement: bytes, lines: bytes) -> None:
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(lines)


@lru_cache(64)
def _put_statement(table: Table, columns: tuple[str, ...], over: tuple[str, ...], dialect: Dialect) -> str:
    quoted = [dialect.identifier_preparer.quote(name) for name in columns]
    statement = f"INSERT INTO {table.name} ({', '.join(quoted)}) "
    if dialect.name == "sqlite":
        statement += f"VALUES ({', '.join('?' * len(columns))})"
    else:
        types = [table.c[name].type.compile(dialect) for name in columns]
        arrays = ", ".join(f"CAST(:c{place} AS {type_}[])" for place, type_ in enumerate(types))
        statement += f"SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our own tables and columns.
    if over:
        changed = ", ".join(
            f"{one} = excluded.{one}" for one, name in zip(quoted, columns, strict=True) if name not in over
        )
        statement += f" ON CONFLICT ({', '.join(over)}) DO UPDATE SET {changed}"
    return statement
