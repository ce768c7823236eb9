"""Search and duplicates, on both databases."""

import pytest

from callcenter.app.customer_book import CustomerFilters, CustomerSearch
from callcenter.app.ports import CustomerInput
from callcenter.domain.customers import CustomerKind
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import CustomerId
from callcenter.store import customer_search, schema
from callcenter.store.crm_tables import customer_terms, terms_due
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.search_terms import VERSION, refresh_terms
from callcenter.store.tables import meta
from tests.adapters.store_calls import at
from tests.adapters.store_crm import mail, make, phone

ALL = CustomerFilters()


async def found(database: Database, text: str, filters: CustomerFilters = ALL, limit: int = 20) -> list[str]:
    """All pages of a search, one after the other."""
    search: CustomerSearch = StoredCustomerSearch(database)
    ids: list[str] = []
    after: str | None = None
    for _ in range(100):
        page = await search.search(text, filters, limit=limit, after=after)
        assert len(page.items) <= limit
        ids += [customer.customer_id for customer in page.items]
        after = page.next_after
        if after is None:
            return ids
    raise AssertionError("the pages have no end")


async def test_a_part_of_name_number_or_mail_finds_the_customer(database: Database) -> None:
    await make(database, "王小明", phone("+8613800138000"), customer_id="wang")
    await make(database, "John Smith", phone("+442079460000"), mail("john@example.org"), customer_id="smith")
    for text in ("王", "小明", "xiaom", "wxm", "13800", "8000", "+86 138 0013 8000"):
        assert await found(database, text) == ["wang"], text
    for text in ("smith", "john smi", "ohn", "2079", "0000", "john@", "example.org", "@example.org"):
        assert await found(database, text) == ["smith"], text
    assert await found(database, "nobody") == []
    assert sorted(await found(database, "")) == ["smith", "wang"]
    with pytest.raises(InvalidValue, match="nothing to search for"):
        await found(database, "--")


async def test_a_search_follows_what_is_changed(database: Database) -> None:
    await make(database, "王小明", phone("+8613800138000"), customer_id="wang")
    data = CustomerInput(name="李娜", contact_points=(phone("+8613900139000"),))
    await StoredCustomers(database).update(CustomerId("wang"), data, at=at(1), by="1001")
    assert await found(database, "王") == await found(database, "138") == []
    assert await found(database, "lina") == await found(database, "139") == ["wang"]


async def test_a_stale_term_finds_nobody(database: Database) -> None:
    await make(database, "王小明", customer_id="wang")
    async with database.writing() as connection:
        await connection.execute(customer_terms.insert(), [{"term": "stale", "customer_id": "wang"}])
        await connection.execute(customer_terms.insert(), [{"term": "wangx", "customer_id": "nobody"}])
    assert await found(database, "stale") == []
    assert await found(database, "wangx") == ["wang"]


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_every_page_goes_on_where_the_last_one_ended(database: Database, limit: int) -> None:
    names = [f"王明明{letter}" for letter in "明国华芳丽伟强军"]
    for number, name in enumerate(names):
        await make(database, name, phone(f"+86138001380{number:02}"), customer_id=f"c{number}")
    for text in ("ming", "王", "138001", "明"):
        ids = await found(database, text, limit=limit)
        assert sorted(ids) == sorted(f"c{number}" for number in range(8)), text
        assert len(ids) == len(set(ids))
    assert await found(database, "", limit=limit) == [f"c{number}" for number in range(8)]


async def test_what_begins_with_the_text_and_ends_comes_first(database: Database) -> None:
    await make(database, "Anna Wang", customer_id="later")
    await make(database, "Anna", customer_id="exact")
    assert await found(database, "anna") == ["exact", "later"]


