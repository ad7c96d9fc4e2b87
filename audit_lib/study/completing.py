"""Evidence made without the targets outside the catalogue, completed by them.

Their ranks follow from the train part alone (see `targets`), and those of all others do not depend on them. So the
ranks of a training of hours are completed without training again, to the bytes that ranking anew would give.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from audit_lib.data import datasets
from audit_lib.data.datasets import Dataset
from audit_lib.data.preparing import split_of
from audit_lib.data.splits import Split
from audit_lib.errors import EvidenceError, InputError
from audit_lib.evaluation import ranking
from audit_lib.evaluation.ranking import COLUMNS, Ranks
from audit_lib.files import digest
from audit_lib.study import evidence
from audit_lib.study.evidence import Run


def complete_all(dataset: str, source: Path, target: Path) -> Iterator[tuple[Run, int | None]]:
    """Completes every run of a data set below `source` that lacks targets; each completed run as it lies in `target`.

    The second value is None for what was completed now. A run that lay there before, made by ranking all targets, stays
    there, and the value is how many of its ranks completing gives otherwise.
    Raises InputError if the data set has no such targets, EvidenceError if a run is of other data.
    """
    data = datasets.load(dataset)
    split = split_of(data)
    if split.published is None:
        raise InputError(f"{dataset}: every target of its test part is in the catalogue; there is nothing to complete.")
    old = shorter_hash(split)
    for manifest in sorted((source / data.name).glob(f"{split.name}-{old[:8]}/*/*.json")):
        yield complete(evidence.read(manifest), data, split, target)


def shorter_hash(split: Split) -> str:
    """The hash of a split of which only the targets that recommenders are asked for were counted."""
    return digest([split.name, split.train.fingerprint, split.test.fingerprint])


def complete(run: Run, data: Dataset, split: Split, out: Path) -> tuple[Run, int | None]:
    """The run on all targets of the split, and the second value and errors of `complete_all`.

    Its manifest is that of the run, but for the split and the hashes; `completed` says from which file it was made.
    """
    m = run.manifest
    if (m["data_hash"], m["split"]["hash"]) != (data.data_hash, shorter_hash(split)):
        raise EvidenceError(f"'{run.path}' is of other data, or of another split; it cannot be completed.")
    prefixes = split.prefixes
    columns = {"session": prefixes.session, "step": prefixes.step, "support": split.train.support[prefixes.target]}
    if not all(np.array_equal(run.targets[name], values) for name, values in columns.items()):
        raise EvidenceError(f"'{run.path}' has other targets than its split; it cannot be completed.")
    ranks = ranking.complete(Ranks(*(run.ranks[name].to_numpy() for name in COLUMNS)), split)
    place = evidence.path_of(split, m, out)
    if place.is_file() and "completed" not in (there := evidence.read(place)).manifest:
        unequal = [there.ranks[name].to_numpy() != getattr(ranks, name) for name in COLUMNS]
        return there, int(np.any(unequal, axis=0).sum())
    said = {"sha256": m["sha256"], "split": m["split"]["hash"], "predictions": len(run.ranks)}
    return evidence.keep(ranks, split, m | {"completed": said}, out), None
