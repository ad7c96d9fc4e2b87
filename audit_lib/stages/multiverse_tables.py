"""The specification curve before a reader: its tables under headings, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from audit_lib.show.table import DIFFERENCE, Label, Table, intervals
from audit_lib.show.words import Translate, data_name, name_of, translator
from audit_lib.stages import multiverse
from audit_lib.stages.multiverse import PREPARED, Rivals
from audit_lib.stages.tables import runs_table

LABELS = {
    "dataset": "Data set", "cut": "Test part", "filter": "Filter", "repeats": "Repeats", "training": "Training",
    "metric": "Metric", "k": "Cutoff", "ties": "Ties",
    "average": "Average", "targets": "Targets", "negatives": "Negatives",
}  # fmt: skip
SAID = {  # the same in a sentence
    "dataset": "the data set", "cut": "the length of the test part", "filter": "the filter by support",
    "repeats": "what is done with repeats", "training": "the training of GRU4Rec", "metric": "the metric",
    "k": "the cutoff", "ties": "the tie policy", "average": "the average", "targets": "which targets count",
    "negatives": "what a target is ranked against",
}  # fmt: skip
_LEVELS = {
    "cut": {"usual": "As usual", "half": "Half as long"},
    "filter": {"usual": "As usual", "none": "Every item of train"},
    "repeats": {"kept": "Repeats kept", "collapsed": "Repeats collapsed"},
    "training": {
        "cross-entropy": "Cross-entropy", "official": "Cross-entropy, official code", "bpr-max": "BPR-max",
        "tuned": "Tuned on validation",
    },
    "ties": {"standard": "Standard", "conservative": "Conservative", "median": "Median", "expected": "Expected"},
    "average": {"micro": "Mean of predictions", "macro": "Mean of sessions"},
    "targets": {
        "all": "All targets", "later": "After two or more events", "last": "Last of each session",
    },
    "negatives": {
        "full": "Whole catalogue", "uniform": "100 uniform", "popularity": "100 by popularity",
    },
}  # fmt: skip


def level_name(choice: str, level: object, translate: Translate) -> str:
    """What a level of a choice is called in text; names of metrics, and numbers, as they are."""
    if choice == "dataset":
        return translate(data_name(str(level)))
    names = _LEVELS.get(choice)
    return translate(names[str(level)]) if names else str(level)


def deciding_table(table: pd.DataFrame, lang: str) -> Table:
    """`multiverse.deciding`."""
    shown = pd.DataFrame({
        "Choice": [Label(LABELS[choice]) for choice in table["choice"]],
        "Levels": table["levels"],
        "Turns the answer": table["pivotal"],
        "Variance explained": table["explained"],
    })  # fmt: skip
    return Table(shown, lang=lang)


def levels_table(table: pd.DataFrame, deciding: pd.DataFrame, lang: str, *, most: int = 12) -> Table:
    """`multiverse.by_level`; a page shows the choices that turn the answer most, as `multiverse.deciding` has them.

    most: rows of them, together.
    """
    _, rows = translator(lang), table["choice"].value_counts()[deciding["choice"]].cumsum()
    shown = pd.DataFrame({
        "Choice": [Label(LABELS[choice]) for choice in table["choice"]],
        "Level": [level_name(row.choice, row.level, _) for row in table.itertuples()],
        "Specifications": table["specifications"],
        "GRU4Rec ahead": table["yes"],
        "Ahead, shops": table["shops"],
        "Relative difference, median": table["relative"],
    })  # fmt: skip
    first = rows.index[rows <= max(most, rows.iloc[0])]
    return Table(
        shown, lang=lang, formats={"Relative difference, median": "+z.1%"}, shown=table["choice"].isin(first)
    )  # fmt: skip


def sides_table(sides: Iterable[Rivals], lang: str) -> Table:
    """A row for each data set and preparation: targets, trainings of GRU4Rec, how many simple recommenders.

    A page shows the usual preparations. The trainings have their seeds in brackets.
    """
    _, sides = translator(lang), list(sides)
    rows = [
        (
            side.dataset, Label(side.preparation.label), len(side.runs[0].ranks),
            ", ".join(
                f"{level_name('training', training, _)} ({len(runs)})"
                for training, runs in side.trainings.items()
            ),
            len({run.recommender for run in side.simple.values()}),
        )
        for side in sides
    ]  # fmt: skip
    headings = ["Data set", "Preparation", "Predictions", "GRU4Rec (seeds)", "Simple recommenders"]
    first = ~pd.Series([side.dataset for side in sides]).duplicated()
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, shown=first)


def closest_table(table: pd.DataFrame, lang: str) -> Table:
    """`multiverse.closest` with its choices in words; a page shows the data sets on which it turns beyond chance."""
    _ = translator(lang)
    words = {LABELS[c]: [level_name(c, level, _) for level in table[c]] for c in ("dataset", *PREPARED, "training")}
    metric = [f"{row.metric}@{row.k}" for row in table.itertuples()]
    more = {LABELS[c]: [level_name(c, level, _) for level in table[c]] for c in ("ties", "average", "targets")}
    values = {
        "GRU4Rec": table["gru4rec"],
        "Best simple": [name_of(name, lang) for name in table["best"]],
        "Its value": table["simple"],
        "95 % interval of the difference": intervals(table, DIFFERENCE),
    }
    sides = (table["low"] > 0, table["high"] < 0)
    ahead, behind = (side.groupby(table["dataset"]).transform("any") for side in sides)
    return Table(pd.DataFrame(words | {"Metric": metric} | more | values), lang=lang, shown=ahead & behind)


def provenance_table(sides: Iterable[Rivals], lang: str) -> Table:
    """`runs_table` by data set, preparation and recommender."""
    rows = [
        (run.dataset, Label(side.preparation.label), run.recommender, run) for side in sides for run in side.runs
    ]
    return runs_table(rows, lang, columns=["Data set", "Preparation", "Recommender"])


def quoted(table: pd.DataFrame, deciding: pd.DataFrame, levels: pd.DataFrame, lang: str) -> dict[str, Any]:
    """The numbers of the text, by name: `multiverse.answers`, and the choices that turn it most, next and least."""
    _ = translator(lang)
    turning = {"first": deciding.iloc[0], "second": deciding.iloc[min(1, len(deciding) - 1)], "last": deciding.iloc[-1]}
    found = multiverse.answers(table)
    yes = levels[levels["choice"] == "negatives"].set_index("level")["yes"]
    return found | {
        "specifications": int(found["specifications"]), "measured": int(found["measured"]),
        "datasets": int(table["dataset"].nunique()),
        **{name: _(SAID[row["choice"]]) for name, row in turning.items()},
        **{f"{name}_turns": float(row["pivotal"]) for name, row in turning.items()},
        **{f"yes_{level}": float(yes[level]) for level in multiverse.NEGATIVES},
    }  # fmt: skip
