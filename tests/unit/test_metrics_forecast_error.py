"""How good the forecasts were, reckoned by hand."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.domain import events as ev
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.metrics.forecast_error import ForecastDay, begin_day, figures, fold, fold_all

START = datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=8)))
SALES = QueueId("sales")


def at(count: float) -> datetime:
    return START + timedelta(hours=9, seconds=count)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def predicted(
    name: str, when: float, forecast: tuple[float, float, float] | None, *, queue: str = "sales"
) -> ev.WaitPredicted:
    low, expected, high = forecast if forecast is not None else (None, None, None)
    return ev.WaitPredicted(
        interaction_id=InteractionId(name),
        at=at(when),
        queue_id=QueueId(queue),
        position=1,
        expected_seconds=expected,
        low_seconds=low,
        high_seconds=high,
    )


def connected(name: str, when: float, *, queue: str = "sales") -> ev.InteractionConnected:
    return ev.InteractionConnected(
        interaction_id=InteractionId(name),
        at=at(when),
        agent_id=AgentId("anna"),
        offer_id=OfferId(f"o-{name}"),
        queue_id=QueueId(queue),
    )


def ended(name: str, when: float, outcome: ev.Outcome = ev.Outcome.ABANDONED_IN_QUEUE) -> ev.InteractionEnded:
    return ev.InteractionEnded(interaction_id=InteractionId(name), at=at(when), outcome=outcome)


def queued(name: str, when: float, *, queue: str) -> ev.InteractionQueued:
    return ev.InteractionQueued(
        interaction_id=InteractionId(name), at=at(when), queue_id=QueueId(queue), entered_at=at(when), priority=0
    )


def day() -> ForecastDay:
    return begin_day(SALES, START)


A_MORNING: list[ev.Event] = [
    predicted("c1", 0, (20, 60, 120)),
    predicted("c2", 0, (50, 100, 150)),
    predicted("c3", 10, (0, 0, 0)),
    predicted("x1", 10, (0, 5, 9), queue="support"),
    connected("c3", 10),  # At once, as forecast.
    predicted("c4", 20, None),
    connected("c1", 40),  # 40 s: 20 s sooner than expected, inside.
    predicted("c5", 50, (30, 90, 200)),
    predicted("c6", 50, (30, 90, 200)),
    predicted("c7", 60, (30, 90, 200)),
    ended("c5", 100),  # After 50 s; nobody knows how it would have gone on.
    connected("x1", 100, queue="support"),
    connected("c4", 120),
    connected("c2", 190),  # 190 s: 90 s later than expected, beyond the range.
    queued("c7", 200, queue="support"),
    connected("c7", 230, queue="support"),
    ended("c6", 300),  # After 250 s: the range was over.
    predicted("c8", 400, (30, 90, 200)),
    connected("c8", 410),  # 10 s: 80 s sooner, before the range.
]


def test_a_morning_by_hand() -> None:
    read = figures(fold_all(day(), A_MORNING))
    assert (read.answered, read.abandoned, read.abandoned_above, read.unforeseen) == (4, 2, 1, 1)
    assert read.mean_absolute_error == seconds((20 + 90 + 0 + 80) / 4)
    assert read.bias == seconds((20 - 90 + 0 + 80) / 4)
    assert read.mean_wait == seconds((40 + 190 + 0 + 10) / 4)
    assert read.inside == 2 / 4
    assert read.below == 1 / 4


def test_an_empty_day_has_counts_and_no_means() -> None:
    read = figures(day())
    assert read.answered == read.abandoned == read.unforeseen == 0
    assert (read.mean_absolute_error, read.bias, read.mean_wait) == (None, None, None)
    assert (read.inside, read.below) == (None, None)


def test_the_first_forecast_counts_and_events_told_twice_count_once() -> None:
    twice = [event for event in A_MORNING for _ in range(2)]
    assert figures(fold_all(day(), twice)) == figures(fold_all(day(), A_MORNING))
    again: list[ev.Event] = [predicted("c1", 0, (20, 60, 120)), predicted("c1", 30, (0, 10, 20)), connected("c1", 60)]
    assert figures(fold_all(day(), again)).mean_absolute_error == timedelta()


def test_who_comes_back_from_another_queue_is_forecast_anew() -> None:
    events: list[ev.Event] = [
        predicted("c1", 0, (20, 60, 120)),
        queued("c1", 100, queue="support"),
        predicted("c1", 100, (1, 2, 3), queue="support"),
        predicted("c1", 200, (5, 10, 20)),
        connected("c1", 215),
    ]
    read = figures(fold_all(day(), events))
    assert (read.answered, read.bias, read.inside) == (1, seconds(-5), 1.0)


def test_who_was_forecast_before_midnight_belongs_to_yesterday() -> None:
    events: list[ev.Event] = [predicted("c1", -9 * 3600 - 10, (0, 20, 40)), connected("c1", -9 * 3600 + 5)]
    assert fold_all(day(), events) == day()


def test_a_callback_that_is_arranged_is_no_answer_and_no_abandonment() -> None:
    read = figures(
        fold_all(day(), [predicted("c1", 0, (0, 20, 40)), ended("c1", 30, ev.Outcome.CALLBACK_TAKEN)]),
    )
    assert (read.answered, read.abandoned) == (0, 0)


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        begin_day(SALES, START.replace(tzinfo=None))


def test_what_does_not_concern_the_queue_changes_nothing() -> None:
    state = fold_all(day(), A_MORNING)
    assert fold(state, predicted("x2", 500, (1, 2, 3), queue="support")) is state
    assert fold(state, connected("nobody", 500)) is state
    assert fold(state, ended("nobody", 500)) is state


@given(st.permutations(A_MORNING), st.integers(0, len(A_MORNING)))
def test_folding_in_parts_is_folding_in_one_go(events: list[ev.Event], cut: int) -> None:
    whole = fold_all(day(), events)
    assert fold_all(fold_all(day(), events[:cut]), events[cut:]) == whole
    assert 0 <= whole.inside + whole.below <= whole.answered
    assert abs(whole.bias_total) <= whole.error_total
    assert whole.abandoned_above <= whole.abandoned
