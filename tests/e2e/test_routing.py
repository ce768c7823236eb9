"""The rules of routing on real Asterisk with real SIP phones: who rings, why, what the caller hears, what is recorded.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.agent_phone import IncomingCall
from tests.e2e.house import Agent
from tests.e2e.phones import Caller, Reject, Ring
from tests.e2e.routing_house import AGENTS_HERTZ, CALLERS_TONE, RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

MORNING_STAR, HARBOUR = "+8613800138000", "+442079460000"
"""Customers of the demo: one of class A with an open complaint, one of class B whom 1002 served last."""
FIRST, SECOND, THIRD = "+8613700000001", "+8613700000002", "+8613700000003"
STEP_SECONDS = 2

QUEUES = {
    "levels": "steps: [{after_seconds: 0, who: 'billing>=5 and lang=caller'}]",
    "relaxing": f"steps: [{{after_seconds: 0, who: 'billing>=5'}}, {{after_seconds: {STEP_SECONDS}, "
    "who: 'or billing>=2', priority: 5, announce: busy}]",
    "group": f"steps: [{{after_seconds: 0, who: 'billing>=9'}}, {{after_seconds: {STEP_SECONDS}, "
    "who: 'or group backoffice'}]",
    "plain": "skills: {tech: 1}",
    "important": "skills: {tech: 1}",
    "patient": "skills: {tech: 1}, caller_order: service_objective, service_level_threshold_seconds: 300",
    "pressing": "skills: {tech: 1}, caller_order: service_objective, service_level_threshold_seconds: 10",
    "favourite": "skills: {spare: 1}",
    "reserve": "skills: {spare: 1}",
    "several": "skills: {billing: 1}, ring_several: 3",
    "known": "skills: {billing: 1}, boosts: {last_agent_seconds: 60}",
    "valued": "skills: {billing: 1}, boosts: {classes: {A: 20, B: 10}, open_complaint: 15, limit: 30}",
    "missed": "skills: {billing: 1}, rona_limit: 2, rest_after_miss_seconds: 1, ring_timeout_seconds: 2",
    "directed": "skills: {billing: 1}",
    "elsewhere": "skills: {tech: 1}",
    "twice": f"ring_several: 2, steps: [{{after_seconds: 0, who: 'billing>=9'}}, {{after_seconds: {STEP_SECONDS}, "
    "who: 'or billing>=2', priority: 7}]",
}
AGENTS = {
    "1001": "skills: {billing: 8, zh: 10, en: 5}",
    "1002": "skills: {billing: 3, zh: 10}",
    "1003": "skills: {billing: 8, en: 10}",
    "1004": "skills: {tech: 5, zh: 10}",
    "1005": "skills: {spare: 5}, preferences: {favourite: {priority: 50}, reserve: {delay_seconds: 3}}",
    "1006": "skills: {zh: 10}, groups: [backoffice]",
    "1007": "skills: {billing: 9}",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-routing-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS, lines={"urgent": ("important", 10)}) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


def waited(record: dict[str, Any], offer: int = 0) -> timedelta:
    """From the queue's entry to an offer."""
    made_at = datetime.fromisoformat(record["offers"][offer]["made_at"])
    return made_at - datetime.fromisoformat(record["times"]["queued_at"])


def parts(pop: dict[str, Any]) -> dict[str, str]:
    """The reason of an offer, as data."""
    return {part["name"]: part["value"] for part in pop["reason"]["parts"]}


async def hear_each_other(agent: Agent, call: IncomingCall, caller: Caller) -> None:
    """Audio in both directions, and each the right one's."""
    await caller.audio.hear_tone(AGENTS_HERTZ[agent.agent_id])
    await call.audio.hear_tone(CALLERS_TONE.hertz)


async def serve(agent: Agent) -> str:
    """Take the next call, note whose it is, and end it."""
    call = await agent.talks()
    pop = await agent.desktop.pops(stage="talking")
    await call.hang_up()
    await agent.desktop.until(
        lambda: agent.desktop.pop is None or agent.desktop.pop["offer_id"] != pop["offer_id"], "the talk is over"
    )
    return str(pop["ani"]["e164"])


