"""Every refusal as an RFC 9457 problem document; the one place where errors meet HTTP."""

import math
from collections.abc import Sequence
from http import HTTPStatus

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from callcenter.app.business_item import BusinessFaulty
from callcenter.app.lockout import LockedOut
from callcenter.app.permissions import Forbidden
from callcenter.app.sessions import NotSignedIn, WrongCredentials
from callcenter.domain.errors import (
    CallcenterError,
    Conflict,
    IllegalTransition,
    InvalidValue,
    NotFound,
    Outdated,
    Overloaded,
)
from callcenter.domain.labels import Label

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
SHOWN_ERRORS = 20
SHOWN_FAULTS = 200

# The first that fits, so the narrower stand first.
_STATUS: Sequence[tuple[type[CallcenterError], HTTPStatus]] = (
    (NotSignedIn, HTTPStatus.UNAUTHORIZED),
    (WrongCredentials, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (IllegalTransition, HTTPStatus.CONFLICT),
    (Outdated, HTTPStatus.PRECONDITION_FAILED),
    (Conflict, HTTPStatus.CONFLICT),
    (InvalidValue, HTTPStatus.UNPROCESSABLE_ENTITY),
    (LockedOut, HTTPStatus.TOO_MANY_REQUESTS),
    (Overloaded, HTTPStatus.SERVICE_UNAVAILABLE),
)

_HTTP_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_too_slow",
    413: "body_too_large",
    415: "not_json",
}


class Said(BaseModel):
    """What is wrong, in both languages; only where it tells more than the code does."""

    zh: str
    en: str


class Problem(BaseModel):
    """A problem document, for the API's description."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    said: Said | None = None


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
    said: Label | None = None,
) -> Response:
    """A refusal; `code` is stable, `detail` says what was wrong, where, and what would be right."""
    content: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": code,
        "detail": _printable(detail),
    }
    if said is not None:
        content["said"] = {"zh": _printable(said.zh), "en": _printable(said.en)}
    if errors:
        content["errors"] = errors
    return Response(msgspec.json.encode(content), status_code=int(status), headers=headers, media_type=MEDIA_TYPE)


def problem_of(error: CallcenterError) -> Response:
    """The refusal that an error of the tree means; one of an adapter (the store is away) is a time to come again."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
    if status is None:
        log.warning("request_not_possible", code=error.code, error=type(error).__name__)
        return problem(503, error.code, "the server cannot do this at the moment; try again later", headers=_later(5))
    headers: dict[str, str] | None = None
    if isinstance(error, LockedOut):
        headers = _later(math.ceil(error.retry_after.total_seconds()))
    elif isinstance(error, Overloaded):
        headers = _later(5)
    elif status is HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer"}
    return problem(status, error.code, str(error), headers=headers, errors=_faults(error), said=error.said)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    app.add_exception_handler(CallcenterError, _on_callcenter_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_callcenter_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CallcenterError)  # noqa: S101 - Starlette hands over what was registered.
    return problem_of(error)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    # What was sent is never repeated: it may hold a password.
    errors = [
        {"where": _printable(".".join(str(part) for part in entry["loc"])), "message": _printable(str(entry["msg"]))}
        for entry in error.errors()[:SHOWN_ERRORS]
    ]
    detail = "; ".join(f"{entry['where']}: {entry['message']}" for entry in errors)
    return problem(422, "invalid_request", detail, errors=errors)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = error.status_code
    code = _HTTP_CODES.get(status, f"http_{status}")
    headers = dict(error.headers) if error.headers else None
    return problem(status, code, str(error.detail), headers=headers)


async def _on_unexpected(request: Request, error: Exception) -> Response:
    log.error("internal_error", exc_info=error)
    return problem(500, "internal_error", "the server failed; its log says more under this answer's X-Request-ID")


def _faults(error: CallcenterError) -> list[dict[str, str]] | None:
    """What is wrong field by field, or line by line, where the error knows it."""
    if isinstance(error, InvalidValue) and error.field is not None:
        return [{"where": f"body.{error.field}", "message": _printable(str(error))}]
    if not isinstance(error, BusinessFaulty):
        return None
    return [
        {"where": f"line {fault.line}" if fault.line else fault.field, "message": _printable(str(fault))}
        for fault in error.faults[:SHOWN_FAULTS]
    ]


def _later(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(max(1, seconds))}


def _printable(text: str) -> str:
    """Without the lone surrogates that JSON lets in and UTF-8 does not let out."""
    return text.encode("utf-8", "replace").decode("utf-8")[:2_000]
