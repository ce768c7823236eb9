"""Trunks for real: whom an asserted identity is believed from, and an agent who is rung over a trunk."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.house import STRAIGHT, House
from tests.e2e.phones import Answer
from tests.ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

ASSERTED = "<sip:+442079460000@carrier.example>"
CONFIG = """
[[trunks]]
name = "trusted"
match = ["127.0.0.2"]
trust_asserted_identity = true

[[trunks]]
name = "outside"
match = ["127.0.0.9"]
contact = "sip:127.0.0.3:{port}"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def far_end_port() -> int:
    return free_ports(1, "127.0.0.3")[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(far_end_port: int) -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="cc-trunks-", dir="/tmp") as base:
        environment = {"CALLCENTER_ASTERISK_OUTSIDE_TRUNK": "outside"}
        async with House(Path(base), environment, config=CONFIG.format(port=far_end_port)) as house:
            yield house
            await house.check()


async def test_a_trusted_trunk_s_asserted_identity_is_who_calls(house: House) -> None:
    async with (
        house.agent("1001") as agent,
        house.caller(STRAIGHT, "+8613712345678", asserted_identity=ASSERTED) as caller,
    ):
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert pop["ani"]["e164"] == "+442079460000"
        assert len(pop["customers"]) == 1
        await caller.hang_up()
        await agent.desktop.state_becomes("wrap_up")


async def test_who_withholds_his_number_stays_withheld_though_the_trunk_asserts_it(house: House) -> None:
    async with house.agent("1001") as agent:
        caller = house.caller(STRAIGHT, None, asserted_identity=ASSERTED)
        async with caller:
            await agent.talks()
            pop = await agent.desktop.pops(stage="talking")
            assert pop["ani"]["withheld"] is True
            assert "442079460000" not in str(pop["ani"])
            await caller.hang_up()
            await agent.desktop.state_becomes("wrap_up")


async def test_an_agent_is_rung_at_an_outside_number_over_the_trunk(house: House, far_end_port: int) -> None:
    async with house.phone_at_address("+8613912340000", Answer(), port=far_end_port) as mobile:
        desktop = await house.desktop("1002")
        await desktop.send("PUT", "/agents/me/phone", {"kind": "outside", "address": "+8613912340000"})
        await desktop.set_state("ready")
        async with house.caller(STRAIGHT, "+8613712345678") as caller:
            call = await mobile.talking()
            assert "+8613912340000@" in call.invite.start_line
            await desktop.state_becomes("talking")
            await caller.hang_up()
            await desktop.state_becomes("wrap_up")
        await desktop.send("PUT", "/agents/me/phone", {"kind": "sip"})
        await desktop.sign_out_of_work()
