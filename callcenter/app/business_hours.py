"""Opening hours of the business's file: `mon-fri: ["09:00-12:00"]`, public holidays, closed and special days."""

import re
from collections.abc import Mapping
from datetime import date, time
from itertools import pairwise
from typing import Final

from callcenter.app.business_fields import day as read_day
from callcenter.app.business_items import HoursEntry
from callcenter.app.opening_hours import public_holidays
from callcenter.domain.errors import InvalidValue
from callcenter.domain.hours import Interval, OpeningHours
from callcenter.ivr.document import Section

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_FIELDS: Final = ("timezone", "week", "holidays", "closed", "special")
ANY_ZONE: Final = "UTC"

_INTERVAL: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


def read_hours(fields: Section) -> HoursEntry:
    """The opening hours that these fields describe."""
    fields.only(*HOURS_FIELDS)
    closed = _closed(fields)
    special = _special(fields)
    for day in sorted(special.keys() & set(closed)):
        what = f"{fields.path}: {day} is closed and has hours of its own"
        fields.fault("bad_hours", what, "keep one of them", f"special.{day}")
    return HoursEntry(
        timezone=_timezone(fields),
        week=_week(fields),
        holidays=_holidays(fields),
        closed=closed,
        special=special,
    )


def interval_text(interval: Interval) -> str:
    """As it is read: `09:00-12:00`; the day's end is 24:00."""
    closes = "24:00" if interval.closes == time() else f"{interval.closes:%H:%M}"
    return f"{interval.opens:%H:%M}-{closes}"


def _timezone(fields: Section) -> str:
    name = fields.text("timezone", at_most=64).strip()
    try:
        OpeningHours(timezone=name or ANY_ZONE, week={})
    except InvalidValue as error:
        what, _, right = str(error).partition("; ")
        fields.fault("bad_timezone", f"{fields.path}: {what}", right, "timezone")
        return ANY_ZONE
    return name or ANY_ZONE


def _week(fields: Section) -> Mapping[int, tuple[Interval, ...]]:
    section = fields.section("week", needed=False)
    if section is None:
        return {}
    found: dict[int, tuple[Interval, ...]] = {}
    for name in section.names(pattern=None):
        first, _, last = name.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS[WEEKDAYS.index(first) :]:
            what = f"{name!r} is no day of {section.path}"
            section.fault("bad_hours", what, f"use {', '.join(WEEKDAYS)}, or several as mon-fri", name)
            continue
        intervals = _intervals(section, name)
        for day in range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1):
            if day in found:
                what = f"{section.path}: {WEEKDAYS[day]} stands here a second time"
                section.fault("bad_hours", what, "keep one of them", name)
            found[day] = intervals
    return {day: intervals for day, intervals in sorted(found.items()) if intervals}


def _intervals(fields: Section, name: str) -> tuple[Interval, ...]:
    found: list[Interval] = []
    for text in fields.texts(name, at_most=11):
        match = _INTERVAL.fullmatch(text)
        right = 'write hours and minutes, such as "09:00-12:30" or "18:00-24:00"'
        if match is None:
            fields.fault("bad_hours", f"{fields.path}.{name}: {text!r} is no time from and to", right, name)
            continue
        opens = time(int(match[1]), int(match[2]))
        closes = time(int(match[3] or 0), int(match[4] or 0))
        if text.endswith("-00:00") or (closes != time() and closes <= opens):
            what = f"{fields.path}.{name}: {text} ends before it begins"
            fields.fault("bad_hours", what, "divide what goes over midnight: until 24:00, from 00:00", name)
            continue
        found.append(Interval(opens=opens, closes=closes))
    found.sort(key=lambda interval: interval.opens)
    for earlier, later in pairwise(found):
        if earlier.closes == time() or later.opens < earlier.closes:
            what = f"{fields.path}.{name}: {interval_text(earlier)} and {interval_text(later)} overlap"
            fields.fault("bad_hours", what, "make them one", name)
    return tuple(found)


def _holidays(fields: Section) -> str:
    if not fields.has("holidays"):
        return ""
    place = fields.text("holidays", at_most=64).strip()
    try:
        if place:
            public_holidays(place)
    except ValueError as error:
        what = f"{fields.path}: the holidays of {place!r} are not known"
        fields.fault("bad_holidays", what, str(error), "holidays")
        return ""
    return place


def _closed(fields: Section) -> tuple[date, ...]:
    if not fields.has("closed"):
        return ()
    found = [read_day(fields, text, "closed") for text in fields.texts("closed", at_most=10)]
    return tuple(sorted({day for day in found if day is not None}))


def _special(fields: Section) -> Mapping[date, tuple[Interval, ...]]:
    section = fields.section("special", needed=False)
    if section is None:
        return {}
    found: dict[date, tuple[Interval, ...]] = {}
    for name in section.names(pattern=None):
        day = read_day(section, name, name)
        if day is not None:
            found[day] = _intervals(section, name)
    return dict(sorted(found.items()))
