"""The rules of the house in force: who sees numbers, how long things are kept, systems outside, what is offered.

They are read anew every few seconds.

Law: where they cannot be read, those that were read last count.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

import structlog

from callcenter.domain.best_offers import BestOffer
from callcenter.domain.connectors import ConnectorRule
from callcenter.domain.errors import CallcenterError
from callcenter.domain.privacy import KEPT_USUALLY, Kept, RetentionRule, RoleRule, Viewer

log = structlog.get_logger(__name__)

READ_EVERY: Final = timedelta(seconds=5)


class RuleBook(Protocol):
    """Where the rules are kept."""

    async def roles(self) -> Sequence[RoleRule]:
        """What each may see, where that is not as usual."""
        ...

    async def retention(self) -> Sequence[RetentionRule]:
        """How long what is kept, where that is not as usual."""
        ...

    async def connectors(self) -> Sequence[ConnectorRule]:
        """Which systems outside are asked."""
        ...

    async def best_offers(self) -> Sequence[BestOffer]:
        """What agents propose."""
        ...


class HouseRules:
    """The rules as they were read last; `run` is owned by one task."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._roles: Mapping[Viewer, RoleRule] = {}
        self._retention: Mapping[Kept, RetentionRule] = {}
        self.connectors: tuple[ConnectorRule, ...] = ()
        self.best_offers: tuple[BestOffer, ...] = ()

    async def load(self) -> None:
        """Read them; before anybody is served."""
        self._roles = {rule.viewer: rule for rule in await self._book.roles()}
        self._retention = {rule.kept: rule for rule in await self._book.retention()}
        self.connectors = tuple(await self._book.connectors())
        self.best_offers = tuple(await self._book.best_offers())

    async def run(self) -> None:
        """Read them again and again until cancelled."""
        while True:
            await asyncio.sleep(READ_EVERY.total_seconds())
            try:
                await self.load()
            except CallcenterError as error:
                log.warning("house_rules_not_read", code=error.code)

    def sees_numbers(self, viewer: str) -> bool:
        """Whether a role, or web hooks, may be shown telephone numbers."""
        try:
            rule = self._roles.get(Viewer(viewer))
        except ValueError:
            return False
        return rule is None or rule.see_numbers

    def kept_for(self, kept: Kept) -> timedelta | None:
        """How long; None is for good."""
        rule = self._retention.get(kept)
        if rule is None:
            return KEPT_USUALLY.get(kept)
        return timedelta(days=rule.days) if rule.days else None
