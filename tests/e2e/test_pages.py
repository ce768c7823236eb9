"""Every page in both themes: no serious finding of axe, small enough when first loaded, and true when its feed is lost.

The rules are those of axe-core (WCAG 2.1 A and AA, and its own best practices), "serious" and "critical".
"""

import gzip
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, cast

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.e2e.browser import Chromium
from tests.e2e.house import PASSWORD, House

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

UI: Final = Path(__file__).parents[2] / "agent_ui"
AXE: Final = UI / "node_modules" / "axe-core" / "axe.min.js"
FIRST_LOAD_LIMIT_BYTES: Final = 300_000
ROUTES: Final = re.compile(r"path: '(/[a-z/-]*)")
WITHOUT_FEED: Final = ("/login", "/wall", "/call")

_RUN_AXE: Final = """
async () => {
  const told = (node) => `${node.target.join(' ')} ${[...node.any, ...node.all, ...node.none][0]?.message ?? ''}`
  const found = await axe.run(document, { resultTypes: ['violations'] })
  return found.violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id} (${one.impact}): ${one.help}: `
      + one.nodes.slice(0, 4).map(told).join(' | '))
}
"""


def routes() -> list[str]:
    """Every page there is, as the router names it; a new one is looked at without being named here."""
    found = ROUTES.findall((UI / "src" / "router.ts").read_text(encoding="utf-8"))
    return sorted({path.rstrip("/") for path in found if path != "/"} - {""})


class BrowserHouse(House):
    """A house with a browser."""

    chromium: Chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[BrowserHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-house-", dir="/tmp") as base:
        house = BrowserHouse(Path(base))
        async with Chromium(house.web_url) as house.chromium, house:
            yield house


async def findings(page: Page) -> list[str]:
    # The pages' policy allows no script that is put into them; the debugger's own way is not the page's.
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    return cast(list[str], await page.evaluate(_RUN_AXE))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_no_page_has_a_serious_finding(house: BrowserHouse, dark: bool) -> None:
    assert len(routes()) > 10
    told: list[str] = []
    async with house.agent("1001"):
        for name, paths in (("admin", [path for path in routes() if path != "/desk"]), ("1001", ["/desk"])):
            screen = await house.chromium.window()
            await screen.page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
            await screen.begin(name, PASSWORD)
            for path in paths:
                await screen.page.goto(house.web_url + path)
                await expect(screen.page.locator("main")).to_be_visible()
                if path not in WITHOUT_FEED:
                    # What is not live is grey on purpose.
                    await expect(
                        screen.page.locator('[data-test="feed-status"]:not([data-status="live"])')
                    ).to_have_count(0)
                await screen.page.wait_for_load_state("networkidle")
                told += [f"{path}: {one}" for one in await findings(screen.page)]
                await screen.picture(f"axe{path.replace('/', '-')}-{'dark' if dark else 'light'}")
            await screen.leave()
    assert not told, "\n".join(told)


async def test_the_first_load_is_small(house: BrowserHouse) -> None:
    screen = await house.chromium.window()
    sizes: dict[str, int] = {}

    def note(address: str, length: str | None) -> None:
        if length is not None:
            sizes[address] = int(length)

    screen.page.on("response", lambda answer: note(answer.url, answer.headers.get("content-length")))
    await screen.begin("super", PASSWORD)
    await expect(screen.at("board")).to_be_visible()
    assets = {address: size for address, size in sizes.items() if "/assets/" in address}
    assert len(assets) > 3
    assert sum(assets.values()) < FIRST_LOAD_LIMIT_BYTES, assets
    largest = max(assets, key=lambda address: assets[address])
    content = (UI / "dist" / "assets" / largest.rsplit("/", 1)[1]).read_bytes()
    assert assets[largest] == len(gzip.compress(content, 9, mtime=0))
    await screen.leave()


async def test_a_lost_feed_is_shown_as_lost_and_never_as_calm(house: BrowserHouse) -> None:
    board = await house.chromium.board("super", PASSWORD)
    await board.becomes("board", "data-live", "true")
    await board.page.context.set_offline(True)
    try:
        await board.becomes("board", "data-live", "false", seconds=60)
        await expect(board.at("board-lost")).to_be_visible()
    finally:
        await board.page.context.set_offline(False)
    await board.becomes("board", "data-live", "true", seconds=60)
    await board.leave()
