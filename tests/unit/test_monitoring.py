"""Supervisors in talks: who may hear what, what is told of it, and how it ends."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callcenter.app.audit_trail import AuditTrail
from callcenter.app.feed import MONITORING, agent_topic
from callcenter.app.monitor_port import FoundMonitor
from callcenter.app.monitoring import DONE_WITHIN, SHOWN_AFTER, Monitoring
from callcenter.app.monitoring_views import MonitoringState, MonitoringView
from callcenter.app.ports import User
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Phone, PhoneKind, PhoneStatus
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, InteractionId, MonitoringId, OfferId, UserId
from callcenter.domain.monitoring import Announcement, MonitorEnd, MonitorMode
from tests.fakes import FakeMonitorLine, FakeRecords
from tests.office import AGENT, CALL, SALES, Office

BOSS_AGENT = AgentId("1009")
FIRST = MonitoringId("mon-1")


def user(name: str = "super", agent_id: AgentId | None = BOSS_AGENT) -> User:
    return User(
        user_id=UserId(name),
        name=name,
        display_name=f"The {name}",
        role="supervisor",
        agent_id=agent_id,
        language="en",
        password_hash="",
    )


class FakeFeed:
    """The documents there are."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], Any] = {}

    def put(self, topic: str, key: str, document: object) -> None:
        self.documents[topic, key] = document

    def delete(self, topic: str, key: str) -> None:
        self.documents.pop((topic, key), None)

    async def delivered(self, topic: str, within: timedelta) -> None:
        """All has left."""


class FakePast:
    """What is said to have begun."""

    def __init__(self) -> None:
        self.begun: tuple[ev.MonitoringStarted, ...] = ()

    async def unended(self, since: object) -> tuple[ev.MonitoringStarted, ...]:
        return self.begun


class Ears(Office):
    """An office with a talk in it, and a supervisor who may listen."""

    def __init__(self, announced: Announcement = Announcement.SAID, records: FakeRecords | None = None) -> None:
        self.shown = FakeFeed()
        super().__init__(queues=(replace(SALES, monitoring=announced, wrap_up=timedelta(seconds=30)),), feed=self.shown)
        self.line = FakeMonitorLine()
        self.trail = AuditTrail(self.users)
        self.past = FakePast()
        self.numbers = iter(range(1, 100))
        self.monitoring = self.server()

    def server(self) -> Monitoring:
        """Another server's memory of who listens."""
        monitoring = Monitoring(
            floor=self.floor,
            line=self.line,
            feed=self.shown,
            trail=self.trail,
            records=self.records,
            past=self.past,
            clock=self.clock,
            new_id=lambda: MonitoringId(f"mon-{next(self.numbers)}"),
        )
        self.floor.watch(monitoring.watch)
        return monitoring

    async def begin_talk(self) -> OfferId:
        await self.agent()
        await self.agent(BOSS_AGENT, ready=False)
        await self.caller()
        return await self.talk()

    async def listen(self, mode: MonitorMode = MonitorMode.LISTEN, who: User | None = None) -> MonitoringView:
        """Ordered, and answered."""
        view = await self.monitoring.begin(who or user(), AGENT, mode, None)
        self.monitoring.heard(view.monitoring_id, mode)
        await self.settle()
        return view

    async def audited(self) -> list[tuple[str, ...]]:
        assert await self.trail.write()
        return [line[1:] for line in self.users.audit_log]

    @property
    def board(self) -> Mapping[str, MonitoringView]:
        return {key: document for (topic, key), document in self.shown.documents.items() if topic == MONITORING}

    @property
    def desk_shows(self) -> list[tuple[str, MonitorMode]]:
        found = self.shown.documents.get((agent_topic(AGENT), "monitored"))
        return [(one.by_name, one.mode) for one in found.listeners] if found is not None else []


