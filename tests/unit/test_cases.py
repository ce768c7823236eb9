"""Cases go as the table says; complaints tell why and how they ended; due times follow the targets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm.case_steps import CaseInput, escalated, is_to_escalate, opened, revised, usual_targets
from callcenter.domain.cases import (
    CASE_TRANSITIONS,
    SETTLED,
    CaseKind,
    CaseOutcome,
    CasePriority,
    CaseRecord,
    CaseState,
    ServiceTarget,
)
from callcenter.domain.errors import IllegalTransition, InvalidValue
from callcenter.domain.ids import AgentId, CaseId, CustomerId

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
TARGETS = usual_targets()
QUESTION = CaseInput(kind=CaseKind.QUESTION, subject="Which address?")
COMPLAINT = CaseInput(kind=CaseKind.COMPLAINT, subject="Two boxes are missing")


def new(data: CaseInput = QUESTION) -> CaseRecord:
    return opened(CaseId("k1"), CustomerId("c1"), data, TARGETS, at=NOON, by="1001")


def as_input(case: CaseRecord) -> CaseInput:
    return CaseInput(
        kind=case.kind,
        subject=case.subject,
        description=case.description,
        state=case.state,
        priority=case.priority,
        owner_id=case.owner_id,
        reason=case.reason,
        remedy=case.remedy,
        outcome=case.outcome,
    )


@given(st.sampled_from(CaseState), st.sampled_from(CaseState))
def test_a_case_goes_as_the_table_says_and_no_other_way(old: CaseState, wanted: CaseState) -> None:
    case = replace(new(), state=old)
    data = replace(QUESTION, state=wanted)
    if wanted is old:
        assert revised(case, data, TARGETS, at=LATER) is case
    elif wanted in CASE_TRANSITIONS[old]:
        assert revised(case, data, TARGETS, at=LATER).state is wanted
    else:
        with pytest.raises(IllegalTransition, match=f"is {old} and cannot become {wanted}; possible now"):
            revised(case, data, TARGETS, at=LATER)


def test_every_state_is_left_and_reached() -> None:
    assert set(CASE_TRANSITIONS) == set(CaseState)
    reached = set().union(*CASE_TRANSITIONS.values())
    assert reached == set(CaseState) - {CaseState.OPEN}
    assert all(CASE_TRANSITIONS.values())


def test_settling_and_reopening_keep_the_times() -> None:
    case = new()
    resolved = revised(case, replace(QUESTION, state=CaseState.RESOLVED), TARGETS, at=LATER)
    assert (resolved.resolved_at, resolved.closed_at) == (LATER, None)
    closed = revised(resolved, replace(QUESTION, state=CaseState.CLOSED), TARGETS, at=LATER + timedelta(hours=1))
    assert (closed.resolved_at, closed.closed_at) == (LATER, LATER + timedelta(hours=1))
    again = NOON + timedelta(days=9)
    reopened = revised(closed, replace(QUESTION, state=CaseState.REOPENED), TARGETS, at=again)
    assert (reopened.resolved_at, reopened.closed_at, reopened.reopened) == (None, None, 1)
    assert reopened.due_at == again + timedelta(days=2)
    at_once = new(replace(QUESTION, state=CaseState.CLOSED))
    assert (at_once.resolved_at, at_once.closed_at, at_once.version) == (NOON, NOON, 1)


@pytest.mark.parametrize("state", sorted(SETTLED))
def test_a_complaint_is_settled_with_its_reason_and_its_outcome(state: CaseState) -> None:
    case = new(COMPLAINT)
    for given_, missing in (
        ({}, "reason and outcome"),
        ({"reason": "delivery"}, "outcome"),
        ({"outcome": CaseOutcome.LOST}, "reason"),
    ):
        with pytest.raises(InvalidValue, match=f"without {missing}:") as caught:
            revised(case, replace(COMPLAINT, state=state, **given_), TARGETS, at=LATER)
        assert caught.value.code == "complaint_unsettled"
    data = replace(COMPLAINT, state=state, reason="delivery", remedy="refund", outcome=CaseOutcome.RECOVERED)
    settled = revised(case, data, TARGETS, at=LATER)
    assert (settled.reason, settled.outcome) == ("delivery", CaseOutcome.RECOVERED)
    reopened = revised(settled, replace(data, state=CaseState.REOPENED), TARGETS, at=LATER)
    assert (reopened.reason, reopened.outcome) == ("delivery", None)


def test_a_question_has_no_reason_of_complaint() -> None:
    with pytest.raises(InvalidValue) as caught:
        revised(new(), replace(QUESTION, reason="delivery"), TARGETS, at=LATER)
    assert caught.value.code == "not_a_complaint"


def test_the_due_time_follows_the_target_unless_it_was_given() -> None:
    case = new()
    assert case.due_at == NOON + timedelta(days=2)
    urgent = revised(case, replace(QUESTION, priority=CasePriority.URGENT), TARGETS, at=LATER)
    assert urgent.due_at == NOON + timedelta(hours=4)
    own = replace(QUESTION, due_by_target=False, due_at=NOON + timedelta(days=30))
    assert revised(case, own, TARGETS, at=LATER).due_at == NOON + timedelta(days=30)
    assert revised(case, replace(own, due_at=None), TARGETS, at=LATER).due_at is None
    with pytest.raises(InvalidValue) as caught:
        revised(case, replace(own, due_at=NOON - timedelta(seconds=1)), TARGETS, at=LATER)
    assert caught.value.code == "due_too_early"


def test_a_due_time_is_escalated_once_and_a_new_one_again() -> None:
    target = replace(TARGETS[CaseKind.QUESTION, CasePriority.NORMAL], escalate_to=AgentId("1009"))
    targets: dict[tuple[CaseKind, CasePriority], ServiceTarget] = {
        **TARGETS,
        (CaseKind.QUESTION, CasePriority.NORMAL): target,
    }
    case = new(replace(QUESTION, owner_id=AgentId("1001")))
    assert case.due_at is not None
    assert not is_to_escalate(case, case.due_at - timedelta(microseconds=1))
    assert is_to_escalate(case, case.due_at)
    up = escalated(case, targets, at=case.due_at)
    assert (up.priority, up.owner_id, up.escalations) == (CasePriority.HIGH, "1009", 1)
    assert up.due_at == case.due_at
    assert not is_to_escalate(up, case.due_at + timedelta(days=99))
    same = revised(up, replace(as_input(up), subject="new"), targets, at=up.due_at or NOON)
    assert same.escalated_at == up.escalated_at
    later = replace(as_input(up), due_by_target=False, due_at=case.due_at + timedelta(days=1))
    moved = revised(up, later, targets, at=case.due_at)
    assert is_to_escalate(moved, case.due_at + timedelta(days=1))
    assert escalated(moved, targets, at=LATER).owner_id == "1009"


@given(st.data())
def test_a_settled_case_is_never_escalated(data: st.DataObject) -> None:
    case = new()
    for _ in range(8):
        state = data.draw(st.sampled_from(sorted(CASE_TRANSITIONS[case.state])))
        case = revised(case, replace(as_input(case), state=state), TARGETS, at=LATER)
        far = NOON + timedelta(days=1000)
        assert is_to_escalate(case, far) == (case.state not in SETTLED)
        assert (case.resolved_at is None) == (case.state not in SETTLED)
        assert (case.closed_at is not None) == (case.state is CaseState.CLOSED)
