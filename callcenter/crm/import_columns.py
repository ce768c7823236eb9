"""Which fields the columns of a file are, by their headers and by what stands below, and whether a mapping can be
worked with.

Laws: a guess never maps two columns to what may be there once; a mapping that passes the check names its key; the
columns that a file of bad rows has before the row's own are nothing.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from callcenter.crm.custom_fields import CustomField
from callcenter.crm.import_fields import CUSTOM, RecordKind, fields_of_kind
from callcenter.domain.errors import InvalidValue
from callcenter.domain.labels import Label

SEVERAL: Final = frozenset({"tags", "phone", "email", "web", "social"})
"""Columns that may be there more than once: what they hold is put together."""
CUSTOMER_KEYS: Final = ("record_id", "external_id", "customer_number", "phone", "email")
"""By what a customer is recognised, the surest first."""
LONGEST_SOURCE: Final = 50
MOSTLY: Final = 0.8
"""The share of rows in which a key has to stand, and of these the share in which it is another one of customers, so
that it is taken before one that is less sure."""
FAULT_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "zh": ("行", "列", "值", "错误", "正确写法"),
    "en": ("row", "column", "value", "what is wrong", "what would be right"),
}
"""Before the row itself in a file of bad rows."""
_PARTIES: Final = (
    "客户",
    "顾客",
    "会员",
    "买家",
    "收货人",
    "收件人",
    "联系人",
    "customer",
    "client",
    "contact",
    "buyer",
)
_OF_PARTIES: Final = frozenset({"phone", "email", "web", "social", "language", "tags", "notes", "note"})
_OPTIONAL: Final = re.compile(r"[(\[【][^)\]】]*[)\]】]|\b(required|optional)\b|必填|选填|可选")
_MAIL: Final = re.compile(r"\S+@\S+\.\w+\Z")
_FIGURES: Final = re.compile(r"[+(]?[0-9][0-9 ().,/:-]*\Z", re.ASCII)
_PHONE: Final = re.compile(r"(\+|0|1)[0-9 ().-]{7,19}\Z", re.ASCII)
_CUSTOMER_NUMBER: Final = re.compile(r"[0-9]{4,12}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """What each column is (None: nothing), in the file's order; what a customer is recognised by, of which system the
    external ids are, and the currency of orders that tell none."""

    columns: tuple[str | None, ...]
    key: str | None = None
    source: str = "import"
    currency: str | None = None


class InvalidMapping(InvalidValue):
    """A mapping that nothing can be imported with; what is said names the column."""

    code = "invalid_mapping"

    def __init__(self, en: str, zh: str, *, code: str | None = None) -> None:
        super().__init__(en, code=code)
        self.said = Label(zh=f"{zh}。", en=f"{en[:1].upper()}{en[1:]}.")


def fields_of(kind: RecordKind, custom: Iterable[CustomField] = ()) -> tuple[str, ...]:
    """Everything a column may be; of the business's own fields those that are not retired."""
    return tuple(labels_of(kind, custom))


def labels_of(kind: RecordKind, custom: Iterable[CustomField] = ()) -> dict[str, Label]:
    """What everything is called that a column may be."""
    own = {name: field.label for name, field in fields_of_kind(kind).items()}
    if kind is RecordKind.CUSTOMERS:
        own |= {f"{CUSTOM}{one.field_id}": one.label for one in custom if not one.retired}
    return own


def header_of(
    kind: RecordKind, fields: Sequence[str], language: str | None, custom: Sequence[CustomField] = ()
) -> tuple[str, ...]:
    """What the columns of an export are called, in a language or in the words of the API, such that they are understood
    when they come back."""
    labels = labels_of(kind, custom)
    names = [labels[one].zh if language == "zh" else labels[one].en for one in fields] if language else list(fields)
    found = guess(kind, names, custom).columns
    return tuple(name if back == field else field for name, back, field in zip(names, found, fields, strict=True))


def signature(kind: RecordKind, header: Sequence[str]) -> str:
    """The same for files with the same columns, and for their files of bad rows: by it a mapping is remembered."""
    words = "\x1f".join(_word(cell) for cell in header[told_columns(header) :])
    return hashlib.sha256(f"{kind}\x1e{words}".encode("utf-8", "replace")).hexdigest()[:32]


