"""Every shipped flow on real Asterisk: callers who press keys, in both languages, and what comes over the line.

Each prompt is known again by its sound, its order is held to what the flow says, and from the answer to the end there
is no silence of more than two seconds.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio

from callcenter.store.demo_sales import DEMO_ACCOUNTS
from tests.e2e.ivr_house import IvrHouse, KeysBy, Walker
from tests.e2e.sipp_phones import CallerLoad

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

Person = tuple[str, KeysBy]
EVERYBODY: list[Person] = [(language, by) for language in ("zh", "en") for by in ("rfc4733", "info")]
LANGUAGE_KEY = {"zh": "1", "en": "2"}
OTHER = {"zh": "en", "en": "zh"}
ACCOUNTS = {"zh": (*DEMO_ACCOUNTS["demo-morning-star"], "70012"), "en": (*DEMO_ACCOUNTS["demo-harbour"], "70015")}
KNOWN = {"zh": "+8613800138000", "en": "+442079460000"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[IvrHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-ivr-", dir="/tmp") as base:
        async with IvrHouse(Path(base)) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: IvrHouse) -> AsyncIterator[IvrHouse]:
    yield the_house
    await the_house.check()


async def each(
    house: IvrHouse, flow: str, walk: Callable[[Walker], Awaitable[None]], people: Sequence[Person] = EVERYBODY
) -> list[Walker]:
    """Everybody walks at once: each language, and each way to send keys."""

    async def one(language: str, keys_by: KeysBy) -> Walker:
        async with house.walker(flow, language=language, keys_by=keys_by) as walker:
            await walk(walker)
            await walker.caller.hang_up()
        return walker

    return await asyncio.gather(*(one(*person) for person in people))


async def choose_language(walker: Walker, flow: str) -> None:
    await walker.hears_both(f"{flow}.welcome", f"{flow}.choose_language")
    await walker.press(LANGUAGE_KEY[walker.language])


async def waits_in(walker: Walker, queue: str) -> None:
    """He is in the queue, and hears something there for a while."""

    async def is_there() -> bool:
        rows = walker.house.invariants().interactions()
        return any(row["ani_e164"] == walker.caller.ani and row["queue_id"] == queue for row in rows)

    await walker.house.until(is_there, f"{walker.caller.ani} waits in {queue}")
    since = asyncio.get_running_loop().time()
    await walker.caller.dialog.until(
        lambda: bool(walker.caller.audio.heard) and walker.caller.audio.heard[-1].at > since + 3,
        10,
        "nothing more came",
    )


async def ended_in(walkers: list[Walker], queue: str) -> None:
    """Nobody ever heard silence; each came to this queue, in his language."""
    for walker in walkers:
        assert walker.silences() == [], f"{walker.language}: {walker.listener}"
        record = await walker.record()
        assert (record["queue_id"], record["language"]) == (queue, walker.language)


@pytest.mark.parametrize(("key", "queue"), [("1", "sales"), ("2", "support"), ("0", "operator")])
async def test_the_main_menu_leads_where_each_key_says(house: IvrHouse, key: str, queue: str) -> None:
    async def walk(walker: Walker) -> None:
        await choose_language(walker, "main")
        await walker.hears("main.main_menu", "main.other_language")
        await walker.press(key)
        if queue == "operator":
            await walker.hears("main.one_moment")
        await waits_in(walker, queue)

    walkers = await each(house, "main", walk)
    await ended_in(walkers, queue)
    for walker in walkers:
        chosen = walker.events((await walker.record())["interaction_id"], "MenuChosen")
        assert [(event["node"], event["key"]) for event in chosen] == [("menu", key)]


async def test_nine_changes_the_language_and_back(house: IvrHouse) -> None:
    async def walk(walker: Walker) -> None:
        await choose_language(walker, "main")
        await walker.hears("main.main_menu", "main.other_language")
        await walker.press("9")
        other = OTHER[walker.language]
        await walker.hears("main.main_menu", "main.other_language", language=other)
        await walker.press("9")
        await walker.hears("main.main_menu")
        await walker.press("1")
        await waits_in(walker, "sales")

    await ended_in(await each(house, "main", walk), "sales")


async def test_wrong_keys_are_told_and_after_the_third_a_person_is_called(house: IvrHouse) -> None:
    async def walk(walker: Walker) -> None:
        await choose_language(walker, "main")
        for _ in range(2):
            await walker.hears("main.main_menu", "main.other_language")
            await walker.press("7")
            await walker.hears("main.wrong_key")
        await walker.hears("main.main_menu", "main.other_language")
        await walker.press("7")
        await walker.hears("main.one_moment")
        await waits_in(walker, "operator")

    await ended_in(await each(house, "main", walk), "operator")


async def test_who_presses_nothing_hears_music_is_asked_again_and_comes_to_a_person(house: IvrHouse) -> None:
    async def walk(walker: Walker) -> None:
        await choose_language(walker, "main")
        for _ in range(2):
            await walker.hears("main.main_menu", "main.other_language")
            await walker.hears("main.nothing_pressed")
        await walker.hears("main.main_menu", "main.other_language", "main.one_moment")
        await waits_in(walker, "operator")

    await ended_in(await each(house, "main", walk, [("zh", "info"), ("en", "rfc4733")]), "operator")


async def test_keys_typed_ahead_are_not_lost_and_what_they_answer_is_not_said(house: IvrHouse) -> None:
    async def walk(walker: Walker) -> None:
        await walker.listener.hears("zh", "main.welcome")
        await walker.press(LANGUAGE_KEY[walker.language] + "1")
        await waits_in(walker, "sales")
        assert not any(heard.is_(walker.language, "main.choose_language") for heard in walker.listener.heard())

    await ended_in(await each(house, "main", walk), "sales")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_known_caller_is_greeted_by_name_in_his_language(house: IvrHouse, language: str) -> None:
    async with house.walker("main", language=language, ani=KNOWN[language]) as walker:
        await walker.hears("main.welcome_by_name", "main.main_menu", "main.other_language")
        await walker.press("2")
        await waits_in(walker, "support")
        await walker.caller.hang_up()
    await ended_in([walker], "support")
    name = {"zh": "晨星贸易", "en": "Harbour Ltd"}[language]
    assert any(name in text for text in house.voice.said(language, "main.welcome_by_name"))


@pytest.mark.parametrize("flow", ["sales", "support"])
async def test_a_direct_number_greets_and_leads_to_its_queue(house: IvrHouse, flow: str) -> None:
    async with house.walker(flow, language="zh") as walker:
        await walker.hears_both(f"{flow}.welcome")
        await waits_in(walker, flow)
        await walker.caller.hang_up()
    await ended_in([walker], flow)


async def test_self_service_tells_the_opening_hours_and_leads_to_a_person(house: IvrHouse) -> None:
    async def walk(walker: Walker) -> None:
        await choose_language(walker, "service")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("3")
        await walker.hears("service.our_hours", "service.opens_again")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("0")
        await walker.hears("service.one_moment")
        await waits_in(walker, "operator")

    await ended_in(await each(house, "service", walk), "operator")


async def test_a_number_that_fits_nobody_is_asked_three_times_and_then_a_person_helps(house: IvrHouse) -> None:
    async def walk(walker: Walker) -> None:
        await choose_language(walker, "service")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("1")
        for attempt in range(3):
            await walker.hears("identify.ask_number")
            await walker.press("90210#")
            await walker.hears("identify.read_back")
            await walker.press("1")
            await walker.hears("identify.ask_pin")
            await walker.press("2468#")
            ends = (
                ("identify.not_right", "identify.unavailable")
                if attempt < 2
                else ("identify.too_often", "identify.unavailable")
            )
            if await walker.hears_one_of(*ends) == "identify.unavailable":
                break
        await waits_in(walker, "operator")

    walkers = await each(house, "service", walk)
    await ended_in(walkers, "operator")
    for walker in walkers:
        typed = walker.events((await walker.record())["interaction_id"], "DigitsCollected")
        assert {(event["variable"], event["digits"]) for event in typed} == {("customer_number", "90210"), ("pin", "")}


async def test_star_leads_back_and_zero_to_a_person_while_he_identifies_himself(house: IvrHouse) -> None:
    async def walk(walker: Walker) -> None:
        await choose_language(walker, "service")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("2")
        await walker.hears("identify.ask_number")
        await walker.press("*")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("2")
        await walker.hears("identify.ask_number")
        await walker.press("777*4711#")
        await walker.hears("identify.read_back")
        await walker.press("2")
        await walker.hears("identify.ask_number")
        await walker.press("0#")
        await waits_in(walker, "operator")

    await ended_in(await each(house, "service", walk), "operator")


async def identify(walker: Walker) -> None:
    number, pin, _ = ACCOUNTS[walker.language]
    await walker.hears("identify.ask_number")
    await walker.press(f"{number}#")
    await walker.hears("identify.read_back")
    await walker.press("1")
    await walker.hears("identify.ask_pin")
    await walker.press(f"{pin}#")
    await walker.hears("identify.welcome")


async def test_who_gives_number_and_pin_hears_his_order_and_his_cases(house: IvrHouse) -> None:
    async def walk(walker: Walker) -> None:
        await choose_language(walker, "service")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("2")
        await identify(walker)
        await walker.hears("service.ask_order")
        await walker.press(f"{ACCOUNTS[walker.language][2]}#")
        await walker.hears("service.order_told", "service.order_due", "service.menu", "service.other_language")
        # He is known for certain now, and asked for nothing again.
        await walker.press("1")
        await walker.hears("service.how_many_cases")
        while await walker.hears_one_of("service.case_told", "service.last_case") == "service.case_told":
            await walker.hears("service.case_choices")
            await walker.press("1")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("1")
        await walker.hears("service.how_many_cases", "service.case_told", "service.case_choices")
        await walker.press("2")
        await walker.hears("service.one_moment")
        await waits_in(walker, "support")

    walkers = await each(house, "service", walk)
    await ended_in(walkers, "support")
    for walker in walkers:
        interaction_id = (await walker.record())["interaction_id"]
        number, _, order = ACCOUNTS[walker.language]
        typed = walker.events(interaction_id, "DigitsCollected")
        assert [(e["variable"], e["digits"]) for e in typed] == [
            ("customer_number", number),
            ("pin", ""),
            ("order_number", order),
        ]
        assert len(walker.events(interaction_id, "CallerVerified")) == 1
    # What was said is what the store says, in each language as people say it.
    assert any("七零零一二" in text and "四千零二十元" in text for text in house.voice.said("zh", "service.order_told"))
    assert any("on its way" not in text and "packed" in text for text in house.voice.said("en", "service.order_told"))


# ---- the server is killed in the middle of a menu


async def crash(house: IvrHouse) -> None:
    """kill -9, and a new server as soon as it can be."""
    await house.kill_server()
    await house.launch_server()
    await house.ready()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_f1_after_a_crash_in_a_menu_he_hears_the_same_node_and_not_the_greeting(
    house: IvrHouse, language: str
) -> None:
    async with house.walker("main", language=language) as walker:
        await choose_language(walker, "main")
        await walker.hears("main.main_menu", "main.other_language")
        await crash(house)
        await walker.hears_again("main.main_menu", "main.other_language")
        await walker.press("1")
        await waits_in(walker, "sales")
        await walker.caller.hang_up()
    await ended_in([walker], "sales")
    interaction_id = (await walker.record())["interaction_id"]
    assert len(walker.events(interaction_id, "FlowStarted")) == 1


async def test_f1_what_he_typed_before_a_crash_is_known_after_it(house: IvrHouse) -> None:
    async with house.walker("service", language="zh") as walker:
        number, pin, order = ACCOUNTS["zh"]
        await choose_language(walker, "service")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("2")
        await walker.hears("identify.ask_number")
        await walker.press(f"{number}#")
        await walker.hears("identify.read_back")
        said_before = house.voice.said("zh", "identify.read_back")
        await crash(house)
        await walker.hears_again("identify.read_back")
        assert house.voice.said("zh", "identify.read_back") == said_before, "the same words, digit for digit"
        await walker.press("1")
        await walker.hears("identify.ask_pin")
        await walker.press(f"{pin}#")
        await walker.hears("identify.welcome", "service.ask_order")
        # Verified before it, verified after it.
        await crash(house)
        await walker.hears_again("service.ask_order")
        await walker.press(f"{order}#")
        await walker.hears("service.order_told", "service.order_due", "service.menu")
        await walker.press("0")
        await walker.hears("service.one_moment")
        await waits_in(walker, "operator")
        await walker.caller.hang_up()
    await ended_in([walker], "operator")
    typed = walker.events((await walker.record())["interaction_id"], "DigitsCollected")
    assert [event["variable"] for event in typed] == ["customer_number", "pin", "order_number"]


# ---- SIPp, whose signalling and keys are nobody's of ours

SIPP_WALKS = {
    "main": ("1", ["greet", "greet_everyone", "ask_language", "menu", "to_sales"], "sales"),
    "service": ("0", ["greet", "ask_language", "menu", "to_person"], "operator"),
}


@pytest.mark.parametrize("flow", sorted(SIPP_WALKS))
async def test_sipp_s_keys_lead_through_a_flow_as_well(house: IvrHouse, flow: str) -> None:
    last_key, nodes, queue = SIPP_WALKS[flow]

    async def one(number: int, language: str, keys_by: KeysBy) -> None:
        ani = f"+49308{number:06d}"
        keys: list[tuple[Literal["wait"], float] | tuple[Literal["key"], str]] = [
            ("wait", 1.0), ("key", LANGUAGE_KEY[language]), ("wait", 1.0), ("key", last_key)
        ]  # fmt: skip
        load = CallerLoad(
            server=house.sip,
            dnis=house.number(flow),
            count=1,
            per_second=1,
            anis=[ani],
            keys=keys,
            keys_by=keys_by,
            log_dir=house.base / "sipp",
            name=f"{flow}-{language}-{keys_by}",
        )
        house.loads.append(load)
        async with load:
            await load.until_up(1)
            await house.invariants_say(
                lambda checker: any(
                    row["ani_e164"] == ani and row["queue_id"] == queue for row in checker.interactions()
                )
            )
        rows = [row for row in house.invariants().interactions() if row["ani_e164"] == ani]
        entered = house.invariants().events("NodeEntered")
        assert [e["data"]["node"] for e in entered if e["interaction_id"] == rows[0]["interaction_id"]] == nodes
        assert rows[0]["language"] == language

    people = [person for person in EVERYBODY if person[1] == "info" or os.geteuid() == 0]
    base = sorted(SIPP_WALKS).index(flow) * 10
    await asyncio.gather(*(one(base + number, *person) for number, person in enumerate(people)))
