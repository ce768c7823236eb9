"""What a talk on the browser's phone outlives: a killed server, a network that is gone, sleep, a browser that dies.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser import Chromium, Desk
from tests.e2e.browser_house import BrowserHouse
from tests.e2e.browser_network import BrowserNetwork
from tests.e2e.house import PASSWORD
from tests.e2e.phones import Tone
from tests.e2e.test_browser import KNOWN_EN, KNOWN_EN_NAME, row_of
from tests.ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LATER = "+8613700000099"
SILENCE_SECONDS = 8
"""sip.silence_seconds: five minutes are too long for a test."""
NOTICED_WITHIN_SECONDS = 40.0
"""browser_silence_seconds, what the exchange takes to look, and a loaded machine."""
GIVEN_UP_AFTER_SECONDS = 30.0
"""rejoin_limit_seconds."""


class FarHouse(BrowserHouse):
    """A house whose browser's phone, and pages for whoever wants them so, are behind a network of the test's own."""

    network: BrowserNetwork


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[FarHouse]:
    web, sip = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="cc-lost-", dir="/tmp") as base:
        async with BrowserNetwork(web, sip) as network:
            ports = {"CALLCENTER_SERVER_PORT": str(web), "CALLCENTER_SIP_HTTP_PORT": str(sip)}
            house = FarHouse(
                Path(base),
                ports
                | {
                    "CALLCENTER_SIP_WEBSOCKET_URL": network.sip_url,
                    "CALLCENTER_SIP_SILENCE_SECONDS": str(SILENCE_SECONDS),
                },
                short_greetings=True,
            )
            house.network = network
            house.web_url = f"http://127.0.0.1:{web}"
            async with Chromium(house.web_url) as house.chromium, house:
                yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: FarHouse) -> AsyncIterator[FarHouse]:
    yield the_house
    await the_house.chromium.close_screens()
    await the_house.check()


async def in_a_talk(chromium: Chromium, name: str) -> Desk:
    """This agent's desk, in the talk with whoever waits."""
    desk = await chromium.desk(name, PASSWORD)
    await desk.use_phone("browser")
    await desk.at("state-ready").click()
    await desk.answer()
    return desk


def silences(house: BrowserHouse) -> int:
    """How many phones have been noticed to be silent."""
    return house.log_path.read_text(encoding="utf-8", errors="replace").count('"phone_fell_silent"')


async def falls_silent(house: BrowserHouse, before: int) -> None:
    """Wait until the next phone has been noticed."""

    async def is_noticed() -> bool:
        return silences(house) > before

    await house.until(is_noticed, "the silence is noticed", seconds=NOTICED_WITHIN_SECONDS)


async def answered_once(house: BrowserHouse, interaction_id: str) -> None:
    """It was one offer, answered, and one talk; whatever happened to the phone in it is no second one."""
    offers = house.invariants().rows("SELECT outcome FROM offers WHERE interaction_id = ?", interaction_id)
    assert [offer["outcome"] for offer in offers] == ["answered"]
    record = await (await house.desktop("super")).get(f"/interactions/{interaction_id}")
    assert [talk["agent_id"] for talk in record["handling"]["talks"]] == ["1001"]


async def test_a_killed_server_leaves_the_sound_and_comes_back_with_the_truth(house: FarHouse) -> None:
    async with house.caller("4001", KNOWN_EN, sound=Tone(hertz=700)) as caller:
        desk = await in_a_talk(house.chromium, "1001")
        interaction_id = await desk.interaction_id()
        await desk.at("notes").fill("written before")
        await desk.becomes("notes-status", "data-status", "clean")
        await house.kill_server()
        await expect(desk.at("feed-lost")).to_be_visible()
        await caller.audio.hear_sound()
        await desk.hears_sound()
        await house.start_server()
        started_at = time.monotonic()
        await desk.becomes("feed-status", "data-status", "live", seconds=20)
        await desk.state_becomes("talking")
        await desk.pops("talking", "customer")
        print(f"the truth {time.monotonic() - started_at:.1f} s after the server was ready")
        await expect(desk.at("feed-lost")).to_have_count(0)
        await desk.shows("pop-customer-name", KNOWN_EN_NAME)
        await expect(desk.at("notes")).to_have_value("written before")
        await caller.audio.hear_sound()
        await desk.hears_sound()
        await caller.hang_up()
        await desk.end_wrap_up()
    await answered_once(house, interaction_id)


