"""The tables of surveys: who was asked after which talk, and what he answered."""

from sqlalchemy import Column, Index, Integer, Table

from callcenter.store.columns import PlainText, UtcDateTime
from callcenter.store.tables import metadata

surveys = Table(
    "surveys",
    metadata,
    Column("interaction_id", PlainText, primary_key=True),
    Column("flow", PlainText, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False, index=True),
    Column("agent_id", PlainText),
    Column("queue_id", PlainText),
    Column("customer_id", PlainText),
    Column("number", PlainText),
    # A caller on the line waits for what these two answer.
    Index("ix_surveys_customer_id_asked_at", "customer_id", "asked_at"),
    Index("ix_surveys_number_asked_at", "number", "asked_at"),
)

survey_answers = Table(
    "survey_answers",
    metadata,
    Column("interaction_id", PlainText, primary_key=True),
    Column("flow", PlainText, primary_key=True),
    Column("question", PlainText, primary_key=True),
    Column("score", Integer, nullable=False),
    Column("agent_id", PlainText),
    Column("queue_id", PlainText),
    Column("customer_id", PlainText, index=True),
    Column("at", UtcDateTime, nullable=False, index=True),
)
"""Also what was answered in a menu; then nobody was asked after a talk, and `surveys` has no row."""
