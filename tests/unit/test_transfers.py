"""Transfers and consultations without an exchange: the record, the engine, the use cases and what they refuse."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callcenter.acd.engine import AcdEngine
from callcenter.acd.picture import Picture
from callcenter.app.call_state import CallStage, decode
from callcenter.app.callback_choice import Numbers
from callcenter.app.consulting import Consulting
from callcenter.app.floor import Touched
from callcenter.app.floor_messages import Message
from callcenter.app.sent_callers import FRONT_PRIORITY
from callcenter.app.transfer_port import ConsultationState
from callcenter.app.transfers import Transfers
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentConfig, AgentState
from callcenter.domain.errors import CallcenterError, Conflict, Overloaded
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, TransferId
from callcenter.domain.interactions import Interaction, apply, begin
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.queues import QueueConfig
from callcenter.domain.transfers import (
    ConsultationEnd,
    TargetKind,
    TransferEnd,
    TransferTarget,
    asking_interaction,
    asking_offer,
)
from tests.fakes import FakeClock, FakeTransferLine
from tests.office import FakeJournal

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ONE, TWO, THREE = AgentId("1001"), AgentId("1002"), AgentId("1003")
CALL, OFFER = InteractionId("cc1-1"), OfferId("cc1-1-1001")
TO_SUPPORT = TransferTarget(kind=TargetKind.QUEUE, target="support")
TO_TWO = TransferTarget(kind=TargetKind.AGENT, target=TWO)
TO_NUMBER = TransferTarget(kind=TargetKind.NUMBER, target="138 0013 8000")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class TransferFloor:
    """The real engine and the real record; what is told is done at once."""

    def __init__(self, clock: FakeClock) -> None:
        self.engine = AcdEngine()
        self.clock = clock
        self.interactions: dict[InteractionId, Interaction] = {}
        for queue_id in ("sales", "support"):
            config = QueueConfig(queue_id=QueueId(queue_id), label=Label(zh=queue_id, en=queue_id), wrap_up=timedelta())
            self.do(cmd.ConfigureQueue(config=config))
        for agent_id in (ONE, TWO, THREE):
            self.do(cmd.ConfigureAgent(config=AgentConfig(agent_id=agent_id, name=f"Agent {agent_id}")))
            self.do(cmd.LogIn(agent_id=agent_id))
        self.do(cmd.StartRouting())
        arrived = ev.InteractionArrived(
            interaction_id=CALL, at=START, channel="PJSIP/trunk-1", ani=Number(raw=""), dnis="4000"
        )
        self.interactions[CALL] = begin(arrived)
        self.do(cmd.Enqueue(interaction_id=CALL, queue_id=QueueId("sales"), entered_at=START))
        self.do(cmd.ReportTalk(offer_id=OFFER, interaction_id=CALL, agent_id=ONE, queue_id=QueueId("sales")))
        self.do(cmd.SetReady(agent_id=TWO))

    @property
    def picture(self) -> Picture:
        return self.engine.picture

    def do(self, message: Message) -> None:
        now = self.clock.now()
        is_event = isinstance(message, ev.InteractionTransferred | ev.TransferEnded | ev.ConsultationStarted)
        is_event = is_event or isinstance(message, ev.ConsultationAnswered | ev.ConsultationEnded)
        outputs: Iterable[object] = [message] if is_event else self.engine.handle(message, now)  # type: ignore[arg-type]
        for output in outputs:
            interaction_id = getattr(output, "interaction_id", None)
            if interaction_id in self.interactions and isinstance(output, ev.InteractionEvent):
                self.interactions[interaction_id] = apply(self.interactions[interaction_id], output)

    def tell(self, message: Message) -> None:
        self.do(message)

    async def request(self, message: Message) -> None:
        self.do(message)

    def state(self, agent_id: AgentId) -> AgentState:
        return self.picture.agents[agent_id].state

    @property
    def record(self) -> Interaction:
        return self.interactions[CALL]


class NoFeed:
    """Keeps the documents of desks."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], object] = {}

    def put(self, topic: str, key: str, document: object) -> None:
        self.documents[topic, key] = document

    def delete(self, topic: str, key: str) -> None:
        self.documents.pop((topic, key), None)

    async def delivered(self, topic: str, within: timedelta) -> None:
        """At once."""


