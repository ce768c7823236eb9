"""`callcenter` as a process, without its imports: a fork of a Python that has imported it once for all tests.

A start costs seconds of a core for imports alone, and the end-to-end tests make hundreds. A fork is as real a process:
its environment, directory, files and signals are its own, and it may be killed. What is to be seen by its command line
or by its first environment, and the start itself, tests/e2e/test_command_line.py does with processes of its own.

    running = await start(["serve", "--unwatched"], environment=..., directory=..., output=log)
    done = run(["config", "check"], environment=..., directory=...)
"""

import asyncio
import atexit
import contextlib
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NoReturn

PROJECT: Final = Path(__file__).parents[1]
READY_SECONDS: Final = 240
MESSAGE_BYTES: Final = 150_000
_BROKEN: Final = -signal.SIGKILL

_prepared: "Prepared | None" = None


class Prepared:
    """The Python that is forked; it ends with the process that made it."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="cc-commands-"))
        self.address = str(self._directory / "socket")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands", self.address],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        atexit.register(self.close)
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], READY_SECONDS)[0] or not self._process.stdout.readline():
            self.close()
            raise RuntimeError("the Python that commands are forked from did not start")

    def close(self) -> None:
        """End it; what was forked from it goes on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(READY_SECONDS)
        shutil.rmtree(self._directory, ignore_errors=True)


class Running:
    """One command that runs, as `asyncio.subprocess.Process` would tell of it."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection
        self._ends = asyncio.get_running_loop().create_task(self._until_end(), name=f"end of command {pid}")

    async def wait(self) -> int:
        """Its exit status, once it has ended; a signal's is negative."""
        return await asyncio.shield(self._ends)

    def send_signal(self, number: int) -> None:
        """Send it a signal; ProcessLookupError when it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)

    async def _until_end(self) -> int:
        with self._connection:
            told = await asyncio.get_running_loop().sock_recv(self._connection, MESSAGE_BYTES)
        self.returncode = int(told) if told else _BROKEN
        return self.returncode


async def start(
    arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path, output: IO[bytes]
) -> Running:
    """Start `callcenter` with these arguments; what it prints goes to `output`."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        order = _order(arguments, environment, directory)
        connection = await asyncio.to_thread(_begin, order, (nothing, output.fileno(), output.fileno()))
    finally:
        os.close(nothing)
    connection.settimeout(READY_SECONDS)
    pid = int(await asyncio.to_thread(connection.recv, MESSAGE_BYTES))
    connection.setblocking(False)
    return Running(connection, pid)


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path, said: str = "", seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run `callcenter` to its end, as subprocess.run would; TimeoutError when it takes too long."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
        given.write(said.encode())
        given.seek(0)
        order = _order(arguments, environment, directory)
        with _begin(order, (given.fileno(), printed.fileno(), complained.fileno())) as connection:
            connection.settimeout(seconds)
            pid = int(connection.recv(MESSAGE_BYTES))
            try:
                told = connection.recv(MESSAGE_BYTES)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise
        printed.seek(0)
        complained.seek(0)
        return subprocess.CompletedProcess(
            args=["callcenter", *arguments],
            returncode=int(told) if told else _BROKEN,
            stdout=printed.read().decode(),
            stderr=complained.read().decode(),
        )


def _order(arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> bytes:
    return json.dumps([list(arguments), dict(environment), str(directory)]).encode()


def _begin(order: bytes, files: tuple[int, int, int]) -> socket.socket:
    global _prepared
    if _prepared is None:
        _prepared = Prepared()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(_prepared.address)
    socket.send_fds(connection, [order], files)
    return connection


# ---- the Python that is forked


def _serve(address: str) -> None:
    """Fork for everybody who connects, until standard input ends; returns only in the process of a command."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen(64)
    gc.freeze()
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        readable, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in readable:
            os._exit(0)
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _keep(connection)
        connection.close()


def _keep(connection: socket.socket) -> None:
    """Fork the command, wait for its end and tell it; returns only in the process of the command."""
    order, files, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 3)
    pid = os.fork()
    if pid == 0:
        connection.close()
        return _become(order, files)
    for file in (*files, 0, 1):
        os.close(file)
    with contextlib.suppress(OSError):
        connection.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(order: bytes, files: Sequence[int]) -> None:
    """Be the process that was ordered."""
    arguments, environment, directory = json.loads(order)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  They stay open as long as it lives.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = ["callcenter", *arguments]


def _end(status: int) -> NoReturn:
    """End without taking the interpreter down: to free what all forks share would first copy every page of it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    from callcenter import bootstrap  # noqa: F401  The command line loads it only when it serves.
    from callcenter.__main__ import app
    from callcenter.web.app import work_out_routes

    work_out_routes()
    _serve(sys.argv[1])
    try:
        app()
    except SystemExit as ended:
        _end(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
    except BaseException:
        traceback.print_exc()
        _end(1)
    _end(0)
