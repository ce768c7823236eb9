"""Which offers fit a customer now, the best first, and why.

Laws: nothing is offered to who refused advertising on the telephone or has an open complaint; an offer rests for its
days after each time, whatever the answer was; of several that fit the highest priority comes first, then the id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from callcenter.crm.segments import Condition, Record, predicate
from callcenter.domain.best_offers import BestOffer
from callcenter.domain.customers import Channel, Consent, ConsentState

MOST_AT_ONCE = 2
"""Offers before the agent in one talk, those already answered counted."""
_ADVERTISING_REFUSED = frozenset({ConsentState.REFUSED, ConsentState.DO_NOT_CONTACT})


class Withheld(StrEnum):
    """Why a customer is offered nothing at all."""

    REFUSED = "refused"
    OPEN_COMPLAINT = "open_complaint"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferBasis:
    """What is known of one customer: his record as segments ask it, and when each offer was last made to him."""

    record: Record
    consents: Sequence[Consent]
    offered_on: Mapping[str, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyOffer:
    """An offer with its conditions read; all of them must be true."""

    offer: BestOffer
    conditions: tuple[Condition, ...]


def withheld(basis: OfferBasis) -> Withheld | None:
    """Why nothing is offered; None where something may be."""
    open_complaints = basis.record.get("open_complaints")
    if isinstance(open_complaints, float) and open_complaints > 0:
        return Withheld.OPEN_COMPLAINT
    if any(one.channel is Channel.PHONE and one.state in _ADVERTISING_REFUSED for one in basis.consents):
        return Withheld.REFUSED
    return None


def fitting(offers: Sequence[ReadyOffer], basis: OfferBasis, *, today: date) -> tuple[BestOffer, ...]:
    """The offers that fit, the best first; none where `withheld` says why."""
    if withheld(basis) is not None:
        return ()
    found = [ready.offer for ready in offers if _fits(ready, basis, today)]
    return tuple(sorted(found, key=lambda offer: (-offer.priority, offer.best_offer_id)))


def _fits(ready: ReadyOffer, basis: OfferBasis, today: date) -> bool:
    offer = ready.offer
    if (offer.first_on is not None and today < offer.first_on) or (offer.last_on is not None and today > offer.last_on):
        return False
    last = basis.offered_on.get(offer.best_offer_id)
    if last is not None and (today - last).days < offer.rest_days:
        return False
    return all(predicate(condition, today=today)(basis.record) for condition in ready.conditions)
