"""Masks telephone numbers in every answer to somebody who may not see them (app/number_mask.py).

Law: it stands outside all routes, so none can be forgotten; what it cannot read is not sent.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.app.number_mask import mask_document, mask_text

_JSON: Final = ("application/json", "application/problem+json")
_PLAIN: Final = ("text/csv", "text/plain", "image/svg+xml")
_WITHOUT_NUMBERS: Final = ("audio/", "text/html", "text/javascript", "text/css")
_REFUSAL: Final = (
    b'{"code":"numbers_hidden","detail":"your role may not see telephone numbers, which this file holds",'
    b'"status":403,"title":"Forbidden"}'
)
_FLAG: Final = "masks_numbers"


def mask_numbers(connection: HTTPConnection) -> None:
    """Say of a request that its answer goes to somebody who may not see numbers."""
    connection.scope.setdefault("state", {})[_FLAG] = True


class NumberMask:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and mask what goes out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        await self._app(scope, receive, answer.send)


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._head: Message | None = None
        self._body = b""
        self._as_it_is = False
        self._refused = False

    async def send(self, message: Message) -> None:
        """Pass a message on, or keep it until the whole can be masked."""
        if not self._scope.get("state", {}).get(_FLAG) or self._as_it_is:
            await self._send(message)
            return
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            length = Headers(raw=message["headers"]).get("content-length")
            if not kind or length == "0" or kind.startswith(_WITHOUT_NUMBERS):
                self._as_it_is = True
                await self._send(message)
            else:
                self._head, self._refused = message, not kind.startswith((*_JSON, *_PLAIN))
            return
        await self._take(message)

    async def _take(self, message: Message) -> None:
        if not self._refused:
            self._body += message.get("body", b"")
        if message.get("more_body") or self._head is None:
            return
        head, headers = self._head, MutableHeaders(raw=list(self._head["headers"]))
        kind = headers.get("content-type", "")
        if self._refused:
            body = _REFUSAL
            head = {**head, "status": 403}
            headers = MutableHeaders({"content-type": "application/problem+json"})
        elif kind.startswith(_JSON):
            body = mask_document(self._body) if self._body else b""
        else:
            body = mask_text(self._body.decode(_charset(kind))).encode(_charset(kind))
        headers["content-length"] = str(len(body))
        await self._send({**head, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _charset(kind: str) -> str:
    _, _, found = kind.partition("charset=")
    return found.strip() or "utf-8"
