"""What Alembic runs: the migrations on the connection that schema.py hands in."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from callcenter.store.columns import Amount, ByteText, Json, PlainText, RawJson, Seconds, UtcDateTime
from callcenter.store.tables import metadata


def render_type(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """A migration names plain types, so that it still runs when ours have moved on."""
    if kind != "type":
        return False
    match item:
        case UtcDateTime():
            return "sa.DateTime(timezone=True)"
        case PlainText():
            return "sa.Text()"
        case ByteText():
            return "sa.LargeBinary()"
        case Json() | RawJson():
            return "sa.JSON()"
        case Amount():
            return "sa.BigInteger()"
        case Seconds():
            return "sa.Double()"
        case _:
            return False


def run() -> None:
    """Run the wanted steps inside the caller's transaction."""
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise TypeError("migrations run through callcenter.store.schema, which hands in the connection")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        render_as_batch=True,
        compare_type=True,
        render_item=render_type,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
