"""A flow: its nodes, what they say, and where each may lead; plain data that the interpreter runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from callcenter.domain.labels import Label
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr.conditions import Condition
from callcenter.ivr.prompts import PromptSet
from callcenter.ivr.variables import CALLER_VARIABLES, COLLECTED, Variables

KEYS: Final = "0123456789*#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a node waits for keys: `retries` is how often it asks again before it goes to `give_up`."""

    timeout: timedelta
    retries: int
    invalid: str | None
    silent: str | None
    give_up: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SayNode:
    """Says something and goes on."""

    name: str
    prompts: tuple[str, ...]
    interruptible: bool
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuKey:
    """A choice in a menu; agents read `label`."""

    label: Label
    go: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuNode:
    """Asks for one key."""

    name: str
    prompts: tuple[str, ...]
    keys: Mapping[str, MenuKey]
    asking: Asking


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageNode:
    """Asks for the language, each language in its own words; passed by when it is known, unless `always`."""

    name: str
    prompts: tuple[str, ...]
    keys: Mapping[str, str]
    always: bool
    next: str
    asking: Asking


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchLanguageNode:
    """Changes to the language `to`; None is the next one of the flow's list."""

    name: str
    to: str | None
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectNode:
    """Takes digits into the variable `into`; `end_key` ends them early, `secret` digits are never shown or logged."""

    name: str
    prompts: tuple[str, ...]
    into: str
    min_digits: int
    max_digits: int
    end_key: str | None
    between_digits: timedelta
    secret: bool
    next: str
    asking: Asking


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way out of a branch."""

    when: Condition
    go: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchNode:
    """Goes where the first condition that holds points to."""

    name: str
    cases: tuple[Case, ...]
    otherwise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNode:
    """The caller leaves the flow for a queue, with a priority and skills beyond those of the queue."""

    name: str
    prompts: tuple[str, ...]
    queue: str
    priority: int
    skills: tuple[SkillRequirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndNode:
    """Says good-bye and hangs up."""

    name: str
    prompts: tuple[str, ...]


AskingNode = MenuNode | LanguageNode | CollectNode
LastNode = QueueNode | EndNode
Node = SayNode | AskingNode | SwitchLanguageNode | BranchNode | LastNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """One way from a node to another; `path` names the field that says so, `by_key` whether a key press takes it."""

    to: str
    path: str
    by_key: bool = False


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
    filename: str
    lines: Mapping[str, int] = field(compare=False, repr=False)

    def line_of(self, path: str) -> int:
        """The line of the field `path`, such as `nodes.menu.next`, or of the nearest thing round it."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def variables(self) -> Variables:
        """Every variable this flow may use, with its value when nothing is known."""
        collected = {node.into: COLLECTED for node in self.nodes.values() if isinstance(node, CollectNode)}
        return {**CALLER_VARIABLES, **collected}


def exits(node: Node) -> Iterator[Exit]:
    """Every way out of `node`."""
    at = f"nodes.{node.name}"
    match node:
        case SayNode() | SwitchLanguageNode():
            yield Exit(to=node.next, path=f"{at}.next")
        case BranchNode():
            for index, case in enumerate(node.cases):
                yield Exit(to=case.go, path=f"{at}.cases.{index}.go")
            yield Exit(to=node.otherwise, path=f"{at}.otherwise")
        case MenuNode():
            for key, choice in node.keys.items():
                yield Exit(to=choice.go, path=f"{at}.keys.{key}.go", by_key=True)
            yield Exit(to=node.asking.give_up, path=f"{at}.give_up")
        case LanguageNode():
            # Who speaks a known language passes through without a key.
            yield Exit(to=node.next, path=f"{at}.next", by_key=node.always)
            yield Exit(to=node.asking.give_up, path=f"{at}.give_up")
        case CollectNode():
            yield Exit(to=node.next, path=f"{at}.next", by_key=True)
            yield Exit(to=node.asking.give_up, path=f"{at}.give_up")
        case QueueNode() | EndNode():
            return


def prompts_of(node: Node) -> Iterator[tuple[str, str]]:
    """Every prompt that `node` says, with the path of the field that names it."""
    at = f"nodes.{node.name}"
    match node:
        case SwitchLanguageNode() | BranchNode():
            return
        case MenuNode() | LanguageNode() | CollectNode():
            for name, prompt in (("invalid", node.asking.invalid), ("silent", node.asking.silent)):
                if prompt is not None:
                    yield prompt, f"{at}.{name}"
        case _:
            pass
    for prompt in node.prompts:
        yield prompt, f"{at}.say"
