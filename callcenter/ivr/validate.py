"""What is wrong with a flow as a whole: where it leads, what it says, what it asks; each fault with its line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from callcenter.ivr import nodes as n
from callcenter.ivr.conditions import impossible_comparison
from callcenter.ivr.faults import Fault
from callcenter.ivr.flow import PERSON_KEY, Flow, own_keys, prompts_of
from callcenter.ivr.impossible import idle_cases
from callcenter.ivr.prompts import PLACEHOLDER, PromptSet
from callcenter.ivr.speech import FORMS
from callcenter.ivr.variables import CALLER_VARIABLES, KINDS, LOOKUP_VARIABLES, TYPE_NAMES, Variables
from callcenter.ivr.ways import check_flows, check_targets, check_ways, flow_fault, some

__all__ = ["MOST_OPTIONS", "Surroundings", "check_flow", "check_flows", "check_prompts"]

MOST_OPTIONS: Final = 5
"""More choices nobody keeps in mind; `0`, `9`, `*` and `#` have meanings of their own and are not counted."""
_UNCOUNTED: Final = frozenset("09*#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What there is round a flow, by ids and names; None where nobody knows, and then nothing is missed."""

    queues: Collection[str] | None = None
    agents: Collection[str] | None = None
    hours: Collection[str] | None = None
    flows: Mapping[str, Flow] | None = field(default=None, repr=False)

    def with_flows(self, flows: Mapping[str, Flow] | None) -> Surroundings:
        """The same with these flows."""
        return replace(self, flows=flows)


def check_flow(flow: Flow, around: Surroundings, *, unread: Collection[str] = ()) -> tuple[Fault, ...]:
    """Every fault of `flow`, none if it is sound.

    `unread` nodes had faults of their own; where some were not read at all, it is not known where the flow leads.
    """
    scope = _Scope(flow, around)
    targets = tuple(check_targets(flow, unread))
    ways = tuple(check_ways(flow, around.flows)) if not unread and flow.start else ()
    return (
        *targets,
        # What a mistyped name leads to is not unreachable, but misspelt.
        *(fault for fault in ways if not targets or fault.code != "unreachable_node"),
        *_spoken(flow),
        *_asked(flow),
        *_reckoned(flow, scope),
        *_named_variables(flow, scope),
        *_secrets_spoken(flow, scope),
        *_prompt_faults(flow.prompts, scope.variables if scope.complete else None, scope.secrets),
        *_of_the_business(flow, around),
        *(_sub_flows(flow, around.flows) if around.flows is not None else ()),
    )


def check_prompts(prompts: PromptSet, variables: Variables) -> tuple[Fault, ...]:
    """Every fault of a set of prompts that may use `variables`."""
    return tuple(_prompt_faults(prompts, variables, frozenset()))


class _Scope:
    """The variables a flow may use: its own, and those of the flows it leads into."""

    def __init__(self, flow: Flow, around: Surroundings) -> None:
        self.variables = dict(flow.variables())
        self.secrets = set(flow.secrets())
        self.complete = True
        """Whether no flow is unknown whose variables might be meant."""
        open_flows, seen = [flow], {flow.name}
        while open_flows:
            here = open_flows.pop()
            for name in here.flows_used():
                used = (around.flows or {}).get(name)
                if used is None:
                    self.complete = False
                elif name not in seen:
                    seen.add(name)
                    open_flows.append(used)
                    self.variables = {**used.variables(), **self.variables}
                    self.secrets |= used.secrets()


def _spoken(flow: Flow) -> Iterator[Fault]:
    for node in flow.nodes.values():
        for prompt, path in prompts_of(node):
            if prompt not in flow.prompts.texts:
                said_at = path if path in flow.lines else f"asking.{path.rpartition('.')[2]}"
                right = f"write it under prompts, in {' and '.join(flow.languages)}"
                yield flow_fault(flow, said_at, "unknown_prompt", f"{said_at}: there is no prompt {prompt!r}", right)


