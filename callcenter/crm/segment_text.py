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
from callcenter.domain.labels import Label

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
    FieldKind.TEXT: Label(zh='加引号的文字，例如 "A"', en='a text in quotes, say "A"'),
    FieldKind.NUMBER: Label(zh="数字，例如 90", en="a number, say 90"),
    FieldKind.BOOLEAN: Label(zh="true 或 false", en="true or false"),
    FieldKind.DATE: Label(zh="日期，例如 2026-03-31", en="a date, say 2026-03-31"),
}
_KINDS: Final = {
    FieldKind.TEXT: Label(zh="文字", en="text"),
    FieldKind.NUMBER: Label(zh="数字", en="number"),
    FieldKind.BOOLEAN: Label(zh="是非", en="boolean"),
    FieldKind.DATE: Label(zh="日期", en="date"),
    FieldKind.WORDS: Label(zh="多个词", en="words"),
}
_END: Final = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    position: int

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.lower() == word

    @property
    def said(self) -> Label:
        text = repr(self.text)
        return Label(zh="结尾", en="the end") if self.kind == _END else Label(zh=text, en=text)


def parse_segment(text: str, fields: Fields) -> Condition:
    """The condition; raises SegmentError with the position, what is wrong there and what would be right."""
    if len(text) > LONGEST_TEXT:
        raise _error(
            LONGEST_TEXT + 1,
            zh=f"条件有 {len(text)} 个字符，最多 {LONGEST_TEXT} 个",
            en=f"the segment has {len(text)} characters, {LONGEST_TEXT} are the most",
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


def _unreadable(rest: str) -> Label:
    first = rest[0]
    if first in "\"'":
        return Label(zh=f"这段文字缺少结尾的 {first}", en=f"this text has no closing {first}")
    if first in "“”‘’「」":
        return Label(zh=f"{first!r} 在这里不是引号，请写 \" 或 '", en=f"{first!r} is no quote here; write \" or '")
    if first in "（），":
        return Label(zh=f"{first!r} 是全角符号，请写 ( ) 或 ,", en=f"{first!r} is a full-width mark; write ( ) or ,")
    if first.isdigit():
        word = re.split(r"[^0-9A-Za-z_.-]", rest)[0]
        return Label(
            zh=f"{word!r} 既不是数字也不是日期，请写 90、12.5 或 2026-03-31",
            en=f"{word!r} is no number and no date; write 90, 12.5 or 2026-03-31",
        )
    return Label(
        zh=f"{first!r} 在这里没有意义，请写字段、比较、and、or、not",
        en=f"{first!r} has no meaning here; write a field, a comparison, and, or, not",
    )


def _error(position: int, *, zh: str, en: str) -> SegmentError:
    return SegmentError(Label(zh=zh, en=en), position=position)


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token], fields: Fields) -> None:
        self._tokens = tokens
        self._fields = fields
        self._place = 0
        self._depth = 0

    def whole(self) -> Condition:
        if self._next.kind == _END:
            raise _error(
                1,
                zh='条件是空的，请写例如 class = "A"',
                en='the segment is empty; write a condition such as class = "A"',
            )
        condition = self._any()
        if self._next.kind != _END:
            raise self._fault(zh="and、or 或结尾", en="and, or, or the end")
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
            raise _error(
                start.position,
                zh=f"括号和 not 在这里嵌套超过 {DEEPEST} 层",
                en=f"brackets and nots go deeper than {DEEPEST} here",
            )
        if self._take_word("not"):
            condition: Condition = Not(part=self._one())
        elif self._take_mark("("):
            condition = self._any()
            if not self._take_mark(")"):
                raise self._fault(
                    zh=f"and、or，或第 {start.position} 个字符处括号的 )",
                    en=f"and, or, or the ) of the bracket at character {start.position}",
                )
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
                either = Label(zh="missing 或 not missing", en="missing or not missing")
                raise self._expected(Label(zh="missing", en="missing") if negated else either)
            return IsMissing(operand=operand, negated=negated)
        if self._take_word("contains"):
            return self._contains(operand, kind, token)
        if self._take_word("between"):
            self._require(kind in _ORDERED_KINDS, operand, kind, token)
            low = self._value(operand, kind)
            if not self._take_word("and"):
                raise self._fault(zh="and 和较大的值", en="and with the higher value")
            return Between(operand=operand, low=low, high=self._value(operand, kind))
        negated = self._take_word("not")
        if not self._take_word("in"):
            comparison = Label(
                zh="比较：= != < <= > >=、in、not in、between、contains、is",
                en="a comparison: = != < <= > >=, in, not in, between, contains, is",
            )
            raise self._expected(Label(zh="in", en="in") if negated else comparison)
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
            raise self._fault(zh="( 和各个值", en="( and the values")
        values = [self._value(operand, kind)]
        while self._take_mark(","):
            if len(values) == MOST_VALUES:
                at = self._next.position
                raise _error(at, zh=f"多于 {MOST_VALUES} 个值", en=f"more than {MOST_VALUES} values")
            values.append(self._value(operand, kind))
        if not self._take_mark(")"):
            raise self._fault(zh=", 或 )", en=", or )")
        return OneOf(operand=operand, values=tuple(values), negated=negated)

    def _operand(self) -> tuple[Operand, FieldKind]:
        token = self._next
        since = self._tokens[min(self._place + 1, len(self._tokens) - 1)]
        if token.is_word("days") and since.is_word("since"):
            self._place += 2
            name = self._next
            kind = self._field()
            if kind is not FieldKind.DATE:
                raise _error(
                    name.position,
                    zh=f"days since 后面要写日期字段，{name.text} 的类型是{_KINDS[kind].zh}",
                    en=f"days since needs a date, and {name.text} is a {kind}",
                )
            return Operand(field=name.text, days_since=True), FieldKind.NUMBER
        kind = self._field()
        return Operand(field=token.text), kind

    def _field(self) -> FieldKind:
        token = self._next
        if token.kind != "word":
            raise self._fault(zh="字段、days since、not 或 (", en="a field, days since, not or (")
        kind = self._fields.get(token.text)
        if kind is None:
            near = get_close_matches(token.text, self._fields, n=1)
            hint = Label(zh=f"是否想写 {near[0]}？", en=f"did you mean {near[0]}? ") if near else Label(zh="", en="")
            known = sorted(self._fields)
            raise _error(
                token.position,
                zh=f"没有字段 {token.text}；{hint.zh}可用的有 {'、'.join(known)}",
                en=f"there is no field {token.text}; {hint.en}known are {', '.join(known)}",
            )
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
            written, said = _WRITTEN[kind], _said(operand)
            raise self._fault(
                zh=f"{written.zh}，因为 {said} 的类型是{_KINDS[kind].zh}",
                en=f"{written.en}, since {said} is a {kind}",
            )
        self._place += 1
        return value

    def _require(self, fits: bool, operand: Operand, kind: FieldKind, token: _Token) -> None:
        if fits:
            return
        right = Label(zh="=、!=、in 或 is missing", en="=, !=, in or is missing")
        if token.is_word("contains"):
            right = Label(zh="比较、in 或 between", en="a comparison, in or between")
        elif kind is FieldKind.WORDS:
            right = Label(zh="contains 或 is missing", en="contains or is missing")
        said = _said(operand)
        raise _error(
            token.position,
            zh=f"{token.said.zh} 不适用于 {said}（{_KINDS[kind].zh}字段），请用 {right.zh}",
            en=f"{token.said.en} does not fit {said}, a {kind} field; use {right.en}",
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

    def _fault(self, *, zh: str, en: str) -> SegmentError:
        return self._expected(Label(zh=zh, en=en))

    def _expected(self, what: Label) -> SegmentError:
        found = self._next.said
        return _error(
            self._next.position,
            zh=f"这里是 {found.zh}，应为 {what.zh}",
            en=f"found {found.en}, expected {what.en}",
        )


def _said(operand: Operand) -> str:
    return f"days since {operand.field}" if operand.days_since else operand.field


def _literal(token: _Token) -> Value | None:
    if token.kind == "text":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
    if token.kind == "number":
        value = float(token.text)
        if value in (float("inf"), float("-inf")):
            raise _error(token.position, zh=f"数字 {token.text} 太大", en=f"the number {token.text} is too large")
        return value
    if token.kind == "date":
        try:
            return date.fromisoformat(token.text)
        except ValueError:
            raise _error(
                token.position, zh=f"日历上没有 {token.text}", en=f"there is no day {token.text} in the calendar"
            ) from None
    if token.is_word("true") or token.is_word("false"):
        return token.is_word("true")
    return None
