"""An agent's or supervisor's desktop for tests: REST and the live feed, with a note of when what arrived."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import websockets

from tests.patience import PATIENCE_SECONDS

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One document that came over the live feed; `at` is monotonic seconds."""

    at: float
    topic: str
    key: str
    document: Document | None


class Desktop:
    """Signs in over REST, follows the live feed, and does what a person does."""

    def __init__(self, web_url: str, name: str, password: str) -> None:
        self._web_url = web_url
        self._name = name
        self._password = password
        self._client = httpx2.AsyncClient(base_url=f"{web_url}/api/v1", timeout=20.0, verify=False)
        self._token = ""
        self._following: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.events: list[FeedEvent] = []
        self.documents: dict[str, dict[str, Document]] = {}

    async def open(self, topics: tuple[str, ...] = ("me", "queues")) -> None:
        """Sign in and follow the feed."""
        answer = await self._client.post("/session", json={"name": self._name, "password": self._password})
        assert answer.status_code == 201, answer.text
        self._token = answer.json()["token"]
        role = answer.json()["user"]["role"]
        self._client.headers["Authorization"] = f"Bearer {self._token}"
        if role != "agent":
            topics = ("queues", "agents", "waiting", "monitoring")
        snapshot = asyncio.Event()
        self._following = asyncio.create_task(self._follow(topics, snapshot), name=f"desktop {self._name}")
        async with asyncio.timeout(10):
            await snapshot.wait()

    async def close(self) -> None:
        """Leave without a word, as a closed lid does."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None
        await self._client.aclose()

    async def sign_out_of_work(self) -> None:
        """Hang the agent's state up, whatever it is."""
        with contextlib.suppress(httpx2.TransportError, AssertionError):
            await self.set_state("logged_out")

    # ---- what a person does

    async def get(self, path: str) -> Any:
        """GET below /api/v1; the body."""
        answer = await self._client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def send(self, method: str, path: str, body: object) -> Any:
        """Another method below /api/v1; the body."""
        answer = await self._client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def set_state(self, state: str, reason: str | None = None) -> Document:
        """PUT the agent's state."""
        body = {"state": state} if reason is None else {"state": state, "reason": reason}
        answer: Document = await self.send("PUT", "/agents/me/state", body)
        return answer

    async def end_wrap_up(self, then: str | None = None) -> Document:
        """End after-call work."""
        answer: Document = await self.send("POST", "/agents/me/wrap-up/end", {} if then is None else {"then": then})
        return answer

    # ---- what he sees

    @property
    def state(self) -> Document:
        """The last state document."""
        return self.documents["me"]["state"]

    @property
    def pop(self) -> Document | None:
        """The screen pop, None when there is none."""
        return self.documents.get("me", {}).get("pop")

    async def state_becomes(self, state: str, *, seconds: float = PATIENCE_SECONDS) -> Document:
        """Wait until the agent is in that state."""
        await self.until(lambda: self.state["state"] == state, f"{self._name} is {state}", seconds)
        return self.state

    async def pops(self, *, stage: str | None = None, seconds: float = PATIENCE_SECONDS) -> Document:
        """Wait until a pop is shown."""

        def shown() -> bool:
            return self.pop is not None and stage in (None, self.pop["stage"])

        await self.until(shown, f"{self._name} sees a pop", seconds)
        assert self.pop is not None
        return self.pop

    async def sees(self, topic: str, key: str, *, seconds: float = PATIENCE_SECONDS) -> Document:
        """Wait until a document is there."""
        await self.until(lambda: key in self.documents.get(topic, {}), f"{topic}/{key} is there", seconds)
        return self.documents[topic][key]

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the condition holds, looking again at every message of the feed."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds:g} s: {what}; {await self._seen_and_told()}"
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    async def _seen_and_told(self) -> str:
        """What the feed shows of him, and what the server says when it is asked: they should be the same."""
        told: object = "nothing"
        with contextlib.suppress(httpx2.TransportError, ValueError):
            told = (await self._client.get("/agents/me")).json()
        is_following = self._following is not None and not self._following.done()
        shown = self.documents.get("me", {}).get("state")
        return f"the feed ({'open' if is_following else 'ended'}) shows {shown}; asked, the server says {told}"

    # ---- the feed

    async def _follow(self, topics: tuple[str, ...], snapshot: asyncio.Event) -> None:
        url = self._web_url.replace("http://", "ws://") + "/api/v1/live"
        while True:
            try:
                async with websockets.connect(
                    url,
                    subprotocols=[
                        websockets.Subprotocol("callcenter.v1"),
                        websockets.Subprotocol(f"bearer.{self._token}"),
                    ],
                ) as socket:
                    await socket.send(json.dumps({"type": "subscribe", "topics": list(topics)}))
                    async for text in socket:
                        self._take(json.loads(text), snapshot)
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.1)

    def _take(self, message: Document, snapshot: asyncio.Event) -> None:
        at = time.monotonic()
        if message["type"] == "snapshot":
            self.documents = {topic: dict(documents) for topic, documents in message["topics"].items()}
            snapshot.set()
        elif message["type"] == "event":
            topic, key, document = message["topic"], message["key"], message.get("document")
            self.events.append(FeedEvent(at, topic, key, document))
            if document is None:
                self.documents.setdefault(topic, {}).pop(key, None)
            else:
                self.documents.setdefault(topic, {})[key] = document
        self._changed.set()
