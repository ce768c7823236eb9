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
import contextlib
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec

from benchmarks.arguments import between
from benchmarks.figures import Figures
from tests.adapters.feed_socket import FeedSocket

QUEUES = 20
SENT = re.compile(rb'"sent_ns":(\d+)')
START_LIMIT_SECONDS = 60.0
CONNECTING_AT_ONCE = 50
SUBSCRIPTION = b'{"type": "subscribe", "topics": ["queues"]}'


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


class Client:
    """One follower of the queues; notes how late each event came, in milliseconds."""

    def __init__(self, token: str, late_ms: list[float]) -> None:
        self.ready = asyncio.Event()
        self.events = 0
        self.socket = FeedSocket(token, SUBSCRIPTION, self._hear)
        self._late_ms = late_ms

    def _hear(self, text: bytes, now_ns: int) -> None:
        sent = SENT.search(text)
        if b'"type":"snapshot"' in text[:40]:
            self.ready.set()
        elif sent is not None:
            self.events += 1
            self._late_ms.append((now_ns - int(sent[1])) / 1e6)


@contextlib.asynccontextmanager
async def connected(port: int, token: str, count: int, late_ms: list[float]) -> AsyncIterator[list[Client]]:
    """So many clients that have their snapshot."""
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    try:
        for first in range(0, count, CONNECTING_AT_ONCE):
            batch = [Client(token, late_ms) for _ in range(min(CONNECTING_AT_ONCE, count - first))]
            clients += batch
            async with asyncio.timeout(START_LIMIT_SECONDS):
                await asyncio.gather(*(loop.create_connection(one.socket.itself, "127.0.0.1", port) for one in batch))
                await asyncio.gather(*(one.ready.wait() for one in batch))
        yield clients
    finally:
        for one in clients:
            one.socket.end()


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
            cut=sum(one.socket.gone.is_set() for one in clients),
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
