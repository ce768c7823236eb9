"""What the engine knows of agents: their state, their wish for after the talk, their day, and who is free."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from typing import TYPE_CHECKING

from callcenter.domain.agents import IN_TALK, AgentConfig, AgentState, Phone, PhoneStatus
from callcenter.domain.events import TimeLimit
from callcenter.domain.ids import AgentId, InteractionId, InternalCallId, OfferId, QueueId
from callcenter.domain.rules import AllOf, AnyOf, InGroup, Rule
from callcenter.domain.skills import HIGHEST_LEVEL, SkillRequirement

if TYPE_CHECKING:
    from callcenter.acd.pools import Pool

_S = AgentState
AT_WORK = frozenset({_S.OFFERED, _S.TALKING, _S.HOLD, _S.WRAP_UP})
"""With an interaction, from the first ring to the end of wrap-up."""
_AT_WORK_ON_ONE = frozenset({_S.TALKING, _S.HOLD, _S.WRAP_UP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the agent asked for while he was in a talk; `by` is a supervisor who asked for it."""

    state: AgentState
    reason: str | None = None
    by: str = ""


@dataclass(slots=True)
class AgentDay:
    """What the agent did since the business's midnight."""

    answered: int = 0
    busy: timedelta = timedelta()
    """Talk, hold and wrap-up."""
    ready: timedelta = timedelta()

    def take(self, state: AgentState, spent: timedelta) -> None:
        """Add time spent in a state."""
        if state in _AT_WORK_ON_ONE:
            self.busy += spent
        elif state is AgentState.READY:
            self.ready += spent


@dataclass(slots=True, kw_only=True, eq=False)
class AgentRecord:
    """One agent as the engine holds him; only the engine writes it."""

    config: AgentConfig
    state: AgentState = AgentState.LOGGED_OUT
    reason: str | None = None
    by: str = ""
    """The supervisor who put him into this state."""
    since: datetime
    ready_since: datetime | None = None
    phone: Phone
    phone_status: PhoneStatus = PhoneStatus.UNKNOWN
    interaction_id: InteractionId | None = None
    offer_id: OfferId | None = None
    queue_id: QueueId | None = None
    talk_since: datetime | None = None
    busy_since: datetime | None = None
    """Since when his phone rings, he talks or wraps up: one interaction's whole work."""
    wrap_up_until: datetime | None = None
    wish: Wish | None = None
    wrap_up_left: timedelta | None = None
    """While his call out rings: the after-call work that he broke off for it."""
    aside: InternalCallId | None = None
    """The colleague he calls in his after-call work, which goes on meanwhile."""
    misses: int = 0
    """Offers he missed in a row."""
    rest_until: datetime | None = None
    """He is passed over until then; the engine takes it away when it is over."""
    limit_at: datetime | None = None
    """When the reason of his being not ready is to be looked at again."""
    limit_told: tuple[TimeLimit, datetime] | None = None
    """What he was told of the time his reason may last, and when that is over."""
    day: AgentDay = field(default_factory=AgentDay)
    counted_until: datetime
    """Up to when his day is counted."""
    works: dict[InteractionId, OfferId] = field(default_factory=dict)
    """The chats and mails he holds."""
    expects: InteractionId | None = None
    """The callback whose customer is called because he is free: one at a time."""
    texts_offered: set[OfferId] = field(default_factory=set)
    pools: list[Pool] = field(default_factory=list, repr=False)
    counted: bool = False
    """Whether his pools count him as serving."""
    indexed: datetime | None = None
    """Under which idle time the list of free agents has him."""
    text_entry: TextEntry | None = None
    """Under which entry the list of those who can hold another chat has him."""

    @property
    def agent_id(self) -> AgentId:
        """Whose record this is."""
        return self.config.agent_id

    @property
    def in_talk(self) -> bool:
        """Talking, or with the caller on hold."""
        return self.state in IN_TALK

    @property
    def occupied(self) -> bool:
        """On the phone with a customer or with a colleague: what he asks for holds afterwards."""
        return self.in_talk or self.state is AgentState.INTERNAL_CALL

    @property
    def offerable(self) -> bool:
        """Ready and rested, with a phone that is not known to be busy or away, and not kept by chats."""
        return (
            self.state is AgentState.READY
            and self.rest_until is None
            and self.phone_status in (PhoneStatus.FREE, PhoneStatus.UNKNOWN)
            and (self.config.voice_interrupts or not self.works)
        )

    @property
    def takes_texts(self) -> bool:
        """Ready, with room for one more chat or mail."""
        return (
            self.state is AgentState.READY
            and self.rest_until is None
            and len(self.works) + len(self.texts_offered) < self.config.chats
        )

    @property
    def serving(self) -> bool:
        """Takes interactions now, or will after the present one."""
        if self.state is AgentState.READY:
            return self.phone_status is not PhoneStatus.UNREACHABLE
        return (self.state in AT_WORK or self.state is AgentState.INTERNAL_CALL) and self.wish is None

    def delay_in(self, queue_id: QueueId) -> timedelta:
        """How long a caller of this queue must have waited before this agent takes him."""
        preference = self.config.preferences.get(queue_id)
        return preference.delay if preference is not None else timedelta()

    def occupancy(self, now: datetime) -> float:
        """The share of his working time today that he was busy; 0 before he began."""
        ready = self.day.ready
        if self.state is AgentState.READY:
            ready += now - self.counted_until
        whole = self.day.busy + ready
        return self.day.busy / whole if whole else 0.0


