"""Parts of queries about what customers are worth: their class, and what became of them in a time."""

from datetime import date

from sqlalchemy import ColumnElement, Subquery, case, func, literal_column, select

from callcenter.store.tables import customers
from callcenter.store.value_tables import customer_values, value_changes

NOTHING: ColumnElement[str] = literal_column("''")
"""An empty text that is no parameter: PostgreSQL would take two parameters for two different expressions."""


def value_class() -> ColumnElement[str]:
    """What a person has set, else what was worked out."""
    return func.coalesce(customers.c.segment, customer_values.c.value_class, NOTHING)


def changed_in(start: date, end: date) -> Subquery:
    """Of each customer with a change in these days: what he was before the first of them and after the last."""
    changes = value_changes.c
    who = changes.customer_id
    rows = (
        select(
            changes.customer_id,
            changes.on,
            changes.was_stage,
            changes.stage,
            changes.was_class,
            changes.value_class,
            func.row_number().over(partition_by=who, order_by=(changes.on, changes.change_id)).label("first"),
            func.row_number()
            .over(partition_by=who, order_by=(changes.on.desc(), changes.change_id.desc()))
            .label("last"),
        )
        .where(changes.on >= start, changes.on < end)
        .subquery("rows")
    )
    return (
        select(
            rows.c.customer_id,
            func.max(rows.c.on).label("on"),
            func.max(case((rows.c.first == 1, rows.c.was_stage))).label("was_stage"),
            func.max(case((rows.c.last == 1, rows.c.stage))).label("stage"),
            func.max(case((rows.c.first == 1, rows.c.was_class))).label("was_class"),
            func.max(case((rows.c.last == 1, rows.c.value_class))).label("value_class"),
        )
        .group_by(rows.c.customer_id)
        .subquery("ends")
    )
