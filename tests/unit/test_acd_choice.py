"""Which agent: each way a queue may choose among several who are free."""

from dataclasses import replace

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentConfig
from callcenter.domain.queues import AgentChoice, QueueConfig
from tests.simulation.floor import Floor, agent_config, need, queue_config, rings, rung_by, seconds

CHOICES = [choice for choice in AgentChoice if choice is not AgentChoice.LONGEST_IDLE]


def choosing(choice: AgentChoice, name: str = "sales") -> QueueConfig:
    return replace(queue_config(name, wrap_up=0), agent_choice=choice)


def serve(floor: Floor, caller: str, *, talk: float = 10, queue: str = "sales") -> str:
    """A call from its coming to its end; gives back who had it."""
    agent, _ = rings(floor.enqueue(caller, queue))[0]
    floor.answer(agent)
    floor.wait(talk)
    floor.hang_up(agent)
    return agent


def test_specialists_come_first_so_that_those_who_can_much_stay_free() -> None:
    floor = Floor()
    floor.rules(replace(queue_config("sales", need("billing")), agent_choice=AgentChoice.SPECIALISTS_FIRST))
    floor.ready_agent("all", {"billing": 9, "zh": 9, "fi": 9})
    floor.wait(60)
    floor.ready_agent("two", {"billing": 9, "zh": 1})
    floor.wait(60)
    floor.ready_agent("one", {"billing": 1})
    assert [rung_by(floor.enqueue(c, "sales")) for c in ("c1", "c2", "c3")] == [["one"], ["two"], ["all"]]


def test_what_the_caller_himself_needs_is_no_other_skill_of_a_specialist() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.SPECIALISTS_FIRST))
    floor.ready_agent("other", {"zh": 1, "fi": 1, "sv": 1})
    floor.ready_agent("speaker", {"zh": 1, "sv": 1})
    assert rung_by(floor.enqueue("c1", "sales", need("zh"))) == ["speaker"]


def test_the_highest_level_of_what_is_asked_for_wins() -> None:
    floor = Floor()
    floor.rules(replace(queue_config("sales", need("billing", 2)), agent_choice=AgentChoice.HIGHEST_LEVEL))
    floor.ready_agent("anna", {"billing": 5, "zh": 10})
    floor.wait(60)
    floor.ready_agent("bo", {"billing": 7})
    floor.ready_agent("carl", {"billing": 1, "zh": 10})
    assert rung_by(floor.enqueue("c1", "sales")) == ["bo"]
    assert rung_by(floor.enqueue("c2", "sales")) == ["anna"]
    assert rung_by(floor.enqueue("c3", "sales")) == []


def test_the_least_occupied_today_is_who_was_busy_for_the_smallest_share_of_his_time() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.LEAST_OCCUPIED))
    floor.ready_agent("anna")
    serve(floor, "c1", talk=100)
    floor.wait(300)
    floor.ready_agent("bo")
    assert rung_by(floor.enqueue("c2", "sales")) == ["bo"]
    floor.answer("bo")
    floor.wait(100)
    floor.hang_up("bo")
    floor.wait(10)
    # Anna was busy for 100 s of 510, bo for 100 of 110.
    assert rung_by(floor.enqueue("c3", "sales")) == ["anna"]


def test_hold_counts_as_busy_and_a_break_as_neither() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.LEAST_OCCUPIED))
    floor.ready_agent("anna")
    floor.wait(10)
    rings(floor.enqueue("c1", "sales"))
    floor.answer("anna")
    offer_id = floor.record("anna").offer_id
    assert offer_id is not None
    floor.tell(cmd.ReportHold(offer_id=offer_id, on_hold=True))
    floor.wait(30)
    floor.hang_up("anna")
    floor.not_ready("anna")
    floor.wait(1000)
    floor.ready("anna")
    assert floor.record("anna").occupancy(floor.now) == pytest.approx(0.75)


def test_the_fewest_answered_today_wins_whoever_is_longest_idle() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.FEWEST_ANSWERED))
    floor.ready_agent("anna")
    serve(floor, "c1")
    serve(floor, "c2")
    floor.wait(500)
    floor.ready_agent("bo")
    assert serve(floor, "c3") == "bo"
    assert rung_by(floor.enqueue("c4", "sales")) == ["bo"]


