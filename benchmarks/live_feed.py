"""How late an event of the live feed comes to many clients: one server process, a thousand sockets in another.

    python -m benchmarks.live_feed --clients 1000 --events 20 --seconds 20 --json

The server is the real one (uvicorn, routes, feed) over fakes of the house behind it; the events are the rows of queues
as the board has them. Each carries when it was put; both processes read the machine's one monotonic clock. The clients
read frames with as little work as can be, for their slowness would be taken for the server's; with `--core` the server
has that core and the clients have the others, as they would be on other machines. The server's CPU time for each event
and client, the kernel's share of it included, hardly depends on what else the machine does; how late events are does.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import re
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec

from benchmarks.arguments import between
from benchmarks.figures import Figures

QUEUES = 20
SENT = re.compile(rb'"sent_ns":(\d+)')
START_LIMIT_SECONDS = 60.0
CONNECTING_AT_ONCE = 50
TEXT_FRAME, PING_FRAME, PONG_FRAME = 0x81, 0x89, 0x8A


# ---- the server's process


def run_server(pipe: Connection, events_per_second: int, seconds: int, core: int | None) -> None:
    """Serve until told to end; sends its port, then the CPU and wall seconds it took while events went out."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    asyncio.run(_serve(pipe, events_per_second, seconds))


async def _serve(pipe: Connection, events_per_second: int, seconds: int) -> None:
    # Read here alone: the clients' process has no need of it.
    import structlog

    from callcenter.web.server import serve
    from tests.adapters.web_house import furnish

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="cc-feed-") as base, furnish(Path(base)) as house:
        row = msgspec.to_builtins(house.deps.board.queues()[0]) if house.deps.board.queues() else {}
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            serve(house.app, "127.0.0.1", 0, stop=stop, on_listening=lambda _, port: listening.set_result(port))
        )
        pipe.send(await listening)
        await asyncio.to_thread(pipe.recv)
        began, used = time.monotonic(), time.process_time()
        for number in range(events_per_second * seconds):
            wait = began + number / events_per_second - time.monotonic()
            await asyncio.sleep(max(wait, 0.0))
            queue_id = f"queue-{number % QUEUES}"
            document = {**row, "queue_id": queue_id, "waiting": number, "sent_ns": time.monotonic_ns()}
            house.feed.put("queues", queue_id, document)
        await asyncio.sleep(1.0)
        pipe.send((time.process_time() - used, time.monotonic() - began))
        await asyncio.to_thread(pipe.recv)
        stop.set()
        await serving


# ---- the clients


@dataclass(slots=True)
class Client(asyncio.Protocol):
    """One socket: the handshake, one subscription, then frames; notes how late each event came, in milliseconds."""

    token: str
    late_ms: list[float]
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    events: int = 0
    closed: bool = False
    _open: bool = False
    _rest: bytes = b""
    _transport: asyncio.Transport | None = None

    def itself(self) -> "Client":
        """What a connection is made for."""
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the feed."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            (
                "GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: callcenter.v1, bearer.{self.token}\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take whole frames off what has come."""
        now_ns = time.monotonic_ns()
        self._rest += data
        if not self._open:
            head, found, rest = self._rest.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(head.decode("latin-1").partition("\r\n")[0])
            self._open, self._rest = True, rest
            self._write(json.dumps({"type": "subscribe", "topics": ["queues"]}).encode())
        while (frame := self._frame()) is not None:
            sent = SENT.search(frame)
            if b'"type":"snapshot"' in frame[:40]:
                self.ready.set()
            elif sent is not None:
                self.events += 1
                self.late_ms.append((now_ns - int(sent[1])) / 1e6)

    def connection_lost(self, error: Exception | None) -> None:
        """The server or the network ended it."""
        self.closed = True

    def end(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, payload: bytes, kind: int = TEXT_FRAME) -> None:
        # A mask of zeros is a mask.
        if self._transport is not None:
            self._transport.write(bytes([kind, 0x80 | len(payload)]) + bytes(4) + payload)

    def _frame(self) -> bytes | None:
        """The next whole text; a ping is answered, for the server cuts who is silent, and all else is empty."""
        rest = self._rest
        if len(rest) < 2:
            return None
        length, start = rest[1] & 0x7F, 2
        if length == 126:
            if len(rest) < 4:
                return None
            (length,), start = struct.unpack_from("!H", rest, 2), 4
        elif length == 127:
            if len(rest) < 10:
                return None
            (length,), start = struct.unpack_from("!Q", rest, 2), 10
        if len(rest) < start + length:
            return None
        self._rest = rest[start + length :]
        if rest[0] == PING_FRAME:
            self._write(rest[start : start + length], PONG_FRAME)
        return rest[start : start + length] if rest[0] == TEXT_FRAME else b""


