"""`splits.temporal_split` over arrays on disk: filters and the cut as passes over memory-mapped columns.

A pass is a compiled loop that holds a flag for each event and a count for each item, and no copy of a column. The
rounds are those of `logs.filter_log`: repeats, then rare items, then short sessions, until nothing changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.lib.format import open_memmap

from audit_lib.data.large.sort import Sorted, write_ids
from audit_lib.data.logs import nothing_left
from audit_lib.data.splits import DAY, no_session
from audit_lib.errors import InputError


def temporal(
    log: Sorted,
    folder: Path,
    *,
    test_days: float | None = None,
    test_fraction: float | None = None,
    min_item_support: int = 5,
    collapse_repeats: bool = False,
    name: str = "temporal",
) -> dict[str, Any]:
    """Writes train and test under `folder` (see `write`), and returns the summary of the split, as `Split` has it.

    Raises InputError where `splits.temporal_split` does, for the same reasons.
    """
    if (test_days is None) == (test_fraction is None):
        raise InputError("A temporal split needs either test_days or test_fraction, and not both.")
    starts, ends = log.times[log.offsets[:-1]], log.times[log.offsets[1:] - 1]
    cut = _cut(starts, ends, test_days, test_fraction)
    before, after = ends < cut, starts >= cut
    if not (before.any() and after.any()):
        raise no_session(name, "test" if before.any() else "train")
    keep, v = _flags(log, before), len(log.item_ids)
    whole_train = _counts(log, keep, v)
    support = _filter(log, keep, v, min_item_support, collapse_repeats)
    if not keep.any():
        raise nothing_left(whole_train, min_item_support)
    train = _counts(log, keep, v)
    index = np.full(v, -1, np.int64)
    write(log, keep, folder / "train", index)
    _write_catalogue(log, index, folder)
    keep = _flags(log, after)
    whole_test = _counts(log, keep, v)
    unseen = _drop_rare(log.items, log.offsets, keep, support, 1, 0)
    _filter(log, keep, v, 1, collapse_repeats)
    if not keep.any():
        raise InputError(
            f"The split '{name}' leaves no test session with two events of items that train knows. "
            "Use a longer test part or a lower item support."
        )
    write(log, keep, folder / "test", index)
    test = _counts(log, keep, v)
    return {
        "train": train, "test": test, "train_before_filter": whole_train, "test_before_filter": whole_test,
        "test_events_of_unseen_items": int(unseen), "min_item_support": min_item_support,
        "collapse_repeats": collapse_repeats, "cut": float(cut), "test_days": test_days, "test_fraction": test_fraction,
        "straddling_sessions": int(len(starts) - before.sum() - after.sum()),
        "predictions": test["events"] - test["sessions"],
    }  # fmt: skip


def _cut(starts: np.ndarray, ends: np.ndarray, test_days: float | None, test_fraction: float | None) -> float:
    """T, as `splits.temporal_split` defines it."""
    if test_days is not None:
        if not test_days > 0:
            raise InputError(f"test_days is {test_days}; it must be positive.")
        return float(ends.max() - test_days * DAY)
    if test_fraction is None or not 0 < test_fraction < 1:
        raise InputError(f"test_fraction is {test_fraction}; it must lie between 0 and 1.")
    return float(starts[int((1 - test_fraction) * len(starts) + 1e-9)])  # sorted already


def _flags(log: Sorted, sessions: np.ndarray) -> np.ndarray:
    """(E,) bool, the events of the chosen sessions."""
    return np.repeat(sessions, np.diff(log.offsets))


def _filter(log: Sorted, keep: np.ndarray, v: int, min_item_support: int, collapse: bool) -> np.ndarray:
    """Clears the flags of what `logs.filter_log` drops; returns the (v,) support of what is left."""
    support = np.zeros(v, np.int64)
    while True:
        dropped = _count(log.items, log.offsets, keep, collapse, support)
        dropped += _drop_rare(log.items, log.offsets, keep, support, min_item_support, 2)
        if not dropped:
            return support


def _counts(log: Sorted, keep: np.ndarray, v: int) -> dict[str, int]:
    """events, sessions and items of what is kept."""
    support = np.zeros(v, np.int64)
    _count(log.items, log.offsets, keep, False, support)
    return {"events": int(support.sum()), "sessions": len(_kept(log, keep)), "items": int((support > 0).sum())}


def _kept(log: Sorted, keep: np.ndarray) -> np.ndarray:
    """Sessions with an event that is kept."""
    return np.flatnonzero(np.logical_or.reduceat(keep, log.offsets[:-1]))


def write(log: Sorted, keep: np.ndarray, stem: Path, index: np.ndarray) -> None:
    """Writes what is kept as STEM.items, .times, .offsets (.npy) and .labels: sessions in order of their first event.

    index: (v,) int64, the place of each item in the catalogue; where it is -1 the item gets the next one.
    """
    sessions = _kept(log, keep)
    lengths, starts = _measure(log.times, log.offsets, keep, sessions)
    order = np.argsort(starts, kind="stable")  # dropping a first event can change the order; equals stay as they were
    sessions, lengths = sessions[order], lengths[order]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items = open_memmap(stem.with_suffix(".items.npy"), "w+", np.int64, (int(offsets[-1]),))
    times = open_memmap(stem.with_suffix(".times.npy"), "w+", np.float64, items.shape)
    _copy(log.items, log.times, log.offsets, keep, sessions, index, items, times)
    np.save(stem.with_suffix(".offsets.npy"), offsets)
    write_ids(log.labels[sessions], stem.with_suffix(".labels"))


def _write_catalogue(log: Sorted, index: np.ndarray, folder: Path) -> None:
    place = np.argsort(index, kind="stable")[(index < 0).sum() :]
    write_ids(log.item_ids[place], folder / "catalogue")


@njit(cache=True)
def _count(items, offsets, keep, collapse, support):
    """Counts kept events by item; with `collapse`, first drops those of the item just before. Returns how many."""
    support[:] = 0
    dropped = 0
    for s in range(offsets.size - 1):
        last = -1
        for e in range(offsets[s], offsets[s + 1]):
            if keep[e]:
                if collapse and items[e] == last:
                    keep[e] = False
                    dropped += 1
                else:
                    last = items[e]
                    support[last] += 1
    return dropped


@njit(cache=True)
def _drop_rare(items, offsets, keep, support, min_support, min_length):
    """Drops events of rare items, then sessions that are too short. Returns how many events."""
    dropped = 0
    for s in range(offsets.size - 1):
        left = 0
        for e in range(offsets[s], offsets[s + 1]):
            if keep[e]:
                if support[items[e]] < min_support:
                    keep[e] = False
                    dropped += 1
                else:
                    left += 1
        if 0 < left < min_length:
            dropped += left
            for e in range(offsets[s], offsets[s + 1]):
                keep[e] = False
    return dropped


@njit(cache=True)
def _measure(times, offsets, keep, sessions):
    """Number of kept events, and the time of the first of them, by session."""
    lengths, starts = np.zeros(sessions.size, np.int64), np.empty(sessions.size)
    for k in range(sessions.size):
        for e in range(offsets[sessions[k]], offsets[sessions[k] + 1]):
            if keep[e]:
                if lengths[k] == 0:
                    starts[k] = times[e]
                lengths[k] += 1
    return lengths, starts


@njit(cache=True)
def _copy(items, times, offsets, keep, sessions, index, out_items, out_times):
    """Kept events, session by session in the given order; an item without a place in the catalogue gets the next."""
    at, following = 0, index.max() + 1
    for s in sessions:
        for e in range(offsets[s], offsets[s + 1]):
            if keep[e]:
                if index[items[e]] < 0:
                    index[items[e]] = following
                    following += 1
                out_items[at] = index[items[e]]
                out_times[at] = times[e]
                at += 1
