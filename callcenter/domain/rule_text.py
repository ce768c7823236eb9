"""Rules as people write them: `billing>=5 and (lang=caller or group backoffice)`, read and written.

    rule      = all { "or" all }
    all       = part { "and" part }
    part      = skill [ ">=" level ] | "lang" "=" ( language | "caller" ) [ ">=" level ]
              | "group" name | "agent" name | "(" rule ")"

`anyone` and `everybody` stand alone. A text that begins with `or` widens the rule before it, one that begins with `and`
narrows it; what follows counts as one rule. Names with other signs than letters, digits, `_`, `.` and `-`, and the
words above used as names, stand in double quotes.

Law: `parse_rule(rule_text(rule))` is `simplified(rule)`, which is met by the same agents as the rule.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, SkillId
from callcenter.domain.rules import EVERYBODY, AllOf, AnyOf, Anyone, InGroup, IsAgent, Rule, SpeaksWithCaller, atoms
from callcenter.domain.skills import HIGHEST_LEVEL, LOWEST_LEVEL, SkillRequirement

RULE_MAX_CHARACTERS: Final = 20_000
RULE_MAX_PARTS: Final = 100
RULE_MAX_DEPTH: Final = 20
NAME_MAX_CHARACTERS: Final = 64

_RESERVED: Final = frozenset({"and", "or", "anyone", "everybody", "group", "agent", "lang"})
_BARE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<sign>[()]|>=|=)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[A-Za-z0-9_][\w.-]*))', re.S
)
_EXAMPLE: Final = "write it such as 'billing>=5 and (lang=caller or group backoffice)'"


class RuleTextError(InvalidValue):
    """A text that is no rule; `column` counts from 1."""

    code = "bad_rule"

    def __init__(self, what: str, right: str, column: int) -> None:
        super().__init__(f"column {column}: {what}; {right}")
        self.what = what
        self.right = right
        self.column = column


def parse_rule(text: str, *, before: Rule | None = None) -> Rule:
    """The rule a text says, simplified; `before` is the rule that a leading `or` widens and a leading `and` narrows.

    Raises `RuleTextError`.
    """
    if len(text) > RULE_MAX_CHARACTERS:
        what = f"the rule has {len(text)} characters"
        raise RuleTextError(what, f"write one of at most {RULE_MAX_CHARACTERS}", RULE_MAX_CHARACTERS)
    reader = _Reader(_tokens(text))
    first = reader.next
    if first.keyword not in ("and", "or"):
        rule = reader.whole()
    elif before is None:
        what = f"{first.keyword!r} begins the rule, and there is no step before it"
        raise RuleTextError(what, "say in full who may serve", first.column)
    else:
        reader.take()
        rest = reader.whole()
        if first.keyword == "and" and rest == Anyone():
            raise RuleTextError("'and anyone' narrows nothing", "name a skill or a group", first.column)
        rule = _widened(before, rest) if first.keyword == "or" else simplified(AllOf(rules=(before, rest)))
    _check_size(rule)
    return rule


def rule_text(rule: Rule, *, before: Rule | None = None) -> str:
    """What `parse_rule` makes this rule of again; what only widens the rule `before` is said so, with `or`."""
    rule = simplified(rule)
    if before is not None and isinstance(rule, AnyOf):
        known = simplified(before)
        parts = known.rules if isinstance(known, AnyOf) else (known,)
        rest = rule.rules[len(parts) :]
        if rest and rule.rules[: len(parts)] == parts:
            return "or " + " or ".join(map(_written, rest))
    return _written(rule)


def simplified(rule: Rule) -> Rule:
    """The same rule without what changes nothing: rules of one part, rules within rules of their kind, repetitions.

    Within another rule `anyone` waives no skill of the caller's (`for_caller`), so there it says `everybody`.
    """
    match rule:
        case AllOf(rules=rules):
            parts = _flat(AllOf, rules)
            return parts[0] if len(parts) == 1 else AllOf(rules=parts)
        case AnyOf(rules=rules):
            parts = _flat(AnyOf, rules)
            if EVERYBODY in parts:
                return EVERYBODY
            return parts[0] if len(parts) == 1 else AnyOf(rules=parts)
        case _:
            return rule


def _flat(kind: type[AllOf] | type[AnyOf], rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    found: dict[Rule, None] = {}
    for rule in rules:
        part = EVERYBODY if isinstance(rule, Anyone) else simplified(rule)
        inner = part.rules if isinstance(part, kind) else (part,)
        found |= dict.fromkeys(inner)
    return tuple(found)


def _widened(before: Rule, rest: Rule) -> Rule:
    if isinstance(before, Anyone) or isinstance(rest, Anyone):
        return Anyone()
    return simplified(AnyOf(rules=(before, rest)))


def _check_size(rule: Rule) -> None:
    right = "say it more simply; a group can stand for many agents"
    if sum(1 for _ in atoms(rule)) > RULE_MAX_PARTS:
        raise RuleTextError(f"the rule has more than {RULE_MAX_PARTS} parts", right, 1)
    if _depth(rule) > RULE_MAX_DEPTH:
        raise RuleTextError(f"the rule is nested more than {RULE_MAX_DEPTH} deep", right, 1)


def _depth(rule: Rule) -> int:
    return 1 + max(map(_depth, rule.rules), default=0) if isinstance(rule, AllOf | AnyOf) else 0


# ---- written


def _written(rule: Rule) -> str:
    match rule:
        case SkillRequirement(skill=skill, minimum_level=level):
            return f"{_name(skill)}>={level}"
        case InGroup(group=group):
            return f"group {_name(group)}"
        case IsAgent(agent_id=agent_id):
            return f"agent {_name(agent_id)}"
        case AllOf(rules=()):
            return "everybody"
        case AllOf(rules=rules):
            return " and ".join(f"({_written(part)})" if isinstance(part, AnyOf) else _written(part) for part in rules)
        case AnyOf(rules=rules):
            return " or ".join(map(_written, rules))
        case _:
            return str(rule)


def _name(name: str) -> str:
    if _BARE.fullmatch(name) and name.lower() not in _RESERVED:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ---- read


class _Kind(Enum):
    SIGN = 1
    NAME = 2
    WORD = 3
    END = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: _Kind
    text: str
    column: int

    @property
    def keyword(self) -> str:
        """The reserved word or the sign that it is; empty for names and the end."""
        lowered = self.text.lower()
        if self.kind is _Kind.SIGN:
            return self.text
        return lowered if self.kind is _Kind.WORD and lowered in _RESERVED else ""


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    text = text.rstrip()
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            column = place + len(text[place:]) - len(text[place:].lstrip()) + 1
            raise RuleTextError(f"{text[column - 1]!r} has no meaning here", _EXAMPLE, column)
        kind = {"sign": _Kind.SIGN, "quoted": _Kind.NAME, "word": _Kind.WORD}[match.lastgroup or ""]
        said = match[match.lastgroup or 0]
        if kind is _Kind.NAME:
            said = re.sub(r"\\(.)", r"\1", said, flags=re.S)
        start = match.start(match.lastgroup or 0) - (kind is _Kind.NAME)
        found.append(_Token(kind=kind, text=said, column=start + 1))
        place = match.end()
    found.append(_Token(kind=_Kind.END, text="the end", column=len(text) + 1))
    return found


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    @property
    def next(self) -> _Token:
        return self._tokens[self._place]

    def take(self) -> _Token:
        token = self.next
        if token.kind is not _Kind.END:
            self._place += 1
        return token

    def whole(self) -> Rule:
        """All that is left, as one rule."""
        alone: dict[str, Rule] = {"anyone": Anyone(), "everybody": EVERYBODY}
        word = self.next.keyword
        if word in alone:
            self.take()
            rule: Rule = alone[word]
        else:
            rule = simplified(self._any())
        if self.next.kind is not _Kind.END:
            if word in alone:
                raise self._refused(f"{word!r} stands alone", "leave the rest out")
            raise self._refused(f"{self.next.text!r} cannot follow here", "join rules with 'and' or 'or'")
        return rule

    def _any(self) -> Rule:
        parts = [self._all()]
        while self.next.keyword == "or":
            self.take()
            parts.append(self._all())
        return AnyOf(rules=tuple(parts))

    def _all(self) -> Rule:
        parts = [self._part()]
        while self.next.keyword == "and":
            self.take()
            parts.append(self._part())
        return AllOf(rules=tuple(parts))

    def _part(self) -> Rule:
        match self.next.keyword:
            case "(":
                return self._bracket()
            case "group":
                self.take()
                return InGroup(group=self._taken_name("the name of a group"))
            case "agent":
                self.take()
                return IsAgent(agent_id=AgentId(self._taken_name("the id of an agent")))
            case "lang":
                return self._language()
            case "anyone" | "everybody" as word:
                raise self._refused(f"{word!r} stands alone", "leave the rest out, or name a group")
            case _:
                name = self._taken_name("a skill, 'lang=', 'group', 'agent' or '('")
                return SkillRequirement(skill=SkillId(name), minimum_level=self._level())

    def _bracket(self) -> Rule:
        opened = self.take()
        self._depth += 1
        if self._depth > RULE_MAX_DEPTH:
            raise RuleTextError(f"more than {RULE_MAX_DEPTH} brackets are open", "say it more simply", opened.column)
        rule = self._any()
        if self.next.keyword != ")":
            raise self._refused(f"the bracket of column {opened.column} is not closed", "close it with ')'")
        self.take()
        self._depth -= 1
        return rule

    def _language(self) -> Rule:
        self.take()
        right = "write lang=caller, or a language such as lang=zh"
        if self.next.keyword != "=":
            raise self._refused("after 'lang' there is no '='", right)
        self.take()
        is_caller = self.next.kind is _Kind.WORD and self.next.text.lower() == "caller"
        language = self._taken_name("a language")
        level = self._level()
        if is_caller:
            return SpeaksWithCaller(minimum_level=level)
        return SkillRequirement(skill=SkillId(language), minimum_level=level)

    def _level(self) -> int:
        if self.next.keyword == "=":
            raise self._refused("a skill is compared with '='", "write '>=', as in billing>=5")
        if self.next.keyword != ">=":
            return LOWEST_LEVEL
        self.take()
        said = self.next
        is_level = said.kind is _Kind.WORD and re.fullmatch(r"[0-9]{1,2}", said.text) is not None
        if not is_level or not LOWEST_LEVEL <= int(said.text) <= HIGHEST_LEVEL:
            right = f"write a whole number from {LOWEST_LEVEL} to {HIGHEST_LEVEL}"
            raise self._refused(f"{said.text!r} is no level", right)
        self.take()
        return int(said.text)

    def _taken_name(self, wanted: str) -> str:
        token = self.next
        if token.kind not in (_Kind.NAME, _Kind.WORD) or token.keyword:
            right = f"{wanted} belongs here"
            if token.kind is _Kind.WORD:
                right += f"; if {token.text!r} is its name, write it in double quotes"
            raise self._refused(f"{token.text!r} is no name here", right)
        if not 1 <= len(token.text) <= NAME_MAX_CHARACTERS:
            raise self._refused("the name is empty or too long", f"use 1 to {NAME_MAX_CHARACTERS} characters")
        return self.take().text

    def _refused(self, what: str, right: str) -> RuleTextError:
        return RuleTextError(what, right, self.next.column)
