"""Writes the search terms of many customers at once, later than the customers: in the table's own order, by slices.

A dozen terms a customer stand at as many places of a tree that is larger than any memory, so writing them beside each
two thousand customers rewrites the tree again and again, and took two thirds of an import. Here a quarter of a million
customers' terms are sorted on the disk first, and each page of the tree is written once.

Laws: a customer whose terms are owed stands in a mark (`terms_due`), written in the transaction that added him, and the
mark goes after his terms are in; a pass that was stopped is begun again and comes to the same terms; nothing is written
of whom an erasure has begun to erase.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, or_, select, text

from callcenter.crm.names import customer_terms
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.store import tables
from callcenter.store.crm_tables import customer_terms as customer_terms_table
from callcenter.store.crm_tables import terms_due
from callcenter.store.database import Database
from callcenter.store.encoding import without_surrogates
from callcenter.store.many_rows import array_of
from callcenter.store.planner import count_grown
from callcenter.store.privacy_tables import erasures

Terms = Sequence[tuple[bytes, str]]
"""Search terms, each with its customer."""

CUSTOMERS_A_ROUND: Final = 250_000
CUSTOMERS_A_LOOK: Final = 2_000
TERMS_A_SLICE: Final = 20_000
"""One transaction's; sorted, they touch few pages: others wait for it as long as for a batch of an import."""
SLICE_WITHIN: Final = timedelta(seconds=30)
PAUSE_SECONDS: Final = 0.005
"""Between two slices, in which others write."""
SORTER_KIBIBYTES: Final = 32 * 1024


class _Mark(NamedTuple):
    """Customers whose terms are owed: all with ids from the first to the last."""

    due_id: int
    first_id: str
    last_id: str


def owe_terms(connection: Connection, *, first: str, last: str, customers: int) -> None:
    """Mark so many customers as those whose terms come later: all with ids from the first to the last."""
    connection.execute(insert(terms_due), [{"first_id": first, "last_id": last, "customers": customers}])


def owe_terms_of_all(connection: Connection) -> None:
    """Mark every customer there is."""
    ids = tables.customers.c.customer_id
    last = ""
    while True:
        found = connection.execute(select(ids).where(ids > last).order_by(ids).limit(CUSTOMERS_A_LOOK)).scalars().all()
        if not found:
            return
        owe_terms(connection, first=found[0], last=found[-1], customers=len(found))
        last = found[-1]


def customers_owed(connection: Connection) -> int:
    """How many customers are not found by parts of their names and numbers yet."""
    return int(connection.execute(select(func.coalesce(func.sum(terms_due.c.customers), 0))).scalar_one())


async def write_late_terms(database: Database, directory: Path) -> bool:
    """One round of what is owed, the oldest first; False when nothing was.

    The terms are sorted in `directory`, which nobody else may do meanwhile. It keeps a core busy: not for a server.
    """
    async with database.reading() as connection:
        marks = await connection.run_sync(_marks)
    if not marks:
        return False
    begun = datetime.now(UTC)
    with _Sorting(directory / "terms.sorting") as sorting:
        for mark in marks:
            async with database.reading() as connection:
                found = await connection.run_sync(_terms_between, mark.first_id, mark.last_id)
            sorting.add(found)
        for some in sorting.slices():
            async with database.writing(within=SLICE_WITHIN) as connection:
                await connection.run_sync(_write_slice, some, begun)
            await asyncio.sleep(PAUSE_SECONDS)
    async with database.writing(within=SLICE_WITHIN) as connection:
        await connection.execute(delete(terms_due).where(terms_due.c.due_id.in_([mark.due_id for mark in marks])))
    return True


def insert_terms(connection: Connection, pairs: Terms) -> None:
    """Add terms that may be there already; past the types of columns, which would take longer than the database."""
    if not pairs:
        return
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql("INSERT OR IGNORE INTO customer_terms VALUES (?, ?)", list(pairs))
        return
    columns = "unnest(CAST(:terms AS bytea[]), CAST(:ids AS text[]))"
    statement = f"INSERT INTO customer_terms (term, customer_id) SELECT * FROM {columns} ON CONFLICT DO NOTHING"  # noqa: S608
    connection.execute(text(statement), _as_arrays(pairs))


