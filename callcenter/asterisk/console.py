"""Asterisk's console, one command at a time: what the program prints, or one clear error."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Final

from callcenter.asterisk.errors import AsteriskProcessError
from callcenter.asterisk.installation import Installation
from callcenter.asterisk.pbx_config import Directories

CONSOLE_TIMEOUT: Final = timedelta(seconds=10)


async def console(
    installation: Installation, places: Directories, command: str, within: timedelta = CONSOLE_TIMEOUT
) -> str:
    """What the Asterisk that runs in these directories prints to a command; AsteriskProcessError when it takes none."""
    code, text = await run_program(
        [str(installation.launcher), "-C", str(places.etc / "asterisk.conf"), "-rx", command], within
    )
    if code != 0:
        raise AsteriskProcessError(f"Asterisk's console did not take {command!r}: {text.strip()[:200]}")
    return text


async def run_program(arguments: list[str], within: timedelta) -> tuple[int, str]:
    """Exit code and output of a program; AsteriskProcessError, and the program's end, when it takes longer."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within.total_seconds()):
            output, _ = await process.communicate()
    except TimeoutError:
        raise AsteriskProcessError(
            f"{' '.join(arguments[-2:])!r} took longer than {within.total_seconds():.0f} s; Asterisk may be stuck"
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, output.decode("utf-8", "replace")
