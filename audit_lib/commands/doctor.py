"""The verb `doctor`: what this machine has, and what of the study can run on it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
import numpy as np
import pandas as pd
import psutil
import torch

from audit_lib.commands.printing import AS_JSON, show
from audit_lib.data import fetching
from audit_lib.files import BOOK, COMMITTED, PROJECT, existing, from_the_future, holder, settle
from audit_lib.recommenders.gru4rec import vendor
from audit_lib.study import committed, evidence

NEEDED = {"memory": 4.0, "disk": 3.0}  # GiB, for the default book
NO_MIRROR = "not set (data sets are downloaded)"
NO_OFFICIAL = "not fetched (optional: python -m audit_lib fetch official)"


def examine() -> list[dict[str, str]]:
    """Rows of check, found, verdict ('ok', or what to do)."""
    rows = [_row("python", sys.version.split()[0], sys.version_info >= (3, 11), "use Python 3.11 or newer")]
    rows += _pins()
    rows += [
        _row("cores", str(os.cpu_count()), True),
        _row("torch threads", str(torch.get_num_threads()), True),
        _row("BLAS of numpy", np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"], True),
        _row("GPU", torch.cuda.get_device_name() if torch.cuda.is_available() else "none (not needed)", True),
    ]
    memory = psutil.virtual_memory().available / 2**30
    mirror = os.environ.get("AUDIT_MIRROR", NO_MIRROR)
    official = "in vendor/" if vendor.OFFICIAL.place.is_dir() else NO_OFFICIAL
    rows += [
        _row("free memory", f"{memory:.1f} GiB", memory > NEEDED["memory"], f"{NEEDED['memory']:.0f} GiB are needed"),
        _disk("free disk", PROJECT, NEEDED["disk"]),
        _disk("free disk for evidence", evidence.root(), 0.1),
        _folder("evidence folder", evidence.root(), "AUDIT_EVIDENCE"),
        _folder("cache of downloads", fetching.cache_folder(), "AUDIT_CACHE"),
        _row("caches of libraries", _caches(), True),
        _folder("builds", PROJECT / "_build", ""),
        _row("clock", *_clock(PROJECT)),
        _row("other runs", *_others(PROJECT / ".snakemake")),
        _row("the book's evidence", *_evidence(COMMITTED)),
        _row("mirror", mirror, mirror == NO_MIRROR or Path(mirror).is_dir(), "no such folder"),
        _row("browser", shutil.which("chromium") or "none (its tests are skipped)", True),
        _row("official GRU4Rec", official, True),
    ]
    return rows


def _row(check: str, found: str, good: bool, otherwise: str = "") -> dict[str, str]:
    return {"check": check, "found": found, "verdict": "ok" if good else otherwise}


def _caches() -> str:
    folder = settle()
    return "at home" if folder is None else f"{folder}, since the home folder is missing or read-only"


def _disk(check: str, folder: Path, needed: float) -> dict[str, str]:
    free = shutil.disk_usage(existing(folder)).free / 2**30
    return _row(check, f"{free:.1f} GiB", free > needed, f"{needed:g} GiB are needed at {folder}: make room there")


def _folder(check: str, folder: Path, variable: str) -> dict[str, str]:
    """Whether a file can really be written there: a full disk, a quota or a read-only mount shows in nothing else."""
    other = f", or set {variable}" if variable else ""
    place = existing(folder)
    if not place.is_dir():
        return _row(check, str(folder), False, f"'{place}' is no folder: make it writable{other}")
    try:
        with tempfile.NamedTemporaryFile(prefix=".doctor-", dir=place) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        return _row(check, str(folder), False, f"{error.strerror}: make it writable{other}")
    return _row(check, str(folder), True)


def _clock(project: Path) -> tuple[str, bool, str]:
    """A file from the future, which is what is left when the clock was set back: `make` and Snakemake go by times."""
    late = from_the_future(project)
    if not late:
        return time.strftime("%Y-%m-%d %H:%M"), True, ""
    said = f"{len(late)} files are from the future, such as {late[0].relative_to(project)}"
    return said, False, "the next run dates them anew; is the clock of this machine right?"


def _others(folder: Path) -> tuple[str, bool, str]:
    held = [(name, who) for name in ("Snakefile", "study.smk") if (who := holder(folder / name))]
    if not held:
        return "none", True, ""
    return "; ".join(f"{name}: {who}" for name, who in held), False, "wait for it to end, or end it"


def _evidence(folder: Path) -> tuple[str, bool, str]:
    if not BOOK.is_dir():
        return "none (the library is installed without the book)", True, ""
    wrong = committed.altered(folder)
    return f"{len(wrong)} files are not as published" if wrong else "as published", not wrong, next(iter(wrong), "")


def _pins() -> list[dict[str, str]]:
    """The pinned requirements whose installed version is another, or one row if all agree."""
    lists = [PROJECT / "requirements" / f"{name}.txt" for name in ("library", "book", "test")]
    if not all(path.is_file() for path in lists):
        return [_row("requirements", "no lists of them beside the library", True)]
    lines = [line for path in lists for line in path.read_text("utf8").splitlines()]
    pins = [line.split("==") for line in lines if not line.startswith("#")]
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


@click.command()
@AS_JSON
def doctor(as_json: bool) -> None:
    """What this machine has, and what can run here."""
    show(pd.DataFrame(examine()), as_json)
