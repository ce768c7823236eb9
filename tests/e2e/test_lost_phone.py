"""An agent's phone in the browser that is lost in a talk: the caller hears music, and is cut off by nobody.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.browser import Chromium, Desk
from tests.e2e.house import PASSWORD
from tests.e2e.phones import Tone
from tests.e2e.test_browser import KNOWN_EN, BrowserHouse, row_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

NOTICED_WITHIN_SECONDS = 20.0
"""browser_silence_seconds, and what the exchange takes to look."""
GIVEN_UP_AFTER_SECONDS = 30.0
"""rejoin_limit_seconds."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[BrowserHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-lost-", dir="/tmp") as base:
        house = BrowserHouse(Path(base), short_greetings=True)
        async with Chromium(house.web_url) as house.chromium, house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: BrowserHouse) -> AsyncIterator[BrowserHouse]:
    yield the_house
    await the_house.chromium.close_screens()
    await the_house.check()


async def in_a_talk(chromium: Chromium, name: str) -> Desk:
    """This agent's desk, in the talk with whoever waits."""
    desk = await chromium.desk(name, PASSWORD)
    await desk.use_phone("browser")
    await desk.at("state-ready").click()
    await desk.answer()
    return desk


async def is_logged(house: BrowserHouse, what: str) -> bool:
    """Whether the server has said this."""
    return what in house.log_path.read_text(encoding="utf-8", errors="replace")


async def test_a_browser_that_is_killed_is_noticed_and_a_new_one_has_the_talk_back(house: BrowserHouse) -> None:
    async with Chromium(house.web_url) as doomed, house.caller("4001", KNOWN_EN, sound=Tone(hertz=700)) as caller:
        desk = await in_a_talk(doomed, "1001")
        # Muted and on hold a browser sends all the same: that is not taken for its end.
        await desk.at("phone-mute").click()
        await desk.at("phone-hold").click()
        await desk.state_becomes("hold")
        await asyncio.sleep(18.0)  # Longer than a silence may last.
        await desk.state_becomes("hold")
        await desk.at("phone-hold").click()
        await desk.state_becomes("talking")
        await desk.at("phone-mute").click()
        await caller.audio.hear_sound()
        interaction_id = await desk.interaction_id()

        doomed.kill()
        killed_at = time.monotonic()
        await house.until(lambda: is_logged(house, "phone_fell_silent"), "noticed", seconds=NOTICED_WITHIN_SECONDS)
        print(f"noticed after {time.monotonic() - killed_at:.1f} s")
        await caller.audio.hear_sound()
        again = await house.chromium.desk("1001", PASSWORD)
        await again.at("talk-fetch").click()
        await again.becomes("phone-status", "data-status", "talking")
        await again.hears_sound()
        assert await again.interaction_id() == interaction_id
        await caller.hang_up()
        await again.end_wrap_up()
    offers = house.invariants().rows("SELECT outcome FROM offers WHERE interaction_id = ?", interaction_id)
    assert [offer["outcome"] for offer in offers] == ["answered"]


@pytest.mark.parametrize("dead", [False, True])
async def test_whose_agent_does_not_come_back_has_the_first_place(house: BrowserHouse, dead: bool) -> None:
    async with house.caller("4001", KNOWN_EN) as caller:
        desk = await in_a_talk(house.chromium, "1001")
        interaction_id = await desk.interaction_id()
        answer = await desk.context.request.post(f"{house.web_url}/api/v1/agents/me/phone/away")
        assert answer.ok
        # Nobody fetches the talk back: the page is gone.
        await desk.page.goto("about:blank")
        if dead:
            await house.kill_server()
            await asyncio.sleep(GIVEN_UP_AFTER_SECONDS + 3.0)  # The exchange alone gives up waiting.
            await house.start_server()
        async with house.agent("1002") as other:
            await other.phone.talking(GIVEN_UP_AFTER_SECONDS + 15.0)
            await other.desktop.state_becomes("talking")
            await caller.hang_up()
            await other.desktop.state_becomes("wrap_up")
            await other.desktop.end_wrap_up("ready")
    await house.quiet()
    row = row_of(house, interaction_id)
    assert (row["outcome"], row["agent_id"]) == ("answered", "1002")
    offers = house.invariants().rows("SELECT * FROM offers WHERE interaction_id = ?", interaction_id)
    assert [offer["agent_id"] for offer in offers] == ["1001", "1002"]
    if not dead:
        told = house.invariants().rows("SELECT * FROM events WHERE interaction_id = ?", interaction_id)
        ends = [json.loads(event["data"])["phone_lost"] for event in told if event["name"] == "TalkEnded"]
        assert ends == [True, False]
        asked = await house.desktop("super")
        await asked.until(
            lambda: (
                asked.documents["agents"]["1001"]["state"] == "not_ready"
                and asked.documents["agents"]["1001"]["reason"] == "phone_lost"
            ),
            "not ready when the wrap-up is over",
            30.0,
        )
