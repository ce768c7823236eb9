"""Customers out of rows that hold a customer and one of his contact points each."""

from collections.abc import Mapping, Sequence

from sqlalchemy import BindParameter, Connection, RowMapping, Select, bindparam, func, select

from callcenter.domain.customers import ContactPoint, ContactPointKind, Customer, CustomerKind
from callcenter.domain.ids import AgentId, CustomerId
from callcenter.store import tables


def with_contact_points() -> Select[tuple[object, ...]]:
    """Such rows of all customers."""
    customers, points = tables.customers, tables.contact_points
    columns = (points.c.kind.label("point_kind"), points.c.value, points.c.label)
    joined = customers.outerjoin(points, points.c.customer_id == customers.c.customer_id)
    return select(*customers.c, *columns).select_from(joined)


def by_id(connection: Connection, customer_id: CustomerId) -> tuple[Customer, ...]:
    """The customer of this id, or whom he was merged into; nobody where there is none."""
    return read_customers(connection, _BY_ID, {"customer_id": customer_id})


def read_customers(
    connection: Connection, query: Select[tuple[object, ...]], values: Mapping[str, object]
) -> tuple[Customer, ...]:
    """The customers of a query for such rows."""
    return customers_of(connection.execute(query, values).mappings().all())


def customers_of(rows: Sequence[RowMapping]) -> tuple[Customer, ...]:
    """The customers, in the rows' order."""
    points: dict[str, list[ContactPoint]] = {}
    first_rows: dict[str, RowMapping] = {}
    for row in rows:
        name = row["customer_id"]
        first_rows.setdefault(name, row)
        mine = points.setdefault(name, [])
        if row["value"] is not None:
            mine.append(ContactPoint(kind=ContactPointKind(row["point_kind"]), value=row["value"], label=row["label"]))
    return tuple(_customer(row, tuple(points[name])) for name, row in first_rows.items())


def _customer(row: RowMapping, points: tuple[ContactPoint, ...]) -> Customer:
    return Customer(
        customer_id=CustomerId(row["customer_id"]),
        kind=CustomerKind(row["kind"]),
        name=row["name"],
        language=row["language"],
        segment=row["segment"],
        account_manager_id=agent_id(row["account_manager_id"]),
        tags=row["tags"],
        contact_points=points,
        notes=row["notes"],
        created_at=row["created_at"],
        consents=row["consents"] or (),
        custom=row["custom"] or {},
        version=row["version"],
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
