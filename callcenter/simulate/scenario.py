"""What is simulated: queues, groups of agents, streams of callers, and for how long."""

from dataclasses import dataclass, field

from callcenter.domain.agents import AgentConfig
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.queues import QueueConfig
from callcenter.domain.rules import Anyone, for_caller, meets
from callcenter.domain.skills import SkillRequirement
from callcenter.simulate.arrivals import RateInterval
from callcenter.simulate.chance import NEVER, NOTHING, Lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Every day between these times of the day, in microseconds since midnight."""

    begins: int
    ends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedQueue:
    """A queue's rules, and how long its callers take."""

    config: QueueConfig
    handle_time: Lengths
    after_call_work: Lengths | None = None
    """None: wrap-up lasts as long as the queue says."""
    short_abandon_seconds: float = 5.0

    @property
    def queue_id(self) -> QueueId:
        """Its id."""
        return self.config.queue_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentGroup:
    """Agents alike."""

    group_id: str
    count: int
    skills: dict[SkillId, int] = field(default_factory=dict)
    shifts: tuple[Shift, ...] = ()
    """None: at work all the time."""
    ring_delay: Lengths = NOTHING
    """How long it takes an agent to answer."""
    missed_share: float = 0.0
    back_after_miss: Lengths = NOTHING
    """How long an agent who missed a call, and was set not ready, takes to come back."""
    penalty: int = 0
    """Stock app_queue's penalty of these agents, where one queue stands for all skills."""

    def configs(self) -> list[AgentConfig]:
        """The agents, numbered from 1."""
        width = len(str(self.count))
        return [
            AgentConfig(
                agent_id=AgentId(f"{self.group_id}-{number:0{width}}"),
                name=f"{self.group_id} {number}",
                skills=self.skills,
                groups=frozenset({self.group_id}),
            )
            for number in range(1, self.count + 1)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Callers alike, who come to one queue."""

    stream_id: str
    queue_id: QueueId
    rates: tuple[RateInterval, ...] = ()
    seconds_between: tuple[float, ...] = ()
    """Recorded intervals instead of rates."""
    skills: tuple[SkillRequirement, ...] = ()
    traits: CallerTraits = A_STRANGER
    priority: int = 0
    patience: Lengths = NEVER
    handle_time: Lengths | None = None
    """None: the queue's."""
    after_call_work: Lengths | None = None
    min_penalty: int | None = None
    max_penalty: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppQueueOptions:
    """How stock app_queue would be set up for the same callers and agents (queues.conf)."""

    retry_seconds: int = 5
    autopause: bool = False
    strategy: str = "leastrecent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The whole of it; times in microseconds."""

    seed: int
    begins: int
    """The time of the day at which it begins."""
    duration: int
    warm_up: int
    replications: int
    queues: tuple[SimulatedQueue, ...]
    agents: tuple[AgentGroup, ...]
    arrivals: tuple[Stream, ...]
    app_queue: AppQueueOptions = AppQueueOptions()

    def queue(self, queue_id: QueueId) -> SimulatedQueue:
        """One queue; KeyError when there is none."""
        for queue in self.queues:
            if queue.queue_id == queue_id:
                return queue
        raise KeyError(queue_id)

    def able(self, stream: Stream, *, step: int = 0) -> frozenset[int]:
        """The indexes of the groups that may serve a stream's callers by one of the queue's steps."""
        rule = for_caller(self.queue(stream.queue_id).config.routing[step].who, stream.traits.language, stream.skills)
        return frozenset(
            index
            for index, group in enumerate(self.agents)
            if isinstance(rule, Anyone) or meets(group.configs()[0], rule)
        )
