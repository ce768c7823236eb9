"""SIPp as callers and as an agent's phone: a foreign SIP implementation, and many calls from one process.

async with CallerLoad(server=("127.0.0.1", 5060), dnis="4001", count=50, per_second=20, log_dir=tmp_path) as load:
    await load.until_up(50)
    await load.hang_up()
"""

import asyncio
import contextlib
import itertools
import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from xml.sax.saxutils import escape

from tests.e2e.dialog import CallEnd
from tests.e2e.sip_endpoint import FIRST_PORT, PhoneTimeoutError, TracedMessage
from tests.e2e.sip_message import Address, SipMessage
from tests.e2e.sipp_goodbye import say_goodbye
from tests.patience import PATIENCE_SECONDS
from tests.ports import own_share

SCENARIOS = Path(__file__).parent / "sipp"
FOREVER_MILLISECONDS = 86_400_000
LOOK_SECONDS = 0.05
SIPP_EVENT_TYPE = "96"
"""The payload type that SIPp gives to keys in the audio, whatever was agreed."""

What = Literal["ringing", "up", "refused", "cancelled", "ended-by-server", "ended-by-phone"]
PORTS = own_share(FIRST_PORT + 20_000, FIRST_PORT + 24_999)
_ports = itertools.count(8 * (os.getpid() % 600), 8)
_MESSAGE = re.compile(
    r"^-{40,} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)\nUDP message (sent|received) [(\[]\d+[)\]]? ?bytes[^\n]*\n\n",
    re.MULTILINE,
)
_EVENT = re.compile(r"^\S+\t\S+\t(\d+\.\d+) (\S+) (\S*) (\S+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SippEvent:
    """Something that happened to one of the calls; `at` is of the monotonic clock."""

    at: float
    what: What
    party: str
    call_id: str


@dataclass(frozen=True, slots=True)
class SippCall:
    """One of SIPp's calls, as the invariants want to know it."""

    answered_at: float | None
    end: CallEnd | None


def _monotonic(epoch_seconds: float) -> float:
    return epoch_seconds - time.time() + time.monotonic()


def _epoch(stamp: str, fraction: str) -> float:
    """Seconds since 1970 of a local time, as SIPp writes it."""
    return time.mktime(time.strptime(stamp, "%Y-%m-%d %H:%M:%S")) + float(fraction)


def _free_ports(host: str) -> tuple[int, int, int]:
    """Find a port for SIP, one for control (SIPp binds it on every address) and one for audio and its kin."""
    for _ in range(500):
        first = PORTS[0] + next(_ports) % (PORTS[1] - PORTS[0] - 5)
        with contextlib.ExitStack() as sockets:
            try:
                for port in range(first, first + 6):
                    probe = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    probe.bind(("" if port == first + 1 else host, port))
            except OSError:
                continue
            return first, first + 1, first + 2
    raise OSError(f"no free UDP ports on {host} for SIPp")


def parse_messages(text: str) -> list[TracedMessage]:
    """Read SIPp's message log (`-trace_msg`)."""
    found = list(_MESSAGE.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)][: len(found)]
    messages = []
    for match, end in zip(found, ends, strict=True):
        raw = text[match.end() : end].replace("\r\n", "\n").rstrip("\n")
        head, _, body = raw.partition("\n\n")
        data = (head + "\n\n" + body).replace("\n", "\r\n").encode("utf-8", "surrogateescape")
        direction: Literal["sent", "received"] = "sent" if match.group(3) == "sent" else "received"
        messages.append(
            TracedMessage(_monotonic(_epoch(match.group(1), match.group(2))), direction, SipMessage.parse(data))
        )
    return messages


