"""What must hold when the server is killed, frozen, or loses its connection to Asterisk (F1, F3, F5), for real."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.house import STRAIGHT, Agent, House
from tests.e2e.phones import Answer, Caller, Ring, Silence
from tests.e2e.wire_cut import WireCut
from tests.patience import PATIENCE_SECONDS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

AWAY_SECONDS = 3.0
QUIET_PHONE = Silence(packets_per_second=2)


@pytest_asyncio.fixture(loop_scope="module")
async def house() -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="cc-fault-", dir="/tmp") as base:
        async with House(Path(base), ring_timeout=timedelta(seconds=30)) as house:
            yield house
            await house.check()


@asynccontextmanager
async def people(
    house: House, *, talking: int, waiting: int, agents: int | None = None
) -> AsyncIterator[tuple[list[Agent], list[Caller], list[Caller]]]:
    """So many talk and so many wait, who came one after the other."""
    async with AsyncExitStack() as stack:
        at_work = [
            await stack.enter_async_context(house.agent(str(1001 + number), Answer()))
            for number in range(agents or talking)
        ]
        talkers = [
            await stack.enter_async_context(call(house, f"+86137000010{number:02d}")) for number in range(talking)
        ]
        for agent in at_work[:talking]:
            await agent.desktop.state_becomes("talking", seconds=30)
        waiters = []
        for number in range(waiting):
            caller = await stack.enter_async_context(call(house, f"+86138000020{number:02d}"))
            await caller.answered(20)
            waiters.append(caller)
        await wait_for_waiting(house, waiting)
        yield at_work, talkers, waiters


def call(house: House, ani: str) -> Caller:
    return house.caller(STRAIGHT, ani, sound=QUIET_PHONE)


async def wait_for_waiting(house: House, count: int, *, seconds: float = PATIENCE_SECONDS) -> None:
    desk = await house.desktop("super")
    rows = desk.documents["queues"]
    await desk.until(lambda: rows is not None and shown(desk.documents, count), f"{count} wait", seconds)


def shown(documents: dict[str, dict[str, dict[str, object]]], count: int) -> bool:
    return documents.get("queues", {}).get("operator", {}).get("waiting") == count


def talker_of(agent: Agent, talkers: list[Caller]) -> Caller:
    """Whom the agent's screen shows."""
    assert agent.desktop.pop is not None
    return next(talker for talker in talkers if talker.ani == agent.desktop.pop["ani"]["e164"])


def is_not_talking(agent: Agent) -> Callable[[], bool]:
    return lambda: agent.desktop.state["state"] != "talking"


async def hang_up_all(callers: list[Caller]) -> None:
    for caller in callers:
        if caller.end is None:
            await caller.hang_up()


async def serve(agents: list[Agent], calls: int) -> None:
    """The agents take that many calls, one after the other, each ended by the agent."""
    taken = 0
    while taken < calls:
        for agent in agents:
            if agent.desktop.state["state"] == "wrap_up":
                await agent.desktop.end_wrap_up("ready")
            elif agent.desktop.state["state"] == "talking" and agent.phone.calls_alive:
                await agent.phone.hang_up()
                taken += 1
                await agent.desktop.until(is_not_talking(agent), "the talk is over")
        await asyncio.sleep(0.02)


@pytest.mark.alone
async def test_f1_killed_with_fifty_waiting_and_ten_talking(house: House) -> None:
    async with people(house, talking=10, waiting=50) as (agents, talkers, waiters):
        everyone = [*talkers, *waiters]
        killed_at = time.monotonic()
        await house.kill_server()
        # Life goes on without the server: one gives up waiting, one talk ends, one new caller comes.
        await waiters[10].hang_up()
        await agents[3].phone.hang_up()
        left_by_agent = talker_of(agents[3], talkers)
        await left_by_agent.ended()
        newcomer = call(house, "+8613900003000")
        async with newcomer:
            await newcomer.answered()
            await newcomer.audio.hear_sound(timeout_seconds=2.5)
            await asyncio.sleep(max(0.0, killed_at + AWAY_SECONDS - time.monotonic()))
            await house.start_server()
            back_at = time.monotonic()
            assert [c.name for c in everyone if c.end is not None] == [left_by_agent.name, waiters[10].name]
            heard = [waiter.audio.loudness(killed_at, back_at) for waiter in waiters[:5]]
            assert min(heard) > -50, f"silence while the server was away: {heard} dBFS"
            await wait_for_waiting(house, 50)
            states = [agent.desktop for agent in agents]
            for number, desk in enumerate(states):
                await desk.state_becomes("wrap_up" if number == 3 else "talking")
            # The next ten are served in the order they came; the checker compares offers with entries.
            await serve(agents, 20)
            await hang_up_all([*everyone, newcomer])
    checker = await house.check()
    assert checker.outcomes()["abandoned_in_queue"] >= 30
    assert checker.outcomes().get("failed", 0) == 0


async def test_f1_killed_while_an_agent_rings_and_he_answers_afterwards(house: House) -> None:
    async with house.agent("1001", Ring()) as agent, call(house, "+8613700001111") as caller:
        ringing = await agent.phone.ringing(15)
        await house.kill_server()
        await house.start_server()
        await agent.desktop.state_becomes("offered")
        await ringing.answer()
        await agent.desktop.state_becomes("talking")
        pop = await agent.desktop.pops(stage="talking")
        assert pop["ani"]["e164"] == "+8613700001111"
        assert len(agent.phone.calls) == 1
        await caller.hang_up()
        await agent.desktop.state_becomes("wrap_up")


