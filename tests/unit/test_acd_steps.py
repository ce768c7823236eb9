"""A queue's steps: who may serve widens with time, for whoever waits, however he came to wait."""

from dataclasses import replace

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import CALLBACK
from callcenter.domain.callers import CallerTraits
from callcenter.domain.events import InteractionEscalated, OfferMade
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.queues import QueueConfig, RoutingStep
from callcenter.domain.rules import AllOf, AnyOf, Anyone, InGroup, Rule, SpeaksWithCaller
from tests.simulation.floor import Floor, agent_config, need, queue_config, rings, seconds


def stepped(*steps: tuple[float, Rule], priorities: tuple[int, ...] = ()) -> QueueConfig:
    """A queue whose steps begin after so many seconds."""
    added = (*priorities, *(0 for _ in steps[len(priorities) :]))
    return replace(
        queue_config("billing"),
        steps=tuple(
            RoutingStep(after=seconds(after), who=who, priority=priority)
            for (after, who), priority in zip(steps, added, strict=True)
        ),
    )


FOUR = stepped(
    (0, AllOf(rules=(need("billing", 5), need("zh")))),
    (20, need("billing", 2)),
    (60, AnyOf(rules=(need("billing", 2), InGroup(group="backoffice")))),
    (120, Anyone()),
)


def test_each_step_lets_further_agents_serve_at_its_time() -> None:
    floor = Floor()
    floor.rules(FOUR)
    floor.at_work(agent_config("carl"))
    floor.at_work(replace(agent_config("bo"), groups=frozenset({"backoffice"})))
    floor.at_work(agent_config("anna", {"billing": 2}))
    for name in ("c1", "c2", "c3"):
        assert rings(floor.enqueue(name, "billing")) == []
    assert rings(floor.wait(19.999)) == []
    assert rings(floor.wait(0.001)) == [("anna", "c1")]
    assert rings(floor.wait(39.999)) == []
    assert rings(floor.enqueue("c4", "billing")) == []


def test_the_last_step_may_be_anyone_and_comes_at_its_time() -> None:
    floor = Floor()
    floor.rules(FOUR)
    floor.at_work(agent_config("carl"))
    floor.enqueue("c1", "billing")
    assert rings(floor.wait(119.999)) == []
    assert rings(floor.wait(0.001)) == [("carl", "c1")]


def test_a_group_joins_where_a_step_names_it() -> None:
    floor = Floor()
    floor.rules(FOUR)
    floor.at_work(replace(agent_config("bo"), groups=frozenset({"backoffice"})))
    floor.enqueue("c1", "billing")
    assert rings(floor.wait(59.999)) == []
    assert rings(floor.wait(0.001)) == [("bo", "c1")]


def test_an_agent_who_becomes_free_serves_who_has_come_to_his_step() -> None:
    floor = Floor()
    floor.rules(FOUR)
    floor.enqueue("old", "billing")
    floor.wait(15)
    floor.enqueue("young", "billing", priority=9)
    floor.wait(5)
    assert rings(floor.ready_agent("anna", {"billing": 3})) == [("anna", "old")]
    assert rings(floor.ready_agent("bo", {"billing": 5, "zh": 1})) == [("bo", "young")]


def test_every_step_is_told_of_once_with_its_number_and_the_priority_that_counts() -> None:
    floor = Floor()
    floor.rules(stepped((0, need("billing")), (10, need("billing")), (20, Anyone()), priorities=(1, 2, 3)))
    floor.enqueue("c1", "billing", priority=1)
    assert floor.place("c1").priority == 2
    told = [(o.step, o.priority, o.aged) for o in floor.wait(60) if isinstance(o, InteractionEscalated)]
    assert told == [(1, 4, False), (2, 7, False)]


def test_a_steps_priority_moves_the_caller_up() -> None:
    floor = Floor()
    floor.rules(stepped((0, need("billing")), (30, need("billing")), priorities=(0, 5)))
    floor.enqueue("plain", "billing")
    floor.wait(25)
    floor.enqueue("vip", "billing", priority=3)
    assert floor.waiting("billing") == ["vip", "plain"]
    floor.wait(5)
    assert floor.waiting("billing") == ["plain", "vip"]


def test_who_is_found_after_a_restart_is_at_the_step_that_his_wait_says() -> None:
    floor = Floor()
    floor.rules(stepped((0, need("billing")), (20, need("zh")), (60, Anyone()), priorities=(1, 1, 1)))
    floor.enqueue("c1", "billing", ago=25, admitted=True)
    assert (floor.place("c1").step, floor.place("c1").priority) == (1, 2)
    assert rings(floor.ready_agent("anna", {"zh": 1})) == [("anna", "c1")]
    floor.enqueue("c2", "billing", ago=59)
    assert rings(floor.ready_agent("bo")) == []
    assert rings(floor.wait(1)) == [("bo", "c2")]


def test_steps_count_from_when_he_came_to_this_queue() -> None:
    floor = Floor()
    floor.queue("sales", need("nobody"))
    floor.rules(stepped((0, need("billing")), (20, Anyone())))
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    floor.wait(100)
    assert rings(floor.move("c1", "billing")) == []
    assert floor.place("c1").step == 0
    assert rings(floor.wait(19)) == []
    assert rings(floor.wait(1)) == [("anna", "c1")]


