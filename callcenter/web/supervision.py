"""What supervisors do: about callers who wait, about agents, and closing queues in an emergency."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from callcenter.acd.why import WaitingReason
from callcenter.app.permissions import Action
from callcenter.app.views import AgentView, QueueView, WaitingView
from callcenter.domain.agents import AgentState
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, InteractionId, QueueId
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, Code, PathId

router = api_router()

HIGHEST_PRIORITY = 1_000
LONGEST_PICK_SECONDS = 3_600

_GONE = "done, and he waits no more"

Director = Annotated[Principal, Depends(Require(Action.DIRECT_WAITING))]
Closer = Annotated[Principal, Depends(Require(Action.CLOSE_QUEUES))]


class PriorityBody(Body):
    """What the caller's own priority is to be; what his traits and the queue's steps add comes on top."""

    priority: Annotated[int, Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)]


class QueueBody(Body):
    """Where the caller is to wait."""

    queue_id: BodyId


class PickBody(Body):
    """For whom the caller is kept, and how long at most; nothing said: two minutes."""

    agent_id: BodyId
    within_seconds: Annotated[int, Field(ge=1, le=LONGEST_PICK_SECONDS)] | None = None


class ForcedStateBody(Body):
    """What the agent is to be."""

    state: Literal["ready", "not_ready", "logged_out"]
    reason: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueList:
    """The queues that were closed or opened."""

    items: tuple[QueueView, ...]


@router.get(
    "/waiting/{interaction_id}/why",
    response_model=WaitingReason,
    dependencies=[Depends(Require(Action.READ_WAITING))],
)
async def read_why(interaction_id: PathId, deps: Deps) -> Response:
    """Why this caller is still waiting."""
    return document(deps.supervisor.why_waiting(InteractionId(interaction_id)))


@router.put("/waiting/{interaction_id}/priority", response_model=WaitingView, responses={204: {"description": _GONE}})
async def set_priority(interaction_id: PathId, body: PriorityBody, principal: Director, deps: Deps) -> Response:
    """Give a waiting caller another priority."""
    caller = InteractionId(interaction_id)
    return _row(await deps.supervisor.set_priority(caller, body.priority, by=principal.user.name))


@router.put("/waiting/{interaction_id}/queue", response_model=WaitingView, responses={204: {"description": _GONE}})
async def move(interaction_id: PathId, body: QueueBody, principal: Director, deps: Deps) -> Response:
    """Put a waiting caller into another queue, with his age."""
    caller, queue_id = InteractionId(interaction_id), QueueId(body.queue_id)
    return _row(await deps.supervisor.move(caller, queue_id, by=principal.user.name))


@router.put("/waiting/{interaction_id}/agent", response_model=WaitingView, responses={204: {"description": _GONE}})
async def pick(interaction_id: PathId, body: PickBody, principal: Director, deps: Deps) -> Response:
    """Keep a waiting caller for one agent."""
    within = None if body.within_seconds is None else timedelta(seconds=body.within_seconds)
    caller, agent_id = InteractionId(interaction_id), AgentId(body.agent_id)
    return _row(await deps.supervisor.pick(caller, agent_id, within=within, by=principal.user.name))


@router.delete("/waiting/{interaction_id}", status_code=204)
async def cancel_callback(interaction_id: PathId, principal: Director, deps: Deps) -> Response:
    """Take a waiting callback off; who is on the line is not sent away."""
    await deps.supervisor.cancel_callback(InteractionId(interaction_id), by=principal.user.name)
    return no_content()


@router.put("/agents/{agent_id}/state", response_model=AgentView)
async def force_state(
    agent_id: PathId,
    body: ForcedStateBody,
    principal: Annotated[Principal, Depends(Require(Action.FORCE_STATE))],
    deps: Deps,
) -> Response:
    """Put an agent into a state; in a talk, after it."""
    if body.reason is not None and body.state != "not_ready":
        raise InvalidValue("a reason goes with not_ready alone; leave it out", code="reason_not_wanted")
    state = AgentState(body.state)
    return document(await deps.supervisor.force_state(AgentId(agent_id), state, body.reason, by=principal.user.name))


@router.put("/queues/emergency", response_model=QueueList)
async def close_all_queues(principal: Closer, deps: Deps) -> Response:
    """Close every queue in an emergency."""
    return document(QueueList(items=await deps.supervisor.close_queues(None, by=principal.user.name)))


@router.delete("/queues/emergency", response_model=QueueList)
async def open_all_queues(principal: Closer, deps: Deps) -> Response:
    """End the emergency in every queue."""
    return document(QueueList(items=await deps.supervisor.open_queues(None, by=principal.user.name)))


@router.put("/queues/{queue_id}/emergency", response_model=QueueView)
async def close_queue(queue_id: PathId, principal: Closer, deps: Deps) -> Response:
    """Close one queue in an emergency."""
    (row,) = await deps.supervisor.close_queues((QueueId(queue_id),), by=principal.user.name)
    return document(row)


@router.delete("/queues/{queue_id}/emergency", response_model=QueueView)
async def open_queue(queue_id: PathId, principal: Closer, deps: Deps) -> Response:
    """End the emergency in one queue."""
    (row,) = await deps.supervisor.open_queues((QueueId(queue_id),), by=principal.user.name)
    return document(row)


def _row(view: WaitingView | None) -> Response:
    return no_content() if view is None else document(view)
