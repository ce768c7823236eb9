"""The whole house for end-to-end tests: a private Asterisk, the server as a process of its own, the demo's data.

    async with House(tmp_path) as house:
        async with house.agent("1001") as agent, house.caller("4001") as caller:
            call = await agent.phone.talking()

Whatever a test does, `house.check()` afterwards holds what happened to the invariants (tests/e2e/invariants.py).
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

import httpx2

from callcenter.app.ports import NumberRoute
from callcenter.asterisk.process import PrivateAsterisk
from callcenter.demo import prepare_demo, put_demo_defaults
from callcenter.domain.labels import Label
from callcenter.settings import Settings, load
from callcenter.store.configuration import StoredConfiguration, put_number, put_queue
from callcenter.store.database import Database
from tests import commands
from tests.adapters.sounds import tone
from tests.e2e import spoken
from tests.e2e.desktop import Desktop
from tests.e2e.invariants import Invariants
from tests.e2e.phones import AgentPhone, Answer, Behaviour, Caller, IncomingCall, KeyStep, Silence, Tone
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports, own_share

PASSWORD = "e2e-password-of-the-house"
PROJECT = Path(__file__).parents[2]
RING_TIMEOUT = timedelta(seconds=3)
WRAP_UP = timedelta(seconds=20)
LANGUAGE_ZH, LANGUAGE_EN = "1", "2"
STACK_LINES = 60
"""So much of a log may be where the threads of a server stand."""
GREETING_SECONDS = 0.3
STRAIGHT = "4900"
"""A number of the tests' own: straight into the operator's queue, whom every agent serves, without a word."""
STRAIGHT_FLOW = """
flow: straight
languages: [zh, en]
start: to_operator
rescue: to_operator
prompts: {}
nodes:
  to_operator: {kind: queue, queue: operator}
"""


async def until(
    condition: Callable[[], Awaitable[bool]],
    what: str,
    *,
    seconds: float = PATIENCE_SECONDS,
    every_seconds: float = 0.02,
) -> None:
    """Wait until the condition holds; AssertionError with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(every_seconds)


@dataclass(slots=True)
class Agent:
    """An agent at work: his phone, his desktop."""

    agent_id: str
    phone: AgentPhone
    desktop: Desktop

    async def talks(self, *, seconds: float = PATIENCE_SECONDS) -> IncomingCall:
        """Wait until the next call is answered and the server has seen caller and agent in one bridge.

        The phone's answer alone is not a talk yet: whoever hangs up in the milliseconds between has not talked.
        """
        call = await self.phone.talking(seconds)
        await self.desktop.state_becomes("talking", seconds=seconds)
        return call


