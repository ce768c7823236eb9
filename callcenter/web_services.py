"""Asks web services for flows, and tells web hooks.

Within the time, no more than so many bytes, and never at an address inside the house.

Law: a name is resolved once, every address it has is looked at, and exactly the one that was found harmless is called;
so a name that answers differently the second time leads nowhere. Redirections and proxies are not followed.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import httpx2 as httpx

from callcenter.app.connectors import Answer
from callcenter.domain.errors import CallcenterError
from callcenter.ivr import messages as ivr

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host."""

USER_AGENT: Final = "callcenter"


class WebServiceRefused(CallcenterError):
    """A web service must not be asked, or its answer not be read; the message names the host and nothing behind it."""

    code = "web_service_refused"


class WebServices:
    """Carries out what flows order; addresses inside the house only within `private_networks`."""

    def __init__(self, *, private_networks: Sequence[Network] = (), resolve: Resolve | None = None) -> None:
        self._private_networks = tuple(private_networks)
        self._resolve = resolve or _addresses_of

    async def fetch(self, order: ivr.Fetch) -> ivr.Fetched:
        """The answer; raises `WebServiceRefused`, and `TimeoutError` when it takes longer than the order allows."""
        async with asyncio.timeout(order.limit.total_seconds()):
            return await self._fetch(order)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], limit: timedelta) -> int:
        """The status of the answer, of which nothing else is read; raises as `fetch` does."""
        async with asyncio.timeout(limit.total_seconds()):
            async with self._answer(url, body, headers, limit) as response:
                return response.status_code

    async def get(self, url: str, headers: Mapping[str, str], limit: timedelta, max_bytes: int) -> Answer:
        """The answer of a system outside with its body; raises as `fetch` does."""
        async with asyncio.timeout(limit.total_seconds()):
            async with self._answer(url, None, headers, limit) as response:
                body = await _body(response, response.request.headers["Host"], max_bytes)
                return Answer(status=response.status_code, body=body)

    async def _fetch(self, order: ivr.Fetch) -> ivr.Fetched:
        content = None if order.body is None else order.body.encode()
        async with self._answer(order.url, content, {"Accept": "application/json"}, order.limit) as response:
            body = await _body(response, response.request.headers["Host"], order.max_bytes)
        return ivr.Fetched(order_id=order.order_id, status=response.status_code, body=body)

    @asynccontextmanager
    async def _answer(
        self, address: str, content: bytes | None, more: Mapping[str, str], limit: timedelta
    ) -> AsyncGenerator[httpx.Response]:
        """The answer's head; its body can be read within the block."""
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, ValueError):
            raise WebServiceRefused("the address of a web service cannot be read; mend it where it is set") from None
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise WebServiceRefused(
                "web services are asked by http or https, without a name and a password in the address"
            )
        port = url.port or (443 if url.scheme == "https" else 80)
        pinned = await self._harmless_address(url.host, port)
        headers = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        if content is not None:
            headers["Content-Type"] = "application/json"
        seconds = limit.total_seconds()
        async with httpx.AsyncClient(
            verify=_trust(), trust_env=False, follow_redirects=False, timeout=seconds
        ) as client:
            request = client.build_request(
                "GET" if content is None else "POST",
                url.copy_with(host=str(pinned)),
                headers={**headers, **more},
                content=content,
                # The certificate must be the name's, although the address is called.
                extensions={"sni_hostname": url.host},
            )
            try:
                response = await client.send(request, stream=True)
                try:
                    yield response
                finally:
                    await response.aclose()
            except httpx.TimeoutException:
                raise TimeoutError(f"{url.host} did not answer in time") from None
            except httpx.HTTPError as error:
                raise WebServiceRefused(f"{url.host} cannot be asked: {type(error).__name__}") from error

    async def _harmless_address(self, host: str, port: int) -> Address:
        try:
            found = [ip_address(written.partition("%")[0]) for written in await self._resolve(host, port)]
        except (OSError, ValueError, UnicodeError):
            raise WebServiceRefused(f"{host} has no address; mend the name where it is set") from None
        if not found:
            raise WebServiceRefused(f"{host} has no address; mend the name where it is set")
        for address in found:
            if not self._is_allowed(address):
                raise WebServiceRefused(
                    f"{host} is an address inside the house ({address}); allow its network in the settings "
                    "(web_services.private_networks)"
                )
        return found[0]

    def _is_allowed(self, address: Address) -> bool:
        plain = address
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            plain = address.ipv4_mapped
        public = plain.is_global and not plain.is_multicast and not _leads_inside(plain)
        return public or any(plain in network for network in self._private_networks)


def _leads_inside(address: Address) -> bool:
    """Whether an IPv6 address stands for one of IPv4 (6to4, Teredo, NAT64), which may be anything."""
    if isinstance(address, IPv4Address):
        return False
    return address.sixtofour is not None or address.teredo is not None or address in IPv6Network("64:ff9b::/96")


async def _addresses_of(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, proto=6)
    return tuple(dict.fromkeys(str(socket_address[0]) for *_, socket_address in found))


async def _body(response: httpx.Response, host: str, at_most: int) -> str:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise WebServiceRefused(f"{host} answers compressed, although it was asked not to")
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > at_most:
            raise WebServiceRefused(f"{host} answers with more than {at_most} bytes")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WebServiceRefused(f"{host} answers with something that is no UTF-8") from None


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Reading the certificates takes some tens of milliseconds: once."""
    return ssl.create_default_context()
