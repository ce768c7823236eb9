"""Takes telephone numbers out of what somebody is shown who may not see them: the one place for all ways out.

Law: it looks at every text of a document, so that what is added later is masked without anybody thinking of it; ids,
times and cursors stay, so that whatever is clicked still works.
"""

import re
from typing import Final

import msgspec

MARK: Final = "•"
SHOWN_DIGITS: Final = 3
"""The last digits stay, so that people can talk about which number is meant."""

_OF_NUMBERS: Final = frozenset({"raw", "e164", "national", "ani", "address", "caller_name", "caller", "display_number"})
"""Fields that hold nothing but a number or an address: in them short local numbers are masked as well."""
_AS_THEY_ARE: Final = frozenset(
    {"id", "at", "file", "code", "epoch", "token", "seq", "dnis", "next_after", "next_before", "placed_on", "due_on"}
)
_ENDINGS: Final = ("_id", "_ids", "_at", "_on", "_until", "_since", "_by")
_PHONE: Final = "phone"
"""The kind of a contact point whose `value` is a number."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:?\d\d)?)?")
_DIGIT: Final = re.compile(r"\d")
_AMOUNT: Final = re.compile(r"-?(0|[1-9]\d{0,11})\.\d{1,4}", re.ASCII)
_BETWEEN: Final = r"[ \t\-().\u00a0\u2009\u202f\u2010-\u2015\u2212\uff0d\u3000/]{0,3}"
"""What people write between digits: blanks and dashes of Chinese and of printed texts, too."""
_ID: Final = (
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{16,}"
    r"|1[5-9][0-9]{8}\.[0-9]{1,7})(?![0-9A-Za-z])"
)
"""Ids of ours and of the exchange: what is clicked must stay."""
_ANYWHERE: Final = re.compile(rf"(?P<id>{_ID})|(?<!\d)(?<!\d[.])(?:\+|\uff0b|0|\(0)?\d(?:{_BETWEEN}\d){{5,17}}(?!\d)")
"""A number may stand right beside a word, as Chinese is written: 手机13800138000."""
_SHORT: Final = re.compile(rf"[+\uff0b]?\d(?:{_BETWEEN}\d){{2,}}")
_LONG_DIGITS: Final = 9
"""Written without + or 0 before it, a number of fewer digits may be that of an order, a customer or a date."""


def mask_document(encoded: bytes) -> bytes:
    """A JSON document with its numbers masked."""
    return msgspec.json.encode(_masked(msgspec.json.decode(encoded), ""))


def mask_text(text: str) -> str:
    """A text with the numbers in it masked."""
    return _ANYWHERE.sub(_mask_long, text)


def mask_number(text: str) -> str:
    """What is a number or an address; of an address of mail what is a number in it."""
    return mask_text(text) if "@" in text else _SHORT.sub(_mask, text)


def is_masked(text: str) -> bool:
    """Whether somebody sends back what he was shown."""
    return MARK in text


def _masked(value: object, key: str) -> object:
    match value:
        case str():
            if _TIME.fullmatch(value) or key in _AS_THEY_ARE or key.endswith(_ENDINGS):
                return value
            if _AMOUNT.fullmatch(value) and key not in _OF_NUMBERS:
                return value
            return mask_number(value) if key in _OF_NUMBERS else mask_text(value)
        case dict():
            is_phone = value.get("kind") == _PHONE
            return {
                mask_text(name): mask_number(inner)
                if is_phone and name == "value" and isinstance(inner, str)
                else _masked(inner, name)
                for name, inner in value.items()
            }
        case list():
            return [_masked(inner, key) for inner in value]
        case _:
            return value


def _mask_long(found: re.Match[str]) -> str:
    text = found.group()
    if found["id"] is not None:
        return text
    digits = len(_DIGIT.findall(text))
    return _mask(found) if digits >= _LONG_DIGITS or (text[0] in "+\uff0b0(" and digits > SHOWN_DIGITS) else text


def _mask(found: re.Match[str]) -> str:
    """All digits but the last ones; how it is divided stays."""
    text = found.group()
    left = len(_DIGIT.findall(text)) - SHOWN_DIGITS
    out = []
    for sign in text:
        if sign.isdigit() and left > 0:
            out.append(MARK)
            left -= 1
        else:
            out.append(sign)
    return "".join(out).replace("+", "").replace("\uff0b", "")
