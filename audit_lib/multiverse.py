"""The specification curve of one question: does GRU4Rec beat the best simple recommender?

A *specification* is one defensible way to answer it: a data set, a training of GRU4Rec, a metric and its cutoff, a tie
policy, an average, which targets count, and which negatives each is ranked against. All of them follow from committed
ranks, so that all are computed (Simonsohn, Simmons & Nelson 2020). The best simple recommender is chosen anew under
every specification, by the very value that is compared: that favours it, never GRU4Rec.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from audit_lib import experiments, metrics, sampled
from audit_lib.errors import InputError, MissingError
from audit_lib.evidence import Run
from audit_lib.labels import name_of, translator
from audit_lib.resampling import resampled_means, session_sums
from audit_lib.sampled import Counts
from audit_lib.tables import Translate

CHOICES = ("dataset", "training", "metric", "k", "ties", "average", "targets", "negatives")
COLUMNS = (*CHOICES, "gru4rec", "best", "simple", "difference", "relative", "yes", "low", "high")
# At K = 1 the three metrics are one.
MEASURES = (("Recall", 1), *((metric, k) for metric in metrics.METRICS for k in (5, 10, 20)))
TARGETS = ("all", "later", "last")
NEGATIVES = ("full", "uniform", "popularity")
SAMPLE = 100
RESAMPLES = 1000
# Trainings of GRU4Rec: (name, groups of the study, recommender).
TRAININGS = (
    ("cross-entropy", ("headline",), "gru4rec"),
    ("official", ("headline",), "gru4rec_official"),
    ("bpr-max", ("headline_bpr_max", "third_party_bpr_max"), "gru4rec"),
)
SIMPLE = ("simple", "literature")
# A log whose items were drawn independently has no order to be learned, and would answer another question.
WITHOUT_ORDER = ("seed_demo",)


@dataclass(frozen=True)
class Rivals:
    """The evidence of one data set: runs of GRU4Rec by training, one a seed, and one of each simple recommender."""

    dataset: str
    trainings: Mapping[str, Sequence[Run]]
    simple: Mapping[str, Run]

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
    """Every data set whose committed evidence has both sides, in the order of the study.

    Raises MissingError if there is none.
    """
    found = []
    for name in dict.fromkeys(e.dataset for e in experiments.plan() if e.group == "headline"):
        if name in WITHOUT_ORDER:
            continue
        trainings = {training: _runs(name, groups, recommender, out) for training, groups, recommender in TRAININGS}
        trainings = {training: runs for training, runs in trainings.items() if runs}
        simple = {run.path.stem + run.recommender: run for run in _runs(name, SIMPLE, None, out)}
        if trainings and simple:
            found.append(Rivals(name, trainings, simple))
    if not found:
        raise MissingError("No data set has evidence of both GRU4Rec and a simple recommender. Run `audit_lib study`.")
    return found


def _runs(dataset: str, groups: Iterable[str], recommender: str | None, out: Path | None) -> list[Run]:
    wanted = {"dataset": dataset, "variant": None} | ({"recommender": recommender} if recommender else {})
    return [run for group in groups for run in experiments.find(out, group=group, **wanted)]


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
    rows, differences = [], {(name, average): [] for name in masks for average in ("micro", "macro")}
    for negatives, ties in product(NEGATIVES, metrics.TIES):
        every = np.stack([values(c, ties, negatives) for c in side.counts], axis=2)  # (P, measures, runs)
        for (metric, k), of_runs in zip(MEASURES, every.transpose(1, 0, 2), strict=True):
            for (name, average), kept in differences.items():
                keep = masks[name]
                means = _means(of_runs[keep], session[keep], average)
                for training, own, best in _sides(side, means):
                    rows.append((
                        side.dataset, training, metric, k, ties, average, name, negatives,
                        means[own].mean(), side.runs[best].recommender, means[best],
                    ))  # fmt: skip
                    if negatives == "full":
                        kept.append((len(rows) - 1, of_runs[keep][:, own].mean(1) - of_runs[keep, best]))
    bounds = _intervals(differences, {name: session[keep] for name, keep in masks.items()}, seed)
    for i, row in enumerate(rows):
        own, simple = row[-3], row[-1]
        relative = (own - simple) / simple if simple > 0 else float("nan")
        yield (*row, own - simple, relative, bool(own > simple), *bounds.get(i, (float("nan"),) * 2))


def chosen(targets: pd.DataFrame, name: str) -> np.ndarray:
    """(P,) bool: all targets; `later`, those after two or more events; `last`, the last of each session."""
    if name == "all":
        return np.ones(len(targets), bool)
    if name == "later":
        return targets["step"].to_numpy() >= 2
    return targets["step"].to_numpy() == targets.groupby("session")["step"].transform("max").to_numpy()


def values(counts: Counts, ties: str, negatives: str) -> np.ndarray:
    """(P, measures) float64: MEASURES over the whole catalogue, or expected among SAMPLE sampled negatives."""
    if negatives == "full":
        each = [metrics.METRICS[metric](counts.above, counts.equal, k, ties) for metric, k in MEASURES]
        return np.stack(each, axis=1)
    return sampled.expectations(counts, MEASURES, n=min(SAMPLE, counts.pool), sampling=negatives, ties=ties)


def _means(values: np.ndarray, session: np.ndarray, average: str) -> np.ndarray:
    """(runs,) means over predictions, or over sessions of theirs."""
    if average == "micro":
        return values.mean(0)
    code = np.unique(session, return_inverse=True)[1]
    weight = 1.0 / np.bincount(code)[code]
    return weight @ values / weight.sum()


def _sides(side: Rivals, means: np.ndarray) -> Iterator[tuple[str, slice, int]]:
    """Each training, the columns of its seeds, and that of the best simple recommender."""
    first = len(side.runs) - len(side.simple)
    best, at = first + int(np.argmax(means[first:])), 0
    for training, runs in side.trainings.items():
        yield training, slice(at, at + len(runs)), best
        at += len(runs)


def _intervals(
    differences: Mapping[tuple[str, str], list[tuple[int, np.ndarray]]], session: Mapping[str, np.ndarray], seed: int
) -> dict[int, tuple[float, float]]:
    """Row: the 95 % interval of the mean of its differences. Rows on the same targets share their resamples."""
    found = {}
    for (name, average), kept in differences.items():
        sums = session_sums(np.stack([d for _, d in kept], axis=1), session[name], average=average)
        low, high = np.quantile(resampled_means(sums, resamples=RESAMPLES, seed=seed), [0.025, 0.975], axis=0)
        found |= {row: (low[i], high[i]) for i, (row, _) in enumerate(kept)}
    return found


def deciding(table: pd.DataFrame) -> pd.DataFrame:
    """choice, levels, explained, pivotal: which choice decides the answer, the most decisive first.

    explained: the share of the variance of the answer that the choice alone explains, Var(E[yes | level]) / Var(yes);
    NaN if all specifications agree. pivotal: the share of specifications whose answer another level of this choice
    turns, all else equal. Choices of one level are left out.
    """
    rows = []
    yes = table["yes"].astype(float)
    for choice in CHOICES:
        if table[choice].nunique() < 2:
            continue
        by_level = yes.groupby(table[choice]).transform("mean")
        explained = by_level.var(ddof=0) / yes.var(ddof=0) if 0 < yes.mean() < 1 else float("nan")
        rest = yes.groupby([table[other] for other in CHOICES if other != choice])
        pivotal = float((rest.transform("min") != rest.transform("max")).mean())
        rows.append((choice, table[choice].nunique(), explained, pivotal))
    found = pd.DataFrame(rows, columns=["choice", "levels", "explained", "pivotal"])
    return found.sort_values(["pivotal", "explained"], ascending=False, kind="stable", ignore_index=True)


def by_level(table: pd.DataFrame) -> pd.DataFrame:
    """choice, level, specifications, yes (share), relative (median): a row for every level of every choice."""
    rows = [
        (choice, level, len(group), group["yes"].mean(), group["relative"].median())
        for choice in CHOICES
        for level, group in table.groupby(choice, sort=False)
    ]
    return pd.DataFrame(rows, columns=["choice", "level", "specifications", "yes", "relative"])


def curve(table: pd.DataFrame) -> pd.DataFrame:
    """The choices, yes, value, low and high: differences in shares of the best simple recommender's value.

    Specifications under which that is zero are left out.
    """
    table = table.dropna(subset=["relative"])
    bounds = {name: table[name] / table["simple"] for name in ("low", "high")}
    return table[[*CHOICES, "yes"]].assign(value=table["relative"], **bounds)


def answers(table: pd.DataFrame) -> dict[str, float]:
    """specifications, yes (share); and of those with an interval: measured, surely_yes, surely_no, open (shares)."""
    known = table.dropna(subset=["low", "high"])
    above, below = (known["low"] > 0).mean(), (known["high"] < 0).mean()
    return {
        "specifications": len(table),
        "yes": float(table["yes"].mean()),
        "measured": len(known),
        "surely_yes": float(above),
        "surely_no": float(below),
        "open": float(1 - above - below),
    }


def closest(table: pd.DataFrame) -> pd.DataFrame:
    """Of each data set, the specification with the largest relative difference and the one with the smallest."""
    places = [at for _, group in table.groupby("dataset", sort=False) for at in _extremes(group["relative"])]
    return table.loc[places].reset_index(drop=True)


def _extremes(values: pd.Series) -> tuple[object, object]:
    return values.idxmax(), values.idxmin()


# --- before a reader

LABELS = {
    "dataset": "Data set", "training": "Training", "metric": "Metric", "k": "Cutoff", "ties": "Ties",
    "average": "Average", "targets": "Targets", "negatives": "Negatives",
}  # fmt: skip
_LEVELS = {
    "training": {
        "cross-entropy": "Cross-entropy", "official": "Cross-entropy, official code", "bpr-max": "BPR-max",
    },
    "ties": {"standard": "Standard", "conservative": "Conservative", "median": "Median", "expected": "Expected"},
    "average": {"micro": "Mean of predictions", "macro": "Mean of sessions"},
    "targets": {
        "all": "All targets", "later": "After two or more events", "last": "Last of each session",
    },
    "negatives": {
        "full": "Whole catalogue", "uniform": "100 uniform", "popularity": "100 by popularity",
    },
}  # fmt: skip


def level_name(choice: str, level: object, translate: Translate) -> str:
    """What a level of a choice is called in text; names of data sets and metrics, and numbers, as they are."""
    names = _LEVELS.get(choice)
    return translate(names[str(level)]) if names else str(level)


def deciding_table(table: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`deciding` under headings."""
    return pd.DataFrame({
        "Choice": [translate(LABELS[choice]) for choice in table["choice"]],
        "Levels": table["levels"],
        "Turns the answer": table["pivotal"],
        "Variance explained": table["explained"],
    })  # fmt: skip


