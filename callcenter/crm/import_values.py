"""Reads the cells of a file: each is a value of its field, or a reason why it is none and what would be right.

Law: a reader returns a value or raises `BadCell`; whatever text comes, nothing else is raised.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

import phonenumbers

from callcenter.crm.contact_points import normal_point
from callcenter.crm.custom_fields import LONGEST_TEXT, CustomField, CustomKind
from callcenter.crm.import_reasons import FaultCode, Told
from callcenter.domain.customers import ConsentState, ContactPoint, ContactPointKind, CustomerKind, CustomValue
from callcenter.domain.errors import InvalidValue
from callcenter.domain.money import PLACES

LONGEST_NAME = 200
LONGEST_SHORT = 100
LONGEST_NOTES = 10_000
LONGEST_VALUE = 254
LARGEST_AMOUNT = Decimal(10) ** 12
MOST_ENTRIES = 50
_SPACED_NUMBER = re.compile(r"[+(]?[0-9][0-9 ().-]{7,38}\Z", re.ASCII)
_NO_SEPARATORS = str.maketrans("", "", " ().-")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*\Z")
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,100}\Z")
_ID = re.compile(r"[!-.0-~]{1,64}\Z")
_LABELLED = re.compile(r"(?P<value>.*?)\s*\[(?P<label>[^\[\]\n]*)\]\Z", re.DOTALL)
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T].*)?\Z", re.DOTALL)
_COMPACT_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)\Z")
_MONEY_SIGNS = str.maketrans({"￥": "", "¥": "", "$": "", "€": "", " ": "", "\u00a0": "", "，": ","})
_YES = frozenset({"true", "yes", "y", "1", "是", "有", "对", "√"})
_NO = frozenset({"false", "no", "n", "0", "否", "无", "没有", "×"})
_KINDS: Mapping[str, CustomerKind] = {
    **dict.fromkeys(("person", "individual", "private", "个人", "人", "自然人"), CustomerKind.PERSON),
    **dict.fromkeys(
        ("organisation", "organization", "company", "business", "firm", "公司", "企业", "单位", "机构", "组织"),
        CustomerKind.ORGANISATION,
    ),
}
_CONSENTS: Mapping[str, ConsentState] = {
    **dict.fromkeys(("granted", "agreed", "opt-in", "同意", "已同意", "允许", "接受", *_YES), ConsentState.GRANTED),
    **dict.fromkeys(("refused", "declined", "opt-out", "拒绝", "不同意", "不接受", *_NO), ConsentState.REFUSED),
    **dict.fromkeys(
        ("do_not_contact", "do not contact", "do not call", "dnc", "勿扰", "请勿联系", "禁止联系", "免打扰"),
        ConsentState.DO_NOT_CONTACT,
    ),
}
_LANGUAGES: Mapping[str, str] = {
    "中文": "zh",
    "汉语": "zh",
    "chinese": "zh",
    "英文": "en",
    "英语": "en",
    "english": "en",
}


class BadCell(Exception):
    """A cell that is no value of its field: why, and the values that the words of that tell."""

    def __init__(self, code: FaultCode, about: Mapping[str, Told] = MappingProxyType({})) -> None:
        super().__init__(code)
        self.code = code
        self.about = dict(about)


def line(cell: str, longest: int = LONGEST_SHORT) -> str:
    """A text of one line."""
    text = cell.strip()
    if len(text) > longest:
        raise _too_long(text, longest)
    if _CONTROL.search(text):
        raise BadCell(FaultCode.NOT_ONE_LINE)
    return text


def name(cell: str) -> str:
    """A customer's name."""
    return line(cell, LONGEST_NAME)


def notes(cell: str) -> str:
    """A text of several lines."""
    if len(cell) > LONGEST_NOTES:
        raise _too_long(cell, LONGEST_NOTES)
    if _CONTROL_IN_LINES.search(cell):
        raise BadCell(FaultCode.CONTROL_CHARACTERS)
    return cell


