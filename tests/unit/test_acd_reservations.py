"""Kept for somebody he knows: the last agent, the account manager, and what ends it."""

from dataclasses import replace

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState, PhoneStatus
from callcenter.domain.callers import CallerTraits
from callcenter.domain.events import InteractionReserved
from callcenter.domain.ids import AgentId
from callcenter.domain.offers import OfferCause
from callcenter.domain.queues import Boosts
from tests.simulation.floor import Floor, need, queue_config, rings, seconds

KNOWS_ANNA = CallerTraits(last_agent_id=AgentId("anna"))


def floor_with_busy_anna(*, last_agent: float = 30, rona_limit: int = 1) -> Floor:
    """Anna talks, bo is free, and the queue waits for the last agent."""
    floor = Floor()
    boosts = Boosts(last_agent=seconds(last_agent))
    floor.rules(replace(queue_config("sales", wrap_up=0, rona_limit=rona_limit), boosts=boosts))
    floor.ready_agent("anna")
    floor.enqueue("before", "sales")
    floor.answer("anna")
    floor.ready_agent("bo")
    return floor


def test_who_knows_an_agent_at_work_waits_for_him_and_is_his_next() -> None:
    floor = floor_with_busy_anna()
    out = floor.enqueue("c1", "sales", traits=KNOWS_ANNA)
    kept = next(o for o in out if isinstance(o, InteractionReserved))
    assert (kept.agent_id, kept.until, kept.by) == ("anna", floor.now + seconds(30), "")
    assert rings(out) == []
    floor.wait(10)
    assert rings(floor.hang_up("anna")) == [("anna", "c1")]
    assert "kept for this agent" in floor.offer_to("anna").reason.text.en


def test_he_waits_for_him_no_longer_than_the_queue_says() -> None:
    floor = floor_with_busy_anna()
    floor.enqueue("c1", "sales", traits=KNOWS_ANNA)
    assert rings(floor.wait(29.999)) == []
    assert rings(floor.wait(0.001)) == [("bo", "c1")]


def test_a_free_last_agent_gets_him_before_who_is_longer_idle() -> None:
    floor = Floor()
    floor.rules(replace(queue_config("sales"), boosts=Boosts(last_agent=seconds(30))))
    floor.ready_agent("bo")
    floor.wait(100)
    floor.ready_agent("anna")
    assert rings(floor.enqueue("c1", "sales", traits=KNOWS_ANNA)) == [("anna", "c1")]


@pytest.mark.parametrize("why", ["not_ready", "logged_out", "unknown", "wishes_a_break", "cannot"])
def test_nobody_waits_for_who_is_not_at_work_or_cannot(why: str) -> None:
    floor = floor_with_busy_anna()
    match why:
        case "not_ready":
            floor.hang_up("anna")
            floor.not_ready("anna")
        case "logged_out":
            floor.hang_up("anna")
            floor.log_out("anna")
        case "wishes_a_break":
            floor.not_ready("anna")
        case "cannot":
            floor.rules(replace(floor.engine.picture.queues[floor.place_queue()].config, required=(need("zh"),)))
            floor.agent("bo", {"zh": 1})
        case _:
            floor.hang_up("anna")
            floor.log_out("anna")
            floor.tell(cmd.RemoveAgent(agent_id=AgentId("anna")))
    assert rings(floor.enqueue("c1", "sales", traits=KNOWS_ANNA)) == [("bo", "c1")]


def test_who_goes_away_leaves_those_kept_for_him_to_the_others_at_once() -> None:
    floor = floor_with_busy_anna()
    floor.enqueue("c1", "sales", traits=KNOWS_ANNA)
    assert rings(floor.not_ready("anna")) == [("bo", "c1")]
    assert floor.place("c1").reserved_for is None


def test_who_misses_the_offer_of_his_own_customer_loses_him() -> None:
    floor = floor_with_busy_anna()
    floor.enqueue("c1", "sales", traits=KNOWS_ANNA)
    floor.hang_up("anna")
    assert rings(floor.fail("anna", OfferCause.NO_ANSWER)) == [("bo", "c1")]


