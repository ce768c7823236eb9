"""What those who wait hear, are asked and choose, on real Asterisk: their ears are the recorded RTP.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Literal

import pytest
import pytest_asyncio

from callcenter.asterisk.synthesis import EspeakSynthesiser
from callcenter.ivr.waiting import WaitingPrompts
from tests.e2e import spoken, told_tones
from tests.e2e.house import PROJECT, Agent
from tests.e2e.invariants import Invariants
from tests.e2e.phones import Caller
from tests.e2e.prompt_tones import Ear, queue_prompts
from tests.e2e.routing_house import AGENTS_HERTZ, RoutingHouse
from tests.e2e.test_faults import longest_silence
from tests.e2e.told_tones import ToldEar

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

TALKER, FIRST, SECOND = "+8613700000031", "+8613700000032", "+8613700000033"
INTERVAL = 6
SILENCE_SECONDS = 2.0
AGAIN_WITHIN_SECONDS = 3.0
"""So soon after a restart he hears again what he heard when the server was killed."""

QUEUES = {
    "busy_line": "skills: {billing: 1}",
    "asking": "skills: {billing: 1}, waiting: {ask_on_entry: yes, message: yes, self_service: service}",
    "telling": "skills: {billing: 1}, waiting: {notice: longer_today, unusual: {waiting_above: 1}, "
    f"information: [have_number_ready, say_more_languages], information_interval_seconds: {INTERVAL}}}",
    "keyed": "skills: {billing: 1}, waiting: {ask_on_entry: yes, message: yes, "
    f"information: [have_number_ready], information_interval_seconds: {INTERVAL}}}",
    "numbered": "skills: {billing: 1}, announce_first_after_seconds: 1, announce_interval_seconds: 6",
    "placed": "skills: {billing: 1}, announce_first_after_seconds: 1, announce_interval_seconds: 5, "
    "waiting: {ask_on_entry: yes, message: yes}",
}
ENGLISH = """
flow: numbered_en
languages: [en]
start: to_queue
rescue: to_queue
prompts: {}
nodes:
  to_queue: {kind: queue, queue: numbered}
