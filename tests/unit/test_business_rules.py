"""What an administrator may set about routing: read from the file, refused with its line, warned of, written again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.app.business import Business, changes, combine
from callcenter.app.business_checks import warnings
from callcenter.app.business_file import read_business
from callcenter.app.business_items import HoursEntry, QueueEntry, ReasonCode
from callcenter.app.business_text import write_business
from callcenter.app.flow_files import read_flows
from callcenter.domain.agents import AgentConfig, NotReadyReason, QueuePreference
from callcenter.domain.callbacks import CallbackRules, CalledFirst
from callcenter.domain.hours import Interval
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import (
    MAX_STEPS,
    AgentChoice,
    Boosts,
    CallerOrder,
    QueueConfig,
    QueueLimits,
    RoutingStep,
)
from callcenter.domain.rule_text import parse_rule, simplified
from callcenter.domain.rules import EVERYBODY, AllOf, AnyOf, Anyone, InGroup, IsAgent, Rule, SpeaksWithCaller
from callcenter.domain.skills import SkillRequirement
from callcenter.domain.waiting_rules import UnusualLoad, WaitingRules
from callcenter.ivr.faults import FlowError
from callcenter.ivr.reader import Surroundings, parse_prompts
from callcenter.ivr.waiting import WaitingPrompts

L = Label(zh="甲", en="A")
QUEUE_PROMPTS = Path(__file__).parents[2] / "ivr_flows" / "prompts" / "queue.yaml"
FLOWS = read_flows(
    {path.name: path.read_text("utf-8") for path in QUEUE_PROMPTS.parents[1].glob("*.yaml")}, Surroundings()
)
PROMPTS = WaitingPrompts(parse_prompts(QUEUE_PROMPTS.read_text("utf-8"), "prompts/queue.yaml"))
BASE = """\
skills: {billing: {zh: 账单, en: Billing}, zh: {zh: 中文, en: Chinese}}
agents:
  '1': {name: A, skills: {billing: 5, zh: 9}, groups: [backoffice]}
  '2': {name: B, skills: {billing: 2}}
queues:
  sales: {label: {zh: 销售, en: Sales}}
