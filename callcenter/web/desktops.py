"""Which desktop an agent sits at, and whose desktop is gone.

Laws: an agent has one desktop, a newer one takes over; one that stays away longer than the grace is reported lost
once, and reported back once when it returns, in this order.
"""

import asyncio
from datetime import timedelta
from typing import Protocol, cast

import structlog
from fastapi import FastAPI

from callcenter.app.desk_port import AgentDesk
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId

log = structlog.get_logger(__name__)

REPORTS_LIMIT = 1_000
REPORT_TIME_LIMIT_SECONDS = 10.0


class Desktop(Protocol):
    """One connected screen."""

    @property
    def session_hash(self) -> str:
        """The session it belongs to."""
        ...

    def take_over(self) -> None:
        """Another desktop of the same agent has come: end."""
        ...


class Desktops:
    """The seats. Run `run` as long as desktops may come and go."""

    def __init__(self, desk: AgentDesk, grace: timedelta) -> None:
        self._desk = desk
        self._grace = grace
        self._seats: dict[AgentId, Desktop] = {}
        self._absences: dict[AgentId, asyncio.TimerHandle] = {}
        self._lost: set[AgentId] = set()
        self._reports: asyncio.Queue[tuple[AgentId, bool]] = asyncio.Queue(REPORTS_LIMIT)

    def sit(self, agent_id: AgentId, desktop: Desktop) -> None:
        """The agent's desktop is this one now."""
        before = self._seats.get(agent_id)
        self._seats[agent_id] = desktop
        if before is not None and before is not desktop:
            before.take_over()
        absence = self._absences.pop(agent_id, None)
        if absence is not None:
            absence.cancel()
        if agent_id in self._lost:
            self._lost.discard(agent_id)
            self._report(agent_id, lost=False)

    def leave(self, agent_id: AgentId, desktop: Desktop, *, on_purpose: bool) -> None:
        """The desktop is gone; `on_purpose` when its user signed out. Nothing happens when another has taken over."""
        if self._seats.get(agent_id) is not desktop:
            return
        del self._seats[agent_id]
        if on_purpose:
            return
        loop = asyncio.get_running_loop()
        self._absences[agent_id] = loop.call_later(self._grace.total_seconds(), self._lose, agent_id)

    def is_elsewhere(self, agent_id: AgentId, session_hash: str) -> bool:
        """Whether the agent sits at a desktop of another session."""
        seat = self._seats.get(agent_id)
        return seat is not None and seat.session_hash != session_hash

    async def run(self) -> None:
        """Report to the desk until cancelled; timers end with it."""
        try:
            while True:
                agent_id, lost = await self._reports.get()
                report = self._desk.desktop_lost if lost else self._desk.desktop_back
                try:
                    async with asyncio.timeout(REPORT_TIME_LIMIT_SECONDS):
                        await report(agent_id)
                except (CallcenterError, TimeoutError) as error:
                    log.warning("desktop_not_reported", agent_id=agent_id, lost=lost, error=type(error).__name__)
        finally:
            for absence in self._absences.values():
                absence.cancel()
            self._absences.clear()

    def _lose(self, agent_id: AgentId) -> None:
        self._absences.pop(agent_id, None)
        self._lost.add(agent_id)
        self._report(agent_id, lost=True)

    def _report(self, agent_id: AgentId, *, lost: bool) -> None:
        if self._reports.full():
            log.error("desktop_reports_full", agent_id=agent_id, lost=lost)
        else:
            self._reports.put_nowait((agent_id, lost))


def desktops_of(app: FastAPI) -> Desktops:
    """The desktops of this application."""
    return cast(Desktops, app.state.desktops)
