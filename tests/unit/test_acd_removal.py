"""Queues and agents that are taken away: never under a caller, never under somebody at work."""

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import AgentId, QueueId
from tests.simulation.floor import Floor, rings, state_of


def remove_queue(floor: Floor, name: str) -> None:
    assert floor.tell(cmd.RemoveQueue(queue_id=QueueId(name))) == []


def remove_agent(floor: Floor, name: str) -> None:
    assert floor.tell(cmd.RemoveAgent(agent_id=AgentId(name))) == []


def test_an_empty_queue_goes_and_the_others_are_served_as_before() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.queue("support")
    floor.ready_agent("anna")
    remove_queue(floor, "support")
    assert list(floor.engine.picture.queues) == ["sales"]
    assert rings(floor.enqueue("c1", "sales")) == [("anna", "c1")]
    with pytest.raises(NotFound, match="there is no queue support; known: sales"):
        floor.enqueue("c2", "support")
    with pytest.raises(NotFound, match="there is no queue support"):
        remove_queue(floor, "support")


def test_a_queue_with_a_waiting_caller_stays_until_he_is_served() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.enqueue("c1", "sales")
    before = state_of(floor.engine)
    with pytest.raises(Conflict, match="1 wait in queue sales; it can go when the last of them has been served") as no:
        remove_queue(floor, "sales")
    assert no.value.code == "queue_not_empty"
    assert state_of(floor.engine) == before
    floor.ready_agent("anna")
    with pytest.raises(Conflict):  # He is only being offered.
        remove_queue(floor, "sales")
    floor.answer("anna")
    remove_queue(floor, "sales")


def test_a_talk_out_of_a_queue_that_is_gone_ends_without_wrap_up() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    remove_queue(floor, "sales")
    floor.hang_up("anna")
    assert floor.record("anna").state == "ready"


def test_an_agent_at_work_stays_until_he_has_logged_out() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    before = state_of(floor.engine)
    with pytest.raises(Conflict, match="agent anna is ready; he can go when he has logged out") as no:
        remove_agent(floor, "anna")
    assert no.value.code == "agent_logged_in"
    assert state_of(floor.engine) == before
    floor.log_out("anna")
    remove_agent(floor, "anna")
    assert floor.engine.picture.agents == {}
    assert rings(floor.enqueue("c1", "sales")) == []
    with pytest.raises(NotFound, match="there is no agent anna"):
        floor.log_in("anna")


def test_a_wrap_up_that_was_cut_short_wakes_nobody_who_is_gone() -> None:
    floor = Floor()
    floor.queue("sales", wrap_up=30)
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    floor.hang_up("anna")
    floor.log_out("anna")
    remove_agent(floor, "anna")
    assert floor.engine.next_deadline() is None
    floor.agent("anna")
    assert floor.wait(60) == []
