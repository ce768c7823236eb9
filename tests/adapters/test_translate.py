"""What Asterisk was recorded to say in each situation leads to the right reports."""

from datetime import UTC, datetime, timedelta

import pytest

from callcenter.app.floor_messages import CallEnded, Message
from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.translate import Translator
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.callbacks import CustomerAnswer
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause
from tests.adapters.transcripts import events_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def reports(name: str) -> list[Message]:
    """Everything one recording leads to; the orders that were recorded are announced as the bridge would."""
    events = recorded(name)
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    caller = next((e["Uniqueid"] for e in events if e.get("Context") == "cc-inbound"), "cc1-0.0")
    for offer_id in offers_in(events):
        translator.expect(OfferId(offer_id), InteractionId(caller), AgentId(f"agent-of-{offer_id}"))
    return [report for event in events for report in translator.handle(event, NOW)]


def recorded(name: str) -> list[AmiEvent]:
    """The recording, with the ids as the bridge gives them: the order's id is the unique id of the leg it makes."""
    return [_as_ordered(event) for event in events_of(name)]


def _as_ordered(event: AmiEvent) -> AmiEvent:
    leg_id = event.get("Uniqueid", "")
    if event.get("Event") != "OriginateResponse" or leg_id in ("", "<null>"):
        return event
    return AmiEvent(tuple((name, leg_id if name == "ActionID" else value) for name, value in event.headers))


def offers_in(events: list[AmiEvent]) -> list[str]:
    ids = dict.fromkeys(e.action_id for e in events if e.get("Event") == "OriginateResponse")
    return [offer_id for offer_id in ids if offer_id]


def kinds(name: str) -> list[str]:
    return [type(report).__name__ for report in reports(name)]


def failures(name: str) -> list[OfferCause]:
    return [report.cause for report in reports(name) if isinstance(report, cmd.ReportOfferFailed)]


def test_an_answered_call_is_one_talk_that_the_agent_ended() -> None:
    told = kinds("answered_agent_hangs_up")
    assert told[:3] == ["LegStarted", "ReportTalk", "ReportTalkEnded"]
    ended = [r for r in reports("answered_agent_hangs_up") if isinstance(r, cmd.ReportTalkEnded)]
    assert ended[0].side is ev.Side.AGENT
    assert told.count("CallEnded") == 1


def test_a_caller_who_hangs_up_is_named_as_the_side() -> None:
    told = reports("answered_caller_hangs_up")
    ended = [r for r in told if isinstance(r, CallEnded)]
    assert [r.side for r in ended] == [ev.Side.CALLER]
    assert [r.side for r in told if isinstance(r, cmd.ReportTalkEnded)] == [ev.Side.CALLER]


def test_being_pulled_out_of_a_sound_is_no_hang_up() -> None:
    told = kinds("answered_out_of_stream_file")
    assert told.index("ReportTalk") < told.index("CallEnded")
    assert told.count("CallEnded") == 1


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("no_answer", OfferCause.NO_ANSWER),
        ("rejected_603", OfferCause.REJECTED),
        ("busy_486", OfferCause.BUSY),
        ("unavailable_480", OfferCause.NO_ANSWER),
        ("failed_500", OfferCause.UNREACHABLE),
        ("unregistered", OfferCause.UNREACHABLE),
        ("no_endpoint", OfferCause.UNREACHABLE),
        ("phone_gone", OfferCause.NO_ANSWER),
        ("agent_answers_after_caller_left", OfferCause.BRIDGE_FAILED),
    ],
)
def test_why_an_agent_s_leg_failed_is_told_once_and_rightly(name: str, cause: OfferCause) -> None:
    assert failures(name) == [cause]


def test_a_caller_who_leaves_the_queue_is_gone_once_by_his_own_hand() -> None:
    for name in ("caller_leaves_in_queue", "caller_leaves_in_stream_file"):
        ended = [r for r in reports(name) if isinstance(r, CallEnded)]
        assert [(r.side, r.cause) for r in ended] == [(ev.Side.CALLER, 16)]


def test_a_caller_whom_the_server_hung_up_did_not_leave_by_himself() -> None:
    ended = [r for r in reports("server_hangs_up_caller") if isinstance(r, CallEnded)]
    assert [r.side for r in ended] == [None]


