"""Rows of what customers are worth: purchases read in pieces, appraisals written with what they changed.

Laws: a piece is whole customers; an appraisal and the change it is are one transaction. Rows are tuples as both
databases keep them, days as ISO texts: a run reads and writes millions, past the types of columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import isnan
from typing import Final

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    Integer,
    Select,
    Text,
    case,
    cast,
    delete,
    func,
    literal_column,
    select,
    type_coerce,
)

from callcenter.crm.appraisal import Appraisals, Move, appraise, pasts_of
from callcenter.crm.histories import Histories, histories_of
from callcenter.crm.learning import Learnt
from callcenter.crm.lifecycle import Stage
from callcenter.crm.purchases import FloatArray, IntArray
from callcenter.crm.value_rules import ValueRules
from callcenter.store.many_rows import put_rows
from callcenter.store.sales_tables import orders
from callcenter.store.value_tables import customer_values, value_changes

ROWS_A_PIECE: Final = 13_000
"""Orders: those of some 4,000 customers, who are read, judged and written in a fifth of a second."""
_JULIAN: Final = 1_721_424.5
"""What SQLite's day numbers are ahead of Python's."""
_table = customer_values
Row = tuple[object, ...]
COLUMNS: Final = tuple(column.name for column in customer_values.c)
_MOVE_COLUMNS: Final = tuple(column.name for column in value_changes.c if column.name != "change_id")
_STAGE, _CLASS, _LOST_ON = (COLUMNS.index(name) for name in ("stage", "value_class", "lost_on"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Rows to be written: appraisals that say something new, moves in their order, and whose row has to go."""

    rows: list[Row]
    moves: list[Row]
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
) -> tuple[Histories, str | None]:
    """The purchases of the next customers behind `after`, and the last of these; None at the end of the store."""
    query = _purchases(connection, as_of, currency, rules).where(orders.c.customer_id > after)
    while True:
        customers, days, amounts = _columns(connection, query.limit(rows))
        if len(customers) < rows:
            return histories_of(customers, days, amounts), None
        last = customers[-1]
        if customers[0] != last:
            break
        rows *= 2
    # The last one's orders may go on in the next piece.
    end = len(customers)
    while customers[end - 1] == last:
        end -= 1
    return histories_of(customers[:end], days[:end], amounts[:end]), customers[end - 1]


def read_of(
    connection: Connection, customers: Sequence[str], *, as_of: date, currency: str, rules: ValueRules
) -> Histories:
    """The purchases of these customers; who has none is left out."""
    query = _purchases(connection, as_of, currency, rules).where(orders.c.customer_id.in_(customers))
    return histories_of(*_columns(connection, query))


def known_between(connection: Connection, after: str, last: str | None) -> dict[str, Row]:
    """The rows that are kept of the customers behind one up to another."""
    query = _kept(connection).where(_table.c.customer_id > after)
    if last is not None:
        query = query.where(_table.c.customer_id <= last)
    return {str(row[0]): tuple(row) for row in connection.execute(query).all()}


def known_of(connection: Connection, customers: Sequence[str]) -> dict[str, Row]:
    """The rows that are kept of these, who stay as they are until the transaction ends."""
    query = _kept(connection).where(_table.c.customer_id.in_(customers)).with_for_update()
    return {str(row[0]): tuple(row) for row in connection.execute(query).all()}


def plan(learnt: Learnt, histories: Histories, known: dict[str, Row], *, today: date) -> Written:
    """What is to be written of these histories; of who is known and has none any more the row goes."""
    ids = histories.customer_ids
    now = appraise(learnt, histories, today=today, lost_on=_lost_on(ids, known))
    rows = _rows_of(now)
    moves = _past_rows(now, [place for place, one in enumerate(ids) if one not in known])
    written, changed = [], []
    for place, row in enumerate(rows):
        name = ids[place]
        before = known.get(name)
        if before == row:
            continue
        written.append(row)
        if before is not None:
            if before[_STAGE] == row[_STAGE] and before[_CLASS] == row[_CLASS]:
                continue
            moves.append(_move_row(name, _move_from(before, today, str(row[_STAGE]), str(row[_CLASS]))))
        changed.append(name)
    there = set(ids) if len(known) else set()
    gone = [name for name in known if name not in there]
    moves += [_move_row(name, _move_from(known[name], today, str(Stage.PROSPECT), None)) for name in gone]
    return Written(rows=written, moves=moves, gone=gone, changed=(*changed, *gone))


def write(connection: Connection, rows: Sequence[Row], moves: Sequence[Row]) -> None:
    """Put appraisals in place of those before."""
    put_rows(connection, _table, COLUMNS, rows, over=("customer_id",))
    put_rows(connection, value_changes, _MOVE_COLUMNS, moves)