async def test_a_supervisor_hears_the_talk_and_everything_of_it_is_told() -> None:
    async with Ears() as office:
        offer_id = await office.begin_talk()
        view = await office.monitoring.begin(user(), AGENT, MonitorMode.LISTEN, None)
        assert view.state is MonitoringState.RINGING
        ((call, mode, phone),) = office.line.called
        assert (call.offer_id, call.interaction_id, call.caller_id) == (offer_id, CALL, CALL)
        assert (call.own_agent_id, mode, phone) == (BOSS_AGENT, MonitorMode.LISTEN, Phone())
        assert office.desk_shows == []
        office.monitoring.heard(FIRST, MonitorMode.LISTEN)
        assert office.board[FIRST].state is MonitoringState.LIVE
        assert office.desk_shows == [("The super", MonitorMode.LISTEN)]
        office.clock.advance(timedelta(seconds=35))
        changing = asyncio.create_task(office.monitoring.change(FIRST, MonitorMode.WHISPER, by="super"))
        await asyncio.sleep(0)
        assert office.line.changed == [MonitorMode.WHISPER]
        assert not changing.done()
        office.monitoring.heard(FIRST, MonitorMode.WHISPER)
        assert (await changing).mode is MonitorMode.WHISPER
        office.clock.advance(timedelta(seconds=5))
        stopping = asyncio.create_task(office.monitoring.stop(FIRST, by="super"))
        await asyncio.sleep(0)
        office.monitoring.gone(FIRST, MonitorEnd.STOPPED)
        assert (await stopping).end is MonitorEnd.STOPPED
        await office.settle()
        assert office.desk_shows == []
        assert [name for name in office.names() if name.startswith("Monitoring")] == [
            "MonitoringStarted",
            "MonitoringChanged",
            "MonitoringEnded",
        ]
        (ended,) = [event for event in office.journal.events if isinstance(event, ev.MonitoringEnded)]
        assert (ended.by, ended.end, ended.seconds) == ("super", MonitorEnd.STOPPED, 40.0)
        assert await office.audited() == [
            ("super", "monitoring_started", CALL, "agent 1001, listen, said"),
            ("super", "monitoring_changed", CALL, "agent 1001, listen -> whisper"),
            ("super", "monitoring_ended", CALL, "agent 1001, whisper: stopped after 40 s"),
        ]


@pytest.mark.parametrize(
    ("announced", "desk", "tones"), [(Announcement.SAID, 1, 0), (Announcement.TONE, 0, 1), (Announcement.SILENT, 0, 0)]
)
async def test_what_those_in_the_talk_learn_is_for_the_queue_to_say(
    announced: Announcement, desk: int, tones: int
) -> None:
    async with Ears(announced) as office:
        await office.begin_talk()
        await office.listen()
        assert (len(office.desk_shows), len(office.line.toned)) == (desk, tones)
        # Another mode is no second beginning.
        office.monitoring.heard(FIRST, MonitorMode.BARGE)
        assert len(office.line.toned) == tones
        assert ("super", "monitoring_started", CALL, f"agent 1001, listen, {announced}") in await office.audited()


async def test_the_end_of_the_talk_ends_it_even_where_the_exchange_forgot() -> None:
    async with Ears() as office:
        offer_id = await office.begin_talk()
        await office.listen()
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id))
        assert [call.monitoring_id for call in office.line.stopped] == [FIRST]
        office.monitoring.gone(FIRST, MonitorEnd.STOPPED)
        assert office.board[FIRST].end is MonitorEnd.TALK_OVER


async def test_who_answers_after_the_talk_hears_nothing_of_the_next() -> None:
    async with Ears() as office:
        offer_id = await office.begin_talk()
        await office.monitoring.begin(user(), AGENT, MonitorMode.LISTEN, None)
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id))
        office.line.stopped.clear()
        office.monitoring.heard(FIRST, MonitorMode.LISTEN)
        assert [call.monitoring_id for call in office.line.stopped] == [FIRST]


@pytest.mark.parametrize("end", [MonitorEnd.UNREACHABLE, MonitorEnd.NOT_ANSWERED, MonitorEnd.DECLINED])
async def test_a_phone_that_did_not_answer_is_told_why(end: MonitorEnd) -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.monitoring.begin(user(), AGENT, MonitorMode.LISTEN, None)
        office.monitoring.gone(FIRST, end)
        assert (office.board[FIRST].state, office.board[FIRST].end) == (MonitoringState.ENDED, end)
        assert await office.audited() == [("super", "monitoring_failed", CALL, f"agent 1001, listen: {end}")]
        assert "MonitoringStarted" not in office.names()
        # Now he may try again, and what was is shown no more.
        again = await office.monitoring.begin(user(), AGENT, MonitorMode.LISTEN, None)
        assert list(office.board) == [again.monitoring_id]


