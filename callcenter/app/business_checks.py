"""Whether the parts of the business's configuration fit together: what is refused, and what is only warned of.

Law: nothing here reads or writes; every fault says in which item it is, and in which field.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from callcenter.app.business import ONE_OF, Business, Part
from callcenter.app.business_items import QueueEntry
from callcenter.domain.agents import AgentConfig
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import QueueConfig
from callcenter.domain.rule_text import rule_text
from callcenter.domain.rules import AllOf, InGroup, IsAgent, Rule, atoms, for_caller, meets
from callcenter.domain.skills import SkillRequirement

BROWSER_SUFFIX = "w"
"""Agent 1001's phone in the browser signs in as 1001w."""
LANGUAGES = ("", "zh", "en")
"""The languages of callers for whom it is looked who may serve; empty: not known yet."""

Place = tuple[str, ...]
"""A part, an item of it and the names of the fields within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessFault:
    """What cannot be so; it can be mended at any of the `places`."""

    code: str
    what: str
    right: str
    places: tuple[Place, ...]


def faults(business: Business) -> Iterator[BusinessFault]:
    """Everything in which the parts contradict one another, or a queue itself."""
    for entry in business.queues.values():
        yield from _queue_faults(business, entry)
    yield from _round_trips(business)
    for rule in business.alerts.values():
        if rule.queue is not None and rule.queue not in business.queues:
            yield BusinessFault(
                code="unknown_queue",
                what=f"alert {rule.alert_id} watches the queue {rule.queue!r}, which there is not",
                right=f"known: {', '.join(sorted(business.queues)) or 'none'}; left out, every queue is watched",
                places=((Part.ALERTS, rule.alert_id, "queue"), (Part.QUEUES, rule.queue)),
            )
    for agent in business.agents.values():
        yield from _agent_faults(business, agent)


def warnings(business: Business) -> tuple[str, ...]:
    """What may be meant so, but rarely is."""
    told = [
        f"queue {entry.config.queue_id}: {line}"
        for entry in business.queues.values()
        for line in _doubts(business, entry)
    ]
    used = {skill for entry in business.queues.values() for skill in _skills(entry.config)}
    used |= {skill for agent in business.agents.values() for skill in agent.skills}
    told += [f"skill {skill}: no queue asks for it and no agent has it" for skill in business.skills.keys() - used]
    used_hours = {entry.hours for entry in business.queues.values()}
    told += [f"opening hours {name}: no queue has them" for name in business.hours.keys() - used_hours]
    told += [
        f"opening hours {name}: they are never open"
        for name, hours in business.hours.items()
        if not hours.week and not any(hours.special.values())
    ]
    return tuple(sorted(told))


def may_serve(agent: AgentConfig, rule: Rule) -> bool:
    """Whether the agent may serve some caller by this rule, whatever his language."""
    return any(meets(agent, for_caller(rule, language, ())) for language in LANGUAGES)


def able_agents(queue: QueueConfig, agents: Iterable[AgentConfig]) -> tuple[AgentConfig, ...]:
    """Those who may serve the queue by any of its steps."""
    return tuple(agent for agent in agents if any(may_serve(agent, rule) for rule in queue.rules))


# ---- faults


def _queue_faults(business: Business, entry: QueueEntry) -> Iterator[BusinessFault]:
    queue = entry.config
    place = (Part.QUEUES, queue.queue_id)
    told = f"queue {queue.queue_id}"
    unknown = list(_unknown_in_rules(business, queue))
    yield from unknown
    if entry.hours and entry.hours not in business.hours:
        right = f"add them to the hours, or use {_known(business.hours)}"
        what = f"{told}: there are no opening hours {entry.hours!r}"
        yield BusinessFault(code="unknown_hours", what=what, right=right, places=((*place, "hours"),))
    for names, overflow in overflows(queue):
        yield from _overflow_faults(business, queue, overflow, (*place, *names))
    if not queue.offers_something:
        wishes = {
            "offer_callback_after_seconds": queue.offer_callback_after is not None,
            "offer_callback_above_seconds": queue.offer_callback_above is not None,
        }
        offers: list[Place] = [(*place, name) for name, is_wished in wishes.items() if is_wished]
        offers += [
            (*place, "steps", str(index), "offer_callback")
            for index, step in enumerate(queue.steps)
            if step.offer_callback
        ]
        for where in offers:
            what = f"{told}: it offers to call back, and has 'callback: false'"
            right = "take one of the two out, or let callers choose something else (waiting: message, self_service)"
            yield BusinessFault(code="no_callback", what=what, right=right, places=(where,))
    last = queue.routing[-1]
    if business.agents and not unknown and not any(may_serve(agent, last.who) for agent in business.agents.values()):
        yield _unserved(queue, last.who, place)


def _unserved(queue: QueueConfig, rule: Rule, place: Place) -> BusinessFault:
    if queue.steps:
        what = f"queue {queue.queue_id}: nobody can serve it even by its last step ({rule_text(rule)})"
        right = "give an agent what it asks for, or let the last step be 'anyone'"
        where: Place = (*place, "steps", str(len(queue.steps) - 1), "who")
    else:
        what = f"queue {queue.queue_id}: nobody can serve it"
        right = f"give an agent the skills {', '.join(map(str, queue.required))}"
        where = (*place, "skills")
    return BusinessFault(code="unserved_queue", what=what, right=right, places=(where, (Part.AGENTS,)))


def _unknown_in_rules(business: Business, queue: QueueConfig) -> Iterator[BusinessFault]:
    place = (Part.QUEUES, queue.queue_id)
    for need in queue.required:
        if need.skill not in business.skills:
            yield _unknown_skill(business, Part.QUEUES, queue.queue_id, need.skill, (*place, "skills", need.skill))
    groups = {group for agent in business.agents.values() for group in agent.groups}
    told: set[Rule] = set()
    for index, step in enumerate(queue.steps):
        where = (*place, "steps", str(index), "who")
        for atom in atoms(step.who):
            if atom in told:
                continue  # A step that widens the one before has its faults too.
            told.add(atom)
            match atom:
                case SkillRequirement(skill=skill) if skill not in business.skills:
                    yield _unknown_skill(business, Part.QUEUES, queue.queue_id, skill, where)
                case InGroup(group=group) if group not in groups:
                    what = f"queue {queue.queue_id}: no agent is in a group {group!r}"
                    right = f"add it to the groups of an agent, or use {_known(groups)}"
                    yield BusinessFault(code="unknown_group", what=what, right=right, places=(where,))
                case IsAgent(agent_id=agent_id) if agent_id not in business.agents:
                    what = f"queue {queue.queue_id}: there is no agent {agent_id!r}"
                    right = f"use {_known(set(map(str, business.agents)))}"
                    yield BusinessFault(code="unknown_agent", what=what, right=right, places=(where,))
                case _:
                    pass


def _overflow_faults(
    business: Business, queue: QueueConfig, overflow: Overflow, where: Place
) -> Iterator[BusinessFault]:
    told = f"queue {queue.queue_id}"
    if overflow.kind is OverflowKind.CALLBACK and queue.callback is None:
        what = f"{told}: it overflows to a callback, and has 'callback: false'"
        yield BusinessFault(code="no_callback", what=what, right="take one of the two out", places=(where,))
    if overflow.kind is not OverflowKind.QUEUE:
        return
    if overflow.target == queue.queue_id:
        what = f"{told} overflows to itself"
        yield BusinessFault(code="overflow_loop", what=what, right="name another queue", places=(where,))
    elif overflow.target not in business.queues:
        what = f"{told}: it overflows to a queue {overflow.target!r}, which is not there"
        right = f"add it to the queues, or use {_known(business.queues)}"
        yield BusinessFault(code="unknown_queue", what=what, right=right, places=(where,))


def _round_trips(business: Business) -> Iterator[BusinessFault]:
    """Each way on which callers would be sent round, once."""
    ways: dict[QueueId, dict[QueueId, Place]] = {}
    for queue_id, entry in sorted(business.queues.items()):
        for names, overflow in overflows(entry.config):
            target = QueueId(overflow.target)
            if overflow.kind is OverflowKind.QUEUE and target in business.queues and target != queue_id:
                ways.setdefault(queue_id, {}).setdefault(target, (Part.QUEUES, queue_id, *names))
    told: set[QueueId] = set()
    for queue_id in ways:
        loop = _way_back(ways, queue_id) if queue_id not in told else None
        if loop is None:
            continue
        told |= set(loop)
        yield BusinessFault(
            code="overflow_loop",
            what=f"overflows go round: {' -> '.join((*loop, queue_id))}",
            right="let one of them end elsewhere: at a number, a callback, a message, or closed",
            places=tuple(ways[here][there] for here, there in zip(loop, (*loop[1:], queue_id), strict=True)),
        )


def _way_back(ways: Mapping[QueueId, Mapping[QueueId, Place]], start: QueueId) -> tuple[QueueId, ...] | None:
    """The shortest way from a queue to itself."""
    came_from: dict[QueueId, QueueId] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in ways.get(here, ()):
            if there == start:
                way = [here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return None


def _agent_faults(business: Business, agent: AgentConfig) -> Iterator[BusinessFault]:
    place = (Part.AGENTS, agent.agent_id)
    for skill in agent.skills:
        if skill not in business.skills:
            yield _unknown_skill(business, Part.AGENTS, agent.agent_id, skill, (*place, "skills", skill))
    for queue_id in agent.preferences:
        if queue_id not in business.queues:
            what = f"agent {agent.agent_id}: he prefers a queue {queue_id!r}, which is not there"
            right = f"known: {_known(business.queues)}"
            where = (*place, "preferences", queue_id)
            yield BusinessFault(code="unknown_queue", what=what, right=right, places=(where,))
    twin = AgentId(agent.agent_id + BROWSER_SUFFIX)
    if twin in business.agents:
        what = f"agent {twin} has the name of the browser's phone of agent {agent.agent_id}"
        yield BusinessFault(
            code="name_taken", what=what, right="give it another id", places=((Part.AGENTS, twin), place)
        )


def _unknown_skill(business: Business, part: Part, item: str, skill: SkillId, where: Place) -> BusinessFault:
    right = f"add it to the skills, or use {_known(business.skills)}"
    what = f"{ONE_OF[part]} {item}: there is no skill {skill!r}"
    return BusinessFault(code="unknown_skill", what=what, right=right, places=(where, (Part.SKILLS,)))


def _known(names: Mapping[QueueId, object] | Mapping[SkillId, object] | Mapping[str, object] | set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


# ---- warnings


def _doubts(business: Business, entry: QueueEntry) -> Iterator[str]:
    queue, limits = entry.config, entry.config.limits
    if not business.agents:
        needs = ", ".join(map(str, queue.required))
        yield "nobody can serve it" + (f"; give an agent the skills {needs}" if needs else "; there are no agents")
    yield from _doubtful_steps(business, queue)
    yield from _doubtful_waiting(queue)
    halves = {
        "hours without when_closed: it is never closed": bool(entry.hours) and limits.when_closed is None,
        "when_closed without hours: it is never closed": bool(limits.when_closed) and not entry.hours,
        "max_waiting without when_full: it is never full": limits.max_waiting is not None and limits.when_full is None,
        "when_full without max_waiting: it is never full": bool(limits.when_full) and limits.max_waiting is None,
        "max_wait_seconds without when_too_long: nothing happens then": (
            limits.max_wait is not None and limits.when_too_long is None
        ),
        "when_too_long without max_wait_seconds: it never applies": (
            bool(limits.when_too_long) and limits.max_wait is None
        ),
        "nobody_after_seconds without when_nobody: nothing happens then": (
            bool(limits.nobody_after) and limits.when_nobody is None
        ),
        f"wrap_up_seconds ({_told(queue.wrap_up)}) is longer than wrap_up_limit_seconds": (
            queue.wrap_up > queue.wrap_up_limit
        ),
    }
    yield from (line for line, is_so in halves.items() if is_so)
    if limits.max_wait is not None and limits.when_too_long is not None:
        never = [_told(step.after) for step in queue.steps if step.after >= limits.max_wait]
        if never:
            yield f"its steps at {', '.join(never)} never begin: after {_told(limits.max_wait)} it overflows"
    ending = next((step for step in queue.steps[:-1] if step.overflow is not None), None)
    if ending is not None:
        yield f"its steps after {_told(ending.after)} never begin: there it overflows"


def _doubtful_steps(business: Business, queue: QueueConfig) -> Iterator[str]:
    """Steps that nobody meets but the last (that is a fault), and steps that take away who could serve before."""
    before: Rule | None = None
    able: frozenset[tuple[AgentId, str]] = frozenset()
    for index, step in enumerate(queue.steps):
        can = frozenset(
            (agent.agent_id, language)
            for agent in business.agents.values()
            for language in LANGUAGES
            if meets(agent, for_caller(step.who, language, ()))
        )
        told = f"its step at {_told(step.after)} ({rule_text(step.who, before=before)})"
        if business.agents and not can and index < len(queue.steps) - 1:
            yield f"nobody can serve {told}"
        lost = sorted({agent_id for agent_id, _ in able - can})
        if lost and before is not None and not _narrows(before, step.who):
            names = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
            mend = "begin it with 'or', or with 'and' if it is meant so"
            yield f"{told} takes away {names}, who could serve before; {mend}"
        before, able = step.who, can


def _doubtful_waiting(queue: QueueConfig) -> Iterator[str]:
    rules = queue.waiting
    if not queue.asks and (rules.message or rules.self_service or rules.ask_again_after is not None):
        yield "nobody is ever asked: give it ask_on_entry, offer_callback_after_seconds or a step with offer_callback"
    if queue.asks and not queue.offers_something:
        yield "there is nothing to choose but to wait, so nobody is asked; give it a callback, message or self_service"


def _narrows(before: Rule, rule: Rule) -> bool:
    """Whether the rule is the one before and something else, as a text that begins with `and` is read."""
    parts = before.rules if isinstance(before, AllOf) else (before,)
    return isinstance(rule, AllOf) and set(parts) <= set(rule.rules)


def overflows(queue: QueueConfig) -> Iterator[tuple[Place, Overflow]]:
    """Where a queue may send its callers, each with the field that says so."""
    limits = queue.limits
    fields = {
        "when_closed": limits.when_closed,
        "when_full": limits.when_full,
        "when_too_long": limits.when_too_long,
        "when_nobody": limits.when_nobody,
        "when_emergency": limits.when_emergency,
    }
    for name, overflow in fields.items():
        if overflow is not None:
            yield (name,), overflow
    for index, step in enumerate(queue.steps):
        if step.overflow is not None:
            yield ("steps", str(index), "overflow"), step.overflow


def _skills(queue: QueueConfig) -> Iterator[SkillId]:
    for rule in queue.rules:
        for atom in atoms(rule):
            if isinstance(atom, SkillRequirement):
                yield atom.skill


def _told(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"
