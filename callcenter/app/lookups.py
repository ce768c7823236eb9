"""What flows look up: customers by number and PIN, their open cases and orders, and how a queue stands.

Law: a calling number proves nothing. Cases and orders are told only to who has given the right PIN in this very call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import structlog

from callcenter.acd.picture import Picture
from callcenter.app.ports import Clock, CustomerCard
from callcenter.domain import events as ev
from callcenter.domain.customers import Case
from callcenter.domain.ids import CustomerId, InteractionId, QueueId
from callcenter.ivr import messages as ivr
from callcenter.ivr.variables import Money, Value

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """How an order stands; `state` is a code that the flow's `words` give a name to."""

    state: str
    placed_on: date
    due_on: date
    total: Money


class Accounts(Protocol):
    """Customers by the number they know themselves by, their PINs and their orders."""

    async def by_number(self, number: str) -> CustomerCard | None:
        """Whose number it is."""
        ...

    async def by_number_and_pin(self, number: str, pin: str) -> CustomerCard | None:
        """The same, for who knows the PIN; None also for an unknown number, a wrong PIN and too many tries.

        Which of them it was is told nowhere, and all take equally long. After ten wrong PINs in a row a number is
        locked for a while, whoever calls.
        """
        ...

    async def order(self, customer_id: CustomerId, number: str) -> OrderRecord | None:
        """An order of this customer; that of another is none."""
        ...


class WebClient(Protocol):
    """Whoever may ask web services."""

    async def fetch(self, order: ivr.Fetch) -> ivr.Fetched:
        """The answer; raises `CallcenterError` or `TimeoutError` where there is none."""
        ...


class KnownCallers(Protocol):
    """Who is in the house, and whose numbers those are."""

    def cards(self, interaction_id: InteractionId) -> tuple[CustomerCard, ...]:
        """What was found."""
        ...

    def keep(self, interaction_id: InteractionId, cards: tuple[CustomerCard, ...]) -> None:
        """Remember it."""
        ...


class Lookups:
    """The lookups of all calls; without `accounts` nobody keeps numbers and PINs, without `web` no service is asked."""

    def __init__(
        self,
        *,
        picture: Picture,
        callers: KnownCallers,
        accounts: Accounts | None,
        web: WebClient | None,
        tell: Callable[[ev.CustomerMatched | ev.CallerVerified], None],
        clock: Clock,
    ) -> None:
        self._picture = picture
        self._callers = callers
        self._accounts = accounts
        self._web = web
        self._tell = tell
        self._clock = clock

    def of_call(self, interaction_id: InteractionId, *, verified: bool = False) -> "CallLookups":
        """Those of one call; `verified`: he has proved who he is before, and his one card is known."""
        cards = self._callers.cards(interaction_id) if verified else ()
        return CallLookups(self, interaction_id, proved=cards[0] if len(cards) == 1 else None)

    @property
    def accounts(self) -> Accounts | None:
        """Where numbers and PINs are."""
        return self._accounts

    @property
    def web(self) -> WebClient | None:
        """Who asks web services."""
        return self._web

    def cards(self, interaction_id: InteractionId) -> tuple[CustomerCard, ...]:
        """Who may be calling, by his number."""
        return self._callers.cards(interaction_id)

    def identified(self, interaction_id: InteractionId, card: CustomerCard) -> None:
        """Somebody has proved who he is: his card pops up, whatever number he calls from."""
        customer_id, now = card.customer.customer_id, self._clock.now()
        self._callers.keep(interaction_id, (card,))
        self._tell(
            ev.CustomerMatched(
                interaction_id=interaction_id, at=now, customer_ids=(customer_id,), customer_id=customer_id
            )
        )
        self._tell(ev.CallerVerified(interaction_id=interaction_id, at=now, customer_id=customer_id))

    def queue(self, queue_id: QueueId) -> dict[str, Value] | None:
        """How a queue stands now; None when there is none."""
        queue = self._picture.queues.get(queue_id)
        if queue is None:
            return None
        now, hours = self._clock.now(), queue.config.limits.hours
        forecast = self._picture.forecast_for_newcomer(queue_id, now)
        waiting = len(queue.waiting)
        return {
            "queue_open": not queue.config.closed_by and (hours is None or hours.is_open(now)),
            "queue_waiting": waiting,
            "queue_position": waiting + 1,
            "queue_wait_known": forecast is not None,
            "queue_wait": timedelta(0) if forecast is None else forecast.expected,
            "queue_agents": self._picture.serving_agents(queue_id),
        }


