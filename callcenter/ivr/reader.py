"""Flow files: a YAML text becomes a Flow, or a list of faults with their lines; a Flow that comes out is sound.

Law: nothing is guessed. A field that is not known, said twice or of the wrong kind is a fault, never ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from callcenter.ivr.document import Document, Section, read_document
from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.fields import ASKING_FIELDS, FLOW_FIELDS, MAX_PRIORITY
from callcenter.ivr.flow import Flow
from callcenter.ivr.node_reader import NodeReader, ReadHours
from callcenter.ivr.nodes import Node
from callcenter.ivr.prompts import PROMPT_MAX_CHARACTERS, PromptSet, PromptText
from callcenter.ivr.speech import SPOKEN_LANGUAGES
from callcenter.ivr.validate import Surroundings, check_flow, check_flows, check_prompts
from callcenter.ivr.variables import CALLER_VARIABLES, KINDS, QUEUE_VARIABLES

__all__ = ["MAX_PRIORITY", "Surroundings", "parse_flow", "parse_flows", "parse_prompts", "text_version"]

WORD_MAX_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What a file held; with faults of form, `flow` is what could be read of it."""

    flow: Flow
    faults: tuple[Fault, ...]
    unread: frozenset[str]
    """Nodes that are written, but not so that they could be read."""


def parse_flow(
    text: str,
    filename: str,
    *,
    queues: Collection[str] | None = None,
    surroundings: Surroundings | None = None,
    read_hours: ReadHours | None = None,
) -> Flow:
    """The flow written in `text`; raises FlowError with everything that is wrong.

    With `queues`, the ids of the queues there are, a queue that is not among them is a fault as well; `surroundings`
    tell more of what there is. `read_hours` reads hours that are written out.
    """
    around = surroundings or Surroundings(queues=queues)
    reading = _read(text, filename, read_hours)
    _raise((*reading.faults, *check_flow(reading.flow, around, unread=reading.unread)))
    return reading.flow


def parse_flows(
    texts: Mapping[str, str],
    *,
    surroundings: Surroundings | None = None,
    read_hours: ReadHours | None = None,
    known: Collection[Flow] = (),
) -> dict[str, Flow]:
    """All flows of a set of files by their names, each sound and all fitting together; `texts` are by file name.

    Of the `known` flows, which were sound before, those whose text is the same are not read again, only checked: who
    checks one text among hundreds waits for one. Raises FlowError with the faults of all files.
    """
    sound = {(flow.filename, flow.version): flow for flow in known}
    around = surroundings or Surroundings()
    faults: list[Fault] = []
    readings: dict[str, _Reading] = {}
    broken = False
    for filename, text in texts.items():
        before = sound.get((filename, text_version(text)))
        try:
            reading = _read(text, filename, read_hours) if before is None else _known(before)
        except FlowError as error:
            faults += error.faults
            broken = True
            continue
        other = readings.get(reading.flow.name)
        if other is not None:
            what = f"the flow {reading.flow.name!r} is in {other.flow.filename} already"
            faults.append(
                Fault(
                    code="duplicate",
                    filename=filename,
                    line=reading.flow.line_of("flow"),
                    what=what,
                    right="give one of them another name",
                )
            )
            continue
        readings[reading.flow.name] = reading
    flows = {name: reading.flow for name, reading in readings.items() if name}
    # A flow that may stand in a file that could not be read is not missed.
    around = around.with_flows(None if broken else flows)
    for reading in readings.values():
        faults += reading.faults
        faults += check_flow(reading.flow, around, unread=reading.unread)
    faults += check_flows(flows)
    _raise(tuple(faults))
    return flows


def text_version(text: str) -> str:
    """What the version of a flow with this text is called."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _known(flow: Flow) -> _Reading:
    return _Reading(flow=flow, faults=(), unread=frozenset())


def parse_prompts(text: str, filename: str) -> PromptSet:
    """The prompts of a file without nodes, such as the announcements of a queue; raises FlowError."""
    document, root = read_document(text, filename)
    name = root.word("prompt_set")
    prompts = _prompts(root, name, _languages(root))
    root.only("prompt_set", "languages", "words", "prompts")
    document.raise_faults()
    _raise(check_prompts(prompts, {**CALLER_VARIABLES, **QUEUE_VARIABLES}))
    return prompts


def _read(text: str, filename: str, read_hours: ReadHours | None) -> _Reading:
    """Raises FlowError when there is no table at all."""
    document, root = read_document(text, filename)
    name = root.word("flow")
    languages = _languages(root)
    start = root.word("start")
    rescue = root.word("rescue")
    declared = _declared(root)
    prompts = _prompts(root, name, languages)
    asking = root.section("asking", needed=False)
    if asking is not None:
        asking.only(*ASKING_FIELDS)
    reader = NodeReader(languages=languages, asking=asking, rescue=rescue, read_hours=read_hours)
    nodes: dict[str, Node] = {}
    unread: set[str] = set()
    section = root.section("nodes")
    for node_name in section.names() if section is not None else ():
        faults_before = len(document.faults)
        fields = section.section(node_name) if section is not None else None
        node = reader.read(fields, node_name) if fields is not None else None
        if node is not None:
            nodes[node_name] = node
        if len(document.faults) > faults_before:
            unread.add(node_name)
    root.only(*FLOW_FIELDS)
    flow = Flow(
        name=name,
        version=text_version(text),
        languages=languages,
        start=start,
        rescue=rescue,
        prompts=prompts,
        nodes=nodes,
        declared=declared,
        filename=filename,
        lines=document.lines,
    )
    return _Reading(flow=flow, faults=_once(document), unread=frozenset(unread))


def _once(document: Document) -> tuple[Fault, ...]:
    # What is wrong with the flow's own `asking` is found again for each node that asks.
    return tuple(dict.fromkeys(document.faults))


def _raise(faults: tuple[Fault, ...]) -> None:
    if faults:
        raise FlowError(dict.fromkeys(faults))


def _declared(root: Section) -> dict[str, str]:
    section = root.section("variables", needed=False)
    if section is None:
        return {}
    declared = {}
    for name in section.names():
        kind = section.one_of(name, tuple(KINDS))
        if kind in KINDS:
            declared[name] = kind
    return declared


def _words(root: Section, languages: tuple[str, ...]) -> dict[str, dict[str, str]]:
    section = root.section("words", needed=False)
    words: dict[str, dict[str, str]] = {}
    for code in section.names(pattern=None) if section is not None else ():
        by_language = section.section(code) if section is not None else None
        if by_language is not None:
            words[code] = {
                language: " ".join(by_language.text(language, at_most=WORD_MAX_CHARACTERS).split())
                for language in languages
            }
            by_language.only(*languages)
    return words


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
        name=name,
        languages=languages,
        texts=texts,
        words=_words(root, languages),
        filename=root.document.filename,
        lines=root.document.lines,
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
