"""Names the content of every answer, so that who has it already is told so instead of being sent it again.

Law: the name is made of the very bytes that would go out, after numbers were masked; the work of making them is done
all the same. Answers that carry a version of their own (etags.py) keep that, and are always sent: a version says which
change one makes, not that nothing beside it has changed.
"""

import hashlib
from collections.abc import Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.web.routing import API_PREFIX

_OK = 200
_JSON = "application/json"
_NAME_BYTES = 12


class Unchanged:
    """ASGI middleware: a weak ETag on what is read, 304 for an If-None-Match that names it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; an answer that is read in one piece gets its name."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(f"{API_PREFIX}/"):
            await self._app(scope, receive, send)
            return
        answer = _Answer(Headers(scope=scope).getlist("if-none-match"), send)
        await self._app(scope, receive, answer.send)


class _Answer:
    """One answer on its way out."""

    def __init__(self, known: list[str], send: Send) -> None:
        self._known = known
        self._send = send
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """Keep the head until the body is there; what comes in pieces goes on as it is."""
        if message["type"] == "http.response.start" and _is_named(message):
            self._head = message
            return
        head, self._head = self._head, None
        if head is None:
            await self._send(message)
        elif message.get("more_body"):
            await self._send(head)
            await self._send(message)
        else:
            await self._finish(head, message)

    async def _finish(self, head: Message, message: Message) -> None:
        name = f'"{hashlib.blake2b(message.get("body", b""), digest_size=_NAME_BYTES).hexdigest()}"'
        headers = MutableHeaders(raw=list(head["headers"]))
        headers["ETag"] = f"W/{name}"
        if any(one in ("*", name) for one in _names(self._known)):
            del headers["content-length"], headers["content-type"]
            head, message = {**head, "status": 304}, {**message, "body": b""}
        await self._send({**head, "headers": headers.raw})
        await self._send(message)


def _is_named(head: Message) -> bool:
    headers = Headers(raw=head["headers"])
    return head["status"] == _OK and "etag" not in headers and headers.get("content-type", "").startswith(_JSON)


def _names(known: list[str]) -> Iterator[str]:
    """Weak or not makes no difference here (RFC 9110, 13.1.2)."""
    for line in known:
        for one in line.split(","):
            yield one.strip().removeprefix("W/")
