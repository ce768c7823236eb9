"""What Asterisk was recorded to say in each situation leads to the right reports."""

from datetime import UTC, datetime

import pytest

from callcenter.app.floor import CallEnded, Message
from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.translate import Translator
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
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


def status(unique_id: str, *variables: str, bridge: str = "") -> AmiEvent:
    headers = (("Event", "Status"), ("Channel", "PJSIP/x-1"), ("ChannelState", "6"), ("Uniqueid", unique_id))
    return AmiEvent((*headers, ("BridgeID", bridge), *(("Variable", variable) for variable in variables)))


CALLER = status("cc1-1.1", "CC_ROLE=caller", "CC_ID=cc1-1.1", "CC_ENTERED=1772323200")


def hang_up(unique_id: str) -> AmiEvent:
    return AmiEvent((("Event", "Hangup"), ("Uniqueid", unique_id), ("Channel", "PJSIP/x-1"), ("Cause", "16")))


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
    entered = AmiEvent((("Event", "BridgeEnter"), ("Uniqueid", "cc1-1.1"), ("BridgeUniqueid", "b")))
    (talk,) = translator.handle(entered, NOW)
    assert isinstance(talk, cmd.ReportTalk)
    assert talk.agent_id == "1001"
