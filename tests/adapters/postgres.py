"""A real PostgreSQL for tests: a server of its own in a temporary directory, and a fresh database for each test.

`initdb` and `postgres` refuse to run as root, so they run as the user `postgres` when the tests are root's. The server
dies with the tests even when those are killed.
"""

import glob
import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

PORT = 18200
START_WITHIN_SECONDS = 240.0
USER = "callcenter"
STRATEGY_SINCE = 150_000
"""The version of PostgreSQL that copies databases in two ways, and by default not the quick one."""


class PostgresServer:
    """One server on a unix socket; `stop` and `start` are what a test of an outage needs."""

    def __init__(self) -> None:
        self._binaries = _binaries()
        self._directory = Path(tempfile.mkdtemp(prefix="callcenter-pg-"))
        self._data = self._directory / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in itertools.count(1))
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self._directory, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                *self._as_its_user(),
                self._binaries / "initdb",
                f"--pgdata={self._data}",
                f"--username={USER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=self._directory,
        )

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://{USER}@/{database}?host={self._directory}&port={PORT}"

    def start(self) -> None:
        """Run the server, and wait until it answers; it ends with the thread that called this."""
        log = self._directory / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *self._as_its_user(),
                    self._binaries / "postgres",
                    "-D",
                    self._data,
                    "-k",
                    self._directory,
                    "-p",
                    str(PORT),
                    "-c",
                    "listen_addresses=",
                    "-c",
                    "fsync=off",  # These tests kill servers, not machines.
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
            )
        deadline = time.monotonic() + START_WITHIN_SECONDS
        while True:
            try:
                self._connect("postgres").close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End it the way a crash would: connections break, nothing is tidied up."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None

    def make_database(self, template: str | None = None) -> str:
        """The address of a new database: empty, or a copy of the one at `template`, which nobody may use meanwhile."""
        name = next(self._names)
        with self._connect("postgres") as connection:
            like = "" if template is None else f" TEMPLATE {_name_in(template)}"
            if connection.info.server_version >= STRATEGY_SINCE:
                like += " STRATEGY FILE_COPY"
            connection.execute(f"CREATE DATABASE {name}{like}".encode())
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove it, whoever is still connected."""
        with self._connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {_name_in(url)} WITH (FORCE)".encode())

    def remove(self) -> None:
        """Stop it and leave nothing behind."""
        self.stop()
        shutil.rmtree(self._directory)

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            dbname=database, user=USER, host=str(self._directory), port=PORT, autocommit=True, connect_timeout=60
        )

    def _as_its_user(self) -> list[str]:
        command = ["setpriv", "--pdeathsig", "QUIT"]
        if os.geteuid() == 0:
            command += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
        return command


def _name_in(url: str) -> str:
    return re.sub(r".*/(\w+)\?.*", r"\1", url)


def _binaries() -> Path:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    if not found:
        raise RuntimeError("no PostgreSQL in /usr/lib/postgresql; install the package `postgresql`")
    return Path(found[-1]).parent


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The one server of the test run."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database."""
    url = postgres_server.make_database()
    yield url
    postgres_server.drop_database(url)
