"""Gathers what a run learns from while customers pass by in pieces: a few figures of each, a sample, cohorts.

Law: what is gathered does not depend on how the customers were cut into pieces.
"""

from datetime import date
from typing import Final
from zlib import crc32

import numpy as np

from callcenter.crm.histories import TEN_THOUSANDTHS, Histories
from callcenter.crm.learning import MOST_LEARNT_FROM, CohortRow, Everyone
from callcenter.crm.purchases import FloatArray, IntArray, Purchases

MOST_COHORTS = 36
"""Months, the latest that are over."""
_MONTHS: Final = 1_000_000
"""More than there are between two purchases."""
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Gathering:
    """Takes histories, each customer once, and gives the whole at the end."""

    def __init__(self, *, most_learnt_from: int = MOST_LEARNT_FROM) -> None:
        self._most = most_learnt_from
        self._figures: list[tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]] = []
        self._sampled: list[tuple[IntArray, IntArray, IntArray, FloatArray]] = []
        """Marks, customers, days and amounts."""
        self._sample_size = 0
        self._one_of = 1
        self._cohorts: dict[tuple[int, int], int] = {}
        self.customers = 0

    def add(self, histories: Histories) -> None:
        """Some more customers."""
        if not len(histories):
            return
        self._figures.append(
            (histories.first, histories.last, histories.counts, histories.spent, histories.first_spent)
        )
        self._count_cohorts(histories)
        self._keep_sample(histories)
        self.customers += len(histories)

    def everyone(self) -> Everyone:
        """The figures of all."""
        if not self._figures:
            none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
            return Everyone(first_day=none, last_day=none, purchases=none, spent=nothing, first_spent=nothing)
        first, last, counts, spent, first_spent = (np.concatenate(part) for part in zip(*self._figures, strict=True))
        return Everyone(first_day=first, last_day=last, purchases=counts, spent=spent, first_spent=first_spent)

    def sample(self) -> Purchases:
        """The purchases of those to learn from: of all, or of one in so many by a mark of their ids."""
        if not self._sampled:
            none = np.zeros(0, dtype=np.int64)
            return Purchases(customer=none, day=none, amount=np.zeros(0))
        _, customer, day, amount = (np.concatenate(part) for part in zip(*self._sampled, strict=True))
        return Purchases(customer=customer, day=day, amount=amount)

    def cohorts(self, as_of: date) -> tuple[CohortRow, ...]:
        """By the month of the first purchase, the latest that are over; rows end with the last month that is over."""
        last = as_of.year * 12 + as_of.month - 2
        begun = sorted({first for first, _ in self._cohorts if first <= last})[-MOST_COHORTS:]
        return tuple(
            CohortRow(
                month=f"{first // 12:04}-{first % 12 + 1:02}",
                bought=tuple(self._cohorts.get((first, offset), 0) for offset in range(last - first + 1)),
            )
            for first in begun
        )

    def _count_cohorts(self, histories: Histories) -> None:
        who, months = histories.who, _months_of(histories.days)
        first = months[histories.begins]
        # Each customer once a month: his days stand in their order, so that those of a month stand together.
        key = who * _MONTHS + months - first[who]
        once = key[np.append(True, key[1:] != key[:-1])]
        keys, counts = np.unique(first[once // _MONTHS] * _MONTHS + once % _MONTHS, return_counts=True)
        for both, count in zip(keys.tolist(), counts.tolist(), strict=True):
            begun, offset = divmod(both, _MONTHS)
            self._cohorts[begun, offset] = self._cohorts.get((begun, offset), 0) + count

    def _keep_sample(self, histories: Histories) -> None:
        ids = histories.customer_ids
        marks = np.array([crc32(one.encode("utf-8", "replace")) for one in ids], dtype=np.int64)
        kept = marks % self._one_of == 0
        rows, who = np.repeat(kept, histories.counts), histories.who
        amounts = histories.amounts / TEN_THOUSANDTHS
        self._sampled.append((marks[who][rows], (who + self.customers)[rows], histories.days[rows], amounts[rows]))
        self._sample_size += int(kept.sum())
        while self._sample_size > self._most and self._one_of < 2**20:
            self._one_of *= 2
            thinned = [tuple(part[piece[0] % self._one_of == 0] for part in piece) for piece in self._sampled]
            marks_, numbers_, days_, amounts_ = (np.concatenate(part) for part in zip(*thinned, strict=True))
            self._sampled = [(marks_, numbers_, days_, amounts_)]
            self._sample_size = len(np.unique(numbers_))


def _months_of(days: IntArray) -> IntArray:
    """Months since the year 0."""
    since_1970 = (days - _EPOCH).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return since_1970 + 1970 * 12
