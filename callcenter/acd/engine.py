"""The ACD engine: commands in, events and actions out; no clock, no chance, no adapter inside.

Laws: an offer ends exactly once; an agent holds at most one interaction on the phone and an interaction at most one
agent; no offerable agent stands beside an open interaction he can serve while routing is on; an illegal request raises
and nothing has happened; reports about what is over already change nothing.
"""

from collections.abc import Callable
from datetime import datetime

from callcenter.acd.attendance import Attendance
from callcenter.acd.calls_out import CallsOut
from callcenter.acd.configuring import Configuring
from callcenter.acd.deadlines import DeadlineKind, Deadlines
from callcenter.acd.internal_calls import InternalCalls
from callcenter.acd.matching import Matching
from callcenter.acd.picture import Picture
from callcenter.acd.queue_care import QueueCare
from callcenter.acd.queueing import Queueing
from callcenter.acd.steps import Output, Steps
from callcenter.acd.talks import Talks
from callcenter.acd.texts import Texts
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.agents import AgentState
from callcenter.domain.callbacks import CustomerAnswer, Presence
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import Offer, OfferOutcome


class AcdEngine:
    """Which agent gets which interaction."""

    def __init__(self) -> None:
        self.picture = Picture()
        self._deadlines = Deadlines(self.picture)
        self._steps = Steps(self.picture, self._deadlines)
        self._matching = Matching(self.picture, self._steps)
        self._queueing = Queueing(self.picture, self._steps, self._matching)
        self._calls_out = CallsOut(self.picture, self._steps, self._matching, self._queueing)
        self._internal_calls = InternalCalls(self.picture, self._steps)
        self._texts = Texts(self.picture, self._steps)
        self._talks = Talks(self.picture, self._steps, self._queueing, self._texts)
        self._attendance = Attendance(self.picture, self._deadlines, self._steps, self._internal_calls)
        self._care = QueueCare(self.picture, self._deadlines, self._matching, self._queueing)
        self._configuring = Configuring(self.picture, self._deadlines, self._steps, self._queueing, self._care)
        self._handlers = self._handlers_by_kind()

    @property
    def routing(self) -> bool:
        """Whether offers are made."""
        return self._matching.routing

    @property
    def deadline_count(self) -> int:
        """How many deadlines are kept, those that mean nothing any more included."""
        return len(self._deadlines)

    # ---- the three methods of a protocol engine

    def handle(self, message: cmd.Command, now: datetime) -> list[Output]:
        """Carry out one command; raises `NotFound`, `Conflict` or `IllegalTransition` and then nothing has changed."""
        return self._settled(self._handlers[type(message)](message, now), now)

    def next_deadline(self) -> datetime | None:
        """When `handle_deadline` wants to be called next."""
        return self._deadlines.next()

    def handle_deadline(self, now: datetime) -> list[Output]:
        """Do what has become due by `now`; who comes free or open at one moment is matched together."""
        out: list[Output] = []
        while (due := self._deadlines.pop_due(now)) is not None:
            out += self._meet(*due, now)
            while (due := self._deadlines.pop_due(now)) is not None:
                out += self._meet(*due, now)
            out = self._settled(out, now)
        return out

    # ---- who carries out what

    def _handlers_by_kind(self) -> dict[type, Callable[..., list[Output]]]:
        configuring, attendance, talks = self._configuring, self._attendance, self._talks
        queueing, texts, steps, internal_calls = self._queueing, self._texts, self._steps, self._internal_calls
        return {
            cmd.ConfigureQueue: configuring.configure_queue,
            cmd.ConfigureAgent: configuring.configure_agent,
            cmd.ConfigureReasons: configuring.configure_reasons,
            cmd.BeginDay: configuring.begin_day,
            cmd.RemoveQueue: configuring.remove_queue,
            cmd.RemoveAgent: configuring.remove_agent,
            cmd.RestoreAgent: configuring.restore_agent,
            cmd.RestoreOffer: self._restore_offer,
            cmd.StartRouting: self._start_routing,
            cmd.StopRouting: self._stop_routing,
            cmd.LogIn: attendance.log_in,
            cmd.LogOut: attendance.log_out,
            cmd.SetReady: attendance.set_ready,
            cmd.SetNotReady: attendance.set_not_ready,
            cmd.EndWrapUp: attendance.end_wrap_up,
            cmd.ExtendWrapUp: attendance.extend_wrap_up,
            cmd.ChangePhone: attendance.change_phone,
            cmd.ReportPhone: attendance.report_phone,
            cmd.AskAgent: attendance.ask,
            cmd.EndAsking: attendance.end_asking,
            cmd.Enqueue: self._enqueue,
            cmd.MoveInteraction: queueing.move,
            cmd.SetPriority: queueing.set_priority,
            cmd.PickForAgent: queueing.pick,
            cmd.Leave: talks.left,
            cmd.AcceptOffer: lambda message, now: texts.accept(message.offer_id, now),
            cmd.RejectOffer: lambda message, now: texts.reject(message.offer_id, now),
            cmd.EndWork: lambda message, now: steps.end_work(message.interaction_id, ev.Side.AGENT, now),
            cmd.ReportHold: talks.hold,
            cmd.ReportAgentWaits: lambda message, now: queueing.agent_waits(message.offer_id, now),
            cmd.ReportCustomerCalled: queueing.customer_called,
            cmd.ReportOfferFailed: talks.offer_failed,
            cmd.ReportTalk: talks.begun,
            cmd.ReportTalkEnded: talks.ended,
            cmd.CallOut: self._calls_out.begin,
            cmd.BeginInternalCall: internal_calls.begin,
            cmd.EndInternalCall: lambda message, now: internal_calls.end(message.call_id, now),
        }

    def _meet(self, kind: DeadlineKind, key: str, now: datetime) -> list[Output]:
        match kind:
            case DeadlineKind.OFFER:
                return self._give_up(self.picture.offers[OfferId(key)], now)
            case DeadlineKind.WAITING:
                return self._queueing.wake(self.picture.waiting[InteractionId(key)], now)
            case DeadlineKind.NOBODY:
                return self._care.nobody_came(self.picture.queues[QueueId(key)], now)
        agent = self.picture.agents[AgentId(key)]
        match kind:
            case DeadlineKind.WRAP_UP if agent.aside is not None:
                return self._internal_calls.keep_wrap_up(agent, now)
            case DeadlineKind.WRAP_UP:
                return self._steps.after_work(agent, now)
            case DeadlineKind.TIME_LIMIT:
                return self._steps.meet_time_limit(agent, now)
            case _:
                self._steps.end_rest(agent)
                return []

    def _give_up(self, offer: Offer, now: datetime) -> list[Output]:
        """Nobody has told the end of an offer; of an agent who waits for his customer, that of the customer's call."""
        waiting = self.picture.waiting.get(offer.interaction_id)
        if waiting is not None and waiting.presence is Presence.CALLING:
            lost = cmd.ReportCustomerCalled(interaction_id=offer.interaction_id, answer=CustomerAnswer.FAILED)
            return self._queueing.customer_called(lost, now)
        return self._texts.give_up(offer.offer_id, now)

    # ---- what follows from every message

    def _settled(self, out: list[Output], now: datetime) -> list[Output]:
        """Match, and look after queues and reservations, until nothing follows any more."""
        picture = self.picture
        while True:
            if picture.gone_away:
                self._release_kept()
            if picture.unsettled_queues:
                out += self._care.look_after(now)
            if not (picture.unsettled_agents or picture.unmatched or picture.unsettled_texts):
                if picture.unsettled_queues or picture.gone_away:
                    continue
                return out
            out += self._matching.match(now)

    def _release_kept(self) -> None:
        picture = self.picture
        agents = list(picture.gone_away)
        picture.gone_away.clear()
        for agent_id in agents:
            for interaction_id in list(picture.kept_for.get(agent_id, ())):
                self._queueing.release(picture.waiting[interaction_id])

    # ---- what concerns the engine as a whole

    def _restore_offer(self, message: cmd.RestoreOffer, now: datetime) -> list[Output]:
        offer = message.offer
        agent = self.picture.agent(offer.agent_id)
        waiting = self.picture.waiting.get(offer.interaction_id)
        if offer.offer_id in self.picture.offers:
            return []
        free = agent.state is AgentState.READY
        if waiting is not None and not waiting.on_the_phone:
            free = agent.state not in (AgentState.NOT_READY, AgentState.LOGGED_OUT)
        his = agent.state is AgentState.OFFERED and agent.offer_id == offer.offer_id
        if waiting is None or not self._may_ring(waiting, offer.queue_id) or not (free or his):
            return [StopRinging(offer_id=offer.offer_id)]
        changed = self._steps.present(agent, waiting, offer, now)
        return [*changed, ev.OfferMade(interaction_id=offer.interaction_id, at=now, offer=offer)]

    def _may_ring(self, waiting: WaitingRecord, queue_id: QueueId) -> bool:
        several = self.picture.queues[waiting.queue_id].config.ring_several if waiting.on_the_phone else 1
        return len(waiting.offer_ids) < several and waiting.queue_id == queue_id

    def _start_routing(self, _message: cmd.StartRouting, now: datetime) -> list[Output]:
        self._matching.routing = True
        out: list[Output] = []
        for agent in self.picture.agents.values():
            if agent.state is AgentState.OFFERED and agent.offer_id not in self.picture.offers:
                out += self._steps.close_lost_offer(agent, OfferOutcome.WITHDRAWN, now)
                out += self._steps.release(agent, now)
            elif agent.offerable or agent.takes_texts:
                self.picture.before_change(agent)
                self.picture.after_change(agent)
        self.picture.look_after_all_queues()
        return out

    def _stop_routing(self, _message: cmd.StopRouting, _now: datetime) -> list[Output]:
        self._matching.routing = False
        return []

    def _enqueue(self, message: cmd.Enqueue, now: datetime) -> list[Output]:
        self.picture.queue(message.queue_id)
        is_here = message.interaction_id in self.picture.waiting or message.interaction_id in self.picture.works
        if is_here or message.interaction_id in self.picture.talking_interactions:
            return []
        return self._queueing.enter(message, now)
