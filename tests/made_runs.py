"""Runs made up in memory, for tests: ranks and targets as tables, and what the manifest says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.study.evidence import Run
from audit_lib.study.results import Book


def made(
    ranks: pd.DataFrame, targets: pd.DataFrame, *, kind: type[Run] = Run, path: str = "made-s0.parquet",
    recommender: str = "gru4rec", dataset: str = "diginetica", seed: int = 0, n_items: int = 1_000, **manifest: Any,
) -> Run:  # fmt: skip
    """A run with these ranks and targets; whatever else is named stands in its manifest."""
    split = {"train": {"items": n_items} | manifest.pop("train", {})}
    about = {"recommender": recommender, "dataset": dataset, "seed": seed, "split": split, **manifest}
    run = kind(Path(path), about)
    vars(run).update(ranks=ranks, targets=targets)
    return run


def hitting(hits: Sequence[int], *, seed: int = 0, name: str = "made", **about: Any) -> Run:
    """A run whose targets are hit (1) or missed by 50 places; two targets a session, after one event and after two."""
    targets = pd.DataFrame({"session": np.arange(len(hits)) // 2, "step": np.arange(len(hits)) % 2 + 1})
    ranks = pd.DataFrame({"above": np.where(hits, 0, 50), "equal": 0})
    return made(ranks, targets, seed=seed, path=f"{name}-s{seed}.parquet", **about)


class Shelf(Book):
    """A book with given runs by group."""

    def __init__(self, **groups: list[Any]) -> None:
        self.groups, self.folder, self.study = groups, Path("nowhere"), Path("study.toml")

    def present(self, *, dataset: str = "", group: str = "", recommender: str = "", **_: Any) -> list[Any]:
        fits = lambda run: dataset in ("", run.dataset) and recommender in ("", run.recommender)  # noqa: E731
        return list(filter(fits, self.groups.get(group, [])))
