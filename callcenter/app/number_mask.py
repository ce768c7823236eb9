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
_ANYWHERE: Final = re.compile(r"(?<![\w.])(?:\+|0|\(0)?\d(?:[ \-().\u00a0/]{0,2}\d){5,17}(?!\w)")
_SHORT: Final = re.compile(r"\+?\d(?:[ \-().\u00a0/]{0,2}\d){2,17}")
_LONG_DIGITS: Final = 9
"""Written without + or 0 before it, a number of fewer digits may be that of an order, a customer or a date."""


def mask_document(encoded: bytes) -> bytes:
    """A JSON document with its numbers masked."""
    return msgspec.json.encode(_masked(msgspec.json.decode(encoded), ""))


def mask_text(text: str) -> str:
    """A text with the numbers in it masked."""
    return _ANYWHERE.sub(_mask_long, text)


def mask_number(text: str) -> str:
    """What is a number or an address; an address of mail stays."""
    return text if "@" in text else _SHORT.sub(_mask, text)


def is_masked(text: str) -> bool:
    """Whether somebody sends back what he was shown."""
    return MARK in text


def _masked(value: object, key: str) -> object:
    match value:
        case str():
            if _TIME.fullmatch(value) or key in _AS_THEY_ARE or key.endswith(_ENDINGS):
                return value
            return mask_number(value) if key in _OF_NUMBERS else mask_text(value)
        case dict():
            is_phone = value.get("kind") == _PHONE
            return {
                name: mask_number(inner)
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
    digits = len(_DIGIT.findall(text))
    return _mask(found) if digits >= _LONG_DIGITS or (text[0] in "+0(" and digits > SHOWN_DIGITS) else text


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
    return "".join(out).replace("+", "")
