"""What ranking costs above the bare score product, and how fast simple recommenders rank a large catalogue."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Self

import numpy as np
import pandas as pd
import torch

from audit_lib import recommenders
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.evaluation.ranking import rank
from audit_lib.recommenders import Recommender
from audit_lib.study import running


class Factors(Recommender):
    """Random factors: a score product and nothing else."""

    name = "factors"

    def __init__(self, users: torch.Tensor, items: torch.Tensor):
        self.users, self.items = users, items  # (P, d), (V, d)

    def fit(self, train: Sessions) -> Self:
        return self

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        for block in self.users.split(block_size):
            yield (block @ self.items.T).numpy()

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None: ...


def synthetic_test(n_targets: int, n_items: int, rng: np.random.Generator) -> Sessions:
    """Sessions of five random items with that many targets."""
    n = -(-n_targets // 4)
    items = rng.integers(0, n_items, 5 * n)
    return Sessions(items, np.arange(n + 1) * 5, np.arange(5.0 * n), np.arange(n), pd.RangeIndex(n_items))


def measure(
    *, n_targets: int = 4_096, n_items: int = 20_000, dims: int = 100, large: int = 43_097, repeats: int = 7
) -> pd.DataFrame:
    """setting, ours and peer (targets per second), ratio of ours to peer in time, floor (share of the product)."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    test = synthetic_test(n_targets, n_items, rng)
    users, items = torch.randn(n_targets, dims), torch.randn(n_items, dims)
    model, prefixes, support = Factors(users, items), Prefixes(test), rng.integers(1, 1_000, n_items)
    rank(model, prefixes, support)  # compiles
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for block in users.split(1_024):
            block @ items.T
        middle = time.perf_counter()
        rank(model, prefixes, support)
        times.append((middle - start, time.perf_counter() - middle))
    product, whole = (median(column) for column in zip(*times, strict=True))
    ratio = median(b / a for a, b in times)
    rows = [_row(f"factors {dims}, {n_items} items", n_targets / whole, n_targets / product, ratio, product / whole)]
    test = synthetic_test(60_858, large, rng)
    for name in ("popularity", "markov"):
        fitted = recommenders.create(name).fit(test)
        start = time.perf_counter()
        rank(fitted, Prefixes(test), test.support)
        rows.append(_row(f"{name}, {large} items", 60_858 / (time.perf_counter() - start), None, None, None))
    return pd.DataFrame(rows).assign(peak_memory_mb=running.peak_memory_mb())


def _row(setting: str, ours: float, peer: float | None, ratio: float | None, floor: float | None) -> dict:
    return {"setting": setting, "ours": ours, "peer": peer, "ratio": ratio, "floor": floor}
