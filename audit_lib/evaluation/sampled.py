"""Sampled metrics in closed form: what ranking a target among n sampled items reports, on average and how noisily.

A sampled evaluation draws n negatives among the items other than the target. X of them score above the target, Y score
exactly the same, and the metric is computed from (X, Y) as the full one is from (above, equal). Only the counts and the
summed support of the items above and equal enter, so that everything here follows from evidence. With N = V - 1:

- `uniform`, without replacement: X ~ Hypergeometric(N, above, n); X and Y together multivariate hypergeometric.
- `uniform-replacement`: X ~ Binomial(n, above / N); X and Y together multinomial.
- `popularity`, with replacement, q_j proportional to support: X ~ Binomial(n, support_above / (total - own support)).

Under `standard` the rank in the sample is X + 1, under `conservative` X + Y + 1: both follow one of these laws, the
second with above + equal in place of above. Under `median` it is X + Y/2 + 1, and under `expected` the metric is its
mean over the Y + 1 equally likely ranks X + 1 ... X + Y + 1. Averaged over samples, `expected` is, with f the
expectation without ties, the mean of f(above + j), j = 0 ... equal, without replacement (a random order of all ties
induces one of the sampled ties), and with replacement the mean of f(p) over p in [p_above, p_above + p_equal] (give
every draw and the target a uniform mark). Source of the laws: Krichene & Rendle 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit_lib.errors import InputError, one_of
from audit_lib.evaluation.count_laws import (
    count_law,
    multivariate_hypergeometric,
    trinomial,
)
from audit_lib.evaluation.counts import SAMPLINGS, Counts
from audit_lib.evaluation.metrics import TIES
from audit_lib.evaluation.ranking import Ranked

GAINS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Recall": lambda rank: np.ones_like(rank, np.float64),
    "MRR": lambda rank: 1.0 / rank,
    "NDCG": lambda rank: 1.0 / np.log2(rank + 1.0),
}
METRICS = (*GAINS, "AUC")
_CELLS = 4_000_000  # probabilities held at once: 32 MB a copy


class Moments(NamedTuple):
    """Mean and variance of the sampled metric over the draw of negatives, (P,) float64 each."""

    mean: np.ndarray
    variance: np.ndarray


def expectation(
    counts: Counts, metric: str, *, n: int, k: int | None, sampling: str = "uniform", ties: str = "conservative"
) -> np.ndarray:
    """(P,) float64, the exact expectation of the metric with n sampled negatives per prediction.

    metric: Recall, MRR, NDCG or AUC. k: the cutoff; None for no cutoff (then MRR is average precision, since there is
    one target). AUC = 1 - (rank - 1) / n takes none. With k=None the cost grows with n. Under `median` it is a sum over
    K^2 pairs (X, Y), refused above a million.
    Raises InputError for unknown names, n outside 1 ... V - 1 without replacement, or a cutoff below 1.
    """
    check_request(counts, metric, n, k, sampling, ties)
    if metric == "AUC":
        return _auc(counts, n, sampling, ties).mean
    return expectations(counts, [(metric, k)], n=n, sampling=sampling, ties=ties)[:, 0]


def expectations(
    counts: Counts, measures: Sequence[tuple[str, int | None]], *, n: int, sampling: str = "uniform",
    ties: str = "conservative",
) -> np.ndarray:  # fmt: skip
    """(P, M) float64: `expectation` of M metrics (not AUC) with their cutoffs at once, for the price of about one."""
    return by_ties(counts, measures, n=n, sampling=sampling, policies=(ties,))[ties]


def by_ties(
    counts: Counts, measures: Sequence[tuple[str, int | None]], *, n: int, sampling: str = "uniform",
    policies: Sequence[str] = TIES,
) -> dict[str, np.ndarray]:  # fmt: skip
    """`expectations` by tie policy: targets that nothing ties with, which are most, are evaluated once for all."""
    for ties, (metric, k) in product(policies, measures):
        check_request(counts, metric, n, k, sampling, ties)
        if metric not in GAINS:
            raise InputError(f"{metric} is no sum over ranks, and is not taken with others; ask `expectation` for it.")
    columns = [gain_by_count(metric, n, k) for metric, k in measures]
    gains = np.zeros((max(map(len, columns)), len(columns)))
    for i, column in enumerate(columns):
        gains[: len(column), i] = column
    tied = counts.equal > 0
    alone, found = _marginal(counts, ~tied, n, sampling, False, gains), {}
    for ties in policies:
        found[ties] = np.empty((len(tied), len(measures)))
        found[ties][~tied] = alone
        if ties in ("standard", "conservative"):
            found[ties][tied] = _marginal(counts, tied, n, sampling, ties == "conservative", gains)
        elif tied.any() and ties == "median":
            found[ties][tied] = _joint(counts, tied, n, sampling, *_median_cells(measures, n))
        elif tied.any():
            over = _mean_over_orders if sampling == "uniform" else _mean_over_marks
            found[ties][tied] = over(counts, tied, n, sampling, gains)
        found[ties][counts.missed] = 0.0
    return found


def moments(
    counts: Counts, metric: str, *, n: int, k: int | None, sampling: str = "uniform", ties: str = "conservative"
) -> Moments:
    """Exact mean and variance per prediction. Arguments and errors as in `expectation`.

    Under `expected` the variance is that of the mean over orders, a sum over all (X, Y) with X < K, refused above
    a million cells (K * n): simulate then, or take another policy.
    """
    check_request(counts, metric, n, k, sampling, ties)
    if metric == "AUC":
        return _auc(counts, n, sampling, ties)
    gains = gain_by_count(metric, n, k)
    both, every = np.stack([gains, gains**2], axis=1), np.ones(len(counts.above), bool)
    first, second = np.where(counts.missed, 0.0, _marginal(counts, every, n, sampling, ties == "conservative", both).T)
    tied = counts.equal > 0
    if ties in ("median", "expected") and tied.any():
        median = ties == "median"
        x, y, value = _median_cells([(metric, k)], n) if median else _expected_cells(gains, n, counts.equal.max())
        first[tied], second[tied] = _joint(counts, tied, n, sampling, x, y, np.hstack([value, value**2])).T
    return Moments(first, np.maximum(second - first**2, 0.0))


def by_metric(
    runs: Sequence[Ranked], cutoffs: Iterable[int], *, n: int, sampling: str = "uniform", ties: str = "conservative"
) -> pd.DataFrame:
    """One row per run, metric and cutoff: full, sampled (the exact expectation, micro) and factor, their ratio.

    AUC, which has no cutoff and no factor to speak of, comes once per run, with k = 0.
    """
    rows, cutoffs = [], list(cutoffs)
    for run in runs:
        counts = Counts.of_run(run)
        about = {"dataset": run.dataset, "recommender": run.recommender, "seed": run.seed}
        about |= {"sampling": sampling, "negatives": n, "ties": ties}
        for metric, k in [*((m, k) for m in GAINS for k in cutoffs), ("AUC", None)]:
            full = float(expectation(counts, metric, n=counts.pool, k=k, ties=ties).mean())
            value = float(expectation(counts, metric, n=n, k=k, sampling=sampling, ties=ties).mean())
            factor = value / full if full else float("nan")
            rows.append(about | {"metric": metric, "k": k or 0, "full": full, "sampled": value, "factor": factor})
    return pd.DataFrame(rows)


def gain_by_count(metric: str, n: int, k: int | None) -> np.ndarray:
    """(min(K, n + 1),) float64: the metric when x sampled negatives outrank the target, x = 0 ...; zero from K on."""
    size = n + 1 if k is None else min(k, n + 1)
    return GAINS[metric](np.arange(1.0, size + 1.0))


def check_request(counts: Counts, metric: str, n: int, k: int | None, sampling: str, ties: str) -> None:
    names = (("metric", metric, METRICS), ("sampling", sampling, SAMPLINGS), ("tie policy", ties, TIES))
    for kind, name, known in names:
        one_of(kind, name, known)
    if n < 1 or (sampling == "uniform" and n > counts.pool):
        raise InputError(
            f"{n} negatives cannot be drawn from {counts.pool} other items ({sampling}); take 1 to {counts.pool}."
        )
    if k is not None and (k < 1 or k != int(k)):
        raise InputError(f"The cutoff K is {k}; it must be a whole number from 1, or None.")


def _auc(counts: Counts, n: int, sampling: str, ties: str) -> Moments:
    """1 - mean of a score per draw, which is 1 above, w if equal, 0 below: exact for every policy and law."""
    w = {"standard": 0.0, "conservative": 1.0}.get(ties, 0.5)
    above, equal = counts.shares(sampling)
    mean = above + w * equal
    finite = (counts.pool - n) / max(counts.pool - 1, 1) if sampling == "uniform" else 1.0
    return Moments(1.0 - mean, (above + w * w * equal - mean**2) / n * finite)


def _marginal(
    counts: Counts, rows: np.ndarray, n: int, sampling: str, tied_above: bool, gains: np.ndarray
) -> np.ndarray:
    """(rows, C) expectations of the columns of gains (m, C), when ties are all below or all above the target."""
    above, equal = (counts.ahead, counts.equal) if sampling == "uniform" else counts.shares(sampling)
    distinct, at = np.unique((above + equal if tied_above else above)[rows], return_inverse=True)
    return _over_law(distinct, n, gains, counts.pool if sampling == "uniform" else None)[at]


def _over_law(places: np.ndarray, n: int, gains: np.ndarray, pool: int | None) -> np.ndarray:
    step = max(_CELLS // len(gains), 1)
    blocks = [places[i : i + step] for i in range(0, max(len(places), 1), step)]
    return np.concatenate([count_law(block, n, len(gains), pool=pool) @ gains for block in blocks])


def _mean_over_orders(counts: Counts, rows: np.ndarray, n: int, _: str, gains: np.ndarray) -> np.ndarray:
    """(rows, C): mean of f(above) ... f(above + equal), from cumulated sums over every possible count above."""
    above, equal = counts.above[rows], counts.equal[rows]
    table = _over_law(np.arange(int((above + equal).max()) + 1), n, gains, counts.pool)
    total = np.concatenate([np.zeros_like(table[:1]), np.cumsum(table, axis=0)])
    return (total[above + equal + 1] - total[above]) / (equal + 1)[:, None]


def _mean_over_marks(counts: Counts, rows: np.ndarray, n: int, sampling: str, gains: np.ndarray) -> np.ndarray:
    """(rows, C): mean of f(p) over p in [p_above, p_above + p_equal].

    The integral of a binomial probability is a binomial tail: the antiderivative of P(Bin(n, p) = x) is
    P(Bin(n + 1, p) > x) / (n + 1). So that of a sum of gains is all gains, less the mean over Bin(n + 1, p) = y of the
    gains at y and after.
    """
    above, equal = (share[rows] for share in counts.shares(sampling))
    pairs, at = np.unique(above + 1j * equal, return_inverse=True)  # complex numbers sort faster than pairs
    low, width = pairs.real, pairs.imag
    after = np.cumsum(gains[::-1], axis=0)[::-1]
    total = _over_law(low, n + 1, after, None) - _over_law(low + width, n + 1, after, None)
    return (total / ((n + 1) * width)[:, None])[at]


def _median_cells(measures: Sequence[tuple[str, int | None]], n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The (x, y) whose rank x + y/2 + 1 lies within the largest K, and the metrics there, (cells, M)."""
    within = [(metric, n + 1 if k is None else min(k, n + 1)) for metric, k in measures]
    most = max(k for _, k in within)
    _refuse_large(most**2)
    x, y = np.indices((most, 2 * most))
    rank = x + y / 2 + 1.0
    keep = (rank <= most) & (x + y <= n)
    x, y, rank = x[keep], y[keep], rank[keep]
    return x, y, np.stack([GAINS[metric](rank) * (rank <= k) for metric, k in within], axis=1)


