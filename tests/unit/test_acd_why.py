"""Why a caller is still waiting: what keeps him, what will change it, in words and as data."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callcenter.acd.engine import AcdEngine
from callcenter.acd.why import WaitingReason, why_waiting
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentConfig, PhoneStatus, QueuePreference
from callcenter.domain.callbacks import Callback, CallbackRules, CalledFirst
from callcenter.domain.callers import CallerTraits
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, InteractionId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.offers import OfferCause
from callcenter.domain.queues import QueueConfig, RoutingStep
from callcenter.domain.rules import AllOf, InGroup, SpeaksWithCaller
from callcenter.domain.skills import SkillRequirement

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SALES, HELP = QueueId("sales"), QueueId("help")
SKILL = SkillId("sales")
CALL = InteractionId("call")


def needs(level: int) -> SkillRequirement:
    return SkillRequirement(skill=SKILL, minimum_level=level)


class Desk:
    """An engine with queues and agents, and its time."""

    def __init__(self, *queues: QueueConfig) -> None:
        self.engine = AcdEngine()
        self.now = START
        for queue in queues or (queue_of(SALES),):
            self.do(cmd.ConfigureQueue(config=queue))
        self.do(cmd.StartRouting())

    def do(self, *commands: cmd.Command) -> None:
        for command in commands:
            self.engine.handle(command, self.now)

    def wait(self, seconds: float) -> None:
        end = self.now + timedelta(seconds=seconds)
        while (deadline := self.engine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.engine.handle_deadline(self.now)
        self.now = end

    def agent(
        self,
        name: str,
        *,
        ready: bool = True,
        skills: Mapping[SkillId, int] | None = None,
        groups: frozenset[str] = frozenset(),
        preferences: Mapping[QueueId, QueuePreference] | None = None,
    ) -> AgentId:
        agent_id = AgentId(name)
        config = AgentConfig(
            agent_id=agent_id, name=name, skills=skills or {SKILL: 5}, groups=groups, preferences=preferences or {}
        )
        self.do(cmd.ConfigureAgent(config=config), cmd.LogIn(agent_id=agent_id))
        if ready:
            self.do(cmd.SetReady(agent_id=agent_id))
        return agent_id

    def caller(self, call: InteractionId = CALL, queue: QueueId = SALES, priority: int = 0) -> None:
        self.do(cmd.Enqueue(interaction_id=call, queue_id=queue, entered_at=self.now, priority=priority))

    def talk(self, call: InteractionId, agent_id: AgentId) -> None:
        offer_id = self.engine.picture.agent(agent_id).offer_id
        assert offer_id is not None
        self.do(cmd.ReportTalk(offer_id=offer_id, interaction_id=call, agent_id=agent_id))

    def why(self, call: InteractionId = CALL) -> WaitingReason:
        return why_waiting(self.engine.picture, call, self.now, routing=self.engine.routing)

    def parts(self, call: InteractionId = CALL) -> dict[str, str]:
        return {part.name: part.value for part in self.why(call).parts}


def queue_of(queue_id: QueueId, *steps: RoutingStep) -> QueueConfig:
    config = QueueConfig(queue_id=queue_id, label=Label(zh=queue_id, en=queue_id), wrap_up=timedelta(minutes=1))
    return replace(config, steps=steps) if steps else replace(config, required=(needs(1),))


def test_of_one_who_does_not_wait_there_is_no_why() -> None:
    desk = Desk()
    with pytest.raises(NotFound) as refused:
        desk.why()
    assert refused.value.code == "not_waiting"


def test_all_who_could_serve_are_busy_each_in_his_own_way() -> None:
    desk = Desk()
    for number in range(3):
        agent_id = desk.agent(f"a{number}")
        desk.caller(InteractionId(f"before-{number}"))
        desk.talk(InteractionId(f"before-{number}"), agent_id)
    offer_id = desk.engine.picture.agent(AgentId("a1")).offer_id
    assert offer_id is not None
    desk.do(cmd.ReportHold(offer_id=offer_id, on_hold=True))
    offer_id = desk.engine.picture.agent(AgentId("a2")).offer_id
    assert offer_id is not None
    desk.do(cmd.ReportTalkEnded(offer_id=offer_id))
    desk.agent("a3", ready=False)
    desk.do(cmd.SetNotReady(agent_id=AgentId("a3"), reason="break"))
    desk.do(cmd.ReportPhone(agent_id=desk.agent("a4"), status=PhoneStatus.UNREACHABLE))
    desk.do(cmd.ReportPhone(agent_id=desk.agent("a5"), status=PhoneStatus.BUSY))
    desk.agent("other", skills={SkillId("help"): 9})
    desk.caller()
    desk.wait(41)
    parts = desk.parts()
    assert {
        name: parts[name] for name in ("talking", "hold", "wrap_up", "not_ready", "phone_unreachable")
    } == dict.fromkeys(("talking", "hold", "wrap_up", "not_ready", "phone_unreachable"), "1")
    assert (parts["phone_busy"], parts["at_work"], parts["not_ready_reasons"]) == ("1", "4", "break 1")
    assert (parts["waited"], parts["position"], parts["competing"]) == ("00:00:41", "1", "0")
    assert "1 talking" in desk.why().text.en
    assert "1 位通话中" in desk.why().text.zh
    assert "missing" not in parts


def test_he_is_being_offered() -> None:
    desk = Desk()
    desk.agent("a1")
    desk.caller()
    assert desk.parts()["offered_to"] == "a1"
    assert "He is being offered to 1 at this moment: a1" in desk.why().text.en


def test_who_missed_is_passed_over_for_a_moment() -> None:
    desk = Desk(replace(queue_of(SALES), rona_limit=3, rest_after_miss=timedelta(seconds=5)))
    desk.agent("a1")
    desk.caller()
    offer_id = desk.engine.picture.agent(AgentId("a1")).offer_id
    assert offer_id is not None
    desk.do(cmd.ReportOfferFailed(offer_id=offer_id, cause=OfferCause.NO_ANSWER))
    assert desk.parts()["resting"] == "1"


def test_the_next_step_and_whom_it_adds() -> None:
    first = RoutingStep(after=timedelta(), who=needs(5))
    second = RoutingStep(after=timedelta(seconds=60), who=InGroup(group="backoffice"))
    desk = Desk(queue_of(SALES, first, second))
    agent_id = desk.agent("expert")
    desk.caller(InteractionId("before"))
    desk.talk(InteractionId("before"), agent_id)
    desk.agent("helper", skills={SKILL: 1}, groups=frozenset({"backoffice"}))
    desk.agent("away", ready=False, skills={SKILL: 1}, groups=frozenset({"backoffice"}))
    desk.caller()
    desk.wait(20)
    parts = desk.parts()
    assert (parts["step"], parts["rule"]) == ("1/2", "sales>=5")
    assert (parts["next_step_in"], parts["next_rule"], parts["next_adds"]) == ("00:00:40", "group backoffice", "1")
    assert "The next step begins in 00:00:40" in desk.why().text.en


def test_the_step_is_counted_from_when_he_came_to_this_queue() -> None:
    first, second = RoutingStep(after=timedelta(), who=needs(9)), RoutingStep(after=timedelta(seconds=60), who=needs(1))
    desk = Desk(queue_of(SALES, first, second), queue_of(HELP))
    desk.caller(queue=HELP)
    desk.wait(50)
    desk.do(cmd.MoveInteraction(interaction_id=CALL, queue_id=SALES, by="super"))
    desk.wait(10)
    assert (desk.parts()["next_step_in"], desk.parts()["waited"]) == ("00:00:50", "00:01:00")


@pytest.mark.parametrize(
    ("skills", "language", "missing"),
    [({SkillId("zh"): 3}, "zh", "sales>=5"), ({SKILL: 5}, "zh", "zh>=1"), ({SKILL: 5}, "", None)],
)
def test_what_nobody_at_work_can_do_is_named(skills: dict[SkillId, int], language: str, missing: str | None) -> None:
    rule = AllOf(rules=(needs(5), SpeaksWithCaller()))
    desk = Desk(queue_of(SALES, RoutingStep(after=timedelta(), who=rule)))
    agent_id = desk.agent("a1", skills=skills)
    desk.caller(InteractionId("before"), priority=9)
    traits = CallerTraits(language=language)
    desk.do(cmd.Enqueue(interaction_id=CALL, queue_id=SALES, entered_at=desk.now, traits=traits))
    assert desk.engine.picture.agent(agent_id).config.skills == skills
    assert desk.parts().get("missing") == missing
    assert ("No agent at work has" in desk.why().text.en) is (missing is not None)


def test_who_comes_before_him_counts_only_where_he_wants_the_same_agents() -> None:
    desk = Desk(queue_of(SALES), replace(queue_of(HELP), required=(SkillRequirement(skill=SkillId("help")),)))
    desk.do(cmd.SetNotReady(agent_id=desk.agent("sales"), reason="break"))
    both = desk.agent("both", skills={SKILL: 5, SkillId("help"): 5})
    desk.caller(InteractionId("first"))
    desk.talk(InteractionId("first"), both)
    for number in range(3):
        desk.caller(InteractionId(f"help-{number}"), queue=HELP)
    desk.caller(InteractionId("urgent"), priority=10)
    desk.wait(1)
    desk.caller()
    assert (desk.parts()["position"], desk.parts()["competing"]) == ("2", "4")
    desk.agent("helper", skills={SkillId("help"): 9})
    assert "place 2 of his queue" in desk.why().text.en


def test_he_is_kept_for_the_agent_who_was_picked() -> None:
    desk = Desk()
    agent_id = desk.agent("a1")
    desk.caller(InteractionId("before"))
    desk.talk(InteractionId("before"), agent_id)
    desk.caller()
    desk.do(cmd.PickForAgent(interaction_id=CALL, agent_id=agent_id, by="super", within=timedelta(seconds=90)))
    desk.wait(30)
    assert desk.parts()["reserved_for"] == "a1"
    assert "He is kept for a1, who is talking, for another 00:01:00" in desk.why().text.en
    assert "还有 00:01:00" in desk.why().text.zh


def test_an_agent_whose_preference_holds_him_back_is_not_called_free() -> None:
    desk = Desk()
    desk.agent("reserve", preferences={SALES: QueuePreference(delay=timedelta(seconds=30))})
    desk.caller()
    desk.wait(10)
    assert desk.parts()["delayed"] == "1"
    assert "held back by their own preference" in desk.why().text.en


def test_nothing_is_routed() -> None:
    desk = Desk()
    desk.agent("a1")
    desk.do(cmd.StopRouting())
    desk.caller()
    assert desk.parts()["routing"] == "off"
    assert desk.why().text.en.startswith("Nothing is routed now")
    assert desk.parts()["free"] == "1"


def callback_of(not_before: datetime | None = None) -> Callback:
    return Callback(number="+8613800138000", requested_at=START, not_before=not_before)


def enqueue_callback(callback: Callback) -> cmd.Enqueue:
    return cmd.Enqueue(interaction_id=CALL, queue_id=SALES, entered_at=START, media_type="callback", callback=callback)


@pytest.mark.parametrize(
    ("prepare", "part", "words"),
    [
        (lambda desk: desk.do(enqueue_callback(callback_of())), ("callback", "waits for its turn"), "keeps his place"),
        (
            lambda desk: desk.do(enqueue_callback(callback_of(START + timedelta(minutes=5)))),
            ("callback_not_before", (START + timedelta(minutes=5)).isoformat()),
            "not due for another 00:05:00",
        ),
    ],
)
def test_a_callback_waits_for_its_turn_or_its_time(
    prepare: Callable[[Desk], None], part: tuple[str, str], words: str
) -> None:
    desk = Desk()
    prepare(desk)
    assert desk.parts()[part[0]] == part[1]
    assert words in desk.why().text.en


def test_the_customer_of_a_callback_is_being_called() -> None:
    desk = Desk(replace(queue_of(SALES), callback=CallbackRules(first=CalledFirst.CUSTOMER)))
    desk.agent("a1")
    desk.do(enqueue_callback(callback_of()))
    assert desk.parts()["callback"] == "calling, attempt 1"
    assert "正在回拨客户（第 1 次）" in desk.why().text.zh


def test_asking_changes_nothing() -> None:
    desk = Desk()
    desk.agent("a1", ready=False)
    desk.caller()
    before = repr(desk.engine.picture.waiting)
    first, second = desk.why(), desk.why()
    assert first == second
    assert repr(desk.engine.picture.waiting) == before
