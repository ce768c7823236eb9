"""The ACD engine: commands in, events and actions out; no clock, no chance, no adapter inside.

Laws: an offer ends exactly once; an agent holds at most one interaction and an interaction at most one agent; no
offerable agent stands beside a waiting interaction he can serve while routing is on; an illegal request raises and
nothing has happened; reports about what is over already change nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import heappop, heappush

from callcenter.acd import estimate
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.reasons import explain_offer
from callcenter.acd.roster import AgentRecord, ReadyList, Wish
from callcenter.acd.waiting import WaitingList, WaitingRecord
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import Action, RingAgent, StopRinging
from callcenter.domain.agents import AgentState, PhoneStatus, Reason, check_agent_transition
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome
from callcenter.domain.skills import satisfies

Output = ev.Event | Action

OFFER_GRACE = timedelta(seconds=5)
"""How much later than its ringing time an offer is given up when nobody reported its end."""

_NOT_READY_REASON = {
    OfferCause.NO_ANSWER: Reason.RONA,
    OfferCause.TIMEOUT: Reason.RONA,
    OfferCause.REJECTED: Reason.REJECTED,
    OfferCause.BUSY: Reason.PHONE_BUSY,
    OfferCause.UNREACHABLE: Reason.PHONE_UNREACHABLE,
}
_OUTCOME = {
    OfferCause.NO_ANSWER: OfferOutcome.RONA,
    OfferCause.TIMEOUT: OfferOutcome.RONA,
    OfferCause.UNREACHABLE: OfferOutcome.RONA,
    OfferCause.REJECTED: OfferOutcome.REJECTED,
    OfferCause.BUSY: OfferOutcome.REJECTED,
    OfferCause.BRIDGE_FAILED: OfferOutcome.WITHDRAWN,
    OfferCause.CALLER_LEFT: OfferOutcome.ABANDONED,
}


_CURED_BY_A_TALK = frozenset(Reason) - {Reason.SIGNED_IN}
"""Reasons the server gave because it could not reach the agent; a talk shows that it can, so they end with it."""


class AcdEngine:
    """Which agent gets which interaction."""

    def __init__(self) -> None:
        self.picture = Picture()
        self._deadlines: list[tuple[datetime, str, str]] = []
        self._routing = False
        self._last_stamp = 0

    @property
    def routing(self) -> bool:
        """Whether offers are made."""
        return self._routing

    # ---- the three methods of a protocol engine

    def handle(self, message: cmd.Command, now: datetime) -> list[Output]:
        """Carry out one command; raises `NotFound`, `Conflict` or `IllegalTransition` and then nothing has changed."""
        handler: Callable[[cmd.Command, datetime], list[Output]] = getattr(self, _HANDLERS[type(message)])
        return handler(message, now)

    def next_deadline(self) -> datetime | None:
        """When `handle_deadline` wants to be called next."""
        while self._deadlines and not self._is_armed(self._deadlines[0]):
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def handle_deadline(self, now: datetime) -> list[Output]:
        """Do what has become due by `now`: wrap-ups end, unreported offers are given up."""
        out: list[Output] = []
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            _, kind, key = heappop(self._deadlines)
            if kind == "offer":
                out.append(StopRinging(offer_id=OfferId(key)))
                out += self._fail_offer(self.picture.offers[OfferId(key)], OfferCause.TIMEOUT, now)
            else:
                out += self._after_work(self.picture.agents[AgentId(key)], now)
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
        return self._route_all(now)

    def _configure_agent(self, message: cmd.ConfigureAgent, now: datetime) -> list[Output]:
        config = message.config
        known = self.picture.agents.get(config.agent_id)
        if known is None:
            self.picture.agents[config.agent_id] = AgentRecord(config=config, since=now, phone=config.phone)
            return []
        self.picture.unindex(known)
        known.config = replace(config, phone=known.phone)
        self.picture.index(known)
        return self._route_agent(known, now)

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
            self._arm_wrap_up(agent, agent.wrap_up_until or now)
        self.picture.index(agent)
        return self._route_agent(agent, now)

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
        changed = self._present(agent, waiting, offer, now)
        return [*changed, ev.OfferMade(interaction_id=offer.interaction_id, at=now, offer=offer)]

    def _start_routing(self, _message: cmd.StartRouting, now: datetime) -> list[Output]:
        self._routing = True
        out: list[Output] = []
        for agent in self.picture.agents.values():
            if agent.state is AgentState.OFFERED and agent.offer_id not in self.picture.offers:
                out += self._close_lost_offer(agent, OfferOutcome.WITHDRAWN, now)
                out += self._become(agent, AgentState.READY, now)
        return out + self._route_all(now)

    def _stop_routing(self, _message: cmd.StopRouting, _now: datetime) -> list[Output]:
        self._routing = False
        return []

    # ---- what agents ask for

    def _log_in(self, message: cmd.LogIn, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        if agent.state is not AgentState.LOGGED_OUT:
            return []
        return self._become(agent, AgentState.NOT_READY, now, reason=Reason.SIGNED_IN)

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
            return self._wish(agent, None, now)
        return self._become_free(agent, now)

    def _end_wrap_up(self, message: cmd.EndWrapUp, now: datetime) -> list[Output]:
        agent = self._require_logged_in(message.agent_id)
        if agent.state is not AgentState.WRAP_UP:
            raise Conflict(f"agent {agent.agent_id} is {agent.state}; there is no wrap-up to end", code="no_wrap_up")
        match message.then:
            case None:
                return self._after_work(agent, now)
            case AgentState.READY:
                return self._become_free(agent, now)
            case AgentState.NOT_READY | AgentState.LOGGED_OUT:
                return self._become(agent, message.then, now, reason=message.reason)
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
        return [self._phone_event(agent, now), *self._route_agent(agent, now)]

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
        return [self._phone_event(agent, now), *self._route_agent(agent, now)]

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
                out += self._withdraw(offer, now)
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
        return out + (self._route_all(now) if out[:-1] else self._route_interaction(record, now))

    def _leave(self, message: cmd.Leave, now: datetime) -> list[Output]:
        out: list[Output] = []
        record = self.picture.waiting.get(message.interaction_id)
        if record is not None:
            out += self._take_out(record, OfferOutcome.ABANDONED, OfferCause.CALLER_LEFT, now)
        agent_id = self.picture.talking_interactions.get(message.interaction_id)
        if agent_id is not None:
            out += self._end_talk(self.picture.agents[agent_id], ev.Side.CALLER, now)
        return out

    def _report_offer_failed(self, message: cmd.ReportOfferFailed, now: datetime) -> list[Output]:
        offer = self.picture.offers.get(message.offer_id)
        return [] if offer is None else self._fail_offer(offer, message.cause, now)

    def _report_talk(self, message: cmd.ReportTalk, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        self._check_same_offer(message)
        if agent.state is AgentState.TALKING and agent.offer_id == message.offer_id:
            return []
        out: list[Output] = []
        for other in self._talks_contradicting(message):
            # Its end was not reported: nobody can be in two talks, and the bridge seen last is the live one.
            out += self._end_talk(other, None, now, stays=other is agent)
        waiting = self.picture.waiting.get(message.interaction_id)
        queue_id = waiting.queue_id if waiting is not None else message.queue_id
        rivals = {waiting.offer_id if waiting is not None else None, agent.offer_id} - {message.offer_id}
        displaced = [self.picture.offers[rival] for rival in rivals if rival in self.picture.offers]
        for rival_offer in sorted(displaced, key=lambda rival: rival.offer_id):
            out += self._withdraw(rival_offer, now)
        offer = self.picture.offers.get(message.offer_id)
        if offer is not None:
            out += self._close_offer(offer, OfferOutcome.ANSWERED, None, now)
        else:
            his = agent.offer_id == message.offer_id
            out += self._close_lost_offer(agent, OfferOutcome.ANSWERED if his else OfferOutcome.WITHDRAWN, now)
        if waiting is not None:
            self.picture.drop_waiting(waiting)
        out += self._begin_talk(agent, message, queue_id, now)
        return out + self._route_all(now) if displaced else out

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
        out = self._become(
            agent, AgentState.TALKING, now, interaction_id=message.interaction_id, offer_id=message.offer_id
        )
        if wish != agent.wish:
            # He was found talking although he had gone: what he wanted holds after the talk.
            out += self._wish(agent, wish, now)
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
        return [] if agent_id is None else self._end_talk(self.picture.agents[agent_id], message.side, now)

    # ---- steps that several of the above share

    def _require_logged_in(self, agent_id: AgentId) -> AgentRecord:
        agent = self.picture.agent(agent_id)
        if agent.state is AgentState.LOGGED_OUT:
            raise Conflict(f"agent {agent_id} is logged out; sign in first", code="agent_not_logged_in")
        return agent

    def _is_armed(self, deadline: tuple[datetime, str, str]) -> bool:
        at, kind, key = deadline
        if kind == "offer":
            return OfferId(key) in self.picture.offers
        agent = self.picture.agents[AgentId(key)]
        return agent.state is AgentState.WRAP_UP and agent.wrap_up_until == at

    def _go_away(self, agent_id: AgentId, state: AgentState, reason: str | None, now: datetime) -> list[Output]:
        agent = self.picture.agent(agent_id)
        if agent.state is state is AgentState.LOGGED_OUT:
            return []
        if agent.state is AgentState.TALKING:
            return self._wish(agent, Wish(state=state, reason=reason), now)
        check_agent_transition(agent_id, agent.state, state)
        out: list[Output] = []
        if agent.state is AgentState.OFFERED and agent.offer_id in self.picture.offers:
            offer = self.picture.offers[agent.offer_id]
            out += self._close_offer(offer, OfferOutcome.WITHDRAWN, None, now)
            out.append(StopRinging(offer_id=offer.offer_id))
            out += self._become(agent, state, now, reason=reason)
            return out + self._route_waiting(offer.interaction_id, now)
        out += self._close_lost_offer(agent, OfferOutcome.WITHDRAWN, now)
        return out + self._become(agent, state, now, reason=reason)

    def _wish(self, agent: AgentRecord, wish: Wish | None, now: datetime) -> list[Output]:
        """Note what becomes of an agent after his talk; None takes a wish back."""
        if agent.wish == wish:
            return []
        agent.wish = wish
        state, reason = (None, None) if wish is None else (wish.state, wish.reason)
        return [ev.AgentWishChanged(agent_id=agent.agent_id, at=now, state=state, reason=reason)]

    def _become(
        self,
        agent: AgentRecord,
        state: AgentState,
        now: datetime,
        *,
        reason: str | None = None,
        interaction_id: InteractionId | None = None,
        offer_id: OfferId | None = None,
        wrap_up_until: datetime | None = None,
    ) -> list[Output]:
        check_agent_transition(agent.agent_id, agent.state, state)
        self.picture.unindex(agent)
        old, agent.state = agent.state, state
        agent.reason, agent.since = reason, now
        agent.interaction_id, agent.offer_id, agent.wrap_up_until = interaction_id, offer_id, wrap_up_until
        if state is AgentState.READY:
            # Who was rung in vain keeps the idle time he had.
            agent.ready_since = (agent.ready_since or now) if old is AgentState.OFFERED else now
        elif state is not AgentState.OFFERED:
            agent.ready_since = None
        if state is not AgentState.TALKING:
            agent.talk_since = None
        if state in (AgentState.READY, AgentState.NOT_READY, AgentState.LOGGED_OUT):
            agent.queue_id = agent.wish = None
        self.picture.index(agent)
        return [
            ev.AgentStateChanged(
                agent_id=agent.agent_id,
                at=now,
                old=old,
                new=state,
                reason=reason,
                interaction_id=interaction_id,
                offer_id=offer_id,
                wrap_up_until=wrap_up_until,
            )
        ]

    def _become_free(self, agent: AgentRecord, now: datetime) -> list[Output]:
        return [*self._become(agent, AgentState.READY, now), *self._route_agent(agent, now)]

    def _end_talk(
        self, agent: AgentRecord, side: ev.Side | None, now: datetime, *, stays: bool = False
    ) -> list[Output]:
        """A talk is over; who `stays` goes straight on into another one, and wrap-up is only the step between."""
        interaction_id, offer_id, queue_id = agent.interaction_id, agent.offer_id, agent.queue_id
        if interaction_id is None or offer_id is None:
            raise RuntimeError(f"agent {agent.agent_id} talks without an interaction")
        out: list[Output] = [
            ev.TalkEnded(interaction_id=interaction_id, at=now, agent_id=agent.agent_id, offer_id=offer_id, side=side)
        ]
        queue = self.picture.queues.get(queue_id) if queue_id is not None else None
        if queue is not None and agent.talk_since is not None:
            queue.handle_time.learn(max(now - agent.talk_since, timedelta()) + queue.config.wrap_up / 2)
        pause = queue.config.wrap_up if queue is not None and not stays else timedelta()
        if pause <= timedelta() and not stays:
            return out + self._after_work(agent, now)
        out += self._become(
            agent,
            AgentState.WRAP_UP,
            now,
            interaction_id=interaction_id,
            offer_id=offer_id,
            wrap_up_until=now + pause,
        )
        self._arm_wrap_up(agent, now + pause)
        return out

    def _arm_wrap_up(self, agent: AgentRecord, until: datetime) -> None:
        agent.wrap_up_until = until
        heappush(self._deadlines, (until, "wrap_up", agent.agent_id))

    def _after_work(self, agent: AgentRecord, now: datetime) -> list[Output]:
        wish = agent.wish
        if wish is None:
            return self._become_free(agent, now)
        return self._become(agent, wish.state, now, reason=wish.reason)

    def _phone_event(self, agent: AgentRecord, now: datetime) -> ev.AgentPhoneChanged:
        return ev.AgentPhoneChanged(agent_id=agent.agent_id, at=now, phone=agent.phone, status=agent.phone_status)

    # ---- offers

    def _present(self, agent: AgentRecord, waiting: WaitingRecord, offer: Offer, now: datetime) -> list[Output]:
        self.picture.offers[offer.offer_id] = offer
        waiting.offer_id = offer.offer_id
        ring_timeout = self.picture.queue(offer.queue_id).config.ring_timeout
        heappush(self._deadlines, (offer.made_at + ring_timeout + OFFER_GRACE, "offer", offer.offer_id))
        if agent.state is AgentState.OFFERED:
            return []
        return self._become(
            agent,
            AgentState.OFFERED,
            now,
            interaction_id=offer.interaction_id,
            offer_id=offer.offer_id,
        )

    def _offer(self, agent: AgentRecord, waiting: WaitingRecord, now: datetime) -> list[Output]:
        queue = self.picture.queues[waiting.queue_id]
        able = sum(satisfies(self.picture.agents[other].config.skills, waiting.skills) for other in queue.ready)
        offer = Offer(
            offer_id=self._new_offer_id(agent, waiting, now),
            interaction_id=waiting.interaction_id,
            agent_id=agent.agent_id,
            queue_id=waiting.queue_id,
            made_at=now,
            reason=explain_offer(agent, waiting, queue.config, able, now),
        )
        changed = self._present(agent, waiting, offer, now)
        return [
            *changed,
            ev.OfferMade(interaction_id=waiting.interaction_id, at=now, offer=offer),
            RingAgent(
                offer_id=offer.offer_id,
                interaction_id=offer.interaction_id,
                agent_id=agent.agent_id,
                phone=agent.phone,
                ring_timeout=queue.config.ring_timeout,
            ),
        ]

    def _new_offer_id(self, agent: AgentRecord, waiting: WaitingRecord, now: datetime) -> OfferId:
        """Milliseconds tell offers of one interaction to one agent apart; within one millisecond they count on."""
        self._last_stamp = max(int(now.timestamp() * 1000), self._last_stamp + 1)
        return OfferId(f"{waiting.interaction_id}-{agent.agent_id}-{self._last_stamp}")

    def _offer_ended(
        self, offer: Offer, outcome: OfferOutcome, cause: OfferCause | None, now: datetime
    ) -> ev.OfferEnded:
        return ev.OfferEnded(
            interaction_id=offer.interaction_id,
            at=now,
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            outcome=outcome,
            cause=cause,
        )

    def _close_offer(
        self, offer: Offer, outcome: OfferOutcome, cause: OfferCause | None, now: datetime
    ) -> list[Output]:
        del self.picture.offers[offer.offer_id]
        waiting = self.picture.waiting.get(offer.interaction_id)
        if waiting is not None and waiting.offer_id == offer.offer_id:
            waiting.offer_id = None
        return [self._offer_ended(offer, outcome, cause, now)]

    def _close_lost_offer(self, agent: AgentRecord, outcome: OfferOutcome, now: datetime) -> list[Output]:
        """End an offer that only the agent's record from before a restart knows of."""
        if agent.state is not AgentState.OFFERED or agent.offer_id is None or agent.interaction_id is None:
            return []
        return [
            ev.OfferEnded(
                interaction_id=agent.interaction_id,
                at=now,
                offer_id=agent.offer_id,
                agent_id=agent.agent_id,
                outcome=outcome,
            )
        ]

    def _fail_offer(self, offer: Offer, cause: OfferCause, now: datetime) -> list[Output]:
        if cause is OfferCause.CALLER_LEFT:
            # He must not be offered again; should he be there after all, his next question puts him back in his place.
            record = self.picture.waiting[offer.interaction_id]
            return self._take_out(record, OfferOutcome.ABANDONED, cause, now, silent=True)
        agent = self.picture.agents[offer.agent_id]
        out = self._close_offer(offer, _OUTCOME[cause], cause, now)
        if agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id:
            reason = _NOT_READY_REASON.get(cause)
            if reason is None:
                out += self._become_free(agent, now)
            else:
                out += self._become(agent, AgentState.NOT_READY, now, reason=reason)
        return out + self._route_waiting(offer.interaction_id, now)

    def _withdraw(self, offer: Offer, now: datetime) -> list[Output]:
        agent = self.picture.agents[offer.agent_id]
        out = self._close_offer(offer, OfferOutcome.WITHDRAWN, None, now)
        out.append(StopRinging(offer_id=offer.offer_id))
        if agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id:
            out += self._become(agent, AgentState.READY, now)
        return out

    def _take_out(
        self,
        record: WaitingRecord,
        outcome: OfferOutcome,
        cause: OfferCause | None,
        now: datetime,
        *,
        silent: bool = False,
    ) -> list[Output]:
        """Take a leaving interaction out of its queue, and its agent out of the ringing unless that is `silent`."""
        self.picture.drop_waiting(record)
        offer = self.picture.offers.get(record.offer_id) if record.offer_id is not None else None
        if offer is None:
            return []
        agent = self.picture.agents[offer.agent_id]
        out = self._close_offer(offer, outcome, cause, now)
        if not silent:
            out.append(StopRinging(offer_id=offer.offer_id))
        if agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id:
            out += self._become_free(agent, now)
        return out

    # ---- matching

    def _route_all(self, now: datetime) -> list[Output]:
        out: list[Output] = []
        ready = (a for a in self.picture.agents.values() if a.offerable)
        for agent in sorted(ready, key=lambda a: (a.ready_since or now, a.agent_id)):
            out += self._route_agent(agent, now)
        return out

    def _route_agent(self, agent: AgentRecord, now: datetime) -> list[Output]:
        """Give a free agent the interaction that comes first over all queues he serves."""
        if not self._routing or not agent.offerable:
            return []
        best: WaitingRecord | None = None
        for queue in self.picture.queues.values():
            if not len(queue.waiting) or not satisfies(agent.config.skills, queue.config.required):
                continue
            first = self._first_for(agent, queue)
            if first is not None and (best is None or first.place < best.place):
                best = first
        return [] if best is None else self._offer(agent, best, now)

    def _first_for(self, agent: AgentRecord, queue: QueueRecord) -> WaitingRecord | None:
        for interaction_id in queue.waiting:
            record = self.picture.waiting[interaction_id]
            if record.offer_id is None and satisfies(agent.config.skills, record.skills):
                return record
        return None

    def _route_waiting(self, interaction_id: InteractionId, now: datetime) -> list[Output]:
        record = self.picture.waiting.get(interaction_id)
        return [] if record is None else self._route_interaction(record, now)

    def _route_interaction(self, record: WaitingRecord, now: datetime) -> list[Output]:
        """Give a waiting interaction to the longest idle agent who can serve it."""
        if not self._routing or record.offer_id is not None:
            return []
        for agent_id in self.picture.queues[record.queue_id].ready:
            agent = self.picture.agents[agent_id]
            if satisfies(agent.config.skills, record.skills):
                return self._offer(agent, record, now)
        return []


_HANDLERS: Mapping[type, str] = {
    cmd.ConfigureQueue: "_configure_queue",
    cmd.ConfigureAgent: "_configure_agent",
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
