"""The floor: the one task that owns the ACD engine and the live interactions.

Law: everything that changes them comes through its bounded inbox, one message at a time; what follows is written to
the journal, shown on the screens, and only then ordered from the exchange.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from callcenter.acd.engine import AcdEngine
from callcenter.acd.picture import Picture
from callcenter.acd.steps import Output
from callcenter.acd.waiting import WaitingRecord
from callcenter.app.callbacks import callback_id_of, place_of_callback, placement_of, story_of_callback
from callcenter.app.floor_messages import (
    Adopt,
    Beginning,
    CallEnded,
    Late,
    Message,
    PlaceCall,
    PlaceCallback,
    TakeCallback,
    story_of_agreed,
    story_of_call_out,
)
from callcenter.app.ports import AgentStatus, CallerLine, Clock, CustomerLine, Journal, Telephony
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import CallCustomer, PresentWork, RingAgent, StopRinging
from callcenter.domain.callbacks import Callback
from callcenter.domain.errors import CallcenterError, NotFound, Overloaded
from callcenter.domain.ids import AgentId, InteractionId, QueueId
from callcenter.domain.interactions import Interaction, Leg, LegRole, Stage, apply, begin, outcome_of_hangup

log = structlog.get_logger(__name__)

INBOX_LIMIT = 20_000
RING_AFTER_POP_LIMIT = timedelta(milliseconds=100)
"""The longest the phone waits for the screen: a slow browser must not keep a caller waiting."""
REMEMBER_ENDED_FOR = timedelta(minutes=2)


class CustomerLinesPort(Protocol):
    """Whoever knows what a callback's customer sees and hears."""

    async def line(self, record: Interaction, waiting: WaitingRecord, music_class: str) -> CustomerLine:
        """The line of one attempt."""
        ...


