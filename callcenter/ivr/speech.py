"""Any value as people say it in Chinese and English, written out for a voice to read; waits and durations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from callcenter.domain.waits import WaitRange
from callcenter.ivr.days import say_when
from callcenter.ivr.money import say_money
from callcenter.ivr.numerals import say_decimal, say_digits, say_number, say_ordinal, say_percent, zh_count
from callcenter.ivr.variables import Money, Value

SPOKEN_LANGUAGES: Final = ("zh", "en")

FORMS: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "word": (str,),
    "digits": (str, int),
    "phone": (str,),
    "number": (int, Decimal),
    "count": (int,),
    "ordinal": (int,),
    "percent": (int, Decimal),
    "money": (Money,),
    "day": (date, datetime),
    "date": (date, datetime),
    "weekday": (date, datetime),
    "time": (time, datetime),
    "moment": (datetime,),
    "duration": (timedelta,),
    "range": (timedelta,),
}
"""The ways to say a variable, as in `{position:number}`, and the types each way fits."""

_SINGLE_BOUNDS: Final[Mapping[str, str]] = {"one minute": "a minute", "one hour": "an hour", "一小时": "一个小时"}

WAIT_RANGES: Final = (
    WaitRange(low_minutes=None, high_minutes=1),
    *(
        WaitRange(low_minutes=low, high_minutes=high)
        for low, high in ((1, 2), (2, 3), (3, 5), (5, 10), (10, 15), (15, 20), (20, 30), (30, 45), (45, 60))
    ),
    WaitRange(low_minutes=60, high_minutes=None),
)
"""Every range that is ever said, shortest first: few enough to be told apart, and all of them can be built early."""


def wait_range(expected_wait: timedelta) -> WaitRange:
    """The range an expected wait falls into; its upper bound belongs to the next range."""
    for candidate in WAIT_RANGES:
        if candidate.high_minutes is None or expected_wait < timedelta(minutes=candidate.high_minutes):
            return candidate
    return WAIT_RANGES[-1]


def say_duration(duration: timedelta, language: str) -> str:
    """Days and hours, hours and minutes, or seconds when it is shorter than a minute."""
    seconds = max(0, round(duration.total_seconds()))
    if seconds < 60:
        return _counted(seconds, "second", language)
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours >= 24:
        days, hours = divmod(round(seconds / 3_600), 24)
        counts = ((days, "day"), (hours, "hour"))
    else:
        counts = ((hours, "hour"), (minutes, "minute"))
    parts = [_counted(count, unit, language) for count, unit in counts if count]
    return ("" if language == "zh" else " and ").join(parts)


def say_range(expected_wait: timedelta, language: str) -> str:
    """An expected wait as a rounded range, for an estimate must not sound more certain than it is."""
    return say_wait_range(wait_range(expected_wait), language)


def say_wait_range(said: WaitRange, language: str) -> str:
    """A range of minutes in words."""
    low, high = said.low_minutes, said.high_minutes
    if low is None or high is None:
        bound = say_duration(timedelta(minutes=low or high or 1), language)
        bound = _SINGLE_BOUNDS.get(bound, bound)
        if language == "zh":
            return ("不到" if low is None else "超过") + bound
        return ("less than " if low is None else "more than ") + bound
    if language == "zh":
        return f"大约{zh_count(low)}到{zh_count(high)}分钟"
    return f"about {say_number(low, language)} to {say_number(high, language)} minutes"


def say_value(value: Value, form: str | None, language: str) -> str:
    """A variable as `form` asks, or as its type suggests; a value that does not fit is read as text."""
    match form, value:
        case "range", timedelta():
            return say_range(value, language)
        case _, timedelta():
            return say_duration(value, language)
        case _, bool():
            return str(value)
        case (("digits" | "phone"), (str() | int())):
            return say_digits(str(value), language, telephone=form == "phone")
        case "count", int() if language == "zh":
            return zh_count(value)
        case "ordinal", int():
            return say_ordinal(value, language)
        case "percent", (int() | Decimal()):
            return say_percent(value, language)
        case _, int():
            return say_number(value, language)
        case _, Decimal():
            return say_decimal(value, language)
        case _, Money():
            return say_money(value, language)
        case _, (date() | time()):
            return say_when(value, form, language)
        case _:
            return str(value)


def _counted(count: int, unit: str, language: str) -> str:
    if language == "zh":
        return zh_count(count) + {"second": "秒", "minute": "分钟", "hour": "小时", "day": "天"}[unit]
    return f"{say_number(count, 'en')} {unit}{'' if count == 1 else 's'}"
