"""Rows of a file that say of known customers what is known: most rows of a file that is taken in again.

Law: a row is named only where `changed_customer` would give back the very same customer; who is not named may still be.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

from sqlalchemy import Connection

from callcenter.crm.custom_fields import same_value
from callcenter.crm.import_rows import CustomerRow
from callcenter.domain.customers import Channel, ConsentState, CustomValue
from callcenter.domain.ids import CustomerId
from callcenter.store.many_rows import pairs_of, rows_of

_Kept = tuple[str, str, str | None, str | None, str | None, str, str, str | None, str | None]
"""Name, kind, language, class, account manager, tags (a document), notes, consents and own fields (documents)."""


def rows_that_say_nothing_new(
    connection: Connection, rows: Sequence[CustomerRow], known: Mapping[str, tuple[CustomerId, ...]]
) -> frozenset[int]:
    """Those of one known customer with nothing to be changed."""
    asked = {row.row: (row, known[row.key][0]) for row in rows if len(known.get(row.key, ())) == 1}
    ids = sorted({owner for _, owner in asked.values()})
    kept, points = _read(connection, ids)
    return frozenset(
        number
        for number, (row, owner) in asked.items()
        if owner in kept and _says_nothing_new(row, kept[owner], points.get(owner, ()))
    )


def _says_nothing_new(row: CustomerRow, kept: _Kept, points: Sequence[str]) -> bool:
    name, kind, language, segment, agent, tags, notes, consents, custom = kept
    return (
        (row.name is None or row.name == name)
        and (row.kind is None or row.kind.value == kind)
        and (row.language is None or row.language == language)
        and (row.segment is None or row.segment == segment)
        and (row.account_manager_id is None or row.account_manager_id == agent)
        and (row.notes is None or row.notes == notes)
        and all(point.value in points for point in row.points)
        and (not row.tags or _tags(tags).issuperset(row.tags))
        and (not row.consents or _are_known(row.consents, _consents(consents)))
        and (not row.custom or _are_held(row.custom, _custom(custom)))
    )


def _are_known(said: Mapping[Channel, ConsentState], known: Mapping[str, str]) -> bool:
    return all(known.get(channel.value) == state.value for channel, state in said.items())


def _are_held(said: Mapping[str, CustomValue], known: Mapping[str, CustomValue]) -> bool:
    return all(name in known and same_value(known[name], value) for name, value in said.items())


@lru_cache(10_000)
def _tags(document: str) -> frozenset[str]:
    return frozenset(json.loads(document))


def _consents(document: str | None) -> dict[str, str]:
    return {} if document is None else {one["channel"]: one["state"] for one in json.loads(document)}


def _custom(document: str | None) -> dict[str, CustomValue]:
    found: dict[str, CustomValue] = {} if document is None else json.loads(document)
    return found


def _read(connection: Connection, ids: Sequence[str]) -> tuple[dict[str, _Kept], dict[str, list[str]]]:
    kept: dict[str, _Kept] = {}
    points: dict[str, list[str]] = {}
    if ids:
        for row in rows_of(connection, _CUSTOMERS, ids):
            kept[cast(str, row[0])] = cast(_Kept, row[1:])
        for one, value in pairs_of(connection, _POINTS, ids):
            points.setdefault(one, []).append(value)
    return kept, points


_CUSTOMERS = (
    "SELECT customer_id, name, kind, language, segment, account_manager_id, CAST(tags AS TEXT), notes, "
    "CAST(consents AS TEXT), CAST(custom AS TEXT) FROM customers WHERE merged_into IS NULL AND customer_id IN {listed}"
)
_POINTS = "SELECT customer_id, value FROM contact_points WHERE customer_id IN {listed}"
