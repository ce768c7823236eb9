"""Every page and what opens on it have no serious finding of axe, are small when first loaded, and show a lost feed.

The rules are those of axe-core (WCAG 2.1 A and AA, and its own best practices), "serious" and "critical".
"""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Literal

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.app_pages import OPENED, Walk, app_pages, expanded
from tests.e2e.browser import SignedInScreen
from tests.e2e.browser_house import BrowserHouse, open_browser_house
from tests.e2e.house import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

UI: Final = Path(__file__).parents[2] / "agent_ui"
AXE: Final = UI / "node_modules" / "axe-core" / "axe.min.js"
FIRST_LOAD_LIMIT_BYTES: Final = 300_000
OFFER: Final = {
    "label": {"zh": "白金客服", "en": "Platinum service"},
    "text": {"zh": "{customer.name}，您好！", "en": "Hello {customer.name}!"},
    "condition": 'class == "A"',
}
LOOKS: Final[tuple[tuple[Literal["light", "dark"], list[str] | None], ...]] = (
    ("light", None),
    ("dark", ["color-contrast"]),
)
"""The themes, and the rules that each is looked at with; None: all."""
HOOK: Final = {"url": "https://127.0.0.1:9/hook", "events": ["customer.created"], "description": "Shop 商店"}

_RUN_AXE: Final = """
async (rules) => {
  const told = (node) => `${node.target.join(' ')} ${[...node.any, ...node.all, ...node.none][0]?.message ?? ''}`
  const only = rules === null ? {} : { runOnly: { type: 'rule', values: rules } }
  const found = await axe.run(document, { resultTypes: ['violations'], ...only })
  return found.violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id} (${one.impact}): ${one.help}: `
      + one.nodes.slice(0, 4).map(told).join(' | '))
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[BrowserHouse]:
    async with open_browser_house() as house:
        yield house


async def furnished(screen: SignedInScreen, web_url: str) -> None:
    """Something to show on pages that would be empty, and a change for the page of changes."""
    api = f"{web_url}/api/v1"
    new = {"If-None-Match": "*"}
    for path, data in (
        ("segments/good", {"label": "Good 好客户", "condition": 'class == "A"'}),
        ("configuration/best_offers/items/platinum", OFFER),
        ("configuration/retention/items/interactions", {"days": 800}),
    ):
        answer = await screen.context.request.put(f"{api}/{path}", data=data, headers=new)
        assert answer.ok, await answer.text()
    answer = await screen.context.request.post(f"{api}/hooks", data=HOOK)
    assert answer.ok, await answer.text()


async def is_sound(screen: SignedInScreen, where: str, told: list[str]) -> None:
    """Look at what is shown, in both themes; only its colours are others in the dark."""
    # What is not live is grey on purpose.
    await expect(screen.page.locator('[data-test="feed-status"]:not([data-status="live"])')).to_have_count(0)
    for theme, rules in LOOKS:
        await screen.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await expect(screen.page.locator("html.dark")).to_have_count(1 if theme == "dark" else 0)
        told += [f"{where}, {theme}: {one}" for one in await screen.page.evaluate(_RUN_AXE, rules)]
        if await screen.overflow_px() > 0:
            told.append(f"{where}, {theme}: is wider than the window")
        await screen.picture(f"page-{where.strip('/').replace('/', '-')}-{theme}")


@pytest.mark.timeout(600)
async def test_no_page_and_nothing_that_opens_on_one_has_a_serious_finding(house: BrowserHouse) -> None:
    told: list[str] = []
    async with house.agent("1001"):
        for name in ("admin", "1001"):
            screen = await house.chromium.window()
            await screen.begin(name, PASSWORD)
            if name == "admin":
                await furnished(screen, house.web_url)
            # The pages' policy allows no script that is put into them; the debugger's own way is not the page's.
            await screen.page.evaluate(AXE.read_text(encoding="utf-8"))
            walk, pages = Walk(screen.page), await app_pages(screen.page)
            assert len(pages) > 40
            for page in pages:
                if page.desk == (name == "1001"):
                    await walk.go(page.path)
                    await is_sound(screen, page.path, told)
            for opened in OPENED if name == "admin" else ():
                await walk.open(opened)
                await is_sound(screen, opened.name, told)
            await screen.leave()
    assert not told, "\n".join(told)


async def test_a_page_without_an_example_is_noticed() -> None:
    assert expanded("/admin/:page(skills|text)") == ["/admin/skills", "/admin/text"]
    with pytest.raises(LookupError, match="/nowhere/:id"):
        expanded("/nowhere/:id")


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
