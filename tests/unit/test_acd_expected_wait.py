"""The expected wait: nothing where an agent is free, None where nobody works, longer the further behind."""

from dataclasses import replace

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import PhoneStatus
from callcenter.domain.ids import QueueId
from callcenter.domain.queues import RoutingStep
from callcenter.domain.rules import InGroup
from tests.simulation.floor import Floor, agent_config, need, queue_config, seconds


def busy_floor(agents: int) -> Floor:
    """So many agents talk, and three callers wait; nothing has been learned of handle times yet (180 s)."""
    floor = Floor()
    floor.queue("sales")
    for number in range(agents):
        floor.ready_agent(f"a{number}")
        floor.enqueue(f"t{number}", "sales")
        floor.answer(f"a{number}")
    for number in range(3):
        floor.enqueue(f"c{number}", "sales")
        floor.wait(1)
    return floor


def steps(agents: int, ahead: int, handle_time: float = 180) -> object:
    """The mean of the steps to the front: all agents' talks end, and those ahead give up after ten minutes or so."""
    return pytest.approx(sum(1 / (agents / handle_time + place / 600) for place in range(ahead + 1)), rel=0.08)


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_each_place_further_back_waits_one_freeing_of_an_agent_longer(agents: int) -> None:
    floor = busy_floor(agents)
    assert [floor.expected_wait(f"c{number}") for number in range(3)] == [steps(agents, ahead) for ahead in range(3)]


def test_nobody_at_work_means_that_no_wait_can_be_told() -> None:
    floor = busy_floor(0)
    floor.agent("anna")
    assert floor.expected_wait("c0") is None
    floor.log_in("anna")
    assert floor.expected_wait("c0") is None


def test_who_does_not_wait_has_no_expected_wait() -> None:
    floor = busy_floor(1)
    assert floor.expected_wait("t0") is None
    assert floor.expected_wait("nobody") is None


def test_agents_who_leave_after_their_talk_are_not_reckoned_with() -> None:
    floor = busy_floor(2)
    floor.log_out("a0")
    assert floor.expected_wait("c0") == steps(1, 0)
    floor.not_ready("a1")
    assert floor.expected_wait("c0") is None
    floor.ready("a1")
    assert floor.expected_wait("c0") == steps(1, 0)


def test_a_ready_agent_whose_phone_is_away_is_not_reckoned_with() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.phone("anna", PhoneStatus.UNREACHABLE)
    floor.enqueue("c1", "sales")
    assert floor.expected_wait("c1") is None


def test_only_those_who_have_the_interactions_own_skills_count() -> None:
    floor = busy_floor(2)
    floor.enqueue("c9", "sales", need("finnish"))
    assert floor.expected_wait("c9") is None
    floor.ready_agent("anna", {"zh": 1})
    floor.enqueue("c8", "sales", need("zh"))
    # One agent speaks it, and those before him may be served by two others as well.
    alone, shared = floor.expected_wait("c8"), floor.expected_wait("c2")
    assert alone is not None
    assert shared is not None
    assert alone > max(shared, 180)


def test_an_interaction_teaches_the_queue_what_it_took_from_the_first_ring_to_the_end_of_wrap_up() -> None:
    floor = busy_floor(1)
    busy_since = floor.record("a0").busy_since
    assert busy_since is not None
    floor.now = busy_since + seconds(250)
    floor.hang_up("a0")
    floor.wait(30)
    assert floor.engine.picture.queue(QueueId("sales")).handle_time.mean == seconds(190)


def test_the_administrators_guess_counts_until_something_was_learned() -> None:
    floor = busy_floor(1)
    floor.tell(cmd.ConfigureQueue(config=queue_config("sales", expected_handle_time=60)))
    assert floor.expected_wait("c0") == steps(1, 0, handle_time=60)
    floor.hang_up("a0")
    floor.end_wrap_up("a0")
    learned = floor.engine.picture.queue(QueueId("sales")).handle_time.mean
    floor.tell(cmd.ConfigureQueue(config=queue_config("sales", expected_handle_time=600)))
    assert floor.engine.picture.queue(QueueId("sales")).handle_time.mean == learned


def test_a_step_that_is_near_shortens_the_wait_to_its_beginning() -> None:
    floor = Floor()
    first = RoutingStep(after=seconds(0), who=need("help"))
    second = RoutingStep(after=seconds(30), who=InGroup(group="reserve"))
    floor.tell(cmd.ConfigureQueue(config=replace(queue_config("help"), steps=(first, second))))
    floor.ready_agent("anna", {"help": 1})
    floor.enqueue("t1", "help")
    floor.answer("anna")
    floor.enqueue("h1", "help")
    alone = floor.expected_wait("h1")
    assert alone is not None
    assert alone > 100
    floor.tell(cmd.ConfigureAgent(config=replace(agent_config("rex"), groups=frozenset({"reserve"}))))
    floor.log_in("rex")
    floor.ready("rex")
    floor.wait(10)
    assert floor.expected_wait("h1") == 20


def test_how_long_agents_let_it_ring_belongs_to_the_wait() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    for number in range(5):
        floor.enqueue(f"c{number}", "sales")
        floor.wait(4)
        floor.answer("anna")
        floor.hang_up("anna")
        floor.end_wrap_up("anna")
    floor.enqueue("c9", "sales")
    assert floor.expected_wait("c9") == 4
