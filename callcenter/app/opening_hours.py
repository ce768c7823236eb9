"""Opening hours as an administrator writes them become days the routing can look up, public holidays among them.

Holidays are reckoned for `HOLIDAY_YEARS` at once, so that a server that runs for years needs no clock for it. Which
days China works at weekends is announced each autumn for the next year: it comes with a newer `holidays` package.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from callcenter.app.business_items import HoursEntry
from callcenter.domain.hours import Interval, OpeningHours

HOLIDAY_YEARS: Final = range(2025, 2051)
MONDAY: Final = 0


def opening_hours(entry: HoursEntry) -> OpeningHours:
    """What the routing gets; `InvalidValue` for a time zone that is not there.

    A public holiday is closed; a weekend day that the country works (in China, for a bridge day) is open as on Mondays.
    """
    days: dict[date, tuple[Interval, ...]] = {}
    if entry.holidays:
        off, worked = public_holidays(entry.holidays)
        days |= dict.fromkeys(off, ())
        days |= dict.fromkeys(worked, entry.week.get(MONDAY, ()))
    days |= dict.fromkeys(entry.closed, ())
    days |= entry.special
    return OpeningHours(timezone=entry.timezone, week=entry.week, days=days)


@lru_cache(maxsize=64)
def public_holidays(place: str) -> tuple[frozenset[date], frozenset[date]]:
    """The holidays of a country (`CN`) or region (`DE-BY`), and the weekend days on which it works instead.

    Raises `ValueError` with what would be right. The first look at a country may take some tenths of a second.
    """
    import holidays  # It takes a fifth of a second, which only those pay who have holidays.

    country, dash, region = place.partition("-")
    known = _known()
    if country not in known:
        raise ValueError("write a country's two capital letters, such as CN, US or DE")
    if dash and region not in known[country]:
        regions = ", ".join(f"{country}-{name}" for name in known[country][:60])
        raise ValueError(f"known: {country}" + (f", {regions}" if regions else ""))
    found = holidays.country_holidays(country, subdiv=region or None, years=HOLIDAY_YEARS)
    worked = {day for day in found.weekend_workdays if day.year in HOLIDAY_YEARS}
    return frozenset(found.keys() - worked), frozenset(worked)


@lru_cache(maxsize=1)
def _known() -> Mapping[str, tuple[str, ...]]:
    """The regions of each country, by the two letters of ISO 3166."""
    import holidays

    listed = holidays.list_supported_countries()
    return MappingProxyType({code: tuple(map(str, regions)) for code, regions in listed.items() if len(code) == 2})
