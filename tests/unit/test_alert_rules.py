"""Rules of alerts: in turn raised and cleared, each only after it held, and never flapping; and what they read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.app.business import Business, Change, ChangeKind, Part, changes, combine
from callcenter.app.business_file import read_business
from callcenter.app.business_text import write_business
from callcenter.domain.alerts import AlertKind, AlertRule, AlertTarget, usual_margin
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.ivr.faults import FlowError
from callcenter.metrics.alerts import QUIET, AlertChange, AlertPhase, is_bad, is_good, step

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LABEL = Label(zh="排队", en="Waiting")


def rule(kind: AlertKind = AlertKind.WAITING, threshold: int = 10, margin: int = 2, hold: float = 30) -> AlertRule:
    return AlertRule(
        alert_id="a", label=LABEL, kind=kind, threshold=threshold, margin=margin, hold=timedelta(seconds=hold)
    )


def run(of: AlertRule, values: Sequence[tuple[float, float | None]]) -> list[tuple[float, AlertChange]]:
    """What changes, and when, with these readings at these seconds."""
    phase, found = QUIET, []
    for second, value in values:
        phase, change = step(of, phase, value, NOON + timedelta(seconds=second))
        if change is not None:
            found.append((second, change))
    return found


def test_it_is_raised_after_it_held_and_cleared_after_it_was_well_for_as_long() -> None:
    values = [(0, 11), (29, 11), (30, 12), (40, 8), (69, 8), (70, 8), (200, 8)]
    assert run(rule(), values) == [(30, AlertChange.RAISED), (70, AlertChange.CLEARED)]


def test_a_break_begins_the_time_anew_and_within_the_margin_nothing_changes() -> None:
    assert run(rule(), [(0, 11), (20, 10), (30, 11), (59, 11)]) == []
    assert run(rule(), [(0, 11), (30, 11), (40, 9), (500, 9), (600, 10)]) == [(30, AlertChange.RAISED)]


def test_what_cannot_be_read_changes_nothing_and_breaks_what_held() -> None:
    assert run(rule(), [(0, 11), (29, None), (30, 11), (59, 11), (60, 11)]) == [(60, AlertChange.RAISED)]
    assert run(rule(), [(0, 11), (30, 11), (40, 1), (69, None), (70, 1), (99, 1)]) == [(30, AlertChange.RAISED)]


@pytest.mark.parametrize(
    ("kind", "threshold", "bad", "between", "good"),
    [
        (AlertKind.WAITING, 10, 11, 9, 8),
        (AlertKind.LONGEST_WAIT, 60, 60.5, 59, 58),
        (AlertKind.SERVICE_LEVEL, 80, 79.9, 81, 82),
        (AlertKind.MISSED_OFFERS, 4, 4, 3, 1),
    ],
)
def test_each_kind_knows_bad_from_good(
    kind: AlertKind, threshold: int, bad: float, between: float, good: float
) -> None:
    of = rule(kind, threshold)
    assert (is_bad(of, bad), is_good(of, bad)) == (True, False)
    assert (is_bad(of, between), is_good(of, between)) == (False, False)
    assert (is_bad(of, good), is_good(of, good)) == (False, True)


def test_what_is_so_or_not_so_needs_no_threshold() -> None:
    of = rule(AlertKind.TRUNK_DOWN, 0, 0, hold=0)
    assert run(of, [(0, 0.0), (1, 1.0), (2, 1.0), (3, 0.0)]) == [(1, AlertChange.RAISED), (3, AlertChange.CLEARED)]


values = st.one_of(st.none(), st.integers(0, 25).map(float))


@given(
    kind=st.sampled_from(AlertKind),
    threshold=st.integers(1, 20),
    margin=st.integers(0, 20),
    hold=st.integers(0, 20),
    steps=st.lists(st.tuples(st.integers(0, 15), values), max_size=80),
)
def test_raised_and_cleared_follow_each_other_and_only_after_it_held(
    kind: AlertKind, threshold: int, margin: int, hold: int, steps: list[tuple[int, float | None]]
) -> None:
    of = rule(kind, threshold, margin if kind is AlertKind.SERVICE_LEVEL else min(margin, threshold - 1), hold)
    second, past, phase = 0, [], AlertPhase()
    last: AlertChange | None = None
    for gap, value in steps:
        second += gap
        past.append((second, value))
        phase, change = step(of, phase, value, NOON + timedelta(seconds=second))
        if change is None:
            continue
        assert change is not last
        assert last is not None or change is AlertChange.RAISED
        last = change
        holds = is_bad if change is AlertChange.RAISED else is_good
        since = next(
            (
                at
                for number, (at, _) in enumerate(past)
                if all(found is not None and holds(of, found) for _, found in past[number:])
            ),
            None,
        )
        assert since is not None
        assert second - since >= hold


@given(st.sampled_from([AlertKind.WAITING, AlertKind.LONGEST_WAIT, AlertKind.SERVICE_LEVEL]), st.integers(0, 100))
def test_with_the_usual_margin_it_can_always_become_good_again(kind: AlertKind, threshold: int) -> None:
    of = rule(kind, threshold, usual_margin(kind, threshold))
    assert is_good(of, 100.0 if kind is AlertKind.SERVICE_LEVEL else 0.0)


TEXT = """\
queues:
  sales: {label: {zh: 销售, en: Sales}}
