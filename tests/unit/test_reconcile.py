"""What the exchange has against what the server believes: rule by rule, and a kill between each two steps of a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from callcenter.app.call_state import CallStage, CallState
from callcenter.app.floor_messages import CallEnded, Message
from callcenter.app.reconcile import SETTLING, LegSnapshot, LegState, Snapshot, ending_unknown, reconcile
from callcenter.app.recovery import Arrival, MissedCall, MissedTalk, missed_reports, restore
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.agents import AgentConfig, AgentState
from callcenter.domain.direct import direct_queue_id
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import LegRole, Stage
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause
from tests.fakes import START, FakeClock, FakeRecords
from tests.office import AGENT, CALL, EVERY_SKILL, SALES, Office, arrived

ANI = Number(raw="13800138000", e164="+8613800138000")
OTHER = AgentId("1002")
LONG = SETTLING * 2


def waiting_state(*, entered_ago: timedelta = timedelta(seconds=10)) -> CallState:
    return CallState(stage=CallStage.QUEUE, queue_id=SALES.queue_id, entered_at=START - entered_ago, language="zh")


def caller_leg(
    state: CallState | None = None,
    *,
    call: InteractionId = CALL,
    bridge: str | None = None,
    served: bool = False,
    fallback: bool = False,
) -> LegSnapshot:
    return LegSnapshot(
        leg_id=call,
        channel=f"PJSIP/trunk-{call}",
        role=LegRole.CALLER,
        state=LegState.UP,
        interaction_id=call,
        started_at=START - timedelta(seconds=30),
        bridge_id=bridge,
        call_state=(state or waiting_state()).encode(),
        fallback=fallback,
        served=served,
        ani=ANI,
        dnis="4000",
    )


def agent_leg(
    offer_id: OfferId, state: LegState = LegState.RINGING, *, bridge: str | None = None, agent_id: AgentId = AGENT
) -> LegSnapshot:
    return LegSnapshot(
        leg_id=offer_id,
        channel=f"PJSIP/{agent_id}-1",
        role=LegRole.AGENT,
        state=state,
        interaction_id=CALL,
        bridge_id=bridge,
        ani=Number(raw=""),
        offer_id=offer_id,
        agent_id=agent_id,
    )


def seen(office: Office, *legs: LegSnapshot, restarted: bool = False) -> Snapshot:
    return Snapshot(taken_at=office.clock.now(), legs=legs, restarted=restarted)


def compare(office: Office, *legs: LegSnapshot, restarted: bool = False) -> list[Message]:
    return reconcile(seen(office, *legs, restarted=restarted), office.floor.picture, office.floor.interactions)


async def ringing(office: Office) -> OfferId:
    await office.agent()
    await office.caller()
    return office.offer_of()


async def talking(office: Office) -> OfferId:
    await ringing(office)
    return await office.talk()


# ---- rule by rule


async def test_nothing_is_told_when_all_agrees() -> None:
    async with Office() as office:
        offer = await ringing(office)
        await office.pass_time(LONG)
        assert compare(office, caller_leg(), agent_leg(offer)) == []
        await office.talk()
        await office.pass_time(LONG)
        talk = (caller_leg(bridge="b", served=True), agent_leg(offer, LegState.UP, bridge="b"))
        assert compare(office, *talk) == []


async def test_a_talk_whose_phone_is_awaited_goes_on_and_a_new_server_finds_it() -> None:
    async with Office() as office:
        offer = await talking(office)
        await office.pass_time(LONG)
        parted = replace(caller_leg(served=True), rejoined_by=offer)
        assert compare(office, parted) == []
        # The phone rings again: an offer that ended long ago is no reason to stop it.
        assert compare(office, parted, agent_leg(offer)) == []
        record = office.record()
    async with Office(routing=False) as office:
        await office.agent()
        told = reconcile(seen(office, parted), office.floor.picture, {CALL: record})
        found = cmd.ReportTalk(offer_id=offer, interaction_id=CALL, agent_id=AGENT, queue_id=record.queue_id)
        assert told == [found]


async def test_an_empty_memory_learns_the_call_with_the_time_it_came_and_its_place() -> None:
    async with Office(routing=False) as office:
        told = compare(office, caller_leg(waiting_state(entered_ago=timedelta(seconds=17))))
        assert [type(message) for message in told] == [ev.InteractionArrived, cmd.Enqueue]
        await office.tell(*told)
        assert office.record().started_at == START - timedelta(seconds=30)
        assert office.record().times.queued_at == START - timedelta(seconds=17)
        assert office.record().legs[0].channel == f"PJSIP/trunk-{CALL}"


async def test_a_caller_in_the_menu_is_known_and_waits_in_no_queue() -> None:
    async with Office(routing=False) as office:
        told = compare(office, caller_leg(CallState(stage=CallStage.MENU, flow="main", node="menu")))
        assert [type(message) for message in told] == [ev.InteractionArrived]


async def test_a_queue_that_is_gone_takes_nobody() -> None:
    async with Office(routing=False) as office:
        told = compare(office, caller_leg(replace(waiting_state(), queue_id=QueueId("closed_down"))))
        assert [type(message) for message in told] == [ev.InteractionArrived]


async def test_a_talk_that_ended_unheard_is_ended_but_not_one_that_has_just_begun() -> None:
    async with Office() as office:
        offer = await talking(office)
        assert compare(office, caller_leg(served=True)) == []
        await office.pass_time(LONG)
        assert compare(office, caller_leg(served=True)) == [cmd.ReportTalkEnded(offer_id=offer)]


async def test_a_caller_who_left_unheard_is_gone_but_not_one_who_has_just_come() -> None:
    async with Office() as office:
        await office.caller()
        assert compare(office) == []
        await office.pass_time(LONG)
        assert compare(office) == [CallEnded(interaction_id=CALL, at=office.clock.now())]


async def test_calls_of_an_exchange_that_was_started_anew_are_lost_with_it() -> None:
    async with Office() as office:
        await office.caller()
        await office.pass_time(LONG)
        await office.tell(*compare(office, restarted=True))
        assert (office.record().outcome, office.record().hangup_side) == (ev.Outcome.LOST_PBX, ev.Side.SYSTEM)


async def test_a_talk_in_an_agents_own_queue_of_which_nothing_was_written_has_that_queue_and_its_wrap_up() -> None:
    async with Office(routing=False) as office:
        await office.agent()
        offer_id = OfferId(f"{CALL}-{AGENT}-1")
        state = replace(waiting_state(), queue_id=direct_queue_id(AGENT))
        caller = caller_leg(state, bridge="b1", served=True)
        # Waiting, his next question brings him there, with the time that he is to be rung.
        await office.tell(*compare(office, caller_leg(state)))
        assert direct_queue_id(AGENT) not in office.floor.picture.queues
        await office.tell(*compare(office, caller, agent_leg(offer_id, LegState.UP, bridge="b1")))
        assert office.record().queue_id == direct_queue_id(AGENT)
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id))
        assert office.state() is AgentState.WRAP_UP


async def test_a_call_that_the_plain_queue_owns_is_never_touched() -> None:
    async with Office() as office:
        told = compare(office, caller_leg(fallback=True))
        assert [type(message) for message in told] == [ev.InteractionArrived]
        await office.agent()
        await office.tell(*told)
        assert compare(office, caller_leg(fallback=True, bridge="plain")) == []
        assert office.telephony.rung == []


async def test_a_caller_whom_the_plain_queue_took_leaves_ours_and_his_phone_stops() -> None:
    async with Office() as office:
        offer = await ringing(office)
        told = compare(office, caller_leg(fallback=True), agent_leg(offer))
        assert told == [cmd.Leave(interaction_id=CALL)]
        await office.tell(*told)
        assert office.telephony.stopped == [offer]
        assert office.state() is AgentState.READY
        assert office.record().stage is not Stage.ENDED


async def test_a_caller_whom_an_agent_has_claimed_is_not_queued_again() -> None:
    async with Office(routing=False) as office:
        await office.tell(arrived())
        assert compare(office, caller_leg(served=True)) == []
        assert compare(office, caller_leg(bridge="anything")) == []


async def test_a_talk_of_an_agent_who_is_gone_does_not_put_his_caller_back_into_the_queue() -> None:
    async with Office() as office:
        gone = AgentId("1099")
        talk = (
            caller_leg(bridge="b", served=True),
            agent_leg(OfferId("x"), LegState.UP, bridge="b", agent_id=gone),
        )
        await office.agent()
        await office.tell(*compare(office, *talk))
        assert office.record().stage is Stage.ARRIVED
        assert office.telephony.rung == []


async def test_a_phone_that_never_rang_gives_its_caller_back_but_not_within_a_moment() -> None:
    async with Office() as office:
        offer = await ringing(office)
        assert compare(office, caller_leg()) == []
        await office.pass_time(LONG)
        told = compare(office, caller_leg())
        assert told == [cmd.ReportOfferFailed(offer_id=offer, cause=OfferCause.BRIDGE_FAILED)]


async def test_a_phone_that_rings_for_nobody_is_stopped() -> None:
    async with Office() as office:
        await office.agent()
        stray = OfferId(f"{CALL}-{AGENT}-1")
        await office.tell(*compare(office, agent_leg(stray)))
        assert office.telephony.stopped == [stray]
        assert office.state() is AgentState.READY


async def test_an_order_to_stop_that_was_lost_is_given_again_but_not_at_once() -> None:
    async with Office() as office:
        offer = await ringing(office)
        await office.floor.request(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        office.telephony.stopped.clear()
        assert compare(office, caller_leg(), agent_leg(offer)) == []
        await office.pass_time(LONG)
        assert compare(office, caller_leg(), agent_leg(offer)) == [StopRinging(offer_id=offer)]
        await office.tell(StopRinging(offer_id=offer))
        assert office.telephony.stopped == [offer]


async def test_who_has_answered_and_claimed_nobody_yet_is_not_rung_a_second_time() -> None:
    async with Office(routing=False) as office:
        await office.agent()
        offer = OfferId(f"{CALL}-{AGENT}-1")
        await office.tell(*compare(office, caller_leg(), agent_leg(offer, LegState.UP)), cmd.StartRouting())
        assert (office.state(), office.offer_of()) == (AgentState.OFFERED, offer)
        assert office.telephony.rung == []


async def test_a_leg_that_has_claimed_its_caller_is_not_hung_up_on_the_way_into_the_bridge() -> None:
    async with Office(routing=False) as office:
        await office.agent()
        offer = OfferId(f"{CALL}-{AGENT}-1")
        await office.tell(*compare(office, caller_leg(served=True), agent_leg(offer, LegState.UP)))
        assert office.telephony.stopped == []


@pytest.mark.parametrize("outcome", [ev.Outcome.ENDED_IN_MENU, ev.Outcome.FAILED])
async def test_a_call_that_hears_its_last_words_gets_the_end_its_channel_carries(outcome: ev.Outcome) -> None:
    state = CallState(stage=CallStage.ENDING, outcome=outcome.value)
    async with Office(routing=False) as office:
        assert ending_unknown(seen(office, caller_leg(state)), office.floor.interactions) == (CALL,)
        await office.tell(*compare(office, caller_leg(state)))
        assert (office.record().outcome, office.record().hangup_side) == (outcome, ev.Side.SYSTEM)
        assert compare(office, caller_leg(state)) == []


async def test_an_end_that_cannot_be_read_is_an_end_in_the_menu() -> None:
    state = CallState(stage=CallStage.ENDING, outcome="who knows")
    async with Office(routing=False) as office:
        await office.tell(arrived(), *compare(office, caller_leg(state)))
        assert ending_unknown(seen(office, caller_leg(state)), office.floor.interactions) == ()
        await office.tell(*compare(office, caller_leg(state)))
        assert office.names().count("InteractionEnded") == 1
        assert office.record().outcome is ev.Outcome.ENDED_IN_MENU


async def test_what_was_told_twice_changes_nothing() -> None:
    async with Office(routing=False) as office:
        await office.agent()
        offer = OfferId(f"{CALL}-{AGENT}-1")
        legs = (caller_leg(bridge="b", served=True), agent_leg(offer, LegState.UP, bridge="b"))
        told = compare(office, *legs)
        await office.tell(*told)
        before = office.record(), office.state()
        await office.tell(*told)
        assert (office.record(), office.state()) == before
        assert compare(office, *legs) == []


async def test_the_order_of_the_queue_comes_back_whatever_the_order_of_the_list() -> None:
    async with Office(routing=False) as office:
        calls = [InteractionId(f"cc1-1700000000.{n}") for n in range(1, 6)]
        legs = [
            caller_leg(waiting_state(entered_ago=timedelta(seconds=60 - n, microseconds=n)), call=call)
            for n, call in enumerate(calls)
        ]
        await office.tell(*compare(office, *reversed(legs)))
        assert [place.interaction_id for place in office.floor.picture.waiting_in(SALES.queue_id)] == calls


# ---- a kill between every two steps of a call (F4)

DISK = ("nothing", "arrived", "queued", "offered", "connected", "over")
"""How far the journal had got onto the disk."""
WIRE = ("menu", "waiting", "ringing", "answered", "claimed", "talking", "over")
"""How far the call had really got when the server was there again."""
FURTHEST = {"menu": "queued", "waiting": "offered", "ringing": "offered", "answered": "offered", "claimed": "offered"}
"""The disk is never ahead of the wire, but that an offer is written before its phone is rung."""


@dataclass(frozen=True)
class Life:
    """One call as it went before the kill: what each step had put on the disk, and the id of its offer."""

    disks: Mapping[str, FakeRecords]
    offer_id: OfferId


def copied(records: FakeRecords) -> FakeRecords:
    copy = FakeRecords()
    copy.kept, copy.statuses, copy.events = dict(records.kept), dict(records.statuses), list(records.events)
    return copy


async def lived() -> Life:
    disks: dict[str, FakeRecords] = {}
    async with Office() as office:
        await office.agent()
        await office.agent(OTHER, ready=False)
        disks["nothing"] = copied(office.records)
        await office.tell(arrived())
        disks["arrived"] = copied(office.records)
        await office.tell(cmd.StopRouting())
        await office.tell(cmd.Enqueue(interaction_id=CALL, queue_id=SALES.queue_id, entered_at=START))
        disks["queued"] = copied(office.records)
        await office.tell(cmd.StartRouting())
        disks["offered"] = copied(office.records)
        offer_id = office.offer_of()
        office.clock.advance(timedelta(seconds=5))
        await office.talk()
        disks["connected"] = copied(office.records)
        office.clock.advance(timedelta(seconds=60))
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id, side=ev.Side.AGENT))
        await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.AGENT, cause=16))
        disks["over"] = copied(office.records)
    return Life(disks=disks, offer_id=offer_id)


def on_the_wire(wire: str, offer_id: OfferId) -> tuple[LegSnapshot, ...]:
    state = CallState(stage=CallStage.QUEUE, queue_id=SALES.queue_id, entered_at=START)
    match wire:
        case "menu":
            return (caller_leg(CallState(stage=CallStage.MENU, flow="main", node="menu")),)
        case "waiting":
            return (caller_leg(state),)
        case "ringing":
            return (caller_leg(state), agent_leg(offer_id))
        case "answered":
            return (caller_leg(state), agent_leg(offer_id, LegState.UP))
        case "claimed":
            return (caller_leg(state, served=True), agent_leg(offer_id, LegState.UP))
        case "talking":
            return (
                caller_leg(state, served=True, bridge="b"),
                agent_leg(offer_id, LegState.UP, bridge="b"),
            )
        case _:
            return ()


def in_the_log(wire: str, offer_id: OfferId) -> Sequence[MissedCall]:
    if wire not in ("talking", "over"):
        return ()
    over = START + timedelta(seconds=65) if wire == "over" else None
    talk = MissedTalk(offer_id=offer_id, began_at=START + timedelta(seconds=5), ended_at=over)
    return (
        MissedCall(
            interaction_id=CALL,
            arrival=Arrival(at=START, channel=f"PJSIP/trunk-{CALL}", ani=ANI, caller_name="", dnis="4000"),
            ended_at=over,
            answered=True,
            talks=(talk,),
            side=ev.Side.AGENT if over else None,
            cause=16 if over else None,
        ),
    )


CASES = [
    (disk, wire)
    for wire in WIRE
    for disk in DISK
    if DISK.index(disk) <= DISK.index(FURTHEST.get(wire, "connected" if wire == "talking" else "over"))
    if not (wire == "menu" and disk == "queued")
]


@pytest.mark.parametrize("with_log", [True, False], ids=["with log", "without log"])
@pytest.mark.parametrize(("disk", "wire"), CASES)
async def test_killed_between_two_steps(disk: str, wire: str, with_log: bool) -> None:
    life = await lived()
    records = copied(life.disks[disk])
    written = len(records.events)
    clock = FakeClock(START + timedelta(seconds=70 if wire in ("talking", "over") else 3))
    async with Office(clock=clock, records=records, routing=False) as office:
        for agent_id in (AGENT, OTHER):
            await office.tell(cmd.ConfigureAgent(config=config_of(agent_id)))
        await restore(office.floor, configuration=office.configuration, records=records)
        if with_log:
            missed = in_the_log(wire, life.offer_id)
            await office.tell(*await missed_reports(missed, records=records, live=office.floor.interactions))
        legs = on_the_wire(wire, life.offer_id)
        await office.tell(*compare(office, *legs))
        await office.tell(cmd.StartRouting())
        one_agent_at_most(office)
        right_at_once(office, wire, life.offer_id)
        assert [type(m) for m in compare(office, *on_the_wire(wire, life.offer_id))] == [], "it is not at rest"
        await to_the_end(office, wire, life.offer_id)
        ends = [e for e in records.events if isinstance(e, ev.InteractionEnded)]
        begins = [e for e in records.events if isinstance(e, ev.InteractionArrived)]
        if disk == "nothing" and wire == "over" and not with_log:
            assert (len(begins), len(ends)) == (0, 0), "nobody wrote it down anywhere"
            return
        assert (len(begins), len(ends)) == (1, 1), "every call has one record with one end"
        offers_end_once(records.events)
        record = records.kept[CALL]
        talked = wire in ("claimed", "talking") or (wire == "over" and (with_log or disk in ("connected", "over")))
        assert (record.outcome is ev.Outcome.ANSWERED) == (talked or wire in ("waiting", "ringing", "answered"))
        if wire == "over" and with_log and disk not in ("connected", "over"):
            assert record.times.connected_at == START + timedelta(seconds=5)
            assert record.times.talk_ended_at == record.ended_at == START + timedelta(seconds=65)
            assert (record.agent_id, record.hangup_side) == (AGENT, ev.Side.AGENT)
        if wire == "talking" and with_log and disk in ("queued", "offered"):
            assert record.times.connected_at == START + timedelta(seconds=5)
        assert len(records.events) > written or disk == "over"


def config_of(agent_id: AgentId) -> AgentConfig:
    return AgentConfig(agent_id=agent_id, name=str(agent_id), skills=EVERY_SKILL)


def one_agent_at_most(office: Office) -> None:
    holders = [a.agent_id for a in office.floor.picture.agents.values() if a.interaction_id == CALL]
    rung = [order.agent_id for order, _ in office.telephony.rung]
    assert len(holders) <= 1, f"two agents for one caller: {holders}"
    assert len(rung) <= 1, f"rung more than once: {rung}"


def right_at_once(office: Office, wire: str, offer_id: OfferId) -> None:
    state, rung = office.state(), [order.offer_id for order, _ in office.telephony.rung]
    match wire:
        case "menu" | "claimed":
            assert (state, rung) == (AgentState.READY, [])
        case "waiting":
            assert state is AgentState.OFFERED
            assert rung == [office.offer_of()] != [offer_id]
            assert office.record().times.queued_at == START
        case "ringing" | "answered":
            assert (state, office.offer_of(), rung) == (AgentState.OFFERED, offer_id, [])
            assert office.record().stage is Stage.RINGING
            assert office.telephony.stopped == []
        case "talking":
            assert (state, office.offer_of(), rung) == (AgentState.TALKING, offer_id, [])
            assert office.record().stage is Stage.TALKING
            assert office.record().queue_id == SALES.queue_id
            assert office.telephony.stopped == []
        case _:
            assert state in (AgentState.READY, AgentState.WRAP_UP)
            assert rung == []


async def to_the_end(office: Office, wire: str, offer_id: OfferId) -> None:
    """What happens to the call from here on, as the exchange tells it."""
    if wire == "over":
        return
    if wire != "menu":
        offer = offer_id if wire in ("answered", "claimed", "talking", "ringing") else office.offer_of()
        await office.tell(cmd.ReportTalk(offer_id=offer, interaction_id=CALL, agent_id=AGENT))
        assert office.state() is AgentState.TALKING
        office.clock.advance(timedelta(seconds=10))
        await office.tell(cmd.ReportTalkEnded(offer_id=offer, side=ev.Side.CALLER))
        assert office.state() in (AgentState.WRAP_UP, AgentState.READY)
    await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER, cause=16))
    await office.tell(CallEnded(interaction_id=CALL, side=ev.Side.CALLER, cause=16))
    assert office.record().stage is Stage.ENDED


def offers_end_once(events: Sequence[ev.Event]) -> None:
    ended = [event.offer_id for event in events if isinstance(event, ev.OfferEnded)]
    assert len(ended) == len(set(ended)), f"an offer ended twice: {ended}"
