"""The machine-readable description of the API."""

from fastapi import Depends, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.web.access import Open
from callcenter.web.documents import document
from callcenter.web.routing import api_router

router = api_router(described=False)


@router.get("/openapi.json", dependencies=[Depends(Open(Action.READ_API_DESCRIPTION))])
async def read_description(request: Request) -> Response:
    """OpenAPI 3.1."""
    app = request.app
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
    return document(app.openapi_schema)
