"""Flow files as flows that are sound and fit together; hours in them are written as in the business's file."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from callcenter.app.business_hours import read_hours
from callcenter.app.flow_texts import QUEUE_PROMPTS, FilesRead, FlowText, name_in
from callcenter.app.opening_hours import opening_hours
from callcenter.domain.hours import OpeningHours
from callcenter.ivr.document import Section
from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.flow import Flow
from callcenter.ivr.reader import Surroundings, parse_flows

WAITING_PROMPTS: Final = "prompts/queue.yaml"


def read_flows(
    texts: Mapping[str, str], surroundings: Surroundings | None = None, *, known: Collection[Flow] = ()
) -> dict[str, Flow]:
    """The flows of these files, by their names; raises `FlowError` with the faults of all.

    Those that are `known` to be sound are not read again where their text is the same.
    """
    return parse_flows(texts, surroundings=surroundings, read_hours=written_hours, known=known)


def written_hours(fields: Section) -> OpeningHours:
    """Opening hours that are written out in a file."""
    return opening_hours(read_hours(fields))


class FlowDirectory:
    """The files of a directory; says when what they hold has changed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._stamps: Mapping[Path, tuple[int, int]] | None = None
        self._read: FilesRead | None = None

    def read(self) -> FilesRead:
        """Every text there is, by its name; raises `FlowError` when there is no such directory."""
        if not self.directory.is_dir():
            what = "there is no such directory of flows"
            raise FlowError([_fault(self.directory, what, "set flows.directory to where they are")])
        # Before the texts: what is written meanwhile is noticed the next time.
        self._stamps = self._stamps_now()
        self._read = _read_all(self.directory)
        return self._read

    def read_only(self) -> FilesRead:
        """What is there now, for looking at; what was read for calls stays what `changed` compares with."""
        return _read_all(self.directory)

    def changed(self) -> bool:
        """Whether a text is not what it was when it was read; a file that was only touched is not."""
        stamps = self._stamps_now()
        if stamps == self._stamps:
            return False
        if not self.directory.is_dir() or _read_all(self.directory) != self._read:
            return True
        self._stamps = stamps
        return False

    def dialogues_of(self, name: str) -> tuple[str, str] | None:
        """The file of dialogues beside a flow and its text; None when there is none that can be read."""
        path = self.directory / "tests" / f"{name}.yaml"
        try:
            return str(path), read_file(path)
        except FlowError:
            return None

    def _stamps_now(self) -> Mapping[Path, tuple[int, int]]:
        stamps: dict[Path, tuple[int, int]] = {}
        for path in _paths(self.directory):
            try:
                facts = path.stat()
            except OSError:
                continue
            stamps[path] = (facts.st_mtime_ns, facts.st_size)
        return stamps


def _paths(directory: Path) -> list[Path]:
    waiting = directory / WAITING_PROMPTS
    return [*sorted(directory.glob("*.yaml")), *([waiting] if waiting.exists() else [])]


def _read_all(directory: Path) -> FilesRead:
    texts: dict[str, FlowText] = {}
    faults: list[Fault] = []
    for path in _paths(directory):
        try:
            text = read_file(path)
        except FlowError as error:
            faults += error.faults
            continue
        name = QUEUE_PROMPTS if path == directory / WAITING_PROMPTS else name_in(text) or path.stem
        other = texts.get(name)
        if other is not None:
            what = f"the flow {name!r} is in {other.filename} already"
            faults.append(_fault(path, what, "give one of them another name", code="duplicate"))
            continue
        texts[name] = FlowText(name=name, text=text, filename=str(path))
    return FilesRead(texts=texts, faults=tuple(faults))


def read_file(path: Path) -> str:
    """The text of a file; raises `FlowError`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FlowError([_fault(path, f"cannot be read: {error}", "a UTF-8 file that the server may read")]) from error


def _fault(path: Path, what: str, right: str, code: str = "flow_files") -> Fault:
    return Fault(code=code, filename=str(path), line=1, what=what, right=right)
