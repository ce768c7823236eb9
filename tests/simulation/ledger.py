"""What the journal says, folded, and the laws it must keep beside the engine's own picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from callcenter.acd.engine import AcdEngine
from callcenter.acd.steps import Output
from callcenter.acd.waiting import Stand, place_in
from callcenter.domain import events as ev
from callcenter.domain.actions import Action, RingAgent
from callcenter.domain.agents import AGENT_TRANSITIONS, AgentState
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import INTERACTION_TRANSITIONS, Interaction, Stage, apply, begin, outcome_of_hangup
from callcenter.domain.numbers import Number
from callcenter.domain.rules import EVERYBODY


class Ledger:
    """The fold of a journal: agents' states, interactions' records, offers' ends."""

    def __init__(self) -> None:
        self.journal: list[ev.Event] = []
        self.agents: dict[AgentId, ev.AgentStateChanged] = {}
        self.records: dict[InteractionId, Interaction] = {}
        self.open_offers: dict[OfferId, tuple[AgentId, InteractionId]] = {}
        self.ended_offers: Counter[OfferId] = Counter()
        self.ends: Counter[InteractionId] = Counter()
        self.live: set[InteractionId] = set()
        """Whose record has no end yet."""

    def arrive(self, interaction_id: InteractionId, at: datetime) -> None:
        """Note a caller nobody has seen before."""
        if interaction_id not in self.records:
            arrived = ev.InteractionArrived(
                interaction_id=interaction_id, at=at, channel="trunk", ani=Number(raw="1001"), dnis="4000"
            )
            self.take(arrived)

    def end(self, interaction_id: InteractionId, at: datetime) -> None:
        """Note a hang-up the way the use cases do: once, with the outcome the record gives."""
        record = self.records.get(interaction_id)
        if record is not None and record.stage is not Stage.ENDED:
            outcome = outcome_of_hangup(record)
            self.take(ev.InteractionEnded(interaction_id=interaction_id, at=at, outcome=outcome))

    def take_outputs(self, outputs: Sequence[Output]) -> None:
        """Fold the events among an engine's outputs."""
        for output in outputs:
            if not isinstance(output, Action):
                self.take(output)

    def take(self, event: ev.Event) -> None:
        """Fold one event."""
        self.journal.append(event)
        match event:
            case ev.AgentStateChanged():
                known = self.agents.get(event.agent_id)
                assert known is None or known.new is event.old, f"{event} does not follow {known}"
                assert event.new in AGENT_TRANSITIONS[event.old], event
                self.agents[event.agent_id] = event
            case ev.AgentWishChanged() | ev.AgentPhoneChanged() | ev.AgentTimeLimit():
                pass
            case ev.WrapUpExtended():
                told = self.agents[event.agent_id]
                self.agents[event.agent_id] = replace(told, wrap_up_until=event.wrap_up_until)
            case ev.QueueUnserved() | ev.QueueServed() | ev.QueueClosed() | ev.QueueOpened():
                pass
            case ev.InteractionArrived():
                self.records[event.interaction_id] = begin(event)
                self.live.add(event.interaction_id)
            case _:
                self._take_of_interaction(event)

    def _take_of_interaction(self, event: ev.InteractionEvent) -> None:
        match event:
            case ev.OfferMade(offer=offer):
                assert not self.ended_offers[offer.offer_id], f"{offer.offer_id} is made after its end"
                self.open_offers[offer.offer_id] = (offer.agent_id, offer.interaction_id)
            case ev.OfferEnded():
                # An end whose beginning was lost with the server is no contradiction; a second end is.
                self.open_offers.pop(event.offer_id, None)
                self.ended_offers[event.offer_id] += 1
                assert self.ended_offers[event.offer_id] == 1, f"{event.offer_id} ended twice"
            case ev.InteractionEnded():
                self.ends[event.interaction_id] += 1
                assert self.ends[event.interaction_id] == 1, f"{event.interaction_id} ended twice"
                self.live.discard(event.interaction_id)
            case _:
                pass
        before = self.records[event.interaction_id]
        after = self.records[event.interaction_id] = apply(before, event)
        assert after.stage is before.stage or after.stage in INTERACTION_TRANSITIONS[before.stage], event

    # ---- the laws

    def check(self, engine: AcdEngine, now: datetime) -> None:
        """The engine's picture is sound in itself and is what its events fold to."""
        check_picture(engine, now)
        picture = engine.picture
        for agent in picture.agents.values():
            told = self.agents.get(agent.agent_id)
            if told is None:
                assert agent.state is AgentState.LOGGED_OUT, agent
            else:
                seen = (agent.state, agent.reason, agent.interaction_id, agent.offer_id, agent.wrap_up_until)
                assert seen == (told.new, told.reason, told.interaction_id, told.offer_id, told.wrap_up_until)
        assert set(self.open_offers) == set(picture.offers)
        assert set(picture.waiting) | set(picture.talking_interactions) <= self.live
        for interaction_id in self.live:
            record = self.records[interaction_id]
            talking = record.stage is Stage.TALKING and record.times.talk_ended_at is None
            waiting = picture.waiting.get(interaction_id)
            ringing = waiting is not None and bool(waiting.offer_ids)
            assert talking == (interaction_id in picture.talking_interactions), record
            assert (record.stage in (Stage.WAITING, Stage.RINGING)) == (waiting is not None), record
            assert (record.stage is Stage.RINGING) == ringing, record
            assert (record.open_offer() is not None) == ringing, record


