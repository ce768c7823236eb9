"""Where the nodes of a flow lead: to nodes there are, to every node, to an end, and round only with a key press."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from callcenter.ivr.faults import Fault
from callcenter.ivr.flow import DEEPEST_FLOW, Exit, Flow, exits, is_last
from callcenter.ivr.nodes import EndNode, FlowNode, QueueNode, ReturnNode


def check_targets(flow: Flow, unread: Collection[str]) -> Iterator[Fault]:
    """Every name that leads to no node; `unread` ones are there, but could not be read."""
    named = [("start", flow.start), ("rescue", flow.rescue)]
    for node in flow.nodes.values():
        # What a node does not say itself is the flow's, whose own line is checked.
        named += [(_said_at(flow, way), way.to) for way in exits(node)]
    for path, target in dict.fromkeys(named):
        if target and target not in flow.nodes and target not in unread:
            what = f"{path}: there is no node {target!r}"
            yield flow_fault(flow, path, "unknown_node", what, f"name one of {some(flow.nodes)}")
    rescue = flow.nodes.get(flow.rescue)
    if rescue is not None and not isinstance(rescue, QueueNode | EndNode | ReturnNode):
        what = f"rescue: the node {flow.rescue!r} goes on, but in trouble nothing may go on"
        yield flow_fault(flow, "rescue", "bad_rescue", what, "name a node of the kind queue or end")


def _said_at(flow: Flow, way: Exit) -> str:
    if way.path in flow.lines:
        return way.path
    shared = "asking." + way.path.rpartition(".")[2]
    return shared if shared in flow.lines else "rescue"


def check_ways(flow: Flow, flows: Mapping[str, Flow] | None) -> Iterator[Fault]:
    """Nodes nobody reaches, nodes from which no call can end, ways round without a key press."""
    leads = {name: [way.to for way in exits(node) if way.to in flow.nodes] for name, node in flow.nodes.items()}
    reached = _closure([name for name in (flow.start, flow.rescue) if name in flow.nodes], leads)
    backwards: dict[str, list[str]] = {name: [] for name in flow.nodes}
    for name, targets in leads.items():
        for target in targets:
            backwards[target].append(name)
    ends = [name for name, node in flow.nodes.items() if is_last(node)]
    ending = _closure(ends, backwards)
    for name in flow.nodes:
        path = f"nodes.{name}"
        if name not in reached:
            right = "lead to it from another node, or take it out"
            yield flow_fault(flow, path, "unreachable_node", f"no caller ever comes to {name!r}", right)
        elif name not in ending:
            right = "lead on to a node of the kind queue or end"
            yield flow_fault(flow, path, "dead_end", f"from {name!r} the call can never end", right)
    for loop in _loops(_keyless(flow, flows or {}, DEEPEST_FLOW)):
        what = f"the call can go round without a key press: {' -> '.join((*loop, loop[0]))}"
        yield flow_fault(flow, f"nodes.{loop[0]}", "loop_without_key", what, "lead one of them elsewhere")


def _keyless(flow: Flow, flows: Mapping[str, Flow], depth: int) -> dict[str, list[str]]:
    leads: dict[str, list[str]] = {}
    for name, node in flow.nodes.items():
        passes = not isinstance(node, FlowNode) or _returns_by_itself(flows.get(node.flow), flows, depth - 1)
        leads[name] = [way.to for way in exits(node) if way.to in flow.nodes and not way.by_key and passes]
    return leads


def _returns_by_itself(flow: Flow | None, flows: Mapping[str, Flow], depth: int) -> bool:
    """Whether a caller who presses nothing may come back out of a flow."""
    if flow is None or depth <= 0 or flow.start not in flow.nodes:
        return True
    reached = _closure([flow.start], _keyless(flow, flows, depth))
    return any(isinstance(flow.nodes[name], ReturnNode) for name in reached)


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


def check_flows(flows: Mapping[str, Flow]) -> Iterator[Fault]:
    """Flows that lead into one another in a circle, or too deeply."""
    told: set[frozenset[str]] = set()
    for flow in flows.values():
        for used, path in flow.flows_used().items():
            circle = _circle(flow.name, used, flows)
            if circle is not None and frozenset(circle) not in told:
                told.add(frozenset(circle))
                what = f"{path}: the flows lead into one another: {' -> '.join((*circle, circle[0]))}"
                yield flow_fault(flow, path, "flow_cycle", what, "let one of them end without the other")
        depth = _depth(flow, flows, DEEPEST_FLOW + 1)
        if depth > DEEPEST_FLOW and not any(flow.name in circle for circle in told):
            what = f"the flow {flow.name!r} leads through more than {DEEPEST_FLOW} flows, one in another"
            yield flow_fault(flow, "flow", "flow_too_deep", what, "make them fewer")


def _circle(name: str, through: str, flows: Mapping[str, Flow]) -> list[str] | None:
    came_from = {through: name}
    open_names = [through]
    while open_names:
        here = open_names.pop(0)
        if here == name:
            circle = [name]
            while came_from[circle[0]] != name:
                circle.insert(0, came_from[circle[0]])
            return [circle[-1], *circle[:-1]]
        for used in flows[here].flows_used() if here in flows else ():
            if used not in came_from:
                came_from[used] = here
                open_names.append(used)
    return None


def _depth(flow: Flow, flows: Mapping[str, Flow], at_most: int) -> int:
    if at_most <= 1:
        return 1
    inner = (_depth(flows[used], flows, at_most - 1) for used in flow.flows_used() if used in flows)
    return 1 + max(inner, default=0)


def flow_fault(flow: Flow, path: str, code: str, what: str, right: str) -> Fault:
    """A fault in the line of a field."""
    return Fault(code=code, filename=flow.filename, line=flow.line_of(path), what=what, right=right)


def some(names: Collection[str]) -> str:
    """A few of the names there are."""
    shown = sorted(names)[:12]
    return (", ".join(shown) or "none, for there is none") + (" ..." if len(names) > len(shown) else "")
