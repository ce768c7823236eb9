"""Bounds what a request may bring: JSON alone, so many bytes at most, and in so much time."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.web.problems import problem

BODY_LIMIT_BYTES = 262_144
BODY_TIME_LIMIT_SECONDS = 15.0


class RequestLimits:
    """Refuses a body that is too large (413), too slow (408) or not JSON (415)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        has_body = length != "0" or "transfer-encoding" in headers
        if not length.isdecimal() or len(length) > 18:
            await problem(400, "bad_request", "Content-Length must be a number")(scope, receive, send)
            return
        if int(length) > BODY_LIMIT_BYTES:
            await problem(413, "body_too_large", _TOO_LARGE)(scope, receive, send)
            return
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if has_body and media_type != "application/json":
            await problem(415, "not_json", "send the body as JSON, with Content-Type: application/json")(
                scope, receive, send
            )
            return
        await self._app(scope, _bounded(receive), send)


_TOO_LARGE = f"the body is larger than {BODY_LIMIT_BYTES} bytes"


def _bounded(receive: Receive) -> Receive:
    received_bytes = 0
    complete = False

    async def bounded() -> Message:
        nonlocal received_bytes, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout(BODY_TIME_LIMIT_SECONDS):
                message = await receive()
        except TimeoutError:
            detail = f"the body did not come within {BODY_TIME_LIMIT_SECONDS:.0f} s"
            raise HTTPException(408, detail=detail) from None
        if message["type"] == "http.request":
            received_bytes += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received_bytes > BODY_LIMIT_BYTES:
                raise HTTPException(413, detail=_TOO_LARGE)
        else:
            complete = True
        return message

    return bounded
