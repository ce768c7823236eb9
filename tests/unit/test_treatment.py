"""What a waiting caller hears, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from callcenter.acd.treatment import Announcement, Treatment, treat
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUEUE = QueueConfig(queue_id=QueueId("sales"), label=Label(zh="销售", en="Sales"))


def told(
    *,
    waited_seconds: float = 40,
    position: int = 3,
    expected_seconds: float | None = 90,
    being_offered: bool = False,
    announced_seconds_ago: float | None = None,
    announced_position: int | None = None,
) -> Treatment:
    return treat(
        QUEUE,
        waited=timedelta(seconds=waited_seconds),
        position=position,
        expected_wait=None if expected_seconds is None else timedelta(seconds=expected_seconds),
        being_offered=being_offered,
        announced_at=None if announced_seconds_ago is None else NOW - timedelta(seconds=announced_seconds_ago),
        announced_position=announced_position,
        now=NOW,
    )


def test_the_first_words_wait_a_moment_in_case_an_agent_is_free() -> None:
    assert told(waited_seconds=0) == Treatment(announcement=None, music=QUEUE.announce_first_after)


def test_the_place_is_told_after_that_moment() -> None:
    assert told(waited_seconds=1).announcement is Announcement.POSITION


def test_a_place_that_changed_is_told_when_the_interval_comes_round() -> None:
    assert told(announced_seconds_ago=30, announced_position=4).announcement is Announcement.POSITION


def test_the_same_place_is_not_told_twice_but_the_caller_is_not_forgotten() -> None:
    assert told(announced_seconds_ago=30, announced_position=3).announcement is Announcement.COMFORT


def test_between_announcements_there_is_music_only_and_it_ends_when_the_next_is_due() -> None:
    treatment = told(announced_seconds_ago=27, announced_position=3)
    assert treatment == Treatment(announcement=None, music=timedelta(seconds=3))


def test_with_nobody_at_work_no_number_is_told() -> None:
    assert told(waited_seconds=2, expected_seconds=None).announcement is Announcement.NOBODY


def test_while_an_agent_is_being_rung_nothing_is_said() -> None:
    assert told(being_offered=True).announcement is None


@pytest.mark.parametrize("waited_seconds", [0.0, 0.5, 1.0, 29.0, 30.0, 31.0, 600.0])
@pytest.mark.parametrize("announced_seconds_ago", [None, 0.0, 10.0, 29.9, 30.0, 300.0])
def test_the_next_question_always_comes_soon(waited_seconds: float, announced_seconds_ago: float | None) -> None:
    treatment = told(waited_seconds=waited_seconds, announced_seconds_ago=announced_seconds_ago)
    assert timedelta() < treatment.music <= timedelta(seconds=5)
