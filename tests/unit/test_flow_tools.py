"""The commands for those who write flows: check, graph, try, test, schema."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callcenter.__main__ import app
from callcenter.app.flow_files import read_flows, written_hours
from callcenter.flows import Terminal, check_files, dialogue_lines, draw_file, try_file
from callcenter.ivr.dialogues import outcomes, parse_dialogues
from callcenter.ivr.faults import FlowError

FLOWS = Path(__file__).parents[2] / "ivr_flows"
BUSINESS = """\
skills: {sales: {zh: 销售, en: Sales}}
hours: {office: {timezone: Asia/Shanghai, week: {mon-fri: ["09:00-18:00"]}}}
queues:
  sales: {label: {zh: 销售, en: Sales}}
"""


def run(*arguments: str, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["flow", *arguments], input=typed)
    return result.exit_code, result.output


def test_the_dialogues_of_the_shipped_flows_pass_in_both_languages() -> None:
    told = list(dialogue_lines(FLOWS, []))
    assert [line for line, fine in told if not fine] == []
    flows = read_flows({str(path): path.read_text("utf-8") for path in sorted(FLOWS.glob("*.yaml"))})
    for name, flow in flows.items():
        if flow.returns:
            continue
        path = FLOWS / "tests" / f"{name}.yaml"
        text = path.read_text("utf-8")
        assert {"language: zh" in text, "language: en" in text} == {True}, name
        visited = set()
        for dialogue, fault in outcomes(parse_dialogues(text, str(path), flows, written_hours), flows):
            assert fault is None
            visited.add(dialogue.name)
        assert visited


def test_check_tells_every_flow_and_with_a_business_what_it_lacks(tmp_path: Path) -> None:
    status, output = run("check", "--flows", str(FLOWS))
    assert (status, output.count(": ok, ")) == (0, 6)
    business = tmp_path / "business.yaml"
    business.write_text(BUSINESS.replace("{label:", "{label:"), encoding="utf-8")
    try:
        check_files(FLOWS, [], business)
    except FlowError as error:
        told = [fault for fault in error.faults if fault.code == "unknown_queue"]
        assert {Path(fault.filename).name for fault in told} == {
            "main.yaml",
            "identify.yaml",
            "service.yaml",
            "support.yaml",
        }
    else:
        pytest.fail("there are only sales")


def test_check_takes_a_directory_as_a_whole_of_its_own(tmp_path: Path) -> None:
    status, output = run("check", str(FLOWS), "--flows", str(tmp_path / "nowhere"))
    assert (status, output.count(": ok, ")) == (0, 6)
    status, output = run("check", str(tmp_path))
    assert status != 0
    assert "there are no flows in it" in output
    (tmp_path / "alone.yaml").write_text("flow: alone\n", encoding="utf-8")
    status, output = run("check", str(tmp_path))
    assert status != 0
    assert f"{tmp_path / 'alone.yaml'}:" in output
    status, output = run("check", str(FLOWS), str(FLOWS / "main.yaml"))
    assert status != 0
    assert "check one directory, or files" in output


def test_check_says_file_and_line_of_a_fault_and_what_is_right(tmp_path: Path) -> None:
    bad = tmp_path / "main.yaml"
    bad.write_text((FLOWS / "main.yaml").read_text("utf-8").replace("next: menu", "next: manu"), encoding="utf-8")
    status, output = run("check", str(bad), "--flows", str(FLOWS))
    assert status == 2
    assert f"{bad}:61: " in output
    assert "there is no node 'manu'; name one of " in output
    assert len(output.splitlines()) == 2  # It is misspelt in two places, and nothing else is amiss.
    status, output = run("check", str(tmp_path / "nothing.yaml"), "--flows", str(FLOWS))
    assert status == 2
    assert "cannot be read" in output


def test_a_picture_is_an_svg_with_every_node_or_text_for_mermaid(tmp_path: Path) -> None:
    svg = draw_file(FLOWS / "service.yaml", None, "zh")
    tree = ET.fromstring(svg)  # noqa: S314  It is our own.
    boxes = {group.get("data-node") for group in tree.iter("{http://www.w3.org/2000/svg}g")}
    flows = read_flows({str(path): path.read_text("utf-8") for path in FLOWS.glob("*.yaml")})
    assert boxes == set(flows["service"].nodes)
    assert "1 受理事项" in svg
    assert run("graph", str(FLOWS / "service.yaml"), "-o", str(tmp_path / "x.svg"))[0] == 0
    assert "1 Cases" in (tmp_path / "x.svg").read_text("utf-8")
    assert run("graph", str(FLOWS / "main.yaml"), "-o", str(tmp_path / "x.mmd"), "--language", "zh")[0] == 0
    mermaid = (tmp_path / "x.mmd").read_text("utf-8")
    assert mermaid.startswith("flowchart TD\n")
    assert '  menu -->|"1 销售"| to_sales' in mermaid


def test_boxes_of_a_picture_do_not_lie_on_each_other() -> None:
    tree = ET.fromstring(draw_file(FLOWS / "service.yaml", None, "en"))  # noqa: S314
    boxes = []
    for group in tree.iter("{http://www.w3.org/2000/svg}g"):
        box = group.find("{http://www.w3.org/2000/svg}rect")
        assert box is not None
        boxes.append([float(box.get(name) or "nan") for name in ("x", "y", "width", "height")])
    for index, (x, y, width, height) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        for other_x, other_y, other_width, _ in boxes[index + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or abs(y - other_y) >= height


class Script(Terminal):
    """A terminal at which these lines are typed."""

    def __init__(self, *typed: str) -> None:
        self.typed = list(typed)
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def ask(self) -> str | None:
        return self.typed.pop(0) if self.typed else None


def test_a_flow_is_tried_by_hand_and_the_pin_is_not_shown() -> None:
    terminal = Script("1", "10023#", "1", "8642#", "what", "2")
    data = FLOWS / "tests" / "service.yaml"
    try_file(FLOWS / "service.yaml", terminal, data=data, language="zh", at=None)
    told = "\n".join(terminal.lines)
    assert "[zh] 您有两件未办结的事项。" in told
    assert "customer_number = 10023" in told
    assert "pin = (secret)" in told
    assert "8642" not in told
    assert terminal.lines[-1] == "-- the flow has ended in to_support: queue support, priority 10"
    assert (
        terminal.lines.count("keys and Enter: press them; Enter alone: say nothing until the time is up; q: hang up")
        == 2
    )


def test_silence_at_the_terminal_takes_no_time_and_its_end_hangs_up() -> None:
    status, output = run("try", str(FLOWS / "main.yaml"), "--language", "en", typed="\n\n\n")
    assert status == 0
    assert output.count("Sorry, we did not receive a choice.") == 2
    assert "queue operator" in output
    assert "left yes" in run("try", str(FLOWS / "main.yaml"))[1]
    assert run("try", str(FLOWS / "main.yaml"), "--at", "noon")[0] == 2


def test_dialogues_that_do_not_hold_fail_with_their_line(tmp_path: Path) -> None:
    written = tmp_path / "wrong.yaml"
    written.write_text(
        "dialogues_of: sales\ndialogues:\n"
        "  - dialogue: Hears what is not said\n    language: en\n    steps:\n      - hears: Hello\n      - hears: Buy\n"
        "  - dialogue: Ends elsewhere\n    language: en\n    steps:\n      - hears: Hello\n    ends: {queue: support}\n"
        "  - dialogue: Hears what it should not\n    steps: [{hears_not: 您好}]\n"
        "  - dialogue: Is well\n    language: zh\n    steps: [{hears: 您好}]\n    ends: {queue: sales}\n",
        encoding="utf-8",
    )
    status, output = run("test", str(written), "--flows", str(FLOWS))
    assert status == 1
    assert f"FAIL {written}:7: Hears what is not said: does not hear 'Buy'" in output
    assert f"FAIL {written}:12: Ends elsewhere: ends with queue sales, priority 0 instead of queue support" in output
    assert f"FAIL {written}:14: Hears what it should not: hears '您好'" in output
    assert output.endswith("1 passed, 3 failed\n")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dialogues_of: sales", "dialogues_of: sale", ":1: there is no flow 'sale'"),
        ("presses: 1", "presses: 1a", ":6: '1a' are no keys"),
        ("presses: 1", "pushes: 1", "no field 'pushes'"),
        ("at: 2026-11-23T10:00:00+08:00", "at: monday", ":2: 'monday' is no moment"),
        ("open_cases: 1", "open_cases: one", ":3: 'one' is no int"),
        ("open_cases: 1", "cases: 1", ":3: there is no variable 'cases'"),
        ("queue: sales}", "que: sales}", "no field 'que'"),
    ],
)
def test_a_file_of_dialogues_is_checked(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = (
        "dialogues_of: sales\nat: 2026-11-23T10:00:00+08:00\nvariables: {open_cases: 1}\ndialogues:\n"
        "  - dialogue: A call\n    steps: [{presses: 1}]\n    ends: {queue: sales}\n"
    )
    written = tmp_path / "d.yaml"
    written.write_text(text.replace(old, new), encoding="utf-8")
    status, output = run("test", str(written), "--flows", str(FLOWS))
    assert status == 2
    assert words in output


def test_the_dialogues_in_the_manual_hold(tmp_path: Path) -> None:
    manual = (FLOWS.parent / "docs" / "ivr.md").read_text(encoding="utf-8")
    written = tmp_path / "manual.yaml"
    written.write_text(manual.split("```yaml\n")[2].split("```")[0], encoding="utf-8")
    assert run("test", str(written), "--flows", str(FLOWS)) == (
        0,
        "ok   service: Who has no PIN comes to a person\n1 passed, 0 failed\n",
    )


def test_the_schema_is_printed() -> None:
    status, output = run("schema")
    assert (status, output) == (0, (FLOWS / "flow.schema.json").read_text(encoding="utf-8"))
