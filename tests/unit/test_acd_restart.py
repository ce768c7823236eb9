"""A server that comes back with an empty memory learns the same picture from the store, the callers and the bridges."""

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState
from callcenter.domain.events import OfferMade
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from tests.simulation.floor import (
    MORNING,
    Floor,
    ended_offers,
    lasting_state_of,
    names,
    rings,
    seconds,
    state_of,
    status_of,
    stops,
)


def busy_floor() -> Floor:
    """Anna talks, bo rings, carl wraps up, dora is at lunch, emil is out; two more wait."""
    floor = Floor()
    floor.queue("sales", wrap_up=60)
    for agent, caller in (("anna", "c1"), ("carl", "c2")):
        floor.ready_agent(agent)
        floor.enqueue(caller, "sales")
        floor.wait(2)
        floor.answer(agent)
    floor.not_ready("anna", "lunch")
    floor.wait(10)
    floor.hang_up("carl")
    floor.ready_agent("bo")
    floor.wait(1)
    floor.enqueue("c3", "sales")
    floor.wait(1)
    floor.enqueue("c4", "sales", priority=1)
    floor.enqueue("c5", "sales")
    floor.agent("dora")
    floor.log_in("dora")
    floor.not_ready("dora", "lunch")
    floor.agent("emil")
    return floor


def restarted(old: Floor, *, with_offers: bool = True) -> Floor:
    """An empty engine told all that outlives the old one, as a resync tells it."""
    new = Floor(routing=False)
    new.now = old.now
    picture = old.engine.picture
    for queue in picture.queues.values():
        new.tell(cmd.ConfigureQueue(config=queue.config))
    for agent in picture.agents.values():
        new.tell(cmd.ConfigureAgent(config=agent.config))
        new.tell(status_of(agent))
    for record in reversed(list(picture.waiting.values())):
        new.tell(
            cmd.Enqueue(
                interaction_id=record.interaction_id,
                queue_id=record.queue_id,
                entered_at=record.entered_at,
                priority=record.priority,
                skills=record.skills,
            )
        )
    if with_offers:
        for offer in picture.offers.values():
            new.tell(cmd.RestoreOffer(offer=offer))
    for interaction_id, agent_id in picture.talking_interactions.items():
        offer_id = picture.agents[agent_id].offer_id
        assert offer_id is not None
        new.talk(offer_id, interaction_id, agent_id)
    new.said.clear()
    new.tell(cmd.StartRouting())
    return new


def test_a_restart_gives_back_the_picture_as_it_was() -> None:
    old = busy_floor()
    new = restarted(old)
    handle_times = (old.engine.picture.queue(QueueId("sales")), new.engine.picture.queue(QueueId("sales")))
    handle_times[1].handle_time = handle_times[0].handle_time  # The running mean starts anew; all else comes back.
    assert lasting_state_of(new.engine) == lasting_state_of(old.engine)
    assert new.said == []


def test_after_a_restart_everything_goes_on_as_it_would_have() -> None:
    old = busy_floor()
    new = restarted(old)
    for floor in (old, new):
        floor.said.clear()
        floor.hang_up("anna")
        floor.answer("bo")
        floor.wait(61)
        floor.hang_up("bo")
        floor.ready("dora")
    assert new.said == old.said
    assert new.state("anna") == "not_ready(lunch)"


def test_the_order_of_the_queue_comes_back_from_the_old_entry_times() -> None:
    floor = Floor()
    floor.queue("sales")
    for name, ago in (("c3", 10), ("c1", 30), ("c2", 20)):
        floor.enqueue(name, "sales", ago=ago)
    assert floor.waiting("sales") == ["c1", "c2", "c3"]
    assert rings(floor.ready_agent("anna")) == [("anna", "c1")]


def test_nothing_is_offered_before_the_picture_is_whole() -> None:
    old = busy_floor()
    new = Floor(routing=False)
    new.queue("sales")
    new.agent("bo")
    record = old.record("bo")
    new.tell(
        cmd.RestoreAgent(
            agent_id=AgentId("bo"),
            state=AgentState.READY,
            reason=None,
            since=record.since,
            ready_since=None,
            wrap_up_until=None,
            after_call=None,
            after_call_reason=None,
            interaction_id=None,
            offer_id=None,
            queue_id=None,
        )
    )
    new.enqueue("c2", "sales")
    assert rings(new.said) == []
    new.enqueue("c1", "sales", ago=100)
    assert rings(new.tell(cmd.StartRouting())) == [("bo", "c1")]


