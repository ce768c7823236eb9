"""One node of a flow file: its fields become a node, and what is amiss is noted in the document."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from callcenter.domain.errors import InvalidValue
from callcenter.domain.hours import OpeningHours
from callcenter.domain.ids import SkillId
from callcenter.domain.labels import Label
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr import nodes as n
from callcenter.ivr.conditions import Expression, parse_condition, parse_expression
from callcenter.ivr.document import Section
from callcenter.ivr.faults import ConditionError
from callcenter.ivr.fields import ASKING_FIELDS, KIND_FIELDS, MAX_QUESTIONS, Field
from callcenter.ivr.flow import KEYS
from callcenter.ivr.variables import KINDS

ReadHours = Callable[[Section], OpeningHours | None]
"""Reads hours that are written out in a flow, and notes what is amiss."""

_CONDITION_RULE: Final = "write names, values, 'and', 'or', 'not', == != < <= > >= and 'in'"
_VALUE_RULE: Final = "write a name, a number, a text in quotes of its own such as '\"billing\"', or tries + 1"
_OUTSIDE: Final = re.compile(r"\+?[0-9]{2,20}")
_URL: Final = re.compile(r"https?://[^\s/{}@]+(/[^\s]*)?")


class NodeReader:
    """Reads the nodes of one flow; `asking` and `rescue` count where a node does not say so itself."""

    def __init__(
        self, *, languages: tuple[str, ...], asking: Section | None, rescue: str, read_hours: ReadHours | None
    ) -> None:
        self._languages = languages
        self._asking = asking
        self._rescue = rescue
        self._read_hours = read_hours

    def read(self, node: Section, name: str) -> n.Node | None:
        """One node; None after a fault that leaves nothing to read."""
        kind = node.one_of("kind", tuple(KIND_FIELDS))
        if kind not in KIND_FIELDS:
            return None
        node.only("kind", *KIND_FIELDS[kind])
        match kind:
            case "menu" | "language" | "collect" | "confirm" | "survey":
                return self._question(kind, node, name)
            case "lookup" | "http" | "hours" | "branch" | "set":
                return self._decision(kind, node, name)
            case "say":
                return n.SayNode(
                    name=name,
                    prompts=node.words("say"),
                    interruptible=_yes(node, kind, "interruptible"),
                    next=_next(node),
                )
            case "switch_language":
                to = node.one_of("to", ("next", *self._languages))
                return n.SwitchLanguageNode(name=name, to=None if to == "next" else to, next=_next(node))
            case "flow":
                return n.FlowNode(name=name, flow=node.word("flow"), next=_next(node))
            case "return":
                return n.ReturnNode(name=name)
            case _:
                return self._last(kind, node, name)

    # ---- nodes that ask

    def _question(self, kind: str, node: Section, name: str) -> n.Node:
        match kind:
            case "menu":
                return n.MenuNode(name=name, prompts=node.words("say"), keys=_menu_keys(node), asking=self._asked(node))
            case "language":
                section, names = _keys(node)
                keys = {key: section.one_of(key, self._languages) for key in names} if section is not None else {}
                return n.LanguageNode(
                    name=name,
                    prompts=node.words("say"),
                    keys=keys,
                    always=_yes(node, kind, "always"),
                    next=_next(node),
                    asking=self._asked(node),
                )
            case "collect":
                return _collect(node, name, self._asked(node))
            case "confirm":
                return self._confirm(node, name)
            case _:
                following = _next(node)
                return n.SurveyNode(
                    name=name,
                    questions=_questions(node),
                    next=following,
                    asking=self._asked(node, give_up=following),
                )

    def _confirm(self, node: Section, name: str) -> n.ConfirmNode:
        yes_key, no_key = (
            node.one_of(field, tuple(KEYS), usual=usual) for field, usual in (("yes_key", "1"), ("no_key", "2"))
        )
        if yes_key == no_key:
            node.fault("duplicate", f"{node.path}: yes and no have the same key", "give each its own", "no_key")
        return n.ConfirmNode(
            name=name,
            prompts=node.words("say"),
            yes_key=yes_key,
            no_key=no_key,
            yes=node.word("yes"),
            no=node.word("no"),
            asking=self._asked(node),
        )

    def _asked(self, node: Section, *, give_up: str | None = None) -> n.Asking:
        """How the node asks: as it says, as the flow's `asking` says, or as is usual."""

        def of(name: str) -> Section:
            return self._asking if self._asking is not None and not node.has(name) else node

        def numbered(name: str) -> Field:
            return ASKING_FIELDS[name]

        timeout, retries = numbered("timeout_seconds"), numbered("retries")
        person = of("person").optional_word("person")
        return n.Asking(
            timeout=of("timeout_seconds").seconds("timeout_seconds", timeout.low, timeout.high, usual=timeout.usual),
            retries=of("retries").whole("retries", retries.low, retries.high, usual=retries.usual),
            invalid=of("invalid").optional_word("invalid"),
            silent=of("silent").optional_word("silent"),
            give_up=of("give_up").optional_word("give_up") or give_up or self._rescue,
            person=None if person == "none" else person,
            back=of("back").yes_or_no("back", usual=False),
            interruptible=of("interruptible").yes_or_no("interruptible", usual=True),
            type_ahead=of("type_ahead").yes_or_no("type_ahead", usual=True),
        )

    # ---- nodes that decide or look up

    def _decision(self, kind: str, node: Section, name: str) -> n.Node:
        match kind:
            case "branch":
                return n.BranchNode(name=name, cases=_cases(node), otherwise=node.word("otherwise"))
            case "set":
                return n.SetNode(name=name, values=_values(node), next=_next(node))
            case "hours":
                hours_id, hours = self._hours(node)
                return n.HoursNode(
                    name=name, hours_id=hours_id, hours=hours, open=node.word("open"), closed=node.word("closed")
                )
            case "lookup":
                return self._lookup(node, name)
            case _:
                failed = node.optional_word("failed") or self._rescue
                return n.HttpNode(
                    name=name,
                    prompts=node.words("say"),
                    url=_url(node),
                    send=_send(node),
                    into=_into(node),
                    limit=_seconds(node, kind, "limit_seconds"),
                    next=_next(node),
                    missing=node.optional_word("missing") or failed,
                    failed=failed,
                )

    def _hours(self, node: Section) -> tuple[str | None, OpeningHours | None]:
        if not node.is_section("hours"):
            return node.word("hours", pattern=None), None
        section = node.section("hours")
        if section is None or self._read_hours is None:
            what = f"{node.path}: hours cannot be written out here"
            node.fault("bad_hours", what, "name the hours of the business by their id", "hours")
            return None, None
        return None, self._read_hours(section)

    def _lookup(self, node: Section, name: str) -> n.LookupNode:
        of = node.one_of("of", KIND_FIELDS["lookup"]["of"].choices)
        wanted = _WANTED.get(of, {})
        for field in ("number", "pin", "queue"):
            if node.has(field) and field not in wanted:
                what = f"{node.path}: a lookup of {of!r} has no {field!r}"
                node.fault("unknown_field", what, "take it out", field)
            elif wanted.get(field) and not node.has(field):
                what = f"{node.path}: a lookup of {of!r} has no {field!r}"
                node.fault("missing_field", what, f"add {field!r}; see docs/ivr.md")
        failed = node.optional_word("failed") or self._rescue
        return n.LookupNode(
            name=name,
            prompts=node.words("say", needed=False),
            # A fault is noted already; what is read here must be harmless.
            of=of if of in _WANTED else "caller",
            number=node.optional_word("number"),
            pin=node.optional_word("pin"),
            queue=node.word("queue", pattern=None) if node.has("queue") else None,
            found=node.word("found"),
            missing=node.optional_word("missing") or failed,
            failed=failed,
        )

    # ---- nodes that end

    def _last(self, kind: str, node: Section, name: str) -> n.LastNode:
        prompts = node.words("say", needed=False)
        match kind:
            case "queue":
                return n.QueueNode(
                    name=name,
                    prompts=prompts,
                    queue=node.word("queue", pattern=None),
                    priority=_whole(node, kind, "priority"),
                    skills=_skills(node),
                )
            case "callback":
                return n.CallbackNode(
                    name=name,
                    prompts=prompts,
                    queue=node.word("queue", pattern=None),
                    number=node.optional_word("number"),
                    priority=_whole(node, kind, "priority"),
                    skills=_skills(node),
                )
            case "voicemail":
                return n.VoicemailNode(
                    name=name,
                    prompts=prompts,
                    queue=node.word("queue", pattern=None),
                    longest=_seconds(node, kind, "longest_seconds"),
                    silence=_seconds(node, kind, "silence_seconds"),
                )
            case "transfer":
                return self._transfer(node, name, prompts)
            case _:
                return n.EndNode(name=name, prompts=prompts)

    def _transfer(self, node: Section, name: str, prompts: tuple[str, ...]) -> n.TransferNode:
        targets = [field for field in ("agent", "queue", "number") if node.has(field)]
        if len(targets) != 1:
            what = f"{node.path} leads to {' and '.join(targets) or 'nobody'}"
            node.fault("bad_transfer", what, "name one agent, one queue or one number")
        number = node.text("number", at_most=21) if node.has("number") else None
        if number and not _OUTSIDE.fullmatch(number):
            what = f"{node.path}.number: {number!r} is no number"
            node.fault("bad_number", what, "write + and digits, such as '+862012345678'", "number")
        return n.TransferNode(
            name=name,
            prompts=prompts,
            agent=node.word("agent", pattern=None) if node.has("agent") else None,
            queue=node.word("queue", pattern=None) if node.has("queue") else None,
            number=number,
            ring=_seconds(node, "transfer", "ring_seconds"),
            failed=node.optional_word("failed") or self._rescue,
        )


