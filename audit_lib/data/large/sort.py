"""Sessions in order of their first event, events in order of Time: `logs.sort_log` through DuckDB, on disk.

DuckDB groups, joins and sorts within a bound on memory and spills what does not fit into its folder; what comes out is
written to .npy files piece by piece. Sessions of one event are left out, as `filter_log` does first of all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib.format import open_memmap

from audit_lib.data.large.read import Events
from audit_lib.data.logs import ITEM, SESSION, TIME
from audit_lib.data.reading import Failures, LogFile, TimeKind, times
from audit_lib.errors import InputError

if TYPE_CHECKING:
    import duckdb

ROWS = 1_000_000  # rows taken from DuckDB at a time
WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
NUMBERS = WHOLE | {"FLOAT", "DOUBLE"}
TEXT = {"VARCHAR", "BOOLEAN"}


@dataclass(frozen=True)
class Sorted:
    """The events of all sessions of two or more, as arrays on disk.

    items: (E,) int32, codes of items. times: (E,) float64. offsets: (S+1,) int64. labels: (S,) the sessions' own ids,
    in order of their first event. item_ids: the items' own ids by code. n_events, first, last: of the whole log.
    time: whether times are seconds or positions.
    """

    items: np.ndarray
    times: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    item_ids: np.ndarray
    n_events: int
    first: float
    last: float
    time: TimeKind = "real"


def arrange(source: LogFile, events: Events, folder: Path, *, memory_mb: int, threads: int) -> Sorted:
    """Checks and sorts a log; the arrays lie in `folder`. Raises InputError if it is not valid, or nothing is left."""
    name = str(source.path)
    with contextlib.closing(_connect(folder, memory_mb, threads)) as db:
        _view(db, events, name)
        if not _row(db, "SELECT count(*) FROM events")[0]:
            raise InputError(f"{name} holds no events. A log needs at least one session of two events.")
        _check(db, source)
        time = _kind_of_time(db, source)
        n, first, last = _row(db, "SELECT count(*), min(t), max(t) FROM events")
        db.execute("""
            CREATE TABLE sessions AS SELECT s, n FROM (
                SELECT s, count(*) AS n, min(t) AS start, min(r) AS first FROM events GROUP BY s HAVING count(*) > 1
            ) ORDER BY start, first""")
        db.execute("""
            CREATE TABLE items AS SELECT i FROM (SELECT i, min(r) AS first FROM events GROUP BY i) ORDER BY first""")
        lengths = _column(db, "SELECT n FROM sessions ORDER BY rowid", np.int64)
        if not len(lengths):
            raise InputError(f"No session of {name} has two events. Use a larger log.")
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        items = open_memmap(folder / "codes.npy", "w+", np.int32, (int(offsets[-1]),))
        moments = open_memmap(folder / "times.npy", "w+", np.float64, items.shape)
        rows = db.sql("""
            SELECT items.rowid::INTEGER AS i, t FROM events JOIN sessions USING (s) JOIN items USING (i)
            ORDER BY sessions.rowid, t, r""")
        at = 0
        for batch in rows.to_arrow_reader(ROWS):
            items[at : at + len(batch)], moments[at : at + len(batch)] = (c.to_numpy() for c in batch.columns)
            at += len(batch)
        labels = _ids(db, "SELECT s FROM sessions ORDER BY rowid", folder / "labels")
        item_ids = _ids(db, "SELECT i FROM items ORDER BY rowid", folder / "item_ids")
    return Sorted(items, moments, offsets, labels, item_ids, n, first, last, time)


def _connect(folder: Path, memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """A database in memory that spills into `folder` beyond its limit. Nothing is fetched or loaded from elsewhere."""
    import duckdb  # here, so that what reads no large log does not wait for it

    db = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_mb}MiB", "threads": threads, "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": False, "autoload_known_extensions": False, "preserve_insertion_order": True,
        },
    )  # fmt: skip
    db.execute("SET enable_progress_bar = false")  # it would be printed
    return db


def _view(db: duckdb.DuckDBPyConnection, events: Events, name: str) -> None:
    """The log as the view `events`: s, i, t and its row r. Ids are numbers or text; times are numbers."""
    path = str(events.path).replace("'", "''")
    described = db.sql(f"SELECT * FROM read_parquet('{path}')")
    types = dict(zip(described.columns, map(str, described.types), strict=True))
    columns = []
    for role, short, known in ((SESSION, "s", NUMBERS | TEXT), (ITEM, "i", NUMBERS | TEXT), (TIME, "t", NUMBERS)):
        own = events.names[role]
        if types[own] not in known:
            raise InputError(
                f"{name}: column {own} is of type {types[own]}; in a log of this size {role} must be "
                + ("a number (Unix seconds)." if role == TIME else "numbers or text.")
            )
        quoted = '"' + own.replace('"', '""') + '"'
        columns.append(f"{f'CAST({quoted} AS DOUBLE)' if role == TIME else quoted} AS {short}")
    db.execute(f"CREATE VIEW events AS SELECT {', '.join(columns)}, file_row_number AS r FROM read_parquet('{path}')")


def _row(db: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The one row of a query that counts."""
    return db.execute(query).fetchall()[0]


