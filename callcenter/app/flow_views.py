"""What pages are shown of flows: rows, faults with their places, pictures, conversations, differences."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from callcenter.app.flow_texts import Publication
from callcenter.domain.labels import Label
from callcenter.ivr.faults import Fault

MOST_SHOWN_FAULTS: Final = 200
MOST_DIFFERENT_LINES: Final = 4_000
_QUOTED: Final = re.compile(r"'([^'\n]+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView:
    """A fault and where it is: `line` and `column` count from 1, `length` letters there are meant."""

    file: str
    line: int
    column: int
    length: int
    code: str
    what: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRef:
    """A number that leads to a flow."""

    dnis: str
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    """One flow, or the announcements of queues, in the list.

    `version` is the number of the newest publication or retraction, 0 when there never was one; what is published is
    based on it. `in_force` is whether calls have the text that counts; if not, `faults` say why, or it takes a moment.
    """

    name: str
    kind: Literal["flow", "prompts"]
    source: Literal["file", "published"]
    version: int
    by: str | None
    at: datetime | None
    note: str
    file: str | None
    text_version: str | None
    in_force: bool
    languages: tuple[str, ...] = ()
    nodes: int = 0
    numbers: tuple[NumberRef, ...] = ()
    is_default: bool = False
    used_by: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    started_today: int | None = None
    removable: bool = False
    faults: tuple[FaultView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowList:
    """All rows, and faults that are of none of them."""

    items: tuple[FlowRow, ...]
    faults: tuple[FaultView, ...]
    counted_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDocument:
    """A row with the text that counts."""

    row: FlowRow
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WayCount:
    """How many callers took a way that the picture does not show."""

    one: str
    other: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """What is wrong with a text, and of a sound one its picture; `elsewhere` are faults that others would have."""

    faults: tuple[FaultView, ...]
    elsewhere: tuple[FaultView, ...] = ()
    text_version: str
    picture: str | None = None
    languages: tuple[str, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line in which each node begins."""
    started_today: int = 0
    other_ways: tuple[WayCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidView:
    """Words a caller hears."""

    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """What the caller did (nothing at the beginning), the nodes he came through, what he heard, what was noted."""

    did: Literal["begins", "presses", "silent", "hangs_up"]
    keys: str = ""
    nodes: tuple[str, ...] = ()
    heard: tuple[SaidView, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A call that was tried, as far as it went; `ended` is empty while it goes on."""

    turns: tuple[TurnView, ...]
    node: str
    ended: Mapping[str, str]
    at: datetime
    data: str | None
    """The file of dialogues whose answers counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationView:
    """One line of a history, without its text."""

    version: int
    by: str
    at: datetime
    note: str
    retracted: bool
    text_version: str | None
    is_newest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferentLine:
    """One line of a comparison; a gap stands for lines that are the same on both sides."""

    kind: Literal["same", "added", "removed", "gap"]
    text: str
    before: int | None
    after: int | None


def fault_views(faults: Iterable[Fault], texts: Mapping[str, str]) -> tuple[FaultView, ...]:
    """Faults with the words they mean, which are looked for in the texts by their file names."""
    lines = {filename: text.splitlines() for filename, text in texts.items()}
    return tuple(_fault_view(fault, lines.get(fault.filename, [])) for fault in list(faults)[:MOST_SHOWN_FAULTS])


def _fault_view(fault: Fault, lines: list[str]) -> FaultView:
    line = lines[fault.line - 1] if 0 < fault.line <= len(lines) else ""
    bare = line.strip()
    column, length = line.find(bare), len(bare)
    for word in _QUOTED.findall(fault.what):
        # The last word of that name in the line is the value; the field before it may have the same name.
        found = [each.start() for each in re.finditer(rf"(?<![\w]){re.escape(word)}(?![\w])", line)]
        if found:
            column, length = found[-1], len(word)
            break
    return FaultView(
        file=fault.filename,
        line=fault.line,
        column=column + 1,
        length=length,
        code=fault.code,
        what=fault.what,
        right=fault.right,
    )


def differences(before: str, after: str, *, context: int = 3) -> tuple[DifferentLine, ...]:
    """The lines in which two texts differ, with some lines round them."""
    old, new = before.splitlines(), after.splitlines()
    found: list[DifferentLine] = []
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(context):
        if found or group[0][1] > 0:
            found.append(DifferentLine(kind="gap", text="", before=None, after=None))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += [
                    DifferentLine(kind="same", text=old[i], before=i + 1, after=j + 1)
                    for i, j in zip(range(i1, i2), range(j1, j2), strict=True)
                ]
                continue
            found += [DifferentLine(kind="removed", text=old[i], before=i + 1, after=None) for i in range(i1, i2)]
            found += [DifferentLine(kind="added", text=new[j], before=None, after=j + 1) for j in range(j1, j2)]
    return tuple(found[:MOST_DIFFERENT_LINES])


def publication_view(publication: Publication, text_version: str, *, newest: int) -> PublicationView:
    """A line of the history."""
    return PublicationView(
        version=publication.version,
        by=publication.by,
        at=publication.at,
        note=publication.note,
        retracted=publication.retracted,
        text_version=None if publication.retracted else text_version,
        is_newest=publication.version == newest,
    )