_WANTED: Final[Mapping[str, Mapping[str, bool]]] = {
    "caller": {},
    "customer": {"number": True, "pin": False},
    "case": {"number": True},
    "order": {"number": True},
    "queue": {"queue": True},
}
"""Which fields each kind of lookup may have, and whether it must."""


def _yes(node: Section, kind: str, name: str) -> bool:
    return node.yes_or_no(name, usual=bool(KIND_FIELDS[kind][name].usual))


def _whole(node: Section, kind: str, name: str) -> int:
    field = KIND_FIELDS[kind][name]
    return node.whole(name, field.low, field.high, usual=field.usual)


def _seconds(node: Section, kind: str, name: str) -> timedelta:
    field = KIND_FIELDS[kind][name]
    return node.seconds(name, field.low, field.high, usual=field.usual)


def _next(node: Section) -> str:
    if not node.has("next"):
        node.fault("dead_end", f"{node.path} leads nowhere", "add 'next' with the name of the node that follows")
        return ""
    return node.word("next")


def _keys(node: Section) -> tuple[Section | None, tuple[str, ...]]:
    section = node.section("keys")
    names = section.names(pattern=None) if section is not None else ()
    for name in names:
        if section is not None and (len(name) != 1 or name not in KEYS):
            section.fault("bad_key", f"{name!r} is no key of a telephone", f"use one of {' '.join(KEYS)}", name)
    if section is not None and not names:
        section.fault("no_keys", f"{section.path} offers no key", "add at least one key")
    return section, names


