"""The command line as an operator meets it: every refusal is one line a fault, and nothing is left behind.

What is to be seen by its start is a process of its own, others are forks (tests/commands.py). A mark in the
environment, which all children inherit, finds what it left.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from callcenter.app.sessions import hash_password
from callcenter.clock import SystemClock
from callcenter.doctor import Level, examine
from callcenter.store.database import Database
from callcenter.store.demo import load_demo
from callcenter.store.schema import upgrade_database
from tests import commands
from tests.adapters.ami_peer import AmiPeer, block
from tests.e2e.house import PROJECT, House, until
from tests.ports import free_ports

pytestmark = pytest.mark.e2e

MARK = "CALLCENTER_TEST_MARK"
SECRET = "a-secret-of-good-length"
REFUSAL_SECONDS = 30
START_SECONDS = 40.0
STOP_SECONDS = 10.0


@dataclass(slots=True)
class Place:
    """A directory, ports and an environment for commands; what they are told is in `environment`."""

    base: Path
    environment: dict[str, str]
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    launched: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def port(self, name: str) -> int:
        return int(self.environment[f"CALLCENTER_{name}"])

    def processes(self) -> dict[int, str]:
        """The living processes of this place, by number, with their command lines."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                if f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return {number: command for number, command in found.items() if command}

    def one(self, *words: str) -> int | None:
        """The process whose command line has all these words; None when there is none."""
        return next((pid for pid, line in self.processes().items() if all(word in line for word in words)), None)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.base)) for path in self.base.rglob("*") if path.name != "demo.lock"}

    def launch(self, *arguments: str, log: Path | None = None) -> subprocess.Popen[bytes]:
        """Start `callcenter` in a session of its own, as a terminal would."""
        with (log or self.base.parent / "launch.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "callcenter", *arguments],
                env=self.environment | {MARK: self.mark},
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.launched.append(process)
        return process

    def clear(self) -> None:
        """Kill what a test has left, and wait for it: what nobody has waited for complains in some later test."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for process in self.launched:
            process.wait(STOP_SECONDS)

    def run(self, *arguments: str, itself: bool = False) -> tuple[int, str]:
        """Run `callcenter` to its end: its exit status and all it said; `itself`: not a fork of what is imported.

        What a fork starts bears the mark as well.
        """
        environment = self.environment | {MARK: self.mark}
        if not itself:
            done = commands.run(arguments, environment=environment, directory=PROJECT, seconds=REFUSAL_SECONDS)
            return done.returncode, done.stdout + done.stderr
        alone = subprocess.run(
            [sys.executable, "-m", "callcenter", *arguments],
            env=environment,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=REFUSAL_SECONDS,
            check=False,
        )
        return alone.returncode, alone.stdout.decode()

    def refused(self, *arguments: str, status: int = 2, itself: bool = False) -> list[str]:
        """The lines of a refusal, after seeing that it left no process and no file."""
        before = self.files()
        got, said = self.run(*arguments, itself=itself)
        assert "Traceback" not in said, said
        assert got == status, said
        assert self.processes() == {}
        assert self.files() == before
        return said.strip().splitlines()

    def nothing_listens(self, *, asterisk: bool = True) -> None:
        """Every port of the server is free, and of its Asterisk unless the test keeps those."""
        tcp = ["SERVER_PORT", "ASTERISK_FASTAGI_PORT"] + ["ASTERISK_AMI_PORT", "SIP_HTTP_PORT"] * asterisk
        for kind, names in ((socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, ["SIP_PORT"] * asterisk)):
            for name in names:
                with socket.socket(socket.AF_INET, kind) as probe:
                    if kind == socket.SOCK_STREAM:
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", self.port(name)))


def place_at(base: Path) -> Place:
    web, sip, http, ami, agi = free_ports(5)
    base.mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", str(base)),
        "CALLCENTER_SERVER_PORT": str(web),
        "CALLCENTER_SIP_PORT": str(sip),
        "CALLCENTER_SIP_HTTP_PORT": str(http),
        "CALLCENTER_ASTERISK_AMI_PORT": str(ami),
        "CALLCENTER_ASTERISK_FASTAGI_PORT": str(agi),
        "CALLCENTER_SIP_RTP_START": "31000",
        "CALLCENTER_SIP_RTP_END": "31499",
    }
    if "CALLCENTER_TOOLS_DIR" in os.environ:
        environment["CALLCENTER_TOOLS_DIR"] = os.environ["CALLCENTER_TOOLS_DIR"]
    return Place(base=base, environment=environment)


@pytest.fixture(scope="module")
def filled_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the demo's data, to copy."""
    path = tmp_path_factory.mktemp("filled") / "callcenter.sqlite3"

    async def fill() -> None:
        database = Database(f"sqlite:///{path}")
        try:
            await upgrade_database(database)
            hashed = hash_password("a-password")
            await load_demo(database, password_hash=hashed, phone_secret=lambda _: SECRET, now=SystemClock().now())
        finally:
            await database.dispose()

    asyncio.run(fill())
    return path


@pytest.fixture
def place(tmp_path: Path, filled_database: Path) -> Iterator[Place]:
    place = server_place(tmp_path / "place", filled_database)
    yield place
    place.clear()


def server_place(base: Path, filled_database: Path) -> Place:
    """A server ready to start: filled database, flows of its own, a good secret, nobody at the manager's port."""
    place = place_at(base)
    data, flows = place.base / "data", place.base / "flows"
    data.mkdir()
    shutil.copy(filled_database, data)
    shutil.copytree(PROJECT / "ivr_flows", flows)
    place.environment |= {
        "CALLCENTER_SERVER_DATA_DIRECTORY": str(data),
        "CALLCENTER_FLOWS_DIRECTORY": str(flows),
        "CALLCENTER_ASTERISK_AMI_SECRET": SECRET,
    }
    return place


# ---- what a server refuses


@pytest.mark.parametrize(
    ("name", "setting"), [("SERVER_PORT", "server.port"), ("ASTERISK_FASTAGI_PORT", "asterisk.fastagi_port")]
)
def test_a_taken_port_is_named_with_its_setting(place: Place, name: str, setting: str) -> None:
    with socket.create_server(("127.0.0.1", place.port(name))):
        # Through the watch, which must not try such a start again.
        (line,) = place.refused("serve")
    where = f"{setting}: TCP 127.0.0.1:{place.port(name)} cannot be had: something listens there already"
    assert line.startswith(where)
    assert f"CALLCENTER_{name}" in line
    place.nothing_listens()


Spoil = Callable[[Place], None]


def write(path: str, text: str) -> Spoil:
    def spoil(place: Place) -> None:
        (place.base / path).write_text(text)

    return spoil


def put(**values: str) -> Spoil:
    return lambda place: place.environment.update({f"CALLCENTER_{name}": value for name, value in values.items()})


def unknown_queue(place: Place) -> None:
    flow = place.base / "flows" / "sales.yaml"
    flow.write_text(flow.read_text().replace("queue: sales", "queue: sails"))


def no_main_flow(place: Place) -> None:
    (place.base / "flows" / "main.yaml").unlink()


def no_database(place: Place) -> None:
    (place.base / "data" / "callcenter.sqlite3").unlink()


def newer_database(place: Place) -> None:
    with sqlite3.connect(place.base / "data" / "callcenter.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def a_file_for_a_directory(place: Place) -> None:
    write("in-the-way", "")(place)
    put(SERVER_DATA_DIRECTORY=str(place.base / "in-the-way" / "data"))(place)


def a_secret_for_everybody(place: Place) -> None:
    write("secret", SECRET)(place)
    (place.base / "secret").chmod(0o644)
    put(ASTERISK_AMI_SECRET="", ASTERISK_AMI_SECRET_FILE=str(place.base / "secret"))(place)


AWAY = "postgresql://somebody:hidden-password@127.0.0.1:1/calls"
REFUSALS: dict[str, tuple[Spoil, int, str, str]] = {
    "an unknown queue": (unknown_queue, 2, "flows/sales.yaml:20: ", "sails"),
    "broken YAML": (write("flows/support.yaml", "flow: [support\n"), 2, "flows/support.yaml:2: ", ""),
    "an unknown flow": (no_main_flow, 2, "number 4000 leads to the flow 'main', which is not here", "known: sales"),
    "no flows": (put(FLOWS_DIRECTORY="/nowhere"), 2, "/nowhere:1: there is no such directory", "flows.directory"),
    "an unknown default": (put(FLOWS_DEFAULT="mane"), 2, "flows.default leads to the flow 'mane'", "known: main"),
    "no tables": (no_database, 2, "its tables have version none", "callcenter db upgrade"),
    "newer tables": (newer_database, 2, "its tables have version 9999", "run the newer program"),
    "database away": (put(DATABASE_URL=AWAY), 75, "database postgresql://somebody:***@127.0.0.1:1/calls", "check that"),
    "no database": (put(DATABASE_URL="mysql://x/y"), 2, "the database URL starts with 'mysql'", "possible: sqlite"),
    "unwritable data": (a_file_for_a_directory, 2, "server.data_directory: ", "or set another"),
    "an empty secret": (put(ASTERISK_AMI_SECRET=""), 2, "asterisk.ami_secret: is empty or a sample", "manager.conf"),
    "a sample secret": (put(ASTERISK_AMI_SECRET="changeme"), 2, "asterisk.ami_secret: is empty or a sample", ""),
    "a secret for everybody": (a_secret_for_everybody, 2, "others may read this secret", "chmod 600"),
    "a word for a port": (put(SERVER_PORT="many"), 2, "CALLCENTER_SERVER_PORT in the environment: ", ""),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory, filled_database: Path) -> dict[str, list[str]]:
    """What each of them is told; one by a process of its own, for most of a refusal is the program's own start."""

    def refuse(case: str) -> list[str]:
        place = server_place(tmp_path_factory.mktemp("refused") / "place", filled_database)
        spoil, status, _, _ = REFUSALS[case]
        spoil(place)
        return place.refused("serve", "--unwatched", status=status, itself=case == next(iter(REFUSALS)))

    return {case: refuse(case) for case in REFUSALS}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_server_that_cannot_work_does_not_start(refusals: dict[str, list[str]], case: str) -> None:
    _, _, what, remedy = REFUSALS[case]
    (line,) = refusals[case]
    assert what in line
    assert remedy in line
    assert "hidden-password" not in line


def test_half_a_configuration_file_is_refused_with_its_lines(place: Place) -> None:
    config = place.base / "callcenter.toml"
    config.write_text('[server]\nprot = 8000\nlanguage = "fr"\n')
    lines = place.refused("serve", "--config", str(config))
    assert lines[0].startswith(f"{config}:3: server.language: ")
    assert lines[1].startswith(f"{config}:2: server.prot: there is no such setting")
    config.write_text("[server\n")
    (line,) = place.refused("config", "check", "--config", str(config))
    assert f"{config}: is no TOML" in line
    (line,) = place.refused("doctor", "--config", str(place.base / "missing.toml"))
    assert "missing.toml: cannot be read" in line


def test_a_good_configuration_passes_the_check(place: Place) -> None:
    status, said = place.run("config", "check")
    assert status == 0, said
    assert "queue sales: " in said
    assert "4000 -> main" in said


def test_the_tables_are_made_and_found_made(place: Place) -> None:
    no_database(place)
    assert place.run("db", "upgrade")[1].startswith("database sqlite:///")
    status, said = place.run("db", "upgrade")
    assert status == 0, said
    assert "already" in said


def test_the_files_for_ones_own_asterisk_are_written_whole_or_not_at_all(place: Place) -> None:
    target = place.base / "asterisk"
    status, said = place.run("asterisk-config", str(target))
    assert status == 0, said
    assert str(target / "README.txt") in said
    assert (target / "manager_callcenter.conf").stat().st_mode & 0o777 == 0o600
    assert SECRET not in said
    a_file_for_a_directory(place)
    put(SERVER_DATA_DIRECTORY=str(place.base / "data"))(place)
    (line,) = place.refused("asterisk-config", str(place.base / "in-the-way" / "etc"))
    assert "in-the-way" in line


def test_the_doctor_tells_everything_at_once_and_changes_nothing(place: Place) -> None:
    no_database(place)
    unknown_queue(place)
    lines = place.refused("doctor", status=1)
    failed = [line.split()[1] for line in lines if line.startswith("FAIL")]
    assert failed[:2] == ["database:", "asterisk:"]
    assert "mend: callcenter db upgrade" in "\n".join(lines)


# ---- an Asterisk that is not as it should be


async def readiness(place: Place) -> str:
    """What /readyz says of Asterisk; empty while nothing answers."""
    async with httpx2.AsyncClient(verify=False) as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{place.port('SERVER_PORT')}/readyz")
        except httpx2.TransportError:
            return ""
    assert answer.status_code in (200, 503)
    return str(answer.json()["checks"]["asterisk"]["detail"])


def settings_of(version: str) -> Callable[[dict[str, str]], str]:
    return lambda action: block("Response: Success", f"ActionID: {action['actionid']}", f"AsteriskVersion: {version}")


async def test_nothing_is_routed_over_an_old_asterisk(place: Place) -> None:
    async with AmiPeer(secret=SECRET) as peer:
        peer.answers["coresettings"] = settings_of("18.26.4~dfsg")
        put(ASTERISK_AMI_PORT=str(peer.port))(place)
        server = place.launch("serve", "--unwatched")
        try:

            async def told() -> bool:
                return "Asterisk 18.26.4~dfsg is too old; install Asterisk 20 or newer" in await readiness(place)

            await until(told, "readiness tells of the old Asterisk", seconds=START_SECONDS)
            assert peer.count("Setvar") == peer.count("Status") == 0
        finally:
            await end(place, server, asterisk=False)


async def test_a_wrong_secret_is_told_and_mended_without_a_restart(place: Place) -> None:
    async with AmiPeer(secret="another-secret-of-length") as peer:
        put(ASTERISK_AMI_PORT=str(peer.port))(place)
        server = place.launch("serve", "--unwatched", log=place.base.parent / "server.log")
        try:

            async def told() -> bool:
                return "Asterisk refused the AMI user 'callcenter'" in await readiness(place)

            await until(told, "readiness tells of the secret", seconds=START_SECONDS)
            said = (place.base.parent / "server.log").read_text()
            assert "ami_authentication" in said
            assert SECRET not in said
            peer.secret = SECRET
            await peer.action("CoreSettings")
        finally:
            await end(place, server, asterisk=False)


async def end(place: Place, process: subprocess.Popen[bytes], *, asterisk: bool = True) -> int:
    """Stop it, and see that within the time limit nothing of it is left."""
    process.terminate()
    return await ended(place, process, asterisk=asterisk)


async def ended(place: Place, process: subprocess.Popen[bytes], *, asterisk: bool = True) -> int:
    async def gone() -> bool:
        return process.poll() is not None and not place.processes()

    await until(gone, "no process is left", seconds=STOP_SECONDS)
    place.nothing_listens(asterisk=asterisk)
    return process.returncode


# ---- the demo


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Place]:
    place = place_at(tmp_path / "demo")
    place.environment["CALLCENTER_DEMO_DIRECTORY"] = str(place.base)
    yield place
    place.clear()


def test_a_demo_names_every_taken_port(demo: Place) -> None:
    names = ("SIP_HTTP_PORT", "ASTERISK_AMI_PORT")
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(socket.create_server(("127.0.0.1", demo.port(name))))
        sip = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sip.bind(("127.0.0.1", demo.port("SIP_PORT")))
        lines = demo.refused("demo")
    assert [line.split(":")[0] for line in lines] == ["sip.port", "sip.http_port", "asterisk.ami_port"]


def test_a_demo_with_a_broken_flow_starts_nothing(demo: Place) -> None:
    shutil.copytree(PROJECT / "ivr_flows", demo.base.parent / "flows")
    (demo.base.parent / "flows" / "sales.yaml").write_text("flow: [sales\n")
    put(FLOWS_DIRECTORY=str(demo.base.parent / "flows"))(demo)
    status, said = demo.run("demo")
    assert status == 2
    assert len(said.strip().splitlines()) == 1
    assert "sales.yaml:2: " in said
    assert demo.processes() == {}
    assert not (demo.base / "asterisk").exists()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"SERVER_BIND": "0.0.0.0"}, "stays on loopback"),  # noqa: S104  That it is refused is the point.
        ({"TOOLS_DIR": "/nowhere"}, "run scripts/get-asterisk"),
        ({"DEMO_PASSWORD": ""}, "CALLCENTER_DEMO_PASSWORD is empty"),
    ],
)
def test_a_demo_that_cannot_work_says_why(demo: Place, values: dict[str, str], told: str) -> None:
    put(**values)(demo)
    (line,) = demo.refused("demo")
    assert told in line


