"""Segments as SQL of both databases: the condition of a WHERE, with every value as a parameter.

Laws: the query finds just those of whom the condition itself is true (crm/segments.py); a comparison of a kept column
stays a comparison of that column, so that an index serves it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil, floor
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Double,
    Executable,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    type_coerce,
)

from callcenter.crm.segment_fields import BUILT_IN, CUSTOM
from callcenter.crm.segments import (
    CAPITALS,
    SMALL_LETTERS,
    Between,
    Comparator,
    Compare,
    Condition,
    Contains,
    FieldKind,
    Fields,
    FieldValue,
    IsMissing,
    OneOf,
    Operand,
    Value,
    fields_of,
    fold_letters,
    predicate,
    translate,
)
from callcenter.domain.cases import CaseKind
from callcenter.domain.customers import Channel, ConsentState
from callcenter.store.database import FOLD
from callcenter.store.survey_tables import survey_answers
from callcenter.store.tables import cases, customers, interactions
from callcenter.store.value_tables import customer_values

Sql = ColumnElement[bool]

WITHOUT_PURCHASE: Final[dict[str, FieldValue]] = {"stage": "prospect", "orders": 0.0, "purchases": 0.0, "spent": 0.0}
"""What these fields hold of who has bought nothing and so has no row of his worth; the others are missing."""
_OF_WORTH: Final = {
    "stage": customer_values.c.stage,
    "orders": customer_values.c.orders,
    "purchases": customer_values.c.purchases,
    "first_purchase": customer_values.c.first_on,
    "last_purchase": customer_values.c.last_on,
    "spent": customer_values.c.spent,
    "interval_days": customer_values.c.interval_days,
    "recency": customer_values.c.recency_score,
    "frequency": customer_values.c.frequency_score,
    "monetary": customer_values.c.monetary_score,
    "p_alive": customer_values.c.p_alive,
    "lifetime_value": customer_values.c.lifetime_value,
}
_OF_CUSTOMER: Final = {
    "kind": customers.c.kind,
    "name": customers.c.name,
    "language": customers.c.language,
    "account_manager": customers.c.account_manager_id,
    "notes": customers.c.notes,
}
_UNSETTLED: Final = (cases.c.closed_at.is_(None), cases.c.resolved_at.is_(None))
_COMPLAINT: Final = cases.c.kind == CaseKind.COMPLAINT


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentQuery:
    """A condition made ready: where to look and what for."""

    source: FromClause
    where: Sql

    def ids(self, *, after: str | None, limit: int) -> Select[tuple[object, ...]]:
        """Customers by their ids, from behind one on."""
        query = select(customers.c.customer_id).select_from(self.source).where(self.where)
        if after is not None:
            query = query.where(customers.c.customer_id > after)
        return query.order_by(customers.c.customer_id).limit(limit)

    def count(self) -> Executable:
        """How many they are, as `found`."""
        return select(func.count().label("found")).select_from(self.source).where(self.where)


def segment_query(
    condition: Condition, fields: Fields, *, today: date, timezone: ZoneInfo, is_sqlite: bool
) -> SegmentQuery:
    """The condition, for customers that were neither merged into others nor erased."""
    where = translate(condition, _Sql(fields, today=today, timezone=timezone, is_sqlite=is_sqlite))
    source: FromClause = customers
    if fields_of(condition) & {*_OF_WORTH, "class"}:
        source = customers.outerjoin(customer_values, customer_values.c.customer_id == customers.c.customer_id)
    return SegmentQuery(
        source=source, where=and_(customers.c.merged_into.is_(None), customers.c.erased_at.is_(None), where)
    )


class _Sql:
    """Translates; what it makes may be NULL for a missing value, which a WHERE takes for false, until it is negated."""

    def __init__(self, fields: Fields, *, today: date, timezone: ZoneInfo, is_sqlite: bool) -> None:
        self._fields = fields
        self._today = today
        self._timezone = timezone
        self._is_sqlite = is_sqlite

    # ---- the parts of a condition

    def compare(self, condition: Compare) -> Sql:
        if condition.comparator is Comparator.NOT_EQUAL:
            equal = Compare(operand=condition.operand, comparator=Comparator.EQUAL, value=condition.value)
            return self.negate(self.compare(equal))
        return self._with_default(condition, self._compared(condition.operand, condition.comparator, condition.value))

    def one_of(self, condition: OneOf) -> Sql:
        if condition.negated:
            return self.negate(self.one_of(OneOf(operand=condition.operand, values=condition.values)))
        operand = condition.operand
        if not operand.days_since and self._fields[operand.field] in (FieldKind.TEXT, FieldKind.NUMBER):
            return self._with_default(condition, self._column(operand.field).in_(condition.values))
        either = [self._compared(operand, Comparator.EQUAL, value) for value in condition.values]
        return self._with_default(condition, or_(false(), *either))

    def between(self, condition: Between) -> Sql:
        both = (
            self._compared(condition.operand, Comparator.AT_LEAST, condition.low),
            self._compared(condition.operand, Comparator.AT_MOST, condition.high),
        )
        return self._with_default(condition, and_(*both))

    def contains(self, condition: Contains) -> Sql:
        name = condition.operand.field
        if self._fields[name] is FieldKind.WORDS:
            return self._has_word(condition.part)
        column, part = self._column(name), literal(fold_letters(condition.part), Text())
        if self._is_sqlite:
            return self._with_default(condition, func.instr(getattr(func, FOLD)(column), part) > 0)
        plain = func.lower(column.collate("C"))
        is_english = func.octet_length(column) == func.char_length(column)
        folded = case((is_english, plain), else_=func.translate(column, CAPITALS, SMALL_LETTERS))
        return self._with_default(condition, func.strpos(folded, part) > 0)

    def is_missing(self, condition: IsMissing) -> Sql:
        if condition.negated:
            return self.negate(self.is_missing(IsMissing(operand=condition.operand)))
        name = condition.operand.field
        kind = self._fields[name]
        if kind is FieldKind.WORDS:
            return (
                func.json_array_length(type_coerce(customers.c.tags, Text()) if self._is_sqlite else customers.c.tags)
                == 0
            )
        if name == "do_not_call":
            return false()
        column = self._column(name)
        missing: Sql = column.is_(None)
        if kind is FieldKind.TEXT and not condition.operand.days_since:
            missing = or_(missing, column == "")
        if name in WITHOUT_PURCHASE:
            missing = and_(missing, customer_values.c.customer_id.is_not(None))
        return missing

    def all_of(self, parts: tuple[Sql, ...]) -> Sql:
        return and_(*parts)

    def any_of(self, parts: tuple[Sql, ...]) -> Sql:
        return or_(*parts)

    def negate(self, part: Sql) -> Sql:
        return not_(func.coalesce(part, false()))

    # ---- comparisons

    def _with_default(self, condition: Compare | OneOf | Between | Contains, found: Sql) -> Sql:
        """With those who have no row of their worth, where what they hold without one fits."""
        name = condition.operand.field
        if name not in WITHOUT_PURCHASE:
            return found
        fits = predicate(condition, today=self._today)({name: WITHOUT_PURCHASE[name]})
        return or_(found, customer_values.c.customer_id.is_(None)) if fits else found

    def _compared(self, operand: Operand, comparator: Comparator, value: Value) -> Sql:
        if operand.days_since:
            number = float(value) if isinstance(value, int | float) else 0.0
            return self._since(operand.field, comparator, number)
        kind = self._fields[operand.field]
        if isinstance(value, date):
            return self._dated(operand.field, comparator, value)
        if operand.field == "do_not_call":
            return self._do_not_call() if value else not_(self._do_not_call())
        column = self._column(operand.field)
        if kind is FieldKind.BOOLEAN:
            return column == bool(value)
        if kind is FieldKind.TEXT and comparator is not Comparator.EQUAL:
            column = self._by_code_points(column)
        return _COMPARED[comparator](column, value)

    def _since(self, name: str, comparator: Comparator, days: float) -> Sql:
        """Days since a date compare as the date does the other way round, with whole days."""
        column = self._column(name)
        if comparator is Comparator.EQUAL and days != floor(days):
            return false()
        whole, mirrored = {
            Comparator.EQUAL: (floor, Comparator.EQUAL),
            Comparator.GREATER: (floor, Comparator.LESS),
            Comparator.AT_LEAST: (ceil, Comparator.AT_MOST),
            Comparator.LESS: (ceil, Comparator.GREATER),
            Comparator.AT_MOST: (floor, Comparator.AT_LEAST),
        }[comparator]
        try:
            day = self._today - timedelta(days=whole(days))
        except OverflowError:
            # A day before or behind the calendar: everybody with a date is on one side of it.
            is_before = days > 0
            everybody = (
                mirrored in (Comparator.GREATER, Comparator.AT_LEAST)
                if is_before
                else mirrored
                in (
                    Comparator.LESS,
                    Comparator.AT_MOST,
                )
            )
            return column.is_not(None) if everybody else false()
        return self._dated(name, mirrored, day)

    def _dated(self, name: str, comparator: Comparator, day: date) -> Sql:
        column = self._column(name)
        if name in ("created", "last_contact"):
            begin, end = self._begin(day), self._begin(day + timedelta(days=1) if day < date.max else day)
            return {
                Comparator.EQUAL: lambda: and_(column >= begin, column < end),
                Comparator.LESS: lambda: column < begin,
                Comparator.AT_MOST: lambda: column < end,
                Comparator.GREATER: lambda: column >= end,
                Comparator.AT_LEAST: lambda: column >= begin,
            }[comparator]()
        if name.startswith(CUSTOM):
            return _COMPARED[comparator](self._by_code_points(column), day.isoformat())
        return _COMPARED[comparator](column, day)

    def _by_code_points(self, column: ColumnElement[object]) -> ColumnElement[object]:
        """As everywhere else, and not by the database's language."""
        return column if self._is_sqlite else type_coerce(column.collate("C"), Text())

    def _begin(self, day: date) -> datetime:
        if not 2 <= day.year <= 9998:
            day = date(2, 1, 1) if day.year < 2 else date(9998, 12, 31)
        return datetime.combine(day, time(), tzinfo=self._timezone).astimezone(UTC)

    # ---- where a field's value is

    def _column(self, name: str) -> ColumnElement[object]:
        if name in _OF_CUSTOMER:
            return _OF_CUSTOMER[name]
        if name in _OF_WORTH:
            return _OF_WORTH[name]
        if name in BUILT_IN:
            return _COUNTED[name]()
        return self._custom(name.removeprefix(CUSTOM), self._fields[name])

    def _custom(self, field: str, kind: FieldKind) -> ColumnElement[object]:
        """A value of the business's own field, NULL where what is there is of another kind."""
        if self._is_sqlite:
            document, path = type_coerce(customers.c.custom, Text()), f'$."{field}"'
            found, type_ = func.json_extract(document, path), func.json_type(document, path)
            kinds = {FieldKind.NUMBER: ("integer", "real"), FieldKind.BOOLEAN: ("true", "false")}.get(kind, ("text",))
            return case((type_.in_(kinds), found))
        text = func.json_extract_path_text(customers.c.custom, field)
        type_ = func.json_typeof(func.json_extract_path(customers.c.custom, field))
        if kind is FieldKind.NUMBER:
            return case((type_ == "number", cast(text, Double)))
        if kind is FieldKind.BOOLEAN:
            return case((type_ == "boolean", text == "true"))
        return case((type_ == "string", text))

    def _has_word(self, word: str) -> Sql:
        if self._is_sqlite:
            words = func.json_each(type_coerce(customers.c.tags, Text())).table_valued("value")
        else:
            words = func.json_array_elements_text(customers.c.tags).table_valued("value")
        return exists(select(literal(1)).select_from(words).where(type_coerce(words.c.value, Text()) == word))

    def _do_not_call(self) -> Sql:
        """Whether he said that he wants no calls at all."""
        if self._is_sqlite:
            said = func.json_each(type_coerce(customers.c.consents, Text())).table_valued("value")
            channel = func.json_extract(said.c.value, "$.channel")
            state = func.json_extract(said.c.value, "$.state")
        else:
            # NULL has no elements.
            said = func.json_array_elements(customers.c.consents).table_valued("value")
            channel = func.json_extract_path_text(said.c.value, "channel")
            state = func.json_extract_path_text(said.c.value, "state")
        wanted = (channel == Channel.PHONE, state == ConsentState.DO_NOT_CONTACT)
        return exists(select(literal(1)).select_from(said).where(*wanted))


