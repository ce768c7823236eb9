"""Who gets whom: longest idle, skills, priority, age; what happens when an agent does not take it."""

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import Phone, PhoneKind, PhoneStatus
from callcenter.domain.events import AgentPhoneChanged, OfferMade
from callcenter.domain.offers import OfferCause
from tests.simulation.floor import Floor, agent_config, ended_offers, names, need, queue_config, rings, seconds, stops


def test_the_agent_who_has_been_idle_longest_gets_the_caller() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.wait(5)
    floor.ready_agent("bo")
    assert rings(floor.enqueue("c1", "sales")) == [("anna", "c1")]
    assert rings(floor.enqueue("c2", "sales")) == [("bo", "c2")]


def test_agents_who_became_ready_in_the_same_instant_are_taken_by_id() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("bo")
    floor.ready_agent("anna")
    assert rings(floor.enqueue("c1", "sales")) == [("anna", "c1")]


def test_an_offer_says_event_before_order_and_carries_its_reason() -> None:
    floor = Floor()
    floor.queue("sales", need("billing", 3))
    floor.ready_agent("anna", {"billing": 4})
    floor.wait(131)
    assert names(floor.enqueue("c1", "sales", need("zh"), priority=2)) == ["InteractionQueued"]
    out = floor.ready_agent("bo", {"billing": 3, "zh": 1})[1:]
    assert names(out) == ["AgentStateChanged", "OfferMade", "RingAgent"]
    made = out[1]
    assert isinstance(made, OfferMade)
    assert made.offer.reason.text.en == "skills billing>=3 and zh>=1; longest idle 00:00:00; priority +2"
    assert made.offer.reason.text.zh == "技能 billing>=3 and zh>=1；空闲最久 00:00:00；优先级 +2"
    parts = {part.name: part.value for part in made.offer.reason.parts}
    assert parts == {
        "skills": "billing>=3 and zh>=1",
        "idle": "00:00:00",
        "ready_agents": "1",
        "choice": "longest_idle",
        "priority": "2",
    }


def test_the_reason_of_a_plain_offer_tells_the_idle_time_alone() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.wait(3731)
    floor.enqueue("c1", "sales")
    reason = floor.offer_to("anna").reason
    assert (reason.text.en, reason.text.zh) == ("longest idle 01:02:11", "空闲最久 01:02:11")


def test_an_agent_without_the_queues_skill_is_passed_over() -> None:
    floor = Floor()
    floor.queue("billing", need("billing"))
    floor.ready_agent("anna")
    floor.wait(60)
    floor.ready_agent("bo", {"billing": 1})
    assert rings(floor.enqueue("c1", "billing")) == [("bo", "c1")]


@pytest.mark.parametrize(("level", "rung"), [(2, False), (3, True), (10, True)])
def test_the_required_level_is_a_minimum(level: int, rung: bool) -> None:
    floor = Floor()
    floor.queue("billing", need("billing", 3))
    floor.ready_agent("anna", {"billing": level})
    assert bool(rings(floor.enqueue("c1", "billing"))) is rung


def test_what_the_interaction_itself_needs_comes_on_top_of_the_queues_needs() -> None:
    floor = Floor()
    floor.queue("sales", need("sales"))
    floor.ready_agent("anna", {"sales": 9})
    floor.ready_agent("bo", {"zh": 9})
    assert rings(floor.enqueue("c1", "sales", need("zh", 2))) == []
    assert rings(floor.ready_agent("carl", {"sales": 1, "zh": 2})) == [("carl", "c1")]


def test_a_caller_nobody_can_serve_does_not_hold_up_those_behind_him() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.enqueue("c1", "sales", need("finnish"))
    floor.wait(1)
    floor.enqueue("c2", "sales")
    assert rings(floor.ready_agent("anna")) == [("anna", "c2")]
    assert floor.waiting("sales") == ["c1", "c2"]


def test_higher_priority_goes_first_and_age_decides_among_equals() -> None:
    floor = Floor()
    floor.queue("sales")
    for name, priority in (("old", 0), ("vip", 5), ("young", 0), ("vip2", 5)):
        floor.enqueue(name, "sales", priority=priority)
        floor.wait(1)
    assert floor.waiting("sales") == ["vip", "vip2", "old", "young"]
    assert [floor.position(name) for name in ("vip", "vip2", "old", "young")] == [1, 2, 3, 4]
    for agent, caller in (("a", "vip"), ("b", "vip2"), ("c", "old"), ("d", "young")):
        assert rings(floor.ready_agent(agent)) == [(agent, caller)]


