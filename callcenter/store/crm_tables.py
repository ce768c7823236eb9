"""The tables about customers that no call waits for: notes, tasks, memberships, history, search, merges, lists.

Tables that a caller waits for are in tables.py; all are in the one `metadata`.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, text

from callcenter.store.columns import ByteText, Json, PlainText, RawJson, Seconds, UtcDateTime
from callcenter.store.tables import BigId, metadata


def _of_customer(*, index: bool = False) -> Column[str]:
    return Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False, index=index)


customer_terms = Table(
    "customer_terms",
    metadata,
    Column("term", ByteText, primary_key=True),
    Column("customer_id", PlainText, primary_key=True),
    sqlite_with_rowid=False,
)
"""What customers are found by (crm/names.py). Without a foreign key: it would need an index as large as the table."""

terms_due = Table(
    "terms_due",
    metadata,
    Column("due_id", BigId, primary_key=True),
    Column("first_id", PlainText, nullable=False),
    Column("last_id", PlainText, nullable=False),
    Column("customers", Integer, nullable=False),
)
"""Whose terms are still to be written (late_terms.py): all whose ids stand between these two, and so many they are."""

memberships = Table(
    "memberships",
    metadata,
    Column("membership_id", PlainText, primary_key=True),
    Column("organisation_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("member_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", PlainText, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)
"""A merge may leave the same pair twice, or someone as his own member: readers pass over that, and undoing needs it."""

customer_notes = Table(
    "customer_notes",
    metadata,
    Column("note_id", PlainText, primary_key=True),
    _of_customer(),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("text", PlainText, nullable=False),
    Column("interaction_id", PlainText),
    Column("case_id", ForeignKey("cases.case_id", ondelete="SET NULL"), index=True),
    Index("ix_customer_notes_customer_id_at", "customer_id", "at"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("task_id", PlainText, primary_key=True),
    _of_customer(),
    Column("case_id", ForeignKey("cases.case_id", ondelete="SET NULL"), index=True),
    Column("interaction_id", PlainText),
    Column("kind", PlainText, nullable=False),
    Column("text", PlainText, nullable=False),
    Column("owner_id", PlainText),
    Column("due_at", UtcDateTime, nullable=False),
    Column("remind_at", UtcDateTime),
    Column("reminded_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", PlainText, nullable=False),
    Column("done_at", UtcDateTime),
    Column("done_by", PlainText),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Index("ix_tasks_customer_id_created_at", "customer_id", "created_at"),
)
Index(
    "ix_tasks_owner_id_due_at",
    tasks.c.owner_id,
    tasks.c.due_at,
    sqlite_where=tasks.c.done_at.is_(None),
    postgresql_where=tasks.c.done_at.is_(None),
)
Index(
    "ix_tasks_due_at_task_id",
    tasks.c.due_at,
    tasks.c.task_id,
    sqlite_where=tasks.c.done_at.is_(None),
    postgresql_where=tasks.c.done_at.is_(None),
)
Index(
    "ix_tasks_done_at_task_id",
    tasks.c.done_at,
    tasks.c.task_id,
    sqlite_where=tasks.c.done_at.is_not(None),
    postgresql_where=tasks.c.done_at.is_not(None),
)
_TO_REMIND = text("done_at IS NULL AND reminded_at IS NULL AND remind_at IS NOT NULL")
Index("ix_tasks_to_remind", tasks.c.remind_at, sqlite_where=_TO_REMIND, postgresql_where=_TO_REMIND)

case_interactions = Table(
    "case_interactions",
    metadata,
    Column("case_id", ForeignKey("cases.case_id", ondelete="CASCADE"), primary_key=True),
    Column("interaction_id", PlainText, primary_key=True, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
)

customer_changes = Table(
    "customer_changes",
    metadata,
    Column("change_id", BigId, primary_key=True),
    _of_customer(),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("entity", PlainText, nullable=False),
    Column("entity_id", PlainText, nullable=False),
    Column("action", PlainText, nullable=False),
    Column("fields", RawJson, nullable=False),
    Index("ix_customer_changes_customer_id_at", "customer_id", "at"),
    sqlite_autoincrement=True,
)
"""Who changed what of a customer, his cases and tasks, with the values before and after; rows are only ever added."""

customer_merges = Table(
    "customer_merges",
    metadata,
    Column("merge_id", PlainText, primary_key=True),
    Column("number", BigId, nullable=False, unique=True),
    Column("survivor_id", PlainText, nullable=False, index=True),
    Column("merged_id", PlainText, nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("undone_at", UtcDateTime),
    Column("undone_by", PlainText),
    Column("images", RawJson, nullable=False),
)
"""`number` counts merges in their order; `images` are both customers before, and as one (merge_images.py)."""

merge_moves = Table(
    "merge_moves",
    metadata,
    Column("merge_id", ForeignKey("customer_merges.merge_id", ondelete="CASCADE"), primary_key=True),
    Column("kind", PlainText, primary_key=True),
    Column("reference", PlainText, primary_key=True),
)
"""Which rows a merge gave to the survivor, one by one, so that undoing gives back just these."""

told_apart = Table(
    "told_apart",
    metadata,
    Column("mark_id", PlainText, primary_key=True),
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("other_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
)
"""Pairs that are two and no duplicates, in either order; merges may leave a pair twice, and undoing needs both."""

custom_fields = Table(
    "custom_fields",
    metadata,
    Column("field_id", PlainText, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("choices", Json(tuple[str, ...]), nullable=False),
    Column("retired", Boolean, nullable=False),
)

case_codes = Table(
    "case_codes",
    metadata,
    Column("list", PlainText, primary_key=True),
    Column("code", PlainText, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
    Column("retired", Boolean, nullable=False),
)
"""Reasons of complaints and their remedies; what cases name is never taken away, only retired."""

service_targets = Table(
    "service_targets",
    metadata,
    Column("kind", PlainText, primary_key=True),
    Column("priority", PlainText, primary_key=True),
    Column("due_within_seconds", Seconds, nullable=False),
    Column("escalate_to", PlainText),
)
