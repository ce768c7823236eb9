"""Runs one flow for one caller: messages and the time in, actions and events out.

Law: it never spins and never hangs. Every call to it ends in finitely many steps, and until the flow has ended it
waits either for the end of a playback, or for a key or an answer with a deadline.

| phase     | PlaybackEnded              | DigitPressed                       | Answered, Fetched | the deadline | CallerHungUp |
|-----------|----------------------------|------------------------------------|-------------------|--------------|--------------|
| NEW       | -                          | -                                  | -                 | -            | ENDED        |
| PLAYING   | the node goes on, or LISTENING, or WAITING | kept for the next node that asks; stops the playback | kept | - | ENDED |
| LISTENING | its digit, if any, counts  | counts                             | -                 | silence      | ENDED        |
| WAITING   | its digit, if any, is kept | kept for the next node that asks   | the node goes on  | it failed    | ENDED        |
| ENDED     | -                          | -                                  | -                 | -            | -            |
"""  # noqa: E501

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from callcenter.domain.hours import OpeningHours
from callcenter.domain.labels import Label
from callcenter.ivr import messages as m
from callcenter.ivr import nodes as n
from callcenter.ivr.faults import ConditionError, FlowAlreadyStarted
from callcenter.ivr.flow import BACK_KEY, DEEPEST_FLOW, PERSON_KEY, Flow, goes_back, uses_person_key
from callcenter.ivr.orders import BadAnswer, order_of, values_of
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.results import result_of
from callcenter.ivr.variables import Value, Variables

STEP_LIMIT: Final = 200
TYPE_AHEAD_LIMIT: Final = 32
BACK_LIMIT: Final = 32
PERSON: Final = Label(zh="人工服务", en="A person")


