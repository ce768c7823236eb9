"""The state that a caller's channel carries survives the way there and back, and nothing unreadable stops a call."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.app.call_state import LIMIT, CallStage, CallState, Sent, decode, place_of
from callcenter.domain.callers import CallerTraits
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, SkillId
from callcenter.domain.skills import SkillRequirement

_words = st.text(min_size=1, max_size=20).filter(str.strip)
_moments = st.integers(0, 4_000_000_000_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
_skill_names = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)
_states = st.builds(
    CallState,
    stage=st.just(CallStage.QUEUE),
    flow=_words,
    node=_words,
    language=st.sampled_from(["zh", "en", ""]),
    queue_id=_words.map(QueueId),
    entered_at=st.none() | _moments,
    priority=st.integers(-1000, 1000),
    skills=st.lists(
        st.builds(SkillRequirement, skill=_skill_names.map(SkillId), minimum_level=st.integers(1, 10)), max_size=4
    ).map(tuple),
    announced_at=st.none() | _moments,
    announced_position=st.none() | st.integers(0, 10_000),
    announced_wait=st.none() | st.timedeltas(timedelta(), timedelta(days=1)),
    placed_at=st.none() | _moments,
    traits=st.builds(
        CallerTraits,
        customer_class=st.sampled_from(["", "A", "B"]),
        open_complaint=st.booleans(),
        last_agent_id=st.none() | _words.map(AgentId),
        account_manager_id=st.none() | _words.map(AgentId),
        transferred=st.booleans(),
    ),
    sent=st.none()
    | st.builds(
        Sent,
        by=_words.map(AgentId),
        offer_id=_words.map(OfferId),
        from_queue=st.none() | _words.map(QueueId),
        number=st.sampled_from(["", "+8613900001111"]),
        returned=st.booleans(),
    ),
    greeted=st.booleans(),
    informed=st.integers(0, 40),
    informed_at=st.none() | _moments,
    asked=st.integers(0, 20),
    asked_at=st.none() | _moments,
    told_step=st.integers(0, 11),
    message_longest=st.none() | st.timedeltas(timedelta(), timedelta(hours=1)),
    message_silence=st.none() | st.timedeltas(timedelta(), timedelta(minutes=1)),
)


@given(_states)
def test_the_place_that_is_carried_is_the_place_that_is_asked_for(state: CallState) -> None:
    place = place_of(InteractionId("c1"), state, datetime(2026, 1, 1, tzinfo=UTC))
    assert place is not None
    assert (place.queue_id, place.priority, place.skills) == (state.queue_id, state.priority, state.skills)
    assert place.traits == replace(state.traits, language=state.language)
    assert place.admitted


@given(_states)
def test_a_state_comes_back_as_it_went(state: CallState) -> None:
    assert decode(state.encode()) == state


@given(_states)
def test_the_text_can_stand_in_an_agi_argument_and_in_a_variable(state: CallState) -> None:
    text = state.encode()
    assert len(text.encode()) <= LIMIT
    assert not set(text) & set(',;"\n\r$({ ')


@given(st.text(max_size=3000))
def test_whatever_stands_in_the_variable_a_state_is_read(text: str) -> None:
    assert isinstance(decode(text), CallState)


@pytest.mark.parametrize("text", ["-5", "9" * 30, "soon", "1.5"])
def test_a_promise_that_cannot_be_read_is_none(text: str) -> None:
    assert decode(f"stage=queue&queue=sales&said_wait={text}").announced_wait is None


def test_an_empty_variable_is_a_call_that_begins() -> None:
    assert decode("") == CallState(stage=CallStage.MENU)
    assert decode("stage=new").stage is CallStage.MENU


def test_a_queue_stage_without_a_queue_goes_through_the_menu_again() -> None:
    assert decode("stage=queue&priority=3").stage is CallStage.MENU


def test_a_state_that_is_too_long_gives_up_the_flow_before_the_place_in_the_queue() -> None:
    entered = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    long = CallState(
        stage=CallStage.QUEUE, flow="f" * 2000, node="n" * 2000, queue_id=QueueId("sales"), entered_at=entered
    )
    short = decode(long.encode())
    assert (short.queue_id, short.entered_at, short.flow) == ("sales", entered, "")
