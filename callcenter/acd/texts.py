"""Chats and mails: taken and ended on the screen, several at once, beside the state the agent has on the phone."""

from datetime import datetime

from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentRecord
from callcenter.acd.steps import Output, Steps
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import InteractionId, OfferId
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome


class Texts:
    """What happens to offers and interactions that need no phone."""

    def __init__(self, picture: Picture, steps: Steps) -> None:
        self.picture = picture
        self._steps = steps

    def accept(self, offer_id: OfferId, now: datetime) -> list[Output]:
        """The agent takes it."""
        offer = self._offer(offer_id)
        agent, waiting = self.picture.agents[offer.agent_id], self.picture.waiting[offer.interaction_id]
        out = self._steps.close_offer(offer, OfferOutcome.ANSWERED, None, now)
        self.picture.queues[waiting.queue_id].patience.learn(now - waiting.entered_at, abandoned=False)
        self.picture.drop_waiting(waiting)
        self.picture.before_change(agent)
        agent.works[offer.interaction_id] = offer_id
        agent.misses = 0
        self.picture.works[offer.interaction_id] = agent.agent_id
        self.picture.after_change(agent)
        connected = ev.InteractionConnected(
            interaction_id=offer.interaction_id,
            at=now,
            agent_id=agent.agent_id,
            offer_id=offer_id,
            queue_id=offer.queue_id,
        )
        return [*out, connected]

    def reject(self, offer_id: OfferId, now: datetime) -> list[Output]:
        """He does not take it."""
        return self._steps.fail_offer(self._offer(offer_id), OfferCause.REJECTED, now)

    def end(self, interaction_id: InteractionId, side: ev.Side, now: datetime) -> list[Output]:
        """A chat or mail somebody holds is done; nothing happens when nobody holds it."""
        agent_id = self.picture.works.pop(interaction_id, None)
        if agent_id is None:
            return []
        agent = self.picture.agents[agent_id]
        self.picture.before_change(agent)
        offer_id = agent.works.pop(interaction_id)
        self.picture.after_change(agent)
        return [ev.TalkEnded(interaction_id=interaction_id, at=now, agent_id=agent_id, offer_id=offer_id, side=side)]

    def let_go(self, agent: AgentRecord, now: datetime, *, everything: bool) -> list[Output]:
        """Take back what he was offered; with `everything`, also what he holds."""
        out: list[Output] = []
        for offer_id in sorted(agent.texts_offered):
            out += self._steps.close_offer(self.picture.offers[offer_id], OfferOutcome.WITHDRAWN, None, now)
        if everything:
            for interaction_id in list(agent.works):
                out += self.end(interaction_id, ev.Side.SYSTEM, now)
        return out

    def give_up(self, offer_id: OfferId, now: datetime) -> list[Output]:
        """Nobody has said anything of an offer for too long."""
        offer = self.picture.offers[offer_id]
        waiting = self.picture.waiting.get(offer.interaction_id)
        if waiting is not None and not waiting.on_the_phone:
            return self._steps.fail_offer(offer, OfferCause.NO_ANSWER, now)
        out: list[Output] = [StopRinging(offer_id=offer_id)]
        return out + self._steps.fail_offer(offer, OfferCause.TIMEOUT, now)

    def _offer(self, offer_id: OfferId) -> Offer:
        offer = self.picture.offers.get(offer_id)
        if offer is None:
            raise NotFound(f"there is no open offer {offer_id}", code="unknown_offer")
        if self.picture.waiting[offer.interaction_id].on_the_phone:
            raise Conflict("a call is taken with the phone, not on the screen", code="needs_phone")
        return offer
