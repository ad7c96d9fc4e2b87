"""What a search of GRU4Rec's settings added: the best value in validation, and what became of it on the test part."""

from __future__ import annotations

import pandas as pd

from audit_lib.compared import min_step
from audit_lib.measures import Book, main_group, paired
from audit_lib.recommenders import presets
from audit_lib.stages.literature import Translate

NAME, GROUP = "gru4rec", "headline_tuned"
LOSSES = {"cross-entropy": "Cross-entropy", "bpr-max": "BPR-max"}
COLUMNS = ("dataset", "loss", "trials", "evaluations", "validation", "value", "seeds", "gain", "low", "high")


def found(book: Book) -> pd.DataFrame:
    """COLUMNS, a row for each search of GRU4Rec whose settings were then trained on the whole train part.

    validation: Recall@20 of the best trial there; value: on the test part, mean over seeds; gain: value less that of
    the settings that were not searched (cross-entropy), paired by target and seed, with its 95 % interval. Both on the
    targets of the publication.
    """
    rows = []
    for dataset, entries in presets.tuned().items():
        tuned = book.present(dataset=dataset, group=GROUP, recommender=NAME, variant=None)
        before = book.present(dataset=dataset, group=main_group(dataset), recommender=NAME, variant=None)
        a, b, drawn = paired(tuned, before, min_step=min_step(dataset))
        if NAME not in entries or not len(a):
            continue
        search, gain = entries[NAME], drawn.difference(a, b)
        rows.append((
            dataset, search["settings"]["loss"], search["budget"]["trials"], search["evaluations"], search["value"],
            float(a.mean()), len(a), gain.mean, gain.interval.low, gain.interval.high,
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def for_readers(table: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`found` under headings."""
    return pd.DataFrame({
        "Data set": table["dataset"],
        "Settings tried": table["trials"],
        "Full trainings": table["evaluations"].round(1),
        "Best loss": [translate(LOSSES[loss]) for loss in table["loss"]],
        "Recall@20 in validation": table["validation"],
        "Recall@20": table["value"],
        "Less not searched": table["gain"],
        "95 % interval": [f"{low:z.4f} – {high:z.4f}" for low, high in zip(table["low"], table["high"], strict=True)],
        "Seeds": table["seeds"],
    })  # fmt: skip
