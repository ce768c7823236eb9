"""What a supervisor does with those who wait: move, another priority, pick; and rules that change under way."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState
from callcenter.domain.callers import CallerTraits
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.events import InteractionQueued, InteractionReserved
from callcenter.domain.ids import AgentId, InteractionId, QueueId
from callcenter.domain.offers import OfferCause
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import Boosts, QueueLimits
from tests.simulation.floor import Floor, ended_offers, need, queue_config, rings, seconds, state_of


def floor_with(*agents: str) -> Floor:
    floor = Floor()
    floor.queue("sales", wrap_up=0)
    floor.queue("support", wrap_up=0)
    for name in agents:
        floor.ready_agent(name)
        floor.wait(1)
    return floor


def test_a_moved_caller_keeps_his_age_and_is_told_by_whom() -> None:
    floor = floor_with()
    floor.enqueue("c1", "sales", priority=3)
    came = floor.now
    floor.wait(60)
    floor.enqueue("s1", "support", priority=3, ago=30)
    queued = next(o for o in floor.move("c1", "support") if isinstance(o, InteractionQueued))
    assert (queued.entered_at, queued.placed_at, queued.by) == (came, floor.now, "sue")
    assert floor.waiting("support") == ["c1", "s1"]
    assert floor.move("c1", "support") == []


def test_a_move_does_not_ask_the_rules_for_newcomers() -> None:
    floor = floor_with()
    limits = QueueLimits(max_waiting=0, when_full=Overflow(kind=OverflowKind.MESSAGE))
    floor.rules(replace(queue_config("support"), limits=limits))
    floor.enqueue("c1", "sales")
    floor.move("c1", "support")
    assert floor.waiting("support") == ["c1"]


@pytest.mark.parametrize("name", ["nobody", "talking"])
def test_only_who_waits_can_be_moved_picked_or_given_a_priority(name: str) -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("talking", "sales")
    floor.answer("anna")
    before = state_of(floor.engine)
    acts: list[Callable[[], object]] = [
        lambda: floor.move(name, "support"),
        lambda: floor.set_priority(name, 4),
        lambda: floor.pick(name, "bo"),
    ]
    for act in acts:
        with pytest.raises(NotFound, match=f"interaction {name} does not wait"):
            act()
    assert state_of(floor.engine) == before


def test_nobody_is_moved_into_a_queue_that_is_not_there() -> None:
    floor = floor_with("anna")
    floor.enqueue("c1", "sales")
    before = state_of(floor.engine)
    with pytest.raises(NotFound, match="there is no queue nowhere"):
        floor.move("c1", "nowhere")
    assert state_of(floor.engine) == before


def test_a_priority_changed_while_he_rings_leaves_him_ringing_and_counts_afterwards() -> None:
    floor = floor_with("anna")
    floor.enqueue("c1", "sales")
    floor.enqueue("c2", "sales")
    floor.set_priority("c1", -5)
    assert floor.holds("anna") == "c1"
    assert rings(floor.fail("anna", OfferCause.BRIDGE_FAILED)) == []
    assert rings(floor.wait(1)) == [("anna", "c2")]


def test_a_picked_caller_is_the_next_of_his_agent_whoever_comes_first() -> None:
    floor = floor_with("anna")
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.enqueue("vip", "sales", priority=99)
    floor.enqueue("c1", "support")
    kept = next(o for o in floor.pick("c1", "anna") if isinstance(o, InteractionReserved))
    assert (kept.agent_id, kept.until, kept.by) == ("anna", floor.now + seconds(120), "sue")
    assert rings(floor.ready_agent("bo")) == [("bo", "vip")]
    assert rings(floor.hang_up("anna")) == [("anna", "c1")]
    assert "picked for this agent" in floor.offer_to("anna").reason.text.en


def test_a_pick_needs_no_skill() -> None:
    floor = floor_with("anna")
    floor.enqueue("c1", "sales", need("zh", 9))
    assert rings(floor.pick("c1", "anna")) == [("anna", "c1")]


def test_picking_who_rings_at_another_takes_him_from_there() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c1", "sales")
    out = floor.pick("c1", "bo")
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert rings(out) == [("bo", "c1")]
    assert floor.state("anna") == "ready"


def test_picking_who_rings_at_that_agent_already_changes_nothing_of_the_ringing() -> None:
    floor = floor_with("anna")
    floor.enqueue("c1", "sales")
    assert ended_offers(floor.pick("c1", "anna")) == []
    assert floor.holds("anna") == "c1"


def test_a_pick_holds_no_longer_than_it_says() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.not_ready("bo")
    floor.enqueue("c1", "sales")
    floor.pick("c1", "anna", within=30)
    floor.ready("bo")
    assert rings(floor.wait(29)) == []
    assert rings(floor.wait(1)) == [("bo", "c1")]


def test_the_last_pick_counts() -> None:
    floor = floor_with("anna", "bo")
    for name in ("anna", "bo"):
        floor.enqueue(f"of-{name}", "sales")
        floor.answer(name)
    floor.enqueue("c1", "sales")
    floor.pick("c1", "anna")
    floor.pick("c1", "bo")
    assert rings(floor.hang_up("anna")) == []
    assert rings(floor.hang_up("bo")) == [("bo", "c1")]


@pytest.mark.parametrize("state", ["logged_out", "not_ready", "wishes_a_break"])
def test_nobody_is_kept_for_who_is_not_at_work(state: str) -> None:
    floor = floor_with("anna")
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.enqueue("c1", "sales")
    floor.not_ready("anna")
    if state != "wishes_a_break":
        floor.hang_up("anna")
    if state == "logged_out":
        floor.log_out("anna")
    before = state_of(floor.engine)
    with pytest.raises(Conflict, match="pick somebody who is at work"):
        floor.pick("c1", "anna")
    assert state_of(floor.engine) == before


def test_a_pick_lasts_longer_than_zero() -> None:
    floor = floor_with("anna")
    floor.enqueue("c1", "sales", need("zh"))
    with pytest.raises(InvalidValue, match="longer than zero"):
        floor.pick("c1", "anna", within=0)


def test_a_pick_ends_when_the_agent_goes() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.not_ready("bo")
    floor.enqueue("c1", "sales")
    floor.pick("c1", "anna")
    floor.ready("bo")
    assert rings(floor.not_ready("anna")) == [("bo", "c1")]


def test_a_pick_of_somebody_moved_is_forgotten() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.not_ready("bo")
    floor.enqueue("c1", "sales")
    floor.pick("c1", "anna")
    floor.ready("bo")
    assert rings(floor.move("c1", "support")) == [("bo", "c1")]


def test_a_removed_agent_leaves_nothing_behind() -> None:
    floor = floor_with("anna", "bo")
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    floor.log_out("bo")
    floor.tell(cmd.RemoveAgent(agent_id=AgentId("bo")))
    queue = floor.engine.picture.queues[QueueId("sales")]
    assert list(queue.last_offered) == ["anna"]
    assert all("bo" not in pool.agents for pool in floor.engine.picture.pools.by_rule.values())


def test_who_comes_open_at_once_with_an_agent_goes_to_whom_the_queue_prefers() -> None:
    floor = floor_with("anna", "bo")
    floor.rules(replace(queue_config("sales", rona_limit=9), rest_after_miss=seconds(0)))
    floor.wait(10)
    floor.enqueue("c1", "sales")
    floor.fail("anna", OfferCause.BRIDGE_FAILED)
    assert floor.record("bo").state is AgentState.OFFERED


def test_an_emergency_sends_several_to_a_queue_that_serves_them_in_its_own_order() -> None:
    floor = Floor()
    limits = QueueLimits(when_emergency=Overflow(kind=OverflowKind.QUEUE, target="backup"))
    sales = replace(queue_config("sales", need("zh")), limits=limits)
    floor.rules(sales)
    floor.rules(replace(queue_config("backup"), boosts=Boosts(classes={"A": 9})))
    floor.ready_agent("anna")
    floor.enqueue("plain", "sales")
    floor.enqueue("valued", "sales", traits=CallerTraits(customer_class="A"))
    assert floor.waiting("sales") == ["plain", "valued"]
    assert rings(floor.rules(replace(sales, closed_by="sue"))) == [("anna", "valued")]


def test_several_who_come_open_at_once_are_served_by_their_places_in_the_new_queue() -> None:
    floor = floor_with()
    floor.rules(queue_config("sales", need("zh")))
    floor.ready_agent("anna")
    for name, priority in (("plain", 0), ("vip", 5)):
        floor.tell(
            cmd.Enqueue(
                interaction_id=InteractionId(name),
                queue_id=QueueId("sales"),
                entered_at=floor.now,
                priority=priority,
            )
        )
    assert rings(floor.rules(queue_config("sales"))) == [("anna", "vip")]
