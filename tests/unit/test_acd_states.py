"""What an agent goes through: hold, wrap-up that is extended, misses in a row, time limits, and being forced."""

from dataclasses import replace

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, NotReadyReason, PhoneStatus
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import AgentId
from callcenter.domain.offers import OfferCause
from tests.simulation.floor import Floor, names, queue_config, rings, seconds, state_of

ANNA = AgentId("anna")


def talking(*, wrap_up: float = 30) -> Floor:
    floor = Floor()
    floor.rules(replace(queue_config("sales", wrap_up=wrap_up), wrap_up_limit=seconds(100)))
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    return floor


def hold(floor: Floor, on_hold: bool) -> list[object]:
    offer_id = floor.record("anna").offer_id
    assert offer_id is not None
    return list(floor.tell(cmd.ReportHold(offer_id=offer_id, on_hold=on_hold)))


def test_hold_is_a_state_of_its_own_in_the_same_talk() -> None:
    floor = talking()
    out = hold(floor, True)
    assert [type(o).__name__ for o in out] == ["AgentStateChanged", "HoldChanged"]
    assert (floor.state("anna"), floor.holds("anna")) == ("hold", "c1")
    assert hold(floor, True) == []
    hold(floor, False)
    assert floor.state("anna") == "talking"


def test_a_talk_may_end_on_hold() -> None:
    floor = talking()
    floor.wait(50)
    hold(floor, True)
    floor.wait(50)
    floor.hang_up("anna")
    assert floor.state("anna") == "wrap_up"
    assert floor.record("anna").day.busy == seconds(100)


def test_hold_of_a_talk_that_is_over_changes_nothing() -> None:
    floor = talking()
    offer_id = floor.record("anna").offer_id
    assert offer_id is not None
    floor.hang_up("anna")
    before = state_of(floor.engine)
    assert floor.tell(cmd.ReportHold(offer_id=offer_id, on_hold=True)) == []
    assert state_of(floor.engine) == before


def test_wrap_up_can_be_extended_up_to_the_queues_limit_and_no_further() -> None:
    floor = talking()
    floor.hang_up("anna")
    floor.wait(20)
    (told,) = floor.tell(cmd.ExtendWrapUp(agent_id=ANNA, by=seconds(40)))
    assert isinstance(told, ev.WrapUpExtended)
    assert told.wrap_up_until == floor.now + seconds(50)
    floor.wait(30)
    assert floor.state("anna") == "wrap_up"
    floor.tell(cmd.ExtendWrapUp(agent_id=ANNA, by=seconds(500)))
    assert floor.record("anna").wrap_up_until == floor.now + seconds(50)
    with pytest.raises(Conflict, match="wrap-up may last 100 s at most"):
        floor.tell(cmd.ExtendWrapUp(agent_id=ANNA, by=seconds(1)))
    floor.wait(49)
    assert floor.state("anna") == "wrap_up"
    floor.wait(1)
    assert floor.state("anna") == "ready"


def test_wrap_up_is_not_shortened_by_extending_it() -> None:
    floor = talking()
    floor.hang_up("anna")
    with pytest.raises(InvalidValue, match="only be made longer"):
        floor.tell(cmd.ExtendWrapUp(agent_id=ANNA, by=seconds(-5)))


def test_only_wrap_up_can_be_extended() -> None:
    floor = talking()
    with pytest.raises(Conflict, match="has no wrap-up"):
        floor.tell(cmd.ExtendWrapUp(agent_id=ANNA, by=seconds(5)))


def test_from_wrap_up_straight_to_a_break() -> None:
    floor = talking()
    floor.hang_up("anna")
    floor.enqueue("c2", "sales")
    assert rings(floor.end_wrap_up("anna", AgentState.NOT_READY, "lunch")) == []
    assert floor.state("anna") == "not_ready(lunch)"


@pytest.mark.parametrize("state", ["ready", "offered", "talking", "hold", "wrap_up", "not_ready"])
def test_a_supervisor_can_force_a_break_in_every_state(state: str) -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    if state in ("offered", "talking", "hold", "wrap_up"):
        floor.enqueue("c1", "sales")
    if state in ("talking", "hold", "wrap_up"):
        floor.answer("anna")
    if state == "hold":
        hold(floor, True)
    if state == "wrap_up":
        floor.hang_up("anna")
    if state == "not_ready":
        floor.not_ready("anna")
    assert floor.record("anna").state == state
    out = floor.tell(cmd.SetNotReady(agent_id=ANNA, reason="forced", by="sue"))
    if state in ("talking", "hold"):
        (wished,) = [o for o in out if isinstance(o, ev.AgentWishChanged)]
        assert (wished.state, wished.reason, wished.by) == ("not_ready", "forced", "sue")
        floor.hang_up("anna")
        out = floor.wait(60)
    (changed,) = [o for o in out if isinstance(o, ev.AgentStateChanged)]
    assert (changed.new, changed.reason, changed.by) == ("not_ready", "forced", "sue")
    assert floor.record("anna").by == "sue"
    if state == "offered":
        assert floor.waiting("sales") == ["c1"]


@pytest.mark.parametrize("word", [cmd.LogOut(agent_id=ANNA, by="sue"), cmd.SetReady(agent_id=ANNA, by="sue")])
def test_a_supervisor_can_log_out_and_make_ready(word: cmd.LogOut | cmd.SetReady) -> None:
    floor = Floor()
    floor.agent("anna")
    floor.log_in("anna")
    (changed,) = [o for o in floor.tell(word) if isinstance(o, ev.AgentStateChanged)]
    assert changed.by == "sue"
    assert changed.new == ("logged_out" if isinstance(word, cmd.LogOut) else "ready")