def test_a_phone_that_is_awaited_ends_no_talk_and_its_return_is_the_same_talk() -> None:
    events = recorded("answered_agent_hangs_up")
    [offer_id] = [OfferId(one) for one in offers_in(events)]
    caller = InteractionId(next(e["Uniqueid"] for e in events if e.get("Context") == "cc-inbound"))
    ends = [e for e in events if e.get("Uniqueid") == offer_id and e.get("Event") in ("HangupRequest", "Hangup")]
    begins = events[: events.index(ends[0])]
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    translator.expect(offer_id, caller, AgentId("1001"))
    for event in begins:
        translator.handle(event, NOW)
    translator.begin_rejoin(offer_id, caller)
    assert not translator.is_parted(offer_id)
    assert [report for event in ends for report in translator.handle(event, NOW)] == []
    assert translator.is_parted(offer_id)
    translator.expect(offer_id, caller, AgentId("1001"))
    again = [e for e in begins if e.get("Uniqueid") == offer_id]
    told = [report for event in again for report in translator.handle(event, NOW)]
    assert cmd.ReportTalk(offer_id=offer_id, interaction_id=caller, agent_id=AgentId("1001")) in told
    assert told[-1] == cmd.ReportHold(offer_id=offer_id, on_hold=False)
    # From here on its end is the talk's end again.
    told = [report for event in ends for report in translator.handle(event, NOW)]
    assert [r.side for r in told if isinstance(r, cmd.ReportTalkEnded)][:1] == [ev.Side.AGENT]


def test_a_phone_that_fell_silent_in_the_talk_does_not_end_it() -> None:
    events = recorded("answered_agent_hangs_up")
    [offer_id] = offers_in(events)
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    caller = next(e["Uniqueid"] for e in events if e.get("Context") == "cc-inbound")
    translator.expect(OfferId(offer_id), InteractionId(caller), AgentId("1001"))
    is_end = [e.get("Uniqueid") == offer_id and e.get("Event") in ("HangupRequest", "Hangup") for e in events]
    for event in events[: is_end.index(True)]:
        translator.handle(event, NOW)
    hangup = next(e for e in events if e.get("Uniqueid") == offer_id and e.get("Event") == "Hangup")
    kept = [pair for pair in hangup.headers if not pair[1].startswith("CC_CONNECT")]
    assert translator.handle(AmiEvent((*kept, ("ChanVariable", "CC_CONNECT=lost"))), NOW) == []
    assert translator.is_parted(OfferId(offer_id))


def test_a_phone_that_does_not_come_back_ends_the_talk() -> None:
    events = recorded("answered_agent_hangs_up")
    [offer_id] = [OfferId(one) for one in offers_in(events)]
    caller = next(e["Uniqueid"] for e in events if e.get("Context") == "cc-inbound")
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    for event in [e for e in events if e.get("Uniqueid") == caller and e.get("Event") != "Hangup"]:
        translator.handle(event, NOW)
    translator.begin_rejoin(offer_id, InteractionId(caller))
    over = AmiEvent((("Event", "UserEvent"), ("UserEvent", "CcRejoinOver"), ("Uniqueid", caller), ("Offer", offer_id)))
    assert translator.handle(over, NOW) == [cmd.ReportTalkEnded(offer_id=offer_id, phone_lost=True)]
    assert not translator.is_parted(offer_id)


def test_two_agents_for_one_caller_give_one_talk() -> None:
    told = reports("two_agents_one_caller")
    assert len([r for r in told if isinstance(r, cmd.ReportTalk)]) == 1
    assert len([r for r in told if isinstance(r, cmd.ReportOfferFailed)]) == 1


@pytest.mark.parametrize(
    "name",
    ["answered_agent_hangs_up", "answered_caller_hangs_up", "rejected_603", "no_answer", "caller_leaves_in_queue"],
)
def test_every_event_twice_tells_nothing_that_was_over_anew(name: str) -> None:
    events = recorded(name)
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    for offer_id in offers_in(events):
        translator.expect(OfferId(offer_id), InteractionId("cc1-0.0"), AgentId("1001"))
    for event in events:
        translator.handle(event, NOW)
    again = [type(r).__name__ for event in events for r in translator.handle(event, NOW)]
    assert again == []


def test_whom_the_plain_queue_s_agent_served_was_answered() -> None:
    told = reports("fallback_queue_answers")
    assert not [r for r in told if isinstance(r, cmd.ReportTalk)]
    assert [r.outcome for r in told if isinstance(r, CallEnded)] == [ev.Outcome.ANSWERED]


