"""Who gets whom: an agent who is free takes the first of all who wait for him, a caller the agent his queue prefers.

Law: when a message has been dealt with, no agent who can be offered something stands beside an open interaction he may
serve, and every offer was made to whom the rules put first.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import islice

from callcenter.acd.choice import Rank, rank
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.places import AGED, Place, PlaceList
from callcenter.acd.pools import Pool
from callcenter.acd.reasons import explain_offer
from callcenter.acd.roster import AgentRecord
from callcenter.acd.steps import Output, Steps
from callcenter.acd.waiting import Stand, WaitingRecord
from callcenter.domain import events as ev
from callcenter.domain.actions import CallCustomer, PresentWork, RingAgent
from callcenter.domain.callbacks import Presence
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import Offer
from callcenter.domain.queues import AgentChoice

CALL_GRACE = timedelta(seconds=10)
"""How much later than its ringing time a call to a callback's customer is given up when nobody reported its end."""
COUNT_LIMIT = 20
"""For the reason of an offer no more free agents than this are counted."""


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
        if unmatched:
            records = [self.picture.waiting[id_] for id_ in unmatched if id_ in self.picture.waiting]
            unmatched.clear()
            if len(records) > 1:
                records.sort(key=lambda record: record.place)
            for record in records:
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
            if self._steps.must_be_called_first(record):
                out += self.call_customer(record, now, because_of=agent)
            else:
                other, able = self._rather(agent, record, now)
                out += self._offer(other or agent, record, able, now)
        return out

    def _rather(self, agent: AgentRecord, record: WaitingRecord, now: datetime) -> tuple[AgentRecord | None, int]:
        """Of an interaction that has just become open: who was free before `agent`, and is preferred by its queue."""
        if record.interaction_id not in self.picture.unmatched or record.reserved_for is not None:
            return None, 1
        queue = self.picture.queues[record.queue_id]
        found, able = self._choose(queue, record, 1, now)
        if not found or self._rank(queue, record, agent, now) < self._rank(queue, record, found[0], now):
            return None, able + 1
        return found[0], able + 1

    def _first_for(self, agent: AgentRecord, now: datetime) -> WaitingRecord | None:
        picture = self.picture
        picked = picture.picked.get(agent.agent_id)
        if picked is not None and (place := self._first_kept(agent, picked, on_the_phone=True)) is not None:
            return picture.waiting[place[3]]
        kept = picture.reserved.get(agent.agent_id)
        best = self._first_kept(agent, kept, on_the_phone=True) if kept is not None else None
        if agent.config.preferences:
            return self._first_by_preference(agent, best, now)
        may_expect = agent.expects is None
        for pool in agent.pools:
            places = pool.open.places
            if places and pool.on_the_phone and (best is None or places[0] < best):
                best = places[0]
            if may_expect and (places := pool.to_call.places) and (best is None or places[0] < best):
                best = places[0]
        if best is None:
            for pool in agent.pools:
                places = pool.more.places
                if places and (best is None or places[0] < best):
                    best = places[0]
        return None if best is None else picture.waiting[best[3]]

    def _first_kept(self, agent: AgentRecord, kept: PlaceList, *, on_the_phone: bool) -> Place | None:
        """The first of those kept for an agent whom he can be offered now."""
        for place in kept.places:
            record = self.picture.waiting[place[3]]
            must_wait = agent.expects is not None and self._steps.must_be_called_first(record)
            if record.on_the_phone is on_the_phone and not must_wait:
                return place
        return None

    def _first_by_preference(self, agent: AgentRecord, kept: Place | None, now: datetime) -> WaitingRecord | None:
        """As `_first_for`, with his preferences added to the priorities, and who has waited too little passed over."""
        best: tuple[Place, InteractionId] | None = None if kept is None else (kept, kept[3])
        for pool in agent.pools:
            if not pool.on_the_phone:
                continue
            place = self._first_unpreferred(agent, pool, best[0] if best is not None else None)
            if place is not None:
                best = (place, place[3])
            for queue_id in agent.config.preferences.keys() & pool.by_queue.keys():
                place = self._first_old_enough(pool.by_queue[queue_id], agent.delay_in(queue_id), now)
                if place is not None and (best is None or _weighed(place, agent, queue_id) < best[0]):
                    best = (_weighed(place, agent, queue_id), place[3])
            if agent.expects is None:
                for place in pool.to_call.places:
                    record = self.picture.waiting[place[3]]
                    if now - record.entered_at >= agent.delay_in(record.queue_id):
                        weighed = _weighed(place, agent, record.queue_id)
                        best = (weighed, place[3]) if best is None or weighed < best[0] else best
        if best is not None:
            return self.picture.waiting[best[1]]
        more = (self.picture.waiting[place[3]] for pool in agent.pools for place in pool.more.places)
        within = (record for record in more if now - record.entered_at >= agent.delay_in(record.queue_id))
        return min(within, key=lambda record: record.place, default=None)

    def _first_unpreferred(self, agent: AgentRecord, pool: Pool, before: Place | None) -> Place | None:
        """The first of a pool before a place who is in no queue that the agent has a preference for."""
        for place in pool.open.places:
            if before is not None and place >= before:
                return None
            if self.picture.waiting[place[3]].queue_id not in agent.config.preferences:
                return place
        return None

    def _first_old_enough(self, places: PlaceList, delay: timedelta, now: datetime) -> Place | None:
        """The first of a queue who has waited so long."""
        index = 0
        while index < len(places.places):
            place = places.places[index]
            if now - self.picture.waiting[place[3]].entered_at >= delay:
                return place
            # Those behind him of the same priority came later still.
            index = bisect_right(places.places, (place[0], place[1]), lo=index, key=lambda other: other[:2])
        return None

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
            if self._steps.must_be_called_first(record):
                return [] if agent.expects is not None else self.call_customer(record, now, because_of=agent)
            return self._offer(agent, record, 1, now)
        if not len(self.picture.free):
            return []
        queue = self.picture.queues[record.queue_id]
        if record.stand is Stand.TO_CALL:
            first = next((agent for agent in self._able(queue, record, now) if agent.expects is None), None)
            return [] if first is None else self.call_customer(record, now, because_of=first)
        wanted = queue.config.ring_several - len(record.offer_ids) if record.presence is Presence.PRESENT else 1
        chosen, able = self._choose(queue, record, wanted, now)
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
        preferred = nsmallest(wanted, everyone, key=lambda agent: self._rank(queue, record, agent, now))
        return preferred, len(everyone)

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
        return rank(queue.config.agent_choice, agent, record.pool.skills, queue.last_offered, now)

    # ---- chats and mails

    def _serve_text_agents(self, now: datetime) -> list[Output]:
        out: list[Output] = []
        agents = sorted(self.picture.unsettled_texts.values(), key=lambda agent: agent.agent_id)
        self.picture.unsettled_texts.clear()
        for agent in agents:
            while agent.takes_texts and (place := self._first_text_for(agent)) is not None:
                out += self._offer(agent, self.picture.waiting[place[3]], 1, now)
        self.picture.unsettled_texts.clear()
        return out

    def _first_text_for(self, agent: AgentRecord) -> Place | None:
        picked = self.picture.picked.get(agent.agent_id)
        if picked is not None and (place := self._first_kept(agent, picked, on_the_phone=False)) is not None:
            return place
        return min((pool.open.places[0] for pool in agent.pools if pool.open and not pool.on_the_phone), default=None)

    def _serve_text(self, record: WaitingRecord, now: datetime) -> list[Output]:
        """Whoever holds the fewest gets it; ties go to the longest ready, then to the first id."""
        if record.reserved_for is not None:
            agent = self.picture.agents.get(record.reserved_for)
            return [] if agent is None or not agent.takes_texts else self._offer(agent, record, 1, now)
        members = record.pool.agents
        able = (members[agent_id] for agent_id in self.picture.free_for_texts if agent_id in members)
        first = list(islice(able, COUNT_LIMIT))
        return self._offer(first[0], record, len(first), now) if first else []

    # ---- offers and calls to customers

    def call_customer(
        self,
        record: WaitingRecord,
        now: datetime,
        *,
        offer_id: OfferId | None = None,
        because_of: AgentRecord | None = None,
    ) -> list[Output]:
        """Call a callback's customer: for the agent of `offer_id`, or, without one, into his place in the queue.

        Only one is called `because_of` an agent who is free: others would wait on the line for him in vain.
        """
        callback, queue = record.callback, self.picture.queues[record.queue_id]
        if callback is None:
            raise RuntimeError(f"interaction {record.interaction_id} is no callback")
        rules = queue.config.callback_rules
        self.picture.stand_nowhere(record)
        self.picture.set_presence(record, Presence.CALLING)
        record.callback = callback.tried()
        record.calling_until = now + rules.ring_timeout + CALL_GRACE
        record.agent_waits = offer_id
        if because_of is not None:
            record.called_for, because_of.expects = because_of.agent_id, record.interaction_id
        self._steps.find_stand(record)
        self._steps.arm_waiting(record, now)
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
            offer_id=self.new_offer_id(agent, waiting, now),
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

    def new_offer_id(self, agent: AgentRecord, waiting: WaitingRecord, now: datetime) -> OfferId:
        """Milliseconds tell offers of one interaction to one agent apart; within one millisecond they count on."""
        self._last_stamp = max(int(now.timestamp() * 1000), self._last_stamp + 1)
        return OfferId(f"{waiting.interaction_id}-{agent.agent_id}-{self._last_stamp}")


def _weighed(place: Place, agent: AgentRecord, queue_id: QueueId) -> Place:
    """A place as it counts for one agent: with his preference for the queue, unless it has come of age."""
    preference = agent.config.preferences.get(queue_id)
    if preference is None or place[0] == AGED:
        return place
    return (place[0], place[1] - preference.priority, place[2], place[3])
