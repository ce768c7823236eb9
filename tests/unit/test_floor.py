"""The task that owns the engine: its inbox, what follows from a message and in which order, and defects contained."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app import floor as floor_module
from callcenter.app.floor import REMEMBER_ENDED_FOR, RING_AFTER_POP_LIMIT, Floor, Touched, find_interaction
from callcenter.app.floor_messages import Adopt, CallEnded, Late
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentConfig, AgentState, Phone
from callcenter.domain.errors import CallcenterError, Conflict, NotFound, Overloaded
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import Stage
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause
from tests.fakes import START, FakeClock
from tests.office import AGENT, CALL, EVERY_SKILL, SALES, FakeJournal, FakeTelephony, Office, arrived

SECOND = timedelta(seconds=1)


class SlowScreens:
    """Screens whose desktop takes the pop only when `taken` is set."""

    def __init__(self) -> None:
        self.taken = asyncio.Event()
        self.waited_for: list[tuple[AgentId, timedelta]] = []
        self.defect: Exception | None = None

    def show(self, touched: Touched, now: object) -> None:
        if self.defect is not None:
            raise self.defect

    async def popped(self, agent_id: AgentId, within: timedelta) -> None:
        self.waited_for.append((agent_id, within))
        await self.taken.wait()


def enqueue(call: InteractionId = CALL) -> cmd.Enqueue:
    return cmd.Enqueue(interaction_id=call, queue_id=SALES.queue_id, entered_at=START)


def bare_floor(journal: FakeJournal, telephony: FakeTelephony, screens: SlowScreens) -> Floor:
    return Floor(clock=FakeClock(), journal=journal, telephony=telephony, screens=screens)


def offer_to_ring() -> tuple[cmd.Command | ev.InteractionEvent, ...]:
    return (
        cmd.ConfigureQueue(config=SALES),
        cmd.ConfigureAgent(config=agent_config()),
        cmd.LogIn(agent_id=AGENT),
        cmd.SetReady(agent_id=AGENT),
        cmd.StartRouting(),
        arrived(),
        enqueue(),
    )


def agent_config() -> AgentConfig:
    return AgentConfig(agent_id=AGENT, name="", skills=EVERY_SKILL)


# ---- the inbox


async def test_a_full_inbox_refuses_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "INBOX_LIMIT", 3)
    floor = bare_floor(FakeJournal(), FakeTelephony(), SlowScreens())
    for _ in range(3):
        floor.tell(arrived())
    with pytest.raises(Overloaded, match="3 messages"):
        floor.tell(arrived())
    with pytest.raises(Overloaded):
        await floor.request(arrived())


async def test_who_delivers_waits_for_room_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "INBOX_LIMIT", 2)
    floor = bare_floor(FakeJournal(), FakeTelephony(), SlowScreens())
    calls = [InteractionId(f"cc1-17.{n}") for n in range(20)]

    async def deliver_all() -> None:
        for call in calls:
            await floor.deliver(arrived(call))

    delivering = asyncio.create_task(deliver_all())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not delivering.done()
    running = asyncio.create_task(floor.run())
    await delivering
    await floor.pulse()
    assert list(floor.interactions) == calls
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_floor_that_has_stopped_refuses_everyone_and_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(floor_module, "INBOX_LIMIT", 1)
    floor = bare_floor(FakeJournal(), FakeTelephony(), SlowScreens())
    running = asyncio.create_task(floor.run())
    await asyncio.sleep(0)
    running.cancel()
    asked_before = asyncio.create_task(floor.pulse())
    delivered_before = asyncio.create_task(floor.deliver(arrived()))
    outcomes = await asyncio.gather(running, asked_before, delivered_before, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    for ask in (floor.pulse(), floor.request(arrived()), floor.deliver(arrived())):
        with pytest.raises(Overloaded) as refused:
            await ask
        assert refused.value.code == "going_down"


async def test_a_request_raises_what_the_engine_says_no_with() -> None:
    async with Office() as office:
        with pytest.raises(NotFound, match="no agent"):
            await office.floor.request(cmd.SetReady(agent_id=AgentId("nobody")))
        await office.agent(ready=False)
        with pytest.raises(Conflict):
            await office.floor.request(cmd.EndWrapUp(agent_id=AGENT))
        assert office.state() is AgentState.NOT_READY


async def test_a_report_that_is_refused_harms_nobody() -> None:
    async with Office() as office:
        await office.tell(cmd.ChangePhone(agent_id=AgentId("nobody"), phone=Phone()), arrived())
        assert office.record().stage is Stage.ARRIVED


async def test_what_only_the_engine_may_say_is_refused() -> None:
    async with Office() as office:
        await office.tell(arrived())
        with pytest.raises(CallcenterError, match="engine's to say"):
            await office.floor.request(ev.InteractionEnded(interaction_id=CALL, at=START, outcome=ev.Outcome.CLOSED))
        assert office.record().stage is Stage.ARRIVED


# ---- defects


async def test_a_defect_in_one_message_does_not_stop_the_others() -> None:
    async with Office() as office:
        office.journal.broken = RuntimeError("a defect")
        with pytest.raises(RuntimeError, match="a defect"):
            await office.floor.request(arrived())
        office.journal.broken = None
        other = InteractionId("cc1-17.2")
        await office.tell(arrived(other))
        assert office.record(other).stage is Stage.ARRIVED


async def test_a_defect_at_a_deadline_does_not_stop_the_routing() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        await office.talk()
        await office.tell(cmd.ReportTalkEnded(offer_id=office.offer_of()))
        office.journal.broken = RuntimeError("a defect")
        await office.pass_time(SALES.wrap_up)
        office.journal.broken = None
        await office.caller(InteractionId("cc1-17.2"))
        assert office.state() is AgentState.OFFERED


async def test_a_screen_that_cannot_be_drawn_keeps_no_phone_from_ringing() -> None:
    screens, telephony = SlowScreens(), FakeTelephony()
    screens.taken.set()
    screens.defect = RuntimeError("a defect")
    floor = bare_floor(FakeJournal(), telephony, screens)
    async with running(floor):
        for message in offer_to_ring():
            await floor.request(message)
        await until(lambda: bool(telephony.rung))


# ---- ringing


async def test_the_phone_rings_only_when_the_pop_has_left_for_the_desktop() -> None:
    screens, telephony = SlowScreens(), FakeTelephony()
    floor = bare_floor(FakeJournal(), telephony, screens)
    async with running(floor):
        for message in offer_to_ring():
            await floor.request(message)
        await until(lambda: bool(screens.waited_for))
        assert screens.waited_for == [(AGENT, RING_AFTER_POP_LIMIT)]
        assert telephony.rung == []
        screens.taken.set()
        await until(lambda: bool(telephony.rung))
        order, line = telephony.rung[0]
        assert (order.agent_id, order.interaction_id, order.ring_timeout) == (AGENT, CALL, SALES.ring_timeout)
        assert (line.channel, line.display_number) == (f"PJSIP/trunk-{CALL}", "+8613800138000")


async def test_the_phone_does_not_ring_when_the_caller_left_while_the_pop_was_on_its_way() -> None:
    screens, telephony = SlowScreens(), FakeTelephony()
    floor = bare_floor(FakeJournal(), telephony, screens)
    async with running(floor):
        for message in offer_to_ring():
            await floor.request(message)
        await until(lambda: bool(screens.waited_for))
        await floor.request(CallEnded(interaction_id=CALL))
        screens.taken.set()
        await until(lambda: not ring_tasks())
        assert telephony.rung == []


@pytest.mark.parametrize(
    ("ani", "shown"),
    [
        (Number(raw="13800138000", e164="+8613800138000"), "+8613800138000"),
        (Number(raw="bob@example.org"), "bob@example.org"),
        (Number(raw="anonymous", withheld=True), ""),
    ],
)
async def test_the_phone_shows_the_number_as_far_as_it_may_be_shown(ani: Number, shown: str) -> None:
    async with Office() as office:
        await office.agent()
        await office.caller(ani=ani, name="Wang")
        _, line = office.telephony.rung[0]
        assert (line.display_number, line.display_name) == (shown, "Wang")


async def test_a_floor_that_ends_leaves_no_ringing_task_behind() -> None:
    screens = SlowScreens()
    floor = bare_floor(FakeJournal(), FakeTelephony(), screens)
    async with running(floor):
        for message in offer_to_ring():
            await floor.request(message)
        await until(lambda: bool(screens.waited_for))
    assert ring_tasks() == []


# ---- the journal


async def test_one_message_is_one_write_of_events_records_and_agents_together() -> None:
    async with Office() as office:
        await office.agent()
        await office.tell(arrived())
        office.journal.writes.clear()
        await office.tell(enqueue())
        ((events, interactions, agents),) = office.journal.writes
        assert [type(event) for event in events] == [ev.InteractionQueued, ev.AgentStateChanged, ev.OfferMade]
        assert [(record.interaction_id, record.stage) for record in interactions] == [(CALL, Stage.RINGING)]
        assert [(status.agent_id, status.state) for status in agents] == [(AGENT, AgentState.OFFERED)]


async def test_what_changes_nothing_is_not_written() -> None:
    async with Office() as office:
        await office.caller()
        office.journal.writes.clear()
        await office.tell(arrived(), enqueue(), cmd.ReportTalkEnded(offer_id=OfferId("unknown")))
        assert office.journal.writes == []


async def test_news_of_a_call_that_nobody_knows_is_not_written() -> None:
    async with Office() as office:
        await office.tell(
            ev.NodeEntered(interaction_id=CALL, at=START, node="menu"),
            ev.LegEnded(interaction_id=CALL, at=START, leg_id="x", cause=16),
        )
        assert office.journal.writes == []


async def test_of_a_call_that_has_ended_the_menu_has_no_more_to_say_but_its_legs_have() -> None:
    async with Office() as office:
        await office.tell(arrived(), CallEnded(interaction_id=CALL))
        await office.tell(
            ev.NodeEntered(interaction_id=CALL, at=START, node="menu"),
            ev.MenuChosen(interaction_id=CALL, at=START, node="menu", key="1", label=Label(zh="", en="")),
            ev.LegStarted(interaction_id=CALL, at=START, leg_id="x", channel="PJSIP/1001-1", agent_id=AGENT),
            ev.LegEnded(interaction_id=CALL, at=START, leg_id="x", cause=16),
            ev.InteractionAnnotated(interaction_id=CALL, at=START, by="1001", notes="said good-bye"),
        )
        assert office.names() == [
            "InteractionArrived",
            "InteractionEnded",
            "LegStarted",
            "LegEnded",
            "InteractionAnnotated",
        ]
        assert office.record().notes == "said good-bye"


# ---- the end of a call


async def to_menu(office: Office) -> None:
    await office.tell(arrived(), ev.FlowStarted(interaction_id=CALL, at=START, flow="main", flow_version="1"))


async def to_queue(office: Office) -> None:
    await office.caller()


async def to_ringing(office: Office) -> None:
    await office.agent()
    await office.caller()


async def to_talk(office: Office) -> None:
    await to_ringing(office)
    await office.talk()


async def to_after_a_vain_ring(office: Office) -> None:
    await to_ringing(office)
    await office.tell(cmd.ReportOfferFailed(offer_id=office.offer_of(), cause=OfferCause.NO_ANSWER))


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        (to_menu, ev.Outcome.ABANDONED_IN_MENU),
        (to_queue, ev.Outcome.ABANDONED_IN_QUEUE),
        (to_ringing, ev.Outcome.ABANDONED_WHILE_RINGING),
        (to_after_a_vain_ring, ev.Outcome.ABANDONED_IN_QUEUE),
        (to_talk, ev.Outcome.ANSWERED),
    ],
)
async def test_a_hang_up_means_what_the_stage_makes_of_it(
    before: Callable[[Office], Awaitable[None]], outcome: ev.Outcome
) -> None:
    async with Office() as office:
        await before(office)
        ended = CallEnded(interaction_id=CALL, side=ev.Side.CALLER, cause=16)
        await office.tell(ended, ended)
        record = office.record()
        assert (record.outcome, record.hangup_side, record.hangup_cause) == (outcome, ev.Side.CALLER, 16)
        assert office.names().count("InteractionEnded") == 1
        assert CALL not in office.floor.picture.waiting
        assert not office.floor.picture.offers


async def test_an_end_of_our_own_is_kept_against_the_hang_up_that_follows() -> None:
    async with Office() as office:
        await to_menu(office)
        await office.tell(CallEnded(interaction_id=CALL, outcome=ev.Outcome.ENDED_IN_MENU, side=ev.Side.SYSTEM))
        await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER, cause=16))
        assert (office.record().outcome, office.record().hangup_side) == (ev.Outcome.ENDED_IN_MENU, ev.Side.SYSTEM)


async def test_no_call_ends_in_the_future() -> None:
    async with Office() as office:
        await office.tell(arrived(), CallEnded(interaction_id=CALL, at=START + timedelta(hours=1)))
        assert office.record().ended_at == START


async def test_a_question_that_overtook_the_news_of_the_hang_up_puts_nobody_into_the_queue() -> None:
    async with Office() as office:
        await office.agent()
        await office.tell(arrived(), CallEnded(interaction_id=CALL), enqueue())
        assert CALL not in office.floor.picture.waiting
        assert office.telephony.rung == []


async def test_ended_calls_are_forgotten_but_not_while_an_agent_wraps_them_up() -> None:
    async with Office() as office:
        await to_talk(office)
        other = InteractionId("cc1-17.2")
        await office.caller(other)
        await office.tell(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        await office.tell(CallEnded(interaction_id=CALL), CallEnded(interaction_id=other))
        await office.tell(cmd.ConfigureQueue(config=SALES))
        agent = office.floor.picture.agent(AGENT)
        assert agent.state is AgentState.WRAP_UP
        agent_until = agent.wrap_up_until
        assert agent_until is not None
        office.clock.advance(agent_until - office.clock.now() - SECOND)
        assert set(office.floor.interactions) == {CALL, other}
        await office.pass_time(REMEMBER_ENDED_FOR * 2)
        await office.pass_time(REMEMBER_ENDED_FOR + SECOND)
        assert office.floor.interactions == {}
        with pytest.raises(NotFound):
            find_interaction(office.floor, CALL)


async def test_who_is_held_by_an_agent_does_not_keep_others_in_memory() -> None:
    long = replace(SALES, wrap_up=timedelta(hours=1))
    async with Office(queues=(long,)) as office:
        await to_talk(office)
        other = InteractionId("cc1-17.2")
        await office.caller(other)
        await office.tell(CallEnded(interaction_id=CALL), CallEnded(interaction_id=other))
        await office.pass_time(REMEMBER_ENDED_FOR + SECOND)
        assert set(office.floor.interactions) == {CALL}


# ---- taking over


async def test_an_adopted_call_is_the_record_it_was_and_is_not_written_again() -> None:
    async with Office() as first:
        await to_queue(first)
    async with Office() as office:
        await office.tell(Adopt(interaction=first.record()))
        assert office.record() == first.record()
        assert office.journal.writes == []
        await office.tell(arrived(), enqueue())
        assert office.names() == ["InteractionQueued"]


async def test_an_adopted_call_does_not_replace_what_is_known_meanwhile() -> None:
    async with Office() as first:
        await first.tell(arrived())
    async with Office() as office:
        await to_queue(office)
        await office.tell(Adopt(interaction=first.record()))
        assert office.record().stage is Stage.WAITING


async def test_an_adopted_call_that_has_ended_is_forgotten_like_any_other() -> None:
    async with Office() as first:
        await first.tell(arrived(), CallEnded(interaction_id=CALL))
    async with Office() as office:
        await office.tell(Adopt(interaction=first.record()))
        await office.pass_time(REMEMBER_ENDED_FOR + SECOND)
        assert office.floor.interactions == {}


async def test_late_news_counts_now_where_calls_are_routed_already() -> None:
    async with Office() as office:
        await to_ringing(office)
        office.clock.advance(10 * SECOND)
        report = cmd.ReportTalk(offer_id=office.offer_of(), interaction_id=CALL, agent_id=AGENT)
        await office.tell(Late(command=report, at=START + SECOND))
        assert office.record().times.connected_at == START + 10 * SECOND


async def test_watchers_hear_what_each_message_changed() -> None:
    async with Office() as office:
        heard: list[Touched] = []
        office.floor.watch(heard.append)
        await to_ringing(office)
        assert heard[-1].agents == {AGENT}
        assert heard[-1].queues == {SALES.queue_id}
        assert heard[-1].interactions == {CALL}


def ring_tasks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("ring ")]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  Nothing is waited for but the other tasks' turns.
            await asyncio.sleep(0)


@asynccontextmanager
async def running(floor: Floor) -> AsyncIterator[None]:
    task = asyncio.create_task(floor.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