# ---- callbacks, several agents, transfers, hold

CALLBACK, CUSTOMER = InteractionId("cb-cc1-1793000000.7"), "cb-cc1-1793000000.7-1."


def told_of(
    name: str,
    *,
    call: InteractionId = CALLBACK,
    offers: tuple[str, ...] = (),
    customer: bool = False,
    waiting: str | None = None,
) -> tuple[list[Message], Translator]:
    """What a recording of the present dialplan leads to, with the orders as the bridge gave them."""
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    for offer_id in offers:
        translator.expect(OfferId(offer_id), call, AgentId("1001"))
    if customer:
        translator.expect_customer(CALLBACK, 1, OfferId(waiting) if waiting else None)
    return [report for event in events_of(name) for report in translator.handle(event, NOW)], translator


def caller_in(name: str) -> InteractionId:
    return InteractionId(next(e["Uniqueid"] for e in events_of(name) if e.get("Context") == "cc-inbound"))


def in_short(told: list[Message]) -> list[str]:
    """The reports without those that only describe a leg."""
    return [type(r).__name__ for r in told if not isinstance(r, ev.LegStarted | ev.LegEnded)]


OFFER = f"{CALLBACK}-1001-1"


@pytest.mark.parametrize("announced", [True, False])
def test_a_customer_called_first_is_answered_once_and_then_a_caller_like_any_other(announced: bool) -> None:
    told, _ = told_of("callback_customer_first", offers=(OFFER,), customer=announced)
    assert in_short(told) == ["ReportCustomerCalled", "ReportTalk", "ReportTalkEnded", "CallEnded"] or in_short(
        told
    ) == ["ReportCustomerCalled", "ReportTalk", "CallEnded", "ReportTalkEnded"]
    assert [r.answer for r in told if isinstance(r, cmd.ReportCustomerCalled)] == [CustomerAnswer.ANSWERED]
    (ended,) = [r for r in told if isinstance(r, CallEnded)]
    assert (ended.interaction_id, ended.outcome, ended.side) == (CALLBACK, ev.Outcome.ANSWERED, ev.Side.CALLER)


@pytest.mark.parametrize("announced", [True, False])
def test_an_agent_called_first_waits_and_the_talk_is_his(announced: bool) -> None:
    waiting = OFFER if announced else None
    told, translator = told_of("callback_agent_first", offers=(OFFER,), customer=announced, waiting=waiting)
    assert in_short(told)[:3] == ["ReportAgentWaits", "ReportTalk", "ReportTalkEnded"]
    assert not [r for r in told if isinstance(r, cmd.ReportCustomerCalled | cmd.ReportOfferFailed)]
    assert next(r.side for r in told if isinstance(r, cmd.ReportTalkEnded)) is ev.Side.AGENT
    assert [r.outcome for r in told if isinstance(r, CallEnded)] == [ev.Outcome.ANSWERED]
    assert translator.take_orphans() == []


def test_an_agent_who_gives_up_takes_the_customer_s_phone_with_him() -> None:
    told, translator = told_of("callback_agent_gives_up", offers=(OFFER,), customer=True, waiting=OFFER)
    assert in_short(told) == ["ReportAgentWaits", "ReportOfferFailed", "ReportCustomerCalled"]
    assert [r.cause for r in told if isinstance(r, cmd.ReportOfferFailed)] == [OfferCause.REJECTED]
    assert [r.answer for r in told if isinstance(r, cmd.ReportCustomerCalled)] == [CustomerAnswer.FAILED]
    assert translator.take_orphans() == [CUSTOMER]
    assert translator.take_orphans() == []


@pytest.mark.parametrize(
    ("name", "answer"),
    [("callback_busy", CustomerAnswer.BUSY), ("callback_no_answer", CustomerAnswer.NO_ANSWER)],
)
@pytest.mark.parametrize("waiting", [None, OFFER])
def test_an_attempt_in_vain_is_no_end_of_the_callback(name: str, answer: CustomerAnswer, waiting: str | None) -> None:
    told, _ = told_of(name, customer=True, waiting=waiting)
    (report,) = told
    assert isinstance(report, cmd.ReportCustomerCalled)
    assert (report.interaction_id, report.answer) == (CALLBACK, answer)


