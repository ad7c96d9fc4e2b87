"""Who wins under a sampled metric: the probability that it names the wrong one of two recommenders.

The right one is the one that the full metric prefers on the same targets; the test set is given, only the negatives
are random, drawn afresh for each recommender and prediction. The sampled difference is a sum of P independent bounded
terms, whose exact means and variances `sampled.moments` gives; its law is taken as normal (tests hold it against
simulation). Recommenders that share their negatives usually vary together and differ with less noise: evidence holds
counts, not items, so that their covariance is unknown, and the table is for independent draws. Where the expected
order is wrong, less noise makes the wrong answer surer.

A *reversal* is a pair of which the full and the expected sampled difference both have 95 % intervals over sessions that
exclude zero, with opposite signs: the other pairs in another order may be so by the chance of the test sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr

from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.ranking import Ranked
from audit_lib.evaluation.resampling import Resampling
from audit_lib.evaluation.sampled import GAINS, expectation, moments


class SampledMetric(NamedTuple):
    """A metric over one test set: its full value, and mean and variance of its sampled value."""

    full: float
    mean: float
    variance: float


def sampled_metric(counts: Counts, metric: str, *, n: int, k: int | None, sampling: str, ties: str) -> SampledMetric:
    """Mean over predictions, and the variance of that mean over the draw of negatives."""
    full = full_metric(counts, metric, k=k, ties=ties).mean()
    mean, variance = moments(counts, metric, n=n, k=k, sampling=sampling, ties=ties)
    return SampledMetric(float(full), float(mean.mean()), float(variance.sum() / len(variance) ** 2))


def full_metric(counts: Counts, metric: str, *, k: int | None, ties: str) -> np.ndarray:
    """(P,) float64: the metric over the whole catalogue."""
    if metric in metrics.METRICS and k is not None:
        return metrics.METRICS[metric](counts.above, counts.equal, k, ties)
    return expectation(counts, metric, n=counts.pool, k=k, ties=ties)


def wrong_probability(first: SampledMetric, second: SampledMetric) -> float:
    """P(the sampled difference has the sign opposite to the full one); NaN if the full metric prefers neither."""
    truth = first.full - second.full
    if truth == 0.0:
        return float("nan")
    expected, sd = np.sign(truth) * (first.mean - second.mean), np.sqrt(first.variance + second.variance)
    if sd == 0.0:
        return float(expected < 0.0) if expected != 0.0 else 0.5
    return float(ndtr(-expected / sd))


def winners_table(
    recommenders: Mapping[str, Counts],
    metric: str = "Recall",
    *,
    n: int,
    k: int | None = metrics.K,
    sampling: str = "uniform",
    ties: str = "conservative",
    session: ArrayLike | None = None,
) -> pd.DataFrame:
    """One row per pair on the same targets, index (first, second), the full metric's winner first.

    full_first, full_second, sampled_first, sampled_second: the metric in full and its expectation in the sample;
    reversed: see `reversals`, with the session labels (P,) of the targets, or every target a session of its own;
    p_wrong: see `wrong_probability`.
    Raises InputError if the recommenders were not ranked on the same targets and catalogue.
    """
    _same_targets(*recommenders.values())
    studies = {
        name: sampled_metric(counts, metric, n=n, k=k, sampling=sampling, ties=ties)
        for name, counts in recommenders.items()
    }
    drawn = Resampling.of(np.arange(len(next(iter(recommenders.values())).above)) if session is None else session)
    full = [full_metric(counts, metric, k=k, ties=ties) for counts in recommenders.values()]
    mean = [expectation(c, metric, n=n, k=k, sampling=sampling, ties=ties) for c in recommenders.values()]
    turned = pd.DataFrame(reversals(full, mean, drawn), index=list(studies), columns=list(studies))
    rows = {}
    for pair in combinations(sorted(studies, key=lambda name: -studies[name].full), 2):
        a, b = (studies[name] for name in pair)
        rows[pair] = {
            "full_first": a.full,
            "full_second": b.full,
            "sampled_first": a.mean,
            "sampled_second": b.mean,
            "reversed": bool(turned.loc[pair]),
            "p_wrong": wrong_probability(a, b),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["first", "second"])
    return table


def reversals(full: ArrayLike, sampled: ArrayLike, drawn: Resampling) -> np.ndarray:
    """(M, M) bool: pairs of M recommenders that are reversed. full, sampled: (M, P) values of both metrics.

    That is, whose differences under the two have intervals that exclude zero, with opposite signs. A recommender that
    has the same order to all others by both means is not resampled.
    """
    values = np.stack([full, sampled])  # (2, M, P)
    signs = [np.sign(np.subtract.outer(means, means)) for means in map(drawn.observed, values)]
    turned = signs[0] * signs[1] < 0  # (M, M)
    if (some := np.flatnonzero(turned.any(1))).size:
        turned[np.ix_(some, some)] &= drawn.order(values[:, some]).prod(0) < 0
    return turned


def by_metric(
    runs: Sequence[Ranked], cutoffs: Iterable[int], *, n: int, sampling: str = "uniform", ties: str = "conservative"
) -> pd.DataFrame:
    """The winner's tables of these runs for Recall, MRR and NDCG at every cutoff, one row per pair."""
    if len({run.manifest["targets_sha256"] for run in runs}) > 1:
        raise InputError("The evidence files are of different targets; a winner needs one split.")
    names = [f"{run.recommender}/{run.path.stem}" for run in runs]
    counts = {name: Counts.of_run(run) for name, run in zip(names, runs, strict=True)}
    options = {"n": n, "sampling": sampling, "ties": ties, "session": runs[0].targets["session"]}
    tables = [
        winners_table(counts, metric, k=k, **options).reset_index().assign(metric=metric, k=k)
        for metric in GAINS
        for k in cutoffs
    ]
    return pd.concat(tables, ignore_index=True)


def smallest_size(
    wrong: Callable[[int], float], most: int, *, probability: float = 0.95, grid: int = 40, precision: float = 0.0
) -> int | None:
    """The smallest n with wrong(m) <= 1 - probability for m = n and for every larger m looked at; None if not `most`.

    wrong: probability of the wrong winner by number of negatives. It need not fall with n (an order may turn round
    twice), so `grid` sizes in geometric steps are looked at from the largest down; the step from "not yet" to "from
    here on" is bisected, to a relative `precision`.
    """

    def right(n: int) -> bool:
        return wrong(n) <= 1.0 - probability  # never for NaN, which is no winner

    low, high = 0, None
    for n in reversed(np.unique(np.geomspace(1, most, grid).round().astype(int)).tolist()):
        if not right(n):
            low = n
            break
        high = n
    if high is None:
        return None
    while high - low > max(1, precision * high):
        middle = (low + high) // 2
        low, high = (low, middle) if right(middle) else (middle, high)
    return high


def _same_targets(*counts: Counts) -> None:
    if len(counts) < 2:
        raise InputError("A winner needs two recommenders.")
    if len({(len(c.above), c.n_items) for c in counts}) > 1:
        raise InputError("The recommenders were ranked on different targets or catalogues; rank them on one split.")
    supports = [c.support for c in counts if c.support is not None]
    if any(not np.array_equal(supports[0], s) for s in supports[1:]):
        raise InputError("The recommenders' targets differ; rank them on one split.")
