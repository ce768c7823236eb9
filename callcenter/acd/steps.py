"""The steps that commands and deadlines share: an agent's change of state, and the life of an offer.

Law: an offer ends exactly once; whoever becomes free is matched before the message is done with.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from callcenter.acd import overflow
from callcenter.acd.deadlines import DeadlineKind, Deadlines
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.roster import AT_WORK, AgentRecord, Wish
from callcenter.acd.waiting import Stand, WaitingRecord
from callcenter.domain import events as ev
from callcenter.domain.actions import Action, StopRinging
from callcenter.domain.agents import AgentState, Reason, check_agent_transition
from callcenter.domain.callbacks import CalledFirst, Presence
from callcenter.domain.ids import InteractionId, OfferId
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome

Output = ev.Event | Action

OFFER_GRACE = timedelta(seconds=5)
"""How much later than its ringing time an offer is given up when nobody reported its end."""
BRIDGE_REST = timedelta(seconds=1)
"""An agent whose talk did not come about is passed over so long, lest a phone that answers by itself rings for ever."""

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
    OfferCause.TAKEN: OfferOutcome.WITHDRAWN,
    OfferCause.CUSTOMER_NOT_REACHED: OfferOutcome.WITHDRAWN,
    OfferCause.CALLER_LEFT: OfferOutcome.ABANDONED,
}
_MISSED = frozenset({OfferCause.NO_ANSWER, OfferCause.TIMEOUT})


class Steps:
    """Changes the picture and says what has happened."""

    def __init__(self, picture: Picture, deadlines: Deadlines) -> None:
        self.picture = picture
        self.deadlines = deadlines

    # ---- agents

    def wish(self, agent: AgentRecord, wish: Wish | None, now: datetime) -> list[Output]:
        """Note what becomes of an agent after his talk; None takes a wish back."""
        if agent.wish == wish:
            return []
        self.picture.before_change(agent)
        agent.wish = wish
        self.picture.after_change(agent)
        if wish is None:
            return [ev.AgentWishChanged(agent_id=agent.agent_id, at=now, state=None)]
        return [ev.AgentWishChanged(agent_id=agent.agent_id, at=now, state=wish.state, reason=wish.reason, by=wish.by)]

    def become(
        self,
        agent: AgentRecord,
        state: AgentState,
        now: datetime,
        *,
        reason: str | None = None,
        interaction_id: InteractionId | None = None,
        offer_id: OfferId | None = None,
        wrap_up_until: datetime | None = None,
        by: str = "",
    ) -> list[Output]:
        """Put an agent into a state; raises `IllegalTransition`, and then nothing has changed."""
        check_agent_transition(agent.agent_id, agent.state, state)
        out: list[Output] = []
        if agent.texts_offered or agent.works:
            out = self._let_texts_go(agent, state, now)
        self.picture.before_change(agent)
        old, agent.state = agent.state, state
        agent.day.take(old, max(now - agent.counted_until, timedelta()))
        self._learn(agent, old, state, now)
        agent.reason, agent.since, agent.counted_until, agent.by = reason, now, now, by
        agent.interaction_id, agent.offer_id, agent.wrap_up_until = interaction_id, offer_id, wrap_up_until
        agent.wrap_up_left = None
        if state is AgentState.READY:
            # Who was rung in vain keeps the idle time he had.
            agent.ready_since = agent.ready_since if old is AgentState.OFFERED and agent.ready_since else now
        elif state is not AgentState.OFFERED:
            agent.ready_since, agent.rest_until = None, None
        if not agent.in_talk:
            agent.talk_since = None
        if not agent.in_talk and state is not AgentState.WRAP_UP:
            agent.queue_id, agent.wish = None, None
        agent.aside = None
        self.picture.after_change(agent)
        agent.limit_told = None
        self.arm_time_limit(agent)
        changed = ev.AgentStateChanged(
            agent_id=agent.agent_id,
            at=now,
            old=old,
            new=state,
            reason=reason,
            interaction_id=interaction_id,
            offer_id=offer_id,
            wrap_up_until=wrap_up_until,
            by=by,
        )
        return [*out, changed]

    def _learn(self, agent: AgentRecord, old: AgentState, new: AgentState, now: datetime) -> None:
        """What one interaction took of an agent, from the first ring to the end of wrap-up, for the forecasts."""
        breaks_off = old is AgentState.WRAP_UP and new is AgentState.OFFERED
        if new in AT_WORK and not breaks_off:
            agent.busy_since = agent.busy_since if old in AT_WORK and agent.busy_since is not None else now
            return
        queue = self.picture.queues.get(agent.queue_id) if agent.queue_id is not None else None
        if queue is not None and agent.busy_since is not None and old is not AgentState.OFFERED:
            queue.handle_time.learn(max(now - agent.busy_since, timedelta()))
        agent.busy_since = now if breaks_off else None

    def _let_texts_go(self, agent: AgentRecord, state: AgentState, now: datetime) -> list[Output]:
        """Who goes away is offered no chats any more; who logs out holds none."""
        out: list[Output] = []
        if state in (AgentState.NOT_READY, AgentState.LOGGED_OUT):
            for offer_id in sorted(agent.texts_offered):
                out += self.close_offer(self.picture.offers[offer_id], OfferOutcome.WITHDRAWN, None, now)
        if state is AgentState.LOGGED_OUT:
            for interaction_id in list(agent.works):
                out += self.end_work(interaction_id, ev.Side.SYSTEM, now)
        return out

    def end_work(self, interaction_id: InteractionId, side: ev.Side, now: datetime) -> list[Output]:
        """A chat or mail somebody holds is done; nothing happens when nobody holds it."""
        agent_id = self.picture.works.pop(interaction_id, None)
        if agent_id is None:
            return []
        agent = self.picture.agents[agent_id]
        self.picture.before_change(agent)
        offer_id = agent.works.pop(interaction_id)
        self.picture.after_change(agent)
        return [ev.TalkEnded(interaction_id=interaction_id, at=now, agent_id=agent_id, offer_id=offer_id, side=side)]

    def arm_time_limit(self, agent: AgentRecord) -> None:
        """Watch over how long the agent's reason may last, if it has a limit."""
        agent.limit_at = None
        rule = self.picture.reasons.get(agent.reason or "")
        if agent.state is not AgentState.NOT_READY or rule is None or rule.limit is None:
            return
        until = agent.since + rule.limit
        if agent.limit_told == (ev.TimeLimit.OVER, until):
            return
        warned = agent.limit_told == (ev.TimeLimit.NEAR, until)
        agent.limit_at = until if warned else max(until - rule.warn_before, agent.since)
        self.deadlines.arm(DeadlineKind.TIME_LIMIT, agent.agent_id, agent.limit_at)

    def meet_time_limit(self, agent: AgentRecord, now: datetime) -> list[Output]:
        """Warn that a reason's time is nearly over, or say that it is."""
        rule = self.picture.reasons.get(agent.reason or "")
        agent.limit_at = None
        if rule is None or rule.limit is None:
            return []
        until = agent.since + rule.limit
        limit = ev.TimeLimit.OVER
        if now < until:
            limit, agent.limit_at = ev.TimeLimit.NEAR, until
            self.deadlines.arm(DeadlineKind.TIME_LIMIT, agent.agent_id, until)
        agent.limit_told = (limit, until)
        return [ev.AgentTimeLimit(agent_id=agent.agent_id, at=now, reason=rule.code, limit=limit, until=until)]

    def rest(self, agent: AgentRecord, until: datetime) -> None:
        """Pass a ready agent over for a while."""
        self.picture.before_change(agent)
        agent.rest_until = until
        self.picture.after_change(agent)
        self.deadlines.arm(DeadlineKind.REST, agent.agent_id, until)

    def end_rest(self, agent: AgentRecord) -> None:
        """He may get the next offer."""
        self.picture.before_change(agent)
        agent.rest_until = None
        self.picture.after_change(agent)

    def end_talk(
        self,
        agent: AgentRecord,
        side: ev.Side | None,
        now: datetime,
        *,
        stays: bool = False,
        phone_lost: bool = False,
    ) -> list[Output]:
        """A talk is over; who `stays` goes straight on into another one, and wrap-up is only the step between.

        Whose `phone_lost` is gets nothing more, whatever he wished for himself standing above it.
        """
        interaction_id, offer_id, queue_id = agent.interaction_id, agent.offer_id, agent.queue_id
        if interaction_id is None or offer_id is None:
            raise RuntimeError(f"agent {agent.agent_id} talks without an interaction")
        out: list[Output] = []
        if phone_lost and (agent.wish is None or agent.wish.reason == Reason.DESKTOP_LOST):
            out += self.wish(agent, Wish(state=AgentState.NOT_READY, reason=Reason.PHONE_LOST), now)
        out.append(
            ev.TalkEnded(
                interaction_id=interaction_id,
                at=now,
                agent_id=agent.agent_id,
                offer_id=offer_id,
                side=side,
                phone_lost=phone_lost,
            )
        )
        queue = self.picture.queues.get(queue_id) if queue_id is not None else None
        pause = queue.config.wrap_up if queue is not None and not stays else timedelta()
        if pause <= timedelta() and not stays:
            return out + self.after_work(agent, now)
        out += self.become(
            agent,
            AgentState.WRAP_UP,
            now,
            interaction_id=interaction_id,
            offer_id=offer_id,
            wrap_up_until=now + pause,
        )
        self.deadlines.arm(DeadlineKind.WRAP_UP, agent.agent_id, now + pause)
        return out

    def after_work(self, agent: AgentRecord, now: datetime) -> list[Output]:
        """Carry out what was wished during the talk; without a wish, ready."""
        wish = agent.wish
        if wish is None:
            return self.become(agent, AgentState.READY, now)
        return self.become(agent, wish.state, now, reason=wish.reason, by=wish.by)

    def release(self, agent: AgentRecord, now: datetime) -> list[Output]:
        """An offer did not become a talk: ready again, or, after a call out, what he was before it."""
        if agent.wrap_up_left is not None and agent.wrap_up_left > timedelta():
            until = now + agent.wrap_up_left
            out = self.become(
                agent,
                AgentState.WRAP_UP,
                now,
                interaction_id=agent.interaction_id,
                offer_id=agent.offer_id,
                wrap_up_until=until,
            )
            self.deadlines.arm(DeadlineKind.WRAP_UP, agent.agent_id, until)
            return out
        return self.after_work(agent, now)

    # ---- offers

    def present(self, agent: AgentRecord, waiting: WaitingRecord, offer: Offer, now: datetime) -> list[Output]:
        """Note an offer as pending, with its agent and its place."""
        queue = self.picture.queue(offer.queue_id)
        until = offer.made_at + queue.config.ring_timeout
        if waiting.on_the_phone:
            until += OFFER_GRACE
        self.picture.offers[offer.offer_id] = offer
        self.set_offer_end(offer.offer_id, until)
        self.picture.stand_nowhere(waiting)
        waiting.offer_ids = (*waiting.offer_ids, offer.offer_id)
        self.find_stand(waiting)
        if not waiting.on_the_phone:
            self.picture.before_change(agent)
            agent.texts_offered.add(offer.offer_id)
            self.picture.after_change(agent)
            return []
        if agent.state is AgentState.OFFERED:
            return []
        return self.become(agent, AgentState.OFFERED, now, interaction_id=offer.interaction_id, offer_id=offer.offer_id)

    def set_offer_end(self, offer_id: OfferId, until: datetime) -> None:
        """Give an offer up at that moment, should nobody report its end."""
        self.picture.offers_end[offer_id] = until
        self.deadlines.arm(DeadlineKind.OFFER, offer_id, until)

    def find_stand(self, record: WaitingRecord) -> None:
        """Put an interaction that stands nowhere where the agents it is meant for find it, if any are wanted."""
        self.picture.stand_in(record, self._stand_of(record))

    def _stand_of(self, record: WaitingRecord) -> Stand:
        absent = record.presence is Presence.ABSENT
        held = absent and record.callback is not None and record.callback.not_before is not None
        if record.presence is Presence.CALLING or held:
            return Stand.NOWHERE
        if not record.offer_ids:
            if record.reserved_for is not None:
                return Stand.RESERVED
            return Stand.TO_CALL if self.must_be_called_first(record) else Stand.OPEN
        several = self.picture.queues[record.queue_id].config.ring_several
        # Whom an agent already waits for on the line is nobody else's.
        settled = absent or record.agent_waits is not None or record.reserved_for is not None
        if settled or not record.on_the_phone:
            return Stand.NOWHERE
        return Stand.MORE if len(record.offer_ids) < several else Stand.NOWHERE

    def must_be_called_first(self, record: WaitingRecord) -> bool:
        """Whether this is a callback whose customer is not on the line, and has to be before an agent is rung."""
        if record.presence is not Presence.ABSENT:
            return False
        rules = self.picture.queues[record.queue_id].config.callback_rules
        return rules.first is CalledFirst.CUSTOMER

    def arm_waiting(self, record: WaitingRecord, now: datetime) -> None:
        """See to it that the engine wakes when something of a waiting interaction changes by itself."""
        if record.wake_at is not None and record.wake_at <= now:
            return  # It is about to be woken: another deadline of the same moment came first.
        queue = self.picture.queues[record.queue_id]
        if overflow.while_waiting(self.picture, record, now) is not None:
            moment: datetime | None = now
        else:
            moment = min((moment for moment in _moments(record, queue) if moment > now), default=None)
        if moment != record.wake_at:
            record.wake_at = moment
            if moment is not None:
                self.deadlines.arm(DeadlineKind.WAITING, record.interaction_id, moment)

    def offer_ended(
        self, offer: Offer, outcome: OfferOutcome, cause: OfferCause | None, now: datetime
    ) -> ev.OfferEnded:
        """The event of an offer's end."""
        return ev.OfferEnded(
            interaction_id=offer.interaction_id,
            at=now,
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            outcome=outcome,
            cause=cause,
        )

    def close_offer(self, offer: Offer, outcome: OfferOutcome, cause: OfferCause | None, now: datetime) -> list[Output]:
        """End an offer, leaving its interaction in its place."""
        del self.picture.offers[offer.offer_id]
        self.picture.offers_end.pop(offer.offer_id, None)
        waiting = self.picture.waiting.get(offer.interaction_id)
        if waiting is not None and offer.offer_id in waiting.offer_ids:
            self.picture.stand_nowhere(waiting)
            waiting.offer_ids = tuple(other for other in waiting.offer_ids if other != offer.offer_id)
            if waiting.agent_waits == offer.offer_id:
                waiting.agent_waits = None
                if waiting.presence is Presence.CALLING:
                    self.picture.set_presence(waiting, Presence.ABSENT)
            self.find_stand(waiting)
            self.arm_waiting(waiting, now)
        agent = self.picture.agents.get(offer.agent_id)
        if agent is not None and offer.offer_id in agent.texts_offered:
            self.picture.before_change(agent)
            agent.texts_offered.discard(offer.offer_id)
            self.picture.after_change(agent)
        out: list[Output] = [self.offer_ended(offer, outcome, cause, now)]
        if waiting is not None and waiting.is_call_out and outcome is not OfferOutcome.ANSWERED:
            self.picture.drop_waiting(waiting)
            out.append(_call_out_ended(offer, cause, now))
        return out

    def close_lost_offer(self, agent: AgentRecord, outcome: OfferOutcome, now: datetime) -> list[Output]:
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

    def fail_offer(self, offer: Offer, cause: OfferCause, now: datetime) -> list[Output]:
        """The agent did not take it: he rests or is set aside with the reason, and the interaction waits on."""
        agent = self.picture.agents[offer.agent_id]
        waiting = self.picture.waiting.get(offer.interaction_id)
        on_the_phone = waiting is None or waiting.on_the_phone
        is_call_out = waiting is not None and waiting.is_call_out
        out = self.close_offer(offer, _OUTCOME[cause], cause, now)
        is_offered = agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id
        if on_the_phone and not is_offered:
            return out
        if is_call_out:
            return out + (self.release(agent, now) if is_offered else [])
        queue = self.picture.queues[offer.queue_id]
        reason = _NOT_READY_REASON.get(cause)
        if cause in _MISSED:
            agent.misses += 1
            if agent.misses < queue.config.rona_limit:
                reason = None
        if reason is not None and (is_offered or agent.state is AgentState.READY):
            return out + self.become(agent, AgentState.NOT_READY, now, reason=reason)
        if is_offered:
            out += self.become(agent, AgentState.READY, now)
        pause = queue.config.rest_after_miss if cause in _MISSED else BRIDGE_REST
        if pause > timedelta() and agent.state is AgentState.READY:
            self.rest(agent, now + pause)
        return out

    def withdraw(self, offer: Offer, now: datetime, cause: OfferCause | None = None) -> list[Output]:
        """Take an offer back; its agent is ready again."""
        agent = self.picture.agents[offer.agent_id]
        is_text = offer.offer_id in agent.texts_offered
        out = self.close_offer(offer, OfferOutcome.WITHDRAWN, cause, now)
        if not is_text:
            out.append(StopRinging(offer_id=offer.offer_id))
        if agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id:
            out += self.release(agent, now)
        return out

    def take_out(
        self,
        record: WaitingRecord,
        outcome: OfferOutcome,
        cause: OfferCause | None,
        now: datetime,
        *,
        silent: OfferId | None = None,
    ) -> list[Output]:
        """Take a leaving interaction out of its queue, and its agents out of the ringing; `silent` rings no more."""
        self.picture.drop_waiting(record)
        out: list[Output] = []
        for offer_id in record.offer_ids:
            offer = self.picture.offers[offer_id]
            agent = self.picture.agents[offer.agent_id]
            out += self.close_offer(offer, outcome, cause, now)
            if record.on_the_phone and offer_id != silent:
                out.append(StopRinging(offer_id=offer_id))
            if agent.state is AgentState.OFFERED and agent.offer_id == offer_id:
                out += self.release(agent, now)
        return out

    def hold_callback(self, record: WaitingRecord, until: datetime | None) -> None:
        """Let nobody be offered a callback until a moment, or anybody again with None."""
        if record.callback is None:
            return
        self.picture.stand_nowhere(record)
        record.callback = replace(record.callback, not_before=until)
        self.find_stand(record)
        self.picture.unsettled_queues[record.queue_id] = None


def _call_out_ended(offer: Offer, cause: OfferCause | None, now: datetime) -> ev.InteractionEnded:
    was_called = cause is OfferCause.CUSTOMER_NOT_REACHED
    return ev.InteractionEnded(
        interaction_id=offer.interaction_id,
        at=now,
        outcome=ev.Outcome.NOT_REACHED if was_called else ev.Outcome.CALLED_OFF,
        side=ev.Side.SYSTEM if was_called else ev.Side.AGENT,
    )


def _moments(record: WaitingRecord, queue: QueueRecord) -> Iterator[datetime]:
    config = queue.config
    steps = config.routing
    if record.step + 1 < len(steps):
        yield record.placed_at + steps[record.step + 1].after
    if not record.aged and config.ageing_limit is not None:
        yield record.entered_at + config.ageing_limit
    if record.reserved_until is not None:
        yield record.reserved_until
    if record.calling_until is not None:
        yield record.calling_until
    if record.callback is not None and record.callback.not_before is not None:
        yield record.callback.not_before
    if config.limits.max_wait is not None and config.limits.when_too_long is not None:
        yield record.placed_at + config.limits.max_wait
    for delay in queue.delays:
        yield record.entered_at + delay
