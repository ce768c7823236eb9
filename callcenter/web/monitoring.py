"""Supervisors in talks: who listens, begin, change the mode, take the caller over, end."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from callcenter.app.monitoring_views import MonitoringView
from callcenter.app.permissions import Action
from callcenter.domain.ids import AgentId, MonitoringId
from callcenter.domain.monitoring import MonitorMode
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.desk import PhoneBody, phone_of
from callcenter.web.documents import document
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, PathId

router = api_router()

Listener = Annotated[Principal, Depends(Require(Action.MONITOR_TALKS))]


class BeginBody(Body):
    """Whose talk, how, and over which phone; none said: the one of the supervisor's own agent."""

    agent_id: BodyId
    mode: MonitorMode = MonitorMode.LISTEN
    phone: PhoneBody | None = None


class ModeBody(Body):
    """Who is to hear him."""

    mode: MonitorMode


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringList:
    """Everybody who listens, and whose listening ended a moment ago."""

    items: tuple[MonitoringView, ...]


@router.get("/monitoring", response_model=MonitoringList, dependencies=[Depends(Require(Action.READ_MONITORING))])
async def read_monitoring(deps: Deps) -> Response:
    """Who listens to whom."""
    return document(MonitoringList(items=deps.monitoring.views()))


@router.post("/monitoring", response_model=MonitoringView, status_code=201)
async def begin_monitoring(body: BeginBody, principal: Listener, deps: Deps) -> Response:
    """Call the supervisor's phone and let him hear an agent's talk."""
    phone = None if body.phone is None else phone_of(body.phone, deps.default_region)
    view = await deps.monitoring.begin(principal.user, AgentId(body.agent_id), body.mode, phone)
    return document(view, status=201)


@router.put("/monitoring/{monitoring_id}/mode", response_model=MonitoringView)
async def change_mode(monitoring_id: PathId, body: ModeBody, principal: Listener, deps: Deps) -> Response:
    """Let others hear him than before."""
    return document(await deps.monitoring.change(MonitoringId(monitoring_id), body.mode, by=principal.user.name))


@router.post("/monitoring/{monitoring_id}/take-over", response_model=MonitoringView)
async def take_over(monitoring_id: PathId, principal: Listener, deps: Deps) -> Response:
    """Give him the caller instead of the agent."""
    return document(await deps.monitoring.take_over(MonitoringId(monitoring_id), by=principal.user.name))


@router.delete("/monitoring/{monitoring_id}", response_model=MonitoringView)
async def end_monitoring(monitoring_id: PathId, principal: Listener, deps: Deps) -> Response:
    """End it."""
    return document(await deps.monitoring.stop(MonitoringId(monitoring_id), by=principal.user.name))
