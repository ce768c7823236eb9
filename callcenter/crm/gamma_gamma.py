"""Gamma-Gamma: what a customer's next purchases will be worth each, learnt from the means of his earlier ones.

P. S. Fader, B. G. S. Hardie (2013): The Gamma-Gamma Model of Monetary Value, brucehardie.com/notes/025. Purchases of
one customer vary as gamma (p, nu), the nu over customers as gamma (q, gamma). Law: what customers spend at a time does
not depend on how often they buy; `correlation` in the fit says how far the data keeps it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from callcenter.crm.errors import CrmError, ModelNotFitted
from callcenter.crm.likelihood import maximise
from callcenter.crm.purchases import FloatArray

FEWEST_CUSTOMERS: Final = 10
_Q_LOWEST: Final = 1.001
"""With q of 1 or less the mean over all customers would be infinite."""
_STARTS: Final = ((2.0, 3.0, 1.0), (6.0, 4.0, 0.5), (0.5, 1.5, 2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaGamma:
    """The model's parameters; gamma is in the unit of money it was fitted in."""

    p: float
    q: float
    gamma: float

    def __post_init__(self) -> None:
        if not (self.p > 0 and self.q > 1 and self.gamma > 0 and np.isfinite([self.p, self.q, self.gamma]).all()):
            raise CrmError(f"p and gamma have to be positive numbers and q more than 1, not {self}")

    @property
    def population_mean(self) -> float:
        """What a purchase is worth over all customers: p gamma / (q - 1)."""
        return self.p * self.gamma / (self.q - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaGammaFit:
    """The parameters as learnt, and how far to trust them."""

    model: GammaGamma
    standard_errors: dict[str, float]
    log_likelihood: float
    customers: int
    correlation: float
    """Pearson's, of frequency and mean value over the customers learnt from; the model supposes it is near 0."""
    undetermined: tuple[str, ...]


def fit(frequency: FloatArray, mean_value: FloatArray) -> GammaGammaFit:
    """The parameters of the highest likelihood, from the customers with a repeat purchase and a mean above 0."""
    usable = (frequency > 0) & (mean_value > 0) & np.isfinite(mean_value)
    x, mean = frequency[usable], mean_value[usable]
    if len(x) < FEWEST_CUSTOMERS:
        raise ModelNotFitted(
            f"{len(x)} customers have a repeat purchase worth more than nothing; {FEWEST_CUSTOMERS} are the fewest "
            "to learn from"
        )
    if float(np.ptp(mean)) == 0:
        raise ModelNotFitted("every customer's mean purchase is worth the same; there is no spread to learn from")
    unit = float(mean.mean())
    found = maximise(
        _Likelihood(x, mean / unit), observations=float(len(x)), starts=_STARTS, lowest=(1e-5, _Q_LOWEST, 1e-5)
    )
    scale = (1.0, 1.0, unit)
    names = ("p", "q", "gamma")
    p, q, gamma = (value * factor for value, factor in zip(found.values, scale, strict=True))
    varied = float(np.ptp(x)) > 0
    return GammaGammaFit(
        model=GammaGamma(p=p, q=q, gamma=gamma),
        standard_errors={
            name: error * factor for name, error, factor in zip(names, found.standard_errors, scale, strict=True)
        },
        log_likelihood=found.log_likelihood - len(x) * float(np.log(unit)),
        customers=len(x),
        correlation=float(np.corrcoef(x, mean)[0, 1]) if varied else 0.0,
        undetermined=tuple(names[place] for place in found.undetermined),
    )


def expected_value(model: GammaGamma, frequency: FloatArray, mean_value: FloatArray) -> FloatArray:
    """What a further purchase of each customer is worth: p (gamma + x m) / (p x + q - 1).

    The mean of the population and the customer's own, weighted by how much is known of him; the population's where
    there is no repeat purchase. A mean below 0 (more returned than bought) counts as 0.
    """
    known = frequency > 0
    spent = np.where(known, frequency * np.maximum(np.where(known, mean_value, 0.0), 0.0), 0.0)
    value: FloatArray = model.p * (model.gamma + spent) / (model.p * frequency + model.q - 1.0)
    return value


class _Likelihood:
    """The note's equation 1a in logarithms, and its gradient."""

    def __init__(self, frequency: FloatArray, mean: FloatArray) -> None:
        self._x, self._of_x = np.unique(frequency, return_inverse=True)
        self._count = np.bincount(self._of_x).astype(np.float64)
        self._frequency = frequency
        self._spent = frequency * mean
        self._log_mean = np.log(mean)
        self._log_spent = np.log(self._spent)

    def __call__(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        from scipy.special import digamma, gammaln  # Only fitting needs them.

        p, q, gamma = (float(value) for value in parameters)
        x, count, many = self._x, self._count, float(len(self._frequency))
        log_sum = np.log(gamma + self._spent)
        shape = p * self._frequency + q
        height = count @ (gammaln(p * x + q) - gammaln(p * x)) + many * (q * np.log(gamma) - gammaln(q))
        height += p * (self._frequency @ self._log_spent) - self._log_mean.sum() - shape @ log_sum
        known = digamma(p * x + q)
        slope = np.array(
            [
                count @ (x * (known - digamma(p * x))) + self._frequency @ (self._log_spent - log_sum),
                count @ known + many * (np.log(gamma) - digamma(q)) - log_sum.sum(),
                many * q / gamma - (shape / (gamma + self._spent)).sum(),
            ]
        )
        return float(height), slope
