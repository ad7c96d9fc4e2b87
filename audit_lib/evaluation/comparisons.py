"""Many comparisons, and the agreement of orders: what is made of the intervals and tests of `resampling`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.evaluation.ranking import Ranked, known_cutoffs
from audit_lib.evaluation.resampling import Measured, Resampling, percentile_interval


class Equivalence(NamedTuple):
    """Whether the difference lies within +-margin: two one-sided tests, by inclusion of `interval`."""

    interval: Measured
    margin: float
    equivalent: bool


def equivalence(
    drawn: Resampling, a: ArrayLike, b: ArrayLike, *, margin: float, confidence: float = 0.95
) -> Equivalence:
    """Two one-sided tests at 1 - confidence, of (P,) each: equivalent if an interval lies inside (-margin, margin).

    Its level is 2 confidence - 1, 90 % for a confidence of 95 % (Schuirmann 1987). The margin is set before looking.
    """
    if not margin > 0.0:
        raise InputError(f"The margin of equivalence is {margin}; it must be positive.")
    interval = drawn.difference(a, b, level=2 * confidence - 1)
    return Equivalence(interval, margin, bool(-margin < interval.low and interval.high < margin))


def compare_runs(
    a: Ranked,
    b: Ranked,
    cutoffs: Iterable[int],
    *,
    ties: str = "conservative",
    average: str = "micro",
    margin: float | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per metric and cutoff of two recommenders on the same targets: a, b, difference, low, high, p, p_holm.

    Holm's correction is over the rows. With a margin, in units of the metric, also whether the two are equivalent, row
    by row. Raises InputError if the targets differ or the margin is not positive.
    """
    if a.manifest["targets_sha256"] != b.manifest["targets_sha256"]:
        raise InputError(f"'{a.path}' and '{b.path}' are of different targets; compare two recommenders on one split.")
    cutoffs = known_cutoffs(cutoffs, (a, b))
    drawn = Resampling.of(a.targets["session"], average=average, seed=seed)
    values = [metrics.per_prediction(run.ranks, cutoffs, ties=ties) for run in (a, b)]
    rows = []
    for name in values[0]:
        first, second = (table[name].to_numpy() for table in values)
        found = drawn.compare(first, second)
        metric, _, k = name.partition("@")
        about = {"a": a.recommender, "b": b.recommender, "metric": metric, "k": int(k)}
        about |= {"value_a": float(drawn.observed(first)[0]), "value_b": float(drawn.observed(second)[0])}
        interval = {"difference": found.difference.estimate, "low": found.difference.low, "high": found.difference.high}
        rows.append(about | interval | {"p": found.p})
        if margin is not None:
            rows[-1]["equivalent"] = equivalence(drawn, first, second, margin=margin).equivalent
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p"]))


def holm(p: Sequence[float]) -> np.ndarray:
    """(M,) adjusted p-values, in the order given: the running maximum of (M - i) p_(i), at most 1 (Holm 1979)."""
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return adjusted


def kendall(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Kendall's tau-b between the orders of M recommenders, a and b (..., M); (...,) float64, NaN if all are tied.

    Values less than 5e-13 apart are tied: metrics that are equal but for rounding have no order.
    """
    i, j = np.triu_indices(np.shape(a)[-1], 1)
    u, v = (np.sign(np.round(x[..., i] - x[..., j], 12)) for x in (np.asarray(a, float), np.asarray(b, float)))
    tied = np.sqrt(np.abs(u).sum(-1) * np.abs(v).sum(-1))
    return np.divide((u * v).sum(-1), tied, out=np.full(np.shape(tied), np.nan), where=tied > 0)


def rank_agreement(
    full: np.ndarray | Mapping[str, np.ndarray],
    other: np.ndarray | Mapping[str, np.ndarray],
    drawn: Resampling,
    *,
    level: float = 0.95,
) -> Measured:
    """Kendall's tau-b between the orders of recommenders under two metrics, with its interval over sessions.

    full, other: (P, M) values, or {recommender: (P,)} with the same keys. Both orders are taken in the same resamples.
    All NaN where one metric ties all recommenders (such as a sampled Recall@K with fewer than K negatives).
    """
    if isinstance(full, Mapping) and isinstance(other, Mapping):
        if set(full) != set(other):
            raise InputError(f"The two orders name different recommenders: {sorted(set(full) ^ set(other))}.")
        full, other = (np.stack([x[name] for name in full], axis=1) for x in (full, other))
    first, second = np.asarray(full), np.asarray(other)
    m = first.shape[1]
    if m < 2 or second.shape != first.shape:
        raise InputError(f"An order needs two recommenders and equal shapes; got {first.shape}, {second.shape}.")
    values = np.concatenate([first, second], axis=1).T
    whole, means = drawn.observed(values), drawn.resampled(values)
    taus = kendall(means[:, :m], means[:, m:])
    estimate = float(kendall(whole[:m], whole[m:])) if np.isfinite(taus).any() else float("nan")
    return percentile_interval(estimate, taus, level)
