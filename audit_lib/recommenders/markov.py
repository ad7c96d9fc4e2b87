"""First-order Markov chain: what followed the last item, and how often."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse

from audit_lib.data.sessions import Sessions
from audit_lib.recommenders.base import Config, Fallback
from audit_lib.recommenders.rules import LastItemRecommender


class MarkovConfig(Config):
    """Settings of `Markov`.

    With ties='keep' a third of a large log's ranks depend on the tie policy.
    """

    fallback: Fallback = "popularity"
    ties: Literal["first", "popularity", "keep"] = "first"
    """What orders items of equal counts: their first appearance in train, their popularity, or nothing."""


class Markov(LastItemRecommender):
    """Scores item j after i by the number of transitions i -> j in train; the rest by popularity.

    Counts order the items exactly as the transition probabilities do. Fit O(E), score O(followers of i) + O(V).
    """

    name = "markov"
    Config = MarkovConfig
    config: MarkovConfig

    def weights(self, train: Sessions) -> sparse.csr_array:
        inside = np.diff(train.session) == 0
        source, follower = train.items[:-1][inside], train.items[1:][inside]
        shape = (train.n_items, train.n_items)
        counts = sparse.csr_array((np.ones(len(source)), (source, follower)), shape=shape)  # sums repeats
        counts.sum_duplicates()
        if self.config.ties == "first":
            counts.data = counts.data - self._first_seen(counts, source, follower)
        elif self.config.ties == "popularity":
            counts.data = counts.data + train.support[counts.indices] / (2.0 * train.support.max())
        return counts

    @staticmethod
    def _first_seen(counts: sparse.csr_array, source: np.ndarray, follower: np.ndarray) -> np.ndarray:
        """(nnz,) float in [0, 1/2): how late each transition first occurs, relative to its row's other transitions."""
        n = counts.shape[1]
        keys, first = np.unique(source * n + follower, return_index=True)  # sorted like the CSR entries
        row = keys // n
        order = np.lexsort((first, row))
        place = np.empty(len(keys), np.int64)
        place[order] = np.arange(len(keys)) - counts.indptr[row[order]]
        return place / (2.0 * n)
