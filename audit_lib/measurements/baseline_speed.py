"""Speed of the simple recommenders: V-SKNN against a peer package, and what can answer one prefix within 10 ms."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch

from audit_lib import recommenders
from audit_lib.data.preparing import prepare
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.splits import Split
from audit_lib.errors import AuditError
from audit_lib.evaluation.ranking import rank
from audit_lib.recommenders import Recommender
from audit_lib.study import running

PREDICTIONS_PER_SECOND = 2_000.0  # at least, V-SKNN, whole catalogue, ranking included, one thread
TIMES_THE_PEER = 10.0
ANSWER_MS = 10.0
MEMORY_MB = 2_048.0  # at most
TOP = 20

# What training takes is no part of a latency: these settings change neither the shape of the model nor its answer time.
QUICK: dict[str, dict[str, Any]] = {"gru4rec": {"n_epochs": 1, "n_sample": 64, "batch_size": 256}}

log_ = logging.getLogger(__name__)


def measure(
    *,
    dataset: str = "diginetica",
    peer_prefixes: int = 200,
    repeats: int = 3,
    catalogues: Sequence[int] = (5_000, 20_000, 50_000, 200_000),
    queries: int = 300,
) -> pd.DataFrame:
    """One row per measurement: setting, ours, peer, ratio, floor (what `ours` or `ratio` is held against).

    V-SKNN in predictions per second of processor time, as both run on one core, and the ratio to the peer; the peak
    memory in MiB; then p50 and p99 of a single answer in ms of processor time, the wall time of an idle core. No peer
    row without the `wsknn` package.
    """
    torch.set_num_threads(1)
    _, split = prepare(dataset)
    rows = list(throughput(dataset, split, peer_prefixes=peer_prefixes, repeats=repeats))
    return pd.DataFrame(rows + list(latencies(catalogues, queries=queries)))


def throughput(dataset: str, split: Split, *, peer_prefixes: int, repeats: int) -> Iterator[dict[str, Any]]:
    """V-SKNN with its defaults on the whole test part, and the peer with the same settings on a sample of it."""
    model = recommenders.create("vsknn").fit(split.train)
    prefixes, support = split.prefixes, split.train.support
    rank(model, prefixes, support)  # compiles
    memory = running.peak_memory_mb()  # of the whole process, before the peer builds its dictionaries
    peer = _Peer(model, split, peer_prefixes) if importlib.util.find_spec("wsknn") else None
    ours, theirs = [], []
    for _ in range(repeats):
        start = time.process_time()
        rank(model, prefixes, support)
        ours.append(len(prefixes) / (time.process_time() - start))
        if peer is not None:
            theirs.append(peer.per_second())
    name = f"vsknn, {dataset}, {split.train.n_items} items"
    yield _row(f"{name}: predictions per second", median(ours), None, None, PREDICTIONS_PER_SECOND)
    if peer is None:
        log_.warning("The package wsknn is not installed: V-SKNN is measured without a peer.")
    else:
        ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
        yield _row(f"{name}: times wsknn", median(ours), median(theirs), ratio, TIMES_THE_PEER)
    yield _row(f"{name}: peak memory, MiB", memory, None, None, MEMORY_MB)


class _Peer:
    """wsknn with the settings of a fitted V-SKNN, on a sample of the test prefixes; top 20 instead of all ranks."""

    def __init__(self, model: Recommender, split: Split, n: int):
        import wsknn

        train, config = split.train, model.config
        ends = zip(train.offsets[:-1], train.offsets[1:], strict=True)
        sessions = {i: (train.items[a:b].tolist(), train.times[a:b].tolist()) for i, (a, b) in enumerate(ends)}
        self.model = wsknn.fit(
            sessions, number_of_recommendations=TOP, number_of_neighbors=config.k, sampling_strategy="recent",
            sample_size=config.sample_size, weighting_func="linear", ranking_strategy="inv",
        )  # fmt: skip
        chosen = np.random.default_rng(0).choice(len(split.prefixes), size=min(n, len(split.prefixes)), replace=False)
        lists = [split.prefixes.items(int(i)).tolist() for i in chosen]
        self.queries = [[items, list(range(len(items)))] for items in lists]

    def per_second(self) -> float:
        start = time.process_time()
        for query in self.queries:
            self.model.recommend(query)
        return len(self.queries) / (time.process_time() - start)


def latencies(catalogues: Sequence[int], *, queries: int) -> Iterator[dict[str, Any]]:
    """p50 and p99 of one answer, from the prefix to the best 20 items, of every recommender that can be made here."""
    for n_items in catalogues:
        train = synthetic_sessions(n_items, rng=np.random.default_rng(0))
        test = synthetic_sessions(n_items, n_sessions=queries, rng=np.random.default_rng(1))
        for name in recommenders.REGISTRY:
            if name == "oracle":  # knows the law of one generated log; it is no recommender for others
                continue
            try:
                model = recommenders.create(name, **QUICK.get(name, {})).fit(train)
            except (AuditError, ImportError) as error:  # needs something that is not here, such as the official code
                log_.warning("%s is left out: %s", name, error)
                continue
            times = answer_times(model, test) * 1_000
            for q in (50, 99):
                setting = f"{name}, {n_items} items: p{q} of one answer, ms"
                yield _row(setting, float(np.percentile(times, q)), None, None, ANSWER_MS)


def answer_times(model: Recommender, test: Sessions) -> np.ndarray:
    """(S,) float64 seconds of processor time from each test session's last prefix to its best 20 items."""
    times = []
    for s in range(-1, test.n_sessions):  # the first time compiles, and does not count
        prefixes = Prefixes(test.select(np.array([max(s, 0)])))
        only = np.zeros(prefixes.sessions.n_events, bool)
        only[-1] = True
        prefixes = Prefixes(prefixes.sessions, only)
        start = time.process_time()
        scores = next(iter(model.score(prefixes, block_size=1)))[0]
        top = np.argpartition(scores, -min(TOP, len(scores)))[-TOP:]
        top[np.argsort(-scores[top])]
        times.append(time.process_time() - start)
    return np.array(times[1:])


def synthetic_sessions(n_items: int, *, n_sessions: int = 20_000, rng: np.random.Generator) -> Sessions:
    """Sessions of 2 to 11 events, item i drawn with probability ∝ 1/(i + 10); every item of the catalogue may occur."""
    lengths = rng.integers(2, 12, n_sessions)
    p = 1 / (np.arange(n_items) + 10)
    items = rng.choice(n_items, size=lengths.sum(), p=p / p.sum())
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    times = np.arange(float(lengths.sum()))
    return Sessions(items, offsets, times, np.arange(n_sessions), pd.RangeIndex(n_items))


def _row(setting: str, ours: float, peer: float | None, ratio: float | None, floor: float) -> dict[str, Any]:
    return {"setting": setting, "ours": ours, "peer": peer, "ratio": ratio, "floor": floor}