class House:
    """One Asterisk and one server, with everything a test does to them."""

    forked = True
    """Whether its server is a fork that has its imports already; where the start is measured, it is not."""

    def __init__(
        self,
        base: Path,
        environment: Mapping[str, str] | None = None,
        *,
        ring_timeout: timedelta = RING_TIMEOUT,
        config: str = "",
        short_greetings: bool = False,
    ) -> None:
        """With `short_greetings` who calls sales or support directly hears a word instead of six seconds of them."""
        web, sip, http, ami, agi = free_ports(5)
        rtp_start, rtp_end = own_share(26_000, 30_999)
        self.base = base
        self._ring_timeout = ring_timeout
        self._short_greetings = short_greetings
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", str(base)),
            "CALLCENTER_DEMO_PASSWORD": PASSWORD,
            "CALLCENTER_SERVER_PORT": str(web),
            "CALLCENTER_SIP_PORT": str(sip),
            "CALLCENTER_SIP_HTTP_PORT": str(http),
            "CALLCENTER_ASTERISK_AMI_PORT": str(ami),
            "CALLCENTER_ASTERISK_FASTAGI_PORT": str(agi),
            "CALLCENTER_SIP_RTP_START": str(rtp_start),
            "CALLCENTER_SIP_RTP_END": str(rtp_end),
            "CALLCENTER_SERVER_LOG_LEVEL": "info",
            "CALLCENTER_SERVER_LOG_FORMAT": "json",
            # By this mark scripts/test finds processes that were left behind.
            **{name: os.environ[name] for name in ("CALLCENTER_TEST_RUN",) if name in os.environ},
            **(environment or {}),
        }
        flows = base / "flows"
        shutil.copytree(PROJECT / "ivr_flows", flows)
        (flows / "straight.yaml").write_text(STRAIGHT_FLOW, encoding="utf-8")
        self.environment.setdefault("CALLCENTER_FLOWS_DIRECTORY", str(flows))
        put_demo_defaults(self.environment, base)
        self.config_path = base / "callcenter.toml"
        self.config_path.write_text(config, encoding="utf-8")
        self.settings: Settings = load(self.config_path, self.environment)
        self.web_url = f"http://127.0.0.1:{web}"
        self.sip = ("127.0.0.1", sip)
        self.log_path = base / "server.log"
        self.server: asyncio.subprocess.Process | commands.Running | None = None
        self.callers: list[Caller] = []
        self.phones: list[AgentPhone] = []
        self._asterisk: PrivateAsterisk | None = None
        self._desktops: list[Desktop] = []

    async def __aenter__(self) -> Self:
        tools = os.environ.get("CALLCENTER_TOOLS_DIR")
        if tools is not None:
            self.environment["CALLCENTER_TOOLS_DIR"] = tools
        # The loop's debug mode measures every step; here it would measure the tests' own phones.
        asyncio.get_running_loop().set_debug(False)
        (self.base / "sip").mkdir()
        parts = await prepare_demo(self.settings, self.base)
        await self._have_prompts_spoken()
        await self._arrange_for_tests()
        self._asterisk = parts.asterisk
        await self.asterisk.start()
        try:
            await self.start_server()
        except BaseException:
            await self.asterisk.stop()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for desktop in self._desktops:
            await desktop.close()
        try:
            await self.stop_server()
        finally:
            await self.asterisk.stop()

    async def _have_prompts_spoken(self) -> None:
        """Before anybody calls; the server would do the same, and take its time."""
        await spoken.give(self.settings.sound_directory)
        if self._short_greetings:
            await asyncio.to_thread(self._record_short_greetings)

    def _record_short_greetings(self) -> None:
        for language in ("zh", "en"):
            directory = self.settings.recorded_directory / language
            directory.mkdir(parents=True, exist_ok=True)
            for flow in ("sales", "support"):
                (directory / f"{flow}.welcome.wav").write_bytes(tone(seconds=GREETING_SECONDS))

    async def _arrange_for_tests(self) -> None:
        """Nobody waits twenty seconds in a test for what three can show; one number leads straight to a queue; and a
        call is over when its agent hangs up, but where a test asks for surveys."""
        database = Database(self.settings.database_url)
        label = Label(zh="直接排队", en="Straight to the queue")
        try:
            async with database.writing() as connection:
                await put_number(connection, NumberRoute(dnis=STRAIGHT, flow="straight", label=label))
            for queue in await StoredConfiguration(database).queues():
                async with database.writing() as connection:
                    await put_queue(
                        connection, replace(queue, ring_timeout=self._ring_timeout, wrap_up=WRAP_UP, survey=None)
                    )
        finally:
            await database.dispose()

    @property
    def asterisk(self) -> PrivateAsterisk:
        """The exchange."""
        if self._asterisk is None:
            raise RuntimeError("the house is not open; use `async with`")
        return self._asterisk

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return self.settings.server.data_directory / "callcenter.sqlite3"

    # ---- the server

    async def start_server(self, *, watched: bool = False) -> None:
        """Start it and wait until calls are routed."""
        await self.launch_server(watched=watched)
        await self.ready()

    def served_by(self) -> int:
        """The process that serves: of a watched server the child."""
        assert self.server is not None
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        return int(children[0]) if children else self.server.pid

    async def is_ready(self) -> bool:
        """Whether /readyz says now that calls are routed."""
        try:
            async with httpx2.AsyncClient(base_url=self.web_url, verify=False, timeout=1.0) as client:
                return (await client.get("/readyz")).status_code == 200
        except httpx2.TransportError:
            return False

    async def launch_server(self, *, watched: bool = False) -> None:
        """Start it and wait for nothing."""
        arguments = ["serve", "--config", str(self.config_path)]
        if not watched:
            arguments.append("--unwatched")
        with self.log_path.open("ab") as log:
            if self.forked and not watched:
                self.server = await commands.start(
                    arguments, environment=self.environment, directory=PROJECT, output=log
                )
                return
            self.server = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "callcenter", *arguments),
                env=self.environment,
                cwd=PROJECT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def ready(self, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until /readyz says that calls are routed."""

        async def is_ready() -> bool:
            server = self.server
            if server is not None and server.returncode is not None:
                raise AssertionError(f"the server ended with {server.returncode}; {self.log_tail()}")
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx2.TransportError:
                return False

        # Plain http on loopback: without certificates the client is there at once.
        async with httpx2.AsyncClient(base_url=self.web_url, verify=False) as client:
            try:
                await until(is_ready, "the server is ready", seconds=seconds)
            except AssertionError as error:
                raise AssertionError(f"{error}; {self.log_tail()}") from None

    def log_tail(self, lines: int = 15) -> str:
        """Whether the server lives, where it stands, and the end of its log."""
        server = self.server
        state = "never started"
        if server is not None:
            state = "runs" if server.returncode is None else f"ended with {server.returncode}"
            if server.returncode is None:
                server.send_signal(signal.SIGUSR1)
                time.sleep(0.5)  # There is no telling when it has said it, and this is after a failure.
                lines += STACK_LINES
        return f"the server {state}; its log ends:\n{self._log_end(lines)}"

    def _log_end(self, lines: int) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def signal_server(self, number: signal.Signals) -> None:
        """Send a signal to the server's process."""
        assert self.server is not None
        self.server.send_signal(number)

    async def kill_server(self) -> None:
        """kill -9, at once."""
        assert self.server is not None
        self.server.kill()
        await self.server.wait()

    async def stop_server(self) -> None:
        """Stop it as an operator would."""
        if self.server is None or self.server.returncode is not None:
            return
        self.server.terminate()
        try:
            async with asyncio.timeout(20):
                await self.server.wait()
        except TimeoutError:
            self.server.kill()
            await self.server.wait()
            raise AssertionError(f"the server did not stop; {self.log_tail()}") from None

    # ---- people

    def caller(
        self,
        dnis: str,
        ani: str | None = "+8613712345678",
        *,
        keys: Sequence[KeyStep] = (),
        display_name: str = "",
        asserted_identity: str | None = None,
        from_value: str | None = None,
        keys_by: Literal["rfc4733", "info"] = "rfc4733",
        sound: Tone | Silence | None = None,
        extra_headers: Sequence[tuple[str, str]] = (),
    ) -> Caller:
        """Somebody who calls; use it with `async with`."""
        caller = Caller(
            server=self.sip,
            dnis=dnis,
            ani=ani,
            keys=keys,
            display_name=display_name,
            asserted_identity=asserted_identity,
            from_value=from_value,
            keys_by=keys_by,
            sound=sound,
            extra_headers=extra_headers,
            log_dir=self.base / "sip",
        )
        self.callers.append(caller)
        return caller

    def phone(self, agent_id: str, behaviour: Behaviour | None = None) -> AgentPhone:
        """A registered phone; use it with `async with`."""
        phone = AgentPhone(
            server=self.sip,
            user=agent_id,
            password=PASSWORD,
            behaviour=behaviour or Answer(),
            log_dir=self.base / "sip",
        )
        self.phones.append(phone)
        return phone

    def phone_at_address(self, user: str, behaviour: Behaviour | None = None, *, port: int | None = None) -> AgentPhone:
        """A phone that does not register; use it with `async with`."""
        phone = AgentPhone(
            server=self.sip, user=user, behaviour=behaviour or Answer(), port=port, log_dir=self.base / "sip"
        )
        self.phones.append(phone)
        return phone

    async def desktop(self, name: str) -> Desktop:
        """Somebody's signed-in desktop; the house closes it."""
        desktop = Desktop(self.web_url, name, PASSWORD)
        await desktop.open()
        self._desktops.append(desktop)
        return desktop

    @asynccontextmanager
    async def agent(
        self, agent_id: str, behaviour: Behaviour | None = None, *, ready: bool = True
    ) -> AsyncIterator[Agent]:
        """An agent with a registered phone and a signed-in desktop, ready unless told otherwise."""
        async with self.phone(agent_id, behaviour) as phone:
            desktop = await self.desktop(agent_id)
            try:
                if ready:
                    await desktop.set_state("ready")
                yield Agent(agent_id, phone, desktop)
                await phone.hang_up()
            finally:
                await desktop.sign_out_of_work()
                await desktop.close()
                self._desktops.remove(desktop)

    async def until(
        self, condition: Callable[[], Awaitable[bool]], what: str, *, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until the condition holds; when it does not, tell what the server does."""
        try:
            await until(condition, what, seconds=seconds, every_seconds=0.05)
        except AssertionError as error:
            error.add_note(self.log_tail())
            raise

    # ---- afterwards

    async def quiet(self, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until no call is left in Asterisk, no interaction is open, and every accepted call is on the disk.

        The journal is some milliseconds behind the calls, so their records are waited for, not just looked for.
        """

        async def is_quiet() -> bool:
            channels = await self.asterisk.cli("core show channels count")
            checker = self.invariants()
            return (
                "0 active channels" in channels
                and not checker.open_interactions()
                and len(checker.interactions()) >= checker.accepted()
            )

        try:
            await until(is_quiet, "every call is over and has its record", seconds=seconds, every_seconds=0.1)
        except AssertionError as error:
            checker = self.invariants()
            left = await self.asterisk.cli("core show channels concise")
            raise AssertionError(
                f"{error}; channels: {left.strip() or 'none'}; open: {checker.open_interactions()}; "
                f"{checker.accepted()} accepted, {len(checker.interactions())} recorded; {self.log_tail()}"
            ) from None

    def invariants(self) -> Invariants:
        """The checker over what is in the database now."""
        return Invariants(self.database_path, self.callers, self.phones)

    async def invariants_say(
        self, condition: Callable[[Invariants], bool], *, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until the database shows something."""

        async def said() -> bool:
            return condition(self.invariants())

        await until(said, "the database shows what is expected", seconds=seconds, every_seconds=0.05)

    async def check(self) -> Invariants:
        """Wait for quiet, then hold everything to I1-I4; returns the checker for what a test asks besides."""
        await self.quiet()
        checker = self.invariants()
        checker.check()
        return checker
