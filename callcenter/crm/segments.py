"""Segments: saved conditions over a customer's fields, value and behaviour, as plain data.

A condition has a text form (read in `segment_text.py`, written here), an answer for one record, and can be translated
by a store into its own language. Law: parsing the written form gives the same condition; every condition is true or
false, never unknown: a comparison with a value that is missing is false, and `!=`, `not in`, `not` turn that round.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from callcenter.crm.errors import CrmError

Value = str | float | bool | date
"""A literal of a condition; numbers are floats."""
FieldValue = str | float | bool | date | frozenset[str] | None
"""What a record may hold in a field; None where it is missing. A date is a calendar day, never a moment."""
Record = Mapping[str, FieldValue]
"""One customer: a value for each field; an absent one is missing."""
_Result = TypeVar("_Result")
_Translated = TypeVar("_Translated")


class FieldKind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    WORDS = "words"
    """A set of words, such as tags: it contains one of them or not."""


Fields = Mapping[str, FieldKind]
"""The fields a condition may name, custom ones included."""


class Comparator(StrEnum):
    """How a field is compared with one value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A field's value; with `days_since` a date's age in whole days, negative for a day to come."""

    field: str
    days_since: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """operand = value, and the other comparators; text is compared as it is written, letter case included."""

    operand: Operand
    comparator: Comparator
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """operand in (value, ...), or not in."""

    operand: Operand
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """operand between low and high, both included."""

    operand: Operand
    low: Value
    high: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """A text contains a part, whatever the case of Latin, Greek and Cyrillic letters; words contain a word, exactly."""

    operand: Operand
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IsMissing:
    """The field holds nothing: no value, an empty text or no words."""

    operand: Operand
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """All of at least two conditions."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """Any of at least two conditions."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The opposite."""

    part: "Condition"


Condition = Compare | OneOf | Between | Contains | IsMissing | AllOf | AnyOf | Not


class Translator(Protocol[_Result]):
    """Makes something of a condition, say an SQL expression; each part arrives translated.

    To keep the law a comparison with NULL has to come out false, not NULL: wrap it before it is negated.
    """

    def compare(self, condition: Compare) -> _Result: ...
    def one_of(self, condition: OneOf) -> _Result: ...
    def between(self, condition: Between) -> _Result: ...
    def contains(self, condition: Contains) -> _Result: ...
    def is_missing(self, condition: IsMissing) -> _Result: ...
    def all_of(self, parts: tuple[_Result, ...]) -> _Result: ...
    def any_of(self, parts: tuple[_Result, ...]) -> _Result: ...
    def negate(self, part: _Result) -> _Result: ...


def translate(condition: Condition, translator: Translator[_Translated]) -> _Translated:
    """The condition in the translator's language."""
    match condition:
        case Compare():
            return translator.compare(condition)
        case OneOf():
            return translator.one_of(condition)
        case Between():
            return translator.between(condition)
        case Contains():
            return translator.contains(condition)
        case IsMissing():
            return translator.is_missing(condition)
        case AllOf():
            return translator.all_of(tuple(translate(part, translator) for part in condition.parts))
        case AnyOf():
            return translator.any_of(tuple(translate(part, translator) for part in condition.parts))
        case Not():
            return translator.negate(translate(condition.part, translator))


Test = Callable[[Record], bool]


def predicate(condition: Condition, *, today: date) -> Test:
    """The condition as a function of one record, to be asked for many.

    The function raises CrmError where a record holds another kind of value than the condition compares with.
    """
    return translate(condition, _Tests(today))


def holds(condition: Condition, record: Record, *, today: date) -> bool:
    """Whether one record is in the segment."""
    return predicate(condition, today=today)(record)


def fields_of(condition: Condition) -> frozenset[str]:
    """The fields a condition reads: what a store must fetch, and what may not be removed while the segment is there."""
    match condition:
        case AllOf() | AnyOf():
            return frozenset().union(*(fields_of(part) for part in condition.parts))
        case Not():
            return fields_of(condition.part)
        case _:
            return frozenset({condition.operand.field})


def text_of(condition: Condition) -> str:
    """The text form, with no more brackets than needed."""
    return translate(condition, _Writer())[0]