async def test_the_network_goes_away_for_moments_and_for_longer_and_the_talk_comes_back(house: FarHouse) -> None:
    async with (
        Chromium(house.network.web_url) as far,
        house.caller("4001", KNOWN_EN, sound=Tone(hertz=700)) as caller,
    ):
        desk = await in_a_talk(far, "1001")
        interaction_id = await desk.interaction_id()
        await desk.hears_sound()
        # For some seconds: it is said, and the same call goes on over connections of its own making.
        house.network.vanish()
        await desk.becomes("phone-sound", "data-sound", "interrupted", seconds=30)
        await house.network.come_back()
        await expect(desk.at("phone-sound")).to_have_count(0, timeout=30_000)
        await desk.becomes("phone-line", "data-line", "registered", seconds=30)
        await desk.becomes("feed-status", "data-status", "live", seconds=30)
        await desk.hears_sound()
        await caller.audio.hear_sound()
        # Longer than the exchange waits for sound: the caller hears music, and is fetched back.
        before = silences(house)
        house.network.vanish()
        await desk.becomes("phone-line", "data-line", "unregistered", seconds=30)
        await expect(desk.at("feed-lost")).to_be_visible()
        await falls_silent(house, before)
        await caller.audio.hear_sound()
        await house.network.come_back()
        back_at = time.monotonic()
        await desk.becomes("feed-status", "data-status", "live", seconds=30)
        print(f"the truth {time.monotonic() - back_at:.1f} s after the network was back")
        await desk.becomes("phone-status", "data-status", "talking", seconds=30)
        await expect(desk.at("phone-sound")).to_have_count(0, timeout=30_000)
        await desk.hears_sound()
        print(f"the talk {time.monotonic() - back_at:.1f} s after")
        await caller.audio.hear_sound()
        assert await desk.interaction_id() == interaction_id
        # The line's connection alone is lost: the end of the talk is heard over the new one.
        await house.network.drop_connections()
        await desk.becomes("phone-line", "data-line", "unregistered")
        await desk.becomes("phone-line", "data-line", "registered", seconds=30)
        await caller.hang_up()
        await desk.state_becomes("wrap_up")
        await desk.becomes("phone-status", "data-status", "registered", seconds=30)
        await desk.end_wrap_up()
        await desk.leave()
    await answered_once(house, interaction_id)


async def test_a_page_loaded_anew_while_a_colleague_is_asked_loses_nobody(house: FarHouse) -> None:
    asked = await house.chromium.desk("1003", PASSWORD)
    await asked.use_phone("browser")
    async with house.caller("4001", KNOWN_EN, sound=Tone(hertz=700)) as caller:
        desk = await in_a_talk(house.chromium, "1001")
        interaction_id = await desk.interaction_id()
        await asked.be_ready()
        order = {"kind": "agent", "to": "1003", "note": "before the reload"}
        answer = await desk.context.request.post(f"{house.web_url}/api/v1/agents/me/consultation", data=order)
        assert answer.ok, await answer.text()
        await asked.answer()
        await desk.becomes("consultation", "data-state", "consulted")
        await desk.hears_sound()
        await desk.page.reload()
        # The colleague is free again, and the caller is back with his agent: so say both pages.
        await expect(asked.at("phone-hangup")).to_have_count(0)
        await desk.becomes("phone-status", "data-status", "talking", seconds=30)
        await expect(desk.at("consultation")).to_have_count(0)
        await desk.pops("talking", "customer")
        await desk.hears_sound()
        await caller.audio.hear_sound()
        assert await desk.interaction_id() == interaction_id
        await asked.state_becomes("ready")
        await caller.hang_up()
        await desk.end_wrap_up()
    await answered_once(house, interaction_id)


