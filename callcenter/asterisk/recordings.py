"""The directory of what callers said: how long a recording is, whether anybody speaks in it, and which there are.

Law: what counts is what is on the disk. A file that Asterisk could not close tells the wrong length in its header, and
a disk that was full tells nothing at all.
"""

import asyncio
import re
import struct
import wave
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from callcenter.app.caller import Recorded
from callcenter.domain.messages import SECOND_TAKE_PREFIX, origin_of

SAMPLES_PER_SECOND: Final = 8000
BYTES_PER_SAMPLE: Final = 2
HEADER_BYTES: Final = 44
QUIET_BELOW: Final = 128
"""The mean of a window's samples, without their signs, that Asterisk takes for silence (dsp.conf)."""
WINDOW_SAMPLES: Final = SAMPLES_PER_SECOND // 50
VOICED_WINDOWS: Final = 15
"""So many windows of 20 ms must be louder, or nobody has spoken."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,140}")
MOST_FILES: Final = 100_000


class Recordings:
    """Implements `callcenter.app.message_sweep.MessageFiles`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()

    async def recorded(self, file: str) -> Recorded | None:
        """What is on the disk of this file; None where there is none."""
        return await asyncio.to_thread(measure, self._directory / file) if Path(file).name == file else None

    async def messages(self) -> Sequence[tuple[str, datetime]]:
        """The files that hold messages, and when each was last written to."""
        return await asyncio.to_thread(self._files, lambda name: origin_of(name) is not None)

    async def second_takes(self) -> Sequence[tuple[str, datetime]]:
        """The files of messages that were spoken anew and took nobody's place, and when each was last written to."""
        return await asyncio.to_thread(self._files, lambda name: name.startswith(SECOND_TAKE_PREFIX))

    async def mend(self, file: str) -> None:
        """Make the header of a recording that was never closed tell its length, so that every player can play it."""
        if Path(file).name == file:
            await asyncio.to_thread(mend, self._directory / file)

    async def remove(self, file: str) -> None:
        """Take a file away; nothing happens when there is none."""
        if Path(file).name == file:
            await asyncio.to_thread((self._directory / file).unlink, missing_ok=True)

    async def take_in(self, path: Path, file: str) -> None:
        """Move a recording from elsewhere into the directory, whole or not at all."""
        if Path(file).name != file:
            raise ValueError(f"{file!r} is no name of a file")
        await asyncio.to_thread(self._take_in, path, file)

    def _files(self, is_wanted: Callable[[str], bool]) -> list[tuple[str, datetime]]:
        found: list[tuple[str, datetime]] = []
        with suppress(FileNotFoundError):
            for path in sorted(self._directory.iterdir())[:MOST_FILES]:
                if is_wanted(path.name):
                    with suppress(FileNotFoundError):
                        found.append((path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
        return found

    def _take_in(self, path: Path, file: str) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self._directory / file
        part = target.with_suffix(".part")
        part.write_bytes(path.read_bytes())
        part.replace(target)
        path.unlink(missing_ok=True)


def measure(path: Path) -> Recorded | None:
    """The length of a recording by what is on the disk, and whether anybody speaks in it; None where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(HEADER_BYTES)
            size = max(path.stat().st_size - HEADER_BYTES, 0)
            voiced = 0
            while voiced < VOICED_WINDOWS and len(window := file.read(WINDOW_SAMPLES * BYTES_PER_SAMPLE)) > 1:
                samples = array("h", window[: len(window) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE])
                voiced += sum(map(abs, samples)) > QUIET_BELOW * len(samples)
    except OSError:
        return None
    length = timedelta(seconds=size / BYTES_PER_SAMPLE / SAMPLES_PER_SECOND)
    return Recorded(path=path, length=length, voiced=voiced >= VOICED_WINDOWS)


def mend(path: Path) -> None:
    """Write the sizes that a WAV file has into its header, where they are not there."""
    size = path.stat().st_size
    if size < HEADER_BYTES:
        return
    data = size - HEADER_BYTES
    with suppress(wave.Error, EOFError), wave.open(str(path), "rb") as file:
        if file.getnframes() * BYTES_PER_SAMPLE == data - data % BYTES_PER_SAMPLE:
            return
    with path.open("r+b") as raw:
        raw.seek(4)
        raw.write(struct.pack("<I", size - 8))
        raw.seek(HEADER_BYTES - 4)
        raw.write(struct.pack("<I", data))
