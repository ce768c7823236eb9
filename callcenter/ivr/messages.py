"""What goes into the interpreter and what comes out: messages, actions and events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from callcenter.domain.labels import Label
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr.flow import Flow
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.variables import Variables


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFlow:
    """Run a flow for a caller; `language` is None unless it is known.

    `at_node` resumes a flow there after a crash. A node the flow does not have, as after an edit, means the start.
    """

    flow: Flow
    variables: Variables = field(repr=False)
    language: str | None = None
    at_node: str | None = None


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
class NodeEntered:
    """The flow came to a node: the place to resume at."""

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
    """The caller typed a number; a `secret` one must not be shown, stored or logged."""

    node: str
    variable: str
    digits: str = field(repr=False)
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMissed:
    """Nothing, or nothing fitting, was pressed; `gave_up` when it was asked often enough."""

    node: str
    silent: bool
    attempts: int
    gave_up: bool


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
class HangUp:
    """The call is to be ended; `prompt` is what was said last, None when nothing was."""

    prompt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLeft:
    """The caller hung up in the flow."""


FlowResult = ToQueue | HangUp | CallerLeft


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnded:
    """The flow is over; `language` is None when it never became known."""

    node: str | None
    language: str | None
    result: FlowResult


Message = StartFlow | PlaybackEnded | DigitPressed | CallerHungUp
Action = Play | StopPlayback | Listen
Event = (
    NodeEntered
    | LanguageChosen
    | MenuChosen
    | DigitsCollected
    | InputMissed
    | ConditionFailed
    | StepLimitReached
    | FlowEnded
)
