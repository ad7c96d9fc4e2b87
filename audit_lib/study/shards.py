"""Ranking in shards by session, each wherever there is room: merged, the evidence has the bytes of an unsharded run.

A product's last bits may depend on its shape, and a tie on the last bits. So a shard scores whole tiles of TILE
targets, counted from the first target of the test part, as every recommender of this library that multiplies matrices
does, and leaves out the few that belong to its neighbours. Hidden states are those of the whole test part.

    WORK/model.safetensors      the trained recommender           + model.json
    WORK/rank-K-of-N.parquet    the ranks of shard K of N         + rank-K-of-N.json
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audit_lib import recommenders
from audit_lib.data.datasets import Dataset
from audit_lib.data.sessions import Prefixes
from audit_lib.data.splits import Split
from audit_lib.errors import EvidenceError, InputError, MissingError
from audit_lib.evaluation import ranking
from audit_lib.evaluation.ranking import COLUMNS, Ranks
from audit_lib.files import digest, hold, put, sha256
from audit_lib.recommenders import Recommender
from audit_lib.recommenders.gru4rec.config import TILE
from audit_lib.study import evidence, running, tables
from audit_lib.study.evidence import Run


def bounds(prefixes: Prefixes, n: int) -> np.ndarray:
    """(n+1,) int64: shard k (from 0) ranks the targets bounds[k] to bounds[k+1], all those of its sessions.

    Shards are of about equal size; with more shards than sessions some are empty. Raises InputError unless n > 0.
    """
    if n < 1:
        raise InputError(f"{n} shards: give 1 or more.")
    p = len(prefixes)
    first = np.flatnonzero(np.diff(prefixes.session, prepend=-1))  # of each session that has targets
    starts = np.append(first, p)
    return starts[np.searchsorted(starts, np.arange(n + 1) * p // n)].astype(np.int64)


def part(prefixes: Prefixes, begin: int, end: int) -> tuple[Prefixes, slice]:
    """Targets begin … end as prefixes of the same test part, widened to whole tiles; and where they lie among these.

    A tile that would be the only one and short is widened by the one before it, since its shape would be another.
    """
    p = len(prefixes)
    low, high = begin // TILE * TILE, min(-(-end // TILE) * TILE, p)
    if high - low < TILE <= p:
        low -= TILE
    only = np.zeros(prefixes.sessions.n_events, bool)
    only[prefixes.position[low:high]] = True
    return Prefixes(prefixes.sessions, only), slice(begin - low, end - low)


def rank_shard(
    recommender: Recommender, prefixes: Prefixes, support: np.ndarray, k: int, n: int, *, memory_mb: int = 256
) -> Ranks:
    """The ranks of shard k of n (k from 1), as `ranking.rank` gives them for its targets."""
    if not 1 <= k <= n:
        raise InputError(f"There is no shard {k} of {n}: they are counted from 1.")
    begin, end = bounds(prefixes, n)[k - 1 : k + 1]
    if begin == end:
        return Ranks(*np.zeros((4, 0), np.int64))
    wider, own = part(prefixes, int(begin), int(end))
    ranks = ranking.rank(recommender, wider, support, memory_mb=memory_mb)
    return Ranks(*(getattr(ranks, name)[own] for name in COLUMNS))


def merge(parts: Sequence[Ranks]) -> Ranks:
    """The ranks of all shards, in order."""
    return Ranks(*(np.concatenate([getattr(ranks, name) for ranks in parts]) for name in COLUMNS))


# --- the same through files
@dataclass(frozen=True)
class Job:
    """One recommender on one split, whose shards meet in the folder `work`."""

    dataset: Dataset
    split: Split
    recommender: str
    settings: Mapping[str, Any]
    seed: int
    device: str
    work: Path

    def create(self) -> Recommender:
        """The recommender, not trained."""
        return running.create(self.recommender, seed=self.seed, device=self.device, **self.settings)

    @property
    def identity(self) -> str:
        """What all files of the folder must agree on: data, split, recommender, configuration, seed."""
        config = running.plain(self.create().config)
        split = evidence.split_hash(self.split)
        return digest([self.dataset.name, split, self.recommender, config, self.seed])


def fit(job: Job) -> Path:
    """Trains, and keeps the model for the shards; one that is there already stays."""
    path = job.work / "model.safetensors"
    with hold(path):
        if path.is_file() and _about(path, job) is not None:
            return path
        model, clock = job.create(), _Clock()
        running.use_threads(model)
        running.check_generated(job.dataset, model)
        model.fit(job.split.train)
        path.with_suffix(".json").unlink(missing_ok=True)
        model.save(path)
        about = {"log": getattr(model, "log", None), "shims": list(getattr(model, "shims", ()))}
        _finish(path, job, about | clock.read())
    return path


def rank(job: Job, k: int, n: int) -> Path:
    """Ranks shard k of n with the trained model, and keeps its ranks; those that are there already stay."""
    path = _shard(job, k, n)
    _require(job.work / "model.safetensors", job, "shard fit")
    with hold(path):
        if path.is_file() and _about(path, job) is not None:
            return path
        clock = _Clock()
        model = recommenders.lookup(job.recommender).load(job.work / "model.safetensors")
        running.use_threads(model)
        ranks = rank_shard(model, job.split.prefixes, job.split.train.support, k, n)
        path.with_suffix(".json").unlink(missing_ok=True)
        put({path: tables.as_parquet({name: getattr(ranks, name) for name in COLUMNS})})
        _finish(path, job, clock.read())
    return path


def collect(job: Job, n: int, *, out: Path | None = None) -> Run:
    """The evidence of all n shards. Raises MissingError if one is not there, EvidenceError if one is of another job."""
    model = _require(job.work / "model.safetensors", job, "shard fit")
    abouts, parts = [], []
    for k in range(1, n + 1):
        path = _shard(job, k, n)
        abouts.append(_require(path, job, f"shard rank --shard {k}/{n}"))
        table = tables.read_table(path, abouts[-1]["sha256"], COLUMNS)
        parts.append(Ranks(*(table[name].to_numpy() for name in COLUMNS)))
    ranks, wanted = merge(parts), len(job.split.prefixes)
    if len(ranks.above) != wanted:
        raise EvidenceError(f"The shards in '{job.work}' hold {len(ranks.above)} ranks of {wanted}. Rank them again.")
    seconds = {"fit": model["wall"], "rank": sum(about["wall"] for about in abouts)}
    ranks = ranking.complete(ranks, job.split)
    return evidence.write(
        ranks, job.split, dataset=job.dataset.name, data_hash=job.dataset.data_hash, recommender=job.recommender,
        config=running.plain(job.create().config), seed=job.seed, device=job.device,
        seconds=seconds | {"processor": sum(about["processor"] for about in (model, *abouts))},
        peak_memory_mb=max(about["peak_memory_mb"] for about in (model, *abouts)), log=model["log"],
        shims=model["shims"], out=out,
    )  # fmt: skip


def _shard(job: Job, k: int, n: int) -> Path:
    if not 1 <= k <= n:
        raise InputError(f"There is no shard {k} of {n}: they are counted from 1.")
    return job.work / f"rank-{k}-of-{n}.parquet"


class _Clock:
    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        wall, processor = time.perf_counter() - self.wall, time.process_time() - self.processor
        return {"wall": wall, "processor": processor, "peak_memory_mb": running.peak_memory_mb()}


def _finish(path: Path, job: Job, about: Mapping[str, Any]) -> None:
    """Writes the manifest, last: without it a file does not count."""
    text = json.dumps({"identity": job.identity, "sha256": sha256(path), **about}, indent=1) + "\n"
    put({path.with_suffix(".json"): text.encode()})


def _about(path: Path, job: Job) -> dict[str, Any] | None:
    """The manifest of a file, if it is whole and of this job."""
    try:
        about = json.loads(path.with_suffix(".json").read_text("utf8"))
        whole = about["sha256"] == sha256(path)
        return about if whole and about["identity"] == job.identity else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _require(path: Path, job: Job, verb: str) -> dict[str, Any]:
    if not path.is_file():
        raise MissingError(f"There is no '{path}'. Make it with `python -m audit_lib {verb}`.")
    if (about := _about(path, job)) is None:
        raise EvidenceError(
            f"'{path}' is damaged, or was made with other data or settings. Make it with `python -m audit_lib {verb}`."
        )
    return about
