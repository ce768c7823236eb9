"""Runs a private Asterisk: its own directories, its own ports, its own process group; nothing of it stays behind.

Law: `start` either returns with a booted Asterisk whose ports are all open, or raises and leaves no process.
It outlives a crash of this process on purpose (callers must not be dropped); `stop_left_over` ends such a one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
from datetime import timedelta
from pathlib import Path

from callcenter.asterisk.config_files import Directories, PbxConfig, render, write
from callcenter.asterisk.console import CONSOLE_TIMEOUT, console, run_program
from callcenter.asterisk.errors import AsteriskProcessError, AsteriskSetupError
from callcenter.asterisk.installation import (
    OLDEST_MAJOR,
    SOCKET_NAME,
    Installation,
    link_data,
    make_run_directory,
    parse_version,
)
from callcenter.asterisk.live_files import LiveFiles, forget_unread


class PrivateAsterisk:
    """One Asterisk process. `prompts`: a directory with one subdirectory a language, seen as sound `callcenter/...`."""

    def __init__(
        self,
        installation: Installation,
        config: PbxConfig,
        *,
        prompts: Path | None = None,
        start_timeout: timedelta = timedelta(seconds=40),
        stop_timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self.installation = installation
        self.config = config
        self._prompts = prompts
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def console_log(self) -> Path:
        """What Asterisk prints: errors and warnings."""
        return self.config.directories.log / "console.log"

    async def version(self) -> tuple[int, int, int]:
        """Asks the binary itself; AsteriskSetupError when it is older than we accept."""
        code, text = await run_program([str(self.installation.launcher), "-V"], CONSOLE_TIMEOUT)
        if code != 0:
            raise AsteriskSetupError(f"{self.installation.launcher} -V failed: {text[:200]}")
        version = parse_version(text)
        if version[0] < OLDEST_MAJOR:
            raise AsteriskSetupError(
                f"Asterisk {'.'.join(map(str, version))} is too old; {OLDEST_MAJOR} or newer is needed"
            )
        return version

    async def start(self) -> None:
        """Writes the files, checks the ports, starts, and returns once all modules run.

        Raises AsteriskProcessError (a port is taken, it died, it did not boot in time) or AsteriskSetupError.
        """
        if self.pid is not None:
            raise AsteriskProcessError(f"this Asterisk already runs as process {self.pid}; stop it first")
        files = render(self.config)
        await self.version()
        await asyncio.to_thread(self._prepare, files)
        self._refuse_second()
        self._check_ports()
        with self.console_log.open("ab") as console:
            self._process = await asyncio.create_subprocess_exec(
                str(self.installation.launcher),
                "-f",
                "-C",
                str(self.config.directories.etc / "asterisk.conf"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(self._start_timeout.total_seconds()):
                await self._booted()
            await self._check_transport()
        except TimeoutError:
            await self.stop()
            raise AsteriskProcessError(
                f"Asterisk did not boot within {self._start_timeout.total_seconds():.0f} s; {self._last_words()}"
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Asks it to stop, then insists, then kills; returns when no process of its group is left."""
        process = self._process
        if process is None:
            return
        half = self._stop_timeout.total_seconds() / 2
        if process.returncode is None:
            with contextlib.suppress(AsteriskProcessError):
                await self.cli("core stop now", within=timedelta(seconds=half))
            if not await _ended(process, half):
                _signal_group(process.pid, signal.SIGTERM)
                await _ended(process, half)
        # Helpers that Asterisk started (AGI scripts) are in its group and go with it.
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        self._process = None

    async def kill(self) -> None:
        """kill -9, the whole group: what a crash looks like."""
        process = self._process
        if process is None:
            return
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        self._process = None

    async def wait(self) -> int:
        """Returns the exit code once Asterisk ended by itself."""
        if self._process is None:
            raise AsteriskProcessError("there is no Asterisk to wait for; start it first")
        return await self._process.wait()

    async def cli(self, command: str, *, within: timedelta = CONSOLE_TIMEOUT) -> str:
        """Runs one console command and returns what it prints."""
        return await console(self.installation, self.config.directories, command, within)

    async def apply(self, config: PbxConfig) -> tuple[str, ...]:
        """Writes the files of a changed configuration and has them read (`LiveFiles`); returns their names."""
        changed = await LiveFiles(self.installation).apply(config)
        self.config = config
        return changed

    def _prepare(self, files: dict[str, str]) -> None:
        places = self.config.directories
        for place in (places.etc, places.agi, places.var, places.var / "keys", places.spool, places.log):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        (places.log / "cel-custom").mkdir(exist_ok=True, mode=0o700)
        make_run_directory(places.run)
        link_data(self.installation.data_dir, places.data, self._prompts)
        write(files, places.etc)
        forget_unread(self.config)

    def _refuse_second(self) -> None:
        path = self.config.directories.run / SOCKET_NAME
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                return
        raise AsteriskProcessError(
            f"an Asterisk already runs with {self.config.directories.run}"
            f" (process {_pid_in(path.parent) or 'unknown'}); stop it first"
        )

    def _check_ports(self) -> None:
        config = self.config
        for setting, kind, address, port in (
            ("sip_port", socket.SOCK_DGRAM, config.sip_bind, config.sip_port),
            ("ami_port", socket.SOCK_STREAM, config.ami_bind, config.ami_port),
            ("http_port", socket.SOCK_STREAM, config.http_bind, config.http_port),
        ):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, kind) as probe:
                if kind == socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, port))
                except OSError as error:
                    name = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
                    raise AsteriskProcessError(
                        f"Asterisk cannot have {name} port {port} on {address} ({setting}): {error.strerror};"
                        f" stop what uses it or set another {setting}"
                    ) from None

    async def _booted(self) -> None:
        process = self._process
        if process is None:
            raise AsteriskProcessError("Asterisk was stopped while it booted")
        while True:
            if process.returncode is not None:
                raise AsteriskProcessError(
                    f"Asterisk ended with code {process.returncode} while it booted; {self._last_words()}"
                )
            with contextlib.suppress(AsteriskProcessError):
                if "fully booted" in await self.cli("core waitfullybooted", within=self._start_timeout):
                    return
            # Until the control socket is there, nothing can be waited on but time.
            await asyncio.sleep(0.1)

    async def _check_transport(self) -> None:
        # Asterisk goes on without a port that it could not open; we do not.
        if "transport-udp" not in await self.cli("pjsip show transports"):
            raise AsteriskProcessError(
                f"Asterisk could not open UDP port {self.config.sip_port} on {self.config.sip_bind} (sip_port);"
                f" {self._last_words()}"
            )

    def _last_words(self) -> str:
        try:
            text = self.console_log.read_bytes()[-2000:].decode("utf-8", "replace")
        except OSError:
            text = ""
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in text.splitlines()]
        last = next((line for line in reversed(lines) if line), "nothing")
        return f"the last line of {self.console_log} is: {last[:300]}"


async def stop_left_over(installation: Installation, directories: Directories) -> bool:
    """Stops an Asterisk that an earlier run left in these directories; True when there was one."""
    pid = _pid_in(directories.run)
    if pid is None or not _is_ours(pid, directories):
        return False
    with contextlib.suppress(AsteriskProcessError):
        await console(installation, directories, "core stop now", timedelta(seconds=5))
    for number in (signal.SIGTERM, signal.SIGKILL):
        # Not our child, so it cannot be awaited, only looked at.
        for _ in range(50):
            if not _is_ours(pid, directories):
                return True
            await asyncio.sleep(0.1)
        _signal_group(pid, number)
    return True


async def _ended(process: asyncio.subprocess.Process, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        return False
    return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _pid_in(run: Path) -> int | None:
    try:
        return int((run / "asterisk.pid").read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None


def _is_ours(pid: int, places: Directories) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(places.etc / "asterisk.conf") in command