async def test_f1_killed_while_an_agent_rings_and_he_answers_while_it_is_away(house: House) -> None:
    async with house.agent("1001", Ring()) as agent, call(house, "+8613700001112") as caller:
        ringing = await agent.phone.ringing(15)
        await house.kill_server()
        await ringing.answer()
        await house.start_server()
        await agent.desktop.state_becomes("talking")
        await caller.hang_up()
        await agent.desktop.state_becomes("wrap_up")
    assert (await house.check()).outcomes() == {"answered": 1}


async def test_f1_killed_in_the_menu_goes_on_at_the_same_place(house: House) -> None:
    async with house.caller("4000", "+442079460000") as caller, house.agent("1001") as agent:
        await caller.answered()
        await house.invariants_say(lambda found: any(e["data"]["node"] == "menu" for e in found.events("NodeEntered")))
        nodes = [event["data"]["node"] for event in house.invariants().events("NodeEntered")]
        await house.kill_server()
        await house.start_server()
        await house.invariants_say(lambda found: len(found.events("NodeEntered")) > len(nodes))
        assert house.invariants().events("NodeEntered")[len(nodes)]["data"]["node"] == "menu"
        await caller.press("1")
        await agent.talks()
        await caller.hang_up()


async def test_a_call_that_came_and_went_while_the_server_was_away_has_its_record(house: House) -> None:
    await house.kill_server()
    async with call(house, "+8613700007777") as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.hang_up()
    await house.start_server()
    records = (await house.check()).interactions()
    assert [(r["ani_e164"], r["outcome"], r["hangup_side"]) for r in records] == [
        ("+8613700007777", "abandoned_in_menu", "caller")
    ]


async def test_a_talk_that_began_and_ended_while_the_server_was_away_has_its_times_and_its_agent(house: House) -> None:
    async with house.agent("1001", Ring()) as agent, call(house, "+8613700008888") as caller:
        ringing = await agent.phone.ringing(15)
        await house.invariants_say(lambda found: bool(found.events("OfferMade")))
        await house.kill_server()
        await ringing.answer()
        await ringing.talking()
        await caller.audio.hear_silence(lasting_seconds=1.0)
        await ringing.hang_up()
        await caller.ended()
        await house.start_server()
    record = (await house.check()).interactions()[0]
    assert (record["outcome"], record["agent_id"], record["hangup_side"]) == ("answered", "1001", "agent")
    talked = datetime.fromisoformat(record["talk_ended_at"]) - datetime.fromisoformat(record["connected_at"])
    assert timedelta(seconds=0.9) <= talked <= timedelta(seconds=8)


@pytest.mark.alone
async def test_f3_a_frozen_server_is_killed_and_nobody_notices(house: House) -> None:
    await house.stop_server()
    await house.start_server(watched=True)
    async with people(house, talking=3, waiting=12, agents=3) as (agents, talkers, waiters):
        everyone = [*talkers, *waiters]
        frozen = house.served_by()
        frozen_at = time.monotonic()
        os.kill(frozen, signal.SIGSTOP)
        await house.until(lambda: is_another(house, frozen), "the frozen server was replaced", seconds=12)
        assert time.monotonic() - frozen_at < 9, "the watch took too long to see that the server was frozen"
        await house.ready()
        back_at = time.monotonic()
        assert [c.name for c in everyone if c.end is not None] == []
        for waiter in waiters[:4]:
            silent = longest_silence(waiter, frozen_at, back_at)
            assert silent <= 2.0, f"{waiter.name} heard nothing for {silent:.1f} s"
        await wait_for_waiting(house, 12)
        for agent in agents:
            await agent.desktop.state_becomes("talking")
        await serve(agents, 6)
        await hang_up_all(everyone)


async def is_another(house: House, process: int) -> bool:
    return house.served_by() != process


def longest_silence(caller: Caller, since: float, until: float) -> float:
    """The longest time in seconds without sound, in steps of a quarter."""
    longest = silent = 0.0
    at = since
    while at < until:
        silent = 0.0 if caller.audio.loudness(at, at + 0.25) > -55 else silent + 0.25
        longest = max(longest, silent)
        at += 0.25
    return longest


@pytest.mark.alone
async def test_f5_the_connection_to_the_manager_interface_is_cut(house: House) -> None:
    async with WireCut("127.0.0.1", house.settings.asterisk.ami_port) as wire:
        await house.stop_server()
        house.environment["CALLCENTER_ASTERISK_AMI_PORT"] = str(wire.port)
        await house.start_server()
        async with people(house, talking=3, waiting=8, agents=3) as (agents, talkers, waiters):
            everyone = [*talkers, *waiters]
            await wire.cut()
            # While it was cut, a talk ends and a caller leaves: the server learns of both afterwards.
            await agents[0].phone.hang_up()
            await waiters[7].hang_up()
            await house.ready()
            await agents[0].desktop.state_becomes("wrap_up")
            await wait_for_waiting(house, 7)
            await serve(agents, 4)
            # Half-open: nothing comes, nothing goes, and nobody says so.
            wire.hold()
            held_at = time.monotonic()

            async def noticed() -> bool:
                return not await house.is_ready()

            await house.until(noticed, "the half-open connection was noticed", seconds=10)
            assert time.monotonic() - held_at < 10
            wire.release()
            await wire.cut()
            await house.ready()
            await serve(agents, 2)
            offers = house.invariants().rows("SELECT count(*) AS n FROM offers WHERE interaction_id LIKE 'cc1-%'")
            rung = sum(len(agent.phone.calls) for agent in agents)
            assert rung <= offers[0]["n"], "a phone was rung twice for one offer"
            await hang_up_all(everyone)
