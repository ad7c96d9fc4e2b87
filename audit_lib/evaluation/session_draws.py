"""The draws of `resampling`: how often each session comes in a resample, random signs, and their products with columns.

A row of draws follows from the seed, the number of sessions and its own number alone, and is made a block at a time:
blocks are kept while there is room, since all that is measured on a split needs the same ones. Sums are exact (see
`exact`), so that a total depends neither on the order of additions nor on the columns that are asked for with it, and
is the same on every processor.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numba
import numpy as np

BLOCK = 2**23  # bytes of a block of draws: 8 MB
BLOCKS = 96  # that are kept: three quarters of a gigabyte at most
TOTALS = 2048  # columns whose totals are kept: 80 kB each with 10,000 draws

KINDS = ("weights", "signs")
_known: dict[tuple[object, ...], np.ndarray] = {}


def exact(columns: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Rounds columns (S, C) so finely, and so far, that totals of each up to `most` (C,) are exact in any order.

    What remains are multiples of one power of two, `most` / 2^53 or a little less: 2e-10 for 16,000 sessions of up to a
    hundred predictions with values up to 1.
    """
    quantum = np.ldexp(1.0, np.frexp(most)[1] - 53)
    return np.round(columns / quantum) * quantum


def totals(kind: str, columns: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """(draws, C) float64: the product of the draws, (draws, S), with `exact` columns (S, C).

    kind: "weights", how often each of the S sessions comes in a resample of S, or "signs", +1 or -1 for each.
    """
    columns = np.ascontiguousarray(np.asarray(columns, np.float64).T)  # (C, S)
    about = (kind, columns.shape[1], draws, seed)
    keys = [(*about, hashlib.blake2b(column.tobytes(), digest_size=16).digest()) for column in columns]
    new = {key: i for i, key in enumerate(keys) if key not in _known}  # the same column once
    if new:
        found = _product(*about, columns[list(new.values())])
        _known.update(zip(new, found, strict=True))
    result = np.stack([_known[key] for key in keys], axis=1)
    while len(_known) > TOTALS:
        del _known[next(iter(_known))]  # the oldest
    return result


def matrix(kind: str, sessions: int, *, draws: int, seed: int, first: int = 0) -> np.ndarray:
    """(draws, sessions) int8: the draws number `first` and after."""
    draw = _weights if kind == "weights" else _signs
    return draw(sessions, draws, first, np.uint64(_state(seed)))


@lru_cache(maxsize=BLOCKS)
def _block(kind: str, sessions: int, seed: int, first: int, draws: int) -> np.ndarray:
    return matrix(kind, sessions, draws=draws, seed=seed, first=first)


def _product(kind: str, sessions: int, draws: int, seed: int, columns: np.ndarray) -> np.ndarray:
    """(C, draws) totals of columns (C, S), block by block."""
    out, rows = np.empty((len(columns), draws)), max(1, BLOCK // sessions)
    for first in range(0, draws, rows):
        last = min(first + rows, draws)
        _multiply(_block(kind, sessions, seed, first, last - first), columns, out[:, first:last])
    return out


def _state(seed: int) -> int:
    """64 bits from any seed, well mixed, to start the generator below."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])


@numba.njit(cache=True, inline="always")
def _next(state):
    """One step of SplitMix64 (Steele, Lea & Flood 2014): the new state and 64 random bits."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state, z ^ (z >> np.uint64(31))


@numba.njit(cache=True, inline="always")
def _skip(state, steps):
    """The state after that many steps: it is a counter."""
    return state + np.uint64(steps) * np.uint64(0x9E3779B97F4A7C15)


@numba.njit(cache=True, nogil=True)
def _weights(s, draws, first, state):
    """(draws, s) int8: counts of s draws with replacement from s sessions, a multinomial law. Two draws a word.

    The high 32 bits of r * s are a draw from 0 ... s - 1, for 32-bit r; its bias is below s / 2^32. No session comes
    128 times in a resample: the chance of it is below 1e-200.
    """
    out = np.zeros((draws, s), np.int8)
    state = _skip(state, first * ((s + 1) // 2))
    for b in range(draws):
        row = out[b]
        for i in range(0, s, 2):
            state, bits = _next(state)
            row[np.int64((bits >> np.uint64(32)) * np.uint64(s) >> np.uint64(32))] += 1
            if i + 1 < s:
                row[np.int64((bits & np.uint64(0xFFFFFFFF)) * np.uint64(s) >> np.uint64(32))] += 1
    return out


@numba.njit(cache=True, nogil=True)
def _signs(s, draws, first, state):
    """(draws, s) int8: independent random signs, 64 to a word, lowest bit first: 1 is +."""
    out = np.empty((draws, s), np.int8)
    state = _skip(state, first * ((s + 63) // 64))
    for b in range(draws):
        for at in range(0, s, 64):
            state, bits = _next(state)
            for i in range(at, min(at + 64, s)):
                out[b, i] = np.int8(bits & np.uint64(1)) * 2 - 1
                bits >>= np.uint64(1)
    return out


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _multiply(block, columns, out):
    """out (C, draws) = columns (C, S) times the transpose of block (draws, S), four columns at a time.

    Not by BLAS, whose threads cost several times the product where other work runs beside it. Sums may be taken in any
    order, since they are exact.
    """
    draws, s = block.shape
    fours = len(columns) // 4 * 4
    for c in range(0, fours, 4):
        one, two, three, four = columns[c], columns[c + 1], columns[c + 2], columns[c + 3]
        for b in range(draws):
            t1 = t2 = t3 = t4 = 0.0
            for i in range(s):
                times = np.float64(block[b, i])
                t1 += times * one[i]
                t2 += times * two[i]
                t3 += times * three[i]
                t4 += times * four[i]
            out[c, b], out[c + 1, b], out[c + 2, b], out[c + 3, b] = t1, t2, t3, t4
    for c in range(fours, len(columns)):
        column = columns[c]
        for b in range(draws):
            t = 0.0
            for i in range(s):
                t += np.float64(block[b, i]) * column[i]
            out[c, b] = t
