"""A wait as people say it: from so many to so many minutes, in steps that can be told apart."""

from dataclasses import dataclass
from datetime import timedelta

MINUTES_SAID = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60)
"""Every number of minutes that is ever said of a wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRange:
    """From `low` to `high` minutes; no `low` means less than `high`, no `high` more than `low`."""

    low_minutes: int | None
    high_minutes: int | None


def said_of(low: timedelta, high: timedelta) -> WaitRange:
    """The narrowest range that can be said and holds all from `low` to `high`."""
    above = [minutes for minutes in MINUTES_SAID if timedelta(minutes=minutes) >= high]
    if not above:
        below = [minutes for minutes in MINUTES_SAID if timedelta(minutes=minutes) <= low]
        return WaitRange(low_minutes=max(below, default=MINUTES_SAID[0]), high_minutes=None)
    below = [minutes for minutes in MINUTES_SAID if timedelta(minutes=minutes) <= low and minutes < above[0]]
    return WaitRange(low_minutes=max(below, default=None), high_minutes=above[0])
