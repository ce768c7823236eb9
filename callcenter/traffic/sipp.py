"""Runs SIPp: ports, arguments, and an end that leaves neither a process nor an open call.

SIPp is ended with SIGUSR1 twice: once means "no new calls", twice "end the open ones with BYE or CANCEL, and go".
That is so for calls that SIPp placed, and only while more could come, therefore a scenario for one call allows two and
ends SIPp itself. Calls that SIPp took are not ended with BYE: whoever ends such a SIPp waits for a quiet moment first.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from callcenter.traffic.errors import SippError

SCENARIOS: Final = Path(__file__).parent / "scenarios"
FIRST_PORT: Final = 42000
LAST_PORT: Final = 48990
PORTS_EACH: Final = 10
"""SIP, control, and three pairs of media."""
BETWEEN_SIGNALS: Final = timedelta(milliseconds=150)
FAREWELL_LIMIT: Final = timedelta(seconds=1)
"""SIPp says BYE at once and takes the answer, but it often lives on after that, so it is not waited for any longer."""
START_LIMIT: Final = timedelta(seconds=5)
LOG_LIMIT_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one SIPp listens."""

    host: str
    port: int

    @property
    def control_port(self) -> int:
        """SIPp opens it on every address."""
        return self.port + 1

    @property
    def media_port(self) -> int:
        """The first of six."""
        return self.port + 2


class Places:
    """Hands out places whose ports are free, going round, so that a port rests before it is used again."""

    def __init__(self) -> None:
        self._bases = _round()
        self._taken: set[int] = set()

    def take(self, host: str) -> Place:
        """A place that nobody has; give it back with `give_back`."""
        for _ in range((LAST_PORT - FIRST_PORT) // PORTS_EACH):
            base = next(self._bases)
            if base not in self._taken and _are_free(host, base):
                self._taken.add(base)
                return Place(host=host, port=base)
        raise SippError(f"there are no free UDP ports from {FIRST_PORT} to {LAST_PORT} on {host}")

    def give_back(self, place: Place) -> None:
        """Nothing of ours listens there any more."""
        self._taken.discard(place.port)


def _round() -> Iterator[int]:
    while True:
        yield from range(FIRST_PORT, LAST_PORT, PORTS_EACH)


def _are_free(host: str, base: int) -> bool:
    with contextlib.ExitStack() as sockets:
        try:
            for port in range(base, base + PORTS_EACH):
                probe = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                probe.bind(("" if port == base + 1 else host, port))
        except OSError:
            return False
    return True


def scenario(name: str, values: Mapping[str, str]) -> str:
    """The text of a scenario file with `@NAME@` replaced."""
    text = (SCENARIOS / f"{name}.xml").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


class SippProcess:
    """One running SIPp. Whoever starts it calls `end`, always."""

    def __init__(self, place: Place, folder: Path) -> None:
        self._place = place
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def marks(self) -> list[str]:
        """What the scenario has noted, in order."""
        try:
            return (self._folder / "marks.log").read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return []

    async def start(self, scenario_text: str, arguments: Sequence[str], injected: str | None = None) -> None:
        """Start SIPp with this scenario, and with this injection file."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(self._folder / "scenario.xml", scenario_text)
        if injected is not None:
            _write(self._folder / "injected.csv", injected)
            arguments = [*arguments, "-inf", "injected.csv"]
        place = self._place
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_end_with_parent(),
                _sipp(),
                *arguments,
                *("-sf", "scenario.xml", "-i", place.host, "-p", str(place.port), "-cp", str(place.control_port)),
                *("-mi", place.host, "-mp", str(place.media_port), "-nostdin", "-aa", "-deadcall_wait", "0"),
                *("-trace_logs", "-log_file", "marks.log", "-trace_err", "-error_file", "errors.log"),
                *("-max_log_size", str(LOG_LIMIT_BYTES)),
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                # Ctrl-C at the terminal is for the demo alone; SIPp is ended by its owner.
                start_new_session=True,
            )
        except OSError as error:
            raise SippError(f"SIPp could not be started: {error.strerror}; install the package sip-tester") from error

    async def until_listening(self) -> None:
        """Wait until SIPp has its port."""
        try:
            async with asyncio.timeout(START_LIMIT.total_seconds()):
                while _can_bind(self._place):
                    if not self.is_running:
                        raise SippError(f"SIPp ended at once: {self.last_error()}")
                    # Nothing but the port itself tells when another process has opened it.
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise SippError(f"SIPp does not listen after {START_LIMIT.total_seconds():.0f} s") from None

    async def until_marked(self, holds: Callable[[list[str]], bool], limit: timedelta) -> bool:
        """Wait until the marks are as wanted; False when SIPp ended or so long has passed before."""
        try:
            async with asyncio.timeout(limit.total_seconds()):
                while not holds(self.marks):
                    if not self.is_running:
                        return False
                    # SIPp writes a file; it has no other way to tell.
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return False
        return True

    async def wait(self, limit: timedelta) -> int | None:
        """Its exit status; None when it still runs after so long."""
        if self._process is None:
            return None
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await self._process.wait()
        except TimeoutError:
            return None

    async def end(self) -> None:
        """Hang up what is open, end the process, wait for it."""
        process = self._process
        if process is None:
            return
        try:
            self._signal(signal.SIGUSR1)
            if await self.wait(BETWEEN_SIGNALS) is None:
                self._signal(signal.SIGUSR1)
                await self.wait(FAREWELL_LIMIT)
        finally:
            self._signal(signal.SIGKILL)
            await process.wait()

    def last_error(self) -> str:
        """The last thing SIPp complained about."""
        try:
            lines = (self._folder / "errors.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        return lines[-1].split("\t")[-1] if lines else "it said nothing"

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def _sipp() -> str:
    return shutil.which("sipp") or "sipp"


def _end_with_parent() -> list[str]:
    """When this process is killed outright, the kernel ends its SIPp too, where util-linux can ask for it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _write(path: Path, text: str) -> None:
    """Injection files and scenarios may hold the phone's password: for the owner's eyes only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _can_bind(place: Place) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((place.host, place.port))
        except OSError:
            return False
    return True
