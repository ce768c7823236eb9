"""Numbers and times said aloud, checked against readers written the other way round."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.numerals import HIGHEST_NUMBER, say_digits, say_number
from callcenter.ivr.speech import (
    WAIT_RANGES,
    say_duration,
    say_range,
    say_value,
    wait_range,
)

SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ENGLISH = {word: value for value, word in enumerate(SMALL.split())}
ENGLISH |= {word: 10 * place for place, word in enumerate(TENS.split(), start=2)}


def read_english(words: str) -> int:
    total = group = 0
    for word in words.replace("-", " ").split():
        if word == "hundred":
            group *= 100
        elif word in ("thousand", "million", "billion"):
            total += group * {"thousand": 10**3, "million": 10**6, "billion": 10**9}[word]
            group = 0
        elif word != "and":
            group += ENGLISH[word]
    return total + group


def read_chinese(words: str) -> int:
    total = group = digit = 0
    if words.startswith("十"):
        words = "一" + words
    for sign in words.replace("两", "二"):
        if sign in "零一二三四五六七八九":
            digit = "零一二三四五六七八九".index(sign)
        elif sign in "十百千":
            group += digit * 10 ** ("十百千".index(sign) + 1)
            digit = 0
        else:
            total += (group + digit) * {"万": 10**4, "亿": 10**8}[sign]
            group = digit = 0
    return total + group + digit


@given(st.integers(0, HIGHEST_NUMBER))
def test_a_number_in_english_words_is_the_number(number: int) -> None:
    assert read_english(say_number(number, "en")) == number


@given(st.integers(0, HIGHEST_NUMBER))
def test_a_number_in_chinese_words_is_the_number(number: int) -> None:
    said = say_number(number, "zh")
    assert read_chinese(said) == number
    assert "零零" not in said
    assert said == "零" or not said.endswith("零")


@pytest.mark.parametrize(
    ("number", "chinese", "english"),
    [
        (0, "零", "zero"),
        (2, "二", "two"),
        (10, "十", "ten"),
        (12, "十二", "twelve"),
        (21, "二十一", "twenty-one"),
        (105, "一百零五", "one hundred and five"),
        (110, "一百一十", "one hundred and ten"),
        (2_000, "两千", "two thousand"),
        (10_005, "一万零五", "ten thousand and five"),
        (100_000, "十万", "one hundred thousand"),
        (100_050_000, "一亿零五万", "one hundred million fifty thousand"),
        (-3, "负三", "minus three"),
    ],
)
def test_numbers_are_said_as_people_say_them(number: int, chinese: str, english: str) -> None:
    assert say_number(number, "zh") == chinese
    assert say_number(number, "en") == english


def test_a_number_too_great_for_words_is_read_digit_by_digit() -> None:
    assert say_number(HIGHEST_NUMBER + 1, "en") == "one" + " zero" * 12


def test_a_chinese_telephone_number_says_yao_and_an_account_does_not() -> None:
    assert say_digits("+86 138-0011", "zh", telephone=True) == "八六幺三八零零幺幺"
    assert say_digits("1001", "zh") == "一零零一"


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (1, "一秒", "one second"),
        (45, "四十五秒", "forty-five seconds"),
        (120, "两分钟", "two minutes"),
        (3_600, "一小时", "one hour"),
        (7_320, "两小时两分钟", "two hours and two minutes"),
        (-5, "零秒", "zero seconds"),
    ],
)
def test_durations(seconds: int, chinese: str, english: str) -> None:
    assert say_duration(timedelta(seconds=seconds), "zh") == chinese
    assert say_duration(timedelta(seconds=seconds), "en") == english


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (20, "不到一分钟", "less than a minute"),
        (150, "大约两到三分钟", "about two to three minutes"),
        (240, "大约三到五分钟", "about three to five minutes"),
        (300, "大约五到十分钟", "about five to ten minutes"),
        (4_000, "超过一个小时", "more than an hour"),
    ],
)
def test_an_expected_wait_is_a_range(seconds: int, chinese: str, english: str) -> None:
    assert say_range(timedelta(seconds=seconds), "zh") == chinese
    assert say_range(timedelta(seconds=seconds), "en") == english


@given(st.timedeltas(timedelta(0), timedelta(days=2)))
def test_the_range_holds_the_wait(expected_wait: timedelta) -> None:
    said = wait_range(expected_wait)
    assert said.low_minutes is None or timedelta(minutes=said.low_minutes) <= expected_wait
    assert said.high_minutes is None or expected_wait < timedelta(minutes=said.high_minutes)


def test_the_ranges_follow_each_other_without_a_gap() -> None:
    assert [said.high_minutes for said in WAIT_RANGES[:-1]] == [said.low_minutes for said in WAIT_RANGES[1:]]


def test_a_value_that_does_not_fit_its_form_is_read_as_text() -> None:
    assert say_value("soon", "range", "en") == "soon"
    assert say_value("soon", "number", "en") == "soon"
    assert say_value(7, None, "en") == "seven"
