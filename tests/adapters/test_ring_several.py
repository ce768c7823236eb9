"""Several agents are rung for one caller, on a real Asterisk: one gets him, the others are let go without blame."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from callcenter.app.floor_messages import CallEnded
from callcenter.domain import commands as cmd
from callcenter.domain.offers import OfferCause
from tests.adapters.live_exchange import LiveExchange, live_exchange
from tests.e2e.phones import Answer, Ring

pytestmark = pytest.mark.e2e
ROUNDS = 30


@pytest.fixture
async def exchange() -> AsyncIterator[LiveExchange]:
    async with live_exchange() as exchange:
        yield exchange


async def test_of_two_who_answer_at_the_same_instant_exactly_one_gets_the_caller(exchange: LiveExchange) -> None:
    async with exchange.phone("1001", Ring()) as first, exchange.phone("1002", Ring()) as second:
        for number in range(1, ROUNDS + 1):
            async with exchange.caller(f"+4420794600{number:02}"):
                call = (await exchange.question()).question.interaction_id
                offers = {exchange.ring(phone, call, stamp=number) for phone in (first, second)}
                ringing = [await phone.ringing() for phone in (first, second)]
                await asyncio.gather(*(one.answer() for one in ringing))
                talk = await exchange.told(cmd.ReportTalk, number=number)
                failed = await exchange.told(cmd.ReportOfferFailed, number=number)
                assert {talk.offer_id, failed.offer_id} == offers
                assert failed.cause is OfferCause.TAKEN
            await exchange.quiet()
            assert len(exchange.reports(cmd.ReportTalk)) == number
            assert len(exchange.reports(cmd.ReportOfferFailed)) == number
            exchange.calls.questions.clear()


async def test_who_rings_on_is_stopped_and_has_missed_nothing(exchange: LiveExchange) -> None:
    async with (
        exchange.caller(),
        exchange.phone("1001", Answer()) as fast,
        exchange.phone("1002", Ring()) as slow,
    ):
        call = (await exchange.question()).question.interaction_id
        late = exchange.ring(slow, call)
        ringing = await slow.ringing()
        exchange.ring(fast, call)
        await exchange.told(cmd.ReportTalk)
        exchange.telephony.stop_ringing(late)
        failed = await exchange.told(cmd.ReportOfferFailed)
        assert (failed.offer_id, failed.cause) == (late, OfferCause.TAKEN)
        end = await ringing.ended()
        # "Answered elsewhere": the phone shows no missed call.
        assert end.status == 487
        assert "Call completed elsewhere" in end.reason


async def test_an_agent_who_answers_after_the_caller_left_is_told_so(exchange: LiveExchange) -> None:
    async with exchange.phone("1001", Ring()) as phone:
        async with exchange.caller():
            call = (await exchange.question()).question.interaction_id
            offer = exchange.ring(phone, call)
            ringing = await phone.ringing()
        await exchange.told(CallEnded)
        await ringing.answer()
        failed = await exchange.told(cmd.ReportOfferFailed)
        assert (failed.offer_id, failed.cause) == (offer, OfferCause.CALLER_LEFT)
