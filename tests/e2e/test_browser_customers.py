"""Customers in a real Chromium: found, changed by two at once, a case in a talk, a stranger attached, past calls."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from playwright.async_api import expect

from callcenter.app.ports import CustomerInput
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.ids import CustomerId
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from tests.e2e.browser import Board, SignedInScreen
from tests.e2e.browser_house import BrowserHouse, open_browser_house
from tests.e2e.house import PASSWORD, until
from tests.e2e.test_browser import KNOWN_EN_NAME, KNOWN_ZH, KNOWN_ZH_NAME

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

STRANGER = "+8613612340077"
API = "/api/v1"
NASTY = "<script>alert(1)</script> 🎧👩‍💻 שלום مرحبا " + "x" * 140
"""As long as a name may be, with no place to break it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[BrowserHouse]:
    async with open_browser_house() as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: BrowserHouse) -> AsyncIterator[BrowserHouse]:
    yield the_house
    await the_house.check_after_test()


async def test_a_customer_is_found_by_pinyin_and_changed_though_somebody_was_quicker(house: BrowserHouse) -> None:
    desk = await house.chromium.desk("1001", PASSWORD)
    other = await house.chromium.board("super", PASSWORD)
    await desk.at("nav-customers").click()
    search = desk.at("customer-search")
    await search.fill("nobody of this name")
    await expect(desk.at("search-none")).to_be_visible()
    await search.fill("chenxing")
    await expect(desk.at("search-row").first).to_contain_text(KNOWN_ZH_NAME)
    await expect(desk.at("search-card").first).to_contain_text("open cases")
    await desk.picture("customers-search")
    await search.press("ArrowDown")
    await search.press("Enter")
    await desk.becomes("customer", "data-customer", "demo-morning-star")
    await desk.shows("customer-name", KNOWN_ZH_NAME)
    await expect(desk.at("story-entry").first).to_be_visible()
    await desk.picture("customer")
    assert await desk.overflow_px() == 0

    await desk.at("customer-edit").click()
    await desk.at("edit-tags").fill("批发, VIP")
    await desk.at("edit-notes").fill("mine")
    answer = await other.context.request.patch(
        f"{house.web_url}{API}/customers/demo-morning-star", data={"notes": "theirs", "segment": "B"}
    )
    assert answer.ok, await answer.text()
    await desk.at("edit-save").click()
    await desk.shows("changed-meanwhile", "Changed by super meanwhile")
    clash = desk.at("changed-meanwhile").locator('[data-part="notes"]')
    await expect(clash).to_have_attribute("data-clashes", "true")
    await expect(clash).to_contain_text("theirs")
    await expect(desk.at("edit-notes")).to_have_value("mine")
    await expect(desk.at("edit-segment")).to_have_value("B")
    await desk.picture("customer-conflict")
    await desk.at("edit-save").click()
    await desk.shows("customer-notes", "mine")
    await desk.shows("customer-segment", "B")
    await desk.at("customer-changes").click()
    change = desk.at("change").first
    await expect(change.locator('[data-field="notes"]')).to_contain_text("theirs → mine")
    await desk.picture("customer-changes")
    await desk.at("customer-sales").click()
    await expect(desk.at("sales")).to_be_visible()
    await desk.picture("customer-sales")
    # A PIN is not an agent's to set.
    await expect(desk.at("pin-ask")).to_have_count(0)


async def test_a_supervisor_sets_a_pin_that_nobody_sees_and_names_of_any_kind_are_text(house: BrowserHouse) -> None:
    board = await house.chromium.board("super", PASSWORD, dark=True)
    answer = await board.context.request.post(
        f"{house.web_url}{API}/customers", data={"name": NASTY, "notes": NASTY * 20, "tags": [NASTY[:100]]}
    )
    assert answer.status == 201, await answer.text()
    customer_id = (await answer.json())["customer_id"]
    await board.speaks("zh")
    await board.at("nav-customers").click()
    await board.at("customer-search").fill("script alert")
    await board.page.locator(f'[data-customer="{customer_id}"]').click()
    await expect(board.at("customer-name")).to_have_text(NASTY)
    await board.at("number-new").fill("40017722")
    await board.at("number-give").click()
    await board.at("pin-ask").click()
    await board.at("pin").fill("739164")
    await board.at("pin-save").click()
    await board.becomes("number", "data-pin", "true")
    assert "739164" not in await board.page.content()
    await board.picture("customer-nasty-zh-dark")
    assert await board.overflow_px() == 0
    await board.at("pin-remove").click()
    await board.becomes("number", "data-pin", "false")


