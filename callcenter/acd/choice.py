"""Whom a queue prefers among several free agents: the order of its `agent_choice`, of which the first is best.

Law: ties go to the longest idle, then to the first id, so that there always is one order and no chance.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from callcenter.acd.roster import AgentRecord
from callcenter.domain.ids import AgentId
from callcenter.domain.queues import AgentChoice
from callcenter.domain.skills import SkillRequirement

Rank = tuple[float, float, datetime, AgentId]
"""Lower is preferred."""


def rank(
    choice: AgentChoice,
    agent: AgentRecord,
    skills: Collection[SkillRequirement],
    last_offered: Mapping[AgentId, int],
    now: datetime,
) -> Rank:
    """The agent's place; `skills` are those the rule names, `last_offered` the numbers of this queue's last offers."""
    first, second = 0.0, 0.0
    match choice:
        case AgentChoice.SPECIALISTS_FIRST:
            wanted = {need.skill for need in skills}
            first = sum(1 for skill in agent.config.skills if skill not in wanted)
        case AgentChoice.HIGHEST_LEVEL:
            first = -sum(agent.config.skills.get(need.skill, 0) for need in skills)
        case AgentChoice.LEAST_OCCUPIED:
            first = agent.occupancy(now)
        case AgentChoice.FEWEST_ANSWERED:
            first = agent.day.answered
        case AgentChoice.ROUND_ROBIN:
            first = last_offered.get(agent.agent_id, 0)
        case AgentChoice.FIXED_ORDER:
            first = agent.config.order
        case AgentChoice.WEIGHTED:
            first, second = agent.day.answered / agent.config.weight, -agent.config.weight
        case AgentChoice.LONGEST_IDLE:
            pass
    return (first, second, agent.ready_since or now, agent.agent_id)
