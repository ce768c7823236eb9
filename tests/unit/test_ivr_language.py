"""Dialogues in every kind of node: what the caller types and hears, and what comes of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from callcenter.domain.hours import Interval, OpeningHours
from callcenter.ivr import messages as m
from callcenter.ivr.flow import Flow
from callcenter.ivr.interpreter import Phase
from callcenter.ivr.reader import parse_flow, parse_flows
from callcenter.ivr.variables import Money, Value
from tests.unit.test_ivr_interpreter import NOON, Call

OFFICE = OpeningHours(
    timezone="Asia/Shanghai",
    week={day: (Interval(opens=time(9), closes=time(18)),) for day in range(5)},
    days={date(2026, 11, 24): ()},
)


def flow_of(nodes: str, *, head: str = "", prompts: str = "") -> Flow:
    return parse_flow(text_of(nodes, head=head, prompts=prompts), "trial.yaml")


def text_of(nodes: str, *, name: str = "trial", head: str = "", prompts: str = "") -> str:
    out = "" if "  out:" in nodes else "  out: {kind: end, say: bye}\n"
    return (
        f"flow: {name}\nlanguages: [en]\nstart: first\nrescue: out\n{head}\n"
        f"prompts:\n  ask: {{en: Ask.}}\n  bye: {{en: Bye.}}\n{prompts}\nnodes:\n{nodes}\n{out}"
    )


def say(name: str, text: str) -> str:
    return f'  {name}: {{en: "{text}"}}\n'


# ---- confirm, set, 0 and *

NUMBER = flow_of(
    """
  first: {kind: collect, say: number, into: account, label: {zh: 客户号码, en: Customer number}, min_digits: 3,
          max_digits: 5, next: check}
  check: {kind: confirm, say: read_back, yes: count, no: first}
  count: {kind: set, values: {tries: tries + 1, topic: '"billing"', urgent: yes}, next: tell}
  tell: {kind: say, say: done, next: again}
  again: {kind: menu, say: more, keys: {1: {label: {zh: 一, en: One}, go: count}}, back: no}
  person: {kind: queue, queue: operator, priority: 5}
""",
    head="variables: {tries: number, topic: text, urgent: yes_no}\nasking: {person: person, back: yes, retries: 1}",
    prompts=say("number", "Your number?")
    + say("read_back", "You typed {account:digits}; 1 if right, 2 if wrong.")
    + say("done", "This is number {tries} about {topic}.")
    + say("more", "Press 1 for more."),
)


def test_a_number_is_read_back_and_asked_again_when_it_is_wrong() -> None:
    call = Call(NUMBER)
    assert call.hear() == ["en: Your number?"]
    call.press("123#")
    assert call.hear() == ["en: You typed one two three; 1 if right, 2 if wrong."]
    call.press("2")
    assert call.hear() == ["en: Your number?"]
    call.press("12345")
    call.hear()
    call.press("1")
    assert call.hear() == ["en: This is number one about billing.", "en: Press 1 for more."]
    call.press("1")
    assert call.hear()[0] == "en: This is number two about billing."
    assert [came.right for came in call.all if isinstance(came, m.AnswerConfirmed)] == [False, True]
    told = [came for came in call.all if isinstance(came, m.DigitsCollected)]
    assert [(came.digits, came.label.en if came.label else "") for came in told] == [
        ("123", "Customer number"),
        ("12345", "Customer number"),
    ]
    assert call.interpreter.variables["urgent"] is True


def test_the_end_key_after_as_many_digits_as_there_may_be_is_no_wrong_key() -> None:
    call = Call(NUMBER)
    call.hear()
    call.press("12345#")
    assert call.hear() == ["en: You typed one two three four five; 1 if right, 2 if wrong."]
    call.press("2")
    call.hear()
    call.press("54321#1")
    assert call.hear() == ["en: This is number one about billing.", "en: Press 1 for more."]
    assert call.of(m.InputMissed) == []
    call.press("#")
    assert len(call.of(m.InputMissed)) == 1


def test_zero_leads_to_a_person_from_a_confirmation_and_agents_read_it() -> None:
    call = Call(NUMBER)
    call.hear()
    call.press("123#")
    call.hear()
    call.press("0")
    assert call.result == m.ToQueue(queue="operator", priority=5, skills=())
    (chosen,) = call.of(m.MenuChosen)
    assert isinstance(chosen, m.MenuChosen)
    assert (chosen.node, chosen.key, chosen.label.zh) == ("check", "0", "人工服务")


@pytest.mark.parametrize("end", ["#", "pause"])
def test_a_lone_zero_leads_to_a_person_where_a_number_is_asked_for(end: str) -> None:
    call = Call(NUMBER)
    call.hear()
    call.press("0")
    assert call.interpreter.phase is Phase.LISTENING
    if end == "#":
        call.press("#")
    else:
        call.wait()
    assert isinstance(call.result, m.ToQueue)
    assert call.of(m.DigitsCollected) == []


def test_a_number_may_begin_with_zero() -> None:
    call = Call(NUMBER)
    call.hear()
    call.press("012#")
    assert call.hear()[0].startswith("en: You typed zero one two")


def test_the_star_forgets_what_was_typed_and_then_leads_back() -> None:
    call = Call(NUMBER)
    call.hear()
    call.press("99*123#")
    assert call.hear()[0].startswith("en: You typed one two three")
    call.press("*")
    assert call.hear() == ["en: Your number?"]
    call.press("*")
    assert call.hear() == ["en: Your number?"]
    assert [came.node for came in call.all if isinstance(came, m.WentBack)] == ["check", "first"]
    call.press("456#")
    assert call.hear()[0].startswith("en: You typed four five six")


def test_a_node_may_refuse_the_star() -> None:
    call = Call(NUMBER)
    call.hear()
    for keys in ("123#", "1"):
        call.press(keys)
        call.hear()
    call.press("*")
    assert [came.node for came in call.all if isinstance(came, m.InputMissed)] == ["again"]


def test_keys_typed_before_a_node_that_takes_none_ahead_are_forgotten() -> None:
    flow = flow_of(
        """
  first: {kind: menu, say: ask, keys: {1: {label: {zh: 一, en: One}, go: check}}}
  check: {kind: confirm, say: ask, yes: done, no: out, type_ahead: no, interruptible: no}
  done: {kind: queue, queue: sales}
