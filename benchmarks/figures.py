"""Percentiles of what was measured."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of `n` values: the median, the 99th percentile (nearest rank), the least and the most; NaN of none."""

    p50: float
    p99: float
    least: float
    most: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The figures of these values."""
        if not values:
            return cls(p50=math.nan, p99=math.nan, least=math.nan, most=math.nan, n=0)
        ordered = sorted(values)
        p99 = ordered[max(math.ceil(0.99 * len(ordered)), 1) - 1]
        return cls(p50=statistics.median(ordered), p99=p99, least=ordered[0], most=ordered[-1], n=len(ordered))

    def as_json(self) -> dict[str, float | int | None]:
        """`p50`, `p99` and `n`; null where there is nothing."""
        p50, p99 = (None if math.isnan(value) else round(value, 3) for value in (self.p50, self.p99))
        return {"p50": p50, "p99": p99, "n": self.n}
