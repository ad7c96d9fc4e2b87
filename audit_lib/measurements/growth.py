"""How far one machine goes: seconds and memory of splitting and ranking logs of growing size, on disk and as tables.

Every step runs in a process of its own, whose peak memory is that of the step. Pages of memory-mapped files count as
resident, although the system may take them back: what is given is an upper bound on what is needed.
`measure` gives one row a size and step, and rows for 10^8 events extrapolated from the fitted slope.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from audit_lib import recommenders
from audit_lib.data import large, splits, synthetic
from audit_lib.data.logs import SESSION, TIME
from audit_lib.data.reading import read_log
from audit_lib.data.splits import Split
from audit_lib.evaluation import ranking
from audit_lib.files import ONE_THREAD, PROJECT
from audit_lib.study import evidence, running

EVENTS = (5_000_000, 10_000_000, 20_000_000, 40_000_000)
TABLES_UP_TO = 10_000_000  # beyond it, only the arrays on disk
TARGET = 100_000_000
ITEMS = 20_000
SUPPORT = 5
TEST_DAYS = 0.05  # of the ten days that the log spans: half a per cent of the events are ranked
PIECE = 100_000  # sessions generated at a time


def write_log(path: Path, n_events: int, *, n_items: int = ITEMS) -> int:
    """Writes a synthetic log to Parquet piece by piece, in order of time; returns its number of events (5 a session).

    Each piece is a stretch of the ten days. Sessions overlap inside a piece, so that the rows of one lie apart.
    """
    sessions = -(-n_events // 5)
    pieces = -(-sessions // PIECE)
    written, writer = 0, None
    try:
        for k in range(pieces):
            n = min(PIECE, sessions - k * PIECE)
            config = synthetic.SyntheticConfig(n_sessions=n, n_items=n_items, days=10 / pieces, seed=k)
            log = synthetic.generate(config).sort_values(TIME, kind="stable")
            log[SESSION] += k * PIECE
            log[TIME] += k * 10 * 86_400 / pieces
            table = pa.Table.from_pandas(log, preserve_index=False)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            written += len(log)
    finally:
        if writer is not None:
            writer.close()
    return written


def measure() -> pd.DataFrame:
    """step, events, targets, processor_seconds, wall_seconds, peak_memory_mb, measured (False: extrapolated), same.

    same: whether the split on disk has the hash of the split of the table (False, too, where there was no table).
    """
    rows: list[dict[str, Any]] = []
    for wanted in EVENTS:
        with TemporaryDirectory(prefix="growth") as folder:
            path = Path(folder) / "clicks.parquet"
            n = write_log(path, wanted)
            steps = [name for name in STEPS if wanted <= TABLES_UP_TO or "table" not in name]
            said = {name: _run(name, path, Path(folder)) for name in steps}
        same = said.get("split, as a table", {}).get("hash") == said["rank, on disk"]["hash"]
        for name, found in said.items():
            rows.append({
                "step": name, "events": n, "targets": int(said["rank, on disk"]["targets"]) if "rank" in name else 0,
                "processor_seconds": found["processor"], "wall_seconds": found["wall"],
                "peak_memory_mb": found["memory"], "measured": True, "same": same,
            })  # fmt: skip
    table = pd.DataFrame(rows)
    return pd.concat([table, extrapolate(table, TARGET)], ignore_index=True)


def _run(step: str, path: Path, folder: Path) -> dict[str, Any]:
    """Runs one step in a fresh process with one thread, its cache in `folder`, and returns what it reports."""
    own = {"PYTHONPATH": str(PROJECT), "AUDIT_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "audit_lib.measurements.growth", step, str(path)], cwd=PROJECT, check=True,
        capture_output=True, text=True, env={**os.environ, **ONE_THREAD, **own},
    )  # fmt: skip
    return json.loads(done.stdout)


def extrapolate(table: pd.DataFrame, n_events: int) -> pd.DataFrame:
    """A row for each step that was measured at three sizes or more: straight lines through its measurements."""
    rows = []
    for step, found in table[table["measured"]].groupby("step", sort=False):
        if found["events"].nunique() < 3:
            continue
        row: dict[str, Any] = {"step": step, "events": n_events, "measured": False, "same": False}
        for column in ("targets", "processor_seconds", "wall_seconds", "peak_memory_mb"):
            slope, start = np.polyfit(found["events"], found[column], 1)
            row[column] = float(start + slope * n_events)
        row["targets"] = round(row["targets"])
        rows.append(row)
    return pd.DataFrame(rows, columns=list(table.columns))


def on_disk(path: Path) -> Split:
    """The split of a log through `large`; a second call opens what the first one made."""
    return large.prepare(path, test_days=TEST_DAYS, min_item_support=SUPPORT)[1]


def ranked(path: Path) -> Split:
    """The same, opened, and a first-order Markov chain trained on it and ranked."""
    split = on_disk(path)
    ranking.rank(recommenders.create("markov").fit(split.train), split.prefixes, split.train.support)
    return split


def as_table(path: Path) -> Split:
    """The split of a log that pandas holds in memory."""
    return splits.temporal_split(read_log(path), test_days=TEST_DAYS, min_item_support=SUPPORT)


STEPS: dict[str, Callable[[Path], Split]] = {
    "split, on disk": on_disk, "rank, on disk": ranked, "split, as a table": as_table
}  # fmt: skip


def main(step: str, path: str) -> None:
    """One step, in this process; prints what it took as JSON."""
    start, processor = time.perf_counter(), time.process_time()
    split = STEPS[step](Path(path))
    print(json.dumps({
        "processor": time.process_time() - processor, "wall": time.perf_counter() - start,
        "memory": running.peak_memory_mb(), "hash": evidence.split_hash(split), "targets": len(split.prefixes),
    }))  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
