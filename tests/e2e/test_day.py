"""An agent's whole day and a supervisor's, from signing in to signing out, each in Chinese and in English.

What a step does in every detail is tested elsewhere; here one follows the other on the same screens, as at work.
"""

import re
from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser_house import BrowserHouse, open_browser_house
from tests.e2e.house import PASSWORD
from tests.e2e.test_browser import KNOWN_EN, KNOWN_EN_NAME, KNOWN_ZH, KNOWN_ZH_NAME
from tests.e2e.test_supervisor import inside, waiting_row

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

Language = Literal["zh", "en"]
KNOWN = {"zh": (KNOWN_ZH, KNOWN_ZH_NAME), "en": (KNOWN_EN, KNOWN_EN_NAME)}
STRANGER = {"zh": ("+8613612340077", "钱多多"), "en": ("+8613612340088", "Ada Newcomer")}
STATES = {
    "zh": {"ready": "就绪", "not_ready": "未就绪", "talking": "通话中", "wrap_up": "话后处理"},
    "en": {"ready": "Ready", "not_ready": "Not ready", "talking": "In a talk", "wrap_up": "Wrap-up"},
}
AGENTS: dict[Language, str] = {"zh": "1003", "en": "1004"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[BrowserHouse]:
    async with open_browser_house() as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: BrowserHouse) -> AsyncIterator[BrowserHouse]:
    yield the_house
    await the_house.check_after_test()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_an_agents_day(house: BrowserHouse, language: Language) -> None:
    agent, (known, known_name), (stranger, stranger_name) = AGENTS[language], KNOWN[language], STRANGER[language]
    words = STATES[language]
    desk = await house.chromium.desk(agent, PASSWORD)
    await desk.sign_out()
    await desk.speaks(language)
    await desk.sign_in(agent, PASSWORD)
    await desk.at("nav-desk").click()
    await desk.use_phone("browser")
    await desk.be_ready()
    await desk.shows("agent-state", words["ready"])

    # Somebody known calls; in the talk he is held, and the break after it is asked for.
    async with house.caller("4001", known) as caller:
        await desk.pops("ringing", "customer")
        await desk.shows("pop-customer-name", known_name)
        await desk.answer()
        await desk.shows("agent-state", words["talking"])
        await desk.hears_silence()
        await desk.at("phone-hold").click()
        await expect(desk.at("phone-held")).to_be_visible()
        await caller.audio.hear_sound()
        await desk.at("phone-hold").click()
        await expect(desk.at("phone-held")).to_have_count(0)
        await desk.at("notes").fill(f"{known_name}: 12 boxes 箱")
        await desk.becomes("notes-status", "data-status", "clean")
        await desk.at("not-ready-reason").select_option("lunch")
        await desk.at("state-not-ready").click()
        await expect(desk.at("after-call")).to_be_visible()
        await desk.picture(f"day-talk-{language}")
        assert await desk.overflow_px() == 0
        await caller.hang_up()
    await desk.pops("wrap_up")
    await desk.shows("agent-state", words["wrap_up"])
    await desk.at("disposition").select_option("sale")
    await desk.at("extend-wrap-up").click()
    await expect(desk.at("wrap-up-left")).not_to_have_attribute("data-seconds", re.compile("^(0|[12]?[0-9])?$"))
    await desk.at("end-wrap-up-not-ready").click()
    await desk.state_becomes("not_ready")
    await desk.shows("agent-state", words["not_ready"])

    # Back from lunch: a stranger becomes a customer.
    await desk.be_ready()
    async with house.caller("4001", stranger) as caller:
        await desk.pops("ringing", "blank")
        await desk.answer()
        await desk.at("blank-name").fill(stranger_name)
        await desk.at("blank-save").click()
        await desk.pops("talking", "customer")
        await desk.shows("pop-customer-name", stranger_name)
        await caller.hang_up()
    await desk.end_wrap_up()
    await expect(desk.at("today-handled")).to_have_text(re.compile(r"\b2\b"))

    # What was: his calls, and the customer he has made.
    await desk.at("nav-calls").click()
    await desk.at("call-row").filter(has_text=agent).first.click()
    await expect(desk.at("call-detail")).to_be_visible()
    await desk.at("call-customer").click()
    await expect(desk.page.get_by_text(stranger_name).first).to_be_visible()
    await desk.picture(f"day-customer-{language}")
    assert await desk.overflow_px() == 0
    await desk.sign_out()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_supervisors_day(house: BrowserHouse, language: Language) -> None:
    agent = AGENTS[language]
    board = await house.chromium.board("super", PASSWORD)
    await board.speaks(language)
    desk = await house.chromium.desk(agent, PASSWORD)
    await desk.use_phone("browser")

    # Nobody works: two wait, and the second is helped to the first place.
    async with house.caller("4001", STRANGER[language][0]) as first, house.caller("4001", KNOWN[language][0]) as second:
        await board.counts("sales", "waiting", 2)
        row = await waiting_row(board, STRANGER[language][0])
        await inside(row, "waiting-open").click()
        await expect(board.at("why")).to_be_visible()
        await board.at("priority").fill("90")
        await board.at("set-priority").click()
        await expect((await waiting_row(board, STRANGER[language][0])).locator("td").nth(1)).to_have_text("1")
        await board.picture(f"day-board-{language}")
        assert await board.overflow_px() == 0
        await desk.at("state-ready").click()
        await desk.pops("ringing", "customer")
        await desk.shows("pop-customer-name", STRANGER[language][1])
        await desk.answer()
        row = board.at(f"board-agent-{agent}")
        await row.scroll_into_view_if_needed()
        await expect(inside(row, "state")).to_contain_text(STATES[language]["talking"])

        # A word to his desk, and a break when he is done.
        await inside(row, "agent-open").click()
        form = board.at("notice-to-agent")
        await form.locator("textarea").fill("Thank you 谢谢")
        await inside(form, "notice-send").click()
        await expect(desk.at("desk-notice")).to_contain_text("Thank you 谢谢")
        await desk.at("desk-notice-read").click()
        await board.at("force-reason").select_option("lunch")
        await board.at("force-not-ready").click()
        await expect(desk.at("after-call")).to_be_visible()
        await first.hang_up()
        await desk.state_becomes("wrap_up")
        await desk.at("end-wrap-up-not-ready").click()
        await desk.state_becomes("not_ready")

        # The house is closed for once, and opened again.
        await inside(board.at("board-row-sales"), "queue-close").click()
        await inside(board.at("confirm").locator("visible=true"), "confirm-yes").click()
        await expect(board.at("board-closed")).to_be_visible()
        await board.counts("sales", "waiting", 0)
        await second.hang_up()
        await inside(board.at("board-row-sales"), "queue-open").click()
        await inside(board.at("confirm").locator("visible=true"), "confirm-yes").click()
        await expect(board.at("board-closed")).to_have_count(0)
    await board.sign_out()