def _too_long(text: str, longest: int) -> BadCell:
    return BadCell(FaultCode.TOO_LONG, {"length": f"{len(text):,}", "longest": f"{longest:,}"})


def kind(cell: str) -> CustomerKind:
    """A person or an organisation."""
    found = _KINDS.get(cell.strip().lower())
    if found is None:
        raise BadCell(FaultCode.UNKNOWN_KIND)
    return found


def language(cell: str) -> str:
    """A tag of BCP 47, or the name of a language that the pages speak."""
    text = cell.strip()
    found = _LANGUAGES.get(text.lower(), text)
    if len(found) > 35 or not _LANGUAGE.match(found):
        raise BadCell(FaultCode.UNKNOWN_LANGUAGE)
    return found


def segment(cell: str) -> str:
    """A class of value."""
    found = cell.strip().upper().removesuffix("类").removesuffix("级")
    if found not in ("A", "B", "C"):
        raise BadCell(FaultCode.UNKNOWN_SEGMENT)
    return found


def identity(cell: str) -> str:
    """The id that another system knows a record by."""
    return line(cell, LONGEST_SHORT)


def customer_number(cell: str) -> str:
    """4 to 12 digits."""
    text = cell.strip()
    if not (text.isascii() and text.isdecimal() and 4 <= len(text) <= 12):
        raise BadCell(FaultCode.INVALID_CUSTOMER_NUMBER)
    return text


def agent_id(cell: str) -> str:
    """An agent's id; whether he is there is for the store to say."""
    text = cell.strip()
    if not _ID.match(text):
        raise BadCell(FaultCode.UNKNOWN_AGENT)
    return text


def code(cell: str) -> str:
    """An order's number."""
    text = cell.strip()
    if not _CODE.match(text):
        raise BadCell(FaultCode.INVALID_CODE)
    return text


def day(cell: str) -> date:
    """A day, the year first."""
    text = cell.strip()
    found = _DAY.match(text) or _COMPACT_DAY.match(text)
    try:
        read = date(int(found[1]), int(found[2]), int(found[3])) if found is not None else None
    except ValueError:
        read = None
    if read is None or not 1900 <= read.year <= 2200:
        raise BadCell(FaultCode.INVALID_DATE)
    return read


def amount(cell: str) -> Decimal:
    """An exact amount; 1,234.50 and 1234.50 are the same."""
    text = cell.strip().translate(_MONEY_SIGNS)
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    try:
        found = Decimal(text) if re.fullmatch(r"[+-]?\d{1,13}(\.\d{1,20})?", text, re.ASCII) else None
    except InvalidOperation:
        found = None
    if found is None or abs(found) >= LARGEST_AMOUNT or found != found.quantize(PLACES):
        raise BadCell(FaultCode.INVALID_AMOUNT)
    return found


def currency(cell: str) -> str:
    """Three letters of ISO 4217."""
    text = {"人民币": "CNY", "RMB": "CNY", "美元": "USD", "欧元": "EUR"}.get(cell.strip(), cell.strip().upper())
    if not re.fullmatch(r"[A-Z]{3}", text, re.ASCII):
        raise BadCell(FaultCode.INVALID_CURRENCY)
    return text


def consent(cell: str) -> ConsentState:
    """What somebody said to being approached."""
    found = _CONSENTS.get(cell.strip().lower())
    if found is None:
        raise BadCell(FaultCode.UNKNOWN_CONSENT)
    return found


def parts(cell: str) -> list[str]:
    """Several values of one cell: each on its line, or between semicolons where there is one line only."""
    found = cell.split("\n") if "\n" in cell else re.split("[;；]", cell)
    return [one.strip() for one in found if one.strip()]


def tags(cell: str) -> tuple[str, ...]:
    """Words between semicolons."""
    return tuple(line(one) for one in parts(cell))


