import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from callcenter.web.desktops import Desktops
from tests.adapters.web_house import CHEN, LI
from tests.fakes import FakeClock, FakeDesk
from tests.patience import PATIENCE_SECONDS

TURNS = 10
"""More turns of the loop than a report with no grace needs."""


class FakeDesktop:
    """A screen that notes when it was taken over."""

    def __init__(self, session_hash: str = "session") -> None:
        self.session_hash = session_hash
        self.taken_over = False

    def take_over(self) -> None:
        self.taken_over = True


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk(FakeClock(), {LI: "李娜", CHEN: "Chen Wei"})


@pytest.fixture
async def desktops(desk: FakeDesk) -> AsyncIterator[Desktops]:
    made = Desktops(desk, timedelta(0))
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def turn() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition is the fake's.
            await asyncio.sleep(0)


async def test_the_desktop_that_was_taken_over_is_not_missed(desktops: Desktops, desk: FakeDesk) -> None:
    first, second = FakeDesktop(), FakeDesktop()
    desktops.sit(LI, first)
    desktops.sit(LI, second)
    assert (first.taken_over, second.taken_over) == (True, False)
    desktops.leave(LI, first, on_purpose=False)
    await turn()
    assert desk.lost == []
    desktops.leave(LI, second, on_purpose=False)
    await until(lambda: desk.lost == [LI])


async def test_sitting_again_at_the_same_desktop_takes_over_nothing(desktops: Desktops) -> None:
    desktop = FakeDesktop()
    desktops.sit(LI, desktop)
    desktops.sit(LI, desktop)
    assert not desktop.taken_over


async def test_who_leaves_on_purpose_is_not_missed(desktops: Desktops, desk: FakeDesk) -> None:
    for agent_id, on_purpose in ((LI, True), (CHEN, False)):
        desktop = FakeDesktop()
        desktops.sit(agent_id, desktop)
        desktops.leave(agent_id, desktop, on_purpose=on_purpose)
    await until(lambda: CHEN in desk.lost)
    await turn()
    assert desk.lost == [CHEN]


async def test_who_returns_within_the_grace_was_never_lost(desk: FakeDesk) -> None:
    desktops = Desktops(desk, timedelta(hours=1))
    running = asyncio.create_task(desktops.run())
    desktops.sit(LI, first := FakeDesktop())
    desktops.leave(LI, first, on_purpose=False)
    desktops.sit(LI, FakeDesktop())
    await turn()
    assert (desk.lost, desk.back) == ([], [])
    assert desktops._absences == {}
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_lost_is_reported_before_back(
    desktops: Desktops, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[str] = []
    slowly = asyncio.Event()

    async def lost(_: object) -> None:
        await slowly.wait()
        reports.append("lost")

    async def back(_: object) -> None:
        reports.append("back")

    monkeypatch.setattr(desk, "desktop_lost", lost)
    monkeypatch.setattr(desk, "desktop_back", back)
    desktops.sit(LI, first := FakeDesktop())
    desktops.leave(LI, first, on_purpose=False)
    await until(lambda: LI in desktops._lost)
    desktops.sit(LI, FakeDesktop())
    await turn()
    slowly.set()
    await until(lambda: len(reports) == 2)
    assert reports == ["lost", "back"]


async def test_a_desktop_of_another_session_is_elsewhere(desktops: Desktops) -> None:
    assert not desktops.is_elsewhere(LI, "mine")
    desktops.sit(LI, FakeDesktop("mine"))
    assert not desktops.is_elsewhere(LI, "mine")
    assert desktops.is_elsewhere(LI, "another")