async def test_a_case_is_opened_in_the_talk_and_a_stranger_attached(house: BrowserHouse) -> None:
    desk, call = await house.chromium.desk("1001", PASSWORD), await house.chromium.call()
    await desk.use_phone("browser")
    await desk.be_ready()
    await call.dial("4001", KNOWN_ZH)
    await desk.pops("ringing", "customer")
    await desk.answer()
    first = await desk.interaction_id()
    await desk.at("case-new").click()
    await desk.at("case-subject").fill("货物受潮 the goods are wet")
    await desk.at("case-kind").select_option("complaint")
    await desk.at("case-priority").select_option("high")
    await desk.picture("pop-new-case")
    await desk.at("case-save").click()
    row = desk.at("pop").locator('[data-test="case"]', has_text="货物受潮")
    await expect(row).to_have_attribute("data-state", "open")
    await row.locator('[data-test="case-edit"]').click()
    await desk.at("case-state").select_option("in_progress")
    await desk.at("case-save").click()
    await expect(row).to_have_attribute("data-state", "in_progress")
    await desk.at("pop-all").click()
    await expect(desk.at("customer")).to_have_attribute("data-customer", "demo-morning-star")
    await expect(desk.at("pop")).to_have_attribute("data-interaction", first)
    await desk.picture("pop-whole-customer")
    assert await desk.overflow_px() == 0
    await call.hang_up()
    await desk.end_wrap_up()

    await call.dial("4001", STRANGER)
    await desk.pops("ringing", "blank")
    # Nothing of him who called before.
    await expect(desk.at("pop")).not_to_contain_text(re.compile("货物受潮|晨星"))
    await desk.answer()
    await desk.speaks("zh")
    await desk.at("pop").locator('[data-test="customer-search"]').fill("harbour")
    await expect(desk.at("search-row").first).to_contain_text(KNOWN_EN_NAME)
    await desk.picture("pop-attach-zh")
    await desk.at("pop").locator('[data-test="customer-search"]').press("Enter")
    await desk.pops("talking", "customer")
    await desk.shows("pop-customer-name", KNOWN_EN_NAME)
    await desk.shows("pop-contact-points", STRANGER)
    await desk.picture("pop-attached-zh")
    await call.hang_up()
    await desk.end_wrap_up()

    await desk.at("nav-calls").click()
    await desk.page.locator(f'[data-test="call-row"][data-interaction="{first}"]').click()
    await expect(desk.at("call-offers")).to_contain_text("1001")
    await desk.shows("call-outcome", "已接听")
    await desk.picture("calls-zh")
    await desk.speaks("en")
    await desk.at("calls-outcome").select_option("abandoned_in_queue")
    await expect(desk.page.locator(f'[data-interaction="{first}"]')).to_have_count(0)
    await desk.at("calls-outcome").select_option("answered")
    await expect(desk.page.locator(f'[data-interaction="{first}"]').first).to_be_visible()
    await desk.picture("calls")


TURNING = "Evil \u202eexe.gnp \u2067שלום مرحبا 王芳 🎧👩‍💻 <b>x</b> "
"""With marks of direction that are never closed."""
LONG = TURNING + "很长w" * 1_000
LONG_NUMBER = "+8613912340099"
OWN_WORDS_TURNED = """() => {
  const turned = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const text = node.data, first = text.search(/\\S/), last = text.trimEnd().length - 1
    if (first < 0 || last <= first || node.parentElement.closest('.foreign, bdi, script, style, option')) continue
    const box = (at) => {
      const range = document.createRange()
      range.setStart(node, at)
      range.setEnd(node, at + 1)
      return range.getBoundingClientRect()
    }
    const [from, to] = [box(first), box(last)]
    // Of one line, and shown at all.
    if (from.width > 0 && Math.abs(from.top - to.top) < 3 && to.left < from.left) turned.push(text.trim())
  }
  return turned
}"""
"""The page's own words that are written from right to left, which none of them is."""
OFFER = {
    "label": {"zh": "白金客服", "en": "Platinum service"},
    "text": {"zh": "{customer.name}，您好！", "en": "Hello {customer.name}!"},
    "condition": 'name contains "Evil"',
}


