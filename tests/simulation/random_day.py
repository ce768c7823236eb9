"""A day at random on a fake clock: what callers, agents, phones and crashes do is the world's truth; the engine learns
of it through reports that can be lost, come twice, or find nobody because the server is down.

Law: the same seed is the same day.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from heapq import heappop, heappush
from random import Random
from types import MappingProxyType

from callcenter.acd.engine import AcdEngine
from callcenter.acd.steps import Output
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import CallCustomer, RingAgent, StopRinging
from callcenter.domain.agents import AgentState, PhoneStatus
from callcenter.domain.callbacks import CustomerAnswer
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import Stage
from callcenter.domain.offers import Offer, OfferCause
from callcenter.domain.overflows import OverflowKind
from tests.simulation.floor import MORNING, seconds, status_of
from tests.simulation.ledger import Ledger, check_order_of_service
from tests.simulation.random_callers import Caller, Line, callback_of, random_caller
from tests.simulation.random_floor import AGENT_IDS, AGENTS, QUEUES

RECONCILE_EVERY = 5.0
ASK_EVERY = 15.0
WRITTEN_EVERY = seconds(1)
LONG_TALK = seconds(90)
"""Longer than the server is ever away: such a talk cannot escape it."""


@dataclass(slots=True)
class World:
    """The exchange, the people on both sides of it, the store, and the server while it lives."""

    seed: int
    callers_today: int = 200
    random: Random = field(init=False)
    now: datetime = MORNING
    engine: AcdEngine | None = None
    linked: bool = True
    ledger: Ledger = field(default_factory=Ledger)
    statuses: dict[AgentId, cmd.RestoreAgent] = field(default_factory=dict)
    written: tuple[datetime, Mapping[AgentId, cmd.RestoreAgent], int] = (MORNING, MappingProxyType({}), 0)
    """What is on disk for sure: when, the agents, and how much of the journal."""
    forgotten: set[InteractionId] = field(default_factory=set)
    """Callers who came and went in the moment that a crash took away."""
    callers: dict[InteractionId, Caller] = field(default_factory=dict)
    legs: dict[OfferId, Offer] = field(default_factory=dict)
    waiting_agents: dict[OfferId, Offer] = field(default_factory=dict)
    """Agents who have answered, and hear a callback's customer being called."""
    bridges: dict[OfferId, Offer] = field(default_factory=dict)
    arrived: int = 0
    crashes: int = 0
    commands: int = 0
    reconciliations: int = 0
    reconciled_at: datetime = MORNING
    _agenda: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    # ---- the clock

    def later(self, count: float, what: Callable[[], None]) -> None:
        self._count += 1
        heappush(self._agenda, (self.now + seconds(count), self._count, what))

    def run(self) -> None:
        """The whole day, to the last hang-up and the reconciliation after it."""
        self.start_server()
        for agent in AGENTS:
            self.later(self.random.uniform(0, 60), partial(self.agent_acts, agent.agent_id))
        self.later(1, self.call_comes)
        self.later(RECONCILE_EVERY, self.reconcile_regularly)
        self.later(self.random.expovariate(1 / 900), self.crash)
        self.later(self.random.expovariate(1 / 900), self.cut_link)
        self.later(self.random.expovariate(1 / 60), self.supervisor_acts)
        while self.arrived < self.callers_today or any(caller.here for caller in self.callers.values()):
            self.step()
        while self.engine is None or not self.linked:
            self.step()
        self.reconcile()
        self.check_against_truth()

    def step(self) -> None:
        """Whatever comes next: the engine's deadline or the world's next event."""
        due, _, what = self._agenda[0]
        deadline = self.engine.next_deadline() if self.engine is not None else None
        if self.engine is not None and deadline is not None and deadline <= due:
            self.now = max(self.now, deadline)
            self.heard(self.engine.handle_deadline(self.now))
            return
        heappop(self._agenda)
        self.now = due
        what()

    # ---- the server

    def tell(self, message: cmd.Command) -> None:
        if self.engine is not None:
            self.commands += 1
            self.heard(self.engine.handle(message, self.now))

    def report(self, message: cmd.Command) -> None:
        """What travels over the link: lost 1 %, doubled 1 %, and nothing at all while it is cut."""
        if not self.linked or self.random.random() < 0.01:
            return
        self.tell(message)
        if self.random.random() < 0.01:
            self.tell(message)

    def heard(self, outputs: list[Output]) -> None:
        engine = self.engine
        assert engine is not None
        if self.now - self.written[0] >= WRITTEN_EVERY:
            self.written = (self.now, dict(self.statuses), len(self.ledger.journal))
        self.ledger.take_outputs(outputs)
        check_order_of_service(engine, outputs, self.now)
        for output in outputs:
            match output:
                case ev.AgentStateChanged() | ev.AgentWishChanged():
                    self.statuses[output.agent_id] = status_of(engine.picture.agents[output.agent_id])
                case RingAgent():
                    self.ring(output, engine.picture.offers.get(output.offer_id))
                case CallCustomer():
                    self.dial(output)
                case StopRinging() if self.linked:
                    self.legs.pop(output.offer_id, None)
                    self.waiting_agents.pop(output.offer_id, None)
                case ev.InteractionQueued() if self.linked:
                    self.callers[output.interaction_id].note(output)
                case ev.InteractionEnded():
                    self.callers[output.interaction_id].here = False
                case _:
                    pass

    def crash(self) -> None:
        """All memory is gone, and perhaps what the store had not yet written."""
        if self.arrived < self.callers_today and self.engine is not None:
            self.engine = None
            self.crashes += 1
            if self.random.random() < 0.5:
                self.lose_what_was_not_written()
            self.later(self.random.choice([0.5, 3, 3, 20, 60]), self.start_server)
        self.later(self.random.expovariate(1 / 900), self.crash)

    def lose_what_was_not_written(self) -> None:
        _, statuses, length = self.written
        self.statuses = dict(statuses)
        before, self.ledger = self.ledger, Ledger()
        for event in before.journal[:length]:
            self.ledger.take(event)
        gone = set(before.records) - set(self.ledger.records)
        self.forgotten |= {interaction_id for interaction_id in gone if not self.callers[interaction_id].here}

    def cut_link(self) -> None:
        if self.arrived < self.callers_today and self.engine is not None and self.linked:
            self.linked = False
            self.tell(cmd.StopRouting())
            self.later(self.random.choice([1, 5, 20]), self.mend_link)
        self.later(self.random.expovariate(1 / 900), self.cut_link)

    def mend_link(self) -> None:
        self.linked = True
        if self.engine is not None:
            self.reconcile()
            self.tell(cmd.StartRouting())

    def start_server(self) -> None:
        """From the store, the callers' channels, the ringing legs and the bridges back to the whole picture."""
        self.linked = True
        self.engine = AcdEngine()
        for queue in QUEUES:
            self.tell(cmd.ConfigureQueue(config=queue))
        for caller in self.callers.values():
            # Calls to customers that ring are ended: whoever is at work then calls them anew.
            caller.line = Line.AWAY if caller.line is Line.RINGING else caller.line
        for agent in AGENTS:
            self.tell(cmd.ConfigureAgent(config=agent))
        for agent_id in sorted(self.statuses):
            self.tell(self.statuses[agent_id])
        for caller in list(self.callers.values()):
            self.ask(caller)
        self.reconcile()
        self.tell(cmd.StartRouting())
        self.ledger.check(self.engine, self.now)

    def reconcile_regularly(self) -> None:
        if self.linked:
            self.reconcile()
        self.later(RECONCILE_EVERY, self.reconcile_regularly)

    def reconcile(self) -> None:
        """Make the picture what the exchange says: bridges and legs are true, all else is not."""
        if self.engine is None:
            return
        picture = self.engine.picture
        for offer_id in sorted(set(picture.talks) - set(self.bridges)):
            self.tell(cmd.ReportTalkEnded(offer_id=offer_id))
        for offer in list(self.bridges.values()):
            self.tell_of_talk(self.tell, offer)
        for interaction_id in sorted(self.ledger.live):
            if not self.callers[interaction_id].here:
                self.tell(cmd.Leave(interaction_id=interaction_id))
                self.ledger.end(interaction_id, self.now)
        self.reconcile_callbacks()
        for offer in [*self.legs.values(), *self.waiting_agents.values()]:
            self.tell(cmd.RestoreOffer(offer=offer))
        for offer_id in sorted(self.waiting_agents):
            self.tell(cmd.ReportAgentWaits(offer_id=offer_id))
        for offer_id in sorted(set(picture.offers) - set(self.legs) - set(self.waiting_agents)):
            self.tell(cmd.ReportOfferFailed(offer_id=offer_id, cause=OfferCause.NO_ANSWER))
        self.reconciliations += 1
        self.reconciled_at = self.now
        if self.engine.routing and self.reconciliations % 3 == 0:
            self.ledger.check(self.engine, self.now)

    def reconcile_callbacks(self) -> None:
        """Who was promised a callback waits for it, and whose customer is on the line is there."""
        assert self.engine is not None
        for caller in [caller for caller in self.callers.values() if caller.callback is not None and caller.here]:
            self.ask(caller)
            if caller.line is Line.HERE and not caller.talks:
                answered = CustomerAnswer.ANSWERED
                self.tell(cmd.ReportCustomerCalled(interaction_id=caller.interaction_id, answer=answered))

    # ---- callers

    def call_comes(self) -> None:
        self.arrived += 1
        caller = random_caller(self.arrived, self.now, self.random)
        self.callers[caller.interaction_id] = caller
        self.later(self.random.expovariate(1 / 120), lambda: self.lose_patience(caller))
        self.ask_regularly(caller)
        if self.arrived < self.callers_today:
            self.later(self.random.expovariate(1 / 20), self.call_comes)

    def ask_regularly(self, caller: Caller) -> None:
        """The hold loop's short question, which carries the caller's whole state."""
        if caller.here and not caller.talks and caller.line is Line.HERE:
            self.ask(caller)
            self.later(ASK_EVERY, lambda: self.ask_regularly(caller))

    def ask(self, caller: Caller) -> None:
        if self.engine is None or not caller.here or caller.talks:
            return
        sent_on = self.engine.picture.overflowed.get(caller.interaction_id)
        if sent_on is not None:
            self.carry_out(caller, sent_on.overflow.kind)
            return
        self.ledger.arrive(caller.interaction_id, self.now)
        self.tell(caller.entry(self.ledger.records.get(caller.interaction_id)))

    def carry_out(self, caller: Caller, kind: OverflowKind) -> None:
        """What the dialplan does with a caller whom his queue sends elsewhere."""
        if kind is OverflowKind.CALLBACK:
            self.promise_callback(caller)
        self.hang_up(caller)

    def promise_callback(self, caller: Caller) -> None:
        """The caller wants to be called back, soon or at a time he chose, unless his number is promised it already."""
        others = (other for other in self.callers.values() if other.callback is not None and other.here)
        if caller.callback is not None or any(other.number == caller.number for other in others):
            return
        later = self.now + seconds(self.random.uniform(10, 90)) if self.random.random() < 0.3 else None
        callback = callback_of(caller, self.now, later)
        self.callers[callback.interaction_id] = callback
        self.ask(callback)

    def lose_patience(self, caller: Caller) -> None:
        if caller.here and not caller.talks and caller.line is Line.HERE:
            if caller.callback is None and self.engine is not None and self.random.random() < 0.3:
                self.promise_callback(caller)
            self.hang_up(caller)

    def hang_up(self, caller: Caller) -> None:
        caller.here, caller.line = False, Line.AWAY
        known = len(self.ledger.journal)
        self.report(cmd.Leave(interaction_id=caller.interaction_id))
        if self.engine is not None and (self.linked and len(self.ledger.journal) != known):
            self.ledger.end(caller.interaction_id, self.now)

    # ---- the supervisor

    def supervisor_acts(self) -> None:
        """Now and then he steps in; what he may not do is refused, and that is all."""
        if self.engine is not None and self.linked:
            word = self.supervisors_word()
            if word is not None:
                with suppress(CallcenterError):
                    self.tell(word)
        self.later(self.random.expovariate(1 / 30), self.supervisor_acts)

    def supervisors_word(self) -> cmd.Command | None:
        assert self.engine is not None
        agent_id = self.random.choice(AGENT_IDS)
        queue = self.random.choice(QUEUES)
        waiting = sorted(self.engine.picture.waiting)
        one = self.random.choice(waiting) if waiting else None
        match self.random.choice(["force", "close", "move", "priority", "pick", "pick"]):
            case "force":
                return cmd.SetNotReady(agent_id=agent_id, reason="forced", by="sue")
            case "close":
                self.later(self.random.uniform(1, 20), lambda: self.tell(cmd.ConfigureQueue(config=queue)))
                closed = self.random.random() < 0.2 and self.arrived < self.callers_today
                return cmd.ConfigureQueue(config=replace(queue, closed_by="sue" if closed else "", ring_several=3))
            case _ if one is None:
                return None
            case "move":
                return cmd.MoveInteraction(interaction_id=one, queue_id=queue.queue_id, by="sue")
            case "priority":
                return cmd.SetPriority(interaction_id=one, priority=self.random.choice([-1, 3]), by="sue")
            case _:
                return cmd.PickForAgent(interaction_id=one, agent_id=agent_id, by="sue", within=seconds(30))

    # ---- agents and their phones

    def agent_acts(self, agent_id: AgentId) -> None:
        """What he does at his desk; at the end of the day everyone works until the last caller is served."""
        if self.engine is not None:
            late = self.arrived >= self.callers_today
            self.act(agent_id, self.engine.picture.agents[agent_id].state, self.random.random() * (0.5 if late else 1))
        self.later(self.random.expovariate(1 / 40), lambda: self.agent_acts(agent_id))

    def act(self, agent_id: AgentId, state: AgentState, mood: float) -> None:
        match state:
            case AgentState.LOGGED_OUT:
                self.tell(cmd.LogIn(agent_id=agent_id))
            case AgentState.NOT_READY:
                self.tell(cmd.SetReady(agent_id=agent_id))
            case AgentState.WRAP_UP if mood < 0.5:
                self.tell(cmd.EndWrapUp(agent_id=agent_id))
            case AgentState.TALKING if mood < 0.2:
                self.tell(cmd.SetReady(agent_id=agent_id))
            case _ if mood > 0.9:
                self.tell(cmd.SetNotReady(agent_id=agent_id, reason="lunch"))
            case _ if mood > 0.87:
                self.tell(cmd.LogOut(agent_id=agent_id))
            case _ if mood > 0.84:
                status = self.random.choice([PhoneStatus.BUSY, PhoneStatus.UNREACHABLE, PhoneStatus.FREE])
                self.report(cmd.ReportPhone(agent_id=agent_id, status=status))
            case _:
                self.report(cmd.ReportPhone(agent_id=agent_id, status=PhoneStatus.FREE))

    def ring(self, order: RingAgent, offer: Offer | None) -> None:
        if offer is None or not self.linked:
            return  # Taken back in the same breath; or the order goes nowhere, and reconciliation will say so.
        assert order.offer_id not in self.legs, f"{order.offer_id} rings twice"
        assert not self.agent_in(self.legs, order.agent_id), f"{order.agent_id} is rung while he rings"
        assert not self.agent_in(self.waiting_agents, order.agent_id), f"{order.agent_id} is rung while he waits"
        self.legs[order.offer_id] = offer
        if self.agent_in(self.bridges, order.agent_id):
            # Only a talk whose report was lost may be overlooked, and only until the next reconciliation.
            assert self.engine is not None
            known = [self.bridges[talk] for talk in self.engine.picture.talks if talk in self.bridges]
            assert not [talk for talk in known if talk.agent_id == order.agent_id], f"{order.agent_id} rung in a talk"
            assert self.now - self.reconciled_at <= seconds(RECONCILE_EVERY), "overlooked by a reconciliation"
            self.later(0.1, lambda: self.leg_ends(offer, OfferCause.BUSY))
            return
        fate = self.random.random()
        if fate < 0.8:
            self.later(self.random.uniform(0.5, 8), lambda: self.pick_up(offer))
            return
        causes = [OfferCause.REJECTED, OfferCause.BUSY, OfferCause.UNREACHABLE, OfferCause.NO_ANSWER]
        cause = self.random.choice(causes)
        rung = order.ring_timeout.total_seconds() if cause is OfferCause.NO_ANSWER else self.random.uniform(0.1, 3)
        self.later(rung, lambda: self.leg_ends(offer, cause))

    def agent_in(self, where: dict[OfferId, Offer], agent_id: AgentId) -> bool:
        return any(offer.agent_id == agent_id for offer in where.values())

    def leg_ends(self, offer: Offer, cause: OfferCause) -> None:
        if self.legs.pop(offer.offer_id, None) is not None:
            self.report(cmd.ReportOfferFailed(offer_id=offer.offer_id, cause=cause))

    def pick_up(self, offer: Offer) -> None:
        if offer.offer_id not in self.legs:
            return
        caller = self.callers[offer.interaction_id]
        if not caller.here:
            self.leg_ends(offer, OfferCause.CALLER_LEFT)
            return
        if caller.talks:
            self.leg_ends(offer, self.random.choice([OfferCause.BRIDGE_FAILED, OfferCause.TAKEN]))
            return
        del self.legs[offer.offer_id]
        if caller.line is not Line.HERE:
            self.waiting_agents[offer.offer_id] = offer
            self.later(self.random.expovariate(1 / 60), lambda: self.agent_gives_up(offer))
            self.report(cmd.ReportAgentWaits(offer_id=offer.offer_id))
            return
        self.connect(offer, caller)

    def agent_gives_up(self, offer: Offer) -> None:
        """The agent does not wait for the customer any longer."""
        if self.waiting_agents.pop(offer.offer_id, None) is not None:
            cause = self.random.choice([OfferCause.REJECTED, OfferCause.CUSTOMER_NOT_REACHED])
            self.report(cmd.ReportOfferFailed(offer_id=offer.offer_id, cause=cause))

    def dial(self, order: CallCustomer) -> None:
        """The customer's phone rings, if the order gets so far."""
        caller = self.callers[order.interaction_id]
        if not self.linked or not caller.here:
            return
        if caller.line is Line.HERE:
            # That he answered was lost on the way; his phone is busy with our own call until that is found.
            self.later(0.1, lambda: self.report_customer(caller, CustomerAnswer.BUSY))
            return
        caller.line, caller.call = Line.RINGING, caller.call + 1
        call = caller.call
        self.later(self.random.uniform(1, 15), lambda: self.customer_decides(caller, call, order.offer_id))

    def customer_decides(self, caller: Caller, call: int, offer_id: OfferId | None) -> None:
        """He answers, or not; the agent who waits for him has him at once."""
        if caller.line is not Line.RINGING or caller.call != call:
            return
        if self.random.random() < 0.4:
            caller.line = Line.AWAY
            self.report_customer(caller, self.random.choice([CustomerAnswer.BUSY, CustomerAnswer.NO_ANSWER]))
            return
        caller.line = Line.HERE
        self.report_customer(caller, CustomerAnswer.ANSWERED)
        offer = self.waiting_agents.pop(offer_id, None) if offer_id is not None else None
        if offer is not None:
            self.connect(offer, caller)
            return
        self.later(self.random.expovariate(1 / 120), lambda: self.lose_patience(caller))
        self.later(ASK_EVERY, lambda: self.ask_regularly(caller))

    def report_customer(self, caller: Caller, answer: CustomerAnswer) -> None:
        self.report(cmd.ReportCustomerCalled(interaction_id=caller.interaction_id, answer=answer))

    def connect(self, offer: Offer, caller: Caller) -> None:
        """Caller and agent share a bridge."""
        assert not self.agent_in(self.bridges, offer.agent_id), f"{offer.agent_id} answers in a talk"
        self.bridges[offer.offer_id] = offer
        caller.talks += 1
        self.tell_of_talk(self.report, offer)
        length = self.random.expovariate(1 / 60)
        caller.talked_long = seconds(length) > LONG_TALK
        self.later(length, lambda: self.talk_ends(offer))
        if self.random.random() < 0.2:
            self.report(cmd.ReportHold(offer_id=offer.offer_id, on_hold=True))
            self.later(length / 2, lambda: self.report(cmd.ReportHold(offer_id=offer.offer_id, on_hold=False)))

    def tell_of_talk(self, say: Callable[[cmd.Command], None], offer: Offer) -> None:
        if self.engine is not None:
            self.ledger.arrive(offer.interaction_id, self.now)
        say(
            cmd.ReportTalk(
                offer_id=offer.offer_id,
                interaction_id=offer.interaction_id,
                agent_id=offer.agent_id,
                queue_id=offer.queue_id,
            )
        )

    def talk_ends(self, offer: Offer) -> None:
        del self.bridges[offer.offer_id]
        side = self.random.choice([ev.Side.CALLER, ev.Side.AGENT])
        self.report(cmd.ReportTalkEnded(offer_id=offer.offer_id, side=side))
        self.hang_up(self.callers[offer.interaction_id])

    # ---- the end of the day

    def check_against_truth(self) -> None:
        """I1: one end for every caller seen; I4: busy is a live bridge; nobody left over anywhere."""
        assert self.engine is not None
        picture = self.engine.picture
        assert not self.bridges
        assert not picture.waiting
        assert not picture.offers
        assert not picture.talks
        assert not picture.callbacks
        assert not picture.kept_for
        assert not self.waiting_agents
        assert not self.ledger.open_offers
        for interaction_id, record in self.ledger.records.items():
            assert record.stage is Stage.ENDED, record
            assert self.ledger.ends[interaction_id] == 1
            assert record.open_offer() is None
            caller, answered = self.callers[interaction_id], record.outcome is ev.Outcome.ANSWERED
            # A short talk may begin and end while the server is away.
            assert caller.talks if answered else not caller.talked_long, record
        assert all(caller.talks <= 1 for caller in self.callers.values())
        served = sum(caller.talks for caller in self.callers.values())
        assert served > self.callers_today / 4, "the day was too bad to prove anything"
        unseen = [caller for caller in self.callers.values() if caller.interaction_id not in self.ledger.records]
        lost = [caller for caller in unseen if caller.talked_long and caller.interaction_id not in self.forgotten]
        assert not lost, f"talks without a record: {lost}"


def run_day(seed: int, callers_today: int = 200) -> World:
    """One whole day."""
    world = World(seed, callers_today)
    world.run()
    return world
