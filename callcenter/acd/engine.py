"""The ACD engine: commands in, events and actions out; no clock, no chance, no adapter inside.

Laws: an offer ends exactly once; an agent holds at most one interaction on the phone and an interaction at most one
agent; no offerable agent stands beside an open interaction he can serve while routing is on; an illegal request raises
and nothing has happened; reports about what is over already change nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from callcenter.acd import estimate, overflow
from callcenter.acd.calls_out import CallsOut
from callcenter.acd.deadlines import DeadlineKind, Deadlines
from callcenter.acd.internal_calls import InternalCalls
from callcenter.acd.matching import Matching
from callcenter.acd.overflow import Due
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.places import PlaceList
from callcenter.acd.queueing import Queueing
from callcenter.acd.roster import AT_WORK, AgentDay, AgentRecord, Wish
from callcenter.acd.steps import Output, Steps
from callcenter.acd.texts import Texts
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.agents import AgentState, PhoneStatus, Reason, check_agent_transition
from callcenter.domain.callbacks import CustomerAnswer, Presence
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome
from callcenter.domain.overflows import OverflowCause
from callcenter.domain.queues import QueueConfig

_CURED_BY_A_TALK = frozenset(Reason) - {Reason.SIGNED_IN, Reason.FORCED}
"""Reasons the server gave because it could not reach the agent; a talk shows that it can, so they end with it."""


class AcdEngine:
    """Which agent gets which interaction."""

    def __init__(self) -> None:
        self.picture = Picture()
        self._deadlines = Deadlines(self.picture)
        self._steps = Steps(self.picture, self._deadlines)
        self._matching = Matching(self.picture, self._steps)
        self._queueing = Queueing(self.picture, self._steps, self._matching)
        self._calls_out = CallsOut(self.picture, self._steps, self._matching, self._queueing)
        self._internal_calls = InternalCalls(self.picture, self._steps)
        self._texts = Texts(self.picture, self._steps)
        self._handlers: dict[type, Callable[..., list[Output]]] = {
            kind: getattr(self, name) for kind, name in _HANDLERS.items()
        }

    @property
    def routing(self) -> bool:
        """Whether offers are made."""
        return self._matching.routing

    @property
    def deadline_count(self) -> int:
        """How many deadlines are kept, those that mean nothing any more included."""
        return len(self._deadlines)

    # ---- the three methods of a protocol engine

    def handle(self, message: cmd.Command, now: datetime) -> list[Output]:
        """Carry out one command; raises `NotFound`, `Conflict` or `IllegalTransition` and then nothing has changed."""
        return self._settled(self._handlers[type(message)](message, now), now)

    def next_deadline(self) -> datetime | None:
        """When `handle_deadline` wants to be called next."""
        return self._deadlines.next()

    def handle_deadline(self, now: datetime) -> list[Output]:
        """Do what has become due by `now`; who comes free or open at one moment is matched together."""
        out: list[Output] = []
        while (due := self._deadlines.pop_due(now)) is not None:
            out += self._meet(*due, now)
            while (due := self._deadlines.pop_due(now)) is not None:
                out += self._meet(*due, now)
            out = self._settled(out, now)
        return out

    def _meet(self, kind: DeadlineKind, key: str, now: datetime) -> list[Output]:
        match kind:
            case DeadlineKind.OFFER:
                return self._give_up(self.picture.offers[OfferId(key)], now)
            case DeadlineKind.WAITING:
                return self._queueing.wake(self.picture.waiting[InteractionId(key)], now)
            case DeadlineKind.NOBODY:
                return self._nobody_came(self.picture.queues[QueueId(key)], now)
        agent = self.picture.agents[AgentId(key)]
        match kind:
            case DeadlineKind.WRAP_UP if agent.aside is not None:
                return self._internal_calls.keep_wrap_up(agent, now)
            case DeadlineKind.WRAP_UP:
                return self._steps.after_work(agent, now)
            case DeadlineKind.TIME_LIMIT:
                return self._steps.meet_time_limit(agent, now)
            case _:
                self._steps.end_rest(agent)
                return []

    def _give_up(self, offer: Offer, now: datetime) -> list[Output]:
        """Nobody has told the end of an offer; of an agent who waits for his customer, that of the customer's call."""
        waiting = self.picture.waiting.get(offer.interaction_id)
        if waiting is not None and waiting.presence is Presence.CALLING:
            lost = cmd.ReportCustomerCalled(interaction_id=offer.interaction_id, answer=CustomerAnswer.FAILED)
            return self._queueing.customer_called(lost, now)
        return self._texts.give_up(offer.offer_id, now)

    # ---- what follows from every message

    def _settled(self, out: list[Output], now: datetime) -> list[Output]:
        """Match, and look after queues and reservations, until nothing follows any more."""
        picture = self.picture
        while True:
            if picture.gone_away:
                self._release_kept()
            if picture.unsettled_queues:
                out += self._look_after_queues(now)
            if not (picture.unsettled_agents or picture.unmatched or picture.unsettled_texts):
                if picture.unsettled_queues or picture.gone_away:
                    continue
                return out
            out += self._matching.match(now)

    def _release_kept(self) -> None:
        picture = self.picture
        agents = list(picture.gone_away)
        picture.gone_away.clear()
        for agent_id in agents:
            for interaction_id in list(picture.kept_for.get(agent_id, ())):
                self._queueing.release(picture.waiting[interaction_id])

    def _look_after_queues(self, now: datetime) -> list[Output]:
        queue_ids = list(self.picture.unsettled_queues)
        self.picture.unsettled_queues.clear()
        out: list[Output] = []
        if not self.routing:
            return out
        for queue_id in queue_ids:
            queue = self.picture.queues.get(queue_id)
            if queue is not None:
                out += self._tell_service(queue, now)
                if self.picture.callbacks:
                    out += self._queueing.call_those_next(queue, now)
        return out

    def _tell_service(self, queue: QueueRecord, now: datetime) -> list[Output]:
        served = queue.served
        if served is (queue.unserved_since is None):
            return []
        queue_id = queue.config.queue_id
        if served:
            queue.unserved_since, queue.nobody_at = None, None
            return [ev.QueueServed(queue_id=queue_id, at=now)]
        queue.unserved_since = now
        self._arm_nobody(queue, now)
        return [ev.QueueUnserved(queue_id=queue_id, at=now)]

    def _arm_nobody(self, queue: QueueRecord, now: datetime) -> None:
        limits = queue.config.limits
        queue.nobody_at = None
        if queue.unserved_since is not None and limits.when_nobody is not None:
            queue.nobody_at = max(queue.unserved_since + limits.nobody_after, now)
            self._deadlines.arm(DeadlineKind.NOBODY, queue.config.queue_id, queue.nobody_at)

    def _nobody_came(self, queue: QueueRecord, now: datetime) -> list[Output]:
        queue.nobody_at = None
        where = queue.config.limits.when_nobody
        return [] if where is None or queue.served else self._send_all_on(queue, [(OverflowCause.NOBODY, where)], now)

    def _send_all_on(self, queue: QueueRecord, rules: list[Due], now: datetime) -> list[Output]:
        """Everybody who waits goes where the first rule sends him that can."""
        out: list[Output] = []
        for record in [self.picture.waiting[interaction_id] for interaction_id in queue.waiting]:
            rule = next((rule for rule in rules if overflow.can_go(self.picture, record, rule[1])), None)
            if rule is not None:
                out += self._queueing.send_on(record, *rule, now)
        return out

    # ---- configuration

    def _configure_queue(self, message: cmd.ConfigureQueue, now: datetime) -> list[Output]:
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
            self._arm_nobody(queue, now)
        return out + self._open_or_close(before, queue, now)

    def _open_or_close(self, before: QueueConfig, queue: QueueRecord, now: datetime) -> list[Output]:
        config = queue.config
        if bool(before.closed_by) is bool(config.closed_by):
            return []
        if not config.closed_by:
            return [ev.QueueOpened(queue_id=config.queue_id, at=now)]
        closed = ev.QueueClosed(queue_id=config.queue_id, at=now, by=config.closed_by)
        return [closed, *self._send_all_on(queue, list(overflow.when_closed_by_hand(queue)), now)]

    def _configure_agent(self, message: cmd.ConfigureAgent, now: datetime) -> list[Output]:
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

    def _configure_reasons(self, message: cmd.ConfigureReasons, _now: datetime) -> list[Output]:
        self.picture.reasons = {reason.code: reason for reason in message.reasons}
        for agent in self.picture.agents.values():
            self._steps.arm_time_limit(agent)
        return []

    def _begin_day(self, _message: cmd.BeginDay, now: datetime) -> list[Output]:
        for agent in self.picture.agents.values():
            agent.day, agent.counted_until = AgentDay(), now
        return []

    def _remove_queue(self, message: cmd.RemoveQueue, _now: datetime) -> list[Output]:
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

    def _remove_agent(self, message: cmd.RemoveAgent, now: datetime) -> list[Output]:
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

    def _restore_agent(self, message: cmd.RestoreAgent, now: datetime) -> list[Output]:
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

    def _restore_offer(self, message: cmd.RestoreOffer, now: datetime) -> list[Output]:
        offer = message.offer
        agent = self.picture.agent(offer.agent_id)
        waiting = self.picture.waiting.get(offer.interaction_id)
        if offer.offer_id in self.picture.offers:
            return []
        free = agent.state is AgentState.READY
        if waiting is not None and not waiting.on_the_phone:
            free = agent.state not in (AgentState.NOT_READY, AgentState.LOGGED_OUT)
        his = agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id
        if waiting is None or not self._may_ring(waiting, offer.queue_id) or not (free or his):
            return [StopRinging(offer_id=offer.offer_id)]
        changed = self._steps.present(agent, waiting, offer, now)
        return [*changed, ev.OfferMade(interaction_id=offer.interaction_id, at=now, offer=offer)]

    def _may_ring(self, waiting: WaitingRecord, queue_id: QueueId) -> bool:
        several = self.picture.queues[waiting.queue_id].config.ring_several if waiting.on_the_phone else 1
        return len(waiting.offer_ids) < several and waiting.queue_id == queue_id

    def _start_routing(self, _message: cmd.StartRouting, now: datetime) -> list[Output]:
        self._matching.routing = True
        out: list[Output] = []
        for agent in self.picture.agents.values():
            if agent.state is AgentState.OFFERED and agent.offer_id not in self.picture.offers:
                out += self._steps.close_lost_offer(agent, OfferOutcome.WITHDRAWN, now)
                out += self._steps.release(agent, now)
            elif agent.offerable or agent.takes_texts:
                self.picture.before_change(agent)
                self.picture.after_change(agent)
        self.picture.look_after_all_queues()
        return out

    def _stop_routing(self, _message: cmd.StopRouting, _now: datetime) -> list[Output]:
        self._matching.routing = False
        return []

    # ---- what agents ask for

    def _log_in(self, message: cmd.LogIn, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        if agent.state is not AgentState.LOGGED_OUT:
            return []
        agent.misses = 0
        return self._steps.become(agent, AgentState.NOT_READY, now, reason=Reason.SIGNED_IN)

    def _log_out(self, message: cmd.LogOut, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        if not agent.occupied and message.by is None:
            self._require_no_chats(agent)
        return self._go_away(message.agent_id, AgentState.LOGGED_OUT, None, now, message.by or "")

    def _set_not_ready(self, message: cmd.SetNotReady, now: datetime) -> list[Output]:
        agent = self._require_logged_in(message.agent_id)
        if agent.reason == message.reason and agent.state is AgentState.NOT_READY:
            return []
        return self._go_away(message.agent_id, AgentState.NOT_READY, message.reason, now, message.by or "")

    def _set_ready(self, message: cmd.SetReady, now: datetime) -> list[Output]:
        agent = self._require_logged_in(message.agent_id)
        if agent.state is AgentState.READY:
            return []
        if agent.occupied or agent.state is AgentState.OFFERED:
            return self._steps.wish(agent, None, now)
        agent.misses = 0
        if agent.aside is not None:
            return self._internal_calls.go_on(agent, None, now)
        return self._steps.become(agent, AgentState.READY, now, by=message.by or "")

    def _end_wrap_up(self, message: cmd.EndWrapUp, now: datetime) -> list[Output]:
        agent = self._require_wrap_up(message.agent_id)
        match message.then:
            case None if agent.aside is not None:
                return self._internal_calls.go_on(agent, agent.wish, now)
            case None:
                return self._steps.after_work(agent, now)
            case AgentState.READY if agent.aside is not None:
                return self._internal_calls.go_on(agent, None, now)
            case AgentState.READY:
                return self._steps.become(agent, AgentState.READY, now)
            case AgentState.NOT_READY | AgentState.LOGGED_OUT:
                if message.then is AgentState.LOGGED_OUT:
                    self._require_no_chats(agent)
                if agent.aside is not None:
                    return self._internal_calls.go_on(agent, Wish(state=message.then, reason=message.reason), now)
                return self._steps.become(agent, message.then, now, reason=message.reason)
            case _:
                raise InvalidValue(
                    f"agent {agent.agent_id} cannot become {message.then} after wrap-up; "
                    "possible: ready, not_ready, logged_out"
                )

    def _extend_wrap_up(self, message: cmd.ExtendWrapUp, now: datetime) -> list[Output]:
        agent = self._require_wrap_up(message.agent_id)
        if message.by <= timedelta():
            raise InvalidValue("wrap-up can only be made longer; to shorten it, end it")
        queue = self.picture.queues.get(agent.queue_id) if agent.queue_id is not None else None
        limit = queue.config.wrap_up_limit if queue is not None else message.by
        until = min((agent.wrap_up_until or now) + message.by, agent.since + limit)
        if until <= (agent.wrap_up_until or now):
            raise Conflict(
                f"wrap-up may last {int(limit.total_seconds())} s at most, and has been extended to that already",
                code="wrap_up_limit",
            )
        agent.wrap_up_until = until
        self._deadlines.arm(DeadlineKind.WRAP_UP, agent.agent_id, until)
        return [ev.WrapUpExtended(agent_id=agent.agent_id, at=now, wrap_up_until=until)]

    def _change_phone(self, message: cmd.ChangePhone, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        self.picture.before_change(agent)
        agent.phone, agent.phone_status = message.phone, PhoneStatus.UNKNOWN
        self.picture.after_change(agent)
        return [self._phone_event(agent, now)]

    def _report_phone(self, message: cmd.ReportPhone, now: datetime) -> list[Output]:
        agent = self.picture.agents.get(message.agent_id)
        if agent is None:
            return []
        status = message.status
        if status is PhoneStatus.BUSY and (agent.state is AgentState.OFFERED or agent.occupied):
            status = PhoneStatus.FREE  # It is our own call that occupies it.
        if status is agent.phone_status:
            return []
        self.picture.before_change(agent)
        agent.phone_status = status
        self.picture.after_change(agent)
        return [self._phone_event(agent, now)]

    # ---- what happens to interactions

    def _enqueue(self, message: cmd.Enqueue, now: datetime) -> list[Output]:
        self.picture.queue(message.queue_id)
        is_here = message.interaction_id in self.picture.waiting or message.interaction_id in self.picture.works
        if is_here or message.interaction_id in self.picture.talking_interactions:
            return []
        return self._queueing.enter(message, now)

    def _move(self, message: cmd.MoveInteraction, now: datetime) -> list[Output]:
        return self._queueing.move(message, now)

    def _set_priority(self, message: cmd.SetPriority, now: datetime) -> list[Output]:
        return self._queueing.set_priority(message, now)

    def _pick(self, message: cmd.PickForAgent, now: datetime) -> list[Output]:
        return self._queueing.pick(message, now)

    def _leave(self, message: cmd.Leave, now: datetime) -> list[Output]:
        out: list[Output] = []
        self.picture.overflowed.pop(message.interaction_id, None)
        record = self.picture.waiting.get(message.interaction_id)
        if record is not None:
            queue = self.picture.queues[record.queue_id]
            if record.presence is Presence.PRESENT:
                queue.patience.learn(now - record.entered_at, abandoned=True)
            out += self._steps.take_out(record, OfferOutcome.ABANDONED, OfferCause.CALLER_LEFT, now)
        agent_id = self.picture.talking_interactions.get(message.interaction_id)
        if agent_id is not None:
            out += self._steps.end_talk(self.picture.agents[agent_id], ev.Side.CALLER, now)
        return out + self._steps.end_work(message.interaction_id, ev.Side.CALLER, now)

    def _accept_offer(self, message: cmd.AcceptOffer, now: datetime) -> list[Output]:
        return self._texts.accept(message.offer_id, now)

    def _reject_offer(self, message: cmd.RejectOffer, now: datetime) -> list[Output]:
        return self._texts.reject(message.offer_id, now)

    def _end_work(self, message: cmd.EndWork, now: datetime) -> list[Output]:
        return self._steps.end_work(message.interaction_id, ev.Side.AGENT, now)

    def _report_hold(self, message: cmd.ReportHold, now: datetime) -> list[Output]:
        agent_id = self.picture.talks.get(message.offer_id)
        state = AgentState.HOLD if message.on_hold else AgentState.TALKING
        agent = self.picture.agents[agent_id] if agent_id is not None else None
        if agent is None or agent.state is state or agent.interaction_id is None:
            return []
        interaction_id = agent.interaction_id
        out = self._steps.become(agent, state, now, interaction_id=interaction_id, offer_id=message.offer_id)
        return [
            *out,
            ev.HoldChanged(
                interaction_id=interaction_id,
                at=now,
                agent_id=agent.agent_id,
                offer_id=message.offer_id,
                on_hold=message.on_hold,
            ),
        ]

    def _report_agent_waits(self, message: cmd.ReportAgentWaits, now: datetime) -> list[Output]:
        return self._queueing.agent_waits(message.offer_id, now)

    def _report_customer_called(self, message: cmd.ReportCustomerCalled, now: datetime) -> list[Output]:
        return self._queueing.customer_called(message, now)

    def _report_offer_failed(self, message: cmd.ReportOfferFailed, now: datetime) -> list[Output]:
        offer = self.picture.offers.get(message.offer_id)
        if offer is None:
            return []
        if message.cause is OfferCause.CUSTOMER_NOT_REACHED:
            out = self._queueing.agent_gave_up(offer, now)
            if out is not None:
                return out
        if message.cause is OfferCause.CALLER_LEFT:
            # He must not be offered again; should he be there after all, his next question puts him back in his place.
            record = self.picture.waiting[offer.interaction_id]
            if record.presence is Presence.PRESENT:
                return self._steps.take_out(record, OfferOutcome.ABANDONED, message.cause, now, silent=offer.offer_id)
        return self._steps.fail_offer(offer, message.cause, now)

    def _report_talk(self, message: cmd.ReportTalk, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        self._check_same_offer(message)
        if (agent.in_talk and agent.offer_id == message.offer_id) or message.interaction_id in self.picture.works:
            return []
        waiting = self.picture.waiting.get(message.interaction_id)
        if waiting is not None and not waiting.on_the_phone:
            # A chat that an agent held before a restart.
            if agent.state is AgentState.LOGGED_OUT:
                return []
            return self._texts.take(message.offer_id, waiting, agent, now)
        out: list[Output] = []
        self.picture.overflowed.pop(message.interaction_id, None)
        for other in self._talks_contradicting(message):
            # Its end was not reported: nobody can be in two talks, and the bridge seen last is the live one.
            out += self._steps.end_talk(other, None, now, stays=other is agent)
        queue_id = waiting.queue_id if waiting is not None else message.queue_id
        rivals = {*(waiting.offer_ids if waiting is not None else ()), agent.offer_id} - {message.offer_id}
        displaced = [self.picture.offers[rival] for rival in rivals if rival in self.picture.offers]
        for rival in sorted(displaced, key=lambda rival: rival.offer_id):
            cause = OfferCause.TAKEN if rival.interaction_id == message.interaction_id else None
            out += self._steps.withdraw(rival, now, cause)
        offer = self.picture.offers.get(message.offer_id)
        if offer is not None:
            out += self._steps.close_offer(offer, OfferOutcome.ANSWERED, None, now)
            if waiting is not None and waiting.callback is None:
                self.picture.queues[offer.queue_id].ring_time.learn(max(now - offer.made_at, timedelta()))
        else:
            his = agent.offer_id == message.offer_id
            out += self._steps.close_lost_offer(agent, OfferOutcome.ANSWERED if his else OfferOutcome.WITHDRAWN, now)
        if waiting is not None:
            if waiting.callback is None:
                self.picture.queues[waiting.queue_id].patience.learn(now - waiting.entered_at, abandoned=False)
            self.picture.drop_waiting(waiting)
        return out + self._begin_talk(agent, message, queue_id, now)

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
        if self.picture.agents[message.agent_id].in_talk:
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
        agent.misses = 0
        agent.day.answered += 1
        out = self._steps.become(
            agent, AgentState.TALKING, now, interaction_id=message.interaction_id, offer_id=message.offer_id
        )
        agent.queue_id, agent.talk_since = queue_id, now
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
        if agent_id is None:
            return []
        return self._steps.end_talk(self.picture.agents[agent_id], message.side, now, phone_lost=message.phone_lost)

    def _call_out(self, message: cmd.CallOut, now: datetime) -> list[Output]:
        return self._calls_out.begin(message, now)

    def _begin_internal_call(self, message: cmd.BeginInternalCall, now: datetime) -> list[Output]:
        return self._internal_calls.begin(message, now)

    def _end_internal_call(self, message: cmd.EndInternalCall, now: datetime) -> list[Output]:
        return self._internal_calls.end(message.call_id, now)

    # ---- agents whom colleagues ask

    def _ask_agent(self, message: cmd.AskAgent, now: datetime) -> list[Output]:
        agent = self.picture.agent(message.agent_id)
        if agent.state is not AgentState.READY:
            raise Conflict(
                f"agent {agent.agent_id} is {agent.state}; only who is ready can be asked", code="agent_not_free"
            )
        return self._steps.become(
            agent, AgentState.OFFERED, now, interaction_id=message.interaction_id, offer_id=message.offer_id
        )

    def _end_asking(self, message: cmd.EndAsking, now: datetime) -> list[Output]:
        agent = self.picture.agents.get(message.agent_id)
        if agent is None or agent.offer_id != message.offer_id:
            return []
        if agent.in_talk:
            return self._steps.end_talk(agent, None, now)
        return self._steps.release(agent, now) if agent.state is AgentState.OFFERED else []

    # ---- steps that several of the above share

    def _require_logged_in(self, agent_id: AgentId) -> AgentRecord:
        agent = self.picture.agent(agent_id)
        if agent.state is AgentState.LOGGED_OUT:
            raise Conflict(f"agent {agent_id} is logged out; sign in first", code="agent_not_logged_in")
        return agent

    def _require_wrap_up(self, agent_id: AgentId) -> AgentRecord:
        agent = self._require_logged_in(agent_id)
        if agent.state is not AgentState.WRAP_UP:
            raise Conflict(f"agent {agent_id} is {agent.state}; he has no wrap-up", code="no_wrap_up")
        return agent

    def _require_no_chats(self, agent: AgentRecord) -> None:
        if agent.works:
            raise Conflict(
                f"agent {agent.agent_id} holds {len(agent.works)} chats; end them before logging out",
                code="holds_chats",
            )

    def _go_away(
        self, agent_id: AgentId, state: AgentState, reason: str | None, now: datetime, by: str
    ) -> list[Output]:
        agent = self.picture.agent(agent_id)
        if agent.state is state is AgentState.LOGGED_OUT:
            return []
        if agent.occupied:
            return self._steps.wish(agent, Wish(state=state, reason=reason, by=by), now)
        if agent.aside is not None:
            return self._internal_calls.go_on(agent, Wish(state=state, reason=reason, by=by), now)
        check_agent_transition(agent_id, agent.state, state)
        out: list[Output] = []
        if agent.state is AgentState.OFFERED and agent.offer_id in self.picture.offers:
            offer = self.picture.offers[agent.offer_id]
            out += self._steps.close_offer(offer, OfferOutcome.WITHDRAWN, None, now)
            out.append(StopRinging(offer_id=offer.offer_id))
        else:
            out += self._steps.close_lost_offer(agent, OfferOutcome.WITHDRAWN, now)
        return out + self._steps.become(agent, state, now, reason=reason, by=by)

    def _phone_event(self, agent: AgentRecord, now: datetime) -> ev.AgentPhoneChanged:
        return ev.AgentPhoneChanged(agent_id=agent.agent_id, at=now, phone=agent.phone, status=agent.phone_status)


_HANDLERS: Mapping[type, str] = {
    cmd.ConfigureQueue: "_configure_queue",
    cmd.ConfigureAgent: "_configure_agent",
    cmd.ConfigureReasons: "_configure_reasons",
    cmd.BeginDay: "_begin_day",
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
    cmd.ExtendWrapUp: "_extend_wrap_up",
    cmd.ChangePhone: "_change_phone",
    cmd.ReportPhone: "_report_phone",
    cmd.Enqueue: "_enqueue",
    cmd.MoveInteraction: "_move",
    cmd.SetPriority: "_set_priority",
    cmd.PickForAgent: "_pick",
    cmd.Leave: "_leave",
    cmd.AcceptOffer: "_accept_offer",
    cmd.RejectOffer: "_reject_offer",
    cmd.EndWork: "_end_work",
    cmd.ReportHold: "_report_hold",
    cmd.ReportAgentWaits: "_report_agent_waits",
    cmd.ReportCustomerCalled: "_report_customer_called",
    cmd.ReportOfferFailed: "_report_offer_failed",
    cmd.ReportTalk: "_report_talk",
    cmd.ReportTalkEnded: "_report_talk_ended",
    cmd.AskAgent: "_ask_agent",
    cmd.EndAsking: "_end_asking",
    cmd.CallOut: "_call_out",
    cmd.BeginInternalCall: "_begin_internal_call",
    cmd.EndInternalCall: "_end_internal_call",
}
