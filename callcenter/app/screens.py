"""Shows the floor to people: agents' desks at once, the board a few times a second at most.

Law: what the live feed and REST show is built here, from the same functions, out of the same picture.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentRecord
from callcenter.acd.waiting import WaitingRecord
from callcenter.app.calls import CustomerMemory
from callcenter.app.feed import AGENTS, QUEUES, WAITING, agent_topic
from callcenter.app.floor import Touched
from callcenter.app.ports import Clock, CustomerCard, CustomerInput
from callcenter.app.views import (
    AgentCounts,
    AgentView,
    CustomerView,
    PhoneView,
    PopView,
    QueueRef,
    QueueView,
    SkillView,
    TodayView,
    WaitingView,
    WishView,
)
from callcenter.domain.agents import AgentState
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Interaction
from callcenter.domain.labels import Label
from callcenter.domain.offers import OfferReason

log = structlog.get_logger(__name__)

BOARD_INTERVAL = timedelta(milliseconds=250)
QUIET_INTERVAL = timedelta(seconds=10)
"""So often the board is looked over where nothing happens: at midnight a new day begins by itself."""
_NO_REASON = OfferReason(text=Label(zh="", en=""), parts=())
_STAGES = {AgentState.OFFERED: "ringing", AgentState.TALKING: "talking", AgentState.WRAP_UP: "wrap_up"}


class FeedPort(Protocol):
    """Where documents are put for whoever has subscribed to them."""

    def put(self, topic: str, key: str, document: object) -> None:
        """Make or replace a document."""
        ...

    def delete(self, topic: str, key: str) -> None:
        """Take a document away, if it is there."""
        ...

    async def delivered(self, topic: str, within: timedelta) -> None:
        """Wait until all that was put on the topic has left for its subscribers."""
        ...


class Figures(Protocol):
    """The queues' figures of today."""

    def today(self, queue_id: QueueId) -> TodayView:
        """Figures of one queue since midnight."""
        ...


class FloorView(Protocol):
    """What the screens read of the floor."""

    @property
    def picture(self) -> Picture:
        """The engine's picture."""
        ...

    @property
    def interactions(self) -> Mapping[InteractionId, Interaction]:
        """Live interactions."""
        ...


