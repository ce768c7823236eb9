"""Pools: all agents who meet one rule, and the waiting interactions that only ask for that.

Law: a pool holds exactly the agents who meet its rule (those of a pool of texts can hold chats besides); an interaction
is open in one pool at most, and only while an agent is wanted for it. So to find an agent's next interaction only the
heads of his pools are compared, however many wait in however many queues.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_

from callcenter.acd.places import Place, PlaceList
from callcenter.acd.roster import AgentRecord
from callcenter.domain.ids import AgentId, QueueId
from callcenter.domain.rules import AllOf, AnyOf, Rule, atoms, meets
from callcenter.domain.skills import SkillRequirement

IDLE_POOLS_LIMIT = 2_000
"""So many pools, wanted or not, are kept for the next caller with the same needs."""
LOOKED_AT = 2


@dataclass(slots=True, eq=False)
class Pool:
    """The agents of one rule."""

    rule: Rule
    on_the_phone: bool
    filled: "dict[Pool, None]" = field(default_factory=dict, repr=False)
    """All pools with somebody open, this one among them as long as it has."""
    agents: dict[AgentId, AgentRecord] = field(default_factory=dict, repr=False)
    serving: int = 0
    """How many of them are at work."""
    mask: int = 0
    """The same agents once more, as bits of their numbers: what two pools share is counted at once."""
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
    gone: bool = False
    """Dropped: the next who needs the rule gets another pool."""
    skills: tuple[SkillRequirement, ...] = ()
    """The skills the rule names."""

    text: str = field(default="", repr=False)
    """The rule as people write it."""

    def __post_init__(self) -> None:
        self.text = str(self.rule)
        self.skills = tuple(atom for atom in atoms(self.rule) if isinstance(atom, SkillRequirement))

    def add(self, queue_id: QueueId, place: Place) -> None:
        """Open an interaction for offers."""
        if not self.open.places:
            self.filled[self] = None
        self.open.add(place)
        places = self.by_queue.get(queue_id)
        if places is None:
            places = self.by_queue[queue_id] = PlaceList()
        places.add(place)

    def remove(self, queue_id: QueueId, place: Place) -> None:
        """Take an open interaction out."""
        self.open.remove(place)
        if not self.open.places:
            del self.filled[self]
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
        self.filled: dict[Pool, None] = {}
        """Those with somebody open."""
        self.at_work = 0
        """The agents at work, as bits."""
        self._in_turn: deque[tuple[Rule, bool]] = deque()
        """All pools, in the order in which they are looked at for whether they are still wanted."""
        self._agents: list[AgentRecord | None] = []
        """By number; None where nobody has it."""
        self._numbers: dict[AgentId, int] = {}
        self._numbers_left: list[int] = []
        self._everybody = 0
        self._texts = 0
        """Those who can hold chats."""
        self._atoms: dict[Rule, int] = {}
        """Who meets each part that rules are made of."""

    def pool(self, rule: Rule, *, on_the_phone: bool) -> Pool:
        """The pool of a rule."""
        key = (rule, on_the_phone)
        pool = self.by_rule.get(key)
        if pool is None:
            self._drop_idle()
            pool = self.by_rule[key] = Pool(rule, on_the_phone, self.filled)
            self._in_turn.append(key)
            pool.mask = self._who_meets(rule) & (self._everybody if on_the_phone else self._texts)
            bits = f"{pool.mask:b}"[::-1]
            number = bits.find("1")
            while number >= 0:
                agent = self._agents[number]
                if agent is not None:
                    self._join(agent, pool)
                number = bits.find("1", number + 1)
        return pool

    def enter(self, agent: AgentRecord) -> None:
        """Put a new or changed agent into the pools he belongs to."""
        self.leave(agent)
        if self._numbers_left:
            number = self._numbers_left.pop()
            self._agents[number] = agent
        else:
            number = len(self._agents)
            self._agents.append(agent)
        self._numbers[agent.agent_id] = number
        bit = 1 << number
        self._everybody |= bit
        if agent.config.chats > 0:
            self._texts |= bit
        if agent.counted:
            self.at_work |= bit
        for atom, mask in self._atoms.items():
            if meets(agent.config, atom):
                self._atoms[atom] = mask | bit
        for pool in self.by_rule.values():
            if pool.admits(agent):
                pool.mask |= bit
                self._join(agent, pool)

    def leave(self, agent: AgentRecord) -> None:
        """Take an agent out of all pools."""
        number = self._numbers.pop(agent.agent_id, None)
        if number is None:
            return
        self._agents[number] = None
        self._numbers_left.append(number)
        others = ~(1 << number)
        self._everybody &= others
        self._texts &= others
        self.at_work &= others
        for atom, mask in self._atoms.items():
            self._atoms[atom] = mask & others
        for pool in agent.pools:
            del pool.agents[agent.agent_id]
            pool.mask &= others
            if agent.counted:
                pool.serving -= 1
        agent.pools.clear()

    def count(self, agent: AgentRecord) -> None:
        """An agent has come to work, or has gone."""
        bit = 1 << self._numbers[agent.agent_id]
        self.at_work = self.at_work | bit if agent.counted else self.at_work & ~bit

    def ahead(self, pool: Pool, place: Place | None) -> float:
        """How many open interactions before this place (None: all) compete for a pool's agents.

        Those of another pool count with the share of its agents at work who also serve this one.
        """
        ahead = 0.0
        ours = pool.mask & self.at_work
        for other in self.filled:
            places = other.open.places
            if other.on_the_phone is not pool.on_the_phone or not other.serving:
                continue
            if place is None:
                before = len(places)
            elif places[0] < place:
                before = bisect_left(places, place)
            else:
                continue
            ahead += before * (ours & other.mask).bit_count() / other.serving
        return ahead

    def _who_meets(self, rule: Rule) -> int:
        match rule:
            case AllOf(rules=rules):
                return reduce(and_, map(self._who_meets, rules), self._everybody)
            case AnyOf(rules=rules):
                return reduce(or_, map(self._who_meets, rules))
            case _:
                found = self._atoms.get(rule)
                if found is None:
                    found = 0
                    for number, agent in enumerate(self._agents):
                        if agent is not None and meets(agent.config, rule):
                            found |= 1 << number
                    self._atoms[rule] = found
                return found

    def _join(self, agent: AgentRecord, pool: Pool) -> None:
        pool.agents[agent.agent_id] = agent
        agent.pools.append(pool)
        if agent.counted:
            pool.serving += 1

    def _drop_idle(self) -> None:
        """Where there are many, look whether some are still wanted: a few at each new one, so that nobody waits."""
        if len(self.by_rule) < IDLE_POOLS_LIMIT:
            return
        for _ in range(LOOKED_AT):
            key = self._in_turn.popleft()
            pool = self.by_rule[key]
            if pool.waiting or pool.needed_by:
                self._in_turn.append(key)
                continue
            del self.by_rule[key]
            pool.gone = True
            for agent in pool.agents.values():
                agent.pools.remove(pool)
