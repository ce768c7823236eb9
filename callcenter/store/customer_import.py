"""Takes rows of a file into the customer store, a batch at a time: planned on a look, written in one short transaction.

Laws: whatever is worked out is worked out before the transaction, which looks again at what it changes; a customer
comes out as if a person had written him: with history and version; search terms of new ones come later (late_terms.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from callcenter.crm.custom_fields import CustomField, InvalidCustomField, apply_custom
from callcenter.crm.import_reasons import FaultCode, RowFault, Told
from callcenter.crm.import_rows import CustomerRow, changed_customer, new_customer
from callcenter.crm.names import customer_terms
from callcenter.domain.customers import Customer, CustomValue
from callcenter.domain.ids import CustomerId
from callcenter.store import crm_tables, sales_tables, tables
from callcenter.store.changes import differences
from callcenter.store.customer_rows import read_customers, with_contact_points
from callcenter.store.customers import FIELDS
from callcenter.store.encoding import encode_json
from callcenter.store.import_tables import external_ids
from callcenter.store.known_customers import rows_that_say_nothing_new
from callcenter.store.late_terms import delete_terms, insert_terms, term_bytes
from callcenter.store.many_rows import Row, insert_many, pairs_of, plain, put_rows
from callcenter.store.new_customers import (
    CUSTOMER_COLUMNS,
    HISTORY_COLUMNS,
    POINT_COLUMNS,
    Lines,
    Ready,
    new_id,
    put_new,
)
from callcenter.store.planner import count_grown

IDS_A_QUERY = 1_000
MOST_NUMBERS = 10
Faults = list[RowFault]


class Crossed(Exception):
    """Somebody has changed what was planned on: plan again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRules:
    """What holds for all rows of one import."""

    key: str
    columns: Mapping[str, str]
    """What the file calls the fields."""
    source: str
    at: datetime
    by: str
    custom: dict[str, CustomField]
    currency: str | None = None
    """Of orders that tell none."""

    def fault(
        self, row: CustomerRow, name: str, value: str, code: FaultCode, about: dict[str, Told] | None = None
    ) -> RowFault:
        """A reason that is about a field."""
        return RowFault(row=row.row, column=self.columns.get(name, name), value=value, code=code, about=about or {})


