"""Puts every queue's last hour on the live feed, once a minute: the lines beside the board's figures."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from callcenter.app.feed import TRENDS
from callcenter.app.ports import Clock
from callcenter.app.screens import FeedPort
from callcenter.app.views import TrendView
from callcenter.domain.ids import QueueId

log = structlog.get_logger(__name__)

AFTER_THE_MINUTE: Final = timedelta(milliseconds=200)
"""So long after each full minute it is drawn: what happened in its last moment is in then."""


class Trends:
    """Draws the lines; the figures themselves are kept by whoever folds the events."""

    def __init__(
        self,
        *,
        feed: FeedPort,
        trend: Callable[[QueueId], TrendView],
        queue_ids: Callable[[], list[QueueId]],
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._trend = trend
        self._queue_ids = queue_ids
        self._clock = clock
        self._shown: frozenset[QueueId] = frozenset()

    def trends(self) -> tuple[TrendView, ...]:
        """The last hour of every queue on the board, now."""
        return tuple(self._trend(queue_id) for queue_id in self._queue_ids())

    def show(self) -> None:
        """Put every line, and take away those of queues that are gone."""
        views = self.trends()
        shown = frozenset(view.queue_id for view in views)
        for gone in sorted(self._shown - shown):
            self._feed.delete(TRENDS, gone)
        for view in views:
            self._feed.put(TRENDS, view.queue_id, view)
        self._shown = shown

    async def run(self) -> None:
        """Draw with every full minute until cancelled."""
        while True:
            try:
                self.show()
            except Exception:
                # Lines that cannot be drawn must not end the server.
                log.exception("trends_defect")
            await asyncio.sleep(_to_next_minute(self._clock.now()).total_seconds())


def _to_next_minute(now: datetime) -> timedelta:
    next_minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return next_minute - now + AFTER_THE_MINUTE