def test_who_missed_but_may_go_on_keeps_him_till_the_time_is_over() -> None:
    floor = floor_with_busy_anna(rona_limit=2)
    floor.enqueue("c1", "sales", traits=KNOWS_ANNA)
    floor.hang_up("anna")
    assert rings(floor.fail("anna", OfferCause.NO_ANSWER)) == []
    assert rings(floor.wait(5)) == [("anna", "c1")]


def test_an_unreachable_phone_is_as_being_away() -> None:
    floor = floor_with_busy_anna()
    floor.hang_up("anna")
    floor.phone("anna", PhoneStatus.BUSY)
    floor.enqueue("c1", "sales", traits=KNOWS_ANNA)
    assert floor.place("c1").reserved_for == "anna"
    assert rings(floor.phone("anna", PhoneStatus.UNREACHABLE)) == [("bo", "c1")]


def test_the_account_manager_comes_before_the_last_agent() -> None:
    floor = floor_with_busy_anna()
    boosts = Boosts(last_agent=seconds(30), account_manager=seconds(10))
    floor.rules(replace(queue_config("sales"), boosts=boosts))
    traits = CallerTraits(last_agent_id=AgentId("anna"), account_manager_id=AgentId("bo"))
    assert rings(floor.enqueue("c1", "sales", traits=traits)) == [("bo", "c1")]


def test_of_an_account_manager_who_is_away_the_last_agent_is_waited_for() -> None:
    floor = floor_with_busy_anna()
    boosts = Boosts(last_agent=seconds(30), account_manager=seconds(10))
    floor.rules(replace(queue_config("sales"), boosts=boosts))
    traits = CallerTraits(last_agent_id=AgentId("anna"), account_manager_id=AgentId("nobody"))
    assert rings(floor.enqueue("c1", "sales", traits=traits)) == []
    assert floor.place("c1").reserved_for == "anna"


def test_a_queue_that_does_not_wait_for_anybody_reserves_nothing() -> None:
    floor = floor_with_busy_anna(last_agent=0)
    assert rings(floor.enqueue("c1", "sales", traits=KNOWS_ANNA)) == [("bo", "c1")]


def test_the_agent_takes_others_who_come_before_the_one_kept_for_him() -> None:
    floor = floor_with_busy_anna(last_agent=300)
    floor.not_ready("bo")
    floor.enqueue("vip", "sales", priority=5)
    floor.enqueue("c1", "sales", traits=KNOWS_ANNA)
    assert rings(floor.hang_up("anna")) == [("anna", "vip")]


def test_he_may_be_kept_for_who_can_only_serve_at_a_later_step() -> None:
    floor = floor_with_busy_anna()
    floor.hang_up("anna")
    floor.agent("bo", {"zh": 1})
    config = floor.engine.picture.queues[floor.place_queue()].config
    step = config.routing[0]
    steps = (replace(step, who=need("zh")), replace(step, after=seconds(60)))
    floor.rules(replace(config, steps=steps))
    assert rings(floor.enqueue("c1", "sales", traits=KNOWS_ANNA)) == [("anna", "c1")]


def test_after_a_restart_only_what_is_left_of_the_time_is_waited() -> None:
    floor = floor_with_busy_anna()
    floor.enqueue("c1", "sales", traits=KNOWS_ANNA, ago=25, admitted=True)
    assert rings(floor.wait(5)) == [("bo", "c1")]
    floor.hang_up("anna")
    floor.not_ready("anna")
    floor.enqueue("c2", "sales", traits=KNOWS_ANNA, ago=31, admitted=True)
    assert floor.place("c2").reserved_for is None


def test_a_callback_is_not_forgotten_when_the_agent_it_is_kept_for_goes_before_its_time() -> None:
    floor = floor_with_busy_anna(last_agent=300)
    floor.callback("cb1", "sales", at=100)
    floor.pick("cb1", "anna", within=600)
    floor.hang_up("anna")
    floor.log_out("anna")
    assert floor.place("cb1").reserved_for is None
    assert rings(floor.wait(100)) == [("bo", "cb1")]
    assert floor.record("bo").state is AgentState.OFFERED
