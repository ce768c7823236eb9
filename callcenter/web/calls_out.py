"""Calls out from the desk: begin one, see how it goes, call it off."""

from typing import Annotated

from fastapi import Depends
from pydantic import StringConstraints
from starlette.responses import Response

from callcenter.app.calling_out import CallOutView
from callcenter.app.permissions import Action
from callcenter.domain.ids import CustomerId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body

router = api_router()

Calling = Annotated[Principal, Depends(Require(Action.CALL_OUT))]
Overriding = Annotated[Principal, Depends(Require(Action.CALL_DESPITE_REFUSAL))]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class CallOutBody(Body):
    """Whom to call; `customer_id` where several share the number, or the call is about somebody else."""

    number: Short
    customer_id: Short | None = None


@router.post("/agents/me/call-out", response_model=CallOutView, status_code=201)
async def call_out(body: CallOutBody, principal: Calling, deps: Deps) -> Response:
    """Call a number: the agent's phone rings first; who does not want to be called is refused (`do_not_call`)."""
    return await _call(body, principal, deps, despite_refusal=False)


@router.post("/agents/me/call-out/despite-refusal", response_model=CallOutView, status_code=201)
async def call_despite_refusal(body: CallOutBody, principal: Overriding, deps: Deps) -> Response:
    """As above, also who does not want to be called; it is written into the audit."""
    return await _call(body, principal, deps, despite_refusal=True)


async def _call(body: CallOutBody, principal: Principal, deps: WebDependencies, *, despite_refusal: bool) -> Response:
    view = await deps.calling_out.call(
        principal.own_agent(),
        body.number,
        customer_id=CustomerId(body.customer_id) if body.customer_id is not None else None,
        despite_refusal=despite_refusal,
        by=principal.user.name,
    )
    return document(view, status=201)


@router.get("/agents/me/call-out", response_model=CallOutView, responses={204: {"description": "there is none"}})
async def read_call_out(principal: Calling, deps: Deps) -> Response:
    """The latest call out, while it goes on and for some minutes after."""
    view = deps.calling_out.view(principal.own_agent())
    return no_content() if view is None else document(view)


@router.delete("/agents/me/call-out", response_model=CallOutView)
async def call_off(principal: Calling, deps: Deps) -> Response:
    """Stop ringing; a talk is ended with the phone."""
    return document(await deps.calling_out.call_off(principal.own_agent()))
