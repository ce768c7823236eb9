"""The FastAGI server: Asterisk connects for a leg, and a handler steers that leg through an `AgiSession`.

Law: whoever connects and says nothing costs one place in a bounded line and nothing else; a session is a task of
the server, which ends it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

import structlog

from callcenter.asterisk.agi_codec import (
    AgiHangupNotice,
    AgiReply,
    AgiReplyParser,
    AgiRequest,
    AgiRequestParser,
)
from callcenter.asterisk.agi_session import AgiSession
from callcenter.asterisk.errors import AgiClosed, AgiError, AgiHangup, AgiListenError, AgiProtocolError

AgiHandler: TypeAlias = Callable[[AgiSession], Awaitable[None]]

_log = structlog.get_logger(__name__)

_LISTEN_BACKLOG: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class FastAgiConfig:
    """Where to listen, for whom, and every bound.

    `max_waiting` connections may be without a whole request; the next one puts out the oldest. `idle_timeout` runs
    while no command is under way, `leave_timeout` from the end of the connection to the cancelling of its handler.
    """

    host: str = "127.0.0.1"
    port: int = 4573
    allowed_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    request_timeout: timedelta = timedelta(seconds=5)
    command_timeout: timedelta = timedelta(seconds=5)
    idle_timeout: timedelta = timedelta(minutes=10)
    leave_timeout: timedelta = timedelta(seconds=10)
    stop_timeout: timedelta = timedelta(seconds=5)
    max_sessions: int = 1000
    max_waiting: int = 100


class FastAgiServer:
    """`serve(handler)` listens until cancelled; or `start` and `stop` where two steps fit better."""

    def __init__(self, config: FastAgiConfig) -> None:
        self._config = config
        try:
            self._allowed = tuple(ipaddress.ip_network(network) for network in config.allowed_networks)
        except ValueError as error:
            raise AgiListenError(f"an allowed network of the FastAGI server is wrong: {error}") from error
        self._server: asyncio.Server | None = None
        self._handler: AgiHandler | None = None
        self._waiting: OrderedDict[_AgiConnection, None] = OrderedDict()
        self._sessions: dict[asyncio.Task[None], _AgiConnection] = {}
        self._listening = asyncio.Event()

    @property
    def port(self) -> int:
        """The port in use, which differs from the configured one when that is 0."""
        if self._server is None:
            return self._config.port
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def session_count(self) -> int:
        return len(self._sessions)

    @property
    def waiting_count(self) -> int:
        """Connections that have not yet sent a whole request."""
        return len(self._waiting)

    async def serve(self, handler: AgiHandler) -> None:
        """Listen until cancelled, then stop. Raises AgiListenError when the address cannot be had."""
        await self.start(handler)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.stop()

    async def start(self, handler: AgiHandler) -> None:
        """Listen; `handler` is called once for each request. Raises AgiListenError."""
        config = self._config
        self._handler = handler
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _AgiConnection(self, config), config.host, config.port, backlog=_LISTEN_BACKLOG
            )
        except OSError as error:
            raise AgiListenError(
                f"the FastAGI server cannot listen on {config.host}:{config.port}: {error.strerror or error}; "
                "choose a free port and an address of this machine"
            ) from error

        self._listening.set()

    async def wait_until_listening(self) -> None:
        """Return when calls can come; the caller sets the limit."""
        await self._listening.wait()

    async def stop(self) -> None:
        """Listen no more, cancel every session and wait for its end."""
        if self._server is None:
            return
        self._listening.clear()
        self._server.close()
        self._handler = None
        for connection in [*self._waiting, *self._sessions.values()]:
            connection.abort()
        for task in self._sessions:
            task.cancel()
        if self._sessions:
            _, stubborn = await asyncio.wait(set(self._sessions), timeout=self._config.stop_timeout.total_seconds())
            if stubborn:
                _log.error("fastagi_sessions_do_not_end", count=len(stubborn))
        await self._server.wait_closed()
        self._server = None

    def admit(self, connection: _AgiConnection, peer: str) -> bool:
        """Whether this new connection may stay; the oldest one that has said nothing makes room for it."""
        if self._handler is None:
            return False
        if not self._is_allowed(peer):
            _log.warning("fastagi_peer_refused", peer=peer)
            return False
        if len(self._sessions) >= self._config.max_sessions:
            _log.error("fastagi_full", peer=peer, sessions=len(self._sessions))
            return False
        self._waiting[connection] = None
        if len(self._waiting) > self._config.max_waiting:
            oldest, _ = self._waiting.popitem(last=False)
            oldest.abort()
        return True

    def _is_allowed(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._allowed)

    def forget(self, connection: _AgiConnection) -> None:
        """This connection waits no more: it has become a session or has gone."""
        self._waiting.pop(connection, None)

    def open_session(self, connection: _AgiConnection, session: AgiSession) -> asyncio.Task[None] | None:
        """Start the handler; None when there is no place."""
        self.forget(connection)
        if self._handler is None or len(self._sessions) >= self._config.max_sessions:
            _log.error("fastagi_full", sessions=len(self._sessions))
            return None
        task = asyncio.get_running_loop().create_task(
            self._run_session(self._handler, session, connection), name=f"agi {session.request.channel}"
        )
        self._sessions[task] = connection
        task.add_done_callback(self._sessions.pop)
        return task

    async def _run_session(self, handler: AgiHandler, session: AgiSession, connection: _AgiConnection) -> None:
        try:
            await handler(session)
        except (AgiHangup, AgiClosed):
            _log.debug("agi_session_ended_by_caller", channel=session.request.channel)
        except AgiError as error:
            _log.warning("agi_session_failed", channel=session.request.channel, code=error.code, reason=str(error))
        except Exception:
            _log.exception("agi_handler_failed", channel=session.request.channel, path=session.request.path)
        finally:
            connection.close()


class _AgiConnection(asyncio.Protocol):
    """One connection: first a request within its time, then a session."""

    def __init__(self, server: FastAgiServer, config: FastAgiConfig) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = server
        self._config = config
        self._request_parser = AgiRequestParser()
        self._reply_parser = AgiReplyParser()
        self._session: AgiSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  What create_server gives, for mypy.
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if not self._server.admit(self, peer[0] if peer else ""):
            transport.abort()
            return
        # A peer that vanished without a word shows itself within two minutes.
        connection_socket: socket.socket = transport.get_extra_info("socket")
        connection_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        connection_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
        connection_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
        self._arm(self._config.request_timeout, self.abort)

    def data_received(self, data: bytes) -> None:
        try:
            if self._session is None:
                self._take_request(self._request_parser.receive(data))
            else:
                self._reply_parser.receive(data)
            if self._session is not None:
                self._take_replies(self._session)
        except AgiProtocolError as error:
            _log.warning("agi_protocol_error", reason=str(error))
            if self._session is not None:
                self._session.connection_ended(error)
            self.abort()

    def _take_request(self, request: AgiRequest | None) -> None:
        if request is None:
            return
        session = AgiSession(request, self.write, self._watch_idle, self._config.command_timeout)
        self._task = self._server.open_session(self, session)
        if self._task is None:
            self.abort()
            return
        self._session = session
        self._reply_parser.receive(self._request_parser.rest)
        self._watch_idle(True)

    def _take_replies(self, session: AgiSession) -> None:
        while (reply := self._reply_parser.next_reply()) is not None:
            match reply:
                case AgiHangupNotice():
                    session.caller_left()
                case AgiReply():
                    session.take_reply(reply)

    def _watch_idle(self, idle: bool) -> None:
        """While a command is under way its own time limit watches, otherwise the limit on idleness."""
        if self._transport is None:
            return
        if idle:
            self._arm(self._config.idle_timeout, self.abort)
        else:
            self._disarm()

    def _arm(self, timeout: timedelta, act: Callable[[], object]) -> None:
        self._disarm()
        self._timer = self._loop.call_later(timeout.total_seconds(), act)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Send what is left to send, then close: Asterisk goes on in its dialplan."""
        if self._transport is not None:
            self._transport.close()
            # A peer that does not take the rest cannot hold the connection open.
            self._arm(self._config.leave_timeout, self.abort)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._transport = None
        self._server.forget(self)
        if self._session is not None:
            self._session.connection_ended(AgiClosed(f"the AGI connection went{f': {exc}' if exc else ''}"))
        if self._task is not None and not self._task.done():
            # The handler learns of the end by AgiClosed; one that waits for something else is not waited for.
            self._arm(self._config.leave_timeout, self._task.cancel)
            self._task.add_done_callback(lambda _: self._disarm())