async def sees_nothing(agent: Agent) -> None:
    """Wait until nothing of a caller is on his screen."""
    await agent.desktop.until(lambda: agent.desktop.pop is None, "the pop is gone")


# ---- who rings


async def test_the_right_skill_at_the_right_level_rings_and_nobody_else(house: RoutingHouse) -> None:
    async with (
        house.agent("1002") as beginner,
        house.agent("1003") as foreigner,
        house.agent("1001") as expert,
        house.dialled("levels", FIRST) as caller,
    ):
        call = await expert.talks()
        pop = await expert.desktop.pops(stage="talking")
        assert "billing>=5" in pop["reason"]["text"]["en"]
        assert "zh" in parts(pop)["skills"]
        await hear_each_other(expert, call, caller)
        assert (beginner.phone.calls, foreigner.phone.calls) == ([], [])
        assert [idle.desktop.state["state"] for idle in (beginner, foreigner)] == ["ready", "ready"]
        await caller.hang_up()
        record = await house.record_of(caller)
    assert (record["outcome"], record["agent_id"], record["queue_id"]) == ("answered", "1001", "levels")
    assert [offer["agent_id"] for offer in record["offers"]] == ["1001"]


async def test_a_step_widens_who_may_serve_when_its_time_comes(house: RoutingHouse) -> None:
    async with house.agent("1002") as beginner, house.dialled("relaxing", FIRST) as caller:
        await beginner.talks()
        pop = await beginner.desktop.pops(stage="talking")
        assert parts(pop)["step"] == "2"
        assert parts(pop)["priority"] == "5"
        assert "step 2 of 2" in pop["reason"]["text"]["en"]
        assert "第 2 步，共 2 步" in pop["reason"]["text"]["zh"]
        await caller.hang_up()
        record = await house.record_of(caller)
    assert waited(record) >= timedelta(seconds=STEP_SECONDS)
    assert "interaction_escalated" in [entry["name"] for entry in record["timeline"]]


async def test_the_first_step_s_agent_is_rung_at_once_though_others_wait_for_work(house: RoutingHouse) -> None:
    async with (
        house.agent("1002") as beginner,
        house.agent("1001") as expert,
        house.dialled("relaxing", FIRST) as caller,
    ):
        await expert.talks()
        pop = await expert.desktop.pops(stage="talking")
        assert "step" not in parts(pop)
        assert beginner.phone.calls == []
        await caller.hang_up()


async def test_a_step_of_a_group_reaches_who_has_no_skill_at_all(house: RoutingHouse) -> None:
    async with house.agent("1006") as clerk, house.dialled("group", FIRST) as caller:
        await clerk.talks()
        assert "group backoffice" in (await clerk.desktop.pops(stage="talking"))["reason"]["text"]["en"]
        await caller.hang_up()


async def test_what_a_step_announces_is_heard_and_the_board_shows_the_step(house: RoutingHouse) -> None:
    async with house.dialled("relaxing", FIRST) as caller:
        await house.ear(caller).hears("busy")
        (row,) = await house.waiting("relaxing", 1)
        row = await house.row_when(row["interaction_id"], lambda row: row["step"] > 1, "the second step")
        assert (row["step"], row["steps"], row["priority"], row["base_priority"]) == (2, 2, 5, 0)
        board = await house.board()
        why = await board.get(f"/waiting/{row['interaction_id']}/why")
        assert "Nobody at work may serve him" in why["text"]["en"]
        async with house.agent("1002") as beginner:
            await beginner.talks()
            await caller.hang_up()
            await beginner.desktop.state_becomes("ready")
    assert house.ear(caller).heard().count("busy") == 1


# ---- which caller


async def test_priority_comes_before_age_over_two_queues(house: RoutingHouse) -> None:
    async with house.dialled("plain", FIRST), house.agent("1004", ready=False) as agent:
        await house.waiting("plain", 1)
        async with house.dialled("urgent", SECOND):
            await house.waiting("important", 1)
            await agent.desktop.set_state("ready")
            assert [await serve(agent), await serve(agent)] == [SECOND, FIRST]


