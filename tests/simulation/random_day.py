"""A day at random on a fake clock: what callers, agents, phones and crashes do is the world's truth; the engine learns
of it through reports that can be lost, come twice, or find nobody because the server is down.

Law: the same seed is the same day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from heapq import heappop, heappush
from random import Random
from types import MappingProxyType

from callcenter.acd.engine import AcdEngine
from callcenter.acd.steps import Output
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import RingAgent, StopRinging
from callcenter.domain.agents import AgentState, PhoneStatus
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Stage
from callcenter.domain.offers import Offer, OfferCause
from callcenter.domain.skills import SkillRequirement
from tests.simulation.floor import MORNING, agent_config, need, queue_config, seconds, status_of
from tests.simulation.ledger import Ledger, check_order_of_service

QUEUES = (
    queue_config("sales", wrap_up=15, ring_timeout=15),
    queue_config("support", need("support", 2), wrap_up=30, ring_timeout=20),
    queue_config("billing", need("billing"), wrap_up=0, ring_timeout=10),
)
AGENTS = (
    agent_config("a1", {"support": 5}),
    agent_config("a2", {"support": 1, "zh": 3}),
    agent_config("a3", {"billing": 2, "support": 2}),
    agent_config("a4", {"zh": 5}),
    agent_config("a5", {"support": 9, "billing": 9, "zh": 9}),
    agent_config("a6"),
)
RECONCILE_EVERY = 5.0
ASK_EVERY = 15.0
WRITTEN_EVERY = seconds(1)
LONG_TALK = seconds(90)
"""Longer than the server is ever away: such a talk cannot escape it."""


@dataclass(slots=True, kw_only=True)
class Caller:
    """A caller's channel: it carries his own state and outlives every crash."""

    interaction_id: InteractionId
    queue_id: QueueId
    entered_at: datetime
    priority: int
    skills: tuple[SkillRequirement, ...]
    here: bool = True
    talks: int = 0
    talked_long: bool = False


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
                case StopRinging():
                    self.legs.pop(output.offer_id, None)
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
        for offer in list(self.legs.values()):
            self.tell(cmd.RestoreOffer(offer=offer))
        for offer_id in sorted(set(picture.offers) - set(self.legs)):
            self.tell(cmd.ReportOfferFailed(offer_id=offer_id, cause=OfferCause.NO_ANSWER))
        self.reconciliations += 1
        self.reconciled_at = self.now
        if self.engine.routing and self.reconciliations % 3 == 0:
            self.ledger.check(self.engine, self.now)

    # ---- callers

    def call_comes(self) -> None:
        self.arrived += 1
        queue = self.random.choice(QUEUES)
        caller = Caller(
            interaction_id=InteractionId(f"c{self.arrived}"),
            queue_id=queue.queue_id,
            entered_at=self.now,
            priority=self.random.choice([0, 0, 0, 0, 5]),
            skills=(need("zh", 2),) if self.random.random() < 0.15 else (),
        )
        self.callers[caller.interaction_id] = caller
        self.later(self.random.expovariate(1 / 120), lambda: self.lose_patience(caller))
        self.ask_regularly(caller)
        if self.arrived < self.callers_today:
            self.later(self.random.expovariate(1 / 20), self.call_comes)

    def ask_regularly(self, caller: Caller) -> None:
        """The hold loop's short question, which carries the caller's whole state."""
        if caller.here and not caller.talks:
            self.ask(caller)
            self.later(ASK_EVERY, lambda: self.ask_regularly(caller))

    def ask(self, caller: Caller) -> None:
        if self.engine is None or not caller.here or caller.talks:
            return
        self.ledger.arrive(caller.interaction_id, self.now)
        self.tell(
            cmd.Enqueue(
                interaction_id=caller.interaction_id,
                queue_id=caller.queue_id,
                entered_at=caller.entered_at,
                priority=caller.priority,
                skills=caller.skills,
            )
        )

    def lose_patience(self, caller: Caller) -> None:
        if caller.here and not caller.talks:
            self.hang_up(caller)

    def hang_up(self, caller: Caller) -> None:
        caller.here = False
        known = len(self.ledger.journal)
        self.report(cmd.Leave(interaction_id=caller.interaction_id))
        if self.engine is not None and (self.linked and len(self.ledger.journal) != known):
            self.ledger.end(caller.interaction_id, self.now)

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
            self.leg_ends(offer, OfferCause.BRIDGE_FAILED)
            return
        del self.legs[offer.offer_id]
        assert not self.agent_in(self.bridges, offer.agent_id), f"{offer.agent_id} answers in a talk"
        self.bridges[offer.offer_id] = offer
        caller.talks += 1
        self.tell_of_talk(self.report, offer)
        length = self.random.expovariate(1 / 60)
        caller.talked_long = seconds(length) > LONG_TALK
        self.later(length, lambda: self.talk_ends(offer))

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
