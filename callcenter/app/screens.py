"""Shows the floor to people: agents' desks at once, the board a few times a second at most.

Law: what the live feed and REST show is built here, from the same functions, out of the same picture.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from callcenter.acd.picture import Picture
from callcenter.app.agent_figures import AgentFigures
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.drawing import STAGES, draw_agent, draw_pop, draw_queue, draw_waiting
from callcenter.app.feed import AGENTS, QUEUES, WAITING, agent_topic
from callcenter.app.floor import Touched
from callcenter.app.message_box import MessageCount, news_for
from callcenter.app.ports import Clock
from callcenter.app.views import (
    AgentView,
    ExternalView,
    ForecastErrorView,
    HalfHourView,
    PopView,
    QueueView,
    TodayView,
    WaitingView,
)
from callcenter.domain import events as ev
from callcenter.domain.direct import agent_of
from callcenter.domain.ids import AgentId, InteractionId, QueueId
from callcenter.domain.interactions import Interaction
from callcenter.domain.transfers import asked_about

log = structlog.get_logger(__name__)

BOARD_INTERVAL = timedelta(milliseconds=250)
QUIET_INTERVAL = timedelta(seconds=10)
"""So often the board is looked over where nothing happens: at midnight a new day begins by itself."""

ROWS_AT_ONCE = 25
"""After so many rows of waiting callers calls have their turn: each row's forecast takes some tens of microseconds."""


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

    def half_hour(self, queue_id: QueueId) -> HalfHourView:
        """Figures of those who entered one queue in the last 30 minutes."""
        ...

    def forecast_error(self, queue_id: QueueId) -> ForecastErrorView | None:
        """How good the expected waits of one queue were since midnight; None before any came true."""
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

    seen: Callable[[AgentId, PopView], None] | None
    """Whoever notes that an agent saw somebody's card; it must not wait or raise."""
    external: Callable[[InteractionId], tuple[ExternalView, ...]] | None
    """Whoever knows what systems outside say of a caller."""

    def __init__(
        self,
        *,
        feed: FeedPort,
        figures: Figures,
        agents_today: AgentFigures,
        memory: CustomerMemory,
        clock: Clock,
    ) -> None:
        self.seen = None
        self.external = None
        self._feed = feed
        self._figures = figures
        self._agents_today = agents_today
        self._memory = memory
        self._clock = clock
        self._floor: FloorView | None = None
        self._dirty_queues: set[QueueId] = set()
        self._dirty = asyncio.Event()
        self._shown_waiting: dict[QueueId, dict[InteractionId, WaitingView]] = {}
        self._shown_agents: set[AgentId] = set()
        self._messages: Mapping[QueueId, MessageCount] = {}
        self._message_changes = 0

    def attach(self, floor: FloorView) -> None:
        """Say which floor is shown; before anything is."""
        self._floor = floor

    # ---- the floor's port

    def show(self, touched: Touched, now: datetime) -> None:
        """Agents and their pops at once; queues are marked and follow within `BOARD_INTERVAL`."""
        # An agent's row carries his figures with his state, so they are reckoned first.
        self._agents_today.take(touched)
        for agent_id in touched.agents:
            self._show_agent(agent_id)
        for interaction_id in touched.interactions:
            for holder in self._holders(interaction_id) - touched.agents:
                self._show_pop(holder)
        self._mark(*touched.queues)
        for agent_id in touched.agents:
            self._mark_queues_of(agent_id)
        for event in touched.events:
            if isinstance(event, ev.QueueEvent | ev.InteractionOverflowed):
                self._mark(event.queue_id)
            elif isinstance(event, ev.InteractionQueued):
                self._mark(*self._queues_showing(event.interaction_id))

    async def popped(self, agent_id: AgentId, within: timedelta) -> None:
        """Wait until what was shown to the agent has left for his desktop."""
        await self._feed.delivered(agent_topic(agent_id), within)

    def refresh_interaction(self, interaction_id: InteractionId) -> None:
        """The customer behind an interaction is known better than before."""
        place = self.floor.picture.waiting.get(interaction_id)
        if place is not None:
            self._mark(place.queue_id)
        for holder in self._holders(interaction_id):
            self._show_agent(holder)

    def refresh_everything(self) -> None:
        """After the start, or a change of the configuration."""
        for agent_id in sorted(self._shown_agents - self.floor.picture.agents.keys()):
            self._drop_agent(agent_id)
        for queue_id in sorted(self._shown_waiting.keys() - self.floor.picture.queues.keys()):
            self._drop_queue(queue_id)
        for agent_id in self.floor.picture.agents:
            self._show_agent(agent_id)
        self._mark(*self.floor.picture.queues)

    def show_messages(self, counts: Mapping[QueueId, MessageCount], change: int) -> None:
        """How many new messages each queue has: for the board, and for the desks of those who serve it."""
        self._messages, self._message_changes = counts, change
        self._mark(*self.floor.picture.queues)
        for agent_id in self.floor.picture.agents:
            self._show_messages_to(agent_id)

    async def run(self) -> None:
        """Refresh the board's rows until cancelled."""
        while True:
            try:
                async with asyncio.timeout(QUIET_INTERVAL.total_seconds()):
                    await self._dirty.wait()
            except TimeoutError:
                self._mark(*self.floor.picture.queues)
            for _ in self._drawing():
                await asyncio.sleep(0)
            await asyncio.sleep(BOARD_INTERVAL.total_seconds())

    def show_board(self) -> None:
        """Put the rows of the queues that were touched, in one go."""
        for _ in self._drawing():
            pass

    # ---- views, for REST as well

    @property
    def floor(self) -> FloorView:
        """The floor that is shown."""
        if self._floor is None:
            raise RuntimeError("the screens show no floor yet")
        return self._floor

    def agent_view(self, agent_id: AgentId) -> AgentView:
        """One agent; `NotFound` when there is none."""
        picture = self.floor.picture
        agent = picture.agent(agent_id)
        held = agent.interaction_id
        record = self.floor.interactions.get(asked_about(held)) if held is not None else None
        return draw_agent(
            agent,
            picture.reasons,
            self._clock.now(),
            queue_ids=self.queues_of(agent_id),
            record=record,
            cards=() if record is None else self._memory.cards(record.interaction_id),
            today=self._agents_today.today(agent_id),
        )

    def pop_view(self, agent_id: AgentId) -> PopView | None:
        """What the agent is to see of the interaction he holds, None when he holds none."""
        agent = self.floor.picture.agent(agent_id)
        if agent.interaction_id is None or agent.offer_id is None or agent.state not in STAGES:
            return None
        record = self.floor.interactions.get(asked_about(agent.interaction_id))
        if record is None:
            return None
        pop = draw_pop(agent, record, agent.offer_id, self.floor.picture, self._memory.cards(record.interaction_id))
        external = () if self.external is None else self.external(record.interaction_id)
        return replace(pop, external=external) if external else pop

    def queue_ids(self) -> list[QueueId]:
        """The rows of the board: the business's queues, and agents' own ones while somebody waits in them."""
        return sorted(queue_id for queue_id in self.floor.picture.queues if self._is_shown(queue_id))

    def _is_shown(self, queue_id: QueueId) -> bool:
        queue = self.floor.picture.queues.get(queue_id)
        return queue is not None and (agent_of(queue_id) is None or bool(queue.waiting))

    def queue_view(self, queue_id: QueueId) -> QueueView:
        """One row of the board; `NotFound` when there is no such queue."""
        picture = self.floor.picture
        queue = picture.queue(queue_id)
        return draw_queue(
            queue,
            picture,
            today=self._figures.today(queue_id),
            half_hour=self._figures.half_hour(queue_id),
            forecast_error=self._figures.forecast_error(queue_id),
            now=self._clock.now(),
            messages=self._messages.get(queue_id),
        )

    def queues_of(self, agent_id: AgentId) -> frozenset[QueueId]:
        """The queues this agent may serve, at one of their steps."""
        agent = self.floor.picture.agents.get(agent_id)
        return frozenset(queue_id for pool in agent.pools for queue_id in pool.needed_by) if agent else frozenset()

    def waiting_views(self, queue_id: QueueId) -> tuple[WaitingView, ...]:
        """Those who wait in a queue, next first."""
        return tuple(view for view in self._waiting_rows(queue_id) if view is not None)

    def waiting_view(self, interaction_id: InteractionId) -> WaitingView | None:
        """One who waits, None when he does not."""
        picture = self.floor.picture
        place, position = picture.waiting.get(interaction_id), picture.position(interaction_id)
        record = self.floor.interactions.get(interaction_id)
        if place is None or position is None or record is None:
            return None
        return draw_waiting(record, place, position, picture, self._memory.cards(interaction_id), self._clock.now())

    # ---- inside

    def _mark(self, *queues: QueueId) -> None:
        if queues:
            self._dirty_queues.update(queues)
            self._dirty.set()

    def _queues_showing(self, interaction_id: InteractionId) -> list[QueueId]:
        """The rows that have it: after a move, the queue it left."""
        return [queue_id for queue_id, shown in self._shown_waiting.items() if interaction_id in shown]

    def _mark_queues_of(self, agent_id: AgentId) -> None:
        """The rows that count this agent."""
        agent = self.floor.picture.agents.get(agent_id)
        if agent is not None:
            for pool in agent.pools:
                self._mark(*pool.needed_by)

    def _holders(self, interaction_id: InteractionId) -> set[AgentId]:
        """Who has it, is rung for it, or has just had it and is in wrap-up."""
        picture = self.floor.picture
        talker = picture.talking_interactions.get(interaction_id)
        if talker is not None:
            return {talker}
        place = picture.waiting.get(interaction_id)
        offers = [picture.offers.get(offer_id) for offer_id in place.offer_ids] if place is not None else []
        rung = {offer.agent_id for offer in offers if offer is not None}
        if rung:
            return rung
        record = self.floor.interactions.get(interaction_id)
        last = picture.agents.get(record.agent_id) if record is not None and record.agent_id is not None else None
        return {last.agent_id} if last is not None and last.interaction_id == interaction_id else set()

    def _show_agent(self, agent_id: AgentId) -> None:
        view = self.agent_view(agent_id)
        # The card comes before the state: a desktop that sees "offered" has the customer already.
        self._show_pop(agent_id)
        self._feed.put(agent_topic(agent_id), "state", view)
        self._feed.put(AGENTS, agent_id, view)
        if agent_id not in self._shown_agents:
            self._show_messages_to(agent_id)
        self._shown_agents.add(agent_id)

    def _show_messages_to(self, agent_id: AgentId) -> None:
        news = news_for(self.queues_of(agent_id), self._messages, self._message_changes)
        self._feed.put(agent_topic(agent_id), "messages", news)

    def _drop_agent(self, agent_id: AgentId) -> None:
        self._shown_agents.discard(agent_id)
        for key in ("pop", "state", "messages"):
            self._feed.delete(agent_topic(agent_id), key)
        self._feed.delete(AGENTS, agent_id)

    def _drop_queue(self, queue_id: QueueId) -> None:
        for interaction_id in self._shown_waiting.pop(queue_id):
            if interaction_id not in self.floor.picture.waiting:
                self._feed.delete(WAITING, interaction_id)
        self._feed.delete(QUEUES, queue_id)

    def _show_pop(self, agent_id: AgentId) -> None:
        pop = self.pop_view(agent_id)
        if pop is None:
            self._feed.delete(agent_topic(agent_id), "pop")
        else:
            self._feed.put(agent_topic(agent_id), "pop", pop)
            if self.seen is not None and pop.customers:
                self.seen(agent_id, pop)

    def _drawing(self) -> Iterator[None]:
        """Draw what was touched; yields where others may have their turn before it goes on."""
        self._dirty.clear()
        queues, self._dirty_queues = self._dirty_queues, set()
        for queue_id in sorted(queues):
            if not self._is_shown(queue_id):
                if queue_id in self._shown_waiting:
                    self._drop_queue(queue_id)
            else:
                try:
                    self._feed.put(QUEUES, queue_id, self.queue_view(queue_id))
                    yield from self._show_waiting(queue_id)
                except Exception:
                    # One row that cannot be drawn must end neither the others nor the server.
                    log.exception("board_defect", queue_id=queue_id)
            yield
        self._memory.forget_all_but(self.floor.interactions)

    def _show_waiting(self, queue_id: QueueId) -> Iterator[None]:
        """Whoever comes, goes or moves while others have their turn touches the queue, so it is drawn again."""
        shown = self._shown_waiting.setdefault(queue_id, {})
        for interaction_id in [one for one in shown if one not in self.floor.picture.waiting]:
            self._feed.delete(WAITING, interaction_id)
        views: dict[InteractionId, WaitingView] = {}
        for number, view in enumerate(self._waiting_rows(queue_id), start=1):
            if view is not None:
                views[view.interaction_id] = view
                if shown.get(view.interaction_id) != view:
                    shown[view.interaction_id] = view
                    self._feed.put(WAITING, view.interaction_id, view)
            if number % ROWS_AT_ONCE == 0:
                yield
        self._shown_waiting[queue_id] = views

    def _waiting_rows(self, queue_id: QueueId) -> Iterator[WaitingView | None]:
        """A row for each who waits now; None for who has left the queue by the time it is his turn."""
        picture = self.floor.picture
        places = [place.interaction_id for place in picture.waiting_in(queue_id)]
        for position, interaction_id in enumerate(places, start=1):
            place, record = picture.waiting.get(interaction_id), self.floor.interactions.get(interaction_id)
            if place is None or place.queue_id != queue_id or record is None:
                yield None
            else:
                cards = self._memory.cards(interaction_id)
                yield draw_waiting(record, place, position, picture, cards, self._clock.now())
