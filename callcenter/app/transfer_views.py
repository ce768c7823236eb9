"""What the desk shows of transfers: where a caller can be sent, who sent one here, and a consultation's state."""

from dataclasses import dataclass
from datetime import datetime

from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentRecord
from callcenter.app.transfer_port import ConsultationState
from callcenter.domain.agents import AgentState, PhoneStatus
from callcenter.domain.direct import agent_of
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.labels import Label
from callcenter.domain.transfers import ConsultationEnd, Handling, TargetKind, asking_offer


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTarget:
    """A colleague; `can_take` says that a transfer to him is possible, `free` that he can take it at once."""

    agent_id: AgentId
    name: str
    state: AgentState
    reason: str | None
    since: datetime
    can_take: bool
    free: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTarget:
    """A queue, with who waits in it and how long somebody who comes now is expected to."""

    queue_id: QueueId
    label: Label
    waiting: int
    ready_agents: int
    expected_wait_seconds: float | None
    can_take: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsView:
    """Where a caller can be sent."""

    agents: tuple[AgentTarget, ...]
    queues: tuple[QueueTarget, ...]
    numbers: bool
    """Whether numbers outside can be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferredView:
    """Who sent a caller on, and what he says of him."""

    agent_id: AgentId
    name: str
    at: datetime
    kind: TargetKind
    note: str
    came_back: bool
    asks: bool = False
    """He only asks: the caller is still his."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationView:
    """A consultation as the agent's desk shows it."""

    consultation_id: OfferId
    interaction_id: InteractionId
    state: ConsultationState
    kind: TargetKind
    target: str
    name: str
    """Of the agent who is asked; of a number the number."""
    note: str
    began_at: datetime
    answered_at: datetime | None = None
    end: ConsultationEnd | None = None


def draw_agents(picture: Picture, own: AgentId) -> tuple[AgentTarget, ...]:
    """Every colleague who is signed in, those first who can take somebody at once; then by name."""
    drawn = (
        AgentTarget(
            agent_id=agent.agent_id,
            name=agent.config.name,
            state=agent.state,
            reason=agent.reason,
            since=agent.since,
            can_take=agent.serving,
            free=_is_free(agent),
        )
        for agent in picture.agents.values()
        if agent.agent_id != own and agent.state is not AgentState.LOGGED_OUT
    )
    return tuple(sorted(drawn, key=lambda row: (not row.free, not row.can_take, row.name, row.agent_id)))


def draw_queues(picture: Picture, now: datetime) -> tuple[QueueTarget, ...]:
    """Every queue of the business, those that can take somebody first."""
    rows: list[QueueTarget] = []
    for queue in picture.queues.values():
        config = queue.config
        if agent_of(config.queue_id) is not None:
            continue
        hours = config.limits.hours
        is_open = not config.closed_by and (hours is None or hours.is_open(now))
        forecast = picture.forecast_for_newcomer(config.queue_id, now)
        agents = {agent_id: agent for pool in queue.pools for agent_id, agent in pool.agents.items()}
        rows.append(
            QueueTarget(
                queue_id=config.queue_id,
                label=config.label,
                waiting=len(queue.waiting),
                ready_agents=sum(1 for agent in agents.values() if _is_free(agent)),
                expected_wait_seconds=None if forecast is None else float(round(forecast.expected.total_seconds())),
                can_take=is_open and queue.served,
            )
        )
    return tuple(sorted(rows, key=lambda row: (not row.can_take, row.queue_id)))


def draw_transferred(handling: Handling, viewer: AgentRecord, picture: Picture) -> TransferredView | None:
    """Who sent him on last, or asks about him, for `viewer` who has him now or is to; None where nobody did."""
    asked = next((one for one in handling.consultations if viewer.offer_id == asking_offer(one.consultation_id)), None)
    if asked is not None:
        asker = picture.agents.get(asked.agent_id)
        return TransferredView(
            agent_id=asked.agent_id,
            name=asker.config.name if asker is not None else asked.agent_id,
            at=asked.began_at,
            kind=asked.target.kind,
            note=asked.note,
            came_back=False,
            asks=True,
        )
    last = handling.transfers[-1] if handling.transfers else None
    if last is None:
        return None
    sender = picture.agents.get(last.agent_id)
    return TransferredView(
        agent_id=last.agent_id,
        name=sender.config.name if sender is not None else last.agent_id,
        at=last.at,
        kind=last.target.kind,
        note=last.note,
        came_back=viewer.agent_id == last.agent_id,
    )


def _is_free(agent: AgentRecord) -> bool:
    return agent.state is AgentState.READY and agent.phone_status is not PhoneStatus.UNREACHABLE
