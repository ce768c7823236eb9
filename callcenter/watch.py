"""Keeps one server process alive: starts it, listens for its sign of life, kills and restarts it when that stops.

The sign is the service notification of systemd (sd_notify(3): READY=1, WATCHDOG=1 on a datagram socket), so the same
server runs under systemd with Type=notify and WatchdogSec, without this parent.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog

log = structlog.get_logger(__name__)

EXIT_SETTINGS: Final = 2
"""The exit status of a server that cannot start as it is configured: a restart would not help."""
EXIT_TRY_LATER: Final = 75
"""The exit status of a server that something keeps from starting which may come back by itself: the database."""
_FAREWELL_SECONDS: Final = 10.0
_LAST_WORD_SECONDS: Final = 1.0


class WatchGone(Exception):
    """Whoever watched over this server is gone; another one will start its own."""


class Notifier:
    """The server's side: tells whoever started it that it is ready, and that it lives."""

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def from_environment(cls) -> "Notifier":
        """The one that NOTIFY_SOCKET names; a silent one when there is none."""
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def ready(self) -> None:
        """Say that calls are served."""
        self._send(b"READY=1")

    def alive(self) -> bool:
        """Say that the server lives; False when nobody is there to hear it any more."""
        return self._send(b"WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the server goes down as it was told."""
        self._send(b"STOPPING=1")

    def close(self) -> None:
        """Say nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: bytes) -> bool:
        if self._socket is None or self._address is None:
            return True
        target = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            self._socket.sendto(message, target)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


class End(StrEnum):
    """Why one run of the server ended."""

    STOPPED = "stopped"
    EXITED = "exited"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """How long the server may take and be silent, and how soon it is started again."""

    start_limit: timedelta = timedelta(seconds=60)
    silence_limit: timedelta = timedelta(seconds=5)
    restart_first: timedelta = timedelta(milliseconds=200)
    restart_most: timedelta = timedelta(seconds=10)
    steady_after: timedelta = timedelta(seconds=30)


class Watch:
    """Runs `command` for ever, until told to stop."""

    def __init__(
        self,
        command: Sequence[str],
        config: WatchConfig | None = None,
        *,
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        self._command = tuple(command)
        self._config = config or WatchConfig()
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._heard = 0.0
        self._is_ready = False
        self._was_ready = False
        self.process: asyncio.subprocess.Process | None = None

    def stop(self) -> None:
        """End the server and then this watch."""
        self._stop.set()

    async def run(self) -> int:
        """Keep the server running; its exit status when it was stopped or cannot start as it is configured."""
        delay = self._config.restart_first
        while True:
            started = time.monotonic()
            end, status = await self._one_run()
            if end is End.STOPPED:
                return 0
            self._was_ready = self._was_ready or self._is_ready
            if end is End.EXITED and self._is_final(status):
                return status
            log.error("server_ended", how=end.value, status=status, restart_in_seconds=delay.total_seconds())
            if time.monotonic() - started > self._config.steady_after.total_seconds():
                delay = self._config.restart_first
            try:
                async with asyncio.timeout(delay.total_seconds()):
                    await self._stop.wait()
                return 0  # noqa: TRY300  It was told to stop while nothing ran.
            except TimeoutError:
                delay = min(delay * 2, self._config.restart_most)

    def _is_final(self, status: int) -> bool:
        """A server that served before is started again even so: what it missed may come back, and calls wait for it."""
        return status == 0 or (status in (EXIT_SETTINGS, EXIT_TRY_LATER) and not self._was_ready)

    async def _one_run(self) -> tuple[End, int]:
        address = f"@callcenter-{os.getpid()}-{secrets.token_hex(8)}"
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ear:
            ear.setblocking(False)
            ear.bind(f"\0{address[1:]}")
            loop.add_reader(ear.fileno(), self._hear, ear)
            self._is_ready, self._heard = False, time.monotonic()
            try:
                self.process = await asyncio.create_subprocess_exec(
                    *self._command,
                    env={**os.environ, "NOTIFY_SOCKET": address},
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                return await self._watch_over(self.process)
            finally:
                loop.remove_reader(ear.fileno())

    def _hear(self, ear: socket.socket) -> None:
        try:
            words = ear.recv(4096).split(b"\n")
        except BlockingIOError:
            return
        self._heard = time.monotonic()
        if b"READY=1" in words and not self._is_ready:
            self._is_ready = True
            if self._on_ready is not None:
                self._on_ready()

    async def _watch_over(self, process: asyncio.subprocess.Process) -> tuple[End, int]:
        exited = asyncio.create_task(process.wait(), name="server exit")
        told = asyncio.create_task(self._stop.wait(), name="stop order")
        try:
            while True:
                limit = self._config.silence_limit if self._is_ready else self._config.start_limit
                left = self._heard + limit.total_seconds() - time.monotonic()
                if left <= 0:
                    log.error("server_frozen", silent_seconds=round(time.monotonic() - self._heard, 1))
                    await _last_word(process)
                    await _kill(process)
                    return End.FROZEN, await exited
                # The limit gets shorter when the server says that it is ready, so look again in time for that.
                look_again = min(left, self._config.silence_limit.total_seconds())
                await asyncio.wait({exited, told}, timeout=look_again, return_when=asyncio.FIRST_COMPLETED)
                if exited.done():
                    return End.EXITED, exited.result()
                if told.done():
                    await _farewell(process)
                    return End.STOPPED, await exited
        except asyncio.CancelledError:
            await _farewell(process)
            raise
        finally:
            told.cancel()
            await asyncio.gather(told, exited, return_exceptions=True)


@contextlib.contextmanager
def on_stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at Ctrl-C, at SIGTERM, and when the terminal goes, unless that was made to be ignored (nohup)."""
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)

    def told(number: signal.Signals) -> None:
        log.info("told_to_stop", signal=number.name)
        stop()

    for number in numbers:
        loop.add_signal_handler(number, told, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _farewell(process: asyncio.subprocess.Process) -> None:
    """Ask the server to go; after a while make it."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await process.wait()
    except TimeoutError:
        await _kill(process)


async def _last_word(process: asyncio.subprocess.Process) -> None:
    """Let a frozen server say where it stands, as systemd does (WatchdogSignal=SIGABRT); a stopped one cannot."""
    if process.returncode is None:
        process.send_signal(signal.SIGABRT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                await process.wait()


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
