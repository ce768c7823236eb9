"""Begins and ends the process that reads a large file beside the one that writes (reading.py).

It is begun before that one has loaded what it works with, as both take most of a second to load.
"""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import Final

APART_FROM_BYTES: Final = 1_000_000
"""A smaller file is read before a process for it would have begun."""
END_WITHIN_SECONDS: Final = 10.0


def is_read_beside(path: str) -> bool:
    """Whether a process of its own is worth while; False of a file that is not there."""
    file = Path(path)
    return file.exists() and file.stat().st_size >= APART_FROM_BYTES and (os.cpu_count() or 1) > 1


async def begin_reader() -> Process:
    """The process; it waits for its job."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "callcenter.importing.reading",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def end_reader(process: Process) -> None:
    """Let go of it, whatever it does."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        process.kill()
        async with asyncio.timeout(END_WITHIN_SECONDS):
            await process.wait()
