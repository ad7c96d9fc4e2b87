"""Scores to ranks: one engine for every recommender.

For the score s of the target, `above` counts the items with a higher score and `equal` the other items with exactly
that score. Every tie policy and every metric is a function of the two (see `metrics`); `support_above` and
`support_equal`, the summed train support of those items, add what popularity-weighted sampling needs (see `sampled`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numba
import numpy as np
import pandas as pd
from tqdm import tqdm

from audit_lib.data import checks
from audit_lib.data.sessions import Prefixes
from audit_lib.data.splits import Split
from audit_lib.errors import InputError, ScoreError

COLUMNS = ("above", "equal", "support_above", "support_equal")


@dataclass(frozen=True)
class Ranks:
    """Four (P,) int64 arrays, in the order of the prefixes."""

    above: np.ndarray
    equal: np.ndarray
    support_above: np.ndarray
    support_equal: np.ndarray


class Ranked(Protocol):
    """A recommender's ranks beside their targets, and what its manifest says of them; `study.evidence.Run` is one."""

    @property
    def path(self) -> Path: ...
    @property
    def manifest(self) -> dict[str, Any]: ...
    @property
    def ranks(self) -> pd.DataFrame: ...
    @property
    def targets(self) -> pd.DataFrame: ...
    @property
    def recommender(self) -> str: ...
    @property
    def dataset(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def n_items(self) -> int: ...


class Scorer(Protocol):
    """What can be ranked by: a recommender, or what stands in for one."""

    @property
    def name(self) -> str: ...
    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]: ...


def up_to(run: Ranked) -> int | None:
    """The length of the lists that its ranks are from; None if they are of the whole catalogue, as nearly all are."""
    return run.manifest.get("outside", {}).get("up_to")


def known_cutoffs(wanted: Iterable[int], runs: Iterable[Ranked]) -> tuple[int, ...]:
    """The cutoffs, if the ranks of every run tell of them. Raises InputError beyond a catalogue or beyond lists."""
    wanted = tuple(wanted)
    for run in runs:
        checks.cutoffs(wanted, run.n_items)
        if (longest := up_to(run)) is not None and max(wanted, default=0) > longest:
            raise InputError(
                f"'{run.path}' holds lists of {longest} items: a metric at K = {max(wanted)} is not known. Lower K."
            )
    return wanted


def rank(
    recommender: Scorer, prefixes: Prefixes, support: np.ndarray, *, memory_mb: int = 256, progress: bool = False
) -> Ranks:
    """Ranks every target of `prefixes` among the whole catalogue.

    support: (V,) int64, the train support of each item. memory_mb: bound on one block of scores; it never changes a
    result. Raises InputError if nothing is to be ranked or the supports are of another catalogue, ScoreError if a score
    is not finite or a block is missing.
    """
    n, v = len(prefixes), len(support)
    if n == 0:
        raise InputError("The test part has no targets: no session of two events is left. Use a longer test part.")
    if v != prefixes.sessions.n_items:
        raise InputError(f"support of {v} items for a catalogue of {prefixes.sessions.n_items}: give train's support.")
    block_size = int(np.clip(memory_mb * 2**20 // (4 * v), 1, 1024))
    out = np.empty((4, n), np.int64)
    support, target = np.ascontiguousarray(support, np.int64), prefixes.target
    done = 0
    with tqdm(total=n, desc=recommender.name, unit=" targets", disable=None if progress else True) as bar:
        for block in recommender.score(prefixes, block_size=block_size):
            b = len(block)
            if block.shape != (b, v) or done + b > n:
                raise ScoreError(
                    f"{recommender.name}: a block of {block.shape} scores does not fit {n - done} targets left and "
                    f"{v} catalogue items."
                )
            bad = count_block(block, target[done : done + b], support, out[:, done : done + b])
            if bad >= 0:
                raise ScoreError(
                    f"{recommender.name}: scores of prefix {done + bad} are not all finite (NaN or infinite). "
                    "The recommender did not train; a rank would mean nothing."
                )
            done += b
            bar.update(b)
    if done != n:
        raise ScoreError(f"{recommender.name}: scored {done} prefixes of the {n} that the test part implies.")
    return Ranks(*out)


def rank_split(recommender: Scorer, split: Split, *, progress: bool = False) -> Ranks:
    """Ranks every target of a split, with a recommender that was trained on its train part. Errors as in `rank`."""
    return complete(rank(recommender, split.prefixes, split.train.support, progress=progress), split)


def complete(ranks: Ranks, split: Split) -> Ranks:
    """Adds to the ranks of `split.prefixes` those of the targets that no recommender is asked for (see `targets`).

    The given ranks stay as they are. Raises InputError if they are not of this split.
    """
    if len(ranks.above) != len(split.prefixes):
        raise InputError(f"{len(ranks.above)} ranks do not belong to {len(split.prefixes)} prefixes of this split.")
    if split.published is None:
        return ranks
    targets, support = split.targets, split.train.support
    asked, alone = targets.row >= 0, targets.unprompted
    out = np.empty((4, len(targets)), np.int64)
    out[:, targets.outside] = [[len(support)], [0], [support.sum()], [0]]
    out[:, alone] = _by_support(targets.item[alone], support)
    for column, name in zip(out, COLUMNS, strict=True):
        column[asked] = getattr(ranks, name)[targets.row[asked]]
    return Ranks(*out)


def _by_support(item: np.ndarray, support: np.ndarray) -> np.ndarray:
    """(4, n) int64: the ranks of these items when every item is scored by its support."""
    ordered = np.sort(support)
    total = np.concatenate([[0], np.cumsum(ordered)])  # of the so many items with the least support
    own = support[item]
    low, high = np.searchsorted(ordered, own, "left"), np.searchsorted(ordered, own, "right")
    return np.stack([len(support) - high, high - low - 1, total[-1] - total[high], total[high] - total[low] - own])


@numba.njit(cache=True, nogil=True, fastmath={"reassoc"})
def count_block(scores, target, support, out):
    """Fills out (4, b) from scores (b, V) and target (b,); returns the first row that is not finite, or -1.

    One pass over a row that the compiler turns into vector instructions: selects instead of branches, and `s - s`,
    which is 0 unless s is NaN or infinite. Reassociation touches only that sum of zeros; the counts are integers.
    """
    for i in range(scores.shape[0]):
        row = scores[i]
        own = row[target[i]]
        above = equal = support_above = support_equal = 0
        odd = own - own
        for j in range(row.shape[0]):
            s = row[j]
            odd += s - s
            above += 1 if s > own else 0
            equal += 1 if s == own else 0
            support_above += support[j] if s > own else 0
            support_equal += support[j] if s == own else 0
        if odd != 0:
            return i
        out[0, i], out[1, i] = above, equal - 1
        out[2, i], out[3, i] = support_above, support_equal - support[target[i]]
    return -1
