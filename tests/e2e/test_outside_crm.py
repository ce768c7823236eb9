"""Somebody else's CRM beside the exchange: what it knows is on the screen, it is told of the call, and an agent who may
not see numbers sees none, on no screen and on no telephone.
"""

import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.adapters.example_crm import TOKEN, ExampleCrm, running_crm
from tests.e2e.routing_house import RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

ANI = "+8613800138000"
BUSINESS = """
connectors:
  crm:
    label: {{zh: 客户系统, en: CRM}}
    look_up: "{url}/contacts?phone={{number}}"
    found: {{name: data.0.fullName, class: data.0.tier, id: data.0.id, link: data.0.url}}
    log_calls: "{url}/calls"
    secrets: {{Authorization: "env:CRM_TOKEN"}}
roles:
  agent: {{see_numbers: false}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crm() -> AsyncIterator[ExampleCrm]:
    async with running_crm() as crm:
        yield crm


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(crm: ExampleCrm) -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-crm-", dir="/tmp") as base:
        async with RoutingHouse(
            Path(base),
            queues={"sales": "steps: [{after_seconds: 0, who: 'billing>=1'}]"},
            agents={"1001": "skills: {billing: 5}"},
            rest=BUSINESS.format(url=crm.url),
            environment={"CRM_TOKEN": TOKEN, "CALLCENTER_WEB_SERVICES_PRIVATE_NETWORKS": "127.0.0.0/8"},
        ) as house:
            yield house
            await house.check()


async def test_what_the_crm_knows_is_on_the_screen_and_it_is_told_of_the_call(
    house: RoutingHouse, crm: ExampleCrm
) -> None:
    async with house.agent("1001") as agent, house.dialled("sales", ANI) as caller:
        await agent.talks()
        pop = await agent.desktop.pops(stage="talking")

        def is_known() -> bool:
            shown = agent.desktop.pop
            return shown is not None and [one["state"] for one in shown["external"]] == ["known"]

        await agent.desktop.until(is_known, "what the CRM knows is on the screen", 20)
        assert agent.desktop.pop is not None
        assert agent.desktop.pop["external"][0]["name"] == "王芳 (CRM)"
        assert crm.asked == [ANI]
        await caller.hang_up()

    async def is_told() -> bool:
        return bool(crm.calls)

    await house.until(is_told, "the CRM was told of the call")
    told = crm.calls[0]
    assert told["type"] == "interaction.ended"
    assert pop["interaction_id"] in str(told)
    assert ANI in str(told)


async def test_an_agent_who_may_see_no_numbers_sees_none_on_screen_or_telephone(house: RoutingHouse) -> None:
    async with house.agent("1001") as agent, house.dialled("sales", ANI) as caller:
        call = await agent.talks()
        pop = await agent.desktop.pops(stage="talking")
        assert ANI[1:] not in re.sub(r"\D", "", str(pop["ani"]))
        assert "000" in str(pop["ani"])
        assert not [value for _, value in call.invite.headers if ANI[-8:] in value]
        assert "000" in call.invite.header("from")
        await caller.hang_up()
