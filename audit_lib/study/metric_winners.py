"""Whether Recall@20 and MRR@20 name the same winner on a log, among all recommenders that ran there.

Every recommender stands in the configuration that is best in validation (see `headline`). A recommender overtakes the
winner by Recall@20 if it is ahead of it in MRR@20 and behind it in Recall@20, both by paired intervals that exclude
zero: two metrics that differ within their noise name no two winners.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.study import headline
from audit_lib.study.literature_values import min_step
from audit_lib.study.results import Book, NotYet, values_of


class Winners(NamedTuple):
    """The best by each metric on the test part, and those that overtake the winner by Recall@20.

    overtaking: name and, of that recommender less the winner, the differences of Recall@20 and MRR@20.
    """

    dataset: str
    recall: str
    mrr: str
    overtaking: tuple[tuple[str, Measured, Measured], ...]


@cache
def winners(book: Book, dataset: str) -> Winners:
    """The winners on a log, computed once for a book. Raises NotYet without two recommenders."""
    sides = headline.by_recommender(book, dataset)
    if len(sides) < 2:
        raise NotYet(f"{dataset}, recommenders")
    rows = {
        metric: {name: values_of(side.runs, metric, K, min_step(dataset)) for name, side in sides.items()}
        for metric in ("Recall", "MRR")
    }
    _, drawn = next(iter(rows["Recall"].values()))
    means = {metric: {name: values.mean() for name, (values, _) in each.items()} for metric, each in rows.items()}
    best = {metric: max(each, key=lambda name: each[name]) for metric, each in means.items()}
    winner, overtaking = best["Recall"], []
    for name in sides:
        if means["MRR"][name] <= means["MRR"][winner]:
            continue  # it is not ahead, whatever the interval
        recall, mrr = (drawn.difference(each[name][0], each[winner][0]) for each in rows.values())
        if recall.high < 0 < mrr.low:
            overtaking.append((name, recall, mrr))
    return Winners(dataset, best["Recall"], best["MRR"], tuple(overtaking))
