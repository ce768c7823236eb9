"""Management's figures as aggregates of the store; the same as the folds of crm/management.py over single facts.

Law: no figure reads more rows than its period has, but for the one sum that says how many customers there were before.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Executable,
    Subquery,
    case,
    cast,
    func,
    literal,
    select,
    type_coerce,
    union_all,
)

from callcenter.app.management import Listed, ListRow, OfferRow, ProfitRow, SatisfactionFigures
from callcenter.app.management_counts import Told, untold
from callcenter.crm.churn import Recovery
from callcenter.crm.lifecycle import Stage
from callcenter.crm.management import Movement, Satisfaction
from callcenter.crm.periods import Period
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.best_offers import OfferAnswer
from callcenter.domain.cases import CaseKind, CaseOutcome
from callcenter.domain.labels import Label
from callcenter.store.best_offer_tables import best_offer_answers
from callcenter.store.database import Database
from callcenter.store.management_lists import listed
from callcenter.store.sales_tables import orders
from callcenter.store.survey_tables import survey_answers
from callcenter.store.tables import cases, customers, interactions
from callcenter.store.value_moves import NOTHING, changed_in, value_class
from callcenter.store.value_tables import customer_values, value_changes

LIMIT: Final = timedelta(minutes=10)
"""Nobody waits for a count (app/management_counts.py)."""
LIST_LIMIT: Final = timedelta(seconds=60)
_RANK: Final = {"C": 0, "B": 1, "A": 2}
_NOT_CUSTOMERS: Final = frozenset({None, Stage.PROSPECT.value, Stage.LOST.value})
_TEN_THOUSANDTHS: Final = 10_000.0
_DAY_SECONDS: Final = 86_400.0
_SCORES: Final = 5


class StoredManagement:
    """Implements `callcenter.app.management.Management`; days are those of the house's clock."""

    def __init__(self, database: Database, timezone: ZoneInfo) -> None:
        self._database = database
        self._timezone = timezone

    async def movements(self, periods: Sequence[Period], told: Told = untold) -> tuple[Movement, ...]:
        """Of periods that follow one upon the other; at the end of one is at the start of the next."""

        def look(connection: Connection) -> tuple[Movement, ...]:
            changes = value_changes.c
            before = select(func.coalesce(func.sum(changes.step), 0)).where(changes.on < periods[0].start)
            base = int(connection.execute(before).scalar_one())
            found = []
            for period in periods:
                found.append(_movement(connection, period, base))
                base = found[-1].at_end
                told(len(found) / len(periods))
            return tuple(found)

        return await self._database.look(look, LIMIT) if periods else ()

    async def profits(
        self, periods: Sequence[Period], rules: ValueRules, currency: str, told: Told = untold
    ) -> tuple[ProfitRow, ...]:
        """By period and class; a customer's class is the one of now."""

        def look(connection: Connection) -> tuple[ProfitRow, ...]:
            found: list[ProfitRow] = []
            for number, period in enumerate(periods, start=1):
                rows = connection.execute(_profit(self._lines(connection, period, rules, currency))).all()
                found += [
                    ProfitRow(
                        period=period,
                        value_class=row.value_class,
                        customers=row.customers,
                        revenue=row.revenue,
                        service_minutes=row.seconds / 60,
                        profit=row.revenue * rules.margin - row.seconds / 60 * rules.cost_per_minute,
                    )
                    for row in rows
                ]
                told(number / len(periods))
            return tuple(found)

        return await self._database.look(look, LIMIT)

    async def satisfaction(self, period: Period) -> SatisfactionFigures:
        """Of the answers in a period."""
        begin, end = self._moments(period)
        answers = survey_answers.c
        columns = (answers.queue_id, answers.agent_id, value_class().label("value_class"), answers.score)
        joined = survey_answers.outerjoin(customers, customers.c.customer_id == answers.customer_id).outerjoin(
            customer_values, customer_values.c.customer_id == customers.c.customer_id
        )
        query = (
            select(*columns, func.count().label("many"))
            .select_from(joined)
            .where(answers.at >= begin, answers.at < end, answers.score.between(1, _SCORES))
            .group_by(*columns)
        )
        rows = await self._database.look(lambda on: on.execute(query).all(), LIMIT)
        return SatisfactionFigures(
            queues=_satisfaction((row.queue_id or "", row.score, row.many) for row in rows),
            agents=_satisfaction((row.agent_id or "", row.score, row.many) for row in rows),
            classes=_satisfaction((row.value_class, row.score, row.many) for row in rows),
        )

    async def complaints(self, period: Period) -> dict[str, Recovery]:
        """By reason; a complaint is settled when its outcome was said."""
        begin, end = self._moments(period)
        query = (
            select(
                func.coalesce(cases.c.reason, NOTHING).label("reason"),
                cases.c.outcome,
                func.count().label("many"),
                func.count(_settled()).label("settled"),
                func.coalesce(func.sum(self._seconds(cases.c.opened_at, _settled())), 0.0).label("seconds"),
            )
            .where(cases.c.kind == CaseKind.COMPLAINT, cases.c.opened_at >= begin, cases.c.opened_at < end)
            .group_by(func.coalesce(cases.c.reason, NOTHING), cases.c.outcome)
        )
        rows = await self._database.look(lambda on: on.execute(query).all(), LIMIT)
        counts: dict[str, Counter[str]] = {}
        times: dict[str, tuple[int, float]] = {}
        for row in rows:
            counts.setdefault(row.reason, Counter())[row.outcome or ""] += row.many
            if row.outcome is not None:
                settled, seconds = times.get(row.reason, (0, 0.0))
                times[row.reason] = (settled + row.settled, seconds + float(row.seconds))
        return {
            reason: _recovery(counts[reason], *times.get(reason, (0, 0.0)))
            for reason in sorted(counts, key=lambda one: (-counts[one].total(), one))
        }

    async def best_offers(self, period: Period) -> tuple[OfferRow, ...]:
        """By offer, of the answers in a period."""
        begin, end = self._moments(period)
        answers = best_offer_answers.c
        in_period = (answers.at >= begin, answers.at < end)
        counted = (
            select(
                answers.best_offer_id,
                func.count(func.distinct(answers.customer_id)).label("customers"),
                *(func.count(case((answers.answer == answer, 1))).label(answer.value) for answer in OfferAnswer),
                func.count().label("offered"),
            )
            .where(*in_period)
            .group_by(answers.best_offer_id)
            .order_by(func.count().desc(), answers.best_offer_id)
        )
        place = func.row_number().over(
            partition_by=answers.best_offer_id, order_by=(answers.at.desc(), answers.answer_id)
        )
        named = select(answers.best_offer_id, answers.label_zh, answers.label_en, place.label("place"))
        last = named.where(*in_period).subquery()

        def look(connection: Connection) -> tuple[OfferRow, ...]:
            labels = {
                row.best_offer_id: Label(zh=row.label_zh, en=row.label_en)
                for row in connection.execute(select(last).where(last.c.place == 1)).all()
            }
            return tuple(
                OfferRow(
                    best_offer_id=row.best_offer_id,
                    label=labels[row.best_offer_id],
                    customers=row.customers,
                    accepted=row.accepted,
                    declined=row.declined,
                    not_now=row.not_now,
                )
                for row in connection.execute(counted).all()
            )

        return await self._database.look(look, LIMIT)

    async def listed(
        self, what: Listed, period: Period, *, key: str, rules: ValueRules, currency: str, limit: int, offset: int
    ) -> tuple[ListRow, ...]:
        """Some of the list behind a figure."""
        begin, end = self._moments(period)

        def look(connection: Connection) -> tuple[ListRow, ...]:
            lines = self._lines(connection, period, rules, currency)
            return listed(
                connection,
                what,
                period,
                begin,
                end,
                key=key,
                lines=lines,
                rules=rules,
                timezone=self._timezone,
                limit=limit,
                offset=offset,
            )

        return await self._database.look(look, LIST_LIMIT)

    def _moments(self, period: Period) -> tuple[datetime, datetime]:
        begin, end = (
            datetime.combine(day, time(), tzinfo=self._timezone).astimezone(UTC) for day in (period.start, period.end)
        )
        return begin, end

    def _lines(self, connection: Connection, period: Period, rules: ValueRules, currency: str) -> Subquery:
        """Of each customer what he brought in the period and how long he was talked with."""
        begin, end = self._moments(period)
        total = cast(func.sum(type_coerce(orders.c.total, BigInteger)), Double) / literal(_TEN_THOUSANDTHS, Double)
        bought = (
            select(
                orders.c.customer_id,
                total.label("revenue"),
                literal(0.0, Double).label("seconds"),
            )
            .where(orders.c.placed_on >= period.start, orders.c.placed_on < period.end)
            .where(orders.c.state.not_in(rules.not_counted), orders.c.currency == currency)
            .group_by(orders.c.customer_id)
        )
        talk = self._seconds(interactions.c.connected_at, interactions.c.talk_ended_at)
        talked = (
            select(
                interactions.c.customer_id,
                literal(0.0, Double).label("revenue"),
                func.coalesce(func.sum(talk), 0.0).label("seconds"),
            )
            .where(interactions.c.started_at >= begin, interactions.c.started_at < end)
            .where(interactions.c.customer_id.is_not(None), interactions.c.connected_at.is_not(None))
            .group_by(interactions.c.customer_id)
        )
        return union_all(bought, talked).subquery("lines")

    def _seconds(self, begin: ColumnElement[datetime], end: ColumnElement[datetime]) -> ColumnElement[float]:
        """From one moment to another; NULL where one is missing."""
        if self._database.is_sqlite:
            days: ColumnElement[float] = func.julianday(end) - func.julianday(begin)
            return days * _DAY_SECONDS
        return cast(func.extract("epoch", end - begin), Double)


