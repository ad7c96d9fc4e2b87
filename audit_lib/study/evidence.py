"""Evidence: the ranks of one recommender on one split, with the provenance that makes them auditable.

    ROOT/DATASET/SPLIT/targets.parquet                     session, step, support of every target (see `targets`)
    ROOT/DATASET/SPLIT/RECOMMENDER/CONFIG-sSEED.parquet    above, equal, support_above, support_equal, in the same order
    ROOT/DATASET/SPLIT/RECOMMENDER/CONFIG-sSEED.json       the manifest

Metrics at any K under any tie policy, intervals and sampled metrics follow from these alone, without data or training.
SPLIT is the split's name and the first digits of its hash, CONFIG the first digits of the hash of the configuration.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.data.splits import Split
from audit_lib.errors import EvidenceError, InputError, MissingError
from audit_lib.evaluation import ranking
from audit_lib.evaluation.metrics import METRICS, K
from audit_lib.evaluation.ranking import COLUMNS, Ranks
from audit_lib.evaluation.resampling import Resampling
from audit_lib.files import PROJECT, digest, hold, put, sweep
from audit_lib.study import provenance
from audit_lib.study.tables import AGAIN, FORMAT, TARGETS, as_parquet, read_table, shared_targets

# Times, and where it ran: a rerun may differ in these and in nothing else.
VOLATILE = ("created", "seconds", "peak_memory_mb", "log", "host", "git_commit")


def root() -> Path:
    """The evidence folder: $AUDIT_EVIDENCE, else runs/evidence of the project, wherever a kernel was started."""
    return Path(os.environ.get("AUDIT_EVIDENCE") or PROJECT / "runs" / "evidence")


@dataclass(frozen=True)
class Run:
    """One evidence file, verified on reading."""

    path: Path
    manifest: dict[str, Any]

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """(P, 4) int64: above, equal, support_above, support_equal; the first two of a model that knew no others."""
        columns = self.manifest.get("outside", {}).get("columns", COLUMNS)
        return read_table(self.path, self.manifest["sha256"], tuple(columns))

    @cached_property
    def targets(self) -> pd.DataFrame:
        """(P, 3) int64: session, step, support of each target."""
        return shared_targets(self.path.parent.parent / "targets.parquet", self.manifest["targets_sha256"])

    @property
    def recommender(self) -> str:
        return self.manifest["recommender"]

    @property
    def dataset(self) -> str:
        return self.manifest["dataset"]

    @property
    def seed(self) -> int:
        return self.manifest["seed"]

    @property
    def n_items(self) -> int:
        return self.manifest["split"]["train"]["items"]

    @property
    def whole(self) -> bool:
        """Whether it ranks the whole catalogue, with the support of what is above: not all results from outside do."""
        return self.up_to is None and tuple(self.manifest.get("outside", {}).get("columns", COLUMNS)) == COLUMNS

    @property
    def up_to(self) -> int | None:
        """The longest list that its ranks tell of; None if they tell of the whole catalogue (see `outside`)."""
        return ranking.up_to(self)

    def values(self, metric: str, k: int = K, *, ties: str = "conservative", min_step: int = 1) -> np.ndarray:
        """(Q,) float64: a metric of every target that has so many events before it, in the order of `targets`."""
        above, equal = (self.ranks[name].to_numpy() for name in ("above", "equal"))
        return METRICS[metric](above, equal, k, ties)[self.counting(min_step)]

    def counting(self, min_step: int) -> np.ndarray:
        """(P,) bool: the targets with so many events before them."""
        return self.targets["step"].to_numpy() >= min_step

    def resampling(self, min_step: int = 1, **options: Any) -> Resampling:
        """The resampling of the sessions of these targets. options: those of `Resampling.of`."""
        return Resampling.of(self.targets["session"], **options).where(self.counting(min_step))


def split_hash(split: Split) -> str:
    """sha256 over both parts and all targets: equal splits have equal hashes."""
    content = [split.name, split.train.fingerprint, split.test.fingerprint]
    return digest(content if split.published is None else [*content, split.published.fingerprint])


def path_of(split: Split, run: Mapping[str, Any], out: Path) -> Path:
    """Where the evidence of a run lies, whether it exists or not. run: its dataset, recommender, config and seed."""
    return out / _place(run, split.name, split_hash(split))


def _place(run: Mapping[str, Any], split: str, hash_: str) -> Path:
    config = digest(run["config"])[:8]
    return Path(run["dataset"], f"{split}-{hash_[:8]}", run["recommender"], f"{config}-s{run['seed']}.parquet")


def write(ranks: Ranks, split: Split, *, out: Path | None = None, **about: Any) -> Run:
    """Writes ranks and manifest (the manifest last: without it nothing counts as finished) and returns the run.

    about: arguments of `provenance.manifest`. Raises EvidenceError if the ranks are not those of all targets of the
    split, or nothing can be written there.
    """
    return keep(ranks, split, provenance.manifest(**about), out or root())


def keep(ranks: Ranks, split: Split, manifest: dict[str, Any], out: Path) -> Run:
    """Writes ranks below `out`, and a manifest to which it adds what follows from the two; see `write`."""
    return keep_table({name: getattr(ranks, name) for name in COLUMNS}, split, manifest, out)


def keep_table(columns: dict[str, np.ndarray], split: Split, manifest: dict[str, Any], out: Path) -> Run:
    """The same for any columns with a value of each target."""
    n = len(next(iter(columns.values())))
    if n != len(split.targets):
        raise EvidenceError(f"{n} ranks are no evidence of the {len(split.targets)} targets of a split.")
    path = path_of(split, manifest, out)
    targets = path.parent.parent / "targets.parquet"
    ranked, aimed = as_parquet(columns), _targets(split, targets)
    following = (
        {"name": split.name, "hash": split_hash(split), **split.summary}, int(split.train.support.sum()),
        hashlib.sha256(ranked).hexdigest(), hashlib.sha256(aimed).hexdigest(),
    )  # fmt: skip
    manifest = manifest | dict(zip(provenance.FOLLOWING, following, strict=True))
    text = json.dumps(manifest, indent=1, default=_plain) + "\n"
    try:
        with hold(targets):  # which other runs share
            sweep(targets)
            put({targets: aimed, path: ranked, path.with_suffix(".json"): text.encode()})
    except OSError as error:
        raise EvidenceError(f"Evidence cannot be written to '{path.parent}': {error}. Choose another.") from error
    return Run(path, json.loads(text))


def read(path: str | Path, kind: type[Run] = Run) -> Run:
    """The run whose Parquet (or manifest) file this is, with both files verified by hash.

    kind: the class of what is read, where that is no plain run (see `epochs`).
    Raises MissingError if a file is not there, EvidenceError if one is damaged or they do not belong together.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".json"):
        raise MissingError(f"'{path}' is no evidence file: those are named CONFIG-sSEED.parquet.")
    path, manifest = path.with_suffix(".parquet"), path.with_suffix(".json")
    for file in (path, manifest):
        if not file.is_file():
            raise MissingError(f"There is no evidence file '{file}'. Make it with `python -m audit_lib rank`.")
    try:
        content = json.loads(manifest.read_text())
        run = kind(path, content)
        n, targets = len(run.ranks), len(run.targets)
        _check_place(run)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, EvidenceError):
            raise
        raise EvidenceError(f"'{manifest}' is not a manifest: {error!r}. {AGAIN}") from error
    if content.get("format") != FORMAT:
        raise EvidenceError(f"'{path}' has another format than this version reads ({FORMAT}). {AGAIN}")
    if targets != n:
        raise EvidenceError(f"'{path}' has {n} ranks for {targets} targets; they do not belong together.")
    return run


