"""Callbacks that keep their place, on real Asterisk: the customer's phone is really called over the outside trunk.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callcenter.domain.ids import InteractionId
from callcenter.store.agreed_callbacks import StoredAgreedCallbacks
from callcenter.store.database import Database
from tests.e2e.agent_phone import IncomingCall
from tests.e2e.house import Agent
from tests.e2e.phones import Answer, Caller, Reject, Ring
from tests.e2e.routing_house import AGENTS_HERTZ, OUTSIDE_HERTZ, RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

CUSTOMER, TALKER, LATER, KNOWN = "+8613700000021", "+8613700000022", "+8613700000023", "+8613800138000"
OTHER_NUMBER = "+8613900002222"
RETRY_SECONDS = 2

RULES = f"retry_busy_seconds: {RETRY_SECONDS}, retry_no_answer_seconds: {RETRY_SECONDS}, ring_timeout_seconds: 3"
QUEUES = {
    "agent_first": f"skills: {{billing: 1}}, offer_callback_after_seconds: 0, "
    f"callback: {{first: agent, attempts: 2, {RULES}}}",
    "customer_first": f"skills: {{billing: 1}}, offer_callback_after_seconds: 0, "
    f"callback: {{first: customer, attempts: 2, {RULES}}}",
    "instead": f"skills: {{billing: 1}}, max_waiting: 0, when_full: callback, callback: {{first: agent, {RULES}}}",
    "ordinary": "skills: {billing: 1}",
}
AGENTS = {"1001": "skills: {billing: 8}", "1002": "skills: {billing: 5}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-callbacks-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


async def ask_for_callback(house: RoutingHouse, caller: Caller) -> str:
    """Press 2 when asked, 1 for his own number, hear that it is kept; the callback's id."""
    ear = house.ear(caller)
    await ear.hears("offer_callback")
    await caller.press("2")
    await caller.press("1")
    await ear.hears("callback_taken")
    assert (await caller.ended(20)).by == "server"
    record = await house.record_of(caller)
    assert record["outcome"] == "callback_taken"
    assert record["callback_id"] == f"cb-{record['interaction_id']}"
    return str(record["callback_id"])


@dataclass(slots=True)
class Situation:
    """An agent who talks; a customer's callback; somebody who came after him and waits."""

    agent: Agent
    talk: IncomingCall
    callback_id: str
    customer: Caller
    later: Caller


@asynccontextmanager
async def callback_waits(house: RoutingHouse, queue: str, ani: str = CUSTOMER) -> AsyncIterator[Situation]:
    """The customer has hung up and waits for his callback, before somebody else on the line."""
    async with house.agent("1001") as agent, house.dialled("ordinary", TALKER):
        talk = await agent.talks()
        async with house.dialled(queue, ani) as customer:
            callback_id = await ask_for_callback(house, customer)
        (row,) = await house.waiting(queue, 1)
        assert (row["interaction_id"], row["media_type"]) == (callback_id, "callback")
        async with house.dialled(queue, LATER) as later:
            # He wants to wait.
            await house.ear(later).hears("offer_callback")
            await later.press("1")
            rows = await house.waiting(queue, 2)
            assert rows[0]["interaction_id"] == callback_id
            yield Situation(agent, talk, callback_id, customer, later)
            await later.hang_up()


