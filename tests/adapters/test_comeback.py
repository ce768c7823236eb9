"""Fifty desktops that are cut at once: all come back by themselves, and nobody has missed anything."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.adapters.feed_desktop import Desktop, happen, hire, truth
from tests.adapters.web_house import WebHouse, furnish, serving

pytestmark = pytest.mark.timed

DESKTOPS = 50
WITHIN_SECONDS = 120


@contextlib.asynccontextmanager
async def working(house: WebHouse, port: int) -> AsyncGenerator[list[Desktop]]:
    """All desktops are connected, and go on coming back."""
    hired = await hire(house, DESKTOPS)
    desktops = [Desktop(port=port, token=token, agent_id=agent_id) for agent_id, token in hired]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.run()) for one in desktops]
        await all_live(desktops)
        yield desktops
        for task in tasks:
            task.cancel()


async def all_live(desktops: list[Desktop]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        await asyncio.gather(*(one.live.wait() for one in desktops))


async def all_know(house: WebHouse, desktops: list[Desktop], last: int) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while any(one.numbers[-1:] != [last] for one in desktops):  # noqa: ASYNC110 - of fifty sockets, not of an event.
            await asyncio.sleep(0.02)
    assert [one.agent_id for one in desktops if one.picture != truth(house, one.agent_id)] == []


@pytest.mark.parametrize("silently", [False, True], ids=["reset", "the server is not told"])
async def test_desktops_that_are_cut_at_once_come_back_and_have_missed_nothing(tmp_path: Path, silently: bool) -> None:
    with furnish(tmp_path) as house:
        async with serving(house) as port, working(house, port) as desktops:
            hired = [(one.agent_id, one.token) for one in desktops]
            for number in range(100):
                happen(house, hired, number)
            for one in desktops:
                one.cut(silently=silently)
            for number in range(100, 200):
                happen(house, hired, number)
            await all_live(desktops)
            happen(house, hired, 200)
            await all_know(house, desktops, 200)
            assert [one.numbers for one in desktops] == [list(range(201))] * DESKTOPS
            assert {one.snapshots for one in desktops} == {1}, "each went on from where it was"
            assert house.desk.lost == []


async def test_desktops_of_a_server_whose_past_is_gone_come_back_to_the_truth(tmp_path: Path) -> None:
    with furnish(tmp_path) as house:
        async with serving(house) as port, working(house, port) as desktops:
            hired = [(one.agent_id, one.token) for one in desktops]
            for number in range(100):
                happen(house, hired, number)
            for one in desktops:
                one.cut()
            happen(house, hired, 100)
            house.feed.forget_past()
            await all_live(desktops)
            happen(house, hired, 101)
            await all_know(house, desktops, 101)
            assert {one.snapshots for one in desktops} == {2}
