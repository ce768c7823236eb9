"""Numbers, places and times as people say them, in Chinese and English, written out for a voice to read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from callcenter.domain.waits import WaitRange

SPOKEN_LANGUAGES: Final = ("zh", "en")
HIGHEST_NUMBER: Final = 999_999_999_999

Speakable = str | int | timedelta
"""What a variable of a prompt may hold; a bool is for conditions only."""

FORMS: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "digits": (str, int),
    "phone": (str,),
    "number": (int,),
    "duration": (timedelta,),
    "range": (timedelta,),
}
"""The ways to say a variable, as in `{position:number}`, and the types each way fits."""

_ZH_DIGITS: Final = "零一二三四五六七八九"
_ZH_PLACES: Final = ("", "十", "百", "千")
_ZH_GROUPS: Final = ("", "万", "亿")
_EN_SMALL: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_EN_TENS: Final = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_EN_GROUPS: Final = ("", " thousand", " million", " billion")


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


def say_number(number: int, language: str) -> str:
    """A whole number in words; one too great for words is read digit by digit."""
    if abs(number) > HIGHEST_NUMBER:
        return say_digits(str(number), language)
    if number < 0:
        return ("负" if language == "zh" else "minus ") + say_number(-number, language)
    return _zh_number(number) if language == "zh" else _en_number(number)


def say_digits(text: str, language: str, *, telephone: bool = False) -> str:
    """Each digit by itself, other signs left out; a Chinese telephone number says 幺 for 1."""
    digits = [int(sign) for sign in text if sign in "0123456789"]
    if language == "zh":
        said = "".join(_ZH_DIGITS[digit] for digit in digits)
        return said.replace("一", "幺") if telephone else said
    return " ".join(_EN_SMALL[digit] for digit in digits)


def say_duration(duration: timedelta, language: str) -> str:
    """Hours and minutes, or seconds when it is shorter than a minute."""
    seconds = max(0, round(duration.total_seconds()))
    if seconds < 60:
        return _counted(seconds, "second", language)
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = [_counted(hours, "hour", language)] if hours else []
    if minutes:
        parts.append(_counted(minutes, "minute", language))
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
        return f"大约{_zh_count(low)}到{_zh_count(high)}分钟"
    return f"about {say_number(low, language)} to {say_number(high, language)} minutes"


def say_value(value: Speakable | bool, form: str | None, language: str) -> str:
    """A variable as `form` asks, or as its type suggests; a value that does not fit is read as text."""
    match form, value:
        case "range", timedelta():
            return say_range(value, language)
        case _, timedelta():
            return say_duration(value, language)
        case (("digits" | "phone"), (str() | int())):
            return say_digits(str(value), language, telephone=form == "phone")
        case _, int() if not isinstance(value, bool):
            return say_number(value, language)
        case _:
            return str(value)


def _counted(count: int, unit: str, language: str) -> str:
    if language == "zh":
        return _zh_count(count) + {"second": "秒", "minute": "分钟", "hour": "小时"}[unit]
    return f"{_en_number(count)} {unit}{'' if count == 1 else 's'}"


def _zh_count(count: int) -> str:
    # Before a measure word two is 两, not 二; in 十二 and the like it stays.
    return "两" if count == 2 else _zh_number(count)


def _zh_number(number: int) -> str:
    if number == 0:
        return _ZH_DIGITS[0]
    said, gap = "", False
    for index in range(len(_ZH_GROUPS) - 1, -1, -1):
        group = number // 10_000**index % 10_000
        if group == 0:
            gap = bool(said)
            continue
        # However many places are empty, one 零 stands for them.
        if said and (gap or group < 1_000):
            said += "零"
        said += ("两" if group == 2 and index else _zh_group(group)) + _ZH_GROUPS[index]
        gap = False
    if said.startswith("二千"):
        return "两" + said[1:]
    return said.removeprefix("一") if said.startswith("一十") else said


def _zh_group(group: int) -> str:
    said = ""
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit:
            said += _ZH_DIGITS[digit] + _ZH_PLACES[place]
        elif said and not said.endswith("零") and group % 10**place:
            said += "零"
    return said


def _en_number(number: int) -> str:
    if number == 0:
        return _EN_SMALL[0]
    said = []
    for index in range(len(_EN_GROUPS) - 1, -1, -1):
        group = number // 1_000**index % 1_000
        if group:
            said.append(_en_group(group) + _EN_GROUPS[index])
    return " ".join(said)


def _en_group(group: int) -> str:
    hundreds, rest = divmod(group, 100)
    said = [f"{_EN_SMALL[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        said.append(_EN_TENS[rest // 10] + (f"-{_EN_SMALL[rest % 10]}" if rest % 10 else ""))
    elif rest:
        said.append(_EN_SMALL[rest])
    return " and ".join(said)
