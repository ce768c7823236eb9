"""Transfers on the real system: who hears whom is measured by tones, what the other side sees and what is kept is read.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from functools import partial
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
CALLER, ASKER, ASKED = CALLERS_TONE.hertz, AGENTS_HERTZ["1001"], AGENTS_HERTZ["1002"]
VOICES = (CALLER, ASKER, ASKED, OUTSIDE_HERTZ)
HEARD, UNHEARD = 0.15, 0.05
RACES = 15
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


async def consult(agent: Agent, kind: str, to: str, note: str = "") -> Any:
    """Ask somebody, as the page does."""
    return await agent.desktop.send("POST", "/agents/me/consultation", {"kind": kind, "to": to, "note": note})


async def order(agent: Agent, what: str) -> Any:
    """Swap, merge, or complete."""
    return await agent.desktop.send("POST", f"/agents/me/consultation/{what}", None)


async def shows(agent: Agent, state: str) -> None:
    """The agent's desk shows who talks with whom."""
    await agent.desktop.until(
        lambda: agent.desktop.documents["me"].get("consultation", {}).get("state") == state, f"consultation {state}"
    )


async def asks_nobody(agent: Agent) -> None:
    """The agent's desk shows no consultation."""
    await agent.desktop.until(lambda: "consultation" not in agent.desktop.documents["me"], "no consultation")


async def hears(line: Any, voices: set[int]) -> None:
    """Wait until a line carries these voices and no other for a second."""
    deadline = time.monotonic() + 12
    while True:
        since = time.monotonic()
        await asyncio.sleep(1.0)  # So long is what is measured.
        shares = {hertz: line.audio.tone_share(hertz, since) for hertz in VOICES}
        is_clear = all(share > HEARD or share < UNHEARD for share in shares.values())
        if is_clear and {hertz for hertz, share in shares.items() if share > HEARD} == voices:
            return
        assert time.monotonic() < deadline, f"wanted {voices}: {shares}"


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
        far = await outside.talking()
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
        rung = await one.phone.ringing()
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
        # A phone that rang before the server died may be let go, and ring once more.
        two.phone.behaviour = Answer()
        for rung in tuple(two.phone.calls):
            await rung.answer()
        await caller.audio.hear_tone(AGENTS_HERTZ[TWO], share=0.9)
        await caller.hang_up()
    record = await house.record_of(caller)
    assert record["handling"]["transfers"][0]["end"] == "taken"


async def test_consult_swap_merge_and_complete(house: RoutingHouse) -> None:
    async with house.agent(ONE) as one, house.agent(TWO) as two, house.dialled("sales", FIRST) as caller:
        first = await one.talks()
        begun = await consult(one, "queue", "support", NOTE)
        assert (begun["state"], begun["name"]) == ("ringing", f"Agent {TWO}")
        second = await two.phone.talking()
        await shows(one, "consulted")
        pop = await two.desktop.pops(stage="talking")
        assert (pop["transferred"]["asks"], pop["transferred"]["note"], pop["ani"]["e164"]) == (True, NOTE, FIRST)
        await hears(first, {ASKED})
        await hears(second, {ASKER})
        await hears(caller, set())
        await order(one, "swap")
        await hears(first, {CALLER})
        await hears(caller, {ASKER})
        await hears(second, set())
        await order(one, "swap")
        await hears(second, {ASKER})
        await hears(caller, set())
        await order(one, "merge")
        await hears(first, {CALLER, ASKED})
        await hears(second, {CALLER, ASKER})
        await hears(caller, {ASKER, ASKED})
        await order(one, "swap")
        await hears(second, {ASKER})
        await order(one, "complete")
        await first.ended()
        await hears(second, {CALLER})
        await hears(caller, {ASKED})
        await one.desktop.state_becomes("ready")
        assert (await two.desktop.pops(stage="talking"))["transferred"]["asks"] is False
        await caller.hang_up()
        await two.desktop.state_becomes("ready")
    record = await house.record_of(caller)
    assert (record["outcome"], record["agent_id"]) == ("answered", TWO)
    assert [talk["agent_id"] for talk in record["handling"]["talks"]] == [ONE, TWO]
    assert [one["end"] for one in record["handling"]["consultations"]] == ["completed"]
    assert [(one["end"], one["consulted"]) for one in record["handling"]["transfers"]] == [("taken", True)]
    assert record["consulted_seconds"] > 5


