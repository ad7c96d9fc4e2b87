"""GRU4Rec against the best simple recommender on every log, paired by target, in Recall@20 and in MRR@20.

One training of GRU4Rec and one simple recommender stand for their side on a log, chosen on validation (`headline`), so
that no log counts twice and the test part chooses neither.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from audit_lib.evaluation import comparisons
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.study import headline
from audit_lib.study.headline import Chosen
from audit_lib.study.literature_values import min_step
from audit_lib.study.results import Book, NotYet, values_of
from book.press.facts.source import Source

# Logs with an order to learn, on which GRU4Rec is held against simple recommenders.
DATASETS = ("diginetica", "yoochoose1_64", "retailrocket", "rsc15_100k", "entree", "foursquare_nyc", "movielens_100k")
METRICS = ("Recall", "MRR")


class Side(NamedTuple):
    """GRU4Rec less the simple recommender in one metric: both values, the difference and its p, before Holm and after.

    value and simple: with intervals over sessions and, of GRU4Rec, seeds; difference: paired by target. p: of the
    permutation test over sessions; p_holm: after Holm's correction over the logs, of this metric.
    """

    value: Measured
    simple: Measured
    difference: Measured
    p: float
    p_holm: float


class Contrast(NamedTuple):
    """What stands for each side of a log, and the two compared."""

    dataset: str
    ours: Chosen
    best: Chosen
    recall: Side
    mrr: Side

    def of(self, metric: str) -> Side:
        """The comparison in Recall or in MRR."""
        return self.recall if metric == "Recall" else self.mrr

    @property
    def unsearched(self) -> str:
        """Which side was not searched on this log: 'gru4rec', 'simple', 'both', or '' if both were."""
        ours = headline.searched(self.dataset, self.ours.recommender)
        theirs = headline.searched(self.dataset, self.best.recommender)
        return {(True, True): "", (True, False): "simple", (False, True): "gru4rec"}.get((ours, theirs), "both")

    @property
    def turns(self) -> bool:
        """Whether the two metrics name different winners, by intervals that exclude zero."""
        return winner(self.recall) * winner(self.mrr) < 0


def winner(side: Side) -> int:
    """1 if GRU4Rec is ahead by an interval that excludes zero, −1 if it is behind, 0 if that cannot be told."""
    return int(side.difference.low > 0) - int(side.difference.high < 0)


def _side(ours: Chosen, best: Chosen, metric: str) -> Side:
    step = min_step(ours.dataset)
    mine, drawn = values_of(ours.runs, metric, K, step)
    theirs, _ = values_of(best.runs, metric, K, step)
    value, simple = (drawn.over_seeds(values) for values in (mine, theirs))
    p = drawn.p_value(mine.mean(0), theirs[0])
    return Side(value, simple, drawn.difference(mine, theirs), p, p)


@cache
def _contrasts(book: Book) -> tuple[Contrast, ...]:
    found = []
    for dataset in DATASETS:
        try:
            ours, best = headline.of(book, dataset), headline.best_simple(book, dataset)
        except NotYet:  # nobody has validated a side of this log: its row appears when somebody has
            continue
        if ours is not None and best is not None:
            found.append(Contrast(dataset, ours, best, *(_side(ours, best, metric) for metric in METRICS)))
    if not found:
        return ()
    recall, mrr = (np.asarray(comparisons.holm([c.of(metric).p for c in found])) for metric in METRICS)
    return tuple(
        c._replace(recall=c.recall._replace(p_holm=float(a)), mrr=c.mrr._replace(p_holm=float(b)))
        for c, a, b in zip(found, recall, mrr, strict=True)
    )


def contrasts(source: Source) -> tuple[Contrast, ...]:
    """The contrast of every log that has evidence, in the order of DATASETS; computed once for a book."""
    return _contrasts(source.book)
