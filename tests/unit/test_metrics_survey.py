"""Figures of surveys out of counts."""

from hypothesis import given
from hypothesis import strategies as st

from callcenter.domain.ids import AgentId, QueueId
from callcenter.metrics.survey import SurveyGroup, SurveyTally, survey_figures

SALES, SUPPORT = QueueId("sales"), QueueId("support")
LI, CHEN = AgentId("1001"), AgentId("1002")


def tally(queue: QueueId, agent: AgentId, asked: int, answered: int, **scores: dict[int, int]) -> SurveyTally:
    return SurveyTally(flow="survey", queue_id=queue, agent_id=agent, asked=asked, answered=answered, scores=scores)


TALLIES = (
    tally(SALES, LI, 10, 4, satisfaction={5: 2, 4: 1, 1: 1}, solved={1: 3, 0: 1}),
    tally(SALES, CHEN, 5, 1, satisfaction={3: 1}),
    tally(SUPPORT, LI, 5, 0),
)


def test_of_all_there_is_one_line_also_when_nobody_was_asked() -> None:
    (nothing,) = survey_figures(())
    assert (nothing.asked, nothing.answered, nothing.response_rate, nothing.questions) == (0, 0, None, ())


def test_rates_are_made_of_sums() -> None:
    (of_all,) = survey_figures(TALLIES)
    assert (of_all.asked, of_all.answered, of_all.response_rate) == (20, 5, 0.25)
    satisfaction, solved = of_all.questions
    assert satisfaction.question == "satisfaction"
    assert satisfaction.distribution == {1: 1, 3: 1, 4: 1, 5: 2}
    assert (satisfaction.answers, satisfaction.mean, satisfaction.csat) == (5, 18 / 5, 3 / 5)
    # 0 is no score of the five: there is a mean, but no share of the satisfied.
    assert (solved.answers, solved.mean, solved.csat) == (4, 0.75, None)


def test_they_are_told_apart_by_queue_and_by_agent() -> None:
    queues = survey_figures(TALLIES, SurveyGroup.QUEUE)
    assert [(line.queue_id, line.agent_id, line.asked, line.answered) for line in queues] == [
        ("sales", None, 15, 5),
        ("support", None, 5, 0),
    ]
    agents = survey_figures(TALLIES, SurveyGroup.AGENT)
    assert [(line.agent_id, line.response_rate) for line in agents] == [("1001", 4 / 15), ("1002", 0.2)]


def test_what_belongs_to_no_queue_is_counted_with_all_alone() -> None:
    menu = SurveyTally(flow="menu", queue_id=None, agent_id=None, asked=0, answered=0, scores={"like": {4: 1}})
    assert survey_figures((menu,), SurveyGroup.QUEUE) == ()
    (of_all,) = survey_figures((menu,))
    assert (of_all.response_rate, of_all.questions[0].mean) == (None, 4.0)


COUNTS = st.dictionaries(st.integers(1, 5), st.integers(1, 50), max_size=5)


@given(st.lists(st.tuples(st.sampled_from([SALES, SUPPORT]), st.sampled_from([LI, CHEN]), COUNTS), max_size=12))
def test_the_queues_together_are_all(lines: list[tuple[QueueId, AgentId, dict[int, int]]]) -> None:
    tallies = [tally(queue, agent, 100, 50, satisfaction=scores) for queue, agent, scores in lines]
    (of_all,) = survey_figures(tallies)
    parts = survey_figures(tallies, SurveyGroup.QUEUE)
    assert sum(part.asked for part in parts) == of_all.asked
    answers = sum(question.answers for part in parts for question in part.questions)
    assert answers == sum(question.answers for question in of_all.questions)
    for question in of_all.questions:
        assert question.answers == sum(question.distribution.values())
        if question.mean is not None:
            assert 1 <= question.mean <= 5