def check_picture(engine: AcdEngine, now: datetime) -> None:
    """One agent, one interaction; places in order; every index true; nobody free beside someone he can serve."""
    picture = engine.picture
    for interaction_id, agent_id in picture.talking_interactions.items():
        agent = picture.agents[agent_id]
        assert agent.in_talk
        assert agent.interaction_id == interaction_id
        assert agent.offer_id is not None
        assert picture.talks[agent.offer_id] == agent_id
        assert interaction_id not in picture.waiting
    talkers = [agent for agent in picture.agents.values() if agent.in_talk]
    assert len(talkers) == len(picture.talks) == len(picture.talking_interactions)
    check_offers(engine)
    check_places(engine)
    check_pools(engine)
    if engine.routing:
        check_nobody_stands_idle(engine, now)


def check_offers(engine: AcdEngine) -> None:
    """Every pending offer is known to its agent and its interaction, and the other way round."""
    picture = engine.picture
    for offer in picture.offers.values():
        agent, record = picture.agents[offer.agent_id], picture.waiting[offer.interaction_id]
        if record.on_the_phone:
            assert (agent.state, agent.offer_id) == (AgentState.OFFERED, offer.offer_id)
        else:
            assert offer.offer_id in agent.texts_offered
        assert offer.offer_id in record.offer_ids
        assert record.queue_id == offer.queue_id
        assert offer.offer_id in picture.offers_end
    offered = [agent for agent in picture.agents.values() if agent.state is AgentState.OFFERED]
    texts = sum(len(agent.texts_offered) for agent in picture.agents.values())
    assert len(offered) + texts == len(picture.offers) == len(picture.offers_end)
    for record in picture.waiting.values():
        several = picture.queues[record.queue_id].config.ring_several
        assert len(record.offer_ids) <= max(several, 1)
        agents = [picture.offers[offer_id].agent_id for offer_id in record.offer_ids]
        assert len(set(agents)) == len(agents)
    assert sum(len(record.offer_ids) for record in picture.waiting.values()) == len(picture.offers)
    for interaction_id, agent_id in picture.works.items():
        assert interaction_id in picture.agents[agent_id].works
        assert interaction_id not in picture.waiting
    assert sum(len(agent.works) for agent in picture.agents.values()) == len(picture.works)