alerts:
  long: {label: {zh: 等待过长, en: Long wait}, kind: longest_wait, queue: sales, threshold: 180, for_seconds: 15}
  rona: {label: {zh: 未接, en: Missed}, kind: missed_offers, threshold: 2, to: [board]}
  nobody: {label: {zh: 无人, en: Nobody}, kind: nobody_serves, for_seconds: 60}
"""


def read(text: str) -> Business:
    file = read_business(text, "f.yaml")
    result = combine(Business(), file.wanted, remove_missing=False)
    file.check(result, flows=None)
    return result


def test_the_file_says_rules_and_says_them_again() -> None:
    business = read(TEXT)
    long = business.alerts["long"]
    assert (long.kind, long.queue, long.threshold, long.margin) == (AlertKind.LONGEST_WAIT, QueueId("sales"), 180, 36)
    assert (long.hold, long.to) == (timedelta(seconds=15), frozenset(AlertTarget))
    assert business.alerts["rona"].to == {AlertTarget.BOARD}
    text = write_business(business)
    assert read(text) == business
    assert write_business(read(text)) == text
    changed = read(TEXT.replace("180", "200"))
    assert [(one.part, one.item, one.kind) for one in changes(business, changed)] == [
        (Part.ALERTS, "long", ChangeKind.CHANGED)
    ]
    (only,) = changes(business, changed)
    assert isinstance(only, Change)
    assert "threshold 180 -> 200" in str(only)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("{label: {zh: 一, en: A}, kind: mood}", "alerts.x.kind is 'mood'"),
        ("{label: {zh: 一, en: A}, kind: waiting}", "threshold"),
        ("{label: {zh: 一, en: A}, kind: waiting, threshold: many}", "'many'"),
        ("{label: {zh: 一, en: A}, kind: waiting, threshold: 5, margin: 6}", "margin is '6'"),
        ("{label: {zh: 一, en: A}, kind: service_level, threshold: 101}", "'101'"),
        ("{label: {zh: 一, en: A}, kind: trunk_down, threshold: 1}", "has no threshold"),
        ("{label: {zh: 一, en: A}, kind: trunk_down, queue: sales}", "watches no queue"),
        ("{label: {zh: 一, en: A}, kind: waiting, threshold: 5, queue: nowhere}", "'nowhere', which there is not"),
        ("{label: {zh: 一, en: A}, kind: waiting, threshold: 5, to: [pager]}", "'pager'"),
        ("{label: {zh: 一, en: A}, kind: waiting, threshold: 5, loud: yes}", "loud"),
        ("{kind: waiting, threshold: 5}", "label"),
    ],
)
def test_what_a_rule_cannot_be_is_told_with_its_line(wrong: str, told: str) -> None:
    with pytest.raises(FlowError) as refused:
        read(f"alerts:\n  x: {wrong}\n")
    assert told in str(refused.value)
    assert "f.yaml:2" in str(refused.value)