def _check_place(run: Run) -> None:
    """Raises EvidenceError unless the manifest says what the path says: a moved file, or an edited manifest."""
    place = _place(run.manifest, run.manifest["split"]["name"], run.manifest["split"]["hash"])
    if run.path.absolute().parts[-len(place.parts) :] != place.parts:
        raise EvidenceError(
            f"'{run.path}' does not lie where its manifest says, in {place}: it was moved, or its manifest was edited. "
            "Put it back, or rank with --fresh."
        )


def find(out: Path | None = None, **wanted: Any) -> list[Run]:
    """Every run whose manifest has the wanted values (dataset, recommender, seed …), in order of path.

    A key that the manifest lacks is looked up in its configuration: find(dataset="diginetica", loss="bpr-max").
    Only these runs are read and verified; `every` takes all.
    """
    dataset = glob.escape(str(wanted["dataset"])) if "dataset" in wanted else "*"
    return [read(manifest) for manifest in _finished(out, dataset) if _has(manifest, wanted)]


def outside_runs(out: Path | None = None, dataset: str = "*") -> list[Run]:
    """Every run of a model from outside (see `outside`), in order of path. dataset: a pattern of names."""
    return [read(manifest) for manifest in _finished(out, dataset) if '"outside"' in manifest.read_text()]


def every(out: Path | None = None) -> Iterator[Run]:
    """Every finished run below the folder, in order of path."""
    return map(read, _finished(out))


def _finished(out: Path | None, dataset: str = "*") -> list[Path]:
    """The manifests of finished runs, in order of path. dataset: a pattern of names."""
    found = (out or root()).glob(f"{dataset}/*/*/*.json")
    return sorted(manifest for manifest in found if manifest.with_suffix(".parquet").is_file())


def _has(manifest: Path, wanted: dict[str, Any]) -> bool:
    """Whether a manifest has these values, or cannot be read, so that `read` says what is wrong with it."""
    try:
        content = json.loads(manifest.read_text())
        said = content["config"] | content | {"split": content["split"]["name"]}
        return all(said.get(key) == value for key, value in wanted.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return True


def _targets(split: Split, path: Path) -> bytes:
    """The targets table of a split. What is there already stays, if it says the same: other runs refer to its hash."""
    targets = split.targets
    columns = {"session": targets.session, "step": targets.step, "support": targets.support(split.train.support)}
    try:
        content = path.read_bytes()
        if read_table(path, hashlib.sha256(content).hexdigest(), TARGETS).equals(pd.DataFrame(columns)):
            return content
    except (OSError, EvidenceError):
        pass  # not there, or damaged
    return as_parquet(columns)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not go into a manifest")


def check_dataset_name(name: str) -> str:
    """A data set's name becomes a folder and a cell of tables: letters, digits, '.', '_', '-'; not first '.' or '-'."""
    if not name or name[0] in ".-" or not all(c.isalnum() or c in "._-" for c in name):
        raise InputError(f"'{name}' cannot name a folder. Use letters, digits, '.', '_' and '-'.")
    return name