def remove(connection: Connection, customers: Sequence[str]) -> None:
    """Forget what these were worth: they have bought nothing that counts."""
    connection.execute(delete(_table).where(_table.c.customer_id.in_(customers)))


# ---- reading


def _purchases(connection: Connection, as_of: date, currency: str, rules: ValueRules) -> Select[tuple[object, ...]]:
    """Whose, on which day, how much of it counts."""
    total = type_coerce(orders.c.total, BigInteger)
    counts = case((orders.c.currency == currency, total), else_=literal_column("0"))
    query = select(orders.c.customer_id, _ordinal(connection, orders.c.placed_on), counts)
    return query.order_by(orders.c.customer_id, orders.c.at).where(
        orders.c.placed_on <= as_of, orders.c.state.not_in(rules.not_counted)
    )


def _ordinal(connection: Connection, day: ColumnElement[date]) -> ColumnElement[int]:
    """The day as `date.toordinal`: texts of dates would take longer to read than the database takes to find them."""
    if connection.dialect.name == "sqlite":
        return cast(func.julianday(day) - literal_column(str(_JULIAN)), Integer)
    return type_coerce(day - literal_column("DATE '0001-01-01'") + literal_column("1"), Integer)


def _columns(
    connection: Connection, query: Select[tuple[object, ...]]
) -> tuple[Sequence[str], Sequence[int], Sequence[int]]:
    found = connection.execute(query).all()
    if not found:
        return (), (), ()
    customers, days, amounts = zip(*found, strict=True)
    return customers, days, amounts


def _kept(connection: Connection) -> Select[tuple[object, ...]]:
    """Whole rows, days as texts."""
    as_text = type_coerce if connection.dialect.name == "sqlite" else cast
    return select(*(as_text(one, Text) if isinstance(one.type, Date) else one for one in _table.c))


# ---- rows


def _lost_on(ids: Sequence[str], known: dict[str, Row]) -> IntArray:
    found = np.zeros(len(ids), dtype=np.int64)
    if known:
        for place, name in enumerate(ids):
            row = known.get(name)
            if row is not None and row[_LOST_ON] is not None:
                found[place] = date.fromisoformat(str(row[_LOST_ON])).toordinal()
    return found


def _rows_of(now: Appraisals) -> list[Row]:
    """In the order of `COLUMNS`."""
    habits, many = now.habits, len(now)
    return list(
        zip(
            now.customer_ids,
            [_iso(now.as_of)] * many,
            now.orders.tolist(),
            habits.purchases.tolist(),
            _isos(habits.first),
            _isos(habits.last),
            now.spent.tolist(),
            [now.currency] * many,
            now.recency_score.tolist(),
            now.frequency_score.tolist(),
            now.monetary_score.tolist(),
            now.value_class.tolist(),
            _numbers(now.p_alive),
            _numbers(now.lifetime_value),
            now.stage.tolist(),
            now.why.tolist(),
            habits.interval_days.tolist(),
            _isos(now.lost_on),
            _isos(now.look_again_on),
            strict=True,
        )
    )


def _isos(days: IntArray) -> list[str | None]:
    return [_iso(one) for one in days.tolist()]


@lru_cache(100_000)
def _iso(day: int) -> str | None:
    return date.fromordinal(day).isoformat() if day else None


def _numbers(values: FloatArray) -> list[float | None]:
    return [None if isnan(one) else one for one in values.tolist()]


def _move_from(before: Row, on: date, stage: str, value_class: str | None) -> Move:
    kept_class = before[_CLASS]
    return Move(
        on=on.toordinal(),
        was_stage=str(before[_STAGE]),
        stage=stage,
        was_class=None if kept_class is None else str(kept_class),
        value_class=value_class,
    )


def _past_rows(now: Appraisals, which: Sequence[int]) -> list[Row]:
    """In the order of `_MOVE_COLUMNS`."""
    pasts = pasts_of(now, np.array(which, dtype=np.int64))
    names = [now.customer_ids[place] for place in pasts.who.tolist()]
    stages = pasts.was_stage.tolist(), pasts.stage.tolist()
    nothing = [None] * len(names)
    return list(zip(names, _isos(pasts.on), *stages, nothing, nothing, pasts.step.tolist(), strict=True))


def _move_row(customer_id: str, move: Move) -> Row:
    """In the order of `_MOVE_COLUMNS`."""
    was = None if move.was_stage is None else str(move.was_stage)
    return (customer_id, _iso(move.on), was, str(move.stage), move.was_class, move.value_class, move.step)
