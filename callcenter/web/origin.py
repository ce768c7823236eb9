"""Keeps pages of other sites from using a signed-in browser (CSRF, cross-site WebSocket hijacking).

Browsers name the origin of every request that changes something and of every WebSocket. Whoever names none is no
browser and carries no cookie it was tricked into sending.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from callcenter.web.problems import problem

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_own_origin(headers: Headers, trusted: frozenset[str]) -> bool:
    """Whether the request came from a page of this server, of a trusted origin, or from no page at all."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    if origin in trusted:
        return True
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(netloc) and netloc.lower() == headers.get("host", "").lower()


class OriginCheck:
    """Refuses requests that change something, come with a cookie or none, and from a page of another origin.

    A bearer token is not sent by a browser of its own accord, so those requests pass.
    """

    def __init__(self, app: ASGIApp, trusted: frozenset[str]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _SAFE_METHODS:
            headers = Headers(scope=scope)
            if "authorization" not in headers and not is_own_origin(headers, self._trusted):
                refusal = problem(403, "foreign_origin", "this page is of another site and may not use this server")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
