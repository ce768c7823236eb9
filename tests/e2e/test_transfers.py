"""Transfers on the real system: who hears whom is measured by tones, what the other side sees and what is kept is read.

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
from tests.e2e.routing_house import AGENTS_HERTZ, CALLERS_TONE, OUTSIDE_HERTZ, RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FIRST = "+8613700000031"
OUTSIDE = "+8613900003333"
ONE, TWO, THREE = "1001", "1002", "1003"
NOTE = "Asks about the second invoice; 已核对身份"
QUEUES = {"sales": "skills: {billing: 1}", "support": "skills: {tech: 1}"}
AGENTS = {ONE: "skills: {billing: 5}", TWO: "skills: {tech: 5}", THREE: "skills: {spare: 5}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-handed-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


async def send(agent: Agent, kind: str, to: str, note: str = "") -> Any:
    """Order a blind transfer, as the page does."""
    return await agent.desktop.send("POST", "/agents/me/transfer", {"kind": kind, "to": to, "note": note})


def names(record: dict[str, Any]) -> list[str]:
    """What an interaction's timeline says of talks and transfers."""
    wanted = ("interaction_connected", "talk_ended", "interaction_transferred", "transfer_ended")
    return [entry["name"] for entry in record["timeline"] if entry["name"] in wanted]


@pytest.mark.parametrize(("kind", "to"), [("queue", "support"), ("agent", TWO)])
async def test_a_caller_is_sent_to_a_colleague_who_sees_why_before_he_talks(
    house: RoutingHouse, kind: str, to: str
) -> None:
    async with (
        house.agent(ONE) as one,
        house.agent(TWO, Answer(after_seconds=0.5)) as two,
        house.dialled("sales", FIRST) as caller,
    ):
        first = await one.talks()
        await caller.audio.hear_tone(AGENTS_HERTZ[ONE])
        await send(one, kind, to, NOTE)
        await first.ended()
        ringing = await two.desktop.pops(stage="ringing")
        assert (ringing["transferred"]["name"], ringing["transferred"]["note"]) == (f"Agent {ONE}", NOTE)
        assert ringing["ani"]["e164"] == FIRST
        second = await two.talks()
        await caller.audio.hear_tone(AGENTS_HERTZ[TWO], share=0.9)
        await second.audio.hear_tone(CALLERS_TONE.hertz, share=0.9)
        await one.desktop.state_becomes("ready")
        await two.desktop.state_becomes("talking")
        await caller.hang_up()
    record = await house.record_of(caller)
    assert (record["outcome"], record["agent_id"]) == ("answered", TWO)
    assert names(record) == [
        "interaction_connected",
        "interaction_transferred",
        "talk_ended",
        "interaction_connected",
        "talk_ended",
    ]
    assert [talk["agent_id"] for talk in record["handling"]["talks"]] == [ONE, TWO]
    transfer = record["handling"]["transfers"][0]
    assert (transfer["end"], transfer["note"], transfer["target"]) == ("taken", NOTE, {"kind": kind, "target": to})


async def test_a_caller_is_sent_to_a_number_outside_and_his_call_ends_there(house: RoutingHouse) -> None:
    async with house.agent(ONE) as one, house.outside() as outside, house.dialled("sales", FIRST) as caller:
        first = await one.talks()
        await send(one, "number", OUTSIDE)
        await first.ended()
        far = await outside.talking(20)
        await far.audio.hear_tone(CALLERS_TONE.hertz, share=0.9)
        await caller.audio.hear_tone(OUTSIDE_HERTZ, share=0.9)
        await one.desktop.state_becomes("ready")
        await far.hang_up()
        await caller.ended()
    record = await house.record_of(caller)
    assert (record["outcome"], record["handling"]["transfers"][0]["end"]) == ("transferred_out", "taken")


async def test_whom_nobody_takes_comes_back_to_who_sent_him_and_then_to_the_first_place(house: RoutingHouse) -> None:
    async with house.agent(ONE) as one, house.outside(Reject(status=486)), house.dialled("sales", FIRST) as caller:
        first = await one.talks()
        await send(one, "number", OUTSIDE)
        await first.ended()
        again = await one.talks()
        pop = await one.desktop.pops(stage="talking")
        assert pop["transferred"]["came_back"]
        assert again is not first
        await caller.audio.hear_tone(AGENTS_HERTZ[ONE], share=0.9)
        # Now he does not take him back either.
        one.phone.behaviour = Ring()
        await send(one, "number", OUTSIDE)
        await again.ended()
        await one.desktop.state_becomes("wrap_up")
        await one.desktop.end_wrap_up()
        await one.desktop.state_becomes("offered")
        rung = await one.phone.ringing(20)
        rung.reject()
        rows = await house.waiting("sales", 1)
        assert rows[0]["base_priority"] > 1000
        await caller.hang_up()
    record = await house.record_of(caller)
    assert [transfer["end"] for transfer in record["handling"]["transfers"]] == ["came_back", "to_queue"]


async def test_what_cannot_be_is_refused_and_the_talk_goes_on(house: RoutingHouse) -> None:
    refused = [
        ("agent", ONE, 409, "own_talk"),
        ("agent", TWO, 409, "agent_not_at_work"),
        ("agent", "nobody", 404, "unknown_agent"),
        ("queue", "nowhere", 404, "unknown_queue"),
        ("queue", "support", 409, "queue_unserved"),
        ("number", "12", 422, "invalid_number"),
    ]
    async with house.agent(ONE) as one, house.dialled("sales", FIRST) as caller:
        with pytest.raises(AssertionError, match=r"409 .*not_in_talk"):
            await send(one, "queue", "sales")
        first = await one.talks()
        for kind, to, status, code in refused:
            with pytest.raises(AssertionError, match=rf"{status} .*{code}"):
                await send(one, kind, to)
        assert first.end is None
        await caller.audio.hear_tone(AGENTS_HERTZ[ONE], share=0.9)
        await caller.hang_up()


async def test_the_server_dies_as_a_caller_is_sent_on_and_he_is_taken_all_the_same(house: RoutingHouse) -> None:
    async with house.agent(ONE) as one, house.agent(TWO, Ring()) as two, house.dialled("sales", FIRST) as caller:
        first = await one.talks()
        await send(one, "queue", "support", NOTE)
        await house.kill_server()
        await first.ended()
        await house.start_server()
        await house.renew_board()
        rung = await two.phone.ringing(20)
        await rung.answer()
        await caller.audio.hear_tone(AGENTS_HERTZ[TWO], timeout_seconds=15, share=0.9)
        await caller.hang_up()
    record = await house.record_of(caller)
    assert record["handling"]["transfers"][0]["end"] == "taken"
