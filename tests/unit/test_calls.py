"""The answers to callers' channels, by what the question carries and what the store, the flow and the queue say."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app import customer_memory as memory_module
from callcenter.app.call_state import CallStage, CallState
from callcenter.app.caller import EndVerdict, Question, WaitVerdict
from callcenter.app.calls import CAUSE_UNALLOCATED
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.floor_messages import CallEnded
from callcenter.app.ports import CustomerCard, CustomerInput
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.customers import Case, ContactPoint, ContactPointKind
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, QueueId, SkillId
from callcenter.domain.interactions import Stage
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.queues import Boosts, QueueConfig
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr.reader import parse_flow
from tests.fakes import START, FakeCustomers
from tests.office import AGENT, CALL, SALES, SUPPORT, FakeCallerChannel, Office, question

OPERATOR = QueueConfig(queue_id=QueueId("operator"), label=Label(zh="人工", en="Operator"))
QUEUES = (SALES, SUPPORT, OPERATOR)
NUMBER = "+8613800138000"
SECOND = timedelta(seconds=1)


class AwayCustomers(FakeCustomers):
    """The store answers with an error, or (without one) never."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self._error = error
        self.asked = 0

    async def cards_by_contact_point(self, value: str) -> tuple[CustomerCard, ...]:
        self.asked += 1
        if self._error is not None:
            raise self._error
        await asyncio.get_running_loop().create_future()
        raise AssertionError("never")


async def customers(*names: str, language: str | None = "en", number: str = NUMBER) -> FakeCustomers:
    store = FakeCustomers()
    points = (ContactPoint(kind=ContactPointKind.PHONE, value=number),)
    for name in names:
        data = CustomerInput(name=name, language=language, contact_points=points)
        await store.create(CustomerId(name.lower()), data, at=START, by="test")
    return store


async def ask(
    office: Office, asked: Question | None = None, *, keys: str = "", gone_after: int | None = None
) -> FakeCallerChannel:
    channel = FakeCallerChannel(asked or question(), keys=keys, gone_after=gone_after)
    await office.calls.answer(channel)
    await office.settle()
    return channel


def in_queue(state: CallState | None = None, **_: object) -> Question:
    return question(state=state or CallState(stage=CallStage.QUEUE, queue_id=SALES.queue_id, language="en"))


def wait(channel: FakeCallerChannel) -> WaitVerdict:
    assert isinstance(channel.verdict, WaitVerdict), channel.verdict
    return channel.verdict


def end(channel: FakeCallerChannel) -> EndVerdict:
    assert isinstance(channel.verdict, EndVerdict), channel.verdict
    return channel.verdict


# ---- who calls


async def test_a_known_caller_is_greeted_by_name_in_his_language_and_queued() -> None:
    async with Office(customers=await customers("Wang"), queues=QUEUES) as office:
        channel = await ask(office, keys="1")
        assert channel.played[0] == "en:Hello, Wang. Welcome back to customer service."
        record = office.record()
        assert (record.customer_id, record.customer_ids) == ("wang", ("wang",))
        assert (record.language, record.queue_id, record.flow) == ("en", "sales", "main")
        assert [(step.node, step.key) for step in record.menu_path] == [("menu", "1")]
        assert (channel.state.stage, channel.state.queue_id) == (CallStage.QUEUE, "sales")
        assert office.names()[:3] == ["InteractionArrived", "CustomerMatched", "FlowStarted"]


async def test_what_is_known_of_a_caller_counts_in_his_queue_and_goes_with_his_call() -> None:
    store = FakeCustomers()
    data = CustomerInput(
        name="Wang",
        language="en",
        segment="A",
        account_manager_id=AgentId("1001"),
        contact_points=(ContactPoint(kind=ContactPointKind.PHONE, value=NUMBER),),
    )
    wang = CustomerId("wang")
    await store.create(wang, data, at=START, by="test")
    store.cases[wang] = (Case(case_id=CaseId("1"), kind="complaint", subject="late", state="open", opened_at=START),)
    sales = replace(SALES, boosts=Boosts(classes={"A": 20}, open_complaint=15, limit=30))
    async with Office(customers=store, queues=[sales, *QUEUES[1:]]) as office:
        channel = await ask(office, keys="1")
        waiting = office.floor.picture.waiting[CALL]
        assert (waiting.priority, waiting.base_priority) == (30, 0)
        assert [ground.name for ground in waiting.grounds] == ["class A", "open complaint", "limited to"]
        assert channel.state.traits.account_manager_id == "1001"
        assert channel.state.traits.open_complaint


