"""What callers think of their talks: how many were asked, how many answered, and what (docs/metrics.md).

Law: counts only. Rates and means are made of the sums, never of other rates and means.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callcenter.domain.ids import AgentId, QueueId

SATISFIED_FROM = 4
BEST_SCORE = 5


class SurveyGroup(StrEnum):
    """By what figures are told apart."""

    ALL = "all"
    QUEUE = "queue"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyTally:
    """Of one flow, queue and agent: how many were asked, and how often each question was answered how.

    `answered` counts who answered at least one question; `scores` is by question, then by score.
    """

    flow: str
    queue_id: QueueId | None
    agent_id: AgentId | None
    asked: int
    answered: int
    scores: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFigures:
    """One question of one flow; `distribution` is by score, `mean` and `csat` are of `answers`, None without any."""

    flow: str
    question: str
    answers: int
    mean: float | None
    distribution: Mapping[int, int]
    csat: float | None
    """Share of answers from `SATISFIED_FROM` to `BEST_SCORE`; None also where an answer is out of 1 to 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyFigures:
    """What was asked and answered: of all, of a queue (`queue_id`) or of an agent (`agent_id`)."""

    queue_id: QueueId | None = None
    agent_id: AgentId | None = None
    asked: int
    answered: int
    response_rate: float | None
    """`answered` / `asked`; None where nobody was asked."""
    questions: tuple[QuestionFigures, ...]


def survey_figures(tallies: Iterable[SurveyTally], by: SurveyGroup = SurveyGroup.ALL) -> tuple[SurveyFigures, ...]:
    """The figures, one for each queue or agent that has any, in the order of their ids; of all there is always one."""
    groups: dict[tuple[QueueId | None, AgentId | None], list[SurveyTally]] = {}
    if by is SurveyGroup.ALL:
        groups[None, None] = []
    for tally in tallies:
        queue_id = tally.queue_id if by is SurveyGroup.QUEUE else None
        agent_id = tally.agent_id if by is SurveyGroup.AGENT else None
        if by is not SurveyGroup.ALL and queue_id is None and agent_id is None:
            continue
        groups.setdefault((queue_id, agent_id), []).append(tally)
    ordered = sorted(groups.items(), key=lambda group: (group[0][0] or "", group[0][1] or ""))
    return tuple(_figures(queue_id, agent_id, found) for (queue_id, agent_id), found in ordered)


def _figures(queue_id: QueueId | None, agent_id: AgentId | None, tallies: Iterable[SurveyTally]) -> SurveyFigures:
    asked = answered = 0
    scores: dict[tuple[str, str], Counter[int]] = {}
    for tally in tallies:
        asked += tally.asked
        answered += tally.answered
        for question, counts in tally.scores.items():
            scores.setdefault((tally.flow, question), Counter()).update(counts)
    return SurveyFigures(
        queue_id=queue_id,
        agent_id=agent_id,
        asked=asked,
        answered=answered,
        response_rate=answered / asked if asked else None,
        questions=tuple(_question(flow, question, counts) for (flow, question), counts in sorted(scores.items())),
    )


def _question(flow: str, question: str, counts: Counter[int]) -> QuestionFigures:
    answers = counts.total()
    total = sum(score * times for score, times in counts.items())
    on_scale = all(1 <= score <= BEST_SCORE for score in counts)
    satisfied = sum(times for score, times in counts.items() if score >= SATISFIED_FROM)
    return QuestionFigures(
        flow=flow,
        question=question,
        answers=answers,
        mean=total / answers if answers else None,
        distribution=dict(sorted(counts.items())),
        csat=satisfied / answers if answers and on_scale else None,
    )
