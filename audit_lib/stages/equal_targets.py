"""Whether the targets are those of a publication: their number, and recommenders in which nothing can be set."""

from __future__ import annotations

import pandas as pd

from audit_lib.data.datasets import REGISTRY
from audit_lib.evaluation.metrics import K
from audit_lib.show import words
from audit_lib.show.table import EXACT, FINE, Table
from audit_lib.stages.literature import cited
from audit_lib.study import literature_values
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.results import SIMPLE, Book, mean_of

UNSET = ("popularity", "session_popularity")
COLUMNS = (
    "dataset", "source", "counted", "targets", "outside", "recommender",
    "recall_published", "recall_here", "recall_difference", "mrr_published", "mrr_here", "mrr_difference",
)  # fmt: skip


def found(book: Book, *, lang: str = "en") -> pd.DataFrame:
    """COLUMNS, a row for each log whose split is published with values of GRU4Rec, and each recommender of UNSET.

    counted: targets as the publication counts them; targets: as evidence has them; outside: those of items that train
    lacks. Values are at K = 20 over these targets; NaN where the publication prints none.
    """
    printed, rows = literature_values.table(), []
    printed = printed[printed["k"] == K]
    for dataset, source in COPIED.items():
        step = min_step(dataset)
        counted = REGISTRY[dataset].predictions["test" if step == 1 else f"test_prefix{step}"]
        for name in UNSET:
            runs = book.present(dataset=dataset, group=SIMPLE, recommender=name)
            if not runs:
                continue
            targets = int((runs[0].targets["step"] >= step).sum())
            outside = runs[0].manifest["split"].get("targets_outside_catalogue", 0)
            said = printed.query("dataset == @dataset and source == @source and recommender == @name")
            values: list[float] = []
            for metric in ("Recall", "MRR"):
                value = said[metric.lower()].iloc[0] if len(said) else float("nan")
                here = mean_of(runs[0], metric)  # an interval is not shown, and takes long
                values += [value, here, here - value]
            called = words.name_of(name, lang)
            rows.append((dataset, cited(source, lang), counted, targets, outside, called, *values))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def equal_targets_table(table: pd.DataFrame, lang: str) -> Table:
    """`found`."""
    headings = (
        "Data set", "Source", "Targets, as published", "Targets here", "Outside train", "Recommender",
        "Recall@20, as published", "Recall@20 here", "Difference of Recall@20",
        "MRR@20, as published", "MRR@20 here", "Difference of MRR@20",
    )  # fmt: skip
    formats = dict.fromkeys(headings[6:], EXACT) | dict.fromkeys(headings[8::3], FINE)
    return Table(table.set_axis(list(headings), axis=1), lang=lang, formats=formats)
