"""What a customer is worth to the business, as the last run or the last look at him found it."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerWorth:
    """Of a customer who has bought; `stage` and `why` are of the life-cycle, the scores are 1 to 5."""

    as_of: date
    value_class: str | None
    """A, B or C by cumulative value; what a person has set on the customer comes before it."""
    stage: str
    why: str
    orders: int
    purchases: int
    """Days with an order."""
    first_on: date
    last_on: date
    interval_days: float
    spent: float
    currency: str
    p_alive: float | None
    lifetime_value: float | None
    recency_score: int | None
    frequency_score: int | None
    monetary_score: int | None