def _asked(flow: Flow) -> Iterator[Fault]:
    kinds: dict[str, tuple[object, str]] = {}
    for node in flow.nodes.values():
        at = f"nodes.{node.name}"
        match node:
            case n.CollectNode():
                yield from _collected(flow, node, kinds)
            case n.LanguageNode():
                for language in flow.languages:
                    if language not in node.keys.values():
                        what = f"{at}.keys: no key chooses {language!r}"
                        yield flow_fault(flow, f"{at}.keys", "language_without_key", what, "give every language a key")
            case n.MenuNode():
                counted = [key for key in node.keys if key not in _UNCOUNTED]
                if len(counted) > MOST_OPTIONS:
                    what = f"{at}.keys: {len(counted)} choices are more than a caller keeps in mind"
                    right = f"offer at most {MOST_OPTIONS}, and the rest in another menu"
                    yield flow_fault(flow, f"{at}.keys", "too_many_options", what, right)
            case _:
                pass


def _collected(flow: Flow, node: n.CollectNode, kinds: dict[str, tuple[object, str]]) -> Iterator[Fault]:
    at = f"nodes.{node.name}"
    taken = {name for table in (CALLER_VARIABLES, *LOOKUP_VARIABLES.values()) for name in table}
    if node.into in taken:
        what = f"{at}.into: {node.into!r} is a variable of the caller"
        yield flow_fault(flow, f"{at}.into", "taken_variable", what, "give the digits a name of their own")
    if node.into in flow.declared and (node.secret or flow.declared[node.into] != "text"):
        what = f"{at}.into: {node.into!r} is declared as {flow.declared[node.into]}"
        yield flow_fault(flow, f"{at}.into", "taken_variable", what, "give the digits a name of their own")
    first, before = kinds.setdefault(node.into, (node.secret, node.name))
    if first != node.secret:
        what = f"{at}.into: {node.into!r} is secret in one place and not in the other (see {before!r})"
        yield flow_fault(flow, f"{at}.into", "half_secret", what, "keep it secret in both, or use two names")
    if node.asking.person is not None and f"{at}.person" in flow.lines and PERSON_KEY in own_keys(node):
        what = f"{at}.person: a lone 0 is a number here"
        yield flow_fault(flow, f"{at}.person", "person_key_taken", what, "ask for two digits at least, or say none")


def _reckoned(flow: Flow, scope: _Scope) -> Iterator[Fault]:
    for node in flow.nodes.values():
        at = f"nodes.{node.name}"
        if isinstance(node, n.BranchNode):
            sound = True
            for index, case in enumerate(node.cases):
                path = f"{at}.cases.{index}.when"
                faults = list(_names(flow, path, case.when.names, scope))
                impossible = impossible_comparison(case.when, scope.variables) if not faults else None
                if impossible is not None:
                    what = f"{path}: {impossible}"
                    faults.append(flow_fault(flow, path, "impossible_condition", what, "compare things of one kind"))
                sound = sound and not faults and scope.complete
                yield from faults
            if sound:
                conditions = [case.when for case in node.cases]
                for index, reason in idle_cases(conditions, scope.variables, flow.languages):
                    path = f"{at}.cases.{index}.when"
                    right = "mend it, or take it out"
                    yield flow_fault(flow, path, "impossible_condition", f"{path}: {reason}", right)
        elif isinstance(node, n.SetNode):
            for name, expression in node.values.items():
                path = f"{at}.values.{name}"
                if name not in flow.declared:
                    what = f"{path}: {name!r} is no variable of this flow's own"
                    right = f"declare it under variables, as one of {', '.join(KINDS)}"
                    yield flow_fault(flow, path, "unknown_variable", what, right)
                faults = list(_names(flow, path, expression.names, scope))
                yield from faults
                kind = type(KINDS[flow.declared[name]]) if name in flow.declared else None
                types = expression.types(scope.variables)
                if kind is not None and types and not faults and not types <= {kind, _NUMBERS.get(kind, kind)}:
                    is_a = " or ".join(sorted(TYPE_NAMES[each] for each in types))
                    what = f"{path}: {expression.text!r} is {is_a}, and {name!r} holds {TYPE_NAMES[kind]}"
                    yield flow_fault(flow, path, "bad_value", what, "set it to what it can hold")


