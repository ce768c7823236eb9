"""Queues, agents and reasons as the business sets them, and agents as a server before this one left them."""

from dataclasses import replace
from datetime import datetime

from callcenter.acd import estimate, overflow
from callcenter.acd.deadlines import DeadlineKind, Deadlines
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.places import PlaceList
from callcenter.acd.queue_care import QueueCare
from callcenter.acd.queueing import Queueing
from callcenter.acd.roster import AT_WORK, AgentDay, AgentRecord, Wish
from callcenter.acd.steps import Output, Steps
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState
from callcenter.domain.errors import Conflict
from callcenter.domain.queues import QueueConfig


class Configuring:
    """Puts into the picture what is set."""

    def __init__(
        self, picture: Picture, deadlines: Deadlines, steps: Steps, queueing: Queueing, care: QueueCare
    ) -> None:
        self.picture = picture
        self._deadlines = deadlines
        self._steps = steps
        self._queueing = queueing
        self._care = care

    def configure_queue(self, message: cmd.ConfigureQueue, now: datetime) -> list[Output]:
        """A new queue, or new rules of one; those who wait follow them at once."""
        config = message.config
        queue = self.picture.queues.get(config.queue_id)
        if queue is None:
            queue = QueueRecord(
                config, PlaceList(), estimate.HandleTime(config.expected_handle_time), estimate.Patience()
            )
            self.picture.queues[config.queue_id] = queue
            self.picture.configure_pools(queue)
            queue.delays = self.picture.delays_in(config.queue_id)
            return []
        before, queue.config = queue.config, config
        queue.handle_time.expect(config.expected_handle_time)
        self.picture.configure_pools(queue)
        out = self._queueing.follow_rules(queue, now)
        limits = (config.limits.when_nobody, config.limits.nobody_after)
        if limits != (before.limits.when_nobody, before.limits.nobody_after):
            self._care.arm_nobody(queue, now)
        return out + self._open_or_close(before, queue, now)

    def _open_or_close(self, before: QueueConfig, queue: QueueRecord, now: datetime) -> list[Output]:
        config = queue.config
        if bool(before.closed_by) is bool(config.closed_by):
            return []
        if not config.closed_by:
            return [ev.QueueOpened(queue_id=config.queue_id, at=now)]
        closed = ev.QueueClosed(queue_id=config.queue_id, at=now, by=config.closed_by)
        return [closed, *self._care.send_all_on(queue, list(overflow.when_closed_by_hand(queue)), now)]

    def configure_agent(self, message: cmd.ConfigureAgent, now: datetime) -> list[Output]:
        """A new agent, or what he can do now."""
        config = message.config
        agent = self.picture.agents.get(config.agent_id)
        before = agent.config.preferences if agent is not None else {}
        if agent is None:
            agent = AgentRecord(config=config, since=now, counted_until=now, phone=config.phone)
            self.picture.agents[config.agent_id] = agent
            self.picture.pools.enter(agent)
        else:
            self.picture.before_change(agent)
            agent.config = replace(config, phone=agent.phone)
            self.picture.pools.enter(agent)
            self.picture.after_change(agent)
            self.picture.look_after_all_queues()
        for queue in self.picture.change_preferences(before, config.preferences):
            self._queueing.follow_delays(queue, now)
        return []

    def configure_reasons(self, message: cmd.ConfigureReasons, _now: datetime) -> list[Output]:
        """The reasons for a break, with their time limits."""
        self.picture.reasons = {reason.code: reason for reason in message.reasons}
        for agent in self.picture.agents.values():
            self._steps.arm_time_limit(agent)
        return []

    def begin_day(self, _message: cmd.BeginDay, now: datetime) -> list[Output]:
        """What is counted by the day begins anew."""
        for agent in self.picture.agents.values():
            agent.day, agent.counted_until = AgentDay(), now
        return []

    def remove_queue(self, message: cmd.RemoveQueue, _now: datetime) -> list[Output]:
        """Raises `Conflict` while somebody waits in it."""
        queue = self.picture.queue(message.queue_id)
        waiting = len(queue.waiting)
        if waiting:
            raise Conflict(
                f"{waiting} wait in queue {message.queue_id}; it can go when the last of them has been served",
                code="queue_not_empty",
            )
        for pool in queue.pools:
            pool.needed_by.discard(message.queue_id)
        del self.picture.queues[message.queue_id]
        return []

    def remove_agent(self, message: cmd.RemoveAgent, now: datetime) -> list[Output]:
        """Raises `Conflict` while he is signed in."""
        agent = self.picture.agent(message.agent_id)
        if agent.state is not AgentState.LOGGED_OUT:
            raise Conflict(
                f"agent {agent.agent_id} is {agent.state}; he can go when he has logged out", code="agent_logged_in"
            )
        self.picture.before_change(agent)
        self.picture.pools.leave(agent)
        del self.picture.agents[agent.agent_id]
        for queue in self.picture.queues.values():
            queue.last_offered.pop(agent.agent_id, None)
        for queue in self.picture.change_preferences(agent.config.preferences, {}):
            self._queueing.follow_delays(queue, now)
        return []

    def restore_agent(self, message: cmd.RestoreAgent, now: datetime) -> list[Output]:
        """What an agent was when the server before this one last wrote it down."""
        agent = self.picture.agent(message.agent_id)
        self.picture.before_change(agent)
        agent.state, agent.reason, agent.since = message.state, message.reason, message.since
        agent.by = message.by
        agent.counted_until = now
        agent.ready_since, agent.wrap_up_until = message.ready_since, message.wrap_up_until
        agent.interaction_id, agent.offer_id = message.interaction_id, message.offer_id
        agent.queue_id, agent.misses, agent.rest_until = message.queue_id, message.misses, None
        agent.day = AgentDay(message.answered_today, message.busy_today, message.ready_today)
        after_call = message.after_call
        agent.wish = None if after_call is None else Wish(state=after_call, reason=message.after_call_reason)
        agent.talk_since = message.since if agent.in_talk else None
        agent.busy_since = message.since if agent.state in AT_WORK else None
        if agent.state is AgentState.READY and agent.ready_since is None:
            agent.ready_since = message.since
        if agent.state is AgentState.WRAP_UP:
            agent.wrap_up_until = agent.wrap_up_until or now
            self._deadlines.arm(DeadlineKind.WRAP_UP, agent.agent_id, agent.wrap_up_until)
        self.picture.after_change(agent)
        self._steps.arm_time_limit(agent)
        return []
