"""A receiver of web hooks on loopback: keeps what it gets, checks every signature, answers as it is told."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One delivery."""

    id: str
    timestamp: int
    signature: str
    body: bytes

    @property
    def document(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found

    @property
    def event(self) -> str:
        return str(self.document["type"])

    def is_signed_with(self, secret: str) -> bool:
        """As a receiver does it who has read the Standard Webhooks specification, and not our code."""
        key = base64.b64decode(secret.split("_", 1)[1])
        signed = b".".join((self.id.encode(), str(self.timestamp).encode(), self.body))
        wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return any(one == f"v1,{wanted}" for one in self.signature.split(" "))


class Receiver:
    """`answers` are the statuses of the next answers, then 204; None: silence until the asker is gone."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.received: list[Received] = []
        self.answers: list[int | None] = []
        self.hanging = 0
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?from=callcenter"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def until(self, condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
        """Wait until it holds; it is looked at with every delivery."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            signature = next(
                line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("webhook-signature: ")
            )
            body = await reader.readexactly(int(fields["content-length"]))
            self.received.append(
                Received(
                    id=fields["webhook-id"],
                    timestamp=int(fields["webhook-timestamp"]),
                    signature=signature,
                    body=body,
                )
            )
            status = self.answers.pop(0) if self.answers else 204
            if status is None:
                self.hanging += 1
                self._news.set()
                await reader.read()
                return
            writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            self._news.set()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
