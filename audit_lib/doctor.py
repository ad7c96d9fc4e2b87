"""What this machine has, and what of the study can run on it."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch

from audit_lib import evidence
from audit_lib.gru4rec import vendor

NEEDED = {"memory": 4.0, "disk": 3.0}  # GiB, for the default book


def examine() -> list[dict[str, str]]:
    """Rows of check, found, verdict ('ok', or what to do)."""
    rows = [_row("python", sys.version.split()[0], sys.version_info >= (3, 11), "use Python 3.11 or newer")]
    rows += _pins()
    rows += [
        _row("cores", str(os.cpu_count()), True),
        _row("torch threads", str(torch.get_num_threads()), True),
        _row("BLAS of numpy", _blas(), True),
        _row("GPU", torch.cuda.get_device_name() if torch.cuda.is_available() else "none (not needed)", True),
    ]
    memory = psutil.virtual_memory().available / 2**30
    disk = shutil.disk_usage(Path.cwd()).free / 2**30
    mirror = os.environ.get("AUDIT_MIRROR", "not set (data sets are downloaded)")
    can_write = evidence.writable(evidence.root())
    rows += [
        _row("free memory", f"{memory:.1f} GiB", memory > NEEDED["memory"], f"{NEEDED['memory']:.0f} GiB are needed"),
        _row("free disk", f"{disk:.1f} GiB", disk > NEEDED["disk"], f"{NEEDED['disk']:.0f} GiB are needed"),
        _row("evidence folder", str(evidence.root()), can_write, "make it writable, or set AUDIT_EVIDENCE"),
        _row("mirror", mirror, _mirror(), "no such folder"),
        _row("browser", shutil.which("chromium") or "none (its tests are skipped)", True),
        _row("official GRU4Rec", *_official()),
    ]
    return rows


def _row(check: str, found: str, good: bool, otherwise: str = "") -> dict[str, str]:
    return {"check": check, "found": found, "verdict": "ok" if good else otherwise}


def _pins() -> list[dict[str, str]]:
    """The pinned requirements whose installed version is another, or one row if all agree."""
    file = Path(__file__).parent.parent / "requirements.txt"
    if not file.is_file():
        return [_row("requirements", "no requirements.txt beside the library", True)]
    pins = [line.split("==") for line in file.read_text().splitlines() if "==" in line and not line.startswith("#")]
    rows = []
    for name, pin in pins:
        package = name.split("[")[0]
        try:
            found = version(package).split("+")[0]
        except PackageNotFoundError:
            found = "missing"
        if found != pin.strip():
            rows.append(_row(package, found, False, f"pinned {pin.strip()}: pip install -r requirements.txt"))
    return rows or [_row("requirements", f"{len(pins)} as pinned", True)]


def _blas() -> str:
    import numpy as np

    return np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]


def _mirror() -> bool:
    return "AUDIT_MIRROR" not in os.environ or Path(os.environ["AUDIT_MIRROR"]).is_dir()


def _official() -> tuple[str, bool]:
    found = vendor.vendor_folder().is_dir()
    return ("in vendor/" if found else "not fetched (optional: python -m audit_lib fetch official)"), True
