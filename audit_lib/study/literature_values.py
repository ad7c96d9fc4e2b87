"""Values that others published, from `book/published.toml`: read here, typed nowhere else."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

import pandas as pd

from audit_lib.errors import InputError
from audit_lib.evaluation.metrics import K
from audit_lib.files import BOOK
from audit_lib.show.words import RECOMMENDERS, name_of

FILE = BOOK / "published.toml"
COPIED = {"diginetica": "wu2019", "yoochoose1_64": "wu2019", "retailrocket": "xia2021"}  # and who printed the value
COLUMNS = ("dataset", "recommender", "source", "targets", "min_step", "k", "recall", "mrr")


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text("utf-8"))


def table() -> pd.DataFrame:
    """dataset, recommender, source, targets ('same' or 'other'), min_step, k, recall, mrr (fractions)."""
    rows = [
        {"source": block["source"], "targets": block["targets"], "min_step": block.get("min_step", 1), **row}
        for block in _content()["value"]
        for row in block["rows"]
    ]
    whole = pd.DataFrame(rows)[list(COLUMNS)]
    return whole.assign(recall=(whole["recall"] / 100).round(6), mrr=(whole["mrr"] / 100).round(6))


@cache
def _rows() -> dict[tuple[str, str, str, int], dict[str, Any]]:
    """The rows of the table, the first of each source, data set, recommender and cutoff."""
    rows = reversed(table().to_dict("records"))
    return {(row["source"], row["dataset"], row["recommender"], row["k"]): row for row in rows}


def value(source: str, dataset: str, recommender: str, metric: str, k: int) -> float:
    """One published value, as a fraction. Every engine and year of GRU4Rec is held against what is published of it.

    Raises InputError if there is none.
    """
    for name in (recommender, "gru4rec" if recommender.startswith("gru4rec_") else recommender):
        if found := _rows().get((source, dataset, name, k)):
            return float(found[metric.lower()])
    raise InputError(f"published.toml has no {metric}@{k} of '{recommender}' on '{dataset}' from '{source}'.")


def trail() -> pd.DataFrame:
    """source, called, dataset, recall, mrr (fractions): the GRU4Rec rows of one table after another, up to wu2019."""
    rows = [
        (block["source"], row["called"], dataset, *(round(value / 100, 6) for value in row[dataset]))
        for block in _content()["trail"]
        for row in block["rows"]
        for dataset in ("yoochoose1_64", "diginetica")
    ]
    for dataset in ("yoochoose1_64", "diginetica"):
        last = (value("wu2019", dataset, "gru4rec", metric, K) for metric in ("Recall", "MRR"))
        rows.append(("wu2019", "GRU4REC", dataset, *last))
    return pd.DataFrame(rows, columns=["source", "called", "dataset", "recall", "mrr"])


def toy() -> dict[str, Any]:
    """The toy table of Krichene & Rendle 2020: ranks, items, negatives, k, digits, and the values full and sampled."""
    return _content()["toy"]


def words() -> dict[str, tuple[int, int]]:
    """Words of each document of the study under audit, in English and in Spanish."""
    return {name: (english, spanish) for name, (english, spanish) in _content()["documents"]["words"].items()}


def model_name(recommender: str, lang: str = "en") -> str:
    """A model's name in text, of the registry or not."""
    if recommender in RECOMMENDERS:
        return name_of(recommender, lang)
    return _content()["names"].get(recommender, recommender)


def challengers() -> frozenset[str]:
    """The models whose published values stand against GRU4Rec's, whether or not this library can train them."""
    return frozenset(_content()["names"])


@cache
def min_step(dataset: str) -> int:
    """How many events come before a target of the publication whose value is copied; 1 where none is."""
    rows = table().query("dataset == @dataset and recommender == 'gru4rec' and k == @K")
    return int(rows.loc[rows["source"] == COPIED.get(dataset), "min_step"].max()) if dataset in COPIED else 1
