"""The self-service on real Asterisk: who calls proves who he is by number and PIN, and hears what is his.

Every prompt without variables is a tone (prompt_tones.py), so that what the caller hears is told apart by its sound.
"""

import itertools
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callcenter.app.flow_files import read_flows
from callcenter.clock import SystemClock
from callcenter.ivr.reader import Surroundings
from callcenter.store.accounts import TRIES, StoredAccounts
from callcenter.store.database import Database
from callcenter.store.demo_sales import DEMO_ACCOUNTS
from tests.e2e.house import PROJECT, House
from tests.e2e.phones import Caller
from tests.e2e.prompt_tones import Ear, PromptTones

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

SERVICE = "4003"
STRANGER = "+8613712345678"
CUSTOMER = "demo-morning-star"
NUMBER = DEMO_ACCOUNTS[CUSTOMER][0]
PIN = "73519046"
"""As long as a PIN may be: no other number on the disk is this one by chance."""
WRONG = ("40917326", "50827316", "61738295")
LARGEST_FILE = 64 * 1024 * 1024


class ServiceHouse(House):
    """A house whose self-service speaks in tones, and whose customer has a PIN of eight digits."""

    def __init__(self, base: Path) -> None:
        recorded = base / "recorded"
        super().__init__(base, {"CALLCENTER_FLOWS_RECORDED_PROMPTS": str(recorded)})
        texts = {
            name: (PROJECT / "ivr_flows" / name).read_text(encoding="utf-8")
            for name in ("service.yaml", "identify.yaml")
        }
        flows = read_flows(texts, Surroundings(queues=frozenset({"operator", "support"})))
        self.tones = PromptTones(*(flow.prompts for flow in flows.values()))
        self.tones.write(recorded)

    async def set_pin(self) -> None:
        supervisor = await self.desktop("super")
        await supervisor.send("PUT", f"/customers/{CUSTOMER}/numbers/{NUMBER}/pin", {"pin": PIN})

    def ear(self, caller: Caller) -> Ear:
        return Ear(self.tones, caller.audio)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[ServiceHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-service-", dir="/tmp") as base:
        async with ServiceHouse(Path(base)) as house:
            await house.set_pin()
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: ServiceHouse) -> AsyncIterator[ServiceHouse]:
    yield the_house
    await the_house.check()


async def type_keys(caller: Caller, keys: str) -> None:
    for key in keys:
        await caller.press(key)


async def to_cases(caller: Caller, ear: Ear) -> None:
    """In Chinese, to the question for the customer number."""
    await caller.answered()
    await ear.hears("choose_language")
    await caller.press("1")
    await ear.hears("menu")
    await caller.press("1")
    await ear.hears("ask_number")


async def prove(caller: Caller, ear: Ear, pin: str, *, times: int = 1) -> None:
    """Number, yes, PIN."""
    await type_keys(caller, f"{NUMBER}#1")
    await ear.hears("ask_pin", times=times)
    await type_keys(caller, f"{pin}#")


async def record_of(house: ServiceHouse, interaction_id: str) -> dict[str, Any]:
    supervisor = await house.desktop("super")
    found: dict[str, Any] = await supervisor.get(f"/interactions/{interaction_id}")
    return found


def nodes_of(record: dict[str, Any]) -> list[str]:
    return [entry["data"]["node"] for entry in record["timeline"] if entry["name"] == "node_entered"]


def files_with(house: ServiceHouse, needle: str) -> list[str]:
    """Every file the house has written that holds this, not within a longer number; but for the tests' own phones'."""
    found = []
    pattern = re.compile(rb"(?<!\d)" + re.escape(needle).encode() + rb"(?!\d)")
    for path in sorted(house.base.rglob("*")):
        if path.is_file() and "sip" not in path.relative_to(house.base).parts and "sounds" not in path.parts:
            assert path.stat().st_size <= LARGEST_FILE, f"{path} is too large to be looked through"
            if pattern.search(path.read_bytes()):
                found.append(str(path.relative_to(house.base)))
    return found


