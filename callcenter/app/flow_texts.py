"""Which text of a flow counts: the newest one published, until that is taken back; else the file of that name.

Law: a text that is not sound never takes the place of one that is, and what was published is never changed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol, TypeVar

from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.ivr.document import FILE_MAX_CHARACTERS
from callcenter.ivr.faults import Fault, FlowError

QUEUE_PROMPTS: Final = "prompts.queue"
"""Under this name go the announcements of queues; no flow's name has a full stop."""
TEXT_MAX_CHARACTERS: Final = FILE_MAX_CHARACTERS
NOTE_MAX_CHARACTERS: Final = 500

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_SAYS_ITS_NAME: Final = re.compile(r"^flow:[ \t]*['\"]?([a-z][a-z0-9_]{0,47})\b", re.MULTILINE)
_Made = TypeVar("_Made")


class PublishedMeanwhile(Conflict):
    """Somebody else has published since the text was read; nothing was changed."""

    code = "published_meanwhile"


class FlowFaulty(InvalidValue):
    """The text has faults, or another flow would have them; nothing was published."""

    code = "flow_invalid"


class FlowNeeded(Conflict):
    """Numbers or other flows lead to what would be gone; nothing was changed."""

    code = "flow_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One line of the history of a name: a text that was published, or that what was published is taken back."""

    name: str
    version: int
    text: str = field(repr=False)
    by: str
    at: datetime
    note: str
    retracted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowText:
    """A text that counts, or is to; `filename` is what its faults call it."""

    name: str
    text: str = field(repr=False)
    filename: str
    publication: Publication | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRead:
    """What a directory held: the texts by their names, and faults of files that nobody can read."""

    texts: Mapping[str, FlowText]
    faults: tuple[Fault, ...] = ()


class PublishedTexts(Protocol):
    """The store of what was published; rows are only ever added."""

    async def newest(self) -> Mapping[str, Publication]:
        """The last line of the history of every name."""
        ...

    async def history(self, name: str, *, limit: int, before: int | None = None) -> tuple[Publication, ...]:
        """The newest first, those before this version."""
        ...

    async def version(self, name: str, version: int) -> Publication:
        """One line of the history; `NotFound` when there is none."""
        ...

    async def add(self, publication: Publication) -> None:
        """Append a line and an audit line; `PublishedMeanwhile` unless its version follows the newest."""
        ...


def name_in(text: str) -> str | None:
    """The name a flow's text gives itself, also where the text cannot be read as a whole; None when it says none."""
    found = _SAYS_ITS_NAME.search(text)
    return found[1] if found is not None else None


def check_name(name: str) -> None:
    """Raise `InvalidValue` unless a text can go under this name."""
    if name != QUEUE_PROMPTS and _NAME.fullmatch(name) is None:
        raise InvalidValue(
            f"{name[:60]!r} is no name of a flow; use small letters, digits and _, beginning with a letter, at most 48",
            code="invalid_name",
        )


def effective(files: Mapping[str, FlowText], published: Mapping[str, Publication]) -> dict[str, FlowText]:
    """The text of every name that counts, whether it is sound or not."""
    texts = dict(files)
    for name, publication in published.items():
        if not publication.retracted:
            texts[name] = published_text(publication)
    return dict(sorted(texts.items()))


def published_text(publication: Publication) -> FlowText:
    """A publication as a text that counts."""
    return FlowText(
        name=publication.name,
        text=publication.text,
        filename=f"{publication.name} (version {publication.version})",
        publication=publication,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The texts that came into force, and the faults of those that did not, by their file names."""

    texts: Mapping[str, FlowText]
    faults: tuple[Fault, ...] = ()


def settle(
    read: FilesRead,
    published: Mapping[str, Publication],
    in_force: Mapping[str, FlowText],
    make: Callable[[Mapping[str, FlowText]], _Made],
) -> tuple[_Made, Settled]:
    """Bring what counts now into force, and of names whose text is faulty leave the one that was; raises FlowError.

    `make` raises FlowError for texts that do not do. Where nothing is in force yet, every fault is raised; so is what
    cannot be mended by leaving texts as they were.
    """
    texts = effective(read.texts, published)
    faults = list(read.faults)
    if faults and not in_force:
        faults += _faults_of(make, texts)
        raise FlowError(faults)
    unreadable = {fault.filename for fault in read.faults}
    texts |= {name: old for name, old in in_force.items() if name not in texts and old.filename in unreadable}
    while True:
        try:
            made = make(texts)
        except FlowError as error:
            faults += error.faults
            before = _as_before(error.faults, texts, in_force)
            if before == texts:
                raise FlowError(dict.fromkeys(faults)) from error
            texts = before
        else:
            return made, Settled(texts=texts, faults=tuple(dict.fromkeys(faults)))


def _faults_of(make: Callable[[Mapping[str, FlowText]], _Made], texts: Mapping[str, FlowText]) -> tuple[Fault, ...]:
    try:
        make(texts)
    except FlowError as error:
        return error.faults
    return ()


def _as_before(
    faults: tuple[Fault, ...], texts: Mapping[str, FlowText], in_force: Mapping[str, FlowText]
) -> dict[str, FlowText]:
    """The texts with those that have faults as they were; if that changes nothing, with those that are gone."""
    faulty = {fault.filename for fault in faults}
    kept = dict(texts)
    for name, text in texts.items():
        old = in_force.get(name)
        if text.filename in faulty and (old is None or old.text != text.text):
            if old is None:
                del kept[name]
            else:
                kept[name] = old
    if in_force and kept == dict(texts):
        kept = {**{name: old for name, old in in_force.items() if name not in kept}, **kept}
    return kept if in_force else dict(texts)


def retracted(publication: Publication, *, by: str, at: datetime, note: str) -> Publication:
    """The line that takes back what this one published."""
    return replace(publication, version=publication.version + 1, text="", by=by, at=at, note=note, retracted=True)
