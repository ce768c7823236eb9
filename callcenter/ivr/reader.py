"""Flow files: a YAML text becomes a Flow, or a list of faults with their lines; a Flow that comes out is sound.

Law: nothing is guessed. A field that is not known, said twice or of the wrong kind is a fault, never ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import SkillId
from callcenter.domain.labels import Label
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr.conditions import parse_condition
from callcenter.ivr.document import Section, read_document
from callcenter.ivr.faults import ConditionError, Fault, FlowError
from callcenter.ivr.flow import (
    KEYS,
    Asking,
    BranchNode,
    Case,
    CollectNode,
    EndNode,
    Flow,
    LanguageNode,
    MenuKey,
    MenuNode,
    Node,
    QueueNode,
    SayNode,
    SwitchLanguageNode,
)
from callcenter.ivr.prompts import PROMPT_MAX_CHARACTERS, PromptSet, PromptText
from callcenter.ivr.speech import SPOKEN_LANGUAGES
from callcenter.ivr.validate import check_flow, check_prompts
from callcenter.ivr.variables import CALLER_VARIABLES, QUEUE_VARIABLES

ASKING_FIELDS: Final = ("timeout_seconds", "retries", "invalid", "silent", "give_up")
MAX_RETRIES: Final = 9
MAX_PRIORITY: Final = 1_000
MAX_DIGITS: Final = 32


def parse_flow(text: str, filename: str, *, queues: Collection[str] | None = None) -> Flow:
    """The flow written in `text`; raises FlowError with everything that is wrong.

    With `queues`, the ids of the queues there are, a queue that is not among them is a fault as well.
    """
    document, root = read_document(text, filename)
    name = root.word("flow")
    languages = _languages(root)
    start = root.word("start")
    rescue = root.word("rescue")
    prompts = _prompts(root, name, languages)
    asking = root.section("asking", needed=False)
    if asking is not None:
        asking.only(*ASKING_FIELDS)
    nodes: dict[str, Node] = {}
    section = root.section("nodes")
    for node_name in section.names() if section is not None else ():
        fields = section.section(node_name) if section is not None else None
        node = _node(fields, node_name, languages, _Defaults(asking, rescue)) if fields is not None else None
        if node is not None:
            nodes[node_name] = node
    root.only("flow", "languages", "start", "rescue", "asking", "prompts", "nodes")
    document.raise_faults()
    flow = Flow(
        name=name,
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        languages=languages,
        start=start,
        rescue=rescue,
        prompts=prompts,
        nodes=nodes,
        filename=filename,
        lines=document.lines,
    )
    _raise(check_flow(flow, queues=queues))
    return flow


def parse_prompts(text: str, filename: str) -> PromptSet:
    """The prompts of a file without nodes, such as the announcements of a queue; raises FlowError."""
    document, root = read_document(text, filename)
    name = root.word("prompt_set")
    prompts = _prompts(root, name, _languages(root))
    root.only("prompt_set", "languages", "prompts")
    document.raise_faults()
    _raise(check_prompts(prompts, {**CALLER_VARIABLES, **QUEUE_VARIABLES}))
    return prompts


def _raise(faults: tuple[Fault, ...]) -> None:
    if faults:
        raise FlowError(faults)


def _languages(root: Section) -> tuple[str, ...]:
    languages = root.words("languages")
    for index, language in enumerate(languages):
        if language not in SPOKEN_LANGUAGES:
            known = ", ".join(SPOKEN_LANGUAGES)
            root.fault("unknown_language", f"no voice speaks {language!r}", f"use {known}", f"languages.{index}")
        if language in languages[:index]:
            what = f"the language {language!r} is listed twice"
            root.fault("duplicate", what, "list each language once", f"languages.{index}")
    return languages


def _prompts(root: Section, name: str, languages: tuple[str, ...]) -> PromptSet:
    texts: dict[str, dict[str, PromptText]] = {}
    section = root.section("prompts", needed=False)
    for prompt in section.names() if section is not None else ():
        by_language = section.section(prompt) if section is not None else None
        if by_language is None:
            continue
        texts[prompt] = {}
        for language in languages:
            if by_language.has(language):
                texts[prompt][language] = _prompt_text(by_language, language)
        by_language.only(*languages)
    return PromptSet(
        name=name, languages=languages, texts=texts, filename=root.document.filename, lines=root.document.lines
    )


def _prompt_text(section: Section, language: str) -> PromptText:
    voice = language
    if section.is_section(language):
        inner = section.section(language)
        if inner is None:
            return PromptText(voice=voice, text="")
        voice = inner.one_of("voice", SPOKEN_LANGUAGES)
        text = inner.text("text", at_most=PROMPT_MAX_CHARACTERS)
        inner.only("voice", "text")
    else:
        text = section.text(language, at_most=PROMPT_MAX_CHARACTERS)
    return PromptText(voice=voice, text=" ".join(text.split()))


class _Defaults:
    """How to ask, where a node does not say so itself: as the flow's `asking` says, or as is usual."""

    def __init__(self, asking: Section | None, rescue: str) -> None:
        self._asking = asking
        self._rescue = rescue

    def fill(self, node: Section) -> Asking:
        retries = self._of(node, "retries")
        timeout = self._of(node, "timeout_seconds")
        return Asking(
            timeout=timeout.seconds("timeout_seconds", 1, 60, usual=5),
            retries=retries.whole("retries", 0, MAX_RETRIES, usual=2),
            invalid=self._of(node, "invalid").optional_word("invalid"),
            silent=self._of(node, "silent").optional_word("silent"),
            give_up=self._of(node, "give_up").optional_word("give_up") or self._rescue,
        )

    def _of(self, node: Section, name: str) -> Section:
        return self._asking if self._asking is not None and not node.has(name) else node