def test_a_new_day_begins_at_nothing() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.FEWEST_ANSWERED))
    floor.ready_agent("anna")
    serve(floor, "c1")
    floor.wait(5)
    floor.ready_agent("bo")
    floor.tell(cmd.BeginDay())
    assert (floor.record("anna").day.answered, floor.record("anna").occupancy(floor.now)) == (0, 0.0)
    assert rung_by(floor.enqueue("c2", "sales")) == ["anna"]


def test_round_robin_goes_on_from_whom_this_queue_offered_last() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.ROUND_ROBIN))
    floor.rules(choosing(AgentChoice.LONGEST_IDLE, "other"))
    for name in ("anna", "bo", "carl"):
        floor.ready_agent(name)
        floor.wait(1)
    assert [serve(floor, f"c{n}") for n in range(4)] == ["anna", "bo", "carl", "anna"]
    serve(floor, "x1", queue="other")
    assert [serve(floor, f"d{n}") for n in range(3)] == ["bo", "carl", "anna"]


def test_round_robin_counts_an_offer_that_was_missed() -> None:
    floor = Floor()
    floor.rules(replace(choosing(AgentChoice.ROUND_ROBIN), rona_limit=3, rest_after_miss=seconds(0)))
    floor.ready_agent("anna")
    floor.ready_agent("bo")
    assert rung_by(floor.enqueue("c1", "sales")) == ["anna"]
    assert rung_by(floor.wait(25)) == ["bo"]
    assert rung_by(floor.wait(25)) == ["anna"]


def test_a_fixed_order_rings_the_first_who_is_free() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.FIXED_ORDER))
    for name, order in (("third", 3), ("second", 2), ("first", 1)):
        floor.at_work(replace(agent_config(name), order=order))
        floor.wait(60)
    assert [rung_by(floor.enqueue(f"c{n}", "sales")) for n in range(3)] == [["first"], ["second"], ["third"]]


def test_by_weight_answers_go_in_their_shares() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.WEIGHTED))
    floor.at_work(replace(agent_config("one"), weight=1))
    floor.at_work(replace(agent_config("three"), weight=3))
    served = [serve(floor, f"c{n}") for n in range(40)]
    assert (served.count("one"), served.count("three")) == (10, 30)


@pytest.mark.parametrize("choice", CHOICES)
def test_ties_go_to_the_longest_idle_and_then_to_the_first_id(choice: AgentChoice) -> None:
    floor = Floor()
    floor.rules(choosing(choice))
    floor.ready_agent("zoe")
    floor.wait(1)
    floor.ready_agent("bo")
    floor.ready_agent("anna")
    floor.tell(cmd.BeginDay())
    assert [rung_by(floor.enqueue(f"c{n}", "sales")) for n in range(3)] == [["zoe"], ["anna"], ["bo"]]


@pytest.mark.parametrize("choice", AgentChoice)
def test_the_reason_names_the_choice_in_both_languages(choice: AgentChoice) -> None:
    floor = Floor()
    floor.rules(choosing(choice))
    floor.ready_agent("anna")
    floor.ready_agent("bo")
    agent = rung_by(floor.enqueue("c1", "sales"))[0]
    reason = floor.offer_to(agent).reason
    parts = {part.name: part.value for part in reason.parts}
    assert (parts["choice"], parts["ready_agents"]) == (choice, "2")
    assert reason.text.en.endswith("00:00:00")
    assert reason.text.zh != reason.text.en


def test_the_choice_is_the_queues_so_two_queues_may_choose_differently() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.FIXED_ORDER))
    floor.rules(choosing(AgentChoice.LONGEST_IDLE, "support"))
    people: list[AgentConfig] = [replace(agent_config("old"), order=2), replace(agent_config("new"), order=1)]
    for config in people:
        floor.at_work(config)
        floor.wait(10)
    assert rung_by(floor.enqueue("c1", "support")) == ["old"]
    floor.leave("c1")
    assert rung_by(floor.enqueue("c2", "sales")) == ["new"]


def test_a_choice_changed_while_people_wait_holds_for_the_next_offer() -> None:
    floor = Floor()
    floor.rules(choosing(AgentChoice.LONGEST_IDLE))
    floor.at_work(replace(agent_config("old"), order=2))
    floor.wait(10)
    floor.at_work(replace(agent_config("new"), order=1))
    floor.rules(choosing(AgentChoice.FIXED_ORDER))
    assert rung_by(floor.enqueue("c1", "sales")) == ["new"]
