"""Calls out from the desk, on real Asterisk: the agent's phone rings first, then the customer's over the outside trunk.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.house import Agent
from tests.e2e.phones import Answer, Reject, Ring
from tests.e2e.routing_house import AGENTS_HERTZ, OUTSIDE_HERTZ, RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

CUSTOMER, KNOWN, WAITER = "+8613700000021", "+8613800138000", "+8613700000022"
SHOWN = "+862112345678"
QUEUES = {"ordinary": "skills: {billing: 1}"}
AGENTS = {"1001": "skills: {billing: 8}", "1002": "skills: {tech: 8}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-out-", dir="/tmp") as base:
        environment = {"CALLCENTER_CALLS_OUT_SHOWN_NUMBER": SHOWN}
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS, environment=environment) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


def named(record: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The entries of a record's timeline with this name."""
    return [entry["data"] for entry in record["timeline"] if entry["name"] == name]


async def test_his_phone_first_then_the_customers_and_nobody_elses_call_meanwhile(house: RoutingHouse) -> None:
    async with house.outside(Ring()) as outside, house.agent("1001") as agent:
        await agent.desktop.set_state("not_ready", "lunch")
        async with house.dialled("ordinary", WAITER):
            await house.waiting("ordinary", 1)
            begun = await agent.desktop.send("POST", "/agents/me/call-out", {"number": "138 0013 8000"})
            assert begun["number"]["e164"] == KNOWN
            call = await agent.phone.talking()
            pop = await agent.desktop.pops()
            assert pop["interaction_id"] == begun["interaction_id"]
            assert [customer["customer_id"] for customer in pop["customers"]] == ["demo-morning-star"]
            ringing = await outside.ringing()
            assert f"{KNOWN}@" in ringing.invite.start_line
            assert SHOWN in (ringing.invite.header("from") or "")
            assert agent.desktop.state["state"] == "offered"
            await ringing.answer()
            await agent.desktop.state_becomes("talking")
            await ringing.audio.hear_tone(AGENTS_HERTZ["1001"])
            await call.audio.hear_tone(OUTSIDE_HERTZ)
            await ringing.hang_up()
            await call.ended()
            assert (await agent.desktop.state_becomes("wrap_up"))["interaction_id"] == begun["interaction_id"]
            await agent.desktop.end_wrap_up()
            assert (await agent.desktop.state_becomes("not_ready"))["reason"] == "lunch"
            record = await house.ended(begun["interaction_id"])
            await house.waiting("ordinary", 1)
    assert (record["direction"], record["media_type"], record["outcome"]) == ("outbound", "voice", "answered")
    assert (record["agent_id"], record["customer_id"], record["hangup_side"]) == ("1001", "demo-morning-star", "caller")
    assert (record["ani"]["e164"], record["dnis"]) == (KNOWN, SHOWN)
    assert [offer["outcome"] for offer in record["offers"]] == ["answered"]


async def test_a_busy_customer_is_told_plainly_and_not_tried_again(house: RoutingHouse) -> None:
    async with house.outside(Reject(status=486)) as outside, house.agent("1001") as agent:
        begun = await agent.desktop.send("POST", "/agents/me/call-out", {"number": CUSTOMER})
        call = await agent.phone.talking()
        await outside.ringing()
        assert (await call.ended(20)).by == "server"
        record = await house.ended(begun["interaction_id"])
        shown = await agent.desktop.get("/agents/me/call-out")
        assert (shown["state"], shown["answer"], shown["outcome"]) == ("ended", "busy", "not_reached")
        assert (await agent.desktop.state_becomes("ready"))["misses"] == 0
    assert (record["outcome"], record["agent_id"], record["hangup_side"]) == ("not_reached", None, "system")
    assert [(answer["attempt"], answer["answer"]) for answer in named(record, "customer_answered")] == [(1, "busy")]


async def test_who_hangs_up_while_it_rings_lets_the_customers_phone_fall_silent(house: RoutingHouse) -> None:
    async with house.outside(Ring()) as outside, house.agent("1001") as agent:
        begun = await agent.desktop.send("POST", "/agents/me/call-out", {"number": CUSTOMER})
        call = await agent.phone.talking()
        ringing = await outside.ringing()
        await call.hang_up()
        assert (await ringing.ended(20)).by == "server"
        record = await house.ended(begun["interaction_id"])
        assert (record["outcome"], record["hangup_side"]) == ("called_off", "agent")
        await agent.desktop.state_becomes("ready")


async def test_a_phone_that_does_not_answer_calls_nobody_and_is_no_rona(house: RoutingHouse) -> None:
    async with house.outside(Answer()) as outside, house.agent("1001", Reject(status=480)) as agent:
        begun = await agent.desktop.send("POST", "/agents/me/call-out", {"number": CUSTOMER})
        record = await house.ended(begun["interaction_id"])
        assert record["outcome"] == "called_off"
        await agent.desktop.state_becomes("ready")
        assert outside.calls == []


