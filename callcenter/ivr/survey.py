"""A flow as a survey after the talk: what it may consist of, which questions it has, and where it goes on.

Law: a survey asks and ends. It leads to nobody, looks nothing up and takes no secret, for the agent has gone already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from callcenter.ivr import nodes as n
from callcenter.ivr.faults import Fault
from callcenter.ivr.flow import Flow

MOST_QUESTIONS = 3
ALLOWED = (
    n.SayNode,
    n.SurveyNode,
    n.SetNode,
    n.BranchNode,
    n.MenuNode,
    n.ConfirmNode,
    n.LanguageNode,
    n.SwitchLanguageNode,
    n.HoursNode,
    n.EndNode,
)
ALLOWED_KINDS = "say, survey, set, branch, menu, confirm, language, switch_language, hours and end"


def questions_of(flow: Flow) -> tuple[n.SurveyQuestion, ...]:
    """Everything it asks, in the order of the file."""
    return tuple(
        question for node in flow.nodes.values() if isinstance(node, n.SurveyNode) for question in node.questions
    )


def unfit(flow: Flow) -> Iterator[Fault]:
    """Why this flow cannot be a survey after the talk, each with its line in the flow's file."""
    for node in flow.nodes.values():
        if not isinstance(node, ALLOWED):
            what = f"node {node.name!r} is none that a survey after the talk may have"
            yield _fault(flow, f"nodes.{node.name}.kind", what, f"such a flow is made of {ALLOWED_KINDS}")
    questions = questions_of(flow)
    if not questions:
        yield _fault(flow, "flow", f"the flow {flow.name!r} asks nothing", "give it a node of the kind survey")
    if len(questions) > MOST_QUESTIONS:
        what = f"the flow {flow.name!r} asks {len(questions)} questions"
        yield _fault(flow, "flow", what, f"ask at most {MOST_QUESTIONS} after a talk")
    names = [question.name for question in questions]
    for name in sorted({name for name in names if names.count(name) > 1}):
        what = f"the question {name!r} is asked in two places"
        yield _fault(flow, "flow", what, "give each its own name, for its answers are counted by it")


def resumed_at(flow: Flow, node: str, answered: Collection[str]) -> tuple[Flow, str | None]:
    """The flow and the node to go on with, so that what is `answered` of that node is not asked a second time."""
    place = flow.nodes.get(node)
    if not isinstance(place, n.SurveyNode):
        return flow, node or None
    left = tuple(question for question in place.questions if question.name not in answered)
    if not left:
        return flow, place.next
    shorter = replace(place, questions=left)
    return replace(flow, nodes={**flow.nodes, node: shorter}), node


def _fault(flow: Flow, path: str, what: str, right: str) -> Fault:
    return Fault(code="unfit_survey", filename=flow.filename, line=flow.line_of(path), what=what, right=right)
