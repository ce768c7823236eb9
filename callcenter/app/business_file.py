"""The business's configuration as a file: a YAML text becomes what is wanted, or a list of faults with their lines.

Law: nothing is guessed. A field that is not known, said twice or of the wrong kind is a fault; all are told at once.
"""

import re
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from callcenter.app.business import ONE_OF, Business, Part, Wanted
from callcenter.app.ports import CodeLabel, NumberRoute
from callcenter.domain.agents import AgentConfig, Phone, PhoneKind
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import HIGHEST_LEVEL, LOWEST_LEVEL, SkillRequirement
from callcenter.ivr.document import Document, Section, read_document

FILE_MAX_CHARACTERS: Final = 4_000_000
"""Enough for ten thousand agents."""
GUIDE: Final = "docs/operating.md"
LABEL_MAX_CHARACTERS: Final = 60
A_DAY_SECONDS: Final = 86_400
FALLBACK_OF_ALL: Final = "default"
"""The name of the exchange's own queue for everybody, in which no queue of the business can be."""
BROWSER_SUFFIX: Final = "w"
"""Agent 1001's phone in the browser signs in as 1001w."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME_RULE: Final = "use letters, digits, _ and -, at most 64"
_DNIS: Final = re.compile(r"\+?[A-Za-z0-9*#._-]{1,63}")
_DNIS_RULE: Final = "write it as the trunk gives it, such as '4000' or '+862112345678'"
_SIP_ADDRESS: Final = re.compile(r"(sip:)?[^\s/,;&|\"'<>$@]+@[^\s/,;&|\"'<>$@]+")
_TELEPHONE: Final = re.compile(r"\+?[0-9*#]{3,32}")


class BusinessFile:
    """What a file asks for, with the lines where it does, and how it fits to what there is."""

    def __init__(self, wanted: Wanted, document: Document) -> None:
        self.wanted = wanted
        self._document = document

    def check(self, result: Business, *, flows: Collection[str] | None) -> None:
        """Raise FlowError with every fault of `result`, what there will be; `flows` are the flows there are."""
        for queue in result.queues.values():
            for need in queue.required:
                self._known_skill(result, Part.QUEUES, queue.queue_id, need.skill)
        for agent in result.agents.values():
            for skill in agent.skills:
                self._known_skill(result, Part.AGENTS, agent.agent_id, skill)
            twin = AgentId(agent.agent_id + BROWSER_SUFFIX)
            if twin in result.agents:
                what = f"agent {twin} has the name of the browser's phone of agent {agent.agent_id}"
                self._document.fault("name_taken", what, "give it another id", self._path(Part.AGENTS, twin))
        for route in result.numbers.values():
            if flows is not None and route.flow not in flows:
                known = ", ".join(sorted(flows)) or "none"
                what = f"number {route.dnis} leads to the flow {route.flow!r}, which is not in the flows' directory"
                self._document.fault(
                    "unknown_flow", what, f"known: {known}", self._path(Part.NUMBERS, route.dnis, "flow")
                )
        self._document.raise_faults()

    def _known_skill(self, result: Business, part: Part, item: str, skill: SkillId) -> None:
        if skill not in result.skills:
            known = ", ".join(sorted(result.skills)) or "none"
            what = f"{ONE_OF[part]} {item}: there is no skill {skill!r}"
            path = self._path(part, item, "skills", skill)
            self._document.fault("unknown_skill", what, f"add it to the skills, or use {known}", path)

    def _path(self, part: Part, *names: str) -> str:
        """Where the file speaks of it; what it does not speak of is at fault where the skills are listed."""
        path = ".".join((part, *names))
        while path not in self._document.lines and "." in path:
            path = path.rpartition(".")[0]
        return path if path != part else Part.SKILLS


def read_business(text: str, filename: str) -> BusinessFile:
    """What the text asks for; raises FlowError with everything that is wrong within it."""
    document, root = read_document(text, filename, at_most=FILE_MAX_CHARACTERS, opening="skills:", guide=GUIDE)
    root.only(*Part)
    parts = frozenset(part for part in Part if root.has(part))
    agents = {AgentId(name): _agent(name, fields) for name, fields in _items(root, Part.AGENTS)}
    without_phone = frozenset(AgentId(name) for name, fields in _items(root, Part.AGENTS) if not fields.has("phone"))
    business = Business(
        skills={SkillId(name): _label(fields) for name, fields in _items(root, Part.SKILLS)},
        queues={QueueId(name): _queue(name, fields) for name, fields in _items(root, Part.QUEUES)},
        agents=agents,
        numbers={name: _number(name, fields) for name, fields in _items(root, Part.NUMBERS)},
        reasons={name: CodeLabel(code=name, label=_label(fields)) for name, fields in _items(root, Part.REASONS)},
        dispositions={
            name: CodeLabel(code=name, label=_label(fields)) for name, fields in _items(root, Part.DISPOSITIONS)
        },
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
        pattern, rule = (_DNIS, _DNIS_RULE) if part is Part.NUMBERS else (_NAME, _NAME_RULE)
        for name in section.names(pattern=None) if section is not None else ():
            if section is None:
                continue
            if not pattern.fullmatch(name):
                section.fault("bad_name", f"{name!r} cannot be an id of {part}", rule, name)
            section.section(name)


def _queue(name: str, fields: Section) -> QueueConfig:
    fields.only(
        "label",
        "skills",
        "ring_timeout_seconds",
        "wrap_up_seconds",
        "service_level_threshold_seconds",
        "expected_handle_time_seconds",
        "announce_first_after_seconds",
        "announce_interval_seconds",
        "music_class",
    )
    usual = QueueConfig(queue_id=QueueId(name), label=Label(zh="", en=""))
    music = fields.word("music_class", pattern=_NAME) if fields.has("music_class") else usual.music_class
    levels = _levels(fields)
    return QueueConfig(
        queue_id=QueueId(name),
        label=_inner_label(fields),
        required=tuple(SkillRequirement(skill=skill, minimum_level=level) for skill, level in levels.items()),
        ring_timeout=_seconds(fields, "ring_timeout_seconds", 1, 300, usual.ring_timeout),
        wrap_up=_seconds(fields, "wrap_up_seconds", 0, A_DAY_SECONDS, usual.wrap_up),
        service_level_threshold=_seconds(
            fields, "service_level_threshold_seconds", 1, A_DAY_SECONDS, usual.service_level_threshold
        ),
        expected_handle_time=_seconds(
            fields, "expected_handle_time_seconds", 1, A_DAY_SECONDS, usual.expected_handle_time
        ),
        announce_first_after=_seconds(
            fields, "announce_first_after_seconds", 0, A_DAY_SECONDS, usual.announce_first_after
        ),
        announce_interval=_seconds(fields, "announce_interval_seconds", 1, A_DAY_SECONDS, usual.announce_interval),
        music_class=music,
    )


def _agent(name: str, fields: Section) -> AgentConfig:
    fields.only("name", "skills", "phone")
    return AgentConfig(
        agent_id=AgentId(name),
        name=_line(fields, "name", 100),
        skills=_levels(fields),
        phone=_phone(fields.section("phone")) if fields.has("phone") else Phone(),
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
        else (_TELEPHONE, "write a telephone number, best with its country code (+8613800138000)")
    )
    if address and not pattern.fullmatch(address):
        fields.fault("bad_address", f"{fields.path}.address: {address!r} cannot be called", right, "address")
    return Phone(kind=PhoneKind(kind), address=address)


def _number(dnis: str, fields: Section) -> NumberRoute:
    fields.only("flow", "label")
    return NumberRoute(dnis=dnis, flow=fields.word("flow"), label=_inner_label(fields))


def _levels(fields: Section) -> dict[SkillId, int]:
    section = fields.section("skills", needed=False)
    if section is None:
        return {}
    return {
        SkillId(skill): section.whole(skill, LOWEST_LEVEL, HIGHEST_LEVEL, usual=LOWEST_LEVEL)
        for skill in section.names(pattern=None)
    }


def _inner_label(fields: Section) -> Label:
    label = fields.section("label")
    return _label(label) if label is not None else Label(zh="", en="")


def _label(fields: Section) -> Label:
    fields.only("zh", "en")
    return Label(zh=_line(fields, "zh", LABEL_MAX_CHARACTERS), en=_line(fields, "en", LABEL_MAX_CHARACTERS))


def _line(fields: Section, name: str, at_most: int) -> str:
    """A text that is shown in one line."""
    text = fields.text(name, at_most=at_most).strip()
    if not text.isprintable():
        fields.fault("bad_text", f"{fields.path}.{name} has a line break or a control character", "one line", name)
    return text


def _seconds(fields: Section, name: str, low: int, high: int, usual: timedelta) -> timedelta:
    return fields.seconds(name, low, high, usual=int(usual.total_seconds()))