async def test_how_it_ended_is_shown_for_a_while() -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.listen()
        office.monitoring.gone(FIRST, MonitorEnd.HUNG_UP)
        office.clock.advance(SHOWN_AFTER + timedelta(seconds=1))
        running = asyncio.create_task(office.monitoring.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not office.board


# ---- what is refused


async def refused(office: Ears, who: User, phone: Phone | None = None, agent_id: AgentId = AGENT) -> str:
    with pytest.raises(CallcenterError) as caught:
        await office.monitoring.begin(who, agent_id, MonitorMode.LISTEN, phone)
    assert not office.line.called or office.board
    return caught.value.code


async def test_there_must_be_a_talk_and_a_phone() -> None:
    async with Ears() as office:
        await office.agent()
        assert await refused(office, user()) == "not_in_talk"
        assert await refused(office, user(), agent_id=AgentId("nobody")) == "unknown_agent"
        await office.begin_talk()
        assert await refused(office, user("owner", None)) == "no_phone"
        assert await refused(office, user("owner", None), Phone(kind=PhoneKind.BROWSER)) == "no_phone"
        assert await refused(office, user(agent_id=AGENT)) == "own_talk"
        office.line.refusal = InvalidValue("no trunk", code="no_outside_line")
        assert await refused(office, user("owner", None), Phone(kind=PhoneKind.OUTSIDE, address="+86")) == (
            "no_outside_line"
        )
        assert not office.board


@pytest.mark.parametrize(
    ("status", "code"), [(PhoneStatus.UNREACHABLE, "phone_unreachable"), (PhoneStatus.BUSY, "phone_busy")]
)
async def test_a_phone_that_cannot_ring_is_said_at_once(status: PhoneStatus, code: str) -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.tell(cmd.ReportPhone(agent_id=BOSS_AGENT, status=status))
        assert await refused(office, user()) == code
        address = Phone(kind=PhoneKind.ADDRESS, address="boss@192.0.2.7")
        await office.monitoring.begin(user(), AGENT, MonitorMode.LISTEN, address)
        assert office.line.called[0][2] == address


async def test_one_talk_at_a_time_and_his_own_alone() -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.listen()
        assert await refused(office, user()) == "listening_already"
        for act in (office.monitoring.stop, office.monitoring.take_over):
            with pytest.raises(NotFound):
                await act(FIRST, by="another")
        with pytest.raises(NotFound):
            await office.monitoring.change(FIRST, MonitorMode.BARGE, by="another")
        assert not office.line.stopped


async def test_the_mode_of_a_phone_that_still_rings_cannot_be_changed() -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.monitoring.begin(user(), AGENT, MonitorMode.LISTEN, None)
        with pytest.raises(Conflict) as caught:
            await office.monitoring.change(FIRST, MonitorMode.BARGE, by="super")
        assert caught.value.code == "not_listening"


async def test_an_exchange_that_does_not_do_it_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callcenter.app.monitoring.DONE_WITHIN", DONE_WITHIN / 500)
    async with Ears() as office:
        await office.begin_talk()
        await office.listen()
        with pytest.raises(Conflict) as caught:
            await office.monitoring.change(FIRST, MonitorMode.BARGE, by="super")
        assert caught.value.code == "not_done"
        assert office.board[FIRST].mode is MonitorMode.LISTEN


# ---- taking over


async def test_the_caller_is_the_supervisors_and_the_agent_has_his_after_call_work() -> None:
    async with Ears() as office:
        offer_id = await office.begin_talk()
        await office.listen(MonitorMode.BARGE)
        office.clock.advance(timedelta(seconds=20))
        taking = asyncio.create_task(office.monitoring.take_over(FIRST, by="super"))
        await asyncio.sleep(0)
        assert [call.monitoring_id for call in office.line.taken_over] == [FIRST]
        # As the bridge reports it: first that his channel is an agent's, then the talk, then the other's end.
        office.monitoring.took_over(FIRST)
        await office.tell(
            cmd.ReportTalk(offer_id=OfferId(FIRST), interaction_id=CALL, agent_id=BOSS_AGENT),
            cmd.ReportTalkEnded(offer_id=offer_id),
        )
        assert (await taking).end is MonitorEnd.TOOK_OVER
        assert not office.line.stopped
        assert (office.state(AGENT), office.state(BOSS_AGENT)) == (AgentState.WRAP_UP, AgentState.TALKING)
        assert office.floor.picture.agent(BOSS_AGENT).queue_id == SALES.queue_id
        assert office.record().agent_id == BOSS_AGENT
        talks = [event for event in office.journal.events if isinstance(event, ev.TalkEnded | ev.InteractionConnected)]
        assert [(type(event).__name__, event.agent_id) for event in talks] == [
            ("InteractionConnected", AGENT),
            ("TalkEnded", AGENT),
            ("InteractionConnected", BOSS_AGENT),
        ]
        await office.tell(cmd.ReportTalkEnded(offer_id=OfferId(FIRST), side=ev.Side.AGENT))
        assert office.state(BOSS_AGENT) is AgentState.WRAP_UP


async def test_only_an_agent_who_is_free_takes_a_caller_over() -> None:
    async with Ears() as office:
        await office.begin_talk()
        address = Phone(kind=PhoneKind.ADDRESS, address="boss@192.0.2.7")
        await office.monitoring.begin(user("owner", None), AGENT, MonitorMode.LISTEN, address)
        office.monitoring.heard(FIRST, MonitorMode.LISTEN)
        with pytest.raises(Conflict) as caught:
            await office.monitoring.take_over(FIRST, by="owner")
        assert caught.value.code == "no_agent_phone"
        await office.listen()
        await office.floor.request(cmd.SetReady(agent_id=BOSS_AGENT))
        await office.caller(InteractionId("cc1-1700000000.2"))
        with pytest.raises(Conflict) as caught:
            await office.monitoring.take_over(MonitoringId("mon-2"), by="super")
        assert caught.value.code == "own_talk"
        assert not office.line.taken_over


async def test_a_talk_that_ended_first_cannot_be_taken_over() -> None:
    async with Ears() as office:
        offer_id = await office.begin_talk()
        await office.listen()
        taking = asyncio.create_task(office.monitoring.take_over(FIRST, by="super"))
        await asyncio.sleep(0)
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id))
        office.monitoring.gone(FIRST, MonitorEnd.TALK_OVER)
        with pytest.raises(Conflict) as caught:
            await taking
        assert caught.value.code == "not_in_talk"


