"""What is wrong with lookups, sub-flows, secrets, hours and conditions is told before a flow runs, line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.conditions import parse_condition, parse_expression
from callcenter.ivr.faults import ConditionError, Fault, FlowError
from callcenter.ivr.impossible import idle_cases
from callcenter.ivr.reader import Surroundings, parse_flow, parse_flows
from callcenter.ivr.variables import Value

SOUND = """\
flow: trial
languages: [zh, en]
start: number
rescue: people
variables: {tries: number, topic: text}
asking: {person: people}
words:
  open: {zh: 待处理, en: open}
prompts:
  ask: {zh: 请输入。, en: Please enter it.}
  told:
    zh: "{case_state:word}，{case_opened:day}，{tries:ordinal}。"
    en: "{case_state:word} {case_opened:day} {tries:ordinal} {next_opening}."
nodes:
  number:
    kind: collect
    say: ask
    into: account
    min_digits: 3
    next: pin
  pin:
    kind: collect
    say: ask
    into: pin
    secret: yes
    next: look
  look:
    kind: lookup
    of: customer
    number: account
    pin: pin
    found: first
    missing: number
  first:
    kind: set
    values: {tries: tries + 1, topic: '"bill"'}
    next: case
  case:
    kind: lookup
    of: case
    number: tries
    found: tell
    missing: open
  tell:
    kind: say
    say: told
    next: menu
  menu:
    kind: menu
    say: ask
    keys:
      1: {label: {zh: 下一个, en: Next}, go: first}
      2: {label: {zh: 回电, en: Call me}, go: back}
      3: {label: {zh: 留言, en: Message}, go: message}
  open:
    kind: hours
    hours: office
    open: sort
    closed: message
  sort:
    kind: branch
    cases:
      - when: open_cases > 1 and customer_class == "A"
        go: agent
      - when: tries > 3
        go: people
    otherwise: back
  back:
    kind: callback
    queue: sales
    number: account
  message:
    kind: voicemail
    queue: sales
  agent:
    kind: transfer
    agent: "1001"
    failed: people
  people:
    kind: queue
    queue: sales
