"""Checkpoints at the end of an epoch: one safetensors file, whose JSON header says what it belongs to. No pickle.

The header has the sha256 of what it belongs to and of every array, so that a damaged or edited file is never gone on
from.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from audit_lib.errors import InputError
from audit_lib.files import whole

log_ = logging.getLogger(__name__)

# A run may go on for longer, or with more threads, than it was started for; everything else must be equal.
_FREE = {"n_epochs", "threads", "device"}


class Epochs(Protocol):
    """Settings of a training of n_epochs."""

    @property
    def n_epochs(self) -> int: ...
    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


def write(
    path: Path, arrays: dict[str, np.ndarray], *, config: Epochs, data: str, log: list[dict[str, Any]]
) -> None:
    """Weights, optimizer state and training log after len(log) epochs.

    A disk that is full or may not be written to is no reason to stop training: it is logged as a warning.

    Whatever else an epoch begins with must follow from the settings and the number of epochs.
    data: fingerprint of the train sessions.
    """
    meta = {"config": config.model_dump(mode="json"), "data": data, "log": log}
    arrays = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    header = {"checkpoint": json.dumps(meta | {"sha256": _digest(meta, arrays)})}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as partial:
            save_file(arrays, partial, header)
    except (OSError, SafetensorError) as error:  # safetensors has its own error for a full disk
        log_.warning("'%s' cannot be written (%s): training goes on, but could not be resumed.", path, error)


def read(path: Path, *, config: Epochs, data: str) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Arrays and training log of a checkpoint.

    Raises InputError if it is damaged or was edited, or belongs to other settings or other data.
    """
    meta, arrays = _open(path)
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


def keep_if_whole(path: Path, *, fresh: bool = False) -> None:
    """Removes a checkpoint that is damaged, or that nobody wants to go on from."""
    if not path.exists():
        return
    try:
        if not fresh:
            _open(path)
            return
    except InputError as error:
        log_.warning("Training starts afresh: %s", error)
    path.unlink()


def _open(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with safe_open(path, "numpy") as file:
            meta = json.loads((file.metadata() or {})["checkpoint"])
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        sha256 = meta.pop("sha256")
        if sha256 != _digest(meta, arrays):
            raise ValueError("its content has another sha256 than it says")
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"'{path}' is not a checkpoint ({error}). Delete it, or name another file.") from error
    return meta, arrays


def _digest(meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
