"""The live feed's way to the socket: frames made once for all go out as they are, past the steps of one message.

Law: what is written here stands between whole messages of the same WebSocket, never after its close, and is never
compressed. The server's protocol is uvicorn's own in all else.
"""

from collections.abc import Callable

from starlette.types import Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

_SCOPE_KEY = "callcenter.live_socket"


def text_frame(message: bytes) -> bytes:
    """A whole text message as the wire has it (RFC 6455, section 5.2); a server masks nothing."""
    return Frame(Opcode.TEXT, message).serialize(mask=False)


class LiveSocket(WebSocketsSansIOProtocol):
    """A WebSocket that can be written to without waiting, and tells when it is full."""

    on_room: Callable[[bool], None] | None = None
    """Told False when the socket is full, True when it has room again."""

    def handle_connect(self, event: Request) -> None:
        """Let the application find this socket."""
        super().handle_connect(event)
        # A refused handshake has no application.
        if not self.close_sent:
            self.scope[_SCOPE_KEY] = self  # type: ignore[literal-required]

    def pause_writing(self) -> None:
        """The transport has more than it likes to hold."""
        super().pause_writing()
        if self.on_room is not None:
            self.on_room(False)

    def resume_writing(self) -> None:
        """The transport has room."""
        super().resume_writing()
        if self.on_room is not None:
            self.on_room(True)

    @property
    def takes_more(self) -> bool:
        """Whether there is room."""
        return self.writable.is_set()

    @property
    def untaken_bytes(self) -> int:
        """What the kernel has not taken yet."""
        return self.transport.get_write_buffer_size()

    def write(self, frames: bytes) -> None:
        """Write whole frames; into a socket that is being closed nothing is written."""
        if self.conn.state is State.OPEN and not self.transport.is_closing():
            self.transport.write(frames)


def live_socket_of(scope: Scope) -> LiveSocket:
    """The socket behind a WebSocket's scope; raises `KeyError` under a server that is not callcenter.web.server."""
    socket: LiveSocket = scope[_SCOPE_KEY]
    return socket
