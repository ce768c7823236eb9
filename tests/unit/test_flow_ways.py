"""How many callers took each way: the fold, and what it means for flows that are led through."""

from datetime import UTC, timedelta

from callcenter.app.floor import Touched
from callcenter.app.flow_figures import FlowFigures
from callcenter.domain import events as ev
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.ivr.flow import Flow
from callcenter.ivr.reader import parse_flows
from callcenter.metrics import flow_ways
from callcenter.metrics.flow_ways import FlowWays, Way
from tests.fakes import START, FakeClock

OUTER = """\
flow: outer
languages: [en]
start: ask
rescue: bye
prompts: {choose: {en: Press 1.}, bye: {en: Bye.}}
nodes:
  ask:
    kind: menu
    say: choose
    keys:
      1: {label: {zh: 一, en: One}, go: through}
      2: {label: {zh: 二, en: Two}, go: ask}
  through: {kind: flow, flow: inner, next: bye}
  bye: {kind: end, say: bye}
"""
INNER = """\
flow: inner
languages: [en]
start: first
rescue: back
prompts: {hello: {en: Hello.}}
nodes:
  first: {kind: say, say: hello, next: back}
  back: {kind: return}
"""


def flows() -> dict[str, Flow]:
    return parse_flows({"outer.yaml": OUTER, "inner.yaml": INNER})


def walk(call: str, *nodes: str, flow: str = "outer") -> list[ev.Event]:
    caller = InteractionId(call)
    began = ev.FlowStarted(interaction_id=caller, at=START, flow=flow, flow_version="1")
    return [began, *(ev.NodeEntered(interaction_id=caller, at=START, node=node) for node in nodes)]


def touched(events: list[ev.Event]) -> Touched:
    return Touched(agents=frozenset(), queues=frozenset(), interactions=frozenset(), events=tuple(events))


THROUGH = ("ask", "ask", "through", "through/first", "through/back", "bye")


def test_each_way_counts_for_each_caller_whatever_others_do_meanwhile() -> None:
    one, two = walk("1", "ask", "bye"), walk("2", "ask", "ask", "bye")
    mixed = [event for pair in zip(one, two, strict=False) for event in pair] + two[len(one) :]
    ways = FlowWays(mixed)
    assert ways.counts == {
        Way(flow="outer", one="ask", other="bye"): 2,
        Way(flow="outer", one="ask", other="ask"): 1,
    }
    assert ways.started == {"outer": 2}


def test_who_is_queued_or_gone_is_forgotten_and_a_node_without_a_flow_counts_nothing() -> None:
    caller = InteractionId("1")
    queued = ev.InteractionQueued(interaction_id=caller, at=START, queue_id=QueueId("q"), entered_at=START, priority=0)
    late = ev.NodeEntered(interaction_id=caller, at=START, node="bye")
    assert FlowWays([*walk("1", "ask"), queued, late]).counts == {}
    assert FlowWays([late]).counts == {}


def test_what_is_kept_is_bounded() -> None:
    ways = FlowWays()
    for number in range(flow_ways.MOST_CALLERS + 10):
        for event in walk(str(number), "ask"):
            ways.take(event)
    assert len(ways._places) == flow_ways.MOST_CALLERS
    for number in range(flow_ways.MOST_WAYS + 10):
        for event in walk("one", f"a{number}", f"b{number}"):
            ways.take(event)
    assert len(ways.counts) == flow_ways.MOST_WAYS


def test_a_way_inside_a_flow_that_is_led_through_counts_there() -> None:
    figures = FlowFigures(clock=FakeClock(), timezone=UTC)
    figures.load(walk("1", *THROUGH))
    counts = figures.counts(flows())
    assert counts["outer"].ways == {("ask", "ask"): 1, ("ask", "through"): 1, ("through", "bye"): 1}
    assert counts["inner"].ways == {("first", "back"): 1}
    assert (counts["outer"].started, counts["inner"].started) == (1, 1)


def test_what_was_loaded_and_what_came_live_count_alike_until_midnight() -> None:
    clock = FakeClock()
    loaded, live = FlowFigures(clock=clock, timezone=UTC), FlowFigures(clock=clock, timezone=UTC)
    events = walk("1", *THROUGH)
    loaded.load(events)
    for event in events:
        live.take(touched([event]))
    assert loaded.counts(flows()) == live.counts(flows())
    clock.advance(timedelta(days=1))
    assert live.counts(flows())["outer"].started == 0
    assert live.counts(flows())["outer"].ways == {}


def test_ways_of_flows_that_are_not_there_any_more_are_left_out() -> None:
    figures = FlowFigures(clock=FakeClock(), timezone=UTC)
    figures.load([*walk("1", "a", "b", flow="gone"), *walk("2", "ask", "ask/x", "nowhere/y")])
    assert figures.counts(flows())["outer"].ways == {("ask", "nowhere"): 1}