async def test_an_unknown_caller_is_asked_for_his_language_and_is_nobody_s_customer() -> None:
    async with Office(customers=await customers("Wang", number="+441"), queues=QUEUES) as office:
        channel = await ask(office, keys="20")
        assert channel.played[0] == "zh:main.welcome"
        assert office.record().customer_ids == ()
        assert (office.record().language, office.record().queue_id) == ("en", "operator")
        assert "CustomerMatched" not in office.names()


async def test_several_customers_with_one_number_are_all_matched_and_none_is_chosen() -> None:
    async with Office(customers=await customers("Wang", "Li"), queues=QUEUES) as office:
        channel = await ask(office, keys="1")
        assert set(office.record().customer_ids) == {"wang", "li"}
        assert office.record().customer_id is None
        assert channel.played[0] == "en:main.welcome"  # No name, but the language they share.


async def test_customers_of_several_languages_say_nothing_about_the_caller_s() -> None:
    store = await customers("Wang", language="zh")
    await store.create(
        CustomerId("li"),
        CustomerInput(name="Li", language="en", contact_points=store.customers[CustomerId("wang")].contact_points),
        at=START,
        by="test",
    )
    async with Office(customers=store, queues=QUEUES) as office:
        channel = await ask(office, keys="1")
        assert "zh:main.choose_language" in channel.played


async def test_a_withheld_number_is_looked_up_nowhere() -> None:
    store = AwayCustomers(AssertionError("asked"))
    async with Office(customers=store, queues=QUEUES) as office:
        await ask(office, question(ani=Number(raw="anonymous", withheld=True)), keys="21")
        assert store.asked == 0
        assert office.record().stage is Stage.WAITING


@pytest.mark.parametrize(
    "error", [CallcenterError("the database is away", code="database_unreachable"), TimeoutError(), None]
)
async def test_a_store_that_is_away_or_slow_lets_the_caller_go_on_as_somebody_unknown(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_module, "LOOK_UP_LIMIT", timedelta(milliseconds=1))
    store = AwayCustomers(error)
    async with Office(customers=store, queues=QUEUES) as office:
        channel = await ask(office, keys="21")
        assert channel.played[0] == "zh:main.welcome"
        assert office.record().stage is Stage.WAITING
        assert not office.memory.knows(CALL)
        await ask(office, in_queue())
        assert store.asked == 2, "it is asked again when the caller asks next"


async def test_who_was_unknown_only_because_the_store_was_away_is_matched_later() -> None:
    office_customers = await customers("Wang")
    async with Office(customers=office_customers, queues=QUEUES) as office:
        await office.tell(
            ev.InteractionArrived(interaction_id=CALL, at=START, channel="x", ani=question().ani, dnis="4000")
        )
        await ask(office, in_queue())
        assert office.record().customer_id == "wang"
        await ask(office, in_queue())
        assert office.names().count("CustomerMatched") == 1


async def test_after_a_restart_the_cards_of_those_in_the_house_are_there_again() -> None:
    store = await customers("Wang", "Li")
    async with Office(customers=store) as office:
        await office.caller()
        await office.tell(
            ev.CustomerMatched(
                interaction_id=CALL,
                at=START,
                customer_ids=(CustomerId("wang"), CustomerId("gone")),
                customer_id=CustomerId("li"),
            )
        )
        memory = CustomerMemory(store)
        await memory.restore([office.record()])
        assert [card.customer.name for card in memory.cards(CALL)] == ["Wang", "Li"]


async def test_only_those_in_the_house_are_remembered() -> None:
    memory = CustomerMemory(await customers("Wang"))
    other = InteractionId("cc1-17.2")
    for call in (CALL, other):
        await memory.look_up(call, NUMBER)
    memory.forget_all_but({other: None})
    assert (memory.knows(CALL), memory.knows(other)) == (False, True)


# ---- which number, which flow


@pytest.mark.parametrize("dnis", ["4001", "+4001"])
async def test_the_dialled_number_leads_to_its_flow(dnis: str) -> None:
    async with Office() as office:
        await ask(office, question(dnis=dnis))
        assert (office.record().flow, office.record().queue_id) == ("sales", "sales")


