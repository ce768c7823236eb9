"""What agents and supervisors are shown: the pop before the state, rows that follow the floor, only what changed."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta

import pytest

from callcenter.app import screens as screens_module
from callcenter.app.feed import AGENTS, QUEUES, WAITING, agent_topic
from callcenter.app.floor_messages import CallEnded
from callcenter.app.ports import CustomerInput
from callcenter.app.views import AgentView, PopView, QueueView, WaitingView
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState
from callcenter.domain.callbacks import Callback
from callcenter.domain.callers import CallerTraits
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.hours import Interval, OpeningHours
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import ReasonPart
from callcenter.domain.queues import Boosts, QueueConfig, QueueLimits, RoutingStep
from callcenter.domain.rules import Anyone
from callcenter.domain.skills import SkillRequirement
from tests.fakes import START, FakeCustomers
from tests.office import AGENT, CALL, SALES, SUPPORT, Office, arrived

NUMBER = "+8613800138000"
PHONE = (ContactPoint(kind=ContactPointKind.PHONE, value=NUMBER),)
SECOND = timedelta(seconds=1)


class WatchedFeed:
    """Keeps in order what is put, and what stands."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str, object]] = []
        self.documents: dict[tuple[str, str], object] = {}
        self.defect: Exception | None = None

    def put(self, topic: str, key: str, document: object) -> None:
        if self.defect is not None and topic == QUEUES:
            raise self.defect
        self.log.append((topic, key, document))
        self.documents[topic, key] = document

    def delete(self, topic: str, key: str) -> None:
        self.log.append((topic, key, None))
        self.documents.pop((topic, key), None)

    async def delivered(self, topic: str, within: timedelta) -> None:
        self.log.append(("delivered", topic, within))


class Shown(Office):
    """An office whose screens are watched; the board is shown when it is asked for."""

    def __init__(
        self, customers: FakeCustomers | None = None, queues: tuple[QueueConfig, ...] = (SALES, SUPPORT)
    ) -> None:
        self.watched = WatchedFeed()
        super().__init__(customers=customers, queues=queues, feed=self.watched)

    async def __aenter__(self) -> "Shown":
        await super().__aenter__()
        self._tasks.pop().cancel()
        return self

    def board(self) -> list[tuple[str, str, object]]:
        """What showing the board puts."""
        self.watched.log.clear()
        self.screens.show_board()
        return self.watched.log

    def pop(self) -> PopView:
        """The pop that stands on the agent's screen."""
        pop = self.watched.documents[agent_topic(AGENT), "pop"]
        assert isinstance(pop, PopView)
        return pop

    def offered_today(self) -> int:
        """The figure on the board."""
        row = self.watched.documents[QUEUES, SALES.queue_id]
        assert isinstance(row, QueueView)
        return row.today.offered

    def row_views(self) -> list[tuple[AgentId, ...]]:
        """At whom each one who waits is ringing."""
        return [view.offered_to for view in self.desk.waiting()]

    def queue_row(self, queue_id: QueueId = SALES.queue_id) -> QueueView:
        """The row of a queue as it stands on the board."""
        row = self.watched.documents[QUEUES, queue_id]
        assert isinstance(row, QueueView)
        return row

    def row(self, call: InteractionId = CALL) -> WaitingView:
        """The row of one who waits."""
        row = self.watched.documents[WAITING, call]
        assert isinstance(row, WaitingView)
        return row

    def of(self, topic: str) -> list[str]:
        return [key for a_topic, key, _ in self.watched.log if a_topic == topic]


async def known(*names: str) -> FakeCustomers:
    store = FakeCustomers()
    for name in names:
        await store.create(
            CustomerId(name.lower()), CustomerInput(name=name, contact_points=PHONE), at=START, by="test"
        )
    return store


async def offered(office: Shown, *, ani: Number | None = None, name: str = "") -> None:
    await office.agent()
    await office.memory.look_up(CALL, NUMBER if ani is None else ani.e164)
    await office.caller(ani=ani, name=name)


# ---- the pop


