"""A person in files: recordings, files of imports, the exchange's logs, and what lies beside the journal.

Laws: a recording or a file of an import goes whole; in a log that others go on writing he is overwritten where he
stands, byte for byte, so that nobody's place in it moves.
"""

import asyncio
import contextlib
import mmap
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from callcenter.app.blanking import SAFE_LENGTH
from callcenter.app.erasure import FoundPerson
from callcenter.app.import_records import ImportRecord, ImportState, ImportStore, faults_of, file_of
from callcenter.app.ports import Clock
from callcenter.domain.errors import Conflict
from callcenter.importing.alone import remove_leftovers
from callcenter.importing.files import sheet_form
from callcenter.sheets.errors import SheetError
from callcenter.sheets.reading import Place, rows

log = structlog.get_logger(__name__)

PASSING_FOR: Final = timedelta(minutes=10)
"""What is made to be sent, and has not been written to for so long, is sent, or left of a process that was killed."""
ENCODINGS: Final = ("utf-8", "gb18030")
FILLER: Final = b"x"
SHORTEST_PHONE: Final = 7
_NO_DIGIT: Final = re.compile(r"\D", re.ASCII)


class FileTraces:
    """Implements `callcenter.app.erasure.Traces`."""

    def __init__(
        self,
        *,
        recordings: Path,
        imports_directory: Path,
        imports: ImportStore,
        logs: Sequence[Path],
        spool: Path,
        passing: Sequence[Path] = (),
        clock: Clock,
    ) -> None:
        """`logs` and `passing` may be patterns (`*.log`); what is in the `spool` is still to be taken in, and what is
        `passing` is there only until it is sent."""
        self._recordings = recordings
        self._imports_directory = imports_directory
        self._imports = imports
        self._logs = tuple(logs)
        self._spool = spool
        self._passing = tuple(passing)
        self._clock = clock

    async def count(self, person: FoundPerson) -> Mapping[str, int]:
        """How many recordings and files of imports are concerned."""
        audio = await asyncio.to_thread(self._recordings_of, person)
        return _counted({"recordings": len(audio), "import_files": len(await self._imports_with(person))})

    async def remove(self, person: FoundPerson) -> Mapping[str, int]:
        """Delete recordings and files of imports, overwrite him in logs; `Conflict` while an import is under way."""
        for state in (ImportState.WAITING, ImportState.RUNNING):
            if await self._imports.in_state(state):
                raise Conflict("an import is under way and may bring him back; wait for its end", code="import_runs")
        needles = _needles(person.words)
        if await asyncio.to_thread(self._waits_in_spool, needles):
            raise Conflict("what he wished for while the server was away waits to be taken in", code="wish_waits")
        left = self._clock.now() - PASSING_FOR
        if not await asyncio.to_thread(self._remove_passing, left):
            raise Conflict("an export is being made and may hold him; wait for its end", code="export_runs")
        await remove_leftovers(self._imports_directory, self._is_known, before=left)
        audio = await asyncio.to_thread(self._recordings_of, person)
        for path in audio:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        found = await self._imports_with(person)
        for record in found:
            for path in self._files_of(record):
                await asyncio.to_thread(path.unlink, missing_ok=True)
            await self._imports.put(replace(record, has_file=False, faults_bytes=0), expected=record.state)
        overwritten, unreachable = await asyncio.to_thread(self._overwrite, needles)
        counts = {"recordings": len(audio), "import_files": len(found), "logs_overwritten": overwritten}
        return _counted({**counts, "logs_not_writable": unreachable})

    async def _is_known(self, import_id: str) -> bool:
        return await self._imports.find(import_id) is not None

    def _remove_passing(self, before: datetime) -> bool:
        """Whether nothing is left of what was made to be sent: who reads a file that is gone reads to its end."""
        for path in _matching(self._passing):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= before.timestamp():
                    return False
                path.unlink()
        return True

    def _waits_in_spool(self, needles: Sequence[bytes]) -> bool:
        wishes = self._spool.glob("*.json") if self._spool.is_dir() else ()
        return any(needle in text for path in wishes for text in (path.read_bytes(),) for needle in needles)

    def _recordings_of(self, person: FoundPerson) -> list[Path]:
        """Those that are messages, and what was spoken in his calls and never became one."""
        names = {name for name in person.files if Path(name).name == name}
        found = {path for name in names if (path := self._recordings / name).is_file()}
        his = {f"message-{interaction_id}_" for interaction_id in person.interaction_ids}
        if self._recordings.is_dir():
            for path in self._recordings.iterdir():
                begin, mark, _ = path.name.rpartition("_")
                if mark and f"{begin}_" in his:
                    found.add(path)
        return sorted(found)

    async def _imports_with(self, person: FoundPerson) -> list[ImportRecord]:
        now, found = self._clock.now(), []
        ended = await self._imports.ended_before(now)
        while ended:
            found += [record for record in ended if await asyncio.to_thread(self._mentions, record, person.words)]
            ended = await self._imports.ended_before(now, after=ended[-1].import_id)
        return found

    def _files_of(self, record: ImportRecord) -> tuple[Path, Path]:
        directory, import_id = self._imports_directory, record.import_id
        return file_of(directory, import_id), faults_of(directory, import_id)

    def _mentions(self, record: ImportRecord, words: Iterable[str]) -> bool:
        """Whether he stands in a file; one that cannot be read any more is taken to hold him."""
        path, faults = self._files_of(record)
        texts = {word.casefold() for word in words}
        digits = {found for word in words if len(found := _NO_DIGIT.sub("", word)) >= SHORTEST_PHONE}
        if faults.is_file() and any(needle in faults.read_bytes() for needle in _needles(words)):
            return True
        if not path.is_file():
            return False
        try:
            for cells in rows(path, sheet_form(record.form), Place()):
                for cell in cells:
                    plain = cell.strip().casefold()
                    if plain in texts or (len(plain) >= SAFE_LENGTH and any(one in plain for one in texts)):
                        return True
                    numbers = _NO_DIGIT.sub("", cell)
                    if len(numbers) >= SHORTEST_PHONE and any(one in numbers for one in digits):
                        return True
        except (SheetError, OSError, ValueError):
            return True
        return False

    def _overwrite(self, needles: Sequence[bytes]) -> tuple[int, int]:
        """In every log: how many held him, and how many could not be written to."""
        overwritten = unreachable = 0
        for path in self._flat_files():
            try:
                overwritten += overwrite(path, needles)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("log_not_overwritten", cause=type(error).__name__)
                unreachable += 1
        return overwritten, unreachable

    def _flat_files(self) -> list[Path]:
        return _matching(self._logs)


