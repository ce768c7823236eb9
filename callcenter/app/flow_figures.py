"""How many callers took each way of a flow today, by the names of its nodes, whichever version they met.

Law: the counts are the same fold over the same events whether they were loaded at the start or came one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, tzinfo

from callcenter.app.floor import Touched
from callcenter.app.ports import Clock
from callcenter.domain.events import Event
from callcenter.ivr.flow import DEEPEST_FLOW, Flow
from callcenter.ivr.nodes import FlowNode
from callcenter.metrics.flow_ways import FlowWays


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCounts:
    """Of one flow today: how many callers came into it, and how many took each way between its nodes."""

    started: int = 0
    ways: Mapping[tuple[str, str], int] = field(default_factory=dict)


class FlowFigures:
    """Keeps the ways of one day; begun anew at local midnight."""

    def __init__(self, *, clock: Clock, timezone: tzinfo) -> None:
        self._clock = clock
        self._timezone = timezone
        self._begun = self.day_begins()
        self._ways = FlowWays()

    def day_begins(self) -> datetime:
        """The last local midnight."""
        local = self._clock.now().astimezone(self._timezone)
        return datetime.combine(local.date(), time(), tzinfo=self._timezone)

    def load(self, events: Sequence[Event]) -> None:
        """Take what happened today before this start, before anything else is taken."""
        self._begun, self._ways = self.day_begins(), FlowWays(events)

    def take(self, touched: Touched) -> None:
        """Fold what just happened."""
        self._turn_the_day()
        for event in touched.events:
            self._ways.take(event)

    def counts(self, flows: Mapping[str, Flow]) -> Mapping[str, FlowCounts]:
        """Of each of these flows: callers in flows that are led through count in those too."""
        self._turn_the_day()
        sums = {name: _Sum() for name in flows}
        for name, count in self._ways.started.items():
            if name in sums:
                sums[name].started += count
        for way, count in self._ways.counts.items():
            _add(sums, flows, way.flow, way.one, way.other, count, DEEPEST_FLOW)
        return {name: FlowCounts(started=each.started, ways=each.ways) for name, each in sums.items()}

    def _turn_the_day(self) -> None:
        begins = self.day_begins()
        if begins != self._begun:
            self._begun, self._ways = begins, FlowWays()


@dataclass(slots=True, kw_only=True)
class _Sum:
    started: int = 0
    ways: dict[tuple[str, str], int] = field(default_factory=dict)


def _add(
    sums: Mapping[str, _Sum], flows: Mapping[str, Flow], name: str, one: str, other: str, count: int, depth: int
) -> None:
    """Count a way in the flow it belongs to; `identify/a` to `identify/b` is one of the flow led through."""
    flow = flows.get(name)
    if flow is None or depth <= 0:
        return
    (one, _, one_rest), (other, _, other_rest) = one.partition("/"), other.partition("/")
    if one != other or not (one_rest or other_rest):
        ways = sums[name].ways
        ways[one, other] = ways.get((one, other), 0) + count
        return
    node = flow.nodes.get(one)
    if not isinstance(node, FlowNode):
        return
    if one_rest and other_rest:
        _add(sums, flows, node.flow, one_rest, other_rest, count, depth - 1)
    elif other_rest and "/" not in other_rest and node.flow in sums:
        sums[node.flow].started += count
