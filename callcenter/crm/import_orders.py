"""Rows of a file about orders: rows of one number that stand together are the lines of one order.

Law: an order is taken whole or not at all; where one of its rows is wrong, the others are told of that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from typing import Final

from callcenter.crm.import_rows import OrderRow, RowFault, RowReader

MOST_LINES: Final = 500
"""Of one order; a file in which every row has one number has a wrong column."""
_SAID_ONCE: Final = ("key", "placed_on", "due_on", "currency", "state", "note")
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
        wrong_rows = _differing(orders, reader)
    if not wrong_rows:
        return OrderGroup(rows=tuple(rows), order=replace(orders[0], others=tuple(orders[1:])))
    first = min(wrong_rows)
    faults = [wrong_rows.get(row) or [_line_of_refused(row, first, reader)] for row, _ in rows]
    return OrderGroup(rows=tuple(rows), order=None, faults=tuple(faults))


def _too_long(rows: list[tuple[int, list[str]]], reader: RowReader) -> OrderGroup:
    wrong, wanted = f"has more than {MOST_LINES} lines", f"an order of at most {MOST_LINES} rows"
    told = tuple([reader.order_fault(row, "too_many_lines", wrong, wanted)] for row, _ in rows)
    return OrderGroup(rows=tuple(rows), order=None, faults=told)


def _differing(orders: Sequence[OrderRow], reader: RowReader) -> dict[int, list[RowFault]]:
    """Rows that say something else of the order than its first one."""
    first, found = orders[0], dict[int, list[RowFault]]()
    for other in orders[1:]:
        for name in _SAID_ONCE:
            mine, theirs = getattr(first, name), getattr(other, name)
            if theirs is not None and theirs != mine:
                wrong = f"says another {name} of the order than row {first.row}"
                wanted = "the same in each row of an order"
                found.setdefault(other.row, []).append(reader.order_fault(other.row, "order_differs", wrong, wanted))
    return found


def _line_of_refused(row: int, why: int, reader: RowReader) -> RowFault:
    wrong, wanted = f"is of an order that is not taken, see row {why}", "an order whose rows are all right"
    return reader.order_fault(row, "order_refused", wrong, wanted)
