"""What a supervisor does about callers, agents and queues.

Law: whatever is done is in the audit log with who did it, to what, and how it was before and after.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import structlog

from callcenter.acd.waiting import WaitingRecord
from callcenter.acd.why import WaitingReason, why_waiting
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import CallEnded
from callcenter.app.ports import Clock, Configuration, Journal, Users
from callcenter.app.screens import Screens
from callcenter.app.views import AgentView, QueueView, WaitingView
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Reason
from callcenter.domain.callbacks import Presence
from callcenter.domain.direct import agent_of
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, InteractionId, QueueId

log = structlog.get_logger(__name__)

DURABLE_WITHIN = timedelta(seconds=2)
"""How long what was done waits for the disk; after it the journal's own spill keeps it."""
PICKED_FOR = timedelta(minutes=2)
"""How long a caller is kept for the agent who was picked, where nothing else is said."""
NO_STATE = "nothing"


class Supervision:
    """Implements `Supervisor` (app/desk_port.py)."""

    def __init__(
        self,
        *,
        floor: Floor,
        screens: Screens,
        journal: Journal,
        configuration: Configuration,
        users: Users,
        clock: Clock,
    ) -> None:
        self._floor = floor
        self._screens = screens
        self._journal = journal
        self._configuration = configuration
        self._users = users
        self._clock = clock
        self._closing = asyncio.Lock()

    # ---- callers

    def why_waiting(self, interaction_id: InteractionId) -> WaitingReason:
        """Why this caller is still waiting."""
        return why_waiting(self._floor.picture, interaction_id, self._clock.now(), routing=self._floor.routing)

    async def set_priority(self, interaction_id: InteractionId, priority: int, *, by: str) -> WaitingView | None:
        """Give a waiting caller another priority."""
        before = self._waiting(interaction_id).base_priority
        await self._floor.request(cmd.SetPriority(interaction_id=interaction_id, priority=priority, by=by))
        await self._audit(by, "priority_set", (interaction_id, f"{before} -> {priority}"))
        return self._screens.waiting_view(interaction_id)

    async def move(self, interaction_id: InteractionId, queue_id: QueueId, *, by: str) -> WaitingView | None:
        """Put a waiting caller into another queue; into the one where he waits changes nothing."""
        before = self._waiting(interaction_id).queue_id
        self._floor.picture.queue(queue_id)
        if before != queue_id:
            await self._floor.request(cmd.MoveInteraction(interaction_id=interaction_id, queue_id=queue_id, by=by))
            await self._audit(by, "caller_moved", (interaction_id, f"{before} -> {queue_id}"))
        return self._screens.waiting_view(interaction_id)

    async def pick(
        self, interaction_id: InteractionId, agent_id: AgentId, *, within: timedelta | None, by: str
    ) -> WaitingView | None:
        """Keep a waiting caller for one agent who is at work."""
        before = self._waiting(interaction_id).reserved_for or NO_STATE
        await self._floor.request(
            cmd.PickForAgent(interaction_id=interaction_id, agent_id=agent_id, by=by, within=within or PICKED_FOR)
        )
        await self._audit(by, "caller_picked", (interaction_id, f"{before} -> {agent_id}"))
        return self._screens.waiting_view(interaction_id)

    async def cancel_callback(self, interaction_id: InteractionId, *, by: str) -> None:
        """Take a waiting callback off."""
        place = self._waiting(interaction_id)
        if place.callback is None or place.presence is Presence.PRESENT:
            raise Conflict(
                f"interaction {interaction_id} is no callback: its customer is on the line", code="not_a_callback"
            )
        await self._floor.request(
            CallEnded(interaction_id=interaction_id, outcome=ev.Outcome.CALLBACK_CANCELLED, side=ev.Side.SYSTEM)
        )
        await self._audit(by, "callback_cancelled", (interaction_id, f"{place.queue_id} -> {NO_STATE}"))

    # ---- agents

    async def force_state(self, agent_id: AgentId, state: AgentState, reason: str | None, *, by: str) -> AgentView:
        """Put an agent into `ready`, `not_ready` or `logged_out`; who is logged out is not put to work."""
        before = self._floor.picture.agent(agent_id).state
        match state:
            case AgentState.READY:
                command: cmd.Command = cmd.SetReady(agent_id=agent_id, by=by)
            case AgentState.NOT_READY:
                checked = await self._checked_reason(reason)
                command = cmd.SetNotReady(agent_id=agent_id, reason=checked, by=by)
            case AgentState.LOGGED_OUT:
                command = cmd.LogOut(agent_id=agent_id, by=by)
            case _:
                raise InvalidValue(
                    f"nobody can be put into {state}; possible are ready, not_ready and logged_out",
                    code="invalid_state",
                )
        await self._floor.request(command)
        view = self._screens.agent_view(agent_id)
        wish = "" if view.after_call is None else f", after the talk {view.after_call.state}"
        why = f" ({reason})" if reason else ""
        await self._audit(by, "state_forced", (agent_id, f"{before} -> {view.state}{wish}{why}"))
        return view

    # ---- queues

    async def close_queues(self, queue_ids: Sequence[QueueId] | None, *, by: str) -> tuple[QueueView, ...]:
        """Close queues in an emergency: at once, and from then on over restarts and changes of the configuration."""
        # Two supervisors at once would each close what the other opens.
        async with self._closing:
            chosen = self._chosen(queue_ids)
            closed = [queue_id for queue_id in chosen if not self._closed_by(queue_id)]
            for queue_id in closed:
                await self._configure(queue_id, by)
            await self._audit(by, "queue_closed", *((queue_id, "open -> closed") for queue_id in closed))
            for queue_id in chosen:
                # Also where it was closed before: what the store did not take then, it takes now.
                with suppress(NotFound):  # The business has it no more; it goes as soon as nobody waits there.
                    by = self._closed_by(queue_id)
                    await self._configuration.close_queue(queue_id, by=by, at=self._clock.now())
        return tuple(self._screens.queue_view(queue_id) for queue_id in chosen)

    async def open_queues(self, queue_ids: Sequence[QueueId] | None, *, by: str) -> tuple[QueueView, ...]:
        """End the emergency."""
        async with self._closing:
            chosen = self._chosen(queue_ids)
            closers = {queue_id: who for queue_id in chosen if (who := self._closed_by(queue_id))}
            for queue_id in closers:
                await self._configure(queue_id, "")
            lines = ((queue_id, f"closed by {who} -> open") for queue_id, who in closers.items())
            await self._audit(by, "queue_opened", *lines)
            for queue_id in chosen:
                await self._configuration.open_queue(queue_id)
        return tuple(self._screens.queue_view(queue_id) for queue_id in chosen)

    # ---- inside

    def _chosen(self, queue_ids: Sequence[QueueId] | None) -> list[QueueId]:
        """The queues there are of those asked for; one that is not there is refused before anything is done."""
        if queue_ids is None:
            return sorted(queue_id for queue_id in self._floor.picture.queues if agent_of(queue_id) is None)
        for queue_id in queue_ids:
            self._floor.picture.queue(queue_id)
        return list(queue_ids)

    def _closed_by(self, queue_id: QueueId) -> str:
        return self._floor.picture.queue(queue_id).config.closed_by

    async def _configure(self, queue_id: QueueId, closed_by: str) -> None:
        config = self._floor.picture.queue(queue_id).config
        await self._floor.request(cmd.ConfigureQueue(config=replace(config, closed_by=closed_by)))

    def _waiting(self, interaction_id: InteractionId) -> WaitingRecord:
        place = self._floor.picture.waiting.get(interaction_id)
        if place is None:
            raise NotFound(f"interaction {interaction_id} does not wait in any queue", code="not_waiting")
        return place

    async def _checked_reason(self, reason: str | None) -> str:
        if reason is None:
            return Reason.FORCED
        known = {item.code for item in await self._configuration.reasons()}
        if reason not in known:
            raise InvalidValue(
                f"there is no reason {reason!r}; known: {', '.join(sorted(known))}", code="unknown_reason"
            )
        return reason

    async def _audit(self, by: str, action: str, *lines: tuple[str, str]) -> None:
        """Write a line, subject and detail, of each thing that has been done.

        It is done, so a store that is away must not make it look refused; the events say who did it, too.
        """
        if not lines:
            return
        await self._journal.flushed(DURABLE_WITHIN)
        at = self._clock.now()
        try:
            for subject, detail in lines:
                await self._users.audit(at=at, by=by, action=action, subject=subject, detail=detail)
        except CallcenterError:
            log.exception("audit_not_written", by=by, action=action, lines=lines)