@dataclass(slots=True)
class Plan:
    """What a batch comes to."""

    new: list[tuple[Ready | Lines, CustomerRow]] = field(default_factory=list)
    odd: list[tuple[Customer, CustomerRow]] = field(default_factory=list)
    """New ones whose texts the types of columns have to look at."""
    changed: list[tuple[Customer, Customer]] = field(default_factory=list)
    same: int = 0
    faults: Faults = field(default_factory=list)
    touched: dict[int, CustomerId] = field(default_factory=dict)
    """Whom each row is about, where he was there before."""
    numbers: list[tuple[str, CustomerId]] = field(default_factory=list)
    externals: list[tuple[str, CustomerId]] = field(default_factory=list)
    given: set[CustomerId] = field(default_factory=set)
    """Who gets a number or an id and is the same otherwise."""
    terms: list[tuple[bytes, str]] = field(default_factory=list)
    gone_terms: list[tuple[bytes, str]] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether there is anything to be written."""
        return bool(self.new or self.odd or self.changed or self.numbers or self.externals)


def plan(
    connection: Connection,
    rows: Sequence[CustomerRow],
    rules: ImportRules,
    prepared: Callable[[], Mapping[int, Ready | Lines]],
) -> Plan:
    """What these rows come to, as things are now; nothing is written.

    `prepared` gives the customers of rows as if they were new, by row.
    """
    found = Plan()
    known = known_ids(connection, rules.key, [row.key for row in rows], rules.source)
    owners = {ids[0] for ids in known.values() if len(ids) == 1}
    same = rows_that_say_nothing_new(connection, rows, known)
    customers = _customers(connection, owners - {known[row.key][0] for row in rows if row.row in same})
    numbers = _owners_of_numbers(connection, [row.customer_number for row in rows if row.customer_number is not None])
    externals = (
        dict(known)
        if rules.key == "external_id"
        else known_ids(
            connection, "external_id", [row.external_id for row in rows if row.external_id is not None], rules.source
        )
    )
    agents = _agents(connection, {row.account_manager_id for row in rows if row.account_manager_id is not None})
    his_ids = _external_of(connection, {one for ids in known.values() for one in ids}, rules.source)
    ready = prepared() if len(known) < len(rows) else {}
    taken: dict[CustomerId, int] = {}
    for row in rows:
        ids = known.get(row.key, ())
        fault = _fault_of(row, ids, rules, agents)
        owner = ids[0] if len(ids) == 1 else None
        if fault is None and owner is not None and owner in taken:
            fault = rules.fault(row, rules.key, row.key, FaultCode.CUSTOMER_TWICE, {"row": taken[owner]})
        if fault is None:
            fault = _ids_fault(row, owner, numbers, externals, his_ids, rules)
        if fault is None and owner is not None and row.row in same:
            taken[owner] = row.row
            _add_ids(found, row, owner, numbers, externals)
            found.touched[row.row] = owner
            found.same += owner not in found.given
            continue
        before = None if owner is None else customers.get(owner)
        one = ready.get(row.row)
        if fault is None and owner is None and one is not None:
            _add_ids(found, row, CustomerId(one.customer_id), numbers, externals)
            found.new.append((one, row))
            continue
        after = None
        if fault is None:
            try:
                after = _after(before, row, rules)
            except InvalidCustomField:
                fault = rules.fault(row, rules.key, row.key, FaultCode.INVALID_CUSTOM_FIELD)
        if fault is not None or after is None:
            found.faults.append(fault or rules.fault(row, rules.key, row.key, FaultCode.GONE))
            continue
        taken[after.customer_id] = row.row
        _add_ids(found, row, after.customer_id, numbers, externals)
        if before is None:
            found.odd.append((after, row))
            continue
        found.touched[row.row] = after.customer_id
        if after is not before:
            found.changed.append((before, after))
        elif after.customer_id not in found.given:
            found.same += 1
    _plan_terms(found)
    return found


def _fault_of(
    row: CustomerRow, ids: Sequence[CustomerId], rules: ImportRules, agents: frozenset[str]
) -> RowFault | None:
    if len(ids) > 1:
        return rules.fault(row, rules.key, row.key, FaultCode.SEVERAL_CUSTOMERS, {"count": len(ids)})
    if not ids and rules.key == "record_id":
        return rules.fault(row, rules.key, row.key, FaultCode.UNKNOWN_RECORD)
    if not ids and row.name is None:
        return rules.fault(row, rules.key, row.key, FaultCode.NAME_MISSING)
    if row.account_manager_id is not None and row.account_manager_id not in agents:
        return rules.fault(row, "account_manager", row.account_manager_id, FaultCode.UNKNOWN_AGENT)
    return None


def _ids_fault(
    row: CustomerRow,
    owner: CustomerId | None,
    numbers: dict[str, CustomerId],
    externals: dict[str, tuple[CustomerId, ...]],
    his_ids: dict[CustomerId, str],
    rules: ImportRules,
) -> RowFault | None:
    """A number or an id that is somebody else's."""
    if row.customer_number is not None and numbers.get(row.customer_number, owner) != owner:
        return rules.fault(row, "customer_number", row.customer_number, FaultCode.NUMBER_TAKEN)
    if row.external_id is not None:
        other = externals.get(row.external_id, ())
        if other and (owner is None or owner not in other):
            return rules.fault(row, "external_id", row.external_id, FaultCode.ID_TAKEN)
        mine = his_ids.get(owner) if owner is not None else None
        if mine is not None and mine != row.external_id and not other:
            about: dict[str, Told] = {"known": mine, "source": rules.source}
            return rules.fault(row, "external_id", row.external_id, FaultCode.OTHER_ID, about)
    return None


def _add_ids(
    found: Plan,
    row: CustomerRow,
    customer_id: CustomerId,
    numbers: dict[str, CustomerId],
    externals: dict[str, tuple[CustomerId, ...]],
) -> None:
    """Also note them as taken, so that the batch's next row sees them."""
    if row.customer_number is not None and row.customer_number not in numbers:
        found.numbers.append((row.customer_number, customer_id))
        numbers[row.customer_number] = customer_id
        found.given.add(customer_id)
    if row.external_id is not None and row.external_id not in externals:
        found.externals.append((row.external_id, customer_id))
        externals[row.external_id] = (customer_id,)
        found.given.add(customer_id)


def _after(before: Customer | None, row: CustomerRow, rules: ImportRules) -> Customer:
    if row.custom:
        kept: dict[str, CustomValue] = {} if before is None else dict(before.custom)
        applied = apply_custom(kept, row.custom, rules.custom)
        row.custom = {name: applied[name] for name in row.custom}
    if before is None:
        return new_customer(row, new_id(), at=rules.at, by=rules.by)
    return changed_customer(before, row, at=rules.at, by=rules.by)


