"""The laws of the counts X and Y of a sampled evaluation (see `sampled`), as tables of probabilities.

Hypergeometric probabilities come from log factorials: with every item drawn they are exactly 0 or 1, else accurate to
about ten digits for a catalogue of 100,000 items.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy


def count_law(places: np.ndarray, n: int, size: int, *, pool: int | None) -> np.ndarray:
    """(D, size) float64, P(X = x) for x = 0 ... size - 1; rows of all n + 1 values sum to 1 to the last digit.

    places: with `pool` N, (D,) int64 numbers of items above, hypergeometric; without, (D,) float64 shares, binomial.
    """
    x = np.arange(size)
    if pool is None:
        p = np.asarray(places, np.float64)[:, None]
        choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
        return _whole(np.exp(choose + xlogy(x, p) + xlog1py(n - x, -p)), n)
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


def trinomial(p: np.ndarray, q: np.ndarray, n: int, x: np.ndarray, y: np.ndarray, _: int) -> np.ndarray:
    """P(X = x, Y = y), (D, cells), of n draws with shares p above and q equal, (D, 1); x, y: (cells,)."""
    choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(y + 1) - gammaln(n - x - y + 1)
    rest = np.maximum(1.0 - p - q, 0.0)
    return np.exp(choose + xlogy(x, p) + xlogy(y, q) + xlogy(n - x - y, rest))


def multivariate_hypergeometric(
    a: np.ndarray, e: np.ndarray, n: int, x: np.ndarray, y: np.ndarray, pool: int
) -> np.ndarray:
    """P(X = x, Y = y), (D, cells), of n drawn of `pool` without replacement, a above and e equal, (D, 1)."""
    lf, z, b = _log_factorials(pool), n - x - y, pool - a - e
    possible = (x <= a) & (y <= e) & (z <= b)
    left = [np.maximum(whole - part, 0) for whole, part in ((a, x), (e, y), (b, z))]
    log = (lf[a] - lf[x] - lf[left[0]]) + (lf[e] - lf[y] - lf[left[1]]) + (lf[b] - lf[z] - lf[left[2]])
    return np.exp(np.where(possible, log - (lf[pool] - lf[n] - lf[pool - n]), -np.inf))
