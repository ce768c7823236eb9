"""The tables are what really happens, and docs/states.md shows them as they are."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from callcenter.domain import events as ev
from callcenter.domain.agents import AGENT_TRANSITIONS, AgentState, check_agent_transition
from callcenter.domain.errors import IllegalTransition
from callcenter.domain.ids import AgentId
from callcenter.domain.interactions import INTERACTION_TRANSITIONS, Stage, apply
from callcenter.domain.offers import OFFER_TRANSITIONS, OfferOutcome, OfferState
from tests.unit.test_interaction_record import (
    CALL,
    arrived,
    at,
    connected,
    ended,
    fold,
    offer_ended,
    offer_made,
    queued,
    talk_ended,
)

PROJECT = Path(__file__).resolve().parents[2]

EVENTS: tuple[ev.InteractionEvent, ...] = (
    ev.FlowStarted(interaction_id=CALL, at=at(1), flow="main", flow_version="1"),
    ev.NodeEntered(interaction_id=CALL, at=at(1), node="menu"),
    ev.LanguageChosen(interaction_id=CALL, at=at(1), language="zh"),
    queued(),
    offer_made(),
    offer_made(21, "o2"),
    offer_ended(OfferOutcome.RONA),
    connected(),
    talk_ended(),
    ev.SurveyAsked(
        interaction_id=CALL, at=at(30), flow="survey", agent_id=None, queue_id=None, customer_id=None, number=""
    ),
    ended(),
)


def test_the_record_takes_every_step_of_the_table_and_no_other() -> None:
    steps = set()
    for stage in Stage:
        offers = fold(queued(), offer_made()).offers if stage is Stage.RINGING else ()
        record = replace(arrived(), stage=stage, offers=offers)
        steps |= {(stage, apply(record, event).stage) for event in EVENTS}
    taken = {(old, new) for old, new in steps if old is not new}
    assert taken == {(old, new) for old, targets in INTERACTION_TRANSITIONS.items() for new in targets}


def test_every_state_is_in_its_table() -> None:
    assert set(AGENT_TRANSITIONS) == set(AgentState)
    assert set(INTERACTION_TRANSITIONS) == set(Stage)
    assert set(OFFER_TRANSITIONS) == set(OfferState)
    assert {state.value for state in OfferState} == {"pending", *OfferOutcome}


@pytest.mark.parametrize("old", list(AgentState))
@pytest.mark.parametrize("new", list(AgentState))
def test_an_agents_step_outside_the_table_is_refused_and_says_what_is_possible(
    old: AgentState, new: AgentState
) -> None:
    if new in AGENT_TRANSITIONS[old]:
        check_agent_transition(AgentId("anna"), old, new)
        return
    with pytest.raises(IllegalTransition, match=rf"anna is {old} and cannot become {new}; possible now: \w+"):
        check_agent_transition(AgentId("anna"), old, new)


def test_the_page_of_states_is_up_to_date() -> None:
    script = PROJECT / "scripts" / "draw-states"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
