"""A supervisor takes part in a talk by the board's buttons, and writes to a desk; the agent's desk shows both."""

import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser import Board, Chromium
from tests.e2e.house import PASSWORD
from tests.e2e.routing_house import AGENTS_HERTZ
from tests.e2e.test_monitoring import AGENT, AGENTS, BOSS, FIRST, QUEUES, EarHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


class PageHouse(EarHouse):
    """A house with a browser for its supervisor and his agent."""

    chromium: Chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[PageHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-ears-", dir="/tmp") as base:
        house = PageHouse(Path(base), queues=QUEUES, agents=AGENTS)
        async with Chromium(house.web_url) as house.chromium, house:
            yield house
            await house.chromium.close_screens()
            await house.check()


async def opened(board: Board) -> None:
    """The row of the agent with all that can be done about him."""
    await board.at(f"board-agent-{AGENT}").locator('[data-test="agent-open"]').click()


@pytest.mark.parametrize("dark", [False, True])
async def test_listening_by_the_buttons(house: PageHouse, dark: bool) -> None:
    look = "dark" if dark else "light"
    board = await house.chromium.board("super", PASSWORD, dark=dark)
    desk = await house.chromium.desk(AGENT, PASSWORD, dark=dark)
    async with house.phone(AGENT) as agent:
        await desk.use_phone("sip")
        await desk.be_ready()
        async with house.dialled("told", FIRST) as caller:
            talk = await agent.talking()
            await desk.state_becomes("talking")
            await opened(board)
            # His phone is not there: it is said, and nothing has begun.
            await board.at("listen-listen").click()
            await expect(board.at("listen-problem")).to_contain_text("Your phone is not registered.")
            await board.picture(f"listen-no-phone-{look}")
            async with house.phone(BOSS) as phone:
                supervisor = await house.board()
                await supervisor.until(
                    lambda: supervisor.documents["agents"][BOSS]["phone"]["status"] == "free",
                    "his phone is there",
                    20.0,
                )
                await board.at("listen-listen").click()
                boss = await phone.talking()
                await board.becomes("listen-bar", "data-state", "live")
                await expect(desk.at("desk-listened")).to_be_visible()
                await board.at("mode-barge").click()
                await board.becomes("listen-bar", "data-mode", "barge")
                await caller.audio.hear_tone(AGENTS_HERTZ[BOSS], share=0.15)
                await board.speaks("zh")
                await expect(board.at("listen-state")).to_have_text("三方通话中")
                await board.picture(f"listen-chinese-{look}")
                await desk.picture(f"listened-{look}")
                assert await board.overflow_px() == 0
                await board.speaks("en")
                await board.at("listen-stop").click()
                await boss.ended()
                await board.becomes("listen-ended", "data-end", "stopped")
                await expect(desk.at("desk-listened")).to_have_count(0)
                await board.at("listen-dismiss").click()
                await expect(board.at("listen-bar")).to_have_count(0)
            form = board.at("notice-to-agent")
            await form.locator("textarea").fill("Well done.\n<b>干得好</b>")
            await form.locator('[data-test="notice-send"]').click()
            await expect(desk.at("desk-notice")).to_contain_text(re.compile("Well done.\\s*<b>干得好</b>"))
            await expect(form.locator('[data-test="notice-sent"]')).to_be_visible()
            await desk.picture(f"notice-{look}")
            await board.picture(f"notice-sent-{look}")
            await desk.at("desk-notice-read").click()
            await expect(desk.at("desk-notice")).to_have_count(0)
            await talk.hang_up()
            await caller.ended()
    await house.chromium.close_screens()
