"""Where a result comes from: versions, machine and commit, and what a manifest says of them."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import scipy

import audit_lib
from audit_lib.files import IN_CHECKOUT, PROJECT
from audit_lib.study.tables import FORMAT

# What a manifest says of the ranks and their split: `evidence.keep` fills it in.
FOLLOWING = ("split", "support_total", "sha256", "targets_sha256")


def versions() -> dict[str, str]:
    """Versions of what can change a number."""
    import torch  # here, so that what trains nothing does not wait for it

    return {
        "audit_lib": audit_lib.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
        "torch": torch.__version__,
    }


def host() -> dict[str, Any]:
    """The kind of machine, without its name; and how torch computes on it: vector instructions, threads."""
    import torch

    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


@cache
def git_commit() -> str | None:
    """The commit of the checkout this library lies in, with '+' if it was changed; None without one, or without git.

    It is asked for once a process, which keeps the code that it has loaded.
    """
    if not IN_CHECKOUT:
        return None
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=PROJECT, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def manifest(
    *,
    dataset: str,
    data_hash: str,
    recommender: str,
    config: dict[str, Any],
    seed: int = 0,
    device: str = "cpu",
    seconds: dict[str, float],
    peak_memory_mb: float | None = None,
    log: list[dict[str, Any]] | None = None,
    shims: list[str] | None = None,
) -> dict[str, Any]:
    """What a manifest says of a run and of where it was made; FOLLOWING is filled in when it is kept."""
    return {
        "format": FORMAT,
        "dataset": dataset,
        "data_hash": data_hash,
        "recommender": recommender,
        "config": config,
        "seed": seed,
        "device": device,
        **dict.fromkeys(FOLLOWING),
        "shims": shims or [],
        "versions": versions(),
        "created": pd.Timestamp.now(tz="UTC").isoformat(timespec="seconds"),
        "seconds": {key: round(value, 3) for key, value in seconds.items()},
        "peak_memory_mb": peak_memory_mb,
        "log": log or [],
        "host": host(),
        "git_commit": git_commit(),
    }