_NUMBERS: Final = {type(KINDS["amount"]): int}


def _names(flow: Flow, path: str, names: Collection[str], scope: _Scope) -> Iterator[Fault]:
    for name in sorted(names):
        if name in scope.secrets:
            what = f"{path}: {name!r} is a secret, and what depends on it would tell it"
            yield flow_fault(flow, path, "secret_used", what, "let a lookup prove it")
        elif name not in scope.variables and scope.complete:
            right = f"use one of {some(scope.variables)}"
            yield flow_fault(flow, path, "unknown_variable", f"{path}: there is no variable {name!r}", right)


def _named_variables(flow: Flow, scope: _Scope) -> Iterator[Fault]:
    """What a node is asked about by the name of a variable."""
    for node in flow.nodes.values():
        at = f"nodes.{node.name}"
        match node:
            case n.LookupNode():
                if node.number is not None:
                    kind = int if node.of == "case" else str
                    yield from _variable(flow, f"{at}.number", node.number, scope, kind)
                if node.pin is not None and node.pin not in scope.secrets and scope.complete:
                    what = f"{at}.pin: {node.pin!r} is no secret"
                    right = "collect it with 'secret: yes', so that nobody sees it"
                    yield flow_fault(flow, f"{at}.pin", "pin_not_secret", what, right)
            case n.CallbackNode(number=str(number)):
                yield from _variable(flow, f"{at}.number", number, scope, str)
            case n.HttpNode():
                for found in PLACEHOLDER.finditer(node.url):
                    yield from _variable(flow, f"{at}.url", found[1], scope, None)
                for sent, name in (node.send or {}).items():
                    yield from _variable(flow, f"{at}.send.{sent}", name, scope, None)
                for name, extract in node.into.items():
                    if type(flow.variables()[name]) is not type(KINDS[extract.kind]) or name in CALLER_VARIABLES:
                        what = f"{at}.into.{name}: there is another variable of that name"
                        yield flow_fault(flow, f"{at}.into.{name}", "taken_variable", what, "give it another name")
            case _:
                pass


def _variable(flow: Flow, path: str, name: str, scope: _Scope, kind: type | None) -> Iterator[Fault]:
    faults = list(_names(flow, path, (name,), scope))
    yield from faults
    if not faults and kind is not None and name in scope.variables and type(scope.variables[name]) is not kind:
        what = f"{path}: {name!r} is {TYPE_NAMES[type(scope.variables[name])]}"
        yield flow_fault(flow, path, "bad_variable", what, f"use one that is {TYPE_NAMES[kind]}")


def _secrets_spoken(flow: Flow, scope: _Scope) -> Iterator[Fault]:
    for prompt, texts in flow.prompts.texts.items():
        for language, text in texts.items():
            for found in PLACEHOLDER.finditer(text.text):
                if found[1] in scope.secrets:
                    path = f"prompts.{prompt}.{language}"
                    what = f"{path}: {found[1]!r} is a secret"
                    yield _prompt_fault(
                        flow.prompts, path, "secret_spoken", what, "say something else; secrets are kept"
                    )


def _of_the_business(flow: Flow, around: Surroundings) -> Iterator[Fault]:
    for node in flow.nodes.values():
        at = f"nodes.{node.name}"
        match node:
            case n.QueueNode() | n.CallbackNode() | n.VoicemailNode() | n.LookupNode(queue=str()) | n.TransferNode():
                if node.queue is not None:
                    yield from _there(flow, f"{at}.queue", "queue", node.queue, around.queues)
                if isinstance(node, n.TransferNode) and node.agent is not None:
                    yield from _there(flow, f"{at}.agent", "agent", node.agent, around.agents)
            case n.HoursNode(hours_id=str(hours_id)):
                yield from _there(flow, f"{at}.hours", "hours", hours_id, around.hours)
            case _:
                pass


