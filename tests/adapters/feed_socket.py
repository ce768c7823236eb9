"""The client's end of the live feed, with little work: benchmarks must not take its slowness for the server's."""

import asyncio
import base64
import os
import struct
import time
from collections.abc import Callable

TEXT_FRAME, PING_FRAME, PONG_FRAME = 0x81, 0x89, 0x8A


class FeedSocket(asyncio.Protocol):
    """One WebSocket: the handshake, one subscription, then `hear` with each text and the nanosecond it came."""

    def __init__(self, token: str, subscription: bytes, hear: Callable[[bytes, int], None]) -> None:
        self.gone = asyncio.Event()
        self._token = token
        self._subscription = subscription
        self._hear = hear
        self._open = False
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def itself(self) -> "FeedSocket":
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
                f"Sec-WebSocket-Protocol: callcenter.v1, bearer.{self._token}\r\n\r\n"
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
            self._write(self._subscription)
        while (text := self._text()) is not None:
            if text:
                self._hear(text, now_ns)

    def connection_lost(self, error: Exception | None) -> None:
        """The server or the network ended it."""
        self.gone.set()

    def stop_reading(self) -> None:
        """As when the network is gone and nobody was told."""
        if self._transport is not None:
            self._transport.pause_reading()

    def end(self) -> None:
        """Hang up without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, payload: bytes, kind: int = TEXT_FRAME) -> None:
        # A mask of zeros is a mask.
        if self._transport is not None:
            length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
            self._transport.write(bytes([kind]) + length + bytes(4) + payload)

    def _text(self) -> bytes | None:
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