def _menu_keys(node: Section) -> dict[str, n.MenuKey]:
    section, names = _keys(node)
    choices: dict[str, n.MenuKey] = {}
    for key in names:
        choice = section.section(key) if section is not None else None
        if choice is None:
            continue
        label = _label(choice)
        if label is not None:
            choices[key] = n.MenuKey(label=label, go=choice.word("go"))
        choice.only("label", "go")
    return choices


def _label(fields: Section, *, needed: bool = True) -> Label | None:
    label = fields.section("label", needed=needed)
    if label is None:
        return None
    label.only("zh", "en")
    return Label(zh=label.text("zh", at_most=60), en=label.text("en", at_most=60))


def _collect(node: Section, name: str, asking: n.Asking) -> n.CollectNode:
    most = _whole(node, "collect", "max_digits")
    least = _whole(node, "collect", "min_digits")
    if least > most:
        what = f"min_digits {least} is more than max_digits {most}"
        node.fault("bad_number", what, "let min_digits be at most max_digits", "min_digits")
    end_key = node.one_of("end_key", KIND_FIELDS["collect"]["end_key"].choices, usual="#")
    return n.CollectNode(
        name=name,
        prompts=node.words("say"),
        into=node.word("into"),
        label=_label(node, needed=False),
        min_digits=least,
        max_digits=most,
        end_key=None if end_key == "none" else end_key,
        between_digits=_seconds(node, "collect", "between_digits_seconds"),
        secret=_yes(node, "collect", "secret"),
        next=_next(node),
        asking=asking,
    )