async def test_without_priorities_age_counts_over_two_queues(house: RoutingHouse) -> None:
    async with house.dialled("plain", FIRST), house.agent("1004", ready=False) as agent:
        await house.waiting("plain", 1)
        async with house.dialled("elsewhere", SECOND):
            await house.waiting("elsewhere", 1)
            async with house.dialled("plain", THIRD):
                await house.waiting("plain", 2)
                await agent.desktop.set_state("ready")
                served = [await serve(agent), await serve(agent), await serve(agent)]
    assert served == [FIRST, SECOND, THIRD]


async def test_who_misses_his_queue_s_target_first_is_served_first(house: RoutingHouse) -> None:
    async with house.dialled("patient", FIRST), house.agent("1004", ready=False) as agent:
        await house.waiting("patient", 1)
        async with house.dialled("pressing", SECOND):
            await house.waiting("pressing", 1)
            await agent.desktop.set_state("ready")
            assert [await serve(agent), await serve(agent)] == [SECOND, FIRST]


async def test_an_agent_s_preferred_queue_comes_first_for_him(house: RoutingHouse) -> None:
    async with house.dialled("reserve", FIRST) as older, house.agent("1005", ready=False) as agent:
        await house.waiting("reserve", 1)
        async with house.dialled("favourite", SECOND):
            await house.waiting("favourite", 1)
            await agent.desktop.set_state("ready")
            assert [await serve(agent), await serve(agent)] == [SECOND, FIRST]
        record = await house.record_of(older)
    assert waited(record) >= timedelta(seconds=3)


async def test_a_reserve_takes_only_those_who_have_waited_long_enough(house: RoutingHouse) -> None:
    async with house.agent("1005") as agent, house.dialled("reserve", FIRST) as caller:
        await agent.talks()
        await caller.hang_up()
        record = await house.record_of(caller)
    assert waited(record) >= timedelta(seconds=3)


async def test_a_customer_of_value_overtakes_one_who_came_before(house: RoutingHouse) -> None:
    board = await house.board()
    small = {"kind": "person", "name": "小客户", "segment": "C", "contact_points": [{"kind": "phone", "value": FIRST}]}
    await board.send("POST", "/customers", small)
    async with house.dialled("valued", FIRST), house.agent("1001", ready=False) as agent:
        await house.waiting("valued", 1)
        async with house.dialled("valued", MORNING_STAR) as valued:
            rows = await house.waiting("valued", 2)
            assert [row["ani"]["e164"] for row in rows] == [MORNING_STAR, FIRST]
            grounds = {ground["name"]: ground["value"] for ground in rows[0]["grounds"]}
            assert grounds == {"class A": "+20", "open complaint": "+15", "limited to": "+30"}
            assert rows[1]["priority"] == 0
            await agent.desktop.set_state("ready")
            await agent.talks()
            pop = await agent.desktop.pops(stage="talking")
            assert pop["ani"]["e164"] == MORNING_STAR
            assert "class A +20" in pop["reason"]["text"]["en"]
            assert "客户等级 A +20" in pop["reason"]["text"]["zh"]
            assert parts(pop)["priority"] == "30"
            await valued.hang_up()
            assert await serve(agent) == FIRST


# ---- whom he knows


async def test_a_known_customer_is_kept_for_who_served_him_last(house: RoutingHouse) -> None:
    async with house.agent("1003") as known:
        async with house.dialled("known", HARBOUR) as caller:
            await known.talks()
            await caller.hang_up()
            await house.record_of(caller)
        await known.desktop.state_becomes("ready")
        # Another one has been idle for longer, and is passed over.
        async with house.agent("1001") as longer_idle:
            await known.desktop.set_state("not_ready", "break")
            await known.desktop.set_state("ready")
            async with house.dialled("known", HARBOUR) as caller:
                await known.talks()
                pop = await known.desktop.pops(stage="talking")
                assert "kept for this agent" in pop["reason"]["text"]["en"]
                assert parts(pop)["kept_for"] == "queue"
                assert longer_idle.phone.calls == []
                await caller.hang_up()
            await known.desktop.state_becomes("ready")
            # In a break he is waited for no longer: to the other at once.
            await known.desktop.set_state("not_ready", "break")
            async with house.dialled("known", HARBOUR) as caller:
                await longer_idle.talks()
                pop = await longer_idle.desktop.pops(stage="talking")
                assert "kept_for" not in parts(pop)
                assert len(known.phone.calls) == 2
                await caller.hang_up()


