"""What a waiting caller hears, and when; and that what he was promised is kept, or that he hears that it is not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.estimate import LONGEST, NO_WAIT, Prediction
from callcenter.acd.treatment import QUESTION_INTERVAL, Announcement, Treatment, announcement_interval, treat
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.domain.waits import MINUTES_SAID, WaitRange, said_of

A = Announcement
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUEUE = QueueConfig(queue_id=QueueId("sales"), label=Label(zh="销售", en="Sales"))
MINUTE = timedelta(minutes=1)


def minutes(low: float, expected: float, high: float) -> Prediction:
    return Prediction(expected=expected * MINUTE, low=low * MINUTE, high=high * MINUTE)


def told(
    *,
    waited_seconds: float = 40,
    position: int = 3,
    forecast: Prediction | None = minutes(1.2, 2.5, 4.5),  # noqa: B008  It is frozen.
    being_offered: bool = False,
    announced_seconds_ago: float | None = None,
    announced_position: int | None = None,
    announced_wait: timedelta | None = None,
    queue: QueueConfig = QUEUE,
) -> Treatment:
    return treat(
        queue,
        waited=timedelta(seconds=waited_seconds),
        position=position,
        forecast=lambda: forecast,
        being_offered=being_offered,
        announced_at=None if announced_seconds_ago is None else NOW - timedelta(seconds=announced_seconds_ago),
        announced_position=announced_position,
        announced_wait=announced_wait,
        now=NOW,
    )


def asked(forecast: Prediction | None) -> Callable[[], Prediction | None]:
    """What the picture answers when it is asked."""
    return lambda: forecast


def later(forecast: Prediction, promised: timedelta, *, seconds_ago: float = 60, position: int = 3) -> Treatment:
    """What somebody hears who was told something before, of the place 3."""
    return told(
        waited_seconds=seconds_ago,
        position=position,
        forecast=forecast,
        announced_seconds_ago=seconds_ago,
        announced_position=3,
        announced_wait=promised,
    )


def test_the_first_words_wait_a_moment_in_case_an_agent_is_free() -> None:
    assert told(waited_seconds=0) == Treatment(music=QUEUE.announce_first_after)


def test_a_caller_who_is_told_something_only_late_asks_in_between() -> None:
    # What a step says, and where a rule of the queue sends him, must not wait for the first announcement.
    late = replace(QUEUE, announce_first_after=timedelta(minutes=10))
    assert told(queue=late, waited_seconds=0).music == QUESTION_INTERVAL
    assert told(queue=late, waited_seconds=598).music == timedelta(seconds=2)


def test_place_and_wait_are_told_after_that_moment() -> None:
    first = told(waited_seconds=1)
    assert first.say == (A.POSITION, A.EXPECTED_WAIT)
    assert (first.position, first.wait) == (3, WaitRange(low_minutes=1, high_minutes=5))
    assert first.promise == 5 * MINUTE


def test_who_is_first_is_told_that_he_is_next() -> None:
    assert told(position=1).say[0] is A.NEXT_IN_LINE


def test_a_wait_whose_end_nobody_sees_is_told_as_more_than_its_least() -> None:
    treatment = told(forecast=minutes(33, 60, 100))
    assert treatment.wait == WaitRange(low_minutes=30, high_minutes=None)
    assert treatment.promise == 100 * MINUTE


def test_the_wait_is_told_again_only_when_it_ends_no_later_than_was_promised() -> None:
    sooner = later(minutes(1.5, 2, 2.9), 5 * MINUTE)
    assert (sooner.say, sooner.promise) == ((A.EXPECTED_WAIT,), 3 * MINUTE)
    # Four of five minutes are left, and "two to five" would be too much.
    same = later(minutes(2, 2.5, 3.5), 5 * MINUTE)
    assert (same.say, same.wait, same.promise) == ((A.COMFORT,), None, 4 * MINUTE)


def test_a_better_place_is_told_without_a_wait_that_would_break_the_promise() -> None:
    treatment = later(minutes(2, 2.5, 3.5), 5 * MINUTE, position=2)
    assert (treatment.say, treatment.position, treatment.promise) == ((A.POSITION,), 2, 4 * MINUTE)


def test_a_worse_place_is_told_as_such() -> None:
    assert later(minutes(2, 2.5, 3.5), 5 * MINUTE, position=4).say == (A.MOVED_BACK,)


def test_who_will_wait_longer_than_promised_by_a_minute_and_a_quarter_hears_so() -> None:
    # One minute is left of two.
    assert later(minutes(0.5, 1.9, 4), 2 * MINUTE).say == (A.COMFORT,)
    longer = later(minutes(1.2, 2.1, 4), 2 * MINUTE)
    assert (longer.say, longer.wait, longer.promise) == (
        (A.LONGER_WAIT,),
        WaitRange(low_minutes=1, high_minutes=5),
        5 * MINUTE,
    )
    # Of twenty minutes left, two more are no news.
    assert later(minutes(15, 22, 30), 21 * MINUTE).say == (A.COMFORT,)
    assert later(minutes(15, 25.1, 40), 21 * MINUTE).say == (A.LONGER_WAIT,)


def test_when_the_promise_is_used_up_it_is_a_matter_of_moments_once() -> None:
    soon = later(minutes(0, 0.4, 1), MINUTE)
    assert (soon.say, soon.promise) == ((A.SOON,), timedelta())
    assert later(minutes(0, 0.4, 1), timedelta()).say == (A.COMFORT,)
    assert later(minutes(0, 0.4, 1), timedelta()).promise == timedelta()
    assert later(minutes(0.5, 1.5, 3), timedelta()).say == (A.LONGER_WAIT,)


def test_between_announcements_there_is_music_only_and_it_ends_when_the_next_is_due() -> None:
    treatment = told(waited_seconds=29, announced_seconds_ago=27, announced_position=3)
    assert treatment == Treatment(music=timedelta(seconds=3))


def test_announcements_come_less_and_less_often() -> None:
    at, gaps = timedelta(seconds=1), []
    for _ in range(9):
        gap = announcement_interval(QUEUE, at)
        gaps.append(gap.total_seconds())
        at += gap
    assert gaps == [30, 45, 60, 75, 90, 105, 120, 120, 120]


def test_with_nobody_at_work_no_number_is_told_and_no_promise_stands() -> None:
    treatment = told(waited_seconds=2, forecast=None)
    assert (treatment.say, treatment.wait, treatment.position, treatment.promise) == ((A.NOBODY,), None, None, None)


def test_when_somebody_is_at_work_again_place_and_wait_are_told_anew() -> None:
    assert told(announced_seconds_ago=50).say == (A.POSITION, A.EXPECTED_WAIT)


def test_while_an_agent_is_being_rung_nothing_is_said() -> None:
    assert told(being_offered=True).say == ()


@pytest.mark.parametrize("waited_seconds", [0.0, 0.5, 1.0, 29.0, 30.0, 31.0, 600.0])
@pytest.mark.parametrize("announced_seconds_ago", [None, 0.0, 10.0, 29.9, 30.0, 300.0])
@pytest.mark.parametrize("being_offered", [False, True])
def test_the_next_question_always_comes_soon(
    waited_seconds: float, announced_seconds_ago: float | None, being_offered: bool
) -> None:
    treatment = told(
        waited_seconds=waited_seconds, announced_seconds_ago=announced_seconds_ago, being_offered=being_offered
    )
    assert timedelta() < treatment.music <= timedelta(seconds=5)


_waits = st.timedeltas(timedelta(), LONGEST)


@given(_waits, _waits)
def test_a_range_that_is_said_holds_the_whole_forecast(one: timedelta, other: timedelta) -> None:
    low, high = min(one, other), max(one, other)
    said = said_of(low, high)
    assert said.low_minutes is not None or said.high_minutes is not None
    assert said.high_minutes is None or high <= said.high_minutes * MINUTE
    if said.low_minutes is not None:
        assert said.low_minutes * MINUTE <= low or (said.high_minutes is None and low < MINUTE)
        assert said.low_minutes in MINUTES_SAID
        assert said.high_minutes is None or said.low_minutes < said.high_minutes


_forecasts = st.none() | st.lists(st.timedeltas(timedelta(), timedelta(hours=2)), min_size=3, max_size=3).map(
    lambda waits: Prediction(low=min(waits), expected=sorted(waits)[1], high=max(waits))
)


@dataclass
class Carried:
    """What the channel carries from question to question."""

    announced_at: datetime | None = None
    announced_position: int | None = None
    announced_wait: timedelta | None = None


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 6), _forecasts), min_size=2, max_size=40))
def test_whatever_the_forecasts_do_no_promise_is_broken_in_silence(
    moments: list[tuple[int, int, Prediction | None]],
) -> None:
    carried, now = Carried(), NOW
    ends_at: datetime | None = None
    before: tuple[Announcement, ...] = ()
    for seconds, position, forecast in moments:
        now += timedelta(seconds=seconds)
        treatment = treat(
            QUEUE,
            waited=now - NOW,
            position=position,
            forecast=asked(forecast),
            being_offered=False,
            announced_at=carried.announced_at,
            announced_position=carried.announced_position,
            announced_wait=carried.announced_wait,
            now=now,
        )
        if not treatment.say:
            continue
        assert carried.announced_at is None or now - carried.announced_at >= QUEUE.announce_interval
        if A.NOBODY in treatment.say:
            assert treatment.say == (A.NOBODY,)
            ends_at = None
        if A.EXPECTED_WAIT in treatment.say:
            assert treatment.wait is not None
            assert treatment.promise is not None
            assert ends_at is None or now + treatment.promise <= ends_at
            ends_at = now + treatment.promise
        if A.LONGER_WAIT in treatment.say:
            assert ends_at is not None
            assert forecast is not None
            assert treatment.promise is not None
            assert now + forecast.expected > ends_at + MINUTE or now > ends_at
            ends_at = now + treatment.promise
        if A.SOON in treatment.say:
            assert ends_at is not None
            assert now >= ends_at
            assert before != (A.SOON,)
        assert (A.MOVED_BACK in treatment.say) == (
            carried.announced_position is not None and forecast is not None and position > carried.announced_position
        )
        before = treatment.say
        carried = Carried(now, treatment.position, treatment.promise)


def test_an_agent_who_is_free_makes_it_less_than_a_minute() -> None:
    assert told(forecast=NO_WAIT).wait == WaitRange(low_minutes=None, high_minutes=1)
