"""The cards of those who are in the house now, so that the pop needs no look-up when an offer is made."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

import structlog

from callcenter.app.ports import CustomerCard, Customers
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import InteractionId
from callcenter.domain.interactions import Interaction

log = structlog.get_logger(__name__)

LOOK_UP_LIMIT = timedelta(milliseconds=500)
"""The longest a caller waits for the customer store; after it he is greeted as somebody unknown."""
RESTORE_LIMIT = timedelta(seconds=2)


class CustomerMemory:
    """The cards of those who are in the house now, so that the pop needs no look-up when an offer is made."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers
        self._cards: dict[InteractionId, tuple[CustomerCard, ...]] = {}

    def cards(self, interaction_id: InteractionId) -> tuple[CustomerCard, ...]:
        """What was found; empty for unknown callers."""
        return self._cards.get(interaction_id, ())

    def knows(self, interaction_id: InteractionId) -> bool:
        """Whether a look-up for this interaction has ended."""
        return interaction_id in self._cards

    def keep(self, interaction_id: InteractionId, cards: tuple[CustomerCard, ...]) -> None:
        """Remember, for example a customer that an agent has just made."""
        self._cards[interaction_id] = cards

    def forget_all_but(self, alive: Mapping[InteractionId, object]) -> None:
        """Drop the cards of interactions that are over."""
        for interaction_id in [i for i in self._cards if i not in alive]:
            del self._cards[interaction_id]

    def forget_customers(self, customers: Collection[str]) -> None:
        """Drop the cards of these, who were erased; of others who share their number the cards stay."""
        for interaction_id, cards in self._cards.items():
            if any(card.customer.customer_id in customers for card in cards):
                self._cards[interaction_id] = tuple(
                    card for card in cards if card.customer.customer_id not in customers
                )

    async def look_up(self, interaction_id: InteractionId, e164: str | None) -> tuple[CustomerCard, ...]:
        """Find out whose number it is, within `LOOK_UP_LIMIT`; a store that is away means nobody is known."""
        known = self._cards.get(interaction_id)
        if known is not None:
            return known
        cards: tuple[CustomerCard, ...] = ()
        if e164 is not None:
            try:
                async with asyncio.timeout(LOOK_UP_LIMIT.total_seconds()):
                    cards = await self._customers.cards_by_contact_point(e164)
            except (TimeoutError, CallcenterError) as error:
                log.warning("customer_look_up_failed", error=str(error) or type(error).__name__)
                return ()
        self._cards[interaction_id] = cards
        return cards

    async def restore(self, alive: Iterable[Interaction]) -> None:
        """After a restart fetch the cards of those who are in the house; whoever is not read within `RESTORE_LIMIT` is
        looked up when his channel asks next."""
        try:
            async with asyncio.timeout(RESTORE_LIMIT.total_seconds()):
                for record in alive:
                    await self._restore_one(record)
        except (TimeoutError, CallcenterError) as error:
            log.warning("customers_not_restored", error=str(error) or type(error).__name__)

    async def _restore_one(self, record: Interaction) -> None:
        chosen = (record.customer_id,) if record.customer_id is not None else ()
        ids = dict.fromkeys((*record.customer_ids, *chosen))
        cards = [await self._customers.card(customer_id) for customer_id in ids]
        # Two of them may have become one meanwhile.
        found = {card.customer.customer_id: card for card in cards if card is not None}
        if found:
            self._cards[record.interaction_id] = tuple(found.values())
