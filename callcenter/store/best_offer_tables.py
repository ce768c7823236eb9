"""The table of what customers answered to next best offers."""

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from callcenter.store.columns import PlainText, UtcDateTime
from callcenter.store.tables import metadata

best_offer_answers = Table(
    "best_offer_answers",
    metadata,
    Column("answer_id", PlainText, primary_key=True),
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False),
    Column("best_offer_id", PlainText, nullable=False),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
    Column("interaction_id", PlainText, nullable=False),
    Column("answer", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("by", PlainText, nullable=False),
    Column("agent_id", PlainText),
    UniqueConstraint("interaction_id", "best_offer_id"),
    Index("ix_best_offer_answers_customer_id_at", "customer_id", "at"),
)
"""One a talk and offer; the label is the offer's at that time, for offers come and go."""
