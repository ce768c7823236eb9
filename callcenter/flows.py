"""The tools for those who write flows: check them, draw them, try them, test them, and the schema for their editors."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from callcenter.app.business_file import read_business
from callcenter.app.flow_files import read_flows, written_hours
from callcenter.ivr import messages as m
from callcenter.ivr.dialogues import USUAL_MOMENT, ended, outcomes, parse_dialogues, read_scene
from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.flow import KEYS, Flow
from callcenter.ivr.picture import flow_mermaid, flow_svg
from callcenter.ivr.reader import Surroundings
from callcenter.ivr.rehearsal import Rehearsal, Scene
from callcenter.ivr.schema import flow_schema

DIALOGUES = "tests"
"""The folder beside the flows where their dialogues are."""
TRY_HELP = "keys and Enter: press them; Enter alone: say nothing until the time is up; q: hang up"


def schema_text() -> str:
    """The JSON Schema of flow files."""
    return json.dumps(flow_schema(), ensure_ascii=False, indent=2) + "\n"


def check_files(directory: Path, files: Sequence[Path], business: Path | None) -> list[str]:
    """Check all flows of a directory, and files that are to join or replace some of them; raises FlowError.

    A directory in the place of files is a whole of its own: all flows in it, and no others.
    With `business`, a file as `callcenter config export` writes it, queues, agents and hours are checked too.
    """
    folders = [file for file in files if file.is_dir()]
    if folders and len(files) > 1:
        raise FlowError([_fault(folders[0], "this is a directory among others", "check one directory, or files")])
    if folders:
        directory, files = folders[0], ()
    paths = [*_others(directory, files), *files]
    if not paths:
        raise FlowError([_fault(directory, "there are no flows in it", "they are files NAME.yaml; see docs/ivr.md")])
    flows = read_flows(_texts(paths), _surroundings(business))
    asked = {str(file) for file in files}
    return [
        f"{flow.filename}: ok, {flow.name} ({flow.version}), {len(flow.nodes)} nodes, {', '.join(flow.languages)}"
        for flow in flows.values()
        if not asked or flow.filename in asked
    ]


def draw_file(file: Path, out: Path | None, language: str) -> str:
    """Draw a flow as SVG, or as Mermaid where `out` ends in .mmd; returns what is to be printed."""
    flow = _flow_of(file)[0]
    language = language if language in flow.languages else flow.languages[0]
    mermaid = out is not None and out.suffix == ".mmd"
    picture = flow_mermaid(flow, language=language) if mermaid else flow_svg(flow, language=language)
    if out is None:
        return picture
    out.write_text(picture, encoding="utf-8")
    return f"wrote {out}\n"


def dialogue_lines(directory: Path, files: Sequence[Path]) -> Iterator[tuple[str, bool]]:
    """Run the dialogues in these files, or of all flows of a directory: a line each, and whether all is well with it.

    Raises FlowError for files that cannot be read.
    """
    paths = list(files) or sorted((directory / DIALOGUES).glob("*.yaml"))
    if not paths:
        raise FlowError([_fault(directory / DIALOGUES, "there are no dialogues", "write some; see docs/ivr.md")])
    flows = read_flows(_texts(sorted(directory.glob("*.yaml"))))
    passed = failed = 0
    for path in paths:
        dialogues = parse_dialogues(_text(path), str(path), flows, written_hours)
        for dialogue, fault in outcomes(dialogues, flows):
            passed, failed = passed + (fault is None), failed + (fault is not None)
            yield (f"ok   {dialogues.flow}: {dialogue.name}" if fault is None else f"FAIL {fault}"), fault is None
    yield f"{passed} passed, {failed} failed", not failed


class Terminal(Protocol):
    """Where a flow is tried."""

    def say(self, line: str) -> None:
        """Show a line."""
        ...

    def ask(self) -> str | None:
        """What is typed; None at its end."""
        ...


class StandardTerminal:
    """The terminal the command was given at, or what is piped into it."""

    def say(self, line: str) -> None:
        """Show a line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def ask(self) -> str | None:
        """Read a line."""
        if sys.stdin.isatty():
            sys.stdout.write("> ")
            sys.stdout.flush()
        line = sys.stdin.readline()
        return line.strip() if line else None


