"""Which ways callers took through the flows: the fold of the nodes each of them came to, one after the other.

Law: the same events in the same order give the same counts; what is kept grows with the flows, never with the calls.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from callcenter.domain import events as ev
from callcenter.domain.ids import InteractionId

MOST_WAYS: Final = 50_000
"""So many different ways are counted; those that would be new after them are not."""
MOST_CALLERS: Final = 20_000
"""So many callers are followed at once; the one who came to a node longest ago is lost sight of first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From one node to another within one outermost flow; `identify/ask_pin` is a node of a flow led through."""

    flow: str
    one: str
    other: str


class FlowWays:
    """Counts of ways, and where everybody who is in a flow came to last."""

    def __init__(self, events: Iterable[ev.Event] = ()) -> None:
        self._counts: dict[Way, int] = {}
        self._started: dict[str, int] = {}
        self._places: dict[InteractionId, tuple[str, str]] = {}
        for event in events:
            self.take(event)

    @property
    def counts(self) -> Mapping[Way, int]:
        """How often each way was taken; to be read only."""
        return self._counts

    @property
    def started(self) -> Mapping[str, int]:
        """How many calls began in each flow; to be read only."""
        return self._started

    def take(self, event: ev.Event) -> None:
        """Fold one event."""
        match event:
            case ev.FlowStarted() | ev.SurveyAsked():
                if event.flow in self._started or len(self._started) < MOST_WAYS:
                    self._started[event.flow] = self._started.get(event.flow, 0) + 1
                self._place(event.interaction_id, event.flow, "")
            case ev.NodeEntered():
                flow, before = self._places.get(event.interaction_id, ("", ""))
                if flow and before:
                    self._count(Way(flow=flow, one=before, other=event.node))
                if flow:
                    self._place(event.interaction_id, flow, event.node)
            case ev.InteractionQueued() | ev.InteractionEnded():
                self._places.pop(event.interaction_id, None)
            case _:
                pass

    def _place(self, interaction_id: InteractionId, flow: str, node: str) -> None:
        self._places.pop(interaction_id, None)
        if len(self._places) >= MOST_CALLERS:
            del self._places[next(iter(self._places))]
        self._places[interaction_id] = (flow, node)

    def _count(self, way: Way) -> None:
        known = self._counts.get(way)
        if known is not None or len(self._counts) < MOST_WAYS:
            self._counts[way] = (known or 0) + 1
