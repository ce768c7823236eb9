"""Every shipped flow on real Asterisk: callers who press keys, in both languages, and what comes over the line.

Each prompt is known again by its sound, its order is held to what the flow says, and from the answer to the end there
is no silence of more than two seconds. Who does not need the house for himself calls at the same time as all others,
and a test looks at what became of some of them.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio

from callcenter.store.demo_sales import DEMO_ACCOUNTS
from tests.e2e.ivr_house import SURVEYED, IvrHouse, KeysBy, Walker
from tests.e2e.phones import Answer, Tone
from tests.e2e.sipp_phones import CallerLoad

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

Person = tuple[str, KeysBy]
EVERYBODY: list[Person] = [(language, by) for language in ("zh", "en") for by in ("rfc4733", "info")]
KNOWN_PEOPLE: list[Person] = [("zh", "info"), ("en", "rfc4733")]
LANGUAGE_KEY = {"zh": "1", "en": "2"}
OTHER = {"zh": "en", "en": "zh"}
ACCOUNTS = {"zh": (*DEMO_ACCOUNTS["demo-morning-star"], "70012"), "en": (*DEMO_ACCOUNTS["demo-harbour"], "70015")}
KNOWN = {"zh": "+8613800138000", "en": "+442079460000"}
NAMES = {"zh": "晨星贸易", "en": "Harbour Ltd"}
AT_ONCE = 20
"""So many walk at the same time: their phones are on the same two cores as the exchange."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[IvrHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-ivr-", dir="/tmp") as base:
        async with IvrHouse(Path(base)) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: IvrHouse) -> AsyncIterator[IvrHouse]:
    yield the_house
    await the_house.check()


# ---- ways through the flows, all of them at the same time

