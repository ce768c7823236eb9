"""The last hour of a queue, reckoned by hand."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from callcenter.domain import events as ev
from callcenter.domain.ids import QueueId
from callcenter.metrics.last_hour import HALF_HOUR, MINUTES, LastHour
from tests.unit.test_metrics_queue_day import SALES, at, connected, ended, queued

THRESHOLD = timedelta(seconds=20)


def fold(*events: ev.Event) -> LastHour:
    hour = LastHour()
    for event in events:
        hour.take(event, lambda _: THRESHOLD)
    return hour


def test_the_half_hour_counts_who_entered_in_it() -> None:
    hour = fold(
        queued("early", 0),
        connected("early", 5),
        queued("quick", 1_900),
        connected("quick", 1_910),
        queued("slow", 1_920),
        connected("slow", 1_960),
        queued("gone", 1_930),
        ended("gone", 1_950),
    )
    half = hour.half_hour(SALES, at(1_980))
    assert (half.offered, half.answered, half.abandoned) == (3, 2, 1)
    assert half.service_level == 1 / 3
    assert hour.half_hour(SALES, at(1_980 + 60 * HALF_HOUR)).service_level is None
    assert hour.half_hour(QueueId("support"), at(1_980)).offered == 0


def test_who_gave_up_at_once_counts_neither_for_nor_against() -> None:
    half = fold(queued("a", 0), connected("a", 1), queued("b", 2), ended("b", 4)).half_hour(SALES, at(30))
    assert (half.abandoned, half.service_level) == (1, 1.0)


def test_a_place_that_goes_on_as_a_callback_is_no_second_contact() -> None:
    half = fold(queued("a", 0), ended("a", 9, ev.Outcome.CALLBACK_TAKEN)).half_hour(SALES, at(30))
    assert half.offered == 0


def test_the_line_shows_the_most_who_waited_in_each_minute_and_goes_on_where_nothing_happens() -> None:
    hour = fold(queued("a", 0), queued("b", 10), connected("a", 20), queued("c", 150), connected("b", 290))
    waiting = hour.series(SALES, at(290)).waiting
    assert waiting[-5:] == (2, 1, 2, 2, 2)
    assert waiting[:-5] == (0,) * 55
    # An hour later nothing has happened, and one still waits.
    assert hour.series(SALES, at(290 + 3_600)).waiting == (1,) * MINUTES


def test_entering_again_after_a_restart_is_the_same_entry() -> None:
    half = fold(queued("a", 0), queued("a", 0, told=40)).half_hour(SALES, at(50))
    assert half.offered == 1


def test_who_is_moved_leaves_the_first_queue() -> None:
    hour = fold(queued("a", 0), queued("a", 0, queue="support", told=30))
    assert hour.series(SALES, at(120)).waiting[-1] == 0
    assert hour.series(QueueId("support"), at(120)).waiting[-1] == 1


def test_every_line_has_a_value_for_each_minute() -> None:
    series = fold(queued("a", 0), ended("a", 30)).series(SALES, at(60))
    assert {
        len(line) for line in (series.waiting, series.offered, series.answered, series.abandoned, series.service_level)
    } == {MINUTES}
    assert (series.offered[-2], series.abandoned[-2], series.service_level[-1]) == (1, 1, 0.0)


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 400)), max_size=60))
def test_what_is_kept_is_bounded_and_nobody_waits_when_all_have_left(calls: list[tuple[int, int]]) -> None:
    events: list[ev.Event] = []
    for number, (start, stays) in enumerate(calls):
        events += [queued(f"c{number}", start), ended(f"c{number}", start + stays)]
    events.sort(key=lambda event: event.at)
    hour = fold(*events)
    series = hour.series(SALES, at(20_500))
    assert series.waiting[-1] == 0
    assert max(series.waiting, default=0) <= len(calls)
    assert all(len(queue.minutes) <= MINUTES + HALF_HOUR + 2 for queue in hour._queues.values())
