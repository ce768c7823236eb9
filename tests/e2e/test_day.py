"""An agent's whole day and a supervisor's, from signing in to signing out, each in Chinese and in English; and a talk
that goes over two desks, one in each language, with a supervisor in it.

What a step does in every detail is tested elsewhere; here one follows the other on the same screens, as at work.
"""

import re
import time
from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.agent_phone import AgentPhone
from tests.e2e.browser import Board, Desk
from tests.e2e.browser_house import BrowserHouse, open_browser_house
from tests.e2e.house import PASSWORD
from tests.e2e.phones import Caller, Tone
from tests.e2e.test_browser import KNOWN_EN, KNOWN_EN_NAME, KNOWN_ZH, KNOWN_ZH_NAME
from tests.e2e.test_supervisor import inside, waiting_row

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

Language = Literal["zh", "en"]
KNOWN = {"zh": (KNOWN_ZH, KNOWN_ZH_NAME), "en": (KNOWN_EN, KNOWN_EN_NAME)}
STRANGER = {"zh": ("+8613612340077", "钱多多"), "en": ("+8613612340088", "Ada Newcomer")}
STATES = {
    "zh": {"ready": "就绪", "not_ready": "未就绪", "talking": "通话中", "wrap_up": "话后处理"},
    "en": {"ready": "Ready", "not_ready": "Not ready", "talking": "In a talk", "wrap_up": "Wrap-up"},
}
CALLERS_TONE, BOSSES_TONE = Tone(hertz=430), Tone(hertz=1_530)
HEARD, UNHEARD = 0.15, 0.05
"""Shares of what comes over a line."""
AGENTS: dict[Language, str] = {"zh": "1003", "en": "1004"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[BrowserHouse]:
    async with open_browser_house() as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: BrowserHouse) -> AsyncIterator[BrowserHouse]:
    yield the_house
    await the_house.check_after_test()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_an_agents_day(house: BrowserHouse, language: Language) -> None:
    agent, (known, known_name), (stranger, stranger_name) = AGENTS[language], KNOWN[language], STRANGER[language]
    words = STATES[language]
    desk = await house.chromium.desk(agent, PASSWORD)
    await desk.sign_out()
    await desk.speaks(language)
    await desk.sign_in(agent, PASSWORD)
    await desk.at("nav-desk").click()
    await desk.use_phone("browser")
    # Which microphone and loudspeaker, and does it hear him? The choice is the browser's own, and outlives a reload.
    for reloaded in (False, True):
        if reloaded:
            await desk.page.reload()
            await desk.becomes("phone-line", "data-line", "registered")
        await desk.at("devices").locator("summary").click()
        for part in ("microphone", "speaker"):
            if not reloaded:
                await desk.at(f"device-{part}").select_option(index=1)
            await expect(desk.at(f"device-{part}")).not_to_have_value("")
    await desk.at("level-try").click()
    await expect(desk.at("level")).to_have_attribute("data-level", re.compile(r"^[1-9]\d*$"))
    await desk.at("level-try").click()
    await desk.at("devices").locator("summary").click()
    await desk.be_ready()
    await desk.shows("agent-state", words["ready"])

    # Somebody known calls; in the talk he is held, and the break after it is asked for.
    async with house.caller("4001", known) as caller:
        await desk.pops("ringing", "customer")
        await desk.shows("pop-customer-name", known_name)
        await desk.answer()
        await desk.shows("agent-state", words["talking"])
        await desk.hears_silence()
        await desk.at("phone-hold").click()
        await expect(desk.at("phone-held")).to_be_visible()
        await caller.audio.hear_sound()
        await desk.at("phone-hold").click()
        await expect(desk.at("phone-held")).to_have_count(0)
        await desk.at("notes").fill(f"{known_name}: 12 boxes 箱")
        await desk.becomes("notes-status", "data-status", "clean")
        # On another page the talk is still in hand.
        await desk.at("nav-customers").click()
        await desk.shows("talk-bar", known_name)
        await desk.at("phone-mute").click()
        await desk.becomes("phone-mute", "aria-pressed", "true")
        await desk.at("phone-mute").click()
        await desk.becomes("phone-mute", "aria-pressed", "false")
        await desk.at("nav-desk").click()
        await expect(desk.at("talk-bar")).to_have_count(0)
        await desk.at("not-ready-reason").select_option("lunch")
        await desk.at("state-not-ready").click()
        await expect(desk.at("after-call")).to_be_visible()
        await desk.picture(f"day-talk-{language}")
        assert await desk.overflow_px() == 0
        await caller.hang_up()
    await desk.pops("wrap_up")
    await desk.shows("agent-state", words["wrap_up"])
    await desk.at("disposition").select_option("sale")
    await desk.at("extend-wrap-up").click()
    await expect(desk.at("wrap-up-left")).not_to_have_attribute("data-seconds", re.compile("^(0|[12]?[0-9])?$"))
    await desk.at("end-wrap-up-not-ready").click()
    await desk.state_becomes("not_ready")
    await desk.shows("agent-state", words["not_ready"])

    # Back from lunch: a stranger becomes a customer.
    await desk.be_ready()
    async with house.caller("4001", stranger) as caller:
        await desk.pops("ringing", "blank")
        await desk.answer()
        await desk.at("blank-name").fill(stranger_name)
        await desk.at("blank-save").click()
        await desk.pops("talking", "customer")
        await desk.shows("pop-customer-name", stranger_name)
        await caller.hang_up()
    await desk.end_wrap_up()
    await expect(desk.at("today-handled")).to_have_text(re.compile(r"\b2\b"))

    # What was: his calls, and the customer he has made.
    await desk.at("nav-calls").click()
    await desk.at("call-row").filter(has_text=agent).first.click()
    await expect(desk.at("call-detail")).to_be_visible()
    await desk.at("call-customer").click()
    await expect(desk.page.get_by_text(stranger_name).first).to_be_visible()
    await desk.picture(f"day-customer-{language}")
    assert await desk.overflow_px() == 0
    await desk.sign_out()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_supervisors_day(house: BrowserHouse, language: Language) -> None:
    agent = AGENTS[language]
    board = await house.chromium.board("super", PASSWORD)
    await board.speaks(language)
    desk = await house.chromium.desk(agent, PASSWORD)
    await desk.use_phone("browser")

    # Nobody works: two wait, and the second is helped to the first place.
    async with house.caller("4001", STRANGER[language][0]) as first, house.caller("4001", KNOWN[language][0]) as second:
        await board.counts("sales", "waiting", 2)
        row = await waiting_row(board, STRANGER[language][0])
        await inside(row, "waiting-open").click()
        await expect(board.at("why")).to_be_visible()
        await board.at("priority").fill("90")
        await board.at("set-priority").click()
        await expect((await waiting_row(board, STRANGER[language][0])).locator("td").nth(1)).to_have_text("1")
        await board.picture(f"day-board-{language}")
        assert await board.overflow_px() == 0
        await desk.at("state-ready").click()
        await desk.pops("ringing", "customer")
        await desk.shows("pop-customer-name", STRANGER[language][1])
        await desk.answer()
        row = board.at(f"board-agent-{agent}")
        await row.scroll_into_view_if_needed()
        await expect(inside(row, "state")).to_contain_text(STATES[language]["talking"])

        # A word to his desk, and a break when he is done.
        await inside(row, "agent-open").click()
        form = board.at("notice-to-agent")
        await form.locator("textarea").fill("Thank you 谢谢")
        await inside(form, "notice-send").click()
        await expect(desk.at("desk-notice")).to_contain_text("Thank you 谢谢")
        await desk.at("desk-notice-read").click()
        await board.at("force-reason").select_option("lunch")
        await board.at("force-not-ready").click()
        await expect(desk.at("after-call")).to_be_visible()
        await first.hang_up()
        await desk.state_becomes("wrap_up")
        await desk.at("end-wrap-up-not-ready").click()
        await desk.state_becomes("not_ready")

        # The house is closed for once, and opened again.
        await inside(board.at("board-row-sales"), "queue-close").click()
        await inside(board.at("confirm").locator("visible=true"), "confirm-yes").click()
        await expect(board.at("board-closed")).to_be_visible()
        await board.counts("sales", "waiting", 0)
        await second.hang_up()
        await inside(board.at("board-row-sales"), "queue-open").click()
        await inside(board.at("confirm").locator("visible=true"), "confirm-yes").click()
        await expect(board.at("board-closed")).to_have_count(0)
    await board.sign_out()


