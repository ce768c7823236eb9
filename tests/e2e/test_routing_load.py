"""Many callers at once by SIPp over two queues of different skills, some of each with priority, and six agents.

Who is offered whom in which order is held to the invariants; here is what they do not say: everybody is served, by
somebody who may.
"""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.invariants import Invariants
from tests.e2e.phones import Answer
from tests.e2e.routing_house import RoutingHouse
from tests.e2e.sipp_phones import CallerLoad

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module")]

CALLERS_A_LINE = {"bills": 9, "urgent_bills": 6, "repairs": 9, "urgent_repairs": 6}
LINES = {"urgent_bills": ("bills", 10), "urgent_repairs": ("repairs", 10)}
QUEUES = {
    "bills": "steps: [{after_seconds: 0, who: 'billing>=5'}, {after_seconds: 3, who: 'or billing>=1'}]",
    "repairs": "skills: {tech: 3}",
}
AGENTS = {
    "1001": "skills: {billing: 8}",
    "1002": "skills: {billing: 2}",
    "1003": "skills: {billing: 6, tech: 4}",
    "1004": "skills: {tech: 9}",
    "1005": "skills: {tech: 3}",
    "1006": "skills: {tech: 6, billing: 1}",
}
MAY_SERVE = {
    "bills": {"1001", "1002", "1003", "1006"},
    "repairs": {"1003", "1004", "1005", "1006"},
}
TALK_SECONDS = 0.4


class LoadHouse(RoutingHouse):
    """A house whose callers are SIPp's."""

    loads: tuple[CallerLoad, ...] = ()

    def invariants(self) -> Invariants:
        """The checker over what is in the database now, with SIPp's callers."""
        calls = [call for load in self.loads for call in load.calls]
        return Invariants(self.database_path, [*self.callers, *calls], self.phones)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[LoadHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-load-", dir="/tmp") as base:
        async with LoadHouse(Path(base), queues=QUEUES, agents=AGENTS, lines=LINES) as house:
            yield house


def load_of(house: LoadHouse, line: str, count: int, name: str) -> CallerLoad:
    """So many who call this line; `name` tells two loads of it apart."""
    number = int(house.number(line)) * 1_000 + len(house.loads) * 100
    return CallerLoad(
        server=house.sip,
        dnis=house.number(line),
        count=count,
        per_second=4,
        anis=[f"+4930{number + caller:07d}" for caller in range(count)],
        log_dir=house.base / "sipp",
        name=f"{name}-{line}",
    )


async def test_many_callers_and_six_agents_each_served_by_who_may_and_in_order(house: LoadHouse) -> None:
    async with AsyncExitStack() as stack:
        for line, count in CALLERS_A_LINE.items():
            load = await stack.enter_async_context(load_of(house, line, count, "first"))
            house.loads = (*house.loads, load)
        await house.waiting("bills", 15, seconds=60)
        await house.waiting("repairs", 15, seconds=60)
        behaviour = Answer(after_seconds=0.05, hang_up_after_seconds=TALK_SECONDS)
        for agent_id in AGENTS:
            await stack.enter_async_context(house.agent(agent_id, behaviour))
        # As many come again while the first are being served.
        for line, count in CALLERS_A_LINE.items():
            load = await stack.enter_async_context(load_of(house, line, count, "second"))
            house.loads = (*house.loads, load)
        for load in house.loads:
            await load.until_ended(load.count, 90)
            assert load.counted("ended-by-server") == load.count
        checker = await house.check()
    assert checker.outcomes() == {"answered": 2 * sum(CALLERS_A_LINE.values())}
    served = Counter((row["queue_id"], row["agent_id"]) for row in checker.interactions())
    wrong = {(queue, agent) for queue, agent in served if agent not in MAY_SERVE[queue]}
    assert not wrong, f"served by who may not: {wrong}"
    assert {agent for _, agent in served} == set(AGENTS), "somebody had nothing to do"
    offers = Counter(event["data"]["outcome"] for event in checker.events("OfferEnded"))
    assert offers == {"answered": 2 * sum(CALLERS_A_LINE.values())}
    priorities = {(row["queue_id"], row["priority"]) for row in checker.interactions()}
    assert priorities == {("bills", 0), ("bills", 10), ("repairs", 0), ("repairs", 10)}