def test_of_two_agents_at_the_same_instant_the_other_is_told_that_the_caller_is_taken() -> None:
    name = "two_agents_same_instant"
    call = caller_in(name)
    offers = tuple(f"{call}-{agent}-1700000000001" for agent in ("1001", "1002"))
    told, _ = told_of(name, call=call, offers=offers)
    (talk,) = [r for r in told if isinstance(r, cmd.ReportTalk)]
    (failed,) = [r for r in told if isinstance(r, cmd.ReportOfferFailed)]
    assert {talk.offer_id, failed.offer_id} == set(offers)
    assert failed.cause is OfferCause.TAKEN


def test_an_agent_who_answers_too_late_is_told_that_the_caller_has_left() -> None:
    call = caller_in("agent_answers_too_late")
    told, _ = told_of("agent_answers_too_late", call=call, offers=(f"{call}-1001-1700000000001",))
    assert [r.cause for r in told if isinstance(r, cmd.ReportOfferFailed)] == [OfferCause.CALLER_LEFT]


def test_a_talk_with_somebody_outside_is_a_transfer_and_no_agent_s() -> None:
    told, _ = told_of("transferred_out")
    assert in_short(told) == ["CallEnded"]
    assert [r.outcome for r in told if isinstance(r, CallEnded)] == [ev.Outcome.TRANSFERRED_OUT]


def test_a_hold_is_the_agent_s() -> None:
    call = caller_in("agent_holds")
    offer = f"{call}-1001-1700000000001"
    told, _ = told_of("agent_holds", call=call, offers=(offer,))
    assert [(r.offer_id, r.on_hold) for r in told if isinstance(r, cmd.ReportHold)] == [(offer, True), (offer, False)]


def test_an_order_that_is_repeated_is_refused_by_the_exchange_and_changes_nothing() -> None:
    events = list(events_of("callback_customer_first"))
    answered = next(n for n, event in enumerate(events) if event.get("UserEvent") == "CcCustomerWaits")
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    translator.expect_customer(CALLBACK, 1, None)
    for event in events[: answered + 1]:
        translator.handle(event, NOW)
    translator.expect_customer(CALLBACK, 1, None)
    refused = AmiEvent(
        (("Event", "OriginateResponse"), ("ActionID", CUSTOMER), ("Response", "Failure"), ("Uniqueid", CUSTOMER))
    )
    assert translator.handle(refused, NOW) == []


def test_an_order_that_came_to_no_leg_has_failed_once() -> None:
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    translator.expect_customer(CALLBACK, 1, None)
    refused = AmiEvent((("Event", "OriginateResponse"), ("ActionID", CUSTOMER), ("Response", "Failure")))
    (report,) = translator.handle(refused, NOW)
    assert isinstance(report, cmd.ReportCustomerCalled)
    assert report.answer is CustomerAnswer.FAILED
    assert translator.handle(refused, NOW) == []
    translator.expect_customer(CALLBACK, 2, None)
    assert len(translator.customer_failed(CALLBACK, 2)) == 1


def test_the_list_tells_of_a_callback_s_legs_what_they_are() -> None:
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    customer = status(
        CUSTOMER, "CC_ROLE=caller", f"CC_ID={CALLBACK}", "CC_ATTEMPT=1", f"CC_OFFER={OFFER}", "CC_STATE=stage=queue"
    )
    agent = status(OFFER, "CC_ROLE=agent", f"CC_ID={CALLBACK}", f"CC_OFFER={OFFER}", "CC_AGENT=1001", "CC_ABSENT=1")
    strangers = [
        status(f"{CALLBACK}-1", "CC_ROLE=caller", f"CC_ID={CALLBACK}"),
        status("cb-x-1.", "CC_ROLE=caller", f"CC_ID={CALLBACK}"),
        status(f"{CALLBACK}-x.", "CC_ROLE=caller", f"CC_ID={CALLBACK}"),
    ]
    one, two = translator.snapshot([customer, agent, *strangers], NOW, restarted=False).legs
    assert (one.attempt, one.offer_id, one.interaction_id, one.waits) == (1, OFFER, CALLBACK, False)
    assert (two.agent_id, two.waits) == ("1001", True)
    assert translator.take_orphans() == []
    translator.snapshot([customer], NOW, restarted=False)
    assert translator.take_orphans() == [CUSTOMER]


