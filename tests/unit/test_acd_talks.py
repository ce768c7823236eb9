"""From the ring to the end of wrap-up: answers, callers who leave, wishes for later, reports that come twice."""

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.events import AgentStateChanged, AgentWishChanged, InteractionConnected, Side, TalkEnded
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import OfferCause
from tests.simulation.floor import (
    Floor,
    ended_offers,
    names,
    queue_config,
    rings,
    seconds,
    state_of,
    stops,
    without_queues,
)


def talking_floor(*, wrap_up: float = 30) -> Floor:
    """Anna talks to c1 of sales."""
    floor = Floor()
    floor.queue("sales", wrap_up=wrap_up)
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.wait(3)
    floor.answer("anna")
    return floor


def test_an_answer_ends_the_offer_takes_the_caller_out_and_connects() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    offer_id = floor.offer_to("anna").offer_id
    out = floor.answer("anna")
    assert names(out) == ["OfferEnded", "AgentStateChanged", "InteractionConnected"]
    assert ended_offers(out) == [("anna", "answered")]
    connected = out[-1]
    assert isinstance(connected, InteractionConnected)
    assert (connected.queue_id, connected.offer_id) == ("sales", offer_id)
    assert floor.waiting("sales") == []
    assert (floor.state("anna"), floor.holds("anna")) == ("talking", "c1")


def test_a_caller_who_leaves_while_waiting_is_out_and_those_behind_move_up() -> None:
    floor = Floor()
    floor.queue("sales")
    for name in ("c1", "c2", "c3"):
        floor.enqueue(name, "sales")
        floor.wait(1)
    assert floor.leave("c2") == []
    assert [floor.position(name) for name in ("c1", "c2", "c3")] == [1, None, 2]


def test_a_caller_who_leaves_while_the_agent_rings_stops_the_ringing_and_frees_the_agent() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    offer_id = floor.offer_to("anna").offer_id
    out = floor.leave("c1")
    assert names(out) == ["OfferEnded", "StopRinging", "AgentStateChanged"]
    assert (ended_offers(out), stops(out)) == ([("anna", "abandoned")], [offer_id])
    assert (floor.state("anna"), floor.holds("anna")) == ("ready", None)


def test_the_agent_freed_by_a_caller_who_left_gets_the_next_one_at_once() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.enqueue("c2", "sales")
    assert rings(floor.leave("c1")) == [("anna", "c2")]


def test_a_caller_who_leaves_in_the_talk_ends_it_from_his_side() -> None:
    floor = talking_floor()
    out = floor.leave("c1")
    assert names(out) == ["TalkEnded", "AgentStateChanged"]
    assert isinstance(out[0], TalkEnded)
    assert out[0].side is Side.CALLER
    assert floor.state("anna") == "wrap_up"


def test_after_the_talk_comes_wrap_up_and_it_ends_by_itself() -> None:
    floor = talking_floor(wrap_up=30)
    floor.wait(60)
    floor.hang_up("anna")
    record = floor.record("anna")
    assert (floor.state("anna"), floor.holds("anna")) == ("wrap_up", "c1")
    assert record.wrap_up_until == floor.now + seconds(30)
    assert floor.engine.next_deadline() == floor.now + seconds(30)
    floor.wait(29.9)
    assert floor.state("anna") == "wrap_up"
    floor.wait(0.1)
    assert (floor.state("anna"), floor.holds("anna")) == ("ready", None)
    assert record.ready_since == floor.now
    assert floor.engine.next_deadline() is None


def test_the_end_of_wrap_up_brings_the_next_caller() -> None:
    floor = talking_floor(wrap_up=30)
    floor.enqueue("c2", "sales")
    floor.hang_up("anna")
    assert rings(floor.wait(30)) == [("anna", "c2")]


def test_ending_wrap_up_early_brings_the_next_caller_and_disarms_the_timer() -> None:
    floor = talking_floor(wrap_up=30)
    floor.hang_up("anna")
    floor.enqueue("c2", "sales")
    assert rings(floor.end_wrap_up("anna")) == [("anna", "c2")]
    floor.answer("anna")
    assert floor.engine.next_deadline() is None
    assert floor.wait(120) == []


@pytest.mark.parametrize(
    ("then", "reason", "state"),
    [
        (AgentState.READY, None, "ready"),
        (AgentState.NOT_READY, "lunch", "not_ready(lunch)"),
        (AgentState.LOGGED_OUT, None, "logged_out"),
    ],
)
def test_the_agent_says_what_comes_after_wrap_up(then: AgentState, reason: str | None, state: str) -> None:
    floor = talking_floor()
    floor.hang_up("anna")
    floor.end_wrap_up("anna", then, reason)
    assert floor.state("anna") == state


