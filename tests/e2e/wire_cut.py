"""A wire between the server and Asterisk's manager interface that a test can cut, hold and mend."""

import asyncio
import contextlib
from typing import Self


class WireCut:
    """Listens on `port` and passes everything on to `host`:`target_port`, both ways."""

    def __init__(self, host: str, target_port: int) -> None:
        self._host = host
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._wires: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def cut(self) -> None:
        """Close every connection at once, without a farewell."""
        for writer in list(self._writers):
            writer.transport.abort()
        for wire in list(self._wires):
            wire.cancel()
        await asyncio.gather(*self._wires, return_exceptions=True)

    def hold(self) -> None:
        """Pass nothing on, and say nothing."""
        self._open.clear()

    def release(self) -> None:
        """Pass on again."""
        self._open.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._target_port)
        except OSError:
            writer.close()
            return
        self._writers.update({writer, far_writer})
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            wire = asyncio.create_task(self._pass_on(source, sink))
            self._wires.add(wire)
            wire.add_done_callback(self._wires.discard)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
        self._writers.discard(sink)