async def test_a_number_that_leads_nowhere_is_told_so_and_ended_once() -> None:
    async with Office() as office:
        channel = await ask(office, question(dnis="999"))
        assert (end(channel).play, end(channel).cause) == (("zh:queue.error",), CAUSE_UNALLOCATED)
        record = office.record()
        assert (record.outcome, record.hangup_side, record.hangup_cause) == (
            ev.Outcome.FAILED,
            ev.Side.SYSTEM,
            CAUSE_UNALLOCATED,
        )
        assert (channel.state.stage, channel.state.outcome) == (CallStage.ENDING, "failed")


async def test_a_number_that_leads_nowhere_takes_the_default_flow_where_there_is_one() -> None:
    async with Office() as office:
        office.calls.lines = replace(office.lines, default_flow="support")
        await ask(office, question(dnis="999"))
        assert office.record().queue_id == "support"


async def test_a_flow_that_hangs_up_ends_the_call_and_the_channel_carries_how() -> None:
    text = "flow: main\nlanguages: [zh]\nstart: bye\nrescue: bye\nprompts: {bye: {zh: 再见。}}\n"
    async with Office() as office:
        flow = parse_flow(text + "nodes: {bye: {kind: end, say: bye}}\n", "main.yaml")
        office.calls.lines = replace(office.lines, flows={"main": flow})
        channel = await ask(office)
        assert end(channel).cause == 16
        assert (office.record().outcome, office.record().hangup_side) == (ev.Outcome.ENDED_IN_MENU, ev.Side.SYSTEM)
        assert (channel.state.stage, channel.state.outcome) == (CallStage.ENDING, "ended_in_menu")


async def test_an_ended_call_that_asks_again_is_hung_up_and_stays_as_it_is() -> None:
    async with Office() as office:
        await ask(office, question(dnis="999"))
        record = office.record()
        channel = await ask(office, question(dnis="999"))
        assert end(channel).play == ()
        assert office.record() == record


# ---- the way through the menu


async def test_each_node_is_on_the_channel_before_it_speaks() -> None:
    async with Office(customers=await customers("Wang"), queues=QUEUES) as office:
        channel = await ask(office, keys="1")
        nodes = [state.node for state in channel.remembered if state.stage is CallStage.MENU]
        assert nodes[-2:] == ["menu", "to_sales"]
        assert {state.flow for state in channel.remembered} == {"main"}


async def test_the_menu_goes_on_at_its_node_after_a_restart() -> None:
    async with Office(queues=QUEUES) as office:
        state = CallState(flow="main", node="menu", language="en")
        channel = await ask(office, question(state=state), keys="1")
        assert channel.played[0] == "en:main.main_menu"
        assert "FlowStarted" not in office.names()
        assert office.record().queue_id == "sales"


@pytest.mark.parametrize("state", [CallState(flow="gone", node="menu"), CallState(flow="main", node="gone")])
async def test_a_flow_or_node_that_an_edit_has_taken_away_begins_anew(state: CallState) -> None:
    async with Office(queues=QUEUES) as office:
        channel = await ask(office, question(state=state), keys="21")
        assert channel.played[0] == "zh:main.welcome"
        assert office.record().queue_id == "sales"


async def test_who_presses_nothing_gets_to_a_person() -> None:
    async with Office(queues=QUEUES) as office:
        await ask(office)
        assert (office.record().queue_id, office.record().language) == ("operator", "zh")


@pytest.mark.parametrize("after", range(12))
async def test_a_caller_may_be_gone_at_any_moment_and_his_end_is_told_by_the_exchange(after: int) -> None:
    async with Office(queues=QUEUES) as office:
        channel = await ask(office, keys="21", gone_after=after)
        assert channel.verdict is None
        assert office.record().stage is not Stage.ENDED
        await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER))
        assert office.names().count("InteractionEnded") == 1


async def test_a_flow_s_priority_and_skills_go_with_the_caller() -> None:
    text = """
flow: main
languages: [en]
start: queue
rescue: queue
nodes:
  queue: {kind: queue, queue: sales, priority: 7, skills: {billing: 3}}
"""
    async with Office() as office:
        office.calls.lines = replace(office.lines, flows={"main": parse_flow(text, "main.yaml", queues={"sales"})})
        channel = await ask(office)
        place = office.floor.picture.waiting[CALL]
        assert place.priority == channel.state.priority == 7
        assert place.skills == channel.state.skills
        assert place.skills == (SkillRequirement(skill=SkillId("billing"), minimum_level=3),)


# ---- the queue


