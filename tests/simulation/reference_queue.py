"""Queues with c agents, first come first served, by recursion on the agents' unfinished work: no engine, no events.

With the callers' patience, service times and intervals given, who comes finds the work W_1 <= ... <= W_c that each
agent still has to do. He would wait W_1; if that is longer than his patience he leaves, else his service is added to
W_1 (J. Kiefer, J. Wolfowitz, On the theory of queues with many servers, 1955; with impatience: F. Baccelli, P. Boyer,
G. Hebuterne, Single-server queues with impatient customers, 1984).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace

import numpy as np


def path(
    agents: int, came_at: Sequence[int], service: Sequence[int], patience: Sequence[int | None]
) -> list[tuple[int, bool]]:
    """How long each caller waits, and whether he gives up."""
    free_at = [0] * agents
    waits = []
    for at, needs, stays in zip(came_at, service, patience, strict=True):
        wait = max(free_at[0] - at, 0)
        if stays is not None and wait > stays:
            waits.append((stays, True))
            continue
        waits.append((wait, False))
        heapreplace(free_at, at + wait + needs)
    return waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Estimates with the half widths of their 95 % confidence intervals; times in mean handle times."""

    waits: tuple[float, float]
    abandons: tuple[float, float]
    mean_wait: tuple[float, float]


def long_run(agents: int, load: float, patience: float | None, callers: int, seed: int) -> Means:
    """Many replications side by side, each from an empty system, its beginning left out.

    The replications' mean interval and mean service, whose expectations are known, are control variates
    (A. M. Law, Simulation Modeling and Analysis, section 11.4).
    """
    chance = np.random.default_rng(seed)
    replications, warm_up = 4000, 600
    counted = max(callers // replications, 1000)
    work = np.zeros((replications, agents))
    sums = np.zeros((5, replications))
    for number in range(warm_up + counted):
        interval = chance.exponential(1 / load, replications)
        service = chance.exponential(1.0, replications)
        work -= interval[:, None]
        np.maximum(work, 0.0, out=work)
        wait = work[:, 0].copy()
        served = np.ones(replications, dtype=bool)
        if patience is not None:
            stays = chance.exponential(patience, replications)
            served = wait <= stays
            wait = np.minimum(wait, stays)
        if number >= warm_up:
            sums += (wait > 0, ~served, wait, interval, service)
        work[:, 0] += np.where(served, service, 0.0)
        work.sort(axis=1)
    waits, abandons, mean_wait, intervals, services = sums / counted
    controls = np.column_stack((intervals - 1 / load, services - 1.0))
    return Means(
        waits=_controlled(waits, controls),
        abandons=_controlled(abandons, controls),
        mean_wait=_controlled(mean_wait, controls),
    )


def _controlled(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", controls: np.ndarray) -> tuple[float, float]:
    """The intercept of the regression on the controls, and the half width of its interval."""
    design = np.column_stack((np.ones(len(values)), controls))
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    residuals = values - design @ coefficients
    variance = residuals @ residuals / (len(values) - design.shape[1])
    covariance = np.linalg.inv(design.T @ design) * variance
    return float(coefficients[0]), float(1.96 * np.sqrt(covariance[0, 0]))
