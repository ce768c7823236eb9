"""Dialogues as tests of flows, in files of YAML: what the caller does, what he must hear, what must come of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from callcenter.domain.hours import OpeningHours
from callcenter.ivr import messages as m
from callcenter.ivr.document import Document, Section, read_document
from callcenter.ivr.faults import Fault
from callcenter.ivr.flow import KEYS, Flow
from callcenter.ivr.rehearsal import KnownAnswer, Rehearsal, Scene
from callcenter.ivr.variables import CALLER_VARIABLES, LOOKUP_VARIABLES, Money, Value, Variables

USUAL_MOMENT: Final = datetime(2026, 11, 23, 2, tzinfo=UTC)
"""A Monday morning in China; where a dialogue says no time of its own."""
STEP_FIELDS: Final = ("hears", "hears_not", "presses", "silent", "hangs_up", "shows")
ENDS: Final = ("queue", "callback", "voicemail", "agent", "number", "hang_up", "left")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the caller does, or that must be so; `what` is one of `STEP_FIELDS`."""

    what: str
    texts: tuple[str, ...] = ()
    times: int = 1
    values: Mapping[str, str] | None = None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """One call, and what must come of it; `ends` is None where that does not matter."""

    name: str
    scene: Scene
    steps: tuple[Step, ...]
    ends: Mapping[str, str] | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogues:
    """All dialogues of one file."""

    flow: str
    dialogues: tuple[Dialogue, ...]
    filename: str


ReadHours = Callable[[Section], OpeningHours]


def parse_dialogues(text: str, filename: str, flows: Mapping[str, Flow], read_hours: ReadHours) -> Dialogues:
    """The dialogues of a file; raises FlowError with everything that is wrong in it."""
    document, root = read_document(text, filename, opening="dialogues_of:")
    root.only("dialogues_of", "at", "language", "hours", "answers", "variables", "dialogues")
    name = root.word("dialogues_of")
    flow = flows.get(name)
    if flow is None:
        right = f"name one of {', '.join(sorted(flows))}"
        root.fault("unknown_flow", f"there is no flow {name!r}", right, "dialogues_of")
    document.raise_faults()
    reader = _Reader(document, flows[name], flows)
    usual = reader.scene(root, Scene(at=USUAL_MOMENT, hours=_hours(root, read_hours)))
    found = tuple(reader.dialogue(section, usual) for section in root.sections("dialogues"))
    document.raise_faults()
    return Dialogues(flow=name, dialogues=found, filename=filename)


def read_scene(text: str, filename: str, flows: Mapping[str, Flow], flow: Flow, read_hours: ReadHours) -> Scene:
    """What a file of dialogues says of every call in it, for trying the flow by hand; raises FlowError."""
    document, root = read_document(text, filename, opening="dialogues_of:")
    scene = _Reader(document, flow, flows).scene(root, Scene(at=USUAL_MOMENT, hours=_hours(root, read_hours)))
    document.raise_faults()
    return scene


def run_dialogue(dialogue: Dialogue, flow: Flow, flows: Mapping[str, Flow], filename: str) -> Fault | None:
    """What went otherwise than the dialogue says, the first thing only; None when nothing did."""
    call = Rehearsal(flow, flows, dialogue.scene)
    heard = _words(call)
    for step in dialogue.steps:
        match step.what:
            case "presses" | "silent" | "hangs_up":
                _act(call, step)
                heard = _words(call)
                continue
            case "hears":
                amiss, heard = _missed(step.texts, heard)
            case "hears_not":
                amiss = next((f"hears {text!r}" for text in step.texts if text in heard), "")
            case _:
                amiss = _not_shown(call, step.values or {})
        if amiss:
            return _fault(dialogue, filename, step.line, f"{amiss} (in node {call.node!r}, heard: {heard!r})")
    if dialogue.ends is not None:
        came = ended(call.result)
        if any(came.get(field) != value for field, value in dialogue.ends.items()):
            what = f"ends with {_told(came)} instead of {_told(dialogue.ends)} (in node {call.node!r})"
            return _fault(dialogue, filename, dialogue.line, what)
    return None


