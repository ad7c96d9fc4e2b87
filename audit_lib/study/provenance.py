"""Where a result comes from: versions, machine and commit."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import scipy

import audit_lib
from audit_lib.files import IN_CHECKOUT, PROJECT


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


def git_commit() -> str | None:
    """The commit of the checkout this library lies in, with '+' if it was changed; None without one, or without git."""
    if not IN_CHECKOUT:
        return None
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=PROJECT, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