def _plan_terms(found: Plan) -> None:
    """Terms of those who are changed, in the table's order; whoever is new is owed his."""
    for one, _ in found.odd:
        found.terms += [(term_bytes(term), one.customer_id) for term in customer_terms(one.name, one.contact_points)]
    for before, after in found.changed:
        if before.name != after.name or before.contact_points != after.contact_points:
            old = customer_terms(before.name, before.contact_points)
            new = customer_terms(after.name, after.contact_points)
            found.terms += [(term_bytes(one), after.customer_id) for one in new - old]
            found.gone_terms += [(term_bytes(one), after.customer_id) for one in old - new]
    found.terms.sort()


# ---- looking


def known_ids(
    connection: Connection, key: str, values: Sequence[str], source: str
) -> dict[str, tuple[CustomerId, ...]]:
    """Whose these are, of those who were not merged away."""
    asked = set(values)
    if not asked:
        return {}
    of = (source,) if key == "external_id" else ()
    found: dict[str, tuple[CustomerId, ...]] = {}
    for value, customer_id in pairs_of(connection, _KNOWN.get(key, _BY_CONTACT_POINT), sorted(asked), *of):
        found[value] = (*found.get(value, ()), CustomerId(customer_id))
    return found


def _parts(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[at : at + IDS_A_QUERY] for at in range(0, len(values), IDS_A_QUERY))


def _customers(connection: Connection, ids: set[CustomerId]) -> dict[CustomerId, Customer]:
    found: dict[CustomerId, Customer] = {}
    for part in _parts(sorted(ids)):
        found |= {one.customer_id: one for one in read_customers(connection, _OF_IDS, {"ids": list(part)})}
    return found


def _owners_of_numbers(connection: Connection, numbers: Sequence[str]) -> dict[str, CustomerId]:
    return {number: ids[0] for number, ids in known_ids(connection, "customer_number", numbers, "").items()}


def _external_of(connection: Connection, ids: set[CustomerId], source: str) -> dict[CustomerId, str]:
    found = pairs_of(connection, _EXTERNAL_OF, sorted(ids), source) if ids else ()
    return {CustomerId(one): external for one, external in found}


def _agents(connection: Connection, ids: set[str]) -> frozenset[str]:
    if not ids:
        return frozenset()
    query = select(tables.agents.c.agent_id).where(tables.agents.c.agent_id.in_(sorted(ids)))
    return frozenset(connection.execute(query).scalars())


# ---- writing


def write(connection: Connection, found: Plan, rules: ImportRules, *, looked: bool = False) -> None:
    """Write a plan in the connection's transaction; `Crossed` where something it is based on has changed.

    `looked`: it was planned in this very transaction, so who was new is not looked for once more.
    """
    if not looked:
        _check_new(connection, found, rules)
    _check_changed(connection, found)
    at = rules.at
    put_new(connection, [one for one, _ in found.new], at=at, by=rules.by)
    if found.odd:
        insert_many(connection, tables.customers, CUSTOMER_COLUMNS, [_new_row(one, at) for one, _ in found.odd])
        points = [row for one, _ in found.odd for row in _point_rows(one)]
        insert_many(connection, tables.contact_points, POINT_COLUMNS, points)
    if found.changed:
        connection.execute(_CHANGE, [_changed_row(after, at) for _, after in found.changed])
        moved = [after for before, after in found.changed if before.contact_points != after.contact_points]
        if moved:
            points_of = tables.contact_points
            for part in _parts(sorted(one.customer_id for one in moved)):
                connection.execute(delete(points_of).where(points_of.c.customer_id.in_(part)))
            insert_many(connection, points_of, POINT_COLUMNS, [row for one in moved for row in _point_rows(one)])
    delete_terms(connection, found.gone_terms)
    insert_terms(connection, found.terms)
    _write_ids(connection, found, rules)
    _write_history(connection, found, rules)
    count_grown(connection, _GROWING)


def _check_new(connection: Connection, found: Plan, rules: ImportRules) -> None:
    """Whoever was new is new still, whatever is given is free."""
    keys = [row.key for _, row in (*found.new, *found.odd)]
    if keys and known_ids(connection, rules.key, keys, rules.source):
        raise Crossed
    if found.numbers and known_ids(connection, "customer_number", [one for one, _ in found.numbers], ""):
        raise Crossed
    by_key = rules.key == "external_id"
    if (
        found.externals
        and not by_key
        and known_ids(connection, "external_id", [one for one, _ in found.externals], rules.source)
    ):
        raise Crossed