TextEntry = tuple[int, datetime, AgentId]
"""How many chats and mails he holds or is offered, since when he is ready, who he is."""
Key = tuple[str, int]
"""A skill and its level, a group and 0, or nothing and 0 for everybody."""
Entry = tuple[datetime, AgentId]
_EVERYBODY: Key = ("", 0)


class FreeAgents:
    """The offerable agents, longest idle first, by every skill at its level and by every group."""

    def __init__(self) -> None:
        self._lists: dict[Key, list[Entry]] = {_EVERYBODY: []}

    def add(self, agent: AgentRecord, since: datetime) -> None:
        """Put an agent in under the time since when he is idle."""
        self.discard(agent)
        agent.indexed = since
        entry = (since, agent.agent_id)
        for key in _keys(agent.config):
            entries = self._lists.get(key)
            if entries is None:
                self._lists[key] = [entry]
            else:
                insort(entries, entry)

    def discard(self, agent: AgentRecord) -> None:
        """Take an agent out, if he is in."""
        if agent.indexed is None:
            return
        entry = (agent.indexed, agent.agent_id)
        agent.indexed = None
        for key in _keys(agent.config):
            entries = self._lists[key]
            del entries[bisect_left(entries, entry)]

    def candidates(self, rule: Rule) -> Iterator[Entry]:
        """A superset of the free agents who meet a rule, longest idle first; an agent may come more than once."""
        lists = self._covering(rule)
        return iter(lists[0]) if len(lists) == 1 else merge(*lists)

    def __len__(self) -> int:
        return len(self._lists[_EVERYBODY])

    def _covering(self, rule: Rule) -> list[list[Entry]]:
        """Lists that together hold everyone who meets the rule; of parts that must all hold, the shortest."""
        match rule:
            case SkillRequirement(skill=skill, minimum_level=level):
                found = (self._lists.get((skill, own)) for own in range(level, HIGHEST_LEVEL + 1))
                return [entries for entries in found if entries]
            case InGroup(group=group):
                return [entries] if (entries := self._lists.get((group, 0))) else []
            case AnyOf(rules=rules):
                return [entries for part in rules for entries in self._covering(part)]
            case AllOf(rules=rules) if rules:
                choices = [self._covering(part) for part in rules]
                return min(choices, key=lambda lists: sum(map(len, lists)))
            case _:
                return [self._lists[_EVERYBODY]]


class FreeForTexts:
    """The agents who can hold one more chat or mail, those with the fewest first."""

    def __init__(self) -> None:
        self._entries: list[TextEntry] = []

    def add(self, agent: AgentRecord) -> None:
        """Put an agent in."""
        self.discard(agent)
        held = len(agent.works) + len(agent.texts_offered)
        agent.text_entry = (held, agent.ready_since or agent.since, agent.agent_id)
        insort(self._entries, agent.text_entry)

    def discard(self, agent: AgentRecord) -> None:
        """Take an agent out, if he is in."""
        if agent.text_entry is not None:
            del self._entries[bisect_left(self._entries, agent.text_entry)]
            agent.text_entry = None

    def __iter__(self) -> Iterator[AgentId]:
        return (agent_id for _, _, agent_id in self._entries)


def _keys(config: AgentConfig) -> list[Key]:
    return [_EVERYBODY, *config.skills.items(), *((group, 0) for group in config.groups)]