def test_a_ready_agent_restored_without_his_idle_time_is_found_by_a_new_caller() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    status = status_of(floor.record("anna"))
    new = Floor()
    new.queue("sales")
    new.agent("anna")
    new.tell(
        cmd.RestoreAgent(
            agent_id=status.agent_id,
            state=status.state,
            reason=None,
            since=status.since,
            ready_since=None,
            wrap_up_until=None,
            after_call=None,
            after_call_reason=None,
            interaction_id=None,
            offer_id=None,
            queue_id=None,
        )
    )
    assert rings(new.enqueue("c1", "sales")) == [("anna", "c1")]


def test_an_agent_whose_ringing_leg_died_with_the_server_is_ready_again_and_the_offer_has_its_end() -> None:
    new = restarted(busy_floor(), with_offers=False)
    assert ended_offers(new.said) == [("bo", "withdrawn")]
    assert names(new.said)[:2] == ["OfferEnded", "AgentStateChanged"]
    assert rings(new.said) == [("bo", "c4")]


def test_an_answer_that_came_while_the_server_was_away_ends_the_offer_answered() -> None:
    old = busy_floor()
    offer = old.offer_to("bo")
    new = Floor(routing=False)
    new.queue("sales")
    new.agent("bo")
    new.tell(status_of(old.record("bo")))
    out = new.talk(offer.offer_id, offer.interaction_id, "bo", "sales")
    assert ended_offers(out) == [("bo", "answered")]
    assert names(out) == ["OfferEnded", "AgentStateChanged", "InteractionConnected"]


def test_a_leg_found_ringing_is_told_of_again_so_that_its_record_knows() -> None:
    old = busy_floor()
    offer = old.offer_to("bo")
    new = Floor(routing=False)
    new.queue("sales")
    new.ready_agent("bo")
    new.enqueue(offer.interaction_id, "sales")
    out = new.tell(cmd.RestoreOffer(offer=offer))
    assert [said.offer for said in out if isinstance(said, OfferMade)] == [offer]
    assert new.state("bo") == "offered"
    assert new.tell(cmd.RestoreOffer(offer=offer)) == []


@pytest.mark.parametrize("case", ["logged_out", "not_ready", "wrap_up", "talking", "caller_gone", "other_queue"])
def test_a_ringing_leg_that_fits_nothing_any_more_is_stopped(case: str) -> None:
    old = Floor()
    old.queue("sales")
    old.ready_agent("bo")
    old.enqueue("c3", "sales")
    offer = old.offer_to("bo")
    new = Floor(routing=False)
    new.queue("sales")
    new.queue("support")
    new.agent("bo")
    if case != "logged_out":
        new.log_in("bo")
    if case in ("wrap_up", "talking"):
        new.talk("o7", "c7", "bo", "sales")
    if case == "wrap_up":
        new.hang_up("bo")
    if case in ("caller_gone", "other_queue"):
        new.ready("bo")
    if case != "caller_gone":
        new.enqueue("c3", "support" if case == "other_queue" else "sales")
    before = state_of(new.engine)
    assert stops(new.tell(cmd.RestoreOffer(offer=offer))) == [offer.offer_id]
    assert state_of(new.engine) == before


def test_a_restored_offer_that_rang_too_long_is_given_up_at_once() -> None:
    old = busy_floor()
    old.now += seconds(3600)
    new = restarted(old)
    assert ended_offers(new.wait(0)) == [("bo", "rona")]


def test_wrap_up_goes_on_to_its_old_end_after_a_restart() -> None:
    old = busy_floor()
    until = old.record("carl").wrap_up_until
    new = restarted(old)
    assert until is not None
    new.wait((until - new.now).total_seconds() - 0.1)
    assert new.state("carl") == "wrap_up"
    new.wait(0.1)
    assert new.state("carl") != "wrap_up"


def test_restoring_the_same_agent_twice_leaves_no_trace_of_the_first_time() -> None:
    old = busy_floor()
    new = restarted(old)
    talking = status_of(old.record("anna"))
    new.tell(talking)
    out = cmd.RestoreAgent(
        agent_id=AgentId("anna"),
        state=AgentState.LOGGED_OUT,
        reason=None,
        since=MORNING,
        ready_since=None,
        wrap_up_until=None,
        after_call=None,
        after_call_reason=None,
        interaction_id=None,
        offer_id=None,
        queue_id=None,
    )
    new.tell(out)
    assert InteractionId("c1") not in new.engine.picture.talking_interactions
    assert new.tell(cmd.ReportTalkEnded(offer_id=talking.offer_id or OfferId(""))) == []
    assert new.record("anna").wish is None
