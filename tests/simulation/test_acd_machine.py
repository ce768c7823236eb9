"""Any words in any order: the engine keeps its laws, and the same words give the same answers."""

import os
from datetime import datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callcenter.acd.engine import AcdEngine
from callcenter.acd.steps import Output
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState, Phone, PhoneKind, PhoneStatus
from callcenter.domain.errors import CallcenterError
from callcenter.domain.events import Side
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Stage
from callcenter.domain.offers import OfferCause
from tests.simulation.floor import MORNING, agent_config, need, queue_config, seconds, state_of, status_of
from tests.simulation.ledger import Ledger, check_order_of_service

AGENTS = [AgentId(name) for name in ("anna", "bo", "carl", "dora")]
QUEUES = [QueueId(name) for name in ("sales", "support")]
SKILLS = ("billing", "zh")

SEEDS = int(os.environ.get("CALLCENTER_SEEDS", "200"))

agents = st.sampled_from(AGENTS)
queues = st.sampled_from(QUEUES)
needs = st.lists(st.builds(need, st.sampled_from(SKILLS), st.integers(1, 3)), max_size=1).map(tuple)
levels = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 4))


class AcdMachine(RuleBasedStateMachine):
    """All commands against one engine; the ledger hears every event."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = AcdEngine()
        self.now = MORNING
        self.ledger = Ledger()
        self.log: list[tuple[cmd.Command | None, datetime, list[Output]]] = []
        self.callers = 0
        self.old_offers: list[tuple[OfferId, InteractionId, AgentId]] = []

    # ---- words to the engine

    def tell(self, message: cmd.Command) -> None:
        before = state_of(self.engine)
        try:
            outputs = self.engine.handle(message, self.now)
        except CallcenterError:
            assert state_of(self.engine) == before, f"{message} was refused and yet changed something"
            return
        self.heard(message, outputs)

    def heard(self, message: cmd.Command | None, outputs: list[Output]) -> None:
        self.log.append((message, self.now, outputs))
        self.ledger.take_outputs(outputs)
        check_order_of_service(self.engine, outputs)
        for offer in self.engine.picture.offers.values():
            entry = (offer.offer_id, offer.interaction_id, offer.agent_id)
            if entry not in self.old_offers:
                self.old_offers.append(entry)

    def present(self) -> list[InteractionId]:
        """Callers who have not hung up."""
        return [key for key, record in self.ledger.records.items() if record.stage is not Stage.ENDED]

    @initialize(required=st.tuples(needs, needs), skills=st.tuples(levels, levels, levels, levels))
    def open(self, required: tuple[Any, ...], skills: tuple[dict[str, int], ...]) -> None:
        for queue_id, queue_needs in zip(QUEUES, required, strict=True):
            self.tell(cmd.ConfigureQueue(config=queue_config(queue_id, *queue_needs)))
        for agent_id, agent_skills in zip(AGENTS, skills, strict=True):
            self.tell(cmd.ConfigureAgent(config=agent_config(agent_id, agent_skills)))
            self.tell(cmd.LogIn(agent_id=agent_id))
            self.tell(cmd.SetReady(agent_id=agent_id))
        self.tell(cmd.StartRouting())

    # ---- configuration

    @rule(queue_id=queues, required=needs, wrap_up=st.sampled_from([0, 5, 30]))
    def configure_queue(self, queue_id: QueueId, required: tuple[Any, ...], wrap_up: int) -> None:
        self.tell(cmd.ConfigureQueue(config=queue_config(queue_id, *required, wrap_up=wrap_up)))

    @rule(agent_id=agents, skills=levels)
    def configure_agent(self, agent_id: AgentId, skills: dict[str, int]) -> None:
        self.tell(cmd.ConfigureAgent(config=agent_config(agent_id, skills)))

    @rule(queue_id=queues)
    def remove_queue(self, queue_id: QueueId) -> None:
        self.tell(cmd.RemoveQueue(queue_id=queue_id))

    @rule(agent_id=agents)
    def remove_agent(self, agent_id: AgentId) -> None:
        self.tell(cmd.RemoveAgent(agent_id=agent_id))

    @rule(routing=st.booleans())
    def route_or_not(self, routing: bool) -> None:
        self.tell(cmd.StartRouting() if routing else cmd.StopRouting())

    # ---- agents

    @rule(agent_id=agents)
    def log_in(self, agent_id: AgentId) -> None:
        self.tell(cmd.LogIn(agent_id=agent_id))

    @rule(agent_id=agents)
    def log_out(self, agent_id: AgentId) -> None:
        self.tell(cmd.LogOut(agent_id=agent_id))

    @rule(agent_id=agents)
    def set_ready(self, agent_id: AgentId) -> None:
        self.tell(cmd.SetReady(agent_id=agent_id))

    @rule(agent_id=agents, reason=st.sampled_from(["lunch", "rona", ""]))
    def set_not_ready(self, agent_id: AgentId, reason: str) -> None:
        self.tell(cmd.SetNotReady(agent_id=agent_id, reason=reason))

    @rule(agent_id=agents, then=st.sampled_from([None, *AgentState]))
    def end_wrap_up(self, agent_id: AgentId, then: AgentState | None) -> None:
        self.tell(cmd.EndWrapUp(agent_id=agent_id, then=then))

    @rule(agent_id=agents, kind=st.sampled_from(PhoneKind))
    def change_phone(self, agent_id: AgentId, kind: PhoneKind) -> None:
        self.tell(cmd.ChangePhone(agent_id=agent_id, phone=Phone(kind=kind)))

    @rule(agent_id=agents, status=st.sampled_from(PhoneStatus))
    def report_phone(self, agent_id: AgentId, status: PhoneStatus) -> None:
        self.tell(cmd.ReportPhone(agent_id=agent_id, status=status))

    # ---- callers

    @rule(queue_id=queues, ago=st.integers(0, 5), priority=st.integers(0, 1), skills=needs)
    def call(self, queue_id: QueueId, ago: int, priority: int, skills: tuple[Any, ...]) -> None:
        self.callers += 1
        self.ask_again(InteractionId(f"c{self.callers}"), queue_id, ago, priority, skills)

    @precondition(lambda self: self.present())
    @rule(data=st.data(), queue_id=queues, ago=st.integers(0, 5), priority=st.integers(0, 1), skills=needs)
    def ask(self, data: st.DataObject, queue_id: QueueId, ago: int, priority: int, skills: tuple[Any, ...]) -> None:
        self.ask_again(data.draw(st.sampled_from(self.present())), queue_id, ago, priority, skills)

    def ask_again(
        self, interaction_id: InteractionId, queue_id: QueueId, ago: int, priority: int, skills: tuple[Any, ...]
    ) -> None:
        self.ledger.arrive(interaction_id, self.now)
        self.tell(
            cmd.Enqueue(
                interaction_id=interaction_id,
                queue_id=queue_id,
                entered_at=self.now - seconds(ago),
                priority=priority,
                skills=skills,
            )
        )

    @rule(number=st.integers(1, 12))
    def leave(self, number: int) -> None:
        interaction_id = InteractionId(f"c{number}")
        self.tell(cmd.Leave(interaction_id=interaction_id))
        self.ledger.end(interaction_id, self.now)

    # ---- reports, true and late and twice

    @precondition(lambda self: self.old_offers)
    @rule(data=st.data(), cause=st.sampled_from(OfferCause), really=st.booleans())
    def offer_failed(self, data: st.DataObject, cause: OfferCause, really: bool) -> None:
        offer_id, interaction_id, _ = data.draw(st.sampled_from(self.old_offers))
        record = self.engine.picture.waiting.get(interaction_id)
        self.tell(cmd.ReportOfferFailed(offer_id=offer_id, cause=cause))
        if record is not None and interaction_id not in self.engine.picture.waiting:
            assert cause is OfferCause.CALLER_LEFT
            if really:
                self.tell(cmd.Leave(interaction_id=interaction_id))
                self.ledger.end(interaction_id, self.now)
            else:
                self.tell(
                    cmd.Enqueue(
                        interaction_id=interaction_id,
                        queue_id=record.queue_id,
                        entered_at=record.entered_at,
                        priority=record.priority,
                        skills=record.skills,
                    )
                )
                assert record.place in [again.place for again in self.engine.picture.waiting.values()]

    @precondition(lambda self: self.engine.picture.offers)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        offer = self.engine.picture.offers[data.draw(st.sampled_from(sorted(self.engine.picture.offers)))]
        self.tell(
            cmd.ReportTalk(
                offer_id=offer.offer_id, interaction_id=offer.interaction_id, agent_id=offer.agent_id, queue_id=None
            )
        )

    @precondition(lambda self: self.present())
    @rule(data=st.data(), agent_id=agents, late=st.booleans())
    def talk_out_of_turn(self, data: st.DataObject, agent_id: AgentId, late: bool) -> None:
        """A bridge found at a resync, of an offer that is over or of one nobody knows; the caller is there for sure."""
        late_ones = [entry for entry in self.old_offers if entry[1] in self.present()]
        if late and late_ones:
            offer_id, interaction_id, agent_id = data.draw(st.sampled_from(late_ones))
        else:
            interaction_id = data.draw(st.sampled_from(self.present()))
            offer_id = OfferId(f"unknown-{len(self.log)}")
        self.tell(
            cmd.ReportTalk(offer_id=offer_id, interaction_id=interaction_id, agent_id=agent_id, queue_id=QUEUES[0])
        )

    @precondition(lambda self: self.old_offers)
    @rule(data=st.data(), side=st.sampled_from([None, *Side]))
    def talk_ended(self, data: st.DataObject, side: Side | None) -> None:
        known = sorted({*self.engine.picture.talks, *(entry[0] for entry in self.old_offers)})
        self.tell(cmd.ReportTalkEnded(offer_id=data.draw(st.sampled_from(known)), side=side))

    # ---- time, and the loss of all memory

    @rule(count=st.sampled_from([0.001, 1, 4, 20, 60]))
    def wait(self, count: float) -> None:
        end = self.now + seconds(count)
        while (deadline := self.engine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.heard(None, self.engine.handle_deadline(self.now))
        self.now = end

    @rule(lost=st.booleans())
    def restart(self, lost: bool) -> None:
        """A new engine learns the floor from the store, the callers, the ringing legs (unless lost) and the bridges."""
        self.replay()
        self.now += seconds(1)
        old, routing = self.engine.picture, self.engine.routing
        self.engine = AcdEngine()
        for queue in old.queues.values():
            self.tell(cmd.ConfigureQueue(config=queue.config))
        for agent in old.agents.values():
            self.tell(cmd.ConfigureAgent(config=agent.config))
            self.tell(status_of(agent))
            self.tell(cmd.ReportPhone(agent_id=agent.agent_id, status=agent.phone_status))
        for record in old.waiting.values():
            self.tell(
                cmd.Enqueue(
                    interaction_id=record.interaction_id,
                    queue_id=record.queue_id,
                    entered_at=record.entered_at,
                    priority=record.priority,
                    skills=record.skills,
                )
            )
        if not lost:
            for offer in old.offers.values():
                self.tell(cmd.RestoreOffer(offer=offer))
        self.tell(cmd.StartRouting())
        if not routing:
            self.tell(cmd.StopRouting())

    # ---- laws

    @invariant()
    def the_laws_hold(self) -> None:
        self.ledger.check(self.engine, self.now)

    def replay(self) -> None:
        """The same words at the same times give the same answers."""
        again = AcdEngine()
        for message, at, outputs in self.log:
            assert (again.handle_deadline(at) if message is None else again.handle(message, at)) == outputs
        self.log.clear()

    def teardown(self) -> None:
        self.replay()
        assert all(count == 1 for count in self.ledger.ended_offers.values())


AcdMachine.TestCase.settings = settings(max_examples=100 * max(1, SEEDS // 200), stateful_step_count=50, deadline=None)
TestAcdMachine = AcdMachine.TestCase
