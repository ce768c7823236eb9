"""The tables of web hooks: who is told of what, and the outbox, which is the log of deliveries as well."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, UniqueConstraint

from callcenter.store.columns import Json, PlainText, RawJson, UtcDateTime
from callcenter.store.tables import BigId, metadata

hooks = Table(
    "hooks",
    metadata,
    Column("hook_id", PlainText, primary_key=True),
    Column("url", PlainText, nullable=False),
    Column("events", Json(tuple[str, ...]), nullable=False),
    Column("description", PlainText, nullable=False),
    Column("personal", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("secret", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", PlainText, nullable=False),
    Column("paused_at", UtcDateTime),
    Column("paused_reason", PlainText),
    Column("version", Integer, nullable=False),
)

hook_deliveries = Table(
    "hook_deliveries",
    metadata,
    Column("number", BigId, primary_key=True),
    Column("delivery_id", PlainText, nullable=False),
    Column("hook_id", ForeignKey("hooks.hook_id", ondelete="CASCADE"), nullable=False),
    Column("event", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("data", RawJson, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_at", UtcDateTime),
    Column("first_try_at", UtcDateTime),
    Column("last_try_at", UtcDateTime),
    Column("last_status", Integer),
    Column("last_error", PlainText),
    Column("last_milliseconds", Integer),
    UniqueConstraint("delivery_id"),
    Index("ix_hook_deliveries_hook_id_number", "hook_id", "number"),
    Index("ix_hook_deliveries_state_next_try_at", "state", "next_try_at"),
)
"""`next_try_at` only of what is pending."""
