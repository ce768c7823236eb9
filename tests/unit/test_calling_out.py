"""What is asked before a call out rings anything, and what the desk is told of it."""

from dataclasses import replace

import pytest

from callcenter.app.calling_out import AN_HOUR, CallingOut, CallOutRules, CallOutState
from callcenter.app.feed import Feed
from callcenter.crm.dialling import DialRules
from callcenter.domain.customers import Channel, Consent, ConsentState, ContactPoint, ContactPointKind, Customer
from callcenter.domain.errors import CallcenterError
from callcenter.domain.events import Direction, Outcome
from callcenter.domain.ids import CustomerId, InteractionId
from tests.office import AGENT, Office

NUMBER = "+8613700000021"
RULES = CallOutRules(dial=DialRules(region="CN"), can_call_out=True, shown_number="+862112345678")


def calling(office: Office, rules: CallOutRules = RULES) -> CallingOut:
    ids = iter(range(1, 100))
    service = CallingOut(
        floor=office.floor,
        memory=office.memory,
        customers=office.customers,
        journal=office.journal,
        feed=Feed(epoch="calls", clock=office.clock),
        trail=office.users,
        rules=rules,
        clock=office.clock,
        new_id=lambda: InteractionId(f"out-{next(ids)}"),
    )
    office.floor.watch(service.watch)
    return service


def unwilling(office: Office) -> Customer:
    customer = Customer(
        customer_id=CustomerId("li"),
        name="Li Na",
        contact_points=(ContactPoint(kind=ContactPointKind.PHONE, value=NUMBER),),
        created_at=office.clock.now(),
        consents=(Consent(channel=Channel.PHONE, state=ConsentState.DO_NOT_CONTACT, at=office.clock.now(), by="anna"),),
    )
    office.customers.customers[customer.customer_id] = customer
    return customer


async def test_the_record_is_outbound_and_his_phone_is_rung_alone() -> None:
    async with Office() as office:
        service = calling(office)
        await office.agent()
        view = await service.call(AGENT, "137 0000 0021", by="anna")
        await office.settle()
        record = office.record(view.interaction_id)
        assert (record.direction, record.ani.e164, record.dnis) == (Direction.OUTBOUND, NUMBER, RULES.shown_number)
        assert [(order.agent_id, order.customer_absent) for order, _ in office.telephony.rung] == [(AGENT, True)]
        assert office.telephony.called == []
        ended = await service.call_off(AGENT)
        assert (ended.state, ended.outcome) == (CallOutState.ENDED, Outcome.CALLED_OFF)
        assert office.state() == "ready"


async def test_who_does_not_want_to_be_called_is_called_only_by_a_permission_and_that_is_written_down() -> None:
    async with Office() as office:
        service = calling(office)
        await office.agent()
        customer = unwilling(office)
        with pytest.raises(CallcenterError) as refused:
            await service.call(AGENT, NUMBER, by="anna")
        assert (refused.value.code, office.telephony.rung) == ("do_not_call", [])
        assert customer.name in str(refused.value)
        view = await service.call(AGENT, NUMBER, despite_refusal=True, by="boss")
        assert view.customer_id == customer.customer_id
        (line,) = office.users.audit_log
        assert "called_despite_refusal" in line


@pytest.mark.parametrize(
    ("text", "code"),
    [("110", "emergency_number"), ("hello", "invalid_number"), ("+442079460000", "number_abroad")],
)
async def test_what_may_not_be_called_is_refused_and_nothing_began(text: str, code: str) -> None:
    async with Office() as office:
        service = calling(office)
        await office.agent()
        with pytest.raises(CallcenterError) as refused:
            await service.call(AGENT, text, by="anna")
        assert refused.value.code == code
        assert (dict(office.floor.interactions), office.state()) == ({}, "ready")


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (replace(RULES, per_agent_per_hour=0), "too_many_calls_out"),
        (replace(RULES, at_once=0), "lines_busy"),
        (replace(RULES, can_call_out=False), "no_calls_out"),
    ],
)
async def test_none_allowed_is_none_allowed(rules: CallOutRules, code: str) -> None:
    async with Office() as office:
        service = calling(office, rules)
        await office.agent()
        with pytest.raises(CallcenterError) as refused:
            await service.call(AGENT, NUMBER, by="anna")
        assert refused.value.code == code


async def test_after_an_hour_he_may_call_again() -> None:
    async with Office() as office:
        service = calling(office, replace(RULES, per_agent_per_hour=1))
        await office.agent()
        await service.call(AGENT, NUMBER, by="anna")
        await service.call_off(AGENT)
        with pytest.raises(CallcenterError) as refused:
            await service.call(AGENT, NUMBER, by="anna")
        assert refused.value.code == "too_many_calls_out"
        office.clock.advance(AN_HOUR)
        assert (await service.call(AGENT, NUMBER, by="anna")).state is CallOutState.RINGING_AGENT