def test_a_queue_without_wrap_up_frees_the_agent_at_once() -> None:
    floor = talking_floor(wrap_up=0)
    floor.hang_up("anna")
    assert floor.state("anna") == "ready"


def test_saying_ready_in_wrap_up_ends_it() -> None:
    floor = talking_floor()
    floor.hang_up("anna")
    floor.ready("anna")
    assert floor.state("anna") == "ready"


def test_a_break_wished_for_during_the_talk_begins_after_wrap_up() -> None:
    floor = talking_floor()
    out = floor.not_ready("anna", "lunch")
    told = AgentWishChanged(agent_id=AgentId("anna"), at=floor.now, state=AgentState.NOT_READY, reason="lunch")
    assert without_queues(out) == [told]
    assert floor.state("anna") == "talking"
    assert floor.not_ready("anna", "lunch") == []
    floor.hang_up("anna")
    assert floor.state("anna") == "wrap_up"
    floor.wait(30)
    assert floor.state("anna") == "not_ready(lunch)"
    assert floor.record("anna").wish is None


def test_a_break_wished_for_begins_when_wrap_up_is_ended_by_hand() -> None:
    floor = talking_floor()
    floor.not_ready("anna", "lunch")
    floor.hang_up("anna")
    floor.end_wrap_up("anna")
    assert floor.state("anna") == "not_ready(lunch)"


def test_logging_out_in_a_talk_happens_after_it() -> None:
    floor = talking_floor(wrap_up=0)
    floor.log_out("anna")
    assert floor.state("anna") == "talking"
    floor.hang_up("anna")
    assert floor.state("anna") == "logged_out"


def test_the_last_wish_counts() -> None:
    floor = talking_floor(wrap_up=0)
    floor.log_out("anna")
    floor.not_ready("anna", "training")
    floor.hang_up("anna")
    assert floor.state("anna") == "not_ready(training)"


def test_a_wish_can_be_taken_back() -> None:
    floor = talking_floor(wrap_up=0)
    floor.not_ready("anna")
    told = AgentWishChanged(agent_id=AgentId("anna"), at=floor.now, state=None)
    assert without_queues(floor.ready("anna")) == [told]
    assert floor.ready("anna") == []
    floor.hang_up("anna")
    assert floor.state("anna") == "ready"


@pytest.mark.parametrize(("words", "state"), [("not_ready", "not_ready(lunch)"), ("log_out", "logged_out")])
def test_going_away_while_offered_withdraws_the_offer_and_rings_another(words: str, state: str) -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.wait(1)
    floor.ready_agent("bo")
    floor.enqueue("c1", "sales")
    offer_id = floor.offer_to("anna").offer_id
    out = floor.not_ready("anna") if words == "not_ready" else floor.log_out("anna")
    assert (ended_offers(out), stops(out)) == ([("anna", "withdrawn")], [offer_id])
    assert rings(out) == [("bo", "c1")]
    assert floor.state("anna") == state


def test_an_agent_who_answered_just_as_he_went_on_a_break_talks_and_then_has_it() -> None:
    floor = Floor()
    floor.queue("sales", wrap_up=0)
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    offer_id = floor.offer_to("anna").offer_id
    floor.not_ready("anna", "lunch")
    floor.talk(offer_id, "c1", "anna")
    assert (floor.state("anna"), floor.waiting("sales")) == ("talking", [])
    floor.hang_up("anna")
    assert floor.state("anna") == "not_ready(lunch)"


def test_an_agent_who_answered_just_after_he_was_given_up_is_ready_after_the_talk() -> None:
    floor = Floor()
    floor.queue("sales", wrap_up=0)
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    offer_id = floor.offer_to("anna").offer_id
    floor.fail("anna", OfferCause.NO_ANSWER)
    floor.talk(offer_id, "c1", "anna")
    floor.hang_up("anna")
    assert floor.state("anna") == "ready"


def test_someone_found_in_a_talk_while_logged_out_is_logged_out_again_after_it() -> None:
    floor = Floor()
    floor.queue("sales", wrap_up=0)
    floor.agent("anna")
    floor.talk("o1", "c1", "anna", "sales")
    assert floor.state("anna") == "talking"
    floor.hang_up("anna")
    assert floor.state("anna") == "logged_out"


def test_a_talk_of_one_agent_withdraws_the_offer_of_the_same_caller_to_another() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.wait(1)
    floor.ready_agent("bo")
    floor.enqueue("c1", "sales")
    first = floor.offer_to("anna").offer_id
    floor.fail("anna", OfferCause.NO_ANSWER)
    second = floor.offer_to("bo").offer_id
    out = floor.talk(first, "c1", "anna")
    assert (ended_offers(out), stops(out)) == ([("bo", "withdrawn")], [second])
    assert (floor.state("anna"), floor.state("bo")) == ("talking", "ready")


