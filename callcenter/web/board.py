"""The board: queues, agents, and who waits; the same documents as on the live feed."""

from dataclasses import dataclass

from fastapi import Depends
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.views import AgentView, QueueView, TrendView, WaitingView
from callcenter.domain.ids import AgentId
from callcenter.web.access import Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.routing import api_router

router = api_router()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueList:
    """All queues."""

    items: tuple[QueueView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentList:
    """All agents."""

    items: tuple[AgentView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingList:
    """Everyone who waits."""

    items: tuple[WaitingView, ...]


@router.get("/queues", response_model=QueueList, dependencies=[Depends(Require(Action.READ_QUEUES))])
async def read_queues(deps: Deps) -> Response:
    """One row for each queue."""
    return document(QueueList(items=deps.board.queues()))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendList:
    """The last hour of all queues."""

    items: tuple[TrendView, ...]


@router.get("/queues/trends", response_model=TrendList, dependencies=[Depends(Require(Action.READ_QUEUES))])
async def read_trends(deps: Deps) -> Response:
    """The last hour of each queue, minute by minute."""
    return document(TrendList(items=deps.trends.trends()))


@router.get("/agents", response_model=AgentList, dependencies=[Depends(Require(Action.READ_AGENTS))])
async def read_agents(deps: Deps) -> Response:
    """Every agent."""
    return document(AgentList(items=deps.board.agents()))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentName:
    """What an agent is called."""

    agent_id: AgentId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNames:
    """All agents, by name."""

    items: tuple[AgentName, ...]


@router.get("/agents/names", response_model=AgentNames, dependencies=[Depends(Require(Action.READ_AGENT_NAMES))])
async def read_agent_names(deps: Deps) -> Response:
    """Whose customers, cases and tasks may be: every agent, by name."""
    rows = sorted((agent.name, agent.agent_id) for agent in deps.board.agents())
    return document(AgentNames(items=tuple(AgentName(agent_id=agent_id, name=name) for name, agent_id in rows)))


@router.get("/waiting", response_model=WaitingList, dependencies=[Depends(Require(Action.READ_WAITING))])
async def read_waiting(deps: Deps) -> Response:
    """Everyone who waits."""
    return document(WaitingList(items=deps.board.waiting()))