def levels_table(table: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`by_level` under headings."""
    return pd.DataFrame({
        "Choice": [translate(LABELS[choice]) for choice in table["choice"]],
        "Level": [level_name(row.choice, row.level, translate) for row in table.itertuples()],
        "Specifications": table["specifications"],
        "GRU4Rec ahead": table["yes"],
        "Relative difference, median": table["relative"],
    })  # fmt: skip


FORMATS = {
    "Turns the answer": ".1%", "Variance explained": "z.1%", "GRU4Rec ahead": ".1%",
    "Relative difference, median": "+z.1%",
}  # fmt: skip


def sides_table(sides: Iterable[Rivals], lang: str) -> pd.DataFrame:
    """A row for each data set: its targets, the trainings of GRU4Rec with their seeds, and the simple recommenders."""
    _ = translator(lang)
    rows = [
        (
            side.dataset, len(side.runs[0].ranks),
            ", ".join(
                f"{level_name('training', training, _)} ({len(runs)})"
                for training, runs in side.trainings.items()
            ),
            ", ".join(dict.fromkeys(name_of(run.recommender, lang) for run in side.simple.values())),
        )
        for side in sides
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Data set", "Predictions", "GRU4Rec (seeds)", "Simple recommenders"])


def closest_table(table: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Specifications under headings, choices in words."""
    _ = translator(lang)
    words = {LABELS[c]: [level_name(c, level, _) for level in table[c]] for c in ("dataset", "training")}
    metric = [f"{row.metric}@{row.k}" for row in table.itertuples()]
    more = {LABELS[c]: [level_name(c, level, _) for level in table[c]] for c in ("ties", "average", "targets")}
    values = {
        "GRU4Rec": table["gru4rec"],
        "Best simple": [name_of(name, lang) for name in table["best"]],
        "Its value": table["simple"],
        "95 % interval of the difference": [f"{row.low:z.4f} – {row.high:z.4f}" for row in table.itertuples()],
    }
    return pd.DataFrame(words | {"Metric": metric} | more | values)


def provenance_table(sides: Iterable[Rivals], lang: str) -> pd.DataFrame:
    """A row for each run: data set, recommender, seed, evidence, split, commit."""
    rows = [
        (
            run.dataset, name_of(run.recommender, lang), run.seed, run.manifest["sha256"][:12],
            run.manifest["split"]["hash"][:12], (run.manifest["git_commit"] or "–")[:12],
        )
        for side in sides for run in side.runs
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Data set", "Recommender", "Seed", "Evidence", "Split", "Commit"])
