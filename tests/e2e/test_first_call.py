"""The whole flow on real Asterisk with real SIP phones: menu, queue, offer, pop, talk, wrap-up, record.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.house import LANGUAGE_EN, LANGUAGE_ZH, Agent, House
from tests.e2e.phones import Answer, Caller, Ignore, Reject, Ring, Tone

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

KNOWN_ZH, KNOWN_EN, SHARED, UNKNOWN = "+8613800138000", "+442079460000", "+8613900139000", "+8613712345678"
NEWCOMER = "+8613612345678"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="cc-house-", dir="/tmp") as base:
        async with House(Path(base), short_greetings=True) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: House) -> AsyncIterator[House]:
    yield the_house
    await the_house.check()


async def record_of(house: House, caller: Caller) -> dict[str, Any]:
    """The terminal record of the latest call from this caller's number."""
    await house.quiet()
    raw = caller.ani
    records = house.invariants().interactions()
    mine = [record for record in records if raw is None or record["ani_e164"] == raw or record["ani_raw"] == raw]
    assert mine, f"no record of {raw}"
    return mine[-1]


async def in_queue(house: House, queue: str, count: int) -> None:
    board = await house.desktop("super")
    await board.until(
        lambda: board.documents["queues"].get(queue, {}).get("waiting") == count, f"{count} wait in {queue}"
    )


async def finish(agent: Agent) -> None:
    """End the wrap-up and be ready again."""
    await agent.desktop.state_becomes("wrap_up")
    await agent.desktop.end_wrap_up("ready")


# ---- who calls


async def test_a_known_caller_s_card_is_on_the_screen_before_the_phone_rings(house: House) -> None:
    async with house.agent("1001", Answer(after_seconds=0.3)) as agent, house.caller("4001", KNOWN_ZH) as caller:
        await caller.answered()
        call = await agent.talks()
        shown = next(e for e in agent.desktop.events if e.key == "pop" and e.document)
        assert shown.at < call.invited_at
        pop = shown.document
        assert pop is not None
        assert pop["stage"] == "ringing"
        assert pop["ani"]["e164"] == KNOWN_ZH
        assert pop["verified"] is False
        assert pop["dnis"] == "4001"
        assert pop["queue"]["queue_id"] == "sales"
        assert "sales>=1" in pop["reason"]["text"]["en"]
        assert [c["contact_points"][0]["value"] for c in pop["customers"]] == [KNOWN_ZH]
        assert pop["customer_id"] == pop["customers"][0]["customer_id"]
        assert pop["customers"][0]["last_interactions"]
        assert pop["customers"][0]["open_cases"]
        assert pop["blank"] is None
        await caller.hang_up()
        await finish(agent)
    record = await record_of(house, caller)
    assert record["outcome"] == "answered"
    assert (record["agent_id"], record["queue_id"], record["hangup_side"]) == ("1001", "sales", "caller")


