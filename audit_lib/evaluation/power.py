"""Power: how many test sessions it takes to tell two recommenders apart.

The difference of two recommenders on the same targets is a ratio of sums over sessions, D_s of differences and d_s of
predictions. Its variance over S sessions is s^2 / (S mean(d)^2) with s^2 that of D_s - difference d_s (Cochran 1977,
section 6.3), so that the usual size for a two-sided test follows from the ranks of any pair (Cochran 1977, section 4.1;
Cohen 1988). Chance in training comes on top.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from audit_lib.errors import InputError

SIGNIFICANCE, POWER = 0.05, 0.80


def variance(a: ArrayLike, b: ArrayLike, session: ArrayLike) -> float:
    """S times the variance of the mean difference of a and b, (P,) each, over test parts of S sessions (P,) labels.

    Raises InputError for values of different targets or fewer than two sessions.
    """
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    labels, code = np.unique(np.asarray(session), return_inverse=True)
    if difference.shape != code.shape or len(labels) < 2:
        raise InputError(
            f"Power needs one value of each recommender a target and two sessions; there are {difference.shape} values "
            f"of {code.shape} targets in {len(labels)} sessions."
        )
    sums, sizes = np.bincount(code, difference), np.bincount(code)
    residual = sums - difference.mean() * sizes  # their mean is 0
    return float((residual**2).sum() / (len(labels) - 1) / sizes.mean() ** 2)


def sessions_needed(variance: float, difference: float, *, power: float = POWER) -> float:
    """Test sessions with which a true difference is told from zero with this probability: two-sided 5 %, normal law."""
    return _reach(power) ** 2 * variance / difference**2


def detectable(variance: float, sessions: int, *, power: float = POWER) -> float:
    """The smallest difference that this many test sessions tell from zero with this probability."""
    return float(_reach(power) * np.sqrt(variance / sessions))


def _reach(power: float) -> float:
    """z(1 - significance / 2) + z(power): by so many standard errors a difference must lie from zero."""
    if not 0.5 <= power < 1.0:
        raise InputError(f"Power lies between 0.5 and 1; it is {power}.")
    return float(ndtri(1.0 - SIGNIFICANCE / 2.0) + ndtri(power))
