"""The recommenders that train no network, a second time: by their definitions, in plain arithmetic on lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from audit_lib.recommenders.decay import by_distance, by_position
from audit_lib.recommenders.sessionknn import SessionKNNConfig


class Log(NamedTuple):
    """A train part: its sessions as lists of item numbers, of how many items, and the day on which each ends."""

    rows: list[list[int]]
    n_items: int
    days: Sequence[float] = ()

    def support(self) -> np.ndarray:
        """(V,) how often each item occurs."""
        return np.array([sum(row.count(j) for row in self.rows) for j in range(self.n_items)], float)

    def holding(self, *items: int) -> int:
        """The number of sessions that contain all of these."""
        return sum(set(items) <= set(row) for row in self.rows)

    def after(self, items: list[int]) -> np.ndarray:
        """(V,) how often each item came right after these."""
        n = len(items)
        ends = [row[x] for row in self.rows for x in range(n, len(row)) if row[x - n : x] == items]
        return np.array([ends.count(j) for j in range(self.n_items)], float)


def backoff(log: Log, prefix: list[int], *, order: int, mu: float) -> np.ndarray:
    """(V,) P(j | the last `order` items), of the items that came right after the last one."""

    def probability(last: list[int]) -> np.ndarray:
        if not last:
            return log.support() / log.support().sum()
        c, shorter = log.after(last), probability(last[1:])
        kinds = (c > 0).sum()
        return (c + mu * kinds * shorter) / (c.sum() + mu * kinds) if kinds else shorter

    return np.where(log.after(prefix[-1:]) > 0, probability(prefix[-order:]), 0)


def rules(log: Log, last: int, weight: Callable[[int], float]) -> np.ndarray:
    """(V,) shares of each item in the weights of its places against those of the last, over all pairs of a session."""
    n = np.zeros(log.n_items)
    for row in log.rows:
        for x, y in ((x, y) for x in range(len(row)) for y in range(len(row)) if x != y and row[x] == last):
            n[row[y]] += weight(y - x)
    return n / n.sum() if n.any() else n  # an item without pairs gives nothing


def alike(log: Log, last: int, *, lam: float, alpha: float = 0.5) -> np.ndarray:
    """(V,) the regularised cosine of each other item with the last."""
    both = np.array([j != last and log.holding(last, j) for j in range(log.n_items)], float)
    alone = np.array([log.holding(j) for j in range(log.n_items)], float) + lam
    return both / np.maximum(alone[last] ** alpha * alone ** (1 - alpha), 1e-12)


def neighbours(log: Log, prefix: list[int], name: str, config: SessionKNNConfig) -> np.ndarray:
    """(V,) scores of sknn, vsknn, stan or vstan as multiples of the highest; 0 for what no neighbour has."""
    n, by_day = len(prefix), name in ("stan", "vstan")

    def last(row: list[int], j: int) -> int:
        return max(q for q, item in enumerate(row, start=1) if item == j)

    def u(j: int) -> float:
        """Of an item of the prefix."""
        if by_day:
            return np.exp(-(n - last(prefix, j)) / config.lambda_spw)
        return float(by_position(config.weighting, last(prefix, j), n)) if name == "vsknn" else 1.0

    def g(p: int) -> float:
        """Of a session."""
        root = len(set(log.rows[p])) ** -0.5 if config.similarity == "cosine" else 1.0
        return root * (np.exp(-(max(log.days) - log.days[p]) / config.lambda_snh) if by_day else 1.0)

    def d(x: int) -> float:
        """Of the latest shared item, x events from the end."""
        if name == "vsknn":
            return float(by_distance(config.weighting_score, x))
        return np.exp(-(x - 1) / config.lambda_ipw) if name == "vstan" else 1.0

    def h(x: int) -> float:
        """Of an item of a neighbour, x events from the last shared one."""
        return np.exp(-x / config.lambda_inh) if by_day else 1.0

    def b(j: int) -> float:
        """Of an item, by how rare it is."""
        weight = {"vsknn": "idf_weighting", "vstan": "lambda_idf"}.get(name)
        return 1 + getattr(config, weight) * np.log(len(log.rows) / log.holding(j)) if weight else 1.0

    shares = [p for p, row in enumerate(log.rows) if set(row) & set(prefix)]
    recent = sorted(shares, key=lambda p: (-log.days[p], -p))[: config.sample_size]
    both = {p: set(log.rows[p]) & set(prefix) for p in recent}
    # From the latest item on, as rounding decides ties.
    sim = {p: sum(u(j) for j in sorted(both[p], key=lambda j: -last(prefix, j))) * g(p) for p in recent}
    score = np.zeros(log.n_items)
    for p in sorted(recent, key=lambda p: -sim[p])[: config.k]:
        x = 1 + n - max(last(prefix, j) for j in both[p])
        shared = max(last(log.rows[p], j) for j in both[p])
        for j in set(log.rows[p]):
            score[j] += b(j) * sim[p] * d(x) * h(abs(last(log.rows[p], j) - shared))
    if not config.remind:
        score[prefix] = 0
    return score / score.max() if score.any() else score
