"""The machine-readable description of the API.

Law: answers carry every field of their documents, empty or not, and the description says so.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from fastapi import Depends, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute

from callcenter.app.permissions import Action
from callcenter.web.access import Open
from callcenter.web.documents import document
from callcenter.web.live_documents import LiveTopics
from callcenter.web.routing import api_router

router = api_router(described=False)

_FEED: Final = "/live"


@router.get("/openapi.json", dependencies=[Depends(Open(Action.READ_API_DESCRIPTION))])
async def read_description(request: Request) -> Response:
    """OpenAPI 3.1."""
    app = request.app
    if app.openapi_schema is None:
        app.openapi_schema = describe(app.title, app.version, app.description, app.routes)
    return document(app.openapi_schema)


def describe(title: str, version: str, about: str, routes: Sequence[BaseRoute]) -> dict[str, object]:
    """OpenAPI 3.1 of these routes; what only comes in answers has all its fields required."""
    feed = APIRoute(_FEED, _live_feed, response_model=LiveTopics)
    description: dict[str, object] = get_openapi(
        title=title, version=version, description=about, routes=[*routes, feed]
    )
    _mapping(description["paths"]).pop(_FEED)
    schemas = _mapping(_mapping(description.get("components")).get("schemas"))
    sent = {"Problem"}
    waiting = list(_names(list(_bodies(description))))
    while waiting:
        name = waiting.pop()
        if name not in sent:
            sent.add(name)
            waiting.extend(_names(schemas[name]))
    for name, schema in schemas.items():
        fields = _mapping(_mapping(schema).get("properties"))
        if name not in sent and fields:
            _mapping(schema)["required"] = sorted(fields)
    return description


async def _live_feed() -> None:
    """The live feed is a WebSocket, which OpenAPI has no word for; what its topics hold is described all the same."""


def _bodies(description: dict[str, object]) -> Iterator[object]:
    """What requests send."""
    for operations in _mapping(description.get("paths")).values():
        for operation in _mapping(operations).values():
            yield _mapping(operation).get("requestBody")


def _names(part: object) -> Iterator[str]:
    """The documents that a part of the description refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield str(part["$ref"]).rpartition("/")[2]
        for inner in part.values():
            yield from _names(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _names(inner)


def _mapping(part: object) -> dict[str, object]:
    return part if isinstance(part, dict) else {}
