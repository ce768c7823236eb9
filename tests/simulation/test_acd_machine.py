"""Any words in any order: the engine keeps its laws, and the same words give the same answers."""

import os
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callcenter.acd.engine import AcdEngine
from callcenter.acd.steps import Output
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import (
    CALLBACK,
    AgentConfig,
    AgentState,
    Phone,
    PhoneKind,
    PhoneStatus,
)
from callcenter.domain.callbacks import Callback, CustomerAnswer
from callcenter.domain.callers import CallerTraits
from callcenter.domain.errors import CallcenterError
from callcenter.domain.events import Side
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Stage
from callcenter.domain.offers import OfferCause
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement
from tests.simulation.acd_strategies import (
    AGENTS,
    QUEUES,
    REASONS,
    agent_configs,
    agents,
    callbacks,
    needs,
    newcomers,
    queue_configs,
    queues,
    times,
    traits,
)
from tests.simulation.floor import MORNING, entry_of, seconds, state_of, words_after_restart
from tests.simulation.ledger import Ledger, check_order_of_service

_AWAY = frozenset({AgentState.LOGGED_OUT, AgentState.NOT_READY, AgentState.WRAP_UP})
ADMINISTERED = ("emergency", "reasons", "day", "queue", "agent", "phone", "routing")
SEEDS = int(os.environ.get("CALLCENTER_SEEDS", "200"))


