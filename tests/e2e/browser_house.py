"""A house with a browser: its callers may be windows, too, and its agents sit at pages.

async with open_browser_house() as house: ...
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.e2e.browser import Chromium
from tests.e2e.house import House
from tests.e2e.invariants import Invariants


class BrowserHouse(House):
    """A house whose callers may be windows of a browser too."""

    chromium: Chromium

    def invariants(self) -> Invariants:
        """The checker over the telephones' and the browser's calls."""
        return Invariants(self.database_path, [*self.callers, *self.chromium.calls], self.phones)

    async def check_after_test(self) -> None:
        """Close every window, then hold everything to the invariants."""
        await self.chromium.close_screens()
        await self.check()


@asynccontextmanager
async def open_browser_house() -> AsyncIterator[BrowserHouse]:
    """Its callers hear a word instead of greetings."""
    with tempfile.TemporaryDirectory(prefix="cc-house-", dir="/tmp") as base:
        house = BrowserHouse(Path(base), short_greetings=True)
        async with Chromium(house.web_url) as house.chromium, house:
            yield house
