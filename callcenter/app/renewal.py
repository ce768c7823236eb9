"""Brings a running floor to the configuration that is newest in the store: queues, agents, lines, then what is gone.

Laws: whatever is refused now is tried again, and calls go on as they were meanwhile; new lines count only when every
flow and every number checks out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import structlog

from callcenter.acd.picture import Picture
from callcenter.app.calls import Calls
from callcenter.app.floor import Floor
from callcenter.app.lines import Lines
from callcenter.app.ports import Configuration
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentConfig, NotReadyReason, Phone
from callcenter.domain.direct import agent_of
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, QueueId
from callcenter.ivr.faults import FlowError

log = structlog.get_logger(__name__)

POLL_INTERVAL = timedelta(seconds=1)
ANSWER_LIMIT = timedelta(seconds=5)
"""The longest a look into the store may take; then it is looked again."""


class RefreshedScreens(Protocol):
    """Whoever shows the floor."""

    def refresh_everything(self) -> None:
        """Show everything anew."""
        ...


class Renewal:
    """One task of its own: looks at the version, and makes the floor follow it."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        floor: Floor,
        calls: Calls,
        screens: RefreshedScreens,
        load_lines: Callable[[], Awaitable[Lines]],
        lines_changed: Callable[[], Awaitable[bool]],
        prepare: Callable[[Lines], Awaitable[None]],
        version: int,
    ) -> None:
        """`version` is the one the floor was filled from, or an older one; `prepare` makes the prompts of new lines.

        `lines_changed` says whether lines are to be loaded anew although the version is the same: a file was changed.
        """
        self._configuration = configuration
        self._floor = floor
        self._calls = calls
        self._screens = screens
        self._load_lines = load_lines
        self._lines_changed = lines_changed
        self._prepare = prepare
        self._version = version
        self._phones: dict[AgentId, Phone] | None = None
        self._closed_by: dict[QueueId, str] = {}
        self._reasons: tuple[NotReadyReason, ...] | None = None
        self._leftovers = False
        self._away = False
        self._preparing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Follow the store until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                lines = await self._look()
                if lines is not None:
                    if self._preparing is not None:
                        self._preparing.cancel()
                    self._preparing = tasks.create_task(self._prepared(lines), name="prompts of new lines")
                await asyncio.sleep(POLL_INTERVAL.total_seconds())

    async def _look(self) -> Lines | None:
        try:
            async with asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                lines = await self.renew()
        except (TimeoutError, CallcenterError) as error:
            if not self._away:
                log.warning("configuration_not_read", error=str(error) or type(error).__name__)
            self._away = True
            return None
        except Exception:
            # A defect here must not end the routing of calls.
            if not self._away:
                log.exception("renewal_defect")
            self._away = True
            return None
        self._away = False
        return lines

    async def renew(self) -> Lines | None:
        """Follow what is new, if anything is; returns new lines, whose prompts may have to be made."""
        if self._phones is None:
            self._phones = {agent.agent_id: agent.phone for agent in await self._configuration.agents()}
            self._closed_by = {queue.queue_id: queue.closed_by for queue in await self._configuration.queues()}
        version = await self._configuration.version()
        if version == self._version:
            if self._leftovers:
                await self._remove_rest()
            return await self._changed_lines()
        await self._configure()
        lines = await self._new_lines()
        # Even with faults: they are told once, and the next version is looked at again.
        self._version = version
        if lines is not None:
            self._calls.lines = lines
            await self._remove_rest()
        self._screens.refresh_everything()
        log.info("configuration_renewed", version=version, lines=lines is not None)
        return lines

    async def _changed_lines(self) -> Lines | None:
        if not await self._lines_changed():
            return None
        lines = await self._new_lines()
        if lines is not None:
            self._calls.lines = lines
            log.info("lines_renewed", flows=len(lines.flows))
        return lines

    async def _configure(self) -> None:
        picture = self._floor.picture
        queues = await self._configuration.queues()
        for queue in queues:
            known = picture.queues.get(queue.queue_id)
            # What a supervisor closed or opened a moment ago must not be undone: only news of the store counts.
            if known is not None and self._closed_by.get(queue.queue_id) == queue.closed_by:
                queue = replace(queue, closed_by=known.config.closed_by)
            if known is None or known.config != queue:
                await self._floor.request(cmd.ConfigureQueue(config=queue))
        self._closed_by = {queue.queue_id: queue.closed_by for queue in queues}
        reasons = await self._configuration.not_ready_reasons()
        if reasons != self._reasons:
            await self._floor.request(cmd.ConfigureReasons(reasons=reasons))
            self._reasons = reasons
        for agent in await self._configuration.agents():
            await self._configure_agent(agent)

    async def _configure_agent(self, agent: AgentConfig) -> None:
        known = self._floor.picture.agents.get(agent.agent_id)
        if known is None:
            await self._floor.request(cmd.ConfigureAgent(config=agent))
        else:
            # Phones are mostly the agents' own choice, and what they chose a moment ago must not be undone.
            if replace(agent, phone=known.config.phone) != known.config:
                await self._floor.request(cmd.ConfigureAgent(config=agent))
            before = self._phones.get(agent.agent_id) if self._phones is not None else None
            if before is not None and agent.phone not in (before, known.phone):
                await self._floor.request(cmd.ChangePhone(agent_id=agent.agent_id, phone=agent.phone))
        if self._phones is not None:
            self._phones[agent.agent_id] = agent.phone

    async def _new_lines(self) -> Lines | None:
        try:
            return await self._load_lines()
        except FlowError as error:
            for fault in error.faults:
                log.error("lines_kept", fault=str(fault))  # noqa: TRY400  The fault says it all.
            return None

    async def _remove_rest(self) -> None:
        """Take away what the store has no more; who is at work or waited for stays until he can go."""
        queues = {queue.queue_id for queue in await self._configuration.queues()}
        agents = {agent.agent_id for agent in await self._configuration.agents()}
        picture = self._floor.picture
        gone: list[cmd.RemoveQueue | cmd.RemoveAgent] = [
            *(cmd.RemoveAgent(agent_id=agent_id) for agent_id in sorted(picture.agents.keys() - agents)),
            *(
                cmd.RemoveQueue(queue_id=queue_id)
                for queue_id in sorted(picture.queues.keys() - queues)
                if _is_free(picture, queue_id)
            ),
        ]
        refused = 0
        for command in gone:
            try:
                await self._floor.request(command)
            except CallcenterError as error:
                refused += 1
                if not self._leftovers:
                    log.warning("removal_put_off", code=error.code, error=str(error))
        if len(gone) > refused:
            self._screens.refresh_everything()
        self._leftovers = refused > 0

    async def _prepared(self, lines: Lines) -> None:
        await self._prepare(lines)


def _is_free(picture: Picture, queue_id: QueueId) -> bool:
    """An agent's own queue is not the business's, and goes only when nobody waits in it."""
    return agent_of(queue_id) is None or not picture.queues[queue_id].waiting
