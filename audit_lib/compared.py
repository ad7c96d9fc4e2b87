"""What is held against what: the copied values of GRU4Rec, the targets that count for them, and the best simple one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from audit_lib import published
from audit_lib.evidence import Run
from audit_lib.measures import TRAININGS, Book, K, values_of

COPIED = {"diginetica": "wu2019", "yoochoose1_64": "wu2019", "retailrocket": "xia2021"}  # and who printed the value
ENGINES = ("gru4rec", "gru4rec_official")
SIMPLE_GROUPS = ("simple", "literature", "tuned")  # of the study: the same recommenders in three settings


@cache
def min_step(dataset: str) -> int:
    """How many events come before a target of the publication whose value is copied; 1 where none is."""
    rows = published.table().query("dataset == @dataset and recommender == 'gru4rec' and k == @K")
    return int(rows.loc[rows["source"] == COPIED.get(dataset), "min_step"].max()) if dataset in COPIED else 1


def mean_of(run: Run, metric: str = "Recall") -> float:
    """A metric of one run over the targets that count, without an interval, which takes longer."""
    return float(values_of([run], metric, K, min_step(run.dataset))[0].mean())


def best_simple(book: Book, dataset: str) -> tuple[str, Run] | None:
    """Group and run of the simple recommender with the highest Recall@20 on the targets that count, if any ran."""
    runs = [(group, run) for group in SIMPLE_GROUPS for run in book.present(dataset=dataset, group=group)]
    return max(runs, key=lambda pair: mean_of(pair[1]), default=None)


def trained(book: Book, dataset: str) -> Iterator[tuple[str, str, list[Run]]]:
    """Group, engine and runs, one a seed, of every training of GRU4Rec as it should be that has evidence."""
    for group in TRAININGS:
        for engine in ENGINES:
            if runs := book.present(dataset=dataset, group=group, recommender=engine, variant=None):
                yield group, engine, runs


def paired(first: Iterable[Run], second: Iterable[Run], min_step: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall@20 of both over the seeds that both have, (R, P) each, and the (P,) sessions; R = 0 if they share none."""
    one, other = ({run.seed: run for run in runs} for runs in (first, second))
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        return np.empty((0, 0)), np.empty((0, 0)), np.empty(0)
    a, session = values_of([one[seed] for seed in seeds], "Recall", K, min_step)
    b, _ = values_of([other[seed] for seed in seeds], "Recall", K, min_step)
    return a, b, session
