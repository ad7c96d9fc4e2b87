"""How long one answer takes: from a prefix that is in memory to the best 20 items, by size of the catalogue.

A busy machine slows whoever runs at the moment. So every answer is timed several times, recommender after recommender
in each round, and its time is the fastest of them, in processor time: whatever else the machine does can only slow one
down. The wall times of the same answers, as the busy machine gave them, stand beside.

An answer is found in one of three ways: `catalogue` scores every item and takes the best, as ranking does;
`candidates` scores only what a recommender has something to say about, and fills up by popularity; `state`, of a
network, scores every item, but goes on from the state that was kept of the session, so that the newest event is one
step. All give the same items (but for ties); in service, a simple recommender would do the second, a network the third.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from audit_lib import recommenders
from audit_lib.data.preparing import prepare
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.shuffle import best_of, last_prefixes
from audit_lib.recommenders import Recommender, SparseRecommender
from audit_lib.recommenders.gru4rec.train import GRU4Rec
from audit_lib.study import presets

GENERATED = "generated"  # the log of the rows whose catalogue is varied
WAYS = ("catalogue", "candidates", "state")
PERCENTILES = (50, 99)
# An oracle is no recommender for other logs; of the code of others the adapter would be timed.
LEFT_OUT = ("oracle", "gru4rec_official", "gru4rec_2016", "srgnn")
# What training takes is no part of a latency: these settings change neither the shape of the model nor its answer time.
QUICK: dict[str, dict[str, Any]] = {"gru4rec": {"n_epochs": 1, "n_sample": 64, "batch_size": 256}}


class Served(NamedTuple):
    """A fitted recommender, and what its `candidates` are filled up with: the 40 most popular items, best first."""

    name: str
    model: Recommender
    popular: np.ndarray
    tuned: bool = False

    @property
    def ways(self) -> tuple[str, ...]:
        """The first of them, and what else it can do."""
        sparse = self.name == "popularity" or isinstance(self.model, SparseRecommender)
        return WAYS[:1] + WAYS[1:2] * sparse + WAYS[2:] * isinstance(self.model, GRU4Rec)

    def asked(self, way: str, prefixes: Prefixes) -> Any:
        """What is in memory when it is asked, as `answer` takes it: the prefixes (the last one of every session).

        For a state, the newest item of each, and the states of before.
        """
        return self._kept(prefixes.sessions) if way == "state" else prefixes

    def _kept(self, sessions: Sessions) -> tuple[np.ndarray, list[np.ndarray]]:
        before = []
        for begin, end in pairwise(sessions.offsets):
            states = [np.zeros((1, units), np.float32) for units in self.model.config.layers]
            for at in range(begin, end - 2):
                states = self.model.advance(sessions.items[at : at + 1], states)
            before.append(states)
        return sessions.items[sessions.offsets[1:] - 2], [np.concatenate(layer) for layer in zip(*before, strict=True)]


def measure(
    *,
    catalogues: Sequence[int] = (5_000, 20_000, 50_000, 200_000),
    logs: Iterable[str] | None = None,
    queries: int = 320,
    block: int = 32,
    repeats: int = 3,
) -> pd.DataFrame:
    """One row a log, recommender, way, number of answers at a time and percentile; one thread.

    log, items (of its catalogue), recommender, tuned (with settings found on validation, where it has some on a real
    log; else with defaults), way, at_once (answers asked for together), percentile; ms: milliseconds of processor time
    an answer, the percentile over `timings` queries (or blocks), each the fastest of `repeats`; ms_wall: of wall time,
    over all repeats; model_mb: MiB of the fitted arrays. logs: beside the generated ones; by default all that have
    settings found on validation.
    """
    torch.set_num_threads(1)
    rows = []
    for log, train, test in _logs(catalogues, presets.tuned() if logs is None else logs):
        sample = _queries(test, queries)
        tuned = {} if log == GENERATED else presets.tuned().get(log, {})
        names = [name for name in recommenders.REGISTRY if name not in LEFT_OUT]
        served = [_serve(name, log, train, tuned=name in tuned) for name in names]
        for at_once in (1, block):
            rows += [{"log": log, "items": train.n_items} | row for row in _timed(served, sample, at_once, repeats)]
    return pd.DataFrame(rows)


def _logs(catalogues: Sequence[int], logs: Iterable[str]) -> Iterator[tuple[str, Sessions, Sessions]]:
    """Name, train and test: generated ones of 20,000 sessions, differing in their catalogues alone; then real ones."""
    for n_items in catalogues:
        train = synthetic_sessions(n_items, rng=np.random.default_rng(0))
        yield GENERATED, train, synthetic_sessions(n_items, n_sessions=2_000, rng=np.random.default_rng(1))
    for name in logs:
        _, split = prepare(name)
        yield name, split.train, split.test


def _serve(name: str, log: str, train: Sessions, *, tuned: bool = False) -> Served:
    settings = presets.settings_of(name, log) if tuned else {}
    quick = QUICK.get(name, {})  # a network is trained quickly: how well does not matter to its time
    model = recommenders.create(name, **settings | quick).fit(train)
    return Served(name, model, np.argsort(-train.support, kind="stable")[: 2 * K], tuned)


def _queries(test: Sessions, n: int) -> Sessions:
    """n sessions of a test part drawn without replacement (all, if it has fewer); each is asked for its last event."""
    chosen = np.random.default_rng(0).choice(test.n_sessions, min(n, test.n_sessions), replace=False)
    return test.select(np.sort(chosen))


def _timed(served: Sequence[Served], sample: Sessions, at_once: int, repeats: int) -> Iterator[dict[str, Any]]:
    """The rows of one log for so many answers at a time."""
    edges = np.arange(0, sample.n_sessions + 1, at_once)
    prefixes = [last_prefixes(sample.select(np.arange(a, b))) for a, b in pairwise(edges)]
    jobs = [(s, way) for s in served for way in s.ways]
    asked = [[s.asked(way, each) for each in prefixes] for s, way in jobs]
    times = np.empty((2, len(jobs), repeats, len(prefixes)))  # processor, wall
    for job, (first, *_) in zip(jobs, asked, strict=True):
        answer(*job, first)  # compiles
    for r in range(repeats):
        for j, (s, way) in enumerate(jobs):
            for q, one in enumerate(asked[j]):
                wall, processor = time.perf_counter(), time.process_time()
                answer(s, way, one)
                times[:, j, r, q] = time.process_time() - processor, time.perf_counter() - wall
    times *= 1_000 / at_once
    for j, (s, way) in enumerate(jobs):
        size = sum(array.nbytes for array in s.model.state().values()) / 2**20
        for percentile in PERCENTILES:
            yield {
                "recommender": s.name, "tuned": s.tuned, "way": way, "at_once": at_once, "percentile": percentile,
                "ms": float(np.percentile(times[0, j].min(0), percentile)),
                "ms_wall": float(np.percentile(times[1, j], percentile)),
                "timings": len(prefixes), "model_mb": size,
            }  # fmt: skip


def answer(served: Served, way: str, asked: Any) -> np.ndarray:
    """(n, 20) int64: the best items of each of n prefixes, best first (fewer columns for a smaller catalogue)."""
    if way == "catalogue":
        return best_of(next(served.model.score(asked, block_size=len(asked))), K)
    if way == "state":
        return best_of(served.model.answer(served.model.advance(*asked)), K)
    if served.name == "popularity":
        return np.tile(served.popular[:K], (len(asked), 1))
    indptr, items, values = served.model.score_sparse(asked, np.arange(len(asked)))
    found = [_filled(items[a:b], values[a:b], served.popular) for a, b in pairwise(indptr)]
    return np.stack(found)


def _filled(items: np.ndarray, values: np.ndarray, popular: np.ndarray) -> np.ndarray:
    """(20,): the best of the candidates, then the most popular of the rest."""
    if len(items) > K:
        at = np.argpartition(values, -K)[-K:]
        items, values = items[at], values[at]
    items = items[np.argsort(-values)]
    rest = popular[~np.isin(popular, items)]
    return np.concatenate([items, rest[: max(K - len(items), 0)]])


def synthetic_sessions(n_items: int, *, n_sessions: int = 20_000, rng: np.random.Generator) -> Sessions:
    """Sessions of 2 to 11 events, item i drawn with probability ∝ 1/(i + 10); every item of the catalogue may occur."""
    lengths = rng.integers(2, 12, n_sessions)
    p = 1 / (np.arange(n_items) + 10)
    items = rng.choice(n_items, size=lengths.sum(), p=p / p.sum())
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    times = np.arange(float(lengths.sum()))
    return Sessions(items, offsets, times, np.arange(n_sessions), pd.RangeIndex(n_items))
