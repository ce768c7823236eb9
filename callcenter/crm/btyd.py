"""BG/NBD: how often each customer will buy, and whether he still is one, learnt from when customers bought so far.

P. S. Fader, B. G. S. Hardie, K. L. Lee (2005): "Counting Your Customers" the Easy Way: An Alternative to the
Pareto/NBD Model, Marketing Science 24(2), 275-284. While alive a customer buys at his own rate, rates being gamma
distributed over customers (shape r, scale alpha); after each repeat purchase he is lost with his own probability,
these being beta distributed (a, b). Equation numbers below are that paper's.

All times are in one unit of the caller's choice, the same in fitting and asking. Arguments x, t_x, T are arrays of one
length: repeat purchases, time of the last one, time observed, both since the first purchase.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from callcenter.crm.errors import CrmError, ModelNotFitted
from callcenter.crm.likelihood import maximise
from callcenter.crm.purchases import CountedRows, FloatArray, IntArray, check_histories

FEWEST_CUSTOMERS: Final = 20
FEWEST_REPEAT_CUSTOMERS: Final = 10
"""With fewer the four parameters are chance."""
_STARTS: Final = ((1.0, 1.0, 1.0, 2.0), (0.3, 0.2, 0.5, 5.0), (3.0, 5.0, 0.3, 3.0))
_FEWEST_NODES: Final = 16
_MOST_NODES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class BgNbd:
    """The model's parameters; alpha is in the unit of time it was fitted in."""

    r: float
    alpha: float
    a: float
    b: float

    def __post_init__(self) -> None:
        if not all(np.isfinite(value) and value > 0 for value in (self.r, self.alpha, self.a, self.b)):
            raise CrmError(f"r, alpha, a and b have to be positive numbers, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BgNbdFit:
    """The parameters as learnt, and how far to trust them."""

    model: BgNbd
    standard_errors: dict[str, float]
    """By parameter; not a number for one that the purchases do not determine."""
    log_likelihood: float
    customers: int
    repeat_customers: int
    undetermined: tuple[str, ...]
    """Parameters that ran to the edge of the search, say a where nobody was ever lost."""


def fit(rows: CountedRows) -> BgNbdFit:
    """The parameters of the highest likelihood, from counted rows; raises ModelNotFitted where there is too little."""
    customers = rows.customers
    repeat_customers = float(rows.weight[rows.frequency > 0].sum())
    if customers < FEWEST_CUSTOMERS or repeat_customers < FEWEST_REPEAT_CUSTOMERS:
        raise ModelNotFitted(
            f"{customers:.0f} customers, {repeat_customers:.0f} of them with a repeat purchase, are too few to learn "
            f"from; {FEWEST_CUSTOMERS} and {FEWEST_REPEAT_CUSTOMERS} are the fewest"
        )
    check_histories(rows.frequency, rows.recency, rows.age)
    unit = float(np.average(rows.age, weights=rows.weight))
    likelihood = _Likelihood(rows, unit=unit)
    found = maximise(likelihood, observations=customers, starts=_STARTS)
    scale = (1.0, unit, 1.0, 1.0)
    r, alpha, a, b = (value * factor for value, factor in zip(found.values, scale, strict=True))
    names = ("r", "alpha", "a", "b")
    repeat_purchases = float((rows.weight * rows.frequency).sum())
    return BgNbdFit(
        model=BgNbd(r=r, alpha=alpha, a=a, b=b),
        standard_errors={
            name: error * factor for name, error, factor in zip(names, found.standard_errors, scale, strict=True)
        },
        # The likelihood was of times in `unit`; each repeat purchase's density is per unit of time.
        log_likelihood=found.log_likelihood - repeat_purchases * float(np.log(unit)),
        customers=round(customers),
        repeat_customers=round(repeat_customers),
        undetermined=tuple(names[place] for place in found.undetermined),
    )


def log_likelihood(model: BgNbd, rows: CountedRows) -> float:
    """Of the rows under the model (equation 6, summed with the rows' weights)."""
    height, _ = _Likelihood(rows, unit=1.0)(np.array([model.r, model.alpha, model.a, model.b]))
    return height


def p_alive(model: BgNbd, frequency: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
    """The probability that each customer is not lost yet.

    1 / (1 + a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x)), and 1 where x = 0: in this model only a repeat
    purchase can be the last, so of one-time buyers it knows nothing (the lifecycle's rules judge them by silence).
    """
    check_histories(frequency, recency, age)
    repeat = frequency > 0
    odds = np.log(model.a / (model.b + np.where(repeat, frequency, 1.0) - 1.0))
    odds += (model.r + frequency) * np.log((model.alpha + age) / (model.alpha + recency))
    alive: FloatArray = np.where(repeat, np.exp(-np.logaddexp(0.0, odds)), 1.0)
    return alive


def expected_purchases(model: BgNbd, time: FloatArray) -> FloatArray:
    """Repeat purchases of a customer picked at random in (0, time] after his first (equation 9)."""
    return _expectation(model, np.zeros(len(time)), np.zeros(len(time)), time)


def conditional_purchases(
    model: BgNbd, frequency: FloatArray, recency: FloatArray, age: FloatArray, time: float
) -> FloatArray:
    """Purchases of each customer in (T, T + time], given his history (equation 10).

    It is P(alive) times what a living customer buys, and that depends on x and T alone.
    """
    return p_alive(model, frequency, recency, age) * purchases_if_alive(model, frequency, age, time)


def purchases_if_alive(model: BgNbd, frequency: FloatArray, age: FloatArray, time: float) -> FloatArray:
    """Purchases in (T, T + time] of customers who are alive at T; equal (x, T) are reckoned once."""
    first, back = different_pairs(frequency, age)
    x, t = frequency[first], age[first]
    return _expectation(model, x, t, np.full(len(x), time))[back]


def purchases_by(model: BgNbd, frequency: FloatArray, age: FloatArray, times: FloatArray) -> FloatArray:
    """Purchases in (T, T + time] of customers who are alive at T: a row a customer, a column a time."""
    many = len(times)
    every = np.repeat(frequency, many), np.repeat(age, many), np.tile(times, len(frequency))
    return _expectation(model, *every).reshape(len(frequency), many)


class _Likelihood:
    """The log-likelihood and its gradient, prepared so that each costly function is asked once per different value."""

    def __init__(self, rows: CountedRows, *, unit: float) -> None:
        self._age = rows.age / unit
        self._recency = rows.recency / unit
        self._frequency = rows.frequency
        self._weight = rows.weight
        self._repeat = rows.frequency > 0
        self._x, self._of_x = np.unique(rows.frequency, return_inverse=True)
        self._weight_of_x = np.bincount(self._of_x, weights=rows.weight, minlength=len(self._x))

    def __call__(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """ln L = A1 + A2 + ln(e^A3 + [x > 0] e^A4), in the paper's appendix as in its spreadsheet note."""
        from scipy.special import digamma, gammaln  # Only fitting needs them.

        r, alpha, a, b = (float(value) for value in parameters)
        x, count = self._x, self._weight_of_x
        by_x = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        by_x += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        repeat, w = self._repeat, self._weight
        power = r + self._frequency
        log_age = np.log(alpha + self._age)
        alive = -power * log_age
        log_recency = np.log(alpha + self._recency[repeat])
        last = self._frequency[repeat] + b - 1.0
        lost = np.log(a) - np.log(last) - power[repeat] * log_recency
        total = alive.copy()
        total[repeat] = np.logaddexp(alive[repeat], lost)
        height = float(count @ by_x + w @ total)

        share_lost = np.exp(lost - total[repeat])
        weight_lost = w[repeat] * share_lost
        weight_alive = w.copy()
        weight_alive[repeat] -= weight_lost
        slope_ab = digamma(a + b) - digamma(a + b + x)
        slope = np.array(
            [
                count @ (digamma(r + x) - digamma(r) + np.log(alpha))
                - weight_alive @ log_age
                - weight_lost @ log_recency,
                count.sum() * r / alpha
                - weight_alive @ (power / (alpha + self._age))
                - weight_lost @ (power[repeat] / (alpha + self._recency[repeat])),
                count @ slope_ab + weight_lost.sum() / a,
                count @ (slope_ab + digamma(b + x) - digamma(b)) - weight_lost @ (1.0 / last),
            ]
        )
        return height, slope


def different_pairs(frequency: FloatArray, age: FloatArray) -> tuple[IntArray, IntArray]:
    """The first place of each different pair, and each row's pair."""
    _, of_frequency = np.unique(frequency, return_inverse=True)
    ages, of_age = np.unique(age, return_inverse=True)
    _, first, back = np.unique(of_frequency * max(len(ages), 1) + of_age, return_index=True, return_inverse=True)
    return first, back


def _expectation(model: BgNbd, frequency: FloatArray, age: FloatArray, time: FloatArray) -> FloatArray:
    """Purchases in a time of customers alive at its start: rates gamma (r + x, alpha + T), losses beta (a, b + x).

    Given p this is (1 - ((alpha + T) / (alpha + T + p t))^(r + x)) / p; its mean over p is the closed form with the
    hypergeometric function of equations 9 and 10. Gauss's quadrature for the beta distribution gives the same mean
    where the closed form divides zero by zero (a = 1, a + b = 1) or loses all digits (large x).
    """
    result = np.empty(len(frequency))
    order = np.argsort(frequency, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(frequency[order])) + 1) if len(order) else ():
        x = float(frequency[group[0]])
        reach = time[group] / (model.alpha + age[group])
        p, weight = _beta_nodes(model.a, model.b + x, _nodes_needed(float(reach.max(initial=0.0)), model.r + x))
        # In pieces, so that memory stays flat however many customers have the same x.
        for piece in np.array_split(np.arange(len(group)), len(group) // 20_000 + 1):
            logarithm = np.log1p(np.outer(reach[piece], p))
            result[group[piece]] = (-np.expm1(-(model.r + x) * logarithm) / p) @ weight
    return result


def _nodes_needed(reach: float, power: float) -> int:
    """Nodes for about twelve digits: the integrand's nearest singularity is at p = -1 / reach."""
    distance = 1.0 / max(reach, 1e-9)
    growth = np.log1p(2 * distance + 2 * np.sqrt(distance + distance**2))
    wanted = int(16.0 / growth + 2.0 * np.sqrt(power)) + _FEWEST_NODES
    # In steps, so that one customer's many horizons share their nodes.
    return min(-(-wanted // _FEWEST_NODES) * _FEWEST_NODES, _MOST_NODES)


@lru_cache(maxsize=2048)
def _beta_nodes(a: float, b: float, count: int) -> tuple[FloatArray, FloatArray]:
    """Places and weights (of sum 1) of Gauss's quadrature for the beta distribution.

    G. H. Golub, J. H. Welsch (1969): Calculation of Gauss quadrature rules, Mathematics of Computation 23: the places
    are the eigenvalues of the Jacobi polynomials' recurrence, the weights the squared first parts of its eigenvectors.
    """
    u, v = b - 1.0, a - 1.0
    k = np.arange(1.0, count)
    middle = np.empty(count)
    middle[0] = (v - u) / (u + v + 2.0)
    middle[1:] = (v - u) * (v + u) / ((2 * k + u + v) * (2 * k + u + v + 2.0))
    beside = np.empty(count - 1)
    beside[0] = 4.0 * (1 + u) * (1 + v) / ((2 + u + v) ** 2 * (3 + u + v))
    k = k[1:]
    beside[1:] = 4.0 * k * (k + u) * (k + v) * (k + u + v)
    beside[1:] /= (2 * k + u + v) ** 2 * (2 * k + u + v + 1.0) * (2 * k + u + v - 1.0)
    off = np.sqrt(beside)
    places, vectors = np.linalg.eigh(np.diag(middle) + np.diag(off, 1) + np.diag(off, -1))
    p, weight = np.clip((1.0 + places) / 2.0, 1e-18, 1.0), vectors[0] ** 2
    p.flags.writeable = weight.flags.writeable = False
    return p, weight
