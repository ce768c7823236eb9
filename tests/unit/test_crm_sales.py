"""Orders and opportunities as pure steps: exact sums, the table of states, and that the same again is no change."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm.opportunity_steps import (
    OPPORTUNITY_TRANSITIONS,
    OpportunityInput,
    opened_opportunity,
    revised_opportunity,
)
from callcenter.crm.orders import OrderInput, dialled_number, moment_of, placed, revised_order
from callcenter.domain.errors import IllegalTransition
from callcenter.domain.ids import CustomerId, OpportunityId, OrderId
from callcenter.domain.money import exact
from callcenter.domain.sales import OpportunityState, Order, OrderLine

NOON = datetime(2026, 11, 2, 9, tzinfo=UTC)
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=4)
ORDER = OrderInput(
    number="SO-7", placed_on=NOON.date(), due_on=NOON.date(), state="new", currency="CNY", total=Decimal(1)
)
CHANCE = OpportunityInput(title="x", stage="lead", probability=40, next_step="call", next_step_due_at=NOON)


def place(data: OrderInput) -> Order:
    return placed(OrderId("o"), CustomerId("c"), data, at=NOON, by="1001")


@given(st.lists(AMOUNTS, min_size=1, max_size=50))
def test_the_total_is_the_sum_of_the_lines_to_the_last_place(amounts: list[Decimal]) -> None:
    lines = tuple(OrderLine(amount=amount) for amount in amounts)
    order = place(replace(ORDER, total=None, lines=lines))
    # In ten-thousandths these are whole numbers, which nothing rounds.
    assert int(order.total.amount * 10_000) == sum(int(amount * 10_000) for amount in amounts)
    assert place(replace(ORDER, total=sum(amounts), lines=lines)) == order  # type: ignore[arg-type]
    assert revised_order(order, replace(ORDER, total=None, lines=lines)) is order


@given(AMOUNTS)
def test_amounts_are_shown_with_two_places_or_as_many_as_they_need(amount: Decimal) -> None:
    shown = exact(amount)
    assert shown == amount
    places = str(shown).partition(".")[2]
    assert 2 <= len(places) <= 4
    assert len(places) == 2 or not places.endswith("0")


@pytest.mark.parametrize(("days_ago", "expected"), [(0, NOON), (1, NOON), (400, datetime(2025, 9, 28, 12, tzinfo=UTC))])
def test_an_imported_order_stands_where_it_was_placed(days_ago: int, expected: datetime) -> None:
    assert moment_of(place(replace(ORDER, placed_on=date(2026, 11, 2) - timedelta(days=days_ago)))) == expected


@pytest.mark.parametrize(("number", "typed"), [("SO-70012", "70012"), ("70012", "70012"), ("二〇", ""), ("A", "")])
def test_a_caller_types_the_digits_of_an_order(number: str, typed: str) -> None:
    assert dialled_number(number) == typed


@given(st.lists(st.sampled_from(OpportunityState), max_size=8))
def test_an_opportunity_goes_as_its_table_says(states: list[OpportunityState]) -> None:
    opportunity = opened_opportunity(OpportunityId("p"), CustomerId("c"), CHANCE, at=NOON, by="1001")
    for state in states:
        data = replace(CHANCE, state=state, reason="price")
        before = opportunity
        if state is not before.state and state not in OPPORTUNITY_TRANSITIONS[before.state]:
            with pytest.raises(IllegalTransition):
                revised_opportunity(before, data, at=NOON)
            continue
        opportunity = revised_opportunity(before, data, at=NOON)
        is_open = state is OpportunityState.OPEN
        assert opportunity.state is state
        assert (opportunity.closed_at is None) == is_open
        assert (opportunity.next_step == "call") == is_open
        assert (opportunity.reason is None) == is_open
        assert opportunity.probability == {"open": 40, "won": 100, "lost": 0}[state]
        assert opportunity.version == before.version + (opportunity is not before)
        assert revised_opportunity(opportunity, data, at=NOON + timedelta(days=1)) is opportunity
