"""Agreed callbacks in memory: what is asked before, and what becomes of them when their time comes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from callcenter.app.agreed_callbacks import AgreedCallbacks, ListedCallback, Wanted
from callcenter.app.calling_out import CallOutRules
from callcenter.crm.dialling import DialRules
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState
from callcenter.domain.agreed_callbacks import AgreedCallback, AgreedState
from callcenter.domain.customers import Channel, Consent, ConsentState, ContactPoint, ContactPointKind, Customer
from callcenter.domain.errors import CallcenterError
from callcenter.domain.hours import Interval, OpeningHours
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId
from callcenter.domain.queues import QueueLimits
from tests.office import AGENT, SALES, Office

NUMBER = "+8613700000021"
ZONE = "Asia/Shanghai"
DAILY = OpeningHours(timezone=ZONE, week={day: (Interval(opens=time(9), closes=time(18)),) for day in range(7)})


class FakeAgreed:
    """`AgreedStore` in memory."""

    def __init__(self) -> None:
        self.rows: dict[InteractionId, AgreedCallback] = {}

    async def add(self, callback: AgreedCallback) -> None:
        self.rows[callback.interaction_id] = callback

    async def replace(self, before: AgreedCallback, after: AgreedCallback, *, by: str, at: datetime) -> bool:
        if self.rows.get(before.interaction_id) != before:
            return False
        self.rows[before.interaction_id] = after
        return True

    async def take(self, interaction_id: InteractionId, *, by: str | None = None, at: datetime) -> bool:
        return self.rows.pop(interaction_id, None) is not None

    async def one(self, interaction_id: InteractionId) -> AgreedCallback | None:
        return self.rows.get(interaction_id)

    async def due(self, now: datetime) -> tuple[AgreedCallback, ...]:
        return tuple(one for one in self.rows.values() if one.at <= now and one.state is AgreedState.AGREED)

    async def of_number(self, number: str) -> AgreedCallback | None:
        return next((one for one in self.rows.values() if one.number == number), None)

    async def listed(
        self, *, customer_id: CustomerId | None = None, by: str | None = None, agent_id: AgentId | None = None
    ) -> tuple[ListedCallback, ...]:
        return tuple(ListedCallback(callback=one, customer_name=None) for one in self.rows.values())


class House(Office):
    """An office whose sales are open from nine to six, and the service."""

    async def __aenter__(self) -> "House":
        await super().__aenter__()
        self.store = FakeAgreed()
        ids = iter(range(1, 100))
        self.service = AgreedCallbacks(
            store=self.store,
            floor=self.floor,
            memory=self.memory,
            customers=self.customers,
            records=self.records,
            rules=CallOutRules(dial=DialRules(region="CN"), can_call_out=True, shown_number="+862112345678"),
            timezone=ZONE,
            clock=self.clock,
            new_id=lambda: InteractionId(f"agreed-{next(ids)}"),
        )
        sales = replace(SALES, limits=QueueLimits(hours=DAILY))
        await self.floor.request(cmd.ConfigureQueue(config=sales))
        await self.agent()
        return self

    def at_three(self) -> datetime:
        """Tomorrow at 15:00, as the clocks of the house show it."""
        today = self.clock.now().astimezone(ZoneInfo(ZONE)).date()
        return datetime.combine(today + timedelta(days=1), time(15))

    def wanted(self, **changes: object) -> Wanted:
        base = Wanted(
            number=NUMBER, local_time=self.at_three(), zone=ZONE, queue_id=SALES.queue_id, note="second invoice"
        )
        return replace(base, **changes)  # type: ignore[arg-type]

    async def until_due(self) -> None:
        due = min(one.at for one in self.store.rows.values())
        self.clock.advance(due - self.clock.now() + timedelta(seconds=1))
        await self.floor.pulse()
        await self.service.turn()
        await self.settle()


async def test_it_is_in_no_queue_until_its_time_and_then_first_his_who_agreed_it() -> None:
    async with House() as house:
        await house.floor.request(cmd.SetNotReady(agent_id=AGENT, reason="lunch"))
        view = await house.service.agree(house.wanted(), by="anna", agent_id=AGENT)
        await house.service.turn()
        assert dict(house.floor.picture.waiting) == {}
        await house.floor.request(cmd.SetReady(agent_id=AGENT))
        await house.until_due()
        waiting = house.floor.picture.waiting[view.interaction_id]
        assert (waiting.queue_id, waiting.reserved_for, waiting.entered_at) == (SALES.queue_id, AGENT, view.at)
        assert house.store.rows == {}
        record = house.record(view.interaction_id)
        assert (record.ani.e164, record.notes) == (NUMBER, "second invoice")
        house.clock.advance(timedelta(seconds=1))
        await house.floor.pulse()
        await house.settle()
        assert house.floor.picture.agent(AGENT).state is AgentState.OFFERED


async def test_it_is_put_into_the_queue_once_whenever_the_server_dies() -> None:
    async with House() as house:
        view = await house.service.agree(house.wanted(ask_me_first=False), by="anna", agent_id=AGENT)
        (row,) = house.store.rows.values()
        await house.floor.request(cmd.LogOut(agent_id=AGENT))
        await house.until_due()
        # The row had not gone yet.
        await house.store.add(row)
        await house.service.turn()
        await house.settle()
        assert list(house.floor.picture.waiting) == [view.interaction_id]
        assert house.store.rows == {}


async def test_a_holiday_entered_afterwards_is_told_and_nobody_is_called_on_it() -> None:
    async with House() as house:
        view = await house.service.agree(house.wanted(), by="anna", agent_id=AGENT)
        assert (view.closed_then, view.open_at) == (False, None)
        holiday = replace(DAILY, days={house.at_three().date(): ()})
        await house.floor.request(cmd.ConfigureQueue(config=replace(SALES, limits=QueueLimits(hours=holiday))))
        (told,) = await house.service.listed()
        # The next day that is open, at the time the customer chose.
        assert (told.closed_then, told.open_at) == (True, view.at + timedelta(days=1))
        await house.until_due()
        assert (dict(house.floor.picture.waiting), list(house.store.rows)) == ({}, [view.interaction_id])
        (late,) = await house.service.listed()
        assert (late.closed_then, late.open_at) == (True, told.open_at)
        # Nobody has moved it: it waits from the next opening on, with the age it has.
        opens = holiday.next_opening(view.at)
        assert opens is not None
        house.clock.advance(opens - house.clock.now())
        await house.floor.pulse()
        await house.service.turn()
        await house.settle()
        assert house.floor.picture.waiting[view.interaction_id].entered_at == view.at
        assert house.store.rows == {}


def refusing(house: House) -> None:
    customer = Customer(
        customer_id=CustomerId("li"),
        name="Li Na",
        contact_points=(ContactPoint(kind=ContactPointKind.PHONE, value=NUMBER),),
        created_at=house.clock.now(),
        consents=(Consent(channel=Channel.PHONE, state=ConsentState.DO_NOT_CONTACT, at=house.clock.now(), by="x"),),
    )
    house.customers.customers[customer.customer_id] = customer


async def test_who_does_not_want_to_be_called_is_not_now_and_not_then() -> None:
    async with House() as house:
        await house.service.agree(house.wanted(), by="anna", agent_id=AGENT)
        refusing(house)
        await house.until_due()
        (row,) = house.store.rows.values()
        assert (row.state, dict(house.floor.picture.waiting)) == (AgreedState.REFUSED, {})
        house.store.rows.clear()
        with pytest.raises(CallcenterError) as refused:
            await house.service.agree(house.wanted(), by="anna", agent_id=AGENT)
        assert refused.value.code == "do_not_call"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda house: {"local_time": house.at_three() - timedelta(days=3)}, "time_over"),
        (lambda house: {"local_time": house.at_three() + timedelta(days=400)}, "time_too_far"),
        (lambda house: {"local_time": house.at_three().replace(hour=23)}, "queue_closed_then"),
        # Three in the afternoon in London is eleven at night here.
        (lambda _house: {"zone": "Europe/London"}, "queue_closed_then"),
        (lambda _house: {"zone": "Nowhere/Atall"}, "invalid_value"),
        (lambda _house: {"queue_id": QueueId("nowhere")}, "unknown_queue"),
        (lambda _house: {"number": "hello"}, "invalid_number"),
        (lambda _house: {"number": "+442079460000"}, "number_abroad"),
        (lambda _house: {"customer_id": CustomerId("nobody")}, "unknown_customer"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_kept(
    change: Callable[[House], dict[str, object]], code: str
) -> None:
    async with House() as house:
        with pytest.raises(CallcenterError) as refused:
            await house.service.agree(house.wanted(**change(house)), by="anna", agent_id=AGENT)
        assert (refused.value.code, house.store.rows) == (code, {})


async def test_one_number_has_one_and_only_whose_it_is_moves_it() -> None:
    async with House() as house:
        view = await house.service.agree(house.wanted(), by="anna", agent_id=AGENT)
        with pytest.raises(CallcenterError) as refused:
            await house.service.agree(house.wanted(), by="ben", agent_id=None)
        assert refused.value.code == "callback_agreed"
        later = house.at_three() + timedelta(hours=1)

        async def move(by: str, version: int, *, only_own: bool) -> int:
            moved = await house.service.change(
                view.interaction_id,
                version,
                local_time=later,
                zone=ZONE,
                queue_id=SALES.queue_id,
                note="",
                by=by,
                only_own=only_own,
            )
            return moved.version

        with pytest.raises(CallcenterError) as not_his:
            await move("ben", 1, only_own=True)
        assert not_his.value.code == "callback_not_yours"
        assert await move("anna", 1, only_own=True) == 2
        with pytest.raises(CallcenterError) as outdated:
            await move("boss", 1, only_own=False)
        assert outdated.value.code == "outdated"
        await house.service.withdraw(view.interaction_id, by="anna", only_own=True)
        with pytest.raises(CallcenterError) as gone:
            await house.service.withdraw(view.interaction_id, by="anna", only_own=True)
        assert gone.value.code == "unknown_callback"


async def test_the_zones_of_a_number_are_told() -> None:
    async with House() as house:
        choices = house.service.choices("+442079460000")
        assert (choices.house_zone, "Europe/London" in choices.customer_zones) == (ZONE, True)
        assert [one.hours_zone for one in choices.queues if one.queue_id == SALES.queue_id] == [ZONE]