def _check_changed(connection: Connection, found: Plan) -> None:
    """Whoever is changed is as he was read."""
    versions = {before.customer_id: before.version for before, _ in found.changed}
    table = tables.customers
    for part in _parts(sorted(versions)):
        query = select(table.c.customer_id, table.c.version, table.c.merged_into).where(table.c.customer_id.in_(part))
        rows = connection.execute(query.order_by(table.c.customer_id).with_for_update()).all()
        if len(rows) != len(part) or any(
            row.merged_into is not None or row.version != versions[CustomerId(row.customer_id)] for row in rows
        ):
            raise Crossed


def _write_ids(connection: Connection, found: Plan, rules: ImportRules) -> None:
    if found.numbers:
        rows = [
            {
                "number_id": new_id(),
                "number": number,
                "customer_id": customer_id,
                "given_at": rules.at,
                "given_by": rules.by,
            }
            for number, customer_id in found.numbers
        ]
        connection.execute(insert(sales_tables.customer_numbers), rows)
    source = plain(rules.source)
    ids = [(source, plain(external), customer_id) for external, customer_id in found.externals]
    put_rows(connection, external_ids, ("source", "external_id", "customer_id"), ids)


def _write_history(connection: Connection, found: Plan, rules: ImportRules) -> None:
    at, by = rules.at, rules.by
    rows: list[Row] = []
    for after, _ in found.odd:
        one, said = after.customer_id, encode_json(differences(None, after, FIELDS))
        rows.append((one, at, by, "customer", one, "created", said))
    for before, after in found.changed:
        one, said = after.customer_id, encode_json(differences(before, after, FIELDS))
        rows.append((one, at, by, "customer", one, "changed", said))
    for number, one in found.numbers:
        said = encode_json([{"field": "number", "before": None, "after": number}])
        rows.append((one, at, by, "customer_number", number, "customer_number_given", said))
    insert_many(connection, crm_tables.customer_changes, HISTORY_COLUMNS, rows)


def _new_row(one: Customer, at: datetime) -> Row:
    return (
        one.customer_id,
        one.kind,
        one.name,
        one.language,
        one.segment,
        one.account_manager_id,
        one.tags,
        one.notes,
        one.created_at,
        at,
        one.consents or None,
        dict(one.custom) or None,
    )


def _changed_row(after: Customer, at: datetime) -> dict[str, object]:
    row = dict(zip(CUSTOMER_COLUMNS, _new_row(after, at), strict=True))
    del row["created_at"]
    return {f"new_{name}": value for name, value in row.items()} | {"new_version": after.version}


def _point_rows(one: Customer) -> list[Row]:
    return [
        (one.customer_id, position, point.kind, point.value, point.label)
        for position, point in enumerate(one.contact_points)
    ]


_GROWING = (
    tables.customers,
    tables.contact_points,
    crm_tables.customer_changes,
    external_ids,
    sales_tables.customer_numbers,
)
_BY_CONTACT_POINT = "SELECT value, customer_id FROM contact_points WHERE value IN {listed} ORDER BY customer_id"
_KNOWN = {
    "customer_number": "SELECT number, customer_id FROM customer_numbers WHERE number IN {listed}",
    # Who was merged into somebody has his row still, which says into whom.
    "record_id": "SELECT customer_id, coalesce(merged_into, customer_id) FROM customers WHERE customer_id IN {listed}",
    "external_id": "SELECT e.external_id, coalesce(c.merged_into, c.customer_id) FROM external_ids AS e "
    "JOIN customers AS c ON c.customer_id = e.customer_id WHERE e.source = ? AND e.external_id IN {listed}",
}
_EXTERNAL_OF = "SELECT customer_id, external_id FROM external_ids WHERE source = ? AND customer_id IN {listed}"
_CHANGED = (
    "kind",
    "name",
    "language",
    "segment",
    "account_manager_id",
    "tags",
    "notes",
    "consents",
    "custom",
    "updated_at",
    "version",
)
_CHANGE = (
    update(tables.customers)
    .where(tables.customers.c.customer_id == bindparam("new_customer_id"))
    .values({name: bindparam(f"new_{name}", type_=tables.customers.c[name].type) for name in _CHANGED})
)
_OF_IDS = (
    with_contact_points()
    .where(
        tables.customers.c.customer_id.in_(bindparam("ids", expanding=True)), tables.customers.c.merged_into.is_(None)
    )
    .order_by(tables.customers.c.customer_id, tables.contact_points.c.position)
)
