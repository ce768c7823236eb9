"""A desktop's side of the live feed as the page has it (agent_ui/src/live): comes back by itself, keeps the picture.

Law: after each cut it goes on from the number it holds; the pauses are those of `feed.ts`.
"""

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from callcenter.app.feed import agent_topic
from callcenter.domain.ids import AgentId
from tests.adapters.feed_socket import FeedSocket
from tests.adapters.web_house import PASSWORD, WebHouse, make_user

OPEN_LIMIT_SECONDS = 5.0
FIRST_WORD_LIMIT_SECONDS = 10.0
RETRY_FIRST_SECONDS, RETRY_LIMIT_SECONDS = 0.25, 2.0

Documents = dict[str, Any]


@dataclass(slots=True)
class Desktop:
    """One agent's page; `run` lives until `stop`."""

    port: int
    token: str
    agent_id: AgentId
    picture: dict[str, Documents] = field(default_factory=dict)
    epoch: str = ""
    seq: int = -1
    numbers: list[int] = field(default_factory=list)
    """The `number` of every event of the board, in the order they came."""
    snapshots: int = 0
    tries: int = 0
    live: asyncio.Event = field(default_factory=asyncio.Event)
    live_at: float = 0.0
    _socket: FeedSocket | None = None
    _abandoned: list[FeedSocket] = field(default_factory=list)
    _chance: random.Random = field(default_factory=random.Random)

    async def run(self) -> None:
        """Connect, and come back whenever the connection is lost."""
        failures = 0
        try:
            while True:
                if await self._live_once():
                    failures = 0
                pause = min(RETRY_LIMIT_SECONDS, RETRY_FIRST_SECONDS * 2**failures)
                failures += 1
                await asyncio.sleep(pause * (0.5 + self._chance.random() / 2))
        finally:
            for socket in [*self._abandoned, *([self._socket] if self._socket else [])]:
                socket.end()

    def cut(self, *, silently: bool = False) -> None:
        """Lose the connection; `silently`: the other side is not told, and keeps its end."""
        socket, self._socket = self._socket, None
        self.live.clear()
        if socket is None:
            return
        if silently:
            socket.stop_reading()
            self._abandoned.append(socket)
            socket.gone.set()
        else:
            socket.end()

    @property
    def gaps(self) -> int:
        """How often an event of the board was not followed by the next one: 0 when each was seen once, in order."""
        return sum(later != earlier + 1 for earlier, later in pairwise(self.numbers))

    async def _live_once(self) -> bool:
        self.tries += 1
        message: Documents = {"type": "subscribe", "topics": ["me", "queues"]}
        if self.seq >= 0:
            message["resume"] = {"epoch": self.epoch, "seq": self.seq}
        socket = self._socket = FeedSocket(self.token, json.dumps(message).encode(), self._hear)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(OPEN_LIMIT_SECONDS):
                await asyncio.get_running_loop().create_connection(socket.itself, "127.0.0.1", self.port)
            async with asyncio.timeout(FIRST_WORD_LIMIT_SECONDS):
                await self._first_word(socket)
            was_live = self.live.is_set()
            await socket.gone.wait()
            self.live.clear()
            return was_live
        socket.end()
        return False

    async def _first_word(self, socket: FeedSocket) -> None:
        waits = [asyncio.ensure_future(self.live.wait()), asyncio.ensure_future(socket.gone.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _hear(self, text: bytes, now_ns: int) -> None:
        message = msgspec.json.decode(text)
        match message["type"]:
            case "snapshot":
                self.picture, self.epoch, self.seq = message["topics"], message["epoch"], message["seq"]
                self.snapshots += 1
                self._is_live()
            case "resumed":
                self._is_live()
            case "event" if message["seq"] > self.seq:
                self.seq = message["seq"]
                self._apply(message)

    def _apply(self, message: Documents) -> None:
        documents = self.picture[message["topic"]]
        if message["document"] is None:
            documents.pop(message["key"], None)
            return
        documents[message["key"]] = message["document"]
        if message["topic"] == "queues":
            self.numbers.append(message["document"]["number"])

    def _is_live(self) -> None:
        self.live.set()
        self.live_at = time.monotonic()


async def hire(house: WebHouse, count: int) -> list[tuple[AgentId, str]]:
    """So many agents with a session each: who, and his token."""
    hired = []
    for number in range(count):
        agent_id = AgentId(f"d{number:04}")
        user = make_user(agent_id, "agent", agent_id)
        house.users.users[user.user_id] = user
        hired.append((agent_id, (await house.sessions.sign_in(agent_id, PASSWORD, "127.0.0.1")).token))
    return hired


def happen(house: WebHouse, hired: list[tuple[AgentId, str]], number: int) -> None:
    """One event on the board, and one on somebody's own desk."""
    house.feed.put("queues", f"queue-{number % 20}", {"number": number})
    agent_id, _ = hired[number % len(hired)]
    house.feed.put(agent_topic(agent_id), "state", {"turn": number})


def truth(house: WebHouse, agent_id: AgentId) -> dict[str, Documents]:
    """What somebody who comes now is shown."""
    topics = house.feed.snapshot(["queues", agent_topic(agent_id)]).topics
    return {topic: {key: msgspec.json.decode(raw) for key, raw in rows.items()} for topic, rows in topics.items()}
