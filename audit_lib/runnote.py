"""A note on one run of a stage, beside the executed notebook: how long it took, and what went in and came out."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def note(executed: Path, text: Path, *, seconds: float, parameters: Mapping[str, Any]) -> Path:
    """Write down one run of a stage: its seconds, its parameters, and the sha256 of what went in and what came out."""
    content = {
        "seconds": round(seconds, 1), "parameters": dict(parameters), "python": platform.python_version(),
        "text": sha256(text), "executed": sha256(executed),
    }  # fmt: skip
    target = executed.with_suffix(".run.json")
    partial = target.with_suffix(".writing")
    partial.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", "utf8")
    partial.replace(target)
    return target


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
