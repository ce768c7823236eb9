"""What many customers bought, as arrays: each customer's days in their order, one customer behind the other.

Law: a customer's days rise and are each there once; amounts are whole ten-thousandths, so that sums are exact in any
order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from callcenter.crm.purchases import FloatArray, IntArray

TEN_THOUSANDTHS: Final = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histories:
    """Customers who have bought; the days of the customer at place i are `counts[i]` from `begins[i]` on."""

    customer_ids: Sequence[str]
    begins: IntArray
    counts: IntArray
    """Days with a purchase."""
    orders: IntArray
    days: IntArray
    """As `date.toordinal`."""
    amounts: IntArray
    """What the purchases of each day were worth, in ten-thousandths."""

    def __len__(self) -> int:
        return len(self.customer_ids)

    @property
    def first(self) -> IntArray:
        """The day of each customer's first purchase."""
        first: IntArray = self.days[self.begins]
        return first

    @property
    def last(self) -> IntArray:
        """The day of each customer's last purchase."""
        last: IntArray = self.days[self.begins + self.counts - 1]
        return last

    @property
    def spent(self) -> FloatArray:
        """What all purchases of each were worth."""
        total: IntArray = np.add.reduceat(self.amounts, self.begins) if len(self) else self.amounts
        spent: FloatArray = total / TEN_THOUSANDTHS
        return spent

    @property
    def first_spent(self) -> FloatArray:
        """What the purchases of the first day were worth."""
        spent: FloatArray = self.amounts[self.begins] / TEN_THOUSANDTHS
        return spent

    @property
    def who(self) -> IntArray:
        """The place of the customer of each day."""
        return np.repeat(np.arange(len(self)), self.counts)


def histories_of(customers: Sequence[str], days: Sequence[int], amounts: Sequence[int]) -> Histories:
    """From single orders, those of one customer standing together; an order is worth nothing where it is in another
    currency."""
    names = np.array(customers, dtype=object)
    day, amount = np.array(days, dtype=np.int64), np.array(amounts, dtype=np.int64)
    begins_orders = np.flatnonzero(_differs(names))
    orders = np.diff(np.append(begins_orders, len(names)))
    who = np.repeat(np.arange(len(begins_orders)), orders)
    order = np.lexsort((day, who))
    who, day, amount = who[order], day[order], amount[order]
    kept = np.flatnonzero(_differs(who) | _differs(day))
    counts = np.bincount(who[kept], minlength=len(begins_orders))
    return Histories(
        customer_ids=names[begins_orders].tolist(),
        begins=np.cumsum(counts) - counts,
        counts=counts,
        orders=orders,
        days=day[kept],
        amounts=np.add.reduceat(amount, kept) if len(kept) else amount,
    )


def _differs(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Whether each differs from the one before it; the first does."""
    found = np.ones(len(values), dtype=np.bool_)
    found[1:] = values[1:] != values[:-1]
    return found