def test_anyone_waives_the_callers_own_needs_and_everybody_does_not() -> None:
    floor = Floor()
    floor.rules(stepped((0, AllOf(rules=())), (20, Anyone())))
    floor.ready_agent("anna")
    assert rings(floor.enqueue("c1", "billing", need("fi"))) == []
    assert rings(floor.wait(20)) == [("anna", "c1")]


@pytest.mark.parametrize(("language", "rung"), [("zh", "anna"), ("fi", "bo"), ("", "carl")])
def test_the_callers_language_is_asked_for_where_it_is_known(language: str, rung: str) -> None:
    floor = Floor()
    floor.rules(stepped((0, SpeaksWithCaller(minimum_level=2))))
    floor.ready_agent("carl", {"fi": 1})
    floor.wait(1)
    floor.ready_agent("bo", {"fi": 2})
    floor.ready_agent("anna", {"zh": 2})
    assert rings(floor.enqueue("c1", "billing", traits=CallerTraits(language=language))) == [(rung, "c1")]


def test_a_language_nobody_speaks_holds_up_nobody_else() -> None:
    floor = Floor()
    floor.rules(stepped((0, SpeaksWithCaller()), (20, Anyone())))
    floor.enqueue("c1", "billing", traits=CallerTraits(language="fi"))
    floor.enqueue("c2", "billing", traits=CallerTraits(language="zh"))
    assert rings(floor.ready_agent("anna", {"zh": 1})) == [("anna", "c2")]


def test_the_reason_of_an_offer_names_the_step_and_its_rule() -> None:
    floor = Floor()
    floor.rules(FOUR)
    floor.enqueue("c1", "billing")
    floor.wait(30)
    made = next(o for o in floor.ready_agent("anna", {"billing": 2}) if isinstance(o, OfferMade))
    assert made.offer.reason.text.en == "skills billing>=2; longest idle 00:00:00; step 2 of 4"
    assert made.offer.reason.text.zh == "技能 billing>=2；空闲最久 00:00:00；第 2 步，共 4 步"
    assert {part.name: part.value for part in made.offer.reason.parts}["step"] == "2"


def test_new_steps_hold_at_once_for_those_who_wait() -> None:
    floor = Floor()
    floor.rules(stepped((0, need("billing")), (60, Anyone())))
    floor.ready_agent("anna")
    floor.enqueue("c1", "billing")
    floor.wait(30)
    assert rings(floor.rules(stepped((0, need("billing")), (20, Anyone())))) == [("anna", "c1")]


def test_fewer_steps_than_somebody_has_come_to_leave_him_at_the_last() -> None:
    floor = Floor()
    floor.rules(FOUR)
    floor.enqueue("c1", "billing")
    floor.wait(70)
    told = floor.rules(stepped((0, need("billing", 9)), priorities=(4,)))
    assert [(o.step, o.priority) for o in told if isinstance(o, InteractionEscalated)] == [(0, 4)]
    floor.wait(600)
    assert floor.place("c1").step == 0


def test_steps_changed_while_he_rings_hold_from_the_next_offer_on() -> None:
    floor = Floor()
    floor.rules(stepped((0, need("billing"))))
    floor.ready_agent("anna", {"billing": 1})
    floor.ready_agent("bo", {"zh": 1})
    floor.enqueue("c1", "billing")
    assert rings(floor.rules(stepped((0, need("zh"))))) == []
    assert floor.holds("anna") == "c1"
    assert rings(floor.not_ready("anna")) == [("bo", "c1")]


def test_a_callback_with_a_chosen_time_begins_at_the_first_step_then() -> None:
    floor = Floor()
    floor.rules(stepped((0, need("billing")), (20, Anyone())))
    floor.ready_agent("anna")
    floor.callback("cb1", "billing", at=100)
    assert floor.place("cb1").media_type == CALLBACK
    assert rings(floor.wait(119)) == []
    assert rings(floor.wait(1)) == [("anna", "cb1")]


def test_a_caller_restored_with_the_time_he_came_to_the_queue_keeps_both_times() -> None:
    floor = Floor()
    floor.rules(stepped((0, need("billing")), (20, Anyone())))
    floor.tell(
        cmd.Enqueue(
            interaction_id=InteractionId("c1"),
            queue_id=QueueId("billing"),
            entered_at=floor.now - seconds(300),
            placed_at=floor.now - seconds(5),
            admitted=True,
        )
    )
    assert floor.place("c1").step == 0
    floor.ready_agent("anna")
    assert rings(floor.wait(15)) == [("anna", "c1")]


def test_those_whose_steps_begin_at_one_moment_are_served_by_their_places() -> None:
    floor = Floor()
    floor.rules(stepped((0, need("billing")), (20, Anyone())))
    floor.ready_agent("anna")
    floor.enqueue("a-plain", "billing")
    floor.enqueue("b-vip", "billing", priority=5)
    assert rings(floor.wait(20)) == [("anna", "b-vip")]
