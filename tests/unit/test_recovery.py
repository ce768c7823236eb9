"""Calls that came, talked or went while the server was away get exactly one record, with their own times."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from callcenter.acd.engine import AcdEngine
from callcenter.app.floor_messages import CallEnded
from callcenter.app.recovery import (
    EXCHANGE_BOOKMARK,
    LOG_BOOKMARK,
    Arrival,
    MissedCall,
    MissedTalk,
    Recovery,
    agent_of,
    missed_reports,
    restore,
)
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentConfig, AgentState, NotReadyReason, PhoneStatus
from callcenter.domain.direct import direct_queue
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import Stage
from callcenter.domain.numbers import Number
from callcenter.metrics import queue_day
from tests.fakes import START, FakeClock, FakeRecords
from tests.office import AGENT, CALL, EVERY_SKILL, SALES, Office, arrived

ANI = Number(raw="13800138000", e164="+8613800138000")
AWAY = timedelta(minutes=5)
"""When the server is there again, counted from the start."""


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def missed_call(
    call: InteractionId = CALL,
    *,
    came: float | None = 0,
    ended: float | None = 60,
    talks: Sequence[MissedTalk] = (),
    side: ev.Side | None = ev.Side.CALLER,
    answered: bool | None = None,
) -> MissedCall:
    arrival = None
    if came is not None:
        arrival = Arrival(at=at(came), channel=f"PJSIP/trunk-{call}", ani=ANI, caller_name="Wang", dnis="4000")
    return MissedCall(
        interaction_id=call,
        arrival=arrival,
        ended_at=None if ended is None else at(ended),
        answered=bool(talks) if answered is None else answered,
        talks=tuple(talks),
        side=side,
        cause=16,
    )


def talk(offer_id: OfferId, began: float, ended: float | None) -> MissedTalk:
    return MissedTalk(offer_id=offer_id, began_at=at(began), ended_at=None if ended is None else at(ended))


class FakeLog:
    """An exchange's log: what was missed, or the error of reading it."""

    def __init__(self, missed: Sequence[MissedCall] = (), error: Exception | None = None) -> None:
        self._missed = missed
        self._error = error
        self.asked: list[str | None] = []

    async def missed(self, position: str | None) -> tuple[Sequence[MissedCall], str]:
        self.asked.append(position)
        if self._error is not None:
            raise self._error
        return self._missed, "after"

    async def end(self) -> str:
        if self._error is not None:
            raise self._error
        return "end"


class BrokenRecords(FakeRecords):
    """The store is away."""

    async def bookmark(self, name: str) -> str | None:
        raise CallcenterError("the database is away", code="database_unreachable")

    async def known_interactions(self, ids: Sequence[InteractionId]) -> frozenset[InteractionId]:
        raise CallcenterError("the database is away", code="database_unreachable")


async def back(office: Office, *missed: MissedCall) -> None:
    """The server is there again, and is told what it missed."""
    office.clock.advance(max(START + AWAY - office.clock.now(), timedelta()))
    await office.tell(*await missed_reports(missed, records=office.records, live=office.floor.interactions))


async def offered_then_away(office: Office) -> OfferId:
    await office.agent()
    await office.caller()
    offer_id = office.offer_of()
    await office.tell(cmd.StopRouting())
    return offer_id


async def test_a_call_that_came_and_went_has_one_record_with_its_own_times() -> None:
    async with Office(routing=False) as office:
        await back(office, missed_call(came=10, ended=25))
        record = office.record()
        assert (record.started_at, record.ended_at) == (at(10), at(25))
        assert (record.outcome, record.hangup_side) == (ev.Outcome.ABANDONED_IN_MENU, ev.Side.CALLER)
        assert (record.hangup_cause, record.ani, record.dnis, record.caller_name) == (16, ANI, "4000", "Wang")
        await back(office, missed_call(came=10, ended=25))
        assert office.names() == ["InteractionArrived", "InteractionEnded"]


async def test_a_call_whose_record_the_store_has_is_not_written_again() -> None:
    async with Office(routing=False) as first:
        await back(first, missed_call())
    async with Office(records=first.records, routing=False) as office:
        await back(office, missed_call())
        assert office.journal.events == []


async def test_a_leg_that_never_was_a_caller_has_no_record() -> None:
    async with Office(routing=False) as office:
        await back(office, missed_call(came=None))
        assert office.floor.interactions == {}


async def test_who_left_the_queue_unseen_abandoned_it_when_he_left() -> None:
    async with Office() as office:
        await office.caller()
        await office.tell(cmd.StopRouting())
        await back(office, missed_call(ended=40))
        assert office.record().outcome is ev.Outcome.ABANDONED_IN_QUEUE
        assert office.record().ended_at == at(40)
        assert office.record().waited(office.clock.now()) == timedelta(seconds=40)


async def test_who_left_while_a_phone_rang_frees_the_agent_at_once() -> None:
    async with Office() as office:
        await offered_then_away(office)
        await back(office, missed_call(ended=8))
        assert office.record().outcome is ev.Outcome.ABANDONED_WHILE_RINGING
        assert office.state() is AgentState.READY