async def test_an_unknown_caller_gets_a_blank_card_that_becomes_a_customer(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4001", NEWCOMER) as caller:
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["customers"] == []
        assert pop["customer_id"] is None
        points = pop["blank"]["contact_points"]
        assert [(point["kind"], point["value"]) for point in points] == [("phone", NEWCOMER)]
        customer = await agent.desktop.send("POST", "/customers", {**pop["blank"], "name": "新客户 New Customer"})
        await agent.desktop.send(
            "PATCH", f"/interactions/{pop['interaction_id']}", {"customer_id": customer["customer_id"]}
        )
        await agent.desktop.until(
            lambda: bool(agent.desktop.pop and agent.desktop.pop["customers"]), "the card is filled"
        )
        await caller.hang_up()
        await finish(agent)
    async with house.agent("1001") as agent, house.caller("4001", NEWCOMER) as again:
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert [c["name"] for c in pop["customers"]] == ["新客户 New Customer"]
        await again.hang_up()
        await finish(agent)


async def test_a_number_that_two_customers_share_shows_both_to_choose_from(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4001", SHARED) as caller:
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert len(pop["customers"]) == 2
        assert pop["customer_id"] is None
        chosen = pop["customers"][1]["customer_id"]
        await agent.desktop.send("PATCH", f"/interactions/{pop['interaction_id']}", {"customer_id": chosen})
        await agent.desktop.until(
            lambda: bool(agent.desktop.pop and agent.desktop.pop["customer_id"] == chosen), "the choice is shown"
        )
        await caller.hang_up()
        await finish(agent)
    assert (await record_of(house, caller))["customer_id"] == chosen


async def test_a_withheld_number_is_withheld_everywhere(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4001", None) as caller:
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["ani"]["withheld"] is True
        assert pop["ani"]["e164"] is None
        assert pop["blank"]["contact_points"] == []
        await caller.hang_up()
        await finish(agent)
    records = [r for r in house.invariants().interactions() if r["ani_withheld"]]
    assert len(records) == 1


@pytest.mark.parametrize(
    "from_value",
    [
        '"A \\"quoted\\" name" <sip:13712345678@127.0.0.2>',
        '"<script>alert(1)</script> 😀" <sip:13712345678@127.0.0.2>',
        '"Sales, Ltd; rm -rf $(x) ${EXTEN}" <sip:alice@example.org>',
        "<sip:00442079460001@127.0.0.2>",
        "<sip:%2B8613712345678@127.0.0.2;user=phone>",
    ],
)
async def test_odd_callers_are_served_like_others(house: House, from_value: str) -> None:
    async with house.agent("1001") as agent, house.caller("4001", UNKNOWN, from_value=from_value) as caller:
        await caller.answered()
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["interaction_id"]
        await caller.hang_up()
        await finish(agent)


async def test_an_asserted_identity_from_a_trunk_that_is_not_trusted_counts_for_nothing(house: House) -> None:
    async with (
        house.agent("1001") as agent,
        house.caller("4001", UNKNOWN, asserted_identity=f"<sip:{KNOWN_EN}@carrier.example>") as caller,
    ):
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["ani"]["e164"] == UNKNOWN
        await caller.hang_up()
        await finish(agent)


# ---- the menu


async def test_the_menu_path_comes_with_the_call_in_chinese(house: House) -> None:
    async with house.agent("1003") as agent, house.caller("4000", UNKNOWN) as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.press(LANGUAGE_ZH)
        await caller.press("2")
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["language"] == "zh"
        assert pop["queue"]["queue_id"] == "support"
        assert [(step["key"], step["label"]["zh"]) for step in pop["menu_path"]] == [("2", "技术支持")]
        await caller.hang_up()
        await finish(agent)


async def test_the_menu_speaks_english_to_whoever_asks_for_it(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4000", "+442079460999") as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.press(LANGUAGE_EN)
        await caller.press("1")
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["language"] == "en"
        assert [step["label"]["en"] for step in pop["menu_path"]] == ["Sales"]
        await caller.hang_up()
        await finish(agent)


async def test_a_known_english_speaker_is_not_asked_for_his_language(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4000", KNOWN_EN) as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.press("1")
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["language"] == "en"
        await caller.hang_up()
        await finish(agent)


async def test_wrong_keys_and_silence_end_with_a_person(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4000", KNOWN_ZH) as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        for _ in range(3):
            await caller.press("7")
            await asyncio.sleep(0.5)
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["queue"]["queue_id"] == "operator"
        await caller.hang_up()
        await finish(agent)


async def test_keys_by_sip_info_count_as_well(house: House) -> None:
    async with house.agent("1001") as agent:
        caller = house.caller("4000", KNOWN_EN, keys=[("wait", 1.0), ("key", "0")], keys_by="info")
        async with caller:
            await agent.talks()
            pop = await agent.desktop.pops(stage="talking")
            assert pop["queue"]["queue_id"] == "operator"
            await caller.hang_up()
            await finish(agent)


# ---- leaving


async def test_hanging_up_in_the_menu(house: House) -> None:
    async with house.caller("4000", UNKNOWN) as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.hang_up()
    record = await record_of(house, caller)
    assert (record["outcome"], record["hangup_side"], record["flow"]) == ("abandoned_in_menu", "caller", "main")


async def test_hanging_up_in_the_queue_after_hearing_music_and_words(house: House) -> None:
    async with house.caller("4002", UNKNOWN) as caller:
        await caller.answered()
        await in_queue(house, "support", 1)
        await caller.audio.hear_sound()
        await caller.hang_up()
    record = await record_of(house, caller)
    assert (record["outcome"], record["queue_id"]) == ("abandoned_in_queue", "support")
    assert record["connected_at"] is None


async def test_hanging_up_while_the_agent_rings_stops_the_ringing(house: House) -> None:
    async with house.agent("1001", Ring()) as agent, house.caller("4001", UNKNOWN) as caller:
        call = await agent.phone.ringing()
        await caller.hang_up()
        end = await call.ended()
        assert (end.by, end.status) == ("server", 487)
        await agent.desktop.state_becomes("ready")
    assert (await record_of(house, caller))["outcome"] == "abandoned_while_ringing"


async def test_the_agent_ends_the_talk(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4001", UNKNOWN) as caller:
        call = await agent.talks()
        await call.hang_up()
        end = await caller.ended()
        assert end.by == "server"
        await finish(agent)
    record = await record_of(house, caller)
    assert (record["outcome"], record["hangup_side"]) == ("answered", "agent")


# ---- agents who do not take the call


async def test_no_answer_leaves_the_caller_in_his_place_and_the_agent_not_ready(house: House) -> None:
    async with house.agent("1001", Ring()) as first, house.caller("4001", UNKNOWN) as caller:
        await first.phone.ringing()
        state = await first.desktop.state_becomes("not_ready")
        assert state["reason"] == "rona"
        await in_queue(house, "sales", 1)
        async with house.agent("1002") as second:
            await second.talks()
            pop = await second.desktop.pops(stage="talking")
            assert pop["waited_seconds"] >= 3
            await caller.hang_up()
            await finish(second)
    record = await record_of(house, caller)
    assert record["agent_id"] == "1002"
    offers = house.invariants().rows(
        "SELECT agent_id, outcome FROM offers WHERE interaction_id = ? ORDER BY made_at", record["interaction_id"]
    )
    assert [(o["agent_id"], o["outcome"]) for o in offers] == [("1001", "rona"), ("1002", "answered")]


@pytest.mark.parametrize(("status", "reason"), [(603, "rejected"), (486, "phone_busy")])
async def test_a_refusing_phone_makes_its_agent_not_ready_and_the_next_is_rung(
    house: House, status: int, reason: str
) -> None:
    async with (
        house.agent("1001", Reject(status=status)) as first,
        house.agent("1002") as second,
        house.caller("4001", UNKNOWN) as caller,
    ):
        await second.talks()
        state = await first.desktop.state_becomes("not_ready")
        assert state["reason"] == reason
        await caller.hang_up()
        await finish(second)


async def test_an_agent_without_a_registered_phone_is_passed_over(house: House) -> None:
    desktop = await house.desktop("1001")
    await desktop.set_state("ready")
    async with house.agent("1002") as second, house.caller("4001", UNKNOWN) as caller:
        await second.talks()
        assert desktop.state["phone"]["status"] == "unreachable"
        assert desktop.state["state"] in ("ready", "not_ready")
        await caller.hang_up()
        await finish(second)
    await desktop.sign_out_of_work()


async def test_a_phone_that_is_off_but_registered_is_given_up(house: House) -> None:
    async with house.agent("1001", Ignore()) as agent, house.caller("4001", UNKNOWN) as caller:
        await caller.answered()
        state = await agent.desktop.state_becomes("not_ready", seconds=25)
        assert state["reason"] in ("rona", "phone_unreachable")
        await in_queue(house, "sales", 1)
        await caller.hang_up()


async def test_a_phone_that_vanishes_in_a_talk_gives_its_caller_to_the_next_agent(house: House) -> None:
    async with house.agent("1001") as first, house.caller("4001", UNKNOWN, sound=Tone(hertz=700)) as caller:
        await first.talks()
        # No BYE, no sound, no answer: it has lost its network, or its power.
        first.phone.vanish()
        state = await first.desktop.state_becomes("wrap_up")
        assert state["phone"]["status"] == "unreachable"
        await caller.audio.hear_sound()
        await in_queue(house, "sales", 1)
        async with house.agent("1002") as second:
            await second.talks()
            await caller.hang_up()
            await finish(second)
    record = await record_of(house, caller)
    assert (record["outcome"], record["agent_id"]) == ("answered", "1002")
    asked = "SELECT data FROM events WHERE interaction_id = ? AND name = 'TalkEnded' ORDER BY at"
    ends = house.invariants().rows(asked, record["interaction_id"])
    assert [json.loads(end["data"])["phone_lost"] for end in ends] == [True, False]


# ---- several at once


async def test_two_callers_for_one_agent_are_served_one_after_the_other(house: House) -> None:
    async with (
        house.agent("1001") as agent,
        house.caller("4001", UNKNOWN) as first,
    ):
        call = await agent.talks()
        async with house.caller("4001", KNOWN_EN) as second:
            await in_queue(house, "sales", 1)
            await call.hang_up()
            await first.ended()
            await finish(agent)
            await agent.talks()
            pop = await agent.desktop.pops(stage="talking")
            assert pop["ani"]["e164"] == KNOWN_EN
            await second.hang_up()
            await finish(agent)


async def test_one_caller_for_two_agents_rings_only_the_longest_idle(house: House) -> None:
    async with house.agent("1002") as idle, house.agent("1001") as other, house.caller("4001", UNKNOWN) as caller:
        await idle.talks()
        assert other.phone.calls == []
        assert other.desktop.state["state"] == "ready"
        await caller.hang_up()
        await finish(idle)


async def test_a_waiting_caller_hears_his_place(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4001", UNKNOWN) as first:
        await agent.talks()
        async with house.caller("4001", KNOWN_ZH) as second, house.caller("4001", KNOWN_EN) as third:
            await in_queue(house, "sales", 2)
            announced = house.invariants()

            async def both_told() -> bool:
                return len(announced.events("PositionAnnounced")) >= 2

            await house.until(both_told, "two callers were told their places")
            told = {e["data"]["position"] for e in announced.events("PositionAnnounced")[-2:]}
            assert told == {1, 2}
            await third.hang_up()
            await second.hang_up()
        await first.hang_up()
        await finish(agent)


# ---- the desk


async def test_notes_and_disposition_stay_with_the_record(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4001", UNKNOWN) as caller:
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        path = f"/interactions/{pop['interaction_id']}"
        await agent.desktop.send("PATCH", path, {"notes": "问了价格 asked for prices"})
        await caller.hang_up()
        await agent.desktop.state_becomes("wrap_up")
        await agent.desktop.send("PATCH", path, {"disposition": "sale"})
        await agent.desktop.end_wrap_up("ready")
        await agent.desktop.until(lambda: agent.desktop.pop is None, "nothing of the last caller is on the screen")
    record = await record_of(house, caller)
    assert (record["notes"], record["disposition"]) == ("问了价格 asked for prices", "sale")


async def test_a_break_asked_for_in_a_talk_comes_after_the_wrap_up(house: House) -> None:
    async with house.agent("1001") as agent, house.caller("4001", UNKNOWN) as caller:
        await agent.talks()
        answer = await agent.desktop.set_state("not_ready", "break")
        assert answer["state"] == "talking"
        assert answer["after_call"] == {"state": "not_ready", "reason": "break", "by": None}
        await caller.hang_up()
        await agent.desktop.state_becomes("wrap_up")
        await agent.desktop.end_wrap_up()
        assert (await agent.desktop.state_becomes("not_ready"))["reason"] == "break"


async def test_a_phone_at_a_fixed_address_is_rung_without_a_restart(house: House) -> None:
    async with house.phone_at_address("desk") as phone:
        desktop = await house.desktop("1004")
        host, port = phone.address
        await desktop.send("PUT", "/agents/me/phone", {"kind": "address", "address": f"sip:desk@{host}:{port}"})
        await desktop.set_state("ready")
        async with house.caller("4002", UNKNOWN) as caller:
            await phone.talking()
            await desktop.state_becomes("talking")
            await caller.hang_up()
            await desktop.state_becomes("wrap_up")
        await desktop.send("PUT", "/agents/me/phone", {"kind": "sip"})
        await desktop.sign_out_of_work()


async def test_the_board_counts_what_happened(house: House) -> None:
    board = await house.desktop("super")
    before = {row["queue_id"]: row["today"] for row in (await board.get("/queues"))["items"]}
    async with house.agent("1001") as agent, house.caller("4001", UNKNOWN) as caller:
        await agent.talks()
        await caller.hang_up()
        await finish(agent)
    await house.quiet()
    after = {row["queue_id"]: row["today"] for row in (await board.get("/queues"))["items"]}
    assert after["sales"]["offered"] == before["sales"]["offered"] + 1
    assert after["sales"]["answered"] == before["sales"]["answered"] + 1
    # Who comes back to the queue from a talk whose phone was lost is answered twice.
    offers = house.invariants().rows(
        "SELECT count(*) AS n FROM offers WHERE interaction_id LIKE 'cc1-%' AND queue_id = 'sales'"
        " AND outcome = 'answered'"
    )
    assert after["sales"]["answered"] == offers[0]["n"]
