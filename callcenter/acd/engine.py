"""The ACD engine: commands in, events and actions out; no clock, no chance, no adapter inside.

Laws: an offer ends exactly once; an agent holds at most one interaction and an interaction at most one agent; no
offerable agent stands beside a waiting interaction he can serve while routing is on; an illegal request raises and
nothing has happened; reports about what is over already change nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from callcenter.acd import estimate
from callcenter.acd.deadlines import DeadlineKind, Deadlines
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.roster import AgentRecord, ReadyList, Wish
from callcenter.acd.steps import Output, Steps
from callcenter.acd.waiting import WaitingList, WaitingRecord
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.agents import AgentState, PhoneStatus, Reason, check_agent_transition
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import AgentId, OfferId, QueueId
from callcenter.domain.offers import OfferCause, OfferOutcome

_CURED_BY_A_TALK = frozenset(Reason) - {Reason.SIGNED_IN}
"""Reasons the server gave because it could not reach the agent; a talk shows that it can, so they end with it."""


class AcdEngine:
    """Which agent gets which interaction."""

    def __init__(self) -> None:
        self.picture = Picture()
        self._deadlines = Deadlines(self.picture)
        self._steps = Steps(self.picture, self._deadlines)

    @property
    def routing(self) -> bool:
        """Whether offers are made."""
        return self._steps.routing

    # ---- the three methods of a protocol engine

    def handle(self, message: cmd.Command, now: datetime) -> list[Output]:
        """Carry out one command; raises `NotFound`, `Conflict` or `IllegalTransition` and then nothing has changed."""
        handler: Callable[[cmd.Command, datetime], list[Output]] = getattr(self, _HANDLERS[type(message)])
        return handler(message, now)

    def next_deadline(self) -> datetime | None:
        """When `handle_deadline` wants to be called next."""
        return self._deadlines.next()

    def handle_deadline(self, now: datetime) -> list[Output]:
        """Do what has become due by `now`: wrap-ups end, unreported offers are given up."""
        out: list[Output] = []
        while (due := self._deadlines.pop_due(now)) is not None:
            kind, key = due
            if kind is DeadlineKind.OFFER:
                out.append(StopRinging(offer_id=OfferId(key)))
                out += self._steps.fail_offer(self.picture.offers[OfferId(key)], OfferCause.TIMEOUT, now)
            else:
                out += self._steps.after_work(self.picture.agents[AgentId(key)], now)
        return out

    # ---- configuration

    def _configure_queue(self, message: cmd.ConfigureQueue, now: datetime) -> list[Output]:
        config = message.config
        known = self.picture.queues.get(config.queue_id)
        if known is None:
            self.picture.queues[config.queue_id] = QueueRecord(
                config, WaitingList(), ReadyList(), estimate.HandleTime(config.expected_handle_time)
            )
        else:
            known.handle_time.expect(config.expected_handle_time)
            known.config = config
        self.picture.index_everyone_again()
        return self._steps.route_all(now)

    def _configure_agent(self, message: cmd.ConfigureAgent, now: datetime) -> list[Output]:
        config = message.config
        known = self.picture.agents.get(config.agent_id)
        if known is None:
            self.picture.agents[config.agent_id] = AgentRecord(config=config, since=now, phone=config.phone)
            return []
        self.picture.unindex(known)
        known.config = replace(config, phone=known.phone)
        self.picture.index(known)
        return self._steps.route_agent(known, now)

    def _remove_queue(self, message: cmd.RemoveQueue, _now: datetime) -> list[Output]:
        waiting = len(self.picture.queue(message.queue_id).waiting)
        if waiting:
            raise Conflict(
                f"{waiting} wait in queue {message.queue_id}; it can go when the last of them has been served",
                code="queue_not_empty",
            )
        del self.picture.queues[message.queue_id]
        return []

    def _remove_agent(self, message: cmd.RemoveAgent, _now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        if agent.state is not AgentState.LOGGED_OUT:
            raise Conflict(
                f"agent {agent.agent_id} is {agent.state}; he can go when he has logged out", code="agent_logged_in"
            )
        self.picture.unindex(agent)
        del self.picture.agents[agent.agent_id]
        return []

    def _restore_agent(self, message: cmd.RestoreAgent, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        self.picture.unindex(agent)
        agent.state, agent.reason, agent.since = message.state, message.reason, message.since
        agent.ready_since, agent.wrap_up_until = message.ready_since, message.wrap_up_until
        agent.interaction_id, agent.offer_id = message.interaction_id, message.offer_id
        agent.queue_id = message.queue_id
        after_call = message.after_call
        agent.wish = None if after_call is None else Wish(state=after_call, reason=message.after_call_reason)
        agent.talk_since = message.since if agent.state is AgentState.TALKING else None
        if agent.state is AgentState.READY and agent.ready_since is None:
            agent.ready_since = message.since
        if agent.state is AgentState.WRAP_UP:
            self._steps.arm_wrap_up(agent, agent.wrap_up_until or now)
        self.picture.index(agent)
        return self._steps.route_agent(agent, now)

    def _restore_offer(self, message: cmd.RestoreOffer, now: datetime) -> list[Output]:
        offer = message.offer
        agent = self.picture.agent(offer.agent_id)
        waiting = self.picture.waiting.get(offer.interaction_id)
        if offer.offer_id in self.picture.offers:
            return []
        free = agent.state is AgentState.READY
        his = agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id
        fits = waiting is not None and waiting.offer_id is None and waiting.queue_id == offer.queue_id
        if waiting is None or not fits or not (free or his):
            return [StopRinging(offer_id=offer.offer_id)]
        changed = self._steps.present(agent, waiting, offer, now)
        return [*changed, ev.OfferMade(interaction_id=offer.interaction_id, at=now, offer=offer)]

    def _start_routing(self, _message: cmd.StartRouting, now: datetime) -> list[Output]:
        self._steps.routing = True
        out: list[Output] = []
        for agent in self.picture.agents.values():
            if agent.state is AgentState.OFFERED and agent.offer_id not in self.picture.offers:
                out += self._steps.close_lost_offer(agent, OfferOutcome.WITHDRAWN, now)
                out += self._steps.become(agent, AgentState.READY, now)
        return out + self._steps.route_all(now)

    def _stop_routing(self, _message: cmd.StopRouting, _now: datetime) -> list[Output]:
        self._steps.routing = False
        return []

    # ---- what agents ask for

    def _log_in(self, message: cmd.LogIn, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        if agent.state is not AgentState.LOGGED_OUT:
            return []
        return self._steps.become(agent, AgentState.NOT_READY, now, reason=Reason.SIGNED_IN)

    def _log_out(self, message: cmd.LogOut, now: datetime) -> list[Output]:
        return self._go_away(message.agent_id, AgentState.LOGGED_OUT, None, now)

    def _set_not_ready(self, message: cmd.SetNotReady, now: datetime) -> list[Output]:
        if self._require_logged_in(message.agent_id).reason == message.reason:
            return []
        return self._go_away(message.agent_id, AgentState.NOT_READY, message.reason, now)

    def _set_ready(self, message: cmd.SetReady, now: datetime) -> list[Output]:
        agent = self._require_logged_in(message.agent_id)
        if agent.state in (AgentState.READY, AgentState.OFFERED):
            return []
        if agent.state is AgentState.TALKING:
            return self._steps.wish(agent, None, now)
        return self._steps.become_free(agent, now)

    def _end_wrap_up(self, message: cmd.EndWrapUp, now: datetime) -> list[Output]:
        agent = self._require_logged_in(message.agent_id)
        if agent.state is not AgentState.WRAP_UP:
            raise Conflict(f"agent {agent.agent_id} is {agent.state}; there is no wrap-up to end", code="no_wrap_up")
        match message.then:
            case None:
                return self._steps.after_work(agent, now)
            case AgentState.READY:
                return self._steps.become_free(agent, now)
            case AgentState.NOT_READY | AgentState.LOGGED_OUT:
                return self._steps.become(agent, message.then, now, reason=message.reason)
            case _:
                raise InvalidValue(
                    f"agent {agent.agent_id} cannot become {message.then} after wrap-up; "
                    "possible: ready, not_ready, logged_out"
                )

    def _change_phone(self, message: cmd.ChangePhone, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        self.picture.unindex(agent)
        agent.phone, agent.phone_status = message.phone, PhoneStatus.UNKNOWN
        self.picture.index(agent)
        return [self._phone_event(agent, now), *self._steps.route_agent(agent, now)]

    def _report_phone(self, message: cmd.ReportPhone, now: datetime) -> list[Output]:
        agent = self.picture.agents.get(message.agent_id)
        if agent is None:
            return []
        status = message.status
        if status is PhoneStatus.BUSY and agent.state in (AgentState.OFFERED, AgentState.TALKING):
            status = PhoneStatus.FREE  # It is our own call that occupies it.
        if status is agent.phone_status:
            return []
        self.picture.unindex(agent)
        agent.phone_status = status
        self.picture.index(agent)
        return [self._phone_event(agent, now), *self._steps.route_agent(agent, now)]

    # ---- what happens to interactions

    def _enqueue(self, message: cmd.Enqueue, now: datetime) -> list[Output]:
        self.picture.queue(message.queue_id)
        known = self.picture.waiting.get(message.interaction_id)
        if known is not None and known.queue_id == message.queue_id:
            return []
        if message.interaction_id in self.picture.talking_interactions:
            return []
        out: list[Output] = []
        if known is not None:
            offer = self.picture.offers.get(known.offer_id) if known.offer_id is not None else None
            self.picture.drop_waiting(known)
            if offer is not None:
                out += self._steps.withdraw(offer, now)
        record = WaitingRecord(
            interaction_id=message.interaction_id,
            queue_id=message.queue_id,
            entered_at=message.entered_at,
            priority=message.priority,
            skills=message.skills,
        )
        self.picture.add_waiting(record)
        out.append(
            ev.InteractionQueued(
                interaction_id=record.interaction_id,
                at=now,
                queue_id=record.queue_id,
                entered_at=record.entered_at,
                priority=record.priority,
                skills=record.skills,
            )
        )
        # Whoever was rung for it in the old queue is free again, and chooses only now that it stands in the new one.
        return out + (self._steps.route_all(now) if out[:-1] else self._steps.route_interaction(record, now))

    def _leave(self, message: cmd.Leave, now: datetime) -> list[Output]:
        out: list[Output] = []
        record = self.picture.waiting.get(message.interaction_id)
        if record is not None:
            out += self._steps.take_out(record, OfferOutcome.ABANDONED, OfferCause.CALLER_LEFT, now)
        agent_id = self.picture.talking_interactions.get(message.interaction_id)
        if agent_id is not None:
            out += self._steps.end_talk(self.picture.agents[agent_id], ev.Side.CALLER, now)
        return out

    def _report_offer_failed(self, message: cmd.ReportOfferFailed, now: datetime) -> list[Output]:
        offer = self.picture.offers.get(message.offer_id)
        return [] if offer is None else self._steps.fail_offer(offer, message.cause, now)

    def _report_talk(self, message: cmd.ReportTalk, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        self._check_same_offer(message)
        if agent.state is AgentState.TALKING and agent.offer_id == message.offer_id:
            return []
        out: list[Output] = []
        for other in self._talks_contradicting(message):
            # Its end was not reported: nobody can be in two talks, and the bridge seen last is the live one.
            out += self._steps.end_talk(other, None, now, stays=other is agent)
        waiting = self.picture.waiting.get(message.interaction_id)
        queue_id = waiting.queue_id if waiting is not None else message.queue_id
        rivals = {waiting.offer_id if waiting is not None else None, agent.offer_id} - {message.offer_id}
        displaced = [self.picture.offers[rival] for rival in rivals if rival in self.picture.offers]
        for rival_offer in sorted(displaced, key=lambda rival: rival.offer_id):
            out += self._steps.withdraw(rival_offer, now)
        offer = self.picture.offers.get(message.offer_id)
        if offer is not None:
            out += self._steps.close_offer(offer, OfferOutcome.ANSWERED, None, now)
        else:
            his = agent.offer_id == message.offer_id
            out += self._steps.close_lost_offer(agent, OfferOutcome.ANSWERED if his else OfferOutcome.WITHDRAWN, now)
        if waiting is not None:
            self.picture.drop_waiting(waiting)
        out += self._begin_talk(agent, message, queue_id, now)
        return out + self._steps.route_all(now) if displaced else out

    def _check_same_offer(self, message: cmd.ReportTalk) -> None:
        """Raise `Conflict` when the report joins an offer with somebody else's agent or interaction."""
        offer = self.picture.offers.get(message.offer_id)
        talker = self.picture.talks.get(message.offer_id)
        if offer is not None:
            known = (offer.agent_id, offer.interaction_id)
        elif talker is not None:
            known = (talker, self.picture.agents[talker].interaction_id or message.interaction_id)
        else:
            return
        if known != (message.agent_id, message.interaction_id):
            raise Conflict(
                f"offer {message.offer_id} is of agent {known[0]} and interaction {known[1]}, "
                f"not of {message.agent_id} and {message.interaction_id}",
                code="offer_mismatch",
            )

    def _talks_contradicting(self, message: cmd.ReportTalk) -> list[AgentRecord]:
        """Who was thought to be in a talk that cannot be while the reported one is."""
        agent_ids = {self.picture.talking_interactions.get(message.interaction_id)}
        if self.picture.agents[message.agent_id].state is AgentState.TALKING:
            agent_ids.add(message.agent_id)
        return [self.picture.agents[agent_id] for agent_id in sorted(a for a in agent_ids if a is not None)]

    def _begin_talk(
        self, agent: AgentRecord, message: cmd.ReportTalk, queue_id: QueueId | None, now: datetime
    ) -> list[Output]:
        wish = agent.wish
        if agent.state is AgentState.LOGGED_OUT:
            wish = Wish(state=AgentState.LOGGED_OUT)
        elif agent.state is AgentState.NOT_READY and agent.reason not in _CURED_BY_A_TALK:
            wish = Wish(state=AgentState.NOT_READY, reason=agent.reason)
        agent.queue_id, agent.talk_since = queue_id, now
        out = self._steps.become(
            agent, AgentState.TALKING, now, interaction_id=message.interaction_id, offer_id=message.offer_id
        )
        if wish != agent.wish:
            # He was found talking although he had gone: what he wanted holds after the talk.
            out += self._steps.wish(agent, wish, now)
        connected = ev.InteractionConnected(
            interaction_id=message.interaction_id,
            at=now,
            agent_id=agent.agent_id,
            offer_id=message.offer_id,
            queue_id=queue_id,
        )
        return [*out, connected]

    def _report_talk_ended(self, message: cmd.ReportTalkEnded, now: datetime) -> list[Output]:
        agent_id = self.picture.talks.get(message.offer_id)
        return [] if agent_id is None else self._steps.end_talk(self.picture.agents[agent_id], message.side, now)

    # ---- steps that several of the above share

    def _require_logged_in(self, agent_id: AgentId) -> AgentRecord:
        agent = self.picture.agent(agent_id)
        if agent.state is AgentState.LOGGED_OUT:
            raise Conflict(f"agent {agent_id} is logged out; sign in first", code="agent_not_logged_in")
        return agent

    def _go_away(self, agent_id: AgentId, state: AgentState, reason: str | None, now: datetime) -> list[Output]:
        agent = self.picture.agent(agent_id)
        if agent.state is state is AgentState.LOGGED_OUT:
            return []
        if agent.state is AgentState.TALKING:
            return self._steps.wish(agent, Wish(state=state, reason=reason), now)
        check_agent_transition(agent_id, agent.state, state)
        out: list[Output] = []
        if agent.state is AgentState.OFFERED and agent.offer_id in self.picture.offers:
            offer = self.picture.offers[agent.offer_id]
            out += self._steps.close_offer(offer, OfferOutcome.WITHDRAWN, None, now)
            out.append(StopRinging(offer_id=offer.offer_id))
            out += self._steps.become(agent, state, now, reason=reason)
            return out + self._steps.route_waiting(offer.interaction_id, now)
        out += self._steps.close_lost_offer(agent, OfferOutcome.WITHDRAWN, now)
        return out + self._steps.become(agent, state, now, reason=reason)

    def _phone_event(self, agent: AgentRecord, now: datetime) -> ev.AgentPhoneChanged:
        return ev.AgentPhoneChanged(agent_id=agent.agent_id, at=now, phone=agent.phone, status=agent.phone_status)


_HANDLERS: Mapping[type, str] = {
    cmd.ConfigureQueue: "_configure_queue",
    cmd.ConfigureAgent: "_configure_agent",
    cmd.RemoveQueue: "_remove_queue",
    cmd.RemoveAgent: "_remove_agent",
    cmd.RestoreAgent: "_restore_agent",
    cmd.RestoreOffer: "_restore_offer",
    cmd.StartRouting: "_start_routing",
    cmd.StopRouting: "_stop_routing",
    cmd.LogIn: "_log_in",
    cmd.LogOut: "_log_out",
    cmd.SetReady: "_set_ready",
    cmd.SetNotReady: "_set_not_ready",
    cmd.EndWrapUp: "_end_wrap_up",
    cmd.ChangePhone: "_change_phone",
    cmd.ReportPhone: "_report_phone",
    cmd.Enqueue: "_enqueue",
    cmd.Leave: "_leave",
    cmd.ReportOfferFailed: "_report_offer_failed",
    cmd.ReportTalk: "_report_talk",
    cmd.ReportTalkEnded: "_report_talk_ended",
}