class PointReader:
    """Contact points of one kind; a number without its country is one of `region`."""

    def __init__(self, of: ContactPointKind, region: str) -> None:
        self._kind = of
        self._region = region
        self._quick = quick_numbers(region) if of is ContactPointKind.PHONE else None

    def __call__(self, cell: str) -> tuple[ContactPoint, ...]:
        """Those of a cell; a label may stand behind each in square brackets."""
        if self._quick is not None:
            number = self._quick(cell)
            if number is not None:
                return (ContactPoint(kind=self._kind, value=number),)
        return tuple(self._point(one) for one in parts(cell))

    def _point(self, text: str) -> ContactPoint:
        number = None if self._quick is None else self._quick(text)
        if number is not None:
            return ContactPoint(kind=self._kind, value=number)
        labelled = _LABELLED.match(text)
        value, label = (labelled["value"], labelled["label"]) if labelled is not None else (text, "")
        if len(value) > LONGEST_VALUE:
            raise _too_long(value, LONGEST_VALUE)
        point = ContactPoint(kind=self._kind, value=line(value, LONGEST_VALUE), label=line(label))
        try:
            return normal_point(point, self._region)
        except InvalidValue:
            raise BadCell(_NO_POINT[self._kind]) from None


_NO_POINT = {
    ContactPointKind.PHONE: FaultCode.INVALID_PHONE,
    ContactPointKind.EMAIL: FaultCode.INVALID_EMAIL,
    ContactPointKind.WEB: FaultCode.INVALID_WEB,
    ContactPointKind.SOCIAL: FaultCode.INVALID_SOCIAL,
}


def quick_numbers(region: str) -> Callable[[str], str | None]:
    """A reader of numbers that need no more than a look: those of North America with their country, and the mobile
    numbers of a region in China, and its fixed ones with their area, which are most of them there; with spaces,
    hyphens, points and brackets between the digits or without.

    It says what `crm.numbers.to_e164` says, or nothing: the ranges are those of the same tables.
    """
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("CN") if region == "CN" else None
    at_home = "(?!)"
    if metadata is not None and metadata.mobile is not None and metadata.fixed_line is not None:
        mobile, fixed = metadata.mobile.national_number_pattern, metadata.fixed_line.national_number_pattern
        at_home = rf"(?:\+86)?(?P<mobile>(?=1\d{{10}}\Z)(?:{mobile}))\Z|0(?P<fixed>(?=[1-9])(?:{fixed}))\Z"
    # With their country ten digits are believed, whichever they are; a 1 before them would be taken away.
    quick = re.compile(rf"(?P<abroad>\+1[2-9]\d{{9}})\Z|{at_home}", re.ASCII)

    def read(text: str) -> str | None:
        found = quick.match(text)
        if found is None and _SPACED_NUMBER.match(text):
            found = quick.match(text.translate(_NO_SEPARATORS))
        if found is None:
            return None
        return found["abroad"] or f"+86{found['mobile'] or found['fixed']}"

    return read


def custom_reader(field: CustomField) -> Callable[[str], CustomValue]:
    """The reader of one of the business's own fields; the store's check of it comes besides."""
    match field.kind:
        case CustomKind.NUMBER:
            return _float
        case CustomKind.DATE:
            return lambda cell: day(cell).isoformat()
        case CustomKind.YES_NO:
            return _yes_no
        case CustomKind.CHOICE:
            return lambda cell: _choice(cell, field.choices)
    return _own_text


def _own_text(cell: str) -> str:
    if len(cell) > LONGEST_TEXT:
        raise _too_long(cell, LONGEST_TEXT)
    return notes(cell)


def _float(cell: str) -> float:
    try:
        found = float(cell.strip().replace(",", ""))
    except ValueError:
        found = float("inf")
    if found in (float("inf"), float("-inf")) or found != found:
        raise BadCell(FaultCode.INVALID_NUMBER)
    return found


def _yes_no(cell: str) -> bool:
    word = cell.strip().lower()
    if word not in _YES and word not in _NO:
        raise BadCell(FaultCode.INVALID_YES_NO)
    return word in _YES


def _choice(cell: str, choices: tuple[str, ...]) -> str:
    text = cell.strip()
    if text not in choices:
        raise BadCell(FaultCode.UNKNOWN_CHOICE, {"choices": choices})
    return text