@contextlib.asynccontextmanager
async def connected(port: int, token: str, count: int, late_ms: list[float]) -> AsyncIterator[list[Client]]:
    """So many clients that have their snapshot."""
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    try:
        for first in range(0, count, CONNECTING_AT_ONCE):
            batch = [Client(token=token, late_ms=late_ms) for _ in range(min(CONNECTING_AT_ONCE, count - first))]
            clients += batch
            async with asyncio.timeout(START_LIMIT_SECONDS):
                await asyncio.gather(*(loop.create_connection(one.itself, "127.0.0.1", port) for one in batch))
                await asyncio.gather(*(one.ready.wait() for one in batch))
        yield clients
    finally:
        for one in clients:
            one.end()


def sign_in(port: int) -> str:
    """The token of a supervisor's session."""
    from tests.adapters.web_house import PASSWORD

    body = json.dumps({"name": "super", "password": PASSWORD}).encode()
    request = Request(
        f"http://127.0.0.1:{port}/api/v1/session", data=body, headers={"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=START_LIMIT_SECONDS) as answer:  # noqa: S310 - as above
        return str(json.load(answer)["token"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was seen: how late each event came, how many came, how many clients were cut, and what both sides worked."""

    late_ms: list[float]
    events: int
    cut: int
    server_cpu_seconds: float
    server_wall_seconds: float
    clients_cpu_seconds: float


async def measure(pipe: Connection, count: int) -> Outcome:
    """Connect so many clients, let the events come, count."""
    port = pipe.recv()
    late_ms: list[float] = []
    token = await asyncio.to_thread(sign_in, port)
    async with connected(port, token, count, late_ms) as clients:
        used = time.process_time()
        pipe.send("go")
        server_cpu, server_wall = await asyncio.to_thread(pipe.recv)
        outcome = Outcome(
            late_ms=late_ms,
            events=sum(one.events for one in clients),
            cut=sum(one.closed for one in clients),
            server_cpu_seconds=server_cpu,
            server_wall_seconds=server_wall,
            clients_cpu_seconds=time.process_time() - used,
        )
    pipe.send("end")
    return outcome


def keep_off(core: int | None) -> None:
    """Leave the server's core to the server, where there is another."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        others = os.sched_getaffinity(0) - {core}
        if others:
            os.sched_setaffinity(0, others)


def main() -> int:
    """Run it; 1 when events were lost or clients were cut."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live_feed", description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=between(1, 3_500), default=1_000)
    parser.add_argument("--events", type=between(1, 1_000), default=20, help="a second")
    parser.add_argument("--seconds", type=between(1, 55), default=20)
    parser.add_argument("--core", type=between(0, 1_023), default=None, help="the core the server is bound to")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=run_server, args=(theirs, asked.events, asked.seconds, asked.core)
    )
    server.start()
    keep_off(asked.core)
    try:
        seen = asyncio.run(measure(ours, asked.clients))
    finally:
        server.join(timeout=10)
        if server.is_alive():
            server.kill()
    wanted = asked.clients * asked.events * asked.seconds
    figures = Figures.of(seen.late_ms)
    lost = wanted - seen.events
    share = seen.server_cpu_seconds / seen.server_wall_seconds
    each = seen.server_cpu_seconds / wanted * 1e6
    result = {
        "clients": asked.clients,
        "events_per_second": asked.events,
        "late_ms": figures.as_json(),
        "lost": lost,
        "cut": seen.cut,
        "server_core_share": round(share, 3),
        "server_cpu_microseconds_per_delivery": round(each, 2),
        "clients_core_share": round(seen.clients_cpu_seconds / seen.server_wall_seconds, 3),
    }
    if asked.json:
        print(json.dumps(result))
    else:
        print(f"{asked.clients} clients, {asked.events} events/s: p50 {figures.p50:.1f} ms, p99 {figures.p99:.1f} ms")
        print(f"lost {lost} of {wanted}, cut {seen.cut}")
        print(f"the server used {share:.0%} of a core, {each:.1f} microseconds for each event and client")
    return int(lost != 0 or seen.cut > 0)


if __name__ == "__main__":
    sys.exit(main())
