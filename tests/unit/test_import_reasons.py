"""Every reason of a bad row, and what would be right, is said in Chinese and in English, with what it is about."""

import re

import pytest

from callcenter.crm import import_reasons
from callcenter.crm.import_reasons import FaultCode, RowFault

CHINESE = re.compile("[\u4e00-\u9fff]")
PLACE = re.compile(r"\{[a-z_]+\}")
TABLES = (import_reasons._WRONG, import_reasons._WANTED)
NO_CHINESE = {"A、B 或 C"}


@pytest.mark.parametrize("code", FaultCode)
def test_every_code_has_words_in_both_languages_that_tell_the_same_values(code: FaultCode) -> None:
    for table in TABLES:
        zh, en = table[code]
        assert CHINESE.search(zh), zh
        assert en
        assert not CHINESE.search(en), en
        said = [{place.removesuffix("_zh}").removesuffix("_en}") for place in PLACE.findall(text)} for text in (zh, en)]
        assert said[0] == said[1]


def fault(code: FaultCode, **about: str | int | tuple[str, ...]) -> RowFault:
    return RowFault(row=9, column="x", value="", code=code, about=about)


def test_what_it_is_about_is_told() -> None:
    twice = fault(FaultCode.KEY_TWICE, row=5)
    assert (twice.wrong().zh, twice.wrong().en) == ("与第 5 行重复", "stands in row 5 already")
    long = fault(FaultCode.TOO_LONG, length="10,000", longest="200")
    assert (long.wrong().zh, long.wanted().zh) == ("有 10,000 个字符，太长", "最多 200 个字符")
    assert long.wanted().en == "at most 200 characters"
    choice = fault(FaultCode.UNKNOWN_CHOICE, choices=("大", "小"))
    assert (choice.wanted().zh, choice.wanted().en) == ("大、小 之一", "one of 大, 小")


def test_braces_of_a_file_stay_as_they_are() -> None:
    assert fault(FaultCode.OTHER_ID, source="{known}", known="{row}").wrong().en == (
        "differs from {row}, which this customer has in {known}"
    )