async def asks(desk: Desk, agent_id: str, note: str) -> None:
    """Open the dialog, choose the colleague and ask him."""
    await desk.at("transfer-open").click()
    await expect(desk.at(f"transfer-to-{agent_id}")).to_be_enabled()
    await desk.at(f"transfer-to-{agent_id}").check()
    await desk.at("transfer-note").fill(note)
    await desk.at("transfer-consult").click()


async def test_a_talk_over_two_desks_in_two_languages_with_a_supervisor_in_it(house: BrowserHouse) -> None:
    note = "He asks about order 17 询问订单"
    first, second = [await house.chromium.desk(AGENTS[language], PASSWORD) for language in ("zh", "en")]
    await first.speaks("zh")
    board = await house.chromium.board("super", PASSWORD)
    for desk in (first, second):
        await desk.use_phone("browser")
    # Before the first call: does one hear what one says?
    await first.at("devices").locator("summary").click()
    await first.at("echo").click()
    await expect(first.at("echo-on")).to_be_visible()
    await first.hears_sound(seconds=30)
    await first.at("phone-hangup").click()
    await expect(first.at("echo")).to_be_enabled()
    await first.be_ready()

    async with house.caller("4001", KNOWN["en"][0], sound=CALLERS_TONE) as caller:
        await first.pops("ringing", "customer")
        await first.answer()
        await second.be_ready()
        # Asked, spoken with in turn, and taken back: the colleague is free, and the caller where he was.
        await asks(first, AGENTS["en"], note)
        await second.pops("ringing", "customer")
        await second.shows("transfer-from-note", note)
        await second.shows("pop-customer-name", KNOWN["en"][1])
        await second.answer()
        await first.becomes("consultation", "data-state", "consulted")
        await second.hears_sound(seconds=30)
        await expect(first.at("consult-swap")).to_be_enabled()
        await first.at("consult-swap").click()
        await first.becomes("consultation", "data-state", "caller")
        await caller.audio.hear_sound(30)
        await expect(first.at("consult-back")).to_be_enabled()
        await first.at("consult-back").click()
        await expect(first.at("consultation")).to_have_count(0)
        await second.state_becomes("ready")
        await first.pops("talking", "customer")
        await first.hears_sound(seconds=30)
        # Asked again, and handed over: his work on it is done, hers begins.
        await asks(first, AGENTS["en"], note)
        await second.answer()
        await first.becomes("consultation", "data-state", "consulted")
        await expect(first.at("consult-complete")).to_be_enabled()
        await first.at("consult-complete").click()
        await first.pops("wrap_up")
        await second.becomes("transfer-from", "data-asks", "false")
        await second.pops("talking", "customer")
        interaction_id = await second.interaction_id()
        await first.end_wrap_up()

        await hears_the_supervisor(house, board, second, caller)

        # A word to everybody, each in the language of his own page.
        form = board.at("notice-form")
        await form.locator("textarea").fill("Cake at four 四点有蛋糕")
        await inside(form, "notice-send").click()
        for desk in (first, second):
            await desk.shows("desk-notice", "Cake at four 四点有蛋糕")
            await desk.at("desk-notice-read").click()

        # The page is loaded anew, and the server dies; the talk knows of neither.
        await second.page.reload()
        await second.becomes("phone-status", "data-status", "talking", seconds=30)
        await second.hears_sound(seconds=30)
        await house.kill_server()
        await caller.audio.hear_sound(30)
        await house.start_server()
        await second.becomes("feed-status", "data-status", "live", seconds=30)
        await second.pops("talking", "customer")
        assert await second.interaction_id() == interaction_id
        await second.hears_sound(seconds=30)
        await caller.hang_up()
        await second.state_becomes("wrap_up", seconds=30)
        await second.end_wrap_up()
    await house.quiet()
    record = await (await house.desktop("super")).get(f"/interactions/{interaction_id}")
    talks = record["handling"]["talks"]
    assert [talk["agent_id"] for talk in talks] == [AGENTS["zh"], AGENTS["en"]]
    assert record["agent_id"] == AGENTS["en"]