"""
    )
    call = Call(flow)
    call.press("11")
    call.send(m.PlaybackEnded())
    assert call.nodes == ["first", "check"]
    (play,) = call.of(m.Play)[1:]
    assert isinstance(play, m.Play)
    assert not play.interruptible
    assert call.send(m.DigitPressed(digit="1")) == []  # It stops nothing, and is kept.
    call.send(m.PlaybackEnded())
    assert isinstance(call.result, m.ToQueue)


def test_a_value_that_cannot_be_reckoned_leaves_the_variable_as_it_was() -> None:
    call = Call(NUMBER, known={"tries": 10**12})
    call.hear()
    call.press("123#1")
    call.send(m.PlaybackEnded())
    assert call.interpreter.variables["tries"] == 10**12
    (failed,) = call.of(m.ConditionFailed)
    assert isinstance(failed, m.ConditionFailed)
    assert "tries + 1" in failed.reason
    assert "1000000000000" not in failed.reason


# ---- secrets

SECRET = flow_of(
    """
  first: {kind: collect, say: ask, into: number, min_digits: 4, max_digits: 4, next: pin}
  pin: {kind: collect, say: ask, into: pin, secret: yes, min_digits: 4, max_digits: 4, next: look}
  look: {kind: lookup, of: customer, number: number, pin: pin, found: greet, missing: wrong, failed: out}
  greet: {kind: say, say: hello, next: sort}
  sort: {kind: branch, cases: [{when: customer_verified and open_cases > 1, go: many}], otherwise: out}
  wrong: {kind: say, say: wrong, next: out}
  many: {kind: queue, queue: support, skills: {billing: 2}}
