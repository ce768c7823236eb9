"""Management's figures: what they are asked for, and who counts them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from callcenter.app.management_counts import Told, untold
from callcenter.crm.churn import Recovery
from callcenter.crm.management import Movement, Satisfaction
from callcenter.crm.periods import Period
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitRow:
    """Of one class of value in one period; a class is "" where a customer has none."""

    period: Period
    value_class: str
    customers: int
    """Different ones with an order or a talk."""
    revenue: float
    service_minutes: float
    profit: float
    """revenue x margin - minutes x their cost."""

    @property
    def average_profit(self) -> float:
        """profit / customers."""
        return self.profit / self.customers if self.customers else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SatisfactionFigures:
    """What customers answered, from 1 to 5, by queue, by agent and by class of value; "" where there is none."""

    queues: dict[str, Satisfaction]
    agents: dict[str, Satisfaction]
    classes: dict[str, Satisfaction]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRow:
    """One next best offer: how often it was made, and what was answered; the label is that of the last time."""

    best_offer_id: str
    label: Label
    customers: int
    """Different ones it was made to."""
    accepted: int
    declined: int
    not_now: int

    @property
    def offered(self) -> int:
        """How often it was made: each time has one answer."""
        return self.accepted + self.declined + self.not_now

    @property
    def acceptance_rate(self) -> float | None:
        """accepted / offered."""
        return self.accepted / self.offered if self.offered else None


class Listed(StrEnum):
    """Lists behind the figures."""

    NEW = "new"
    WON_BACK = "won_back"
    LOST = "lost"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    PROFIT = "profit"
    COMPLAINTS = "complaints"
    SATISFACTION_QUEUE = "satisfaction_queue"
    SATISFACTION_AGENT = "satisfaction_agent"
    SATISFACTION_CLASS = "satisfaction_class"
    COHORT = "cohort"
    TOP = "top"
    BEST_OFFER = "best_offer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """One line: a customer, when, what it is about, and an amount where there is one."""

    customer_id: str | None
    name: str
    on: date | None
    what: str = ""
    amount: float | None = None
    reference: str = ""
    """The case or the interaction it is about."""


class Management(Protocol):
    """Counts in the store, by aggregates."""

    async def movements(self, periods: Sequence[Period], told: Told = untold) -> tuple[Movement, ...]:
        """Of periods that follow one upon the other."""
        ...

    async def profits(
        self, periods: Sequence[Period], rules: ValueRules, currency: str, told: Told = untold
    ) -> tuple[ProfitRow, ...]:
        """By period and class of value."""
        ...

    async def satisfaction(self, period: Period) -> SatisfactionFigures:
        """Of the answers in a period."""
        ...

    async def complaints(self, period: Period) -> dict[str, Recovery]:
        """By reason, of the complaints opened in a period, the most frequent first."""
        ...

    async def best_offers(self, period: Period) -> tuple[OfferRow, ...]:
        """By offer, of the answers in a period, the most often made first."""
        ...

    async def listed(
        self,
        what: Listed,
        period: Period,
        *,
        key: str,
        rules: ValueRules,
        currency: str,
        limit: int,
        offset: int,
    ) -> tuple[ListRow, ...]:
        """Some of the list behind a figure; `key` is the class, the reason, the queue, the agent."""
        ...
