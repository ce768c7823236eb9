"""Products, orders and opportunities on both databases: exact amounts, lists, history, timeline, search, merges."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from callcenter.app.customer_book import CustomerFilters, TimelineKind
from callcenter.app.sales_book import OpportunityBook, OpportunityFilters, OrderBook, OrderFilters, ProductBook
from callcenter.crm.opportunity_steps import OpportunityInput
from callcenter.crm.orders import OrderInput
from callcenter.domain.agents import AgentConfig
from callcenter.domain.cases import CaseCode, CodeList
from callcenter.domain.errors import Conflict, IllegalTransition, InvalidValue, NotFound, Outdated
from callcenter.domain.ids import AgentId, CustomerId, MergeId, OpportunityId, OrderId
from callcenter.domain.labels import Label
from callcenter.domain.money import Money
from callcenter.domain.sales import OpportunityState, OrderLine, Product, Quote
from callcenter.store.accounts import StoredAccounts
from callcenter.store.case_lists import StoredCaseLists
from callcenter.store.changes import read_changes
from callcenter.store.configuration import put_agent
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_numbers import StoredCustomerNumbers
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.database import Database
from callcenter.store.opportunities import StoredOpportunities
from callcenter.store.orders import StoredOrders
from callcenter.store.products import StoredProducts
from tests.adapters.store_calls import NOON, at
from tests.adapters.store_crm import make, phone
from tests.fakes import QUICK_PASSWORDS, FakeClock

ANNA, BEA = CustomerId("anna"), CustomerId("bea")
LI = AgentId("1001")
PAPER = Product(code="paper", label=Label(zh="纸", en="Paper"), unit_price=Money(amount=Decimal("0.1"), currency="CNY"))
LINES = (
    OrderLine(product="paper", quantity=Decimal(3), amount=Decimal("0.30")),
    OrderLine(text="carriage", amount=Decimal("0.0001")),
)
TODAY = NOON.date()
ORDER = OrderInput(
    number="SO-70012", placed_on=TODAY, due_on=TODAY + timedelta(days=3), state="new", currency="CNY", lines=LINES
)
CHANCE = OpportunityInput(
    title="Paper for a year",
    stage="lead",
    value=Money(amount=Decimal(9_000), currency="CNY"),
    probability=30,
    next_step="Call",
    next_step_due_at=at(3600),
    owner_id=LI,
)


@pytest.fixture
async def furnished(database: Database) -> Database:
    await make(database, "Anna", phone("+861000"), customer_id="anna")
    await make(database, "Bea", phone("+8670012"), customer_id="bea")
    async with database.writing() as connection:
        await put_agent(connection, AgentConfig(agent_id=LI, name="Li"))
    await StoredProducts(database).put_product(PAPER, at=NOON, by="admin")
    return database


async def test_products_have_versions_and_exact_prices(furnished: Database) -> None:
    products: ProductBook = StoredProducts(furnished)
    assert await products.products() == (PAPER,)
    assert await products.put_product(PAPER, at=at(1), by="admin") == PAPER
    dearer = replace(PAPER, unit_price=Money(amount=Decimal("0.1234"), currency="CNY"))
    changed = await products.put_product(dearer, at=at(1), by="admin", expected_version=1)
    assert (changed.version, str(changed.unit_price.amount)) == (2, "0.1234")
    with pytest.raises(Outdated):
        await products.put_product(PAPER, at=at(2), by="admin", expected_version=1)


async def test_an_order_is_kept_to_the_hundredth_of_a_cent(furnished: Database) -> None:
    orders: OrderBook = StoredOrders(furnished)
    made = await orders.place(OrderId("o1"), ANNA, ORDER, at=NOON, by="1001")
    assert made == await orders.order(OrderId("o1"))
    assert (str(made.total.amount), made.total.currency, made.version) == ("0.3001", "CNY", 1)
    large = replace(ORDER, number="L", lines=(), total=Decimal("9999999999.9999"))
    assert (await orders.place(OrderId("o2"), ANNA, large, at=NOON, by="1001")).total.amount == large.total
    assert await orders.change_order(OrderId("o1"), ORDER, at=at(1), by="1002") == made
    paid = replace(ORDER, state="paid", lines=LINES[:1])
    after = await orders.change_order(OrderId("o1"), paid, at=at(2), by="1002", expected_version=1)
    assert after == await orders.order(OrderId("o1"))
    assert (after.state, str(after.total.amount), len(after.lines), after.version) == ("paid", "0.30", 1, 2)
    with pytest.raises(Outdated):
        await orders.change_order(OrderId("o1"), ORDER, at=at(3), by="1001", expected_version=1)
    with pytest.raises(NotFound):
        await orders.change_order(OrderId("o9"), ORDER, at=at(3), by="1001")
    changes = await furnished.look(lambda look: read_changes(look, ANNA, limit=99, before=None))
    told = {field.field: (field.before, field.after) for field in changes[0].fields}
    assert (changes[0].entity, changes[0].by, told["state"]) == ("order", "1002", ("new", "paid"))
    assert told["total"][1] == {"amount": "0.30", "currency": "CNY"}


async def test_what_no_order_can_be_is_refused_and_nothing_is_kept(furnished: Database) -> None:
    orders = StoredOrders(furnished)
    await orders.place(OrderId("o1"), ANNA, ORDER, at=NOON, by="1001")
    other = replace(ORDER, number="SO-2")
    for data, error, code in (
        (ORDER, Conflict, "order_exists"),
        (replace(other, state="lost"), InvalidValue, "unknown_state"),
        (replace(other, total=Decimal(5)), InvalidValue, "total_differs"),
        (replace(other, lines=()), InvalidValue, "total_missing"),
        (replace(other, due_on=TODAY - timedelta(days=1)), InvalidValue, "due_too_early"),
        (replace(other, lines=(OrderLine(product="gold", amount=Decimal(1)),)), InvalidValue, "unknown_product"),
    ):
        with pytest.raises(error) as caught:
            await orders.place(OrderId("o2"), ANNA, data, at=NOON, by="1001")
        assert caught.value.code == code
    with pytest.raises(NotFound):
        await orders.place(OrderId("o2"), CustomerId("nobody"), other, at=NOON, by="1001")
    assert len(await orders.orders(OrderFilters(), limit=9, before=None)) == 1
    await StoredProducts(furnished).put_product(replace(PAPER, active=False), at=NOON, by="admin")
    with pytest.raises(InvalidValue, match="'paper' that is sold"):
        await orders.place(OrderId("o2"), ANNA, other, at=NOON, by="1001")
    # What is on an order already stays there.
    await orders.change_order(OrderId("o1"), replace(ORDER, note="x"), at=NOON, by="1001")


async def test_orders_are_found_by_filters_page_by_page(furnished: Database) -> None:
    orders = StoredOrders(furnished)
    await StoredCaseLists(furnished).put_code(
        CodeList.ORDER_STATES, CaseCode(code="returned", label=Label(zh="已退货", en="Returned")), at=NOON, by="admin"
    )
    for number in range(5):
        day = date(2026, 1, 1 + number // 2)
        data = replace(ORDER, number=f"N{number}", placed_on=day, due_on=day, state="returned" if number else "new")
        await orders.place(OrderId(f"o{number}"), ANNA if number % 2 else BEA, data, at=NOON, by="x")
    seen: list[str] = []
    before = None
    while page := await orders.orders(OrderFilters(product="paper"), limit=2, before=before):
        seen += [order.order_id for order in page]
        before = page[-1].order_id
    assert seen == ["o4", "o3", "o2", "o1", "o0"]
    for filters, found in (
        (OrderFilters(customer_id=ANNA), {"o1", "o3"}),
        (OrderFilters(state="returned", customer_id=BEA), {"o2", "o4"}),
        (OrderFilters(placed_from=date(2026, 1, 2), placed_to=date(2026, 1, 2)), {"o2", "o3"}),
        (OrderFilters(number="N3"), {"o3"}),
        (OrderFilters(product="gold"), set()),
    ):
        assert {one.order_id for one in await orders.orders(filters, limit=9, before=None)} == found
    with pytest.raises(NotFound):
        await orders.orders(OrderFilters(), limit=9, before=OrderId("o9"))


async def test_an_opportunity_goes_its_way_to_won_or_lost(furnished: Database) -> None:
    book: OpportunityBook = StoredOpportunities(furnished)
    made = await book.open_opportunity(OpportunityId("p1"), ANNA, CHANCE, at=NOON, by="1001")
    assert made == await book.opportunity(OpportunityId("p1"))
    quote = Quote(number="Q1", given_on=TODAY, value=Money(amount=Decimal("8750.50"), currency="CNY"))
    quoted = replace(CHANCE, stage="quoted", quotes=(quote,), probability=60)
    after = await book.change_opportunity(OpportunityId("p1"), quoted, at=at(1), by="1001", expected_version=1)
    assert after == await book.opportunity(OpportunityId("p1"))
    assert (after.quotes, after.version) == ((quote,), 2)
    assert await book.change_opportunity(OpportunityId("p1"), quoted, at=at(2), by="1001") == after
    with pytest.raises(InvalidValue) as why:
        await book.change_opportunity(OpportunityId("p1"), replace(quoted, state=_LOST), at=at(3), by="1001")
    assert why.value.code == "lost_without_reason"
    lost = replace(quoted, state=_LOST, reason="price")
    gone = await book.change_opportunity(OpportunityId("p1"), lost, at=at(4), by="1001")
    assert (gone.probability, gone.next_step, gone.closed_at, gone.reason) == (0, "", at(4), "price")
    with pytest.raises(IllegalTransition):
        await book.change_opportunity(OpportunityId("p1"), replace(quoted, state=_WON), at=at(5), by="1001")
    back = await book.change_opportunity(OpportunityId("p1"), quoted, at=at(6), by="1001")
    assert (back.closed_at, back.reason, back.probability) == (None, None, 60)
    won = await book.change_opportunity(OpportunityId("p1"), replace(quoted, state=_WON), at=at(7), by="1001")
    assert (won.probability, won.closed_at) == (100, at(7))
    for data, code in (
        (replace(CHANCE, stage="dream"), "unknown_stage"),
        (replace(CHANCE, state=_LOST, reason="mood"), "unknown_reason"),
        (replace(CHANCE, owner_id=AgentId("9999")), "unknown_agent"),
        (replace(CHANCE, probability=101), "invalid_probability"),
        (replace(CHANCE, next_step=""), "next_step_missing"),
        (replace(CHANCE, quotes=(quote, quote)), "quote_twice"),
        (replace(CHANCE, quotes=(replace(quote, valid_until=date(2020, 1, 1)),)), "quote_ends_too_early"),
    ):
        with pytest.raises(InvalidValue) as caught:
            await book.open_opportunity(OpportunityId("p2"), ANNA, data, at=NOON, by="1001")
        assert caught.value.code == code


_WON, _LOST = OpportunityState.WON, OpportunityState.LOST


async def test_opportunities_are_found_by_filters_page_by_page(furnished: Database) -> None:
    book = StoredOpportunities(furnished)
    for number in range(4):
        data = replace(CHANCE, next_step_due_at=at(3600 * number), stage="lead" if number else "decision")
        await book.open_opportunity(OpportunityId(f"p{number}"), ANNA, data, at=at(number // 2), by="x")
    won = replace(CHANCE, state=_WON, owner_id=None)
    await book.open_opportunity(OpportunityId("p4"), BEA, won, at=at(9), by="x")
    seen: list[str] = []
    before = None
    while page := await book.opportunities(OpportunityFilters(), limit=2, before=before):
        seen += [one.opportunity_id for one in page]
        before = page[-1].opportunity_id
    assert seen == ["p4", "p3", "p2", "p1", "p0"]
    for filters, found in (
        (OpportunityFilters(customer_id=BEA), {"p4"}),
        (OpportunityFilters(owner_id=LI, due_by=at(3600)), {"p0", "p1"}),
        (OpportunityFilters(state=_WON), {"p4"}),
        (OpportunityFilters(stage="decision"), {"p0"}),
    ):
        assert {one.opportunity_id for one in await book.opportunities(filters, limit=9, before=None)} == found


async def test_orders_and_opportunities_stand_in_the_timeline(furnished: Database) -> None:
    orders, book = StoredOrders(furnished), StoredCustomerBook(furnished)
    old = date(2025, 3, 1)
    await orders.place(OrderId("old"), ANNA, replace(ORDER, placed_on=old, due_on=old), at=at(5), by="x")
    await orders.place(OrderId("new"), ANNA, replace(ORDER, number="N"), at=at(6), by="x")
    await StoredOpportunities(furnished).open_opportunity(OpportunityId("p1"), ANNA, CHANCE, at=at(7), by="x")
    seen = []
    before = None
    while True:
        page = await book.timeline(ANNA, kinds=(), limit=1, before=before)
        seen += [(entry.kind.value, entry.entry_id) for entry in page.items]
        before = page.next_before
        if before is None:
            break
    assert seen == [("opportunity", "p1"), ("order", "new"), ("order", "old")]
    (newest, oldest) = (await book.timeline(ANNA, kinds=(TimelineKind.ORDER,), limit=9, before=None)).items
    assert (newest.at, str(newest.data["total"]), oldest.at.date()) == (at(6), "0.3001", old)


async def test_a_customer_is_found_by_his_order_and_by_his_number(furnished: Database) -> None:
    await StoredOrders(furnished).place(OrderId("o1"), ANNA, ORDER, at=NOON, by="x")
    await StoredOrders(furnished).place(OrderId("o2"), ANNA, replace(ORDER, number="70012"), at=NOON, by="x")
    await StoredCustomerNumbers(furnished).give(BEA, "554433", at=NOON, by="x")
    search = StoredCustomerSearch(furnished)
    for text, found in (("SO-70012", ["anna"]), ("554433", ["bea"]), ("70012", ["anna", "bea"]), ("SO-7001", [])):
        page = await search.search(text, CustomerFilters(), limit=9, after=None)
        assert [one.customer_id for one in page.items] == found, text
    one_by_one: list[str] = []
    after = None
    for _ in range(3):
        page = await search.search("70012", CustomerFilters(), limit=1, after=after)
        one_by_one += [one.customer_id for one in page.items]
        after = page.next_after
        if after is None:
            break
    assert one_by_one == ["anna", "bea"]


async def test_a_caller_hears_of_his_own_orders_alone_by_number_or_its_digits(furnished: Database) -> None:
    orders = StoredOrders(furnished)
    await orders.place(OrderId("o1"), ANNA, ORDER, at=NOON, by="x")
    await orders.place(OrderId("o2"), BEA, replace(ORDER, number="OTHER"), at=NOON, by="x")
    accounts = StoredAccounts(furnished, clock=FakeClock(NOON), pins=QUICK_PASSWORDS)
    try:
        for number in ("SO-70012", "70012"):
            found = await accounts.order(ANNA, number)
            assert found is not None
            assert (found.state, found.placed_on, found.due_on) == ("new", TODAY, TODAY + timedelta(days=3))
            assert found.total == Money(amount=Decimal("0.3001"), currency="CNY")
            assert await accounts.order(BEA, number) is None
        assert await accounts.order(BEA, "") is None
        await StoredMerging(furnished).merge(BEA, ANNA, merge_id=MergeId("m"), at=at(1), by="super")
        # A call that goes on knows him by the id he had.
        assert await accounts.order(ANNA, "70012") is not None
        assert await accounts.order(BEA, "70012") is not None
        (mine, _) = await orders.orders(OrderFilters(customer_id=BEA), limit=9, before=None)
        assert mine.customer_id == "bea"
        await StoredMerging(furnished).undo(MergeId("m"), at=at(2), by="super")
        assert await accounts.order(BEA, "70012") is None
    finally:
        accounts.close()
