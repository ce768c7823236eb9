"""Search terms that come later than their customers: all of them, wherever it was stopped, and of nobody erased."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from callcenter.app.customer_book import CustomerFilters
from callcenter.app.ports import CustomerInput
from callcenter.domain.customers import ContactPoint, Customer
from callcenter.domain.ids import CustomerId
from callcenter.store.crm_tables import customer_terms, terms_due
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.imports import StoredImports
from callcenter.store.late_terms import write_late_terms
from callcenter.store.new_customers import put_new, ready
from callcenter.store.privacy_tables import erasures
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import mail, make, phone


async def come(database: Database, name: str, *points: ContactPoint) -> Customer:
    """A customer of an import: his terms are owed."""
    one = Customer(customer_id=CustomerId(name), name=name, contact_points=points, created_at=NOON)
    made = ready(one)
    assert made is not None
    async with database.writing() as connection:
        await connection.run_sync(lambda on: put_new(on, [made], at=NOON, by="super"))
    return one


async def terms(database: Database) -> set[tuple[str, str]]:
    async with database.reading() as connection:
        return {(row.term, row.customer_id) for row in (await connection.execute(customer_terms.select())).all()}


async def found_by(database: Database, text: str) -> list[str]:
    page = await StoredCustomerSearch(database).search(text, CustomerFilters(), limit=5, after=None)
    return [one.customer_id for one in page.items]


@pytest.mark.parametrize("a_slice", [1, 7, 1_000])
async def test_terms_that_come_later_are_those_of_a_customer_who_was_written(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, a_slice: int
) -> None:
    monkeypatch.setattr("callcenter.store.late_terms.TERMS_A_SLICE", a_slice)
    people = {
        "李娜": [phone("+8613800138001"), mail("li@example.org")],
        "Anna Müller": [phone("+4930123456")],
        "王": [],
    }
    for name, points in people.items():
        await make(database, name, *points)
    wanted = await terms(database)
    async with database.writing() as connection:
        await connection.execute(customer_terms.delete())
        mark = {"first_id": min(people), "last_id": max(people), "customers": 3}
        await connection.execute(terms_due.insert(), [mark])
    assert await StoredImports(database).customers_owed() == 3

    assert await write_late_terms(database, tmp_path)

    assert await terms(database) == wanted
    assert await StoredImports(database).customers_owed() == 0
    assert not await write_late_terms(database, tmp_path)
    assert not await asyncio.to_thread(lambda: list(tmp_path.glob("*sorting*")))


async def test_whole_numbers_and_addresses_find_whom_parts_do_not_find_yet(database: Database, tmp_path: Path) -> None:
    await come(database, "李娜", phone("+8613800138001"), mail("li@example.org"))
    await come(database, "Anna Müller", phone("+4930123456"))
    for text, owner in (
        ("+86 138 0013 8001", "李娜"),
        ("13800138001", "李娜"),
        ("LI@example.org", "李娜"),
        ("030 123456", "Anna Müller"),
        ("004930123456", "Anna Müller"),
    ):
        assert await found_by(database, text) == [owner], text
    assert await found_by(database, "lina") == []
    assert await found_by(database, "8001") == []

    await write_late_terms(database, tmp_path)

    assert await found_by(database, "lina") == ["李娜"]
    assert await found_by(database, "8001") == ["李娜"]
    assert await found_by(database, "13800138001") == ["李娜"]


async def test_what_was_stopped_in_the_middle_comes_to_the_same(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callcenter.store.late_terms.TERMS_A_SLICE", 3)
    await come(database, "李娜", phone("+8613800138001"))
    await come(database, "王芳", phone("+8613800138002"))
    await write_late_terms(database, tmp_path)
    wanted = await terms(database)
    async with database.writing() as connection:
        # The mark goes last: whoever is stopped leaves it, and some of the terms.
        some = sorted(wanted)[: len(wanted) // 2]
        for term, customer_id in some:
            gone = (customer_terms.c.term == term) & (customer_terms.c.customer_id == customer_id)
            await connection.execute(customer_terms.delete().where(gone))
        await connection.execute(terms_due.insert(), [{"first_id": "李娜", "last_id": "王芳", "customers": 2}])
    (tmp_path / "terms.sorting").write_bytes(b"left by a process that was killed")

    await write_late_terms(database, tmp_path)

    assert await terms(database) == wanted


async def test_who_is_changed_or_erased_meanwhile_is_found_as_he_is_then(database: Database, tmp_path: Path) -> None:
    one = await come(database, "李娜", phone("+8613800138001"))
    await come(database, "王芳", phone("+8613800138002"))
    now = CustomerInput(name="李安娜", contact_points=one.contact_points)
    await StoredCustomers(database).update(one.customer_id, now, at=NOON, by="1001")
    async with database.writing() as connection:
        row = {
            "erasure_id": "e1",
            "number": 1,
            "customer_id": "王芳",
            "asked_at": NOON - timedelta(days=1),
            "asked_by": "super",
            "open_cases_too": False,
            "state": "running",
            "step": "rows",
            "counts": {},
            "tries": 0,
        }
        await connection.execute(erasures.insert(), [row])

    await write_late_terms(database, tmp_path)

    assert await found_by(database, "lianna") == ["李娜"]
    assert await found_by(database, "李娜") == []
    assert {customer_id for _, customer_id in await terms(database)} == {"李娜"}
