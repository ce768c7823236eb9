"""The table of callbacks agreed for a later time; a row goes when the callback waits in its queue."""

from sqlalchemy import Column, ForeignKey, Integer, Table

from callcenter.store.columns import PlainText, UtcDateTime
from callcenter.store.tables import metadata

agreed_callbacks = Table(
    "agreed_callbacks",
    metadata,
    Column("interaction_id", PlainText, primary_key=True),
    Column("number", PlainText, nullable=False, index=True),
    Column("customer_id", ForeignKey("customers.customer_id"), index=True),
    Column("queue_id", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("note", PlainText, nullable=False),
    Column("agreed_by", PlainText, nullable=False),
    Column("agreed_at", UtcDateTime, nullable=False),
    Column("agent_id", PlainText),
    Column("origin_id", PlainText),
    Column("state", PlainText, nullable=False),
    Column("version", Integer, nullable=False),
)