""",
    prompts=say("hello", "Hello {customer_name}, last {last_contact:date}.") + say("wrong", "That is not right."),
)


def answer(call: Call, found: m.Found, **values: Value) -> None:
    order = next(came for came in reversed(call.all) if isinstance(came, m.LookUp | m.Fetch))
    call.send(m.Answered(order_id=order.order_id, found=found, values=values))


def test_who_was_looked_up_by_a_pin_when_the_server_died_is_asked_for_it_again() -> None:
    call = Call(SECRET, known={"number": "1001"}, at_node="look")
    assert call.nodes == ["pin"]
    call.hear()
    call.press("8642")
    (order,) = call.of(m.LookUp)
    assert isinstance(order, m.LookUp)
    assert (order.number, order.pin) == ("1001", "8642")


def test_a_customer_is_found_by_number_and_pin_and_the_pin_is_told_to_nobody_else() -> None:
    call = Call(SECRET)
    call.hear()
    call.press("1001")
    call.hear()
    call.press("8642")
    (order,) = call.of(m.LookUp)
    assert isinstance(order, m.LookUp)
    assert (order.of, order.number, order.pin) == ("customer", "1001", "8642")
    assert call.interpreter.phase is Phase.WAITING
    assert call.interpreter.next_deadline() == NOON + order.limit
    answer(
        call,
        m.Found.FOUND,
        customer_name="Wang",
        customer_verified=True,
        open_cases=2,
        last_contact=date(2026, 11, 3),
        contacted_before=True,
    )
    assert call.hear() == ["en: Hello Wang, last November third, twenty twenty-six."]
    assert isinstance(call.result, m.ToQueue)
    digits = [(came.digits, came.secret) for came in call.all if isinstance(came, m.DigitsCollected)]
    assert digits == [("1001", False), ("", True)]
    assert "8642" not in repr(call.all)
    assert "8642" not in map(str, call.interpreter.variables.values())


def test_nothing_found_and_no_answer_are_ways_of_their_own() -> None:
    for found, node in ((m.Found.MISSING, "wrong"), (m.Found.FAILED, "out")):
        call = Call(SECRET)
        call.hear()
        call.press("10018642")
        call.send(m.PlaybackEnded())
        answer(call, found)
        call.hear()
        assert node in call.nodes
        assert call.result == m.HangUp(prompt="bye")


def test_an_answer_that_does_not_come_in_time_is_not_waited_for_and_a_late_one_changes_nothing() -> None:
    call = Call(SECRET)
    call.hear()
    call.press("10018642")
    call.send(m.PlaybackEnded())
    call.wait()
    assert call.nodes[-1] == "out"
    before = list(call.nodes)
    answer(call, m.Found.FOUND, customer_name="Wang")
    assert call.nodes == before
    (ended,) = call.of(m.LookupEnded)
    assert ended == m.LookupEnded(node="look", found=m.Found.FAILED, reason="no answer in time")


@pytest.mark.parametrize("wrong", [{"customer_name": 3}, {"open_cases": True}, {"ani": "1"}, {"nothing": ""}])
def test_an_answer_of_the_wrong_kind_counts_as_none(wrong: dict[str, Value]) -> None:
    call = Call(SECRET)
    call.hear()
    call.press("10018642")
    call.send(m.PlaybackEnded())
    answer(call, m.Found.FOUND, **wrong)
    assert call.nodes[-1] == "out"
    (ended,) = call.of(m.LookupEnded)
    assert isinstance(ended, m.LookupEnded)
    assert next(iter(wrong)) in ended.reason


def test_keys_pressed_while_an_answer_is_waited_for_count_afterwards() -> None:
    flow = flow_of(
        """
  first: {kind: lookup, of: queue, queue: sales, say: ask, found: choose, failed: out}
  choose: {kind: menu, say: wait, keys: {1: {label: {zh: 一, en: One}, go: sales}}}
  sales: {kind: queue, queue: sales}
""",
        prompts=say("wait", "You would be number {queue_position:number}; {queue_wait:range}."),
    )
    call = Call(flow)
    order, play = call.all[1:3]
    assert isinstance(order, m.LookUp)
    assert (order.queue, isinstance(play, m.Play)) == ("sales", True)
    answer(call, m.Found.FOUND, queue_open=True, queue_position=3, queue_wait=timedelta(minutes=4))
    assert call.interpreter.phase is Phase.PLAYING  # What is said is said to its end.
    call.press("1")
    call.send(m.PlaybackEnded())
    assert isinstance(call.result, m.ToQueue)
    other = Call(flow)
    assert other.hear() == ["en: Ask."]
    answer(other, m.Found.FOUND, queue_position=3, queue_wait=timedelta(minutes=4))
    assert other.hear() == ["en: You would be number three; about three to five minutes."]


# ---- web services

WEB = flow_of(
    """
  first: {kind: collect, say: ask, into: order_number, next: fetch}
  fetch:
    kind: http
    say: ask
    url: https://erp.example.com/orders/{order_number}?of={ani}
    into:
      total: {path: order.total, kind: money, currency: USD}
      due: {path: order.dates.1, kind: day}
      state: {path: order.state}
      parts: {path: parts, kind: number}
    limit_seconds: 2
    next: tell
    missing: unknown
  tell: {kind: say, say: tell, next: out}
  unknown: {kind: say, say: unknown, next: out}