Walk = Callable[[Walker], Awaitable[None]]
Look = Callable[[Walker, dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way through a flow and the queue it ends in; `look` is at each record afterwards."""

    flow: str
    walk: Walk
    ends_in: str
    people: Sequence[Person]
    known: bool = False
    sound: Tone | None = None
    look: Look | None = None


WAYS: dict[str, Way] = {}


def way(
    flow: str,
    ends_in: str,
    *,
    people: Sequence[Person] = EVERYBODY,
    known: bool = False,
    sound: Tone | None = None,
    look: Look | None = None,
) -> Callable[[Walk], Walk]:
    """Everybody goes this way: each language, and each way to send keys, unless `people` are named."""

    def add(walk: Walk) -> Walk:
        name = walk.__name__ if walk.__name__ not in WAYS else f"{walk.__name__}_{flow}_{ends_in}"
        WAYS[name] = Way(flow=flow, walk=walk, ends_in=ends_in, people=people, known=known, sound=sound, look=look)
        return walk

    return add


Walked = dict[str, list[Walker | BaseException]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walked(the_house: IvrHouse) -> Walked:
    """What became of everybody on every way."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(way: Way, language: str, keys_by: KeysBy) -> Walker:
        ani = KNOWN[language] if way.known else None
        async with (
            places,
            the_house.walker(way.flow, language=language, keys_by=keys_by, ani=ani, sound=way.sound) as walker,
        ):
            try:
                await way.walk(walker)
            except AssertionError as error:
                error.add_note(f"He speaks {language}, and his keys go by {keys_by}.")
                raise
            if walker.caller.end is None:
                await walker.waits_in(way.ends_in)
                await walker.caller.hang_up()
        return walker

    async def everybody(way: Way) -> list[Walker | BaseException]:
        return await asyncio.gather(*(one(way, *person) for person in way.people), return_exceptions=True)

    return dict(zip(WAYS, await asyncio.gather(*(everybody(way) for way in WAYS.values())), strict=True))


async def choose_language(walker: Walker, flow: str) -> None:
    await walker.hears_both(f"{flow}.welcome", f"{flow}.choose_language")
    await walker.press(LANGUAGE_KEY[walker.language])


async def ended_in(walker: Walker, queue: str) -> dict[str, Any]:
    """He never heard silence, and came to this queue, in his language; his record."""
    assert walker.silences() == [], f"{walker.language}: {walker.listener}"
    record = await walker.record()
    assert (record["queue_id"], record["language"]) == (queue, walker.language)
    return record


def main_menu(key: str, queue: str) -> None:
    """The three ways out of the main menu."""

    async def the_main_menu_leads_where_each_key_says(walker: Walker) -> None:
        await choose_language(walker, "main")
        await walker.hears("main.main_menu", "main.other_language")
        await walker.press(key)
        if queue == "operator":
            await walker.hears("main.one_moment")

    def chose(walker: Walker, record: dict[str, Any]) -> None:
        chosen = walker.events(record["interaction_id"], "MenuChosen")
        assert [(event["node"], event["key"]) for event in chosen] == [("menu", key)]

    way("main", queue, look=chose)(the_main_menu_leads_where_each_key_says)


for _key, _queue in (("1", "sales"), ("2", "support"), ("0", "operator")):
    main_menu(_key, _queue)


@way("main", "sales")
async def nine_changes_the_language_and_back(walker: Walker) -> None:
    await choose_language(walker, "main")
    await walker.hears("main.main_menu", "main.other_language")
    await walker.press("9")
    other = OTHER[walker.language]
    await walker.hears("main.main_menu", "main.other_language", language=other)
    await walker.press("9")
    await walker.hears("main.main_menu")
    await walker.press("1")


@way("main", "operator")
async def wrong_keys_are_told_and_after_the_third_a_person_is_called(walker: Walker) -> None:
    await choose_language(walker, "main")
    for _ in range(2):
        await walker.hears("main.main_menu", "main.other_language")
        await walker.press("7")
        await walker.hears("main.wrong_key")
    await walker.hears("main.main_menu", "main.other_language")
    await walker.press("7")
    await walker.hears("main.one_moment")


@way("main", "operator", people=[("zh", "info"), ("en", "rfc4733")])
async def who_presses_nothing_hears_music_is_asked_again_and_comes_to_a_person(walker: Walker) -> None:
    await choose_language(walker, "main")
    for _ in range(2):
        await walker.hears("main.main_menu", "main.other_language")
        await walker.hears("main.nothing_pressed")
    await walker.hears("main.main_menu", "main.other_language", "main.one_moment")


def not_asked(walker: Walker, record: dict[str, Any]) -> None:
    assert record["interaction_id"]
    assert not any(heard.is_(walker.language, "main.choose_language") for heard in walker.listener.heard())


@way("main", "sales", look=not_asked)
async def keys_typed_ahead_are_not_lost_and_what_they_answer_is_not_said(walker: Walker) -> None:
    await walker.listener.hears("zh", "main.welcome")
    await walker.press(LANGUAGE_KEY[walker.language] + "1")


def named(walker: Walker, record: dict[str, Any]) -> None:
    assert record["interaction_id"]
    said = walker.house.voice.said(walker.language, "main.welcome_by_name")
    assert any(NAMES[walker.language] in text for text in said)


@way("main", "support", people=KNOWN_PEOPLE, known=True, look=named)
async def a_known_caller_is_greeted_by_name_in_his_language(walker: Walker) -> None:
    await walker.hears("main.welcome_by_name", "main.main_menu", "main.other_language")
    await walker.press("2")


def direct_number(flow: str) -> None:
    """Straight to a queue; who is known hears his own language alone."""

    async def a_direct_number_greets_a_known_caller_in_his_language(walker: Walker) -> None:
        await walker.hears(f"{flow}.welcome")

    async def a_direct_number_greets_a_stranger_in_both_languages(walker: Walker) -> None:
        await walker.hears_both(f"{flow}.welcome")

    way(flow, flow, people=KNOWN_PEOPLE, known=True)(a_direct_number_greets_a_known_caller_in_his_language)
    way(flow, flow, people=[("zh", "rfc4733")])(a_direct_number_greets_a_stranger_in_both_languages)


for _flow in ("sales", "support"):
    direct_number(_flow)


def left_a_message(walker: Walker, record: dict[str, Any]) -> None:
    assert record["outcome"] == "message_left"
    assert len(walker.events(record["interaction_id"], "MessageLeft")) == 1


@way("main", "support", sound=Tone(hertz=3_350), look=left_a_message)
async def who_would_rather_leave_a_message_is_led_through_it(walker: Walker) -> None:
    await choose_language(walker, "main")
    await walker.hears("main.main_menu", "main.other_language")
    await walker.press("2")
    asked = ("queue.offer_wait", "queue.offer_callback", "queue.offer_message")
    said = ("queue.queued", "queue.no_agent", "queue.position", "queue.next_in_line", "queue.expected_wait")
    while await walker.hears_one_of(*asked, *said, "queue.busy", "queue.comfort", seconds=30) != asked[-1]:
        pass
    await walker.press("3")
    while await walker.hears_one_of("queue.offer_self_service", "queue.leave_message") != "queue.leave_message":
        pass
    await walker.speaks("support")
    await walker.press("#")
    await walker.hears("queue.message_review")
    await walker.press("1")
    await walker.hears("queue.message_kept")
    assert (await walker.caller.ended(20)).by == "server"


@way("service", "operator")
async def self_service_tells_the_opening_hours_and_leads_to_a_person(walker: Walker) -> None:
    await choose_language(walker, "service")
    await walker.hears("service.menu", "service.other_language")
    await walker.press("3")
    await walker.hears("service.our_hours", "service.opens_again")
    await walker.hears("service.menu", "service.other_language")
    await walker.press("0")
    await walker.hears("service.one_moment")


def typed_a_number_that_fits_nobody(walker: Walker, record: dict[str, Any]) -> None:
    typed = walker.events(record["interaction_id"], "DigitsCollected")
    assert {(event["variable"], event["digits"]) for event in typed} == {("customer_number", "90210"), ("pin", "")}


@way("service", "operator", look=typed_a_number_that_fits_nobody)
async def a_number_that_fits_nobody_is_asked_three_times_and_then_a_person_helps(walker: Walker) -> None:
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


@way("service", "operator")
async def star_leads_back_and_zero_to_a_person_while_he_identifies_himself(walker: Walker) -> None:
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


async def identify(walker: Walker) -> None:
    number, pin, _ = ACCOUNTS[walker.language]
    await walker.hears("identify.ask_number")
    await walker.press(f"{number}#")
    await walker.hears("identify.read_back")
    await walker.press("1")
    await walker.hears("identify.ask_pin")
    await walker.press(f"{pin}#")
    await walker.hears("identify.welcome")


def was_told_what_the_store_says(walker: Walker, record: dict[str, Any]) -> None:
    interaction_id = record["interaction_id"]
    number, _, order = ACCOUNTS[walker.language]
    typed = walker.events(interaction_id, "DigitsCollected")
    assert [(event["variable"], event["digits"]) for event in typed] == [
        ("customer_number", number),
        ("pin", ""),
        ("order_number", order),
    ]
    assert len(walker.events(interaction_id, "CallerVerified")) == 1
    # In each language as people say it.
    words = {"zh": ("七零零一二", "四千零二十元"), "en": ("packed",)}[walker.language]
    said = walker.house.voice.said(walker.language, "service.order_told")
    assert any(all(word in text for word in words) for text in said)
    assert not any("on its way" in text for text in said)


@way("service", "support", look=was_told_what_the_store_says)
async def who_gives_number_and_pin_hears_his_order_and_his_cases(walker: Walker) -> None:
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


@pytest.mark.parametrize("name", WAYS)
async def test_on_this_way_everybody_hears_what_the_flow_says(walked: Walked, house: IvrHouse, name: str) -> None:
    failed = [walker for walker in walked[name] if isinstance(walker, BaseException)]
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} of {len(walked[name])} did not come through", failed)
    for walker in walked[name]:
        assert isinstance(walker, Walker)
        record = await ended_in(walker, WAYS[name].ends_in)
        look = WAYS[name].look
        if look is not None:
            look(walker, record)


# ---- after the talk


async def test_the_survey_is_asked_in_the_caller_s_language_after_his_talk(house: IvrHouse) -> None:
    async def one(language: str, keys_by: KeysBy) -> Walker:
        async with house.walker("main", language=language, keys_by=keys_by) as walker:
            await choose_language(walker, "main")
            await walker.hears("main.main_menu", "main.other_language")
            await walker.press("1")
            # Whatever is said while he waits; then his agent, who hangs up soon.
            while await walker.hears_something() != "survey.invite":
                pass
            await walker.hears("survey.satisfaction")
            await walker.press("7")
            await walker.hears("survey.wrong_key", "survey.satisfaction")
            await walker.press("4")
            await walker.hears("survey.solved")
            await walker.press("1")
            await walker.hears("survey.thanks")
            assert (await walker.caller.ended(20)).by == "server"
        return walker

    async with AsyncExitStack() as stack:
        behaviour = Answer(hang_up_after_seconds=2)
        for number in range(len(EVERYBODY)):
            await stack.enter_async_context(house.agent(str(1001 + number), behaviour))
        walkers = await asyncio.gather(*(one(*person) for person in EVERYBODY))
    for walker in walkers:
        record = await ended_in(walker, SURVEYED)
        assert (record["outcome"], record["hangup_side"]) == ("answered", "agent")
        rows = house.invariants().rows(
            "SELECT * FROM survey_answers WHERE interaction_id = ?", record["interaction_id"]
        )
        assert {row["question"]: row["score"] for row in rows} == {"satisfaction": 4, "solved": 1}


# ---- the server is killed in the middle of a menu


async def crash(house: IvrHouse) -> None:
    """kill -9, and a new server as soon as it can be."""
    await house.kill_server()
    await house.launch_server()
    await house.ready()


async def test_f1_after_a_crash_in_a_menu_he_hears_the_same_node_and_not_the_greeting(house: IvrHouse) -> None:
    async with (
        house.walker("main", language="zh") as one,
        house.walker("main", language="en", keys_by="info") as other,
    ):

        async def to_the_menu(walker: Walker) -> None:
            await choose_language(walker, "main")
            await walker.hears("main.main_menu", "main.other_language")

        async def from_the_menu(walker: Walker) -> None:
            await walker.hears_again("main.main_menu", "main.other_language")
            await walker.press("1")
            await walker.waits_in("sales")
            await walker.caller.hang_up()

        await asyncio.gather(to_the_menu(one), to_the_menu(other))
        await crash(house)
        await asyncio.gather(from_the_menu(one), from_the_menu(other))
    for walker in (one, other):
        record = await ended_in(walker, "sales")
        assert len(walker.events(record["interaction_id"], "FlowStarted")) == 1


async def test_f1_what_he_typed_before_a_crash_is_known_after_it(house: IvrHouse) -> None:
    async def to_the_number(walker: Walker) -> None:
        await choose_language(walker, "service")
        await walker.hears("service.menu", "service.other_language")
        await walker.press("2")
        await walker.hears("identify.ask_number")
        await walker.press(f"{ACCOUNTS[walker.language][0]}#")
        await walker.hears("identify.read_back")

    async def to_the_order(walker: Walker) -> None:
        said_before = house.voice.said(walker.language, "identify.read_back")
        await walker.hears_again("identify.read_back")
        said_after = house.voice.said(walker.language, "identify.read_back")
        assert said_after == said_before, "the same words, digit for digit"
        await walker.press("1")
        await walker.hears("identify.ask_pin")
        await walker.press(f"{ACCOUNTS[walker.language][1]}#")
        await walker.hears("identify.welcome", "service.ask_order")

    async def to_a_person(walker: Walker) -> None:
        await walker.hears_again("service.ask_order")
        await walker.press(f"{ACCOUNTS[walker.language][2]}#")
        await walker.hears("service.order_told", "service.order_due", "service.menu")
        await walker.press("0")
        await walker.hears("service.one_moment")
        await walker.waits_in("operator")
        await walker.caller.hang_up()

    async with (
        house.walker("service", language="zh", keys_by="info") as one,
        house.walker("service", language="en") as other,
    ):
        walkers = (one, other)
        await asyncio.gather(*map(to_the_number, walkers))
        await crash(house)
        await asyncio.gather(*map(to_the_order, walkers))
        # Verified before it, verified after it.
        await crash(house)
        await asyncio.gather(*map(to_a_person, walkers))
    for walker in walkers:
        record = await ended_in(walker, "operator")
        typed = walker.events(record["interaction_id"], "DigitsCollected")
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
