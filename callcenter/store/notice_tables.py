"""The tables of supervisors' notices: what was sent, and on whose desk it lies or lay."""

from sqlalchemy import Column, ForeignKey, Index, Table

from callcenter.store.columns import PlainText, UtcDateTime
from callcenter.store.tables import metadata

notices = Table(
    "notices",
    metadata,
    Column("notice_id", PlainText, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("by", PlainText, nullable=False),
    Column("by_name", PlainText, nullable=False),
    Column("text", PlainText, nullable=False),
    Column("to", PlainText, nullable=False),
    Column("to_id", PlainText, nullable=False),
)

notice_receipts = Table(
    "notice_receipts",
    metadata,
    Column("notice_id", ForeignKey("notices.notice_id", ondelete="CASCADE"), primary_key=True),
    Column("agent_id", PlainText, primary_key=True),
    Column("read_at", UtcDateTime),
)
"""An agent may be gone from the business: what he has read stays told."""

Index(
    "ix_notice_receipts_unread",
    notice_receipts.c.agent_id,
    sqlite_where=notice_receipts.c.read_at.is_(None),
    postgresql_where=notice_receipts.c.read_at.is_(None),
)