class _Tests:
    """Translates into functions of a record."""

    def __init__(self, today: date) -> None:
        self._today = today

    def compare(self, condition: Compare) -> Test:
        read, wanted = self._reader(condition.operand), condition.value
        comparator = condition.comparator
        if comparator is Comparator.EQUAL:
            return lambda record: read(record) == wanted
        if comparator is Comparator.NOT_EQUAL:
            return lambda record: read(record) != wanted

        def test(record: Record) -> bool:
            value = read(record)
            if value is None:
                return False
            order = _order(value, wanted, condition.operand.field)
            if comparator is Comparator.LESS:
                return order < 0
            if comparator is Comparator.AT_MOST:
                return order <= 0
            return order > 0 if comparator is Comparator.GREATER else order >= 0

        return test

    def one_of(self, condition: OneOf) -> Test:
        read, wanted, negated = self._reader(condition.operand), frozenset(condition.values), condition.negated
        return lambda record: (read(record) in wanted) is not negated

    def between(self, condition: Between) -> Test:
        read, name = self._reader(condition.operand), condition.operand.field

        def test(record: Record) -> bool:
            value = read(record)
            return (
                value is not None
                and _order(value, condition.low, name) >= 0
                and _order(value, condition.high, name) <= 0
            )

        return test

    def contains(self, condition: Contains) -> Test:
        read, part = self._reader(condition.operand), condition.part
        folded = fold_letters(part)

        def test(record: Record) -> bool:
            value = read(record)
            if isinstance(value, frozenset):
                return part in value
            return isinstance(value, str) and folded in fold_letters(value)

        return test

    def is_missing(self, condition: IsMissing) -> Test:
        read, negated = self._reader(condition.operand), condition.negated

        def test(record: Record) -> bool:
            value = read(record)
            return (value is None or value == "" or value == frozenset()) is not negated

        return test

    def all_of(self, parts: tuple[Test, ...]) -> Test:
        return lambda record: all(part(record) for part in parts)

    def any_of(self, parts: tuple[Test, ...]) -> Test:
        return lambda record: any(part(record) for part in parts)

    def negate(self, part: Test) -> Test:
        return lambda record: not part(record)

    def _reader(self, operand: Operand) -> Callable[[Record], FieldValue]:
        name, today = operand.field, self._today
        if not operand.days_since:
            return lambda record: record.get(name)

        def days_since(record: Record) -> FieldValue:
            value = record.get(name)
            if value is None:
                return None
            if not isinstance(value, date) or isinstance(value, datetime):
                raise CrmError(f"the field {name} holds {value!r}, which is no date, so it has no days since")
            return float((today - value).days)

        return days_since


def _order(value: FieldValue, wanted: Value, field: str) -> int:
    """Below 0, 0 or above 0 as the value stands to the wanted one."""
    if isinstance(value, str) and isinstance(wanted, str):
        return (value > wanted) - (value < wanted)
    if isinstance(value, date) and isinstance(wanted, date) and not isinstance(value, datetime):
        return (value > wanted) - (value < wanted)
    if isinstance(value, float | int) and isinstance(wanted, float | int):
        return (value > wanted) - (value < wanted)
    raise CrmError(f"the field {field} holds {value!r}, which cannot be compared with {wanted!r}")


def fold_letters(text: str) -> str:
    """The text with small letters for the capitals of `CAPITALS`, letter by letter."""
    return text.translate(_SMALL)


def _letters() -> tuple[str, str]:
    """Capitals of Latin, Greek and Cyrillic whose small letter is one letter."""
    capitals = [chr(code) for code in range(0x41, 0x530) if chr(code).isupper() and len(chr(code).lower()) == 1]
    return "".join(capitals), "".join(letter.lower() for letter in capitals)


CAPITALS, SMALL_LETTERS = _letters()
"""Letters without regard to case are these and no others, so that every database says the same as we do."""
_SMALL: Final = str.maketrans(CAPITALS, SMALL_LETTERS)

_ANY, _ALL, _NOT, _LEAF = range(4)
"""How strongly a text binds; a part that binds no more strongly than its whole needs brackets."""
_Bound = tuple[str, int]


class _Writer:
    """Translates into text and how strongly it binds."""

    def compare(self, condition: Compare) -> _Bound:
        return f"{_operand(condition.operand)} {condition.comparator} {literal(condition.value)}", _LEAF

    def one_of(self, condition: OneOf) -> _Bound:
        values = ", ".join(literal(value) for value in condition.values)
        return f"{_operand(condition.operand)} {'not in' if condition.negated else 'in'} ({values})", _LEAF

    def between(self, condition: Between) -> _Bound:
        bounds = f"{literal(condition.low)} and {literal(condition.high)}"
        return f"{_operand(condition.operand)} between {bounds}", _LEAF

    def contains(self, condition: Contains) -> _Bound:
        return f"{_operand(condition.operand)} contains {literal(condition.part)}", _LEAF

    def is_missing(self, condition: IsMissing) -> _Bound:
        return f"{_operand(condition.operand)} is {'not ' if condition.negated else ''}missing", _LEAF

    def all_of(self, parts: tuple[_Bound, ...]) -> _Bound:
        return " and ".join(_bracketed(part, _ALL) for part in parts), _ALL

    def any_of(self, parts: tuple[_Bound, ...]) -> _Bound:
        return " or ".join(_bracketed(part, _ANY) for part in parts), _ANY

    def negate(self, part: _Bound) -> _Bound:
        return f"not {_bracketed(part, _ALL)}", _NOT


def literal(value: Value) -> str:
    """A value as it is written in a condition."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, date):
        return value.isoformat()
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _operand(operand: Operand) -> str:
    return f"days since {operand.field}" if operand.days_since else operand.field


def _bracketed(part: _Bound, whole: int) -> str:
    text, strength = part
    return text if strength > whole else f"({text})"