"""


def apply(text: str) -> Business:
    file = read_business(text, "f.yaml")
    result = combine(Business(), file.wanted, remove_missing=True)
    file.check(result, flows=FLOWS, prompts=PROMPTS)
    return result


def faults(text: str) -> list[str]:
    with pytest.raises(FlowError) as refused:
        apply(text)
    return [str(fault) for fault in refused.value.faults]


def with_queue(*lines: str) -> str:
    return BASE + "  q:\n    label: {zh: 甲, en: A}\n" + "".join(f"    {line}\n" for line in lines)


def queue(*lines: str) -> QueueConfig:
    return apply(with_queue(*lines)).queues[QueueId("q")].config


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


# ---- read


def test_everything_of_a_queue_can_be_written() -> None:
    text = with_queue(
        "steps:",
        '- {after_seconds: 0, who: "billing>=5 and lang=zh"}',
        '- {after_seconds: 20, who: "or billing>=2", priority: 5}',
        '- {after_seconds: 60, who: "or group backoffice", announce: busy, offer_callback: true}',
        "- {after_seconds: 300, who: anyone, overflow: {queue: sales}}",
        "agent_choice: specialists_first",
        "ring_several: 3",
        "caller_order: service_objective",
        "ageing_limit_seconds: never",
        "boosts: {classes: {A: 20, B: 10}, open_complaint: 15, languages: {zh: 0}, limit: 40, "
        "last_agent_seconds: 30, account_manager_seconds: 31}",
        "hours: office",
        "when_closed: message",
        "max_waiting: 50",
        "when_full: callback",
        "max_wait_seconds: 600",
        "when_too_long: {number: '+862112345678'}",
        "nobody_after_seconds: 30",
        "when_nobody: {queue: sales}",
        "when_emergency: closed",
        "callback: {first: customer, attempts: 4, retry_busy_seconds: 61, retry_no_answer_seconds: 62, "
        "ring_timeout_seconds: 25, lead: 2}",
        "offer_callback_after_seconds: 45",
        "offer_callback_above_seconds: 180",
        "waiting: {notice: longer_today, unusual: {waiting_above: 9, wait_above_seconds: 300, say: busy}, "
        "information: [have_number_ready, say_more_languages], information_interval_seconds: 25, "
        "information_rounds: 3, "
        "comfort: none, ask_on_entry: yes, ask_again_seconds: 120, ask_at_most: 4, message: yes, "
        "self_service: service}",
        "auto_answer_seconds: 2.5",
        'script: {zh: "您好，{customer.name}，我是{agent.name}", en: "Hello {customer.name}, this is {queue.name}"}',
        "rona_limit: 3",
        "rest_after_miss_seconds: 7.5",
        "wrap_up_limit_seconds: 120",
    )
    office = 'hours:\n  office: {timezone: Asia/Shanghai, week: {mon-fri: ["09:00-12:00", "13:00-18:00"]}}\n'
    result = apply(text + office)
    first = parse_rule("billing>=5 and zh")
    second = parse_rule("or billing>=2", before=first)
    to_sales = Overflow(kind=OverflowKind.QUEUE, target="sales")
    assert result.queues[QueueId("q")] == QueueEntry(
        hours="office",
        config=QueueConfig(
            queue_id=QueueId("q"),
            label=L,
            steps=(
                RoutingStep(after=s(0), who=first),
                RoutingStep(after=s(20), who=second, priority=5),
                RoutingStep(
                    after=s(60),
                    who=parse_rule("or group backoffice", before=second),
                    announce="busy",
                    offer_callback=True,
                ),
                RoutingStep(after=s(300), who=Anyone(), overflow=to_sales),
            ),
            agent_choice=AgentChoice.SPECIALISTS_FIRST,
            ring_several=3,
            caller_order=CallerOrder.SERVICE_OBJECTIVE,
            ageing_limit=None,
            boosts=Boosts(
                classes={"A": 20, "B": 10},
                open_complaint=15,
                languages={"zh": 0},
                limit=40,
                last_agent=s(30),
                account_manager=s(31),
            ),
            limits=QueueLimits(
                when_closed=Overflow(kind=OverflowKind.MESSAGE),
                max_waiting=50,
                when_full=Overflow(kind=OverflowKind.CALLBACK),
                max_wait=s(600),
                when_too_long=Overflow(kind=OverflowKind.NUMBER, target="+862112345678"),
                nobody_after=s(30),
                when_nobody=to_sales,
                when_emergency=Overflow(kind=OverflowKind.CLOSED),
            ),
            callback=CallbackRules(
                first=CalledFirst.CUSTOMER,
                attempts=4,
                retry_busy_after=s(61),
                retry_no_answer_after=s(62),
                ring_timeout=s(25),
                lead=2,
            ),
            offer_callback_after=s(45),
            offer_callback_above=s(180),
            waiting=WaitingRules(
                notice="longer_today",
                unusual=UnusualLoad(waiting_above=9, wait_above=s(300)),
                information=("have_number_ready", "say_more_languages"),
                information_interval=s(25),
                information_rounds=3,
                comfort="",
                ask_on_entry=True,
                ask_again_after=s(120),
                ask_at_most=4,
                message=True,
                self_service="service",
            ),
            auto_answer=s(2.5),
            script=Label(
                zh="您好，{customer.name}，我是{agent.name}", en="Hello {customer.name}, this is {queue.name}"
            ),
            rona_limit=3,
            rest_after_miss=s(7.5),
            wrap_up_limit=s(120),
        ),
    )
    nine_to_six = (Interval(opens=time(9), closes=time(12)), Interval(opens=time(13), closes=time(18)))
    assert result.hours["office"].week == dict.fromkeys(range(5), nine_to_six)
    assert warnings(result) == ()


def test_what_is_not_written_of_a_queue_is_as_usual() -> None:
    assert queue() == QueueConfig(queue_id=QueueId("q"), label=L)
    assert queue("callback: yes") == queue()
    assert queue("callback: false").callback is None
    assert queue("ageing_limit_seconds: 90").ageing_limit == s(90)


def test_agents_and_reasons_have_their_rules() -> None:
    text = (
        "agents: {'1': {name: A, groups: [b, a], preferences: {sales: {priority: 5, delay_seconds: 20}}, "
        "order: 2, weight: 3, chats: 4, voice_interrupts: no}}\n"
        "queues: {sales: {label: {zh: 甲, en: A}}}\n"
        "reasons:\n  tea: {zh: 茶, en: Tea}\n"
        "  lunch: {zh: 午餐, en: Lunch, limit_seconds: 2700, warn_before_seconds: 120}\n"
    )
    result = apply(text)
    assert result.agents[AgentId("1")] == AgentConfig(
        agent_id=AgentId("1"),
        name="A",
        groups=frozenset({"a", "b"}),
        preferences={QueueId("sales"): QueuePreference(priority=5, delay=s(20))},
        order=2,
        weight=3,
        chats=4,
        voice_interrupts=False,
    )
    tea, lunch = result.reasons.values()
    assert lunch.rule == NotReadyReason(code="lunch", limit=timedelta(minutes=45), warn_before=timedelta(minutes=2))
    assert tea.rule == NotReadyReason(code="tea")


def test_days_are_read() -> None:
    hours = apply(
        "hours:\n  office:\n    timezone: Europe/Berlin\n"
        '    week: {mon: ["22:00-24:00", "00:00-02:30"], tue: [], sat-sun: ["10:00-11:00"]}\n'
        "    holidays: DE-BY\n"
        '    closed: ["2026-12-27", 2026-12-24]\n'
        '    special: {2026-12-31: ["09:00-12:00"], "2027-01-01": []}\n'
    ).hours["office"]
    short = (Interval(opens=time(10), closes=time(11)),)
    assert hours == HoursEntry(
        timezone="Europe/Berlin",
        week={
            0: (Interval(opens=time(), closes=time(2, 30)), Interval(opens=time(22), closes=time())),
            5: short,
            6: short,
        },
        holidays="DE-BY",
        closed=(date(2026, 12, 24), date(2026, 12, 27)),
        special={date(2026, 12, 31): (Interval(opens=time(9), closes=time(12)),), date(2027, 1, 1): ()},
    )


# ---- refused


STEP = "- {after_seconds: 0, who: billing}"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["steps:", "- {who: billing>5}"],
            "10: queues.q.steps.0.who, column 8: '>' has no meaning here; write it such",
        ),
        (
            ["steps:", "- {after_seconds: 5, who: billing}"],
            "10: queues.q.steps.0: the first step begins at 5 s; let it",
        ),
        (["steps:", STEP, "- {who: anyone}"], "11: queues.q.steps.1 has no 'after_seconds'; say when"),
        (
            ["steps:", STEP, "- {after_seconds: 20, who: zh}", "- {after_seconds: 20, who: anyone}"],
            "12: queues.q.steps.2: two steps begin at 20 s; make them one",
        ),
        (
            ["steps:", STEP, "- {after_seconds: 20, who: zh}", "- {after_seconds: 9, who: anyone}"],
            "12: queues.q.steps.2: this step begins at 9 s, before the one above it (20 s); put the steps in the order",
        ),
        (
            ["steps:", "- {who: or billing}"],
            "10: queues.q.steps.0.who, column 1: 'or' begins the rule, and there is no",
        ),
        (
            ["steps:", "- {who: gold}"],
            "10: queue q: there is no skill 'gold'; add it to the skills, or use billing, zh",
        ),
        (["steps:", "- {who: group night}"], "10: queue q: no agent is in a group 'night'; add it to the groups of an"),
        (["steps:", STEP, "- {after_seconds: 3, who: 'or gold'}"], "11: queue q: there is no skill 'gold'"),
        (["steps:", "- {who: billing, what: 1}"], "10: queues.q.steps.0 has no field 'what'; use after_seconds, who"),
        (["steps: []"], "9: queues.q.steps is no list of tables"),
        (["skills: {zh: 1}", "steps:", STEP], "9: queues.q has steps and skills; say the skills in the steps"),
        (
            ["steps:", STEP, "- {after_seconds: 9, who: billing>=9}"],
            "11: queue q: nobody can serve it even by its last step (billing>=9); give an agent what it asks for",
        ),
        (["skills: {billing: 9}"], "9: queue q: nobody can serve it; give an agent the skills billing>=9"),
        (["hours: night"], "9: queue q: there are no opening hours 'night'; add them to the hours, or use none"),
        (["when_full: {queue: q}"], "9: queue q overflows to itself; name another queue"),
        (["when_full: {queue: gone}"], "9: queue q: it overflows to a queue 'gone', which is not there; add it to the"),
        (
            ["when_full: {number: Berlin}"],
            "9: queues.q.when_full.number: 'Berlin' cannot be dialled; write a telephone",
        ),
        (["when_full: {number: 123, queue: sales}"], "9: queues.q.when_full says no one place; write {queue: ID} or"),
        (["when_full: nowhere"], "9: queues.q.when_full is 'nowhere'; use callback, message, closed"),
        (
            ["callback: false", "when_full: callback"],
            "10: queue q: it overflows to a callback, and has 'callback: false'",
        ),
        (
            ["callback: no", "offer_callback_after_seconds: 9"],
            "10: queue q: it offers to call back, and has 'callback: f",
        ),
        (["callback: {first: nobody}"], "9: queues.q.callback.first is 'nobody'; use agent, customer"),
        (["callback: {attempts: 0}"], "9: queues.q.callback.attempts is '0'; give a whole number from 1 to 20"),
        (["agent_choice: best"], "9: queues.q.agent_choice is 'best'; use longest_idle, specialists_first"),
        (["ring_several: 11"], "9: queues.q.ring_several is '11'; give a whole number from 1 to 10"),
        (["ageing_limit_seconds: soon"], "9: queues.q.ageing_limit_seconds is 'soon'; give seconds from 1"),
        (["boosts: {classes: {A: -1}}"], "9: queues.q.boosts.classes.A is '-1'; give a whole number from 0 to 1000"),
        (["auto_answer_seconds: 31"], "9: queues.q.auto_answer_seconds is '31'; give seconds from 0 to 30"),
        (
            ["script:", "    zh: 您好", "    en: Hello {customer.nmae}"],
            "11: queues.q.script.en has {customer.nmae}, which is no field; known fields: customer.name,",
        ),
        (["script: {zh: 您好, en: 'Hello {queue.name'}"], "9: queues.q.script.en has {, which is no field"),
        (["boosts: {wealth: 1}"], "9: queues.q.boosts has no field 'wealth'; use classes"),
    ],
)
def test_a_queue_that_cannot_be_is_refused_with_its_line(lines: list[str], told: str) -> None:
    found = faults(with_queue(*lines))
    assert len(found) == 1
    assert found[0].startswith(f"f.yaml:{told}")


def test_too_many_steps_are_refused() -> None:
    steps = [f"- {{after_seconds: {number}, who: billing}}" for number in range(MAX_STEPS + 1)]
    assert faults(with_queue("steps:", *steps))[0].startswith("f.yaml:9: queues.q.steps has 13 steps; at most 12")


def test_ways_round_are_refused_once_each_with_the_line_of_one_of_them() -> None:
    label = "label: {zh: 甲, en: A}"
    text = (
        "queues:\n"
        f"  a: {{{label}, when_full: {{queue: b}}, max_waiting: 1}}\n"
        f"  b:\n    {label}\n    steps:\n    - {{who: anyone}}\n"
        "    - {after_seconds: 9, who: anyone, overflow: {queue: c}}\n"
        f"  c: {{{label}, when_emergency: {{queue: a}}, when_nobody: {{queue: d}}}}\n"
        f"  d: {{{label}, when_closed: {{queue: e}}}}\n"
        f"  e: {{{label}, when_closed: {{queue: d}}}}\n"
    )
    assert faults(text) == [
        "f.yaml:2: overflows go round: a -> b -> c -> a; "
        "let one of them end elsewhere: at a number, a callback, a message, or closed",
        "f.yaml:9: overflows go round: d -> e -> d; "
        "let one of them end elsewhere: at a number, a callback, a message, or closed",
    ]
    one_more = f"queues: {{d: {{{label}, when_closed: {{queue: e}}}}}}\n"
    present = apply(f"queues:\n  d: {{{label}}}\n  e: {{{label}, when_closed: {{queue: d}}}}\n")
    file = read_business(one_more, "f.yaml")
    with pytest.raises(FlowError, match=r"f\.yaml:1: overflows go round: d -> e -> d"):
        file.check(combine(present, file.wanted, remove_missing=False), flows={})


def test_the_last_agent_who_can_serve_a_queue_keeps_his_skill() -> None:
    present = apply(with_queue("skills: {billing: 3}"))
    file = read_business(
        "agents:\n  '2': {name: B}\n  '1': {name: A, skills: {zh: 9}, groups: [backoffice]}\n", "f.yaml"
    )
    with pytest.raises(FlowError, match=r"f\.yaml:1: queue q: nobody can serve it"):
        file.check(combine(present, file.wanted, remove_missing=False), flows={})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "agents: {'1': {name: A, preferences: {gone: {priority: 1}}}}",
            "1: agent 1: he prefers a queue 'gone', which",
        ),
        ("agents: {'1': {name: A, weight: 0}}", "1: agents.1.weight is '0'; give a whole number from 1"),
        ("agents: {'1': {name: A, groups: back}}", "1: agents.1.groups is no list of texts; write [one, two]"),
        ("agents: {'1': {name: A, groups: ['a b']}}", "1: 'a b' cannot be the name of a group; use letters"),
        ("reasons: {a: {zh: a, en: b, limit: 3}}", "1: reasons.a has no field 'limit'; use zh, en, limit_seconds"),
        ("hours: {o: {}}", "1: hours.o has no 'timezone'; add 'timezone'"),
        ("hours: {o: {timezone: Mars/Base}}", "1: hours.o: there is no time zone 'Mars/Base'; write one such as"),
        ("hours: {o: {timezone: UTC, week: {monday: []}}}", "1: 'monday' is no day of hours.o.week; use mon, tue"),
        ("hours: {o: {timezone: UTC, week: {fri-mon: []}}}", "1: 'fri-mon' is no day of hours.o.week"),
        ("hours: {o: {timezone: UTC, week: {mon: [], mon-tue: []}}}", "1: hours.o.week: mon stands here a second time"),
        ("hours: {o: {timezone: UTC, week: {mon: ['9-12']}}}", "1: hours.o.week.mon: '9-12' is no time from and to"),
        (
            "hours: {o: {timezone: UTC, week: {mon: ['22:00-02:00']}}}",
            "1: hours.o.week.mon: 22:00-02:00 ends before it",
        ),
        (
            "hours: {o: {timezone: UTC, week: {mon: ['09:00-12:00', '11:00-13:00']}}}",
            "1: hours.o.week.mon: 09:00-12:00 and 11:00-13:00 overlap; make them one",
        ),
        ("hours: {o: {timezone: UTC, holidays: Hesse}}", "1: hours.o: the holidays of 'Hesse' are not known; write a"),
        (
            "hours: {o: {timezone: UTC, holidays: DE-XX}}",
            "1: hours.o: the holidays of 'DE-XX' are not known; known: DE",
        ),
        (
            "hours: {o: {timezone: UTC, closed: [2026-02-30]}}",
            "1: hours.o: '2026-02-30' is no day; write a day such as",
        ),
        (
            "hours: {o: {timezone: UTC, closed: [2026-02-03], special: {2026-02-03: []}}}",
            "1: hours.o: 2026-02-03 is closed and has hours of its own; keep one of them",
        ),
    ],
)
def test_other_parts_are_refused_with_their_line(text: str, told: str) -> None:
    (found,) = faults(text)
    assert found.startswith(f"f.yaml:{told}")


# ---- warned of


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["steps:", STEP, "- {after_seconds: 20, who: billing>=5}"],
            "its step at 20 s (billing>=5) takes away 2, who could serve before; "
            "begin it with 'or', or with 'and' if it is meant so",
        ),
        (["steps:", "- {who: zh>=10}", "- {after_seconds: 9, who: zh}"], "nobody can serve its step at 0 s (zh>=10)"),
        (
            ["steps:", STEP, "- {after_seconds: 60, who: anyone}", "max_wait_seconds: 60", "when_too_long: closed"],
            "its steps at 60 s never begin: after 60 s it overflows",
        ),
        (
            ["steps:", "- {who: anyone, overflow: closed}", "- {after_seconds: 60, who: anyone}"],
            "its steps after 0 s never begin: there it overflows",
        ),
        (["max_waiting: 3"], "max_waiting without when_full: it is never full"),
        (["max_wait_seconds: 3"], "max_wait_seconds without when_too_long: nothing happens then"),
        (["wrap_up_seconds: 700"], "wrap_up_seconds (700 s) is longer than wrap_up_limit_seconds"),
    ],
)
def test_what_is_rarely_meant_is_warned_of(lines: list[str], told: str) -> None:
    assert warnings(apply(with_queue(*lines))) == (f"queue q: {told}",)


def test_a_step_that_says_and_may_take_agents_away() -> None:
    text = with_queue("steps:", STEP, "- {after_seconds: 20, who: and zh}", "- {after_seconds: 30, who: anyone}")
    assert warnings(apply(text)) == ()


def test_hours_nobody_has_or_that_never_come_are_warned_of() -> None:
    text = (
        with_queue("hours: never")
        + "hours: {never: {timezone: UTC}, unused: {timezone: UTC, week: {mon: ['01:00-02:00']}}}\n"
    )
    assert warnings(apply(text)) == (
        "opening hours never: they are never open",
        "opening hours unused: no queue has them",
        "queue q: hours without when_closed: it is never closed",
    )


# ---- written


def test_a_change_of_rules_is_told_field_by_field() -> None:
    before = apply(BASE + "reasons: {tea: {zh: 茶, en: Tea}}\nhours: {o: {timezone: UTC}}\n")
    after = apply(
        BASE.replace("sales: {", "sales: {steps: [{who: billing}, {after_seconds: 20, who: or zh}], callback: false, ")
        + "reasons: {tea: {zh: 茶, en: Tea, limit_seconds: 60}}\n"
        + "hours: {o: {timezone: UTC, week: {mon: ['09:00-12:00']}}}\n"
    )
    assert [str(change) for change in changes(before, after)] == [
        "changed opening hours o: week as usual -> mon 09:00-12:00",
        "changed queue sales: skills none -> as usual, "
        "steps as usual -> after_seconds 0, who billing>=1; after_seconds 20, who or zh>=1, callback as usual -> no",
        "changed reason tea: limit_seconds as usual -> 60",
    ]


SKILLS = [SkillId(name) for name in ("billing", "zh", "or", "1")]
GROUP_NAMES = ("backoffice", "group")
LINES = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
LABELS = st.builds(Label, zh=LINES, en=LINES)
ATOMS: st.SearchStrategy[Rule] = st.one_of(
    st.builds(SkillRequirement, skill=st.sampled_from(SKILLS), minimum_level=st.integers(1, 10)),
    st.builds(InGroup, group=st.sampled_from(GROUP_NAMES)),
    st.builds(SpeaksWithCaller, minimum_level=st.integers(1, 10)),
)


def _grown(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(parts.map(lambda rules: AllOf(rules=rules)), parts.map(lambda rules: AnyOf(rules=rules)))


ASKING_FOR_NOTHING: st.SearchStrategy[Rule] = st.sampled_from((Anyone(), EVERYBODY))
RULES: st.SearchStrategy[Rule] = st.one_of(
    ASKING_FOR_NOTHING, st.recursive(ATOMS, _grown, max_leaves=5).map(simplified)
)


def durations(low: float, high: float = 86_400) -> st.SearchStrategy[timedelta]:
    return st.integers(int(low * 1000), int(high * 1000)).map(lambda value: timedelta(milliseconds=value))


def optional(values: st.SearchStrategy[timedelta]) -> st.SearchStrategy[timedelta | None]:
    return st.none() | values


@st.composite
def overflow_or_none(draw: st.DrawFn, later: tuple[str, ...], calls_back: bool) -> Overflow | None:
    kinds = [OverflowKind.NUMBER, OverflowKind.MESSAGE, OverflowKind.CLOSED]
    kinds += [OverflowKind.CALLBACK] if calls_back else []
    kinds += [OverflowKind.QUEUE] if later else []
    if draw(st.booleans()):
        return None
    match draw(st.sampled_from(kinds)):
        case OverflowKind.QUEUE:
            return Overflow(kind=OverflowKind.QUEUE, target=draw(st.sampled_from(later)))
        case OverflowKind.NUMBER:
            return Overflow(kind=OverflowKind.NUMBER, target=draw(st.sampled_from(("+8613800138000", "110", "*97#"))))
        case kind:
            return Overflow(kind=kind)


@st.composite
def queues(draw: st.DrawFn, queue_id: str, later: tuple[str, ...], hours: tuple[str, ...]) -> QueueEntry:
    """A queue that may overflow to those after it, and whose last step asks for nothing."""
    callback = draw(
        st.none()
        | st.builds(
            CallbackRules,
            first=st.sampled_from(CalledFirst),
            attempts=st.integers(1, 20),
            retry_busy_after=durations(1),
            retry_no_answer_after=durations(1),
            ring_timeout=durations(1, 300),
            lead=st.integers(1, 100),
        )
    )
    elsewhere = overflow_or_none(later, callback is not None)
    times = draw(st.lists(durations(0.001), max_size=4, unique=True))
    rules: list[Rule] = [
        *draw(st.lists(RULES, min_size=len(times), max_size=len(times))),
        draw(ASKING_FOR_NOTHING),
    ]
    steps = tuple(
        RoutingStep(
            after=after,
            who=rule,
            priority=draw(st.integers(-1000, 1000)),
            announce=draw(st.sampled_from(("", "busy"))),
            offer_callback=callback is not None and draw(st.booleans()),
            overflow=draw(elsewhere),
        )
        for after, rule in zip((timedelta(), *sorted(times)), rules, strict=True)
    )
    config = QueueConfig(
        queue_id=QueueId(queue_id),
        label=draw(LABELS),
        steps=draw(st.sampled_from((steps, ()))),
        agent_choice=draw(st.sampled_from(AgentChoice)),
        ring_several=draw(st.integers(1, 10)),
        caller_order=draw(st.sampled_from(CallerOrder)),
        ageing_limit=draw(optional(durations(1))),
        boosts=draw(
            st.builds(
                Boosts,
                classes=st.dictionaries(st.sampled_from(("A", "B", "no")), st.integers(0, 1000)),
                open_complaint=st.integers(0, 1000),
                languages=st.dictionaries(st.sampled_from(("zh", "no")), st.integers(0, 1000)),
                limit=st.integers(0, 1000),
                last_agent=durations(0),
                account_manager=durations(0),
            )
        ),
        limits=QueueLimits(
            when_closed=draw(elsewhere),
            max_waiting=draw(st.none() | st.integers(0, 100_000)),
            when_full=draw(elsewhere),
            max_wait=draw(optional(durations(1))),
            when_too_long=draw(elsewhere),
            nobody_after=draw(durations(0)),
            when_nobody=draw(elsewhere),
            when_emergency=draw(elsewhere),
        ),
        callback=callback,
        offer_callback_after=draw(optional(durations(0))) if callback else None,
        offer_callback_above=draw(optional(durations(0))) if callback else None,
        auto_answer=draw(optional(durations(0, 30))),
        script=draw(st.none() | st.builds(Label, zh=SCRIPTS, en=SCRIPTS)),
        rona_limit=draw(st.integers(1, 100)),
        rest_after_miss=draw(durations(0)),
        ring_timeout=draw(durations(1, 300)),
        wrap_up=draw(durations(0)),
        wrap_up_limit=draw(durations(0)),
        service_level_threshold=draw(durations(1)),
    )
    return QueueEntry(config=config, hours=draw(st.sampled_from(("", *hours))))


SCRIPTS = st.sampled_from(("Hello {customer.name}", "一行\n两行: {queue.name}, #'\"\n", " - {waited}\n\n* end"))
DAYS = st.dates(min_value=date(2026, 1, 1), max_value=date(2030, 12, 31))


@st.composite
def days_intervals(draw: st.DrawFn) -> tuple[Interval, ...]:
    minutes = sorted(draw(st.lists(st.integers(0, 1440), max_size=6, unique=True)))
    pairs = zip(minutes[::2], minutes[1::2], strict=False)
    return tuple(Interval(opens=_time(opens), closes=_time(closes)) for opens, closes in pairs)


def _time(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


@st.composite
def hours_entries(draw: st.DrawFn) -> HoursEntry:
    special = draw(st.dictionaries(DAYS, days_intervals(), max_size=3))
    closed = draw(st.frozensets(DAYS, max_size=3)) - special.keys()
    week = draw(st.dictionaries(st.integers(0, 6), days_intervals().filter(bool)))
    return HoursEntry(
        timezone=draw(st.sampled_from(("Asia/Shanghai", "UTC", "America/New_York"))),
        week=dict(sorted(week.items())),
        holidays=draw(st.sampled_from(("", "CN", "DE-BY"))),
        closed=tuple(sorted(closed)),
        special=dict(sorted(special.items())),
    )


@st.composite
def businesses(draw: st.DrawFn) -> Business:
    names = draw(st.lists(st.sampled_from(("a", "b", "no", "07")), unique=True))
    hours = draw(st.dictionaries(st.sampled_from(("office", "night")), hours_entries()))
    entries = [draw(queues(name, tuple(names[place + 1 :]), tuple(hours))) for place, name in enumerate(names)]
    queue_ids = [QueueId(name) for name in names]
    wishes = st.builds(QueuePreference, priority=st.integers(-1000, 1000), delay=durations(0))
    agents = [
        AgentConfig(
            agent_id=AgentId(agent_id),
            name=draw(LINES),
            skills=draw(st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10))),
            groups=frozenset(GROUP_NAMES) if agent_id == "1001" else draw(st.frozensets(st.sampled_from(("x", "y-1")))),
            preferences=draw(st.dictionaries(st.sampled_from(queue_ids), wishes)) if queue_ids else {},
            order=draw(st.integers(0, 1000)),
            weight=draw(st.integers(1, 1000)),
            chats=draw(st.integers(0, 1000)),
            voice_interrupts=draw(st.booleans()),
        )
        for agent_id in ("1001", *draw(st.lists(st.sampled_from(("1002", "no")), unique=True)))
    ]
    codes = draw(st.lists(st.sampled_from(("lunch", "tea", "no")), unique=True))
    reasons = [
        ReasonCode(code=code, label=draw(LABELS), limit=draw(optional(durations(1))), warn_before=draw(durations(0)))
        for code in codes
    ]
    return Business(
        skills={skill: draw(LABELS) for skill in SKILLS},
        hours=dict(sorted(hours.items())),
        queues={entry.config.queue_id: entry for entry in entries},
        agents={agent.agent_id: agent for agent in agents},
        reasons={reason.code: reason for reason in reasons},
    )


@settings(max_examples=60)
@given(businesses())
def test_what_is_exported_and_applied_again_changes_nothing(business: Business) -> None:
    text = write_business(business)
    file = read_business(text, "f.yaml")
    result = combine(business, file.wanted, remove_missing=True)
    file.check(result, flows={})
    assert changes(business, result) == ()
    assert result == replace(business, queues=result.queues, agents=result.agents) == business
    assert write_business(result) == text


@pytest.mark.parametrize("touch", [lambda b: b, lambda b: replace(b, hours={})])
def test_the_property_would_see_a_loss(touch: Callable[[Business], Business]) -> None:
    """That what is compared is really there: opening hours that got lost are a change."""
    business = apply(
        with_queue("hours: o", "when_closed: closed") + "hours: {o: {timezone: UTC, week: {mon: ['01:00-02:00']}}}\n"
    )
    found = changes(business, touch(business))
    assert (found == ()) is (touch(business) == business)


def test_a_rule_may_name_an_agent_there_is() -> None:
    text = with_queue("steps: [{after_seconds: 0, who: 'agent \"1\"'}]")
    assert apply(text).queues[QueueId("q")].config.steps[0].who == IsAgent(agent_id=AgentId("1"))


def test_a_rule_that_names_an_agent_there_is_not_is_refused() -> None:
    with pytest.raises(FlowError, match="there is no agent 'nobody'"):
        apply(with_queue("steps: [{after_seconds: 0, who: agent nobody}]"))


# ---- the treatment of those who wait


def test_prompts_and_flows_that_are_not_there_are_told_with_their_lines() -> None:
    told = faults(
        with_queue(
            "steps:",
            "- {after_seconds: 0, who: anyone, announce: hullo}",
            "waiting:",
            "  notice: nothing",
            "  unusual: {waiting_above: 3, say: position}",
            "  information: [busy, later]",
            "  self_service: selfservice",
        )
    )
    assert [line.split(" ")[0] for line in told] == [
        "f.yaml:10:",
        "f.yaml:12:",
        "f.yaml:13:",
        "f.yaml:14:",
        "f.yaml:15:",
    ]
    for line, part in zip(told, ("'hullo'", "'nothing'", "has variables", "'later'", "known: "), strict=True):
        assert part in line


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("waiting: {unusual: {say: busy}}", "says of no load"),
        ("waiting: {ask_at_most: 0}", "ask_at_most"),
        ("waiting: {information_interval_seconds: 0}", "information_interval_seconds"),
        ("waiting: {music: loud}", "no field 'music'"),
    ],
)
def test_a_treatment_that_cannot_be_is_refused(line: str, what: str) -> None:
    (told,) = faults(with_queue(line))
    assert what in told


def test_moments_to_ask_need_no_callback_where_there_is_something_else_to_choose() -> None:
    assert queue("callback: no", "offer_callback_after_seconds: 20", "waiting: {message: yes}").waiting.message
    (told,) = faults(with_queue("callback: no", "offer_callback_after_seconds: 20"))
    assert "callback: false" in told


def test_a_question_that_is_never_asked_and_one_without_a_choice_are_doubted() -> None:
    (never,) = (line for line in warnings(apply(with_queue("waiting: {message: yes}"))) if "queue q" in line)
    assert "nobody is ever asked" in never
    asks = warnings(apply(with_queue("callback: no", "waiting: {ask_on_entry: yes}")))
    assert any("nothing to choose" in line for line in asks)
