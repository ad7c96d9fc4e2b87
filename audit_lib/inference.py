"""Uncertainty over sessions: intervals, paired tests, many comparisons, several seeds, agreement of orders.

The unit is the session, since predictions inside one are not independent (Field & Welsh 2007 on the cluster bootstrap).
Values are (P,) float64, one per prediction (from `metrics` or `sampled`), with `session`, (P,) labels. `micro` is the
mean over predictions, a ratio of sums whose denominator is resampled too; `macro` the mean over sessions of theirs.
Nothing depends on labels or on the order of rows: per-session sums are put in an order of their own before any draw.
Percentile intervals are slightly short where sessions are few: with a hundred, count on 94 rather than 95 in 100.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from audit_lib import metrics
from audit_lib.errors import InputError
from audit_lib.kept import kept
from audit_lib.resampling import RESAMPLES, flipped_sums, means, resampled_means, session_sums

if TYPE_CHECKING:
    from audit_lib.evidence import Run


class Interval(NamedTuple):
    """A percentile interval: `low` and `high` leave (1 - level)/2 of the resamples outside on each side."""

    estimate: float
    low: float
    high: float
    level: float


class Comparison(NamedTuple):
    """Recommender a minus b on the same targets: the difference with its interval first, p after."""

    difference: Interval
    p: float
    sessions: int
    predictions: int


class Equivalence(NamedTuple):
    """Whether the difference lies within +-margin: two one-sided tests, by inclusion of `interval`."""

    interval: Interval
    margin: float
    equivalent: bool


class Seeds(NamedTuple):
    """Over n seeds: mean and standard deviation (n - 1) of the metric, and the interval over sessions and seeds."""

    mean: float
    sd: float
    n: int
    interval: Interval


@kept
def bootstrap(
    values: np.ndarray,
    session: np.ndarray,
    *,
    average: str = "micro",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean of values (P,) with its percentile interval over sessions.

    For two recommenders on the same targets, the values are their paired differences.
    """
    sums = session_sums(np.asarray(values, np.float64).reshape(-1), session, average=average)
    return percentile_interval(means(sums)[0], resampled_means(sums, resamples=resamples, seed=seed)[:, 0], level)


