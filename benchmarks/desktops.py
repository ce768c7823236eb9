"""The agents' desktops, in a process of their own: what the phones' process is busy with must not make a pop look late.

Asked over stdin with one JSON object a line, answers on stdout with another. Times are of the monotonic clock, which is
one for all processes of a machine. When a pop came is told by the kernel where it can, for on a busy machine a process
may sleep for some milliseconds with the pop in its socket.
"""

import asyncio
import bisect
import json
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import websockets

from tests.e2e.desktop import Desktop

PROJECT = Path(__file__).resolve().parents[1]
ANSWER_LIMIT_SECONDS = 30.0
LONGEST_LINE = 2**24


@dataclass(frozen=True, slots=True)
class Pop:
    """One customer's card as it came to an agent; `at` is monotonic seconds."""

    at: float
    offer_id: str
    number: str | None


class StampedSocket(socket.socket):
    """Keeps what it received, with the kernel's time of each piece; where that is not told, the time of reading."""

    stamp_option = getattr(socket, "SO_TIMESTAMPNS", 35 if sys.platform == "linux" else None)

    def __init__(self, *arguments: int) -> None:
        super().__init__(*arguments)
        self.received = bytearray()
        self.pieces: list[tuple[int, float]] = []
        """Where each piece ends and when it came, in monotonic seconds."""
        if self.stamp_option is not None:
            self.setsockopt(socket.SOL_SOCKET, self.stamp_option, 1)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As of any socket."""
        data, notes, _, _ = self.recvmsg(size, socket.CMSG_SPACE(16), flags)
        read_at = time.monotonic()
        at = read_at
        for level, kind, value in notes:
            if (level, kind) == (socket.SOL_SOCKET, self.stamp_option):
                seconds, nanoseconds = struct.unpack("qq", value[:16])
                at = min(read_at, read_at - (time.time() - seconds - nanoseconds / 1e9))
        self.received += data
        self.pieces.append((len(self.received), at))
        return data

    def came_at(self, text: str) -> float | None:
        """When the first piece that completes `text` came."""
        start = self.received.find(text.encode())
        if start < 0:
            return None
        return self.pieces[bisect.bisect_left(self.pieces, (start + len(text.encode()), 0.0))][1]


class StampedDesktop(Desktop):
    """A desktop that knows when the kernel had received what it shows."""

    def __init__(self, web_url: str, name: str, password: str) -> None:
        super().__init__(web_url, name, password)
        self._address = (urlsplit(web_url).hostname or "", urlsplit(web_url).port or 80)
        self._sockets: list[StampedSocket] = []

    async def _follow(self, topics: tuple[str, ...], snapshot: asyncio.Event) -> None:
        while True:
            connection = StampedSocket(socket.AF_INET, socket.SOCK_STREAM)
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, self._address)
            self._sockets.append(connection)
            protocols = [websockets.Subprotocol(name) for name in ("callcenter.v1", f"bearer.{self._token}")]
            url = self._web_url.replace("http://", "ws://") + "/api/v1/live"
            # Without compression the ids can be found in what the kernel handed over.
            async with websockets.connect(url, sock=connection, subprotocols=protocols, compression=None) as feed:
                await feed.send(json.dumps({"type": "subscribe", "topics": list(topics)}))
                async for text in feed:
                    self._take(json.loads(text), snapshot)

    def first_sights(self, since: int) -> list[tuple[float, str, str | None]]:
        """The pops among the events from `since` on: when the first document of each came, its offer, the number."""
        seen: dict[str, tuple[float, str, str | None]] = {}
        for event in self.events[since:]:
            if event.key == "pop" and event.document is not None:
                offer_id = event.document["offer_id"]
                stamps = [at for one in self._sockets if (at := one.came_at(offer_id)) is not None]
                seen.setdefault(offer_id, (min([event.at, *stamps]), offer_id, event.document["ani"]["e164"]))
        return list(seen.values())


class Desktops:
    """Asks the process with the desktops; use it with `async with`. AssertionError when it does not answer well."""

    def __init__(self, web_url: str, password: str, agent_ids: tuple[str, ...]) -> None:
        self._start = json.dumps({"web_url": web_url, "password": password, "agent_ids": agent_ids})
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.desktops",
            cwd=PROJECT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        await self._ask(self._start)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def set_state(self, state: str, reason: str | None = None) -> None:
        """Put every agent into this state."""
        await self._ask(json.dumps({"set": state, "reason": reason}))

    async def at_rest(self) -> None:
        """Return when no agent is offered a call or in one."""
        await self._ask(json.dumps({"wait": ["ready", "not_ready"]}))

    async def pops(self) -> dict[str, list[Pop]]:
        """By agent, the first sight of every pop that has come since this was asked last."""
        answer = await self._ask(json.dumps({"pops": True}))
        pops = answer["pops"]
        assert isinstance(pops, dict)
        return {agent_id: [Pop(*pop) for pop in seen] for agent_id, seen in pops.items()}

    async def _ask(self, line: str) -> dict[str, object]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line.encode() + b"\n")
        try:
            async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
                await process.stdin.drain()
                answer = await process.stdout.readline()
        except TimeoutError:
            raise AssertionError(f"the desktops did not answer to {line[:60]}") from None
        if not answer:
            raise AssertionError(f"the desktops ended at {line[:60]}; their complaint stands above")
        document: dict[str, object] = json.loads(answer)
        return document


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    start = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    desktops = {name: StampedDesktop(start["web_url"], name, start["password"]) for name in start["agent_ids"]}
    told = dict.fromkeys(desktops, 0)
    try:
        for desktop in desktops.values():
            await desktop.open(("me",))
        print("{}", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked, answer = json.loads(line), {}
            if "set" in asked:
                for desktop in desktops.values():
                    await desktop.set_state(asked["set"], asked["reason"])
            elif "wait" in asked:
                for desktop in desktops.values():
                    await _becomes(desktop, asked["wait"])
            else:
                answer = {"pops": {name: desktop.first_sights(told[name]) for name, desktop in desktops.items()}}
                told = {name: len(desktop.events) for name, desktop in desktops.items()}
            print(json.dumps(answer), flush=True)
    finally:
        for desktop in desktops.values():
            await desktop.sign_out_of_work()
            await desktop.close()


async def _becomes(desktop: Desktop, states: list[str]) -> None:
    await desktop.until(lambda: desktop.state["state"] in states, f"the agent is {states}", 20)


if __name__ == "__main__":
    asyncio.run(_serve())
