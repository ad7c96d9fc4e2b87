"""Estimators that try to recover a full-catalogue metric from sampled ranks, and how far each is off.

Each is a vector v of n + 1 values: the estimate that a prediction contributes when X = x sampled negatives outrank its
target (the uncorrected metric is one of them). So mean, variance, bias and RMSE of each are exact sums over the law of
X, and nothing has to be simulated. Negatives are uniform; ties fall above (`conservative`) or below (`standard`).

Sources: Krichene & Rendle 2020, "On Sampled Metrics for Item Recommendation" (corrected metrics); Li et al. 2020, "On
Sampling Top-K Recommendation Evaluation" (mapping functions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import lstsq
from scipy.special import betaln, gammaln

from audit_lib.errors import InputError, one_of
from audit_lib.evaluation.count_laws import count_law
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.sampled import GAINS, expectation, gain_by_count

LAWS = ("uniform", "uniform-replacement")


def naive(metric: str, *, n: int, k: int) -> np.ndarray:
    """(n+1,) float64: the sampled metric as it is, without correction."""
    values = np.zeros(n + 1)
    gains = gain_by_count(metric, n, k)
    values[: len(gains)] = gains
    return values


def unbiased_rank(metric: str, *, n: int, k: int, n_items: int) -> np.ndarray:
    """(n+1,) float64: the metric at 1 + x (V - 1) / n, the unbiased estimate of the full rank (Krichene & Rendle).

    Unbiased for the rank, and so for AUC; not for a metric that is no linear function of the rank.
    """
    rank = 1.0 + np.arange(n + 1) * (n_items - 1) / n
    return np.where(rank <= k, _gain(metric)(rank), 0.0)


def bias_variance(
    metric: str,
    *,
    n: int,
    k: int,
    n_items: int,
    gamma: float = 0.1,
    prior: np.ndarray | None = None,
    law: str = "uniform-replacement",
) -> np.ndarray:
    """(n+1,) float64: the v that minimises sum_r p(r) [bias(r)^2 + gamma variance(r)] (Krichene & Rendle).

    bias(r) = E[v(X) | r] - f(r), with f(r) the metric at full rank r; the variance is that of v(X) given r. With A the
    (V, n+1) law of X and c = A^T p, v solves ((1 - gamma) A^T diag(p) A + gamma diag(c)) v = A^T diag(p) f. gamma = 0
    is least bias, of all its solutions the one of least norm; gamma = 1 is E[f(r) | x], least mean squared error.
    prior: (V,) weights p over ranks 1 ... V; uniform by default, as in the paper. Costs V n^2, once per n.
    """
    if not 0.0 <= gamma <= 1.0:
        raise InputError(f"gamma is {gamma}; it weighs variance against bias and lies in 0 ... 1.")
    p = np.full(n_items, 1.0 / n_items) if prior is None else np.asarray(prior, np.float64) / np.sum(prior)
    if p.shape != (n_items,) or not (p >= 0).all():
        raise InputError(f"The prior over ranks needs {n_items} weights, none negative; it has shape {p.shape}.")
    top = np.arange(min(k, n_items))  # f is 0 from rank k + 1 on
    cross = _law(top, n, n_items, law).T @ (p[top] * _gain(metric)(top + 1.0))
    gram, mass = _uniform_gram(n, n_items, law) if prior is None else _gram(n, n_items, law, p)
    system = (1.0 - gamma) * gram + gamma * np.diag(mass)
    return lstsq(system, cross, cond=1e-12)[0]


def _gram(n: int, n_items: int, law: str, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A^T diag(p) A, (n+1, n+1), and A^T p, (n+1,), in blocks of ranks."""
    gram, mass = np.zeros((n + 1, n + 1)), np.zeros(n + 1)
    for rows in np.array_split(np.arange(n_items), max(n_items * (n + 1) // 1_000_000, 1)):
        a = _law(rows, n, n_items, law)  # (rows, n+1)
        gram += a.T @ (a * p[rows, None])
        mass += p[rows] @ a
    return gram, mass


@lru_cache(maxsize=8)
def _uniform_gram(n: int, n_items: int, law: str) -> tuple[np.ndarray, np.ndarray]:
    return _gram(n, n_items, law, np.full(n_items, 1.0 / n_items))


def mapping_linear(*, n: int, k: int, n_items: int) -> np.ndarray:
    """(n+1,) float64 for Recall@K: sampled Recall at f^-1(K), f(j) = 1 + (j - 1)(V - 1)/n (Li et al., linear mapping).

    A fractional cutoff j interpolates between the sampled Recall at its neighbours.
    """
    return _recall_at(1.0 + (k - 1) * n / (n_items - 1), n)


def mapping_beta(*, n: int, k: int, n_items: int, shape: float) -> np.ndarray:
    """(n+1,) float64 for Recall@K: sampled Recall at f^-1(K), full ranks following Beta(shape, 1) (Li et al.).

    With R(j) = sum_{i<j} C(n, i) B(shape + i, n - i + 1) / B(shape, 1), the sampled Recall@j that this law implies,
    f(j) = V R(j)^(1 / shape): the sampled cutoff j shows the full Recall@f(j). Between whole cutoffs, and below the
    first (K < f(1), the mapping's blind spot), R is interpolated linearly. shape < 1 crowds ranks at the top.
    """
    # DEVIATION: the Beta law of Li et al. is put on r/V, not (r-1)/(V-1): shape 1 then maps K to K(n+1)/V exactly
    if not shape > 0:
        raise InputError(f"The Beta law of ranks needs a positive shape; it is {shape}.")
    i = np.arange(n + 1)
    choose = gammaln(n + 1) - gammaln(i + 1) - gammaln(n - i + 1)
    implied = np.cumsum(np.exp(choose + betaln(shape + i, n - i + 1.0) - betaln(shape, 1.0)))  # R(1) ... R(n+1)
    wanted = (k / n_items) ** shape
    return _recall_at(np.interp(wanted, np.concatenate([[0.0], implied]), np.arange(n + 2.0)), n)


def rank_shape(auc: float) -> float:
    """The shape of the Beta(shape, 1) law of ranks with this AUC: its mean, shape / (shape + 1), is 1 - AUC.

    A sampled AUC serves: it is unbiased at any n.
    """
    if not 0.0 < auc < 1.0:
        raise InputError(f"The AUC is {auc}; a law of ranks follows from one strictly between 0 and 1.")
    return (1.0 - auc) / auc


def _recall_at(cutoff: float, n: int) -> np.ndarray:
    return np.clip(cutoff - np.arange(n + 1), 0.0, 1.0)


class Quality(NamedTuple):
    """An estimate of a full metric on one test set, over the draw of negatives: estimate = truth + bias, on average."""

    truth: float
    estimate: float
    bias: float
    sd: float
    rmse: float


def quality(
    counts: Counts,
    values: np.ndarray,
    metric: str,
    *,
    k: int,
    law: str = "uniform-replacement",
    ties: str = "conservative",
) -> Quality:
    """Exact bias, standard deviation and RMSE of the mean of an estimator (n+1 values) over all predictions."""
    if ties not in ("conservative", "standard"):
        raise InputError(f"Corrections are defined where ties fall on one side, not for '{ties}'.")
    n = len(values) - 1
    places = counts.above + (counts.equal if ties == "conservative" else 0)
    distinct, times = np.unique(places[~counts.missed], return_counts=True)  # a miss adds 0 to every estimate
    both = np.stack([values, values**2], axis=1)
    step = max(4_000_000 // (n + 1), 1)
    blocks = [distinct[i : i + step] for i in range(0, len(distinct), step)]
    mean, square = np.concatenate([_law(block, n, counts.n_items, law) @ both for block in blocks]).T
    size = len(places)
    estimate = float(times @ mean / size)
    variance = float(times @ np.maximum(square - mean**2, 0.0) / size**2)
    truth = float(expectation(counts, metric, n=counts.pool, k=k, ties=ties).mean())
    bias = estimate - truth
    return Quality(truth, estimate, bias, variance**0.5, (bias**2 + variance) ** 0.5)


def comparison(
    counts: Counts,
    metric: str,
    *,
    k: int,
    sizes: Iterable[int],
    law: str = "uniform-replacement",
) -> pd.DataFrame:
    """One row per n and estimator: truth, estimate, bias, sd, rmse.

    The mapping functions are for Recall only; the Beta law's shape follows from the AUC of these predictions, without
    the targets outside the catalogue, which have no rank in it.
    """
    v = counts.n_items
    auc = float(expectation(counts, "AUC", n=1, k=None)[~counts.missed].mean())
    rows = {}
    for n in sizes:
        rows[n, "sampled"] = naive(metric, n=n, k=k)
        rows[n, "unbiased rank"] = unbiased_rank(metric, n=n, k=k, n_items=v)
        for gamma in (0.01, 0.1):
            fitted = bias_variance(metric, n=n, k=k, n_items=v, gamma=gamma, law=law)
            rows[n, f"bias-variance {gamma:g}"] = fitted
        if metric == "Recall":
            rows[n, "mapping linear"] = mapping_linear(n=n, k=k, n_items=v)
            rows[n, "mapping beta"] = mapping_beta(n=n, k=k, n_items=v, shape=rank_shape(auc))
    found = [quality(counts, values, metric, k=k, law=law) for values in rows.values()]
    index = pd.MultiIndex.from_tuples(list(rows), names=["n", "estimator"])
    return pd.DataFrame(found, index=index)


def _law(places: np.ndarray, n: int, n_items: int, law: str) -> np.ndarray:
    one_of("sampling", law, LAWS)
    if law == "uniform":
        return count_law(places, n, n + 1, pool=n_items - 1)
    return count_law(places / (n_items - 1), n, n + 1, pool=None)


def _gain(metric: str) -> Callable[[np.ndarray], np.ndarray]:
    return GAINS[one_of("metric", metric, GAINS)]
