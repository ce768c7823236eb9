"""Calls out: an agent calls a number; his phone rings first, then the customer's.

Law: whatever can forbid a call is asked before anything rings; what has begun ends in one record, as every call does.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog

from callcenter.acd.picture import Picture
from callcenter.app.callable_numbers import callable_number, refuses_calls
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.feed import agent_topic
from callcenter.app.floor import Touched
from callcenter.app.floor_messages import CallEnded, Message, PlaceCall
from callcenter.app.ports import Clock, CustomerCard, Customers, Journal
from callcenter.crm.dialling import DialRules
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.callbacks import CustomerAnswer
from callcenter.domain.direct import direct_queue, direct_queue_id
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId
from callcenter.domain.interactions import Interaction, Stage
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause

log = structlog.get_logger(__name__)

AN_HOUR = timedelta(hours=1)
DURABLE_WITHIN = timedelta(seconds=2)
FEED_KEY = "call_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutRules:
    """What the settings say of calls out."""

    dial: DialRules
    can_call_out: bool
    shown_number: str = ""
    """The number of ours that customers see; empty: what the trunk shows by itself."""
    per_agent_per_hour: int = 60
    at_once: int = 20


class CallOutState(StrEnum):
    """How far a call out is."""

    RINGING_AGENT = "ringing_agent"
    CALLING = "calling"
    """The agent is on the line and hears it ring."""
    TALKING = "talking"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutView:
    """An agent's latest call out, as his desk shows it; `answer` and `cause` say why nobody was reached."""

    interaction_id: InteractionId
    number: Number
    customer_id: CustomerId | None
    customer_name: str | None
    state: CallOutState
    began_at: datetime
    ended_at: datetime | None
    outcome: ev.Outcome | None
    answer: CustomerAnswer | None
    cause: OfferCause | None
    """How the call to the agent's own phone ended, where that was why."""


class CallOutFloor(Protocol):
    """What calls out want of the floor."""

    @property
    def picture(self) -> Picture:
        """The engine's picture."""
        ...

    @property
    def interactions(self) -> Mapping[InteractionId, Interaction]:
        """Live interactions."""
        ...

    async def request(self, message: Message) -> None:
        """Ask for something and wait until it is done."""
        ...


class FeedPort(Protocol):
    """Where the desk is told."""

    def put(self, topic: str, key: str, document: object) -> None:
        """Put a document."""
        ...


class Trail(Protocol):
    """Where it is written who did what."""

    async def audit(self, *, at: datetime, by: str, action: str, subject: str, detail: str = "") -> None:
        """Append one line."""
        ...


