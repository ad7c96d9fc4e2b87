"""A Markov chain of higher order that backs off to shorter contexts where the longer ones say little."""

from __future__ import annotations

import numpy as np
import pydantic
from scipy import sparse

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.recommenders.base import Config, Fallback, SparseRecommender, gather_rows


class MarkovBackoffConfig(Config):
    """Settings of `MarkovBackoff`."""

    order: int = pydantic.Field(3, ge=1, le=8)
    """Events in the longest context."""
    mu: pydantic.PositiveFloat = 1.0
    """Weight of the shorter contexts; 1 is Witten and Bell's."""
    fallback: Fallback = "popularity"


class MarkovBackoff(SparseRecommender):
    """Interpolates the followers of the last 1 … N items (Witten & Bell 1991; Chen & Goodman 1999, section 2.4).

    P(j | h) = (c(h, j) + μ T(h) P(j | h')) / (c(h) + μ T(h)), with c the counts in train, T(h) the number of different
    followers of the context h, h' the context without its oldest item, and P(j | no context) the share of j in train. A
    context that train lacks passes on to the shorter one. A large μ trusts the shorter contexts more.
    Fit O(N · E log E) time, at most N · E counts; score O(followers of the last item) + O(V).
    """

    # DEVIATION: an item that followed none of the contexts gets no share of P(j | no context); the fallback ranks it.
    name = "markov_backoff"
    Config = MarkovBackoffConfig
    config: MarkovBackoffConfig

    def fit_sparse(self, train: Sessions) -> dict[str, np.ndarray]:
        arrays = {"share": train.support / max(train.n_events, 1)}
        contexts = np.arange(train.n_events)  # of the events that have a follower and a long enough past
        contexts = contexts[:-1][np.diff(train.session) == 0]
        step = contexts - np.repeat(train.offsets[:-1], train.lengths)[contexts]
        code = train.items[contexts]
        for n in range(1, self.config.order + 1):
            keys, code = np.unique(code, return_inverse=True)
            followers = train.items[contexts + 1]
            shape = (len(keys), train.n_items)
            counts = sparse.csr_array((np.ones(len(code)), (code, followers)), shape=shape)
            counts.sum_duplicates()
            arrays |= {
                f"keys{n}": keys.astype(np.int64),
                f"indptr{n}": counts.indptr.astype(np.int64),
                f"items{n}": counts.indices.astype(np.int32),
                f"counts{n}": counts.data.astype(np.int32),
            }
            longer = step >= n
            contexts, step = contexts[longer], step[longer]
            code = code[longer] * train.n_items + train.items[contexts - n]  # shorter context, then the item before it
        return arrays

    def score_sparse(self, prefixes: Prefixes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        arrays, v = self.arrays, len(self.arrays["share"])
        position = prefixes.position[rows]
        code, here = prefixes.last[rows], np.arange(len(rows))
        total = sparse.csr_array((len(rows), v))
        known = []  # per order: the rows whose context train has, and the places of these contexts
        for n in range(1, self.config.order + 1):
            keys = arrays[f"keys{n}"]
            found = np.searchsorted(keys, code)
            hit = found < len(keys)
            hit[hit] = keys[found[hit]] == code[hit]
            here, found = here[hit], found[hit]
            known.append((here, found))
            longer = prefixes.step[rows][here] > n
            here, found = here[longer], found[longer]
            code = found * v + prefixes.sessions.items[position[here] - 1 - n]
        for n, (here, found) in enumerate(known, start=1):
            total = self._interpolate(total, n, here, found)
        return total.indptr, total.indices, total.data

    def _interpolate(self, shorter: sparse.csr_array, n: int, here: np.ndarray, found: np.ndarray) -> sparse.csr_array:
        """P of the contexts of n items from that of the shorter ones; rows without such a context stay as they are."""
        arrays, mu = self.arrays, self.config.mu
        indptr, at = gather_rows(arrays[f"indptr{n}"], found)
        items, counts = arrays[f"items{n}"][at], arrays[f"counts{n}"][at].astype(np.float64)
        row = np.repeat(here, np.diff(indptr))
        b = shorter.shape[0]
        events, kinds = np.bincount(row, counts, b), np.bincount(row, minlength=b)
        inside = np.maximum(events + mu * kinds, 1)
        if n == 1:
            counts = counts + mu * kinds[row] * arrays["share"][items]
        own = sparse.csr_array((counts / inside[row], (row, items)), shape=shorter.shape)
        passed = np.where(kinds > 0, mu * kinds / inside, 1.0)
        return (sparse.diags_array(passed) @ shorter + own).tocsr() if n > 1 else own
