"""The live feed's WebSocket: who may follow what, and one connection's life.

Law: a connection has three tasks (hear, ping, watch the session); the first that ends, or `end`, ends them all, and
the close code says why. Events need no task: whoever puts one writes it to the sockets, and none of them is waited for.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import msgspec
import structlog
from fastapi import Depends, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from callcenter.app.feed import (
    AGENTS,
    ALERTS,
    MONITORING,
    QUEUES,
    TRENDS,
    WAITING,
    Frame,
    Resume,
    Subscription,
    agent_topic,
)
from callcenter.app.number_mask import mask_document
from callcenter.app.permissions import Action, Forbidden, require
from callcenter.app.ports import User
from callcenter.app.sessions import SignedIn
from callcenter.domain.errors import CallcenterError, InvalidValue
from callcenter.domain.ids import AgentId
from callcenter.web.access import COOKIE, Named, own_agent, role_of
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.desktops import Desktops, desktops_of
from callcenter.web.live_socket import LiveSocket, live_socket_of, text_frame
from callcenter.web.measures import WebMeasures
from callcenter.web.origin import is_own_origin
from callcenter.web.routing import api_router

log = structlog.get_logger(__name__)

PROTOCOL = "callcenter.v1"
_BEARER = "bearer."
PING_INTERVAL_SECONDS = 15.0
STUCK_LIMIT_SECONDS = 5.0
"""A socket that is full and takes nothing for so long is cut."""
CLOSE_TIME_LIMIT_SECONDS = 2.0
SESSION_CHECK_SECONDS = 15.0
MOST_CONNECTIONS = 4_000
MOST_MESSAGES = 30
MESSAGES_WINDOW_SECONDS = 10.0

_TOPICS = {
    "me": Action.FOLLOW_DESK,
    "queues": Action.FOLLOW_QUEUES,
    "agents": Action.FOLLOW_AGENTS,
    "waiting": Action.FOLLOW_WAITING,
    "monitoring": Action.FOLLOW_MONITORING,
    "alerts": Action.FOLLOW_ALERTS,
    "trends": Action.FOLLOW_QUEUES,
}
_SHARED_TOPICS = {
    "queues": QUEUES,
    "agents": AGENTS,
    "waiting": WAITING,
    "monitoring": MONITORING,
    "alerts": ALERTS,
    "trends": TRENDS,
}

router = api_router()


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Why the server ends a connection."""

    code: int
    reason: str
    on_purpose: bool = False
    """The user signed out: nobody is missing at the desk."""


NOT_SIGNED_IN = Close(code=4401, reason="not signed in")
SIGNED_OUT = Close(code=4401, reason="signed out", on_purpose=True)
NOT_ALLOWED = Close(code=4403, reason="topic not allowed")
TOO_SLOW = Close(code=4408, reason="too slow")
TAKEN_OVER = Close(code=4409, reason="another desk of the same agent took over")
TOO_MANY_MESSAGES = Close(code=1008, reason="too many messages")
FULL = Close(code=1013, reason="too many connections")
GONE = Close(code=1000, reason="")


class _Position(msgspec.Struct, forbid_unknown_fields=True):
    epoch: Annotated[str, msgspec.Meta(max_length=100)]
    seq: Annotated[int, msgspec.Meta(ge=0)]


class _Subscribe(msgspec.Struct, tag_field="type", tag="subscribe", forbid_unknown_fields=True):
    topics: Annotated[list[Annotated[str, msgspec.Meta(max_length=100)]], msgspec.Meta(min_length=1, max_length=20)]
    resume: _Position | None = None


class _ErrorMessage(msgspec.Struct, tag_field="type", tag="error"):
    code: str
    detail: str


_PING = text_frame(b'{"type":"ping"}')
_decoder = msgspec.json.Decoder(_Subscribe)
_encoder = msgspec.json.Encoder()