def _expected_cells(gains: np.ndarray, n: int, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The (x, y) in which some order brings the target within K, and the mean over orders there, (cells, 1)."""
    size = len(gains), int(min(most, n)) + 1
    _refuse_large(size[0] * size[1])
    x, y = np.indices(size)
    keep = x + y <= n
    x, y = x[keep], y[keep]
    total = np.concatenate([[0.0], np.cumsum(gains)])
    return x, y, ((total[np.minimum(x + y + 1, len(gains))] - total[x]) / (y + 1))[:, None]


def _refuse_large(cells: int) -> None:
    if cells > 1_000_000:
        raise InputError(
            f"Ties between half and mean ranks need a sum over {cells} pairs of counts here. Take a smaller n or K,"
            " simulate, or choose the conservative policy."
        )


def _joint(
    counts: Counts, rows: np.ndarray, n: int, sampling: str, x: np.ndarray, y: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """(rows, C): means of the values, given per cell (cells, C), over the joint law of (X, Y).

    x, y: (cells,), for each x all y from 0 to a largest. The law's logarithms are sums of entries at x, y and x + y.
    """
    uniform = sampling == "uniform"
    above, equal = (counts.above, counts.equal) if uniform else counts.shares(sampling)
    pairs, at = np.unique(equal[rows] + 1j * above[rows], return_inverse=True)  # complex numbers sort faster than pairs
    kind, law = (np.int64, multivariate_hypergeometric) if uniform else (np.float64, trinomial)
    equal, above = pairs.real.astype(kind)[:, None], pairs.imag.astype(kind)[:, None]
    starts, out = np.searchsorted(x, np.arange(x.max() + 2)), np.zeros((len(pairs), values.shape[1]))
    step = max(_CELLS // len(x), 1)
    for b in (slice(i, i + step) for i in range(0, len(pairs), step)):
        most = min(int(y.max()), int(equal[b].max()) if uniform else n)  # no more equal ones are drawn than there are
        of_x, of_y, of_both = law(above[b], equal[b], n, np.arange(x.max() + 1), np.arange(most + 1), counts.pool)
        for i, (first, last) in enumerate(pairwise(starts)):
            size = min(last - first, most + 1)
            log = of_y[:, :size] + of_both[:, i : i + size] + of_x[:, i : i + 1]
            out[b] += np.exp(log, out=log) @ values[first : first + size]
    return out[at]
