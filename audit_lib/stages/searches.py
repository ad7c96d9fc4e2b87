"""What a search of GRU4Rec's settings added: the best value in validation, and what became of it on the test part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit_lib.show.table import DIFFERENCE, Label, Table, intervals
from audit_lib.study import headline, presets, spaces
from audit_lib.study.literature_values import min_step
from audit_lib.study.results import TRAININGS, Book, mean_of, paired

NAME, GROUP = "gru4rec", "headline_tuned"
LOSSES = {"cross-entropy": "Cross-entropy", "bpr-max": "BPR-max"}
ORIGINS = {"authors": "Its authors", "study": "This study", "drawn": "Drawn"}
COLUMNS = (
    "dataset", "loss", "origin", "trials", "evaluations", "validation", "value", "seeds", "before", "gain", "low",
    "high",
)  # fmt: skip


def found(book: Book) -> pd.DataFrame:
    """COLUMNS, a row for each search of GRU4Rec whose settings were then trained on the whole train part.

    origin: whose settings won (see `origin`). validation: Recall@20 of the best trial there; value: on the test part,
    mean over seeds. before: the group of the best training that was not searched, by the test part, in its favour;
    gain: value less that one's, paired by target and seed, with its 95 % interval. On the targets of the publication.
    """
    rows = []
    for dataset, entries in presets.tuned().items():
        tuned = book.present(dataset=dataset, group=GROUP, recommender=NAME, variant=None)
        others = [side for side in headline.trainings(book, dataset) if side.group != GROUP]
        if NAME not in entries or not tuned or not others:
            continue
        before = max(others, key=lambda side: sum(map(mean_of, side.runs)) / len(side.runs))
        a, b, drawn = paired(tuned, before.runs, min_step=min_step(dataset))
        if not len(a):
            continue
        search, gain = entries[NAME], drawn.difference(a, b)
        rows.append((
            dataset, search["settings"]["loss"], origin(search["settings"]), search["budget"]["trials"],
            search["evaluations"], search["value"], float(a.mean()), len(a), before.group, *gain[:3],
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def origin(settings: Mapping[str, Any]) -> str:
    """Whose settings won: 'authors', published by GRU4Rec's after searches of their own; 'study'; or 'drawn'."""
    for i, start in enumerate(spaces.STARTS[NAME]):
        if all(settings.get(key) == value for key, value in start.items()):
            return "authors" if i < spaces.OF_AUTHORS else "study"
    return "drawn"


def searches_table(table: pd.DataFrame, lang: str) -> Table:
    """`found`."""
    return Table({
        "Data set": table["dataset"],
        "Settings tried": table["trials"],
        "Full trainings": table["evaluations"].round(1),
        "Best loss": [Label(LOSSES[loss]) for loss in table["loss"]],
        "Whose settings": [Label(ORIGINS[name]) for name in table["origin"]],
        "Recall@20 in validation": table["validation"],
        "Recall@20": table["value"],
        "Best before": [Label(TRAININGS[group]) for group in table["before"]],
        "Less the best before": table["gain"],
        "95 % interval": intervals(table, DIFFERENCE),
        "Seeds": table["seeds"],
    }, lang=lang, formats={"Full trainings": ".1f"})  # fmt: skip
