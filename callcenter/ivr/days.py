"""Days and times of the day in words: 星期一上午九点半, Monday at nine thirty a.m."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Final

from callcenter.ivr.numerals import say_digits, say_number, say_ordinal, zh_count

_ZH_WEEKDAYS: Final = "一二三四五六日"
_EN_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EN_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_ZH_PARTS: Final = ((6, "凌晨"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))


def say_when(value: date | time, form: str | None, language: str) -> str:
    """A day, a time or a moment, in the form asked for: `day`, `date` (with the year), `weekday`, `time`, `moment`."""
    match form, value:
        case _, time():
            return say_time(value, language)
        case "time", datetime():
            return say_time(value.time(), language)
        case "weekday", _:
            return say_weekday(value, language)
        case "date", _:
            return say_date(value, language)
        case ((None | "moment"), datetime()):
            return say_moment(value, language)
        case _:
            return say_day(value, language)


def say_day(day: date, language: str) -> str:
    """The day without its year."""
    if language == "zh":
        return f"{say_number(day.month, 'zh')}月{say_number(day.day, 'zh')}日"
    return f"{_EN_MONTHS[day.month - 1]} {say_ordinal(day.day, 'en')}"


def say_date(day: date, language: str) -> str:
    """The day with its year."""
    if language == "zh":
        return f"{say_digits(str(day.year), 'zh')}年{say_day(day, 'zh')}"
    return f"{say_day(day, 'en')}, {_en_year(day.year)}"


def say_weekday(day: date, language: str) -> str:
    """The day of the week."""
    return "星期" + _ZH_WEEKDAYS[day.weekday()] if language == "zh" else _EN_WEEKDAYS[day.weekday()]


def say_time(moment: time, language: str) -> str:
    """The time of the day, by the clock of twelve hours; seconds are not said."""
    hour, minute = moment.hour, moment.minute
    if language == "zh":
        part = next(name for end, name in _ZH_PARTS if hour < end)
        said = "零" if hour == 0 else zh_count((hour - 1) % 12 + 1)
        return f"{part}{said}点{_zh_minute(minute)}"
    if minute == 0 and hour in (0, 12):
        return "noon" if hour else "midnight"
    said = say_number((hour - 1) % 12 + 1, "en")
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{say_number(minute, 'en')}"
    return said + (" a.m." if hour < 12 else " p.m.")


def say_moment(moment: datetime, language: str) -> str:
    """Day, day of the week and time."""
    day, weekday, at = say_day(moment, language), say_weekday(moment, language), say_time(moment.time(), language)
    return day + weekday + at if language == "zh" else f"{weekday}, {day}, at {at}"


def _zh_minute(minute: int) -> str:
    if minute == 0:
        return ""
    if minute == 30:
        return "半"
    return f"{'零' if minute < 10 else ''}{say_number(minute, 'zh')}分"


def _en_year(year: int) -> str:
    century, rest = divmod(year, 100)
    if year < 1000 or year % 1000 < 10:
        return say_number(year, "en").replace(" and ", " ")
    if rest == 0:
        return f"{say_number(century, 'en')} hundred"
    return f"{say_number(century, 'en')} {'oh ' if rest < 10 else ''}{say_number(rest, 'en')}"