def _kind_of_time(db: duckdb.DuckDBPyConnection, source: LogFile) -> TimeKind:
    """Whether Time is real or an order, as `reading.read` has it; then t becomes the running position if need be."""
    if source.dates or source.unit not in (None, "order"):
        return "real"
    least, most, n, whole = _row(db, "SELECT min(t), max(t), count(*), bool_and(t = floor(t)) FROM events")
    if source.unit is None and (not whole or least < 0 or most >= times.FIRST):
        return "real"
    sessions, restarting = _row(db, """
        SELECT count(*), avg((start = least OR (start = least + 1 AND last - start = size - 1))::INTEGER)
        FROM (SELECT min(t) AS start, max(t) AS last, count(*) AS size FROM events GROUP BY s),
            (SELECT min(t) AS least FROM events)""")
    restarting = restarting if sessions > 2 else 0.0
    distinct = _row(db, "SELECT count(DISTINCT t) FROM events")[0] == n
    if source.unit is None and not times.is_order(
        least, most, whole=whole, distinct=distinct, events=n, restarting=restarting
    ):
        return "real"
    if restarting > 0.5:
        db.execute("""
            CREATE TABLE positions AS SELECT s, i, (row_number() OVER (ORDER BY first, t, r) - 1)::DOUBLE AS t, r
            FROM (SELECT *, min(r) OVER (PARTITION BY s) AS first FROM events)""")
        db.execute("CREATE OR REPLACE VIEW events AS SELECT * FROM positions")
    return "order"


def _check(db: duckdb.DuckDBPyConnection, source: LogFile) -> None:
    failures = Failures(source)
    for column, role in (("s", SESSION), ("i", ITEM), ("t", TIME)):
        kind = str(db.sql(f"SELECT {column} FROM events").types[0])
        real = kind in ("FLOAT", "DOUBLE")
        missing = f"{column} IS NULL" + (f" OR isnan({column})" if real else "")
        missing += f" OR regexp_full_match({column}, '\\s*')" if kind == "VARCHAR" else ""
        checks = {"is missing or NaN": missing}
        if role == TIME:
            checks["is not a finite number"] = f"isinf({column})"
        for reason, wrong in checks.items():
            count = _row(db, f"SELECT count(*) FROM events WHERE {wrong}")[0]
            first = db.execute(f"SELECT r FROM events WHERE {wrong} ORDER BY r LIMIT 3").fetchall() if count else []
            failures.add(role, reason, count, [row for (row,) in first])
    failures.check()


def _batches(db: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.Array]:
    for batch in db.sql(query).to_arrow_reader(ROWS):
        yield batch.column(0)


def _column(db: duckdb.DuckDBPyConnection, query: str, dtype: Any) -> np.ndarray:
    parts = [part.to_numpy() for part in _batches(db, query)]
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)


def _ids(db: duckdb.DuckDBPyConnection, query: str, stem: Path) -> np.ndarray:
    """One column of ids, stored and opened again: numbers as a memory-mapped .npy, text as Parquet."""
    parts = _batches(db, query)
    first = next(parts)
    if pa.types.is_string(first.type) or pa.types.is_large_string(first.type) or pa.types.is_boolean(first.type):
        with pq.ParquetWriter(stem.with_suffix(".parquet"), pa.schema({"id": first.type})) as writer:
            for part in (first, *parts):
                writer.write_batch(pa.RecordBatch.from_arrays([part], names=["id"]))
    else:
        values = np.concatenate([part.to_numpy() for part in (first, *parts)])
        np.save(stem.with_suffix(".npy"), values)
    return read_ids(stem)


def read_ids(stem: Path) -> np.ndarray:
    """What was stored under this name: memory-mapped numbers, or an array of text (object) held in memory."""
    if stem.with_suffix(".npy").is_file():
        return np.asarray(np.load(stem.with_suffix(".npy"), mmap_mode="r"))
    return pd.read_parquet(stem.with_suffix(".parquet"))["id"].to_numpy()


def write_ids(values: np.ndarray, stem: Path) -> None:
    """Stores ids so that `read_ids` finds them."""
    if values.dtype == object:
        pd.DataFrame({"id": values}).to_parquet(stem.with_suffix(".parquet"))
    else:
        np.save(stem.with_suffix(".npy"), values)
