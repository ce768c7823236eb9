"""Who would serve a caller of a queue at this moment, and why the others would not: read off the picture.

Law: it is the order in which the engine itself would offer him, were nobody else waiting; nothing is changed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from callcenter.acd.boosts import boost_of
from callcenter.acd.choice import rank
from callcenter.acd.picture import Picture
from callcenter.acd.reasons import clock_text
from callcenter.acd.roster import AgentRecord
from callcenter.acd.why import KINDS, OWN_REASONS, kind_on_the_phone
from callcenter.domain.callers import CallerTraits
from callcenter.domain.ids import AgentId
from callcenter.domain.labels import Label
from callcenter.domain.offers import ReasonPart
from callcenter.domain.queues import AgentChoice, QueueConfig
from callcenter.domain.rule_text import rule_text
from callcenter.domain.rules import AllOf, AnyOf, Rule, atoms, for_caller, meets
from callcenter.domain.skills import SkillRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The caller who is imagined: on the phone, so long in the queue already."""

    traits: CallerTraits
    skills: tuple[SkillRequirement, ...] = ()
    waited: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One agent: `place` counts from 1 among those who would be offered him now, None for the others."""

    agent_id: AgentId
    name: str
    place: int | None
    kind: str
    """`free`, what he is at, or `unfit`."""
    reason: Label
    from_step: int | None
    """The first step by which he may serve, counted from 0; None: by none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the rules make of the caller now, and every agent with his reason, those who would serve first."""

    step: int
    rule: str
    priority: int
    grounds: tuple[ReasonPart, ...]
    of_age: bool
    candidates: tuple[Candidate, ...]


def who_would_serve(picture: Picture, queue: QueueConfig, asked: Asked, now: datetime) -> Preview:
    """The preview for a queue with these rules, which need not be those in force."""
    rules = [for_caller(step.who, asked.traits.language, asked.skills) for step in queue.routing]
    begun = [index for index, step in enumerate(queue.routing) if step.after <= asked.waited]
    step = begun[-1]
    rule = rules[step]
    known = picture.queues.get(queue.queue_id)
    last_offered = known.last_offered if known is not None else {}
    skills = tuple(atom for atom in atoms(rule) if isinstance(atom, SkillRequirement))
    free: list[AgentRecord] = []
    others: list[Candidate] = []
    for agent in picture.agents.values():
        kind = kind_on_the_phone(agent, queue.queue_id, asked.waited)
        if meets(agent.config, rule) and kind == "free":
            free.append(agent)
            continue
        reason = _why_not(agent, rule, kind, queue)
        fits = meets(agent.config, rule)
        others.append(_candidate(agent, kind if fits else "unfit", reason, None, rules))
    free.sort(key=lambda agent: rank(queue.agent_choice, agent, skills, last_offered, now))
    chosen = [
        _candidate(agent, "free", _why(agent, queue, skills, now), place, rules)
        for place, agent in enumerate(free, start=1)
    ]
    kinds = list(KINDS)
    others.sort(key=lambda one: (one.kind == "unfit", kinds.index(one.kind) if one.kind in kinds else 0, one.agent_id))
    boost, grounds = boost_of(asked.traits, queue.boosts)
    return Preview(
        step=step,
        rule=rule_text(rule),
        priority=boost + sum(queue.routing[index].priority for index in begun),
        grounds=grounds,
        of_age=queue.ageing_limit is not None and asked.waited >= queue.ageing_limit,
        candidates=(*chosen, *others),
    )


def _candidate(agent: AgentRecord, kind: str, reason: Label, place: int | None, rules: list[Rule]) -> Candidate:
    return Candidate(
        agent_id=agent.agent_id,
        name=agent.config.name,
        place=place,
        kind=kind,
        reason=reason,
        from_step=next((index for index, rule in enumerate(rules) if meets(agent.config, rule)), None),
    )


def _why(agent: AgentRecord, queue: QueueConfig, skills: tuple[SkillRequirement, ...], now: datetime) -> Label:
    """What his place rests on."""
    idle = clock_text(int((now - (agent.ready_since or now)).total_seconds()))
    own = agent.config
    levels = ", ".join(f"{need.skill} {own.skills.get(need.skill, 0)}" for need in skills)
    grounds: dict[AgentChoice, tuple[str, str]] = {
        AgentChoice.SPECIALISTS_FIRST: (
            f"多余技能 {len(own.skills.keys() - {need.skill for need in skills})} 项",
            f"{len(own.skills.keys() - {need.skill for need in skills})} other skills",
        ),
        AgentChoice.HIGHEST_LEVEL: (f"等级 {levels or '–'}", f"levels {levels or '–'}"),
        AgentChoice.LEAST_OCCUPIED: (
            f"今日占用 {agent.occupancy(now):.0%}",
            f"occupied {agent.occupancy(now):.0%} today",
        ),
        AgentChoice.FEWEST_ANSWERED: (f"今日接听 {agent.day.answered}", f"{agent.day.answered} answered today"),
        AgentChoice.ROUND_ROBIN: ("轮到的先后", "his turn"),
        AgentChoice.FIXED_ORDER: (f"顺序 {own.order}", f"order {own.order}"),
        AgentChoice.WEIGHTED: (
            f"今日接听 {agent.day.answered}，权重 {own.weight}",
            f"{agent.day.answered} answered today, weight {own.weight}",
        ),
        AgentChoice.LONGEST_IDLE: (f"技能 {levels}" if levels else "", f"skills {levels}" if levels else ""),
    }
    zh, en = grounds[queue.agent_choice]
    return Label(zh="；".join(filter(None, (zh, f"空闲 {idle}"))), en="; ".join(filter(None, (en, f"idle {idle}"))))


def _why_not(agent: AgentRecord, rule: Rule, kind: str, queue: QueueConfig) -> Label:
    if meets(agent.config, rule):
        told = KINDS[kind]
        if kind == "delayed":
            wait = f"{agent.delay_in(queue.queue_id).total_seconds():g}"
            return Label(zh=f"{told.zh}：等满 {wait} 秒才轮到他", en=f"{told.en}: only after {wait} s")
        if kind == "not_ready" and agent.reason:
            why = OWN_REASONS.get(agent.reason, Label(zh=agent.reason, en=agent.reason))
            return Label(zh=f"{told.zh}（{why.zh}）", en=f"{told.en} ({why.en})")
        return told
    lacks = " ".join(map(str, dict.fromkeys(_lacking(agent, rule))))
    return Label(zh=f"不符合：{lacks}", en=f"does not meet {lacks}")


def _lacking(agent: AgentRecord, rule: Rule) -> list[str]:
    """The parts he does not meet; of a choice that he meets in no way, the whole of it."""
    match rule:
        case AllOf(rules=rules):
            return [text for part in rules if not meets(agent.config, part) for text in _lacking(agent, part)]
        case AnyOf():
            return [f"({rule})"]
        case SkillRequirement(skill=skill) if agent.config.skills.get(skill):
            return [f"{rule} ({skill} {agent.config.skills[skill]})"]
        case _:
            return [str(rule)]