""",
    head="words: {sent: {en: on its way}}",
    prompts=say("tell", "It is {state:word}, {parts} parts, {total}, due {due:day}.")
    + say("unknown", "No such order."),
)
BODY = '{"order": {"total": "12.50", "dates": ["", "2026-12-01"], "state": "sent"}, "parts": 2}'


def fetched(call: Call, status: int, body: str) -> None:
    order = next(came for came in reversed(call.all) if isinstance(came, m.Fetch))
    call.send(m.Fetched(order_id=order.order_id, status=status, body=body))


def test_a_web_service_is_asked_and_its_answer_said() -> None:
    call = Call(WEB, known={"ani": "+86 10/1"})
    call.hear()
    call.press("42#")
    (order,) = call.of(m.Fetch)
    assert isinstance(order, m.Fetch)
    assert order.url == "https://erp.example.com/orders/42?of=%2B86%2010%2F1"
    assert (order.body, order.limit, order.max_bytes) == (None, timedelta(seconds=2), 65_536)
    assert "42" not in repr(order).replace("65536", "")
    call.hear()
    fetched(call, 200, BODY)
    said = ["en: It is on its way, two parts, twelve dollars and fifty cents, due December first.", "en: Bye."]
    assert call.hear() == said


@pytest.mark.parametrize(
    ("status", "body", "node", "words"),
    [
        (404, "", "unknown", ""),
        (500, BODY, "out", "status 500"),
        (200, "<html>", "out", "no JSON"),
        (200, "[" * 100_000, "out", "bytes"),
        (200, "[" * 60_000, "out", "no JSON"),
        (200, BODY.replace("12.50", "much"), "out", "no money at order.total"),
        (200, BODY.replace("12.50", "NaN"), "out", "no money"),
        (200, BODY.replace("2026-12-01", "soon"), "out", "no day at order.dates.1"),
        (200, BODY.replace(": 2}", ": 2.5}"), "out", "no number at parts"),
        (200, BODY.replace(": 2}", ": NaN}"), "out", "no JSON"),
        (200, BODY.replace(": 2}", f": {'9' * 5_000}}}"), "out", "no"),
        (200, BODY.replace("state", "stage"), "out", "no text at order.state"),
        (200, "null", "out", "no money"),
    ],
)
def test_what_a_web_service_answers_amiss_is_never_said(status: int, body: str, node: str, words: str) -> None:
    call = Call(WEB)
    call.hear()
    call.press("42#")
    call.hear()
    fetched(call, status, body)
    call.hear()
    assert node in call.nodes
    (ended,) = call.of(m.LookupEnded)
    assert isinstance(ended, m.LookupEnded)
    assert words in ended.reason
    assert "much" not in ended.reason


def test_what_is_sent_is_json_of_the_variables() -> None:
    flow = flow_of(
        """
  first:
    kind: http
    say: ask
    url: https://example.com/x
    send: {who: ani, known: customer_known, day: last_contact}
    into: {rate: {path: rate, kind: amount}, at: {path: at, kind: moment}, open: {path: open, kind: yes_no},
           wait: {path: wait, kind: duration}, from_: {path: t, kind: time}}
    next: tell
  tell: {kind: say, say: tell, next: out}
""".replace("from_", "since"),
        prompts=say("tell", "{rate:percent} {at:time} {wait} {since}"),
    )
    call = Call(flow, known={"ani": '1"2'})
    (order,) = call.of(m.Fetch)
    assert isinstance(order, m.Fetch)
    assert order.body == '{"who": "1\\"2", "known": "false", "day": "2000-01-01"}'
    call.hear()
    fetched(
        call,
        200,
        '{"rate": 2.5, "at": "2026-11-23T09:00:00+08:00", "open": true, "wait": 90, "t": "18:30"}',
    )
    assert call.hear()[0] == "en: two point five percent nine a.m. two minutes six thirty p.m."
    assert call.interpreter.variables["rate"] == Decimal("2.5")


# ---- hours

HOURS = flow_of(
    """
  first: {kind: hours, hours: office, open: sales, closed: shut}
  shut: {kind: branch, cases: [{when: opens_again, go: tell}], otherwise: out}
  tell: {kind: say, say: opens, next: out}
  sales: {kind: queue, queue: sales}
