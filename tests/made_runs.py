"""Runs made up in memory, for tests: ranks and targets as tables, and what the manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.study.evidence import Run


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
