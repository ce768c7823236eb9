"""Pools: all agents who meet one rule, and the waiting interactions that only ask for that.

Law: a pool holds exactly the agents who meet its rule (those of a pool of texts can hold chats besides); an interaction
is open in one pool at most, and only while an agent is wanted for it. So to find an agent's next interaction only the
heads of his pools are compared, however many wait in however many queues.
"""

from dataclasses import dataclass, field

from callcenter.acd.places import Place, PlaceList
from callcenter.acd.roster import AgentRecord
from callcenter.domain.ids import AgentId, QueueId
from callcenter.domain.rules import Rule, atoms, meets
from callcenter.domain.skills import SkillRequirement

IDLE_POOLS_LIMIT = 2_000
"""So many pools nobody waits in are kept for the next caller with the same needs."""


@dataclass(slots=True, eq=False)
class Pool:
    """The agents of one rule."""

    rule: Rule
    on_the_phone: bool
    agents: dict[AgentId, AgentRecord] = field(default_factory=dict, repr=False)
    serving: int = 0
    """How many of them are at work."""
    version: int = 0
    """Grows whenever somebody comes to work or goes."""
    open: PlaceList = field(default_factory=PlaceList)
    """Who waits and is offered to nobody."""
    more: PlaceList = field(default_factory=PlaceList)
    """Who rings somewhere already, but may ring at further agents."""
    to_call: PlaceList = field(default_factory=PlaceList)
    """Callbacks whose customers are to be called before an agent can be offered them."""
    by_queue: dict[QueueId, PlaceList] = field(default_factory=dict)
    """The open ones once more, queue by queue, for agents who prefer some queues."""
    needed_by: set[QueueId] = field(default_factory=set)
    """The queues for which this is a step's rule, whoever calls."""
    waiting: int = 0
    """How many waiting interactions stand at this rule, open or not."""
    skills: tuple[SkillRequirement, ...] = ()
    """The skills the rule names."""

    def __post_init__(self) -> None:
        self.skills = tuple(atom for atom in atoms(self.rule) if isinstance(atom, SkillRequirement))

    def add(self, queue_id: QueueId, place: Place) -> None:
        """Open an interaction for offers."""
        self.open.add(place)
        places = self.by_queue.get(queue_id)
        if places is None:
            places = self.by_queue[queue_id] = PlaceList()
        places.add(place)

    def remove(self, queue_id: QueueId, place: Place) -> None:
        """Take an open interaction out."""
        self.open.remove(place)
        places = self.by_queue[queue_id]
        places.remove(place)
        if not places:
            del self.by_queue[queue_id]

    def admits(self, agent: AgentRecord) -> bool:
        """Whether an agent belongs in."""
        return (self.on_the_phone or agent.config.chats > 0) and meets(agent.config, self.rule)


class Pools:
    """All pools, by rule; made when somebody first needs one."""

    def __init__(self) -> None:
        self.by_rule: dict[tuple[Rule, bool], Pool] = {}
        self._overlaps: dict[tuple[int, int], tuple[int, int, float]] = {}

    def pool(self, rule: Rule, *, on_the_phone: bool, agents: dict[AgentId, AgentRecord]) -> Pool:
        """The pool of a rule, made of `agents` if it is new."""
        key = (rule, on_the_phone)
        pool = self.by_rule.get(key)
        if pool is None:
            self._drop_idle()
            pool = self.by_rule[key] = Pool(rule, on_the_phone)
            for agent in agents.values():
                if pool.admits(agent):
                    self._join(agent, pool)
        return pool

    def enter(self, agent: AgentRecord) -> None:
        """Put a new or changed agent into the pools he belongs to."""
        self.leave(agent)
        for pool in self.by_rule.values():
            if pool.admits(agent):
                self._join(agent, pool)

    def leave(self, agent: AgentRecord) -> None:
        """Take an agent out of all pools."""
        for pool in agent.pools:
            del pool.agents[agent.agent_id]
            pool.version += 1
            if agent.counted:
                pool.serving -= 1
        agent.pools.clear()

    def _join(self, agent: AgentRecord, pool: Pool) -> None:
        pool.agents[agent.agent_id] = agent
        pool.version += 1
        agent.pools.append(pool)
        if agent.counted:
            pool.serving += 1

    def overlap(self, pool: Pool, other: Pool) -> float:
        """The share of `other`'s agents at work who also serve `pool`, 0 to 1."""
        if pool is other:
            return 1.0
        key = (id(pool), id(other))
        known = self._overlaps.get(key)
        if known is not None and known[0] == pool.version and known[1] == other.version:
            return known[2]
        shared = sum(1 for agent_id, agent in other.agents.items() if agent.counted and agent_id in pool.agents)
        share = shared / other.serving if other.serving else 0.0
        self._overlaps[key] = (pool.version, other.version, share)
        return share

    def _drop_idle(self) -> None:
        if len(self.by_rule) < IDLE_POOLS_LIMIT:
            return
        idle = [key for key, pool in self.by_rule.items() if not pool.waiting and not pool.needed_by]
        for key in idle[: max(len(idle) // 2, 1)]:
            pool = self.by_rule.pop(key)
            for agent in pool.agents.values():
                agent.pools.remove(pool)
        self._overlaps.clear()
