"""One UDP socket of a test phone: SIP transactions with their retransmissions, and a record of every message."""

import asyncio
import contextlib
import itertools
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar, cast

from tests.e2e.sip_message import Address, SipMessage

FIRST_RETRANSMISSION_SECONDS = 0.5
SLOWEST_RETRANSMISSION_SECONDS = 4.0
FIRST_PORT = 40000
PORT_TRIES = 2000

# Each process of a parallel run begins elsewhere; a port in use is passed over.
_ports = itertools.count(FIRST_PORT + 2 * (os.getpid() % 1000), 2)


class PhoneTimeoutError(TimeoutError):
    """A phone waited in vain; the message says for what and what was heard last."""


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One SIP message on the wire; `at` is of the monotonic clock, in seconds."""

    at: float
    direction: Literal["sent", "received"]
    message: SipMessage


class Changes:
    """Wakes those who wait for a condition whenever something has changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def note(self) -> None:
        """Let every waiter look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, holds: Callable[[], bool], timeout_seconds: float, complaint: Callable[[], str]) -> None:
        """Return when `holds`; raise PhoneTimeoutError with the complaint when it does not in time."""
        deadline = time.monotonic() + timeout_seconds
        while not holds():
            left = deadline - time.monotonic()
            if left <= 0:
                raise PhoneTimeoutError(f"{complaint()} within {timeout_seconds} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)


@dataclass(slots=True)
class _Asked:
    """A request of ours that waits for its final response."""

    final: asyncio.Future[SipMessage]
    on_provisional: Callable[[SipMessage], None] | None
    provisional: bool = False


def new_branch() -> str:
    """A Via branch (RFC 3261) that is nobody else's."""
    return f"z9hG4bK{os.urandom(8).hex()}"


Protocol = TypeVar("Protocol", bound=asyncio.DatagramProtocol)


async def open_udp(make: Callable[[Address], Protocol], host: str, port: int | None = None) -> Protocol:
    """Bind that port of `host`, or a free even one from 40000 on."""
    loop = asyncio.get_running_loop()
    if port is not None:
        address = (host, port)
        _, protocol = await loop.create_datagram_endpoint(partial(make, address), local_addr=address)
        return protocol
    for _ in range(PORT_TRIES):
        address = (host, FIRST_PORT + (next(_ports) - FIRST_PORT) % 20000)
        try:
            _, protocol = await loop.create_datagram_endpoint(partial(make, address), local_addr=address)
        except OSError:
            continue
        return protocol
    raise OSError(f"no free UDP port on {host} from {FIRST_PORT} on")


class _UnreadTransport(asyncio.BaseTransport):
    """A socket that is only written to: hundreds of packets a second cost this process nothing."""

    def __init__(self, unread: socket.socket, protocol: asyncio.DatagramProtocol) -> None:
        super().__init__()
        self._unread = unread
        self._protocol = protocol

    def sendto(self, data: bytes | bytearray | memoryview, addr: Address | None = None) -> None:
        """Send, or drop where the network would."""
        if addr is not None:
            with contextlib.suppress(OSError):
                self._unread.sendto(data, addr)

    def close(self) -> None:
        """Give the port back."""
        self._unread.close()
        self._protocol.connection_lost(None)


async def open_udp_unread(make: Callable[[Address], Protocol], host: str) -> Protocol:
    """As `open_udp`, but nothing that arrives is read."""
    for _ in range(PORT_TRIES):
        address = (host, FIRST_PORT + (next(_ports) - FIRST_PORT) % 20000)
        unread = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        unread.setblocking(False)
        try:
            unread.bind(address)
        except OSError:
            unread.close()
            continue
        protocol = make(address)
        protocol.connection_made(cast(asyncio.DatagramTransport, _UnreadTransport(unread, protocol)))
        return protocol
    raise OSError(f"no free UDP port on {host} from {FIRST_PORT} on")


