"""Who would serve this: the preview names whom the engine then offers, and says of everybody else why not."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.acd.preview import Asked, Candidate, Preview, who_would_serve
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentConfig, QueuePreference
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.queues import AgentChoice, Boosts, QueueConfig, RoutingStep
from callcenter.domain.rule_text import parse_rule
from tests.simulation.floor import Floor, need, queue_config, rung_by, seconds

SALES = QueueId("sales")


def asked(waited: float = 0, language: str = "", customer_class: str = "", *, complaint: bool = False) -> Asked:
    traits = CallerTraits(customer_class=customer_class, open_complaint=complaint, language=language)
    return Asked(traits=traits, waited=seconds(waited))


def preview(floor: Floor, queue: QueueConfig, question: Asked | None = None) -> Preview:
    return who_would_serve(floor.engine.picture, queue, question or Asked(traits=A_STRANGER), floor.now)


def first(found: Preview) -> str:
    return next((one.agent_id for one in found.candidates if one.place == 1), "")


def of(found: Preview, agent_id: str) -> Candidate:
    return next(one for one in found.candidates if one.agent_id == agent_id)


@pytest.mark.parametrize("choice", list(AgentChoice))
def test_the_first_is_whom_the_engine_offers_him(choice: AgentChoice) -> None:
    chance = random.Random(f"preview {choice}")
    for _ in range(12):
        floor = Floor()
        queue = replace(queue_config("sales", need("billing", 3), wrap_up=0), agent_choice=choice)
        floor.rules(queue)
        for number in range(chance.randint(1, 7)):
            skills = {name: chance.randint(1, 10) for name in ("billing", "zh", "fi") if chance.random() < 0.7}
            floor.ready_agent(f"a{number}", skills)
            config = floor.engine.picture.agents[AgentId(f"a{number}")].config
            changed = replace(
                config,
                order=chance.randint(0, 3),
                weight=chance.randint(1, 3),
                preferences={SALES: QueuePreference(delay=seconds(chance.choice((0, 0, 5))))},
            )
            floor.tell(cmd.ConfigureAgent(config=changed))
            floor.wait(chance.randint(0, 20))
        for call in range(3):
            expected = first(preview(floor, queue))
            rung = rung_by(floor.enqueue(f"c{call}", "sales"))
            assert rung == ([expected] if expected else [])
            if not rung:
                break
            floor.answer(rung[0])
            floor.wait(chance.randint(1, 30))
            floor.hang_up(rung[0])
            floor.wait(1)


def test_rules_that_are_not_in_force_are_tried_all_the_same_and_change_nothing() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", need("billing")))
    floor.ready_agent("anna", {"billing": 5})
    floor.ready_agent("bo", {"zh": 5})
    draft = queue_config("sales", need("zh", 4))
    assert first(preview(floor, draft)) == "bo"
    assert of(preview(floor, draft), "anna").reason.en == "does not meet zh>=4"
    assert first(preview(floor, queue_config("other", need("billing")))) == "anna"
    assert floor.engine.picture.queues.keys() == {SALES}
    assert rung_by(floor.enqueue("c1", "sales")) == ["anna"]


def test_steps_begin_with_the_time_he_has_waited() -> None:
    floor = Floor()
    strict, wide = parse_rule("billing>=5 and lang=caller"), parse_rule("anyone")
    queue = replace(
        queue_config("sales"),
        steps=(
            RoutingStep(after=timedelta(), who=strict),
            RoutingStep(after=seconds(60), who=wide, priority=7),
        ),
        ageing_limit=seconds(90),
    )
    floor.ready_agent("anna", {"billing": 6, "zh": 1})
    floor.wait(1)
    floor.ready_agent("bo", {"billing": 3, "zh": 1})
    early = preview(floor, queue, asked(0, "zh"))
    assert (early.step, early.priority, early.of_age, early.rule) == (0, 0, False, "billing>=5 and zh>=1")
    assert [(one.agent_id, one.place, one.from_step) for one in early.candidates] == [("anna", 1, 0), ("bo", None, 1)]
    assert of(early, "bo").reason.en == "does not meet billing>=5 (billing 3)"
    late = preview(floor, queue, asked(60, "zh"))
    assert (late.step, late.priority, late.of_age) == (1, 7, False)
    assert [one.agent_id for one in late.candidates if one.place] == ["anna", "bo"]
    assert preview(floor, queue, asked(90, "fi")).of_age


def test_everybody_else_is_told_with_what_keeps_him() -> None:
    floor = Floor()
    floor.rules(queue_config("sales", need("billing")))
    for name in ("away", "talks", "later", "free"):
        floor.ready_agent(name, {"billing": 5})
    later = AgentConfig(
        agent_id=AgentId("later"),
        name="later",
        skills={SkillId("billing"): 5},
        preferences={SALES: QueuePreference(delay=seconds(30))},
    )
    floor.tell(cmd.ConfigureAgent(config=later))
    floor.tell(cmd.SetNotReady(agent_id=AgentId("away"), reason="lunch"))
    (rung,) = rung_by(floor.enqueue("c1", "sales"))
    floor.answer(rung)
    found = preview(floor, queue_config("sales", need("billing")))
    kinds = {one.agent_id: (one.place, one.kind) for one in found.candidates}
    assert kinds[AgentId("away")] == (None, "not_ready")
    assert of(found, "away").reason.en == "not ready (lunch)"
    assert kinds[AgentId(rung)] == (None, "talking")
    assert kinds[AgentId("later")] == (None, "delayed")
    assert "only after 30 s" in of(found, "later").reason.en


def test_worth_is_reckoned_as_in_the_queue() -> None:
    floor = Floor()
    queue = replace(queue_config("sales"), boosts=Boosts(classes={"A": 20}, open_complaint=90, limit=100))
    found = preview(floor, queue, asked(customer_class="A", complaint=True))
    assert found.priority == 100
    assert [(ground.name, ground.value) for ground in found.grounds] == [
        ("class A", "+20"),
        ("open complaint", "+90"),
        ("limited to", "+100"),
    ]
    assert found.candidates == ()
