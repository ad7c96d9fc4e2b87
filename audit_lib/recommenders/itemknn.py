"""Item-kNN: the items whose sessions are most alike those of the last one (Hidasi et al. 2016, arXiv 1511.06939)."""

from __future__ import annotations

import numpy as np
import pydantic
from scipy import sparse

from audit_lib.data.sessions import Sessions
from audit_lib.recommenders.base import Config, Fallback
from audit_lib.recommenders.rules import LastItemRecommender, strongest

_ROWS_AT_ONCE = 2048  # items whose similarities are held before they are cut to the nearest


class ItemKNNConfig(Config):
    """Settings of `ItemKNN`: lam is λ, alpha is α."""

    k: pydantic.PositiveInt = 100
    """Neighbours that are kept of each item, and those tied with the last of them."""
    lam: pydantic.NonNegativeFloat = 20.0
    """Regularisation: how little the meetings of rare items count."""
    alpha: float = pydantic.Field(0.5, ge=0, le=1)
    """How the supports of two items share the norm; 1/2 is the cosine, 1 the confidence of a rule."""
    fallback: Fallback = "popularity"


class ItemKNN(LastItemRecommender):
    """Scores item j after i by sim(i, j) = n_ij / ((n_i + λ)^α (n_j + λ)^(1−α)), 0 for i itself.

    n_i: train sessions that contain i; n_ij: that contain both. At λ = 0 and α = 1/2 this is the cosine of the two
    columns of the session-by-item matrix of zeros and ones. λ makes chance meetings of rare items count less.
    Defaults of Hidasi et al.'s code: k = 100, λ = 20, α = 1/2.
    Fit O(Σ_p |p|²) in time and O(V · k) in memory, score O(k) + O(V).
    """

    # DEVIATION: sessions are counted, as the paper says; the authors' code counts events, so that repeats weigh more.
    name = "itemknn"
    Config = ItemKNNConfig
    config: ItemKNNConfig

    def weights(self, train: Sessions) -> sparse.csr_array:
        shape = (train.n_sessions, train.n_items)
        inside = sparse.csr_array((np.ones(train.n_events), (train.session, train.items)), shape=shape)
        inside.sum_duplicates()
        inside.data[:] = 1.0
        sessions = np.bincount(inside.indices, minlength=train.n_items) + self.config.lam  # (V,) n_i + λ
        own = sparse.diags_array(_power(sessions, -self.config.alpha)) @ inside.T.tocsr()
        other = inside @ sparse.diags_array(_power(sessions, self.config.alpha - 1))
        parts = [
            strongest(_without_self(own[start : start + _ROWS_AT_ONCE] @ other, start), self.config.k)
            for start in range(0, train.n_items, _ROWS_AT_ONCE)
        ]
        return sparse.vstack(parts, format="csr")


def _power(base: np.ndarray, exponent: float) -> np.ndarray:
    return np.where(base > 0, np.maximum(base, 1e-300) ** exponent, 0.0)


def _without_self(part: sparse.csr_array, start: int) -> sparse.csr_array:
    """The rows `start`, `start` + 1, … of a square matrix without their diagonal entries."""
    entries = part.tocoo()
    keep = entries.row + start != entries.col
    return sparse.csr_array((entries.data[keep], (entries.row[keep], entries.col[keep])), shape=part.shape)
