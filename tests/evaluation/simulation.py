"""Sampled evaluations by actually sampling: the check on every closed form, and the only way where there is none.

`simulate` draws the counts (X, Y) from their laws, so that it works from evidence. `draw_counts` draws items from a
block of scores, as an evaluation does, popularity without replacement included: that law depends on the support of
every single item above the target, which evidence does not hold.
"""

from __future__ import annotations

import numpy as np

from audit_lib.errors import InputError, unknown
from audit_lib.evaluation import metrics
from audit_lib.evaluation.counts import SAMPLINGS, Counts
from audit_lib.evaluation.sampled import check_request

ITEM_SAMPLINGS = (*SAMPLINGS, "popularity-no-replacement")


def sample_counts(
    counts: Counts, *, n: int, sampling: str = "uniform", rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(P,) int64 each: sampled negatives above the target and equal to it, in one evaluation with n negatives."""
    if sampling == "uniform":
        x = rng.hypergeometric(counts.ahead, counts.pool - counts.ahead, n)
        return x, rng.hypergeometric(counts.equal, counts.pool - counts.ahead - counts.equal, n - x)
    above, equal = counts.shares(sampling)
    x = rng.binomial(n, above)
    rest = np.divide(equal, 1.0 - above, out=np.zeros_like(equal), where=above < 1.0)
    return x, rng.binomial(n - x, np.clip(rest, 0.0, 1.0))


def metric_of_sample(
    above: np.ndarray, equal: np.ndarray, metric: str, *, n: int, k: int | None, ties: str = "conservative"
) -> np.ndarray:
    """(P,) float64: the metric of one sampled evaluation, by the formulas of the full one."""
    if metric == "AUC":
        w = {"standard": 0.0, "conservative": 1.0}.get(ties, 0.5)
        return 1.0 - (above + w * equal) / n
    return metrics.METRICS[metric](above, equal, n + 1 if k is None else k, ties)


def simulate(
    counts: Counts,
    metric: str,
    *,
    n: int,
    k: int | None,
    sampling: str = "uniform",
    ties: str = "conservative",
    trials: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """(trials,) float64: the mean over predictions in independent sampled evaluations. Errors as in `expectation`."""
    check_request(counts, metric, n, k, sampling, ties)
    out = np.empty(trials)
    for t in range(trials):
        x, y = sample_counts(counts, n=n, sampling=sampling, rng=rng)
        out[t] = np.where(counts.missed, 0.0, metric_of_sample(x, y, metric, n=n, k=k, ties=ties)).mean()
    return out


def draw_counts(
    scores: np.ndarray,
    target: np.ndarray,
    *,
    n: int,
    sampling: str,
    rng: np.random.Generator,
    support: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(b,) int64 each: above and equal among n negatives drawn, item by item, for each row of scores (b, V).

    support: (V,), for the two popularity samplings; an item of support 0 is never drawn. Without replacement the n
    smallest of Exponential(1) / weight are taken, which is drawing one after another in proportion to weight.
    Raises InputError if fewer than n items can be drawn.
    """
    if sampling not in ITEM_SAMPLINGS:
        raise unknown("sampling", sampling, ITEM_SAMPLINGS)
    b, v = scores.shape
    if sampling.startswith("popularity"):
        if support is None:
            raise InputError("Popularity sampling needs the support of every item.")
        weight = np.tile(np.asarray(support, np.float64), (b, 1))
    else:
        weight = np.ones((b, v))
    weight[np.arange(b), target] = 0.0
    if sampling in ("uniform", "popularity-no-replacement"):
        if n > (fewest := int((weight > 0).sum(1).min())):
            raise InputError(f"{n} negatives cannot be drawn without replacement from {fewest} items.")
        key = np.full((b, v), np.inf)
        np.divide(rng.standard_exponential((b, v)), weight, out=key, where=weight > 0)
        drawn = np.argpartition(key, n - 1, axis=1)[:, :n]
    else:
        edges = np.cumsum(weight, axis=1)  # (b, V)
        at = rng.random((b, n)) * edges[:, -1:]
        drawn = np.stack([np.searchsorted(edge, row, side="right") for edge, row in zip(edges, at, strict=True)])
    own = scores[np.arange(b), target][:, None]
    chosen = np.take_along_axis(scores, drawn, axis=1)
    return (chosen > own).sum(1), (chosen == own).sum(1)
