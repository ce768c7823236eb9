"""A business of any size to try the engine with: its queues, its agents and its callers, all drawn from one seed.

Law: twice the size is twice as many of everything, and each agent, queue and caller is of the same kind as before.
"""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentConfig, QueuePreference
from callcenter.domain.callbacks import CallbackRules, CalledFirst
from callcenter.domain.callers import CallerTraits
from callcenter.domain.ids import AgentId, InteractionId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import AgentChoice, Boosts, CallerOrder, QueueConfig, QueueLimits, RoutingStep
from callcenter.domain.rules import AllOf, AnyOf, Anyone, InGroup, SpeaksWithCaller
from callcenter.domain.skills import SkillRequirement

LANGUAGES: Final = ("zh", "en")
AGENTS_IN_A_GROUP: Final = 50
TOPICS_OF_AN_AGENT: Final = (2, 3, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many of everything; languages count as skills."""

    waiting: int = 10_000
    agents: int = 7_500
    skills: int = 50
    queues: int = 200

    def divided(self, by: int) -> "Size":
        """The same business, smaller."""
        return Size(
            waiting=self.waiting // by, agents=self.agents // by, skills=self.skills // by, queues=self.queues // by
        )


class Business:
    """The configuration of one business, and the drawing of its callers."""

    def __init__(self, size: Size, chance: random.Random) -> None:
        self.size = size
        self._chance = chance
        self._topics = [SkillId(f"topic{number:02d}") for number in range(size.skills - len(LANGUAGES))]
        self._groups = [f"group{number}" for number in range(max(size.agents // AGENTS_IN_A_GROUP, 1))]
        queue_ids = [QueueId(f"queue{number:03d}") for number in range(size.queues)]
        self.agents = [self._agent(AgentId(f"agent{number:05d}"), queue_ids) for number in range(size.agents)]
        self.queues = [self._queue(number, queue_ids) for number in range(size.queues)]
        self._busy_queues = [chance.choice(queue_ids) for _ in range(size.queues)]
        """Half of the callers go to these, and some stand here twice: queues are not equally busy."""

    def caller(self, interaction_id: InteractionId, entered_at: datetime) -> cmd.Enqueue:
        """Somebody who enters a queue."""
        chance = self._chance
        queues = self.queues if chance.random() < 0.5 else None
        known = chance.random() < 0.6
        return cmd.Enqueue(
            interaction_id=interaction_id,
            queue_id=chance.choice(queues).queue_id if queues else chance.choice(self._busy_queues),
            entered_at=entered_at,
            priority=chance.choice((0, 0, 0, 0, 0, 0, 0, 5, 10, 20)),
            skills=(SkillRequirement(skill=chance.choice(self._topics)),) if chance.random() < 0.1 else (),
            traits=CallerTraits(
                customer_class=chance.choice("AABBBCCCCC") if known else "",
                open_complaint=known and chance.random() < 0.05,
                language=chance.choice((*LANGUAGES, "zh", "zh", "")),
                last_agent_id=self.some_agent() if known and chance.random() < 0.4 else None,
                account_manager_id=self.some_agent() if known and chance.random() < 0.05 else None,
            ),
        )

    def some_agent(self) -> AgentId:
        """Any of them."""
        return self._chance.choice(self.agents).agent_id

    def some_queue(self) -> QueueConfig:
        """Any of them."""
        return self._chance.choice(self.queues)

    def changed(self, queue: QueueConfig) -> QueueConfig:
        """The queue after an administrator has touched its routing."""
        steps = (*queue.routing[:-1], replace(queue.routing[-1], priority=queue.routing[-1].priority + 1))
        return replace(queue, required=(), steps=steps)

    def retrained(self) -> AgentConfig:
        """Any agent, who has learned one thing more."""
        agent = self._chance.choice(self.agents)
        return replace(agent, skills={**agent.skills, self._chance.choice(self._topics): 5})

    def _agent(self, agent_id: AgentId, queue_ids: list[QueueId]) -> AgentConfig:
        chance = self._chance
        topics = chance.sample(self._topics, min(chance.choice(TOPICS_OF_AN_AGENT), len(self._topics)))
        spoken = chance.choice((("zh",), ("zh",), ("zh", "en"), ("en",)))
        skills = {topic: chance.randint(1, 10) for topic in topics}
        skills.update({SkillId(language): chance.randint(3, 10) for language in spoken})
        preferences = {}
        if chance.random() < 0.1:
            preference = QueuePreference(
                priority=chance.choice((5, 10)), delay=timedelta(seconds=chance.choice((0, 15)))
            )
            preferences[chance.choice(queue_ids)] = preference
        return AgentConfig(
            agent_id=agent_id,
            name=agent_id,
            skills=skills,
            groups=frozenset(chance.sample(self._groups, 1)),
            preferences=preferences,
            order=chance.randint(1, 100),
            weight=chance.randint(1, 5),
        )

    def _queue(self, number: int, queue_ids: list[QueueId]) -> QueueConfig:
        """Of ten queues six escalate in four steps to anyone, two relax their level once, two have no steps."""
        chance = self._chance
        kind = number % 10
        topic = self._topics[number % len(self._topics)]
        required: tuple[SkillRequirement, ...] = ()
        steps: tuple[RoutingStep, ...] = ()
        if kind < 6:
            steps = self._four_steps(topic, number, queue_ids)
        elif kind < 8:
            steps = (
                RoutingStep(after=timedelta(), who=SkillRequirement(skill=topic, minimum_level=4)),
                RoutingStep(after=timedelta(seconds=45), who=SkillRequirement(skill=topic), priority=5),
            )
        else:
            required = (SkillRequirement(skill=topic, minimum_level=2),)
        first = CalledFirst.CUSTOMER if number % 2 else CalledFirst.AGENT
        return QueueConfig(
            queue_id=queue_ids[number],
            label=Label(zh=f"队列 {number}", en=f"Queue {number}"),
            required=required,
            steps=steps,
            agent_choice=list(AgentChoice)[number % len(AgentChoice)],
            ring_several=3 if number % 20 == 11 else 1,
            caller_order=CallerOrder.SERVICE_OBJECTIVE if number % 4 == 3 else CallerOrder.AGE,
            boosts=Boosts(
                classes={"A": 20, "B": 10},
                open_complaint=15,
                languages={"en": 3},
                limit=30,
                last_agent=timedelta(seconds=12 if number % 3 == 0 else 0),
                account_manager=timedelta(seconds=20 if number % 3 == 0 else 0),
            ),
            limits=self._limits(number, queue_ids),
            callback=CallbackRules(first=first, lead=3),
            rona_limit=chance.choice((1, 2)),
            wrap_up=timedelta(seconds=chance.choice((10, 20, 30))),
            service_level_threshold=timedelta(seconds=chance.choice((20, 30, 60))),
        )

    def _four_steps(self, topic: SkillId, number: int, queue_ids: list[QueueId]) -> tuple[RoutingStep, ...]:
        def at_least(level: int) -> AllOf:
            return AllOf(rules=(SkillRequirement(skill=topic, minimum_level=level), SpeaksWithCaller()))

        group = InGroup(group=self._groups[number % len(self._groups)])
        at_last = None
        if number % 50 == 5:
            # Never back to a queue that itself sends people on.
            at_last = Overflow(kind=OverflowKind.QUEUE, target=queue_ids[(number + 1) % len(queue_ids)])
        return (
            RoutingStep(after=timedelta(), who=at_least(5)),
            RoutingStep(after=timedelta(seconds=20), who=at_least(2)),
            RoutingStep(after=timedelta(seconds=60), who=AnyOf(rules=(at_least(2), group)), priority=5),
            RoutingStep(after=timedelta(seconds=120), who=Anyone(), priority=5, overflow=at_last),
        )

    def _limits(self, number: int, queue_ids: list[QueueId]) -> QueueLimits:
        if number % 10 == 7:
            return QueueLimits(max_wait=timedelta(minutes=20), when_too_long=Overflow(kind=OverflowKind.MESSAGE))
        if number % 10 == 8:
            target = queue_ids[(number + 1) % len(queue_ids)]
            return QueueLimits(
                max_wait=timedelta(minutes=5), when_too_long=Overflow(kind=OverflowKind.QUEUE, target=target)
            )
        return QueueLimits()
