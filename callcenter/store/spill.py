"""The spill: a local file that takes the journal's batches while the database is away.

Law: what `append` returned for survives a kill and a power cut; lines come out in the order they went in. Each line is
`crc32 in eight hex digits, space, payload, newline`; a torn last line was never acknowledged and is cut off.
The functions block on the disk: the journal calls them from a thread.
"""

import fcntl
import os
from pathlib import Path
from zlib import crc32

from callcenter.store.errors import SpillFailed, SpillInUse

HEAD_LENGTH = 9


class Spill:
    """One file, opened by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._head = 0
        self._end = 0
        self._lines = 0

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    @property
    def is_empty(self) -> bool:
        """Whether every line has been taken out."""
        return self._head == self._end

    @property
    def lines(self) -> int:
        """How many lines wait."""
        return self._lines

    @property
    def damaged_path(self) -> Path:
        """Where unreadable lines are kept."""
        return self._path.with_suffix(".damaged")

    @property
    def rejected_path(self) -> Path:
        """Where what the database refuses is kept."""
        return self._path.with_suffix(".rejected")

    def open(self) -> int:
        """Take the file, and look through what an earlier run left; the number of damaged lines put aside.

        Raises `SpillInUse` or `SpillFailed`.
        """
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpillFailed(
                f"spill file {self._path}: {error.strerror}; name a directory the server may write to"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise SpillInUse(
                f"spill file {self._path} is used by another process; stop the other server or give this one "
                "a directory of its own"
            ) from error
        _sync_directory(self._path.parent)
        return self._look_through()

    def close(self) -> None:
        """Give the file back; it may be opened again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def append(self, payload: bytes) -> None:
        """Put a line at the end, durably; `OSError` (disk full and the like) leaves the file as it was."""
        line = _framed(payload)
        try:
            _write_all(self._file, line, self._end)
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end += len(line)
        self._lines += 1

    def first(self) -> bytes:
        """The oldest line, left where it is."""
        return self._line_at(self._head)[HEAD_LENGTH:-1]

    def remove_first(self) -> None:
        """Go on to the next line; the file is emptied when that was the last one."""
        self._head += len(self._line_at(self._head))
        self._lines -= 1
        if self._head == self._end:
            os.ftruncate(self._file, 0)
            os.fdatasync(self._file)
            self._head = self._end = 0

    def reject(self, payload: bytes) -> None:
        """Keep for a person what no database takes."""
        _append_durably(self.rejected_path, payload + b"\n")

    def _line_at(self, offset: int) -> bytes:
        parts = []
        while True:
            part = os.pread(self._file, 65536, offset)
            if not part:
                raise SpillFailed(f"spill file {self._path} was shortened from outside; do not touch it while in use")
            at = part.find(b"\n")
            if at >= 0:
                parts.append(part[: at + 1])
                return b"".join(parts)
            parts.append(part)
            offset += len(part)

    def _look_through(self) -> int:
        """Find the end of what is whole; put damaged lines aside by writing the file anew without them."""
        content = _read_all(self._file)
        whole, _, _torn = content.rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        good = [line for line in lines if _is_sound(line)]
        damaged = [line for line in lines if not _is_sound(line)]
        self._head = 0
        self._lines = len(good)
        if damaged:
            _append_durably(self.damaged_path, b"\n".join(damaged) + b"\n")
            self._rewrite(b"".join(line + b"\n" for line in good))
        else:
            self._end = len(whole) + 1 if whole else 0
            os.ftruncate(self._file, self._end)
        return len(damaged)

    def _rewrite(self, content: bytes) -> None:
        """Exchange the file whole, so that a kill in between leaves the one or the other."""
        fresh = self._path.with_suffix(".new")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write_all(file, content, 0)
        os.fsync(file)
        fresh.replace(self._path)
        _sync_directory(self._path.parent)
        os.close(self._file)
        self._file = file
        self._end = len(content)


def _framed(payload: bytes) -> bytes:
    return b"%08x %s\n" % (crc32(payload), payload)


def _is_sound(line: bytes) -> bool:
    payload = line[HEAD_LENGTH:]
    return line[:HEAD_LENGTH] == b"%08x " % crc32(payload)


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view = view[written:]
        offset += written


def _read_all(file: int) -> bytes:
    parts = []
    offset = 0
    while part := os.pread(file, 1 << 20, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def _append_durably(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, data)
        os.fsync(file)
    finally:
        os.close(file)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
