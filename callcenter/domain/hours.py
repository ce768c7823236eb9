"""Opening hours: a week of intervals in one time zone, with holidays and special days.

Law: the answer depends on the moment alone; daylight saving and midnight are the time zone's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from callcenter.domain.errors import InvalidValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Open from `opens` until `closes` of the same day; `closes` 00:00 is the day's end."""

    opens: time
    closes: time

    def __post_init__(self) -> None:
        if self.closes != time() and self.closes <= self.opens:
            raise InvalidValue(f"{self.opens:%H:%M}-{self.closes:%H:%M}: an interval must end after it begins")

    def contains(self, moment: time) -> bool:
        """Whether a time of the day lies within; the end does not."""
        return self.opens <= moment and (self.closes == time() or moment < self.closes)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """When a queue or a flow is open; `week` goes from Monday (0) to Sunday (6)."""

    timezone: str
    week: Mapping[int, tuple[Interval, ...]]
    days: Mapping[date, tuple[Interval, ...]] = field(default_factory=dict)
    """Holidays (no intervals) and days with hours of their own; they stand above the week."""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise InvalidValue(f"there is no time zone {self.timezone!r}; write one such as Asia/Shanghai") from error

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at an (aware) moment."""
        local = at.astimezone(ZoneInfo(self.timezone))
        return any(interval.contains(local.time()) for interval in self.intervals(local.date()))

    def intervals(self, day: date) -> tuple[Interval, ...]:
        """The intervals of one local day, in order."""
        found = self.days.get(day)
        if found is None:
            found = self.week.get(day.weekday(), ())
        return tuple(sorted(found, key=lambda interval: interval.opens))

    def next_opening(self, after: datetime, *, within_days: int = 60) -> datetime | None:
        """The first moment later than `after` at which it opens; None when there is none within that many days."""
        zone = ZoneInfo(self.timezone)
        first = after.astimezone(zone).date()
        # Two times in one zone are compared by what its clocks show, which an hour in autumn shows twice.
        moment = after.astimezone(UTC)
        for offset in range(within_days + 1):
            day = first + timedelta(days=offset)
            for interval in self.intervals(day):
                opens = datetime.combine(day, interval.opens, tzinfo=zone)
                if opens.astimezone(UTC) > moment:
                    return opens
        return None

    def open_like(self, wanted: datetime, after: datetime, *, within_days: int = 60) -> datetime | None:
        """The first moment later than `after` that is open and whose clock shows what it shows at `wanted`; where there
        is none within that many days, the next opening.
        """
        zone = ZoneInfo(self.timezone)
        local = wanted.astimezone(zone)
        for offset in range(within_days + 1):
            moment = datetime.combine(local.date() + timedelta(days=offset), local.time(), tzinfo=zone).astimezone(UTC)
            if moment > after and self.is_open(moment):
                return moment
        return self.next_opening(max(wanted, after), within_days=within_days)
