"""What the business sets of customer value: thresholds, what counts as a purchase, and what money later is worth."""

from dataclasses import dataclass, field
from enum import StrEnum

from callcenter.crm.errors import CrmError
from callcenter.crm.lifecycle import LifecycleRules

MOST_STATES = 20


class ClassBasis(StrEnum):
    """What the classes A, B and C are cut from."""

    SPENT = "spent"
    """What a customer has bought for so far."""
    LIFETIME_VALUE = "lifetime_value"
    """What he will still bring; where the models cannot be learnt, what he has bought for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRules:
    """The rules of one run; the defaults are what counts before anybody has set any."""

    class_basis: ClassBasis = ClassBasis.SPENT
    a_until: float = 0.80
    b_until: float = 0.95
    """Cumulative shares of all value, most valuable customer first, at which the classes A and B end."""
    horizon_months: int = 36
    """How far ahead the lifetime value looks."""
    yearly_discount: float = 0.10
    """Money in a year is worth 1 / (1 + rate) of money now."""
    margin: float = 0.30
    """Share of what customers pay that is profit before service."""
    cost_per_minute: float = 0.0
    """Of talking with customers."""
    not_counted: tuple[str, ...] = ("cancelled",)
    """States of orders that are no purchases."""
    lifecycle: LifecycleRules = field(default_factory=LifecycleRules)

    def __post_init__(self) -> None:
        if not 0 < self.a_until <= self.b_until <= 1:
            raise CrmError("class A has to end above 0 %, B not before A and not after 100 %")
        if not 1 <= self.horizon_months <= 240:
            raise CrmError(f"the lifetime value looks 1 to 240 months ahead, not {self.horizon_months}")
        if not 0 <= self.yearly_discount <= 10:
            raise CrmError(f"the yearly discount has to be from 0 to 10 (1,000 %), not {self.yearly_discount}")
        if not -1 <= self.margin <= 1:
            raise CrmError(f"the margin has to be from -1 to 1 (100 %), not {self.margin}")
        if not 0 <= self.cost_per_minute <= 1e9:
            raise CrmError(f"a minute of service costs 0 or more, not {self.cost_per_minute}")
        if len(self.not_counted) > MOST_STATES:
            raise CrmError(f"{len(self.not_counted)} states of orders are not counted; {MOST_STATES} are the most")
