"""What a customer is found by: terms of name, numbers and addresses, so that a part typed is the beginning of a term.

Law: the terms of a text depend on the text alone, and a search for any term's beginning finds it.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from callcenter.domain.customers import ContactPoint, ContactPointKind

TERMS_VERSION = "1"
"""Changes whenever other terms come out: the store then makes them anew."""
LONGEST_TERM = 32
MOST_UNITS = 20
"""Words and Chinese characters of a name that are looked at; no customer is told apart by the twenty-first."""
MOST_TERMS = 80
SHORTEST_INFIX = 3
SHORTEST_NUMBER_END = 4
SHORTEST_NUMBER_PART = 2
SHORTEST_WHOLE_NUMBER = 7
"""Digits of a number without its country; shorter ones are parts."""
SHOWN_DIGITS = 2
"""A text with no more digits than these among its letters is a name or an address, and no guess at a number."""
BACKWARDS = "~"
"""Before a number that is written from its end: who knows the last four digits types a beginning, too."""

_NUMBER_LIKE = re.compile(r"^[+\d][\d\s().\-/]*$", re.ASCII)
_RUNS = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]+|[^\u3400-\u9fff\U00020000-\U0003ffff]+")
_PLAIN = re.compile("[a-z0-9 \u4e00-\u9fff]*$")
"""Nothing in it is to be folded."""
_CHINESE = re.compile("[\u4e00-\u9fff]+\\Z")
_NO_DIGITS = re.compile(r"\D+", re.ASCII)
_BEFORE_ADDRESS = re.compile(r"[@:]/*")
READINGS_KEPT = 50_000
SHORT_NAME = 5
"""Characters of a name that is looked through for phrases; longer ones are read by the library as a whole."""
_SURNAMES = {
    "单": "shan",
    "仇": "qiu",
    "曾": "zeng",
    "解": "xie",
    "查": "zha",
    "盖": "ge",
    "区": "ou",
    "朴": "piao",
    "任": "ren",
    "翟": "zhai",
    "乐": "yue",
    "缪": "miao",
    "种": "chong",
    "覃": "qin",
    "华": "hua",
    "折": "she",
    "员": "yun",
    "宓": "mi",
    "秘": "bi",
    "冼": "xian",
    "燕": "yan",
    "召": "shao",
    "繁": "po",
    "逄": "pang",
    "卜": "bu",
    "牟": "mu",
    "尹": "yin",
}
"""Characters that are read otherwise, or in one of several ways, where they are a surname."""


class _Unit(NamedTuple):
    """A Chinese character with its reading, or a word of other letters, which reads as it is written."""

    text: str
    reading: str
    is_chinese: bool


def fold(text: str) -> str:
    """Letters and digits alone, small, without accents: `Müller-Lüdenscheidt` is `mullerludenscheidt`."""
    return "".join(_words(text))


def pinyin_of(text: str) -> str:
    """The name in pinyin without tones and spaces, "" where nothing in it is Chinese."""
    units = _units(text)
    return "".join(unit.reading for unit in units) if any(unit.is_chinese for unit in units) else ""


@lru_cache(READINGS_KEPT)
def name_terms(name: str) -> frozenset[str]:
    """Terms of a name: from each character or word on; in pinyin, in initials; and from within long words."""
    if len(name) <= SHORT_NAME and _CHINESE.match(name):
        return _chinese_terms(name)
    units = _units(name)
    texts = [unit.text for unit in units]
    found = ["".join(texts[start:]) for start in range(len(texts))]
    if any(unit.is_chinese for unit in units):
        found += [term for readings in _readings(units) for term in _spoken(readings)]
    elif len(units) <= 4:
        # Who types the family name first means the same person.
        found += ["".join(texts[start:] + texts[:start]) for start in range(1, len(texts))]
    for text, _, is_chinese in units:
        if not is_chinese:
            found += [text[start:] for start in range(1, len(text) - SHORTEST_INFIX + 1)]
    distinct = dict.fromkeys([term[:LONGEST_TERM] for term in found])
    return frozenset(distinct if len(distinct) <= MOST_TERMS else list(distinct)[:MOST_TERMS])


def _chinese_terms(name: str) -> frozenset[str]:
    """What `name_terms` says of a few Chinese characters, which most names are."""
    usual = _read(name)
    found = [name[start:] for start in range(len(name))]
    surname = _SURNAMES.get(name[0])
    if surname is not None and surname != usual[0]:
        found += _spoken((surname, *usual[1:]))
    found += _spoken(usual)
    return frozenset([term[:LONGEST_TERM] for term in found])


def _spoken(readings: Sequence[str]) -> list[str]:
    """In full and in initials, from each character on; a single initial says nothing."""
    starts = range(len(readings))
    initials = "".join(reading[0] for reading in readings)
    return ["".join(readings[start:]) for start in starts] + [initials[start:] for start in starts[:-1]]


def point_terms(point: ContactPoint) -> frozenset[str]:
    """Terms of a contact point: a number from its beginning, with and without its country, and from its end."""
    if point.kind is ContactPointKind.PHONE:
        is_whole = point.value.startswith("+")
        digits = point.value[1:]
        if not (is_whole and digits.isdecimal() and digits.isascii()):
            digits = _digits(point.value)
        if not digits:
            return frozenset()
        national = _national(digits) if is_whole else digits
        return frozenset((digits, national, BACKWARDS + digits[::-1]))
    value = point.value.lower()
    after = _BEFORE_ADDRESS.split(value, maxsplit=1)[-1]
    return frozenset(part[:LONGEST_TERM] for part in (value, after) if part)


def customer_terms(name: str, points: Iterable[ContactPoint]) -> frozenset[str]:
    """All terms of a customer."""
    return name_terms(name).union(*(point_terms(point) for point in points))


def search_keys(text: str) -> tuple[str, ...]:
    """Beginnings of terms to look for, the likeliest first; none where the text holds neither letter nor digit."""
    text = text.strip()
    if _NUMBER_LIKE.match(text):
        digits = _digits(text)
        forward = digits.lstrip("0")
        keys = [forward] if len(forward) >= SHORTEST_NUMBER_PART else []
        if len(digits) >= SHORTEST_NUMBER_END:
            keys.append(BACKWARDS + digits[::-1])
        return tuple(keys)
    lowered = text.lower()[:LONGEST_TERM]
    if "@" in text:
        return (lowered.lstrip("@"),) if lowered.strip("@") else ()
    folded = fold(text)[:LONGEST_TERM]
    looks_like_address = folded and not re.search(r"\s", text) and re.search(r"[.:]", text)
    return tuple(key for key in (folded, lowered if looks_like_address else "") if key)


def holds_number_part(text: str) -> bool:
    """Whether digit by digit a number could be found out by searching for such texts."""
    return _NUMBER_LIKE.match(text.strip()) is not None or len(_NO_DIGITS.sub("", fold(text))) > SHOWN_DIGITS


def whole_values(text: str) -> tuple[str, ...]:
    """What a contact point may be that somebody typed from beginning to end; a number may lack its country."""
    text = text.strip()
    if not _NUMBER_LIKE.match(text):
        return (text, text.lower())
    digits = _digits(text)
    national = digits.lstrip("0")
    if text.startswith("+") or len(national) < SHORTEST_WHOLE_NUMBER:
        return (f"+{digits}",)
    return (f"+{national}", *(f"+{code}{national}" for code in sorted(_COUNTRY_CODES)))


def _words(text: str) -> list[str]:
    if _PLAIN.match(text):
        return text.split()
    plain = unicodedata.normalize("NFKD", text[: 8 * MOST_UNITS * LONGEST_TERM].casefold())
    letters = (character for character in plain if not unicodedata.combining(character))
    return "".join(character if character.isalnum() else " " for character in letters).split()


def _units(text: str) -> list[_Unit]:
    units: list[_Unit] = []
    for word in _words(text):
        for run in _RUNS.findall(word):
            if not _is_chinese(run[0]):
                units.append(_Unit(run, run, is_chinese=False))
                continue
            units += [_Unit(one, reading, is_chinese=True) for one, reading in zip(run, _read(run), strict=False)]
        if len(units) >= MOST_UNITS:
            break
    return units[:MOST_UNITS]


@lru_cache(READINGS_KEPT)
def _read(characters: str) -> tuple[str, ...]:
    """Their readings; one without a reading stands for itself, so that every one keeps its place."""
    # Its tables take a quarter of a second to load: not when the server starts.
    from pypinyin import Style, lazy_pinyin
    from pypinyin.constants import PHRASES_DICT

    count = len(characters)
    if count <= SHORT_NAME and not any(
        characters[start:end] in PHRASES_DICT for start in range(count) for end in range(start + 2, count + 1)
    ):
        # No phrase with a reading of its own: each character reads as it does alone, found in a tenth of the time.
        return tuple(_read_one(character) for character in characters)
    return tuple(lazy_pinyin(characters, style=Style.NORMAL, errors=list))  # type: ignore[arg-type]


@lru_cache(READINGS_KEPT)
def _read_one(character: str) -> str:
    from pypinyin import Style, lazy_pinyin

    return lazy_pinyin(character, style=Style.NORMAL, errors=list)[0]  # type: ignore[arg-type]


def _readings(units: Sequence[_Unit]) -> list[list[str]]:
    usual = [unit.reading for unit in units]
    surname = _SURNAMES.get(units[0].text)
    return [usual] if surname in (None, usual[0]) else [[surname or "", *usual[1:]], usual]


def _is_chinese(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff"


def _digits(text: str) -> str:
    return _NO_DIGITS.sub("", text)


def _national(digits: str) -> str:
    """Without the country's code: no code is the beginning of another (ITU-T E.164)."""
    for length in (1, 2, 3):
        if digits[:length] in _COUNTRY_CODES:
            return digits[length:] or digits
    return digits


_COUNTRY_CODES = frozenset(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)
