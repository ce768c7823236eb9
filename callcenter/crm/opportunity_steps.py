"""What becomes of an opportunity: opened, moved through its stages, won, lost, opened again; pure steps.

Law: an opportunity goes from state to state as `OPPORTUNITY_TRANSITIONS` says; who wins or loses one for good says why
where it was lost, and no step is left to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from callcenter.domain.errors import IllegalTransition, InvalidValue
from callcenter.domain.ids import AgentId, CustomerId, OpportunityId
from callcenter.domain.money import Money, exact
from callcenter.domain.sales import Opportunity, OpportunityState, Quote

_S = OpportunityState
OPPORTUNITY_TRANSITIONS: Mapping[OpportunityState, frozenset[OpportunityState]] = {
    _S.OPEN: frozenset({_S.WON, _S.LOST}),
    _S.WON: frozenset({_S.OPEN}),
    _S.LOST: frozenset({_S.OPEN}),
}
"""From each state, the states an opportunity may go to; one that was closed by mistake is opened first."""
CERTAINTY: Mapping[OpportunityState, int] = {_S.WON: 100, _S.LOST: 0}
"""The probability in percent that a closed opportunity has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityInput:
    """What a person fills in about an opportunity."""

    title: str
    stage: str
    state: OpportunityState = OpportunityState.OPEN
    value: Money | None = None
    probability: int = 0
    next_step: str = ""
    next_step_due_at: datetime | None = None
    owner_id: AgentId | None = None
    reason: str | None = None
    remark: str = ""
    quotes: tuple[Quote, ...] = ()


def opened_opportunity(
    opportunity_id: OpportunityId, customer_id: CustomerId, data: OpportunityInput, *, at: datetime, by: str
) -> Opportunity:
    """A new opportunity; one that is imported may be won or lost already."""
    new = Opportunity(
        opportunity_id=opportunity_id,
        customer_id=customer_id,
        title=data.title,
        stage=data.stage,
        opened_at=at,
        opened_by=by,
    )
    return replace(revised_opportunity(new, data, at=at), version=1)


def revised_opportunity(opportunity: Opportunity, data: OpportunityInput, *, at: datetime) -> Opportunity:
    """The opportunity as `data` says; the same object when that is nothing new.

    Raises `IllegalTransition`, and `InvalidValue` where it is lost without a reason or has two quotes of one number.
    """
    known = opportunity.opportunity_id
    if data.state is not opportunity.state and data.state not in OPPORTUNITY_TRANSITIONS[opportunity.state]:
        allowed = ", ".join(sorted(OPPORTUNITY_TRANSITIONS[opportunity.state]))
        raise IllegalTransition(
            f"opportunity {known} is {opportunity.state} and cannot become {data.state}; possible now: {allowed}"
        )
    is_open = data.state is OpportunityState.OPEN
    if data.state is OpportunityState.LOST and data.reason is None:
        raise InvalidValue(
            f"opportunity {known} cannot be lost without a reason from the list closing_reasons",
            code="lost_without_reason",
        )
    _check(known, data, is_open=is_open)
    after = replace(
        opportunity,
        title=data.title,
        stage=data.stage,
        state=data.state,
        value=None if data.value is None else _exact(data.value),
        probability=CERTAINTY.get(data.state, data.probability),
        next_step=data.next_step if is_open else "",
        next_step_due_at=data.next_step_due_at if is_open else None,
        owner_id=data.owner_id,
        # Why it was closed is open again.
        reason=None if is_open else data.reason,
        remark=data.remark,
        quotes=tuple(replace(quote, value=_exact(quote.value)) for quote in data.quotes),
        closed_at=None if is_open else opportunity.closed_at or at,
    )
    return opportunity if after == opportunity else replace(after, version=opportunity.version + 1)


def _check(known: OpportunityId, data: OpportunityInput, *, is_open: bool) -> None:
    if not 0 <= data.probability <= 100:
        raise InvalidValue(
            f"opportunity {known}: the probability is {data.probability}; 0 to 100 percent are possible",
            code="invalid_probability",
        )
    if is_open and data.next_step_due_at is not None and not data.next_step:
        raise InvalidValue(f"opportunity {known}: say what the next step is that is due", code="next_step_missing")
    numbers = [quote.number for quote in data.quotes]
    if len(set(numbers)) != len(numbers):
        raise InvalidValue(f"opportunity {known}: two quotes have the same number", code="quote_twice")
    for quote in data.quotes:
        if quote.valid_until is not None and quote.valid_until < quote.given_on:
            raise InvalidValue(
                f"opportunity {known}: quote {quote.number} cannot end on {quote.valid_until}, "
                f"before it was given on {quote.given_on}",
                code="quote_ends_too_early",
            )


def _exact(value: Money) -> Money:
    return replace(value, amount=exact(value.amount))
