"""Figures are answered at once with what is kept, counted one at a time in the background, and tell how far that is."""

import asyncio
from datetime import timedelta

import pytest

from callcenter.app.management_counts import MOST_JOBS, CountedFigures, ManagementCounts, Told
from callcenter.domain.errors import CallcenterError, Conflict
from tests.fakes import FakeClock


class Shelf:
    """Keeps figures in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, CountedFigures] = {}

    async def find(self, key: str) -> CountedFigures | None:
        return self.kept.get(key)

    async def keep(self, key: str, counted: CountedFigures) -> None:
        self.kept[key] = counted


class Count:
    """A count that ends when it is let."""

    def __init__(self, figures: bytes = b"1") -> None:
        self.figures = figures
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.times = 0
        self.error: CallcenterError | None = None

    async def __call__(self, told: Told) -> bytes:
        self.times += 1
        told(0.25)
        self.begun.set()
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return self.figures


def counts(shelf: Shelf, clock: FakeClock, patience: timedelta = timedelta(0)) -> ManagementCounts:
    return ManagementCounts(kept=shelf, clock=clock, patience=patience)


async def test_who_asks_first_is_told_how_far_it_is_and_the_next_gets_the_figures() -> None:
    shelf, clock, count = Shelf(), FakeClock(), Count()
    book = counts(shelf, clock)
    reading = await book.read("a", "rules 1", count)
    await count.begun.wait()
    assert reading.counted is None
    assert (await book.read("a", "rules 1", count)).counting == 0.25
    count.may_end.set()
    last = await book.read("a", "rules 1", count, to_the_end=True)
    assert last.counted is not None
    assert (last.counted.figures, last.counted.counted_at, last.counting) == (b"1", clock.now(), None)
    assert count.times == 1
    assert shelf.kept["a"] == last.counted


def slowly(clock: FakeClock, *, basis: str = "rules 1", figures: bytes = b"old") -> CountedFigures:
    return CountedFigures(counted_at=clock.now(), took=timedelta(seconds=6), basis=basis, figures=figures)


async def test_slow_figures_stay_as_long_as_they_are_fresh_and_are_shown_while_they_are_counted_anew() -> None:
    shelf, clock, count = Shelf(), FakeClock(), Count(b"new")
    shelf.kept["a"] = slowly(clock)
    book = counts(shelf, clock)
    clock.advance(timedelta(minutes=9))
    assert (await book.read("a", "rules 1", count)).counting is None
    clock.advance(timedelta(minutes=2))
    shown = await book.read("a", "rules 1", count)
    assert (shown.counted, shown.counting is None) == (shelf.kept["a"], False)
    count.may_end.set()
    anew = await book.read("a", "rules 1", count, to_the_end=True)
    assert (anew.counted, anew.counting) == (shelf.kept["a"], None)
    assert shelf.kept["a"].figures == b"new"


async def test_other_rules_and_a_wish_make_them_counted_anew() -> None:
    shelf, clock, count = Shelf(), FakeClock(), Count(b"new")
    count.may_end.set()
    shelf.kept["a"], shelf.kept["b"] = slowly(clock), slowly(clock)
    book = counts(shelf, clock)
    for reading in (
        await book.read("a", "rules 2", count, to_the_end=True),
        await book.read("b", "rules 1", count, anew=True, to_the_end=True),
    ):
        assert reading.counted is not None
        assert reading.counted.figures == b"new"


async def test_what_is_counted_quickly_is_counted_each_time() -> None:
    shelf, clock, count = Shelf(), FakeClock(), Count()
    count.may_end.set()
    shelf.kept["a"] = CountedFigures(counted_at=clock.now(), took=timedelta(0), basis="", figures=b"old")
    await counts(shelf, clock).read("a", "", count, to_the_end=True)
    assert count.times == 1


async def test_a_failure_is_told_once_and_then_it_is_tried_again() -> None:
    shelf, clock, count = Shelf(), FakeClock(), Count()
    book = counts(shelf, clock)
    count.error = CallcenterError("the database is away")
    await book.read("a", "", count)
    count.may_end.set()
    with pytest.raises(CallcenterError, match="the database is away"):
        await book.read("a", "", count, to_the_end=True)
    count.error = None
    assert (await book.read("a", "", count, to_the_end=True)).counted is not None


async def test_one_count_runs_at_a_time_many_wait_and_too_many_are_refused() -> None:
    shelf, clock, first, others = Shelf(), FakeClock(), Count(), Count()
    book = counts(shelf, clock)
    owner = asyncio.create_task(book.run())
    await book.read("first", "", first)
    for number in range(MOST_JOBS - 1):
        await book.read(str(number), "", others)
    await first.begun.wait()
    assert others.times == 0
    with pytest.raises(Conflict) as caught:
        await book.read("one too many", "", others)
    assert caught.value.code == "too_many_counts"
    owner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owner
    assert others.times == 0
