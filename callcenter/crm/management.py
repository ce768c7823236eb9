"""Management's figures: who came, who left, who rose, what customers bring, who stays, and how content they are.

Every figure is a fold over plain facts, so the list behind it is the facts themselves. The order they come in does not
matter, only their days; of two changes of one customer on one day the later one given counts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import sqrt
from typing import Final, TypeVar

from callcenter.crm.errors import CrmError
from callcenter.crm.lifecycle import Stage
from callcenter.crm.periods import Period, PeriodKind, period_number, period_of
from callcenter.crm.value_class import ValueClass
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId

_Key = TypeVar("_Key")
_Name = TypeVar("_Name", bound=str)
_NOT_CUSTOMERS: Final = frozenset({Stage.PROSPECT, Stage.LOST})
_RANK: Final = {ValueClass.C: 0, ValueClass.B: 1, ValueClass.A: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChange:
    """A customer's stage became another on a day; the first one is that of the day he became known."""

    customer_id: CustomerId
    on: date
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """A customer's class of value became another on a day."""

    customer_id: CustomerId
    on: date
    value_class: ValueClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """The customer base over one period; a customer is who has bought and is not lost.

    at_end = at_start + new + won_back - lost. Each count is of customers whose state at the end of the period differs
    from that at its start: who is lost and won back within it is neither, who first bought and was lost in it neither.
    """

    period: Period
    at_start: int
    new: int
    """No customer at the start and never before, but at the end."""
    won_back: int
    """Lost at the start, a customer at the end."""
    lost: int
    """A customer at the start, lost at the end."""
    upgraded: int
    """A customer at start and end, in a higher class of value at the end."""
    downgraded: int
    at_end: int

    @property
    def new_rate(self) -> float | None:
        """new / at_start; None where there was nobody."""
        return self.new / self.at_start if self.at_start else None

    @property
    def won_back_rate(self) -> float | None:
        """won_back / at_start."""
        return self.won_back / self.at_start if self.at_start else None

    @property
    def lost_rate(self) -> float | None:
        """lost / at_start."""
        return self.lost / self.at_start if self.at_start else None

    @property
    def upgraded_rate(self) -> float | None:
        """upgraded / at_start."""
        return self.upgraded / self.at_start if self.at_start else None

    @property
    def downgraded_rate(self) -> float | None:
        """downgraded / at_start."""
        return self.downgraded / self.at_start if self.at_start else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitLine:
    """What a customer brought and cost on a day: an order, or, with no revenue, the service given him."""

    customer_id: CustomerId
    on: date
    segment: str
    """The customer's segment or class then."""
    revenue: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profitability:
    """Of one segment in one period."""

    customers: int
    """Different customers with a line."""
    revenue: Decimal
    cost: Decimal

    @property
    def profit(self) -> Decimal:
        """revenue - cost."""
        return self.revenue - self.cost

    @property
    def average_profit(self) -> Decimal:
        """profit / customers."""
        return self.profit / self.customers

    @property
    def margin(self) -> Decimal | None:
        """profit / revenue; None without revenue."""
        return self.profit / self.revenue if self.revenue else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A customer bought on a day."""

    customer_id: CustomerId
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The customers who first bought in one period, and how many of them bought in each period since."""

    period: Period
    customers: int
    bought: tuple[int, ...]
    """In the 0th (all of them), 1st, 2nd ... period after, up to the last that is over."""

    @property
    def retention(self) -> tuple[float, ...]:
        """bought / customers for each period since."""
        return tuple(count / self.customers for count in self.bought)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAnswer:
    """A caller's answer from 1 (bad) to 5 (good) after an interaction."""

    interaction_id: InteractionId
    on: date
    queue_id: QueueId
    agent_id: AgentId | None
    segment: str
    score: int

    def __post_init__(self) -> None:
        if not 1 <= self.score <= 5:
            raise CrmError(f"a survey's score has to be from 1 to 5, not {self.score}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Satisfaction:
    """The answers about one queue, agent or segment."""

    scores: tuple[int, int, int, int, int]
    """How many gave 1, 2, 3, 4, 5."""

    @property
    def answers(self) -> int:
        """All of them."""
        return sum(self.scores)

    @property
    def mean(self) -> float:
        """sum(score) / answers."""
        return sum(score * count for score, count in enumerate(self.scores, start=1)) / self.answers

    @property
    def satisfied(self) -> float:
        """The share of 4 and 5."""
        return (self.scores[3] + self.scores[4]) / self.answers

    @property
    def satisfied_range(self) -> tuple[float, float]:
        """Where the share lies with 95 % confidence: E. B. Wilson's score interval (1927), honest for few answers."""
        count, share, z = self.answers, self.satisfied, 1.959963984540054
        middle = share + z * z / (2 * count)
        spread = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
        scale = 1 + z * z / count
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def movements(
    stages: Iterable[StageChange], classes: Iterable[ClassChange], periods: Sequence[Period]
) -> tuple[Movement, ...]:
    """The movement of each period; the periods may overlap or leave gaps.

    Needs every change since the beginning, since the base at the start is what they add up to.
    """
    stage_history = _histories((change.customer_id, change.on, change.stage) for change in stages)
    class_history = _histories((change.customer_id, change.on, change.value_class) for change in classes)
    return tuple(_movement(period, stage_history, class_history) for period in periods)


def profitability(lines: Iterable[ProfitLine], kind: PeriodKind) -> dict[tuple[Period, str], Profitability]:
    """Average profit per customer by (period, segment), in their order; only where there are lines."""
    found = _profitability(((period_number(line.on, kind), line.segment), line) for line in lines)
    return {(period_of(number, kind), segment): found[number, segment] for number, segment in sorted(found)}


def profitability_by_period(lines: Iterable[ProfitLine], kind: PeriodKind) -> dict[Period, Profitability]:
    """The same over all segments; a customer who changed his segment counts once."""
    found = _profitability((period_number(line.on, kind), line) for line in lines)
    return {period_of(number, kind): found[number] for number in sorted(found)}


def retention(purchases: Iterable[Bought], kind: PeriodKind, *, today: date) -> tuple[Cohort, ...]:
    """The cohort matrix, oldest first: of those who first bought in a period, the share that bought in the k-th after.

    The period `today` is in is not over, so neither has it a cohort nor does it end a row: rows shorten towards the
    present. Purchases after today are left out.
    """
    last = period_number(today, kind) - 1
    bought: dict[CustomerId, set[int]] = {}
    for purchase in purchases:
        number = period_number(purchase.on, kind)
        if number <= last:
            bought.setdefault(purchase.customer_id, set()).add(number)
    cohorts: dict[int, Counter[int]] = {}
    for numbers in bought.values():
        first = min(numbers)
        cohorts.setdefault(first, Counter()).update(number - first for number in numbers)
    return tuple(
        Cohort(
            period=period_of(first, kind),
            customers=counts[0],
            bought=tuple(counts[offset] for offset in range(last - first + 1)),
        )
        for first, counts in sorted(cohorts.items())
    )


def satisfaction_by_queue(answers: Iterable[SurveyAnswer]) -> dict[QueueId, Satisfaction]:
    """By the queue the interaction came through."""
    return _satisfaction((answer.queue_id, answer.score) for answer in answers)


def satisfaction_by_agent(answers: Iterable[SurveyAnswer]) -> dict[AgentId, Satisfaction]:
    """By the agent who talked; interactions without one are left out."""
    return _satisfaction((answer.agent_id, answer.score) for answer in answers if answer.agent_id is not None)


def satisfaction_by_segment(answers: Iterable[SurveyAnswer]) -> dict[str, Satisfaction]:
    """By the customer's segment at the time."""
    return _satisfaction((answer.segment, answer.score) for answer in answers)


_State = TypeVar("_State")
_Histories = dict[CustomerId, list[tuple[date, _State]]]


def _histories(changes: Iterable[tuple[CustomerId, date, _State]]) -> "_Histories[_State]":
    histories: _Histories[_State] = {}
    for customer_id, on, state in changes:
        histories.setdefault(customer_id, []).append((on, state))
    for history in histories.values():
        history.sort(key=_day)
    return histories


def _day(change: tuple[date, object]) -> date:
    return change[0]


def _before(history: Sequence[tuple[date, _State]], day: date) -> _State | None:
    """The state at the beginning of a day."""
    state = None
    for on, became in history:
        if on >= day:
            break
        state = became
    return state


def _movement(period: Period, stages: "_Histories[Stage]", classes: "_Histories[ValueClass]") -> Movement:
    counts: Counter[str] = Counter()
    for customer_id, history in stages.items():
        was = _before(history, period.start)
        became = _before(history, period.end)
        was_customer = was is not None and was not in _NOT_CUSTOMERS
        is_customer = became is not None and became not in _NOT_CUSTOMERS
        counts["at_start"] += was_customer
        counts["at_end"] += is_customer
        counts["lost"] += was_customer and not is_customer
        counts["won_back"] += was is Stage.LOST and is_customer
        counts["new"] += was in (None, Stage.PROSPECT) and is_customer
        if was_customer and is_customer:
            steps = _steps(classes.get(customer_id, ()), period)
            counts["upgraded"] += steps > 0
            counts["downgraded"] += steps < 0
    return Movement(
        period=period,
        at_start=counts["at_start"],
        new=counts["new"],
        won_back=counts["won_back"],
        lost=counts["lost"],
        upgraded=counts["upgraded"],
        downgraded=counts["downgraded"],
        at_end=counts["at_end"],
    )


def _steps(history: Sequence[tuple[date, ValueClass]], period: Period) -> int:
    was, became = _before(history, period.start), _before(history, period.end)
    return 0 if was is None or became is None else _RANK[became] - _RANK[was]


def _profitability(lines: Iterable[tuple[_Key, ProfitLine]]) -> dict[_Key, Profitability]:
    customers: dict[_Key, set[CustomerId]] = {}
    revenue: dict[_Key, Decimal] = {}
    cost: dict[_Key, Decimal] = {}
    for key, line in lines:
        customers.setdefault(key, set()).add(line.customer_id)
        revenue[key] = revenue.get(key, Decimal(0)) + line.revenue
        cost[key] = cost.get(key, Decimal(0)) + line.cost
    return {
        key: Profitability(customers=len(different), revenue=revenue[key], cost=cost[key])
        for key, different in customers.items()
    }


def _satisfaction(answers: Iterable[tuple[_Name, int]]) -> dict[_Name, Satisfaction]:
    counts: dict[_Name, Counter[int]] = {}
    for key, score in answers:
        counts.setdefault(key, Counter())[score] += 1
    return {
        key: Satisfaction(scores=(count[1], count[2], count[3], count[4], count[5]))
        for key, count in sorted(counts.items(), key=lambda item: item[0])
    }
