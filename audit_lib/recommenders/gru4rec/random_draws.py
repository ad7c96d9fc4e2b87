"""Random draws that depend on (seed, purpose, counter) alone, so that any step can be drawn again: negatives, dropout.

The generator is SplitMix64 (Steele, Lea & Flood 2014) used by counter: draw k of a stream is mix(key + k * golden).
A run resumed at a step therefore needs no generator state, and every engine and device sees the same draws.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_S24, _S32, _S40 = np.uint64(24), np.uint64(32), np.uint64(40)
_LOW24, _LOW32 = np.uint64(0xFFFFFF), np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1 << 24)

NEGATIVES, EMBED, HIDDEN = 0, 1, 2  # purposes; layer l drops with HIDDEN + l


@njit(cache=True, inline="always")
def mix(z):
    """The SplitMix64 finalizer: uint64 -> uint64."""
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@njit(cache=True)
def _key(seed, purpose):
    return mix(mix(seed + _GOLDEN) + np.uint64(purpose + 1) * _GOLDEN)


def key(seed: int, purpose: int) -> np.uint64:
    """The key of the stream of one purpose."""
    return np.uint64(_key(np.uint64(seed), purpose))


@njit(cache=True)
def _alias(scaled):
    """Vose's alias method; an entry packs the threshold (24 bits) above the alias (32 bits)."""
    n = scaled.size
    table = np.empty(n, np.uint64)
    small, large = np.empty(n, np.int64), np.empty(n, np.int64)
    s, l = 0, 0
    for i in range(n):
        if scaled[i] < 1.0:
            small[s] = i
            s += 1
        else:
            large[l] = i
            l += 1
    while s > 0 and l > 0:
        s -= 1
        low, high = small[s], large[l - 1]
        table[low] = (np.uint64(scaled[low] * 16777216.0) << _S32) | np.uint64(high)
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            l -= 1
            small[s] = high
            s += 1
    for i in range(l):
        table[large[i]] = (_ONE << _S32) | np.uint64(large[i])
    for i in range(s):
        table[small[i]] = (_ONE << _S32) | np.uint64(small[i])
    return table


def alias_table(support: np.ndarray, alpha: float) -> np.ndarray:
    """(V,) uint64 table for drawing item j with probability support_j^alpha / sum.

    Items without support are never drawn.
    """
    weight = np.where(support > 0, support.astype(np.float64) ** alpha, 0.0)
    return _alias(weight * (len(weight) / weight.sum()))


@njit(cache=True, inline="always")
def item(table, key, counter):
    """Draw number `counter`: 40 bits choose the entry, 24 decide between the entry and its alias."""
    z = mix(key + counter * _GOLDEN)
    j = ((z >> _S24) * np.uint64(table.size)) >> _S40
    entry = table[j]
    return np.int64(j) if (z & _LOW24) < (entry >> _S32) else np.int64(entry & _LOW32)


@njit(cache=True)
def _negatives(table, key, step, out):
    start = np.uint64(step) * np.uint64(out.size)
    for k in range(out.size):
        out[k] = item(table, key, start + np.uint64(k))


def negatives(table: np.ndarray, key: np.uint64, step: int, n: int) -> np.ndarray:
    """(n,) int64, the extra negatives of a step (counted over all epochs)."""
    out = np.empty(n, np.int64)
    _negatives(table, key, step, out)
    return out


def sampler(support: np.ndarray, alpha: float, seed: int, n: int) -> Callable[[int], np.ndarray]:
    """Makes the function that gives a step, counted over all epochs, its n extra negatives: (n,) int64."""
    table, stream = alias_table(support, alpha), key(seed, NEGATIVES)
    return lambda step: negatives(table, stream, step, n)


@njit(cache=True)
def fill_mask(key, step, lanes, p, out):
    """Fills (b, units) with 0 (probability p) or 1/(1-p), for the first b of `lanes` lanes at a step."""
    units = out.shape[1]
    scale = np.float32(1.0 / (1.0 - p))
    limit = np.uint64(p * 16777216.0)
    for i in range(out.shape[0]):
        start = (np.uint64(step) * np.uint64(lanes) + np.uint64(i)) * np.uint64(units)
        for k in range(units):
            z = mix(key + (start + np.uint64(k)) * _GOLDEN)
            out[i, k] = np.float32(0.0) if (z & _LOW24) < limit else scale


def mask(key: np.uint64, step: int, lanes: int, p: float, shape: tuple[int, int]) -> np.ndarray:
    """(b, units) float32 dropout mask of a step; see `fill_mask`."""
    out = np.empty(shape, np.float32)
    fill_mask(key, step, lanes, p, out)
    return out
