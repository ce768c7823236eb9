"""One item of the business's configuration as a document of its own: what a form shows, and what it sends back.

Law: a document is read by the code that reads the whole file, and every fault says in which field it is.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from callcenter.app.business import ONE_OF, Business, Part
from callcenter.app.business_file import GUIDE, BusinessFile, read_tables
from callcenter.app.business_tables import Table, Value
from callcenter.app.business_text import tables_of
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.ivr.document import Document, Plain, Section
from callcenter.ivr.faults import Fault, FlowError

DEEPEST = 8

Json = str | int | float | bool | Sequence["Json"] | Mapping[str, "Json"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFault:
    """What is wrong with one field of a document (`steps.1.who`), or, without a field, with what stands around it."""

    field: str
    code: str
    what: str
    right: str
    line: int = 0
    """Of a whole file."""

    def __str__(self) -> str:
        return f"{self.what}; {self.right}" if self.right else self.what


class BusinessFaulty(InvalidValue):
    """What is asked for cannot be the configuration; nothing was changed."""

    code = "configuration_faulty"

    def __init__(self, faults: Iterable[FieldFault]) -> None:
        self.faults = tuple(faults)
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        super().__init__(f"{self.faults[0]}{more}" if self.faults else "it cannot be read")


class ItemFile:
    """One item that was read from its document, and in which of its fields each fault is."""

    def __init__(self, part: Part, item: str, document: Mapping[str, Json]) -> None:
        """Raises `BusinessFaulty` with everything that is wrong within it."""
        self._document = Document("", GUIDE)
        self._base = f"{part}.{item}"
        plain = self._plain(document, self._base, DEEPEST)
        self._document.lines[part.value] = self._next()
        self._document.lines[""] = self._next()
        root: dict[str, Plain] = {part.value: {item: plain}}
        self.file = self._read(Section(self._document, "", root))

    @property
    def business(self) -> Business:
        """A configuration of this item alone."""
        return self.file.wanted.business

    def faults(self, error: FlowError) -> tuple[FieldFault, ...]:
        """The same faults, each with its field."""
        paths = {line: path for path, line in self._document.lines.items()}
        return tuple(dict.fromkeys(self._fault(fault, paths) for fault in error.faults))

    def _fault(self, fault: Fault, paths: Mapping[int, str]) -> FieldFault:
        path = paths.get(fault.line, "") if not fault.filename else ""
        field = path.removeprefix(f"{self._base}.") if path.startswith(f"{self._base}.") else ""
        # A form shows the field; its place in the whole file would only be in the way.
        what = fault.what.replace(f"{self._base}.", "") if not fault.filename else f"{fault.filename}: {fault.what}"
        what = what.replace(self._base, "this")
        return FieldFault(field=field, code=fault.code, what=what, right=fault.right)

    def _read(self, root: Section) -> BusinessFile:
        try:
            return read_tables(self._document, root)
        except FlowError as error:
            raise BusinessFaulty(self.faults(error)) from error

    def _plain(self, value: Json, path: str, deep: int) -> Plain:
        self._document.lines[path] = self._next()
        if deep == 0:
            raise BusinessFaulty([FieldFault(field="", code="too_deep", what="it is nested too deeply", right="")])
        match value:
            case None:
                return ""
            case bool():
                return "true" if value else "false"
            case str():
                return value
            case int() | float():
                return repr(value)
            case Mapping():
                # What is null is left out, as in a merge patch.
                kept = {str(name): inner for name, inner in value.items() if inner is not None}
                return {name: self._plain(inner, f"{path}.{name}", deep - 1) for name, inner in kept.items()}
            case _:
                return [self._plain(inner, f"{path}.{index}", deep - 1) for index, inner in enumerate(value)]

    def _next(self) -> int:
        # Every path has a line of its own, so that the line tells the path.
        return len(self._document.lines) + 1


def item_document(business: Business, part: Part, item: str) -> Table:
    """One item as a plain table; raises `NotFound`."""
    found = tables_of(business, part).get(item)
    if found is None:
        raise NotFound(f"there is no {ONE_OF[part]} {item}", code="unknown_item")
    return found


def tag_of(table: Mapping[str, Value]) -> str:
    """A short name of exactly this content: who changes it says by it what he has read."""
    text = json.dumps(table, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