_OF_THE_MENU = (
    ev.FlowStarted,
    ev.NodeEntered,
    ev.MenuChosen,
    ev.LanguageChosen,
    ev.DigitsCollected,
    ev.ValuesKept,
    ev.PositionAnnounced,
    ev.WaitPredicted,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What one message changed, for the screens."""

    agents: frozenset[AgentId]
    queues: frozenset[QueueId]
    interactions: frozenset[InteractionId]
    events: tuple[ev.Event, ...]


class Screens(Protocol):
    """Whoever shows the floor to people."""

    def show(self, touched: Touched, now: datetime) -> None:
        """Bring the screens up to date; never waits."""
        ...

    async def popped(self, agent_id: AgentId, within: timedelta) -> None:
        """Wait until what was shown to the agent has left for his desktop."""
        ...


@dataclass(slots=True)
class _Entry:
    message: Message | None
    done: asyncio.Future[None] | None


class Floor:
    """Owner of the engine and of the interactions that are alive."""

    def __init__(self, *, clock: Clock, journal: Journal, telephony: Telephony, screens: Screens) -> None:
        self.customer_lines: CustomerLinesPort | None = None
        """What customers who are called back see and hear; to be set before any callback is made."""
        self.shown_to_agents: Callable[[str], str] = str
        """What an agent's phone may show of a number, or of a name that may be one."""
        self._clock = clock
        self._journal = journal
        self._telephony = telephony
        self._screens = screens
        self._engine = AcdEngine()
        self._inbox: asyncio.Queue[_Entry] = asyncio.Queue(INBOX_LIMIT)
        self._interactions: dict[InteractionId, Interaction] = {}
        self._ended: deque[tuple[datetime, InteractionId]] = deque()
        self._ringing: set[asyncio.Task[None]] = set()
        self._watchers: list[Callable[[Touched], None]] = []
        self._room = asyncio.Event()
        self._over = False

    # ---- for everyone

    @property
    def picture(self) -> Picture:
        """The engine's picture; to be read only."""
        return self._engine.picture

    @property
    def routing(self) -> bool:
        """Whether offers are made."""
        return self._engine.routing

    @property
    def interactions(self) -> Mapping[InteractionId, Interaction]:
        """Interactions that are alive or ended a moment ago; to be read only."""
        return self._interactions

    def watch(self, watcher: Callable[[Touched], None]) -> None:
        """Be called with what each message changed; the watcher must not wait or raise."""
        self._watchers.append(watcher)

    def tell(self, message: Message) -> None:
        """Report something and go on; raises `Overloaded` when the inbox is full."""
        self._put(_Entry(message, None))

    async def deliver(self, message: Message) -> None:
        """Report something that must not be lost: where the inbox is full, wait until there is room."""
        while self._inbox.full() and not self._over:
            self._room.clear()
            await self._room.wait()
        self._put(_Entry(message, None))

    async def request(self, message: Message) -> None:
        """Ask for something and wait until it is done; raises what the engine says no with."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_Entry(message, done))
        await done

    async def pulse(self) -> None:
        """Return when everything told so far has been dealt with: the sign that the floor lives."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_Entry(None, done))
        await done

    async def run(self) -> None:
        """Own the engine until cancelled."""
        try:
            while True:
                entry = await self._next_entry()
                self._room.set()
                if entry is not None:
                    self._deal_with(entry)
                now = self._clock.now()
                self._meet_deadlines(now)
                self._forget_ended(now)
        finally:
            self._over = True
            self._room.set()
            for task in tuple(self._ringing):
                task.cancel()
            await asyncio.gather(*self._ringing, return_exceptions=True)
            self._refuse_rest()

    # ---- the task

    def _put(self, entry: _Entry) -> None:
        if self._over:
            raise Overloaded("the server is going down", code="going_down")
        try:
            self._inbox.put_nowait(entry)
        except asyncio.QueueFull:
            raise Overloaded(f"the floor's inbox holds {INBOX_LIMIT} messages; the server is overloaded") from None

    async def _next_entry(self) -> _Entry | None:
        if not self._inbox.empty():
            return self._inbox.get_nowait()
        deadline = self._engine.next_deadline()
        if deadline is None:
            return await self._inbox.get()
        seconds = max((deadline - self._clock.now()).total_seconds(), 0.0)
        try:
            async with asyncio.timeout(seconds):
                return await self._inbox.get()
        except TimeoutError:
            return None

    def _deal_with(self, entry: _Entry) -> None:
        try:
            if entry.message is not None:
                now = self._clock.now()
                self._perform(self._outputs(entry.message, now), now)
        except CallcenterError as error:
            if entry.done is None:
                log.warning("report_refused", code=error.code, error=str(error), message=type(entry.message).__name__)
            elif not entry.done.done():
                entry.done.set_exception(error)
        except Exception as error:
            # A defect in one message must not end the routing of all others.
            log.exception("floor_defect", message=type(entry.message).__name__)
            if entry.done is not None and not entry.done.done():
                entry.done.set_exception(error)
        else:
            if entry.done is not None and not entry.done.done():
                entry.done.set_result(None)

    def _meet_deadlines(self, now: datetime) -> None:
        deadline = self._engine.next_deadline()
        if deadline is None or deadline > now:
            return
        try:
            self._perform(self._engine.handle_deadline(now), now)
        except Exception:
            # What was due has been taken off already; the rest goes on.
            log.exception("floor_defect", message="deadline")

    def _outputs(self, message: Message, now: datetime) -> Sequence[Output]:
        match message:
            case Adopt(interaction=interaction):
                self._interactions.setdefault(interaction.interaction_id, interaction)
                if interaction.stage is Stage.ENDED:
                    self._ended.append((now, interaction.interaction_id))
                return []
            case CallEnded():
                return self._end_call(message, now)
            case Late():
                return self._handle_late(message, now)
            case TakeCallback() | PlaceCall() | PlaceCallback():
                return self._begin_call(message, now)
            case StopRinging():
                return [message]
            case ev.InteractionArrived(interaction_id=interaction_id):
                return [] if interaction_id in self._interactions else [message]
            case (
                ev.CustomerMatched()
                | ev.FlowStarted()
                | ev.NodeEntered()
                | ev.MenuChosen()
                | ev.LanguageChosen()
                | ev.DigitsCollected()
                | ev.CallerVerified()
                | ev.ValuesKept()
                | ev.SurveyAsked()
                | ev.SurveyAnswered()
                | ev.PositionAnnounced()
                | ev.WaitPredicted()
                | ev.MessageLeft()
                | ev.LegStarted()
                | ev.LegEnded()
                | ev.InteractionAnnotated()
                | ev.InteractionTransferred()
                | ev.TransferEnded()
                | ev.ConsultationStarted()
                | ev.ConsultationAnswered()
                | ev.ConsultationEnded()
                | ev.MonitoringStarted()
                | ev.MonitoringChanged()
                | ev.MonitoringEnded()
            ):
                return [message] if self._concerns(message) else []
            case cmd.Enqueue(interaction_id=interaction_id):
                record = self._interactions.get(interaction_id)
                if record is not None and record.stage is Stage.ENDED:
                    return []  # The question overtook the news of the hang-up.
                return self._engine.handle(message, now)
            case (
                ev.InteractionQueued()
                | ev.InteractionEscalated()
                | ev.InteractionReserved()
                | ev.InteractionOverflowed()
                | ev.PriorityChanged()
                | ev.CallbackRequested()
                | ev.CustomerCalled()
                | ev.CustomerAnswered()
                | ev.OfferMade()
                | ev.OfferEnded()
                | ev.InteractionConnected()
                | ev.HoldChanged()
                | ev.TalkEnded()
                | ev.InteractionEnded()
            ):
                raise CallcenterError(f"{type(message).__name__} is the engine's to say")
            case _:
                return self._engine.handle(self._with_queue(message), now)

    def _with_queue(self, message: cmd.Command) -> cmd.Command:
        """Who takes a talk over gets it out of no queue, but it is of that queue all the same."""
        if not isinstance(message, cmd.ReportTalk) or message.queue_id is not None:
            return message
        record = self._interactions.get(message.interaction_id)
        return message if record is None else replace(message, queue_id=record.queue_id)

    def _end_call(self, message: CallEnded, now: datetime) -> Sequence[Output]:
        record = self._interactions.get(message.interaction_id)
        if record is None or record.stage is Stage.ENDED:
            return []
        outcome = message.outcome or outcome_of_hangup(record)
        at = min(message.at or now, now)
        # While nothing is routed the engine may be told of earlier moments, so that no talk outlasts its call.
        left = self._engine.handle(cmd.Leave(interaction_id=message.interaction_id), now if self.routing else at)
        ended = ev.InteractionEnded(
            interaction_id=message.interaction_id,
            at=at,
            outcome=outcome,
            side=message.side,
            cause=message.cause,
        )
        is_callback = record.callback is not None and record.callback.called_by is None
        if is_callback and record.callback is not None and record.callback.attempts and not record.times.connected_at:
            self._telephony.stop_calling(record.interaction_id, record.callback.attempts)
        return [*left, ended]

    def _begin_call(self, message: Beginning, now: datetime) -> Sequence[Output]:
        if isinstance(message, PlaceCall):
            return self._place_call(message, now)
        if isinstance(message, PlaceCallback):
            placed = self._engine.handle(
                place_of_callback(message.interaction_id, message.placement, message.callback), now
            )
            begun, noted = story_of_agreed(message, now)
            return [*begun, *placed, *noted]
        return self._take_callback(message, now)

    def _take_callback(self, message: TakeCallback, now: datetime) -> Sequence[Output]:
        origin = find_interaction(self, message.interaction_id)
        placement = message.placement or placement_of(origin, self.picture, now)
        callback_id = message.callback_id or callback_id_of(message.interaction_id)
        callback = Callback(
            number=message.number,
            requested_at=message.requested_at,
            origin_id=message.interaction_id,
            not_before=message.not_before,
        )
        placed = self._engine.handle(place_of_callback(callback_id, placement, callback), now)
        left = self._engine.handle(cmd.Leave(interaction_id=message.interaction_id), now)
        requested = ev.CallbackRequested(
            interaction_id=message.interaction_id,
            at=now,
            callback_id=callback_id,
            queue_id=placement.queue_id,
            number=message.number,
            not_before=message.not_before,
        )
        return [
            *story_of_callback(origin, callback_id, message.number, message.requested_at),
            *placed,
            *left,
            requested,
        ]

    def _place_call(self, message: PlaceCall, now: datetime) -> Sequence[Output]:
        rung = self._engine.handle(
            cmd.CallOut(
                interaction_id=message.interaction_id,
                agent_id=message.agent_id,
                queue_id=message.queue_id,
                number=message.dialled,
            ),
            now,
        )
        return [*story_of_call_out(message), *rung]

    def _concerns(self, message: ev.InteractionEvent) -> bool:
        """Whether there is a record to write it on; of an ended call the menu and the queue have no more to say."""
        record = self._interactions.get(message.interaction_id)
        if record is None:
            log.warning("event_of_unknown_call", message=type(message).__name__, interaction_id=message.interaction_id)
            return False
        return record.stage is not Stage.ENDED or not isinstance(message, _OF_THE_MENU)

    def _handle_late(self, message: Late, now: datetime) -> Sequence[Output]:
        """What happened while nobody listened must not undo what has been seen since."""
        command, at = message.command, now if self.routing else min(message.at, now)
        if isinstance(command, cmd.ReportTalk):
            agent = self.picture.agent(command.agent_id)
            is_newer = agent.talk_since is not None and agent.talk_since > at
            if is_newer and agent.offer_id != command.offer_id:
                log.warning("late_talk_contradicted", agent_id=command.agent_id, offer_id=command.offer_id)
                return []
        return self._engine.handle(command, at)

    def _perform(self, outputs: Sequence[Output], now: datetime) -> None:
        if not outputs:
            return
        events = tuple(o for o in outputs if not isinstance(o, RingAgent | PresentWork | CallCustomer | StopRinging))
        touched = self._fold(events, now)
        self._journal.write(
            events=events,
            interactions=[self._interactions[i] for i in sorted(touched.interactions)],
            agents=[self._status(a) for a in sorted(touched.agents)],
        )
        self._show(touched, now)
        self._stop_calling(events)
        for order in outputs:
            if isinstance(order, StopRinging):
                self._telephony.stop_ringing(order.offer_id)
            elif isinstance(order, RingAgent):
                self._start(self._ring_after_pop(order), f"ring {order.agent_id}")
            elif isinstance(order, CallCustomer):
                self._start(self._call_customer(order), f"ring {order.interaction_id}")

    def _stop_calling(self, events: Sequence[ev.Event]) -> None:
        """A call out that is over: the customer's phone is to ring no more."""
        for event in events:
            record = self._interactions.get(event.interaction_id) if isinstance(event, ev.InteractionEnded) else None
            if record is None or record.callback is None or record.callback.called_by is None:
                continue
            if record.callback.attempts and record.times.connected_at is None:
                self._telephony.stop_calling(record.interaction_id, record.callback.attempts)

    def _show(self, touched: Touched, now: datetime) -> None:
        try:
            self._screens.show(touched, now)
            for watcher in self._watchers:
                watcher(touched)
        except Exception:
            # A screen that cannot be drawn must not keep a phone from ringing.
            log.exception("screens_defect")

    def _fold(self, events: tuple[ev.Event, ...], now: datetime) -> Touched:
        agents: set[AgentId] = set()
        queues: set[QueueId] = set()
        interactions: set[InteractionId] = set()
        for event in events:
            if isinstance(event, ev.QueueUnserved | ev.QueueServed | ev.QueueClosed | ev.QueueOpened):
                queues.add(event.queue_id)
                continue
            if isinstance(
                event,
                ev.AgentStateChanged
                | ev.AgentWishChanged
                | ev.AgentPhoneChanged
                | ev.WrapUpExtended
                | ev.AgentTimeLimit,
            ):
                agents.add(event.agent_id)
                continue
            known = self._interactions.get(event.interaction_id)
            if isinstance(event, ev.InteractionArrived):
                record = begin(event)
            elif known is None:
                continue
            else:
                record = apply(known, event)
            self._interactions[event.interaction_id] = record
            interactions.add(event.interaction_id)
            if record.queue_id is not None:
                queues.add(record.queue_id)
            if isinstance(event, ev.InteractionEnded):
                self._ended.append((now, event.interaction_id))
        return Touched(
            agents=frozenset(agents),
            queues=frozenset(queues),
            interactions=frozenset(interactions),
            events=events,
        )

    def _status(self, agent_id: AgentId) -> AgentStatus:
        agent = self.picture.agents[agent_id]
        return AgentStatus(
            agent_id=agent_id,
            state=agent.state,
            reason=agent.reason,
            since=agent.since,
            ready_since=agent.ready_since,
            wrap_up_until=agent.wrap_up_until,
            after_call=agent.wish.state if agent.wish else None,
            after_call_reason=agent.wish.reason if agent.wish else None,
            interaction_id=agent.interaction_id,
            offer_id=agent.offer_id,
            queue_id=agent.queue_id,
            misses=agent.misses,
            phone=agent.phone,
        )

    def _start(self, ordering: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(ordering, name=name)
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)

    async def _ring_after_pop(self, order: RingAgent) -> None:
        await self._screens.popped(order.agent_id, RING_AFTER_POP_LIMIT)
        if order.offer_id not in self.picture.offers:
            return
        record = self._interactions.get(order.interaction_id)
        leg = caller_leg(record) if record is not None else None
        if record is None or (leg is None and not order.customer_absent):
            log.error("caller_unknown", interaction_id=order.interaction_id, offer_id=order.offer_id)
            return
        number = record.ani.e164 or ("" if record.ani.withheld else record.ani.raw)
        line = CallerLine(
            channel=leg.channel if leg is not None else "",
            channel_id=leg.leg_id if leg is not None else None,
            display_number=self.shown_to_agents(number),
            display_name=self.shown_to_agents(record.caller_name),
        )
        self._telephony.ring_agent(order, line)

    async def _call_customer(self, order: CallCustomer) -> None:
        record, waiting = self._interactions.get(order.interaction_id), self.picture.waiting.get(order.interaction_id)
        if waiting is None:
            return  # It was over before the order was given.
        if record is None or self.customer_lines is None:
            log.error("callback_unknown", interaction_id=order.interaction_id)
            return
        music_class = self.picture.queue(order.queue_id).config.music_class
        line = await self.customer_lines.line(record, waiting, music_class)
        waiting = self.picture.waiting.get(order.interaction_id)
        callback = waiting.callback if waiting is not None else None
        is_wanted = order.offer_id is None or order.offer_id in self.picture.offers
        if callback is None or callback.attempts != order.attempt or not is_wanted:
            return
        self._telephony.call_customer(order, line)

    def _forget_ended(self, now: datetime) -> None:
        while self._ended and now - self._ended[0][0] > REMEMBER_ENDED_FOR:
            _, interaction_id = self._ended.popleft()
            if any(a.interaction_id == interaction_id for a in self.picture.agents.values()):
                self._ended.append((now, interaction_id))
                continue
            record = self._interactions.get(interaction_id)
            if record is not None and record.stage is Stage.ENDED:
                del self._interactions[interaction_id]

    def _refuse_rest(self) -> None:
        while not self._inbox.empty():
            entry = self._inbox.get_nowait()
            if entry.done is not None and not entry.done.done():
                entry.done.set_exception(Overloaded("the server is going down", code="going_down"))


def caller_leg(record: Interaction) -> Leg | None:
    """The caller's own channel; of a callback that of the latest attempt to reach him."""
    return next((leg for leg in reversed(record.legs) if leg.role is LegRole.CALLER and leg.ended_at is None), None)


def find_interaction(floor: Floor, interaction_id: InteractionId) -> Interaction:
    """A live interaction, or `NotFound`."""
    record = floor.interactions.get(interaction_id)
    if record is None:
        raise NotFound(f"there is no live interaction {interaction_id}", code="unknown_interaction")
    return record
