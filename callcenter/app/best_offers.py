"""Next best offers in a talk: which fit this customer and why, and what he answered.

Laws: the path of a call asks nothing here, the pop reads it beside the card; an answer can be changed or taken back
by whoever may write on the interaction, and counts once for each interaction and offer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from callcenter.app.ports import Clock
from callcenter.app.segments import Segment, Segments
from callcenter.crm.best_offers import MOST_AT_ONCE, OfferBasis, ReadyOffer, Withheld, fitting, withheld
from callcenter.crm.errors import SegmentError
from callcenter.crm.segment_text import parse_segment
from callcenter.crm.segments import Fields
from callcenter.domain.best_offers import BestOffer, OfferAnswer
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId
from callcenter.domain.interactions import Interaction
from callcenter.domain.labels import Label

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredOffer:
    """What a customer answered to an offer in one interaction; `label` is what the offer was called then."""

    answer_id: str
    customer_id: CustomerId
    best_offer_id: str
    label: Label
    interaction_id: InteractionId
    answer: OfferAnswer
    at: datetime
    by: str
    agent_id: AgentId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferReason:
    """Why an offer is made: the name of his segment, the condition that is true of him, when it was made last."""

    segment: str | None
    condition: str | None
    last_offered_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedOffer:
    """An offer before the agent; `text` has its fields (domain/scripts.py) not filled in yet."""

    best_offer_id: str
    label: Label
    text: Label
    reason: OfferReason
    answer: OfferAnswer | None = None
    """What the customer said to it in this interaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedOffers:
    """What to propose to a customer, those already answered in this interaction first; `withheld` says why nothing."""

    items: tuple[ProposedOffer, ...]
    withheld: Withheld | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferHistory:
    """What the store knows for offers of one customer; `answered` are those of one interaction, the oldest first."""

    basis: OfferBasis
    answered: tuple[AnsweredOffer, ...]


class BestOfferStore(Protocol):
    """Where answers are kept, and customers are known."""

    async def history(
        self, customer_id: CustomerId, fields: Fields, *, timezone: ZoneInfo, interaction_id: InteractionId | None
    ) -> OfferHistory | None:
        """One customer, or whom he was merged into; None where there is none."""
        ...

    async def put(self, answered: AnsweredOffer) -> AnsweredOffer:
        """Keep an answer, in the place of an earlier one to the same offer in the same interaction; `NotFound`."""
        ...

    async def take_back(self, interaction_id: InteractionId, best_offer_id: str) -> bool:
        """Forget an answer; whether there was one."""
        ...


class OfferRules(Protocol):
    """The offers in force."""

    @property
    def best_offers(self) -> tuple[BestOffer, ...]:
        """All of them."""
        ...


class BestOffers:
    """The use cases of the pop."""

    def __init__(
        self,
        *,
        store: BestOfferStore,
        rules: OfferRules,
        segments: Segments,
        clock: Clock,
        timezone: ZoneInfo,
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._rules = rules
        self._segments = segments
        self._clock = clock
        self._timezone = timezone
        self._new_id = new_id

    async def propose(self, customer_id: CustomerId, interaction_id: InteractionId | None) -> ProposedOffers:
        """What fits a customer now; `NotFound`. Without any offer set up nothing is read."""
        offers = self._rules.best_offers
        if not offers:
            return ProposedOffers(items=())
        fields = await self._segments.fields()
        segments = {one.segment_id: one for one in await self._segments.store.segments()}
        history = await self._store.history(customer_id, fields, timezone=self._timezone, interaction_id=interaction_id)
        if history is None:
            raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
        today = self._clock.now().astimezone(self._timezone).date()
        known = {offer.best_offer_id: offer for offer in offers}
        answered = [
            _proposed(known[one.best_offer_id], segments, history.basis.offered_on, one.answer)
            for one in history.answered
            if one.best_offer_id in known
        ]
        said = {one.best_offer_id for one in history.answered}
        found = fitting(_ready(offers, segments, fields), history.basis, today=today)
        left = max(0, MOST_AT_ONCE - len(answered))
        new = [offer for offer in found if offer.best_offer_id not in said][:left]
        items = (*answered, *(_proposed(offer, segments, history.basis.offered_on) for offer in new))
        return ProposedOffers(items=items, withheld=withheld(history.basis))

    async def answer(
        self, record: Interaction, best_offer_id: str, answer: OfferAnswer, *, by: str, agent_id: AgentId | None
    ) -> AnsweredOffer:
        """Note what the customer of an interaction said; `NotFound`, `Conflict` while nobody knows who he is."""
        if record.customer_id is None:
            raise Conflict(
                f"nobody knows whose interaction {record.interaction_id} is; say first which customer it is",
                code="no_customer",
            )
        offer = next((one for one in self._rules.best_offers if one.best_offer_id == best_offer_id), None)
        if offer is None:
            raise NotFound(f"there is no best offer {best_offer_id}", code="unknown_best_offer")
        return await self._store.put(
            AnsweredOffer(
                answer_id=self._new_id(),
                customer_id=record.customer_id,
                best_offer_id=best_offer_id,
                label=offer.label,
                interaction_id=record.interaction_id,
                answer=answer,
                at=self._clock.now(),
                by=by,
                agent_id=agent_id,
            )
        )

    async def take_back(self, interaction_id: InteractionId, best_offer_id: str) -> None:
        """Forget what was noted by mistake; `NotFound`."""
        if not await self._store.take_back(interaction_id, best_offer_id):
            raise NotFound(
                f"no answer to best offer {best_offer_id} is noted in interaction {interaction_id}",
                code="unknown_answer",
            )


def _ready(offers: Sequence[BestOffer], segments: Mapping[str, Segment], fields: Fields) -> list[ReadyOffer]:
    """Those whose conditions can be read; one whose segment or field was taken away since is left out."""
    ready = []
    for offer in offers:
        segment = segments.get(offer.segment)
        if offer.segment and segment is None:
            log.warning("best_offer_without_segment", best_offer=offer.best_offer_id, segment=offer.segment)
            continue
        texts = ([segment.condition] if segment is not None else []) + ([offer.condition] if offer.condition else [])
        try:
            conditions = tuple(parse_segment(text, fields) for text in texts)
        except SegmentError as error:
            log.warning("best_offer_unreadable", best_offer=offer.best_offer_id, error=str(error))
            continue
        ready.append(ReadyOffer(offer=offer, conditions=conditions))
    return ready


def _proposed(
    offer: BestOffer,
    segments: Mapping[str, Segment],
    offered_on: Mapping[str, date],
    answer: OfferAnswer | None = None,
) -> ProposedOffer:
    segment = segments.get(offer.segment)
    return ProposedOffer(
        best_offer_id=offer.best_offer_id,
        label=offer.label,
        text=offer.text,
        reason=OfferReason(
            segment=None if segment is None else segment.label,
            condition=offer.condition or None,
            last_offered_on=offered_on.get(offer.best_offer_id),
        ),
        answer=answer,
    )
