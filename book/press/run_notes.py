"""The note beside each executed notebook: how long it took, and what it was made of.

A run whose note says that it was made of what is there now need not be made again.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audit_lib.files import sha256
from book.press.notebooks import code_cells


def write(
    executed: Path, text: Path, *, parameters: Mapping[str, Any], made_of: str = "", seconds: float | None = None
) -> Path:
    """Write down one run of a stage: its seconds, its parameters, and the sha256 of what went in and what came out.

    seconds: None keeps those of the last run.
    """
    target = executed.with_suffix(".run.json")
    if seconds is None:
        seconds = json.loads(target.read_text("utf8"))["seconds"]
    content = {
        "seconds": round(seconds, 1), "parameters": dict(parameters), "python": platform.python_version(),
        "text": sha256(text), "executed": sha256(executed), "made_of": made_of,
    }  # fmt: skip
    partial = target.with_suffix(".writing")
    partial.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", "utf8")
    partial.replace(target)
    return target


def read(executed: Path) -> dict[str, Any]:
    """Read what `write` wrote of a run, {} if there is nothing or `executed` is no longer what it was then."""
    path = executed.with_suffix(".run.json")
    if not path.is_file() or not executed.is_file():
        return {}
    found = json.loads(path.read_text("utf8"))
    return found if found.get("executed") == sha256(executed) else {}


def made_of(notebook: Any, parameters: Mapping[str, Any], files: Sequence[Path]) -> str:
    """Give the sha256 of all that a run depends on: code, parameters, Python, and the files it reads, prose left out.

    An executed notebook among the files stands for what it was made of in turn.
    """
    code = [cell.source for cell in code_cells(notebook)]
    files_read = [read(path).get("made_of") or sha256(path) for path in files if path.exists()]
    content = [code, sorted(parameters.items()), platform.python_version(), files_read]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
