"""The nightly run of customer values: at its hour by the house's clock, once a night, with any number of servers."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from callcenter.app.values import BY_ITSELF, RunKind, RunState, ValueRun, Values
from callcenter.domain.ids import CustomerId
from callcenter.store.database import Database
from callcenter.store.values import StoredValues
from callcenter.valuing import run_values
from tests.fakes import FakeClock

BERLIN = ZoneInfo("Europe/Berlin")
_IDS = itertools.count(1)


class Worker:
    """Does a run as a server's process would, in this one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        while await run_values(self._database) is not None:
            pass


async def nobody(_: CustomerId) -> None:
    return None


async def none_of(_: Sequence[CustomerId]) -> Sequence[CustomerId]:
    return ()


def server(database: Database, clock: FakeClock) -> Values:
    return Values(
        store=StoredValues(database),
        worker=Worker(database),
        clock=clock,
        timezone=BERLIN,
        new_id=lambda: f"run-{next(_IDS)}",
        interactions=dict,
        show=nobody,
        also=none_of,
    )


async def asked(database: Database) -> list[ValueRun]:
    return list(reversed(await StoredValues(database).runs(limit=100)))


async def nights(database: Database, first: datetime, count: int) -> list[tuple[str, RunKind]]:
    """Two servers look every half hour of so many nights, at the same moment; when which runs were asked for."""
    clock = FakeClock(first)
    servers = [server(database, clock) for _ in range(2)]
    for _ in range(count):
        for _ in range(8):
            await asyncio.gather(*(one.turn() for one in servers))
            clock.advance(timedelta(minutes=30))
        clock.advance(timedelta(hours=20))
    runs = await asked(database)
    assert {(run.asked_by, run.state) for run in runs} == {(BY_ITSELF, RunState.DONE)}
    return [(run.asked_at.astimezone(BERLIN).strftime("%d. %H:%M"), run.kind) for run in runs]


# What is asked for before the first night's hour is the run of the night before: the server is new.
@pytest.mark.parametrize(
    ("first", "wanted"),
    [
        # In the night to the 29th there is no half past two: it is half past three, the same moment.
        (datetime(2026, 3, 28, 0, 0, tzinfo=UTC), ["28. 01:00", "28. 02:30", "29. 03:30", "30. 02:30"]),
        # In the night to the 25th there are two of them: the first counts.
        (datetime(2026, 10, 23, 23, 0, tzinfo=UTC), ["24. 01:00", "24. 02:30", "25. 02:30", "26. 02:30"]),
    ],
)
async def test_it_runs_at_its_hour_once_a_night_when_clocks_change_and_two_servers_look(
    database: Database, first: datetime, wanted: list[str]
) -> None:
    found = await nights(database, first, 3)
    assert [moment for moment, _ in found] == wanted
    assert [kind for _, kind in found] == [RunKind.WHOLE, *[RunKind.CHANGED] * 3]


async def test_of_two_servers_that_decided_at_the_same_moment_one_asks(database: Database) -> None:
    night = datetime(2026, 5, 4, 0, 30, tzinfo=UTC)
    store = StoredValues(database)

    def run(name: str) -> ValueRun:
        return ValueRun(run_id=name, kind=RunKind.WHOLE, asked_at=night, asked_by=BY_ITSELF)

    both = await asyncio.gather(*(store.ask(run(name), unless_since=night) for name in ("a", "b")))
    assert sum(one is not None for one in both) == 1
    # The one's run is over before the other comes to asking.
    await Worker(database).run()
    assert await store.ask(run("c"), unless_since=night) is None
    assert await store.ask(run("d"), unless_since=night + timedelta(days=1)) is not None


async def test_a_server_that_was_down_at_that_hour_catches_up_once(database: Database) -> None:
    clock = FakeClock(datetime(2026, 5, 4, 0, 30, tzinfo=UTC))
    await server(database, clock).turn()
    # It was down from then on for two nights, and comes back in the afternoon.
    clock.advance(timedelta(days=2, hours=12))
    for _ in range(3):
        await server(database, clock).turn()
        clock.advance(timedelta(hours=1))
    assert [run.asked_at for run in await asked(database)] == [
        datetime(2026, 5, 4, 0, 30, tzinfo=UTC),
        datetime(2026, 5, 6, 12, 30, tzinfo=UTC),
    ]


async def test_the_models_are_learnt_anew_each_week(database: Database) -> None:
    clock = FakeClock(datetime(2026, 5, 4, 0, 31, tzinfo=UTC))
    for _ in range(15):
        await server(database, clock).turn()
        clock.advance(timedelta(days=1))
    kinds = [run.kind for run in await asked(database)]
    assert [number for number, kind in enumerate(kinds) if kind is RunKind.WHOLE] == [0, 7, 14]


async def test_what_was_cancelled_this_night_is_left_to_people(database: Database) -> None:
    clock = FakeClock(datetime(2026, 5, 4, 0, 31, tzinfo=UTC))
    store = StoredValues(database)
    run = ValueRun(run_id="mine", kind=RunKind.WHOLE, asked_at=clock.now(), asked_by="super")
    assert await store.ask(run) is not None
    assert await store.cancel("mine", at=clock.now(), by="super")
    await server(database, clock).turn()
    assert [one.state for one in await asked(database)] == [RunState.CANCELLED]
    clock.advance(timedelta(days=1))
    await server(database, clock).turn()
    assert [one.state for one in await asked(database)] == [RunState.CANCELLED, RunState.DONE]
