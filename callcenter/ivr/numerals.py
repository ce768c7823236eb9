"""Numbers in words, in Chinese and English: whole ones, digits, ordinals, decimals and percentages."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

HIGHEST_NUMBER: Final = 999_999_999_999

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
_EN_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_EN_GROUPS: Final = ("", " thousand", " million", " billion")


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


def say_ordinal(number: int, language: str) -> str:
    """Which one in a row: 第三, third."""
    if language == "zh":
        return "第" + say_number(number, language)
    words = say_number(number, language)
    head, joint, last = words.rpartition("-") if "-" in words.rpartition(" ")[2] else words.rpartition(" ")
    if last in _EN_ORDINALS:
        last = _EN_ORDINALS[last]
    else:
        last = last.removesuffix("y") + "ieth" if last.endswith("y") else last + "th"
    return head + joint + last


def say_decimal(number: Decimal, language: str) -> str:
    """A number with the digits behind its point, without zeros at the end; one that is none is not said."""
    if not number.is_finite():
        return ""
    sign, digits, exponent = number.normalize().as_tuple()
    if not isinstance(exponent, int) or exponent >= 0:
        return say_number(int(number), language)
    written = "".join(map(str, digits)).rjust(1 - exponent, "0")
    whole, behind = written[:exponent], written[exponent:]
    minus = ("负" if language == "zh" else "minus ") if sign else ""
    point = "点" if language == "zh" else " point "
    return minus + say_number(int(whole), language) + point + say_digits(behind, language)


def say_percent(number: int | Decimal, language: str) -> str:
    """A percentage: 百分之十二点五, twelve point five percent."""
    said = say_decimal(Decimal(number), language)
    if language == "zh":
        return "负百分之" + said.removeprefix("负") if said.startswith("负") else "百分之" + said
    return said + " percent"


def zh_count(count: int) -> str:
    """A Chinese number before a measure word: two is 两 there, not 二; in 十二 and the like it stays."""
    return "两" if count == 2 else say_number(count, "zh")


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
    said: list[str] = []
    for index in range(len(_EN_GROUPS) - 1, -1, -1):
        group = number // 1_000**index % 1_000
        if group:
            # "One thousand and five", as "one hundred and five".
            joint = "and " if said and index == 0 and group < 100 else ""
            said.append(joint + _en_group(group) + _EN_GROUPS[index])
    return " ".join(said)


def _en_group(group: int) -> str:
    hundreds, rest = divmod(group, 100)
    said = [f"{_EN_SMALL[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        said.append(_EN_TENS[rest // 10] + (f"-{_EN_SMALL[rest % 10]}" if rest % 10 else ""))
    elif rest:
        said.append(_EN_SMALL[rest])
    return " and ".join(said)