def ended(result: m.FlowResult | None) -> dict[str, str]:
    """What came of a call, in the words of a file of dialogues; empty while it goes on."""
    match result:
        case None:
            return {}
        case m.ToQueue():
            return {"queue": result.queue, "priority": str(result.priority)}
        case m.ToCallback():
            return {"callback": result.queue, "to": result.number or "", "priority": str(result.priority)}
        case m.ToVoicemail():
            return {"voicemail": result.queue}
        case m.ToAgent():
            return {"agent": result.agent}
        case m.ToNumber():
            return {"number": result.number}
        case m.HangUp():
            return {"hang_up": result.prompt or "yes"}
        case m.CallerLeft():
            return {"left": "yes"}


def _told(ends: Mapping[str, str]) -> str:
    return ", ".join(f"{field} {value}" for field, value in ends.items()) or "nothing: the call goes on"


def _fault(dialogue: Dialogue, filename: str, line: int, what: str) -> Fault:
    right = "mend the flow, or say in the dialogue what is right now"
    return Fault(code="dialogue", filename=filename, line=line, what=f"{dialogue.name}: {what}", right=right)


def _words(call: Rehearsal) -> str:
    return " ".join(said.text for said in call.take_heard())


def _act(call: Rehearsal, step: Step) -> None:
    if step.what == "hangs_up":
        call.hang_up()
    elif step.what == "presses":
        call.press(step.texts[0])
    else:
        for _ in range(step.times):
            call.be_silent()


def _missed(texts: Sequence[str], heard: str) -> tuple[str, str]:
    """What is not heard in this order, and what is heard after it."""
    for text in texts:
        _, found, rest = heard.partition(text)
        if not found:
            return f"does not hear {text!r}", heard
        heard = rest
    return "", heard


def _not_shown(call: Rehearsal, values: Mapping[str, str]) -> str:
    shown: dict[str, str] = {}
    for event in call.events:
        if isinstance(event, m.DigitsCollected):
            shown[event.variable] = "secret" if event.secret else event.digits
    for name, value in values.items():
        if shown.get(name) != value:
            return f"the agent is shown {name} {shown.get(name, 'nowhere')!r} instead of {value!r}"
    return ""


def _hours(root: Section, read_hours: ReadHours) -> dict[str, OpeningHours]:
    section = root.section("hours", needed=False)
    hours: dict[str, OpeningHours] = {}
    for name in section.names(pattern=None) if section is not None else ():
        written = section.section(name) if section is not None else None
        if written is not None:
            hours[name] = read_hours(written)
    return hours


