"""Which caller: priority, age, the service objective, an agent's own preference, and coming of age."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.domain.agents import AgentConfig, QueuePreference
from callcenter.domain.events import InteractionEscalated, PriorityChanged
from callcenter.domain.ids import QueueId
from callcenter.domain.queues import CallerOrder, QueueConfig
from tests.simulation.floor import Floor, agent_config, need, queue_config, rings, seconds


def ordered(name: str, order: CallerOrder, threshold: float = 20) -> QueueConfig:
    return replace(queue_config(name), caller_order=order, service_level_threshold=seconds(threshold))


def preferring(name: str, queue: str, *, priority: int = 0, delay: float = 0) -> AgentConfig:
    preference = QueuePreference(priority=priority, delay=seconds(delay))
    return replace(agent_config(name), preferences={QueueId(queue): preference})


def test_by_age_the_oldest_over_all_queues_comes_first() -> None:
    floor = Floor()
    floor.rules(ordered("strict", CallerOrder.AGE, threshold=10))
    floor.rules(ordered("lax", CallerOrder.AGE, threshold=300))
    floor.enqueue("lax1", "lax")
    floor.wait(1)
    floor.enqueue("strict1", "strict")
    assert rings(floor.ready_agent("anna")) == [("anna", "lax1")]


def test_by_the_service_objective_who_misses_his_queues_target_first_comes_first() -> None:
    floor = Floor()
    floor.rules(ordered("strict", CallerOrder.SERVICE_OBJECTIVE, threshold=10))
    floor.rules(ordered("lax", CallerOrder.SERVICE_OBJECTIVE, threshold=60))
    floor.enqueue("lax1", "lax")
    floor.wait(49)
    floor.enqueue("strict1", "strict")
    floor.wait(2)
    floor.enqueue("strict2", "strict")
    assert [rings(floor.ready_agent(name)) for name in "abc"] == [
        [("a", "strict1")],
        [("b", "lax1")],
        [("c", "strict2")],
    ]


def test_priority_counts_before_the_service_objective() -> None:
    floor = Floor()
    floor.rules(ordered("strict", CallerOrder.SERVICE_OBJECTIVE, threshold=10))
    floor.rules(ordered("lax", CallerOrder.SERVICE_OBJECTIVE, threshold=600))
    floor.enqueue("strict1", "strict", ago=9)
    floor.enqueue("lax1", "lax", priority=1)
    assert rings(floor.ready_agent("anna")) == [("anna", "lax1")]


def test_an_agent_adds_his_own_preference_for_a_queue() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.queue("support")
    floor.enqueue("sales1", "sales", ago=60, priority=1)
    floor.enqueue("support1", "support")
    floor.enqueue("support2", "support", priority=3, ago=1)
    assert rings(floor.at_work(preferring("bo", "support", priority=2))) == [("bo", "support2")]
    assert rings(floor.at_work(preferring("carl", "support", priority=2))) == [("carl", "support1")]
    assert rings(floor.ready_agent("anna")) == [("anna", "sales1")]


def test_a_preference_may_put_a_queue_last() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.queue("support")
    floor.enqueue("support1", "support", ago=60)
    floor.enqueue("sales1", "sales")
    assert rings(floor.at_work(preferring("bo", "support", priority=-1))) == [("bo", "sales1")]


def test_a_reserve_takes_only_who_has_waited_so_long() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.at_work(preferring("bo", "sales", delay=30))
    floor.enqueue("c1", "sales")
    assert rings(floor.wait(29.999)) == []
    assert rings(floor.wait(0.001)) == [("bo", "c1")]


def test_a_reserve_who_becomes_free_passes_over_the_young_ones_only() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.enqueue("young", "sales", priority=5)
    floor.enqueue("younger", "sales", priority=5)
    floor.enqueue("old", "sales", ago=40)
    floor.enqueue("older", "sales", priority=-1, ago=50)
    assert rings(floor.at_work(preferring("bo", "sales", delay=30))) == [("bo", "old")]
    assert rings(floor.at_work(preferring("carl", "sales", delay=30))) == [("carl", "older")]
    assert rings(floor.at_work(preferring("dora", "sales", delay=30))) == []
    assert rings(floor.ready_agent("anna")) == [("anna", "young")]


def test_a_young_caller_of_the_next_higher_priority_hides_no_old_one() -> None:
    floor = Floor()
    floor.queue("sales")
    for priority in (3, 2, 1):
        floor.enqueue(f"young{priority}", "sales", priority=priority)
    floor.enqueue("old", "sales", ago=40)
    assert rings(floor.at_work(preferring("bo", "sales", delay=30))) == [("bo", "old")]


def test_a_delay_that_is_set_while_somebody_waits_is_kept() -> None:
    floor = Floor()
    floor.queue("sales", need("zh"))
    floor.at_work(replace(preferring("bo", "sales", delay=300), skills={}))
    floor.enqueue("c1", "sales")
    floor.wait(10)
    skilled = replace(preferring("bo", "sales", delay=30), skills=agent_config("x", {"zh": 1}).skills)
    floor.at_work(skilled)
    assert rings(floor.wait(19)) == []
    assert rings(floor.wait(1)) == [("bo", "c1")]


def test_other_queues_of_a_reserve_are_served_at_once() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.queue("support")
    floor.at_work(preferring("bo", "sales", delay=30))
    floor.enqueue("c1", "sales")
    assert rings(floor.enqueue("s1", "support")) == [("bo", "s1")]


def test_who_comes_of_age_goes_before_every_priority() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", ageing=60))
    floor.enqueue("plain", "sales")
    floor.wait(30)
    floor.enqueue("vip", "sales", priority=50)
    assert floor.waiting("sales") == ["vip", "plain"]
    told = [(o.aged, o.priority) for o in floor.wait(30) if isinstance(o, InteractionEscalated)]
    assert told == [(True, 0)]
    assert floor.waiting("sales") == ["plain", "vip"]
    assert rings(floor.ready_agent("anna")) == [("anna", "plain")]
    assert "waited longer than the ageing limit" in floor.offer_to("anna").reason.text.en


def test_among_those_of_age_the_first_who_came_of_age_goes_first_over_all_queues() -> None:
    floor = Floor()
    floor.rules(queue_config("slow", ageing=100))
    floor.rules(queue_config("fast", ageing=20))
    floor.enqueue("slow1", "slow", priority=9)
    floor.wait(70)
    floor.enqueue("fast1", "fast")
    floor.wait(40)
    assert rings(floor.ready_agent("anna")) == [("anna", "fast1")]
    assert rings(floor.ready_agent("bo")) == [("bo", "slow1")]


def test_an_agents_preference_does_not_go_before_who_is_of_age() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", ageing=60))
    floor.queue("support")
    floor.enqueue("sales1", "sales", ago=61)
    floor.enqueue("support1", "support")
    assert rings(floor.at_work(preferring("bo", "support", priority=99))) == [("bo", "sales1")]


def test_age_is_kept_in_another_queue() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", ageing=60))
    floor.rules(queue_config("support", ageing=60))
    floor.enqueue("moved", "sales")
    floor.enqueue("vip", "support", priority=9)
    floor.wait(59)
    floor.move("moved", "support")
    assert floor.waiting("support") == ["vip", "moved"]
    floor.wait(1)
    # Both came at the same moment, so the id decides.
    assert floor.waiting("support") == ["moved", "vip"]


def test_a_limit_set_while_people_wait_holds_at_once_and_can_be_taken_away() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.enqueue("plain", "sales", ago=100)
    floor.enqueue("vip", "sales", priority=9)
    floor.rules(queue_config("sales", ageing=60))
    assert floor.waiting("sales") == ["plain", "vip"]
    floor.rules(queue_config("sales"))
    assert floor.waiting("sales") == ["vip", "plain"]


def test_a_supervisors_priority_moves_the_caller_and_is_told() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.enqueue("c1", "sales")
    floor.enqueue("c2", "sales")
    (told,) = floor.set_priority("c2", 5)
    assert isinstance(told, PriorityChanged)
    assert (told.priority, told.base_priority, told.by) == (5, 5, "sue")
    assert floor.waiting("sales") == ["c2", "c1"]
    assert floor.set_priority("c2", 5) == []


def test_the_caller_order_of_a_queue_may_change_while_people_wait() -> None:
    floor = Floor()
    floor.rules(ordered("strict", CallerOrder.AGE, threshold=10))
    floor.rules(ordered("lax", CallerOrder.AGE, threshold=300))
    floor.enqueue("lax1", "lax")
    floor.wait(1)
    floor.enqueue("strict1", "strict")
    floor.rules(ordered("lax", CallerOrder.SERVICE_OBJECTIVE, threshold=300))
    assert rings(floor.ready_agent("anna")) == [("anna", "strict1")]


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(st.integers(0, 9), max_size=5),
    priorities=st.lists(st.integers(1, 100), min_size=12, max_size=12),
    talk=st.integers(1, 30),
    ageing=st.integers(1, 90),
)
def test_nobody_starves_however_many_come_with_whatever_priority(
    before: list[int], priorities: list[int], talk: int, ageing: int
) -> None:
    """One agent, and callers of higher priority without end, always more than he can serve."""
    floor = Floor()
    floor.rules(queue_config("sales", ageing=ageing, wrap_up=0))
    floor.enqueue("busy", "sales")
    floor.ready_agent("anna")
    floor.answer("anna")
    for number, priority in enumerate(before):
        floor.enqueue(f"before{number}", "sales", priority=priority)
    floor.enqueue("poor", "sales")
    came = floor.now
    served_since_of_age = 0
    for round_ in range(200):
        for number, priority in enumerate(priorities[:2]):
            floor.enqueue(f"vip{round_}-{number}", "sales", priority=priority + round_)
        floor.wait(talk)
        of_age = floor.now >= came + seconds(ageing)
        floor.hang_up("anna")
        caller = floor.holds("anna")
        floor.answer("anna")
        if caller == "poor":
            # Those of age before him, and those who came in the same moment, by their ids.
            assert served_since_of_age <= len(before)
            return
        served_since_of_age += of_age
    raise AssertionError("he waits for ever")
