"""Transfers from the agent's desk: where a caller can be sent, and sending him there."""

from typing import Annotated

from fastapi import Depends
from pydantic import StringConstraints
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.transfer_views import TargetsView
from callcenter.app.views import AgentView
from callcenter.domain.transfers import TargetKind, TransferTarget
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
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