_COMPARED: Final[dict[Comparator, Callable[[ColumnElement[object], object], Sql]]] = {
    Comparator.EQUAL: lambda column, value: column == value,
    Comparator.LESS: lambda column, value: column < value,
    Comparator.AT_MOST: lambda column, value: column <= value,
    Comparator.GREATER: lambda column, value: column > value,
    Comparator.AT_LEAST: lambda column, value: column >= value,
}


def _cases(*wanted: Sql) -> ColumnElement[object]:
    mine = cases.c.customer_id == customers.c.customer_id
    return select(func.count()).select_from(cases).where(mine, *wanted).scalar_subquery()


def _calls(what: ColumnElement[int] | ColumnElement[datetime]) -> ColumnElement[object]:
    mine = interactions.c.customer_id == customers.c.customer_id
    return select(what).select_from(interactions).where(mine).scalar_subquery()


def _satisfaction() -> ColumnElement[object]:
    mine = survey_answers.c.customer_id == customers.c.customer_id
    mean = cast(func.sum(survey_answers.c.score), Double) / cast(func.count(), Double)
    return select(mean).select_from(survey_answers).where(mine).scalar_subquery()


_COUNTED: Final[dict[str, Callable[[], ColumnElement[object]]]] = {
    "class": lambda: func.coalesce(customers.c.segment, customer_values.c.value_class),
    "created": lambda: customers.c.created_at,
    "contacts": lambda: _calls(func.count()),
    "last_contact": lambda: _calls(func.max(interactions.c.started_at)),
    "open_cases": lambda: _cases(*_UNSETTLED),
    "open_complaints": lambda: _cases(_COMPLAINT, *_UNSETTLED),
    "complaints": lambda: _cases(_COMPLAINT),
    "satisfaction": _satisfaction,
}
