"""Tells owners at their desks of cases that were not resolved in time, and of tasks they wanted to be reminded of.

Whose such a case was before is told as well, with whom it is now.

Law: what an agent has not dismissed stays on his desk, across restarts; the store knows, the feed only shows.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import structlog

from callcenter.app.case_book import CaseEscalated
from callcenter.app.case_watch import TaskDue, Told
from callcenter.app.feed import agent_topic
from callcenter.app.ports import Clock
from callcenter.app.screens import FeedPort
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, CaseId, CustomerId, TaskId

log = structlog.get_logger(__name__)

KEY: Final = "reminders"
MOST_SHOWN: Final = 50
"""So many an agent sees at once, the newest first."""
KEPT: Final = timedelta(days=30)
LOOK_EVERY: Final = timedelta(seconds=60)
"""So often all is read anew: a task may be done, or a case closed, without its reminder being dismissed."""


class ReminderKind(StrEnum):
    """What somebody is told."""

    CASE_ESCALATED = "case_escalated"
    CASE_PASSED_ON = "case_passed_on"
    """It was his, was not resolved in time, and went to somebody else."""
    TASK_DUE = "task_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One line on a desk; `text` is the case's subject, or what the task says.

    Of a case that was passed on, `due_at` is the time that was missed and `passed_to` who has it since.
    """

    number: int
    kind: ReminderKind
    at: datetime
    text: str
    customer_id: CustomerId
    customer_name: str
    due_at: datetime | None
    case_id: CaseId | None = None
    task_id: TaskId | None = None
    passed_to: AgentId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderList:
    """The document of a desk."""

    items: tuple[Reminder, ...]


class ReminderBook(Protocol):
    """The reminders nobody has dismissed."""

    async def open(self, agent_id: AgentId | None = None) -> Mapping[AgentId, tuple[Reminder, ...]]:
        """Of one agent or of all, the newest first.

        Those of settled cases and tasks that are done are left out, and of cases that are somebody else's now. That a
        case was passed on stays until it is read, unless it came back.
        """
        ...

    async def dismiss(self, agent_id: AgentId, number: int, *, at: datetime) -> None:
        """Take it off the agent's desk; `NotFound` when it is not his, a second time does nothing."""
        ...

    async def forget(self, before: datetime) -> int:
        """Drop what is older; returns how many."""
        ...


class Reminders:
    """Shows each agent's reminders; one task runs it, `take` is called by the watch over cases."""

    def __init__(self, *, book: ReminderBook, feed: FeedPort, clock: Clock) -> None:
        self._book = book
        self._feed = feed
        self._clock = clock
        self._shown: set[AgentId] = set()
        self._wake = asyncio.Event()

    def take(self, told: Told) -> None:
        """Something is due; the store has its reminder already."""
        match told:
            case CaseEscalated(case=case, previous_owner_id=before):
                log.info(
                    "case_escalated",
                    case_id=case.case_id,
                    owner_id=case.owner_id,
                    previous_owner_id=before,
                    priority=case.priority,
                )
            case TaskDue(task=task):
                log.info("task_due", task_id=task.task_id, owner_id=task.owner_id)
        self._wake.set()

    async def run(self) -> None:
        """Show what is open, then what comes, until cancelled."""
        while True:
            try:
                await self.refresh()
                await self._book.forget(self._clock.now() - KEPT)
            except CallcenterError as error:
                log.warning("reminders_not_read", error=error.code)
            try:
                async with asyncio.timeout(LOOK_EVERY.total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Show every agent's reminders as they are now."""
        self._wake.clear()
        found = await self._book.open()
        for agent_id in sorted(self._shown - found.keys()):
            self._feed.put(agent_topic(agent_id), KEY, ReminderList(items=()))
        for agent_id, items in found.items():
            self._feed.put(agent_topic(agent_id), KEY, ReminderList(items=items[:MOST_SHOWN]))
        self._shown |= found.keys()

    async def dismiss(self, agent_id: AgentId, number: int) -> None:
        """The agent has read it; `NotFound` when it is not his."""
        await self._book.dismiss(agent_id, number, at=self._clock.now())
        items = (await self._book.open(agent_id)).get(agent_id, ())
        self._feed.put(agent_topic(agent_id), KEY, ReminderList(items=items[:MOST_SHOWN]))
        self._shown.add(agent_id)
