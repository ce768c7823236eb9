"""After the talk, on real Asterisk: the survey by keypad, who is asked, and what a killed server changes (nothing).

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callcenter.ivr.reader import parse_flow
from tests.e2e.house import PROJECT, Agent
from tests.e2e.phones import Caller
from tests.e2e.prompt_tones import Ear, PromptTones
from tests.e2e.routing_house import RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

AGENT = "1001"
CALLERS = iter(f"+86137000080{number:02}" for number in range(100))
BACK_WITHIN_SECONDS = 3.0
PATIENCE_SECONDS = 15
"""How long who is asked is kept while the server is away (PbxConfig.survey_patience_seconds)."""

QUEUES = {
    "asking": "skills: {billing: 1}, survey: {flow: survey, percent: 100, rest_days: 0}",
    "sparing": "skills: {billing: 1}, survey: {flow: survey, percent: 100, rest_days: 30}",
    "never": "skills: {billing: 1}, survey: {flow: survey, percent: 0, rest_days: 0}",
    "silent": "skills: {billing: 1}",
}
AGENTS = {AGENT: "skills: {billing: 8}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-survey-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS) as house:
            survey_tones().write(Path(base) / "recorded")
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


def survey_tones() -> PromptTones:
    path = PROJECT / "ivr_flows" / "survey.yaml"
    return PromptTones(parse_flow(path.read_text(encoding="utf-8"), path.name).prompts)


def ear_of(caller: Caller) -> Ear:
    """Listens for the prompts of the survey."""
    return Ear(survey_tones(), caller.audio)


@asynccontextmanager
async def talking(house: RoutingHouse, queue: str, ani: str) -> AsyncIterator[tuple[Caller, Agent]]:
    """A caller of a queue in a talk with the agent."""
    async with house.agent(AGENT) as agent, house.dialled(queue, ani) as caller:
        await agent.talks()
        yield caller, agent


async def left_by_his_agent(caller: Caller, agent: Agent) -> Ear:
    """The agent hangs up; what the caller hears from then on."""
    ear = ear_of(caller)
    await agent.phone.hang_up()
    return ear


def answers(house: RoutingHouse, interaction_id: str) -> dict[str, int]:
    """What is stored of his answers."""
    rows = house.invariants().rows("SELECT * FROM survey_answers WHERE interaction_id = ?", interaction_id)
    assert all((row["agent_id"], row["flow"]) == (AGENT, "survey") for row in rows), rows
    return {row["question"]: row["score"] for row in rows}


def asked(house: RoutingHouse, interaction_id: str) -> list[dict[str, Any]]:
    """The rows of who was asked in this call."""
    return house.invariants().rows("SELECT * FROM surveys WHERE interaction_id = ?", interaction_id)


def talk_of(record: dict[str, Any]) -> timedelta:
    times = record["times"]
    return datetime.fromisoformat(times["talk_ended_at"]) - datetime.fromisoformat(times["connected_at"])


async def test_a_caller_is_asked_and_his_answers_are_kept(house: RoutingHouse) -> None:
    ani = next(CALLERS)
    async with talking(house, "asking", ani) as (caller, agent):
        ear = await left_by_his_agent(caller, agent)
        ended_at = time.monotonic()
        await ear.hears("satisfaction")
        await agent.desktop.state_becomes("ready")
        assert (await house.record(await house.interaction_of(caller)))["stage"] == "survey"
        await caller.press("4")
        await ear.hears("solved")
        await caller.press("1")
        await ear.hears("thanks")
        assert (await caller.ended(20)).by == "server"
        surveyed = timedelta(seconds=time.monotonic() - ended_at)
        record = await house.record_of(caller)
    assert ear.heard() == ["invite", "satisfaction", "solved", "thanks"]
    interaction_id = record["interaction_id"]
    assert answers(house, interaction_id) == {"satisfaction": 4, "solved": 1}
    (row,) = asked(house, interaction_id)
    assert (row["agent_id"], row["queue_id"], row["number"]) == (AGENT, "asking", ani)
    assert (record["outcome"], record["hangup_side"], record["agent_id"]) == ("answered", "agent", AGENT)
    whole = datetime.fromisoformat(record["ended_at"]) - datetime.fromisoformat(record["times"]["connected_at"])
    assert talk_of(record) <= whole - surveyed + timedelta(seconds=1), "the survey counts as talk"
    report = await (await house.board()).get("/surveys")
    (queue,) = [row for row in report["queues"] if row["queue_id"] == "asking"]
    satisfaction = next(row for row in queue["questions"] if row["question"] == "satisfaction")
    assert satisfaction["distribution"]["4"] >= 1


async def test_a_caller_who_hangs_up_first_is_asked_nothing(house: RoutingHouse) -> None:
    async with talking(house, "asking", next(CALLERS)) as (caller, agent):
        await caller.hang_up()
        await agent.desktop.state_becomes("ready")
        record = await house.record_of(caller)
    assert (record["outcome"], record["hangup_side"]) == ("answered", "caller")
    assert asked(house, record["interaction_id"]) == []


async def test_a_caller_who_hangs_up_in_the_survey_has_answered_what_he_has_answered(house: RoutingHouse) -> None:
    async with talking(house, "asking", next(CALLERS)) as (caller, agent):
        ear = await left_by_his_agent(caller, agent)
        await ear.hears("satisfaction")
        await caller.press("2")
        await ear.hears("solved")
        await caller.hang_up()
        record = await house.record_of(caller)
    assert (record["outcome"], record["hangup_side"]) == ("answered", "agent")
    assert answers(house, record["interaction_id"]) == {"satisfaction": 2}


async def test_a_silent_caller_is_asked_once_more_and_let_go(house: RoutingHouse) -> None:
    async with talking(house, "asking", next(CALLERS)) as (caller, agent):
        ear = await left_by_his_agent(caller, agent)
        assert (await caller.ended(40)).by == "server"
        record = await house.record_of(caller)
    heard = ear.heard()
    assert heard.count("satisfaction") == 2
    assert heard[-1] == "farewell"
    assert (record["outcome"], answers(house, record["interaction_id"])) == ("answered", {})
    assert len(asked(house, record["interaction_id"])) == 1


async def test_nobody_is_asked_twice_within_the_rest(house: RoutingHouse) -> None:
    ani = next(CALLERS)
    async with talking(house, "sparing", ani) as (caller, agent):
        ear = await left_by_his_agent(caller, agent)
        await ear.hears("satisfaction")
        await caller.hang_up()
        first = await house.record_of(caller)
    # What the server remembers of the moment is gone: now the store alone says who was asked.
    await house.kill_server()
    await house.start_server()
    async with talking(house, "sparing", ani) as (caller, agent):
        ear = await left_by_his_agent(caller, agent)
        assert (await caller.ended(5)).by == "server"
        second = await house.record_of(caller)
    assert ear.heard() == []
    assert [len(asked(house, record["interaction_id"])) for record in (first, second)] == [1, 0]


@pytest.mark.parametrize("queue", ["never", "silent"])
async def test_where_nobody_is_asked_the_call_ends_with_the_talk(house: RoutingHouse, queue: str) -> None:
    async with talking(house, queue, next(CALLERS)) as (caller, agent):
        ear = await left_by_his_agent(caller, agent)
        assert (await caller.ended(5)).by == "server"
        record = await house.record_of(caller)
    assert ear.heard() == []
    assert asked(house, record["interaction_id"]) == []


async def test_the_agent_talks_with_the_next_caller_while_the_former_one_answers(house: RoutingHouse) -> None:
    async with talking(house, "asking", next(CALLERS)) as (former, agent):
        ear = await left_by_his_agent(former, agent)
        await ear.hears("satisfaction")
        async with house.dialled("asking", next(CALLERS)) as caller:
            await agent.talks()
            assert former.end is None
            await former.press("5")
            await ear.hears("solved")
            await former.press("0")
            assert (await former.ended(20)).by == "server"
            first = await house.record_of(former)
            assert agent.desktop.state["state"] == "talking", "the survey's end took the agent from his talk"
            await caller.hang_up()
            second = await house.record_of(caller)
    assert answers(house, first["interaction_id"]) == {"satisfaction": 5, "solved": 0}
    assert datetime.fromisoformat(first["times"]["talk_ended_at"]) < datetime.fromisoformat(
        second["times"]["connected_at"]
    )


async def test_f1_killed_in_the_survey_asks_the_same_question_again(house: RoutingHouse) -> None:
    async with talking(house, "asking", next(CALLERS)) as (caller, agent):
        ear = await left_by_his_agent(caller, agent)
        await ear.hears("satisfaction")
        await caller.press("3")
        await ear.hears("solved")
        before = len(ear.heard())
        await house.kill_server()
        await house.start_server()
        await house.until(lambda: _again(ear, before), "he is asked again", seconds=BACK_WITHIN_SECONDS)
        assert ear.heard()[before:] == ["solved"]
        assert caller.end is None
        await caller.press("1")
        await ear.hears("thanks")
        assert (await caller.ended(20)).by == "server"
        record = await house.record_of(caller)
    assert answers(house, record["interaction_id"]) == {"satisfaction": 3, "solved": 1}
    assert len(asked(house, record["interaction_id"])) == 1
    assert (record["outcome"], record["hangup_side"]) == ("answered", "agent")


async def _again(ear: Ear, before: int) -> bool:
    return len(ear.heard()) > before


async def test_without_a_server_nobody_waits_for_a_survey(house: RoutingHouse) -> None:
    async with house.agent(AGENT) as agent, house.dialled("asking", next(CALLERS)) as first:
        call = await agent.talks()
        await house.kill_server()
        await call.hang_up()
        # The heartbeat is not old yet: a few tries, and that is all.
        assert (await first.ended(5)).by == "server"
        await house.start_server()
    record = await house.record_of(first)
    assert (record["outcome"], asked(house, record["interaction_id"])) == ("answered", [])


async def test_who_is_being_asked_when_the_server_goes_for_good_is_let_go(house: RoutingHouse) -> None:
    async with house.agent(AGENT) as agent, house.dialled("asking", next(CALLERS)) as caller:
        await agent.talks()
        ear = await left_by_his_agent(caller, agent)
        await ear.hears("satisfaction")
        await house.kill_server()
        assert (await caller.ended(PATIENCE_SECONDS + 15)).by == "server"
        await house.start_server()
    record = await house.record_of(caller)
    assert (record["outcome"], len(asked(house, record["interaction_id"]))) == ("answered", 1)
