"""Weights that fall with distance, as rules and neighbourhood methods use them (Ludewig & Jannach 2018, UMUAI 28).

Two families share their names: by *distance* x = 1, 2, … (the last event has x = 1), and by *position* i = 1 … n of an
event in a prefix of n events (the last event has i = n).

| name      | by distance         | by position              |
|-----------|---------------------|--------------------------|
| same      | 1                   | 1                        |
| div       | 1/x                 | i/n                      |
| linear    | max(0, 1 − x/10)    | max(0, 1 − (n − i)/10)   |
| quadratic | 1/x²                | (i/n)²                   |
| log       | 1/log10(x + 1.7)    | 1/log10(n − i + 1.7)     |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

Decay = Literal["same", "div", "linear", "quadratic", "log"]

# DEVIATION: linear weights end at 0; in session-rec they fall below it, or drop all events after the tenth.
_BY_DISTANCE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "same": np.ones_like,
    "div": lambda x: 1 / x,
    "linear": lambda x: np.maximum(0.0, 1 - x / 10),
    "quadratic": lambda x: 1 / x**2,
    "log": lambda x: 1 / np.log10(x + 1.7),
}
_BY_POSITION: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "same": lambda i, n: np.ones_like(i),
    "div": lambda i, n: i / n,
    "linear": lambda i, n: np.maximum(0.0, 1 - (n - i) / 10),
    "quadratic": lambda i, n: (i / n) ** 2,
    "log": lambda i, n: 1 / np.log10(n - i + 1.7),
}


def by_distance(name: Decay, x: np.ndarray) -> np.ndarray:
    """float64 weights of the distances x >= 1, same shape."""
    return _BY_DISTANCE[name](np.asarray(x, np.float64))


def by_position(name: Decay, i: np.ndarray, n: np.ndarray) -> np.ndarray:
    """float64 weights of position i, 1 <= i <= n, in a prefix of n events, same shape."""
    return _BY_POSITION[name](np.asarray(i, np.float64), np.asarray(n, np.float64))
