"""Who may serve an interaction: a rule over an agent's skills, groups and identity.

Languages are skills whose id is the language's code, so `lang=zh` is `zh>=1`; `lang=caller` becomes the caller's own
language when he enters the queue. A rule is a value: equal rules compare equal and can be keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from callcenter.domain.agents import AgentConfig
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, SkillId
from callcenter.domain.skills import SkillRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Anyone:
    """Whoever is at work; even the skills that the caller himself was found to need are waived."""

    def __str__(self) -> str:
        return "anyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class InGroup:
    """A member of a group of agents."""

    group: str

    def __str__(self) -> str:
        return f"group {self.group}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IsAgent:
    """One agent and nobody else."""

    agent_id: AgentId

    def __str__(self) -> str:
        return f"agent {self.agent_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeaksWithCaller:
    """Has the caller's language as a skill; whose language is not known can be served by anyone."""

    minimum_level: int = 1

    def __str__(self) -> str:
        return "lang=caller" if self.minimum_level == 1 else f"lang=caller>={self.minimum_level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every one of these must hold; of no rules at all, everybody serves."""

    rules: "tuple[Rule, ...]"

    def __str__(self) -> str:
        return " and ".join(f"({rule})" if isinstance(rule, AnyOf) else str(rule) for rule in self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """One of these must hold."""

    rules: "tuple[Rule, ...]"

    def __post_init__(self) -> None:
        if not self.rules:
            raise InvalidValue("a choice of no rules can be met by nobody")

    def __str__(self) -> str:
        return " or ".join(map(str, self.rules))


Rule = Anyone | SkillRequirement | InGroup | IsAgent | SpeaksWithCaller | AllOf | AnyOf

EVERYBODY = AllOf(rules=())
"""No requirement: every agent at work may serve, who meets what the caller himself needs."""


def meets(agent: AgentConfig, rule: Rule) -> bool:
    """Whether the agent fits the rule; `lang=caller` must have been resolved before."""
    match rule:
        case SkillRequirement(skill=skill, minimum_level=level):
            return agent.skills.get(skill, 0) >= level
        case AllOf(rules=rules):
            return all(meets(agent, part) for part in rules)
        case AnyOf(rules=rules):
            return any(meets(agent, part) for part in rules)
        case InGroup(group=group):
            return group in agent.groups
        case IsAgent(agent_id=agent_id):
            return agent.agent_id == agent_id
        case Anyone():
            return True
        case SpeaksWithCaller():
            raise ValueError("lang=caller is resolved when the caller's language is known")


def for_caller(rule: Rule, language: str, skills: tuple[SkillRequirement, ...]) -> Rule:
    """The rule for one caller: his language in the place of `lang=caller`, and what he himself needs besides."""
    if isinstance(rule, Anyone):
        return rule
    resolved = _with_language(rule, language)
    if not skills:
        return resolved
    parts = resolved.rules if isinstance(resolved, AllOf) else (resolved,)
    return AllOf(rules=(*parts, *(need for need in skills if need not in parts)))


def _with_language(rule: Rule, language: str) -> Rule:
    match rule:
        case SpeaksWithCaller(minimum_level=level):
            return SkillRequirement(skill=SkillId(language), minimum_level=level) if language else EVERYBODY
        case AllOf(rules=rules):
            return AllOf(rules=tuple(_with_language(part, language) for part in rules))
        case AnyOf(rules=rules):
            return AnyOf(rules=tuple(_with_language(part, language) for part in rules))
        case _:
            return rule


def atoms(rule: Rule) -> Iterator[Rule]:
    """The parts of a rule that are not made of others."""
    if isinstance(rule, AllOf | AnyOf):
        for part in rule.rules:
            yield from atoms(part)
    else:
        yield rule