def _matching(patterns: Iterable[Path]) -> list[Path]:
    """The files that these patterns name, of directories too."""
    found: set[Path] = set()
    for pattern in patterns:
        plain = next(parent for parent in pattern.parents if "*" not in str(parent))
        found.update(path for path in plain.glob(str(pattern.relative_to(plain))) if path.is_file())
    return sorted(found)


def overwrite(path: Path, needles: Sequence[bytes]) -> bool:
    """Put fillers over each of these; whether there was any. The file keeps its length and goes on being written."""
    if path.stat().st_size == 0:
        return False
    found = False
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        for needle in needles:
            at = content.find(needle)
            while at >= 0:
                found = True
                content[at : at + len(needle)] = FILLER * len(needle)
                at = content.find(needle, at + len(needle))
        content.flush()
    return found


def _needles(words: Iterable[str]) -> tuple[bytes, ...]:
    """His words as bytes, the longest first; short ones of Latin letters would hit what is not his."""
    found: set[bytes] = set()
    for word in words:
        if word.isascii() and len(word) < SAFE_LENGTH:
            continue
        for encoding in ENCODINGS:
            found.add(word.encode(encoding, "ignore"))
    return tuple(sorted(found - {b""}, key=lambda needle: (-len(needle), needle)))


def _counted(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name: count for name, count in counts.items() if count}
