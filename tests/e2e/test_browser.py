"""The web pages on the real system: Chromium, WebRTC, Asterisk; agents and callers do what people do.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser_house import BrowserHouse, open_browser_house
from tests.e2e.house import LANGUAGE_EN, LANGUAGE_ZH, PASSWORD, House

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

KNOWN_ZH, KNOWN_EN, SHARED, NEWCOMER = "+8613800138000", "+442079460000", "+8613900139000", "+8613612340001"
KNOWN_ZH_NAME, KNOWN_EN_NAME = "示例客户 晨星贸易", "Sample Customer Harbour Ltd"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[BrowserHouse]:
    async with open_browser_house() as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: BrowserHouse) -> AsyncIterator[BrowserHouse]:
    yield the_house
    await the_house.check_after_test()


def row_of(house: House, interaction_id: str) -> dict[str, Any]:
    """The record of one interaction."""
    [row] = house.invariants().rows("SELECT * FROM interactions WHERE interaction_id = ?", interaction_id)
    return row


# ---- the two minutes of a newcomer


async def test_a_call_from_page_to_page_with_card_sound_notes_and_wrap_up(house: BrowserHouse) -> None:
    desk, call = await house.chromium.desk("1001", PASSWORD), await house.chromium.call()
    await desk.use_phone("browser")
    await desk.be_ready()

    await call.dial("4001", KNOWN_ZH)
    await desk.pops("ringing", "customer")
    await desk.shows("pop-customer-name", KNOWN_ZH_NAME)
    await desk.becomes("phone-status", "data-status", "ringing")
    assert await desk.first_seen_ms("pop-customer-name") <= await desk.first_seen_ms("phone-answer")
    await expect(desk.at("pop-ani")).to_have_attribute("data-e164", KNOWN_ZH)
    await expect(desk.at("pop-unverified")).to_be_visible()
    await expect(desk.at("pop-queue")).to_have_attribute("data-queue", "sales")
    await expect(desk.at("pop-cases")).to_contain_text("第 3 批货物短少两箱")
    await expect(desk.at("script")).to_contain_text(f"Hello {KNOWN_ZH_NAME}, this is Agent 1001 of Sales.")
    await desk.picture("desk-ringing")

    await desk.answer()
    await desk.pops("talking")
    await desk.hears_sound()
    await call.hears_sound()
    # What the caller hears is the agent and nothing else: a muted agent is silence.
    await desk.at("phone-mute").click()
    await call.hears_silence()
    await desk.at("phone-mute").click()
    await call.hears_sound()

    interaction_id = await desk.interaction_id()
    await desk.at("notes").fill("客户询问价格 asked for prices")
    await desk.at("disposition").select_option("sale")
    await desk.becomes("notes-status", "data-status", "clean")
    await call.picture("call-talking")
    await call.hang_up()
    await desk.state_becomes("wrap_up")
    await desk.pops("wrap_up")
    await expect(desk.at("notes")).to_have_value("客户询问价格 asked for prices")
    await desk.speaks("zh")
    await desk.shows("agent-state", "话后处理")
    await desk.picture("desk-wrap-up-chinese")
    await desk.speaks("en")
    await desk.end_wrap_up()
    await expect(desk.at("pop")).to_have_count(0)

    asked = await house.desktop("super")
    record = await asked.get(f"/interactions/{interaction_id}")
    assert (record["outcome"], record["hangup_side"], record["agent_id"]) == ("answered", "caller", "1001")
    assert (record["notes"], record["disposition"]) == ("客户询问价格 asked for prices", "sale")
    assert record["ani"]["e164"] == KNOWN_ZH
    assert record["customer_id"] == "demo-morning-star"


async def test_the_menu_by_the_page_s_keys_and_an_unknown_number_becomes_a_customer(house: BrowserHouse) -> None:
    desk, call = await house.chromium.desk("1003", PASSWORD), await house.chromium.call()
    await desk.use_phone("browser")
    await desk.be_ready()
    await call.dial("4000", NEWCOMER)
    await call.hears_sound()
    await call.press(LANGUAGE_ZH)
    await call.press("2")
    await desk.pops("ringing", "blank")
    await expect(desk.at("pop-queue")).to_have_attribute("data-queue", "support")
    await desk.shows("pop-menu-path", re.compile("Support.*key 2"))
    await desk.shows("pop-language", "中文")
    await expect(desk.at("blank-phone")).to_have_value(NEWCOMER)
    await desk.answer()
    await desk.at("blank-name").fill("新客户 Newcomer")
    await desk.at("blank-save").click()
    await desk.pops("talking", "customer")
    await desk.shows("pop-customer-name", "新客户 Newcomer")
    # The agent hangs up in the browser.
    await desk.at("phone-hangup").click()
    await call.is_hung_up_on()
    interaction_id = await desk.interaction_id()
    await desk.end_wrap_up()
    assert row_of(house, interaction_id)["hangup_side"] == "agent"

    await call.dial("4002", NEWCOMER)
    await desk.pops("ringing", "customer")
    await desk.shows("pop-customer-name", "新客户 Newcomer")
    await desk.answer()
    await call.hang_up()
    await desk.end_wrap_up()


async def test_a_withheld_number_is_withheld_and_a_shared_one_shows_all_who_have_it(house: BrowserHouse) -> None:
    desk, call = await house.chromium.desk("1001", PASSWORD), await house.chromium.call()
    await desk.use_phone("browser")
    await desk.be_ready()
    await call.dial("4001", None)
    await call.hears_sound()
    await call.press(LANGUAGE_ZH)
    await desk.pops("ringing", "blank")
    await expect(desk.at("pop-ani")).to_have_attribute("data-e164", "")
    await desk.shows("pop-ani", "Number withheld")
    await expect(desk.at("blank-phone")).to_have_value("")
    interaction_id = await desk.interaction_id()
    await desk.answer()
    await call.hang_up()
    await desk.end_wrap_up()
    row = row_of(house, interaction_id)
    assert (bool(row["ani_withheld"]), row["ani_e164"]) == (True, None)

    await call.dial("4001", SHARED)
    await desk.pops("ringing", "choose")
    await desk.answer()
    choices = desk.page.locator('[data-test^="choose-customer-"]')
    await expect(choices).to_have_count(2)
    chosen = await choices.nth(1).get_attribute("data-test")
    assert chosen
    customer_id = chosen.removeprefix("choose-customer-")
    await choices.nth(1).click()
    await expect(desk.at("pop-customer-name")).to_have_attribute("data-customer", customer_id)
    interaction_id = await desk.interaction_id()
    await call.hang_up()
    await desk.end_wrap_up()
    assert row_of(house, interaction_id)["customer_id"] == customer_id


# ---- telephones of other kinds


async def test_a_caller_with_a_telephone_reaches_an_agent_in_the_browser(house: BrowserHouse) -> None:
    desk = await house.chromium.desk("1002", PASSWORD)
    await desk.use_phone("browser")
    await desk.be_ready()
    async with house.caller("4001", KNOWN_EN) as caller:
        await desk.pops("ringing", "customer")
        await desk.shows("pop-customer-name", KNOWN_EN_NAME)
        await desk.answer()
        await caller.audio.hear_sound()
        interaction_id = await desk.interaction_id()
        await desk.at("phone-hangup").click()
        assert (await caller.ended()).by == "server"
        await desk.end_wrap_up()
    assert row_of(house, interaction_id)["hangup_side"] == "agent"


async def test_a_call_rejected_in_the_browser_goes_to_the_next(house: BrowserHouse) -> None:
    first, second = await house.chromium.desk("1001", PASSWORD), await house.chromium.desk("1002", PASSWORD)
    for desk in (first, second):
        await desk.use_phone("browser")
        await desk.be_ready()
    async with house.caller("4001", KNOWN_EN) as caller:
        await first.pops("ringing")
        await first.at("phone-reject").click()
        await first.state_becomes("not_ready")
        await expect(first.at("pop")).to_have_count(0)
        await second.pops("ringing", "customer")
        await second.answer()
        await caller.hang_up()
        await second.end_wrap_up()


async def test_a_page_loaded_anew_in_a_talk_has_its_phone_back_in_the_same_talk(house: BrowserHouse) -> None:
    desk, call = await house.chromium.desk("1001", PASSWORD), await house.chromium.call()
    await desk.use_phone("browser")
    await desk.be_ready()
    await call.dial("4001", KNOWN_ZH)
    await desk.answer()
    await desk.hears_sound()
    interaction_id = await desk.interaction_id()
    await desk.at("notes").fill("written before")
    await desk.becomes("notes-status", "data-status", "clean")
    await desk.at("phone-hold").click()
    await desk.state_becomes("hold")

    await desk.page.reload()
    # The caller hears music, and the page fetches the talk back by itself; what was held is a talk again.
    await call.hears_sound()
    await desk.becomes("phone-status", "data-status", "talking")
    await desk.hears_sound()
    await call.hears_sound()
    await desk.state_becomes("talking")
    await desk.pops("talking", "customer")
    await expect(desk.at("notes")).to_have_value("written before")
    assert await desk.interaction_id() == interaction_id

    # Another tab is told that it is the second; whoever works there has the talk brought there.
    tab = await house.chromium.tab(desk)
    await expect(tab.at("seat")).to_have_attribute("data-seat", "tab")
    await tab.at("seat-work-here").click()
    await expect(desk.at("seat")).to_have_attribute("data-seat", "tab")
    await tab.at("talk-fetch").click()
    await tab.becomes("phone-status", "data-status", "talking")
    await tab.hears_sound()
    assert await tab.interaction_id() == interaction_id
    await call.hang_up()
    await tab.end_wrap_up()
    record = house.invariants().rows("SELECT outcome FROM offers WHERE interaction_id = ?", interaction_id)
    assert [offer["outcome"] for offer in record] == ["answered"]


async def test_the_echo_gives_back_what_one_says(house: BrowserHouse) -> None:
    desk = await house.chromium.desk("1001", PASSWORD)
    await desk.use_phone("browser")
    await desk.at("devices").locator("summary").click()
    await desk.at("level-try").click()
    await expect(desk.at("level")).to_have_attribute("data-level", re.compile(r"^[1-9]\d*$"))
    await desk.at("level-try").click()
    await desk.at("echo").click()
    await expect(desk.at("echo-on")).to_be_visible()
    await desk.hears_sound()
    await desk.at("phone-hangup").click()
    await expect(desk.at("echo")).to_be_enabled()


# ---- signing out and in


async def test_who_was_logged_out_elsewhere_begins_again_with_one_click(house: BrowserHouse) -> None:
    desk = await house.chromium.desk("1001", PASSWORD)
    answer = await desk.context.request.put(f"{house.web_url}/api/v1/agents/me/state", data={"state": "logged_out"})
    assert answer.ok
    await desk.state_becomes("logged_out")
    await desk.at("state-ready").click()
    await desk.state_becomes("ready")


async def test_signing_out_ends_the_work_and_signing_in_begins_it(house: BrowserHouse) -> None:
    desk = await house.chromium.desk("1001", PASSWORD)
    await desk.use_phone("browser")
    await desk.be_ready()
    await desk.sign_out()
    asked = await house.desktop("super")
    assert asked.documents["agents"]["1001"]["state"] == "logged_out"
    await desk.sign_in("1001", PASSWORD)
    await desk.state_becomes("not_ready")
    await desk.shows("agent-reason", "just signed in")
    await desk.becomes("phone-line", "data-line", "registered")
    await desk.be_ready()


# ---- languages and colours


async def test_every_page_is_in_chinese_and_in_english(house: BrowserHouse) -> None:
    desk = await house.chromium.desk("1001", PASSWORD)
    board = await house.chromium.board("super", PASSWORD)
    call = await house.chromium.call()
    login = await house.chromium.window()
    await login.page.goto(f"{house.web_url}/login")
    words = {
        desk: ("My state", "我的状态", "Nobody is calling", "目前没有来电"),
        board: ("Waiting callers", "等待中的来电者", "Longest wait", "最长等待"),
        call: ("Caller’s phone", "来电者电话", "Ready to call", "可以拨打"),
        login: ("Sign in", "登录", "Password", "密码"),
    }
    for screen, (title_en, title_zh, line_en, line_zh) in words.items():
        body = screen.page.locator("body")
        for language, shown, hidden in (
            ("en", (title_en, line_en), (title_zh, line_zh)),
            ("zh", (title_zh, line_zh), (title_en, line_en)),
        ):
            await screen.speaks("zh" if language == "zh" else "en")
            for text in shown:
                await expect(body).to_contain_text(text)
            for text in hidden:
                await expect(body).not_to_contain_text(text)
            assert await screen.page.evaluate("document.documentElement.lang.slice(0, 2)") == language
            assert await screen.overflow_px() == 0
    # The choice outlives the page.
    await board.page.reload()
    await expect(board.page.locator("body")).to_contain_text("等待中的来电者")


async def test_the_pages_are_dark_for_whoever_likes_it_dark(house: BrowserHouse) -> None:
    lights = {}
    for dark in (False, True):
        desk = await house.chromium.desk("1001", PASSWORD, dark=dark)
        await desk.state_becomes("not_ready")
        lights[dark] = await desk.lightness()
        await house.chromium.close_screens()
    (light_ground, light_text), (dark_ground, dark_text) = lights[False], lights[True]
    assert light_ground > 0.8 > 0.4 > light_text
    assert dark_ground < 0.3 < 0.6 < dark_text


# ---- the board


async def test_the_board_counts_live_says_when_it_is_blind_and_sees_again(house: BrowserHouse) -> None:
    board = await house.chromium.board("super", PASSWORD)
    abandoned = await board.figure("sales", "abandoned")
    await board.counts("sales", "waiting", 0)
    async with house.caller("4001", KNOWN_ZH) as caller:
        await board.counts("sales", "waiting", 1)
        await board.shows("board-waiting", KNOWN_ZH_NAME)
        wait = board.at("board-row-sales").locator('[data-test="longest-wait"]')
        await expect(wait).to_have_text(re.compile(r"^0:\d\d$"))
        # It counts by itself.
        await expect(wait).not_to_have_text(await wait.inner_text())
        await expect(wait).to_have_text(re.compile(r"^0:\d\d$"))

        await house.kill_server()
        await board.becomes("board", "data-live", "false")
        await expect(board.at("feed-lost")).to_be_visible()
        await expect(board.at("board-lost")).to_be_visible()
        await house.start_server()
        await board.becomes("board", "data-live", "true", seconds=20)
        await expect(board.at("feed-lost")).to_have_count(0)
        # The caller has not noticed anything, and the board knows him again.
        await board.counts("sales", "waiting", 1)
        await board.shows("board-waiting", KNOWN_ZH_NAME)
        await caller.hang_up()
        await board.counts("sales", "waiting", 0)
    await board.counts("sales", "abandoned", abandoned + 1)


# ---- callers who mean no good


async def test_a_name_with_a_script_in_it_is_text_and_breaks_nothing(house: BrowserHouse) -> None:
    script = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
    ani = "+8613612340002"
    desk = await house.chromium.desk("1001", PASSWORD)
    board = await house.chromium.board("super", PASSWORD)
    await desk.use_phone("browser")
    async with house.caller("4001", ani, display_name=script + "W" * 4096) as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.press(LANGUAGE_EN)
        await board.counts("sales", "waiting", 1)
        await desk.at("state-ready").click()
        await desk.pops("ringing", "blank")
        await desk.becomes("phone-status", "data-status", "ringing")
        assert (await desk.at("blank-name").input_value()).startswith("<script>window.broken")
        assert await desk.overflow_px() == 0
        await desk.answer()
        await desk.at("blank-notes").fill("N" * 4000)
        await desk.at("blank-save").click()
        await desk.pops("talking", "customer")
        await desk.shows("pop-customer-name", "<script>window.broken = 1</script>")
        assert await desk.overflow_px() == 0
        await caller.hang_up()
        await desk.end_wrap_up()
        await desk.at("state-not-ready").click()
        await desk.state_becomes("not_ready")
    async with house.caller("4001", ani, display_name=script) as caller:
        await board.shows("board-waiting", "<script>window.broken = 1</script>")
        assert await board.overflow_px() == 0
        await caller.hang_up()
        await board.counts("sales", "waiting", 0)
    for screen in (desk, board):
        assert await screen.page.evaluate("window.broken") is None


# ---- one agent asks another, by keyboard alone


async def test_a_caller_is_handed_over_after_a_consultation_without_a_mouse(house: BrowserHouse) -> None:
    note = "Asks about order 17 询问订单"
    first, second = await house.chromium.desk("1001", PASSWORD), await house.chromium.desk("1002", PASSWORD, dark=True)
    await first.speaks("zh")
    await second.speaks("en")
    for desk in (first, second):
        await desk.use_phone("browser")
    await first.be_ready()
    async with house.caller("4001", KNOWN_ZH) as caller:
        await first.pops("ringing", "customer")
        await first.answer()
        await first.pops("talking")
        await second.be_ready()
        keyboard = first.page.keyboard
        await first.at("transfer-open").focus()
        await keyboard.press("Enter")
        await expect(first.at("transfer-dialog")).to_be_visible()
        await expect(first.at("transfer-to-1002")).to_be_enabled()
        await first.picture("transfer-dialog-zh")
        await first.at("transfer-search").locator("input").or_(first.at("transfer-search")).last.focus()
        await keyboard.type("1002")
        await keyboard.press("Tab")
        await keyboard.press("Space")
        await expect(first.at("transfer-to-1002")).to_be_checked()
        await keyboard.press("Tab")
        await keyboard.type(note)
        await expect(first.at("transfer-consult")).to_be_enabled()
        await first.at("transfer-consult").focus()
        await keyboard.press("Enter")
        await first.becomes("consultation", "data-state", "ringing")
        await second.pops("ringing", "customer")
        await second.shows("transfer-from-note", note)
        await second.shows("pop-customer-name", KNOWN_ZH_NAME)
        await second.picture("consulted-ringing-en-dark")
        await second.answer()
        await first.becomes("consultation", "data-state", "consulted")
        await first.picture("consultation-zh")
        # While an order is under way its buttons are off, and what is off takes no key.
        await expect(first.at("consult-swap")).to_be_enabled()
        await first.at("consult-swap").focus()
        await keyboard.press("Enter")
        await first.becomes("consultation", "data-state", "caller")
        await expect(first.at("consult-merge")).to_be_enabled()
        await first.at("consult-merge").focus()
        await keyboard.press("Enter")
        await first.becomes("consultation", "data-state", "together")
        await expect(first.at("consult-complete")).to_be_enabled()
        await first.at("consult-complete").focus()
        await keyboard.press("Enter")
        await first.pops("wrap_up")
        await second.becomes("transfer-from", "data-asks", "false")
        await second.pops("talking", "customer")
        await second.picture("handed-over-en-dark")
        assert await second.overflow_px() == 0
        await caller.hang_up()
    interaction_id = await first.interaction_id()
    await first.end_wrap_up()
    await second.end_wrap_up()
    for desk in (first, second):
        await desk.at("state-not-ready").click()
        await desk.state_becomes("not_ready")
    await house.invariants_say(lambda seen: not seen.open_interactions())
    assert row_of(house, interaction_id)["agent_id"] == "1002"


# ---- administration


async def test_an_administrator_changes_who_serves_a_queue_sees_it_routed_so_and_takes_it_back(
    house: BrowserHouse,
) -> None:
    first, second = await house.chromium.desk("1001", PASSWORD), await house.chromium.desk("1002", PASSWORD)
    for desk in (first, second):
        await desk.use_phone("browser")
        await desk.be_ready()
    asked = await house.desktop("super")

    async def label_is(text: str) -> bool:
        rows = (await asked.get("/queues"))["items"]
        return any(row["queue_id"] == "sales" and row["label"]["en"] == text for row in rows)

    admin = await house.chromium.board("admin", PASSWORD)
    await admin.at("nav-set-up").click()
    await admin.at("nav-admin").click()
    await admin.page.locator('[data-test="item-row"][data-item="sales"] a').click()
    await admin.becomes("item", "data-loaded", "true")
    await admin.at("preview-ask").click()
    await expect(admin.at("preview-chosen").first).to_have_attribute("data-agent", "1001")

    # A rule that is none: everything typed is still there, and the fault stands at its step.
    await admin.at("label-en").first.fill("Sales today")
    await admin.at("add-step").click()
    await admin.at("step-who").fill("agent")
    await admin.at("item-save").click()
    await expect(admin.at("item-faults")).to_be_visible()
    await expect(admin.page.locator('[data-field="steps"] .fault')).to_be_visible()
    await expect(admin.at("step-who")).to_have_value("agent")
    await expect(admin.at("label-en").first).to_have_value("Sales today")

    await admin.at("step-who").fill("agent 1002")
    await admin.at("preview-ask").click()
    await admin.becomes("preview-found", "data-free", "1")
    await expect(admin.at("preview-chosen")).to_have_attribute("data-agent", "1002")
    await admin.at("item-note").fill("only one today")
    await admin.picture("admin-queue")
    await admin.at("item-save").click()
    await admin.becomes("change-toast", "data-kind", "applied")
    await house.until(lambda: label_is("Sales today"), "the changed label on the board")

    call = await house.chromium.call()
    await call.dial("4001", KNOWN_ZH)
    await second.pops("ringing", "customer")
    await second.answer()
    await call.hang_up()
    await second.end_wrap_up()

    await admin.at("change-undo").click()
    await admin.becomes("change-toast", "data-kind", "undone")
    await expect(admin.at("step-who")).to_have_count(0)
    await house.until(lambda: label_is("Sales"), "the former label on the board")
    await admin.at("preview-ask").click()
    await expect(admin.at("preview-chosen").first).to_have_attribute("data-agent", "1001")

    await admin.at("admin-versions").click()
    await expect(admin.at("version").nth(1)).to_contain_text("only one today")
    await expect(admin.at("version").nth(1)).to_contain_text("admin")
    await admin.picture("admin-versions")
    assert await admin.overflow_px() == 0
