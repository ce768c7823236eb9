"""What the journal says, folded, and the laws it must keep beside the engine's own picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from callcenter.acd.engine import AcdEngine
from callcenter.acd.roster import AgentRecord
from callcenter.acd.steps import Output
from callcenter.acd.waiting import Stand, WaitingRecord, place_in
from callcenter.domain import events as ev
from callcenter.domain.actions import Action, RingAgent
from callcenter.domain.agents import AGENT_TRANSITIONS, AgentState
from callcenter.domain.callbacks import CalledFirst, Presence
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import INTERACTION_TRANSITIONS, Interaction, Stage, apply, begin, outcome_of_hangup
from callcenter.domain.numbers import Number
from callcenter.domain.queues import MAX_RING_SEVERAL
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
        known = {*picture.waiting, *picture.talking_interactions, *picture.works, *picture.overflowed}
        assert known <= self.live
        for interaction_id in self.live:
            record = self.records[interaction_id]
            talking = record.stage is Stage.TALKING and record.times.talk_ended_at is None
            waiting = picture.waiting.get(interaction_id)
            ringing = waiting is not None and bool(waiting.offer_ids)
            held = interaction_id in picture.talking_interactions or interaction_id in picture.works
            sent_on = interaction_id in picture.overflowed
            assert [waiting is not None, held, sent_on].count(True) <= 1, record
            assert talking == held or sent_on, record
            assert (record.stage in (Stage.WAITING, Stage.RINGING)) == (waiting is not None) or sent_on, record
            if waiting is not None:
                check_record(record, waiting)
            assert (record.stage is Stage.RINGING) == ringing, record
            assert (record.open_offer() is not None) == ringing, record


def check_record(record: Interaction, waiting: WaitingRecord) -> None:
    """What the events fold to is what the engine holds of a place, so a restart can give it back."""
    placement = record.placement
    assert placement is not None
    assert (record.queue_id, record.media_type) == (waiting.queue_id, waiting.media_type)
    assert (placement.queue_id, placement.entered_at) == (waiting.queue_id, waiting.entered_at)
    assert (placement.placed_at, placement.base_priority) == (waiting.placed_at, waiting.base_priority)
    assert (placement.skills, placement.traits) == (waiting.skills, waiting.traits)
    assert record.priority == waiting.priority
    assert (record.callback is None) is (waiting.callback is None)
    if record.callback is not None and waiting.callback is not None:
        assert (record.callback.number, record.callback.attempts) == (
            waiting.callback.number,
            waiting.callback.attempts,
        )
        assert waiting.callback.not_before in (None, record.callback.not_before)


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
        assert len(record.offer_ids) <= (MAX_RING_SEVERAL if record.on_the_phone else 1)
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
        if not record.offer_ids and record.callback is None:
            assert record.stand is (Stand.OPEN if record.reserved_for is None else Stand.RESERVED)
    pools = picture.pools.by_rule.values()
    assert by_stand[Stand.OPEN] == {i for pool in pools for i in pool.open}
    assert by_stand[Stand.OPEN] == {i for pool in pools for places in pool.by_queue.values() for i in places}
    assert by_stand[Stand.TO_CALL] == {i for pool in pools for i in pool.to_call}
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
        assert agent.counted is agent.serving
    in_order_of_texts = sorted(
        (len(agent.works) + len(agent.texts_offered), agent.ready_since, agent.agent_id)
        for agent in picture.agents.values()
        if agent.takes_texts
    )
    assert list(picture.free_for_texts) == [agent_id for _, _, agent_id in in_order_of_texts]
    for agent in picture.agents.values():
        if agent.state in (AgentState.NOT_READY, AgentState.LOGGED_OUT):
            assert not agent.texts_offered
        assert not (agent.state is AgentState.LOGGED_OUT and agent.works)
    check_nothing_is_left_over(engine)


def check_nothing_is_left_over(engine: AcdEngine) -> None:
    """Nothing is pending when a message has been dealt with, and nothing is kept that nobody needs."""
    picture = engine.picture
    assert not picture.unsettled_agents
    assert not picture.unmatched
    assert not picture.unsettled_texts
    assert not picture.unsettled_queues
    assert not picture.gone_away
    for kept in (picture.reserved, picture.picked, picture.kept_for):
        assert all(kept.values())
        assert all(agent_id in picture.agents for agent_id in kept)
    assert {(agent_id, interaction_id) for agent_id, kept in picture.kept_for.items() for interaction_id in kept} == {
        (record.reserved_for, record.interaction_id)
        for record in picture.waiting.values()
        if record.reserved_for is not None
    }
    for queue in picture.queues.values():
        assert set(queue.last_offered) <= set(picture.agents)
        assert (queue.nobody_at is None) or queue.unserved_since is not None
        if engine.routing:
            assert queue.served is (queue.unserved_since is None)
        waiting = [picture.waiting[interaction_id] for interaction_id in queue.waiting]
        assert queue.absent == sum(record.presence is not Presence.PRESENT for record in waiting)
        delays = {agent.delay_in(queue.config.queue_id) for agent in picture.agents.values()} - {timedelta()}
        assert queue.delays == tuple(sorted(delays))
    for pool in picture.pools.by_rule.values():
        assert pool.needed_by == {queue_id for queue_id, queue in picture.queues.items() if pool in queue.pools}
        assert all(pool.by_queue.values())
    for record in picture.waiting.values():
        check_waiting(engine, record)
    for agent in picture.agents.values():
        if agent.expects is not None:
            expected = picture.waiting[agent.expects]
            assert (expected.presence, expected.called_for) == (Presence.CALLING, agent.agent_id)
    armed = len(picture.waiting) + len(picture.offers) + 3 * len(picture.agents) + len(picture.queues)
    assert engine.deadline_count <= 1_000 + 2 * armed


def check_waiting(engine: AcdEngine, record: WaitingRecord) -> None:
    """One waiting interaction: what is set goes together, and the engine will wake for whatever comes next."""
    picture = engine.picture
    assert (record.reserved_for is None) is (record.reserved_until is None)
    assert record.reserved_for is not None or not record.picked
    if record.reserved_for is not None:
        assert picture.agents[record.reserved_for].serving
    is_called = record.presence is Presence.CALLING
    assert is_called is (record.calling_until is not None)
    assert is_called or record.called_for is None
    assert record.agent_waits is None or record.agent_waits in record.offer_ids
    assert record.callback is not None or record.presence is Presence.PRESENT
    moments = [record.reserved_until, record.calling_until]
    if record.callback is not None and record.presence is Presence.ABSENT:
        moments.append(record.callback.not_before)
    config = picture.queues[record.queue_id].config
    if not record.aged and config.ageing_limit is not None:
        moments.append(record.entered_at + config.ageing_limit)
    moments += [record.placed_at + step.after for step in config.routing[record.step + 1 :]]
    for moment in moments:
        assert moment is None or (record.wake_at is not None and record.wake_at <= moment), (moment, record)


def check_nobody_stands_idle(engine: AcdEngine, now: datetime) -> None:
    """No free agent beside an open interaction he may serve."""
    picture = engine.picture
    idle = []
    for record in picture.waiting.values():
        if record.stand is Stand.NOWHERE:
            continue
        must_be_called = record.presence is Presence.ABSENT and (
            picture.queues[record.queue_id].config.callback_rules.first is CalledFirst.CUSTOMER
        )
        waited = now - record.entered_at
        for agent in picture.agents.values():
            able = agent.offerable if record.on_the_phone else agent.takes_texts
            is_his = record.reserved_for in (None, agent.agent_id)
            if record.reserved_for is None:
                is_his = agent.agent_id in record.pool.agents and agent.delay_in(record.queue_id) <= waited
            if must_be_called and agent.expects is not None:
                continue
            if able and is_his:
                idle.append((agent.agent_id, record.interaction_id))
    assert not idle, f"free agents beside callers they can serve: {idle}"


def check_order_of_service(engine: AcdEngine, outputs: Sequence[Output], now: datetime) -> None:
    """Nobody was rung for one caller while another stood before him, in whatever queue, free to be taken by him.

    So whoever has come of age is served by the next who can, but for those of age before him, and those kept for one.
    """
    picture = engine.picture
    for order in outputs:
        if not isinstance(order, RingAgent):
            continue
        served, agent = picture.waiting.get(order.interaction_id), picture.agents[order.agent_id]
        touched = {o.interaction_id for o in outputs if not isinstance(o, RingAgent) and hasattr(o, "interaction_id")}
        if served is None or order.offer_id not in served.offer_ids or served.reserved_for is not None:
            continue
        for record in picture.waiting.values():
            is_open = record.stand is Stand.OPEN and record.on_the_phone and record.interaction_id not in touched
            his = agent.agent_id in record.pool.agents and agent.delay_in(record.queue_id) <= now - record.entered_at
            if is_open and his:
                assert _as_he_weighs(agent, served) < _as_he_weighs(agent, record), f"{served} was before {record}"
                assert served.aged or not record.aged, f"{served} was served before {record}, who is of age"


def _as_he_weighs(agent: AgentRecord, record: WaitingRecord) -> tuple[bool, int, datetime, InteractionId]:
    preference = agent.config.preferences.get(record.queue_id)
    bonus = preference.priority if preference is not None and not record.aged else 0
    priority = 0 if record.aged else record.priority + bonus
    return (not record.aged, -priority, record.place[2], record.interaction_id)