async def test_who_goes_into_a_break_lets_go_of_the_caller_kept_for_him(house: RoutingHouse) -> None:
    async with house.agent("1003") as known:
        async with house.dialled("known", THIRD) as stranger:
            talk = await known.talks()
            # The demo's customer was served by 1003 or 1001 in the test before; this one serves him now.
            await talk.hang_up()
            await stranger.ended()
        async with house.dialled("known", HARBOUR) as caller:
            await known.talks()
            await caller.hang_up()
            await house.record_of(caller)
        async with house.dialled("directed", SECOND) as busy, house.agent("1001", ready=False) as other:
            await known.talks()
            await other.desktop.set_state("ready")
            async with house.dialled("known", HARBOUR) as caller:
                (row,) = await house.waiting("known", 1)
                assert row["reserved_for"] == "1003"
                assert other.phone.calls == []
                # He asks for a break in his talk: he will not be there for him.
                await known.desktop.set_state("not_ready", "break")
                await other.talks()
                await caller.hang_up()
            await busy.hang_up()


# ---- several at once


async def test_of_several_who_are_rung_one_wins_and_the_others_miss_nothing(house: RoutingHouse) -> None:
    async with (
        house.agent("1001", Ring()) as one,
        house.agent("1002", Ring()) as two,
        house.agent("1003", Ring()) as three,
        house.dialled("several", FIRST) as caller,
    ):
        ringing = [await agent.phone.ringing() for agent in (one, two, three)]
        pops = [await agent.desktop.pops(stage="ringing") for agent in (one, two, three)]
        assert {pop["ani"]["e164"] for pop in pops} == {FIRST}
        await ringing[1].answer()
        await two.desktop.state_becomes("talking")
        for other, call in ((one, ringing[0]), (three, ringing[2])):
            end = await call.ended()
            assert (end.by, end.status) == ("server", 487)
            state = await other.desktop.state_becomes("ready")
            assert (state["misses"], state["resting_until"]) == (0, None)
            await sees_nothing(other)
        await hear_each_other(two, ringing[1], caller)
        await caller.hang_up()
        record = await house.record_of(caller)
        # They are offered the next one at once, the longest idle first.
        async with house.dialled("levels", SECOND):
            await one.phone.ringing()
    assert record["agent_id"] == "1002"
    outcomes = {offer["agent_id"]: offer["outcome"] for offer in record["offers"]}
    assert outcomes == {"1001": "withdrawn", "1002": "answered", "1003": "withdrawn"}


async def test_of_two_who_answer_in_the_same_instant_one_has_him(house: RoutingHouse) -> None:
    async with (
        house.agent("1001", Ring()) as one,
        house.agent("1002", Ring()) as two,
        house.dialled("several", FIRST) as caller,
    ):
        agents = {"1001": one, "1002": two}
        ringing = {name: await agent.phone.ringing() for name, agent in agents.items()}
        await asyncio.gather(*(call.answer() for call in ringing.values()))
        await house.record_when(
            await house.interaction_of(caller), lambda record: record["agent_id"] is not None, "somebody has him"
        )
        winner = (await house.record(await house.interaction_of(caller)))["agent_id"]
        (loser,) = agents.keys() - {winner}
        await agents[winner].desktop.state_becomes("talking")
        await ringing[loser].ended()
        state = await agents[loser].desktop.state_becomes("ready")
        assert state["misses"] == 0
        await hear_each_other(agents[winner], ringing[winner], caller)
        await caller.hang_up()
        record = await house.record_of(caller)
    assert sorted(offer["outcome"] for offer in record["offers"]) == ["answered", "withdrawn"]


