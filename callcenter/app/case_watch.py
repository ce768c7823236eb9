"""Watches the time of cases and tasks: escalates what is overdue, and tells owners what they wanted to be reminded of.

Law: an escalation happens once for each due time, a reminder once for each time it was set to; the store keeps both
for the owner's desk and for web hooks before anybody is told.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from callcenter.app.case_book import CaseBook, CaseEscalated, TaskBook
from callcenter.app.ports import Clock
from callcenter.domain.errors import CallcenterError
from callcenter.domain.tasks import Task

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=15)
MOST_A_TURN = 200
"""Cases and tasks that one turn deals with; the rest comes with the next, so that nothing else waits for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDue:
    """Somebody wanted to be told of this task now."""

    task: Task


Told = CaseEscalated | TaskDue


class CaseWatch:
    """One task runs it; `tell` is called on the loop, returns at once and raises nothing."""

    def __init__(self, *, cases: CaseBook, tasks: TaskBook, clock: Clock, tell: Callable[[Told], None]) -> None:
        self._cases = cases
        self._tasks = tasks
        self._clock = clock
        self._tell = tell

    async def run(self) -> None:
        """Look again and again until cancelled; a store that is away is asked again later."""
        while True:
            busy = False
            try:
                busy = await self.turn()
            except CallcenterError as error:
                log.warning("case_watch_failed", error=error.code)
            await asyncio.sleep(0 if busy else LOOK_EVERY.total_seconds())

    async def turn(self) -> bool:
        """Escalate and remind once; True when there may be more to do at once."""
        now = self._clock.now()
        escalated = await self._cases.escalate_due(now=now, limit=MOST_A_TURN)
        for one in escalated:
            self._tell(one)
        due = await self._tasks.reminders(now=now, limit=MOST_A_TURN)
        if due:
            await self._tasks.reminded([task.task_id for task in due], at=now)
        for task in due:
            self._tell(TaskDue(task=task))
        return MOST_A_TURN in (len(escalated), len(due))
