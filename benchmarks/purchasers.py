"""Customers with orders out of chance: buying at their own rates, lost with their own chances, as the models suppose.

The same seed gives the same purchases.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice

import numpy as np

from benchmarks.filling import Filling

UNTIL = date(2026, 6, 30)
DAYS = 1_096
"""Three years."""
ORDERS_A_CUSTOMER = 3.5
"""About so many, of those who have bought."""
_MOST_REPEATS = 60
ROWS_A_BATCH = 100_000
CUSTOMER_COLUMNS = ("customer_id", "kind", "name", "tags", "notes", "created_at", "updated_at", "version")
ORDER_COLUMNS = (
    "order_id",
    "number",
    "dialled",
    "customer_id",
    "placed_on",
    "due_on",
    "state",
    "total",
    "currency",
    "note",
    "at",
    "created_at",
    "created_by",
    "version",
)


def fill_purchases(into: Filling, customers: int, seed: int) -> int:
    """Store so many customers, nameless but for a number, with their orders as they came in time; how many orders."""
    chance = np.random.default_rng(seed)
    ids = [f"{first:016x}{second:016x}" for first, second in chance.integers(0, 2**62, size=(customers, 2)).tolist()]
    moment = datetime(UNTIL.year, UNTIL.month, UNTIL.day, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S.000000")
    into.put(
        "customers",
        CUSTOMER_COLUMNS,
        ((one, "person", f"No. {number}", "[]", "", moment, moment, 1) for number, one in enumerate(ids)),
    )
    who, day, amount = _bought(chance, customers)
    order = np.argsort(day, kind="stable")
    rows = zip(who[order].tolist(), day[order].tolist(), amount[order].tolist(), strict=True)
    days = {one: date.fromordinal(one).isoformat() for one in np.unique(day).tolist()}
    numbered = enumerate(rows)
    while batch := list(islice(numbered, ROWS_A_BATCH)):
        into.put("orders", ORDER_COLUMNS, _order_rows(batch, ids, days, moment))
    return len(who)


def _bought(chance: np.random.Generator, customers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whose, on which day, for how much in ten-thousandths."""
    until = UNTIL.toordinal()
    first = until - chance.integers(0, DAYS, size=customers)
    rate = chance.gamma(0.6, 1 / 70, size=customers) + 1e-6
    lost = chance.beta(0.8, 3.5, size=customers)
    worth = chance.gamma(4.0, 60.0, size=customers) + 5.0
    who, days = [np.arange(customers)], [first.astype(np.float64)]
    alive, at = np.arange(customers), first.astype(np.float64)
    for _ in range(_MOST_REPEATS):
        at = at + 1 + chance.exponential(1 / rate[alive])
        stays = at <= until
        alive, at = alive[stays], at[stays]
        who.append(alive)
        days.append(at)
        stays = chance.random(len(alive)) >= lost[alive]
        alive, at = alive[stays], at[stays]
    people, day = np.concatenate(who), np.concatenate(days).astype(np.int64)
    amount = np.round(worth[people] * chance.gamma(6.0, 1 / 6.0, size=len(people)) * 100).astype(np.int64) * 100
    return people, day, amount


def _order_rows(
    batch: list[tuple[int, tuple[int, int, int]]], ids: list[str], days: dict[int, str], moment: str
) -> Iterator[tuple[object, ...]]:
    for number, (who, day, amount) in batch:
        on = days[day]
        name = f"{number:010}"
        at = f"{on} 12:00:00.000000"
        yield (
            f"{number:032x}", name, name, ids[who], on, on, "sent", amount, "CNY", "", at, moment, "bench", 1
        )  # fmt: skip
