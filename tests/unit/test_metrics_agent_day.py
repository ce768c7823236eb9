"""An agent's figures, reckoned by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, TransferId
from callcenter.domain.labels import Label
from callcenter.domain.offers import CALL_OUT, Offer, OfferOutcome, OfferReason, ReasonPart
from callcenter.domain.transfers import TargetKind, TransferTarget
from callcenter.metrics.agent_day import AgentDay, begin_day, figures, fold, fold_all
from tests.simulation.floor import seconds

START = datetime(2026, 3, 2, tzinfo=UTC)
ANNA = AgentId("anna")
S = AgentState


def at(count: float) -> datetime:
    return START + seconds(count)


def became(old: AgentState, new: AgentState, when: float, reason: str | None = None) -> ev.AgentStateChanged:
    return ev.AgentStateChanged(agent_id=ANNA, at=at(when), old=old, new=new, reason=reason)


def offer_ended(outcome: OfferOutcome, when: float, agent: AgentId = ANNA) -> ev.OfferEnded:
    return ev.OfferEnded(
        interaction_id=InteractionId("c1"), at=at(when), offer_id=OfferId("o1"), agent_id=agent, outcome=outcome
    )


def talk_ended(when: float) -> ev.TalkEnded:
    return ev.TalkEnded(interaction_id=InteractionId("c1"), at=at(when), agent_id=ANNA, offer_id=OfferId("o1"))


A_DAY: list[ev.Event] = [
    became(S.LOGGED_OUT, S.NOT_READY, 100, "signed_in"),
    became(S.NOT_READY, S.READY, 130),
    became(S.READY, S.OFFERED, 200),
    offer_ended(OfferOutcome.RONA, 220),
    became(S.OFFERED, S.NOT_READY, 220, "rona"),
    became(S.NOT_READY, S.READY, 250),
    became(S.READY, S.OFFERED, 260),
    offer_ended(OfferOutcome.ANSWERED, 265),
    became(S.OFFERED, S.TALKING, 265),
    talk_ended(365),
    became(S.TALKING, S.WRAP_UP, 365),
    became(S.WRAP_UP, S.NOT_READY, 385, "lunch"),
]


def day() -> AgentDay:
    return begin_day(ANNA, START)


def test_a_day_by_hand() -> None:
    read = figures(fold_all(day(), A_DAY), at(1000))
    assert (read.talk, read.wrap_up, read.ready) == (seconds(100), seconds(20), seconds(80))
    assert (read.offered, read.not_ready, read.signed_in) == (seconds(25), seconds(675), seconds(900))
    assert read.not_ready_by_reason == {"signed_in": seconds(30), "rona": seconds(30), "lunch": seconds(615)}
    assert read.occupancy == pytest.approx(120 / 200)
    assert (read.handled, read.offers, read.rona, read.rejected) == (1, 2, 1, 0)
    assert read.rona_rate == pytest.approx(0.5)


def test_an_empty_day_has_no_shares() -> None:
    read = figures(day(), at(500))
    assert (read.occupancy, read.rona_rate) == (None, None)
    assert read.signed_in == timedelta()


def test_the_state_the_day_began_in_is_learned_from_the_first_event() -> None:
    assert figures(fold(day(), became(S.TALKING, S.READY, 50)), at(60)).talk == seconds(50)


def test_the_state_the_day_began_in_counts_without_any_event() -> None:
    read = figures(begin_day(ANNA, START, S.NOT_READY, "lunch"), at(40))
    assert read.not_ready_by_reason == {"lunch": seconds(40)}


def test_yesterdays_events_and_other_peoples_change_nothing() -> None:
    state = fold_all(day(), A_DAY)
    assert fold(state, became(S.READY, S.TALKING, -1)) is state
    assert fold(state, offer_ended(OfferOutcome.RONA, 500, AgentId("bo"))) is state


def test_rejected_and_withdrawn_offers_are_offers_and_no_rona() -> None:
    state = fold_all(day(), [offer_ended(outcome, 10) for outcome in (OfferOutcome.REJECTED, OfferOutcome.WITHDRAWN)])
    assert (state.offers, state.rona, state.rejected) == (2, 0, 1)


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    state = fold_all(day(), [became(S.NOT_READY, S.READY, 100), became(S.READY, S.TALKING, 40)])
    read = figures(state, at(30))
    assert (read.not_ready, read.ready, read.talk) == (seconds(100), timedelta(), timedelta())


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        begin_day(ANNA, START.replace(tzinfo=None))


@given(
    steps=st.lists(st.tuples(st.sampled_from(S), st.integers(0, 1000)), max_size=30),
    cut=st.integers(0, 30),
    later=st.integers(0, 1000),
)
def test_folding_in_parts_is_folding_in_one_go_and_the_times_add_up(
    steps: list[tuple[AgentState, int]], cut: int, later: int
) -> None:
    events: list[ev.Event] = []
    old, clock = S.LOGGED_OUT, 0
    for new, pause in steps:
        clock += pause
        events.append(became(old, new, clock, "why" if new is S.NOT_READY else None))
        old = new
    whole = fold_all(day(), events)
    assert fold_all(fold_all(day(), events[:cut]), events[cut:]) == whole
    if not events:
        return
    now = at(clock + later)
    closed = figures(whole, now)
    logged_out = now - START - closed.signed_in
    assert logged_out >= timedelta()
    assert sum(closed.not_ready_by_reason.values(), timedelta()) == closed.not_ready
    assert closed.occupancy is None or 0 <= closed.occupancy <= 1
    if all(event.new is not S.LOGGED_OUT for event in events if isinstance(event, ev.AgentStateChanged)):
        first = events[0]
        assert isinstance(first, ev.AgentStateChanged)
        assert logged_out == first.at - START


def test_a_colleague_on_the_phone_is_time_of_its_own_and_no_occupancy() -> None:
    events: list[ev.Event] = [
        became(S.LOGGED_OUT, S.NOT_READY, 0, "signed_in"),
        became(S.NOT_READY, S.READY, 10),
        became(S.READY, S.INTERNAL_CALL, 40),
        became(S.INTERNAL_CALL, S.READY, 100),
        became(S.READY, S.TALKING, 110),
    ]
    read = figures(fold_all(day(), events), at(150))
    assert (read.internal, read.ready, read.talk) == (seconds(60), seconds(40), seconds(40))
    assert read.signed_in == seconds(150)
    assert read.occupancy == pytest.approx(40 / 80)
    assert (read.handled, read.offers) == (0, 0)


def offer_made(name: str, when: float, *parts: ReasonPart) -> ev.OfferMade:
    offer = Offer(
        offer_id=OfferId(f"o-{name}"),
        interaction_id=InteractionId(name),
        agent_id=ANNA,
        queue_id=QueueId("sales"),
        made_at=at(when),
        reason=OfferReason(text=Label(zh="x", en="x"), parts=parts),
    )
    return ev.OfferMade(interaction_id=InteractionId(name), at=at(when), offer=offer)


def ended(name: str, outcome: OfferOutcome, when: float) -> ev.OfferEnded:
    return ev.OfferEnded(
        interaction_id=InteractionId(name), at=at(when), offer_id=OfferId(f"o-{name}"), agent_id=ANNA, outcome=outcome
    )


def connected(name: str, when: float) -> ev.InteractionConnected:
    return ev.InteractionConnected(
        interaction_id=InteractionId(name), at=at(when), agent_id=ANNA, offer_id=OfferId(f"o-{name}"), queue_id=None
    )


def test_calls_out_are_counted_and_are_no_offers_that_can_be_missed() -> None:
    by_himself = ReasonPart(name=CALL_OUT, value="true")
    events: list[ev.Event] = [
        offer_made("out1", 0, by_himself),
        ended("out1", OfferOutcome.ANSWERED, 5),
        connected("out1", 5),
        offer_made("out2", 20, by_himself),
        ended("out2", OfferOutcome.RONA, 50),
        offer_made("c1", 60),
        ended("c1", OfferOutcome.ANSWERED, 65),
        connected("c1", 65),
        offer_made("c2", 80),
        ended("c2", OfferOutcome.RONA, 90),
    ]
    read = figures(fold_all(day(), events), at(100))
    assert (read.calls_out, read.calls_out_reached, read.reach_rate) == (2, 1, 0.5)
    assert (read.offers, read.rona) == (2, 1)


def test_what_he_sends_on_is_a_share_of_what_he_handled() -> None:
    transfer = ev.InteractionTransferred(
        interaction_id=InteractionId("c1"),
        at=at(50),
        transfer_id=TransferId("t1"),
        agent_id=ANNA,
        offer_id=OfferId("o1"),
        target=TransferTarget(kind=TargetKind.QUEUE, target="support"),
        note="",
        consulted=False,
    )
    read = figures(fold_all(day(), [transfer, talk_ended(51), talk_ended(90)]), at(100))
    assert (read.transferred, read.transfer_rate) == (1, 0.5)


def test_the_hold_rate_is_the_share_of_hold_in_his_talks() -> None:
    events = [became(S.READY, S.TALKING, 0), became(S.TALKING, S.HOLD, 30), became(S.HOLD, S.WRAP_UP, 40)]
    assert figures(fold_all(day(), events), at(90)).hold_rate == 0.25
    assert figures(day(), at(90)).hold_rate is None