""",
    prompts=say("opens", "We open {next_opening}."),
)


@pytest.mark.parametrize(
    ("at", "heard"),
    [
        (datetime(2026, 11, 23, 2, tzinfo=UTC), None),
        (datetime(2026, 11, 23, 10, tzinfo=UTC), "en: We open Wednesday, November twenty-fifth, at nine a.m.."),
        (datetime(2026, 11, 23, 0, 59, tzinfo=UTC), "en: We open Monday, November twenty-third, at nine a.m.."),
    ],
)
def test_hours_lead_by_the_clock_of_their_own_time_zone(at: datetime, heard: str | None) -> None:
    call = Call(HOURS, hours={"office": OFFICE}, now=at)
    if heard is None:
        assert isinstance(call.result, m.ToQueue)
    else:
        assert call.hear()[0] == heard
        opening = call.interpreter.variables["next_opening"]
        assert isinstance(opening, datetime)
        assert opening.tzinfo == ZoneInfo("Asia/Shanghai")


def test_hours_that_are_gone_count_as_open() -> None:
    call = Call(HOURS)
    assert isinstance(call.result, m.ToQueue)
    assert call.of(m.PartMissing) == [m.PartMissing(node="first", what="the hours 'office'")]


def test_hours_that_never_open_again_are_not_told() -> None:
    call = Call(HOURS, hours={"office": OpeningHours(timezone="UTC", week={})})
    assert call.hear() == ["en: Bye."]


# ---- flows in flows

OUTER = text_of(
    """
  first: {kind: say, say: ask, next: identify}
  identify: {kind: flow, flow: identify, next: greet}
  greet: {kind: say, say: hello, next: out}
""",
    name="outer",
    prompts=say("hello", "Hello {account:digits}."),
)
INNER = text_of(
    """
  first: {kind: collect, say: number, into: account, min_digits: 2, max_digits: 2, next: back}
  back: {kind: return}
  out: {kind: queue, queue: operator}
""",
    name="identify",
    prompts=say("number", "Number?"),
)


def outer() -> dict[str, Flow]:
    return parse_flows({"outer.yaml": OUTER, "identify.yaml": INNER})


def test_a_flow_leads_through_another_and_uses_what_was_typed_there() -> None:
    flows = outer()
    call = Call(flows["outer"], flows=flows)
    assert call.hear() == ["en: Ask.", "en: Number?"]
    call.press("77")
    assert call.hear() == ["en: Hello seven seven.", "en: Bye."]
    assert call.nodes == ["first", "identify", "identify/first", "identify/back", "greet", "out"]


def test_after_a_crash_the_node_in_the_inner_flow_is_heard_and_leads_out_again() -> None:
    flows = outer()
    call = Call(flows["outer"], flows=flows, at_node="identify/first")
    assert call.hear() == ["en: Number?"]
    call.press("12")
    assert call.hear()[0] == "en: Hello one two."


@pytest.mark.parametrize("at_node", ["identify/gone", "gone/first", "first/first", "identify/first/x", ""])
def test_a_place_that_is_gone_since_the_crash_means_the_start(at_node: str) -> None:
    flows = outer()
    assert Call(flows["outer"], flows=flows, at_node=at_node).nodes[0] == "first"


def test_giving_up_in_the_inner_flow_leads_to_its_rescue() -> None:
    flows = outer()
    call = Call(flows["outer"], flows=flows)
    call.hear()
    for _ in range(3):
        call.wait()
        call.hear()
    assert call.result == m.ToQueue(queue="operator", priority=0, skills=())


def test_a_flow_that_is_gone_leads_to_the_rescue() -> None:
    call = Call(outer()["outer"])
    assert call.hear() == ["en: Ask.", "en: Bye."]
    assert call.of(m.PartMissing) == [m.PartMissing(node="identify", what="the flow 'identify'")]


def test_a_flow_that_leads_into_itself_ends_all_the_same() -> None:
    flows = outer()
    again = parse_flow(
        text_of("  first: {kind: flow, flow: outer, next: out}\n  out: {kind: return}", name="identify"), "x.yaml"
    )
    call = Call(flows["outer"], flows={**flows, "identify": again})
    for _ in range(20):
        call.hear()
    assert call.result == m.HangUp(prompt="bye")


def test_the_star_leads_back_out_of_an_inner_flow() -> None:
    outer_text = text_of(
        """
  first: {kind: menu, say: ask, keys: {1: {label: {zh: 一, en: One}, go: identify}}}
  identify: {kind: flow, flow: identify, next: out}
