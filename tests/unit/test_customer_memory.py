"""What a restarted server remembers of the customers who are in the house."""

from datetime import UTC, datetime

from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.ports import CustomerCard, CustomerInput
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import CustomerId, InteractionId
from callcenter.domain.interactions import Interaction
from callcenter.domain.numbers import Number
from tests.fakes import FakeCustomers

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


class CustomersAway(FakeCustomers):
    """The store is away."""

    async def card(self, customer_id: CustomerId) -> CustomerCard | None:
        raise CallcenterError(f"customer {customer_id} cannot be read", code="store_away")


def interaction(name: str, *customer_ids: str, chosen: str | None = None) -> Interaction:
    return Interaction(
        interaction_id=InteractionId(name),
        started_at=NOW,
        ani=Number(raw="13800138000"),
        dnis="4001",
        customer_ids=tuple(CustomerId(one) for one in customer_ids),
        customer_id=None if chosen is None else CustomerId(chosen),
    )


async def customers_named(*names: str) -> FakeCustomers:
    customers = FakeCustomers()
    for name in names:
        await customers.create(CustomerId(name), CustomerInput(name=name), at=NOW, by="test")
    return customers


async def test_after_a_restart_the_matched_and_the_chosen_customers_are_there_again() -> None:
    memory = CustomerMemory(await customers_named("lin", "chen", "wang"))
    await memory.restore([interaction("one", "lin", "chen", chosen="chen"), interaction("two", chosen="wang")])
    assert [card.customer.name for card in memory.cards(InteractionId("one"))] == ["lin", "chen"]
    assert [card.customer.name for card in memory.cards(InteractionId("two"))] == ["wang"]


async def test_an_unknown_caller_is_looked_up_when_he_asks_next() -> None:
    memory = CustomerMemory(await customers_named("lin"))
    await memory.restore([interaction("one"), interaction("two", "gone")])
    assert not memory.knows(InteractionId("one"))
    assert not memory.knows(InteractionId("two"))


async def test_a_store_that_is_away_does_not_keep_the_server_from_starting() -> None:
    memory = CustomerMemory(CustomersAway())
    await memory.restore([interaction("one", "lin")])
    assert not memory.knows(InteractionId("one"))
