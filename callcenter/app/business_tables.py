"""Items of the business's configuration as plain tables: what a file says of them, and how two of them differ.

Law: a field that is as usual is left out, but for those every queue had from the beginning.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from callcenter.app.business_hours import WEEKDAYS, interval_text
from callcenter.app.business_items import HoursEntry, QueueEntry, ReasonCode
from callcenter.app.business_queue import NEVER, USUAL
from callcenter.app.business_waiting import NONE
from callcenter.app.ports import CodeLabel, NumberRoute
from callcenter.domain.agents import AgentConfig, Phone, PhoneKind
from callcenter.domain.alerts import EVERYBODY, WITH_THRESHOLD, AlertRule, usual_margin
from callcenter.domain.best_offers import USUAL_REST_DAYS, BestOffer
from callcenter.domain.callbacks import USUAL_CALLBACK, CallbackRules
from callcenter.domain.connectors import ConnectorRule
from callcenter.domain.ids import AgentId
from callcenter.domain.labels import Label
from callcenter.domain.monitoring import Announcement
from callcenter.domain.overflows import Overflow
from callcenter.domain.privacy import RetentionRule, RoleRule
from callcenter.domain.queues import Boosts, QueueConfig, RoutingStep
from callcenter.domain.rule_text import rule_text
from callcenter.domain.rules import Rule
from callcenter.domain.surveys import MOST_PERCENT, USUAL_REST
from callcenter.domain.waiting_rules import USUAL_WAITING, WaitingRules

Value = str | int | float | bool | list["Value"] | dict[str, "Value"]
Table = dict[str, Value]

AS_USUAL: Final = "as usual"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of an item that is not as it was; the only one of a label has no name."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name} {self.before} -> {self.after}".lstrip()


def differences(old: object, new: object) -> Iterable[FieldChange]:
    """What of an item is different, field by field, in few words."""
    before, after = _words(old), _words(new)
    for name in before | after:
        was, becomes = before.get(name, AS_USUAL), after.get(name, AS_USUAL)
        if was != becomes:
            yield FieldChange(name=name, before=was, after=becomes)


def label_table(label: Label) -> Table:
    """What people read."""
    return {"zh": label.zh, "en": label.en}


def queue_table(entry: QueueEntry) -> Table:
    """A queue."""
    queue = entry.config
    table: Table = {"label": label_table(queue.label)}
    if queue.steps:
        table["steps"] = _steps(queue.steps)
    else:
        table["skills"] = {str(need.skill): need.minimum_level for need in queue.required}
    if entry.hours:
        table["hours"] = entry.hours
    table |= _unusual(_queue_rules(queue), _queue_rules(USUAL))
    return table | {
        "ring_timeout_seconds": seconds(queue.ring_timeout),
        "wrap_up_seconds": seconds(queue.wrap_up),
        "service_level_threshold_seconds": seconds(queue.service_level_threshold),
        "expected_handle_time_seconds": seconds(queue.expected_handle_time),
        "announce_first_after_seconds": seconds(queue.announce_first_after),
        "announce_interval_seconds": seconds(queue.announce_interval),
        "music_class": queue.music_class,
    }


def usual_queue_table() -> Table:
    """Every field of a queue that has a usual value, with it."""
    nested: Table = {
        "boosts": _boosts(Boosts()),
        "callback": _callback(USUAL_CALLBACK),
        "waiting": _waiting(USUAL_WAITING),
        "monitoring": USUAL.monitoring.value,
        "survey": {"percent": MOST_PERCENT, "rest_days": USUAL_REST.days},
    }
    return queue_table(QueueEntry(config=USUAL)) | _queue_rules(USUAL) | nested


def usual_agent_table() -> Table:
    """Every field of an agent that has a usual value, with it."""
    return _agent_rules(AgentConfig(agent_id=AgentId(""), name=""))


def agent_table(agent: AgentConfig) -> Table:
    """An agent."""
    table: Table = {"name": agent.name, "skills": {str(skill): level for skill, level in sorted(agent.skills.items())}}
    if agent.phone != Phone():
        address: Table = {} if agent.phone.address is None else {"address": agent.phone.address}
        table["phone"] = {"kind": agent.phone.kind.value, **address}
    usual = AgentConfig(agent_id=agent.agent_id, name=agent.name)
    return table | _unusual(_agent_rules(agent), _agent_rules(usual))


def hours_table(entry: HoursEntry) -> Table:
    """Opening hours."""
    table: Table = {"timezone": entry.timezone}
    if entry.week:
        table["week"] = {
            WEEKDAYS[day]: [interval_text(one) for one in intervals] for day, intervals in sorted(entry.week.items())
        }
    if entry.holidays:
        table["holidays"] = entry.holidays
    if entry.closed:
        table["closed"] = [day.isoformat() for day in entry.closed]
    if entry.special:
        table["special"] = {
            day.isoformat(): [interval_text(one) for one in intervals]
            for day, intervals in sorted(entry.special.items())
        }
    return table


def reason_table(reason: ReasonCode) -> Table:
    """A reason for being not ready."""
    table = label_table(reason.label)
    if reason.limit is not None:
        table["limit_seconds"] = seconds(reason.limit)
    if reason.warn_before != ReasonCode(code="", label=reason.label).warn_before:
        table["warn_before_seconds"] = seconds(reason.warn_before)
    return table


def number_table(route: NumberRoute) -> Table:
    """A dialled number."""
    return {"flow": route.flow, "label": label_table(route.label)}


def alert_table(rule: AlertRule) -> Table:
    """A rule of alerts."""
    table: Table = {"label": label_table(rule.label), "kind": rule.kind.value}
    if rule.queue is not None:
        table["queue"] = rule.queue
    if rule.kind in WITH_THRESHOLD:
        table["threshold"] = rule.threshold
        if rule.margin != usual_margin(rule.kind, rule.threshold):
            table["margin"] = rule.margin
    if rule.hold:
        table["for_seconds"] = seconds(rule.hold)
    if rule.to != EVERYBODY:
        targets: list[Value] = [target.value for target in sorted(rule.to)]
        table["to"] = targets
    return table


def role_table(rule: RoleRule) -> Table:
    """What one role may see."""
    return {"see_numbers": rule.see_numbers}


def retention_table(rule: RetentionRule) -> Table:
    """How long one kind of thing is kept."""
    return {"days": rule.days}


def connector_table(rule: ConnectorRule) -> Table:
    """One system outside."""
    usual = ConnectorRule(connector_id="")
    table: Table = {}
    if rule.label_zh or rule.label_en:
        table["label"] = {"zh": rule.label_zh, "en": rule.label_en}
    for name, text in (("look_up", rule.look_up), ("log_calls", rule.log_calls)):
        if text:
            table[name] = text
    found: dict[str, Value] = {str(name): path for name, path in rule.found.items()}
    headers: dict[str, Value] = dict(rule.headers)
    secrets: dict[str, Value] = {name: str(place) for name, place in rule.secrets.items()}
    table |= {name: texts for name, texts in (("found", found), ("headers", headers), ("secrets", secrets)) if texts}
    if rule.timeout != usual.timeout:
        table["timeout_seconds"] = seconds(rule.timeout)
    if rule.cache != usual.cache:
        table["cache_seconds"] = seconds(rule.cache)
    return table


def best_offer_table(offer: BestOffer) -> Table:
    """A next best offer."""
    table: Table = {"label": label_table(offer.label), "text": label_table(offer.text)}
    told = {"segment": offer.segment, "condition": offer.condition}
    days = {"from": offer.first_on, "until": offer.last_on}
    table |= {name: text for name, text in told.items() if text}
    if offer.priority:
        table["priority"] = offer.priority
    table |= {name: day.isoformat() for name, day in days.items() if day is not None}
    if offer.rest_days != USUAL_REST_DAYS:
        table["rest_days"] = offer.rest_days
    return table


def seconds(duration: timedelta) -> int | float:
    """To the millisecond, as files are read."""
    found = round(duration.total_seconds(), 3)
    return int(found) if found.is_integer() else found


# ---- parts of a queue


def _steps(steps: tuple[RoutingStep, ...]) -> list[Value]:
    tables: list[Value] = []
    before: Rule | None = None
    for step in steps:
        table: Table = {"after_seconds": seconds(step.after), "who": rule_text(step.who, before=before)}
        if step.priority:
            table["priority"] = step.priority
        if step.announce:
            table["announce"] = step.announce
        if step.offer_callback:
            table["offer_callback"] = True
        if step.overflow is not None:
            table["overflow"] = _overflow(step.overflow)
        tables.append(table)
        before = step.who
    return tables


def _queue_rules(queue: QueueConfig) -> Table:
    limits = queue.limits
    table: Table = {
        "agent_choice": queue.agent_choice.value,
        "ring_several": queue.ring_several,
        "caller_order": queue.caller_order.value,
        "ageing_limit_seconds": NEVER if queue.ageing_limit is None else seconds(queue.ageing_limit),
        "boosts": _unusual(_boosts(queue.boosts), _boosts(Boosts())),
        "nobody_after_seconds": seconds(limits.nobody_after),
        "callback": False if queue.callback is None else _unusual(_callback(queue.callback), _callback(USUAL_CALLBACK)),
        "waiting": _unusual(_waiting(queue.waiting), _waiting(USUAL_WAITING)),
        "rona_limit": queue.rona_limit,
        "rest_after_miss_seconds": seconds(queue.rest_after_miss),
        "wrap_up_limit_seconds": seconds(queue.wrap_up_limit),
    }
    durations = {
        "max_wait_seconds": limits.max_wait,
        "offer_callback_after_seconds": queue.offer_callback_after,
        "offer_callback_above_seconds": queue.offer_callback_above,
        "auto_answer_seconds": queue.auto_answer,
    }
    overflows = {
        "when_closed": limits.when_closed,
        "when_full": limits.when_full,
        "when_too_long": limits.when_too_long,
        "when_nobody": limits.when_nobody,
        "when_emergency": limits.when_emergency,
    }
    if limits.max_waiting is not None:
        table["max_waiting"] = limits.max_waiting
    if queue.monitoring is not Announcement.SAID:
        table["monitoring"] = queue.monitoring.value
    table |= {name: seconds(value) for name, value in durations.items() if value is not None}
    if queue.script is not None:
        table["script"] = {"zh": queue.script.zh, "en": queue.script.en}
    if queue.survey is not None:
        table["survey"] = {
            "flow": queue.survey.flow,
            "percent": queue.survey.percent,
            "rest_days": queue.survey.rest.days,
        }
    return table | {name: _overflow(value) for name, value in overflows.items() if value is not None}


def _waiting(rules: WaitingRules) -> Table:
    information: list[Value] = [*rules.information]
    table: Table = {
        "notice": rules.notice,
        "information": information,
        "information_interval_seconds": seconds(rules.information_interval),
        "information_rounds": rules.information_rounds,
        "comfort": rules.comfort or NONE,
        "ask_on_entry": rules.ask_on_entry,
        "ask_at_most": rules.ask_at_most,
        "message": rules.message,
        "self_service": rules.self_service,
    }
    if rules.ask_again_after is not None:
        table["ask_again_seconds"] = seconds(rules.ask_again_after)
    if rules.unusual is not None:
        unusual: Table = {"say": rules.unusual.say}
        if rules.unusual.waiting_above is not None:
            unusual["waiting_above"] = rules.unusual.waiting_above
        if rules.unusual.wait_above is not None:
            unusual["wait_above_seconds"] = seconds(rules.unusual.wait_above)
        table["unusual"] = unusual
    return table


def _boosts(boosts: Boosts) -> Table:
    classes: Table = dict(sorted(boosts.classes.items()))
    languages: Table = dict(sorted(boosts.languages.items()))
    segments: Table = dict(sorted(boosts.segments.items()))
    return {
        "classes": classes,
        "open_complaint": boosts.open_complaint,
        "transferred": boosts.transferred,
        "languages": languages,
        "segments": segments,
        "limit": boosts.limit,
        "last_agent_seconds": seconds(boosts.last_agent),
        "account_manager_seconds": seconds(boosts.account_manager),
    }


def _callback(rules: CallbackRules) -> Table:
    return {
        "first": rules.first.value,
        "attempts": rules.attempts,
        "retry_busy_seconds": seconds(rules.retry_busy_after),
        "retry_no_answer_seconds": seconds(rules.retry_no_answer_after),
        "ring_timeout_seconds": seconds(rules.ring_timeout),
        "lead": rules.lead,
    }


def _agent_rules(agent: AgentConfig) -> Table:
    preferences: Table = {
        str(queue_id): {"priority": wish.priority, "delay_seconds": seconds(wish.delay)}
        for queue_id, wish in sorted(agent.preferences.items())
    }
    groups: list[Value] = [*sorted(agent.groups)]
    return {
        "groups": groups,
        "preferences": preferences,
        "order": agent.order,
        "weight": agent.weight,
        "chats": agent.chats,
        "voice_interrupts": agent.voice_interrupts,
    }


def _unusual(table: Table, usual: Table) -> Table:
    return {name: value for name, value in table.items() if name not in usual or value != usual[name]}


def _overflow(overflow: Overflow) -> Value:
    return {overflow.kind.value: overflow.target} if overflow.target else overflow.kind.value


# ---- in words


def _words(item: object) -> dict[str, str]:
    match item:
        case QueueEntry(config=queue):
            needs = ", ".join(map(str, queue.required)) or "none"
            skills = {} if queue.steps else {"skills": needs}
            return _told(queue_table(item), queue.label) | skills
        case AgentConfig():
            return _told(agent_table(item)) | {"phone": _phone(item.phone)}
        case HoursEntry():
            return _told(hours_table(item))
        case ReasonCode():
            return {"": _label(item.label)} | _told(reason_table(item) | {"zh": "", "en": ""})
        case AlertRule():
            return _told(alert_table(item), item.label)
        case RoleRule():
            return _told(role_table(item))
        case RetentionRule():
            return _told(retention_table(item))
        case ConnectorRule():
            return _told(connector_table(item))
        case BestOffer():
            return _told(best_offer_table(item), item.label)
        case NumberRoute():
            return _told(number_table(item), item.label)
        case CodeLabel(label=label) | (Label() as label):
            return {"": _label(label)}
        case _:
            return {}


def _told(table: Table, label: Label | None = None) -> dict[str, str]:
    told = {name: _word(value) for name, value in table.items()}
    return told if label is None else told | {"label": _label(label)}


def _word(value: Value) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {_word(inner)}" for name, inner in value.items()) or "none"
        case list():
            return "; ".join(map(_word, value)) or "none"
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)


def _phone(phone: Phone) -> str:
    return phone.kind.value if phone.kind in (PhoneKind.SIP, PhoneKind.BROWSER) else f"{phone.kind} {phone.address}"


def _label(label: Label) -> str:
    return f"{label.zh} / {label.en}"
