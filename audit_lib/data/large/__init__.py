"""Own logs too large to hold as a table: the split and hash that `preparing.prepare` gives, from arrays on disk.

`prepare` reads, sorts, filters and splits within a bound on memory and keeps the arrays in the cache, where they are
memory-mapped: the system brings in what is used and lets go of it again. A second call opens what the first one made.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from audit_lib.data import reading
from audit_lib.data.datasets import Dataset, safe_name
from audit_lib.data.fetching import cache_folder
from audit_lib.data.large import cut, read, sort
from audit_lib.data.logs import ITEM
from audit_lib.data.reading import READABLE, LogFile, Note, files
from audit_lib.data.registry import REGISTRY
from audit_lib.data.sessions import Sessions
from audit_lib.data.splits import DAY, Split, no_days, no_later
from audit_lib.errors import InputError
from audit_lib.files import digest, hold

LARGE_EVENTS = 20_000_000  # from here on; $AUDIT_LARGE_EVENTS replaces it
MEMORY_MB = 1_024  # of DuckDB, beyond which it spills to disk
FORMAT = 2

log_ = logging.getLogger(__name__)


class OnDisk:
    """Stands where the table of a log would be, and says that there is none."""

    def __init__(self, path: Path):
        self.path = path

    def __getattr__(self, name: str) -> NoReturn:
        raise InputError(
            f"'{self.path}' is too large to be held as a table, which this needs; `python -m audit_lib rank` does not. "
            "Or set AUDIT_LARGE_EVENTS above its number of events, if the memory is there."
        )

    __getitem__ = __len__ = __iter__ = lambda self, *_: self.__getattr__("")


def is_large(name_or_path: str | Path) -> bool:
    """Whether this is an own log with so many events that it should not become a table."""
    path = Path(name_or_path)
    if str(name_or_path) in REGISTRY or not path.exists() or (path.is_file() and files.ending_of(path) not in READABLE):
        return False
    limit = os.environ.get("AUDIT_LARGE_EVENTS") or LARGE_EVENTS
    try:
        return read.estimated_events(path) >= int(limit)
    except ValueError as error:
        raise InputError(f"AUDIT_LARGE_EVENTS is '{limit}', not a number of events.") from error


def prepare(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    test_days: float | None = None,
    test_fraction: float | None = None,
    test_share: float | None = None,
    min_item_support: int = 5,
    collapse_repeats: bool = False,
    memory_mb: int = MEMORY_MB,
    threads: int = 1,
) -> tuple[Dataset, Split]:
    """The temporal split of an own log, its arrays memory-mapped from the cache, where they are made if need be.

    time_unit: as for `reading.read`. test_share: test_days as a share of the log's span (test_fraction where only the
    order is known), where neither of the other two is given. The Dataset has no table. memory_mb bounds DuckDB alone.
    Raises MissingError, InputError as `data.preparing.prepare` does.
    """
    path = Path(path)
    source = reading.open_log(path, columns=columns, time_unit=time_unit)
    settings = {
        "columns": dict(columns or {}), "time_unit": source.unit, "test_days": test_days,
        "test_fraction": test_fraction, "test_share": test_share,
        "min_item_support": min_item_support, "collapse_repeats": collapse_repeats,
    }  # fmt: skip
    data_hash = files.hash_of(path)
    folder = cache_folder() / "large" / f"{safe_name(path)}-{digest([FORMAT, data_hash, settings])[:16]}"
    split = open_split(folder) if (folder / "split.json").is_file() else None
    if split is None:
        with hold(folder):
            if not (folder / "split.json").is_file() or open_split(folder) is None:  # else by who was waited for
                _build(source, folder, settings, memory_mb=memory_mb, threads=threads)
        split = open_split(folder)
    if split is None:
        raise InputError(f"What was just written to '{folder}' cannot be read back. Is the disk sound?")
    about = json.loads((folder / "split.json").read_text("utf8"))
    notes = tuple(Note(*note) for note in about["notes"])
    for note in notes:
        log_.log(logging.WARNING if note.grave else logging.INFO, "%s: %s", path, note.text)
    return Dataset(safe_name(path), OnDisk(path), about["time"], None, data_hash, notes), split


def open_split(folder: Path) -> Split | None:
    """The split that lies in a folder, verified by its fingerprints; None (and a warning) if it is damaged."""
    try:
        about = json.loads((folder / "split.json").read_text("utf8"))
        catalogue = pd.Index(sort.read_ids(folder / "catalogue"), name=ITEM)
        parts = {part: _open(folder / part, catalogue) for part in ("train", "test")}
        found = {part: sessions.fingerprint for part, sessions in parts.items()}
    except (OSError, ValueError, KeyError) as error:
        log_.warning("'%s' is damaged (%s) and is made anew.", folder, error)
        return None
    if found != about["fingerprints"]:
        log_.warning("'%s' was changed and is made anew.", folder)
        return None
    return Split(about["name"], parts["train"], parts["test"], about["summary"])


def _open(stem: Path, catalogue: pd.Index) -> Sessions:
    items, times, offsets = (
        np.asarray(np.load(stem.with_suffix(f".{name}.npy"), mmap_mode="r")) for name in ("items", "times", "offsets")
    )
    return Sessions(items, offsets, times, sort.read_ids(stem.with_suffix(".labels")), catalogue)


def _build(source: LogFile, folder: Path, settings: Mapping[str, Any], *, memory_mb: int, threads: int) -> None:
    """Makes the arrays beside their place, then moves them there: a killed run leaves nothing that looks finished."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.making*"):
        shutil.rmtree(left, ignore_errors=True)  # of a run that was killed
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.making", dir=folder.parent))
    try:
        ready = work / "ready"
        ready.mkdir()
        options = {key: value for key, value in settings.items() if key not in ("columns", "time_unit", "test_share")}
        events = read.as_events(source, work)
        arranged = sort.arrange(source, events, work, memory_mb=memory_mb, threads=threads)
        if arranged.time == "order" and options["test_days"] is not None:
            raise no_days(safe_name(source.path))
        default = options["test_days"] is None and options["test_fraction"] is None
        if default and arranged.time == "order":
            options["test_fraction"] = settings["test_share"]
        elif default and settings["test_share"] is not None:
            options["test_days"] = float(arranged.last - arranged.first) * settings["test_share"] / DAY
            if options["test_days"] == 0:
                raise no_later(safe_name(source.path))
        summary = cut.temporal(arranged, ready, **options)
        catalogue = pd.Index(sort.read_ids(ready / "catalogue"), name=ITEM)
        prints = {part: _open(ready / part, catalogue).fingerprint for part in ("train", "test")}
        notes = [*source.notes, *reading.notes_of_time(source, arranged.times, arranged.time)]
        about = {"name": "temporal", "summary": summary, "fingerprints": prints, "time": arranged.time, "notes": notes}
        (ready / "split.json").write_text(json.dumps(about, indent=1) + "\n", "utf8")
        shutil.rmtree(folder, ignore_errors=True)
        ready.replace(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