def delete_terms(connection: Connection, pairs: Terms) -> None:
    """Take terms away; those that are not there do no harm."""
    if not pairs:
        return
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql("DELETE FROM customer_terms WHERE term = ? AND customer_id = ?", list(pairs))
        return
    gone = "unnest(CAST(:terms AS bytea[]), CAST(:ids AS text[])) AS gone (t, c)"
    statement = f"DELETE FROM customer_terms USING {gone} WHERE term = t AND customer_id = c"  # noqa: S608
    connection.execute(text(statement), _as_arrays(pairs))


def _as_arrays(pairs: Terms) -> dict[str, str]:
    return {"terms": array_of(one for one, _ in pairs), "ids": array_of(one for _, one in pairs)}


def term_bytes(term: str) -> bytes:
    """As the table keeps it."""
    try:
        return term.encode()
    except UnicodeEncodeError:
        return without_surrogates(term).encode()


def _marks(connection: Connection) -> list[_Mark]:
    """As many as a round has customers for; their terms may be the last hundreds of megabytes of a disk."""
    found: list[_Mark] = []
    customers = 0
    query = select(terms_due).order_by(terms_due.c.due_id).limit(CUSTOMERS_A_ROUND)
    for row in connection.execute(query).all():
        mark = _Mark(row.due_id, row.first_id, row.last_id)
        customers += row.customers
        if found and customers > CUSTOMERS_A_ROUND:
            break
        found.append(mark)
    return found


def _terms_between(connection: Connection, first: str, last: str) -> list[tuple[bytes, str]]:
    """Of the customers with such ids, as they are now."""
    span = {"first": first, "last": last}
    points: dict[str, list[ContactPoint]] = {}
    for customer_id, kind, value in connection.execute(_POINTS, span).all():
        points.setdefault(customer_id, []).append(ContactPoint(kind=ContactPointKind(kind), value=value))
    return [
        (term, customer_id)
        for customer_id, name in connection.execute(_NAMES, span).all()
        for term in map(term_bytes, customer_terms(name, points.get(customer_id, ())))
    ]


def _write_slice(connection: Connection, some: Terms, begun: datetime) -> None:
    gone = _being_erased(connection, begun)
    insert_terms(connection, [pair for pair in some if pair[1] not in gone] if gone else some)
    count_grown(connection, (customer_terms_table,))


def _being_erased(connection: Connection, begun: datetime) -> frozenset[str]:
    """Whom erasures concern that had not ended when the round began; whoever was merged into one is one of them."""
    going_on = or_(erasures.c.ended_at.is_(None), erasures.c.ended_at >= begun)
    ids = connection.execute(select(erasures.c.customer_id).where(going_on)).scalars().all()
    if not ids:
        return frozenset()
    merged = tables.customers.c.merged_into.in_(ids)
    return frozenset(ids).union(connection.execute(select(tables.customers.c.customer_id).where(merged)).scalars())


class _Sorting:
    """Terms on their way into the table's order: in a file, for they may be millions; gone at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "_Sorting":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._file = sqlite3.connect(self._path, isolation_level=None)
        self._file.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{SORTER_KIBIBYTES};"
            "PRAGMA temp_store=FILE; CREATE TABLE terms (term BLOB, customer_id TEXT); BEGIN;"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def add(self, pairs: Iterable[tuple[bytes, str]]) -> None:
        """In any order."""
        self._file.executemany("INSERT INTO terms VALUES (?, ?)", pairs)

    def slices(self) -> Iterator[Terms]:
        """All, in the table's order."""
        sorted_ = self._file.execute("SELECT term, customer_id FROM terms ORDER BY term, customer_id")
        while some := sorted_.fetchmany(TERMS_A_SLICE):
            yield some


_customers, _points = tables.customers, tables.contact_points
_FIRST: BindParameter[str] = bindparam("first")
_LAST: BindParameter[str] = bindparam("last")
_NAMES = select(_customers.c.customer_id, _customers.c.name).where(
    _customers.c.customer_id.between(_FIRST, _LAST),
    _customers.c.merged_into.is_(None),
    _customers.c.erased_at.is_(None),
)
_POINTS = select(_points.c.customer_id, _points.c.kind, _points.c.value).where(
    _points.c.customer_id.between(_FIRST, _LAST)
)
