"""Small logs for the tests of GRU4Rec."""

import numpy as np
import pandas as pd

from audit_lib.data.sessions import Sessions


def from_lists(lists: list[list[int]], n_items: int | None = None) -> Sessions:
    """Sessions of item indices, in the given order."""
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in lists])]).astype(np.int64)
    items = np.concatenate(lists).astype(np.int64)
    catalogue = pd.Index(np.arange(n_items or items.max() + 1))
    return Sessions(items, offsets, np.arange(len(items), dtype=float), np.arange(len(lists)), catalogue)


def random_sessions(n: int = 150, n_items: int = 60, seed: int = 0) -> Sessions:
    """n sessions of 2 to 7 events, with popular items, repeats, and items that never occur."""
    rng = np.random.default_rng(seed)
    draw = lambda k: np.minimum(rng.pareto(1, k) * 5, n_items - 1).astype(np.int64)  # noqa: E731
    return from_lists([draw(rng.integers(2, 8)).tolist() for _ in range(n)], n_items)
