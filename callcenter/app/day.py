"""The agents' day: what they did since the business's midnight, after a restart too, and the turn of the day."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from callcenter.app.floor import Floor
from callcenter.app.ports import Clock
from callcenter.domain import commands as cmd
from callcenter.domain.errors import CallcenterError
from callcenter.domain.events import Event
from callcenter.domain.ids import AgentId
from callcenter.metrics import agent_day

log = structlog.get_logger(__name__)

LOOK_INTERVAL = timedelta(seconds=10)
"""How late the day may turn: a clock that is set does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What an agent did since midnight, as the routing reckons with it."""

    answered: int = 0
    busy: timedelta = timedelta()
    ready: timedelta = timedelta()


def agents_today(
    agent_ids: Iterable[AgentId], events: Sequence[Event], *, begun: datetime, now: datetime
) -> dict[AgentId, Today]:
    """The same fold over the same events as the reports, for every agent."""
    days = {agent_id: agent_day.begin_day(agent_id, begun) for agent_id in agent_ids}
    for event in events:
        agent_id = getattr(event, "agent_id", None)
        if agent_id in days:
            days[agent_id] = agent_day.fold(days[agent_id], event)
    found = {}
    for agent_id, day in days.items():
        figures = agent_day.figures(day, now)
        busy = figures.talk + figures.hold + figures.wrap_up
        found[agent_id] = Today(answered=figures.handled, busy=busy, ready=figures.ready)
    return found


class DayTurn:
    """Tells the engine when a new day begins."""

    def __init__(self, *, floor: Floor, clock: Clock, day_begins: Callable[[], datetime]) -> None:
        """`day_begins` gives the last local midnight."""
        self._floor = floor
        self._clock = clock
        self._day_begins = day_begins
        self._begun = day_begins()

    async def look(self) -> None:
        """Turn the day if midnight has passed."""
        begins = self._day_begins()
        if begins <= self._begun:
            return
        try:
            await self._floor.request(cmd.BeginDay())
        except CallcenterError as error:
            log.warning("day_not_turned", code=error.code, error=str(error))
            return
        self._begun = begins
        log.info("day_begins", at=begins.isoformat())

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_INTERVAL.total_seconds())