async def test_a_caller_who_vanishes_without_a_word_is_noticed_in_the_talk_and_in_the_queue(house: FarHouse) -> None:
    board = await house.desktop("super")
    async with house.caller("4001", KNOWN_EN, sound=Tone(hertz=700)) as caller, house.caller("4001", LATER) as later:
        desk = await in_a_talk(house.chromium, "1001")
        interaction_id = await desk.interaction_id()
        await desk.hears_sound()
        await board.until(lambda: len(board.documents["waiting"]) == 1, "the other waits", 30.0)
        # Neither sends a BYE, and neither answers any more.
        for gone in (caller, later):
            gone.vanish()
        await desk.state_becomes("wrap_up", seconds=SILENCE_SECONDS + 30.0)
        await desk.becomes("phone-status", "data-status", "registered", seconds=30)
        await board.until(lambda: not board.documents["waiting"], "nobody waits", SILENCE_SECONDS + 30.0)
        await desk.end_wrap_up()
    await house.quiet()
    await answered_once(house, interaction_id)
    # Nobody has hung up: which channel the exchange ended first is chance, but it was not the agent.
    talked = row_of(house, interaction_id)
    assert talked["outcome"] == "answered"
    assert talked["hangup_side"] in (None, "caller")
    asked = "SELECT outcome FROM interactions WHERE ani_e164 = ? ORDER BY started_at DESC LIMIT 1"
    assert house.invariants().rows(asked, LATER) == [{"outcome": "abandoned_in_queue"}]


async def test_colleagues_call_each_other_and_either_page_may_be_loaded_anew(house: FarHouse) -> None:
    one, two = await house.chromium.desk("1003", PASSWORD), await house.chromium.desk("1004", PASSWORD)
    await one.speaks("zh")
    both = (one, two)
    for desk in both:
        await desk.use_phone("browser")
    names = [await desk.at("user-name").inner_text() for desk in both]
    await one.at("colleague-search").click()
    await one.at("call-colleague-1004").click()
    await two.becomes("internal-bar", "data-told", "incoming")
    await two.shows("internal-bar", f"{names[0]} is calling you")
    await one.shows("internal-bar", f"正在呼叫 {names[1]}")
    await two.at("internal-answer").click()
    # He who was called, he who called and has the call on his channel, and he whose channel has it then.
    for reloaded in (None, two, one, two):
        if reloaded is not None:
            await reloaded.page.reload()
        # First who was away: what the other hears until then is music.
        for desk in sorted(both, key=lambda desk: desk is not reloaded):
            await desk.becomes("phone-status", "data-status", "talking", seconds=30)
            await desk.becomes("internal-bar", "data-told", "talking", seconds=30)
            await desk.state_becomes("internal_call", seconds=30)
            await desk.hears_sound(seconds=30)
    await one.at("internal-end").click()
    for desk in both:
        await expect(desk.at("internal-bar")).to_have_count(0)
        await desk.becomes("phone-status", "data-status", "registered", seconds=30)
        await desk.state_becomes("not_ready", seconds=30)


async def test_a_browser_that_slept_shows_at_once_what_happened_meanwhile(house: FarHouse) -> None:
    async with Chromium(house.web_url) as sleeper:
        async with house.caller("4001", KNOWN_EN) as caller:
            desk = await in_a_talk(sleeper, "1001")
            sleeper.sleep()
            await caller.hang_up()
            # The server that comes knows nothing of what was sent before: there is nothing to resume.
            await house.kill_server()
            await house.start_server()
        sleeper.wake()
        woke_at = time.monotonic()
        await desk.state_becomes("wrap_up")
        await desk.becomes("feed-status", "data-status", "live")
        print(f"the truth {time.monotonic() - woke_at:.1f} s after waking")
        await desk.becomes("phone-status", "data-status", "registered")
        await desk.end_wrap_up()
        await desk.leave()


