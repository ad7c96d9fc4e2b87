"""A training that is ranked after every epoch: what the choice of an epoch on the test part is worth.

    ROOT/epochs/DATASET/SPLIT/RECOMMENDER/CONFIG-sSEED.parquet   columns 1 … N: ranks of all targets after each epoch
    ROOT/epochs/DATASET/SPLIT/RECOMMENDER/CONFIG-sSEED.json      the manifest; `validation` has a row for each epoch

A training of e epochs is the beginning of every longer one with the same seed, so column e is what a run with
n_epochs = e has, at the cost of one training in all. Ranks are conservative, and those beyond 20 are all written as 21:
Recall@K and MRR@K up to K = 20 follow from them, in a tenth of the space of whole ranks. `validation` is of a second
training with the same settings, on the split on which settings are searched (see `tuning`); it is null where that
would take too long, and the ranks after the last epoch are then written whole as well, as those of a run (`once`).
"""

from __future__ import annotations

import inspect
import json
import logging
import time
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from audit_lib.data.datasets import Dataset
from audit_lib.data.splits import Split
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics, ranking
from audit_lib.evaluation.metrics import K
from audit_lib.files import hold, sweep
from audit_lib.recommenders import checkpoints
from audit_lib.study import evidence, provenance, running, tables
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step

FOLDER = "epochs"
BEYOND = K + 1  # what is written of every rank beyond K

log_ = logging.getLogger(__name__)


class Trajectory(Run):
    """The ranks of one training after each of its epochs, verified on reading."""

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """(P, epochs so far) int64: conservative ranks 1 … 20, and 21 for all beyond; a column '1', '2', … an epoch."""
        names = tuple(str(entry["epoch"]) for entry in self.manifest["log"])
        return tables.read_table(self.path, self.manifest["sha256"], names)

    @property
    def validation(self) -> pd.DataFrame:
        """epoch, loss, seconds, rank_seconds, predictions, recall, mrr (at K = 20) of the second training.

        Raises InputError where there was none.
        """
        if self.manifest["validation"] is None:
            raise InputError(f"'{self.path}' was trained once: no epoch of it can be chosen by validation.")
        return pd.DataFrame(self.manifest["validation"])

    def values(self, metric: str, k: int = K, *, ties: str = "conservative", min_step: int = 1) -> np.ndarray:
        """(epochs, Q) float64: the same after each epoch, k <= 20, ties always conservative."""
        above = self.ranks.to_numpy()[self.counting(min_step)].T - 1
        return metrics.METRICS[metric](above, np.zeros_like(above), k, ties)


def read(path: str | Path) -> Trajectory:
    """The trajectory whose Parquet (or manifest) file this is; errors as in `evidence.read`."""
    return cast(Trajectory, evidence.read(path, Trajectory))


def finished(manifest: Path) -> bool:
    """Whether the trainings of a manifest, one or two, have reached the last epoch of their configuration."""
    said = json.loads(manifest.read_text())
    trainings = [said["log"]] if said["validation"] is None else [said["log"], said["validation"]]
    return all(len(training) == said["config"]["n_epochs"] for training in trainings)


def clipped(ranks: ranking.Ranks) -> np.ndarray:
    """(P,) uint8: conservative ranks, those beyond K as K + 1."""
    return np.minimum(ranks.above + ranks.equal + 1, BEYOND).astype(np.uint8)


def run(
    dataset: Dataset, split: Split, recommender: str, *, seed: int = 0, device: str = "cpu", out: Path | None = None,
    once: bool = False, **settings: Any,
) -> Trajectory:  # fmt: skip
    """Trains on the train part and ranks the test part after every epoch, then the same on the validation split.

    once: there is no second training, and the last ranks are written whole as well, as the evidence of a run.
    An epoch that has been ranked is not ranked again; a training that was stopped goes on after its last whole epoch.
    Raises InputError for a recommender that is not trained by epochs.
    """
    from audit_lib.study import tuning  # here, since it brings libraries that reading does without

    evidence.check_dataset_name(dataset.name)
    whole: Any = running.create(recommender, seed=seed, device=device, **settings)
    if "checkpoint" not in inspect.signature(whole.fit).parameters:
        raise InputError(f"{recommender} is not trained by epochs: there is nothing to rank after each.")
    config, n = running.plain(whole.config), whole.config.n_epochs
    place: dict[str, Any] = {"dataset": dataset.name, "recommender": recommender, "config": config, "seed": seed}
    whole_ranks = out or evidence.root()
    out = whole_ranks / FOLDER
    path = evidence.path_of(split, place, out)

    with hold(path):
        sweep(path)
        columns, log, validation = _so_far(path)

        def about(rank_seconds: float, entries: list[dict[str, Any]], shims: list[str]) -> dict[str, Any]:
            seconds = {"fit": sum(entry["seconds"] for entry in entries), "rank": rank_seconds}
            return provenance.manifest(
                **place, data_hash=dataset.data_hash, device=device, seconds=seconds,
                peak_memory_mb=running.peak_memory_mb(), log=log, shims=shims,
            )  # fmt: skip

        for part in ("test",) if once else ("test", "validation"):
            checkpoint = path.with_name(f".{path.stem}.{part}.checkpoint")
            checkpoints.keep_if_whole(checkpoint)
            done = log if part == "test" else validation
            aim = split if part == "test" or len(done) == n else tuning.validation_of(split)
            for epoch in range(len(done) + 1, n + 1):
                model: Any = running.create(recommender, seed=seed, device=device, **settings | {"n_epochs": epoch})
                running.use_threads(model)
                model.fit(aim.train, checkpoint=checkpoint)
                started = time.perf_counter()
                ranks = ranking.rank_split(model, aim)
                entry = model.log[-1] | {"rank_seconds": time.perf_counter() - started}
                shims = list(getattr(model, "shims", ()))
                if part == "test":
                    columns[str(epoch)] = clipped(ranks)
                    log.append(entry)
                else:
                    validation.append(entry | _validated(ranks, aim, dataset.name))
                if once and epoch == n:
                    evidence.keep(ranks, split, about(entry["rank_seconds"], log, shims), whole_ranks)
                entries = [*log, *validation]
                said = about(sum(entry["rank_seconds"] for entry in entries), entries, shims)
                evidence.keep_table(columns, split, said | {"validation": None if once else validation}, out)
                log_.info("%s: %s, epoch %d of %d", path.stem, part, epoch, n)
            checkpoint.unlink(missing_ok=True)
    return read(path)


def _so_far(path: Path) -> tuple[dict[str, np.ndarray], list[dict[str, Any]], list[dict[str, Any]]]:
    """The columns, the log and the validation rows that an earlier, stopped call has left."""
    if not (path.is_file() and path.with_suffix(".json").is_file()):
        return {}, [], []
    found = read(path)
    columns = {name: found.ranks[name].to_numpy(np.uint8) for name in found.ranks}
    return columns, list(found.manifest["log"]), list(found.manifest["validation"] or ())


def _validated(ranks: ranking.Ranks, part: Split, dataset: str) -> dict[str, Any]:
    """predictions, recall and mrr at K = 20, over the targets that count on a log."""
    keep = part.targets.step >= min_step(dataset)
    found = {m: float(metrics.METRICS[m](ranks.above[keep], ranks.equal[keep], K).mean()) for m in ("Recall", "MRR")}
    return {"predictions": int(keep.sum()), "recall": found["Recall"], "mrr": found["MRR"]}
