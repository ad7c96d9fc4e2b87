"""The engine of every session-kNN: an index of the recent sessions of each item, and one compiled pass over it.

For a prefix with weights u_i on its distinct items, and train sessions n with a weight g_n of their own,

    sim(n) = g_n Σ_{i in prefix and n} u_i                        (the k largest are the neighbours)
    score(j) = b_j Σ_{neighbours n with j} sim(n) · d(n) · h(|p_n(j) − p_n*|),

d(n): a weight by how long ago the prefix had the latest item that it shares with n; p_n(j): last position of j in n;
p_n*: last position in n of any item of the prefix; h: a weight by that gap; b_j: a weight of the item. S-KNN, V-SKNN,
STAN and VSTAN are choices of u, g, d, h and b (see `sessionknn`).

Determinism: sessions are numbered from the most recent (by last event; at equal times the later one in the log first).
Candidates are the lowest numbers; among equal similarities the lower number is the neighbour. Nothing depends on names.
"""

from __future__ import annotations

import threading

import numba
import numpy as np

from audit_lib.data.sessions import Sessions

ROOM = 1 << 22  # scored items that one call of `score` can write, unless the catalogue is larger

_local = threading.local()


def build_index(train: Sessions, sample_size: int | None) -> dict[str, np.ndarray]:
    """The arrays that `score` reads, for S sessions and V items. Time O(E log E), memory O(E).

    session_indptr (S+1,), session_items and session_positions (D,): the distinct items of each session in the order of
    their last position (from 1). item_indptr (V+1,), item_sessions: the sample_size most recent sessions of each item.
    number (S,): position of the numbered session in train.
    """
    s, v = train.n_sessions, train.n_items
    end = train.times[train.offsets[1:] - 1]
    number = np.lexsort((-np.arange(s), -end))
    rank = np.empty(s, np.int64)
    rank[number] = np.arange(s)
    session = rank[train.session]
    # Of the events of an item in a session the last is kept: the first one when read backwards.
    _, backwards = np.unique((session * v + train.items)[::-1], return_index=True)
    at = train.n_events - 1 - backwards
    at = at[np.lexsort((at, session[at]))]
    session, items = session[at], train.items[at]
    by_item = np.lexsort((session, items))
    held = np.bincount(items, minlength=v)
    first = np.concatenate([[0], np.cumsum(held)])
    if sample_size is not None:
        by_item = by_item[np.arange(len(items)) - np.repeat(first[:-1], held) < sample_size]
        held = np.minimum(held, sample_size)
    return {
        "session_indptr": np.concatenate([[0], np.cumsum(np.bincount(session, minlength=s))]).astype(np.int64),
        "session_items": items.astype(np.int32),
        "session_positions": (at - train.offsets[train.session[at]] + 1).astype(np.int32),
        "item_indptr": np.concatenate([[0], np.cumsum(held)]).astype(np.int64),
        "item_sessions": session[by_item].astype(np.int32),
        "number": number,
    }


def scratch(n_sessions: int, n_items: int) -> tuple[np.ndarray, ...]:
    """This thread's arrays, reused from prefix to prefix and made anew only when their size changes.

    A stamp says which entries belong to the present prefix.
    """
    if getattr(_local, "shape", None) != (n_sessions, n_items):
        _local.shape = n_sessions, n_items
        _local.arrays = (
            np.zeros(1, np.int64),  # the stamp
            np.zeros(n_sessions, np.int64),  # of the sessions
            np.empty(n_sessions, np.float64),  # similarity
            np.empty(n_sessions, np.int64),  # distance of the latest shared item
            np.empty(n_sessions, np.int64),  # candidates
            np.zeros(n_items, np.int64),  # stamp of the prefix's items
            np.zeros(n_items, np.int64),  # of the scored items
            np.empty(n_items, np.float64),  # score
            np.empty(n_items, np.int64),  # scored items
        )
    return _local.arrays


@numba.njit(cache=True, nogil=True)
def _before(a, b, key):
    """Whether session a comes before b: the larger key first, then the lower number."""
    return key[a] > key[b] or (key[a] == key[b] and a < b)


