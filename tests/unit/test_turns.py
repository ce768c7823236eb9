"""What a waiting caller hears beside place and wait, and when he is asked: never more than the queue says."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.turns import (
    GREETING_LATEST,
    SHORTEST_GAP,
    Heard,
    Stand,
    greets_with_question,
    question_due,
    until_more,
    words_due,
)
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig, RoutingStep
from callcenter.domain.rules import EVERYBODY
from callcenter.domain.waiting_rules import Choice, UnusualLoad, WaitingRules

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
QUEUE = QueueConfig(queue_id=QueueId("sales"), label=Label(zh="销售", en="Sales"))
CHOICES = (Choice.WAIT, Choice.MESSAGE)


def queue(rules: WaitingRules, **others: object) -> QueueConfig:
    return replace(QUEUE, waiting=rules, **others)  # type: ignore[arg-type]


def stand(
    seconds: float = 5,
    *,
    step: int = 0,
    waiting: int = 1,
    being_offered: bool = False,
    expected: timedelta | None = None,
    choices: tuple[Choice, ...] = CHOICES,
) -> Stand:
    """So many seconds after he came."""
    return Stand(
        now=NOW + seconds * SECOND,
        entered_at=NOW,
        placed_at=NOW,
        step=step,
        waiting=waiting,
        being_offered=being_offered,
        expected=lambda: expected,
        choices=choices,
    )


def heard_at(seconds: float, *, asked_seconds: float | None = None) -> Heard:
    """Greeted, told his place at that time, and perhaps asked."""
    asked_at = None if asked_seconds is None else NOW + asked_seconds * SECOND
    return Heard(greeted=True, announced_at=NOW + seconds * SECOND, asked=int(asked_at is not None), asked_at=asked_at)


def said(rules: WaitingRules, at: Stand, heard: Heard | None = None) -> tuple[str, ...]:
    return words_due(queue(rules), at, heard or Heard())[0]


# ---- what greets him


def test_a_notice_is_said_once_to_who_comes() -> None:
    rules = WaitingRules(notice="works")
    words, heard = words_due(queue(rules), stand(1), Heard())
    assert words == ("works",)
    assert words_due(queue(rules), stand(2), heard)[0] == ()


@pytest.mark.parametrize("first_after", [0, 1, 3000])
def test_the_greeting_comes_within_two_seconds_whenever_the_place_is_told(first_after: int) -> None:
    late = queue(WaitingRules(notice="works"), announce_first_after=timedelta(seconds=first_after))
    assert words_due(late, stand(GREETING_LATEST.total_seconds()), Heard())[0] == ("works",)
    if first_after:
        assert words_due(late, stand(0.5), Heard())[0] == ()


def test_while_an_agent_is_rung_for_him_he_hears_nothing_and_misses_nothing() -> None:
    rules = WaitingRules(notice="works", information=("hours",))
    words, heard = words_due(queue(rules), stand(5, being_offered=True), Heard())
    assert (words, heard) == ((), Heard())
    assert not question_due(queue(replace(rules, ask_on_entry=True)), stand(5, being_offered=True), Heard())


def test_an_unusual_load_is_told_by_the_number_who_wait_or_by_the_wait() -> None:
    many = WaitingRules(unusual=UnusualLoad(waiting_above=3))
    assert said(many, stand(waiting=3)) == ()
    assert said(many, stand(waiting=4)) == ("busy",)
    long = WaitingRules(unusual=UnusualLoad(wait_above=timedelta(minutes=5), say="today"))
    assert said(long, stand(expected=timedelta(minutes=5))) == ()
    assert said(long, stand(expected=timedelta(minutes=6))) == ("today",)
    assert said(long, stand(expected=None, waiting=100)) == ()


def test_an_unusual_load_that_comes_after_him_is_not_told_to_him() -> None:
    rules = WaitingRules(unusual=UnusualLoad(waiting_above=3))
    _, heard = words_due(queue(rules), stand(2, waiting=1), Heard())
    assert words_due(queue(rules), stand(9, waiting=50), heard)[0] == ()


def test_a_notice_and_an_unusual_load_of_the_same_words_are_said_once() -> None:
    rules = WaitingRules(notice="busy", unusual=UnusualLoad(waiting_above=0))
    assert said(rules, stand(waiting=2)) == ("busy",)


def test_steps_speak_when_they_begin_the_first_one_too() -> None:
    steps = (
        RoutingStep(after=timedelta(), who=EVERYBODY, announce="hello"),
        RoutingStep(after=30 * SECOND, who=EVERYBODY, announce="sorry"),
    )
    asks = queue(WaitingRules(), steps=steps)
    words, heard = words_due(asks, stand(1), Heard())
    assert words == ("hello",)
    words, heard = words_due(asks, stand(30, step=1), heard)
    assert words == ("sorry",)
    assert words_due(asks, stand(40, step=1), heard)[0] == ()


# ---- information


def test_information_comes_in_turn_between_the_announcements_and_not_for_ever() -> None:
    rules = WaitingRules(information=("one", "two"), information_interval=10 * SECOND, information_rounds=2)
    asks, heard = queue(rules), heard_at(1)
    told: list[str] = []
    for seconds in range(2, 200):
        now = stand(seconds)
        words, heard = words_due(asks, now, heard)
        told += words
        # Place and wait are told in between, as their own interval wants it.
        if seconds % 30 == 0:
            heard = replace(heard, announced_at=now.now)
    assert told == ["one", "two", "one", "two"]


def test_an_announcement_that_is_due_goes_before_information() -> None:
    rules = WaitingRules(information=("one",), information_interval=10 * SECOND)
    assert said(rules, stand(11), heard_at(1)) == ("one",)
    assert said(rules, stand(31), heard_at(1)) == ()
    assert said(rules, stand(10), heard_at(1)) == ()


# ---- the question


def test_whoever_comes_is_asked_at_once_where_the_queue_says_so() -> None:
    asks = queue(WaitingRules(ask_on_entry=True))
    assert question_due(asks, stand(0), Heard())
    assert greets_with_question(asks, stand(0), Heard())
    assert not question_due(asks, stand(100), heard_at(1, asked_seconds=2))


def test_who_has_nothing_to_choose_is_asked_nothing() -> None:
    asks = queue(WaitingRules(ask_on_entry=True))
    assert not question_due(asks, stand(0, choices=(Choice.WAIT,)), Heard())


def test_he_is_asked_again_after_a_time_but_not_oftener_than_the_queue_says() -> None:
    asks = queue(WaitingRules(ask_on_entry=True, ask_again_after=60 * SECOND, ask_at_most=2))
    once = heard_at(1, asked_seconds=5)
    assert not question_due(asks, stand(64), once)
    assert question_due(asks, stand(65), once)
    assert not question_due(asks, stand(1000), replace(once, asked=2))


def test_each_moment_that_the_queue_names_asks_once() -> None:
    steps = (
        RoutingStep(after=timedelta(), who=EVERYBODY),
        RoutingStep(after=90 * SECOND, who=EVERYBODY, offer_callback=True),
    )
    asks = queue(WaitingRules(), steps=steps, offer_callback_after=40 * SECOND)
    assert not question_due(asks, stand(39), heard_at(1))
    assert question_due(asks, stand(40), heard_at(1))
    once = heard_at(1, asked_seconds=45)
    assert not question_due(asks, stand(80), once)
    assert question_due(asks, stand(90, step=1), once)
    assert not question_due(asks, stand(500, step=1), heard_at(1, asked_seconds=95))


def test_two_moments_close_together_are_one_question_or_two_with_a_gap() -> None:
    asks = queue(WaitingRules(ask_on_entry=True), offer_callback_after=20 * SECOND)
    once = heard_at(1, asked_seconds=10)
    assert not question_due(asks, stand(20), once)
    assert question_due(asks, stand(10 + SHORTEST_GAP.total_seconds()), once)


def test_a_long_wait_asks_once() -> None:
    asks = queue(WaitingRules(), offer_callback_above=60 * SECOND)
    assert question_due(asks, stand(5, expected=61 * SECOND), heard_at(1))
    assert not question_due(asks, stand(5, expected=60 * SECOND), heard_at(1))
    assert not question_due(asks, stand(5, expected=None), heard_at(1))
    assert not question_due(asks, stand(500, expected=600 * SECOND), heard_at(1, asked_seconds=6))


def test_music_ends_when_information_or_a_question_is_due() -> None:
    rules = WaitingRules(information=("one",), information_interval=10 * SECOND)
    assert until_more(queue(rules), stand(8), heard_at(1)) == 3 * SECOND
    asks = queue(WaitingRules(ask_on_entry=True, ask_again_after=60 * SECOND))
    assert until_more(asks, stand(60), heard_at(1, asked_seconds=2)) == 2 * SECOND
    assert until_more(QUEUE, stand(60), heard_at(1)) is None


_rules = st.builds(
    WaitingRules,
    notice=st.sampled_from(["", "works"]),
    unusual=st.none() | st.builds(UnusualLoad, waiting_above=st.integers(0, 5)),
    information=st.lists(st.sampled_from(["one", "two", "three"]), max_size=3, unique=True).map(tuple),
    information_interval=st.integers(5, 60).map(lambda seconds: seconds * SECOND),
    information_rounds=st.integers(1, 3),
    ask_on_entry=st.booleans(),
    ask_again_after=st.none() | st.integers(1, 120).map(lambda seconds: seconds * SECOND),
    ask_at_most=st.integers(1, 4),
    message=st.just(True),
)


@given(
    _rules,
    st.none() | st.integers(0, 200).map(lambda seconds: seconds * SECOND),
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9), st.booleans(), st.booleans()), min_size=5, max_size=60),
)
def test_nothing_is_said_or_asked_oftener_than_the_queue_says(
    rules: WaitingRules, offered_after: timedelta | None, moments: list[tuple[int, int, bool, bool]]
) -> None:
    asks, heard = queue(rules, offer_callback_after=offered_after), Heard()
    words: Counter[str] = Counter()
    questions: list[datetime] = []
    at = 0.0
    for seconds, waiting, being_offered, announced in moments:
        at += seconds
        now = stand(at, waiting=waiting, being_offered=being_offered)
        due, heard = words_due(asks, now, heard)
        assert not (due and being_offered)
        words.update(due)
        if announced and not being_offered:
            heard = replace(heard, announced_at=now.now)
        if question_due(asks, now, heard):
            assert not being_offered
            questions.append(now.now)
            heard = replace(heard, asked=heard.asked + 1, asked_at=now.now)
    for piece in rules.information:
        assert words[piece] <= rules.information_rounds
    assert words["works"] <= 1
    assert words["busy"] <= 1
    assert len(questions) <= rules.ask_at_most
    gaps = [later - earlier for earlier, later in pairwise(questions)]
    assert all(gap >= SHORTEST_GAP for gap in gaps)


def test_rules_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidValue):
        UnusualLoad()
    with pytest.raises(InvalidValue):
        WaitingRules(ask_at_most=0)
    with pytest.raises(InvalidValue):
        WaitingRules(information_interval=timedelta())
    with pytest.raises(InvalidValue):
        WaitingRules(ask_again_after=timedelta())