class AcdMachine(RuleBasedStateMachine):
    """All commands against one engine; the ledger hears every event."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = AcdEngine()
        self.now = MORNING
        self.ledger = Ledger()
        self.log: list[tuple[cmd.Command | None, datetime, list[Output]]] = []
        self.arrived = 0
        self.old_offers: dict[OfferId, tuple[InteractionId, AgentId]] = {}
        self.entries: dict[InteractionId, cmd.Enqueue] = {}
        """How each interaction came, to ask once more."""

    # ---- words to the engine

    def tell(self, message: cmd.Command) -> bool:
        """Say one word; whether it was taken."""
        before = state_of(self.engine)
        try:
            outputs = self.engine.handle(message, self.now)
        except CallcenterError:
            assert state_of(self.engine) == before, f"{message} was refused and yet changed something"
            return False
        self.heard(message, outputs)
        return True

    def heard(self, message: cmd.Command | None, outputs: list[Output]) -> None:
        self.log.append((message, self.now, outputs))
        self.ledger.take_outputs(outputs)
        check_order_of_service(self.engine, outputs, self.now)
        for output in outputs:
            if isinstance(output, ev.OfferMade):
                self.old_offers[output.offer.offer_id] = (output.interaction_id, output.offer.agent_id)

    def present(self) -> list[InteractionId]:
        """Interactions that have no end yet."""
        return [key for key, record in self.ledger.records.items() if record.stage is not Stage.ENDED]

    @initialize(
        queue_rules=st.tuples(*(queue_configs(queue_id) for queue_id in QUEUES)),
        people=st.tuples(*(agent_configs(agent_id) for agent_id in AGENTS)),
    )
    def open(self, queue_rules: tuple[QueueConfig, ...], people: tuple[AgentConfig, ...]) -> None:
        self.tell(cmd.ConfigureReasons(reasons=REASONS))
        for queue in queue_rules:
            self.tell(cmd.ConfigureQueue(config=queue))
        for agent in people:
            self.tell(cmd.ConfigureAgent(config=agent))
            self.tell(cmd.LogIn(agent_id=agent.agent_id))
            self.tell(cmd.SetReady(agent_id=agent.agent_id))
        self.tell(cmd.StartRouting())

    # ---- configuration

    @rule(config=queue_configs())
    def configure_queue(self, config: QueueConfig) -> None:
        self.tell(cmd.ConfigureQueue(config=config))

    @rule(config=agent_configs())
    def configure_agent(self, config: AgentConfig) -> None:
        self.tell(cmd.ConfigureAgent(config=config))

    @rule(
        agent_id=agents, queue_id=queues, what=st.sampled_from(["reasons", "day", "queue", "agent", "phone", "routing"])
    )
    def administer(self, agent_id: AgentId, queue_id: QueueId, what: str) -> None:
        """What seldom happens, in one rule, so that it happens seldom here too."""
        match what:
            case "reasons":
                others = tuple(REASONS[: len(self.log) % (len(REASONS) + 1)])
                self.tell(cmd.ConfigureReasons(reasons=others))
            case "emergency":
                self.close_and_open(queue_id)
            case "day":
                self.tell(cmd.BeginDay())
            case "queue":
                self.tell(cmd.RemoveQueue(queue_id=queue_id))
            case "agent":
                self.tell(cmd.RemoveAgent(agent_id=agent_id))
            case "phone":
                self.tell(cmd.ChangePhone(agent_id=agent_id, phone=Phone(kind=PhoneKind.BROWSER)))
            case _:
                self.tell(cmd.StopRouting() if self.engine.routing else cmd.StartRouting())

    def close_and_open(self, queue_id: QueueId) -> None:
        """An emergency, and its end a moment later."""
        for by in ("sue", ""):
            queue = self.engine.picture.queues.get(queue_id)
            if queue is not None:
                self.tell(cmd.ConfigureQueue(config=replace(queue.config, closed_by=by)))
                self.the_laws_hold()

    # ---- agents

    @rule(agent_id=agents)
    def log_in(self, agent_id: AgentId) -> None:
        self.tell(cmd.LogIn(agent_id=agent_id))

    @rule(agent_id=agents, by=st.sampled_from([None, "sue"]))
    def log_out(self, agent_id: AgentId, by: str | None) -> None:
        self.tell(cmd.LogOut(agent_id=agent_id, by=by))

    @rule(agent_id=agents, by=st.sampled_from([None, "sue"]))
    def set_ready(self, agent_id: AgentId, by: str | None) -> None:
        self.tell(cmd.SetReady(agent_id=agent_id, by=by))

    @rule()
    def all_to_work(self) -> None:
        """Whoever is away comes back, with a phone that works."""
        for agent_id in AGENTS:
            agent = self.engine.picture.agents.get(agent_id)
            if agent is not None and (agent.state in _AWAY or not agent.serving):
                self.tell(cmd.LogIn(agent_id=agent_id))
                self.tell(cmd.SetReady(agent_id=agent_id))
                self.tell(cmd.ReportPhone(agent_id=agent_id, status=PhoneStatus.FREE))

    @rule(agent_id=agents, reason=st.sampled_from(["lunch", "short", "rona", ""]), by=st.sampled_from([None, "sue"]))
    def set_not_ready(self, agent_id: AgentId, reason: str, by: str | None) -> None:
        self.tell(cmd.SetNotReady(agent_id=agent_id, reason=reason, by=by))

    def wraps_up(self) -> bool:
        return any(agent.state is AgentState.WRAP_UP for agent in self.engine.picture.agents.values())

    @precondition(wraps_up)
    @rule(agent_id=agents, then=st.sampled_from([None, *AgentState]))
    def end_wrap_up(self, agent_id: AgentId, then: AgentState | None) -> None:
        self.tell(cmd.EndWrapUp(agent_id=agent_id, then=then))

    @precondition(wraps_up)
    @rule(agent_id=agents, by=times(-1, 5, 60))
    def extend_wrap_up(self, agent_id: AgentId, by: timedelta) -> None:
        self.tell(cmd.ExtendWrapUp(agent_id=agent_id, by=by))

    @rule(agent_id=agents, status=st.sampled_from([*PhoneStatus, PhoneStatus.FREE]))
    def report_phone(self, agent_id: AgentId, status: PhoneStatus) -> None:
        self.tell(cmd.ReportPhone(agent_id=agent_id, status=status))

    # ---- callers

    @rule(coming=st.lists(newcomers, min_size=1, max_size=3))
    def come(self, coming: list[cmd.Enqueue]) -> None:
        for newcomer in coming:
            self.arrived += 1
            entered_at = self.now - (MORNING - newcomer.entered_at)
            self.enter(replace(newcomer, interaction_id=InteractionId(f"c{self.arrived}"), entered_at=entered_at))

    @rule(queue_id=queues, ago=st.integers(0, 30), callback=callbacks, skills=needs, who=traits)
    def want_callback(
        self, queue_id: QueueId, ago: int, callback: Callback, skills: tuple[SkillRequirement, ...], who: CallerTraits
    ) -> None:
        self.arrived += 1
        later = callback.not_before
        if later is not None:
            later = self.now + (later - MORNING)
        self.enter(
            cmd.Enqueue(
                interaction_id=InteractionId(f"c{self.arrived}"),
                queue_id=queue_id,
                entered_at=self.now - seconds(ago) if later is None else later,
                skills=skills,
                traits=who,
                media_type=CALLBACK,
                callback=replace(callback, not_before=later),
            )
        )

    def enter(self, message: cmd.Enqueue) -> None:
        if message.queue_id in self.engine.picture.queues:
            self.ledger.arrive(message.interaction_id, self.now)
            self.entries.setdefault(message.interaction_id, message)
        if not self.tell(message) and message.interaction_id in self.entries:
            self.ledger.end(message.interaction_id, self.now)

    @precondition(lambda self: self.present())
    @rule(data=st.data(), queue_id=queues)
    def ask_again(self, data: st.DataObject, queue_id: QueueId) -> None:
        """The hold loop's question of somebody who is there, with what he came with."""
        interaction_id = data.draw(st.sampled_from(self.present()))
        waits = interaction_id in self.engine.picture.waiting
        before = state_of(self.engine)
        self.tell(replace(self.entries[interaction_id], queue_id=queue_id))
        assert not waits or state_of(self.engine) == before

    @precondition(lambda self: self.present())
    @rule(data=st.data(), gone=st.booleans())
    def leave(self, data: st.DataObject, gone: bool) -> None:
        known = sorted(self.ledger.records) if gone else self.present()
        interaction_id = data.draw(st.sampled_from(known))
        self.tell(cmd.Leave(interaction_id=interaction_id))
        self.ledger.end(interaction_id, self.now)

    # ---- what a supervisor does

    def waiting(self, data: st.DataObject) -> InteractionId:
        return data.draw(st.sampled_from([*sorted(self.engine.picture.waiting), InteractionId("nobody")]))

    @precondition(lambda self: self.engine.picture.waiting)
    @rule(data=st.data(), queue_id=queues)
    def move(self, data: st.DataObject, queue_id: QueueId) -> None:
        interaction_id = self.waiting(data)
        before = self.engine.picture.waiting.get(interaction_id)
        entered_at = before.entered_at if before is not None else None
        if self.tell(cmd.MoveInteraction(interaction_id=interaction_id, queue_id=queue_id, by="sue")):
            assert self.engine.picture.waiting[interaction_id].entered_at == entered_at

    @precondition(lambda self: self.engine.picture.waiting)
    @rule(data=st.data(), priority=st.integers(-1, 3))
    def set_priority(self, data: st.DataObject, priority: int) -> None:
        self.tell(cmd.SetPriority(interaction_id=self.waiting(data), priority=priority, by="sue"))

    @precondition(lambda self: self.engine.picture.waiting)
    @rule(data=st.data(), agent_id=agents, within=times(0, 4, 60))
    def pick(self, data: st.DataObject, agent_id: AgentId, within: timedelta) -> None:
        self.tell(cmd.PickForAgent(interaction_id=self.waiting(data), agent_id=agent_id, by="sue", within=within))

    # ---- chats

    @precondition(lambda self: self.old_offers)
    @rule(data=st.data(), accepted=st.booleans())
    def decide(self, data: st.DataObject, accepted: bool) -> None:
        offers = self.engine.picture.offers
        texts = sorted(o for agent in self.engine.picture.agents.values() for o in agent.texts_offered)
        offer_id = data.draw(st.sampled_from(texts or sorted(offers) or sorted(self.old_offers)))
        self.tell(cmd.AcceptOffer(offer_id=offer_id) if accepted else cmd.RejectOffer(offer_id=offer_id))

    @precondition(lambda self: self.engine.picture.works)
    @rule(data=st.data())
    def end_work(self, data: st.DataObject) -> None:
        self.tell(cmd.EndWork(interaction_id=data.draw(st.sampled_from(sorted(self.engine.picture.works)))))

    # ---- callbacks

    @precondition(lambda self: self.engine.picture.offers)
    @rule(data=st.data())
    def agent_waits(self, data: st.DataObject) -> None:
        offers = self.engine.picture.offers
        absent = sorted(o for o in offers if self.engine.picture.waiting[offers[o].interaction_id].callback is not None)
        self.tell(cmd.ReportAgentWaits(offer_id=data.draw(st.sampled_from(absent or sorted(offers)))))

    @precondition(lambda self: self.engine.picture.callbacks)
    @rule(data=st.data(), answer=st.sampled_from(CustomerAnswer))
    def customer_called(self, data: st.DataObject, answer: CustomerAnswer) -> None:
        """As often late or twice as not: then it changes nothing, but that he has answered is always true."""
        interaction_id = data.draw(st.sampled_from(sorted(self.engine.picture.callbacks.values())))
        self.tell(cmd.ReportCustomerCalled(interaction_id=interaction_id, answer=answer))
        before = state_of(self.engine)
        self.tell(cmd.ReportCustomerCalled(interaction_id=interaction_id, answer=answer))
        waiting = self.engine.picture.waiting.get(interaction_id)
        if waiting is None or waiting.callback is None or waiting.callback.not_before is not None:
            assert state_of(self.engine) == before

    # ---- reports, true and late and twice

    @precondition(lambda self: self.old_offers)
    @rule(data=st.data(), cause=st.sampled_from(OfferCause), really=st.booleans(), late=st.booleans())
    def offer_failed(self, data: st.DataObject, cause: OfferCause, really: bool, late: bool) -> None:
        known = sorted(self.old_offers) if late else sorted(self.engine.picture.offers) or sorted(self.old_offers)
        offer_id = data.draw(st.sampled_from(known))
        interaction_id = self.old_offers[offer_id][0]
        record = self.engine.picture.waiting.get(interaction_id)
        self.tell(cmd.ReportOfferFailed(offer_id=offer_id, cause=cause))
        if record is None or interaction_id in self.engine.picture.waiting:
            return
        if self.ledger.ends[interaction_id]:
            assert cause is OfferCause.CUSTOMER_NOT_REACHED
            return
        assert cause is OfferCause.CALLER_LEFT
        if really:
            self.tell(cmd.Leave(interaction_id=interaction_id))
            self.ledger.end(interaction_id, self.now)
            return
        place = record.place
        self.tell(entry_of(record))
        again = self.engine.picture.waiting.get(interaction_id)
        assert again is None or again.queue_id != record.queue_id or again.place == place

    @precondition(lambda self: self.engine.picture.offers)
    @rule(data=st.data(), how_many=st.integers(1, 4))
    def answer(self, data: st.DataObject, how_many: int) -> None:
        for _ in range(how_many):
            offers = self.engine.picture.offers
            if not offers:
                return
            offer = offers[data.draw(st.sampled_from(sorted(offers)))]
            self.tell(
                cmd.ReportTalk(
                    offer_id=offer.offer_id, interaction_id=offer.interaction_id, agent_id=offer.agent_id, queue_id=None
                )
            )

    @precondition(lambda self: self.present())
    @rule(data=st.data(), agent_id=agents, late=st.booleans())
    def talk_out_of_turn(self, data: st.DataObject, agent_id: AgentId, late: bool) -> None:
        """A bridge found at a resync, of an offer that is over or of one nobody knows; the caller is there for sure."""
        late_ones = [offer_id for offer_id, entry in self.old_offers.items() if entry[0] in self.present()]
        if late and late_ones:
            offer_id = data.draw(st.sampled_from(late_ones))
            interaction_id, agent_id = self.old_offers[offer_id]
        else:
            interaction_id = data.draw(st.sampled_from(self.present()))
            offer_id = OfferId(f"unknown-{len(self.log)}-{self.now.timestamp()}")
        self.tell(
            cmd.ReportTalk(offer_id=offer_id, interaction_id=interaction_id, agent_id=agent_id, queue_id=QUEUES[0])
        )

    @precondition(lambda self: self.old_offers)
    @rule(data=st.data(), side=st.sampled_from([None, *Side]))
    def talk_ended(self, data: st.DataObject, side: Side | None) -> None:
        known = sorted(self.engine.picture.talks) or sorted(self.old_offers)
        self.tell(cmd.ReportTalkEnded(offer_id=data.draw(st.sampled_from(known)), side=side))

    @precondition(lambda self: self.engine.picture.talks)
    @rule(data=st.data(), on_hold=st.booleans())
    def hold(self, data: st.DataObject, on_hold: bool) -> None:
        offer_id = data.draw(st.sampled_from(sorted(self.engine.picture.talks)))
        self.tell(cmd.ReportHold(offer_id=offer_id, on_hold=on_hold))

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
        held = {i: (old.agents[agent_id].works[i], agent_id) for i, agent_id in old.works.items()}
        self.engine = AcdEngine()
        for word in words_after_restart(old, with_offers=not lost):
            self.tell(word)
        for interaction_id, (offer_id, agent_id) in held.items():
            self.tell(replace(self.entries[interaction_id], queue_id=min(old.queues), admitted=True))
            self.tell(cmd.ReportTalk(offer_id=offer_id, interaction_id=interaction_id, agent_id=agent_id))
        for interaction_id, sent_on in old.overflowed.items():
            if sent_on.queue_id not in old.queues:
                self.tell(cmd.Leave(interaction_id=interaction_id))
                self.ledger.end(interaction_id, self.now)
                continue
            self.tell(replace(self.entries[interaction_id], queue_id=sent_on.queue_id, admitted=True))
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


AcdMachine.TestCase.settings = settings(max_examples=150 * max(1, SEEDS // 200), stateful_step_count=60, deadline=None)
TestAcdMachine = pytest.mark.timeout(900)(AcdMachine.TestCase)
