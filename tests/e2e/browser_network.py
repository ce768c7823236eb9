"""Everything between a browser and the house, so that it can go away and come back: pages, feed, SIP and sound.

Law: no datagram and no byte gets past it. The ICE candidates in the SIP messages are rewritten both ways, so that the
browser and the exchange know of no address but the ones here; neither notices anything else.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Final, Self, cast

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import Server, ServerConnection, serve

from tests.e2e.wire_cut import WireCut

HOST: Final = "127.0.0.1"
_Take = Callable[[bytes, tuple[str, int]], None]
SIP: Final = websockets.Subprotocol("sip")
_CANDIDATE: Final = re.compile(r"a=candidate:\S+ (\d+) udp (\d+) (\S+) (\d+) typ host[^\r]*\r\n", re.IGNORECASE)
_LENGTH: Final = re.compile(r"(?im)^Content-Length:[ \t]*\d+")


class BrowserNetwork:
    """Pages at `web_url`, the phone's WebSocket at `sip_url`; use it with `async with`."""

    def __init__(self, web_port: int, sip_port: int) -> None:
        self._web = WireCut(HOST, web_port)
        self._exchange = f"ws://{HOST}:{sip_port}/ws"
        self._server: Server | None = None
        self._there = asyncio.Event()
        self._there.set()
        self._phones: set[ServerConnection] = set()
        self._sounds: dict[int, _SoundWay] = {}

    async def __aenter__(self) -> Self:
        await self._web.__aenter__()
        self._server = await serve(self._phone, HOST, 0, subprotocols=[SIP], ping_interval=None, compression=None)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._there.set()
        self._web.release()
        for way in self._sounds.values():
            way.close()
        if self._server is not None:
            self._server.close(close_connections=True)
            await self._server.wait_closed()
        await self._web.__aexit__(*exc_info)

    @property
    def web_url(self) -> str:
        """Where the pages are."""
        return f"http://{HOST}:{self._web.port}"

    @property
    def sip_url(self) -> str:
        """Where the browser's phone connects."""
        assert self._server is not None
        [address] = {socket.getsockname() for socket in self._server.sockets}
        return f"ws://{HOST}:{address[1]}/ws"

    def vanish(self) -> None:
        """From now on nothing gets through, and nobody is told."""
        self._web.hold()
        self._there.clear()

    async def come_back(self) -> None:
        """As after a change of networks: sound finds its way again, and connections of before are gone."""
        await self.drop_connections()
        self._there.set()
        self._web.release()

    async def drop_connections(self) -> None:
        """End every connection without a farewell; new ones, and sound, are as before."""
        for phone in list(self._phones):
            phone.transport.abort()
        await self._web.cut()

    # ---- the phone's WebSocket

    async def _phone(self, browser: ServerConnection) -> None:
        await self._there.wait()
        self._phones.add(browser)
        try:
            async with websockets.connect(
                self._exchange, subprotocols=[SIP], ping_interval=None, compression=None
            ) as exchange:
                ways = (self._to_exchange(browser, exchange), self._to_browser(exchange, browser))
                tasks = [asyncio.create_task(way) for way in ways]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        except OSError:
            pass  # There is no exchange: the browser is told by the end of its connection.
        finally:
            self._phones.discard(browser)

    async def _to_exchange(self, browser: ServerConnection, exchange: ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in browser:
                await self._there.wait()
                text = _text(message)
                if self._sounds and _CANDIDATE.search(text):
                    way = list(self._sounds.values())[-1]
                    text = _with_candidate(text, way.exchange_side_port)
                await exchange.send(text)

    async def _to_browser(self, exchange: ClientConnection, browser: ServerConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in exchange:
                await self._there.wait()
                text = _text(message)
                offered = next((found for found in _CANDIDATE.finditer(text) if found[1] == "1"), None)
                if offered is not None:
                    way = await self._way_to(int(offered[4]))
                    text = _with_candidate(text, way.browser_side_port)
                await browser.send(text)

    async def _way_to(self, port: int) -> "_SoundWay":
        way = self._sounds.pop(port, None)
        if way is None:
            way = await _SoundWay.open(port, self._there)
        self._sounds[port] = way  # The newest is last.
        return way


def _text(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode()


def _with_candidate(text: str, port: int) -> str:
    """The SIP message with one candidate instead of all it has."""
    head, _, body = text.partition("\r\n\r\n")
    first = _CANDIDATE.search(body)
    if first is None:
        return text
    rest = _CANDIDATE.sub("", body)
    line = f"a=candidate:relay 1 udp {first[2]} {HOST} {port} typ host\r\n"
    body = rest[: first.start()] + line + rest[first.start() :]
    return _LENGTH.sub(f"Content-Length: {len(body.encode())}", head) + "\r\n\r\n" + body


class _SoundWay:
    """Two sockets: what the browser sends to one goes to the exchange from the other, and the other way round."""

    def __init__(self, exchange_port: int, there: asyncio.Event) -> None:
        self._there = there
        self._browser = _Side(self._from_browser)
        self._exchange = _Side(self._from_exchange)
        self._browser_at: tuple[str, int] | None = None
        self._exchange_at = (HOST, exchange_port)

    @classmethod
    async def open(cls, exchange_port: int, there: asyncio.Event) -> Self:
        """Bind both sockets."""
        way = cls(exchange_port, there)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: way._browser, local_addr=(HOST, 0))
        await loop.create_datagram_endpoint(lambda: way._exchange, local_addr=(HOST, 0))
        return way

    @property
    def browser_side_port(self) -> int:
        """Where the browser is to send to."""
        return self._browser.port

    @property
    def exchange_side_port(self) -> int:
        """Where the exchange is to send to."""
        return self._exchange.port

    def close(self) -> None:
        """Close both sockets."""
        self._browser.close()
        self._exchange.close()

    def _from_browser(self, data: bytes, source: tuple[str, int]) -> None:
        self._browser_at = source
        if self._there.is_set():
            self._exchange.send(data, self._exchange_at)

    def _from_exchange(self, data: bytes, source: tuple[str, int]) -> None:
        if self._there.is_set() and self._browser_at is not None:
            self._browser.send(data, self._browser_at)


class _Side(asyncio.DatagramProtocol):
    def __init__(self, take: _Take) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there any more, as after the end of a call."""

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.sendto(data, to)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()