class SippProcess:
    """One running SIPp with its logs in a folder of its own; ended with `stop`, by its pid."""

    def __init__(self, *, name: str, host: str, folder: Path) -> None:
        self.name = name
        self.host = host
        self.folder = folder
        self.port, self._control_port, self._media_port = _free_ports(host)
        self._process: asyncio.subprocess.Process | None = None
        self._vanished = False
        self._goodbyes: list[TracedMessage] = []

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def events(self) -> list[SippEvent]:
        """What the scenario has noted so far, in order, and the ends that `stop` made."""
        path = self.folder / "events.log"
        found = (_EVENT.match(line) for line in (path.read_text().splitlines() if path.exists() else []))
        events = [
            SippEvent(
                at=_monotonic(float(match.group(1))),
                what=match.group(2),  # type: ignore[arg-type]
                party=match.group(3).removeprefix("sip:"),
                call_id=match.group(4),
            )
            for match in found
            if match
        ]
        party_of = {event.call_id: event.party for event in events}
        return events + [
            SippEvent(
                at=traced.at,
                what="ended-by-phone",
                party=party_of.get(traced.message.call_id, ""),
                call_id=traced.message.call_id,
            )
            for traced in self._goodbyes
            if traced.direction == "sent" and traced.message.start_line.startswith("BYE ")
        ]

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def messages(self) -> list[TracedMessage]:
        """Every SIP message so far, in order."""
        path = self.folder / "messages.log"
        if not path.exists():
            return []
        return parse_messages(path.read_bytes().decode("utf-8", "surrogateescape")) + self._goodbyes

    async def start(self, scenario: str, arguments: Sequence[str], *, echo: bool = True) -> None:
        """Start SIPp with this scenario text; with `echo` it says what it hears."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "scenario.xml").write_text(scenario, encoding="utf-8")
        common = [
            *("-sf", "scenario.xml", "-i", self.host, "-p", str(self.port)),
            *("-mi", self.host, "-mp", str(self._media_port)),
            *("-cp", str(self._control_port), "-nostdin", "-aa", "-deadcall_wait", "0"),
            *("-trace_msg", "-message_file", "messages.log", "-trace_logs", "-log_file", "events.log"),
            *("-trace_err", "-error_file", "errors.log"),
            *(("-rtp_echo",) if echo else ()),
        ]
        with (self.folder / "screen.log").open("wb") as screen:
            self._process = await asyncio.create_subprocess_exec(
                "sipp",
                *arguments,
                *common,
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
            )

    async def exit_code(self, timeout_seconds: float) -> int:
        """Wait until SIPp has ended by itself."""
        assert self._process is not None
        try:
            return await asyncio.wait_for(self._process.wait(), timeout_seconds)
        except TimeoutError:
            raise PhoneTimeoutError(f"{self.name}: SIPp still runs after {timeout_seconds} s") from None

    async def until(self, holds: Callable[[], bool], timeout_seconds: float, complaint: str) -> None:
        """Wait for something in the events; SIPp's early end and the time limit raise."""
        deadline = time.monotonic() + timeout_seconds
        while not holds():
            if not self.running and not holds():
                raise ConnectionError(f"{self.name}: {complaint}; SIPp ended: {self._last_error()}")
            if time.monotonic() > deadline:
                raise PhoneTimeoutError(f"{self.name}: {complaint} within {timeout_seconds} s")
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """End the process, and then its calls with BYE or CANCEL from the same port."""
        if self._process is None:
            return
        vanished = self._vanished
        self.kill()
        await self._process.wait()
        self._process = None
        if not vanished:
            self._goodbyes = await say_goodbye(self.name, (self.host, self.port), self.messages)

    def kill(self) -> None:
        """Let all its phones vanish at once, telling nobody; `stop` still has to follow."""
        self._vanished = True
        if self._process is not None and self.running:
            self._process.kill()

    def _last_error(self) -> str:
        for log in ("errors.log", "screen.log"):
            path = self.folder / log
            if path.exists() and (text := path.read_text(errors="replace").strip()):
                return text.splitlines()[-1]
        return "it said nothing"