def status(unique_id: str, *variables: str, bridge: str = "") -> AmiEvent:
    headers = (("Event", "Status"), ("Channel", "PJSIP/x-1"), ("ChannelState", "6"), ("Uniqueid", unique_id))
    return AmiEvent((*headers, ("BridgeID", bridge), *(("Variable", variable) for variable in variables)))


CALLER = status("cc1-1.1", "CC_ROLE=caller", "CC_ID=cc1-1.1", "CC_ENTERED=1772323200")


def hang_up(unique_id: str) -> AmiEvent:
    return AmiEvent((("Event", "Hangup"), ("Uniqueid", unique_id), ("Channel", "PJSIP/x-1"), ("Cause", "16")))


def entered(unique_id: str) -> AmiEvent:
    return AmiEvent((("Event", "BridgeEnter"), ("Uniqueid", unique_id), ("BridgeUniqueid", "b")))


def test_the_list_tells_when_a_caller_came() -> None:
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    (leg,) = translator.snapshot([CALLER], NOW, restarted=False).legs
    assert leg.started_at == datetime(2026, 3, 1, tzinfo=UTC)
    for value in ("", "(null)", "soon", "9" * 40):
        other = Translator(lambda raw, _presentation: Number(raw=raw))
        channel = status("cc1-1.1", "CC_ROLE=caller", "CC_ID=cc1-1.1", f"CC_ENTERED={value}")
        assert other.snapshot([channel], NOW, restarted=False).legs[0].started_at is None


def test_a_list_that_is_older_than_a_hang_up_does_not_bring_the_leg_back() -> None:
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    translator.snapshot([CALLER], NOW, restarted=False)
    assert len(translator.handle(hang_up("cc1-1.1"), NOW)) == 1
    assert translator.snapshot([CALLER], NOW, restarted=False).legs == ()
    assert translator.handle(hang_up("cc1-1.1"), NOW) == []


def test_a_list_that_is_older_than_a_bridge_does_not_take_the_leg_out_of_it() -> None:
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    offer = "cc1-1.1-1001-5"
    agent = status(offer, "CC_ROLE=agent", "CC_ID=cc1-1.1", f"CC_OFFER={offer}", "CC_AGENT=1001")
    translator.snapshot([CALLER, agent], NOW, restarted=False)
    asked_at, then = NOW + timedelta(seconds=5), NOW + timedelta(seconds=5, milliseconds=1)
    assert translator.handle(entered("cc1-1.1"), then) == []
    assert translator.snapshot([CALLER, agent], asked_at, restarted=False).legs[0].bridge_id == "b"
    (talk,) = translator.handle(entered(offer), then)
    assert isinstance(talk, cmd.ReportTalk)
    # The next list is newer, and tells what no event has told.
    assert translator.snapshot([CALLER, agent], NOW + timedelta(seconds=10), restarted=False).legs[0].bridge_id is None


def test_one_list_without_a_leg_may_be_older_than_it_two_are_its_end() -> None:
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    translator.snapshot([CALLER], NOW, restarted=False)
    translator.snapshot([], NOW, restarted=False)
    translator.snapshot([CALLER], NOW, restarted=False)
    translator.snapshot([], NOW, restarted=False)
    assert len(translator.handle(hang_up("cc1-1.1"), NOW)) == 1
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    translator.snapshot([CALLER], NOW, restarted=False)
    for _ in range(2):
        translator.snapshot([], NOW, restarted=False)
    assert translator.handle(hang_up("cc1-1.1"), NOW) == []


def test_an_agent_s_leg_seen_first_in_an_event_learns_whose_it_is_from_the_list() -> None:
    translator = Translator(lambda raw, _presentation: Number(raw=raw))
    offer = "cc1-1.1-1001-5"
    variables = ("CC_ROLE=agent", "CC_ID=cc1-1.1", f"CC_OFFER={offer}")
    event = AmiEvent(
        (("Event", "Newstate"), ("Uniqueid", offer), *(("ChanVariable", variable) for variable in variables))
    )
    assert translator.handle(event, NOW) == []
    agent = status(offer, *variables, "CC_AGENT=1001", bridge="b")
    translator.snapshot([status("cc1-1.1", "CC_ROLE=caller", "CC_ID=cc1-1.1", bridge="b"), agent], NOW, restarted=False)
    (talk,) = translator.handle(entered("cc1-1.1"), NOW)
    assert isinstance(talk, cmd.ReportTalk)
    assert talk.agent_id == "1001"
