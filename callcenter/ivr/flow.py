"""A flow: its nodes by name, what they say, and where each may lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from callcenter.ivr.nodes import (
    AskingNode,
    BranchNode,
    CollectNode,
    ConfirmNode,
    FlowNode,
    HoursNode,
    HttpNode,
    LanguageNode,
    LastNode,
    LookupNode,
    MenuNode,
    Node,
    ReturnNode,
    SayNode,
    SetNode,
    SurveyNode,
    SwitchLanguageNode,
    TransferNode,
)
from callcenter.ivr.prompts import PromptSet
from callcenter.ivr.variables import CALLER_VARIABLES, COLLECTED, HOURS_VARIABLES, KINDS, LOOKUP_VARIABLES, Variables

KEYS: Final = "0123456789*#"
PERSON_KEY: Final = "0"
BACK_KEY: Final = "*"
DEEPEST_FLOW: Final = 5
"""How many flows may lead into one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """One way from a node to another; `path` names the field that says so, `by_key` whether a key press takes it.

    `way` is what takes it, for pictures: a key, a condition, or a word such as `next`.
    """

    to: str
    path: str
    by_key: bool = False
    way: str = "next"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow that was read and found sound; `version` is drawn from the text, `rescue` is where trouble leads."""

    name: str
    version: str
    languages: tuple[str, ...]
    start: str
    rescue: str
    prompts: PromptSet
    nodes: Mapping[str, Node]
    declared: Mapping[str, str] = field(default_factory=dict)
    """The kinds of the variables that the flow declares as its own."""
    filename: str
    lines: Mapping[str, int] = field(compare=False, repr=False)

    def line_of(self, path: str) -> int:
        """The line of the field `path`, such as `nodes.menu.next`, or of the nearest thing round it."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def variables(self) -> Variables:
        """Every variable this flow may use, with its value when nothing is known; secrets are none of them."""
        found = {**CALLER_VARIABLES, **{name: KINDS[kind] for name, kind in self.declared.items()}}
        for node in self.nodes.values():
            match node:
                case CollectNode(secret=False):
                    found[node.into] = COLLECTED
                case LookupNode():
                    found |= LOOKUP_VARIABLES[node.of]
                case HoursNode():
                    found |= HOURS_VARIABLES
                case HttpNode():
                    found |= {name: KINDS[extract.kind] for name, extract in node.into.items()}
                case _:
                    pass
        return found

    def secrets(self) -> frozenset[str]:
        """The names of what callers type as a secret."""
        return frozenset(node.into for node in self.nodes.values() if isinstance(node, CollectNode) and node.secret)

    @property
    def returns(self) -> bool:
        """Whether it is made to be led into by other flows."""
        return any(isinstance(node, ReturnNode) for node in self.nodes.values())

    def flows_used(self) -> dict[str, str]:
        """The flows it leads into, each with the path of the field that names it first."""
        used: dict[str, str] = {}
        for node in self.nodes.values():
            if isinstance(node, FlowNode):
                used.setdefault(node.flow, f"nodes.{node.name}.flow")
        return used


def exits(node: Node) -> Iterator[Exit]:
    """Every way out of `node`."""
    at = f"nodes.{node.name}"
    match node:
        case SayNode() | SwitchLanguageNode() | SetNode() | FlowNode():
            yield Exit(to=node.next, path=f"{at}.next")
        case BranchNode():
            for index, case in enumerate(node.cases):
                yield Exit(to=case.go, path=f"{at}.cases.{index}.go", way=case.when.text)
            yield Exit(to=node.otherwise, path=f"{at}.otherwise", way="otherwise")
        case HoursNode():
            yield Exit(to=node.open, path=f"{at}.open", way="open")
            yield Exit(to=node.closed, path=f"{at}.closed", way="closed")
        case LookupNode():
            for way, to in (("found", node.found), ("missing", node.missing), ("failed", node.failed)):
                yield Exit(to=to, path=f"{at}.{way}", way=way)
        case HttpNode():
            for way, to in (("next", node.next), ("missing", node.missing), ("failed", node.failed)):
                yield Exit(to=to, path=f"{at}.{way}", way=way)
        case TransferNode():
            yield Exit(to=node.failed, path=f"{at}.failed", way="failed")
        case MenuNode() | LanguageNode() | CollectNode() | ConfirmNode() | SurveyNode():
            yield from _answers(node, at)
            if node.asking.person is not None and uses_person_key(node):
                yield Exit(to=node.asking.person, path=f"{at}.person", by_key=True, way=PERSON_KEY)
            yield Exit(to=node.asking.give_up, path=f"{at}.give_up", way="give_up")
        case _:
            return


def _answers(node: AskingNode, at: str) -> Iterator[Exit]:
    match node:
        case MenuNode():
            for key, choice in node.keys.items():
                yield Exit(to=choice.go, path=f"{at}.keys.{key}.go", by_key=True, way=key)
        case LanguageNode():
            # Who speaks a known language passes through without a key.
            yield Exit(to=node.next, path=f"{at}.next", by_key=node.always)
        case ConfirmNode():
            yield Exit(to=node.yes, path=f"{at}.yes", by_key=True, way=node.yes_key)
            yield Exit(to=node.no, path=f"{at}.no", by_key=True, way=node.no_key)
        case CollectNode():
            yield Exit(to=node.next, path=f"{at}.next", by_key=True)
        case SurveyNode():
            yield Exit(to=node.next, path=f"{at}.next", by_key=True)


def own_keys(node: AskingNode) -> frozenset[str]:
    """The keys that mean something of their own in a node."""
    match node:
        case MenuNode() | LanguageNode():
            return frozenset(node.keys)
        case ConfirmNode():
            return frozenset({node.yes_key, node.no_key})
        case SurveyNode():
            return frozenset(
                str(key) for question in node.questions for key in _keys_of(question.lowest, question.highest)
            )
        case CollectNode():
            # A lone 0 is no number where two digits are the least.
            return frozenset("0123456789") - ({PERSON_KEY} if node.min_digits > 1 else set()) | {node.end_key or ""}


def _keys_of(lowest: int, highest: int) -> range:
    return range(lowest, highest + 1)


def uses_person_key(node: AskingNode) -> bool:
    """Whether `0` leads to a person in this node."""
    return node.asking.person is not None and PERSON_KEY not in own_keys(node)


def goes_back(node: AskingNode) -> bool:
    """Whether `*` leads to the question before."""
    return node.asking.back and BACK_KEY not in own_keys(node)


def prompts_of(node: Node) -> Iterator[tuple[str, str]]:
    """Every prompt that `node` says, with the path of the field that names it."""
    at = f"nodes.{node.name}"
    if isinstance(node, AskingNode):
        for name, prompt in (("invalid", node.asking.invalid), ("silent", node.asking.silent)):
            if prompt is not None:
                yield prompt, f"{at}.{name}"
    match node:
        case SurveyNode():
            for index, question in enumerate(node.questions):
                for prompt in question.prompts:
                    yield prompt, f"{at}.questions.{index}.say"
        case SwitchLanguageNode() | BranchNode() | SetNode() | HoursNode() | FlowNode() | ReturnNode():
            return
        case _:
            for prompt in node.prompts:
                yield prompt, f"{at}.say"


def is_last(node: Node) -> bool:
    """Whether the flow ends here, or returns."""
    return isinstance(node, LastNode | ReturnNode)
