"""The draws of `resampling`: how often each session comes in a resample, random signs, and their products with columns.

A row of draws follows from the seed, the number of sessions and its own number alone, and is made a block at a time:
blocks are kept while there is room, since all that is measured on a split needs the same ones. Sums are exact (see
`exact`), so that a total depends neither on the order of additions nor on the columns that are asked for with it, and
is the same on every processor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numba
import numpy as np

BLOCK = 2**23  # bytes of a block of draws: 8 MB
BLOCKS = 96  # that are kept: three quarters of a gigabyte at most
TOTALS = 2048  # columns whose totals are kept: 80 kB each with 10,000 draws
BEST_BY_CHANCE = 1e-15  # a candidate with a smaller probability to be the best in a resample is not drawn

KINDS = ("weights", "signs")
_known: dict[tuple[object, ...], np.ndarray] = {}


def exact(columns: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Rounds columns (S, C) so finely, and so far, that totals of each up to `most` (C,) are exact in any order.

    What remains are multiples of one power of two, `most` / 2^53 or a little less: 2e-10 for 16,000 sessions of up to a
    hundred predictions with values up to 1.
    """
    quantum = np.ldexp(1.0, np.frexp(most)[1] - 53)
    return np.round(columns / quantum) * quantum


def rivals(candidates: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Keeps the candidates, (S, R) sums each, that may be the best in some resample: the others need not be drawn.

    The probability that one of the others comes level with the candidate of the highest total is below `BEST_BY_CHANCE`
    in each resample, by Chernoff's bound for S sessions that are drawn independently.
    """
    sums = np.stack([x.mean(1) for x in candidates])  # (C, S)
    behind = sums[sums.sum(1).argmax()] - sums
    rate = behind.sum(1) / np.maximum((behind**2).sum(1), np.finfo(float).tiny)  # any will do; near this it is lowest
    bound = sums.shape[1] * np.log(np.exp(-rate[:, None] * behind).mean(1))
    return [x for x, log_p in zip(candidates, bound, strict=True) if log_p >= np.log(BEST_BY_CHANCE)]


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
    result = np.stack([_known[key] for key in keys]).T
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


@lru_cache(maxsize=16)
def seeds(draws: int, r: int, seed: int) -> np.ndarray:
    """(draws, r) int64: which of r seeds of a training each resample takes, with replacement."""
    return np.random.default_rng(seed).integers(r, size=(draws, r))


def _product(kind: str, sessions: int, draws: int, seed: int, columns: np.ndarray) -> np.ndarray:
    """(C, draws) totals of columns (C, S), block by block, in single precision where that is exact, too."""
    out, rows = np.empty((len(columns), draws)), max(1, BLOCK // sessions)
    counts = (columns == np.rint(columns)).all(1) & (np.abs(columns).max(1) * sessions < 2**24)  # such as of hits
    kinds = ((np.flatnonzero(~counts), "float64"), (np.flatnonzero(counts), "float32"))
    parts = [(chosen, columns[chosen].astype(precision)) for chosen, precision in kinds if len(chosen)]
    for first in range(0, draws, rows):
        last = min(first + rows, draws)
        block = _block(kind, sessions, seed, first, last - first)
        for chosen, part in parts:
            found = np.empty((len(part), last - first))
            _multiply(block, part, found)
            out[chosen, first:last] = found
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


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _multiply(block, columns, out):
    """out (C, draws) = columns (C, S) times the transpose of block (draws, S), three columns by three draws at a time.

    Every number that is loaded then serves three products; the last of either may be taken twice. In the precision of
    the columns. Not by BLAS, whose threads cost several times the product where other work runs beside it. Sums may be
    taken in any order, since they are exact.
    """
    draws, s = block.shape
    number = columns.dtype.type
    for c in range(0, len(columns), 3):
        c2, c3 = min(c + 1, len(columns) - 1), min(c + 2, len(columns) - 1)
        one, two, three = columns[c], columns[c2], columns[c3]
        for b in range(0, draws, 3):
            b2, b3 = min(b + 1, draws - 1), min(b + 2, draws - 1)
            first, second, third = block[b], block[b2], block[b3]
            p1 = p2 = p3 = q1 = q2 = q3 = r1 = r2 = r3 = number(0)
            for i in range(s):
                x, y, z = one[i], two[i], three[i]
                times = number(first[i])
                p1 += times * x
                p2 += times * y
                p3 += times * z
                times = number(second[i])
                q1 += times * x
                q2 += times * y
                q3 += times * z
                times = number(third[i])
                r1 += times * x
                r2 += times * y
                r3 += times * z
            out[c, b], out[c, b2], out[c, b3] = p1, q1, r1
            out[c2, b], out[c2, b2], out[c2, b3] = p2, q2, r2
            out[c3, b], out[c3, b2], out[c3, b3] = p3, q3, r3
