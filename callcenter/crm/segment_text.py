"""The text form of a segment, read into a condition.

    class in ("A", "B") and days since last_purchase > 90 and not (tags contains "vip" or name contains "王")

    condition   = all { "or" all }
    all         = one { "and" one }
    one         = "not" one | "(" condition ")" | test
    test        = operand ( "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
                | operand [ "not" ] "in" "(" value { "," value } ")"
                | operand "between" value "and" value
                | operand "contains" text
                | operand "is" [ "not" ] "missing"
    operand     = field | "days since" field
    value       = "text" | 'text' | 12.5 | true | false | 2026-03-31

Keywords may be written in capitals. A backslash in a text keeps the next character. Names of fields are letters of
any language, digits, "_" and "." (custom.branch). Every fault is a SegmentError with its position.
"""

import re
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Final

from callcenter.crm.errors import SegmentError
from callcenter.crm.segments import (
    AllOf,
    AnyOf,
    Between,
    Comparator,
    Compare,
    Condition,
    Contains,
    FieldKind,
    Fields,
    IsMissing,
    Not,
    OneOf,
    Operand,
    Value,
)

LONGEST_TEXT: Final = 8_000
"""Characters of a segment's text."""
DEEPEST: Final = 40
"""Brackets and nots within each other."""
MOST_VALUES: Final = 500
"""Values of one `in`."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<date>\d{4}-\d{2}-\d{2}(?![\w.]))
      | (?P<number>[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.-]))
      | (?P<comparator><=|>=|<>|!=|==|=|<|>)
      | (?P<mark>[(),])
      | (?P<word>[^\W\d][\w.]*)""",
    re.VERBOSE | re.DOTALL,
)
_COMPARATORS: Final = {**{str(comparator): comparator for comparator in Comparator}, "==": Comparator.EQUAL} | {
    "<>": Comparator.NOT_EQUAL
}
_ORDERING: Final = frozenset({Comparator.LESS, Comparator.AT_MOST, Comparator.GREATER, Comparator.AT_LEAST})
_ORDERED_KINDS: Final = frozenset({FieldKind.TEXT, FieldKind.NUMBER, FieldKind.DATE})
_WRITTEN: Final = {
    FieldKind.TEXT: 'a text in quotes, say "A"',
    FieldKind.NUMBER: "a number, say 90",
    FieldKind.BOOLEAN: "true or false",
    FieldKind.DATE: "a date, say 2026-03-31",
}
_END: Final = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    position: int

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.lower() == word

    def __str__(self) -> str:
        return "the end" if self.kind == _END else repr(self.text)


def parse_segment(text: str, fields: Fields) -> Condition:
    """The condition; raises SegmentError with the position, what is wrong there and what would be right."""
    if len(text) > LONGEST_TEXT:
        raise SegmentError(
            f"the segment has {len(text)} characters, {LONGEST_TEXT} are the most", position=LONGEST_TEXT + 1
        )
    return _Parser(_tokens(text), fields).whole()


def _tokens(text: str) -> list[_Token]:
    tokens = []
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise SegmentError(_unreadable(text[place:]), position=place + 1)
        if found.lastgroup != "space":
            tokens.append(_Token(kind=found.lastgroup or "", text=found.group(), position=place + 1))
        place = found.end()
    return [*tokens, _Token(kind=_END, text="", position=len(text) + 1)]


