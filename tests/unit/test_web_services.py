"""Web services are asked on a real socket; inside the house only where it is allowed, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from ipaddress import ip_network

import pytest
import pytest_asyncio

from callcenter.ivr import messages as ivr
from callcenter.web_services import WebServiceRefused, WebServices

LOOPBACK = (ip_network("127.0.0.0/8"),)


class Service:
    """A web service on loopback that answers everybody with the same bytes."""

    def __init__(self) -> None:
        self.answer = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'
        self.silent = False
        self.asked: list[bytes] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if self.silent:
                await reader.read()
            else:
                writer.write(self.answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    await service.start()
    yield service
    await service.stop()


def named(*addresses: str) -> WebServices:
    """Web services, where every name has these addresses."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        assert len(asked) == 1, "a name must be resolved once"
        return addresses

    return WebServices(private_networks=LOOPBACK, resolve=resolve)


def order(url: str, *, body: str | None = None, seconds: float = 3, max_bytes: int = 65_536) -> ivr.Fetch:
    return ivr.Fetch(order_id=3, url=url, body=body, limit=timedelta(seconds=seconds), max_bytes=max_bytes)


async def test_an_answer_comes_from_the_address_that_was_looked_at_under_the_name_that_was_asked(
    service: Service,
) -> None:
    url = f"http://erp.example.com:{service.port}/orders/42?a=%2B1"
    answer = await named("127.0.0.1").fetch(order(url))
    assert answer == ivr.Fetched(order_id=3, status=200, body='{"a": 1}')
    (asked,) = service.asked
    assert asked.startswith(b"GET /orders/42?a=%2B1 HTTP/1.1\r\n")
    assert f"host: erp.example.com:{service.port}".encode() in asked.lower()


async def test_what_is_sent_is_a_post_of_json(service: Service) -> None:
    await named("127.0.0.1").fetch(order(f"http://x.example.com:{service.port}/", body='{"a": "王"}'))
    assert service.asked[0].startswith(b"POST / HTTP/1.1\r\n")
    assert b"content-type: application/json" in service.asked[0].lower()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ],
)
async def test_an_address_inside_the_house_is_refused_and_told(address: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        # One harmless address beside it does not make it harmless.
        return ("8.8.8.8", address)

    with pytest.raises(WebServiceRefused, match="inside the house"):
        await WebServices(resolve=resolve).fetch(order("https://erp.example.com/secret"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://localhost/",
        "http://0/",
    ],
)
async def test_an_address_written_out_is_looked_at_like_a_name(url: str) -> None:
    with pytest.raises(WebServiceRefused):
        await WebServices().fetch(order(url))


@pytest.mark.parametrize(
    "url", ["ftp://a.example.com/", "http://u:p@a.example.com/", "//a", "http://", "file:///etc/passwd"]
)
async def test_what_is_no_address_of_a_web_service_is_refused(url: str) -> None:
    with pytest.raises(WebServiceRefused) as refused:
        await named("127.0.0.1").fetch(order(url))
    assert "u:p" not in str(refused.value)


async def test_a_redirection_is_an_answer_and_not_followed(service: Service) -> None:
    service.answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    answer = await named("127.0.0.1").fetch(order(f"http://x.example.com:{service.port}/"))
    assert (answer.status, len(service.asked)) == (302, 1)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000, "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 2_000, "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx", "compressed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe", "no UTF-8"),
        (b"nonsense\r\n\r\n", "cannot be asked: RemoteProtocolError"),
        (b"", "cannot be asked: RemoteProtocolError"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_refused(service: Service, raw: bytes, words: str) -> None:
    service.answer = raw
    with pytest.raises(WebServiceRefused, match=words):
        await named("127.0.0.1").fetch(order(f"http://x.example.com:{service.port}/", max_bytes=1_000))


async def test_a_service_that_hangs_is_not_waited_for(service: Service) -> None:
    service.silent = True
    with pytest.raises(TimeoutError):
        await named("127.0.0.1").fetch(order(f"http://x.example.com:{service.port}/", seconds=0.1))
    assert len(service.asked) == 1


async def test_nobody_listening_is_told() -> None:
    service = Service()
    await service.start()
    await service.stop()
    with pytest.raises(WebServiceRefused, match="ConnectError"):
        await named("127.0.0.1").fetch(order(f"http://x.example.com:{service.port}/"))


async def test_a_name_without_an_address_is_told() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    for services in (WebServices(resolve=resolve), named()):
        with pytest.raises(WebServiceRefused, match="has no address"):
            await services.fetch(order("https://nowhere.example.com/"))
