"""Runs the web application on a socket until told to stop."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from callcenter.web.errors import PortTaken
from callcenter.web.live_socket import LiveSocket

BACKLOG = 512
STOP_TIME_LIMIT_SECONDS = 5
DEAD_PEER_MILLISECONDS = 30_000
"""A peer that takes no data, or answers no probe, for so long is cut by the kernel."""
WEBSOCKET_MESSAGE_LIMIT_BYTES = 16_384


class _Server(uvicorn.Server):
    """Signals belong to whoever owns the process; `listening` is set when connections are taken."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    on_listening: Callable[[str, int], None] | None = None,
) -> None:
    """Serve `app` until `stop` is set or the task is cancelled; then requests under way get some seconds to end.

    `on_listening` is called with the address and port (the real one when `port` is 0) once connections are taken.
    Raises `PortTaken`, before anything has started, when the address cannot be listened on.
    """
    listener = _listen(host, port)
    address: tuple[str, int] = listener.getsockname()[:2]
    config = uvicorn.Config(
        app,
        http="httptools",
        ws=LiveSocket,
        loop="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_TIME_LIMIT_SECONDS,
        ws_max_size=WEBSOCKET_MESSAGE_LIMIT_BYTES,
        ws_ping_interval=15.0,
        ws_ping_timeout=15.0,
        # Compressing would encode each event once per client; and `LiveSocket` writes frames as they are.
        ws_per_message_deflate=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    listening = asyncio.create_task(server.listening.wait(), name="web server's start")
    stopping = asyncio.create_task(stop.wait(), name="web server's stop")
    try:
        await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
        if on_listening is not None and server.started:
            on_listening(*address)
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        stopping.cancel()
        server.should_exit = True
        await _end(serving)
        listener.close()
    # Whatever the server ended with is the caller's to see.
    serving.result()


async def _end(serving: asyncio.Task[None]) -> None:
    """Wait for the graceful end, bounded, also when this task is being cancelled."""
    _, pending = await asyncio.wait([serving], timeout=2 * STOP_TIME_LIMIT_SECONDS)
    for task in pending:
        task.cancel()
        await asyncio.wait([task], timeout=STOP_TIME_LIMIT_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit these.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MILLISECONDS)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> PortTaken:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"web: {host}:{port} is in use already; stop what listens there or set another port for the web"
        )
    if error.errno == errno.EACCES:
        return PortTaken(
            f"web: not allowed to listen on {host}:{port}; ports below 1024 need rights", code="bind_refused"
        )
    return PortTaken(f"web: cannot listen on {host}:{port}: {error.strerror or error}", code="bind_refused")