def test_a_talk_with_another_caller_gives_the_one_who_rang_back_to_the_queue() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.wait(1)
    floor.ready_agent("bo")
    floor.enqueue("c1", "sales")
    floor.phone("anna", floor.record("anna").phone_status)
    out = floor.talk("o9", "c9", "anna", "sales")
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert rings(out) == [("bo", "c1")]


def test_a_new_talk_of_the_agent_ends_the_one_whose_end_was_never_reported() -> None:
    floor = talking_floor()
    out = floor.talk("o2", "c2", "anna", "sales")
    assert names(out) == ["TalkEnded", "AgentStateChanged", "AgentStateChanged", "InteractionConnected"]
    assert (floor.state("anna"), floor.holds("anna")) == ("talking", "c2")
    assert floor.engine.picture.talking_interactions == {"c2": "anna"}
    assert floor.engine.next_deadline() is None


def test_a_wish_outlives_the_step_from_one_talk_into_the_next() -> None:
    floor = talking_floor(wrap_up=0)
    floor.not_ready("anna", "lunch")
    floor.talk("o2", "c2", "anna", "sales")
    floor.hang_up("anna")
    assert floor.state("anna") == "not_ready(lunch)"


def test_a_caller_seen_with_another_agent_is_with_the_first_no_more() -> None:
    floor = talking_floor()
    floor.agent("bo")
    floor.log_in("bo")
    out = floor.talk("o2", "c1", "bo", "sales")
    assert names(out)[0] == "TalkEnded"
    assert (floor.state("anna"), floor.state("bo")) == ("wrap_up", "talking")
    assert floor.engine.picture.talking_interactions == {"c1": "bo"}


# ---- reports that come twice, or too late


@pytest.mark.parametrize("stage", ["waiting", "ringing", "talking"])
def test_enqueuing_again_changes_nothing(stage: str) -> None:
    floor = Floor()
    floor.queue("sales")
    floor.enqueue("c1", "sales")
    if stage != "waiting":
        floor.ready_agent("anna")
    if stage == "talking":
        floor.answer("anna")
    before = state_of(floor.engine)
    floor.now += seconds(2)
    assert floor.enqueue("c1", "sales", ago=2) == []
    assert state_of(floor.engine) == before


def test_every_report_said_twice_is_heard_once() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    offer_id = floor.offer_to("anna").offer_id
    reports: list[cmd.Command] = [
        cmd.ReportTalk(offer_id=offer_id, interaction_id=InteractionId("c1"), agent_id=AgentId("anna")),
        cmd.ReportTalkEnded(offer_id=offer_id, side=Side.CALLER),
        cmd.Leave(interaction_id=InteractionId("c1")),
        cmd.EndWrapUp(agent_id=AgentId("anna")),
        cmd.ReportTalkEnded(offer_id=offer_id),
        cmd.LogIn(agent_id=AgentId("anna")),
        cmd.SetReady(agent_id=AgentId("anna")),
        cmd.SetNotReady(agent_id=AgentId("anna"), reason="lunch"),
        cmd.LogOut(agent_id=AgentId("anna")),
    ]
    for report in reports:
        floor.tell(report)
        before = state_of(floor.engine)
        if not isinstance(report, cmd.EndWrapUp):
            assert floor.tell(report) == [], report
        assert state_of(floor.engine) == before


@pytest.mark.parametrize("cause", list(OfferCause))
def test_a_late_word_about_an_offer_that_is_over_changes_nothing(cause: OfferCause) -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    old = floor.offer_to("anna").offer_id
    floor.fail("anna", OfferCause.NO_ANSWER)
    floor.ready("anna")
    before = state_of(floor.engine)
    assert floor.tell(cmd.ReportOfferFailed(offer_id=old, cause=cause)) == []
    assert floor.tell(cmd.ReportTalkEnded(offer_id=old)) == []
    assert state_of(floor.engine) == before


def test_the_end_of_an_unknown_talk_or_offer_changes_nothing() -> None:
    floor = talking_floor()
    before = state_of(floor.engine)
    assert floor.tell(cmd.ReportTalkEnded(offer_id=OfferId("ghost"))) == []
    assert floor.tell(cmd.ReportOfferFailed(offer_id=OfferId("ghost"), cause=OfferCause.BUSY)) == []
    assert floor.leave("ghost") == []
    assert state_of(floor.engine) == before


# ---- deadlines


def test_an_offer_nobody_reports_on_is_given_up_after_its_ringing_time_and_a_grace() -> None:
    floor = Floor()
    floor.queue("sales", ring_timeout=20)
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    offer_id = floor.offer_to("anna").offer_id
    assert floor.wait(24.9) == []
    out = floor.wait(0.1)
    assert (stops(out), ended_offers(out)) == ([offer_id], [("anna", "rona")])
    assert (floor.state("anna"), floor.position("c1")) == ("not_ready(rona)", 1)
    assert floor.engine.next_deadline() is None


