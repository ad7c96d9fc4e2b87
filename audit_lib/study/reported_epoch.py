"""The epoch that is reported: the best one on the test part, against the one that validation chooses.

Public code of models in this field ranks the test part after every epoch and prints the maximum of each metric by
itself. Here the same is done with GRU4Rec (see `epochs`), and beside it what a training reports whose epoch is the best
by Recall@20 in validation: one epoch for all metrics, chosen before the test part is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from audit_lib.evaluation.resampling import Measured, Resampling
from audit_lib.study.epochs import Trajectory
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.results import Book, NotYet

GROUPS = {"epochs_2016": "gru4rec_2016", "epochs": "gru4rec"}  # of the study, and what they train
METRICS = ("Recall", "MRR")


class Looked(NamedTuple):
    """What the choice of an epoch on test adds to trainings, one a seed, in one metric. Epochs are counted from 1.

    epochs: how many were ranked. chosen: the epoch of each that is chosen otherwise. best: that with the maximum on
    test. honest: the value at the former, with its interval. maximum: the mean of the maxima. gain: maximum less
    honest.
    """

    epochs: int
    chosen: tuple[int, ...]
    best: tuple[int, ...]
    honest: Measured
    maximum: float
    gain: Measured


def trajectories(book: Book, dataset: str, group: str) -> list[Trajectory]:
    """Those that are finished, one a seed. Raises NotYet, naming the missing ones, if none is."""
    found = [run for run in book.present(dataset=dataset, group=group) if isinstance(run, Trajectory)]
    return found or cast(list[Trajectory], book.runs(dataset=dataset, group=group))


@cache
def reported(book: Book, dataset: str, group: str, metric: str = "Recall", *, last: bool = False) -> Looked:
    """What the choice of the epoch on test adds to Recall@20 or MRR@20, over the targets that count, and all seeds.

    The maximum is taken anew in every resample, so that another test part may have another best epoch. It is never
    below the value at the chosen epoch, in no resample either: the interval says how large the gain may be, and does
    not ask whether there is one. last: it is held against the last epoch, not against the one that validation chooses.
    Computed once for a book; raises NotYet where there is no evidence.
    """
    runs, step = trajectories(book, dataset, group), min_step(dataset)
    each = [run.values(metric, min_step=step) for run in runs]
    chosen = [int(run.validation["recall"].to_numpy().argmax()) for run in runs]  # the earliest of equals
    return looked(each, runs[0].resampling(step), None if last else chosen)


def looked(each: Sequence[np.ndarray], drawn: Resampling, chosen: Sequence[int] | None = None) -> Looked:
    """Compares the best epoch on test with a chosen one. each: (epochs, Q) a seed.

    chosen: an epoch of each, from 0; by default the last.
    """
    chosen = [len(values) - 1 for values in each] if chosen is None else chosen
    values = stacked(each)
    honest = values[list(chosen), np.arange(len(each))]
    means = values.mean(2)  # (epochs, R)
    gain = drawn.choice(list(values), honest, each_seed=True)
    gain = gain._replace(low=max(gain.low, 0.0))  # it cannot be below zero; widened for few seeds, its interval can
    return Looked(
        len(each[0]), tuple(epoch + 1 for epoch in chosen), tuple(int(epoch) + 1 for epoch in means.argmax(0)),
        drawn.over_seeds(honest), float(means.max(0).mean()), gain,
    )  # fmt: skip


def stacked(each: Sequence[np.ndarray]) -> np.ndarray:
    """(epochs, R, Q) of (epochs, Q) each: a training that ended earlier stays at its last epoch."""
    longest = max(map(len, each))
    return np.stack([np.pad(x, ((0, longest - len(x)), (0, 0)), mode="edge") for x in each], axis=1)


def curves(book: Book) -> pd.DataFrame:
    """dataset, group, seed, epoch, test, validation: Recall@20 after every epoch of every finished trajectory."""
    rows = []
    for dataset in COPIED:
        for group in GROUPS:
            try:
                runs = trajectories(book, dataset, group)
            except NotYet:
                continue
            for run in runs:
                test, known = run.values("Recall", min_step=min_step(dataset)).mean(1), run.validation
                rows += [
                    (dataset, group, run.seed, int(e), t, v)
                    for e, t, v in zip(known["epoch"], test, known["recall"], strict=True)
                ]
    return pd.DataFrame(rows, columns=["dataset", "group", "seed", "epoch", "test", "validation"])