async def offered(board: Board, web_url: str, customer_id: str) -> None:
    """Set an offer up, and wait until the running server goes by it."""
    put = await board.context.request.put(f"{web_url}{API}/configuration/best_offers/items/platinum", data=OFFER)
    assert put.ok, await put.text()

    async def is_offered() -> bool:
        answer = await board.context.request.get(f"{web_url}{API}/customers/{customer_id}/best-offers")
        return bool((await answer.json())["items"])

    await until(is_offered, "the running server goes by the offer", seconds=30, every_seconds=0.5)


async def is_whole(screen: SignedInScreen, picture: str) -> None:
    """Nothing is wider than the page, and no word of the page's own is turned round."""
    await screen.picture(picture)
    assert await screen.overflow_px() == 0
    assert await screen.page.evaluate(OWN_WORDS_TURNED) == []


async def test_a_name_of_any_length_and_direction_breaks_nothing_and_an_offer_is_answered(house: BrowserHouse) -> None:
    database = Database(house.settings.database_url)
    try:
        point = ContactPoint(kind=ContactPointKind.PHONE, value=LONG_NUMBER)
        data = CustomerInput(name=LONG, contact_points=(point,), notes=LONG, tags=(TURNING,))
        await StoredCustomers(database).create(CustomerId("evil"), data, at=datetime.now(UTC), by="import")
    finally:
        await database.dispose()
    board = await house.chromium.board("admin", PASSWORD, dark=True)
    await offered(board, house.web_url, "evil")
    desk, call = await house.chromium.desk("1001", PASSWORD), await house.chromium.call()
    await desk.use_phone("browser")
    await desk.be_ready()
    await call.dial("4001", LONG_NUMBER)
    await desk.pops("ringing", "customer")
    await expect(desk.at("pop-customer-name")).to_contain_text("exe.gnp")
    await expect(desk.at("offer-accepted")).to_be_disabled()
    await desk.answer()
    await expect(desk.at("offer-reason")).to_contain_text("not offered before")
    await is_whole(desk, "pop-turning")
    await expect(desk.at("offer-accepted")).to_be_enabled()
    await desk.at("offer-accepted").click()
    await expect(desk.at("best-offer")).to_have_attribute("data-answer", "accepted")
    await expect(desk.at("pop").locator('[data-kind="best_offer"]')).to_contain_text("Platinum service")
    await desk.picture("pop-offer-answered")
    await call.hang_up()
    await desk.end_wrap_up()

    await desk.speaks("zh")
    await desk.at("nav-customers").click()
    await desk.at("customer-search").fill("evil")
    await expect(desk.at("search-row").first).to_contain_text("exe.gnp")
    await is_whole(desk, "customers-turning-zh")
    await desk.page.locator('[data-customer="evil"]').click()
    await desk.becomes("customer", "data-customer", "evil")
    await expect(desk.page.locator('[data-kind="best_offer"]').first).to_contain_text("白金客服")
    await is_whole(desk, "customer-turning-zh")

    await board.page.goto(f"{house.web_url}/management")
    await expect(board.page.locator('[data-test="offer-figures"] [data-offer="platinum"]')).to_be_visible(
        timeout=30_000
    )
    await board.page.locator('[data-offer="platinum"] button').click()
    await expect(board.at("behind")).to_contain_text("exe.gnp")
    await is_whole(board, "management-offers-dark")
    await board.page.goto(f"{house.web_url}/admin/best_offers/platinum")
    count = board.at("condition-count")
    await expect(count).to_be_enabled()
    await count.click()
    await expect(board.at("condition-counted")).to_be_visible()
    await board.picture("admin-best-offer-dark")
    assert await board.overflow_px() == 0
