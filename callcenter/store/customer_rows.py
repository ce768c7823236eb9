"""Customers out of rows that hold a customer and one of his contact points each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import BindParameter, Connection, FromClause, Select, bindparam, func, select

from callcenter.domain.customers import (
    Consent,
    ContactPoint,
    ContactPointKind,
    Customer,
    CustomerKind,
    CustomValue,
)
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.store import tables

_Kept = tuple[
    str,
    str,
    str,
    str | None,
    str | None,
    str | None,
    tuple[str, ...],
    str,
    datetime,
    tuple[Consent, ...] | None,
    dict[str, CustomValue] | None,
    int,
    str | None,
    str,
    str,
]
"""The columns of `with_contact_points`."""
WIDTH = 15
"""How many they are."""


def with_contact_points(customers: FromClause = tables.customers) -> Select[tuple[object, ...]]:
    """Such rows of all customers, or of those of a query that has their columns."""
    points = tables.contact_points
    columns = (
        customers.c.customer_id,
        customers.c.kind,
        customers.c.name,
        customers.c.language,
        customers.c.segment,
        customers.c.account_manager_id,
        customers.c.tags,
        customers.c.notes,
        customers.c.created_at,
        customers.c.consents,
        customers.c.custom,
        customers.c.version,
        points.c.kind.label("point_kind"),
        points.c.value,
        points.c.label,
    )
    joined = customers.outerjoin(points, points.c.customer_id == customers.c.customer_id)
    return select(*columns).select_from(joined)


def by_id(connection: Connection, customer_id: CustomerId) -> tuple[Customer, ...]:
    """The customer of this id, or whom he was merged into; nobody where there is none."""
    return read_customers(connection, _BY_ID, {"customer_id": customer_id})


def read_customers(
    connection: Connection, query: Select[tuple[object, ...]], values: Mapping[str, object]
) -> tuple[Customer, ...]:
    """The customers of a query for such rows."""
    return customers_of(connection.execute(query, values).all())


def customers_of(rows: Iterable[Sequence[object]]) -> tuple[Customer, ...]:
    """The customers, in the rows' order; further columns of a row are passed over."""
    points: dict[str, list[ContactPoint]] = {}
    first_rows: dict[str, _Kept] = {}
    for row in rows:
        kept = cast(_Kept, row[:WIDTH])
        name, kind, value, label = kept[0], kept[12], kept[13], kept[14]
        if name not in first_rows:
            first_rows[name], points[name] = kept, []
        if kind is not None:
            points[name].append(ContactPoint(kind=ContactPointKind(kind), value=value, label=label))
    return tuple(_customer(kept, tuple(points[name])) for name, kept in first_rows.items())


def _customer(kept: _Kept, points: tuple[ContactPoint, ...]) -> Customer:
    customer_id, kind, name, language, segment, agent, tags, notes, created_at, consents, custom, version, *_ = kept
    return Customer(
        customer_id=CustomerId(customer_id),
        kind=CustomerKind(kind),
        name=name,
        language=language,
        segment=segment,
        account_manager_id=agent_id(agent),
        tags=tags,
        contact_points=points,
        notes=notes,
        created_at=created_at,
        consents=consents or (),
        custom=custom or {},
        version=version,
    )


def agent_id(value: str | None) -> AgentId | None:
    """Of a column that may be empty."""
    return AgentId(value) if value is not None else None


def named(query: Select[tuple[object, ...]]) -> Select[tuple[object, ...]]:
    """The rows of the one customer named by the parameter `customer_id`, or of whom he was merged into."""
    customers = tables.customers
    wanted: BindParameter[str] = bindparam("customer_id")
    merged = customers.alias("merged")
    merged_into = select(merged.c.merged_into).where(merged.c.customer_id == wanted).scalar_subquery()
    his = (customers.c.customer_id == func.coalesce(merged_into, wanted), customers.c.erased_at.is_(None))
    return query.where(*his).order_by(tables.contact_points.c.position)


# Putting such a statement together takes longer than running it.
_BY_ID = named(with_contact_points())
