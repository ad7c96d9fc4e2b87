"""The tables of the page on evaluation: full against sampled, ties, intervals, pairs. From evidence alone.

Each takes the recommenders of one split by name, as runs or as their counts, and returns a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.evaluation import comparisons, metrics
from audit_lib.evaluation.corrected import comparison
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.metrics import TIES, K
from audit_lib.evaluation.sampled import by_metric, expectation
from audit_lib.evaluation.winners import (
    SampledMetric,
    full_metric,
    sampled_metric,
    smallest_size,
    winners_table,
    wrong_probability,
)
from audit_lib.show.table import Label
from audit_lib.stages.prepared import Prepared
from audit_lib.study import running
from audit_lib.study.evidence import Run


def counted(runs: Mapping[str, Run]) -> dict[str, Counts]:
    """The counts of each run, from which every sampled metric follows."""
    return {name: Counts.of_run(run) for name, run in runs.items()}


def sample_sizes(n_items: int, *, first: int = 10, points: int = 18) -> list[int]:
    """Numbers of negatives from `first` to V - 1 in geometric steps."""
    return np.unique(np.geomspace(min(first, n_items - 1), n_items - 1, points).round().astype(int)).tolist()


def curves(counts: Mapping[str, Counts], metric: str, *, k: int, sizes: Iterable[int]) -> pd.DataFrame:
    """recommender, n, value: the exact expectation of the metric at every number of uniform negatives."""
    rows = [
        {"recommender": name, "n": n, "value": float(expectation(c, metric, n=n, k=k).mean())}
        for name, c in counts.items()
        for n in sizes
    ]
    return pd.DataFrame(rows)


def inflation(runs: Mapping[str, Run], log: Prepared, *, sampling: str = "uniform") -> pd.DataFrame:
    """The rows of `sampled.by_metric` for the leading metric of a log; factor is NaN where nothing is hit."""
    found = by_metric(list(runs.values()), [log.k], n=log.negatives, sampling=sampling)
    return found[found["metric"] == log.lead].replace(np.inf, np.nan)


def crossings(counts: Mapping[str, Counts], metric: str, *, k: int, sizes: Iterable[int]) -> pd.DataFrame:
    """first, second, n: where the expected sampled metrics of a pair change places, `first` ahead from n negatives on.

    Crossings are looked for between neighbours of `sizes`, then found to the exact n by bisection.
    """
    sizes = sorted(sizes)
    rows = []

    @cache
    def mean(name: str, n: int) -> float:
        return float(expectation(counts[name], metric, n=n, k=k).mean())

    for a, b in combinations(counts, 2):

        def ahead(n: int, a: str = a, b: str = b) -> int:
            difference = mean(a, n) - mean(b, n)
            return 0 if abs(difference) < 1e-12 else int(np.sign(difference))

        signs = [ahead(n) for n in sizes]
        for low, high, before, after in zip(sizes, sizes[1:], signs, signs[1:], strict=False):
            if before * after < 0:
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if ahead(middle) == before else (low, middle)
                rows.append({"first": a if after > 0 else b, "second": b if after > 0 else a, "n": high})
    return pd.DataFrame(rows, columns=["first", "second", "n"])


def winners(runs: Mapping[str, Run], log: Prepared) -> pd.DataFrame:
    """`winners.winners_table` of the leading metric with the negatives of a log: a row for each pair."""
    session = next(iter(runs.values())).targets["session"]
    return winners_table(counted(runs), log.lead, n=log.negatives, k=log.k, session=session).reset_index()


def negatives_needed(counts: Mapping[str, Counts], metric: str, *, k: int) -> pd.DataFrame:
    """first, second, difference (full), n, share: the least n that names the winner, and its share of V - 1.

    It names the winner in 95 of 100 draws of uniform negatives. Pairs that the full metric ties are left out. n, to one
    in a hundred, and share are NaN where no n up to V - 1 is enough.
    """
    full = {name: float(full_metric(c, metric, k=k, ties="conservative").mean()) for name, c in counts.items()}
    pool = next(iter(counts.values())).pool

    @cache
    def studied(name: str, n: int) -> SampledMetric:
        return sampled_metric(counts[name], metric, n=n, k=k, sampling="uniform", ties="conservative")

    rows = []
    for first, second in combinations(sorted(full, key=lambda name: -full[name]), 2):
        if full[first] == full[second]:
            continue

        def wrong(n: int, first: str = first, second: str = second) -> float:
            return wrong_probability(studied(first, n), studied(second, n))

        n = smallest_size(wrong, pool, probability=0.95, grid=24, precision=0.01)
        size = float("nan") if n is None else float(n)
        rows.append({"first": first, "second": second, "difference": full[first] - full[second], "n": size})
    table = pd.DataFrame(rows, columns=["first", "second", "difference", "n"])
    return table.assign(share=table["n"] / pool)


def tie_policies(runs: Mapping[str, Run], metric: str = "Recall", *, k: int = K) -> pd.DataFrame:
    """recommender, tied (share of targets tied with another item), and the metric under each policy."""
    rows = []
    for name, run in runs.items():
        values = {ties: run.values(metric, k, ties=ties).mean() for ties in TIES}
        rows.append({"recommender": name, "tied": (run.ranks["equal"] > 0).mean(), **values})
    return pd.DataFrame(rows)


def with_tied_zeros(runs: Mapping[str, Run], log: Prepared) -> dict[Any, Run]:
    """The runs, and a Markov chain that leaves all items tied that never followed the last one."""
    tied = running.run(log.data, log.split, "markov", fallback="zero", ties="keep")
    return {**runs, Label("Markov, zeros tied"): tied}


def corrections(counts: Mapping[str, Counts], log: Prepared) -> pd.DataFrame:
    """`corrected.comparison` of the recommender with the highest leading metric, for two numbers of negatives."""
    best = max(counts, key=lambda name: full_metric(counts[name], log.lead, k=log.k, ties="conservative").mean())
    n = log.negatives
    return comparison(counts[best], log.lead, k=log.k, sizes=sorted({n, min(5 * n, counts[best].pool)})).reset_index()


def both_averages(runs: Mapping[str, Run], log: Prepared) -> pd.DataFrame:
    """recommender, value, low, high, value_macro: the leading metric over predictions, and its mean over sessions."""
    macro = intervals(runs, log.lead, k=log.k, average="macro")[["recommender", "value"]]
    return intervals(runs, log.lead, k=log.k).merge(macro, on="recommender", suffixes=("", "_macro"))


def by_group(runs: Mapping[str, Run], groups: pd.Series, log: Prepared) -> pd.DataFrame:
    """recommender, group, value: the leading metric inside each group of targets (P,), groups in their order."""
    tables = [
        metrics.slices(run.ranks, groups, log.k).assign(recommender=name).rename_axis("group").reset_index()
        for name, run in runs.items()
    ]
    whole = pd.concat(tables).rename(columns={log.metric: "value"})
    return whole.astype({"group": str})[["recommender", "group", "value"]]


def by_length(runs: Mapping[str, Run], log: Prepared) -> pd.DataFrame:
    """`by_group` by the number of events before the target, group by group."""
    names = ["1", "2", "3–5", "6–10", "11+"]
    step = next(iter(runs.values())).targets["step"]
    found = by_group(runs, pd.cut(step, [0, 1, 2, 5, 10, np.inf], labels=names).astype(str), log)
    return found.sort_values("group", key=lambda group: group.map(names.index), kind="stable")


def by_support(runs: Mapping[str, Run], log: Prepared) -> pd.DataFrame:
    """`by_group` by quarter of the targets, from the rarest in train (1) to the most frequent (4)."""
    support = next(iter(runs.values())).targets["support"]
    return by_group(runs, pd.qcut(support.rank(method="first"), 4, labels=["1", "2", "3", "4"]).astype(str), log)


def intervals(
    runs: Mapping[str, Run], metric: str = "Recall", *, k: int = K, average: str = "micro"
) -> pd.DataFrame:
    """recommender, value, low, high: the metric with its 95 % interval over sessions, best first."""
    rows = []
    for name, run in runs.items():
        found = run.resampling(average=average).interval(run.values(metric, k))
        rows.append({"recommender": name, "value": found.estimate, "low": found.low, "high": found.high})
    return pd.DataFrame(rows).sort_values("value", ascending=False, ignore_index=True)


def pairs(runs: Mapping[str, Run], metric: str = "Recall", *, k: int = K) -> pd.DataFrame:
    """first, second, difference, low, high, p, p_holm: every pair, the better one first, Holm over all pairs."""
    values = {name: run.values(metric, k) for name, run in runs.items()}
    drawn = next(iter(runs.values())).resampling()
    rows = []
    for a, b in combinations(runs, 2):
        found = drawn.compare(values[a], values[b])
        d = found.difference
        if d.estimate >= 0:
            rows.append((a, b, d.estimate, d.low, d.high, found.p))
        else:
            rows.append((b, a, -d.estimate, -d.high, -d.low, found.p))
    table = pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p"])
    return table.assign(p_holm=comparisons.holm(table["p"]))


def agreement(
    runs: Mapping[str, Run], metric: str = "Recall", *, k: int = K, sizes: Iterable[int]
) -> pd.DataFrame:
    """n, tau, low, high: Kendall's tau of the sampled (uniform, in expectation) with the full order of recommenders."""
    counts = counted(runs)
    drawn = next(iter(runs.values())).resampling(resamples=2000)
    full = {name: run.values(metric, k) for name, run in runs.items()}
    rows = []
    for n in sizes:
        sampled = {name: expectation(c, metric, n=n, k=k) for name, c in counts.items()}
        found = comparisons.rank_agreement(full, sampled, drawn)
        rows.append({"n": n, "tau": found.estimate, "low": found.low, "high": found.high})
    return pd.DataFrame(rows)