async def hears_the_supervisor(house: BrowserHouse, board: Board, desk: Desk, caller: Caller) -> None:
    """A supervisor listens, whispers and joins on a phone of his own; what he and the caller hear is measured."""
    async with AgentPhone(server=house.sip, user="boss", sound=BOSSES_TONE, log_dir=house.base / "sip") as boss:
        host, port = boss.address
        row = board.at(f"board-agent-{AGENTS['en']}")
        await row.scroll_into_view_if_needed()
        await inside(row, "agent-open").click()
        await board.at("listen-phone").select_option("address")
        await (
            board.at("listen-address")
            .locator("input")
            .or_(board.at("listen-address"))
            .last.fill(f"sip:boss@{host}:{port}")
        )
        await board.at("listen-listen").click()
        line = await boss.talking(30)
        await board.becomes("listen-bar", "data-state", "live")
        await line.audio.hear_tone(CALLERS_TONE.hertz, share=HEARD)
        await expect(desk.at("desk-listened")).to_be_visible()
        for mode in ("listen", "whisper"):
            if mode == "whisper":
                await board.at("mode-whisper").click()
                await board.becomes("listen-bar", "data-mode", "whisper")
                await line.audio.hear_tone(CALLERS_TONE.hertz, share=HEARD)
            since = time.monotonic()
            await caller.audio.hear_sound(30)
            assert caller.audio.tone_share(BOSSES_TONE.hertz, since) < UNHEARD, mode
        await board.at("mode-barge").click()
        await board.becomes("listen-bar", "data-mode", "barge")
        await caller.audio.hear_tone(BOSSES_TONE.hertz, share=HEARD)
        await board.at("listen-stop").click()
        await line.ended(30)
        await expect(desk.at("desk-listened")).to_have_count(0)