def _profit(lines: Subquery) -> Executable:
    joined = lines.join(customers, customers.c.customer_id == lines.c.customer_id).outerjoin(
        customer_values, customer_values.c.customer_id == customers.c.customer_id
    )
    return (
        select(
            value_class().label("value_class"),
            func.count(func.distinct(lines.c.customer_id)).label("customers"),
            func.sum(lines.c.revenue).label("revenue"),
            func.sum(lines.c.seconds).label("seconds"),
        )
        .select_from(joined)
        .group_by(value_class())
        .order_by("value_class")
    )


def _movement(connection: Connection, period: Period, at_start: int) -> Movement:
    ends = changed_in(period.start, period.end)
    columns = (ends.c.was_stage, ends.c.stage, ends.c.was_class, ends.c.value_class)
    counts: Counter[str] = Counter()
    for row in connection.execute(select(*columns, func.count().label("many")).group_by(*columns)).all():
        was_customer, is_customer = row.was_stage not in _NOT_CUSTOMERS, row.stage not in _NOT_CUSTOMERS
        counts["lost"] += row.many * (was_customer and not is_customer)
        counts["won_back"] += row.many * (row.was_stage == Stage.LOST and is_customer)
        counts["new"] += row.many * (row.was_stage in (None, Stage.PROSPECT) and is_customer)
        if was_customer and is_customer and row.was_class in _RANK and row.value_class in _RANK:
            counts["upgraded"] += row.many * (_RANK[row.value_class] > _RANK[row.was_class])
            counts["downgraded"] += row.many * (_RANK[row.value_class] < _RANK[row.was_class])
    return Movement(
        period=period,
        at_start=at_start,
        new=counts["new"],
        won_back=counts["won_back"],
        lost=counts["lost"],
        upgraded=counts["upgraded"],
        downgraded=counts["downgraded"],
        at_end=at_start + counts["new"] + counts["won_back"] - counts["lost"],
    )


def _settled() -> ColumnElement[datetime]:
    return func.coalesce(cases.c.resolved_at, cases.c.closed_at)


def _recovery(counts: Counter[str], settled: int, seconds: float) -> Recovery:
    return Recovery(
        complaints=counts.total(),
        open=counts[""],
        recovered=counts[CaseOutcome.RECOVERED],
        lost=counts[CaseOutcome.LOST],
        days_to_settle=seconds / _DAY_SECONDS / settled if settled else None,
    )


def _satisfaction(told: Iterable[tuple[str, int, int]]) -> dict[str, Satisfaction]:
    counts: dict[str, Counter[int]] = {}
    for name, score, count in told:
        counts.setdefault(name, Counter())[score] += count
    return {
        name: Satisfaction(scores=(given[1], given[2], given[3], given[4], given[5]))
        for name, given in sorted(counts.items())
    }
