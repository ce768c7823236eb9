"""Which text of a flow counts, and that a faulty one never takes the place of a sound one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from callcenter.app.flow_files import FlowDirectory
from callcenter.app.flow_texts import (
    FilesRead,
    FlowText,
    Publication,
    check_name,
    effective,
    name_in,
    retracted,
    settle,
)
from callcenter.app.flow_views import differences, fault_views
from callcenter.domain.errors import InvalidValue
from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.reader import parse_flow
from tests.fakes import START


def file(name: str, text: str) -> FlowText:
    return FlowText(name=name, text=text, filename=f"{name}.yaml")


def publication(name: str, text: str, version: int = 1) -> Publication:
    return Publication(name=name, version=version, text=text, by="admin", at=START, note="")


def fault(filename: str) -> Fault:
    return Fault(code="x", filename=filename, line=1, what="wrong", right="mend it")


def make(texts: Mapping[str, FlowText]) -> dict[str, str]:
    """A text is faulty when it says so, and needs the flows it names."""
    faults = [fault(text.filename) for text in texts.values() if text.text == "bad"]
    for text in texts.values():
        needed = text.text.removeprefix("needs ")
        if needed != text.text and needed not in texts:
            faults.append(fault(text.filename))
    if faults:
        raise FlowError(faults)
    return {name: text.text for name, text in texts.items()}


def files(**texts: str) -> FilesRead:
    return FilesRead(texts={name: file(name, text) for name, text in texts.items()})


def test_what_is_published_counts_until_it_is_taken_back() -> None:
    one = publication("main", "new")
    texts = effective(files(main="old", other="o").texts, {"main": one, "added": publication("added", "a")})
    assert {name: text.text for name, text in texts.items()} == {"main": "new", "other": "o", "added": "a"}
    back = retracted(one, by="admin", at=START, note="")
    assert (back.version, back.retracted) == (2, True)
    assert effective(files(main="old").texts, {"main": back})["main"].text == "old"
    assert effective({}, {"main": back}) == {}


def test_a_faulty_text_is_kept_out_and_the_others_come_in() -> None:
    _, before = settle(files(a="a1", b="b1"), {}, {}, make)
    made, settled = settle(files(a="bad", b="b2"), {}, before.texts, make)
    assert made == {"a": "a1", "b": "b2"}
    assert [each.filename for each in settled.faults] == ["a.yaml"]
    made, settled = settle(files(a="a2", b="b2"), {}, settled.texts, make)
    assert made == {"a": "a2", "b": "b2"}
    assert settled.faults == ()


def test_a_faulty_publication_that_got_into_the_store_is_kept_out_too() -> None:
    _, before = settle(files(a="a1"), {}, {}, make)
    made, settled = settle(files(a="a1"), {"a": publication("a", "bad")}, before.texts, make)
    assert made == {"a": "a1"}
    assert [each.filename for each in settled.faults] == ["a (version 1)"]


def test_a_new_faulty_text_is_left_out_and_one_that_is_gone_but_needed_stays() -> None:
    _, before = settle(files(a="needs b", b="b1"), {}, {}, make)
    made, settled = settle(files(a="needs b", b="b1", c="bad"), {}, before.texts, make)
    assert made == {"a": "needs b", "b": "b1"}
    made, settled = settle(files(a="needs b"), {}, settled.texts, make)
    assert made == {"a": "needs b", "b": "b1"}
    assert settled.faults


def test_where_nothing_is_in_force_every_fault_is_raised() -> None:
    read = FilesRead(texts={"a": file("a", "bad")}, faults=(fault("b.yaml"),))
    with pytest.raises(FlowError) as raised:
        settle(read, {}, {}, make)
    assert [each.filename for each in raised.value.faults] == ["a.yaml", "b.yaml"]


def test_a_file_that_cannot_be_read_any_more_leaves_its_flow_in_force() -> None:
    _, before = settle(files(a="a1", b="b1"), {}, {}, make)
    read = FilesRead(texts={"b": file("b", "b2")}, faults=(fault("a.yaml"),))
    made, settled = settle(read, {}, before.texts, make)
    assert made == {"a": "a1", "b": "b2"}
    assert settled.faults == (fault("a.yaml"),)


def test_what_cannot_be_mended_by_leaving_texts_as_they_were_is_raised() -> None:
    def never(texts: Mapping[str, FlowText]) -> dict[str, str]:
        raise FlowError([fault("elsewhere")])

    _, before = settle(files(a="a1"), {}, {}, make)
    with pytest.raises(FlowError):
        settle(files(a="a1"), {}, before.texts, never)


def test_the_name_is_found_in_texts_that_cannot_be_read() -> None:
    assert name_in("# x\nflow: main\nnodes: {{{") == "main"
    assert name_in("flow: 'main'\n") == "main"
    assert name_in("prompt_set: queue\n") is None
    for name in ("Main", "ma in", "../etc", "", "prompts.other", "é", "a" * 49):
        with pytest.raises(InvalidValue):
            check_name(name)


def test_files_are_noticed_by_what_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "main.yaml"
    path.write_text("flow: main\n")
    (tmp_path / "copy.yaml").write_text("flow: main\n")
    directory = FlowDirectory(tmp_path)
    read = directory.read()
    assert [each.code for each in read.faults] == ["duplicate"]
    assert not directory.changed()
    (tmp_path / "copy.yaml").unlink()
    assert directory.changed()
    assert directory.changed(), "it is not forgotten before it was read"
    assert directory.read().faults == ()
    path.touch()
    assert not directory.changed(), "it holds what it held"
    path.write_bytes(b"flow: \xff\n")
    assert directory.changed()
    assert "cannot be read" in directory.read().faults[0].what


def test_a_fault_is_shown_at_the_word_it_means() -> None:
    text = "nodes:\n  menu:\n    next: menu2\n"
    fault = Fault(code="unknown_node", filename="f", line=3, what="nodes.menu.next: there is no 'menu2'", right="x")
    (view,) = fault_views([fault], {"f": text})
    assert (view.column, view.length) == (11, 5)
    (view,) = fault_views([Fault(code="x", filename="f", line=9, what="'menu'", right="x")], {"f": text})
    assert (view.column, view.length) == (1, 0)


def test_differences_are_told_with_some_lines_round_them() -> None:
    before = "\n".join(str(number) for number in range(30))
    found = differences(before, before.replace("\n15\n", "\nfifteen\nand more\n"))
    assert [(line.kind, line.text) for line in found if line.kind != "same"] == [
        ("gap", ""),
        ("removed", "15"),
        ("added", "fifteen"),
        ("added", "and more"),
    ]
    assert len(found) == 10
    assert differences("a\n", "a\n") == ()


def test_what_a_new_flow_of_the_page_begins_with_is_sound() -> None:
    written = (Path(__file__).parents[2] / "agent_ui" / "src" / "flows" / "new_flow.ts").read_text(encoding="utf-8")
    text = written.partition("return `")[2].partition("`")[0].replace("${name}", "fresh")
    assert parse_flow(text, "fresh").name == "fresh"
