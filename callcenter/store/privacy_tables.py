"""The tables of privacy: who looked at whom, and the erasures that were asked for, with how far each is.

Law: none of them holds a name, a number or a text of a customer, but for what somebody searched for whose finds were
taken out as a list (`accesses.detail`); an erasure blanks that.
"""

from sqlalchemy import Boolean, Column, Index, Integer, Table

from callcenter.store.columns import Json, PlainText, RawJson, UtcDateTime
from callcenter.store.tables import BigId, metadata

accesses = Table(
    "accesses",
    metadata,
    Column("access_id", BigId, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("by", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("customer_id", PlainText),
    Column("interaction_id", PlainText),
    Column("detail", PlainText, nullable=False),
    Index("ix_accesses_customer_id_access_id", "customer_id", "access_id"),
    sqlite_autoincrement=True,
)
"""`customer_id` as it was asked for; of an export of a list it is NULL."""

erasures = Table(
    "erasures",
    metadata,
    Column("erasure_id", PlainText, primary_key=True),
    Column("number", BigId, nullable=False, unique=True),
    Column("customer_id", PlainText, nullable=False, index=True),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("asked_by", PlainText, nullable=False),
    Column("open_cases_too", Boolean, nullable=False),
    Column("state", PlainText, nullable=False, index=True),
    Column("step", PlainText, nullable=False),
    Column("counts", Json(dict[str, int]), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("error", PlainText),
    Column("ended_at", UtcDateTime),
)
"""`number` counts them in their order; `counts`: how many rows of which table, and how many files, were concerned."""

house_rules = Table(
    "house_rules",
    metadata,
    Column("part", PlainText, primary_key=True),
    Column("item", PlainText, primary_key=True),
    Column("rules", RawJson, nullable=False),
)
"""Roles, retention and connectors as the business sets them."""
