"""The engine's picture of the floor: queues, agents, who waits, what is offered, who talks to whom.

Law: only the engine changes it; everyone else reads.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from callcenter.acd import estimate
from callcenter.acd.places import PlaceList
from callcenter.acd.pools import Pool, Pools
from callcenter.acd.roster import AgentRecord, FreeAgents, FreeForTexts
from callcenter.acd.waiting import Stand, WaitingRecord
from callcenter.domain import events as ev
from callcenter.domain.agents import NotReadyReason, QueuePreference
from callcenter.domain.callbacks import Presence
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import Offer
from callcenter.domain.queues import QueueConfig
from callcenter.domain.rules import Rule, for_caller
from callcenter.domain.skills import SkillRequirement

Preferences = Mapping[QueueId, QueuePreference]
LANGUAGES_LIMIT = 200
"""Of so many steps and languages a queue remembers who serves them."""
ELAPSED_LIMIT = 64
"""In larger pools the remaining work of each agent hardly counts, and it would take long to ask."""


@dataclass(slots=True, eq=False)
class QueueRecord:
    """One queue: its rules, who waits, how long it takes, who could serve it."""

    config: QueueConfig
    waiting: PlaceList
    handle_time: estimate.HandleTime
    patience: estimate.Patience
    ring_time: estimate.RingTime = field(default_factory=estimate.RingTime)
    pools: tuple[Pool, ...] = ()
    """Who may serve at each step, whoever calls."""
    by_language: dict[tuple[int, str], Pool] = field(default_factory=dict)
    """Who may serve on the phone at a step a caller of some language who needs nothing besides; as far as known."""
    delays: tuple[timedelta, ...] = ()
    """After which waits further agents take its callers, by their own preference; in order."""
    absent: int = 0
    """How many of those who wait are callbacks whose customers are not on the line."""
    unserved_since: datetime | None = None
    nobody_at: datetime | None = None
    """When the rule for a queue that nobody serves applies to those who wait."""
    last_offered: dict[AgentId, int] = field(default_factory=dict)
    """The number of the last offer of this queue to each agent: who goes round."""

    @property
    def served(self) -> bool:
        """Whether anybody at work can serve at any step."""
        return any(pool.serving for pool in self.pools)


class Picture:
    """Everything the engine knows of the floor."""

    def __init__(self) -> None:
        self.queues: dict[QueueId, QueueRecord] = {}
        self.agents: dict[AgentId, AgentRecord] = {}
        self.reasons: dict[str, NotReadyReason] = {}
        self.waiting: dict[InteractionId, WaitingRecord] = {}
        self.overflowed: dict[InteractionId, ev.InteractionOverflowed] = {}
        """Whom a rule took out of his queue, and where he is to go; until his call is over, or he queues again."""
        self.offers: dict[OfferId, Offer] = {}
        self.offers_end: dict[OfferId, datetime] = {}
        """When each offer is given up, should nobody report its end."""
        self.talks: dict[OfferId, AgentId] = {}
        """Who talks in which offer."""
        self.talking_interactions: dict[InteractionId, AgentId] = {}
        self.works: dict[InteractionId, AgentId] = {}
        """Who holds which chat or mail."""
        self.pools = Pools()
        self._delays: dict[QueueId, Counter[timedelta]] = {}
        """How many agents hold back from each queue for how long."""
        self.free = FreeAgents()
        self.free_for_texts = FreeForTexts()
        self.reserved: dict[AgentId, PlaceList] = {}
        """What waits for one agent alone."""
        self.picked: dict[AgentId, PlaceList] = {}
        """What a supervisor keeps for one agent."""
        self.kept_for: dict[AgentId, dict[InteractionId, None]] = {}
        """All that is reserved or picked for each agent, even what he cannot be offered at the moment."""
        self.callbacks: dict[str, InteractionId] = {}
        """The waiting callback of each telephone number."""
        self.unsettled_agents: dict[AgentId, AgentRecord] = {}
        """Agents who have become free and are not yet in the lists of free ones."""
        self.unsettled_texts: dict[AgentId, AgentRecord] = {}
        """Agents who can hold one more chat or mail than before."""
        self.unmatched: dict[InteractionId, None] = {}
        """Interactions for which somebody free may be found."""
        self.unsettled_queues: dict[QueueId, None] = {}
        """Queues of which more follows once the message has been dealt with."""
        self.gone_away: dict[AgentId, None] = {}
        """Agents who went away although something is kept for them."""

    # ---- for readers

    def agent(self, agent_id: AgentId) -> AgentRecord:
        """One agent, or `NotFound`."""
        try:
            return self.agents[agent_id]
        except KeyError:
            raise NotFound(f"there is no agent {agent_id}", code="unknown_agent") from None

    def queue(self, queue_id: QueueId) -> QueueRecord:
        """One queue, or `NotFound`."""
        try:
            return self.queues[queue_id]
        except KeyError:
            known = ", ".join(sorted(self.queues)) or "none"
            raise NotFound(f"there is no queue {queue_id}; known: {known}", code="unknown_queue") from None

    def waiting_record(self, interaction_id: InteractionId) -> WaitingRecord:
        """What waits under this id, or `NotFound`."""
        try:
            return self.waiting[interaction_id]
        except KeyError:
            raise NotFound(f"interaction {interaction_id} does not wait", code="unknown_interaction") from None

    def waiting_in(self, queue_id: QueueId) -> Iterator[WaitingRecord]:
        """Those who wait in a queue, next first, those being offered included."""
        return (self.waiting[interaction_id] for interaction_id in self.queue(queue_id).waiting)

    def position(self, interaction_id: InteractionId) -> int | None:
        """1 for who is served next, None when it does not wait."""
        record = self.waiting.get(interaction_id)
        return None if record is None else self.queues[record.queue_id].waiting.before(record.place) + 1

    def callback_of(self, number: str) -> InteractionId | None:
        """The callback that waits for a telephone number."""
        return self.callbacks.get(number)

    def serving_agents(self, queue_id: QueueId, skills: tuple[SkillRequirement, ...] = ()) -> int:
        """Agents at work who may serve at the queue's first step, and have `skills` besides."""
        pool = self._first_pool(queue_id, skills)
        return pool.serving

    def forecast(self, interaction_id: InteractionId, now: datetime) -> estimate.Prediction | None:
        """How much longer it will wait; None when nobody can serve it or it does not wait."""
        record = self.waiting.get(interaction_id)
        if record is None:
            return None
        queue = self.queues[record.queue_id]
        if record.offer_ids:
            return queue.ring_time.after(estimate.NO_WAIT)
        best = self._predict(record.pool, queue, self._ahead(record.pool, record), 0, now)
        steps = queue.config.routing
        for index in range(record.step + 1, len(steps)):
            begins = record.placed_at + steps[index].after - now
            rule = for_caller(steps[index].who, record.traits.language, record.skills)
            pool = self.pool(rule, on_the_phone=record.on_the_phone)
            best = self._or_later(best, pool, queue, self._ahead(pool, record), begins, now)
        return None if best is None else queue.ring_time.after(best)

    def _or_later(
        self,
        best: estimate.Prediction | None,
        pool: Pool,
        queue: QueueRecord,
        ahead: float,
        begins: timedelta,
        now: datetime,
    ) -> estimate.Prediction | None:
        """The forecast when from `begins` on the agents of a later step serve as well."""
        if best is not None and begins >= best.high:
            return best
        wider = self._predict(pool, queue, ahead, self._idle(pool), now)
        if wider is None:
            return best
        expected, low, high = (max(begins, moment) for moment in (wider.expected, wider.low, wider.high))
        if best is not None:
            expected, low, high = min(expected, best.expected), min(low, best.low), min(high, best.high)
        return estimate.Prediction(expected=expected, low=low, high=high)

    def _idle(self, pool: Pool) -> int:
        """1 where somebody of a pool is free, else 0: more would be asked for in vain."""
        self.settle_agents()
        return 1 if any(agent_id in pool.agents for _, agent_id in self.free.candidates(pool.rule)) else 0

    def expected_wait(self, interaction_id: InteractionId, now: datetime) -> timedelta | None:
        """The middle of the forecast."""
        forecast = self.forecast(interaction_id, now)
        return None if forecast is None else forecast.expected

    def forecast_for_newcomer(
        self, queue_id: QueueId, now: datetime, skills: tuple[SkillRequirement, ...] = ()
    ) -> estimate.Prediction | None:
        """How long somebody would wait who came to a queue now."""
        queue = self.queue(queue_id)
        pool = self._first_pool(queue_id, skills)
        best = self._predict(pool, queue, self._ahead(pool, None), self._idle(pool), now)
        for step in queue.config.routing[1:]:
            later = self.pool(for_caller(step.who, "", skills), on_the_phone=True)
            best = self._or_later(best, later, queue, self._ahead(later, None), step.after, now)
        return None if best is None else queue.ring_time.after(best)

    def _first_pool(self, queue_id: QueueId, skills: tuple[SkillRequirement, ...]) -> Pool:
        queue = self.queue(queue_id)
        if not skills and queue.pools:
            return queue.pools[0]
        return self.pool(for_caller(queue.config.rules[0], "", skills), on_the_phone=True)

    def _ahead(self, pool: Pool, record: WaitingRecord | None) -> float:
        """How many who wait before it compete for the same agents; those who do so in part count in part."""
        return self.pools.ahead(pool, None if record is None else record.place)

    def _predict(
        self, pool: Pool, queue: QueueRecord, ahead: float, idle: int, now: datetime
    ) -> estimate.Prediction | None:
        elapsed: list[timedelta] = []
        if pool.serving <= ELAPSED_LIMIT:
            elapsed = [
                max(now - agent.busy_since, timedelta())
                for agent in pool.agents.values()
                if agent.counted and agent.busy_since is not None
            ]
        return estimate.predict(
            ahead=ahead,
            idle=idle,
            servers=pool.serving,
            handle_time=queue.handle_time,
            elapsed=elapsed,
            patience=queue.patience,
        )

    # ---- for the engine

    def pool(self, rule: Rule, *, on_the_phone: bool) -> Pool:
        """The pool of a rule."""
        return self.pools.pool(rule, on_the_phone=on_the_phone)

    def pool_for(self, queue: QueueRecord, record: WaitingRecord) -> Pool:
        """Who may serve this interaction at its present step."""
        language = record.traits.language
        usual = not record.skills and record.on_the_phone
        if usual:
            known = queue.by_language.get((record.step, language))
            if known is not None and not known.gone:
                return known
        step = queue.config.routing[record.step]
        pool = self.pool(for_caller(step.who, language, record.skills), on_the_phone=record.on_the_phone)
        if usual and len(queue.by_language) < LANGUAGES_LIMIT:
            queue.by_language[record.step, language] = pool
        return pool

    def configure_pools(self, queue: QueueRecord) -> None:
        """After a queue's rules changed: who may serve it, whoever calls."""
        queue_id = queue.config.queue_id
        for pool in queue.pools:
            pool.needed_by.discard(queue_id)
        pools = []
        for rule in queue.config.rules:
            pools.append(self.pool(for_caller(rule, "", ()), on_the_phone=True))
            pools[-1].needed_by.add(queue_id)
        queue.pools = tuple(pools)
        queue.by_language.clear()
        self.unsettled_queues[queue_id] = None

    def add_waiting(self, record: WaitingRecord) -> None:
        """Put an interaction in at its place."""
        self.waiting[record.interaction_id] = record
        queue = self.queues[record.queue_id]
        queue.waiting.add(record.place)
        record.pool.waiting += 1
        if record.callback is not None and not record.is_call_out:
            self.callbacks[record.callback.number] = record.interaction_id
        if record.presence is not Presence.PRESENT:
            queue.absent += 1
        self.unsettled_queues[record.queue_id] = None

    def drop_waiting(self, record: WaitingRecord) -> None:
        """Take a waiting interaction out."""
        self.stand_nowhere(record)
        self.end_call(record)
        self.keep_for(record, None, None)
        del self.waiting[record.interaction_id]
        queue = self.queues[record.queue_id]
        queue.waiting.remove(record.place)
        record.pool.waiting -= 1
        if record.presence is not Presence.PRESENT:
            queue.absent -= 1
        if record.callback is not None and not record.is_call_out:
            self.callbacks.pop(record.callback.number, None)
        self.unsettled_queues[record.queue_id] = None

    def set_presence(self, record: WaitingRecord, presence: Presence) -> None:
        """Note whether a waiting callback's customer is on the line, or is being called."""
        here = Presence.PRESENT
        if (record.presence is here) is not (presence is here):
            self.queues[record.queue_id].absent += 1 if record.presence is here else -1
        if record.presence is Presence.CALLING:
            record.calling_until = None
            self.end_call(record)
        record.presence = presence

    def end_call(self, record: WaitingRecord) -> None:
        """The call to a customer is over: the agent because of whom it was begun may begin another."""
        agent_id, record.called_for = record.called_for, None
        agent = self.agents.get(agent_id) if agent_id is not None else None
        if agent is not None and agent.expects == record.interaction_id:
            self.before_change(agent)
            agent.expects = None
            self.after_change(agent)

    def keep_for(
        self, record: WaitingRecord, agent_id: AgentId | None, until: datetime | None, *, picked: bool = False
    ) -> None:
        """Reserve an interaction, which stands nowhere, for one agent, or for nobody."""
        if record.reserved_for is not None:
            kept = self.kept_for[record.reserved_for]
            del kept[record.interaction_id]
            if not kept:
                del self.kept_for[record.reserved_for]
        record.reserved_for, record.reserved_until, record.picked = agent_id, until, picked
        if agent_id is not None:
            self.kept_for.setdefault(agent_id, {})[record.interaction_id] = None

    def stand_nowhere(self, record: WaitingRecord) -> None:
        """Take an interaction out of the list where agents find it."""
        match record.stand:
            case Stand.OPEN:
                record.pool.remove(record.queue_id, record.place)
            case Stand.MORE:
                record.pool.more.remove(record.place)
            case Stand.TO_CALL:
                record.pool.to_call.remove(record.place)
            case Stand.RESERVED if record.reserved_for is not None:
                kept = self.picked if record.picked else self.reserved
                places = kept[record.reserved_for]
                places.remove(record.place)
                if not places:
                    del kept[record.reserved_for]
            case _:
                pass
        record.stand = Stand.NOWHERE

    def stand_in(self, record: WaitingRecord, stand: Stand) -> None:
        """Put an interaction into a list where agents find it; it stands nowhere yet."""
        match stand:
            case Stand.OPEN:
                record.pool.add(record.queue_id, record.place)
            case Stand.MORE:
                record.pool.more.add(record.place)
            case Stand.TO_CALL:
                record.pool.to_call.add(record.place)
            case Stand.RESERVED if record.reserved_for is not None:
                kept = self.picked if record.picked else self.reserved
                kept.setdefault(record.reserved_for, PlaceList()).add(record.place)
            case _:
                pass
        record.stand = stand
        if stand is not Stand.NOWHERE:
            self.unmatched[record.interaction_id] = None

    def before_change(self, agent: AgentRecord) -> None:
        """Strike an agent out where he is listed by what is about to change."""
        self.free.discard(agent)
        self.unsettled_agents.pop(agent.agent_id, None)
        self.free_for_texts.discard(agent)
        if agent.in_talk and agent.offer_id is not None and agent.interaction_id is not None:
            self.talks.pop(agent.offer_id, None)
            self.talking_interactions.pop(agent.interaction_id, None)

    def after_change(self, agent: AgentRecord) -> None:
        """List an agent anew by what he is now."""
        if agent.offerable and agent.ready_since is not None:
            self.unsettled_agents[agent.agent_id] = agent
        if agent.takes_texts:
            self.free_for_texts.add(agent)
            self.unsettled_texts[agent.agent_id] = agent
        if agent.in_talk and agent.offer_id is not None and agent.interaction_id is not None:
            self.talks[agent.offer_id] = agent.agent_id
            self.talking_interactions[agent.interaction_id] = agent.agent_id
        if agent.serving is not agent.counted:
            self._count(agent)

    def _count(self, agent: AgentRecord) -> None:
        agent.counted = not agent.counted
        self.pools.count(agent)
        change = 1 if agent.counted else -1
        for pool in agent.pools:
            pool.serving += change
            if pool.needed_by and pool.serving == max(change, 0):
                for queue_id in sorted(pool.needed_by):
                    self.unsettled_queues[queue_id] = None
        if not agent.counted and agent.agent_id in self.kept_for:
            self.gone_away[agent.agent_id] = None

    def look_after_all_queues(self) -> None:
        """Whatever may have changed for any of them."""
        for queue_id in self.queues:
            self.unsettled_queues[queue_id] = None

    def change_preferences(self, before: Preferences, after: Preferences) -> list[QueueRecord]:
        """An agent prefers other queues; gives back those whose callers come within reach at other times now."""
        for preferences, change in ((before, -1), (after, 1)):
            for queue_id, preference in preferences.items():
                if preference.delay:
                    self._delays.setdefault(queue_id, Counter())[preference.delay] += change
        changed = []
        for queue_id in sorted({*before, *after}):
            if queue_id in self._delays:
                self._delays[queue_id] = +self._delays[queue_id]
            queue = self.queues.get(queue_id)
            if queue is not None and queue.delays != self.delays_in(queue_id):
                queue.delays = self.delays_in(queue_id)
                changed.append(queue)
        return changed

    def delays_in(self, queue_id: QueueId) -> tuple[timedelta, ...]:
        """The delays agents have in one queue, in order."""
        return tuple(sorted(self._delays.get(queue_id, ())))

    def settle_agents(self) -> None:
        """Enter those who have become free, and found nothing, among the free ones."""
        for agent in self.unsettled_agents.values():
            self.free.add(agent, agent.ready_since or agent.since)
        self.unsettled_agents.clear()
