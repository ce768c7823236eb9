"""A queue's figures, reckoned by hand."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.steps import Output
from callcenter.domain import events as ev
from callcenter.domain.actions import Action
from callcenter.domain.agents import AgentState
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, TransferId
from callcenter.domain.offers import OfferCause
from callcenter.domain.transfers import TargetKind, TransferTarget
from callcenter.metrics.queue_day import QueueDay, begin_day, figures, fold, fold_all
from callcenter.metrics.service_level import service_level
from tests.simulation.floor import Floor, seconds

START = datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=8)))
SALES = QueueId("sales")


def at(count: float) -> datetime:
    return START + timedelta(hours=9) + seconds(count)


def queued(name: str, when: float, *, queue: str = "sales", told: float | None = None) -> ev.InteractionQueued:
    return ev.InteractionQueued(
        interaction_id=InteractionId(name),
        at=at(when if told is None else told),
        queue_id=QueueId(queue),
        entered_at=at(when),
        priority=0,
    )


def connected(name: str, when: float, agent: str = "anna") -> ev.InteractionConnected:
    return ev.InteractionConnected(
        interaction_id=InteractionId(name),
        at=at(when),
        agent_id=AgentId(agent),
        offer_id=OfferId(f"o-{name}"),
        queue_id=SALES,
    )


def talk_ended(name: str, when: float, agent: str = "anna") -> ev.TalkEnded:
    return ev.TalkEnded(
        interaction_id=InteractionId(name), at=at(when), agent_id=AgentId(agent), offer_id=OfferId(f"o-{name}")
    )


def ended(name: str, when: float, outcome: ev.Outcome = ev.Outcome.ABANDONED_IN_QUEUE) -> ev.InteractionEnded:
    return ev.InteractionEnded(interaction_id=InteractionId(name), at=at(when), outcome=outcome)


def became(new: AgentState, when: float, agent: str = "anna") -> ev.AgentStateChanged:
    old = AgentState.TALKING if new is AgentState.WRAP_UP else AgentState.WRAP_UP
    return ev.AgentStateChanged(agent_id=AgentId(agent), at=at(when), old=old, new=new)


def day() -> QueueDay:
    return begin_day(SALES, START, seconds(20))


A_MORNING: list[ev.Event] = [
    queued("c1", 0),
    queued("c2", 0),
    queued("c3", 5),
    queued("c4", 6),
    queued("x1", 6, queue="support"),
    ended("c4", 9),  # Short: 3 s.
    connected("c1", 10),  # In time: 10 s.
    ended("c3", 30),  # Abandoned after 25 s.
    connected("c2", 50, "bo"),  # Late: 50 s.
    talk_ended("c1", 110),  # 100 s of talk.
    became(AgentState.WRAP_UP, 110),
    ended("c1", 111, ev.Outcome.ANSWERED),
    became(AgentState.READY, 130),  # 20 s of wrap-up.
    ended("c2", 90, ev.Outcome.ANSWERED),  # 40 s of talk; its end was told by the hang-up alone.
    ev.AgentStateChanged(agent_id=AgentId("bo"), at=at(90), old=AgentState.TALKING, new=AgentState.READY),
    queued("c5", 200),
    queued("c6", 300),
    queued("c6", 300, queue="support", told=310),  # Moved.
    queued("c7", 400),
    ended("c7", 410, ev.Outcome.CLOSED),
]


def test_a_morning_by_hand() -> None:
    read = figures(fold_all(day(), A_MORNING))
    assert (read.offered, read.answered, read.abandoned, read.left_otherwise, read.waiting) == (7, 2, 2, 2, 1)
    assert (read.answered_within_threshold, read.abandoned_short, read.handled) == (1, 1, 2)
    assert read.service_level == pytest.approx(1 / 6)
    assert read.abandon_rate == pytest.approx(2 / 7)
    assert read.asa == seconds(30)
    assert read.longest_answered_wait == seconds(50)
    assert read.aht == seconds((100 + 20 + 40) / 2)


def test_an_empty_day_has_counts_and_no_means() -> None:
    read = figures(day())
    assert read.offered == read.answered == read.abandoned == read.handled == 0
    assert read.service_level is None
    assert read.abandon_rate is None
    assert read.asa is None
    assert read.aht is None
    assert read.longest_answered_wait is None


@pytest.mark.parametrize(
    ("within", "offered", "short", "expected"),
    [(0, 0, 0, None), (0, 3, 3, None), (8, 10, 0, 0.8), (8, 12, 2, 0.8), (0, 5, 0, 0.0), (5, 5, 0, 1.0)],
)
def test_the_service_level_is_answered_in_time_over_offered_without_short_abandons(
    within: int, offered: int, short: int, expected: float | None
) -> None:
    assert service_level(answered_within_threshold=within, offered=offered, abandoned_short=short) == expected


def test_an_answer_at_the_threshold_is_in_time_and_a_millisecond_later_is_not() -> None:
    state = fold_all(day(), [queued("c1", 0), queued("c2", 0), connected("c1", 20), connected("c2", 20.001, "bo")])
    assert state.answered_within_threshold == 1


def test_giving_up_at_the_cut_is_no_short_abandon_and_a_millisecond_earlier_is() -> None:
    state = fold_all(day(), [queued("c1", 0), queued("c2", 0), ended("c1", 5), ended("c2", 4.999)])
    assert (state.abandoned, state.abandoned_short) == (2, 1)


def test_giving_up_while_an_agent_rings_is_giving_up() -> None:
    state = fold_all(day(), [queued("c1", 0), ended("c1", 30, ev.Outcome.ABANDONED_WHILE_RINGING)])
    assert (state.abandoned, state.left_otherwise) == (1, 0)


def test_events_told_twice_count_once() -> None:
    twice = [event for event in A_MORNING for _ in range(2)]
    assert figures(fold_all(day(), twice)) == figures(fold_all(day(), A_MORNING))


def test_being_found_again_after_a_restart_is_no_second_entry() -> None:
    state = fold_all(day(), [queued("c1", 0), queued("c1", 0, told=40), connected("c1", 60)])
    assert (state.offered, state.answer_wait_total) == (1, seconds(60))


def test_who_entered_before_midnight_belongs_to_yesterday() -> None:
    yesterday = -9 * 3600 - 10
    late: list[ev.Event] = [
        queued("c1", yesterday, told=-9 * 3600 + 5),
        connected("c1", -9 * 3600 + 6),
        talk_ended("c1", 0),
    ]
    assert fold_all(day(), late) == day()


def test_a_talk_that_was_sent_on_counts_once_and_the_rate_is_of_the_answered() -> None:
    def sent(name: str, when: float) -> ev.InteractionTransferred:
        return ev.InteractionTransferred(
            interaction_id=InteractionId(name),
            at=at(when),
            transfer_id=TransferId(f"t-{name}-{when}"),
            agent_id=AgentId("anna"),
            offer_id=OfferId(f"o-{name}"),
            target=TransferTarget(kind=TargetKind.AGENT, target="bo"),
        )

    told: list[ev.Event] = [queued("c1", 0), connected("c1", 10), sent("c1", 20), sent("c1", 20), talk_ended("c1", 21)]
    state = fold_all(day(), [*told, sent("c1", 30), queued("c2", 0), connected("c2", 40), sent("elsewhere", 41)])
    assert (state.transferred, figures(state).transfer_rate) == (1, 0.5)


def test_another_threshold_counts_from_its_change_on() -> None:
    state = fold_all(day(), [queued("c1", 0), connected("c1", 30)])
    state = replace(state, threshold=seconds(60))
    state = fold_all(state, [queued("c2", 100), connected("c2", 130, "bo")])
    assert state.answered_within_threshold == 1


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        begin_day(SALES, START.replace(tzinfo=None), seconds(20))


def test_what_does_not_concern_the_queue_changes_nothing() -> None:
    state = fold_all(day(), A_MORNING)
    assert fold(state, became(AgentState.READY, 500, "stranger")) is state
    assert fold(state, queued("x2", 500, queue="support")) is state
    assert fold(state, connected("nobody", 500)) is state


@given(st.permutations(A_MORNING), st.integers(0, len(A_MORNING)))
def test_folding_in_parts_is_folding_in_one_go_and_every_contact_counts_once(events: list[ev.Event], cut: int) -> None:
    whole = fold_all(day(), events)
    assert fold_all(fold_all(day(), events[:cut]), events[cut:]) == whole
    ends = whole.answered + whole.abandoned + whole.left_otherwise + len(whole.waiting)
    assert ends == whole.offered
    assert 0 <= whole.answered_within_threshold <= whole.answered
    assert 0 <= whole.abandoned_short <= whole.abandoned
    level = figures(whole).service_level
    assert level is None or 0 <= level <= 1


def events_of(outputs: list[Output]) -> list[ev.Event]:
    return [output for output in outputs if not isinstance(output, Action)]


def test_what_the_engine_says_gives_the_figures_of_what_happened() -> None:
    floor = Floor()
    floor.queue("sales", wrap_up=30)
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.wait(4)
    floor.fail("anna", OfferCause.NO_ANSWER)
    floor.wait(10)
    floor.ready("anna")
    floor.wait(2)
    floor.answer("anna")
    floor.wait(100)
    floor.hang_up("anna")
    floor.wait(60)
    read = figures(fold_all(begin_day(SALES, floor.now - timedelta(hours=1), seconds(20)), events_of(floor.said)))
    assert (read.offered, read.answered, read.handled) == (1, 1, 1)
    assert (read.asa, read.aht, read.service_level) == (seconds(16), seconds(130), 1.0)
