"""Rows of what customers are worth: purchases read in pieces, appraisals written with what they changed.

Laws: a piece is whole customers; an appraisal and the change it is are one transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, cast

from sqlalchemy import BigInteger, Connection, Row, Select, delete, func, insert, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite

from callcenter.crm.appraisal import History, Move, appraise, moves_of
from callcenter.crm.learning import Learnt
from callcenter.crm.lifecycle import Stage
from callcenter.crm.value_rules import ValueRules
from callcenter.store.sales_tables import orders
from callcenter.store.value_tables import customer_values, value_changes

ROWS_A_PIECE: Final = 20_000
"""Orders."""
_TEN_THOUSANDTHS: Final = 10_000.0
_Purchase = tuple[str, date, int, str]
"""Whose, when, how much in ten-thousandths, in which currency."""
_table = customer_values
COLUMNS: Final = tuple(column.name for column in customer_values.c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is kept of a customer from before."""

    stage: str
    value_class: str | None
    lost_on: date | None
    row: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Rows to be written: appraisals that say something new, moves, and whose row has to go."""

    rows: list[dict[str, object]]
    moves: list[dict[str, object]]
    gone: list[str]
    changed: tuple[str, ...]
    """Whose stage or class is another."""


def main_currency(connection: Connection, rules: ValueRules) -> str:
    """The currency of most orders; money in others is not counted, purchases are."""
    query = (
        select(orders.c.currency)
        .where(orders.c.state.not_in(rules.not_counted))
        .group_by(orders.c.currency)
        .order_by(func.count().desc(), orders.c.currency)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or ""


def read_piece(
    connection: Connection, after: str, *, as_of: date, currency: str, rules: ValueRules, rows: int = ROWS_A_PIECE
) -> tuple[tuple[History, ...], str | None]:
    """The purchases of the next customers behind `after`, and the last of these; None at the end of the store."""
    query = _purchases(as_of, rules).where(orders.c.customer_id > after)
    while True:
        found = _read(connection, query.limit(rows))
        if len(found) < rows:
            return tuple(_histories(found, currency)), None
        last = found[-1][0]
        if found[0][0] != last:
            break
        rows *= 2
    # The last one's orders may go on in the next piece.
    whole = [row for row in found if row[0] != last]
    return tuple(_histories(whole, currency)), whole[-1][0]


def read_of(
    connection: Connection, customers: Sequence[str], *, as_of: date, currency: str, rules: ValueRules
) -> tuple[History, ...]:
    """The purchases of these customers; who has none is left out."""
    query = _purchases(as_of, rules).where(orders.c.customer_id.in_(customers))
    return tuple(_histories(_read(connection, query), currency))


def known_between(connection: Connection, after: str, last: str | None) -> dict[str, Known]:
    """What is kept of the customers behind one up to another."""
    query = _table.select().where(_table.c.customer_id > after)
    if last is not None:
        query = query.where(_table.c.customer_id <= last)
    return _known(connection.execute(query).all())


def known_of(connection: Connection, customers: Sequence[str]) -> dict[str, Known]:
    """What is kept of these, who stay as they are until the transaction ends."""
    query = _table.select().where(_table.c.customer_id.in_(customers)).with_for_update()
    return _known(connection.execute(query).all())


def plan(learnt: Learnt, histories: Sequence[History], known: dict[str, Known], *, today: date) -> Written:
    """What is to be written of these histories; of who is known and has none any more the row goes."""
    lost_on = {name: one.lost_on for name, one in known.items() if one.lost_on is not None}
    rows, moves, changed = [], [], []
    by_id = {one.customer_id: one for one in histories}
    for now in appraise(learnt, histories, today=today, lost_on=lost_on):
        before = known.get(now.customer_id)
        row = {name: getattr(now, name) for name in COLUMNS}
        if before is None or before.row != tuple(row.values()):
            rows.append(row)
        found = moves_of(
            by_id[now.customer_id],
            now,
            was_stage=None if before is None else before.stage,
            was_class=None if before is None else before.value_class,
            is_first=before is None,
            learnt=learnt,
        )
        moves += [_move_row(now.customer_id, move) for move in found]
        if before is None or before.stage != now.stage or before.value_class != now.value_class:
            changed.append(now.customer_id)
    gone = [name for name in known if name not in by_id]
    for name in gone:
        left = Move(on=today, was_stage=known[name].stage, stage=Stage.PROSPECT, was_class=known[name].value_class)
        moves.append(_move_row(name, left))
    return Written(rows=rows, moves=moves, gone=gone, changed=(*changed, *gone))


def write(connection: Connection, rows: Sequence[dict[str, object]], moves: Sequence[dict[str, object]]) -> None:
    """Put appraisals in place of those before."""
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(_table)
        others = {name: statement.excluded[name] for name in COLUMNS if name != "customer_id"}
        connection.execute(statement.on_conflict_do_update(index_elements=["customer_id"], set_=others), rows)
    if moves:
        connection.execute(insert(value_changes), moves)


def remove(connection: Connection, customers: Sequence[str]) -> None:
    """Forget what these were worth: they have bought nothing that counts."""
    connection.execute(delete(_table).where(_table.c.customer_id.in_(customers)))


def _purchases(as_of: date, rules: ValueRules) -> Select[tuple[object, ...]]:
    total = type_coerce(orders.c.total, BigInteger).label("total")
    query = select(orders.c.customer_id, orders.c.placed_on, total, orders.c.currency)
    return query.order_by(orders.c.customer_id, orders.c.at).where(
        orders.c.placed_on <= as_of, orders.c.state.not_in(rules.not_counted)
    )


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> Sequence[_Purchase]:
    return cast("Sequence[_Purchase]", connection.execute(query).all())


def _histories(found: Iterable[_Purchase], currency: str) -> Iterable[History]:
    customer: str | None = None
    days: dict[date, int] = {}
    count = 0
    for customer_id, placed_on, total, paid_in in found:
        if customer_id != customer:
            if customer is not None:
                yield _history(customer, days, count)
            customer, days, count = customer_id, {}, 0
        days[placed_on] = days.get(placed_on, 0) + (total if paid_in == currency else 0)
        count += 1
    if customer is not None:
        yield _history(customer, days, count)


def _history(customer: str, days: dict[date, int], count: int) -> History:
    ordered = sorted(days)
    return History(
        customer_id=customer,
        days=tuple(ordered),
        amounts=tuple(days[day] / _TEN_THOUSANDTHS for day in ordered),
        orders=count,
    )


def _known(rows: Iterable[Row[tuple[object, ...]]]) -> dict[str, Known]:
    return {
        row.customer_id: Known(stage=row.stage, value_class=row.value_class, lost_on=row.lost_on, row=tuple(row))
        for row in rows
    }


def _move_row(customer_id: str, move: Move) -> dict[str, object]:
    return {
        "customer_id": customer_id,
        "on": move.on,
        "was_stage": move.was_stage,
        "stage": move.stage,
        "was_class": move.was_class,
        "value_class": move.value_class,
        "step": move.step,
    }