def test_an_answered_offer_has_no_deadline_left() -> None:
    floor = talking_floor()
    assert floor.engine.next_deadline() is None
    assert floor.wait(3600) == []


def test_all_deadlines_that_passed_while_nobody_looked_are_done_at_once() -> None:
    floor = Floor()
    floor.queue("sales")
    for name in ("anna", "bo"):
        floor.ready_agent(name)
        floor.enqueue(f"c-{name}", "sales")
    floor.now += seconds(3600)
    out = floor.engine.handle_deadline(floor.now)
    assert sorted(ended_offers(out)) == [("anna", "rona"), ("bo", "rona")]


def test_a_clock_that_was_set_back_gives_no_negative_handle_time() -> None:
    floor = talking_floor(wrap_up=0)
    floor.now -= seconds(3600)
    floor.hang_up("anna")
    assert floor.engine.picture.queue(QueueId("sales")).handle_time.mean == seconds(162)


# ---- requests that cannot be


def _not_in_wrap_up(floor: Floor) -> None:
    floor.end_wrap_up("anna")


def _unknown_queue(floor: Floor) -> None:
    floor.enqueue("c9", "nowhere")


def _ready_while_logged_out(floor: Floor) -> None:
    floor.ready("carl")


def _break_while_logged_out(floor: Floor) -> None:
    floor.not_ready("carl")


def _unknown_agent(floor: Floor) -> None:
    floor.log_in("nobody")


def _talk_of_a_stranger(floor: Floor) -> None:
    floor.talk("o9", "c9", "nobody")


def _talk_in_somebody_elses_offer(floor: Floor) -> None:
    floor.talk(floor.offer_to("bo").offer_id, "c2", "carl")


def _talk_in_somebody_elses_talk(floor: Floor) -> None:
    offer_id = floor.record("anna").offer_id
    assert offer_id is not None
    floor.talk(offer_id, "c1", "carl")


def _after_wrap_up_talking(floor: Floor) -> None:
    floor.end_wrap_up("dora", AgentState.TALKING)


@pytest.mark.parametrize(
    ("request_it", "error", "code"),
    [
        (_not_in_wrap_up, Conflict, "no_wrap_up"),
        (_unknown_queue, NotFound, "unknown_queue"),
        (_ready_while_logged_out, Conflict, "agent_not_logged_in"),
        (_break_while_logged_out, Conflict, "agent_not_logged_in"),
        (_unknown_agent, NotFound, "unknown_agent"),
        (_talk_of_a_stranger, NotFound, "unknown_agent"),
        (_talk_in_somebody_elses_offer, Conflict, "offer_mismatch"),
        (_talk_in_somebody_elses_talk, Conflict, "offer_mismatch"),
        (_after_wrap_up_talking, InvalidValue, "invalid_value"),
    ],
)
def test_an_illegal_request_raises_and_changes_nothing(
    request_it: object, error: type[CallcenterError], code: str
) -> None:
    floor = Floor()
    floor.queue("sales", wrap_up=300)
    for agent, caller in (("anna", "c1"), ("dora", "c0")):
        floor.ready_agent(agent)
        floor.enqueue(caller, "sales")
        floor.answer(agent)
    floor.hang_up("dora")
    floor.ready_agent("bo")
    floor.agent("carl")
    floor.enqueue("c2", "sales")
    floor.enqueue("c3", "sales")
    before = state_of(floor.engine)
    assert callable(request_it)
    with pytest.raises(error) as caught:
        request_it(floor)
    assert caught.value.code == code
    assert state_of(floor.engine) == before


def test_the_state_changes_an_agent_goes_through_join_up() -> None:
    floor = talking_floor()
    floor.not_ready("anna")
    floor.hang_up("anna")
    floor.wait(30)
    floor.log_out("anna")
    changes = [said for said in floor.said if isinstance(said, AgentStateChanged)]
    assert [change.new for change in changes] == [
        AgentState.NOT_READY,
        AgentState.READY,
        AgentState.OFFERED,
        AgentState.TALKING,
        AgentState.WRAP_UP,
        AgentState.NOT_READY,
        AgentState.LOGGED_OUT,
    ]
    assert [change.old for change in changes[1:]] == [change.new for change in changes[:-1]]


def test_configuring_again_with_the_same_rules_changes_nothing() -> None:
    floor = talking_floor()
    before = state_of(floor.engine)
    floor.tell(cmd.ConfigureQueue(config=queue_config("sales")))
    assert state_of(floor.engine) == before
