"""The specification curve of one question: does GRU4Rec beat the best simple recommender?

A *specification* is one defensible way to answer it: a data set, how it is prepared and cut, a training of GRU4Rec, a
metric and its cutoff, a tie policy, an average, which targets count, and which negatives each is ranked against. All of
them follow from committed ranks, so that all are computed (Simonsohn, Simmons & Nelson 2020). The best simple
recommender is chosen anew under every specification, by the very value that is compared: that favours it alone. In
every share each data set has the same weight, however many specifications it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from audit_lib.errors import InputError, MissingError
from audit_lib.evaluation import metrics, sampled
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.resampling import AVERAGES, Resampling
from audit_lib.study import plan
from audit_lib.study.evidence import Run
from audit_lib.study.plan import Preparation

PREPARED = ("cut", "filter", "repeats")
CHOICES = ("dataset", *PREPARED, "training", "metric", "k", "ties", "average", "targets", "negatives")
COLUMNS = (*CHOICES, "gru4rec", "best", "simple", "difference", "relative", "yes", "low", "high")
# At K = 1 the three metrics are one.
MEASURES = (("Recall", 1), *((metric, k) for metric in metrics.METRICS for k in (5, 10, 20)))
TARGETS = ("all", "later", "last")
NEGATIVES = ("full", "uniform", "popularity")
SAMPLE = 100
SHOPS = ("diginetica", "yoochoose1_64", "retailrocket", "rsc15_100k")  # logs of shops, whose shares stand beside
RESAMPLES = 1000
# Trainings of GRU4Rec: (name, groups of the study, recommender).
TRAININGS = (
    ("cross-entropy", ("headline", "prepared"), "gru4rec"),
    ("official", ("headline",), "gru4rec_official"),
    ("bpr-max", ("headline_bpr_max", "third_party_bpr_max"), "gru4rec"),
    ("tuned", ("headline_tuned",), "gru4rec"),
)
SIMPLE = ("simple", "literature", "tuned", "prepared")


@dataclass(frozen=True)
class Rivals:
    """The evidence of one preparation of a data set: GRU4Rec by training, a run a seed, and the simple recommenders."""

    dataset: str
    trainings: Mapping[str, Sequence[Run]]
    simple: Mapping[str, Run]
    preparation: Preparation = plan.USUAL

    def __post_init__(self) -> None:
        if not (self.trainings and self.simple):
            raise InputError(f"{self.dataset}: a comparison needs GRU4Rec and a simple recommender.")
        if len({run.manifest["targets_sha256"] for run in self.runs}) > 1:
            raise InputError(f"The evidence of '{self.dataset}' is of several splits.")

    @property
    def runs(self) -> list[Run]:
        return [*(run for runs in self.trainings.values() for run in runs), *self.simple.values()]

    @cached_property
    def counts(self) -> list[Counts]:
        """In the order of `runs`."""
        return [Counts.of_run(run) for run in self.runs]


def rivals(out: Path | None = None) -> list[Rivals]:
    """Every data set, in each of its preparations, whose committed evidence has both sides; in the order of the study.

    Raises MissingError if there is none.
    """
    found = []
    sides = dict.fromkeys((e.dataset, e.preparation) for e in plan.plan() if e.group in ("headline", "prepared"))
    for side in sides:
        trainings = {name: runs for name, groups, r in TRAININGS if (runs := _runs(*side, groups, (r,), out))}
        simple = {run.path.stem + run.recommender: run for run in _runs(*side, SIMPLE, baselines(), out)}
        if trainings and simple:
            found.append(Rivals(side[0], trainings, simple, plan.preparations()[side[1]]))
    if not found:
        raise MissingError("No data set has evidence of both GRU4Rec and a simple recommender. Run `audit_lib study`.")
    return found


def baselines() -> tuple[str, ...]:
    """The recommenders of the study that are no GRU4Rec."""
    return tuple(dict.fromkeys(e.recommender for e in plan.plan() if e.group == "simple"))


def _runs(
    dataset: str, preparation: str, groups: Iterable[str], recommenders: Iterable[str], out: Path | None
) -> list[Run]:
    wanted = {"dataset": dataset, "preparation": preparation, "variant": None}
    return [run for g in groups for r in recommenders for run in plan.find(out, group=g, recommender=r, **wanted)]


def specifications(sides: Iterable[Rivals], *, seed: int = 0) -> pd.DataFrame:
    """A row for every specification, in columns COLUMNS.

    gru4rec: its value, averaged over seeds. best: the simple recommender with the largest value, simple: that value.
    difference: gru4rec - simple; relative: that by simple. yes: difference > 0. low, high: the 95 % interval of the
    difference over sessions, where the whole catalogue is ranked; NaN where negatives are sampled.
    """
    tables = [pd.DataFrame(_of_dataset(side, seed), columns=list(COLUMNS)) for side in sides]
    return pd.concat(tables, ignore_index=True)


def _of_dataset(side: Rivals, seed: int) -> Iterator[tuple[object, ...]]:
    targets = side.runs[0].targets
    session = targets["session"].to_numpy()
    masks = {name: keep for name in TARGETS if (keep := chosen(targets, name)).any()}
    cases = list(product(masks, AVERAGES))
    weights = np.stack([_weights(session, masks[name], average) for name, average in cases])  # (cases, P)
    draws = [
        Resampling.of(session, average=average, resamples=RESAMPLES, seed=seed).where(masks[name])
        for name, average in cases
    ]
    for negatives in NEGATIVES:
        means = np.stack([_means(weights, values(c, negatives)) for c in side.counts], axis=-1)
        for t, ties in enumerate(metrics.TIES):
            bounds = _intervals(side, means[t], ties, draws, masks.values()) if negatives == "full" else None
            for m, c in np.ndindex(means.shape[1:3]):
                mean, (name, average) = means[t, m, c], cases[c]
                for training, own, best in _sides(side, mean):
                    low, high = (float("nan"),) * 2 if bounds is None else next(bounds)
                    value, simple = mean[own].mean(), mean[best]
                    yield (
                        side.dataset, *_prepared(side.preparation), training, *MEASURES[m], ties, average, name,
                        negatives, value, side.runs[best].recommender, simple, value - simple,
                        (value - simple) / simple if simple > 0 else float("nan"), bool(value > simple), low, high,
                    )  # fmt: skip


def _prepared(preparation: Preparation) -> tuple[str, str, str]:
    """The levels of PREPARED."""
    return (
        "usual" if preparation.test_share == 1 else "half",
        "usual" if preparation.min_item_support is None else "none",
        "collapsed" if preparation.collapse_repeats else "kept",
    )


def chosen(targets: pd.DataFrame, name: str) -> np.ndarray:
    """(P,) bool: all targets; `later`, those after two or more events; `last`, the last of each session."""
    if name == "all":
        return np.ones(len(targets), bool)
    if name == "later":
        return targets["step"].to_numpy() >= 2
    return targets["step"].to_numpy() == targets.groupby("session")["step"].transform("max").to_numpy()


def values(counts: Counts, negatives: str) -> dict[str, np.ndarray]:
    """(P, measures) float64 by tie policy: MEASURES over the whole catalogue, or expected among SAMPLE negatives."""
    if negatives == "full":
        return {ties: over_catalogue(counts, ties) for ties in metrics.TIES}
    return sampled.by_ties(counts, MEASURES, n=min(SAMPLE, counts.pool), sampling=negatives)


def over_catalogue(counts: Counts, ties: str) -> np.ndarray:
    """(P, measures) float64: MEASURES over the whole catalogue, computed once for targets of equal counts."""
    pairs, at = counts.pairs
    return np.stack([metrics.METRICS[metric](*pairs, k, ties) for metric, k in MEASURES], axis=1)[at]


def _weights(session: np.ndarray, keep: np.ndarray, average: str) -> np.ndarray:
    """(P,) float64: what each target counts in a mean over predictions, or over sessions of theirs; 0 if not kept."""
    if average == "micro":
        return keep.astype(np.float64)
    code = np.unique(session, return_inverse=True)[1]
    return keep / np.maximum(np.bincount(code, keep), 1.0)[code]


def _means(weights: np.ndarray, by_ties: Mapping[str, np.ndarray]) -> np.ndarray:
    """(ties, measures, cases): means of the values with the weights (cases, P)."""
    return np.stack([(weights @ values / weights.sum(1)[:, None]).T for values in by_ties.values()])


def _sides(side: Rivals, means: np.ndarray) -> Iterator[tuple[str, slice, int]]:
    """Each training, the columns of its seeds, and that of the best simple recommender."""
    first = len(side.runs) - len(side.simple)
    best, at = first + int(np.argmax(means[first:])), 0
    for training, runs in side.trainings.items():
        yield training, slice(at, at + len(runs)), best
        at += len(runs)


def _intervals(
    side: Rivals, means: np.ndarray, ties: str, draws: Sequence[Resampling], masks: Iterable[np.ndarray]
) -> Iterator[tuple[float, float]]:
    """The 95 % interval of each difference over the whole catalogue, by measure, case and training.

    means: (measures, cases, runs). draws: of every case. Differences on the same targets share their resamples.
    """
    every = np.stack([over_catalogue(c, ties).T for c in side.counts])  # (runs, measures, P)
    keep = [mask for mask in masks for _ in AVERAGES]
    trained = {training: every[own].mean(0) for training, own, _ in _sides(side, means[0, 0])}  # (measures, P)
    found = []
    for c, drawn in enumerate(draws):
        differences = [
            trained[training][m, keep[c]] - every[best, m, keep[c]]
            for m in range(len(MEASURES))
            for training, _, best in _sides(side, means[m, c])
        ]
        found.append(np.nanquantile(drawn.resampled(differences), [0.025, 0.975], axis=0).T)
    trainings = len(side.trainings)
    for m, c in np.ndindex(means.shape[:2]):
        yield from map(tuple, found[c][m * trainings : (m + 1) * trainings])


def deciding(table: pd.DataFrame) -> pd.DataFrame:
    """choice, levels, explained, pivotal: which choice decides the answer, the most decisive first.

    explained: the share of the variance of the answer that the choice alone explains, Var(E[yes | level]) / Var(yes);
    NaN if all specifications agree. pivotal: of the specifications that have a neighbour, which differs in this choice
    alone, the share whose answer one of them turns. Choices of one level, or without any neighbours, are left out. Data
    sets have one weight each.
    """
    rows = []
    yes, weight = table["yes"].astype(float), weights(table)
    for choice in CHOICES:
        if table[choice].nunique() < 2:
            continue
        each = (yes * weight).groupby(table[choice]).transform("sum") / weight.groupby(table[choice]).transform("sum")
        explained = _variance(each, weight) / _variance(yes, weight) if 0 < yes.mean() < 1 else float("nan")
        rest = yes.groupby([table[other] for other in CHOICES if other != choice])
        neighbours = rest.transform("size") > 1
        if not neighbours.any():
            continue
        turned = (rest.transform("min") != rest.transform("max"))[neighbours]
        pivotal = float(np.average(turned, weights=weights(table[neighbours])))
        rows.append((choice, table[choice].nunique(), explained, pivotal))
    found = pd.DataFrame(rows, columns=["choice", "levels", "explained", "pivotal"])
    return found.sort_values(["pivotal", "explained"], ascending=False, kind="stable", ignore_index=True)


def weights(table: pd.DataFrame) -> pd.Series:
    """Of each specification: one by the number of those of its data set, so that data sets count alike."""
    return 1.0 / table.groupby("dataset")["dataset"].transform("size")


def _variance(values: pd.Series, weight: pd.Series) -> float:
    return float(np.average((values - np.average(values, weights=weight)) ** 2, weights=weight))


def share(yes: pd.Series, table: pd.DataFrame) -> float:
    """The mean over data sets of the share of their specifications that say yes; NaN if there is none."""
    return float(np.average(yes, weights=weights(table))) if len(table) else float("nan")


def of_shops(table: pd.DataFrame) -> pd.DataFrame:
    """The specifications on logs of shops."""
    return table[table["dataset"].isin(SHOPS)]


def by_level(table: pd.DataFrame) -> pd.DataFrame:
    """A row for every level of every choice:

    choice, level, specifications, yes and shops (shares, over all logs and over those of shops), relative (median).
    """
    rows = [
        (choice, level, len(group), *(share(x["yes"], x) for x in (group, of_shops(group))), group["relative"].median())
        for choice in CHOICES
        for level, group in table.groupby(choice, sort=False)
    ]
    return pd.DataFrame(rows, columns=["choice", "level", "specifications", "yes", "shops", "relative"])


def curve(table: pd.DataFrame) -> pd.DataFrame:
    """The choices, yes, value, low and high: differences in shares of the best simple recommender's value.

    Specifications under which that is zero are left out.
    """
    table = table.dropna(subset=["relative"])
    bounds = {name: table[name] / table["simple"] for name in ("low", "high")}
    return table[[*CHOICES, "yes"]].assign(value=table["relative"], **bounds)


def answers(table: pd.DataFrame) -> dict[str, float]:
    """specifications, yes and shops (shares, over all logs and over those of shops); and of those with an interval:

    measured, surely_yes, surely_no, open (shares). In a share every data set has the same weight.
    """
    known, shops = table.dropna(subset=["low", "high"]), of_shops(table)
    above, below = (share(yes, known) for yes in (known["low"] > 0, known["high"] < 0))
    return {
        "specifications": len(table), "yes": share(table["yes"], table), "shops": share(shops["yes"], shops),
        "measured": len(known), "surely_yes": float(above), "surely_no": float(below), "open": float(1 - above - below),
    }  # fmt: skip


def closest(table: pd.DataFrame) -> pd.DataFrame:
    """Of each data set, the specification with the largest relative difference and the one with the smallest."""
    by_log = [values for _, values in table.groupby("dataset", sort=False)["relative"]]
    return table.loc[[at for values in by_log for at in (values.idxmax(), values.idxmin())]].reset_index(drop=True)
