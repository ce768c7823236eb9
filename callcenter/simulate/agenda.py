"""What is going to happen, in order of time, and the moment that it is now.

Law: time is whole microseconds since the simulation's beginning, so that it turns into the engine's datetimes and back
without a rounding; what was planned first for one moment happens first.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Final

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR

FIRST_MIDNIGHT: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday; the engine sees the simulation's moments as times since then."""

_MICROSECOND: Final = timedelta(microseconds=1)


def micros(seconds: float) -> int:
    """Seconds as whole microseconds."""
    return round(seconds * SECOND)


class Agenda:
    """Events to come; `now` moves only forwards, and only here."""

    def __init__(self, begins: int = 0) -> None:
        self.now = 0
        self.moment = FIRST_MIDNIGHT + timedelta(microseconds=begins)
        """`now` as the engine's clock tells it."""
        self._begins = self.moment
        self._planned: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def plan(self, at: int, what: Callable[[], None]) -> None:
        """Let something happen at a moment; one that is past is now."""
        self._count += 1
        heappush(self._planned, (max(at, self.now), self._count, what))

    def within(self, delay: int, what: Callable[[], None]) -> None:
        """Let something happen after a delay."""
        self.plan(self.now + delay, what)

    def next_at(self) -> int | None:
        """When the next thing happens; None when nothing is planned."""
        return self._planned[0][0] if self._planned else None

    def take(self) -> Callable[[], None]:
        """Go on to the next thing; raises IndexError when nothing is planned."""
        at, _, what = heappop(self._planned)
        self.go_to(at)
        return what

    def go_to(self, at: int) -> None:
        """Let time pass."""
        if at > self.now:
            self.now = at
            self.moment = self._begins + timedelta(microseconds=at)

    def at(self, moment: datetime) -> int:
        """One of the engine's moments as time since the beginning."""
        return (moment - self._begins) // _MICROSECOND
