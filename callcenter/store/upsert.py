"""`INSERT ... ON CONFLICT`, which both databases have and SQLAlchemy spells once for each."""

from collections.abc import Sequence

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Insert = sqlite.Insert | postgresql.Insert


def insert_into(connection: AsyncConnection, table: Table) -> Insert:
    """An insert that knows `on_conflict_do_update` and `on_conflict_do_nothing`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def upsert_into(connection: AsyncConnection, table: Table, *, only: Sequence[str] | None = None) -> Insert:
    """An insert that changes the row of the same primary key: all other columns, or `only` these."""
    keys = [column.name for column in table.primary_key]
    statement = insert_into(connection, table)
    changed = [column.name for column in table.c if column.name not in keys] if only is None else list(only)
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in changed}
    )
