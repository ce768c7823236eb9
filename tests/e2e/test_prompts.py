"""Recordings of prompts on the real system: uploaded while calls go on, heard by the next caller, taken back.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.adapters.sounds import encoded, tone
from tests.e2e.browser import Chromium
from tests.e2e.house import PASSWORD, House

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

HERTZ = 1_230
MAIN = "4000"
WELCOME = "/prompts/main/welcome"
SOUND = {"Content-Type": "application/octet-stream"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="cc-prompts-", dir="/tmp") as base:
        async with House(Path(base)) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: House) -> AsyncIterator[House]:
    yield the_house
    await the_house.check()


@pytest_asyncio.fixture(loop_scope="module")
async def admin(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{house.web_url}/api/v1", timeout=30.0, verify=False) as client:
        answer = await client.post("/session", json={"name": "admin", "password": PASSWORD})
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client


async def test_a_recording_is_heard_by_the_next_caller_until_it_is_taken_away(
    house: House, admin: httpx2.AsyncClient
) -> None:
    pressed_in = encoded(tone(hertz=HERTZ, seconds=3.0, rate=44_100, channels=2), "flac")
    for voice in ("zh", "en"):
        answer = await admin.put(f"{WELCOME}/{voice}/recording", content=pressed_in, headers=SOUND)
        assert answer.status_code == 200, answer.text
    async with house.caller(MAIN) as caller:
        await caller.audio.hear_tone(HERTZ)
        await caller.hang_up()
    for voice in ("zh", "en"):
        assert (await admin.delete(f"{WELCOME}/{voice}/recording")).status_code == 200
    async with house.caller(MAIN) as caller:
        # Speech: loud, and no tone of ours for as long as the tone would have lasted twice.
        await caller.audio.hear_sound()
        with pytest.raises(TimeoutError, match="no tone"):
            await caller.audio.hear_tone(HERTZ, timeout_seconds=6)
        await caller.hang_up()


async def test_the_page_shows_hears_records_and_takes_back(house: House, tmp_path: Path) -> None:
    good, bad = tmp_path / "odd name.wav", tmp_path / "text.wav"
    good.write_bytes(tone(hertz=HERTZ, seconds=2.0, silence_seconds=0.5, rate=44_100))
    bad.write_bytes(b"This is no sound at all.\n" * 40)
    async with Chromium(house.web_url) as chromium:
        board = await chromium.board("admin", PASSWORD)
        await board.at("nav-set-up").click()
        await board.at("nav-prompts").click()
        cell = board.at("prompt-main-welcome-en")
        await expect(cell).to_have_attribute("data-state", re.compile("made|missing"))
        await board.picture("prompts-en")
        await cell.locator('[data-test="file"]').set_input_files(bad)
        await expect(cell.locator('[data-test="fault"]')).to_contain_text("not a sound file")
        await cell.locator('[data-test="file"]').set_input_files(good)
        await expect(cell).to_have_attribute("data-state", "recorded")
        await expect(cell.locator('[data-test="fault"]')).to_have_count(0)
        await cell.locator('[data-test="play"]').click()
        length = "() => document.querySelector('audio').duration > 2 && document.querySelector('audio').currentTime > 0"
        await board.page.wait_for_function(length)
        await cell.locator('[data-test="history"]').click()
        await expect(cell.locator('[data-test="past"] li')).not_to_have_count(0)
        await board.picture("prompts-recorded-en")
        await cell.locator('[data-test="remove"]').click()
        await expect(cell).to_have_attribute("data-state", "made")
        await cell.locator('[data-test="restore"]').last.click()
        await expect(cell).to_have_attribute("data-state", "recorded")
        # A browser's own recording, from the test's microphone: it is decoded in the page and sent as WAV.
        await cell.locator('[data-test="record"]').click()
        await board.page.wait_for_timeout(1_500)
        await cell.locator('[data-test="stop"]').click()
        await expect(cell.locator('[data-test="past"] li').first).to_contain_text("recorded", timeout=20_000)
        await cell.locator('[data-test="remove"]').click()
        await expect(cell).to_have_attribute("data-state", "made")
        await board.at("search").fill("no such words anywhere")
        await expect(board.at("nothing")).to_be_visible()
        assert await board.overflow_px() == 0
        refused = [line for line in board.complaints if "422" not in line]
        assert refused == []
        dark = await chromium.board("super", PASSWORD, dark=True)
        await dark.at("nav-set-up").click()
        await dark.at("nav-prompts").click()
        await dark.speaks("zh")
        await expect(dark.at("set-queue")).to_be_visible()
        await expect(dark.at("upload")).to_have_count(0)
        ground, words = await dark.lightness()
        assert ground < 0.3 < words
        await dark.picture("prompts-zh-dark")