class Screens:
    """Builds the documents and keeps the feed in step; implements the floor's port of the same name."""

    def __init__(self, *, feed: FeedPort, figures: Figures, memory: CustomerMemory, clock: Clock) -> None:
        self._feed = feed
        self._figures = figures
        self._memory = memory
        self._clock = clock
        self._floor: FloorView | None = None
        self._dirty_queues: set[QueueId] = set()
        self._dirty = asyncio.Event()
        self._shown_waiting: dict[QueueId, dict[InteractionId, WaitingView]] = {}
        self._shown_agents: set[AgentId] = set()

    def attach(self, floor: FloorView) -> None:
        """Say which floor is shown; before anything is."""
        self._floor = floor

    # ---- the floor's port

    def show(self, touched: Touched, now: datetime) -> None:
        """Agents and their pops at once; queues are marked and follow within `BOARD_INTERVAL`."""
        for agent_id in touched.agents:
            self._show_agent(agent_id, now)
        for interaction_id in touched.interactions:
            holder = self._holder(interaction_id)
            if holder is not None and holder not in touched.agents:
                self._show_pop(holder, now)
        if touched.agents:
            self._mark(*self.floor.picture.queues)
        elif touched.queues:
            self._mark(*touched.queues)

    async def popped(self, agent_id: AgentId, within: timedelta) -> None:
        """Wait until what was shown to the agent has left for his desktop."""
        await self._feed.delivered(agent_topic(agent_id), within)

    def refresh_interaction(self, interaction_id: InteractionId) -> None:
        """The customer behind an interaction is known better than before."""
        place = self.floor.picture.waiting.get(interaction_id)
        if place is not None:
            self._mark(place.queue_id)
        holder = self._holder(interaction_id)
        if holder is not None:
            self._show_pop(holder, self._clock.now())

    def refresh_everything(self) -> None:
        """After the start, or a change of the configuration."""
        now = self._clock.now()
        for agent_id in sorted(self._shown_agents - self.floor.picture.agents.keys()):
            self._drop_agent(agent_id)
        for queue_id in sorted(self._shown_waiting.keys() - self.floor.picture.queues.keys()):
            self._drop_queue(queue_id)
        for agent_id in self.floor.picture.agents:
            self._show_agent(agent_id, now)
        self._mark(*self.floor.picture.queues)

    async def run(self) -> None:
        """Refresh the board's rows until cancelled."""
        while True:
            try:
                async with asyncio.timeout(QUIET_INTERVAL.total_seconds()):
                    await self._dirty.wait()
            except TimeoutError:
                self._mark(*self.floor.picture.queues)
            self.show_board()
            await asyncio.sleep(BOARD_INTERVAL.total_seconds())

    def show_board(self) -> None:
        """Put the rows of the queues that were touched."""
        self._dirty.clear()
        queues, self._dirty_queues = self._dirty_queues, set()
        for queue_id in sorted(queues):
            if queue_id in self.floor.picture.queues:
                try:
                    self._feed.put(QUEUES, queue_id, self.queue_view(queue_id))
                    self._show_waiting(queue_id)
                except Exception:
                    # One row that cannot be drawn must end neither the others nor the server.
                    log.exception("board_defect", queue_id=queue_id)
        self._memory.forget_all_but(self.floor.interactions)

    # ---- views, for REST as well

    @property
    def floor(self) -> FloorView:
        """The floor that is shown."""
        if self._floor is None:
            raise RuntimeError("the screens show no floor yet")
        return self._floor

    def agent_view(self, agent_id: AgentId) -> AgentView:
        """One agent; `NotFound` when there is none."""
        return _agent_view(self.floor.picture.agent(agent_id))

    def pop_view(self, agent_id: AgentId) -> PopView | None:
        """What the agent is to see of the interaction he holds, None when he holds none."""
        agent = self.floor.picture.agent(agent_id)
        if agent.interaction_id is None or agent.offer_id is None or agent.state not in _STAGES:
            return None
        record = self.floor.interactions.get(agent.interaction_id)
        if record is None:
            return None
        return self._pop(agent, record, agent.offer_id)

    def queue_view(self, queue_id: QueueId) -> QueueView:
        """One row of the board; `NotFound` when there is no such queue."""
        picture = self.floor.picture
        queue = picture.queue(queue_id)
        serving = {agent_id: agent for pool in queue.pools for agent_id, agent in pool.agents.items()}.values()
        counts = {state: sum(1 for a in serving if a.state is state) for state in AgentState}
        forecast = picture.forecast_for_newcomer(queue_id, self._clock.now())
        expected = None if forecast is None else forecast.expected
        return QueueView(
            queue_id=queue_id,
            label=queue.config.label,
            waiting=len(queue.waiting),
            longest_wait_since=min((record.entered_at for record in picture.waiting_in(queue_id)), default=None),
            expected_wait_seconds=None if expected is None else expected.total_seconds(),
            agents=AgentCounts(
                ready=counts[AgentState.READY],
                not_ready=counts[AgentState.NOT_READY],
                offered=counts[AgentState.OFFERED],
                talking=counts[AgentState.TALKING],
                wrap_up=counts[AgentState.WRAP_UP],
            ),
            today=self._figures.today(queue_id),
            service_level_threshold_seconds=queue.config.service_level_threshold.total_seconds(),
        )

    def waiting_views(self, queue_id: QueueId) -> tuple[WaitingView, ...]:
        """Those who wait in a queue, next first."""
        picture = self.floor.picture
        return tuple(
            self._waiting_view(record, place, position)
            for position, place in enumerate(picture.waiting_in(queue_id), start=1)
            if (record := self.floor.interactions.get(place.interaction_id)) is not None
        )

    # ---- inside

    def _mark(self, *queues: QueueId) -> None:
        self._dirty_queues.update(queues)
        self._dirty.set()

    def _holder(self, interaction_id: InteractionId) -> AgentId | None:
        """Who has it, or has just had it and is in wrap-up."""
        picture = self.floor.picture
        talker = picture.talking_interactions.get(interaction_id)
        if talker is not None:
            return talker
        place = picture.waiting.get(interaction_id)
        if place is not None and place.offer_ids:
            return picture.offers[place.offer_ids[-1]].agent_id
        record = self.floor.interactions.get(interaction_id)
        last = picture.agents.get(record.agent_id) if record is not None and record.agent_id is not None else None
        return last.agent_id if last is not None and last.interaction_id == interaction_id else None

    def _show_agent(self, agent_id: AgentId, now: datetime) -> None:
        view = self.agent_view(agent_id)
        # The card comes before the state: a desktop that sees "offered" has the customer already.
        self._show_pop(agent_id, now)
        self._feed.put(agent_topic(agent_id), "state", view)
        self._feed.put(AGENTS, agent_id, view)
        self._shown_agents.add(agent_id)

    def _drop_agent(self, agent_id: AgentId) -> None:
        self._shown_agents.discard(agent_id)
        for topic, key in ((agent_topic(agent_id), "pop"), (agent_topic(agent_id), "state"), (AGENTS, agent_id)):
            self._feed.delete(topic, key)

    def _drop_queue(self, queue_id: QueueId) -> None:
        for interaction_id in self._shown_waiting.pop(queue_id):
            if interaction_id not in self.floor.picture.waiting:
                self._feed.delete(WAITING, interaction_id)
        self._feed.delete(QUEUES, queue_id)

    def _show_pop(self, agent_id: AgentId, _now: datetime) -> None:
        pop = self.pop_view(agent_id)
        if pop is None:
            self._feed.delete(agent_topic(agent_id), "pop")
        else:
            self._feed.put(agent_topic(agent_id), "pop", pop)

    def _show_waiting(self, queue_id: QueueId) -> None:
        shown = self._shown_waiting.get(queue_id, {})
        views = {view.interaction_id: view for view in self.waiting_views(queue_id)}
        for interaction_id in shown.keys() - views.keys():
            if interaction_id not in self.floor.picture.waiting:
                self._feed.delete(WAITING, interaction_id)
        for interaction_id, view in views.items():
            if shown.get(interaction_id) != view:
                self._feed.put(WAITING, interaction_id, view)
        self._shown_waiting[queue_id] = views

    def _waiting_view(self, record: Interaction, place: WaitingRecord, position: int) -> WaitingView:
        expected = self.floor.picture.expected_wait(place.interaction_id, self._clock.now())
        cards = self._memory.cards(record.interaction_id)
        return WaitingView(
            interaction_id=record.interaction_id,
            queue_id=place.queue_id,
            position=position,
            entered_at=place.entered_at,
            priority=place.priority,
            expected_wait_seconds=None if expected is None else expected.total_seconds(),
            ani=record.ani,
            customer_name=cards[0].customer.name if len(cards) == 1 else None,
        )

    def _pop(self, agent: AgentRecord, record: Interaction, offer_id: OfferId) -> PopView:
        offer = next((offer for offer in reversed(record.offers) if offer.offer_id == offer_id), None)
        queue = self.floor.picture.queues.get(record.queue_id) if record.queue_id is not None else None
        cards = self._memory.cards(record.interaction_id)
        return PopView(
            offer_id=offer_id,
            interaction_id=record.interaction_id,
            made_at=offer.made_at if offer is not None else agent.since,
            stage=_STAGES[agent.state],
            ani=record.ani,
            dnis=record.dnis,
            queue=QueueRef(queue_id=queue.config.queue_id, label=queue.config.label) if queue is not None else None,
            language=record.language,
            menu_path=record.menu_path,
            waited_seconds=record.waited(offer.made_at if offer is not None else agent.since).total_seconds(),
            reason=offer.reason if offer is not None else _NO_REASON,
            verified=False,
            customers=tuple(customer_view(card) for card in cards),
            customer_id=record.customer_id,
            blank=None if cards else _blank(record),
            # An empty text is a disposition that was taken back.
            disposition=record.disposition or None,
            notes=record.notes,
        )


