"""The rules of queues, agents and opening hours as JSON documents of one column each, checked when they are read.

Law: a field that a document does not have is as usual, so rules can be added without touching what is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

import msgspec

from callcenter.app.business_items import HoursEntry
from callcenter.domain.agents import AgentConfig, QueuePreference
from callcenter.domain.callbacks import USUAL_CALLBACK, CallbackRules
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.monitoring import Announcement
from callcenter.domain.overflows import Overflow
from callcenter.domain.queues import AgentChoice, Boosts, CallerOrder, QueueConfig, QueueLimits, RoutingStep
from callcenter.domain.rule_text import parse_rule, rule_text
from callcenter.domain.surveys import SurveyRules
from callcenter.domain.waiting_rules import WaitingRules
from callcenter.store.encoding import decode_json, encode_json
from callcenter.store.errors import DamagedRules

T = TypeVar("T")

_USUAL = QueueConfig(queue_id=QueueId(""), label=Label(zh="", en=""))


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDocument:
    """One step; who may serve stands in words."""

    after: timedelta
    who: str
    priority: int = 0
    announce: str = ""
    offer_callback: bool = False
    overflow: Overflow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDocument:
    """What of a queue has no column of its own."""

    steps: tuple[StepDocument, ...] = ()
    agent_choice: AgentChoice = _USUAL.agent_choice
    ring_several: int = _USUAL.ring_several
    caller_order: CallerOrder = _USUAL.caller_order
    ageing_limit: timedelta | None = _USUAL.ageing_limit
    boosts: Boosts = _USUAL.boosts
    limits: QueueLimits = _USUAL.limits
    callback: CallbackRules | None = USUAL_CALLBACK
    offer_callback_after: timedelta | None = None
    offer_callback_above: timedelta | None = None
    survey: SurveyRules | None = None
    waiting: WaitingRules = _USUAL.waiting
    monitoring: Announcement = _USUAL.monitoring
    auto_answer: timedelta | None = None
    script: Label | None = None
    rona_limit: int = _USUAL.rona_limit
    rest_after_miss: timedelta = _USUAL.rest_after_miss
    wrap_up_limit: timedelta = _USUAL.wrap_up_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDocument:
    """What of an agent has no column of its own."""

    groups: tuple[str, ...] = ()
    preferences: Mapping[QueueId, QueuePreference] = field(default_factory=dict)
    order: int = 0
    weight: int = 1
    chats: int = 0
    voice_interrupts: bool = True


def encode_queue_rules(queue: QueueConfig) -> bytes:
    """The document of a queue; its opening hours and its closing are kept elsewhere."""
    return encode_json(
        QueueDocument(
            steps=tuple(
                StepDocument(
                    after=step.after,
                    who=rule_text(step.who),
                    priority=step.priority,
                    announce=step.announce,
                    offer_callback=step.offer_callback,
                    overflow=step.overflow,
                )
                for step in queue.steps
            ),
            agent_choice=queue.agent_choice,
            ring_several=queue.ring_several,
            caller_order=queue.caller_order,
            ageing_limit=queue.ageing_limit,
            boosts=queue.boosts,
            limits=replace(queue.limits, hours=None),
            callback=queue.callback,
            offer_callback_after=queue.offer_callback_after,
            offer_callback_above=queue.offer_callback_above,
            survey=queue.survey,
            waiting=queue.waiting,
            monitoring=queue.monitoring,
            auto_answer=queue.auto_answer,
            script=queue.script,
            rona_limit=queue.rona_limit,
            rest_after_miss=queue.rest_after_miss,
            wrap_up_limit=queue.wrap_up_limit,
        )
    )


def with_queue_rules(queue: QueueConfig, data: bytes | None) -> QueueConfig:
    """The queue with the rules of its document; raises `DamagedRules`."""
    if data is None:
        return queue
    try:
        document = decode_json(data, QueueDocument)
        return replace(
            queue,
            steps=tuple(
                RoutingStep(
                    after=step.after,
                    who=parse_rule(step.who),
                    priority=step.priority,
                    announce=step.announce,
                    offer_callback=step.offer_callback,
                    overflow=step.overflow,
                )
                for step in document.steps
            ),
            agent_choice=document.agent_choice,
            ring_several=document.ring_several,
            caller_order=document.caller_order,
            ageing_limit=document.ageing_limit,
            boosts=document.boosts,
            limits=document.limits,
            callback=document.callback,
            offer_callback_after=document.offer_callback_after,
            offer_callback_above=document.offer_callback_above,
            survey=document.survey,
            waiting=document.waiting,
            monitoring=document.monitoring,
            auto_answer=document.auto_answer,
            script=document.script,
            rona_limit=document.rona_limit,
            rest_after_miss=document.rest_after_miss,
            wrap_up_limit=document.wrap_up_limit,
        )
    except (msgspec.MsgspecError, InvalidValue) as error:
        raise _damaged(f"queue {queue.queue_id}", error) from error


def encode_agent_rules(agent: AgentConfig) -> bytes:
    """The document of an agent."""
    return encode_json(
        AgentDocument(
            groups=tuple(sorted(agent.groups)),
            preferences=dict(sorted(agent.preferences.items())),
            order=agent.order,
            weight=agent.weight,
            chats=agent.chats,
            voice_interrupts=agent.voice_interrupts,
        )
    )


def with_agent_rules(agent: AgentConfig, data: bytes | None) -> AgentConfig:
    """The agent with the rules of his document; raises `DamagedRules`."""
    if data is None:
        return agent
    try:
        document = decode_json(data, AgentDocument)
        return replace(
            agent,
            groups=frozenset(document.groups),
            preferences=document.preferences,
            order=document.order,
            weight=document.weight,
            chats=document.chats,
            voice_interrupts=document.voice_interrupts,
        )
    except (msgspec.MsgspecError, InvalidValue) as error:
        raise _damaged(f"agent {agent.agent_id}", error) from error


def encode_hours(entry: HoursEntry) -> bytes:
    """The document of opening hours."""
    return encode_json(entry)


def decode_hours(hours_id: str, data: bytes) -> HoursEntry:
    """Opening hours; raises `DamagedRules`."""
    try:
        return decode_json(data, HoursEntry)
    except (msgspec.MsgspecError, InvalidValue) as error:
        raise _damaged(f"opening hours {hours_id}", error) from error


def _damaged(what: str, error: Exception) -> DamagedRules:
    return DamagedRules(
        f"{what}: the rules in the database cannot be read: {error}; somebody changed them by other means than "
        "`callcenter config apply`, or a newer program wrote them: run that program, or restore a backup"
    )
