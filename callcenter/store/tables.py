"""The tables.

What the routing writes has no foreign key into what the business configures: a call's record outlives the queue, the
agent and the customer it names, and nothing the business deletes can stop the journal.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    false,
    text,
)

from callcenter.domain.callbacks import Callback
from callcenter.domain.customers import Consent, CustomValue
from callcenter.domain.interactions import Forecast, Given, Hold, MenuStep, Placement
from callcenter.domain.offers import OfferReason
from callcenter.domain.transfers import Handling
from callcenter.store.columns import Json, PlainText, RawJson, Seconds, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows only in a column that says INTEGER."""

# ---- customers

customers = Table(
    "customers",
    metadata,
    Column("customer_id", PlainText, primary_key=True),
    Column("kind", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("language", PlainText),
    Column("segment", PlainText),
    Column("account_manager_id", PlainText),
    Column("tags", Json(tuple[str, ...]), nullable=False),
    Column("notes", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("consents", Json(tuple[Consent, ...])),
    Column("custom", Json(dict[str, CustomValue])),
    Column("merged_into", PlainText),
    Column("erased_at", UtcDateTime),
)
"""`merged_into`: he was found to be this other one, who is merged into nobody. NULL in `consents`, `custom` is none.
`erased_at`: nothing of him is left but this empty row, to which amounts without a person refer."""
Index(
    "ix_customers_merged_into",
    customers.c.merged_into,
    sqlite_where=customers.c.merged_into.is_not(None),
    postgresql_where=customers.c.merged_into.is_not(None),
)

contact_points = Table(
    "contact_points",
    metadata,
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", PlainText, nullable=False),
    Column("value", PlainText, nullable=False),
    Column("label", PlainText, nullable=False),
    # Two customers may share a number; one customer has it once.
    UniqueConstraint("value", "customer_id"),
)

cases = Table(
    "cases",
    metadata,
    Column("case_id", PlainText, primary_key=True),
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", PlainText, nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("description", PlainText, nullable=False, server_default=text("''")),
    Column("priority", PlainText, nullable=False, server_default=text("'normal'")),
    Column("owner_id", PlainText),
    Column("opened_by", PlainText, nullable=False, server_default=text("''")),
    Column("due_at", UtcDateTime),
    Column("escalated_at", UtcDateTime),
    Column("escalations", Integer, nullable=False, server_default=text("0")),
    Column("resolved_at", UtcDateTime),
    Column("reopened", Integer, nullable=False, server_default=text("0")),
    Column("reason", PlainText),
    Column("remedy", PlainText),
    Column("outcome", PlainText),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Index("ix_cases_opened_at_case_id", "opened_at", "case_id"),
)
_UNSETTLED = text("resolved_at IS NULL AND closed_at IS NULL")
Index(
    "ix_cases_owner_id_due_at",
    cases.c.owner_id,
    cases.c.due_at,
    sqlite_where=_UNSETTLED,
    postgresql_where=_UNSETTLED,
)
Index(
    "ix_cases_to_escalate",
    cases.c.due_at,
    sqlite_where=text("resolved_at IS NULL AND closed_at IS NULL AND escalated_at IS NULL AND due_at IS NOT NULL"),
    postgresql_where=text("resolved_at IS NULL AND closed_at IS NULL AND escalated_at IS NULL AND due_at IS NOT NULL"),
)

# ---- interactions and the journal

interactions = Table(
    "interactions",
    metadata,
    Column("interaction_id", PlainText, primary_key=True),
    Column("media_type", PlainText, nullable=False),
    Column("direction", PlainText, nullable=False, server_default=text("'inbound'")),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("stage", PlainText, nullable=False),
    Column("outcome", PlainText),
    Column("ani_raw", PlainText, nullable=False),
    Column("ani_e164", PlainText, index=True),
    Column("ani_national", PlainText),
    Column("ani_region", PlainText),
    Column("ani_withheld", Boolean, nullable=False),
    Column("dnis", PlainText, nullable=False),
    Column("caller_name", PlainText, nullable=False),
    Column("trunk", PlainText, nullable=False),
    Column("flow", PlainText),
    Column("flow_version", PlainText),
    Column("node", PlainText),
    Column("menu_path", Json(tuple[MenuStep, ...]), nullable=False),
    Column("given", Json(Given)),
    Column("language", PlainText, nullable=False),
    Column("queue_id", PlainText),
    Column("priority", Integer, nullable=False),
    Column("placement", Json(Placement)),
    Column("forecast", Json(Forecast)),
    Column("callback", Json(Callback)),
    Column("callback_id", PlainText),
    Column("hold", Json(Hold)),
    Column("handling", Json(Handling)),
    Column("agent_id", PlainText),
    Column("customer_ids", Json(tuple[str, ...]), nullable=False),
    Column("customer_id", PlainText),
    Column("answered_at", UtcDateTime),
    Column("queued_at", UtcDateTime),
    Column("offered_at", UtcDateTime),
    Column("connected_at", UtcDateTime),
    Column("talk_ended_at", UtcDateTime),
    Column("hangup_side", PlainText),
    Column("hangup_cause", Integer),
    Column("disposition", PlainText),
    Column("notes", PlainText, nullable=False),
    Index("ix_interactions_started_at_interaction_id", "started_at", "interaction_id"),
    Index("ix_interactions_ended_at_interaction_id", "ended_at", "interaction_id"),
    Index("ix_interactions_customer_id_started_at", "customer_id", "started_at"),
    Index("ix_interactions_agent_id_started_at", "agent_id", "started_at"),
)
Index(
    "ix_interactions_open",
    interactions.c.interaction_id,
    sqlite_where=interactions.c.ended_at.is_(None),
    postgresql_where=interactions.c.ended_at.is_(None),
)
Index(
    "ix_interactions_open_callbacks",
    interactions.c.started_at,
    sqlite_where=text("ended_at IS NULL AND callback IS NOT NULL"),
    postgresql_where=text("ended_at IS NULL AND callback IS NOT NULL"),
)

legs = Table(
    "legs",
    metadata,
    Column("interaction_id", ForeignKey("interactions.interaction_id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("leg_id", PlainText, nullable=False, index=True),
    Column("role", PlainText, nullable=False),
    Column("channel", PlainText, nullable=False),
    Column("agent_id", PlainText),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("cause", Integer),
)

offers = Table(
    "offers",
    metadata,
    Column("interaction_id", ForeignKey("interactions.interaction_id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("offer_id", PlainText, nullable=False, index=True),
    Column("agent_id", PlainText, nullable=False),
    Column("queue_id", PlainText, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("reason", Json(OfferReason), nullable=False),
    Column("ended_at", UtcDateTime),
    Column("outcome", PlainText),
    Column("cause", PlainText),
    Index("ix_offers_agent_id_made_at", "agent_id", "made_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("message_id", PlainText, primary_key=True),
    Column(
        "interaction_id",
        ForeignKey("interactions.interaction_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("queue_id", PlainText, nullable=False),
    Column("file", PlainText, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("left_at", UtcDateTime, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("taken_by", PlainText),
    Column("taken_at", UtcDateTime),
    Column("done_by", PlainText),
    Column("done_at", UtcDateTime),
    Column("disposition", PlainText),
    Column("notes", PlainText, nullable=False),
    Index("ix_messages_left_at_message_id", "left_at", "message_id"),
)
"""Who left it, his number, language and customer stand in `interactions`, so that a merge of customers reaches them."""
Index(
    "ix_messages_undone",
    messages.c.queue_id,
    messages.c.left_at,
    sqlite_where=text("state <> 'done'"),
    postgresql_where=text("state <> 'done'"),
)

events = Table(
    "events",
    metadata,
    Column("event_id", BigId, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("name", PlainText, nullable=False),
    Column("interaction_id", PlainText, index=True),
    Column("agent_id", PlainText, index=True),
    Column("queue_id", PlainText),
    Column("data", RawJson, nullable=False),
    sqlite_autoincrement=True,
)
"""`queue_id` only of what befalls a queue itself; most events name a queue and are about a call."""
Index(
    "ix_events_queue_id",
    events.c.queue_id,
    sqlite_where=events.c.queue_id.is_not(None),
    postgresql_where=events.c.queue_id.is_not(None),
)

journal_writers = Table(
    "journal_writers",
    metadata,
    Column("writer_id", PlainText, primary_key=True),
    Column("last_batch", BigInteger, nullable=False),
)
"""The number of the last batch each run of the server has stored: what makes a repeated batch harmless."""

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("value", PlainText, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("value", PlainText, nullable=False),
)

# ---- what the business sets

skills = Table(
    "skills",
    metadata,
    Column("skill_id", PlainText, primary_key=True),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
)

hours = Table(
    "hours",
    metadata,
    Column("hours_id", PlainText, primary_key=True),
    Column("rules", RawJson, nullable=False),
)

queues = Table(
    "queues",
    metadata,
    Column("queue_id", PlainText, primary_key=True),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
    Column("ring_timeout_seconds", Seconds, nullable=False),
    Column("wrap_up_seconds", Seconds, nullable=False),
    Column("service_level_threshold_seconds", Seconds, nullable=False),
    Column("expected_handle_time_seconds", Seconds, nullable=False),
    Column("announce_first_after_seconds", Seconds, nullable=False),
    Column("announce_interval_seconds", Seconds, nullable=False),
    Column("music_class", PlainText, nullable=False),
    Column("hours_id", ForeignKey("hours.hours_id")),
    Column("rules", RawJson),
)
"""`rules`: what has no column of its own (rule_documents.py); NULL is as usual."""

queue_closings = Table(
    "queue_closings",
    metadata,
    Column("queue_id", ForeignKey("queues.queue_id", ondelete="CASCADE"), primary_key=True),
    Column("closed_by", PlainText, nullable=False),
    Column("closed_at", UtcDateTime, nullable=False),
)
"""Queues that a supervisor has closed in an emergency; no part of what the business sets."""

queue_skills = Table(
    "queue_skills",
    metadata,
    Column("queue_id", ForeignKey("queues.queue_id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("skill_id", ForeignKey("skills.skill_id"), nullable=False),
    Column("minimum_level", Integer, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("agent_id", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("phone_kind", PlainText, nullable=False),
    Column("phone_address", PlainText),
    Column("phone_secret", PlainText),
    Column("rules", RawJson),
    # What the journal keeps of the agent's work; no state until he has signed in once.
    Column("state", PlainText),
    Column("reason", PlainText),
    Column("since", UtcDateTime),
    Column("ready_since", UtcDateTime),
    Column("wrap_up_until", UtcDateTime),
    Column("after_call", PlainText),
    Column("after_call_reason", PlainText),
    Column("interaction_id", PlainText),
    Column("offer_id", PlainText),
    Column("queue_id", PlainText),
    Column("misses", Integer, nullable=False, server_default=text("0")),
)

agent_skills = Table(
    "agent_skills",
    metadata,
    Column("agent_id", ForeignKey("agents.agent_id", ondelete="CASCADE"), primary_key=True),
    Column("skill_id", ForeignKey("skills.skill_id"), primary_key=True),
    Column("level", Integer, nullable=False),
)

numbers = Table(
    "numbers",
    metadata,
    Column("dnis", PlainText, primary_key=True),
    Column("flow", PlainText, nullable=False),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
)

reasons = Table(
    "reasons",
    metadata,
    Column("code", PlainText, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
    Column("limit_seconds", Seconds),
    Column("warn_before_seconds", Seconds, nullable=False, server_default=text("60")),
)

dispositions = Table(
    "dispositions",
    metadata,
    Column("code", PlainText, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
)

configuration_versions = Table(
    "configuration_versions",
    metadata,
    Column("version", BigId, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("text", PlainText, nullable=False),
    Column("note", PlainText, nullable=False, server_default=text("''")),
    Column("changes", PlainText),
    sqlite_autoincrement=True,
)
"""Each state of what the business sets, whole, as YAML, and what is not as before; rows are only ever added."""

flow_publications = Table(
    "flow_publications",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("note", PlainText, nullable=False),
    Column("text", PlainText, nullable=False),
    Column("retracted", Boolean, nullable=False),
)
"""Texts of flows that take the place of files, and when that was taken back; rows are only ever added."""

# ---- who signs in

users = Table(
    "users",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False, unique=True),
    Column("display_name", PlainText, nullable=False),
    Column("role", PlainText, nullable=False),
    Column("agent_id", ForeignKey("agents.agent_id", ondelete="SET NULL")),
    Column("language", PlainText, nullable=False),
    Column("password_hash", PlainText, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=false()),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", PlainText, primary_key=True),
    Column("user_id", ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigId, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("by", PlainText, nullable=False),
    Column("action", PlainText, nullable=False),
    Column("subject", PlainText, nullable=False, index=True),
    Column("detail", PlainText, nullable=False),
    Index(None, "action", "audit_id"),
    Index(None, "by", "audit_id"),
    sqlite_autoincrement=True,
)