def try_file(file: Path, terminal: Terminal, *, data: Path | None, language: str | None, at: str | None) -> None:
    """Walk through a flow by hand: what is said is shown, keys are typed; raises FlowError.

    `data` is a file of dialogues, whose answers, hours and variables count here too.
    """
    flow, flows = _flow_of(file)
    scene = Scene(at=USUAL_MOMENT)
    if data is not None:
        scene = read_scene(_text(data), str(data), flows, flow, written_hours)
    if at is not None:
        scene = replace(scene, at=_moment(at, file))
    call = Rehearsal(flow, flows, replace(scene, language=language or scene.language))
    terminal.say(TRY_HELP)
    shown = 0
    while True:
        for event in call.events[shown:]:
            line = _shown(event)
            if line:
                terminal.say(line)
        shown = len(call.events)
        for said in call.take_heard():
            terminal.say(f"[{said.language}] {said.text}")
        if call.result is not None:
            told = ", ".join(f"{name} {value}" for name, value in ended(call.result).items())
            terminal.say(f"-- the flow has ended in {call.node}: {told}")
            return
        typed = terminal.ask()
        if typed is None or typed == "q":
            call.hang_up()
        elif not typed:
            call.be_silent()
        elif all(key in KEYS for key in typed):
            call.press(typed)
        else:
            terminal.say(TRY_HELP)


def _shown(event: m.Event) -> str:
    """What is told beside the words; entering nodes, and what agents would see."""
    match event:
        case m.NodeEntered(node=node):
            return f"-- {node}"
        case m.DigitsCollected():
            digits = "(secret)" if event.secret else event.digits
            return f"   {event.variable} = {digits}"
        case m.MenuChosen(key=key, label=label):
            return f"   {key}: {label.zh} / {label.en}"
        case m.LookupEnded():
            return f"   {event.found.value}{': ' + event.reason if event.reason else ''}"
        case m.ConditionFailed() | m.PartMissing() | m.StepLimitReached() | m.SurveyAnswered():
            return f"   {event}"
        case _:
            return ""


def _moment(at: str, file: Path) -> datetime:
    moment: datetime | None = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(at)
    if moment is None or moment.tzinfo is None:
        right = "write it such as 2026-11-23T10:00:00+08:00"
        raise FlowError([_fault(file, f"{at!r} is no moment with its time zone", right)])
    return moment


def _flow_of(file: Path) -> tuple[Flow, Mapping[str, Flow]]:
    """The flow of a file, among those beside it."""
    paths = [*_others(file.parent, [file]), file]
    flows = read_flows(_texts(paths))
    return next(flow for flow in flows.values() if flow.filename == str(file)), flows


def _others(directory: Path, files: Sequence[Path]) -> list[Path]:
    """The flows of a directory that none of these files takes the place of."""
    names = {file.name for file in files}
    if not directory.is_dir():
        raise FlowError([_fault(directory, "there is no such directory of flows", "name one with --flows")])
    return [path for path in sorted(directory.glob("*.yaml")) if path.name not in names]


def _surroundings(business: Path | None) -> Surroundings:
    if business is None:
        return Surroundings()
    told = read_business(_text(business), str(business)).wanted.business
    return Surroundings(queues=frozenset(told.queues), agents=frozenset(told.agents), hours=frozenset(told.hours))


def _texts(paths: Sequence[Path]) -> dict[str, str]:
    return {str(path): _text(path) for path in paths}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FlowError([_fault(path, f"cannot be read: {error}", "name a UTF-8 file that you may read")]) from error


def _fault(path: Path, what: str, right: str) -> Fault:
    return Fault(code="flow_files", filename=str(path), line=1, what=what, right=right)
