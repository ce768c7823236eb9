"""The page of messages in a real Chromium: a real message is heard, sought in, worked on and done, by keyboard too."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser import Chromium, Desk
from tests.e2e.house import PASSWORD
from tests.e2e.routing_house import RoutingHouse
from tests.e2e.test_messages import AGENTS, QUEUES, leave, spoken

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

KNOWN, KNOWN_NAME = "+8613800138000", "示例客户 晨星贸易"
STRANGER = "+8613700000031"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-messages-page-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS) as house:
            yield house
            await house.check()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(house: RoutingHouse) -> AsyncIterator[Chromium]:
    async with Chromium(house.web_url) as chromium:
        yield chromium


async def opened(chromium: Chromium, name: str, *, dark: bool = False) -> Desk:
    """A desk that shows the messages."""
    desk = await chromium.desk(name, PASSWORD, dark=dark)
    await desk.at("nav-messages").click()
    return desk


async def test_a_message_is_heard_and_done_on_the_page(house: RoutingHouse, chromium: Chromium) -> None:
    desk = await opened(chromium, "1001")
    await desk.speaks("en")
    await expect(desk.at("messages-none")).to_contain_text("Nobody has left a message")
    await desk.picture("messages-none")

    known = await leave(house, KNOWN)
    # The badge and the list know of it without a reload.
    await desk.becomes("nav-messages-count", "data-count", "1", seconds=30)
    row = desk.page.locator(f'[data-test="message-row"][data-message="{known}_lonely"]')
    await expect(row).to_contain_text(KNOWN_NAME)
    await leave(house, STRANGER)
    await desk.becomes("nav-messages-count", "data-count", "2", seconds=30)

    await row.click()
    await desk.shows("pop-customer-name", KNOWN_NAME)
    audio = desk.at("message-audio")
    length = await audio.evaluate("async (a) => { a.muted = true; await a.play(); return a.duration }")
    assert 2.5 < length < 15
    sought = await audio.evaluate(
        "(a) => new Promise((done) => { a.onseeked = () => done(a.currentTime); a.currentTime = 1.5 })"
    )
    assert abs(sought - 1.5) < 0.2
    await desk.picture("messages-new")

    await desk.at("message-take").click()
    await desk.becomes("message", "data-state", "taken")
    await desk.at("message-notes").fill("called him back")
    await desk.picture("messages-taken")
    # Done without moving the focus, as by somebody else: its row goes, and the keyboard stays in the list.
    await row.focus()
    await desk.at("message-finish").dispatch_event("click")
    await desk.becomes("message", "data-state", "done")
    await desk.becomes("nav-messages-count", "data-count", "1", seconds=30)
    await expect(row).to_have_count(0)
    await expect(desk.at("message-row")).to_be_focused()

    # The keyboard alone is enough: the list, then the first button.
    await desk.page.keyboard.press("ArrowDown")
    await expect(desk.at("message-stranger")).to_be_visible()
    await desk.at("message-take").focus()
    await desk.page.keyboard.press("Enter")
    await desk.becomes("message", "data-state", "taken")


async def test_another_agent_is_told_who_has_it_and_a_supervisor_may_put_it_back(
    house: RoutingHouse, chromium: Chromium
) -> None:
    other = await opened(chromium, "1002", dark=True)
    await other.at("message-row").first.click()
    await expect(other.at("message-other")).to_contain_text("1001")
    await other.speaks("zh")
    await other.picture("messages-other-zh-dark")
    assert await other.overflow_px() == 0
    board = await chromium.board("super", PASSWORD)
    await board.at("nav-messages").click()
    await board.at("message-row").first.click()
    await board.at("message-put-back").click()
    await board.becomes("message", "data-state", "new")
    # And it is back on the other's page by itself.
    await other.becomes("message", "data-state", "new", seconds=30)
    await board.at("nav-board").click()
    await board.becomes("board-messages", "data-count", "1", seconds=30)
    await board.picture("board-messages")
    # Where he sits, nobody else opens his desk.
    await chromium.close_screens()


async def test_a_recording_that_is_gone_is_said(house: RoutingHouse, chromium: Chromium) -> None:
    interaction_id = await leave(house, STRANGER)
    await spoken(house, interaction_id, 1)
    (house.settings.recordings_directory / f"message-{interaction_id}_lonely.wav").unlink()
    desk = await opened(chromium, "1002")
    await desk.page.locator(f'[data-message="{interaction_id}_lonely"]').first.click()
    await desk.at("message-audio").evaluate("(a) => a.play().catch(() => undefined)")
    await expect(desk.at("message-no-audio")).to_be_visible()
    await desk.picture("messages-gone")
    desk.complaints.clear()
