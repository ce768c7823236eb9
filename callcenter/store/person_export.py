"""Reads everything the store holds of one person, table by table, as JSON documents.

Law: the tables are those of `person.HOLDINGS`; what an erasure would touch, an export shows.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Table, or_, select
from sqlalchemy.engine import RowMapping

from callcenter.app.erasure import FoundPerson
from callcenter.domain.ids import CustomerId
from callcenter.store import tables
from callcenter.store.database import Database
from callcenter.store.encoding import encode_json
from callcenter.store.erasures import LOOK_WITHIN
from callcenter.store.person import HOLDINGS, Holding, Of, Person, find_person, parts

DERIVED = frozenset({"customer_terms"})
"""Made of the rest, for searching."""


class StoredPeople:
    """Implements `callcenter.app.person_export.People`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, customer_id: CustomerId) -> FoundPerson:
        """The person; `NotFound`."""
        return await self._database.look(lambda connection: find_person(connection, customer_id), LOOK_WITHIN)

    async def documents(self, customer_id: CustomerId) -> AsyncIterator[tuple[str, int, bytes]]:
        """Of each table that has rows of his: its name, how many, and they as JSON."""
        person = await self._database.look(lambda connection: find_person(connection, customer_id), LOOK_WITHIN)
        by_table: dict[str, list[Holding]] = {}
        for holding in HOLDINGS:
            if holding.table.name not in DERIVED:
                by_table.setdefault(holding.table.name, []).append(holding)
        for name, holdings in by_table.items():
            found = await self._database.look(lambda one, of=holdings: _rows(one, of, person), LOOK_WITHIN)  # type: ignore[misc]
            if found:
                yield name, len(found), encode_json(found)
        told = await self._database.look(lambda connection: _audit(connection, person), LOOK_WITHIN)
        if told:
            yield tables.audit.name, len(told), encode_json(told)


def _rows(connection: Connection, holdings: Sequence[Holding], person: Person) -> list[Mapping[str, object]]:
    """His rows of one table, each once, in the order of its key."""
    table, hidden = holdings[0].table, holdings[0].hidden
    found: dict[tuple[object, ...], Mapping[str, object]] = {}
    keys = [column.name for column in table.primary_key.columns]
    for holding in holdings:
        for part in parts(person.ids[holding.of]):
            query = select(table).where(table.c[holding.column].in_(part)).order_by(*table.primary_key.columns)
            for row in connection.execute(query).mappings().all():
                found.setdefault(tuple(row[key] for key in keys), _shown(row, table, hidden))
    return list(found.values())


def _audit(connection: Connection, person: Person) -> list[Mapping[str, object]]:
    """Lines of the audit log about him, his matters and his contacts."""
    table = tables.audit
    found: list[Mapping[str, object]] = []
    for of in (Of.CUSTOMER, Of.CASE, Of.TASK, Of.ORDER, Of.INTERACTION):
        for part in parts(person.ids[of]):
            query = select(table).where(or_(table.c.subject.in_(part))).order_by(table.c.audit_id)
            found += [_shown(row, table, frozenset()) for row in connection.execute(query).mappings().all()]
    return found


def _shown(row: RowMapping, table: Table, hidden: frozenset[str]) -> Mapping[str, object]:
    """A row without its hidden columns; what is JSON already stays as it is."""
    shown: dict[str, object] = {}
    for column in table.columns:
        value = row[column.name]
        if column.name not in hidden:
            shown[column.name] = msgspec.Raw(value) if isinstance(value, bytes) else value
    return shown
