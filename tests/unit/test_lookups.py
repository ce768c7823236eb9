"""What flows look up in the house: a number proves nothing, a PIN does, and what a queue is told to be it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal

import pytest

from callcenter.app.callback_choice import Numbers
from callcenter.app.calls import Calls
from callcenter.app.flow_files import read_flows
from callcenter.app.lookups import CallLookups, Lookups, OrderRecord
from callcenter.app.ports import CustomerCard, InteractionSummary
from callcenter.domain import events as ev
from callcenter.domain.customers import Case, Customer
from callcenter.domain.hours import Interval, OpeningHours
from callcenter.domain.ids import CaseId, CustomerId, InteractionId
from callcenter.ivr import messages as ivr
from callcenter.ivr.variables import LOOKUP_VARIABLES, Money
from tests.fakes import START
from tests.office import CALL, FLOWS, SALES, SUPPORT, FakeCallerChannel, Office, question

WANG = CustomerId("c-1")
DAY = timedelta(days=1)


def card(*, cases: int = 2) -> CustomerCard:
    return CustomerCard(
        customer=Customer(customer_id=WANG, name="王小明", segment="A", created_at=START),
        last_interactions=(
            InteractionSummary(
                interaction_id=InteractionId("old"),
                media_type="voice",
                started_at=START - 3 * DAY,
                outcome=None,
                queue_id=None,
                agent_id=None,
                disposition=None,
                notes="",
            ),
        ),
        open_cases=tuple(
            Case(case_id=CaseId(f"k{n}"), kind="question", subject=f"事项{n}", state="open", opened_at=START - n * DAY)
            for n in range(cases, 0, -1)
        ),
    )


class FakeAccounts:
    """`Accounts` in memory: one customer, number 10023, PIN 8642, order 202611."""

    def __init__(self) -> None:
        self.asked = 0

    async def by_number(self, number: str) -> CustomerCard | None:
        return card() if number == "10023" else None

    async def by_number_and_pin(self, number: str, pin: str) -> CustomerCard | None:
        self.asked += 1
        return card() if (number, pin) == ("10023", "8642") else None

    async def order(self, customer_id: CustomerId, number: str) -> OrderRecord | None:
        if (customer_id, number) != (WANG, "202611"):
            return None
        total = Money(amount=Decimal("1299.50"), currency="CNY")
        return OrderRecord(state="sent", placed_on=date(2026, 11, 18), due_on=date(2026, 11, 25), total=total)


class Setting:
    """The lookups of one call, over an office."""

    def __init__(self, office: Office, accounts: FakeAccounts | None = None) -> None:
        self.matched: list[ev.CustomerMatched | ev.CallerVerified] = []
        self.call: CallLookups = Lookups(
            picture=office.floor.picture,
            callers=office.memory,
            accounts=accounts,
            web=None,
            tell=self.matched.append,
            clock=office.clock,
        ).of_call(CALL)

    async def ask(self, of: str, *, number: str = "", pin: str | None = None, queue: str | None = None) -> ivr.Answered:
        order = ivr.LookUp(order_id=7, of=of, number=number, pin=pin, queue=queue, limit=timedelta(seconds=1))
        answer = await self.call.look_up(order)
        assert answer.order_id == 7
        if answer.found is ivr.Found.FOUND:
            usual = LOOKUP_VARIABLES[of]
            assert {name: type(value) for name, value in answer.values.items()}.items() <= {
                name: type(value) for name, value in usual.items()
            }.items()
        return answer


async def test_the_right_pin_opens_cases_and_orders_and_pops_the_card_up() -> None:
    async with Office() as office:
        setting = Setting(office, FakeAccounts())
        found = await setting.ask("customer", number="10023", pin="8642")
        assert found.values["customer_verified"] is True
        assert (found.values["open_cases"], found.values["case_subject"]) == (2, "事项1")
        assert [type(event) for event in setting.matched] == [ev.CustomerMatched, ev.CallerVerified]
        assert {event.customer_id for event in setting.matched} == {WANG}
        assert office.memory.cards(CALL) == (card(),)
        first = await setting.ask("case", number="1")
        assert (first.values["case_subject"], first.values["case_opened"]) == ("事项1", (START - DAY).date())
        assert (await setting.ask("case", number="2")).values["case_subject"] == "事项2"
        for number in ("3", "0", "", "-1", "x"):
            assert (await setting.ask("case", number=number)).found is ivr.Found.MISSING
        order = await setting.ask("order", number="202611")
        assert order.values["order_state"] == "sent"
        assert (await setting.ask("order", number="1")).found is ivr.Found.MISSING


async def test_a_number_alone_opens_nothing() -> None:
    async with Office() as office:
        office.memory.keep(CALL, (card(),))  # As for somebody who calls, or seems to, from Wang's telephone.
        setting = Setting(office, FakeAccounts())
        for answer in (await setting.ask("caller"), await setting.ask("customer", number="10023")):
            assert answer.values["customer_name"] == "王小明"
            assert answer.values["customer_verified"] is False
            assert "case_subject" not in answer.values
        assert (await setting.ask("case", number="1")).found is ivr.Found.MISSING
        assert (await setting.ask("order", number="202611")).found is ivr.Found.MISSING
        assert setting.matched == []


@pytest.mark.parametrize(("number", "pin"), [("10023", "8643"), ("10024", "8642"), ("10023", ""), ("", "")])
async def test_a_wrong_pin_and_an_unknown_number_are_one_answer(number: str, pin: str) -> None:
    async with Office() as office:
        setting = Setting(office, FakeAccounts())
        answer = await setting.ask("customer", number=number, pin=pin)
        assert (answer.found, answer.values) == (ivr.Found.MISSING, {})
        assert (await setting.ask("case", number="1")).found is ivr.Found.MISSING
        assert setting.matched == []


async def test_without_accounts_numbers_cannot_be_looked_up() -> None:
    async with Office() as office:
        setting = Setting(office)
        assert (await setting.ask("customer", number="1", pin="1")).found is ivr.Found.FAILED
        assert (await setting.ask("order", number="1")).found is ivr.Found.FAILED


async def test_a_queue_is_told_as_it_stands() -> None:
    monday = OpeningHours(timezone="UTC", week={day: (Interval(opens=time(8), closes=time(9)),) for day in range(7)})
    shut = replace(SALES, limits=replace(SALES.limits, hours=monday))
    async with Office(queues=(SUPPORT, shut)) as office:
        setting = Setting(office)
        for call in ("a", "b"):
            await office.caller(InteractionId(f"cc1-1.{call}"), queue=SUPPORT.queue_id)
        nobody = (await setting.ask("queue", queue="support")).values
        assert (nobody["queue_waiting"], nobody["queue_position"], nobody["queue_agents"]) == (2, 3, 0)
        assert (nobody["queue_open"], nobody["queue_wait_known"]) == (True, False)
        await office.agent()
        assert (await setting.ask("queue", queue="support")).values["queue_agents"] == 1
        assert (await setting.ask("queue", queue="sales")).values["queue_open"] == monday.is_open(office.clock.now())
        assert (await setting.ask("queue", queue="nothing")).found is ivr.Found.MISSING


async def test_a_caller_identifies_himself_hears_his_case_and_comes_to_the_right_queue() -> None:
    async with Office() as office:
        flows = read_flows({path.name: path.read_text("utf-8") for path in sorted(FLOWS.glob("*.yaml"))})
        office.lines = replace(office.lines, flows=flows, flow_of_dnis={"4003": "service"})
        calls = Calls(
            floor=office.floor,
            memory=office.memory,
            voice=office.voice,
            clock=office.clock,
            lines=office.lines,
            numbers=Numbers(region="CN"),
            accounts=FakeAccounts(),
        )
        channel = FakeCallerChannel(question(dnis="4003"), keys="1110023#18642#12")
        await calls.answer(channel)
        await office.settle()
        said = " ".join(channel.played)
        assert "zh:您输入的是一零零二三。" in said
        assert "zh:您有两件未办结的事项。" in said
        assert "事项1" in said
        assert "事项2" in said
        assert "8642" not in said
        record = office.record()
        assert record.customer_id == WANG
        assert office.floor.picture.waiting[CALL].queue_id == SUPPORT.queue_id
        assert office.floor.picture.waiting[CALL].traits.customer_class == "A"
