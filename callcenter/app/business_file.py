"""The business's configuration as a file: a YAML text becomes what is wanted, or a list of faults with their lines.

Law: nothing is guessed. A field that is not known, said twice or of the wrong kind is a fault; all are told at once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from callcenter.app.business import Business, Part, Wanted
from callcenter.app.business_alerts import read_alert
from callcenter.app.business_best_offers import KnownConditions, best_offer_faults, read_best_offer
from callcenter.app.business_checks import Place, faults
from callcenter.app.business_fields import (
    NAME,
    NAME_RULE,
    TELEPHONE,
    TELEPHONE_RULE,
    inner_label,
    label,
    levels,
    line,
    optional_seconds,
    seconds,
)
from callcenter.app.business_hours import read_hours
from callcenter.app.business_items import ReasonCode
from callcenter.app.business_names import name_faults
from callcenter.app.business_privacy import read_connector, read_retention, read_role
from callcenter.app.business_queue import read_queue
from callcenter.app.ports import CodeLabel, NumberRoute
from callcenter.domain.agents import AgentConfig, Phone, PhoneKind, QueuePreference
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.ivr.document import Document, Section, read_document
from callcenter.ivr.flow import Flow
from callcenter.ivr.reader import MAX_PRIORITY
from callcenter.ivr.survey import unfit
from callcenter.ivr.waiting import WaitingPrompts

FILE_MAX_CHARACTERS: Final = 4_000_000
"""Enough for ten thousand agents."""
GUIDE: Final = "docs/operating.md"
FALLBACK_OF_ALL: Final = "default"
"""The name of the exchange's own queue for everybody, in which no queue of the business can be."""
MOST: Final = 1_000
AGENT_FIELDS: Final = (
    "name",
    "skills",
    "phone",
    "groups",
    "preferences",
    "order",
    "weight",
    "chats",
    "voice_interrupts",
)

_DNIS: Final = re.compile(r"\+?[A-Za-z0-9*#._-]{1,63}")
_DNIS_RULE: Final = "write it as the trunk gives it, such as '4000' or '+862112345678'"
_SIP_ADDRESS: Final = re.compile(r"(sip:)?[^\s/,;&|\"'<>$@]+@[^\s/,;&|\"'<>$@]+")


class BusinessFile:
    """What a file asks for, with the lines where it does, and how it fits to what there is."""

    def __init__(self, wanted: Wanted, document: Document) -> None:
        self.wanted = wanted
        self._document = document

    def check(
        self,
        result: Business,
        *,
        flows: Mapping[str, Flow] | None,
        prompts: WaitingPrompts | None = None,
        conditions: KnownConditions | None = None,
    ) -> None:
        """Raise FlowError with every fault of `result`, what there will be.

        `flows` are the flows there are, `prompts` the queues' prompts, `conditions` what conditions may name; of None
        nothing is missed.
        """
        queues = (entry.config for entry in result.queues.values())
        named = name_faults(queues, prompts=prompts, flows=flows)
        for fault in (*faults(result), *named, *best_offer_faults(result, conditions)):
            self._document.fault(fault.code, fault.what, fault.right, self._path(fault.places))
        for route in result.numbers.values():
            if flows is not None and route.flow not in flows:
                known = ", ".join(sorted(flows)) or "none"
                what = f"number {route.dnis} leads to the flow {route.flow!r}, which is not in the flows' directory"
                path = self._path(((Part.NUMBERS, route.dnis, "flow"),))
                self._document.fault("unknown_flow", what, f"known: {known}", path)
        for place, what, right in _unfit_surveys(result, flows) if flows is not None else ():
            self._document.fault("bad_survey", what, right, self._path((place,)))
        self._document.raise_faults()

    def _path(self, places: Sequence[Place]) -> str:
        """Where the file speaks of it: the first of the places, or of the items they are in, that it has."""
        lines = self._document.lines
        for place in places:
            for length in range(len(place), min(len(place), 2) - 1, -1):
                path = ".".join(place[:length])
                if path in lines:
                    return path
        return next((place[0] for place in places if place[0] in lines), "")


def _unfit_surveys(result: Business, flows: Mapping[str, Flow]) -> Iterator[tuple[Place, str, str]]:
    """Where a queue asks by a flow that cannot ask after a talk, why, and what would be right."""
    for queue_id, entry in result.queues.items():
        survey = entry.config.survey
        if survey is None:
            continue
        place = (Part.QUEUES, queue_id, "survey", "flow")
        flow = flows.get(survey.flow)
        if flow is None:
            what = f"queue {queue_id} asks by the flow {survey.flow!r}, which is not in the flows' directory"
            yield place, what, f"known: {', '.join(sorted(flows)) or 'none'}"
            continue
        for fault in unfit(flow):
            what = f"queue {queue_id} asks by the flow {survey.flow!r}, which is none ({fault.filename}:{fault.line}: "
            yield place, f"{what}{fault.what})", fault.right


def read_business(text: str, filename: str) -> BusinessFile:
    """What the text asks for; raises FlowError with everything that is wrong within it."""
    document, root = read_document(text, filename, at_most=FILE_MAX_CHARACTERS, opening="skills:", guide=GUIDE)
    return read_tables(document, root)


