"""What the business sets, as one value: put together from what there is and what is wanted, and compared.

Law: nothing here reads or writes; the same two values give the same changes in the same order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from callcenter.app.business_items import HoursEntry, QueueEntry, ReasonCode
from callcenter.app.business_tables import FieldChange, differences
from callcenter.app.ports import CodeLabel, NumberRoute
from callcenter.domain.agents import AgentConfig
from callcenter.domain.alerts import AlertRule
from callcenter.domain.best_offers import BestOffer
from callcenter.domain.connectors import ConnectorRule
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.privacy import RetentionRule, RoleRule

Item = TypeVar("Item")


class BusinessInUse(Conflict):
    """What is to be removed has calls or somebody at work; nothing was changed."""

    code = "in_use"


class Part(StrEnum):
    """The parts of a business's configuration, in the order in which they need one another."""

    SKILLS = "skills"
    HOURS = "hours"
    QUEUES = "queues"
    AGENTS = "agents"
    NUMBERS = "numbers"
    REASONS = "reasons"
    DISPOSITIONS = "dispositions"
    ALERTS = "alerts"
    ROLES = "roles"
    RETENTION = "retention"
    CONNECTORS = "connectors"
    BEST_OFFERS = "best_offers"


ONE_OF: Mapping[Part, str] = {
    Part.SKILLS: "skill",
    Part.HOURS: "opening hours",
    Part.QUEUES: "queue",
    Part.AGENTS: "agent",
    Part.NUMBERS: "number",
    Part.REASONS: "reason",
    Part.DISPOSITIONS: "disposition",
    Part.ALERTS: "alert",
    Part.ROLES: "role",
    Part.RETENTION: "retention of",
    Part.CONNECTORS: "connector",
    Part.BEST_OFFERS: "best offer",
}


ORDERED_PARTS = (Part.REASONS, Part.DISPOSITIONS)
"""People see these in the order the administrator gave them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """Everything the business sets; each part by its id, reasons and dispositions in the order people see."""

    skills: Mapping[SkillId, Label] = field(default_factory=dict)
    hours: Mapping[str, HoursEntry] = field(default_factory=dict)
    queues: Mapping[QueueId, QueueEntry] = field(default_factory=dict)
    agents: Mapping[AgentId, AgentConfig] = field(default_factory=dict)
    numbers: Mapping[str, NumberRoute] = field(default_factory=dict)
    reasons: Mapping[str, ReasonCode] = field(default_factory=dict)
    dispositions: Mapping[str, CodeLabel] = field(default_factory=dict)
    alerts: Mapping[str, AlertRule] = field(default_factory=dict)
    roles: Mapping[str, RoleRule] = field(default_factory=dict)
    retention: Mapping[str, RetentionRule] = field(default_factory=dict)
    connectors: Mapping[str, ConnectorRule] = field(default_factory=dict)
    best_offers: Mapping[str, BestOffer] = field(default_factory=dict)

    def part(self, part: Part) -> Mapping[str, object]:
        """One part, by the ids of its items."""
        parts: Mapping[Part, Mapping[str, object]] = {
            Part.SKILLS: _plain(self.skills),
            Part.HOURS: self.hours,
            Part.QUEUES: _plain(self.queues),
            Part.AGENTS: _plain(self.agents),
            Part.NUMBERS: self.numbers,
            Part.REASONS: self.reasons,
            Part.DISPOSITIONS: self.dispositions,
            Part.ALERTS: self.alerts,
            Part.ROLES: self.roles,
            Part.RETENTION: self.retention,
            Part.CONNECTORS: self.connectors,
            Part.BEST_OFFERS: self.best_offers,
        }
        return parts[part]

    def __bool__(self) -> bool:
        return any(self.part(part) for part in Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a file asks for: its items, which parts it speaks of, and whose phones it leaves to the agents."""

    business: Business
    parts: frozenset[Part]
    without_phone: frozenset[AgentId] = frozenset()


class ChangeKind(StrEnum):
    """What becomes of an item."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    ORDERED = "ordered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One item that is not as it was; of `ordered` the item is the whole part."""

    kind: ChangeKind
    part: Part
    item: str = ""
    fields: tuple[FieldChange, ...] = ()
    order: tuple[str, ...] = ()

    def __str__(self) -> str:
        details = self.order or tuple(map(str, self.fields))
        told = f": {', '.join(details)}" if details else ""
        if self.kind is ChangeKind.ORDERED:
            return f"changed the order of the {self.part}{told}"
        return f"{self.kind} {ONE_OF[self.part]} {self.item}{told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationVersion:
    """One state of the business's configuration: who made it, when and why, and the whole of it as YAML."""

    version: int
    at: datetime
    by: str
    text: str
    note: str = ""
    changes: tuple[Change, ...] | None = None
    """What is not as in the version before; None where that was not kept."""


