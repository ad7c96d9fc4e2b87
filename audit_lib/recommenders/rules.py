"""Association rules (AR) and sequential rules (SR): which items go with the last one.

Kamehkhosh, Jannach & Ludewig 2017 (TempRec), in the notation of Ludewig & Jannach 2018 (UMUAI 28). Only the last item
of the prefix is an antecedent. Both are rows of an item-by-item matrix of weighted counts; the paper divides a row by a
number that depends on the antecedent alone, so a row is divided by its sum here and the order is the paper's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator

import numpy as np
import pydantic
from scipy import sparse

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.recommenders.base import Config, Fallback, SparseRecommender, gather_rows
from audit_lib.recommenders.decay import Decay, by_distance

_PAIRS_AT_ONCE = 20_000_000  # bounds the memory of counting: about 16 bytes a pair


def pairs(train: Sessions, steps: int | None = None) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(distance x, earlier item, later item) for every two events of a session that are x apart, x = 1 … steps."""
    at = np.arange(train.n_events)
    left = np.repeat(train.offsets[1:], train.lengths) - 1 - at  # events that follow in the session
    longest = int(train.lengths.max(initial=0))
    for x in range(1, longest if steps is None else min(steps + 1, longest)):
        at = at[left[at] >= x]
        yield x, train.items[at], train.items[at + x]


def pair_counts(
    train: Sessions, *, steps: int | None = None, weight: Callable[[int], float] = lambda x: 1.0
) -> sparse.csr_array:
    """(V, V) float64: the entry (i, j) sums weight(x) over the pairs in which j comes x events after i.

    Time and memory O(sum over sessions of length · min(length, steps)).
    """
    shape = (train.n_items, train.n_items)
    total, waiting, held = sparse.csr_array(shape), [], 0
    for x, earlier, later in pairs(train, steps):
        if (w := weight(x)) == 0:
            continue
        waiting.append((earlier, later, np.full(len(earlier), w)))
        held += len(earlier)
        if held > _PAIRS_AT_ONCE:
            total, waiting, held = total + _sum(waiting, shape), [], 0
    return total + _sum(waiting, shape) if waiting else total


def _sum(waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]], shape: tuple[int, int]) -> sparse.csr_array:
    row, column, weight = (np.concatenate(part) for part in zip(*waiting, strict=True))
    return sparse.csr_array((weight, (row, column)), shape=shape)


def strongest(matrix: sparse.csr_array, n: int | None) -> sparse.csr_array:
    """Each row reduced to its n largest entries and all that equal the last of these, so that no tie is cut through."""
    matrix.sum_duplicates()
    if n is None:
        return matrix
    length = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), length)
    order = np.lexsort((-matrix.data, row))  # each row's entries, largest first
    last = np.minimum(matrix.indptr[:-1] + n, matrix.indptr[1:]) - 1  # the n-th entry of each row, or its last
    limit = np.zeros(matrix.shape[0])
    limit[length > 0] = matrix.data[order][last[length > 0]]
    keep = matrix.data >= limit[row]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row[keep], minlength=matrix.shape[0]))])
    return sparse.csr_array((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)


class LastItemRecommender(SparseRecommender):
    """Scores the entries of one row, that of the prefix's last item, of an item-by-item matrix from `weights`."""

    @abstractmethod
    def weights(self, train: Sessions) -> sparse.csr_array:
        """(V, V) non-negative; row: last item of the prefix, column: item to score."""

    def fit_sparse(self, train: Sessions) -> dict[str, np.ndarray]:
        matrix = self.weights(train)
        return {
            "indptr": matrix.indptr.astype(np.int64),
            "items": matrix.indices.astype(np.int32),
            "values": matrix.data.astype(np.float32),
        }

    def score_sparse(self, prefixes: Prefixes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        indptr, at = gather_rows(self.arrays["indptr"], prefixes.last[rows])
        return indptr, self.arrays["items"][at], self.arrays["values"][at]


class RulesConfig(Config):
    """Settings of `AssociationRules`. Rules tied with the last one kept are kept, too."""

    pruning: pydantic.PositiveInt | None = None
    """Rules that are kept of each item, the strongest; none: all."""
    fallback: Fallback = "popularity"


class SequentialRulesConfig(RulesConfig):
    """Settings of `SequentialRules`; weights are those of `decay`."""

    steps: pydantic.PositiveInt = 10
    """How many events after an item another still counts."""
    weighting: Decay = "div"
    """How the weight of a pair falls with the distance of its items."""


class AssociationRules(LastItemRecommender):
    """AR: score(j | last item i) ∝ how often i and j are two events of the same train session, in either order.

    score = Σ_p Σ_x Σ_{y≠x} 1[p_x = i] 1[p_y = j] over sessions p, as a share of its sum over j.
    Fit O(Σ_p |p|²) in time and at most that many rules, score O(rules of i) + O(V).
    Ludewig & Jannach 2018. session-rec keeps 20 rules an item; all are kept here, which its top 20 do not notice.
    """

    name = "ar"
    Config = RulesConfig
    config: RulesConfig

    def weights(self, train: Sessions) -> sparse.csr_array:
        counts = pair_counts(train)
        return strongest(_shares(sparse.csr_array(counts + counts.T)), self.config.pruning)


class SequentialRules(LastItemRecommender):
    """SR: score(j | last item i) ∝ Σ w(x) over the train events of j that follow an event of i at distance x <= steps.

    w(x) = 1/x in the paper; as a share of its sum over j. Fit O(E · steps), score O(rules of i) + O(V).
    Ludewig & Jannach 2018; steps 10 and 1/x are session-rec's defaults, its tuned settings lie within 4 … 20 steps and
    1/x or 1/x² (see `literature.toml`).
    """

    name = "sr"
    Config = SequentialRulesConfig
    config: SequentialRulesConfig

    def weights(self, train: Sessions) -> sparse.csr_array:
        decay = by_distance(self.config.weighting, np.arange(1, self.config.steps + 1))
        counts = pair_counts(train, steps=self.config.steps, weight=lambda x: float(decay[x - 1]))
        return strongest(_shares(counts), self.config.pruning)


def _shares(matrix: sparse.csr_array) -> sparse.csr_array:
    """Each row divided by its sum."""
    matrix.sum_duplicates()
    length = np.diff(matrix.indptr)
    matrix.data = matrix.data / np.repeat(matrix.sum(axis=1), length)
    return matrix
