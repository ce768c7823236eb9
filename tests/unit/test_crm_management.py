"""Complaints, losses and management's figures, reckoned by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm.churn import (
    Complaint,
    ComplaintOutcome,
    Loss,
    LossSource,
    reasons_of_loss,
    recovery_by_reason,
    recovery_by_remedy,
)
from callcenter.crm.errors import CrmError
from callcenter.crm.lifecycle import Stage
from callcenter.crm.management import (
    Bought,
    ClassChange,
    Movement,
    ProfitLine,
    StageChange,
    SurveyAnswer,
    movements,
    profitability,
    profitability_by_period,
    retention,
    satisfaction_by_agent,
    satisfaction_by_queue,
    satisfaction_by_segment,
)
from callcenter.crm.periods import Period, PeriodKind, period_number, period_of, periods_between
from callcenter.crm.value_class import ValueClass
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, QueueId

MARCH = Period(start=date(2026, 3, 1), end=date(2026, 4, 1))


def who(name: str) -> CustomerId:
    return CustomerId(name)


def complaint(
    number: int,
    reason: str,
    outcome: ComplaintOutcome,
    *,
    customer: str = "li",
    remedy: str = "",
    opened: date = date(2026, 3, 1),
    days: int | None = None,
) -> Complaint:
    return Complaint(
        case_id=CaseId(f"case-{number}"),
        customer_id=who(customer),
        opened_on=opened,
        reason=reason,
        remedy=remedy,
        outcome=outcome,
        settled_on=None if days is None else opened + timedelta(days=days),
    )


def test_recovery_counts_settled_complaints_only() -> None:
    cases = [
        complaint(1, "late", ComplaintOutcome.RECOVERED, remedy="refund", days=2),
        complaint(2, "late", ComplaintOutcome.RECOVERED, remedy="apology", days=6),
        complaint(3, "late", ComplaintOutcome.LOST, remedy="apology", days=10),
        complaint(4, "late", ComplaintOutcome.OPEN),
        complaint(5, "broken", ComplaintOutcome.OPEN),
    ]
    by_reason = recovery_by_reason(reversed(cases))
    assert list(by_reason) == ["late", "broken"]
    late = by_reason["late"]
    assert (late.complaints, late.open, late.recovered, late.lost) == (4, 1, 2, 1)
    assert late.recovery_rate == pytest.approx(2 / 3)
    assert late.days_to_settle == 6.0
    assert (by_reason["broken"].recovery_rate, by_reason["broken"].days_to_settle) == (None, None)
    by_remedy = recovery_by_remedy(cases)
    assert by_remedy["late", "refund"].recovery_rate == 1.0
    assert by_remedy["late", "apology"].recovery_rate == 0.5


def test_each_loss_has_one_reason_and_the_customers_own_word_comes_first() -> None:
    left = date(2026, 6, 1)
    cases = [
        complaint(1, "late", ComplaintOutcome.LOST, customer="li", opened=left - timedelta(days=100)),
        complaint(2, "rude", ComplaintOutcome.OPEN, customer="li", opened=left - timedelta(days=20)),
        complaint(3, "late", ComplaintOutcome.RECOVERED, customer="ma", opened=left - timedelta(days=5)),
        complaint(4, "late", ComplaintOutcome.LOST, customer="wu", opened=left - timedelta(days=181)),
        complaint(5, "late", ComplaintOutcome.LOST, customer="xu", opened=left - timedelta(days=180)),
        complaint(6, "late", ComplaintOutcome.LOST, customer="he", opened=left),
        complaint(7, "late", ComplaintOutcome.LOST, customer="qi", opened=left + timedelta(days=1)),
    ]
    losses = [Loss(customer_id=who(name), on=left) for name in ("li", "ma", "wu", "xu", "qi")]
    losses.append(Loss(customer_id=who("he"), on=left, stated_reason="moved away"))
    found = reasons_of_loss(losses, cases)
    assert [(each.source, each.reason, each.losses) for each in found] == [
        (LossSource.SILENT, "", 3),
        (LossSource.STATED, "moved away", 1),
        (LossSource.COMPLAINT, "late", 1),
        (LossSource.COMPLAINT, "rude", 1),
    ]
    assert found[0].share == 0.5
    assert reasons_of_loss([], cases) == ()


def stage(customer: str, on: date, became: Stage) -> StageChange:
    return StageChange(customer_id=who(customer), on=on, stage=became)


def test_movement_of_a_month_by_hand() -> None:
    before, first, middle, last = date(2026, 2, 20), date(2026, 3, 1), date(2026, 3, 15), date(2026, 3, 31)
    stages = [
        stage("stays", before, Stage.NEW),
        stage("stays", middle, Stage.GROWING),
        stage("falls", before, Stage.LOYAL),
        stage("leaves", middle, Stage.LOST),
        stage("leaves", before, Stage.AT_RISK),
        stage("returns", before, Stage.LOST),
        stage("returns", last, Stage.WON_BACK),
        stage("comes", before, Stage.PROSPECT),
        stage("comes", first, Stage.NEW),
        stage("unknown before", middle, Stage.NEW),
        stage("flits", first, Stage.NEW),
        stage("flits", last, Stage.LOST),
        stage("prospect", before, Stage.PROSPECT),
        stage("april", date(2026, 4, 1), Stage.NEW),
    ]
    classes = [
        ClassChange(customer_id=who("stays"), on=before, value_class=ValueClass.C),
        ClassChange(customer_id=who("stays"), on=middle, value_class=ValueClass.A),
        ClassChange(customer_id=who("falls"), on=before, value_class=ValueClass.A),
        ClassChange(customer_id=who("falls"), on=last, value_class=ValueClass.B),
        ClassChange(customer_id=who("leaves"), on=before, value_class=ValueClass.B),
        ClassChange(customer_id=who("leaves"), on=middle, value_class=ValueClass.A),
        ClassChange(customer_id=who("comes"), on=middle, value_class=ValueClass.B),
    ]
    (march,) = movements(stages, classes, [MARCH])
    assert march == Movement(period=MARCH, at_start=3, new=2, won_back=1, lost=1, upgraded=1, downgraded=1, at_end=5)
    assert march.new_rate == pytest.approx(2 / 3)
    assert (
        march.won_back_rate == march.lost_rate == march.upgraded_rate == march.downgraded_rate == pytest.approx(1 / 3)
    )
    (february,) = movements([], [], [Period(start=date(2026, 2, 1), end=date(2026, 3, 1))])
    assert february.lost_rate is None


@given(
    changes=st.lists(
        st.builds(
            StageChange,
            customer_id=st.sampled_from(["li", "ma", "wu", "xu"]).map(CustomerId),
            on=st.dates(date(2026, 1, 1), date(2026, 6, 30)),
            stage=st.sampled_from([each for each in Stage if each is not Stage.PROSPECT]),
        ),
        max_size=20,
        unique_by=lambda change: (change.customer_id, change.on),
    )
)
def test_the_base_adds_up_over_any_months_in_any_order(changes: list[StageChange]) -> None:
    months = periods_between(date(2026, 1, 1), date(2026, 6, 30), PeriodKind.MONTH)
    found = movements(changes, [], months)
    assert found == movements(list(reversed(changes)), [], months)
    for each in found:
        assert each.at_end == each.at_start + each.new + each.won_back - each.lost
    assert [each.at_start for each in found[1:]] == [each.at_end for each in found[:-1]]
    (whole,) = movements(changes, [], [Period(start=months[0].start, end=months[-1].end)])
    assert whole.at_end == found[-1].at_end


def line(customer: str, on: date, segment: str, revenue: str, cost: str) -> ProfitLine:
    return ProfitLine(customer_id=who(customer), on=on, segment=segment, revenue=Decimal(revenue), cost=Decimal(cost))


def test_average_profit_is_over_the_customers_of_the_lines() -> None:
    lines = [
        line("li", date(2026, 2, 28), "A", "100.10", "40"),
        line("li", date(2026, 2, 3), "A", "0", "10.10"),
        line("ma", date(2026, 2, 9), "A", "50", "0"),
        line("wu", date(2026, 2, 9), "C", "0", "7.50"),
        line("li", date(2026, 3, 1), "B", "1", "0"),
        line("li", date(2026, 3, 2), "A", "3", "0"),
    ]
    found = profitability(lines, PeriodKind.MONTH)
    february = period_of(period_number(date(2026, 2, 1), PeriodKind.MONTH), PeriodKind.MONTH)
    assert list(found) == [(february, "A"), (february, "C"), (MARCH, "A"), (MARCH, "B")]
    best = found[february, "A"]
    assert (best.customers, best.profit, best.average_profit) == (2, Decimal("100.00"), Decimal(50))
    assert best.margin == Decimal("100.00") / Decimal("150.10")
    assert (found[february, "C"].average_profit, found[february, "C"].margin) == (Decimal("-7.5"), None)
    everyone = profitability_by_period(lines, PeriodKind.MONTH)
    assert (everyone[MARCH].customers, everyone[MARCH].average_profit) == (1, Decimal(4))
    assert everyone[february].profit == Decimal("92.50")


def test_cohorts_shorten_towards_the_present() -> None:
    days = {
        "li": [date(2026, 1, 31), date(2026, 1, 2), date(2026, 2, 28), date(2026, 4, 1)],
        "ma": [date(2026, 1, 15), date(2026, 3, 1)],
        "wu": [date(2026, 3, 9)],
        "xu": [date(2026, 4, 2)],
    }
    bought = [Bought(customer_id=who(name), on=on) for name, dates in days.items() for on in dates]
    january, march = retention(bought, PeriodKind.MONTH, today=date(2026, 4, 20))
    assert (january.customers, january.bought, january.retention) == (2, (2, 1, 1), (1.0, 0.5, 0.5))
    assert (march.period, march.bought) == (MARCH, (1,))
    assert retention(bought, PeriodKind.YEAR, today=date(2026, 12, 31)) == ()
    (year,) = retention(bought, PeriodKind.YEAR, today=date(2027, 1, 1))
    assert year.bought == (4,)


def test_satisfaction_by_queue_agent_and_segment() -> None:
    def answer(queue: str, agent: str | None, segment: str, score: int) -> SurveyAnswer:
        return SurveyAnswer(
            interaction_id=InteractionId("i"),
            on=date(2026, 3, 3),
            queue_id=QueueId(queue),
            agent_id=None if agent is None else AgentId(agent),
            segment=segment,
            score=score,
        )

    answers = [answer("sales", "anna", "A", score) for score in (5, 5, 4, 2)] + [answer("help", None, "A", 1)]
    sales = satisfaction_by_queue(answers)[QueueId("sales")]
    assert (sales.answers, sales.mean, sales.satisfied) == (4, 4.0, 0.75)
    # (0.75 + z²/8 ± z √(0.1875 / 4 + z²/64)) / (1 + z²/4) with z = 1.96.
    assert sales.satisfied_range == pytest.approx((0.3006, 0.9544), abs=0.0001)
    assert list(satisfaction_by_agent(answers)) == [AgentId("anna")]
    assert satisfaction_by_segment(answers)["A"].scores == (1, 1, 0, 1, 2)
    with pytest.raises(CrmError, match="from 1 to 5, not 6"):
        answer("sales", None, "A", 6)


@given(day=st.dates(date(1900, 1, 1), date(2200, 1, 1)), kind=st.sampled_from(PeriodKind))
def test_every_day_is_in_one_period_and_they_follow_each_other(day: date, kind: PeriodKind) -> None:
    number = period_number(day, kind)
    period = period_of(number, kind)
    assert day in period
    assert period_of(number + 1, kind).start == period.end
    assert period.end not in period
    assert period_number(period.start, kind) == number


def test_weeks_begin_on_monday_and_quarters_in_january() -> None:
    thursday = date(2026, 1, 1)
    assert period_of(period_number(thursday, PeriodKind.WEEK), PeriodKind.WEEK).start == date(2025, 12, 29)
    quarter = period_of(period_number(date(2026, 6, 30), PeriodKind.QUARTER), PeriodKind.QUARTER)
    assert quarter == Period(start=date(2026, 4, 1), end=date(2026, 7, 1))
    assert len(periods_between(date(2025, 12, 31), date(2026, 2, 1), PeriodKind.MONTH)) == 3
    assert periods_between(date(2026, 2, 1), date(2025, 12, 31), PeriodKind.MONTH) == ()
    with pytest.raises(CrmError, match="no month number"):
        period_of(12 * 10_000, PeriodKind.MONTH)
    with pytest.raises(CrmError, match="end after it starts"):
        Period(start=thursday, end=thursday)
