"""Maximum likelihood over positive parameters: the search, the standard errors and what to think of them.

The search runs over the logarithms of the parameters, so they stay positive without a constraint that binds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from callcenter.crm.errors import ModelNotFitted
from callcenter.crm.purchases import FloatArray

LogLikelihood = Callable[[FloatArray], tuple[float, FloatArray]]
"""The log-likelihood at some parameters, and its gradient there."""

_LIMITS: Final = (1e-5, 1e5)
"""Between these a parameter is searched; at one of them the data does not say how large it is."""
_STEP: Final = 1e-4
_STEEP: Final = 1e-5
"""A gradient of the mean log-likelihood above this is no maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Where the likelihood is highest."""

    values: tuple[float, ...]
    standard_errors: tuple[float, ...]
    """From the observed information; not a number for a parameter the data does not determine."""
    log_likelihood: float
    undetermined: tuple[int, ...]
    """Places of the parameters that ran to the edge of the search."""


def maximise(
    log_likelihood: LogLikelihood,
    *,
    observations: float,
    starts: Sequence[Sequence[float]],
    lowest: Sequence[float] | None = None,
) -> Estimates:
    """The parameters of the highest likelihood; the further starts are tried only where the one before did not settle.

    Parameters should be of the order of one: scale the data first. Raises ModelNotFitted when no start settles.
    """
    from scipy.optimize import minimize  # A server that fits no model does not pay for its import.

    low = np.log(np.asarray(lowest if lowest is not None else [_LIMITS[0]] * len(starts[0])))
    high = np.full(len(starts[0]), np.log(_LIMITS[1]))

    def loss(logarithms: FloatArray) -> tuple[float, FloatArray]:
        values = np.exp(logarithms)
        height, slope = log_likelihood(values)
        return -height / observations, -slope * values / observations

    best: FloatArray | None = None
    best_loss = np.inf
    for start in starts:
        found = minimize(
            loss,
            np.log(np.asarray(start)),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(low, high, strict=True)),
            options={"maxiter": 1000, "maxfun": 2000, "ftol": 1e-15, "gtol": 1e-9},
        )
        at = np.asarray(found.x, dtype=np.float64)
        inside = (at > low + _STEP) & (at < high - _STEP)
        settled = bool((np.abs(loss(at)[1][inside]) < _STEEP).all())
        if settled and found.fun < best_loss:
            best, best_loss = at, float(found.fun)
        if settled and inside.all():
            break
    if best is None:
        raise ModelNotFitted("the search for the highest likelihood did not settle; give more customers or more time")
    inside = (best > low + _STEP) & (best < high - _STEP)
    return Estimates(
        values=tuple(float(value) for value in np.exp(best)),
        standard_errors=_standard_errors(loss, best, inside, observations),
        log_likelihood=-best_loss * observations,
        undetermined=tuple(int(place) for place in np.flatnonzero(~inside)),
    )


def _standard_errors(
    loss: LogLikelihood, best: FloatArray, inside: np.ndarray[tuple[int], np.dtype[np.bool_]], observations: float
) -> tuple[float, ...]:
    """Square roots of the inverse Hessian's diagonal; an error in a logarithm times the value is the value's error."""
    places = np.flatnonzero(inside)
    curvature = np.zeros((len(places), len(places)))
    for row, place in enumerate(places):
        step = np.zeros(len(best))
        step[place] = _STEP
        curvature[row] = (loss(best + step)[1] - loss(best - step)[1])[places] / (2 * _STEP)
    errors = np.full(len(best), np.nan)
    symmetric = (curvature + curvature.T) / 2 * observations
    if len(places) and np.linalg.eigvalsh(symmetric)[0] > 0:
        errors[places] = np.sqrt(np.diag(np.linalg.inv(symmetric))) * np.exp(best[places])
    return tuple(float(error) for error in errors)