def check_places(engine: AcdEngine) -> None:
    """Queues are in order, and each interaction stands in just the list it should."""
    picture = engine.picture
    assert sum(len(queue.waiting) for queue in picture.queues.values()) == len(picture.waiting)
    for queue_id, queue in picture.queues.items():
        records = list(picture.waiting_in(queue_id))
        assert [record.place for record in records] == sorted(record.place for record in records)
        assert [record.place for record in records] == [place_in(record, queue.config) for record in records]
        assert [picture.position(record.interaction_id) for record in records] == list(range(1, len(records) + 1))
    by_stand: dict[Stand, set[InteractionId]] = {stand: set() for stand in Stand}
    for record in picture.waiting.values():
        by_stand[record.stand].add(record.interaction_id)
        if record.reserved_for is None and not record.offer_ids and record.callback is None:
            assert record.stand is Stand.OPEN
    pools = picture.pools.by_rule.values()
    assert by_stand[Stand.OPEN] == {i for pool in pools for i in pool.open}
    assert by_stand[Stand.OPEN] == {i for pool in pools for places in pool.by_queue.values() for i in places}
    assert by_stand[Stand.MORE] == {i for pool in pools for i in pool.more}
    kept = [*picture.reserved.values(), *picture.picked.values()]
    assert by_stand[Stand.RESERVED] == {i for places in kept for i in places}
    assert {
        record.callback.number: record.interaction_id
        for record in picture.waiting.values()
        if record.callback is not None
    } == picture.callbacks


def check_pools(engine: AcdEngine) -> None:
    """Pools hold whom they should, and the free agents are just those who can be offered something."""
    picture = engine.picture
    for pool in picture.pools.by_rule.values():
        members = {agent.agent_id for agent in picture.agents.values() if pool.admits(agent)}
        assert set(pool.agents) == members
        assert pool.serving == sum(picture.agents[agent_id].serving for agent_id in members)
        assert pool.waiting == sum(record.pool is pool for record in picture.waiting.values())
        for agent_id in members:
            assert pool in picture.agents[agent_id].pools
    free = [agent for agent in picture.agents.values() if agent.offerable]
    in_order = sorted(free, key=lambda agent: (agent.ready_since, agent.agent_id))
    assert [agent_id for _, agent_id in picture.free.candidates(EVERYBODY)] == [agent.agent_id for agent in in_order]
    for agent in picture.agents.values():
        assert (agent.indexed is not None) is agent.offerable
        assert (agent.agent_id in picture.takes_texts) is agent.takes_texts
        assert agent.counted is agent.serving
    assert not picture.unsettled_agents
    assert not picture.unmatched
    assert not picture.unsettled_texts


def check_nobody_stands_idle(engine: AcdEngine, now: datetime) -> None:
    """No free agent beside an open interaction he may serve."""
    picture = engine.picture
    idle = []
    for record in picture.waiting.values():
        if record.offer_ids or record.stand is Stand.NOWHERE:
            continue
        waited = now - record.entered_at
        for agent in picture.agents.values():
            able = agent.offerable if record.on_the_phone else agent.takes_texts
            is_his = record.reserved_for in (None, agent.agent_id)
            if record.reserved_for is None:
                is_his = agent.agent_id in record.pool.agents and agent.delay_in(record.queue_id) <= waited
            if able and is_his:
                idle.append((agent.agent_id, record.interaction_id))
    assert not idle, f"free agents beside callers they can serve: {idle}"


def check_order_of_service(engine: AcdEngine, outputs: Sequence[Output]) -> None:
    """Nobody was rung for one caller while another stood before him in the same queue, free to be taken."""
    picture = engine.picture
    for index, order in enumerate(outputs):
        if not isinstance(order, RingAgent):
            continue
        given_back = {later.interaction_id for later in outputs[index:] if isinstance(later, ev.OfferEnded)}
        served = picture.waiting.get(order.interaction_id)
        if served is None or order.interaction_id in given_back:
            continue
        agent = picture.agents[order.agent_id]
        for record in picture.waiting_in(served.queue_id):
            if record.place >= served.place:
                break
            free = record.stand is Stand.OPEN and record.interaction_id not in given_back
            his = record.pool.admits(agent) and not agent.delay_in(record.queue_id)
            assert not (free and his and not served.picked), f"{served} was served before {record}"
