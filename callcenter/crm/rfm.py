"""Scores 1 to 5 for recency, frequency and monetary value, by the customer's place among all who bought.

A. M. Hughes (1994): Strategic Database Marketing, with two differences, stated because they show: the three are scored
independently (his cells nest frequency within recency), and equal values always get equal scores (his equal fifths cut
through them). Scores are labels, not amounts: adding them up says little, see `lifetime_value.iso_value`.

Law: the score never falls as the value rises, and depends on the order of the values alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from callcenter.crm.errors import CrmError
from callcenter.crm.purchases import FloatArray

SCORES: Final = 5
Scores = NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where each score begins, lowest first: with n scores n - 1 beginnings, equal ones where a score is empty.

    Kept from the nightly run, it scores one customer at once.
    """

    begins: tuple[float, ...]

    def score(self, value: float) -> int:
        """1 to the number of scores."""
        return 1 + sum(value >= begin for begin in self.begins)

    def scores(self, values: FloatArray) -> Scores:
        """Of many values at once."""
        return (1 + np.searchsorted(np.asarray(self.begins), values, side="right")).astype(np.int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class RfmScales:
    """The three scales of one run; recency is turned round, so that 5 is always good."""

    recency: Scale
    frequency: Scale
    monetary: Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class RfmScore:
    """One customer's three scores."""

    recency: int
    frequency: int
    monetary: int

    @property
    def cell(self) -> str:
        """Say "545"."""
        return f"{self.recency}{self.frequency}{self.monetary}"


def scale_of(values: FloatArray, *, scores: int = SCORES) -> Scale:
    """The scale by quantiles: score = 1 + floor(scores x f), f the share of values below plus half of those equal.

    So ties share the score of their middle, and few values spread evenly about the middle score: a single one gets 3,
    two get 2 and 4, five different ones 1 to 5. Raises CrmError without values or with one that is no number.
    """
    if not len(values):
        raise CrmError("there is nobody to score; give the values of at least one customer")
    if not np.isfinite(values).all():
        raise CrmError("a value to score is not a number; leave customers without purchases out")
    different, count = np.unique(values, return_counts=True)
    # In whole numbers, since a share such as 1/5 is no binary fraction and would fall on either side.
    doubled = 2 * np.cumsum(count) - count
    score = 1 + scores * doubled // (2 * len(values))
    begins = []
    for wanted in range(2, scores + 1):
        place = int(np.searchsorted(score, wanted))
        begins.append(float(different[place]) if place < len(different) else float("inf"))
    return Scale(begins=tuple(begins))


def rfm_scales(days_since_last: FloatArray, purchases: FloatArray, spent: FloatArray) -> RfmScales:
    """The scales of all customers who bought: days since the last purchase, number of purchases, money spent."""
    return RfmScales(recency=scale_of(-days_since_last), frequency=scale_of(purchases), monetary=scale_of(spent))


def score_customer(scales: RfmScales, *, days_since_last: float, purchases: float, spent: float) -> RfmScore:
    """One customer on the scales of the last run."""
    return RfmScore(
        recency=scales.recency.score(-days_since_last),
        frequency=scales.frequency.score(purchases),
        monetary=scales.monetary.score(spent),
    )


def score_customers(
    scales: RfmScales, days_since_last: FloatArray, purchases: FloatArray, spent: FloatArray
) -> tuple[Scores, Scores, Scores]:
    """Recency, frequency and monetary scores of many."""
    return (
        scales.recency.scores(-days_since_last),
        scales.frequency.scores(purchases),
        scales.monetary.scores(spent),
    )
