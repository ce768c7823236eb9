"""The production engine as a policy: the world tells it by commands, and hears its events and actions, nothing else."""

from datetime import datetime, timedelta
from functools import partial

from callcenter.acd.engine import AcdEngine
from callcenter.acd.steps import Output
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import RingAgent, StopRinging
from callcenter.domain.agents import AgentState, Reason
from callcenter.domain.ids import InteractionId, OfferId
from callcenter.domain.offers import OfferCause, OfferOutcome
from callcenter.domain.overflows import OverflowKind
from callcenter.simulate.agenda import micros
from callcenter.simulate.day import Caller, Day, Seat

_ACTIVITY = {
    AgentState.LOGGED_OUT: None,
    AgentState.NOT_READY: None,
    AgentState.READY: "ready",
    AgentState.OFFERED: "offered",
    AgentState.TALKING: "talking",
    AgentState.HOLD: "talking",
    AgentState.WRAP_UP: "wrap_up",
    AgentState.INTERNAL_CALL: None,
}


def forecast(
    engine: AcdEngine, interaction_id: InteractionId, now: datetime
) -> tuple[float, float | None, float | None] | None:
    """What the engine expects of this interaction's remaining wait, and its range, in seconds; None: it cannot say."""
    prediction = engine.picture.forecast(interaction_id, now)
    if prediction is None:
        return None
    return prediction.expected.total_seconds(), prediction.low.total_seconds(), prediction.high.total_seconds()