async def test_the_place_is_told_once_and_then_only_when_it_changed() -> None:
    async with Office() as office:
        await office.agent()
        for number in "01":
            await office.caller(InteractionId(f"cc1-17.{number}"))
        await office.talk(InteractionId("cc1-17.0"))
        office.clock.advance(SECOND)
        channel = await ask(office, question(dnis="4001"))
        assert wait(channel).play == ()  # A moment of music first.
        assert wait(channel).music == SALES.announce_first_after
        office.clock.advance(2 * SECOND)
        channel = await ask(office, question(dnis="4001", state=channel.state))
        assert len(wait(channel).play) == 2
        assert channel.state.announced_position == 2
        office.clock.advance(SALES.announce_interval)
        channel = await ask(office, question(dnis="4001", state=channel.state))
        assert wait(channel).play == ("zh:queue.comfort",)
        await office.tell(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        office.clock.advance(1.5 * SALES.announce_interval)  # Announcements come less and less often.
        channel = await ask(office, question(dnis="4001", state=channel.state))
        assert wait(channel).play == ("zh:queue.no_agent",)
        told = [event for event in office.journal.events if isinstance(event, ev.PositionAnnounced)]
        assert [event.position for event in told] == [2]
        # One agent, and one before him who may give up: somewhat less than two talks.
        assert told[0].expected_wait_seconds == pytest.approx(310, abs=20)


async def test_what_was_said_is_remembered_by_the_channel_and_not_by_the_server() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller(InteractionId("cc1-17.0"))
        office.clock.advance(5 * SECOND)
        state = CallState(
            stage=CallStage.QUEUE,
            queue_id=SALES.queue_id,
            entered_at=START,
            language="en",
            greeted=True,
            announced_at=office.clock.now() - SECOND,
            announced_position=2,
        )
        channel = await ask(office, question(state=state))
        assert wait(channel).play == ()
        assert channel.state == state


async def test_his_place_is_that_of_his_entry_though_the_server_has_just_come() -> None:
    async with Office() as office:
        for number, ago in (("1", 10), ("2", 30), ("3", 20)):
            state = CallState(stage=CallStage.QUEUE, queue_id=SALES.queue_id, entered_at=START - ago * SECOND)
            await ask(office, question(InteractionId(f"cc1-17.{number}"), state=state))
        waiting = [place.interaction_id for place in office.floor.picture.waiting_in(SALES.queue_id)]
        assert waiting == ["cc1-17.2", "cc1-17.3", "cc1-17.1"]


async def test_a_caller_who_is_in_a_talk_by_now_is_let_go_into_it() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        await office.talk()
        channel = await ask(office, in_queue())
        assert (wait(channel).play, wait(channel).music) == ((), SECOND)
        assert office.record().stage is Stage.TALKING
        assert CALL not in office.floor.picture.waiting


async def test_nobody_hears_an_announcement_while_a_phone_rings_for_him() -> None:
    async with Office() as office:
        await office.agent()
        channel = await ask(office, question(dnis="4001"))
        assert office.record().stage is Stage.RINGING
        office.clock.advance(5 * SECOND)
        channel = await ask(office, question(dnis="4001", state=channel.state))
        assert wait(channel).play == ()


async def test_a_queue_that_is_gone_says_sorry_and_ends_in_one_record() -> None:
    async with Office() as office:
        state = CallState(stage=CallStage.QUEUE, queue_id=QueueId("gone"), language="en")
        channel = await ask(office, question(state=state))
        assert end(channel).play == ("en:queue.error",)
        assert office.record().outcome is ev.Outcome.FAILED


async def test_a_prompt_that_cannot_be_had_is_passed_over_while_waiting() -> None:
    async with Office() as office:
        office.voice.missing = {"queue.no_agent"}
        state = CallState(stage=CallStage.QUEUE, queue_id=SALES.queue_id, entered_at=START - 5 * SECOND, language="en")
        channel = await ask(office, question(state=state))
        assert wait(channel).play == ()


async def test_a_hang_up_that_overtakes_the_question_leaves_nobody_in_the_queue() -> None:
    async with Office() as office:
        channel = FakeCallerChannel(question(dnis="4001"))
        answering = asyncio.create_task(office.calls.answer(channel))
        while CALL not in office.floor.interactions:  # noqa: ASYNC110  Only the floor's turn is waited for.
            await asyncio.sleep(0)
        await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER))
        await answering
        assert CALL not in office.floor.picture.waiting
        assert office.names().count("InteractionEnded") == 1
        assert office.names()[-1] == "InteractionEnded"
