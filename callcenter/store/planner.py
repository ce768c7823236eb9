"""Tells PostgreSQL that tables which were empty are so no longer.

It keeps its plan of a statement, and one that was made while a table was empty reads the whole table, until its own
housekeeping counts the rows: within a minute or so of their coming, in which each call would be looked up by reading
all customers of an import.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, Table

SMALL_PAGES: Final = 20
"""Up to so many a plan may read them all; a page has 8 KiB."""


def count_grown(connection: Connection, tables: Iterable[Table]) -> None:
    """Have those of these tables counted that were small and are no longer; on SQLite there is nothing to be done."""
    if connection.dialect.name == "sqlite":
        return
    names = [table.name for table in tables]
    for name in connection.exec_driver_sql(_GROWN, (names, SMALL_PAGES, SMALL_PAGES)).scalars().all():
        connection.exec_driver_sql(f"ANALYZE {name}")


_GROWN = (
    "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND relkind = 'r' AND pg_table_is_visible(oid) "
    "AND relpages < %s AND pg_relation_size(oid) > %s * current_setting('block_size')::integer"
)