class Office:
    """Everything together."""

    def __init__(self) -> None:
        self.clock = FakeClock(START)
        self.floor = TransferFloor(self.clock)
        self.line = FakeTransferLine()
        self.feed = NoFeed()
        self.transfers = Transfers(
            floor=self.floor,
            line=self.line,
            journal=FakeJournal(),
            numbers=Numbers(region="CN"),
            clock=self.clock,
            new_id=lambda: TransferId("t-1"),
        )
        self.consulting = Consulting(
            floor=self.floor,
            line=self.line,
            transfers=self.transfers,
            feed=self.feed,
            journal=FakeJournal(),
            clock=self.clock,
            new_id=lambda: OfferId("con-1."),
        )

    def consult(self, target: TransferTarget = TO_TWO) -> None:
        asyncio.run(self.consulting.begin(ONE, target, "a note"))

    def answered(self) -> None:
        self.consulting.became(OfferId("con-1."), ConsultationState.CONSULTED)

    @property
    def is_shown(self) -> bool:
        return bool(self.feed.documents)


# ---- blind


def test_a_caller_takes_what_he_needs_to_a_queue_and_his_wait_begins_anew() -> None:
    office = Office()
    office.clock.advance(timedelta(seconds=40))
    asyncio.run(office.transfers.send(ONE, TO_SUPPORT, "a note"))
    [(leg, state)] = office.line.sent
    assert (leg, state.stage, state.queue_id, state.entered_at) == (CALL, CallStage.QUEUE, "support", after(40))
    assert state.traits.transferred
    assert state.sent is not None
    assert (state.sent.by, state.sent.offer_id, state.sent.from_queue) == (ONE, OFFER, "sales")
    assert decode(state.encode()) == state
    transfer = office.floor.record.handling.open_transfer()
    assert transfer is not None
    assert (transfer.note, transfer.target) == ("a note", TO_SUPPORT)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (replace(TO_TWO, target=ONE), "own_talk"),
        (replace(TO_TWO, target=THREE), "agent_not_at_work"),
        (replace(TO_TWO, target="1099"), "unknown_agent"),
        (replace(TO_SUPPORT, target="nowhere"), "unknown_queue"),
        (replace(TO_SUPPORT, target="agent:1002"), "unknown_queue"),
        (replace(TO_NUMBER, target="12"), "invalid_number"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_has_happened(target: TransferTarget, code: str) -> None:
    office = Office()
    with pytest.raises(CallcenterError) as refused:
        asyncio.run(office.transfers.send(ONE, target, ""))
    assert refused.value.code == code
    assert not office.line.sent
    assert not office.floor.record.handling.transfers


def test_only_who_talks_can_send_on_and_only_once() -> None:
    office = Office()
    with pytest.raises(Conflict, match="no talk"):
        asyncio.run(office.transfers.send(TWO, TO_SUPPORT, ""))
    asyncio.run(office.transfers.send(ONE, TO_NUMBER, ""))
    assert office.line.sent[0][1].sent is not None
    assert office.line.sent[0][1].sent.number == "+8613800138000"
    with pytest.raises(Conflict, match="already"):
        asyncio.run(office.transfers.send(ONE, TO_NUMBER, ""))


def test_an_exchange_out_of_reach_leaves_the_talk_and_another_try() -> None:
    office = Office()
    office.line.refuses = Overloaded("away", code="exchange_away")
    with pytest.raises(Overloaded):
        asyncio.run(office.transfers.send(ONE, TO_SUPPORT, ""))
    assert office.floor.state(ONE) is AgentState.TALKING
    assert office.floor.record.handling.open_transfer() is None
    office.line.refuses = None
    asyncio.run(office.transfers.send(ONE, TO_SUPPORT, ""))


def test_talks_and_waits_of_one_interaction_add_up_over_a_transfer() -> None:
    office = Office()
    floor = office.floor
    office.clock.advance(timedelta(seconds=40))
    asyncio.run(office.transfers.send(ONE, TO_SUPPORT, ""))
    floor.do(cmd.ReportTalkEnded(offer_id=OFFER))
    floor.do(cmd.SetNotReady(agent_id=TWO, reason="x"))
    floor.do(cmd.Enqueue(interaction_id=CALL, queue_id=QueueId("support"), entered_at=office.clock.now()))
    office.clock.advance(timedelta(seconds=15))
    floor.do(cmd.ReportTalk(offer_id=OfferId("second"), interaction_id=CALL, agent_id=TWO))
    office.clock.advance(timedelta(seconds=25))
    floor.do(cmd.ReportTalkEnded(offer_id=OfferId("second")))
    office.clock.advance(timedelta(seconds=5))
    record = floor.record
    assert record.talked(office.clock.now()) == timedelta(seconds=65)
    assert record.waited(office.clock.now()) == timedelta(seconds=15)
    assert [talk.agent_id for talk in record.handling.talks] == [ONE, TWO]
    assert record.handling.transfers[0].end is TransferEnd.TAKEN


# ---- consultations


def test_who_is_asked_is_busy_and_the_caller_stays_the_askers() -> None:
    office = Office()
    office.consult()
    [(call, _, front)] = office.line.asked
    assert (call.asked_id, call.caller_id, call.offer_id) == (TWO, CALL, OFFER)
    # Should the agent's phone vanish, the caller has the first place of his queue.
    assert (front.queue_id, front.priority) == ("sales", FRONT_PRIORITY)
    assert office.floor.state(TWO) is AgentState.OFFERED
    office.answered()
    assert office.floor.state(TWO) is AgentState.TALKING
    assert office.floor.picture.talking_interactions[CALL] == ONE
    assert office.is_shown


def test_of_a_queue_who_is_free_is_asked_and_nobody_when_nobody_is() -> None:
    office = Office()
    office.consult(TO_SUPPORT)
    assert office.line.asked[0][0].asked_id == TWO
    other = Office()
    other.floor.do(cmd.SetNotReady(agent_id=TWO, reason="x"))
    other.floor.do(cmd.SetReady(agent_id=THREE))
    other.floor.do(cmd.AskAgent(agent_id=THREE, offer_id=OfferId("asked:x"), interaction_id=InteractionId("asked:x/y")))
    with pytest.raises(Conflict) as refused:
        other.consult(TO_SUPPORT)
    assert refused.value.code == "nobody_free"
    assert other.floor.state(ONE) is AgentState.TALKING


def test_the_consulted_one_goes_straight_from_one_talk_into_the_other() -> None:
    office = Office()
    office.consult()
    office.answered()
    office.clock.advance(timedelta(seconds=20))
    office.floor.do(cmd.ReportTalkEnded(offer_id=OFFER, side=ev.Side.AGENT))
    office.consulting.took(OfferId("con-1."))
    assert office.floor.state(TWO) is AgentState.TALKING
    office.floor.do(cmd.ReportTalk(offer_id=OfferId("con-1."), interaction_id=CALL, agent_id=TWO))
    assert office.floor.picture.talking_interactions == {CALL: TWO}
    handling = office.floor.record.handling
    assert [one.end for one in handling.consultations] == [ConsultationEnd.COMPLETED]
    assert [(one.end, one.consulted) for one in handling.transfers] == [(TransferEnd.TAKEN, True)]
    assert handling.consulted(office.clock.now()) == timedelta(seconds=20)
    assert not office.is_shown


@pytest.mark.parametrize("is_answered", [False, True])
def test_who_is_asked_no_more_is_ready_again(is_answered: bool) -> None:
    office = Office()
    office.consult()
    if is_answered:
        office.answered()
    office.consulting.gone(OfferId("con-1."), ConsultationEnd.NOT_REACHED)
    assert office.floor.state(TWO) is AgentState.READY
    assert office.floor.state(ONE) is AgentState.TALKING
    assert not office.is_shown


def test_nobody_is_handed_over_to_a_phone_that_rings() -> None:
    office = Office()
    office.consult()
    for refused in (office.consulting.swap, office.consulting.merge):
        with pytest.raises(Conflict, match="nobody has answered"):
            asyncio.run(refused(ONE))
    with pytest.raises(Conflict, match="nobody has answered"):
        asyncio.run(office.consulting.complete(ONE))
    with pytest.raises(Conflict, match="already"):
        office.consult()
    with pytest.raises(Conflict, match="hand him over"):
        asyncio.run(office.transfers.send(ONE, TO_SUPPORT, ""))


def test_a_caller_who_leaves_ends_it_for_everybody() -> None:
    office = Office()
    office.consult()
    office.answered()
    ended = ev.InteractionEnded(interaction_id=CALL, at=START, outcome=ev.Outcome.ANSWERED)
    office.consulting.watch(
        Touched(agents=frozenset(), queues=frozenset(), interactions=frozenset({CALL}), events=(ended,))
    )
    assert office.line.ordered == ["end"]
    assert office.floor.state(TWO) is AgentState.READY


def test_after_a_restart_nobody_is_left_in_a_consultation_that_is_over() -> None:
    office = Office()
    offer, about = asking_offer(OfferId("con-9.")), asking_interaction(OfferId("con-9."), CALL)
    office.floor.do(cmd.ReportTalk(offer_id=offer, interaction_id=about, agent_id=TWO))
    assert office.floor.state(TWO) is AgentState.TALKING
    asyncio.run(office.consulting.found([]))
    assert office.floor.state(TWO) is AgentState.READY