async def test_a_browser_that_is_killed_is_noticed_and_a_new_one_has_the_talk_back(house: BrowserHouse) -> None:
    async with Chromium(house.web_url) as doomed, house.caller("4001", KNOWN_EN, sound=Tone(hertz=700)) as caller:
        desk = await in_a_talk(doomed, "1001")
        # Muted and on hold a browser sends all the same: that is not taken for its end.
        await desk.at("phone-mute").click()
        await desk.at("phone-hold").click()
        await desk.state_becomes("hold")
        await asyncio.sleep(18.0)  # Longer than a silence may last.
        await desk.state_becomes("hold")
        await desk.at("phone-hold").click()
        await desk.state_becomes("talking")
        await desk.at("phone-mute").click()
        await caller.audio.hear_sound()
        interaction_id = await desk.interaction_id()

        before = silences(house)
        doomed.kill()
        killed_at = time.monotonic()
        await falls_silent(house, before)
        print(f"noticed after {time.monotonic() - killed_at:.1f} s")
        await caller.audio.hear_sound()
        again = await house.chromium.desk("1001", PASSWORD)
        await again.at("talk-fetch").click()
        await again.becomes("phone-status", "data-status", "talking")
        await again.hears_sound()
        assert await again.interaction_id() == interaction_id
        await caller.hang_up()
        await again.end_wrap_up()
    offers = house.invariants().rows("SELECT outcome FROM offers WHERE interaction_id = ?", interaction_id)
    assert [offer["outcome"] for offer in offers] == ["answered"]


@pytest.mark.parametrize("dead", [False, True])
async def test_whose_agent_does_not_come_back_has_the_first_place(house: BrowserHouse, dead: bool) -> None:
    async with house.caller("4001", KNOWN_EN) as caller, house.caller("4001", LATER) as later:
        desk = await in_a_talk(house.chromium, "1001")
        interaction_id = await desk.interaction_id()
        board = await house.desktop("super")
        await board.until(lambda: len(board.documents["waiting"]) == 1, "somebody else waits", 30.0)
        answer = await desk.context.request.post(f"{house.web_url}/api/v1/agents/me/phone/away")
        assert answer.ok
        # Nobody fetches the talk back: the page is gone.
        await desk.page.goto("about:blank")
        if dead:
            await house.kill_server()
            await asyncio.sleep(GIVEN_UP_AFTER_SECONDS + 3.0)  # The exchange alone gives up waiting.
            await house.start_server()
        await board.until(lambda: len(board.documents["waiting"]) == 2, "both wait", GIVEN_UP_AFTER_SECONDS + 30.0)
        async with house.agent("1002") as other:
            await other.phone.talking(30.0)
            await other.desktop.state_becomes("talking")
            # Not he who has waited all the time.
            assert other.desktop.state["interaction_id"] == interaction_id
            await caller.hang_up()
            await other.desktop.state_becomes("wrap_up")
            await other.desktop.end_wrap_up("ready")
            await other.talks()
            await later.hang_up()
            await other.desktop.state_becomes("wrap_up")
    await house.quiet()
    row = row_of(house, interaction_id)
    assert (row["outcome"], row["agent_id"]) == ("answered", "1002")
    offers = house.invariants().rows("SELECT * FROM offers WHERE interaction_id = ?", interaction_id)
    assert [offer["agent_id"] for offer in offers] == ["1001", "1002"]
    if not dead:
        told = house.invariants().rows("SELECT * FROM events WHERE interaction_id = ?", interaction_id)
        ends = [json.loads(event["data"])["phone_lost"] for event in told if event["name"] == "TalkEnded"]
        assert ends == [True, False]
        # What he heard music for is the end of the talk, and not waiting too.
        talk_ended, *_ = [event["at"] for event in told if event["name"] == "TalkEnded"]
        queued = [json.loads(event["data"])["entered_at"] for event in told if event["name"] == "InteractionQueued"]
        waits_again = datetime.fromisoformat(queued[-1]).replace(tzinfo=None)
        assert waits_again >= datetime.fromisoformat(talk_ended).replace(tzinfo=None) - timedelta(seconds=10)
        asked = await house.desktop("super")
        await asked.until(
            lambda: (
                asked.documents["agents"]["1001"]["state"] == "not_ready"
                and asked.documents["agents"]["1001"]["reason"] == "phone_lost"
            ),
            "not ready when the wrap-up is over",
            30.0,
        )