async def hear_each_other(agent: Agent, agents_call: IncomingCall, customers_call: IncomingCall) -> None:
    """Audio in both directions, and each the right one's."""
    await customers_call.audio.hear_tone(AGENTS_HERTZ[agent.agent_id])
    await agents_call.audio.hear_tone(OUTSIDE_HERTZ)


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def named(record: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The entries of a record's timeline with this name."""
    return [{"at": entry["at"], **entry["data"]} for entry in record["timeline"] if entry["name"] == name]


# ---- the agent first


async def test_the_agent_first_and_then_the_customer_in_his_place(house: RoutingHouse) -> None:
    async with house.outside(Ring()) as outside, callback_waits(house, "agent_first", KNOWN) as now:
        agent, origin = now.agent, await house.record_of(now.customer)
        board = await house.board()
        await board.until(lambda: board.documents["queues"]["agent_first"]["callbacks"] == 1, "the board counts it")
        await now.talk.hang_up()
        call = await agent.phone.talking()
        pop = await agent.desktop.pops()
        assert pop["interaction_id"] == now.callback_id
        assert pop["media_type"] == "callback"
        assert (pop["callback"]["number"], pop["callback"]["attempt"]) == (KNOWN, 1)
        assert pop["callback"]["waiting_since"] == origin["times"]["queued_at"]
        assert "callback" in pop["reason"]["text"]["en"]
        assert [customer["customer_id"] for customer in pop["customers"]] == ["demo-morning-star"]
        ringing = await outside.ringing()
        assert f"{KNOWN}@" in ringing.invite.start_line
        # He hears it ring until the customer is there; nobody has talked yet.
        assert agent.desktop.state["state"] == "offered"
        await ringing.answer()
        await agent.desktop.state_becomes("talking")
        await hear_each_other(agent, call, ringing)
        assert (await agent.desktop.pops(stage="talking"))["waited_seconds"] > 0
        await ringing.hang_up()
        await call.ended()
        # Then whoever came after him.
        await agent.talks()
        assert (await agent.desktop.pops(stage="talking"))["ani"]["e164"] == LATER
        record = await house.ended(now.callback_id)
    assert (record["outcome"], record["agent_id"], record["hangup_side"]) == ("answered", "1001", "caller")
    assert (record["media_type"], record["customer_id"]) == ("callback", "demo-morning-star")
    assert record["times"]["queued_at"] == origin["times"]["queued_at"]
    assert record["waited_seconds"] >= seconds_between(origin["ended_at"], record["times"]["connected_at"])
    assert [offer["outcome"] for offer in record["offers"]] == ["answered"]


async def test_a_busy_customer_is_tried_again_and_keeps_his_place(house: RoutingHouse) -> None:
    async with house.outside(Reject(status=486)) as outside, callback_waits(house, "agent_first") as now:
        agent = now.agent
        await now.talk.hang_up()
        await agent.phone.talking()
        await outside.ringing()
        outside.behaviour = Answer()
        # Meanwhile the agent is not kept waiting: the next in line is his.
        second = await agent.talks()
        assert (await agent.desktop.pops(stage="talking"))["ani"]["e164"] == LATER
        await house.row_when(now.callback_id, lambda row: row["callback"]["attempt"] == 2, "a second attempt follows")
        await second.hang_up()
        again = await outside.talking()
        await agent.desktop.state_becomes("talking")
        assert (await agent.desktop.pops(stage="talking"))["callback"]["attempt"] == 2
        await again.hang_up()
        record = await house.ended(now.callback_id)
    assert record["outcome"] == "answered"
    assert [offer["outcome"] for offer in record["offers"]] == ["withdrawn", "answered"]
    assert record["offers"][0]["cause"] == "customer_not_reached"
    busy, *_ = named(record, "customer_answered")
    assert (busy["attempt"], busy["answer"]) == (1, "busy")
    assert seconds_between(busy["at"], named(record, "customer_called")[1]["at"]) >= RETRY_SECONDS


async def test_who_never_answers_is_given_up_after_the_attempts_there_are(house: RoutingHouse) -> None:
    async with house.outside(Ring()) as outside, house.agent("1001") as agent:
        async with house.dialled("ordinary", TALKER) as talker:
            await agent.talks()
            async with house.dialled("agent_first", CUSTOMER) as customer:
                callback_id = await ask_for_callback(house, customer)
            await talker.hang_up()
        for _ in range(2):
            await agent.phone.talking()
            assert (await (await outside.ringing()).ended(20)).by == "server"
        record = await house.ended(callback_id)
        await agent.desktop.state_becomes("ready")
        assert agent.desktop.state["misses"] == 0
    assert (record["outcome"], record["agent_id"], record["hangup_side"]) == ("callback_failed", None, "system")
    assert [answer["answer"] for answer in named(record, "customer_answered")] == ["no_answer", "no_answer"]


async def test_the_agent_gives_up_while_the_customer_s_phone_rings(house: RoutingHouse) -> None:
    async with house.outside(Ring()) as outside, callback_waits(house, "agent_first") as now:
        await now.talk.hang_up()
        call = await now.agent.phone.talking()
        ringing = await outside.ringing()
        await call.hang_up()
        assert (await ringing.ended()).by == "server"
        assert (await now.agent.desktop.state_becomes("not_ready"))["reason"] == "rejected"
        # The customer has lost nothing: when the agent is back, he is called again.
        await now.later.hang_up()
        outside.behaviour = Answer()
        await now.agent.desktop.set_state("ready")
        again = await outside.talking()
        await now.agent.desktop.state_becomes("talking")
        await again.hang_up()
        assert (await house.ended(now.callback_id))["outcome"] == "answered"


# ---- the customer first


async def test_the_customer_first_and_then_the_agent(house: RoutingHouse) -> None:
    async with house.outside(Ring()) as outside, callback_waits(house, "customer_first") as now:
        agent = now.agent
        # He is the next, so he is called while the agent still talks.
        ringing = await outside.ringing()
        await ringing.answer()
        ear = house.ear(ringing)
        await ear.hears("callback_hello")
        await house.row_when(now.callback_id, lambda row: row["callback"]["presence"] == "present", "he is there")
        await ringing.audio.hear_sound(20)
        rung = len(agent.phone.calls)
        await now.talk.hang_up()
        call = await agent.talks()
        assert len(agent.phone.calls) == rung + 1
        pop = await agent.desktop.pops(stage="talking")
        assert (pop["interaction_id"], pop["media_type"]) == (now.callback_id, "callback")
        await hear_each_other(agent, call, ringing)
        await call.hang_up()
        await ringing.ended()
        await agent.talks()
        assert (await agent.desktop.pops(stage="talking"))["ani"]["e164"] == LATER
        record = await house.ended(now.callback_id)
    assert (record["outcome"], record["agent_id"], record["hangup_side"]) == ("answered", "1001", "agent")


async def test_who_is_called_first_and_is_busy_is_tried_again(house: RoutingHouse) -> None:
    async with house.outside(Reject(status=486)) as outside, callback_waits(house, "customer_first") as now:
        await outside.ringing()
        outside.behaviour = Answer()
        again = await outside.talking()
        await now.talk.hang_up()
        await now.agent.talks()
        assert (await now.agent.desktop.pops(stage="talking"))["callback"]["attempt"] == 2
        await again.hang_up()
        record = await house.ended(now.callback_id)
    assert record["outcome"] == "answered"
    assert [answer["answer"] for answer in named(record, "customer_answered")] == ["busy", "answered"]


async def test_who_was_called_first_and_hangs_up_again_has_left(house: RoutingHouse) -> None:
    async with house.outside() as outside, callback_waits(house, "customer_first") as now:
        call = await outside.talking()
        await house.ear(call).hears("callback_hello")
        await call.hang_up()
        record = await house.ended(now.callback_id)
    assert (record["outcome"], record["hangup_side"]) == ("abandoned_in_queue", "caller")


# ---- asking for it


async def test_another_number_may_be_typed_in(house: RoutingHouse) -> None:
    async with house.outside() as outside, house.agent("1001") as agent, house.dialled("ordinary", TALKER) as talker:
        await agent.talks()
        async with house.dialled("agent_first", CUSTOMER) as customer:
            ear = house.ear(customer)
            await ear.hears("offer_callback")
            await customer.press("2")
            await customer.press("2")
            await ear.hears("enter_number")
            for key in OTHER_NUMBER.removeprefix("+86") + "#":
                await customer.press(key)
            await customer.press("1")
            await ear.hears("callback_taken")
            await customer.ended(20)
        await talker.hang_up()
        call = await outside.talking()
        assert f"{OTHER_NUMBER}@" in call.invite.start_line
        await agent.desktop.state_becomes("talking")
        await call.hang_up()
        record = await house.record_of(customer)
        await house.ended(record["callback_id"])


async def test_one_customer_has_one_callback_and_calling_again_takes_his_place(house: RoutingHouse) -> None:
    async with house.agent("1001") as agent, house.dialled("ordinary", TALKER) as talker:
        await agent.talks()
        async with house.dialled("agent_first", CUSTOMER) as customer:
            callback_id = await ask_for_callback(house, customer)
            origin = await house.record_of(customer)
        async with house.dialled("agent_first", CUSTOMER) as again:
            await house.ear(again).hears("place_kept")
            record = await house.ended(callback_id)
            assert record["outcome"] == "called_again"
            (row,) = await house.waiting("agent_first", 1)
            assert row["entered_at"] == origin["times"]["queued_at"]
            await talker.hang_up()
            await agent.talks()
            assert (await agent.desktop.pops(stage="talking"))["ani"]["e164"] == CUSTOMER
            await again.hang_up()


async def test_a_full_queue_may_call_back_instead(house: RoutingHouse) -> None:
    async with house.outside() as outside, house.agent("1001") as agent, house.dialled("ordinary", TALKER) as talker:
        await agent.talks()
        async with house.dialled("instead", CUSTOMER) as customer:
            ear = house.ear(customer)
            await ear.hears("too_many")
            await customer.press("1")
            await ear.hears("callback_taken")
            await customer.ended(20)
        record = await house.record_of(customer)
        assert record["outcome"] == "callback_taken"
        await talker.hang_up()
        call = await outside.talking()
        await agent.desktop.state_becomes("talking")
        await call.hang_up()
        assert (await house.ended(record["callback_id"]))["outcome"] == "answered"


async def test_a_supervisor_takes_a_callback_off(house: RoutingHouse) -> None:
    board = await house.board()
    async with callback_waits(house, "agent_first") as now:
        await board.send("DELETE", f"/waiting/{now.callback_id}", None)
        record = await house.ended(now.callback_id)
        assert record["outcome"] == "callback_cancelled"
        await house.waiting("agent_first", 1)


# ---- agreed for a time


async def comes_due(house: RoutingHouse, callback_id: str) -> None:
    """Nobody waits a day in a test: what was agreed for tomorrow was agreed for a moment ago."""
    database = Database(house.settings.database_url)
    try:
        store = StoredAgreedCallbacks(database)
        agreed = await store.one(InteractionId(callback_id))
        assert agreed is not None
        now = datetime.now(UTC)
        assert await store.replace(agreed, replace(agreed, at=now - timedelta(seconds=1)), by="test", at=now)
    finally:
        await database.dispose()


async def test_an_agreed_callback_comes_due_and_is_first_his_who_agreed_it(house: RoutingHouse) -> None:
    # The other has been idle longer: without the agreement it would be his.
    async with house.outside(Ring()) as outside, house.agent("1002"), house.agent("1001") as agent:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        agreed = await agent.desktop.send(
            "POST",
            "/agreed-callbacks",
            {
                "number": "138 0013 8000",
                "local_time": tomorrow.strftime("%Y-%m-%dT%H:%M"),
                "zone": "UTC",
                "queue_id": "agent_first",
                "note": "the second invoice 第二张发票",
            },
        )
        assert (agreed["customer_id"], agreed["agent_id"]) == ("demo-morning-star", "1001")
        await house.waiting("agent_first", 0)
        assert outside.calls == []
        await comes_due(house, agreed["interaction_id"])

        call = await agent.phone.talking()
        pop = await agent.desktop.pops()
        assert (pop["interaction_id"], pop["media_type"]) == (agreed["interaction_id"], "callback")
        assert [customer["customer_id"] for customer in pop["customers"]] == ["demo-morning-star"]
        assert pop["notes"] == "the second invoice 第二张发票"
        ringing = await outside.ringing()
        assert f"{KNOWN}@" in ringing.invite.start_line
        assert agent.desktop.state["state"] == "offered"
        await ringing.answer()
        await agent.desktop.state_becomes("talking")
        await hear_each_other(agent, call, ringing)
        await ringing.hang_up()
        await call.ended()
        record = await house.ended(agreed["interaction_id"])
        assert (await agent.desktop.get("/agreed-callbacks"))["items"] == []
    assert (record["outcome"], record["agent_id"], record["hangup_side"]) == ("answered", "1001", "caller")
    assert (record["media_type"], record["customer_id"]) == ("callback", "demo-morning-star")
    assert (record["ani"]["e164"], record["queue_id"]) == (KNOWN, "agent_first")
    assert record["notes"] == "the second invoice 第二张发票"
    assert [(offer["agent_id"], offer["outcome"]) for offer in record["offers"]] == [("1001", "answered")]


# ---- the server dies


async def test_f1_a_waiting_callback_is_called_in_its_place_after_a_restart(house: RoutingHouse) -> None:
    async with house.outside() as outside, callback_waits(house, "agent_first") as now:
        await house.kill_server()
        await house.start_server()
        rows = await house.waiting("agent_first", 2)
        assert [row["media_type"] for row in rows] == ["callback", "voice"]
        await now.agent.desktop.state_becomes("talking")
        await now.talk.hang_up()
        call = await now.agent.phone.talking()
        customer = await outside.talking()
        await now.agent.desktop.state_becomes("talking")
        pop = await now.agent.desktop.pops(stage="talking")
        assert (pop["interaction_id"], pop["callback"]["number"]) == (now.callback_id, CUSTOMER)
        await hear_each_other(now.agent, call, customer)
        await customer.hang_up()
        await now.agent.talks()
        assert (await now.agent.desktop.pops(stage="talking"))["ani"]["e164"] == LATER
        assert (await house.ended(now.callback_id))["outcome"] == "answered"


async def test_f1_killed_while_the_customer_s_phone_rings_for_the_agent_who_waits(house: RoutingHouse) -> None:
    async with house.outside(Ring()) as outside, callback_waits(house, "agent_first") as now:
        await now.talk.hang_up()
        call = await now.agent.phone.talking()
        ringing = await outside.ringing()
        await house.kill_server()
        await ringing.answer()
        await hear_each_other(now.agent, call, ringing)
        await house.start_server()
        await now.agent.desktop.state_becomes("talking")
        assert (await now.agent.desktop.pops(stage="talking"))["interaction_id"] == now.callback_id
        await ringing.hang_up()
        record = await house.ended(now.callback_id)
    assert (record["outcome"], record["agent_id"]) == ("answered", "1001")


async def test_f1_killed_while_a_customer_who_was_called_first_waits(house: RoutingHouse) -> None:
    async with house.outside() as outside, callback_waits(house, "customer_first") as now:
        customer = await outside.talking()
        await house.ear(customer).hears("callback_hello")
        await house.kill_server()
        await house.start_server()
        rows = await house.waiting("customer_first", 2)
        assert rows[0]["interaction_id"] == now.callback_id
        await house.row_when(now.callback_id, lambda row: row["callback"]["presence"] == "present", "he is there")
        await now.talk.hang_up()
        call = await now.agent.talks()
        await hear_each_other(now.agent, call, customer)
        assert len(outside.calls) == 1
        await customer.hang_up()
        assert (await house.ended(now.callback_id))["outcome"] == "answered"