async def test_killed_while_the_customers_phone_rings_there_is_one_record(house: RoutingHouse) -> None:
    async with house.outside(Ring()) as outside, house.agent("1001") as agent:
        begun = await agent.desktop.send("POST", "/agents/me/call-out", {"number": CUSTOMER})
        call = await agent.phone.talking()
        ringing = await outside.ringing()
        await house.kill_server()
        await house.start_server()
        await house.renew_board()
        # Nobody knows whether the agent still wants it: both phones fall silent, and he may try again.
        assert (await call.ended(30)).by == "server"
        assert (await ringing.ended(30)).by == "server"
        record = await house.ended(begun["interaction_id"], seconds=30)
    assert (record["direction"], record["outcome"]) == ("outbound", "not_reached")


async def test_killed_in_the_talk_it_goes_on_and_there_is_one_record(house: RoutingHouse) -> None:
    async with house.outside(Answer()) as outside, house.agent("1001") as agent:
        begun = await agent.desktop.send("POST", "/agents/me/call-out", {"number": CUSTOMER})
        customer = await outside.talking()
        await agent.desktop.state_becomes("talking")
        await house.kill_server()
        await house.start_server()
        await house.renew_board()
        await customer.audio.hear_tone(AGENTS_HERTZ["1001"])
        await customer.hang_up()
        record = await house.ended(begun["interaction_id"], seconds=30)
    assert (record["direction"], record["outcome"], record["agent_id"]) == ("outbound", "answered", "1001")


def internal(agent: Agent) -> dict[str, Any]:
    """What the agent's desk shows of his latest internal call."""
    shown: dict[str, Any] = agent.desktop.documents["me"].get("internal_call", {})
    return shown


async def ends(agent: Agent, end: str) -> None:
    """His desk says how it ended, and he is ready again."""
    await agent.desktop.until(lambda: internal(agent).get("end") == end, f"an internal call that ended {end}", 20)
    await agent.desktop.state_becomes("ready")


async def test_a_colleague_is_called_sees_who_calls_and_no_customer_comes_meanwhile(house: RoutingHouse) -> None:
    async with house.agent("1001") as one, house.agent("1002", Ring()) as two:
        rows = (await one.desktop.get("/agents/me/colleagues"))["items"]
        assert (rows[0]["agent_id"], rows[0]["state"], rows[0]["can_be_called"]) == ("1002", "ready", True)
        # A supervisor with an agent of his own may be there too, without a phone.
        assert not any(row["can_be_called"] for row in rows[1:])
        assert "colleague_signed_out" in {row["refusal"] for row in rows[1:]}
        begun = await one.desktop.send("POST", "/agents/me/internal-call", {"agent_id": "1002"})
        assert (begun["incoming"], begun["state"]) == (False, "ringing_caller")
        await two.desktop.until(lambda: internal(two).get("name") == "Agent 1001", "who calls", 20)
        first = await one.phone.talking()
        rung = await two.phone.ringing()
        assert '"Agent 1001"' in (rung.invite.header("from") or "")
        await one.desktop.until(lambda: internal(one).get("state") == "ringing", "ringing", 20)
        async with house.dialled("ordinary", WAITER):
            await house.waiting("ordinary", 1)
            await rung.answer()
            await rung.audio.hear_tone(AGENTS_HERTZ["1001"])
            await first.audio.hear_tone(AGENTS_HERTZ["1002"])
            for agent in (one, two):
                await agent.desktop.until(lambda: internal(agent).get("state") == "talking", "talking", 20)  # noqa: B023
                assert agent.desktop.state["state"] == "internal_call"
            await house.waiting("ordinary", 1)
            # The server dies in the talk: it goes on, both are busy afterwards as before, and nobody gets the caller.
            await house.kill_server()
            await house.start_server()
            await house.renew_board()
            for agent in (one, two):
                await agent.desktop.until(lambda: internal(agent).get("state") == "talking", "talking", 20)  # noqa: B023
                assert agent.desktop.state["state"] == "internal_call"
            await rung.audio.hear_tone(AGENTS_HERTZ["1001"])
            await house.waiting("ordinary", 1)
            await rung.hang_up()
            await first.ended(20)
            await two.desktop.state_becomes("ready")
            # Now the caller who has waited has his agent.
            await one.desktop.state_becomes("talking")


async def test_why_a_colleague_is_not_reached_is_told_plainly(house: RoutingHouse) -> None:
    async with house.agent("1001") as one, house.agent("1002", Reject()) as two:
        await one.desktop.send("POST", "/agents/me/internal-call", {"agent_id": "1002"})
        await one.phone.talking()
        await two.phone.ringing()
        await ends(one, "rejected")
        await ends(two, "rejected")
        assert two.desktop.state["misses"] == 0
        two.phone.behaviour = Ring()
        await one.desktop.send("POST", "/agents/me/internal-call", {"agent_id": "1002"})
        await one.phone.talking()
        rung = await two.phone.ringing()
        # On his desk, without touching the phone.
        await two.desktop.send("DELETE", "/agents/me/internal-call", None)
        await rung.ended(20)
        await ends(one, "rejected")
        await two.desktop.state_becomes("ready")
        await one.desktop.send("POST", "/agents/me/internal-call", {"agent_id": "1002"})
        call = await one.phone.talking()
        rung = await two.phone.ringing()
        await call.hang_up()
        await rung.ended(20)
        await ends(two, "called_off")
        two.phone.behaviour = Reject(status=480)
        await one.desktop.send("POST", "/agents/me/internal-call", {"agent_id": "1002"})
        await ends(one, "no_answer")
