"""Bounds what a request may bring: JSON alone, so many bytes at most, and in so much time; sounds where they belong."""

import asyncio
import re
from dataclasses import dataclass, replace

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.app.imports import LARGEST_FILE_BYTES
from callcenter.app.prompt_book import LARGEST_RECORDING_BYTES
from callcenter.web.problems import problem

BODY_LIMIT_BYTES = 262_144
WHOLE_FILE_LIMIT_BYTES = 8_388_608
"""A configuration with ten thousand agents."""
BODY_TIME_LIMIT_SECONDS = 15.0
UPLOAD_TIME_LIMIT_SECONDS = 120.0
TABLE_TIME_LIMIT_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """What one kind of body may be; `pause_seconds` between two parts of it, `seconds` for all of it."""

    at_most_bytes: int
    pause_seconds: float
    seconds: float
    media_type: re.Pattern[str]
    refusal: str
    code: str

    @property
    def too_large(self) -> str:
        """What a larger body is told."""
        return f"the body is larger than {self.at_most_bytes} bytes"


_JSON = _Bounds(
    at_most_bytes=BODY_LIMIT_BYTES,
    pause_seconds=BODY_TIME_LIMIT_SECONDS,
    seconds=10 * BODY_TIME_LIMIT_SECONDS,
    media_type=re.compile(r"application/json"),
    refusal="send the body as JSON, with Content-Type: application/json",
    code="not_json",
)
_WHOLE_FILE = replace(_JSON, at_most_bytes=WHOLE_FILE_LIMIT_BYTES)
_SOUND = _Bounds(
    at_most_bytes=LARGEST_RECORDING_BYTES,
    pause_seconds=BODY_TIME_LIMIT_SECONDS,
    seconds=UPLOAD_TIME_LIMIT_SECONDS,
    media_type=re.compile(r"(audio/[a-z0-9.+-]{1,60}|video/(mp4|webm|ogg)|application/(octet-stream|ogg))"),
    refusal="send the sound itself, with Content-Type: application/octet-stream or audio/wav and the like",
    code="not_sound",
)
_TABLE = _Bounds(
    at_most_bytes=LARGEST_FILE_BYTES,
    pause_seconds=BODY_TIME_LIMIT_SECONDS,
    seconds=TABLE_TIME_LIMIT_SECONDS,
    media_type=re.compile(r"(text/csv|application/(octet-stream|vnd\.[a-z0-9.+-]{1,90}))"),
    refusal="send the file itself, with Content-Type: application/octet-stream or text/csv",
    code="not_a_table",
)
_RECORDING = re.compile(r"/api/v1/prompts/[^/]+/[^/]+/[^/]+/recording")


def _bounds_of(scope: Scope) -> _Bounds:
    if scope["method"] == "POST" and scope["path"] == "/api/v1/imports":
        return _TABLE
    if scope["path"].startswith("/api/v1/configuration/text"):
        return _WHOLE_FILE
    return _SOUND if scope["method"] == "PUT" and _RECORDING.fullmatch(scope["path"]) else _JSON


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
        bounds = _bounds_of(scope)
        if int(length) > bounds.at_most_bytes:
            await problem(413, "body_too_large", bounds.too_large)(scope, receive, send)
            return
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if has_body and not bounds.media_type.fullmatch(media_type):
            await problem(415, bounds.code, bounds.refusal)(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, bounds), send)


def _bounded(receive: Receive, bounds: _Bounds) -> Receive:
    received_bytes = 0
    until = asyncio.get_running_loop().time() + bounds.seconds
    complete = False

    async def bounded() -> Message:
        nonlocal received_bytes, complete
        if complete:
            return await receive()
        try:
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout(min(bounds.pause_seconds, until - now)):
                message = await receive()
        except TimeoutError:
            detail = f"the body did not come within {bounds.pause_seconds:.0f} s a part, {bounds.seconds:.0f} s in all"
            raise HTTPException(408, detail=detail) from None
        if message["type"] == "http.request":
            received_bytes += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received_bytes > bounds.at_most_bytes:
                raise HTTPException(413, detail=bounds.too_large)
        else:
            complete = True
        return message

    return bounded
