"""Refuses what a call's query names and the call does not know.

Law: a filter that is misspelt is never a filter left out; who asks for a segment's customers does not get everybody.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection


def known_query(connection: HTTPConnection) -> None:
    """Raise `RequestValidationError` for parameters that the route of this request does not have."""
    route = connection.scope.get("route")
    if not isinstance(route, APIRoute) or not connection.query_params:
        return
    known = frozenset(_asked_for(route.dependant))
    unknown = [name for name in dict.fromkeys(connection.query_params) if name not in known]
    if unknown:
        raise RequestValidationError([_fault(name, known) for name in unknown])


def _asked_for(call: Dependant) -> Iterator[str]:
    yield from (field.alias for field in call.query_params)
    for needed in call.dependencies:
        yield from _asked_for(needed)


def _fault(name: str, known: frozenset[str]) -> dict[str, object]:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    possible = ", ".join(sorted(known)) or "none"
    # Only its beginning is repeated: anything may stand there.
    return {
        "type": "unknown",
        "loc": ("query", name[:50]),
        "msg": f"there is no such parameter; {hint}known: {possible}",
    }
