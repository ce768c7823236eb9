"""The lists behind management's figures: the customers, complaints and answers that were counted."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, case, func, select

from callcenter.app.management import Listed, ListRow
from callcenter.crm.periods import Period
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.cases import CaseKind
from callcenter.store.best_offer_tables import best_offer_answers
from callcenter.store.survey_tables import survey_answers
from callcenter.store.tables import cases, customers
from callcenter.store.value_moves import NOTHING, changed_in, value_class
from callcenter.store.value_tables import customer_values

_NO_CUSTOMER = ("lost", "prospect")
_Query = Select[tuple[object, ...]]


def listed(
    connection: Connection,
    what: Listed,
    period: Period,
    begin: datetime,
    end: datetime,
    *,
    key: str,
    lines: Subquery,
    rules: ValueRules,
    timezone: ZoneInfo,
    limit: int,
    offset: int,
) -> tuple[ListRow, ...]:
    """Some of a list."""
    match what:
        case Listed.NEW | Listed.WON_BACK | Listed.LOST | Listed.UPGRADED | Listed.DOWNGRADED:
            query = _moved(what, period)
        case Listed.PROFIT:
            query = _profit(key, lines, rules)
        case Listed.COMPLAINTS:
            query = _complaints(key, begin, end)
        case Listed.SATISFACTION_QUEUE | Listed.SATISFACTION_AGENT | Listed.SATISFACTION_CLASS:
            query = _answers(what, key, begin, end)
        case Listed.COHORT:
            query = _worth().where(customer_values.c.first_on >= period.start, customer_values.c.first_on < period.end)
            query = query.order_by(customer_values.c.spent.desc(), customers.c.customer_id)
        case Listed.TOP:
            query = _worth().order_by(customer_values.c.spent.desc(), customers.c.customer_id)
        case Listed.BEST_OFFER:
            query = _offered(key, begin, end)
    # Figures count whom an erasure left as an empty row; a list of people does not show him.
    query = query.where(customers.c.erased_at.is_(None))
    rows = connection.execute(query.limit(limit).offset(offset)).all()
    return tuple(
        ListRow(
            customer_id=row.customer_id,
            name=row.name or "",
            on=row.on.astimezone(timezone).date() if isinstance(row.on, datetime) else row.on,
            what=row.what or "",
            amount=None if row.amount is None else float(row.amount),
            reference=row.reference or "",
        )
        for row in rows
    )


def _moved(what: Listed, period: Period) -> _Query:
    ends = changed_in(period.start, period.end)
    was_customer = and_(ends.c.was_stage.is_not(None), ends.c.was_stage.not_in(_NO_CUSTOMER))
    is_customer = ends.c.stage.not_in(_NO_CUSTOMER)
    was, now = _rank(ends.c.was_class), _rank(ends.c.value_class)
    counted = {
        Listed.NEW: and_(func.coalesce(ends.c.was_stage, "prospect") == "prospect", is_customer),
        Listed.WON_BACK: and_(ends.c.was_stage == "lost", is_customer),
        Listed.LOST: and_(was_customer, ends.c.stage.in_(_NO_CUSTOMER)),
        Listed.UPGRADED: and_(was_customer, is_customer, now > was),
        Listed.DOWNGRADED: and_(was_customer, is_customer, now < was),
    }[what]
    of_class = what in (Listed.UPGRADED, Listed.DOWNGRADED)
    told = (
        ends.c.was_class + " > " + ends.c.value_class if of_class else func.coalesce(customer_values.c.stage, NOTHING)
    )
    joined = ends.join(customers, customers.c.customer_id == ends.c.customer_id).outerjoin(
        customer_values, customer_values.c.customer_id == ends.c.customer_id
    )
    return (
        _select(customers.c.customer_id, ends.c.on, told, customer_values.c.spent, NOTHING)
        .select_from(joined)
        .where(counted)
        .order_by(ends.c.on.desc(), customers.c.customer_id)
    )


def _profit(key: str, lines: Subquery, rules: ValueRules) -> _Query:
    value = value_class()
    profit = func.sum(lines.c.revenue) * rules.margin - func.sum(lines.c.seconds) / 60.0 * rules.cost_per_minute
    joined = lines.join(customers, customers.c.customer_id == lines.c.customer_id).outerjoin(
        customer_values, customer_values.c.customer_id == customers.c.customer_id
    )
    return (
        _select(customers.c.customer_id, customer_values.c.last_on, func.max(value), profit, NOTHING)
        .select_from(joined)
        .where(value == key)
        .group_by(customers.c.customer_id, customers.c.name, customer_values.c.last_on)
        .order_by(profit.desc(), customers.c.customer_id)
    )


def _complaints(key: str, begin: datetime, end: datetime) -> _Query:
    told = func.coalesce(cases.c.outcome, NOTHING)
    return (
        _select(cases.c.customer_id, cases.c.opened_at, told, customer_values.c.spent, cases.c.subject)
        .select_from(
            cases.join(customers, customers.c.customer_id == cases.c.customer_id).outerjoin(
                customer_values, customer_values.c.customer_id == cases.c.customer_id
            )
        )
        .where(cases.c.kind == CaseKind.COMPLAINT, cases.c.opened_at >= begin, cases.c.opened_at < end)
        .where(func.coalesce(cases.c.reason, NOTHING) == key)
        .order_by(cases.c.opened_at.desc(), cases.c.case_id)
    )


def _answers(what: Listed, key: str, begin: datetime, end: datetime) -> _Query:
    answers = survey_answers.c
    value = value_class()
    of = {
        Listed.SATISFACTION_QUEUE: func.coalesce(answers.queue_id, NOTHING),
        Listed.SATISFACTION_AGENT: func.coalesce(answers.agent_id, NOTHING),
        Listed.SATISFACTION_CLASS: value,
    }[what]
    joined = survey_answers.outerjoin(customers, customers.c.customer_id == answers.customer_id).outerjoin(
        customer_values, customer_values.c.customer_id == customers.c.customer_id
    )
    return (
        _select(answers.customer_id, answers.at, answers.question, answers.score, answers.interaction_id)
        .select_from(joined)
        .where(answers.at >= begin, answers.at < end, of == key)
        .order_by(answers.at.desc(), answers.interaction_id, answers.question)
    )


def _offered(key: str, begin: datetime, end: datetime) -> _Query:
    answers = best_offer_answers.c
    joined = best_offer_answers.join(customers, customers.c.customer_id == answers.customer_id).outerjoin(
        customer_values, customer_values.c.customer_id == answers.customer_id
    )
    return (
        _select(answers.customer_id, answers.at, answers.answer, customer_values.c.spent, answers.interaction_id)
        .select_from(joined)
        .where(answers.at >= begin, answers.at < end, answers.best_offer_id == key)
        .order_by(answers.at.desc(), answers.answer_id)
    )


def _worth() -> _Query:
    worth = customer_values.c
    joined = customer_values.join(customers, customers.c.customer_id == worth.customer_id)
    return _select(worth.customer_id, worth.last_on, worth.stage, worth.spent, NOTHING).select_from(joined)


def _rank(column: ColumnElement[str]) -> ColumnElement[int]:
    return case((column == "A", 2), (column == "B", 1), (column == "C", 0))


def _select(
    customer: ColumnElement[str],
    on: ColumnElement[date] | ColumnElement[datetime],
    what: ColumnElement[str],
    amount: ColumnElement[float] | ColumnElement[int],
    reference: ColumnElement[str],
) -> _Query:
    return select(
        customer.label("customer_id"),
        customers.c.name.label("name"),
        on.label("on"),
        what.label("what"),
        amount.label("amount"),
        reference.label("reference"),
    )