class CallerLoad:
    """`count` callers of the trunk, `per_second` of them at a time, who stay until told or hung up on.

    Each has a number of his own: `anis`, or +4930 and a running number. `keys` are pressed after the answer, as
    `Caller` does it; those in the audio are SIPp's own RFC 4733 packets, which only root may send. With `keys_again`
    they begin anew when all were pressed, for ever. `stay_seconds` None means for ever.
    """

    def __init__(
        self,
        *,
        server: Address,
        dnis: str,
        count: int,
        per_second: float,
        log_dir: Path,
        anis: Sequence[str] = (),
        keys: Sequence[tuple[Literal["wait"], float] | tuple[Literal["key"], str]] = (),
        keys_by: Literal["rfc4733", "info"] = "info",
        keys_again: bool = False,
        stay_seconds: float | None = None,
        host: str = "127.0.0.2",
        name: str = "callers",
    ) -> None:
        self.server, self.dnis, self.count, self.per_second = server, dnis, count, per_second
        self.anis = list(anis) or [f"+4930{number:07d}" for number in range(1, count + 1)]
        if len(self.anis) < count:
            raise ValueError(f"{count} callers need as many numbers, not {len(self.anis)}")
        self._keys = tuple(keys)
        self._keys_by = keys_by
        self._keys_again = keys_again
        self._stay_seconds = stay_seconds
        self.sipp = SippProcess(name=name, host=host, folder=log_dir / name)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.hang_up()

    @property
    def events(self) -> list[SippEvent]:
        """What happened to the calls, in order."""
        return self.sipp.events

    @property
    def messages(self) -> list[TracedMessage]:
        """Every SIP message, in order."""
        return self.sipp.messages

    @property
    def calls(self) -> list["SippCall"]:
        """Each call that was answered, and how it ended."""
        up, ends = {}, {}
        for event in self.events:
            if event.what == "up":
                up[event.call_id] = event.at
            elif event.what == "ended-by-server":
                ends[event.call_id] = CallEnd(by="server", status=200, reason="BYE", at=event.at)
            elif event.what == "ended-by-phone":
                ends[event.call_id] = CallEnd(by="phone", status=200, reason="BYE", at=event.at)
        return [SippCall(at, ends.get(call_id)) for call_id, at in up.items()]

    def counted(self, what: What) -> int:
        """How many calls this has happened to."""
        return sum(event.what == what for event in self.sipp.events)

    async def start(self) -> None:
        """Begin to place the calls."""
        self.sipp.folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{ani};{self.dnis};\n" for ani in self.anis[: self.count])
        (self.sipp.folder / "callers.csv").write_text(f"SEQUENTIAL\n{lines}", encoding="utf-8")
        stay = FOREVER_MILLISECONDS if self._stay_seconds is None else round(self._stay_seconds * 1000)
        scenario = (SCENARIOS / "caller.xml").read_text(encoding="utf-8").replace("@HOLD@", str(stay))
        scenario = scenario.replace("<!-- keys -->", self._key_steps())
        if self._keys_by == "rfc4733":
            scenario = scenario.replace("101", SIPP_EVENT_TYPE)
        # Calls per ten seconds, so that less than one a second can be said as well.
        rate = ("-r", str(max(1, round(self.per_second * 10))), "-rp", "10000")
        target = f"{self.server[0]}:{self.server[1]}"
        limits = ("-m", str(self.count), "-l", str(self.count))
        counting = ("-base_cseq", "2") if self._keys_again else ()
        # The echo is a second stream with a source of its own (SSRC), between whose packets Asterisk takes an end of a
        # key that is sent again for another key.
        echo = self._keys_by == "info" or not self._keys
        await self.sipp.start(scenario, [target, "-inf", "callers.csv", *limits, *rate, *counting], echo=echo)

    async def until_up(self, count: int, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many calls have been answered."""
        await self.sipp.until(
            lambda: self.counted("up") >= count, timeout_seconds, f"fewer than {count} calls answered"
        )

    async def until_ended(self, count: int, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many calls have been ended by either side."""
        await self.sipp.until(
            lambda: self.counted("ended-by-server") + self.counted("ended-by-phone") >= count,
            timeout_seconds,
            f"fewer than {count} calls ended",
        )

    async def hang_up(self) -> None:
        """End every call that goes on, and SIPp."""
        await self.sipp.stop()

    def _key_steps(self) -> str:
        template = (SCENARIOS / ("key.xml" if self._keys_by == "info" else "tone_key.xml")).read_text(encoding="utf-8")
        if self._keys_again:
            # SIPp would give a message that it sends again the branch of the first time: a retransmission.
            template = template.replace("[branch]", "z9hG4bK-[pid]-[call_number]-[clock_tick]")
        steps = []
        for number, step in enumerate(self._keys):
            if step[0] == "wait":
                steps.append(f'<pause milliseconds="{round(step[1] * 1000)}"/>')
            else:
                # What is said again and again has a number of SIPp's own counting each time.
                sequence = "[cseq]" if self._keys_again else str(number + 2)
                steps.append(template.replace("@KEY@", escape(step[1])).replace("@CSEQ@", sequence))
        if self._keys_again:
            steps = ['<label id="keys"/>', *steps, '<nop next="keys"/>']
        return "\n".join(steps)


class SippAgent:
    """An agent's phone played by SIPp: registers when it has a password, answers every call."""

    def __init__(
        self,
        *,
        server: Address,
        user: str,
        log_dir: Path,
        password: str | None = None,
        answer_after_seconds: float = 0.1,
        hang_up_after_seconds: float | None = None,
        host: str = "127.0.0.3",
    ) -> None:
        self.server, self.user = server, user
        self._password = password
        self._ring = max(1, round(answer_after_seconds * 1000))
        self._hold = FOREVER_MILLISECONDS if hang_up_after_seconds is None else round(hang_up_after_seconds * 1000)
        self.sipp = SippProcess(name=f"sipp-agent-{user}", host=host, folder=log_dir / f"sipp-agent-{user}")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.sipp.stop()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return (self.sipp.host, self.sipp.port)

    @property
    def events(self) -> list[SippEvent]:
        """What happened to the calls, in order."""
        return self.sipp.events

    @property
    def messages(self) -> list[TracedMessage]:
        """Every SIP message of its calls, in order."""
        return self.sipp.messages

    async def start(self) -> None:
        """Register, if it has a password, and wait for calls."""
        if self._password is not None:
            await self._register(self._password)
        scenario = (SCENARIOS / "agent.xml").read_text(encoding="utf-8")
        scenario = scenario.replace("@RING@", str(self._ring)).replace("@HOLD@", str(self._hold))
        await self.sipp.start(scenario, [])
        await self.sipp.until(lambda: not _is_free(self.address), 5.0, "SIPp does not listen")

    async def until(self, what: What, count: int = 1, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something has happened to so many of its calls."""
        await self.sipp.until(
            lambda: sum(event.what == what for event in self.sipp.events) >= count,
            timeout_seconds,
            f"fewer than {count} calls {what}",
        )

    async def _register(self, password: str) -> None:
        registrar = SippProcess(
            name=f"sipp-register-{self.user}", host=self.sipp.host, folder=self.sipp.folder / "register"
        )
        registrar.port = self.sipp.port
        registrar.folder.mkdir(parents=True, exist_ok=True)
        credentials = f"[authentication username={self.user} password={password}]"
        line = f"SEQUENTIAL\n{self.user};{credentials};\n"
        (registrar.folder / "users.csv").write_text(line, encoding="utf-8")
        scenario = (SCENARIOS / "register.xml").read_text(encoding="utf-8")
        target = f"{self.server[0]}:{self.server[1]}"
        await registrar.start(scenario, [target, "-inf", "users.csv", "-m", "1"])
        try:
            if await registrar.exit_code(10.0) != 0:
                raise ConnectionRefusedError(f"{registrar.name}: not registered; see {registrar.folder}")
        finally:
            await registrar.stop()


def _is_free(address: Address) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(address)
        except OSError:
            return False
    return True
