"""Web hooks on a real socket: signed, in order, tried again; one that hangs or fails holds up nobody but itself."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from callcenter.app.hook_delivery import HookDelivery
from callcenter.app.hooks import DeliveryState, Hook, HookInput, new_secret
from callcenter.domain.agents import AgentState
from callcenter.domain.hooks import HookEvent
from callcenter.store.database import Database
from callcenter.store.hooks import StoredHooks
from callcenter.store.schema import upgrade_database
from callcenter.web_services import WebServices
from tests.adapters.hook_receiver import Receiver
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import make, phone
from tests.fakes import FakeClock
from tests.office import Office
from tests.patience import PATIENCE_SECONDS

SECRET = new_secret(b"k" * 32)
LOOPBACK = (ip_network("127.0.0.0/8"),)
CREATED = (HookEvent.CUSTOMER_CREATED,)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'callcenter.db'}")
    await upgrade_database(database)
    yield database
    await database.dispose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@contextlib.asynccontextmanager
async def delivering(
    store: Database, clock: FakeClock, services: WebServices | None = None
) -> AsyncGenerator[StoredHooks]:
    hooks = StoredHooks(store)
    delivery = HookDelivery(
        outbox=hooks, sender=services or WebServices(private_networks=LOOPBACK), clock=clock, chance=lambda: 0.5
    )
    task = asyncio.create_task(delivery.run())
    try:
        yield hooks
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def listen(hooks: StoredHooks, url: str, hook_id: str = "h", *, personal: bool = False) -> None:
    data = HookInput(url=url, events=CREATED, personal=personal)
    await hooks.add(hook_id, data, secret=SECRET, at=NOON, by="admin")


async def log_shows(hooks: StoredHooks, *states: DeliveryState, tries: int, hook_id: str = "h") -> None:
    """Wait until the log says so, the oldest first."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await hooks.deliveries(hook_id, limit=99, before=None, state=None)
            told = [one.state for one in reversed(found)]
            if told == list(states) and sum(one.tries for one in found) == tries:
                return
            await asyncio.sleep(0.02)


