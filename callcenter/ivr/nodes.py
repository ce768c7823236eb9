"""The nodes of a flow: what each kind says, asks and leads to; plain data that the interpreter runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from callcenter.domain.hours import OpeningHours
from callcenter.domain.labels import Label
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr.conditions import Condition, Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a node waits for keys: `retries` is how often it asks again before it goes to `give_up`."""

    timeout: timedelta
    retries: int
    invalid: str | None
    silent: str | None
    give_up: str
    person: str | None
    """Where `0` leads, unless the node uses that key itself."""
    back: bool
    """Whether `*` leads back to the question before, unless the node uses that key itself."""
    interruptible: bool
    type_ahead: bool
    """Whether keys pressed before the node was reached count in it."""


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
class CollectNode:
    """Takes digits into the variable `into`; `end_key` ends them early, `secret` digits are never shown or logged.

    Agents read `label` beside the digits.
    """

    name: str
    prompts: tuple[str, ...]
    into: str
    label: Label | None
    min_digits: int
    max_digits: int
    end_key: str | None
    between_digits: timedelta
    secret: bool
    next: str
    asking: Asking


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmNode:
    """Reads something back and asks whether it is right."""

    name: str
    prompts: tuple[str, ...]
    yes_key: str
    no_key: str
    yes: str
    no: str
    asking: Asking


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyQuestion:
    """One question that is answered with one key, from `lowest` to `highest`."""

    name: str
    prompts: tuple[str, ...]
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyNode:
    """Asks some questions; who does not answer one is asked no more."""

    name: str
    questions: tuple[SurveyQuestion, ...]
    next: str
    asking: Asking


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchLanguageNode:
    """Changes to the language `to`; None is the next one of the flow's list."""

    name: str
    to: str | None
    next: str


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
class SetNode:
    """Gives variables of the flow new values, all at once."""

    name: str
    values: Mapping[str, Expression]
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursNode:
    """Goes by whether it is open now: by hours of the business, named `hours_id`, or by its own."""

    name: str
    hours_id: str | None
    hours: OpeningHours | None
    open: str
    closed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupNode:
    """Asks the customer store: `of` is a key of `LOOKUP_VARIABLES`, which tells what it sets when something is found.

    `number` and `pin` name the variables that are asked about, `queue` a queue.
    """

    name: str
    prompts: tuple[str, ...]
    of: str
    number: str | None
    pin: str | None
    queue: str | None
    found: str
    missing: str
    failed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Where in an answer in JSON the value of a variable is; `kind` is a key of `KINDS`."""

    path: tuple[str, ...]
    kind: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpNode:
    """Asks a web service; `url` may hold variables, `send` makes it a POST of these variables as JSON."""

    name: str
    prompts: tuple[str, ...]
    url: str
    send: Mapping[str, str] | None
    into: Mapping[str, Extract]
    limit: timedelta
    next: str
    missing: str
    failed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowNode:
    """Goes through another flow, and on to `next` when that one returns."""

    name: str
    flow: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnNode:
    """Goes back to the flow that led here."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNode:
    """The caller leaves the flow for a queue, with a priority and skills beyond those of the queue."""

    name: str
    prompts: tuple[str, ...]
    queue: str
    priority: int
    skills: tuple[SkillRequirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackNode:
    """The caller is to be called back in his turn: under the number in a variable, or the one he calls from."""

    name: str
    prompts: tuple[str, ...]
    queue: str
    number: str | None
    priority: int
    skills: tuple[SkillRequirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailNode:
    """The caller leaves a message for those who serve a queue."""

    name: str
    prompts: tuple[str, ...]
    queue: str
    longest: timedelta
    silence: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNode:
    """The caller is put through to one agent, to a queue or to a number outside: exactly one of the three.

    `failed` is where he goes on when nobody answers.
    """

    name: str
    prompts: tuple[str, ...]
    agent: str | None
    queue: str | None
    number: str | None
    ring: timedelta
    failed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndNode:
    """Says good-bye and hangs up."""

    name: str
    prompts: tuple[str, ...]


AskingNode = MenuNode | LanguageNode | CollectNode | ConfirmNode | SurveyNode
OrderNode = LookupNode | HttpNode
LastNode = QueueNode | CallbackNode | VoicemailNode | TransferNode | EndNode
PassingNode = SayNode | OrderNode | SwitchLanguageNode | BranchNode | SetNode | HoursNode | FlowNode | ReturnNode
Node = AskingNode | PassingNode | LastNode