async def test_a_talk_that_began_and_ended_unseen_counts_with_its_true_times() -> None:
    async with Office() as office:
        offer_id = await offered_then_away(office)
        await back(office, missed_call(ended=71, talks=[talk(offer_id, 11, 70)], side=ev.Side.AGENT))
        record = office.record()
        assert record.outcome is ev.Outcome.ANSWERED
        assert (record.times.connected_at, record.times.talk_ended_at, record.ended_at) == (at(11), at(70), at(71))
        assert (record.agent_id, record.hangup_side) == (AGENT, ev.Side.AGENT)
        assert record.offers[0].outcome is not None
        day = queue_day.begin_day(SALES.queue_id, START - timedelta(hours=1), SALES.service_level_threshold)
        figures = queue_day.figures(queue_day.fold_all(day, office.journal.events))
        assert (figures.offered, figures.answered, figures.asa) == (1, 1, timedelta(seconds=11))


async def test_after_a_talk_unseen_the_agent_s_wrap_up_ran_from_its_end() -> None:
    async with Office() as office:
        offer_id = await offered_then_away(office)
        office.clock.advance(timedelta(seconds=75))
        await office.tell(
            *await missed_reports(
                [missed_call(ended=70, talks=[talk(offer_id, 11, 70)])],
                records=office.records,
                live=office.floor.interactions,
            )
        )
        assert office.state() is AgentState.WRAP_UP
        assert office.floor.picture.agent(AGENT).wrap_up_until == at(70) + SALES.wrap_up


async def test_a_talk_that_was_known_ends_when_it_ended_not_when_that_was_learned() -> None:
    async with Office() as office:
        offer_id = await offered_then_away(office)
        office.clock.advance(timedelta(seconds=5))
        await office.talk()
        await back(office, missed_call(ended=42, talks=[talk(offer_id, 5, 41)]))
        assert office.record().times.talk_ended_at == at(41)
        assert office.names().count("InteractionConnected") == 1
        assert office.names().count("TalkEnded") == 1


async def test_a_talk_known_from_the_store_ends_with_its_call_even_without_the_log_of_the_talk() -> None:
    async with Office() as office:
        await offered_then_away(office)
        office.clock.advance(timedelta(seconds=5))
        await office.talk()
        await back(office, missed_call(ended=42))
        record = office.record()
        assert record.times.talk_ended_at == record.ended_at == at(42)


async def test_a_talk_that_goes_on_began_when_it_began() -> None:
    async with Office() as office:
        offer_id = await offered_then_away(office)
        await back(office, missed_call(ended=None, talks=[talk(offer_id, 11, None)], side=None))
        assert office.record().stage is Stage.TALKING
        assert office.record().times.connected_at == at(11)
        assert office.floor.picture.agent(AGENT).talk_since == at(11)


async def test_a_talk_that_goes_on_of_a_call_not_on_the_disk_is_left_to_its_channels() -> None:
    async with Office(routing=False) as office:
        await office.agent()
        offer_id = OfferId(f"{CALL}-{AGENT}-1")
        await back(office, missed_call(ended=None, talks=[talk(offer_id, 11, None)], side=None))
        assert office.journal.writes[-1][0][0].__class__ is ev.AgentStateChanged
        assert CALL not in office.floor.interactions


async def test_a_talk_of_long_ago_does_not_end_the_talk_that_the_agent_is_in() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        office.clock.advance(timedelta(seconds=100))
        offer_id = await office.talk()
        await office.tell(cmd.StopRouting())
        old = InteractionId("cc1-1700000000.9")
        missed = missed_call(old, ended=50, talks=[talk(OfferId(f"{old}-{AGENT}-1"), 10, 49)])
        await back(office, missed)
        assert (office.state(), office.offer_of()) == (AgentState.TALKING, offer_id)
        assert office.record(old).outcome is ev.Outcome.ANSWERED


async def test_whom_the_plain_queue_served_was_answered() -> None:
    async with Office(routing=False) as office:
        await back(office, missed_call(answered=True))
        assert office.record().outcome is ev.Outcome.ANSWERED
        assert office.record().agent_id is None


def test_the_agent_stands_in_the_id_that_the_engine_gives_an_offer() -> None:
    agent_id, call = AgentId("north-1001"), InteractionId("cc-1-1700000000.12")
    engine = AcdEngine()
    engine.handle(cmd.ConfigureQueue(config=SALES), START)
    engine.handle(cmd.ConfigureAgent(config=AgentConfig(agent_id=agent_id, name="", skills=EVERY_SKILL)), START)
    for command in (cmd.LogIn(agent_id=agent_id), cmd.SetReady(agent_id=agent_id), cmd.StartRouting()):
        engine.handle(command, START)
    engine.handle(cmd.Enqueue(interaction_id=call, queue_id=SALES.queue_id, entered_at=START), START)
    (offer_id,) = engine.picture.offers
    assert agent_of(offer_id, call) == agent_id
    assert agent_of(OfferId("something else"), call) is None
    assert agent_of(OfferId("1700000000.4"), call) is None


