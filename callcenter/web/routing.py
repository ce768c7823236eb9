"""Where the API lives, and what every call of it may be refused with."""

from fastapi import APIRouter, Depends

from callcenter.web.problems import Problem
from callcenter.web.query import known_query

API_PREFIX = "/api/v1"

_REFUSALS = {
    401: "not signed in",
    403: "not allowed",
    404: "not there",
    409: "does not fit what is the case now",
    412: "changed by somebody else since it was read",
    422: "not valid",
}


def api_router(*, described: bool = True) -> APIRouter:
    """A router for a part of the API; not `described`, it is left out of the machine-readable description."""
    return APIRouter(
        prefix=API_PREFIX,
        dependencies=[Depends(known_query)],
        responses={status: {"model": Problem, "description": text} for status, text in _REFUSALS.items()},
        include_in_schema=described,
    )