class EnginePolicy:
    """`AcdEngine`, driven as the application drives it."""

    def __init__(self, day: Day, *, forecasts: bool = True) -> None:
        self.engine = AcdEngine()
        self._day = day
        self._agenda = day.agenda
        self._forecasts = forecasts
        self._seats = {seat.config.agent_id: seat for seat in day.seats}
        self._callers: dict[InteractionId, Caller] = {}
        self._ringing: set[OfferId] = set()
        self._open_offers: dict[InteractionId, int] = {}
        """How many agents are being rung for a caller."""
        self._deadline: int | None = None

    def begin(self) -> None:
        """Queues and agents are made, and routing begins."""
        for queue in self._day.scenario.queues:
            self._tell(cmd.ConfigureQueue(config=queue.config))
        for seat in self._day.seats:
            self._tell(cmd.ConfigureAgent(config=seat.config))
        self._tell(cmd.StartRouting())

    def next_deadline(self) -> int | None:
        """The engine's."""
        return self._deadline

    def deadline(self) -> None:
        """Wake the engine."""
        self._hear(self.engine.handle_deadline(self._agenda.moment))

    # ---- callers

    def call(self, caller: Caller) -> None:
        """He is put into his queue, and asked for at once what he may expect."""
        interaction_id = InteractionId(str(caller.number))
        self._callers[interaction_id] = caller
        self._day.waits(caller, True)
        self._tell(
            cmd.Enqueue(
                interaction_id=interaction_id,
                queue_id=caller.stream.queue_id,
                entered_at=self._agenda.moment,
                priority=caller.stream.priority,
                skills=caller.stream.skills,
                traits=caller.stream.traits,
            )
        )
        if self._forecasts and caller.waits:
            caller.expected = forecast(self.engine, interaction_id, self._agenda.moment)

    def hang_up(self, caller: Caller) -> None:
        """The engine hears that he has left."""
        self._day.abandoned(caller)
        self._forget(InteractionId(str(caller.number)))

    def _forget(self, interaction_id: InteractionId) -> None:
        self._tell(cmd.Leave(interaction_id=interaction_id))
        self._callers.pop(interaction_id, None)
        self._open_offers.pop(interaction_id, None)

    # ---- agents

    def come(self, seat: Seat) -> None:
        """He signs in and gets ready."""
        record = self.engine.picture.agents[seat.config.agent_id]
        if record.state is AgentState.LOGGED_OUT:
            self._tell(cmd.LogIn(agent_id=seat.config.agent_id))
        self._tell(cmd.SetReady(agent_id=seat.config.agent_id))

    def go(self, seat: Seat) -> None:
        """He signs out; in a talk, after it."""
        self._tell(cmd.LogOut(agent_id=seat.config.agent_id))

    def _come_back(self, seat: Seat) -> None:
        record = self.engine.picture.agents[seat.config.agent_id]
        if seat.on_shift and record.state is AgentState.NOT_READY:
            self._tell(cmd.SetReady(agent_id=seat.config.agent_id))

    # ---- the engine's words

    def _tell(self, command: cmd.Command) -> None:
        self._hear(self.engine.handle(command, self._agenda.moment))

    def _hear(self, outputs: list[Output]) -> None:
        deadline = self.engine.next_deadline()
        self._deadline = None if deadline is None else self._agenda.at(deadline)
        for output in outputs:
            match output:
                case ev.AgentStateChanged():
                    self._agent_changed(output)
                case ev.OfferMade():
                    self._offered(output.interaction_id, 1)
                case ev.OfferEnded():
                    self._offer_ended(output)
                case RingAgent():
                    self._ring(output)
                case StopRinging():
                    self._ringing.discard(output.offer_id)
                case ev.InteractionConnected():
                    self._connected(output)
                case ev.InteractionOverflowed() if output.overflow.kind is not OverflowKind.QUEUE:
                    caller = self._callers[output.interaction_id]
                    self._day.left_otherwise(caller)
                    self._agenda.plan(self._agenda.now, partial(self._forget, output.interaction_id))
                case _:
                    pass

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        seat = self._seats[event.agent_id]
        self._day.activity(seat, _ACTIVITY[event.new])
        if event.new is AgentState.NOT_READY and event.reason == Reason.RONA:
            back = seat.group.back_after_miss.draw(seat.chance) or 0
            self._agenda.within(back, partial(self._come_back, seat))
        elif event.new is AgentState.WRAP_UP and event.interaction_id is not None:
            caller = self._callers.get(event.interaction_id)
            if caller is not None and caller.after_call_work is not None:
                self._write_up(seat, event, caller.after_call_work)

    def _write_up(self, seat: Seat, event: ev.AgentStateChanged, work: int) -> None:
        """He ends his wrap-up when he has written all; who needs longer than the queue gives asks for more."""
        self._agenda.within(work, partial(self._end_wrap_up, seat, event.offer_id))
        record = self.engine.picture.agents[seat.config.agent_id]
        if event.wrap_up_until is None or record.queue_id is None:
            return
        limit = self.engine.picture.queues[record.queue_id].config.wrap_up_limit
        wanted = min(timedelta(microseconds=work), limit) - (event.wrap_up_until - event.at)
        if wanted > timedelta():
            command = cmd.ExtendWrapUp(agent_id=seat.config.agent_id, by=wanted)
            self._agenda.plan(self._agenda.now, partial(self._tell, command))

    def _end_wrap_up(self, seat: Seat, offer_id: OfferId | None) -> None:
        record = self.engine.picture.agents[seat.config.agent_id]
        if record.state is AgentState.WRAP_UP and record.offer_id == offer_id:
            self._tell(cmd.EndWrapUp(agent_id=seat.config.agent_id))

    def _offered(self, interaction_id: InteractionId, change: int) -> None:
        count = self._open_offers.get(interaction_id, 0) + change
        self._open_offers[interaction_id] = count
        caller = self._callers.get(interaction_id)
        if caller is not None and caller.in_queue:
            self._day.waits(caller, count == 0)

    def _offer_ended(self, event: ev.OfferEnded) -> None:
        self._ringing.discard(event.offer_id)
        caller = self._callers.get(event.interaction_id)
        if caller is None:
            return
        if event.outcome in (OfferOutcome.ANSWERED, OfferOutcome.RONA):
            missed = event.outcome is OfferOutcome.RONA
            self._day.record.offer_ended(caller.stream_index, caller.came_at, missed=missed)
        if event.outcome is not OfferOutcome.ANSWERED:
            self._offered(event.interaction_id, -1)

    def _ring(self, order: RingAgent) -> None:
        seat = self._seats[order.agent_id]
        delay = seat.ringing()
        timeout = micros(order.ring_timeout.total_seconds())
        self._ringing.add(order.offer_id)
        if delay is None or delay >= timeout:
            self._agenda.within(timeout, partial(self._miss, order))
        else:
            self._agenda.within(delay, partial(self._pick_up, order))

    def _miss(self, order: RingAgent) -> None:
        if order.offer_id in self._ringing:
            self._ringing.discard(order.offer_id)
            self._tell(cmd.ReportOfferFailed(offer_id=order.offer_id, cause=OfferCause.NO_ANSWER))

    def _pick_up(self, order: RingAgent) -> None:
        if order.offer_id in self._ringing:
            self._ringing.discard(order.offer_id)
            self._tell(
                cmd.ReportTalk(offer_id=order.offer_id, interaction_id=order.interaction_id, agent_id=order.agent_id)
            )

    def _connected(self, event: ev.InteractionConnected) -> None:
        caller = self._callers[event.interaction_id]
        self._open_offers.pop(event.interaction_id, None)
        self._day.answered(caller)
        self._agenda.within(caller.handle_time, partial(self._talk_ends, event.interaction_id, event.offer_id))

    def _talk_ends(self, interaction_id: InteractionId, offer_id: OfferId) -> None:
        self._tell(cmd.ReportTalkEnded(offer_id=offer_id, side=ev.Side.CALLER))
        self._callers.pop(interaction_id, None)