class SipEndpoint(asyncio.DatagramProtocol):
    """Sends requests until they are answered, answers a repeated request with the same response."""

    def __init__(self, name: str, local: Address) -> None:
        self.name = name
        self.local = local
        self.trace: list[TracedMessage] = []
        self.changes = Changes()
        self.on_request: Callable[[SipMessage, Address], None] | None = None
        self.silent = False
        """When set, nothing is sent and nothing is heard any more: the phone lost its network."""
        self._closed = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None
        self._asked: dict[tuple[str, str], _Asked] = {}
        self._answers: dict[tuple[str, str], tuple[SipMessage, Address] | None] = {}
        self._acks: dict[tuple[str, int], tuple[SipMessage, Address]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket (called by asyncio)."""
        # In Python 3.11 a datagram transport is no instance of DatagramTransport.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the port is free again (called by asyncio)."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Take one message from the wire (called by asyncio); keep-alives are dropped."""
        if self.silent or not data.strip():
            return
        arrived_at = time.monotonic()
        message = SipMessage.parse(data)
        self.trace.append(TracedMessage(arrived_at, "received", message))
        if message.status:
            self._take_response(message)
        else:
            self._take_request(message, addr)

    def send(self, message: SipMessage, destination: Address) -> None:
        """Send one message, once."""
        if self.silent or self._transport is None:
            return
        encoded = message.encode()
        self.trace.append(TracedMessage(time.monotonic(), "sent", message))
        self._transport.sendto(encoded, destination)

    def answer(self, request: SipMessage, response: SipMessage, destination: Address) -> None:
        """Send a response; the same request coming again gets the same one."""
        self._answers[request.branch, request.method] = (response, destination)
        self.send(response, destination)

    def repeat_answer(self, request: SipMessage) -> None:
        """Send the last response to a request once more."""
        answer = self._answers.get((request.branch, request.method))
        if answer is not None:
            self.send(*answer)

    def acknowledge(self, ack: SipMessage, destination: Address) -> None:
        """Send an ACK, again whenever the final response comes again."""
        self._acks[ack.call_id, ack.cseq] = (ack, destination)
        self.send(ack, destination)

    def expect_refusal(self, ack: SipMessage, destination: Address) -> None:
        """Send this ACK when a final response to its INVITE comes."""
        self._acks[ack.call_id, ack.cseq] = (ack, destination)

    async def ask(
        self,
        request: SipMessage,
        destination: Address,
        *,
        timeout_seconds: float,
        on_provisional: Callable[[SipMessage], None] | None = None,
    ) -> SipMessage:
        """Send a request until its final response comes, and return that; PhoneTimeoutError when none does."""
        key = (request.branch, request.method)
        asked = _Asked(asyncio.get_running_loop().create_future(), on_provisional)
        self._asked[key] = asked
        interval = FIRST_RETRANSMISSION_SECONDS
        deadline = time.monotonic() + timeout_seconds
        try:
            while (left := deadline - time.monotonic()) > 0:
                quiet = asked.provisional and request.method == "INVITE"
                if not quiet:
                    self.send(request, destination)
                await asyncio.wait([asked.final], timeout=left if quiet else min(interval, left))
                if asked.final.done():
                    return asked.final.result()
                interval = min(interval * 2, SLOWEST_RETRANSMISSION_SECONDS)
        finally:
            del self._asked[key]
        raise PhoneTimeoutError(
            f"{self.name}: no final response to {request.method} within {timeout_seconds} s; last: {self.last_heard()}"
        )

    def last_heard(self) -> str:
        """The first line of the last message received, for complaints."""
        heard = [traced.message.start_line for traced in self.trace if traced.direction == "received"]
        return heard[-1] if heard else "nothing"

    async def close(self) -> None:
        """Give the port back."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            await self._closed.wait()

    def write_log(self, folder: Path) -> Path:
        """Write the record as text and return the file."""
        path = folder / f"{self.name}.sip.log"
        with path.open("w", encoding="utf-8", errors="backslashreplace") as out:
            for traced in self.trace:
                text = traced.message.encode().decode("utf-8", "replace").replace("\r\n", "\n")
                out.write(f"---- {traced.at:.6f} {traced.direction}\n{text}\n")
        return path

    def _take_response(self, response: SipMessage) -> None:
        asked = self._asked.get((response.branch, response.method))
        if asked is None or asked.final.done():
            ack = self._acks.get((response.call_id, response.cseq))
            if ack is not None and response.method == "INVITE" and response.status >= 200:
                self.send(*ack)
                self.changes.note()
        elif response.status < 200:
            asked.provisional = True
            if asked.on_provisional is not None:
                asked.on_provisional(response)
        else:
            asked.final.set_result(response)

    def _take_request(self, request: SipMessage, source: Address) -> None:
        key = (request.branch, request.method)
        if request.method != "ACK":
            if key in self._answers:
                self.repeat_answer(request)
                return
            self._answers[key] = None
        if self.on_request is not None:
            self.on_request(request, source)
