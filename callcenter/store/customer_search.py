"""Finding customers by a part of a name, a number or an address, and by the numbers of theirs and their orders; and
those who may be one and the same.

Every look is bounded: a page reads so many terms at most, and says where to go on.
"""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import CompoundSelect, Connection, LargeBinary, Select, bindparam, func, select, tuple_

from callcenter.app.customer_book import CustomerFilters, CustomerPage, Duplicate, SharedPage, SharedPoint
from callcenter.crm.duplicates import likeness
from callcenter.crm.names import (
    LONGEST_TERM,
    customer_terms,
    fold,
    holds_number_part,
    pinyin_of,
    search_keys,
    whole_values,
)
from callcenter.domain.customers import Customer
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import CustomerId
from callcenter.store import crm_tables, sales_tables, tables
from callcenter.store.columns import ByteText, PlainText
from callcenter.store.customer_rows import by_id, read_customers, with_contact_points
from callcenter.store.database import Database
from callcenter.store.late_terms import customers_owed
from callcenter.store.told_apart import are_all_apart, others_of

HITS_A_STEP = 100
MOST_STEPS = 20
"""A page looks at so many steps of terms at most: filters that nearly nobody passes give short pages, not slow ones."""
MOST_CANDIDATES = 200
ALIKE_FROM = 5
"""Names that begin with so many equal letters are compared whole."""
MOST_SHARING = 20
"""Customers told of one shared number; a switchboard's has hundreds."""
END = b"\xff"
"""No UTF-8 begins with it, so a prefix with it stands behind everything that begins with the prefix."""


OWN_NUMBER = -1
"""The key, before all others, of those who are found by their customer number or the number of an order."""


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    """The last term that was looked at: of which key, and whose."""

    key: int
    term: str
    customer_id: str


