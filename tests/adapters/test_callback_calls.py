"""Callbacks on a real Asterisk: the customer is called before the agent or after him, and each attempt is told once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from callcenter.app.call_state import CallStage, CallState
from callcenter.app.caller import CallerChannel
from callcenter.app.floor_messages import CallEnded
from callcenter.app.ports import CustomerLine, customer_leg_id
from callcenter.app.reconcile import LegState
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import CallCustomer
from callcenter.domain.callbacks import CustomerAnswer
from callcenter.domain.ids import InteractionId, OfferId, QueueId
from callcenter.domain.interactions import LegRole
from callcenter.domain.offers import OfferCause
from tests.adapters.live_exchange import LiveExchange, live_exchange
from tests.e2e.phones import Answer, Ignore, Reject, Ring

pytestmark = pytest.mark.e2e

CALLBACK = InteractionId("cb-cc1-1793000000.7")
ENTERED = datetime(2026, 11, 2, 9, 0, 0, 123456, tzinfo=UTC)
STATE = CallState(stage=CallStage.QUEUE, queue_id=QueueId("sales"), entered_at=ENTERED, language="zh", priority=3)
RINGBACK_HERTZ = 440


@pytest.fixture
async def exchange() -> AsyncIterator[LiveExchange]:
    async with live_exchange() as exchange:
        yield exchange


def call_customer(
    exchange: LiveExchange,
    *,
    number: str = "13800138000",
    attempt: int = 1,
    offer_id: OfferId | None = None,
    ring_timeout: timedelta = timedelta(seconds=15),
    play: tuple[str, ...] = (),
) -> None:
    order = CallCustomer(
        interaction_id=CALLBACK,
        queue_id=QueueId("sales"),
        number=number,
        attempt=attempt,
        ring_timeout=ring_timeout,
        offer_id=offer_id,
    )
    line = CustomerLine(
        display_number="4000", display_name="House", state=STATE, play=play, caller_name="王, 小明", dnis="4000"
    )
    exchange.telephony.call_customer(order, line)


def answers(exchange: LiveExchange) -> list[CustomerAnswer]:
    return [report.answer for report in exchange.reports(cmd.ReportCustomerCalled)]


# ---- the customer first


async def test_a_customer_who_answers_takes_his_place_and_is_a_caller_like_any_other(exchange: LiveExchange) -> None:
    async with exchange.outside(Answer()) as customer, exchange.phone("1001", Answer()) as agent:
        call_customer(exchange)
        phone = await customer.talking()
        assert phone.invite.start_line.startswith("INVITE sip:13800138000@")
        assert (phone.caller.user, phone.caller.display_name) == ("4000", "House")
        assert (await exchange.told(cmd.ReportCustomerCalled)).answer is CustomerAnswer.ANSWERED
        question = (await exchange.question(2)).question
        assert question.interaction_id == CALLBACK
        assert question.channel_id == customer_leg_id(CALLBACK, 1)
        assert question.state == STATE
        assert (question.ani.raw, question.caller_name, question.dnis) == ("13800138000", "王, 小明", "4000")
        await phone.audio.hear_sound()
        offer = exchange.ring(agent, CALLBACK, channel_id=question.channel_id)
        talk = await exchange.told(cmd.ReportTalk)
        assert (talk.offer_id, talk.interaction_id, talk.agent_id) == (offer, CALLBACK, "1001")
        await phone.hang_up()
        assert (await exchange.told(cmd.ReportTalkEnded)).side is ev.Side.CALLER
        ended = await exchange.told(CallEnded)
        assert (ended.interaction_id, ended.outcome, ended.side) == (CALLBACK, ev.Outcome.ANSWERED, ev.Side.CALLER)
    await exchange.quiet()
    assert answers(exchange) == [CustomerAnswer.ANSWERED]


async def test_a_customer_who_hangs_up_in_his_place_has_left_it(exchange: LiveExchange) -> None:
    async with exchange.outside(Answer()) as customer:
        call_customer(exchange, play=("vm-goodbye",))
        phone = await customer.talking()
        await phone.audio.hear_sound()
        await phone.hang_up()
        ended = await exchange.told(CallEnded)
        assert (ended.interaction_id, ended.outcome, ended.side) == (CALLBACK, None, ev.Side.CALLER)
    assert answers(exchange) == [CustomerAnswer.ANSWERED]


@pytest.mark.parametrize(
    ("behaviour", "answer"),
    [
        (Reject(status=486), CustomerAnswer.BUSY),
        (Reject(status=600), CustomerAnswer.BUSY),
        (Reject(status=480), CustomerAnswer.NO_ANSWER),
        (Reject(status=408), CustomerAnswer.NO_ANSWER),
        (Ring(), CustomerAnswer.NO_ANSWER),
        (Ignore(), CustomerAnswer.NO_ANSWER),
        (Reject(status=603), CustomerAnswer.FAILED),
        (Reject(status=404), CustomerAnswer.FAILED),
        (Reject(status=503), CustomerAnswer.FAILED),
    ],
)
async def test_an_attempt_in_vain_is_told_once_with_its_reason(
    exchange: LiveExchange, behaviour: Reject | Ring | Ignore, answer: CustomerAnswer
) -> None:
    async with exchange.outside(behaviour) as customer:
        call_customer(exchange, ring_timeout=timedelta(seconds=2))
        await customer.ringing()
        assert (await exchange.told(cmd.ReportCustomerCalled)).answer is answer
        await exchange.quiet()
        assert answers(exchange) == [answer]
        assert exchange.reports(CallEnded) == []


@pytest.mark.parametrize("number", ["sip:nobody@127.0.0.1:1", "12&PJSIP/1001", "", "sip:a,b"])
async def test_a_number_that_cannot_be_called_has_failed(exchange: LiveExchange, number: str) -> None:
    call_customer(exchange, number=number, ring_timeout=timedelta(seconds=2))
    report = await exchange.told(cmd.ReportCustomerCalled)
    # Where nobody listens Asterisk can only wait.
    assert report.answer in {CustomerAnswer.FAILED, CustomerAnswer.NO_ANSWER}
    await exchange.quiet()
    assert len(answers(exchange)) == 1


async def test_an_attempt_that_is_ordered_twice_rings_once_and_the_next_rings_again(exchange: LiveExchange) -> None:
    async with exchange.outside(Ring()) as customer:
        call_customer(exchange)
        await customer.ringing()
        call_customer(exchange)
        await exchange.logged("already in use")
        exchange.telephony.stop_calling(CALLBACK, 1)
        await exchange.told(cmd.ReportCustomerCalled)
        await exchange.quiet()
        assert len(customer.calls) == 1
        assert answers(exchange) == [CustomerAnswer.FAILED]
        call_customer(exchange, attempt=2)
        await (await customer.ringing()).answer()
        await exchange.told(cmd.ReportCustomerCalled, number=2)
        assert answers(exchange)[-1] is CustomerAnswer.ANSWERED


# ---- the agent first


async def test_an_agent_who_waits_hears_it_ring_and_gets_the_customer(exchange: LiveExchange) -> None:
    async with exchange.outside(Ring()) as customer, exchange.phone("1001", Answer()) as agent:
        offer = exchange.ring(agent, CALLBACK, customer_absent=True)
        desk = await agent.talking()
        assert (await exchange.told(cmd.ReportAgentWaits)).offer_id == offer
        await desk.audio.hear_tone(RINGBACK_HERTZ, share=0.3)
        assert (await exchange.legs())[offer].waits
        call_customer(exchange, offer_id=offer)
        ringing = await customer.ringing()
        leg = (await exchange.legs())[customer_leg_id(CALLBACK, 1)]
        assert (leg.role, leg.interaction_id, leg.offer_id, leg.attempt) == (LegRole.CALLER, CALLBACK, offer, 1)
        assert leg.state is LegState.RINGING
        assert leg.call_state == STATE.encode()
        await ringing.answer()
        talk = await exchange.told(cmd.ReportTalk)
        assert (talk.offer_id, talk.interaction_id, talk.agent_id) == (offer, CALLBACK, "1001")
        legs = await exchange.legs()
        assert not legs[offer].waits
        assert legs[offer].bridge_id == legs[customer_leg_id(CALLBACK, 1)].bridge_id is not None
        await desk.audio.hear_silence(timeout_seconds=10)
        await desk.hang_up()
        assert (await exchange.told(cmd.ReportTalkEnded)).side is ev.Side.AGENT
        ended = await exchange.told(CallEnded)
        assert (ended.interaction_id, ended.outcome) == (CALLBACK, ev.Outcome.ANSWERED)
        await ringing.ended()
    await exchange.quiet()
    assert answers(exchange) == []
    assert exchange.reports(cmd.ReportOfferFailed) == []


async def test_the_customer_may_end_the_talk_as_well(exchange: LiveExchange) -> None:
    async with exchange.outside(Answer()) as customer, exchange.phone("1001", Answer()) as agent:
        offer = exchange.ring(agent, CALLBACK, customer_absent=True)
        await exchange.told(cmd.ReportAgentWaits)
        call_customer(exchange, offer_id=offer)
        await exchange.told(cmd.ReportTalk)
        await (await customer.talking()).hang_up()
        assert (await exchange.told(cmd.ReportTalkEnded)).side is ev.Side.CALLER
        await agent.calls[0].ended()
        ended = await exchange.told(CallEnded)
        assert (ended.outcome, ended.side) == (ev.Outcome.ANSWERED, ev.Side.CALLER)
    await exchange.quiet()
    assert exchange.reports(cmd.ReportOfferFailed) == []


async def test_an_agent_who_hangs_up_while_it_rings_ends_the_attempt(exchange: LiveExchange) -> None:
    async with exchange.outside(Ring()) as customer, exchange.phone("1001", Answer()) as agent:
        offer = exchange.ring(agent, CALLBACK, customer_absent=True)
        await exchange.told(cmd.ReportAgentWaits)
        call_customer(exchange, offer_id=offer)
        ringing = await customer.ringing()
        await agent.calls[0].hang_up()
        failed = await exchange.told(cmd.ReportOfferFailed)
        assert (failed.offer_id, failed.cause) == (offer, OfferCause.REJECTED)
        assert (await exchange.told(cmd.ReportCustomerCalled)).answer is CustomerAnswer.FAILED
        assert (await ringing.ended()).status == 487
    await exchange.quiet()
    assert len(answers(exchange)) == 1
    assert exchange.reports(CallEnded) == []


async def test_an_agent_who_hangs_up_before_the_order_reaches_the_customer_leaves_nobody_ringing(
    exchange: LiveExchange,
) -> None:
    async with exchange.outside(Answer(after_seconds=30)) as customer, exchange.phone("1001", Answer()) as agent:
        offer = exchange.ring(agent, CALLBACK, customer_absent=True)
        await exchange.told(cmd.ReportAgentWaits)
        await agent.calls[0].hang_up()
        await exchange.told(cmd.ReportOfferFailed)
        call_customer(exchange, offer_id=offer)
        assert (await exchange.told(cmd.ReportCustomerCalled)).answer is CustomerAnswer.FAILED
        await exchange.quiet()
        assert all(call.answered_at is None for call in customer.calls)


async def test_an_attempt_in_vain_leaves_the_agent_to_the_server(exchange: LiveExchange) -> None:
    async with exchange.outside(Reject(status=486)), exchange.phone("1001", Answer()) as agent:
        offer = exchange.ring(agent, CALLBACK, customer_absent=True)
        await exchange.told(cmd.ReportAgentWaits)
        call_customer(exchange, offer_id=offer)
        assert (await exchange.told(cmd.ReportCustomerCalled)).answer is CustomerAnswer.BUSY
        assert agent.calls[0].end is None
        exchange.telephony.stop_ringing(offer)
        await agent.calls[0].ended()
        await exchange.quiet()
    assert len(exchange.reports(cmd.ReportOfferFailed)) == 1


# ---- a server with an empty memory


async def test_another_server_finds_both_legs_and_ends_what_has_lost_its_agent(exchange: LiveExchange) -> None:
    async with exchange.outside(Ring()) as customer, exchange.phone("1001", Answer()) as agent:
        offer = exchange.ring(agent, CALLBACK, customer_absent=True)
        await exchange.told(cmd.ReportAgentWaits)
        call_customer(exchange, offer_id=offer)
        ringing = await customer.ringing()
        await exchange.disconnect()
        await agent.calls[0].hang_up()
        await exchange.restart_server()
        assert (await exchange.told(cmd.ReportCustomerCalled)).answer is CustomerAnswer.FAILED
        assert (await ringing.ended()).status == 487
    await exchange.quiet()


async def test_another_server_tells_the_talk_of_two_legs_it_finds_waiting(exchange: LiveExchange) -> None:
    async with exchange.outside(Ring()) as customer, exchange.phone("1001", Answer()) as agent:
        offer = exchange.ring(agent, CALLBACK, customer_absent=True)
        await exchange.told(cmd.ReportAgentWaits)
        call_customer(exchange, offer_id=offer)
        ringing = await customer.ringing()
        await exchange.restart_server()
        await ringing.answer()
        talk = await exchange.told(cmd.ReportTalk)
        assert (talk.offer_id, talk.interaction_id, talk.agent_id) == (offer, CALLBACK, "1001")
        await ringing.hang_up()
        assert (await exchange.told(CallEnded)).outcome is ev.Outcome.ANSWERED
    await exchange.quiet()


async def test_a_customer_in_his_place_goes_on_waiting_when_the_server_dies(exchange: LiveExchange) -> None:
    async with exchange.outside(Answer()) as customer, exchange.phone("1001", Answer()) as agent:
        call_customer(exchange)
        phone = await customer.talking()
        await exchange.question()
        await exchange.disconnect()
        exchange.calls.questions.clear()
        await phone.audio.hear_sound()
        await exchange.restart_server()
        channel: CallerChannel = await exchange.question()
        assert channel.question.state == STATE
        leg = (await exchange.legs())[customer_leg_id(CALLBACK, 1)]
        assert (leg.interaction_id, leg.state, leg.offer_id, leg.call_state) == (
            CALLBACK,
            LegState.UP,
            None,
            STATE.encode(),
        )
        offer = exchange.ring(agent, CALLBACK, channel_id=leg.leg_id)
        assert (await exchange.told(cmd.ReportTalk)).offer_id == offer
        await asyncio.gather(agent.hang_up(), phone.ended())
    await exchange.quiet()
