"""The laws of the counts X and Y of a sampled evaluation (see `sampled`), as tables of probabilities.

Hypergeometric probabilities come from log factorials: with every item drawn they are exactly 0 or 1, else accurate to
about ten digits for a catalogue of 100,000 items.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import gammaln

_NEVER = -1e300  # stands for log(0): e to any multiple of it is 0


def count_law(places: np.ndarray, n: int, size: int, *, pool: int | None) -> np.ndarray:
    """(D, size) float64, P(X = x) for x = 0 ... size - 1; rows of all n + 1 values sum to 1 to the last digit.

    places: with `pool` N, (D,) int64 numbers of items above, hypergeometric; without, (D,) float64 shares, binomial.
    """
    x = np.arange(size)
    if pool is None:
        p = np.asarray(places, np.float64)[:, None]
        choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
        return _whole(_products(choose, (_log(p), x), (_log1p(-p), n - x)), n)
    lf = _log_factorials(pool)
    a = np.asarray(places)[:, None]
    near = np.clip(x, n - (pool - a), a)  # the nearest possible value: x itself, or masked below
    log = (lf[a] - lf[a - near] - lf[near]) + (lf[pool - a] - lf[n - near] - lf[pool - a - n + near])
    return _whole(np.where(near == x, np.exp(log - (lf[pool] - lf[n] - lf[pool - n])), 0.0), n)


def _whole(table: np.ndarray, n: int) -> np.ndarray:
    """Takes out the rounding of the logarithms where every possible value is in the table."""
    return table / table.sum(1, keepdims=True) if table.shape[1] == n + 1 else table


@lru_cache(maxsize=4)
def _log_factorials(n: int) -> np.ndarray:
    return gammaln(np.arange(n + 1) + 1.0)


def _products(choose: np.ndarray, *powers: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(D, cells), exp(choose) times powers, each a logarithm per row, (D, 1), and an exponent per cell, (cells,)."""
    total = np.repeat(choose[None], len(powers[0][0]), axis=0)
    for log, exponent in powers:
        total += log * exponent
    return np.exp(total, out=total)


def _log(p: np.ndarray) -> np.ndarray:
    """log(p), which is finite for 0, so that its product with an exponent of 0 is 0."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), _NEVER)


def _log1p(p: np.ndarray) -> np.ndarray:
    """log(1 + p), likewise finite for -1."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log1p(p), _NEVER)


Tables = tuple[np.ndarray, np.ndarray, np.ndarray]


def trinomial(p: np.ndarray, q: np.ndarray, n: int, x: np.ndarray, y: np.ndarray, _: int) -> Tables:
    """Tables over x, y and x + y, (D, …) each, whose entries there add up to log P(X = x, Y = y).

    n draws with shares p above and q equal, (D, 1). x, y: 0, 1, 2, …, the values of X and Y.
    """
    left = np.maximum(n - np.arange(len(x) + len(y) - 1), 0)  # beyond n there are no counts to ask for
    neither = gammaln(n + 1) + _log(np.maximum(1.0 - p - q, 0.0)) * left - gammaln(left + 1)
    return _log(p) * x - gammaln(x + 1), _log(q) * y - gammaln(y + 1), neither


def multivariate_hypergeometric(
    a: np.ndarray, e: np.ndarray, n: int, x: np.ndarray, y: np.ndarray, pool: int
) -> Tables:
    """The same of n drawn of `pool` without replacement, a above and e equal, (D, 1) int64."""
    lf, left = _log_factorials(pool), np.maximum(n - np.arange(len(x) + len(y) - 1), 0)

    def choose(whole: np.ndarray, part: np.ndarray) -> np.ndarray:
        return np.where(part <= whole, lf[whole] - lf[part] - lf[np.maximum(whole - part, 0)], -np.inf)

    return choose(a, x), choose(e, y), choose(pool - a - e, left) - (lf[pool] - lf[n] - lf[pool - n])
