"""Ranks to Recall@K, MRR@K and NDCG@K under a tie policy.

Each metric returns its value per prediction, (P,) float64, from which means, intervals and slices follow.
With a = above, e = equal, the rank is a + 1 (`standard`), a + e + 1 (`conservative`, the headline) or a + e/2 + 1
(`median`). Under `expected` a metric is its mean over the e + 1 equally likely ranks a + 1 ... a + e + 1.
One target per prediction, so that Recall@K is a hit rate, and NDCG@K is 1 / log2(rank + 1) for a rank within K.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from audit_lib.data import checks
from audit_lib.errors import InputError, unknown

TIES = ("standard", "conservative", "median", "expected")
K = 20  # items of a list, where nothing else is said
CUTOFFS = (1, 5, 10, K)


def rank(above: np.ndarray, equal: np.ndarray, ties: str = "conservative") -> np.ndarray:
    """(P,) float64 ranks from 1. `expected` has no single rank and is an error here."""
    if ties == "standard":
        return above + 1.0
    if ties == "conservative":
        return above + equal + 1.0
    if ties == "median":
        return above + equal / 2 + 1.0
    if ties == "expected":
        raise InputError("The tie policy 'expected' averages a metric over ranks; it has no rank of its own.")
    raise unknown("tie policy", ties, TIES)


def recall(above: np.ndarray, equal: np.ndarray, k: int, ties: str = "conservative") -> np.ndarray:
    """1 if the rank is within k, else 0; under `expected`, clip((k - above) / (equal + 1), 0, 1)."""
    return _mean_gain(above, equal, k, ties, np.ones_like)


def mrr(above: np.ndarray, equal: np.ndarray, k: int, ties: str = "conservative") -> np.ndarray:
    """1 / rank if the rank is within k, else 0."""
    return _mean_gain(above, equal, k, ties, np.reciprocal)


def ndcg(above: np.ndarray, equal: np.ndarray, k: int, ties: str = "conservative") -> np.ndarray:
    """1 / log2(rank + 1) if the rank is within k, else 0 (Järvelin & Kekäläinen 2002, one relevant item)."""
    return _mean_gain(above, equal, k, ties, lambda r: 1 / np.log2(r + 1))


METRICS: dict[str, Callable[..., np.ndarray]] = {"Recall": recall, "MRR": mrr, "NDCG": ndcg}


def _mean_gain(
    above: np.ndarray, equal: np.ndarray, k: int, ties: str, gain: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    if not (k >= 1 and float(k).is_integer()):
        raise InputError(f"The cutoff K is {k}; it must be a whole number from 1.")
    k, above, equal = int(k), np.asarray(above, np.int64), np.asarray(equal, np.int64)
    if ties != "expected":
        r = rank(above, equal, ties)
        return np.where(r <= k, gain(r), 0.0)
    # Sum of the gains at ranks above+1 ... min(above+equal+1, k), as a difference of cumulated gains.
    total = np.concatenate([[0.0], np.cumsum(gain(np.arange(1.0, k + 1)))])  # (k+1,)
    first, last = np.minimum(above, k), np.minimum(above + equal + 1, k)
    return (total[last] - total[first]) / (equal + 1)


def per_prediction(
    ranks: Mapping[str, np.ndarray], cutoffs: Iterable[int] = CUTOFFS, *, ties: str = "conservative"
) -> pd.DataFrame:
    """(P, metrics x cutoffs) float64, columns named as 'Recall@20'."""
    above, equal = np.asarray(ranks["above"]), np.asarray(ranks["equal"])
    return pd.DataFrame({f"{m}@{k}": f(above, equal, k, ties) for m, f in METRICS.items() for k in cutoffs})


def summary(
    ranks: Mapping[str, np.ndarray],
    session: np.ndarray,
    cutoffs: Iterable[int] = CUTOFFS,
    *,
    ties: str = "conservative",
    n_items: int | None = None,
) -> pd.DataFrame:
    """One row per metric and cutoff: `micro`, the mean over predictions, and `macro`, the mean over sessions.

    session: (P,) the session of each prediction. n_items: V; with it a cutoff larger than the catalogue is an error.
    """
    cutoffs = tuple(cutoffs) if n_items is None else checks.cutoffs(cutoffs, n_items)
    values = per_prediction(ranks, cutoffs, ties=ties)
    if values.empty:
        raise InputError("There is no prediction to average over. Ask for fewer restrictions, or at least one cutoff.")
    rows = {"micro": values.mean(), "macro": values.groupby(np.asarray(session)).mean().mean()}
    table = pd.DataFrame(rows)
    name = table.index.str.split("@", expand=True)
    table.index = pd.MultiIndex.from_tuples([(m, int(k)) for m, k in name], names=["metric", "k"])
    return table


def by_session(
    ranks: Mapping[str, np.ndarray],
    session: np.ndarray,
    cutoffs: Iterable[int] = CUTOFFS,
    *,
    ties: str = "conservative",
) -> pd.DataFrame:
    """`predictions`, and the mean of every metric and cutoff, of each session, whose label is the index.

    The mean of these means is `macro`; weighted by predictions it is `micro`.
    """
    grouped = per_prediction(ranks, cutoffs, ties=ties).groupby(pd.Index(np.asarray(session), name="session"))
    table = grouped.mean()
    table.insert(0, "predictions", grouped.size())
    return table


def slices(
    ranks: Mapping[str, np.ndarray], groups: np.ndarray | pd.Series, k: int = K, *, ties: str = "conservative"
) -> pd.DataFrame:
    """Every metric at k inside each group of predictions, with the number of predictions; groups in sorted order."""
    values = per_prediction(ranks, (k,), ties=ties)
    grouped = values.groupby(np.asarray(groups))
    return grouped.mean().assign(predictions=grouped.size())