def customer_view(card: CustomerCard) -> CustomerView:
    """A customer's card as the screens see it."""
    customer = card.customer
    return CustomerView(
        customer_id=customer.customer_id,
        kind=customer.kind,
        name=customer.name,
        language=customer.language,
        segment=customer.segment,
        tags=customer.tags,
        contact_points=customer.contact_points,
        notes=customer.notes,
        created_at=customer.created_at,
        last_interactions=card.last_interactions,
        open_cases=card.open_cases,
    )


def _blank(record: Interaction) -> CustomerInput:
    number = record.ani.e164 or ("" if record.ani.withheld else record.ani.raw)
    points = (ContactPoint(kind=ContactPointKind.PHONE, value=number),) if number else ()
    return CustomerInput(name=record.caller_name, language=record.language or None, contact_points=points)


def _agent_view(agent: AgentRecord) -> AgentView:
    wish = agent.wish
    return AgentView(
        agent_id=agent.agent_id,
        name=agent.config.name,
        state=agent.state.value,
        reason=agent.reason,
        since=agent.since,
        ready_since=agent.ready_since,
        interaction_id=agent.interaction_id,
        offer_id=agent.offer_id,
        wrap_up_until=agent.wrap_up_until,
        after_call=WishView(state=wish.state.value, reason=wish.reason) if wish is not None else None,
        phone=PhoneView(kind=agent.phone.kind.value, address=agent.phone.address, status=agent.phone_status.value),
        skills=tuple(SkillView(skill=skill, level=level) for skill, level in sorted(agent.config.skills.items())),
    )