"""
AGENTS = {"1001": "skills: {billing: 8}"}


class TellingHouse(RoutingHouse):
    """Its callers hear numbers that can be told (told_tones.py)."""

    async def _have_prompts_spoken(self) -> None:
        # By the program that stands where espeak-ng would: a row of tones takes no time.
        program = str(self.base / "voice" / "espeak-ng")
        await spoken.fill(self.settings.sound_directory, EspeakSynthesiser(espeak=program))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-waiting-", dir="/tmp") as base:
        voice = Path(base) / "voice"
        told_tones.install(voice)
        path = {"PATH": f"{voice}{os.pathsep}{os.environ['PATH']}"}
        flows = {"numbered_en": ENGLISH}
        async with TellingHouse(Path(base), queues=QUEUES, agents=AGENTS, flows=flows, environment=path) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


@asynccontextmanager
async def nobody_idle(house: RoutingHouse) -> AsyncIterator[tuple[Agent, Caller]]:
    """The one agent talks with somebody."""
    async with house.agent("1001") as agent, house.dialled("busy_line", TALKER) as talker:
        await agent.talks()
        yield agent, talker


async def hears_in_order(ear: Ear, *prompts: str) -> None:
    """Wait for the last of these, which have come in this order."""
    for prompt in prompts:
        await ear.hears(prompt, seconds=40)
    places = [ear.heard().index(prompt) for prompt in prompts]
    assert places == sorted(places), ear.heard()


async def asked(house: RoutingHouse, caller: Caller) -> Ear:
    """He has heard the whole question."""
    ear = house.ear(caller)
    await hears_in_order(ear, "offer_wait", "offer_callback", "offer_message", "offer_self_service")
    return ear


async def served(agent: Agent, talker: Caller, caller: Caller) -> None:
    """The agent becomes free, and gets this caller."""
    await talker.hang_up()
    await agent.talks()
    pop = await agent.desktop.pops(stage="talking")
    assert pop["ani"]["e164"] == caller.ani
    await caller.audio.hear_tone(AGENTS_HERTZ["1001"])


def never_silent(caller: Caller, until: float) -> None:
    """From the answer on he has heard nothing for no longer than two seconds."""
    assert caller.answered_at is not None
    silent = longest_silence(caller, caller.answered_at, until)
    assert silent <= SILENCE_SECONDS, f"he heard nothing for {silent:g} s"


async def test_with_nobody_idle_he_is_asked_and_waits_on_without_a_silent_moment(house: RoutingHouse) -> None:
    async with nobody_idle(house) as (agent, talker), house.dialled("asking", FIRST) as caller:
        ear = await asked(house, caller)
        await caller.press("1")
        (row,) = await house.waiting("asking", 1)
        # His choice is no reason to hear it again.
        await caller.audio.hear_sound()
        freed_at = time.monotonic()
        await served(agent, talker, caller)
        never_silent(caller, freed_at)
        assert ear.heard().count("offer_wait") == 1
        record = await house.record(row["interaction_id"])
        (told,) = [entry["data"] for entry in record["timeline"] if entry["name"] == "position_announced"]
        assert told["position"] == row["position"] == 1
        await caller.hang_up()


async def test_with_somebody_idle_nobody_is_asked(house: RoutingHouse) -> None:
    async with house.agent("1001") as agent, house.dialled("asking", FIRST) as caller:
        await agent.talks()
        assert "offer_wait" not in house.ear(caller).heard()
        await caller.hang_up()


async def test_who_chooses_it_is_called_back_and_the_answer_ends_the_call(house: RoutingHouse) -> None:
    async with nobody_idle(house), house.dialled("asking", FIRST) as caller:
        ear = await asked(house, caller)
        await caller.press("2")
        await caller.press("1")
        await ear.hears("callback_taken")
        assert (await caller.ended(20)).by == "server"
        record = await house.record_of(caller)
        assert record["outcome"] == "callback_taken"
        await (await house.board()).send("DELETE", f"/waiting/{record['callback_id']}", None)


async def test_who_chooses_to_leave_a_message_is_out_of_the_queue_and_speaks(house: RoutingHouse) -> None:
    async with nobody_idle(house), house.dialled("asking", FIRST) as caller:
        ear = await asked(house, caller)
        await caller.press("3")
        await ear.hears("leave_message")
        await house.waiting("asking", 0)
        interaction_id = await house.interaction_of(caller)
        recordings = house.settings.server.data_directory / "recordings"

        async def has_two_seconds() -> bool:
            return any(file.stat().st_size > 2 * 16_000 for file in recordings.glob(f"message-{interaction_id}*.wav"))

        await house.until(has_two_seconds, "two seconds are recorded")
        await caller.hang_up()
        assert (await house.record_of(caller))["outcome"] == "message_left"


async def test_in_his_self_service_he_keeps_his_place_and_the_agent_gets_him_out_of_it(house: RoutingHouse) -> None:
    async with nobody_idle(house) as (agent, talker), house.dialled("asking", FIRST) as caller:
        await asked(house, caller)
        await caller.press("4")
        await in_self_service(house)
        async with house.dialled("asking", SECOND) as later:
            rows = await house.waiting("asking", 2)
            assert [row["ani"]["e164"] for row in rows] == [FIRST, SECOND]
            await served(agent, talker, caller)
            await later.hang_up()
        await caller.hang_up()
        record = await house.record_of(caller)
        assert (record["outcome"], record["queue_id"]) == ("answered", "asking")


async def test_after_his_self_service_he_is_back_in_line(house: RoutingHouse) -> None:
    async with nobody_idle(house) as (agent, talker), house.dialled("asking", FIRST) as caller:
        ear = await asked(house, caller)
        await caller.press("4")
        await in_self_service(house)
        # A person: that is whom he waits for.
        await caller.press("0")
        await ear.hears("back_in_line")
        await house.waiting("asking", 1)
        await served(agent, talker, caller)
        await caller.hang_up()


async def test_a_queue_tells_why_it_takes_long_and_informs_in_turn(house: RoutingHouse) -> None:
    async with nobody_idle(house) as (agent, talker), house.dialled("telling", FIRST) as caller:
        ear = house.ear(caller)
        await ear.hears("longer_today")
        await house.waiting("telling", 1)
        async with house.dialled("telling", SECOND) as second:
            crowded = house.ear(second)
            await hears_in_order(crowded, "longer_today", "busy", "have_number_ready")
            await hears_in_order(ear, "longer_today", "have_number_ready", "say_more_languages")
            never_silent(caller, time.monotonic())
            never_silent(second, time.monotonic())
            await second.hang_up()
        assert "busy" not in ear.heard()
        await served(agent, talker, caller)
        await caller.hang_up()


async def test_a_key_pressed_while_something_is_announced_counts(house: RoutingHouse) -> None:
    async with nobody_idle(house), house.dialled("keyed", FIRST) as caller:
        ear = house.ear(caller)
        await ear.hears("offer_message")
        await caller.press("1")
        await ear.hears("have_number_ready", seconds=40)
        # Three blocks of its tone were heard: it is in the middle of it.
        await caller.press("3")
        await ear.hears("leave_message")
        await caller.hang_up()


async def test_a_key_is_heard_at_every_moment_of_plain_music(house: RoutingHouse) -> None:
    chance = Random(4)
    ways: tuple[Literal["rfc4733", "info"], ...] = ("rfc4733", "info") * 4

    async def presses(number: int, keys_by: Literal["rfc4733", "info"]) -> float:
        async with house.dialled("asking", f"+86137000005{number:02}", keys_by=keys_by) as caller:
            ear = await asked(house, caller)
            await caller.press("1")
            assert caller.answered_at is not None
            # The question is asked again only after half a minute: whatever comes until then is music.
            await asyncio.sleep(chance.uniform(1, 7))
            await caller.press("9")
            await caller.press("3")
            pressed_at = time.monotonic()
            await ear.hears("leave_message")
            assert ear.heard()[-2:] == ["offer_self_service", "leave_message"]
            never_silent(caller, pressed_at)
            await caller.hang_up()
            return time.monotonic() - pressed_at

    async with nobody_idle(house):
        await asyncio.gather(*(presses(number, keys_by) for number, keys_by in enumerate(ways)))


async def test_the_place_that_is_told_is_the_place_he_has_at_that_moment(house: RoutingHouse) -> None:
    async with nobody_idle(house), house.dialled("placed", FIRST) as first:
        await house.ear(first).hears("offer_message")
        async with house.dialled("placed", SECOND) as second:
            ear = house.ear(second)
            await ear.hears("offer_message")
            rows = await house.waiting("placed", 2)
            second_id = rows[1]["interaction_id"]
            await first.hang_up()
            await house.waiting("placed", 1)
            await ear.hears("next_in_line", seconds=40)
            record = await house.record_when(
                second_id,
                lambda record: len([e for e in record["timeline"] if e["name"] == "position_announced"]) >= 2,
                "his place was told twice",
            )
            told = [e["data"]["position"] for e in record["timeline"] if e["name"] == "position_announced"]
            assert told[:2] == [2, 1]
            await second.hang_up()


async def test_the_numbers_he_hears_are_the_engines_in_both_languages(house: RoutingHouse) -> None:
    prompts = WaitingPrompts(queue_prompts(PROJECT / "ivr_flows"))
    async with nobody_idle(house), AsyncExitStack() as callers:
        lines: list[tuple[Caller, str]] = []
        for number in range(5):
            line, language = (("numbered", "zh"), ("numbered_en", "en"))[number % 2]
            caller = await callers.enter_async_context(house.dialled(line, f"+86137000006{number:02}"))
            lines.append((caller, language))
            await house.waiting("numbered", number + 1)
        rows = {row["ani"]["e164"]: row for row in await house.waiting("numbered", 5)}
        ears = [ToldEar(prompts, caller.audio) for caller, _ in lines]
        for (caller, language), ear in list(zip(lines, ears, strict=True))[1:]:
            told = await ear.hears(1, prompt="position")
            assert (told.position, told.language) == (rows[caller.ani]["position"], language)
        await lines[0][0].hang_up()
        rows = {row["ani"]["e164"]: row for row in await house.waiting("numbered", 4)}
        for (caller, language), ear in list(zip(lines, ears, strict=True))[2:]:
            told = await ear.hears(2, prompt="position")
            assert (told.position, told.language) == (rows[caller.ani]["position"], language)
        await house.ear(lines[1][0]).hears("next_in_line")
        for (caller, language), ear in list(zip(lines, ears, strict=True))[1:]:
            record = await house.record(rows[caller.ani]["interaction_id"])
            announced = [entry["data"] for entry in record["timeline"] if entry["name"] == "position_announced"]
            heard = [told.position for told in ear.heard() if told.prompt == "position"]
            assert heard == [data["position"] for data in announced][: len(heard)]
            wait = await ear.hears(1, prompt="expected_wait")
            assert wait.language == language
            assert wait.wait is not None
            minutes = announced[0]["expected_wait_seconds"] / 60
            assert (wait.wait.low_minutes or 0) <= minutes <= (wait.wait.high_minutes or minutes)
        for caller, _ in lines[1:]:
            await caller.hang_up()


# ---- the server dies


async def test_f1_killed_in_the_question_it_is_asked_again_at_the_same_place(house: RoutingHouse) -> None:
    async with nobody_idle(house) as (agent, talker), house.dialled("asking", FIRST) as caller:
        ear = house.ear(caller)
        await ear.hears("offer_wait")
        await house.kill_server()
        killed_at = time.monotonic()
        before = ear.heard()
        await house.start_server()
        # The question begins with his place, as the first time; Asterisk itself may have said that it is sorry.
        await ear.hears("next_in_line", times=before.count("next_in_line") + 1, seconds=AGAIN_WITHIN_SECONDS)
        await ear.hears("offer_wait", times=before.count("offer_wait") + 1)
        since = [said for said in ear.heard()[len(before) :] if said != "apology"]
        assert since[:2] == ["next_in_line", "offer_wait"], since
        silent = longest_silence(caller, killed_at, time.monotonic())
        assert silent <= SILENCE_SECONDS, f"he heard nothing for {silent:g} s"
        await ear.hears("offer_self_service")
        await caller.press("1")
        await house.waiting("asking", 1)
        await served(agent, talker, caller)
        await caller.hang_up()


async def test_f1_a_key_in_the_music_without_a_server_is_done_when_one_is_back(house: RoutingHouse) -> None:
    async with nobody_idle(house), house.dialled("asking", FIRST) as caller:
        ear = await asked(house, caller)
        await caller.press("1")

        async def is_listened_to() -> bool:
            return "WaitDigit" in await house.asterisk.cli("core show channels concise")

        await house.until(is_listened_to, "his keys are listened for in the music")
        await house.kill_server()
        killed_at = time.monotonic()
        await caller.press("3")
        await house.start_server()
        await ear.hears("leave_message")
        silent = longest_silence(caller, killed_at, time.monotonic())
        assert silent <= SILENCE_SECONDS, f"he heard nothing for {silent:g} s"
        await caller.hang_up()


async def test_f1_killed_in_the_self_service_it_goes_on_there_and_the_place_is_kept(house: RoutingHouse) -> None:
    async with nobody_idle(house) as (agent, talker), house.dialled("asking", FIRST) as caller:
        ear = await asked(house, caller)
        await caller.press("4")
        await in_self_service(house)
        async with house.dialled("asking", SECOND) as later:
            await house.waiting("asking", 2)
            nodes = len(house.invariants().events("NodeEntered"))
            await house.kill_server()
            await house.start_server()
            await house.invariants_say(
                lambda found: len(found.events("NodeEntered")) > nodes, seconds=AGAIN_WITHIN_SECONDS
            )
            again = house.invariants().events("NodeEntered")[nodes]["data"]
            assert (again["node"], again["aside"]) == ("self_service/menu", True)
            rows = await house.waiting("asking", 2)
            assert [row["ani"]["e164"] for row in rows] == [FIRST, SECOND]
            await caller.press("0")
            await ear.hears("back_in_line", seconds=40)
            await served(agent, talker, caller)
            await later.hang_up()
        await caller.hang_up()


async def in_self_service(house: RoutingHouse) -> None:
    """Wait until the latest who went there has come to its menu."""

    def is_there(found: Invariants) -> bool:
        events = found.events("NodeEntered")
        return bool(events) and events[-1]["data"]["node"] == "self_service/menu"

    await house.invariants_say(is_there)
