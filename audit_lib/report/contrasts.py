"""GRU4Rec against the best simple recommender, paired by target, on every log and for every training."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from audit_lib import inference
from audit_lib.compared import best_simple, min_step, trained
from audit_lib.measures import Book, K, Measured, over, values_of
from audit_lib.report.documents import Source

# Logs with an order to learn, on which GRU4Rec is held against simple recommenders.
DATASETS = ("diginetica", "yoochoose1_64", "retailrocket", "rsc15_100k", "entree", "foursquare_nyc", "movielens_100k")


class Contrast(NamedTuple):
    """GRU4Rec less the simple recommender that is best on these targets, paired by target.

    value: of GRU4Rec over sessions and seeds. difference: likewise. p: of the permutation test over sessions, p_holm:
    after Holm's correction over all contrasts of the table. The best is chosen on the test part, in its favour.
    """

    dataset: str
    group: str
    engine: str
    value: Measured
    mrr: Measured
    best: str
    settings: str
    simple: float
    difference: Measured
    p: float
    p_holm: float


@cache
def _contrasts(folder: Path, study: Path) -> tuple[Contrast, ...]:
    book, found = Book(folder, study), []
    for dataset in DATASETS:
        best, step = best_simple(book, dataset), min_step(dataset)
        if best is None:
            continue
        theirs, drawn = values_of([best[1]], "Recall", K, step)
        for group, engine, runs in trained(book, dataset):
            ours, _ = values_of(runs, "Recall", K, step)
            difference, p = Measured.of(drawn.difference(ours, theirs)), drawn.p_value(ours.mean(0), theirs[0])
            value, mrr = (over(runs, metric, K, step) for metric in ("Recall", "MRR"))
            simple = best[1].recommender, best[0], float(theirs.mean())
            found.append(Contrast(dataset, group, engine, value, mrr, *simple, difference, p, p))
    holm = inference.holm([c.p for c in found]) if found else []
    return tuple(c._replace(p_holm=float(p)) for c, p in zip(found, holm, strict=True))


def contrasts(source: Source) -> tuple[Contrast, ...]:
    """Every contrast that has evidence, in the order of DATASETS; computed once for a folder of evidence."""
    return _contrasts(source.book.folder, source.book.study)
