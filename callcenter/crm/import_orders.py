"""Rows of a file about orders: rows of one number that stand together are the lines of one order.

Law: an order is taken whole or not at all; where one of its rows is wrong, the others are told of that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby, islice
from operator import itemgetter
from typing import Final, cast

from callcenter.crm.import_reasons import FaultCode, RowFault, Told
from callcenter.crm.import_rows import OrderRow, RowReader
from callcenter.domain.money import exact

MOST_LINES: Final = 500
"""Of one order; a file in which every row has one number has a wrong column."""
_SAID_ONCE: Final = ("key", "placed_on", "due_on", "total", "currency", "state", "note")
"""What belongs to the order; each of its rows says the same, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderGroup:
    """The rows of one order, with what they say; None where something is wrong, which `faults` tell by row."""

    rows: tuple[tuple[int, list[str]], ...]
    order: OrderRow | None
    faults: tuple[list[RowFault], ...] = ()


def order_groups(found: Iterable[tuple[int, list[str]]], reader: RowReader) -> Iterator[OrderGroup]:
    """The orders of a file, in its order; a row without a number is one by itself."""
    for number, numbered in groupby(((reader.order_number(cells), row, cells) for row, cells in found), itemgetter(0)):
        rows = ((row, cells) for _, row, cells in numbered)
        if number == "":
            yield from (_group([one], reader) for one in rows)
            continue
        taken = list(islice(rows, MOST_LINES + 1))
        yield _group(taken, reader)
        if len(taken) > MOST_LINES:
            yield from (_too_long([one], reader) for one in rows)


def refused_with(order: OrderRow, reader: RowReader) -> list[RowFault]:
    """For the further rows of an order that is not taken: that it is not, and where the reason stands."""
    return [_line_of_refused(other.row, order.row, reader) for other in order.others]


def _group(rows: list[tuple[int, list[str]]], reader: RowReader) -> OrderGroup:
    if len(rows) > MOST_LINES:
        return _too_long(rows, reader)
    read = [reader.order(row, cells) for row, cells in rows]
    orders = [one for one in read if isinstance(one, OrderRow)]
    wrong_rows = {row: one for (row, _), one in zip(rows, read, strict=True) if isinstance(one, list)}
    if orders and not wrong_rows:
        wrong_rows = _differing(orders, reader) or _wrong_sum(orders, reader)
    if not wrong_rows:
        return OrderGroup(rows=tuple(rows), order=_whole(orders, reader))
    first = min(wrong_rows)
    faults = [wrong_rows.get(row) or [_line_of_refused(row, first, reader)] for row, _ in rows]
    return OrderGroup(rows=tuple(rows), order=None, faults=tuple(faults))


def _too_long(rows: list[tuple[int, list[str]]], reader: RowReader) -> OrderGroup:
    told = tuple([reader.order_fault(row, FaultCode.TOO_MANY_LINES, {"most": MOST_LINES})] for row, _ in rows)
    return OrderGroup(rows=tuple(rows), order=None, faults=told)


def _said(orders: Sequence[OrderRow], name: str) -> tuple[object, int]:
    """What the first row that says anything of the order says, and which row that is."""
    return next(((value, one.row) for one in orders if (value := getattr(one, name)) is not None), (None, 0))


def _differing(orders: Sequence[OrderRow], reader: RowReader) -> dict[int, list[RowFault]]:
    """Rows that say something else of the order than the first one that says anything."""
    found = dict[int, list[RowFault]]()
    for name in _SAID_ONCE:
        said, row = _said(orders, name)
        for other in orders:
            value = getattr(other, name)
            if value is not None and value != said:
                fault = FaultCode.ORDER_DIFFERS
                told = (
                    reader.fault(other.row, str(value), fault, {"row": row})
                    if name == "key"
                    else reader.order_fault(other.row, fault, {"row": row}, name=name, value=str(value))
                )
                found.setdefault(other.row, []).append(told)
    return found


def _wrong_sum(orders: Sequence[OrderRow], reader: RowReader) -> dict[int, list[RowFault]]:
    """Where both are told, the order's total is the sum of its lines."""
    total, row = _said(orders, "total")
    added = sum((one.amount for one in orders), Decimal(0))
    if total is None or not reader.has_amounts or total == added:
        return {}
    about: dict[str, Told] = {"sum": f"{exact(added)}"}
    return {row: [reader.order_fault(row, FaultCode.TOTAL_DIFFERS, about, name="total", value=str(total))]}


def _whole(orders: Sequence[OrderRow], reader: RowReader) -> OrderRow:
    """The order with its lines; where the rows tell its total alone, that stands with the first of them."""
    first, *others = orders
    if not reader.has_amounts:
        others = [replace(one, amount=Decimal(0)) for one in others]
    return replace(
        first,
        others=tuple(others),
        due_on=cast(date | None, _said(orders, "due_on")[0]),
        currency=cast(str | None, _said(orders, "currency")[0]),
        state=cast(str | None, _said(orders, "state")[0]),
        note=cast(str | None, _said(orders, "note")[0]),
    )


def _line_of_refused(row: int, why: int, reader: RowReader) -> RowFault:
    return reader.order_fault(row, FaultCode.ORDER_REFUSED, {"row": why})
