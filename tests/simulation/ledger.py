"""What the journal says, folded, and the laws it must keep beside the engine's own picture."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from callcenter.acd.engine import AcdEngine
from callcenter.acd.steps import Output
from callcenter.domain import events as ev
from callcenter.domain.actions import RingAgent, StopRinging
from callcenter.domain.agents import AGENT_TRANSITIONS, AgentState
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import INTERACTION_TRANSITIONS, Interaction, Stage, apply, begin, outcome_of_hangup
from callcenter.domain.numbers import Number
from callcenter.domain.skills import satisfies


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
            if not isinstance(output, RingAgent | StopRinging):
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
            case ev.AgentWishChanged() | ev.AgentPhoneChanged():
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

    def check(self, engine: AcdEngine) -> None:
        """The engine's picture is sound in itself and is what its events fold to."""
        check_picture(engine)
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
            ringing = waiting is not None and waiting.offer_id is not None
            assert talking == (interaction_id in picture.talking_interactions), record
            assert (record.stage in (Stage.WAITING, Stage.RINGING)) == (waiting is not None), record
            assert (record.stage is Stage.RINGING) == ringing, record
            assert (record.open_offer() is not None) == ringing, record


def check_picture(engine: AcdEngine) -> None:
    """One agent, one interaction; places in order; every index true; nobody free beside someone he can serve."""
    picture = engine.picture
    for interaction_id, agent_id in picture.talking_interactions.items():
        agent = picture.agents[agent_id]
        assert (agent.state, agent.interaction_id) == (AgentState.TALKING, interaction_id)
        assert agent.offer_id is not None
        assert picture.talks[agent.offer_id] == agent_id
        assert interaction_id not in picture.waiting
    talkers = [agent for agent in picture.agents.values() if agent.state is AgentState.TALKING]
    assert len(talkers) == len(picture.talks) == len(picture.talking_interactions)
    for offer in picture.offers.values():
        agent, record = picture.agents[offer.agent_id], picture.waiting[offer.interaction_id]
        assert (agent.state, agent.offer_id) == (AgentState.OFFERED, offer.offer_id)
        assert (record.offer_id, record.queue_id) == (offer.offer_id, offer.queue_id)
    offered = [agent for agent in picture.agents.values() if agent.state is AgentState.OFFERED]
    assert len(offered) == len(picture.offers)
    assert sum(record.offer_id is not None for record in picture.waiting.values()) == len(picture.offers)
    assert sum(len(queue.waiting) for queue in picture.queues.values()) == len(picture.waiting)
    for queue_id, queue in picture.queues.items():
        records = list(picture.waiting_in(queue_id))
        assert [record.place for record in records] == sorted(record.place for record in records)
        assert [picture.position(record.interaction_id) for record in records] == list(range(1, len(records) + 1))
        able = [
            agent
            for agent in picture.agents.values()
            if agent.offerable and satisfies(agent.config.skills, queue.config.required)
        ]
        in_order = sorted(able, key=lambda agent: (agent.ready_since, agent.agent_id))
        assert list(queue.ready) == [agent.agent_id for agent in in_order]
        if engine.routing:
            idle = [
                (agent.agent_id, record.interaction_id)
                for agent in able
                for record in records
                if record.offer_id is None and satisfies(agent.config.skills, record.skills)
            ]
            assert not idle, f"free agents beside callers they can serve: {idle}"
    busy = offered or [agent for agent in picture.agents.values() if agent.state is AgentState.WRAP_UP]
    assert (engine.next_deadline() is not None) == bool(busy)


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
        skills = picture.agents[order.agent_id].config.skills
        for record in picture.waiting_in(served.queue_id):
            if record.place >= served.place:
                break
            free = record.offer_id is None and record.interaction_id not in given_back
            assert not (free and satisfies(skills, record.skills)), f"{served} was served before {record}"