class Phase(Enum):
    """What the interpreter waits for."""

    NEW = "new"
    PLAYING = "playing"
    LISTENING = "listening"
    WAITING = "waiting"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A flow, and the way there: the nodes of the outer flows that led into the next."""

    flow: Flow
    outer: tuple[tuple[Flow, str], ...] = ()

    def path(self, node: str) -> str:
        return "/".join((*(name for _, name in self.outer), node))


class Interpreter:
    """One run of one flow. Not to be used again for another call."""

    def __init__(self, *, step_limit: int = STEP_LIMIT) -> None:
        self._step_limit = step_limit
        self._phase = Phase.NEW
        self._deadline: datetime | None = None
        self._type_ahead: deque[str] = deque(maxlen=TYPE_AHEAD_LIMIT)
        self._out: list[m.Action | m.Event] = []
        self._steps = 0
        self._flows: Mapping[str, Flow] = {}
        self._hours: Mapping[str, OpeningHours] = {}
        self._place: _Place
        self._node: n.Node
        self._asked_before: deque[tuple[_Place, str]] = deque(maxlen=BACK_LIMIT)
        self._language: str | None = None
        self._variables: dict[str, Value] = {}
        self._secrets: dict[str, str] = {}
        self._interruptible = False
        self._attempts = 0
        self._typed = ""
        self._late_end: str | None = None
        self._question = 0
        self._orders = 0
        self._answer_by: datetime
        self._answer: m.Answered | m.Fetched | None = None

    @property
    def phase(self) -> Phase:
        """What it waits for."""
        return self._phase

    @property
    def variables(self) -> Variables:
        """What the flow knows now; secrets are none of it."""
        return self._variables

    def handle(self, message: m.Message, now: datetime) -> list[m.Action | m.Event]:
        """What is to be done about `message`. One that comes too late, say after the end, does nothing.

        Raises FlowAlreadyStarted for a second StartFlow.
        """
        match self._phase, message:
            case Phase.NEW, m.StartFlow():
                self._run(self._begin(message), now)
            case _, m.StartFlow():
                raise FlowAlreadyStarted("this interpreter runs a flow already: make a new one for every run")
            case Phase.ENDED, _:
                pass
            case _, m.CallerHungUp():
                self._finish(m.CallerLeft())
            case _, m.PlaybackEnded(digit=digit):
                self._heard(digit, now)
            case _, m.DigitPressed(digit=digit):
                self._pressed(digit, now)
            case ((Phase.PLAYING | Phase.WAITING), (m.Answered() | m.Fetched())):
                if message.order_id == self._orders and isinstance(self._node, n.OrderNode):
                    self._answer = message
                    if self._phase is Phase.WAITING:
                        self._run(self._answered(), now)
            case _:
                pass
        return self._taken()

    def _heard(self, digit: str | None, now: datetime) -> None:
        if self._phase is Phase.PLAYING:
            if digit is not None:
                self._type_ahead.append(digit)
            self._run(self._played(now), now)
        elif digit is not None:
            self._pressed(digit, now)

    def _pressed(self, digit: str, now: datetime) -> None:
        if self._phase is Phase.PLAYING and self._interruptible and not self._type_ahead:
            self._out.append(m.StopPlayback())
        if self._phase is not Phase.NEW:
            self._type_ahead.append(digit)
        if self._phase is Phase.LISTENING:
            self._run(self._take_keys(), now)

    def next_deadline(self) -> datetime | None:
        """When to call `handle_deadline`; None while nothing is waited for with a limit."""
        return self._deadline

    def handle_deadline(self, now: datetime) -> list[m.Action | m.Event]:
        """The time to press a key, or to answer an order, is over; before the deadline this does nothing."""
        if self._deadline is not None and now >= self._deadline:
            match self._phase:
                case Phase.LISTENING:
                    self._run(self._silence(), now)
                case Phase.WAITING:
                    self._run(self._answered(), now)
                case _:
                    pass
        return self._taken()

    def _taken(self) -> list[m.Action | m.Event]:
        taken, self._out = self._out, []
        return taken

    # ---- from node to node

    def _run(self, next_node: str | None, now: datetime) -> None:
        # Every step returns the node that follows, or None when there is something to wait for.
        while next_node is not None:
            next_node = self._visit(next_node, now)
        match self._phase:
            case Phase.LISTENING:
                self._deadline = now + self._patience()
            case Phase.WAITING:
                self._deadline = self._answer_by
            case _:
                self._deadline = None

    def _begin(self, start: m.StartFlow) -> str:
        self._flows, self._hours = start.flows, start.hours
        self._place = _Place(flow=start.flow)
        self._variables = {**start.flow.variables(), **start.variables}
        self._know_language(start.language if start.language in start.flow.languages else None)
        return self._resumed(start) or start.flow.start

    def _resumed(self, start: m.StartFlow) -> str | None:
        """Find the node that was come to before; None when it is there no more."""
        if start.at_node is None:
            return None
        *outer, name = start.at_node.split("/")
        for step in outer:
            node = self._place.flow.nodes.get(step)
            if not isinstance(node, n.FlowNode) or not self._enter(node):
                self._place = _Place(flow=start.flow)
                return None
        node = self._place.flow.nodes.get(name)
        if node is None:
            self._place = _Place(flow=start.flow)
            return None
        if start.transfer_failed and isinstance(node, n.TransferNode):
            return node.failed
        return _asks_again(self._place.flow, node) or name

    def _enter(self, node: n.FlowNode) -> bool:
        flow = self._flows.get(node.flow)
        if flow is None or len(self._place.outer) >= DEEPEST_FLOW:
            return False
        self._place = _Place(flow=flow, outer=(*self._place.outer, (self._place.flow, node.name)))
        self._variables = {**flow.variables(), **self._variables}
        return True

    def _return(self) -> str | None:
        if not self._place.outer:
            self._finish(m.HangUp(prompt=None))
            return None
        *outer, (flow, name) = self._place.outer
        self._place = _Place(flow=flow, outer=tuple(outer))
        node = flow.nodes[name]
        return node.next if isinstance(node, n.FlowNode) else flow.rescue

    def _visit(self, name: str, now: datetime) -> str | None:
        self._steps += 1
        if self._steps > self._step_limit:
            # Only the outermost flow is sure to let him out.
            rescue = _Place(flow=self._place.outer[0][0] if self._place.outer else self._place.flow)
            if (self._place, name) != (rescue, rescue.flow.rescue):
                self._out.append(m.StepLimitReached(node=self._place.path(name), steps=self._steps))
                self._place, name = rescue, rescue.flow.rescue
        node = self._node = self._place.flow.nodes[name]
        self._attempts = 0
        self._out.append(m.NodeEntered(node=self._here))
        if isinstance(node, n.AskingNode):
            return self._ask(node)
        if isinstance(node, n.LastNode):
            if not node.prompts:
                self._finish(result_of(node, self._variables))
                return None
            self._play(node.prompts, interruptible=False)
            return None
        return self._pass_through(node, now)

    def _pass_through(self, node: n.PassingNode, now: datetime) -> str | None:
        match node:
            case n.SayNode():
                if self._type_ahead and node.interruptible:
                    return node.next
                self._play(node.prompts, interruptible=node.interruptible)
                return None
            case n.LookupNode() | n.HttpNode():
                return self._order(node, now)
            case n.SwitchLanguageNode():
                self._choose_language(node.to or self._next_language())
                return node.next
            case n.BranchNode():
                return self._branch(node)
            case n.SetNode():
                return self._set(node)
            case n.HoursNode():
                return self._by_hours(node, now)
            case n.FlowNode():
                if self._enter(node):
                    return self._place.flow.start
                self._out.append(m.PartMissing(node=self._here, what=f"the flow {node.flow!r}"))
                return self._place.flow.rescue
            case n.ReturnNode():
                return self._return()

    @property
    def _here(self) -> str:
        return self._place.path(self._node.name)

    def _played(self, now: datetime) -> str | None:
        match self._node:
            case n.SayNode(next=following):
                return following
            case n.LookupNode() | n.HttpNode():
                if self._answer is not None or now >= self._answer_by:
                    return self._answered()
                self._await(now)
                return None
            case node if isinstance(node, n.LastNode):
                self._finish(result_of(node, self._variables))
                return None
            case _:
                return self._take_keys()

    # ---- asking

    def _ask(self, node: n.AskingNode) -> str | None:
        if isinstance(node, n.LanguageNode) and self._language is not None and not node.always:
            return node.next
        self._asked_before.append((self._place, node.name))
        self._typed, self._question = "", 0
        if not node.asking.type_ahead:
            self._type_ahead.clear()
        if self._type_ahead:
            return self._take_keys()
        self._play(_prompts(node, 0), interruptible=node.asking.interruptible)
        return None

    def _take_keys(self) -> str | None:
        """Let the keys typed so far count, and listen for more if the node wants more."""
        node = self._node
        if not isinstance(node, n.AskingNode):
            return None
        while self._type_ahead:
            key = self._type_ahead.popleft()
            late_end, self._late_end = self._late_end, None
            if key == late_end and not _is_choice(node, key):
                if self._type_ahead:
                    continue
                # It may have cut off what was being said.
                self._play(_prompts(node, self._question), interruptible=node.asking.interruptible)
                return None
            if key == BACK_KEY and goes_back(node):
                if not self._typed:
                    return self._back()
                self._typed = ""
            elif key == PERSON_KEY and uses_person_key(node) and not isinstance(node, n.CollectNode):
                return self._to_person(node)
            else:
                done, following = self._take_key(node, key)
                if done:
                    return following
        self._phase = Phase.LISTENING
        self._out.append(m.Listen(timeout=self._patience()))
        return None

    def _take_key(self, node: n.AskingNode, key: str) -> tuple[bool, str | None]:
        """Whether the node has done with the keys for now, and what follows."""
        match node:
            case n.MenuNode() if key in node.keys:
                choice = node.keys[key]
                self._out.append(m.MenuChosen(node=self._here, key=key, label=choice.label))
                return True, choice.go
            case n.LanguageNode() if key in node.keys:
                self._choose_language(node.keys[key])
                return True, node.next
            case n.ConfirmNode() if key in (node.yes_key, node.no_key):
                right = key == node.yes_key
                self._out.append(m.AnswerConfirmed(node=self._here, right=right))
                return True, node.yes if right else node.no
            case n.SurveyNode() if key.isdecimal() and _fits(node.questions[self._question], int(key)):
                return self._scored(node, int(key))
            case n.CollectNode() if key.isdecimal() or key == node.end_key:
                if key != node.end_key:
                    self._typed += key
                if key == node.end_key or len(self._typed) == node.max_digits:
                    # Who types as many digits as there may be presses the end key all the same: he was told to.
                    self._late_end = None if key == node.end_key else node.end_key
                    return True, self._collected(node)
                return False, None
            case _:
                return True, self._missed(silent=False)

    def _scored(self, node: n.SurveyNode, score: int) -> tuple[bool, str | None]:
        question = node.questions[self._question]
        self._out.append(m.SurveyAnswered(node=self._here, question=question.name, score=score))
        self._question += 1
        self._attempts = 0
        if self._question == len(node.questions):
            return True, node.next
        if self._type_ahead:
            return False, None
        self._play(_prompts(node, self._question), interruptible=node.asking.interruptible)
        return True, None

    def _silence(self) -> str | None:
        match self._node:
            case n.CollectNode() as node if self._typed:
                return self._collected(node)
            case _:
                return self._missed(silent=True)

    def _collected(self, node: n.CollectNode) -> str | None:
        if len(self._typed) < node.min_digits:
            if self._typed == PERSON_KEY and uses_person_key(node):
                return self._to_person(node)
            return self._missed(silent=False)
        if node.secret:
            self._secrets[node.into] = self._typed
        else:
            self._variables[node.into] = self._typed
        shown = "" if node.secret else self._typed
        self._out.append(
            m.DigitsCollected(node=self._here, variable=node.into, digits=shown, secret=node.secret, label=node.label)
        )
        return node.next

    def _to_person(self, node: n.AskingNode) -> str:
        self._out.append(m.MenuChosen(node=self._here, key=PERSON_KEY, label=PERSON))
        return node.asking.person or self._place.flow.rescue

    def _back(self) -> str:
        here = (self._place, self._node.name)
        self._out.append(m.WentBack(node=self._here))
        while self._asked_before and self._asked_before[-1] == here:
            self._asked_before.pop()
        self._place, name = self._asked_before.pop() if self._asked_before else here
        return name

    def _missed(self, *, silent: bool) -> str | None:
        node = self._node
        if not isinstance(node, n.AskingNode):
            return None
        # What was typed after a wrong key was meant for something else.
        self._type_ahead.clear()
        self._typed = ""
        self._attempts += 1
        gave_up = self._attempts > node.asking.retries
        self._out.append(m.InputMissed(node=self._here, silent=silent, attempts=self._attempts, gave_up=gave_up))
        if gave_up:
            return node.asking.give_up
        excuse = node.asking.silent if silent else node.asking.invalid
        prompts = _prompts(node, self._question)
        self._play((*((excuse,) if excuse else ()), *prompts), interruptible=node.asking.interruptible)
        return None

    # ---- deciding and looking up

    def _branch(self, node: n.BranchNode) -> str:
        for case in node.cases:
            try:
                if case.when.holds(self._variables):
                    return case.go
            except ConditionError:
                reason = f"{case.when.text!r} cannot be answered with the variables given"
                self._out.append(m.ConditionFailed(node=self._here, reason=reason))
        return node.otherwise

    def _set(self, node: n.SetNode) -> str:
        values: dict[str, Value] = {}
        for name, expression in node.values.items():
            try:
                values[name] = expression.value(self._variables)
            except ConditionError:
                reason = f"{expression.text!r} has no value with the variables given"
                self._out.append(m.ConditionFailed(node=self._here, reason=reason))
        self._variables.update(values)
        self._out.append(m.VariablesSet(node=self._here, values=values))
        return node.next

    def _by_hours(self, node: n.HoursNode, now: datetime) -> str:
        hours = node.hours if node.hours_id is None else self._hours.get(node.hours_id)
        if hours is None:
            # Better a caller too many than one turned away by a mistake.
            self._out.append(m.PartMissing(node=self._here, what=f"the hours {node.hours_id!r}"))
            return node.open
        if hours.is_open(now):
            return node.open
        opening = hours.next_opening(now)
        values: dict[str, Value] = {"opens_again": opening is not None}
        if opening is not None:
            values["next_opening"] = opening.astimezone(ZoneInfo(hours.timezone))
        self._variables.update(values)
        self._out.append(m.VariablesSet(node=self._here, values=values))
        return node.closed

    def _order(self, node: n.OrderNode, now: datetime) -> str | None:
        self._orders += 1
        self._answer = None
        order = order_of(node, self._orders, self._variables, self._secrets)
        self._answer_by = now + order.limit
        self._out.append(order)
        if node.prompts and not self._type_ahead:
            self._play(node.prompts)
        else:
            self._await(now)
        return None

    def _await(self, now: datetime) -> None:
        self._phase = Phase.WAITING
        self._out.append(m.AwaitAnswer(order_id=self._orders, timeout=max(self._answer_by - now, timedelta(0))))

    def _answered(self) -> str | None:
        node = self._node
        if not isinstance(node, n.OrderNode):
            return None
        found, values, reason = m.Found.FAILED, dict[str, Value](), "no answer in time"
        if self._answer is not None:
            reason = ""
            try:
                found, values = values_of(node, self._answer)
            except BadAnswer as error:
                reason = str(error)
        self._answer = None
        self._variables.update(values)
        self._out.append(m.LookupEnded(node=self._here, found=found, reason=reason, values=values))
        match found:
            case m.Found.FOUND:
                return node.found if isinstance(node, n.LookupNode) else node.next
            case m.Found.MISSING:
                return node.missing
            case m.Found.FAILED:
                return node.failed

    # ---- speaking

    def _play(self, prompts: tuple[str, ...], *, interruptible: bool = True) -> None:
        # Whose language is not known hears every one.
        flow = self._place.flow
        languages = flow.languages
        if self._language in languages and not isinstance(self._node, n.LanguageNode):
            languages = tuple(language for language in languages if language == self._language)
        said: dict[Utterance, None] = {}
        for language in languages:
            for prompt in prompts:
                said[flow.prompts.utterance(prompt, language, self._variables)] = None
        self._interruptible = interruptible
        self._phase = Phase.PLAYING
        self._out.append(m.Play(prompts=tuple(said), interruptible=interruptible))

    def _patience(self) -> timedelta:
        match self._node:
            case n.CollectNode(between_digits=between_digits) if self._typed:
                return between_digits
            case node if isinstance(node, n.AskingNode):
                return node.asking.timeout
            case _:
                return timedelta(0)

    def _choose_language(self, language: str) -> None:
        self._know_language(language)
        self._out.append(m.LanguageChosen(node=self._here, language=language))

    def _know_language(self, language: str | None) -> None:
        self._language = language
        self._variables["language"] = language or ""
        self._variables["language_known"] = language is not None

    def _next_language(self) -> str:
        languages = self._place.flow.languages
        spoken = languages.index(self._language) if self._language in languages else 0
        return languages[(spoken + 1) % len(languages)]

    def _finish(self, result: m.FlowResult) -> None:
        started = self._phase is not Phase.NEW or self._steps > 0
        self._phase = Phase.ENDED
        self._deadline = None
        node = self._here if started else None
        self._out.append(m.FlowEnded(node=node, language=self._language, result=result))


def _asks_again(flow: Flow, node: n.Node) -> str | None:
    """A secret is kept nowhere: who was being looked up by it is asked for it again, and has not typed a wrong one."""
    if not isinstance(node, n.LookupNode) or node.pin is None:
        return None
    asking = (known for known in flow.nodes.values() if isinstance(known, n.CollectNode) and known.into == node.pin)
    return next((known.name for known in asking), None)


def _prompts(node: n.AskingNode, question: int) -> tuple[str, ...]:
    return node.questions[question].prompts if isinstance(node, n.SurveyNode) else node.prompts


def _is_choice(node: n.AskingNode, key: str) -> bool:
    """Whether the key says something by itself here."""
    match node:
        case n.MenuNode() | n.LanguageNode():
            return key in node.keys
        case n.ConfirmNode():
            return key in (node.yes_key, node.no_key)
        case _:
            return False


def _fits(question: n.SurveyQuestion, score: int) -> bool:
    return question.lowest <= score <= question.highest