def test_over_several_queues_the_agent_gets_who_comes_first_of_all() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.queue("support")
    floor.enqueue("s1", "support", ago=50)
    floor.enqueue("c1", "sales", ago=60)
    floor.enqueue("c2", "sales", priority=1)
    assert [rings(floor.ready_agent(name)) for name in "abc"] == [[("a", "c2")], [("b", "c1")], [("c", "s1")]]


def test_one_caller_rings_only_one_of_two_agents() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.ready_agent("bo")
    assert rings(floor.enqueue("c1", "sales")) == [("anna", "c1")]
    assert (floor.state("anna"), floor.state("bo")) == ("offered", "ready")


def test_of_two_callers_the_one_agent_gets_the_first_and_then_the_second() -> None:
    floor = Floor()
    floor.queue("sales", wrap_up=0)
    floor.enqueue("c1", "sales")
    floor.wait(1)
    floor.enqueue("c2", "sales")
    assert rings(floor.ready_agent("anna")) == [("anna", "c1")]
    assert floor.position("c2") == 2
    floor.answer("anna")
    assert floor.position("c2") == 1
    assert rings(floor.hang_up("anna")) == [("anna", "c2")]


def test_rona_returns_the_caller_to_his_place() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.wait(1)
    floor.enqueue("c2", "sales")
    out = floor.fail("anna", OfferCause.NO_ANSWER)
    assert ended_offers(out) == [("anna", "rona")]
    assert floor.state("anna") == "not_ready(rona)"
    assert floor.waiting("sales") == ["c1", "c2"]
    assert rings(floor.ready("anna")) == [("anna", "c1")]


def test_after_rona_the_next_agent_is_rung_at_once() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.wait(1)
    floor.ready_agent("bo")
    floor.enqueue("c1", "sales")
    assert rings(floor.fail("anna", OfferCause.NO_ANSWER)) == [("bo", "c1")]


@pytest.mark.parametrize(
    ("cause", "outcome", "state"),
    [
        (OfferCause.NO_ANSWER, "rona", "not_ready(rona)"),
        (OfferCause.TIMEOUT, "rona", "not_ready(rona)"),
        (OfferCause.REJECTED, "rejected", "not_ready(rejected)"),
        (OfferCause.BUSY, "rejected", "not_ready(phone_busy)"),
        (OfferCause.UNREACHABLE, "rona", "not_ready(phone_unreachable)"),
    ],
)
def test_who_did_not_take_the_call_is_not_ready_and_the_reason_says_why(
    cause: OfferCause, outcome: str, state: str
) -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    assert ended_offers(floor.fail("anna", cause)) == [("anna", outcome)]
    assert floor.state("anna") == state
    assert floor.position("c1") == 1


def test_a_bridge_that_failed_is_not_the_agents_fault_and_he_is_tried_again_under_a_new_offer() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    first = floor.offer_to("anna").offer_id
    out = floor.fail("anna", OfferCause.BRIDGE_FAILED)
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert (rings(out), floor.state("anna")) == ([], "ready"), "he gets his breath back first"
    assert rings(floor.wait(1)) == [("anna", "c1")]
    assert floor.offer_to("anna").offer_id != first


def test_a_caller_found_gone_when_the_agent_answered_is_not_offered_again() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    out = floor.fail("anna", OfferCause.CALLER_LEFT)
    assert ended_offers(out) == [("anna", "abandoned")]
    assert (rings(out), stops(out), floor.state("anna")) == ([], [], "ready")
    assert floor.waiting("sales") == []
    assert floor.leave("c1") == []


def test_a_caller_wrongly_thought_gone_comes_back_to_his_place_with_his_next_question() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.wait(5)
    floor.enqueue("c2", "sales")
    out = floor.fail("anna", OfferCause.CALLER_LEFT)
    assert rings(out) == [("anna", "c2")]
    floor.enqueue("c1", "sales", ago=5)
    assert floor.waiting("sales") == ["c1", "c2"]


def test_who_was_rung_in_vain_through_no_fault_of_his_keeps_his_idle_time() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.wait(10)
    floor.ready_agent("bo")
    floor.enqueue("c1", "sales")
    floor.wait(3)
    floor.leave("c1")
    assert rings(floor.enqueue("c2", "sales")) == [("anna", "c2")]


