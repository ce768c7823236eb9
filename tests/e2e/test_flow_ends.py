"""Where flows lead callers, on real Asterisk: to one agent, outside, into a callback; and what the agent sees of it.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.phones import Reject, Ring
from tests.e2e.routing_house import AGENTS_HERTZ, CALLERS_TONE, OUTSIDE_HERTZ, RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FIRST, SECOND, LATER = "+8613700000021", "+8613700000022", "+8613700000023"
OUTSIDE = "+8613900002222"
RING_SECONDS, LONG_SECONDS = 5, 120

HEAD = """
flow: {name}
languages: [en]
start: there
rescue: people
prompts: {{ask: {{en: "Your account number, please."}}}}
nodes:
  people: {{kind: queue, queue: people}}
"""
FLOWS = {
    "to_agent": HEAD.format(name="to_agent")
    + f'  there: {{kind: transfer, agent: "1001", ring_seconds: {RING_SECONDS}, failed: people}}\n',
    "to_busy_agent": HEAD.format(name="to_busy_agent")
    + f'  there: {{kind: transfer, agent: "1001", ring_seconds: {LONG_SECONDS}, failed: people}}\n',
    "to_number": HEAD.format(name="to_number")
    + f'  there: {{kind: transfer, number: "{OUTSIDE}", ring_seconds: 10, failed: people}}\n',
    "to_callback": HEAD.format(name="to_callback")
    + "  there: {kind: collect, say: ask, into: account, label: {zh: 账号, en: Account},\n"
    + "          min_digits: 2, max_digits: 4, next: pin}\n"
    + "  pin: {kind: collect, say: ask, into: pin, secret: yes, min_digits: 4, max_digits: 4, next: back}\n"
    + "  back: {kind: callback, queue: people}\n",
}
QUEUES = {"people": "skills: {billing: 1}"}
AGENTS = {"1001": "skills: {tech: 8}", "1004": "skills: {billing: 5}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-ends-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS, flows=FLOWS) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


async def test_the_agent_a_flow_names_is_rung_and_nobody_else(house: RoutingHouse) -> None:
    async with house.agent("1004"), house.agent("1001") as agent, house.dialled("to_agent", FIRST) as caller:
        call = await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["queue"]["queue_id"] == "agent:1001"
        assert pop["ani"]["e164"] == FIRST
        await caller.audio.hear_tone(AGENTS_HERTZ["1001"])
        await call.audio.hear_tone(CALLERS_TONE.hertz)
        await caller.hang_up()
    record = await house.record_of(caller)
    assert (record["outcome"], record["agent_id"]) == ("answered", "1001")
    assert len(record["offers"]) == 1


async def test_the_flow_goes_on_where_the_agent_is_not_at_work(house: RoutingHouse) -> None:
    async with (
        house.agent("1001", ready=False),
        house.agent("1004") as other,
        house.dialled("to_agent", FIRST) as caller,
    ):
        await other.talks()
        assert (await other.desktop.pops(stage="talking"))["queue"]["queue_id"] == "people"
        await caller.hang_up()
    assert (await house.record_of(caller))["agent_id"] == "1004"


async def test_the_flow_goes_on_where_the_agent_does_not_answer(house: RoutingHouse) -> None:
    async with (
        house.agent("1001", Ring()) as silent,
        house.agent("1004") as other,
        house.dialled("to_agent", FIRST) as caller,
    ):
        await silent.desktop.state_becomes("offered")
        await other.talks()
        await caller.hang_up()
    record = await house.record_of(caller)
    assert [(offer["agent_id"], offer["outcome"]) for offer in record["offers"]] == [
        ("1001", "rona"),
        ("1004", "answered"),
    ]


async def test_a_server_that_dies_leaves_him_waiting_for_his_agent(house: RoutingHouse) -> None:
    async with house.agent("1001") as agent, house.dialled("to_agent", FIRST) as first:
        talk = await agent.talks()
        async with house.dialled("to_busy_agent", SECOND) as second:
            await house.waiting("agent:1001", 1)
            await house.kill_server()
            await house.start_server()
            await talk.hang_up()
            # The wrap-up of his own queue, which no configuration has: the talk of before the death has it as well.
            await agent.desktop.state_becomes("wrap_up")
            await agent.desktop.end_wrap_up()
            await agent.desktop.state_becomes("talking")
            await second.audio.hear_tone(AGENTS_HERTZ["1001"])
            await second.hang_up()
    assert (await house.record_of(first))["agent_id"] == "1001"
    assert (await house.record_of(second))["agent_id"] == "1001"


async def test_a_number_outside_is_called_for_the_caller(house: RoutingHouse) -> None:
    async with house.outside() as outside, house.dialled("to_number", FIRST) as caller:
        call = await outside.talking()
        assert f"{OUTSIDE}@" in call.invite.start_line
        await caller.audio.hear_tone(OUTSIDE_HERTZ)
        await call.audio.hear_tone(CALLERS_TONE.hertz)
        await call.hang_up()
        assert (await caller.ended()).by == "server"
    assert (await house.record_of(caller))["outcome"] == "transferred_out"


async def test_the_flow_goes_on_where_nobody_outside_answers(house: RoutingHouse) -> None:
    async with (
        house.agent("1004") as agent,
        house.outside(Reject(status=486)) as outside,
        house.dialled("to_number", FIRST) as caller,
    ):
        await outside.ringing()
        await agent.talks()
        await caller.hang_up()
    record = await house.record_of(caller)
    assert (record["outcome"], record["queue_id"], record["agent_id"]) == ("answered", "people", "1004")


async def test_a_callback_from_a_flow_shows_the_agent_what_was_typed(house: RoutingHouse) -> None:
    async with house.outside() as outside, house.dialled("to_callback", LATER) as caller:
        await caller.audio.hear_sound()
        for key in "4711#8642":
            await caller.press(key)
        assert (await caller.ended(30)).by == "server"
        record = await house.record_of(caller)
        assert record["outcome"] == "callback_taken"
        async with house.agent("1004") as agent:
            pop = await agent.desktop.pops()
            assert (pop["media_type"], pop["interaction_id"]) == ("callback", record["callback_id"])
            assert [(one["variable"], one["digits"], one["secret"]) for one in pop["typed"]] == [
                ("account", "4711", False),
                ("pin", "", True),
            ]
            assert pop["typed"][0]["label"] == {"zh": "账号", "en": "Account"}
            call = await outside.talking()
            assert f"{LATER}@" in call.invite.start_line
            await call.hang_up()
            await agent.desktop.state_becomes("ready")
    # As a number of its own: identifiers and times may well hold these four digits.
    assert not re.search(rb"(?<![0-9a-f.])8642(?![0-9a-f])", house.log_path.read_bytes())