"""
AROUND = Surroundings(queues={"sales"}, agents={"1001"}, hours={"office"})


def faults_of(text: str) -> tuple[Fault, ...]:
    with pytest.raises(FlowError) as raised:
        parse_flow(text, "trial.yaml", surroundings=AROUND)
    return raised.value.faults


def test_the_sound_one_is_sound() -> None:
    assert len(parse_flow(SOUND, "trial.yaml", surroundings=AROUND).nodes) == 13


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("    pin: pin\n", "    pin: account\n", "pin_not_secret", "no secret"),
        ("    number: account\n    pin", "    number: pin\n    pin", "secret_used", "'pin' is a secret"),
        ("en: Please enter it.", 'en: "Is it {pin:digits}?"', "secret_spoken", "'pin' is a secret"),
        ("when: tries > 3", 'when: pin == "1"', "secret_used", "'pin' is a secret"),
        ("tries: tries + 1", "tries: pin", "secret_used", "'pin' is a secret"),
        ("tries: tries + 1", "tries: open_cases == 1", "bad_value", "true or false"),
        ("tries: tries + 1", "times: tries + 1", "unknown_variable", "'times' is no variable of this flow's own"),
        ("tries: tries + 1", "tries: tris + 1", "unknown_variable", "'tris'"),
        ("tries: tries + 1", "tries: tries ** 9", "bad_value", "Pow"),
        ("tries: tries + 1", "tries: open('x')", "bad_value", "Call"),
        ("    into: account", "    into: tries", "taken_variable", "declared as number"),
        ("    into: account", "    into: case_state", "taken_variable", "variable of the caller"),
        ("    into: account", "    into: pin", "half_secret", "secret in one place"),
        ("    number: tries\n", "    number: topic\n", "bad_variable", "use one that is a number"),
        ("    number: account\n    pin", "    number: tries\n    pin", "bad_variable", "use one that is a text"),
        ("    number: tries\n", "", "missing_field", "a lookup of 'case' has no 'number'"),
        ("    number: tries\n", "    number: tries\n    queue: sales\n", "unknown_field", "has no 'queue'"),
        ("of: case", "of: weather", "bad_choice", "'weather'"),
        ("hours: office", "hours: ofice", "unknown_hours", "'ofice'; name one of office"),
        ("hours: office", "hours: {timezone: UTC}", "bad_hours", "by their id"),
        ('agent: "1001"', 'agent: "1002"', "unknown_agent", "'1002'"),
        ('agent: "1001"', 'agent: "1001"\n    queue: sales', "bad_transfer", "agent and queue"),
        ('agent: "1001"', "number: call me", "bad_number", "'call me'"),
        ("    kind: voicemail\n    queue: sales", "    kind: voicemail\n    queue: sale", "unknown_queue", "'sale'"),
        ("    min_digits: 3\n", "    person: people\n", "person_key_taken", "a lone 0"),
        ("person: people", "person: peeple", "unknown_node", "'peeple'"),
        ("{tries:ordinal} {next", "{tries:duration} {next", "bad_form", "say it as digits or number"),
        ("{case_state:word} {case_opened", "{case_state:day} {case_opened", "bad_form", "say it as text or word"),
        ("open: {zh: 待处理, en: open}", "open: {zh: 待处理}", "missing_field", "words.open has no 'en'"),
        ("tries: number, topic", "tries: integer, topic", "bad_choice", "'integer'"),
        ("when: tries > 3", "when: open_cases < 0", "impossible_condition", "can never hold"),
        ("when: tries > 3", "when: tries > 3 and tries < 4", "impossible_condition", "can never hold"),
        (
            "when: tries > 3",
            'when: open_cases == 4 and customer_class in ("A", "B") and customer_class != "B"',
            "impossible_condition",
            "the conditions before it",
        ),
        ("when: tries > 3", 'when: language == "fr"', "impossible_condition", "can never hold"),
        ("when: tries > 3", "when: language_known and language == ''", "impossible_condition", "can never hold"),
        ("missing: number", "missing: look", "loop_without_key", "look -> look"),
    ],
)
def test_a_fault_is_told(old: str, new: str, code: str, words: str) -> None:
    assert SOUND.count(old) == 1, SOUND.count(old)
    text = SOUND.replace(old, new)
    faults = faults_of(text)
    found = [fault for fault in faults if fault.code == code and words in str(fault)]
    assert found, faults
    changed = next(
        number
        for number, (was, now) in enumerate(zip(SOUND.splitlines(), [*text.splitlines(), ""], strict=False), start=1)
        if was != now
    )
    assert any(
        abs(fault.line - changed) <= (30 if code in ("half_secret", "loop_without_key") else 8) for fault in found
    )


def test_faults_of_form_do_not_hide_those_of_sense() -> None:
    text = (
        SOUND.replace("min_digits: 3", "min_digits: many")
        .replace("when: tries > 3", "when: nobody > 3")
        .replace("say: told", "say: tolled")
        .replace("hours: office", "hours: ofice")
        .replace("en: Please enter it.", "en: 'Please {enter} it.'")
    )
    codes = {fault.code for fault in faults_of(text)}
    assert codes >= {"bad_number", "unknown_variable", "unknown_prompt", "unknown_hours"}
    assert "unreachable_node" not in codes


def test_more_choices_than_a_caller_keeps_in_mind() -> None:
    more = "".join(f"      {key}: {{label: {{zh: 一, en: One}}, go: first}}\n" for key in "456")
    faults = faults_of(SOUND.replace("  open:\n    kind: hours", f"{more}  open:\n    kind: hours"))
    assert [(fault.code, fault.line) for fault in faults] == [("too_many_options", 51)]
    assert "6 choices" in faults[0].what


HTTP = """\
flow: trial
languages: [en]
start: ask
rescue: bye
prompts: {wait: {en: One moment.}, told: {en: "{total}"}}
nodes:
  ask:
    kind: http
    say: wait
    url: https://example.com/{ani}
    into: {total: {path: a.b, kind: money}}
    next: tell
  tell: {kind: say, say: told, next: bye}
  bye: {kind: end}
