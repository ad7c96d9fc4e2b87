"""What is held against what: the copied values of GRU4Rec, the targets that count, and every training of it.

Which training and which simple recommender stand for their side is said by `headline`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from audit_lib import published
from audit_lib.evidence import Run
from audit_lib.measures import ENGINES, TRAININGS, Book, K, values_of

COPIED = {"diginetica": "wu2019", "yoochoose1_64": "wu2019", "retailrocket": "xia2021"}  # and who printed the value
SIMPLE_GROUPS = ("simple", "literature", "tuned")  # of the study: the same recommenders in three settings


@cache
def min_step(dataset: str) -> int:
    """How many events come before a target of the publication whose value is copied; 1 where none is."""
    rows = published.table().query("dataset == @dataset and recommender == 'gru4rec' and k == @K")
    return int(rows.loc[rows["source"] == COPIED.get(dataset), "min_step"].max()) if dataset in COPIED else 1


def mean_of(run: Run, metric: str = "Recall") -> float:
    """A metric of one run over the targets that count, without an interval, which takes longer."""
    return float(values_of([run], metric, K, min_step(run.dataset))[0].mean())


def trained(book: Book, dataset: str) -> Iterator[tuple[str, str, list[Run]]]:
    """Group, engine and runs, one a seed, of every training of GRU4Rec as it should be that has evidence."""
    for group in TRAININGS:
        for engine in ENGINES:
            if runs := book.present(dataset=dataset, group=group, recommender=engine, variant=None):
                yield group, engine, runs
