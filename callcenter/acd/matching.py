"""Who gets whom: an agent who is free takes the first of all who wait for him, a caller the agent his queue prefers.

Law: when a message has been dealt with, no agent who can be offered something stands beside an open interaction he may
serve, and every offer was made to whom the rules put first.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import nsmallest

from callcenter.acd.deadlines import DeadlineKind
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.places import AGED, Place, PlaceList
from callcenter.acd.reasons import explain_offer
from callcenter.acd.roster import AgentRecord
from callcenter.acd.steps import Output, Steps
from callcenter.acd.waiting import Stand, WaitingRecord
from callcenter.domain import events as ev
from callcenter.domain.actions import CallCustomer, PresentWork, RingAgent
from callcenter.domain.callbacks import CalledFirst, Presence
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.offers import Offer
from callcenter.domain.queues import AgentChoice

CALL_GRACE = timedelta(seconds=10)
"""How much later than its ringing time a call to a callback's customer is given up when nobody reported its end."""
COUNT_LIMIT = 20
"""For the reason of an offer no more free agents than this are counted."""
Rank = tuple[float, float, datetime, AgentId]


class Matching:
    """Makes offers; `routing` says whether they are made."""

    def __init__(self, picture: Picture, steps: Steps) -> None:
        self.picture = picture
        self.routing = False
        self._steps = steps
        self._last_stamp = 0
        self._offers_made = 0

    def match(self, now: datetime) -> list[Output]:
        """Match whoever has become free and whatever has become open."""
        out: list[Output] = []
        unmatched = self.picture.unmatched
        if not self.routing:
            self.picture.settle_agents()
            self.picture.unsettled_texts.clear()
            unmatched.clear()
            return out
        while self.picture.unsettled_agents:
            waiting = list(self.picture.unsettled_agents.values())
            if len(waiting) > 1:
                waiting.sort(key=lambda agent: (agent.ready_since or now, agent.agent_id))
            for agent in waiting:
                if self.picture.unsettled_agents.pop(agent.agent_id, None) is None:
                    continue
                made = self._serve_agent(agent, now)
                if made:
                    out += made
                if agent.offerable:
                    self.picture.free.add(agent, agent.ready_since or now)
        while unmatched:
            interaction_id = next(iter(unmatched))
            del unmatched[interaction_id]
            record = self.picture.waiting.get(interaction_id)
            if record is not None:
                out += self._serve_interaction(record, now)
        if self.picture.unsettled_texts:
            out += self._serve_text_agents(now)
        return out

    # ---- from the agent's side

    def _serve_agent(self, agent: AgentRecord, now: datetime) -> list[Output]:
        out: list[Output] = []
        while agent.offerable:
            record = self._first_for(agent, now)
            if record is None:
                break
            if self.must_be_called_first(record):
                out += self.call_customer(record, now)
            else:
                out += self._offer(agent, record, 1, now)
        return out

    def _first_for(self, agent: AgentRecord, now: datetime) -> WaitingRecord | None:
        picture = self.picture
        picked = picture.picked.get(agent.agent_id)
        if picked is not None:
            return self._on_the_phone(picked)
        kept = picture.reserved.get(agent.agent_id)
        best: Place | None = kept.places[0] if kept is not None else None
        if agent.config.preferences:
            return self._first_by_preference(agent, best, now)
        for pool in agent.pools:
            places = pool.open.places
            if places and pool.on_the_phone and (best is None or places[0] < best):
                best = places[0]
        if best is None:
            for pool in agent.pools:
                places = pool.more.places
                if places and (best is None or places[0] < best):
                    best = places[0]
        return None if best is None else picture.waiting[best[3]]

    def _on_the_phone(self, places: PlaceList) -> WaitingRecord | None:
        for interaction_id in places:
            record = self.picture.waiting[interaction_id]
            if record.on_the_phone:
                return record
        return None

    def _first_by_preference(self, agent: AgentRecord, kept: Place | None, now: datetime) -> WaitingRecord | None:
        """As `_first_for`, with his preferences added to the priorities, and who has waited too little passed over."""
        best: tuple[Place, InteractionId] | None = None if kept is None else (kept, kept[3])
        for pool in agent.pools:
            if not pool.on_the_phone:
                continue
            for queue_id, places in pool.by_queue.items():
                preference = agent.config.preferences.get(queue_id)
                for place in places.places:
                    weighed = place
                    if preference is not None:
                        if now - self.picture.waiting[place[3]].entered_at < preference.delay:
                            continue
                        if place[0] != AGED:
                            weighed = (place[0], place[1] - preference.priority, place[2], place[3])
                    if best is None or weighed < best[0]:
                        best = (weighed, place[3])
                    break
        if best is None:
            more = [
                place
                for pool in agent.pools
                for place in pool.more.places[:1]
                if agent.delay_in(self.picture.waiting[place[3]].queue_id) == timedelta()
            ]
            return self.picture.waiting[min(more)[3]] if more else None
        return self.picture.waiting[best[1]]

    # ---- from the interaction's side

    def _serve_interaction(self, record: WaitingRecord, now: datetime) -> list[Output]:
        if record.stand is Stand.NOWHERE:
            return []
        if not record.on_the_phone:
            return self._serve_text(record, now)
        if record.reserved_for is not None:
            agent = self.picture.agents.get(record.reserved_for)
            if agent is None or not agent.offerable:
                return []
            if self.must_be_called_first(record):
                return self.call_customer(record, now)
            return self._offer(agent, record, 1, now)
        if not len(self.picture.free):
            return []
        queue = self.picture.queues[record.queue_id]
        wanted = queue.config.ring_several - len(record.offer_ids) if record.presence is Presence.PRESENT else 1
        chosen, able = self._choose(queue, record, wanted, now)
        if chosen and self.must_be_called_first(record):
            return self.call_customer(record, now)
        out: list[Output] = []
        for agent in chosen:
            out += self._offer(agent, record, able, now)
        return out

    def _choose(
        self, queue: QueueRecord, record: WaitingRecord, wanted: int, now: datetime
    ) -> tuple[list[AgentRecord], int]:
        """The agents the queue prefers among the free ones, at most `wanted`; and how many could serve it, about."""
        able = self._able(queue, record, now)
        if queue.config.agent_choice is AgentChoice.LONGEST_IDLE:
            found: list[AgentRecord] = []
            count = 0
            for agent in able:
                count += 1
                if len(found) < wanted:
                    found.append(agent)
                if count >= COUNT_LIMIT:
                    break
            return found, count
        everyone = list(able)
        if len(everyone) > 1:
            everyone = nsmallest(wanted, everyone, key=lambda agent: self._rank(queue, record, agent, now))
        return everyone[:wanted], len(everyone)

    def _able(self, queue: QueueRecord, record: WaitingRecord, now: datetime) -> Iterator[AgentRecord]:
        members = record.pool.agents
        seen: set[AgentId] = set()
        waited = now - record.entered_at
        for _, agent_id in self.picture.free.candidates(record.pool.rule):
            agent = members.get(agent_id)
            if agent is None or agent_id in seen or not agent.offerable:
                continue
            if agent.config.preferences and agent.delay_in(queue.config.queue_id) > waited:
                continue
            seen.add(agent_id)
            yield agent

    def _rank(self, queue: QueueRecord, record: WaitingRecord, agent: AgentRecord, now: datetime) -> Rank:
        """Lower is preferred; ties go to the longest idle, then to the first id."""
        first, second = 0.0, 0.0
        match queue.config.agent_choice:
            case AgentChoice.SPECIALISTS_FIRST:
                wanted = {need.skill for need in record.pool.skills}
                first = sum(1 for skill in agent.config.skills if skill not in wanted)
            case AgentChoice.HIGHEST_LEVEL:
                first = -sum(agent.config.skills.get(need.skill, 0) for need in record.pool.skills)
            case AgentChoice.LEAST_OCCUPIED:
                first = agent.occupancy(now)
            case AgentChoice.FEWEST_ANSWERED:
                first = agent.day.answered
            case AgentChoice.ROUND_ROBIN:
                first = queue.last_offered.get(agent.agent_id, 0)
            case AgentChoice.FIXED_ORDER:
                first = agent.config.order
            case AgentChoice.WEIGHTED:
                first, second = agent.day.answered / agent.config.weight, -agent.config.weight
            case AgentChoice.LONGEST_IDLE:
                pass
        return (first, second, agent.ready_since or now, agent.agent_id)

    # ---- chats and mails

    def _serve_text_agents(self, now: datetime) -> list[Output]:
        out: list[Output] = []
        agents = sorted(self.picture.unsettled_texts.values(), key=lambda agent: agent.agent_id)
        self.picture.unsettled_texts.clear()
        for agent in agents:
            while agent.takes_texts:
                heads = [pool.open.places[0] for pool in agent.pools if pool.open.places and not pool.on_the_phone]
                if not heads:
                    break
                out += self._offer(agent, self.picture.waiting[min(heads)[3]], 1, now)
        self.picture.unsettled_texts.clear()
        return out

    def _serve_text(self, record: WaitingRecord, now: datetime) -> list[Output]:
        """Whoever holds the fewest gets it; ties go to the longest ready, then to the first id."""
        able = [agent for agent_id, agent in self.picture.takes_texts.items() if agent_id in record.pool.agents]
        if record.reserved_for is not None:
            able = [agent for agent in able if agent.agent_id == record.reserved_for]
        if not able or record.offer_ids:
            return []
        agent = min(able, key=lambda a: (len(a.works) + len(a.texts_offered), a.ready_since or now, a.agent_id))
        return self._offer(agent, record, len(able), now)

    # ---- offers and calls to customers

    def must_be_called_first(self, record: WaitingRecord) -> bool:
        """Whether this is a callback whose customer is not on the line, and has to be before an agent is rung."""
        if record.presence is not Presence.ABSENT:
            return False
        rules = self.picture.queues[record.queue_id].config.callback_rules
        return rules.first is CalledFirst.CUSTOMER

    def call_customer(self, record: WaitingRecord, now: datetime, offer_id: OfferId | None = None) -> list[Output]:
        """Call a callback's customer: for the agent of `offer_id`, or, without one, into his place in the queue."""
        callback, queue = record.callback, self.picture.queues[record.queue_id]
        if callback is None:
            raise RuntimeError(f"interaction {record.interaction_id} is no callback")
        rules = queue.config.callback_rules
        self.picture.stand_nowhere(record)
        record.presence = Presence.CALLING
        record.callback = callback.tried()
        if offer_id is None:
            record.calling_until = record.wake_at = now + rules.ring_timeout + CALL_GRACE
            self._steps.deadlines.arm(DeadlineKind.WAITING, record.interaction_id, record.calling_until)
        self._steps.find_stand(record)
        attempt = record.callback.attempts
        return [
            ev.CustomerCalled(interaction_id=record.interaction_id, at=now, attempt=attempt),
            CallCustomer(
                interaction_id=record.interaction_id,
                queue_id=record.queue_id,
                number=callback.number,
                attempt=attempt,
                ring_timeout=rules.ring_timeout,
                offer_id=offer_id,
            ),
        ]

    def _offer(self, agent: AgentRecord, waiting: WaitingRecord, able: int, now: datetime) -> list[Output]:
        queue = self.picture.queues[waiting.queue_id]
        offer = Offer(
            offer_id=self._new_offer_id(agent, waiting, now),
            interaction_id=waiting.interaction_id,
            agent_id=agent.agent_id,
            queue_id=waiting.queue_id,
            made_at=now,
            reason=explain_offer(agent, waiting, queue.config, able, now),
        )
        self._offers_made += 1
        queue.last_offered[agent.agent_id] = self._offers_made
        changed = self._steps.present(agent, waiting, offer, now)
        made = ev.OfferMade(interaction_id=waiting.interaction_id, at=now, offer=offer)
        if not waiting.on_the_phone:
            order: Output = PresentWork(
                offer_id=offer.offer_id, interaction_id=offer.interaction_id, agent_id=offer.agent_id
            )
        else:
            order = RingAgent(
                offer_id=offer.offer_id,
                interaction_id=offer.interaction_id,
                agent_id=agent.agent_id,
                phone=agent.phone,
                ring_timeout=queue.config.ring_timeout,
                customer_absent=waiting.presence is Presence.ABSENT,
            )
        return [*changed, made, order]

    def _new_offer_id(self, agent: AgentRecord, waiting: WaitingRecord, now: datetime) -> OfferId:
        """Milliseconds tell offers of one interaction to one agent apart; within one millisecond they count on."""
        self._last_stamp = max(int(now.timestamp() * 1000), self._last_stamp + 1)
        return OfferId(f"{waiting.interaction_id}-{agent.agent_id}-{self._last_stamp}")