@numba.njit(cache=True, nogil=True)
def _first(n, order, size, key):
    """Moves the first n of order[:size] to its front (Hoare's quickselect; the keys decide, then the number)."""
    low, high = 0, size - 1
    while low < high:
        pivot = order[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while _before(order[i], pivot, key):
                i += 1
            while _before(pivot, order[j], key):
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if n - 1 <= j:
            high = j
        elif n - 1 >= i:
            low = i
        else:
            return


@numba.njit(cache=True, nogil=True)
def _gather(prefix, weight, item_indptr, item_sessions, sample_size, stamp, seen, similarity, latest, found, in_prefix):
    """Candidates into `found`, with Σ u_i and the distance to the latest shared item; returns how many.

    A session beyond the sample_size-th of one item cannot be among the sample_size most recent of all.
    """
    size, n = 0, len(prefix)
    last = np.int64(len(seen))
    for i in prefix:
        begin = item_indptr[i]
        if item_indptr[i + 1] - begin >= sample_size:
            last = min(last, item_sessions[begin + sample_size - 1])
    for back in range(1, n + 1):
        i = prefix[n - back]
        if in_prefix[i] == stamp:
            continue  # of an item's occurrences the latest counts
        in_prefix[i] = stamp
        u = weight[n - back]
        for at in range(item_indptr[i], item_indptr[i + 1]):
            s = item_sessions[at]
            if s > last:
                break
            if seen[s] != stamp:
                seen[s] = stamp
                similarity[s] = u
                latest[s] = back
                found[size] = s
                size += 1
            else:
                similarity[s] += u
    return size


@numba.njit(cache=True, nogil=True)
def _score(found, k, indptr, items, positions, similarity, latest, decay, gap, stamp, in_prefix, seen, score, scored):
    """Adds the neighbours' items into `score`, their names into `scored`; returns how many."""
    size = 0
    for s in found[:k]:
        base = similarity[s] * decay[latest[s]]
        if base <= 0:
            continue
        begin, end = indptr[s], indptr[s + 1]
        shared = end - 1  # the items are in order of their last position
        while in_prefix[items[shared]] != stamp:
            shared -= 1
        for at in range(begin, end):
            j = items[at]
            value = base * gap[abs(positions[at] - positions[shared])]
            if seen[j] != stamp:
                seen[j] = stamp
                score[j] = value
                scored[size] = j
                size += 1
            else:
                score[j] += value
    return size


@numba.njit(cache=True, nogil=True)
def score(
    prefix_items, begins, ends, weights, weight_indptr, index, session_weight, item_weight, decay, gap, k, sample_size,
    remind, scratch_arrays, out_items, out_values, out_indptr,
):  # fmt: skip
    """Scores prefixes until the outputs might not hold the next one; returns how many were scored.

    prefix_items[begins[r]:ends[r]]: the events of prefix r; weights from weight_indptr[r]: their u. decay, by distance
    from 1, and gap, from 0: d and h. The highest score of a prefix is 1, the others its multiples.
    """
    session_indptr, session_items, session_positions, item_indptr, item_sessions = index
    stamps, seen, similarity, latest, found, in_prefix, item_seen, scores, scored = scratch_arrays
    written = 0
    for r in range(len(begins)):
        if written + len(scores) > len(out_items):
            return r
        stamps[0] += 1
        stamp = stamps[0]
        prefix = prefix_items[begins[r] : ends[r]]
        u = weights[weight_indptr[r] : weight_indptr[r + 1]]
        size = _gather(
            prefix, u, item_indptr, item_sessions, sample_size, stamp, seen, similarity, latest, found, in_prefix
        )
        if size > sample_size:
            _first(sample_size, found, size, np.broadcast_to(np.float64(0), seen.shape))
            size = sample_size
        for c in range(size):
            similarity[found[c]] *= session_weight[found[c]]
        if size > k:
            _first(k, found, size, similarity)
        n = _score(
            found, min(k, size), session_indptr, session_items, session_positions, similarity, latest, decay, gap,
            stamp, in_prefix, item_seen, scores, scored,
        )  # fmt: skip
        highest = 0.0
        for c in range(n):
            j = scored[c]
            scores[j] *= item_weight[j]
            if remind or in_prefix[j] != stamp:
                highest = max(highest, scores[j])
        for c in range(n):
            j = scored[c]
            if scores[j] > 0 and (remind or in_prefix[j] != stamp):
                out_items[written] = j
                out_values[written] = max(scores[j] / highest, 1.2e-38)  # stays positive as float32
                written += 1
        out_indptr[r + 1] = written
    return len(begins)