""",
        name="outer",
    )
    flows = parse_flows(
        {"o.yaml": outer_text, "i.yaml": INNER.replace("rescue: out", "rescue: out\nasking: {back: yes}")}
    )
    call = Call(flows["outer"], flows=flows)
    call.hear()
    call.press("1")
    assert call.hear() == ["en: Number?"]
    call.press("*")
    assert call.hear() == ["en: Ask."]
    assert call.nodes[-1] == "first"
    call.press("155")
    assert call.hear() == ["en: Bye."]


# ---- ends


@pytest.mark.parametrize(
    ("node", "result"),
    [
        (
            "{kind: callback, queue: sales, priority: 3}",
            m.ToCallback(queue="sales", number=None, priority=3, skills=()),
        ),
        (
            "{kind: callback, queue: sales, number: account}",
            m.ToCallback(queue="sales", number="123", priority=0, skills=()),
        ),
        (
            "{kind: voicemail, queue: sales, longest_seconds: 60}",
            m.ToVoicemail(queue="sales", longest=timedelta(minutes=1), silence=timedelta(seconds=5)),
        ),
        ("{kind: transfer, agent: '1001'}", m.ToAgent(agent="1001", ring=timedelta(seconds=30))),
        ("{kind: transfer, queue: sales}", m.ToQueue(queue="sales", priority=0, skills=())),
        (
            "{kind: transfer, number: '+862012345678', ring_seconds: 20}",
            m.ToNumber(number="+862012345678", ring=timedelta(seconds=20)),
        ),
    ],
)
def test_what_comes_of_a_flow(node: str, result: m.FlowResult) -> None:
    call = Call(flow_of(f"  first: {{kind: collect, say: ask, into: account, next: last}}\n  last: {node}"))
    call.hear()
    call.press("123#")
    assert call.result == result


def test_nobody_answered_and_the_flow_goes_on_at_its_way_for_that() -> None:
    flow = flow_of(
        "  first: {kind: transfer, number: '+862012345678', failed: sorry}\n"
        "  sorry: {kind: say, say: sorry, next: out}",
        prompts=say("sorry", "Nobody answers."),
    )
    assert isinstance(Call(flow).result, m.ToNumber)
    call = Call(flow, at_node="first", transfer_failed=True)
    assert call.hear() == ["en: Nobody answers.", "en: Bye."]


# ---- surveys

SURVEY = flow_of(
    """
  first:
    kind: survey
    questions:
      - {question: solved, say: ask, lowest: 1, highest: 2}
      - {question: friendly, say: friendly}
    next: thanks
    retries: 1
  thanks: {kind: say, say: thanks, next: out}
""",
    prompts=say("friendly", "From 1 to 5?") + say("thanks", "Thanks."),
)


def scores(call: Call) -> list[tuple[str, int]]:
    return [(came.question, came.score) for came in call.all if isinstance(came, m.SurveyAnswered)]


def test_a_survey_is_answered_key_by_key_or_ahead() -> None:
    call = Call(SURVEY)
    assert call.hear() == ["en: Ask."]
    call.press("2")
    assert call.hear() == ["en: From 1 to 5?"]
    call.press("5")
    assert call.hear() == ["en: Thanks.", "en: Bye."]
    assert scores(call) == [("solved", 2), ("friendly", 5)]
    ahead = Call(SURVEY)
    ahead.press("14")
    ahead.send(m.PlaybackEnded())
    assert scores(ahead) == [("solved", 1), ("friendly", 4)]


def test_who_answers_no_question_of_a_survey_is_not_asked_the_next() -> None:
    call = Call(SURVEY)
    call.hear()
    call.press("3")
    assert call.hear() == ["en: Ask."]
    call.wait()
    assert call.hear() == ["en: Thanks.", "en: Bye."]
    assert scores(call) == []


def test_amounts_of_an_answer_keep_their_currency() -> None:
    call = Call(WEB)
    call.hear()
    call.press("42#")
    call.hear()
    fetched(call, 200, BODY)
    assert call.interpreter.variables["total"] == Money(amount=Decimal("12.50"), currency="USD")
