"""One agent's day so far, as the fold of the events since its start.

Law: the times in the states add up to the time since the day's start; folding in parts is folding in one go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState
from callcenter.domain.ids import AgentId, InteractionId
from callcenter.domain.offers import CALL_OUT, OfferOutcome

_ZERO = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDay:
    """The state of the fold; `figures` reads it out."""

    agent_id: AgentId
    start: datetime
    state: AgentState | None = None
    """The state he is in; None until the first event tells."""
    since: datetime
    in_state: Mapping[AgentState, timedelta] = field(default_factory=dict)
    """Time spent in states that are over."""
    not_ready_by_reason: Mapping[str, timedelta] = field(default_factory=dict)
    reason: str = ""
    offers: int = 0
    rona: int = 0
    rejected: int = 0
    handled: int = 0
    transferred: int = 0
    calls_out: int = 0
    calls_out_reached: int = 0
    out: frozenset[InteractionId] = frozenset()
    """His calls out that have neither been a talk nor ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFigures:
    """What the board and the reports show of an agent; the formulas stand in docs/metrics.md."""

    talk: timedelta
    hold: timedelta
    hold_rate: float | None
    wrap_up: timedelta
    ready: timedelta
    not_ready: timedelta
    offered: timedelta
    internal: timedelta
    signed_in: timedelta
    not_ready_by_reason: Mapping[str, timedelta]
    occupancy: float | None
    handled: int
    transferred: int
    transfer_rate: float | None
    calls_out: int
    calls_out_reached: int
    reach_rate: float | None
    offers: int
    rona: int
    rejected: int
    rona_rate: float | None


def begin_day(
    agent_id: AgentId, start: datetime, state: AgentState | None = None, reason: str | None = None
) -> AgentDay:
    """An empty day; `start` is aware, usually local midnight; `state` the one the agent was in then, where known."""
    if start.tzinfo is None:
        raise ValueError(f"agent {agent_id}: the day's start {start} has no time zone; give an aware datetime")
    return AgentDay(agent_id=agent_id, start=start, state=state, since=start, reason=reason or "")


def fold_all(state: AgentDay, events: Iterable[ev.Event]) -> AgentDay:
    """The day after all of `events`."""
    for event in events:
        state = fold(state, event)
    return state


def fold(state: AgentDay, event: ev.Event) -> AgentDay:
    """The day after `event`; what does not concern the agent, or came before the start, gives the same state back."""
    match event:
        case ev.AgentStateChanged(agent_id=state.agent_id) if event.at >= state.start:
            # The first event tells which state the day began in.
            closed = _close(state if state.state is not None else replace(state, state=event.old), event.at)
            return replace(closed, state=event.new, since=max(event.at, state.since), reason=event.reason or "")
        case ev.OfferMade() if event.offer.agent_id == state.agent_id and event.at >= state.start:
            if not any(part.name == CALL_OUT for part in event.offer.reason.parts):
                return state
            return replace(state, calls_out=state.calls_out + 1, out=state.out | {event.interaction_id})
        case ev.InteractionConnected(agent_id=state.agent_id) if event.interaction_id in state.out:
            # His own phone's offer ends with it.
            return replace(state, calls_out_reached=state.calls_out_reached + 1, out=state.out - {event.interaction_id})
        case ev.InteractionTransferred(agent_id=state.agent_id) if event.at >= state.start:
            return replace(state, transferred=state.transferred + 1)
        case ev.OfferEnded(agent_id=state.agent_id) if event.interaction_id in state.out:
            # His own call out is no offer that he can miss.
            is_over = event.outcome is not OfferOutcome.ANSWERED
            return replace(state, out=state.out - {event.interaction_id}) if is_over else state
        case ev.OfferEnded(agent_id=state.agent_id) if event.at >= state.start:
            return replace(
                state,
                offers=state.offers + 1,
                rona=state.rona + (event.outcome is OfferOutcome.RONA),
                rejected=state.rejected + (event.outcome is OfferOutcome.REJECTED),
            )
        case ev.TalkEnded(agent_id=state.agent_id) if event.at >= state.start:
            return replace(state, handled=state.handled + 1)
        case _:
            return state


def figures(state: AgentDay, now: datetime) -> AgentFigures:
    """The day's figures at `now`, the state that still lasts included."""
    closed = _close(state, now)
    times = closed.in_state
    talk, hold = times.get(AgentState.TALKING, _ZERO), times.get(AgentState.HOLD, _ZERO)
    wrap_up = times.get(AgentState.WRAP_UP, _ZERO)
    ready, not_ready = times.get(AgentState.READY, _ZERO), times.get(AgentState.NOT_READY, _ZERO)
    offered = times.get(AgentState.OFFERED, _ZERO)
    internal = times.get(AgentState.INTERNAL_CALL, _ZERO)
    busy = talk + hold + wrap_up
    return AgentFigures(
        talk=talk,
        hold=hold,
        hold_rate=hold / (talk + hold) if talk + hold else None,
        wrap_up=wrap_up,
        ready=ready,
        not_ready=not_ready,
        offered=offered,
        internal=internal,
        signed_in=busy + ready + not_ready + offered + internal,
        not_ready_by_reason=closed.not_ready_by_reason,
        occupancy=busy / (busy + ready) if busy + ready else None,
        handled=state.handled,
        transferred=state.transferred,
        transfer_rate=state.transferred / state.handled if state.handled else None,
        calls_out=state.calls_out,
        calls_out_reached=state.calls_out_reached,
        reach_rate=state.calls_out_reached / state.calls_out if state.calls_out else None,
        offers=state.offers,
        rona=state.rona,
        rejected=state.rejected,
        rona_rate=state.rona / state.offers if state.offers else None,
    )


def _close(state: AgentDay, at: datetime) -> AgentDay:
    """Book the time of the present state up to `at`."""
    if state.state is None:
        return state
    spent = max(at - state.since, _ZERO)
    in_state = {**state.in_state, state.state: state.in_state.get(state.state, _ZERO) + spent}
    if state.state is not AgentState.NOT_READY:
        return replace(state, in_state=in_state)
    by_reason = state.not_ready_by_reason
    return replace(
        state,
        in_state=in_state,
        not_ready_by_reason={**by_reason, state.reason: by_reason.get(state.reason, _ZERO) + spent},
    )
