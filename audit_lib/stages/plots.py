"""The figures that the command line draws of any evidence: each takes runs on the same targets by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.show import figures, row_figures
from audit_lib.show.plot import Plot
from audit_lib.stages import evaluation, tables
from audit_lib.study.evidence import Run


def cutoffs(runs: Mapping[str, Run], metric: str, k: int, lang: str) -> Plot:
    """The metric at the usual cutoffs below k, and at k, with 95 % intervals over sessions."""
    chosen = (*(c for c in metrics.CUTOFFS if c < k), k)
    return figures.by_cutoff(tables.by_cutoff(runs, metric=metric, cutoffs=chosen), metric=metric, lang=lang)


def negatives(runs: Mapping[str, Run], metric: str, k: int, lang: str) -> Plot:
    """The exact expectation of the metric by the number of uniform negatives, up to the whole catalogue."""
    counts = evaluation.counted(runs)
    pool = next(iter(counts.values())).pool
    table = evaluation.curves(counts, metric, k=k, sizes=evaluation.sample_sizes(pool + 1))
    return figures.by_negatives(table, metric=metric, k=k, full=pool, lang=lang)


def length(runs: Mapping[str, Run], metric: str, k: int, lang: str) -> Plot:
    """The metric by the number of events before the target."""
    table = tables.by_prefix_length(runs, metric=metric, k=k)
    return figures.by_group(table, xlabel="Events before the target", ylabel=f"{metric}@{k}", lang=lang)


def support(runs: Mapping[str, Run], metric: str, k: int, lang: str) -> Plot:
    """The metric by the support of the target in train."""
    table = tables.by_support(runs, metric=metric, k=k)
    return figures.by_group(table, xlabel="Train support of the target", ylabel=f"{metric}@{k}", lang=lang)


def differences(runs: Mapping[str, Run], metric: str, k: int, lang: str) -> Plot:
    """The first run less each of the others, paired by target, with 95 % intervals over sessions."""
    table = less(runs, metric, k)
    return row_figures.differences(table, xlabel=f"Difference of {metric}@{k}", lang=lang)


def less(runs: Mapping[str, Run], metric: str, k: int) -> pd.DataFrame:
    """label, value, low, high, p: the first run less each of the others. Raises InputError without another."""
    names = list(runs)
    if len(names) < 2:
        raise InputError("A difference needs two recommenders; give the evidence of another.")
    values = {name: run.values(metric, k) for name, run in runs.items()}
    drawn = runs[names[0]].resampling()
    rows = []
    for name in names[1:]:
        found = drawn.compare(values[names[0]], values[name])
        d = found.difference
        rows.append({"label": name, "value": d.estimate, "low": d.low, "high": d.high, "p": found.p})
    return pd.DataFrame(rows)


KINDS: dict[str, Callable[[Mapping[str, Run], str, int, str], Plot]] = {
    "cutoffs": cutoffs, "negatives": negatives, "length": length, "support": support, "differences": differences,
}  # fmt: skip