async def test_of_several_one_who_refuses_leaves_the_others_ringing(house: RoutingHouse) -> None:
    async with (
        house.agent("1001", Ring()) as one,
        house.agent("1002", Reject(status=603)) as two,
        house.dialled("several", FIRST) as caller,
    ):
        ringing = await one.phone.ringing()
        assert (await two.desktop.state_becomes("not_ready"))["reason"] == "rejected"
        assert ringing.end is None
        await ringing.answer()
        await one.desktop.state_becomes("talking")
        await caller.hang_up()


# ---- the agent's phone


async def test_a_caller_on_hold_hears_music_and_comes_back(house: RoutingHouse) -> None:
    async with house.agent("1001") as agent, house.dialled("levels", FIRST) as caller:
        call = await agent.talks()
        await hear_each_other(agent, call, caller)
        await call.hold()
        await agent.desktop.state_becomes("hold")
        tone = AGENTS_HERTZ["1001"]

        async def hears_music() -> bool:
            now = asyncio.get_running_loop().time()
            heard = caller.audio
            return heard.loudness(now - 0.5, now) > -45 and heard.tone_share(tone, now - 0.5, now) < 0.2

        await house.until(hears_music, "the caller hears music instead of the agent")
        board = await house.board()
        await board.until(lambda: board.documents["queues"]["levels"]["agents"]["hold"] == 1, "the board shows it", 20)
        await call.take_back()
        await agent.desktop.state_becomes("talking")
        await hear_each_other(agent, call, caller)
        await caller.hang_up()
        record = await house.record_of(caller)
    assert record["holds"] == 1
    assert record["hold_seconds"] > 0


async def test_the_first_miss_rests_the_second_makes_him_not_ready(house: RoutingHouse) -> None:
    async with house.agent("1001", Ring()) as agent, house.dialled("missed", FIRST) as caller:
        first = await agent.phone.ringing()
        await first.ended(20)
        state = await agent.desktop.state_becomes("ready")
        assert state["misses"] == 1
        second = await agent.phone.ringing()
        await second.ended(20)
        state = await agent.desktop.state_becomes("not_ready")
        assert (state["reason"], state["misses"]) == ("rona", 2)
        await house.waiting("missed", 1)
        await caller.hang_up()
        record = await house.record_of(caller)
    assert [offer["outcome"] for offer in record["offers"]] == ["rona", "rona"]
    first_end, second_made = record["offers"][0]["ended_at"], record["offers"][1]["made_at"]
    assert datetime.fromisoformat(second_made) - datetime.fromisoformat(first_end) >= timedelta(seconds=1)


# ---- what a supervisor does


async def test_a_supervisor_moves_raises_and_picks(house: RoutingHouse) -> None:
    board = await house.board()
    async with (
        house.dialled("directed", FIRST) as first,
        house.agent("1001", Ring(), ready=False) as one,
        house.agent("1004", ready=False) as technician,
    ):
        await house.waiting("directed", 1)
        async with house.dialled("directed", SECOND) as second:
            rows = await house.waiting("directed", 2)
            ids = {row["ani"]["e164"]: row["interaction_id"] for row in rows}
            # Raised: the second stands before the first.
            raised = await board.send("PUT", f"/waiting/{ids[SECOND]}/priority", {"priority": 40})
            assert (raised["priority"], raised["position"]) == (40, 1)
            await one.desktop.set_state("ready")
            ringing = await one.phone.ringing()
            pop = await one.desktop.pops(stage="ringing")
            assert pop["ani"]["e164"] == SECOND
            assert "priority +40" in pop["reason"]["text"]["en"]
            # Moved: with his age into another queue, where another agent serves him.
            moved = await board.send("PUT", f"/waiting/{ids[FIRST]}/queue", {"queue_id": "elsewhere"})
            assert moved["queue_id"] == "elsewhere"
            await technician.desktop.set_state("ready")
            talk = await technician.talks()
            assert (await technician.desktop.pops(stage="talking"))["queue"]["queue_id"] == "elsewhere"
            await talk.hang_up()
            await first.ended()
            # Picked, while a phone rings for him: it stops, and the chosen one is rung.
            async with house.agent("1003", ready=False) as chosen:
                await chosen.desktop.set_state("ready")
                await board.send("PUT", f"/waiting/{ids[SECOND]}/agent", {"agent_id": "1003"})
                await chosen.talks()
                assert (await ringing.ended()).status == 487
                pop = await chosen.desktop.pops(stage="talking")
                assert "picked for this agent" in pop["reason"]["text"]["en"]
                assert (await one.desktop.state_becomes("ready"))["misses"] == 0
                await second.hang_up()
    audited = house.invariants().rows("SELECT action FROM audit WHERE by = 'super' ORDER BY at")
    assert [row["action"] for row in audited][-3:] == ["priority_set", "caller_moved", "caller_picked"]


