"""Talks as the exchange reports them: begun, held, ended, never come about; and callers who are gone.

Law: the bridge that was seen last is the live one; a report about what is over already changes nothing.
"""

from datetime import datetime, timedelta

from callcenter.acd.picture import Picture
from callcenter.acd.queueing import Queueing
from callcenter.acd.roster import AgentRecord, Wish
from callcenter.acd.steps import Output, Steps
from callcenter.acd.texts import Texts
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Reason
from callcenter.domain.callbacks import Presence
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import QueueId
from callcenter.domain.offers import OfferCause, OfferOutcome

_CURED_BY_A_TALK = frozenset(Reason) - {Reason.SIGNED_IN, Reason.FORCED}
"""Reasons the server gave because it could not reach the agent; a talk shows that it can, so they end with it."""


class Talks:
    """Makes the picture follow the bridges."""

    def __init__(self, picture: Picture, steps: Steps, queueing: Queueing, texts: Texts) -> None:
        self.picture = picture
        self._steps = steps
        self._queueing = queueing
        self._texts = texts

    def begun(self, message: cmd.ReportTalk, now: datetime) -> list[Output]:
        """Agent and caller are in one bridge, whatever was known; raises `Conflict` where the offer is another's."""
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

    def ended(self, message: cmd.ReportTalkEnded, now: datetime) -> list[Output]:
        """They are no longer."""
        agent_id = self.picture.talks.get(message.offer_id)
        if agent_id is None:
            return []
        return self._steps.end_talk(self.picture.agents[agent_id], message.side, now, phone_lost=message.phone_lost)

    def hold(self, message: cmd.ReportHold, now: datetime) -> list[Output]:
        """One of them waits for the other."""
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

    def offer_failed(self, message: cmd.ReportOfferFailed, now: datetime) -> list[Output]:
        """Nobody answered, or could be rung."""
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

    def left(self, message: cmd.Leave, now: datetime) -> list[Output]:
        """The caller is gone."""
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
