"""Texts as lines for calls: flows that are sound, fit together and the business, and numbers that lead to them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from callcenter.app.business_names import name_faults
from callcenter.app.flow_files import WAITING_PROMPTS, read_flows
from callcenter.app.flow_texts import QUEUE_PROMPTS, FlowText
from callcenter.app.lines import Lines
from callcenter.app.ports import NumberRoute
from callcenter.domain.hours import OpeningHours
from callcenter.domain.queues import QueueConfig
from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.flow import Flow
from callcenter.ivr.reader import Surroundings, parse_prompts
from callcenter.ivr.survey import unfit
from callcenter.ivr.validate import check_flow
from callcenter.ivr.waiting import WaitingPrompts


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRules:
    """What the settings say of flows."""

    directory: Path
    default_flow: str | None
    default_language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesOfBusiness:
    """What of the business the flows name; without `numbers` it is not looked whether each leads to a flow."""

    queues: Collection[str]
    agents: Collection[str]
    hours: Mapping[str, OpeningHours]
    numbers: Sequence[NumberRoute] = ()
    surveys: Mapping[str, str] = field(default_factory=dict)
    """Of queues that ask callers after the talk: by which flow."""
    treated: Sequence[QueueConfig] = ()
    """Queues whose treatment names prompts and flows."""


def make_lines(
    texts: Mapping[str, FlowText], rules: LineRules, business: LinesOfBusiness, *, known: Collection[Flow] = ()
) -> Lines:
    """These texts as lines for calls; raises `FlowError` with the faults of all, and of numbers that lead nowhere.

    A queue must be there in every flow; agents and hours only in those that some caller can come to. Flows that are
    `known` to be sound are not read again where their text is the same.
    """
    faults: list[Fault] = []
    waiting: WaitingPrompts | None = None
    flow_texts = {text.filename: text.text for name, text in texts.items() if name != QUEUE_PROMPTS}
    flows: dict[str, Flow] = {}
    try:
        flows = read_flows(flow_texts, Surroundings(queues=business.queues), known=known)
    except FlowError as error:
        faults += error.faults
    try:
        waiting = read_waiting_prompts(texts.get(QUEUE_PROMPTS), rules.directory)
    except FlowError as error:
        faults += error.faults
    faults += misnamed(texts, flows.values())
    wanted = {route.flow: f"number {route.dnis}" for route in business.numbers}
    if rules.default_flow is not None:
        wanted[rules.default_flow] = "the setting flows.default"
    first = {name for name, flow in flows.items() if not flow.returns}
    for name, whence in sorted(wanted.items()):
        if name not in first and not faults:
            possible = ", ".join(sorted(first)) or "none"
            why = "which is made to be led into by other flows" if name in flows else "which is not here"
            what = f"{whence} leads to the flow {name!r}, {why}"
            filename = texts[name].filename if name in texts else str(rules.directory)
            faults.append(Fault(code="flow_files", filename=filename, line=1, what=what, right=f"known: {possible}"))
    aside = {queue.waiting.self_service for queue in business.treated}
    if not faults:
        faults += [
            Fault(
                code=found.code,
                filename=str(rules.directory / WAITING_PROMPTS),
                line=1,
                what=found.what,
                right=found.right,
            )
            for found in name_faults(business.treated, prompts=waiting, flows=flows)
        ]
    if not faults:
        around = Surroundings(agents=business.agents, hours=business.hours, flows=flows)
        for name in sorted(_led_to(flows, (*wanted, *aside))):
            faults += check_flow(flows[name], around)
        faults += _survey_faults(flows, rules, business)
    if faults or waiting is None:
        raise FlowError(faults)
    return Lines(
        flows=flows,
        flow_of_dnis={route.dnis: route.flow for route in business.numbers},
        default_flow=rules.default_flow,
        waiting_prompts=waiting,
        default_language=rules.default_language,
        hours=business.hours,
    )


def _survey_faults(flows: Mapping[str, Flow], rules: LineRules, business: LinesOfBusiness) -> list[Fault]:
    """Why what queues ask after the talk cannot be asked."""
    faults: list[Fault] = []
    for name in sorted(set(business.surveys.values()) & flows.keys()):
        faults += unfit(flows[name])
    for queue_id, name in sorted(business.surveys.items()):
        if name not in flows:
            what = f"queue {queue_id} asks by the flow {name!r} after the talk, which is not here"
            right = f"known: {', '.join(sorted(flows)) or 'none'}"
            faults.append(Fault(code="flow_files", filename=str(rules.directory), line=1, what=what, right=right))
    return faults


def _led_to(flows: Mapping[str, Flow], first: Iterable[str]) -> set[str]:
    """The flows that callers can come to from these."""
    found, open_names = set[str](), list(first)
    while open_names:
        name = open_names.pop()
        if name in flows and name not in found:
            found.add(name)
            open_names += flows[name].flows_used()
    return found


def read_waiting_prompts(text: FlowText | None, directory: Path) -> WaitingPrompts:
    """The announcements of queues; raises `FlowError`."""
    if text is None:
        what, right = "cannot be read: there is no such file", "a UTF-8 file that the server may read"
        filename = str(directory / WAITING_PROMPTS)
        raise FlowError([Fault(code="flow_files", filename=filename, line=1, what=what, right=right)])
    return _parsed(text.text, text.filename)


@lru_cache(maxsize=8)
def _parsed(text: str, filename: str) -> WaitingPrompts:
    """Whoever changes the business has them checked each time, and they seldom change."""
    return WaitingPrompts(parse_prompts(text, filename))


def misnamed(texts: Mapping[str, FlowText], flows: Collection[Flow]) -> list[Fault]:
    """Published texts that call themselves otherwise than they were published."""
    published = {text.filename: name for name, text in texts.items() if text.publication is not None}
    return [
        Fault(
            code="other_name",
            filename=flow.filename,
            line=flow.line_of("flow"),
            what=f"this is not the flow {published[flow.filename]!r}",
            right=f"write 'flow: {published[flow.filename]}', or publish it under its own name",
        )
        for flow in flows
        if published.get(flow.filename, flow.name) != flow.name
    ]
