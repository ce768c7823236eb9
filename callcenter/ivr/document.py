"""A YAML text as tables, lists and plain words, every one with its line; what is amiss is noted and reading goes on.

Words stay words: `no`, `07` and `1e3` are read as they are written. Anchors are refused, so no file can grow.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from callcenter.ivr.faults import Fault, FlowError

FILE_MAX_CHARACTERS: Final = 200_000
IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

_IDENTIFIER_RULE: Final = "use small letters, digits and _, beginning with a letter, at most 48"
_NAME_RULE: Final = "use letters, digits, _ . and -, at most 64"

Plain = str | list["Plain"] | dict[str, "Plain"]


class Document:
    """What a text held: the faults found so far, and the line of every field by its path (`nodes.menu.next`)."""

    def __init__(self, filename: str, guide: str = "docs/ivr.md") -> None:
        self.filename = filename
        self.guide = guide
        """The page that tells what such a file holds."""
        self.faults: list[Fault] = []
        self.lines: dict[str, int] = {}

    def fault(self, code: str, what: str, right: str, path: str) -> None:
        """Note a fault in the line of `path`, or of the nearest thing round it that has one."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        self._note(code, what, right, self.lines.get(path, 1))

    def raise_faults(self) -> None:
        """Raise FlowError if anything was amiss."""
        if self.faults:
            raise FlowError(self.faults)

    def plain(self, node: Node, path: str) -> Plain:
        """The node as plain values, with duplicates and anchors noted as faults."""
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if node.anchor is not None:
            self._note("anchor", "anchors (&) and aliases (*) are not read", "write the value out", line)
            return ""
        match node:
            case ScalarNode():
                return str(node.value)
            case SequenceNode():
                return [self.plain(item, _join(path, str(index))) for index, item in enumerate(node.value)]
            case MappingNode():
                return self._table(node, path)
            case _:
                self._note("not_yaml", "this is no table, list or text", f"see {self.guide}", line)
                return ""

    def _table(self, node: MappingNode, path: str) -> dict[str, Plain]:
        table: dict[str, Plain] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self._note("not_yaml", "the name of a field must be a word", "write 'name: value'", line)
                continue
            name = str(key.value)
            if name in table:
                first = self.lines[_join(path, name)]
                what = f"{name!r} stands twice in {path or 'the file'}, first in line {first}"
                self._note("duplicate", what, "keep one of them", line)
                continue
            self.lines[_join(path, name)] = line
            table[name] = self.plain(value, _join(path, name))
        return table

    def _note(self, code: str, what: str, right: str, line: int) -> None:
        self.faults.append(Fault(code=code, filename=self.filename, line=line, what=what, right=right))


