"""The expected wait: nothing where an agent is free, None where nobody works, longer the further behind."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.estimate import expected_wait
from callcenter.domain import commands as cmd
from callcenter.domain.agents import PhoneStatus
from callcenter.domain.ids import QueueId
from tests.simulation.floor import Floor, need, queue_config, seconds


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


@pytest.mark.parametrize(("agents", "expected"), [(1, [180, 360, 540]), (2, [90, 180, 270]), (3, [60, 120, 180])])
def test_each_place_further_back_waits_one_freeing_of_an_agent_longer(agents: int, expected: list[float]) -> None:
    floor = busy_floor(agents)
    assert [floor.expected_wait(f"c{number}") for number in range(3)] == expected


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
    assert floor.expected_wait("c0") == 180
    floor.not_ready("a1")
    assert floor.expected_wait("c0") is None
    floor.ready("a1")
    assert floor.expected_wait("c0") == 180


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
    assert floor.expected_wait("c8") == 4 * 180


def test_whom_an_idle_agent_can_serve_waits_no_longer() -> None:
    assert expected_wait(1, 2, 1, seconds(100)) == timedelta()
    assert expected_wait(2, 2, 1, seconds(100)) == seconds(50)


def test_a_talk_teaches_the_queue_its_length_and_half_the_wrap_up() -> None:
    floor = busy_floor(1)
    talk_since = floor.record("a0").talk_since
    assert talk_since is not None
    floor.now = talk_since + seconds(265)
    floor.hang_up("a0")
    assert floor.engine.picture.queue(QueueId("sales")).handle_time.mean == seconds(190)


def test_the_administrators_guess_counts_until_something_was_learned() -> None:
    floor = busy_floor(1)
    floor.tell(cmd.ConfigureQueue(config=queue_config("sales", expected_handle_time=60)))
    assert floor.expected_wait("c0") == 60
    floor.hang_up("a0")
    learned = floor.engine.picture.queue(QueueId("sales")).handle_time.mean
    floor.tell(cmd.ConfigureQueue(config=queue_config("sales", expected_handle_time=600)))
    assert floor.engine.picture.queue(QueueId("sales")).handle_time.mean == learned


@given(
    position=st.integers(1, 500),
    serving=st.integers(0, 100),
    idle=st.integers(0, 100),
    handle=st.floats(0, 7200, allow_nan=False),
)
def test_the_estimate_is_never_negative_and_never_shrinks_towards_the_back(
    position: int, serving: int, idle: int, handle: float
) -> None:
    here = expected_wait(position, serving, idle, seconds(handle))
    behind = expected_wait(position + 1, serving, idle, seconds(handle))
    if here is None or behind is None:
        assert here is behind
        assert serving == 0
    else:
        assert timedelta() <= here <= behind