@pytest.mark.parametrize("status", [PhoneStatus.BUSY, PhoneStatus.UNREACHABLE])
def test_an_agent_whose_phone_cannot_ring_is_passed_over_and_comes_back(status: PhoneStatus) -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.phone("anna", status)
    assert rings(floor.enqueue("c1", "sales")) == []
    out = floor.phone("anna", PhoneStatus.FREE)
    assert rings(out) == [("anna", "c1")]
    assert isinstance(out[0], AgentPhoneChanged)
    assert out[0].status is PhoneStatus.FREE


def test_the_phone_that_is_busy_with_our_own_call_is_not_busy() -> None:
    floor = Floor()
    floor.queue("sales", wrap_up=0)
    floor.ready_agent("anna")
    floor.phone("anna", PhoneStatus.FREE)
    floor.enqueue("c1", "sales")
    assert floor.phone("anna", PhoneStatus.BUSY) == []
    floor.answer("anna")
    assert floor.phone("anna", PhoneStatus.BUSY) == []
    floor.hang_up("anna")
    assert rings(floor.enqueue("c2", "sales")) == [("anna", "c2")]


def test_a_new_phone_rings_from_the_next_offer_on() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.phone("anna", PhoneStatus.UNREACHABLE)
    floor.enqueue("c1", "sales")
    outside = Phone(kind=PhoneKind.OUTSIDE, address="+442079460000")
    out = floor.change_phone("anna", outside)
    assert rings(out) == [("anna", "c1")]
    assert getattr(out[-1], "phone", None) == outside


def test_while_routing_is_stopped_nobody_is_rung_and_then_everyone_in_order() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.tell(cmd.StopRouting())
    floor.ready_agent("anna")
    floor.wait(1)
    floor.ready_agent("bo")
    floor.enqueue("c1", "sales")
    floor.wait(1)
    floor.enqueue("c2", "sales")
    assert rings(floor.said) == []
    assert not floor.engine.routing
    assert rings(floor.tell(cmd.StartRouting())) == [("anna", "c1"), ("bo", "c2")]


def test_offers_under_way_go_on_while_routing_is_stopped() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.tell(cmd.StopRouting())
    floor.answer("anna")
    assert floor.state("anna") == "talking"


def test_an_agent_who_learns_a_skill_gets_who_waited_for_it() -> None:
    floor = Floor()
    floor.queue("billing", need("billing", 5))
    floor.ready_agent("anna", {"billing": 4})
    floor.enqueue("c1", "billing")
    out = floor.tell(cmd.ConfigureAgent(config=agent_config("anna", {"billing": 5})))
    assert rings(out) == [("anna", "c1")]


def test_an_agent_who_loses_a_skill_gets_no_more_of_it() -> None:
    floor = Floor()
    floor.queue("billing", need("billing"))
    floor.ready_agent("anna", {"billing": 4})
    floor.tell(cmd.ConfigureAgent(config=agent_config("anna")))
    assert rings(floor.enqueue("c1", "billing")) == []
    assert floor.state("anna") == "ready"


def test_relaxing_a_queues_rules_serves_who_waits_in_it() -> None:
    floor = Floor()
    floor.queue("billing", need("billing", 5))
    floor.ready_agent("anna", {"billing": 2})
    floor.enqueue("c1", "billing")
    out = floor.tell(cmd.ConfigureQueue(config=queue_config("billing", need("billing", 2))))
    assert rings(out) == [("anna", "c1")]


def test_tightening_a_queues_rules_holds_from_the_next_offer_on() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.tell(cmd.ConfigureQueue(config=queue_config("sales", need("sales"))))
    assert rings(floor.enqueue("c1", "sales")) == []


def test_a_changed_ring_time_holds_from_the_next_offer_on() -> None:
    floor = Floor()
    floor.queue("sales", ring_timeout=20)
    floor.ready_agent("anna")
    floor.ready_agent("bo")
    floor.enqueue("c1", "sales")
    floor.tell(cmd.ConfigureQueue(config=queue_config("sales", ring_timeout=7)))
    out = floor.enqueue("c2", "sales")
    assert getattr(out[-1], "ring_timeout", None) == seconds(7)


def test_moving_to_another_queue_takes_the_place_there_before_anyone_is_chosen() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.queue("support")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.wait(1)
    floor.enqueue("c2", "support")
    assert rings(floor.move("c1", "support")) == [("anna", "c1")]


def test_moving_to_another_queue_ends_the_offer_and_takes_the_new_place() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.queue("support", need("support"))
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    out = floor.move("c1", "support")
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert len(stops(out)) == 1
    assert (floor.waiting("sales"), floor.waiting("support")) == ([], ["c1"])
    assert floor.state("anna") == "ready"