class CallLookups:
    """`Outside` for one call; `proved` is who he has shown himself to be."""

    def __init__(self, lookups: Lookups, interaction_id: InteractionId, *, proved: CustomerCard | None = None) -> None:
        self._lookups = lookups
        self._interaction_id = interaction_id
        self._proved = proved

    async def look_up(self, order: ivr.LookUp) -> ivr.Answered:
        """What is known; that there is nobody to ask is a failure."""
        match order.of:
            case "queue":
                values = self._lookups.queue(QueueId(order.queue or ""))
            case "caller":
                cards = self._lookups.cards(self._interaction_id)
                values = card_values(cards[0], verified=False) if len(cards) == 1 else None
            case "case":
                values = self._case(order.number)
            case _:
                return await self._of_account(order)
        return _answered(order, values)

    async def fetch(self, order: ivr.Fetch) -> ivr.Fetched | ivr.Answered:
        """What a web service answers."""
        if self._lookups.web is None:
            log.error("web_service_not_asked", reason="the server has no client for web services")
            return ivr.Answered(order_id=order.order_id, found=ivr.Found.FAILED)
        return await self._lookups.web.fetch(order)

    def _case(self, number: str) -> dict[str, Value] | None:
        cases = newest_first(self._proved)
        index = int(number) - 1 if number.isdecimal() else -1
        return case_values(cases[index]) if 0 <= index < len(cases) else None

    async def _of_account(self, order: ivr.LookUp) -> ivr.Answered:
        accounts = self._lookups.accounts
        if accounts is None:
            return ivr.Answered(order_id=order.order_id, found=ivr.Found.FAILED)
        if order.of == "order":
            if self._proved is None:
                return _answered(order, None)
            found = await accounts.order(self._proved.customer.customer_id, order.number)
            return _answered(order, None if found is None else order_values(found))
        if order.pin is None:
            card = await accounts.by_number(order.number)
            return _answered(order, None if card is None else card_values(card, verified=False))
        card = await accounts.by_number_and_pin(order.number, order.pin)
        if card is None:
            return _answered(order, None)
        self._proved = card
        self._lookups.identified(self._interaction_id, card)
        return _answered(order, card_values(card, verified=True))


def card_values(card: CustomerCard, *, verified: bool) -> dict[str, Value]:
    """What flows may know of a customer; of his cases only how many, until he is `verified`."""
    last = max((seen.started_at for seen in card.last_interactions), default=None)
    values: dict[str, Value] = {
        "customer_known": True,
        "customer_verified": verified,
        "customer_name": card.customer.name,
        "customer_class": card.value_class,
        "open_cases": len(card.open_cases),
        "contacted_before": last is not None,
    }
    if last is not None:
        values["last_contact"] = last.date()
    cases = newest_first(card)
    if verified and cases:
        values |= {"case_subject": cases[0].subject, "case_state": cases[0].state}
    return values


def newest_first(card: CustomerCard | None) -> list[Case]:
    """The open cases of a card."""
    return sorted(card.open_cases if card is not None else (), key=lambda case: case.opened_at, reverse=True)


def case_values(case: Case) -> dict[str, Value]:
    """What is told of a case."""
    return {
        "case_number": case.case_id,
        "case_kind": case.kind,
        "case_subject": case.subject,
        "case_state": case.state,
        "case_opened": case.opened_at.date(),
    }


def order_values(order: OrderRecord) -> dict[str, Value]:
    """What is told of an order."""
    return {
        "order_state": order.state,
        "order_placed": order.placed_on,
        "order_due": order.due_on,
        "order_total": order.total,
    }


def _answered(order: ivr.LookUp, values: dict[str, Value] | None) -> ivr.Answered:
    if values is None:
        return ivr.Answered(order_id=order.order_id, found=ivr.Found.MISSING)
    return ivr.Answered(order_id=order.order_id, found=ivr.Found.FOUND, values=values)
