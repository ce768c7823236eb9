"""The agents' figures of today as the rows of a table: the board's own, counted on to this moment.

Law: a rate is made of the counts beside it in the same row, by the formulas of docs/metrics.md; without anything to
divide by the cell is empty.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from callcenter.app.views import AgentTodayView, AgentView
from callcenter.domain.agents import AgentState

HEADER = (
    "agent_id",
    "name",
    "state",
    "handled",
    "offers",
    "missed",
    "rejected",
    "transferred",
    "transfer_rate",
    "calls_out",
    "calls_out_reached",
    "reach_rate",
    "talk_seconds",
    "hold_seconds",
    "hold_rate",
    "wrap_up_seconds",
    "ready_seconds",
    "not_ready_seconds",
    "internal_seconds",
    "occupancy",
    "handle_seconds",
)
_COUNTED_IN = {
    AgentState.TALKING: "talk_seconds",
    AgentState.HOLD: "hold_seconds",
    AgentState.WRAP_UP: "wrap_up_seconds",
    AgentState.READY: "ready_seconds",
    AgentState.NOT_READY: "not_ready_seconds",
    AgentState.INTERNAL_CALL: "internal_seconds",
}


def agents_table(agents: Iterable[AgentView], now: datetime) -> list[list[str]]:
    """The header, and a row for each agent, by his id."""
    return [list(HEADER), *(_row(agent, now) for agent in sorted(agents, key=lambda one: one.agent_id))]


def _row(agent: AgentView, now: datetime) -> list[str]:
    today = _until(now, agent)
    in_talk = today.talk_seconds + today.hold_seconds
    busy = in_talk + today.wrap_up_seconds
    return [
        agent.agent_id,
        agent.name,
        agent.state,
        str(today.handled),
        str(today.offers),
        str(today.missed),
        str(today.rejected),
        str(today.transferred),
        _rate(today.transferred, today.handled),
        str(today.calls_out),
        str(today.calls_out_reached),
        _rate(today.calls_out_reached, today.calls_out),
        _whole(today.talk_seconds),
        _whole(today.hold_seconds),
        _rate(today.hold_seconds, in_talk),
        _whole(today.wrap_up_seconds),
        _whole(today.ready_seconds),
        _whole(today.not_ready_seconds),
        _whole(today.internal_seconds),
        _rate(busy, busy + today.ready_seconds),
        _whole(busy / today.handled) if today.handled else "",
    ]


def _until(now: datetime, agent: AgentView) -> AgentTodayView:
    """The view counts up to where the present state began; what it lasts already is added."""
    name = _COUNTED_IN.get(agent.state)
    if name is None:
        return agent.today
    lasted = max(0.0, (now - agent.since).total_seconds())
    return replace(agent.today, **{name: getattr(agent.today, name) + lasted})


def _rate(part: float, whole: float) -> str:
    return f"{part / whole:.4f}" if whole else ""


def _whole(seconds: float) -> str:
    return str(round(seconds))
