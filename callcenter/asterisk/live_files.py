"""The files of an Asterisk that runs: written when they differ, and read anew by the modules that they concern alone.

Law: what is written is sooner or later read: which modules must still read stands on the disk until they have.
"""

from __future__ import annotations

import asyncio
from typing import Final

from callcenter.asterisk.config_files import PbxConfig, differing, render, write
from callcenter.asterisk.console import console
from callcenter.asterisk.errors import AsteriskProcessError
from callcenter.asterisk.installation import Installation

UNREAD: Final = "unread-modules"
"""Beside the files: the modules that have not read them yet, one a line."""

_READERS: Final = {
    "pjsip_callcenter.conf": "res_pjsip.so",
    "queues_callcenter.conf": "app_queue.so",
    "extensions_callcenter.conf": "pbx_config.so",
    "musiconhold.conf": "res_musiconhold.so",
    "manager_callcenter.conf": "manager",
}
"""Which module reads a file; a file that is not here needs a restart."""


class LiveFiles:
    """The files of one running Asterisk, written by one task at a time."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    async def apply(self, config: PbxConfig) -> tuple[str, ...]:
        """Write what differs and have it read; returns the names of the files that differed.

        Endpoints, queues, dialplan and music change without a break; ports, directories and modules need a restart.
        Raises AsteriskSetupError for values that cannot be written, and AsteriskProcessError where Asterisk does not
        read the files, which is tried again with the next call.
        """
        changed, unread = await asyncio.to_thread(self._write, config)
        for module in unread:
            said = await console(self._installation, config.directories, f"module reload {module}")
            if "reloaded successfully" not in said:
                raise AsteriskProcessError(
                    f"Asterisk did not read the new files of {module} ({said.strip()[:200] or 'it said nothing'});"
                    f" see {config.directories.log / 'console.log'}"
                )
        if unread:
            await asyncio.to_thread((config.directories.etc / UNREAD).unlink, missing_ok=True)
        return changed

    @staticmethod
    def _write(config: PbxConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
        files, etc = render(config), config.directories.etc
        note = etc / UNREAD
        wanted = [_READERS[name] for name in differing(files, etc) if name in _READERS]
        noted = note.read_text(encoding="ascii").split() if note.is_file() else []
        unread = tuple(dict.fromkeys([*(module for module in noted if module in _READERS.values()), *wanted]))
        if unread:
            # Before the files: a kill in between has a module read once too often, never too seldom.
            note.write_text("".join(f"{module}\n" for module in unread), encoding="ascii")
        return write(files, etc), unread


def forget_unread(config: PbxConfig) -> None:
    """Whoever starts Asterisk has it read everything."""
    (config.directories.etc / UNREAD).unlink(missing_ok=True)
