"""Small logs, written as lists of sessions of item numbers, for tests to reason about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.recommenders import Recommender


def sessions_of(
    rows: Sequence[Sequence[int]], n_items: int | None = None, *, times: np.ndarray | None = None
) -> Sessions:
    """The rows as sessions over the catalogue 0 … n_items − 1 (None: up to the largest); Time is the running position
    unless given.
    """
    items = np.array([item for row in rows for item in row], np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    times = np.arange(len(items), dtype=np.float64) if times is None else np.asarray(times, np.float64)
    return Sessions(items, offsets, times, np.arange(len(rows)), pd.Index(np.arange(n_items or items.max() + 1)))


def random_sessions(n: int = 150, n_items: int = 60, seed: int = 0) -> Sessions:
    """n sessions of 2 to 7 events, with popular items, repeats, and items that never occur."""
    rng = np.random.default_rng(seed)
    draw = lambda k: np.minimum(rng.pareto(1, k) * 5, n_items - 1).astype(np.int64)  # noqa: E731
    return sessions_of([draw(rng.integers(2, 8)) for _ in range(n)], n_items)


def scores_after(recommender: Recommender, prefix: Sequence[int], n_items: int) -> np.ndarray:
    """(V,) the scores of a fitted recommender after a prefix."""
    test = sessions_of([[*prefix, 0]], n_items)
    return np.concatenate([block.copy() for block in recommender.score(Prefixes(test))])[-1]


@st.composite
def small_train(draw: st.DrawFn, n_items: int = 6, *, repeats: bool = True) -> list[list[int]]:
    """2 to 12 sessions of 2 to 6 events; without repeats an item occurs once a session."""
    session = st.lists(st.integers(0, n_items - 1), min_size=2, max_size=6, unique=not repeats)
    return draw(st.lists(session, min_size=2, max_size=12))