async def test_filters_take_out_of_the_pages(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_search, "HITS_A_STEP", 2)
    monkeypatch.setattr(customer_search, "MOST_STEPS", 2)
    for number in range(12):
        await make(
            database,
            f"Test {number:02}",
            customer_id=f"c{number:02}",
            kind=CustomerKind.ORGANISATION if number % 2 else CustomerKind.PERSON,
            tags=("vip",) if number == 7 else ("vi",),
            segment="A" if number > 9 else None,
        )
    firms = [f"c{number:02}" for number in range(1, 12, 2)]
    for text in ("test", ""):
        assert await found(database, text, CustomerFilters(kind=CustomerKind.ORGANISATION), limit=3) == firms
        assert await found(database, text, CustomerFilters(tag="vip"), limit=3) == ["c07"]
        assert await found(database, text, CustomerFilters(segment="A"), limit=1) == ["c10", "c11"]
        assert await found(database, text, CustomerFilters(segment="A", tag="vip"), limit=1) == []


@pytest.mark.parametrize("after", ["", "zz", "00", "5b5d", "5b392c2261222c2262225d", '["0","a","b"]'])
async def test_a_cursor_of_nowhere_is_refused(database: Database, after: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        await StoredCustomerSearch(database).search("wang", ALL, limit=5, after=after)
    assert caught.value.code == "invalid_cursor"


async def test_who_may_be_the_same_the_likeliest_first(database: Database) -> None:
    await make(database, "张伟", phone("+861"), mail("z@example.org"), customer_id="me")
    await make(database, "章伟", phone("+861"), customer_id="sound and number")
    await make(database, "张伟", customer_id="name")
    await make(database, "李娜", mail("z@example.org"), customer_id="mail")
    await make(database, "张三", phone("+862"), customer_id="nobody")
    await make(database, "张伟", phone("+861"), customer_id="firm", kind=CustomerKind.ORGANISATION)
    await make(database, "Katharina Müller", customer_id="k1")
    await make(database, "Katharine Mueller", customer_id="k2")
    search = StoredCustomerSearch(database)
    alike = await search.duplicates(CustomerId("me"), limit=10)
    assert [one.customer.customer_id for one in alike] == ["sound and number", "mail", "name"]
    assert (alike[0].shared, alike[0].name_likeness) == (("+861",), 0.9)
    assert [one.customer.customer_id for one in await search.duplicates(CustomerId("me"), limit=1)] == [
        "sound and number"
    ]
    assert [one.customer.customer_id for one in await search.duplicates(CustomerId("k1"), limit=9)] == ["k2"]
    with pytest.raises(NotFound):
        await search.duplicates(CustomerId("gone"), limit=1)


async def test_numbers_of_several_customers_are_told_page_by_page(database: Database) -> None:
    for number in range(3):
        for one in range(2):
            await make(database, "x", phone(f"+{number}"), customer_id=f"c{number}{one}")
    await make(database, "alone", phone("+9"))
    search = StoredCustomerSearch(database)
    page = await search.shared_points(limit=2, after=None)
    assert [(item.value, item.customer_ids) for item in page.items] == [("+0", ("c00", "c01")), ("+1", ("c10", "c11"))]
    rest = await search.shared_points(limit=2, after=page.next_after)
    assert [item.value for item in rest.items] == ["+2"]
    assert rest.next_after is None


async def terms_of_all(database: Database) -> set[tuple[object, ...]]:
    async with database.reading() as connection:
        return {tuple(row) for row in (await connection.execute(customer_terms.select())).all()}


async def test_terms_are_made_anew_by_an_upgrade_and_go_on_where_they_stopped(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callcenter.store.late_terms.CUSTOMERS_A_LOOK", 2)
    monkeypatch.setattr("callcenter.store.late_terms.CUSTOMERS_A_ROUND", 2)
    for number in range(5):
        await make(database, "王小明", phone(f"+861380013800{number}"), customer_id=f"c{number}")
    terms = await terms_of_all(database)
    async with database.writing() as connection:
        await connection.execute(customer_terms.delete())
        await connection.execute(meta.update().where(meta.c.name == VERSION).values(value="old"))
    await schema.upgrade_database(database)
    assert await terms_of_all(database) == terms
    async with database.writing() as connection:
        await connection.execute(customer_terms.delete().where(customer_terms.c.customer_id > "c2"))
        await connection.execute(terms_due.insert(), [{"first_id": "c3", "last_id": "c4", "customers": 2}])
    await refresh_terms(database)
    assert await terms_of_all(database) == terms