def test_a_wish_can_be_for_another_break_than_the_one_asked_for_first() -> None:
    floor = talking(wrap_up=0)
    floor.not_ready("anna", "lunch")
    floor.not_ready("anna", "training")
    floor.hang_up("anna")
    assert floor.state("anna") == "not_ready(training)"


def test_so_many_misses_in_a_row_set_him_not_ready_and_in_between_he_rests() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", rona_limit=3))
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    for _ in range(2):
        assert rings(floor.fail("anna", OfferCause.NO_ANSWER)) == []
        assert floor.state("anna") == "ready"
        assert rings(floor.wait(4.999)) == []
        assert rings(floor.wait(0.001)) == [("anna", "c1")]
    assert names(floor.fail("anna", OfferCause.NO_ANSWER)) == ["OfferEnded", "AgentStateChanged"]
    assert floor.state("anna") == "not_ready(rona)"


def test_while_one_rests_the_other_is_rung() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", rona_limit=3))
    floor.ready_agent("anna")
    floor.wait(1)
    floor.ready_agent("bo")
    floor.enqueue("c1", "sales")
    assert rings(floor.fail("anna", OfferCause.NO_ANSWER)) == [("bo", "c1")]
    assert rings(floor.enqueue("c2", "sales")) == []
    assert rings(floor.wait(5)) == [("anna", "c2")]


def test_an_answer_forgets_the_misses_before_it() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", rona_limit=2, wrap_up=0))
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.fail("anna", OfferCause.NO_ANSWER)
    floor.wait(5)
    floor.answer("anna")
    floor.hang_up("anna")
    floor.enqueue("c2", "sales")
    floor.fail("anna", OfferCause.NO_ANSWER)
    assert floor.state("anna") == "ready"


def test_saying_ready_forgets_the_misses_too() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", rona_limit=2))
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.fail("anna", OfferCause.NO_ANSWER)
    floor.not_ready("anna")
    floor.ready("anna")
    assert floor.record("anna").misses == 0


@pytest.mark.parametrize(
    ("cause", "state"),
    [(OfferCause.REJECTED, "not_ready(rejected)"), (OfferCause.BUSY, "not_ready(phone_busy)")],
)
def test_a_refusal_is_no_miss_and_counts_at_once(cause: OfferCause, state: str) -> None:
    floor = Floor()
    floor.rules(queue_config("sales", rona_limit=3))
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.fail("anna", cause)
    assert floor.state("anna") == state


def limited(*, limit: float | None = 600, warn: float = 60) -> Floor:
    floor = Floor()
    reason = NotReadyReason(code="lunch", limit=None if limit is None else seconds(limit), warn_before=seconds(warn))
    floor.tell(cmd.ConfigureReasons(reasons=(reason,)))
    floor.ready_agent("anna")
    return floor


def test_a_break_with_a_limit_warns_before_it_and_says_when_it_is_over() -> None:
    floor = limited()
    floor.not_ready("anna")
    assert [type(o) for o in floor.wait(539)] == []
    near, over = floor.wait(1), floor.wait(60)
    assert [(o.limit, o.reason) for o in near if isinstance(o, ev.AgentTimeLimit)] == [("near", "lunch")]
    assert [(o.limit, o.reason) for o in over if isinstance(o, ev.AgentTimeLimit)] == [("over", "lunch")]
    assert floor.wait(10_000) == []
    assert floor.state("anna") == "not_ready(lunch)"


def test_who_comes_back_in_time_hears_nothing() -> None:
    floor = limited()
    floor.not_ready("anna")
    floor.wait(500)
    floor.ready("anna")
    assert floor.wait(1000) == []


def test_another_reason_begins_its_own_time() -> None:
    floor = limited()
    floor.not_ready("anna")
    floor.wait(500)
    floor.not_ready("anna", "training")
    assert floor.wait(1000) == []
    floor.not_ready("anna", "lunch")
    assert floor.wait(539) == []
    assert names(floor.wait(1)) == ["AgentTimeLimit"]


def test_a_limit_shorter_than_its_warning_warns_at_once() -> None:
    floor = limited(limit=30)
    floor.not_ready("anna")
    assert names(floor.wait(0)) == ["AgentTimeLimit"]
    assert names(floor.wait(30)) == ["AgentTimeLimit"]


def test_a_limit_set_while_he_is_away_counts_from_the_begin_and_is_told_once() -> None:
    floor = limited(limit=None)
    floor.not_ready("anna")
    floor.wait(590)
    reasons = cmd.ConfigureReasons(reasons=(NotReadyReason(code="lunch", limit=seconds(600)),))
    floor.tell(reasons)
    assert names(floor.wait(0)) == ["AgentTimeLimit"]
    floor.tell(reasons)
    assert names(floor.wait(9)) == []
    assert names(floor.wait(1)) == ["AgentTimeLimit"]
    floor.tell(reasons)
    assert floor.wait(1000) == []


def test_an_agent_in_a_talk_with_a_wish_is_reckoned_as_gone() -> None:
    floor = talking()
    assert floor.engine.picture.serving_agents(floor.place_queue()) == 1
    out = floor.not_ready("anna")
    assert "QueueUnserved" in [type(o).__name__ for o in out]
    assert floor.engine.picture.serving_agents(floor.place_queue()) == 0
    out = floor.ready("anna")
    assert "QueueServed" in [type(o).__name__ for o in out]


def test_an_agent_whose_phone_is_out_of_reach_serves_nobody() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    out = floor.phone("anna", PhoneStatus.UNREACHABLE)
    assert [type(o).__name__ for o in out] == ["AgentPhoneChanged", "QueueUnserved"]
