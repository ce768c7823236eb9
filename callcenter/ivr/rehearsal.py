"""A caller for trying a flow: presses keys, keeps silent and hears; what is looked up comes from a list of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callcenter.domain.hours import OpeningHours
from callcenter.ivr import messages as m
from callcenter.ivr.flow import Flow
from callcenter.ivr.interpreter import Interpreter, Phase
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.variables import Value, Variables


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """What is answered to a lookup of this kind and number, or to an address; with a `pin`, only to who knows it."""

    of: str = ""
    url: str = ""
    number: str | None = None
    pin: str | None = None
    queue: str | None = None
    fails: bool = False
    values: Variables = field(default_factory=dict)
    status: int = 200
    body: str = ""

    def fits(self, order: m.Order) -> bool:
        """Whether it answers this order."""
        match order:
            case m.LookUp():
                return (
                    self.of == order.of
                    and self.number in (None, order.number)
                    and self.queue in (None, order.queue)
                    and (order.pin is None or self.pin == order.pin)
                )
            case m.Fetch():
                return self.url == order.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a call finds: who calls, when, in which language, and what there is to be known."""

    at: datetime
    language: str | None = None
    variables: Variables = field(default_factory=dict)
    hours: Mapping[str, OpeningHours] = field(default_factory=dict)
    answers: Sequence[KnownAnswer] = ()


class Rehearsal:
    """One call through one flow; the clock is its own, so that silence takes no time."""

    def __init__(self, flow: Flow, flows: Mapping[str, Flow], scene: Scene) -> None:
        self._interpreter = Interpreter()
        self._answers = scene.answers
        self.now = scene.at
        self.heard: list[Utterance] = []
        """What was said since it was last taken by `take_heard`."""
        self.events: list[m.Event] = []
        self.result: m.FlowResult | None = None
        self._take(
            self._interpreter.handle(
                m.StartFlow(
                    flow=flow,
                    variables=scene.variables,
                    language=scene.language,
                    flows=flows,
                    hours=scene.hours,
                ),
                self.now,
            )
        )
        self._listen()

    @property
    def node(self) -> str:
        """The node the call is in, or was in last."""
        entered = [event.node for event in self.events if isinstance(event, m.NodeEntered)]
        return entered[-1] if entered else ""

    @property
    def variables(self) -> Mapping[str, Value]:
        """What the flow knows; secrets are none of it."""
        return self._interpreter.variables

    def press(self, keys: str) -> None:
        """Press keys one after the other, as fast as one types: what may be interrupted is."""
        for key in keys:
            self._send(m.DigitPressed(digit=key))
        self._listen()

    def be_silent(self) -> None:
        """Press nothing until the time is up."""
        deadline = self._interpreter.next_deadline()
        if deadline is not None:
            self.now = deadline
            self._take(self._interpreter.handle_deadline(deadline))
            self._listen()

    def hang_up(self) -> None:
        """Leave."""
        self._send(m.CallerHungUp())

    def take_heard(self) -> list[Utterance]:
        """What was said since the last time."""
        heard, self.heard = self.heard, []
        return heard

    def _listen(self) -> None:
        # The interpreter ends each flow within its limit of steps, and each step says something once.
        while self._interpreter.phase is Phase.PLAYING:
            self._send(m.PlaybackEnded())

    def _send(self, message: m.Message) -> None:
        self._take(self._interpreter.handle(message, self.now))

    def _take(self, came: Sequence[m.Action | m.Event]) -> None:
        orders: list[m.Order] = []
        stopped = False
        for each in came:
            match each:
                case m.Play(prompts=prompts):
                    self.heard += prompts
                case m.StopPlayback():
                    stopped = True
                case m.LookUp() | m.Fetch():
                    orders.append(each)
                case m.Listen() | m.AwaitAnswer():
                    pass
                case m.FlowEnded():
                    self.events.append(each)
                    self.result = each.result
                case _:
                    self.events.append(each)
        for order in orders:
            self._send(self._answer(order))
        if stopped:
            self._send(m.PlaybackEnded())

    def _answer(self, order: m.Order) -> m.Answered | m.Fetched:
        for answer in self._answers:
            if answer.fits(order):
                if answer.fails:
                    return m.Answered(order_id=order.order_id, found=m.Found.FAILED)
                if isinstance(order, m.Fetch):
                    return m.Fetched(order_id=order.order_id, status=answer.status, body=answer.body)
                return m.Answered(order_id=order.order_id, found=m.Found.FOUND, values=answer.values)
        return m.Answered(order_id=order.order_id, found=m.Found.MISSING)
