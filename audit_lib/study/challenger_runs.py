"""Trainings of a challenger from its authors' code: the evidence after every epoch, and what follows from it.

Evidence of a challenger is that of any recommender: a training that was ranked after every epoch (see `epochs`), or one
run for each number of epochs, which stands as `n_epochs` in its configuration. The trainings of one seed are the
beginnings of one another, so that together they are its course.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit_lib.data.datasets import REGISTRY
from audit_lib.errors import EvidenceError
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import digest
from audit_lib.study import epochs, evidence, headline
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.reported_epoch import METRICS, Looked, looked, stacked
from audit_lib.study.results import ENGINES, Book, NotYet

DATASETS = ("diginetica", "yoochoose1_64")  # whose published targets the challengers' values are of
SEEDLESS = 0  # under which the evidence of a recommender stands that has no chance in it


class Course(NamedTuple):
    """One seed of a training. epochs: those that have evidence, upwards; runs: the evidence after each, or of all."""

    seed: int
    epochs: tuple[int, ...]
    runs: tuple[Run, ...]

    @property
    def whole(self) -> bool:
        """Whether it has come to the last epoch of its configuration."""
        return self.epochs[-1] == self.runs[-1].manifest["config"]["n_epochs"]

    def values(self, metric: str, step: int) -> np.ndarray:
        """(epochs, Q) float64: a metric at K = 20 of every target that counts, after each epoch."""
        values = [np.atleast_2d(run.values(metric, min_step=step)) for run in self.runs]
        return np.concatenate(values)


def courses(book: Book, dataset: str, model: str) -> list[Course]:
    """What a folder holds of a model on the default split of a log, by seed; empty if it was not run.

    Raises EvidenceError if there are two configurations that differ in more than the number of epochs.
    """
    where = f"{dataset}/{REGISTRY[dataset].split}-*/{model}/*.json"
    apart, whole = (sorted(folder.glob(where)) for folder in (book.folder, book.folder / epochs.FOLDER))
    by_seed: dict[int, dict[int, Run]] = {}
    for run in map(evidence.read, apart):
        by_seed.setdefault(run.seed, {})[run.manifest["config"]["n_epochs"]] = run
    found = {seed: Course(seed, *map(tuple, zip(*sorted(by.items()), strict=True))) for seed, by in by_seed.items()}
    for run in map(epochs.read, whole):  # which may have the last epoch as a run, too
        found[run.seed] = Course(run.seed, tuple(entry["epoch"] for entry in run.manifest["log"]), (run,))
    configs = {digest(run.manifest["config"] | {"n_epochs": 0}) for course in found.values() for run in course.runs}
    if len(configs) > 1:
        raise EvidenceError(f"There are two configurations of {model} on '{dataset}'. Keep evidence of one of them.")
    return [found[seed] for seed in sorted(found)]


def needed(book: Book, dataset: str, model: str) -> list[Course]:
    """The whole ones, since a best epoch needs all. Raises NotYet, which names them, if there is none."""
    found = [course for course in courses(book, dataset, model) if course.whole]
    if not found:
        raise NotYet(f"{dataset}, {model}")
    return found


def by_epoch(dataset: str, found: Sequence[Course]) -> pd.DataFrame:
    """dataset, seed, epoch, metric, value: Recall@20 and MRR@20 over the targets that count."""
    rows = [
        (dataset, course.seed, epoch, metric, float(value))
        for course in found for metric in METRICS
        for epoch, value in zip(course.epochs, course.values(metric, min_step(dataset)).mean(1), strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["dataset", "seed", "epoch", "metric", "value"])


def look(dataset: str, found: Sequence[Course], metric: str) -> Looked:
    """What the best epoch on test adds to the last one; `best` holds epochs, as they are counted there."""
    step = min_step(dataset)
    each = [course.values(metric, step) for course in found]
    said = looked(each, found[0].runs[0].resampling(step))
    return said._replace(best=tuple(course.epochs[i - 1] for course, i in zip(found, said.best, strict=True)))


def difference(
    dataset: str, found: Sequence[Course], rivals: Sequence[Run], metric: str = "Recall", *, best: bool
) -> Measured:
    """A challenger less another recommender, paired by target and by seed, with its interval.

    best: of each metric the best epoch on test, as the challenger's own code reports it, chosen anew in every resample;
    otherwise its last epoch. A rival without chance in it is the same beside every seed. Raises NotYet if the two have
    no seed in common.
    """
    other, step = {run.seed: run for run in rivals}, min_step(dataset)
    if all(run.recommender not in ENGINES for run in rivals) and set(other) == {SEEDLESS}:
        other = {course.seed: other[SEEDLESS] for course in found}
    mine = [course for course in found if course.seed in other]
    if not mine:
        raise NotYet(f"{dataset}: a seed of both {found[0].runs[0].recommender} and {rivals[0].recommender}")
    values = stacked([course.values(metric, step) for course in mine])
    theirs = np.stack([other[course.seed].values(metric, min_step=step) for course in mine])
    drawn = rivals[0].resampling(step)
    return drawn.choice(list(values), theirs, each_seed=True) if best else drawn.difference(values[-1], theirs)


def gap(book: Book, *, dataset: str, model: str, metric: str = "Recall") -> Measured:
    """A challenger, as its own code reports it, less GRU4Rec: `difference` to the headline training of the log."""
    found = needed(book, dataset, model)
    ours = headline.needed(headline.of(book, dataset), f"{dataset}, gru4rec")
    return difference(dataset, found, ours.runs, metric, best=True)
