"""The recorded prompts on disk: what is in use, and every earlier one with who put it there and when.

`<directory>/<language>/<set>.<prompt>.wav` is in use; `<directory>/<language>/history/<set>.<prompt>/` has a `.json`
for every change, numbered, and a `.wav` beside those that brought a sound. Law: each file appears whole or not at
all, and nothing is replaced before it is in the history.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from callcenter.app.prompt_book import PromptKey, RecordedSound, Recording, RecordingChange
from callcenter.domain.errors import InvalidValue, NotFound

VERSIONS_KEPT: Final = 30
HISTORY: Final = "history"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_recordings = msgspec.json.Decoder(Recording)


class Converter(Protocol):
    """Makes of what was brought the sound that Asterisk plays."""

    async def formats(self) -> tuple[str, ...]:
        """The formats that can be read here."""
        ...

    async def convert(self, upload: Path, target: Path) -> RecordedSound:
        """Write the sound to `target`; raises `CallcenterError` with what is wrong."""
        ...


class RecordedPrompts:
    """Implements `Recordings` (app/prompt_book.py)."""

    def __init__(self, directory: Path, converter: Converter) -> None:
        self._directory = directory.absolute()
        self._converter = converter
        self._changing = asyncio.Lock()

    async def formats(self) -> tuple[str, ...]:
        """The formats that can be read here."""
        return await self._converter.formats()

    @contextmanager
    def upload_file(self) -> Iterator[Path]:
        """A place for what is being sent, gone at the end of the block."""
        incoming = self._directory / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=incoming, prefix="upload-") as place:
            yield Path(place) / "upload"

    async def add(self, key: PromptKey, upload: Path, *, by: str, at: datetime) -> Recording:
        """Convert what was brought and use it from the next call on."""
        ready = upload.with_name("ready.wav")
        sound = await self._converter.convert(upload, ready)
        async with self._changing:
            return await asyncio.to_thread(self._put, key, ready, RecordingChange.RECORDED, sound, None, by, at)

    async def remove(self, key: PromptKey, *, by: str, at: datetime) -> Recording:
        """Back to the synthesised voice; the recording stays in the history."""
        async with self._changing:
            return await asyncio.to_thread(self._take_away, key, by, at)

    async def restore(self, key: PromptKey, version: int, *, by: str, at: datetime) -> Recording:
        """Use an earlier recording again."""
        async with self._changing:
            return await asyncio.to_thread(self._restore, key, version, by, at)

    def history(self, key: PromptKey) -> tuple[Recording, ...]:
        """All changes, newest first."""
        found = [self._read(path) for path in self._numbered(key, ".json")]
        return tuple(entry for entry in reversed(found) if entry is not None)

    def newest(self, key: PromptKey) -> Recording | None:
        """The change by which the recording in use came; None for a file that was put there by hand, or none."""
        entries = self._numbered(key, ".json")
        entry = self._read(entries[-1]) if entries else None
        return entry if entry is not None and self._stands(key, entry) else None

    def file(self, key: PromptKey, version: int) -> Path:
        """The sound of a version; raises `NotFound`."""
        path = self._version(key, version, ".wav")
        if not path.is_file():
            raise NotFound(f"{key}: version {version} has no sound", code="unknown_recording")
        return path

    def _take_away(self, key: PromptKey, by: str, at: datetime) -> Recording:
        current = self._current(key)
        if not current.is_file():
            raise NotFound(f"{key} has no recording: it is spoken by the synthesised voice", code="no_recording")
        self._keep_found(key, at)
        entry = self._write(key, RecordingChange.REMOVED, None, None, by, at)
        current.unlink()
        return entry

    def _restore(self, key: PromptKey, version: int, by: str, at: datetime) -> Recording:
        sound = self.file(key, version)
        told = next((entry for entry in self.history(key) if entry.version == version), None)
        heard = None if told is None else told.sound
        return self._put(key, sound, RecordingChange.RESTORED, heard, version, by, at)

    def _put(
        self,
        key: PromptKey,
        ready: Path,
        change: RecordingChange,
        sound: RecordedSound | None,
        of: int | None,
        by: str,
        at: datetime,
    ) -> Recording:
        self._keep_found(key, at)
        version = self._next_version(key)
        kept = self._version(key, version, ".wav")
        _place(ready, kept)
        entry = self._write(key, change, sound, of, by, at)
        _place(kept, self._current(key))
        self._forget_oldest(key)
        return entry

    def _keep_found(self, key: PromptKey, at: datetime) -> None:
        """What somebody put there by hand becomes a version before it is replaced."""
        current = self._current(key)
        if current.is_file() and self.newest(key) is None:
            _place(current, self._version(key, self._next_version(key), ".wav"))
            self._write(key, RecordingChange.FOUND, None, None, "", at)

    def _write(
        self,
        key: PromptKey,
        change: RecordingChange,
        sound: RecordedSound | None,
        of: int | None,
        by: str,
        at: datetime,
    ) -> Recording:
        version = self._next_version(key)
        entry = Recording(version=version, at=at.astimezone(UTC), by=by, change=change, sound=sound, restored=of)
        path = self._version(key, version, ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.part")
        unfinished.write_bytes(msgspec.json.encode(entry))
        unfinished.replace(path)
        return entry

    def _stands(self, key: PromptKey, entry: Recording) -> bool:
        """Whether the file in use is the one of this change: times are copied, so size and time tell."""
        try:
            used = self._current(key).stat()
            kept = self._version(key, entry.version, ".wav").stat()
        except FileNotFoundError:
            return False
        return (used.st_size, used.st_mtime_ns) == (kept.st_size, kept.st_mtime_ns)

    def _forget_oldest(self, key: PromptKey) -> None:
        for path in self._numbered(key, ".json")[:-VERSIONS_KEPT]:
            path.unlink(missing_ok=True)
            path.with_suffix(".wav").unlink(missing_ok=True)

    def _next_version(self, key: PromptKey) -> int:
        entries = self._numbered(key, ".json")
        return int(entries[-1].stem) + 1 if entries else 1

    def _numbered(self, key: PromptKey, suffix: str) -> list[Path]:
        return sorted(self._history(key).glob(f"[0-9]*{suffix}"))

    def _read(self, path: Path) -> Recording | None:
        try:
            return _recordings.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):
            # Somebody has written into the history by hand; the rest of it still counts.
            return None

    def _version(self, key: PromptKey, version: int, suffix: str) -> Path:
        return self._history(key) / f"{version:06d}{suffix}"

    def _history(self, key: PromptKey) -> Path:
        return self._directory / _language(key) / HISTORY / _file_name(key)

    def _current(self, key: PromptKey) -> Path:
        return self._directory / _language(key) / f"{_file_name(key)}.wav"


def _language(key: PromptKey) -> str:
    if not _LANGUAGE.fullmatch(key.language):
        raise InvalidValue(f"{key.language!r} is no language: two or three small letters are wanted")
    return key.language


def _file_name(key: PromptKey) -> str:
    if not (_NAME.fullmatch(key.prompt_set) and _NAME.fullmatch(key.prompt)):
        raise InvalidValue(f"{key.prompt_set}.{key.prompt} is no prompt: small letters, digits and _ are wanted")
    return f"{key.prompt_set}.{key.prompt}"


def _place(source: Path, target: Path) -> None:
    """Copy with its time; whoever reads `target` meanwhile has the old file or the new one, whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copy2(source, unfinished)
        # Asterisk runs as another user mostly.
        unfinished.chmod(0o644)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
