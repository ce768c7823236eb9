"""A supervisor's board on the real system: why callers wait, another place for them, agents, closing in an emergency.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.e2e.browser import Board, Chromium
from tests.e2e.house import PASSWORD, STRAIGHT, House

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FIRST, SECOND = "+8613700000001", "+8613700000002"


class BoardHouse(House):
    """A house with a browser for its supervisor."""

    chromium: Chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[BoardHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-house-", dir="/tmp") as base:
        house = BoardHouse(Path(base))
        async with Chromium(house.web_url) as house.chromium, house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: BoardHouse) -> AsyncIterator[BoardHouse]:
    yield the_house
    await the_house.chromium.close_screens()
    await the_house.check()


def inside(row: Locator, name: str) -> Locator:
    """What carries this name inside a row."""
    return row.locator(f'[data-test="{name}"]')


async def waiting_row(board: Board, number: str) -> Locator:
    """The row of the caller with this number."""
    tail = number[-4:]
    row = board.page.locator('[data-test^="board-waiting-"]', has_text=re.compile(tail))
    await expect(row).to_be_visible()
    return row


async def test_why_a_caller_waits_and_a_better_place_for_him(house: BoardHouse) -> None:
    board = await house.chromium.board("super", PASSWORD)
    await expect(board.at("board-unserved")).to_be_visible()
    async with house.agent("1001") as agent:
        await expect(board.at("board-unserved")).to_have_count(0)
        async with house.caller(STRAIGHT) as talking:
            await agent.talks()
            async with house.caller(STRAIGHT, FIRST), house.caller(STRAIGHT, SECOND) as second:
                await board.counts("operator", "waiting", 2)
                row = await waiting_row(board, SECOND)
                await inside(row, "waiting-open").click()
                await expect(board.at("why")).to_contain_text("1 talking")
                await board.picture("board-why-english")
                await board.speaks("zh")
                await expect(board.at("why")).to_contain_text("1 位通话中")
                await board.at("priority").fill("50")
                await board.at("set-priority").click()
                await expect((await waiting_row(board, SECOND)).locator("td").nth(1)).to_have_text("1")
                await board.picture("board-why-chinese")
                assert await board.overflow_px() == 0
                await talking.hang_up()
                await agent.desktop.set_state("ready")
                await agent.talks()
                # The second came later and is served first.
                await board.counts("operator", "waiting", 1)
                await waiting_row(board, FIRST)
                await second.hang_up()
                await agent.desktop.set_state("ready")
                await agent.talks()


async def test_a_queue_closed_in_an_emergency_tells_its_callers_and_is_opened_again(house: BoardHouse) -> None:
    board = await house.chromium.board("super", PASSWORD)
    async with house.agent("1001", ready=False), house.caller(STRAIGHT) as caller:
        await board.counts("operator", "waiting", 1)
        await inside(board.at("board-row-operator"), "queue-close").click()
        dialog = board.at("confirm").locator("visible=true")
        await expect(inside(dialog, "emergency-waiting")).to_contain_text("1 waiting now")
        await board.picture("board-emergency")
        await inside(dialog, "confirm-yes").click()
        await expect(board.at("board-closed")).to_be_visible()
        await board.counts("operator", "waiting", 0)
        await caller.ended()
        await board.speaks("zh")
        await board.picture("board-closed-chinese")
        await inside(board.at("board-row-operator"), "queue-open").click()
        await inside(board.at("confirm").locator("visible=true"), "confirm-yes").click()
        await expect(board.at("board-closed")).to_have_count(0)


async def test_an_agent_is_put_into_a_state_and_sees_by_whom(house: BoardHouse) -> None:
    board, desk = await house.chromium.board("super", PASSWORD), await house.chromium.desk("1001", PASSWORD)
    await desk.use_phone("browser")
    await desk.be_ready()
    row = board.at("board-agent-1001")
    await inside(row, "agent-open").click()
    await board.at("force-reason").select_option(index=1)
    await board.at("force-not-ready").click()
    await desk.state_becomes("not_ready")
    await desk.shows("forced-by", "super")
    await expect(inside(row, "forced-by")).to_be_visible()
    await board.picture("board-forced")
    await desk.picture("desk-forced")
    await desk.be_ready()
    await expect(desk.at("forced-by")).to_have_count(0)
    await expect(inside(row, "forced-by")).to_have_count(0)