class _Reader:
    """Reads scenes and dialogues about one flow."""

    def __init__(self, document: Document, flow: Flow, flows: Mapping[str, Flow]) -> None:
        self._document = document
        self._flow = flow
        self._variables: dict[str, Value] = dict(CALLER_VARIABLES)
        for each in (flow, *flows.values()):
            self._variables = {**each.variables(), **self._variables}

    def scene(self, fields: Section, usual: Scene) -> Scene:
        """The scene these fields tell; what they do not tell is as usual."""
        scene = usual
        if fields.has("at"):
            scene = replace(scene, at=self._moment(fields))
        if fields.has("language"):
            language = fields.one_of("language", (*self._flow.languages, "unknown"))
            scene = replace(scene, language=None if language == "unknown" else language)
        variables = fields.section("variables", needed=False)
        if variables is not None:
            told = self._values(variables, self._variables)
            scene = replace(scene, variables={**scene.variables, **told})
        if fields.has("answers"):
            answers = tuple(self._answer(section) for section in fields.sections("answers"))
            scene = replace(scene, answers=(*answers, *scene.answers))
        return scene

    def dialogue(self, fields: Section, usual: Scene) -> Dialogue:
        """One dialogue."""
        fields.only("dialogue", "at", "language", "variables", "answers", "steps", "ends")
        ends = fields.section("ends", needed=False)
        if ends is not None:
            ends.only(*ENDS, "to", "priority")
        return Dialogue(
            name=fields.text("dialogue", at_most=200),
            scene=self.scene(fields, usual),
            steps=tuple(self._step(section) for section in fields.sections("steps")),
            ends={name: ends.text(name, at_most=64) for name in ends.names()} if ends is not None else None,
            line=self._line(f"{fields.path}.ends" if ends is not None else fields.path),
        )

    def _line(self, path: str) -> int:
        while path and path not in self._document.lines:
            path = path.rpartition(".")[0]
        return self._document.lines.get(path, 1)

    def _step(self, fields: Section) -> Step:
        fields.only(*STEP_FIELDS)
        names = fields.names()
        what = names[0] if names and names[0] in STEP_FIELDS else "hangs_up"
        line = self._line(f"{fields.path}.{what}")
        if len(names) != 1:
            fields.fault("bad_step", f"{fields.path} says {len(names)} things", "begin each step with '- '")
        match what:
            case "hears" | "hears_not":
                return Step(what=what, texts=self._texts(fields, what), line=line)
            case "presses":
                keys = fields.text(what, at_most=64)
                if any(key not in KEYS for key in keys):
                    fields.fault("bad_key", f"{keys!r} are no keys of a telephone", f"use {' '.join(KEYS)}", what)
                return Step(what=what, texts=(keys,), line=line)
            case "silent":
                return Step(what=what, times=fields.whole(what, 1, 20, usual=1), line=line)
            case "shows":
                shown = fields.section(what)
                names = shown.names() if shown is not None else ()
                values = {name: shown.text(name, at_most=64) for name in names} if shown is not None else {}
                return Step(what=what, values=values, line=line)
            case _:
                fields.yes_or_no("hangs_up", usual=True)
                return Step(what="hangs_up", line=line)

    def _texts(self, fields: Section, name: str) -> tuple[str, ...]:
        found = fields.texts(name, at_most=600) if fields.is_list(name) else (fields.text(name, at_most=600),)
        return tuple(" ".join(text.split()) for text in found)

    def _moment(self, fields: Section) -> datetime:
        written = fields.text("at", at_most=40)
        moment: datetime | None = None
        with contextlib.suppress(ValueError):
            moment = datetime.fromisoformat(written)
        if moment is None or moment.tzinfo is None:
            right = "write it such as 2026-11-23T10:00:00+08:00"
            fields.fault("bad_moment", f"{written!r} is no moment with its time zone", right, "at")
            return USUAL_MOMENT
        return moment

    def _answer(self, fields: Section) -> KnownAnswer:
        fields.only("of", "number", "pin", "queue", "url", "fails", "values", "status", "body")
        if fields.has("url"):
            return KnownAnswer(
                url=fields.text("url", at_most=500),
                fails=fields.yes_or_no("fails", usual=False),
                status=fields.whole("status", 100, 599, usual=200),
                body=fields.text("body", at_most=64 * 1024) if fields.has("body") else "",
            )
        of = fields.one_of("of", tuple(LOOKUP_VARIABLES))
        values = fields.section("values", needed=False)
        return KnownAnswer(
            of=of,
            number=fields.text("number", at_most=32) if fields.has("number") else None,
            pin=fields.text("pin", at_most=32) if fields.has("pin") else None,
            queue=fields.text("queue", at_most=64) if fields.has("queue") else None,
            fails=fields.yes_or_no("fails", usual=False),
            values=self._values(values, LOOKUP_VARIABLES.get(of, {})) if values is not None else {},
        )

    def _values(self, fields: Section, usual: Variables) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name in fields.names():
            if name not in usual:
                right = f"use one of {', '.join(sorted(usual))}"
                fields.fault("unknown_variable", f"there is no variable {name!r}", right, name)
                continue
            written = fields.text(name, at_most=200)
            try:
                values[name] = written_value(written, usual[name])
            except (ValueError, InvalidOperation):
                kind = type(usual[name]).__name__
                fields.fault("bad_value", f"{written!r} is no {kind}", "write it as docs/ivr.md says", name)
        return values


def written_value(written: str, usual: Value) -> Value:
    """A value of the type of `usual`, as people write it; raises ValueError or InvalidOperation."""
    match usual:
        case bool():
            if written not in ("yes", "no", "true", "false"):
                raise ValueError("it is neither yes nor no")
            return written in ("yes", "true")
        case int():
            return int(written)
        case timedelta():
            return timedelta(seconds=float(written))
        case datetime():
            return datetime.fromisoformat(written)
        case date():
            return date.fromisoformat(written)
        case time():
            return time.fromisoformat(written)
        case Decimal():
            return Decimal(written)
        case Money():
            amount, _, currency = written.partition(" ")
            return Money(amount=Decimal(amount), currency=currency or "CNY")
        case str():
            return written


def outcomes(dialogues: Dialogues, flows: Mapping[str, Flow]) -> Iterator[tuple[Dialogue, Fault | None]]:
    """Every dialogue with what went wrong in it."""
    for dialogue in dialogues.dialogues:
        yield dialogue, run_dialogue(dialogue, flows[dialogues.flow], flows, dialogues.filename)
