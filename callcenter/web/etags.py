"""Versions over HTTP: an answer carries its version as ETag, a change may say with If-Match which one it is of."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Header
from starlette.responses import Response

from callcenter.domain.errors import InvalidValue, Outdated
from callcenter.web.documents import document

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=50)]
"""The parameter by which a route takes the version a change is of."""

MOST_TRIES = 3
T = TypeVar("T")
_TAG = re.compile(r'(?:W/)?"(?P<tag>[0-9a-f]{16})"$', re.ASCII)
_ETAG = re.compile(r'(?:W/)?"(?P<version>\d{1,9})"$', re.ASCII)


async def changed(expected: int | None, attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` makes of the newest version; it tries again where somebody came between and none was expected."""
    for tries_left in reversed(range(MOST_TRIES)):
        try:
            return await attempt()
        except Outdated:
            if expected is not None or not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def versioned(content: object, version: int, status: int = 200) -> Response:
    """An answer with its version."""
    answer = document(content, status)
    answer.headers["ETag"] = f'"{version}"'
    return answer


def expected_version(if_match: str | None) -> int | None:
    """The version that is to be changed; None where any is right. Raises `InvalidValue`."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.match(if_match.strip())
    if found is None:
        raise InvalidValue('If-Match must be the ETag of an answer, as "7", or *', code="invalid_if_match")
    return int(found["version"])


def expected_tag(if_match: str | None) -> str | None:
    """The name of the content that is to be changed; None where any is right. Raises `InvalidValue`."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.match(if_match.strip())
    if found is None:
        raise InvalidValue("If-Match must be the ETag of an answer, or *", code="invalid_if_match")
    return found["tag"]
