"""Checkpoints at the end of an epoch: one safetensors file, whose JSON header says what it belongs to. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from audit_lib.errors import InputError
from audit_lib.gru4rec.config import GRU4RecConfig

# A run may go on for longer, or with more threads, than it was started for; everything else must be equal.
_FREE = {"n_epochs", "threads", "device"}


def write(
    path: Path, arrays: dict[str, np.ndarray], *, config: GRU4RecConfig, data: str, log: list[dict[str, Any]]
) -> None:
    """Weights, optimizer state and training log after len(log) epochs; to a temporary name first.

    Hidden states start at zero in every epoch and random draws depend on (seed, step) alone: there is no more state.
    data: fingerprint of the train sessions.
    """
    meta = {"config": config.model_dump(mode="json"), "data": data, "log": log}
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, partial, {"checkpoint": json.dumps(meta)})
    partial.replace(path)


def read(path: Path, *, config: GRU4RecConfig, data: str) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Arrays and training log of a checkpoint; raises InputError if it belongs to other settings or other data."""
    try:
        with safe_open(path, "numpy") as file:
            meta = json.loads((file.metadata() or {})["checkpoint"])
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"'{path}' is not a GRU4Rec checkpoint ({error}). Delete it, or name another file.") from error
    theirs, ours = meta["config"], config.model_dump(mode="json")
    other = sorted(k for k in theirs.keys() | ours.keys() if k not in _FREE and theirs.get(k) != ours.get(k))
    if other:
        names = ", ".join(other)
        raise InputError(f"'{path}' was trained with other settings: {names}. Delete it, or name another file.")
    if meta["data"] != data:
        raise InputError(f"'{path}' was trained on other data. Delete it, or name another file.")
    if len(meta["log"]) > config.n_epochs:
        raise InputError(f"'{path}' holds {len(meta['log'])} epochs, more than n_epochs={config.n_epochs}.")
    return arrays, meta["log"]
