"""The record of one contact as the fold of its events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callcenter.domain import events as ev
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Interaction, LegRole, Stage, apply, begin, outcome_of_hangup
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import Offer, OfferOutcome, OfferReason

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALL = InteractionId("c1")
ANNA = AgentId("anna")
SALES = QueueId("sales")
CUSTOMER = CustomerId("u1")


def at(count: float) -> datetime:
    return START + timedelta(seconds=count)


def arrived() -> Interaction:
    return begin(
        ev.InteractionArrived(
            interaction_id=CALL, at=START, channel="trunk-1", ani=Number(raw="1001"), dnis="4000", trunk="trunk"
        )
    )


def queued(when: float = 10, *, entered: float = 10, queue: QueueId = SALES) -> ev.InteractionQueued:
    return ev.InteractionQueued(interaction_id=CALL, at=at(when), queue_id=queue, entered_at=at(entered), priority=0)


def offer_made(when: float = 20, offer_id: str = "o1") -> ev.OfferMade:
    offer = Offer(
        offer_id=OfferId(offer_id),
        interaction_id=CALL,
        agent_id=ANNA,
        queue_id=SALES,
        made_at=at(when),
        reason=OfferReason(text=Label(zh="", en=""), parts=()),
    )
    return ev.OfferMade(interaction_id=CALL, at=at(when), offer=offer)


def offer_ended(outcome: OfferOutcome, when: float = 30, offer_id: str = "o1") -> ev.OfferEnded:
    return ev.OfferEnded(interaction_id=CALL, at=at(when), offer_id=OfferId(offer_id), agent_id=ANNA, outcome=outcome)


def connected(when: float = 30) -> ev.InteractionConnected:
    return ev.InteractionConnected(
        interaction_id=CALL, at=at(when), agent_id=ANNA, offer_id=OfferId("o1"), queue_id=SALES
    )


def talk_ended(when: float = 90, side: ev.Side | None = ev.Side.AGENT) -> ev.TalkEnded:
    return ev.TalkEnded(interaction_id=CALL, at=at(when), agent_id=ANNA, offer_id=OfferId("o1"), side=side)


def ended(outcome: ev.Outcome = ev.Outcome.ANSWERED, when: float = 95) -> ev.InteractionEnded:
    return ev.InteractionEnded(interaction_id=CALL, at=at(when), outcome=outcome, cause=16)


def fold(*events: ev.InteractionEvent, record: Interaction | None = None) -> Interaction:
    record = record or arrived()
    for event in events:
        record = apply(record, event)
    return record


def test_a_record_begins_with_the_callers_leg() -> None:
    record = arrived()
    assert (record.stage, record.times.answered_at) == (Stage.ARRIVED, START)
    assert [(leg.role, leg.leg_id, leg.channel) for leg in record.legs] == [(LegRole.CALLER, "c1", "trunk-1")]


def test_the_whole_way_of_an_answered_contact() -> None:
    label = Label(zh="销售", en="Sales")
    record = fold(
        ev.CustomerMatched(interaction_id=CALL, at=at(0), customer_ids=(CUSTOMER,), customer_id=CUSTOMER),
        ev.FlowStarted(interaction_id=CALL, at=at(1), flow="main", flow_version="1"),
        ev.LanguageChosen(interaction_id=CALL, at=at(2), language="zh"),
        ev.NodeEntered(interaction_id=CALL, at=at(3), node="menu"),
        ev.MenuChosen(interaction_id=CALL, at=at(5), node="menu", key="1", label=label),
        queued(),
        ev.PositionAnnounced(interaction_id=CALL, at=at(11), queue_id=SALES, position=1, expected_wait_seconds=None),
        offer_made(),
        ev.LegStarted(interaction_id=CALL, at=at(20), leg_id="o1", channel="phone-1", agent_id=ANNA),
        offer_ended(OfferOutcome.ANSWERED),
        connected(),
        talk_ended(),
        ev.LegEnded(interaction_id=CALL, at=at(90), leg_id="o1", cause=16),
        ended(),
        ev.InteractionAnnotated(interaction_id=CALL, at=at(120), by="anna", disposition="sold", notes="two"),
    )
    assert (record.stage, record.outcome, record.hangup_side) == (Stage.ENDED, ev.Outcome.ANSWERED, ev.Side.AGENT)
    assert (record.flow, record.node, record.language, record.queue_id) == ("main", "menu", "zh", SALES)
    assert [(step.key, step.label) for step in record.menu_path] == [("1", label)]
    assert (record.agent_id, record.customer_id, record.disposition) == (ANNA, "u1", "sold")
    assert record.waited(at(500)) == timedelta(seconds=20)
    assert record.talked(at(500)) == timedelta(seconds=60)
    assert [(leg.leg_id, leg.ended_at) for leg in record.legs] == [("c1", at(95)), ("o1", at(90))]
    assert record.open_offer() is None


def test_while_it_goes_on_waiting_and_talking_are_counted_to_the_present() -> None:
    assert fold().waited(at(50)) == timedelta()
    assert fold(queued()).waited(at(50)) == timedelta(seconds=40)
    assert fold(queued()).waited(at(0)) == timedelta()
    assert fold(queued(), connected()).talked(at(50)) == timedelta(seconds=20)


def test_an_offer_that_failed_leads_back_to_waiting() -> None:
    record = fold(queued(), offer_made())
    assert record.stage is Stage.RINGING
    record = fold(offer_ended(OfferOutcome.RONA), record=record)
    assert record.stage is Stage.WAITING
    assert [offer.outcome for offer in record.offers] == [OfferOutcome.RONA]


def test_being_queued_again_after_a_restart_keeps_the_first_entry() -> None:
    record = fold(queued(10), queued(60, entered=10))
    assert record.times.queued_at == at(10)


def test_an_offer_told_of_again_after_a_restart_is_one_offer_that_rings() -> None:
    record = fold(queued(), offer_made(), queued(25), offer_made())
    assert record.stage is Stage.RINGING
    assert len(record.offers) == 1
    assert outcome_of_hangup(record) is ev.Outcome.ABANDONED_WHILE_RINGING


def test_an_offer_that_is_over_does_not_ring_again() -> None:
    record = fold(queued(), offer_made(), offer_ended(OfferOutcome.RONA), offer_made())
    assert record.stage is Stage.WAITING


def test_the_late_end_of_an_older_offer_does_not_stop_the_ringing_of_the_newer() -> None:
    record = fold(queued(), offer_made(20, "o1"), offer_made(25, "o2"), offer_ended(OfferOutcome.WITHDRAWN, 30, "o1"))
    assert record.stage is Stage.RINGING
    assert fold(offer_ended(OfferOutcome.RONA, 40, "o2"), record=record).stage is Stage.WAITING


def test_an_offer_ends_once() -> None:
    record = fold(queued(), offer_made(), offer_ended(OfferOutcome.RONA), offer_ended(OfferOutcome.WITHDRAWN, 40))
    assert [(offer.outcome, offer.ended_at) for offer in record.offers] == [(OfferOutcome.RONA, at(30))]


def test_an_interaction_ends_once_and_nothing_after_it_changes_stage_or_outcome() -> None:
    record = fold(queued(), ended(ev.Outcome.ABANDONED_IN_QUEUE))
    after = fold(
        queued(200),
        offer_made(201),
        connected(202),
        talk_ended(203),
        ended(ev.Outcome.LOST_PBX, 204),
        ev.NodeEntered(interaction_id=CALL, at=at(205), node="again"),
        record=record,
    )
    assert after == record


def test_an_offer_left_open_by_a_crash_may_end_after_the_interaction() -> None:
    record = fold(queued(), offer_made(), ended(ev.Outcome.ABANDONED_WHILE_RINGING))
    after = fold(offer_ended(OfferOutcome.WITHDRAWN, 200), record=record)
    assert after.open_offer() is None
    assert replace(after, offers=record.offers) == record


def test_a_leg_told_of_twice_is_one_leg() -> None:
    started = ev.LegStarted(interaction_id=CALL, at=at(20), leg_id="o1", channel="phone-1", agent_id=ANNA)
    assert len(fold(started, started).legs) == 2


def test_an_annotation_changes_only_what_it_names() -> None:
    record = fold(
        ev.InteractionAnnotated(interaction_id=CALL, at=at(1), by="anna", disposition="sold", notes="two"),
        ev.InteractionAnnotated(interaction_id=CALL, at=at(2), by="anna", notes="three"),
    )
    assert (record.disposition, record.notes, record.customer_id) == ("sold", "three", None)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ((), ev.Outcome.ABANDONED_IN_MENU),
        ((queued(),), ev.Outcome.ABANDONED_IN_QUEUE),
        ((queued(), offer_made()), ev.Outcome.ABANDONED_WHILE_RINGING),
        ((queued(), offer_made(), offer_ended(OfferOutcome.ABANDONED)), ev.Outcome.ABANDONED_WHILE_RINGING),
        ((queued(), offer_made(), offer_ended(OfferOutcome.RONA)), ev.Outcome.ABANDONED_IN_QUEUE),
        ((queued(), offer_made(), connected()), ev.Outcome.ANSWERED),
        ((queued(), connected(), talk_ended()), ev.Outcome.ANSWERED),
    ],
)
def test_what_a_hang_up_means_depends_on_how_far_the_contact_had_come(
    events: tuple[ev.InteractionEvent, ...], outcome: ev.Outcome
) -> None:
    assert outcome_of_hangup(fold(*events)) is outcome


@pytest.mark.parametrize(
    ("legs_of", "outcome"),
    [((), ev.Outcome.CALLED_OFF), ((ANNA,), ev.Outcome.CALLED_OFF), ((ANNA, None), ev.Outcome.NOT_REACHED)],
)
def test_a_call_out_whose_customer_has_a_leg_was_made_even_if_nobody_wrote_that_down(
    legs_of: tuple[AgentId | None, ...], outcome: ev.Outcome
) -> None:
    record = begin(
        ev.InteractionArrived(
            interaction_id=CALL,
            at=START,
            channel="",
            ani=Number(raw="1001"),
            dnis="4000",
            trunk="",
            direction=ev.Direction.OUTBOUND,
        )
    )
    for place, agent_id in enumerate(legs_of):
        leg = ev.LegStarted(interaction_id=CALL, at=at(1), leg_id=f"l{place}", channel="phone", agent_id=agent_id)
        record = fold(leg, record=record)
    assert outcome_of_hangup(record) is outcome
