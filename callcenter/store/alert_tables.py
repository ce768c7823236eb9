"""The tables of alerts and reminders: the rules, every alert there was, and what owners are to be told."""

from sqlalchemy import Boolean, Column, Double, Index, Integer, Table, text

from callcenter.store.columns import PlainText, RawJson, UtcDateTime
from callcenter.store.tables import BigId, metadata

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("alert_id", PlainText, primary_key=True),
    Column("rules", RawJson, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("number", BigId, primary_key=True),
    Column("alert_id", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
    Column("subject_kind", PlainText, nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("subject_label_zh", PlainText, nullable=False),
    Column("subject_label_en", PlainText, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("value", Double),
    Column("on_board", Boolean, nullable=False),
    Column("to_hooks", Boolean, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", PlainText),
    Column("cleared_at", UtcDateTime),
    Column("gone", Boolean, nullable=False),
)
_OPEN = text("cleared_at IS NULL")
Index(
    "uq_alerts_open",
    alerts.c.alert_id,
    alerts.c.subject_kind,
    alerts.c.subject,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
"""What is raised is not raised again before it is cleared."""
Index("ix_alerts_cleared_at", alerts.c.cleared_at)

reminders = Table(
    "reminders",
    metadata,
    Column("number", BigId, primary_key=True),
    Column("agent_id", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("case_id", PlainText),
    Column("task_id", PlainText),
    Column("dismissed_at", UtcDateTime),
    Column("passed_to", PlainText),
    Column("missed_at", UtcDateTime),
    Index("ix_reminders_agent_id_dismissed_at", "agent_id", "dismissed_at"),
)
"""Whom and what it is about is read from the case or task, so that nothing of a customer is kept twice.

`passed_to` and `missed_at` are those of the moment: the case may have another owner and another time since.
"""
