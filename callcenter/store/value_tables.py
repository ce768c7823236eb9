"""The tables of what customers are worth: one row each, what changed when, the runs that work it out, the rules; and
segments with whom they hold."""

from sqlalchemy import Boolean, Column, Date, Double, ForeignKey, Index, Integer, Table, text

from callcenter.crm.value_rules import ValueRules
from callcenter.store.columns import Json, PlainText, RawJson, UtcDateTime
from callcenter.store.tables import BigId, metadata

customer_values = Table(
    "customer_values",
    metadata,
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("orders", Integer, nullable=False),
    Column("purchases", Integer, nullable=False),
    Column("first_on", Date, nullable=False),
    Column("last_on", Date, nullable=False),
    Column("spent", Double, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("recency_score", Integer),
    Column("frequency_score", Integer),
    Column("monetary_score", Integer),
    Column("value_class", PlainText),
    Column("p_alive", Double),
    Column("lifetime_value", Double),
    Column("stage", PlainText, nullable=False),
    Column("why", PlainText, nullable=False),
    Column("interval_days", Double, nullable=False),
    Column("lost_on", Date),
    Column("look_again_on", Date),
    Index("ix_customer_values_stage", "stage"),
    Index("ix_customer_values_value_class", "value_class"),
    Index("ix_customer_values_first_on", "first_on"),
    Index("ix_customer_values_look_again_on", "look_again_on"),
)
"""Of everybody who has bought. `purchases` are days with one; `look_again_on`: when time alone changes something."""

value_changes = Table(
    "value_changes",
    metadata,
    Column("change_id", BigId, primary_key=True),
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("on", Date, nullable=False),
    Column("was_stage", PlainText),
    Column("stage", PlainText, nullable=False),
    Column("was_class", PlainText),
    Column("value_class", PlainText),
    Column("step", Integer, nullable=False),
    Index("ix_value_changes_on_step", "on", "step"),
    sqlite_autoincrement=True,
)
"""Each change of stage or class; `step` is 1 for who becomes a customer, -1 for who is none any more, else 0."""

kept_figures = Table(
    "kept_figures",
    metadata,
    Column("key", PlainText, primary_key=True),
    Column("counted_at", UtcDateTime, nullable=False, index=True),
    Column("took_seconds", Double, nullable=False),
    Column("basis", PlainText, nullable=False),
    Column("figures", RawJson, nullable=False),
)
"""Management's figures as they were counted last; `key` says which of which days, `basis` by which rules and run."""

value_runs = Table(
    "value_runs",
    metadata,
    Column("run_id", PlainText, primary_key=True),
    Column("number", BigId, nullable=False, unique=True),
    Column("kind", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("as_of", Date),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("asked_by", PlainText, nullable=False),
    Column("started_at", UtcDateTime),
    Column("beat_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("cancelled_by", PlainText),
    Column("error", PlainText),
    Column("owner", PlainText),
    Column("step", PlainText, nullable=False),
    Column("part", Double, nullable=False, server_default=text("0")),
    Column("customers", Integer, nullable=False, server_default=text("0")),
    Column("changed", Integer, nullable=False, server_default=text("0")),
    Column("done_to", PlainText),
    Column("learnt", RawJson),
    Column("picture", RawJson),
)
"""`beat_at` is the sign of life of whoever does it, `owner`; `done_to` is the last customer whose row is written."""
_RUNNING = text("state = 'running'")
Index(
    "uq_value_runs_running",
    value_runs.c.state,
    unique=True,
    sqlite_where=_RUNNING,
    postgresql_where=_RUNNING,
)

value_rules = Table(
    "value_rules",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("rules", Json(ValueRules), nullable=False),
)
"""Each state of the rules; rows are only ever added, and the highest version counts."""

segments = Table(
    "segments",
    metadata,
    Column("segment_id", PlainText, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("label", PlainText, nullable=False),
    Column("condition", PlainText, nullable=False),
    Column("removed", Boolean, nullable=False),
)
"""Each state of each segment; rows are only ever added, and the highest version counts."""

segment_members = Table(
    "segment_members",
    metadata,
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), primary_key=True),
    Column("segment_id", PlainText, primary_key=True),
    Index("ix_segment_members_segment_id_customer_id", "segment_id", "customer_id"),
    sqlite_with_rowid=False,
)
"""Who is in the segments that queues name, worked out in the background, so that a call only looks it up."""

segment_refreshes = Table(
    "segment_refreshes",
    metadata,
    Column("segment_id", PlainText, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("members", Integer, nullable=False),
)
"""When `segment_members` was last worked out, and by which version."""