"""


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("https://example.com/{ani}", "ftp://example.com/", "bad_url", 10),
        ("https://example.com/{ani}", "https://{ani}/x", "bad_url", 10),
        ("https://example.com/{ani}", "https://user:word@example.com/x", "bad_url", 10),
        ("{ani}", "{nobody}", "unknown_variable", 10),
        ("kind: money", "kind: gold", "bad_choice", 11),
        ("kind: money", "kind: money, currency: yuan", "bad_currency", 11),
        ("{total: {path: a.b, kind: money}}", "{ani: {path: a.b}}", "taken_variable", 11),
        ("{total: {path: a.b, kind: money}}", "{}", "missing_field", 11),
        ("    say: wait\n", "", "missing_field", 7),
        ("    next: tell", "    send: {x: nobody}\n    next: tell", "unknown_variable", 12),
        ("    next: tell", "    limit_seconds: 10\n    next: tell", "bad_number", 12),
    ],
)
def test_a_question_to_a_web_service_is_checked(old: str, new: str, code: str, line: int) -> None:
    parse_flow(HTTP, "trial.yaml")
    with pytest.raises(FlowError) as raised:
        parse_flow(HTTP.replace(old, new), "trial.yaml")
    assert (code, line) in [(fault.code, fault.line) for fault in raised.value.faults]


# ---- flows in flows


def leading(name: str, to: str, *, head: str = "languages: [zh, en]", next_: str = "done") -> str:
    return (
        f"flow: {name}\n{head}\nstart: go\nrescue: bye\nnodes:\n"
        f"  go: {{kind: flow, flow: {to}, next: {next_}}}\n"
        "  done: {kind: return}\n  bye: {kind: queue, queue: sales}\n"
    )


LEAF = (
    "flow: leaf\nlanguages: [zh, en]\nstart: ask\nrescue: bye\nprompts: {ask: {zh: 请问。, en: Ask.}}\nnodes:\n"
    "  ask: {kind: collect, say: ask, into: digits, next: done}\n"
    "  done: {kind: return}\n  bye: {kind: queue, queue: sales}\n"
)


def faults_in(**texts: str) -> list[tuple[str, str, int]]:
    try:
        parse_flows({f"{name}.yaml": text for name, text in texts.items()})
    except FlowError as error:
        return [(fault.filename, fault.code, fault.line) for fault in error.faults]
    return []


def test_flows_that_fit_together_are_sound() -> None:
    assert faults_in(a=leading("a", "b"), b=leading("b", "leaf"), leaf=LEAF) == []


def test_a_flow_that_is_not_there() -> None:
    assert faults_in(a=leading("a", "leave"), leaf=LEAF) == [("a.yaml", "unknown_flow", 6)]


def test_flows_that_lead_into_one_another() -> None:
    assert ("a.yaml", "flow_cycle", 6) in faults_in(a=leading("a", "b"), b=leading("b", "a"))
    assert ("a.yaml", "flow_cycle", 6) in faults_in(a=leading("a", "a"))


def test_flows_too_deep_in_one_another() -> None:
    texts = {f"f{index}": leading(f"f{index}", f"f{index + 1}") for index in range(5)}
    found = faults_in(**texts, f5=LEAF.replace("flow: leaf", "flow: f5"))
    assert found == [("f0.yaml", "flow_too_deep", 1)]


def test_a_flow_that_never_returns_and_one_that_speaks_too_few_languages() -> None:
    deaf = LEAF.replace("[zh, en]", "[en]").replace("{zh: 请问。, en: Ask.}", "{en: Ask.}")
    assert faults_in(a=leading("a", "leaf"), leaf=deaf) == [("a.yaml", "missing_language", 6)]
    stuck = LEAF.replace("next: done", "next: bye").replace("  done: {kind: return}\n", "")
    assert faults_in(a=leading("a", "leaf"), leaf=stuck) == [("a.yaml", "flow_never_returns", 6)]


def test_a_way_round_through_another_flow_needs_a_key_there() -> None:
    round_about = leading("a", "leaf", next_="go")
    assert ("a.yaml", "loop_without_key", 6) not in faults_in(a=round_about, leaf=LEAF)
    silent = LEAF.replace("next: done}", "next: done, give_up: done}")
    assert ("a.yaml", "loop_without_key", 6) in faults_in(a=round_about, leaf=silent)


def test_variables_of_the_inner_flow_are_known_to_the_outer_one_and_of_one_kind() -> None:
    uses = leading("a", "leaf", head="languages: [zh, en]\nvariables: {n: number}").replace(
        "next: done}", "next: fork}\n  fork: {kind: branch, cases: [{when: digits == '1', go: done}], otherwise: bye}"
    )
    assert faults_in(a=uses, leaf=LEAF) == []
    assert ("a.yaml", "unknown_variable", 8) in faults_in(a=uses, leaf=LEAF.replace("into: digits", "into: others"))
    assert ("a.yaml", "bad_variable", 7) in faults_in(a=uses, leaf=LEAF.replace("into: digits", "into: n"))
    secret = LEAF.replace("into: digits", "into: digits, secret: yes")
    assert ("a.yaml", "secret_used", 8) in faults_in(a=uses, leaf=secret)


def test_two_flows_of_one_name_and_a_broken_file_are_told_together() -> None:
    found = faults_in(a=LEAF, b=LEAF, c="flow: [", d=leading("d", "in_c"))
    assert ("b.yaml", "duplicate", 1) in found
    assert [code for name, code, _ in found if name == "c.yaml"] == ["not_yaml"]
    # It may be in the file that could not be read.
    assert [code for name, code, _ in found if name == "d.yaml"] == []


# ---- conditions

KNOWN: dict[str, Value] = {"n": 0, "m": 0, "open_cases": 0, "known": False, "text": "", "language": ""}


def idle(*conditions: str) -> list[int]:
    return [index for index, _ in idle_cases([parse_condition(text) for text in conditions], KNOWN, ("zh", "en"))]


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        (("n > 3", "n > 4"), [1]),
        (("n > 4", "n > 3"), []),
        (("n > 3", "n <= 3", "known"), [2]),
        (("known", "not known", "n == 1"), [2]),
        (("n < m", "m > n"), [1]),
        (("n < m and m < n",), [0]),
        (("n < m and n > 3 and m < 5",), [0]),
        (("text in ('a', 'b')", "text == 'a'"), [1]),
        (("text != 'a'", "text == 'a'"), []),
        (("text == 'a' or text == 'b'", "text != 'c'"), []),
        (("open_cases >= 0", "known"), [1]),
        (("n >= 0", "known"), []),
        (("'a' in text and known and not known",), []),
        (("language == 'zh' or language == 'en'", "language == ''"), []),
    ],
)
def test_conditions_that_change_nothing_are_found(conditions: tuple[str, ...], found: list[int]) -> None:
    assert idle(*conditions) == found


_ATOMS = st.one_of(
    st.builds(
        lambda name, operator, number: f"{name} {operator} {number}",
        st.sampled_from("nm"),
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.integers(-2, 3),
    ),
    st.sampled_from(["known", "n < m", "n == m", "text == 'a'", "text != 'b'", "text in ('a', 'b')"]),
)
_CONDITIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=4,
)


@given(
    conditions=st.lists(_CONDITIONS, min_size=1, max_size=3),
    n=st.integers(-6, 6),
    m=st.integers(-6, 6),
    known=st.booleans(),
    text=st.sampled_from(["", "a", "b", "ab", "other"]),
)
def test_no_condition_called_idle_ever_counts(conditions: list[str], n: int, m: int, known: bool, text: str) -> None:
    values: dict[str, Value] = {**KNOWN, "n": n, "m": m, "known": known, "text": text}
    counts = next((i for i, each in enumerate(conditions) if parse_condition(each).holds(values)), None)
    assert counts not in idle(*conditions)


@pytest.mark.parametrize("text", ["tries + 'a'", "ani + 1", "tries - ani", "999999999999 + tries", "missing + 1"])
def test_what_cannot_be_reckoned_is_an_error_and_never_a_crash(text: str) -> None:
    with pytest.raises(ConditionError, match=r"has no value|is more than"):
        parse_expression(text).value({"tries": 2, "ani": "1"})
