"""The specification curve before a reader: its tables under headings, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from audit_lib.show.words import Translate, name_of, translator
from audit_lib.stages.multiverse import PREPARED, Rivals

LABELS = {
    "dataset": "Data set", "cut": "Test part", "filter": "Filter", "repeats": "Repeats", "training": "Training",
    "metric": "Metric", "k": "Cutoff", "ties": "Ties",
    "average": "Average", "targets": "Targets", "negatives": "Negatives",
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
    """What a level of a choice is called in text; names of data sets and metrics, and numbers, as they are."""
    names = _LEVELS.get(choice)
    return translate(names[str(level)]) if names else str(level)


def deciding_table(table: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`deciding` under headings."""
    return pd.DataFrame({
        "Choice": [translate(LABELS[choice]) for choice in table["choice"]],
        "Levels": table["levels"],
        "Turns the answer": table["pivotal"],
        "Variance explained": table["explained"],
    })  # fmt: skip


def levels_table(table: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`by_level` under headings."""
    return pd.DataFrame({
        "Choice": [translate(LABELS[choice]) for choice in table["choice"]],
        "Level": [level_name(row.choice, row.level, translate) for row in table.itertuples()],
        "Specifications": table["specifications"],
        "GRU4Rec ahead": table["yes"],
        "Ahead, shops": table["shops"],
        "Relative difference, median": table["relative"],
    })  # fmt: skip


FORMATS = {
    "Turns the answer": ".1%", "Variance explained": "z.1%", "GRU4Rec ahead": ".1%",
    "Ahead, shops": ".1%",
    "Relative difference, median": "+z.1%",
}  # fmt: skip


def sides_table(sides: Iterable[Rivals], lang: str) -> pd.DataFrame:
    """A row for each data set and preparation: targets, trainings of GRU4Rec with their seeds, simple recommenders."""
    _ = translator(lang)
    rows = [
        (
            side.dataset, _(side.preparation.label), len(side.runs[0].ranks),
            ", ".join(
                f"{level_name('training', training, _)} ({len(runs)})"
                for training, runs in side.trainings.items()
            ),
            ", ".join(dict.fromkeys(name_of(run.recommender, lang) for run in side.simple.values())),
        )
        for side in sides
    ]  # fmt: skip
    headings = ["Data set", "Preparation", "Predictions", "GRU4Rec (seeds)", "Simple recommenders"]
    return pd.DataFrame(rows, columns=headings)


def closest_table(table: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Specifications under headings, choices in words."""
    _ = translator(lang)
    words = {LABELS[c]: [level_name(c, level, _) for level in table[c]] for c in ("dataset", *PREPARED, "training")}
    metric = [f"{row.metric}@{row.k}" for row in table.itertuples()]
    more = {LABELS[c]: [level_name(c, level, _) for level in table[c]] for c in ("ties", "average", "targets")}
    values = {
        "GRU4Rec": table["gru4rec"],
        "Best simple": [name_of(name, lang) for name in table["best"]],
        "Its value": table["simple"],
        "95 % interval of the difference": [f"{row.low:z.4f} – {row.high:z.4f}" for row in table.itertuples()],
    }
    return pd.DataFrame(words | {"Metric": metric} | more | values)


def provenance_table(sides: Iterable[Rivals], lang: str) -> pd.DataFrame:
    """A row for each run: data set, preparation, recommender, seed, evidence, split, commit."""
    _ = translator(lang)
    rows = [
        (
            run.dataset, _(side.preparation.label), name_of(run.recommender, lang), run.seed,
            run.manifest["sha256"][:12], run.manifest["split"]["hash"][:12], (run.manifest["git_commit"] or "–")[:12],
        )
        for side in sides for run in side.runs
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Data set", "Preparation", "Recommender", "Seed", "Evidence", "Split", "Commit"])