def told_columns(header: Sequence[str]) -> int:
    """How many columns tell what was wrong with the rows: those of a file of bad rows that is brought again."""
    beginnings = (*FAULT_COLUMNS.values(), (*FAULT_COLUMNS["en"], *FAULT_COLUMNS["zh"][3:]))
    fits = [len(one) for one in beginnings if [_word(cell) for cell in header[: len(one)]] == [_word(w) for w in one]]
    return max(fits, default=0)


def has_no_header(kind: RecordKind, first: Sequence[str], custom: Sequence[CustomField] = ()) -> bool:
    """Whether the first row is one like those below: it has a number or an address, and no word that is known."""
    words = _Words(kind, custom)
    if any(words.find(cell) is not None for cell in first):
        return False
    return any(_MAIL.match(cell.strip()) or _FIGURES.match(cell.strip()) for cell in first)


def column_names(count: int) -> tuple[str, ...]:
    """What a spreadsheet calls its columns: for files without a header."""
    letters = [chr(ord("A") + at) for at in range(26)]
    return tuple((letters[at // 26 - 1] if at >= 26 else "") + letters[at % 26] for at in range(count))


def guess(
    kind: RecordKind,
    header: Sequence[str],
    custom: Sequence[CustomField] = (),
    rows: Sequence[Sequence[str]] = (),
) -> ColumnMapping:
    """What the words of the header mean, in Chinese or English, and what `rows` below it say of that; a column of which
    nothing is known is None."""
    words, told = _Words(kind, custom), told_columns(header)
    found = [None if at < told else words.find(cell) for at, cell in enumerate(header)]
    best: dict[str, tuple[int, int]] = {}
    for at, one in enumerate(found):
        if one is not None:
            best[one[0]] = min(best.get(one[0], (one[1], at)), (one[1], at))
    several = SEVERAL if kind is RecordKind.CUSTOMERS else frozenset()
    columns = [
        one[0] if one is not None and (one[0] in several or best[one[0]][1] == at) else None
        for at, one in enumerate(found)
    ]
    if header == column_names(len(header)):
        columns = _by_content(columns, rows)
    _number_or_id(columns, rows)
    return ColumnMapping(columns=tuple(columns), key=likely_key(kind, columns, rows))


def likely_key(kind: RecordKind, columns: Sequence[str | None], rows: Sequence[Sequence[str]] = ()) -> str | None:
    """The surest of the columns by which a customer is recognised that stands in most rows, or else the one that stands
    in the most; in a file of customers it is mostly another one."""
    there = [key for key in CUSTOMER_KEYS if key in columns]
    shares: dict[str, float] = {}
    for key in there:
        at = [place for place, field in enumerate(columns) if field == key]
        filled = [text for cells in rows if (text := "".join(_cell(cells, one) for one in at))]
        others = len(set(filled)) / len(filled) if filled and kind is RecordKind.CUSTOMERS else 1.0
        shares[key] = min(len(filled) / len(rows), others) if rows else 1.0
    sure = (key for key in there if shares[key] >= MOSTLY)
    return next(sure, max(there, key=lambda key: shares[key], default=None))


def check_mapping(
    kind: RecordKind, header: Sequence[str], mapping: ColumnMapping, custom: Sequence[CustomField] = ()
) -> None:
    """Raise `InvalidMapping` for columns that are unknown, doubled or missing, and for a key that is none."""
    if len(mapping.columns) != len(header):
        raise InvalidMapping(
            f"the file has {len(header)} columns, the mapping {len(mapping.columns)}",
            f"文件有 {len(header)} 列，设置中有 {len(mapping.columns)} 列",
        )
    known = labels_of(kind, custom)
    taken: dict[str, str] = {}
    for cell, field in zip(header, mapping.columns, strict=True):
        if field is None:
            continue
        if field not in known:
            raise InvalidMapping(
                f"column {cell!r}: there is no field {field!r}; possible: {', '.join(known)}",
                f"列“{cell}”：没有字段 {field}；可选：{'、'.join(known)}",
            )
        if field in taken and (field not in SEVERAL or kind is RecordKind.ORDERS):
            raise InvalidMapping(
                f"columns {taken[field]!r} and {cell!r} cannot both be {known[field].en}; leave one out",
                f"列“{taken[field]}”和“{cell}”不能都是“{known[field].zh}”，请去掉一个",
            )
        taken[field] = cell
    _check_key(kind, mapping, taken)
    for needed in (("order_number",), ("placed_on",), ("amount", "total")) if kind is RecordKind.ORDERS else ():
        if not any(one in taken for one in needed):
            label = known[needed[0]]
            raise InvalidMapping(
                f"no column is {label.en}, which every order needs",
                f"没有一列是“{label.zh}”，每张订单都需要它",
                code="column_missing",
            )
    if not 1 <= len(mapping.source) <= LONGEST_SOURCE or not mapping.source.isprintable():
        raise InvalidMapping(
            f"the name of the system the ids are of has 1 to {LONGEST_SOURCE} characters",
            f"编号所属系统的名称为 1 到 {LONGEST_SOURCE} 个字符",
        )
    if mapping.currency is not None and not re.fullmatch("[A-Z]{3}", mapping.currency):
        raise InvalidMapping("a currency has three letters, such as CNY", "币种为三个字母，如 CNY")


def _check_key(kind: RecordKind, mapping: ColumnMapping, taken: Mapping[str, str]) -> None:
    labels = [fields_of_kind(kind)[key].label for key in CUSTOMER_KEYS]
    if mapping.key not in CUSTOMER_KEYS:
        raise InvalidMapping(
            "say by what a customer is recognised; one column has to be one of these: "
            f"{', '.join(one.en for one in labels)}",
            f"请选择识别客户的依据；至少要有一列是：{'、'.join(one.zh for one in labels)}",
            code="key_missing",
        )
    if mapping.key not in taken:
        label = fields_of_kind(kind)[mapping.key].label
        raise InvalidMapping(
            f"no column is {label.en}, by which customers are to be recognised",
            f"没有一列是“{label.zh}”，而客户要按它识别",
            code="key_missing",
        )


# ---- guessing


class _Words:
    """What the words of headers mean, and how sure that is: the lower, the surer."""

    def __init__(self, kind: RecordKind, custom: Sequence[CustomField]) -> None:
        self._words: dict[str, tuple[str, int]] = {}
        for name, field in fields_of_kind(kind).items():
            listed = (name, field.label.zh, field.label.en, *field.words.split(","))
            for rank, one in enumerate(listed):
                self._words.setdefault(_squeezed(one), (name, rank))
        for own in custom if kind is RecordKind.CUSTOMERS else ():
            if not own.retired:
                name = f"{CUSTOM}{own.field_id}"
                # What the program's own fields are called goes before a label of the business.
                for one in (name, own.field_id, own.label.zh, own.label.en):
                    if _squeezed(one):
                        self._words.setdefault(_squeezed(one), (name, 0))

    def find(self, cell: str) -> tuple[str, int] | None:
        """The field; "Phone 2", 电话2 and 手机号（必填） are phones."""
        text = unicodedata.normalize("NFKC", cell[:200]).casefold()
        for one in (text, _OPTIONAL.sub("", text)):
            word = _squeezed(one)
            found = self._words.get(word) or self._words.get(word.rstrip("0123456789"))
            if found is not None:
                return found
        word = _squeezed(_OPTIONAL.sub("", text)).rstrip("0123456789")
        for party in _PARTIES:
            found = self._words.get(word.removeprefix(party)) if word.startswith(party) else None
            if found is not None and found[0] in _OF_PARTIES:
                return found[0], found[1] + 100
        return None


def _by_content(columns: Sequence[str | None], rows: Sequence[Sequence[str]]) -> list[str | None]:
    """Without a header: mail addresses and telephone numbers say what they are."""
    found = list(columns)
    for at, field in enumerate(columns):
        filled = [text for cells in rows if (text := _cell(cells, at))]
        for name, pattern in (("email", _MAIL), ("phone", _PHONE)):
            alike = sum(1 for text in filled if pattern.match(text))
            if field is None and filled and alike >= MOSTLY * len(filled) and name not in found:
                found[at] = name
                break
    return found


def _number_or_id(columns: list[str | None], rows: Sequence[Sequence[str]]) -> None:
    """What is called a customer's number and has letters in it is the id that another system has for him."""
    if "customer_number" not in columns or "external_id" in columns:
        return
    at = columns.index("customer_number")
    filled = [text for cells in rows if (text := _cell(cells, at))]
    if filled and sum(1 for text in filled if _CUSTOMER_NUMBER.match(text)) * 2 < len(filled):
        columns[at] = "external_id"


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if at < len(cells) else ""


def _squeezed(text: str) -> str:
    return _word(text).replace(" ", "")


def _word(cell: str) -> str:
    text = unicodedata.normalize("NFKC", cell[:200]).casefold()
    return " ".join(re.sub(r"[\s_\-.:*#()\[\]/：]+", " ", text).split())
