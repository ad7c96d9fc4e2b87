"""Does the order inside a session carry information? The shuffle test.

A recommender trained on the original order predicts the last item of each test session twice: from the events before
it as they happened, and from the same events shuffled. What it loses is what it drew from their order (Klenitskiy et
al. 2024, "Does It Look Sequential?", model-based tests). A recommender that ignores order loses nothing anywhere; a
data set on which no recommender loses is no evidence for or against a sequential one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.evaluation.ranking import rank
from audit_lib.evaluation.resampling import (
    RESAMPLES,
    Measured,
    Resampling,
    percentile_interval,
)
from audit_lib.recommenders.base import Recommender


class ShuffleTest(NamedTuple):
    """recall, shuffled: Recall@K (or another metric) of the last items, before and (mean over shuffles) after.

    loss: 1 - shuffled / recall, with its interval over sessions and shuffles; losses: (R,), of each shuffle.
    jaccard: mean overlap of the top-K lists before and after, |A ∩ B| / |A ∪ B|, with its interval.
    sessions: predictions made; left_out: test sessions too short for an order.
    """

    recall: float
    shuffled: float
    loss: Measured
    losses: np.ndarray
    jaccard: Measured
    sessions: int
    left_out: int


def shuffle_test(
    recommender: Recommender,
    test: Sessions,
    *,
    metric: str = "Recall",
    k: int = metrics.K,
    shuffles: int = 10,
    ties: str = "conservative",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ShuffleTest:
    """The shuffle test of a fitted recommender on the test sessions with at least two events before the last.

    Every shuffle is a uniform permutation of all events but the last (a pair keeps its order half of the time). The
    interval draws sessions and shuffles with replacement. Raises InputError if no session is long enough or if nothing
    is hit in the original order, where no relative loss exists.
    """
    keep = test.lengths > 2
    if not keep.any() or shuffles < 1:
        raise InputError(
            "The shuffle test needs sessions with 2 events before the last, and a shuffle; "
            f"there are {int(keep.sum())} such sessions and {shuffles} shuffles."
        )
    sessions, rng = test.select(keep), np.random.default_rng(seed)
    hits, top = _predict_last(recommender, sessions, metric, k, ties)
    columns = [hits]
    overlaps = []
    for _ in range(shuffles):
        after, top_after = _predict_last(recommender, shuffled(sessions, rng), metric, k, ties)
        columns.append(after)
        overlaps.append(_jaccard(top, top_after))
    if hits.sum() == 0:
        raise InputError(f"{recommender.name} hits no last item within {k} in the original order: no loss is defined.")
    values = np.stack(columns + overlaps, axis=1)  # (S, 1 + 2 R)
    drawn = Resampling.of(np.arange(len(values)), resamples=resamples, seed=seed).resampled(values.T)
    picks = rng.integers(shuffles, size=(resamples, shuffles))
    after = np.take_along_axis(drawn[:, 1 : 1 + shuffles], picks, axis=1).mean(1)
    overlap = np.take_along_axis(drawn[:, 1 + shuffles :], picks, axis=1).mean(1)
    mean, hit = values.mean(0), drawn[:, 0] > 0
    losses = 1.0 - mean[1 : 1 + shuffles] / mean[0]
    return ShuffleTest(
        recall=float(mean[0]),
        shuffled=float(mean[1 : 1 + shuffles].mean()),
        loss=percentile_interval(losses.mean(), 1.0 - after[hit] / drawn[hit, 0]),
        losses=losses,
        jaccard=percentile_interval(mean[1 + shuffles :].mean(), overlap),
        sessions=sessions.n_sessions,
        left_out=test.n_sessions - sessions.n_sessions,
    )


def shuffled(sessions: Sessions, rng: np.random.Generator) -> Sessions:
    """The same sessions with all items but the last of each in random order; times and labels stay in place."""
    last = np.zeros(sessions.n_events)
    last[sessions.offsets[1:] - 1] = 2.0  # above every random key
    order = np.lexsort((rng.random(sessions.n_events) + last, sessions.session))
    return Sessions(sessions.items[order], sessions.offsets, sessions.times, sessions.labels, sessions.catalogue)


class _Tops:
    """Scores as the recommender does, and keeps the K best items of each row as the blocks go by."""

    def __init__(self, recommender: Recommender, k: int):
        self.name, self.recommender, self.k = recommender.name, recommender, k
        self.found: list[np.ndarray] = []

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        for block in self.recommender.score(prefixes, block_size=block_size):
            self.found.append(best_of(block, self.k))
            yield block


def _predict_last(
    recommender: Recommender, sessions: Sessions, metric: str, k: int, ties: str
) -> tuple[np.ndarray, np.ndarray]:
    """(S,) the metric of the last item of each session, and (S, K) its top items, the lower index first in ties."""
    tops = _Tops(recommender, k)
    ranks = rank(tops, last_prefixes(sessions), np.zeros(sessions.n_items, np.int64))
    return metrics.METRICS[metric](ranks.above, ranks.equal, k, ties), np.concatenate(tops.found)


def last_prefixes(sessions: Sessions) -> Prefixes:
    """The prefix of the last event of every session."""
    only = np.zeros(sessions.n_events, bool)
    only[sessions.offsets[1:] - 1] = True
    return Prefixes(sessions, only)


def _jaccard(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(S,) |A ∩ B| / |A ∪ B| of rows of K different items."""
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    common = (both[:, 1:] == both[:, :-1]).sum(1)
    return common / (2 * a.shape[1] - common)


def best_of(scores: np.ndarray, k: int) -> np.ndarray:
    """(b, min(k, V)) int64: the k best items of each row of (b, V), best first; the lower index first in ties."""
    out = np.empty((len(scores), min(k, scores.shape[1])), np.int64)
    _fill(scores, out)
    return out


@numba.njit(cache=True, nogil=True)
def _fill(scores, out):
    """Fills out (b, K) with the K best items of each row by insertion."""
    k = out.shape[1]
    for i in range(scores.shape[0]):
        best = np.empty(k, scores.dtype)
        size = 0
        for j in range(scores.shape[1]):
            s = scores[i, j]
            if size == k and s <= best[k - 1]:
                continue
            at = size if size < k else k - 1
            while at > 0 and best[at - 1] < s:
                best[at], out[i, at] = best[at - 1], out[i, at - 1]
                at -= 1
            best[at], out[i, at] = s, j
            size = min(size + 1, k)