@router.websocket("/live", dependencies=[Depends(Named(Action.CONNECT_FEED))])
async def live(websocket: WebSocket, deps: Deps) -> None:
    """The live feed (docs/api.md)."""
    measures: WebMeasures = websocket.app.state.measures
    if not is_own_origin(websocket.headers, deps.trusted_origins):
        # Before the socket is accepted this is a plain 403.
        await websocket.close(code=NOT_ALLOWED.code)
        return
    offered = websocket.scope["subprotocols"]
    token = next((name[len(_BEARER) :] for name in offered if name.startswith(_BEARER)), None)
    signed_in = await _signed_in(deps, token or websocket.cookies.get(COOKIE))
    # Accepted first and closed then: a browser sees no close code of a refused socket.
    await websocket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
    open_connections: set[LiveConnection] = websocket.app.state.live_connections
    if signed_in is None:
        close = NOT_SIGNED_IN
    elif len(open_connections) >= MOST_CONNECTIONS:
        close = FULL
    else:
        connection = LiveConnection(
            websocket, live_socket_of(websocket.scope), deps, desktops_of(websocket.app), signed_in
        )
        open_connections.add(connection)
        measures.live_connections.inc()
        try:
            close = await connection.run()
        finally:
            open_connections.discard(connection)
            measures.live_connections.dec()
    if close is not GONE:
        measures.live_closed.labels(str(close.code)).inc()
    await _close(websocket, close)


async def _signed_in(deps: WebDependencies, token: str | None) -> SignedIn | None:
    if not token:
        return None
    signed_in = await deps.sessions.find(token)
    if signed_in is None:
        return None
    try:
        require(role_of(signed_in.user), Action.CONNECT_FEED)
    except Forbidden:
        return None
    return signed_in


async def _close(websocket: WebSocket, close: Close) -> None:
    if websocket.client_state is not WebSocketState.CONNECTED:
        return
    # A socket that takes nothing does not take the close frame either.
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(CLOSE_TIME_LIMIT_SECONDS):
            await websocket.close(code=close.code, reason=close.reason)


