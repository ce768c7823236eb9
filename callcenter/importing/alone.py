"""One who imports at a time in a data directory, and what whoever was killed there left behind.

Law: what a process still works with is never touched.
"""

import asyncio
import contextlib
import fcntl
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from callcenter.domain.errors import CallcenterError

LOCK: Final = "lock"
_OF_ONE_RUN: Final = (".seen", ".sorting")
"""Endings of what a run keeps on the disk: keys and numbers of its rows, terms on their way into their order."""
_OF_AN_IMPORT: Final = (".data", ".bad.csv")


class ImportBusy(CallcenterError):
    """Another import of this data directory runs."""

    code = "import_busy"


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Nobody else imports in this directory; the system lets go of it when a process dies."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ImportBusy("another import runs; wait for its end, or cancel it") from None
        yield


async def remove_leftovers(directory: Path, is_known: Callable[[str], Awaitable[bool]], *, before: datetime) -> int:
    """Delete what killed processes left; files that no import is known of only where nobody wrote to them since.

    Nothing while an import runs: what it works with is its own.
    """
    try:
        with alone(directory):
            gone, unsure = await asyncio.to_thread(_left_in, directory, before)
            gone += [path for path in unsure if not await is_known(path.name.partition(".")[0])]
            for path in gone:
                await asyncio.to_thread(path.unlink, missing_ok=True)
    except ImportBusy:
        return 0
    return len(gone)


def _left_in(directory: Path, before: datetime) -> tuple[list[Path], list[Path]]:
    """What nobody works with any more, and what may be the file of an import."""
    found = sorted(directory.iterdir())
    old = [path for path in found if path.stat().st_mtime < before.timestamp()]
    return (
        [path for path in found if path.name.endswith(_OF_ONE_RUN)],
        [path for path in old if path.name.endswith(_OF_AN_IMPORT)],
    )