def _node(node: Section, name: str, languages: tuple[str, ...], defaults: _Defaults) -> Node | None:
    """One node; None after a fault that leaves nothing to read."""
    kind = node.one_of("kind", tuple(_FIELDS))
    if kind not in _FIELDS:
        return None
    asks = kind in ("menu", "language", "collect")
    node.only("kind", *_FIELDS[kind], *(ASKING_FIELDS if asks else ()))
    match kind:
        case "say":
            return SayNode(
                name=name,
                prompts=node.words("say"),
                interruptible=node.yes_or_no("interruptible", usual=True),
                next=_next(node),
            )
        case "menu":
            return MenuNode(name=name, prompts=node.words("say"), keys=_menu_keys(node), asking=defaults.fill(node))
        case "language":
            return _language(node, name, languages, defaults.fill(node))
        case "switch_language":
            to = node.one_of("to", ("next", *languages))
            return SwitchLanguageNode(name=name, to=None if to == "next" else to, next=_next(node))
        case "collect":
            return _collect(node, name, defaults.fill(node))
        case "branch":
            return BranchNode(name=name, cases=_cases(node), otherwise=node.word("otherwise"))
        case "queue":
            return QueueNode(
                name=name,
                prompts=node.words("say", needed=False),
                queue=node.word("queue", pattern=None),
                priority=node.whole("priority", -MAX_PRIORITY, MAX_PRIORITY, usual=0),
                skills=_skills(node),
            )
        case _:
            return EndNode(name=name, prompts=node.words("say", needed=False))


_FIELDS: Final = {
    "say": ("say", "interruptible", "next"),
    "menu": ("say", "keys"),
    "language": ("say", "keys", "always", "next"),
    "switch_language": ("to", "next"),
    "collect": ("say", "into", "min_digits", "max_digits", "end_key", "between_digits_seconds", "secret", "next"),
    "branch": ("cases", "otherwise"),
    "queue": ("say", "queue", "priority", "skills"),
    "end": ("say",),
}


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


def _menu_keys(node: Section) -> dict[str, MenuKey]:
    section, names = _keys(node)
    choices: dict[str, MenuKey] = {}
    for key in names:
        choice = section.section(key) if section is not None else None
        if choice is None:
            continue
        label = choice.section("label")
        if label is not None:
            label.only("zh", "en")
            written = Label(zh=label.text("zh", at_most=60), en=label.text("en", at_most=60))
            choices[key] = MenuKey(label=written, go=choice.word("go"))
        choice.only("label", "go")
    return choices


def _language(node: Section, name: str, languages: tuple[str, ...], asking: Asking) -> LanguageNode:
    section, names = _keys(node)
    return LanguageNode(
        name=name,
        prompts=node.words("say"),
        keys={key: section.one_of(key, languages) for key in names} if section is not None else {},
        always=node.yes_or_no("always", usual=False),
        next=_next(node),
        asking=asking,
    )


def _collect(node: Section, name: str, asking: Asking) -> CollectNode:
    most = node.whole("max_digits", 1, MAX_DIGITS, usual=MAX_DIGITS)
    least = node.whole("min_digits", 1, MAX_DIGITS, usual=1)
    if least > most:
        what = f"min_digits {least} is more than max_digits {most}"
        node.fault("bad_number", what, "let min_digits be at most max_digits", "min_digits")
    end_key = node.one_of("end_key", ("#", "*", "none"), usual="#")
    return CollectNode(
        name=name,
        prompts=node.words("say"),
        into=node.word("into"),
        min_digits=least,
        max_digits=most,
        end_key=None if end_key == "none" else end_key,
        between_digits=node.seconds("between_digits_seconds", 1, 30, usual=3),
        secret=node.yes_or_no("secret", usual=False),
        next=_next(node),
        asking=asking,
    )


def _cases(node: Section) -> tuple[Case, ...]:
    cases = []
    for case in node.sections("cases"):
        case.only("when", "go")
        written = case.text("when", at_most=1_000)
        go = case.word("go")
        try:
            cases.append(Case(when=parse_condition(written), go=go))
        except ConditionError as error:
            right = "write names, values, 'and', 'or', 'not', == != < <= > >= and 'in'"
            case.fault("bad_condition", str(error), right, "when")
    return tuple(cases)


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
