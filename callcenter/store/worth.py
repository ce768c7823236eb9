"""What customers are worth and which segments they are in, for those who wait on the line: two looks by key."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from callcenter.domain.worth import CustomerWorth
from callcenter.store.value_tables import customer_values, segment_members

_FIELDS = tuple(CustomerWorth.__dataclass_fields__)
_WORTHS_OF = select(customer_values.c.customer_id, *(customer_values.c[name] for name in _FIELDS)).where(
    customer_values.c.customer_id.in_(bindparam("ids", expanding=True))
)
_SEGMENTS_OF = (
    select(segment_members.c.customer_id, segment_members.c.segment_id)
    .where(segment_members.c.customer_id.in_(bindparam("ids", expanding=True)))
    .order_by(segment_members.c.customer_id, segment_members.c.segment_id)
)


def worths_of(connection: Connection, ids: Sequence[str]) -> dict[str, CustomerWorth]:
    """Of those of these who have bought."""
    rows = connection.execute(_WORTHS_OF, {"ids": ids}).all()
    return {row[0]: CustomerWorth(**dict(zip(_FIELDS, row[1:], strict=True))) for row in rows}


def segments_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """The names of the segments each is in, of those that queues name."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(_SEGMENTS_OF, {"ids": ids}).all():
        found.setdefault(row.customer_id, []).append(row.segment_id)
    return found