def _there(flow: Flow, path: str, kind: str, name: str, known: Collection[str] | None) -> Iterator[Fault]:
    if known is not None and name and name not in known:
        right = f"name one of {some(known)}" if known else f"make the {kind} first"
        what = f"{path}: there is no {kind} {name!r}" if kind != "hours" else f"{path}: there are no hours {name!r}"
        yield flow_fault(flow, path, f"unknown_{kind}", what, right)


def _sub_flows(flow: Flow, flows: Mapping[str, Flow]) -> Iterator[Fault]:
    own = flow.variables()
    for name, path in flow.flows_used().items():
        used = flows.get(name)
        if used is None:
            yield flow_fault(
                flow, path, "unknown_flow", f"{path}: there is no flow {name!r}", f"name one of {some(flows)}"
            )
            continue
        if not used.returns:
            what = f"{path}: the flow {name!r} never returns"
            yield flow_fault(flow, path, "flow_never_returns", what, "give it a node of the kind return")
        for language in flow.languages:
            if language not in used.languages:
                what = f"{path}: the flow {name!r} does not speak {language!r}"
                yield flow_fault(flow, path, "missing_language", what, "give both the same languages")
        for variable, value in used.variables().items():
            if variable in own and type(own[variable]) is not type(value):
                there, here = TYPE_NAMES[type(value)], TYPE_NAMES[type(own[variable])]
                what = f"{path}: {variable!r} is {there} there and {here} here"
                yield flow_fault(flow, path, "bad_variable", what, "use two names")
        for variable in used.secrets() & own.keys() | flow.secrets() & used.variables().keys():
            what = f"{path}: {variable!r} is secret in one flow and not in the other"
            yield flow_fault(flow, path, "half_secret", what, "keep it secret in both, or use two names")


def _prompt_faults(prompts: PromptSet, variables: Variables | None, secrets: Collection[str]) -> Iterator[Fault]:
    for prompt, texts in prompts.texts.items():
        path = f"prompts.{prompt}"
        for language in prompts.languages:
            if language not in texts:
                what = f"the prompt {prompt!r} has no text in {language!r}"
                yield _prompt_fault(prompts, path, "missing_text", what, f"add '{language}: ...'")
        for language, text in texts.items():
            yield from _text_faults(prompts, f"{path}.{language}", text.text, variables, secrets)


def _text_faults(
    prompts: PromptSet, path: str, text: str, variables: Variables | None, secrets: Collection[str]
) -> Iterator[Fault]:
    for found in PLACEHOLDER.finditer(text):
        name, form = found[1], found[2]
        if name in secrets or variables is None:
            continue
        if name not in variables:
            right = f"use one of {some(variables)}"
            yield _prompt_fault(prompts, path, "unknown_variable", f"{path}: there is no variable {name!r}", right)
            continue
        kind = type(variables[name])
        fitting = [form_name for form_name, kinds in FORMS.items() if kind in kinds]
        if not fitting or (form is not None and form not in fitting):
            what = f"{path}: {found[0]} cannot be said, for {name!r} is {TYPE_NAMES[kind]}"
            right = f"say it as {' or '.join(fitting)}" if fitting else "use it in a condition only"
            yield _prompt_fault(prompts, path, "bad_form", what, right)
    if re_stray := next((sign for sign in PLACEHOLDER.sub("", text) if sign in "{}"), None):
        what = f"{path}: a single {re_stray!r}"
        yield _prompt_fault(prompts, path, "stray_brace", what, "write variables as {name} or {name:form}")


def _prompt_fault(prompts: PromptSet, path: str, code: str, what: str, right: str) -> Fault:
    line = prompts.lines.get(path, prompts.lines.get(path.rpartition(".")[0], 1))
    return Fault(code=code, filename=prompts.filename, line=line, what=what, right=right)
