"""What is wrong with a flow as a whole: where it leads, what it says, what it asks; each fault with its line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from callcenter.ivr.conditions import impossible_comparison
from callcenter.ivr.faults import Fault
from callcenter.ivr.flow import (
    BranchNode,
    CollectNode,
    EndNode,
    Flow,
    LanguageNode,
    QueueNode,
    exits,
    prompts_of,
)
from callcenter.ivr.prompts import PLACEHOLDER, PromptSet
from callcenter.ivr.speech import FORMS
from callcenter.ivr.variables import CALLER_VARIABLES, TYPE_NAMES, Variables


def check_flow(flow: Flow, *, queues: Collection[str] | None = None) -> tuple[Fault, ...]:
    """Every fault of `flow`, none if it is sound; with `queues`, the ids of the queues there are, theirs too."""
    return (
        *_targets(flow),
        *_ways(flow),
        *_spoken(flow),
        *_asked(flow),
        *check_prompts(flow.prompts, flow.variables()),
        *(_queues(flow, queues) if queues is not None else ()),
    )


def check_prompts(prompts: PromptSet, variables: Variables) -> tuple[Fault, ...]:
    """Every fault of a set of prompts that may use `variables`."""
    return tuple(_prompt_faults(prompts, variables))


def _fault(flow: Flow, path: str, code: str, what: str, right: str) -> Fault:
    return Fault(code=code, filename=flow.filename, line=flow.line_of(path), what=what, right=right)


def _targets(flow: Flow) -> Iterator[Fault]:
    named = [("start", flow.start), ("rescue", flow.rescue)]
    for node in flow.nodes.values():
        # Without a way out of its own an asking node gives up to the flow's rescue, whose own line is checked.
        named += [(way.path, way.to) for way in exits(node) if way.path in flow.lines or way.to != flow.rescue]
    for path, target in named:
        if target not in flow.nodes:
            right = f"name one of {_some(flow.nodes)}"
            yield _fault(flow, path, "unknown_node", f"{path}: there is no node {target!r}", right)
    rescue = flow.nodes.get(flow.rescue)
    if rescue is not None and not isinstance(rescue, QueueNode | EndNode):
        what = f"rescue: the node {flow.rescue!r} goes on, but in trouble nothing may go on"
        yield _fault(flow, "rescue", "bad_rescue", what, "name a node of the kind queue or end")


def _ways(flow: Flow) -> Iterator[Fault]:
    leads = {name: [way.to for way in exits(node) if way.to in flow.nodes] for name, node in flow.nodes.items()}
    reached = _closure([name for name in (flow.start, flow.rescue) if name in flow.nodes], leads)
    backwards: dict[str, list[str]] = {name: [] for name in flow.nodes}
    for name, targets in leads.items():
        for target in targets:
            backwards[target].append(name)
    ends = [name for name, node in flow.nodes.items() if isinstance(node, QueueNode | EndNode)]
    ending = _closure(ends, backwards)
    for name in flow.nodes:
        path = f"nodes.{name}"
        if name not in reached:
            right = "lead to it from another node, or take it out"
            yield _fault(flow, path, "unreachable_node", f"no caller ever comes to {name!r}", right)
        elif name not in ending:
            right = "lead on to a node of the kind queue or end"
            yield _fault(flow, path, "dead_end", f"from {name!r} the call can never end", right)
    keyless = {
        name: [way.to for way in exits(node) if way.to in flow.nodes and not way.by_key]
        for name, node in flow.nodes.items()
    }
    for loop in _loops(keyless):
        what = f"the call can go round without a key press: {' -> '.join((*loop, loop[0]))}"
        right = "lead one of them elsewhere"
        yield _fault(flow, f"nodes.{loop[0]}", "loop_without_key", what, right)


def _closure(first: list[str], leads: Mapping[str, list[str]]) -> set[str]:
    reached, open_names = set(first), list(first)
    while open_names:
        for target in leads[open_names.pop()]:
            if target not in reached:
                reached.add(target)
                open_names.append(target)
    return reached


def _loops(leads: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """One loop for every group of nodes that can go round, beginning at the node that is written first."""
    told: set[str] = set()
    for name in leads:
        if name in told:
            continue
        came_from: dict[str, str] = {}
        open_names = [name]
        while open_names and name not in came_from:
            here = open_names.pop(0)
            for target in leads[here]:
                if target not in came_from:
                    came_from[target] = here
                    open_names.append(target)
        if name in came_from:
            loop = [name]
            while came_from[loop[0]] != name:
                loop.insert(0, came_from[loop[0]])
            loop = [name, *loop[:-1]]
            told.update(loop)
            yield loop


def _spoken(flow: Flow) -> Iterator[Fault]:
    for node in flow.nodes.values():
        for prompt, path in prompts_of(node):
            if prompt not in flow.prompts.texts:
                right = f"write it under prompts, in {' and '.join(flow.languages)}"
                yield _fault(flow, path, "unknown_prompt", f"{path}: there is no prompt {prompt!r}", right)


def _asked(flow: Flow) -> Iterator[Fault]:
    variables = flow.variables()
    for node in flow.nodes.values():
        match node:
            case BranchNode():
                for index, case in enumerate(node.cases):
                    path = f"nodes.{node.name}.cases.{index}.when"
                    for name in sorted(case.when.names - variables.keys()):
                        right = f"use one of {_some(variables)}"
                        yield _fault(flow, path, "unknown_variable", f"{path}: there is no variable {name!r}", right)
                    impossible = impossible_comparison(case.when, variables)
                    if impossible is not None:
                        right = "compare things of one kind"
                        yield _fault(flow, path, "impossible_condition", f"{path}: {impossible}", right)
            case CollectNode() if node.into in CALLER_VARIABLES:
                path = f"nodes.{node.name}.into"
                what = f"{path}: {node.into!r} is a variable of the caller"
                yield _fault(flow, path, "taken_variable", what, "give the digits a name of their own")
            case LanguageNode():
                for language in flow.languages:
                    if language not in node.keys.values():
                        path = f"nodes.{node.name}.keys"
                        what = f"{path}: no key chooses {language!r}"
                        yield _fault(flow, path, "language_without_key", what, "give every language a key")
            case _:
                pass


def _queues(flow: Flow, queues: Collection[str]) -> Iterator[Fault]:
    for node in flow.nodes.values():
        if isinstance(node, QueueNode) and node.queue not in queues:
            path = f"nodes.{node.name}.queue"
            right = f"name one of {_some(queues)}" if queues else "make the queue first"
            yield _fault(flow, path, "unknown_queue", f"{path}: there is no queue {node.queue!r}", right)


def _prompt_faults(prompts: PromptSet, variables: Variables) -> Iterator[Fault]:
    for prompt, texts in prompts.texts.items():
        path = f"prompts.{prompt}"
        for language in prompts.languages:
            if language not in texts:
                what = f"the prompt {prompt!r} has no text in {language!r}"
                yield _prompt_fault(prompts, path, "missing_text", what, f"add '{language}: ...'")
        for language, text in texts.items():
            yield from _text_faults(prompts, f"{path}.{language}", text.text, variables)


def _text_faults(prompts: PromptSet, path: str, text: str, variables: Variables) -> Iterator[Fault]:
    for found in PLACEHOLDER.finditer(text):
        name, form = found[1], found[2]
        if name not in variables:
            right = f"use one of {_some(variables)}"
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


def _some(names: Collection[str]) -> str:
    shown = sorted(names)[:12]
    return ", ".join(shown) + (" ..." if len(names) > len(shown) else "")
