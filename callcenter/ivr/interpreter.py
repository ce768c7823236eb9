"""Runs one flow for one caller: messages and the time in, actions and events out.

Law: it never spins and never hangs. Every call to it ends in finitely many steps, and until the flow has ended it
waits either for the end of a playback or for a key with a deadline.

| phase     | PlaybackEnded              | DigitPressed                       | the deadline | CallerHungUp |
|-----------|----------------------------|------------------------------------|--------------|--------------|
| NEW       | -                          | -                                  | -            | ENDED        |
| PLAYING   | the node goes on, or LISTENING | kept for the next node that asks; stops the playback | - | ENDED |
| LISTENING | its digit, if any, counts  | counts                             | silence      | ENDED        |
| ENDED     | -                          | -                                  | -            | -            |
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from callcenter.ivr.faults import ConditionError, FlowAlreadyStarted
from callcenter.ivr.flow import (
    AskingNode,
    BranchNode,
    CollectNode,
    EndNode,
    Flow,
    LanguageNode,
    LastNode,
    MenuNode,
    Node,
    QueueNode,
    SayNode,
    SwitchLanguageNode,
)
from callcenter.ivr.messages import (
    Action,
    CallerHungUp,
    CallerLeft,
    ConditionFailed,
    DigitPressed,
    DigitsCollected,
    Event,
    FlowEnded,
    FlowResult,
    HangUp,
    InputMissed,
    LanguageChosen,
    Listen,
    MenuChosen,
    Message,
    NodeEntered,
    Play,
    PlaybackEnded,
    StartFlow,
    StepLimitReached,
    StopPlayback,
    ToQueue,
)
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.variables import Value

STEP_LIMIT: Final = 200
TYPE_AHEAD_LIMIT: Final = 32


class Phase(Enum):
    """What the interpreter waits for."""

    NEW = "new"
    PLAYING = "playing"
    LISTENING = "listening"
    ENDED = "ended"


class Interpreter:
    """One run of one flow. Not to be used again for another call."""

    def __init__(self, *, step_limit: int = STEP_LIMIT) -> None:
        self._step_limit = step_limit
        self._phase = Phase.NEW
        self._deadline: datetime | None = None
        self._type_ahead: deque[str] = deque(maxlen=TYPE_AHEAD_LIMIT)
        self._out: list[Action | Event] = []
        self._steps = 0
        self._flow: Flow
        self._node: Node
        self._language: str | None = None
        self._variables: dict[str, Value] = {}
        self._interruptible = False
        self._attempts = 0
        self._typed = ""

    @property
    def phase(self) -> Phase:
        """What it waits for."""
        return self._phase

    def handle(self, message: Message, now: datetime) -> list[Action | Event]:
        """What is to be done about `message`. One that comes too late, say after the end, does nothing.

        Raises FlowAlreadyStarted for a second StartFlow.
        """
        match self._phase, message:
            case Phase.NEW, StartFlow():
                self._run(self._begin(message), now)
            case _, StartFlow():
                raise FlowAlreadyStarted("this interpreter runs a flow already: make a new one for every run")
            case Phase.ENDED, _:
                pass
            case _, CallerHungUp():
                self._finish(CallerLeft())
            case Phase.PLAYING, PlaybackEnded(digit=digit):
                if digit is not None:
                    self._type_ahead.append(digit)
                self._run(self._played(), now)
            case Phase.PLAYING, DigitPressed(digit=digit):
                if self._interruptible and not self._type_ahead:
                    self._out.append(StopPlayback())
                self._type_ahead.append(digit)
            case Phase.LISTENING, (DigitPressed(digit=str(digit)) | PlaybackEnded(digit=str(digit))):
                self._type_ahead.append(digit)
                self._run(self._take_keys(), now)
            case _:
                pass
        return self._taken()

    def next_deadline(self) -> datetime | None:
        """When to call `handle_deadline`; None while nothing is waited for with a limit."""
        return self._deadline

    def handle_deadline(self, now: datetime) -> list[Action | Event]:
        """The caller's time to press a key is over; before the deadline this does nothing."""
        if self._phase is Phase.LISTENING and self._deadline is not None and now >= self._deadline:
            self._run(self._silence(), now)
        return self._taken()

    def _taken(self) -> list[Action | Event]:
        taken, self._out = self._out, []
        return taken

    def _run(self, next_node: str | None, now: datetime) -> None:
        # Every step returns the node that follows, or None when there is something to wait for.
        while next_node is not None:
            next_node = self._visit(next_node)
        self._deadline = now + self._patience() if self._phase is Phase.LISTENING else None

    def _begin(self, start: StartFlow) -> str:
        self._flow = start.flow
        self._variables = {**start.flow.variables(), **start.variables}
        self._know_language(start.language if start.language in start.flow.languages else None)
        if start.at_node is not None and start.at_node in start.flow.nodes:
            return start.at_node
        return start.flow.start

    def _visit(self, name: str) -> str | None:
        self._steps += 1
        if self._steps > self._step_limit and name != self._flow.rescue:
            self._out.append(StepLimitReached(node=name, steps=self._steps))
            name = self._flow.rescue
        node = self._node = self._flow.nodes[name]
        self._attempts = 0
        self._out.append(NodeEntered(node=name))
        match node:
            case SayNode():
                if self._type_ahead and node.interruptible:
                    return node.next
                self._play(node.prompts, interruptible=node.interruptible)
            case LanguageNode() if self._language is not None and not node.always:
                return node.next
            case MenuNode() | LanguageNode() | CollectNode():
                self._typed = ""
                if self._type_ahead:
                    return self._take_keys()
                self._play(node.prompts)
            case SwitchLanguageNode():
                self._choose_language(node.to or self._next_language())
                return node.next
            case BranchNode():
                return self._branch(node)
            case QueueNode() | EndNode():
                if node.prompts:
                    self._play(node.prompts, interruptible=False)
                else:
                    self._finish(_result(node))
        return None

    def _played(self) -> str | None:
        match self._node:
            case SayNode(next=following):
                return following
            case (QueueNode() | EndNode()) as node:
                self._finish(_result(node))
                return None
            case _:
                return self._take_keys()

    def _take_keys(self) -> str | None:
        """Let the keys typed so far count, and listen for more if the node wants more."""
        node = self._node
        while self._type_ahead:
            key = self._type_ahead.popleft()
            match node:
                case MenuNode() if key in node.keys:
                    choice = node.keys[key]
                    self._out.append(MenuChosen(node=node.name, key=key, label=choice.label))
                    return choice.go
                case LanguageNode() if key in node.keys:
                    self._choose_language(node.keys[key])
                    return node.next
                case CollectNode() if key.isdecimal() or key == node.end_key:
                    if key != node.end_key:
                        self._typed += key
                    if key == node.end_key or len(self._typed) == node.max_digits:
                        return self._collected(node)
                case _:
                    return self._missed(silent=False)
        self._phase = Phase.LISTENING
        self._out.append(Listen(timeout=self._patience()))
        return None

    def _silence(self) -> str | None:
        match self._node:
            case CollectNode() as node if self._typed:
                return self._collected(node)
            case _:
                return self._missed(silent=True)

    def _collected(self, node: CollectNode) -> str | None:
        if len(self._typed) < node.min_digits:
            return self._missed(silent=False)
        self._variables[node.into] = self._typed
        self._out.append(DigitsCollected(node=node.name, variable=node.into, digits=self._typed, secret=node.secret))
        return node.next

    def _missed(self, *, silent: bool) -> str | None:
        node = self._node
        if not isinstance(node, AskingNode):
            return None
        # What was typed after a wrong key was meant for something else.
        self._type_ahead.clear()
        self._typed = ""
        self._attempts += 1
        gave_up = self._attempts > node.asking.retries
        self._out.append(InputMissed(node=node.name, silent=silent, attempts=self._attempts, gave_up=gave_up))
        if gave_up:
            return node.asking.give_up
        excuse = node.asking.silent if silent else node.asking.invalid
        self._play((*((excuse,) if excuse else ()), *node.prompts))
        return None

    def _branch(self, node: BranchNode) -> str:
        for case in node.cases:
            try:
                if case.when.holds(self._variables):
                    return case.go
            except ConditionError:
                reason = f"{case.when.text!r} cannot be answered with the variables given"
                self._out.append(ConditionFailed(node=node.name, reason=reason))
        return node.otherwise

    def _play(self, prompts: tuple[str, ...], *, interruptible: bool = True) -> None:
        # Whose language is not known hears every one.
        languages = self._flow.languages
        if self._language is not None and not isinstance(self._node, LanguageNode):
            languages = (self._language,)
        said: dict[Utterance, None] = {}
        for language in languages:
            for prompt in prompts:
                said[self._flow.prompts.utterance(prompt, language, self._variables)] = None
        self._interruptible = interruptible
        self._phase = Phase.PLAYING
        self._out.append(Play(prompts=tuple(said), interruptible=interruptible))

    def _patience(self) -> timedelta:
        match self._node:
            case CollectNode(between_digits=between_digits) if self._typed:
                return between_digits
            case MenuNode(asking=asking) | LanguageNode(asking=asking) | CollectNode(asking=asking):
                return asking.timeout
            case _:
                return timedelta(0)

    def _choose_language(self, language: str) -> None:
        self._know_language(language)
        self._out.append(LanguageChosen(node=self._node.name, language=language))

    def _know_language(self, language: str | None) -> None:
        self._language = language
        self._variables["language"] = language or ""
        self._variables["language_known"] = language is not None

    def _next_language(self) -> str:
        languages = self._flow.languages
        spoken = languages.index(self._language) if self._language is not None else 0
        return languages[(spoken + 1) % len(languages)]

    def _finish(self, result: FlowResult) -> None:
        started = self._phase is not Phase.NEW or self._steps > 0
        self._phase = Phase.ENDED
        self._deadline = None
        node = self._node.name if started else None
        self._out.append(FlowEnded(node=node, language=self._language, result=result))


def _result(node: LastNode) -> FlowResult:
    match node:
        case QueueNode():
            return ToQueue(queue=node.queue, priority=node.priority, skills=node.skills)
        case EndNode():
            return HangUp(prompt=node.prompts[-1] if node.prompts else None)
