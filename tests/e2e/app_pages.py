"""Every page of the web application, as its own router names them.

Law: nothing is named here that the router names; a route whose parameter has no example here is an error, not left out.
"""

import re
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Page, Request, expect

from tests.e2e.house import until

EXAMPLES: Final = {
    "/customers/:id": ("demo-morning-star",),
    "/flows/:name?": ("", "main"),
    "/segments/:id?": ("",),
    "/admin/queues/:item?": ("", "sales", "+"),
    "/admin/agents/:item?": ("", "1001", "+"),
    "/admin/skills/:item?": ("", "sales"),
    "/admin/hours/:item?": ("", "+"),
    "/admin/numbers/:item?": ("", "4001"),
    "/admin/reasons/:item?": ("", "lunch"),
    "/admin/dispositions/:item?": ("", "sale"),
    "/admin/alerts/:item?": ("", "long_wait"),
    "/admin/roles/:item?": ("", "+"),
    "/admin/retention/:item?": ("", "+"),
    "/admin/connectors/:item?": ("", "+"),
    "/admin/best_offers/:item?": ("", "+"),
}
"""What stands for the parameter of a route; "" leaves it out."""
CHOICE: Final = re.compile(r":page\(([a-z_|]+)\)")
PARAMETER: Final = re.compile(r"/:[a-z]+\??")

NEUTRAL: Final = "/customers"
QUIET_LOOKS: Final = 4

_ROUTER: Final = "document.querySelector('#app').__vue_app__.config.globalProperties.$router"
_RECORDS: Final = f"""() => {_ROUTER}.getRoutes()
  .filter((route) => route.redirect === undefined)
  .map((route) => ({{ path: route.path, meta: route.meta }}))"""


_PUSH: Final = f"""async (path) => {{
  await {_ROUTER}.push(path)
  return {_ROUTER}.currentRoute.value.fullPath
}}"""


@dataclass(frozen=True, slots=True)
class Opened:
    """Something that opens on a page: where, what is clicked one after the other, and what stands there then."""

    name: str
    path: str
    clicks: tuple[str, ...]
    shows: str


OPENED: Final = (
    Opened("menu-reports", "/board", ("nav-look",), "nav-management"),
    Opened("menu-settings", "/board", ("nav-set-up",), "nav-admin"),
    Opened("board-colours", "/board", ("open-settings",), "settings-save"),
    Opened("board-walls", "/board", ("open-walls",), "wall-make"),
    Opened("board-closing", "/board", ("queue-close",), "emergency-fates"),
    Opened("board-agent", "/board", ("agent-open",), "agent-orders"),
    Opened("customer-edit", "/customers/demo-morning-star", ("customer-edit",), "edit-save"),
    Opened("customer-case", "/customers/demo-morning-star", ("case-new",), "case-save"),
    Opened("customer-task", "/customers/demo-morning-star", ("task-new",), "task-save"),
    Opened("customer-sales", "/customers/demo-morning-star", ("customer-sales",), "sales"),
    Opened(
        "customer-opportunity",
        "/customers/demo-morning-star",
        ("customer-sales", "opportunity-new", "quote-add"),
        "opportunity-save",
    ),
    Opened("customer-member", "/customers/demo-morning-star", ("member-add",), "customer-search"),
    Opened("customer-erase", "/customers/demo-morning-star", ("privacy-open", "erase-open"), "erase-typed"),
    Opened("agent-chooser", "/tasks", ("tasks-owner",), "agent-choices"),
    Opened("flow-try", "/flows/main", ("flow-tab-try",), "try-log"),
    Opened("flow-history", "/flows/main", ("flow-tab-history",), "history-empty"),
    Opened("segment-new", "/segments", ("segment-new",), "segment-save"),
    Opened("hook-new", "/hooks", ("hook-new",), "hook-save"),
    Opened("user-new", "/admin/users", ("user-new",), "user-add"),
    Opened("queue-preview", "/admin/queues/sales", ("preview-ask",), "preview-found"),
    Opened("alert-preview", "/admin/alerts/long_wait", ("alert-preview-ask",), "alert-preview-found"),
    Opened("text-checked", "/admin/text", ("text-check",), "text-tried"),
    Opened("version-lines", "/admin/versions", ("version-lines",), "diff"),
    Opened("version-undo", "/admin/versions", ("version-undo",), "confirm-yes"),
)
"""Menus, dialogs and forms that a page shows only when asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPage:
    """One page: where it is, and whether it takes an agent to see it."""

    path: str
    desk: bool

    @property
    def name(self) -> str:
        """Fit for a file."""
        return self.path.strip("/").replace("/", "-").replace("+", "new")


def expanded(route: str) -> list[str]:
    """The paths that stand for a route; LookupError where an example is missing."""
    choice = CHOICE.search(route)
    if choice is not None:
        return [path for page in choice[1].split("|") for path in expanded(CHOICE.sub(page, route))]
    if PARAMETER.search(route) is None:
        return [route]
    if route not in EXAMPLES:
        raise LookupError(f"tests/e2e/app_pages.py has no example for the route {route}; add one to EXAMPLES")
    return [PARAMETER.sub(f"/{example}" if example else "", route) for example in EXAMPLES[route]]


async def app_pages(page: Page) -> list[AppPage]:
    """All there are, told by the router of the page that is open. The first, which only leads elsewhere, is none."""
    found: dict[str, AppPage] = {}
    for record in await page.evaluate(_RECORDS):
        for path in expanded(record["path"]):
            if path != "/":
                found[path] = AppPage(path=path, desk=record["meta"].get("desk", False))
    return sorted(found.values(), key=lambda one: one.path)


class Walk:
    """Goes from page to page of one window without loading anything anew."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._asked: set[Request] = set()
        page.on("request", lambda request: self._asked.add(request))
        page.on("requestfinished", lambda request: self._asked.discard(request))
        page.on("requestfailed", lambda request: self._asked.discard(request))

    async def go(self, path: str) -> None:
        """Show this page, and wait until it has all that it asked for."""
        arrived = await self._page.evaluate(_PUSH, path)
        assert arrived == path, f"the application shows {arrived} for {path}"
        await self.has_come()

    async def open(self, opened: Opened) -> None:
        """Show a page anew, and what opens on it."""
        await self.go(NEUTRAL)
        await self.go(opened.path)
        for name in opened.clicks:
            await self._page.locator(f'[data-test="{name}"]:visible').first.click()
        await expect(self._page.locator(f'[data-test="{opened.shows}"]:visible').first).to_be_visible()
        await self.has_come()

    async def has_come(self) -> None:
        """Wait until nothing that the page asked for is on its way; what an answer makes it ask comes at once."""
        await expect(self._page.locator("main")).to_be_visible()
        quiet = 0

        async def is_quiet() -> bool:
            nonlocal quiet
            quiet = 0 if self._asked else quiet + 1
            return quiet > QUIET_LOOKS

        await until(is_quiet, f"{self._page.url} has what it asked for", seconds=30, every_seconds=0.02)
