"""Rows of a file that say of known customers what is known: most rows of a file that is taken in again.

Law: a row is named only where `changed_customer` would give back the very same customer; who is not named may still be.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from sqlalchemy import BindParameter, Connection, Text, bindparam, cast, select

from callcenter.crm.import_rows import CustomerRow
from callcenter.domain.ids import CustomerId
from callcenter.store import tables

IDS_A_QUERY = 1_000
_Kept = tuple[str, str, str | None, str | None, str | None, str, str]
"""Name, kind, language, class, account manager, tags (a document), notes."""


def rows_that_say_nothing_new(
    connection: Connection, rows: Sequence[CustomerRow], known: Mapping[str, tuple[CustomerId, ...]]
) -> frozenset[int]:
    """Those of one known customer with nothing to be changed; rows with consents or own fields are left out."""
    asked = {
        row.row: (row, known[row.key][0])
        for row in rows
        if len(known.get(row.key, ())) == 1 and not row.consents and not row.custom
    }
    ids = sorted({owner for _, owner in asked.values()})
    kept, points = _read(connection, ids)
    return frozenset(
        number
        for number, (row, owner) in asked.items()
        if owner in kept and _says_nothing_new(row, kept[owner], points.get(owner, ()))
    )


def _says_nothing_new(row: CustomerRow, kept: _Kept, points: Sequence[str]) -> bool:
    name, kind, language, segment, agent, tags, notes = kept
    return (
        (row.name is None or row.name == name)
        and (row.kind is None or row.kind.value == kind)
        and (row.language is None or row.language == language)
        and (row.segment is None or row.segment == segment)
        and (row.account_manager_id is None or row.account_manager_id == agent)
        and (row.notes is None or row.notes == notes)
        and all(point.value in points for point in row.points)
        and (not row.tags or _tags(tags).issuperset(row.tags))
    )


@lru_cache(10_000)
def _tags(document: str) -> frozenset[str]:
    return frozenset(json.loads(document))


def _read(connection: Connection, ids: Sequence[str]) -> tuple[dict[str, _Kept], dict[str, list[str]]]:
    kept: dict[str, _Kept] = {}
    points: dict[str, list[str]] = {}
    for part in _parts(ids):
        for one, *said in connection.execute(_CUSTOMERS, {"ids": list(part)}).all():
            kept[one] = tuple(said)
        for one, value in connection.execute(_POINTS, {"ids": list(part)}).all():
            points.setdefault(one, []).append(value)
    return kept, points


def _parts(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[at : at + IDS_A_QUERY] for at in range(0, len(values), IDS_A_QUERY))


_customers, _points = tables.customers, tables.contact_points
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_CUSTOMERS = select(
    _customers.c.customer_id,
    _customers.c.name,
    _customers.c.kind,
    _customers.c.language,
    _customers.c.segment,
    _customers.c.account_manager_id,
    cast(_customers.c.tags, Text),
    _customers.c.notes,
).where(_customers.c.customer_id.in_(_IDS), _customers.c.merged_into.is_(None))
_POINTS = select(_points.c.customer_id, _points.c.value).where(_points.c.customer_id.in_(_IDS))