class StoredCustomerSearch:
    """Implements `callcenter.app.customer_book.CustomerSearch`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, text: str, filters: CustomerFilters, *, limit: int, after: str | None, guesses_numbers: bool = True
    ) -> CustomerPage:
        """Those of whom `text` is a part of a name, number or address; with an empty text all, by their ids."""
        if not text.strip():
            return await self._database.look(lambda connection: _all(connection, filters, limit, after))
        whole = not guesses_numbers and holds_number_part(text)
        keys = () if whole else search_keys(text)
        known = await self._database.look(lambda connection: _by_own_number(connection, text.strip(), whole))
        if not keys and not known and not whole:
            raise InvalidValue(
                "there is nothing to search for: give a part of a name, two digits of a number, or an address",
                code="empty_search",
            )
        cursor = None if after is None else _read_cursor(after, keys)
        return await self._database.look(lambda connection: _search(connection, keys, known, filters, limit, cursor))

    async def duplicates(self, customer_id: CustomerId, *, limit: int) -> tuple[Duplicate, ...]:
        """Who may be the same as this one, the likeliest first."""
        return await self._database.look(lambda connection: _duplicates(connection, customer_id, limit))

    async def shared_points(self, *, limit: int, after: str | None) -> SharedPage:
        """Numbers and addresses that several customers have, in their order."""
        return await self._database.look(lambda connection: _shared_points(connection, limit, after))


_cursors = msgspec.json.Decoder(_Cursor)


def _read_cursor(text: str, keys: Sequence[str]) -> _Cursor:
    try:
        cursor = _cursors.decode(bytes.fromhex(text))
    except (ValueError, msgspec.MsgspecError):
        cursor = None
    if (
        cursor is None
        or not cursor.customer_id.isprintable()
        or not OWN_NUMBER <= cursor.key < len(keys)
        or not (cursor.key == OWN_NUMBER or cursor.term.startswith(keys[cursor.key]))
    ):
        raise InvalidValue("after: this is no page's next_after of this search", code="invalid_cursor")
    return cursor


def _write_cursor(cursor: _Cursor) -> str:
    return msgspec.json.encode(cursor).hex()


def _by_own_number(connection: Connection, text: str, whole: bool) -> tuple[str, ...]:
    """Whose customer number, or whose order's number, it is; by their ids.

    A `whole` number or address is looked for among the contact points, too; so is any while terms are owed.
    """
    found = {str(one) for one in connection.execute(_BY_OWN_NUMBER, {"text": text}).scalars()}
    if whole or customers_owed(connection):
        points = tables.contact_points
        query = select(points.c.customer_id).where(points.c.value.in_(whole_values(text))).limit(MOST_SHARING)
        found.update(connection.execute(query).scalars())
    return tuple(sorted(found))


def _search(
    connection: Connection,
    keys: Sequence[str],
    known: Sequence[str],
    filters: CustomerFilters,
    limit: int,
    after: _Cursor | None,
) -> CustomerPage:
    found: list[Customer] = []
    last = after
    # Those whose own number it is come first, and are not told again where a part of it is something else of theirs.
    told = after.customer_id if after is not None and after.key == OWN_NUMBER else ""
    if known and (after is None or after.key == OWN_NUMBER):
        for known_one in _read(connection, filters, [one for one in known if one > told]):
            if len(found) == limit:
                return CustomerPage(items=tuple(found), next_after=None if last is None else _write_cursor(last))
            found.append(known_one)
            last = _Cursor(OWN_NUMBER, "", known_one.customer_id)
        after = None
    step = min(HITS_A_STEP, limit + 1)
    hits = _hits(connection, keys, after, step)
    for _ in range(MOST_STEPS):
        page = next(hits, None)
        if page is None:
            return CustomerPage(items=tuple(found), next_after=None)
        wanted = {hit.customer_id for hit in page}
        customers = {customer.customer_id: customer for customer in _read(connection, filters, sorted(wanted))}
        for hit in page:
            customer = customers.get(CustomerId(hit.customer_id))
            if customer is not None and hit.customer_id not in known and _is_first_hit(customer, hit, keys):
                if len(found) == limit:
                    return CustomerPage(items=tuple(found), next_after=None if last is None else _write_cursor(last))
                found.append(customer)
            last = hit
    return CustomerPage(items=tuple(found), next_after=None if last is None else _write_cursor(last))


def _hits(connection: Connection, keys: Sequence[str], after: _Cursor | None, step: int) -> Iterator[list[_Cursor]]:
    """Terms that begin with the keys, key by key, in their order, some at a time."""
    for number, key in enumerate(keys):
        if after is not None and number < after.key:
            continue
        place = (after.term, after.customer_id) if after is not None and number == after.key else None
        while True:
            low, customer_id = (key, "") if place is None else place
            values = {"low": low, "customer_id": customer_id, "high": key.encode() + END, "step": step}
            rows = connection.execute(_HITS, values).all()
            if rows:
                yield [_Cursor(number, row.term, row.customer_id) for row in rows]
            if len(rows) < step:
                break
            place = (rows[-1].term, rows[-1].customer_id)


def _is_first_hit(customer: Customer, hit: _Cursor, keys: Sequence[str]) -> bool:
    """Whether it is the first of his terms that is found: he is told once, and a term he no longer has is none."""
    terms = customer_terms(customer.name, customer.contact_points)
    for number, key in enumerate(keys[: hit.key + 1]):
        mine = [term for term in terms if term.startswith(key)]
        if mine:
            return number == hit.key and min(mine, key=str.encode) == hit.term
    return False


def _all(connection: Connection, filters: CustomerFilters, limit: int, after: str | None) -> CustomerPage:
    """By their ids; the ids are looked through in steps, so that a rare filter does not read them all at once."""
    table = tables.customers
    found: list[Customer] = []
    last = after
    for _ in range(MOST_STEPS):
        query = select(table.c.customer_id).order_by(table.c.customer_id).limit(HITS_A_STEP)
        if last is not None:
            query = query.where(table.c.customer_id > last)
        ids = connection.execute(query).scalars().all()
        if not ids:
            return CustomerPage(items=tuple(found), next_after=None)
        for customer in _read(connection, filters, ids):
            if len(found) == limit:
                return CustomerPage(items=tuple(found), next_after=found[-1].customer_id)
            found.append(customer)
        last = ids[-1]
    return CustomerPage(items=tuple(found), next_after=last)


def _read(connection: Connection, filters: CustomerFilters, ids: Sequence[str]) -> tuple[Customer, ...]:
    """Those of these ids whom the filters let pass, by their ids."""
    table = tables.customers
    query = _OF_IDS
    for column, value in (
        (table.c.kind, filters.kind),
        (table.c.segment, filters.segment),
        (table.c.language, filters.language),
        (table.c.account_manager_id, filters.account_manager_id),
    ):
        if value is not None:
            query = query.where(column == value)
    found = read_customers(connection, query, {"ids": ids})
    return tuple(one for one in found if filters.tag is None or filters.tag in one.tags)


# ---- who may be one


def _duplicates(connection: Connection, customer_id: CustomerId, limit: int) -> tuple[Duplicate, ...]:
    me = next(iter(by_id(connection, customer_id)), None)
    if me is None:
        raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
    ids = _candidates(connection, me) - {me.customer_id} - others_of(connection, me.customer_id)
    found = []
    for other in _read(connection, CustomerFilters(kind=me.kind), sorted(ids)):
        alike = likeness(me, other)
        if alike is not None:
            found.append(Duplicate(customer=other, score=alike.score, shared=alike.shared, name_likeness=alike.name))
    found.sort(key=lambda one: (-one.score, one.customer.customer_id))
    return tuple(found[:limit])


def _candidates(connection: Connection, me: Customer) -> set[str]:
    """Whoever has a number or address of his, a name of the same letters or sound, or one that begins alike."""
    ids: set[str] = set()
    points, terms = tables.contact_points, crm_tables.customer_terms
    values = [point.value for point in me.contact_points]
    if values:
        query = select(points.c.customer_id).where(points.c.value.in_(values)).limit(MOST_CANDIDATES)
        ids.update(connection.execute(query).scalars())
    names = {name[:LONGEST_TERM] for name in (fold(me.name), pinyin_of(me.name)) if name}
    if names:
        same = select(terms.c.customer_id).where(terms.c.term.in_(sorted(names))).limit(MOST_CANDIDATES)
        ids.update(connection.execute(same).scalars())
    for name in names:
        if len(name) > ALIKE_FROM:
            start = name[:ALIKE_FROM]
            alike = {"low": start, "customer_id": "", "high": start.encode() + END, "step": MOST_CANDIDATES}
            ids.update(row.customer_id for row in connection.execute(_HITS, alike).all())
    return ids


def _shared_points(connection: Connection, limit: int, after: str | None) -> SharedPage:
    points = tables.contact_points
    query = select(points.c.value).group_by(points.c.value).having(func.count() > 1).order_by(points.c.value)
    if after is not None:
        query = query.where(points.c.value > after)
    values = connection.execute(query.limit(limit + 1)).scalars().all()
    items = []
    for value in values[:limit]:
        sharing = select(points.c.customer_id).where(points.c.value == value).order_by(points.c.customer_id)
        ids = connection.execute(sharing.limit(MOST_SHARING)).scalars().all()
        if len(ids) == MOST_SHARING or not are_all_apart(connection, ids):
            items.append(SharedPoint(value=value, customer_ids=tuple(CustomerId(one) for one in ids)))
    return SharedPage(items=tuple(items), next_after=values[limit - 1] if len(values) > limit else None)


def _hits_from() -> Select[tuple[str, str]]:
    table = crm_tables.customer_terms
    place = tuple_(table.c.term, table.c.customer_id)
    start = tuple_(bindparam("low", type_=ByteText()), bindparam("customer_id"))
    query = select(table.c.term, table.c.customer_id).where(
        place > start, table.c.term < bindparam("high", type_=LargeBinary())
    )
    return query.order_by(table.c.term, table.c.customer_id).limit(bindparam("step"))


def _of_ids() -> Select[tuple[object, ...]]:
    table = tables.customers
    mine = table.c.customer_id.in_(bindparam("ids", expanding=True))
    query = with_contact_points().where(mine, table.c.merged_into.is_(None), table.c.erased_at.is_(None))
    return query.order_by(table.c.customer_id, tables.contact_points.c.position)


def _by_a_number() -> CompoundSelect[tuple[object, ...]]:
    numbers, orders = sales_tables.customer_numbers, sales_tables.orders
    text = bindparam("text", type_=PlainText())
    either = select(numbers.c.customer_id).where(numbers.c.number == text)
    return either.union(select(orders.c.customer_id).where(orders.c.number == text))


# Putting such statements together takes longer than running them.
_BY_OWN_NUMBER = _by_a_number()
_HITS = _hits_from()
_OF_IDS = _of_ids()
