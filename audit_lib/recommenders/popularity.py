"""Popularity, of the whole train part and of the session so far: the least any recommender must beat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

import numpy as np

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.recommenders.base import Config, Recommender, SparseRecommender, first_of


class PopularityConfig(Config):
    """Settings of `Popularity`."""

    ties: Literal["keep", "first"] = "keep"
    """What orders items of equal counts: their first appearance in train, their popularity, or nothing."""


class Popularity(Recommender):
    """Scores an item by its support, whatever the prefix. Fit O(E), one score row for all prefixes."""

    name = "popularity"
    Config = PopularityConfig
    config: PopularityConfig

    def fit(self, train: Sessions) -> Self:
        row = train.support.astype(np.float64)
        if self.config.ties == "first":
            row = first_of(row)
        self.row = row.astype(np.float32)
        return self

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        block = np.tile(self.row, (min(block_size, len(prefixes)), 1))  # (b, V)
        for start in range(0, len(prefixes), block_size):
            yield block[: len(prefixes) - start]

    def state(self) -> dict[str, np.ndarray]:
        return {"row": self.row}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.row = state["row"]


class SessionPopularity(SparseRecommender):
    """S-POP: the items of the prefix by how often they occur in it, then everything else by popularity.

    Ties among the prefix's items are broken by train popularity, as in Hidasi et al. 2016 (arXiv 1511.06939).
    """

    name = "session_popularity"

    def fit_sparse(self, train: Sessions) -> dict[str, np.ndarray]:
        return {}

    def score_sparse(self, prefixes: Prefixes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        fallback = self.arrays["fallback"]
        found = [np.unique(prefixes.items(i), return_counts=True) for i in rows]
        items = np.concatenate([f[0] for f in found])
        times = np.concatenate([f[1] for f in found])
        indptr = np.concatenate([[0], np.cumsum([len(f[0]) for f in found])])
        return indptr, items, times + (fallback[items] + 1.0) / 2  # a count, plus a tie-break below 1
