"""Gives every request an id and one line in the log: route, status, time; never what was asked for or by whom."""

import re
import time
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.web.measures import WebMeasures

log = structlog.get_logger(__name__)

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestLog:
    """Binds `request_id` for everything logged on the way, and logs the end."""

    def __init__(self, app: ASGIApp, measures: WebMeasures, new_request_id: Callable[[], str]) -> None:
        self._app = app
        self._measures = measures
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        offered = Headers(scope=scope).get("x-request-id", "")
        request_id = offered if _ACCEPTED_ID.fullmatch(offered) else self._new_request_id()
        status = 500
        begun = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                self._note(scope, status, time.perf_counter() - begun)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = str(getattr(scope.get("route"), "path", "unmatched"))
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._measures.requests.labels(method, route, str(status)).inc()
        self._measures.request_seconds.labels(route).observe(seconds)
        details: dict[str, object] = {"method": method, "route": route, "status": status}
        details["milliseconds"] = round(seconds * 1000, 2)
        interaction_id = scope.get("path_params", {}).get("interaction_id")
        # Ids that are not ids are someone's typing.
        if interaction_id is not None and status < 400:
            details["interaction_id"] = interaction_id
        if route in _QUIET_ROUTES:
            log.debug("http_request", **details)
        else:
            log.info("http_request", **details)