# ---- Recovery


async def test_the_log_is_read_on_from_its_bookmark() -> None:
    async with Office(routing=False) as office:
        office.records.bookmarks = {LOG_BOOKMARK: "before", EXCHANGE_BOOKMARK: "monday"}
        log = FakeLog([missed_call()])
        messages, restarted = await Recovery(office.floor, office.records, log).recover("monday")
        assert log.asked == ["before"]
        assert [type(message) for message in messages] == [ev.InteractionArrived, CallEnded]
        assert not restarted
        assert office.records.bookmarks[LOG_BOOKMARK] == "after"


async def test_an_exchange_is_another_one_when_it_was_started_at_another_time() -> None:
    async with Office(routing=False) as office:
        recovery = Recovery(office.floor, office.records, None)
        assert await recovery.recover("monday") == ([], False)
        assert await recovery.recover("monday") == ([], False)
        assert await recovery.recover("tuesday") == ([], True)
        assert await Recovery(office.floor, office.records, None).recover("wednesday") == ([], True)


async def test_a_store_that_is_away_keeps_nothing_from_being_routed_and_the_exchange_is_remembered_all_the_same() -> (
    None
):
    records = BrokenRecords()
    async with Office(records=records, routing=False) as office:
        recovery = Recovery(office.floor, records, FakeLog([missed_call()]))
        assert await recovery.recover("monday") == ([], False)
        assert await recovery.recover("monday") == ([], False)
        assert await recovery.recover("tuesday") == ([], True)
        await recovery.recall([CALL])
        assert office.floor.interactions == {}


async def test_a_log_that_may_not_be_read_is_no_reason_to_stop() -> None:
    async with Office(routing=False) as office:
        recovery = Recovery(office.floor, office.records, FakeLog(error=PermissionError("no")))
        assert await recovery.recover("monday") == ([], False)


async def test_a_call_that_the_store_knows_as_ended_is_recalled_with_its_record() -> None:
    async with Office() as first:
        await first.tell(arrived(), CallEnded(interaction_id=CALL, outcome=ev.Outcome.FAILED))
    async with Office(records=first.records, routing=False) as office:
        recovery = Recovery(office.floor, office.records, None)
        await recovery.recall([CALL, InteractionId("cc1-1700000000.77")])
        assert office.record().outcome is ev.Outcome.FAILED
        assert len(office.floor.interactions) == 1


async def test_the_floor_comes_back_from_the_store_as_it_was() -> None:
    async with Office() as first:
        await first.agent()
        await first.agent(AgentId("1002"), ready=False)
        await first.caller()
        await first.talk()
    async with Office(clock=FakeClock(at(9)), records=first.records, routing=False) as office:
        office.configuration.agent_configs = first.configuration.agent_configs
        office.records.statuses[AgentId("1077")] = first.records.statuses[AGENT]
        await restore(office.floor, configuration=office.configuration, records=office.records)
        assert office.record() == first.record()
        assert (office.state(), office.state(AgentId("1002"))) == (AgentState.TALKING, AgentState.NOT_READY)
        assert AgentId("1077") not in office.floor.picture.agents


async def test_a_talk_in_an_agents_own_queue_has_its_wrap_up_after_a_restart_too() -> None:
    async with Office() as first:
        await first.agent()
        await first.caller()
        await first.talk()
    own = direct_queue(first.configuration.agent_configs[AGENT])
    async with Office(clock=FakeClock(at(9)), records=first.records, routing=False) as office:
        office.configuration.agent_configs = first.configuration.agent_configs
        office.records.statuses[AGENT] = replace(first.records.statuses[AGENT], queue_id=own.queue_id)
        await restore(office.floor, configuration=office.configuration, records=office.records)
        offer_id = office.floor.picture.agent(AGENT).offer_id
        assert offer_id is not None
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id, side=ev.Side.CALLER))
        assert office.state() is AgentState.WRAP_UP
        assert office.floor.picture.agent(AGENT).wrap_up_until == at(9) + own.wrap_up


async def test_a_restored_floor_knows_misses_and_the_time_limits_of_reasons() -> None:
    async with Office() as first:
        await first.agent(ready=False)
    async with Office(clock=FakeClock(at(9)), records=first.records, routing=False) as office:
        office.configuration.agent_configs = first.configuration.agent_configs
        office.configuration.reason_rules = (NotReadyReason(code="signed_in", limit=timedelta(minutes=10)),)
        office.records.statuses[AGENT] = replace(first.records.statuses[AGENT], misses=2)
        await restore(office.floor, configuration=office.configuration, records=office.records)
        assert office.floor.picture.agent(AGENT).misses == 2
        office.clock.advance(timedelta(minutes=15))
        await office.floor.request(cmd.ReportPhone(agent_id=AGENT, status=PhoneStatus.FREE))
        over = [event for event in office.journal.events if isinstance(event, ev.AgentTimeLimit)]
        assert [(event.agent_id, event.reason) for event in over] == [(AGENT, "signed_in")]
