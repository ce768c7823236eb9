"""Chats and mails: taken and ended on the screen, several at once, beside the state the agent has on the phone."""

from datetime import datetime

from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentRecord
from callcenter.acd.steps import Output, Steps
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import OfferId
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome


class Texts:
    """What happens to offers and interactions that need no phone."""

    def __init__(self, picture: Picture, steps: Steps) -> None:
        self.picture = picture
        self._steps = steps

    def accept(self, offer_id: OfferId, now: datetime) -> list[Output]:
        """The agent takes it."""
        offer = self._offer(offer_id)
        return self.take(offer_id, self.picture.waiting[offer.interaction_id], self.picture.agents[offer.agent_id], now)

    def take(self, offer_id: OfferId, waiting: WaitingRecord, agent: AgentRecord, now: datetime) -> list[Output]:
        """An agent holds a chat or mail that waited until now; whoever else was offered it is offered it no more."""
        out: list[Output] = []
        for other_id in waiting.offer_ids:
            outcome = OfferOutcome.ANSWERED if other_id == offer_id else OfferOutcome.WITHDRAWN
            out += self._steps.close_offer(self.picture.offers[other_id], outcome, None, now)
        self.picture.queues[waiting.queue_id].patience.learn(now - waiting.entered_at, abandoned=False)
        self.picture.drop_waiting(waiting)
        self.picture.before_change(agent)
        agent.works[waiting.interaction_id] = offer_id
        agent.misses = 0
        self.picture.works[waiting.interaction_id] = agent.agent_id
        self.picture.after_change(agent)
        connected = ev.InteractionConnected(
            interaction_id=waiting.interaction_id,
            at=now,
            agent_id=agent.agent_id,
            offer_id=offer_id,
            queue_id=waiting.queue_id,
        )
        return [*out, connected]

    def reject(self, offer_id: OfferId, now: datetime) -> list[Output]:
        """He does not take it."""
        return self._steps.fail_offer(self._offer(offer_id), OfferCause.REJECTED, now)

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