async def test_who_hangs_up_in_a_consultation(house: RoutingHouse) -> None:
    async with house.agent(ONE) as one, house.agent(TWO) as two:
        async with house.dialled("sales", FIRST) as caller:
            first = await one.talks()
            # The consulted one declines, then answers and hangs up: both times the agent has his caller again.
            two.phone.behaviour = Reject()
            await consult(one, "agent", TWO)
            await (await two.phone.ringing()).ended()
            await asks_nobody(one)
            await hears(first, {CALLER})
            await two.desktop.state_becomes("ready")
            two.phone.behaviour = Answer()
            await consult(one, "agent", TWO)
            second = await two.phone.talking()
            await shows(one, "consulted")
            await second.hang_up()
            await asks_nobody(one)
            await hears(first, {CALLER})
            await hears(caller, {ASKER})
            # The agent takes the caller back.
            await two.desktop.state_becomes("ready")
            await consult(one, "agent", TWO)
            second = await two.phone.talking()
            await shows(one, "consulted")
            await one.desktop.send("DELETE", "/agents/me/consultation", None)
            await second.ended()
            await hears(first, {CALLER})
            # The caller leaves: it is over for everybody.
            await two.desktop.state_becomes("ready")
            await consult(one, "agent", TWO)
            second = await two.phone.talking()
            await shows(one, "consulted")
            await caller.hang_up()
            await first.ended()
            await second.ended()
            await one.desktop.state_becomes("ready")
            await two.desktop.state_becomes("ready")
        record = await house.record_of(caller)
        ends = [known["end"] for known in record["handling"]["consultations"]]
        assert ends == ["not_reached", "consulted_left", "taken_back", "caller_left"]
        assert [talk["agent_id"] for talk in record["handling"]["talks"]] == [ONE]


async def test_the_agent_hangs_up_in_a_consultation(house: RoutingHouse) -> None:
    async with house.agent(ONE) as one, house.outside(Ring()) as outside, house.dialled("sales", FIRST) as caller:
        first = await one.talks()
        # Nobody has answered: the caller waits again, in the first place, and his agent is the next.
        await consult(one, "number", OUTSIDE)
        far = await outside.ringing()
        await first.hang_up()
        await far.ended()
        again = await one.talks()
        await hears(caller, {ASKER})
        # Somebody is on the line: he has the caller.
        outside.behaviour = Answer()
        await consult(one, "number", OUTSIDE)
        far = await outside.talking()
        await shows(one, "consulted")
        await again.hang_up()
        await hears(caller, {OUTSIDE_HERTZ})
        await hears(far, {CALLER})
        await far.hang_up()
        await caller.ended()
    record = await house.record_of(caller)
    assert record["outcome"] == "transferred_out"
    assert [known["end"] for known in record["handling"]["consultations"]] == ["agent_left", "completed"]


@pytest.mark.parametrize("back", [False, True])
async def test_the_server_dies_in_a_consultation(house: RoutingHouse, back: bool) -> None:
    async with house.agent(ONE) as one, house.agent(TWO) as two, house.dialled("sales", FIRST) as caller:
        first = await one.talks()
        await consult(one, "agent", TWO, NOTE)
        second = await two.phone.talking()
        await shows(one, "consulted")
        await house.kill_server()
        await hears(first, {ASKED})
        if not back:
            # The agent hangs up while there is no server at all: his colleague has the caller.
            await first.hang_up()
            await hears(caller, {ASKED})
        await house.start_server()
        await house.renew_board()
        if back:
            await one.desktop.until(
                lambda: one.desktop.documents["me"].get("consultation", {}).get("note") == NOTE, "shown again", 30
            )
            await order(one, "swap")
            await hears(first, {CALLER})
            await one.desktop.send("DELETE", "/agents/me/consultation", None)
            await second.ended()
            await hears(caller, {ASKER})
        else:
            await two.desktop.state_becomes("talking")
        await caller.hang_up()
    record = await house.record_of(caller)
    assert (record["outcome"], record["agent_id"]) == ("answered", ONE if back else TWO)


def is_out_of_talk(agent: Agent) -> bool:
    """Nobody holds or rings him."""
    return agent.desktop.state["state"] not in ("talking", "hold", "offered")


async def test_races_of_hangups_with_transfers_lose_nobody(house: RoutingHouse) -> None:
    """Somebody hangs up at the very moment of an order; after each race nobody is left in anything."""
    orders = ("consult", "swap", "merge", "complete", "back")
    async with house.agent(ONE) as one, house.agent(TWO) as two:
        for race in range(RACES):
            what, who = orders[race % len(orders)], ("caller", "asker", "asked")[race // len(orders) % 3]
            async with house.dialled("sales", FIRST) as caller:
                await one.desktop.state_becomes("talking")
                [first] = one.phone.calls_alive
                if what != "consult":
                    await consult(one, "agent", TWO)
                    await shows(one, "consulted")
                if what == "consult":
                    asked = consult(one, "agent", TWO)
                elif what == "back":
                    asked = one.desktop.send("DELETE", "/agents/me/consultation", None)
                else:
                    asked = order(one, what)
                if who == "caller":
                    leaving = caller.hang_up()
                else:
                    leaving = first.hang_up() if who == "asker" else two.phone.hang_up()
                # The order may be refused, for who is gone is gone.
                await asyncio.gather(asked, leaving, return_exceptions=True)
                if caller.end is None:
                    await caller.hang_up()
            await one.phone.hang_up()
            await two.phone.hang_up()
            for agent in (one, two):
                await agent.desktop.until(
                    partial(is_out_of_talk, agent),
                    f"race {race}, {what}, {who} leaves",
                    20,
                )
                await agent.desktop.set_state("ready")
                await agent.desktop.state_becomes("ready")
            await house.record_of(caller)
            house.invariants().check_one_to_one()