class Section:
    """One table of a document; each reader returns a value of its type, and on a fault a harmless one."""

    def __init__(self, document: Document, path: str, table: dict[str, Plain]) -> None:
        self.document = document
        self.path = path
        self._table = table

    def fault(self, code: str, what: str, right: str, name: str = "") -> None:
        """Note a fault at the field `name` of this table, or at the table."""
        self.document.fault(code, what, right, _join(self.path, name))

    def has(self, name: str) -> bool:
        """Whether the field is written."""
        return name in self._table

    def is_section(self, name: str) -> bool:
        """Whether the field holds a table."""
        return isinstance(self._table.get(name), dict)

    def is_list(self, name: str) -> bool:
        """Whether the field holds a list."""
        return isinstance(self._table.get(name), list)

    def names(self, *, pattern: re.Pattern[str] | None = IDENTIFIER) -> tuple[str, ...]:
        """The names of all fields, each checked against `pattern`."""
        for name in self._table:
            if pattern is not None and not pattern.fullmatch(name):
                self.fault("bad_name", f"{name!r} is no name", _IDENTIFIER_RULE, name)
        return tuple(self._table)

    def only(self, *known: str) -> None:
        """Note every field that is not `known`."""
        for name in self._table:
            if name not in known:
                what = f"{self.path or 'the file'} has no field {name!r}"
                self.fault("unknown_field", what, f"use {', '.join(known)}", name)

    def section(self, name: str, *, needed: bool = True) -> Section | None:
        """The table in a field; None when it is not there, which is a fault if it is `needed`."""
        value = self._table.get(name)
        if isinstance(value, dict):
            return Section(self.document, _join(self.path, name), value)
        if value is not None:
            self.fault("bad_type", f"{_join(self.path, name)} is no table", "write fields below it, indented", name)
        elif needed:
            self._missing(name)
        return None

    def sections(self, name: str) -> list[Section]:
        """The tables of a list."""
        value = self._table.get(name)
        if value is None:
            self._missing(name)
            return []
        path = _join(self.path, name)
        if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
            self.fault("bad_type", f"{path} is no list of tables", "begin each with '- '", name)
            return []
        return [
            Section(self.document, _join(path, str(index)), item)
            for index, item in enumerate(value)
            if isinstance(item, dict)
        ]

    def text(self, name: str, *, at_most: int) -> str:
        """A text that is not empty."""
        value = self._table.get(name)
        if value is None:
            self._missing(name)
            return ""
        path = _join(self.path, name)
        if not isinstance(value, str) or not value.strip():
            self.fault("bad_type", f"{path} is no text", "write the words", name)
            return ""
        if len(value) > at_most:
            what = f"{path} has {len(value)} characters"
            self.fault("too_long", what, f"shorten it to {at_most}, or divide it", name)
        return value

    def word(self, name: str, *, pattern: re.Pattern[str] | None = IDENTIFIER) -> str:
        """A name; without `pattern`, one that comes from elsewhere and may also have capitals, dots and dashes."""
        value = self.text(name, at_most=64)
        if value and not (pattern or NAME).fullmatch(value):
            rule = _IDENTIFIER_RULE if pattern else _NAME_RULE
            self.fault("bad_name", f"{_join(self.path, name)}: {value!r} is no name", rule, name)
        return value

    def optional_word(self, name: str) -> str | None:
        """A name, or None when there is none."""
        return self.word(name) if self.has(name) else None

    def words(self, name: str, *, needed: bool = True) -> tuple[str, ...]:
        """One name, or a list of names."""
        value = self._table.get(name)
        if isinstance(value, str):
            return (self.word(name),)
        if value is None:
            if needed:
                self._missing(name)
            return ()
        words = [item for item in value if isinstance(item, str) and IDENTIFIER.fullmatch(item)]
        if isinstance(value, dict) or len(words) != len(value) or not words:
            path = _join(self.path, name)
            self.fault("bad_type", f"{path} is no list of names", f"write [one, two]; {_IDENTIFIER_RULE}", name)
        return tuple(words)

    def texts(self, name: str, *, at_most: int) -> tuple[str, ...]:
        """A list of texts, each of one line; none when the field is not there or the list is empty."""
        value = self._table.get(name, [])
        lines = [item for item in value if isinstance(item, str) and item.strip() and item.isprintable()]
        if not isinstance(value, list) or len(lines) != len(value):
            self.fault("bad_type", f"{_join(self.path, name)} is no list of texts", "write [one, two]", name)
            return ()
        if any(len(line) > at_most for line in lines):
            self.fault("too_long", f"{_join(self.path, name)} has a long text", f"shorten it to {at_most}", name)
        return tuple(lines)

    def one_of(self, name: str, choices: tuple[str, ...], *, usual: str | None = None) -> str:
        """One of the words in `choices`."""
        if usual is not None and not self.has(name):
            return usual
        value = self.text(name, at_most=64)
        if value and value not in choices:
            self.fault("bad_choice", f"{_join(self.path, name)} is {value!r}", f"use {', '.join(choices)}", name)
        return value

    def yes_or_no(self, name: str, *, usual: bool) -> bool:
        """Yes or no, also written true or false."""
        said = self.one_of(name, ("yes", "no", "true", "false"), usual="yes" if usual else "no")
        return said in ("yes", "true")

    def whole(self, name: str, low: int, high: int, *, usual: int) -> int:
        """A whole number from `low` to `high`."""
        if not self.has(name):
            return usual
        value = self.text(name, at_most=20)
        if not re.fullmatch(r"-?[0-9]{1,9}", value) or not low <= int(value) <= high:
            what = f"{_join(self.path, name)} is {value!r}"
            self.fault("bad_number", what, f"give a whole number from {low} to {high}", name)
            return usual
        return int(value)

    def seconds(self, name: str, low: int, high: int, *, usual: int) -> timedelta:
        """A number of seconds from `low` to `high`, with a decimal point if need be."""
        if not self.has(name):
            return timedelta(seconds=usual)
        value = self.text(name, at_most=20)
        number = float(value) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", value) else math.nan
        if not low <= number <= high:
            what = f"{_join(self.path, name)} is {value!r}"
            self.fault("bad_number", what, f"give seconds from {low} to {high}", name)
            return timedelta(seconds=usual)
        return timedelta(seconds=number)

    def _missing(self, name: str) -> None:
        what = f"{self.path or 'the file'} has no {name!r}"
        self.fault("missing_field", what, f"add {name!r}; see {self.document.guide}")


def read_document(
    text: str,
    filename: str,
    *,
    at_most: int = FILE_MAX_CHARACTERS,
    opening: str = "flow:",
    guide: str = "docs/ivr.md",
) -> tuple[Document, Section]:
    """The table a text holds; raises FlowError when it is no YAML at all, or no table.

    `opening` is what such a file may begin with, `guide` the page about it.
    """
    document = Document(filename, guide)
    table: Plain = ""
    if len(text) > at_most:
        what = f"the file has {len(text)} characters"
        document.fault("too_long", what, f"divide it into files of at most {at_most}", "")
        document.raise_faults()
    try:
        node = YAML(pure=True).compose(text)
        table = document.plain(node, "") if node is not None else ""
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.lines[""] = mark.line + 1 if mark is not None else 1
        document.fault("not_yaml", f"this is no YAML: {error.problem or error.context}", "mend or quote it", "")
    except (YAMLError, ValueError) as error:
        document.fault("not_yaml", f"this is no YAML: {str(error).splitlines()[0]}", "save it as UTF-8 text", "")
    except RecursionError:
        document.fault("not_yaml", "the file is nested too deeply", "six levels are enough", "")
    if not document.faults and not isinstance(table, dict):
        document.fault("not_yaml", "the file holds no table", f"begin it with '{opening}'; see {guide}", "")
    if not isinstance(table, dict):
        document.raise_faults()
        table = {}
    return document, Section(document, "", table)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
