"""The business's configuration as one file: what it may say, what it changes, and how it is written out again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callcenter.app.business import Business, Part, changes, combine
from callcenter.app.business_checks import warnings
from callcenter.app.business_file import read_business
from callcenter.app.business_items import QueueEntry, ReasonCode
from callcenter.app.business_text import write_business
from callcenter.app.ports import CodeLabel, NumberRoute
from callcenter.domain.agents import AgentConfig, Phone, PhoneKind
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr.faults import FlowError
from tests.office import shipped_lines

EXAMPLE = Path(__file__).parents[2] / "config" / "business.example.yaml"
FLOWS = {name: shipped_lines().flows[name] for name in ("main", "sales", "support", "service", "survey")}
SALES, ZH = SkillId("sales"), SkillId("zh")


def label(text: str) -> Label:
    return Label(zh=f"{text}（中文）", en=text)


def business() -> Business:
    queue = QueueConfig(
        queue_id=QueueId("sales"),
        label=label("Sales: all of it"),
        required=(SkillRequirement(skill=ZH, minimum_level=3), SkillRequirement(skill=SALES)),
        wrap_up=timedelta(0),
        ring_timeout=timedelta(seconds=12.5),
    )
    anna = AgentConfig(agent_id=AgentId("1001"), name="no", skills={SALES: 10, ZH: 3})
    bo = AgentConfig(agent_id=AgentId("1002"), name="#2", phone=Phone(kind=PhoneKind.OUTSIDE, address="+8613800138000"))
    return Business(
        skills={SALES: label("Sales"), ZH: label("Chinese")},
        queues={queue.queue_id: QueueEntry(config=queue)},
        agents={anna.agent_id: anna, bo.agent_id: bo},
        numbers={"+4000": NumberRoute(dnis="+4000", flow="main", label=label("Main"))},
        reasons={code: ReasonCode(code=code, label=label(code)) for code in ("lunch", "break")},
        dispositions={code: CodeLabel(code=code, label=label(code)) for code in ("sold", "no", "07")},
    )


def apply(text: str, present: Business | None = None, *, remove_missing: bool = False) -> Business:
    file = read_business(text, "f.yaml")
    result = combine(present or Business(), file.wanted, remove_missing=remove_missing)
    file.check(result, flows=FLOWS)
    return result


def faults(text: str, present: Business | None = None, *, remove_missing: bool = False) -> list[str]:
    with pytest.raises(FlowError) as refused:
        apply(text, present, remove_missing=remove_missing)
    return [str(fault) for fault in refused.value.faults]


# ---- written and read


def test_what_is_written_is_read_back_the_same() -> None:
    text = write_business(business())
    assert read_business(text, "f.yaml").wanted.business == business()
    assert write_business(read_business(text, "f.yaml").wanted.business) == text
    assert apply(text, business(), remove_missing=True) == business()
    assert list(apply(text).dispositions) == ["sold", "no", "07"]


def test_the_text_has_every_part_and_no_secret() -> None:
    text = write_business(Business())
    assert [line for line in text.splitlines() if line.endswith("{}")] == [f"{part}: {{}}" for part in Part]
    assert "callcenter phone secret" in text
    assert not apply(text)


def test_the_example_is_good_and_nobody_in_it_is_without_work() -> None:
    result = apply(EXAMPLE.read_text(encoding="utf-8"))
    assert sorted(result.queues) == ["operator", "sales", "support"]
    assert warnings(result) == ()


# ---- what a file cannot say


def test_all_faults_come_at_once_each_with_its_line() -> None:
    told = faults(
        "skills: {zh: {zh: 中文}}\n"
        "queues:\n"
        "  sales: {label: {zh: a, en: b}, skills: {zh: 11}}\n"
        "  sales: {}\n"
        "  support:\n"
        "    label: {zh: a, en: b}\n"
        "    wrap_up_seconds: -3\n"
        "    wrap: 2\n"
        "agents:\n"
        "  10 01: 5\n"
        "  '1002': {name: [a], phone: {kind: fax}}\n"
        "  '1003': {name: a, phone: {kind: outside, address: Berlin}}\n"
        "numbers: [1]\n"
        "calendar: {}\n"
    )
    assert [line.split(": ")[0] + ": " + line.split(": ", 1)[1].split(";")[0] for line in told] == [
        "f.yaml:1: skills.zh has no 'en'",
        "f.yaml:3: queues.sales.skills.zh is '11'",
        "f.yaml:4: 'sales' stands twice in queues, first in line 3",
        "f.yaml:7: queues.support.wrap_up_seconds is '-3'",
        "f.yaml:8: queues.support has no field 'wrap'",
        "f.yaml:10: '10 01' cannot be an id of agents",
        "f.yaml:10: agents.10 01 is no table",
        "f.yaml:11: agents.1002.name is no text",
        "f.yaml:11: agents.1002.phone.kind is 'fax'",
        "f.yaml:12: agents.1003.phone.address: 'Berlin' cannot be called",
        "f.yaml:13: numbers is no table",
        "f.yaml:14: the file has no field 'calendar'",
    ]
    assert all("; " in line for line in told)


def test_what_does_not_fit_together_is_told_with_its_line() -> None:
    told = faults(
        "skills:\n"
        "  zh: {zh: 中文, en: Chinese}\n"
        "queues:\n"
        "  sales:\n"
        "    label: {zh: a, en: b}\n"
        "    skills: {zh: 1, sales: 2}\n"
        "agents:\n"
        "  '1001': {name: A, skills: {magic: 3}}\n"
        "  '1001w': {name: B}\n"
        "numbers:\n"
        "  '4000':\n"
        "    flow: mane\n"
        "    label: {zh: a, en: b}\n"
    )
    assert told == [
        "f.yaml:6: queue sales: there is no skill 'sales'; add it to the skills, or use zh",
        "f.yaml:8: agent 1001: there is no skill 'magic'; add it to the skills, or use zh",
        "f.yaml:9: agent 1001w has the name of the browser's phone of agent 1001; give it another id",
        "f.yaml:12: number 4000 leads to the flow 'mane', which is not in the flows' directory; "
        "known: main, sales, service, support, survey",
    ]


def test_a_skill_that_is_still_needed_cannot_go() -> None:
    only_zh = "skills:\n  zh: {zh: 中文, en: Chinese}\n"
    assert faults(only_zh, business(), remove_missing=True) == [
        "f.yaml:1: queue sales: there is no skill 'sales'; add it to the skills, or use zh",
        "f.yaml:1: agent 1001: there is no skill 'sales'; add it to the skills, or use zh",
    ]


@pytest.mark.parametrize(
    "text", ["", "- a\n", "skills: [\n", "skills: &a {}\n", "queues: {default: {label: {zh: a}}}\n"]
)
def test_what_is_no_configuration_is_refused(text: str) -> None:
    (line, *_) = faults(text)
    assert line.startswith("f.yaml:")


# ---- what it changes


def test_what_a_file_does_not_speak_of_stays() -> None:
    text = "reasons:\n  meeting: {zh: 会议, en: Meeting}\nagents:\n  '1001': {name: Anna, skills: {sales: 9, zh: 3}}\n"
    result = apply(text, business())
    assert list(result.reasons) == ["meeting", "lunch", "break"]
    assert sorted(result.agents) == ["1001", "1002"]
    assert result.queues == business().queues
    assert [str(change) for change in changes(business(), result)] == [
        "changed agent 1001: name no -> Anna, skills sales 10, zh 3 -> sales 9, zh 3",
        "added reason meeting",
    ]


def test_what_is_missing_in_a_part_that_is_there_goes_when_that_is_wanted() -> None:
    text = "reasons: {}\nagents:\n  '1001': {name: 'no', skills: {sales: 10, zh: 3}}\n"
    result = apply(text, business(), remove_missing=True)
    assert [str(change) for change in changes(business(), result)] == [
        "removed agent 1002",
        "removed reason break",
        "removed reason lunch",
    ]


def test_a_phone_that_is_not_written_is_the_agents_own() -> None:
    text = "agents:\n  '1002': {name: '#2'}\n  '1003': {name: New}\n"
    result = apply(text, business())
    assert result.agents[AgentId("1002")].phone.kind is PhoneKind.OUTSIDE
    assert result.agents[AgentId("1003")].phone == Phone()
    written = apply("agents:\n  '1002': {name: '#2', phone: {kind: browser}}\n", business())
    (change,) = changes(business(), written)
    assert str(change) == "changed agent 1002: phone outside +8613800138000 -> browser"


def test_a_change_is_told_field_by_field() -> None:
    queue = replace(
        business().queues[QueueId("sales")].config,
        required=(),
        wrap_up=timedelta(seconds=7),
        music_class="calm",
    )
    after = replace(
        business(),
        queues={queue.queue_id: QueueEntry(config=queue)},
        numbers={"+4000": NumberRoute(dnis="+4000", flow="sales", label=label("Main"))},
        reasons={code: business().reasons[code] for code in ("break", "lunch")},
    )
    assert [str(change) for change in changes(business(), after)] == [
        "changed queue sales: skills zh>=3, sales>=1 -> none, wrap_up_seconds 0 -> 7, music_class default -> calm",
        "changed number +4000: flow main -> sales",
        "changed the order of the reasons: break, lunch",
    ]
    assert changes(business(), business()) == ()


def test_a_queue_nobody_can_serve_and_a_skill_nobody_needs_are_warned_of() -> None:
    after = replace(business(), agents={}, skills={**business().skills, SkillId("en"): label("English")})
    assert warnings(after) == (
        "queue sales: nobody can serve it; give an agent the skills zh>=3, sales>=1",
        "skill en: no queue asks for it and no agent has it",
    )
    assert warnings(business()) == ()
