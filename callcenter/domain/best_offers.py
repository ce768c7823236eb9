"""Next best offers: what the business would like to propose to customers, to whom, when and how often.

Not to be taken for an offer of routing, which presents an interaction to an agent (domain/offers.py).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from callcenter.domain.labels import Label

USUAL_REST_DAYS = 30


class OfferAnswer(StrEnum):
    """What a customer said to what was proposed to him."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    NOT_NOW = "not_now"


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOffer:
    """One thing to propose; `text` is what the agent says, with fields in braces (domain/scripts.py)."""

    best_offer_id: str
    label: Label
    text: Label
    segment: str = ""
    """A saved segment he must be in; empty asks nothing."""
    condition: str = ""
    """A condition (crm/segment_text.py) that must be true of him besides; empty asks nothing."""
    priority: int = 0
    """Of several that fit, the highest comes first."""
    first_on: date | None = None
    last_on: date | None = None
    """The days on which it is proposed, both included; None: no such bound."""
    rest_days: int = USUAL_REST_DAYS
    """So many days from one time to the next, whatever he answered."""
