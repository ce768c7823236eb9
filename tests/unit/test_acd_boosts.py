"""What a customer is worth in routing: each ground stated, all together bounded."""

from dataclasses import replace

import pytest

from callcenter.acd.boosts import boost_of
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.events import InteractionQueued
from callcenter.domain.queues import Boosts
from tests.simulation.floor import Floor, queue_config, rings

VALUE = Boosts(classes={"A": 20, "B": 5, "C": -10}, open_complaint=15, languages={"fi": 3}, limit=30)
LOYAL = CallerTraits(customer_class="A", open_complaint=True, language="fi")


@pytest.mark.parametrize(
    ("traits", "points", "grounds"),
    [
        (A_STRANGER, 0, {}),
        (CallerTraits(customer_class="A"), 20, {"class A": "+20"}),
        (CallerTraits(customer_class="C"), -10, {"class C": "-10"}),
        (CallerTraits(customer_class="X", language="zh"), 0, {}),
        (CallerTraits(open_complaint=True), 15, {"open complaint": "+15"}),
        (CallerTraits(customer_class="B", language="fi"), 8, {"class B": "+5", "language fi": "+3"}),
        (
            LOYAL,
            30,
            {"class A": "+20", "open complaint": "+15", "language fi": "+3", "limited to": "+30"},
        ),
    ],
)
def test_each_trait_adds_its_points_and_says_so(traits: CallerTraits, points: int, grounds: dict[str, str]) -> None:
    boost, parts = boost_of(traits, VALUE)
    assert (boost, {part.name: part.value for part in parts}) == (points, grounds)


def test_the_limit_bounds_what_is_taken_away_too() -> None:
    boost, parts = boost_of(CallerTraits(customer_class="C"), replace(VALUE, limit=4))
    assert (boost, parts[-1].value) == (-4, "-4")


def test_points_that_cancel_out_are_told_all_the_same() -> None:
    boost, parts = boost_of(CallerTraits(customer_class="C", open_complaint=True), replace(VALUE, open_complaint=10))
    assert (boost, len(parts)) == (0, 2)


def test_a_valued_customer_comes_before_who_came_earlier() -> None:
    floor = Floor()
    floor.rules(replace(queue_config("sales"), boosts=VALUE))
    floor.enqueue("first", "sales")
    floor.wait(5)
    queued = floor.enqueue("valued", "sales", traits=LOYAL, priority=1)[0]
    assert isinstance(queued, InteractionQueued)
    assert (queued.priority, queued.base_priority, len(queued.grounds)) == (31, 1, 4)
    assert floor.waiting("sales") == ["valued", "first"]
    assert rings(floor.ready_agent("anna")) == [("anna", "valued")]


def test_the_grounds_are_in_the_offers_reason_in_both_languages() -> None:
    floor = Floor()
    floor.rules(replace(queue_config("sales"), boosts=VALUE))
    floor.enqueue("valued", "sales", traits=LOYAL)
    floor.ready_agent("anna")
    reason = floor.offer_to("anna").reason
    assert reason.text.en.endswith("priority +30; class A +20; open complaint +15; language fi +3; limited to +30")
    assert reason.text.zh.endswith("优先级 +30；客户等级 A +20；有未结投诉 +15；语言 fi +3；上限 +30")
    assert {"class A", "open complaint", "language fi", "limited to"} <= {part.name for part in reason.parts}


def test_another_queue_values_him_by_its_own_rules() -> None:
    floor = Floor()
    floor.rules(replace(queue_config("sales"), boosts=VALUE))
    floor.rules(replace(queue_config("support"), boosts=replace(VALUE, classes={"A": 1}, open_complaint=0)))
    floor.enqueue("c1", "sales", traits=LOYAL)
    floor.move("c1", "support")
    assert floor.place("c1").priority == 4


def test_new_boosts_hold_at_once_for_those_who_wait_and_a_supervisors_priority_stays() -> None:
    floor = Floor()
    floor.rules(replace(queue_config("sales"), boosts=VALUE))
    floor.enqueue("c1", "sales", traits=CallerTraits(customer_class="B"))
    floor.set_priority("c1", 2)
    assert floor.place("c1").priority == 7
    floor.rules(replace(queue_config("sales"), boosts=replace(VALUE, classes={"B": 50})))
    assert (floor.place("c1").priority, floor.place("c1").base_priority) == (32, 2)