def percentile_interval(estimate: float, resampled: np.ndarray, level: float = 0.95) -> Interval:
    """The interval between the (1 - level)/2 and (1 + level)/2 quantiles of the resampled estimates."""
    if not 0.0 < level < 1.0:
        raise InputError(f"The level of an interval lies between 0 and 1; it is {level}.")
    low, high = np.quantile(resampled, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(float(estimate), float(low), float(high), level)


@kept
def permutation_test(
    a: np.ndarray,
    b: np.ndarray,
    session: np.ndarray,
    *,
    average: str = "micro",
    permutations: int = RESAMPLES,
    seed: int = 0,
) -> float:
    """Two-sided p of the paired permutation test: per session, which of the two is a and which is b is a coin flip.

    p = (1 + number of flips with |sum| >= the observed one) / (1 + permutations), never 0 (Phipson & Smyth 2010).
    """
    difference = session_sums(_difference(a, b), session, average=average)[:, 0]
    observed = abs(difference.sum())
    flipped = np.abs(flipped_sums(difference, permutations=permutations, seed=seed))
    slack = 1e-12 * np.abs(difference).sum()  # sums that are equal but for the order of additions count as equal
    return float((1 + np.count_nonzero(flipped >= observed - slack)) / (1 + permutations))


def compare(
    a: np.ndarray,
    b: np.ndarray,
    session: np.ndarray,
    *,
    average: str = "micro",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """a minus b, (P,) each, in the same order of the same targets: difference, interval and permutation p."""
    options = {"average": average, "seed": seed}
    interval = bootstrap(_difference(a, b), session, level=level, resamples=resamples, **options)
    p = permutation_test(a, b, session, permutations=resamples, **options)
    return Comparison(interval, p, len(np.unique(session)), len(session))


def compare_runs(
    a: Run,
    b: Run,
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
    session = a.targets["session"].to_numpy()
    values = [metrics.per_prediction(run.ranks, cutoffs, ties=ties) for run in (a, b)]
    rows = []
    for name in values[0]:
        first, second = (table[name].to_numpy() for table in values)
        value = means(session_sums(np.stack([first, second], axis=1), session, average=average))
        found = compare(first, second, session, average=average, seed=seed)
        metric, _, k = name.partition("@")
        about = {"a": a.recommender, "b": b.recommender, "metric": metric, "k": int(k), "value_a": value[0]}
        interval = {"difference": found.difference.estimate, "low": found.difference.low, "high": found.difference.high}
        rows.append(about | {"value_b": value[1]} | interval | {"p": found.p})
        if margin is not None:
            same = equivalence(first, second, session, margin=margin, average=average, seed=seed)
            rows[-1]["equivalent"] = same.equivalent
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p"]))


def equivalence(
    a: np.ndarray,
    b: np.ndarray,
    session: np.ndarray,
    *,
    margin: float,
    confidence: float = 0.95,
    average: str = "micro",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Equivalence:
    """Two one-sided tests at 1 - confidence: equivalent if the 2 confidence - 1 interval lies inside (-margin, margin).

    So a 90 % interval for a confidence of 95 % (Schuirmann 1987). The margin is set before looking.
    """
    if not margin > 0.0:
        raise InputError(f"The margin of equivalence is {margin}; it must be positive.")
    interval = bootstrap(
        _difference(a, b), session, average=average, level=2 * confidence - 1, resamples=resamples, seed=seed
    )
    return Equivalence(interval, margin, bool(-margin < interval.low and interval.high < margin))


def holm(p: Sequence[float]) -> np.ndarray:
    """(M,) adjusted p-values, in the order given: the running maximum of (M - i) p_(i), at most 1 (Holm 1979)."""
    p = np.asarray(p, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


@kept
def over_seeds(
    values: np.ndarray,
    session: np.ndarray,
    *,
    average: str = "micro",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Seeds:
    """The metric of a recommender trained with R seeds, values (R, P) on the same targets, over sessions *and* seeds.

    Every resample draws sessions with replacement, the same for all seeds, and R seeds with replacement. R is small, so
    that the seeds' share of the spread is widened by sqrt(R / (R - 1)), for the bootstrap's own shrinkage, and by the
    ratio of Student's quantile at R - 1 degrees of freedom to the normal one. With R = 1 the interval is over sessions.
    """
    values = np.atleast_2d(np.asarray(values, np.float64))
    sums = session_sums(values.T, session, average=average)
    by_seed, drawn = means(sums), resampled_means(sums, resamples=resamples, seed=seed)  # (R,), (B, R)
    return _over_seeds(by_seed, float(by_seed.mean()), drawn, lambda each: each.mean(1), level, seed)


@kept
def over_seeds_ratio(
    top: np.ndarray,
    bottom: np.ndarray,
    session: np.ndarray,
    *,
    average: str = "micro",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Seeds:
    """The mean of top over that of bottom, both (R, P) on the same targets, over sessions and seeds as in `over_seeds`.

    Row i of either is of seed i: a resample takes both or neither. sd: of the ratios of single seeds.
    Raises InputError if the shapes differ, or bottom is zero throughout.
    """
    top, bottom = (np.atleast_2d(np.asarray(values, np.float64)) for values in (top, bottom))
    if top.shape != bottom.shape:
        raise InputError(f"A ratio is taken on the same targets and seeds; these are {top.shape} and {bottom.shape}.")
    if not bottom.any(axis=1).all():
        raise InputError("There is nothing that the ratio could be relative to: the second is 0 throughout.")
    sums = session_sums(np.concatenate([top, bottom]).T, session, average=average)
    r, least = len(top), np.finfo(float).tiny
    whole, drawn = means(sums), resampled_means(sums, resamples=resamples, seed=seed)
    pairs = np.stack([drawn[:, :r], drawn[:, r:]], axis=2)  # (B, R, 2)

    def ratio(each: np.ndarray) -> np.ndarray:
        both = each.mean(1)
        return both[:, 0] / np.maximum(both[:, 1], least)

    return _over_seeds(whole[:r] / whole[r:], float(whole[:r].mean() / whole[r:].mean()), pairs, ratio, level, seed)


def _over_seeds(
    by_seed: np.ndarray,
    estimate: float,
    drawn: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    level: float,
    seed: int,
) -> Seeds:
    """The statistic (B,) of drawn (B, R, …), means of resampled sessions by seed: over all seeds, over drawn ones."""
    r, centre = len(by_seed), statistic(drawn)
    sd = float(by_seed.std(ddof=1)) if r > 1 else 0.0
    if r > 1:
        quantile = (1.0 + level) / 2.0
        widen = np.sqrt(r / (r - 1)) * t.ppf(quantile, r - 1) / norm.ppf(quantile)
        picks = np.random.default_rng(seed).integers(r, size=(len(drawn), r))
        picked = drawn[np.arange(len(drawn))[:, None], picks]
        centre = centre + widen * (statistic(picked) - centre)
    return Seeds(estimate, sd, r, percentile_interval(estimate, centre, level))


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
    session: np.ndarray,
    *,
    average: str = "micro",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Kendall's tau-b between the orders of recommenders under two metrics, with its interval over sessions.

    full, other: (P, M) values, or {recommender: (P,)} with the same keys. Both orders are taken in the same resamples.
    All NaN where one metric ties all recommenders (such as a sampled Recall@K with fewer than K negatives).
    """
    if isinstance(full, Mapping) and isinstance(other, Mapping):
        if set(full) != set(other):
            raise InputError(f"The two orders name different recommenders: {sorted(set(full) ^ set(other))}.")
        full, other = (np.stack([x[name] for name in full], axis=1) for x in (full, other))
    m = np.shape(full)[1]
    if m < 2 or np.shape(other) != np.shape(full):
        raise InputError(f"An order needs two recommenders and equal shapes; got {np.shape(full)}, {np.shape(other)}.")
    sums = session_sums(np.concatenate([full, other], axis=1), session, average=average)
    whole, drawn = means(sums), resampled_means(sums, resamples=resamples, seed=seed)
    taus = kendall(drawn[:, :m], drawn[:, m:])
    if not np.isfinite(taus).any():
        return Interval(float("nan"), float("nan"), float("nan"), level)
    return percentile_interval(float(kendall(whole[:m], whole[m:])), taus[np.isfinite(taus)], level)


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"A paired comparison needs one value of each per target; got {a.shape} and {b.shape}.")
    return a - b