def read_tables(document: Document, root: Section) -> BusinessFile:
    """What these tables ask for; raises FlowError with everything that is wrong within them."""
    root.only(*Part)
    parts = frozenset(part for part in Part if root.has(part))
    agents = {AgentId(name): _agent(name, fields) for name, fields in _items(root, Part.AGENTS)}
    without_phone = frozenset(AgentId(name) for name, fields in _items(root, Part.AGENTS) if not fields.has("phone"))
    business = Business(
        skills={SkillId(name): label(fields) for name, fields in _items(root, Part.SKILLS)},
        hours={name: read_hours(fields) for name, fields in _items(root, Part.HOURS)},
        queues={QueueId(name): read_queue(name, fields) for name, fields in _items(root, Part.QUEUES)},
        agents=agents,
        numbers={name: _number(name, fields) for name, fields in _items(root, Part.NUMBERS)},
        reasons={name: _reason(name, fields) for name, fields in _items(root, Part.REASONS)},
        dispositions={
            name: CodeLabel(code=name, label=label(fields)) for name, fields in _items(root, Part.DISPOSITIONS)
        },
        alerts={name: read_alert(name, fields) for name, fields in _items(root, Part.ALERTS)},
        roles={name: read_role(name, fields) for name, fields in _items(root, Part.ROLES)},
        retention={name: read_retention(name, fields) for name, fields in _items(root, Part.RETENTION)},
        connectors={name: read_connector(name, fields) for name, fields in _items(root, Part.CONNECTORS)},
        best_offers={name: read_best_offer(name, fields) for name, fields in _items(root, Part.BEST_OFFERS)},
    )
    for name, fields in _items(root, Part.QUEUES):
        if name == FALLBACK_OF_ALL:
            what = f"a queue cannot be called {name!r}, as the exchange's own queue is"
            fields.fault("name_taken", what, "choose another id")
    _check_names(root)
    document.raise_faults()
    return BusinessFile(Wanted(business=business, parts=parts, without_phone=without_phone), document)


def _items(root: Section, part: Part) -> list[tuple[str, Section]]:
    """The named tables of one part; what is no table is left to `_check_names`."""
    section = root.section(part, needed=False) if root.is_section(part) else None
    if section is None:
        return []
    found = []
    for name in section.names(pattern=None):
        fields = section.section(name) if section.is_section(name) else None
        if fields is not None:
            found.append((name, fields))
    return found


def _check_names(root: Section) -> None:
    for part in Part:
        section = root.section(part, needed=False)
        pattern, rule = (_DNIS, _DNIS_RULE) if part is Part.NUMBERS else (NAME, NAME_RULE)
        for name in section.names(pattern=None) if section is not None else ():
            if section is None:
                continue
            if not pattern.fullmatch(name):
                section.fault("bad_name", f"{name!r} cannot be an id of {part}", rule, name)
            section.section(name)


def _agent(name: str, fields: Section) -> AgentConfig:
    fields.only(*AGENT_FIELDS)
    usual = AgentConfig(agent_id=AgentId(name), name="")
    return AgentConfig(
        agent_id=AgentId(name),
        name=line(fields, "name", 100),
        skills=levels(fields),
        phone=_phone(fields.section("phone")) if fields.has("phone") else Phone(),
        groups=_groups(fields),
        preferences=_preferences(fields),
        order=fields.whole("order", 0, MOST, usual=usual.order),
        weight=fields.whole("weight", 1, MOST, usual=usual.weight),
        chats=fields.whole("chats", 0, MOST, usual=usual.chats),
        voice_interrupts=fields.yes_or_no("voice_interrupts", usual=usual.voice_interrupts),
    )


def _groups(fields: Section) -> frozenset[str]:
    if not fields.has("groups"):
        return frozenset()
    groups = fields.texts("groups", at_most=64)
    for group in groups:
        if not NAME.fullmatch(group):
            fields.fault("bad_name", f"{group!r} cannot be the name of a group", NAME_RULE, "groups")
    return frozenset(groups)


def _preferences(fields: Section) -> dict[QueueId, QueuePreference]:
    section = fields.section("preferences", needed=False)
    found: dict[QueueId, QueuePreference] = {}
    for name in section.names(pattern=None) if section is not None else ():
        wish = section.section(name) if section is not None else None
        if wish is not None:
            wish.only("priority", "delay_seconds")
            found[QueueId(name)] = QueuePreference(
                priority=wish.whole("priority", -MAX_PRIORITY, MAX_PRIORITY, usual=0),
                delay=seconds(wish, "delay_seconds", 0, timedelta()),
            )
    return found


def _reason(name: str, fields: Section) -> ReasonCode:
    usual = ReasonCode(code=name, label=label(fields, "limit_seconds", "warn_before_seconds"))
    return ReasonCode(
        code=name,
        label=usual.label,
        limit=optional_seconds(fields, "limit_seconds", 1),
        warn_before=seconds(fields, "warn_before_seconds", 0, usual.warn_before),
    )


def _phone(fields: Section | None) -> Phone:
    if fields is None:
        return Phone()
    fields.only("kind", "address")
    kind = fields.one_of("kind", tuple(PhoneKind))
    if kind not in tuple(PhoneKind):
        return Phone()
    if kind in (PhoneKind.SIP, PhoneKind.BROWSER):
        if fields.has("address"):
            fields.fault("bad_address", f"a phone of kind {kind} has no address", "leave it out", "address")
        return Phone(kind=PhoneKind(kind))
    address = fields.text("address", at_most=200)
    pattern, right = (
        (_SIP_ADDRESS, "write one such as sip:1001@10.0.0.5:5060")
        if kind == PhoneKind.ADDRESS
        else (TELEPHONE, TELEPHONE_RULE)
    )
    if address and not pattern.fullmatch(address):
        fields.fault("bad_address", f"{fields.path}.address: {address!r} cannot be called", right, "address")
    return Phone(kind=PhoneKind(kind), address=address)


def _number(dnis: str, fields: Section) -> NumberRoute:
    fields.only("flow", "label")
    return NumberRoute(dnis=dnis, flow=fields.word("flow"), label=inner_label(fields))
