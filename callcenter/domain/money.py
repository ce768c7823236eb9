"""Amounts of money: exact, never a float, with at most four places after the point."""

from dataclasses import dataclass
from decimal import Decimal

PLACES = Decimal("0.0001")
_USUAL_PLACES = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in a currency, by its three letters of ISO 4217."""

    amount: Decimal
    currency: str


def exact(amount: Decimal) -> Decimal:
    """The amount as it is kept and shown: two places, more only where they say something."""
    kept = amount.quantize(PLACES)
    short = kept.quantize(_USUAL_PLACES)
    return short if short == kept else kept.normalize()
