"""What a newcomer needs to try the demo; outside the demo there is nothing here."""

from fastapi import Depends
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.domain.errors import NotFound
from callcenter.web.access import Open
from callcenter.web.demo_info import DemoInfo
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.routing import api_router

router = api_router()


@router.get("/demo", response_model=DemoInfo, dependencies=[Depends(Open(Action.READ_DEMO))])
async def read_demo(deps: Deps) -> Response:
    """Numbers to dial, callers to be, logins, and the caller's phone."""
    if deps.demo is None:
        raise NotFound("this server is not a demo", code="no_demo")
    return document(deps.demo)
