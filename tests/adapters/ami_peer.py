"""A scripted Asterisk manager port for fault injection: it answers as told, says what it is told, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeAlias

from tests.patience import PATIENCE_SECONDS

BANNER = "Asterisk Call Manager/11.0.0\r\n"
WAIT_SECONDS = PATIENCE_SECONDS
SECRET = "s3cret"

Action: TypeAlias = dict[str, str]
Answer: TypeAlias = Callable[[Action], str]


def block(*lines: str) -> str:
    """One message of these header lines."""
    return "".join(f"{line}\r\n" for line in lines) + "\r\n"


def success(action: Action, message: str = "") -> str:
    return block("Response: Success", f"ActionID: {action['actionid']}", f"Message: {message}")


def silence(action: Action) -> str:
    del action
    return ""


class AmiPeer:
    """Use as `async with`; `answers` maps an action's name in small letters to what is said to it."""

    def __init__(self, *, secret: str = SECRET, banner: str = BANNER, booted: bool = True) -> None:
        self.secret = secret
        self.banner = banner
        self.booted = booted
        self.silent = False
        self.answers: dict[str, Answer] = {"ping": lambda action: success(action, "Pong"), "logoff": success}
        self.actions: list[Action] = []
        self.connections = 0
        self.port = 0
        self._arrived: asyncio.Queue[Action] = asyncio.Queue(1000)
        self._closed: asyncio.Queue[int] = asyncio.Queue(1000)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)
        await self._server.wait_closed()

    def say(self, text: str | bytes) -> None:
        """To the connection made last."""
        assert self._writer is not None
        self._writer.write(text.encode() if isinstance(text, str) else text)

    def cut(self) -> None:
        """Cut the connection made last, without a word."""
        assert self._writer is not None
        self._writer.transport.abort()

    async def action(self, name: str) -> Action:
        """The next action of this name that arrives; others are passed over."""
        async with asyncio.timeout(WAIT_SECONDS):
            while (action := await self._arrived.get())["action"].lower() != name.lower():
                pass
            return action

    async def closed(self) -> int:
        """The number of the connection that ends next."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._closed.get()

    def count(self, name: str) -> int:
        return sum(action["action"].lower() == name.lower() for action in self.actions)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        number = self.connections
        self._writer = writer
        self._writers.append(writer)
        writer.write(self.banner.encode())
        try:
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                pairs = (line.partition(": ") for line in text.split("\r\n") if line)
                self._take({name.lower(): value for name, _, value in pairs}, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._closed.put_nowait(number)

    def _take(self, action: Action, writer: asyncio.StreamWriter) -> None:
        self.actions.append(action)
        self._arrived.put_nowait(action)
        if self.silent:
            return
        name = action["action"].lower()
        answer = self._log_in if name == "login" else self.answers.get(name, silence)
        writer.write(answer(action).encode())
        if name == "logoff":
            writer.close()

    def _log_in(self, action: Action) -> str:
        if action["secret"] != self.secret:
            return block("Response: Error", f"ActionID: {action['actionid']}", "Message: Authentication failed")
        accepted = success(action, "Authentication accepted")
        return accepted + block("Event: FullyBooted", "Status: Fully Booted") if self.booted else accepted
