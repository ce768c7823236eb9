"""The steps that commands and deadlines share: an agent's change of state, the life of an offer, the matching.

Law: whoever becomes free is matched at once, and so is whoever waits again; an offer ends exactly once.
"""

from datetime import datetime, timedelta

from callcenter.acd.deadlines import Deadlines
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.reasons import explain_offer
from callcenter.acd.roster import AgentRecord, Wish
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain import events as ev
from callcenter.domain.actions import Action, RingAgent, StopRinging
from callcenter.domain.agents import AgentState, Reason, check_agent_transition
from callcenter.domain.ids import InteractionId, OfferId
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


class Steps:
    """Changes the picture and says what has happened; `routing` says whether offers are made."""

    def __init__(self, picture: Picture, deadlines: Deadlines) -> None:
        self.picture = picture
        self.routing = False
        self._deadlines = deadlines
        self._last_stamp = 0

    # ---- agents

    def wish(self, agent: AgentRecord, wish: Wish | None, now: datetime) -> list[Output]:
        """Note what becomes of an agent after his talk; None takes a wish back."""
        if agent.wish == wish:
            return []
        agent.wish = wish
        state, reason = (None, None) if wish is None else (wish.state, wish.reason)
        return [ev.AgentWishChanged(agent_id=agent.agent_id, at=now, state=state, reason=reason)]

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
    ) -> list[Output]:
        """Put an agent into a state; raises `IllegalTransition`, and then nothing has changed."""
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

    def become_free(self, agent: AgentRecord, now: datetime) -> list[Output]:
        """Ready, and matched at once."""
        return [*self.become(agent, AgentState.READY, now), *self.route_agent(agent, now)]

    def end_talk(self, agent: AgentRecord, side: ev.Side | None, now: datetime, *, stays: bool = False) -> list[Output]:
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
            return out + self.after_work(agent, now)
        out += self.become(
            agent,
            AgentState.WRAP_UP,
            now,
            interaction_id=interaction_id,
            offer_id=offer_id,
            wrap_up_until=now + pause,
        )
        self.arm_wrap_up(agent, now + pause)
        return out

    def arm_wrap_up(self, agent: AgentRecord, until: datetime) -> None:
        """Let a wrap-up end by itself."""
        agent.wrap_up_until = until
        self._deadlines.arm_wrap_up(agent.agent_id, until)

    def after_work(self, agent: AgentRecord, now: datetime) -> list[Output]:
        """Carry out what was wished during the talk; without a wish, ready."""
        wish = agent.wish
        if wish is None:
            return self.become_free(agent, now)
        return self.become(agent, wish.state, now, reason=wish.reason)

    # ---- offers

    def present(self, agent: AgentRecord, waiting: WaitingRecord, offer: Offer, now: datetime) -> list[Output]:
        """Note an offer as pending, with its agent and its place."""
        self.picture.offers[offer.offer_id] = offer
        waiting.offer_id = offer.offer_id
        ring_timeout = self.picture.queue(offer.queue_id).config.ring_timeout
        self._deadlines.arm_offer(offer.offer_id, offer.made_at + ring_timeout + OFFER_GRACE)
        if agent.state is AgentState.OFFERED:
            return []
        return self.become(
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
        changed = self.present(agent, waiting, offer, now)
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
        waiting = self.picture.waiting.get(offer.interaction_id)
        if waiting is not None and waiting.offer_id == offer.offer_id:
            waiting.offer_id = None
        return [self.offer_ended(offer, outcome, cause, now)]

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
        """The agent did not take it: he is set aside with the reason, and the interaction matched anew."""
        if cause is OfferCause.CALLER_LEFT:
            # He must not be offered again; should he be there after all, his next question puts him back in his place.
            record = self.picture.waiting[offer.interaction_id]
            return self.take_out(record, OfferOutcome.ABANDONED, cause, now, silent=True)
        agent = self.picture.agents[offer.agent_id]
        out = self.close_offer(offer, _OUTCOME[cause], cause, now)
        if agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id:
            reason = _NOT_READY_REASON.get(cause)
            if reason is None:
                out += self.become_free(agent, now)
            else:
                out += self.become(agent, AgentState.NOT_READY, now, reason=reason)
        return out + self.route_waiting(offer.interaction_id, now)

    def withdraw(self, offer: Offer, now: datetime) -> list[Output]:
        """Take an offer back; its agent is ready again, but not yet matched."""
        agent = self.picture.agents[offer.agent_id]
        out = self.close_offer(offer, OfferOutcome.WITHDRAWN, None, now)
        out.append(StopRinging(offer_id=offer.offer_id))
        if agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id:
            out += self.become(agent, AgentState.READY, now)
        return out

    def take_out(
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
        out = self.close_offer(offer, outcome, cause, now)
        if not silent:
            out.append(StopRinging(offer_id=offer.offer_id))
        if agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id:
            out += self.become_free(agent, now)
        return out

    # ---- matching

    def route_all(self, now: datetime) -> list[Output]:
        """Match everyone who is free, longest idle first."""
        out: list[Output] = []
        ready = (a for a in self.picture.agents.values() if a.offerable)
        for agent in sorted(ready, key=lambda a: (a.ready_since or now, a.agent_id)):
            out += self.route_agent(agent, now)
        return out

    def route_agent(self, agent: AgentRecord, now: datetime) -> list[Output]:
        """Give a free agent the interaction that comes first over all queues he serves."""
        if not self.routing or not agent.offerable:
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

    def route_waiting(self, interaction_id: InteractionId, now: datetime) -> list[Output]:
        """Match an interaction again, if it still waits."""
        record = self.picture.waiting.get(interaction_id)
        return [] if record is None else self.route_interaction(record, now)

    def route_interaction(self, record: WaitingRecord, now: datetime) -> list[Output]:
        """Give a waiting interaction to the longest idle agent who can serve it."""
        if not self.routing or record.offer_id is not None:
            return []
        for agent_id in self.picture.queues[record.queue_id].ready:
            agent = self.picture.agents[agent_id]
            if satisfies(agent.config.skills, record.skills):
                return self._offer(agent, record, now)
        return []
