"""Gathers what a run learns from while customers pass by in pieces: a few figures of each, a sample, cohorts.

Law: what is gathered does not depend on how the customers were cut into pieces.
"""

from collections.abc import Sequence
from datetime import date
from zlib import crc32

import numpy as np

from callcenter.crm.appraisal import History
from callcenter.crm.learning import MOST_LEARNT_FROM, CohortRow, Everyone
from callcenter.crm.purchases import FloatArray, IntArray, Purchases

MOST_COHORTS = 36
"""Months, the latest that are over."""


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

    def add(self, histories: Sequence[History]) -> None:
        """Some more customers."""
        if not histories:
            return
        days = np.array([day.toordinal() for one in histories for day in one.days], dtype=np.int64)
        months = np.array([day.year * 12 + day.month - 1 for one in histories for day in one.days], dtype=np.int64)
        amounts = np.array([amount for one in histories for amount in one.amounts], dtype=np.float64)
        counts = np.array([len(one.days) for one in histories], dtype=np.int64)
        begins = np.cumsum(counts) - counts
        spent = np.add.reduceat(amounts, begins)
        self._figures.append((days[begins], days[begins + counts - 1], counts, spent, amounts[begins]))
        self._count_cohorts(np.repeat(np.arange(len(counts)), counts), months, np.repeat(months[begins], counts))
        self._keep_sample(histories, counts, days, amounts)
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

    def _count_cohorts(self, who: IntArray, months: IntArray, first: IntArray) -> None:
        once = np.unique(np.column_stack((who, first, months - first)), axis=0)
        pairs, counts = np.unique(once[:, 1:], axis=0, return_counts=True)
        for (begun, offset), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            self._cohorts[begun, offset] = self._cohorts.get((begun, offset), 0) + count

    def _keep_sample(self, histories: Sequence[History], counts: IntArray, days: IntArray, amounts: FloatArray) -> None:
        marks = np.array([crc32(one.customer_id.encode("utf-8", "replace")) for one in histories], dtype=np.int64)
        kept = marks % self._one_of == 0
        rows = np.repeat(kept, counts)
        numbers = np.repeat(np.arange(self.customers, self.customers + len(histories)), counts)
        self._sampled.append((np.repeat(marks, counts)[rows], numbers[rows], days[rows], amounts[rows]))
        self._sample_size += int(kept.sum())
        while self._sample_size > self._most and self._one_of < 2**20:
            self._one_of *= 2
            thinned = [tuple(part[piece[0] % self._one_of == 0] for part in piece) for piece in self._sampled]
            marks_, numbers_, days_, amounts_ = (np.concatenate(part) for part in zip(*thinned, strict=True))
            self._sampled = [(marks_, numbers_, days_, amounts_)]
            self._sample_size = len(np.unique(numbers_))
