"""What goes into the interpreter and what comes out: messages, actions and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from callcenter.domain.hours import OpeningHours
from callcenter.domain.labels import Label
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr.flow import Flow
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.variables import Variables


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFlow:
    """Run a flow for a caller; `language` is None unless it is known.

    `flows` are those it may lead through, `hours` the opening hours of the business by their ids. `at_node`, as
    `NodeEntered` told it, resumes a flow there after a crash. A node the flow does not have, as after an edit, means
    the start. With `transfer_failed` the node had put the caller through to somebody, and nobody answered.
    """

    flow: Flow
    variables: Variables = field(repr=False)
    language: str | None = None
    at_node: str | None = None
    transfer_failed: bool = False
    flows: Mapping[str, Flow] = field(default_factory=dict, repr=False)
    hours: Mapping[str, OpeningHours] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackEnded:
    """What `Play` ordered has ended; with the key that interrupted it, if one did. One for every `Play`."""

    digit: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPressed:
    """A key was pressed, whether or not something was playing."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerHungUp:
    """The caller is gone."""


class Found(Enum):
    """How a lookup ended."""

    FOUND = "found"
    MISSING = "missing"
    """There is no such thing; also a wrong PIN, which is told from an unknown number nowhere."""
    FAILED = "failed"
    """Nobody could say in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer to `LookUp`, or that `Fetch` failed; `values` are of the variables that this kind of lookup sets."""

    order_id: int
    found: Found
    values: Variables = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The answer to `Fetch`: the status of HTTP and the body."""

    order_id: int
    status: int
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play these one after the other and answer with `PlaybackEnded`; any key ends an interruptible one."""

    prompts: tuple[Utterance, ...]
    interruptible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlayback:
    """End what plays now; it still answers with `PlaybackEnded`. An adapter whose playback a key ends may ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Wait for a key; silence is told by the deadline, at the latest after `timeout`."""

    timeout: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """Find out, and answer with `Answered`; `of` is a key of `LOOKUP_VARIABLES`.

    `number` is the customer's, the order's, or of the open cases which one (1 is the newest); `queue` is the queue to
    look at. A customer is verified only with the right `pin`; who tries too many must not be let try on.
    """

    order_id: int
    of: str
    number: str = field(default="", repr=False)
    pin: str | None = field(default=None, repr=False)
    queue: str | None = None
    limit: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Ask a web service, by POST when there is a body in JSON, and answer with `Fetched` or `Answered`."""

    order_id: int
    url: str = field(repr=False)
    body: str | None = field(repr=False)
    limit: timedelta
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitAnswer:
    """Nothing is left to say: wait for the answer to the order given; that none comes is told by the deadline."""

    order_id: int
    timeout: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntered:
    """The flow came to a node: the place to resume at. In a flow led through it is `node of the outer flow/node`."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageChosen:
    """From here on the caller is spoken to in this language."""

    node: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuChosen:
    """The caller chose in a menu: one step of the path that the agent sees."""

    node: str
    key: str
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsCollected:
    """The caller typed a number, which agents read beside `label`; of a `secret` one the digits are not told."""

    node: str
    variable: str
    digits: str = field(repr=False)
    secret: bool
    label: Label | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMissed:
    """Nothing, or nothing fitting, was pressed; `gave_up` when it was asked often enough."""

    node: str
    silent: bool
    attempts: int
    gave_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerConfirmed:
    """The caller was read something back and said whether it is right."""

    node: str
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WentBack:
    """The caller pressed `*` in a node, to hear the question before it."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAnswered:
    """The caller answered one question of a survey."""

    node: str
    question: str
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesSet:
    """The flow has reckoned."""

    node: str
    values: Variables = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupEnded:
    """A lookup, or a question to a web service, has ended; `reason` says why it failed, without values."""

    node: str
    found: Found
    reason: str = ""
    values: Variables = field(default_factory=dict, repr=False)
    """What the flow knows by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartMissing:
    """A flow or hours that a node names are not there, although they were when it was checked."""

    node: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionFailed:
    """A condition could not be answered and counts as not met; `reason` names variables, not their values."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimitReached:
    """The call went through too many nodes and was sent to the flow's rescue."""

    node: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToQueue:
    """The caller is to wait in a queue."""

    queue: str
    priority: int
    skills: tuple[SkillRequirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCallback:
    """The caller is to be called back in his turn; `number` as he typed it, None for the one he calls from."""

    queue: str
    number: str | None = field(repr=False)
    priority: int
    skills: tuple[SkillRequirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToVoicemail:
    """The caller is to leave a message for those who serve a queue."""

    queue: str
    longest: timedelta
    silence: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAgent:
    """The caller is to be put through to one agent; if nobody answers, the flow is to go on: `transfer_failed`."""

    agent: str
    ring: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ToNumber:
    """The caller is to be put through to a number of the business outside; if nobody answers, as with `ToAgent`."""

    number: str
    ring: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """The call is to be ended; `prompt` is what was said last, None when nothing was."""

    prompt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLeft:
    """The caller hung up in the flow."""


FlowResult = ToQueue | ToCallback | ToVoicemail | ToAgent | ToNumber | HangUp | CallerLeft


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnded:
    """The flow is over; `language` is None when it never became known."""

    node: str | None
    language: str | None
    result: FlowResult


Message = StartFlow | PlaybackEnded | DigitPressed | Answered | Fetched | CallerHungUp
Order = LookUp | Fetch
Action = Play | StopPlayback | Listen | Order | AwaitAnswer
Event = (
    NodeEntered
    | LanguageChosen
    | MenuChosen
    | DigitsCollected
    | AnswerConfirmed
    | SurveyAnswered
    | VariablesSet
    | LookupEnded
    | WentBack
    | InputMissed
    | ConditionFailed
    | PartMissing
    | StepLimitReached
    | FlowEnded
)