class CallingOut:
    """Begins calls out and tells how they go."""

    def __init__(
        self,
        *,
        floor: CallOutFloor,
        memory: CustomerMemory,
        customers: Customers,
        journal: Journal,
        feed: FeedPort,
        trail: Trail,
        rules: CallOutRules,
        clock: Clock,
        new_id: Callable[[], InteractionId],
    ) -> None:
        self._floor = floor
        self._memory = memory
        self._customers = customers
        self._journal = journal
        self._feed = feed
        self._trail = trail
        self._rules = rules
        self._clock = clock
        self._new_id = new_id
        self._called: dict[AgentId, deque[datetime]] = {}

    async def call(
        self,
        agent_id: AgentId,
        text: str,
        *,
        customer_id: CustomerId | None = None,
        despite_refusal: bool = False,
        by: str,
    ) -> CallOutView:
        """Call a number for an agent; `despite_refusal` calls also who does not want to be called, and is written down.

        Raises `InvalidValue` for what is no number or may not be called, `NotFound` for an unknown customer, and
        `Conflict` where a cap, the customer's word or the agent's own state forbids it.
        """
        number = self._checked(text)
        agent = self._floor.picture.agent(agent_id)
        cards = await self._cards(customer_id, number)
        unwilling = next((card for card in cards if refuses_calls(card.customer)), None)
        if unwilling is not None and not despite_refusal:
            raise Conflict(
                f"{unwilling.customer.name} does not want to be called (consent: do not contact by phone)",
                code="do_not_call",
            )
        now = self._clock.now()
        self._check_caps(agent_id, now)
        if direct_queue_id(agent_id) not in self._floor.picture.queues:
            await self._floor.request(cmd.ConfigureQueue(config=direct_queue(agent.config)))
        interaction_id = self._new_id()
        # The card before the phone: the desk has it when the offer is told.
        self._memory.keep(interaction_id, cards)
        only = cards[0].customer if len(cards) == 1 else None
        await self._floor.request(
            PlaceCall(
                interaction_id=interaction_id,
                agent_id=agent_id,
                queue_id=direct_queue_id(agent_id),
                number=number,
                dialled=number.e164 or number.raw,
                shown=self._rules.shown_number,
                at=now,
                customer_ids=tuple(card.customer.customer_id for card in cards),
                customer_id=only.customer_id if only is not None else None,
                language=(only.language or "") if only is not None else "",
            )
        )
        self._called.setdefault(agent_id, deque()).append(now)
        if unwilling is not None:
            await self._trail.audit(
                at=now,
                by=by,
                action="called_despite_refusal",
                subject=unwilling.customer.customer_id,
                detail=interaction_id,
            )
        await self._journal.flushed(DURABLE_WITHIN)
        log.info("call_out_begun", agent_id=agent_id, interaction_id=interaction_id)
        return self._view(self._floor.interactions[interaction_id])

    async def call_off(self, agent_id: AgentId) -> CallOutView:
        """Stop ringing, his phone and the customer's; `Conflict` when nothing rings."""
        record = self._latest(agent_id)
        if record is None or record.stage in (Stage.TALKING, Stage.SURVEY, Stage.ENDED):
            raise Conflict("no call out of yours is ringing; a talk is ended with the phone", code="no_call_out")
        await self._floor.request(
            CallEnded(interaction_id=record.interaction_id, outcome=ev.Outcome.CALLED_OFF, side=ev.Side.AGENT)
        )
        await self._journal.flushed(DURABLE_WITHIN)
        return self._view(self._floor.interactions[record.interaction_id])

    def view(self, agent_id: AgentId) -> CallOutView | None:
        """His latest call out, while it goes on and for some minutes after."""
        self._floor.picture.agent(agent_id)
        record = self._latest(agent_id)
        return None if record is None else self._view(record)

    def watch(self, touched: Touched) -> None:
        """Tell desks how their calls out go."""
        for interaction_id in touched.interactions:
            record = self._floor.interactions.get(interaction_id)
            if record is not None and (agent_id := _caller(record)) is not None:
                self._feed.put(agent_topic(agent_id), FEED_KEY, self._view(record))

    # ---- inside

    def _checked(self, text: str) -> Number:
        return callable_number(text, self._rules.dial, can_call_out=self._rules.can_call_out)

    async def _cards(self, customer_id: CustomerId | None, number: Number) -> tuple[CustomerCard, ...]:
        """Whom the call is for; a store that is away forbids it, for nobody knows who must not be called."""
        if customer_id is None:
            return await self._customers.cards_by_contact_point(number.e164 or "")
        card = await self._customers.card(customer_id)
        if card is None:
            raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
        return (card,)

    def _check_caps(self, agent_id: AgentId, now: datetime) -> None:
        rules = self._rules
        calls = self._called.setdefault(agent_id, deque())
        while calls and now - calls[0] >= AN_HOUR:
            calls.popleft()
        if len(calls) >= rules.per_agent_per_hour:
            again = ((calls[0] if calls else now) + AN_HOUR - now) // timedelta(minutes=1) + 1
            raise Conflict(
                f"you have called out {len(calls)} times within an hour, the most there may be; "
                f"the next one can go in {again} min",
                code="too_many_calls_out",
            )
        under_way = sum(1 for one in self._floor.interactions.values() if _is_under_way(one))
        if under_way >= rules.at_once:
            raise Conflict(
                f"{under_way} calls out are under way, the most there may be; try again in a moment",
                code="lines_busy",
            )

    def _latest(self, agent_id: AgentId) -> Interaction | None:
        his = (one for one in self._floor.interactions.values() if _caller(one) == agent_id)
        return max(his, key=lambda one: (one.started_at, one.interaction_id), default=None)

    def _view(self, record: Interaction) -> CallOutView:
        cards = self._memory.cards(record.interaction_id)
        return CallOutView(
            interaction_id=record.interaction_id,
            number=record.ani,
            customer_id=record.customer_id,
            customer_name=cards[0].customer.name if len(cards) == 1 else None,
            state=_state(record),
            began_at=record.started_at,
            ended_at=record.ended_at,
            outcome=record.outcome,
            answer=record.callback.answer if record.callback is not None else None,
            cause=record.offers[-1].cause if record.offers else None,
        )


def _caller(record: Interaction) -> AgentId | None:
    return record.callback.called_by if record.callback is not None else None


def _is_under_way(record: Interaction) -> bool:
    return record.direction is ev.Direction.OUTBOUND and record.stage is not Stage.ENDED


def _state(record: Interaction) -> CallOutState:
    if record.stage is Stage.ENDED:
        return CallOutState.ENDED
    if record.times.connected_at is not None:
        return CallOutState.TALKING
    was_called = record.callback is not None and record.callback.attempts > 0
    return CallOutState.CALLING if was_called else CallOutState.RINGING_AGENT