async def test_the_card_is_put_before_the_state_and_both_before_the_phone_is_waited_for() -> None:
    async with Shown(await known("Wang")) as office:
        await office.agent()
        office.watched.log.clear()
        await offered(office)
        mine = [(topic, key) for topic, key, _ in office.watched.log if agent_topic(AGENT) in (topic, key)]
        assert mine[-3:] == [
            (agent_topic(AGENT), "pop"),
            (agent_topic(AGENT), "state"),
            ("delivered", agent_topic(AGENT)),
        ]


async def test_the_pop_says_all_that_is_known() -> None:
    async with Shown(await known("Wang")) as office:
        await office.agent(ready=False)
        await office.memory.look_up(CALL, NUMBER)
        await office.caller()
        await office.tell(
            ev.CustomerMatched(
                interaction_id=CALL, at=START, customer_ids=(CustomerId("wang"),), customer_id=CustomerId("wang")
            ),
            ev.LanguageChosen(interaction_id=CALL, at=START, language="zh"),
            ev.MenuChosen(interaction_id=CALL, at=START, node="menu", key="1", label=Label(zh="销售", en="Sales")),
        )
        office.clock.advance(12 * SECOND)
        await office.tell(cmd.SetReady(agent_id=AGENT))
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert (pop.stage, pop.waited_seconds, pop.dnis, pop.language) == ("ringing", 12.0, "4000", "zh")
        assert pop.queue is not None
        assert (pop.queue.queue_id, pop.customer_id, pop.blank) == (SALES.queue_id, "wang", None)
        assert [customer.name for customer in pop.customers] == ["Wang"]
        assert [step.key for step in pop.menu_path] == ["1"]
        assert pop.reason.text.en
        assert pop.ani.e164 == NUMBER


async def test_the_pop_of_one_nobody_knows_is_a_blank_card_with_his_number() -> None:
    async with Shown() as office:
        await offered(office, name="Mystery")
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert pop.customers == ()
        assert pop.blank == CustomerInput(name="Mystery", contact_points=PHONE)


async def test_the_blank_card_of_a_withheld_number_has_no_number() -> None:
    async with Shown() as office:
        await offered(office, ani=Number(raw="anonymous", withheld=True))
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert pop.blank is not None
        assert pop.blank.contact_points == ()


async def test_the_pop_of_a_shared_number_has_all_to_choose_from() -> None:
    async with Shown(await known("Wang", "Li")) as office:
        await offered(office)
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert {customer.name for customer in pop.customers} == {"Wang", "Li"}
        assert (pop.customer_id, pop.blank) == (None, None)


async def test_the_pop_follows_the_call_through_its_stages_and_goes_with_the_wrap_up() -> None:
    async with Shown(await known("Wang")) as office:
        topic = (agent_topic(AGENT), "pop")
        await offered(office)
        stages = [office.pop().stage]
        offer_id = await office.talk()
        stages.append(office.pop().stage)
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id), CallEnded(interaction_id=CALL))
        stages.append(office.pop().stage)
        assert stages == ["ringing", "talking", "wrap_up"]
        await office.tell(cmd.EndWrapUp(agent_id=AGENT))
        assert topic not in office.watched.documents
        assert office.desk.pop(AGENT) is None


@pytest.mark.parametrize("stage", ["ringing", "talking", "wrap_up"])
async def test_the_pop_changes_when_the_record_does_in_every_stage(stage: str) -> None:
    async with Shown(await known("Wang")) as office:
        await offered(office)
        if stage != "ringing":
            offer_id = await office.talk()
        if stage == "wrap_up":
            await office.tell(cmd.ReportTalkEnded(offer_id=offer_id))
        await office.tell(ev.InteractionAnnotated(interaction_id=CALL, at=START, by="1001", notes="new"))
        pop = office.pop()
        assert (pop.stage, pop.notes) == (stage, "new")


async def test_the_pop_of_one_agent_is_not_touched_by_another_call() -> None:
    async with Shown() as office:
        await offered(office)
        office.watched.log.clear()
        await office.caller(InteractionId("cc1-17.2"))
        assert office.of(agent_topic(AGENT)) == []