async def is_routed(place: Place) -> bool:
    return await readiness(place) == "connected"


@asynccontextmanager
async def running_demo(place: Place, log: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    process = place.launch("demo", log=log)

    async def is_up() -> bool:
        said = await asyncio.to_thread(log.read_text)
        assert process.poll() is None, said
        return "Ctrl-C stops everything" in said and await is_routed(place)

    await until(is_up, "the demo is up", seconds=START_SECONDS)
    yield process


async def test_a_demo_restarts_its_parts_refuses_a_second_and_ends_with_ctrl_c(demo: Place) -> None:
    log = demo.base.parent / "demo.log"
    async with running_demo(demo, log) as process:
        status, said = demo.run("demo")
        assert status == 2
        assert said.startswith(f"a demo runs in {demo.base} already; ")
        assert len(said.strip().splitlines()) == 1
        first = demo.one("asterisk.conf")
        assert first is not None
        os.kill(first, signal.SIGKILL)

        async def again() -> bool:
            return demo.one("asterisk.conf") not in (None, first) and await is_routed(demo)

        await until(again, "Asterisk runs again", seconds=START_SECONDS)
        # A terminal sends Ctrl-C to the whole foreground group.
        os.killpg(process.pid, signal.SIGINT)
        assert await ended(demo, process) == 0
    assert "Traceback" not in log.read_text()


async def test_what_a_killed_demo_left_does_not_stand_in_the_way_of_the_next(demo: Place) -> None:
    log = demo.base.parent / "demo.log"
    async with running_demo(demo, log) as process:
        server, asterisk = demo.one("serve", "--unwatched"), demo.one("asterisk.conf")
        process.kill()
        process.wait()

        async def orphan_gone() -> bool:
            return server not in demo.processes()

        await until(orphan_gone, "the server has noticed that its watch is gone")
        # It may have calls, so it stays until somebody decides.
        assert asterisk in demo.processes()
    log.write_text("")
    async with running_demo(demo, log) as process:
        assert asterisk not in demo.processes()
        assert await end(demo, process) == 0


async def test_a_demo_told_to_stop_while_it_starts_leaves_nothing(demo: Place) -> None:
    process = demo.launch("demo")

    async def asterisk_starts() -> bool:
        return demo.one("asterisk.conf") is not None

    await until(asterisk_starts, "Asterisk is being started", seconds=START_SECONDS)
    assert await end(demo, process) == 0


# ---- logs


def lines_of(house: House) -> list[dict[str, object]]:
    return [json.loads(line) for line in house.log_path.read_text().splitlines()]


async def one_call(house: House, ani: str, display_name: str) -> None:
    async with house.agent("1001") as agent, house.caller("4001", ani, display_name=display_name):
        call = await agent.talks()
        await call.hang_up()
        await agent.desktop.state_becomes("wrap_up")
    await house.quiet()


def put_file_in_place_of(directory: Path) -> None:
    """The server may be making prompts in it at this very moment: it is moved away whole, then emptied."""
    for number in range(100):
        directory.rename(directory.with_name(f"away-{number}"))
        try:
            directory.touch(exist_ok=False)
        except FileExistsError:
            continue  # A prompt was begun in between, with its directories.
        return
    raise AssertionError(f"{directory} comes back again and again")


@pytest.fixture
def house_directory() -> Iterator[Path]:
    # Asterisk's control socket needs a short path.
    with tempfile.TemporaryDirectory(prefix="cc-log-", dir="/tmp") as base:
        yield Path(base)


async def test_the_log_has_the_interaction_and_nobodys_number_or_name(house_directory: Path) -> None:
    async with House(house_directory) as house:
        await one_call(house, "+8613800138000", "Wanda Listener")
        # From here on the prompts' files are gone and nobody may make new ones: the call goes on without them.
        put_file_in_place_of(house.settings.sound_directory / "callcenter")
        await one_call(house, "+8613712345678", "Wanda Listener")
        (house.settings.sound_directory / "callcenter").unlink()
        findings = [finding async for finding in examine(house.settings)]
        assert [str(finding) for finding in findings if finding.level is Level.FAIL] == []
        assert any("a callcenter server runs already" in finding.detail for finding in findings)
        ids = {record["interaction_id"] for record in house.invariants().interactions()}
    lines = lines_of(house)
    arrived = [line for line in lines if line["event"] == "call_arrived"]
    assert len(arrived) == 2
    assert {line["interaction_id"] for line in arrived} <= ids
    skipped = [line for line in lines if line["event"] == "prompt_skipped"]
    assert skipped
    assert all(line["interaction_id"] == arrived[1]["interaction_id"] for line in skipped)
    text = house.log_path.read_text()
    for personal in ("13800138000", "138 0013 8000", "13712345678", "Wanda", "示例客户", "morning-star"):
        assert personal not in text