async def test_number_and_pin_tell_a_stranger_s_telephone_his_cases_and_his_order(house: ServiceHouse) -> None:
    async with house.agent("1010") as agent, house.caller(SERVICE, STRANGER) as caller:
        ear = house.ear(caller)
        await to_cases(caller, ear)
        await prove(caller, ear, PIN)
        await ear.hears("case_choices")
        await caller.press("1")
        await ear.hears("last_case")
        await ear.hears("menu", times=2)
        await caller.press("2")
        await ear.hears("ask_order")
        await type_keys(caller, "70012#")
        await ear.hears("menu", times=3)
        await caller.press("0")
        await ear.hears("one_moment")
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["ani"]["e164"] == STRANGER
        assert [shown["customer_id"] for shown in pop["customers"]] == [CUSTOMER]
        assert pop["customers"][0]["numbers"] == [{"number": NUMBER, "has_pin": True}]
        assert pop["customer_id"] == CUSTOMER
        assert pop["queue"]["queue_id"] == "operator"
        await caller.hang_up()
        await agent.desktop.state_becomes("wrap_up")
        await agent.desktop.end_wrap_up("ready")
    # A packet that came late may part a tone in two.
    heard = [prompt for prompt, _ in itertools.groupby(ear.heard()) if prompt != "other_language"]
    assert heard == [
        "welcome",
        "choose_language",
        "menu",
        "ask_number",
        "ask_pin",
        "case_choices",
        "last_case",
        "menu",
        "ask_order",
        "menu",
        "one_moment",
    ]
    await house.quiet()
    record = await record_of(house, pop["interaction_id"])
    assert record["customer_id"] == CUSTOMER
    walked = nodes_of(record)
    for told in ("how_many_cases", "tell_case", "tell_order"):
        assert told in walked, walked
    assert "no_order" not in walked
    assert NUMBER in str(record["timeline"])
    assert PIN not in str(record)


async def test_three_wrong_pins_lead_to_a_person_who_sees_nobody_s_card(house: ServiceHouse) -> None:
    async with house.agent("1010") as agent, house.caller(SERVICE, STRANGER) as caller:
        ear = house.ear(caller)
        await to_cases(caller, ear)
        for turn, pin in enumerate(WRONG, start=1):
            await prove(caller, ear, pin, times=turn)
            if turn < len(WRONG):
                await ear.hears("not_right", times=turn)
                await ear.hears("ask_number", times=turn + 1)
        await ear.hears("too_often")
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["customers"] == []
        assert pop["customer_id"] is None
        assert pop["verified"] is False
        await caller.hang_up()
        await agent.desktop.state_becomes("wrap_up")
        await agent.desktop.end_wrap_up("ready")
    assert "case_choices" not in ear.heard()


async def test_ten_wrong_pins_over_two_servers_lock_the_number_until_a_supervisor_unlocks_it(
    house: ServiceHouse,
) -> None:
    supervisor = await house.desktop("super")
    address = f"/customers/{CUSTOMER}/numbers"
    (before,) = (await supervisor.get(address))["items"]
    database = Database(house.settings.database_url)
    other_server = StoredAccounts(database, clock=SystemClock())
    try:
        for _ in range(TRIES - before["failures"] - 1):
            assert await other_server.by_number_and_pin(NUMBER, WRONG[0]) is None
        async with house.caller(SERVICE, STRANGER) as caller:
            ear = house.ear(caller)
            await to_cases(caller, ear)
            await prove(caller, ear, WRONG[1])
            await ear.hears("not_right")
            (locked,) = (await supervisor.get(address))["items"]
            assert (locked["failures"], locked["locked_until"] is not None) == (TRIES, True)
            # The right one is as good as a wrong one now, here and at the other server.
            await ear.hears("ask_number", times=2)
            await prove(caller, ear, PIN, times=2)
            await ear.hears("not_right", times=2)
            assert await other_server.by_number_and_pin(NUMBER, PIN) is None
            await supervisor.send("DELETE", f"{address}/{NUMBER}/lock", None)
            await ear.hears("ask_number", times=3)
            await prove(caller, ear, PIN, times=3)
            await ear.hears("case_choices")
            await caller.hang_up()
    finally:
        other_server.close()
        await database.dispose()
    await house.quiet()


async def test_no_pin_that_was_typed_is_anywhere_on_the_disk(house: ServiceHouse) -> None:
    """Right and wrong ones: database, write-ahead log, journal, logs of server and exchange."""
    await house.quiet()
    assert files_with(house, CUSTOMER)
    assert files_with(house, NUMBER)
    for pin in (PIN, *WRONG):
        assert files_with(house, pin) == [], pin
    server = house.log_path.read_text(encoding="utf-8")
    assert '"log_level"' in server or '"level"' in server
    for path in house.base.glob("asterisk/log/*"):
        if path.is_file():
            assert b"DTMF" not in path.read_bytes(), f"{path} has keys one by one"