def _questions(node: Section) -> tuple[n.SurveyQuestion, ...]:
    questions: list[n.SurveyQuestion] = []
    for section in node.sections("questions"):
        section.only("question", "say", "lowest", "highest")
        name = section.word("question")
        if name in [question.name for question in questions]:
            section.fault("duplicate", f"the question {name!r} is asked twice", "give each its own name", "question")
        lowest, highest = section.whole("lowest", 0, 9, usual=1), section.whole("highest", 0, 9, usual=5)
        if lowest >= highest:
            what = f"{section.path}: lowest {lowest} is not below highest {highest}"
            section.fault("bad_number", what, "let at least two keys answer", "lowest")
        questions.append(n.SurveyQuestion(name=name, prompts=section.words("say"), lowest=lowest, highest=highest))
    if len(questions) > MAX_QUESTIONS:
        what = f"{node.path} asks {len(questions)} questions"
        node.fault("too_many_options", what, f"ask at most {MAX_QUESTIONS}", "questions")
    return tuple(questions)


def _cases(node: Section) -> tuple[n.Case, ...]:
    cases = []
    for case in node.sections("cases"):
        case.only("when", "go")
        written = case.text("when", at_most=1_000)
        go = case.word("go")
        try:
            cases.append(n.Case(when=parse_condition(written), go=go))
        except ConditionError as error:
            case.fault("bad_condition", str(error), _CONDITION_RULE, "when")
    return tuple(cases)


def _values(node: Section) -> dict[str, Expression]:
    section = node.section("values")
    values: dict[str, Expression] = {}
    for name in section.names() if section is not None else ():
        written = section.text(name, at_most=1_000) if section is not None else ""
        written = {"yes": "True", "no": "False", "true": "True", "false": "False"}.get(written.strip(), written)
        try:
            values[name] = parse_expression(written)
        except ConditionError as error:
            node.document.fault("bad_value", str(error), _VALUE_RULE, f"{node.path}.values.{name}")
    return values


def _skills(node: Section) -> tuple[SkillRequirement, ...]:
    section = node.section("skills", needed=False)
    if section is None:
        return ()
    skills = []
    for skill in section.names(pattern=None):
        try:
            level = section.whole(skill, 1, 10, usual=1)
            skills.append(SkillRequirement(skill=SkillId(skill), minimum_level=level))
        except InvalidValue as error:
            section.fault("bad_skill", str(error), "give a level from 1 to 10", skill)
    return tuple(skills)


def _url(node: Section) -> str:
    url = node.text("url", at_most=500).strip()
    if url and not _URL.fullmatch(url):
        what = f"{node.path}.url: {url!r} is no address of a web service"
        right = "begin with https:// and a host; variables may stand behind the host, name and password nowhere"
        node.fault("bad_url", what, right, "url")
    return url


def _send(node: Section) -> dict[str, str] | None:
    section = node.section("send", needed=False)
    if section is None:
        return None
    return {name: section.word(name) for name in section.names(pattern=None)}


def _into(node: Section) -> dict[str, n.Extract]:
    section = node.section("into")
    found: dict[str, n.Extract] = {}
    for name in section.names() if section is not None else ():
        place = section.section(name) if section is not None else None
        if place is None:
            continue
        place.only("path", "kind", "currency")
        path = tuple(place.text("path", at_most=200).split("."))
        kind = place.one_of("kind", tuple(KINDS), usual="text")
        currency = place.text("currency", at_most=3) if place.has("currency") else "CNY"
        if not re.fullmatch("[A-Z]{3}", currency):
            place.fault("bad_currency", f"{currency!r} is no currency", "write three letters such as CNY", "currency")
        found[name] = n.Extract(path=path, kind=kind if kind in KINDS else "text", currency=currency)
    if section is not None and not found:
        node.fault(
            "missing_field", f"{node.path} takes nothing out of the answer", "name a variable below into", "into"
        )
    return found