async def test_the_pop_shows_a_customer_as_he_was_changed() -> None:
    store = await known("Wang")
    async with Shown(store) as office:
        await offered(office)
        await store.update(
            CustomerId("wang"), CustomerInput(name="Wang Xiaoming", contact_points=PHONE), at=START, by="1001"
        )
        await office.desk.customer_changed(CustomerId("wang"))
        pop = office.pop()
        assert [customer.name for customer in pop.customers] == ["Wang Xiaoming"]


async def test_all_who_are_rung_for_one_caller_see_him_and_lose_him_when_another_answers() -> None:
    both = replace(SALES, ring_several=2)
    other = AgentId("1002")
    async with Shown(await known("Wang"), queues=(both, SUPPORT)) as office:
        await office.agent(other)
        await offered(office)
        await office.tell(ev.InteractionAnnotated(interaction_id=CALL, at=START, by="1001", notes="new"))
        for agent_id in (AGENT, other):
            pop = office.watched.documents[agent_topic(agent_id), "pop"]
            assert isinstance(pop, PopView)
            assert (pop.interaction_id, pop.notes) == (CALL, "new")
        assert office.row_views() == [(AGENT, other)]
        await office.talk()
        assert (agent_topic(other), "pop") not in office.watched.documents
        assert office.desk.agent(other).misses == 0


async def test_the_pop_of_a_callback_says_what_it_is_and_how_long_he_has_waited() -> None:
    call = InteractionId("cb-1")
    async with Shown() as office:
        asked = Callback(number=NUMBER, requested_at=START + 20 * SECOND, origin_id=CALL)
        office.clock.advance(60 * SECOND)
        await office.tell(
            arrived(call),
            cmd.Enqueue(
                interaction_id=call, queue_id=SALES.queue_id, entered_at=START, media_type="callback", callback=asked
            ),
        )
        (row,) = office.desk.waiting()
        assert row.callback is not None
        assert (row.media_type, row.callback.presence, row.callback.attempt) == ("callback", "absent", 1)
        assert office.screens.queue_view(SALES.queue_id).callbacks == 1
        await office.agent()
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert pop.callback is not None
        assert (pop.callback.number, pop.callback.attempts_allowed) == (NUMBER, 3)
        assert (pop.callback.requested_at, pop.callback.waiting_since) == (START + 20 * SECOND, START)
        assert pop.waited_seconds == 60.0


async def test_an_agent_with_a_caller_on_hold_keeps_his_pop() -> None:
    async with Shown(await known("Wang")) as office:
        await offered(office)
        offer_id = await office.talk()
        await office.tell(cmd.ReportHold(offer_id=offer_id, on_hold=True))
        assert (office.desk.agent(AGENT).state, office.pop().stage) == ("hold", "talking")
        row = office.screens.queue_view(SALES.queue_id)
        assert (row.agents.hold, row.agents.talking) == (1, 0)


# ---- the board


async def test_a_queue_s_row_counts_who_waits_and_who_works() -> None:
    async with Shown() as office:
        for number, ready in (("1001", True), ("1002", False), ("1003", True)):
            await office.agent(AgentId(number), ready=ready)
        await office.agent(AgentId("1009"), skills={SkillId("support"): 3})
        await office.caller()
        office.clock.advance(7 * SECOND)
        for later in range(2, 5):
            await office.caller(InteractionId(f"cc1-17.{later}"))
        row = office.screens.queue_view(SALES.queue_id)
        assert row.waiting == 4
        assert row.longest_wait_since == START
        assert (row.agents.ready, row.agents.not_ready, row.agents.offered) == (0, 1, 2)
        assert row.today.offered == 4
        forecast = office.floor.picture.forecast_for_newcomer(SALES.queue_id, office.clock.now())
        assert forecast is not None
        assert row.expected_wait_seconds == round(forecast.expected.total_seconds())
        assert (row.expected_low_seconds, row.expected_high_seconds) == (
            round(forecast.low.total_seconds()),
            round(forecast.high.total_seconds()),
        )
        assert office.screens.queue_view(SUPPORT.queue_id).agents.ready == 1


