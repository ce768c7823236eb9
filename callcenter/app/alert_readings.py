"""What the rules of alerts look at, on the floor and elsewhere: a value for each subject; None: unknown."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from callcenter.acd.picture import Picture, QueueRecord
from callcenter.app.views import TodayView
from callcenter.domain.agents import AgentState
from callcenter.domain.alerts import OF_QUEUES, AlertKind, AlertRule, Subject, SubjectKind
from callcenter.domain.callbacks import Presence
from callcenter.domain.direct import agent_of
from callcenter.domain.ids import QueueId

Today = Callable[[QueueId], TodayView]
TrunkStates = Mapping[str, bool | None]
"""Of each trunk whether it answers; None: nobody knows."""


UNOWNED = Subject(kind=SubjectKind.CASES, name="unowned")
FEWEST_CALLS = 10
"""Of fewer calls a day's service level says nothing."""


class WatchedFloor(Protocol):
    """What is read of the floor."""

    @property
    def picture(self) -> Picture:
        """The engine's picture."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What is not read off the floor but asked for now and then; `unseen_cases` None: nobody knows."""

    trunks: TrunkStates = field(default_factory=dict)
    unseen_cases: int | None = None


def readings(
    rule: AlertRule, picture: Picture, today: Today, elsewhere: Elsewhere, now: datetime
) -> Iterator[tuple[Subject, float | None]]:
    """What one rule looks at now."""
    if rule.kind in OF_QUEUES:
        for queue_id, queue in picture.queues.items():
            if rule.queue == queue_id or (rule.queue is None and agent_of(queue_id) is None):
                subject = Subject(kind=SubjectKind.QUEUE, name=queue_id)
                yield subject, _of_queue(rule.kind, picture, queue, today, now)
    elif rule.kind is AlertKind.MISSED_OFFERS:
        for agent_id, agent in picture.agents.items():
            yield Subject(kind=SubjectKind.AGENT, name=agent_id), float(agent.misses)
    elif rule.kind is AlertKind.UNOWNED_CASES:
        yield UNOWNED, None if elsewhere.unseen_cases is None else float(elsewhere.unseen_cases)
    else:
        for name, answers in elsewhere.trunks.items():
            yield Subject(kind=SubjectKind.TRUNK, name=name), None if answers is None else float(not answers)


def _of_queue(kind: AlertKind, picture: Picture, queue: QueueRecord, today: Today, now: datetime) -> float | None:
    queue_id = queue.config.queue_id
    callers = len(queue.waiting) - queue.absent
    match kind:
        case AlertKind.WAITING:
            return float(callers)
        case AlertKind.LONGEST_WAIT:
            waiting = (one for one in picture.waiting_in(queue_id) if one.presence is Presence.PRESENT)
            since = min((one.entered_at for one in waiting), default=now)
            return (now - since).total_seconds()
        case AlertKind.SERVICE_LEVEL:
            figures = today(queue_id)
            enough = figures.service_level is not None and figures.offered >= FEWEST_CALLS
            return figures.service_level * 100 if enough and figures.service_level is not None else None
        case _:
            # Nobody need be there where nobody is let in and nobody waits.
            if not callers and not _lets_in(queue, now):
                return 0.0
            missing = not queue.served if kind is AlertKind.NOBODY_SERVES else not _anybody_ready(queue)
            return float(missing)


def _lets_in(queue: QueueRecord, now: datetime) -> bool:
    hours = queue.config.limits.hours
    return not queue.config.closed_by and (hours is None or hours.is_open(now))


def _anybody_ready(queue: QueueRecord) -> bool:
    return any(agent.state is AgentState.READY for pool in queue.pools for agent in pool.agents.values())
