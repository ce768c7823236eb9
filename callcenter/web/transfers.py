"""Transfers from the agent's desk: where a caller can be sent, and sending him there."""

from typing import Annotated

from fastapi import Depends
from pydantic import StringConstraints
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.transfer_views import ConsultationView, TargetsView
from callcenter.app.views import AgentView
from callcenter.domain.transfers import TargetKind, TransferTarget
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Notes

router = api_router()

Handing = Annotated[Principal, Depends(Require(Action.TRANSFER_CALLS))]
LONGEST_NOTE = 500


class TransferBody(Body):
    """Where to, and what the other side is to know; `to` is an agent's id, a queue's id, or a number."""

    kind: TargetKind
    to: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    note: Annotated[Notes, StringConstraints(strip_whitespace=True, max_length=LONGEST_NOTE)] = ""

    def target(self) -> TransferTarget:
        """Whom it names."""
        return TransferTarget(kind=self.kind, target=self.to)


@router.get("/agents/me/transfer/targets", response_model=TargetsView)
async def read_targets(principal: Handing, deps: Deps) -> Response:
    """Colleagues and queues as they are now, those first who can take somebody at once."""
    return document(deps.transfers.targets(principal.own_agent()))


@router.post("/agents/me/transfer", response_model=AgentView)
async def transfer(body: TransferBody, principal: Handing, deps: Deps) -> Response:
    """Send the caller on without asking first; returns when he is on his way."""
    agent_id = principal.own_agent()
    await deps.transfers.send(agent_id, body.target(), body.note)
    return document(deps.desk.agent(agent_id))


@router.get(
    "/agents/me/consultation", response_model=ConsultationView, responses={204: {"description": "there is none"}}
)
async def read_consultation(principal: Handing, deps: Deps) -> Response:
    """The consultation as it stands, or nothing."""
    view = deps.consulting.view(principal.own_agent())
    return no_content() if view is None else document(view)


@router.post("/agents/me/consultation", response_model=ConsultationView, status_code=201)
async def consult(body: TransferBody, principal: Handing, deps: Deps) -> Response:
    """Hold the caller and call whom the agent wants to ask; of a queue whoever has been ready longest."""
    return document(await deps.consulting.begin(principal.own_agent(), body.target(), body.note), status=201)


@router.post("/agents/me/consultation/swap", response_model=ConsultationView)
async def swap(principal: Handing, deps: Deps) -> Response:
    """From the consulted one to the caller, or back."""
    return document(await deps.consulting.swap(principal.own_agent()))


@router.post("/agents/me/consultation/merge", response_model=ConsultationView)
async def merge(principal: Handing, deps: Deps) -> Response:
    """All three hear each other."""
    return document(await deps.consulting.merge(principal.own_agent()))


@router.post("/agents/me/consultation/complete", response_model=AgentView)
async def complete(principal: Handing, deps: Deps) -> Response:
    """Leave the caller with the consulted one."""
    agent_id = principal.own_agent()
    await deps.consulting.complete(agent_id)
    return document(deps.desk.agent(agent_id))


@router.delete("/agents/me/consultation", response_model=AgentView)
async def take_back(principal: Handing, deps: Deps) -> Response:
    """End it: the agent has his caller again."""
    agent_id = principal.own_agent()
    await deps.consulting.take_back(agent_id)
    return document(deps.desk.agent(agent_id))