# ---- the server dies


async def test_f1_callers_at_a_later_step_are_at_it_after_a_restart(house: RoutingHouse) -> None:
    async with house.dialled("twice", FIRST) as first:
        await house.waiting("twice", 1)
        async with house.dialled("twice", SECOND) as second:
            board = await house.board()

            def at_step_two() -> bool:
                rows = [row for row in board.documents.get("waiting", {}).values() if row["queue_id"] == "twice"]
                return [(row["step"], row["priority"]) for row in rows] == [(2, 7), (2, 7)]

            await board.until(at_step_two, "both are at the second step", 20)
            await house.kill_server()
            await house.start_server()
            await board.until(at_step_two, "both are at the second step again", 20)
            rows = await house.waiting("twice", 2)
            assert [row["ani"]["e164"] for row in rows] == [FIRST, SECOND]
            async with house.agent("1002") as one, house.agent("1003") as two:
                for agent, ani in ((one, FIRST), (two, SECOND)):
                    await agent.talks()
                    pop = await agent.desktop.pops(stage="talking")
                    assert (pop["ani"]["e164"], parts(pop)["step"]) == (ani, "2")
                await first.hang_up()
                await second.hang_up()


async def test_f1_several_who_ring_for_one_go_on_ringing_over_a_restart(house: RoutingHouse) -> None:
    async with house.dialled("twice", FIRST) as first:
        await house.waiting("twice", 1)
        async with house.agent("1002", Ring()) as one, house.agent("1003", Ring()) as two:
            ringing = [await one.phone.ringing(), await two.phone.ringing()]
            # What the disk does not have yet would be found ringing too, but nobody could say why it rings.
            interaction_id = await house.interaction_of(first)
            offers = "SELECT offer_id FROM offers WHERE interaction_id = ?"
            await house.invariants_say(lambda found: len(found.rows(offers, interaction_id)) == 2)
            await house.kill_server()
            await house.start_server()
            for agent in (one, two):
                pop = await agent.desktop.pops(stage="ringing")
                assert (pop["ani"]["e164"], parts(pop)["step"]) == (FIRST, "2")
            assert [call.end for call in ringing] == [None, None]
            async with house.dialled("twice", SECOND) as second:
                (row,) = [row for row in await house.waiting("twice", 2) if row["ani"]["e164"] == SECOND]
                assert row["offered_to"] == []
                await ringing[0].answer()
                await one.desktop.state_becomes("talking")
                assert (await ringing[1].ended()).status == 487
                # The other is free again, and rung for the next when his second step has come.
                again = await two.phone.ringing()
                pop = await two.desktop.pops(stage="ringing")
                assert pop["ani"]["e164"] == SECOND
                await again.answer()
                await two.desktop.state_becomes("talking")
                await first.hang_up()
                await second.hang_up()
        record = await house.record_of(first)
    outcomes = {offer["agent_id"]: offer["outcome"] for offer in record["offers"]}
    assert outcomes == {"1002": "answered", "1003": "withdrawn"}
