"""Random flows and random callers: a flow that is called sound ends, whatever is pressed, answered or kept silent."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis import strategies as st

from callcenter.ivr import messages as m
from callcenter.ivr import nodes as n
from callcenter.ivr.carried import carried, carry
from callcenter.ivr.faults import FlowError
from callcenter.ivr.fields import KIND_FIELDS
from callcenter.ivr.flow import Flow, uses_person_key
from callcenter.ivr.interpreter import STEP_LIMIT, Phase
from callcenter.ivr.picture import flow_mermaid, flow_svg
from callcenter.ivr.reader import parse_flow, parse_flows
from callcenter.ivr.variables import LOOKUP_VARIABLES
from tests.unit.test_ivr_interpreter import FLOWS, Call

HEAD = """\
flow: {name}
languages: [zh, en]
start: n0
rescue: out
variables: {{tries: number, topic: text}}
asking: {{retries: 1, person: {person}, back: {back}}}
prompts:
  p: {{zh: "第{{tries}}次", en: "Time {{tries:ordinal}}, {{ani:phone}}."}}
  q: {{zh: 请按键, en: {{voice: zh, text: 请按键}}}}
nodes:
  out: {{kind: queue, queue: operator}}
"""
KINDS = (
    "{{kind: say, say: [p, q], next: {0}, interruptible: {yes}}}",
    "{{kind: menu, say: p, type_ahead: {yes}, keys: {{1: {{label: {{zh: 一, en: A}}, go: {0}}},"
    " {key}: {{label: {{zh: 二, en: B}}, go: {1}}}}}}}",
    "{{kind: language, say: q, keys: {{1: zh, 2: en}}, next: {0}, always: {yes}}}",
    "{{kind: switch_language, to: next, next: {0}}}",
    "{{kind: collect, say: q, into: digits, min_digits: 2, max_digits: 3, next: {0}, give_up: {1}}}",
    "{{kind: collect, say: q, into: pin, secret: yes, next: {0}, interruptible: {yes}}}",
    "{{kind: confirm, say: p, yes: {0}, no: {1}}}",
    "{{kind: survey, questions: [{{question: a, say: p}}, {{question: b, say: q}}], next: {0}}}",
    "{{kind: survey, questions: [{{question: c, say: q, lowest: 0}}], next: {0}}}",
    "{{kind: set, values: {{tries: tries + 1, topic: ani}}, next: {0}}}",
    "{{kind: branch, cases: [{{when: tries > 2, go: {0}}}, {{when: customer_known and topic == 'x', go: {1}}}],"
    " otherwise: {0}}}",
    "{{kind: hours, hours: office, open: {0}, closed: {1}}}",
    "{{kind: lookup, of: caller, say: q, found: {0}, missing: {1}}}",
    "{{kind: lookup, of: case, number: tries, found: {0}, failed: {1}}}",
    "{{kind: http, say: q, url: 'https://example.com/{{ani}}', into: {{x: {{path: a}}}}, next: {0}, failed: {1}}}",
    "{{kind: flow, flow: inner, next: {0}}}",
    "{{kind: lookup, of: customer, number: ani, say: p, found: {0}, missing: {1}, failed: {0}}}",
    "{{kind: lookup, of: order, number: topic, found: {0}, missing: {1}}}",
    "{{kind: lookup, of: queue, queue: sales, found: {0}, failed: {1}}}",
    "{{kind: transfer, agent: '1001', say: p, failed: {0}}}",
    "{{kind: transfer, number: '+442079460001', failed: {0}}}",
    "{{kind: transfer, queue: sales, failed: {0}}}",
    "{{kind: callback, queue: sales, say: q}}",
    "{{kind: voicemail, queue: sales, say: q}}",
    "{{kind: queue, queue: sales, say: p, priority: 3}}",
    "{{kind: return}}",
    "{{kind: end, say: p}}",
)
ASKING_KINDS = [KINDS[index] for index in (1, 2, 4, 6, 7)]
LAST_KINDS = 8
"""So many of them end the flow, and stand only in its last node."""
INNER = HEAD.format(name="inner", person="out", back="yes") + (
    "  n0: {kind: confirm, say: p, yes: n1, no: n0}\n  n1: {kind: return}\n"
)
ACTS = st.lists(
    st.one_of(st.sampled_from("0123456789*#"), st.sampled_from(["end", "wait", "found", "missing", "failed", "late"])),
    max_size=120,
)


@st.composite
def flow_texts(draw: st.DrawFn, first: str | None = None, persons: Sequence[str] = ("out", "none")) -> str:
    """A flow as YAML, with a node of the kind `first` at its start; not all that come out are sound."""
    count = draw(st.integers(1, 7))
    names = [f"n{index}" for index in range(count)]
    text = HEAD.format(name="random", person=draw(st.sampled_from(persons)), back=draw(st.sampled_from(["yes", "no"])))
    for index, name in enumerate(names):
        # Mostly onwards, so that many are sound; each leads to the next, so that all are reached.
        following = names[index + 1] if index + 1 < count else "out"
        other = draw(st.sampled_from([*names, "out", following, following]))
        kind = draw(st.sampled_from(KINDS[:-LAST_KINDS] if index + 1 < count else KINDS))
        if index == 0 and first is not None:
            kind = first
        yes, key = draw(st.sampled_from(["yes", "no"])), draw(st.sampled_from("02*"))
        text += f"  {name}: {kind.format(following, other, yes=yes, key=key)}\n"
    return text


def sound(text: str) -> dict[str, Flow] | None:
    try:
        return parse_flows({"random.yaml": text, "inner.yaml": INNER})
    except FlowError as error:
        faults = error.faults
    assert all(fault.line >= 1 and fault.what and fault.right for fault in faults)
    return None


def answer(call: Call, found: m.Found) -> None:
    """Answer the last order, or one that was never given."""
    orders = [came for came in call.all if isinstance(came, m.LookUp | m.Fetch)]
    order = orders[-1] if orders else m.LookUp(order_id=0, of="caller", limit=timedelta(0))
    if isinstance(order, m.Fetch) and found is m.Found.FOUND:
        call.send(m.Fetched(order_id=order.order_id, status=200, body='{"a": "b"}'))
        return
    values = {**LOOKUP_VARIABLES[order.of]} if isinstance(order, m.LookUp) and found is m.Found.FOUND else {}
    if "last_contact" in values:
        values["last_contact"] = date(2026, 1, 2)
    call.send(m.Answered(order_id=order.order_id, found=found, values=values))


def act(call: Call, what: str) -> None:
    match what:
        case "found" | "missing" | "failed":
            answer(call, m.Found(what))
        case "late":
            call.all += call.interpreter.handle_deadline(call.now - timedelta(seconds=1))
        case "wait" if call.interpreter.next_deadline() is not None:
            call.wait()
        case "end" | "wait":
            call.send(m.PlaybackEnded())
        case key:
            call.send(m.DigitPressed(digit=key))


def question_of(call: Call, flows: dict[str, Flow], name: str, *, typed: bool) -> n.AskingNode | None:
    """Let him hear and wait until a question is fresh; None when it all ends before.

    Who has `typed` has first to be silent once: then no key of his is left that could count for the question.
    """
    for _ in range(20 * STEP_LIMIT):
        was_playing = call.interpreter.phase is Phase.PLAYING
        call.hear()
        match call.interpreter.phase:
            case Phase.ENDED:
                return None
            case Phase.LISTENING if was_playing and not typed:
                return asked_now(call, flows, name)
            case Phase.LISTENING:
                typed = False
            case _:
                pass
        call.wait()
    raise AssertionError("no question and no end")


def asked_now(call: Call, flows: dict[str, Flow], name: str) -> n.AskingNode:
    """The node that asks."""
    *outer, last = call.nodes[-1].split("/")
    flow = flows[name]
    for step in outer:
        led = flow.nodes[step]
        assert isinstance(led, n.FlowNode)
        flow = flows[led.flow]
    node = flow.nodes[last]
    assert isinstance(node, n.AskingNode)
    return node


def plays_out(call: Call, acts: Sequence[str], step_limit: int) -> None:
    for what in acts:
        act(call, what)
        waits = call.interpreter.next_deadline() is not None
        assert waits == (call.interpreter.phase in (Phase.LISTENING, Phase.WAITING))
    # Now he does nothing any more, and nobody answers: that alone must bring the call to its end.
    for _ in range(20 * step_limit):
        call.hear()
        if call.interpreter.phase is Phase.ENDED:
            break
        call.wait()
    assert isinstance(call.result, m.FlowResult)
    assert len(call.nodes) <= step_limit + 1
    assert call.all[-1:] == call.of(m.FlowEnded)


@given(text=flow_texts(), acts=ACTS, step_limit=st.integers(3, 40), language=st.sampled_from([None, "zh", "en"]))
def test_a_sound_flow_never_hangs(text: str, acts: list[str], step_limit: int, language: str | None) -> None:
    flows = sound(text)
    assume(flows is not None)
    assert flows is not None
    call = Call(flows["random"], flows=flows, language=language, step_limit=step_limit, known={"ani": "+8610"})
    plays_out(call, acts, step_limit)


@given(text=flow_texts(), acts=ACTS)
def test_after_a_crash_anywhere_the_flow_goes_on_where_it_was(text: str, acts: list[str]) -> None:
    flows = sound(text)
    assume(flows is not None)
    assert flows is not None
    before = Call(flows["random"], flows=flows, language="en")
    for what in acts:
        act(before, what)
    assume(before.interpreter.phase is not Phase.ENDED)
    after = Call(flows["random"], flows=flows, language="en", at_node=before.nodes[-1])
    assert after.nodes[0] == before.nodes[-1]
    plays_out(after, acts, STEP_LIMIT)


@given(text=flow_texts(), acts=ACTS, late=ACTS)
def test_a_flow_ends_once_and_what_comes_afterwards_does_nothing(text: str, acts: list[str], late: list[str]) -> None:
    flows = sound(text)
    assume(flows is not None)
    assert flows is not None
    call = Call(flows["random"], flows=flows)
    plays_out(call, acts, STEP_LIMIT)
    said = len(call.all)
    for what in late:
        act(call, what)
    call.send(m.CallerHungUp())
    assert len(call.all) == said


@given(text=flow_texts(), acts=ACTS)
def test_who_hangs_up_anywhere_leaves_and_nothing_else(text: str, acts: list[str]) -> None:
    flows = sound(text)
    assume(flows is not None)
    assert flows is not None
    call = Call(flows["random"], flows=flows)
    for what in acts:
        act(call, what)
    assume(call.interpreter.phase is not Phase.ENDED)
    assert [type(came) for came in call.send(m.CallerHungUp())] == [m.FlowEnded]
    assert call.result == m.CallerLeft()


@pytest.mark.parametrize("kind", ASKING_KINDS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data(), acts=ACTS)
def test_zero_leads_to_a_person_wherever_a_node_says_so(kind: str, data: st.DataObject, acts: list[str]) -> None:
    flows = sound(data.draw(flow_texts(first=kind, persons=["out"])))
    assume(flows is not None)
    assert flows is not None
    call = Call(flows["random"], flows=flows)
    for what in acts:
        act(call, what)
    node = question_of(call, flows, "random", typed=True)
    if node is None:
        call = Call(flows["random"], flows=flows)
        node = question_of(call, flows, "random", typed=False)
    assume(node is not None and uses_person_key(node))
    assert node is not None
    asked_at, came_before = call.nodes[-1], len(call.nodes)
    call.press("0")
    if isinstance(node, n.CollectNode):
        # A number may begin with 0: only a pause after it, or the key that ends it, tells them apart.
        call.wait()
    outer, _, _ = asked_at.rpartition("/")
    chosen = call.of(m.MenuChosen)[-1]
    assert isinstance(chosen, m.MenuChosen)
    assert (chosen.node, chosen.key) == (asked_at, "0")
    assert call.nodes[came_before] == f"{outer}/{node.asking.person}".lstrip("/")
    call.hear()
    assert call.result == m.ToQueue(queue="operator", priority=0, skills=())


@given(text=flow_texts(), acts=ACTS, more=ACTS)
def test_what_he_gave_goes_on_with_him_after_a_crash(text: str, acts: list[str], more: list[str]) -> None:
    flows = sound(text)
    assume(flows is not None)
    assert flows is not None
    before = Call(flows["random"], flows=flows, language="en", known={"ani": "+8610"})
    for what in acts:
        act(before, what)
    assume(before.interpreter.phase is not Phase.ENDED)
    kept: dict[str, str] = json.loads(json.dumps(carry(before.interpreter.variables)))
    language = str(before.interpreter.variables["language"])
    after = Call(flows["random"], flows=flows, language=language, known=carried(kept), at_node=before.nodes[-1])
    assert after.nodes[0] == before.nodes[-1]
    told = {came.node: came.values for came in after.all if isinstance(came, m.VariablesSet)}
    if not told and not after.of(m.LookupEnded, m.LanguageChosen):
        known = after.interpreter.variables
        assert {name: known[name] for name in before.interpreter.variables} == before.interpreter.variables
    plays_out(after, more, STEP_LIMIT)


@given(
    text=flow_texts(),
    acts=ACTS,
    kept=st.dictionaries(
        st.sampled_from(["tries", "topic", "digits", "ani", "open_cases", "last_contact", "x", "pin", "language"]),
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(["number:3", "text:x", "day:2026-01-02", "yes_no:yes", "money:1 CNY", "duration:5"]),
        ),
    ),
)
def test_whatever_was_kept_the_call_goes_on(text: str, acts: list[str], kept: dict[str, str]) -> None:
    """A flow may have been changed meanwhile: a value may be of another kind now, or of no use at all."""
    flows = sound(text)
    assume(flows is not None)
    assert flows is not None
    call = Call(flows["random"], flows=flows, known=carried(kept), at_node="n0")
    plays_out(call, acts, STEP_LIMIT)


@functools.cache
def shipped_flows() -> dict[str, Flow]:
    return parse_flows({path.name: path.read_text(encoding="utf-8") for path in FLOWS.glob("*.yaml")})


@pytest.mark.parametrize("name", sorted(path.stem for path in FLOWS.glob("*.yaml")))
@given(acts=ACTS, language=st.sampled_from([None, "zh", "en"]), crashes=st.booleans())
def test_no_caller_hangs_in_a_shipped_flow(name: str, acts: list[str], language: str | None, crashes: bool) -> None:
    flows = shipped_flows()
    call = Call(flows[name], flows=flows, language=language, known={"ani": "+8610"})
    if crashes:
        for what in acts[: len(acts) // 2]:
            act(call, what)
        if call.interpreter.phase is not Phase.ENDED:
            kept = carried(carry(call.interpreter.variables))
            call = Call(flows[name], flows=flows, language=language, known=kept, at_node=call.nodes[-1])
    plays_out(call, acts, STEP_LIMIT)


@given(text=flow_texts(first=KINDS[5]), acts=ACTS)
def test_a_secret_is_in_nothing_that_comes_out(text: str, acts: list[str]) -> None:
    flows = sound(text)
    assume(flows is not None)
    assert flows is not None
    call = Call(flows["random"], flows=flows, language="en")
    for what in acts:
        act(call, what)
    told = [came for came in call.all if isinstance(came, m.DigitsCollected) and came.secret]
    assert all(came.digits == "" for came in told)
    assert "pin" not in call.interpreter.variables


@given(flow_texts())
def test_any_flow_can_be_drawn(text: str) -> None:
    flows = sound(text)
    assume(flows is not None)
    assert flows is not None
    flow = flows["random"]
    svg = flow_svg(flow, language="zh", counts={("n0", "out"): 3})
    assert all(f'data-node="{name}"' in svg for name in flow.nodes)
    assert "nan" not in svg
    assert flow_mermaid(flow).count("[") == len(flow.nodes)


def test_a_third_or_more_of_the_random_flows_are_sound() -> None:
    """Otherwise the tests above would test little."""
    texts: list[str] = []

    @given(flow_texts())
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    assert sum(sound(text) is not None for text in texts) * 3 >= len(texts)


def test_the_inner_flow_is_sound() -> None:
    assert parse_flow(INNER, "inner.yaml").returns


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_node_stands_in_flows_that_are_sound(kind: str) -> None:
    text = find(flow_texts(first=kind), lambda text: sound(text) is not None)
    assert f"n0: {kind.format('', '', yes='', key='')[:12]}" in text


def test_every_kind_there_is_comes_up_in_random_flows() -> None:
    assert {kind.split("kind: ")[1].split(",")[0].strip("{}") for kind in KINDS} == set(KIND_FIELDS)
