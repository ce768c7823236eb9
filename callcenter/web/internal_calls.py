"""Internal calls from the desk: who of the house is there, call him, reject or end it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from pydantic import StringConstraints
from starlette.responses import Response

from callcenter.app.internal_calls import ColleagueView, InternalCallView
from callcenter.app.permissions import Action
from callcenter.domain.ids import AgentId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body

router = api_router()

Calling = Annotated[Principal, Depends(Require(Action.CALL_COLLEAGUES))]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleagues:
    """The directory."""

    items: tuple[ColleagueView, ...]


class InternalCallBody(Body):
    """Whom to call."""

    agent_id: Short


@router.get("/agents/me/colleagues", response_model=Colleagues)
async def list_colleagues(principal: Calling, deps: Deps) -> Response:
    """Everybody else of the house with his state, those first who can be called."""
    return document(Colleagues(items=deps.internal_calls.colleagues(principal.own_agent())))


@router.post("/agents/me/internal-call", response_model=InternalCallView, status_code=201)
async def call_colleague(body: InternalCallBody, principal: Calling, deps: Deps) -> Response:
    """Call a colleague: the agent's own phone rings first, then the other's."""
    view = await deps.internal_calls.begin(principal.own_agent(), AgentId(body.agent_id))
    return document(view, status=201)


@router.get(
    "/agents/me/internal-call", response_model=InternalCallView, responses={204: {"description": "there was none"}}
)
async def read_internal_call(principal: Calling, deps: Deps) -> Response:
    """The latest internal call, whoever began it."""
    view = deps.internal_calls.view(principal.own_agent())
    return no_content() if view is None else document(view)


@router.delete("/agents/me/internal-call", response_model=InternalCallView)
async def end_internal_call(principal: Calling, deps: Deps) -> Response:
    """Give it up, reject it, or end the talk: whichever it is for the agent."""
    return document(deps.internal_calls.end(principal.own_agent()))