class LiveConnection:
    """One client of the feed and its `Outlet`; `run` owns its tasks."""

    def __init__(
        self,
        websocket: WebSocket,
        socket: LiveSocket,
        deps: WebDependencies,
        desktops: Desktops,
        signed_in: SignedIn,
    ) -> None:
        self._websocket = websocket
        self._socket = socket
        self._deps = deps
        self._desktops = desktops
        self._signed_in = signed_in
        self._ending: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self._subscription: Subscription | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._seat: AgentId | None = None
        self._heard: deque[float] = deque(maxlen=MOST_MESSAGES)

    @property
    def session_hash(self) -> str:
        """The session this connection belongs to."""
        return self._signed_in.token_hash

    def take_over(self) -> None:
        """Another desktop of the same agent has come."""
        self.end(TAKEN_OVER)

    def end(self, close: Close) -> None:
        """End the connection; the first reason counts."""
        if not self._ending.done():
            self._ending.set_result(close)

    @property
    def takes_more(self) -> bool:
        """Whether the client's socket has room."""
        return self._socket.takes_more

    def write(self, frames: Iterable[Frame]) -> None:
        """Send these, as this user may see them."""
        sees_numbers = self._deps.privacy.sight.sees_numbers(self._signed_in.user.role)
        form = text_frame if sees_numbers else _masked_frame
        self._socket.write(b"".join([frame.sent_as(form) for frame in frames]))

    def cut(self) -> None:
        """Too much waits for this client."""
        self.end(TOO_SLOW)

    async def run(self) -> Close:
        """Serve the client until he or the server ends it; returns why."""
        take_off = self._deps.sessions.when_ended(self.session_hash, lambda: self.end(SIGNED_OUT))
        tasks = [
            asyncio.create_task(task, name=f"live {name}")
            for name, task in (("hear", self._hear()), ("ping", self._ping()), ("watch", self._watch()))
        ]
        close = GONE
        self._socket.on_room = self._note_room
        try:
            await asyncio.wait([*tasks, self._ending], return_when=asyncio.FIRST_COMPLETED)
            close = self._reason(tasks)
        finally:
            take_off()
            self._socket.on_room = None
            self._note_progress()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._subscription is not None:
                self._subscription.close()
            if self._seat is not None:
                self._desktops.leave(self._seat, self, on_purpose=close.on_purpose)
        return close

    def _reason(self, tasks: list[asyncio.Task[Close]]) -> Close:
        if self._ending.done():
            return self._ending.result()
        for task in tasks:
            if task.done():
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, WebSocketDisconnect):
                    log.error("live_feed_failed", exc_info=error)
                    return Close(code=1011, reason="the server failed")
        return GONE

    # ---- the three tasks

    async def _hear(self) -> Close:
        while True:
            text = await self._receive()
            if text is None:
                return GONE
            if self._is_flooding():
                return TOO_MANY_MESSAGES
            try:
                self._subscribe(_decoder.decode(text))
            except msgspec.DecodeError as error:
                self._send_error("invalid_message", f"{error}; known is subscribe")
            except Forbidden as error:
                self._send_error(error.code, str(error))
                return NOT_ALLOWED
            except CallcenterError as error:
                self._send_error(error.code, str(error))

    async def _ping(self) -> Close:
        while True:
            await asyncio.sleep(PING_INTERVAL_SECONDS)
            # A client whose socket is full has other news to read first.
            if self.takes_more:
                self._socket.write(_PING)

    async def _watch(self) -> Close:
        """A living feed keeps its session in use, up to the session's greatest age."""
        while True:
            remaining = (self._signed_in.expires_at - self._deps.clock.now()).total_seconds()
            await asyncio.sleep(max(0.0, min(SESSION_CHECK_SECONDS, remaining)))
            try:
                found = await self._deps.sessions.find_by_hash(self.session_hash)
            except CallcenterError as error:
                log.warning("session_not_checked", error=error.code)
                continue
            if found is None:
                return NOT_SIGNED_IN

    # ---- inside

    async def _receive(self) -> str | None:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        # Bytes are no message of ours, and an empty text is refused as such.
        return text if isinstance(text, str) else ""

    def _is_flooding(self) -> bool:
        now = asyncio.get_running_loop().time()
        flooding = len(self._heard) == MOST_MESSAGES and now - self._heard[0] < MESSAGES_WINDOW_SECONDS
        self._heard.append(now)
        return flooding

    def _subscribe(self, message: _Subscribe) -> None:
        user = self._signed_in.user
        topics = {_topic_for(user, name) for name in message.topics}
        resume = None if message.resume is None else Resume(epoch=message.resume.epoch, seq=message.resume.seq)
        before = self._subscription
        self._subscription = self._deps.feed.subscribe(topics, self, resume)
        if before is not None:
            before.close()
        if "me" in message.topics:
            self._seat = own_agent(user)
            self._desktops.sit(self._seat, self)
        elif self._seat is not None:
            self._desktops.leave(self._seat, self, on_purpose=False)
            self._seat = None

    def _send_error(self, code: str, detail: str) -> None:
        if self.takes_more:
            self._socket.write(text_frame(_encoder.encode(_ErrorMessage(code=code, detail=detail))))

    def _note_room(self, has_room: bool) -> None:
        self._note_progress()
        if not has_room:
            self._watch_progress(self._socket.untaken_bytes)
        elif self._subscription is not None:
            self._subscription.flush()

    def _note_progress(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _watch_progress(self, untaken: int) -> None:
        self._stuck = asyncio.get_running_loop().call_later(STUCK_LIMIT_SECONDS, self._look_at_progress, untaken)

    def _look_at_progress(self, untaken: int) -> None:
        left = self._socket.untaken_bytes
        if left >= untaken:
            self.end(TOO_SLOW)
        else:
            self._watch_progress(left)


def _masked_frame(message: bytes) -> bytes:
    return text_frame(mask_document(message))


def _topic_for(user: User, name: str) -> str:
    """The feed's topic that this user means by `name`; raises `InvalidValue` or `Forbidden`."""
    action = _TOPICS.get(name)
    if action is None:
        known = ", ".join(_TOPICS)
        raise InvalidValue(f"there is no topic {name[:40]!r}; known: {known}", code="unknown_topic")
    require(role_of(user), action)
    shared = _SHARED_TOPICS.get(name)
    return agent_topic(own_agent(user)) if shared is None else shared
