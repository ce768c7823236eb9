"""New customers as the rows they come to, made where a file is read, so that whoever writes only writes.

Law: the rows are those of `customer_import` for the same customer; what is not plain text is left to it.
"""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection

from callcenter.domain.customers import Customer
from callcenter.domain.ids import CustomerId
from callcenter.store import crm_tables, tables
from callcenter.store.changes import differences
from callcenter.store.customers import FIELDS
from callcenter.store.encoding import encode_json
from callcenter.store.late_terms import owe_terms
from callcenter.store.many_rows import put_rows

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


def put_new(connection: Connection, some: Sequence[Ready], *, at: datetime, by: str) -> None:
    """Add these customers, with their contact points and the history of their beginning; their terms come later."""
    if not some:
        return
    moment = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if connection.dialect.name != "sqlite":
        moment += "+00"
    put_rows(
        connection,
        tables.customers,
        CUSTOMER_COLUMNS,
        [
            (
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
            for one in some
        ],
    )
    put_rows(
        connection,
        tables.contact_points,
        POINT_COLUMNS,
        [(one.customer_id, at, *point) for one in some for at, point in enumerate(one.points)],
    )
    put_rows(
        connection,
        crm_tables.customer_changes,
        HISTORY_COLUMNS,
        [(one.customer_id, moment, by, "customer", one.customer_id, "created", one.history) for one in some],
    )
    # Ids in the order of time stand together, and in the same order for the program and both databases.
    ids = [one.customer_id for one in some]
    owe_terms(connection, first=min(ids), last=max(ids), customers=len(ids))


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