async def paused(hooks: StoredHooks) -> Hook:
    """Wait until the hook is paused."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            hook = await hooks.hook("h")
            if hook is not None and hook.paused_at is not None:
                return hook
            await asyncio.sleep(0.02)


async def test_facts_arrive_signed_in_order_and_without_names(store: Database, receiver: Receiver) -> None:
    clock = FakeClock(NOON + timedelta(seconds=1))
    async with delivering(store, clock) as hooks:
        await listen(hooks, receiver.url)
        await listen(hooks, receiver.url, "all", personal=True)
        for name in ("Anna", "Bo", "Cai"):
            await make(store, name, phone("+8613800138000"))
        await receiver.until(lambda: len(receiver.received) == 6)
    assert all(one.is_signed_with(SECRET) for one in receiver.received)
    assert not receiver.received[0].is_signed_with(new_secret(b"x" * 32))
    plain = [one.document for one in receiver.received if b"Anna" not in one.body or b"138" not in one.body]
    bare = [one for one in plain if "customer_name" not in one["data"]]  # type: ignore[operator]
    assert [one["data"]["customer_id"] for one in bare] == ["Anna", "Bo", "Cai"]  # type: ignore[index]
    assert all("13800138000" not in str(one) for one in bare)
    full = [one.document["data"] for one in receiver.received if b"customer_name" in one.body]
    assert [one["customer_name"] for one in full] == ["Anna", "Bo", "Cai"]  # type: ignore[index]
    sequences = [one["sequence"] for one in bare]
    assert sequences == sorted(sequences)  # type: ignore[type-var]
    assert len({one.id for one in receiver.received}) == 6


async def test_a_receiver_that_answers_500_gets_it_again_under_its_id_and_others_are_not_held_up(
    store: Database, receiver: Receiver
) -> None:
    clock = FakeClock(NOON + timedelta(seconds=1))
    receiver.answers = [500, 302]
    async with delivering(store, clock) as hooks:
        await listen(hooks, receiver.url)
        await make(store, "Anna")
        await receiver.until(lambda: len(receiver.received) == 1)
        await log_shows(hooks, DeliveryState.PENDING, tries=1)
        clock.advance(timedelta(seconds=5))
        await receiver.until(lambda: len(receiver.received) == 2)
        await log_shows(hooks, DeliveryState.PENDING, tries=2)
        (failed,) = await hooks.deliveries("h", limit=9, before=None, state=None)
        assert (failed.last_status, failed.last_error) == (302, None)
        clock.advance(timedelta(seconds=15))
        await receiver.until(lambda: len(receiver.received) == 3)
        await log_shows(hooks, DeliveryState.DELIVERED, tries=3)
    assert len({one.id for one in receiver.received}) == 1
    assert len({one.timestamp for one in receiver.received}) == 3
    assert all(one.is_signed_with(SECRET) for one in receiver.received)


async def test_one_that_is_down_for_a_day_is_given_up_and_the_hook_paused_with_a_reason(
    store: Database, receiver: Receiver
) -> None:
    clock = FakeClock(NOON + timedelta(seconds=1))
    await receiver.stop()
    async with delivering(store, clock) as hooks:
        await listen(hooks, receiver.url)
        await make(store, "Anna")
        for tries in range(1, 15):
            last = DeliveryState.GIVEN_UP if tries == 14 else DeliveryState.PENDING
            await log_shows(hooks, last, tries=tries)
            if last is DeliveryState.PENDING:
                clock.advance(timedelta(hours=5))
        hook = await paused(hooks)
        assert "ConnectError" in (hook.paused_reason or "")
        await make(store, "Bo")
        await receiver.start()
        # At the very time of the last failure: what was resumed is not left alone as what fails is.
        await hooks.resume("h", at=clock.now(), by="admin")
        await receiver.until(lambda: len(receiver.received) == 1)
        assert receiver.received[0].document["data"]["customer_id"] == "Bo"  # type: ignore[index]
        given_up, _ = reversed(await hooks.deliveries("h", limit=9, before=None, state=None))
        await hooks.redeliver("h", given_up.delivery_id, at=clock.now(), by="admin")
        await receiver.until(lambda: len(receiver.received) == 2)
        assert receiver.received[1].id == given_up.delivery_id


async def test_what_a_person_orders_does_not_wait_until_the_hook_has_cooled(
    store: Database, receiver: Receiver
) -> None:
    clock = FakeClock(NOON + timedelta(seconds=1))
    await receiver.stop()
    async with delivering(store, clock) as hooks:
        await listen(hooks, receiver.url)
        await make(store, "Anna")
        await log_shows(hooks, DeliveryState.PENDING, tries=1)
        await receiver.start()
        (waiting,) = await hooks.deliveries("h", limit=9, before=None, state=None)
        await hooks.redeliver("h", waiting.delivery_id, at=clock.now(), by="admin")
        await receiver.until(lambda: len(receiver.received) == 1)
        assert receiver.received[0].id == waiting.delivery_id
        await receiver.stop()
        await make(store, "Bo")
        await log_shows(hooks, DeliveryState.DELIVERED, DeliveryState.PENDING, tries=2)
        await receiver.start()
        test = await hooks.send_test("h", at=clock.now(), by="admin")
        await receiver.until(lambda: len(receiver.received) == 2)
        # What nobody ordered waits for its time.
        assert receiver.received[1].id == test.delivery_id


async def test_one_that_is_gone_for_good_is_paused_at_once(store: Database, receiver: Receiver) -> None:
    receiver.answers = [410]
    async with delivering(store, FakeClock(NOON + timedelta(seconds=1))) as hooks:
        await listen(hooks, receiver.url)
        await make(store, "Anna")
        hook = await paused(hooks)
    assert "410" in (hook.paused_reason or "")


async def test_an_address_inside_the_house_is_not_called(store: Database, receiver: Receiver) -> None:
    async with delivering(store, FakeClock(NOON + timedelta(seconds=1)), WebServices()) as hooks:
        await listen(hooks, receiver.url)
        await make(store, "Anna")
        await log_shows(hooks, DeliveryState.PENDING, tries=1)
        (failed,) = await hooks.deliveries("h", limit=9, before=None, state=None)
    assert "inside the house" in (failed.last_error or "")
    assert receiver.received == []


async def test_a_hook_that_hangs_is_left_and_neither_others_nor_the_routing_notice(
    store: Database, receiver: Receiver
) -> None:
    clock = FakeClock(NOON + timedelta(seconds=1))
    slow = Receiver()
    slow.answers = [None]
    await slow.start()
    try:
        async with delivering(store, clock) as hooks, Office() as office:
            await listen(hooks, slow.url, "slow")
            await listen(hooks, receiver.url)
            await make(store, "Anna")
            await slow.until(lambda: slow.hanging == 1)
            # It hangs now, and a call is routed, offered, answered meanwhile; the other hook has its delivery.
            agent_id = await office.agent()
            await office.caller()
            await office.talk()
            assert office.state(agent_id) is AgentState.TALKING
            await receiver.until(lambda: len(receiver.received) == 1)
            (waiting,) = await hooks.deliveries("slow", limit=9, before=None, state=None)
            assert (waiting.state, waiting.tries) == (DeliveryState.PENDING, 0)
            await log_shows(hooks, DeliveryState.PENDING, tries=1, hook_id="slow")
            (late,) = await hooks.deliveries("slow", limit=9, before=None, state=None)
            assert late.last_error == "no answer within 3 s"
    finally:
        await slow.stop()