# ---- another server


async def test_who_listens_on_through_a_restart_is_shown_again_since_when_he_did() -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.listen(MonitorMode.WHISPER)
        call = office.line.called[0][0]
        (begun,) = [event for event in office.journal.events if isinstance(event, ev.MonitoringStarted)]
        office.past.begun = (begun,)
        office.clock.advance(timedelta(seconds=60))
        office.monitoring = office.server()
        found = FoundMonitor(call=call, mode=MonitorMode.BARGE, up=True)
        await office.monitoring.found([found], office.clock.now())
        (view,) = office.monitoring.views()
        assert (view.state, view.mode, view.live_since) == (MonitoringState.LIVE, MonitorMode.BARGE, begun.at)
        assert not office.line.stopped
        office.monitoring.gone(FIRST, MonitorEnd.HUNG_UP)
        assert (await office.audited())[-1] == (
            "super",
            "monitoring_ended",
            CALL,
            "agent 1001, barge: hung_up after 60 s",
        )


async def test_who_was_gone_when_the_server_came_back_has_an_end_once() -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.listen()
        (begun,) = [event for event in office.journal.events if isinstance(event, ev.MonitoringStarted)]
        office.past.begun = (begun,)
        office.monitoring = office.server()
        await office.monitoring.found([], office.clock.now())
        await office.monitoring.found([], office.clock.now())
        await office.settle()
        ends = [event for event in office.journal.events if isinstance(event, ev.MonitoringEnded)]
        assert [(end.monitoring_id, end.end) for end in ends] == [(FIRST, MonitorEnd.LOST)]
        assert (await office.audited())[-1][1] == "monitoring_ended"


async def test_who_answered_while_no_server_was_there_has_a_beginning_too() -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.monitoring.begin(user(), AGENT, MonitorMode.LISTEN, None)
        call = office.line.called[0][0]
        office.monitoring = office.server()
        await office.monitoring.found([FoundMonitor(call=call, mode=MonitorMode.LISTEN, up=True)], office.clock.now())
        await office.settle()
        assert "MonitoringStarted" in office.names()


async def test_a_channel_that_hears_a_talk_that_is_over_is_hung_up() -> None:
    async with Ears() as office:
        offer_id = await office.begin_talk()
        await office.monitoring.begin(user(), AGENT, MonitorMode.LISTEN, None)
        call = office.line.called[0][0]
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id))
        office.line.stopped.clear()
        office.monitoring = office.server()
        await office.monitoring.found([FoundMonitor(call=call, mode=MonitorMode.LISTEN, up=True)], office.clock.now())
        assert office.line.stopped == [call]


async def test_the_audit_log_gets_its_lines_when_the_store_is_back() -> None:
    async with Ears() as office:
        await office.begin_talk()
        await office.listen()
        office.users.away = CallcenterError("away")
        assert not await office.trail.write()
        office.users.away = None
        assert len(await office.audited()) == 1