async def test_a_queue_that_nobody_can_serve_is_an_alert_until_somebody_comes() -> None:
    async with Shown() as office:
        await office.agent(ready=False, skills={SkillId("sales"): 5})
        office.screens.refresh_everything()
        office.board()
        assert office.queue_row().unserved
        await office.tell(cmd.SetReady(agent_id=AGENT))
        office.board()
        assert not office.queue_row().unserved
        assert office.queue_row(SUPPORT.queue_id).unserved
        await office.tell(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        office.board()
        assert office.queue_row().unserved


async def test_a_queue_says_when_it_opens() -> None:
    hours = OpeningHours(timezone="UTC", week={0: (Interval(opens=time(10), closes=time(18)),)})
    async with Shown(queues=(replace(SALES, limits=QueueLimits(hours=hours)), SUPPORT)) as office:
        row = office.screens.queue_view(SALES.queue_id)
        assert (row.open, row.opens_at) == (False, START + timedelta(hours=1))
        office.clock.advance(timedelta(hours=1))
        row = office.screens.queue_view(SALES.queue_id)
        assert (row.open, row.opens_at) == (True, None)
        assert office.screens.queue_view(SUPPORT.queue_id).open is None


async def test_a_row_says_what_his_priority_is_made_of_and_at_which_step_he_is() -> None:
    steps = (
        RoutingStep(after=timedelta(), who=SkillRequirement(skill=SkillId("sales"), minimum_level=5)),
        RoutingStep(after=30 * SECOND, who=Anyone(), priority=5),
    )
    queue = replace(SALES, required=(), steps=steps, boosts=Boosts(classes={"A": 20}), ageing_limit=60 * SECOND)
    async with Shown(queues=(queue, SUPPORT)) as office:
        traits = CallerTraits(customer_class="A")
        await office.tell(
            arrived(),
            cmd.Enqueue(interaction_id=CALL, queue_id=SALES.queue_id, entered_at=START, priority=1, traits=traits),
        )
        row = office.desk.waiting()[0]
        assert (row.base_priority, row.priority, row.step, row.steps, row.aged) == (1, 21, 1, 2, False)
        assert row.grounds == (ReasonPart(name="class A", value="+20"),)
        await office.pass_time(60 * SECOND)
        row = office.desk.waiting()[0]
        assert (row.priority, row.step, row.aged) == (26, 2, True)


async def test_only_queues_that_were_touched_are_put_and_an_agent_touches_all() -> None:
    async with Shown() as office:
        await office.agent(ready=False)
        office.board()
        await office.caller()
        office.board()
        assert office.of(QUEUES) == ["sales"]
        await office.tell(cmd.SetReady(agent_id=AGENT))
        office.board()
        assert office.of(QUEUES) == ["sales", "support"]
        assert office.board() == []


async def test_only_waiting_rows_that_changed_are_put() -> None:
    async with Shown() as office:
        calls = [InteractionId(f"cc1-17.{n}") for n in range(1, 5)]
        for call in calls[:3]:
            await office.caller(call)
        office.board()
        assert office.of(WAITING) == calls[:3]
        await office.caller(calls[3])
        office.board()
        assert office.of(WAITING) == [calls[3]]
        await office.tell(CallEnded(interaction_id=calls[1]))
        office.board()
        assert office.of(WAITING) == [calls[1], calls[2], calls[3]]
        assert (WAITING, calls[1]) not in office.watched.documents
        assert office.row(calls[2]).position == 2


async def test_who_changes_the_queue_keeps_one_row() -> None:
    async with Shown() as office:
        await office.caller()
        office.board()
        await office.tell(cmd.MoveInteraction(interaction_id=CALL, queue_id=SUPPORT.queue_id, by="super"))
        office.board()
        assert office.row(CALL).queue_id == "support"
        assert [office.queue_row(queue.queue_id).waiting for queue in (SALES, SUPPORT)] == [0, 1]
        await office.tell(CallEnded(interaction_id=CALL))
        office.board()
        assert (WAITING, CALL) not in office.watched.documents


async def test_the_expected_wait_of_a_row_is_of_those_who_have_the_caller_s_skills() -> None:
    async with Shown() as office:
        for number, skills in (("1001", {SkillId("sales"): 5}), ("1002", {SkillId("sales"): 5, SkillId("zh"): 5})):
            await office.agent(AgentId(number), ready=False, skills=skills)
            await office.tell(cmd.SetReady(agent_id=AgentId(number)))
        for earlier in range(2):
            await office.caller(InteractionId(f"cc1-16.{earlier}"))
        need = (SkillRequirement(skill=SkillId("zh"), minimum_level=3),)
        await office.caller(InteractionId("cc1-17.0"))
        await office.caller(InteractionId("cc1-17.1"))
        await office.tell(
            arrived(), cmd.Enqueue(interaction_id=CALL, queue_id=SALES.queue_id, entered_at=START, skills=need)
        )
        rows = {row.interaction_id: row.expected_wait_seconds for row in office.desk.waiting()}
        assert rows[CALL] is not None
        expected = office.floor.picture.expected_wait(CALL, office.clock.now())
        assert expected is not None
        assert rows[CALL] == round(expected.total_seconds())
        assert rows[CALL] != rows[InteractionId("cc1-17.1")]


async def test_a_row_names_the_customer_only_when_there_is_just_one() -> None:
    for names, shown in ((("Wang",), "Wang"), (("Wang", "Li"), None), ((), None)):
        async with Shown(await known(*names)) as office:
            await office.memory.look_up(CALL, NUMBER)
            await office.caller()
            (row,) = office.desk.waiting()
            assert row.customer_name == shown


async def test_a_waiting_row_follows_a_customer_who_is_renamed() -> None:
    store = await known("Wang")
    async with Shown(store) as office:
        await office.memory.look_up(CALL, NUMBER)
        await office.caller()
        office.board()
        await store.update(CustomerId("wang"), CustomerInput(name="Li", contact_points=PHONE), at=START, by="1001")
        await office.desk.customer_changed(CustomerId("wang"))
        office.board()
        assert office.row(CALL).customer_name == "Li"


async def test_a_row_that_cannot_be_drawn_ends_nothing() -> None:
    async with Shown() as office:
        await office.caller()
        office.watched.defect = RuntimeError("a defect")
        office.board()
        office.watched.defect = None
        await office.caller(InteractionId("cc1-17.2"))
        office.board()
        assert office.of(QUEUES) == ["sales"]


async def test_the_board_is_looked_over_where_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens_module, "QUIET_INTERVAL", timedelta(milliseconds=1))
    monkeypatch.setattr(screens_module, "BOARD_INTERVAL", timedelta())
    async with Shown() as office:
        await office.caller()
        office.board()
        office.clock.advance(timedelta(days=1))
        running = asyncio.create_task(office.screens.run())
        async with asyncio.timeout(20):
            while office.offered_today() != 0:  # noqa: ASYNC110  Only the task that is tried can change it.
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_calls_have_their_turn_while_a_long_queue_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens_module, "BOARD_INTERVAL", timedelta())
    calls = [InteractionId(f"cc1-17.{number:03d}") for number in range(4 * screens_module.ROWS_AT_ONCE)]
    async with Shown() as office:
        for call in calls:
            office.floor.tell(arrived(call))
            office.floor.tell(cmd.Enqueue(interaction_id=call, queue_id=SALES.queue_id, entered_at=START))
        await office.settle()
        running = asyncio.create_task(office.screens.run())

        def drawn() -> set[str]:
            return {key for topic, key in office.watched.documents if topic == WAITING}

        async with asyncio.timeout(20):
            while not drawn():  # noqa: ASYNC110  Only the task that is tried can change it.
                await asyncio.sleep(0)
            assert drawn() < set(calls)
            # He leaves when he has been drawn, or is about to be.
            await office.tell(CallEnded(interaction_id=calls[0]), CallEnded(interaction_id=calls[-1]))
            while drawn() != set(calls[1:-1]) or office.row(calls[1]).position != 1:  # noqa: ASYNC110  As above.
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_agents_are_put_for_everybody_and_for_themselves() -> None:
    async with Shown() as office:
        await office.agent()
        assert office.watched.documents[AGENTS, AGENT] == office.desk.agent(AGENT)
        assert office.watched.documents[agent_topic(AGENT), "state"] == office.desk.agent(AGENT)
        assert office.desk.agent(AGENT).state == AgentState.READY
        await office.tell(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        shown = office.watched.documents[AGENTS, AGENT]
        assert isinstance(shown, AgentView)
        assert shown.reason == "break"