def _unreadable(rest: str) -> str:
    if rest[0] in "\"'":
        return f"this text has no closing {rest[0]}"
    if rest[0] in "“”‘’「」":
        return f"{rest[0]!r} is no quote here; write \" or '"
    if rest[0] in "（），":
        return f"{rest[0]!r} is a full-width mark; write ( ) or ,"
    if rest[0].isdigit():
        return f"{re.split(r'[^0-9A-Za-z_.-]', rest)[0]!r} is no number and no date; write 90, 12.5 or 2026-03-31"
    return f"{rest[0]!r} has no meaning here; write a field, a comparison, and, or, not"


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token], fields: Fields) -> None:
        self._tokens = tokens
        self._fields = fields
        self._place = 0
        self._depth = 0

    def whole(self) -> Condition:
        if self._next.kind == _END:
            raise SegmentError('the segment is empty; write a condition such as class = "A"', position=1)
        condition = self._any()
        if self._next.kind != _END:
            raise self._fault("and, or, or the end")
        return condition

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._take_word("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(parts=tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._take_word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else AllOf(parts=tuple(parts))

    def _one(self) -> Condition:
        start = self._next
        self._depth += 1
        if self._depth > DEEPEST:
            raise SegmentError(f"brackets and nots go deeper than {DEEPEST} here", position=start.position)
        if self._take_word("not"):
            condition: Condition = Not(part=self._one())
        elif self._take_mark("("):
            condition = self._any()
            if not self._take_mark(")"):
                raise self._fault(f"and, or, or the ) of the bracket at character {start.position}")
        else:
            condition = self._test()
        self._depth -= 1
        return condition

    def _test(self) -> Condition:
        operand, kind = self._operand()
        token = self._next
        if token.kind == "comparator":
            self._place += 1
            return self._comparison(operand, kind, token)
        if self._take_word("is"):
            negated = self._take_word("not")
            if not self._take_word("missing"):
                raise self._fault("missing" if negated else "missing or not missing")
            return IsMissing(operand=operand, negated=negated)
        if self._take_word("contains"):
            return self._contains(operand, kind, token)
        if self._take_word("between"):
            self._require(kind in _ORDERED_KINDS, operand, kind, token)
            low = self._value(operand, kind)
            if not self._take_word("and"):
                raise self._fault("and with the higher value")
            return Between(operand=operand, low=low, high=self._value(operand, kind))
        negated = self._take_word("not")
        if not self._take_word("in"):
            raise self._fault("in" if negated else "a comparison: = != < <= > >=, in, not in, between, contains, is")
        return self._one_of(operand, kind, token, negated)

    def _comparison(self, operand: Operand, kind: FieldKind, token: _Token) -> Condition:
        comparator = _COMPARATORS[token.text]
        fits = kind in _ORDERED_KINDS if comparator in _ORDERING else kind is not FieldKind.WORDS
        self._require(fits, operand, kind, token)
        return Compare(operand=operand, comparator=comparator, value=self._value(operand, kind))

    def _contains(self, operand: Operand, kind: FieldKind, token: _Token) -> Condition:
        self._require(kind in (FieldKind.TEXT, FieldKind.WORDS), operand, kind, token)
        part = self._value(operand, FieldKind.TEXT)
        return Contains(operand=operand, part=str(part))

    def _one_of(self, operand: Operand, kind: FieldKind, token: _Token, negated: bool) -> Condition:
        self._require(kind is not FieldKind.WORDS, operand, kind, token)
        if not self._take_mark("("):
            raise self._fault("( and the values")
        values = [self._value(operand, kind)]
        while self._take_mark(","):
            if len(values) == MOST_VALUES:
                raise SegmentError(f"more than {MOST_VALUES} values", position=self._next.position)
            values.append(self._value(operand, kind))
        if not self._take_mark(")"):
            raise self._fault(", or )")
        return OneOf(operand=operand, values=tuple(values), negated=negated)

    def _operand(self) -> tuple[Operand, FieldKind]:
        token = self._next
        since = self._tokens[min(self._place + 1, len(self._tokens) - 1)]
        if token.is_word("days") and since.is_word("since"):
            self._place += 2
            name = self._next
            kind = self._field()
            if kind is not FieldKind.DATE:
                raise SegmentError(f"days since needs a date, and {name.text} is a {kind}", position=name.position)
            return Operand(field=name.text, days_since=True), FieldKind.NUMBER
        kind = self._field()
        return Operand(field=token.text), kind

    def _field(self) -> FieldKind:
        token = self._next
        if token.kind != "word":
            raise self._fault("a field, days since, not or (")
        kind = self._fields.get(token.text)
        if kind is None:
            near = get_close_matches(token.text, self._fields, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            known = ", ".join(sorted(self._fields))
            raise SegmentError(f"there is no field {token.text}; {hint}known are {known}", position=token.position)
        self._place += 1
        return kind

    def _value(self, operand: Operand, kind: FieldKind) -> Value:
        token = self._next
        value = _literal(token)
        fits = {
            FieldKind.TEXT: isinstance(value, str),
            FieldKind.NUMBER: isinstance(value, float),
            FieldKind.BOOLEAN: isinstance(value, bool),
            FieldKind.DATE: isinstance(value, date),
        }
        if value is None or not fits[kind]:
            raise self._fault(f"{_WRITTEN[kind]}, since {_said(operand)} is a {kind}")
        self._place += 1
        return value

    def _require(self, fits: bool, operand: Operand, kind: FieldKind, token: _Token) -> None:
        if not fits:
            right = "contains or is missing" if kind is FieldKind.WORDS else "=, !=, in or is missing"
            if token.is_word("contains"):
                right = "a comparison, in or between"
            raise SegmentError(
                f"{token} does not fit {_said(operand)}, a {kind} field; use {right}", position=token.position
            )

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take_word(self, word: str) -> bool:
        taken = self._next.is_word(word)
        self._place += taken
        return taken

    def _take_mark(self, mark: str) -> bool:
        taken = self._next.kind == "mark" and self._next.text == mark
        self._place += taken
        return taken

    def _fault(self, expected: str) -> SegmentError:
        return SegmentError(f"found {self._next}, expected {expected}", position=self._next.position)


def _said(operand: Operand) -> str:
    return f"days since {operand.field}" if operand.days_since else operand.field


def _literal(token: _Token) -> Value | None:
    if token.kind == "text":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
    if token.kind == "number":
        value = float(token.text)
        if value in (float("inf"), float("-inf")):
            raise SegmentError(f"the number {token.text} is too large", position=token.position)
        return value
    if token.kind == "date":
        try:
            return date.fromisoformat(token.text)
        except ValueError:
            raise SegmentError(f"there is no day {token.text} in the calendar", position=token.position) from None
    if token.is_word("true") or token.is_word("false"):
        return token.is_word("true")
    return None
