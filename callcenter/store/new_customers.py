"""New customers as the rows they come to, made where a file is read, so that whoever writes only writes.

Law: the rows are those of `customer_import` for the same customer; what is not plain text is left to it.
"""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from sqlalchemy import Connection

from callcenter.domain.customers import Customer
from callcenter.domain.ids import CustomerId
from callcenter.store import crm_tables, tables
from callcenter.store.changes import differences
from callcenter.store.customers import FIELDS
from callcenter.store.encoding import encode_json
from callcenter.store.late_terms import owe_terms
from callcenter.store.many_rows import Row, copy_line, copy_lines, put_rows

CUSTOMER_COLUMNS = (
    "customer_id",
    "kind",
    "name",
    "language",
    "segment",
    "account_manager_id",
    "tags",
    "notes",
    "created_at",
    "updated_at",
    "consents",
    "custom",
)
POINT_COLUMNS = ("customer_id", "position", "kind", "value", "label")
HISTORY_COLUMNS = ("customer_id", "at", "by", "entity", "entity_id", "action", "fields")


class Ready(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The rows of one new customer; documents as texts."""

    customer_id: str
    kind: str
    name: str
    language: str | None
    segment: str | None
    account_manager_id: str | None
    tags: str
    notes: str
    consents: str | None
    custom: str | None
    points: tuple[tuple[str, str, str], ...]
    """Kind, value and label of each."""
    history: str
    """What is noted of his beginning."""


class Lines(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The same as lines of PostgreSQL's COPY: of the customer, of his contact points, of his history."""

    customer_id: str
    customer: bytes
    points: bytes
    history: bytes


def ready(one: Customer) -> Ready | None:
    """The rows of a new customer; None where a text has letters that no database takes."""
    points = tuple((point.kind.value, point.value, point.label) for point in one.contact_points)
    said = "".join([one.name, one.notes, *one.tags, *(part for point in points for part in point)])
    if "\x00" in said or not _is_text(said):
        return None
    return Ready(
        one.customer_id,
        one.kind.value,
        one.name,
        one.language,
        one.segment,
        one.account_manager_id,
        _document(one.tags),
        one.notes,
        _document(one.consents) if one.consents else None,
        _document(dict(one.custom)) if one.custom else None,
        points,
        _document(differences(None, one, FIELDS)),
    )


def lines_of(one: Ready, *, at: datetime, by: str) -> Lines:
    """Everything that is stored of him, as PostgreSQL reads it."""
    moment = _moment(at) + "+00"
    return Lines(
        one.customer_id,
        copy_line(_customer_row(one, moment)).encode(),
        "".join([copy_line(row) for row in _point_rows(one)]).encode(),
        copy_line(_history_row(one, moment, by)).encode(),
    )


def put_new(connection: Connection, some: Sequence[Ready | Lines], *, at: datetime, by: str) -> None:
    """Add these customers, with their contact points and the history of their beginning; their terms come later.

    Lines are for PostgreSQL alone, which takes the others as well.
    """
    if not some:
        return
    customers, points, changes = tables.customers, tables.contact_points, crm_tables.customer_changes
    if connection.dialect.name == "sqlite":
        rows, moment = [one for one in some if isinstance(one, Ready)], _moment(at)
        put_rows(connection, customers, CUSTOMER_COLUMNS, [_customer_row(one, moment) for one in rows])
        put_rows(connection, points, POINT_COLUMNS, [row for one in rows for row in _point_rows(one)])
        put_rows(connection, changes, HISTORY_COLUMNS, [_history_row(one, moment, by) for one in rows])
    else:
        lines = [one if isinstance(one, Lines) else lines_of(one, at=at, by=by) for one in some]
        copy_lines(connection, customers, CUSTOMER_COLUMNS, b"".join([one.customer for one in lines]))
        copy_lines(connection, points, POINT_COLUMNS, b"".join([one.points for one in lines]))
        copy_lines(connection, changes, HISTORY_COLUMNS, b"".join([one.history for one in lines]))
    # Ids in the order of time stand together, and in the same order for the program and both databases.
    ids = [one.customer_id for one in some]
    owe_terms(connection, first=min(ids), last=max(ids), customers=len(ids))


def _customer_row(one: Ready, moment: str) -> Row:
    return (
        one.customer_id,
        one.kind,
        one.name,
        one.language,
        one.segment,
        one.account_manager_id,
        one.tags,
        one.notes,
        moment,
        moment,
        one.consents,
        one.custom,
    )


def _point_rows(one: Ready) -> list[Row]:
    return [(one.customer_id, place, *point) for place, point in enumerate(one.points)]


def _history_row(one: Ready, moment: str, by: str) -> Row:
    return (one.customer_id, moment, by, "customer", one.customer_id, "created", one.history)


@lru_cache(1)
def _moment(at: datetime) -> str:
    """In UTC, as SQLite keeps it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def new_id() -> CustomerId:
    """In the order of time, so that rows of one import stand together in every index: a third of the time of chance."""
    return CustomerId(f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}")


def _document(value: object) -> str:
    return encode_json(value).decode()


def _is_text(said: str) -> bool:
    if said.isascii():
        return True
    try:
        said.encode()
    except UnicodeEncodeError:
        return False
    return True
