"""Several agents rung at once for one caller: the first gets him, the others miss nothing."""

from dataclasses import replace

from callcenter.domain.agents import QueuePreference
from callcenter.domain.events import OfferEnded
from callcenter.domain.ids import QueueId
from callcenter.domain.offers import OfferCause, OfferOutcome
from callcenter.domain.queues import QueueConfig
from tests.simulation.floor import Floor, agent_config, ended_offers, queue_config, rings, rung_by, seconds, stops


def several(count: int, *, rona_limit: int = 1) -> QueueConfig:
    return replace(queue_config("sales", wrap_up=0, rona_limit=rona_limit), ring_several=count)


def floor_with(*agents: str, count: int = 2) -> Floor:
    floor = Floor()
    floor.rules(several(count))
    for name in agents:
        floor.ready_agent(name)
        floor.wait(1)
    return floor


def test_so_many_agents_ring_at_once_in_the_order_of_choice() -> None:
    floor = floor_with("anna", "bo", "carl")
    assert rung_by(floor.enqueue("c1", "sales")) == ["anna", "bo"]
    assert rung_by(floor.enqueue("c2", "sales")) == ["carl"]


def test_the_first_who_answers_gets_him_and_the_others_stop_and_miss_nothing() -> None:
    floor = floor_with("anna", "bo", "carl", count=3)
    floor.enqueue("c1", "sales")
    rivals = [floor.offer_to(name).offer_id for name in ("anna", "carl")]
    out = floor.answer("bo")
    ended = {(o.agent_id, o.outcome, o.cause) for o in out if isinstance(o, OfferEnded)}
    assert ended == {
        ("anna", OfferOutcome.WITHDRAWN, OfferCause.TAKEN),
        ("carl", OfferOutcome.WITHDRAWN, OfferCause.TAKEN),
        ("bo", OfferOutcome.ANSWERED, None),
    }
    assert sorted(stops(out)) == sorted(rivals)
    assert [floor.state(name) for name in ("anna", "bo", "carl")] == ["ready", "talking", "ready"]
    assert [floor.record(name).misses for name in ("anna", "carl")] == [0, 0]
    assert floor.record("anna").ready_since == floor.now - seconds(3)


def test_the_others_get_the_next_callers_at_once() -> None:
    floor = floor_with("anna", "bo", count=2)
    floor.enqueue("c1", "sales")
    floor.enqueue("c2", "sales")
    assert rings(floor.answer("bo")) == [("anna", "c2")]


def test_an_agent_who_becomes_free_joins_the_ringing() -> None:
    floor = floor_with("anna")
    floor.enqueue("c1", "sales")
    assert rings(floor.ready_agent("bo")) == [("bo", "c1")]
    assert rings(floor.ready_agent("carl")) == []


def test_who_rings_nowhere_yet_comes_before_who_rings_already() -> None:
    floor = floor_with("anna")
    floor.enqueue("c1", "sales", priority=9)
    floor.enqueue("c2", "sales")
    assert rings(floor.ready_agent("bo")) == [("bo", "c2")]
    assert rings(floor.ready_agent("carl")) == [("carl", "c1")]
    assert rings(floor.ready_agent("dora")) == [("dora", "c2")]


def test_one_who_misses_is_replaced_and_the_others_ring_on() -> None:
    floor = floor_with("anna", "bo", "carl")
    floor.enqueue("c1", "sales")
    out = floor.fail("anna", OfferCause.NO_ANSWER)
    assert ended_offers(out) == [("anna", "rona")]
    assert rings(out) == [("carl", "c1")]
    assert floor.holds("bo") == "c1"
    assert floor.state("anna") == "not_ready(rona)"


def test_when_the_caller_leaves_all_stop() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c1", "sales")
    offers = [floor.offer_to(name).offer_id for name in ("anna", "bo")]
    out = floor.leave("c1")
    assert ended_offers(out) == [("anna", "abandoned"), ("bo", "abandoned")]
    assert stops(out) == offers
    assert [floor.state(name) for name in ("anna", "bo")] == ["ready", "ready"]


def test_when_one_finds_the_caller_gone_the_phones_of_the_others_stop() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c1", "sales")
    bos = floor.offer_to("bo").offer_id
    out = floor.fail("anna", OfferCause.CALLER_LEFT)
    assert stops(out) == [bos]
    assert [floor.state(name) for name in ("anna", "bo")] == ["ready", "ready"]


def test_going_away_ends_the_own_offer_alone() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c1", "sales")
    assert ended_offers(floor.not_ready("anna")) == [("anna", "withdrawn")]
    assert floor.holds("bo") == "c1"


def test_an_agent_who_holds_back_joins_when_his_time_has_come() -> None:
    floor = floor_with("anna")
    preference = {QueueId("sales"): QueuePreference(delay=seconds(10))}
    floor.at_work(replace(agent_config("bo"), preferences=preference))
    assert rung_by(floor.enqueue("c1", "sales")) == ["anna"]
    assert rung_by(floor.wait(9)) == []
    assert rung_by(floor.wait(1)) == ["bo"]


def test_ringing_several_may_be_switched_on_and_off_while_it_rings() -> None:
    floor = floor_with("anna", "bo", "carl", "dora", count=1)
    assert rung_by(floor.enqueue("c1", "sales")) == ["anna"]
    assert rung_by(floor.rules(several(3))) == ["bo", "carl"]
    assert rung_by(floor.rules(several(1))) == []
    assert [floor.holds(name) for name in ("anna", "bo", "carl")] == ["c1", "c1", "c1"]
    assert rung_by(floor.fail("anna", OfferCause.BRIDGE_FAILED)) == []


def test_a_caller_moved_to_another_queue_rings_there_by_its_own_rule() -> None:
    floor = floor_with("anna", "bo")
    floor.queue("support")
    floor.enqueue("c1", "sales")
    out = floor.move("c1", "support")
    assert ended_offers(out) == [("anna", "withdrawn"), ("bo", "withdrawn")]
    assert rung_by(out) == ["anna"]


def test_the_talk_of_one_ends_whatever_else_he_was_rung_for() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c1", "sales")
    floor.enqueue("c2", "sales")
    out = floor.talk("unknown", "c2", "anna")
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert floor.holds("bo") == "c1"
    assert floor.waiting("sales") == ["c1"]
