"""Every fault of a flow file is found, in its line, with what would be right."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.nodes import CollectNode, MenuNode, QueueNode
from callcenter.ivr.reader import parse_flow, parse_prompts

FLOWS = Path(__file__).parents[2] / "ivr_flows"

SOUND = """\
flow: trial
languages: [zh, en]
start: hello
rescue: to_people
prompts:
  hello:
    zh: 您好。
    en: Hello.
  choose:
    zh: 请按1。
    en: Press 1.
nodes:
  hello:
    kind: say
    say: hello
    next: choose
  choose:
    kind: menu
    say: choose
    keys:
      1: {label: {zh: 人工, en: People}, go: to_people}
      2: {label: {zh: 再听, en: Again}, go: hello}
  to_people:
    kind: queue
    queue: people
"""


def faults_of(text: str, **options: set[str]) -> tuple[Fault, ...]:
    with pytest.raises(FlowError) as raised:
        parse_flow(text, "trial.yaml", queues=options.get("queues"))
    return raised.value.faults


def changed(old: str, new: str) -> str:
    assert old in SOUND
    return SOUND.replace(old, new, 1)


def test_a_sound_flow_is_read() -> None:
    flow = parse_flow(SOUND, "trial.yaml", queues={"people"})
    assert (flow.name, flow.start, flow.rescue, flow.languages) == ("trial", "hello", "to_people", ("zh", "en"))
    menu = flow.nodes["choose"]
    assert isinstance(menu, MenuNode)
    assert menu.asking.give_up == "to_people"
    assert menu.keys["1"].label.en == "People"


def test_the_version_changes_with_the_text() -> None:
    other = parse_flow(changed("Hello.", "Good day."), "trial.yaml")
    assert other.version != parse_flow(SOUND, "trial.yaml").version


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words"),
    [
        ("start: hello", "start: nowhere", "unknown_node", 3, "'nowhere'"),
        ("next: choose", "next: chose", "unknown_node", 16, "'chose'"),
        ("go: hello}", "go: hallo}", "unknown_node", 22, "'hallo'"),
        ("rescue: to_people", "rescue: hello", "bad_rescue", 4, "queue or end"),
        ("    next: choose\n", "", "dead_end", 13, "leads nowhere"),
        ("next: choose", "next: hello", "loop_without_key", 13, "hello -> hello"),
        ("go: hello}\n", "go: hello}\n    give_up: hello\n", "loop_without_key", 13, "hello -> choose -> hello"),
        ("next: choose", "next: to_people", "unreachable_node", 17, "'choose'"),
        ("    en: Hello.\n", "", "missing_text", 6, "'en'"),
        ("say: hello", "say: hullo", "unknown_prompt", 15, "'hullo'"),
        ("en: Hello.", "en: 'Hello {nmae}.'", "unknown_variable", 8, "'nmae'"),
        ("en: Hello.", "en: 'Hello {customer_name:range}.'", "bad_form", 8, "say it as text"),
        ("en: Hello.", "en: 'Hello {customer_known}.'", "bad_form", 8, "condition only"),
        ("en: Hello.", "en: 'Hello {Name}.'", "stray_brace", 8, "{name}"),
        ("      2: {", "      1: {", "duplicate", 22, "'1' stands twice"),
        ("      2: {", "      12: {", "bad_key", 22, "'12'"),
        ("kind: say", "kind: sing", "bad_choice", 14, "'sing'"),
        ("    kind: say\n", "    kind: say\n    loud: yes\n", "unknown_field", 15, "'loud'"),
        ("queue: people", "queue: people\n    priority: high", "bad_number", 26, "'high'"),
        ("queue: people", "queue: people\n    skills: {billing: 11}", "bad_number", 26, "from 1 to 10"),
        ("languages: [zh, en]", "languages: [zh, fr]", "unknown_language", 2, "'fr'"),
        ("queue: people", "queue: ../people", "bad_name", 25, "'../people'"),
        ("  hello:\n    zh", "  ../hello:\n    zh", "bad_name", 6, "'../hello'"),
        ("say: hello", "say: &x hello", "anchor", 15, "write the value out"),
        ("flow: trial\n", "", "missing_field", 1, "'flow'"),
        ("say: choose", "say: [choose", "not_yaml", 20, "no YAML"),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, code: str, line: int, words: str) -> None:
    faults = faults_of(changed(old, new))
    found = [fault for fault in faults if fault.code == code]
    assert found, faults
    assert (found[0].filename, found[0].line) == ("trial.yaml", line), faults
    assert words in str(found[0])


def branch(condition: str) -> str:
    return changed(
        "nodes:\n",
        f"nodes:\n  fork:\n    kind: branch\n    cases:\n      - when: {condition}\n        go: hello\n"
        "    otherwise: to_people\n",
    ).replace("start: hello", "start: fork")


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("customer_knwon", "unknown_variable"),
        ("customer_known ==", "bad_condition"),
        ("'customer_known.__class__ == 1'", "bad_condition"),
        ("'open(customer_name)'", "bad_condition"),
        ("'[x for x in customer_name] == 1'", "bad_condition"),
        ("2 > 1", "bad_condition"),
        ("customer_name == 3", "impossible_condition"),
        ("open_cases > 'two'", "impossible_condition"),
        ("open_cases in ('a', 'b')", "impossible_condition"),
    ],
)
def test_a_condition_that_cannot_work_is_a_fault_in_its_line(condition: str, code: str) -> None:
    faults = faults_of(branch(condition))
    assert [(fault.code, fault.line) for fault in faults] == [(code, 16)]


@pytest.mark.parametrize(
    "condition", ["open_cases > 0 and not customer_known", "language in ('zh', 'en')", "ani != ''"]
)
def test_a_sound_condition_is_read(condition: str) -> None:
    assert "fork" in parse_flow(branch(condition), "trial.yaml").nodes


def test_an_unknown_queue_is_a_fault_when_the_queues_are_known() -> None:
    (fault,) = faults_of(SOUND, queues={"sales"})
    assert (fault.code, fault.line) == ("unknown_queue", 25)
    assert "name one of sales" in fault.right


def test_all_faults_come_at_once_in_the_order_of_their_lines() -> None:
    text = changed("start: hello", "start: nowhere").replace("say: hello", "say: hullo").replace("go: hello", "go: x")
    lines = [fault.line for fault in faults_of(text)]
    assert len(lines) >= 3
    assert lines == sorted(lines)


def test_digits_may_not_overwrite_what_is_known_of_the_caller() -> None:
    collect = "  ask:\n    kind: collect\n    say: choose\n    into: customer_name\n    next: to_people\n"
    faults = faults_of(SOUND.replace("  to_people:\n", collect + "  to_people:\n").replace("next: choose", "next: ask"))
    assert [(fault.code, fault.line) for fault in faults if fault.code == "taken_variable"] == [("taken_variable", 26)]


def test_a_language_without_a_key_is_a_fault() -> None:
    asks = "  ask:\n    kind: language\n    say: choose\n    keys: {1: zh}\n    next: choose\n"
    faults = faults_of(SOUND.replace("  to_people:\n", asks + "  to_people:\n").replace("next: choose", "next: ask", 1))
    assert ("language_without_key", 26) in [(fault.code, fault.line) for fault in faults]


def test_fields_have_their_usual_values_and_their_own() -> None:
    collect = (
        "  ask:\n    kind: collect\n    say: choose\n    into: account\n    min_digits: 4\n    max_digits: 6\n"
        "    end_key: none\n    secret: yes\n    timeout_seconds: 7.5\n    next: to_people\n"
    )
    flow = parse_flow(
        SOUND.replace("  to_people:\n", collect + "  to_people:\n")
        .replace("go: hello", "go: ask")
        .replace("rescue: to_people\n", "rescue: to_people\nasking: {retries: 1, timeout_seconds: 3}\n")
        .replace("queue: people", "queue: people\n    skills: {billing: 3}\n    priority: 20"),
        "trial.yaml",
    )
    ask, menu, queue = flow.nodes["ask"], flow.nodes["choose"], flow.nodes["to_people"]
    assert isinstance(ask, CollectNode)
    assert isinstance(menu, MenuNode)
    assert isinstance(queue, QueueNode)
    assert (ask.secret, ask.end_key, ask.asking.timeout.total_seconds(), ask.asking.retries) == (True, None, 7.5, 1)
    assert (menu.asking.timeout.total_seconds(), menu.asking.retries) == (3, 1)
    assert (str(queue.skills[0]), queue.priority) == ("billing>=3", 20)
    assert "account" not in flow.variables()
    assert flow.secrets() == {"account"}


@pytest.mark.parametrize("text", ["", "just words", "[" * 4_000, "a: b\n" * 60_000, "\x00", "- 1\n- 2\n", "{[a]: b}"])
def test_what_is_no_flow_at_all_is_a_fault_and_no_crash(text: str) -> None:
    assert faults_of(text)


@given(st.data())
def test_a_garbled_file_is_a_fault_or_a_flow_and_never_a_crash(data: st.DataObject) -> None:
    lines = SOUND.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(("drop", "double", "indent", "write"))):
            case "drop" if len(lines) > 1:
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "indent":
                lines[at] = "  " + lines[at]
            case _:
                lines[at] += data.draw(st.text(max_size=12))
    faults: tuple[Fault, ...] = ()
    try:
        flow = parse_flow("\n".join(lines), "trial.yaml")
    except FlowError as error:
        faults = error.faults
    else:
        assert flow.start in flow.nodes
        return
    assert faults
    assert all(1 <= fault.line <= len(lines) + 20 and fault.what and fault.right for fault in faults)


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_flows_are_sound(path: Path) -> None:
    flow = parse_flow(path.read_text(encoding="utf-8"), path.name, queues={"sales", "support", "operator"})
    assert flow.name == path.stem


def test_a_prompt_set_is_checked_like_the_prompts_of_a_flow() -> None:
    text = "prompt_set: queue\nlanguages: [zh, en]\nprompts:\n  place:\n    zh: '{position:range}'\n"
    with pytest.raises(FlowError) as raised:
        parse_prompts(text, "queue.yaml")
    assert [(fault.code, fault.line) for fault in raised.value.faults] == [("missing_text", 4), ("bad_form", 5)]


def test_the_example_in_the_manual_is_sound() -> None:
    manual = (FLOWS.parent / "docs" / "ivr.md").read_text(encoding="utf-8")
    example = manual.split("```yaml\n")[1].split("```")[0]
    assert parse_flow(example, "ivr.md", queues={"support", "operator"}).name == "account"