def combine(present: Business, wanted: Wanted, *, remove_missing: bool) -> Business:
    """What there will be: what is wanted, over what there is.

    A part the file does not speak of stays as it is; in the others, items the file does not have stay too, unless
    `remove_missing`. An agent without a phone in the file keeps the one he has.
    """
    ours = wanted.business
    agents = {
        agent_id: replace(agent, phone=present.agents[agent_id].phone)
        if agent_id in wanted.without_phone and agent_id in present.agents
        else agent
        for agent_id, agent in ours.agents.items()
    }
    gone = wanted.parts if remove_missing else frozenset[Part]()
    return Business(
        skills=_over(present.skills, ours.skills, clear=Part.SKILLS in gone),
        hours=_over(present.hours, ours.hours, clear=Part.HOURS in gone),
        queues=_over(present.queues, ours.queues, clear=Part.QUEUES in gone),
        agents=_over(present.agents, agents, clear=Part.AGENTS in gone),
        numbers=_over(present.numbers, ours.numbers, clear=Part.NUMBERS in gone),
        reasons=_over(present.reasons, ours.reasons, clear=Part.REASONS in gone, ours_first=True),
        dispositions=_over(present.dispositions, ours.dispositions, clear=Part.DISPOSITIONS in gone, ours_first=True),
        alerts=_over(present.alerts, ours.alerts, clear=Part.ALERTS in gone),
        roles=_over(present.roles, ours.roles, clear=Part.ROLES in gone),
        retention=_over(present.retention, ours.retention, clear=Part.RETENTION in gone),
        connectors=_over(present.connectors, ours.connectors, clear=Part.CONNECTORS in gone),
        best_offers=_over(present.best_offers, ours.best_offers, clear=Part.BEST_OFFERS in gone),
    )


def changes(before: Business, after: Business) -> tuple[Change, ...]:
    """What differs, part by part and there by id; the order counts for reasons and dispositions."""
    found: list[Change] = []
    for part in Part:
        old, new = before.part(part), after.part(part)
        for item in sorted(old.keys() | new.keys()):
            if item not in old:
                found.append(Change(kind=ChangeKind.ADDED, part=part, item=item))
            elif item not in new:
                found.append(Change(kind=ChangeKind.REMOVED, part=part, item=item))
            elif old[item] != new[item]:
                fields = tuple(differences(old[item], new[item]))
                found.append(Change(kind=ChangeKind.CHANGED, part=part, item=item, fields=fields))
        if part in ORDERED_PARTS:
            stayed = [item for item in old if item in new]
            if stayed != [item for item in new if item in old]:
                found.append(Change(kind=ChangeKind.ORDERED, part=part, order=tuple(new)))
    return tuple(found)


def with_item(business: Business, part: Part, item: str, source: Business) -> Business:
    """The same with one item as `source` has it, or without it where `source` has none; orders stay."""
    return _WITH_ITEM[part](business, item, source)


def in_order(business: Business, part: Part, order: Sequence[str]) -> Business:
    """The same with the reasons or dispositions in this order; those that are not named keep theirs behind them."""
    if part is Part.REASONS:
        return replace(business, reasons=_ordered(business.reasons, order))
    return replace(business, dispositions=_ordered(business.dispositions, order))


def _plain(items: Mapping[SkillId, Item] | Mapping[QueueId, Item] | Mapping[AgentId, Item]) -> Mapping[str, Item]:
    return {str(key): value for key, value in items.items()}


Key = TypeVar("Key", bound=str)


def _over(
    present: Mapping[Key, Item], wanted: Mapping[Key, Item], *, clear: bool, ours_first: bool = False
) -> dict[Key, Item]:
    rest = {} if clear else {key: value for key, value in present.items() if key not in wanted}
    if ours_first:
        return {**wanted, **rest}
    together = {**rest, **wanted}
    return {key: together[key] for key in sorted(together)}


def _put(present: Mapping[Key, Item], key: Key, source: Mapping[Key, Item]) -> dict[Key, Item]:
    if key not in source:
        return {other: value for other, value in present.items() if other != key}
    if key in present:
        return {other: source[key] if other == key else value for other, value in present.items()}
    return {**present, key: source[key]}


def _ordered(present: Mapping[str, Item], order: Sequence[str]) -> dict[str, Item]:
    first = {key: present[key] for key in order if key in present}
    return first | {key: value for key, value in present.items() if key not in first}


_WITH_ITEM: Mapping[Part, Callable[[Business, str, Business], Business]] = {
    Part.SKILLS: lambda business, item, source: replace(
        business, skills=_put(business.skills, SkillId(item), source.skills)
    ),
    Part.HOURS: lambda business, item, source: replace(business, hours=_put(business.hours, item, source.hours)),
    Part.QUEUES: lambda business, item, source: replace(
        business, queues=_put(business.queues, QueueId(item), source.queues)
    ),
    Part.AGENTS: lambda business, item, source: replace(
        business, agents=_put(business.agents, AgentId(item), source.agents)
    ),
    Part.NUMBERS: lambda business, item, source: replace(
        business, numbers=_put(business.numbers, item, source.numbers)
    ),
    Part.REASONS: lambda business, item, source: replace(
        business, reasons=_put(business.reasons, item, source.reasons)
    ),
    Part.DISPOSITIONS: lambda business, item, source: replace(
        business, dispositions=_put(business.dispositions, item, source.dispositions)
    ),
    Part.ALERTS: lambda business, item, source: replace(business, alerts=_put(business.alerts, item, source.alerts)),
    Part.ROLES: lambda business, item, source: replace(business, roles=_put(business.roles, item, source.roles)),
    Part.RETENTION: lambda business, item, source: replace(
        business, retention=_put(business.retention, item, source.retention)
    ),
    Part.CONNECTORS: lambda business, item, source: replace(
        business, connectors=_put(business.connectors, item, source.connectors)
    ),
    Part.BEST_OFFERS: lambda business, item, source: replace(
        business, best_offers=_put(business.best_offers, item, source.best_offers)
    ),
}
